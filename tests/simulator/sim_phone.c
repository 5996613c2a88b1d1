/* SPDX-License-Identifier: Apache-2.0 */
/* The handler's phone: it scans QR codes, presses 确认绑定 or 取消, pays by WeChat, and receives text
 * messages. */
#include <string.h>

#include "common/text.h"
#include "tests/simulator/sim_knobs.h"

enum { MESSAGES_MAX = 5000 };

/* ---- text messages ---- */

void message_send(struct sim *sim, int64_t now, const char *mobile, const char *text)
{
	json_t *list = json_object_get(sim->state, "messages");
	json_t *message;

	if (mobile == NULL)
		return;
	if (list == NULL) {
		list = json_array();
		json_object_set_new(sim->state, "messages", list);
	}
	if (json_array_size(list) >= MESSAGES_MAX)
		(void)json_array_remove(list, 0);
	message = json_object();
	json_put_text(message, "mobile", mobile);
	json_put_text(message, "text", text);
	sim_put_instant(message, "at", now);
	json_array_append_new(list, message);
	sim->changed = true;
}

void get_messages(struct sim_call *call)
{
	const char *mobile = call_query(call, "mobile");
	json_t *items = json_array();
	json_t *message;
	size_t i;

	json_array_foreach(json_object_get(call->sim->state, "messages"), i, message)
	{
		if (mobile == NULL || text_equal(mobile, json_peek_text(message, "mobile")))
			json_array_append(items, message);
	}
	call_reply_page(call, items);
}

/* ---- binding ---- */

/* Bind the set for the contract's account, or for a person's WeChat. */
static void bind_set(struct sim *sim, const char *set_id, bool person)
{
	JSON *set = certificate_set(sim, set_id);
	json_t *certificate;
	size_t i;

	json_array_foreach(set, i, certificate)
		json_object_set_new(certificate, person ? "wechat" : "bound", json_true());
}

/* May the phone act on the binding?  False after a problem. */
static bool phone_may_act(struct sim_call *call, const json_t *binding)
{
	const char *state = json_peek_text(binding, "state");

	if (text_equal(state, "expired"))
		(void)call_problem(call, SIM_BINDING_EXPIRED, "the QR was valid for half an hour");
	else if (text_equal(state, "cancelled"))
		(void)call_problem(call, SIM_BINDING_CANCELLED, "the QR was cancelled");
	else if (text_equal(state, "confirmed"))
		call_conflict(call, "binding", state);
	else
		return true;
	return false;
}

static bool is_other_account(struct sim_call *call, const json_t *binding, const char *action)
{
	struct sim_subject subject = { call,
		sim_find(call->sim, "certificates", json_peek_text(binding, "certificate_id")),
		json_peek_text(binding, "client_ref") };

	return text_equal(action, "other_account") ||
		(!text_equal(action, "cancel") &&
			sim_knob_says(call->sim, "scan_other_account", NULL, &subject));
}

static bool is_cancelled(struct sim_call *call, const json_t *binding, const char *action)
{
	struct sim_subject subject = { call,
		sim_find(call->sim, "certificates", json_peek_text(binding, "certificate_id")),
		json_peek_text(binding, "client_ref") };

	return text_equal(action, "cancel") ||
		(text_equal(action, "confirm") &&
			sim_knob_says(call->sim, "cancel_at_confirm", NULL, &subject));
}

static void binding_fail(struct sim_call *call, json_t *binding, const char *code, const char *text)
{
	json_object_set_new(binding, "failed", json_pack("{s:s, s:s}", "code", code, "text", text));
	binding_move(call->sim, binding, "cancelled", call->now);
}

static void bind_all(struct sim_call *call, json_t *binding)
{
	bool person = json_is_true(json_object_get(binding, "person"));
	json_t *set_id;
	size_t i;

	json_array_foreach(json_object_get(binding, "sets"), i, set_id)
		bind_set(call->sim, json_string_value(set_id), person);
	json_put_text(binding, "via", "qr");
	binding_move(call->sim, binding, "confirmed", call->now);
}

bool phone_act(struct sim_call *call, json_t *binding, const char *action)
{
	if (!phone_may_act(call, binding))
		return false;
	call_effect(call);
	if (is_other_account(call, binding, action)) {
		binding_fail(call, binding, "BINDING_OTHER_ACCOUNT", "扫码微信已绑定其他账号");
		(void)call_problem(
			call, SIM_BINDING_OTHER_ACCOUNT, "the phone belongs to another account");
		return false;
	}
	if (is_cancelled(call, binding, action)) {
		binding_fail(call, binding, "BINDING_CANCELLED", "用户已取消绑定");
		return true;
	}
	if (text_equal(action, "confirm"))
		bind_all(call, binding);
	else
		binding_move(call->sim, binding, "scanned", call->now);
	return true;
}

/* ---- WeChat Pay ---- */

static void phone_pay(struct sim_call *call, const char *code_url, const char *action)
{
	json_t *payment = sim_find_by(call->sim, "payments", "code_url", code_url);

	if (!text_equal(action, "pay") && !text_equal(action, "pay_late")) {
		(void)call_problem(call, SIM_FIELD_INVALID, "action is pay or pay_late");
		return;
	}
	if (payment == NULL) {
		(void)call_problem(call, SIM_NOT_FOUND, "no order has this code_url");
		return;
	}
	call->certificate =
		json_peek_text(payment_application(call->sim, payment), "certificate_id");
	if (!wechat_pay(call->sim, payment, text_equal(action, "pay_late"), call->now)) {
		const char *state = json_peek_text(payment, "state");

		if (text_equal(state, "expired"))
			(void)call_problem(call, SIM_PAYMENT_EXPIRED, "the order has expired");
		else
			call_conflict(call, "payment", state);
		return;
	}
	call_effect(call);
	call_reply(call, 200, payment_view(payment));
}

void post_phone(struct sim_call *call)
{
	static const char *const actions[] = { "scan", "confirm", "cancel", "other_account" };
	const char *code_url = json_peek_text(call->body, "code_url");
	const char *qr_text, *action;
	json_t *binding;
	bool known = false;

	if (!call_text(call, &action, call->body, "action"))
		return;
	if (code_url != NULL) {
		phone_pay(call, code_url, action);
		return;
	}
	if (!call_text(call, &qr_text, call->body, "qr_text"))
		return;
	for (size_t i = 0; i < COUNT_OF(actions); i++)
		known |= text_equal(action, actions[i]);
	binding = sim_find_by(call->sim, "bindings", "qr_text", qr_text);
	if (binding == NULL)
		(void)call_problem(call, SIM_NOT_FOUND, "no binding has this QR text");
	else if (!known)
		(void)call_problem(call, SIM_FIELD_INVALID,
			"action is scan, confirm, cancel or other_account");
	else if (phone_act(call, binding, action))
		call_reply(call, 200, binding_view(call, binding));
}
