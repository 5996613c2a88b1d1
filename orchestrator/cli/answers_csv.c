/* SPDX-License-Identifier: Apache-2.0 */
/* Header, then rows; what the values mean the server knows. */
#include "orchestrator/cli/answers_csv.h"

#include <string.h>

#include "common/text.h"
#include "orchestrator/formats/charset.h"
#include "orchestrator/formats/csv.h"
#include "orchestrator/formats/statement_value.h"

struct reading {
	struct csv_table table;
	size_t task, width;
	const char *heads[ANSWERS_COLUMNS_MAX];
};

static bool read_header(struct reading *reading, struct fault *fault)
{
	bool has_task = false;

	if (reading->table.row_count == 0)
		return fault_set(fault, FAULT_INPUT, "the file is empty");
	reading->width = reading->table.rows[0].count;
	if (reading->width > ANSWERS_COLUMNS_MAX)
		return fault_set(fault, FAULT_INPUT, "more than %d columns", ANSWERS_COLUMNS_MAX);
	for (size_t i = 0; i < reading->width; i++) {
		reading->heads[i] = value_trim(csv_cell(&reading->table, 0, i));
		for (size_t k = 0; k < i; k++)
			if (reading->heads[i][0] != '\0' &&
				text_equal(reading->heads[i], reading->heads[k]))
				return fault_set(fault, FAULT_INPUT,
					"row 1: the column %s is there twice: delete one",
					reading->heads[i]);
		if (text_equal(reading->heads[i], "task")) {
			reading->task = i;
			has_task = true;
		}
	}
	return has_task ||
		fault_set(fault, FAULT_INPUT,
			"row 1: the column task is missing: keep the header of xuqi sitting print --csv");
}

/* Names of files, separated by ;. */
static json_t *file_names(const char *cell)
{
	json_t *names = json_array();

	while (*cell != '\0') {
		size_t len = strcspn(cell, ";");
		OWNED char *name = text_dupf("%.*s", (int)len, cell);
		const char *trimmed = value_trim(name);

		if (*trimmed != '\0')
			(void)json_array_append_new(names, json_string(trimmed));
		cell += len + (cell[len] == ';' ? 1 : 0);
	}
	return names;
}

/* A spreadsheet's guard against formulas: an apostrophe before = + - @. */
static const char *unguarded(const char *cell)
{
	return cell[0] == '\'' && cell[1] != '\0' && strchr("=+-@", cell[1]) != NULL ? cell + 1
										     : cell;
}

static json_t *read_row(const struct reading *reading, size_t row)
{
	json_t *values = json_object(), *files = json_array();
	const char *task = value_trim(csv_cell(&reading->table, row, reading->task));

	for (size_t i = 0; i < reading->width; i++) {
		const char *head = reading->heads[i],
			   *cell = unguarded(value_trim(csv_cell(&reading->table, row, i)));

		if (i == reading->task || head[0] == '#' || head[0] == '\0' || cell[0] == '\0')
			continue;
		if (text_equal(head, "file")) {
			json_decref(files);
			files = file_names(cell);
		} else {
			json_put_text(values, head, cell);
		}
	}
	return json_pack("{s:I, s:s, s:o, s:o}", "row", (json_int_t)row + 1, "task", task, "values",
		values, "evidence", files);
}

static bool is_unanswered(const json_t *row)
{
	return json_object_size(json_object_get(row, "values")) == 0 &&
		json_array_size(json_object_get(row, "evidence")) == 0;
}

static json_t *read_rows(struct reading *reading, struct fault *fault)
{
	JSON *rows = json_array();

	for (size_t i = 1; i < reading->table.row_count; i++) {
		JSON *row = read_row(reading, i);

		if (is_unanswered(row))
			continue;
		if (json_array_size(rows) == ANSWERS_ROWS_MAX) {
			(void)fault_set(fault, FAULT_INPUT, "more than %d rows: split the file",
				ANSWERS_ROWS_MAX);
			return NULL;
		}
		(void)json_array_append(rows, row);
	}
	if (json_array_size(rows) > 0)
		return take(rows);
	(void)fault_set(fault, FAULT_INPUT, "no row has a value: nothing to give back");
	return NULL;
}

json_t *answers_csv_parse(const void *bytes, size_t len, struct fault *fault)
{
	CLEANUP(charset_done) struct charset_text decoded = { .text = NULL };
	CLEANUP(csv_donep) struct csv_table held = { .rows = NULL };

	if (!charset_decode(&decoded, bytes, len, fault) ||
		!csv_read(&held, decoded.text, decoded.len, ',', fault))
		return NULL;

	struct reading reading = { .table = held };

	return read_header(&reading, fault) ? read_rows(&reading, fault) : NULL;
}
