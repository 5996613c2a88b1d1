/* SPDX-License-Identifier: Apache-2.0 */
/* 银行转账核验 (guide chapter 3): a payment is opened at the CA, finance is asked to transfer exactly its fee,
 * and the four fields of the remittance are declared raw from the bank's own record once a transfer is
 * linked.  Money is int64 fen.  The payee is pinned in the settings: another one stops everything. */
#include <string.h>

#include "common/digest.h"
#include "common/text.h"
#include "orchestrator/domain/payment_order.h"
#include "orchestrator/flows/stage.h"

/* ---- submitted: the payment is opened ---- */

static bool payee_is_pinned(const struct stage_run *run, const json_t *payee)
{
	const struct settings *pinned = &run->app->settings;

	return text_equal(json_peek_text(payee, "name"), pinned->payee_name) &&
		text_equal(json_peek_text(payee, "account"), pinned->payee_account) &&
		text_equal(json_peek_text(payee, "bank"), pinned->payee_bank);
}

static enum stage_next payee_differs(struct stage_run *run, const json_t *payee)
{
	OWNED char *text = text_dupf(
		"The CA asks for payment to %s, account %s, %s. Pinned is %s, account %s, %s. Nothing is "
		"paid. Ask the CA by a known telephone number; only then change payee.* in the settings.",
		json_peek_text(payee, "name"), json_peek_text(payee, "account"),
		json_peek_text(payee, "bank"), run->app->settings.payee_name,
		run->app->settings.payee_account, run->app->settings.payee_bank);

	stage_task(run,
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:[s]}", "kind", "payee_changed", "role",
			"finance", "title", "The payee differs from the pinned one", "instruction",
			text, "if_ignored", "This renewal is not paid.", "needs", "checked"));
	return stage_retry(run, "payee", text);
}

static const char *invoice_email(const struct stage_run *run)
{
	const char *email = stage_text(run, "campaign.policy.invoice_email");

	return email != NULL && email[0] != '\0' ? email : stage_text(run, "handler.email");
}

static enum stage_next submitted_decide(struct stage_run *run)
{
	const char *application = stage_text(run, "facts.application_id"),
		   *payment = stage_text(run, "facts.payment_id");

	if (payment != NULL)
		return stage_call(run, CONNECTOR_PAY_STATUS, payment, NULL);
	return stage_call(run, CONNECTOR_PAY, application,
		json_pack("{s:s, s:[s], s:s?}", "method", "bank_transfer", "applications",
			application, "invoice_email", invoice_email(run)));
}

static json_t *order_of(const struct stage_run *run, int64_t amount_fen)
{
	char reference[PAYMENT_REFERENCE];
	unsigned char random[8];
	uint64_t bits = 0;

	random_bytes(random, sizeof random);
	memcpy(&bits, random, sizeof bits);
	payment_reference_make(reference, bits);
	return json_pack("{s:s, s:s?, s:s?, s:s, s:s, s:s, s:I}", "reference", reference,
		"payer_account", stage_text(run, "payer.account"), "payer_name",
		stage_text(run, "payer.name"), "payee_name", run->app->settings.payee_name,
		"payee_account", run->app->settings.payee_account, "payee_bank",
		run->app->settings.payee_bank, "amount_fen", (json_int_t)amount_fen);
}

static enum stage_next open_order(struct stage_run *run, int64_t amount_fen)
{
	if (stage_text(run, "payer.account") == NULL) {
		stage_task(run,
			json_pack("{s:s, s:s, s:s, s:s, s:s}", "kind", "payer", "role", "admin",
				"title", "No payer account is known for this legal entity",
				"instruction",
				"Add its corporate account (单位账户) with xuqi org apply.",
				"if_ignored", "This renewal is not paid."));
		return stage_retry(run, "payer", "no payer account");
	}
	stage_put(run, "order", order_of(run, amount_fen));
	return stage_move(run, ON_PAYMENT_OPENED, "to be paid by bank transfer: ¥%lld.%02lld",
		(long long)amount_fen / 100, (long long)amount_fen % 100);
}

static enum stage_next submitted_settle(struct stage_run *run)
{
	const json_t *data = run->outcome.data;

	if (run->outcome.kind == OUTCOME_REFUSED &&
		text_equal(run->outcome.code, "PAYMENT_DUPLICATE") &&
		json_peek_text(data, "payment_id") != NULL) {
		stage_fact_text(run, "payment_id", json_peek_text(data, "payment_id"));
		return stage_wait(run, NULL, 0);
	}
	if (run->outcome.kind == OUTCOME_REFUSED)
		return stage_refused(run);
	stage_fact_text(run, "payment_id", json_peek_text(data, "id"));

	int64_t amount = json_peek_number(json_object_get(data, "amount"), "amount_fen", -1);

	if (!payee_is_pinned(run, json_object_get(data, "payee")))
		return payee_differs(run, json_object_get(data, "payee"));
	if (amount != stage_number(run, "quoted_fen", 0)) {
		outcome_set(&run->outcome, OUTCOME_REFUSED, "AMOUNT_DIFFERS",
			"the payment asks for %lld fen, quoted were %lld", (long long)amount,
			(long long)stage_number(run, "quoted_fen", 0));
		return stage_refused(run);
	}
	stage_close_task(run, "payee_changed");
	return open_order(run, amount);
}

const struct stage submitted_stage = { RENEWAL_SUBMITTED, submitted_decide, submitted_settle };

/* ---- the remittance is declared, and its verdict read ---- */

/* The four fields as the bank wrote them (付款账号, 付款账号名称, 付款金额, 付款时间), never from the plan. */
static enum stage_next call_remit(struct stage_run *run)
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
	return stage_call(run, CONNECTOR_REMIT, stage_text(run, "facts.payment_id"), body);
}

static enum stage_next ask_finance(struct stage_run *run, const char *reason)
{
	OWNED char *text = text_dupf(
		"The CA does not accept the declared remittance: %s. Compare account, name, amount and time "
		"with the bank's receipt, correct it with the CA or the bank, then finish this task with retry=yes.",
		reason);

	stage_task(run,
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:[s], s:{s:s?, s:s?, s:s?}}", "kind",
			"remittance", "role", "finance", "title",
			"汇款信息: the CA refused the remittance", "instruction", text,
			"if_ignored", "The money is sent, but the renewal is not paid.", "needs",
			"retry", "values", "payer_account",
			stage_text(run, "order.line.payer_account"), "payer_name",
			stage_text(run, "order.line.payer_name"), "paid_at",
			stage_text(run, "order.line.paid_at")));
	return STAGE_CONCLUDE;
}

enum verdict { VERDICT_VERIFIED, VERDICT_VERIFYING, VERDICT_NOT_ARRIVED, VERDICT_REFUSED };

static enum verdict read_verdict(const struct stage_run *run)
{
	const char *state = json_peek_text(run->outcome.data, "state");
	const json_t *failed = json_object_get(run->outcome.data, "failed");

	if (run->outcome.kind == OUTCOME_REFUSED)
		return VERDICT_REFUSED;
	if (text_equal(state, "verified") || text_equal(state, "paid"))
		return VERDICT_VERIFIED;
	if (text_equal(state, "failed") &&
		text_equal(json_peek_text(failed, "code"), "REMITTANCE_NOT_FOUND"))
		return VERDICT_NOT_ARRIVED;
	return text_equal(state, "failed") ? VERDICT_REFUSED : VERDICT_VERIFYING;
}

static char *refusal_reason(const struct stage_run *run)
{
	const json_t *failed = json_object_get(run->outcome.data, "failed");
	const char *code = json_peek_text(failed, "code"),
		   *reason = json_peek_text(failed, "reason");

	if (code == NULL)
		return text_dup(run->outcome.text);
	return text_dupf("%s%s%s", code, reason != NULL ? ", " : "", reason != NULL ? reason : "");
}

static enum stage_next paying_decide(struct stage_run *run)
{
	if (stage_at(run, "order.line") == NULL || json_is_null(stage_at(run, "order.line")))
		return stage_await(run, "transfer");
	if (stage_text(run, "facts.remittance_refused") != NULL &&
		stage_answer(run, "remittance") == NULL)
		return stage_await(run, "remittance_refused");
	return call_remit(run);
}

static enum stage_next paying_settle(struct stage_run *run)
{
	if (read_verdict(run) == VERDICT_REFUSED) {
		OWNED char *reason = refusal_reason(run);

		stage_fact_text(run, "remittance_refused", reason);
		(void)ask_finance(run, reason);
		return stage_await(run, "remittance_refused");
	}
	stage_fact(run, "redeclare", json_boolean(read_verdict(run) == VERDICT_NOT_ARRIVED));
	stage_fact(run, "remittance_refused", json_null());

	enum stage_next next = stage_move(run, ON_REMITTANCE_DECLARED,
		"remittance declared to the CA from the bank's record");

	if (read_verdict(run) == VERDICT_NOT_ARRIVED)
		(void)stage_wait(run, "ca_verification", run->app->settings.verify_seconds);
	return next;
}

const struct stage paying_stage = { RENEWAL_AWAITING_PAYMENT, paying_decide, paying_settle };

static enum stage_next verifying_decide(struct stage_run *run)
{
	if (stage_flag(run, "facts.redeclare"))
		return call_remit(run);
	return stage_call(run, CONNECTOR_PAY_STATUS, stage_text(run, "facts.payment_id"), NULL);
}

static enum stage_next verifying_settle(struct stage_run *run)
{
	OWNED char *reason = refusal_reason(run);

	switch (read_verdict(run)) {
	case VERDICT_VERIFIED:
		return stage_move(run, ON_PAYMENT_VERIFIED, "the CA has verified the transfer");
	case VERDICT_VERIFYING:
		stage_fact(run, "redeclare", json_false());
		return stage_poll(run, "ca_verification");
	case VERDICT_NOT_ARRIVED: /* not a failure: verified again at the next slot, without a person */
		stage_fact(run, "redeclare", json_true());
		(void)stage_wait(run, "ca_verification", run->app->settings.verify_seconds);
		return stage_move(run, ON_REMITTANCE_NOT_ARRIVED,
			"the CA has not seen the transfer yet; asked again later");
	case VERDICT_REFUSED:
		break;
	}
	stage_fact_text(run, "remittance_refused", reason);
	(void)ask_finance(run, reason);
	return stage_move(run, ON_REMITTANCE_REFUSED, "the CA refused the remittance: %s", reason);
}

const struct stage verifying_stage = { RENEWAL_VERIFYING_PAYMENT, verifying_decide,
	verifying_settle };
