/* SPDX-License-Identifier: Apache-2.0 */
/* Odd requests and random lives: whatever is asked, in any order, the core answers, and its books stay
 * right: one open application per certificate, each paid once at most, no refund without a payment. */
#include "tests/unit/sim_world.h"

#include "tests/simulator/sim_knobs.h"

static const char *const bodies[] = { "", "{}", "[]", "null", "{\"client_ref\":7}",
	"{\"client_ref\":\"ref-000001\",\"certificate\":[],\"certificates\":{}}",
	"{\"certificate_id\":null,\"kind\":{},\"client_ref\":\"ref-000001\"}",
	"{\"method\":\"wechat_pay\",\"applications\":[{}],\"invoice_email\":\"a@b\"}",
	"{\"applications\":\"x\",\"method\":[],\"invoice_email\":1}",
	"{\"handler\":7,\"declared_by_human\":\"yes\"}",
	"{\"type\":1,\"data_b64\":\"!\",\"size\":-9}", "{\"url\":\"http://x\",\"events\":[7]}",
	"{\"mobile\":\"13800138000\",\"code\":[]}", "{\"serials\":[1,null],\"serial\":{}}",
	"{\"qr_text\":\"\",\"action\":7}", "{\"code_url\":{},\"action\":\"pay\"}",
	"{\"application_no\":\"\",\"attachments\":[1]}",
	"{\"review\":{\"value\":[]},\"invoice\":[[]]}", "{\"years\":1e300}",
	"{\"paid_at\":\"\",\"payer_account\":\"1\",\"payer_name\":\"1\",\"amount\":\"1.\"}" };

static const char *const targets[] = { "/v1/meta", "/v1/bindings", "/v1/bindings/x",
	"/v1/certificates?limit=0", "/v1/applications", "/v1/applications?updated_since=never",
	"/v1/applications/x/agreement", "/v1/applications/x/resubmit", "/v1/payments",
	"/v1/payments/x/close", "/v1/payments/x/remittance", "/v1/refunds?cursor=-1",
	"/v1/refunds/x", "/v1/invoice-logins", "/v1/invoice-logins/x",
	"/v1/invoices/x/file?login=%00&format=%", "/v1/webhooks", "/v1/webhooks/x", "/v1", "",
	"/sim/knobs", "/sim/ledger", "/sim/enrol", "/sim/certificates", "/sim/phone",
	"/sim/phone/messages?limit=1", "/sim/bank/execute", "/sim/bank/return",
	"/sim/bank/statement?account=", "/sim/person/page", "/sim/person/qr", "/sim/person/bind",
	"/sim/person/counter", "/sim/person/apply", "/sim/person/remit", "/sim/person/correct",
	"/sim/person/withdraw", "/sim/person/applications/x", "/sim/person/install",
	"/sim/person/invoice?application_no=%E5" };

static void every_odd_request_gets_an_answer(void **state)
{
	static const char *const methods[] = { "GET", "POST", "PUT", "DELETE", "PATCH" };
	struct world *world = *state;
	struct sim_client *client = &world->client;
	size_t good = 0;

	for (size_t t = 0; t < COUNT_OF(targets) * COUNT_OF(methods) * COUNT_OF(bodies); t++) {
		const char *target = targets[t % COUNT_OF(targets)];
		const char *method = methods[t / COUNT_OF(targets) % COUNT_OF(methods)];
		const char *body = bodies[t / COUNT_OF(targets) / COUNT_OF(methods)];
		struct sim_request request = {
			.method = method, .target = target, .body = body, .body_len = strlen(body)
		};

		if (text_starts(target, "/sim")) {
			struct sim_answer answer;

			sim_control(client->sim, client->now, &request, &answer);
			assert_in_range(answer.status, 200, 599);
			good += answer.status < 300;
			sim_answer_done(&answer);
			continue;
		}
		client->next.body = body;
		client->next.body_len = strlen(body);
		assert_in_range(sim_client_call(client, method, target, NULL), 200, 499);
		assert_true(client->is_signed);
		good += client->answer.status < 300;
	}
	assert_true(good > 100);
	assert_int_equal(sim_ledger_count(client->sim, "applications"), 0);
}

/* ---- random lives ---- */

enum { LIVES = 60, STEPS = 250, CERTIFICATES = 4 };

/* A generator of its own: xorshift64 (Marsaglia 2003). */
static uint64_t draw(uint64_t *seed, uint64_t limit)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed % limit;
}

/* Texts of MEMBER in TABLE at random; "none" where the table is empty. */
static const char *any(const struct sim *sim, uint64_t *seed, const char *table, const char *member)
{
	json_t *all = sim_table(sim, table);
	size_t skip = json_object_size(all) == 0 ? 0 : (size_t)draw(seed, json_object_size(all));
	const char *id, *text = NULL;
	json_t *one;

	json_object_foreach(all, id, one)
	{
		if (skip-- == 0) {
			text = json_peek_text(one, member);
			break;
		}
	}
	return text == NULL ? "none" : text;
}

static void turn_a_knob(struct sim_client *client, uint64_t *seed)
{
	static const struct {
		const char *name, *word;
	} turns[] = { { "review", "silent" }, { "review", "correctable" }, { "review", "final" },
		{ "review", "closed_carried_over" }, { "review", "closed_refunded" },
		{ "review", "approve_then_revoke" }, { "refund", "processing_abnormal_success" },
		{ "refund", "closed" }, { "invoice", "none" }, { "invoice", "late_s" },
		{ "invoice", "send_failed" }, { "issue_wrong", "truncated" },
		{ "remittance_fail", "time" }, { "attachment_reject", "type" },
		{ "fail_before", "timeout" } };

	size_t which = (size_t)draw(seed, COUNT_OF(turns));

	(void)sim_client_knob(client, turns[which].name,
		json_pack(
			"{s:s, s:i}", "value", turns[which].word, "times", (int)draw(seed, 3) + 1));
}

/* Numbers for everybody, and what a receiver of notices makes of them. */
static void let_the_world_be(struct sim_client *client, uint64_t *seed)
{
	struct sim_delivery delivery;

	(void)sim_client_knob(client, "verify_ms", json_integer(draw(seed, 2) == 0 ? 0 : 60000));
	(void)sim_client_knob(client, "rekey", json_boolean(draw(seed, 4) == 0));
	(void)sim_client_knob(client, "notice_twice", json_boolean(draw(seed, 2) == 0));
	while (sim_delivery_take(client->sim, client->now, &delivery)) {
		sim_delivery_done(
			client->sim, client->now, delivery.id, draw(seed, 3) == 0 ? 503 : 200);
		sim_delivery_free(&delivery);
	}
}

static void befall(struct sim_client *client, uint64_t *seed)
{
	const char *status = draw(seed, 60) == 0 ? "revoked"
		: draw(seed, 4) == 0             ? "on_hold"
						 : "valid";

	(void)sim_client_control(client, "POST", "/sim/certificates",
		json_pack("{s:s, s:s}", "certificate_id",
			any(client->sim, seed, "certificates", "id"), "status", status));
}

static void apply_somehow(struct sim_client *client, uint64_t *seed)
{
	struct sim_journey journey = { 0 };

	(void)snprintf(journey.certificate, SIM_ID_TEXT, "%s",
		any(client->sim, seed, "certificates", "id"));
	(void)snprintf(journey.client_ref, SIM_ID_TEXT, "ref-%u", client->calls + 100000);
	(void)sim_client_walk(client, &journey, (enum sim_walk)draw(seed, WALK_INSTALLED + 1));
}

static void sit_somehow(struct sim_client *client, uint64_t *seed)
{
	const char *serial = any(client->sim, seed, "certificates", "serial");
	OWNED char *file = sim_payment_file("PO1", 20000, "");

	(void)sim_client_control(
		client, "POST", "/sim/person/bind", json_pack("{s:s}", "serial", serial));
	(void)sim_client_post(client, "/sim/bank/execute", file);
	(void)sim_client_control(client, "POST", "/sim/person/apply",
		json_pack("{s:s, s:s, s:i, s:b, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "serial",
			serial, "agreement", "2026-01", "years", 1, "statement", 1, "handler_name",
			"王芳", "mobile", "13800138000", "email", "a@b.cn", "payer_account",
			"44050167000000001234", "payer_name", "广州市某某科技有限公司", "amount",
			"200.00", "paid_at", "2026-11-22"));
}

static void act_on_application(struct sim_client *client, uint64_t *seed)
{
	static const struct {
		const char *method, *part;
	} acts[] = { { "POST", "withdraw" }, { "POST", "csr" }, { "POST", "resubmit" },
		{ "GET", "issuance" }, { "PUT", "intent" }, { "POST", "submit" },
		{ "POST", "attachments" } };

	size_t which = (size_t)draw(seed, COUNT_OF(acts));
	OWNED char *target = text_dupf("/v1/applications/%s/%s",
		any(client->sim, seed, "applications", "id"), acts[which].part);
	json_t *body = which == 1 ? json_pack("{s:s}", "p10", "on paper anything will do")
		: which == 4      ? sim_body_intent(client)
		: which == 6      ? sim_body_attachment()
				  : NULL;

	(void)sim_client_call(client, acts[which].method, target, body);
}

static void act_on_money(struct sim_client *client, uint64_t *seed)
{
	static const char *const methods[] = { "wechat_pay", "bank_transfer" };
	OWNED char *close =
		text_dupf("/v1/payments/%s/close", any(client->sim, seed, "payments", "id"));

	(void)sim_client_call(client, "POST", "/v1/payments",
		json_pack("{s:s, s:[s], s:s}", "method", methods[draw(seed, 2)], "applications",
			any(client->sim, seed, "applications", "id"), "invoice_email", "a@b.cn"));
	(void)sim_client_control(client, "POST", "/sim/phone",
		json_pack("{s:s, s:s}", "code_url", any(client->sim, seed, "payments", "code_url"),
			"action", draw(seed, 4) == 0 ? "pay_late" : "pay"));
	if (draw(seed, 3) == 0)
		(void)sim_client_call(client, "POST", close, NULL);
}

/* Report the installation of an application that is approved, if there is one. */
static void install_somehow(struct sim_client *client, uint64_t *seed)
{
	const char *id = any(client->sim, seed, "applications", "id");
	const json_t *application = sim_find(client->sim, "applications", id);
	OWNED char *target = text_dupf("/v1/applications/%s/install-reports", id);
	json_t *digests = json_array();
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(application, "issued"), i, one)
		json_array_append(digests, json_object_get(one, "sha256"));
	(void)sim_client_call(client, "POST", target,
		json_pack("{s:s, s:s, s:o, s:s, s:s, s:s}", "result", "installed", "token_serial",
			"a1", "certificate_sha256", digests, "workstation", "ws-1", "started_at",
			"2026-11-22T08:00:00Z", "finished_at", "2026-11-22T08:00:00Z"));
	(void)sim_client_control(client, "POST", "/sim/person/install",
		json_pack("{s:s}", "serial", any(client->sim, seed, "certificates", "serial")));
}

static void live(struct sim_client *client, uint64_t *seed)
{
	static void (*const acts[])(struct sim_client *, uint64_t *) = { apply_somehow,
		apply_somehow, sit_somehow, act_on_application, act_on_application, act_on_money,
		install_somehow, let_the_world_be, turn_a_knob, befall };

	acts[draw(seed, COUNT_OF(acts))](client, seed);
	if (draw(seed, 3) == 0)
		client->now += (int64_t)draw(seed, 100000) * CLOCK_SECOND / 100;
}

/* Payments of the application whose money the CA holds: paid, and no refund has begun. */
static int held(const struct sim *sim, const json_t *application)
{
	const char *id;
	json_t *payment;
	int count = 0;

	json_object_foreach(sim_table(sim, "payments"), id, payment) count +=
		payment_application(sim, payment) == application &&
		(payment_is(payment, "paid") || payment_is(payment, "verified"));
	return count;
}

static void check_application(struct sim *sim, const json_t *application)
{
	static const char *const paid[] = { "paid", "in_review", "correction_required", "blocked",
		"approved", "issued", "installed" };
	bool wants = false;

	for (size_t i = 0; i < COUNT_OF(paid); i++)
		wants |= application_is(application, paid[i]);
	assert_int_equal(held(sim, application), wants);
	if (application_is_open(application))
		assert_ptr_equal(
			application_open(sim, json_peek_text(application, "set_id")), application);
}

static void check_books(struct sim *sim)
{
	const char *id;
	json_t *one;
	int64_t refunds = 0;

	json_object_foreach(sim_table(sim, "applications"), id, one) check_application(sim, one);
	json_object_foreach(sim_table(sim, "payments"), id, one) refunds +=
		json_peek_text(one, "refund_id") != NULL;
	assert_int_equal(refunds, sim_ledger_count(sim, "refunds"));
	assert_int_equal(json_object_size(sim_table(sim, "refunds")), refunds);
}

static void the_books_stay_right_through_random_lives(void **state)
{
	int64_t installed = 0, refunds = 0, wechat = 0, corrections = 0;

	(void)state;
	for (uint64_t life = 1; life <= LIVES; life++) {
		struct sim_client client = { .now = NOON };
		uint64_t seed = life * UINT64_C(0x9e3779b97f4a7c15);
		char id[SIM_ID_TEXT];
		struct fault fault;

		client.options = (struct sim_options){ .key_id = "k",
			.secret = "secret",
			.secret_len = 6,
			.seed = (int64_t)life,
			.keys = SIM_KEYS_NONE };
		client.sim = sim_new(&client.options, NOON, &fault);
		(void)sim_client_call(&client, "POST", "/v1/webhooks",
			json_pack("{s:s, s:[s]}", "url", "http://x", "events", "*"));
		for (int i = 0; i < CERTIFICATES; i++)
			(void)sim_client_enrol(&client, id, world_public_pem, "both",
				NOON + INT64_C(20) * (i - 1) * CLOCK_DAY);
		for (int step = 0; step < STEPS; step++) {
			live(&client, &seed);
			check_books(client.sim);
		}
		installed += sim_ledger_count(client.sim, "installed");
		refunds += sim_ledger_count(client.sim, "refunds");
		wechat += sim_ledger_count(client.sim, "wechat_payments");
		corrections += sim_ledger_count(client.sim, "corrections");
		sim_client_done(&client);
	}
	/* The lives have led everywhere. */
	assert_true(installed > LIVES / 4 && refunds > LIVES / 4);
	assert_true(wechat > LIVES / 4 && corrections > LIVES / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(every_odd_request_gets_an_answer),
		WORLD_TEST(the_books_stay_right_through_random_lives),
	};

	return cmocka_run_group_tests_name("simulator: strangers", tests, world_make, world_drop);
}
