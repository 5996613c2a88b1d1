/* SPDX-License-Identifier: Apache-2.0 */
/* The story of reading a CSV statement: decode, split into cells, find the header, read what stands
 * above it as claims, read each row below it, and let statement_finish prove the whole.  After the
 * header a row is blank, a transaction, a total, a claim or a notice; there is no sixth kind. */
#include "orchestrator/formats/statement_csv.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "common/utf8.h"
#include "orchestrator/formats/statement_header.h"

enum { KEY_MAX = 96, JOINED_PER_ROW = 32 /* separators between joined cells */ };

struct reader {
	struct statement *statement;
	struct statement_header header;
	struct charset_cursor cursor;
	size_t joined_len;
	bool has_balances; /* some row shows a balance that can be read */
	bool has_currency;
	struct fault *fault;
};

/* ---- complaints --------------------------------------------------------------------------------- */

static bool fail_row(struct reader *reader, size_t row, const char *what)
{
	size_t offset = reader->statement->table.rows[row].offset;

	return fault_set(reader->fault, FAULT_INPUT, "row %zu (byte %zu): %s", row + 1,
		charset_original(&reader->cursor, offset), what);
}

static char *cell_of(const struct reader *reader, size_t row, enum statement_column kind)
{
	static char none[1];
	int column = reader->header.column[kind];

	return column == COLUMN_NONE ? none
				     : csv_cell(&reader->statement->table, row, (size_t)column);
}

/* `row 12, column 交易时间 (byte 830): "2026-13-01" is …`. */
static bool fail_cell(
	struct reader *reader, size_t row, enum statement_column kind, const char *what)
{
	size_t offset = reader->statement->table.rows[row].offset;
	char name[VALUE_QUOTE], cell[VALUE_QUOTE];

	return fault_set(reader->fault, FAULT_INPUT, "row %zu, column %s (byte %zu): \"%s\" %s",
		row + 1, value_quote(name, value_trim(cell_of(reader, reader->header.row, kind))),
		charset_original(&reader->cursor, offset),
		value_quote(cell, cell_of(reader, row, kind)), what);
}

/* ---- cells of a transaction --------------------------------------------------------------------- */

/* The PARTS in one text in the statement's own memory. */
static const char *join(
	struct reader *reader, const char *const *parts, size_t count, const char *separator)
{
	char *start = reader->statement->joined + reader->joined_len, *end = start;

	if (count <= 1)
		return count == 0 ? "" : parts[0];
	for (size_t i = 0; i < count; i++)
		end = stpcpy(stpcpy(end, i > 0 ? separator : ""), parts[i]);
	reader->joined_len += (size_t)(end - start) + 1;
	return start;
}

static bool read_amount(struct reader *reader, enum value *value, int64_t *fen, size_t row,
	enum statement_column kind)
{
	*value = value_amount(fen, cell_of(reader, row, kind));
	if (*value != VALUE_BAD)
		return true;
	return fail_cell(reader, row, kind,
		"is not an amount in yuan: the row is damaged; export the statement again");
}

static bool read_account(
	struct reader *reader, const char **out, size_t row, enum statement_column kind)
{
	char *account = NULL;

	if (value_account(&account, cell_of(reader, row, kind)) == VALUE_BAD)
		return fail_cell(reader, row, kind,
			"was rounded by a spreadsheet and its digits are lost; export again and do not "
			"open the file before importing it");
	*out = account;
	return true;
}

static const char no_time[] =
	"is no date or time that banks write: the row is damaged; export the statement again";

/* The day from its own column, with the time of day from another if there is one.  The day of booking
 * stands in only where the file has no other column of time: it may be a later day. */
static bool combine_paid_at(
	struct reader *reader, struct statement_row *out, size_t row, const struct value_time *time)
{
	const int *column = reader->header.column;
	enum statement_column kind = column[COLUMN_DAY] != COLUMN_NONE ? COLUMN_DAY
		: column[COLUMN_TIME] != COLUMN_NONE                   ? COLUMN_TIME
								       : COLUMN_BOOKED;
	char *cell = value_trim(cell_of(reader, row, kind));
	struct value_time day = { 0 };

	if (value_time(&day, cell) != VALUE_READ || !day.has_day)
		return fail_cell(reader, row, kind, no_time);
	out->paid_at_raw = cell;
	out->paid_at = day.at;
	out->paid_at_precision = day.precision;
	if (time == NULL || day.precision != PRECISION_DATE)
		return true;
	out->paid_at += time->at;
	out->paid_at_precision = time->precision;
	const char *parts[] = { cell, value_trim(cell_of(reader, row, COLUMN_TIME)) };
	out->paid_at_raw = join(reader, parts, COUNT_OF(parts), " ");
	return true;
}

static bool read_paid_at(struct reader *reader, struct statement_row *out, size_t row)
{
	char *cell = value_trim(cell_of(reader, row, COLUMN_TIME));
	struct value_time time = { 0 };

	switch (value_time(&time, cell)) {
	case VALUE_BAD:
		return fail_cell(reader, row, COLUMN_TIME, no_time);
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

static bool read_booked_on(struct reader *reader, struct statement_row *out, size_t row)
{
	struct value_time booked = { .at = out->paid_at, .has_day = true };

	if (value_time(&booked, cell_of(reader, row, COLUMN_BOOKED)) == VALUE_BAD ||
		!booked.has_day)
		return fail_cell(reader, row, COLUMN_BOOKED, no_time);
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
static bool read_two_columns(struct reader *reader, struct statement_row *out, size_t row)
{
	enum value out_read = VALUE_EMPTY, in_read = VALUE_EMPTY;
	int64_t out_fen = 0, in_fen = 0;

	if (!read_amount(reader, &out_read, &out_fen, row, COLUMN_OUT) ||
		!read_amount(reader, &in_read, &in_fen, row, COLUMN_IN))
		return false;
	if (out_fen != 0 && in_fen != 0)
		return fail_cell(reader, row, COLUMN_IN,
			"stands beside an amount of the other direction: one of the two must be empty");
	if (out_read == VALUE_EMPTY && in_read == VALUE_EMPTY)
		return fail_cell(reader, row, COLUMN_OUT,
			"and the other direction are both empty: the row is cut off or damaged; export "
			"the statement again");
	bool is_in = in_fen != 0 || out_read == VALUE_EMPTY;
	out->amount_raw = value_trim(cell_of(reader, row, is_in ? COLUMN_IN : COLUMN_OUT));
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
static bool read_signed(struct reader *reader, struct statement_row *out, size_t row)
{
	const char *mark = value_trim(cell_of(reader, row, COLUMN_MARK));
	enum statement_direction direction = STATEMENT_IN;
	enum value read = VALUE_EMPTY;
	int64_t fen = 0;

	if (!read_amount(reader, &read, &fen, row, COLUMN_SIGNED))
		return false;
	if (read == VALUE_EMPTY)
		return fail_cell(reader, row, COLUMN_SIGNED,
			"holds no amount: the row is cut off or damaged; export the statement again");
	out->amount_raw = value_trim(cell_of(reader, row, COLUMN_SIGNED));
	set_amount(out, STATEMENT_IN, fen);
	out->is_reversal = false;
	if (reader->header.column[COLUMN_MARK] == COLUMN_NONE)
		return true;
	if (!read_mark(&direction, mark))
		return fail_cell(reader, row, COLUMN_MARK,
			"is neither 借 (out) nor 贷 (in); this layout needs a profile of its own");
	if (fen < 0 && direction == STATEMENT_IN)
		return fail_cell(reader, row, COLUMN_MARK, "contradicts the sign of the amount");
	out->direction = direction;
	return true;
}

static bool read_row_amount(struct reader *reader, struct statement_row *out, size_t row)
{
	bool has_two = reader->header.column[COLUMN_OUT] != COLUMN_NONE &&
		reader->header.column[COLUMN_IN] != COLUMN_NONE;

	return has_two ? read_two_columns(reader, out, row) : read_signed(reader, out, row);
}

/* A balance that no row of the file shows readably was masked by its sender: the file is then
 * unproven, but it reads. */
static bool read_balance(struct reader *reader, struct statement_row *out, size_t row)
{
	enum value read = VALUE_EMPTY;

	if (!reader->has_balances)
		return true;
	if (!read_amount(reader, &read, &out->balance_fen, row, COLUMN_BALANCE))
		return false;
	out->has_balance = read == VALUE_READ;
	return true;
}

static bool read_currency(struct reader *reader, size_t row, const char *cell)
{
	char folded[KEY_MAX], currency[4] = "";

	if (!value_fold(folded, sizeof(folded), cell) || *folded == '\0')
		return *cell == '\0' || fail_row(reader, row, "the currency cannot be read");
	if (text_starts(folded, "人民币") || text_equal(folded, "RMB"))
		(void)stpcpy(currency, "CNY");
	else if (strlen(folded) == 3 && isalpha((unsigned char)folded[0]) != 0)
		(void)stpcpy(currency, folded);
	if (currency[0] == '\0')
		return fail_row(reader, row,
			"the currency is none that this program knows (人民币, CNY, …)");
	if (reader->has_currency && !text_equal(currency, reader->statement->currency))
		return fail_row(reader, row,
			"the currency changes within the file: export one file per account and currency");
	(void)stpcpy(reader->statement->currency, currency);
	reader->has_currency = true;
	return true;
}

static bool set_account(struct reader *reader, size_t row, const char *account)
{
	struct statement *statement = reader->statement;

	if (*account == '\0')
		return true;
	if (statement->account[0] != '\0' && !text_equal(statement->account, account))
		return fail_row(reader, row,
			"the account changes within the file: export one file per account");
	statement->account = account;
	return true;
}

static void set_account_name(struct reader *reader, char *cell)
{
	char *name = value_trim(cell);

	if (reader->statement->account_name[0] == '\0')
		reader->statement->account_name = name;
}

static bool read_own_side(struct reader *reader, size_t row)
{
	const char *account = NULL;

	set_account_name(reader, cell_of(reader, row, COLUMN_ACCOUNT_NAME));
	return read_account(reader, &account, row, COLUMN_ACCOUNT) &&
		set_account(reader, row, account) &&
		read_currency(reader, row, value_trim(cell_of(reader, row, COLUMN_CURRENCY)));
}

static void read_texts(struct reader *reader, struct statement_row *out, size_t row)
{
	const struct statement_header *header = &reader->header;
	const char *memos[MEMO_COLUMNS_MAX];
	size_t count = 0;

	out->counterparty_name = value_trim(cell_of(reader, row, COLUMN_COUNTERPARTY_NAME));
	out->counterparty_bank = value_trim(cell_of(reader, row, COLUMN_COUNTERPARTY_BANK));
	out->summary = value_trim(cell_of(reader, row, COLUMN_SUMMARY));
	for (size_t i = 0; i < header->memo_count; i++) {
		memos[count] = value_trim(
			csv_cell(&reader->statement->table, row, (size_t)header->memos[i]));
		count += memos[count][0] != '\0';
	}
	out->memo = join(reader, memos, count, " / ");
}

static bool read_transaction(struct reader *reader, size_t row)
{
	struct statement *statement = reader->statement;
	const struct csv_row *source = &statement->table.rows[row];
	struct statement_row out = { .row = row + 1, .raw_len = source->length };

	out.raw = statement->decoded.text + source->offset;
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

/* ---- claims of preamble and footer -------------------------------------------------------------- */

static void set_claim(
	struct reader *reader, size_t row, enum statement_claim claim, const char *value)
{
	bool is_count = claim == CLAIM_COUNT || claim == CLAIM_IN_COUNT || claim == CLAIM_OUT_COUNT;
	struct statement *statement = reader->statement;
	int64_t number = 0;
	char quoted[VALUE_QUOTE];
	enum value read = is_count ? value_count(&number, value) : value_amount(&number, value);

	if (read == VALUE_EMPTY)
		return;
	if (read == VALUE_BAD) {
		statement_note(statement, CHECK_ABSENT, "row %zu: the total \"%s\" cannot be read",
			row + 1, value_quote(quoted, value));
		return;
	}
	if (statement->has_claim[claim] && statement->claim[claim] != number)
		statement_note(statement, CHECK_FAILED,
			"row %zu: the total \"%s\" differs from the same total elsewhere in the file",
			row + 1, value_quote(quoted, value));
	statement->has_claim[claim] = true;
	statement->claim[claim] = number;
}

static bool read_fact(struct reader *reader, size_t row, const char *key, char *value)
{
	enum statement_claim claim = CLAIM_KINDS;
	char *account = NULL;

	switch (statement_fact_of(&claim, key)) {
	case FACT_CLAIM:
		set_claim(reader, row, claim, value);
		return true;
	case FACT_ACCOUNT:
		if (value_account(&account, value) == VALUE_BAD)
			return fail_row(reader, row,
				"the account number was rounded by a spreadsheet; export the statement again");
		return set_account(reader, row, account);
	case FACT_ACCOUNT_NAME:
		set_account_name(reader, value);
		return true;
	case FACT_CURRENCY:
		return read_currency(reader, row, value_trim(value));
	case FACT_NONE:
		return true;
	}
	return true;
}

static bool is_known_key(const char *key)
{
	enum statement_claim claim;

	return statement_fact_of(&claim, key) != FACT_NONE;
}

/* The first colon of either width; *BEHIND is what follows it. */
static char *find_colon(char *text, char **behind)
{
	char *narrow = strchr(text, ':'), *wide = strstr(text, "：");
	bool is_wide = wide != NULL && (narrow == NULL || wide < narrow);
	char *colon = is_wide ? wide : narrow;

	if (colon != NULL)
		*behind = colon + (is_wide ? strlen("：") : 1);
	return colon;
}

/* The last blank of any width in TEXT in front of END and behind some word; NULL if there is none. */
static char *last_blank(char *text, const char *end)
{
	bool has_word = false;
	char *found = NULL;

	while (text < end) {
		uint32_t code = 0;
		size_t len = utf8_next_z(&code, text);
		if (!utf8_is_blank(code))
			has_word = true;
		else if (has_word)
			found = text;
		text += len;
	}
	return found;
}

/* Cut VALUE where the key of a next pair in the same cell begins; that key, or NULL. */
static char *cut_next_pair(char *value)
{
	char *behind = NULL, *colon = find_colon(value, &behind);
	char *blank = colon == NULL ? NULL : last_blank(value, colon);
	uint32_t code = 0;

	if (blank == NULL)
		return NULL;
	char *key = blank + utf8_next_z(&code, blank);
	*blank = '\0';
	return key;
}

/* `户名：某公司  币种：人民币` in one cell, or `户名：` with its value in the next, which is then taken. */
static bool read_pairs(
	struct reader *reader, size_t row, char *cell, char *next_cell, bool *is_next_taken)
{
	char key[KEY_MAX] = "";

	for (char *pair = cell; pair != NULL;) {
		char *value = next_cell, *next_pair = NULL, *behind = NULL;
		char *colon = find_colon(pair, &behind);
		if (colon != NULL) {
			*colon = '\0';
			next_pair = cut_next_pair(behind);
			value = value_trim(behind);
		}
		if (*value == '\0')
			value = next_cell;
		bool is_key = value_fold(key, sizeof(key), pair) && is_known_key(key);
		if (is_key && !read_fact(reader, row, key, value))
			return false;
		*is_next_taken = *is_next_taken || (is_key && value == next_cell);
		pair = next_pair;
	}
	return true;
}

static bool read_claims(struct reader *reader, size_t row)
{
	const struct csv_table *table = &reader->statement->table;
	bool is_taken = false;
	int64_t number = 0;

	for (size_t i = 0; i < table->rows[row].count; i++) {
		char *cell = value_trim(csv_cell(table, row, i));
		bool is_value = is_taken;
		is_taken = false;
		if (is_value)
			continue;
		if (text_starts(cell, "共") && value_count(&number, cell) == VALUE_READ)
			set_claim(reader, row, CLAIM_COUNT, cell);
		else if (!read_pairs(reader, row, cell, csv_cell(table, row, i + 1), &is_taken))
			return false;
	}
	return true;
}

/* 合计 under the columns, perhaps with counts beside it. */
static bool read_total(struct reader *reader, size_t row)
{
	set_claim(reader, row, CLAIM_OUT_FEN, cell_of(reader, row, COLUMN_OUT));
	set_claim(reader, row, CLAIM_IN_FEN, cell_of(reader, row, COLUMN_IN));
	return read_claims(reader, row);
}

/* ---- rows --------------------------------------------------------------------------------------- */

/* What a row below the header is, by its filled cells. */
struct row_look {
	size_t filled;
	char *first;       /* the first filled cell, trimmed */
	char key[KEY_MAX]; /* it folded, up to its colon; "" if it is too long for a key */
	bool has_colon;
};

static void look_at(struct row_look *look, const struct reader *reader, size_t row)
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

static bool is_header_again(const struct reader *reader, size_t row)
{
	const struct csv_table *table = &reader->statement->table;

	for (size_t i = 0; i < table->rows[reader->header.row].count; i++)
		if (!text_equal(value_trim(csv_cell(table, row, i)),
			    value_trim(csv_cell(table, reader->header.row, i))))
			return false;
	return true;
}

static bool read_row(struct reader *reader, size_t row)
{
	struct row_look look;
	char quoted[VALUE_QUOTE];

	look_at(&look, reader, row);
	if (look.filled == 0 || is_header_again(reader, row))
		return true;
	if (statement_is_total(look.key))
		return read_total(reader, row);
	if (is_claim_row(&look))
		return read_claims(reader, row);
	if (!is_notice(&look))
		return read_transaction(reader, row);
	statement_note(reader->statement, CHECK_ABSENT, "row %zu was taken for a notice: \"%s\"",
		row + 1, value_quote(quoted, look.first));
	return true;
}

static bool read_rows(struct reader *reader)
{
	struct statement *statement = reader->statement;
	const struct csv_table *table = &statement->table;
	int64_t fen = 0;

	for (size_t row = 0; row < reader->header.row; row++)
		if (!read_claims(reader, row))
			return false;
	for (size_t row = reader->header.row + 1; row < table->row_count && !reader->has_balances;
		row++)
		reader->has_balances =
			value_amount(&fen, cell_of(reader, row, COLUMN_BALANCE)) == VALUE_READ;
	for (size_t row = reader->header.row + 1; row < table->row_count; row++)
		if (!read_row(reader, row))
			return false;
	return true;
}

static bool open_file(struct reader *reader, const struct statement_csv_source *source)
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
	struct reader reader = { .statement = &statement, .fault = fault };

	(void)stpcpy(statement.currency, "CNY");
	sha256_hex(statement.sha256, source->bytes, source->len);
	if (!open_file(&reader, source) || !read_rows(&reader))
		return false;
	if (statement.account[0] == '\0' && source->account != NULL)
		statement.account = source->account;
	if (statement.account_name[0] == '\0' && source->account_name != NULL)
		statement.account_name = source->account_name;
	statement_finish(&statement);
	*out = statement;
	statement = (struct statement){ 0 };
	return true;
}
