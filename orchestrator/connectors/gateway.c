/* SPDX-License-Identifier: Apache-2.0 */
/* The connector for the renewal gateway contract (schema/gateway.yaml): which request each step of the
 * guide is, and what its answer means.  Stages never see HTTP. */
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/digest.h"
#include "common/log.h"
#include "common/secret.h"
#include "common/text.h"
#include "orchestrator/connectors/connector.h"
#include "orchestrator/connectors/gateway_sign.h"
#include "orchestrator/domain/personal.h"
#include "orchestrator/loop/outbound.h"

enum { ANSWER_MAX = 4 * 1024 * 1024, HEADER_MAX = 1024, NAMED_PART = 3 /* strlen("{.}") */ };

struct gateway {
	struct connector connector;
	struct outbound *outbound;
	char *url, *ca_file, *key_id;
	unsigned timeout_ms;
	struct secret secret;
};

/* `{i}` is the CA's id, `{r}` our client_ref.  An ask that names a list finds its one item. */
struct request_shape {
	const char *method, *path, *ask;
};

static const struct request_shape shapes[] = {
	[CONNECTOR_META] = { "GET", "/v1/meta", NULL },
	[CONNECTOR_AGREEMENT] = { "GET", "/v1/agreements/current", NULL },
	[CONNECTOR_BIND] = { "POST", "/v1/bindings", "/v1/bindings?client_ref={r}" },
	[CONNECTOR_BIND_STATUS] = { "GET", "/v1/bindings/{i}", NULL },
	[CONNECTOR_UNBIND] = { "DELETE", "/v1/bindings/{i}", NULL },
	[CONNECTOR_CERTIFICATE] = { "GET", "/v1/certificates?serial={i}", NULL },
	[CONNECTOR_OPEN] = { "POST", "/v1/applications", "/v1/applications?client_ref={r}" },
	[CONNECTOR_AGREE] = { "PUT", "/v1/applications/{i}/agreement", NULL },
	[CONNECTOR_TERMS] = { "GET", "/v1/applications/{i}/terms", NULL },
	[CONNECTOR_TERM] = { "PUT", "/v1/applications/{i}/term", NULL },
	[CONNECTOR_ATTACH] = { "POST", "/v1/applications/{i}/attachments", NULL },
	[CONNECTOR_INTENT] = { "PUT", "/v1/applications/{i}/intent", NULL },
	[CONNECTOR_SUBMIT] = { "POST", "/v1/applications/{i}/submit", NULL },
	[CONNECTOR_WITHDRAW] = { "POST", "/v1/applications/{i}/withdraw", NULL },
	[CONNECTOR_PAY] = { "POST", "/v1/payments", "/v1/payments?application={i}" },
	[CONNECTOR_CLOSE] = { "POST", "/v1/payments/{i}/close", NULL },
	[CONNECTOR_REMIT] = { "PUT", "/v1/payments/{i}/remittance", NULL },
	[CONNECTOR_PAY_STATUS] = { "GET", "/v1/payments/{i}", NULL },
	[CONNECTOR_STATUS] = { "GET", "/v1/applications/{i}", NULL },
	[CONNECTOR_RESUBMIT] = { "POST", "/v1/applications/{i}/resubmit", NULL },
	[CONNECTOR_REFUND] = { "GET", "/v1/refunds/{i}", NULL },
	[CONNECTOR_ISSUANCE] = { "GET", "/v1/applications/{i}/issuance", NULL },
	[CONNECTOR_INSTALL_REPORT] = { "POST", "/v1/applications/{i}/install-reports", NULL },
	[CONNECTOR_INVOICE] = { "GET", "/v1/applications/{i}/invoice", NULL },
	[CONNECTOR_RESEND] = { "POST", "/v1/applications/{i}/invoice/resend", NULL },
};

/* offered · effect · spends · can ask */
/* clang-format off */
const struct connector_traits gateway_traits = {
	.capabilities = CAPABILITY_BIT(CAN_APPLY_FIRST) | CAPABILITY_BIT(CAN_QUOTES_PRICE) |
		CAPABILITY_BIT(CAN_SHOWS_QR) | CAPABILITY_BIT(CAN_DELIVERS) | CAPABILITY_BIT(CAN_INSTALL_REPORT) |
		CAPABILITY_BIT(CAN_WECHAT_PAY) | CAPABILITY_BIT(CAN_WITHDRAW) |
		CAPABILITY_BIT(CAN_REFUND),
	.ops = {
		[CONNECTOR_META] = { true, false, false, false },
		[CONNECTOR_AGREEMENT] = { true, false, false, false },
		[CONNECTOR_BIND] = { true, true, false, true },
		[CONNECTOR_BIND_STATUS] = { true, false, false, false },
		[CONNECTOR_UNBIND] = { true, true, false, false },
		[CONNECTOR_CERTIFICATE] = { true, false, false, false },
		[CONNECTOR_OPEN] = { true, true, false, true },
		[CONNECTOR_AGREE] = { true, true, false, false },
		[CONNECTOR_TERMS] = { true, false, false, false },
		[CONNECTOR_TERM] = { true, true, false, false },
		[CONNECTOR_ATTACH] = { true, true, false, false },
		[CONNECTOR_INTENT] = { true, true, false, false },
		[CONNECTOR_SUBMIT] = { true, true, true, false },
		[CONNECTOR_WITHDRAW] = { true, true, false, false },
		[CONNECTOR_PAY] = { true, true, true, true },
		[CONNECTOR_CLOSE] = { true, true, false, false },
		[CONNECTOR_REMIT] = { true, true, true, false },
		[CONNECTOR_PAY_STATUS] = { true, false, false, false },
		[CONNECTOR_STATUS] = { true, false, false, false },
		[CONNECTOR_RESUBMIT] = { true, true, false, false },
		[CONNECTOR_REFUND] = { true, false, false, false },
		[CONNECTOR_ISSUANCE] = { true, false, false, false },
		[CONNECTOR_INSTALL_REPORT] = { true, true, false, false },
		[CONNECTOR_INVOICE] = { true, false, false, false },
		[CONNECTOR_RESEND] = { true, true, false, false },
	},
};

/* clang-format on */

static char *fill_path(const char *shape, const struct connector_call *call)
{
	const char *mark = strchr(shape, '{');

	if (mark == NULL)
		return text_dup(shape);

	const char *value = mark[1] == 'i' ? call->id : call->ref;

	return text_dupf("%.*s%s%s", (int)(mark - shape), shape, value, mark + NAMED_PART);
}

static enum flow_next gateway_begin(
	struct connector *connector, struct flow *flow, const struct connector_call *call)
{
	struct gateway *self = CONTAINER_OF(connector, struct gateway, connector);
	const struct request_shape *shape = &shapes[call->op];
	const char *method = call->asking ? "GET" : shape->method;
	bool has_body = strcmp(method, "GET") != 0 && strcmp(method, "DELETE") != 0;
	OWNED char *target = fill_path(call->asking ? shape->ask : shape->path, call);
	OWNED char *url = text_dupf("%s%s", self->url, target);
	struct fault fault;
	JSON *opened = has_body && call->body != NULL
		? personal_opened(call->body, call->keys, &fault)
		: json_object();

	if (opened == NULL)
		return flow_fail_with(flow, &fault);

	OWNED char *body = has_body ? json_write(opened) : text_dup("");
	OWNED char *signature = gateway_sign_request(&self->secret, self->key_id, clock_now(),
		&(struct gateway_message){
			.method = method, .target = target, .body = body, .len = strlen(body) });
	OWNED char *authorization = text_dupf("Authorization: %s", signature);
	OWNED char *key = text_dupf("Idempotency-Key: %s", call->key != NULL ? call->key : "");
	const char *const headers[] = { authorization,
		has_body ? "Content-Type: application/json" : "Accept: application/json",
		call->key != NULL && strcmp(method, "POST") == 0 ? key : NULL, NULL };

	return outbound_begin(self->outbound, flow,
		&(struct outbound_request){ .method = method,
			.url = url,
			.headers = headers,
			.body = has_body ? body : NULL,
			.body_len = strlen(body),
			.answer_max = ANSWER_MAX,
			.timeout_ms = self->timeout_ms,
			.ca_file = self->ca_file[0] != '\0' ? self->ca_file : NULL });
}

/* Codes that mean: not now, and surely nothing happened. */
static const char *const later_codes[] = { "RATE_LIMITED", "MAINTENANCE", "REVIEW_PENDING",
	"ISSUANCE_NOT_READY", "IDEMPOTENCY_KEY_RUNNING", "CLOCK_SKEW" };
/* Codes that a person with the keys of this installation must mend. */
static const char *const human_codes[] = { "SIGNATURE_BAD" };

static bool is_one_of(const char *code, const char *const *codes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(code, codes[i]) == 0)
			return true;
	return false;
}

static void read_problem(struct outcome *out, long status)
{
	const char *code = json_peek_text(out->data, "code"),
		   *detail = json_peek_text(out->data, "detail");
	enum outcome_kind kind = OUTCOME_REFUSED;

	if (code == NULL)
		code = "NO_CODE";
	if (is_one_of(code, later_codes, COUNT_OF(later_codes)))
		kind = OUTCOME_PENDING;
	else if (is_one_of(code, human_codes, COUNT_OF(human_codes)))
		kind = OUTCOME_NEED_HUMAN;
	else if (status >= 500)
		kind = OUTCOME_UNSURE;
	outcome_set(out, kind, code, "the CA answered %ld %s%s%s", status, code,
		detail != NULL ? ": " : "", detail != NULL ? detail : "");
	out->retry_s = (unsigned)json_peek_number(out->data, "retry_after_s", 0);
}

/* An ask by client_ref answers with a list: its one item, or nothing arrived. */
static void read_asked(struct outcome *out)
{
	json_t *items = json_object_get(out->data, "items");

	if (!json_is_array(items) || json_array_size(items) == 0) {
		outcome_set(out, OUTCOME_PENDING, "NOT_FOUND", "nothing arrived");
		return;
	}

	json_t *item = json_incref(json_array_get(items, 0));

	json_decref(out->data);
	out->data = item;
}

static bool answer_is_signed(
	struct gateway *self, const struct flow *flow, const struct reply *reply)
{
	char header[HEADER_MAX];

	return flow_reply_header(flow, "Xuqi-Signature", header, sizeof header) &&
		gateway_answer_is_signed(&self->secret, header, clock_now(),
			&(struct gateway_message){
				.status = reply->status, .body = reply->body, .len = reply->len });
}

static void gateway_read(struct connector *connector, const struct flow *flow,
	const struct connector_call *call, struct outcome *out)
{
	struct gateway *self = CONTAINER_OF(connector, struct gateway, connector);
	const struct reply *reply = flow_reply(flow);
	struct fault fault;

	*out = (struct outcome){ .kind = OUTCOME_DONE };
	if (reply->status == 0) {
		outcome_set(out,
			reply->fault.kind == FAULT_LATER ? OUTCOME_PENDING : OUTCOME_UNSURE,
			"NO_ANSWER", "%s", reply->fault.text);
		return;
	}
	if (!answer_is_signed(self, flow, reply)) {
		log_error("gateway.answer_unsigned", LOG_TEXT("op", connector_op_word(call->op)),
			LOG_NUMBER("status", reply->status));
		outcome_set(out, OUTCOME_UNSURE, "UNSIGNED",
			"the CA's answer is not signed by the agreed key: nothing was taken from it");
		return;
	}
	out->data = json_read(reply->body, reply->len, &fault);
	if (out->data == NULL || !personal_refuse_sealed(out->data, &fault))
		outcome_set(out, OUTCOME_UNSURE, "UNREADABLE", "the CA's answer: %s", fault.text);
	else if (reply->status >= 300)
		read_problem(out, reply->status);
	else if (call->asking)
		read_asked(out);
}

static void gateway_free(struct connector *connector)
{
	struct gateway *self = CONTAINER_OF(connector, struct gateway, connector);

	secret_done(&self->secret);
	free(self->url);
	free(self->ca_file);
	free(self->key_id);
	free(self);
}

static const struct connector_ops gateway_ops = { gateway_begin, gateway_read, gateway_free };

struct connector *gateway_new(
	struct outbound *outbound, const struct gateway_options *options, struct fault *fault)
{
	struct gateway *self = zalloc(1, sizeof *self);

	self->connector = (struct connector){ &gateway_ops, &gateway_traits, "gateway" };
	self->outbound = outbound;
	self->url = text_dup(options->url);
	self->ca_file = text_dup(options->ca_file);
	self->key_id = text_dup(options->key_id);
	self->timeout_ms = options->timeout_ms;
	if (!secret_read_file(&self->secret, options->secret_file, fault)) {
		(void)fault_prefix(fault, "gateway.secret_file");
		gateway_free(&self->connector);
		return NULL;
	}
	return &self->connector;
}
