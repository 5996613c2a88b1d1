/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the CSV statement reader share: statement_csv.c tells the story and knows what kind
 * of row each is, statement_row.c reads a transaction, statement_claims.c reads preamble and footer,
 * statement_reader.c complains and keeps whose account it is. */
#pragma once

#include "orchestrator/formats/statement_header.h"

enum { STATEMENT_KEY_MAX = 96 };

struct statement_reader {
	struct statement *statement;
	struct statement_header header;
	struct charset_cursor cursor;
	size_t joined_len;
	bool has_balances; /* some row shows a balance that can be read */
	bool has_currency;
	struct fault *fault;
};

/* The cell of ROW (from 0) in the column of KIND, in the table's memory; empty if there is none. */
char *statement_cell(const struct statement_reader *reader, size_t row, enum statement_column kind);

/* Complaints with row, place in the original bytes and, for a cell, column and content.  False. */
bool statement_fail_row(struct statement_reader *reader, size_t row, const char *what);
bool statement_fail_cell(
	struct statement_reader *reader, size_t row, enum statement_column kind, const char *what);

/* Whose account it is, wherever the file says so: it may not change its mind.  Empty says nothing. */
bool statement_set_account(struct statement_reader *reader, size_t row, const char *account);
void statement_set_account_name(struct statement_reader *reader, char *cell);
bool statement_set_currency(struct statement_reader *reader, size_t row, const char *cell);

/* Append ROW as a transaction. */
bool statement_read_transaction(struct statement_reader *reader, size_t row);
/* Take over what the pairs of key and value in ROW claim. */
bool statement_read_claims(struct statement_reader *reader, size_t row);
/* 合计 under the columns, perhaps with counts beside it. */
bool statement_read_total(struct statement_reader *reader, size_t row);
