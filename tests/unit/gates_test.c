/* SPDX-License-Identifier: Apache-2.0 */
/* The gates that guard money and tokens, tried where they stand: in the database.  Permits for a PIN are in
 * permit_test.c, what no sequence of calls may bring about in invariants_test.c. */
#include "sql.h"
#include "tests/unit/walks.h"

/* ---- spend and touch ---- */

static void nothing_goes_past_approval_without_the_spend_gate(void **state)
{
	A_RENEWAL();
	int64_t epoch = claim(renewal);
	refused("renewals_spend_is_approved",
		"select renewal_conclude(%s, %lld, 'test', '{\"move\":{\"event\":\"spend_approved\",\"to\":\"binding\"}}')",
		renewal, (long long)epoch);
	refused("no valid spend approval", "select effect_intend(%s, %lld, 'bind', 1, 'k', false)",
		renewal, (long long)epoch);
	approve("touch"); /* the other gate is no help */
	refused("renewals_spend_is_approved", "update renewals set state = 'binding' where id = %s",
		renewal);
	(void)sql("update campaigns set status = 'running', start_at = now()");
	assert_sql("0", "select campaigns_start(10)");
	approve("spend");
	assert_sql("1", "select campaigns_start(10)");
	assert_sql("binding", "select state from renewals");
}

static void nothing_is_installed_without_the_touch_gate(void **state)
{
	A_RENEWAL();
	approve("spend");
	walk(renewal, to_drafting);
	walk(renewal, to_approved);
	int64_t epoch = claim(renewal);
	refused("renewals_touch_is_approved",
		"select renewal_conclude(%s, %lld, 'test', '{\"move\":{\"event\":\"install_ordered\",\"to\":\"install_queued\"}}')",
		renewal, (long long)epoch);
	approve("touch");
	walk(renewal, to_queue);
	assert_sql("install_queued", "select state from renewals");
}

static void who_requests_does_not_approve(void **state)
{
	A_RENEWAL();
	refused("requested",
		"select campaign_approve(" P_OPERATOR
		", 1, '{\"gate\":\"all\",\"digest\":\"c\"}')");
	refused("approvals_not_by_the_requester",
		"insert into approvals (campaign_id, gate, digest, requester_id, approver_id) values (1, 'spend', 'c', 2, 2)");
	refused("approvals_requester_is_the_creator",
		"insert into approvals (campaign_id, gate, digest, requester_id, approver_id) values (1, 'spend', 'c', 4, 2)");
	assert_sql("0", "select count(*) from renewals where spend_approval is not null");
}

static void an_approval_of_what_was_shown_before_is_refused(void **state)
{
	A_RENEWAL();
	refused("look at it again",
		"select campaign_approve(" P_APPROVER
		", 1, '{\"gate\":\"all\",\"digest\":\"old\"}')");
	refused("not the one that was shown",
		"select campaign_approve(" P_APPROVER ", 1, '{\"gate\":\"all\"}')");
	refused("gate is spend",
		"select campaign_approve(" P_APPROVER ", 1, '{\"digest\":\"c\"}')");
	refused("there is no campaign",
		"select campaign_approve(" P_APPROVER
		", 99, '{\"gate\":\"all\",\"digest\":\"c\"}')");
	assert_sql("0", "select count(*) from approvals");
}

static void an_approver_of_one_unit_does_not_approve_for_another(void **state)
{
	static const char north[] =
		"'{\"person\":4,\"login\":\"approver\",\"role\":\"approver\",\"unit\":3}'";
	static const char head[] =
		"'{\"person\":4,\"login\":\"approver\",\"role\":\"approver\",\"unit\":1}'";
	A_RENEWAL();
	refused("there is no campaign",
		"select campaign_approve(%s, 1, '{\"gate\":\"all\",\"digest\":\"c\"}')", north);
	(void)sql("select campaign_approve(%s, 1, '{\"gate\":\"all\",\"digest\":\"c\"}')",
		head); /* the unit above */
	assert_sql("1", "select count(*) from renewals where spend_approval is not null");
}

static void a_new_price_shuts_both_gates(void **state)
{
	A_RENEWAL();
	approve("all");
	walk(renewal, to_drafting);
	int64_t epoch = claim(renewal);
	refused("changed meanwhile",
		"select renewal_conclude(%s, %lld, 'test', '{\"reprice\":{\"plan\":{},\"digest\":\"d\",\"old_digest\":\"x\",\"price_fen\":1,\"term_years\":1}}')",
		renewal, (long long)epoch);
	(void)sql(
		"select renewal_conclude(%s, %lld, 'test', '{\"reprice\":{\"plan\":{\"rows\":[]},\"digest\":\"d\",\"old_digest\":\"c\","
		"\"price_fen\":30000,\"term_years\":1},\"move\":{\"event\":\"price_changed\",\"to\":\"awaiting_approval\"}}')",
		renewal, (long long)epoch);
	assert_sql("t",
		"select spend_approval is null and touch_approval is null and approved_fen = 30000 from renewals");
	(void)sql("update campaigns set status = 'running', start_at = now()");
	assert_sql("0", "select campaigns_start(10)");
	refused("not the one",
		"select campaign_approve(" P_APPROVER
		", 1, '{\"gate\":\"all\",\"digest\":\"c\"}')");
	(void)sql("select campaign_approve(" P_APPROVER
		  ", 1, '{\"gate\":\"all\",\"digest\":\"d\"}')");
	assert_sql("1", "select campaigns_start(10)");
}

static void a_quote_above_the_approval_is_refused(void **state)
{
	A_RENEWAL();
	approve("all");
	walk(renewal, to_drafting);
	int64_t epoch = claim(renewal);
	refused("renewals_quote_is_approved",
		"select renewal_conclude(%s, %lld, 'test', '{\"quoted_fen\":20001}')", renewal,
		(long long)epoch);
	(void)sql("select renewal_conclude(%s, %lld, 'test', '{\"quoted_fen\":20000}')", renewal,
		(long long)epoch);
}

/* ---- holds ---- */

static void a_hold_stops_effects_and_permits(void **state)
{
	A_RENEWAL();
	an_offered_order(renewal);
	int64_t epoch = claim(renewal);
	(void)sql(
		"select hold_set(" P_OPERATOR
		", '{\"scope\":\"unit\",\"target\":\"Head\",\"reason\":\"audit\"}')"); /* the unit above */
	refused("held", "select effect_intend(%s, %lld, 'pay', 1, 'k', true)", renewal,
		(long long)epoch);
	refused("held", "select pin_permit(1, 1, 'ref', 't1')");
	assert_sql("0", "select count(*) from pin_attempts");
	(void)sql("select hold_release(" P_OPERATOR ", 1)");
	refused("second person", "select hold_release(" P_OPERATOR ", 1)");
	refused("held", "select effect_intend(%s, %lld, 'pay', 1, 'k', true)", renewal,
		(long long)epoch);
	(void)sql("select hold_release(" P_APPROVER ", 1)");
	refused("released already", "select hold_release(" P_APPROVER2 ", 1)");
	(void)sql("select effect_intend(%s, %lld, 'pay', 1, 'k', true)", renewal, (long long)epoch);
	(void)sql("select pin_permit(1, 1, 'ref', 't1')");
	(void)sql("select hold_set(" P_FINANCE ", '{\"reason\":\"audit\"}')");
	refused("held", "select pin_permit(1, 1, 'ref', 't1')"); /* given before, not given again */
}

static void a_hold_stops_the_start_and_the_claim(void **state)
{
	A_RENEWAL();
	approve("all");
	(void)sql("update campaigns set status = 'running', start_at = now()");
	(void)sql("select hold_set(" P_OPERATOR ", '{\"reason\":\"audit\"}')");
	assert_sql("0", "select campaigns_start(10)");
	(void)sql("select hold_release(" P_OPERATOR ", 1)");
	(void)sql("select hold_release(" P_APPROVER ", 1)");
	assert_sql("1", "select campaigns_start(10)");
}

static void a_hold_of_another_unit_stops_nothing_here(void **state)
{
	A_RENEWAL();
	approve("all");
	(void)sql("select hold_set(" P_OPERATOR
		  ", '{\"scope\":\"unit\",\"target\":\"North\",\"reason\":\"audit\"}')");
	int64_t epoch = claim(renewal);
	(void)sql(
		"select effect_intend(%s, %lld, 'bind', 1, 'k', false)", renewal, (long long)epoch);
}

static void a_person_of_one_unit_holds_that_unit_only(void **state)
{
	(void)state;
	an_organisation();
	refused("outside your scope", "select hold_set(" P_SOUTH ", '{\"reason\":\"x\"}')");
	refused("outside your scope",
		"select hold_set(" P_SOUTH
		", '{\"scope\":\"unit\",\"target\":\"North\",\"reason\":\"x\"}')");
	refused("wants a reason",
		"select hold_set(" P_SOUTH ", '{\"scope\":\"unit\",\"target\":\"South\"}')");
	(void)sql("select hold_set(" P_SOUTH
		  ", '{\"scope\":\"unit\",\"target\":\"South\",\"reason\":\"x\"}')");
	(void)sql("select hold_set(" P_OPERATOR ", '{\"reason\":\"x\"}')");
	refused("outside your scope", "select hold_release(" P_SOUTH ", 2)");
}

/* ---- leases ---- */

static void a_lease_that_passed_on_concludes_nothing(void **state)
{
	A_RENEWAL();
	approve("all");
	int64_t old = claim(renewal), now = claim(renewal);
	refused("in other hands",
		"select renewal_conclude(%s, %lld, 'test', '{\"facts\":{\"a\":1}}')", renewal,
		(long long)old);
	refused("in other hands", "select effect_intend(%s, %lld, 'bind', 1, 'k', false)", renewal,
		(long long)old);
	refused("in other hands", "select renewal_fenced(%s, %lld)", renewal, (long long)old);
	(void)sql("select renewal_conclude(%s, %lld, 'test', '{\"facts\":{\"a\":1}}')", renewal,
		(long long)now);
	refused("given back already",
		"select renewal_conclude(%s, %lld, 'test', '{\"facts\":{\"a\":2}}')", renewal,
		(long long)now);
	refused("there is no renewal", "select renewal_conclude(999, 1, 'test', '{}')");
	assert_sql("{\"a\": 1}", "select facts from renewals");
}

static void a_move_off_the_table_is_refused(void **state)
{
	A_RENEWAL();
	approve("all");
	int64_t epoch = claim(renewal);
	refused("moves_along_the_table",
		"select renewal_conclude(%s, %lld, 'test', '{\"move\":{\"event\":\"review_approved\",\"to\":\"approved\"}}')",
		renewal, (long long)epoch);
	refused("moves_along_the_table",
		"select renewal_conclude(%s, %lld, 'test', '{\"move\":{\"event\":\"spend_approved\",\"to\":\"done\"}}')",
		renewal, (long long)epoch);
	refused("renewals_moves_along_the_table",
		"update renewals set state = 'done' where id = %s", renewal);
	assert_sql("awaiting_approval", "select state from renewals");
}

static void an_unsettled_effect_is_found_again_and_never_doubled(void **state)
{
	A_RENEWAL();
	approve("all");
	int64_t epoch = claim(renewal);
	assert_sql("(1,f)", "select effect_intend(%s, %lld, 'pay', 1, 'k1', true)", renewal,
		(long long)epoch);
	epoch = claim(renewal); /* the worker died */
	assert_sql("(1,t)", "select effect_intend(%s, %lld, 'pay', 2, 'k2', true)", renewal,
		(long long)epoch);
	assert_sql("1", "select count(*) from effects");
	(void)sql(
		"select renewal_conclude(%s, %lld, 'test', '{\"settle\":{\"op\":\"pay\",\"outcome\":\"done\"}}')",
		renewal, (long long)epoch);
	epoch = claim(renewal);
	refused("effects_attempt_once", "select effect_intend(%s, %lld, 'pay', 1, 'k3', true)",
		renewal, (long long)epoch);
	refused("effects_key_once", "select effect_intend(%s, %lld, 'pay', 2, 'k1', true)", renewal,
		(long long)epoch);
}

static void an_alert_about_the_payee_stops_what_spends(void **state)
{
	A_RENEWAL();
	approve("all");
	(void)sql(
		"insert into ca_facts (ca, meta, alert) values ('gateway', '{}', 'the CA names another payee')");
	int64_t epoch = claim(renewal);
	refused("another payee", "select effect_intend(%s, %lld, 'pay', 1, 'k', true)", renewal,
		(long long)epoch);
	(void)sql(
		"select effect_intend(%s, %lld, 'bind', 1, 'k', false)", renewal, (long long)epoch);
	refused("another payee", "select payments_exported(" P_FINANCE ", '{1}', '', 1)");
}

/* ---- one of each ---- */

static void a_certificate_has_one_open_renewal(void **state)
{
	A_RENEWAL();
	refused("renewals_one_open_per_set",
		"select campaign_make(" P_OPERATOR
		", '{\"name\":\"again\",\"policy_name\":\"p\",\"policy\":{\"ca\":\"gateway\"},"
		"\"policy_sha256\":\"\",\"digest\":\"\",\"plan\":{\"rows\":[{\"set\":\"%s\",\"kind\":\"expiring\",\"term_years\":1,\"price_fen\":1}]}}')",
		set);
	assert_sql("1", "select count(*) from campaigns");
}

/* An order is in the file once: whoever exports it a second time, at once or later, gets nothing. */
static void an_order_is_exported_once(void **state)
{
	A_RENEWAL();
	approve("all");
	walk(renewal, to_drafting);
	for (int i = 0; i < 2;
		i++) { /* concluded twice, as after a lost answer: one due, one order */
		int64_t epoch = claim(renewal);
		(void)sql(
			"select renewal_conclude(%s, %lld, 'test', '{\"order\":{\"reference\":\"XQ0000000%d12\",\"payer_account\":\"6222\",\"payer_name\":\"Acme\","
			"\"payee_name\":\"CA\",\"payee_account\":\"1\",\"payee_bank\":\"B\",\"amount_fen\":20000}}')",
			renewal, (long long)epoch, i);
	}
	assert_sql("1", "select count(*) from dues");
	assert_sql("[]",
		"select payments_to_export(" P_FINANCE
		")"); /* the renewal does not wait for it yet */
	refused("changed meanwhile",
		"select payments_exported(" P_FINANCE ", '{1}', 'csv', 20000)");
	walk(renewal,
		(const char *const[]){ "intent_needed", "awaiting_intent", "application_submitted",
			"submitted", "payment_opened", "awaiting_payment", NULL });
	(void)sql("select hold_set(" P_OPERATOR ", '{\"reason\":\"x\"}')");
	refused("changed meanwhile",
		"select payments_exported(" P_FINANCE
		", '{1}', 'csv', 20000)"); /* held since it was shown */
	(void)sql("select hold_release(" P_OPERATOR ", 1)");
	(void)sql("select hold_release(" P_APPROVER ", 1)");
	(void)sql("select payments_exported(" P_FINANCE ", '{1}', 'csv', 20000)");
	refused("changed meanwhile",
		"select payments_exported(" P_FINANCE2 ", '{1}', 'other csv', 20000)");
	assert_sql("1", "select count(*) from payment_files");
	refused("dues_one_per_renewal",
		"insert into dues (renewal_id, order_id, amount_fen) values (%s, 1, 1)", renewal);
}

/* One task for all of them, whoever exports ends it. */
static void orders_that_no_file_holds_are_a_task_of_finance(void **state)
{
	A_RENEWAL();
	approve("all");
	walk(renewal, to_drafting);
	assert_sql("0", "select count(*) from engine_reap()");
	assert_sql("0", "select count(*) from tasks");
	int64_t epoch = claim(renewal);
	(void)sql(
		"select renewal_conclude(%s, %lld, 'test', '{\"order\":{\"reference\":\"XQ0000000012\",\"payer_account\":\"6222\",\"payer_name\":\"Acme\","
		"\"payee_name\":\"CA\",\"payee_account\":\"1\",\"payee_bank\":\"B\",\"amount_fen\":20000}}')",
		renewal, (long long)epoch);
	walk(renewal,
		(const char *const[]){ "intent_needed", "awaiting_intent", "application_submitted",
			"submitted", "payment_opened", "awaiting_payment", NULL });
	for (int i = 0; i < 2; i++)
		assert_sql("0", "select count(*) from engine_reap()"); /* mends nothing */
	assert_sql("finance open 1 20000",
		"select role || ' ' || state || ' ' || (values->>'orders') || ' ' || (values->>'amount_fen') from tasks");
	refused("ends by itself", "select task_done(" P_FINANCE ", 1, '{\"commit\":true}')");
	assert_sql("export", "select kind from (%s) untended",
		sql_task_untended); /* xuqid counts its deadline */
	(void)sql("select hold_set(" P_OPERATOR ", '{\"reason\":\"x\"}')");
	(void)sql("select count(*) from engine_reap()");
	assert_sql("done", "select state from tasks"); /* a hold: nothing may be exported */
	(void)sql("select hold_release(" P_OPERATOR ", 1)");
	(void)sql("select hold_release(" P_APPROVER ", 1)");
	(void)sql("select count(*) from engine_reap()");
	assert_sql("1", "select count(*) from tasks where state = 'open'");
	(void)sql("select payments_exported(" P_FINANCE ", '{1}', 'csv', 20000)");
	assert_sql("0", "select count(*) from tasks where state = 'open'");
}

/* Two transfers and two orders of the same amount. */
static void two_transfers_and_two_orders(void)
{
	(void)sql(
		"insert into statements (sha256, file_name, content, encoding, account, proven, proof, imported_by) values ('s', 'f', '', 'utf-8', '6222', true, '[]', 6)");
	for (int i = 0; i < 2; i++) {
		(void)sql(
			"insert into statement_lines (statement_id, line_key, row, byte_offset, raw, own_account, own_name, direction, amount_fen, amount_raw, paid_at, paid_at_raw, "
			"paid_at_precision, party_name, party_account, party_bank, memo) values (1, 'l%d', 1, 0, '', '6222', 'Acme', 'out', 20000, '200.00', now(), '', 'date', 'CA', '1', 'B', '')",
			i);
		(void)sql(
			"insert into payment_orders (reference, payer_account, payer_name, payee_name, payee_account, payee_bank, amount_fen) "
			"values ('XQ0000000%d12', '6222', 'Acme', 'CA', '1', 'B', 20000)",
			i);
	}
}

#define LINK(line, order, verdict) \
	"{\"line\":" #line ",\"order\":" #order ",\"rule\":\"R\",\"verdict\":\"" verdict \
	"\",\"text\":\"\",\"explanation\":{}}"
#define LINKS(...) "select links_save(" P_FINANCE ", '{\"links\":[" __VA_ARGS__ "],\"flags\":[]}')"

static void a_match_is_released_by_a_second_person(void **state)
{
	A_RENEWAL();
	two_transfers_and_two_orders();
	(void)sql("insert into dues (renewal_id, order_id, amount_fen) values (%s, 1, 20000)",
		renewal);
	(void)sql(LINKS(LINK(1, 1, "suggested")));
	assert_sql(
		"1", "select count(*) from tasks where kind = 'finance_match' and state = 'open'");
	(void)sql(LINKS(
		LINK(1, 1, "suggested") "," LINK(1, 2, "suggested") "," LINK(2, 1, "suggested")));
	assert_sql("1", "select count(*) from links"); /* both ways exclusive */
	refused("after a confirmation",
		"select match_release(" P_FINANCE2 ", 1, '{\"commit\":true}')");
	(void)sql("select match_confirm(" P_FINANCE ", 1, '{}')");
	(void)sql("select match_confirm(" P_FINANCE ", 1, '{\"commit\":\"yes\"}')");
	assert_sql("suggested", "select verdict from links"); /* both were dry runs */
	(void)sql("select match_confirm(" P_FINANCE ", 1, '{\"commit\":true}')");
	refused("no confirmation", "select match_confirm(" P_FINANCE2 ", 1, '{\"commit\":true}')");
	refused("second person", "select match_release(" P_FINANCE ", 1, '{\"commit\":true}')");
	refused("there is no match",
		"select match_release('{\"person\":7,\"login\":\"x\",\"role\":\"finance\",\"unit\":3}', 1, '{\"commit\":true}')");
	(void)sql("select match_release(" P_FINANCE2 ", 1, '{\"commit\":true}')");
	refused("is released", "select match_release(" P_FINANCE ", 1, '{\"commit\":true}')");
	assert_sql("linked", "select status from payment_orders where id = 1");
	assert_sql(
		"0", "select count(*) from tasks where kind = 'finance_match' and state = 'open'");
}

/* A transfer without its reference may look like the one that comes later with it. */
static void a_suggestion_gives_way_to_a_reference(void **state)
{
	(void)state;
	an_organisation();
	two_transfers_and_two_orders();
	(void)sql(LINKS(LINK(1, 1, "suggested")));
	(void)sql(LINKS(LINK(1, 1, "suggested")));
	assert_sql("1", "select count(*) from links");
	(void)sql(LINKS(LINK(2, 1, "auto") "," LINK(1, 2, "suggested")));
	assert_sql("1-1 dropped,2-1 auto,1-2 suggested",
		"select string_agg(line_id || '-' || order_id || ' ' || verdict, ',' order by line_id = 1 and order_id = 2, line_id) from links");
	(void)sql(
		"update links set verdict = 'confirmed', confirmed_by = 6 where line_id = 1 and order_id = 2");
	(void)sql(LINKS("")); /* what a person said stays */
	assert_sql("confirmed", "select verdict from links where line_id = 1 and order_id = 2");
	assert_sql("open", "select state from tasks where kind = 'finance_match'");
}

static void what_a_person_rejected_is_not_suggested_again(void **state)
{
	(void)state;
	an_organisation();
	two_transfers_and_two_orders();
	(void)sql(LINKS(LINK(1, 1, "suggested")));
	refused("say why", "select match_reject(" P_FINANCE ", 1, '{\"commit\":true}')");
	(void)sql("select match_reject(" P_FINANCE ", 1, '{\"reason\":\"not ours\"}')");
	assert_sql("suggested", "select verdict from links"); /* a dry run */
	(void)sql("select match_reject(" P_FINANCE
		  ", 1, '{\"reason\":\"not ours\",\"commit\":true}')");
	assert_sql("done", "select state from tasks where kind = 'finance_match'");
	(void)sql(LINKS(LINK(1, 1, "suggested")));
	assert_sql("dropped", "select string_agg(verdict, ' ') from links");
	assert_sql("0", "select count(*) from tasks where state = 'open'");
	(void)sql(LINKS(LINK(1, 2, "suggested") "," LINK(2, 1, "suggested")));
	assert_sql("2", "select count(*) from links where verdict = 'suggested'");
	(void)sql("select match_confirm(" P_FINANCE
		  ", (select max(id) from links), '{\"commit\":true}')");
	(void)sql(
		"select match_reject(" P_FINANCE2
		", (select max(id) from links), '{\"reason\":\"no\\u0020it is not\",\"commit\":true}')");
	refused("is dropped",
		"select match_reject(" P_FINANCE2
		", (select max(id) from links), '{\"reason\":\"again\"}')");
	assert_sql("finance_two",
		"select actor from audit where action = 'match.rejected' order by id desc limit 1");
}

/* It looked before another statement was there, whose own run looked later and saved first. */
static void a_run_that_knows_less_drops_and_suggests_nothing(void **state)
{
	(void)state;
	an_organisation();
	two_transfers_and_two_orders();
	(void)sql("select links_save(" P_FINANCE
		  ", '{\"seen\":1,\"links\":[" LINK(1, 1, "suggested") "],\"flags\":[]}')");
	(void)sql("select links_save(" P_FINANCE
		  ", '{\"seen\":0,\"links\":[" LINK(1, 2, "suggested") "," LINK(2, 2,
			  "auto") "],\"flags\":[{\"line\":1,\"rule\":\"R10\",\"text\":\"\"}]}')");
	assert_sql("1-1 suggested,2-2 auto",
		"select string_agg(line_id || '-' || order_id || ' ' || verdict, ',' order by line_id) from links");
	assert_sql("0", "select count(*) from match_flags");
}

static void a_handler_is_never_given_two_codes_at_once(void **state)
{
	char *ids[2];
	int64_t epochs[2];
	(void)state;
	an_organisation();
	OWNED char *first = a_set("t1", "Li", 1);
	OWNED char *second = a_set("t2", "Wang", 1);
	ids[0] = a_renewal("c", first);
	ids[1] = a_renewal("d", second);
	for (int i = 0; i < 2; i++) {
		(void)sql("select campaign_approve(" P_APPROVER
			  ", %d, '{\"gate\":\"all\",\"digest\":\"%s\"}')",
			i + 1, i == 0 ? "c" : "d");
		walk(ids[i], (const char *const[]){ "spend_approved", "binding", NULL });
		epochs[i] = claim(ids[i]);
	}
	assert_sql("(1,f)", "select effect_intend(%s, %lld, 'bind', 1, 'k1', false, true)", ids[0],
		(long long)epochs[0]);
	refused("holds another QR code", /* both had looked before either asked */
		"select effect_intend(%s, %lld, 'bind', 1, 'k2', false, true)", ids[1],
		(long long)epochs[1]);
	assert_sql("(1,t)", "select effect_intend(%s, %lld, 'bind', 1, 'k1', false, true)", ids[0],
		(long long)epochs[0]);
	assert_sql("t", "select qr_turn(r) from renewals r where id = %s", ids[0]);
	assert_sql("f", "select qr_turn(r) from renewals r where id = %s", ids[1]);
	/* an older installation may have intended two: each asks what became of its own */
	(void)sql("insert into effects (renewal_id, op, attempt, key) values (%s, 'bind', 1, 'k2')",
		ids[1]);
	assert_sql("t", "select bool_and(qr_turn(r)) from renewals r");
	free(ids[0]);
	free(ids[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		database_test(a_handler_is_never_given_two_codes_at_once),
		database_test(nothing_goes_past_approval_without_the_spend_gate),
		database_test(nothing_is_installed_without_the_touch_gate),
		database_test(who_requests_does_not_approve),
		database_test(an_approval_of_what_was_shown_before_is_refused),
		database_test(an_approver_of_one_unit_does_not_approve_for_another),
		database_test(a_new_price_shuts_both_gates),
		database_test(a_quote_above_the_approval_is_refused),
		database_test(a_hold_stops_effects_and_permits),
		database_test(a_hold_stops_the_start_and_the_claim),
		database_test(a_hold_of_another_unit_stops_nothing_here),
		database_test(a_person_of_one_unit_holds_that_unit_only),
		database_test(a_lease_that_passed_on_concludes_nothing),
		database_test(a_move_off_the_table_is_refused),
		database_test(an_unsettled_effect_is_found_again_and_never_doubled),
		database_test(an_alert_about_the_payee_stops_what_spends),
		database_test(a_certificate_has_one_open_renewal),
		database_test(an_order_is_exported_once),
		database_test(orders_that_no_file_holds_are_a_task_of_finance),
		database_test(a_match_is_released_by_a_second_person),
		database_test(a_suggestion_gives_way_to_a_reference),
		database_test(what_a_person_rejected_is_not_suggested_again),
		database_test(a_run_that_knows_less_drops_and_suggests_nothing),
	};
	return cmocka_run_group_tests(tests, database_begin, database_end);
}
