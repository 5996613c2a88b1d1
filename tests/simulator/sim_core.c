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
#include "tests/simulator/sim_routes.h"
#include "tests/simulator/sim_sign.h"

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

	*call = (struct sim_call){ .sim = sim, .now = now, .clock = now, .request = request };
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
		if (json_peek_number(entry, "at", 0) + 7 * CLOCK_DAY >= call->now)
			return; /* the table is in order of arrival */
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

/* The certificate of what the path names, so that knobs can be limited to it. */
static const json_t *about(const struct sim_call *call)
{
	static const char *const tables[] = { "applications", "payments", "refunds", "bindings" };
	const json_t *found = NULL;

	for (size_t i = 0; i < COUNT_OF(tables) && found == NULL && call->id[0] != '\0'; i++)
		found = sim_find(call->sim, tables[i], call->id);
	return sim_find(call->sim, "certificates", json_peek_text(found, "certificate_id"));
}

/* The same of what the body names. */
static const json_t *about_body(const struct sim_call *call)
{
	struct fault fault;
	JSON *body = call->request->body_len == 0
		? NULL
		: json_read(call->request->body, call->request->body_len, &fault);
	const char *id = json_peek_text(body, "certificate_id");
	const char *application =
		json_string_value(json_array_get(json_object_get(body, "applications"), 0));
	const char *serial = json_peek_text(json_object_get(body, "certificate"), "serial");

	if (application != NULL)
		id = json_peek_text(
			sim_find(call->sim, "applications", application), "certificate_id");
	if (id != NULL)
		return sim_find(call->sim, "certificates", id);
	if (serial == NULL)
		serial = json_peek_text(body, "serial"); /* a person's request */
	return serial == NULL ? NULL : certificate_by_serial(call->sim, serial, NULL);
}

/* Knobs that refuse before anything has happened. */
static bool is_refused(struct sim_call *call)
{
	static const struct {
		const char *word;
		enum sim_code code;
	} words[] = { { "maintenance", SIM_MAINTENANCE }, { "upstream_down", SIM_UPSTREAM_DOWN },
		{ "timeout", SIM_TIMEOUT } };
	struct sim_subject subject = sim_subject_of_call(call);

	if (sim_knob_says(call->sim, "burst_429", NULL, &subject)) {
		(void)call_problem(call, SIM_RATE_LIMITED, "as the knob says");
		return true;
	}
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		if (!sim_knob_says(call->sim, "fail_before", words[i].word, &subject))
			continue;
		(void)call_problem(call, words[i].code, "as the knob says; nothing has happened");
		return true;
	}
	return false;
}

/* A code that can be true no more is not said: of the application that was opened as expired, or has its attachments. */
static bool may_be_said(const struct sim_call *call, enum sim_code code)
{
	const json_t *application = sim_find(call->sim, "applications", call->id);

	if (code == SIM_KIND_MISMATCH)
		return !text_equal(json_peek_text(application, "kind"), "expired");
	return code != SIM_ATTACHMENT_MISSING || application == NULL ||
		!application_has_attachments(application);
}

/* What the CA may say of one certificate at any step, though the simulated one has no reason to. */
static bool is_refused_by_rule(struct sim_call *call)
{
	static const struct {
		const char *word;
		enum sim_code code;
	} words[] = { { "expired_too_long", SIM_EXPIRED_TOO_LONG },
		{ "kind_mismatch", SIM_KIND_MISMATCH },
		{ "attachment_missing", SIM_ATTACHMENT_MISSING }, { "not_bound", SIM_NOT_BOUND },
		{ "cert_on_hold", SIM_CERT_ON_HOLD } };
	struct sim_subject subject = sim_subject_of_call(call);

	for (size_t i = 0; i < COUNT_OF(words); i++) {
		if (!may_be_said(call, words[i].code) ||
			!sim_knob_says(call->sim, "refuse", words[i].word, &subject))
			continue;
		call->certificate = json_peek_text(call->about, "id");
		(void)call_problem(call, words[i].code, "as the knob says");
		return true;
	}
	return false;
}

static void handle(struct sim_call *call, const struct route *route)
{
	bool post = text_equal(call->request->method, "POST");

	if (is_refused(call) || (post && !key_is_good(call)))
		return;
	forget_old_keys(call);
	if ((post && replay(call)) || !read_body(call, route->body) || is_refused_by_rule(call))
		return;
	route->handle(call);
	if (call->effect && post)
		remember(call);
}

static void run(struct sim_call *call, const struct route *route)
{
	bool reads = text_equal(call->request->method, "GET");

	call->operation = route->pattern;
	call->about = about(call);
	if (call->about == NULL && route->body == BODY_JSON)
		call->about = about_body(call);
	if (!reads)
		ledger_attempt(call);
	handle(call, route);
	if (!reads && call->status >= 400 && !call->replayed)
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

/* An answer from a later version of the contract. */
static void modernise(struct sim_call *call)
{
	struct sim_subject subject = sim_subject_of_call(call);
	struct sim_setting setting;
	bool state, member;

	if (call->status >= 300 || !json_is_object(call->reply) ||
		!sim_knob_take(call->sim, "unknown", NULL, &subject, &setting))
		return;
	state = !text_equal(setting.word, "member");
	member = !text_equal(setting.word, "state");
	call_reply(call, call->status, json_deep_copy(call->reply));
	if (state && json_object_get(call->reply, "state") != NULL)
		json_put_text(call->reply, "state", "awaiting_notary");
	if (member)
		json_object_set_new(call->reply, "notary",
			json_pack("{s:s, s:[i]}", "office", "unknown to version 1", "list", 1));
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

static void sign(struct sim_call *call, struct sim_answer *answer)
{
	char nonce[33];

	sim_hex(call->sim, nonce, 16);
	if (answer->status < 300 && sim_knob_fires(call, "unsigned_200") != 0)
		return;
	sim_sign_answer(call->sim, answer, call->clock, nonce);
	if (answer->status < 300 && sim_knob_fires(call, "bad_signature_200") != 0) {
		char *last = strrchr(answer->signature, '"') - 3;

		*last = *last == 'A' ? 'B' : 'A';
	}
}

void sim_gateway(
	struct sim *sim, int64_t now, const struct sim_request *request, struct sim_answer *answer)
{
	struct sim_call call;
	struct sim_subject subject;
	const struct route *route;
	char trace[17];

	*answer = (struct sim_answer){ 0 };
	call_begin(&call, sim, now, request);
	sim_advance(sim, now);
	subject = sim_subject_of_call(&call);
	call.clock += sim_knob_for(sim, "clock_skew_s", &subject) * CLOCK_SECOND;
	if (sim_check_request(&call)) {
		route = route_of_gateway(&call);
		if (route != NULL)
			run(&call, route);
	}
	disturb(&call, answer);
	modernise(&call);
	if (call.status >= 400) {
		sim_hex(sim, trace, 8);
		json_put_text(call.reply, "trace_id", trace);
	}
	finish(&call, answer);
	sign(&call, answer);
	call_done(&call);
}

void sim_control(
	struct sim *sim, int64_t now, const struct sim_request *request, struct sim_answer *answer)
{
	struct sim_call call;
	const struct route *route;
	bool act;

	*answer = (struct sim_answer){ 0 };
	call_begin(&call, sim, now, request);
	sim_advance(sim, now);
	route = route_of_control(&call);
	act = route != NULL && text_equal(route->method, "POST") &&
		(text_starts(route->pattern, "/sim/person/") ||
			text_starts(route->pattern, "/sim/phone"));
	if (route != NULL)
		call.operation = route->pattern;
	if (act) {
		call.about = about_body(&call);
		ledger_attempt(&call);
	}
	if (route != NULL && read_body(&call, route->body) && !(act && is_refused_by_rule(&call)))
		route->handle(&call);
	if (act && call.status >= 400)
		ledger_refuse(&call, json_peek_text(call.reply, "code"));
	finish(&call, answer);
	call_done(&call);
}

void sim_answer_done(struct sim_answer *answer)
{
	free(answer->body);
	answer->body = NULL;
}
