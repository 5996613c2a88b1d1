/* SPDX-License-Identifier: Apache-2.0 */
/* Invoices (guide chapter 5): a 数电票 as its XML `EInvoice`, version 0.2 of the Ministry of
 * Finance's layout, 6 % tax inside the price. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/digest.h"
#include "common/text.h"
#include "tests/simulator/sim_bank.h"
#include "tests/simulator/sim_inside.h"

enum { INVOICE_MAX = 32 * 1024, TAX_PERCENT = 6, NUMBER_TEXT = 32 };

static const char seller_name[] = "广东省电子商务认证有限公司";
static const char seller_id[] = "91440000723838552L";

struct invoice {
	const char *number, *buyer_name, *buyer_id, *service, *application;
	char day[CLOCK_TEXT], time[CLOCK_TEXT]; /* 2026-11-22, 2026-11-22 10:08:05 in Shanghai */
	int64_t total_fen, net_fen, tax_fen;
};

/* ---- amounts ---- */

static void add_yuan(struct text *out, int64_t fen)
{
	text_addf(out, "%" PRId64 ".%02" PRId64, fen / 100, fen % 100);
}

/* The integer part in capital figures: 10200 is 壹万零贰佰. */
static void add_capital_integer(struct text *out, int64_t yuan)
{
	static const char *const digits[] = { "零", "壹", "贰", "叁", "肆", "伍", "陆", "柒", "捌",
		"玖" };
	static const char *const places[] = { "", "拾", "佰", "仟" };
	static const char *const groups[] = { "", "万", "亿" };
	char text[24];
	int len = snprintf(text, sizeof(text), "%" PRId64, yuan);
	bool zero = false, group = false;

	for (int i = 0; i < len && len <= 12; i++) {
		int place = len - 1 - i, digit = text[i] - '0';

		if (digit != 0) {
			text_addf(out, "%s%s%s", zero && out->len > 0 ? "零" : "", digits[digit],
				places[place % 4]);
			group = true;
		}
		zero = digit == 0;
		if (place % 4 == 0) {
			text_add(out, group ? groups[place / 4] : "");
			group = false;
		}
	}
}

static void add_capital(struct text *out, int64_t fen)
{
	static const char *const digits[] = { "零", "壹", "贰", "叁", "肆", "伍", "陆", "柒", "捌",
		"玖" };
	int64_t jiao = fen / 10 % 10, cents = fen % 10;
	TEXT integer;

	text_init(&integer, 256);
	add_capital_integer(&integer, fen / 100);
	text_addf(out, "%s圆", integer.len == 0 ? "零" : integer.data);
	if (jiao == 0 && cents == 0)
		text_add(out, "整");
	if (jiao != 0)
		text_addf(out, "%s角", digits[jiao]);
	else if (cents != 0)
		text_add(out, "零");
	if (cents != 0)
		text_addf(out, "%s分", digits[cents]);
}

/* ---- XML ---- */

static void add_escaped(struct text *out, const char *value)
{
	for (; *value != '\0'; value++) {
		switch (*value) {
		case '<':
			text_add(out, "&lt;");
			break;
		case '>':
			text_add(out, "&gt;");
			break;
		case '&':
			text_add(out, "&amp;");
			break;
		default:
			text_add_bytes(out, value, 1);
		}
	}
}

static void element(struct text *out, const char *name, const char *value)
{
	text_addf(out, "<%s>", name);
	add_escaped(out, value == NULL ? "" : value);
	text_addf(out, "</%s>", name);
}

static void amount(struct text *out, const char *name, int64_t fen)
{
	text_addf(out, "<%s>", name);
	add_yuan(out, fen);
	text_addf(out, "</%s>", name);
}

static void label(struct text *out, const char *name, const char *code, const char *words)
{
	text_addf(out, "<%s>", name);
	element(out, "LabelCode", code);
	element(out, "LabelName", words);
	text_addf(out, "</%s>", name);
}

static void add_header(struct text *out, const struct invoice *invoice)
{
	text_add(out, "<Header>");
	element(out, "EIid", invoice->number);
	element(out, "EInvoiceTag", "SWEI4400");
	element(out, "Version", "0.2");
	text_add(out, "<InherentLabel>");
	label(out, "InIssuType", "Y", "是否蓝字发票标志");
	label(out, "EInvoiceType", "01", "电子发票");
	label(out, "GeneralOrSpecialVAT", "02", "普通发票");
	label(out, "TaxpayerType", "1", "一般纳税人");
	text_add(out, "</InherentLabel><UndefinedLabel/></Header>");
}

static void add_parties(struct text *out, const struct invoice *invoice)
{
	text_add(out, "<SellerInformation>");
	element(out, "SellerIdNum", seller_id);
	element(out, "SellerName", seller_name);
	text_add(out, "</SellerInformation><BuyerInformation>");
	element(out, "BuyerIdNum", invoice->buyer_id);
	element(out, "BuyerName", invoice->buyer_name);
	text_add(out, "</BuyerInformation>");
}

static void add_amounts(struct text *out, const struct invoice *invoice)
{
	text_add(out, "<BasicInformation>");
	amount(out, "TotalAmWithoutTax", invoice->net_fen);
	amount(out, "TotalTaxAm", invoice->tax_fen);
	amount(out, "TotalTax-includedAmount", invoice->total_fen);
	text_add(out, "<TotalTax-includedAmountInChinese>");
	add_capital(out, invoice->total_fen);
	text_add(out, "</TotalTax-includedAmountInChinese>");
	element(out, "Drawer", "模拟");
	element(out, "RequestTime", invoice->day);
	text_add(out, "</BasicInformation><IssuItemInformation>");
	element(out, "ItemName", "*信息技术服务*数字证书服务费");
	element(out, "SpecMod", invoice->service);
	element(out, "Quantity", "1");
	amount(out, "UnPrice", invoice->net_fen);
	amount(out, "Amount", invoice->net_fen);
	element(out, "TaxRate", "0.06");
	amount(out, "ComTaxAm", invoice->tax_fen);
	amount(out, "TotaltaxIncludedAmount", invoice->total_fen);
	element(out, "TaxClassificationCode", "3040299000000000000");
	text_add(out, "</IssuItemInformation>");
}

static char *invoice_xml(const struct invoice *invoice, size_t *len)
{
	TEXT out;

	text_init(&out, INVOICE_MAX);
	text_add(&out, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<EInvoice>");
	add_header(&out, invoice);
	text_add(&out, "<EInvoiceData>");
	add_parties(&out, invoice);
	add_amounts(&out, invoice);
	text_add(&out, "<SpecificInformation/><AdditionalInformation>");
	element(&out, "Remark", invoice->application);
	text_add(&out, "</AdditionalInformation></EInvoiceData><SellerAuthentication>");
	element(&out, "AuthenticationMethods", "02");
	text_add(&out, "</SellerAuthentication><TaxSupervisionInfo>");
	element(&out, "InvoiceNumber", invoice->number);
	element(&out, "IssueTime", invoice->time);
	element(&out, "TaxBureauCode", "14400000000");
	element(&out, "TaxBureauName", "国家税务总局广东省税务局");
	text_add(&out, "</TaxSupervisionInfo></EInvoice>\n");
	return text_take(&out, len);
}

/* ---- the resource ---- */

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

static json_t *xml_document(const struct invoice *invoice)
{
	size_t len;
	OWNED char *xml = invoice_xml(invoice, &len);
	OWNED char *base64 = base64_encode(xml, len);
	char digest[SHA256_HEX];

	sha256_hex(digest, xml, len);
	return json_pack(
		"[{s:s, s:s, s:s}]", "format", "xml", "sha256", digest, "data_b64", base64);
}

void invoice_make(struct sim *sim, json_t *application, int64_t now)
{
	const json_t *certificate =
		sim_find(sim, "certificates", json_peek_text(application, "certificate_id"));
	const json_t *payment =
		sim_find(sim, "payments", json_peek_text(application, "payment_id"));
	struct invoice invoice = { .buyer_name = json_peek_text(certificate, "holder"),
		.buyer_id = json_peek_text(certificate, "uscc"),
		.service = json_peek_text(certificate, "service"),
		.application = json_peek_text(application, "id"),
		.total_fen = json_peek_number(application, "price_fen", 0) };
	json_t *view = json_object();
	char id[SIM_ID_TEXT], number[NUMBER_TEXT];

	/* Rounded half up: net × 1.06 = total. */
	invoice.net_fen = (invoice.total_fen * 100 + (100 + TAX_PERCENT) / 2) / (100 + TAX_PERCENT);
	invoice.tax_fen = invoice.total_fen - invoice.net_fen;
	shanghai_texts(&invoice, now);
	invoice_number(sim, number, &invoice);
	invoice.number = number;
	sim_id(sim, id, "inv");
	json_put_text(view, "id", id);
	json_put_text(view, "state", "sent");
	json_put_text(view, "number", number);
	json_put_number(view, "total_fen", invoice.total_fen);
	json_put_text(view, "email", json_peek_text(payment, "invoice_email"));
	sim_put_instant(view, "sent_at", now);
	json_object_set_new(view, "buyer",
		json_pack("{s:s*, s:s*}", "name", invoice.buyer_name, "tax_id", invoice.buyer_id));
	json_object_set_new(view, "seller", json_pack("{s:s}", "name", seller_name));
	json_object_set_new(view, "documents", xml_document(&invoice));
	json_object_set_new(application, "invoice", view);
	ledger_add(sim, "invoices",
		json_pack("{s:s, s:s}", "application", invoice.application, "number", number));
}

void get_invoice(struct sim_call *call)
{
	const json_t *application = call_object(call, "applications");
	const json_t *invoice = json_object_get(application, "invoice");

	if (application == NULL)
		return;
	if (invoice != NULL)
		call_reply(call, 200, json_deep_copy(invoice));
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
	sim_put_instant(invoice, "sent_at", call->now);
	call_effect(call);
	call_reply(call, 200, json_deep_copy(invoice));
}
