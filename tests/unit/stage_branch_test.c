/* SPDX-License-Identifier: Apache-2.0 */
/* The branches of each stage: codes that run out, both orders of paying and applying, WeChat Pay, refused
 * remittances, corrections, silence, approvals taken back, installations that a person made, missing invoices. */
#include "tests/unit/stages.h"

#include "orchestrator/domain/personal.h"

static struct connector_traits traits;

/* The CA wants its money first, and a person installs. */
static void the_ca_is_paid_first(void)
{
	traits = gateway_traits;
	traits.capabilities &= ~(CAPABILITY_BIT(CAN_APPLY_FIRST) | CAPABILITY_BIT(CAN_DELIVERS));
	traits.capabilities |= CAPABILITY_BIT(CAN_PAY_FIRST) | CAPABILITY_BIT(CAN_PERSON_INSTALLS);
	traits.ops[CONNECTOR_PAY].offered = false;
	traits.ops[CONNECTOR_INSTALL_REPORT].offered = false;
	traits.ops[CONNECTOR_RESEND].offered = false;
	fake.connector.traits = &traits;
}

static void policy_says(const char *json)
{
	(void)sql("update campaigns set policy = policy || '%s'", json);
}

static void since_days(int days)
{
	(void)sql("update renewals set changed_at = changed_at - interval '%d days'", days);
}

static const char *state_now(void)
{
	return sql("select state from renewals order by id limit 1");
}

static char *a_binding_renewal(void)
{
	char *renewal = a_drafting_renewal("{}");
	(void)sql(
		"alter table renewals disable trigger user; update renewals set state = 'binding', came_from = 'binding'; "
		"alter table renewals enable trigger user");
	return renewal;
}

/* ---- binding ---- */

#define QR(id) \
	"{\"id\":\"" id "\",\"state\":\"waiting_scan\",\"qr_text\":\"q-" id \
	"\",\"expires_at\":\"2027-01-01T00:00:00Z\"}"

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

/* ---- money first ---- */

static char *a_paid_first_renewal(void)
{
	the_ca_is_paid_first();
	char *renewal = a_binding_renewal();
	(void)sql("insert into bindings (set_id, ca, certificate_id) values (1, 'gateway', 'X')");
	step_alone(renewal);
	step_alone(renewal);
	assert_string_equal(state_now(), "awaiting_payment");
	return renewal;
}

static void link_the_transfer(void)
{
	(void)sql(
		"insert into statements (sha256, file_name, content, encoding, account, proven, proof, imported_by) values ('s', 'f', '', 'utf-8', '6222', true, '[]', 6)");
	(void)sql(
		"insert into statement_lines (statement_id, line_key, row, byte_offset, raw, own_account, own_name, direction, amount_fen, amount_raw, paid_at, paid_at_raw, "
		"paid_at_precision, party_name, party_account, party_bank, memo, bank_serial) values (1, 'l', 1, 0, '', '6222', 'Acme', 'out', 20000, '200.00', now(), '', "
		"'second', 'CA Ltd', '8888', 'Bank', '', 'B7')");
	(void)sql(
		"insert into links (line_id, order_id, rule, verdict, text, explanation) values (1, 1, 'R1', 'auto', '', '{}')");
	(void)sql("update payment_orders set status = 'linked'");
}

static void money_first_then_one_sitting(void **state)
{
	OWNED char *renewal = a_paid_first_renewal();
	(void)state;
	assert_sql("20000 bank_transfer open",
		"select amount_fen || ' ' || method || ' ' || status from payment_orders");
	step_alone(renewal);
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

static void a_prepaid_fee_that_does_not_fit_waits_for_a_person(void **state)
{
	OWNED char *renewal = a_paid_first_renewal();
	(void)state;
	link_the_transfer();
	step_with(renewal, CALL(OPEN, "{\"id\":\"A1\",\"state\":\"draft\"}"));
	(void)sql("update renewals set facts = facts || '{\"agreed\":true}'");
	step_with(renewal, CALL(TERMS, "[{\"years\":1,\"price_fen\":25000}]"));
	assert_waits("drafting", "refused");
	assert_task("renewal", "operator", "PREPAID_DIFFERS");
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
	(void)sql("update certificate_sets set not_after = now() - interval '1 hour'");
	step_with(renewal, CALL(WITHDRAW, "{\"state\":\"withdrawn\"}"));
	assert_sql("bound expired", "select state || ' ' || kind from renewals");
	step_with(renewal, CALL(OPEN, "{\"id\":\"A2\",\"state\":\"draft\"}"));
	assert_non_null(strstr(fake.said[0].body, "expired"));
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

/* ---- refused remittances ---- */

static void each_reason_has_its_words_for_finance(void **state)
{
	static const struct {
		const char *code, *reason, *field, *says;
	} cases[] = {
		{ "REMITTANCE_MISMATCH", "payer_account", "付款账号", "account number differs" },
		{ "REMITTANCE_MISMATCH", "payer_name", "付款账号名称", "spelt otherwise" },
		{ "REMITTANCE_MISMATCH", "amount_short", "付款金额", "less than the fee" },
		{ "REMITTANCE_MISMATCH", "amount_over", "付款金额", "more than the fee" },
		{ "REMITTANCE_MISMATCH", "time", "付款时间", "time differs" },
		{ "REMITTANCE_MISMATCH", "wrong_payee", "收款方", "another payee" },
		{ "REMITTANCE_MISMATCH", "payer_not_corporate", "付款账号", "单位账户" },
		{ "REMITTANCE_USED", "", "付款账号", "another application" },
		{ "SOMETHING_NEW", "", "付款账号", "SOMETHING_NEW" },
	};

	OWNED char *renewal = a_renewal_in("awaiting_payment");
	(void)state;
	a_linked_transfer(renewal);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		OWNED char *answer = text_dupf(
			"{\"state\":\"failed\",\"failed\":{\"code\":\"%s\",\"reason\":\"%s\",\"hint\":\"看回单\"}}",
			cases[i].code, cases[i].reason);
		step_with(renewal, CALL(REMIT, answer));
		assert_waits("awaiting_payment", "remittance_refused");
		assert_task("remittance", "finance", cases[i].says);
		assert_task("remittance", "finance", cases[i].field);
		assert_task("remittance", "finance", "Acme(raw)");
		assert_task("remittance", "finance", "看回单");
		finish_task("remittance", P_FINANCE, "\"retry\":\"yes\"");
	}
	assert_sql("1", "select count(*) from payment_orders");
}

static void both_spellings_stand_side_by_side(void **state)
{
	OWNED char *renewal = a_renewal_in("awaiting_payment");
	(void)state;
	a_linked_transfer(renewal);
	step_with(renewal,
		CALL(REMIT,
			"{\"state\":\"failed\",\"failed\":{\"code\":\"REMITTANCE_MISMATCH\",\"reason\":\"payer_name\"}}"));
	assert_sql("Acme(raw) | Acme",
		"select values->>'declared' || ' | ' || (values->>'ours') from tasks where kind = 'remittance'");
}

/* ---- review ---- */

#define FIX(path) \
	"{\"state\":\"correction_required\",\"fix_by\":\"2099-05-05T00:00:00Z\",\"reasons\":[{\"code\":\"c\",\"path\":\"" path \
	"\",\"text\":\"不清晰\"}]}"

static void only_what_the_ca_names_is_sent_again(void **state)
{
	OWNED char *renewal = a_renewal_in("in_review");
	(void)state;
	a_linked_transfer(renewal);
	step_with(renewal, CALL(STATUS, FIX("intent.handler.mobile")));
	assert_string_equal(state_now(), "correction");
	assert_task("correction", "handler", "不清晰");
	assert_sql("[\"mobile\"] 2099-05-05T00:00:00Z",
		"select needs::text || ' ' || to_char(due_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') from tasks where kind = 'correction'");
	finish_task("correction", P_HANDLER, "\"mobile\":\"13800000001\"");
	step_with(renewal, CALL(INTENT, "{\"state\":\"correction_required\"}"));
	assert_non_null(strstr(fake.said[0].body, "13800000001"));
	step_with(renewal, SAYS(RESUBMIT, UNSURE, "NO_ANSWER", NULL)); /* killed in the middle */
	step_with(renewal, CALL(RESUBMIT, "{\"state\":\"in_review\"}"));
	assert_string_equal(state_now(), "in_review");
	assert_sql("linked", "select status from payment_orders");
	step_with(renewal, CALL(STATUS, FIX("intent.handler.name"))); /* and once more */
	step_with(renewal, CALL(STATUS, FIX("intent.handler.name")));
	assert_waits("correction", "correction");
	finish_task("correction", P_HANDLER, "\"name\":\"Li Lei\"");
	step_with(renewal, SAYS(INTENT, REFUSED, "INTENT_INCOMPLETE", NULL));
	assert_waits("correction", "correction");
	assert_task("correction", "handler", "INTENT_INCOMPLETE");
}

static void a_correction_that_lapsed_is_a_rejection(void **state)
{
	OWNED char *renewal = a_renewal_in("in_review");
	(void)state;
	a_linked_transfer(renewal);
	step_with(renewal, CALL(STATUS, FIX("agreement")));
	step_with(renewal, CALL(STATUS, "{\"state\":\"rejected\"}"));
	assert_string_equal(state_now(), "in_review");
	step_with(renewal, CALL(STATUS, "{\"state\":\"rejected\"}"));
	assert_string_equal(state_now(), "refunding");
}

static void silence_is_asked_about_and_polling_goes_on(void **state)
{
	OWNED char *renewal = a_renewal_in("in_review");
	(void)state;
	policy_says("{\"review_working_days\":3}");
	step_with(renewal, CALL(STATUS, "{\"state\":\"in_review\"}"));
	assert_sql("0", "select count(*) from tasks");
	since_days(12);
	step_with(renewal, CALL(STATUS, "{\"state\":\"in_review\"}"));
	assert_task("review_overdue", "operator", "working days");
	assert_waits("in_review", "review");
	step_with(renewal, CALL(STATUS, "{\"state\":\"in_review\"}"));
	assert_sql("1", "select count(*) from tasks");
	step_with(renewal, CALL(STATUS, "{\"state\":\"approved\"}"));
	assert_sql("0", "select count(*) from tasks where state = 'open'");
}

static void an_approval_taken_back_is_rejected_and_refunded(void **state)
{
	OWNED char *renewal = a_renewal_in("approved");
	(void)state;
	a_linked_transfer(renewal);
	step_with(renewal, SAYS(ISSUANCE, REFUSED, "ISSUANCE_GONE", NULL));
	step_with(renewal, CALL(STATUS, "{\"state\":\"rejected\"}"));
	assert_string_equal(state_now(), "in_review");
	step_with(renewal, CALL(STATUS, "{\"state\":\"rejected\"}"));
	assert_string_equal(state_now(), "refunding");
}

static void a_link_that_expired_is_asked_for_again(void **state)
{
	OWNED char *renewal = a_renewal_in("approved");
	(void)state;
	step_with(renewal, SAYS(ISSUANCE, REFUSED, "ISSUANCE_GONE", NULL));
	step_with(renewal, CALL(STATUS, "{\"state\":\"approved\"}"));
	assert_waits("approved", "refused");
	assert_task("renewal", "operator", "issue them again");
}

static void an_approval_taken_back_stops_the_queue(void **state)
{
	OWNED char *renewal = a_renewal_in("approved");
	(void)state;
	walk(renewal, to_queue);
	(void)sql("insert into install_orders (renewal_id, token_id, body) values (%s, 1, '{}')",
		renewal);
	since_days(1);
	step_with(renewal, CALL(STATUS, "{\"state\":\"approved\"}"));
	step_alone(renewal); /* not at every look */
	(void)sql(
		"update renewals set facts = facts || '{\"approval_seen_at\":\"2020-01-01T00:00:00Z\"}'");
	step_with(renewal, CALL(STATUS, "{\"state\":\"rejected\"}"));
	assert_string_equal(state_now(), "in_review");
	assert_sql("closed", "select state from install_orders");
}

static void a_fee_carried_over_pays_the_application_that_follows(void **state)
{
	OWNED char *renewal = a_renewal_in("in_review");
	(void)state;
	a_linked_transfer(renewal);
	step_with(renewal, CALL(STATUS, "{\"state\":\"closed\",\"fee\":\"carried_over\"}"));
	assert_string_equal(state_now(), "bound");
	step_with(renewal, CALL(OPEN, "{\"id\":\"A2\",\"state\":\"draft\"}"));
	walk(renewal,
		(const char *const[]){ "intent_needed", "awaiting_intent", "application_submitted",
			"submitted", NULL });
	(void)sql("update renewals set facts = facts || '{\"submitted\":true}'");
	step_with(renewal, CALL(PAY, PAYMENT));
	step_with(renewal, CALL(REMIT, "{\"state\":\"verified\"}"));
	assert_sql("1", "select count(*) from payment_orders");
}

static void a_closed_application_with_a_refund_waits_for_it(void **state)
{
	OWNED char *renewal = a_renewal_in("in_review");
	(void)state;
	a_linked_transfer(renewal);
	step_with(renewal, CALL(STATUS, "{\"state\":\"closed\",\"fee\":\"refunded\"}"));
	assert_string_equal(state_now(), "refunding");
	assert_task("refund", "finance", "closed the application");
}

/* ---- installation by a person ---- */

static char *base64_of(X509 *cert)
{
	unsigned char *der = NULL;
	int len = i2d_X509(cert, &der);
	char *text = base64_encode(der, (size_t)len);
	OPENSSL_free(der);
	return text;
}

/* The same key and subject, valid for longer. */
static X509 *certified_again(const struct pki *old)
{
	X509 *cert = X509_new();
	pki_fill(cert, &(struct pki_spec){ .common_name = "Li", .serial = 2, .lasts_s = 900000 });
	pki_must(X509_set_issuer_name(cert, X509_get_subject_name(old->cert)) == 1 &&
		X509_set_pubkey(cert, old->key) == 1);
	pki_sign(cert, old->key);
	return cert;
}

/* Inventory sees CERT as the successor of the renewal's certificate, whose bytes are OLD's. */
static void inventory_sees(X509 *old, X509 *cert)
{
	OWNED char *was = base64_of(old);
	OWNED char *is = base64_of(cert);
	OWNED char *first = a_certificate("t1", "Li", "both", "2027-01-31T15:59:59Z");
	OWNED char *second = a_certificate("n1", "Li", "both", "2029-01-31T15:59:59Z");
	(void)sql("update certificates set der = decode('%s', 'base64') where serial = 't1'", was);
	(void)sql(
		"select check_in(1, '{\"client_version\":\"4.7.10\",\"tokens\":[{\"serial\":\"t1\",\"label\":\"t1\",\"certificates\":[%s,%s]}]}')",
		first, second);
	(void)sql("update certificates set der = decode('%s', 'base64') where serial = 'n1'", is);
}

static void an_installation_by_a_person_is_seen(void **state)
{
	OWNED char *renewal = a_renewal_in("approved");
	struct pki old = pki_make(NULL, &(struct pki_spec){ .common_name = "Li" });
	X509 *next = certified_again(&old);
	(void)state;
	the_ca_is_paid_first();
	policy_says("{\"sites\":[\"Tax=portal\",\"*=intranet\",\"Other=x\"]}");
	step_alone(renewal);
	assert_string_equal(state_now(), "install_queued");
	assert_sql("0", "select count(*) from install_orders");
	step_with(renewal,
		SAYS(ISSUANCE, NEED_HUMAN, "CARD",
			"{\"task\":{\"kind\":\"install_by_person\",\"role\":\"operator\",\"title\":\"t\",\"instruction\":\"i\",\"if_ignored\":\"x\"}}"));
	assert_waits("install_queued", "person");
	inventory_sees(old.cert, next);
	step_alone(renewal);
	assert_string_equal(state_now(), "installed");
	assert_sql("install_seen", "select event from journal where to_state = 'installed'");
	assert_task("new_serial", "operator", "portal");
	assert_task("new_serial", "operator", "intranet");
	assert_sql("[\"site_1\", \"site_2\"]",
		"select needs::text from tasks where kind = 'new_serial'");
	step_alone(renewal); /* this CA wants no report, and the checklist blocks nothing */
	assert_string_equal(state_now(), "awaiting_invoice");
	X509_free(next);
	pki_done(&old);
}

static void what_a_person_installed_wrongly_is_not_done(void **state)
{
	OWNED char *renewal = a_renewal_in("approved");
	struct pki old = pki_make(NULL, &(struct pki_spec){ .common_name = "Li" });
	struct pki other = pki_make(
		NULL, &(struct pki_spec){ .common_name = "Li", .serial = 2, .lasts_s = 900000 });
	(void)state;
	the_ca_is_paid_first();
	step_alone(renewal);
	inventory_sees(old.cert, other.cert);
	step_alone(renewal);
	assert_waits("install_queued", "refused");
	assert_task("renewal", "operator", "another key");
	pki_done(&old);
	pki_done(&other);
}

/* ---- invoices ---- */

static const char *const to_invoice[] = { "install_ordered", "install_queued", "permit_given",
	"installing", "install_proven", "installed", "install_reported", "awaiting_invoice", NULL };

static char *a_renewal_without_invoice(void)
{
	char *renewal = a_renewal_in("approved");
	a_linked_transfer(renewal);
	walk(renewal, to_invoice);
	policy_says("{\"invoice_working_days\":2,\"invoice_email\":\"i@x\"}");
	return renewal;
}

/* As the API takes it: the file sealed for its task. */
static void give_back_the_invoice(void)
{
	struct fault fault;
	OWNED char *task = text_dup(sql("select id from tasks where kind = 'invoice_missing'"));
	JSON *body = json_pack("{s:{s:s, s:s, s:s, s:s}, s:[{s:s, s:s, s:s}], s:b}", "values",
		"number", "12345678901234567890", "total_fen", "20000", "buyer", "Acme",
		"buyer_tax_id", USCC, "files", "name", "i.pdf", "media_type", "application/pdf",
		"data_b64", "JVBERg==", "commit", 1);
	assert_true(personal_seal_answer(body, task, app.seals, &fault));
	OWNED char *text = json_write(body);
	(void)sql("select task_done(" P_HANDLER ", %s, '%s')", task, text);
}

static void a_missing_invoice_is_sent_again_then_fetched_by_a_person(void **state)
{
	OWNED char *renewal = a_renewal_without_invoice();
	(void)state;
	step_with(renewal, CALL(INVOICE, "{\"state\":\"none\"}"));
	assert_waits("awaiting_invoice", "invoice");
	since_days(5);
	step_with(renewal, CALL(INVOICE, "{\"state\":\"none\"}"));
	step_with(renewal, CALL(RESEND, "{\"state\":\"none\"}"));
	assert_non_null(strstr(fake.said[0].body, "i@x"));
	step_with(renewal, CALL(INVOICE, "{\"state\":\"none\"}")); /* once */
	assert_sql("0", "select count(*) from tasks where kind = 'invoice_missing'");
	since_days(9);
	step_with(renewal, CALL(INVOICE, "{\"state\":\"none\"}"));
	assert_task("invoice_missing", "handler", "电子发票下载");
	give_back_the_invoice();
	step_alone(renewal);
	assert_string_equal(state_now(), "done");
	assert_sql("archived", "select state from invoices where document = '\\x25504446'");
}

static void a_wrong_invoice_is_disputed(void **state)
{
	static const char doc[] =
		",\"email\":\"i@x\",\"seller\":{\"name\":\"CA Ltd\"},\"documents\":[{\"format\":\"xml\",\"data_b64\":\"PHg+\"}]}";
	OWNED char *renewal = a_renewal_without_invoice();
	OWNED char *wrong = text_dupf(
		"{\"state\":\"sent\",\"number\":\"12345678901234567890\",\"total_fen\":20000,\"buyer\":{\"name\":\"Else\",\"tax_id\":\"X\"}%s",
		doc);
	(void)state;
	step_with(renewal, CALL(INVOICE, wrong));
	assert_string_equal(state_now(), "disputed");
	assert_task("invoice", "finance", "tax id X");
	finish_task("invoice", P_FINANCE, "\"resolved\":\"asked\"");
	step_with(renewal, CALL(INVOICE, "{\"state\":\"red\"}"));
	assert_waits("disputed", "invoice_differs");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		stage_test(codes_that_run_out_are_counted_and_looked_into),
		stage_test(another_account_is_a_matter_for_a_person),
		stage_test(one_code_binds_every_certificate_that_it_shows),
		stage_test(what_could_be_two_certificates_is_none),
		stage_test(a_lost_binding_is_made_again),
		stage_test(money_first_then_one_sitting),
		stage_test(a_prepaid_fee_that_does_not_fit_waits_for_a_person),
		stage_test(a_remittance_refused_after_the_sitting_is_declared_again),
		stage_test(a_code_is_shown_to_the_one_who_pays_and_found_by_polling),
		stage_test(a_code_that_ran_out_is_closed_before_another_is_made),
		stage_test(a_code_paid_while_it_is_closed_is_paid),
		stage_test(a_quote_that_ran_out_is_asked_for_again),
		stage_test(a_quote_above_the_approval_gives_the_application_up),
		stage_test(a_price_within_the_approval_is_taken_at_the_submission),
		stage_test(a_certificate_that_expires_while_it_waits_is_opened_anew),
		stage_test(after_the_submission_the_same_application_stays),
		stage_test(each_reason_has_its_words_for_finance),
		stage_test(both_spellings_stand_side_by_side),
		stage_test(only_what_the_ca_names_is_sent_again),
		stage_test(a_correction_that_lapsed_is_a_rejection),
		stage_test(silence_is_asked_about_and_polling_goes_on),
		stage_test(an_approval_taken_back_is_rejected_and_refunded),
		stage_test(a_link_that_expired_is_asked_for_again),
		stage_test(an_approval_taken_back_stops_the_queue),
		stage_test(a_fee_carried_over_pays_the_application_that_follows),
		stage_test(a_closed_application_with_a_refund_waits_for_it),
		stage_test(an_installation_by_a_person_is_seen),
		stage_test(what_a_person_installed_wrongly_is_not_done),
		stage_test(a_missing_invoice_is_sent_again_then_fetched_by_a_person),
		stage_test(a_wrong_invoice_is_disputed),
	};
	return cmocka_run_group_tests(tests, database_begin, database_end);
}
