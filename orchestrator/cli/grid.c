/* SPDX-License-Identifier: Apache-2.0 */
/* Column widths by wcwidth(3), which needs a UTF-8 locale: minimal systems have C.UTF-8 only. */
#include "orchestrator/cli/grid.h"

#include <assert.h>
#include <langinfo.h>
#include <locale.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

enum { UTF8_BYTES = 4 };

void grid_locale(void)
{
	const char *chosen = setlocale(LC_CTYPE, "");

	if (chosen == NULL || !text_equal(nl_langinfo(CODESET), "UTF-8"))
		(void)setlocale(LC_CTYPE, "C.UTF-8");
}

/* The next character of *AT, which moves behind it; false at the end.  What is no character counts
 * as one byte and becomes L'\0'. */
static bool next_character(const char **at, wchar_t *character)
{
	mbstate_t state = { 0 };
	size_t len = mbrtowc(character, *at, strlen(*at), &state);

	if (**at == '\0')
		return false;
	if (len == 0 || len > UTF8_BYTES) {
		*character = L'\0';
		len = 1;
	}
	*at += len;
	return true;
}

size_t grid_width(const char *text)
{
	wchar_t character;
	size_t width = 0;

	while (next_character(&text, &character)) {
		int places = character == L'\0' ? 1 : wcwidth(character);

		width += places < 0 ? 0 : (size_t)places;
	}
	return width;
}

/* Blanks, controls, and the marks that turn the direction of writing around. */
static bool is_unsafe(wchar_t character)
{
	return iswcntrl((wint_t)character) || (character >= 0x202A && character <= 0x202E) ||
		(character >= 0x2066 && character <= 0x2069);
}

void grid_clean(struct text *out, const char *text)
{
	const char *from = text;
	wchar_t character;

	while (next_character(&text, &character)) {
		if (character == L'\0')
			text_add(out, "?");
		else if (is_unsafe(character))
			text_add(out, " ");
		else
			text_add_bytes(out, from, (size_t)(text - from));
		from = text;
	}
}

void grid_init(struct grid *grid, size_t columns)
{
	assert(columns > 0 && columns <= GRID_COLUMNS_MAX);
	*grid = (struct grid){ .columns = columns };
}

void grid_add(struct grid *grid, const char *text)
{
	TEXT clean;

	text_init(&clean, GRID_CELL_MAX);
	grid_clean(&clean, *text == '\0' ? "-" : text);
	grid->cells = grow(grid->cells, &grid->room, grid->count, sizeof(*grid->cells));
	grid->cells[grid->count++] = text_take(&clean, NULL);
}

static void pad(struct text *out, size_t places)
{
	while (places-- > 0)
		text_add(out, " ");
}

static void write_row(
	const struct grid *grid, char *const *row, const size_t *widths, struct text *out)
{
	for (size_t i = 0; i < grid->columns; i++) {
		size_t room = widths[i] - grid_width(row[i]);
		bool is_last = i + 1 == grid->columns;

		pad(out, grid->is_right[i] ? room : 0);
		text_add(out, row[i]);
		if (!is_last)
			pad(out, (grid->is_right[i] ? 0 : room) + 2);
	}
	text_add(out, "\n");
}

void grid_write(const struct grid *grid, struct text *out)
{
	size_t widths[GRID_COLUMNS_MAX] = { 0 };

	for (size_t i = 0; i < grid->count; i++) {
		size_t width = grid_width(grid->cells[i]);

		if (width > widths[i % grid->columns])
			widths[i % grid->columns] = width;
	}
	for (size_t i = 0; i + grid->columns <= grid->count; i += grid->columns)
		write_row(grid, &grid->cells[i], widths, out);
}

void grid_done(struct grid *grid)
{
	for (size_t i = 0; i < grid->count; i++)
		free(grid->cells[i]);
	free(grid->cells);
	*grid = (struct grid){ .columns = 0 };
}
