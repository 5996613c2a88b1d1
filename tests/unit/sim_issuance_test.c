/* SPDX-License-Identifier: Apache-2.0 */
/* Issued certificates, their chain, installation reports and invoices. */
#include "tests/unit/sim_world.h"

#include <fcntl.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/cert.h"
#include "common/digest.h"

static void walk(struct world *world, enum sim_walk step)
{
	assert_true(sim_client_walk(&world->client, &world->journey, step));
}

static int on(struct world *world, const char *method, const char *part, json_t *body)
{
	OWNED char *target = text_dupf("/v1/applications/%s/%s", world->journey.application, part);

	return sim_client_call(&world->client, method, target, body);
}

static X509 *from_base64(const char *text)
{
	struct fault fault;
	size_t len;
	OWNED unsigned char *der = base64_decode(text, &len);
	X509 *x509;

	assert_non_null(der);
	x509 = cert_from_der(der, len, &fault);
	assert_non_null(x509);
	return x509;
}

/* The certificate at INDEX of the issuance just fetched. */
static X509 *issued(const struct world *world, size_t index)
{
	const json_t *list = json_object_get(world->client.reply, "certificates");

	return from_base64(json_peek_text(json_array_get(list, index), "der_b64"));
}

static X509 *old_one(const struct world *world, const char *id)
{
	const json_t *record = sim_find(world->client.sim, "certificates", id);
	const char *pem = json_peek_text(record, "pem");
	struct fault fault;
	X509 *x509 = cert_from_pem(pem, strlen(pem), &fault);

	assert_non_null(x509);
	return x509;
}

/* LEAF verifies at AT through the chain of the issuance just fetched, up to the root alone. */
static bool verifies(const struct world *world, X509 *leaf, int64_t at)
{
	const json_t *list = json_object_get(world->client.reply, "chain");
	char path[] = "/tmp/xuqi-sim-root-XXXXXX";
	int file = mkstemp(path);
	OWNED char *pem = sim_root_pem(world->client.sim);
	X509 *chain[2];
	struct fault fault;
	bool good;

	assert_true(file >= 0 && write(file, pem, strlen(pem)) == (ssize_t)strlen(pem));
	assert_int_equal(json_array_size(list), 2);
	for (size_t i = 0; i < 2; i++)
		chain[i] = from_base64(json_string_value(json_array_get(list, i)));
	good = cert_verify_chain(leaf, chain, 2, path, at, &fault) &&
		!cert_verify_chain(leaf, chain, 1, path, at, &fault);
	for (size_t i = 0; i < 2; i++)
		X509_free(chain[i]);
	(void)close(file);
	(void)unlink(path);
	return good;
}

static void facts_of(struct cert_facts *facts, X509 *x509)
{
	struct fault fault;

	assert_true(cert_read_facts(facts, x509, &fault));
}

static void assert_follows(X509 *new_one, X509 *old, int64_t not_after)
{
	struct cert_facts before, after;

	facts_of(&before, old);
	facts_of(&after, new_one);
	assert_true(cert_same_key(old, new_one));
	assert_string_equal(after.subject_sha256, before.subject_sha256);
	assert_string_equal(after.uscc, "91440101MA59ABCD1X");
	assert_int_equal(after.role, before.role);
	assert_string_not_equal(after.serial, before.serial);
	assert_true(after.not_after == not_after);
}

/* ---- certificates ---- */

static void before_approval_there_is_no_issuance(void **state)
{
	struct world *world = *state;

	walk(world, WALK_VERIFIED);
	(void)on(world, "GET", "issuance", NULL);
	assert_problem(&world->client, 409, "ISSUANCE_NOT_READY");
	assert_int_equal(world->client.answer.retry_after_s, 1);
	assert_int_equal(sim_client_ledger(&world->client, "issued"), 0);
}

static void the_new_certificate_keeps_key_subject_and_use_and_ends_a_year_later(void **state)
{
	struct world *world = *state;
	CLEANUP(cert_freep) X509 *old = old_one(world, world->journey.certificate);
	CLEANUP(cert_freep) X509 *fresh = NULL;

	walk(world, WALK_APPROVED);
	assert_string_equal(sim_client_text(&world->client, "key_policy"), "reuse");
	fresh = issued(world, 0);
	assert_follows(fresh, old, INT64_C(1829462400000000)); /* 2027-12-22T08:00:00Z */
	assert_true(verifies(world, fresh, world->client.now));
	assert_true(verifies(world, old, NOON));
	assert_int_equal(sim_client_ledger(&world->client, "issued"), 1);
}

static void an_expired_certificates_successor_counts_from_now(void **state)
{
	struct world *world = *state;
	CLEANUP(cert_freep) X509 *fresh = NULL;
	struct cert_facts facts;

	world->client.now = NOON + 40 * CLOCK_DAY;
	walk(world, WALK_APPROVED);
	fresh = issued(world, 0);
	facts_of(&facts, fresh);
	/* 2027-01-01T08:00:00.3Z, when it was approved, and a year. */
	assert_true(facts.not_after == INT64_C(1830326400000000));
	assert_true(verifies(world, fresh, world->client.now));
}

static void an_ec_key_is_certified_by_the_ec_authority(void **state)
{
	struct world *world = *state;
	OWNED char *pem = world_key(EVP_EC_gen("P-256"));
	CLEANUP(cert_freep) X509 *old = NULL;
	CLEANUP(cert_freep) X509 *fresh = NULL;
	struct cert_facts facts;

	assert_int_equal(sim_client_enrol(&world->client, world->journey.certificate, pem, "both",
				 NOON + 30 * CLOCK_DAY),
		201);
	walk(world, WALK_APPROVED);
	old = old_one(world, world->journey.certificate);
	fresh = issued(world, 0);
	facts_of(&facts, fresh);
	assert_string_equal(facts.key_type, "EC256");
	assert_non_null(strstr(facts.issuer, "Issuing CA E1"));
	assert_follows(fresh, old, INT64_C(1829462400000000));
	assert_true(verifies(world, fresh, world->client.now));
}

/* Enrol an encryption certificate as the pair of the walk's, made a signing one. */
static void enrol_pair(struct world *world, char encrypt[SIM_ID_TEXT])
{
	OWNED char *sign_key = world_key(EVP_RSA_gen(2048));
	OWNED char *encrypt_key = world_key(EVP_RSA_gen(2048));
	json_t *body;

	assert_int_equal(sim_client_enrol(&world->client, world->journey.certificate, sign_key,
				 "sign", NOON + 30 * CLOCK_DAY),
		201);
	body = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "holder",
		"广州市某某科技有限公司", "uscc", "91440101MA59ABCD1X", "service", "政务服务",
		"key_spki", encrypt_key, "usage", "encrypt", "not_before", "2025-11-22T00:00:00Z",
		"not_after", "2026-12-22T08:00:00Z", "pair_of", world->journey.certificate);
	assert_int_equal(sim_client_control(&world->client, "POST", "/sim/enrol", body), 201);
	(void)snprintf(
		encrypt, SIM_ID_TEXT, "%s", sim_client_text(&world->client, "certificate_id"));
}

static void a_pair_is_one_application_one_fee_and_two_certificates(void **state)
{
	struct world *world = *state;
	char encrypt[SIM_ID_TEXT];
	CLEANUP(cert_freep) X509 *sign_cert = NULL;
	CLEANUP(cert_freep) X509 *encrypt_cert = NULL;
	CLEANUP(cert_freep) X509 *old_encrypt = NULL;
	const json_t *list;

	enrol_pair(world, encrypt);
	walk(world, WALK_APPROVED);
	list = json_object_get(world->client.reply, "certificates");
	assert_int_equal(json_array_size(list), 2);
	assert_string_equal(json_peek_text(json_array_get(list, 0), "usage"), "sign");
	assert_string_equal(json_peek_text(json_array_get(list, 1), "usage"), "encrypt");
	sign_cert = issued(world, 0);
	encrypt_cert = issued(world, 1);
	old_encrypt = old_one(world, encrypt);
	assert_follows(encrypt_cert, old_encrypt, INT64_C(1829462400000000));
	assert_false(cert_same_key(sign_cert, encrypt_cert));
	assert_true(verifies(world, sign_cert, world->client.now));
	assert_int_equal(sim_client_ledger(&world->client, "payments"), 1);
	assert_int_equal(sim_client_ledger(&world->client, "issued"), 1);
}

static void the_other_certificate_of_a_pair_is_taken_too(void **state)
{
	struct world *world = *state;
	char encrypt[SIM_ID_TEXT];

	enrol_pair(world, encrypt);
	walk(world, WALK_DRAFT);
	(void)sim_client_call(&world->client, "POST", "/v1/applications",
		json_pack("{s:s, s:s, s:s}", "client_ref", "ref-of-other", "certificate_id",
			encrypt, "kind", "expiring"));
	assert_problem(&world->client, 409, "APPLICATION_EXISTS");
}

/* ---- installation ---- */

static json_t *report(const char *result, const char *digest)
{
	return json_pack("{s:s, s:s, s:s, s:[s], s:s, s:s}", "result", result, "token_serial", "a1",
		"workstation", "ws-1", "certificate_sha256", digest, "started_at",
		"2026-11-22T08:00:00Z", "finished_at", "2026-11-22T08:00:01Z");
}

static void an_installation_names_the_issued_certificates(void **state)
{
	struct world *world = *state;

	walk(world, WALK_APPROVED);
	(void)on(world, "POST", "install-reports", report("installed", "00"));
	assert_problem(&world->client, 422, "INSTALL_MISMATCH");
	assert_int_equal(on(world, "POST", "install-reports", report("pin_incorrect", "00")), 201);
	assert_string_equal(sim_client_text(&world->client, "state"), "issued");
	(void)on(world, "POST", "install-reports", json_pack("{s:s}", "result", "installed"));
	assert_problem(&world->client, 422, "FIELD_INVALID");
	assert_int_equal(sim_client_ledger(&world->client, "installed"), 0);
}

static void an_installed_certificate_takes_the_old_ones_place(void **state)
{
	struct world *world = *state;
	const json_t *items;

	walk(world, WALK_INSTALLED);
	assert_string_equal(sim_client_text(&world->client, "state"), "installed");
	(void)sim_client_call(&world->client, "GET", "/v1/certificates", NULL);
	items = json_object_get(world->client.reply, "items");
	assert_int_equal(json_array_size(items), 2);
	assert_string_equal(json_peek_text(json_array_get(items, 0), "status"), "superseded");
	assert_string_equal(json_peek_text(json_array_get(items, 1), "status"), "valid");
	(void)sim_client_call(&world->client, "POST", "/v1/applications",
		json_pack("{s:s, s:s, s:s}", "client_ref", "ref-again", "certificate_id",
			world->journey.certificate, "kind", "expiring"));
	assert_problem(&world->client, 409, "STATE_CONFLICT");
	(void)on(world, "POST", "install-reports", report("installed", "00"));
	assert_problem(&world->client, 409, "STATE_CONFLICT");
	assert_int_equal(sim_client_ledger(&world->client, "installed"), 1);
}

static void a_fetched_certificate_is_not_withdrawn(void **state)
{
	struct world *world = *state;

	walk(world, WALK_APPROVED);
	(void)on(world, "POST", "withdraw", NULL);
	assert_problem(&world->client, 409, "STATE_CONFLICT");
}

/* ---- the invoice ---- */

static void the_invoice_follows_the_installation(void **state)
{
	struct world *world = *state;

	walk(world, WALK_APPROVED);
	assert_int_equal(on(world, "GET", "invoice", NULL), 200);
	assert_string_equal(sim_client_text(&world->client, "state"), "none");
	(void)on(world, "POST", "invoice/resend", json_pack("{s:s}", "email", "a@b.cn"));
	assert_problem(&world->client, 409, "STATE_CONFLICT");
}

static void an_invoice_is_sent_with_xml_whose_sums_agree(void **state)
{
	struct world *world = *state;
	const json_t *document;
	OWNED char *xml = NULL;
	char digest[SHA256_HEX];
	size_t len;

	walk(world, WALK_INSTALLED);
	(void)on(world, "GET", "invoice", NULL);
	assert_string_equal(sim_client_text(&world->client, "state"), "issuing");
	(void)on(world, "POST", "invoice/resend", json_pack("{s:s}", "email", "a@b.cn"));
	assert_problem(&world->client, 409, "STATE_CONFLICT");
	world->client.now += CLOCK_SECOND;
	(void)on(world, "GET", "invoice", NULL);
	assert_string_equal(sim_client_text(&world->client, "state"), "sent");
	assert_string_equal(sim_client_text(&world->client, "email"), "finance@example.cn");
	assert_int_equal(strspn(sim_client_text(&world->client, "number"), "0123456789"), 20);
	assert_int_equal(json_peek_number(world->client.reply, "total_fen", 0), 20000);
	document = json_array_get(json_object_get(world->client.reply, "documents"), 0);
	xml = (char *)base64_decode(json_peek_text(document, "data_b64"), &len);
	sha256_hex(digest, xml, len);
	assert_string_equal(json_peek_text(document, "sha256"), digest);
	assert_non_null(strstr(xml, sim_client_text(&world->client, "number")));
	assert_non_null(strstr(xml, "<TotalAmWithoutTax>188.68</TotalAmWithoutTax>"));
	assert_non_null(strstr(xml, "<TotalTaxAm>11.32</TotalTaxAm>"));
	assert_non_null(strstr(xml, "<TotalTax-includedAmount>200.00</TotalTax-includedAmount>"));
	assert_non_null(strstr(xml, "贰佰圆整"));
	assert_non_null(strstr(xml, "<BuyerIdNum>91440101MA59ABCD1X</BuyerIdNum>"));
	assert_int_equal(
		on(world, "POST", "invoice/resend", json_pack("{s:s}", "email", "a@b.cn")), 200);
	assert_string_equal(sim_client_text(&world->client, "email"), "a@b.cn");
	assert_int_equal(sim_client_ledger(&world->client, "invoices"), 1);
}

static void prices_are_written_in_capital_figures(void **state)
{
	static const struct {
		int add_fen;
		const char *words;
	} cases[] = { { 0, "贰佰圆整" }, { 5, "贰佰圆零伍分" }, { 50, "贰佰圆伍角" },
		{ 100, "贰佰零壹圆整" }, { 1000, "贰佰壹拾圆整" },
		{ 1000034, "壹万零贰佰圆叁角肆分" }, { 10000000, "壹拾万零贰佰圆整" } };
	struct world *world = *state;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct sim_journey journey = { 0 };
		OWNED char *target = NULL;
		OWNED char *xml = NULL;
		size_t len;

		(void)sim_client_knob(
			&world->client, "price_add_fen", json_integer(cases[i].add_fen));
		assert_int_equal(
			sim_client_enrol(&world->client, journey.certificate, world_public_pem,
				"both", world->client.now + 20 * CLOCK_DAY),
			201);
		assert_true(sim_client_walk(&world->client, &journey, WALK_PAYING));
		invoice_make(world->client.sim,
			sim_find(world->client.sim, "applications", journey.application), "", NOON);
		target = text_dupf("/v1/applications/%s/invoice", journey.application);
		assert_int_equal(sim_client_call(&world->client, "GET", target, NULL), 200);
		xml = (char *)base64_decode(
			json_peek_text(
				json_array_get(
					json_object_get(world->client.reply, "documents"), 0),
				"data_b64"),
			&len);
		assert_non_null(strstr(xml, cases[i].words));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(before_approval_there_is_no_issuance),
		WORLD_TEST(the_new_certificate_keeps_key_subject_and_use_and_ends_a_year_later),
		WORLD_TEST(an_expired_certificates_successor_counts_from_now),
		WORLD_TEST(an_ec_key_is_certified_by_the_ec_authority),
		WORLD_TEST(a_pair_is_one_application_one_fee_and_two_certificates),
		WORLD_TEST(the_other_certificate_of_a_pair_is_taken_too),
		WORLD_TEST(an_installation_names_the_issued_certificates),
		WORLD_TEST(an_installed_certificate_takes_the_old_ones_place),
		WORLD_TEST(a_fetched_certificate_is_not_withdrawn),
		WORLD_TEST(the_invoice_follows_the_installation),
		WORLD_TEST(an_invoice_is_sent_with_xml_whose_sums_agree),
		WORLD_TEST(prices_are_written_in_capital_figures),
	};

	return cmocka_run_group_tests_name("simulator: issuance", tests, world_make, world_drop);
}
