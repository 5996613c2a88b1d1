/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4), HMAC-SHA-256 (RFC 2104), HKDF (RFC 5869) and random bytes, from OpenSSL. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { SHA256_BYTES = 32, SHA256_HEX = 65 /* with NUL */ };

void sha256(unsigned char out[SHA256_BYTES], const void *bytes, size_t len);
void sha256_hex(char out[SHA256_HEX], const void *bytes, size_t len);
void hmac_sha256(unsigned char out[SHA256_BYTES], const void *key, size_t key_len,
	const void *bytes, size_t len);
/* OUT_LEN bytes (up to 255 * 32) from KEY for the use that INFO names; no salt. */
void hkdf_sha256(unsigned char *out, size_t out_len, const void *key, size_t key_len,
	const char *info, size_t info_len);
/* LEN bytes from the system's generator; aborts the process if there are none. */
void random_bytes(void *out, size_t len);
/* 2 * LEN lower-case hex digits and NUL. */
void random_hex(char *out, size_t len);
/* Equal, in time that depends on LEN only. */
bool bytes_equal(const void *a, const void *b, size_t len);
