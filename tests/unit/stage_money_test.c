/* SPDX-License-Identifier: Apache-2.0 */
/* The stages where money moves and tokens are written: what a wrong payee, amount, remittance, review,
 * certificate, token or invoice leads to. */
#include "tests/unit/stages.h"

/* ---- payment ---- */

static void another_payee_is_not_paid(void **state)
{
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	step_with(renewal,
		CALL(PAY,
			"{\"id\":\"P1\",\"amount\":{\"amount_fen\":20000},\"payee\":{\"name\":\"Thief\",\"account\":\"8888\",\"bank\":\"Bank\"}}"));
	assert_waits("submitted", "payee");
	assert_task("payee_changed", "finance", "Thief");
	assert_task("payee_changed", "finance", "CA Ltd");
	assert_sql("0", "select count(*) from payment_orders");
	step_with(renewal,
		CALL(PAY_STATUS, PAYMENT)); /* the CA put it right: never a second payment */
	assert_sql("awaiting_payment", "select state from renewals");
	assert_sql(
		"0", "select count(*) from tasks where kind = 'payee_changed' and state = 'open'");
	assert_sql("CA Ltd 8888 20000",
		"select payee_name || ' ' || payee_account || ' ' || amount_fen from payment_orders");
}

static void another_amount_is_not_paid(void **state)
{
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	step_with(renewal,
		CALL(PAY,
			"{\"id\":\"P1\",\"amount\":{\"amount_fen\":20001},\"payee\":{\"name\":\"CA Ltd\",\"account\":\"8888\",\"bank\":\"Bank\"}}"));
	assert_waits("submitted", "refused");
	assert_task("renewal", "operator", "¥200.01, quoted were ¥200.00");
	assert_sql("0", "select count(*) from payment_orders");
}

static void without_a_payer_account_nothing_is_paid(void **state)
{
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	(void)sql("delete from payer_accounts");
	step_with(renewal, CALL(PAY, PAYMENT));
	assert_waits("submitted", "payer");
	assert_task("payer", "admin", "xuqi org apply");
	assert_sql("0", "select count(*) from payment_orders");
	(void)sql(
		"insert into payer_accounts (legal_entity_id, account, name, bank) values (1, '6222', 'Acme', 'B')");
	step_with(renewal, CALL(PAY_STATUS, PAYMENT));
	assert_sql("6222", "select payer_account from payment_orders");
}

static void a_payment_that_is_open_already_is_taken_up(void **state)
{
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	step_with(renewal, SAYS(PAY, REFUSED, "PAYMENT_DUPLICATE", "{\"payment_id\":\"P1\"}"));
	step_with(renewal, CALL(PAY_STATUS, PAYMENT));
	assert_string_equal(fake.said[0].id, "P1");
	assert_sql("awaiting_payment", "select state from renewals");
}

static void an_alert_about_the_payee_stops_the_payment(void **state)
{
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	(void)sql("update ca_facts set alert = 'the CA names another payee'");
	step_alone(renewal);
	assert_waits("submitted", "hold");
}

/* The four fields are the bank's, letter for letter, never the plan's. */
static void a_remittance_is_declared_as_the_bank_wrote_it(void **state)
{
	OWNED char *renewal = a_renewal_in("awaiting_payment");
	(void)state;
	a_linked_transfer(renewal);
	step_with(renewal, CALL(REMIT, "{\"state\":\"verifying\"}"));
	assert_non_null(strstr(fake.said[0].body, "\"payer_account\":\"6222 \""));
	assert_non_null(strstr(fake.said[0].body, "\"payer_name\":\"Acme(raw)\""));
	assert_non_null(strstr(fake.said[0].body, "2026-11-20T02:03:04"));
	assert_sql("verifying_payment", "select state from renewals");
}

/* The code was paid, and we died before we had written down that anything is to be paid. */
static void what_is_paid_already_is_in_the_books(void **state)
{
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	step_with(renewal,
		CALL(PAY,
			"{\"id\":\"P1\",\"state\":\"paid\",\"amount\":{\"currency\":\"CNY\",\"amount_fen\":20000}}"));
	assert_sql("paid", "select state from renewals");
	assert_sql("20000 true",
		"select o.amount_fen || ' ' || (o.paid_at is not null)::text from payment_orders o join dues d on d.order_id = o.id");
	assert_sql("[]", "select payments_to_export(" P_FINANCE ")");
	assert_sql("t", "select is_paid(id) from renewals");
}

static void nothing_is_declared_before_a_transfer_is_linked(void **state)
{
	OWNED char *renewal = a_renewal_in("awaiting_payment");
	(void)state;
	step_alone(renewal);
	assert_waits("awaiting_payment", "transfer");
	a_linked_transfer(renewal);
	(void)sql("update links set verdict = 'suggested'");
	step_alone(renewal);
	(void)sql("update links set verdict = 'confirmed', confirmed_by = 6");
	step_alone(renewal);
	assert_waits("awaiting_payment", "transfer");
	(void)sql("update links set verdict = 'released', released_by = 7");
	step_with(renewal, CALL(REMIT, "{\"state\":\"verifying\"}"));
}

static void a_transfer_that_has_not_arrived_is_declared_again_later(void **state)
{
	static const char not_arrived[] =
		"{\"state\":\"failed\",\"failed\":{\"code\":\"REMITTANCE_NOT_FOUND\"}}";
	OWNED char *renewal = a_renewal_in("awaiting_payment");
	(void)state;
	a_linked_transfer(renewal);
	step_with(renewal, CALL(REMIT, not_arrived));
	assert_waits("verifying_payment", "ca_verification");
	assert_sql("t", "select due_at > clock_timestamp() + interval '29 minutes' from renewals");
	step_with(renewal, CALL(REMIT, not_arrived));
	assert_sql("verifying_payment", "select state from renewals");
	step_with(renewal, CALL(REMIT, "{\"state\":\"verifying\"}"));
	step_with(renewal, CALL(PAY_STATUS, not_arrived));
	step_with(renewal, CALL(REMIT, "{\"state\":\"verified\"}"));
	assert_sql("paid", "select state from renewals");
	assert_sql("0", "select count(*) from tasks");
	assert_sql("4", "select count(*) from effects where op = 'remit'");
}

static void a_remittance_that_differs_is_a_matter_for_finance(void **state)
{
	static const char mismatch[] =
		"{\"state\":\"failed\",\"failed\":{\"code\":\"REMITTANCE_MISMATCH\",\"reason\":\"payer_name\"}}";
	OWNED char *renewal = a_renewal_in("awaiting_payment");
	(void)state;
	a_linked_transfer(renewal);
	step_with(renewal, CALL(REMIT, "{\"state\":\"verifying\"}"));
	step_with(renewal, CALL(PAY_STATUS, mismatch));
	assert_sql("awaiting_payment", "select state from renewals");
	assert_task("remittance", "finance", "REMITTANCE_MISMATCH, payer_name");
	assert_task("remittance", "finance", "Acme(raw)");
	step_alone(renewal);
	assert_waits("awaiting_payment", "remittance_refused");
	finish_task("remittance", P_FINANCE, "\"retry\":\"yes\"");
	step_with(renewal, CALL(REMIT, mismatch)); /* at once this time */
	assert_waits("awaiting_payment", "remittance_refused");
	finish_task("remittance", P_FINANCE, "\"retry\":\"yes\"");
	step_with(renewal, CALL(REMIT, "{\"state\":\"verified\"}"));
	step_with(renewal, CALL(PAY_STATUS, "{\"state\":\"verified\"}"));
	assert_sql("paid", "select state from renewals");
	assert_sql("1", "select count(*) from payment_orders");
}

/* Its transfer left after the quote had run out; finance has asked the CA, and says so. */
static char *a_late_payment(void)
{
	char *renewal = a_renewal_in("awaiting_payment");
	a_linked_transfer(renewal);
	(void)sql(
		"update renewals set facts = facts || '{\"quote_expires_at\":\"2026-01-01T00:00:00Z\"}'");
	step_with(renewal, SAYS(REMIT, REFUSED, "PAYMENT_EXPIRED", NULL));
	assert_waits("awaiting_payment", "remittance_refused");
	assert_task("remittance", "finance", "the CA is asked for a new payment");
	step_alone(renewal);
	assert_waits("awaiting_payment", "remittance_refused");
	finish_task("remittance", P_FINANCE, "\"retry\":\"yes\"");
	return renewal;
}

static void a_transfer_that_left_too_late_pays_a_new_payment(void **state)
{
	OWNED char *renewal = a_late_payment();
	(void)state;
	step_with(renewal, CALL(PAY_STATUS, "{\"state\":\"expired\"}"));
	assert_sql("submitted", "select state from renewals");
	step_with(renewal, CALL(SUBMIT, "{\"quote_expires_at\":\"2030-01-01T00:00:00Z\"}"));
	step_with(renewal,
		CALL(PAY,
			"{\"id\":\"P2\",\"amount\":{\"amount_fen\":20000},\"payee\":{\"name\":\"CA Ltd\",\"account\":\"8888\",\"bank\":\"Bank\"}}"));
	assert_sql("awaiting_payment", "select state from renewals");
	step_with(renewal, CALL(REMIT, "{\"state\":\"verifying\"}"));
	assert_string_equal(fake.said[0].id, "P2");
	assert_non_null(strstr(fake.said[0].body, "Acme(raw)")); /* the same transfer */
	assert_sql("linked", "select string_agg(status, ' ') from payment_orders");
}

static void a_late_payment_that_the_ca_took_by_hand_is_not_declared_again(void **state)
{
	OWNED char *renewal = a_late_payment();
	(void)state;
	step_with(renewal, CALL(PAY_STATUS, "{\"state\":\"verified\"}"));
	assert_sql("paid", "select state from renewals");
}

/* It is given up; the new draft is where finance decides about the difference. */
static void a_late_transfer_pays_no_other_price(void **state)
{
	OWNED char *renewal = a_late_payment();
	(void)state;
	step_with(renewal, CALL(PAY_STATUS, "{\"state\":\"expired\"}"));
	step_with(renewal,
		SAYS(SUBMIT, REFUSED, "PRICE_CHANGED",
			"{\"terms\":[{\"years\":1,\"price_fen\":19000}]}"));
	step_with(renewal, CALL(WITHDRAW, "{\"state\":\"withdrawn\"}"));
	assert_sql("bound linked",
		"select r.state || ' ' || o.status from renewals r, payment_orders o");
}

/* ---- review ---- */

static void a_rejection_leads_to_the_refund(void **state)
{
	OWNED char *renewal = a_renewal_in("in_review");
	(void)state;
	a_linked_transfer(renewal);
	step_with(renewal,
		CALL(STATUS, "{\"state\":\"rejected\",\"rejected\":{\"text\":\"no such firm\"}}"));
	assert_sql("refunding", "select state from renewals");
	assert_sql(
		"t", "select text like '%%no such firm%%' from journal order by id desc limit 1");
	assert_task("refund", "finance", "XQ0000000012");
	assert_sql("t", "select due_at is not null from tasks where kind = 'refund'");
	step_with(renewal, CALL(PAY_STATUS, "{\"state\":\"refunding\",\"refund_id\":\"F1\"}"));
	step_with(renewal, CALL(REFUND, "{\"state\":\"processing\"}"));
	assert_string_equal(fake.said[0].id, "F1");
	assert_waits("refunding", "refund");
	step_with(renewal, CALL(REFUND, "{\"state\":\"success\"}"));
	assert_sql("refunded", "select state from renewals");
	assert_sql("20000 F1 the CA",
		"select amount_fen || ' ' || refund_id || ' ' || told_by from refunds");
	assert_sql("0", "select count(*) from tasks where state = 'open'");
}

static void a_correction_goes_back_into_review(void **state)
{
	static const char wanted[] =
		"{\"state\":\"correction_required\",\"reasons\":[{\"field\":\"mobile\"}]}";
	OWNED char *renewal = a_renewal_in("in_review");
	(void)state;
	step_with(renewal, CALL(STATUS, wanted));
	assert_sql("correction", "select state from renewals");
	assert_task("correction", "handler", "mobile");
	finish_task("correction", P_HANDLER, "\"corrected\":\"yes\"");
	step_with(renewal, CALL(STATUS, wanted)); /* the CA does not see it */
	assert_waits("correction", "correction");
	assert_task("correction", "handler", "mobile");
	step_with(renewal, CALL(STATUS, "{\"state\":\"in_review\"}"));
	assert_sql("in_review", "select state from renewals");
	assert_sql("0", "select count(*) from tasks where state = 'open'");
	step_with(renewal, CALL(STATUS, "{\"state\":\"approved\"}"));
	assert_sql("approved", "select state from renewals");
}

/* ---- certificates ---- */

static char *base64_of(X509 *cert)
{
	unsigned char *der = NULL;
	int len = i2d_X509(cert, &der);
	char *text = base64_encode(der, (size_t)len);
	OPENSSL_free(der);
	return text;
}

/* Put CERT's bytes under the renewal's only certificate. */
static void is_of_the_token(X509 *cert)
{
	OWNED char *old = base64_of(cert);
	(void)sql("update certificates set der = decode('%s', 'base64')", old);
}

static void assert_issued_wrong(const char *renewal, const char *certificates, const char *why)
{
	OWNED char *issued = text_dupf("{\"certificates\":[%s],\"chain\":[]}", certificates);
	step_with(renewal, CALL(ISSUANCE, issued));
	assert_waits("approved", "refused");
	assert_task("renewal", "operator", "nothing is written to the token");
	assert_task("renewal", "operator", why);
	assert_sql("0", "select count(*) from install_orders");
	finish_task("renewal", P_OPERATOR, "\"retry\":\"yes\"");
}

static void what_is_issued_must_follow_the_old_certificate(void **state)
{
	OWNED char *renewal = a_renewal_in("approved");
	struct pki old = pki_make(NULL, &(struct pki_spec){ .common_name = "Li" });
	struct pki other = pki_make(
		NULL, &(struct pki_spec){ .common_name = "Li", .serial = 2, .lasts_s = 900000 });
	OWNED char *other_der = base64_of(other.cert);
	OWNED char *same_der = base64_of(old.cert);
	OWNED char *another_key =
		text_dupf("{\"replaces_sha256\":\"sha-t1\",\"der_b64\":\"%s\"}", other_der);
	OWNED char *not_later =
		text_dupf("{\"replaces_sha256\":\"sha-t1\",\"der_b64\":\"%s\"}", same_der);
	OWNED char *two = text_dupf("%s,%s", not_later, not_later);
	(void)state;
	is_of_the_token(old.cert);
	assert_issued_wrong(renewal, "", "issued 0 certificates, 1 are expected");
	assert_issued_wrong(renewal, two, "issued 2 certificates, 1 are expected");
	assert_issued_wrong(renewal, "{\"replaces_sha256\":\"of another\",\"der_b64\":\"\"}",
		"replaces none of this renewal");
	assert_issued_wrong(
		renewal, "{\"replaces_sha256\":\"sha-t1\",\"der_b64\":\"!\"}", "not base64");
	assert_issued_wrong(
		renewal, "{\"replaces_sha256\":\"sha-t1\",\"der_b64\":\"bm8=\"}", "ertificate");
	assert_issued_wrong(renewal, another_key, "another key");
	assert_issued_wrong(renewal, not_later, "does not end later");
	pki_done(&old);
	pki_done(&other);
}

static void without_the_touch_gate_nothing_is_fetched(void **state)
{
	OWNED char *renewal = a_renewal_in("approved");
	(void)state;
	(void)sql("update renewals set touch_approval = null");
	step_alone(renewal);
	assert_waits("approved", "touch_approval");
}

/* ---- installation: what each of the agent's outcomes leads to ---- */

static char *a_reported_renewal(const char *outcome, bool attempted)
{
	char *renewal = a_renewal_in("approved");
	walk(renewal, to_queue);
	(void)sql(
		"insert into install_orders (renewal_id, token_id, body, state, outcome, offered_to, reported_at, result) "
		"values (%s, 1, '{}', 'reported', '%s', 1, clock_timestamp(), '{\"login_attempted\":%s}')",
		renewal, outcome, attempted ? "true" : "false");
	return renewal;
}

static void report_is_read_as(
	const char *outcome, bool attempted, const char *state, const char *reason)
{
	OWNED char *renewal = a_reported_renewal(outcome, attempted);
	if (attempted) {
		step_alone(renewal);
		assert_sql("installing", "select state from renewals");
	}
	step_alone(renewal);
	assert_sql(state, "select state from renewals");
	assert_sql(reason, "select coalesce(blocked_reason, '') from renewals");
}

static void an_absent_token_is_waited_for(void **state)
{
	(void)state;
	report_is_read_as("token_absent", false, "install_queued", "token");
	assert_sql("queued", "select state from install_orders");
	assert_sql("0", "select count(*) from tasks");
}

static void several_tokens_are_a_matter_for_a_person(void **state)
{
	(void)state;
	report_is_read_as("token_several", false, "install_queued", "token");
	assert_task("insert_token", "operator", "this token alone");
	assert_sql("queued", "select state from install_orders");
	assert_sql("[]", "select order_offer(1)"); /* until it is there alone */
}

static void an_interruption_after_the_login_is_tried_again(void **state)
{
	(void)state;
	report_is_read_as("interrupted", true, "install_queued", "");
	assert_sql("queued", "select state from install_orders");
}

static void a_refused_pin_is_a_matter_for_a_person(void **state)
{
	(void)state;
	report_is_read_as("pin_incorrect", true, "installing", "pin");
	assert_task("pin", "operator", "t1");
	assert_sql("reported", "select state from install_orders");
}

static void a_barred_pin_is_a_matter_for_a_person(void **state)
{
	(void)state;
	report_is_read_as("pin_barred", false, "install_queued", "pin");
	assert_task("pin", "operator", "t1");
}

static void a_full_token_is_a_matter_for_a_person(void **state)
{
	(void)state;
	report_is_read_as("token_full", false, "install_queued", "install");
	assert_task("install", "operator", "token_full");
}

static void an_unknown_outcome_is_a_matter_for_a_person(void **state)
{
	(void)state;
	report_is_read_as("drop table", false, "install_queued", "install");
	assert_task("install", "operator", "drop table");
}

static void a_failed_read_back_is_quarantined_until_a_person_says_so(void **state)
{
	(void)state;
	report_is_read_as("readback_failed", true, "quarantined", "");
	assert_task("install", "operator", "readback_failed");
	OWNED char *renewal = text_dup(sql("select id from renewals"));
	step_alone(renewal);
	assert_waits("quarantined", "install");
	finish_task("install", P_OPERATOR, "\"retry\":\"yes\"");
	step_alone(renewal);
	assert_sql("install_queued", "select state from renewals");
	assert_sql("queued", "select state from install_orders");
}

static void a_proven_installation_closes_its_order(void **state)
{
	(void)state;
	report_is_read_as("installed", true, "installed", "");
	assert_sql("closed", "select state from install_orders");
	OWNED char *renewal = text_dup(sql("select id from renewals"));
	step_with(renewal, CALL(INSTALL_REPORT, "{}"));
	assert_sql("awaiting_invoice", "select state from renewals");
}

static void what_a_person_installed_is_reported_with_its_token(void **state)
{
	OWNED char *renewal = a_renewal_in("approved");
	(void)state;
	walk(renewal,
		(const char *const[]){
			"install_ordered", "install_queued", "install_seen", "installed", NULL });
	step_with(renewal, CALL(INSTALL_REPORT, "{}"));
	assert_non_null(strstr(fake.said[0].body, "\"token_serial\":\"t1\""));
	assert_non_null(strstr(fake.said[0].body, "\"started_at\":\"20"));
	assert_sql("awaiting_invoice", "select state from renewals");
}

/* ---- what the CA ends by itself ---- */

/* It was verified, and closed with its application before it was looked at. */
static void a_payment_closed_after_its_declaration_asks_what_became_of_the_application(void **state)
{
	OWNED char *renewal = a_renewal_in("verifying_payment");
	(void)state;
	a_linked_transfer(renewal);
	step_with(renewal, CALL(PAY_STATUS, "{\"state\":\"closed\"}"));
	assert_sql("paid", "select state from renewals");
	assert_sql("0", "select count(*) from tasks where kind = 'remittance'");
	step_with(renewal, CALL(STATUS, "{\"state\":\"closed\",\"fee\":\"carried_over\"}"));
	assert_sql("bound", "select state from renewals");
}

/* Finance may be answering while the CA is polled: the same state of a refund asks nothing anew. */
static void an_abnormal_refund_asks_once(void **state)
{
	OWNED char *renewal = a_renewal_in("in_review");
	(void)state;
	a_linked_transfer(renewal);
	step_with(renewal, CALL(STATUS, "{\"state\":\"rejected\",\"refund_ids\":[\"F1\"]}"));
	step_with(renewal, CALL(REFUND, "{\"state\":\"abnormal\"}"));
	assert_task("refund", "finance", "is abnormal");
	(void)sql("update tasks set instruction = 'read' where kind = 'refund'");
	step_with(renewal, CALL(REFUND, "{\"state\":\"abnormal\"}"));
	assert_task("refund", "finance", "read");
}

/* ---- invoices ---- */

#define INVOICE(number, total, buyer) \
	"{\"state\":\"sent\",\"number\":\"" number "\",\"total_fen\":" total \
	",\"email\":\"e\",\"buyer\":{\"name\":\"" buyer "\",\"tax_id\":\"" USCC \
	"\"},\"seller\":{\"name\":\"CA Ltd\"},\"documents\":[{\"format\":\"xml\",\"data_b64\":\"PHg+\"}]}"

static char *a_renewal_that_waits_for_its_invoice(void)
{
	char *renewal = a_renewal_in("awaiting_payment");
	a_linked_transfer(renewal);
	walk(renewal,
		(const char *const[]){ "remittance_declared", "verifying_payment",
			"payment_verified", "paid", "review_begun", "in_review", "review_approved",
			"approved", "install_ordered", "install_queued", "permit_given",
			"installing", "install_proven", "installed", "install_reported",
			"awaiting_invoice", NULL });
	return renewal;
}

static void a_right_invoice_ends_the_renewal(void **state)
{
	OWNED char *renewal = a_renewal_that_waits_for_its_invoice();
	(void)state;
	step_with(renewal, CALL(INVOICE, "{\"state\":\"pending\"}"));
	assert_waits("awaiting_invoice", "invoice");
	step_with(renewal, CALL(INVOICE, INVOICE("25440000000000000001", "20000", "Acme")));
	assert_sql("done", "select state from renewals");
	assert_sql(
		"archived 3c783e", "select state || ' ' || encode(document, 'hex') from invoices");
}

static void a_wrong_invoice_is_disputed_and_fetched_again(void **state)
{
	OWNED char *renewal = a_renewal_that_waits_for_its_invoice();
	(void)state;
	step_with(renewal, CALL(INVOICE, INVOICE("25440000000000000001", "19999", "Acme")));
	assert_sql("disputed", "select state from renewals");
	assert_task("invoice", "finance", "¥199.99, paid were ¥200.00");
	step_alone(renewal);
	assert_waits("disputed", "invoice_differs");
	finish_task("invoice", P_FINANCE, "\"resolved\":\"yes\"");
	step_with(renewal, CALL(INVOICE, INVOICE("25440000000000000001", "20000", "Acne")));
	assert_waits("disputed", "invoice_differs");
	assert_task("invoice", "finance", "Acne");
	finish_task("invoice", P_FINANCE, "\"resolved\":\"yes\"");
	step_with(renewal, CALL(INVOICE, INVOICE("25440000000000000002", "20000", "Acme")));
	assert_sql("done", "select state from renewals");
	assert_sql(
		"disputed,archived", "select string_agg(state, ',' order by number) from invoices");
}

static void an_invoice_counts_for_one_renewal_only(void **state)
{
	OWNED char *renewal = a_renewal_that_waits_for_its_invoice();
	OWNED char *set = a_set("t2", "Wang", 1);
	OWNED char *other = a_renewal("d", set);
	(void)state;
	(void)sql(
		"insert into invoices (renewal_id, number, total_fen, buyer, buyer_tax_id, seller, email, state) values (%s, "
		"'25440000000000000001', 20000, 'Acme', '', 'CA Ltd', '', 'archived')",
		other);
	step_with(renewal, CALL(INVOICE, INVOICE("25440000000000000001", "20000", "Acme")));
	assert_waits("awaiting_invoice", "error");
	assert_sql("t",
		"select last_error like '%%archived for renewal %s already%%' from renewals where id = %s",
		other, renewal);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		stage_test(another_payee_is_not_paid),
		stage_test(another_amount_is_not_paid),
		stage_test(without_a_payer_account_nothing_is_paid),
		stage_test(a_payment_that_is_open_already_is_taken_up),
		stage_test(an_alert_about_the_payee_stops_the_payment),
		stage_test(a_remittance_is_declared_as_the_bank_wrote_it),
		stage_test(what_is_paid_already_is_in_the_books),
		stage_test(nothing_is_declared_before_a_transfer_is_linked),
		stage_test(a_transfer_that_has_not_arrived_is_declared_again_later),
		stage_test(a_remittance_that_differs_is_a_matter_for_finance),
		stage_test(a_transfer_that_left_too_late_pays_a_new_payment),
		stage_test(a_late_payment_that_the_ca_took_by_hand_is_not_declared_again),
		stage_test(a_late_transfer_pays_no_other_price),
		stage_test(a_rejection_leads_to_the_refund),
		stage_test(a_correction_goes_back_into_review),
		stage_test(what_is_issued_must_follow_the_old_certificate),
		stage_test(without_the_touch_gate_nothing_is_fetched),
		stage_test(an_absent_token_is_waited_for),
		stage_test(several_tokens_are_a_matter_for_a_person),
		stage_test(an_interruption_after_the_login_is_tried_again),
		stage_test(a_refused_pin_is_a_matter_for_a_person),
		stage_test(a_barred_pin_is_a_matter_for_a_person),
		stage_test(a_full_token_is_a_matter_for_a_person),
		stage_test(an_unknown_outcome_is_a_matter_for_a_person),
		stage_test(a_failed_read_back_is_quarantined_until_a_person_says_so),
		stage_test(a_proven_installation_closes_its_order),
		stage_test(what_a_person_installed_is_reported_with_its_token),
		stage_test(
			a_payment_closed_after_its_declaration_asks_what_became_of_the_application),
		stage_test(an_abnormal_refund_asks_once),
		stage_test(a_right_invoice_ends_the_renewal),
		stage_test(a_wrong_invoice_is_disputed_and_fetched_again),
		stage_test(an_invoice_counts_for_one_renewal_only),
	};
	return cmocka_run_group_tests(tests, database_begin, database_end);
}
