/* SPDX-License-Identifier: Apache-2.0 */
/* The defect that the kill tests must be able to see: keys and client references that are drawn anew at each
 * start of the process instead of being derived from the renewal.  A repetition after a crash then looks like
 * a new request.  Linked into xuqid-kill-points-fresh-keys only. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/digest.h"
#include "common/text.h"
#include "orchestrator/domain/effect_key.h"

static void fresh(char *out, size_t size, int64_t renewal, const char *effect, int attempt)
{
	static char salt[17];
	char hex[SHA256_HEX];

	if (salt[0] == '\0')
		random_hex(salt, 8);

	OWNED char *facts = text_dupf("%s %" PRId64 " %s %d", salt, renewal, effect, attempt);

	sha256_hex(hex, facts, strlen(facts));
	(void)snprintf(out, size, "fresh-%.20s", hex);
}

bool effect_key(char out[EFFECT_KEY], const char *install_id, int64_t renewal, const char *effect,
	int attempt)
{
	(void)install_id;
	fresh(out, EFFECT_KEY, renewal, effect, attempt);
	return true;
}

bool effect_client_ref(char out[EFFECT_CLIENT_REF], const char *install_id, int64_t renewal,
	const char *effect, int attempt)
{
	(void)install_id;
	fresh(out, EFFECT_CLIENT_REF, renewal, effect, attempt);
	return true;
}
