/* SPDX-License-Identifier: Apache-2.0 */
/* What is the same for every driver: lists of certificates, and what may be a PIN at all. */
#include "agent/token/token.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "common/digest.h"
#include "common/text.h"

void token_certs_done(struct token_certs *certs)
{
	for (size_t i = 0; i < certs->count; i++)
		free(certs->items[i].der);
	*certs = (struct token_certs){ 0 };
}

const struct token_cert *token_certs_find(const struct token_certs *certs, X509 *cert)
{
	unsigned char *der = NULL;
	const struct token_cert *found = NULL;
	int len = i2d_X509(cert, &der);

	for (size_t i = 0; len > 0 && i < certs->count && found == NULL; i++)
		if (certs->items[i].der_len == (size_t)len &&
			memcmp(certs->items[i].der, der, (size_t)len) == 0)
			found = &certs->items[i];
	OPENSSL_free(der);
	return found;
}

const struct token_cert *token_certs_find_sha256(
	const struct token_certs *certs, const char *sha256)
{
	for (size_t i = 0; i < certs->count; i++) {
		char hex[SHA256_HEX];

		sha256_hex(hex, certs->items[i].der, certs->items[i].der_len);
		if (text_equal(hex, sha256))
			return &certs->items[i];
	}
	return NULL;
}

bool pin_is_presentable(const struct secret *pin)
{
	if (pin->len < PIN_LEN_MIN || pin->len > PIN_LEN_MAX)
		return false;
	for (size_t i = 0; i < pin->len; i++)
		if (pin->bytes[i] < 0x20 || pin->bytes[i] > 0x7e)
			return false;
	return true;
}
