/* SPDX-License-Identifier: Apache-2.0 */
/* 发票获取 (guide chapter 5): the invoice is fetched, compared with what was paid and by whom, archived byte
 * for byte; a renewal is not done before. */
#include <string.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/text.h"
#include "orchestrator/domain/calendar.h"
#include "orchestrator/flows/turns.h"

enum { INVOICE_DAYS = 5 }; /* working days, where the policy says nothing */

static enum stage_next fetch(struct stage_run *run)
{
	if (stage_answer(run, "invoice_file") != NULL && run->files == NULL) {
		run->want = "invoice_file"; /* where a person gives it back, with its file */
		return STAGE_FILES;
	}
	return stage_call(run, CONNECTOR_INVOICE, stage_text(run, "facts.application_id"),
		json_pack("{s:O*}", "files", run->files));
}

/* The sentence that says what differs, on the heap, or NULL. */
static char *difference(const struct stage_run *run)
{
	const json_t *data = run->outcome.data, *buyer = json_object_get(data, "buyer");
	int64_t total = json_peek_number(data, "total_fen", -1),
		paid = stage_number(run, "order.amount_fen", 0);

	OWNED char *total_text = stage_yuan(total), *paid_text = stage_yuan(paid);

	if (total != paid)
		return text_dupf("the invoice is over %s, paid were %s", total_text, paid_text);
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

/* 红字: the CA has cancelled the invoice; finance asks for another one. */
static enum stage_next turned_red(struct stage_run *run)
{
	stage_task(run,
		json_pack("{s:s, s:s, s:[s]}", "kind", "invoice", "instruction",
			"The CA cancelled the invoice (红字发票). Ask it for the one that replaces it, then finish this task with resolved=HOW.",
			"needs", "resolved"));
	return run->stage->state == RENEWAL_DISPUTED
		? stage_await(run, "invoice_differs")
		: stage_move(run, ON_INVOICE_DISPUTED, "the CA cancelled the invoice (红字)");
}

static int64_t days_here(const struct stage_run *run)
{
	const char *text = stage_text(run, "since");
	int64_t since;

	return text != NULL && clock_parse(&since, text)
		? calendar_working_days_between(run->app->calendar, since, clock_now())
		: 0;
}

/* 途径二: phone number and code on the service account's page are a person's act; the file is given back here. */
static void ask_person(struct stage_run *run)
{
	OWNED char *text = text_dupf(
		"No invoice came by mail (途径一). On the phone, in the service account of the CA: 业务办理-电子发票下载, log in with the "
		"handler's mobile number and the code that it receives (never write the code here), download the invoice of application "
		"%s, and finish this task with number, total_fen, buyer and buyer_tax_id as the invoice shows them, and --attach FILE.",
		stage_text(run, "facts.application_id"));

	stage_task(run,
		json_pack("{s:s, s:s?, s:s, s:[s, s, s, s, s], s:{s:s?, s:I, s:s?, s:s?}}", "kind",
			"invoice_missing", "assignee", stage_text(run, "handler.id"), "instruction",
			text, "needs", "number", "total_fen", "buyer", "buyer_tax_id", "file",
			"values", "mobile", stage_text(run, "handler.mobile"), "total_fen",
			(json_int_t)stage_number(run, "order.amount_fen", 0), "buyer",
			stage_text(run, "entity.invoice_title"), "buyer_tax_id",
			stage_text(run, "entity.tax_id")));
}

/* None after the policy's working days: sent again once, then a person takes the other route. */
static enum stage_next chase(struct stage_run *run)
{
	int64_t days = days_here(run),
		most = stage_number(run, "campaign.policy.invoice_working_days", INVOICE_DAYS);

	if (days >= most && !stage_flag(run, "facts.resent") &&
		connector_op(run->connector, CONNECTOR_RESEND)->offered) {
		stage_fact(run, "resend", json_true());
		return stage_wait(run, NULL, 0);
	}
	if (days >= 2 * most ||
		(days >= most && !connector_op(run->connector, CONNECTOR_RESEND)->offered))
		ask_person(run);
	return stage_poll(run, "invoice");
}

static enum stage_next resent(struct stage_run *run)
{
	stage_fact(run, "resend", json_null());
	stage_fact(run, "resent", json_true());
	stage_note(run, "invoice_asked_again",
		run->outcome.kind == OUTCOME_REFUSED
			? run->outcome.text
			: "the CA was asked to send the invoice again");
	return stage_poll(run, "invoice");
}

static enum stage_next invoice_settle(struct stage_run *run)
{
	const char *state = json_peek_text(run->outcome.data, "state");

	if (run->outcome.kind == OUTCOME_REFUSED && run->call.op == CONNECTOR_RESEND)
		return resent(run);
	if (run->outcome.kind == OUTCOME_REFUSED)
		return stage_refused(run);
	if (run->call.op == CONNECTOR_RESEND)
		return resent(run);
	if (text_equal(state, "red"))
		return turned_red(run);
	if ((!text_equal(state, "sent") && !text_equal(state, "issued")) ||
		json_array_size(json_object_get(run->outcome.data, "documents")) == 0)
		return chase(run); /* not done before its bytes are archived */

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

/* What a person typed from the invoice, with its file, in the shape of the CA's answer. */
static json_t *typed_invoice(const struct stage_run *run, const json_t *answer)
{
	const json_t *file = json_array_get(run->files, 0);
	const char *media = json_peek_text(file, "media_type");
	int64_t total = -1;

	(void)number_parse(&total, json_peek_text(answer, "total_fen"), 0, INT64_MAX);
	return json_pack("{s:s, s:s?, s:I, s:{s:s?, s:s?}, s:{s:s}, s:s, s:[{s:s, s:s?}]}", "state",
		"sent", "number", json_peek_text(answer, "number"), "total_fen", (json_int_t)total,
		"buyer", "name", json_peek_text(answer, "buyer"), "tax_id",
		json_peek_text(answer, "buyer_tax_id"), "seller", "name",
		run->app->settings.payee_name, "email", "", "documents", "format",
		media != NULL && strstr(media, "xml") != NULL ? "xml" : "pdf", "data_b64",
		json_peek_text(file, "data_b64"));
}

static enum stage_next take_typed(struct stage_run *run, const json_t *answer)
{
	if (run->files == NULL) {
		run->want = "invoice_missing";
		return STAGE_FILES;
	}
	outcome_done(&run->outcome);
	outcome_set(&run->outcome, OUTCOME_DONE, "", "given by a person");
	run->outcome.data = typed_invoice(run, answer);
	run->call.op = CONNECTOR_INVOICE;
	return invoice_settle(run);
}

static enum stage_next invoice_decide(struct stage_run *run)
{
	const json_t *answer = stage_answer(run, "invoice_missing");

	if (answer != NULL)
		return take_typed(run, answer);
	if (stage_flag(run, "facts.resend"))
		return stage_call(run, CONNECTOR_RESEND, stage_text(run, "facts.application_id"),
			json_pack("{s:s?}", "email", invoice_email(run)));
	return fetch(run);
}

const struct stage invoice_stage = { RENEWAL_AWAITING_INVOICE, invoice_decide, invoice_settle };

/* Finance settles it with the CA; then the invoice is fetched and compared again. */
static enum stage_next disputed_decide(struct stage_run *run)
{
	return stage_answer(run, "invoice") != NULL ? fetch(run)
						    : stage_await(run, "invoice_differs");
}

const struct stage disputed_stage = { RENEWAL_DISPUTED, disputed_decide, invoice_settle };
