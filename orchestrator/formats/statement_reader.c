/* SPDX-License-Identifier: Apache-2.0 */
/* Complaints with their place, and the facts that hold for the whole file. */
#include "orchestrator/formats/statement_reader.h"

#include <ctype.h>
#include <string.h>

#include "common/text.h"

char *statement_cell(const struct statement_reader *reader, size_t row, enum statement_column kind)
{
	static char none[1];
	int column = reader->header.column[kind];

	return column == COLUMN_NONE ? none
				     : csv_cell(&reader->statement->table, row, (size_t)column);
}

bool statement_fail_row(struct statement_reader *reader, size_t row, const char *what)
{
	size_t offset = reader->statement->table.rows[row].offset;

	return fault_set(reader->fault, FAULT_INPUT, "row %zu (byte %zu): %s", row + 1,
		charset_original(&reader->cursor, offset), what);
}

/* `row 12, column 交易时间 (byte 830): "2026-13-01" is …`. */
bool statement_fail_cell(
	struct statement_reader *reader, size_t row, enum statement_column kind, const char *what)
{
	size_t offset = reader->statement->table.rows[row].offset;
	char name[VALUE_QUOTE], cell[VALUE_QUOTE];

	return fault_set(reader->fault, FAULT_INPUT, "row %zu, column %s (byte %zu): \"%s\" %s",
		row + 1,
		value_quote(name, value_trim(statement_cell(reader, reader->header.row, kind))),
		charset_original(&reader->cursor, offset),
		value_quote(cell, statement_cell(reader, row, kind)), what);
}

bool statement_set_currency(struct statement_reader *reader, size_t row, const char *cell)
{
	char folded[STATEMENT_KEY_MAX], currency[4] = "";

	if (!value_fold(folded, sizeof(folded), cell) || *folded == '\0')
		return *cell == '\0' ||
			statement_fail_row(reader, row, "the currency cannot be read");
	if (text_starts(folded, "人民币") || text_equal(folded, "RMB"))
		(void)stpcpy(currency, "CNY");
	else if (strlen(folded) == 3 && isalpha((unsigned char)folded[0]) != 0)
		(void)stpcpy(currency, folded);
	if (currency[0] == '\0')
		return statement_fail_row(reader, row,
			"the currency is none that this program knows (人民币, CNY, …)");
	if (reader->has_currency && !text_equal(currency, reader->statement->currency))
		return statement_fail_row(reader, row,
			"the currency changes within the file: export one file per account and currency");
	(void)stpcpy(reader->statement->currency, currency);
	reader->has_currency = true;
	return true;
}

bool statement_set_account(struct statement_reader *reader, size_t row, const char *account)
{
	struct statement *statement = reader->statement;

	if (*account == '\0')
		return true;
	if (statement->account[0] != '\0' && !text_equal(statement->account, account))
		return statement_fail_row(reader, row,
			"the account changes within the file: export one file per account");
	statement->account = account;
	return true;
}

void statement_set_account_name(struct statement_reader *reader, char *cell)
{
	char *name = value_trim(cell);

	if (reader->statement->account_name[0] == '\0')
		reader->statement->account_name = name;
}
