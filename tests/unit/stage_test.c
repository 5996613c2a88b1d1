/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a renewal over a real database with a CA whose every answer is written here: what each outcome
 * leads to, whom it asks, and what a crash between intent and conclusion may repeat. */
#include "tests/unit/walks.h"

#include <event2/event.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "orchestrator/connectors/connector.h"
#include "orchestrator/flows/stage.h"
#include "orchestrator/loop/db.h"
#include "tests/unit/pki.h"

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

static enum flow_next fake_begin(
	struct connector *connector, struct flow *flow, const struct connector_call *call)
{
	OWNED char *body = json_write(call->body);
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

static void fake_read(struct connector *connector, const struct flow *flow,
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

static const struct connector_ops fake_ops = { "fake", fake_begin, fake_read, NULL };

/* ---- a worker ---- */

static struct app app;

static void on_step_ended(struct app *ended)
{
	(void)ended;
}

static char payee_name[] = "CA Ltd", payee_account[] = "8888", payee_bank[] = "Bank";

static int begin_worker(void **state)
{
	struct fault fault;
	(void)database_fresh(state);
	fake = (struct fake){ .connector = { &fake_ops } };
	app = (struct app){ .settings = { .payee_name = payee_name,
				    .payee_account = payee_account,
				    .payee_bank = payee_bank,
				    .poll_first_seconds = 30,
				    .poll_max_seconds = 1800,
				    .verify_seconds = 1800,
				    .retry_first_seconds = 5,
				    .retry_max_seconds = 1800,
				    .flows_max = 4 },
		.connector = &fake.connector,
		.on_step_ended = on_step_ended };
	app.base = event_base_new();
	app.engine = flow_engine_new(app.base, &fault);
	app.db = db_new(app.base,
		&(struct db_options){ .conninfo = the_database.conninfo,
			.connections = 1,
			.queue_max = 8,
			.statement_timeout_ms = 10000 },
		&fault);
	return app.engine == NULL || app.db == NULL;
}

static int end_worker(void **state)
{
	db_free(app.db);
	(void)event_base_loop(app.base, EVLOOP_NONBLOCK);
	flow_engine_free(app.engine);
	event_base_free(app.base);
	return database_drop(state);
}

/* One step of RENEWAL, in which the CA is called exactly as SCRIPT says. */
static void step(const char *renewal, const struct line *script)
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
#define ASK(op, kind, code, data) { CONNECTOR_##op, true, OUTCOME_##kind, code, data }
/* clang-format on */

/* A renewal in drafting whose handler has accepted and whose facts are FACTS. */
static const char drafting_facts[] = "{\"application_id\":\"A1\",\"agreed\":true,\"term\":1}";

#define META \
	"{\"agreement\":{\"id\":\"g\",\"version\":\"1\",\"sha256\":\"agree-1\"},\"statement\":{\"id\":\"st\",\"text\":\"I do\",\"sha256\":\"x\"}}"

static char *a_drafting_renewal(const char *facts)
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

static void walk_on(const char *renewal, const char *const *pairs, const char *state)
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
	assert_sql(state, "select state from renewals");
}

/* In submitted, and so on to STATE. */
static char *a_renewal_in(const char *state)
{
	char *renewal = a_drafting_renewal(drafting_facts);
	walk_on(renewal, to_approved, state);
	return renewal;
}

static void assert_waits(const char *state, const char *reason)
{
	assert_sql(state, "select state from renewals");
	assert_sql(reason, "select coalesce(blocked_reason, '') from renewals");
	assert_sql("t", "select claimed_until is null from renewals");
}

static void assert_task(const char *kind, const char *role, const char *says)
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

static void finish_task(const char *kind, const char *who, const char *values)
{
	(void)sql(
		"select task_done(%s, (select id from tasks where kind = '%s' and state = 'open'), '{\"values\":{%s},\"commit\":true}')",
		who, kind, values);
}

#define PAYMENT \
	"{\"id\":\"P1\",\"amount\":{\"currency\":\"CNY\",\"amount_fen\":20000}," \
	"\"payee\":{\"name\":\"CA Ltd\",\"account\":\"8888\",\"bank\":\"Bank\"}}"

#define stage_test(function) cmocka_unit_test_setup_teardown(function, begin_worker, end_worker)

/* ---- outcomes that mean the same everywhere ---- */

static void an_unsure_outcome_is_asked_about_before_anything_is_repeated(void **state)
{
	char key[STAGE_KEY_MAX];
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	step_with(renewal, SAYS(PAY, UNSURE, "NO_ANSWER", NULL));
	(void)snprintf(key, sizeof key, "%s", fake.said[0].key);
	assert_waits("submitted", "unknown_outcome");
	assert_sql("t", "select settled_at is null from effects");
	step_with(
		renewal, ASK(PAY, UNSURE, "NO_ANSWER", NULL)); /* still unknown: nothing is done */
	assert_waits("submitted", "unknown_outcome");
	step_with(renewal, ASK(PAY, PENDING, "NOT_FOUND", NULL), CALL(PAY, PAYMENT));
	assert_string_equal(fake.said[1].key, key);
	assert_sql("awaiting_payment", "select state from renewals");
	assert_sql("1", "select count(*) from effects where outcome = 'done' and attempt = 1");
	assert_sql("1", "select count(*) from payment_orders");
}

static void what_arrived_is_not_done_again(void **state)
{
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	step_with(renewal, SAYS(PAY, UNSURE, "NO_ANSWER", NULL));
	step_with(renewal, ASK(PAY, DONE, "", PAYMENT));
	assert_sql("awaiting_payment", "select state from renewals");
	assert_sql("20000", "select amount_fen from payment_orders");
}

/* kill -9 after the intent was committed, the call perhaps made, and nothing concluded */
static void a_crash_between_intent_and_conclusion_asks_first(void **state)
{
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	(void)sql("select effect_intend(%s, %lld, 'pay', 1, 'the key', true)", renewal,
		(long long)claim(renewal));
	step_with(renewal, ASK(PAY, DONE, "", PAYMENT));
	assert_sql("1", "select count(*) from effects");
	assert_sql("awaiting_payment", "select state from renewals");
}

/* The order of RENEWAL is open and a transfer is linked to it; payment P1 is open at the CA. */
static void a_linked_transfer(const char *renewal)
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

static void what_cannot_be_asked_about_is_repeated_under_the_same_key(void **state)
{
	char key[STAGE_KEY_MAX];
	OWNED char *renewal = a_renewal_in("awaiting_payment");
	(void)state;
	a_linked_transfer(renewal);
	step_with(renewal, SAYS(REMIT, UNSURE, "NO_ANSWER", NULL));
	(void)snprintf(key, sizeof key, "%s", fake.said[0].key);
	step_with(renewal, CALL(REMIT, "{\"state\":\"verifying\"}"));
	assert_string_equal(fake.said[0].key, key);
	assert_sql("verifying_payment", "select state from renewals");
}

static void a_pending_outcome_waits_and_stays_unsettled(void **state)
{
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	step_with(renewal, SAYS(PAY, PENDING, "MAINTENANCE", NULL));
	assert_waits("submitted", "ca_unreachable");
	assert_sql("f", "select exists (select from effects where settled_at is not null)");
	step_with(renewal, ASK(PAY, PENDING, "NOT_FOUND", NULL), CALL(PAY, PAYMENT));
	assert_sql("awaiting_payment", "select state from renewals");
}

static void a_key_that_the_ca_refuses_is_a_matter_for_the_admin(void **state)
{
	OWNED char *renewal = a_renewal_in("paid");
	(void)state;
	step_with(renewal, SAYS(STATUS, NEED_HUMAN, "SIGNATURE_BAD", NULL));
	assert_task("ca_access", "admin", "SIGNATURE_BAD");
}

static void a_refusal_waits_for_a_person_and_is_a_new_attempt_after(void **state)
{
	char key[STAGE_KEY_MAX];
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	step_with(renewal, SAYS(PAY, REFUSED, "APPLICATION_BLOCKED", NULL));
	(void)snprintf(key, sizeof key, "%s", fake.said[0].key);
	assert_waits("submitted", "refused");
	assert_task("renewal", "operator", "APPLICATION_BLOCKED");
	step_alone(renewal); /* however often it is looked at */
	assert_waits("submitted", "refused");
	refused("retry=yes only",
		"select task_done(" P_OPERATOR
		", 1, '{\"values\":{\"retry\":\"no\"},\"commit\":true}')");
	finish_task("renewal", P_OPERATOR, "\"retry\":\"yes\"");
	step_with(renewal, CALL(PAY, PAYMENT));
	assert_string_not_equal(fake.said[0].key, key);
	assert_sql("refused,done", "select string_agg(outcome, ',' order by attempt) from effects");
}

static void under_a_hold_nothing_is_called(void **state)
{
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	(void)sql("select hold_set(" P_OPERATOR ", '{\"reason\":\"audit\"}')");
	step_alone(renewal);
	assert_waits("submitted", "hold");
	assert_sql("0", "select count(*) from effects");
}

/* ---- before anything is applied for ---- */

static void without_what_an_application_needs_nothing_is_called(void **state)
{
	OWNED char *renewal = a_drafting_renewal("{}");
	(void)state;
	(void)sql(
		"alter table renewals disable trigger renewals_origin; update renewals set state = 'binding', came_from = 'binding'");
	(void)sql("update workstations set client_version = '4.7.5'");
	step_alone(renewal);
	assert_waits("binding", "client_version");
	assert_task("client_version", "operator", "4.7.6");
	(void)sql(
		"update workstations set client_version = '4.7.10'; update certificate_sets set handler_id = null; update renewals set handler_id = null");
	step_alone(renewal);
	assert_waits("binding", "handler");
	assert_task("handler", "operator", "xuqi cert import");
	(void)sql(
		"update certificate_sets set handler_id = 8; update certificates set replaced_by = id"); /* no certificate is left */
	step_alone(renewal);
	assert_waits("binding", "token");
	assert_sql("0", "select count(*) from effects");
}

static void a_qr_text_is_seen_by_its_handler_only_and_erased(void **state)
{
	OWNED char *renewal = a_drafting_renewal("{}");
	(void)state;
	(void)sql(
		"alter table renewals disable trigger renewals_origin; update renewals set state = 'binding', came_from = 'binding'");
	step_with(renewal,
		CALL(BIND,
			"{\"id\":\"B1\",\"state\":\"waiting\",\"qr_text\":\"secret-qr\",\"expires_at\":\"2027-01-01T00:00:00Z\"}"));
	assert_sql("secret-qr", "select secret from tasks where kind = 'bind'");
	assert_sql("0",
		"select count(*) from task_items where values::text || instruction || title like '%%secret-qr%%'");
	assert_sql("0", "select count(*) from journal where text like '%%secret-qr%%'");
	(void)sql("alter table renewals enable trigger renewals_origin");
	step_with(renewal, CALL(BIND_STATUS, "{\"id\":\"B1\",\"state\":\"expired\"}"));
	assert_sql("binding", "select state from renewals");
	assert_sql("0", "select count(*) from tasks where secret is not null");
	assert_sql("0", "select count(*) from effects where answer::text like '%%secret-qr%%'");
}

static void another_certificate_on_the_confirm_page_is_no_binding(void **state)
{
	OWNED char *renewal = a_drafting_renewal("{\"binding_id\":\"B1\"}");
	(void)state;
	(void)sql(
		"alter table renewals disable trigger renewals_origin; update renewals set state = 'binding', came_from = 'binding'; "
		"alter table renewals enable trigger renewals_origin");
	step_with(renewal,
		CALL(BIND_STATUS,
			"{\"state\":\"confirmed\",\"certificates\":[{\"id\":\"X\",\"serial\":\"other\",\"issuer_sha256\":\"ca\"}]}"));
	assert_waits("binding", "refused");
	assert_task("renewal", "operator", "did not list the wanted certificate");
	finish_task("renewal", P_OPERATOR, "\"retry\":\"yes\"");
	step_with(renewal,
		CALL(BIND_STATUS,
			"{\"state\":\"confirmed\",\"certificates\":[{\"id\":\"X\",\"serial\":\"t1\",\"issuer_sha256\":\"ca\"}]}"));
	assert_sql("bound X", "select state || ' ' || (facts->>'certificate_id') from renewals");
}

static char *a_bound_renewal(void)
{
	an_organisation();
	OWNED char *set = a_set("t1", "Li", 1);
	char *renewal = a_renewal("c", set);
	approve("all");
	walk(renewal,
		(const char *const[]){
			"spend_approved", "binding", "binding_confirmed", "bound", NULL });
	return renewal;
}

static void a_kind_is_changed_once_by_the_ca(void **state)
{
	OWNED char *renewal = a_bound_renewal();
	(void)state;
	step_with(renewal, SAYS(OPEN, REFUSED, "KIND_MISMATCH", NULL));
	assert_sql("bound expired", "select state || ' ' || kind from renewals");
	step_with(renewal, SAYS(OPEN, REFUSED, "KIND_MISMATCH", NULL)); /* it cannot be neither */
	assert_waits("bound", "refused");
	assert_task("renewal", "operator", "KIND_MISMATCH");
	finish_task("renewal", P_OPERATOR, "\"retry\":\"yes\"");
	step_with(renewal, CALL(OPEN, "{\"id\":\"A1\",\"state\":\"draft\"}"));
	assert_sql(
		"drafting A1", "select state || ' ' || (facts->>'application_id') from renewals");
	assert_sql("t", "select client_ref is not null from renewals");
}

/* The certificate crosses its not_after while it waits for the handler. */
static void an_application_that_expired_meanwhile_is_withdrawn_and_opened_anew(void **state)
{
	OWNED char *renewal = a_drafting_renewal("{\"application_id\":\"A1\"}");
	(void)state;
	step_alone(renewal);
	finish_task("agreement", P_HANDLER, "\"accept\":\"yes\"");
	step_with(renewal, SAYS(AGREE, REFUSED, "KIND_MISMATCH", NULL));
	step_with(renewal, CALL(WITHDRAW, "{\"id\":\"A1\",\"state\":\"withdrawn\"}"));
	assert_string_equal(fake.said[0].id, "A1");
	assert_sql("bound expired", "select state || ' ' || kind from renewals");
	step_with(renewal, CALL(OPEN, "{\"id\":\"A2\",\"state\":\"draft\"}"));
	assert_sql(
		"drafting A2", "select state || ' ' || (facts->>'application_id') from renewals");
	step_alone(renewal); /* the old acceptance was for A1 */
	assert_waits("drafting", "agreement");
	finish_task("agreement", P_HANDLER, "\"accept\":\"yes\"");
	step_with(renewal, CALL(AGREE, "{}"));
	assert_string_equal(fake.said[0].id, "A2");
}

/* ---- agreement, term, price ---- */

static void only_the_handler_accepts_and_only_by_yes(void **state)
{
	OWNED char *renewal = a_drafting_renewal("{\"application_id\":\"A1\"}");
	(void)state;
	step_alone(renewal);
	assert_task("agreement", "handler", "agree-1");
	refused("is for handler",
		"select task_done(" P_ADMIN
		", 1, '{\"values\":{\"accept\":\"yes\"},\"commit\":true}')");
	refused("is for handler",
		"select task_done(" P_OPERATOR
		", 1, '{\"values\":{\"accept\":\"yes\"},\"commit\":true}')");
	finish_task("agreement", P_HANDLER, "\"accept\":\"no\"");
	step_alone(renewal);
	assert_task("agreement", "handler", "agree-1");
	finish_task("agreement", P_HANDLER, "\"accept\":\"yes\"");
	step_with(renewal, CALL(AGREE, "{}"));
	assert_non_null(strstr(fake.said[0].body, "agree-1"));
}

static void another_agreement_is_approved_and_accepted_anew(void **state)
{
	OWNED char *renewal = a_drafting_renewal("{\"application_id\":\"A1\"}");
	(void)state;
	step_alone(renewal);
	finish_task("agreement", P_HANDLER, "\"accept\":\"yes\"");
	step_with(renewal,
		SAYS(AGREE, REFUSED, "AGREEMENT_CHANGED",
			"{\"agreement\":{\"id\":\"g\",\"version\":\"2\",\"sha256\":\"agree-2\"}}"));
	assert_sql("awaiting_approval", "select state from renewals");
	assert_sql("t", "select spend_approval is null from renewals");
	assert_sql("agree-2", "select plan->>'agreement_sha256' from campaigns");
	refused("not the one",
		"select campaign_approve(" P_APPROVER
		", 1, '{\"gate\":\"all\",\"digest\":\"c\"}')");
	(void)sql(
		"select campaign_approve(" P_APPROVER
		", 1, jsonb_build_object('gate', 'all', 'digest', (select digest from campaigns)))");
	walk(renewal, to_drafting);
	step_alone(
		renewal); /* the CA's meta still shows the old text: neither is put before anybody */
	assert_waits("drafting", "agreement");
	assert_sql("0", "select count(*) from tasks where kind = 'agreement' and state = 'open'");
	(void)sql("update ca_facts set meta = replace(meta::text, 'agree-1', 'agree-2')::jsonb");
	step_alone(renewal);
	assert_task("agreement", "handler", "agree-2");
}

static void an_agreement_that_nobody_approved_is_not_shown_to_the_handler(void **state)
{
	OWNED char *renewal = a_drafting_renewal("{\"application_id\":\"A1\"}");
	(void)state;
	(void)sql("update ca_facts set meta = replace(meta::text, 'agree-1', 'agree-9')::jsonb");
	step_alone(renewal);
	assert_sql("awaiting_approval", "select state from renewals");
	assert_sql("agree-9", "select plan->>'agreement_sha256' from campaigns");
	assert_sql("0", "select count(*) from tasks where kind = 'agreement'");
}

static void the_approved_term_is_chosen_though_the_policy_lists_another_first(void **state)
{
	OWNED char *renewal = a_drafting_renewal("{\"application_id\":\"A1\",\"agreed\":true}");
	(void)state;
	(void)sql("update renewals set term_years = 2");
	step_with(renewal,
		CALL(TERMS,
			"[{\"years\":1,\"price_fen\":10000},{\"years\":2,\"price_fen\":20000}]"));
	assert_sql("2 20000", "select (facts->>'term') || ' ' || quoted_fen from renewals");
}

static void a_cheaper_term_of_the_policy_is_taken_within_the_approval(void **state)
{
	OWNED char *renewal = a_drafting_renewal("{\"application_id\":\"A1\",\"agreed\":true}");
	(void)state;
	step_with(
		renewal, CALL(TERMS, "[{\"years\":2,\"price_fen\":19000}]")); /* one year is gone */
	assert_sql("2 19000", "select (facts->>'term') || ' ' || quoted_fen from renewals");
}

static void a_dearer_price_must_be_approved_again(void **state)
{
	OWNED char *renewal = a_drafting_renewal("{\"application_id\":\"A1\",\"agreed\":true}");
	(void)state;
	step_with(renewal, CALL(TERMS, "[{\"years\":1,\"price_fen\":25000}]"));
	assert_sql("awaiting_approval 25000", "select state || ' ' || approved_fen from renewals");
	assert_sql("25000 25000",
		"select (plan->'rows'->0->>'price_fen') || ' ' || (plan->>'total_fen') from campaigns");
	assert_sql("t", "select digest <> 'c' and length(digest) = 64 from campaigns");
	assert_sql("t", "select spend_approval is null and touch_approval is null from renewals");
}

static void a_price_that_changes_at_submission_must_be_approved_again(void **state)
{
	OWNED char *renewal = a_drafting_renewal(
		"{\"application_id\":\"A1\",\"agreed\":true,\"term\":1,\"intent\":true}");
	(void)state;
	walk(renewal, (const char *const[]){ "intent_needed", "awaiting_intent", NULL });
	step_with(renewal,
		SAYS(SUBMIT, REFUSED, "PRICE_CHANGED",
			"{\"terms\":[{\"years\":1,\"price_fen\":30000}]}"));
	assert_sql("awaiting_approval 30000", "select state || ' ' || approved_fen from renewals");
}

static void no_offered_term_is_a_matter_for_a_person(void **state)
{
	OWNED char *renewal = a_drafting_renewal("{\"application_id\":\"A1\",\"agreed\":true}");
	(void)state;
	step_with(renewal, CALL(TERMS, "[]"));
	assert_waits("drafting", "refused");
	assert_task("renewal", "operator", "TERM_UNAVAILABLE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		stage_test(an_unsure_outcome_is_asked_about_before_anything_is_repeated),
		stage_test(what_arrived_is_not_done_again),
		stage_test(a_crash_between_intent_and_conclusion_asks_first),
		stage_test(what_cannot_be_asked_about_is_repeated_under_the_same_key),
		stage_test(a_pending_outcome_waits_and_stays_unsettled),
		stage_test(a_key_that_the_ca_refuses_is_a_matter_for_the_admin),
		stage_test(a_refusal_waits_for_a_person_and_is_a_new_attempt_after),
		stage_test(under_a_hold_nothing_is_called),
		stage_test(without_what_an_application_needs_nothing_is_called),
		stage_test(a_qr_text_is_seen_by_its_handler_only_and_erased),
		stage_test(another_certificate_on_the_confirm_page_is_no_binding),
		stage_test(a_kind_is_changed_once_by_the_ca),
		stage_test(an_application_that_expired_meanwhile_is_withdrawn_and_opened_anew),
		stage_test(only_the_handler_accepts_and_only_by_yes),
		stage_test(another_agreement_is_approved_and_accepted_anew),
		stage_test(an_agreement_that_nobody_approved_is_not_shown_to_the_handler),
		stage_test(the_approved_term_is_chosen_though_the_policy_lists_another_first),
		stage_test(a_cheaper_term_of_the_policy_is_taken_within_the_approval),
		stage_test(a_dearer_price_must_be_approved_again),
		stage_test(a_price_that_changes_at_submission_must_be_approved_again),
		stage_test(no_offered_term_is_a_matter_for_a_person),
	};
	return cmocka_run_group_tests(tests, database_begin, database_end);
}
