/* SPDX-License-Identifier: Apache-2.0 */
/* Payments by bank transfer: at most one live one per application, to the CA's payee. */
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "tests/simulator/sim_inside.h"
#include "tests/simulator/sim_knobs.h"

json_t *payment_view(const json_t *payment)
{
	static const char *const kept[] = { "id", "client_ref", "method", "applications", "state",
		"payee", "invoice_email", "remittance", "failed" };
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
	if (json_object_get(payment, "verified_at") != NULL)
		sim_put_instant(view, "verified_at", json_peek_number(payment, "verified_at", 0));
	return view;
}

static bool payment_is_live(const json_t *payment)
{
	const char *state = json_peek_text(payment, "state");

	return payment != NULL && !text_equal(state, "expired") && !text_equal(state, "closed");
}

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
		const char *state = json_peek_text(application, "state");

		json_put_text(
			call_problem(call, SIM_STATE_CONFLICT, "the application is %s", state),
			"state", state);
		return false;
	}
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
	if (!text_equal(method, "bank_transfer"))
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
	json_put_text(payment, "method", "bank_transfer");
	json_object_set(payment, "applications", json_object_get(call->body, "applications"));
	json_put_text(payment, "state", "pending");
	json_object_set(payment, "amount_fen", json_object_get(application, "price_fen"));
	json_object_set_new(payment, "payee", meta_payee(call->sim));
	json_put_text(payment, "invoice_email", json_peek_text(call->body, "invoice_email"));
	json_put_number(payment, "created_at", call->now);
	json_object_set(payment, "expires_at", json_object_get(application, "quote_expires_at"));
	json_object_set_new(sim_table(call->sim, "payments"), id, payment);
	json_put_text(application, "payment_id", id);
	application_move(call->sim, application, json_peek_text(application, "state"), call->now);
	json_put_text(item, "id", id);
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
	json_t *payment;

	if (application == NULL)
		return;
	call->certificate = json_peek_text(application, "certificate_id");
	call->client_ref = json_peek_text(application, "client_ref");
	if (!method_and_email_are_good(call) || !client_ref_is_free(call) ||
		!is_payable(call, application))
		return;
	payment = payment_new(call, application);
	call_effect(call);
	(void)snprintf(call->location, sizeof(call->location), "/v1/payments/%s",
		json_peek_text(payment, "id"));
	call_reply(call, 201, payment_view(payment));
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
			json_array_append_new(items, payment_view(payment));
	}
	call_reply_page(call, items);
}

void get_payment(struct sim_call *call)
{
	const json_t *payment = call_object(call, "payments");

	if (payment != NULL)
		call_reply(call, 200, payment_view(payment));
}
