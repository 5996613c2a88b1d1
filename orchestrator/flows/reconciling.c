/* SPDX-License-Identifier: Apache-2.0 */
/* The story of one renewal's reconciliation: its application by the CA's id, else under each of our client_refs
 * until one is unknown, else its binding in the same way; then one statement takes over what was found. */
#include "orchestrator/flows/reconciling.h"

#include <string.h>

#include "common/bytes.h"
#include "common/digest.h"
#include "common/json.h"
#include "common/log.h"
#include "common/text.h"
#include "orchestrator/connectors/connector.h"
#include "orchestrator/domain/effect_key.h"
#include "orchestrator/domain/payment_order.h"
#include "orchestrator/loop/db.h"
#include "orchestrator/loop/rounds.h"
#include "sql.h"

enum { LATER_SECONDS = 5, SECOND_MS = 1000, ATTEMPTS_MAX = 50 };

enum column {
	COLUMN_ID,
	COLUMN_STATE,
	COLUMN_CA,
	COLUMN_INSTALL,
	COLUMN_APPLICATION,
	COLUMN_BINDING,
	COLUMN_BOUND,
	COLUMN_OPENED
};

struct reconciling {
	struct app *app;
	struct rounds *rounds;
	/* the renewal that is asked about */
	PGresult *row;
	struct connector *connector;
	struct connector_call call;
	int attempt; /* of the client_ref that is asked for */
	char key[EFFECT_KEY], ref[EFFECT_CLIENT_REF];
	json_t *doc;     /* for restore_adopt */
	char *complaint; /* why it could not be asked about */
	bool nothing_left, nothing_due;
};

static const char *column(const struct reconciling *self, enum column which)
{
	return PQgetvalue(self->row, 0, (int)which);
}

static void forget_renewal(struct reconciling *self)
{
	PQclear(self->row);
	json_decref(self->doc);
	free(self->complaint);
	self->row = NULL;
	self->doc = NULL;
	self->complaint = NULL;
}

static enum flow_next not_asked(struct flow *flow, struct reconciling *self, const char *why)
{
	self->complaint = text_dup(why);
	return flow_jump(flow, "failed");
}

/* ---- which renewal, and how it is asked about ---- */

static enum flow_next reconciling_pick(struct flow *flow, void *context)
{
	struct reconciling *self = context;

	return db_begin(self->app->db, flow, sql_restore_next, 0, NULL);
}

/* The rows belong to the flow; this renewal's questions take several operations. */
static enum flow_next reconciling_take(struct flow *flow, void *context)
{
	struct reconciling *self = context;
	const PGresult *rows = flow_rows(flow);

	if (PQntuples(rows) == 0)
		return flow_jump(flow, "left");
	self->row = PQcopyResult(rows, PG_COPYRES_TUPLES);
	if (self->row == NULL)
		return flow_fail(flow, FAULT_LATER, "out of memory");
	self->doc = json_pack("{s:[]}", "found");
	self->connector = connector_for(&self->app->connectors, column(self, COLUMN_CA));
	if (self->connector == NULL)
		return not_asked(flow, self,
			"no connector speaks for its CA: set it up in xuqid's settings");
	if (connector_op(self->connector, CONNECTOR_OPEN)->can_ask)
		return FLOW_NEXT;
	json_put_text(self->doc, "person", "This CA cannot be asked by a machine.");
	return flow_jump(flow, "adopt");
}

/* ---- the questions ---- */

/* Ask what came of attempt self->attempt of OP. */
static enum flow_next ask_attempt(struct flow *flow, struct reconciling *self, enum connector_op op)
{
	const char *install = column(self, COLUMN_INSTALL), *word = connector_op_word(op);
	int64_t renewal = 0;

	if (!number_parse(&renewal, column(self, COLUMN_ID), 1, INT64_MAX) ||
		!effect_key(self->key, install, renewal, word, self->attempt) ||
		!effect_client_ref(self->ref, install, renewal, word, self->attempt))
		return flow_fail(flow, FAULT_BUG, "no client_ref for %s", word);
	self->call = (struct connector_call){
		.op = op, .asking = true, .key = self->key, .ref = self->ref
	};
	return self->connector->ops->begin(self->connector, flow, &self->call);
}

static enum flow_next first_attempt(
	struct flow *flow, struct reconciling *self, enum connector_op op)
{
	int64_t settled = 0;

	if (!number_parse(&settled,
		    column(self, op == CONNECTOR_BIND ? COLUMN_BOUND : COLUMN_OPENED), 0,
		    ATTEMPTS_MAX))
		return flow_fail(flow, FAULT_BUG, "more than %d attempts", ATTEMPTS_MAX);
	self->attempt = (int)settled + 1;
	return ask_attempt(flow, self, op);
}

static enum flow_next reconciling_ask(struct flow *flow, void *context)
{
	struct reconciling *self = context;

	if (column(self, COLUMN_APPLICATION)[0] == '\0')
		return first_attempt(flow, self, CONNECTOR_OPEN);
	self->call = (struct connector_call){ .op = CONNECTOR_STATUS,
		.id = column(self, COLUMN_APPLICATION) };
	return self->connector->ops->begin(self->connector, flow, &self->call);
}

/* ---- the answers ---- */

static bool is_over(const json_t *application)
{
	const char *state = json_peek_text(application, "state");

	return text_equal(state, "withdrawn") || text_equal(state, "closed");
}

static void note_found(struct reconciling *self, const char *outcome)
{
	(void)json_array_append_new(json_object_get(self->doc, "found"),
		json_pack("{s:s, s:i, s:s, s:s}", "op", connector_op_word(self->call.op), "attempt",
			self->attempt, "key", self->key, "outcome", outcome));
}

static enum flow_next next_attempt(struct flow *flow, struct reconciling *self)
{
	if (self->attempt == ATTEMPTS_MAX)
		return flow_fail(
			flow, FAULT_HUMAN, "the CA knows every one of %d attempts", ATTEMPTS_MAX);
	self->attempt++;
	return flow_jump(flow, self->call.op == CONNECTOR_BIND ? "bound" : "opened");
}

/* No application: perhaps a QR code was made. */
static enum flow_next no_application(struct flow *flow, struct reconciling *self)
{
	bool asked = json_object_get(self->doc, "application") != NULL;

	if (asked || !text_equal(column(self, COLUMN_STATE), "binding") ||
		column(self, COLUMN_BINDING)[0] != '\0')
		return flow_jump(flow, "adopt");
	self->call.op = CONNECTOR_BIND;
	self->attempt = 0;
	return flow_jump(flow, "bind");
}

static enum flow_next application_found(
	struct flow *flow, struct reconciling *self, const json_t *view)
{
	(void)json_object_set_new(self->doc, "application", json_deep_copy(view));
	if (!is_over(view)) {
		if (self->call.op == CONNECTOR_OPEN)
			note_found(self, "done");
		return flow_jump(flow, "adopt");
	}
	if (self->call.op == CONNECTOR_OPEN) {
		note_found(self, "void");
		return next_attempt(flow, self);
	}
	return flow_jump(flow, "open");
}

static enum flow_next binding_found(struct flow *flow, struct reconciling *self, const json_t *view)
{
	const char *state = json_peek_text(view, "state");
	bool over = text_equal(state, "expired") || text_equal(state, "cancelled");

	note_found(self, over ? "void" : "done");
	if (over)
		return next_attempt(flow, self);
	json_put_text(self->doc, "binding_id", json_peek_text(view, "id"));
	return flow_jump(flow, "adopt");
}

static enum flow_next nothing_found(struct flow *flow, struct reconciling *self)
{
	if (self->call.op == CONNECTOR_BIND)
		return flow_jump(flow, "adopt");
	if (self->call.op == CONNECTOR_OPEN)
		return no_application(flow, self);
	OWNED char *text = text_dupf("The CA does not know its application %s any more.",
		column(self, COLUMN_APPLICATION));
	json_put_text(self->doc, "person", text);
	return flow_jump(flow, "adopt");
}

static enum flow_next reconciling_answered(struct flow *flow, void *context)
{
	struct reconciling *self = context;
	struct outcome outcome;
	enum flow_next next;

	self->connector->ops->read(self->connector, flow, &self->call, &outcome);
	log_info("restore.asked", LOG_TEXT("renewal", column(self, COLUMN_ID)),
		LOG_TEXT("op", connector_op_word(self->call.op)),
		LOG_NUMBER("attempt", self->attempt),
		LOG_TEXT("outcome", outcome_word(outcome.kind)), LOG_TEXT("code", outcome.code));
	if (outcome.kind == OUTCOME_DONE && self->call.op == CONNECTOR_BIND)
		next = binding_found(flow, self, outcome.data);
	else if (outcome.kind == OUTCOME_DONE)
		next = application_found(flow, self, outcome.data);
	else if (text_equal(outcome.code, "NOT_FOUND"))
		next = nothing_found(flow, self);
	else
		next = not_asked(flow, self, outcome.text);
	outcome_done(&outcome);
	return next;
}

static enum flow_next reconciling_open(struct flow *flow, void *context)
{
	return first_attempt(flow, context, CONNECTOR_OPEN);
}

static enum flow_next reconciling_opened(struct flow *flow, void *context)
{
	return ask_attempt(flow, context, CONNECTOR_OPEN);
}

static enum flow_next reconciling_bind(struct flow *flow, void *context)
{
	return first_attempt(flow, context, CONNECTOR_BIND);
}

static enum flow_next reconciling_bound(struct flow *flow, void *context)
{
	return ask_attempt(flow, context, CONNECTOR_BIND);
}

static enum flow_next to_answered(struct flow *flow, void *context)
{
	(void)context;
	return flow_jump(flow, "answered");
}

/* ---- taking over ---- */

/* For a payment that the CA has and the backup knows no order of. */
static void put_order(struct reconciling *self)
{
	const struct settings *settings = &self->app->settings;
	char reference[PAYMENT_REFERENCE];
	unsigned char random[8];
	uint64_t bits = 0;

	random_bytes(random, sizeof random);
	memcpy(&bits, random, sizeof bits);
	payment_reference_make(reference, bits);
	json_put_text(self->doc, "reference", reference);
	json_put_text(self->doc, "payee_name", settings->payee_name);
	json_put_text(self->doc, "payee_account", settings->payee_account);
	json_put_text(self->doc, "payee_bank", settings->payee_bank);
}

static enum flow_next reconciling_adopt(struct flow *flow, void *context)
{
	struct reconciling *self = context;

	put_order(self);

	OWNED char *doc = json_write(self->doc);

	return db_try(
		self->app->db, flow, sql_restore_adopt, DB_ARGS(column(self, COLUMN_ID), doc));
}

static enum flow_next reconciling_adopted(struct flow *flow, void *context)
{
	struct reconciling *self = context;
	const PGresult *rows = flow_rows(flow);

	if (rows == NULL)
		return not_asked(flow, self, flow_db_fault(flow)->text);
	log_info("restore.reconciled", LOG_TEXT("renewal", column(self, COLUMN_ID)),
		LOG_TEXT("verdict", PQgetvalue(rows, 0, 0)));
	return FLOW_DONE;
}

static enum flow_next reconciling_left(struct flow *flow, void *context)
{
	struct reconciling *self = context;

	return db_begin(self->app->db, flow, sql_restore_left, 0, NULL);
}

static enum flow_next reconciling_rest(struct flow *flow, void *context)
{
	struct reconciling *self = context;

	self->nothing_due = true;
	self->nothing_left = PQgetvalue(flow_rows(flow), 0, 0)[0] == 'f';
	return FLOW_DONE;
}

static enum flow_next reconciling_failed(struct flow *flow, void *context)
{
	struct reconciling *self = context;

	return db_begin(self->app->db, flow, sql_restore_failed,
		DB_ARGS(column(self, COLUMN_ID), self->complaint));
}

static enum flow_next reconciling_told(struct flow *flow, void *context)
{
	const struct reconciling *self = context;

	return flow_fail(flow, FAULT_LATER, "%s", self->complaint);
}

static const struct flow_step reconciling_steps[] = {
	{ "pick", reconciling_pick }, /* the renewal that was asked about least often */
	{ "take", reconciling_take }, /* none left? else remember it */
	{ "ask", reconciling_ask },   /* its application: by id, else by the first client_ref */
	{ "answered", reconciling_answered }, /* found, unknown, or no answer: the next question */
	{ "open", reconciling_open }, /* the application that it knew is over: a later one? */
	{ "open_asked", to_answered },
	{ "opened", reconciling_opened }, /* under the next client_ref */
	{ "opened_asked", to_answered },
	{ "bind", reconciling_bind }, /* the binding */
	{ "bind_asked", to_answered },
	{ "bound", reconciling_bound },
	{ "bound_asked", to_answered },
	{ "adopt", reconciling_adopt }, /* take over what was found, along the table */
	{ "adopted", reconciling_adopted },
	{ "left", reconciling_left }, /* nothing can be asked now: is there anything for later? */
	{ "rest", reconciling_rest },
	{ "failed", reconciling_failed }, /* no answer: the others first */
	{ "told", reconciling_told },
	{ NULL, NULL },
};

/* ---- again and again, until nothing is left ---- */

static void reconciling_finished(void *context, const struct fault *fault)
{
	struct reconciling *self = context;

	if (fault != NULL)
		log_warn("restore.unasked",
			LOG_TEXT("renewal", self->row != NULL ? column(self, COLUMN_ID) : ""),
			LOG_FAULT(fault));
	forget_renewal(self);
	if (fault != NULL)
		rounds_end(self->rounds, self->app->settings.retry_first_seconds * SECOND_MS);
	else if (self->nothing_left)
		rounds_rest(self->rounds);
	else
		rounds_end(self->rounds, self->nothing_due ? LATER_SECONDS * SECOND_MS : 0);
	self->nothing_due = false;
}

static struct flow_kind reconciling_kind = { "reconciling", reconciling_steps, reconciling_finished,
	0, 0 };

struct reconciling *reconciling_new(struct app *app)
{
	struct reconciling *self = zalloc(1, sizeof *self);

	self->app = app;
	self->rounds = rounds_new(app->base, app->engine, &reconciling_kind, self);
	rounds_wake(self->rounds);
	return self;
}

void reconciling_stop(struct reconciling *reconciling)
{
	rounds_stop(reconciling->rounds);
}

void reconciling_free(struct reconciling *reconciling)
{
	if (reconciling == NULL)
		return;
	forget_renewal(reconciling);
	rounds_free(reconciling->rounds);
	free(reconciling);
}
