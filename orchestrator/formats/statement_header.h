/* SPDX-License-Identifier: Apache-2.0 */
/* The dictionaries that find their way through statements of different banks: which column is what,
 * by the synonyms of its header, and what a preamble or footer cell claims. */
#pragma once

#include "orchestrator/formats/csv.h"
#include "orchestrator/formats/statement.h"

enum statement_column {
	COLUMN_ACCOUNT,
	COLUMN_ACCOUNT_NAME,
	COLUMN_DAY,
	COLUMN_TIME,
	COLUMN_BOOKED,
	COLUMN_OUT,
	COLUMN_IN,
	COLUMN_SIGNED,
	COLUMN_MARK,
	COLUMN_BALANCE,
	COLUMN_CURRENCY,
	COLUMN_COUNTERPARTY_NAME,
	COLUMN_COUNTERPARTY_ACCOUNT,
	COLUMN_COUNTERPARTY_BANK,
	COLUMN_SUMMARY,
	COLUMN_SERIAL,
	COLUMN_MEMO, /* may be several */
	COLUMN_KINDS
};

enum { COLUMN_NONE = -1, MEMO_COLUMNS_MAX = 6, HEADER_ROWS_MAX = 100 };

struct statement_header {
	size_t row; /* its index in the table */
	int column[COLUMN_KINDS];
	int memos[MEMO_COLUMNS_MAX];
	size_t memo_count;
};

/* Find the header: the first row that names a date and an amount among at least three known
 * columns.  FAULT_INPUT says what is missing. */
bool statement_header_find(struct statement_header *out, const struct csv_table *table,
	struct fault *fault) MUST_CHECK;

/* What a preamble or footer key, such as 期初余额 or 户名, speaks of. */
enum statement_fact { FACT_CLAIM, FACT_ACCOUNT, FACT_ACCOUNT_NAME, FACT_CURRENCY, FACT_NONE };

/* The fact behind KEY (folded, without its colon); *CLAIM is set for FACT_CLAIM. */
enum statement_fact statement_fact_of(enum statement_claim *claim, const char *key);
/* Whether a row that begins with this folded cell totals the columns above it (合计, 总计). */
bool statement_is_total(const char *cell);
