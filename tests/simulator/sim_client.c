/* SPDX-License-Identifier: Apache-2.0 */
/* Calls to the core as a client makes them, and the walk through an application that most tests
 * begin with. */
#include "tests/simulator/sim_client.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/text.h"
#include "tests/simulator/sim_sign.h"

static const char secret[] = "a secret of the tests";
static const char payer_account[] = "44050167000000001234";
static const char payer_name[] = "广州市某某科技有限公司";

static const struct sim_options test_options = {
	.key_id = "test", .secret = secret, .secret_len = sizeof(secret) - 1, .seed = 7
};

bool sim_client_new(struct sim_client *client, int64_t now, struct fault *fault)
{
	*client = (struct sim_client){ .now = now, .options = test_options };
	client->sim = sim_new(&client->options, now, fault);
	return client->sim != NULL;
}

bool sim_client_load(struct sim_client *client, const char *text, int64_t now, struct fault *fault)
{
	*client = (struct sim_client){ .now = now, .options = test_options };
	client->sim = sim_load(&client->options, text, strlen(text), fault);
	return client->sim != NULL;
}

static void drop_answer(struct sim_client *client)
{
	sim_answer_done(&client->answer);
	json_decref(client->reply);
	client->reply = NULL;
}

void sim_client_done(struct sim_client *client)
{
	drop_answer(client);
	sim_free(client->sim);
	client->sim = NULL;
}

static void keep_answer(struct sim_client *client)
{
	struct fault fault;

	client->is_signed = sim_check_answer(&client->options, &client->answer);
	client->reply = json_read(client->answer.body, client->answer.body_len, &fault);
	client->next = (struct sim_request){ 0 };
}

int sim_client_call(struct sim_client *client, const char *method, const char *target, json_t *body)
{
	OWNED char *bytes = body == NULL ? NULL : json_write(body);
	char nonce[32], key[32];
	OWNED char *authorization = NULL;
	struct sim_request *request = &client->next;

	drop_answer(client);
	json_decref(body);
	(void)snprintf(nonce, sizeof(nonce), "nonce-0123456-%08u", client->calls);
	(void)snprintf(key, sizeof(key), "key-%08u", client->calls++);
	request->method = method;
	request->target = target;
	if (request->body == NULL && bytes != NULL) {
		request->body = bytes;
		request->body_len = strlen(bytes);
	}
	if (request->idempotency_key == NULL && text_equal(method, "POST"))
		request->idempotency_key = key;
	if (request->authorization == NULL) {
		authorization = sim_sign_request(&client->options, request, client->now, nonce);
		request->authorization = authorization;
	}
	sim_gateway(client->sim, client->now, request, &client->answer);
	keep_answer(client);
	return client->answer.status;
}

int sim_client_control(
	struct sim_client *client, const char *method, const char *target, json_t *body)
{
	OWNED char *bytes = body == NULL ? NULL : json_write(body);
	struct sim_request request = { .method = method,
		.target = target,
		.body = bytes,
		.body_len = bytes == NULL ? 0 : strlen(bytes) };

	drop_answer(client);
	json_decref(body);
	sim_control(client->sim, client->now, &request, &client->answer);
	keep_answer(client);
	return client->answer.status;
}

int sim_client_post(struct sim_client *client, const char *target, const char *bytes)
{
	struct sim_request request = {
		.method = "POST", .target = target, .body = bytes, .body_len = strlen(bytes)
	};

	drop_answer(client);
	sim_control(client->sim, client->now, &request, &client->answer);
	keep_answer(client);
	return client->answer.status;
}

const char *sim_client_text(const struct sim_client *client, const char *key)
{
	const char *text = json_peek_text(client->reply, key);

	return text == NULL ? "" : text;
}

int64_t sim_client_ledger(struct sim_client *client, const char *name)
{
	(void)sim_client_control(client, "GET", "/sim/ledger", NULL);
	return json_peek_number(client->reply, name, -1);
}

int sim_client_knob(struct sim_client *client, const char *name, json_t *value)
{
	json_t *body = json_object();

	json_object_set_new(body, name, value);
	return sim_client_control(client, "PUT", "/sim/knobs", body);
}

/* ---- bodies ---- */

static void put_instant(json_t *body, const char *key, int64_t at)
{
	sim_put_instant(body, key, at / CLOCK_SECOND * CLOCK_SECOND);
}

json_t *sim_body_agreement(const struct sim_client *client)
{
	JSON *current = meta_agreement(client->sim);
	json_t *body = json_object();

	json_put_text(body, "agreement_id", json_peek_text(current, "id"));
	json_put_text(body, "version", json_peek_text(current, "version"));
	json_put_text(body, "sha256", json_peek_text(current, "sha256"));
	put_instant(body, "accepted_at", client->now);
	json_put_text(body, "accepted_by", "王芳");
	return body;
}

json_t *sim_body_intent(const struct sim_client *client)
{
	JSON *statement = meta_statement();
	json_t *body = json_object();

	json_object_set_new(body, "handler",
		json_pack("{s:s, s:s, s:s}", "name", "王芳", "mobile", "13800138000", "email",
			"wangfang@example.cn"));
	json_put_text(body, "statement_id", json_peek_text(statement, "id"));
	json_put_text(body, "statement_sha256", json_peek_text(statement, "sha256"));
	put_instant(body, "declared_at", client->now);
	json_object_set_new(body, "declared_by_human", json_true());
	return body;
}

json_t *sim_body_attachment(void)
{
	static const char file[] = "%PDF-1.4\na form with a seal\n%%EOF\n";
	OWNED char *base64 = base64_encode(file, sizeof(file) - 1);

	return json_pack("{s:s, s:s, s:s}", "type", "application_form", "filename", "form.pdf",
		"data_b64", base64);
}

json_t *sim_body_remittance(const struct sim_journey *journey)
{
	json_t *body = json_object();

	json_put_text(body, "payer_account", payer_account);
	json_put_text(body, "payer_name", payer_name);
	json_put_number(body, "amount_fen", 20000);
	put_instant(body, "paid_at", journey->paid_at);
	json_put_text(body, "paid_at_precision", "second");
	return body;
}

char *sim_payment_file(const char *order, int64_t fen, const char *memo)
{
	return text_dupf(
		"\xef\xbb\xbf付款单号,付款账号,付款户名,收款户名,收款账号,收款银行,金额,币种,附言\r\n"
		"%s,%s,%s,广东省电子商务认证有限公司,44050158010109666888,"
		"中国建设银行股份有限公司广州东山支行,%" PRId64 ".%02" PRId64 ",CNY,%s\r\n",
		order, payer_account, payer_name, fen / 100, fen % 100, memo);
}

int sim_client_enrol(struct sim_client *client, char id[SIM_ID_TEXT], const char *public_pem,
	const char *usage, int64_t not_after)
{
	json_t *body = json_pack("{s:s, s:s, s:s, s:n, s:s, s:s}", "holder", payer_name, "uscc",
		"91440101MA59ABCD1X", "service", "政务服务", "media_no", "key_spki", public_pem,
		"usage", usage);
	int status;

	put_instant(body, "not_before", client->now - 300 * CLOCK_DAY);
	put_instant(body, "not_after", not_after);
	status = sim_client_control(client, "POST", "/sim/enrol", body);
	(void)snprintf(id, SIM_ID_TEXT, "%s", sim_client_text(client, "certificate_id"));
	return status;
}

/* ---- the walk ---- */

static bool walk_bind(struct sim_client *client, struct sim_journey *journey)
{
	const json_t *record = sim_find(client->sim, "certificates", journey->certificate);
	json_t *body = json_object();
	JSON *phone = json_pack("{s:s}", "action", "confirm");

	if (journey->client_ref[0] == '\0')
		(void)snprintf(
			journey->client_ref, SIM_ID_TEXT, "ref-%s", journey->certificate + 5);
	json_put_text(body, "client_ref", journey->client_ref);
	json_object_set_new(body, "certificate",
		json_pack("{s:s*, s:s*}", "issuer_sha256", json_peek_text(record, "issuer_sha256"),
			"serial", json_peek_text(record, "serial")));
	if (sim_client_call(client, "POST", "/v1/bindings", body) != 201)
		return false;
	if (text_equal(sim_client_text(client, "state"), "confirmed"))
		return true; /* bound before, and kept */
	json_put_text(phone, "qr_text", sim_client_text(client, "qr_text"));
	return sim_client_control(client, "POST", "/sim/phone", json_incref(phone)) == 200;
}

static bool walk_open(struct sim_client *client, struct sim_journey *journey)
{
	const json_t *record = sim_find(client->sim, "certificates", journey->certificate);
	bool expired = json_peek_number(record, "not_after", 0) <= client->now;
	int status = sim_client_call(client, "POST", "/v1/applications",
		json_pack("{s:s, s:s, s:s}", "client_ref", journey->client_ref, "certificate_id",
			journey->certificate, "kind", expired ? "expired" : "expiring"));

	(void)snprintf(journey->application, SIM_ID_TEXT, "%s", sim_client_text(client, "id"));
	return status == 201;
}

/* METHOD on the application's part PART. */
static bool step(struct sim_client *client, const struct sim_journey *journey, const char *method,
	const char *part, json_t *body)
{
	OWNED char *target = text_dupf("/v1/applications/%s/%s", journey->application, part);
	int status = sim_client_call(client, method, target, body);

	return status == 200 || status == 201;
}

static bool walk_complete(struct sim_client *client, struct sim_journey *journey)
{
	const json_t *record = sim_find(client->sim, "certificates", journey->certificate);

	if (!step(client, journey, "PUT", "agreement", sim_body_agreement(client)) ||
		!step(client, journey, "PUT", "term", json_pack("{s:i}", "years", 1)))
		return false;
	if (json_peek_number(record, "not_after", 0) <= client->now &&
		!step(client, journey, "POST", "attachments", sim_body_attachment()))
		return false;
	return step(client, journey, "PUT", "intent", sim_body_intent(client));
}

static bool walk_submit(struct sim_client *client, struct sim_journey *journey)
{
	return step(client, journey, "POST", "submit", NULL);
}

static bool walk_pay(struct sim_client *client, struct sim_journey *journey)
{
	int status = sim_client_call(client, "POST", "/v1/payments",
		json_pack("{s:s, s:[s], s:s}", "method", "bank_transfer", "applications",
			journey->application, "invoice_email", "finance@example.cn"));

	(void)snprintf(journey->payment, SIM_ID_TEXT, "%s", sim_client_text(client, "id"));
	return status == 201;
}

static bool walk_transfer(struct sim_client *client, struct sim_journey *journey)
{
	OWNED char *file = sim_payment_file("PO1", 20000, "XQ7K3M9T2B22");

	journey->paid_at = client->now;
	return sim_client_post(client, "/sim/bank/execute", file) == 200;
}

static bool walk_verify(struct sim_client *client, struct sim_journey *journey)
{
	OWNED char *target = text_dupf("/v1/payments/%s/remittance", journey->payment);

	return sim_client_call(client, "PUT", target, sim_body_remittance(journey)) == 200 &&
		text_equal(sim_client_text(client, "state"), "verified");
}

static bool walk_approve(struct sim_client *client, struct sim_journey *journey)
{
	client->now += CLOCK_SECOND;
	return step(client, journey, "GET", "issuance", NULL);
}

static bool walk_install(struct sim_client *client, struct sim_journey *journey)
{
	const json_t *application = sim_find(client->sim, "applications", journey->application);
	json_t *digests = json_array();
	json_t *report = json_pack("{s:s, s:s, s:s, s:o}", "result", "installed", "token_serial",
		"a1b2", "workstation", "ws-1", "certificate_sha256", digests);
	json_t *issued;
	size_t i;

	json_array_foreach(json_object_get(application, "issued"), i, issued)
		json_array_append(digests, json_object_get(issued, "sha256"));
	put_instant(report, "started_at", client->now);
	put_instant(report, "finished_at", client->now);
	return step(client, journey, "POST", "install-reports", report);
}

bool sim_client_walk(struct sim_client *client, struct sim_journey *journey, enum sim_walk last)
{
	static bool (*const steps[])(struct sim_client *, struct sim_journey *) = {
		[WALK_BOUND] = walk_bind,
		[WALK_DRAFT] = walk_open,
		[WALK_COMPLETE] = walk_complete,
		[WALK_SUBMITTED] = walk_submit,
		[WALK_PAYING] = walk_pay,
		[WALK_TRANSFERRED] = walk_transfer,
		[WALK_VERIFIED] = walk_verify,
		[WALK_APPROVED] = walk_approve,
		[WALK_INSTALLED] = walk_install,
	};

	for (int i = WALK_BOUND; i <= (int)last; i++) {
		if (!steps[i](client, journey))
			return false;
	}
	return true;
}
