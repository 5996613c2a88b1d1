/* SPDX-License-Identifier: Apache-2.0 */
/* The story of one look at the CA's own facts. */
#include "orchestrator/flows/ca_watch.h"

#include <string.h>

#include "common/digest.h"
#include "common/json.h"
#include "common/log.h"
#include "common/text.h"
#include "orchestrator/connectors/connector.h"
#include "orchestrator/loop/db.h"
#include "orchestrator/loop/rounds.h"
#include "sql.h"

enum { SECOND_MS = 1000 };

struct ca_watch {
	struct app *app;
	struct connector *connector;
	struct rounds *rounds;
	struct connector_call call;
	char *meta, *alert; /* of this look */
};

static enum flow_next watch_ask(struct flow *flow, void *self)
{
	struct ca_watch *watch = self;

	watch->call = (struct connector_call){ .op = CONNECTOR_META };
	return watch->connector->ops->begin(watch->connector, flow, &watch->call);
}

/* The sentence that stops payments, on the heap, or NULL where the payee is the pinned one. */
static char *payee_alert(const struct settings *pinned, const json_t *payee)
{
	const char *name = json_peek_text(payee, "name"),
		   *account = json_peek_text(payee, "account"),
		   *bank = json_peek_text(payee, "bank");

	if (text_equal(name, pinned->payee_name) && text_equal(account, pinned->payee_account) &&
		text_equal(bank, pinned->payee_bank))
		return NULL;
	return text_dupf(
		"the CA names the payee %s, account %s, %s; pinned in the settings is %s, account %s, %s. No payment is made. "
		"Ask the CA by a known telephone number; change payee.* in the settings only after that.",
		name, account, bank, pinned->payee_name, pinned->payee_account, pinned->payee_bank);
}

/* Somebody else may be answering: people are told, and nothing is spent until the CA answers again. */
static enum flow_next not_the_ca(struct flow *flow, struct ca_watch *watch, struct outcome *outcome)
{
	log_error("ca.answer_unsigned", LOG_TEXT("ca", watch->connector->ca),
		LOG_TEXT("text", outcome->text));
	free(watch->alert);
	watch->alert = text_dupf("%s: %s Check gateway.url and gateway.secret_file.",
		watch->connector->ca, outcome->text);
	outcome_done(outcome);
	return flow_jump(flow, "alarm");
}

static enum flow_next watch_alarm(struct flow *flow, void *self)
{
	struct ca_watch *watch = self;

	return db_begin(watch->app->db, flow, sql_ca_facts_alarm,
		DB_ARGS(watch->connector->ca, watch->alert));
}

static enum flow_next watch_alarmed(struct flow *flow, void *self)
{
	const struct ca_watch *watch = self;

	return flow_fail(flow, FAULT_LATER, "%s", watch->alert);
}

static enum flow_next watch_save(struct flow *flow, void *self)
{
	struct ca_watch *watch = self;
	struct outcome outcome;

	watch->connector->ops->read(watch->connector, flow, &watch->call, &outcome);
	if (text_equal(outcome.code, "UNSIGNED"))
		return not_the_ca(flow, watch, &outcome);
	if (outcome.kind != OUTCOME_DONE) {
		enum flow_next failed = flow_fail(flow, FAULT_LATER, "%s", outcome.text);

		outcome_done(&outcome);
		return failed;
	}
	free(watch->meta);
	free(watch->alert);
	watch->meta = json_write(outcome.data);
	watch->alert = payee_alert(&watch->app->settings, json_object_get(outcome.data, "payee"));
	outcome_done(&outcome);
	return db_begin(watch->app->db, flow, sql_ca_facts_save,
		DB_ARGS(watch->connector->ca, watch->meta, watch->alert));
}

static enum flow_next watch_task(struct flow *flow, void *self)
{
	struct ca_watch *watch = self;
	JSON *meta = json_loads(watch->meta, 0, NULL);
	OWNED char *payee = json_write(json_object_get(meta, "payee"));

	if (watch->alert != NULL)
		log_error("ca.payee_differs", LOG_TEXT("text", watch->alert));
	return db_begin(watch->app->db, flow, sql_payee_task,
		DB_ARGS(watch->alert, payee, watch->connector->ca));
}

/* ---- the agreement's text, once for each version ---- */

static enum flow_next watch_text(struct flow *flow, void *self)
{
	struct ca_watch *watch = self;

	if (!connector_op(watch->connector, CONNECTOR_AGREEMENT)->offered)
		return FLOW_DONE;
	return db_begin(watch->app->db, flow, sql_agreement_missing, DB_ARGS(watch->connector->ca));
}

static enum flow_next watch_fetch(struct flow *flow, void *self)
{
	struct ca_watch *watch = self;

	if (PQntuples(flow_rows(flow)) == 0)
		return FLOW_DONE;
	watch->call = (struct connector_call){ .op = CONNECTOR_AGREEMENT };
	return watch->connector->ops->begin(watch->connector, flow, &watch->call);
}

/* People are shown only a text that is what its digest says; without one they read it on the CA's pages. */
static bool is_its_digest(const char *text, const char *sha256)
{
	char digest[SHA256_HEX];

	if (text == NULL || sha256 == NULL)
		return false;
	sha256_hex(digest, text, strlen(text));
	return text_equal(digest, sha256);
}

static enum flow_next keep_text(struct flow *flow, struct ca_watch *watch, const json_t *document)
{
	const char *text = json_peek_text(document, "text"),
		   *sha256 = json_peek_text(document, "sha256"),
		   *version = json_peek_text(document, "version"),
		   *title = json_peek_text(document, "title");

	if (!is_its_digest(text, sha256)) {
		log_error("ca.agreement_differs", LOG_TEXT("ca", watch->connector->ca),
			LOG_TEXT("version", version), LOG_TEXT("sha256", sha256));
		return FLOW_DONE;
	}
	return db_begin(watch->app->db, flow, sql_agreement_save,
		DB_ARGS(watch->connector->ca, sha256, version != NULL ? version : "",
			title != NULL ? title : "", text));
}

static enum flow_next watch_keep(struct flow *flow, void *self)
{
	struct ca_watch *watch = self;
	struct outcome outcome;
	enum flow_next next = FLOW_DONE;

	watch->connector->ops->read(watch->connector, flow, &watch->call, &outcome);
	if (outcome.kind == OUTCOME_DONE)
		next = keep_text(flow, watch, outcome.data);
	else
		log_warn("ca.agreement_unread", LOG_TEXT("ca", watch->connector->ca),
			LOG_TEXT("text", outcome.text));
	outcome_done(&outcome);
	return next;
}

static enum flow_next watch_end(struct flow *flow, void *self)
{
	(void)flow;
	(void)self;
	return FLOW_DONE;
}

static const struct flow_step watch_steps[] = {
	{ "ask", watch_ask },     /* GET meta, signed */
	{ "save", watch_save },   /* keep it; compare the payee with the pinned one */
	{ "task", watch_task },   /* open or close finance's task about the payee */
	{ "text", watch_text },   /* is the agreement's text here? */
	{ "fetch", watch_fetch }, /* GET it, signed */
	{ "keep", watch_keep },   /* under its own digest */
	{ "end", watch_end },
	{ "alarm", watch_alarm }, /* the answer was not the CA's */
	{ "alarmed", watch_alarmed },
	{ NULL, NULL },
};

static void watch_finished(void *self, const struct fault *fault)
{
	struct ca_watch *watch = self;
	const struct settings *settings = &watch->app->settings;

	if (fault != NULL)
		log_warn("ca.unreachable", LOG_TEXT("ca", watch->connector->ca), LOG_FAULT(fault));
	rounds_end(watch->rounds,
		SECOND_MS *
			(fault == NULL ? settings->meta_seconds : settings->retry_first_seconds));
}

static struct flow_kind watch_kind = { "ca_watch", watch_steps, watch_finished, 0, 0 };

struct ca_watch *ca_watch_new(struct app *app, struct connector *connector)
{
	struct ca_watch *watch = zalloc(1, sizeof *watch);

	watch->app = app;
	watch->connector = connector;
	watch->rounds = rounds_new(app->base, app->engine, &watch_kind, watch);
	rounds_wake(watch->rounds);
	return watch;
}

void ca_watch_stop(struct ca_watch *watch)
{
	rounds_stop(watch->rounds);
}

void ca_watch_free(struct ca_watch *watch)
{
	if (watch == NULL)
		return;
	rounds_free(watch->rounds);
	free(watch->meta);
	free(watch->alert);
	free(watch);
}
