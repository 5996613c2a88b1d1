/* SPDX-License-Identifier: Apache-2.0 */
/* Money that comes back: transfers that the payee's bank returns (退汇), and the CA's refunds. */
#include "common/clock.h"
#include "common/text.h"
#include "tests/simulator/sim_bank.h"
#include "tests/simulator/sim_time.h"

void bank_refund(struct sim *sim, const json_t *payment, const json_t *refund, int64_t at)
{
	const json_t *remittance = json_object_get(payment, "remittance");
	const json_t *payee = json_object_get(payment, "payee");
	const char *number = json_peek_text(remittance, "payer_account");
	json_t *account = number == NULL ? NULL : bank_account(sim, number);
	OWNED char *remark = text_dupf("退款 %s", json_peek_text(refund, "id"));

	if (account == NULL || !text_equal(json_peek_text(payment, "method"), "bank_transfer"))
		return;
	(void)bank_book(sim, account,
		&(struct bank_line){ .at = at,
			.credit_fen = json_peek_number(refund, "amount_fen", 0),
			.peer_name = json_peek_text(payee, "name"),
			.peer_account = json_peek_text(payee, "account"),
			.peer_bank = json_peek_text(payee, "bank"),
			.summary = "转账存入",
			.remark = remark });
}

/* The line with SERIAL, its account into *ACCOUNT (both borrowed); NULL if there is none. */
static json_t *line_find(const struct sim *sim, const char *serial, json_t **account)
{
	const char *number;
	json_t *line;
	size_t i;

	json_object_foreach(json_object_get(sim_table(sim, "bank"), "accounts"), number, *account)
	{
		json_array_foreach(json_object_get(*account, "lines"), i, line)
		{
			if (text_equal(json_peek_text(line, "serial"), serial))
				return line;
		}
	}
	return NULL;
}

/* The transfers that verified payment ID verify OTHER; NULL: they may be declared again. */
static void hand_on_lines(const struct sim *sim, const char *id, const char *other)
{
	const char *number;
	json_t *account, *line;
	size_t i;

	json_object_foreach(json_object_get(sim_table(sim, "bank"), "accounts"), number, account)
	{
		json_array_foreach(json_object_get(account, "lines"), i, line)
		{
			if (!text_equal(json_peek_text(line, "used_by"), id) &&
				!text_equal(json_peek_text(line, "kept_of"), id))
				continue;
			(void)json_object_del(line, "used_by");
			json_put_text(line, other == NULL ? "kept_of" : "used_by",
				other == NULL ? id : other);
		}
	}
}

void payments_release(struct sim *sim, const json_t *application, int64_t now)
{
	const char *id;
	json_t *payment;

	json_object_foreach(sim_table(sim, "payments"), id, payment)
	{
		if (payment_application(sim, payment) != application ||
			!payment_is(payment, "verified"))
			continue;
		hand_on_lines(sim, id, NULL);
		json_object_set_new(payment, "kept", json_true());
		payment_move(sim, payment, "closed", now);
	}
}

json_t *payment_kept(const struct sim *sim, const json_t *application)
{
	const char *id, *set_id = json_peek_text(application, "set_id");
	json_t *payment, *kept = NULL;

	json_object_foreach(sim_table(sim, "payments"), id, payment)
	{
		const json_t *other = payment_application(sim, payment);

		if (other != application && json_is_true(json_object_get(payment, "kept")) &&
			json_peek_text(payment, "refund_id") == NULL &&
			text_equal(json_peek_text(other, "set_id"), set_id))
			kept = payment;
	}
	return kept;
}

void payment_take_over(struct sim *sim, json_t *kept, json_t *payment, int64_t now)
{
	const json_t *application = payment_application(sim, payment);

	hand_on_lines(sim, json_peek_text(kept, "id"), json_peek_text(payment, "id"));
	json_object_del(kept, "kept");
	json_object_set(payment, "remittance", json_object_get(kept, "remittance"));
	ledger_add(sim, "verified",
		json_pack("{s:s, s:s}", "payment", json_peek_text(payment, "id"), "application",
			json_peek_text(application, "id")));
	payment_settle(sim, payment, "verified", now);
}

/* The payment that this transfer verified is unpaid again, unless its application is approved:
 * then it is a debt, which the CA settles by other means. */
static void unverify(struct sim *sim, json_t *payment, int64_t now)
{
	static const char *const before[] = { "paid", "in_review", "correction_required",
		"blocked" };
	json_t *application = payment_application(sim, payment);
	bool open = false;

	for (size_t i = 0; i < COUNT_OF(before); i++)
		open |= application_is(application, before[i]);
	if (!open || !payment_is(payment, "verified"))
		return;
	json_object_set_new(payment, "failed",
		json_pack("{s:s, s:s, s:b}", "code", "REMITTANCE_RETURNED", "hint",
			"款项已被银行退回，请重新汇款", "retryable", 0));
	json_object_del(payment, "verified_at");
	payment_move(sim, payment, "failed", now);
	sim_timer_drop(sim, TIMER_REVIEW, json_peek_text(application, "id"));
	sim_timer_drop(sim, TIMER_FIX, json_peek_text(application, "id"));
	json_put_number(application, "quote_expires_at", now + 3 * CLOCK_DAY);
	json_put_number(payment, "expires_at", now + 3 * CLOCK_DAY);
	application_move(sim, application, "awaiting_payment", now);
}

static json_t *book_return(struct sim_call *call, json_t *account, json_t *line)
{
	OWNED char *remark = text_dupf("退汇 原流水 %s", json_peek_text(line, "serial"));

	json_object_set_new(line, "returned", json_true());
	return bank_book(call->sim, account,
		&(struct bank_line){ .at = call->now,
			.credit_fen = json_peek_number(line, "debit_fen", 0),
			.peer_name = json_peek_text(line, "peer_name"),
			.peer_account = json_peek_text(line, "peer_account"),
			.peer_bank = json_peek_text(line, "peer_bank"),
			.summary = "退汇",
			.remark = remark });
}

/* {serial}: the payee's bank returns a transfer. */
void post_bank_return(struct sim_call *call)
{
	json_t *account = NULL, *line, *payment, *back;
	const char *serial, *used_by;

	if (!call_text(call, &serial, call->body, "serial"))
		return;
	line = line_find(call->sim, serial, &account);
	if (line == NULL || json_peek_number(line, "debit_fen", 0) == 0) {
		(void)call_problem(call, SIM_NOT_FOUND, "no debit has serial %s", serial);
		return;
	}
	if (json_is_true(json_object_get(line, "returned"))) {
		call_conflict(call, "transfer", "returned");
		return;
	}
	back = book_return(call, account, line);
	used_by = json_peek_text(line, "used_by");
	payment = used_by == NULL ? NULL : sim_find(call->sim, "payments", used_by);
	if (payment != NULL)
		unverify(call->sim, payment, call->now);
	ledger_add(call->sim, "returns",
		json_pack("{s:s, s:s?, s:O}", "serial", serial, "payment", used_by, "amount_fen",
			json_object_get(line, "debit_fen")));
	call_effect(call);
	call_reply(call, 200, json_deep_copy(back));
}
