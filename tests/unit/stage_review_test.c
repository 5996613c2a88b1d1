/* SPDX-License-Identifier: Apache-2.0 */
/* The branches after the payment: refused remittances, corrections, silence, approvals taken back, installations
 * that a person made, missing invoices. */
#include "tests/unit/stages_off_road.h"

#include "orchestrator/domain/personal.h"

static void since_days(int days)
{
	(void)sql("update renewals set changed_at = changed_at - interval '%d days'", days);
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

/* Between two looks the CA may verify, reject and refund. */
static void a_payment_that_is_refunded_already_was_verified(void **state)
{
	OWNED char *renewal = a_renewal_in("verifying_payment");
	(void)state;
	a_linked_transfer(renewal);
	step_with(renewal, CALL(PAY_STATUS, "{\"state\":\"refunded\",\"refund_id\":\"F1\"}"));
	assert_string_equal(state_now(), "paid");
	step_with(renewal, CALL(STATUS, "{\"state\":\"rejected\"}"));
	step_with(renewal, CALL(STATUS, "{\"state\":\"rejected\",\"refund_ids\":[\"F1\"]}"));
	step_with(renewal, CALL(REFUND, "{\"state\":\"success\"}"));
	assert_string_equal(state_now(), "refunded");
}

/* The bank gave the transfer back while the CA approved: the fee is sent again, the CA needs no other declaration. */
static void a_payment_that_stands_verified_is_not_refused(void **state)
{
	OWNED char *renewal = a_renewal_in("awaiting_payment");
	(void)state;
	a_linked_transfer(renewal);
	step_with(renewal, SAYS(REMIT, REFUSED, "STATE_CONFLICT", "{\"state\":\"verified\"}"));
	assert_string_equal(state_now(), "verifying_payment");
	step_with(renewal, CALL(PAY_STATUS, "{\"state\":\"verified\"}"));
	assert_string_equal(state_now(), "paid");
	assert_sql("0", "select count(*) from tasks where kind = 'remittance'");
}

/* xuqid died between the declaration and its answer: declared again, the CA says that it is at it. */
static void a_remittance_that_is_being_verified_is_not_refused(void **state)
{
	OWNED char *renewal = a_renewal_in("awaiting_payment");
	(void)state;
	a_linked_transfer(renewal);
	step_with(renewal, SAYS(REMIT, REFUSED, "STATE_CONFLICT", "{\"state\":\"verifying\"}"));
	assert_string_equal(state_now(), "verifying_payment");
	assert_sql("0", "select count(*) from tasks where kind = 'remittance'");
}

static void an_approval_taken_back_after_the_installation_is_a_rejection(void **state)
{
	OWNED char *renewal = a_renewal_in("approved");
	(void)state;
	a_linked_transfer(renewal);
	walk(renewal,
		(const char *const[]){ "install_ordered", "install_queued", "permit_given",
			"installing", "install_proven", "installed", NULL });
	step_with(renewal,
		SAYS(INSTALL_REPORT, REFUSED, "STATE_CONFLICT", "{\"state\":\"rejected\"}"));
	assert_string_equal(state_now(), "in_review");
	step_with(renewal, CALL(STATUS, "{\"state\":\"rejected\"}"));
	assert_string_equal(state_now(), "refunding");
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

static void a_correction_that_comes_too_late_is_a_rejection(void **state)
{
	OWNED char *renewal = a_renewal_in("in_review");
	(void)state;
	a_linked_transfer(renewal);
	step_with(renewal, CALL(STATUS, FIX("intent.handler.mobile")));
	finish_task("correction", P_HANDLER, "\"mobile\":\"13800000001\"");
	step_with(renewal, SAYS(INTENT, REFUSED, "STATE_CONFLICT", "{\"state\":\"rejected\"}"));
	assert_string_equal(state_now(), "in_review");
	assert_sql("0", "select count(*) from tasks where state = 'open'");
}

/* The text that the task showed is passed on, though the CA's meta shows another one by now. */
static void an_agreement_is_corrected_as_it_was_shown(void **state)
{
	OWNED char *renewal = a_renewal_in("in_review");
	(void)state;
	(void)sql("update renewals set facts = facts || '{\"application_id\":\"A1\"}'");
	step_with(renewal, CALL(STATUS, FIX("agreement")));
	assert_sql("agree-1",
		"select values->>'agreement_sha256' from tasks where kind = 'correction'");
	finish_task("correction", P_HANDLER, "\"accept\":\"no\"");
	step_with(renewal, CALL(STATUS, FIX("agreement")));
	assert_task("correction", "handler", "agreement");
	(void)sql("update ca_facts set meta = replace(meta::text, 'agree-1', 'agree-2')::jsonb");
	finish_task("correction", P_HANDLER, "\"accept\":\"yes\"");
	step_with(renewal,
		SAYS(AGREE, REFUSED, "AGREEMENT_CHANGED",
			"{\"agreement\":{\"id\":\"g\",\"version\":\"3\",\"sha256\":\"agree-3\"}}"));
	assert_non_null(strstr(fake.said[0].body, "agree-1"));
	assert_sql("agree-3",
		"select values->>'agreement_sha256' from tasks where kind = 'correction' and state = 'open'");
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
	step_with(renewal,
		SAYS(ISSUANCE, NEED_HUMAN, "CARD",
			"{\"task\":{\"kind\":\"install_by_person\",\"role\":\"operator\",\"title\":\"t\",\"instruction\":\"i\",\"if_ignored\":\"x\"}}"));
	assert_non_null(strstr(fake.said[0].body, "is for another key")); /* the card says so */
	assert_waits("install_queued", "person");
	assert_sql("0", "select count(*) from tasks where kind = 'renewal'");
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
		stage_test(each_reason_has_its_words_for_finance),
		stage_test(a_payment_that_is_refunded_already_was_verified),
		stage_test(a_payment_that_stands_verified_is_not_refused),
		stage_test(a_remittance_that_is_being_verified_is_not_refused),
		stage_test(an_approval_taken_back_after_the_installation_is_a_rejection),
		stage_test(both_spellings_stand_side_by_side),
		stage_test(only_what_the_ca_names_is_sent_again),
		stage_test(a_correction_that_comes_too_late_is_a_rejection),
		stage_test(an_agreement_is_corrected_as_it_was_shown),
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
