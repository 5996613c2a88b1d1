/* SPDX-License-Identifier: Apache-2.0 */
/* When a step may call its CA: not against an open breaker, not faster than its bucket, effects not outside
 * its office hours where people said so.  The breaker's value is in the database (table cas) and comes with
 * every renewal that is loaded; the bucket is this process's own. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/json.h"
#include "orchestrator/domain/breaker.h"
#include "orchestrator/flows/app.h"

struct pacing;

struct pacing *pacing_new(struct app *app);
void pacing_free(struct pacing *pacing);

enum pace {
	PACE_GO,
	PACE_PROBE, /* store `next` over its version (statement breaker_store), then go: this is the probe */
	PACE_SOON, /* the bucket is empty: come back in wait_ms, within this step */
	PACE_WAIT  /* wait for `reason` (a blocked_reason), wait_ms */
};

struct pace_answer {
	const char *reason;
	int64_t wait_ms;
	struct breaker next;
};

/* Ask for one call to CA.  STATE is member `pace` of the renewal's document (NULL: no limits); IS_EFFECT: the
 * call would change something outside. */
enum pace pacing_ask(struct pacing *pacing, const char *ca, const json_t *state, bool is_effect,
	struct pace_answer *out);

/* The probe's value was stored by this process: its answer will be heard. */
void pacing_probes(struct pacing *pacing, const char *ca);

/* A call to CA ended.  WELL: it answered, be it with a refusal; else TEXT says what was wrong.  IS_PROBE as
 * pacing_ask said.  Stored in the background; a value that cannot be stored is forgotten. */
void pacing_heard(
	struct pacing *pacing, const char *ca, bool well, bool is_probe, const char *text);
/* CA says that this was too much: it is asked nothing for AFTER_MS. */
void pacing_too_much(struct pacing *pacing, const char *ca, int64_t after_ms);

/* The arguments of statement breaker_store after $1, as text; free each with free(). */
struct breaker_texts {
	char *version, *failures, *openings, *since, *until;
};

void breaker_texts_make(struct breaker_texts *texts, const struct breaker *breaker);
void breaker_texts_done(struct breaker_texts *texts);
