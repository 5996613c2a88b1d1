/* SPDX-License-Identifier: Apache-2.0 */
/* What a CA may do at any time, by the control interface: close an application, let a certificate expire or be bound for
 * nobody, refuse a step with a code of the contract, put an
 * invoice right. */
#include "tests/unit/sim_world.h"

static int control(struct world *world, const char *path, json_t *body)
{
	return sim_client_control(&world->client, "POST", path, body);
}

static int close_with(struct world *world, const char *fee)
{
	return control(world, "/sim/applications",
		json_pack("{s:s, s:s*}", "application_id", world->journey.application, "fee", fee));
}

static int befall(struct world *world, const char *member, json_t *value)
{
	return control(world, "/sim/certificates",
		json_pack(
			"{s:s, s:o}", "certificate_id", world->journey.certificate, member, value));
}

/* ---- closing ---- */

static void a_draft_is_closed_without_a_fee(void **state)
{
	struct world *world = *state;

	world_walk(world, WALK_DRAFT);
	assert_int_equal(close_with(world, "refunded"), 422);
	assert_int_equal(close_with(world, NULL), 200);
	assert_string_equal(world_state(world), "closed");
	assert_string_equal(sim_client_text(&world->client, "fee"), "");
	assert_int_equal(sim_client_ledger(&world->client, "closures"), 1);
	(void)world_on(world, "PUT", "agreement", sim_body_agreement(&world->client));
	assert_problem(&world->client, 409, "STATE_CONFLICT");
	assert_string_equal(sim_client_text(&world->client, "state"), "closed");
	assert_int_equal(close_with(world, NULL), 404);
}

static void what_was_to_be_paid_is_closed_with_its_application(void **state)
{
	struct world *world = *state;

	world_walk(world, WALK_PAYING);
	assert_int_equal(control(world, "/sim/applications",
				 json_pack("{s:o}", "serial",
					 world_serial(world, world->journey.certificate))),
		200);
	assert_string_equal(world_state(world), "closed");
	assert_string_equal(
		json_peek_text(
			sim_find(world->client.sim, "payments", world->journey.payment), "state"),
		"closed");
}

static void what_was_paid_is_closed_with_a_word_on_its_fee(void **state)
{
	struct world *world = *state;

	world_knob(world, "review", json_string("silent"));
	world_walk(world, WALK_VERIFIED);
	assert_int_equal(close_with(world, NULL), 422);
	assert_int_equal(close_with(world, "carried_over"), 200);
	assert_string_equal(world_state(world), "closed");
	assert_string_equal(sim_client_text(&world->client, "fee"), "carried_over");
	assert_int_equal(sim_client_ledger(&world->client, "refunds"), 0);

	world->journey = world_second(world);
	world_walk(world, WALK_VERIFIED);
	assert_int_equal(close_with(world, "refunded"), 200);
	assert_string_equal(world_state(world), "closed");
	assert_int_equal(sim_client_ledger(&world->client, "refunds"), 1);
	world->client.now += CLOCK_DAY;
	assert_string_equal(world_state(world), "closed"); /* its review has ended */
}

/* The same certificate, another application. */
static void apply_anew(struct world *world)
{
	struct sim_journey next = { .application = "" };

	memcpy(next.certificate, world->journey.certificate, sizeof next.certificate);
	(void)snprintf(next.client_ref, sizeof next.client_ref, "%.30s-x",
		world->journey.client_ref[0] == '\0' ? "again" : world->journey.client_ref);
	world->journey = next;
}

static void a_fee_that_was_carried_over_comes_back_unused(void **state)
{
	struct world *world = *state;

	world_knob(world, "review", json_string("silent"));
	world_walk(world, WALK_VERIFIED);
	assert_int_equal(close_with(world, "carried_over"), 200);
	apply_anew(world);
	world_walk(world, WALK_DRAFT);
	assert_int_equal(close_with(world, "carried_over"), 422);
	assert_int_equal(close_with(world, "refunded"), 200);
	assert_string_equal(world_state(world), "closed");
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "refund_ids")), 1);
	assert_int_equal(sim_client_ledger(&world->client, "refunds"), 1);
	apply_anew(world);
	world_walk(world, WALK_DRAFT);
	assert_int_equal(close_with(world, "refunded"), 422); /* nothing is left of it */
}

static void a_fee_that_was_carried_over_may_pay_undeclared(void **state)
{
	struct world *world = *state;

	world_knob(world, "carried_over_at_once", json_true());
	world_knob(world, "review", json_string("silent"));
	world_walk(world, WALK_VERIFIED);
	assert_int_equal(close_with(world, "carried_over"), 200);
	apply_anew(world);
	world_walk(world, WALK_PAYING);
	assert_string_equal(world_state(world), "paid");
	assert_int_equal(sim_client_ledger(&world->client, "verified"), 2);
	assert_int_equal(sim_client_ledger(&world->client, "declared"), 1);
}

/* ---- approving, and taking it back ---- */

static int act_on(struct world *world, const char *act)
{
	return control(world, "/sim/applications",
		json_pack("{s:s, s:s}", "application_id", world->journey.application, "act", act));
}

static void an_approval_is_given_and_taken_back(void **state)
{
	struct world *world = *state;

	world_knob(world, "review", json_string("silent"));
	world_walk(world, WALK_VERIFIED);
	world->client.now += CLOCK_SECOND;
	assert_string_equal(world_state(world), "in_review");
	assert_int_equal(act_on(world, "applaud"), 422);
	assert_int_equal(act_on(world, "revoke"), 409);
	assert_int_equal(act_on(world, "approve"), 200);
	assert_string_equal(world_state(world), "approved");
	assert_int_equal(act_on(world, "approve"), 409);
	assert_int_equal(act_on(world, "revoke"), 200);
	assert_string_equal(world_state(world), "rejected");
	assert_int_equal(sim_client_ledger(&world->client, "refunds"), 1);
}

/* ---- what befalls a certificate ---- */

static void a_certificate_may_expire_while_its_application_waits(void **state)
{
	struct world *world = *state;

	world_walk(world, WALK_COMPLETE);
	assert_int_equal(befall(world, "expires", json_string("tomorrow")), 422);
	assert_int_equal(befall(world, "expires", json_string("now")), 200);
	assert_string_equal(sim_client_text(&world->client, "status"), "expired");
	(void)world_on(world, "POST", "submit", NULL);
	assert_problem(&world->client, 409, "KIND_MISMATCH");
}

static void a_binding_may_be_lost(void **state)
{
	struct world *world = *state;

	world_walk(world, WALK_DRAFT);
	assert_int_equal(world_on(world, "POST", "withdraw", NULL), 200);
	assert_int_equal(befall(world, "bound", json_true()), 422);
	assert_int_equal(befall(world, "bound", json_false()), 200);
	(void)sim_client_call(&world->client, "POST", "/v1/applications",
		json_pack("{s:s, s:s, s:s}", "certificate_id", world->journey.certificate, "kind",
			"expiring", "client_ref", "another-application"));
	assert_problem(&world->client, 403, "NOT_BOUND");
}

/* ---- refusing, and rules that come later ---- */

static void a_step_is_refused_with_a_code_of_the_contract(void **state)
{
	struct world *world = *state;
	struct sim_journey second = world_second(world);

	world_knob(world, "refuse",
		json_pack("{s:s, s:s, s:s, s:o}", "value", "expired_too_long", "method", "POST",
			"path", "/v1/payments", "serial",
			world_serial(world, world->journey.certificate)));
	assert_true(sim_client_walk(&world->client, &second, WALK_PAYING));
	assert_false(sim_client_walk(&world->client, &world->journey, WALK_PAYING));
	assert_problem(&world->client, 409, "EXPIRED_TOO_LONG");
	assert_int_equal(sim_client_ledger(&world->client, "payments"), 1);
}

static void a_refusal_that_can_be_true_no_more_is_not_said(void **state)
{
	struct world *world = *state;

	world_knob(world, "refuse",
		json_pack("{s:s, s:s}", "value", "attachment_missing", "path",
			"/v1/applications/*/submit"));
	world_walk(world, WALK_COMPLETE);
	(void)world_on(world, "POST", "submit", NULL);
	assert_problem(&world->client, 422, "ATTACHMENT_MISSING");
	assert_int_equal(world_on(world, "POST", "attachments", sim_body_attachment()), 201);
	assert_int_equal(world_on(world, "POST", "submit", NULL), 200);
}

static void a_rule_of_false_ends_those_behind_it(void **state)
{
	struct world *world = *state;

	world_knob(world, "fail_before",
		json_pack("{s:s, s:s, s:o}", "value", "maintenance", "path", "/v1/applications",
			"serial", world_serial(world, world->journey.certificate)));
	assert_false(sim_client_walk(&world->client, &world->journey, WALK_DRAFT));
	assert_problem(&world->client, 503, "MAINTENANCE"); /* its certificate is in the body */
	assert_int_equal(
		control(world, "/sim/knobs", json_pack("{s:{s:b}}", "fail_before", "value", 0)),
		200);
	apply_anew(world);
	world_walk(world, WALK_DRAFT);
}

static void a_later_rule_counts_before_the_others(void **state)
{
	struct world *world = *state;

	world_knob(world, "review", json_pack("{s:s}", "value", "silent"));
	assert_int_equal(
		control(world, "/sim/knobs", json_pack("{s:{s:s}}", "review", "value", "perhaps")),
		422);
	assert_int_equal(
		control(world, "/sim/knobs",
			json_pack("{s:{s:s, s:i}}", "review", "value", "final", "times", 1)),
		200);
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "review")), 2);
	world_walk(world, WALK_VERIFIED);
	world->client.now += CLOCK_SECOND;
	assert_string_equal(world_state(world), "rejected");
}

static void the_agreement_may_change_before_the_submission(void **state)
{
	struct world *world = *state;

	world_knob(world, "agreement_changes",
		json_pack("{s:s, s:s, s:i}", "method", "POST", "path", "/v1/applications/*/submit",
			"times", 1));
	world_walk(world, WALK_COMPLETE);
	(void)world_on(world, "POST", "submit", NULL);
	assert_problem(&world->client, 409, "AGREEMENT_CHANGED");
}

static void an_invoice_is_put_right_under_another_number(void **state)
{
	struct world *world = *state;
	OWNED char *first = NULL;

	world_knob(world, "invoice", json_string("wrong_buyer"));
	assert_int_equal(control(world, "/sim/invoices",
				 json_pack("{s:o}", "serial",
					 world_serial(world, world->journey.certificate))),
		404);
	world_walk(world, WALK_INSTALLED);
	world->client.now += CLOCK_DAY;
	assert_int_equal(world_on(world, "GET", "invoice", NULL), 200);
	first = text_dup(sim_client_text(&world->client, "number"));
	assert_int_equal(control(world, "/sim/invoices",
				 json_pack("{s:o}", "serial",
					 world_serial(world, world->journey.certificate))),
		200);
	assert_int_equal(world_on(world, "GET", "invoice", NULL), 200);
	assert_string_not_equal(sim_client_text(&world->client, "number"), first);
	assert_int_equal(sim_client_ledger(&world->client, "invoices"), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_draft_is_closed_without_a_fee),
		WORLD_TEST(what_was_to_be_paid_is_closed_with_its_application),
		WORLD_TEST(what_was_paid_is_closed_with_a_word_on_its_fee),
		WORLD_TEST(a_fee_that_was_carried_over_comes_back_unused),
		WORLD_TEST(a_fee_that_was_carried_over_may_pay_undeclared),
		WORLD_TEST(an_approval_is_given_and_taken_back),
		WORLD_TEST(a_certificate_may_expire_while_its_application_waits),
		WORLD_TEST(a_binding_may_be_lost),
		WORLD_TEST(a_step_is_refused_with_a_code_of_the_contract),
		WORLD_TEST(a_refusal_that_can_be_true_no_more_is_not_said),
		WORLD_TEST(a_rule_of_false_ends_those_behind_it),
		WORLD_TEST(a_later_rule_counts_before_the_others),
		WORLD_TEST(the_agreement_may_change_before_the_submission),
		WORLD_TEST(an_invoice_is_put_right_under_another_number),
	};

	return cmocka_run_group_tests_name("simulator: control", tests, world_make, world_drop);
}
