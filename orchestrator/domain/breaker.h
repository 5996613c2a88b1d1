/* SPDX-License-Identifier: Apache-2.0 */
/* The circuit breaker of one CA (熔断): closed while it answers; open after so many failures in a window
 * without an answer between them; half open when its time is up, for exactly one probe, whose answer closes
 * it or opens it for twice as long.  A value, not an object: it is kept in the database, and a new value is
 * stored only over the version it was made from.  So all xuqid agree, none of two is a second probe, and a
 * restart changes nothing. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

enum breaker_answer {
	BREAKER_PASS,  /* call */
	BREAKER_PROBE, /* call once the new value is stored: this call is the probe */
	BREAKER_WAIT   /* do not call before `until_at` */
};

struct breaker {
	enum breaker_state state;
	int64_t version;
	int64_t failures; /* in the window, since the last answer */
	int64_t since_at; /* the window's beginning; when it is open: since when */
	int64_t until_at; /* open: the probe may go then; half open: another may go then */
	int64_t openings; /* in a row: each doubles the time it stays open */
};

/* Durations in microseconds. */
struct breaker_rules {
	int64_t failures, window_us;
	int64_t open_us, open_most_us;
	int64_t probe_us; /* an unanswered probe (its xuqid died) is forgotten after this */
};

const char *breaker_word(enum breaker_state state);
bool breaker_from_word(enum breaker_state *out, const char *word);

/* May a call go at NOW?  Of BREAKER_PROBE alone: NEXT is the value to store first. */
enum breaker_answer breaker_ask(const struct breaker *breaker, int64_t now,
	const struct breaker_rules *rules, struct breaker *next);

/* A call ended: WELL if the CA answered at all, be it with a refusal.  True if NEXT must be stored over
 * BREAKER; where that fails because the version has passed on, load it and tell again, unless the call was
 * the probe: then it was given up for dead and its answer counts for nothing.  IS_PROBE is what breaker_ask
 * said of this call: an answer to a call from before counts for nothing once it is open. */
bool breaker_heard(const struct breaker *breaker, bool well, bool is_probe, int64_t now,
	const struct breaker_rules *rules, struct breaker *next);
