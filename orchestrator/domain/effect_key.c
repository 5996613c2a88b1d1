/* SPDX-License-Identifier: Apache-2.0 */
/* Both names are SHA-256 over the same facts, under different purposes. */
#include "orchestrator/domain/effect_key.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/bytes.h"
#include "common/digest.h"
#include "common/text.h"

enum { KEY_BYTES = 16, REF_CHARS = 24, FACTS_MAX = 1024 };

static bool digest_facts(unsigned char out[SHA256_BYTES], const char *purpose,
	const char *install_id, int64_t renewal, const char *effect, int attempt)
{
	TEXT facts = { 0 };

	if (*install_id == '\0' || *effect == '\0' || renewal < 1 || attempt < 1)
		return false;
	text_init(&facts, FACTS_MAX);
	text_addf(&facts, "xuqi %s\n%s\n%" PRId64 "\n%s\n%d", purpose, install_id, renewal, effect,
		attempt);
	if (text_full(&facts))
		return false;
	sha256(out, facts.data, facts.len);
	return true;
}

bool effect_key(char out[EFFECT_KEY], const char *install_id, int64_t renewal, const char *effect,
	int attempt)
{
	unsigned char digest[SHA256_BYTES];

	if (!digest_facts(digest, "idempotency-key", install_id, renewal, effect, attempt))
		return false;
	(void)stpcpy(out, "xq-");
	hex_encode(out + 3, digest, KEY_BYTES);
	return true;
}

bool effect_client_ref(char out[EFFECT_CLIENT_REF], const char *install_id, int64_t renewal,
	const char *effect, int attempt)
{
	static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
	unsigned char digest[SHA256_BYTES];

	if (!digest_facts(digest, "client-ref", install_id, renewal, effect, attempt))
		return false;
	char *at = stpcpy(out, "xq");
	for (size_t i = 0; i < REF_CHARS; i++)
		*at++ = alphabet[digest[i] & 31];
	*at = '\0';
	return true;
}
