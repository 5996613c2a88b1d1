/* SPDX-License-Identifier: Apache-2.0 */
/* 付款单: what finance is asked to transfer.  One payable order for each renewal; a fee that the CA kept from an
 * earlier application pays the new one, never a second transfer. */
#include <string.h>

#include "common/digest.h"
#include "common/text.h"
#include "orchestrator/domain/payment_order.h"
#include "orchestrator/flows/turns.h"

/* A transfer can be declared once more; what was paid otherwise counts only where the CA counts it by itself. */
static bool credit_covers(const struct stage_run *run, int64_t amount_fen, bool verified)
{
	return stage_text(run, "credit.id") != NULL &&
		stage_number(run, "credit.amount_fen", 0) == amount_fen &&
		(verified || stage_flag(run, "credit.transfer"));
}

const char *payment_method(const struct stage_run *run)
{
	if (order_is_paid(run) || credit_covers(run, stage_number(run, "quoted_fen", 0), false))
		return "bank_transfer";
	return text_equal(stage_text(run, "campaign.policy.payment"), "wechat_pay") &&
			stage_can(run, CAN_WECHAT_PAY)
		? "wechat_pay"
		: "bank_transfer";
}

const char *invoice_email(const struct stage_run *run)
{
	const char *email = stage_text(run, "campaign.policy.invoice_email");

	return email != NULL && email[0] != '\0' ? email : stage_text(run, "handler.email");
}

static void make_reference(char out[PAYMENT_REFERENCE])
{
	unsigned char random[8];
	uint64_t bits = 0;

	random_bytes(random, sizeof random);
	memcpy(&bits, random, sizeof bits);
	payment_reference_make(out, bits);
}

static json_t *new_order(const struct stage_run *run, int64_t amount_fen)
{
	char reference[PAYMENT_REFERENCE];

	make_reference(reference);
	return json_pack("{s:s, s:s?, s:s?, s:s, s:s, s:s, s:I, s:s}", "reference", reference,
		"payer_account", stage_text(run, "payer.account"), "payer_name",
		stage_text(run, "payer.name"), "payee_name", run->app->settings.payee_name,
		"payee_account", run->app->settings.payee_account, "payee_bank",
		run->app->settings.payee_bank, "amount_fen", (json_int_t)amount_fen, "method",
		payment_method(run));
}

bool order_open(struct stage_run *run, int64_t amount_fen, bool verified)
{
	if (credit_covers(run, amount_fen, verified)) {
		stage_put(run, "use_credit", json_string(stage_text(run, "credit.id")));
		stage_note(run, "credit_used",
			"the fee that the CA kept from an earlier application pays this one");
		return true;
	}
	if (stage_text(run, "payer.account") == NULL) {
		stage_task(run,
			json_pack("{s:s, s:s}", "kind", "payer", "instruction",
				"Add its corporate account (单位账户) with xuqi org apply."));
		return false;
	}
	if (text_equal(stage_text(run, "tasks.payer.state"), "open"))
		stage_close_task(run, "payer");
	stage_put(run, "order", new_order(run, amount_fen));
	return true;
}

void order_reopen(struct stage_run *run)
{
	char reference[PAYMENT_REFERENCE];

	make_reference(reference);
	stage_put(run, "reopen_order", json_pack("{s:s}", "reference", reference));
}

bool order_is_linked(const struct stage_run *run)
{
	return json_is_object(stage_at(run, "order.line"));
}

bool order_is_transfer(const struct stage_run *run)
{
	return order_is_linked(run) || stage_flag(run, "order.suggested") ||
		text_equal(stage_text(run, "order.status"), "exported") ||
		text_equal(stage_text(run, "order.status"), "linked");
}

bool order_is_paid(const struct stage_run *run)
{
	return stage_flag(run, "paid");
}
