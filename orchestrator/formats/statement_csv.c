/* SPDX-License-Identifier: Apache-2.0 */
/* The story of reading a CSV statement: decode, split into cells, find the header, read what stands
 * above it as claims, read each row below it, and let statement_finish prove the whole.  After the
 * header a row is blank, a transaction, a total, a claim or a notice; there is no sixth kind. */
#include "orchestrator/formats/statement_csv.h"

#include <ctype.h>
#include <string.h>

#include "common/text.h"
#include "orchestrator/formats/statement_reader.h"

enum { JOINED_PER_ROW = 32 /* separators between joined cells */ };

/* What a row below the header is, by its filled cells. */
struct row_look {
	size_t filled;
	char *first;                 /* the first filled cell, trimmed */
	char key[STATEMENT_KEY_MAX]; /* it folded, up to its colon; "" if it is too long for a key */
	bool has_colon;
};

static void look_at(struct row_look *look, const struct statement_reader *reader, size_t row)
{
	const struct csv_table *table = &reader->statement->table;

	*look = (struct row_look){ 0 };
	for (size_t i = 0; i < table->rows[row].count; i++) {
		char *cell = value_trim(csv_cell(table, row, i));
		if (*cell == '\0')
			continue;
		if (look->filled++ == 0)
			look->first = cell;
	}
	if (look->filled == 0 || !value_fold(look->key, sizeof(look->key), look->first)) {
		look->key[0] = '\0';
		return;
	}
	char *colon = strchr(look->key, ':');
	look->has_colon = colon != NULL;
	if (colon != NULL)
		*colon = '\0';
}

static bool is_claim_row(const struct row_look *look)
{
	enum statement_claim claim;
	enum statement_fact fact = statement_fact_of(&claim, look->key);
	int64_t count = 0;

	if (fact == FACT_CLAIM || (fact != FACT_NONE && look->has_colon))
		return true;
	return text_starts(look->key, "共") && value_count(&count, look->key) == VALUE_READ;
}

/* Words in one or two cells that begin with no digit, or a numbered sentence in one: a signature, a
 * remark of the bank. */
static bool is_notice(const struct row_look *look)
{
	struct value_time time;
	bool has_words = false;

	for (const char *at = look->first; *at != '\0'; at++)
		has_words = has_words || ((unsigned char)*at & 0x80) != 0;
	if (isdigit((unsigned char)look->first[0]) != 0)
		return look->filled == 1 && has_words &&
			value_time(&time, look->first) == VALUE_BAD;
	return look->filled <= 2 && strchr("'`=", look->first[0]) == NULL;
}

static bool is_header_again(const struct statement_reader *reader, size_t row)
{
	const struct csv_table *table = &reader->statement->table;

	for (size_t i = 0; i < table->rows[reader->header.row].count; i++)
		if (!text_equal(value_trim(csv_cell(table, row, i)),
			    value_trim(csv_cell(table, reader->header.row, i))))
			return false;
	return true;
}

static bool read_row(struct statement_reader *reader, size_t row)
{
	struct row_look look;
	char quoted[VALUE_QUOTE];

	look_at(&look, reader, row);
	if (look.filled == 0 || is_header_again(reader, row))
		return true;
	if (statement_is_total(look.key))
		return statement_read_total(reader, row);
	if (is_claim_row(&look))
		return statement_read_claims(reader, row);
	if (!is_notice(&look))
		return statement_read_transaction(reader, row);
	statement_note(reader->statement, CHECK_ABSENT, "row %zu was taken for a notice: \"%s\"",
		row + 1, value_quote(quoted, look.first));
	return true;
}

static bool read_rows(struct statement_reader *reader)
{
	struct statement *statement = reader->statement;
	const struct csv_table *table = &statement->table;
	int64_t fen = 0;

	for (size_t row = 0; row < reader->header.row; row++)
		if (!statement_read_claims(reader, row))
			return false;
	for (size_t row = reader->header.row + 1; row < table->row_count && !reader->has_balances;
		row++)
		reader->has_balances =
			value_amount(&fen, statement_cell(reader, row, COLUMN_BALANCE)) ==
			VALUE_READ;
	for (size_t row = reader->header.row + 1; row < table->row_count; row++)
		if (!read_row(reader, row))
			return false;
	return true;
}

/* A download that broke off in its last row can still add up: only the missing line end shows it. */
static void look_for_cut(struct statement *statement)
{
	const struct csv_table *table = &statement->table;
	const struct csv_row *last = &table->rows[table->row_count - 1];

	if (statement->row_count > 0 &&
		statement->rows[statement->row_count - 1].row == table->row_count &&
		last->offset + last->length == statement->decoded.len)
		statement_note(statement, CHECK_FAILED,
			"the file ends inside row %zu, without a line end: it may have been cut",
			table->row_count);
}

static bool open_file(struct statement_reader *reader, const struct statement_csv_source *source)
{
	struct statement *statement = reader->statement;
	struct csv_table *table = &statement->table;

	if (!charset_decode(&statement->decoded, source->bytes, source->len, reader->fault) ||
		!csv_read(table, statement->decoded.text, statement->decoded.len, ',',
			reader->fault) ||
		!statement_header_find(&reader->header, table, reader->fault))
		return false;
	charset_cursor_init(&reader->cursor, &statement->decoded, source->bytes);
	statement->charset = statement->decoded.charset;
	statement->header_row = reader->header.row + 1;
	statement->rows = zalloc(table->row_count, sizeof(*statement->rows));
	statement->joined =
		zalloc(statement->decoded.len + table->row_count * JOINED_PER_ROW + 1, 1);
	return true;
}

bool statement_csv_read(
	struct statement *out, const struct statement_csv_source *source, struct fault *fault)
{
	CLEANUP(statement_donep) struct statement statement = { .account = "", .account_name = "" };
	struct statement_reader reader = { .statement = &statement, .fault = fault };

	(void)stpcpy(statement.currency, "CNY");
	sha256_hex(statement.sha256, source->bytes, source->len);
	if (!open_file(&reader, source) || !read_rows(&reader))
		return false;
	if (statement.account[0] == '\0' && source->account != NULL)
		statement.account = source->account;
	if (statement.account_name[0] == '\0' && source->account_name != NULL)
		statement.account_name = source->account_name;
	look_for_cut(&statement);
	statement_finish(&statement);
	*out = statement;
	statement = (struct statement){ 0 };
	return true;
}
