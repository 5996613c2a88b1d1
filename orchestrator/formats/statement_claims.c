/* SPDX-License-Identifier: Apache-2.0 */
/* Preamble and footer: cells that are keys of the dictionary, with a colon or without, and their values
 * in the same cell or the next. */
#include <string.h>

#include "common/text.h"
#include "common/utf8.h"
#include "orchestrator/formats/statement_reader.h"

static void set_claim(
	struct statement_reader *reader, size_t row, enum statement_claim claim, const char *value)
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

static bool read_fact(struct statement_reader *reader, size_t row, const char *key, char *value)
{
	enum statement_claim claim = CLAIM_KINDS;
	char *account = NULL;

	switch (statement_fact_of(&claim, key)) {
	case FACT_CLAIM:
		set_claim(reader, row, claim, value);
		return true;
	case FACT_ACCOUNT:
		if (value_account(&account, value) == VALUE_BAD)
			return statement_fail_row(reader, row,
				"the account number was rounded by a spreadsheet; export the statement again");
		return statement_set_account(reader, row, account);
	case FACT_ACCOUNT_NAME:
		statement_set_account_name(reader, value);
		return true;
	case FACT_CURRENCY:
		return statement_set_currency(reader, row, value_trim(value));
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
static bool read_pairs(struct statement_reader *reader, size_t row, char *cell, char *next_cell,
	bool *is_next_taken)
{
	char key[STATEMENT_KEY_MAX] = "";

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

bool statement_read_claims(struct statement_reader *reader, size_t row)
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

bool statement_read_total(struct statement_reader *reader, size_t row)
{
	set_claim(reader, row, CLAIM_OUT_FEN, statement_cell(reader, row, COLUMN_OUT));
	set_claim(reader, row, CLAIM_IN_FEN, statement_cell(reader, row, COLUMN_IN));
	return statement_read_claims(reader, row);
}
