/* SPDX-License-Identifier: Apache-2.0 */
/* Cells of bank statements, from the tables amounts.tsv and times.tsv, and account numbers. */
#include "tests/unit/cases.h"

#include "common/bytes.h"
#include "orchestrator/formats/statement_value.h"

static int64_t a_number(const char *text)
{
	int64_t number = 0;

	assert_true(number_parse(&number, text, INT64_MIN, INT64_MAX));
	return number;
}

static void an_amount_is_read_as_the_table_says(void **state)
{
	const struct case_row *row = *state;
	int64_t fen = 0;
	enum value value = value_amount(&fen, row->cells[0]);

	if (strcmp(row->cells[1], "empty") == 0) {
		assert_int_equal(value, VALUE_EMPTY);
	} else if (strcmp(row->cells[1], "bad") == 0) {
		assert_int_equal(value, VALUE_BAD);
	} else {
		assert_int_equal(value, VALUE_READ);
		assert_int_equal(fen, a_number(row->cells[1]));
	}
}

static void assert_time(const struct value_time *time, const struct case_row *row)
{
	enum precision precision = PRECISION_DATE;
	int64_t at = 0;

	if (strcmp(row->cells[2], "time") == 0) {
		assert_false(time->has_day);
		assert_int_equal(time->at, a_number(row->cells[1]) * CLOCK_SECOND);
		return;
	}
	assert_true(precision_parse(&precision, row->cells[2]));
	assert_true(clock_parse(&at, row->cells[1]));
	assert_true(time->has_day);
	assert_int_equal(time->at, at);
	assert_int_equal(time->precision, precision);
}

static void a_time_is_read_as_the_table_says(void **state)
{
	const struct case_row *row = *state;
	struct value_time time = { 0 };
	enum value value = value_time(&time, row->cells[0]);

	if (strcmp(row->cells[1], "empty") == 0) {
		assert_int_equal(value, VALUE_EMPTY);
	} else if (strcmp(row->cells[1], "bad") == 0) {
		assert_int_equal(value, VALUE_BAD);
	} else {
		assert_int_equal(value, VALUE_READ);
		assert_time(&time, row);
	}
}

static void assert_account(const char *cell, enum value value, const char *account)
{
	OWNED char *copy = text_dup(cell);
	char *found = NULL;

	assert_int_equal(value_account(&found, copy), value);
	assert_string_equal(found, account);
}

static void an_account_loses_its_armour_but_no_digit(void **state)
{
	(void)state;
	assert_account("44050158000000000001\t", VALUE_READ, "44050158000000000001");
	assert_account("'0044", VALUE_READ, "0044");
	assert_account("`0044", VALUE_READ, "0044");
	assert_account("=\"0044\"", VALUE_READ, "0044");
	assert_account("6226******5669", VALUE_READ, "6226******5669");
	assert_account("--", VALUE_EMPTY, "");
	assert_account("", VALUE_EMPTY, "");
}

static void an_account_that_a_spreadsheet_rounded_is_bad(void **state)
{
	(void)state;
	assert_account("6.22E+18", VALUE_BAD, "6.22E+18");
	assert_account("6e+18", VALUE_BAD, "6e+18");
	assert_account("4.405E18", VALUE_BAD, "4.405E18");
	assert_account("44E18", VALUE_READ, "44E18"); /* may be a real number with a letter */
	assert_account("E+18", VALUE_READ, "E+18");
}

static void a_count_may_carry_its_unit(void **state)
{
	int64_t count = 0;

	(void)state;
	assert_int_equal(value_count(&count, "共43笔记录"), VALUE_READ);
	assert_int_equal(count, 43);
	assert_int_equal(value_count(&count, " 1,002 笔 "), VALUE_READ);
	assert_int_equal(count, 1002);
	assert_int_equal(value_count(&count, "43.5"), VALUE_BAD);
	assert_int_equal(value_count(&count, "-1"), VALUE_BAD);
	assert_int_equal(value_count(&count, "--"), VALUE_EMPTY);
}

static void a_day_ends_at_midnight_in_shanghai(void **state)
{
	char day[VALUE_DAY_TEXT];
	int64_t at = 0;

	(void)state;
	assert_true(clock_parse(&at, "2026-11-22T15:59:59Z"));
	value_day(day, at);
	assert_string_equal(day, "2026-11-22");
	value_day(day, at + CLOCK_SECOND);
	assert_string_equal(day, "2026-11-23");
}

int main(void)
{
	static struct CMUnitTest tests[CASE_ROWS_MAX * 2 + 8] = {
		cmocka_unit_test(an_account_loses_its_armour_but_no_digit),
		cmocka_unit_test(an_account_that_a_spreadsheet_rounded_is_bad),
		cmocka_unit_test(a_count_may_carry_its_unit),
		cmocka_unit_test(a_day_ends_at_midnight_in_shanghai),
	};
	size_t count = 4;

	cases_add(tests, &count, "amounts.tsv", an_amount_is_read_as_the_table_says);
	cases_add(tests, &count, "times.tsv", a_time_is_read_as_the_table_says);
	return cases_run("statement_value", tests, count);
}
