/* SPDX-License-Identifier: Apache-2.0 */
/* 发票获取 (guide chapter 5): the invoice is fetched, compared with what was paid and by whom, archived byte
 * for byte; a renewal is not done before. */
#include <string.h>

#include "common/text.h"
#include "orchestrator/flows/stage.h"

static enum stage_next invoice_decide(struct stage_run *run)
{
	return stage_call(run, CONNECTOR_INVOICE, stage_text(run, "facts.application_id"), NULL);
}

/* The sentence that says what differs, on the heap, or NULL. */
static char *difference(const struct stage_run *run)
{
	const json_t *data = run->outcome.data, *buyer = json_object_get(data, "buyer");
	int64_t total = json_peek_number(data, "total_fen", -1),
		paid = stage_number(run, "order.amount_fen", 0);

	if (total != paid)
		return text_dupf("the invoice is over %lld fen, paid were %lld", (long long)total,
			(long long)paid);
	if (!text_equal(json_peek_text(buyer, "tax_id"), stage_text(run, "entity.tax_id")))
		return text_dupf("the invoice's buyer has tax id %s, ours is %s",
			json_peek_text(buyer, "tax_id"), stage_text(run, "entity.tax_id"));
	if (!text_equal(json_peek_text(buyer, "name"), stage_text(run, "entity.invoice_title")))
		return text_dupf("the invoice's buyer is %s, ours is %s (发票抬头)",
			json_peek_text(buyer, "name"), stage_text(run, "entity.invoice_title"));
	return NULL;
}

static json_t *archive(const struct stage_run *run, const char *state)
{
	const json_t *data = run->outcome.data,
		     *document = json_array_get(json_object_get(data, "documents"), 0);

	return json_pack("{s:s?, s:I, s:s?, s:s?, s:s?, s:s?, s:s, s:s?, s:s?, s:s?}", "number",
		json_peek_text(data, "number"), "total_fen",
		(json_int_t)json_peek_number(data, "total_fen", 0), "buyer",
		json_peek_text(json_object_get(data, "buyer"), "name"), "buyer_tax_id",
		json_peek_text(json_object_get(data, "buyer"), "tax_id"), "seller",
		json_peek_text(json_object_get(data, "seller"), "name"), "email",
		json_peek_text(data, "email"), "state", state, "sent_at",
		json_peek_text(data, "sent_at"), "document_b64",
		json_peek_text(document, "data_b64"), "format", json_peek_text(document, "format"));
}

static void ask_about_invoice(struct stage_run *run, const char *text)
{
	stage_put(run, "invoice", archive(run, "disputed"));
	stage_task(run,
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:[s]}", "kind", "invoice", "role", "finance",
			"title", "发票: an invoice differs from the payment", "instruction", text,
			"if_ignored", "The renewal stays disputed.", "needs", "resolved"));
}

static enum stage_next invoice_settle(struct stage_run *run)
{
	const char *state = json_peek_text(run->outcome.data, "state");

	if (run->outcome.kind == OUTCOME_REFUSED)
		return stage_refused(run);
	if (!text_equal(state, "sent") && !text_equal(state, "issued"))
		return stage_poll(run, "invoice");
	if (json_array_size(json_object_get(run->outcome.data, "documents")) == 0)
		return stage_poll(run, "invoice"); /* not done before its bytes are archived */

	OWNED char *differs = difference(run);

	if (differs != NULL) {
		ask_about_invoice(run, differs);
		return run->stage->state == RENEWAL_DISPUTED
			? stage_await(run, "invoice_differs")
			: stage_move(run, ON_INVOICE_DISPUTED, "%s", differs);
	}
	stage_put(run, "invoice", archive(run, "archived"));
	return stage_move(run, ON_INVOICE_ARCHIVED, "invoice %s archived",
		json_peek_text(run->outcome.data, "number"));
}

const struct stage invoice_stage = { RENEWAL_AWAITING_INVOICE, invoice_decide, invoice_settle };

/* Finance settles it with the CA; then the invoice is fetched and compared again. */
static enum stage_next disputed_decide(struct stage_run *run)
{
	return stage_answer(run, "invoice") != NULL ? invoice_decide(run)
						    : stage_await(run, "invoice_differs");
}

const struct stage disputed_stage = { RENEWAL_DISPUTED, disputed_decide, invoice_settle };
