/* SPDX-License-Identifier: Apache-2.0 */
/* 退款: money left for a renewal that will not be.  It is back when the bank's statement shows the payee's credit, or
 * when the CA says success; the CA may also keep it for another application (a credit with an owner), and an order that
 * no bank executed was never paid.  Nothing here pays anything. */
#include <string.h>

#include "common/text.h"
#include "orchestrator/flows/turns.h"

void refund_ask(struct stage_run *run, const char *why)
{
	OWNED char *fee = stage_yuan(stage_number(run, "order.amount_fen", 0));
	OWNED char *text = text_dupf(
		"%s: %s of order %s are to come back from %s. The CA is asked by xuqi where it can be asked; otherwise ask it. "
		"Finish this task with outcome=arrived (the credit is on the account), outcome=credited (the CA keeps it for another "
		"application of this certificate) or outcome=never_paid (the bank did not execute the order), and evidence=WHERE.",
		why, fee, stage_text(run, "order.reference"), stage_text(run, "payee.name"));

	stage_task(run,
		json_pack("{s:s, s:s, s:[s, s], s:{s:s?, s:I, s:s?, s:s?, s:s?}}", "kind", "refund",
			"instruction", text, "needs", "outcome", "evidence", "values", "reference",
			stage_text(run, "order.reference"), "amount_fen",
			(json_int_t)stage_number(run, "order.amount_fen", 0), "payee",
			stage_text(run, "payee.name"), "application",
			stage_text(run, "facts.application_id"), "refund",
			stage_text(run, "facts.refund_id")));
}

/* LINE: the bank's own record, or NULL where somebody says so. */
static enum stage_next arrived(struct stage_run *run, const char *line, const char *told_by)
{
	stage_put(run, "refund",
		json_pack("{s:I, s:s?, s:s?, s:s}", "amount_fen",
			(json_int_t)stage_number(run, "order.amount_fen", 0), "refund_id",
			stage_text(run, "facts.refund_id"), "line", line, "told_by", told_by));
	stage_close_task(run, "refund");
	return stage_move(run, ON_REFUND_ARRIVED, "the fee is back, says %s%s%s", told_by,
		line != NULL ? ": line " : "", line != NULL ? line : "");
}

/* 余额 with the CA: somebody of finance owns it until it pays another application or is refunded. */
static enum stage_next credited(struct stage_run *run, const char *why)
{
	credit_keep(run, why);
	stage_close_task(run, "refund");
	return stage_move(run, ON_CREDITED, "the CA keeps the fee: %s", why);
}

/* A credit that names the order or the refund is taken; another one only by a person. */
static const char *named_line(const struct stage_run *run)
{
	const char *refund = stage_text(run, "facts.refund_id");
	const json_t *line, *lines = stage_at(run, "refund_lines"), *found = NULL;
	size_t i;

	json_array_foreach(lines, i, line)
	{
		const char *memo = json_peek_text(line, "memo");

		if (!json_is_true(json_object_get(line, "named")) &&
			(refund == NULL || memo == NULL || strstr(memo, refund) == NULL))
			continue;
		if (found != NULL)
			return NULL;
		found = line;
	}
	return json_peek_text(found, "line");
}

/* What the bank shows: the one unnamed credit of this amount may be it, if finance says so. */
static const char *only_line(const struct stage_run *run)
{
	const json_t *lines = stage_at(run, "refund_lines");

	return json_array_size(lines) == 1 ? json_peek_text(json_array_get(lines, 0), "line")
					   : NULL;
}

static enum stage_next by_person(struct stage_run *run, const char *outcome)
{
	if (text_equal(outcome, "arrived"))
		return arrived(run, only_line(run), "finance");
	if (text_equal(outcome, "credited"))
		return credited(run, "told by finance");
	if (text_equal(outcome, "never_paid") && !order_is_linked(run) &&
		!stage_flag(run, "order.suggested")) {
		stage_put(run, "never_paid", json_true());
		return stage_move(
			run, ON_NEVER_PAID, "the bank did not execute the order: nothing was paid");
	}
	refund_ask(run,
		text_equal(outcome, "never_paid")
			? "A transfer is linked to this order, or may be (xuqi match list): it was paid"
			: "outcome is arrived, credited or never_paid");
	return stage_await(run, "refund");
}

static bool is_asked_at_ca(const struct stage_run *run)
{
	return stage_can(run, CAN_REFUND) &&
		connector_op(run->connector, CONNECTOR_REFUND)->offered;
}

/* A draft that was left before it went back to the gates, after its fee was sent. */
static bool stands_at_ca(const struct stage_run *run)
{
	return stage_flag(run, "facts.to_withdraw") && stage_can(run, CAN_WITHDRAW) &&
		stage_text(run, "facts.application_id") != NULL;
}

static enum stage_next refunding_decide(struct stage_run *run)
{
	const char *outcome = json_peek_text(stage_answer(run, "refund"), "outcome"),
		   *refund = stage_text(run, "facts.refund_id"),
		   *payment = stage_text(run, "facts.payment_id"),
		   *application = stage_text(run, "facts.application_id");
	bool counted = text_equal(stage_text(run, "tasks.refund.state"), "done");

	if (named_line(run) != NULL)
		return arrived(run, named_line(run), "the bank");
	if (counted && outcome != NULL)
		return by_person(run, outcome);
	if (!counted && stage_at(run, "tasks.refund") == NULL)
		refund_ask(run, "A renewal ended after its payment");
	if (!is_asked_at_ca(run))
		return stage_await(run, "refund");
	if (stands_at_ca(run))
		return stage_call(run, CONNECTOR_WITHDRAW, application, NULL);
	if (refund != NULL)
		return stage_call(run, CONNECTOR_REFUND, refund, NULL);
	if (payment != NULL && !(application != NULL && stage_flag(run, "facts.ask_application")))
		return stage_call(run, CONNECTOR_PAY_STATUS, payment, NULL);
	if (payment != NULL)
		return stage_call(run, CONNECTOR_STATUS, application, NULL);
	return application != NULL ? stage_call(run, CONNECTOR_REFUND, application, NULL)
				   : stage_await(run, "refund");
}

/* Asked once for each state: finance may be answering while the CA is polled. */
static enum stage_next refund_failed(struct stage_run *run, const char *state)
{
	OWNED char *why = text_dupf("The CA's refund is %s: it will not arrive by itself", state);

	if (text_equal(stage_text(run, "facts.refund_state"), state))
		return stage_poll(run, "refund");
	refund_ask(run, why);
	stage_fact_text(run, "refund_state", state);
	return stage_move(
		run, ON_REFUND_FAILED, "the CA's refund is %s: finance asks the CA", state);
}

static enum stage_next follow(struct stage_run *run, const char *refund)
{
	stage_fact_text(run, "refund_id", refund);
	return stage_wait(run, NULL, 0);
}

static const char *first_refund(const struct stage_run *run)
{
	return json_string_value(
		json_array_get(json_object_get(run->outcome.data, "refund_ids"), 0));
}

/* The payment knows its refund; without one nothing of ours was taken, the CA has not begun yet, or the application
 * says that the fee is kept. */
static enum stage_next learn_refund(struct stage_run *run)
{
	const char *refund = json_peek_text(run->outcome.data, "refund_id");

	if (refund != NULL)
		return follow(run, refund);
	stage_fact(run, "ask_application", json_true());
	return stage_wait(run, NULL, 0);
}

static enum stage_next learn_fee(struct stage_run *run)
{
	const char *fee = json_peek_text(run->outcome.data, "fee");

	if (text_equal(fee, "carried_over"))
		return credited(run, "told by the CA");
	if (first_refund(run) != NULL)
		return follow(run, first_refund(run));
	stage_fact(run, "ask_application", json_null());
	return stage_poll(run, "refund");
}

/* What the CA does not let go is left to the next renewal of the certificate. */
static enum stage_next draft_withdrawn(struct stage_run *run)
{
	stage_fact(run, "to_withdraw", json_null());
	if (run->outcome.kind == OUTCOME_REFUSED)
		stage_fact_text(run, "leftover", stage_text(run, "facts.application_id"));
	else if (first_refund(run) != NULL)
		return follow(run, first_refund(run));
	return stage_wait(run, NULL, 0);
}

static enum stage_next refunding_settle(struct stage_run *run)
{
	const char *state = json_peek_text(run->outcome.data, "state");

	if (run->call.op == CONNECTOR_WITHDRAW)
		return draft_withdrawn(run);
	if (run->outcome.kind == OUTCOME_REFUSED)
		return stage_poll(run, "refund"); /* finance has its task all the while */
	if (run->call.op == CONNECTOR_PAY_STATUS)
		return learn_refund(run);
	if (run->call.op == CONNECTOR_STATUS)
		return learn_fee(run);
	if (text_equal(state, "success") || text_equal(state, "refunded"))
		return arrived(run, only_line(run), "the CA");
	if (text_equal(state, "abnormal") || text_equal(state, "closed"))
		return refund_failed(run, state);
	return stage_poll(run, "refund");
}

const struct stage refunding_stage = { RENEWAL_REFUNDING, refunding_decide, refunding_settle };
