/* SPDX-License-Identifier: Apache-2.0 */
/* One transaction: when, how much, in which direction, with whom, what for.  Each cell is read by its
 * grammar or fails with its column. */
#include <string.h>

#include "common/text.h"
#include "orchestrator/formats/statement_reader.h"

/* The PARTS in one text in the statement's own memory. */
static const char *join(struct statement_reader *reader, const char *const *parts, size_t count,
	const char *separator)
{
	char *start = reader->statement->joined + reader->joined_len, *end = start;

	if (count <= 1)
		return count == 0 ? "" : parts[0];
	for (size_t i = 0; i < count; i++)
		end = stpcpy(stpcpy(end, i > 0 ? separator : ""), parts[i]);
	reader->joined_len += (size_t)(end - start) + 1;
	return start;
}

static bool read_amount(struct statement_reader *reader, enum value *value, int64_t *fen,
	size_t row, enum statement_column kind)
{
	*value = value_amount(fen, statement_cell(reader, row, kind));
	if (*value != VALUE_BAD)
		return true;
	return statement_fail_cell(reader, row, kind,
		"is not an amount in yuan: the row is damaged; export the statement again");
}

static bool read_account(
	struct statement_reader *reader, const char **out, size_t row, enum statement_column kind)
{
	char *account = statement_cell(reader, row, kind);

	if (value_account(&account, account) == VALUE_BAD)
		return statement_fail_cell(reader, row, kind,
			"was rounded by a spreadsheet and its digits are lost; export again and do not "
			"open the file before importing it");
	*out = account;
	return true;
}

static const char no_time[] =
	"is no date or time that banks write: the row is damaged; export the statement again";

/* The day from its own column, with the time of day from another if there is one.  The day of booking
 * stands in only where the file has no other column of time: it may be a later day. */
static bool combine_paid_at(struct statement_reader *reader, struct statement_row *out, size_t row,
	const struct value_time *time)
{
	const int *column = reader->header.column;
	enum statement_column kind = column[COLUMN_DAY] != COLUMN_NONE ? COLUMN_DAY
		: column[COLUMN_TIME] != COLUMN_NONE                   ? COLUMN_TIME
								       : COLUMN_BOOKED;
	char *cell = value_trim(statement_cell(reader, row, kind));
	struct value_time day = { 0 };

	if (value_time(&day, cell) != VALUE_READ || !day.has_day)
		return statement_fail_cell(reader, row, kind, no_time);
	out->paid_at_raw = cell;
	out->paid_at = day.at;
	out->paid_at_precision = day.precision;
	if (time == NULL || day.precision != PRECISION_DATE)
		return true;
	out->paid_at += time->at;
	out->paid_at_precision = time->precision;
	const char *parts[] = { cell, value_trim(statement_cell(reader, row, COLUMN_TIME)) };
	out->paid_at_raw = join(reader, parts, COUNT_OF(parts), " ");
	return true;
}

static bool read_paid_at(struct statement_reader *reader, struct statement_row *out, size_t row)
{
	char *cell = value_trim(statement_cell(reader, row, COLUMN_TIME));
	struct value_time time = { 0 };

	switch (value_time(&time, cell)) {
	case VALUE_BAD:
		return statement_fail_cell(reader, row, COLUMN_TIME, no_time);
	case VALUE_EMPTY:
		return combine_paid_at(reader, out, row, NULL);
	case VALUE_READ:
		break;
	}
	if (!time.has_day)
		return combine_paid_at(reader, out, row, &time);
	out->paid_at_raw = cell;
	out->paid_at = time.at;
	out->paid_at_precision = time.precision;
	return true;
}

static bool read_booked_on(struct statement_reader *reader, struct statement_row *out, size_t row)
{
	struct value_time booked = { .at = out->paid_at, .has_day = true };

	if (value_time(&booked, statement_cell(reader, row, COLUMN_BOOKED)) == VALUE_BAD ||
		!booked.has_day)
		return statement_fail_cell(reader, row, COLUMN_BOOKED, no_time);
	value_day(out->booked_on, booked.at);
	return true;
}

static void set_amount(struct statement_row *out, enum statement_direction direction, int64_t fen)
{
	out->is_reversal = fen < 0;
	out->amount_fen = fen < 0 ? -fen : fen;
	out->direction = direction;
	if (fen < 0)
		out->direction = direction == STATEMENT_IN ? STATEMENT_OUT : STATEMENT_IN;
}

/* 借方发生额 and 贷方发生额: one of them is filled. */
static bool read_two_columns(struct statement_reader *reader, struct statement_row *out, size_t row)
{
	enum value out_read = VALUE_EMPTY, in_read = VALUE_EMPTY;
	int64_t out_fen = 0, in_fen = 0;

	if (!read_amount(reader, &out_read, &out_fen, row, COLUMN_OUT) ||
		!read_amount(reader, &in_read, &in_fen, row, COLUMN_IN))
		return false;
	if (out_fen != 0 && in_fen != 0)
		return statement_fail_cell(reader, row, COLUMN_IN,
			"stands beside an amount of the other direction: one of the two must be empty");
	if (out_read == VALUE_EMPTY && in_read == VALUE_EMPTY)
		return statement_fail_cell(reader, row, COLUMN_OUT,
			"and the other direction are both empty: the row is cut off or damaged; export "
			"the statement again");
	bool is_in = in_fen != 0 || out_read == VALUE_EMPTY;
	out->amount_raw = value_trim(statement_cell(reader, row, is_in ? COLUMN_IN : COLUMN_OUT));
	set_amount(out, is_in ? STATEMENT_IN : STATEMENT_OUT, is_in ? in_fen : out_fen);
	return true;
}

/* 借贷标志: false if the mark is none of the known ones. */
static bool read_mark(enum statement_direction *direction, const char *cell)
{
	static const struct {
		const char *word;
		enum statement_direction direction;
	} marks[] = {
		{ "借", STATEMENT_OUT },
		{ "贷", STATEMENT_IN },
		{ "支", STATEMENT_OUT },
		{ "收", STATEMENT_IN },
		{ "付", STATEMENT_OUT },
		{ "转出", STATEMENT_OUT },
		{ "转入", STATEMENT_IN },
		{ "往账", STATEMENT_OUT },
		{ "来账", STATEMENT_IN },
		{ "D", STATEMENT_OUT },
		{ "C", STATEMENT_IN },
	};

	for (size_t i = 0; i < COUNT_OF(marks); i++) {
		if (text_starts(cell, marks[i].word)) {
			*direction = marks[i].direction;
			return true;
		}
	}
	return false;
}

/* One column, with a sign or with a mark beside it. */
static bool read_signed(struct statement_reader *reader, struct statement_row *out, size_t row)
{
	const char *mark = value_trim(statement_cell(reader, row, COLUMN_MARK));
	enum statement_direction direction = STATEMENT_IN;
	enum value read = VALUE_EMPTY;
	int64_t fen = 0;

	if (!read_amount(reader, &read, &fen, row, COLUMN_SIGNED))
		return false;
	if (read == VALUE_EMPTY)
		return statement_fail_cell(reader, row, COLUMN_SIGNED,
			"holds no amount: the row is cut off or damaged; export the statement again");
	out->amount_raw = value_trim(statement_cell(reader, row, COLUMN_SIGNED));
	set_amount(out, STATEMENT_IN, fen);
	out->is_reversal = false;
	if (reader->header.column[COLUMN_MARK] == COLUMN_NONE)
		return true;
	if (!read_mark(&direction, mark))
		return statement_fail_cell(reader, row, COLUMN_MARK,
			"is neither 借 (out) nor 贷 (in); this layout needs a profile of its own");
	if (fen < 0 && direction == STATEMENT_IN)
		return statement_fail_cell(
			reader, row, COLUMN_MARK, "contradicts the sign of the amount");
	out->direction = direction;
	return true;
}

static bool read_row_amount(struct statement_reader *reader, struct statement_row *out, size_t row)
{
	bool has_two = reader->header.column[COLUMN_OUT] != COLUMN_NONE &&
		reader->header.column[COLUMN_IN] != COLUMN_NONE;

	return has_two ? read_two_columns(reader, out, row) : read_signed(reader, out, row);
}

/* A balance that no row of the file shows readably was masked by its sender: the file is then
 * unproven, but it reads. */
static bool read_balance(struct statement_reader *reader, struct statement_row *out, size_t row)
{
	enum value read = VALUE_EMPTY;

	if (!reader->has_balances)
		return true;
	if (!read_amount(reader, &read, &out->balance_fen, row, COLUMN_BALANCE))
		return false;
	out->has_balance = read == VALUE_READ;
	return true;
}

static bool read_own_side(struct statement_reader *reader, size_t row)
{
	const char *account = NULL;

	statement_set_account_name(reader, statement_cell(reader, row, COLUMN_ACCOUNT_NAME));
	return read_account(reader, &account, row, COLUMN_ACCOUNT) &&
		statement_set_account(reader, row, account) &&
		statement_set_currency(
			reader, row, value_trim(statement_cell(reader, row, COLUMN_CURRENCY)));
}

static void read_texts(struct statement_reader *reader, struct statement_row *out, size_t row)
{
	const struct statement_header *header = &reader->header;
	const char *memos[MEMO_COLUMNS_MAX];
	size_t count = 0;

	out->counterparty_name = value_trim(statement_cell(reader, row, COLUMN_COUNTERPARTY_NAME));
	out->counterparty_bank = value_trim(statement_cell(reader, row, COLUMN_COUNTERPARTY_BANK));
	out->summary = value_trim(statement_cell(reader, row, COLUMN_SUMMARY));
	for (size_t i = 0; i < header->memo_count; i++) {
		memos[count] = value_trim(
			csv_cell(&reader->statement->table, row, (size_t)header->memos[i]));
		count += memos[count][0] != '\0';
	}
	out->memo = join(reader, memos, count, " / ");
}

bool statement_read_transaction(struct statement_reader *reader, size_t row)
{
	struct statement *statement = reader->statement;
	const struct csv_row *source = &statement->table.rows[row];
	struct statement_row out = { .row = row + 1, .bank_serial = "" };

	out.raw = statement->decoded.text + source->offset;
	out.raw_len = source->length;
	out.byte_offset = charset_original(&reader->cursor, source->offset);
	if (!read_paid_at(reader, &out, row) || !read_booked_on(reader, &out, row) ||
		!read_row_amount(reader, &out, row) || !read_balance(reader, &out, row) ||
		!read_own_side(reader, row) ||
		!read_account(
			reader, &out.counterparty_account, row, COLUMN_COUNTERPARTY_ACCOUNT) ||
		!read_account(reader, &out.bank_serial, row, COLUMN_SERIAL))
		return false;
	if (out.bank_serial[strspn(out.bank_serial, "0-")] == '\0')
		out.bank_serial = ""; /* 0000000000 stands for none */
	read_texts(reader, &out, row);
	statement->rows[statement->row_count++] = out;
	return true;
}
