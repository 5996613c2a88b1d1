/* SPDX-License-Identifier: Apache-2.0 */
/* 支付 (guide chapter 3): a payment is opened at the CA, finance is asked to transfer exactly its fee, and the
 * remittance is declared once a transfer is linked.  Where the CA wants the money first, the application follows the
 * transfer.  Money is int64 fen.  The payee is pinned in the settings: another one stops everything. */
#include "common/clock.h"
#include "common/text.h"
#include "orchestrator/flows/turns.h"

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

static enum stage_next call_pay(struct stage_run *run)
{
	const char *application = stage_text(run, "facts.application_id");

	return stage_call(run, CONNECTOR_PAY, application,
		json_pack("{s:s, s:[s], s:s?}", "method", payment_method(run), "applications",
			application, "invoice_email", invoice_email(run)));
}

/* True from the instant in the document's PATH on. */
static bool has_passed(const struct stage_run *run, const char *path)
{
	const char *text = stage_text(run, path);
	int64_t at;

	return text != NULL && clock_parse(&at, text) && clock_now() >= at;
}

static bool pays_at_all(const struct stage_run *run)
{
	return connector_op(run->connector, CONNECTOR_PAY)->offered;
}

static enum stage_next submitted_decide(struct stage_run *run)
{
	const char *application = stage_text(run, "facts.application_id"),
		   *payment = stage_text(run, "facts.payment_id");

	if (stage_flag(run, "facts.abandon"))
		return stage_call(run, CONNECTOR_WITHDRAW, application, NULL);
	if (stage_flag(run, "facts.requote"))
		return stage_call(run, CONNECTOR_SUBMIT, application,
			json_pack("{s:I}", "price_fen",
				(json_int_t)stage_number(run, "quoted_fen", 0)));
	if (stage_can(run, CAN_PAY_FIRST) && (payment != NULL || !pays_at_all(run)))
		return remit_call(run);
	return payment != NULL ? stage_call(run, CONNECTOR_PAY_STATUS, payment, NULL)
			       : call_pay(run);
}

/* The price of the chosen term in a refusal's list, or -1. */
static int64_t price_now(const struct stage_run *run)
{
	const json_t *term, *terms = json_object_get(run->outcome.data, "terms");
	size_t i;

	json_array_foreach(terms, i, term)
	{
		if (json_peek_number(term, "years", 0) == stage_number(run, "facts.term", 1))
			return json_peek_number(term, "price_fen", -1);
	}
	return -1;
}

/* Was another fee sent already?  Then a new draft is where finance decides about it. */
static bool sent_another(const struct stage_run *run, int64_t price)
{
	return order_is_paid(run) && price != stage_number(run, "order.amount_fen", 0);
}

/* The quote ran out: another one within what was approved, else the application is given up and its new price approved
 * before another is made. */
static enum stage_next requoted(struct stage_run *run)
{
	int64_t price = price_now(run);

	if (run->outcome.kind == OUTCOME_DONE) {
		const char *until = json_peek_text(run->outcome.data, "quote_expires_at");

		stage_fact(run, "requote", json_null());
		stage_fact_text(run, "quote_expires_at", until);
		stage_note(run, "quoted_again", until != NULL ? until : "");
		return stage_wait(run, NULL, 0);
	}
	if (!text_equal(run->outcome.code, "PRICE_CHANGED") || price <= 0)
		return stage_refused(run);
	if (price <= stage_number(run, "approved_fen", 0) && !sent_another(run, price))
		stage_put(run, "quoted_fen", json_integer(price));
	else
		stage_fact(run, "abandon", json_true());
	return stage_wait(run, NULL, 0);
}

static enum stage_next given_up(struct stage_run *run)
{
	if (run->outcome.kind == OUTCOME_REFUSED)
		return stage_refused(run);
	opening_forget(run);
	return stage_move(run, ON_APPLICATION_CLOSED,
		order_is_paid(run)
			? "withdrawn: its price is not what was sent any more; opened anew"
			: "withdrawn unpaid: its price is above what was approved; opened anew");
}

static enum stage_next pay_refused(struct stage_run *run)
{
	const char *other = json_peek_text(run->outcome.data, "payment_id");

	if (text_equal(run->outcome.code, "PAYMENT_DUPLICATE") && other != NULL) {
		stage_fact_text(run, "payment_id", other);
		return stage_wait(run, NULL, 0);
	}
	if (text_equal(run->outcome.code, "PAYMENT_EXPIRED")) {
		stage_fact(run, "requote", json_true());
		return stage_wait(run, NULL, 0);
	}
	if (text_equal(run->outcome.code, "METHOD_UNAVAILABLE"))
		outcome_set(&run->outcome, OUTCOME_REFUSED, "METHOD_UNAVAILABLE",
			"the CA does not take %s: change `payment` of the policy in a new campaign",
			payment_method(run));
	return stage_refused(run);
}

/* The code is a way to pay: it is shown to the one person who is to pay by it, and to nobody else. */
static void show_code_url(struct stage_run *run)
{
	const char *url = json_peek_text(run->outcome.data, "code_url"),
		   *until = json_peek_text(run->outcome.data, "expires_at");

	if (url == NULL || !text_equal(payment_method(run), "wechat_pay"))
		return;
	stage_fact_text(run, "code_expires_at", until);
	stage_task(run,
		json_pack("{s:s, s:s?, s:s, s:s, s:s?, s:{s:s?, s:I, s:s?}, s:[]}", "kind",
			"wechat_pay", "assignee", stage_text(run, "handler.id"), "instruction",
			"Pay the amount below by WeChat with this code, once. It lives two hours (until expires_at); a new one comes by "
			"itself. If you have paid, do nothing: the CA is asked.",
			"secret", url, "due_at", until, "values", "holder",
			stage_text(run, "set.holder"), "amount_fen",
			(json_int_t)stage_number(run, "quoted_fen", 0), "expires_at", until,
			"needs"));
}

static enum stage_next amount_differs(struct stage_run *run, int64_t amount)
{
	OWNED char *asked = stage_yuan(amount),
		   *quoted = stage_yuan(stage_number(run, "quoted_fen", 0));

	outcome_set(&run->outcome, OUTCOME_REFUSED, "AMOUNT_DIFFERS",
		"the payment asks for %s, quoted were %s", asked, quoted);
	return stage_refused(run);
}

static int64_t amount_of(const struct stage_run *run)
{
	return json_peek_number(json_object_get(run->outcome.data, "amount"), "amount_fen", -1);
}

static enum stage_next is_verified(struct stage_run *run)
{
	stage_put(run, "paid_at", json_null());
	stage_close_task(run, "wechat_pay");
	stage_close_task(run, "remittance");
	return stage_move(run, ON_PAYMENT_VERIFIED, "the CA has verified the payment");
}

static bool has_order(const struct stage_run *run)
{
	return stage_text(run, "order.id") != NULL &&
		!text_equal(stage_text(run, "order.status"), "cancelled");
}

/* Paid before anybody here was asked to pay: by a code that we died with, or at the CA's own pages.  The books have it all
 * the same. */
static enum stage_next was_paid(struct stage_run *run)
{
	int64_t amount = amount_of(run);

	if (!has_order(run) &&
		!order_open(run, amount > 0 ? amount : stage_number(run, "quoted_fen", 0), true))
		return stage_retry(run, "payer", "no payer account");
	return is_verified(run);
}

/* By WeChat, or at the CA's own pages: there is no transfer that could be declared for it. */
static bool was_paid_otherwise(const struct stage_run *run)
{
	return order_is_paid(run) && !order_is_transfer(run);
}

static enum stage_next paid_already(struct stage_run *run)
{
	outcome_set(&run->outcome, OUTCOME_REFUSED, "PAID_ALREADY",
		"order %s was paid before, not by a transfer, and the CA asks for its fee again: agree with the CA that it counts; "
		"nothing is paid twice",
		stage_text(run, "order.reference"));
	return stage_refused(run);
}

static enum stage_next payment_is_open(struct stage_run *run)
{
	const json_t *payee = json_object_get(run->outcome.data, "payee");
	int64_t amount = amount_of(run);

	if (!payee_is_pinned(run, payee))
		return payee_differs(run, payee);
	if (amount != stage_number(run, "quoted_fen", 0))
		return amount_differs(run, amount);
	if (was_paid_otherwise(run))
		return paid_already(run);
	stage_close_task(run, "payee_changed");
	if (!has_order(run) && !order_open(run, amount, false))
		return stage_retry(run, "payer", "no payer account");
	show_code_url(run);

	OWNED char *fee = stage_yuan(amount);

	return stage_move(run, ON_PAYMENT_OPENED, "to be paid by %s: %s",
		text_equal(payment_method(run), "wechat_pay") ? "WeChat" : "bank transfer", fee);
}

/* Where the money comes first, the payment page and the four fields belong to one sitting. */
static enum stage_next declared_at_once(struct stage_run *run)
{
	if (run->call.op != CONNECTOR_REMIT)
		return stage_wait(
			run, NULL, 0); /* the payment page is open: the four fields next */
	if (remit_verdict(run) == VERDICT_REFUSED) {
		remit_ask_finance(run);
		return stage_move(run, ON_PAYMENT_OPENED, "the remittance was refused");
	}
	stage_fact(run, "redeclare", json_boolean(remit_verdict(run) == VERDICT_NOT_ARRIVED));
	return stage_move(run, ON_REMITTANCE_DECLARED,
		"remittance declared to the CA from the bank's record");
}

static enum stage_next submitted_settle(struct stage_run *run)
{
	if (run->call.op == CONNECTOR_WITHDRAW)
		return given_up(run);
	if (run->call.op == CONNECTOR_SUBMIT)
		return requoted(run);
	if (run->outcome.kind == OUTCOME_REFUSED && run->call.op != CONNECTOR_REMIT)
		return pay_refused(run);
	if (run->call.op != CONNECTOR_REMIT)
		stage_fact_text(run, "payment_id", json_peek_text(run->outcome.data, "id"));
	if (stage_can(run, CAN_PAY_FIRST))
		return declared_at_once(run);
	switch (remit_verdict(run)) {
	case VERDICT_VERIFIED:
		return was_paid(run);
	case VERDICT_CLOSED:
		stage_fact(run, "payment_id", json_null());
		stage_fact(run, "requote", json_boolean(has_passed(run, "facts.quote_expires_at")));
		return stage_wait(run, NULL, 0);
	case VERDICT_VERIFYING:
	case VERDICT_NOT_ARRIVED:
	case VERDICT_RETURNED:
	case VERDICT_REFUSED:
		break;
	}
	return payment_is_open(run);
}

const struct stage submitted_stage = { RENEWAL_SUBMITTED, submitted_decide, submitted_settle };

/* ---- awaiting payment ---- */

/* Never two payable orders at once: the old payment is asked once more and closed before another is opened. */
static enum stage_next payment_ran_out(struct stage_run *run)
{
	stage_fact(run, "payment_id", json_null());
	stage_fact_text(run, "old_payment_id", stage_text(run, "facts.payment_id"));
	stage_fact(run, "requote", json_boolean(has_passed(run, "facts.quote_expires_at")));
	stage_close_task(run, "wechat_pay");
	if (!order_is_paid(run))
		stage_put(run, "cancel_order", json_true());
	return stage_move(run, ON_PAYMENT_CLOSED,
		order_is_paid(run)
			? "the CA's payment ran out before the transfer left; a new one is opened for it"
			: "the CA's payment ran out unpaid; a new one is opened");
}

static bool is_wechat(const struct stage_run *run)
{
	return stage_text(run, "facts.code_expires_at") != NULL;
}

/* Nothing left for it, and the CA does not hold the price any longer. */
static bool quote_ran_out(const struct stage_run *run)
{
	return !order_is_paid(run) && has_passed(run, "facts.quote_expires_at") &&
		stage_text(run, "facts.payment_id") != NULL &&
		connector_op(run->connector, CONNECTOR_CLOSE)->offered;
}

static enum stage_next paying_decide(struct stage_run *run)
{
	const char *payment = stage_text(run, "facts.payment_id");

	if (is_wechat(run))
		return stage_call(run,
			has_passed(run, "facts.code_expires_at") &&
					stage_flag(run, "facts.asked_once_more")
				? CONNECTOR_CLOSE
				: CONNECTOR_PAY_STATUS,
			payment, NULL);
	if (!order_is_linked(run) && quote_ran_out(run))
		return stage_call(run, CONNECTOR_CLOSE, payment, NULL);
	if (!order_is_linked(run) && certificate_is_doubted(run))
		return certificate_ask(run);
	if (!order_is_linked(run))
		return stage_await(run, "transfer");
	if (stage_can(run, CAN_PAY_FIRST) && !stage_flag(run, "facts.submitted"))
		return opening_decide(run);
	if (stage_text(run, "facts.remittance_refused") != NULL &&
		stage_answer(run, "remittance") == NULL)
		return stage_await(run, "remittance_refused");
	if (stage_flag(run, "facts.payment_late") && payment != NULL)
		return stage_call(run, CONNECTOR_PAY_STATUS, payment, NULL);
	return remit_call(run);
}

/* Finance has spoken with the CA: the payment takes the transfer after all, or a new one does. */
static enum stage_next late_settle(struct stage_run *run)
{
	enum verdict verdict = remit_verdict(run);

	if (run->outcome.kind == OUTCOME_REFUSED)
		return stage_refused(run);
	stage_fact(run, "payment_late", json_null());
	stage_fact(run, "remittance_refused", json_null());
	if (verdict == VERDICT_VERIFIED)
		return is_verified(run);
	return verdict == VERDICT_CLOSED ? payment_ran_out(run) : stage_wait(run, NULL, 0);
}

/* 微信支付: paid, still open, or run out.  After the code's two hours the CA is asked once more before it is closed. */
static enum stage_next code_settle(struct stage_run *run)
{
	enum verdict verdict = remit_verdict(run);

	if (verdict == VERDICT_VERIFIED &&
		amount_of(run) != stage_number(run, "order.amount_fen", -1))
		return amount_differs(run, amount_of(run));
	if (verdict == VERDICT_VERIFIED) {
		stage_fact(run, "asked_once_more", json_null());
		return is_verified(run);
	}
	if (verdict == VERDICT_CLOSED) {
		stage_fact(run, "asked_once_more", json_null());
		stage_fact(run, "code_expires_at", json_null());
		return payment_ran_out(run);
	}
	if (run->call.op == CONNECTOR_CLOSE) { /* paid while it was being closed: ask again */
		stage_fact(run, "asked_once_more", json_null());
		return stage_poll(run, "transfer");
	}
	if (has_passed(run, "facts.code_expires_at")) {
		stage_fact(run, "asked_once_more", json_true());
		return stage_wait(run, "transfer", run->app->settings.poll_first_seconds);
	}
	return stage_poll(run, "transfer");
}

static enum stage_next remit_settle(struct stage_run *run)
{
	enum verdict verdict = remit_verdict(run);
	bool late = verdict == VERDICT_NOT_ARRIVED;

	if (verdict == VERDICT_RETURNED) {
		stage_fact(run, "returned", json_true());
		return stage_wait(run, NULL, 0);
	}
	if (verdict == VERDICT_REFUSED && closed_suspect(run))
		return STAGE_CONCLUDE;
	if (verdict == VERDICT_REFUSED) {
		remit_ask_finance(run);
		return stage_await(run, "remittance_refused");
	}
	stage_fact(run, "redeclare", json_boolean(late));
	stage_fact(run, "remittance_refused", json_null());

	enum stage_next next = stage_move(run, ON_REMITTANCE_DECLARED,
		"remittance declared to the CA from the bank's record");

	if (late)
		(void)stage_wait(run, "ca_verification", remit_again_seconds(run));
	return next;
}

static enum stage_next closed_settle(struct stage_run *run)
{
	if (remit_verdict(run) == VERDICT_VERIFIED)
		return is_verified(run);
	return run->outcome.kind == OUTCOME_REFUSED ? stage_refused(run) : payment_ran_out(run);
}

static enum stage_next paying_settle(struct stage_run *run)
{
	if (run->call.op == CONNECTOR_REMIT)
		return remit_settle(run);
	if (run->call.op == CONNECTOR_CERTIFICATE)
		return certificate_seen(run);
	if (run->call.op == CONNECTOR_PAY_STATUS || run->call.op == CONNECTOR_CLOSE) {
		if (is_wechat(run))
			return code_settle(run);
		if (stage_flag(run, "facts.payment_late"))
			return late_settle(run);
		return closed_settle(run);
	}
	return opening_settle(run);
}

const struct stage paying_stage = { RENEWAL_AWAITING_PAYMENT, paying_decide, paying_settle };

/* ---- verifying: the verdict is read, and asked for again while the money travels ---- */

static enum stage_next verifying_decide(struct stage_run *run)
{
	if (stage_flag(run, "facts.redeclare"))
		return remit_call(run);
	return stage_call(run, CONNECTOR_PAY_STATUS, remit_target(run), NULL);
}

static enum stage_next verifying_settle(struct stage_run *run)
{
	switch (remit_verdict(run)) {
	case VERDICT_VERIFIED:
		return is_verified(run);
	case VERDICT_VERIFYING:
		stage_fact(run, "redeclare", json_false());
		return stage_poll(run, "ca_verification");
	case VERDICT_NOT_ARRIVED: /* not a failure: verified again at the next slot, without a person */
		stage_fact(run, "redeclare", json_true());
		(void)stage_wait(run, "ca_verification", remit_again_seconds(run));
		return stage_move(run, ON_REMITTANCE_NOT_ARRIVED,
			"the CA has not seen the transfer yet; asked again later");
	case VERDICT_RETURNED:
		stage_fact(run, "returned", json_true());
		return stage_wait(run, NULL, 0);
	case VERDICT_CLOSED: /* with its application, after it was verified: that tells where the fee is */
		return stage_move(run, ON_PAYMENT_VERIFIED,
			"the CA closed the declared payment; what became of the application is asked next");
	case VERDICT_REFUSED:
		break;
	}
	if (closed_suspect(run))
		return STAGE_CONCLUDE;
	remit_ask_finance(run);
	return stage_move(run, ON_REMITTANCE_REFUSED,
		"the CA refused the remittance: finance compares it with the bank's record");
}

const struct stage verifying_stage = { RENEWAL_VERIFYING_PAYMENT, verifying_decide,
	verifying_settle };
