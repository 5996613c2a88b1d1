/* SPDX-License-Identifier: Apache-2.0 */
/* What the CA refuses for the certificate's own sake (guide chapters 3 and 4), and how a renewal ends of which nothing
 * can come: failed, with a task that says what to do instead.  A fee that was sent before is a credit with an owner,
 * never a second payment. */
#include "common/clock.h"
#include "common/text.h"
#include "orchestrator/flows/turns.h"

enum { DAY_SECONDS = 86400, LONGEST_DAYS = 90 };

/* ---- the fee that stays with the CA ---- */

void credit_keep(struct stage_run *run, const char *why)
{
	int64_t fee = stage_number(run, "order.amount_fen", 0);
	OWNED char *kept = stage_yuan(fee);
	OWNED char *text = text_dupf(
		"The CA keeps %s of order %s for another application of this certificate. %s, then finish this task with settled=HOW.",
		kept, stage_text(run, "order.reference"),
		order_is_transfer(run)
			? "The next campaign that renews it for the same fee uses them and pays nothing. Or have them refunded"
			: "They were no transfer, which could be declared once more: have them refunded");

	stage_put(run, "credit", json_pack("{s:s}", "reason", why));
	stage_task(run,
		json_pack("{s:s, s:s, s:[s], s:{s:s?, s:I}}", "kind", "credit", "instruction", text,
			"needs", "settled", "values", "reference",
			stage_text(run, "order.reference"), "amount_fen", (json_int_t)fee));
}

/* ---- the end before the review ---- */

static bool has_edge(const struct stage_run *run, enum renewal_event event)
{
	return renewal_edge_find(run->stage->state, event, run->connector->traits->capabilities) !=
		NULL;
}

/* A draft that stands open at the CA is withdrawn by the next renewal of the certificate, before it opens its own. */
static void leave_draft(struct stage_run *run)
{
	const char *application = stage_text(run, "facts.application_id");

	if (application != NULL)
		stage_fact_text(run, "leftover", application);
}

bool renewal_can_end(const struct stage_run *run)
{
	return order_is_paid(run) ? order_is_linked(run) && has_edge(run, ON_CREDITED)
				  : has_edge(run, ON_REFUSED);
}

enum stage_next renewal_end(struct stage_run *run, const char *why)
{
	leave_draft(run);
	stage_put(run, "leave", json_true());
	if (order_is_paid(run)) {
		credit_keep(run, why);
		return stage_move(run, ON_CREDITED, "%s; the CA keeps the fee", why);
	}
	if (stage_text(run, "order.id") != NULL)
		stage_put(run, "cancel_order", json_true());
	return stage_move(run, ON_REFUSED, "%s", why);
}

/* ---- refusals for the certificate's own sake ---- */

enum way {
	WAY_ASKS,  /* the renewal stays, a person finds out; the CA is asked again every day */
	WAY_WAITS, /* it stays until the CA's day */
	WAY_ENDS   /* nothing can come of it: a new certificate is applied for at a counter */
};

static const struct refusal_for_itself {
	const char *code, *text;
	enum way way;
} refusals[] = {
	{ "CERT_REVOKED", "The CA says that the certificate is revoked (已吊销)", WAY_ASKS },
	{ "CERT_ON_HOLD", "The CA says that the certificate is on hold (已冻结)", WAY_ASKS },
	{ "CERT_UNKNOWN", "The CA does not know the certificate", WAY_ASKS },
	{ "EXPIRED_TOO_LONG", "It expired too long ago to be renewed (请新办)", WAY_ENDS },
	{ "NOT_IN_WINDOW", "It is too early to renew (未到续期时间)", WAY_WAITS },
};

static enum stage_next ask_about_certificate(struct stage_run *run, const char *what)
{
	OWNED char *text = text_dupf(
		"%s. Nothing more is applied for or paid; the CA is asked again every day. If it stays so, withdraw: xuqi renewal "
		"withdraw %s --reason … --commit.",
		what, run->id);

	stage_task(run,
		json_pack("{s:s, s:s, s:[], s:{s:s}}", "kind", "certificate", "instruction", text,
			"needs", "values", "code", run->outcome.code));
	return stage_wait(run, "certificate", DAY_SECONDS);
}

/* The CA may name the day from which it renews. */
static enum stage_next wait_for_window(struct stage_run *run)
{
	const char *from = json_peek_text(run->outcome.data, "renewable_from");
	int64_t at, seconds = DAY_SECONDS;

	if (from != NULL && clock_parse(&at, from))
		seconds = (at - clock_now()) / CLOCK_SECOND + 1;
	if (seconds < 1 || seconds > (int64_t)LONGEST_DAYS * DAY_SECONDS)
		seconds = DAY_SECONDS;
	stage_fact_text(run, "renewable_from", from);
	return stage_wait(run, "not_in_window", seconds);
}

static enum stage_next send_to_counter(struct stage_run *run, const char *what)
{
	OWNED char *text = text_dupf(
		"%s. This renewal has ended; nothing more is applied for or paid. Apply for a new certificate (新办) at a counter of the "
		"CA (现场办理), with the U-KEY and the papers of the legal entity; once it is on the U-KEY, inventory shows it. Finish "
		"this task with settled=HOW.",
		what);

	stage_task(run,
		json_pack("{s:s, s:s, s:[s], s:{s:s, s:s?, s:s?, s:s?, s:s?, s:s?}}", "kind",
			"new_certificate", "instruction", text, "needs", "settled", "values",
			"code", run->outcome.code, "holder", stage_text(run, "set.holder"),
			"service", stage_text(run, "set.service"), "media_no",
			stage_text(run, "set.media_no"), "serial",
			stage_text(run, "certificates.0.serial"), "not_after",
			stage_text(run, "set.not_after")));
	return renewal_end(run, what);
}

bool certificate_refused(struct stage_run *run)
{
	const struct refusal_for_itself *refusal = NULL;

	for (size_t i = 0; i < COUNT_OF(refusals); i++)
		if (text_equal(refusals[i].code, run->outcome.code))
			refusal = &refusals[i];
	if (refusal == NULL)
		return false;
	if (refusal->way == WAY_WAITS)
		(void)wait_for_window(run);
	else if (refusal->way == WAY_ENDS && renewal_can_end(run))
		(void)send_to_counter(run, refusal->text);
	else
		(void)ask_about_certificate(run, refusal->text);
	return true;
}

/* ---- a certificate that was revoked while its payment order waits ---- */

bool certificate_is_doubted(const struct stage_run *run)
{
	const char *seen = stage_text(run, "facts.certificate_seen_at");
	int64_t at;

	if (!text_equal(stage_text(run, "order.status"), "open") ||
		stage_text(run, "certificates.0.serial") == NULL ||
		!connector_op(run->connector, CONNECTOR_CERTIFICATE)->offered)
		return false;
	return stage_flag(run, "facts.certificate_told") || seen == NULL ||
		!clock_parse(&at, seen) || clock_now() - at > CLOCK_DAY;
}

enum stage_next certificate_ask(struct stage_run *run)
{
	OWNED char *name =
		text_dupf("%s&issuer_sha256=%s", stage_text(run, "certificates.0.serial"),
			stage_text(run, "certificates.0.issuer_sha256"));

	return stage_call(run, CONNECTOR_CERTIFICATE, name, NULL);
}

/* The refusal that the CA's word on the certificate amounts to; else NULL. */
static const char *refusal_of(const char *status)
{
	if (text_equal(status, "revoked"))
		return "CERT_REVOKED";
	return text_equal(status, "on_hold") ? "CERT_ON_HOLD" : NULL;
}

enum stage_next certificate_seen(struct stage_run *run)
{
	const json_t *item = json_array_get(json_object_get(run->outcome.data, "items"), 0);
	const char *code = refusal_of(json_peek_text(item, "status"));

	if (code != NULL) {
		outcome_set(&run->outcome, OUTCOME_REFUSED, code, "the CA says so");
		(void)certificate_refused(run);
		return STAGE_CONCLUDE;
	}
	stage_fact(run, "certificate_told", json_null());
	stage_fact_text(run, "certificate_seen_at", stage_text(run, "now"));
	if (stage_text(run, "tasks.certificate.values.code") != NULL)
		stage_close_task(run, "certificate");
	return stage_await(run, "transfer");
}

/* ---- a fee that was sent before the CA named another one ---- */

/* It pays no other amount and nothing is transferred beside it: finance agrees with the CA, or the fee is a credit. */
enum stage_next prepaid_ask(struct stage_run *run, int64_t asked_fen, const char *complaint)
{
	int64_t sent = stage_number(run, "order.amount_fen", 0);
	OWNED char *paid = stage_yuan(sent);
	OWNED char *asked = asked_fen > 0 ? stage_yuan(asked_fen)
					  : text_dup("no price: this term is not offered any more");
	OWNED char *text = text_dupf(
		"%s%s%s were sent for this renewal (order %s); the CA now asks %s. Never transfer the difference: one "
		"application is paid by one transfer. Agree with the CA. If it takes what was sent, finish this task with decision=again: "
		"the price is read anew. Else decision=credit: the renewal ends, the CA keeps the fee, and you own it until a later "
		"renewal uses it or it is refunded. To have it refunded at once: xuqi renewal withdraw %s.",
		complaint != NULL ? complaint : "", complaint != NULL ? ". " : "", paid,
		stage_text(run, "order.reference"), asked, run->id);

	stage_fact(run, "prepaid_asked_fen", json_integer(asked_fen));
	stage_task(run,
		json_pack("{s:s, s:s, s:[s], s:{s:s?, s:I, s:I, s:s?}}", "kind", "prepaid",
			"instruction", text, "needs", "decision", "values", "reference",
			stage_text(run, "order.reference"), "sent_fen", (json_int_t)sent,
			"asked_fen", (json_int_t)asked_fen, "application",
			stage_text(run, "facts.application_id")));
	return stage_await(run, "prepaid");
}

bool prepaid_differs(const struct stage_run *run)
{
	return json_is_integer(stage_at(run, "facts.prepaid_asked_fen"));
}

enum stage_next prepaid_decide(struct stage_run *run)
{
	const char *decision = json_peek_text(stage_answer(run, "prepaid"), "decision");

	if (decision == NULL)
		return stage_await(run, "prepaid");
	if (text_equal(decision, "credit") && renewal_can_end(run))
		return renewal_end(run, "the CA asks another fee than was sent before");
	if (!text_equal(decision, "again"))
		return prepaid_ask(run, stage_number(run, "facts.prepaid_asked_fen", 0),
			"decision is again or credit");
	stage_fact(run, "prepaid_asked_fen", json_null());
	if (stage_text(run, "facts.application_id") != NULL)
		return stage_wait(run, NULL, 0);
	opening_forget(run); /* where a person sits at the CA's pages, the sitting begins anew */
	return stage_move(run, ON_APPLICATION_CLOSED,
		"the CA takes what was sent: the application begins anew");
}
