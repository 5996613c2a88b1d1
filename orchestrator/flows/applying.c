/* SPDX-License-Identifier: Apache-2.0 */
/* 数字证书续期申请 (guide chapter 3): agreement, term, attachments of an expired certificate, statement of
 * intent, submission.  Agreement and intent are acts of the handler, recorded here and never made up. */
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "orchestrator/domain/approval.h"
#include "orchestrator/flows/turns.h"

/* ---- a plan that is not what was approved any more ---- */

static void put_agreement(json_t *plan, const json_t *agreement)
{
	json_put_text(plan, "agreement_id", json_peek_text(agreement, "id"));
	json_put_text(plan, "agreement_version", json_peek_text(agreement, "version"));
	json_put_text(plan, "agreement_sha256", json_peek_text(agreement, "sha256"));
}

/* Put YEARS, PRICE and AGREEMENT (may be NULL) into the plan and go back to the gates by EVENT.  Needs the plan. */
static enum stage_next approve_again(struct stage_run *run, enum renewal_event event, int64_t years,
	int64_t price_fen, const json_t *agreement)
{
	char digest[SHA256_HEX];

	if (run->plan == NULL)
		return STAGE_PLAN;

	if (!approval_reprice(run->plan, stage_text(run, "set.id"), years, price_fen))
		return stage_retry(run, "bug", "the campaign's plan does not name this renewal");
	if (agreement != NULL)
		put_agreement(run->plan, agreement);
	if (stage_number(run, "ca.price_version", 0) > 0)
		json_put_number(
			run->plan, "price_version", stage_number(run, "ca.price_version", 0));
	approval_digest(digest, run->plan);
	stage_put(run, "reprice",
		json_pack("{s:O, s:s, s:s?, s:I, s:I}", "plan", run->plan, "digest", digest,
			"old_digest", stage_text(run, "campaign.digest"), "price_fen",
			(json_int_t)price_fen, "term_years", (json_int_t)years));
	stage_fact(run, "term", json_null());
	if (agreement != NULL)
		return stage_move(run, event,
			"the CA's agreement is %s now: the plan's new digest must be approved, and the handler asked again",
			json_peek_text(agreement, "version"));

	OWNED char *price = stage_yuan(price_fen);

	return stage_move(run, event,
		"the CA now asks %s for %lld years: the plan's new digest must be approved", price,
		(long long)years);
}

/* Never accepted by a machine: AGREEMENT is approved first, then read and accepted by the handler. */
static enum stage_next agreement_changed(struct stage_run *run, const json_t *agreement)
{
	if (json_peek_text(agreement, "sha256") == NULL)
		return stage_refused(run);
	stage_fact(run, "agreed", json_false());
	stage_fact(run, "agreement_sha256", json_null());
	return approve_again(run, ON_AGREEMENT_CHANGED, stage_number(run, "term_years", 1),
		stage_number(run, "approved_fen", 0), agreement);
}

/* The CA's refusal names a text that its meta does not show yet. */
static enum stage_next agreement_told(struct stage_run *run)
{
	const json_t *agreement = json_object_get(run->outcome.data, "agreement");
	enum stage_next next = agreement_changed(run, agreement);

	if (next == STAGE_CONCLUDE) {
		stage_fact_text(run, "agreement_sha256", json_peek_text(agreement, "sha256"));
		stage_fact_text(run, "agreement_before", stage_text(run, "ca.agreement.sha256"));
	}
	return next;
}

/* ---- an application that does not fit the expiry any more ---- */

/* KIND_MISMATCH (临期, 过期): nothing is paid yet, so this application is withdrawn first. */
static enum stage_next abandon(struct stage_run *run)
{
	stage_fact(run, "abandon", json_true());
	return stage_wait(run, NULL, 0);
}

/* Then another one is opened, as expired, with an agreement and an intent of its own. */
static enum stage_next abandoned(struct stage_run *run)
{
	if (run->outcome.kind == OUTCOME_REFUSED)
		return stage_refused(run);
	opening_forget(run);
	stage_put(run, "kind", json_string("expired"));
	return stage_move(run, ON_KIND_CHANGED,
		"the certificate has expired (过期): the application was withdrawn and is opened anew");
}

/* A sitting that stopped before it submitted anything left nothing to be withdrawn. */
static enum stage_next call_withdraw(struct stage_run *run)
{
	const char *application = stage_text(run, "facts.application_id");

	return application != NULL ? stage_call(run, CONNECTOR_WITHDRAW, application, NULL)
				   : abandoned(run);
}

/* 证书有效期至 has passed while the application waited, and nothing is submitted yet. */
static bool has_crossed(const struct stage_run *run)
{
	return stage_flag(run, "facts.abandon") ||
		(stage_flag(run, "set.expired") && text_equal(stage_text(run, "kind"), "expiring"));
}

static bool kind_mismatch(const struct stage_run *run)
{
	return run->outcome.kind == OUTCOME_REFUSED &&
		text_equal(run->outcome.code, "KIND_MISMATCH");
}

/* The handler's answer, if it was given for this application. */
static const json_t *answer_for_this(const struct stage_run *run, const char *kind)
{
	const json_t *values = json_object_get(
		json_object_get(json_object_get(run->doc, "tasks"), kind), "values");

	return text_equal(json_peek_text(values, "application"),
		       stage_text(run, "facts.application_id"))
		? stage_answer(run, kind)
		: NULL;
}

/* What the handler does at the CA's own pages is read from there: no task of ours asks for it again. */
static bool is_asked_here(const struct stage_run *run, enum connector_op op)
{
	return connector_op(run->connector, op)->effect;
}

/* ---- drafting: agreement, then term ---- */

static enum stage_next ask_for_agreement(struct stage_run *run)
{
	stage_task(run,
		json_pack(
			"{s:s, s:s, s:s?, s:s, s:s, s:s, s:[s], s:{s:s?, s:s?, s:s?, s:s?, s:s?}}",
			"kind", "agreement", "role", "handler", "assignee",
			stage_text(run, "handler.id"), "title",
			"电子认证协议: read and accept the agreement", "instruction",
			"Read the agreement of this version: xuqi task show has its text, compared with its digest, where the CA gives it; "
			"else read it on the CA's pages. If you accept it for the holder below, finish this task with accept=yes.",
			"if_ignored", "The application stays a draft.", "needs", "accept", "values",
			"holder", stage_text(run, "set.holder"), "service",
			stage_text(run, "set.service"), "version",
			stage_text(run, "ca.agreement.version"), "sha256",
			stage_text(run, "ca.agreement.sha256"), "application",
			stage_text(run, "facts.application_id")));
	return stage_await(run, "agreement");
}

static bool answered_yes(const json_t *answer, const char *key, const char *word)
{
	return answer != NULL && text_equal(json_peek_text(answer, key), word);
}

static enum stage_next call_agree(struct stage_run *run)
{
	return send_agreement(run, "agreement", stage_text(run, "ca.agreement.version"),
		stage_text(run, "tasks.agreement.values.sha256"));
}

/* Another renewal of the campaign may have changed the plan's agreement after this one was approved. */
static bool is_signed(const struct stage_run *run)
{
	return stage_flag(run, "campaign.agreement_signed");
}

bool agreement_is_approved(const struct stage_run *run)
{
	return is_signed(run) &&
		text_equal(stage_text(run, "ca.agreement.sha256"),
			stage_text(run, "campaign.agreement_sha256"));
}

bool agreement_follows(const struct stage_run *run)
{
	const char *now = stage_text(run, "ca.agreement.sha256"),
		   *approved = stage_text(run, "campaign.agreement_sha256");

	return !text_equal(now, approved) &&
		text_equal(stage_text(run, "facts.agreement_sha256"), approved) &&
		text_equal(stage_text(run, "facts.agreement_before"), now);
}

/* No sitting was begun with an agreement that was not approved.  It is now (a sibling's step put it into the plan, and the
 * approver signed it meanwhile): then the sitting is asked for. */
static enum stage_next begin_sitting(struct stage_run *run)
{
	opening_forget(run);
	return stage_move(run, ON_APPLICATION_CLOSED,
		"the agreement that is listed was approved meanwhile: the application begins");
}

/* Only the text that was approved is put before the handler, and only its acceptance is passed on. */
static enum stage_next agree(struct stage_run *run)
{
	const char *now = stage_text(run, "ca.agreement.sha256"),
		   *approved = stage_text(run, "campaign.agreement_sha256");

	if (!is_asked_here(run, CONNECTOR_AGREE) && stage_text(run, "facts.application_id") != NULL)
		return call_agree(
			run); /* submitted with what its card showed, whatever is listed since */
	if (now == NULL || agreement_follows(run))
		return stage_poll(run, "agreement");
	if (!agreement_is_approved(run))
		return agreement_changed(run, stage_at(run, "ca.agreement"));
	if (stage_flag(run, "facts.sitting_waits"))
		return begin_sitting(run);
	if (!is_asked_here(run, CONNECTOR_AGREE) ||
		(answered_yes(answer_for_this(run, "agreement"), "accept", "yes") &&
			text_equal(stage_text(run, "tasks.agreement.values.sha256"), approved)))
		return call_agree(run);
	return ask_for_agreement(run);
}

static enum stage_next drafting_decide(struct stage_run *run)
{
	const char *application = stage_text(run, "facts.application_id");

	if (has_crossed(run))
		return call_withdraw(run);
	if (prepaid_differs(run))
		return prepaid_decide(run);
	if (!stage_flag(run, "facts.agreed"))
		return agree(run);
	if (stage_number(run, "facts.term", 0) == 0)
		return stage_call(run, CONNECTOR_TERMS, application, NULL);
	return stage_call(run, CONNECTOR_TERM, application,
		json_pack("{s:I, s:I}", "years", (json_int_t)stage_number(run, "facts.term", 1),
			"price_fen", (json_int_t)stage_number(run, "quoted_fen", 0)));
}

static int64_t price_of(const json_t *terms, int64_t years)
{
	const json_t *term;
	size_t i;

	json_array_foreach(terms, i, term) if (json_peek_number(term, "years", 0) ==
		years) return json_peek_number(term, "price_fen", -1);
	return -1;
}

bool plan_is_outdated(struct stage_run *run, enum stage_next *next)
{
	const json_t *agreement = stage_at(run, "ca.agreement");
	const char *now = json_peek_text(agreement, "sha256");
	int64_t years = stage_number(run, "term_years", 1),
		approved = stage_number(run, "approved_fen", 0),
		price = price_of(stage_at(run, "ca.terms"), years);
	bool agreed = now == NULL ||
		(text_equal(now, stage_text(run, "campaign.agreement_sha256")) && is_signed(run));

	if (price <= 0) /* this term is not listed any more: the sitting will say so */
		price = approved;
	if (agreed && price == approved)
		return false;
	*next = approve_again(run, agreed ? ON_PRICE_CHANGED : ON_AGREEMENT_CHANGED, years, price,
		agreed ? NULL : agreement);
	return true;
}

static enum stage_next take_term(struct stage_run *run, int64_t years, int64_t price)
{
	stage_put(run, "quoted_fen", json_integer(price));
	stage_fact(run, "term", json_integer(years));
	return stage_wait(run, NULL, 0);
}

/* The approved term, else the policy's next one within the approved amount. */
static enum stage_next choose_term(struct stage_run *run)
{
	const json_t *wish, *wishes = stage_at(run, "campaign.policy.terms"),
			    *terms = run->outcome.data;
	int64_t years = stage_number(run, "term_years", 1),
		approved = stage_number(run, "approved_fen", 0);
	int64_t price = price_of(terms, years), first_price = price, first_years = years;
	size_t i;

	if (order_is_paid(run))
		return price == stage_number(run, "order.amount_fen", -1)
			? take_term(run, years, price)
			: prepaid_ask(run, price, NULL);
	json_array_foreach(wishes, i, wish)
	{
		if (price > 0 && price <= approved)
			break;
		years = json_integer_value(wish);
		price = price_of(terms, years);
		if (first_price <= 0) {
			first_price = price;
			first_years = years;
		}
	}
	if (price > 0 && price <= approved)
		return take_term(run, years, price);
	if (first_price > 0)
		return approve_again(run, ON_PRICE_CHANGED, first_years, first_price, NULL);
	outcome_set(&run->outcome, OUTCOME_REFUSED, "TERM_UNAVAILABLE",
		"the CA offers none of the policy's terms");
	return stage_refused(run);
}

static enum stage_next drafting_refused(struct stage_run *run)
{
	if (text_equal(run->outcome.code, "AGREEMENT_CHANGED"))
		return agreement_told(run);
	if (kind_mismatch(run))
		return abandon(run);
	if (text_equal(run->outcome.code, "TERM_UNAVAILABLE") ||
		text_equal(run->outcome.code, "PRICE_CHANGED")) {
		stage_fact(run, "term", json_null()); /* read the terms anew */
		return stage_wait(run, NULL, 0);
	}
	return stage_refused(run);
}

static enum stage_next drafting_settle(struct stage_run *run)
{
	if (run->call.op == CONNECTOR_WITHDRAW)
		return abandoned(run);
	if (run->outcome.kind == OUTCOME_REFUSED)
		return drafting_refused(run);
	if (run->call.op == CONNECTOR_TERMS)
		return choose_term(run);
	if (run->call.op == CONNECTOR_AGREE) {
		stage_fact(run, "agreed", json_true());
		stage_note(run, "agreement_accepted",
			"the handler accepted the agreement (电子认证协议)");
		return stage_wait(run, NULL, 0);
	}
	if (text_equal(stage_text(run, "kind"), "expired"))
		return stage_move(run, ON_ATTACHMENTS_NEEDED,
			"an expired certificate needs attachments (附件)");
	return stage_move(run, ON_INTENT_NEEDED, "term chosen: %lld 年",
		(long long)stage_number(run, "facts.term", 0));
}

const struct stage drafting_stage = { RENEWAL_DRAFTING, drafting_decide, drafting_settle };

/* ---- attachments ---- */

static enum stage_next ask_for_attachment(struct stage_run *run, const char *complaint)
{
	const char *name = stage_text(run, "ca.attachments.types.0.name");
	OWNED char *instruction = text_dupf(
		"%s%sAttach a PDF or picture of each of: %s (xuqi task done … --attach FILE). If this task comes again, attach all of them again.",
		complaint != NULL ? complaint : "", complaint != NULL ? ". " : "",
		name != NULL ? name : "the CA's form for expired certificates");

	stage_fact(run, "attached", json_null());
	stage_task(run,
		json_pack("{s:s, s:s, s:s?, s:s, s:s, s:s, s:[s], s:{s:s?, s:s?}}", "kind",
			"attachment", "role", "handler", "assignee", stage_text(run, "handler.id"),
			"title", "上传附件: attach what the CA asks for", "instruction",
			instruction, "if_ignored", "The expired certificate is not renewed.",
			"needs", "file", "values", "holder", stage_text(run, "set.holder"),
			"service", stage_text(run, "set.service")));
	return stage_await(run, "attachment");
}

static enum stage_next attaching_decide(struct stage_run *run)
{
	size_t done = (size_t)stage_number(run, "facts.attached", 0);

	if (has_crossed(run))
		return call_withdraw(run);
	if (!is_asked_here(run, CONNECTOR_ATTACH))
		return done > 0 ? stage_move(run, ON_INTENT_NEEDED,
					  "the attachments were given at the CA's own page")
				: stage_call(run, CONNECTOR_ATTACH,
					  stage_text(run, "facts.application_id"), NULL);
	if (text_equal(stage_text(run, "tasks.attachment.state"), "open")) /* with what was wrong */
		return stage_await(run, "attachment");
	if (stage_answer(run, "attachment") == NULL)
		return ask_for_attachment(run, NULL);
	if (run->files == NULL) {
		run->want = "attachment";
		return STAGE_FILES;
	}
	if (done >= json_array_size(run->files))
		return stage_move(run, ON_INTENT_NEEDED, "%zu attachments are with the CA", done);
	return send_attachment(run, done);
}

static enum stage_next attaching_settle(struct stage_run *run)
{
	if (run->call.op == CONNECTOR_WITHDRAW)
		return abandoned(run);
	if (kind_mismatch(run))
		return abandon(run);
	if (run->outcome.kind == OUTCOME_REFUSED && text_starts(run->outcome.code, "ATTACHMENT_"))
		return ask_for_attachment(run, run->outcome.text);
	if (run->outcome.kind == OUTCOME_REFUSED)
		return stage_refused(run);
	stage_fact(run, "attached", json_integer(stage_number(run, "facts.attached", 0) + 1));
	return stage_wait(run, NULL, 0);
}

const struct stage attaching_stage = { RENEWAL_AWAITING_ATTACHMENTS, attaching_decide,
	attaching_settle };

/* ---- intent and submission ---- */

static enum stage_next ask_for_intent(struct stage_run *run, const char *complaint)
{
	OWNED char *instruction = text_dupf(
		"%s%sRead the statement below. If it is your intent, as the handler (经办人), "
		"finish this task with statement=agree.",
		complaint != NULL ? complaint : "", complaint != NULL ? ". " : "");

	stage_task(run,
		json_pack(
			"{s:s, s:s, s:s?, s:s, s:s, s:s, s:[s], s:{s:s?, s:s?, s:s?, s:s?, s:s?, s:s?}}",
			"kind", "intent", "role", "handler", "assignee",
			stage_text(run, "handler.id"), "title", "意愿表达: state your intent",
			"instruction", instruction, "if_ignored",
			"The application is not submitted.", "needs", "statement", "values",
			"holder", stage_text(run, "set.holder"), "service",
			stage_text(run, "set.service"), "statement",
			stage_text(run, "ca.statement.text"), "statement_id",
			stage_text(run, "ca.statement.id"), "statement_sha256",
			stage_text(run, "ca.statement.sha256"), "application",
			stage_text(run, "facts.application_id")));
	return stage_await(run, "intent");
}

static enum stage_next call_intent(struct stage_run *run)
{
	return send_intent(run, "intent",
		&(struct intent){ .name = stage_text(run, "handler.name"),
			.mobile = stage_text(run, "handler.mobile"),
			.email = stage_text(run, "handler.email"),
			.statement_id = stage_text(run, "tasks.intent.values.statement_id"),
			.statement_sha256 =
				stage_text(run, "tasks.intent.values.statement_sha256") });
}

static enum stage_next intent_decide(struct stage_run *run)
{
	const char *application = stage_text(run, "facts.application_id");

	if (has_crossed(run))
		return call_withdraw(run);
	if (stage_flag(run, "facts.intent"))
		return stage_call(run, CONNECTOR_SUBMIT, application,
			json_pack("{s:I}", "price_fen",
				(json_int_t)stage_number(run, "quoted_fen", 0)));
	if (is_asked_here(run, CONNECTOR_INTENT) &&
		!answered_yes(answer_for_this(run, "intent"), "statement", "agree"))
		return ask_for_intent(run, NULL);
	return call_intent(run);
}

static enum stage_next intent_refused(struct stage_run *run)
{
	if (kind_mismatch(run))
		return abandon(run);
	if (text_equal(run->outcome.code, "AGREEMENT_CHANGED"))
		return agreement_told(run);
	if (text_equal(run->outcome.code, "PRICE_CHANGED")) {
		int64_t years = stage_number(run, "facts.term", 1);
		int64_t price = price_of(json_object_get(run->outcome.data, "terms"), years);

		if (price > stage_number(run, "approved_fen", 0) && !order_is_paid(run))
			return approve_again(run, ON_PRICE_CHANGED, years, price, NULL);
	}
	if (text_equal(run->outcome.code, "PRICE_CHANGED") ||
		text_equal(run->outcome.code, "TERM_UNAVAILABLE")) {
		stage_fact(run, "term", json_null()); /* chosen anew within what was approved */
		return stage_move(run, ON_TERM_CHANGED, "%s: terms and prices are read again",
			run->outcome.code);
	}
	if (text_equal(run->outcome.code, "ATTACHMENT_MISSING")) {
		stage_fact(run, "attached", json_null());
		if (is_asked_here(run, CONNECTOR_ATTACH)) /* those of before are not enough */
			(void)ask_for_attachment(run, run->outcome.text);
		return stage_move(run, ON_ATTACHMENTS_NEEDED, "the CA misses an attachment (附件)");
	}
	if (text_equal(run->outcome.code, "INTENT_INCOMPLETE") ||
		text_equal(run->outcome.code, "HANDLER_MOBILE_INVALID"))
		return ask_for_intent(run, run->outcome.text);
	return stage_refused(run);
}

static enum stage_next intent_settle(struct stage_run *run)
{
	if (run->call.op == CONNECTOR_WITHDRAW)
		return abandoned(run);
	if (run->outcome.kind == OUTCOME_REFUSED)
		return intent_refused(run);
	if (run->call.op == CONNECTOR_INTENT) {
		stage_fact(run, "intent", json_true());
		stage_note(run, "intent_stated", "the handler stated the intent (意愿表达)");
		return stage_wait(run, NULL, 0);
	}
	stage_fact_text(
		run, "quote_expires_at", json_peek_text(run->outcome.data, "quote_expires_at"));
	stage_fact(run, "submitted", json_true());
	const char *until = json_peek_text(run->outcome.data, "quote_expires_at");
	char shown[CLOCK_TEXT];
	int64_t at;

	if (until == NULL || !clock_parse(&at, until))
		return stage_move(
			run, ON_APPLICATION_SUBMITTED, "submitted at the price that was paid");
	clock_beijing(shown, at);
	return stage_move(run, ON_APPLICATION_SUBMITTED,
		"submitted; the price is held until %s (Beijing)", shown);
}

const struct stage intent_stage = { RENEWAL_AWAITING_INTENT, intent_decide, intent_settle };
