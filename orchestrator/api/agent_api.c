/* SPDX-License-Identifier: Apache-2.0 */
/* The agents' listener (schema/agent.md).  Who calls is known by the client certificate's key, looked up at
 * every request, so that a revocation works on the next one; only enrolment comes without. */
#include <stdio.h>
#include <string.h>

#include "common/cert.h"
#include "common/clock.h"
#include "common/digest.h"
#include "common/log.h"
#include "common/text.h"
#include "common/wire.h"
#include "orchestrator/api/api.h"
#include "orchestrator/domain/personal.h"
#include "orchestrator/flows/agent_ca.h"
#include "orchestrator/flows/app.h"
#include "orchestrator/flows/check_in.h"
#include "orchestrator/loop/db.h"
#include "orchestrator/loop/flow.h"
#include "sql.h"

struct agent_call {
	struct app *app;
	struct request *request;
	json_t *body;
	char key_sha256[SHA256_HEX];
	char *agent_id;
	char *pem;  /* of an enrolment */
	int status; /* of a refusal with a code of its own */
	const char *code;
	json_t *answer;
};

/* ---- shared steps ---- */

static enum flow_next agent_look_up(struct flow *flow, void *self)
{
	struct agent_call *call = self;

	return db_begin(call->app->db, flow, sql_agent_by_key, DB_ARGS(call->key_sha256));
}

static enum flow_next refuse(
	struct flow *flow, struct agent_call *call, int status, const char *code, const char *text)
{
	call->status = status;
	call->code = code;
	return flow_fail(flow, FAULT_DENIED, "%s", text);
}

static enum flow_next agent_admit(struct flow *flow, void *self)
{
	struct agent_call *call = self;
	const PGresult *rows = flow_rows(flow);

	if (PQntuples(rows) != 1)
		return refuse(flow, call, 401, "AGENT_UNKNOWN",
			"this agent is not enrolled here: run xuqi-agent enrol with a code of xuqi agent enrol-code");
	if (PQgetvalue(rows, 0, 1)[0] != '0')
		return refuse(flow, call, 403, "AGENT_REVOKED",
			"this agent was revoked: enrol it anew with a code of xuqi agent enrol-code");
	call->agent_id = text_dup(PQgetvalue(rows, 0, 0));
	return FLOW_NEXT;
}

static void agent_free(struct agent_call *call)
{
	json_decref(call->body);
	json_decref(call->answer);
	free(call->agent_id);
	free(call->pem);
	free(call);
}

static void agent_finished(void *self, const struct fault *fault)
{
	struct agent_call *call = self;

	if (fault != NULL)
		log_warn("agent.refused", LOG_TEXT("path", request_route(call->request)->path),
			LOG_TEXT("agent", call->agent_id != NULL ? call->agent_id : ""),
			LOG_TEXT("address", request_address(call->request)), LOG_FAULT(fault));
	if (fault == NULL)
		request_reply_json(
			call->request, call->status != 0 ? call->status : 200, call->answer);
	else if (call->code != NULL)
		request_reply_problem(call->request, call->status, call->code, fault->text);
	else
		request_reply_fault(call->request, fault);
	agent_free(call);
}

static void begin(
	struct request *request, struct app *app, struct flow_kind *kind, bool needs_certificate)
{
	struct agent_call *call = zalloc(1, sizeof *call);
	X509 *peer = request_peer(request);
	struct cert_facts facts;
	struct fault fault = { .kind = FAULT_NONE };
	size_t len;
	const void *bytes = request_body(request, &len);

	call->app = app;
	call->request = request;
	call->body = len > 0 ? json_read(bytes, len, &fault) : json_object();
	if (call->body == NULL || !personal_refuse_sealed(call->body, &fault)) {
		request_reply_fault(request, &fault);
	} else if (needs_certificate && (peer == NULL || !cert_read_facts(&facts, peer, &fault))) {
		request_reply_problem(request, 401, "AGENT_UNKNOWN",
			"no agent certificate was presented: run xuqi-agent enrol with a code of xuqi agent enrol-code");
	} else {
		if (needs_certificate)
			memcpy(call->key_sha256, facts.spki_sha256, sizeof call->key_sha256);
		if (flow_start(app->engine, kind, call))
			return;
		request_reply_problem(
			request, 503, "BUSY", "too many check-ins at once; try again");
	}
	agent_free(call);
}

/* ---- enrolment ---- */

static enum flow_next enrol_issue(struct flow *flow, void *self)
{
	struct agent_call *call = self;
	const char *code, *csr, *hostname = "", *version = "";
	char code_sha[SHA256_HEX], serial[41];
	struct fault fault;

	if (!json_text(&code, call->body, "code", &fault) ||
		!json_text(&csr, call->body, "csr_pem", &fault) ||
		!json_text_opt(&hostname, call->body, "hostname", &fault) ||
		!json_text_opt(&version, call->body, "agent_version", &fault))
		return flow_fail_with(flow, &fault);
	call->pem = agent_ca_issue(call->app->agent_ca, csr, serial, call->key_sha256, &fault);
	if (call->pem == NULL)
		return flow_fail_with(flow, &fault);
	sha256_hex(code_sha, code, strlen(code));
	return db_try(call->app->db, flow, sql_agent_enrol,
		DB_ARGS(code_sha, call->key_sha256, serial, hostname, version));
}

static enum flow_next enrol_answer(struct flow *flow, void *self)
{
	struct agent_call *call = self;
	const PGresult *rows = flow_rows(flow);

	if (rows == NULL) {
		const struct fault *refusal = flow_db_fault(flow);

		if (refusal->kind == FAULT_DENIED)
			return refuse(flow, call, 401, "CODE_INVALID", refusal->text);
		return flow_fail_with(flow, refusal);
	}
	call->status = 201;
	call->answer = json_pack("{s:s, s:s, s:s, s:I}", "agent_id", PQgetvalue(rows, 0, 0),
		"certificate_pem", call->pem, "ca_pem", agent_ca_pem(call->app->agent_ca),
		"poll_seconds", (json_int_t)call->app->settings.agents_poll_seconds);
	log_info("agent.enrolled", LOG_TEXT("agent", PQgetvalue(rows, 0, 0)));
	return FLOW_DONE;
}

static const struct flow_step enrol_steps[] = {
	{ "issue",
		enrol_issue }, /* certify the key, consume the code: the certificate counts only if both */
	{ "answer", enrol_answer },
	{ NULL, NULL },
};
static struct flow_kind enrol_kind = { "enrol", enrol_steps, agent_finished, 64, 0 };

static void enrol(struct request *request, void *app)
{
	begin(request, app, &enrol_kind, false);
}

/* ---- report and orders ---- */

static enum flow_next report_save(struct flow *flow, void *self)
{
	struct agent_call *call = self;
	struct fault fault;
	JSON *document = check_in_document(call->body, &fault);

	if (document == NULL)
		return flow_fail_with(flow, &fault);

	OWNED char *text = json_write(document);

	return db_begin(call->app->db, flow, sql_agent_check_in, DB_ARGS(call->agent_id, text));
}

static enum flow_next poll_seen(struct flow *flow, void *self)
{
	struct agent_call *call = self;

	return db_begin(call->app->db, flow, sql_agent_seen, DB_ARGS(call->agent_id));
}

static enum flow_next orders_offer(struct flow *flow, void *self)
{
	struct agent_call *call = self;

	return db_begin(call->app->db, flow, sql_agent_orders, DB_ARGS(call->agent_id));
}

static enum flow_next orders_answer(struct flow *flow, void *self)
{
	struct agent_call *call = self;
	const PGresult *rows = flow_rows(flow);
	const struct settings *settings = &call->app->settings;
	char now[CLOCK_TEXT];
	struct fault fault;
	json_t *orders = json_read(PQgetvalue(rows, 0, 0), (size_t)PQgetlength(rows, 0, 0), &fault);

	if (orders == NULL)
		return flow_fail_with(flow, &fault);
	clock_format(now, clock_now());
	call->answer = json_pack("{s:s, s:I, s:I, s:o}", "server_time", now, "poll_seconds",
		(json_int_t)settings->agents_poll_seconds, "report_seconds",
		(json_int_t)settings->agents_report_seconds, "orders", orders);
	if (PQgetvalue(rows, 0, 1)[0] == 't')
		(void)json_object_set_new(call->answer, "report_wanted", json_true());
	return FLOW_DONE;
}

static const struct flow_step report_steps[] = {
	{ "look_up", agent_look_up },
	{ "admit", agent_admit },
	{ "save", report_save },   /* inventory, in one statement, before the answer */
	{ "offer", orders_offer }, /* at most one order */
	{ "answer", orders_answer },
	{ NULL, NULL },
};
static const struct flow_step poll_steps[] = {
	{ "look_up", agent_look_up },
	{ "admit", agent_admit },
	{ "seen", poll_seen },
	{ "offer", orders_offer },
	{ "answer", orders_answer },
	{ NULL, NULL },
};
static struct flow_kind report_kind = { "report", report_steps, agent_finished, 512, 0 };
static struct flow_kind poll_kind = { "poll", poll_steps, agent_finished, 512, 0 };

static void report(struct request *request, void *app)
{
	begin(request, app, &report_kind, true);
}

static void poll(struct request *request, void *app)
{
	begin(request, app, &poll_kind, true);
}

/* ---- permit and result ---- */

static enum flow_next permit_commit(struct flow *flow, void *self)
{
	struct agent_call *call = self;
	const char *ref, *serial;
	struct fault fault;

	if (!json_text(&ref, call->body, "permit_ref", &fault) ||
		!json_text(&serial, call->body, "token_serial", &fault))
		return flow_fail_with(flow, &fault);
	if (strlen(ref) != 32)
		return flow_fail(flow, FAULT_INPUT, "permit_ref: 32 hex digits are expected");
	return db_try(call->app->db, flow, sql_agent_permit,
		DB_ARGS(call->agent_id, request_param(call->request, 0), ref, serial));
}

static enum flow_next permit_answer(struct flow *flow, void *self)
{
	struct agent_call *call = self;
	const PGresult *rows = flow_rows(flow);

	if (rows == NULL) {
		const struct fault *refusal = flow_db_fault(flow);

		if (refusal->kind == FAULT_DENIED)
			return refuse(flow, call, 409, "PIN_BARRED", refusal->text);
		if (refusal->kind == FAULT_CONFLICT) /* held, or its order has moved on */
			return refuse(flow, call, 409, "NOT_NOW", refusal->text);
		return flow_fail_with(flow, refusal);
	}
	call->answer = json_pack("{s:s, s:s, s:s}", "permit", "granted", "permit_ref",
		json_peek_text(call->body, "permit_ref"), "expires_at", PQgetvalue(rows, 0, 0));
	return FLOW_DONE;
}

static enum flow_next result_save(struct flow *flow, void *self)
{
	struct agent_call *call = self;
	const char *outcome;
	struct fault fault;

	if (!json_text(&outcome, call->body, "outcome", &fault))
		return flow_fail_with(flow, &fault);

	OWNED char *text = json_write(call->body);

	return db_begin(call->app->db, flow, sql_agent_result,
		DB_ARGS(call->agent_id, request_param(call->request, 0), text));
}

static enum flow_next result_answer(struct flow *flow, void *self)
{
	struct agent_call *call = self;

	(void)flow;
	call->answer = json_object();
	return FLOW_DONE;
}

static const struct flow_step permit_steps[] = {
	{ "look_up", agent_look_up },
	{ "admit", agent_admit },
	{ "commit", permit_commit }, /* one use of the PIN, durable before it is handed out */
	{ "answer", permit_answer },
	{ NULL, NULL },
};
static const struct flow_step result_steps[] = {
	{ "look_up", agent_look_up },
	{ "admit", agent_admit },
	{ "save", result_save },
	{ "answer", result_answer },
	{ NULL, NULL },
};
static struct flow_kind permit_kind = { "permit", permit_steps, agent_finished, 128, 0 };
static struct flow_kind result_kind = { "result", result_steps, agent_finished, 128, 0 };

static void permit(struct request *request, void *app)
{
	begin(request, app, &permit_kind, true);
}

static void result(struct request *request, void *app)
{
	begin(request, app, &result_kind, true);
}

/* clang-format off */
const struct inbound_route agent_routes[] = {
	{ INBOUND_POST, WIRE_ENROL,  WIRE_SMALL_MAX,  NULL, enrol },
	{ INBOUND_POST, WIRE_REPORT, WIRE_REPORT_MAX, NULL, report },
	{ INBOUND_GET,  WIRE_ORDERS, 0,               NULL, poll },
	{ INBOUND_POST, WIRE_PERMIT, WIRE_SMALL_MAX,  NULL, permit },
	{ INBOUND_POST, WIRE_RESULT, WIRE_RESULT_MAX, NULL, result },
};
/* clang-format on */
const size_t agent_route_count = COUNT_OF(agent_routes);
