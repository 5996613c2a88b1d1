/* SPDX-License-Identifier: Apache-2.0 */
/* What no sequence of calls may bring about.  Random calls of everything that moves, approves, reprices, holds,
 * pays, permits and reports, right and wrong, from a fixed seed; after each the invariants are asked of the
 * database.  The positive control: with one rule taken away, the same calls must break the invariant it keeps. */
#include "tests/unit/walks.h"

enum { CALLS = 400, RENEWALS = 8 };

/* ---- chance ---- */

static uint64_t seed;

static unsigned pick(unsigned n)
{
	seed = seed * 6364136223846793005U + 1442695040888963407U;
	return (unsigned)(seed >> 33) % n;
}

/* ---- invariants: each says what is wrong, or nothing ---- */

static const struct {
	const char *name, *statement;
} invariants[] = {
	{ "one open renewal of a certificate",
		"select set_id from renewals r join renewal_states s using (state) where not final group by set_id having count(*) > 1" },
	{ "one payable order of a renewal",
		"select renewal_id from dues group by renewal_id having count(*) > 1" },
	{ "no state past the gate without its spend approval",
		"select r.id from renewals r left join approvals a on a.id = r.spend_approval and a.gate = 'spend' and a.campaign_id = r.campaign_id "
		"where a.id is null and state not in ('planned', 'awaiting_approval', 'withdrawn', 'failed', 'refunding', 'refunded')" },
	{ "nothing on a token without its touch approval",
		"select r.id from renewals r left join approvals a on a.id = r.touch_approval and a.gate = 'touch' and a.campaign_id = r.campaign_id "
		"where a.id is null and state in ('install_queued', 'installing', 'installed', 'awaiting_invoice', 'done', 'quarantined')" },
	{ "nobody approves the own request",
		"select a.id from approvals a join campaigns c on c.id = a.campaign_id where a.approver_id = c.created_by" },
	{ "never more than approved", "select id from renewals where quoted_fen > approved_fen" },
	{ "the state is the journal's last",
		"select r.id from renewals r join lateral (select to_state from journal where renewal_id = r.id and to_state is not null order by id desc limit 1) j on true where j.to_state <> r.state" },
	{ "every move is an edge of the product's table",
		"select id from journal j where to_state is not null and not exists (select from right_edges e where (e.from_state, e.event, e.to_state) = (j.from_state, j.event, j.to_state))" },
	{ "the journal is one walk along the table",
		"select id from (select id, from_state, lag(to_state, 1, 'planned') over (partition by renewal_id order by id) as before from journal where to_state is not null) j where from_state <> before" },
	{ "no effect without a spend approval before it",
		"select e.id from effects e where not exists (select from renewals r join approvals a on a.campaign_id = r.campaign_id and a.gate = 'spend' "
		"where r.id = e.renewal_id and a.approved_at <= e.intended_at)" },
	{ "one unsettled effect of a kind",
		"select renewal_id from effects where settled_at is null group by renewal_id, op having count(*) > 1" },
	{ "no effect begun under a hold",
		"select e.id from effects e join holds h on h.scope = 'all' and e.intended_at > h.set_at + interval '1 millisecond' and (h.released_at is null or e.intended_at < h.released_at)" },
	{ "a wrong or unknown PIN is used once",
		"select token_id from pin_attempts where cleared_at is null and (outcome is null or outcome in ('incorrect', 'unsure')) group by token_id having count(*) > 1" },
	{ "after a wrong PIN none is used before a person clears it",
		"select b.id from pin_attempts a join pin_attempts b on b.token_id = a.token_id and b.permitted_at > a.permitted_at "
		"where a.outcome in ('incorrect', 'unsure') and coalesce(a.cleared_at, 'infinity') > b.permitted_at" },
	{ "no permit begun under a hold",
		"select p.id from pin_attempts p join holds h on h.scope = 'all' and p.permitted_at > h.set_at + interval '1 millisecond' and (h.released_at is null or p.permitted_at < h.released_at)" },
	{ "a hold is released by two people",
		"select id from holds where released_at is not null and released_by = release_asked_by" },
	{ "an order stands in one file",
		"select o.id from payment_orders o where (o.status = 'exported') <> (o.file_id is not null) and o.status in ('open', 'exported')" },
	{ "what files hold is what was exported",
		"select f.id from payment_files f where f.count <> (select count(*) from payment_orders o where o.file_id = f.id)" },
	{ "no secret outlives its task",
		"select id from tasks where secret is not null and state <> 'open'" },
};

/* All of them as one statement, prepared once. */
static void prepare_invariants(void)
{
	TEXT all;
	text_init(&all, 65536);
	for (size_t i = 0; i < COUNT_OF(invariants); i++)
		text_addf(&all, "%sselect %zu where exists (%s)", i > 0 ? " union all " : "", i,
			invariants[i].statement);
	PGresult *result = PQprepare(the_database.pg, "invariants", all.data, 0, NULL);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		print_error("%s", PQresultErrorMessage(result));
	assert_int_equal(PQresultStatus(result), PGRES_COMMAND_OK);
	PQclear(result);
}

/* The first broken invariant, or NULL. */
static const char *broken_invariant(void)
{
	int64_t first = 0;
	PGresult *result = PQexecPrepared(the_database.pg, "invariants", 0, NULL, NULL, NULL, 0);
	assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
	bool broken = PQntuples(result) > 0;
	assert_true(!broken ||
		number_parse(&first, PQgetvalue(result, 0, 0), 0, COUNT_OF(invariants) - 1));
	PQclear(result);
	return broken ? invariants[first].name : NULL;
}

/* ---- calls ---- */

static const char *const people[] = { P_OPERATOR, P_APPROVER, P_APPROVER2, P_FINANCE, P_FINANCE2,
	P_HANDLER };

static const char *somebody(void)
{
	return people[pick(COUNT_OF(people))];
}

static unsigned a_renewal_id(void)
{
	return 1 + pick(RENEWALS);
}

/* The present epoch of a renewal, or now and then an old one. */
static long long an_epoch(unsigned renewal)
{
	int64_t epoch = sql_number("select epoch from renewals where id = %u", renewal);
	return (long long)epoch - (pick(8) == 0);
}

static void call_claim(void)
{
	(void)sqlstate(
		"update renewals set epoch = nextval('lease_epoch'), claimed_at = clock_timestamp(), claimed_until = clock_timestamp() + interval '1 minute' where id = %u",
		a_renewal_id());
}

/* A move along the table from where the renewal stands, or now and then anywhere. */
static void call_move(void)
{
	unsigned renewal = a_renewal_id();
	call_claim();
	(void)sqlstate(
		"update renewals set epoch = nextval('lease_epoch'), claimed_until = clock_timestamp() + interval '1 minute' where id = %u",
		renewal);
	(void)sqlstate(
		"select renewal_conclude(%u, %lld, 'test', jsonb_build_object('move', (select jsonb_build_object('event', event, 'to', to_state, 'text', '') from renewal_edges e, renewals r "
		"where r.id = %u and (e.from_state = r.state or %u = 0) and e.event not in ('refused', 'withdrawn_by_person') order by e.from_state, e.event offset %u limit 1)))",
		renewal, an_epoch(renewal), renewal, pick(6), pick(4) == 0 ? pick(40) : pick(2));
}

/* As a campaign goes when all goes well, several steps at once. */
static void call_advance(void)
{
	unsigned renewal = a_renewal_id();
	for (unsigned i = pick(8); i > 0; i--) {
		(void)sqlstate(
			"update renewals set epoch = nextval('lease_epoch'), claimed_until = clock_timestamp() + interval '1 minute' where id = %u",
			renewal);
		(void)sqlstate(
			"select renewal_conclude(%u, %lld, 'test', jsonb_build_object('move', (select jsonb_build_object('event', event, 'to', to_state, 'text', '') from renewal_edges e, renewals r "
			"where r.id = %u and e.from_state = r.state and e.event in ('spend_approved', 'binding_confirmed', 'application_opened', 'intent_needed', 'application_submitted', 'payment_opened', "
			"'remittance_declared', 'payment_verified', 'review_begun', 'review_approved', 'install_ordered', 'permit_given', 'install_proven') limit 1)))",
			renewal, an_epoch(renewal), renewal);
	}
}

static void call_jump(void)
{
	(void)sqlstate(
		"update renewals set state = (select state from renewal_states order by state offset %u limit 1) where id = %u",
		pick(25), a_renewal_id());
}

static void call_quote(void)
{
	unsigned renewal = a_renewal_id();
	(void)sqlstate("select renewal_conclude(%u, %lld, 'test', '{\"quoted_fen\":%u}')", renewal,
		an_epoch(renewal), 19990 + pick(20));
}

static void call_reprice(void)
{
	unsigned renewal = a_renewal_id();
	(void)sqlstate(
		"select renewal_conclude(%u, %lld, 'test', jsonb_build_object('reprice', jsonb_build_object('plan', c.plan, 'digest', c.digest || 'x', 'old_digest', c.digest, 'price_fen', %u, 'term_years', 1), "
		"'move', '{\"event\":\"price_changed\",\"to\":\"awaiting_approval\",\"text\":\"\"}'::jsonb)) from campaigns c join renewals r on r.campaign_id = c.id where r.id = %u",
		renewal, an_epoch(renewal), 19990 + pick(20), renewal);
}

static void call_approve(void)
{
	static const char *const gates[] = { "spend", "touch", "all" };
	(void)sqlstate(
		"select campaign_approve(%s, c.id, jsonb_build_object('gate', '%s', 'digest', c.digest || '%s')) from campaigns c order by id offset %u limit 1",
		somebody(), gates[pick(3)], pick(5) == 0 ? "old" : "", pick(RENEWALS));
}

static void call_approve_directly(void)
{
	(void)sqlstate(
		"insert into approvals (campaign_id, gate, digest, requester_id, approver_id) select id, 'spend', digest, %u, %u from campaigns order by id offset %u limit 1",
		1 + pick(8), 1 + pick(8), pick(RENEWALS));
}

static void call_take_an_approval(void)
{
	(void)sqlstate(
		"update renewals set %s = (select id from approvals order by id offset %u limit 1) where id = %u",
		pick(2) == 0 ? "spend_approval" : "touch_approval", pick(8), a_renewal_id());
}

static void call_effect(void)
{
	static const char *const ops[] = { "bind", "submit", "pay", "remit" };
	unsigned renewal = a_renewal_id(), attempt = 1 + pick(3);
	const char *op = ops[pick(4)];
	(void)sqlstate("select effect_intend(%u, %lld, '%s', %u, '%u-%s-%u', true)", renewal,
		an_epoch(renewal), op, attempt, renewal, op, attempt);
}

static void call_settle(void)
{
	static const char *const ops[] = { "bind", "submit", "pay", "remit" };
	unsigned renewal = a_renewal_id();
	(void)sqlstate(
		"select renewal_conclude(%u, %lld, 'test', '{\"settle\":{\"op\":\"%s\",\"outcome\":\"%s\"}}')",
		renewal, an_epoch(renewal), ops[pick(4)], pick(2) == 0 ? "done" : "refused");
}

static void call_order(void)
{
	unsigned renewal = a_renewal_id();
	(void)sqlstate(
		"select renewal_conclude(%u, %lld, 'test', '{\"order\":{\"reference\":\"XQ0000%04u12\",\"payer_account\":\"6222\",\"payer_name\":\"Acme\",\"payee_name\":\"CA\",\"payee_account\":\"1\","
		"\"payee_bank\":\"B\",\"amount_fen\":20000}}')",
		renewal, an_epoch(renewal), pick(9999));
}

/* What is shown for export, or now and then whatever is there. */
static void call_export(void)
{
	(void)sqlstate(
		"select payments_exported(%s, array(select id from payment_orders o where %u = 0 or id in "
		"(select (e->>'id')::bigint from jsonb_array_elements(payments_to_export(" P_FINANCE
		")) e)), 'file ' || nextval('lease_epoch'), 1)",
		somebody(), pick(4));
}

static void call_hold(void)
{
	if (pick(3) == 0)
		(void)sqlstate("select hold_set(%s, '{\"reason\":\"x\"}')", somebody());
	else
		(void)sqlstate("select hold_release(%s, id) from holds where released_at is null",
			somebody());
}

static void call_install(void)
{
	unsigned renewal = a_renewal_id();
	(void)sqlstate(
		"select renewal_conclude(%u, %lld, 'test', '{\"install\":{\"token\":%u,\"body\":{\"new\":[]}}}')",
		renewal, an_epoch(renewal), 1 + pick(2));
	(void)sqlstate("select order_offer(1)");
	(void)sqlstate(
		"update install_orders set state = 'offered', offered_to = 1 where state = 'reported'"); /* as a requeue and an offer would */
}

static void call_permit(void)
{
	(void)sqlstate(
		"select pin_permit(%u, i.id, 'ref-%u', 't' || i.token_id) from install_orders i order by id offset %u limit 1",
		1 + pick(2), pick(12), pick(3));
}

static void call_report(void)
{
	static const char *const outcomes[] = { "installed", "pin_incorrect", "pin_unsure",
		"token_absent", "interrupted" };
	unsigned outcome = pick(5);
	(void)sqlstate(
		"select install_result(1, o.id, jsonb_build_object('outcome', '%s', 'login_attempted', %s, 'permit_ref', (select permit_ref from pin_attempts a where a.order_id = o.id order by id desc limit 1))) "
		"from install_orders o order by id offset %u limit 1",
		outcomes[outcome], outcome == 3 ? "false" : "true", pick(3));
}

static void call_clear(void)
{
	unsigned renewal = a_renewal_id();
	(void)sqlstate(
		"select task_open(%u, jsonb_build_object('kind', 'pin', 'role', 'operator', 'title', '', 'instruction', '', 'if_ignored', '', 'token', %u, 'needs', '[\"remedy\"]'::jsonb))",
		renewal, 1 + pick(2));
	(void)sqlstate(
		"select task_done(%s, id, '{\"values\":{\"remedy\":\"%s\"},\"commit\":true}') from tasks where state = 'open' and kind = 'pin' limit 1",
		somebody(), pick(2) == 0 ? "cleared" : "no");
}

static void call_code(void)
{
	unsigned renewal = a_renewal_id();
	(void)sqlstate(
		"select task_open(%u, jsonb_build_object('kind', 'bind', 'role', 'handler', 'title', '', 'instruction', '', 'if_ignored', '', 'secret', 'xqs1:qr', 'needs', '[]'::jsonb))",
		renewal);
	if (pick(2) == 0)
		(void)sqlstate("select tasks_close(%u, '{bind}', 'done')", renewal);
}

static void call_campaign_again(void)
{
	(void)sqlstate(
		"select campaign_make(%s, '{\"name\":\"again-%u\",\"policy_name\":\"p\",\"policy\":{\"ca\":\"gateway\"},\"policy_sha256\":\"\",\"digest\":\"\",\"plan\":{\"rows\":[{\"set\":\"%u\",\"kind\":\"expiring\",\"term_years\":1,"
		"\"price_fen\":1}]}}')",
		P_OPERATOR, pick(1000000), 1 + pick(2));
}

/* clang-format off */
static void (*const calls[])(void) = {
	call_claim, call_move, call_move, call_advance, call_advance, call_advance, call_jump, call_quote, call_reprice,
	call_approve, call_approve, call_approve_directly, call_take_an_approval, call_effect, call_effect, call_settle,
	call_order, call_order, call_export, call_export, call_hold, call_install, call_permit, call_permit, call_report,
	call_clear, call_code, call_campaign_again };

/* clang-format on */

/* ---- runs ---- */

static void a_fleet(void)
{
	an_organisation();
	(void)sql("create table right_edges as select * from renewal_edges");
	for (int i = 1; i <= RENEWALS; i++) {
		OWNED char *token = text_dupf("t%d", i);
		OWNED char *holder = text_dupf("H%d", i);
		OWNED char *name = text_dupf("c%d", i);
		OWNED char *set = a_set(token, holder, 1);
		free(a_renewal(name, set));
	}
	(void)sql("update campaigns set status = 'running', start_at = now()");
	prepare_invariants();
	(void)sql(
		"update tokens set present = true"); /* all at once: what is offered is offered in turn */
}

/* Random calls from SEED; gives the first invariant that breaks, or NULL. */
static const char *run(uint64_t from)
{
	const char *broken = NULL;
	seed = from;
	for (int i = 0; i < CALLS && broken == NULL; i++) {
		calls[pick(COUNT_OF(calls))]();
		broken = broken_invariant();
	}
	return broken;
}

static void no_sequence_of_calls_breaks_an_invariant(void **state)
{
	(void)state;
	a_fleet();
	for (uint64_t from = 1; from <= 8; from++) {
		const char *broken = run(from);
		if (broken != NULL)
			print_error("seed %llu breaks: %s\n", (unsigned long long)from, broken);
		assert_null(broken);
	}
	/* the calls went far enough to mean something */
	assert_true(sql_number("select count(*) from journal where to_state is not null") > 60);
	assert_true(sql_number("select count(distinct state) from renewals") > 1);
	assert_true(sql_number("select count(*) from effects") > 10);
	assert_true(sql_number("select count(*) from payment_files") > 0);
	assert_true(sql_number("select count(*) from pin_attempts") > 1);
	assert_true(sql_number("select count(*) from holds where released_at is not null") > 0);
}

/* RULE taken away, the calls must break WHAT. */
static void finds(const char *rule, const char *what)
{
	const char *broken = NULL;
	a_fleet();
	(void)sql("%s", rule);
	for (uint64_t from = 1; from <= 6 && broken == NULL; from++)
		broken = run(from);
	if (broken == NULL || strcmp(broken, what) != 0)
		print_error("without the rule of \"%s\" the calls broke: %s\n", what,
			broken != NULL ? broken : "nothing");
	assert_non_null(broken);
	assert_string_equal(broken, what);
}

static void a_missing_spend_check_is_found(void **state)
{
	(void)state;
	finds("alter table renewals drop constraint renewals_spend_is_approved",
		"no state past the gate without its spend approval");
}

static void a_move_without_its_journal_is_found(void **state)
{
	(void)state;
	finds("alter table renewals disable trigger renewals_journaled",
		"the state is the journal's last");
}

static void a_missing_edge_table_is_found(void **state)
{
	(void)state;
	finds("alter table journal drop constraint journal_moves_along_the_table; "
	      "alter table renewals drop constraint renewals_moves_along_the_table",
		"every move is an edge of the product's table");
}

static void a_missing_rule_against_self_approval_is_found(void **state)
{
	(void)state;
	finds("alter table approvals drop constraint approvals_not_by_the_requester",
		"nobody approves the own request");
}

static void a_missing_bar_on_pins_is_found(void **state)
{
	(void)state;
	finds("drop index pin_attempts_bar; "
	      "create or replace function pin_permit(p_agent bigint, p_order bigint, p_ref text, p_serial text) returns timestamptz language sql as "
	      "$$ insert into pin_attempts (token_id, order_id, permit_ref, expires_at) select token_id, id, p_ref, now() from install_orders where id = p_order and not is_held(null, null) returning expires_at $$",
		"a wrong or unknown PIN is used once");
}

static void a_missing_hold_is_found(void **state)
{
	(void)state;
	finds("create or replace function is_held(p_unit bigint, p_ca text) returns boolean language sql stable as 'select false'",
		"no effect begun under a hold");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		database_test(no_sequence_of_calls_breaks_an_invariant),
		database_test(a_missing_spend_check_is_found),
		database_test(a_move_without_its_journal_is_found),
		database_test(a_missing_edge_table_is_found),
		database_test(a_missing_rule_against_self_approval_is_found),
		database_test(a_missing_bar_on_pins_is_found),
		database_test(a_missing_hold_is_found),
	};
	return cmocka_run_group_tests(tests, database_begin, database_end);
}
