/* SPDX-License-Identifier: Apache-2.0 */
/* WeChat Pay (guide chapter 3, 微信支付): a code_url that lives two hours and is paid by a phone.  A notice
 * may be lost or late; the order itself always tells. */
#include "common/clock.h"
#include "common/text.h"
#include "tests/simulator/sim_knobs.h"
#include "tests/simulator/sim_time.h"

void wechat_open(struct sim_call *call, json_t *payment)
{
	struct sim_subject subject =
		sim_subject_of(call->sim, call, payment_application(call->sim, payment));
	int64_t seconds = sim_knob_for(call->sim, "wechat_expires_s", &subject);
	int64_t expires_at = call->now + seconds * CLOCK_SECOND;
	bool last = sim_knob_says(call->sim, "code_url_paid_last_second", NULL, &subject);
	char token[21];
	OWNED char *code_url = NULL;

	sim_hex(call->sim, token, 10);
	code_url = text_dupf("weixin://wxpay/bizpayurl?pr=%s", token);
	json_put_text(payment, "code_url", code_url);
	json_put_number(payment, "expires_at", expires_at);
	if (last)
		json_object_set_new(payment, "last_second", json_true());
	sim_timer_set(call->sim, TIMER_WECHAT, json_peek_text(payment, "id"),
		last ? expires_at - CLOCK_SECOND : expires_at);
}

bool wechat_pay(struct sim *sim, json_t *payment, bool late, int64_t now)
{
	json_t *application = payment_application(sim, payment);
	struct sim_subject subject = sim_subject_of(sim, NULL, application);
	bool may = payment_is(payment, "pending") ||
		(late && (payment_is(payment, "closed") || payment_is(payment, "expired")));
	const char *id = json_peek_text(payment, "id");

	if (!may)
		return false;
	sim_timer_drop(sim, TIMER_WECHAT, id);
	ledger_add(sim, "wechat_payments",
		json_pack("{s:s, s:s, s:s?, s:O, s:b}", "payment", id, "application",
			json_peek_text(application, "id"), "client_ref",
			json_peek_text(application, "client_ref"), "amount_fen",
			json_object_get(payment, "amount_fen"), "late", (int)late));
	if (sim_knob_says(sim, "wechat_paid_without_notice", NULL, &subject))
		json_object_set_new(application, "without_notice", json_true());
	payment_settle(sim, payment, "paid", now);
	return true;
}

void on_wechat_timer(struct sim *sim, json_t *payment, int64_t at)
{
	if (!payment_is(payment, "pending"))
		return;
	if (json_is_true(json_object_get(payment, "last_second")))
		(void)wechat_pay(sim, payment, false, at);
	else
		payment_move(sim, payment, "expired", at);
}
