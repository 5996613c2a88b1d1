/* SPDX-License-Identifier: Apache-2.0 */
/* The CSV reader walks the text once and copies each cell, unquoted, into one block of memory: a
 * cell is never longer than what it was read from.  The writer quotes where it must. */
#include "orchestrator/formats/csv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct csv_reader {
	const char *text;
	size_t len, at;
	char separator;
	size_t row_start;
	struct csv_table table;
	size_t row_room, cell_room, memory_len;
	struct fault *fault;
};

void csv_done(struct csv_table *table)
{
	free(table->rows);
	free(table->cells);
	free(table->memory);
	*table = (struct csv_table){ 0 };
}

char *csv_cell(const struct csv_table *table, size_t row, size_t column)
{
	const struct csv_row *at = &table->rows[row];
	char *last = table->cells[at->first + at->count - 1];

	return column < at->count ? table->cells[at->first + column] : last + strlen(last);
}

static bool fail(const struct csv_reader *reader, size_t at, const char *what)
{
	return fault_set(reader->fault, FAULT_INPUT, "row %zu (byte %zu of the text): %s",
		reader->table.row_count + 1, at, what);
}

static bool is_line_end(const struct csv_reader *reader)
{
	return reader->at == reader->len || reader->text[reader->at] == '\n' ||
		reader->text[reader->at] == '\r';
}

static void keep_byte(struct csv_reader *reader, char byte)
{
	reader->table.memory[reader->memory_len++] = byte;
}

/* The content between quotes; the cursor stands behind the opening one. */
static bool read_quoted(struct csv_reader *reader, size_t opened)
{
	for (; reader->at < reader->len; reader->at++) {
		if (reader->text[reader->at] == '"') {
			bool is_doubled =
				reader->at + 1 < reader->len && reader->text[reader->at + 1] == '"';
			if (!is_doubled)
				break;
			reader->at++;
		}
		keep_byte(reader, reader->text[reader->at]);
	}
	if (reader->at == reader->len)
		return fail(reader, opened,
			"a quote is opened and never closed: the file is cut off or damaged");
	reader->at++;
	while (!is_line_end(reader) &&
		(reader->text[reader->at] == ' ' || reader->text[reader->at] == '\t') &&
		reader->text[reader->at] != reader->separator)
		reader->at++;
	if (!is_line_end(reader) && reader->text[reader->at] != reader->separator)
		return fail(reader, reader->at, "text follows a closing quote: the row is damaged");
	return true;
}

static bool read_cell(struct csv_reader *reader)
{
	struct csv_table *table = &reader->table;
	size_t from = reader->at, kept = reader->memory_len;

	table->cells = grow(table->cells, &reader->cell_room, table->cell_count, sizeof(char *));
	table->cells[table->cell_count++] = table->memory + kept;
	if (reader->at < reader->len && reader->text[reader->at] == '"') {
		reader->at++;
		if (!read_quoted(reader, from))
			return false;
	} else {
		while (!is_line_end(reader) && reader->text[reader->at] != reader->separator)
			keep_byte(reader, reader->text[reader->at++]);
	}
	if (reader->memory_len - kept > CSV_CELL_BYTES_MAX)
		return fail(reader, from, "a cell is longer than 65536 bytes");
	keep_byte(reader, '\0');
	return true;
}

static void skip_line_end(struct csv_reader *reader)
{
	if (reader->at < reader->len && reader->text[reader->at] == '\r')
		reader->at++;
	else if (reader->at == reader->len || reader->text[reader->at] != '\n')
		return;
	if (reader->at < reader->len && reader->text[reader->at] == '\n')
		reader->at++;
}

static bool read_row(struct csv_reader *reader)
{
	struct csv_table *table = &reader->table;
	struct csv_row row = { .offset = reader->at, .first = table->cell_count };

	if (table->row_count == CSV_ROWS_MAX)
		return fail(reader, reader->at, "more than 4000000 rows: split the file");
	for (;;) {
		if (!read_cell(reader))
			return false;
		if (table->cell_count - row.first > CSV_ROW_CELLS_MAX)
			return fail(reader, reader->at, "more than 256 cells in a row");
		if (is_line_end(reader))
			break;
		reader->at++;
	}
	row.count = table->cell_count - row.first;
	row.length = reader->at - row.offset;
	skip_line_end(reader);
	table->rows = grow(table->rows, &reader->row_room, table->row_count, sizeof(row));
	table->rows[table->row_count++] = row;
	return true;
}

bool csv_read(
	struct csv_table *out, const char *text, size_t len, char separator, struct fault *fault)
{
	struct csv_reader reader = {
		.text = text, .len = len, .separator = separator, .fault = fault
	};

	/* Each cell ends in a NUL that stands for its separator, its line end, or the file's end. */
	reader.table.memory = zalloc(len + 2, 1);
	while (reader.at < reader.len) {
		if (!read_row(&reader)) {
			csv_done(&reader.table);
			return false;
		}
	}
	*out = reader.table;
	return true;
}

static void put_cell(struct csv_writer *writer, const char *guard, const char *text)
{
	bool needs_quotes = strpbrk(text, ",\"\r\n") != NULL;

	text_add(writer->out, writer->begun ? "," : "");
	writer->begun = true;
	text_add(writer->out, needs_quotes ? "\"" : "");
	text_add(writer->out, guard);
	for (const char *at = text; *at != '\0'; at++) {
		if (*at == '"')
			text_add(writer->out, "\"");
		text_add_bytes(writer->out, at, 1);
	}
	text_add(writer->out, needs_quotes ? "\"" : "");
}

void csv_put_text(struct csv_writer *writer, const char *text)
{
	bool is_formula = text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL;

	put_cell(writer, is_formula ? "'" : "", text);
}

void csv_put_plain(struct csv_writer *writer, const char *text)
{
	put_cell(writer, "", text);
}

void csv_put_fen(struct csv_writer *writer, int64_t fen)
{
	char yuan[32];
	uint64_t size = fen < 0 ? 0 - (uint64_t)fen : (uint64_t)fen;

	(void)snprintf(yuan, sizeof(yuan), "%s%" PRIu64 ".%02" PRIu64, fen < 0 ? "-" : "",
		size / 100, size % 100);
	put_cell(writer, "", yuan);
}

void csv_end_row(struct csv_writer *writer)
{
	text_add(writer->out, "\r\n");
	writer->begun = false;
}
