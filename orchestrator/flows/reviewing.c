/* SPDX-License-Identifier: Apache-2.0 */
/* 审核通知 (guide chapter 4): the CA reviews; once it approves and the touch gate is open, the new
 * certificates are fetched, checked against the old ones, and become an install order. */
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "orchestrator/domain/calendar.h"
#include "orchestrator/flows/turns.h"

enum { REVIEW_DAYS = 5 }; /* working days, where the policy says nothing */

/* What the application's state at the CA means to a renewal whose money the CA has. */
enum standing {
	STANDS_WAITING,
	STANDS_IN_REVIEW,
	STANDS_CORRECTION,
	STANDS_APPROVED,
	STANDS_REJECTED,
	STANDS_CLOSED,
	STANDS_BLOCKED,
	STANDS_UNPAID
};

static const struct {
	const char *state;
	enum standing standing;
} standings[] = {
	{ "in_review", STANDS_IN_REVIEW },
	{ "correction_required", STANDS_CORRECTION },
	{ "approved", STANDS_APPROVED },
	{ "issuing", STANDS_APPROVED },
	{ "issued", STANDS_APPROVED },
	{ "installed", STANDS_APPROVED },
	{ "rejected", STANDS_REJECTED },
	{ "closed", STANDS_CLOSED },
	{ "withdrawn", STANDS_CLOSED },
	{ "blocked", STANDS_BLOCKED },
	{ "awaiting_payment", STANDS_UNPAID },
};

static enum standing standing_of(const struct stage_run *run)
{
	const char *state = json_peek_text(run->outcome.data, "state");

	for (size_t i = 0; i < COUNT_OF(standings); i++)
		if (text_equal(standings[i].state, state))
			return standings[i].standing;
	return STANDS_WAITING;
}

bool review_closed_it(const struct stage_run *run)
{
	return standing_of(run) == STANDS_CLOSED;
}

static enum stage_next ask_status(struct stage_run *run)
{
	return stage_call(run, CONNECTOR_STATUS, stage_text(run, "facts.application_id"), NULL);
}

/* Working days since the renewal came into its state. */
static int64_t working_days_here(const struct stage_run *run)
{
	int64_t since;
	const char *text = stage_text(run, "since");

	if (text == NULL || !clock_parse(&since, text))
		return 0;
	return calendar_working_days_between(run->app->calendar, since, clock_now());
}

/* Silent for too long: somebody asks the CA by telephone, and the polling goes on. */
static void ask_about_silence(struct stage_run *run)
{
	int64_t days = working_days_here(run),
		most = stage_number(run, "campaign.policy.review_working_days", REVIEW_DAYS);

	if (days <= most || stage_at(run, "tasks.review_overdue") != NULL)
		return;

	OWNED char *text = text_dupf(
		"The CA has been silent about application %s for %lld working days. Call it with the number below. xuqi goes on asking "
		"by itself; finish this task with asked=WHAT THEY SAID.",
		stage_text(run, "facts.application_id"), (long long)days);

	stage_task(run,
		json_pack("{s:s, s:s, s:[s], s:{s:s?, s:s?, s:s?}}", "kind", "review_overdue",
			"instruction", text, "needs", "asked", "values", "application",
			stage_text(run, "facts.application_id"), "holder",
			stage_text(run, "set.holder"), "service", stage_text(run, "set.service")));
}

/* The CA closed it: its fee is kept for another application, which is opened at once, or it comes back. */
enum stage_next review_is_closed(struct stage_run *run)
{
	const char *fee = json_peek_text(run->outcome.data, "fee");
	const json_t *refund = json_array_get(json_object_get(run->outcome.data, "refund_ids"), 0);

	if (text_equal(fee, "carried_over")) {
		opening_forget(run);
		stage_close_task(run, "correction");
		stage_put(run, "kind",
			json_string(stage_flag(run, "set.expired") ? "expired" : "expiring"));
		return stage_move(run, ON_APPLICATION_CLOSED,
			"the CA closed the application and keeps its fee for another one, which is opened now");
	}
	if (json_is_string(refund))
		stage_fact_text(run, "refund_id", json_string_value(refund));
	stage_close_task(run, "correction");
	refund_ask(run, "The CA closed the application after its payment");
	return stage_move(run, ON_CLOSED_WITH_REFUND,
		"the CA closed the application; its fee is to come back");
}

/* 已冻结: the certificate is on hold.  Nothing is done until the CA or a person ends it. */
static enum stage_next is_blocked(struct stage_run *run)
{
	outcome_set(
		&run->outcome, OUTCOME_REFUSED, "CERT_ON_HOLD", "the CA has stopped the review");
	(void)certificate_refused(run);
	return STAGE_CONCLUDE;
}

static enum stage_next is_rejected(struct stage_run *run)
{
	const json_t *why = json_object_get(run->outcome.data, "rejected");
	const char *text = json_peek_text(why, "text");
	const json_t *refund = json_array_get(json_object_get(run->outcome.data, "refund_ids"), 0);

	if (json_is_string(refund))
		stage_fact_text(run, "refund_id", json_string_value(refund));
	stage_close_task(run, "review_overdue");
	refund_ask(run, "The CA rejected the application for good after its payment");
	return stage_move(run, ON_REVIEW_REJECTED,
		"the CA rejected the application%s%s; its fee is to be refunded",
		text != NULL ? ": " : "", text != NULL ? text : "");
}

/* The CA says of a verified payment that it is not paid: the bank took the transfer back. */
static enum stage_next is_unpaid(struct stage_run *run)
{
	if (!order_is_linked(run))
		return stage_poll(run, "review");
	stage_fact(run, "returned", json_true());
	return stage_wait(run, NULL, 0);
}

/* The CA saw a second payment: the later one comes back, which finance watches.  The renewal goes on. */
static void watch_for_second_payment(struct stage_run *run)
{
	const json_t *refund = json_array_get(json_object_get(run->outcome.data, "refund_ids"), 0);

	if (!json_is_true(json_object_get(run->outcome.data, "paid_twice")) ||
		stage_flag(run, "facts.paid_twice"))
		return;
	stage_fact(run, "paid_twice", json_true());
	stage_note(
		run, "paid_twice", "the CA has the fee twice: the later payment is to be refunded");
	stage_task(run,
		json_pack("{s:s, s:s, s:[s], s:{s:s?, s:s?, s:I}}", "kind", "paid_twice",
			"instruction",
			"The CA says that it has the fee of this renewal twice (重复付款). It refunds the later payment. Finish this task with "
			"settled=HOW once its credit is on a statement.",
			"needs", "settled", "values", "reference",
			stage_text(run, "order.reference"), "refund", json_string_value(refund),
			"amount_fen", (json_int_t)stage_number(run, "order.amount_fen", 0)));
}

static enum stage_next paid_settle(struct stage_run *run)
{
	if (run->outcome.kind == OUTCOME_REFUSED)
		return stage_refused(run);
	watch_for_second_payment(run);
	switch (standing_of(run)) {
	case STANDS_UNPAID:
		return is_unpaid(run);
	case STANDS_CLOSED:
		return review_is_closed(run);
	case STANDS_IN_REVIEW:
	case STANDS_CORRECTION:
	case STANDS_APPROVED:
	case STANDS_REJECTED:
	case STANDS_BLOCKED:
		return stage_move(run, ON_REVIEW_BEGUN, "the CA reviews (审核)");
	case STANDS_WAITING:
		break;
	}
	return stage_poll(run, "review");
}

const struct stage paid_stage = { RENEWAL_PAID, ask_status, paid_settle };

static enum stage_next review_settle(struct stage_run *run)
{
	if (run->outcome.kind == OUTCOME_REFUSED)
		return stage_refused(run);
	watch_for_second_payment(run);
	switch (standing_of(run)) {
	case STANDS_APPROVED:
		stage_close_task(run, "review_overdue");
		return stage_move(run, ON_REVIEW_APPROVED, "the CA approved (审核通过)");
	case STANDS_REJECTED:
		return is_rejected(run);
	case STANDS_CORRECTION:
		correction_ask(run);
		return stage_move(run, ON_CORRECTION_REQUIRED, "the CA asks for a correction");
	case STANDS_CLOSED:
		return review_is_closed(run);
	case STANDS_BLOCKED:
		return is_blocked(run);
	case STANDS_UNPAID:
		return is_unpaid(run);
	case STANDS_WAITING:
	case STANDS_IN_REVIEW:
		break;
	}
	ask_about_silence(run);
	return stage_poll(run, "review");
}

const struct stage review_stage = { RENEWAL_IN_REVIEW, ask_status, review_settle };

/* ---- approved: fetch, check, order the installation ---- */

static const json_t *old_certificate(const struct stage_run *run, const json_t *issued)
{
	const json_t *old, *list = stage_at(run, "certificates");
	size_t i;

	json_array_foreach(
		list, i, old) if (text_equal(json_peek_text(old, "sha256"),
					  json_peek_text(issued, "replaces_sha256"))) return old;
	return NULL;
}

static bool issuance_is_right(const struct stage_run *run, const json_t *list, struct fault *fault)
{
	const json_t *issued;
	size_t i;

	if (json_array_size(list) != json_array_size(stage_at(run, "certificates")))
		return fault_set(fault, FAULT_REFUSED,
			"the CA issued %zu certificates, %zu are expected", json_array_size(list),
			json_array_size(stage_at(run, "certificates")));
	json_array_foreach(list, i, issued)
	{
		const json_t *old = old_certificate(run, issued);

		if (old == NULL)
			return fault_set(fault, FAULT_REFUSED,
				"a new certificate replaces none of this renewal's");
		if (!certificate_follows(json_peek_text(old, "der_b64"),
			    json_peek_text(issued, "der_b64"), fault))
			return false;
	}
	return true;
}

static json_t *install_body(const struct stage_run *run)
{
	const json_t *old, *list = stage_at(run, "certificates");
	json_t *olds = json_array();
	size_t i;

	json_array_foreach(list, i, old)(void) json_array_append_new(olds,
		json_pack("{s:O?, s:O?, s:O?, s:O?, s:O?, s:O?}", "sha256",
			json_object_get(old, "sha256"), "issuer_sha256",
			json_object_get(old, "issuer_sha256"), "serial",
			json_object_get(old, "serial"), "spki_sha256",
			json_object_get(old, "spki_sha256"), "subject_sha256",
			json_object_get(old, "subject_sha256"), "not_after",
			json_object_get(old, "not_after")));
	return json_pack("{s:s?, s:o, s:O?, s:O?}", "minimum_client_version",
		stage_text(run, "campaign.policy.minimum_client_version"), "old", olds, "new",
		json_object_get(run->outcome.data, "certificates"), "chain",
		json_object_get(run->outcome.data, "chain"));
}

/* What is installed by a person in the CA's own client is not ours to fetch. */
static enum stage_next approved_decide(struct stage_run *run)
{
	if (!stage_flag(run, "touch_approved"))
		return stage_await(run, "touch_approval");
	if (stage_can(run, CAN_PERSON_INSTALLS))
		return stage_move(run, ON_INSTALL_ORDERED,
			"a person installs the new certificate in the CA's client (安装证书)");
	if (stage_flag(run, "facts.ask_again"))
		return ask_status(run);
	return stage_call(run, CONNECTOR_ISSUANCE, stage_text(run, "facts.application_id"), NULL);
}

static enum stage_next still_approved(struct stage_run *run)
{
	stage_fact(run, "ask_again", json_null());
	if (run->outcome.kind == OUTCOME_REFUSED)
		return stage_refused(run);
	if (standing_of(run) == STANDS_APPROVED) {
		outcome_set(&run->outcome, OUTCOME_REFUSED, "ISSUANCE_GONE",
			"the CA has approved, but its certificates cannot be fetched any more: ask it to issue them again");
		return stage_refused(run);
	}
	if (standing_of(run) == STANDS_CLOSED)
		return review_is_closed(run);
	return stage_move(run, ON_APPROVAL_REVOKED, "the CA took its approval back");
}

static enum stage_next issuance_refused(struct stage_run *run)
{
	if (!text_equal(run->outcome.code, "ISSUANCE_GONE") &&
		!text_equal(run->outcome.code, "STATE_CONFLICT"))
		return stage_refused(run);
	stage_fact(run, "ask_again", json_true()); /* was the approval taken back? */
	return stage_wait(run, NULL, 0);
}

static enum stage_next approved_settle(struct stage_run *run)
{
	struct fault fault;

	if (run->call.op == CONNECTOR_STATUS)
		return still_approved(run);
	if (run->outcome.kind == OUTCOME_REFUSED)
		return issuance_refused(run);
	if (!issuance_is_right(run, json_object_get(run->outcome.data, "certificates"), &fault)) {
		outcome_set(&run->outcome, OUTCOME_REFUSED, "ISSUED_WRONG",
			"%s; nothing is written to the token", fault.text);
		return stage_refused(run);
	}
	stage_put(run, "install",
		json_pack("{s:s?, s:o}", "token", stage_text(run, "token.id"), "body",
			install_body(run)));
	return stage_move(
		run, ON_INSTALL_ORDERED, "the new certificate is ready to be installed (安装证书)");
}

const struct stage approved_stage = { RENEWAL_APPROVED, approved_decide, approved_settle };
