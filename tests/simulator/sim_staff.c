/* SPDX-License-Identifier: Apache-2.0 */
/* What the CA's staff may do with an application at any step: close it, with a word on its fee, approve it without
 * another look, take an approval back. */
#include "common/text.h"
#include "tests/simulator/sim_knobs.h"
#include "tests/simulator/sim_time.h"

static const char *id_of(const json_t *application)
{
	return json_peek_text(application, "id");
}

static bool has_paid(const json_t *application)
{
	static const char *const before[] = { "draft", "awaiting_payment", "payment_verifying" };

	for (size_t i = 0; i < COUNT_OF(before); i++) {
		if (application_is(application, before[i]))
			return false;
	}
	return true;
}

/* What was carried over to an application that has not used it yet comes back with it. */
static void refund_kept(struct sim *sim, json_t *application, json_t *kept, int64_t now)
{
	refund_open(sim, kept, "closed", now);
	json_object_set_new(
		application, "refund_ids", json_pack("[s]", json_peek_text(kept, "refund_id")));
}

void review_close(struct sim *sim, json_t *application, const char *fee, int64_t now)
{
	json_t *kept = has_paid(application) || !text_equal(fee, "refunded")
		? NULL
		: payment_kept(sim, application);

	if (fee != NULL)
		json_put_text(application, "fee", fee);
	if (json_object_get(application, "issued") != NULL)
		json_object_set_new(application, "issuance_gone", json_true());
	if (kept != NULL)
		refund_kept(sim, application, kept, now);
	sim_timer_drop(sim, TIMER_REVIEW, id_of(application));
	sim_timer_drop(sim, TIMER_FIX, id_of(application));
	application_move(sim, application, "closed", now);
	ledger_add(sim, "closures",
		json_pack("{s:s, s:s?, s:s?}", "application", id_of(application), "client_ref",
			json_peek_text(application, "client_ref"), "fee", fee));
	notice_send(sim, now, "review.closed", application, application);
	payments_close(sim, application, NULL, now);
	if (text_equal(fee, "carried_over"))
		payments_release(sim, application, now);
	refund_application(sim, application, "closed", now);
	review_tell(sim, application, now, "已关闭，请重新申请。");
}

/* ---- the control interface ---- */

static void do_close(struct sim_call *call, json_t *application)
{
	const char *fee = json_peek_text(call->body, "fee");
	bool comes_back = text_equal(fee, "refunded"), paid = has_paid(application);
	bool may = paid ? comes_back || text_equal(fee, "carried_over")
			: fee == NULL || (comes_back && payment_kept(call->sim, application));

	if (!may) {
		(void)call_problem(call, SIM_FIELD_INVALID,
			"fee is carried_over or refunded of what was paid, refunded of what was carried over, and is not said else");
		return;
	}
	review_close(call->sim, application, fee, call->now);
	call_effect(call);
	call_reply(call, 200, application_view(application));
}

static void do_approve(struct sim_call *call, json_t *application)
{
	if (!application_is(application, "in_review")) {
		call_conflict(call, "application", json_peek_text(application, "state"));
		return;
	}
	sim_timer_drop(call->sim, TIMER_REVIEW, id_of(application));
	review_approve(call->sim, application, call->now);
	call_effect(call);
	call_reply(call, 200, application_view(application));
}

static void do_revoke(struct sim_call *call, json_t *application)
{
	if (!application_is(application, "approved") && !application_is(application, "issued")) {
		call_conflict(call, "application", json_peek_text(application, "state"));
		return;
	}
	on_revoke_timer(call->sim, application, call->now);
	call_effect(call);
	call_reply(call, 200, application_view(application));
}

static const struct {
	const char *word;
	void (*act)(struct sim_call *call, json_t *application);
} acts[] = { { "close", do_close }, { "approve", do_approve }, { "revoke", do_revoke } };

/* The open one that the body names (borrowed), or NULL. */
static json_t *named(const struct sim_call *call)
{
	const char *id = json_peek_text(call->body, "application_id");
	const char *serial = json_peek_text(call->body, "serial");
	const json_t *certificate;

	if (id != NULL)
		return sim_find(call->sim, "applications", id);
	certificate = serial == NULL ? NULL : certificate_by_serial(call->sim, serial, NULL);
	return certificate == NULL
		? NULL
		: application_open(call->sim, json_peek_text(certificate, "set_id"));
}

void post_application_staff(struct sim_call *call)
{
	const char *word = json_peek_text(call->body, "act");
	json_t *application = named(call);

	if (application == NULL || !application_is_open(application)) {
		(void)call_problem(
			call, SIM_NOT_FOUND, "serial or application_id names an open one");
		return;
	}
	for (size_t i = 0; i < COUNT_OF(acts); i++) {
		if (!text_equal(acts[i].word, word == NULL ? "close" : word))
			continue;
		acts[i].act(call, application);
		return;
	}
	(void)call_problem(call, SIM_FIELD_INVALID, "act is close, approve or revoke");
}
