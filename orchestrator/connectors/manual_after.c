/* SPDX-License-Identifier: Apache-2.0 */
/* After the sitting: the review's result, the installation, the invoice, and the ways in which it ends otherwise
 * (guide chapters 4 and 5). */
#include <string.h>

#include "common/text.h"
#include "orchestrator/connectors/manual_inside.h"

/* ---- 审核 ---- */

/* What the review named, with where it is put right; until the end of the day. */
static json_t *correction_of(const struct desk *desk, const json_t *answer)
{
	const char *reasons = json_peek_text(answer, "reasons"),
		   *day = json_peek_text(answer, "fix_by");
	OWNED char *until = day != NULL ? text_dupf("%sT23:59:59+08:00", day) : NULL;
	OWNED char *text = text_dupf(
		"%s；在“网证通 CA”微信服务号中打开该申请，只更正所指内容，重新提交后以 corrected=yes 完成本任务",
		reasons);

	return json_pack("{s:s?, s:s, s:[{s:s, s:s}], s:s?}", "id", desk->call->id, "state",
		"correction_required", "reasons", "path", "", "text", text, "fix_by", until);
}

/* A card per round of the review. */
static void read_review(struct desk *desk)
{
	const json_t *answer =
		desk_decided(desk, &review_card, desk_closed_at(desk, "correction"), "not_yet");

	if (answer == NULL)
		return;
	if (answer_is(answer, "correction"))
		desk_done(desk, correction_of(desk, answer));
	else
		desk_done(desk,
			json_pack("{s:s?, s:s, s:{s:s?}}", "id", desk->call->id, "state",
				answer_result(answer), "rejected", "text",
				json_peek_text(answer, "reasons")));
}

/* Where a renewal stands says what the CA's page would; only the review has to be looked up. */
static const char *const standings[][2] = {
	{ "verifying_payment", "payment_verifying" },
	{ "paid", "in_review" },
	{ "approved", "approved" },
	{ "install_queued", "approved" },
	{ "quarantined", "approved" },
	{ "installed", "installed" },
};

static const char *standing(const struct desk *desk, const char *state)
{
	for (size_t i = 0; i < COUNT_OF(standings); i++)
		if (text_equal(standings[i][0], state))
			return standings[i][1];
	return desk_text(desk, "facts.application_id") != NULL ? "draft" : "closed";
}

void manual_read_status(struct desk *desk)
{
	const char *state = desk_text(desk, "state");

	if (text_equal(state, "in_review"))
		read_review(desk);
	else if (text_equal(state, "correction"))
		desk_done(desk,
			json_pack("{s:s?, s:s}", "id", desk->call->id, "state",
				strcmp(desk_closed_at(desk, "correction"),
					desk_closed_at(desk, review_card.kind)) > 0
					? "in_review"
					: "correction_required"));
	else
		desk_done(desk,
			json_pack("{s:s?, s:s}", "id", desk->call->id, "state",
				standing(desk, state)));
}

/* The handler corrected and submitted again at the CA's page, and finished the task that said so. */
void manual_read_resubmit(struct desk *desk)
{
	desk_done(desk, json_pack("{s:s?, s:s}", "id", desk->call->id, "state", "in_review"));
}

/* ---- 撤回, 证书更新, 发票 ---- */

void manual_read_withdraw(struct desk *desk)
{
	const json_t *answer = desk_answered(desk, &withdraw_card, desk->call->ref);

	if (answer == NULL)
		return;
	if (answer_is(answer, "withdrawn"))
		desk_done(
			desk, json_pack("{s:s?, s:s}", "id", desk->call->id, "state", "withdrawn"));
	else
		desk_refuse_effect(desk, "STATE_CONFLICT", json_peek_text(answer, "reason"));
}

/* A person installs; only inventory can say that it is done, so this card has no answer.  The body's `differs` is
 * what inventory shows instead. */
void manual_read_issuance(struct desk *desk)
{
	desk_ask(desk, &install_card, "install", json_peek_text(desk->call->body, "differs"));
}

/* xml, ofd or pdf, by the file's media type. */
static const char *format_of(const char *media_type)
{
	static const char *const formats[] = { "xml", "ofd", "pdf" };

	for (size_t i = 0; media_type != NULL && i < COUNT_OF(formats); i++)
		if (strstr(media_type, formats[i]) != NULL)
			return formats[i];
	return "bin";
}

/* The files that the person attached; the body carries them, each {name, sha256, data_b64}. */
static json_t *documents_of(const struct desk *desk)
{
	const json_t *file, *files = json_object_get(desk->call->body, "files");
	json_t *documents = json_array();
	size_t i;

	json_array_foreach(files, i, file)(void) json_array_append_new(documents,
		json_pack("{s:s?, s:s?, s:s}", "data_b64", json_peek_text(file, "data_b64"),
			"sha256", json_peek_text(file, "sha256"), "format",
			format_of(json_peek_text(file, "media_type"))));
	return documents;
}

void manual_read_invoice(struct desk *desk)
{
	const json_t *answer = desk_answered(desk, &invoice_card, desk_closed_at(desk, "invoice"));
	const char *email = desk_text(desk, "campaign.policy.invoice_email");
	int64_t fen = -1;

	if (answer == NULL)
		return;
	(void)card_yuan(&fen, json_peek_text(answer, "total"));
	desk_done(desk,
		json_pack("{s:s, s:s?, s:I, s:{s:s?, s:s?}, s:{s:s}, s:s?, s:o}", "state", "sent",
			"number", json_peek_text(answer, "number"), "total_fen", (json_int_t)fen,
			"buyer", "name", json_peek_text(answer, "invoice_buyer"), "tax_id",
			json_peek_text(answer, "invoice_tax_id"), "seller", "name",
			desk->payee_name, "email", email != NULL ? email : "", "documents",
			documents_of(desk)));
}

/* ---- 退款 ---- */

void manual_read_refund(struct desk *desk)
{
	const json_t *answer = desk_decided(desk, &refund_card, "refund", "processing");
	int64_t fen = 0;

	if (answer == NULL)
		return;
	(void)card_yuan(&fen, json_peek_text(answer, "refunded"));
	desk_done(desk,
		json_pack("{s:s, s:I, s:s?, s:s?}", "state",
			answer_is(answer, "refunded") ? "success" : "abnormal", "amount_fen",
			(json_int_t)fen, "refunded_on", json_peek_text(answer, "refunded_on"),
			"reason", json_peek_text(answer, "reason")));
}
