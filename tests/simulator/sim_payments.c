/* SPDX-License-Identifier: Apache-2.0 */
/* Payments: at most one live one per application, by bank transfer or WeChat Pay.  Whichever way brings
 * money first pays the application and closes the other; money that comes all the same is a second
 * payment and goes back. */
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "tests/simulator/sim_knobs.h"
#include "tests/simulator/sim_time.h"

json_t *payment_view(const json_t *payment)
{
	static const char *const kept[] = { "id", "client_ref", "method", "applications", "state",
		"payee", "invoice_email", "remittance", "failed", "refund_id", "paid_twice" };
	static const char *const instants[] = { "verified_at", "paid_at" };
	json_t *view = json_object();

	for (size_t i = 0; i < COUNT_OF(kept); i++) {
		json_t *value = json_object_get(payment, kept[i]);

		if (value != NULL)
			json_object_set_new(view, kept[i], json_deep_copy(value));
	}
	json_object_set_new(view, "amount",
		json_pack("{s:s, s:I}", "currency", "CNY", "amount_fen",
			(json_int_t)json_peek_number(payment, "amount_fen", 0)));
	sim_put_instant(view, "created_at", json_peek_number(payment, "created_at", 0));
	sim_put_instant(view, "expires_at", json_peek_number(payment, "expires_at", 0));
	for (size_t i = 0; i < COUNT_OF(instants); i++) {
		if (json_object_get(payment, instants[i]) != NULL)
			sim_put_instant(
				view, instants[i], json_peek_number(payment, instants[i], 0));
	}
	if (payment_is(payment, "pending") && json_peek_text(payment, "code_url") != NULL)
		json_put_text(view, "code_url", json_peek_text(payment, "code_url"));
	return view;
}

bool payment_is(const json_t *payment, const char *state)
{
	return text_equal(json_peek_text(payment, "state"), state);
}

json_t *payment_application(const struct sim *sim, const json_t *payment)
{
	const json_t *ids = json_object_get(payment, "applications");
	const char *id = json_string_value(json_array_get(ids, 0));

	return id == NULL ? NULL : sim_find(sim, "applications", id);
}

void payment_move(struct sim *sim, json_t *payment, const char *state, int64_t now)
{
	OWNED char *type = text_dupf("payment.%s", state);

	json_put_text(payment, "state", state);
	notice_send(sim, now, type, payment, payment_application(sim, payment));
	sim->changed = true;
}

/* Can money still come by this payment? */
static bool is_open(const json_t *payment)
{
	return payment_is(payment, "pending") || payment_is(payment, "failed") ||
		payment_is(payment, "verifying");
}

static bool payment_is_live(const json_t *payment)
{
	return payment != NULL && !payment_is(payment, "expired") && !payment_is(payment, "closed");
}

/* ---- money ---- */

void payments_close(struct sim *sim, const json_t *application, const json_t *except, int64_t now)
{
	const char *id;
	json_t *payment;

	json_object_foreach(sim_table(sim, "payments"), id, payment)
	{
		if (payment == except || !is_open(payment) ||
			payment_application(sim, payment) != application)
			continue;
		sim_timer_drop(sim, TIMER_WECHAT, id);
		payment_move(sim, payment, "closed", now);
	}
}

/* Does the application still wait for money? */
static bool wants_money(const json_t *application)
{
	return application_is(application, "awaiting_payment") ||
		application_is(application, "payment_verifying");
}

void payment_settle(struct sim *sim, json_t *payment, const char *state, int64_t now)
{
	json_t *application = payment_application(sim, payment);
	bool first = wants_money(application);

	json_put_number(payment, text_equal(state, "verified") ? "verified_at" : "paid_at", now);
	if (first) {
		json_put_text(application, "payment_id", json_peek_text(payment, "id"));
		json_put_number(application, "paid_at", now);
		payment_move(sim, payment, state, now);
		payments_close(sim, application, payment, now);
		review_begin(sim, application, now);
		return;
	}
	payment_move(sim, payment, state, now);
	if (application_is_open(application) || application_is(application, "installed")) {
		json_object_set_new(payment, "paid_twice", json_true());
		json_object_set_new(application, "paid_twice", json_true());
		refund_open(sim, payment, "paid_twice", now);
	} else {
		refund_open(sim, payment, "not_open", now);
	}
}

/* ---- opening one ---- */

static bool duplicate(struct sim_call *call, const json_t *payment)
{
	json_put_text(call_problem(call, SIM_PAYMENT_DUPLICATE, "one payment per application"),
		"payment_id", json_peek_text(payment, "id"));
	return false;
}

/* May the application be paid now?  A lenient simulator wants no more than a quote. */
static bool is_payable(struct sim_call *call, const json_t *application)
{
	const char *known = json_peek_text(application, "payment_id");
	const json_t *payment = known == NULL ? NULL : sim_find(call->sim, "payments", known);
	int64_t quote_expires_at = json_peek_number(application, "quote_expires_at", 0);

	if (sim_knob_flag(call->sim, "lenient") && quote_expires_at > 0)
		return true;
	if (payment_is_live(payment))
		return duplicate(call, payment);
	if (!application_is(application, "awaiting_payment")) {
		call_conflict(call, "application", json_peek_text(application, "state"));
		return false;
	}
	if (!certificate_is_alive(call, sim_find(call->sim, "certificates", call->certificate)))
		return false;
	if (call->now < quote_expires_at)
		return true;
	(void)call_problem(call, SIM_PAYMENT_EXPIRED, "the quote has run out: submit again");
	return false;
}

static bool client_ref_is_free(struct sim_call *call)
{
	const json_t *known;

	if (json_peek_text(call->body, "client_ref") == NULL)
		return true;
	if (!call_client_ref(call, &call->client_ref, call->body))
		return false;
	known = sim_find_by(call->sim, "payments", "client_ref", call->client_ref);
	if (known == NULL || sim_knob_flag(call->sim, "lenient"))
		return true;
	json_put_text(call_problem(call, SIM_CLIENT_REF_USED, "by an earlier payment"),
		"payment_id", json_peek_text(known, "id"));
	return false;
}

/* The one application to be paid; NULL after a problem. */
static json_t *application_to_pay(struct sim_call *call)
{
	const json_t *ids = json_object_get(call->body, "applications");
	const char *id = json_string_value(json_array_get(ids, 0));
	json_t *application = id == NULL ? NULL : sim_find(call->sim, "applications", id);

	if (id == NULL)
		(void)call_problem(call, SIM_FIELD_INVALID, "applications: a list of one id");
	else if (json_array_size(ids) > 1)
		(void)call_problem(call, SIM_BATCH_UNAVAILABLE, "meta.capabilities says so");
	else if (application == NULL)
		(void)call_problem(call, SIM_NOT_FOUND, "no application %s", id);
	else
		return application;
	return NULL;
}

static bool method_and_email_are_good(struct sim_call *call)
{
	const char *method, *email;

	if (!call_text(call, &method, call->body, "method") ||
		!call_text(call, &email, call->body, "invoice_email"))
		return false;
	if (!text_equal(method, "bank_transfer") &&
		(!text_equal(method, "wechat_pay") || sim_knob_fires(call, "wechat_off") != 0))
		(void)call_problem(call, SIM_METHOD_UNAVAILABLE, "%s", method);
	else if (strchr(email, '@') == NULL)
		(void)call_problem(call, SIM_FIELD_INVALID, "invoice_email is not an address");
	else
		return true;
	return false;
}

static json_t *payment_new(struct sim_call *call, json_t *application)
{
	json_t *payment = json_object();
	json_t *item = json_object();
	char id[SIM_ID_TEXT];

	sim_id(call->sim, id, "pay");
	json_put_text(payment, "id", id);
	json_put_text(payment, "client_ref", json_peek_text(call->body, "client_ref"));
	json_put_text(payment, "method", json_peek_text(call->body, "method"));
	json_put_text(payment, "certificate_id", json_peek_text(application, "certificate_id"));
	json_object_set(payment, "applications", json_object_get(call->body, "applications"));
	json_put_text(payment, "state", "pending");
	json_object_set(payment, "amount_fen", json_object_get(application, "price_fen"));
	json_object_set_new(payment, "payee", meta_payee(call->sim, call, application));
	json_put_text(payment, "invoice_email", json_peek_text(call->body, "invoice_email"));
	json_put_number(payment, "created_at", call->now);
	json_object_set(payment, "expires_at", json_object_get(application, "quote_expires_at"));
	json_object_set_new(sim_table(call->sim, "payments"), id, payment);
	if (text_equal(json_peek_text(payment, "method"), "wechat_pay"))
		wechat_open(call, payment);
	json_put_text(application, "payment_id", id);
	application_move(call->sim, application, json_peek_text(application, "state"), call->now);
	json_put_text(item, "id", id);
	json_put_text(item, "method", json_peek_text(payment, "method"));
	json_put_text(item, "application", json_peek_text(application, "id"));
	json_put_text(item, "client_ref", json_peek_text(application, "client_ref"));
	json_put_text(item, "certificate", json_peek_text(application, "certificate_id"));
	json_object_set(item, "amount_fen", json_object_get(payment, "amount_fen"));
	ledger_add(call->sim, "payments", item);
	return payment;
}

void post_payment(struct sim_call *call)
{
	json_t *application = application_to_pay(call);
	json_t *payment, *kept;

	if (application == NULL)
		return;
	call->certificate = json_peek_text(application, "certificate_id");
	call->client_ref = json_peek_text(application, "client_ref");
	if (!method_and_email_are_good(call) || !client_ref_is_free(call) ||
		!is_payable(call, application))
		return;
	payment = payment_new(call, application);
	kept = payment_kept(call->sim, application);
	if (kept != NULL && sim_knob_fires(call, "carried_over_at_once") != 0)
		payment_take_over(call->sim, kept, payment, call->now);
	call_effect(call);
	(void)snprintf(call->location, sizeof(call->location), "/v1/payments/%s",
		json_peek_text(payment, "id"));
	call_reply(call, 201, payment_view(payment));
}

/* Close an order that nobody has paid, before another is opened; one that was paid meanwhile says
 * so. */
void post_payment_close(struct sim_call *call)
{
	json_t *payment = call_object(call, "payments");
	const json_t *application = payment_application(call->sim, payment);
	struct sim_subject subject = sim_subject_of(call->sim, call, application);

	if (payment == NULL)
		return;
	call->certificate = json_peek_text(payment, "certificate_id");
	call->client_ref = json_peek_text(application, "client_ref");
	if (payment_is(payment, "pending") && json_peek_text(payment, "code_url") != NULL &&
		sim_knob_says(call->sim, "code_url_paid_last_second", NULL, &subject))
		(void)wechat_pay(call->sim, payment, false, call->now);
	if (is_open(payment)) {
		sim_timer_drop(call->sim, TIMER_WECHAT, call->id);
		payment_move(call->sim, payment, "closed", call->now);
		call_effect(call);
	} else if (payment_is_live(payment)) {
		call_conflict(call, "payment", json_peek_text(payment, "state"));
		return;
	}
	call_reply(call, 200, payment_view(payment));
}

static bool pays_for(const json_t *payment, const char *application)
{
	const json_t *ids = json_object_get(payment, "applications");
	json_t *id;
	size_t i;

	json_array_foreach(ids, i, id)
	{
		if (text_equal(json_string_value(id), application))
			return true;
	}
	return false;
}

void get_payments(struct sim_call *call)
{
	const char *application = call_query(call, "application");
	const char *client_ref = call_query(call, "client_ref");
	const char *id;
	json_t *items = json_array();
	json_t *payment;

	json_object_foreach(sim_table(call->sim, "payments"), id, payment)
	{
		if ((application == NULL || pays_for(payment, application)) &&
			(client_ref == NULL ||
				text_equal(json_peek_text(payment, "client_ref"), client_ref)))
			json_array_insert_new(items, 0, payment_view(payment)); /* newest first */
	}
	call_reply_page(call, items);
}

void get_payment(struct sim_call *call)
{
	const json_t *payment = call_object(call, "payments");

	if (payment != NULL)
		call_reply(call, 200, payment_view(payment));
}
