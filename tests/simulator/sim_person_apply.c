/* SPDX-License-Identifier: Apache-2.0 */
/* One sitting on NETCA's pages: agreement, term, attachments, intent, payment page, in the guide's order.
 * Until 提交 nothing exists at the CA: a sitting that is refused before leaves no trace but a refusal. */
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "tests/simulator/sim_bank.h"
#include "tests/simulator/sim_person.h"

static json_t *now_text(const struct sim_call *call)
{
	char text[CLOCK_TEXT];

	clock_format(text, call->now / CLOCK_SECOND * CLOCK_SECOND);
	return json_string(text);
}

/* ---- the pages ---- */

/* The agreement as the person names it, by version or digest. */
static bool agree(struct sim_call *call, const char *id)
{
	JSON *current = meta_agreement(call->sim);
	const char *said, *version = json_peek_text(current, "version");
	const char *sha256 = json_peek_text(current, "sha256");
	json_t *body;

	if (!call_text(call, &said, call->body, "agreement"))
		return false;
	body = json_object();
	json_put_text(body, "agreement_id", json_peek_text(current, "id"));
	json_put_text(body, "version", text_equal(said, sha256) ? version : said);
	json_put_text(body, "sha256", sha256);
	json_put_text(body, "accepted_by", json_peek_text(call->body, "handler_name"));
	json_object_set_new(body, "accepted_at", now_text(call));
	return person_step(call, put_agreement, id, body, NULL);
}

static bool choose_term(struct sim_call *call, const char *id)
{
	json_t *price = json_object_get(call->body, "price_fen");
	int64_t years;
	json_t *body;

	if (!call_number(call, &years, call->body, "years"))
		return false;
	body = json_object();
	json_put_number(body, "years", years);
	if (price != NULL)
		json_object_set(body, "price_fen", price);
	return person_step(call, put_term, id, body, NULL);
}

static bool attach(struct sim_call *call, const char *id)
{
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(call->body, "attachments"), i, one)
	{
		if (!person_step(call, post_attachment, id, json_deep_copy(one), NULL))
			return false;
	}
	return true;
}

static bool declare_intent(struct sim_call *call, const char *id)
{
	JSON *statement = meta_statement();
	const json_t *ticked = json_object_get(call->body, "statement");
	const char *sha256 = json_string_value(ticked);
	json_t *handler = json_object();
	json_t *body = json_object();

	json_put_text(handler, "name", json_peek_text(call->body, "handler_name"));
	json_put_text(handler, "mobile", json_peek_text(call->body, "mobile"));
	json_put_text(handler, "email", json_peek_text(call->body, "email"));
	json_object_set_new(body, "handler", handler);
	json_put_text(body, "statement_id", json_peek_text(statement, "id"));
	json_put_text(body, "statement_sha256",
		sha256 == NULL ? json_peek_text(statement, "sha256") : sha256);
	json_object_set_new(body, "declared_at", now_text(call));
	json_object_set_new(
		body, "declared_by_human", json_boolean(sha256 != NULL || json_is_true(ticked)));
	return person_step(call, put_intent, id, body, NULL);
}

/* ---- the payment page ---- */

/* The four fields; NULL after a problem. */
static json_t *remittance(struct sim_call *call)
{
	const char *account, *name, *paid_at, *precision;
	const char *yuan = json_peek_text(call->body, "amount");
	int64_t fen = json_peek_number(call->body, "amount_fen", -1), at;
	json_t *body;

	if (!call_text(call, &account, call->body, "payer_account") ||
		!call_text(call, &name, call->body, "payer_name") ||
		!call_text(call, &paid_at, call->body, "paid_at"))
		return NULL;
	if ((yuan != NULL && !bank_amount(&fen, yuan)) || fen < 0 ||
		!person_instant(&at, &precision, paid_at)) {
		(void)call_problem(call, SIM_FIELD_INVALID,
			"amount is yuan like 200.00; paid_at is a date, or a time to the minute or second");
		return NULL;
	}
	body = json_object();
	json_put_text(body, "payer_account", account);
	json_put_text(body, "payer_name", name);
	json_put_number(body, "amount_fen", fen);
	sim_put_instant(body, "paid_at", at);
	json_put_text(body, "paid_at_precision", precision);
	return body;
}

/* The application's payment that can still be declared, or a new one (borrowed); NULL after a
 * problem. */
static json_t *payment_of(struct sim_call *call, const json_t *application, const char *method)
{
	const char *known = json_peek_text(application, "payment_id");
	const char *email = json_peek_text(call->body, "email");
	json_t *payment = known == NULL ? NULL : sim_find(call->sim, "payments", known);
	JSON *reply = NULL;

	if (payment != NULL && !payment_is(payment, "closed") && !payment_is(payment, "expired"))
		return payment;
	if (email == NULL)
		email = json_peek_text(application, "email");
	if (!person_step(call, post_payment, NULL,
		    json_pack("{s:s, s:[s], s:s?}", "method", method, "applications",
			    json_peek_text(application, "id"), "invoice_email", email),
		    &reply))
		return NULL;
	return sim_find(call->sim, "payments", json_peek_text(reply, "id"));
}

/* The verdict of a declaration as the page shows it. */
static void refuse_remittance(
	struct sim_call *call, const json_t *application, const json_t *payment)
{
	const json_t *failed = json_object_get(payment, "failed");
	json_t *problem =
		call_problem(call, SIM_FIELD_INVALID, "%s", json_peek_text(failed, "hint"));

	json_put_text(problem, "code", json_peek_text(failed, "code"));
	if (json_peek_text(failed, "reason") != NULL)
		json_put_text(problem, "reason", json_peek_text(failed, "reason"));
	json_object_set(problem, "retryable", json_object_get(failed, "retryable"));
	json_put_text(problem, "application_no", json_peek_text(application, "application_no"));
	json_put_text(problem, "state", json_peek_text(application, "state"));
}

/* Declare the transfer, or show the WeChat order. */
static void pay(struct sim_call *call, json_t *application, int status)
{
	const char *asked = json_peek_text(call->body, "method");
	bool wechat = text_equal(asked, "wechat_pay");
	JSON *body = wechat ? NULL : remittance(call);
	json_t *payment;

	if (!wechat && body == NULL)
		return;
	payment = payment_of(call, application, asked == NULL ? "bank_transfer" : asked);
	if (payment == NULL)
		return;
	if (!wechat &&
		!person_step(call, put_remittance, json_peek_text(payment, "id"), json_incref(body),
			NULL))
		return;
	if (payment_is(payment, "failed"))
		refuse_remittance(call, application, payment);
	else
		call_reply(call, status, person_view(call, application));
}

/* ---- one sitting ---- */

static void note_application(struct sim_call *call, const json_t *application)
{
	const json_t *certificate = sim_find(call->sim, "certificates", call->certificate);

	ledger_add(call->sim, "applications",
		json_pack("{s:s, s:n, s:s, s:s, s:s, s:s, s:b}", "id",
			json_peek_text(application, "id"), "client_ref", "certificate",
			call->certificate, "serial", json_peek_text(certificate, "serial"), "kind",
			json_peek_text(application, "kind"), "application_no",
			json_peek_text(application, "application_no"), "person", 1));
}

/* All pages up to 提交; false after a problem. */
static bool fill_in(struct sim_call *call, json_t *application)
{
	const char *id = json_peek_text(application, "id");

	if (!agree(call, id) || !choose_term(call, id) || !attach(call, id) ||
		!declare_intent(call, id) ||
		!person_step(call, post_submit, id, json_object(), NULL))
		return false;
	json_put_text(application, "email", json_peek_text(call->body, "email"));
	note_application(call, application);
	return true;
}

/* The draft of a new sitting (borrowed); NULL after a problem. */
static json_t *sit_down(struct sim_call *call, const json_t *certificate)
{
	bool expired = json_peek_number(certificate, "not_after", 0) <= call->now;
	const json_t *open = application_open(call->sim, json_peek_text(certificate, "set_id"));
	JSON *reply = NULL;

	if (person_step(call, post_application, NULL,
		    json_pack("{s:s, s:s}", "certificate_id", json_peek_text(certificate, "id"),
			    "kind", expired ? "expired" : "expiring"),
		    &reply))
		return sim_find(call->sim, "applications", json_peek_text(reply, "id"));
	if (open != NULL && json_peek_text(open, "application_no") != NULL)
		json_put_text(
			call->reply, "application_no", json_peek_text(open, "application_no"));
	return NULL;
}

void person_apply(struct sim_call *call)
{
	const json_t *certificate = person_certificate(call, call->body, "serial");
	json_t *application;
	OWNED char *id = NULL;

	if (certificate == NULL)
		return;
	application = sit_down(call, certificate);
	if (application == NULL)
		return;
	id = text_dup(json_peek_text(application, "id"));
	if (fill_in(call, application))
		pay(call, application, 201);
	else
		(void)json_object_del(sim_table(call->sim, "applications"), id);
}

/* The payment page again, after a verdict, or with a new order. */
void person_remit(struct sim_call *call)
{
	const char *number;
	json_t *application;

	if (!call_text(call, &number, call->body, "application_no"))
		return;
	application = person_named(call, number);
	if (application != NULL)
		pay(call, application, 200);
}

/* 补正: what the review named, then 重新提交. */
void person_correct(struct sim_call *call)
{
	const char *number, *id;
	json_t *application;

	if (!call_text(call, &number, call->body, "application_no"))
		return;
	application = person_named(call, number);
	if (application == NULL)
		return;
	id = json_peek_text(application, "id");
	if (json_object_get(call->body, "agreement") != NULL && !agree(call, id))
		return;
	if (!attach(call, id))
		return;
	if (json_object_get(call->body, "mobile") != NULL && !declare_intent(call, id))
		return;
	if (person_step(call, post_resubmit, id, json_object(), NULL))
		call_reply(call, 200, person_view(call, application));
}
