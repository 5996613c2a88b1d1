/* SPDX-License-Identifier: Apache-2.0 */
/* The ladders, one line for each class of trouble. */
#include "orchestrator/domain/backoff.h"

#include <stddef.h>
#include <string.h>

#include "common/own.h"

enum { FLOOR_SHARE = 10, PERCENT = 100, RETRY_AFTER_MOST_MS = 24 * 3600 * 1000 };

/* FIRST and MOST are shares of the settings' first and longest pause, in percent; GROWTH multiplies from
 * rung to rung, in percent. */
struct ladder {
	const char *word;
	int64_t first, growth, most;
	int64_t budget; /* attempts */
	bool stops, reconciles;
};

/* clang-format off */
static const struct ladder ladders[] = {
	/*                        word               first growth most budget stops  reconciles */
	[TROUBLE_UNREACHABLE] = { "ca_unreachable",  100,  200,   100,  8,    false, false },
	[TROUBLE_BUSY]        = { "ca_busy",         100,  150,    50, 20,    false, false },
	[TROUBLE_UNKNOWN]     = { "unknown_outcome", 100,  200,    50,  6,    false, true  },
	[TROUBLE_DATABASE]    = { "database",         20,  200,     5, 10,    false, false },
	[TROUBLE_BUG]         = { "error",           100,  400,   100,  5,    true,  false },
	[TROUBLE_GATE]        = { "hold",            100,  150,    10, 40,    false, false },
	[TROUBLE_ACCESS]      = { "ca_access",       400,  200,   100,  3,    false, false },
};
/* clang-format on */

_Static_assert(COUNT_OF(ladders) == TROUBLE_COUNT, "every class has its ladder");

const char *trouble_word(enum trouble trouble)
{
	return ladders[trouble].word;
}

bool trouble_from_word(enum trouble *out, const char *word)
{
	for (size_t i = 0; word != NULL && i < COUNT_OF(ladders); i++) {
		if (strcmp(ladders[i].word, word) != 0)
			continue;
		*out = (enum trouble)i;
		return true;
	}
	return false;
}

static int64_t at_least_one(int64_t ms)
{
	return ms > 0 ? ms : 1;
}

/* The bound of rung ATTEMPTS. */
static int64_t rung_ms(
	const struct ladder *ladder, int64_t attempts, const struct backoff_rules *rules)
{
	int64_t rung = at_least_one(rules->first_ms * ladder->first / PERCENT),
		most = at_least_one(rules->most_ms * ladder->most / PERCENT);

	for (int64_t i = 0; i < attempts && rung < most; i++)
		rung = rung * ladder->growth / PERCENT + 1;
	return rung < most ? rung : most;
}

int64_t backoff_wait_ms(enum trouble trouble, int64_t attempts, int64_t retry_after_ms,
	uint32_t random, const struct backoff_rules *rules)
{
	int64_t rung = rung_ms(&ladders[trouble], attempts, rules), floor = rung / FLOOR_SHARE;
	int64_t after = retry_after_ms < RETRY_AFTER_MOST_MS ? retry_after_ms : RETRY_AFTER_MOST_MS;

	return (after > 0 ? after : 0) + floor +
		(int64_t)((uint64_t)random * (uint64_t)(rung - floor) >> 32) + 1;
}

bool backoff_is_spent(enum trouble trouble, int64_t attempts)
{
	return attempts >= ladders[trouble].budget;
}

bool backoff_stops(enum trouble trouble)
{
	return ladders[trouble].stops;
}

bool backoff_reconciles(enum trouble trouble)
{
	return ladders[trouble].reconciles;
}
