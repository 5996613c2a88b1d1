/* SPDX-License-Identifier: Apache-2.0 */
/* Case tables: tests/cases/FILE holds one case per line, cells separated by tabs, `#` begins a comment
 * line.  In cells \n, \t and \\ stand for the characters, <blank> for nothing.  Each line is reported as a
 * test of its own. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "common/file.h"
#include "common/text.h"

enum { CASE_CELLS_MAX = 12, CASE_ROWS_MAX = 500 };

struct case_row {
	char *cells[CASE_CELLS_MAX]; /* "" where the line has fewer */
	size_t line;
};

static inline void case_unescape(char *cell)
{
	char *to = cell;

	if (strcmp(cell, "<blank>") == 0)
		*cell = '\0';
	for (const char *at = cell; *at != '\0'; at++) {
		if (*at == '\\' && at[1] != '\0') {
			at++;
			*to++ = (char)(*at == 'n' ? '\n' : *at == 't' ? '\t' : *at);
		} else {
			*to++ = *at;
		}
	}
	*to = '\0';
}

static inline bool case_split(struct case_row *row, char *line, size_t number)
{
	static char none[1];
	size_t count = 0;

	if (line[0] == '#' || line[0] == '\0')
		return false;
	*row = (struct case_row){ .line = number };
	for (char *cell = strsep(&line, "\t"); cell != NULL && count < CASE_CELLS_MAX;
		cell = strsep(&line, "\t")) {
		case_unescape(cell);
		row->cells[count++] = cell;
	}
	while (count < CASE_CELLS_MAX)
		row->cells[count++] = none;
	return true;
}

/* The rows of FILE (a path below tests/cases) as tests of CHECK, whose state is the row, added to TESTS
 * from *COUNT on.  TESTS is static: rows, names and the text they point into live as long as it. */
static inline void cases_add(
	struct CMUnitTest *tests, size_t *count, const char *file, CMUnitTestFunction check)
{
	struct fault fault = { 0 };
	OWNED char *path = text_dupf("%s/tests/cases/%s", XUQI_SOURCE_DIR, file);
	char *content = file_read(path, (size_t)1024 * 1024, NULL, &fault), *rest = content;
	size_t number = 0, added = 0;

	if (content == NULL) {
		(void)fprintf(stderr, "%s\n", fault.text);
		abort();
	}
	for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
		struct case_row *row = zalloc(1, sizeof(*row));
		if (!case_split(row, line, ++number)) {
			free(row);
			continue;
		}
		if (++added > CASE_ROWS_MAX)
			abort();
		tests[(*count)++] = (struct CMUnitTest){
			.name = text_dupf("%s line %zu", file, number),
			.test_func = check,
			.initial_state = row,
		};
	}
}

/* Run COUNT tests as the group NAME. */
static inline int cases_run(const char *name, const struct CMUnitTest *tests, size_t count)
{
	return _cmocka_run_group_tests(name, tests, count, NULL, NULL);
}
