/* SPDX-License-Identifier: Apache-2.0 */
/* A bank statement as CSV with the column heads of China Construction Bank's corporate export,
 * between a preamble with the opening balance and a footer with counts, sums and closing balance. */
#include <iconv.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "tests/simulator/sim_bank.h"

enum { STATEMENT_MAX = 64 * 1024 * 1024 };

static const char columns[] =
	"账号,账户名称,交易时间,借方发生额（支取）,贷方发生额（收入）,余额,币种,对方户名,对方账号,"
	"对方开户机构,记账日期,摘要,备注,账户明细编号-交易流水号\r\n";

struct sums {
	int64_t debit_fen, credit_fen;
	size_t debits, credits;
};

/* `2026-11-22T09:07:09Z` of the instant eight hours later: Shanghai's wall clock. */
static void wall_clock(char out[CLOCK_TEXT], int64_t at)
{
	clock_format(out, (at / CLOCK_SECOND + 8 * INT64_C(3600)) * CLOCK_SECOND);
}

void bank_day(char out[BANK_TIME_TEXT], int64_t at)
{
	char text[CLOCK_TEXT];

	wall_clock(text, at);
	(void)snprintf(out, BANK_TIME_TEXT, "%.4s%.2s%.2s", text, text + 5, text + 8);
}

void bank_time(char out[BANK_TIME_TEXT], int64_t at)
{
	char text[CLOCK_TEXT], day[BANK_TIME_TEXT];

	wall_clock(text, at);
	bank_day(day, at);
	(void)snprintf(out, BANK_TIME_TEXT, "%.8s %.8s", day, text + 11);
}

static void add_cell(struct text *out, const char *value)
{
	bool quote = strpbrk(value, ",\"\r\n") != NULL;

	if (quote)
		text_add(out, "\"");
	for (; *value != '\0'; value++) {
		if (*value == '"')
			text_add(out, "\"");
		text_add_bytes(out, value, 1);
	}
	text_add(out, quote ? "\"," : ",");
}

static void add_fen(struct text *out, int64_t fen)
{
	text_addf(out, "%" PRId64 ".%02" PRId64 ",", fen / 100, fen % 100);
}

static void add_line(struct text *out, const json_t *account, const json_t *line)
{
	int64_t at = json_peek_number(line, "at", 0);
	char time[BANK_TIME_TEXT], day[BANK_TIME_TEXT];

	bank_time(time, at);
	bank_day(day, at);
	add_cell(out, json_peek_text(account, "number"));
	add_cell(out, json_peek_text(account, "name"));
	add_cell(out, time);
	add_fen(out, json_peek_number(line, "debit_fen", 0));
	add_fen(out, json_peek_number(line, "credit_fen", 0));
	add_fen(out, json_peek_number(line, "balance_fen", 0));
	add_cell(out, "人民币元");
	add_cell(out, json_peek_text(line, "peer_name"));
	add_cell(out, json_peek_text(line, "peer_account"));
	add_cell(out, json_peek_text(line, "peer_bank"));
	add_cell(out, day);
	add_cell(out, json_peek_text(line, "summary"));
	add_cell(out, json_peek_text(line, "remark"));
	text_addf(out, "%s\r\n", json_peek_text(line, "serial"));
}

static void add_lines(struct text *out, const json_t *account, struct sums *sums)
{
	json_t *line;
	size_t i;

	json_array_foreach(json_object_get(account, "lines"), i, line)
	{
		int64_t debit_fen = json_peek_number(line, "debit_fen", 0);

		add_line(out, account, line);
		sums->debit_fen += debit_fen;
		sums->credit_fen += json_peek_number(line, "credit_fen", 0);
		sums->debits += debit_fen > 0;
		sums->credits += debit_fen == 0;
	}
}

static void add_preamble(struct text *out, const json_t *account, int64_t now)
{
	char from[BANK_TIME_TEXT], until[BANK_TIME_TEXT];

	bank_day(from, json_peek_number(account, "opened_at", 0));
	bank_day(until, now);
	text_add(out, "中国建设银行企业网银账户明细（模拟）\r\n账号：,");
	add_cell(out, json_peek_text(account, "number"));
	text_add(out, "账户名称：,");
	add_cell(out, json_peek_text(account, "name"));
	text_addf(out, "币种：,人民币\r\n起始日期：,%s,终止日期：,%s\r\n期初余额：,", from, until);
	add_fen(out, json_peek_number(account, "opening_fen", 0));
	text_add(out, "\r\n");
}

static void add_footer(struct text *out, const json_t *account, const struct sums *sums)
{
	text_add(out, "合计,,,");
	add_fen(out, sums->debit_fen);
	add_fen(out, sums->credit_fen);
	text_addf(out, "\r\n借方笔数：,%zu,借方合计：,", sums->debits);
	add_fen(out, sums->debit_fen);
	text_addf(out, "贷方笔数：,%zu,贷方合计：,", sums->credits);
	add_fen(out, sums->credit_fen);
	text_add(out, "期末余额：,");
	add_fen(out, json_peek_number(account, "balance_fen", 0));
	text_add(out, "\r\n");
}

/* LEN bytes of UTF-8 in GB18030 on the heap, or NULL. */
static char *to_gb18030(const char *text, size_t len, size_t *out_len)
{
	size_t room = 4 * len + 4, left = room;
	OWNED char *copy = text_dup(text);
	OWNED char *out = zalloc(1, room + 1);
	char *from = copy, *to = out;
	iconv_t converter = iconv_open("GB18030", "UTF-8");
	bool done;

	if ((intptr_t)converter == -1)
		return NULL;
	done = iconv(converter, &from, &len, &to, &left) != (size_t)-1;
	(void)iconv_close(converter);
	*out_len = room - left;
	return done ? take(out) : NULL;
}

/* The account that the query names, or the only one; NULL after a problem. */
static const json_t *asked_account(struct sim_call *call)
{
	const char *number = call_query(call, "account");
	json_t *all = json_object_get(sim_table(call->sim, "bank"), "accounts");
	const json_t *account = number == NULL ? json_object_iter_value(json_object_iter(all))
					       : json_object_get(all, number);

	if (account == NULL)
		(void)call_problem(
			call, SIM_NOT_FOUND, "no such account; see GET /sim/bank/accounts");
	else if (number == NULL && json_object_size(all) > 1)
		(void)call_problem(call, SIM_FIELD_INVALID,
			"there are several accounts: ?account=… names one, see GET /sim/bank/accounts");
	else
		return account;
	return NULL;
}

void get_bank_statement(struct sim_call *call)
{
	const char *encoding = call_query(call, "encoding");
	const json_t *account = asked_account(call);
	struct sums sums = { 0 };
	TEXT text;
	char *bytes;
	size_t len;

	text_init(&text, STATEMENT_MAX);
	if (account == NULL)
		return;
	add_preamble(&text, account, call->now);
	text_add(&text, columns);
	add_lines(&text, account, &sums);
	add_footer(&text, account, &sums);
	if (encoding == NULL || text_equal(encoding, "utf8")) {
		bytes = text_take(&text, &len);
		call_reply_raw(call, "text/csv; charset=utf-8", bytes, len);
	} else if (text_equal(encoding, "gb18030")) {
		bytes = to_gb18030(text.data, text.len, &len);
		if (bytes == NULL)
			(void)call_problem(call, SIM_INTERNAL, "a text has no form in GB18030");
		else
			call_reply_raw(call, "text/csv; charset=gb18030", bytes, len);
	} else {
		(void)call_problem(call, SIM_FIELD_INVALID, "encoding is utf8 or gb18030");
	}
}
