/* SPDX-License-Identifier: Apache-2.0 */
/* Columns of text that stand straight on a terminal, where a Chinese character takes two places. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/text.h"

enum { GRID_COLUMNS_MAX = 32, GRID_CELL_MAX = 4096 };

struct grid {
	size_t columns; /* at most GRID_COLUMNS_MAX */
	char **cells;   /* row by row, the heading first; owned */
	size_t count, room;
	bool is_right[GRID_COLUMNS_MAX]; /* numbers stand at the right */
};

/* Choose a locale whose characters have widths: that of the environment, else C.UTF-8.  Once, at the
 * start of the program. */
void grid_locale(void);
/* The places that TEXT takes on a terminal; a byte that is no character takes one. */
size_t grid_width(const char *text);
/* TEXT in OUT, with whatever would move a terminal's cursor or colours made a blank, and bytes that
 * are no character made `?`. */
void grid_clean(struct text *out, const char *text);

void grid_init(struct grid *grid, size_t columns);
/* Add the next cell (copied and cleaned); an empty one becomes `-`. */
void grid_add(struct grid *grid, const char *text);
/* Write the rows, columns two blanks apart, no blanks at line ends. */
void grid_write(const struct grid *grid, struct text *out);
void grid_done(struct grid *grid);
