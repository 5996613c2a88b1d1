/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes to text and back: hex, base64 (RFC 4648), numbers.  Strict: what is not exactly right is
 * refused. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Lower-case hex of LEN bytes into OUT (2 * LEN + 1 characters). */
void hex_encode(char *out, const void *bytes, size_t len);
/* Exactly LEN bytes from 2 * LEN hex digits of either case. */
bool hex_decode(void *out, size_t len, const char *text);

/* Base64 of LEN bytes; the caller frees it. */
char *base64_encode(const void *bytes, size_t len);
/* Decoded bytes (the caller frees them, a NUL follows) with their count; NULL if TEXT is not
 * base64 with padding. */
unsigned char *base64_decode(const char *text, size_t *len);

/* A whole decimal number within [MIN, MAX]; nothing before or behind it. */
bool number_parse(int64_t *out, const char *text, int64_t min, int64_t max);
