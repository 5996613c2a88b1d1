/* SPDX-License-Identifier: Apache-2.0 */
/* Money's side roads: WeChat Pay, closed orders, second payments, refunds, returned transfers, and the
 * verdicts on a remittance. */
#include "tests/unit/sim_world.h"

#include "tests/simulator/sim_bank.h"

/* Open a payment by METHOD; its id into the journey. */
static int pay(struct world *world, const char *method)
{
	int status = sim_client_call(&world->client, "POST", "/v1/payments",
		json_pack("{s:s, s:[s], s:s}", "method", method, "applications",
			world->journey.application, "invoice_email", "finance@example.cn"));

	if (status == 201)
		(void)snprintf(world->journey.payment, SIM_ID_TEXT, "%s",
			sim_client_text(&world->client, "id"));
	return status;
}

/* A WeChat order of a submitted application; its code_url (owned). */
static char *order(struct world *world)
{
	world_walk(world, WALK_SUBMITTED);
	assert_int_equal(pay(world, "wechat_pay"), 201);
	assert_string_equal(sim_client_text(&world->client, "state"), "pending");
	return text_dup(sim_client_text(&world->client, "code_url"));
}

static int phone(struct world *world, const char *code_url, const char *action)
{
	return sim_client_control(&world->client, "POST", "/sim/phone",
		json_pack("{s:s, s:s}", "code_url", code_url, "action", action));
}

static int on_payment(struct world *world, const char *method, const char *part, json_t *body)
{
	OWNED char *target = text_dupf("/v1/payments/%s%s", world->journey.payment, part);

	return sim_client_call(&world->client, method, target, body);
}

static const char *payment_state(struct world *world)
{
	assert_int_equal(on_payment(world, "GET", "", NULL), 200);
	return sim_client_text(&world->client, "state");
}

/* The first refund of the world's application, in world->client.reply; its state. */
static const char *refund(struct world *world)
{
	OWNED char *target = NULL;

	assert_int_equal(world_on(world, "GET", "", NULL), 200);
	target = text_dupf("/v1/refunds/%s",
		json_string_value(
			json_array_get(json_object_get(world->client.reply, "refund_ids"), 0)));
	assert_int_equal(sim_client_call(&world->client, "GET", target, NULL), 200);
	return sim_client_text(&world->client, "state");
}

static int64_t ledger(struct world *world, const char *list)
{
	return sim_client_ledger(&world->client, list);
}

/* ---- WeChat Pay ---- */

static void a_code_url_lives_two_hours_and_is_paid_by_a_phone(void **state)
{
	struct world *world = *state;
	OWNED char *code_url = order(world);

	assert_string_equal(sim_client_text(&world->client, "expires_at"), "2026-11-22T10:00:00Z");
	world->client.now = NOON + 7199 * CLOCK_SECOND;
	assert_string_equal(payment_state(world), "pending");
	assert_int_equal(phone(world, code_url, "pay"), 200);
	assert_string_equal(payment_state(world), "paid");
	assert_string_equal(sim_client_text(&world->client, "paid_at"), "2026-11-22T09:59:59Z");
	assert_null(json_object_get(world->client.reply, "code_url"));
	world->client.now += CLOCK_SECOND;
	assert_string_equal(world_state(world), "approved");
	assert_int_equal(ledger(world, "wechat_payments"), 1);
	assert_int_equal(phone(world, code_url, "pay"), 409);
}

static void an_expired_order_is_not_paid_and_gives_way_to_a_new_one(void **state)
{
	struct world *world = *state;
	OWNED char *code_url = order(world);

	assert_int_equal(pay(world, "wechat_pay"), 409);
	world->client.now = NOON + 7200 * CLOCK_SECOND;
	assert_string_equal(payment_state(world), "expired");
	assert_int_equal(phone(world, code_url, "pay"), 410);
	assert_int_equal(pay(world, "wechat_pay"), 201);
	{
		OWNED char *target =
			text_dupf("/v1/payments?application=%s", world->journey.application);

		(void)sim_client_call(&world->client, "GET", target, NULL);
		assert_string_equal(
			json_peek_text(
				json_array_get(json_object_get(world->client.reply, "items"), 0),
				"id"),
			world->journey.payment);
	}
	assert_int_equal(ledger(world, "payments"), 2);
	assert_int_equal(ledger(world, "wechat_payments"), 0);
}

static void a_closed_order_is_not_paid(void **state)
{
	struct world *world = *state;
	OWNED char *code_url = order(world);

	assert_int_equal(on_payment(world, "POST", "/close", NULL), 200);
	assert_string_equal(sim_client_text(&world->client, "state"), "closed");
	assert_int_equal(on_payment(world, "POST", "/close", NULL), 200);
	assert_int_equal(phone(world, code_url, "pay"), 409);
	assert_int_equal(pay(world, "bank_transfer"), 201);
	assert_string_equal(sim_client_text(&world->client, "state"), "pending");
}

static void a_paid_order_is_not_closed(void **state)
{
	struct world *world = *state;
	OWNED char *code_url = order(world);

	(void)phone(world, code_url, "pay");
	(void)on_payment(world, "POST", "/close", NULL);
	assert_problem(&world->client, 409, "STATE_CONFLICT");
	assert_string_equal(sim_client_text(&world->client, "state"), "paid");
}

static void an_order_may_be_paid_in_its_last_second(void **state)
{
	struct world *world = *state;

	world_knob(world, "code_url_paid_last_second", json_true());
	free(order(world));
	world->client.now = NOON + 7198 * CLOCK_SECOND;
	assert_string_equal(payment_state(world), "pending");
	world->client.now = NOON + 7201 * CLOCK_SECOND;
	assert_string_equal(payment_state(world), "paid");
	assert_string_equal(sim_client_text(&world->client, "paid_at"), "2026-11-22T09:59:59Z");
	assert_int_equal(ledger(world, "wechat_payments"), 1);
}

static void an_order_may_be_paid_while_it_is_being_closed(void **state)
{
	struct world *world = *state;

	free(order(world));
	world_knob(world, "code_url_paid_last_second", json_true());
	(void)on_payment(world, "POST", "/close", NULL);
	assert_problem(&world->client, 409, "STATE_CONFLICT");
	assert_string_equal(payment_state(world), "paid");
}

static void wechat_may_be_off_and_orders_may_live_shorter(void **state)
{
	struct world *world = *state;

	world_walk(world, WALK_SUBMITTED);
	world_knob(world, "wechat_off", json_true());
	(void)sim_client_call(&world->client, "GET", "/v1/meta", NULL);
	assert_int_equal(
		json_array_size(json_object_get(world->client.reply, "payment_methods")), 1);
	(void)pay(world, "wechat_pay");
	assert_problem(&world->client, 422, "METHOD_UNAVAILABLE");
	world_knob(world, "wechat_off", json_false());
	world_knob(world, "wechat_expires_s", json_integer(5));
	assert_int_equal(pay(world, "wechat_pay"), 201);
	world->client.now += 5 * CLOCK_SECOND;
	assert_string_equal(payment_state(world), "expired");
}

static void a_wechat_order_takes_no_remittance(void **state)
{
	struct world *world = *state;

	free(order(world));
	world->journey.paid_at = NOON;
	(void)on_payment(world, "PUT", "/remittance", sim_body_remittance(&world->journey));
	assert_problem(&world->client, 422, "METHOD_UNAVAILABLE");
}

/* ---- two payments ---- */

static void a_second_payment_is_seen_and_refunded(void **state)
{
	struct world *world = *state;
	OWNED char *code_url = order(world);
	OWNED char *first = text_dup(world->journey.payment);

	/* The client closes the order, the phone pays it all the same; meanwhile a transfer is made. */
	(void)on_payment(world, "POST", "/close", NULL);
	assert_int_equal(pay(world, "bank_transfer"), 201);
	{
		OWNED char *file = sim_payment_file("PO1", 20000, "");

		(void)sim_client_post(&world->client, "/sim/bank/execute", file);
		world->journey.paid_at = world->client.now;
	}
	assert_int_equal(
		on_payment(world, "PUT", "/remittance", sim_body_remittance(&world->journey)), 200);
	assert_int_equal(phone(world, code_url, "pay_late"), 200);
	assert_string_equal(payment_state(world), "verified");
	(void)snprintf(world->journey.payment, SIM_ID_TEXT, "%s", first);
	assert_string_equal(payment_state(world), "refunding");
	assert_true(json_is_true(json_object_get(world->client.reply, "paid_twice")));
	assert_int_equal(world_on(world, "GET", "", NULL), 200);
	assert_true(json_is_true(json_object_get(world->client.reply, "paid_twice")));
	world->client.now += CLOCK_SECOND;
	assert_string_equal(refund(world), "success");
	assert_string_equal(sim_client_text(&world->client, "reason"), "paid_twice");
	assert_string_equal(payment_state(world), "refunded");
	assert_string_equal(world_state(world), "approved");
	assert_int_equal(ledger(world, "refunds"), 1);
}

static void one_way_closes_the_other(void **state)
{
	struct world *world = *state;
	OWNED char *code_url = order(world);
	OWNED char *first = text_dup(world->journey.payment);

	world_knob(world, "lenient", json_true());
	assert_int_equal(pay(world, "bank_transfer"), 201);
	assert_int_equal(phone(world, code_url, "pay"), 200);
	assert_string_equal(payment_state(world), "closed");
	(void)snprintf(world->journey.payment, SIM_ID_TEXT, "%s", first);
	assert_string_equal(payment_state(world), "paid");
	assert_int_equal(ledger(world, "refunds"), 0);
}

static void money_for_a_withdrawn_application_goes_back(void **state)
{
	struct world *world = *state;
	OWNED char *code_url = order(world);

	(void)world_on(world, "POST", "withdraw", NULL);
	assert_string_equal(payment_state(world), "closed");
	assert_int_equal(phone(world, code_url, "pay_late"), 200);
	world->client.now += CLOCK_SECOND;
	assert_string_equal(refund(world), "success");
	assert_string_equal(sim_client_text(&world->client, "reason"), "not_open");
	assert_string_equal(world_state(world), "withdrawn");
}

/* ---- refunds ---- */

static void a_refund_comes_back_to_the_payers_account(void **state)
{
	struct world *world = *state;
	const json_t *account, *lines, *line;

	world_walk(world, WALK_VERIFIED);
	(void)world_on(world, "POST", "withdraw", NULL);
	assert_string_equal(refund(world), "processing");
	assert_string_equal(payment_state(world), "refunding");
	world->client.now += CLOCK_SECOND;
	assert_string_equal(refund(world), "success");
	account = bank_account(world->client.sim, "44050167000000001234");
	lines = json_object_get(account, "lines");
	line = json_array_get(lines, json_array_size(lines) - 1);
	assert_int_equal(json_peek_number(line, "credit_fen", 0), 20000);
	assert_string_equal(json_peek_text(line, "peer_name"), "广东省电子商务认证有限公司");
}

static void a_refund_may_be_abnormal_before_it_succeeds(void **state)
{
	struct world *world = *state;

	world_knob(world, "refund", json_string("processing_abnormal_success"));
	world_knob(world, "refund_ms", json_integer(10000));
	world_walk(world, WALK_VERIFIED);
	(void)world_on(world, "POST", "withdraw", NULL);
	world->client.now += 9 * CLOCK_SECOND;
	assert_string_equal(refund(world), "processing");
	world->client.now += CLOCK_SECOND;
	assert_string_equal(refund(world), "abnormal");
	assert_string_equal(payment_state(world), "refund_abnormal");
	world->client.now += 10 * CLOCK_SECOND;
	assert_string_equal(refund(world), "success");
	assert_string_equal(payment_state(world), "refunded");
}

static void a_refund_may_be_closed_or_stay_abnormal(void **state)
{
	static const struct {
		const char *word, *state;
	} cases[] = { { "closed", "refund_closed" }, { "abnormal", "refund_abnormal" } };
	struct world *world = *state;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		world->journey = world_second(world);
		world_knob(world, "refund", json_string(cases[i].word));
		world_walk(world, WALK_VERIFIED);
		(void)world_on(world, "POST", "withdraw", NULL);
		world->client.now += CLOCK_DAY;
		assert_string_equal(refund(world), cases[i].word);
		assert_string_equal(payment_state(world), cases[i].state);
	}
}

/* ---- verdicts and returns ---- */

static const char *declare(struct world *world)
{
	assert_int_equal(
		on_payment(world, "PUT", "/remittance", sim_body_remittance(&world->journey)), 200);
	return sim_client_text(&world->client, "state");
}

static void a_right_remittance_may_get_any_verdict(void **state)
{
	static const struct {
		const char *word, *code;
	} cases[] = { { "payer_not_corporate", "REMITTANCE_MISMATCH" },
		{ "payer_account", "REMITTANCE_MISMATCH" }, { "payer_name", "REMITTANCE_MISMATCH" },
		{ "amount_short", "REMITTANCE_MISMATCH" }, { "amount_over", "REMITTANCE_MISMATCH" },
		{ "time", "REMITTANCE_MISMATCH" }, { "wrong_payee", "REMITTANCE_MISMATCH" },
		{ "used", "REMITTANCE_USED" } };
	struct world *world = *state;

	world_walk(world, WALK_TRANSFERRED);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const json_t *failed;

		world_knob(world, "remittance_fail",
			json_pack("{s:s, s:i}", "value", cases[i].word, "times", 1));
		assert_string_equal(declare(world), "failed");
		failed = json_object_get(world->client.reply, "failed");
		assert_string_equal(json_peek_text(failed, "code"), cases[i].code);
		if (strcmp(cases[i].code, "REMITTANCE_MISMATCH") == 0)
			assert_string_equal(json_peek_text(failed, "reason"), cases[i].word);
	}
	assert_string_equal(declare(world), "verified");
	assert_int_equal(ledger(world, "declared"), 1);
	assert_int_equal(ledger(world, "verified"), 1);
}

/* Whoever forgets the answer and declares again hears the same. */
static void a_transfer_that_came_back_stays_so(void **state)
{
	struct world *world = *state;

	world_walk(world, WALK_TRANSFERRED);
	world_knob(
		world, "remittance_fail", json_pack("{s:s, s:i}", "value", "returned", "times", 1));
	for (int i = 0; i < 2; i++) {
		assert_string_equal(declare(world), "failed");
		assert_string_equal(
			json_peek_text(json_object_get(world->client.reply, "failed"), "code"),
			"REMITTANCE_RETURNED");
	}
	assert_int_equal(ledger(world, "verified"), 0);
}

static void a_verdict_may_take_its_time(void **state)
{
	struct world *world = *state;

	world_knob(world, "verify_ms", json_integer(60000));
	world_walk(world, WALK_TRANSFERRED);
	world_knob(world, "remittance_fail", json_pack("{s:s, s:i}", "value", "time", "times", 1));
	assert_string_equal(declare(world), "verifying");
	assert_string_equal(world_state(world), "payment_verifying");
	assert_string_equal(declare(world), "verifying"); /* the same again changes nothing */
	world->client.now += 60 * CLOCK_SECOND;
	assert_string_equal(payment_state(world), "failed");
	assert_string_equal(world_state(world), "awaiting_payment");
	assert_string_equal(declare(world), "verifying");
	assert_null(json_object_get(world->client.reply, "failed"));
	world->client.now += 61 * CLOCK_SECOND;
	assert_string_equal(payment_state(world), "verified");
	assert_string_equal(sim_client_text(&world->client, "verified_at"), "2026-11-22T08:02:00Z");
	assert_string_equal(world_state(world), "approved");
	assert_int_equal(ledger(world, "declared"), 1);
	(void)sim_client_control(&world->client, "GET", "/sim/ledger", NULL);
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "refused")), 1);
}

static void late_arrival_by_rule_is_each_payments_own(void **state)
{
	struct world *world = *state;
	struct sim_journey second = world_second(world);

	world_knob(world, "not_arrived_times",
		json_pack("{s:i, s:s}", "value", 1, "certificate", world->journey.certificate));
	assert_true(sim_client_walk(&world->client, &second, WALK_VERIFIED));
	world_walk(world, WALK_TRANSFERRED);
	assert_string_equal(declare(world), "failed");
	assert_string_equal(declare(world), "verified");
}

/* The serial of the last transfer (owned). */
static char *last_serial(const struct world *world)
{
	const json_t *lines =
		json_object_get(bank_account(world->client.sim, "44050167000000001234"), "lines");

	return text_dup(
		json_peek_text(json_array_get(lines, json_array_size(lines) - 1), "serial"));
}

static int bank_returns(struct world *world, const char *serial)
{
	return sim_client_control(
		&world->client, "POST", "/sim/bank/return", json_pack("{s:s}", "serial", serial));
}

static void a_returned_transfer_is_not_taken(void **state)
{
	struct world *world = *state;
	OWNED char *serial = NULL;

	world_walk(world, WALK_TRANSFERRED);
	serial = last_serial(world);
	assert_int_equal(bank_returns(world, serial), 200);
	assert_int_equal(json_peek_number(world->client.reply, "credit_fen", 0), 20000);
	assert_int_equal(bank_returns(world, serial), 409);
	assert_int_equal(bank_returns(world, "no such"), 404);
	assert_string_equal(declare(world), "failed");
	assert_string_equal(json_peek_text(json_object_get(world->client.reply, "failed"), "code"),
		"REMITTANCE_RETURNED");
}

static void a_return_before_approval_reopens_the_payment(void **state)
{
	struct world *world = *state;
	OWNED char *serial = NULL;

	world_walk(world, WALK_TRANSFERRED);
	serial = last_serial(world);
	assert_string_equal(declare(world), "verified");
	assert_int_equal(bank_returns(world, serial), 200);
	assert_string_equal(payment_state(world), "failed");
	assert_string_equal(world_state(world), "awaiting_payment");
	world->client.now += CLOCK_DAY;
	assert_string_equal(world_state(world), "awaiting_payment");
	{
		OWNED char *file = sim_payment_file("PO2", 20000, "");

		(void)sim_client_post(&world->client, "/sim/bank/execute", file);
		world->journey.paid_at = world->client.now;
	}
	assert_string_equal(declare(world), "verified");
	world->client.now += CLOCK_SECOND;
	assert_string_equal(world_state(world), "approved");
	assert_int_equal(ledger(world, "returns"), 1);
}

static void a_return_after_approval_changes_nothing(void **state)
{
	struct world *world = *state;
	OWNED char *serial = NULL;

	world_walk(world, WALK_TRANSFERRED);
	serial = last_serial(world);
	assert_string_equal(declare(world), "verified");
	world->client.now += CLOCK_SECOND;
	assert_string_equal(world_state(world), "approved");
	assert_int_equal(bank_returns(world, serial), 200);
	assert_string_equal(world_state(world), "approved");
	assert_string_equal(payment_state(world), "verified");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_code_url_lives_two_hours_and_is_paid_by_a_phone),
		WORLD_TEST(an_expired_order_is_not_paid_and_gives_way_to_a_new_one),
		WORLD_TEST(a_closed_order_is_not_paid),
		WORLD_TEST(a_paid_order_is_not_closed),
		WORLD_TEST(an_order_may_be_paid_in_its_last_second),
		WORLD_TEST(an_order_may_be_paid_while_it_is_being_closed),
		WORLD_TEST(wechat_may_be_off_and_orders_may_live_shorter),
		WORLD_TEST(a_wechat_order_takes_no_remittance),
		WORLD_TEST(a_second_payment_is_seen_and_refunded),
		WORLD_TEST(one_way_closes_the_other),
		WORLD_TEST(money_for_a_withdrawn_application_goes_back),
		WORLD_TEST(a_refund_comes_back_to_the_payers_account),
		WORLD_TEST(a_refund_may_be_abnormal_before_it_succeeds),
		WORLD_TEST(a_refund_may_be_closed_or_stay_abnormal),
		WORLD_TEST(a_right_remittance_may_get_any_verdict),
		WORLD_TEST(a_transfer_that_came_back_stays_so),
		WORLD_TEST(a_verdict_may_take_its_time),
		WORLD_TEST(late_arrival_by_rule_is_each_payments_own),
		WORLD_TEST(a_returned_transfer_is_not_taken),
		WORLD_TEST(a_return_before_approval_reopens_the_payment),
		WORLD_TEST(a_return_after_approval_changes_nothing),
	};

	return cmocka_run_group_tests_name("simulator: money", tests, world_make, world_drop);
}
