/* SPDX-License-Identifier: Apache-2.0 */
/* A request's way: signature, route, Idempotency-Key, body, handler; then what is remembered and
 * counted, and what the knobs do to the answer. */
#include "tests/simulator/sim_core.h"

#include <stdio.h>
#include <string.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/digest.h"
#include "common/text.h"
#include "tests/simulator/sim_bank.h"
#include "tests/simulator/sim_inside.h"
#include "tests/simulator/sim_knobs.h"
#include "tests/simulator/sim_sign.h"

enum body_kind {
	BODY_NONE,
	BODY_JSON,     /* an object, required */
	BODY_OPTIONAL, /* an object, or nothing */
	BODY_RAW       /* the handler's own business */
};

struct route {
	const char *method;
	const char *pattern;
	enum body_kind body;
	void (*handle)(struct sim_call *call);
};

static void get_root(struct sim_call *call)
{
	char *pem = sim_root_pem(call->sim);

	call_reply_raw(call, "application/x-pem-file", pem, strlen(pem));
}

static void get_chain(struct sim_call *call)
{
	char *pem = sim_pki_chain_pem(call->sim->pki);

	call_reply_raw(call, "application/x-pem-file", pem, strlen(pem));
}

static const struct route gateway_routes[] = {
	{ "GET", "/v1/meta", BODY_NONE, get_meta },
	{ "POST", "/v1/bindings", BODY_JSON, post_binding },
	{ "GET", "/v1/bindings", BODY_NONE, get_bindings },
	{ "GET", "/v1/bindings/:id", BODY_NONE, get_binding },
	{ "DELETE", "/v1/bindings/:id", BODY_NONE, delete_binding },
	{ "GET", "/v1/certificates", BODY_NONE, get_certificates },
	{ "GET", "/v1/agreements/current", BODY_NONE, get_agreement },
	{ "POST", "/v1/applications", BODY_JSON, post_application },
	{ "GET", "/v1/applications", BODY_NONE, get_applications },
	{ "GET", "/v1/applications/:id", BODY_NONE, get_application },
	{ "PUT", "/v1/applications/:id/agreement", BODY_JSON, put_agreement },
	{ "GET", "/v1/applications/:id/terms", BODY_NONE, get_terms },
	{ "PUT", "/v1/applications/:id/term", BODY_JSON, put_term },
	{ "POST", "/v1/applications/:id/attachments", BODY_RAW, post_attachment },
	{ "PUT", "/v1/applications/:id/intent", BODY_JSON, put_intent },
	{ "POST", "/v1/applications/:id/submit", BODY_OPTIONAL, post_submit },
	{ "POST", "/v1/applications/:id/withdraw", BODY_OPTIONAL, post_withdraw },
	{ "GET", "/v1/applications/:id/issuance", BODY_NONE, get_issuance },
	{ "POST", "/v1/applications/:id/install-reports", BODY_JSON, post_install_report },
	{ "GET", "/v1/applications/:id/invoice", BODY_NONE, get_invoice },
	{ "POST", "/v1/applications/:id/invoice/resend", BODY_JSON, post_invoice_resend },
	{ "POST", "/v1/payments", BODY_JSON, post_payment },
	{ "GET", "/v1/payments", BODY_NONE, get_payments },
	{ "GET", "/v1/payments/:id", BODY_NONE, get_payment },
	{ "PUT", "/v1/payments/:id/remittance", BODY_JSON, put_remittance },
};

static const struct route control_routes[] = {
	{ "GET", "/sim/ledger", BODY_NONE, get_ledger },
	{ "GET", "/sim/knobs", BODY_NONE, get_knobs },
	{ "PUT", "/sim/knobs", BODY_JSON, put_knobs },
	{ "POST", "/sim/enrol", BODY_JSON, post_enrol },
	{ "POST", "/sim/phone", BODY_JSON, post_phone },
	{ "GET", "/sim/pki/root.pem", BODY_NONE, get_root },
	{ "GET", "/sim/pki/chain.pem", BODY_NONE, get_chain },
	{ "POST", "/sim/bank/execute", BODY_RAW, post_bank_execute },
	{ "GET", "/sim/bank/statement", BODY_NONE, get_bank_statement },
	{ "GET", "/sim/bank/accounts", BODY_NONE, get_bank_accounts },
};

/* PATTERN is PATH, segment by segment; `:id` takes one segment into ID. */
static bool path_matches(const char *pattern, const char *path, char id[SIM_ID_TEXT])
{
	for (;;) {
		size_t want = strcspn(pattern, "/"), have = strcspn(path, "/");
		bool any = want == 3 && strncmp(pattern, ":id", 3) == 0;

		if (any ? have == 0 || have >= SIM_ID_TEXT
			: want != have || strncmp(pattern, path, want) != 0)
			return false;
		if (any)
			(void)snprintf(id, SIM_ID_TEXT, "%.*s", (int)have, path);
		pattern += want;
		path += have;
		if (*pattern == '\0' || *path == '\0')
			return *pattern == *path;
		pattern++;
		path++;
	}
}

static const struct route *route_find(
	struct sim_call *call, const struct route *routes, size_t count)
{
	bool elsewhere = false;

	for (size_t i = 0; i < count; i++) {
		if (!path_matches(routes[i].pattern, call->path, call->id))
			continue;
		if (text_equal(routes[i].method, call->request->method))
			return &routes[i];
		elsewhere = true;
	}
	(void)call_problem(call, elsewhere ? SIM_METHOD_NOT_ALLOWED : SIM_NOT_FOUND,
		"%s %s is not in the contract", call->request->method, call->path);
	return NULL;
}

/* LEN bytes of percent-encoded text (RFC 3986, + for a blank), decoded on the heap. */
static char *percent_decode(const char *from, size_t len)
{
	char *out = zalloc(1, len + 1);
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		char digits[3] = { 0 };
		unsigned char byte = (unsigned char)from[i];

		if (from[i] == '%' && i + 2 < len) {
			memcpy(digits, from + i + 1, 2);
			if (hex_decode(&byte, 1, digits))
				i += 2;
		}
		out[n++] = from[i] == '+' ? ' ' : (char)byte;
	}
	return out;
}

static json_t *query_parse(const char *query)
{
	json_t *members = json_object();

	while (query != NULL && *query != '\0') {
		size_t len = strcspn(query, "&");
		const char *equals = memchr(query, '=', len);

		if (equals != NULL) {
			OWNED char *key = percent_decode(query, (size_t)(equals - query));
			OWNED char *value =
				percent_decode(equals + 1, len - (size_t)(equals - query) - 1);

			json_object_set_new(members, key, json_string(value));
		}
		query += query[len] == '&' ? len + 1 : len;
	}
	return members;
}

static void call_begin(
	struct sim_call *call, struct sim *sim, int64_t now, const struct sim_request *request)
{
	const char *query = strchr(request->target, '?');
	size_t len = query == NULL ? strlen(request->target) : (size_t)(query - request->target);

	*call = (struct sim_call){ .sim = sim, .now = now, .request = request };
	(void)snprintf(call->path, sizeof(call->path), "%.*s", (int)(len < 500 ? len : 500),
		request->target);
	call->query = query_parse(query == NULL ? NULL : query + 1);
	call->operation = call->path;
}

static void call_done(struct sim_call *call)
{
	json_decref(call->query);
	json_decref(call->body);
	json_decref(call->reply);
	free(call->raw);
}

static bool read_body(struct sim_call *call, enum body_kind kind)
{
	struct fault fault;

	if (kind == BODY_NONE || kind == BODY_RAW)
		return true;
	if (kind == BODY_OPTIONAL && call->request->body_len == 0) {
		call->body = json_object();
		return true;
	}
	call->body = json_read(call->request->body, call->request->body_len, &fault);
	if (json_is_object(call->body))
		return true;
	(void)call_problem(call, SIM_BODY_INVALID, "%s",
		call->body == NULL ? fault.text : "the body must be a JSON object");
	return false;
}

/* ---- Idempotency-Key ---- */

static void fingerprint(const struct sim_call *call, char out[SHA256_HEX])
{
	char body[SHA256_HEX];
	const struct sim_request *request = call->request;
	OWNED char *line = NULL;

	sha256_hex(body, request->body == NULL ? "" : request->body, request->body_len);
	line = text_dupf("%s %s %s", request->method, request->target, body);
	sha256_hex(out, line, strlen(line));
}

static void forget_old_keys(struct sim_call *call)
{
	json_t *stored = sim_table(call->sim, "idempotency");
	const char *key;
	json_t *entry;
	void *next;

	json_object_foreach_safe(stored, next, key, entry)
	{
		if (json_peek_number(entry, "at", 0) + 7 * CLOCK_DAY < call->now)
			json_object_del(stored, key);
	}
}

/* The answer stored under the key, if there is one: true when the call has ended. */
static bool replay(struct sim_call *call)
{
	const json_t *entry = sim_find(call->sim, "idempotency", call->request->idempotency_key);
	char print[SHA256_HEX];

	if (entry == NULL)
		return false;
	fingerprint(call, print);
	if (!text_equal(json_peek_text(entry, "fingerprint"), print)) {
		(void)call_problem(call, SIM_IDEMPOTENCY_KEY_REUSED,
			"this Idempotency-Key was sent with another method, path or body");
		ledger_refuse(call, sim_code_word(call->code));
		return true;
	}
	call_reply(call, (int)json_peek_number(entry, "status", 0),
		json_incref(json_object_get(entry, "body")));
	(void)snprintf(
		call->location, sizeof(call->location), "%s", json_peek_text(entry, "location"));
	(void)snprintf(call->etag, sizeof(call->etag), "%s", json_peek_text(entry, "etag"));
	call->replayed = true;
	ledger_replay(call->sim);
	return true;
}

static void remember(struct sim_call *call)
{
	json_t *entry = json_object();
	char print[SHA256_HEX];

	fingerprint(call, print);
	json_put_text(entry, "fingerprint", print);
	json_put_number(entry, "status", call->status);
	json_put_text(entry, "location", call->location);
	json_put_text(entry, "etag", call->etag);
	json_put_number(entry, "at", call->now);
	json_object_set(entry, "body", call->reply);
	json_object_set_new(
		sim_table(call->sim, "idempotency"), call->request->idempotency_key, entry);
}

static bool key_is_good(struct sim_call *call)
{
	const char *key = call->request->idempotency_key;
	size_t len = key == NULL ? 0 : strlen(key);
	bool good = len >= 8 && len <= 64 &&
		strspn(key, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-") ==
			len;

	if (!good)
		(void)call_problem(call, SIM_IDEMPOTENCY_KEY_MISSING,
			"every POST needs an Idempotency-Key of 8 to 64 characters of [0-9A-Za-z_-]");
	return good;
}

/* ---- the two interfaces ---- */

static void run(struct sim_call *call, const struct route *route)
{
	bool post = text_equal(call->request->method, "POST");

	call->operation = route->pattern;
	if (post && !key_is_good(call))
		return;
	forget_old_keys(call);
	if (post && replay(call))
		return;
	if (!read_body(call, route->body))
		return;
	route->handle(call);
	if (call->effect && post)
		remember(call);
	if (!text_equal(call->request->method, "GET") && call->status >= 400)
		ledger_refuse(call, sim_code_word(call->code));
}

/* What the knobs do once the effect stands. */
static void disturb(struct sim_call *call, struct sim_answer *answer)
{
	if (!call->effect)
		return;
	answer->hold_ms = sim_knob_fires(call, "hold_after_commit_ms");
	answer->cut = sim_knob_fires(call, "cut_after_body") != 0;
	if (sim_knob_fires(call, "fail_after_commit") != 0)
		(void)call_problem(call, SIM_INTERNAL, "failed after the effect, as the knob says");
}

/* Hand the call's ending over to ANSWER. */
static void finish(struct sim_call *call, struct sim_answer *answer)
{
	answer->status = call->status;
	answer->content_type = call->content_type;
	answer->retry_after_s = call->retry_after_s;
	answer->replayed = call->replayed;
	(void)snprintf(answer->location, sizeof(answer->location), "%s", call->location);
	(void)snprintf(answer->etag, sizeof(answer->etag), "%s", call->etag);
	if (call->reply != NULL) {
		answer->body = json_write(call->reply);
		answer->body_len = strlen(answer->body);
	} else {
		answer->body_len = call->raw_len;
		answer->body = take(call->raw);
	}
}

void sim_gateway(
	struct sim *sim, int64_t now, const struct sim_request *request, struct sim_answer *answer)
{
	struct sim_call call;
	const struct route *route;
	char nonce[33];

	*answer = (struct sim_answer){ 0 };
	call_begin(&call, sim, now, request);
	sim_advance(sim, now);
	if (sim_check_request(&call)) {
		route = route_find(&call, gateway_routes, COUNT_OF(gateway_routes));
		if (route != NULL)
			run(&call, route);
	}
	disturb(&call, answer);
	if (call.status >= 400) {
		sim_hex(sim, nonce, 8);
		json_put_text(call.reply, "trace_id", nonce);
	}
	finish(&call, answer);
	sim_hex(sim, nonce, 16);
	if (answer->status >= 300 || sim_knob_fires(&call, "unsigned_200") == 0)
		sim_sign_answer(sim, answer, now, nonce);
	call_done(&call);
}

void sim_control(
	struct sim *sim, int64_t now, const struct sim_request *request, struct sim_answer *answer)
{
	struct sim_call call;
	const struct route *route;

	*answer = (struct sim_answer){ 0 };
	call_begin(&call, sim, now, request);
	sim_advance(sim, now);
	route = route_find(&call, control_routes, COUNT_OF(control_routes));
	if (route != NULL && read_body(&call, route->body))
		route->handle(&call);
	finish(&call, answer);
	call_done(&call);
}

void sim_answer_done(struct sim_answer *answer)
{
	free(answer->body);
	answer->body = NULL;
}
