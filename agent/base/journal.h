/* SPDX-License-Identifier: Apache-2.0 */
/* The journal of one install order: what was done on this workstation, line by line, each fsynced
 * before the next act.  It is the only memory of an install; the result that the server gets is
 * derived from it, so a result is never lost and always the same.
 *
 *   PREPARED    everything is checked; permit_ref is the one-use permit that will be asked for
 *   PERMITTED   the orchestrator granted that permit (expires_at)
 *   LOGGED_IN   the one login succeeded
 *   NEW_WRITTEN every new certificate is on the token
 *   VERIFIED    read back, and the token's key signed what the new certificate verifies
 *   ENDED       outcome (common/wire.h) with all that the result says
 *   POSTED      the server acknowledged the result
 *   REPEAT      the server asks again for an order that is done: the same result will be sent
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/base/outcome.h"
#include "agent/base/paths.h"
#include "agent/base/record.h"
#include "agent/base/settings.h"

#define STEP_PREPARED    "PREPARED"
#define STEP_PERMITTED   "PERMITTED"
#define STEP_LOGGED_IN   "LOGGED_IN"
#define STEP_NEW_WRITTEN "NEW_WRITTEN"
#define STEP_VERIFIED    "VERIFIED"
#define STEP_ENDED       "ENDED"
#define STEP_POSTED      "POSTED"
#define STEP_REPEAT      "REPEAT"

struct journal {
	char order[ORDER_ID_MAX + 1];
	char *path, *mark; /* mark: an empty file in the spool, `look after this order` */
	struct record_list lines;
	/* What the lines say; borrowed from them, NULL if there is none. */
	const struct record *ended;     /* the last end of an attempt */
	size_t ended_from, ended_at;    /* its attempt's first line, and its own */
	bool posted;                    /* and the server knows it */
	size_t attempt_from;            /* index of the first line of the attempt under way */
	const struct record *prepared;  /* of the attempt under way */
	const struct record *permitted; /* the same, for the prepared permit_ref */
	bool logged_in, verified;       /* the same */
};

/* Read the journal of ORDER (which must be safe); absent is empty.  Release with journal_done, also
 * after a failure. */
bool journal_open(struct journal *journal, const struct agent_settings *settings, const char *order,
	struct fault *fault) MUST_CHECK;
void journal_done(struct journal *journal);

/* Append {at, step, …PAIRS} and fsync, then read the journal anew. */
bool journal_add(struct journal *journal, const char *step, const struct record_pair *pairs,
	size_t count, struct fault *fault) MUST_CHECK;

/* How an attempt ended; texts may be NULL for none. */
struct journal_end {
	enum outcome outcome;
	const char *permit_ref; /* the permit that this end uses up */
	bool login_attempted;
	const char *token_serial;
	const char *certificates; /* SHA-256 of each, joined by commas */
	const char *error;        /* one sentence for a person */
};

/* Set the mark and append ENDED.  A refusal that used up no permit and was said a short while ago is
 * not said again. */
bool journal_close(struct journal *journal, const struct journal_end *end, struct fault *fault)
	MUST_CHECK;

/* Put the mark into the spool, so that whatever happens next is looked after. */
bool journal_mark(const struct journal *journal, struct fault *fault) MUST_CHECK;
/* Take it away: nothing is left to tell the server. */
void journal_unmark(const struct journal *journal);
