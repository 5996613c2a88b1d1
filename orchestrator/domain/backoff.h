/* SPDX-License-Identifier: Apache-2.0 */
/* How long a step waits after trouble.  Each class of trouble has a ladder of its own: its first rung, its
 * growth, its ceiling, and a budget after which a person is told.  A class is also the blocked_reason that
 * people see.  The count of attempts starts again with every progress (a move, or a wait without trouble)
 * and when the class changes.  What may have happened outside is never repeated: its ladder paces the
 * question what became of it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* clang-format off */
#define TROUBLES(X)                                                                                \
	X(UNREACHABLE, ca_unreachable) /* no answer or 5xx, and surely nothing happened */         \
	X(BUSY, ca_busy)               /* 429, maintenance: the CA says when to come again */      \
	X(UNKNOWN, unknown_outcome)    /* it may have happened: ask, never repeat */               \
	X(DATABASE, database)          /* our database is away, busy or restarting */              \
	X(BUG, error)                  /* what cannot happen, happened: our own mistake */         \
	X(GATE, hold)                  /* held, or a gate is shut just now */                      \
	X(ACCESS, ca_access)           /* the CA refuses this installation's key */
/* clang-format on */

#define TROUBLE_ENUM(upper, lower) TROUBLE_##upper,

enum trouble { TROUBLES(TROUBLE_ENUM) TROUBLE_COUNT };

#undef TROUBLE_ENUM

/* Milliseconds; from the settings `pacing`. */
struct backoff_rules {
	int64_t first_ms, most_ms;
};

/* The word that stands as blocked_reason, and back; false if WORD is none. */
const char *trouble_word(enum trouble trouble);
bool trouble_from_word(enum trouble *out, const char *word);

/* Milliseconds until the next attempt, ATTEMPTS of this class having failed already (0: this was the first).
 * Full jitter (RANDOM, 32 evenly spread bits) between a tenth of the rung and the rung, so that a fleet
 * does not come back at once; never earlier than RETRY_AFTER_MS, which the other side asked for.  At most
 * twice the ceiling of the class or RETRY_AFTER_MS, whichever is more, plus the rung. */
int64_t backoff_wait_ms(enum trouble trouble, int64_t attempts, int64_t retry_after_ms,
	uint32_t random, const struct backoff_rules *rules);

/* The budget is spent: a person should know (doctor says so; the step itself goes on). */
bool backoff_is_spent(enum trouble trouble, int64_t attempts);
/* Repeating alone will not help: once the budget is spent, a person must say that it may go on. */
bool backoff_stops(enum trouble trouble);
/* This class asks what became of an effect; it repeats nothing. */
bool backoff_reconciles(enum trouble trouble);
