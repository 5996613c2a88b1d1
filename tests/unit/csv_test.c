/* SPDX-License-Identifier: Apache-2.0 */
/* CSV in and out: what banks write, what is refused with its row, and that what was written reads
 * back the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "orchestrator/formats/csv.h"

static struct csv_table a_table(const char *text)
{
	struct csv_table table = { 0 };
	struct fault fault = { 0 };

	if (!csv_read(&table, text, strlen(text), ',', &fault))
		fail_msg("%s", fault.text);
	return table;
}

static void assert_refused(const char *text, size_t len, const char *part)
{
	struct csv_table table = { 0 };
	struct fault fault = { 0 };

	assert_false(csv_read(&table, text, len, ',', &fault));
	assert_null(table.rows);
	if (strstr(fault.text, part) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", fault.text, part);
}

static void cells_keep_blanks_commas_quotes_and_line_ends(void **state)
{
	CLEANUP(csv_donep)
	struct csv_table table = a_table("a, b ,\"c,\"\"d\"\"\r\ne\"\r\n\"x\t\"  ,=\"00123\",y");

	(void)state;
	assert_int_equal(table.row_count, 2);
	assert_string_equal(csv_cell(&table, 0, 0), "a");
	assert_string_equal(csv_cell(&table, 0, 1), " b ");
	assert_string_equal(csv_cell(&table, 0, 2), "c,\"d\"\r\ne");
	assert_string_equal(csv_cell(&table, 1, 0), "x\t");
	assert_string_equal(csv_cell(&table, 1, 1), "=\"00123\"");
	assert_string_equal(csv_cell(&table, 1, 2), "y");
	assert_string_equal(csv_cell(&table, 1, 3), "");
}

static void every_line_end_ends_a_row_and_blank_lines_count(void **state)
{
	CLEANUP(csv_donep) struct csv_table table = a_table("a\nb\r\n\r\nc\rd,");

	(void)state;
	assert_int_equal(table.row_count, 5);
	assert_int_equal(table.rows[2].count, 1);
	assert_string_equal(csv_cell(&table, 2, 0), "");
	assert_string_equal(csv_cell(&table, 3, 0), "c");
	assert_int_equal(table.rows[4].count, 2);
	assert_int_equal(table.rows[4].offset, 9);
	assert_int_equal(table.rows[4].length, 2);
}

static void an_empty_text_has_no_rows(void **state)
{
	CLEANUP(csv_donep) struct csv_table table = a_table("");

	(void)state;
	assert_int_equal(table.row_count, 0);
}

static void damage_is_refused_with_its_row(void **state)
{
	(void)state;
	assert_refused("a,b\nc,\"d\ne,f\n", 12, "row 2 (byte 6 of the text): a quote");
	assert_refused("a\n\"b\"c\n", 7, "row 2 (byte 5 of the text): text follows");
}

static void limits_are_refused_with_their_row(void **state)
{
	TEXT long_cell = { 0 };
	TEXT many_cells = { 0 };

	(void)state;
	text_init(&long_cell, 100000);
	text_init(&many_cells, 100000);
	text_add(&long_cell, "a\n");
	text_add(&many_cells, "a\nb\n");
	for (int i = 0; i < CSV_CELL_BYTES_MAX + 1; i++)
		text_add(&long_cell, "x");
	for (int i = 0; i < CSV_ROW_CELLS_MAX; i++)
		text_add(&many_cells, ",");
	assert_refused(
		long_cell.data, long_cell.len, "row 2 (byte 2 of the text): a cell is longer");
	assert_refused(many_cells.data, many_cells.len, "row 3");
}

static void formulas_are_disarmed_but_own_values_stay(void **state)
{
	TEXT out = { 0 };
	struct csv_writer writer = { .out = &out };

	(void)state;
	text_init(&out, 1000);
	csv_put_text(&writer, "=1+1");
	csv_put_text(&writer, "@x");
	csv_put_text(&writer, "a=b");
	csv_put_text(&writer, "+86,\"1\"");
	csv_put_plain(&writer, "-5.00");
	csv_put_fen(&writer, -105);
	csv_put_fen(&writer, INT64_MIN);
	csv_end_row(&writer);
	csv_put_text(&writer, "");
	csv_put_text(&writer, "z");
	csv_end_row(&writer);
	assert_string_equal(out.data,
		"'=1+1,'@x,a=b,\"'+86,\"\"1\"\"\",-5.00,-1.05,-92233720368547758.08\r\n,z\r\n");
}

/* Deterministic noise. */
static uint32_t next_random(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)(*seed >> 33);
}

enum { ROUND_CELLS = 12, ROUND_COLUMNS = 4 };

static void write_noise(char *cell, uint64_t *seed)
{
	static const char *const pieces[] = { "a", ",", "\"", "\r", "\n", " ", "中", "'", "\t",
		"x\"" };

	*cell = '\0';
	for (uint32_t n = next_random(seed) % 8; n > 0; n--)
		cell = stpcpy(cell, pieces[next_random(seed) % COUNT_OF(pieces)]);
}

static void what_was_written_reads_back_the_same(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 300; seed++) {
		uint64_t random = seed;
		char cells[ROUND_CELLS][64];
		TEXT out = { 0 };
		struct csv_writer writer = { .out = &out };
		text_init(&out, 10000);
		for (size_t i = 0; i < ROUND_CELLS; i++) {
			write_noise(cells[i], &random);
			csv_put_plain(&writer, cells[i]);
			if (i % ROUND_COLUMNS == ROUND_COLUMNS - 1)
				csv_end_row(&writer);
		}
		CLEANUP(csv_donep) struct csv_table table = a_table(out.data);
		assert_int_equal(table.row_count, ROUND_CELLS / ROUND_COLUMNS);
		for (size_t i = 0; i < ROUND_CELLS; i++)
			assert_string_equal(
				csv_cell(&table, i / ROUND_COLUMNS, i % ROUND_COLUMNS), cells[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cells_keep_blanks_commas_quotes_and_line_ends),
		cmocka_unit_test(every_line_end_ends_a_row_and_blank_lines_count),
		cmocka_unit_test(an_empty_text_has_no_rows),
		cmocka_unit_test(damage_is_refused_with_its_row),
		cmocka_unit_test(limits_are_refused_with_their_row),
		cmocka_unit_test(formulas_are_disarmed_but_own_values_stay),
		cmocka_unit_test(what_was_written_reads_back_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
