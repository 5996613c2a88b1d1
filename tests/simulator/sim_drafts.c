/* SPDX-License-Identifier: Apache-2.0 */
/* Filling an application: agreement, term, intent, and the submission that freezes them. */
#include <ctype.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "tests/simulator/sim_inside.h"
#include "tests/simulator/sim_knobs.h"

enum { CLOCK_TOLERANCE_S = 300 };

void application_save(struct sim_call *call, json_t *application, const char *field)
{
	json_t *correction = json_object_get(application, "correction");

	if (application_is(application, "correction_required"))
		json_object_set_new(json_object_get(correction, "done"), field, json_true());
	application_move(call->sim, application, json_peek_text(application, "state"), call->now);
	call_effect(call);
	call_reply_application(call, 200, application);
}

/* ---- agreement ---- */

static bool agreement_is_current(struct sim_call *call, const json_t *accepted)
{
	JSON *current = meta_agreement(call->sim);
	json_t *problem;

	if (text_equal(json_peek_text(accepted, "agreement_id"), json_peek_text(current, "id")) &&
		text_equal(
			json_peek_text(accepted, "version"), json_peek_text(current, "version")) &&
		text_equal(json_peek_text(accepted, "sha256"), json_peek_text(current, "sha256")))
		return true;
	problem = call_problem(call, SIM_AGREEMENT_CHANGED, "the current text is another one");
	json_object_del(current, "text");
	json_object_set(problem, "agreement", current);
	return false;
}

void put_agreement(struct sim_call *call)
{
	json_t *application = call_application_to_fill(call, "agreement");
	const char *by;
	int64_t at;

	if (application == NULL || !call_text(call, &by, call->body, "accepted_by") ||
		!call_instant(call, &at, call->body, "accepted_at"))
		return;
	if (sim_knob_fires(call, "agreement_changes") != 0)
		meta_agreement_change(call->sim);
	if (!agreement_is_current(call, call->body))
		return;
	json_object_set(application, "agreement", call->body);
	application_save(call, application, "agreement");
}

/* ---- term ---- */

static json_t *offered_terms(struct sim_call *call, const json_t *application)
{
	struct sim_subject subject = sim_subject_of(call->sim, call, application);
	int64_t add_fen = sim_knob_for(call->sim, "price_add_fen", &subject);

	return meta_terms(add_fen, sim_knob_for(call->sim, "term_withdrawn", &subject));
}

static int64_t price_of(const json_t *terms, int64_t years)
{
	json_t *term;
	size_t i;

	json_array_foreach(terms, i, term)
	{
		if (json_peek_number(term, "years", 0) == years)
			return json_peek_number(term, "price_fen", 0);
	}
	return 0;
}

/* The price of YEARS now; 0 after a problem: not offered, or not what the body says. */
static int64_t agreed_price(struct sim_call *call, const json_t *application, int64_t years)
{
	JSON *terms = offered_terms(call, application);
	int64_t price_fen = price_of(terms, years);
	int64_t said_fen = json_peek_number(call->body, "price_fen", price_fen);

	if (price_fen == 0)
		json_object_set(
			call_problem(call, SIM_TERM_UNAVAILABLE, "%lld years", (long long)years),
			"terms", terms);
	else if (said_fen != price_fen)
		json_object_set(call_problem(call, SIM_PRICE_CHANGED, "it is %lld fen",
					(long long)price_fen),
			"terms", terms);
	else
		return price_fen;
	return 0;
}

void get_terms(struct sim_call *call)
{
	const json_t *application = call_object(call, "applications");

	if (application != NULL)
		call_reply(call, 200, offered_terms(call, application));
}

void put_term(struct sim_call *call)
{
	json_t *application = call_application(call, "draft", NULL);
	int64_t years, price_fen;

	if (application == NULL || !call_number(call, &years, call->body, "years"))
		return;
	price_fen = agreed_price(call, application, years);
	if (price_fen == 0)
		return;
	json_put_number(application, "years", years);
	json_put_number(application, "price_fen", price_fen);
	application_save(call, application, "term");
}

/* ---- intent ---- */

static bool intent_lacks(struct sim_call *call, const char *path, const char *message)
{
	(void)call_problem(call, SIM_INTENT_INCOMPLETE, "%s: %s", path, message);
	call_field_error(call, path, message);
	return false;
}

static bool mobile_is_good(const char *mobile)
{
	if (mobile == NULL || strlen(mobile) != 11 || mobile[0] != '1' ||
		strchr("3456789", mobile[1]) == NULL)
		return false;
	for (const char *digit = mobile; *digit != '\0'; digit++) {
		if (!isdigit((unsigned char)*digit))
			return false;
	}
	return true;
}

static bool handler_is_good(struct sim_call *call, const json_t *handler)
{
	const char *name = json_peek_text(handler, "name");
	const char *email = json_peek_text(handler, "email");

	if (name == NULL || *name == '\0')
		return intent_lacks(call, "handler.name", "is missing");
	if (email != NULL && strchr(email, '@') == NULL)
		return intent_lacks(call, "handler.email", "is not an address");
	if (mobile_is_good(json_peek_text(handler, "mobile")))
		return true;
	(void)call_problem(call, SIM_HANDLER_MOBILE_INVALID, "eleven digits from 13 to 19");
	call_field_error(call, "handler.mobile", "is not a mobile number of the mainland");
	return false;
}

static bool statement_is_current(struct sim_call *call)
{
	JSON *current = meta_statement();

	if (!text_equal(json_peek_text(call->body, "statement_id"), json_peek_text(current, "id")))
		return intent_lacks(call, "statement_id", "is not the one of meta.statement");
	if (!text_equal(json_peek_text(call->body, "statement_sha256"),
		    json_peek_text(current, "sha256")))
		return intent_lacks(call, "statement_sha256", "is not the one of meta.statement");
	return true;
}

static bool intent_is_complete(struct sim_call *call)
{
	const char *declared = json_peek_text(call->body, "declared_at");
	int64_t at;

	if (!handler_is_good(call, json_object_get(call->body, "handler")) ||
		!statement_is_current(call))
		return false;
	if (declared == NULL || !clock_parse(&at, declared))
		return intent_lacks(call, "declared_at", "is missing");
	if (at > call->now + CLOCK_TOLERANCE_S * CLOCK_SECOND)
		return intent_lacks(call, "declared_at", "is in the future");
	if (!json_is_true(json_object_get(call->body, "declared_by_human")))
		return intent_lacks(call, "declared_by_human", "must be true");
	return true;
}

void put_intent(struct sim_call *call)
{
	json_t *application = call_application_to_fill(call, "intent");

	if (application == NULL || !intent_is_complete(call))
		return;
	json_object_set(application, "intent", call->body);
	application_save(call, application, "intent");
}

/* ---- submission ---- */

static bool is_complete(struct sim_call *call, const json_t *application)
{
	JSON *required = application_required(application);
	const char *first = json_string_value(json_array_get(required, 0));
	enum sim_code code = SIM_STATE_CONFLICT;

	if (first == NULL)
		return true;
	if (text_equal(first, "attachments"))
		code = SIM_ATTACHMENT_MISSING;
	else if (text_equal(first, "intent"))
		code = SIM_INTENT_INCOMPLETE;
	json_object_set(call_problem(call, code, "%s is missing", first), "required", required);
	return false;
}

static bool kind_still_fits(struct sim_call *call, const json_t *application)
{
	const json_t *certificate = sim_find(call->sim, "certificates", call->certificate);

	if (text_equal(json_peek_text(application, "kind"), "expired") ||
		json_peek_number(certificate, "not_after", 0) > call->now)
		return true;
	(void)call_problem(call, SIM_KIND_MISMATCH, "the certificate has expired meanwhile");
	return false;
}

/* The payment that is still open for APPLICATION (borrowed), or NULL. */
static const json_t *live_payment(const struct sim *sim, const json_t *application)
{
	const char *id = json_peek_text(application, "payment_id");
	const json_t *payment = id == NULL ? NULL : sim_find(sim, "payments", id);

	return payment_is(payment, "expired") || payment_is(payment, "closed") ? NULL : payment;
}

/* A submitted application is quoted anew only when its quote has run out and nothing is to pay. */
static bool may_quote(struct sim_call *call, const json_t *application)
{
	if (application_is(application, "draft") && sim_knob_fires(call, "agreement_changes") != 0)
		meta_agreement_change(call->sim);
	if (application_is(application, "draft"))
		return is_complete(call, application) && kind_still_fits(call, application) &&
			agreement_is_current(call, json_object_get(application, "agreement"));
	if (call->now >= json_peek_number(application, "quote_expires_at", 0) &&
		live_payment(call->sim, application) == NULL)
		return true;
	call_conflict(call, "application", json_peek_text(application, "state"));
	return false;
}

void post_submit(struct sim_call *call)
{
	json_t *application = call_application(call, "draft", "awaiting_payment");
	struct sim_subject subject = sim_subject_of(call->sim, call, application);
	int64_t price_fen;

	if (application == NULL || !may_quote(call, application) ||
		!certificate_is_alive(call, sim_find(call->sim, "certificates", call->certificate)))
		return;
	price_fen = agreed_price(call, application, json_peek_number(application, "years", 0));
	if (price_fen == 0)
		return;
	json_put_number(application, "price_fen", price_fen);
	json_put_number(application, "quote_expires_at",
		call->now + sim_knob_for(call->sim, "quote_ms", &subject) * 1000);
	application_move(call->sim, application, "awaiting_payment", call->now);
	call_effect(call);
	call_reply_application(call, 200, application);
}

/* ---- resubmission ---- */

void post_resubmit(struct sim_call *call)
{
	json_t *application = call_application(call, "correction_required", "in_review");
	int64_t times;

	if (application == NULL)
		return;
	if (application_is(application, "in_review")) {
		(void)call_problem(call, SIM_REVIEW_PENDING, "it is being reviewed already");
		return;
	}
	if (!is_complete(call, application))
		return;
	times = json_peek_number(application, "resubmitted", 0) + 1;
	json_put_number(application, "resubmitted", times);
	json_object_del(application, "correction");
	ledger_add(call->sim, "resubmissions",
		json_pack("{s:s, s:s?}", "application", json_peek_text(application, "id"),
			"client_ref", call->client_ref));
	review_begin(call->sim, application, call->now);
	call_effect(call);
	call_reply_application(call, 200, application);
}
