/* SPDX-License-Identifier: Apache-2.0 */
/* 汇款信息 (guide chapter 3): the four fields are declared raw from the bank's own record, and what the CA says of
 * them is read: verified, not arrived yet, or differing, each reason with its own words for finance. */
#include "common/clock.h"
#include "common/text.h"
#include "orchestrator/domain/calendar.h"
#include "orchestrator/flows/turns.h"

enum { SLOTS_MAX = 48 };

const char *remit_target(const struct stage_run *run)
{
	const char *payment = stage_text(run, "facts.payment_id");

	return payment != NULL ? payment : stage_text(run, "facts.application_id");
}

/* 付款账号, 付款账号名称, 付款金额, 付款时间: never from the plan. */
enum stage_next remit_call(struct stage_run *run)
{
	const json_t *line = stage_at(run, "order.line");
	json_t *body = json_pack("{s:s?, s:s?, s:I, s:s?, s:s?}", "payer_account",
		json_peek_text(line, "payer_account"), "payer_name",
		json_peek_text(line, "payer_name"), "amount_fen",
		(json_int_t)json_peek_number(line, "amount_fen", 0), "paid_at",
		json_peek_text(line, "paid_at"), "paid_at_precision",
		json_peek_text(line, "precision"));

	if (json_peek_text(line, "bank_serial") != NULL)
		json_put_text(body, "bank_serial", json_peek_text(line, "bank_serial"));
	return stage_call(run, CONNECTOR_REMIT, remit_target(run), body);
}

/* ---- the verdict ---- */

static const char *failed_text(const struct stage_run *run, const char *member)
{
	return json_peek_text(json_object_get(run->outcome.data, "failed"), member);
}

/* The CA's code of a refusal or of a failed verification. */
static const char *verdict_code(const struct stage_run *run)
{
	const char *code = failed_text(run, "code");

	return code != NULL ? code : run->outcome.code;
}

static const struct {
	const char *state;
	enum verdict verdict;
} verdicts[] = {
	{ "verified", VERDICT_VERIFIED },
	{ "paid", VERDICT_VERIFIED },
	/* the CA had the money and gives it back already: what became of the application is asked next */
	{ "refunding", VERDICT_VERIFIED },
	{ "refunded", VERDICT_VERIFIED },
	{ "refund_closed", VERDICT_VERIFIED },
	{ "refund_abnormal", VERDICT_VERIFIED },
	{ "expired", VERDICT_CLOSED },
	{ "closed", VERDICT_CLOSED },
};

static enum verdict verdict_of(const char *state)
{
	for (size_t i = 0; i < COUNT_OF(verdicts); i++)
		if (text_equal(state, verdicts[i].state))
			return verdicts[i].verdict;
	return VERDICT_VERIFYING;
}

enum verdict remit_verdict(const struct stage_run *run)
{
	const char *state = json_peek_text(run->outcome.data, "state"), *code = verdict_code(run);
	bool refused = run->outcome.kind == OUTCOME_REFUSED || text_equal(state, "failed");

	if (refused && text_equal(code, "REMITTANCE_NOT_FOUND"))
		return VERDICT_NOT_ARRIVED;
	if (refused && text_equal(code, "REMITTANCE_RETURNED"))
		return VERDICT_RETURNED;
	if (refused && text_equal(code, "STATE_CONFLICT") && verdict_of(state) == VERDICT_VERIFIED)
		return VERDICT_VERIFIED; /* it was approved before its transfer came back */
	if (refused && text_equal(code, "STATE_CONFLICT") && text_equal(state, "verifying"))
		return VERDICT_VERIFYING; /* declared already, and we died before we knew */
	return refused ? VERDICT_REFUSED : verdict_of(state);
}

/* What each reason means to finance; `ours` is where our own spelling of the field stands. */
#define ACCOUNT     "付款账号", "order.line.payer_account"
#define OWN_ACCOUNT ACCOUNT, "payer.account"
#define AMOUNT      "付款金额", "order.line.amount_fen", "order.amount_fen"
#define TIME        "付款时间", "order.line.paid_at"

static const struct mismatch {
	const char *reason, *field, *declared, *ours, *text;
} mismatches[] = {
	{ "payer_account", OWN_ACCOUNT,
		"The account number differs from the one that the CA sees" },
	{ "payer_name", "付款账号名称", "order.line.payer_name", "payer.name",
		"The account's name is spelt otherwise at the CA: brackets, spaces and full-width letters count" },
	{ "amount_short", AMOUNT, "The CA sees less than the fee" },
	{ "amount_over", AMOUNT, "The CA sees more than the fee" },
	{ "time", TIME, "order.line.precision",
		"The time differs from the CA's record: the bank may show the booking, not the transfer" },
	{ "wrong_payee", "收款方", "party.name", "payee.name",
		"The money went to another payee than the CA: ask the bank to call it back" },
	{ "payer_not_corporate", OWN_ACCOUNT,
		"The CA takes it for a personal account: only a corporate one (单位账户) may pay" },
	{ "REMITTANCE_USED", ACCOUNT, "order.line.bank_serial",
		"The CA has counted this transfer for another application already" },
	{ "PAYMENT_EXPIRED", TIME, "facts.quote_expires_at",
		"The transfer left after the CA's quote had run out" },
	{ NULL, OWN_ACCOUNT, "The CA does not accept the declared remittance" },
};

#undef ACCOUNT
#undef OWN_ACCOUNT
#undef AMOUNT
#undef TIME

static const struct mismatch *mismatch_of(const struct stage_run *run)
{
	const char *code = verdict_code(run), *reason = failed_text(run, "reason");
	size_t i = 0;

	while (mismatches[i].reason != NULL && !text_equal(mismatches[i].reason, reason) &&
		!text_equal(mismatches[i].reason, code))
		i++;
	return &mismatches[i];
}

/* The value at PATH as text: amounts are numbers. */
static char *value_text(const struct stage_run *run, const char *path)
{
	const char *text = stage_text(run, path);

	if (text == NULL && stage_number(run, path, -1) >= 0)
		return stage_yuan(stage_number(run, path, -1));
	return text_dup(text != NULL ? text : "-");
}

/* Its payment ran out before the transfer left: it takes no declaration any more, however often it is repeated. */
static bool is_late(const struct stage_run *run)
{
	return text_equal(verdict_code(run), "PAYMENT_EXPIRED") ||
		(text_equal(run->outcome.code, "STATE_CONFLICT") &&
			text_equal(json_peek_text(run->outcome.data, "state"), "expired"));
}

static char *remedy_text(const struct stage_run *run, const char *why, const char *what)
{
	if (!is_late(run))
		return text_dupf(
			"The CA refused the remittance: %s. %s. Compare account, name, amount and time with the bank's receipt, letter by "
			"letter, put it right with the CA or the bank, then finish this task with retry=yes: the bank's own record is "
			"declared again. Never transfer a second time for it.",
			why, what);
	return text_dupf(
		"The CA refused the remittance: %s. The transfer left after the CA's quote had run out, so that its payment takes no "
		"remittance any more. Call the CA and agree that the same transfer pays a new payment; then finish this task with "
		"retry=yes: the CA is asked for a new payment, and the bank's own record is declared to that one. If the CA does not "
		"agree, have the money returned: xuqi renewal withdraw %s. Never transfer a second time for it.",
		why, run->id);
}

void remit_ask_finance(struct stage_run *run)
{
	const struct mismatch *mismatch = mismatch_of(run);
	const char *code = verdict_code(run), *reason = failed_text(run, "reason");
	OWNED char *declared = value_text(run, mismatch->declared);
	OWNED char *ours = value_text(run, mismatch->ours);
	OWNED char *why =
		text_dupf("%s%s%s", code, reason != NULL ? ", " : "", reason != NULL ? reason : "");
	OWNED char *text = remedy_text(run, why, mismatch->text);

	stage_fact(run, "payment_late", is_late(run) ? json_true() : json_null());
	stage_fact_text(run, "remittance_refused", why);
	stage_task(run,
		json_pack("{s:s, s:s, s:[s], s:{s:s, s:s, s:s, s:s, s:s?, s:s?, s:s?, s:s?, s:s?}}",
			"kind", "remittance", "instruction", text, "needs", "retry", "values",
			"reason", why, "field", mismatch->field, "declared", declared, "ours", ours,
			"ca_says", failed_text(run, "hint"), "payer_account",
			stage_text(run, "order.line.payer_account"), "payer_name",
			stage_text(run, "order.line.payer_name"), "paid_at",
			stage_text(run, "order.line.paid_at"), "reference",
			stage_text(run, "order.reference")));
}

/* The policy's times of a working day; how many there are. */
static size_t slots_of(const struct stage_run *run, int64_t minutes[SLOTS_MAX])
{
	const json_t *item, *list = stage_at(run, "campaign.policy.verify_at");
	size_t i, count = 0;

	json_array_foreach(list, i, item)
	{
		if (count < SLOTS_MAX && calendar_minute(&minutes[count], json_string_value(item)))
			count++;
	}
	return count;
}

int64_t remit_again_seconds(const struct stage_run *run)
{
	int64_t now = clock_now(), minutes[SLOTS_MAX], at;
	size_t count = slots_of(run, minutes);

	at = count > 0 ? calendar_next_slot(run->app->calendar, now, minutes, count)
		       : now + run->app->settings.verify_seconds * CLOCK_SECOND;
	if (stage_flag(run, "pace.office_hours"))
		at = calendar_next_office_at(run->app->calendar, at);
	return (at - now + CLOCK_SECOND - 1) / CLOCK_SECOND;
}
