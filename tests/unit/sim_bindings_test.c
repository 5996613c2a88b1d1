/* SPDX-License-Identifier: Apache-2.0 */
/* Bindings, the phone, enrolment and the list of certificates. */
#include "tests/unit/sim_world.h"

static json_t *binding_body(const struct world *world, const char *client_ref)
{
	const json_t *record =
		sim_find(world->client.sim, "certificates", world->journey.certificate);

	return json_pack("{s:s, s:{s:s, s:s}}", "client_ref", client_ref, "certificate",
		"issuer_sha256", json_peek_text(record, "issuer_sha256"), "serial",
		json_peek_text(record, "serial"));
}

/* Open a binding; its target (owned) and QR text. */
static char *open_binding(struct world *world, char qr_text[SIM_WORD_TEXT])
{
	assert_int_equal(sim_client_call(&world->client, "POST", "/v1/bindings",
				 binding_body(world, "ref-binding")),
		201);
	assert_string_equal(sim_client_text(&world->client, "state"), "waiting_scan");
	(void)snprintf(qr_text, SIM_WORD_TEXT, "%s", sim_client_text(&world->client, "qr_text"));
	return text_dup(world->client.answer.location);
}

static int phone(struct world *world, const char *qr_text, const char *action)
{
	return sim_client_control(&world->client, "POST", "/sim/phone",
		json_pack("{s:s, s:s}", "qr_text", qr_text, "action", action));
}

static const char *state_at(struct world *world, const char *target)
{
	assert_int_equal(sim_client_call(&world->client, "GET", target, NULL), 200);
	return sim_client_text(&world->client, "state");
}

static void a_scanned_and_confirmed_qr_binds_the_certificate(void **state)
{
	struct world *world = *state;
	char qr_text[SIM_WORD_TEXT];
	OWNED char *target = open_binding(world, qr_text);
	const json_t *certificate;

	assert_string_equal(sim_client_text(&world->client, "expires_at"), "2026-11-22T08:30:00Z");
	assert_int_equal(phone(world, qr_text, "scan"), 200);
	assert_string_equal(state_at(world, target), "scanned");
	assert_int_equal(phone(world, qr_text, "confirm"), 200);
	assert_string_equal(state_at(world, target), "confirmed");
	assert_null(json_peek_text(world->client.reply, "qr_text"));
	certificate = json_array_get(json_object_get(world->client.reply, "certificates"), 0);
	assert_string_equal(json_peek_text(certificate, "id"), world->journey.certificate);
	assert_true(json_is_null(json_object_get(certificate, "media_no")));
	assert_int_equal(sim_client_ledger(&world->client, "bindings"), 1);
}

static void a_qr_is_valid_for_1800_s(void **state)
{
	struct world *world = *state;
	char qr_text[SIM_WORD_TEXT];
	OWNED char *target = open_binding(world, qr_text);

	world->client.now = NOON + 1800 * CLOCK_SECOND - 1;
	assert_string_equal(state_at(world, target), "waiting_scan");
	world->client.now = NOON + 1800 * CLOCK_SECOND;
	assert_string_equal(state_at(world, target), "expired");
	assert_int_equal(phone(world, qr_text, "confirm"), 410);
	assert_string_equal(sim_client_text(&world->client, "code"), "BINDING_EXPIRED");
	(void)sim_client_call(&world->client, "DELETE", target, NULL);
	assert_problem(&world->client, 409, "STATE_CONFLICT");
}

static void the_knob_shortens_the_qr(void **state)
{
	struct world *world = *state;
	char qr_text[SIM_WORD_TEXT];
	OWNED char *target = NULL;

	(void)sim_client_knob(&world->client, "qr_expires_s", json_integer(5));
	target = open_binding(world, qr_text);
	world->client.now += 5 * CLOCK_SECOND;
	assert_string_equal(state_at(world, target), "expired");
}

static void a_cancelled_qr_cannot_be_confirmed(void **state)
{
	struct world *world = *state;
	char qr_text[SIM_WORD_TEXT];
	OWNED char *target = open_binding(world, qr_text);

	assert_int_equal(sim_client_call(&world->client, "DELETE", target, NULL), 200);
	assert_string_equal(sim_client_text(&world->client, "state"), "cancelled");
	assert_int_equal(sim_client_call(&world->client, "DELETE", target, NULL), 200);
	assert_int_equal(phone(world, qr_text, "confirm"), 409);
	assert_string_equal(sim_client_text(&world->client, "code"), "BINDING_CANCELLED");
}

static void the_phone_may_cancel_and_a_confirmed_binding_stays(void **state)
{
	struct world *world = *state;
	char qr_text[SIM_WORD_TEXT];
	OWNED char *target = open_binding(world, qr_text);

	assert_int_equal(phone(world, "https://ca.example/bind?t=none", "confirm"), 404);
	assert_int_equal(phone(world, qr_text, "dance"), 422);
	assert_int_equal(phone(world, qr_text, "confirm"), 200);
	assert_int_equal(phone(world, qr_text, "cancel"), 409);
	(void)sim_client_call(&world->client, "DELETE", target, NULL);
	assert_problem(&world->client, 409, "STATE_CONFLICT");
	assert_string_equal(sim_client_text(&world->client, "state"), "confirmed");
}

static void a_binding_names_a_known_certificate_and_its_medium(void **state)
{
	struct world *world = *state;
	json_t *body = binding_body(world, "ref-binding");
	json_t *record = sim_find(world->client.sim, "certificates", world->journey.certificate);

	json_put_text(json_object_get(body, "certificate"), "serial", "00");
	(void)sim_client_call(&world->client, "POST", "/v1/bindings", body);
	assert_problem(&world->client, 404, "CERT_UNKNOWN");
	body = binding_body(world, "ref-binding");
	json_object_del(body, "certificate");
	(void)sim_client_call(&world->client, "POST", "/v1/bindings", body);
	assert_problem(&world->client, 422, "FIELD_INVALID");
	json_put_text(record, "media_no", "00613349043C2908");
	body = binding_body(world, "ref-binding");
	json_put_text(body, "media_no", "00613349043C2909");
	(void)sim_client_call(&world->client, "POST", "/v1/bindings", body);
	assert_problem(&world->client, 422, "MEDIA_MISSING");
	body = binding_body(world, "ref-binding");
	json_put_text(body, "media_no", "00613349043C2908");
	assert_int_equal(sim_client_call(&world->client, "POST", "/v1/bindings", body), 201);
}

static void a_bindings_client_ref_is_used_once_and_found_again(void **state)
{
	struct world *world = *state;
	char qr_text[SIM_WORD_TEXT];
	OWNED char *id = NULL;
	const json_t *items;

	free(open_binding(world, qr_text));
	id = text_dup(sim_client_text(&world->client, "id"));
	(void)sim_client_call(
		&world->client, "POST", "/v1/bindings", binding_body(world, "ref-binding"));
	assert_problem(&world->client, 409, "CLIENT_REF_USED");
	assert_string_equal(sim_client_text(&world->client, "binding_id"), id);
	(void)sim_client_call(&world->client, "GET", "/v1/bindings?client_ref=ref-binding", NULL);
	items = json_object_get(world->client.reply, "items");
	assert_int_equal(json_array_size(items), 1);
	assert_string_equal(json_peek_text(json_array_get(items, 0), "id"), id);
}

static size_t count_of(struct world *world, const char *target)
{
	assert_int_equal(sim_client_call(&world->client, "GET", target, NULL), 200);
	return json_array_size(json_object_get(world->client.reply, "items"));
}

static void only_bound_certificates_are_listed_and_filters_hold(void **state)
{
	struct world *world = *state;

	assert_int_equal(count_of(world, "/v1/certificates"), 0);
	assert_true(sim_client_walk(&world->client, &world->journey, WALK_BOUND));
	assert_int_equal(count_of(world, "/v1/certificates"), 1);
	assert_int_equal(count_of(world, "/v1/certificates?group=expiring"), 1);
	assert_int_equal(count_of(world, "/v1/certificates?group=expired"), 0);
	assert_int_equal(count_of(world, "/v1/certificates?serial=00"), 0);
	assert_int_equal(
		count_of(world, "/v1/certificates?not_after_before=2026-12-22T08%3A00%3A00Z"), 0);
	assert_int_equal(
		count_of(world, "/v1/certificates?not_after_before=2026-12-22T16:00:01%2B08:00"),
		1);
	(void)sim_client_call(
		&world->client, "GET", "/v1/certificates?not_after_before=soon", NULL);
	assert_problem(&world->client, 422, "FIELD_INVALID");
	world->client.now = NOON + 31 * CLOCK_DAY;
	assert_int_equal(count_of(world, "/v1/certificates?group=expired"), 1);
}

static void pages_are_cut_by_limit_and_go_on_by_cursor(void **state)
{
	struct world *world = *state;
	OWNED char *next = NULL;

	for (int i = 0; i < 3; i++) {
		OWNED char *client_ref = text_dupf("ref-page-%d", i);

		assert_int_equal(sim_client_call(&world->client, "POST", "/v1/bindings",
					 binding_body(world, client_ref)),
			201);
	}
	assert_int_equal(count_of(world, "/v1/bindings?limit=2"), 2);
	next = text_dupf(
		"/v1/bindings?limit=2&cursor=%s", sim_client_text(&world->client, "next_cursor"));
	assert_int_equal(count_of(world, next), 1);
	assert_true(json_is_null(json_object_get(world->client.reply, "next_cursor")));
	(void)sim_client_call(&world->client, "GET", "/v1/bindings?limit=0", NULL);
	assert_problem(&world->client, 422, "FIELD_INVALID");
	(void)sim_client_call(&world->client, "GET", "/v1/bindings?limit=201", NULL);
	assert_problem(&world->client, 422, "FIELD_INVALID");
}

/* ---- enrolment ---- */

static int enrol_with(struct world *world, const char *key, const char *value)
{
	json_t *body = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "holder", "某单位", "uscc",
		"91440101MA59ABCD1X", "service", "政务服务", "key_spki", world_public_pem, "usage",
		"sign", "not_before", "2025-11-22T00:00:00Z", "not_after", "2026-12-01T00:00:00Z");

	json_put_text(body, key, value);
	return sim_client_control(&world->client, "POST", "/sim/enrol", body);
}

static void an_enrolment_that_makes_no_sense_is_refused(void **state)
{
	struct world *world = *state;

	assert_int_equal(enrol_with(world, "usage", "sign"), 201);
	assert_int_equal(enrol_with(world, "usage", "other"), 422);
	assert_int_equal(enrol_with(world, "holder", ""), 422);
	assert_int_equal(enrol_with(world, "not_after", "soon"), 422);
	assert_int_equal(enrol_with(world, "pair_of", "cert_none"), 404);
	assert_int_equal(enrol_with(world, "key_spki", "no key"), 422);
	assert_string_equal(sim_client_text(&world->client, "code"), "CSR_BAD");
	assert_int_equal(enrol_with(world, "algorithm", "ec256"), 422);
	assert_int_equal(enrol_with(world, "algorithm", "rsa2048"), 201);
	assert_int_equal(
		enrol_with(world, "holder",
			"很长的名字很长的名字很长的名字很长的名字很长的名字很长的名字很长的名字很长的名字"
			"很长的名字很长的名字很长的名字很长的名字很长的名字很长的名字"),
		422);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_scanned_and_confirmed_qr_binds_the_certificate),
		WORLD_TEST(a_qr_is_valid_for_1800_s),
		WORLD_TEST(the_knob_shortens_the_qr),
		WORLD_TEST(a_cancelled_qr_cannot_be_confirmed),
		WORLD_TEST(the_phone_may_cancel_and_a_confirmed_binding_stays),
		WORLD_TEST(a_binding_names_a_known_certificate_and_its_medium),
		WORLD_TEST(a_bindings_client_ref_is_used_once_and_found_again),
		WORLD_TEST(only_bound_certificates_are_listed_and_filters_hold),
		WORLD_TEST(pages_are_cut_by_limit_and_go_on_by_cursor),
		WORLD_TEST(an_enrolment_that_makes_no_sense_is_refused),
	};

	return cmocka_run_group_tests_name("simulator: bindings", tests, world_make, world_drop);
}
