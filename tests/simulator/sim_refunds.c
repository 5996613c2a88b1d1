/* SPDX-License-Identifier: Apache-2.0 */
/* Refunds: opened by the CA when what was paid will not be used, and told by polling.  A transfer comes
 * back as a credit from the payee on the account that paid. */
#include "common/text.h"
#include "tests/simulator/sim_bank.h"
#include "tests/simulator/sim_knobs.h"
#include "tests/simulator/sim_time.h"

static json_t *refund_view(const json_t *refund)
{
	static const char *const texts[] = { "id", "payment_id", "application_id", "reason",
		"state" };
	static const char *const instants[] = { "created_at", "updated_at", "finished_at" };
	json_t *view = json_object();

	for (size_t i = 0; i < COUNT_OF(texts); i++)
		json_put_text(view, texts[i], json_peek_text(refund, texts[i]));
	json_object_set_new(view, "amount",
		json_pack("{s:s, s:I}", "currency", "CNY", "amount_fen",
			(json_int_t)json_peek_number(refund, "amount_fen", 0)));
	for (size_t i = 0; i < COUNT_OF(instants); i++) {
		if (json_object_get(refund, instants[i]) != NULL)
			sim_put_instant(
				view, instants[i], json_peek_number(refund, instants[i], 0));
	}
	return view;
}

static void refund_move(struct sim *sim, json_t *refund, const char *state, int64_t now)
{
	const json_t *application =
		sim_find(sim, "applications", json_peek_text(refund, "application_id"));
	OWNED char *type = text_dupf("refund.%s", state);

	json_put_text(refund, "state", state);
	json_put_number(refund, "updated_at", now);
	notice_send(sim, now, type, refund, application);
	sim->changed = true;
}

static void note_refund(json_t *application, const char *id)
{
	json_t *ids = json_object_get(application, "refund_ids");

	if (ids == NULL) {
		ids = json_array();
		json_object_set_new(application, "refund_ids", ids);
	}
	json_array_append_new(ids, json_string(id));
}

static int64_t refund_span(struct sim *sim, const json_t *application)
{
	struct sim_subject subject = sim_subject_of(sim, NULL, application);

	return sim_knob_for(sim, "refund_ms", &subject) * 1000;
}

void refund_open(struct sim *sim, json_t *payment, const char *reason, int64_t now)
{
	json_t *application = payment_application(sim, payment);
	json_t *refund;
	char id[SIM_ID_TEXT];

	if (json_peek_text(payment, "refund_id") != NULL)
		return;
	sim_id(sim, id, "ref");
	refund = json_object();
	json_put_text(refund, "id", id);
	json_put_text(refund, "payment_id", json_peek_text(payment, "id"));
	json_put_text(refund, "application_id", json_peek_text(application, "id"));
	json_put_text(refund, "certificate_id", json_peek_text(application, "certificate_id"));
	json_put_text(refund, "reason", reason);
	json_object_set(refund, "amount_fen", json_object_get(payment, "amount_fen"));
	json_put_number(refund, "created_at", now);
	json_object_set_new(sim_table(sim, "refunds"), id, refund);
	json_put_text(payment, "refund_id", id);
	note_refund(application, id);
	ledger_add(sim, "refunds",
		json_pack("{s:s, s:s?, s:s?, s:s?, s:s, s:O}", "id", id, "payment",
			json_peek_text(payment, "id"), "application",
			json_peek_text(application, "id"), "client_ref",
			json_peek_text(application, "client_ref"), "reason", reason, "amount_fen",
			json_object_get(payment, "amount_fen")));
	payment_move(sim, payment, "refunding", now);
	refund_move(sim, refund, "processing", now);
	sim_timer_set(sim, TIMER_REFUND, id, now + refund_span(sim, application));
}

void refund_application(struct sim *sim, const json_t *application, const char *reason, int64_t now)
{
	const char *id;
	json_t *payment;

	json_object_foreach(sim_table(sim, "payments"), id, payment)
	{
		if (payment_application(sim, payment) == application &&
			(payment_is(payment, "paid") || payment_is(payment, "verified")))
			refund_open(sim, payment, reason, now);
	}
}

static void finish(struct sim *sim, json_t *refund, json_t *payment, int64_t at)
{
	json_put_number(refund, "finished_at", at);
	bank_refund(sim, payment, refund, at);
	refund_move(sim, refund, "success", at);
	payment_move(sim, payment, "refunded", at);
}

void on_refund_timer(struct sim *sim, json_t *refund, int64_t at)
{
	json_t *payment = sim_find(sim, "payments", json_peek_text(refund, "payment_id"));
	const json_t *application = payment_application(sim, payment);
	struct sim_subject subject = sim_subject_of(sim, NULL, application);
	struct sim_setting setting = { 0 };

	if (text_equal(json_peek_text(refund, "state"), "abnormal")) {
		finish(sim, refund, payment, at);
		return;
	}
	if (!sim_knob_take(sim, "refund", NULL, &subject, &setting)) {
		finish(sim, refund, payment, at);
	} else if (text_equal(setting.word, "closed")) {
		refund_move(sim, refund, "closed", at);
		payment_move(sim, payment, "refund_closed", at);
	} else {
		refund_move(sim, refund, "abnormal", at);
		payment_move(sim, payment, "refund_abnormal", at);
		if (text_equal(setting.word, "processing_abnormal_success"))
			sim_timer_set(sim, TIMER_REFUND, json_peek_text(refund, "id"),
				at + refund_span(sim, application));
	}
}

void get_refund(struct sim_call *call)
{
	const json_t *refund = call_object(call, "refunds");

	if (refund != NULL)
		call_reply(call, 200, refund_view(refund));
}

static bool query_fits(
	const struct sim_call *call, const char *key, const json_t *refund, const char *member)
{
	const char *want = call_query(call, key);

	return want == NULL || text_equal(want, json_peek_text(refund, member));
}

void get_refunds(struct sim_call *call)
{
	const char *id;
	json_t *items = json_array();
	json_t *refund;

	json_object_foreach(sim_table(call->sim, "refunds"), id, refund)
	{
		if (query_fits(call, "application", refund, "application_id") &&
			query_fits(call, "payment", refund, "payment_id"))
			json_array_append_new(items, refund_view(refund));
	}
	call_reply_page(call, items);
}
