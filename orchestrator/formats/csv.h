/* SPDX-License-Identifier: Apache-2.0 */
/* Comma-separated values (RFC 4180), read under bounds into rows of cells, and written.  The reader
 * accepts what banks really write: LF, CRLF or CR, blanks behind a closing quote, quotes inside an
 * unquoted cell, rows of different length.  Cells come as they stand: trimming is the caller's. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/fault.h"
#include "common/text.h"

enum { CSV_ROWS_MAX = 4 * 1000 * 1000, CSV_ROW_CELLS_MAX = 256, CSV_CELL_BYTES_MAX = 64 * 1024 };

struct csv_row {
	size_t offset, length; /* in the text that was read, without the line end */
	size_t first, count;   /* its cells */
};

struct csv_table {
	struct csv_row
		*rows; /* rows[i] is row i + 1 of the file; a blank line is a row of one "" */
	size_t row_count;
	char **cells; /* NUL-terminated, in the table's own memory: may be shortened in place */
	size_t cell_count;
	char *memory;
};

/* Read LEN bytes of UTF-8 without NUL.  FAULT_INPUT names row and byte offset; then nothing is
 * kept.  Free with csv_done. */
bool csv_read(struct csv_table *out, const char *text, size_t len, char separator,
	struct fault *fault) MUST_CHECK;
void csv_done(struct csv_table *table);

/* The cell COLUMN (from 0) of row ROW (from 0), an empty one where the row is shorter. */
char *csv_cell(const struct csv_table *table, size_t row, size_t column);

/* Rows are written cell by cell; every row ends in CRLF. */
struct csv_writer {
	struct text *out; /* borrowed; ask text_full at the end */
	bool begun;       /* a cell of this row was written */
};

/* A cell of text.  Where a spreadsheet would take it for a formula (= + - @ tab or CR in front) an
 * apostrophe is put before it. */
void csv_put_text(struct csv_writer *writer, const char *text);
/* A cell as it is, for values that this program made: amounts, instants, references. */
void csv_put_plain(struct csv_writer *writer, const char *text);
/* Fen as yuan with two decimals. */
void csv_put_fen(struct csv_writer *writer, int64_t fen);
void csv_end_row(struct csv_writer *writer);

static inline void csv_donep(struct csv_table *table)
{
	csv_done(table);
}
