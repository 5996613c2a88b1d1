/* SPDX-License-Identifier: Apache-2.0 */
/* The branches up to the payment: codes that run out, both orders of paying and applying, WeChat Pay, prices and
 * quotes that change, certificates that expire on the way. */
#include "tests/unit/stages_off_road.h"

/* ---- binding ---- */

static void codes_that_run_out_are_counted_and_looked_into(void **state)
{
	static const char expired[] =
		"{\"state\":\"expired\",\"failed\":{\"code\":\"BINDING_EXPIRED\"}}";
	char keys[3][STAGE_KEY_MAX];
	OWNED char *renewal = a_binding_renewal();
	(void)state;
	for (int i = 0; i < 3; i++) {
		step_with(renewal, CALL(BIND, QR("B1")));
		(void)snprintf(keys[i], sizeof keys[i], "%s", fake.said[0].key);
		assert_sql("2027-01-01T00:00:00Z",
			"select values->>'expires_at' from tasks where kind = 'bind' and state = 'open'");
		assert_sql(i == 0        ? "1"
				: i == 1 ? "2"
					 : "3",
			"select values->>'code' from tasks where kind = 'bind' and state = 'open'");
		step_with(renewal, CALL(BIND_STATUS, expired));
		assert_sql(
			"0", "select count(*) from tasks where kind = 'bind' and state = 'open'");
	}
	assert_string_not_equal(keys[0], keys[1]);
	assert_string_not_equal(keys[1], keys[2]);
	assert_task("bind_again", "operator", "3 QR codes");
	assert_sql("3", "select count(*) from journal where event = 'binding_expired'");
	step_with(renewal, CALL(BIND, QR("B4"))); /* it goes on all the same */
	assert_waits("binding", "binding");
}

static void another_account_is_a_matter_for_a_person(void **state)
{
	OWNED char *renewal = a_binding_renewal();
	(void)state;
	step_with(renewal, CALL(BIND, QR("B1")));
	step_with(renewal,
		CALL(BIND_STATUS,
			"{\"state\":\"cancelled\",\"failed\":{\"code\":\"BINDING_OTHER_ACCOUNT\"},\"certificates\":[]}"));
	assert_task("bind_differs", "handler", "BINDING_OTHER_ACCOUNT");
	step_alone(renewal);
	assert_waits("binding", "binding_differs");
	finish_task("bind_differs", P_HANDLER, "\"again\":\"yes\"");
	step_with(renewal, SAYS(BIND, REFUSED, "BINDING_OTHER_ACCOUNT", NULL));
	assert_waits("binding", "binding_differs");
	assert_task("bind_differs", "handler", "unbind it there");
}

static void one_code_binds_every_certificate_that_it_shows(void **state)
{
	OWNED char *renewal = a_binding_renewal();
	OWNED char *sibling_set = a_set("t2", "Wang", 2);
	OWNED char *sibling = a_renewal("d", sibling_set);
	(void)state;
	(void)sql("select campaign_approve(" P_APPROVER
		  ", 2, '{\"gate\":\"all\",\"digest\":\"d\"}')");
	walk(sibling, (const char *const[]){ "spend_approved", "binding", NULL });
	(void)sql("update renewals set due_at = 'infinity' where id = %s", sibling);
	step_with(renewal, CALL(BIND, QR("B1")));
	/* the sibling is shown as the page shows it: no serial, no media number */
	step_with(renewal,
		CALL(BIND_STATUS,
			"{\"state\":\"confirmed\",\"certificates\":[{\"id\":\"X\",\"serial\":\"t1\",\"issuer_sha256\":\"ca\"},"
			"{\"id\":\"Y\",\"media_no\":null,\"holder\":\"Wang\",\"service\":\"Tax\",\"not_after\":\"2027-01-31T20:00:00+08:00\"},"
			"{\"id\":\"Z\",\"holder\":\"Nobody\",\"service\":\"Tax\",\"not_after\":\"2027-01-31T20:00:00+08:00\"}]}"));
	assert_string_equal(state_now(), "bound");
	assert_sql("X,Y",
		"select string_agg(certificate_id, ',' order by certificate_id) from bindings");
	assert_sql("t", "select due_at <= clock_timestamp() from renewals where id = %s", sibling);
	step_alone(sibling); /* no code of its own */
	assert_sql("bound Y",
		"select state || ' ' || (facts->>'certificate_id') from renewals where id = %s",
		sibling);
}

/* Its handler has others to scan: they wait until this code has ended. */
static void a_code_is_asked_about_by_its_own_age(void **state)
{
	OWNED char *renewal = a_binding_renewal();
	(void)state;
	(void)sql(
		"alter table renewals disable trigger user; update renewals set changed_at = now() - interval '5 days'");
	step_with(renewal, CALL(BIND, QR("B1")));
	assert_sql("t", "select due_at < clock_timestamp() + interval '1 minute' from renewals");
	step_with(renewal, CALL(BIND_STATUS, QR("B1")));
	assert_sql("t", "select due_at < clock_timestamp() + interval '1 minute' from renewals");
}

#define CONFIRMED(more) \
	"{\"state\":\"confirmed\"" more \
	",\"certificates\":[{\"id\":\"X\",\"serial\":\"t1\",\"issuer_sha256\":\"ca\"}," \
	"{\"id\":\"Y\",\"serial\":\"t2\",\"issuer_sha256\":\"ca\"}]}"

static void the_account_that_the_ca_names_is_kept_with_the_binding(void **state)
{
	OWNED char *renewal = a_binding_renewal();
	(void)state;
	step_with(renewal, CALL(BIND, QR("B1")));
	step_with(renewal, CALL(BIND_STATUS, CONFIRMED(",\"account\":\"wx_88\"")));
	assert_sql("wx_88", "select account from bindings");
	assert_sql("0", "select count(*) from tasks where state = 'open'");
	step_with(renewal, SAYS(OPEN, REFUSED, "NOT_BOUND", NULL));
	(void)sql(
		"insert into bindings (set_id, ca, certificate_id, account) values (1, 'gateway', 'X', 'wx_old')");
	(void)sql("update renewals set facts = '{}'");
	step_alone(renewal);
	assert_string_equal(state_now(), "bound");
}

static void else_the_handler_says_which_wechat_it_is(void **state)
{
	OWNED char *renewal = a_binding_renewal();
	OWNED char *sibling_set = a_set("t2", "Wang", 2);
	(void)state;
	(void)sibling_set;
	(void)sql(
		"insert into bindings (set_id, ca, certificate_id, bound_by) values (2, 'other', 'Z', 8)");
	step_with(renewal, CALL(BIND, QR("B1")));
	step_with(renewal, CALL(BIND_STATUS, CONFIRMED("")));
	assert_string_equal(state_now(), "bound"); /* it blocks nothing */
	assert_task("bound_account", "handler", "no password");
	finish_task("bound_account", P_HANDLER, "\"wechat\":\"wx_99\"");
	assert_sql("wx_99 wx_99", /* one code bound both; what another CA bound stays unknown */
		"select string_agg(account, ' ') from bindings");
	assert_sql("3", "select count(*) from bindings");
}

static void what_could_be_two_certificates_is_none(void **state)
{
	OWNED char *renewal = a_binding_renewal();
	(void)state;
	step_with(renewal, CALL(BIND, QR("B1")));
	step_with(renewal,
		CALL(BIND_STATUS,
			"{\"state\":\"confirmed\",\"certificates\":["
			"{\"id\":\"X\",\"holder\":\"Li\",\"service\":\"Tax\",\"not_after\":\"2027-01-31T12:00:00Z\"},"
			"{\"id\":\"Y\",\"holder\":\"Li\",\"service\":\"Tax\",\"not_after\":\"2027-01-31T12:00:00Z\"}]}"));
	assert_string_equal(state_now(), "binding");
	assert_task("bind_differs", "handler", "several that could be it");
	assert_sql("0", "select count(*) from bindings");
}

static void a_lost_binding_is_made_again(void **state)
{
	OWNED char *renewal = a_binding_renewal();
	(void)state;
	(void)sql("insert into bindings (set_id, ca, certificate_id) values (1, 'gateway', 'X')");
	step_alone(renewal); /* kept from an earlier renewal */
	assert_string_equal(state_now(), "bound");
	step_with(renewal, SAYS(OPEN, REFUSED, "NOT_BOUND", NULL));
	assert_string_equal(state_now(), "binding");
	assert_sql("0", "select count(*) from bindings");
	step_with(renewal, CALL(BIND, QR("B1")));
}

/* ---- transfers that had not arrived ---- */

static void a_transfer_is_looked_for_at_the_policys_times_of_a_working_day(void **state)
{
	OWNED char *renewal = a_renewal_in("awaiting_payment");
	int64_t due, expected, minutes[] = { 600, 900 };
	(void)state;
	a_linked_transfer(renewal);
	policy_says("{\"verify_at\":[\"10:00\",\"15:00\"]}");
	expected = calendar_next_slot(app.calendar, clock_now(), minutes, COUNT_OF(minutes));
	step_with(renewal,
		CALL(REMIT,
			"{\"state\":\"failed\",\"failed\":{\"code\":\"REMITTANCE_NOT_FOUND\"}}"));
	assert_waits("verifying_payment", "ca_verification");
	due = sql_number("select (extract(epoch from due_at) * 1000000)::bigint from renewals");
	assert_true(due >= expected && due < expected + 10 * CLOCK_SECOND);
	assert_true(calendar_is_working_day(app.calendar, due));
}

/* ---- money first ---- */

static void money_first_then_one_sitting(void **state)
{
	OWNED char *renewal = a_paid_first_renewal();
	(void)state;
	assert_sql("20000 bank_transfer open",
		"select amount_fen || ' ' || method || ' ' || status from payment_orders");
	step_with(renewal, ASKED_ABOUT_IT);
	assert_waits("awaiting_payment", "transfer");
	assert_sql("1",
		"select count(*) from jsonb_array_elements(payments_to_export(" P_FINANCE "))");
	link_the_transfer();
	step_with(renewal, CALL(OPEN, "{\"id\":\"A1\",\"state\":\"draft\"}"));
	assert_string_equal(state_now(), "drafting");
	walk(renewal,
		(const char *const[]){ "intent_needed", "awaiting_intent", "application_submitted",
			"submitted", NULL });
	step_with(renewal, CALL(REMIT, "{\"state\":\"verifying\"}"));
	assert_string_equal(fake.said[0].id, "A1"); /* no payment of its own */
	assert_string_equal(state_now(), "verifying_payment");
	step_with(renewal, CALL(PAY_STATUS, "{\"state\":\"verified\"}"));
	assert_string_equal(state_now(), "paid");
	assert_sql("1", "select count(*) from payment_orders");
}

static void a_remittance_refused_after_the_sitting_is_declared_again(void **state)
{
	OWNED char *renewal = a_paid_first_renewal();
	(void)state;
	link_the_transfer();
	step_with(renewal, CALL(OPEN, "{\"id\":\"A1\",\"state\":\"draft\"}"));
	walk(renewal,
		(const char *const[]){ "intent_needed", "awaiting_intent", "application_submitted",
			"submitted", NULL });
	(void)sql("update renewals set facts = facts || '{\"submitted\":true}'");
	step_with(renewal,
		CALL(REMIT,
			"{\"state\":\"failed\",\"failed\":{\"code\":\"REMITTANCE_MISMATCH\",\"reason\":\"time\"}}"));
	assert_string_equal(state_now(), "awaiting_payment");
	assert_task("remittance", "finance", "付款时间");
	step_alone(renewal);
	assert_waits("awaiting_payment", "remittance_refused");
	finish_task("remittance", P_FINANCE, "\"retry\":\"yes\"");
	step_with(renewal, CALL(REMIT, "{\"state\":\"verifying\"}")); /* no second application */
	assert_string_equal(state_now(), "verifying_payment");
}

/* ---- WeChat Pay ---- */

#define CODE(id, until) \
	"{\"id\":\"" id "\",\"state\":\"pending\",\"code_url\":\"weixin://" id \
	"\",\"expires_at\":\"" until \
	"\",\"amount\":{\"amount_fen\":20000},\"payee\":{\"name\":\"CA Ltd\",\"account\":\"8888\",\"bank\":\"Bank\"}}"

static char *a_wechat_renewal(const char *answer)
{
	char *renewal = a_renewal_in("submitted");
	policy_says("{\"payment\":\"wechat_pay\"}");
	step_with(renewal, CALL(PAY, answer));
	assert_non_null(strstr(fake.said[0].body, "wechat_pay"));
	assert_string_equal(state_now(), "awaiting_payment");
	return renewal;
}

static void a_code_is_shown_to_the_one_who_pays_and_found_by_polling(void **state)
{
	OWNED char *renewal = a_wechat_renewal(CODE("P1", "2099-01-01T00:00:00Z"));
	(void)state;
	assert_sql("t", "select secret like 'xqs1:%%' from tasks where kind = 'wechat_pay'");
	assert_sql("0",
		"select count(*) from task_items where values::text || instruction || title like '%%weixin://%%'");
	assert_sql("0", "select count(*) from journal where text like '%%weixin://%%'");
	assert_sql("[]", "select payments_to_export(" P_FINANCE ")");
	step_with(renewal, CALL(PAY_STATUS, "{\"state\":\"pending\"}"));
	assert_waits("awaiting_payment", "transfer");
	step_with(renewal,
		CALL(PAY_STATUS, "{\"state\":\"paid\",\"amount\":{\"amount_fen\":19999}}"));
	assert_waits("awaiting_payment", "refused"); /* fen by fen */
	finish_task("renewal", P_OPERATOR, "\"retry\":\"yes\"");
	step_with(renewal,
		CALL(PAY_STATUS, "{\"state\":\"paid\",\"amount\":{\"amount_fen\":20000}}"));
	assert_string_equal(state_now(), "paid");
	assert_sql("t", "select paid_at is not null from payment_orders");
	assert_sql("0", "select count(*) from tasks where kind = 'wechat_pay' and state = 'open'");
}

static void a_code_that_ran_out_is_closed_before_another_is_made(void **state)
{
	OWNED char *renewal = a_wechat_renewal(CODE("P1", "2020-01-01T00:00:00Z"));
	(void)state;
	step_with(renewal, CALL(PAY_STATUS, "{\"state\":\"pending\"}")); /* once more */
	step_with(renewal, CALL(CLOSE, "{\"state\":\"closed\"}"));
	assert_string_equal(state_now(), "submitted");
	step_with(renewal, CALL(PAY, CODE("P2", "2099-01-01T00:00:00Z")));
	assert_string_equal(state_now(), "awaiting_payment");
	assert_sql(
		"cancelled open", "select string_agg(status, ' ' order by id) from payment_orders");
	assert_sql("1", "select count(*) from dues");
	assert_sql("2099-01-01T00:00:00Z",
		"select values->>'expires_at' from tasks where kind = 'wechat_pay' and state = 'open' and secret is not null");
}

static void a_code_paid_while_it_is_closed_is_paid(void **state)
{
	OWNED char *renewal = a_wechat_renewal(CODE("P1", "2020-01-01T00:00:00Z"));
	(void)state;
	step_with(renewal, CALL(PAY_STATUS, "{\"state\":\"pending\"}"));
	step_with(renewal, SAYS(CLOSE, REFUSED, "STATE_CONFLICT", "{\"state\":\"conflict\"}"));
	step_with(renewal,
		CALL(PAY_STATUS, "{\"state\":\"paid\",\"amount\":{\"amount_fen\":20000}}"));
	assert_string_equal(state_now(), "paid");
}

/* A credit of an earlier renewal, by an order that STATUS tells of, and a policy that pays by WeChat. */
static char *a_wechat_renewal_with_a_credit(const char *status)
{
	char *renewal = a_renewal_in("submitted");
	OWNED char *set = a_set("t2", "Wang", 1);
	OWNED char *other = a_renewal("d", set);

	policy_says("{\"payment\":\"wechat_pay\"}");
	(void)sql(
		"insert into payment_orders (reference, payer_account, payer_name, payee_name, payee_account, payee_bank, amount_fen, status, paid_at) "
		"values ('XQ0000000012', '6222', 'Acme', 'CA Ltd', '8888', 'Bank', 20000, '%s', now())",
		status);
	(void)sql(
		"insert into credits (renewal_id, set_id, ca, order_id, amount_fen, reason) values (%s, 1, 'gateway', 1, 20000, '')",
		other);
	return renewal;
}

#define A_CODE(state) \
	"{\"id\":\"P1\",\"state\":\"" state \
	"\",\"code_url\":\"weixin://pay/1\",\"amount\":{\"amount_fen\":20000},\"payee\":{\"name\":\"CA Ltd\",\"account\":\"8888\",\"bank\":\"Bank\"}}"

static void what_a_transfer_paid_before_is_not_paid_by_wechat_again(void **state)
{
	OWNED char *renewal = a_wechat_renewal_with_a_credit("linked");
	(void)state;
	step_with(renewal, CALL(PAY, A_CODE("pending")));
	assert_non_null(strstr(fake.said[0].body, "bank_transfer"));
	assert_string_equal(state_now(), "awaiting_payment");
	assert_sql("1 used",
		"select d.order_id || ' ' || c.state from dues d, credits c where d.renewal_id = c.used_by");
	assert_sql("0", "select count(*) from tasks where kind = 'wechat_pay'");
	assert_sql("0", "select count(*) from renewals where facts ? 'code_expires_at'");
}

static void what_wechat_paid_before_stays_a_credit(void **state)
{
	OWNED char *renewal = a_wechat_renewal_with_a_credit("open");
	(void)state;
	step_with(renewal, CALL(PAY, A_CODE("pending")));
	assert_non_null(strstr(fake.said[0].body, "wechat_pay"));
	assert_string_equal(state_now(), "awaiting_payment");
	assert_task("wechat_pay", "handler", "20000");
	assert_sql("2 open", "select d.order_id || ' ' || c.state from dues d, credits c");
}

static void unless_the_ca_counts_it_by_itself(void **state)
{
	OWNED char *renewal = a_wechat_renewal_with_a_credit("open");
	(void)state;
	step_with(renewal, CALL(PAY, A_CODE("paid")));
	assert_string_equal(state_now(), "paid");
	assert_sql("1 used", "select d.order_id || ' ' || c.state from dues d, credits c");
	assert_sql("0", "select count(*) from tasks where kind = 'wechat_pay'");
}

static void a_fee_paid_by_wechat_is_not_asked_for_twice(void **state)
{
	OWNED char *renewal = a_renewal_in("in_review");
	(void)state;
	policy_says("{\"payment\":\"wechat_pay\"}");
	(void)sql(
		"insert into payment_orders (reference, payer_account, payer_name, payee_name, payee_account, payee_bank, amount_fen, status, paid_at, method) "
		"values ('XQ0000000012', '6222', 'Acme', 'CA Ltd', '8888', 'Bank', 20000, 'open', now(), 'wechat_pay')");
	(void)sql("insert into dues (renewal_id, order_id, amount_fen) values (%s, 1, 20000)",
		renewal);
	walk(renewal,
		(const char *const[]){ "application_closed", "bound", "application_opened",
			"drafting", "intent_needed", "awaiting_intent", "application_submitted",
			"submitted", NULL });
	step_with(renewal, CALL(PAY, A_CODE("pending")));
	assert_waits("submitted", "refused");
	assert_task("renewal", "operator", "XQ0000000012 was paid before");
	assert_sql("0", "select count(*) from tasks where kind = 'wechat_pay'");
	finish_task("renewal", P_OPERATOR, "\"retry\":\"yes\"");
	step_with(renewal, CALL(PAY_STATUS, A_CODE("paid")));
	assert_string_equal(state_now(), "paid");
	assert_sql("1", "select count(*) from payment_orders");
}

/* ---- quotes and prices ---- */

static void a_quote_that_ran_out_is_asked_for_again(void **state)
{
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	step_with(renewal, CALL(PAY, PAYMENT));
	(void)sql(
		"update renewals set facts = facts || '{\"quote_expires_at\":\"2020-01-01T00:00:00Z\",\"term\":1}'");
	step_with(renewal, CALL(CLOSE, "{\"state\":\"closed\"}"));
	assert_string_equal(state_now(), "submitted");
	step_with(renewal,
		SAYS(SUBMIT, REFUSED, "PRICE_CHANGED",
			"{\"terms\":[{\"years\":1,\"price_fen\":15000}]}"));
	assert_sql("15000", "select quoted_fen from renewals");
	step_with(renewal, CALL(SUBMIT, "{\"quote_expires_at\":\"2099-01-01T00:00:00Z\"}"));
	step_with(renewal,
		CALL(PAY,
			"{\"id\":\"P2\",\"amount\":{\"amount_fen\":15000},\"payee\":{\"name\":\"CA Ltd\",\"account\":\"8888\",\"bank\":\"Bank\"}}"));
	assert_sql("15000", "select amount_fen from payment_orders where status = 'open'");
	assert_sql("15000", "select amount_fen from dues");
}

static void a_quote_above_the_approval_gives_the_application_up(void **state)
{
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	(void)sql("update renewals set facts = facts || '{\"requote\":true,\"term\":1}'");
	step_with(renewal,
		SAYS(SUBMIT, REFUSED, "PRICE_CHANGED",
			"{\"terms\":[{\"years\":1,\"price_fen\":90000}]}"));
	step_with(renewal, CALL(WITHDRAW, "{\"state\":\"withdrawn\"}"));
	assert_string_equal(state_now(), "bound");
	assert_sql("t", "select facts->>'application_id' is null from renewals");
}

static void a_price_within_the_approval_is_taken_at_the_submission(void **state)
{
	OWNED char *renewal = a_drafting_renewal(drafting_facts);
	(void)state;
	walk(renewal, (const char *const[]){ "intent_needed", "awaiting_intent", NULL });
	(void)sql("update renewals set facts = facts || '{\"intent\":true}'");
	step_with(renewal,
		SAYS(SUBMIT, REFUSED, "PRICE_CHANGED",
			"{\"terms\":[{\"years\":1,\"price_fen\":19000}]}"));
	assert_string_equal(state_now(), "drafting");
	step_with(renewal, CALL(TERMS, "[{\"years\":1,\"price_fen\":19000}]"));
	assert_sql("19000", "select quoted_fen from renewals");
}

static void a_certificate_that_expires_while_it_waits_is_opened_anew(void **state)
{
	OWNED char *renewal = a_drafting_renewal(drafting_facts);
	(void)state;
	(void)sql(
		"insert into effects (renewal_id, op, attempt, key) values (%s, 'term', 1, 'lost')",
		renewal); /* its answer never came */
	(void)sql("update certificate_sets set not_after = now() - interval '1 hour'");
	step_with(renewal, CALL(WITHDRAW, "{\"state\":\"withdrawn\"}"));
	assert_sql("bound expired", "select state || ' ' || kind from renewals");
	step_with(renewal, CALL(OPEN, "{\"id\":\"A2\",\"state\":\"draft\"}"));
	assert_non_null(strstr(fake.said[0].body, "expired"));
	(void)sql("update renewals set facts = facts || '{\"agreed\":true,\"term\":1}'");
	step_with(renewal, CALL(TERM, "{}"));
	assert_string_equal(state_now(), "awaiting_attachments");
	assert_sql("1 void 2 done",
		"select string_agg(attempt || ' ' || outcome, ' ' order by attempt) from effects where op = 'term'");
}

static void after_the_submission_the_same_application_stays(void **state)
{
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	(void)sql("update certificate_sets set not_after = now() - interval '1 hour'");
	step_with(renewal, CALL(PAY, PAYMENT));
	assert_string_equal(state_now(), "awaiting_payment");
	assert_sql("expiring", "select kind from renewals");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		stage_test(codes_that_run_out_are_counted_and_looked_into),
		stage_test(another_account_is_a_matter_for_a_person),
		stage_test(one_code_binds_every_certificate_that_it_shows),
		stage_test(the_account_that_the_ca_names_is_kept_with_the_binding),
		stage_test(a_code_is_asked_about_by_its_own_age),
		stage_test(else_the_handler_says_which_wechat_it_is),
		stage_test(what_could_be_two_certificates_is_none),
		stage_test(a_lost_binding_is_made_again),
		stage_test(a_transfer_is_looked_for_at_the_policys_times_of_a_working_day),
		stage_test(money_first_then_one_sitting),
		stage_test(a_remittance_refused_after_the_sitting_is_declared_again),
		stage_test(a_code_is_shown_to_the_one_who_pays_and_found_by_polling),
		stage_test(a_code_that_ran_out_is_closed_before_another_is_made),
		stage_test(a_code_paid_while_it_is_closed_is_paid),
		stage_test(what_a_transfer_paid_before_is_not_paid_by_wechat_again),
		stage_test(what_wechat_paid_before_stays_a_credit),
		stage_test(unless_the_ca_counts_it_by_itself),
		stage_test(a_fee_paid_by_wechat_is_not_asked_for_twice),
		stage_test(a_quote_that_ran_out_is_asked_for_again),
		stage_test(a_quote_above_the_approval_gives_the_application_up),
		stage_test(a_price_within_the_approval_is_taken_at_the_submission),
		stage_test(a_certificate_that_expires_while_it_waits_is_opened_anew),
		stage_test(after_the_submission_the_same_application_stays),
	};
	return cmocka_run_group_tests(tests, database_begin, database_end);
}
