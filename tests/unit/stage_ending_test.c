/* SPDX-License-Identifier: Apache-2.0 */
/* Refusals of which nothing can come: where a renewal ends, what its money becomes, what a person is told. */
#include "tests/unit/stages_off_road.h"

static char *a_bound_renewal(void)
{
	char *renewal = a_binding_renewal();
	(void)sql("insert into bindings (set_id, ca, certificate_id) values (1, 'gateway', 'X')");
	step_alone(renewal);
	assert_string_equal(state_now(), "bound");
	return renewal;
}

static void too_late_ends_and_sends_to_the_counter(void **state)
{
	OWNED char *renewal = a_bound_renewal();
	(void)state;
	step_with(renewal, SAYS(OPEN, REFUSED, "EXPIRED_TOO_LONG", NULL));
	assert_string_equal(state_now(), "failed");
	assert_task("new_certificate", "operator", "现场办理");
	assert_task("new_certificate", "operator", "\"serial\": \"t1\"");
	assert_sql("1", "select count(*) from tasks where state = 'open'");
	assert_sql("0", "select count(*) from credits");
	assert_sql("refused", "select event from journal order by id desc limit 1");
	finish_task("new_certificate", P_OPERATOR, "\"settled\":\"applied for\"");
	assert_sql("failed", "select state from renewals");
}

static void a_draft_that_ends_is_left_to_the_next_renewal(void **state)
{
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	step_with(renewal, CALL(PAY, PAYMENT));
	assert_string_equal(state_now(), "awaiting_payment");
	(void)sql("update renewals set facts = facts || '{\"requote\":true}'");
	walk(renewal, (const char *const[]){ "payment_closed", "submitted", NULL });
	step_with(renewal, SAYS(SUBMIT, REFUSED, "EXPIRED_TOO_LONG", NULL));
	assert_string_equal(state_now(), "failed");
	assert_sql("cancelled", "select status from payment_orders");
	assert_sql("A1", "select facts->>'leftover' from renewals");
}

static void what_was_sent_before_becomes_a_credit(void **state)
{
	OWNED char *renewal = a_paid_first_renewal();
	(void)state;
	link_the_transfer();
	step_with(renewal, SAYS(OPEN, REFUSED, "EXPIRED_TOO_LONG", NULL));
	assert_string_equal(state_now(), "failed");
	assert_task("credit", "finance", "20000");
	assert_task("new_certificate", "operator", "新办");
	assert_sql("open 20000", "select state || ' ' || amount_fen from credits");
	assert_sql("linked", "select status from payment_orders");
}

/* An order in a payment file: only the bank knows, so nothing is counted as lost or kept. */
static void money_on_its_way_is_waited_for(void **state)
{
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	step_with(renewal, CALL(PAY, PAYMENT));
	(void)sql("select payments_exported(" P_FINANCE
		  ", array(select id from payment_orders), 'file', 20000)");
	walk(renewal, (const char *const[]){ "payment_closed", "submitted", NULL });
	(void)sql("update renewals set facts = facts - 'payment_id'");
	step_with(renewal, SAYS(PAY, REFUSED, "EXPIRED_TOO_LONG", NULL));
	assert_waits("submitted", "certificate");
	assert_task("certificate", "operator", "请新办");
}

static void too_early_waits_for_the_day_of_the_ca(void **state)
{
	OWNED char *renewal = a_bound_renewal();
	(void)state;
	step_with(renewal, SAYS(OPEN, REFUSED, "NOT_IN_WINDOW", NULL));
	assert_waits("bound", "not_in_window");
	assert_sql("t",
		"select due_at - clock_timestamp() between interval '23 hours' and interval '24 hours' from renewals");
	OWNED char *answer = text_dupf("{\"renewable_from\":\"%s\"}",
		sql("select to_char((clock_timestamp() + interval '10 days') at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"));
	step_with(renewal, SAYS(OPEN, REFUSED, "NOT_IN_WINDOW", answer));
	assert_sql("t",
		"select due_at - clock_timestamp() between interval '239 hours' and interval '241 hours' from renewals");
	assert_sql("0", "select count(*) from tasks");
	step_with(renewal, CALL(OPEN, "{\"id\":\"A1\",\"state\":\"draft\"}"));
	assert_string_equal(state_now(), "drafting");
}

/* ---- a fee that was sent before the CA named another one ---- */

static char *a_prepaid_draft(const char *application)
{
	char *renewal = a_paid_first_renewal();
	OWNED char *opened = text_dupf("{\"id\":%s,\"state\":\"draft\"}", application);
	link_the_transfer();
	step_with(renewal, CALL(OPEN, opened));
	(void)sql("update renewals set facts = facts || '{\"agreed\":true}'");
	step_with(renewal, CALL(TERMS, "[{\"years\":1,\"price_fen\":25000}]"));
	assert_waits("drafting", "prepaid");
	assert_task("prepaid", "finance", "25000");
	step_alone(renewal);
	assert_waits("drafting", "prepaid");
	return renewal;
}

static void a_prepaid_fee_that_does_not_fit_is_agreed_with_the_ca(void **state)
{
	OWNED char *renewal = a_prepaid_draft("\"A1\"");
	(void)state;
	finish_task("prepaid", P_FINANCE, "\"decision\":\"perhaps\"");
	step_alone(renewal);
	assert_task("prepaid", "finance", "again or credit");
	finish_task("prepaid", P_FINANCE, "\"decision\":\"again\"");
	step_alone(renewal);
	step_with(renewal, CALL(TERMS, "[{\"years\":1,\"price_fen\":20000}]"));
	step_with(renewal, CALL(TERM, "{}"));
	assert_string_equal(state_now(), "awaiting_intent");
	assert_sql("1", "select count(*) from payment_orders");
}

static void or_it_becomes_a_credit_with_an_owner(void **state)
{
	OWNED char *renewal = a_prepaid_draft("\"A1\"");
	(void)state;
	finish_task("prepaid", P_FINANCE, "\"decision\":\"credit\"");
	step_alone(renewal);
	assert_string_equal(state_now(), "failed");
	assert_task("credit", "finance", "XQ");
	assert_sql("open A1",
		"select c.state || ' ' || (r.facts->>'leftover') from credits c, renewals r");
	assert_sql("credited", "select event from journal order by id desc limit 1");
	assert_sql("1", "select count(*) from payment_orders");
}

static void a_sitting_that_met_another_price_begins_anew(void **state)
{
	OWNED char *renewal = a_prepaid_draft("null");
	(void)state;
	finish_task("prepaid", P_FINANCE, "\"decision\":\"again\"");
	step_alone(renewal);
	assert_string_equal(state_now(), "bound");
	step_alone(renewal);
	step_with(renewal, CALL(OPEN, "{\"id\":\"A2\",\"state\":\"draft\"}"));
	assert_string_equal(state_now(), "drafting");
	assert_sql("1", "select count(*) from payment_orders");
}

/* The handler accepts the agreement at the CA's pages: no sitting begins with one that was not approved.  A sibling's step
 * put it into the plan, and the approver signed it, before this renewal's next step. */
static void a_sitting_that_waited_for_its_agreement_begins_once_it_is_signed(void **state)
{
	OWNED char *renewal = a_paid_first_renewal();
	(void)state;
	traits.ops[CONNECTOR_AGREE].effect = false;
	link_the_transfer();
	(void)sql("update ca_facts set meta = replace(meta::text, 'agree-1', 'agree-9')::jsonb");
	step_alone(renewal);
	assert_string_equal(state_now(), "drafting");
	(void)sql(
		"update campaigns set plan = replace(plan::text, 'agree-1', 'agree-9')::jsonb, digest = 'other'");
	(void)sql("select campaign_approve(" P_APPROVER
		  ", 1, '{\"gate\":\"all\",\"digest\":\"other\"}')");
	step_alone(renewal); /* there is no answer to read the agreement from */
	assert_string_equal(state_now(), "bound");
	step_alone(renewal);
	step_with(renewal, CALL(OPEN, "{\"id\":\"A2\",\"state\":\"draft\"}"));
	assert_string_equal(state_now(), "drafting");
	step_with(renewal, CALL(AGREE, "{}")); /* of the sitting that was */
	assert_sql("true", "select facts->>'agreed' from renewals");
	assert_sql("1", "select count(*) from payment_orders");
}

#define STATUS_OF(word) "{\"items\":[{\"id\":\"C9\",\"status\":\"" word "\"}]}"

/* Nobody can call a transfer back: the CA is asked before its order leaves. */
static void a_certificate_that_was_revoked_meanwhile_is_not_paid_for(void **state)
{
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	(void)sql("update renewals set facts = facts || '{\"certificate_id\":\"C9\"}'");
	step_with(renewal, CALL(PAY, PAYMENT));
	step_with(renewal, CALL(CERTIFICATE, STATUS_OF("valid")));
	assert_waits("awaiting_payment", "transfer");
	step_alone(renewal); /* once a day */
	(void)sql("select notice_take('n1', 'certificate.revoked', 'C9', 0)");
	step_with(renewal, CALL(CERTIFICATE, STATUS_OF("revoked")));
	assert_non_null(strstr(fake.said[0].id, "&issuer_sha256="));
	assert_waits("awaiting_payment", "certificate");
	assert_task("certificate", "operator", "CERT_REVOKED");
	assert_sql("[]", "select payments_to_export(" P_FINANCE ")");
	step_with(renewal, CALL(CERTIFICATE, STATUS_OF("on_hold")));
	assert_task("certificate", "operator", "CERT_ON_HOLD");
	step_with(renewal, CALL(CERTIFICATE, STATUS_OF("valid")));
	assert_waits("awaiting_payment", "transfer");
	assert_sql("0", "select count(*) from tasks where state = 'open'");
	assert_sql("1", "select jsonb_array_length(payments_to_export(" P_FINANCE "))");
	(void)sql("select payments_exported(" P_FINANCE
		  ", array(select id from payment_orders), 'f', 20000)");
	(void)sql("update renewals set facts = facts - 'certificate_seen_at'");
	step_alone(renewal); /* it may have left: the CA refuses the remittance, or rejects */
	assert_waits("awaiting_payment", "transfer");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		stage_test(a_certificate_that_was_revoked_meanwhile_is_not_paid_for),
		stage_test(too_late_ends_and_sends_to_the_counter),
		stage_test(a_draft_that_ends_is_left_to_the_next_renewal),
		stage_test(what_was_sent_before_becomes_a_credit),
		stage_test(money_on_its_way_is_waited_for),
		stage_test(too_early_waits_for_the_day_of_the_ca),
		stage_test(a_prepaid_fee_that_does_not_fit_is_agreed_with_the_ca),
		stage_test(or_it_becomes_a_credit_with_an_owner),
		stage_test(a_sitting_that_met_another_price_begins_anew),
		stage_test(a_sitting_that_waited_for_its_agreement_begins_once_it_is_signed),
	};
	return cmocka_run_group_tests(tests, database_begin, database_end);
}
