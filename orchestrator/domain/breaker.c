/* SPDX-License-Identifier: Apache-2.0 */
/* How a breaker goes from one value to the next; it never looks at a clock or a database. */
#include "orchestrator/domain/breaker.h"

#include <stddef.h>
#include <string.h>

#include "common/own.h"

enum { DOUBLINGS_MOST = 20 };

static const char *const words[] = {
	[BREAKER_CLOSED] = "closed", [BREAKER_OPEN] = "open", [BREAKER_HALF_OPEN] = "half_open"
};

const char *breaker_word(enum breaker_state state)
{
	return words[state];
}

bool breaker_from_word(enum breaker_state *out, const char *word)
{
	for (size_t i = 0; word != NULL && i < COUNT_OF(words); i++) {
		if (strcmp(words[i], word) != 0)
			continue;
		*out = (enum breaker_state)i;
		return true;
	}
	return false;
}

enum breaker_answer breaker_ask(const struct breaker *breaker, int64_t now,
	const struct breaker_rules *rules, struct breaker *next)
{
	if (breaker->state == BREAKER_CLOSED)
		return BREAKER_PASS;
	if (now < breaker->until_at)
		return BREAKER_WAIT;
	*next = *breaker;
	next->state = BREAKER_HALF_OPEN;
	next->until_at = now + rules->probe_us;
	return BREAKER_PROBE;
}

static int64_t open_for(int64_t openings, const struct breaker_rules *rules)
{
	int64_t us = rules->open_us;

	for (int64_t i = 0; i < openings && i < DOUBLINGS_MOST && us < rules->open_most_us; i++)
		us *= 2;
	return us < rules->open_most_us ? us : rules->open_most_us;
}

static void open_it(struct breaker *next, int64_t now, const struct breaker_rules *rules)
{
	next->state = BREAKER_OPEN;
	next->since_at = next->openings == 0 ? now : next->since_at;
	next->until_at = now + open_for(next->openings, rules);
	next->openings++;
}

/* One more failure while it is closed; a window that is over begins anew with this one. */
static void count_failure(struct breaker *next, int64_t now, const struct breaker_rules *rules)
{
	if (next->failures == 0 || now - next->since_at > rules->window_us) {
		next->failures = 0;
		next->since_at = now;
	}
	next->failures++;
	if (next->failures >= rules->failures)
		open_it(next, now, rules);
}

bool breaker_heard(const struct breaker *breaker, bool well, bool is_probe, int64_t now,
	const struct breaker_rules *rules, struct breaker *next)
{
	struct breaker after = *breaker;

	if (breaker->state != BREAKER_CLOSED && !is_probe)
		return false;
	if (well)
		after = (struct breaker){ .version = breaker->version };
	else if (breaker->state == BREAKER_CLOSED)
		count_failure(&after, now, rules);
	else
		open_it(&after, now, rules);
	if (well && breaker->state == BREAKER_CLOSED && breaker->failures == 0)
		return false; /* the common case: nothing to store */
	*next = after;
	return true;
}
