/* SPDX-License-Identifier: Apache-2.0 */
/* The forms of an invoice (guide chapter 5): a 数电票 as its XML `EInvoice`, and as a page of PDF. */
#include <inttypes.h>
#include <stdio.h>

#include "common/text.h"
#include "tests/simulator/sim_invoice.h"
#include "tests/simulator/sim_pdf.h"

enum { INVOICE_MAX = 32 * 1024 };

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
	element(out, "SellerIdNum", SELLER_ID);
	element(out, "SellerName", SELLER_NAME);
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

char *invoice_xml(const struct invoice *invoice, size_t *len)
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

/* ---- PDF ---- */

char *invoice_pdf(const struct invoice *invoice, size_t *len)
{
	OWNED char *number = text_dupf("发票号码：%s", invoice->number);
	OWNED char *day = text_dupf("开票日期：%s", invoice->day);
	OWNED char *buyer = text_dupf("购买方名称：%s", invoice->buyer_name);
	OWNED char *buyer_id = text_dupf("统一社会信用代码：%s", invoice->buyer_id);
	OWNED char *total = text_dupf("价税合计（小写）：¥%" PRId64 ".%02" PRId64,
		invoice->total_fen / 100, invoice->total_fen % 100);
	OWNED char *seller = text_dupf("销售方名称：%s", SELLER_NAME);
	const char *const lines[] = { "电子发票（普通发票）", number, day, buyer, buyer_id, seller,
		"*信息技术服务*数字证书服务费", total };

	return sim_pdf(lines, COUNT_OF(lines), len);
}
