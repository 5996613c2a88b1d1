/* SPDX-License-Identifier: Apache-2.0 */
/* A person on NETCA's pages: binding, one sitting from agreement to remittance, refusals, correction,
 * installation, invoice; and the ledger that counts all of it. */
#include "tests/unit/sim_world.h"

static int person(struct world *world, const char *page, json_t *body)
{
	OWNED char *target = text_dupf("/sim/person/%s", page);

	return sim_client_control(&world->client, "POST", target, body);
}

static int look(struct world *world, const char *page)
{
	OWNED char *target = text_dupf("/sim/person/%s", page);

	return sim_client_control(&world->client, "GET", target, NULL);
}

static const char *serial(const struct world *world)
{
	return json_peek_text(
		sim_find(world->client.sim, "certificates", world->journey.certificate), "serial");
}

static const char *code(const struct world *world)
{
	return sim_client_text(&world->client, "code");
}

static void bind(struct world *world)
{
	assert_int_equal(person(world, "bind", json_pack("{s:s}", "serial", serial(world))), 200);
	assert_string_equal(sim_client_text(&world->client, "state"), "confirmed");
}

/* Transfer 200.00 to the CA now; the time as the bank writes it (owned). */
static char *transfer(struct world *world)
{
	OWNED char *file = sim_payment_file("PO1", 20000, "XQ7K3M9T2B22");

	assert_int_equal(sim_client_post(&world->client, "/sim/bank/execute", file), 200);
	return text_dup("20261122 16:00:00");
}

/* What a person types in one sitting. */
static json_t *sitting(const struct world *world, const char *paid_at)
{
	return json_pack("{s:s, s:s, s:i, s:b, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "serial",
		serial(world), "agreement", "2026-01", "years", 1, "statement", 1, "handler_name",
		"王芳", "mobile", "13800138000", "email", "wangfang@example.cn", "payer_account",
		"44050167000000001234", "payer_name", "广州市某某科技有限公司", "amount", "200.00",
		"paid_at", paid_at);
}

/* Apply with BODY (taken); the status, and the number into the journey's application. */
static int apply(struct world *world, json_t *body)
{
	int status = person(world, "apply", body);

	(void)snprintf(world->journey.application, SIM_ID_TEXT, "%s",
		sim_client_text(&world->client, "application_no"));
	return status;
}

static int look_at(struct world *world)
{
	OWNED char *page = text_dupf("applications/%s", world->journey.application);

	return look(world, page);
}

static const char *state_now(struct world *world)
{
	assert_int_equal(look_at(world), 200);
	return sim_client_text(&world->client, "state");
}

static json_t *numbered(const struct world *world)
{
	return json_pack("{s:s}", "application_no", world->journey.application);
}

/* ---- the way through ---- */

static void one_sitting_leads_to_a_certificate_and_an_invoice(void **state)
{
	struct world *world = *state;
	OWNED char *paid_at = NULL, *mail = NULL;
	const json_t *fresh;
	struct fault fault;

	bind(world);
	paid_at = transfer(world);
	assert_int_equal(apply(world, sitting(world, paid_at)), 201);
	assert_string_equal(sim_client_text(&world->client, "state"), "paid");
	assert_int_equal(json_peek_number(world->client.reply, "price_fen", 0), 20000);
	assert_int_equal(strlen(world->journey.application), 16);
	world->client.now += CLOCK_SECOND;
	assert_string_equal(state_now(world), "approved");
	assert_non_null(strstr(sim_client_text(&world->client, "sms"), "已审核通过"));
	assert_non_null(strstr(sim_client_text(&world->client, "sms"), world->journey.application));
	assert_int_equal(person(world, "install", numbered(world)), 200);
	fresh = json_array_get(json_object_get(world->client.reply, "certificates"), 0);
	assert_string_equal(json_peek_text(fresh, "not_after"), "2027-12-22T08:00:00Z");
	{
		const char *pem = json_peek_text(fresh, "pem");
		CLEANUP(cert_freep) X509 *x509 = cert_from_pem(pem, strlen(pem), &fault);

		assert_non_null(x509);
	}
	world->client.now += CLOCK_SECOND;
	mail = text_dupf("invoice?application_no=%s", world->journey.application);
	assert_int_equal(look(world, mail), 200);
	assert_int_equal(json_peek_number(world->client.reply, "total_fen", 0), 20000);
	assert_string_equal(sim_client_text(&world->client, "email"), "wangfang@example.cn");
	assert_int_equal(sim_client_ledger(&world->client, "applications"), 1);
	assert_int_equal(sim_client_ledger(&world->client, "declared"), 1);
	assert_int_equal(sim_client_ledger(&world->client, "verified"), 1);
	assert_int_equal(sim_client_ledger(&world->client, "installed"), 1);
	assert_int_equal(sim_client_ledger(&world->client, "bindings"), 1);
}

static void the_page_shows_what_a_card_needs(void **state)
{
	struct world *world = *state;
	OWNED char *page = text_dupf("page?serial=%s", serial(world));
	const json_t *certificate;

	world_knob(world, "price_add_fen", json_integer(500));
	assert_int_equal(look(world, page), 200);
	certificate = json_object_get(world->client.reply, "certificate");
	assert_string_equal(json_peek_text(certificate, "media_no"), "--");
	assert_string_equal(json_peek_text(certificate, "valid_until"), "2026-12-22 16:00:00");
	assert_string_equal(sim_client_text(&world->client, "kind"), "expiring");
	assert_non_null(json_peek_text(json_object_get(world->client.reply, "agreement"), "text"));
	assert_int_equal(
		json_peek_number(json_array_get(json_object_get(world->client.reply, "terms"), 0),
			"price_fen", 0),
		20500);
	assert_int_equal(look(world, "page?serial=00"), 404);
}

static void an_expired_certificate_needs_its_attachment(void **state)
{
	struct world *world = *state;
	OWNED char *paid_at = NULL;
	json_t *body;

	world->client.now = NOON + 40 * CLOCK_DAY;
	bind(world);
	free(transfer(world));
	paid_at = text_dup("2027-01-01 16:00:00");
	body = sitting(world, paid_at);
	assert_int_equal(apply(world, json_deep_copy(body)), 422);
	assert_string_equal(code(world), "ATTACHMENT_MISSING");
	assert_int_equal(sim_client_ledger(&world->client, "applications"), 0);
	json_object_set_new(body, "attachments", json_pack("[o]", sim_body_attachment()));
	assert_int_equal(apply(world, body), 201);
	assert_string_equal(sim_client_text(&world->client, "state"), "paid");
	assert_int_equal(sim_client_ledger(&world->client, "applications"), 1);
}

static void several_are_bound_in_one_sitting(void **state)
{
	struct world *world = *state;
	struct sim_journey second = world_second(world);

	assert_int_equal(person(world, "bind",
				 json_pack("{s:[s, o]}", "serials", serial(world),
					 world_serial(world, second.certificate))),
		200);
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "certificates")), 2);
	assert_int_equal(sim_client_ledger(&world->client, "bindings"), 1);
}

static void a_qr_of_the_page_is_scanned_by_the_phone(void **state)
{
	struct world *world = *state;
	OWNED char *qr_text = NULL;

	assert_int_equal(person(world, "qr", json_pack("{s:s}", "serial", serial(world))), 200);
	qr_text = text_dup(sim_client_text(&world->client, "qr_text"));
	assert_int_equal(sim_client_control(&world->client, "POST", "/sim/phone",
				 json_pack("{s:s, s:s}", "qr_text", qr_text, "action", "confirm")),
		200);
	/* A person's binding is not the account's of the contract. */
	(void)sim_client_call(&world->client, "GET", "/v1/certificates", NULL);
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "items")), 0);
	(void)sim_client_call(&world->client, "GET", "/v1/bindings", NULL);
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "items")), 0);
}

/* ---- refusals ---- */

static void a_sitting_that_is_refused_leaves_no_application(void **state)
{
	static const struct {
		const char *key;
		const char *value; /* JSON */
		int status;
		const char *code;
	} cases[] = { { "agreement", "\"2025-12\"", 409, "AGREEMENT_CHANGED" },
		{ "years", "9", 409, "TERM_UNAVAILABLE" },
		{ "price_fen", "19000", 409, "PRICE_CHANGED" },
		{ "statement", "false", 422, "INTENT_INCOMPLETE" },
		{ "mobile", "\"12\"", 422, "HANDLER_MOBILE_INVALID" },
		{ "serial", "\"00\"", 404, "CERT_UNKNOWN" } };
	struct world *world = *state;
	OWNED char *paid_at = NULL;

	assert_int_equal(apply(world, sitting(world, "20261122 16:00:00")), 403);
	assert_string_equal(code(world), "NOT_BOUND");
	bind(world);
	paid_at = transfer(world);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		json_t *body = sitting(world, paid_at);

		json_object_set_new(
			body, cases[i].key, json_loads(cases[i].value, JSON_DECODE_ANY, NULL));
		assert_int_equal(apply(world, body), cases[i].status);
		assert_string_equal(code(world), cases[i].code);
	}
	assert_int_equal(sim_client_ledger(&world->client, "applications"), 0);
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "refused")),
		COUNT_OF(cases) + 1);
	assert_int_equal(json_peek_number(json_object_get(world->client.reply, "attempts"),
				 "POST /sim/person/apply", 0),
		COUNT_OF(cases) + 1);
	assert_int_equal(apply(world, sitting(world, paid_at)), 201);
}

static void a_page_refuses_what_the_knob_says(void **state)
{
	struct world *world = *state;
	OWNED char *paid_at = NULL;

	bind(world);
	paid_at = transfer(world);
	world_knob(world, "refuse",
		json_pack("{s:s, s:s, s:s, s:s, s:i}", "value", "expired_too_long", "method",
			"POST", "path", "/sim/person/apply", "serial", serial(world), "times", 1));
	assert_int_equal(apply(world, sitting(world, paid_at)), 409);
	assert_string_equal(code(world), "EXPIRED_TOO_LONG");
	assert_int_equal(apply(world, sitting(world, paid_at)), 201);
}

static void a_second_sitting_for_one_certificate_is_refused(void **state)
{
	struct world *world = *state;
	OWNED char *paid_at = NULL, *number = NULL;

	bind(world);
	paid_at = transfer(world);
	assert_int_equal(apply(world, sitting(world, paid_at)), 201);
	number = text_dup(world->journey.application);
	assert_int_equal(apply(world, sitting(world, paid_at)), 409);
	assert_string_equal(code(world), "APPLICATION_EXISTS");
	assert_string_equal(sim_client_text(&world->client, "application_no"), number);
	assert_int_equal(sim_client_ledger(&world->client, "applications"), 1);
	assert_int_equal(sim_client_ledger(&world->client, "payments"), 1);
}

static void the_contract_and_a_person_share_one_application(void **state)
{
	struct world *world = *state;
	OWNED char *paid_at = NULL, *target = NULL;

	bind(world);
	paid_at = transfer(world);
	assert_int_equal(apply(world, sitting(world, paid_at)), 201);
	target = text_dupf("/v1/applications/%s", sim_client_text(&world->client, "id"));
	(void)sim_client_call(&world->client, "GET", target, NULL);
	assert_problem(&world->client, 404, "NOT_FOUND");
	(void)sim_client_call(&world->client, "GET", "/v1/applications", NULL);
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "items")), 0);
	assert_true(sim_client_walk(&world->client, &world->journey, WALK_BOUND));
	(void)sim_client_call(&world->client, "POST", "/v1/applications",
		json_pack("{s:s, s:s, s:s}", "client_ref", "ref-000001", "certificate_id",
			world->journey.certificate, "kind", "expiring"));
	assert_problem(&world->client, 409, "APPLICATION_EXISTS");
}

static void a_wrong_remittance_is_typed_again(void **state)
{
	struct world *world = *state;
	OWNED char *paid_at = NULL;
	json_t *body;

	bind(world);
	paid_at = transfer(world);
	body = sitting(world, paid_at);
	json_put_text(body, "payer_name", "广州市某某科技公司");
	assert_int_equal(apply(world, body), 422);
	assert_string_equal(code(world), "REMITTANCE_MISMATCH");
	assert_string_equal(sim_client_text(&world->client, "reason"), "payer_name");
	assert_string_equal(sim_client_text(&world->client, "state"), "awaiting_payment");
	assert_int_equal(strlen(world->journey.application), 16);
	(void)sim_client_control(&world->client, "GET", "/sim/ledger", NULL);
	assert_int_equal(
		json_peek_number(json_array_get(json_object_get(world->client.reply, "refused"), 0),
			"attempts", 0),
		1);
	body = sitting(world, "2026-11-22 16:00");
	json_put_text(body, "application_no", world->journey.application);
	assert_int_equal(person(world, "remit", body), 200);
	assert_string_equal(sim_client_text(&world->client, "state"), "paid");
	assert_int_equal(sim_client_ledger(&world->client, "applications"), 1);
	assert_int_equal(sim_client_ledger(&world->client, "payments"), 1);
}

static void a_time_is_as_precise_as_it_was_typed(void **state)
{
	static const struct {
		const char *text;
		int status;
	} cases[] = { { "2026-11-22", 201 }, { "2026-11-22 16:00", 201 },
		{ "2026/11/22 16:00:00", 201 }, { "2026-11-22T08:00:00Z", 201 },
		{ "2026-11-22 16:01", 422 }, { "22 November", 422 }, { "2026-11-22 16", 422 } };
	struct world *world = *state;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		world->journey = world_second(world);
		bind(world);
		free(transfer(world));
		assert_int_equal(apply(world, sitting(world, cases[i].text)), cases[i].status);
	}
}

static void a_binding_may_fail_at_the_phone(void **state)
{
	struct world *world = *state;

	assert_int_equal(person(world, "bind",
				 json_pack("{s:s, s:s}", "serial", serial(world), "action",
					 "other_account")),
		409);
	assert_string_equal(code(world), "BINDING_OTHER_ACCOUNT");
	assert_int_equal(
		person(world, "bind",
			json_pack("{s:s, s:s}", "serial", serial(world), "action", "cancel")),
		200);
	assert_string_equal(sim_client_text(&world->client, "state"), "cancelled");
	assert_int_equal(apply(world, sitting(world, "20261122 16:00:00")), 403);
}

/* ---- after the sitting ---- */

static void a_person_may_pay_by_wechat(void **state)
{
	struct world *world = *state;
	OWNED char *code_url = NULL;
	json_t *body = sitting(world, "20261122 16:00:00");

	bind(world);
	json_put_text(body, "method", "wechat_pay");
	assert_int_equal(apply(world, body), 201);
	assert_string_equal(sim_client_text(&world->client, "state"), "awaiting_payment");
	code_url = text_dup(
		json_peek_text(json_object_get(world->client.reply, "payment"), "code_url"));
	assert_int_equal(sim_client_control(&world->client, "POST", "/sim/phone",
				 json_pack("{s:s, s:s}", "code_url", code_url, "action", "pay")),
		200);
	assert_string_equal(state_now(world), "paid");
}

static void a_correction_is_made_on_the_page(void **state)
{
	struct world *world = *state;
	OWNED char *paid_at = NULL;
	json_t *body;

	world_knob(world, "review", json_string("correctable"));
	bind(world);
	paid_at = transfer(world);
	assert_int_equal(apply(world, sitting(world, paid_at)), 201);
	world->client.now += CLOCK_SECOND;
	assert_string_equal(state_now(world), "correction_required");
	assert_non_null(strstr(sim_client_text(&world->client, "sms"), "补正"));
	assert_int_equal(person(world, "correct", numbered(world)), 422);
	body = sitting(world, paid_at);
	json_put_text(body, "application_no", world->journey.application);
	json_object_del(body, "agreement");
	assert_int_equal(person(world, "correct", body), 200);
	world->client.now += CLOCK_SECOND;
	assert_string_equal(state_now(world), "approved");
}

static void a_rejection_and_a_withdrawal_bring_the_money_back(void **state)
{
	struct world *world = *state;
	OWNED char *paid_at = NULL;

	world_knob(world, "review", json_pack("{s:s, s:i}", "value", "final", "times", 1));
	bind(world);
	paid_at = transfer(world);
	assert_int_equal(apply(world, sitting(world, paid_at)), 201);
	world->client.now += CLOCK_SECOND;
	assert_string_equal(state_now(world), "rejected");
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "refund_ids")), 1);
	world->client.now = NOON;
	free(transfer(world));
	assert_int_equal(apply(world, sitting(world, paid_at)), 201);
	assert_int_equal(person(world, "withdraw", numbered(world)), 200);
	assert_string_equal(sim_client_text(&world->client, "state"), "withdrawn");
	assert_int_equal(sim_client_ledger(&world->client, "refunds"), 2);
	assert_int_equal(sim_client_ledger(&world->client, "withdrawals"), 1);
}

static void installation_waits_for_approval_and_happens_once(void **state)
{
	struct world *world = *state;
	OWNED char *paid_at = NULL;

	assert_int_equal(
		person(world, "install", json_pack("{s:s}", "serial", serial(world))), 409);
	assert_string_equal(code(world), "ISSUANCE_NOT_READY");
	bind(world);
	paid_at = transfer(world);
	assert_int_equal(apply(world, sitting(world, paid_at)), 201);
	assert_int_equal(person(world, "install", numbered(world)), 409);
	assert_string_equal(code(world), "ISSUANCE_NOT_READY");
	world->client.now += CLOCK_SECOND;
	world_knob(world, "issue_wrong", json_pack("{s:s, s:i}", "value", "truncated", "times", 1));
	assert_int_equal(person(world, "install", numbered(world)), 422);
	assert_string_equal(code(world), "INSTALL_MISMATCH");
	assert_int_equal(
		person(world, "install", json_pack("{s:s}", "serial", serial(world))), 200);
	assert_int_equal(person(world, "install", numbered(world)), 409);
	assert_int_equal(sim_client_ledger(&world->client, "installed"), 1);
	assert_int_equal(look(world, "applications"), 200);
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "items")), 1);
}

static void what_a_person_does_is_not_told_to_webhooks(void **state)
{
	struct world *world = *state;
	struct sim_delivery delivery;

	assert_int_equal(sim_client_call(&world->client, "POST", "/v1/webhooks",
				 json_pack("{s:s, s:[s]}", "url", "http://x", "events", "*")),
		201);
	bind(world);
	free(transfer(world));
	assert_int_equal(apply(world, sitting(world, "20261122 16:00:00")), 201);
	assert_false(sim_delivery_take(world->client.sim, world->client.now, &delivery));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(one_sitting_leads_to_a_certificate_and_an_invoice),
		WORLD_TEST(the_page_shows_what_a_card_needs),
		WORLD_TEST(an_expired_certificate_needs_its_attachment),
		WORLD_TEST(several_are_bound_in_one_sitting),
		WORLD_TEST(a_qr_of_the_page_is_scanned_by_the_phone),
		WORLD_TEST(a_sitting_that_is_refused_leaves_no_application),
		WORLD_TEST(a_page_refuses_what_the_knob_says),
		WORLD_TEST(a_second_sitting_for_one_certificate_is_refused),
		WORLD_TEST(the_contract_and_a_person_share_one_application),
		WORLD_TEST(a_wrong_remittance_is_typed_again),
		WORLD_TEST(a_time_is_as_precise_as_it_was_typed),
		WORLD_TEST(a_binding_may_fail_at_the_phone),
		WORLD_TEST(a_person_may_pay_by_wechat),
		WORLD_TEST(a_correction_is_made_on_the_page),
		WORLD_TEST(a_rejection_and_a_withdrawal_bring_the_money_back),
		WORLD_TEST(installation_waits_for_approval_and_happens_once),
		WORLD_TEST(what_a_person_does_is_not_told_to_webhooks),
	};

	return cmocka_run_group_tests_name("simulator: person", tests, world_make, world_drop);
}
