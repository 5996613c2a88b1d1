/* SPDX-License-Identifier: Apache-2.0 */
/* One pacer for each CA: what is known of its breaker, its bucket, and the story of storing what was heard. */
#include "orchestrator/flows/pacing.h"

#include <string.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/digest.h"
#include "common/log.h"
#include "common/text.h"
#include "orchestrator/domain/backoff.h"
#include "orchestrator/domain/calendar.h"
#include "orchestrator/domain/quota.h"
#include "orchestrator/loop/db.h"
#include "sql.h"

enum {
	STORE_TRIES = 5, /* over versions that pass on meanwhile */
	SOON_MS = 2000,  /* a wait that a step can sit out under its lease */
	BURST_SHARE = 6, /* a bucket holds what flows in within ten seconds */
	LOOK_AGAIN_MS = 3600 * 1000,
	WAIT_FLOOR_MS = 200
};

/* What was heard and is not stored yet. */
struct heard {
	int64_t failures; /* calls that failed after the last answer */
	bool answered;
	bool probe, probe_well;
	int64_t probe_version;
};

struct pacer {
	struct pacing *pacing;
	const char *ca; /* the connector's */
	struct breaker known;
	struct bucket bucket;
	int64_t per_minute;
	struct heard heard, taken; /* TAKEN: what the story that runs now stores */
	char *text;                /* of the last failure */
	bool storing;
	unsigned tries;
	struct breaker next, probe; /* NEXT: to be stored by the story; PROBE: by a step */
};

struct pacing {
	struct app *app;
	struct pacer pacers[CONNECTORS_MAX];
	size_t count;
};

static struct breaker_rules rules_of(const struct settings *settings)
{
	return (struct breaker_rules){ .failures = settings->breaker_failures,
		.window_us = settings->breaker_window_seconds * CLOCK_SECOND,
		.open_us = settings->breaker_open_seconds * CLOCK_SECOND,
		.open_most_us = settings->retry_max_seconds * CLOCK_SECOND,
		.probe_us = settings->lease_seconds * CLOCK_SECOND };
}

static struct pacer *pacer_of(struct pacing *pacing, const char *ca)
{
	for (size_t i = 0; i < pacing->count; i++)
		if (text_equal(pacing->pacers[i].ca, ca))
			return &pacing->pacers[i];
	return NULL;
}

/* ---- asking ---- */

static struct breaker breaker_read(const json_t *state)
{
	struct breaker breaker = { .version = json_peek_number(state, "version", 0),
		.failures = json_peek_number(state, "failures", 0),
		.openings = json_peek_number(state, "openings", 0),
		.since_at = json_peek_number(state, "since_at", 0),
		.until_at = json_peek_number(state, "until_at", 0) };

	if (!breaker_from_word(&breaker.state, json_peek_text(state, "breaker")))
		breaker.state = BREAKER_CLOSED;
	return breaker;
}

/* Not all at once when it ends: spread over the time that was waited, bounded. */
static int64_t spread_ms(int64_t us)
{
	uint32_t random;
	int64_t ms = us / 1000, spread = ms / 4 < SOON_MS ? SOON_MS : ms / 4;

	random_bytes(&random, sizeof random);
	return ms + WAIT_FLOOR_MS +
		(int64_t)(random % (uint32_t)(spread < INT32_MAX ? spread : INT32_MAX));
}

static enum pace ask_office(
	const struct pacing *pacing, int64_t now, const json_t *state, struct pace_answer *out)
{
	int64_t opens;

	if (!json_is_true(json_object_get(state, "office_hours")))
		return PACE_GO;
	opens = calendar_next_office_at(pacing->app->calendar, now);
	if (opens <= now)
		return PACE_GO;
	*out = (struct pace_answer){ .reason = "office_hours", .wait_ms = spread_ms(opens - now) };
	return PACE_WAIT;
}

static enum pace ask_bucket(struct pacer *pacer, const json_t *state, struct pace_answer *out)
{
	struct bucket_rules rules = { json_peek_number(state, "requests_per_minute", 0), 0 };
	int64_t wait_us = 0;

	rules.burst = rules.per_minute / BURST_SHARE + 1;
	pacer->per_minute = rules.per_minute;
	if (bucket_take(&pacer->bucket, &rules, clock_now(), &wait_us))
		return PACE_GO;
	*out = (struct pace_answer){ .reason = trouble_word(TROUBLE_BUSY),
		.wait_ms = wait_us / 1000 + 1 };
	return out->wait_ms <= SOON_MS ? PACE_SOON : PACE_WAIT;
}

static enum pace ask_breaker(struct pacer *pacer, int64_t now, struct pace_answer *out)
{
	struct breaker_rules rules = rules_of(&pacer->pacing->app->settings);

	switch (breaker_ask(&pacer->known, now, &rules, &out->next)) {
	case BREAKER_PASS:
		return PACE_GO;
	case BREAKER_PROBE:
		pacer->probe = out->next;
		return PACE_PROBE;
	case BREAKER_WAIT:
		break;
	}
	out->reason = "ca_breaker";
	out->wait_ms = spread_ms(pacer->known.until_at - now);
	return PACE_WAIT;
}

enum pace pacing_ask(struct pacing *pacing, const char *ca, const json_t *state, bool is_effect,
	struct pace_answer *out)
{
	struct pacer *pacer = pacer_of(pacing, ca);
	int64_t now = clock_now();
	enum pace pace;

	*out = (struct pace_answer){ .wait_ms = 0 };
	if (pacer == NULL || !json_is_object(state))
		return PACE_GO;
	if (json_peek_number(state, "version", 0) >= pacer->known.version)
		pacer->known = breaker_read(state);
	if (is_effect && (pace = ask_office(pacing, now, state, out)) != PACE_GO)
		return pace;
	pace = ask_breaker(pacer, now, out);
	return pace == PACE_GO ? ask_bucket(pacer, state, out) : pace;
}

void pacing_too_much(struct pacing *pacing, const char *ca, int64_t after_ms)
{
	struct pacer *pacer = pacer_of(pacing, ca);

	if (pacer != NULL && after_ms > 0)
		bucket_drain(&pacer->bucket,
			&(struct bucket_rules){
				pacer->per_minute, pacer->per_minute / BURST_SHARE + 1 },
			clock_now(), (after_ms < LOOK_AGAIN_MS ? after_ms : LOOK_AGAIN_MS) * 1000);
}

void pacing_probes(struct pacing *pacing, const char *ca)
{
	struct pacer *pacer = pacer_of(pacing, ca);

	if (pacer == NULL)
		return;
	pacer->known = pacer->probe;
	pacer->known.version++;
}

/* ---- storing what was heard ---- */

static enum flow_next store_load(struct flow *flow, void *self);
static enum flow_next store_save(struct flow *flow, void *self);
static enum flow_next store_check(struct flow *flow, void *self);

static const struct flow_step store_steps[] = {
	{ "load", store_load },   /* the value as it is now */
	{ "save", store_save },   /* the value after what was heard, over that version */
	{ "check", store_check }, /* somebody was faster: once more */
	{ NULL, NULL },
};

static enum flow_next store_load(struct flow *flow, void *self)
{
	struct pacer *pacer = self;

	return db_begin(pacer->pacing->app->db, flow, sql_breaker_load, DB_ARGS(pacer->ca));
}

static bool breaker_of_row(struct breaker *out, const PGresult *rows)
{
	return PQntuples(rows) == 1 && breaker_from_word(&out->state, PQgetvalue(rows, 0, 0)) &&
		number_parse(&out->version, PQgetvalue(rows, 0, 1), 0, INT64_MAX) &&
		number_parse(&out->failures, PQgetvalue(rows, 0, 2), 0, INT64_MAX) &&
		number_parse(&out->openings, PQgetvalue(rows, 0, 3), 0, INT64_MAX) &&
		number_parse(&out->since_at, PQgetvalue(rows, 0, 4), 0, INT64_MAX) &&
		number_parse(&out->until_at, PQgetvalue(rows, 0, 5), 0, INT64_MAX);
}

/* One thing heard, put upon BREAKER; true if that changed it. */
static bool hear(struct pacer *pacer, struct breaker *breaker, bool well, bool is_probe)
{
	struct breaker_rules rules = rules_of(&pacer->pacing->app->settings);

	return breaker_heard(breaker, well, is_probe, clock_now(), &rules, breaker);
}

/* Everything heard, in its order, put upon NEXT. */
static bool hear_all(struct pacer *pacer, struct breaker *next)
{
	const struct heard heard = pacer->taken;
	bool changed = false;

	if (heard.probe && next->version == heard.probe_version)
		changed |= hear(pacer, next, heard.probe_well, true);
	if (heard.answered)
		changed |= hear(pacer, next, true, false);
	for (int64_t i = 0; i < heard.failures && next->state == BREAKER_CLOSED; i++)
		changed |= hear(pacer, next, false, false);
	return changed;
}

void breaker_texts_make(struct breaker_texts *texts, const struct breaker *breaker)
{
	texts->version = text_dupf("%lld", (long long)breaker->version);
	texts->failures = text_dupf("%lld", (long long)breaker->failures);
	texts->openings = text_dupf("%lld", (long long)breaker->openings);
	texts->since = text_dupf("%lld", (long long)breaker->since_at);
	texts->until = text_dupf("%lld", (long long)breaker->until_at);
}

void breaker_texts_done(struct breaker_texts *texts)
{
	free(texts->version);
	free(texts->failures);
	free(texts->openings);
	free(texts->since);
	free(texts->until);
}

static enum flow_next store_save(struct flow *flow, void *self)
{
	struct pacer *pacer = self;
	struct breaker_texts texts;
	bool failed = pacer->taken.failures > 0 || (pacer->taken.probe && !pacer->taken.probe_well);

	pacer->next = (struct breaker){ .version = 0 };
	if (!breaker_of_row(&pacer->next, flow_rows(flow)))
		return flow_fail(flow, FAULT_ABSENT, "the CA %s is not registered", pacer->ca);
	pacer->known = pacer->next;
	if (!hear_all(pacer, &pacer->next))
		return FLOW_DONE;
	breaker_texts_make(&texts, &pacer->next);

	enum flow_next next = db_begin(pacer->pacing->app->db, flow, sql_breaker_store,
		DB_ARGS(pacer->ca, texts.version, breaker_word(pacer->next.state), texts.failures,
			texts.openings, texts.since, texts.until, failed ? pacer->text : NULL));

	breaker_texts_done(&texts);
	return next;
}

static enum flow_next store_check(struct flow *flow, void *self)
{
	struct pacer *pacer = self;

	if (PQntuples(flow_rows(flow)) == 0)
		return ++pacer->tries < STORE_TRIES
			? flow_jump(flow, "load")
			: flow_fail(flow, FAULT_CONFLICT, "the breaker of %s is written by others",
				  pacer->ca);
	if (pacer->next.state != pacer->known.state)
		log_warn("ca.breaker_moved", LOG_TEXT("ca", pacer->ca),
			LOG_TEXT("from", breaker_word(pacer->known.state)),
			LOG_TEXT("to", breaker_word(pacer->next.state)),
			LOG_TEXT("text", pacer->text));
	pacer->known = pacer->next;
	pacer->known.version++;
	return FLOW_DONE;
}

static void store_finished(void *self, const struct fault *fault);

static struct flow_kind store_kind = { "breaker", store_steps, store_finished, 0, 0 };

/* Store what was heard until now; what is heard meanwhile has its turn after that. */
static void store(struct pacer *pacer)
{
	pacer->taken = pacer->heard;
	pacer->heard = (struct heard){ .failures = 0 };
	pacer->tries = 0;
	pacer->storing = flow_start(pacer->pacing->app->engine, &store_kind, pacer);
}

static void store_finished(void *self, const struct fault *fault)
{
	struct pacer *pacer = self;

	pacer->storing = false;
	if (fault != NULL)
		log_debug("ca.breaker_kept", LOG_TEXT("ca", pacer->ca), LOG_FAULT(fault));
	if (pacer->heard.failures > 0 || pacer->heard.answered || pacer->heard.probe)
		store(pacer);
}

void pacing_heard(struct pacing *pacing, const char *ca, bool well, bool is_probe, const char *text)
{
	struct pacer *pacer = pacer_of(pacing, ca);
	struct breaker after;
	struct breaker_rules rules = rules_of(&pacing->app->settings);

	if (pacer == NULL ||
		!breaker_heard(&pacer->known, well, is_probe, clock_now(), &rules, &after))
		return;
	if (!well) {
		free(pacer->text);
		pacer->text = text_dup(text);
	}
	if (is_probe) {
		pacer->heard.probe = true;
		pacer->heard.probe_well = well;
		pacer->heard.probe_version = pacer->known.version;
	} else if (well) {
		pacer->heard.answered = true;
		pacer->heard.failures = 0;
	} else {
		pacer->heard.failures++;
	}
	if (!pacer->storing)
		store(pacer);
}

/* ---- life ---- */

struct pacing *pacing_new(struct app *app)
{
	struct pacing *pacing = zalloc(1, sizeof *pacing);

	pacing->app = app;
	pacing->count = app->connectors.count;
	for (size_t i = 0; i < pacing->count; i++) {
		pacing->pacers[i].pacing = pacing;
		pacing->pacers[i].ca = app->connectors.list[i]->ca;
	}
	return pacing;
}

void pacing_free(struct pacing *pacing)
{
	if (pacing == NULL)
		return;
	for (size_t i = 0; i < pacing->count; i++)
		free(pacing->pacers[i].text);
	free(pacing);
}
