/* SPDX-License-Identifier: Apache-2.0 */
/* Authentication by API token, authorisation by the route's roles (default deny), the one-statement story. */
#include "orchestrator/api/ask.h"

#include <string.h>

#include "common/bytes.h"
#include "common/digest.h"
#include "common/log.h"
#include "common/text.h"
#include "orchestrator/api/query.h"
#include "orchestrator/domain/personal.h"
#include "orchestrator/loop/db.h"
#include "sql.h"

enum { TOKEN_MAX = 128 };

static enum flow_next ask_query(struct flow *flow, void *self);
static enum flow_next ask_read(struct flow *flow, void *self);

static const struct flow_step ask_steps[] = {
	{ "authenticate", ask_authenticate }, /* whose token is it? */
	{ "authorise", ask_authorise },       /* may that role call this route? */
	{ "query", ask_query },               /* the route's one statement */
	{ "read", ask_read },                 /* its status and document */
	{ NULL, NULL },
};

struct flow_kind ask_kind = { "ask", ask_steps, ask_finished, 256, 0 };

/* A path part that stands for a row must be its number; anything else names nothing. */
static bool path_can_exist(const struct request *request)
{
	const char *part = request_param(request, 0);
	int64_t id;

	return part == NULL || strstr(request_route(request)->path, "/:id") == NULL ||
		number_parse(&id, part, 1, INT64_MAX);
}

static const char *bearer_of(const struct request *request)
{
	const char *header = request_header(request, "Authorization");

	return header != NULL && text_starts(header, "Bearer ") ? header + strlen("Bearer ") : NULL;
}

enum flow_next ask_authenticate(struct flow *flow, void *self)
{
	struct ask *ask = self;

	return db_begin(ask->app->db, flow, sql_principal, DB_ARGS(ask->token_sha256));
}

static unsigned role_bit(const char *word)
{
	static const char *const words[] = { "operator", "finance", "approver", "handler",
		"auditor", "admin" };

	for (unsigned i = 0; i < COUNT_OF(words); i++)
		if (text_equal(words[i], word))
			return 1U << i;
	return 0;
}

enum flow_next ask_authorise(struct flow *flow, void *self)
{
	struct ask *ask = self;
	const PGresult *rows = flow_rows(flow);
	struct fault fault;

	if (PQntuples(rows) != 1) {
		ask->status = 401;
		return flow_fail(
			flow, FAULT_DENIED, "the API token is unknown, expired or revoked");
	}
	ask->principal = text_dup(PQgetvalue(rows, 0, 0));
	ask->who = json_read(ask->principal, strlen(ask->principal), &fault);
	if (ask->who == NULL)
		return flow_fail_with(flow, &fault);
	if ((ask->route->roles & role_bit(json_peek_text(ask->who, "role"))) == 0)
		return flow_fail(flow, FAULT_DENIED, "role %s may not do this",
			json_peek_text(ask->who, "role"));
	return FLOW_NEXT;
}

static enum flow_next ask_query(struct flow *flow, void *self)
{
	struct ask *ask = self;
	struct fault fault;
	JSON *query = request_query_json(ask->request);

	if (!query_check(request_route(ask->request)->path, query, &fault))
		return flow_fail_with(flow, &fault);
	if (ask->route->prepare != NULL && !ask->route->prepare(ask, &fault))
		return flow_fail_with(flow, &fault);

	OWNED char *query_text = json_write(query);
	OWNED char *body_text = json_write(ask->body);

	return db_begin(ask->app->db, flow, ask->route->statement,
		DB_ARGS(ask->principal, request_param(ask->request, 0), query_text, body_text));
}

static enum flow_next ask_read(struct flow *flow, void *self)
{
	struct ask *ask = self;
	const PGresult *rows = flow_rows(flow);
	struct fault fault;

	if (PQntuples(rows) != 1)
		return flow_fail(flow, FAULT_ABSENT, "there is no such thing here: %s",
			request_param(ask->request, 0));
	ask->status = text_equal(PQgetvalue(rows, 0, 0), "404") ? 404
		: text_equal(PQgetvalue(rows, 0, 0), "422")     ? 422
		: text_equal(PQgetvalue(rows, 0, 0), "201")     ? 201
								: 200;
	if (ask->status == 404)
		return flow_fail(flow, FAULT_ABSENT, "there is no such thing here: %s",
			request_param(ask->request, 0));
	ask->answer = ask->route->opens ? ask_opened(ask, PQgetvalue(rows, 0, 1), &fault)
					: text_dup(PQgetvalue(rows, 0, 1));
	return ask->answer != NULL ? FLOW_DONE : flow_fail_with(flow, &fault);
}

char *ask_opened(const struct ask *ask, const char *document, struct fault *fault)
{
	JSON *sealed = json_read(document, strlen(document), fault);
	JSON *opened = sealed != NULL ? personal_shown(sealed, ask->app->seals) : NULL;

	return opened != NULL ? json_write(opened) : NULL;
}

enum flow_next ask_answer(struct ask *ask, int status, json_t *answer)
{
	ask->status = status;
	ask->answer = json_write(answer);
	json_decref(answer);
	return FLOW_DONE;
}

bool ask_commits(const struct ask *ask)
{
	return json_is_true(json_object_get(ask->body, "commit"));
}

static void ask_free(struct ask *ask)
{
	if (ask->route->release != NULL)
		ask->route->release(ask);
	json_decref(ask->who);
	json_decref(ask->body);
	free(ask->principal);
	free(ask->token_sha256);
	free(ask->answer);
	free(ask);
}

void ask_finished(void *self, const struct fault *fault)
{
	struct ask *ask = self;
	const char *login = json_peek_text(ask->who, "login");

	if (fault != NULL)
		log_warn("request.refused", LOG_TEXT("path", request_route(ask->request)->path),
			LOG_TEXT("by", login), LOG_FAULT(fault));
	else
		log_debug("request.answered", LOG_TEXT("path", request_route(ask->request)->path),
			LOG_TEXT("by", login));
	if (fault == NULL)
		request_reply(ask->request, ask->status, "application/json; charset=utf-8",
			ask->answer, strlen(ask->answer));
	else if (ask->status == 401)
		request_reply_problem(ask->request, 401, "TOKEN_INVALID", fault->text);
	else
		request_reply_fault(ask->request, fault);
	ask_free(ask);
}

/* The body as an object; false (and answered) if it is something else. */
static bool read_body(struct request *request, json_t **out)
{
	size_t len;
	const void *bytes = request_body(request, &len);
	struct fault fault;

	*out = len > 0 ? json_read_up_to(bytes, len, request_route(request)->body_max, &fault)
		       : json_object();
	if (*out != NULL && json_is_object(*out) && personal_refuse_sealed(*out, &fault))
		return true;
	if (*out != NULL && !json_is_object(*out))
		(void)fault_set(&fault, FAULT_INPUT, "the body must be a JSON object");
	json_decref(*out);
	request_reply_fault(request, &fault);
	return false;
}

void ask_begin(struct request *request, void *app)
{
	const struct people_route *route = request_route(request)->extra;
	const char *bearer = bearer_of(request);
	char sha[SHA256_HEX];
	json_t *body;

	if (bearer == NULL || strlen(bearer) > TOKEN_MAX) {
		request_reply_problem(request, 401, "TOKEN_MISSING",
			"send Authorization: Bearer xq_… (xuqi --token-file)");
		return;
	}
	if (!path_can_exist(request)) {
		OWNED char *text =
			text_dupf("%.64s is no id: ids are numbers", request_param(request, 0));

		request_reply_problem(request, 404, "ABSENT", text);
		return;
	}
	if (!read_body(request, &body))
		return;

	struct ask *ask = zalloc(1, route->size != 0 ? route->size : sizeof *ask);
	struct flow_kind *kind = route->story != NULL ? route->story : &ask_kind;

	ask->app = app;
	ask->request = request;
	ask->route = route;
	ask->body = body;
	sha256_hex(sha, bearer, strlen(bearer));
	ask->token_sha256 = text_dup(sha);
	if (!flow_start(ask->app->engine, kind, ask)) {
		request_reply_problem(request, 503, "BUSY", "too many requests at once; try again");
		ask_free(ask);
	}
}
