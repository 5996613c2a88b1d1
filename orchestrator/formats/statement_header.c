/* SPDX-License-Identifier: Apache-2.0 */
/* Synonyms as data.  Where a file has two columns of one meaning the lower rank wins; two of the same
 * rank are ambiguous and refused. */
#include "orchestrator/formats/statement_header.h"

#include <string.h>

struct synonym {
	enum statement_column column;
	int rank;
	const char *word; /* folded */
};

static const struct synonym synonyms[] = {
	{ COLUMN_ACCOUNT, 0, "账号" },
	{ COLUMN_ACCOUNT, 1, "查询账号" },
	{ COLUMN_ACCOUNT, 1, "本方账号" },
	{ COLUMN_ACCOUNT, 2, "账户" },
	{ COLUMN_ACCOUNT, 3, "卡号" },
	{ COLUMN_ACCOUNT_NAME, 0, "账户名称" },
	{ COLUMN_ACCOUNT_NAME, 1, "户名" },
	{ COLUMN_ACCOUNT_NAME, 1, "本方户名" },
	{ COLUMN_DAY, 0, "交易日期" },
	{ COLUMN_DAY, 1, "交易日" },
	{ COLUMN_DAY, 2, "发生日期" },
	{ COLUMN_DAY, 3, "日期" },
	{ COLUMN_TIME, 0, "交易时间" },
	{ COLUMN_TIME, 1, "交易日期时间" },
	{ COLUMN_TIME, 2, "提交时间" },
	{ COLUMN_BOOKED, 0, "记账日期" },
	{ COLUMN_BOOKED, 1, "入账日期" },
	{ COLUMN_BOOKED, 2, "记账日" },
	{ COLUMN_BOOKED, 3, "记账时间" },
	{ COLUMN_BOOKED, 4, "入账时间" },
	{ COLUMN_OUT, 0, "借方发生额(支取)" },
	{ COLUMN_OUT, 1, "借方发生额" },
	{ COLUMN_OUT, 2, "借方金额" },
	{ COLUMN_OUT, 3, "记账金额(支出)" },
	{ COLUMN_OUT, 4, "支出金额" },
	{ COLUMN_OUT, 4, "转出金额" },
	{ COLUMN_OUT, 4, "取出金额" },
	{ COLUMN_OUT, 4, "出账金额" },
	{ COLUMN_OUT, 5, "支出" },
	{ COLUMN_OUT, 6, "借方" },
	{ COLUMN_IN, 0, "贷方发生额(收入)" },
	{ COLUMN_IN, 1, "贷方发生额" },
	{ COLUMN_IN, 2, "贷方金额" },
	{ COLUMN_IN, 3, "记账金额(收入)" },
	{ COLUMN_IN, 4, "收入金额" },
	{ COLUMN_IN, 4, "转入金额" },
	{ COLUMN_IN, 4, "存入金额" },
	{ COLUMN_IN, 4, "入账金额" },
	{ COLUMN_IN, 5, "收入" },
	{ COLUMN_IN, 6, "贷方" },
	{ COLUMN_SIGNED, 0, "交易金额" },
	{ COLUMN_SIGNED, 1, "发生额" },
	{ COLUMN_SIGNED, 2, "金额" },
	{ COLUMN_MARK, 0, "借贷标志" },
	{ COLUMN_MARK, 1, "借贷方向" },
	{ COLUMN_MARK, 2, "借/贷" },
	{ COLUMN_MARK, 2, "收支标志" },
	{ COLUMN_MARK, 2, "收/支" },
	{ COLUMN_BALANCE, 0, "账户余额" },
	{ COLUMN_BALANCE, 1, "余额" },
	{ COLUMN_BALANCE, 1, "本次余额" },
	{ COLUMN_BALANCE, 2, "交易后余额" },
	{ COLUMN_BALANCE, 3, "联机余额" },
	{ COLUMN_CURRENCY, 0, "币种" },
	{ COLUMN_CURRENCY, 1, "记账币种" },
	{ COLUMN_CURRENCY, 2, "交易币种" },
	{ COLUMN_COUNTERPARTY_NAME, 0, "对方户名" },
	{ COLUMN_COUNTERPARTY_NAME, 1, "对方账户名称" },
	{ COLUMN_COUNTERPARTY_NAME, 1, "对方账户名" },
	{ COLUMN_COUNTERPARTY_NAME, 1, "对方账号名称" },
	{ COLUMN_COUNTERPARTY_NAME, 2, "对方名称" },
	{ COLUMN_COUNTERPARTY_NAME, 2, "对方单位" },
	{ COLUMN_COUNTERPARTY_NAME, 2, "对方单位名称" },
	{ COLUMN_COUNTERPARTY_NAME, 2, "对手名称" },
	{ COLUMN_COUNTERPARTY_NAME, 3, "收付款方名称" },
	{ COLUMN_COUNTERPARTY_NAME, 3, "交易对手" },
	{ COLUMN_COUNTERPARTY_NAME, 3, "交易对方" },
	{ COLUMN_COUNTERPARTY_NAME, 4, "对手信息" },
	{ COLUMN_COUNTERPARTY_ACCOUNT, 0, "对方账号" },
	{ COLUMN_COUNTERPARTY_ACCOUNT, 1, "对方账户" },
	{ COLUMN_COUNTERPARTY_ACCOUNT, 1, "对方卡号/账号" },
	{ COLUMN_COUNTERPARTY_ACCOUNT, 2, "收付款方账号" },
	{ COLUMN_COUNTERPARTY_BANK, 0, "对方开户机构" },
	{ COLUMN_COUNTERPARTY_BANK, 0, "对方开户行" },
	{ COLUMN_COUNTERPARTY_BANK, 0, "对方账号开户行" },
	{ COLUMN_COUNTERPARTY_BANK, 1, "对方行名" },
	{ COLUMN_SUMMARY, 0, "摘要" },
	{ COLUMN_SUMMARY, 0, "交易摘要" },
	{ COLUMN_SERIAL, 0, "账户明细编号-交易流水号" },
	{ COLUMN_SERIAL, 1, "核心唯一流水号" },
	{ COLUMN_SERIAL, 2, "交易流水号" },
	{ COLUMN_SERIAL, 3, "流水号" },
	{ COLUMN_SERIAL, 4, "日志号" },
	{ COLUMN_SERIAL, 5, "交易订单号" },
	{ COLUMN_MEMO, 0, "用途" },
	{ COLUMN_MEMO, 0, "交易用途" },
	{ COLUMN_MEMO, 0, "附言" },
	{ COLUMN_MEMO, 0, "交易附言" },
	{ COLUMN_MEMO, 0, "客户附言" },
	{ COLUMN_MEMO, 0, "备注" },
	{ COLUMN_MEMO, 0, "交易名称" },
};

/* Units that headers carry in brackets. */
static const char *const units[] = { "(元)", "(人民币元)", "(人民币)", "(CNY)", "(RMB)" };

static const struct synonym *synonym_of(const char *cell)
{
	char folded[96];

	if (!value_fold(folded, sizeof(folded), cell))
		return NULL;
	for (size_t i = 0; i < COUNT_OF(units); i++) {
		size_t len = strlen(folded), unit = strlen(units[i]);
		if (len > unit && strcmp(folded + len - unit, units[i]) == 0)
			folded[len - unit] = '\0';
	}
	for (size_t i = 0; i < COUNT_OF(synonyms); i++)
		if (strcmp(folded, synonyms[i].word) == 0)
			return &synonyms[i];
	return NULL;
}

struct header_reader {
	struct statement_header header;
	int rank[COLUMN_KINDS];
	bool is_doubled[COLUMN_KINDS];
	size_t known;
};

static void add_column(struct header_reader *reader, const struct synonym *synonym, size_t column)
{
	struct statement_header *header = &reader->header;
	enum statement_column kind = synonym->column;

	reader->known++;
	if (kind == COLUMN_MEMO && header->memo_count < MEMO_COLUMNS_MAX) {
		header->memos[header->memo_count++] = (int)column;
		return;
	}
	bool is_first = header->column[kind] == COLUMN_NONE;
	reader->is_doubled[kind] = !is_first && synonym->rank == reader->rank[kind];
	if (is_first || synonym->rank < reader->rank[kind]) {
		header->column[kind] = (int)column;
		reader->rank[kind] = synonym->rank;
	}
}

static bool is_header(const struct header_reader *reader)
{
	const int *column = reader->header.column;
	bool has_day = column[COLUMN_DAY] != COLUMN_NONE || column[COLUMN_TIME] != COLUMN_NONE ||
		column[COLUMN_BOOKED] != COLUMN_NONE;
	bool has_amount = column[COLUMN_SIGNED] != COLUMN_NONE ||
		(column[COLUMN_OUT] != COLUMN_NONE && column[COLUMN_IN] != COLUMN_NONE);

	return reader->known >= 3 && has_day && has_amount;
}

static void read_header_row(struct header_reader *reader, const struct csv_table *table, size_t row)
{
	*reader = (struct header_reader){ .header.row = row };
	for (size_t kind = 0; kind < COLUMN_KINDS; kind++)
		reader->header.column[kind] = COLUMN_NONE;
	for (size_t column = 0; column < table->rows[row].count; column++) {
		const struct synonym *synonym = synonym_of(csv_cell(table, row, column));
		if (synonym != NULL)
			add_column(reader, synonym, column);
	}
}

bool statement_header_find(
	struct statement_header *out, const struct csv_table *table, struct fault *fault)
{
	struct header_reader reader;

	for (size_t row = 0; row < table->row_count && row < HEADER_ROWS_MAX; row++) {
		read_header_row(&reader, table, row);
		if (!is_header(&reader))
			continue;
		for (size_t kind = 0; kind < COLUMN_KINDS; kind++)
			if (reader.is_doubled[kind])
				return fault_set(fault, FAULT_INPUT,
					"row %zu: two columns of the header mean the same as \"%s\"; remove one",
					row + 1,
					csv_cell(table, row, (size_t)reader.header.column[kind]));
		*out = reader.header;
		return true;
	}
	return fault_set(fault, FAULT_INPUT,
		"no header row in the first %d rows: it must name a date (交易时间) and an amount "
		"(借方发生额 and 贷方发生额, or 交易金额); export the account details as CSV",
		HEADER_ROWS_MAX);
}

static const struct {
	const char *word;
	enum statement_fact fact;
	enum statement_claim claim;
} facts[] = {
	{ "账号", FACT_ACCOUNT, CLAIM_KINDS },
	{ "查询账号", FACT_ACCOUNT, CLAIM_KINDS },
	{ "本方账号", FACT_ACCOUNT, CLAIM_KINDS },
	{ "银行账号", FACT_ACCOUNT, CLAIM_KINDS },
	{ "账户", FACT_ACCOUNT, CLAIM_KINDS },
	{ "卡号", FACT_ACCOUNT, CLAIM_KINDS },
	{ "账户名称", FACT_ACCOUNT_NAME, CLAIM_KINDS },
	{ "户名", FACT_ACCOUNT_NAME, CLAIM_KINDS },
	{ "单位名称", FACT_ACCOUNT_NAME, CLAIM_KINDS },
	{ "客户名称", FACT_ACCOUNT_NAME, CLAIM_KINDS },
	{ "币种", FACT_CURRENCY, CLAIM_KINDS },
	{ "货币", FACT_CURRENCY, CLAIM_KINDS },
	{ "期初余额", FACT_CLAIM, CLAIM_OPENING },
	{ "上期余额", FACT_CLAIM, CLAIM_OPENING },
	{ "承前余额", FACT_CLAIM, CLAIM_OPENING },
	{ "起始余额", FACT_CLAIM, CLAIM_OPENING },
	{ "期末余额", FACT_CLAIM, CLAIM_CLOSING },
	{ "本期余额", FACT_CLAIM, CLAIM_CLOSING },
	{ "结束余额", FACT_CLAIM, CLAIM_CLOSING },
	{ "贷方合计", FACT_CLAIM, CLAIM_IN_FEN },
	{ "贷方合计金额", FACT_CLAIM, CLAIM_IN_FEN },
	{ "贷方金额合计", FACT_CLAIM, CLAIM_IN_FEN },
	{ "贷方发生额合计", FACT_CLAIM, CLAIM_IN_FEN },
	{ "贷方发生额(收入)合计", FACT_CLAIM, CLAIM_IN_FEN },
	{ "贷方总额", FACT_CLAIM, CLAIM_IN_FEN },
	{ "收入合计", FACT_CLAIM, CLAIM_IN_FEN },
	{ "收入总额", FACT_CLAIM, CLAIM_IN_FEN },
	{ "收入总金额", FACT_CLAIM, CLAIM_IN_FEN },
	{ "总收入", FACT_CLAIM, CLAIM_IN_FEN },
	{ "借方合计", FACT_CLAIM, CLAIM_OUT_FEN },
	{ "借方合计金额", FACT_CLAIM, CLAIM_OUT_FEN },
	{ "借方金额合计", FACT_CLAIM, CLAIM_OUT_FEN },
	{ "借方发生额合计", FACT_CLAIM, CLAIM_OUT_FEN },
	{ "借方发生额(支取)合计", FACT_CLAIM, CLAIM_OUT_FEN },
	{ "借方总额", FACT_CLAIM, CLAIM_OUT_FEN },
	{ "支出合计", FACT_CLAIM, CLAIM_OUT_FEN },
	{ "支出总额", FACT_CLAIM, CLAIM_OUT_FEN },
	{ "支出总金额", FACT_CLAIM, CLAIM_OUT_FEN },
	{ "总支出", FACT_CLAIM, CLAIM_OUT_FEN },
	{ "贷方笔数", FACT_CLAIM, CLAIM_IN_COUNT },
	{ "贷方总笔数", FACT_CLAIM, CLAIM_IN_COUNT },
	{ "收入笔数", FACT_CLAIM, CLAIM_IN_COUNT },
	{ "借方笔数", FACT_CLAIM, CLAIM_OUT_COUNT },
	{ "借方总笔数", FACT_CLAIM, CLAIM_OUT_COUNT },
	{ "支出笔数", FACT_CLAIM, CLAIM_OUT_COUNT },
	{ "总笔数", FACT_CLAIM, CLAIM_COUNT },
	{ "笔数", FACT_CLAIM, CLAIM_COUNT },
	{ "合计笔数", FACT_CLAIM, CLAIM_COUNT },
	{ "交易笔数", FACT_CLAIM, CLAIM_COUNT },
	{ "记录数", FACT_CLAIM, CLAIM_COUNT },
	{ "总记录数", FACT_CLAIM, CLAIM_COUNT },
};

enum statement_fact statement_fact_of(enum statement_claim *claim, const char *key)
{
	for (size_t i = 0; i < COUNT_OF(facts); i++) {
		if (strcmp(key, facts[i].word) == 0) {
			*claim = facts[i].claim;
			return facts[i].fact;
		}
	}
	return FACT_NONE;
}

bool statement_is_total(const char *cell)
{
	static const char *const words[] = { "合计", "总计", "人民币合计", "合计金额", "本期合计" };

	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (strncmp(cell, words[i], strlen(words[i])) == 0)
			return strstr(cell, "笔数") == NULL;
	return false;
}
