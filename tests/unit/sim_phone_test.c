/* SPDX-License-Identifier: Apache-2.0 */
/* What can happen between a QR and its confirmation, and bindings that are kept: other accounts, other
 * certificates, several at once, a counter. */
#include "tests/unit/sim_world.h"

static json_t *name_of(const struct world *world, const char *id)
{
	const json_t *record = sim_find(world->client.sim, "certificates", id);

	return json_pack("{s:s, s:s}", "issuer_sha256", json_peek_text(record, "issuer_sha256"),
		"serial", json_peek_text(record, "serial"));
}

/* A QR for the world's certificate under CLIENT_REF; its target (owned). */
static char *qr(struct world *world, const char *client_ref)
{
	assert_int_equal(sim_client_call(&world->client, "POST", "/v1/bindings",
				 json_pack("{s:s, s:o}", "client_ref", client_ref, "certificate",
					 name_of(world, world->journey.certificate))),
		201);
	return text_dup(world->client.answer.location);
}

/* The phone acts on the last binding. */
static int phone(struct world *world, const char *action)
{
	OWNED char *qr_text = text_dup(sim_client_text(&world->client, "qr_text"));

	return sim_client_control(&world->client, "POST", "/sim/phone",
		json_pack("{s:s, s:s}", "qr_text", qr_text, "action", action));
}

static const char *state_at(struct world *world, const char *target)
{
	assert_int_equal(sim_client_call(&world->client, "GET", target, NULL), 200);
	return sim_client_text(&world->client, "state");
}

static const char *failure(const struct world *world)
{
	const char *code = json_peek_text(json_object_get(world->client.reply, "failed"), "code");

	return code == NULL ? "" : code;
}

static const json_t *shown(const struct world *world, size_t which)
{
	return json_array_get(json_object_get(world->client.reply, "certificates"), which);
}

static void another_account_cannot_confirm(void **state)
{
	struct world *world = *state;
	OWNED char *target = NULL;

	world_knob(world, "scan_other_account", json_pack("{s:b}", "once", 1));
	target = qr(world, "ref-000001");
	assert_int_equal(phone(world, "scan"), 409);
	assert_string_equal(sim_client_text(&world->client, "code"), "BINDING_OTHER_ACCOUNT");
	assert_string_equal(state_at(world, target), "cancelled");
	assert_string_equal(failure(world), "BINDING_OTHER_ACCOUNT");
	free(target);
	target = qr(world, "ref-000002");
	assert_int_equal(phone(world, "confirm"), 200);
	assert_string_equal(state_at(world, target), "confirmed");
	assert_string_equal(sim_client_text(&world->client, "via"), "qr");
}

static void a_phone_may_say_so_itself(void **state)
{
	struct world *world = *state;
	OWNED char *target = qr(world, "ref-000001");

	assert_int_equal(phone(world, "other_account"), 409);
	assert_string_equal(state_at(world, target), "cancelled");
	assert_string_equal(failure(world), "BINDING_OTHER_ACCOUNT");
	(void)sim_client_control(&world->client, "GET", "/sim/ledger", NULL);
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "refused")), 1);
}

static void a_cancelled_confirmation_binds_nothing(void **state)
{
	struct world *world = *state;
	OWNED char *target = NULL;

	world_knob(world, "cancel_at_confirm", json_true());
	target = qr(world, "ref-000001");
	assert_int_equal(phone(world, "scan"), 200);
	assert_string_equal(state_at(world, target), "scanned");
	assert_int_equal(phone(world, "confirm"), 200);
	assert_string_equal(state_at(world, target), "cancelled");
	assert_string_equal(failure(world), "BINDING_CANCELLED");
	(void)sim_client_call(&world->client, "GET", "/v1/certificates", NULL);
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "items")), 0);
}

static void an_expired_qr_says_why(void **state)
{
	struct world *world = *state;
	OWNED char *target = NULL;

	world_knob(world, "qr_expires_s", json_integer(60));
	target = qr(world, "ref-000001");
	world->client.now += 60 * CLOCK_SECOND;
	assert_string_equal(state_at(world, target), "expired");
	assert_string_equal(failure(world), "BINDING_EXPIRED");
	assert_null(json_object_get(world->client.reply, "qr_text"));
}

static void the_confirm_page_may_list_another_certificate(void **state)
{
	struct world *world = *state;
	struct sim_journey second = world_second(world);

	world_knob(world, "other_certificate_shown", json_pack("{s:b}", "once", 1));
	free(qr(world, "ref-000001"));
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "certificates")), 1);
	assert_string_equal(json_peek_text(shown(world, 0), "id"), second.certificate);
	assert_int_equal(phone(world, "confirm"), 200);
	(void)sim_client_call(&world->client, "POST", "/v1/applications",
		json_pack("{s:s, s:s, s:s}", "client_ref", "ref-000001", "certificate_id",
			world->journey.certificate, "kind", "expiring"));
	assert_problem(&world->client, 403, "NOT_BOUND");
}

static void a_confirm_page_without_any_other_certificate_is_empty(void **state)
{
	struct world *world = *state;

	world_knob(world, "other_certificate_shown", json_true());
	free(qr(world, "ref-000001"));
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "certificates")), 0);
}

static void media_numbers_may_be_missing(void **state)
{
	struct world *world = *state;
	OWNED char *target = NULL;

	json_put_text(sim_find(world->client.sim, "certificates", world->journey.certificate),
		"media_no", "00613349043C2908");
	target = qr(world, "ref-000001");
	assert_string_equal(json_peek_text(shown(world, 0), "media_no"), "00613349043C2908");
	world_knob(world, "media_no_null", json_true());
	(void)state_at(world, target);
	assert_true(json_is_null(json_object_get(shown(world, 0), "media_no")));
}

static void one_qr_binds_several_certificates(void **state)
{
	struct world *world = *state;
	struct sim_journey second = world_second(world);

	assert_int_equal(sim_client_call(&world->client, "POST", "/v1/bindings",
				 json_pack("{s:s, s:[o, o]}", "client_ref", "ref-000001",
					 "certificates", name_of(world, world->journey.certificate),
					 name_of(world, second.certificate))),
		201);
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "certificates")), 2);
	assert_int_equal(phone(world, "confirm"), 200);
	(void)sim_client_call(&world->client, "GET", "/v1/certificates", NULL);
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "items")), 2);
	assert_int_equal(sim_client_ledger(&world->client, "bindings"), 1);
	(void)sim_client_call(&world->client, "POST", "/v1/bindings",
		json_pack("{s:s, s:[]}", "client_ref", "ref-000002", "certificates"));
	assert_problem(&world->client, 422, "FIELD_INVALID");
}

static void a_valid_binding_is_kept_and_used_again(void **state)
{
	struct world *world = *state;
	OWNED char *first = qr(world, "ref-000001");
	OWNED char *second = NULL;

	assert_int_equal(phone(world, "confirm"), 200);
	second = qr(world, "ref-000002");
	assert_string_equal(sim_client_text(&world->client, "state"), "confirmed");
	assert_string_equal(sim_client_text(&world->client, "via"), "kept");
	assert_null(json_object_get(world->client.reply, "qr_text"));
	assert_string_not_equal(first, second);
	(void)sim_client_call(&world->client, "GET", "/v1/bindings?client_ref=ref-000002", NULL);
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "items")), 1);
	assert_int_equal(sim_client_ledger(&world->client, "bindings"), 1);
	assert_int_equal(sim_client_ledger(&world->client, "reused_bindings"), 1);
}

static void a_binding_made_at_a_counter_needs_no_qr(void **state)
{
	struct world *world = *state;
	OWNED char *target = NULL;

	assert_int_equal(sim_client_control(&world->client, "POST", "/sim/person/counter",
				 json_pack("{s:o}", "serial",
					 world_serial(world, world->journey.certificate))),
		200);
	target = qr(world, "ref-000001");
	assert_string_equal(state_at(world, target), "confirmed");
	assert_int_equal(sim_client_ledger(&world->client, "bindings"), 1);
}

static void a_certificate_of_another_account_gets_no_qr(void **state)
{
	struct world *world = *state;

	assert_int_equal(sim_client_control(&world->client, "POST", "/sim/certificates",
				 json_pack("{s:s, s:b}", "certificate_id",
					 world->journey.certificate, "other_account", 1)),
		200);
	(void)sim_client_call(&world->client, "POST", "/v1/bindings",
		json_pack("{s:s, s:o}", "client_ref", "ref-000001", "certificate",
			name_of(world, world->journey.certificate)));
	assert_problem(&world->client, 409, "BINDING_OTHER_ACCOUNT");
	(void)sim_client_control(&world->client, "POST", "/sim/person/qr",
		json_pack("{s:o}", "serial", world_serial(world, world->journey.certificate)));
	assert_int_equal(world->client.answer.status, 409);
}

/* ---- opening an application ---- */

static int apply(struct world *world, const char *kind)
{
	return sim_client_call(&world->client, "POST", "/v1/applications",
		json_pack("{s:s, s:s, s:s}", "client_ref", "ref-000001", "certificate_id",
			world->journey.certificate, "kind", kind));
}

static void a_certificate_may_expire_between_list_and_application(void **state)
{
	struct world *world = *state;

	world_walk(world, WALK_BOUND);
	world_knob(world, "expire_between_list_and_apply", json_pack("{s:b}", "once", 1));
	(void)apply(world, "expiring");
	assert_problem(&world->client, 409, "KIND_MISMATCH");
	assert_int_equal(apply(world, "expired"), 201);
	assert_string_equal(sim_client_text(&world->client, "next"), "agreement");
	(void)sim_client_call(&world->client, "GET", "/v1/certificates?group=expired", NULL);
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "items")), 1);
}

static void there_may_be_a_window_of_renewal(void **state)
{
	struct world *world = *state;

	world_walk(world, WALK_BOUND);
	world_knob(world, "window_days", json_integer(20));
	(void)apply(world, "expiring");
	assert_problem(&world->client, 409, "NOT_IN_WINDOW");
	assert_string_equal(
		sim_client_text(&world->client, "renewable_from"), "2026-12-02T08:00:00Z");
	world_knob(world, "expired_max_days", json_integer(30));
	world->client.now = NOON + 61 * CLOCK_DAY;
	(void)apply(world, "expired");
	assert_problem(&world->client, 409, "EXPIRED_TOO_LONG");
	world->client.now = NOON + 59 * CLOCK_DAY;
	assert_int_equal(apply(world, "expired"), 201);
}

static void the_agreement_may_have_changed(void **state)
{
	struct world *world = *state;
	json_t *old = sim_body_agreement(&world->client);

	world_walk(world, WALK_DRAFT);
	world_knob(world, "agreement_changes", json_true());
	(void)world_on(world, "PUT", "agreement", json_incref(old));
	assert_problem(&world->client, 409, "AGREEMENT_CHANGED");
	assert_string_equal(
		json_peek_text(json_object_get(world->client.reply, "agreement"), "version"),
		"2026-02");
	(void)world_on(world, "PUT", "agreement", old);
	assert_problem(&world->client, 409, "AGREEMENT_CHANGED");
	assert_int_equal(
		world_on(world, "PUT", "agreement", sim_body_agreement(&world->client)), 200);
	(void)sim_client_call(&world->client, "GET", "/v1/agreements/current", NULL);
	assert_non_null(strstr(sim_client_text(&world->client, "text"), "第1次修订"));
}

static void an_agreement_that_changes_after_acceptance_stops_the_submission(void **state)
{
	struct world *world = *state;
	struct sim_journey second = world_second(world);

	world_walk(world, WALK_COMPLETE);
	world_knob(world, "agreement_changes", json_true());
	(void)sim_client_walk(&world->client, &second, WALK_COMPLETE);
	(void)world_on(world, "POST", "submit", NULL);
	assert_problem(&world->client, 409, "AGREEMENT_CHANGED");
}

static void a_term_may_be_withdrawn(void **state)
{
	struct world *world = *state;

	world_walk(world, WALK_DRAFT);
	world_knob(world, "term_withdrawn", json_integer(1));
	assert_int_equal(world_on(world, "GET", "terms", NULL), 200);
	assert_int_equal(json_array_size(world->client.reply), 2);
	(void)world_on(world, "PUT", "term", json_pack("{s:i}", "years", 1));
	assert_problem(&world->client, 409, "TERM_UNAVAILABLE");
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "terms")), 2);
	assert_int_equal(world_on(world, "PUT", "term", json_pack("{s:i}", "years", 2)), 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(another_account_cannot_confirm),
		WORLD_TEST(a_phone_may_say_so_itself),
		WORLD_TEST(a_cancelled_confirmation_binds_nothing),
		WORLD_TEST(an_expired_qr_says_why),
		WORLD_TEST(the_confirm_page_may_list_another_certificate),
		WORLD_TEST(a_confirm_page_without_any_other_certificate_is_empty),
		WORLD_TEST(media_numbers_may_be_missing),
		WORLD_TEST(one_qr_binds_several_certificates),
		WORLD_TEST(a_valid_binding_is_kept_and_used_again),
		WORLD_TEST(a_binding_made_at_a_counter_needs_no_qr),
		WORLD_TEST(a_certificate_of_another_account_gets_no_qr),
		WORLD_TEST(a_certificate_may_expire_between_list_and_application),
		WORLD_TEST(there_may_be_a_window_of_renewal),
		WORLD_TEST(the_agreement_may_have_changed),
		WORLD_TEST(an_agreement_that_changes_after_acceptance_stops_the_submission),
		WORLD_TEST(a_term_may_be_withdrawn),
	};

	return cmocka_run_group_tests_name("simulator: phone", tests, world_make, world_drop);
}
