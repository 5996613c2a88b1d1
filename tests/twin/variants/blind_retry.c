/* SPDX-License-Identifier: Apache-2.0 */
/* A defect that the twin must find: the first try of an effect carries the right names, but whoever tries it again
 * draws fresh ones, so that a repetition looks like a new request.  Linked in place of domain/effect_key.c. */
#include "orchestrator/domain/effect_key.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/digest.h"
#include "common/text.h"

enum { TRIES = 1 << 20 };

/* How often names were asked for, by a digest of whose they are. */
static unsigned char tries[TRIES];

static void name_it(char *out, size_t size, const char *purpose, const char *facts)
{
	char hex[SHA256_HEX], salt[17] = "";
	unsigned char digest[SHA256_BYTES];
	size_t place;

	sha256(digest, facts, strlen(facts));
	place = ((size_t)digest[0] << 16 | (size_t)digest[1] << 8 | digest[2]) % TRIES;
	if (tries[place]++ > 0)
		random_hex(salt, 8);

	OWNED char *all = text_dupf("%s %s %s", purpose, facts, salt);

	sha256_hex(hex, all, strlen(all));
	(void)snprintf(out, size, "%.20s", hex);
}

/* ASKED is told apart by what it is for: the key and the reference are each asked for once a try. */
static bool draw(char *out, size_t size, const char *purpose, int64_t renewal, const char *effect,
	int attempt)
{
	OWNED char *facts = text_dupf("%s %" PRId64 " %s %d", purpose, renewal, effect, attempt);

	name_it(out, size, purpose, facts);
	return true;
}

bool effect_key(char out[EFFECT_KEY], const char *install_id, int64_t renewal, const char *effect,
	int attempt)
{
	(void)install_id;
	return draw(out, EFFECT_KEY, "key", renewal, effect, attempt);
}

bool effect_client_ref(char out[EFFECT_CLIENT_REF], const char *install_id, int64_t renewal,
	const char *effect, int attempt)
{
	(void)install_id;
	return draw(out, EFFECT_CLIENT_REF, "ref", renewal, effect, attempt);
}
