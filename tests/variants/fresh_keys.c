/* SPDX-License-Identifier: Apache-2.0 */
/* The defect that the kill tests must be able to see: keys and client references that are drawn anew at each
 * start of the process instead of being derived from the renewal.  A repetition after a crash then looks like
 * a new request.  Linked into xuqid-fresh-keys only. */
#include <inttypes.h>
#include <stdio.h>

#include "common/digest.h"
#include "orchestrator/domain/effect_key.h"

static const char *salt(void)
{
	static char hex[17];

	if (hex[0] == '\0')
		random_hex(hex, 8);
	return hex;
}

static void fresh(char *out, size_t size, int64_t renewal, const char *effect, int attempt)
{
	(void)snprintf(out, size, "%s-%" PRId64 "-%.6s-%d", salt(), renewal, effect, attempt);
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
