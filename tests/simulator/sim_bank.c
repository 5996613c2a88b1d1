/* SPDX-License-Identifier: Apache-2.0 */
/* The bank executes every payment file it gets, whole or not at all: one row is one transfer, and the
 * same order in two files is two debits.  Accounts open on first use, richly, with some traffic of
 * their own. */
#include "tests/simulator/sim_bank.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/text.h"
#include "tests/simulator/sim_knobs.h"

enum { PAYMENT_COLUMNS = 9, PAYMENT_ROWS_MAX = 5000, CELL_MAX = 400 };

enum column {
	COLUMN_ORDER,
	COLUMN_PAYER_ACCOUNT,
	COLUMN_PAYER_NAME,
	COLUMN_PAYEE_NAME,
	COLUMN_PAYEE_ACCOUNT,
	COLUMN_PAYEE_BANK,
	COLUMN_AMOUNT,
	COLUMN_CURRENCY,
	COLUMN_MEMO
};

static const char *const header[PAYMENT_COLUMNS] = { "付款单号", "付款账号", "付款户名", "收款户名",
	"收款账号", "收款银行", "金额", "币种", "附言" };

struct transfer {
	char cells[PAYMENT_COLUMNS][CELL_MAX];
	int64_t amount_fen;
};

static const int64_t opening_fen = INT64_C(5000000000); /* fifty million yuan */

/* ---- accounts and lines ---- */

static json_t *accounts(const struct sim *sim)
{
	json_t *bank = sim_table(sim, "bank");
	json_t *all = json_object_get(bank, "accounts");

	if (all == NULL) {
		all = json_object();
		json_object_set_new(bank, "accounts", all);
	}
	return all;
}

json_t *bank_account(const struct sim *sim, const char *number)
{
	return json_object_get(accounts(sim), number);
}

json_t *bank_book(struct sim *sim, json_t *account, const struct bank_line *line)
{
	json_t *lines = json_object_get(account, "lines");
	int64_t last = json_peek_number(account, "last_at", 0);
	int64_t at = line->at > last ? line->at : last;
	int64_t balance_fen =
		json_peek_number(account, "balance_fen", 0) - line->debit_fen + line->credit_fen;
	OWNED char *serial = text_dupf("%zu-%012" PRIu64, json_array_size(lines) + 1,
		sim_random(sim, UINT64_C(1000000000000)));
	json_t *record = json_object();

	json_put_number(record, "at", at);
	json_put_number(record, "debit_fen", line->debit_fen);
	json_put_number(record, "credit_fen", line->credit_fen);
	json_put_number(record, "balance_fen", balance_fen);
	json_put_text(record, "peer_name", line->peer_name);
	json_put_text(record, "peer_account", line->peer_account);
	json_put_text(record, "peer_bank", line->peer_bank);
	json_put_text(record, "summary", line->summary);
	json_put_text(record, "remark", line->remark);
	json_put_text(record, "serial", serial);
	json_array_append_new(lines, record);
	json_put_number(account, "balance_fen", balance_fen);
	json_put_number(account, "last_at", at);
	return record;
}

/* Everyday traffic that has nothing to do with renewals; one kind equals the usual fee. */
static void book_unrelated(struct sim *sim, json_t *account, int64_t at)
{
	static const struct {
		const char *name, *account, *bank, *summary, *remark;
		int64_t fixed_fen; /* 0: any */
		bool credit;
	} kinds[] = {
		{ "广州市某某办公用品有限公司", "44001400101050001234", "中国建设银行广州分行",
			"转账支出", "办公用品", 0, false },
		{ "深圳某某物业管理有限公司", "755900001110201", "招商银行深圳分行", "转账支出",
			"物业服务费", 20000, false },
		{ "佛山某某贸易有限公司", "2013028009100123456", "中国工商银行佛山分行", "转账存入",
			"货款", 0, true },
		{ "应付单位活期存款利息", "", "", "结息", "", 1234, true },
	};

	size_t which = (size_t)sim_random(sim, COUNT_OF(kinds));
	int64_t amount_fen = kinds[which].fixed_fen;

	if (amount_fen == 0)
		amount_fen = 10000 + (int64_t)sim_random(sim, 990000);
	(void)bank_book(sim, account,
		&(struct bank_line){ .at = at,
			.debit_fen = kinds[which].credit ? 0 : amount_fen,
			.credit_fen = kinds[which].credit ? amount_fen : 0,
			.peer_name = kinds[which].name,
			.peer_account = kinds[which].account,
			.peer_bank = kinds[which].bank,
			.summary = kinds[which].summary,
			.remark = kinds[which].remark });
}

static json_t *account_open(struct sim *sim, const char *number, const char *name, int64_t now)
{
	json_t *account = json_object();

	json_put_text(account, "number", number);
	json_put_text(account, "name", name);
	json_put_number(account, "opened_at", now - CLOCK_DAY);
	json_put_number(account, "opening_fen", opening_fen);
	json_put_number(account, "balance_fen", opening_fen);
	json_object_set_new(account, "lines", json_array());
	json_object_set_new(accounts(sim), number, account);
	for (int64_t hours = 20; hours > 0; hours -= 5)
		book_unrelated(sim, account, now - hours * 3600 * CLOCK_SECOND);
	return account;
}

/* ---- the payment file ---- */

/* One cell at *AT, which then stands on the separator or line end behind it; false if it is too
 * long or a quote does not close. */
static bool read_cell(char out[CELL_MAX], const char **at)
{
	bool quoted = **at == '"';
	size_t len = 0;
	const char *p = quoted ? *at + 1 : *at;

	for (; *p != '\0' && len < CELL_MAX - 1; p++) {
		if (quoted && p[0] == '"' && p[1] != '"')
			break;
		if (!quoted && strchr(",\r\n", *p) != NULL)
			break;
		if (quoted && *p == '"')
			p++;
		out[len++] = *p;
	}
	out[len] = '\0';
	if (quoted && *p != '"')
		return false;
	*at = quoted ? p + 1 : p;
	return strchr(",\r\n", **at) != NULL; /* also at the end: strchr finds the NUL */
}

/* One row of nine cells at *AT, which then stands at the next row. */
static bool read_row(struct transfer *out, const char **at)
{
	for (int i = 0; i < PAYMENT_COLUMNS; i++) {
		if (!read_cell(out->cells[i], at))
			return false;
		if (i + 1 < PAYMENT_COLUMNS && *(*at)++ != ',')
			return false;
	}
	if (**at == ',')
		return false;
	*at += strspn(*at, "\r\n");
	return true;
}

bool bank_amount(int64_t *fen, const char *text)
{
	const char *point = strchr(text, '.');
	size_t decimals = point == NULL ? 0 : strlen(point + 1);
	OWNED char *digits = NULL;

	if (decimals > 2 || (point != NULL && decimals == 0))
		return false;
	digits = text_dupf("%.*s%s%s", (int)(point == NULL ? strlen(text) : (size_t)(point - text)),
		text, point == NULL ? "" : point + 1,
		decimals == 0           ? "00"
			: decimals == 1 ? "0"
					: "");
	return number_parse(fen, digits, 1, INT64_C(1000000000000));
}

static const char *row_fault(const struct sim *sim, struct transfer *row)
{
	static const int needed[] = { COLUMN_PAYER_ACCOUNT, COLUMN_PAYER_NAME, COLUMN_PAYEE_NAME,
		COLUMN_PAYEE_ACCOUNT };
	const json_t *account = bank_account(sim, row->cells[COLUMN_PAYER_ACCOUNT]);

	for (size_t i = 0; i < COUNT_OF(needed); i++) {
		if (row->cells[needed[i]][0] == '\0')
			return "an account or a name is missing";
	}
	if (!bank_amount(&row->amount_fen, row->cells[COLUMN_AMOUNT]))
		return "金额 is not a positive amount with at most two decimals";
	if (!text_equal(row->cells[COLUMN_CURRENCY], "CNY") &&
		!text_equal(row->cells[COLUMN_CURRENCY], "人民币"))
		return "币种 is not CNY";
	if (account != NULL &&
		!text_equal(json_peek_text(account, "name"), row->cells[COLUMN_PAYER_NAME]))
		return "付款户名 is not the account's";
	return NULL;
}

static bool header_is_right(const char **at)
{
	struct transfer row;

	if (text_starts(*at, "\xef\xbb\xbf"))
		*at += 3;
	if (!read_row(&row, at))
		return false;
	for (int i = 0; i < PAYMENT_COLUMNS; i++) {
		if (!text_equal(row.cells[i], header[i]))
			return false;
	}
	return true;
}

/* The rows behind the header (owned array of *COUNT); NULL after a problem that names the row. */
static struct transfer *read_file(struct sim_call *call, const char *at, size_t *count)
{
	struct transfer *rows = NULL;

	*count = 0;
	while (*at != '\0' && *count < PAYMENT_ROWS_MAX) {
		struct transfer *grown = realloc(rows, (*count + 1) * sizeof(*rows));
		const char *why = "the row has not nine cells";

		if (grown == NULL)
			break;
		rows = grown;
		if (read_row(&rows[*count], &at))
			why = row_fault(call->sim, &rows[*count]);
		if (why != NULL) {
			(void)call_problem(call, SIM_FIELD_INVALID, "row %zu: %s", *count + 2, why);
			free(rows);
			return NULL;
		}
		(*count)++;
	}
	if (*at != '\0' || *count == 0) {
		(void)call_problem(
			call, SIM_FIELD_INVALID, "a file has 1 to %d rows", PAYMENT_ROWS_MAX);
		free(rows);
		return NULL;
	}
	return rows;
}

/* ---- execution ---- */

static json_t *execute(struct sim_call *call, const struct transfer *row)
{
	struct sim *sim = call->sim;
	json_t *bank = sim_table(sim, "bank");
	int64_t nth = json_peek_number(bank, "executed", 0) + 1;
	bool dropped = nth == sim_knob_number(sim, "bank_drop_reference_nth");
	const char *number = row->cells[COLUMN_PAYER_ACCOUNT];
	json_t *account = bank_account(sim, number);
	json_t *line, *item;

	json_put_number(bank, "executed", nth);
	if (account == NULL)
		account = account_open(sim, number, row->cells[COLUMN_PAYER_NAME], call->now);
	if (sim_random(sim, 4) == 0)
		book_unrelated(sim, account, call->now);
	line = bank_book(sim, account,
		&(struct bank_line){ .at = call->now,
			.debit_fen = row->amount_fen,
			.peer_name = row->cells[COLUMN_PAYEE_NAME],
			.peer_account = row->cells[COLUMN_PAYEE_ACCOUNT],
			.peer_bank = row->cells[COLUMN_PAYEE_BANK],
			.summary = "转账支出",
			.remark = dropped ? "" : row->cells[COLUMN_MEMO] });
	item = json_object();
	json_put_text(item, "order", row->cells[COLUMN_ORDER]);
	json_put_text(item, "payer_account", number);
	json_put_number(item, "amount_fen", row->amount_fen);
	json_put_text(item, "serial", json_peek_text(line, "serial"));
	sim_put_instant(item, "executed_at", json_peek_number(line, "at", 0));
	ledger_add(sim, "transfers", item);
	return item;
}

void post_bank_execute(struct sim_call *call)
{
	OWNED char *text =
		text_dupf("%.*s", (int)call->request->body_len, (const char *)call->request->body);
	OWNED struct transfer *rows = NULL;
	const char *at = text;
	json_t *executed;
	size_t count;

	if (strlen(text) != call->request->body_len || !header_is_right(&at)) {
		(void)call_problem(call, SIM_BODY_INVALID,
			"a CSV in UTF-8 whose first row is 付款单号,付款账号,付款户名,收款户名,收款账号,"
			"收款银行,金额,币种,附言");
		return;
	}
	rows = read_file(call, at, &count);
	if (rows == NULL)
		return;
	executed = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append(executed, execute(call, &rows[i]));
	call_effect(call);
	call_reply(
		call, 200, json_pack("{s:I, s:o}", "count", (json_int_t)count, "items", executed));
}

void get_bank_accounts(struct sim_call *call)
{
	json_t *items = json_array();
	const char *number;
	json_t *account;

	json_object_foreach(accounts(call->sim), number, account)
	{
		json_t *view = json_copy(account);

		json_object_set_new(view, "lines",
			json_integer(
				(json_int_t)json_array_size(json_object_get(account, "lines"))));
		json_array_append_new(items, view);
	}
	call_reply_page(call, items);
}
