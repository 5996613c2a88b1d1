/* SPDX-License-Identifier: Apache-2.0 */
/* The story of one step of one renewal; the words that stages decide in are in stage_words.c. */
#include "orchestrator/flows/stage.h"

#include <stdio.h>
#include <string.h>

#include "common/bytes.h"
#include "common/digest.h"
#include "common/log.h"
#include "common/text.h"
#include "orchestrator/domain/effect_key.h"
#include "orchestrator/domain/personal.h"
#include "orchestrator/flows/lease.h"
#include "orchestrator/flows/turns.h"
#include "orchestrator/loop/batch.h"
#include "orchestrator/loop/db.h"
#include "sql.h"

enum { SECOND_MS = 1000, TOMORROW_SPREAD_S = 600 };

static const struct stage *const stages[] = { &binding_stage, &bound_stage, &drafting_stage,
	&attaching_stage, &intent_stage, &submitted_stage, &paying_stage, &verifying_stage,
	&paid_stage, &review_stage, &approved_stage, &queued_stage, &installing_stage,
	&installed_stage, &invoice_stage, &correction_stage, &quarantined_stage, &disputed_stage,
	&refunding_stage };

static enum flow_next step_load(struct flow *flow, void *self);
static enum flow_next step_decide(struct flow *flow, void *self);
static enum flow_next step_files(struct flow *flow, void *self);
static enum flow_next step_filed(struct flow *flow, void *self);
static enum flow_next step_pace(struct flow *flow, void *self);
static enum flow_next step_paced(struct flow *flow, void *self);
static enum flow_next step_intend(struct flow *flow, void *self);
static enum flow_next step_intended(struct flow *flow, void *self);
static enum flow_next step_asked(struct flow *flow, void *self);
static enum flow_next step_act(struct flow *flow, void *self);
static enum flow_next step_acted(struct flow *flow, void *self);
static enum flow_next step_plan(struct flow *flow, void *self);
static enum flow_next step_planned(struct flow *flow, void *self);
static enum flow_next step_conclude(struct flow *flow, void *self);

static const struct flow_step stage_steps[] = {
	{ "load", step_load },         /* the renewal and all that is known of it */
	{ "decide", step_decide },     /* the stage of its state says what is next */
	{ "files", step_files },       /* a person's attachments, where the decision wants them */
	{ "filed", step_filed },       /* decide again with them */
	{ "pace", step_pace },         /* may this CA be called now? */
	{ "paced", step_paced },       /* after a moment, or once the probe is ours alone */
	{ "intend", step_intend },     /* the intent and its key, durable, every gate checked */
	{ "intended", step_intended }, /* an older intent: ask what became of it */
	{ "asked", step_asked },       /* it arrived, or not */
	{ "act", step_act },           /* the one outside call of this step */
	{ "acted", step_acted },       /* its outcome, and what follows */
	{ "plan", step_plan },         /* the campaign's plan, where a price changes it */
	{ "planned", step_planned },   /* what follows, with the plan at hand */
	{ "conclude", step_conclude }, /* everything at once */
	{ NULL, NULL },
};

static enum flow_next go_on(struct flow *flow, enum stage_next next)
{
	switch (next) {
	case STAGE_CALL:
		return flow_jump(flow, "pace");
	case STAGE_CONCLUDE:
		return flow_jump(flow, "conclude");
	case STAGE_FILES:
		return flow_jump(flow, "files");
	case STAGE_PLAN:
		return flow_jump(flow, "plan");
	}
	return flow_fail(flow, FAULT_BUG, "a stage decided nothing");
}

static enum flow_next step_load(struct flow *flow, void *self)
{
	struct stage_run *run = self;

	OWNED char *item = text_dupf("{\"id\":%s,\"epoch\":%s}", run->id, run->epoch);

	return batch_begin(run->app->load, flow, item);
}

static const struct stage *stage_of(const json_t *doc)
{
	enum renewal_state state;
	const char *word = json_peek_text(doc, "state");

	if (word == NULL || !renewal_from_word(&state, word))
		return NULL;
	for (size_t i = 0; i < COUNT_OF(stages); i++)
		if (stages[i]->state == state)
			return stages[i];
	return NULL;
}

/* Row 0, column 0 as JSON; fails the flow's fault if there is no such row. */
static json_t *row_json(const struct flow *flow, struct fault *fault)
{
	const PGresult *rows = flow_rows(flow);

	if (PQntuples(rows) != 1) {
		(void)fault_set(fault, FAULT_CONFLICT, "the renewal passed into other hands");
		return NULL;
	}
	return json_read(PQgetvalue(rows, 0, 0), (size_t)PQgetlength(rows, 0, 0), fault);
}

/* A CA that the settings do not speak for any more: its renewals wait until they do again. */
static enum stage_next wait_for_settings(struct stage_run *run)
{
	const char *ca = stage_text(run, "ca_name");
	OWNED char *text = text_dupf(
		"no connector speaks for the CA \"%s\": set it up in xuqid's settings", ca);

	stage_task(run,
		json_pack("{s:s, s:s, s:s, s:s, s:s}", "kind", "ca_access", "role", "admin",
			"title", "A CA is missing in the settings", "instruction", text,
			"if_ignored", "No renewal can go on at this CA."));
	return stage_trouble(run, TROUBLE_ACCESS, text);
}

/* What the CA refused is not tried again before a person says so; states that only a person or the CA can
 * leave have no stage. */
static enum stage_next first_thought(struct stage_run *run)
{
	if (run->connector == NULL)
		return wait_for_settings(run);
	if (run->stage != &run->turn && text_equal(stage_text(run, "tasks.renewal.state"), "open"))
		return stage_await(run, "refused");
	return run->stage != NULL ? run->stage->decide(run) : stage_await(run, "person");
}

static enum flow_next step_decide(struct flow *flow, void *self)
{
	struct stage_run *run = self;
	struct fault fault;

	run->doc = row_json(flow, &fault);
	if (run->doc == NULL)
		return flow_fail_with(flow, &fault);
	run->connector = connector_for(&run->app->connectors, stage_text(run, "ca_name"));
	run->stage = stage_turn(run, stage_of(run->doc));
	return go_on(flow, first_thought(run));
}

static enum flow_next step_files(struct flow *flow, void *self)
{
	struct stage_run *run = self;

	return db_begin(run->app->db, flow, sql_renewal_files, DB_ARGS(run->id, run->want));
}

static enum flow_next step_filed(struct flow *flow, void *self)
{
	struct stage_run *run = self;
	const PGresult *rows = flow_rows(flow);

	struct fault fault;

	run->files = json_array();
	for (int i = 0; i < PQntuples(rows); i++) {
		json_t *file =
			personal_open_file(&(struct personal_file){ .name = PQgetvalue(rows, i, 0),
						   .media_type = PQgetvalue(rows, i, 1),
						   .place = PQgetvalue(rows, i, 2),
						   .content_b64 = PQgetvalue(rows, i, 3) },
				run->app->seals, &fault);
		if (file == NULL)
			return flow_fail_with(flow, &fault);
		(void)json_array_append_new(run->files, file);
	}
	return go_on(flow, run->stage->decide(run));
}

static const struct connector_op_traits *op_of(const struct stage_run *run)
{
	return connector_op(run->connector, run->call.op);
}

/* Keys for this attempt: one more than those of this operation that are settled.  They are derived, so a
 * repetition after a crash carries the same ones. */
static bool make_keys(struct stage_run *run, struct fault *fault)
{
	const char *install = stage_text(run, "install_id"),
		   *word = connector_op_word(run->call.op);
	int attempt = (int)json_peek_number(json_object_get(run->doc, "effects"), word, 0) + 1;
	int64_t renewal;

	if (!number_parse(&renewal, run->id, 1, INT64_MAX) ||
		!effect_key(run->key, install, renewal, word, attempt) ||
		!effect_client_ref(run->ref, install, renewal, word, attempt))
		return fault_set(fault, FAULT_BUG, "no key for %s of renewal %s", word, run->id);
	(void)snprintf(run->attempt, sizeof run->attempt, "%d", attempt);
	run->call.key = run->key;
	run->call.ref = run->ref;
	if (op_of(run)->can_ask)
		json_put_text(run->body, "client_ref", run->ref);
	return true;
}

static enum flow_next step_pace(struct flow *flow, void *self)
{
	struct stage_run *run = self;
	struct pace_answer answer;
	struct breaker_texts texts;

	run->pace = run->app->pacing == NULL
		? PACE_GO
		: pacing_ask(run->app->pacing, run->connector->ca,
			  json_object_get(run->doc, "pace"), op_of(run)->effect, &answer);
	switch (run->pace) {
	case PACE_GO:
		return flow_jump(flow, "intend");
	case PACE_SOON:
		return flow_pause(flow, (unsigned)answer.wait_ms);
	case PACE_WAIT:
		return go_on(flow, stage_pause(run, answer.reason, answer.wait_ms));
	case PACE_PROBE:
		break;
	}
	breaker_texts_make(&texts, &answer.next);

	enum flow_next next = db_begin(run->app->db, flow, sql_breaker_store,
		DB_ARGS(run->connector->ca, texts.version, breaker_word(answer.next.state),
			texts.failures, texts.openings, texts.since, texts.until, NULL));

	breaker_texts_done(&texts);
	return next;
}

/* Another worker was faster and probes: this step waits for what that one hears. */
static enum flow_next step_paced(struct flow *flow, void *self)
{
	struct stage_run *run = self;

	if (run->pace == PACE_SOON)
		return flow_jump(flow, "pace");
	run->probes = PQntuples(flow_rows(flow)) == 1;
	if (!run->probes)
		return go_on(flow,
			stage_pause(run, "ca_breaker",
				run->app->settings.breaker_open_seconds * SECOND_MS));
	pacing_probes(run->app->pacing, run->connector->ca);
	log_info("ca.probed", LOG_TEXT("ca", run->connector->ca), LOG_TEXT("renewal", run->id));
	return FLOW_NEXT;
}

static enum flow_next step_intend(struct flow *flow, void *self)
{
	struct stage_run *run = self;
	struct fault fault;

	if (!op_of(run)->effect)
		return flow_jump(flow, "act");
	if (!make_keys(run, &fault))
		return flow_fail_with(flow, &fault);

	bool alone = run->call.op == CONNECTOR_BIND && stage_can(run, CAN_SHOWS_QR);
	OWNED char *item = text_dupf(
		"{\"id\":%s,\"epoch\":%s,\"op\":\"%s\",\"attempt\":%s,\"key\":\"%s\",\"spends\":%s,\"alone\":%s}",
		run->id, run->epoch, connector_op_word(run->call.op), run->attempt, run->key,
		op_of(run)->spends ? "true" : "false", alone ? "true" : "false");

	return batch_try(run->app->intend, flow, item);
}

/* Held, or a gate is shut, or today's cap is reached: nothing was begun. */
static enum flow_next not_intended(
	struct flow *flow, struct stage_run *run, const struct fault *refusal)
{
	return refusal->kind == FAULT_CONFLICT || refusal->kind == FAULT_DENIED
		? go_on(flow, stage_trouble(run, TROUBLE_GATE, refusal->text))
		: flow_fail_with(flow, refusal);
}

static enum flow_next wait_for_tomorrow(
	struct flow *flow, struct stage_run *run, const PGresult *rows)
{
	int64_t seconds;
	uint32_t random;

	if (!number_parse(&seconds, PQgetvalue(rows, 0, 3), 0, INT32_MAX))
		return flow_fail(flow, FAULT_BUG, "the database does not say until when");
	random_bytes(&random, sizeof random);
	return go_on(flow,
		stage_pause(run, PQgetvalue(rows, 0, 2),
			seconds * SECOND_MS + random % (TOMORROW_SPREAD_S * SECOND_MS)));
}

static enum flow_next step_intended(struct flow *flow, void *self)
{
	struct stage_run *run = self;
	const PGresult *rows = flow_rows(flow);

	if (rows == NULL)
		return not_intended(flow, run, flow_db_fault(flow));
	if (PQntuples(rows) != 1)
		return flow_fail(flow, FAULT_BUG, "the intent has no answer");
	if (PQgetisnull(rows, 0, 2) == 0)
		return wait_for_tomorrow(flow, run, rows);
	run->existed = PQgetvalue(rows, 0, 1)[0] == 't';
	if (!run->existed || !op_of(run)->can_ask)
		return flow_jump(flow, "act");
	run->call.asking = true;
	return run->connector->ops->begin(run->connector, flow, &run->call);
}

static bool read_outcome(struct stage_run *run, const struct flow *flow)
{
	outcome_done(&run->outcome);
	run->connector->ops->read(run->connector, flow, &run->call, &run->outcome);
	stage_heard(run);

	bool answered = run->outcome.kind == OUTCOME_DONE || run->outcome.kind == OUTCOME_REFUSED;

	if (answered && text_equal(stage_text(run, "tasks.ca_access.state"), "open"))
		stage_close_task(run, "ca_access"); /* it talks to us again */
	return answered;
}

/* The CA's answer is kept as evidence, but for what is personal and the QR text: who has it may bind. */
static void settle_effect(struct stage_run *run)
{
	json_t *answer = personal_evidence(run->outcome.data);

	if (op_of(run)->effect)
		stage_put(run, "settle",
			json_pack("{s:s, s:s, s:O?}", "op", connector_op_word(run->call.op),
				"outcome", outcome_word(run->outcome.kind), "answer", answer));
	json_decref(answer);
}

/* Outcomes that mean the same in every stage.  Where a person is the transport, the effect stays unsettled
 * until the card is answered: then the connector is asked what became of it. */
static enum stage_next common_outcome(struct stage_run *run)
{
	json_t *card = json_object_get(run->outcome.data, "task");

	if (run->outcome.kind == OUTCOME_NEED_HUMAN && card != NULL) {
		stage_task(run, json_incref(card));
		return stage_await(run, "person");
	}
	if (run->outcome.kind == OUTCOME_NEED_HUMAN)
		stage_task(run,
			json_pack("{s:s, s:s, s:s, s:s, s:s}", "kind", "ca_access", "role", "admin",
				"title", "The CA refuses this installation's key", "instruction",
				run->outcome.text, "if_ignored",
				"No renewal can go on at this CA."));
	return stage_trouble(run, stage_outcome_trouble(run), run->outcome.text);
}

static enum flow_next step_asked(struct flow *flow, void *self)
{
	struct stage_run *run = self;

	(void)read_outcome(run, flow);
	run->call.asking = false;
	log_info("effect.asked", LOG_TEXT("renewal", run->id),
		LOG_TEXT("op", connector_op_word(run->call.op)),
		LOG_TEXT("outcome", outcome_word(run->outcome.kind)),
		LOG_TEXT("code", run->outcome.code));
	if (run->outcome.kind == OUTCOME_DONE)
		return flow_jump(flow, "acted");
	if (strcmp(run->outcome.code, "NOT_FOUND") == 0)
		return FLOW_NEXT; /* it never arrived: do it, under the same key */
	if (run->outcome.kind == OUTCOME_NEED_HUMAN)
		return go_on(flow, common_outcome(run));
	return go_on(flow, stage_trouble(run, TROUBLE_UNKNOWN, run->outcome.text));
}

static enum flow_next step_act(struct flow *flow, void *self)
{
	struct stage_run *run = self;

	outcome_done(&run->outcome);
	return run->connector->ops->begin(run->connector, flow, &run->call);
}

static enum flow_next step_acted(struct flow *flow, void *self)
{
	struct stage_run *run = self;

	if (run->outcome.kind != OUTCOME_DONE || run->outcome.data == NULL) {
		if (!read_outcome(run, flow))
			return go_on(flow, common_outcome(run));
	}
	settle_effect(run);
	return go_on(flow, run->stage->settle(run));
}

static enum flow_next step_plan(struct flow *flow, void *self)
{
	struct stage_run *run = self;

	return db_begin(
		run->app->db, flow, sql_campaign_plan, DB_ARGS(stage_text(run, "campaign.id")));
}

static enum flow_next step_planned(struct flow *flow, void *self)
{
	struct stage_run *run = self;
	struct fault fault;

	run->plan = row_json(flow, &fault);
	if (run->plan == NULL)
		return flow_fail_with(flow, &fault);
	return go_on(flow,
		run->call.op == CONNECTOR_META
			? run->stage->decide(run) /* nothing was called yet */
			: run->stage->settle(run));
}

static enum flow_next step_conclude(struct flow *flow, void *self)
{
	struct stage_run *run = self;

	personal_seal_tasks(run->conclusion, run->id, run->app->seals);

	OWNED char *text = json_write(run->conclusion);
	OWNED char *item =
		text_dupf("{\"id\":%s,\"epoch\":%s,\"doc\":%s}", run->id, run->epoch, text);

	return batch_begin(run->app->conclude, flow, item);
}

static void run_free(struct stage_run *run)
{
	outcome_done(&run->outcome);
	json_decref(run->doc);
	json_decref(run->files);
	json_decref(run->plan);
	json_decref(run->body);
	json_decref(run->conclusion);
	free(run->ca_id);
	free(run->id);
	free(run->epoch);
	free(run);
}

static void log_moved(const struct stage_run *run)
{
	const json_t *move = json_object_get(run->conclusion, "move");

	if (move != NULL)
		log_info("renewal.moved", LOG_TEXT("renewal", run->id),
			LOG_TEXT("from", json_peek_text(run->doc, "state")),
			LOG_TEXT("to", json_peek_text(move, "to")),
			LOG_TEXT("on", json_peek_text(move, "event")));
}

static void stage_finished(void *self, const struct fault *fault)
{
	struct stage_run *run = self;

	if (fault == NULL)
		log_moved(run);
	else
		log_warn("renewal.step_failed", LOG_TEXT("renewal", run->id), LOG_FAULT(fault));
	if (fault != NULL) /* where the lease has passed on, the fence refuses this */
		lease_give_back(run->app, run->id, run->epoch, fault,
			text_equal(stage_text(run, "reason"), lease_reason(fault))
				? stage_number(run, "attempts", 0)
				: 0);
	run->app->on_step_ended(run->app);
	run_free(run);
}

static struct flow_kind stage_kind = { "stage", stage_steps, stage_finished, 0, 0 };

bool stage_start(struct app *app, const char *id, const char *epoch)
{
	struct stage_run *run = zalloc(1, sizeof *run);

	run->app = app;
	run->id = text_dup(id);
	run->epoch = text_dup(epoch);
	run->call.op = CONNECTOR_META;
	run->conclusion = json_object();
	stage_kind.limit = (unsigned)app->settings.flows_max;
	if (flow_start(app->engine, &stage_kind, run))
		return true;
	run_free(run);
	return false;
}
