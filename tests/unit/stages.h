/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a renewal over a real database, with a CA whose every answer the test writes. */
#pragma once

#include "tests/unit/walks.h"

#include <event2/event.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "orchestrator/connectors/connector.h"
#include "orchestrator/flows/office_calendar.h"
#include "orchestrator/flows/pacing.h"
#include "orchestrator/flows/sets.h"
#include "orchestrator/flows/stage.h"
#include "orchestrator/loop/db.h"
#include "tests/unit/pki.h"
#include "tests/unit/sealed.h"

enum { SCRIPT_MAX = 8, CALL_TEXT = 512 };

/* ---- a CA that says what the test wrote ---- */

struct line {
	enum connector_op op;
	bool asking;
	enum outcome_kind kind;
	const char *code, *data; /* data: JSON or NULL */
};

struct said {
	enum connector_op op;
	bool asking;
	char key[STAGE_KEY_MAX], ref[STAGE_REF_MAX], id[64], body[CALL_TEXT];
};

static struct fake {
	struct connector connector;
	const struct line *script;
	size_t count;
	struct said said[SCRIPT_MAX];
} fake;

static inline enum flow_next fake_begin(
	struct connector *connector, struct flow *flow, const struct connector_call *call)
{
	OWNED char *body = call->body != NULL ? json_write(call->body) : text_dup("");
	(void)connector;
	assert_true(fake.count < SCRIPT_MAX);
	const struct line *line = &fake.script[fake.count];
	if (line->code == NULL || line->op != call->op || line->asking != call->asking)
		print_error("call %zu is %s%s\n", fake.count, call->asking ? "asking for " : "",
			connector_op_word(call->op));
	if (line->code == NULL || line->op != call->op || line->asking != call->asking)
		return flow_fail(flow, FAULT_BUG, "not in the script");
	struct said *said = &fake.said[fake.count++];
	*said = (struct said){ .op = call->op, .asking = call->asking };
	(void)snprintf(said->key, sizeof said->key, "%s", call->key != NULL ? call->key : "");
	(void)snprintf(said->ref, sizeof said->ref, "%s", call->ref != NULL ? call->ref : "");
	(void)snprintf(said->id, sizeof said->id, "%s", call->id != NULL ? call->id : "");
	(void)snprintf(said->body, sizeof said->body, "%s", body);
	return FLOW_NEXT;
}

static inline void fake_read(struct connector *connector, const struct flow *flow,
	const struct connector_call *call, struct outcome *out)
{
	const struct line *line = &fake.script[fake.count - 1];
	struct fault fault;
	(void)connector;
	(void)flow;
	(void)call;
	*out = (struct outcome){ .kind = OUTCOME_DONE };
	outcome_set(out, line->kind, line->code, "the CA says %s", line->code);
	if (line->data != NULL)
		out->data = json_read(line->data, strlen(line->data), &fault);
}

static inline void fake_free(struct connector *connector)
{
	(void)connector;
}

static const struct connector_ops fake_ops = { fake_begin, fake_read, fake_free };

/* ---- a worker ---- */

static struct app app;

static inline void on_step_ended(struct app *ended)
{
	(void)ended;
}

static char payee_name[] = "CA Ltd", payee_account[] = "8888", payee_bank[] = "Bank";

static inline int begin_worker(void **state)
{
	struct fault fault;
	(void)database_fresh(state);
	fake = (struct fake){ .connector = { &fake_ops, &gateway_traits, "gateway" } };
	app = (struct app){ .settings = { .payee_name = payee_name,
				    .payee_account = payee_account,
				    .payee_bank = payee_bank,
				    .poll_first_seconds = 30,
				    .poll_max_seconds = 1800,
				    .verify_seconds = 1800,
				    .retry_first_seconds = 5,
				    .retry_max_seconds = 1800,
				    .lease_seconds = 120,
				    .breaker_failures = 5,
				    .breaker_window_seconds = 60,
				    .breaker_open_seconds = 30,
				    .flows_max = 4 },
		.connectors = { { &fake.connector }, 1 },
		.on_step_ended = on_step_ended };
	app.calendar = office_calendar_read(XUQI_SOURCE_DIR "/policies/calendar", "", &fault);
	app.seals = keys_of_lines(NULL);
	app.base = event_base_new();
	app.engine = flow_engine_new(app.base, &fault);
	app.db = db_new(app.base,
		&(struct db_options){ .conninfo = the_database.conninfo,
			.connections = 1,
			.queue_max = 8,
			.statement_timeout_ms = 10000 },
		&fault);
	app.pacing = pacing_new(&app);
	return app.engine == NULL || app.db == NULL || !sets_open(&app, &fault);
}

static inline int end_worker(void **state)
{
	db_free(app.db);
	sets_close(&app);
	(void)event_base_loop(app.base, EVLOOP_NONBLOCK);
	flow_engine_free(app.engine);
	pacing_free(app.pacing);
	event_base_free(app.base);
	seal_keys_free(app.seals);
	calendar_free(app.calendar);
	return database_drop(state);
}

/* One step of RENEWAL, in which the CA is called exactly as SCRIPT says. */
static inline void step(const char *renewal, const struct line *script)
{
	OWNED char *epoch = text_dupf("%lld", (long long)claim(renewal));
	int64_t until = clock_monotonic_ms() + 10000;
	size_t wanted = 0;
	fake.script = script;
	fake.count = 0;
	assert_true(stage_start(&app, renewal, epoch));
	while (flow_engine_running(app.engine) > 0 && clock_monotonic_ms() < until)
		(void)event_base_loop(app.base, EVLOOP_ONCE);
	while (script[wanted].code != NULL)
		wanted++;
	assert_int_equal(flow_engine_running(app.engine), 0);
	assert_int_equal(fake.count, wanted);
}

/* clang-format off */
#define step_with(renewal, ...) step(renewal, (const struct line[]){ __VA_ARGS__, { 0 } })
#define step_alone(renewal) step(renewal, (const struct line[]){ { 0 } })
#define CALL(op, data) { CONNECTOR_##op, false, OUTCOME_DONE, "", data }
#define SAYS(op, kind, code, data) { CONNECTOR_##op, false, OUTCOME_##kind, code, data }
#define ASKED_ABOUT_IT CALL(CERTIFICATE, "{\"items\":[{\"status\":\"valid\"}]}")
#define ASK(op, kind, code, data) { CONNECTOR_##op, true, OUTCOME_##kind, code, data }
/* clang-format on */

/* A renewal in drafting whose handler has accepted and whose facts are FACTS. */
static const char drafting_facts[] = "{\"application_id\":\"A1\",\"agreed\":true,\"term\":1}";

#define META \
	"{\"agreement\":{\"id\":\"g\",\"version\":\"1\",\"sha256\":\"agree-1\"},\"statement\":{\"id\":\"st\",\"text\":\"I do\",\"sha256\":\"x\"}}"

static inline char *a_drafting_renewal(const char *facts)
{
	an_organisation();
	OWNED char *set = a_set("t1", "Li", 1);
	char *renewal = a_renewal("c", set);
	(void)sql("insert into ca_facts (ca, meta) values ('gateway', '" META "')");
	approve("all");
	walk(renewal, to_drafting);
	(void)sql("update renewals set quoted_fen = 20000, facts = '%s'", facts);
	return renewal;
}

static inline void walk_on(const char *renewal, const char *const *pairs, const char *state)
{
	size_t n = 0;
	const char *part[32] = { NULL };
	while (pairs[n] != NULL) {
		part[n] = pairs[n];
		part[n + 1] = pairs[n + 1];
		n += 2;
		if (strcmp(part[n - 1], state) == 0)
			break;
	}
	walk(renewal, part);
	assert_sql(state, "select state from renewals order by id limit 1");
}

/* In submitted, and so on to STATE. */
static inline char *a_renewal_in(const char *state)
{
	char *renewal = a_drafting_renewal(drafting_facts);
	walk_on(renewal, to_approved, state);
	return renewal;
}

static inline void assert_waits(const char *state, const char *reason)
{
	assert_sql(state, "select state from renewals order by id limit 1");
	assert_sql(reason, "select coalesce(blocked_reason, '') from renewals order by id limit 1");
	assert_sql("t", "select claimed_until is null from renewals order by id limit 1");
}

static inline void assert_task(const char *kind, const char *role, const char *says)
{
	assert_sql("1", "select count(*) from tasks where kind = '%s' and state = 'open'", kind);
	assert_sql(role, "select role from tasks where kind = '%s' and state = 'open'", kind);
	OWNED char *text = text_dup(sql(
		"select instruction || ' ' || values::text from tasks where kind = '%s' and state = 'open'",
		kind));
	if (strstr(text, says) == NULL)
		print_error("the task says: %s\n", text);
	assert_non_null(strstr(text, says));
}

static inline void finish_task(const char *kind, const char *who, const char *values)
{
	(void)sql(
		"select task_done(%s, (select id from tasks where kind = '%s' and state = 'open'), '{\"values\":{%s},\"commit\":true}')",
		who, kind, values);
}

#define PAYMENT \
	"{\"id\":\"P1\",\"amount\":{\"currency\":\"CNY\",\"amount_fen\":20000}," \
	"\"payee\":{\"name\":\"CA Ltd\",\"account\":\"8888\",\"bank\":\"Bank\"}}"

#define stage_test(function) cmocka_unit_test_setup_teardown(function, begin_worker, end_worker)

/* The order of RENEWAL is open and a transfer is linked to it; payment P1 is open at the CA. */
static inline void a_linked_transfer(const char *renewal)
{
	(void)sql("update renewals set facts = facts || '{\"payment_id\":\"P1\"}'");
	(void)sql(
		"insert into payment_orders (reference, payer_account, payer_name, payee_name, payee_account, payee_bank, amount_fen, status) "
		"values ('XQ0000000012', '6222', 'Acme', 'CA Ltd', '8888', 'Bank', 20000, 'linked')");
	(void)sql("insert into dues (renewal_id, order_id, amount_fen) values (%s, 1, 20000)",
		renewal);
	(void)sql(
		"insert into statements (sha256, file_name, content, encoding, account, proven, proof, imported_by) values ('s', 'f', '', 'utf-8', '6222', true, '[]', 6)");
	(void)sql(
		"insert into statement_lines (statement_id, line_key, row, byte_offset, raw, own_account, own_name, direction, amount_fen, amount_raw, paid_at, paid_at_raw, "
		"paid_at_precision, party_name, party_account, party_bank, memo, bank_serial) values (1, 'l', 1, 0, '', '6222 ', 'Acme(raw)', 'out', 20000, '200.00', '2026-11-20T02:03:04Z', '', "
		"'second', 'CA Ltd', '8888', 'Bank', '', 'B7')");
	(void)sql(
		"insert into links (line_id, order_id, rule, verdict, text, explanation) values (1, 1, 'R1', 'auto', '', '{}')");
}
