/* SPDX-License-Identifier: Apache-2.0 */
/* The core in another program: paper certificates, many worlds on clocks of their own, time that goes on
 * alone, the same world from the same seed to the byte. */
#include "tests/unit/sim_world.h"

static void paper_open(struct sim_client *client, enum sim_keys keys, int64_t seed)
{
	struct fault fault;

	*client = (struct sim_client){ .now = NOON };
	client->options = (struct sim_options){
		.key_id = "k", .secret = "secret", .secret_len = 6, .seed = seed, .keys = keys
	};
	client->sim = sim_new(&client->options, NOON, &fault);
	assert_non_null(client->sim);
}

static void enrol(struct sim_client *client, struct sim_journey *journey)
{
	*journey = (struct sim_journey){ 0 };
	assert_int_equal(sim_client_enrol(client, journey->certificate, world_public_pem, "both",
				 client->now + 30 * CLOCK_DAY),
		201);
}

/* The whole world after one renewal on paper, as saved. */
static char *renewed(int64_t seed)
{
	struct sim_client client;
	struct sim_journey journey;
	char *saved;

	paper_open(&client, SIM_KEYS_NONE, seed);
	enrol(&client, &journey);
	assert_true(sim_client_walk(&client, &journey, WALK_INSTALLED));
	client.now += CLOCK_SECOND;
	sim_advance(client.sim, client.now);
	assert_int_equal(sim_ledger_count(client.sim, "invoices"), 1);
	saved = sim_save(client.sim);
	sim_client_done(&client);
	return saved;
}

static void on_paper_a_world_follows_from_its_seed_to_the_byte(void **state)
{
	OWNED char *first = renewed(7);
	OWNED char *second = renewed(7);
	OWNED char *other = renewed(8);

	(void)state;
	assert_string_equal(first, second);
	assert_string_not_equal(first, other);
}

static void quick_keys_make_real_certificates(void **state)
{
	struct sim_client client;
	struct sim_journey journey;
	OWNED char *root = NULL;
	const json_t *list;

	(void)state;
	paper_open(&client, SIM_KEYS_QUICK, 7);
	enrol(&client, &journey);
	assert_true(sim_client_walk(&client, &journey, WALK_APPROVED));
	list = json_object_get(client.reply, "chain");
	assert_int_equal(json_array_size(list), 2);
	root = sim_root_pem(client.sim);
	assert_true(text_starts(root, "-----BEGIN CERTIFICATE-----"));
	sim_client_done(&client);
}

static void worlds_do_not_know_each_other(void **state)
{
	enum { WORLDS = 50 };
	struct sim_client clients[WORLDS];
	struct sim_journey journeys[WORLDS];

	(void)state;
	for (int i = 0; i < WORLDS; i++) {
		paper_open(&clients[i], SIM_KEYS_NONE, i);
		enrol(&clients[i], &journeys[i]);
	}
	for (int i = 0; i < WORLDS; i++) {
		clients[i].now += i * CLOCK_DAY / 10;
		assert_true(sim_client_walk(
			&clients[i], &journeys[i], i % 2 == 0 ? WALK_APPROVED : WALK_VERIFIED));
	}
	for (int i = 1; i < WORLDS; i += 2)
		sim_advance(clients[i].sim, clients[i].now + CLOCK_SECOND);
	for (int i = 0; i < WORLDS; i++) {
		assert_int_equal(sim_ledger_count(clients[i].sim, "issued"), 1);
		sim_client_done(&clients[i]);
	}
}

static void time_goes_on_alone_and_tells_when(void **state)
{
	struct sim_client client;
	struct sim_journey journey;
	const json_t *application;

	(void)state;
	paper_open(&client, SIM_KEYS_NONE, 7);
	enrol(&client, &journey);
	assert_true(sim_next_at(client.sim) == INT64_MAX);
	(void)sim_client_knob(&client, "review_ms", json_integer(86400000));
	assert_true(sim_client_walk(&client, &journey, WALK_VERIFIED));
	application = sim_find(client.sim, "applications", journey.application);
	assert_true(sim_next_at(client.sim) == NOON + CLOCK_DAY / 2);
	sim_advance(client.sim, sim_next_at(client.sim) - 1);
	assert_string_equal(json_peek_text(application, "state"), "paid");
	sim_advance(client.sim, sim_next_at(client.sim));
	assert_string_equal(json_peek_text(application, "state"), "in_review");
	sim_advance(client.sim, sim_next_at(client.sim));
	assert_string_equal(json_peek_text(application, "state"), "approved");
	assert_true(sim_next_at(client.sim) == INT64_MAX);
	sim_client_done(&client);
}

/* The saved world after a rejection, looked at every STEP microseconds for ten days. */
static char *looked_at(int64_t step)
{
	struct sim_client client;
	struct sim_journey journey;
	char *saved;

	paper_open(&client, SIM_KEYS_NONE, 7);
	enrol(&client, &journey);
	(void)sim_client_knob(&client, "review",
		json_pack("[{s:s, s:i}, {s:s}]", "value", "silent", "times", 9, "value",
			"correctable"));
	assert_true(sim_client_walk(&client, &journey, WALK_VERIFIED));
	for (int64_t at = step; at <= 10 * CLOCK_DAY; at += step)
		sim_advance(client.sim, NOON + at);
	assert_int_equal(sim_ledger_count(client.sim, "rejections"), 1);
	assert_int_equal(sim_ledger_count(client.sim, "refunds"), 1);
	saved = sim_save(client.sim);
	sim_client_done(&client);
	return saved;
}

static void the_outcome_does_not_depend_on_how_often_one_looks(void **state)
{
	OWNED char *often = looked_at(10 * CLOCK_SECOND);
	OWNED char *seldom = looked_at(CLOCK_DAY);

	(void)state;
	assert_string_equal(often, seldom);
}

static void a_world_saved_at_any_step_goes_on_as_if_it_had_not_been(void **state)
{
	(void)state;
	for (int step = WALK_BOUND; step < WALK_INSTALLED; step++) {
		struct sim_client client, loaded;
		struct sim_journey journey;
		OWNED char *saved = NULL, *again = NULL;
		struct fault fault;

		paper_open(&client, SIM_KEYS_NONE, 7);
		enrol(&client, &journey);
		assert_true(sim_client_walk(&client, &journey, (enum sim_walk)step));
		saved = sim_save(client.sim);
		loaded = (struct sim_client){ .now = client.now, .options = client.options };
		loaded.sim = sim_load(&client.options, saved, strlen(saved), &fault);
		assert_non_null(loaded.sim);
		again = sim_save(loaded.sim);
		assert_string_equal(saved, again);
		sim_advance(client.sim, NOON + 40 * CLOCK_DAY);
		sim_advance(loaded.sim, NOON + 40 * CLOCK_DAY);
		free(saved);
		free(again);
		saved = sim_save(client.sim);
		again = sim_save(loaded.sim);
		assert_string_equal(saved, again);
		sim_client_done(&client);
		sim_client_done(&loaded);
	}
}

static void the_ledger_is_read_without_a_request(void **state)
{
	struct sim_client client;
	struct sim_journey journey;
	OWNED char *text = NULL;
	JSON *ledger = NULL;

	(void)state;
	paper_open(&client, SIM_KEYS_NONE, 7);
	enrol(&client, &journey);
	assert_true(sim_client_walk(&client, &journey, WALK_VERIFIED));
	assert_int_equal(sim_ledger_count(client.sim, "transfers"), 1);
	assert_int_equal(sim_ledger_count(client.sim, "no such list"), 0);
	text = sim_ledger(client.sim);
	ledger = json_loads(text, 0, NULL);
	assert_int_equal(json_peek_number(ledger, "verified", 0), 1);
	sim_client_done(&client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(on_paper_a_world_follows_from_its_seed_to_the_byte),
		cmocka_unit_test(quick_keys_make_real_certificates),
		cmocka_unit_test(worlds_do_not_know_each_other),
		cmocka_unit_test(time_goes_on_alone_and_tells_when),
		cmocka_unit_test(the_outcome_does_not_depend_on_how_often_one_looks),
		cmocka_unit_test(a_world_saved_at_any_step_goes_on_as_if_it_had_not_been),
		cmocka_unit_test(the_ledger_is_read_without_a_request),
	};

	return cmocka_run_group_tests_name("simulator: core", tests, world_make, world_drop);
}
