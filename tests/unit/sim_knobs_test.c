/* SPDX-License-Identifier: Apache-2.0 */
/* Knobs: plain values, rules that are limited to a certificate, a path, a number of times, and what
 * they do to the way of an answer. */
#include "tests/unit/sim_world.h"

#include "common/file.h"
#include "tests/simulator/sim_knobs.h"
#include "tests/simulator/sim_sign.h"

static int get(struct world *world, const char *target)
{
	return sim_client_call(&world->client, "GET", target, NULL);
}

/* ---- rules ---- */

static void a_rule_acts_on_its_certificate_alone(void **state)
{
	struct world *world = *state;
	struct sim_journey second = world_second(world);

	world_knob(world, "review",
		json_pack("{s:s, s:o}", "value", "final", "serial",
			world_serial(world, second.certificate)));
	assert_true(sim_client_walk(&world->client, &second, WALK_VERIFIED));
	world_walk(world, WALK_APPROVED);
	assert_string_equal(world_state(world), "issued");
	world->journey = second;
	assert_string_equal(world_state(world), "rejected");
}

static void of_a_list_the_first_rule_that_fits_counts(void **state)
{
	struct world *world = *state;
	struct sim_journey second = world_second(world);

	world_knob(world, "review",
		json_pack("[{s:s, s:s}, {s:s, s:s}, {s:s}]", "value", "correctable", "certificate",
			second.certificate, "value", "silent", "client_ref", "no-such-ref", "value",
			"final"));
	assert_true(sim_client_walk(&world->client, &second, WALK_VERIFIED));
	world_walk(world, WALK_VERIFIED);
	world->client.now += CLOCK_SECOND;
	assert_string_equal(world_state(world), "rejected");
	world->journey = second;
	assert_string_equal(world_state(world), "correction_required");
}

static void a_rule_with_times_is_gone_when_they_are_used_up(void **state)
{
	struct world *world = *state;

	world_knob(world, "attachment_reject",
		json_pack("[{s:s, s:i}, {s:s, s:b}]", "value", "type", "times", 2, "value",
			"unreadable", "once", 1));
	world->client.now = NOON + 40 * CLOCK_DAY;
	world_walk(world, WALK_DRAFT);
	for (int i = 0; i < 2; i++) {
		(void)world_on(world, "POST", "attachments", sim_body_attachment());
		assert_problem(&world->client, 415, "ATTACHMENT_TYPE");
	}
	(void)world_on(world, "POST", "attachments", sim_body_attachment());
	assert_problem(&world->client, 422, "ATTACHMENT_UNREADABLE");
	assert_int_equal(world_on(world, "POST", "attachments", sim_body_attachment()), 201);
	(void)sim_client_control(&world->client, "GET", "/sim/knobs", NULL);
	assert_int_equal(
		json_array_size(json_object_get(world->client.reply, "attachment_reject")), 0);
}

static void rules_that_make_no_sense_are_refused(void **state)
{
	static const char *const bad[] = { "{\"value\":\"perhaps\"}", "{\"serial\":\"01\"}",
		"{\"value\":\"final\",\"times\":0}", "{\"value\":\"final\",\"serial\":7}",
		"{\"value\":\"final\",\"colour\":\"red\"}", "[{\"value\":\"final\"},7]",
		"\"perhaps\"", "true", "{\"value\":\"final\",\"once\":1}" };
	struct world *world = *state;

	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		json_t *value = json_loads(bad[i], JSON_DECODE_ANY, NULL);

		assert_non_null(value);
		assert_int_equal(sim_client_knob(&world->client, "review", value), 422);
	}
	(void)sim_client_control(&world->client, "GET", "/sim/knobs", NULL);
	assert_true(json_is_false(json_object_get(world->client.reply, "review")));
}

static void a_number_by_rule_leaves_the_default_to_the_others(void **state)
{
	struct world *world = *state;
	struct sim_journey second = world_second(world);

	world_knob(world, "review_ms",
		json_pack("{s:i, s:s}", "value", 3600000, "certificate", second.certificate));
	assert_true(sim_client_walk(&world->client, &second, WALK_VERIFIED));
	world_walk(world, WALK_APPROVED);
	world->journey = second;
	assert_string_equal(world_state(world), "paid");
	world->client.now += 3600 * CLOCK_SECOND;
	assert_string_equal(world_state(world), "approved");
}

static void every_knob_is_in_the_readme(void **state)
{
	struct world *world = *state;
	struct fault fault;
	OWNED char *readme = file_read(
		XUQI_SOURCE_DIR "/tests/simulator/README.md", JSON_BYTES_MAX, NULL, &fault);
	const char *name;
	json_t *help;

	assert_non_null(readme);
	assert_int_equal(sim_client_control(&world->client, "GET", "/sim/knobs", NULL), 200);
	assert_true(json_object_size(json_object_get(world->client.reply, "help")) > 40);
	json_object_foreach(json_object_get(world->client.reply, "help"), name, help)
	{
		OWNED char *quoted = text_dupf("`%s`", name);

		if (strstr(readme, quoted) == NULL)
			fail_msg("the README does not tell of %s", name);
	}
}

/* ---- the way of an answer ---- */

static void a_burst_refuses_before_anything_happens(void **state)
{
	struct world *world = *state;

	world_knob(world, "burst_429", json_integer(2));
	for (int i = 0; i < 2; i++) {
		(void)get(world, "/v1/meta");
		assert_problem(&world->client, 429, "RATE_LIMITED");
		assert_int_equal(world->client.answer.retry_after_s, 1);
	}
	assert_int_equal(get(world, "/v1/meta"), 200);
	assert_int_equal(sim_client_ledger(&world->client, "applications"), 0);
}

static void a_server_that_is_down_says_so_and_does_nothing(void **state)
{
	static const struct {
		const char *word, *code;
		int status;
	} cases[] = { { "maintenance", "MAINTENANCE", 503 },
		{ "upstream_down", "UPSTREAM_DOWN", 502 }, { "timeout", "TIMEOUT", 504 } };
	struct world *world = *state;

	world_walk(world, WALK_BOUND);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		world_knob(world, "fail_before",
			json_pack("{s:s, s:s, s:s, s:i}", "value", cases[i].word, "path",
				"/v1/applications", "method", "POST", "times", 1));
		(void)sim_client_call(&world->client, "POST", "/v1/applications",
			json_pack("{s:s, s:s, s:s}", "client_ref", "ref-000001", "certificate_id",
				world->journey.certificate, "kind", "expiring"));
		assert_problem(&world->client, cases[i].status, cases[i].code);
		assert_int_equal(sim_client_ledger(&world->client, "applications"), 0);
	}
}

static void a_rule_may_wait_for_one_certificates_path(void **state)
{
	struct world *world = *state;
	struct sim_journey second = world_second(world);

	assert_true(sim_client_walk(&world->client, &second, WALK_COMPLETE));
	world_walk(world, WALK_COMPLETE);
	world_knob(world, "fail_after_commit",
		json_pack("{s:s, s:s, s:i}", "path", "/v1/applications/*/submit", "certificate",
			second.certificate, "times", 1));
	assert_int_equal(world_on(world, "POST", "submit", NULL), 200);
	world->journey = second;
	(void)world_on(world, "POST", "submit", NULL);
	assert_problem(&world->client, 500, "INTERNAL");
	assert_string_equal(world_state(world), "awaiting_payment");
}

static void a_wrong_signature_of_an_answer_is_found(void **state)
{
	struct world *world = *state;

	world_knob(world, "bad_signature_200", json_pack("{s:b}", "once", 1));
	assert_int_equal(get(world, "/v1/meta"), 200);
	assert_true(world->client.answer.signature[0] != '\0');
	assert_false(world->client.is_signed);
	assert_int_equal(get(world, "/v1/meta"), 200);
	assert_true(world->client.is_signed);
}

static void a_server_whose_clock_is_off_refuses_and_shows_its_time(void **state)
{
	struct world *world = *state;

	world_knob(world, "clock_skew_s", json_integer(-200));
	assert_int_equal(get(world, "/v1/meta"), 200);
	assert_string_equal(sim_client_text(&world->client, "server_time"), "2026-11-22T07:56:40Z");
	world_knob(world, "clock_skew_s", json_integer(301));
	(void)get(world, "/v1/meta");
	assert_problem(&world->client, 401, "CLOCK_SKEW");
	assert_string_equal(sim_client_text(&world->client, "server_time"), "2026-11-22T08:05:01Z");
}

static void a_later_version_speaks_of_unknown_states_and_members(void **state)
{
	struct world *world = *state;

	world_walk(world, WALK_SUBMITTED);
	world_knob(world, "unknown",
		json_pack("[{s:s, s:i}, {s:s, s:i}, {s:s, s:i}]", "value", "state", "times", 1,
			"value", "member", "times", 1, "value", "both", "times", 1));
	assert_string_equal(world_state(world), "awaiting_notary");
	assert_null(json_object_get(world->client.reply, "notary"));
	assert_string_equal(world_state(world), "awaiting_payment");
	assert_non_null(json_object_get(world->client.reply, "notary"));
	assert_string_equal(world_state(world), "awaiting_notary");
	assert_non_null(json_object_get(world->client.reply, "notary"));
	assert_true(world->client.is_signed);
	assert_string_equal(world_state(world), "awaiting_payment");
}

static void an_unknown_answer_is_not_what_is_replayed(void **state)
{
	struct world *world = *state;

	world_walk(world, WALK_COMPLETE);
	world_knob(world, "unknown", json_pack("{s:s, s:i}", "value", "both", "times", 1));
	world->client.next.idempotency_key = "key-of-submit";
	assert_int_equal(world_on(world, "POST", "submit", NULL), 200);
	assert_string_equal(sim_client_text(&world->client, "state"), "awaiting_notary");
	world->client.next.idempotency_key = "key-of-submit";
	assert_int_equal(world_on(world, "POST", "submit", NULL), 200);
	assert_true(world->client.answer.replayed);
	assert_string_equal(sim_client_text(&world->client, "state"), "awaiting_payment");
}

static void each_attempt_counts_whatever_became_of_it(void **state)
{
	struct world *world = *state;

	world_walk(world, WALK_COMPLETE);
	world_knob(world, "burst_429", json_integer(1));
	(void)world_on(world, "POST", "submit", NULL);
	(void)world_on(world, "POST", "submit", NULL);
	(void)world_on(world, "POST", "submit", NULL);
	(void)sim_client_control(&world->client, "GET", "/sim/ledger", NULL);
	assert_int_equal(json_peek_number(json_object_get(world->client.reply, "attempts"),
				 "POST /v1/applications/:id/submit", 0),
		3);
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "refused")), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_rule_acts_on_its_certificate_alone),
		WORLD_TEST(of_a_list_the_first_rule_that_fits_counts),
		WORLD_TEST(a_rule_with_times_is_gone_when_they_are_used_up),
		WORLD_TEST(rules_that_make_no_sense_are_refused),
		WORLD_TEST(a_number_by_rule_leaves_the_default_to_the_others),
		WORLD_TEST(every_knob_is_in_the_readme),
		WORLD_TEST(a_burst_refuses_before_anything_happens),
		WORLD_TEST(a_server_that_is_down_says_so_and_does_nothing),
		WORLD_TEST(a_rule_may_wait_for_one_certificates_path),
		WORLD_TEST(a_wrong_signature_of_an_answer_is_found),
		WORLD_TEST(a_server_whose_clock_is_off_refuses_and_shows_its_time),
		WORLD_TEST(a_later_version_speaks_of_unknown_states_and_members),
		WORLD_TEST(an_unknown_answer_is_not_what_is_replayed),
		WORLD_TEST(each_attempt_counts_whatever_became_of_it),
	};

	return cmocka_run_group_tests_name("simulator: knobs", tests, world_make, world_drop);
}
