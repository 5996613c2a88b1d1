/* SPDX-License-Identifier: Apache-2.0 */
/* The review and what comes of it: silence, correction and resubmission, rejection, withdrawal, a
 * certificate that is revoked or put on hold meanwhile. */
#include "tests/unit/sim_world.h"

static void wait_s(struct world *world, int64_t seconds)
{
	world->client.now += seconds * CLOCK_SECOND;
}

static const char *refund_state(struct world *world)
{
	OWNED char *target = text_dupf("/v1/refunds?application=%s", world->journey.application);

	assert_int_equal(sim_client_call(&world->client, "GET", target, NULL), 200);
	return json_peek_text(
		json_array_get(json_object_get(world->client.reply, "items"), 0), "state");
}

static int64_t ledger(struct world *world, const char *list)
{
	return sim_client_ledger(&world->client, list);
}

static int befall(struct world *world, const char *status)
{
	return sim_client_control(&world->client, "POST", "/sim/certificates",
		json_pack("{s:s, s:s}", "certificate_id", world->journey.certificate, "status",
			status));
}

/* ---- silence ---- */

static void a_silent_review_stays_until_the_knob_is_off(void **state)
{
	struct world *world = *state;

	world_knob(world, "review", json_string("silent"));
	world_walk(world, WALK_VERIFIED);
	for (int day = 0; day < 25; day++) {
		assert_string_equal(world_state(world), day == 0 ? "paid" : "in_review");
		wait_s(world, 86400);
	}
	(void)world_on(world, "GET", "issuance", NULL);
	assert_problem(&world->client, 409, "ISSUANCE_NOT_READY");
	world_knob(world, "review", json_false());
	assert_string_equal(world_state(world), "approved");
}

static void a_silence_may_have_its_length(void **state)
{
	struct world *world = *state;

	world_knob(world, "review",
		json_pack("{s:s, s:i, s:i}", "value", "silent", "s", 7200, "times", 1));
	world_walk(world, WALK_VERIFIED);
	wait_s(world, 7200);
	assert_string_equal(world_state(world), "in_review");
	wait_s(world, 1);
	assert_string_equal(world_state(world), "approved");
}

/* ---- correction ---- */

static void correction_names_its_fields_and_freezes_the_others(void **state)
{
	struct world *world = *state;
	const json_t *reason;

	world_knob(world, "review", json_string("correctable"));
	world_walk(world, WALK_VERIFIED);
	wait_s(world, 1);
	assert_string_equal(world_state(world), "correction_required");
	reason = json_array_get(json_object_get(world->client.reply, "reasons"), 0);
	assert_string_equal(json_peek_text(reason, "path"), "intent.handler");
	assert_string_equal(sim_client_text(&world->client, "next"), "intent");
	assert_string_equal(sim_client_text(&world->client, "fix_by"), "2026-11-27T08:00:00.3Z");
	(void)world_on(world, "PUT", "term", json_pack("{s:i}", "years", 2));
	assert_problem(&world->client, 409, "STATE_CONFLICT");
	(void)world_on(world, "PUT", "agreement", sim_body_agreement(&world->client));
	assert_problem(&world->client, 409, "STATE_CONFLICT");
	(void)world_on(world, "POST", "resubmit", NULL);
	assert_problem(&world->client, 422, "INTENT_INCOMPLETE");
	assert_int_equal(world_on(world, "PUT", "intent", sim_body_intent(&world->client)), 200);
	assert_string_equal(sim_client_text(&world->client, "next"), "resubmit");
	assert_int_equal(world_on(world, "POST", "resubmit", NULL), 200);
	assert_string_equal(sim_client_text(&world->client, "state"), "in_review");
	(void)world_on(world, "POST", "resubmit", NULL);
	assert_problem(&world->client, 409, "REVIEW_PENDING");
	wait_s(world, 1);
	assert_string_equal(world_state(world), "approved");
	assert_int_equal(ledger(world, "resubmissions"), 1);
	assert_int_equal(ledger(world, "payments"), 1);
	assert_int_equal(ledger(world, "refunds"), 0);
}

static void a_correction_may_name_one_member(void **state)
{
	struct world *world = *state;

	world_knob(world, "review",
		json_pack("{s:s, s:s}", "value", "correctable", "field", "mobile"));
	world_walk(world, WALK_VERIFIED);
	wait_s(world, 1);
	assert_string_equal(world_state(world), "correction_required");
	assert_string_equal(
		json_peek_text(
			json_array_get(json_object_get(world->client.reply, "reasons"), 0), "path"),
		"intent.handler.mobile");
	assert_int_equal(world_on(world, "PUT", "intent", sim_body_intent(&world->client)), 200);
	assert_int_equal(world_on(world, "POST", "resubmit", NULL), 200);
}

static void corrections_by_count_come_again(void **state)
{
	struct world *world = *state;

	world_knob(world, "review", json_pack("{s:s, s:i}", "value", "correctable", "times", 2));
	world_walk(world, WALK_VERIFIED);
	for (int i = 0; i < 2; i++) {
		wait_s(world, 1);
		assert_string_equal(world_state(world), "correction_required");
		(void)world_on(world, "PUT", "intent", sim_body_intent(&world->client));
		(void)world_on(world, "POST", "resubmit", NULL);
	}
	wait_s(world, 1);
	assert_string_equal(world_state(world), "approved");
	assert_int_equal(ledger(world, "corrections"), 2);
}

static void a_corrected_attachment_takes_the_place_of_the_old_one(void **state)
{
	struct world *world = *state;

	world->client.now = NOON + 40 * CLOCK_DAY;
	world_knob(world, "review",
		json_pack("{s:s, s:s}", "value", "correctable", "field", "attachments"));
	world_walk(world, WALK_VERIFIED);
	wait_s(world, 1);
	assert_string_equal(world_state(world), "correction_required");
	(void)world_on(world, "POST", "resubmit", NULL);
	assert_problem(&world->client, 422, "ATTACHMENT_MISSING");
	assert_int_equal(world_on(world, "POST", "attachments", sim_body_attachment()), 201);
	assert_int_equal(world_on(world, "POST", "resubmit", NULL), 200);
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "attachments")), 1);
	wait_s(world, 1);
	assert_string_equal(world_state(world), "approved");
}

static void a_correction_that_does_not_come_in_time_is_a_rejection(void **state)
{
	struct world *world = *state;

	world_knob(world, "review", json_pack("{s:s, s:i}", "value", "correctable", "s", 600));
	world_walk(world, WALK_VERIFIED);
	wait_s(world, 601);
	assert_string_equal(world_state(world), "rejected");
	assert_string_equal(
		json_peek_text(json_object_get(world->client.reply, "rejected"), "code"),
		"fix_by_passed");
	assert_int_equal(ledger(world, "refunds"), 1);
}

static void what_expires_before_its_review_needs_attachments_then(void **state)
{
	struct world *world = *state;

	world->client.now = NOON + 30 * CLOCK_DAY - CLOCK_SECOND;
	world_knob(world, "review_ms", json_integer(5000));
	world_walk(world, WALK_VERIFIED);
	wait_s(world, 5);
	assert_string_equal(world_state(world), "correction_required");
	assert_string_equal(sim_client_text(&world->client, "next"), "attachments");
	assert_string_equal(sim_client_text(&world->client, "kind"), "expiring");
	(void)world_on(world, "POST", "attachments", sim_body_attachment());
	(void)world_on(world, "POST", "resubmit", NULL);
	wait_s(world, 5);
	assert_string_equal(world_state(world), "approved");
}

/* ---- rejection and revocation ---- */

static void a_final_rejection_refunds_and_tells_the_handler(void **state)
{
	struct world *world = *state;

	world_knob(world, "review", json_string("final"));
	world_walk(world, WALK_VERIFIED);
	wait_s(world, 1);
	assert_string_equal(world_state(world), "rejected");
	assert_string_equal(
		json_peek_text(json_object_get(world->client.reply, "rejected"), "code"),
		"not_eligible");
	assert_string_equal(refund_state(world), "success");
	assert_int_equal(ledger(world, "rejections"), 1);
	(void)sim_client_control(
		&world->client, "GET", "/sim/phone/messages?mobile=13800138000", NULL);
	assert_non_null(strstr(
		json_peek_text(
			json_array_get(json_object_get(world->client.reply, "items"), 0), "text"),
		"未通过审核"));
	/* The certificate may be renewed by another application. */
	(void)snprintf(world->journey.client_ref, SIM_ID_TEXT, "ref-again");
	assert_int_equal(
		sim_client_call(&world->client, "POST", "/v1/applications",
			json_pack("{s:s, s:s, s:s}", "client_ref", "ref-again-1", "certificate_id",
				world->journey.certificate, "kind", "expiring")),
		201);
}

static void a_closed_applications_fee_may_pay_for_another_one(void **state)
{
	struct world *world = *state;
	struct sim_journey again = { 0 };
	OWNED char *target = NULL;

	world_knob(world, "review",
		json_pack("{s:s, s:i}", "value", "closed_carried_over", "times", 1));
	world_walk(world, WALK_VERIFIED);
	again.paid_at = world->journey.paid_at;
	wait_s(world, 1);
	assert_string_equal(world_state(world), "closed");
	assert_string_equal(sim_client_text(&world->client, "fee"), "carried_over");
	(void)snprintf(again.certificate, SIM_ID_TEXT, "%s", world->journey.certificate);
	(void)snprintf(again.client_ref, SIM_ID_TEXT, "ref-again-1");
	assert_true(sim_client_walk(&world->client, &again, WALK_PAYING));
	target = text_dupf("/v1/payments/%s/remittance", again.payment);
	assert_int_equal(
		sim_client_call(&world->client, "PUT", target, sim_body_remittance(&again)), 200);
	assert_string_equal(sim_client_text(&world->client, "state"), "verified");
	assert_int_equal(ledger(world, "transfers"), 1);
	assert_int_equal(ledger(world, "refunds"), 0);
	wait_s(world, 1);
	world->journey = again;
	assert_string_equal(world_state(world), "approved");
}

static void a_closed_applications_fee_may_come_back(void **state)
{
	struct world *world = *state;

	world_knob(world, "review", json_string("closed_refunded"));
	world_walk(world, WALK_VERIFIED);
	wait_s(world, 1);
	assert_string_equal(world_state(world), "closed");
	assert_string_equal(sim_client_text(&world->client, "fee"), "refunded");
	assert_string_equal(refund_state(world), "success");
	assert_int_equal(ledger(world, "closures"), 1);
}

static void an_approval_that_is_taken_back_cannot_be_fetched(void **state)
{
	struct world *world = *state;

	world_knob(world, "review",
		json_pack("{s:s, s:i}", "value", "approve_then_revoke", "ms", 5000));
	world_walk(world, WALK_VERIFIED);
	wait_s(world, 1);
	assert_string_equal(world_state(world), "approved");
	wait_s(world, 5);
	assert_string_equal(world_state(world), "rejected");
	(void)world_on(world, "GET", "issuance", NULL);
	assert_problem(&world->client, 410, "ISSUANCE_GONE");
	assert_string_equal(refund_state(world), "success");
}

static void an_installed_certificate_is_revoked_instead(void **state)
{
	struct world *world = *state;

	world_knob(world, "review",
		json_pack("{s:s, s:i}", "value", "approve_then_revoke", "ms", 5000));
	world_walk(world, WALK_INSTALLED);
	wait_s(world, 10);
	assert_string_equal(world_state(world), "installed");
	assert_int_equal(ledger(world, "revocations"), 1);
	assert_int_equal(ledger(world, "refunds"), 0);
	(void)sim_client_call(&world->client, "GET", "/v1/certificates", NULL);
	assert_string_equal(
		json_peek_text(
			json_array_get(json_object_get(world->client.reply, "items"), 1), "status"),
		"revoked");
}

static void a_revoked_or_held_certificate_is_not_applied_for(void **state)
{
	struct world *world = *state;
	json_t *body = json_pack("{s:s, s:s, s:s}", "client_ref", "ref-000001", "certificate_id",
		world->journey.certificate, "kind", "expiring");

	world_walk(world, WALK_BOUND);
	assert_int_equal(befall(world, "on_hold"), 200);
	(void)sim_client_call(&world->client, "POST", "/v1/applications", json_incref(body));
	assert_problem(&world->client, 409, "CERT_ON_HOLD");
	assert_int_equal(befall(world, "replaced"), 200);
	(void)sim_client_call(&world->client, "POST", "/v1/applications", json_incref(body));
	assert_problem(&world->client, 409, "STATE_CONFLICT");
	assert_int_equal(befall(world, "gone"), 422);
	world->journey = world_second(world);
	json_put_text(body, "certificate_id", world->journey.certificate);
	world_walk(world, WALK_BOUND);
	assert_int_equal(befall(world, "revoked"), 200);
	assert_string_equal(sim_client_text(&world->client, "renew_block_reason"), "revoked");
	(void)sim_client_call(&world->client, "POST", "/v1/applications", body);
	assert_problem(&world->client, 409, "CERT_REVOKED");
}

static void a_certificate_revoked_meanwhile_is_not_paid_for(void **state)
{
	struct world *world = *state;

	world_walk(world, WALK_SUBMITTED);
	(void)befall(world, "revoked");
	(void)sim_client_call(&world->client, "POST", "/v1/payments",
		json_pack("{s:s, s:[s], s:s}", "method", "bank_transfer", "applications",
			world->journey.application, "invoice_email", "a@b.cn"));
	assert_problem(&world->client, 409, "CERT_REVOKED");
	assert_int_equal(ledger(world, "payments"), 0);
}

static void a_certificate_revoked_in_review_is_rejected(void **state)
{
	struct world *world = *state;

	world_walk(world, WALK_VERIFIED);
	(void)befall(world, "revoked");
	wait_s(world, 1);
	assert_string_equal(world_state(world), "rejected");
	assert_string_equal(refund_state(world), "success");
}

static void a_certificate_on_hold_blocks_its_review(void **state)
{
	struct world *world = *state;

	world_walk(world, WALK_VERIFIED);
	(void)befall(world, "on_hold");
	wait_s(world, 10);
	assert_string_equal(world_state(world), "blocked");
	(void)befall(world, "valid");
	assert_string_equal(world_state(world), "approved");
}

/* ---- withdrawal ---- */

static void withdrawal_closes_what_is_open_and_refunds_what_was_paid(void **state)
{
	static const struct {
		enum sim_walk step;
		const char *payment; /* its state afterwards, or NULL */
		int64_t refunds;
	} cases[] = { { WALK_DRAFT, NULL, 0 }, { WALK_SUBMITTED, NULL, 0 },
		{ WALK_PAYING, "closed", 0 }, { WALK_VERIFIED, "refunded", 1 } };
	struct world *world = *state;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct world one = *world;

		one.journey = world_second(world);
		one.client = world->client;
		world->journey = one.journey;
		world_walk(world, cases[i].step);
		assert_int_equal(world_on(world, "POST", "withdraw", NULL), 200);
		wait_s(world, 1);
		assert_string_equal(world_state(world), "withdrawn");
		if (cases[i].payment != NULL)
			assert_string_equal(json_peek_text(sim_find(world->client.sim, "payments",
								   world->journey.payment),
						    "state"),
				cases[i].payment);
		assert_int_equal(ledger(world, "refunds"), cases[i].refunds);
	}
	assert_int_equal(ledger(world, "withdrawals"), COUNT_OF(cases));
	(void)world_on(world, "POST", "withdraw", NULL);
	assert_problem(&world->client, 409, "STATE_CONFLICT");
}

static void a_withdrawn_approval_is_not_installed(void **state)
{
	struct world *world = *state;

	world_walk(world, WALK_VERIFIED);
	wait_s(world, 1);
	assert_int_equal(world_on(world, "POST", "withdraw", NULL), 200);
	(void)world_on(world, "GET", "issuance", NULL);
	assert_problem(&world->client, 409, "ISSUANCE_NOT_READY");
	assert_string_equal(refund_state(world), "processing");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_silent_review_stays_until_the_knob_is_off),
		WORLD_TEST(a_silence_may_have_its_length),
		WORLD_TEST(correction_names_its_fields_and_freezes_the_others),
		WORLD_TEST(a_correction_may_name_one_member),
		WORLD_TEST(corrections_by_count_come_again),
		WORLD_TEST(a_corrected_attachment_takes_the_place_of_the_old_one),
		WORLD_TEST(a_correction_that_does_not_come_in_time_is_a_rejection),
		WORLD_TEST(what_expires_before_its_review_needs_attachments_then),
		WORLD_TEST(a_final_rejection_refunds_and_tells_the_handler),
		WORLD_TEST(a_closed_applications_fee_may_pay_for_another_one),
		WORLD_TEST(a_closed_applications_fee_may_come_back),
		WORLD_TEST(an_approval_that_is_taken_back_cannot_be_fetched),
		WORLD_TEST(an_installed_certificate_is_revoked_instead),
		WORLD_TEST(a_revoked_or_held_certificate_is_not_applied_for),
		WORLD_TEST(a_certificate_revoked_meanwhile_is_not_paid_for),
		WORLD_TEST(a_certificate_revoked_in_review_is_rejected),
		WORLD_TEST(a_certificate_on_hold_blocks_its_review),
		WORLD_TEST(withdrawal_closes_what_is_open_and_refunds_what_was_paid),
		WORLD_TEST(a_withdrawn_approval_is_not_installed),
	};

	return cmocka_run_group_tests_name("simulator: review", tests, world_make, world_drop);
}
