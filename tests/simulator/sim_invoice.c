/* SPDX-License-Identifier: Apache-2.0 */
/* Invoices (guide chapter 5): made some time after installation, 6 % tax inside the price, sent by
 * mail; and the many ways in which that goes wrong. */
#include "tests/simulator/sim_invoice.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/bytes.h"
#include "common/digest.h"
#include "common/text.h"
#include "tests/simulator/sim_knobs.h"
#include "tests/simulator/sim_time.h"

enum { TAX_PERCENT = 6, NUMBER_TEXT = 32 };

/* How long an invoice that does not come is not looked for. */
static const int64_t look_again = 600 * CLOCK_SECOND;

static void shanghai_texts(struct invoice *invoice, int64_t at)
{
	char text[CLOCK_TEXT];

	clock_format(text, (at / CLOCK_SECOND + 8 * INT64_C(3600)) * CLOCK_SECOND);
	(void)snprintf(invoice->day, sizeof(invoice->day), "%.10s", text);
	(void)snprintf(invoice->time, sizeof(invoice->time), "%.10s %.8s", text, text + 11);
}

/* Year, province (44, Guangdong), and sixteen more digits. */
static void invoice_number(struct sim *sim, char out[NUMBER_TEXT], const struct invoice *invoice)
{
	(void)snprintf(out, NUMBER_TEXT, "%.2s44%016" PRIu64, invoice->day + 2,
		sim_random(sim, UINT64_C(10000000000000000)));
}

/* {format, sha256, data_b64} of LEN bytes. */
static json_t *document(const char *format, const char *bytes, size_t len)
{
	OWNED char *base64 = base64_encode(bytes, len);
	char digest[SHA256_HEX];

	sha256_hex(digest, bytes, len);
	return json_pack("{s:s, s:s, s:s}", "format", format, "sha256", digest, "data_b64", base64);
}

/* XML, then PDF; under the knob the two differ by one yuan. */
static json_t *documents(const struct invoice *invoice, bool disagree)
{
	struct invoice other = *invoice;
	json_t *list = json_array();
	size_t xml_len, pdf_len;
	OWNED char *xml = invoice_xml(invoice, &xml_len);
	OWNED char *pdf = NULL;

	other.total_fen += disagree ? 100 : 0;
	pdf = invoice_pdf(&other, &pdf_len);
	json_array_append_new(list, document("xml", xml, xml_len));
	json_array_append_new(list, document("pdf", pdf, pdf_len));
	return list;
}

const json_t *invoice_document(const json_t *application, const char *format)
{
	const json_t *invoice = json_object_get(application, "invoice");
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(invoice, "documents"), i, one)
	{
		if (text_equal(json_peek_text(one, "format"), format))
			return one;
	}
	return NULL;
}

static void put_amounts(struct invoice *invoice, int64_t total_fen)
{
	/* Rounded half up: net × 1.06 = total. */
	invoice->total_fen = total_fen;
	invoice->net_fen = (total_fen * 100 + (100 + TAX_PERCENT) / 2) / (100 + TAX_PERCENT);
	invoice->tax_fen = total_fen - invoice->net_fen;
}

/* The invoice's record, WORD being what the knob says. */
static json_t *record_new(
	struct sim *sim, const struct invoice *invoice, const json_t *payment, const char *word)
{
	json_t *record = json_object();
	char id[SIM_ID_TEXT];

	sim_id(sim, id, "inv");
	json_put_text(record, "id", id);
	json_put_text(record, "state", text_equal(word, "send_failed") ? "send_failed" : "sent");
	json_put_text(record, "number", invoice->number);
	json_put_number(record, "total_fen", invoice->total_fen);
	json_put_text(record, "email", json_peek_text(payment, "invoice_email"));
	json_object_set_new(record, "buyer",
		json_pack(
			"{s:s?, s:s?}", "name", invoice->buyer_name, "tax_id", invoice->buyer_id));
	json_object_set_new(record, "seller", json_pack("{s:s}", "name", SELLER_NAME));
	json_object_set_new(
		record, "documents", documents(invoice, text_equal(word, "xml_pdf_disagree")));
	return record;
}

void invoice_make(struct sim *sim, json_t *application, const char *word, int64_t now)
{
	const json_t *certificate =
		sim_find(sim, "certificates", json_peek_text(application, "certificate_id"));
	const json_t *payment =
		sim_find(sim, "payments", json_peek_text(application, "payment_id"));
	bool wrong = text_equal(word, "wrong_buyer");
	struct invoice invoice = { .buyer_name = wrong ? "广州某某其他有限公司"
						       : json_peek_text(certificate, "holder"),
		.buyer_id = wrong ? "91440101MA5CTHER2X" : json_peek_text(certificate, "uscc"),
		.service = json_peek_text(certificate, "service"),
		.application = json_peek_text(application, "id") };
	char number[NUMBER_TEXT];
	json_t *record;

	put_amounts(&invoice, json_peek_number(application, "price_fen", 0));
	shanghai_texts(&invoice, now);
	invoice_number(sim, number, &invoice);
	invoice.number = number;
	record = record_new(sim, &invoice, payment, word);
	if (text_equal(json_peek_text(record, "state"), "sent"))
		sim_put_instant(record, "sent_at", now);
	json_object_set_new(application, "invoice", record);
	json_object_del(application, "invoice_waits");
	ledger_add(sim, "invoices",
		json_pack("{s:s, s:s}", "application", invoice.application, "number", number));
	notice_send(sim, now,
		text_equal(word, "send_failed") ? "invoice.send_failed" : "invoice.sent", record,
		application);
}

/* {serial}: the CA puts the invoice right, under another number. */
void post_invoice_again(struct sim_call *call)
{
	const char *serial = json_peek_text(call->body, "serial"), *id;
	const json_t *certificate =
		serial == NULL ? NULL : certificate_by_serial(call->sim, serial, NULL);
	json_t *application;

	json_object_foreach(sim_table(call->sim, "applications"), id, application)
	{
		if (certificate == NULL || json_object_get(application, "invoice") == NULL ||
			!text_equal(json_peek_text(application, "certificate_id"),
				json_peek_text(certificate, "id")))
			continue;
		invoice_make(call->sim, application, "", call->now);
		call_effect(call);
		call_reply(call, 200, json_deep_copy(json_object_get(application, "invoice")));
		return;
	}
	(void)call_problem(call, SIM_NOT_FOUND, "serial names no certificate with an invoice");
}

void invoice_begin(struct sim *sim, json_t *application, int64_t now)
{
	struct sim_subject subject = sim_subject_of(sim, NULL, application);

	sim_timer_set(sim, TIMER_INVOICE, json_peek_text(application, "id"),
		now + sim_knob_for(sim, "invoice_ms", &subject) * 1000);
}

void on_invoice_timer(struct sim *sim, json_t *application, int64_t at)
{
	struct sim_subject subject = sim_subject_of(sim, NULL, application);
	struct sim_setting setting = { 0 };
	int64_t wait = 0;

	if (!application_is(application, "installed") ||
		json_object_get(application, "invoice") != NULL)
		return;
	(void)sim_knob_take(sim, "invoice", NULL, &subject, &setting);
	if (text_equal(setting.word, "none"))
		wait = look_again;
	else if (text_equal(setting.word, "late_s") &&
		json_object_get(application, "invoice_late") == NULL)
		wait = setting.ms > 0 ? setting.ms * 1000 : 6 * look_again;
	if (wait == 0) {
		invoice_make(sim, application, setting.word, at);
		return;
	}
	if (text_equal(setting.word, "late_s"))
		json_object_set_new(application, "invoice_late", json_true());
	else
		json_object_set_new(application, "invoice_waits", json_true());
	sim_timer_set(sim, TIMER_INVOICE, json_peek_text(application, "id"), at + wait);
}

/* What could not be sent shows no documents. */
static json_t *invoice_view(const json_t *record)
{
	json_t *view = json_deep_copy(record);

	if (text_equal(json_peek_text(record, "state"), "send_failed"))
		json_object_del(view, "documents");
	return view;
}

void get_invoice(struct sim_call *call)
{
	const json_t *application = call_object(call, "applications");
	const json_t *invoice = json_object_get(application, "invoice");

	if (application == NULL)
		return;
	if (invoice != NULL)
		call_reply(call, 200, invoice_view(invoice));
	else
		call_reply(call, 200,
			json_pack("{s:s}", "state",
				application_is(application, "installed") ? "issuing" : "none"));
}

void post_invoice_resend(struct sim_call *call)
{
	json_t *application = call_application(call, "installed", NULL);
	json_t *invoice = json_object_get(application, "invoice");
	const char *email;

	if (application == NULL || !call_text(call, &email, call->body, "email"))
		return;
	if (invoice == NULL || strchr(email, '@') == NULL) {
		(void)call_problem(call, invoice == NULL ? SIM_STATE_CONFLICT : SIM_FIELD_INVALID,
			"an issued invoice and an address are needed");
		return;
	}
	json_put_text(invoice, "email", email);
	json_put_text(invoice, "state", "sent");
	notice_send(call->sim, call->now, "invoice.sent", invoice, application);
	sim_put_instant(invoice, "sent_at", call->now);
	call_effect(call);
	call_reply(call, 200, invoice_view(invoice));
}
