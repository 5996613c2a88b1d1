/* SPDX-License-Identifier: Apache-2.0 */
/* The columns of the list as one table; every cell goes through the reader of its column.  All errors
 * are collected, so that a person mends the file once. */
#include "orchestrator/cli/csv_import.h"

#include <string.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/text.h"
#include "orchestrator/formats/charset.h"
#include "orchestrator/formats/csv.h"
#include "orchestrator/formats/statement_value.h"
#include "orchestrator/formats/uscc.h"

enum { HEADING_MAX = 96 };

/* ---- cells: put the trimmed, non-empty CELL under KEY of ROW, or say what is wrong with it ---- */

static bool read_text(json_t *row, const char *key, char *cell, struct fault *fault)
{
	(void)fault;
	json_put_text(row, key, cell);
	return true;
}

static bool read_uscc(json_t *row, const char *key, char *cell, struct fault *fault)
{
	json_put_text(row, key, cell);
	return uscc_check(cell, fault);
}

static bool read_media_no(json_t *row, const char *key, char *cell, struct fault *fault)
{
	char *media_no;

	if (value_account(&media_no, cell) == VALUE_BAD)
		return fault_set(fault, FAULT_INPUT,
			"%s lost its digits in a spreadsheet: format the column as text and type it anew",
			cell);
	json_put_text(row, key, *media_no == '\0' ? NULL : media_no);
	return true;
}

/* RFC 3339, or a day (its last second) or time as people and banks write it, in Beijing. */
static bool read_not_after(json_t *row, const char *key, char *cell, struct fault *fault)
{
	struct value_time read;
	char text[CLOCK_TEXT];
	int64_t at;

	if (!clock_parse(&at, cell)) {
		if (value_time(&read, cell) != VALUE_READ || !read.has_day)
			return fault_set(fault, FAULT_INPUT,
				"%.60s is not a day: write it as 2026-12-31", cell);
		at = read.at;
		if (read.precision == PRECISION_DATE)
			at += CLOCK_DAY - CLOCK_SECOND;
	}
	clock_format(text, at);
	json_put_text(row, key, text);
	return true;
}

static const struct csv_column {
	const char *key, *chinese;
	bool needed; /* the column must be there and no cell may be empty */
	bool (*read)(json_t *row, const char *key, char *cell, struct fault *fault);
} csv_columns[] = {
	{ "holder", "证书用户", true, read_text },
	{ "uscc", "统一社会信用代码", true, read_uscc },
	{ "service", "服务名称", true, read_text },
	{ "media_no", "介质编号", false, read_media_no },
	{ "not_after", "证书有效期至", true, read_not_after },
	{ "unit", "单位部门", true, read_text },
	{ "custodian", "保管人", false, read_text },
	{ "place", "地点", false, read_text },
	{ "handler", "经办人", false, read_text },
};

enum { CSV_COLUMNS = COUNT_OF(csv_columns) };

struct csv_reading {
	struct csv_table table;
	size_t header; /* its row, from 0 */
	bool is_there[CSV_COLUMNS];
	size_t place[CSV_COLUMNS]; /* cell of the row, where is_there */
	size_t width;              /* cells of the header */
	struct csv_import out;
};

/* ---- errors ---- */

static void complain(struct csv_reading *reading, size_t row, const char *column, const char *text)
{
	json_t *errors = reading->out.errors;

	if (json_array_size(errors) >= CSV_IMPORT_ERRORS_MAX)
		return;
	json_t *error = json_object();

	json_put_number(error, "row", (int64_t)row + 1);
	json_put_text(error, "column", column);
	json_put_text(error, "text", text);
	json_array_append_new(errors, error);
}

/* ---- the header ---- */

static bool is_blank_row(const struct csv_table *table, size_t row)
{
	for (size_t i = 0; i < table->rows[row].count; i++) {
		const char *cell = csv_cell(table, row, i);

		if (cell[strspn(cell, " \t")] != '\0')
			return false;
	}
	return true;
}

/* The column that HEADING names, or CSV_COLUMNS. */
static size_t column_find(const char *heading)
{
	char folded[HEADING_MAX];
	size_t i = 0;

	if (!value_fold(folded, sizeof(folded), heading))
		return CSV_COLUMNS;
	while (i < CSV_COLUMNS && strcasecmp(folded, csv_columns[i].key) != 0 &&
		!text_equal(folded, csv_columns[i].chinese))
		i++;
	return i;
}

static void read_heading(struct csv_reading *reading, size_t place)
{
	char *heading = value_trim(csv_cell(&reading->table, reading->header, place));
	size_t column = column_find(heading);

	if (*heading == '\0' || text_equal(heading, "序号"))
		return;
	if (column == CSV_COLUMNS) {
		complain(reading, reading->header, heading,
			"no such column: use those of 'xuqi cert import --help' and delete this one");
		return;
	}
	if (reading->is_there[column])
		complain(
			reading, reading->header, heading, "the column is there twice: delete one");
	reading->is_there[column] = true;
	reading->place[column] = place;
}

static void read_header(struct csv_reading *reading)
{
	reading->width = reading->table.rows[reading->header].count;
	for (size_t i = 0; i < reading->width; i++)
		read_heading(reading, i);
	for (size_t i = 0; i < CSV_COLUMNS; i++) {
		if (!csv_columns[i].needed || reading->is_there[i])
			continue;
		OWNED char *text = text_dupf("the column %s (%s) is missing: add it to the header",
			csv_columns[i].chinese, csv_columns[i].key);
		complain(reading, reading->header, csv_columns[i].key, text);
	}
}

/* ---- rows ---- */

static void read_cell(struct csv_reading *reading, size_t row, size_t column, json_t *into)
{
	const struct csv_column *known = &csv_columns[column];
	struct fault fault;

	json_put_text(into, known->key, NULL);
	if (!reading->is_there[column])
		return;
	char *cell = value_trim(csv_cell(&reading->table, row, reading->place[column]));

	if (*cell == '\0') {
		if (known->needed)
			complain(reading, row, known->key, "empty: fill it in");
	} else if (!known->read(into, known->key, cell, &fault)) {
		complain(reading, row, known->key, fault.text);
	}
}

static void read_row(struct csv_reading *reading, size_t row)
{
	json_t *into = json_object();

	json_put_number(into, "row", (int64_t)row + 1);
	for (size_t i = 0; i < CSV_COLUMNS; i++)
		read_cell(reading, row, i, into);
	for (size_t i = reading->width; i < reading->table.rows[row].count; i++)
		if (*value_trim(csv_cell(&reading->table, row, i)) != '\0')
			complain(reading, row, "",
				"more cells than the header has: quote cells that hold a comma");
	json_array_append_new(reading->out.rows, into);
}

static bool read_rows(struct csv_reading *reading, struct fault *fault)
{
	const struct csv_table *table = &reading->table;

	for (size_t i = reading->header + 1; i < table->row_count; i++) {
		if (is_blank_row(table, i))
			continue;
		if (json_array_size(reading->out.rows) == CSV_IMPORT_ROWS_MAX)
			return fault_set(fault, FAULT_INPUT, "more than %d rows: split the file",
				CSV_IMPORT_ROWS_MAX);
		read_row(reading, i);
	}
	return json_array_size(reading->out.rows) > 0 ||
		fault_set(fault, FAULT_INPUT, "no rows under the header: is it the right file?");
}

/* A broken header would make every row wrong: its errors stand alone. */
static bool read_table(struct csv_reading *reading, struct fault *fault)
{
	const struct csv_table *table = &reading->table;

	while (reading->header < table->row_count && is_blank_row(table, reading->header))
		reading->header++;
	if (reading->header == table->row_count)
		return fault_set(fault, FAULT_INPUT, "the file is empty");
	read_header(reading);
	return json_array_size(reading->out.errors) > 0 || read_rows(reading, fault);
}

bool csv_import_parse(struct csv_import *out, const void *bytes, size_t len, struct fault *fault)
{
	CLEANUP(charset_done) struct charset_text decoded = { .text = NULL };
	CLEANUP(csv_donep) struct csv_table held = { .rows = NULL };

	if (!charset_decode(&decoded, bytes, len, fault) ||
		!csv_read(&held, decoded.text, decoded.len, ',', fault))
		return false;
	struct csv_reading reading = { .table = held,
		.out = { .rows = json_array(), .errors = json_array() } };

	if (!read_table(&reading, fault)) {
		csv_import_done(&reading.out);
		return false;
	}
	*out = reading.out;
	return true;
}

bool csv_import_read(struct csv_import *out, const char *path, struct fault *fault)
{
	size_t len;
	OWNED char *bytes = file_read(path, CSV_IMPORT_BYTES_MAX, &len, fault);

	if (bytes == NULL)
		return false;
	return csv_import_parse(out, bytes, len, fault) || fault_prefix(fault, "%s", path);
}

void csv_import_done(struct csv_import *import)
{
	json_decref(import->rows);
	json_decref(import->errors);
	*import = (struct csv_import){ .rows = NULL };
}
