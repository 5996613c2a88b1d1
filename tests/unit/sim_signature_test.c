/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator checks who asks, and signs what it says. */
#include "tests/unit/sim_world.h"

#include "tests/simulator/sim_sign.h"

static int ask(struct world *world)
{
	return sim_client_call(&world->client, "GET", "/v1/meta", NULL);
}

/* GET /v1/meta signed at AT with NONCE. */
static int ask_signed(struct world *world, int64_t at, const char *nonce)
{
	struct sim_request request = { .method = "GET", .target = "/v1/meta" };
	OWNED char *authorization = sim_sign_request(&world->client.options, &request, at, nonce);

	world->client.next.authorization = authorization;
	return ask(world);
}

static void a_signed_request_gets_a_signed_answer(void **state)
{
	struct world *world = *state;

	assert_int_equal(ask(world), 200);
	assert_true(world->client.is_signed);
	assert_string_equal(sim_client_text(&world->client, "minimum_client_version"), "4.7.6");
	assert_string_equal(sim_client_text(&world->client, "server_time"), "2026-11-22T08:00:00Z");
}

static void a_request_without_authorization_is_refused_with_a_signed_answer(void **state)
{
	struct world *world = *state;

	world->client.next.authorization = "";
	(void)ask(world);
	assert_problem(&world->client, 401, "SIGNATURE_BAD");
	world->client.next.authorization = "Bearer abc";
	(void)ask(world);
	assert_problem(&world->client, 401, "SIGNATURE_BAD");
	world->client.next.authorization =
		"XUQI-HMAC-SHA256 key_id=\"test\",nonce=\"0123456789abcdef\"";
	(void)ask(world);
	assert_problem(&world->client, 401, "SIGNATURE_BAD");
}

static void another_secret_or_key_id_is_refused(void **state)
{
	struct world *world = *state;

	world->client.options.secret_len--;
	(void)ask(world);
	assert_string_equal(sim_client_text(&world->client, "code"), "SIGNATURE_BAD");
	assert_false(world->client.is_signed); /* judged with the wrong secret */
	world->client.options.secret_len++;
	world->client.options.key_id = "other";
	(void)ask(world);
	assert_problem(&world->client, 401, "SIGNATURE_BAD");
}

static void the_signature_covers_method_target_and_body(void **state)
{
	struct world *world = *state;
	struct sim_request request = {
		.method = "POST", .target = "/v1/meta", .body = "{}", .body_len = 2
	};
	const struct sim_request others[] = {
		{ .method = "PUT", .target = "/v1/meta", .body = "{}", .body_len = 2 },
		{ .method = "POST", .target = "/v1/meta?a=b", .body = "{}", .body_len = 2 },
		{ .method = "POST", .target = "/v1/meta", .body = "{ }", .body_len = 3 },
		{ .method = "POST", .target = "/v1/meta" },
	};
	OWNED char *authorization =
		sim_sign_request(&world->client.options, &request, NOON, "0123456789abcdef");

	for (size_t i = 0; i < COUNT_OF(others); i++) {
		world->client.next = others[i];
		world->client.next.authorization = authorization;
		(void)sim_client_call(&world->client, others[i].method, others[i].target, NULL);
		assert_problem(&world->client, 401, "SIGNATURE_BAD");
	}
}

static void a_clock_more_than_300_s_off_is_refused_both_ways(void **state)
{
	struct world *world = *state;

	assert_int_equal(ask_signed(world, NOON - 300 * CLOCK_SECOND, "0123456789abcde1"), 200);
	assert_int_equal(ask_signed(world, NOON + 300 * CLOCK_SECOND, "0123456789abcde2"), 200);
	(void)ask_signed(world, NOON - 301 * CLOCK_SECOND, "0123456789abcde3");
	assert_problem(&world->client, 401, "CLOCK_SKEW");
	(void)ask_signed(world, NOON + 301 * CLOCK_SECOND, "0123456789abcde4");
	assert_problem(&world->client, 401, "CLOCK_SKEW");
	assert_string_equal(sim_client_text(&world->client, "server_time"), "2026-11-22T08:00:00Z");
}

static void a_nonce_is_taken_once_in_ten_minutes(void **state)
{
	struct world *world = *state;

	assert_int_equal(ask_signed(world, NOON, "0123456789abcdef"), 200);
	(void)ask_signed(world, NOON, "0123456789abcdef");
	assert_problem(&world->client, 401, "SIGNATURE_BAD");
	world->client.now = NOON + 600 * CLOCK_SECOND;
	(void)ask_signed(world, world->client.now, "0123456789abcdef");
	assert_problem(&world->client, 401, "SIGNATURE_BAD");
	world->client.now = NOON + 601 * CLOCK_SECOND;
	assert_int_equal(ask_signed(world, world->client.now, "0123456789abcdef"), 200);
}

static void a_wrong_signature_does_not_burn_the_nonce(void **state)
{
	struct world *world = *state;

	world->client.next.authorization =
		"XUQI-HMAC-SHA256 key_id=\"test\",timestamp=\"1795334400\","
		"nonce=\"0123456789abcdef\",signature=\"AAAA\"";
	(void)ask(world);
	assert_problem(&world->client, 401, "SIGNATURE_BAD");
	assert_int_equal(ask_signed(world, NOON, "0123456789abcdef"), 200);
}

static void a_nonce_that_is_short_or_of_other_characters_is_refused(void **state)
{
	struct world *world = *state;

	(void)ask_signed(world, NOON, "0123456789abcde");
	assert_problem(&world->client, 401, "SIGNATURE_BAD");
	(void)ask_signed(world, NOON, "0123456789abcde!");
	assert_problem(&world->client, 401, "SIGNATURE_BAD");
}

static void the_knob_leaves_answers_of_success_unsigned(void **state)
{
	struct world *world = *state;

	assert_int_equal(sim_client_knob(&world->client, "unsigned_200", json_true()), 200);
	assert_int_equal(ask(world), 200);
	assert_false(world->client.is_signed);
	assert_string_equal(world->client.answer.signature, "");
	assert_int_equal(sim_client_call(&world->client, "GET", "/v1/bindings/none", NULL), 404);
	assert_true(world->client.is_signed);
}

static void an_answer_changed_on_its_way_is_noticed(void **state)
{
	struct world *world = *state;

	assert_int_equal(ask(world), 200);
	assert_true(sim_check_answer(&world->client.options, &world->client.answer));
	world->client.answer.status = 201;
	assert_false(sim_check_answer(&world->client.options, &world->client.answer));
	world->client.answer.status = 200;
	world->client.answer.body[1] ^= 1;
	assert_false(sim_check_answer(&world->client.options, &world->client.answer));
}

static void what_is_not_in_the_contract_is_not_found_or_not_allowed(void **state)
{
	struct world *world = *state;

	(void)sim_client_call(&world->client, "GET", "/v1/nothing", NULL);
	assert_problem(&world->client, 404, "NOT_FOUND");
	(void)sim_client_call(&world->client, "DELETE", "/v1/meta", NULL);
	assert_problem(&world->client, 405, "METHOD_NOT_ALLOWED");
	(void)sim_client_call(&world->client, "GET", "/sim/ledger", NULL);
	assert_problem(&world->client, 404, "NOT_FOUND");
	(void)sim_client_call(&world->client, "GET", "/v1/applications/app_1/terms", NULL);
	assert_problem(&world->client, 404, "NOT_FOUND");
}

static void refusals_of_strangers_are_not_in_the_ledger(void **state)
{
	struct world *world = *state;

	world->client.next.authorization = "";
	(void)sim_client_call(&world->client, "POST", "/v1/applications", json_object());
	(void)sim_client_ledger(&world->client, "applications");
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "refused")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_signed_request_gets_a_signed_answer),
		WORLD_TEST(a_request_without_authorization_is_refused_with_a_signed_answer),
		WORLD_TEST(another_secret_or_key_id_is_refused),
		WORLD_TEST(the_signature_covers_method_target_and_body),
		WORLD_TEST(a_clock_more_than_300_s_off_is_refused_both_ways),
		WORLD_TEST(a_nonce_is_taken_once_in_ten_minutes),
		WORLD_TEST(a_wrong_signature_does_not_burn_the_nonce),
		WORLD_TEST(a_nonce_that_is_short_or_of_other_characters_is_refused),
		WORLD_TEST(the_knob_leaves_answers_of_success_unsigned),
		WORLD_TEST(an_answer_changed_on_its_way_is_noticed),
		WORLD_TEST(what_is_not_in_the_contract_is_not_found_or_not_allowed),
		WORLD_TEST(refusals_of_strangers_are_not_in_the_ledger),
	};

	return cmocka_run_group_tests_name("simulator: signatures", tests, world_make, world_drop);
}
