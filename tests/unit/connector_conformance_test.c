/* SPDX-License-Identifier: Apache-2.0 */
/* Every connector passes the same suite (conformance.h).  To add one: a subject below, and a line in the table. */
#include "tests/unit/conformance.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <fcntl.h>
#include <unistd.h>

#include "orchestrator/connectors/manual.h"
#include "tests/simulator/sim_sign.h"
#include "tests/unit/example_connector.h"

/* ---- the gateway: over HTTP, with a server that says what the test wants ---- */

static const char secret_file[] = "/tmp/xuqi-conformance-secret",
		  secret[] = "a key that both sides know";

struct stub {
	struct evhttp *http;
	uint16_t port;
	enum mood mood;
	int junk;
	json_t *by_key; /* what was answered under each idempotency key */
};

static const char *const junk_bodies[] = { "", "{", "null", "[]", "{}", "\"text\"", "7",
	"{\"items\":7}", "{\"items\":[null]}", "{\"items\":[[]]}", "{\"id\":[1,2]}",
	"{\"state\":{}}", "{\"code\":7}", "{\"id\":null,\"state\":\"a state of next year\"}",
	"{\"code\":\"A_CODE_OF_NEXT_YEAR_WHICH_IS_LONGER_THAN_ANY_CODE_THAT_A_CONNECTOR_HAS_EVER_SEEN_BEFORE\"}",
	"<html>504</html>", "{\"retry_after_s\":-7,\"code\":\"RATE_LIMITED\"}",
	"{\"a\":1,\"a\":2}" };

static void answer(struct evhttp_request *request, int status, const char *body, bool sign)
{
	struct sim key = { .secret = (unsigned char *)text_dup(secret),
		.secret_len = strlen(secret) };
	struct sim_answer signed_answer = {
		.status = status, .body = text_dup(body), .body_len = strlen(body)
	};
	struct evbuffer *out = evbuffer_new();
	sim_sign_answer(&key, &signed_answer, clock_now(), "nonce");
	if (sign)
		(void)evhttp_add_header(evhttp_request_get_output_headers(request),
			"Xuqi-Signature", signed_answer.signature);
	(void)evbuffer_add(out, body, strlen(body));
	evhttp_send_reply(request, status, "", out);
	evbuffer_free(out);
	free(signed_answer.body);
	free(key.secret);
}

/* The same key has the same answer; what is new counts on. */
static char *known_or_new(struct stub *stub, const char *key)
{
	const char *id = key != NULL ? json_peek_text(stub->by_key, key) : "A0";
	OWNED char *fresh = text_dupf("A%zu", json_object_size(stub->by_key) + 1);
	char *body = text_dupf("{\"id\":\"%s\",\"state\":\"draft\"}", id != NULL ? id : fresh);
	if (id == NULL)
		json_put_text(stub->by_key, key, fresh);
	return body;
}

static void stub_answers(struct evhttp_request *request, void *context)
{
	struct stub *stub = context;
	const char *key =
		evhttp_find_header(evhttp_request_get_input_headers(request), "Idempotency-Key");
	OWNED char *body = NULL;
	switch (stub->mood) {
	case MOOD_YES:
		body = known_or_new(stub, key);
		answer(request, 200, body, true);
		return;
	case MOOD_NO:
		answer(request, 409, "{\"code\":\"STATE_CONFLICT\",\"detail\":\"not now\"}", true);
		return;
	case MOOD_ABSENT:
		answer(request, 200, "{\"items\":[]}", true);
		return;
	case MOOD_ARRIVED:
		answer(request, 200, "{\"items\":[{\"id\":\"A1\",\"state\":\"draft\"}]}", true);
		return;
	case MOOD_CUT:
		evhttp_connection_free(evhttp_request_get_connection(request));
		return;
	case MOOD_JUNK:
		break;
	}
	static const int statuses[] = { 200, 409, 500, 204, 302, 418 };
	answer(request, statuses[stub->junk % (int)COUNT_OF(statuses)],
		junk_bodies[(size_t)stub->junk % COUNT_OF(junk_bodies)], stub->junk % 5 != 4);
}

static void gateway_open(struct subject *subject)
{
	struct stub *stub = zalloc(1, sizeof *stub);
	int fd = open(secret_file, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
	struct fault fault;
	assert_true(fd >= 0 && write(fd, secret, strlen(secret)) == (ssize_t)strlen(secret));
	(void)close(fd);
	stub->by_key = json_object();
	stub->http = evhttp_new(subject->base);
	evhttp_set_allowed_methods(
		stub->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE);
	evhttp_set_gencb(stub->http, stub_answers, stub);
	struct evhttp_bound_socket *bound =
		evhttp_bind_socket_with_handle(stub->http, "127.0.0.1", 0);
	struct sockaddr_in at = { 0 };
	socklen_t len = sizeof at;
	assert_int_equal(
		getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&at, &len), 0);
	OWNED char *url = text_dupf("http://127.0.0.1:%u", ntohs(at.sin_port));
	subject->outside = stub;
	subject->connector = gateway_new(subject->outbound,
		&(struct gateway_options){
			.url = url, .ca_file = "", .key_id = "k", .secret_file = secret_file },
		&fault);
}

static bool gateway_put(struct subject *subject, enum mood mood, int n, struct connector_call *call)
{
	struct stub *stub = subject->outside;
	(void)call;
	stub->mood = mood;
	stub->junk = n;
	return true;
}

static void gateway_close(struct subject *subject)
{
	struct stub *stub = subject->outside;
	evhttp_free(stub->http);
	json_decref(stub->by_key);
	free(stub);
	(void)unlink(secret_file);
}

static const struct subject_kind gateway_subject = { "gateway", gateway_open, gateway_put,
	gateway_close };

/* ---- a person: the answer stands in the renewal's document ---- */

static void manual_open(struct subject *subject)
{
	subject->connector = manual_new(&(struct manual_options){ .payee_name = "CA Ltd" });
}

/* Which card an operation reads, and what answers it well and badly. */
static const struct {
	enum connector_op op;
	const char *kind, *yes, *no; /* NULL: a person cannot refuse it */
} papers[] = {
	{ CONNECTOR_BIND, "bind",
		"{\"result\":\"confirmed\",\"wechat\":\"li\",\"client_version\":\"4.7.10\"}",
		"{\"result\":\"confirmed\",\"wechat\":\"li\",\"client_version\":\"4.7.5\"}" },
	{ CONNECTOR_OPEN, "apply",
		"{\"result\":\"submitted\",\"application\":\"A1\",\"shown_price\":\"200.00\",\"shown_agreement\":\"1\",\"statement\":\"agree\"}",
		"{\"result\":\"kind_mismatch\"}" },
	{ CONNECTOR_AGREE, "apply", NULL,
		"{\"result\":\"agreement_changed\",\"shown_agreement\":\"2\"}" },
	{ CONNECTOR_TERM, "apply", NULL,
		"{\"result\":\"price_differs\",\"shown_price\":\"220.00\"}" },
	{ CONNECTOR_REMIT, "remit", "{\"result\":\"verified\"}", NULL },
	{ CONNECTOR_STATUS, "review", "{\"result\":\"approved\"}", NULL },
	{ CONNECTOR_REFUND, "refund_of_ca",
		"{\"result\":\"refunded\",\"refunded\":\"200.00\",\"refunded_on\":\"2026-12-01\"}",
		NULL },
	{ CONNECTOR_WITHDRAW, "withdraw_at_ca", "{\"result\":\"withdrawn\"}",
		"{\"result\":\"refused\",\"reason\":\"too late\"}" },
	{ CONNECTOR_INVOICE, "invoice_file",
		"{\"number\":\"I1\",\"total\":\"200.00\",\"invoice_buyer\":\"B\",\"invoice_tax_id\":\"T\"}",
		NULL },
};

static const char sat_down[] =
	"{\"result\":\"submitted\",\"application\":\"A1\",\"shown_price\":\"200.00\",\"shown_agreement\":\"1\",\"statement\":\"agree\"}";

/* A renewal in review, its sitting over, and no card of the later steps. */
static json_t *document(void)
{
	return json_pack(
		"{s:s, s:s, s:i, s:{s:i}, s:{s:{s:s}}, s:{s:s, s:s}, s:{s:s, s:s, s:s}, s:[{s:s, s:s}], s:{s:{s:s}}, s:{}}",
		"state", "in_review", "kind", "expiring", "term_years", 1, "order", "amount_fen",
		20000, "ca", "agreement", "version", "1", "handler", "id", "8", "name", "Li", "set",
		"holder", "Acme", "service", "Seal", "not_after", "2026-12-01T00:00:00+00:00",
		"certificates", "serial", "1F", "issuer_sha256", "ca", "campaign", "policy",
		"minimum_client_version", "4.7.6", "tasks");
}

/* ANSWER to the card KIND, given under REF. */
static void paper(json_t *doc, const char *kind, const char *ref, json_t *given)
{
	(void)json_object_set_new(json_object_get(doc, "tasks"), kind,
		json_pack("{s:s, s:s, s:{s:s}, s:o}", "state", "done", "closed_at",
			"2026-11-22T00:00:00+00:00", "values", "ref", ref, "answer", given));
}

static size_t paper_of(enum connector_op op)
{
	size_t i = 0;
	while (i < COUNT_OF(papers) && papers[i].op != op)
		i++;
	return i;
}

/* The reference under which the card of OP is read: effects have ours, readings their own. */
static const char *paper_ref(const struct subject *subject, enum connector_op op)
{
	if (connector_op(subject->connector, op)->effect)
		return "ref-1";
	return op == CONNECTOR_REFUND ? "refund" : "";
}

static json_t *junk_answer(int n)
{
	static const char *const answers[] = { "null", "7", "[]", "{}", "\"\"", "{\"result\":null}",
		"{\"result\":7}", "{\"result\":\"\"}", "{\"result\":\"no such word\"}",
		"{\"result\":\"submitted\"}", "{\"result\":\"submitted\",\"shown_price\":\"-1\"}",
		"{\"result\":\"submitted\",\"shown_price\":\"99999999999999999999\",\"application\":\"A\"}",
		"{\"result\":\"price_differs\",\"shown_price\":\"200.00\"}",
		"{\"result\":[\"submitted\"]}", "{\"result\":\"not_done\"}",
		"{\"result\":\"agreement_changed\",\"shown_agreement\":\"1\"}" };
	return json_loads(answers[(size_t)n % COUNT_OF(answers)], JSON_DECODE_ANY, NULL);
}

static void put_junk(struct subject *subject, int n, const struct connector_call *call)
{
	static const char *const cards[] = { "bind", "apply", "remit", "review", "refund_of_ca",
		"withdraw_at_ca", "invoice_file" };
	if (n % 4 == 3)
		(void)json_object_set_new(subject->doc, "tasks", json_loads("[7,{}]", 0, NULL));
	for (size_t i = 0; n % 4 != 3 && i < COUNT_OF(cards); i++)
		paper(subject->doc, cards[i], paper_ref(subject, call->op),
			junk_answer(n + (int)i));
}

static bool manual_put(struct subject *subject, enum mood mood, int n, struct connector_call *call)
{
	size_t at = paper_of(call->op);
	const char *given = at == COUNT_OF(papers) ? NULL
		: mood == MOOD_NO                  ? papers[at].no
						   : papers[at].yes;
	if (mood == MOOD_CUT || (mood == MOOD_NO && given == NULL))
		return false;
	json_decref(subject->doc);
	subject->doc = document();
	paper(subject->doc, "apply", mood == MOOD_ABSENT ? "another" : "ref-1",
		json_loads(sat_down, 0, NULL));
	if (mood == MOOD_JUNK)
		put_junk(subject, n, call);
	else if (given != NULL && mood != MOOD_ABSENT)
		paper(subject->doc, papers[at].kind, paper_ref(subject, call->op),
			json_loads(given, 0, NULL));
	call->doc = mood == MOOD_JUNK && n == 0 ? NULL : subject->doc;
	return true;
}

static void nothing_to_close(struct subject *subject)
{
	(void)subject;
}

static const struct subject_kind manual_subject = { "manual", manual_open, manual_put,
	nothing_to_close };

/* ---- the example of docs/connectors.md ---- */

static void example_open(struct subject *subject)
{
	subject->connector = example_new();
}

static bool example_put(struct subject *subject, enum mood mood, int n, struct connector_call *call)
{
	struct example *self = CONTAINER_OF(subject->connector, struct example, connector);
	(void)n;
	self->refuses = mood == MOOD_NO;
	if (mood == MOOD_ARRIVED)
		(void)json_object_set_new(
			self->done, call->ref, json_pack("{s:s}", "id", call->ref));
	else
		(void)json_object_del(self->done, call->ref);
	return mood != MOOD_CUT &&
		mood != MOOD_JUNK; /* in one process nothing is lost or garbled */
}

static const struct subject_kind example_subject = { "example", example_open, example_put,
	nothing_to_close };

/* ---- the table ---- */

static const struct subject_kind *const subjects[] = {
	&gateway_subject,
	&manual_subject,
	&example_subject,
};

struct case_of {
	const struct subject_kind *kind;
	void (*run)(struct subject *subject);
};

static void conforms(void **state)
{
	const struct case_of *one = *state;
	struct subject subject;
	subject_open(&subject, one->kind);
	one->run(&subject);
	subject_close(&subject);
}

int main(void)
{
	static struct case_of cases[COUNT_OF(subjects) * COUNT_OF(conformance)];
	static struct CMUnitTest tests[COUNT_OF(cases)];
	static char names[COUNT_OF(cases)][80];
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const struct subject_kind *kind = subjects[i / COUNT_OF(conformance)];
		size_t rule = i % COUNT_OF(conformance);
		cases[i] = (struct case_of){ kind, conformance[rule].run };
		(void)snprintf(
			names[i], sizeof names[i], "%s_%s", kind->name, conformance[rule].name);
		tests[i] = (struct CMUnitTest){ names[i], conforms, NULL, NULL, &cases[i] };
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
