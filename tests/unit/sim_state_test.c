/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator's memory: the same seed and requests give the same world, and a saved one goes on
 * where it was. */
#include "tests/unit/sim_world.h"

#include "tests/simulator/sim_knobs.h"

/* A world of its own, walked to STEP; the answer to its last request on the heap. */
static char *walked(enum sim_walk step)
{
	struct world world = { 0 };
	struct fault fault;
	char *body;

	assert_true(sim_client_load(&world.client, world_text, NOON, &fault));
	(void)snprintf(world.journey.certificate, SIM_ID_TEXT, "%s", world_certificate);
	assert_true(sim_client_walk(&world.client, &world.journey, step));
	body = text_dup(world.client.answer.body);
	sim_client_done(&world.client);
	return body;
}

static void the_same_seed_and_requests_give_the_same_answers(void **state)
{
	OWNED char *first = walked(WALK_VERIFIED);
	OWNED char *second = walked(WALK_VERIFIED);

	(void)state;
	assert_string_equal(first, second);
}

static void an_rsa_certificate_is_issued_with_the_same_bytes_again(void **state)
{
	OWNED char *first = walked(WALK_APPROVED);
	OWNED char *second = walked(WALK_APPROVED);

	(void)state;
	assert_string_equal(first, second);
}

static void another_seed_gives_other_ids(void **state)
{
	struct world *world = *state;
	json_t *tree = json_loads(world_text, 0, NULL);
	struct sim_client other;
	struct sim_journey journey = { 0 };
	OWNED char *text = NULL;
	struct fault fault;

	json_put_number(tree, "seed", 8);
	text = json_write(tree);
	json_decref(tree);
	assert_true(sim_client_load(&other, text, NOON, &fault));
	(void)snprintf(journey.certificate, SIM_ID_TEXT, "%s", world_certificate);
	assert_true(sim_client_walk(&world->client, &world->journey, WALK_DRAFT));
	assert_true(sim_client_walk(&other, &journey, WALK_DRAFT));
	assert_string_not_equal(world->journey.application, journey.application);
	sim_client_done(&other);
}

/* Replace the client's world by what it saved. */
static void restart(struct world *world)
{
	OWNED char *text = sim_save(world->client.sim);
	unsigned calls = world->client.calls;
	int64_t now = world->client.now;
	struct fault fault;

	sim_client_done(&world->client);
	assert_true(sim_client_load(&world->client, text, now, &fault));
	world->client.calls = calls;
}

static void a_saved_world_goes_on_where_it_was(void **state)
{
	struct world *world = *state;
	OWNED char *target = NULL;

	(void)sim_client_knob(&world->client, "review_ms", json_integer(5000));
	assert_true(sim_client_walk(&world->client, &world->journey, WALK_TRANSFERRED));
	restart(world);
	assert_int_equal(sim_knob_number(world->client.sim, "review_ms"), 5000);
	target = text_dupf("/v1/payments/%s/remittance", world->journey.payment);
	assert_int_equal(sim_client_call(&world->client, "PUT", target,
				 sim_body_remittance(&world->journey)),
		200);
	assert_string_equal(sim_client_text(&world->client, "state"), "verified");
	assert_int_equal(sim_client_ledger(&world->client, "payments"), 1);
}

static void a_restart_forgets_no_key_and_no_nonce(void **state)
{
	struct world *world = *state;
	unsigned calls;

	assert_true(sim_client_walk(&world->client, &world->journey, WALK_BOUND));
	for (int i = 0; i < 2; i++) {
		world->client.next.idempotency_key = "key-of-one";
		assert_int_equal(sim_client_call(&world->client, "POST", "/v1/applications",
					 json_pack("{s:s, s:s, s:s}", "client_ref", "ref-000001",
						 "certificate_id", world->journey.certificate,
						 "kind", "expiring")),
			201);
		assert_int_equal(world->client.answer.replayed, i == 1);
		restart(world);
	}
	calls = world->client.calls--; /* the nonce of the last call again */
	(void)sim_client_call(&world->client, "GET", "/v1/meta", NULL);
	assert_problem(&world->client, 401, "SIGNATURE_BAD");
	assert_int_equal(world->client.calls, calls);
}

static void only_what_changes_the_world_asks_to_be_saved(void **state)
{
	struct world *world = *state;

	(void)sim_changed(world->client.sim);
	assert_int_equal(sim_client_call(&world->client, "GET", "/v1/meta", NULL), 200);
	assert_false(sim_changed(world->client.sim));
	(void)sim_client_knob(&world->client, "lenient", json_true());
	assert_true(sim_changed(world->client.sim));
	assert_false(sim_changed(world->client.sim));
	assert_true(sim_client_walk(&world->client, &world->journey, WALK_BOUND));
	assert_true(sim_changed(world->client.sim));
}

static void a_state_that_is_damaged_or_of_another_version_is_refused(void **state)
{
	static const char *const bad[] = { "", "[]", "{\"version\":2}", "{\"version\":1}",
		"{\"version\":1,\"pki\":{\"root\":{\"key\":\"x\",\"certificate\":\"y\"}}}" };
	struct sim_client client;
	struct fault fault;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		fault.kind = FAULT_NONE;
		assert_false(sim_client_load(&client, bad[i], NOON, &fault));
		assert_int_equal(fault.kind, FAULT_INPUT);
		sim_client_done(&client);
	}
}

static void years_are_those_of_the_calendar(void **state)
{
	const int64_t leap_day = INT64_C(1835395200000000); /* 2028-02-29T00:00:00Z */

	(void)state;
	assert_true(sim_add_years(NOON, 1) == NOON + 365 * CLOCK_DAY);
	assert_true(sim_add_years(NOON, 2) == NOON + 731 * CLOCK_DAY);
	assert_true(sim_add_years(leap_day, 1) == leap_day + 366 * CLOCK_DAY);
	assert_true(sim_add_years(leap_day, 4) == leap_day + 1461 * CLOCK_DAY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(the_same_seed_and_requests_give_the_same_answers),
		WORLD_TEST(an_rsa_certificate_is_issued_with_the_same_bytes_again),
		WORLD_TEST(another_seed_gives_other_ids),
		WORLD_TEST(a_saved_world_goes_on_where_it_was),
		WORLD_TEST(a_restart_forgets_no_key_and_no_nonce),
		WORLD_TEST(only_what_changes_the_world_asks_to_be_saved),
		WORLD_TEST(a_state_that_is_damaged_or_of_another_version_is_refused),
		WORLD_TEST(years_are_those_of_the_calendar),
	};

	return cmocka_run_group_tests_name("simulator: state", tests, world_make, world_drop);
}
