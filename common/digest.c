/* SPDX-License-Identifier: Apache-2.0 */
/* Digests and random bytes.  What cannot fail but by a broken library ends the process. */
#include "common/digest.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdlib.h>

#include "common/bytes.h"
#include "common/text.h"

void sha256(unsigned char out[SHA256_BYTES], const void *bytes, size_t len)
{
	if (SHA256(bytes, len, out) == NULL)
		abort();
}

void sha256_hex(char out[SHA256_HEX], const void *bytes, size_t len)
{
	unsigned char digest[SHA256_BYTES];
	sha256(digest, bytes, len);
	hex_encode(out, digest, sizeof(digest));
}

void hmac_sha256(unsigned char out[SHA256_BYTES], const void *key, size_t key_len,
	const void *bytes, size_t len)
{
	unsigned size = SHA256_BYTES;
	/* OpenSSL takes a NULL key as "the key of last time" */
	if (key_len > INT_MAX ||
		HMAC(EVP_sha256(), key_len > 0 ? key : "", (int)key_len, bytes, len, out, &size) ==
			NULL)
		abort();
}

void random_bytes(void *out, size_t len)
{
	if (len > INT_MAX || RAND_bytes(out, (int)len) != 1)
		abort();
}

void random_hex(char *out, size_t len)
{
	OWNED unsigned char *bytes = zalloc(len, 1);
	random_bytes(bytes, len);
	hex_encode(out, bytes, len);
	OPENSSL_cleanse(bytes, len);
}

bool bytes_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}
