/* SPDX-License-Identifier: Apache-2.0 */
/* What comes late, twice, or at the wrong moment, and would be paid twice, lost, or taken for something else. */
#include "tests/unit/stages_off_road.h"

static void withdraw(const char *renewal)
{
	(void)sql("select renewal_withdraw(" P_OPERATOR
		  ", '%s', '{\"reason\":\"sold\",\"commit\":true}')",
		renewal);
}

static void a_credit(const char *memo)
{
	(void)sql(
		"insert into statement_lines (statement_id, line_key, row, byte_offset, raw, own_account, own_name, direction, amount_fen, amount_raw, paid_at, paid_at_raw, "
		"paid_at_precision, party_name, party_account, party_bank, memo, bank_serial) select 1, 'c' || count(*), 2, 1, '', '6222', 'Acme', 'in', 20000, '', now(), '', "
		"'second', 'CA Ltd', '8888', 'Bank', '%s', 'C' || count(*) from statement_lines",
		memo);
}

/* ---- a transfer that comes back ---- */

static void two_people_let_it_be_paid_again(const char *renewal)
{
	step_alone(renewal);
	assert_task("returned", "finance", "pay_again");
	finish_task("returned", P_FINANCE, "\"decision\":\"pay_again\"");
	step_alone(renewal);
	finish_task("returned_release", P_APPROVER, "\"decision\":\"release\"");
	step_alone(renewal);
	assert_string_equal(state_now(), "awaiting_payment");
}

static void the_second_return_is_decided_by_two_people_again(void **state)
{
	OWNED char *renewal = a_renewal_in("awaiting_payment");
	(void)state;
	a_linked_transfer(renewal);
	a_credit("退汇 XQ0000000012");
	two_people_let_it_be_paid_again(renewal);
	(void)sql(
		"update payment_orders set status = 'linked', reference = 'XQ0000000100' where id = 2");
	(void)sql(
		"insert into statement_lines (statement_id, line_key, row, byte_offset, raw, own_account, own_name, direction, amount_fen, amount_raw, paid_at, paid_at_raw, "
		"paid_at_precision, party_name, party_account, party_bank, memo, bank_serial) values (1, 'l2', 1, 0, '', '6222', 'Acme', 'out', 20000, '200.00', now(), '', "
		"'second', 'CA Ltd', '8888', 'Bank', '', 'B8')");
	(void)sql(
		"insert into links (line_id, order_id, rule, verdict, text, explanation) select max(id), 2, 'R1', 'auto', '', '{}' from statement_lines");
	a_credit("退汇 XQ0000000100");
	step_alone(renewal);
	assert_waits("awaiting_payment", "returned");
	assert_sql("2", "select count(*) from payment_orders");
	two_people_let_it_be_paid_again(renewal);
	assert_sql("cancelled cancelled open",
		"select string_agg(status, ' ' order by id) from payment_orders");
}

static void a_debt_whose_approval_is_taken_back_can_be_paid_again(void **state)
{
	OWNED char *renewal = a_renewal_in("approved");
	(void)state;
	a_linked_transfer(renewal);
	a_credit("退汇 XQ0000000012");
	assert_sql("1", "select count(*) from returns");
	walk(renewal, (const char *const[]){ "approval_revoked", "in_review", NULL });
	step_with(renewal, CALL(STATUS, "{\"state\":\"awaiting_payment\"}"));
	two_people_let_it_be_paid_again(renewal);
	assert_sql(
		"cancelled open", "select string_agg(status, ' ' order by id) from payment_orders");
}

/* What is on the token was issued to this renewal: nobody is asked who renewed it elsewhere. */
static void an_approval_taken_back_after_the_installation_goes_to_the_review(void **state)
{
	OWNED char *renewal = a_renewal_in("approved");
	OWNED char *old = a_certificate("t1", "Li", "both", "2027-01-31T15:59:59Z");
	OWNED char *newer = a_certificate("n1", "Li", "both", "2029-01-31T15:59:59Z");
	(void)state;
	a_linked_transfer(renewal);
	walk(renewal, to_queue);
	(void)sql(
		"select check_in(1, '{\"client_version\":\"4.7.10\",\"tokens\":[{\"serial\":\"t1\",\"label\":\"t1\",\"certificates\":[%s,%s]}]}')",
		old, newer);
	walk(renewal, (const char *const[]){ "install_seen", "installed", NULL });
	step_with(renewal,
		SAYS(INSTALL_REPORT, REFUSED, "STATE_CONFLICT", "{\"state\":\"rejected\"}"));
	assert_string_equal(state_now(), "in_review");
	step_with(renewal, CALL(STATUS, "{\"state\":\"rejected\"}"));
	assert_string_equal(state_now(), "refunding");
	assert_sql("0", "select count(*) from tasks where kind = 'certificate'");
}

/* ---- a withdrawal while money travels ---- */

static void a_fee_that_only_the_ca_knows_of_is_not_forgotten(void **state)
{
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	step_with(renewal, CALL(PAY, PAYMENT));
	withdraw(renewal);
	step_with(renewal, CALL(WITHDRAW, "{\"state\":\"withdrawn\",\"refund_ids\":[\"F9\"]}"));
	assert_string_equal(state_now(), "refunding");
	assert_task("refund", "finance", "20000");
	step_with(renewal, CALL(REFUND, "{\"state\":\"processing\"}"));
	assert_string_equal(fake.said[0].id, "F9");
	assert_sql("t", "select is_paid(1)");
}

static void nothing_is_exported_for_a_renewal_that_is_being_withdrawn(void **state)
{
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	step_with(renewal, CALL(PAY, PAYMENT));
	assert_sql("1", "select jsonb_array_length(payments_to_export(" P_FINANCE "))");
	withdraw(renewal);
	assert_sql("[]", "select payments_to_export(" P_FINANCE ")");
}

static void a_transfer_that_may_be_the_one_speaks_against_never_paid(void **state)
{
	OWNED char *renewal = a_renewal_in("in_review");
	(void)state;
	a_linked_transfer(renewal);
	(void)sql("update payment_orders set status = 'exported'");
	(void)sql("update links set verdict = 'suggested'");
	step_with(renewal, CALL(STATUS, "{\"state\":\"rejected\"}"));
	assert_string_equal(state_now(), "refunding");
	finish_task("refund", P_FINANCE, "\"outcome\":\"never_paid\",\"evidence\":\"x\"");
	step_alone(renewal);
	assert_waits("refunding", "refund");
}

/* ---- a payee that was changed meanwhile ---- */

static void only_the_payee_that_was_approved_is_paid(void **state)
{
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	(void)sql(
		"update campaigns set plan = plan || '{\"payee\":{\"name\":\"CA Ltd\",\"account\":\"7777\",\"bank\":\"Bank\"}}'");
	step_with(renewal, CALL(PAY, PAYMENT));
	assert_waits("submitted", "error");
	assert_sql("0", "select count(*) from payment_orders");
	(void)sql("update campaigns set plan = jsonb_set(plan, '{payee,account}', '\"8888\"')");
	step_with(renewal, ASK(PAY, DONE, "", PAYMENT));
	assert_string_equal(state_now(), "awaiting_payment");
	assert_sql("",
		"select payee_alert('{\"name\":\"CA Ltd\",\"account\":\"8888\",\"bank\":\"Bank\"}')");
	assert_sql("t",
		"select payee_alert('{\"name\":\"CA Ltd\",\"account\":\"9999\",\"bank\":\"Bank\"}') like 'order XQ%% is to CA Ltd, account 8888%%'");
}

/* ---- codes and PINs ---- */

static void a_task_with_a_live_code_is_not_closed_by_hand(void **state)
{
	OWNED char *renewal = a_binding_renewal();
	(void)state;
	step_with(renewal, CALL(BIND, QR("B1")));
	refused("ends by itself",
		"select task_done(" P_HANDLER
		", (select id from tasks where kind = 'bind'), '{\"commit\":true}')");
	assert_sql("f", "select secret is null from tasks where kind = 'bind'");
}

static void a_wrong_pin_bars_whatever_else_is_reported(void **state)
{
	OWNED char *set = NULL;
	OWNED char *renewal = NULL;
	(void)state;
	an_organisation();
	set = a_set("t1", "Li", 1);
	renewal = a_renewal("c", set);
	an_offered_order(renewal);
	(void)sql("select pin_permit(1, 1, 'a', 't1')");
	(void)sql(
		"select install_result(1, 1, '{\"outcome\":\"pin_incorrect\",\"permit_ref\":\"a\",\"login_attempted\":false}')");
	assert_sql("incorrect", "select outcome from pin_attempts");
}

/* ---- refunds and credits ---- */

static void a_refund_that_names_another_order_is_that_ones(void **state)
{
	OWNED char *renewal = a_renewal_in("in_review");
	(void)state;
	a_linked_transfer(renewal);
	(void)sql(
		"insert into payment_orders (reference, payer_account, payer_name, payee_name, payee_account, payee_bank, amount_fen, status) "
		"values ('XQ0000000100', '6222', 'Acme', 'CA Ltd', '8888', 'Bank', 20000, 'linked')");
	step_with(renewal, CALL(STATUS, "{\"state\":\"rejected\",\"refund_ids\":[\"F1\"]}"));
	a_credit("refund XQ0000000100");
	step_with(renewal, CALL(REFUND, "{\"state\":\"success\"}"));
	assert_string_equal(state_now(), "refunded");
	assert_sql("t", "select line_id is null from refunds");
}

static void a_credit_pays_a_due_whose_order_was_cancelled(void **state)
{
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	(void)sql(
		"insert into payment_orders (reference, payer_account, payer_name, payee_name, payee_account, payee_bank, amount_fen, status) "
		"values ('XQ0000000012', '6222', 'Acme', 'CA Ltd', '8888', 'Bank', 10000, 'cancelled'), "
		"('XQ0000000100', '6222', 'Acme', 'CA Ltd', '8888', 'Bank', 20000, 'linked')");
	(void)sql("insert into dues (renewal_id, order_id, amount_fen) values (%s, 1, 10000)",
		renewal);
	OWNED char *set = a_set("t2", "Wang", 1);
	OWNED char *other = a_renewal("d", set);
	(void)sql(
		"insert into credits (renewal_id, set_id, ca, order_id, amount_fen, reason) values (%s, 1, 'gateway', 2, 20000, '')",
		other);
	step_with(renewal, CALL(PAY, PAYMENT));
	assert_string_equal(state_now(), "awaiting_payment");
	assert_sql("2 20000", "select order_id || ' ' || amount_fen from dues");
	assert_sql("used", "select state from credits");
}

/* ---- what the CA writes ---- */

#define LI "Li 13812345678 li.si@acme.cn 44010619900101123X"

static void what_the_ca_writes_of_a_person_is_masked(void **state)
{
	OWNED char *renewal = a_renewal_in("in_review");
	(void)state;
	a_linked_transfer(renewal);
	step_with(renewal,
		CALL(STATUS,
			"{\"state\":\"correction_required\",\"reasons\":[{\"path\":\"intent\",\"text\":\"" LI
			"\"}]}"));
	assert_task("correction", "handler", "Li 138****5678 l****@acme.cn 440***********123X");
	assert_sql("0",
		"select count(*) from tasks where values::text like '%%13812345678%%' or values::text like '%%19900101%%'");
	withdraw(renewal);
	step_with(renewal, SAYS(WITHDRAW, REFUSED, LI, NULL));
	assert_task("withdrawal", "operator", "138****5678");
	(void)sql("select renewal_hint(" P_HANDLER ", '%s', '{\"text\":\"x\"}')", renewal);
	assert_sql("0", "select count(*) from journal where text ~ '13812345678|li.si|19900101'");
}

static void what_one_can_pay_by_is_kept_in_its_task_alone(void **state)
{
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	policy_says("{\"payment\":\"wechat_pay\"}");
	step_with(renewal,
		CALL(PAY,
			"{\"id\":\"P1\",\"code_url\":\"weixin://pay/1\",\"amount\":{\"amount_fen\":20000},\"payee\":{\"name\":\"CA Ltd\",\"account\":\"8888\",\"bank\":\"Bank\"}}"));
	assert_task("wechat_pay", "handler", "20000");
	assert_sql("0", "select count(*) from effects where answer::text like '%%weixin%%'");
}

/* ---- a CA that is never satisfied ---- */

static void an_attachment_that_the_ca_misses_is_asked_for_again(void **state)
{
	OWNED char *renewal = a_drafting_renewal(
		"{\"application_id\":\"A1\",\"agreed\":true,\"term\":1,\"intent\":true,\"attached\":1}");
	(void)state;
	walk(renewal, (const char *const[]){ "attachments_needed", "awaiting_attachments", NULL });
	(void)sql(
		"select task_open(1, '{\"kind\":\"attachment\",\"role\":\"handler\",\"title\":\"\",\"instruction\":\"\",\"if_ignored\":\"\"}')");
	finish_task("attachment", P_HANDLER, "");
	walk(renewal, (const char *const[]){ "intent_needed", "awaiting_intent", NULL });
	step_with(renewal, SAYS(SUBMIT, REFUSED, "ATTACHMENT_MISSING", NULL));
	step_alone(renewal);
	assert_waits("awaiting_attachments", "attachment");
	assert_task("attachment", "handler", "ATTACHMENT_MISSING");
}

static void a_renewal_that_goes_round_in_a_circle_is_stopped(void **state)
{
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	(void)sql(
		"insert into effects (renewal_id, op, attempt, key, settled_at, outcome) select %s, 'pay', n, 'k' || n, now(), 'refused' from generate_series(1, 60) n",
		renewal);
	step_alone(renewal);
	assert_waits("submitted", "going_round");
	assert_sql("operator", "select owner from overlong where blocked_reason = 'going_round'");
	(void)sql("update effects set intended_at = now() - interval '61 minutes'");
	step_with(renewal, CALL(PAY, PAYMENT));
	assert_string_equal(state_now(), "awaiting_payment");
}

/* ---- tasks that outlive their reason ---- */

static void a_ca_that_lets_us_in_again_closes_the_admins_task(void **state)
{
	OWNED char *renewal = a_renewal_in("in_review");
	(void)state;
	step_with(renewal, SAYS(STATUS, NEED_HUMAN, "SIGNATURE_BAD", NULL));
	assert_task("ca_access", "admin", "SIGNATURE_BAD");
	step_with(renewal, CALL(STATUS, "{\"state\":\"in_review\"}"));
	assert_sql("0", "select count(*) from tasks where state = 'open'");
}

static void a_payer_that_is_known_at_last_closes_its_task(void **state)
{
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	(void)sql("update certificate_sets set legal_entity_id = null");
	step_with(renewal, CALL(PAY, PAYMENT));
	assert_task("payer", "admin", "corporate account");
	(void)sql("update certificate_sets set legal_entity_id = 1");
	step_with(renewal, CALL(PAY_STATUS, PAYMENT));
	assert_string_equal(state_now(), "awaiting_payment");
	assert_sql("0", "select count(*) from tasks where state = 'open'");
}

static void a_renewal_that_has_ended_leaves_no_step_to_anybody(void **state)
{
	OWNED char *renewal = a_renewal_in("in_review");
	static const char *const kinds[] = { "bind_differs", "rebind", "remittance", "wechat_pay",
		"returned", "review_overdue", "certificate", "ca_access", "debt" };
	(void)state;
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		(void)sql(
			"insert into tasks (kind, renewal_id, role, title, instruction, if_ignored) values ('%s', %s, 'operator', '', '', '')",
			kinds[i], renewal);
	walk(renewal,
		(const char *const[]){
			"review_rejected", "refunding", "refund_arrived", "refunded", NULL });
	(void)sql("select what from engine_reap()");
	assert_sql("debt", "select string_agg(kind, ' ') from tasks where state = 'open'");
}

/* ---- what agents claim ---- */

static void an_agent_cannot_take_over_the_certificates_of_another_token(void **state)
{
	OWNED char *mine = a_certificate("t1", "Li", "both", "2027-01-31T15:59:59Z");
	OWNED char *forged = a_certificate("n1", "Li", "both", "2039-01-31T15:59:59Z");
	(void)state;
	an_organisation();
	free(a_set("t1", "Li", 1));
	(void)sql(
		"select check_in(2, '{\"client_version\":\"4.7.10\",\"tokens\":[{\"serial\":\"t9\",\"label\":\"t9\",\"certificates\":[%s,%s]}]}')",
		mine, forged);
	assert_sql("2027-01-31",
		"select (not_after at time zone 'UTC')::date from certificate_sets where id = 1");
	assert_sql("1", "select token_id from certificates where serial = 't1'");
}

static void a_text_that_looks_sealed_stops_nothing(void **state)
{
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	(void)sql(
		"insert into tasks (kind, role, title, instruction, if_ignored, values) values ('x', 'admin', '', '', '', '{\"label\":\"xqs1:A@b\"}')");
	assert_sql("0", "select count(*) from sealed_texts where sealed_key(value) is not null");
	assert_sql("", "select sealed_key('xqs1:A')");
	assert_string_equal(renewal, "1");
}

/* ---- wake-ups ---- */

static void a_wake_up_during_a_step_outlives_a_move_with_a_pause(void **state)
{
	OWNED char *renewal = a_renewal_in("awaiting_payment");
	int64_t epoch = claim(renewal);
	(void)state;
	(void)sql("select renewals_wake('{%s}')", renewal);
	(void)sql(
		"select n from renewals_conclude('[{\"id\":%s,\"epoch\":%lld,\"doc\":{\"move\":{\"event\":\"remittance_declared\",\"to\":\"verifying_payment\"},"
		"\"wait\":{\"reason\":\"ca_verification\",\"seconds\":1800}}}]', 'test')",
		renewal, (long long)epoch);
	assert_sql("t", "select due_at <= clock_timestamp() from renewals");
}

static void a_clock_that_is_set_back_loses_no_wake_up_and_makes_none(void **state)
{
	OWNED char *renewal = a_renewal_in("awaiting_payment");
	int64_t epoch = claim(renewal);
	static const char rest[] =
		"select n from renewals_conclude('[{\"id\":%s,\"epoch\":%lld,\"doc\":{\"wait\":{\"reason\":\"transfer\",\"seconds\":1800}}}]', 'test')";
	(void)state;
	(void)sql(
		"update renewals set claimed_at = claimed_at + interval '1 hour'"); /* of before */
	(void)sql("select renewals_wake('{%s}')", renewal);
	(void)sql(rest, renewal, (long long)epoch);
	assert_sql("t", "select due_at <= clock_timestamp() from renewals");
}

/* ---- a withdrawal while a token is being written ---- */

static const char permit[] = "select pin_permit(1, 1, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 't1')";

/* In install_queued, paid, its order offered to the agent. */
static char *an_offered_installation(void)
{
	char *renewal = a_renewal_in("approved");
	a_linked_transfer(renewal);
	walk(renewal, to_queue);
	(void)sql(
		"insert into install_orders (renewal_id, token_id, body, state, offered_to) values (%s, 1, '{\"new\":[]}', 'offered', 1)",
		renewal);
	return renewal;
}

static void reports(const char *outcome, const char *ref)
{
	(void)sql(
		"select install_result(1, 1, '{\"outcome\":\"%s\",\"permit_ref\":%s,\"login_attempted\":%s}')",
		outcome, ref, strcmp(ref, "null") == 0 ? "false" : "true");
}

static const char refuses_now[] =
	"select renewal_withdraw(" P_OPERATOR ", '%s', '{\"reason\":\"x\"}')";

static void a_withdrawal_that_was_asked_first_gets_no_permit(void **state)
{
	OWNED char *renewal = an_offered_installation();
	(void)state;
	withdraw(renewal);
	refused("is being withdrawn", permit);
	step_with(renewal, CALL(WITHDRAW, "{\"state\":\"withdrawn\"}"));
	assert_string_equal(state_now(), "refunding");
	assert_sql("0", "select count(*) from pin_attempts");
}

static void a_permit_that_is_out_refuses_a_withdrawal_and_says_what_to_do(void **state)
{
	OWNED char *renewal = an_offered_installation();
	(void)state;
	(void)sql(permit);
	refused("may be writing the token just now. Ask again once it has reported", refuses_now,
		renewal);
	step_alone(renewal);
	refused("may be writing the token just now", refuses_now, renewal);
	assert_sql("f", "select facts ? 'withdraw' from renewals");
	reports("installed", "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"");
	refused("is on the token already", refuses_now, renewal);
	step_alone(renewal);
	assert_string_equal(state_now(), "installed");
}

static void a_pin_that_was_refused_lets_the_renewal_be_withdrawn(void **state)
{
	OWNED char *renewal = an_offered_installation();
	(void)state;
	(void)sql(permit);
	step_alone(renewal);
	reports("pin_incorrect", "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"");
	step_alone(renewal);
	assert_waits("installing", "pin");
	withdraw(renewal);
	step_alone(renewal);
	assert_string_equal(state_now(), "install_queued");
	refused("is being withdrawn", "update install_orders set state = 'offered'; %s", permit);
	step_with(renewal, CALL(WITHDRAW, "{\"state\":\"withdrawn\"}"));
	assert_string_equal(state_now(), "refunding");
	assert_sql("0", "select count(*) from tasks where kind = 'pin' and state = 'open'");
	assert_sql("t", "select outcome = 'incorrect' and cleared_at is null from pin_attempts");
}

static void a_report_that_nothing_was_written_does_not_delay_a_withdrawal(void **state)
{
	OWNED char *renewal = an_offered_installation();
	(void)state;
	reports("token_full", "null");
	step_alone(renewal);
	assert_waits("install_queued", "install");
	withdraw(renewal);
	step_with(renewal, CALL(WITHDRAW, "{\"state\":\"withdrawn\"}"));
	assert_string_equal(state_now(), "refunding");
}

/* The agent found it whole on the token, and needed no permit. */
static void a_withdrawal_that_came_too_late_is_told(void **state)
{
	OWNED char *renewal = an_offered_installation();
	(void)state;
	withdraw(renewal);
	reports("installed", "null");
	step_alone(renewal);
	step_alone(renewal);
	assert_string_equal(state_now(), "installed");
	step_alone(renewal);
	assert_task("withdrawal", "operator", "operator asked to withdraw this renewal (");
	assert_sql("1", "select count(*) from journal where event = 'withdrawal_dropped'");
	step_with(renewal, CALL(INSTALL_REPORT, "{}"));
	assert_string_equal(state_now(), "awaiting_invoice");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		stage_test(the_second_return_is_decided_by_two_people_again),
		stage_test(a_debt_whose_approval_is_taken_back_can_be_paid_again),
		stage_test(an_approval_taken_back_after_the_installation_goes_to_the_review),
		stage_test(a_fee_that_only_the_ca_knows_of_is_not_forgotten),
		stage_test(nothing_is_exported_for_a_renewal_that_is_being_withdrawn),
		stage_test(a_transfer_that_may_be_the_one_speaks_against_never_paid),
		stage_test(only_the_payee_that_was_approved_is_paid),
		stage_test(a_task_with_a_live_code_is_not_closed_by_hand),
		stage_test(a_wrong_pin_bars_whatever_else_is_reported),
		stage_test(a_refund_that_names_another_order_is_that_ones),
		stage_test(a_credit_pays_a_due_whose_order_was_cancelled),
		stage_test(what_the_ca_writes_of_a_person_is_masked),
		stage_test(what_one_can_pay_by_is_kept_in_its_task_alone),
		stage_test(an_attachment_that_the_ca_misses_is_asked_for_again),
		stage_test(a_renewal_that_goes_round_in_a_circle_is_stopped),
		stage_test(a_ca_that_lets_us_in_again_closes_the_admins_task),
		stage_test(a_payer_that_is_known_at_last_closes_its_task),
		stage_test(a_renewal_that_has_ended_leaves_no_step_to_anybody),
		stage_test(an_agent_cannot_take_over_the_certificates_of_another_token),
		stage_test(a_text_that_looks_sealed_stops_nothing),
		stage_test(a_wake_up_during_a_step_outlives_a_move_with_a_pause),
		stage_test(a_clock_that_is_set_back_loses_no_wake_up_and_makes_none),
		stage_test(a_withdrawal_that_was_asked_first_gets_no_permit),
		stage_test(a_permit_that_is_out_refuses_a_withdrawal_and_says_what_to_do),
		stage_test(a_pin_that_was_refused_lets_the_renewal_be_withdrawn),
		stage_test(a_report_that_nothing_was_written_does_not_delay_a_withdrawal),
		stage_test(a_withdrawal_that_came_too_late_is_told),
	};
	return cmocka_run_group_tests(tests, database_begin, database_end);
}
