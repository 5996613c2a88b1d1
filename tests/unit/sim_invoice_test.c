/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with new certificates and invoices, and the second way to an invoice: phone and code. */
#include "tests/unit/sim_world.h"

#include "common/bytes.h"

/* The issued certificate at WHICH, read; NULL where its bytes are no certificate. */
static X509 *issued(struct world *world, size_t which)
{
	const json_t *one =
		json_array_get(json_object_get(world->client.reply, "certificates"), which);
	struct fault fault;
	size_t len;
	OWNED unsigned char *der = base64_decode(json_peek_text(one, "der_b64"), &len);

	return der == NULL ? NULL : cert_from_der(der, len, &fault);
}

static X509 *enrolled(const struct world *world)
{
	const char *pem = json_peek_text(
		sim_find(world->client.sim, "certificates", world->journey.certificate), "pem");
	struct fault fault;

	return cert_from_pem(pem, strlen(pem), &fault);
}

static void a_certificate_may_be_issued_to_someone_else(void **state)
{
	struct world *world = *state;
	CLEANUP(cert_freep) X509 *old = enrolled(world);
	CLEANUP(cert_freep) X509 *fresh = NULL;

	world_knob(world, "issue_wrong", json_string("subject"));
	world_walk(world, WALK_APPROVED);
	fresh = issued(world, 0);
	assert_int_not_equal(
		X509_NAME_cmp(X509_get_subject_name(old), X509_get_subject_name(fresh)), 0);
	assert_true(cert_same_key(old, fresh));
}

static void a_certificate_may_have_another_key(void **state)
{
	struct world *world = *state;
	CLEANUP(cert_freep) X509 *old = enrolled(world);
	CLEANUP(cert_freep) X509 *fresh = NULL;

	world_knob(world, "issue_wrong", json_string("public_key"));
	world_walk(world, WALK_APPROVED);
	fresh = issued(world, 0);
	assert_int_equal(
		X509_NAME_cmp(X509_get_subject_name(old), X509_get_subject_name(fresh)), 0);
	assert_false(cert_same_key(old, fresh));
}

static void a_certificate_may_end_no_later_than_before(void **state)
{
	struct world *world = *state;
	CLEANUP(cert_freep) X509 *fresh = NULL;
	struct cert_facts facts;
	struct fault fault;

	world_knob(world, "issue_wrong", json_string("same_expiry"));
	world_walk(world, WALK_APPROVED);
	fresh = issued(world, 0);
	assert_true(cert_read_facts(&facts, fresh, &fault));
	assert_true(facts.not_after == NOON + 30 * CLOCK_DAY);
}

static void a_download_may_be_cut_and_is_whole_the_next_time(void **state)
{
	struct world *world = *state;
	CLEANUP(cert_freep) X509 *fresh = NULL;

	world_knob(world, "issue_wrong", json_pack("{s:s, s:i}", "value", "truncated", "times", 1));
	world_walk(world, WALK_APPROVED);
	assert_null(issued(world, 0));
	assert_int_equal(world_on(world, "GET", "issuance", NULL), 200);
	assert_string_equal(sim_client_text(&world->client, "state"), "fetched");
	fresh = issued(world, 0);
	assert_non_null(fresh);
}

static void a_link_may_have_ended(void **state)
{
	struct world *world = *state;

	world_walk(world, WALK_VERIFIED);
	world->client.now += CLOCK_SECOND;
	world_knob(
		world, "issue_wrong", json_pack("{s:s, s:i}", "value", "expired_link", "times", 1));
	(void)world_on(world, "GET", "issuance", NULL);
	assert_problem(&world->client, 410, "ISSUANCE_GONE");
	assert_int_equal(world_on(world, "GET", "issuance", NULL), 200);
	world->client.now += 91 * CLOCK_DAY;
	(void)world_on(world, "GET", "issuance", NULL);
	assert_problem(&world->client, 410, "ISSUANCE_GONE");
}

static void the_certificate_for_encryption_may_be_missing(void **state)
{
	struct world *world = *state;
	struct sim_journey pair = { 0 };
	char other[SIM_ID_TEXT];
	const json_t *first;
	json_t *second;

	assert_int_equal(sim_client_enrol(&world->client, pair.certificate, world_public_pem,
				 "sign", NOON + 20 * CLOCK_DAY),
		201);
	assert_int_equal(sim_client_enrol(&world->client, other, world_public_pem, "encrypt",
				 NOON + 20 * CLOCK_DAY),
		201);
	first = sim_find(world->client.sim, "certificates", pair.certificate);
	second = sim_find(world->client.sim, "certificates", other);
	json_put_text(second, "set_id", json_peek_text(first, "set_id"));
	world_knob(world, "issue_wrong",
		json_pack("{s:s, s:o, s:i}", "value", "no_encryption_certificate", "serial",
			world_serial(world, other), "times", 1));
	world->journey = pair;
	world_walk(world, WALK_APPROVED);
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "certificates")), 1);
	assert_int_equal(world_on(world, "GET", "issuance", NULL), 200);
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "certificates")), 2);
}

/* ---- a new key ---- */

/* A certification request of a fresh key, in base64 (owned); its key into *KEY (owned). */
static char *request(EVP_PKEY **key)
{
	X509_REQ *made = X509_REQ_new();
	unsigned char *der = NULL;
	char *base64;
	int len;

	*key = EVP_EC_gen("P-256");
	assert_int_equal(X509_REQ_set_pubkey(made, *key), 1);
	assert_true(X509_REQ_sign(made, *key, EVP_sha256()) > 0);
	len = i2d_X509_REQ(made, &der);
	base64 = base64_encode(der, (size_t)len);
	OPENSSL_free(der);
	X509_REQ_free(made);
	return base64;
}

static void rekeying_needs_a_request_signed_by_its_key(void **state)
{
	struct world *world = *state;
	CLEANUP(sim_key_freep) EVP_PKEY *key = NULL;
	CLEANUP(cert_freep) X509 *fresh = NULL;
	OWNED char *p10 = request(&key);

	world_knob(world, "rekey", json_true());
	world_walk(world, WALK_VERIFIED);
	world->client.now += CLOCK_SECOND;
	assert_string_equal(world_state(world), "approved");
	(void)world_on(world, "GET", "issuance", NULL);
	assert_problem(&world->client, 409, "CSR_REQUIRED");
	(void)world_on(world, "POST", "csr", json_pack("{s:s}", "p10", "bm8gcmVxdWVzdA=="));
	assert_problem(&world->client, 422, "CSR_BAD");
	assert_int_equal(sim_client_ledger(&world->client, "issued"), 0);
	assert_int_equal(world_on(world, "POST", "csr", json_pack("{s:s}", "p10", p10)), 202);
	(void)world_on(world, "POST", "csr", json_pack("{s:s}", "p10", p10));
	assert_problem(&world->client, 409, "STATE_CONFLICT");
	assert_int_equal(world_on(world, "GET", "issuance", NULL), 200);
	assert_string_equal(sim_client_text(&world->client, "key_policy"), "rekey");
	fresh = issued(world, 0);
	assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(fresh), key), 1);
	assert_int_equal(sim_client_ledger(&world->client, "issued"), 1);
}

static void a_request_is_not_taken_where_keys_are_kept(void **state)
{
	struct world *world = *state;
	CLEANUP(sim_key_freep) EVP_PKEY *key = NULL;
	OWNED char *p10 = request(&key);

	world_walk(world, WALK_VERIFIED);
	world->client.now += CLOCK_SECOND;
	(void)world_on(world, "POST", "csr", json_pack("{s:s}", "p10", p10));
	assert_problem(&world->client, 409, "STATE_CONFLICT");
}

/* ---- the invoice ---- */

static const char *invoice_state(struct world *world)
{
	assert_int_equal(world_on(world, "GET", "invoice", NULL), 200);
	return sim_client_text(&world->client, "state");
}

/* The invoice's document in FORMAT, decoded, on the heap. */
static char *document(const struct world *world, const char *format)
{
	json_t *one;
	size_t i, len;

	json_array_foreach(json_object_get(world->client.reply, "documents"), i, one)
	{
		if (text_equal(json_peek_text(one, "format"), format))
			return (char *)base64_decode(json_peek_text(one, "data_b64"), &len);
	}
	return NULL;
}

/* TEXT (of digits) as the PDF writes it. */
static char *in_pdf(const char *text)
{
	TEXT out;

	text_init(&out, 256);
	for (; *text != '\0'; text++)
		text_addf(&out, "00%02X", (unsigned)(unsigned char)*text);
	return text_take(&out, NULL);
}

static void an_invoice_has_an_xml_and_a_pdf_that_agree(void **state)
{
	struct world *world = *state;
	OWNED char *xml = NULL, *pdf = NULL, *number = NULL, *total = in_pdf("200.00");

	world_walk(world, WALK_INSTALLED);
	world->client.now += CLOCK_SECOND;
	assert_string_equal(invoice_state(world), "sent");
	number = in_pdf(sim_client_text(&world->client, "number"));
	xml = document(world, "xml");
	pdf = document(world, "pdf");
	assert_non_null(strstr(xml, "<TotalTax-includedAmount>200.00<"));
	assert_true(text_starts(pdf, "%PDF-1.4\n"));
	assert_non_null(strstr(pdf, number));
	assert_non_null(strstr(pdf, total));
	assert_non_null(strstr(pdf, "startxref"));
}

static void xml_and_pdf_may_disagree(void **state)
{
	struct world *world = *state;
	OWNED char *xml = NULL, *pdf = NULL, *total = in_pdf("201.00");

	world_knob(world, "invoice", json_string("xml_pdf_disagree"));
	world_walk(world, WALK_INSTALLED);
	world->client.now += CLOCK_SECOND;
	assert_string_equal(invoice_state(world), "sent");
	xml = document(world, "xml");
	pdf = document(world, "pdf");
	assert_non_null(strstr(xml, "<TotalTax-includedAmount>200.00<"));
	assert_non_null(strstr(pdf, total));
}

static void the_buyer_may_be_wrong(void **state)
{
	struct world *world = *state;

	world_knob(world, "invoice", json_string("wrong_buyer"));
	world_walk(world, WALK_INSTALLED);
	world->client.now += CLOCK_SECOND;
	assert_string_equal(invoice_state(world), "sent");
	assert_string_equal(json_peek_text(json_object_get(world->client.reply, "buyer"), "name"),
		"广州某某其他有限公司");
}

static void an_invoice_may_never_come_until_the_knob_is_off(void **state)
{
	struct world *world = *state;

	world_knob(world, "invoice", json_string("none"));
	world_walk(world, WALK_INSTALLED);
	world->client.now += 30 * CLOCK_DAY;
	assert_string_equal(invoice_state(world), "issuing");
	assert_int_equal(sim_client_ledger(&world->client, "invoices"), 0);
	world_knob(world, "invoice", json_false());
	assert_string_equal(invoice_state(world), "sent");
	assert_int_equal(sim_client_ledger(&world->client, "invoices"), 1);
}

static void an_invoice_may_be_late(void **state)
{
	struct world *world = *state;

	world_knob(world, "invoice", json_pack("{s:s, s:i}", "value", "late_s", "s", 86400));
	world_walk(world, WALK_INSTALLED);
	world->client.now += CLOCK_DAY;
	assert_string_equal(invoice_state(world), "issuing");
	world->client.now += CLOCK_SECOND;
	assert_string_equal(invoice_state(world), "sent");
}

static void an_invoice_that_was_not_sent_is_sent_again_on_request(void **state)
{
	struct world *world = *state;

	world_knob(world, "invoice", json_string("send_failed"));
	world_walk(world, WALK_INSTALLED);
	world->client.now += CLOCK_SECOND;
	assert_string_equal(invoice_state(world), "send_failed");
	assert_null(json_object_get(world->client.reply, "documents"));
	assert_int_equal(world_on(world, "POST", "invoice/resend",
				 json_pack("{s:s}", "email", "again@example.cn")),
		200);
	assert_string_equal(invoice_state(world), "sent");
	assert_string_equal(sim_client_text(&world->client, "email"), "again@example.cn");
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "documents")), 2);
}

/* ---- phone and code ---- */

/* Begin a login; its id (owned). */
static char *login(struct world *world)
{
	assert_int_equal(sim_client_call(&world->client, "POST", "/v1/invoice-logins",
				 json_pack("{s:s}", "mobile", "13800138000")),
		201);
	return text_dup(sim_client_text(&world->client, "id"));
}

/* The six digits of the last message (owned). */
static char *code(struct world *world)
{
	const json_t *items;
	const char *text;

	(void)sim_client_control(
		&world->client, "GET", "/sim/phone/messages?mobile=13800138000", NULL);
	items = json_object_get(world->client.reply, "items");
	text = json_peek_text(json_array_get(items, json_array_size(items) - 1), "text");
	assert_non_null(strstr(text, "验证码"));
	return text_dupf("%.6s", strstr(text, "验证码") + strlen("验证码"));
}

static int enter(struct world *world, const char *id, const char *digits)
{
	OWNED char *target = text_dupf("/v1/invoice-logins/%s", id);

	return sim_client_call(&world->client, "PUT", target, json_pack("{s:s}", "code", digits));
}

static void phone_and_code_open_the_handlers_invoices(void **state)
{
	struct world *world = *state;
	OWNED char *id = NULL, *digits = NULL, *target = NULL;

	world_walk(world, WALK_INSTALLED);
	world->client.now += CLOCK_SECOND;
	id = login(world);
	digits = code(world);
	assert_int_equal(enter(world, id, digits), 200);
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "invoices")), 1);
	target = text_dupf("/v1/invoices/%s/file?format=pdf&login=%s",
		json_peek_text(
			json_array_get(json_object_get(world->client.reply, "invoices"), 0), "id"),
		id);
	assert_int_equal(sim_client_call(&world->client, "GET", target, NULL), 200);
	assert_string_equal(world->client.answer.content_type, "application/pdf");
	assert_true(text_starts(world->client.answer.body, "%PDF-1.4"));
	assert_true(world->client.is_signed);
	(void)enter(world, id, digits);
	assert_problem(&world->client, 410, "CODE_EXPIRED");
}

static void three_wrong_codes_end_a_login(void **state)
{
	struct world *world = *state;
	OWNED char *id = login(world);
	OWNED char *digits = code(world);

	for (int left = 2; left >= 0; left--) {
		(void)enter(world, id, "no code");
		assert_problem(&world->client, 401, "CODE_WRONG");
		assert_int_equal(json_peek_number(world->client.reply, "tries_left", -1), left);
	}
	(void)enter(world, id, digits);
	assert_problem(&world->client, 410, "CODE_EXPIRED");
}

static void a_right_code_may_be_called_wrong_and_an_old_one_is_too_late(void **state)
{
	struct world *world = *state;
	OWNED char *id = login(world);
	OWNED char *digits = code(world);

	world_knob(world, "phone_code_wrong_times", json_integer(2));
	for (int i = 0; i < 2; i++) {
		(void)enter(world, id, digits);
		assert_problem(&world->client, 401, "CODE_WRONG");
	}
	world->client.now += 300 * CLOCK_SECOND;
	(void)enter(world, id, digits);
	assert_problem(&world->client, 410, "CODE_EXPIRED");
	world->client.now -= 300 * CLOCK_SECOND;
	assert_int_equal(enter(world, id, digits), 200);
}

static void files_are_for_open_logins_of_that_phone(void **state)
{
	struct world *world = *state;
	OWNED char *id = NULL, *digits = NULL, *target = NULL;

	(void)sim_client_call(&world->client, "GET", "/v1/invoices/inv_1/file?format=xml", NULL);
	assert_problem(&world->client, 410, "CODE_EXPIRED");
	id = login(world);
	digits = code(world);
	assert_int_equal(enter(world, id, digits), 200);
	target = text_dupf("/v1/invoices/inv_1/file?format=xml&login=%s", id);
	(void)sim_client_call(&world->client, "GET", target, NULL);
	assert_problem(&world->client, 404, "NOT_FOUND");
	(void)sim_client_call(
		&world->client, "POST", "/v1/invoice-logins", json_pack("{s:s}", "mobile", "12"));
	assert_problem(&world->client, 422, "FIELD_INVALID");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_certificate_may_be_issued_to_someone_else),
		WORLD_TEST(a_certificate_may_have_another_key),
		WORLD_TEST(a_certificate_may_end_no_later_than_before),
		WORLD_TEST(a_download_may_be_cut_and_is_whole_the_next_time),
		WORLD_TEST(a_link_may_have_ended),
		WORLD_TEST(the_certificate_for_encryption_may_be_missing),
		WORLD_TEST(rekeying_needs_a_request_signed_by_its_key),
		WORLD_TEST(a_request_is_not_taken_where_keys_are_kept),
		WORLD_TEST(an_invoice_has_an_xml_and_a_pdf_that_agree),
		WORLD_TEST(xml_and_pdf_may_disagree),
		WORLD_TEST(the_buyer_may_be_wrong),
		WORLD_TEST(an_invoice_may_never_come_until_the_knob_is_off),
		WORLD_TEST(an_invoice_may_be_late),
		WORLD_TEST(an_invoice_that_was_not_sent_is_sent_again_on_request),
		WORLD_TEST(phone_and_code_open_the_handlers_invoices),
		WORLD_TEST(three_wrong_codes_end_a_login),
		WORLD_TEST(a_right_code_may_be_called_wrong_and_an_old_one_is_too_late),
		WORLD_TEST(files_are_for_open_logins_of_that_phone),
	};

	return cmocka_run_group_tests_name("simulator: invoice", tests, world_make, world_drop);
}
