/* SPDX-License-Identifier: Apache-2.0 */
/* What may interrupt a renewal wherever it stands: a person withdraws it, its certificate was replaced meanwhile, its
 * transfer came back, the CA closed its application.  Each is a stage of its own that stands in for the usual one until
 * it is over. */
#include "common/text.h"
#include "orchestrator/flows/turns.h"

static bool has_edge(const struct stage_run *run, enum renewal_event event)
{
	return renewal_edge_find(run->turn.state, event, run->connector->traits->capabilities) !=
		NULL;
}

static enum stage_next nothing_called(struct stage_run *run)
{
	return stage_refused(run);
}

/* Does STATE, of an application or of a payment, say so? */
static bool says_closed(const char *state)
{
	static const char *const words[] = { "closed", "withdrawn", "rejected" };

	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (text_equal(words[i], state))
			return true;
	return false;
}

/* ---- a person withdraws it ---- */

static bool permit_may_be_out(const struct stage_run *run)
{
	const char *install = stage_text(run, "install.state");

	return text_equal(install, "permitted") ||
		(text_equal(install, "reported") &&
			text_equal(stage_text(run, "install.outcome"), "installed"));
}

static bool is_withdrawn(const struct stage_run *run)
{
	return json_is_object(stage_at(run, "facts.withdraw")) &&
		has_edge(run, ON_WITHDRAWN_PAID) && !permit_may_be_out(run);
}

/* Where money may have left, or the CA names its REFUND (may be NULL), the renewal waits until it is back; else it
 * ends here. */
static enum stage_next leave(struct stage_run *run, const char *refund)
{
	const char *reason = stage_text(run, "facts.withdraw.reason");
	bool has_money = refund != NULL && stage_text(run, "order.id") != NULL;

	stage_put(run, "leave", json_true());
	stage_put(run, "drop_install", json_true());
	if (has_money && !order_is_paid(run))
		stage_put(run, "paid_at", json_null());
	if (has_money || order_is_paid(run) || !has_edge(run, ON_WITHDRAWN_BY_PERSON)) {
		refund_ask(run, "It was withdrawn after its payment");
		return stage_move(run, ON_WITHDRAWN_PAID, "withdrawn by %s: %s",
			stage_text(run, "facts.withdraw.by"), reason);
	}
	if (stage_text(run, "order.id") != NULL)
		stage_put(run, "cancel_order", json_true());
	return stage_move(run, ON_WITHDRAWN_BY_PERSON, "withdrawn by %s: %s",
		stage_text(run, "facts.withdraw.by"), reason);
}

/* Somebody may sit at the CA's pages just now: whether an application stands there is known once the card is answered. */
static bool sitting_is_out(const struct stage_run *run)
{
	return stage_text(run, "facts.application_id") == NULL &&
		!stage_flag(run, "facts.withdrawn_at_ca") &&
		(text_equal(stage_text(run, "tasks.apply.state"), "open") || sitting_is_over(run));
}

static enum stage_next sitting_first(struct stage_run *run)
{
	if (!sitting_is_over(run))
		return stage_await(run, "person");
	return stage_call(
		run, CONNECTOR_OPEN, NULL, json_pack("{s:s?}", "kind", stage_text(run, "kind")));
}

static enum stage_next withdrawing_decide(struct stage_run *run)
{
	const char *application = stage_text(run, "facts.application_id");
	const json_t *answer = stage_answer(run, "withdrawal");

	if (text_equal(stage_text(run, "tasks.withdrawal.state"), "open"))
		return stage_await(run, "withdrawal");
	if (text_equal(json_peek_text(answer, "decision"), "keep") &&
		stage_flag(run, "facts.withdraw_refused")) {
		stage_fact(run, "withdraw", json_null());
		stage_fact(run, "withdraw_refused", json_null());
		stage_note(run, "withdrawal_dropped", "the renewal goes on");
		return stage_wait(run, NULL, 0);
	}
	if (sitting_is_out(run))
		return sitting_first(run);
	if (application == NULL || stage_flag(run, "facts.withdrawn_at_ca") ||
		!stage_can(run, CAN_WITHDRAW))
		return leave(run, stage_text(run, "facts.refund_id"));
	return stage_call(run, CONNECTOR_WITHDRAW, application, NULL);
}

/* It submitted an application, which is withdrawn next; or it left nothing. */
static enum stage_next sitting_told(struct stage_run *run)
{
	const char *id =
		run->outcome.kind == OUTCOME_DONE ? json_peek_text(run->outcome.data, "id") : NULL;

	if (id != NULL)
		stage_fact_text(run, "application_id", id);
	else
		stage_fact(run, "withdrawn_at_ca", json_true());
	return stage_wait(run, NULL, 0);
}

static enum stage_next withdrawing_settle(struct stage_run *run)
{
	const json_t *refund = json_array_get(json_object_get(run->outcome.data, "refund_ids"), 0);

	if (run->call.op == CONNECTOR_OPEN)
		return sitting_told(run);

	if (run->outcome.kind == OUTCOME_REFUSED &&
		!says_closed(json_peek_text(run->outcome.data, "state"))) {
		OWNED char *text = text_dupf(
			"%s. The application stays open at the CA. Ask the CA to close it, then finish this task with decision=again; or "
			"let the renewal go on with decision=keep.",
			run->outcome.text);

		stage_fact(run, "withdraw_refused", json_true());
		stage_task(run,
			json_pack("{s:s, s:s, s:[s]}", "kind", "withdrawal", "instruction", text,
				"needs", "decision"));
		return stage_await(run, "withdrawal");
	}
	stage_fact(run, "withdrawn_at_ca", json_true());
	if (json_is_string(refund))
		stage_fact_text(run, "refund_id", json_string_value(refund));
	return leave(run, json_string_value(refund));
}

/* An agent can find the new certificate whole on the token and report it without a permit, after the withdrawal was
 * asked: then it came too late, and whoever asked is told. */
static bool came_too_late(const struct stage_run *run)
{
	bool is_installed = run->turn.state == RENEWAL_INSTALLED ||
		run->turn.state == RENEWAL_AWAITING_INVOICE || run->turn.state == RENEWAL_DISPUTED;

	return is_installed && json_is_object(stage_at(run, "facts.withdraw"));
}

static enum stage_next too_late_decide(struct stage_run *run)
{
	OWNED char *text = text_dupf(
		"%s asked to withdraw this renewal (%s), but its certificate was on the token already. It is paid and installed, and "
		"the renewal goes on. If the certificate must not be used, have the CA revoke it. Finish this task with decision=keep.",
		stage_text(run, "facts.withdraw.by"), stage_text(run, "facts.withdraw.reason"));

	stage_fact(run, "withdraw", json_null());
	stage_note(run, "withdrawal_dropped", "it was installed already; the renewal goes on");
	stage_task(run,
		json_pack("{s:s, s:s, s:s, s:s, s:[s]}", "kind", "withdrawal", "title",
			"撤回: it was installed before it could be withdrawn", "instruction", text,
			"if_ignored", "The certificate stays valid.", "needs", "decision"));
	return stage_wait(run, NULL, 0);
}

/* ---- the bank gave the transfer back, before the CA approved ---- */

static bool is_returned(const struct stage_run *run)
{
	bool seen = json_is_object(stage_at(run, "returned")) || stage_flag(run, "facts.returned");

	return seen && order_is_linked(run) &&
		(has_edge(run, ON_TRANSFER_RETURNED) ||
			run->turn.state == RENEWAL_AWAITING_PAYMENT);
}

/* The declaration is void and the due open again, under a new reference. */
static enum stage_next reopen(struct stage_run *run)
{
	order_reopen(run);
	stage_fact(run, "returned", json_null());
	stage_fact(run, "redeclare", json_null());
	stage_fact(run, "remittance_refused", json_null());
	stage_close_task(run, "returned");
	stage_close_task(run, "returned_release");
	if (run->turn.state == RENEWAL_AWAITING_PAYMENT) {
		stage_note(run, "transfer_returned",
			"the bank gave the transfer back (退汇): its due is open again");
		return stage_wait(run, NULL, 0);
	}
	return stage_move(run, ON_TRANSFER_RETURNED,
		"the bank gave the transfer back (退汇): its declaration is void, its due open again");
}

/* Decided about this transfer: one that came back before was another. */
static bool decided_by(const struct stage_run *run, const char *kind, const char *word)
{
	OWNED char *about = text_dupf("tasks.%s.values.reference", kind);

	return text_equal(stage_text(run, about), stage_text(run, "order.reference")) &&
		text_equal(json_peek_text(stage_answer(run, kind), "decision"), word);
}

/* A second payment for one due wants two people: finance says that the money is back, another one releases it. */
static enum stage_next returned_decide(struct stage_run *run)
{
	bool same = stage_number(run, "tasks.returned.closed_by", 0) ==
		stage_number(run, "tasks.returned_release.closed_by", -1);

	if (!decided_by(run, "returned", "pay_again")) {
		stage_task(run,
			json_pack("{s:s, s:s, s:[s], s:{s:s?, s:s?, s:s?}}", "kind", "returned",
				"instruction",
				"The bank gave the transfer back (退汇). Look at its credit on the statement and find out why (account closed, name "
				"differs …). When the money is back and the reason is mended, finish this task with decision=pay_again; to give the "
				"renewal up: xuqi renewal withdraw.",
				"needs", "decision", "values", "reference",
				stage_text(run, "order.reference"), "paid_at",
				stage_text(run, "order.line.paid_at"), "returned_at",
				stage_text(run, "returned.paid_at")));
		return stage_await(run, "returned");
	}
	if (!decided_by(run, "returned_release", "release") || same) {
		stage_task(run,
			json_pack("{s:s, s:s, s:[s], s:{s:s?}}", "kind", "returned_release",
				"instruction",
				"Finance says that a returned transfer is back and is to be paid again under a new reference. Compare with the "
				"statement; finish this task with decision=release. It must be another person than the one who asked.",
				"needs", "decision", "values", "reference",
				stage_text(run, "order.reference")));
		return stage_await(run, "returned");
	}
	return reopen(run);
}

/* ---- the CA closed the application before its fee was verified ---- */

/* A step was refused because of it: the application is asked next, before anybody is. */
bool closed_suspect(struct stage_run *run)
{
	if (!text_equal(run->outcome.code, "STATE_CONFLICT") ||
		!says_closed(json_peek_text(run->outcome.data, "state")) ||
		stage_text(run, "facts.application_id") == NULL ||
		renewal_edge_find(run->stage->state, ON_APPLICATION_CLOSED,
			run->connector->traits->capabilities) == NULL)
		return false;
	stage_fact_text(run, "closed_says", run->outcome.text);
	(void)stage_wait(run, NULL, 0);
	return true;
}

static bool is_closed(const struct stage_run *run)
{
	return stage_text(run, "facts.closed_says") != NULL &&
		stage_text(run, "facts.application_id") != NULL &&
		has_edge(run, ON_APPLICATION_CLOSED);
}

static enum stage_next closed_decide(struct stage_run *run)
{
	return stage_call(run, CONNECTOR_STATUS, stage_text(run, "facts.application_id"), NULL);
}

/* Another one is opened; what was sent already pays it, and an order that no file holds is void. */
static enum stage_next begin_anew(struct stage_run *run)
{
	static const char *const tasks[] = { "wechat_pay", "remittance", "payee_changed" };

	for (size_t i = 0; i < COUNT_OF(tasks); i++)
		stage_close_task(run, tasks[i]);
	if (stage_text(run, "order.id") != NULL && !order_is_paid(run))
		stage_put(run, "cancel_order", json_true());
	opening_forget(run);
	stage_put(
		run, "kind", json_string(stage_flag(run, "set.expired") ? "expired" : "expiring"));
	return stage_move(run, ON_APPLICATION_CLOSED,
		"the CA closed the application; another one is opened now");
}

static enum stage_next closed_settle(struct stage_run *run)
{
	const char *refund = json_string_value(
		json_array_get(json_object_get(run->outcome.data, "refund_ids"), 0));

	stage_fact(run, "closed_says", json_null());
	if (run->outcome.kind == OUTCOME_REFUSED)
		return stage_refused(run);
	if (!says_closed(json_peek_text(run->outcome.data, "state"))) {
		outcome_set(&run->outcome, OUTCOME_REFUSED, "STATE_CONFLICT", "%s",
			stage_text(run, "facts.closed_says"));
		return stage_refused(run);
	}
	if (refund == NULL || !order_is_paid(run))
		return begin_anew(run);
	stage_fact_text(run, "refund_id", refund);
	refund_ask(run, "The CA closed the application after its payment");
	return stage_move(run, ON_CLOSED_WITH_REFUND,
		"the CA closed the application; its fee is to come back");
}

/* ---- the certificate was replaced by a newer one ---- */

static bool is_replaced(const struct stage_run *run)
{
	const char *newest = stage_text(run, "newer.0.sha256");

	return newest != NULL && run->turn.state < RENEWAL_APPROVED &&
		!text_equal(newest, stage_text(run, "facts.newer_is_other"));
}

static enum stage_next replaced_decide(struct stage_run *run)
{
	const json_t *answer = stage_answer(run, "certificate");
	OWNED char *text = text_dupf(
		"A newer certificate (serial %s, until %s) is on the token already: somebody renewed it elsewhere. Nothing more is "
		"applied for or paid. Withdraw this renewal: xuqi renewal withdraw %s --reason … --commit. If the newer one is for "
		"something else, finish this task with go_on=yes.",
		stage_text(run, "newer.0.serial"), stage_text(run, "newer.0.not_after"), run->id);

	if (text_equal(json_peek_text(answer, "go_on"), "yes") &&
		text_equal(stage_text(run, "tasks.certificate.values.newer"),
			stage_text(run, "newer.0.sha256"))) {
		stage_fact_text(run, "newer_is_other", stage_text(run, "newer.0.sha256"));
		return stage_wait(run, NULL, 0);
	}
	stage_task(run,
		json_pack("{s:s, s:s, s:[s], s:{s:s?, s:s?}}", "kind", "certificate", "instruction",
			text, "needs", "go_on", "values", "newer",
			stage_text(run, "newer.0.sha256"), "not_after",
			stage_text(run, "newer.0.not_after")));
	return stage_await(run, "certificate");
}

/* ---- which of them stands in ---- */

static const struct {
	bool (*applies)(const struct stage_run *run);
	enum stage_next (*decide)(struct stage_run *run);
	enum stage_next (*settle)(struct stage_run *run);
} turns[] = {
	{ is_withdrawn, withdrawing_decide, withdrawing_settle },
	{ came_too_late, too_late_decide, nothing_called },
	{ is_returned, returned_decide, nothing_called },
	{ is_closed, closed_decide, closed_settle },
	{ is_replaced, replaced_decide, nothing_called },
};

const struct stage *stage_turn(struct stage_run *run, const struct stage *usual)
{
	if (usual == NULL || run->connector == NULL)
		return usual;
	run->turn = (struct stage){ .state = usual->state };
	for (size_t i = 0; i < COUNT_OF(turns); i++) {
		if (!turns[i].applies(run))
			continue;
		run->turn.decide = turns[i].decide;
		run->turn.settle = turns[i].settle;
		return &run->turn;
	}
	return usual;
}
