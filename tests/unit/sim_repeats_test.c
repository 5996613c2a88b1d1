/* SPDX-License-Identifier: Apache-2.0 */
/* Repeats: Idempotency-Key, client_ref, the questions after a lost answer, and the knobs that lose
 * answers after the effect. */
#include "tests/unit/sim_world.h"

#include "tests/simulator/sim_knobs.h"

/* POST an application of the bound certificate under KEY. */
static int apply(struct world *world, const char *client_ref, const char *key)
{
	world->client.next.idempotency_key = key;
	return sim_client_call(&world->client, "POST", "/v1/applications",
		json_pack("{s:s, s:s, s:s}", "client_ref", client_ref, "certificate_id",
			world->journey.certificate, "kind", "expiring"));
}

static void bind(struct world *world)
{
	assert_true(sim_client_walk(&world->client, &world->journey, WALK_BOUND));
}

static void a_post_without_a_usable_key_is_refused(void **state)
{
	struct world *world = *state;

	bind(world);
	(void)apply(world, "ref-000001", "");
	assert_problem(&world->client, 400, "IDEMPOTENCY_KEY_MISSING");
	(void)apply(world, "ref-000001", "short");
	assert_problem(&world->client, 400, "IDEMPOTENCY_KEY_MISSING");
	(void)apply(world, "ref-000001", "has a blank");
	assert_problem(&world->client, 400, "IDEMPOTENCY_KEY_MISSING");
	assert_int_equal(sim_client_ledger(&world->client, "applications"), 0);
}

static void a_repeat_with_its_key_gets_the_stored_answer_and_does_nothing(void **state)
{
	struct world *world = *state;
	OWNED char *first = NULL;

	bind(world);
	assert_int_equal(apply(world, "ref-000001", "key-of-one"), 201);
	first = text_dup(world->client.answer.body);
	assert_false(world->client.answer.replayed);
	world->client.now += CLOCK_DAY;
	assert_int_equal(apply(world, "ref-000001", "key-of-one"), 201);
	assert_true(world->client.answer.replayed);
	assert_string_equal(world->client.answer.body, first);
	assert_string_equal(world->client.answer.etag, "\"1\"");
	assert_memory_equal(world->client.answer.location, "/v1/applications/app_", 21);
	assert_int_equal(sim_client_ledger(&world->client, "applications"), 1);
	assert_int_equal(json_peek_number(world->client.reply, "replayed", 0), 1);
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "refused")), 0);
}

static void a_key_belongs_to_one_body_and_one_path(void **state)
{
	struct world *world = *state;

	bind(world);
	assert_int_equal(apply(world, "ref-000001", "key-of-one"), 201);
	(void)apply(world, "ref-000002", "key-of-one");
	assert_problem(&world->client, 422, "IDEMPOTENCY_KEY_REUSED");
	world->client.next.idempotency_key = "key-of-one";
	(void)sim_client_call(&world->client, "POST", "/v1/payments", json_object());
	assert_problem(&world->client, 422, "IDEMPOTENCY_KEY_REUSED");
}

static void a_refused_request_is_not_remembered(void **state)
{
	struct world *world = *state;

	(void)apply(world, "ref-000001", "key-of-one");
	assert_problem(&world->client, 403, "NOT_BOUND");
	bind(world);
	assert_int_equal(apply(world, "ref-000001", "key-of-one"), 201);
	assert_false(world->client.answer.replayed);
}

static void a_key_is_kept_for_seven_days(void **state)
{
	struct world *world = *state;

	bind(world);
	assert_int_equal(apply(world, "ref-000001", "key-of-one"), 201);
	world->client.now += 7 * CLOCK_DAY;
	assert_int_equal(apply(world, "ref-000001", "key-of-one"), 201);
	world->client.now += 1;
	(void)apply(world, "ref-000001", "key-of-one");
	assert_problem(&world->client, 409, "CLIENT_REF_USED");
}

static void a_second_application_is_refused_with_the_first_ones_id(void **state)
{
	struct world *world = *state;
	OWNED char *first = NULL;

	bind(world);
	assert_int_equal(apply(world, "ref-000001", "key-of-one"), 201);
	first = text_dup(sim_client_text(&world->client, "id"));
	(void)apply(world, "ref-000002", "key-of-two");
	assert_problem(&world->client, 409, "APPLICATION_EXISTS");
	assert_string_equal(sim_client_text(&world->client, "application_id"), first);
	(void)apply(world, "ref-000001", "key-three");
	assert_problem(&world->client, 409, "CLIENT_REF_USED");
	assert_string_equal(sim_client_text(&world->client, "application_id"), first);
}

static void the_ledger_counts_equal_refusals_together(void **state)
{
	struct world *world = *state;
	const json_t *refused;

	bind(world);
	assert_int_equal(apply(world, "ref-000001", NULL), 201);
	(void)apply(world, "ref-000002", NULL);
	(void)apply(world, "ref-000002", NULL);
	assert_int_equal(sim_client_ledger(&world->client, "applications"), 1);
	refused = json_object_get(world->client.reply, "refused");
	assert_int_equal(json_array_size(refused), 1);
	refused = json_array_get(refused, 0);
	assert_int_equal(json_peek_number(refused, "attempts", 0), 2);
	assert_string_equal(json_peek_text(refused, "code"), "APPLICATION_EXISTS");
	assert_string_equal(json_peek_text(refused, "client_ref"), "ref-000002");
	assert_string_equal(json_peek_text(refused, "certificate"), world->journey.certificate);
}

static void lists_by_client_ref_say_whether_it_arrived(void **state)
{
	struct world *world = *state;
	const json_t *items;

	bind(world);
	assert_int_equal(sim_client_call(&world->client, "GET",
				 "/v1/applications?client_ref=ref-000001", NULL),
		200);
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "items")), 0);
	assert_int_equal(apply(world, "ref-000001", NULL), 201);
	assert_int_equal(sim_client_call(&world->client, "GET",
				 "/v1/applications?client_ref=ref-000001", NULL),
		200);
	items = json_object_get(world->client.reply, "items");
	assert_int_equal(json_array_size(items), 1);
	assert_string_equal(json_peek_text(json_array_get(items, 0), "state"), "draft");
	assert_int_equal(sim_client_call(&world->client, "GET",
				 "/v1/applications?client_ref=ref-00000", NULL),
		200);
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "items")), 0);
}

static void a_lenient_simulator_executes_the_second_application(void **state)
{
	struct world *world = *state;

	bind(world);
	assert_int_equal(apply(world, "ref-000001", NULL), 201);
	assert_int_equal(sim_client_knob(&world->client, "lenient", json_true()), 200);
	assert_int_equal(apply(world, "ref-000002", NULL), 201);
	assert_int_equal(apply(world, "ref-000001", NULL), 201);
	assert_int_equal(sim_client_ledger(&world->client, "applications"), 3);
}

static void a_client_ref_has_six_to_32_characters_of_its_alphabet(void **state)
{
	static const char *const bad[] = { "short", "123456789012345678901234567890123", "ref 0001",
		"ref-é" };
	struct world *world = *state;

	bind(world);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		(void)apply(world, bad[i], NULL);
		assert_problem(&world->client, 422, "FIELD_INVALID");
	}
}

/* ---- answers that are lost after the effect ---- */

static void fail_after_commit_answers_500_and_the_repeat_gets_the_answer(void **state)
{
	struct world *world = *state;

	bind(world);
	(void)sim_client_knob(&world->client, "fail_after_commit",
		json_pack("{s:s, s:b}", "path", "/v1/applications", "once", 1));
	(void)apply(world, "ref-000001", "key-of-one");
	assert_problem(&world->client, 500, "INTERNAL");
	assert_true(json_is_true(json_object_get(world->client.reply, "retryable")));
	assert_int_equal(apply(world, "ref-000001", "key-of-one"), 201);
	assert_true(world->client.answer.replayed);
	assert_int_equal(sim_client_ledger(&world->client, "applications"), 1);
}

static void hold_and_cut_speak_of_effects_only(void **state)
{
	struct world *world = *state;

	bind(world);
	(void)sim_client_knob(&world->client, "hold_after_commit_ms", json_integer(1500));
	(void)sim_client_knob(&world->client, "cut_after_body", json_true());
	assert_int_equal(sim_client_call(&world->client, "GET", "/v1/meta", NULL), 200);
	assert_int_equal(world->client.answer.hold_ms, 0);
	assert_false(world->client.answer.cut);
	(void)apply(world, "bad", NULL);
	assert_int_equal(world->client.answer.hold_ms, 0);
	assert_int_equal(apply(world, "ref-000001", "key-of-one"), 201);
	assert_int_equal(world->client.answer.hold_ms, 1500);
	assert_true(world->client.answer.cut);
	assert_int_equal(apply(world, "ref-000001", "key-of-one"), 201);
	assert_int_equal(world->client.answer.hold_ms, 0); /* a replay is no effect */
	assert_false(world->client.answer.cut);
}

static void a_knob_with_path_and_once_fires_there_and_once(void **state)
{
	struct world *world = *state;
	OWNED char *intent = NULL;

	assert_int_equal(
		sim_client_knob(&world->client, "hold_after_commit_ms",
			json_pack("{s:s, s:s, s:i, s:b}", "path", "/v1/applications/*/intent",
				"method", "PUT", "ms", 700, "once", 1)),
		200);
	assert_true(sim_client_walk(&world->client, &world->journey, WALK_DRAFT));
	assert_int_equal(world->client.answer.hold_ms, 0);
	intent = text_dupf("/v1/applications/%s/intent", world->journey.application);
	assert_int_equal(
		sim_client_call(&world->client, "PUT", intent, sim_body_intent(&world->client)),
		200);
	assert_int_equal(world->client.answer.hold_ms, 700);
	assert_int_equal(
		sim_client_call(&world->client, "PUT", intent, sim_body_intent(&world->client)),
		200);
	assert_int_equal(world->client.answer.hold_ms, 0);
	(void)sim_client_control(&world->client, "GET", "/sim/knobs", NULL);
	assert_true(json_is_false(json_object_get(world->client.reply, "hold_after_commit_ms")));
}

static void unknown_knobs_and_wrong_values_change_nothing(void **state)
{
	struct world *world = *state;

	assert_int_equal(sim_client_knob(&world->client, "no_such_knob", json_true()), 422);
	assert_int_equal(sim_client_knob(&world->client, "lenient", json_integer(1)), 422);
	assert_int_equal(sim_client_knob(&world->client, "review_ms", json_integer(-1)), 422);
	assert_int_equal(sim_client_knob(&world->client, "price_add_fen", json_true()), 422);
	(void)sim_client_control(&world->client, "PUT", "/sim/knobs",
		json_pack("{s:i, s:s}", "review_ms", 5, "lenient", "yes"));
	assert_int_equal(world->client.answer.status, 422);
	assert_int_equal(sim_knob_number(world->client.sim, "review_ms"), 300);
}

static void a_body_that_is_no_json_object_is_refused(void **state)
{
	static const char *const bad[] = { "", "{", "[]", "\"text\"", "{\"a\":1,\"a\":2}" };
	struct world *world = *state;

	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		world->client.next.body = bad[i];
		world->client.next.body_len = strlen(bad[i]);
		(void)sim_client_call(&world->client, "POST", "/v1/applications", NULL);
		assert_problem(&world->client, 400, "BODY_INVALID");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_post_without_a_usable_key_is_refused),
		WORLD_TEST(a_repeat_with_its_key_gets_the_stored_answer_and_does_nothing),
		WORLD_TEST(a_key_belongs_to_one_body_and_one_path),
		WORLD_TEST(a_refused_request_is_not_remembered),
		WORLD_TEST(a_key_is_kept_for_seven_days),
		WORLD_TEST(a_second_application_is_refused_with_the_first_ones_id),
		WORLD_TEST(the_ledger_counts_equal_refusals_together),
		WORLD_TEST(lists_by_client_ref_say_whether_it_arrived),
		WORLD_TEST(a_lenient_simulator_executes_the_second_application),
		WORLD_TEST(a_client_ref_has_six_to_32_characters_of_its_alphabet),
		WORLD_TEST(fail_after_commit_answers_500_and_the_repeat_gets_the_answer),
		WORLD_TEST(hold_and_cut_speak_of_effects_only),
		WORLD_TEST(a_knob_with_path_and_once_fires_there_and_once),
		WORLD_TEST(unknown_knobs_and_wrong_values_change_nothing),
		WORLD_TEST(a_body_that_is_no_json_object_is_refused),
	};

	return cmocka_run_group_tests_name("simulator: repeats", tests, world_make, world_drop);
}
