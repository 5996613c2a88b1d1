/* SPDX-License-Identifier: Apache-2.0 */
/* Webhooks: registration, what is told of which event, signatures, repeats, and the knobs that lose,
 * double, disorder, delay and spoil notices. */
#include "tests/unit/sim_world.h"

#include "common/bytes.h"
#include "common/digest.h"

/* Register a receiver of EVENT. */
static void hook(struct world *world, const char *event)
{
	assert_int_equal(sim_client_call(&world->client, "POST", "/v1/webhooks",
				 json_pack("{s:s, s:[s]}", "url", "http://127.0.0.1:9/notices",
					 "events", event)),
		201);
	assert_true(text_starts(sim_client_text(&world->client, "secret"), "whsec_"));
}

/* A text of the only receiver (borrowed). */
static const char *of_hook(const struct world *world, const char *key)
{
	json_t *hooks = sim_table(world->client.sim, "webhooks");

	return json_peek_text(json_object_iter_value(json_object_iter(hooks)), key);
}

static bool take_notice(struct world *world, struct sim_delivery *out)
{
	return sim_delivery_take(world->client.sim, world->client.now, out);
}

static void done(struct world *world, struct sim_delivery *delivery, int status)
{
	sim_delivery_done(world->client.sim, world->client.now, delivery->id, status);
	sim_delivery_free(delivery);
}

static bool is_signed(const struct sim_delivery *delivery, const char *secret)
{
	size_t len;
	OWNED unsigned char *key = base64_decode(secret + strlen("whsec_"), &len);
	OWNED char *content =
		text_dupf("%s.%s.%s", delivery->webhook_id, delivery->timestamp, delivery->body);
	unsigned char mac[SHA256_BYTES];
	OWNED char *base64 = NULL, *expected = NULL;

	hmac_sha256(mac, key, len, content, strlen(content));
	base64 = base64_encode(mac, sizeof(mac));
	expected = text_dupf("v1,%s", base64);
	return text_equal(expected, delivery->signature);
}

/* A member of the notice's body as text (owned). */
static char *member(const struct sim_delivery *delivery, const char *key)
{
	JSON *body = json_loads(delivery->body, 0, NULL);

	return text_dup(json_peek_text(body, key));
}

static int64_t seq(const struct sim_delivery *delivery)
{
	JSON *body = json_loads(delivery->body, 0, NULL);

	return json_peek_number(body, "seq", -1);
}

/* Take the next notice, which must be of TYPE, and say that it arrived. */
static void expect(struct world *world, const char *type)
{
	struct sim_delivery delivery;
	OWNED char *found = NULL;

	if (!take_notice(world, &delivery))
		fail_msg("there is no notice of %s", type);
	found = member(&delivery, "type");
	assert_string_equal(found, type);
	done(world, &delivery, 200);
}

static void expect_none(struct world *world)
{
	struct sim_delivery delivery;

	assert_false(take_notice(world, &delivery));
}

static void receivers_are_registered_listed_and_removed(void **state)
{
	struct world *world = *state;
	OWNED char *target = NULL;

	hook(world, "payment.*");
	target = text_dupf("/v1/webhooks/%s", of_hook(world, "id"));
	(void)sim_client_call(&world->client, "GET", "/v1/webhooks", NULL);
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "items")), 1);
	assert_null(strstr(world->client.answer.body, of_hook(world, "secret")));
	assert_int_equal(sim_client_call(&world->client, "DELETE", target, NULL), 200);
	assert_int_equal(sim_client_call(&world->client, "DELETE", target, NULL), 404);
	(void)sim_client_call(&world->client, "POST", "/v1/webhooks",
		json_pack("{s:s, s:[s]}", "url", "ftp://x", "events", "*"));
	assert_problem(&world->client, 422, "FIELD_INVALID");
	(void)sim_client_call(&world->client, "POST", "/v1/webhooks",
		json_pack("{s:s, s:[]}", "url", "http://x", "events"));
	assert_problem(&world->client, 422, "FIELD_INVALID");
}

static void a_renewal_is_told_from_binding_to_invoice(void **state)
{
	static const char *const types[] = { "binding.confirmed", "application.draft",
		"application.awaiting_payment", "payment.verified", "application.paid",
		"application.in_review", "review.begun", "application.approved", "review.approved",
		"issuance.ready", "application.issued", "application.installed", "invoice.sent" };
	struct world *world = *state;

	hook(world, "*");
	world_walk(world, WALK_INSTALLED);
	world->client.now += CLOCK_SECOND;
	sim_advance(world->client.sim, world->client.now);
	for (size_t i = 0; i < COUNT_OF(types); i++)
		expect(world, types[i]);
	expect_none(world);
	assert_int_equal(sim_client_ledger(&world->client, "notices"), COUNT_OF(types));
}

static void only_what_was_asked_for_is_told(void **state)
{
	struct world *world = *state;

	hook(world, "payment.*");
	world_walk(world, WALK_APPROVED);
	expect(world, "payment.verified");
	expect_none(world);
}

static void notices_are_signed_and_name_what_changed(void **state)
{
	struct world *world = *state;
	struct sim_delivery delivery;
	JSON *body = NULL;
	const json_t *data;

	hook(world, "review.approved");
	world_walk(world, WALK_APPROVED);
	assert_true(take_notice(world, &delivery));
	assert_string_equal(delivery.url, "http://127.0.0.1:9/notices");
	assert_int_equal(delivery.attempt, 1);
	assert_true(is_signed(&delivery, of_hook(world, "secret")));
	body = json_loads(delivery.body, 0, NULL);
	data = json_object_get(body, "data");
	assert_string_equal(json_peek_text(data, "application_id"), world->journey.application);
	assert_string_equal(json_peek_text(data, "client_ref"), world->journey.client_ref);
	assert_string_equal(json_peek_text(data, "state"), "approved");
	assert_true(json_peek_number(body, "seq", 0) > 0);
	done(world, &delivery, 204);
}

static void a_notice_that_is_not_taken_comes_again(void **state)
{
	struct world *world = *state;
	struct sim_delivery first, second;

	hook(world, "review.approved");
	world_walk(world, WALK_APPROVED);
	assert_true(take_notice(world, &first));
	expect_none(world); /* it is under way */
	sim_delivery_done(world->client.sim, world->client.now, first.id, 0);
	expect_none(world);
	assert_true(sim_delivery_at(world->client.sim) == world->client.now + 5 * CLOCK_SECOND);
	world->client.now += 5 * CLOCK_SECOND;
	assert_true(take_notice(world, &second));
	assert_string_equal(first.webhook_id, second.webhook_id);
	assert_string_not_equal(first.timestamp, second.timestamp);
	assert_int_equal(second.attempt, 2);
	assert_true(is_signed(&second, of_hook(world, "secret")));
	sim_delivery_free(&first);
	done(world, &second, 200);
	assert_true(sim_delivery_at(world->client.sim) == INT64_MAX);
}

static void a_notice_is_given_up_after_seven_attempts(void **state)
{
	struct world *world = *state;
	struct sim_delivery delivery;
	int attempts = 0;

	hook(world, "review.approved");
	world_walk(world, WALK_APPROVED);
	while (sim_delivery_at(world->client.sim) < INT64_MAX && attempts < 100) {
		world->client.now = sim_delivery_at(world->client.sim) > world->client.now
			? sim_delivery_at(world->client.sim)
			: world->client.now;
		assert_true(take_notice(world, &delivery));
		done(world, &delivery, 503);
		attempts++;
	}
	assert_int_equal(attempts, 7);
	assert_int_equal(sim_client_ledger(&world->client, "notices"), 1);
}

static void notices_of_a_removed_receiver_are_dropped(void **state)
{
	struct world *world = *state;
	OWNED char *target = NULL;

	hook(world, "*");
	target = text_dupf("/v1/webhooks/%s", of_hook(world, "id"));
	world_walk(world, WALK_BOUND);
	(void)sim_client_call(&world->client, "DELETE", target, NULL);
	expect_none(world);
	assert_true(sim_delivery_at(world->client.sim) == INT64_MAX);
}

static void what_was_under_way_is_sent_again_after_a_restart(void **state)
{
	struct world *world = *state;
	OWNED char *saved = NULL;
	struct sim_delivery delivery;
	int64_t now = world->client.now;
	struct fault fault;

	hook(world, "binding.confirmed");
	world_walk(world, WALK_BOUND);
	assert_true(take_notice(world, &delivery));
	sim_delivery_free(&delivery);
	saved = sim_save(world->client.sim);
	sim_client_done(&world->client);
	assert_true(sim_client_load(&world->client, saved, now, &fault));
	expect(world, "binding.confirmed");
}

/* ---- knobs ---- */

static void a_notice_may_come_twice(void **state)
{
	struct world *world = *state;
	struct sim_delivery first, second;

	hook(world, "binding.confirmed");
	world_knob(world, "notice_twice", json_true());
	world_walk(world, WALK_BOUND);
	assert_true(take_notice(world, &first));
	assert_true(take_notice(world, &second));
	assert_string_equal(first.webhook_id, second.webhook_id);
	assert_string_equal(first.body, second.body);
	done(world, &first, 200);
	done(world, &second, 200);
	expect_none(world);
}

static void a_notice_may_come_behind_the_next_one(void **state)
{
	struct world *world = *state;
	struct sim_delivery first, second;

	hook(world, "application.*");
	world_knob(world, "notice_out_of_order", json_pack("{s:i}", "times", 1));
	world_walk(world, WALK_SUBMITTED);
	assert_true(take_notice(world, &first));
	world->client.now += 2 * CLOCK_SECOND;
	assert_true(take_notice(world, &second));
	assert_true(seq(&first) > seq(&second));
	done(world, &first, 200);
	done(world, &second, 200);
}

static void a_notice_may_be_signed_wrongly_once(void **state)
{
	struct world *world = *state;
	struct sim_delivery delivery;

	hook(world, "binding.confirmed");
	world_knob(world, "notice_bad_signature", json_true());
	world_walk(world, WALK_BOUND);
	assert_true(take_notice(world, &delivery));
	assert_false(is_signed(&delivery, of_hook(world, "secret")));
	done(world, &delivery, 401);
	world->client.now += 5 * CLOCK_SECOND;
	assert_true(take_notice(world, &delivery));
	assert_true(is_signed(&delivery, of_hook(world, "secret")));
	done(world, &delivery, 200);
}

static void a_notice_may_be_late(void **state)
{
	struct world *world = *state;

	hook(world, "binding.confirmed");
	world_knob(world, "notice_late_s", json_integer(600));
	world_walk(world, WALK_BOUND);
	expect_none(world);
	world->client.now += 600 * CLOCK_SECOND;
	expect(world, "binding.confirmed");
}

static void the_notice_of_a_wechat_payment_may_be_lost(void **state)
{
	struct world *world = *state;
	OWNED char *code_url = NULL;

	world_knob(world, "wechat_paid_without_notice", json_pack("{s:b}", "once", 1));
	world_walk(world, WALK_SUBMITTED);
	hook(world, "*");
	assert_int_equal(
		sim_client_call(&world->client, "POST", "/v1/payments",
			json_pack("{s:s, s:[s], s:s}", "method", "wechat_pay", "applications",
				world->journey.application, "invoice_email", "a@b.cn")),
		201);
	code_url = text_dup(sim_client_text(&world->client, "code_url"));
	assert_int_equal(sim_client_control(&world->client, "POST", "/sim/phone",
				 json_pack("{s:s, s:s}", "code_url", code_url, "action", "pay")),
		200);
	expect_none(world);
	assert_string_equal(world_state(world), "paid");
	world->client.now += CLOCK_SECOND;
	assert_string_equal(world_state(world), "approved");
	expect(world, "application.in_review");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(receivers_are_registered_listed_and_removed),
		WORLD_TEST(a_renewal_is_told_from_binding_to_invoice),
		WORLD_TEST(only_what_was_asked_for_is_told),
		WORLD_TEST(notices_are_signed_and_name_what_changed),
		WORLD_TEST(a_notice_that_is_not_taken_comes_again),
		WORLD_TEST(a_notice_is_given_up_after_seven_attempts),
		WORLD_TEST(notices_of_a_removed_receiver_are_dropped),
		WORLD_TEST(what_was_under_way_is_sent_again_after_a_restart),
		WORLD_TEST(a_notice_may_come_twice),
		WORLD_TEST(a_notice_may_come_behind_the_next_one),
		WORLD_TEST(a_notice_may_be_signed_wrongly_once),
		WORLD_TEST(a_notice_may_be_late),
		WORLD_TEST(the_notice_of_a_wechat_payment_may_be_lost),
	};

	return cmocka_run_group_tests_name("simulator: webhooks", tests, world_make, world_drop);
}
