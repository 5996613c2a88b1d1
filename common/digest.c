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
#include <string.h>

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

void hkdf_sha256(unsigned char *out, size_t out_len, const void *key, size_t key_len,
	const char *info, size_t info_len)
{
	static const unsigned char no_salt[SHA256_BYTES] = { 0 };
	unsigned char extracted[SHA256_BYTES], block[SHA256_BYTES];
	OWNED unsigned char *input = zalloc(SHA256_BYTES + info_len + 1, 1);
	size_t before = 0; /* bytes of the block before, which the first has none of */

	if (out_len > (size_t)255 * SHA256_BYTES)
		abort();
	hmac_sha256(extracted, no_salt, sizeof no_salt, key, key_len);
	for (size_t done = 0; done < out_len; done += SHA256_BYTES) {
		size_t piece = out_len - done < SHA256_BYTES ? out_len - done : SHA256_BYTES;

		memcpy(input, block, before);
		memcpy(input + before, info, info_len);
		input[before + info_len] = (unsigned char)(done / SHA256_BYTES + 1);
		hmac_sha256(block, extracted, sizeof extracted, input, before + info_len + 1);
		memcpy(out + done, block, piece);
		before = SHA256_BYTES;
	}
	OPENSSL_cleanse(extracted, sizeof extracted);
	OPENSSL_cleanse(block, sizeof block);
	OPENSSL_cleanse(input, SHA256_BYTES + info_len + 1);
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
