/* SPDX-License-Identifier: Apache-2.0 */
/* Payments by transfer and the declared remittance against the bank's record. */
#include "tests/unit/sim_world.h"

#include "tests/simulator/sim_bank.h"

static void walk(struct world *world, enum sim_walk step)
{
	assert_true(sim_client_walk(&world->client, &world->journey, step));
}

static int pay(struct world *world, const char *method, json_t *applications, const char *email)
{
	return sim_client_call(&world->client, "POST", "/v1/payments",
		json_pack("{s:s, s:o, s:s}", "method", method, "applications", applications,
			"invoice_email", email));
}

static json_t *one(const struct world *world)
{
	return json_pack("[s]", world->journey.application);
}

/* Declare BODY (taken); the payment's state. */
static const char *declare(struct world *world, json_t *body)
{
	OWNED char *target = text_dupf("/v1/payments/%s/remittance", world->journey.payment);

	(void)sim_client_call(&world->client, "PUT", target, body);
	return sim_client_text(&world->client, "state");
}

static const json_t *failure(const struct world *world)
{
	return json_object_get(world->client.reply, "failed");
}

static void assert_mismatch(struct world *world, json_t *body, const char *reason)
{
	assert_string_equal(declare(world, body), "failed");
	assert_string_equal(json_peek_text(failure(world), "code"), "REMITTANCE_MISMATCH");
	assert_string_equal(json_peek_text(failure(world), "reason"), reason);
	assert_true(json_is_false(json_object_get(failure(world), "retryable")));
}

/* ---- payments ---- */

static void a_payment_names_amount_and_payee(void **state)
{
	struct world *world = *state;
	OWNED char *place = NULL;
	const json_t *payee;

	walk(world, WALK_PAYING);
	assert_string_equal(sim_client_text(&world->client, "state"), "pending");
	assert_int_equal(
		json_peek_number(json_object_get(world->client.reply, "amount"), "amount_fen", 0),
		20000);
	payee = json_object_get(world->client.reply, "payee");
	assert_string_equal(json_peek_text(payee, "name"), "广东省电子商务认证有限公司");
	place = text_dup(world->client.answer.location);
	(void)sim_client_call(&world->client, "GET", place, NULL);
	assert_string_equal(sim_client_text(&world->client, "state"), "pending");
	assert_int_equal(sim_client_ledger(&world->client, "payments"), 1);
}

static void a_second_payment_is_refused_with_the_first_ones_id(void **state)
{
	struct world *world = *state;
	OWNED char *list = NULL;

	walk(world, WALK_PAYING);
	(void)pay(world, "bank_transfer", one(world), "a@b.cn");
	assert_problem(&world->client, 409, "PAYMENT_DUPLICATE");
	assert_string_equal(sim_client_text(&world->client, "payment_id"), world->journey.payment);
	list = text_dupf("/v1/payments?application=%s", world->journey.application);
	(void)sim_client_call(&world->client, "GET", list, NULL);
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "items")), 1);
	(void)sim_client_call(&world->client, "GET", "/v1/payments?application=app_none", NULL);
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "items")), 0);
}

static void a_lenient_simulator_opens_the_second_payment_and_counts_it(void **state)
{
	struct world *world = *state;

	walk(world, WALK_PAYING);
	(void)sim_client_knob(&world->client, "lenient", json_true());
	assert_int_equal(pay(world, "bank_transfer", one(world), "a@b.cn"), 201);
	assert_int_equal(sim_client_ledger(&world->client, "payments"), 2);
}

static void a_payment_that_makes_no_sense_is_refused(void **state)
{
	struct world *world = *state;

	walk(world, WALK_COMPLETE);
	(void)pay(world, "bank_transfer", one(world), "a@b.cn");
	assert_problem(&world->client, 409, "STATE_CONFLICT");
	(void)pay(world, "bank_transfer", json_pack("[s]", "app_none"), "a@b.cn");
	assert_problem(&world->client, 404, "NOT_FOUND");
	(void)pay(world, "bank_transfer", json_array(), "a@b.cn");
	assert_problem(&world->client, 422, "FIELD_INVALID");
	(void)pay(world, "bank_transfer", json_pack("[s, s]", world->journey.application, "app_2"),
		"a@b.cn");
	assert_problem(&world->client, 422, "BATCH_UNAVAILABLE");
	(void)pay(world, "cash", one(world), "a@b.cn");
	assert_problem(&world->client, 422, "METHOD_UNAVAILABLE");
	(void)pay(world, "bank_transfer", one(world), "nobody");
	assert_problem(&world->client, 422, "FIELD_INVALID");
	assert_int_equal(sim_client_ledger(&world->client, "payments"), 0);
}

static void a_quote_that_has_run_out_is_not_paid(void **state)
{
	struct world *world = *state;

	walk(world, WALK_SUBMITTED);
	world->client.now = NOON + 3 * CLOCK_DAY;
	(void)pay(world, "bank_transfer", one(world), "a@b.cn");
	assert_problem(&world->client, 410, "PAYMENT_EXPIRED");
}

static void a_payments_client_ref_is_used_once(void **state)
{
	struct world *world = *state;
	json_t *body;

	walk(world, WALK_SUBMITTED);
	for (int i = 0; i < 2; i++) {
		body = json_pack("{s:s, s:o, s:s, s:s}", "method", "bank_transfer", "applications",
			one(world), "invoice_email", "a@b.cn", "client_ref", "ref-payment");
		(void)sim_client_call(&world->client, "POST", "/v1/payments", body);
	}
	assert_problem(&world->client, 409, "CLIENT_REF_USED");
	(void)sim_client_call(&world->client, "GET", "/v1/payments?client_ref=ref-payment", NULL);
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "items")), 1);
}

static void the_payee_knob_changes_meta_and_payments(void **state)
{
	struct world *world = *state;

	(void)sim_client_knob(&world->client, "payee_changes", json_true());
	(void)sim_client_call(&world->client, "GET", "/v1/meta", NULL);
	assert_string_not_equal(
		json_peek_text(json_object_get(world->client.reply, "payee"), "account"),
		"44050158010109666888");
	walk(world, WALK_PAYING);
	assert_string_not_equal(
		json_peek_text(json_object_get(world->client.reply, "payee"), "account"),
		"44050158010109666888");
}

/* ---- the remittance ---- */

static void four_exact_fields_verify_and_lead_to_approval(void **state)
{
	struct world *world = *state;
	OWNED char *application = NULL;

	walk(world, WALK_VERIFIED);
	application = text_dupf("/v1/applications/%s", world->journey.application);
	(void)sim_client_call(&world->client, "GET", application, NULL);
	assert_string_equal(sim_client_text(&world->client, "state"), "paid");
	world->client.now += CLOCK_SECOND * 3 / 20;
	(void)sim_client_call(&world->client, "GET", application, NULL);
	assert_string_equal(sim_client_text(&world->client, "state"), "in_review");
	world->client.now += CLOCK_SECOND * 3 / 20;
	(void)sim_client_call(&world->client, "GET", application, NULL);
	assert_string_equal(sim_client_text(&world->client, "state"), "approved");
}

static void before_the_transfer_it_is_not_found_and_may_be_declared_again(void **state)
{
	struct world *world = *state;
	OWNED char *file = sim_payment_file("PO1", 20000, "");

	walk(world, WALK_PAYING);
	world->journey.paid_at = world->client.now;
	assert_string_equal(declare(world, sim_body_remittance(&world->journey)), "failed");
	assert_string_equal(json_peek_text(failure(world), "code"), "REMITTANCE_NOT_FOUND");
	assert_true(json_is_true(json_object_get(failure(world), "retryable")));
	assert_int_equal(sim_client_post(&world->client, "/sim/bank/execute", file), 200);
	assert_string_equal(declare(world, sim_body_remittance(&world->journey)), "verified");
	assert_null(failure(world));
	assert_int_equal(sim_client_ledger(&world->client, "declared"), 1);
	assert_int_equal(sim_client_ledger(&world->client, "verified"), 1);
}

static void each_wrong_field_is_named(void **state)
{
	struct world *world = *state;
	json_t *body;

	walk(world, WALK_TRANSFERRED);
	body = sim_body_remittance(&world->journey);
	json_put_text(body, "payer_account", "44050167000000001235");
	assert_mismatch(world, body, "payer_account");
	body = sim_body_remittance(&world->journey);
	json_put_text(body, "payer_name", "广州市某某科技有限公司 ");
	assert_mismatch(world, body, "payer_name");
	body = sim_body_remittance(&world->journey);
	json_put_number(body, "amount_fen", 20001);
	assert_mismatch(world, body, "amount_short"); /* the bank shows less than was declared */
	body = sim_body_remittance(&world->journey);
	json_put_number(body, "amount_fen", 19999);
	assert_mismatch(world, body, "amount_over");
	world->journey.paid_at += CLOCK_SECOND;
	assert_mismatch(world, sim_body_remittance(&world->journey), "time");
	world->journey.paid_at -= CLOCK_SECOND;
	assert_string_equal(declare(world, sim_body_remittance(&world->journey)), "verified");
}

static void the_time_is_compared_at_its_precision_in_shanghai(void **state)
{
	struct world *world = *state;
	json_t *body;

	world->client.now =
		NOON + 7 * INT64_C(3600) * CLOCK_SECOND + 59 * CLOCK_SECOND; /* 23:00:59 */
	walk(world, WALK_TRANSFERRED);
	body = sim_body_remittance(&world->journey);
	json_put_text(body, "paid_at", "2026-11-22T23:00:00+08:00");
	assert_mismatch(world, body, "time");
	body = sim_body_remittance(&world->journey);
	json_put_text(body, "paid_at", "2026-11-23T00:00:00+08:00");
	json_put_text(body, "paid_at_precision", "date");
	assert_mismatch(world, body, "time");
	body = sim_body_remittance(&world->journey);
	json_put_text(body, "paid_at", "2026-11-22T23:00:00+08:00");
	json_put_text(body, "paid_at_precision", "minute");
	assert_string_equal(declare(world, body), "verified");
}

static void a_date_is_the_day_in_shanghai(void **state)
{
	struct world *world = *state;
	json_t *body;

	walk(world, WALK_TRANSFERRED);
	body = sim_body_remittance(&world->journey);
	json_put_text(body, "paid_at", "2026-11-22T00:00:00+08:00");
	json_put_text(body, "paid_at_precision", "date");
	assert_string_equal(declare(world, body), "verified");
}

static void another_amount_than_the_due_is_short_or_over(void **state)
{
	struct world *world = *state;
	OWNED char *small = sim_payment_file("PO1", 19900, "");
	OWNED char *large = sim_payment_file("PO1", 20100, "");
	json_t *body;

	walk(world, WALK_PAYING);
	world->journey.paid_at = world->client.now;
	(void)sim_client_post(&world->client, "/sim/bank/execute", small);
	body = sim_body_remittance(&world->journey);
	json_put_number(body, "amount_fen", 19900);
	assert_mismatch(world, body, "amount_short");
	(void)sim_client_post(&world->client, "/sim/bank/execute", large);
	body = sim_body_remittance(&world->journey);
	json_put_number(body, "amount_fen", 20100);
	assert_mismatch(world, body, "amount_over");
}

/* Execute one transfer of 200.00 with the given payer and payee. */
static void transfer(struct world *world, const char *payer, const char *payee)
{
	OWNED char *file =
		text_dupf("付款单号,付款账号,付款户名,收款户名,收款账号,收款银行,金额,币种,附言\n"
			  "P,44050167000000001234,%s,%s,44050158010109666888,x,200.00,CNY,\n",
			payer, payee);

	assert_int_equal(sim_client_post(&world->client, "/sim/bank/execute", file), 200);
	world->journey.paid_at = world->client.now;
}

static void a_transfer_to_someone_else_is_the_wrong_payee(void **state)
{
	struct world *world = *state;

	walk(world, WALK_PAYING);
	transfer(world, "广州市某某科技有限公司", "广东省电子商务认证公司");
	assert_mismatch(world, sim_body_remittance(&world->journey), "wrong_payee");
}

static void a_persons_account_is_not_corporate(void **state)
{
	struct world *world = *state;
	json_t *body;

	walk(world, WALK_PAYING);
	transfer(world, "张小明", "广东省电子商务认证有限公司");
	body = sim_body_remittance(&world->journey);
	json_put_text(body, "payer_name", "张小明");
	assert_mismatch(world, body, "payer_not_corporate");
}

static void a_transfer_pays_once(void **state)
{
	struct world *world = *state;
	struct sim_journey second = { 0 };
	OWNED char *file = sim_payment_file("PO1", 20000, "");

	assert_int_equal(sim_client_enrol(&world->client, second.certificate, world_public_pem,
				 "both", NOON + 20 * CLOCK_DAY),
		201);
	walk(world, WALK_VERIFIED);
	assert_true(sim_client_walk(&world->client, &second, WALK_PAYING));
	second.paid_at = world->journey.paid_at;
	world->journey = second;
	assert_string_equal(declare(world, sim_body_remittance(&second)), "failed");
	assert_string_equal(json_peek_text(failure(world), "code"), "REMITTANCE_USED");
	/* The same order in a second file is a second debit, which pays the second one. */
	assert_int_equal(sim_client_post(&world->client, "/sim/bank/execute", file), 200);
	assert_string_equal(declare(world, sim_body_remittance(&second)), "verified");
	assert_int_equal(sim_client_ledger(&world->client, "transfers"), 2);
}

static void a_named_serial_chooses_among_equal_transfers(void **state)
{
	struct world *world = *state;
	OWNED char *file = sim_payment_file("PO2", 20000, "");
	OWNED char *serial = NULL;
	const json_t *lines, *last;
	json_t *body;

	walk(world, WALK_TRANSFERRED);
	assert_int_equal(sim_client_post(&world->client, "/sim/bank/execute", file), 200);
	serial = text_dup(json_peek_text(
		json_array_get(json_object_get(world->client.reply, "items"), 0), "serial"));
	body = sim_body_remittance(&world->journey);
	json_put_text(body, "bank_serial", serial);
	assert_string_equal(declare(world, body), "verified");
	lines = json_object_get(bank_account(world->client.sim, "44050167000000001234"), "lines");
	last = json_array_get(lines, json_array_size(lines) - 1);
	assert_string_equal(json_peek_text(last, "used_by"), world->journey.payment);
}

static void a_verified_payment_repeats_its_verdict_and_takes_no_other(void **state)
{
	struct world *world = *state;
	json_t *body;

	walk(world, WALK_VERIFIED);
	assert_string_equal(declare(world, sim_body_remittance(&world->journey)), "verified");
	assert_int_equal(sim_client_ledger(&world->client, "replayed"), 1);
	body = sim_body_remittance(&world->journey);
	json_put_text(body, "paid_at_precision", "date");
	(void)declare(world, body);
	assert_problem(&world->client, 409, "STATE_CONFLICT");
	assert_int_equal(sim_client_ledger(&world->client, "verified"), 1);
}

static void a_remittance_after_the_quote_is_too_late(void **state)
{
	struct world *world = *state;

	walk(world, WALK_TRANSFERRED);
	world->journey.paid_at = NOON + 3 * CLOCK_DAY + CLOCK_SECOND;
	(void)declare(world, sim_body_remittance(&world->journey));
	assert_problem(&world->client, 410, "PAYMENT_EXPIRED");
	(void)declare(world, sim_body_remittance(&world->journey));
	assert_problem(&world->client, 409, "STATE_CONFLICT");
}

static void fields_of_the_remittance_are_required(void **state)
{
	static const char *const members[] = { "payer_account", "payer_name", "amount_fen",
		"paid_at", "paid_at_precision" };
	struct world *world = *state;
	json_t *body;

	walk(world, WALK_TRANSFERRED);
	for (size_t i = 0; i < COUNT_OF(members); i++) {
		body = sim_body_remittance(&world->journey);
		json_object_del(body, members[i]);
		(void)declare(world, body);
		assert_problem(&world->client, 422, "FIELD_INVALID");
	}
	body = sim_body_remittance(&world->journey);
	json_put_text(body, "paid_at_precision", "hour");
	(void)declare(world, body);
	assert_problem(&world->client, 422, "FIELD_INVALID");
	(void)snprintf(world->journey.payment, SIM_ID_TEXT, "pay_none");
	(void)declare(world, sim_body_remittance(&world->journey));
	assert_problem(&world->client, 404, "NOT_FOUND");
}

static void the_knob_lets_one_payment_arrive_late_and_no_other(void **state)
{
	struct world *world = *state;
	struct sim_journey second = { 0 };

	assert_int_equal(sim_client_enrol(&world->client, second.certificate, world_public_pem,
				 "both", NOON + 20 * CLOCK_DAY),
		201);
	walk(world, WALK_TRANSFERRED);
	(void)sim_client_knob(&world->client, "not_arrived_times", json_integer(2));
	for (int i = 0; i < 2; i++) {
		assert_string_equal(declare(world, sim_body_remittance(&world->journey)), "failed");
		assert_string_equal(json_peek_text(failure(world), "code"), "REMITTANCE_NOT_FOUND");
	}
	assert_true(sim_client_walk(&world->client, &second, WALK_VERIFIED));
	assert_string_equal(declare(world, sim_body_remittance(&world->journey)), "verified");
	assert_int_equal(sim_client_ledger(&world->client, "declared"), 2);
	assert_int_equal(
		json_peek_number(json_array_get(json_object_get(world->client.reply, "refused"), 0),
			"attempts", 0),
		2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_payment_names_amount_and_payee),
		WORLD_TEST(a_second_payment_is_refused_with_the_first_ones_id),
		WORLD_TEST(a_lenient_simulator_opens_the_second_payment_and_counts_it),
		WORLD_TEST(a_payment_that_makes_no_sense_is_refused),
		WORLD_TEST(a_quote_that_has_run_out_is_not_paid),
		WORLD_TEST(a_payments_client_ref_is_used_once),
		WORLD_TEST(the_payee_knob_changes_meta_and_payments),
		WORLD_TEST(four_exact_fields_verify_and_lead_to_approval),
		WORLD_TEST(before_the_transfer_it_is_not_found_and_may_be_declared_again),
		WORLD_TEST(each_wrong_field_is_named),
		WORLD_TEST(the_time_is_compared_at_its_precision_in_shanghai),
		WORLD_TEST(a_date_is_the_day_in_shanghai),
		WORLD_TEST(another_amount_than_the_due_is_short_or_over),
		WORLD_TEST(a_transfer_to_someone_else_is_the_wrong_payee),
		WORLD_TEST(a_persons_account_is_not_corporate),
		WORLD_TEST(a_transfer_pays_once),
		WORLD_TEST(a_named_serial_chooses_among_equal_transfers),
		WORLD_TEST(a_verified_payment_repeats_its_verdict_and_takes_no_other),
		WORLD_TEST(a_remittance_after_the_quote_is_too_late),
		WORLD_TEST(fields_of_the_remittance_are_required),
		WORLD_TEST(the_knob_lets_one_payment_arrive_late_and_no_other),
	};

	return cmocka_run_group_tests_name("simulator: payments", tests, world_make, world_drop);
}
