/* SPDX-License-Identifier: Apache-2.0 */
/* The ways off the straight road: withdrawal before and after the payment, refunds and what may become of them,
 * credits that pay another application, transfers that came back, certificates that changed meanwhile, hints. */
#include "sql.h"
#include "tests/unit/stages_off_road.h"

static void withdraw(const char *renewal)
{
	(void)sql("select renewal_withdraw(" P_OPERATOR
		  ", '%s', '{\"reason\":\"sold\",\"commit\":true}')",
		renewal);
}

/* ---- withdrawal ---- */

static void a_dry_run_says_what_is_lost_and_changes_nothing(void **state)
{
	OWNED char *renewal = a_renewal_in("awaiting_payment");
	(void)state;
	a_linked_transfer(renewal);
	assert_sql("false true 20000 refunding",
		"select (d->>'committed') || ' ' || (d->>'paid') || ' ' || (d->>'amount_fen') || ' ' || (d->>'becomes') "
		"from renewal_withdraw(" P_OPERATOR ", '%s', '{\"reason\":\"x\"}') d",
		renewal);
	refused("wants a reason",
		"select renewal_withdraw(" P_OPERATOR ", '%s', '{\"commit\":true}')", renewal);
	refused("there is no renewal",
		"select renewal_withdraw(" P_OPERATOR ", '99', '{\"reason\":\"x\"}')");
	assert_sql("f", "select facts ? 'withdraw' from renewals");
}

static void an_unpaid_renewal_is_withdrawn_at_the_ca_first(void **state)
{
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	withdraw(renewal);
	refused("being withdrawn already",
		"select renewal_withdraw(" P_OPERATOR ", '%s', '{\"reason\":\"x\"}')", renewal);
	step_with(renewal, SAYS(WITHDRAW, UNSURE, "NO_ANSWER", NULL)); /* killed in the middle */
	assert_sql("submitted", "select state from renewals");
	step_with(renewal, CALL(WITHDRAW, "{\"state\":\"withdrawn\"}"));
	assert_string_equal(fake.said[0].id, "A1");
	assert_sql("withdrawn", "select state from renewals");
	assert_sql("operator: sold",
		"select substring(text from 'operator.*') from journal order by id desc limit 1");
	assert_sql("0", "select count(*) from tasks where state = 'open'");
}

static void an_order_that_nobody_paid_is_cancelled(void **state)
{
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	step_with(renewal, CALL(PAY, PAYMENT));
	withdraw(renewal);
	step_with(renewal, CALL(WITHDRAW, "{\"state\":\"withdrawn\"}"));
	assert_sql("withdrawn cancelled",
		"select r.state || ' ' || o.status from renewals r, payment_orders o");
	assert_sql("[]", "select payments_to_export(" P_FINANCE ")");
}

static void an_order_in_a_file_may_be_paid(void **state)
{
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	step_with(renewal, CALL(PAY, PAYMENT));
	(void)sql("select payments_exported(" P_FINANCE
		  ", array(select id from payment_orders), 'file', 20000)");
	withdraw(renewal);
	step_with(renewal, CALL(WITHDRAW, "{\"state\":\"withdrawn\"}"));
	assert_string_equal(state_now(), "refunding");
	assert_task("refund", "finance", "never_paid");
	finish_task("refund", P_FINANCE, "\"outcome\":\"never_paid\",\"evidence\":\"bank desk\"");
	step_alone(renewal);
	assert_string_equal(state_now(), "withdrawn");
	assert_sql("cancelled", "select status from payment_orders");
}

static void a_linked_transfer_was_paid_whatever_finance_says(void **state)
{
	OWNED char *renewal = a_renewal_in("in_review");
	(void)state;
	a_linked_transfer(renewal);
	withdraw(renewal);
	step_with(renewal, CALL(WITHDRAW, "{\"state\":\"withdrawn\",\"refund_ids\":[\"F7\"]}"));
	assert_string_equal(state_now(), "refunding");
	finish_task("refund", P_FINANCE, "\"outcome\":\"never_paid\",\"evidence\":\"x\"");
	step_alone(renewal);
	assert_waits("refunding", "refund");
	assert_task("refund", "finance", "it was paid");
	step_with(renewal, CALL(REFUND, "{\"state\":\"processing\"}"));
	assert_string_equal(fake.said[0].id, "F7");
}

static void a_withdrawal_that_the_ca_refuses_waits_for_a_person(void **state)
{
	OWNED char *renewal = a_renewal_in("in_review");
	(void)state;
	a_linked_transfer(renewal);
	withdraw(renewal);
	step_with(renewal, SAYS(WITHDRAW, REFUSED, "STATE_CONFLICT", NULL));
	assert_waits("in_review", "withdrawal");
	assert_task("withdrawal", "operator", "STATE_CONFLICT");
	step_alone(renewal);
	finish_task("withdrawal", P_OPERATOR, "\"decision\":\"keep\"");
	step_alone(renewal);
	step_with(renewal, CALL(STATUS, "{\"state\":\"in_review\"}"));
	assert_string_equal(state_now(), "in_review");
}

static void before_the_gate_a_withdrawal_takes_effect_at_once(void **state)
{
	A_RENEWAL();
	withdraw(renewal);
	assert_string_equal(state_now(), "withdrawn");
	refused("cannot be withdrawn any more",
		"select renewal_withdraw(" P_OPERATOR ", '%s', '{\"reason\":\"x\"}')", renewal);
}

/* Its fee was sent before, then its price had to be approved again: nobody but refunding closes the draft at the CA. */
static void a_paid_draft_is_withdrawn_at_the_ca(void **state)
{
	OWNED char *renewal = a_paid_first_renewal();
	(void)state;
	link_the_transfer();
	step_with(renewal, CALL(OPEN, "{\"id\":\"A1\",\"state\":\"draft\"}"));
	(void)sql(
		"update ca_facts set meta = jsonb_set(meta, '{agreement,sha256}', '\"agree-2\"')");
	step_alone(renewal);
	assert_string_equal(state_now(), "awaiting_approval");
	withdraw(renewal);
	assert_string_equal(state_now(), "refunding");
	step_with(renewal, CALL(WITHDRAW, "{\"state\":\"withdrawn\",\"refund_ids\":[\"F3\"]}"));
	assert_string_equal(fake.said[0].id, "A1");
	step_with(renewal, CALL(REFUND, "{\"state\":\"processing\"}"));
	assert_string_equal(fake.said[0].id, "F3");
}

static void a_token_that_is_being_written_is_not_withdrawn(void **state)
{
	OWNED char *renewal = a_renewal_in("approved");
	(void)state;
	walk(renewal, to_queue);
	walk(renewal, (const char *const[]){ "permit_given", "installing", NULL });
	refused("cannot be withdrawn any more",
		"select renewal_withdraw(" P_OPERATOR ", '%s', '{\"reason\":\"x\"}')", renewal);
}

static void a_queued_installation_is_withdrawn_with_its_order(void **state)
{
	OWNED char *renewal = a_renewal_in("approved");
	(void)state;
	a_linked_transfer(renewal);
	walk(renewal, to_queue);
	(void)sql("insert into install_orders (renewal_id, token_id, body) values (%s, 1, '{}')",
		renewal);
	withdraw(renewal);
	step_with(renewal, CALL(WITHDRAW, "{\"state\":\"withdrawn\"}"));
	assert_string_equal(state_now(), "refunding");
	assert_sql("closed", "select state from install_orders");
	assert_sql("[]", "select order_offer(1)");
}

/* ---- refunds ---- */

static char *a_refunding_renewal(void)
{
	char *renewal = a_renewal_in("in_review");
	a_linked_transfer(renewal);
	step_with(renewal, CALL(STATUS, "{\"state\":\"rejected\",\"refund_ids\":[\"F1\"]}"));
	assert_string_equal(state_now(), "refunding");
	return renewal;
}

static void a_credit(const char *memo, const char *party, int64_t fen)
{
	(void)sql(
		"insert into statement_lines (statement_id, line_key, row, byte_offset, raw, own_account, own_name, direction, amount_fen, amount_raw, paid_at, paid_at_raw, "
		"paid_at_precision, party_name, party_account, party_bank, memo, bank_serial) select 1, 'c' || count(*), 2, 1, '', '6222', 'Acme', 'in', %lld, '', now(), '', "
		"'second', '%s', '8888', 'Bank', '%s', 'C' || count(*) from statement_lines",
		(long long)fen, party, memo);
}

static void the_banks_own_line_ends_a_refund(void **state)
{
	OWNED char *renewal = a_refunding_renewal();
	(void)state;
	step_with(renewal, CALL(REFUND, "{\"state\":\"processing\"}"));
	(void)sql("update renewals set due_at = 'infinity'");
	a_credit("XQ0000000012 refund", "CA Ltd", 19999); /* another amount */
	assert_sql("t", "select due_at = 'infinity' from renewals");
	a_credit("XQ0000000012 refund", "CA Ltd", 20000);
	assert_sql("t", "select due_at <= clock_timestamp() from renewals");
	step_alone(renewal);
	assert_string_equal(state_now(), "refunded");
	assert_sql("the bank", "select told_by from refunds where line_id is not null");
	assert_sql("0", "select count(*) from tasks where state = 'open'");
}

static void a_credit_without_a_name_waits_for_finance_or_the_ca(void **state)
{
	OWNED char *renewal = a_refunding_renewal();
	(void)state;
	a_credit("", "CA Ltd", 20000);
	step_with(renewal, CALL(REFUND, "{\"state\":\"processing\"}"));
	assert_string_equal(state_now(), "refunding");
	finish_task("refund", P_FINANCE, "\"outcome\":\"arrived\",\"evidence\":\"line 2\"");
	step_alone(renewal);
	assert_sql("t", "select line_id is not null from refunds where told_by = 'finance'");
}

static void an_abnormal_refund_is_told_once_and_watched_on(void **state)
{
	OWNED char *renewal = a_refunding_renewal();
	(void)state;
	step_with(renewal, CALL(REFUND, "{\"state\":\"abnormal\"}"));
	assert_task("refund", "finance", "abnormal");
	step_with(renewal, CALL(REFUND, "{\"state\":\"abnormal\"}"));
	assert_sql("1", "select count(*) from journal where event = 'refund_failed'");
	step_with(renewal, CALL(REFUND, "{\"state\":\"success\"}"));
	assert_string_equal(state_now(), "refunded");
}

/* The contract says of an application that its fee is carried over, never of a refund. */
static void a_fee_that_the_application_says_is_kept_becomes_a_credit(void **state)
{
	OWNED char *renewal = a_renewal_in("in_review");
	(void)state;
	a_linked_transfer(renewal);
	step_with(renewal, CALL(STATUS, "{\"state\":\"rejected\"}"));
	step_with(renewal, CALL(PAY_STATUS, "{\"id\":\"P1\",\"state\":\"verified\"}"));
	step_with(renewal, CALL(STATUS, "{\"state\":\"rejected\"}"));
	assert_waits("refunding", "refund");
	step_with(renewal, CALL(PAY_STATUS, "{\"id\":\"P1\",\"state\":\"verified\"}"));
	step_with(renewal, CALL(STATUS, "{\"state\":\"closed\",\"fee\":\"carried_over\"}"));
	assert_string_equal(state_now(), "failed");
	assert_task("credit", "finance", "20000");
	assert_sql("0", "select count(*) from tasks where kind = 'refund' and state = 'open'");
}

static void a_closed_application_names_its_refund(void **state)
{
	OWNED char *renewal = a_renewal_in("in_review");
	(void)state;
	a_linked_transfer(renewal);
	step_with(renewal,
		CALL(STATUS,
			"{\"state\":\"closed\",\"fee\":\"refunded\",\"refund_ids\":[\"F9\"]}"));
	assert_string_equal(state_now(), "refunding");
	assert_sql("closed_with_refund", "select event from journal order by id desc limit 1");
	step_with(renewal, CALL(REFUND, "{\"state\":\"success\"}"));
	assert_string_equal(fake.said[0].id, "F9");
	assert_string_equal(state_now(), "refunded");
}

static void a_closed_refund_becomes_a_credit_that_pays_the_next_application(void **state)
{
	OWNED char *renewal = a_refunding_renewal();
	OWNED char *next = NULL;
	(void)state;
	step_with(renewal, CALL(REFUND, "{\"state\":\"closed\"}"));
	assert_task("refund", "finance", "closed");
	finish_task("refund", P_FINANCE, "\"outcome\":\"credited\",\"evidence\":\"letter\"");
	step_alone(renewal);
	assert_string_equal(state_now(), "failed");
	assert_sql("open 20000", "select state || ' ' || amount_fen from credits");
	assert_task("credit", "finance", "XQ0000000012");
	next = a_renewal("again", "1");
	(void)sql("select campaign_approve(" P_APPROVER
		  ", 2, '{\"gate\":\"all\",\"digest\":\"again\"}')");
	walk(next, to_drafting);
	walk(next,
		(const char *const[]){ "intent_needed", "awaiting_intent", "application_submitted",
			"submitted", NULL });
	(void)sql(
		"update renewals set quoted_fen = 20000, facts = '{\"application_id\":\"A2\",\"submitted\":true}' where id = %s",
		next);
	step_with(next, CALL(PAY, PAYMENT));
	assert_sql("used", "select state from credits");
	assert_sql("1", "select count(*) from payment_orders"); /* never a second payment */
	assert_sql("0", "select count(*) from tasks where kind = 'credit' and state = 'open'");
	step_with(next, CALL(REMIT, "{\"state\":\"verified\"}"));
	assert_non_null(strstr(fake.said[0].body, "Acme(raw)")); /* the old transfer's fields */
}

/* ---- a transfer that came back ---- */

static void a_returned_transfer_reopens_its_due_by_two_people(void **state)
{
	OWNED char *renewal = a_renewal_in("in_review");
	(void)state;
	a_linked_transfer(renewal);
	(void)sql("update renewals set due_at = 'infinity'");
	a_credit("退汇 XQ0000000012", "CA Ltd", 20000);
	assert_sql("t", "select due_at <= clock_timestamp() from renewals");
	step_alone(renewal);
	assert_waits("in_review", "returned");
	assert_task("returned", "finance", "XQ0000000012");
	finish_task("returned", P_FINANCE, "\"decision\":\"pay_again\"");
	step_alone(renewal);
	assert_task("returned_release", "approver", "XQ0000000012");
	finish_task("returned_release", P_APPROVER, "\"decision\":\"release\"");
	step_alone(renewal);
	assert_string_equal(state_now(), "awaiting_payment");
	assert_sql(
		"cancelled open", "select string_agg(status, ' ' order by id) from payment_orders");
	assert_sql("1", "select count(*) from dues where order_id = 2");
	assert_sql("dropped", "select verdict from links");
	assert_sql("in", "select string_agg(direction, ' ') from (%s) lines (id, direction)",
		sql_match_lines); /* the transfer that came back pays nothing else */
	step_with(
		renewal, ASKED_ABOUT_IT); /* nothing is declared before the new transfer is there */
	assert_waits("awaiting_payment", "transfer");
	assert_sql("1", "select count(*) from renewals");
}

/* From now on the task KIND is done by WHO with VALUES in the moment before a step's conclusion. */
static void answered_before_the_conclusion(const char *kind, const char *who, const char *values)
{
	(void)sql("alter function renewals_conclude(jsonb, text) rename to renewals_conclude_then");
	(void)sql(
		"create function renewals_conclude(p_items jsonb, p_by text) returns table (n int, failed text, why text) language plpgsql as $$ "
		"begin perform task_done(%s, id, '{\"values\":{%s},\"commit\":true}') from tasks where kind = '%s' and state = 'open'; "
		"return query select * from renewals_conclude_then(p_items, p_by); end $$",
		who, values, kind);
}

/* A step that asks again, because something else woke it, does not take the question for unanswered. */
static void an_answer_in_the_middle_of_a_step_is_not_asked_for_again(void **state)
{
	OWNED char *renewal = a_renewal_in("in_review");
	(void)state;
	a_linked_transfer(renewal);
	a_credit("退汇 XQ0000000012", "CA Ltd", 20000);
	step_alone(renewal);
	assert_task("returned", "finance", "XQ0000000012");
	answered_before_the_conclusion("returned", P_FINANCE, "\"decision\":\"pay_again\"");
	step_alone(renewal);
	assert_sql("0", "select count(*) from tasks where kind = 'returned' and state = 'open'");
	assert_sql("t", "select due_at <= clock_timestamp() from renewals");
	step_alone(renewal);
	assert_task("returned_release", "approver", "XQ0000000012");
}

static void a_transfer_that_came_back_before_it_was_declared_is_paid_anew(void **state)
{
	OWNED char *renewal = a_renewal_in("awaiting_payment");
	(void)state;
	a_linked_transfer(renewal);
	a_credit("退汇 XQ0000000012", "CA Ltd", 20000);
	step_alone(renewal);
	finish_task("returned", P_FINANCE, "\"decision\":\"pay_again\"");
	step_alone(renewal);
	finish_task("returned_release", P_APPROVER, "\"decision\":\"release\"");
	step_alone(renewal);
	assert_string_equal(state_now(), "awaiting_payment");
	assert_sql("1",
		"select count(*) from journal where event = 'transfer_returned' and to_state is null");
	assert_sql(
		"cancelled open", "select string_agg(status, ' ' order by id) from payment_orders");
}

static void the_ca_may_be_the_first_to_say_so(void **state)
{
	OWNED char *renewal = a_renewal_in("verifying_payment");
	(void)state;
	a_linked_transfer(renewal);
	step_with(renewal,
		CALL(PAY_STATUS,
			"{\"state\":\"failed\",\"failed\":{\"code\":\"REMITTANCE_RETURNED\"}}"));
	step_alone(renewal);
	assert_waits("verifying_payment", "returned");
	assert_task("returned", "finance", "pay_again");
}

static void after_the_approval_a_return_is_a_debt(void **state)
{
	OWNED char *renewal = a_renewal_in("approved");
	(void)state;
	a_linked_transfer(renewal);
	a_credit("退汇 XQ0000000012", "CA Ltd", 20000);
	assert_task("debt", "finance", "XQ0000000012");
	assert_string_equal(state_now(), "approved");
	assert_sql("linked", "select status from payment_orders");
	assert_sql("1", "select count(*) from returns");
}

static void money_that_left_twice_is_watched_by_finance(void **state)
{
	OWNED char *renewal = a_renewal_in("paid");
	(void)state;
	a_linked_transfer(renewal);
	(void)sql(
		"insert into match_flags (line_id, order_id, rule, text) values (1, 1, 'R7', 'twice')");
	assert_task("paid_twice", "finance", "XQ0000000012");
	assert_string_equal(state_now(), "paid");
	step_with(renewal, /* seen in whatever state the CA says it first */
		CALL(STATUS,
			"{\"state\":\"in_review\",\"paid_twice\":true,\"refund_ids\":[\"F2\"]}"));
	assert_string_equal(state_now(), "in_review");
	assert_task("paid_twice", "finance", "F2");
	step_with(renewal,
		CALL(STATUS,
			"{\"state\":\"in_review\",\"paid_twice\":true,\"refund_ids\":[\"F2\"]}"));
	assert_task("paid_twice", "finance", "F2");
	step_with(renewal, CALL(STATUS, "{\"state\":\"approved\"}"));
	assert_string_equal(state_now(), "approved");
}

/* ---- the certificate itself ---- */

static void a_newer_certificate_on_the_token(void)
{
	OWNED char *old = a_certificate("t1", "Li", "both", "2027-01-31T15:59:59Z");
	OWNED char *newer = a_certificate("n1", "Li", "both", "2029-01-31T15:59:59Z");
	(void)sql(
		"select check_in(1, '{\"client_version\":\"4.7.10\",\"tokens\":[{\"serial\":\"t1\",\"label\":\"t1\",\"certificates\":[%s,%s]}]}')",
		old, newer);
}

static void a_certificate_that_was_replaced_is_not_paid_for(void **state)
{
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	step_with(renewal, CALL(PAY, PAYMENT));
	a_newer_certificate_on_the_token();
	step_alone(renewal);
	assert_waits("awaiting_payment", "certificate");
	assert_task("certificate", "operator", "n1");
	assert_sql("[]", "select payments_to_export(" P_FINANCE ")");
	finish_task("certificate", P_OPERATOR, "\"go_on\":\"yes\"");
	step_alone(renewal);
	step_with(renewal, ASKED_ABOUT_IT);
	assert_waits("awaiting_payment", "transfer");
	withdraw(renewal);
	step_with(renewal, CALL(WITHDRAW, "{\"state\":\"withdrawn\"}"));
	assert_string_equal(state_now(), "withdrawn");
}

static void a_revoked_certificate_stays_and_is_asked_about_every_day(void **state)
{
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	step_with(renewal, SAYS(PAY, REFUSED, "CERT_ON_HOLD", NULL));
	assert_waits("submitted", "certificate");
	assert_task("certificate", "operator", "已冻结");
	assert_sql("t", "select due_at > clock_timestamp() + interval '23 hours' from renewals");
	step_with(renewal, CALL(PAY, PAYMENT)); /* the hold was lifted */
	assert_string_equal(state_now(), "awaiting_payment");
}

/* ---- hints and notices ---- */

static void a_hint_wakes_and_decides_nothing(void **state)
{
	OWNED char *renewal = a_renewal_in("in_review");
	(void)state;
	(void)sql("update renewals set due_at = 'infinity'");
	(void)sql("select renewal_hint(" P_HANDLER
		  ", '%s', '{\"text\":\"审核已通过，验证码 123456\"}')",
		renewal);
	assert_sql("t", "select due_at <= clock_timestamp() from renewals");
	assert_string_equal(state_now(), "in_review");
	assert_sql("审核已通过，验证码 ****", "select text from journal where event = 'hint'");
	step_with(renewal, CALL(STATUS, "{\"state\":\"in_review\"}"));
	assert_string_equal(state_now(), "in_review");
}

static void a_notice_wakes_once_and_an_older_one_never(void **state)
{
	OWNED char *renewal = a_renewal_in("in_review");
	(void)state;
	(void)renewal;
	assert_sql("woken", "select notice_take('n1', 'review.approved', 'A1', 5)");
	assert_sql("again", "select notice_take('n1', 'review.approved', 'A1', 5)");
	assert_sql("older", "select notice_take('n2', 'review.begun', 'A1', 4)");
	assert_sql("woken", "select notice_take('n3', 'review.begun', 'A1', 6)");
	assert_string_equal(state_now(), "in_review");
}

/* ---- the CA closed it before it was paid ---- */

#define CLOSED "{\"state\":\"closed\"}"

static void what_the_ca_closed_unpaid_is_applied_for_anew(void **state)
{
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	step_with(renewal, SAYS(PAY, REFUSED, "STATE_CONFLICT", CLOSED));
	assert_sql("submitted", "select state from renewals");
	assert_sql("0", "select count(*) from tasks where kind = 'renewal'");
	step_with(renewal, CALL(STATUS, CLOSED));
	assert_string_equal(fake.said[0].id, "A1");
	assert_string_equal(state_now(), "bound");
	assert_sql("t",
		"select facts->>'application_id' is null and facts->>'closed_says' is null from renewals");
}

static void a_transfer_for_what_is_closed_pays_the_next_application(void **state)
{
	OWNED char *renewal = a_renewal_in("awaiting_payment");
	(void)state;
	a_linked_transfer(renewal);
	step_with(renewal, SAYS(REMIT, REFUSED, "STATE_CONFLICT", CLOSED));
	step_with(renewal, CALL(STATUS, CLOSED));
	assert_string_equal(state_now(), "bound");
	assert_sql("0", "select count(*) from tasks where kind = 'remittance'");
	assert_sql("1", "select count(*) from payment_orders where status <> 'cancelled'");
}

static void a_fee_that_comes_back_with_it_is_waited_for(void **state)
{
	OWNED char *renewal = a_renewal_in("awaiting_payment");
	(void)state;
	a_linked_transfer(renewal);
	step_with(renewal, SAYS(REMIT, REFUSED, "STATE_CONFLICT", CLOSED));
	step_with(renewal, CALL(STATUS, "{\"state\":\"closed\",\"refund_ids\":[\"F1\"]}"));
	assert_string_equal(state_now(), "refunding");
	assert_sql("F1", "select facts->>'refund_id' from renewals");
	assert_task("refund", "finance", "The CA closed the application");
}

static void what_is_closed_while_its_money_travels_asks_nobody(void **state)
{
	OWNED char *renewal = a_renewal_in("verifying_payment");
	(void)state;
	a_linked_transfer(renewal);
	(void)sql("update renewals set facts = facts || '{\"redeclare\":true}'");
	step_with(renewal, SAYS(REMIT, REFUSED, "STATE_CONFLICT", CLOSED));
	assert_sql("0", "select count(*) from tasks where kind = 'remittance'");
	step_with(renewal, CALL(STATUS, CLOSED));
	assert_string_equal(state_now(), "bound");
}

static void another_conflict_is_a_matter_for_a_person(void **state)
{
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	step_with(renewal, SAYS(PAY, REFUSED, "STATE_CONFLICT", CLOSED));
	step_with(renewal, CALL(STATUS, "{\"state\":\"awaiting_payment\"}"));
	assert_waits("submitted", "refused");
	assert_task("renewal", "operator", "finish this task with retry=yes");
	step_alone(renewal);
}

static void what_the_ca_closed_is_withdrawn_without_it(void **state)
{
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	withdraw(renewal);
	step_with(renewal, SAYS(WITHDRAW, REFUSED, "STATE_CONFLICT", CLOSED));
	assert_sql("withdrawn", "select state from renewals");
	assert_sql("0", "select count(*) from tasks where state = 'open'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		stage_test(a_dry_run_says_what_is_lost_and_changes_nothing),
		stage_test(an_unpaid_renewal_is_withdrawn_at_the_ca_first),
		stage_test(an_order_that_nobody_paid_is_cancelled),
		stage_test(an_order_in_a_file_may_be_paid),
		stage_test(a_linked_transfer_was_paid_whatever_finance_says),
		stage_test(a_withdrawal_that_the_ca_refuses_waits_for_a_person),
		stage_test(before_the_gate_a_withdrawal_takes_effect_at_once),
		stage_test(a_paid_draft_is_withdrawn_at_the_ca),
		stage_test(a_token_that_is_being_written_is_not_withdrawn),
		stage_test(a_queued_installation_is_withdrawn_with_its_order),
		stage_test(the_banks_own_line_ends_a_refund),
		stage_test(a_credit_without_a_name_waits_for_finance_or_the_ca),
		stage_test(an_abnormal_refund_is_told_once_and_watched_on),
		stage_test(a_fee_that_the_application_says_is_kept_becomes_a_credit),
		stage_test(a_closed_application_names_its_refund),
		stage_test(a_closed_refund_becomes_a_credit_that_pays_the_next_application),
		stage_test(a_returned_transfer_reopens_its_due_by_two_people),
		stage_test(an_answer_in_the_middle_of_a_step_is_not_asked_for_again),
		stage_test(a_transfer_that_came_back_before_it_was_declared_is_paid_anew),
		stage_test(the_ca_may_be_the_first_to_say_so),
		stage_test(after_the_approval_a_return_is_a_debt),
		stage_test(money_that_left_twice_is_watched_by_finance),
		stage_test(a_certificate_that_was_replaced_is_not_paid_for),
		stage_test(a_revoked_certificate_stays_and_is_asked_about_every_day),
		stage_test(what_the_ca_closed_unpaid_is_applied_for_anew),
		stage_test(a_transfer_for_what_is_closed_pays_the_next_application),
		stage_test(a_fee_that_comes_back_with_it_is_waited_for),
		stage_test(what_is_closed_while_its_money_travels_asks_nobody),
		stage_test(another_conflict_is_a_matter_for_a_person),
		stage_test(what_the_ca_closed_is_withdrawn_without_it),
		stage_test(a_hint_wakes_and_decides_nothing),
		stage_test(a_notice_wakes_once_and_an_older_one_never),
	};
	return cmocka_run_group_tests(tests, database_begin, database_end);
}
