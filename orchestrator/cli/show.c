/* SPDX-License-Identifier: Apache-2.0 */
/* Answers to text.  Names decide the form, so that a new member of the API shows up by itself. */
#include "orchestrator/cli/show.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "orchestrator/cli/grid.h"

enum { LABEL_MAX = 128, VALUE_TEXT_MAX = 64 * 1024, NESTING_MAX = 4 };

/* Columns of lists inside answers; others show the members of their first item. */
static const struct {
	const char *key, *columns;
} show_lists[] = {
	{ "timeline", "at event from to by text" },
	{ "approvals", "gate by at valid" },
	{ "errors", "row column text" },
	{ "differences", "row holder service column from to" },
	{ "cards", "n task kind title holder service not_after held" },
	{ "bindings", "renewal set state ca holder remedy" },
	{ "fields", "field line order key verdict" },
};

/* What a thing is comes first, whatever order the server keeps its members in. */
static const char *const show_first[] = { "committed", "id", "name", "title", "kind", "state",
	"status", "holder", "service", "serial", "unit" };

void show_money(char out[SHOW_MONEY], int64_t fen)
{
	uint64_t size = fen < 0 ? 0 - (uint64_t)fen : (uint64_t)fen;
	char yuan[24];
	size_t len = (size_t)snprintf(yuan, sizeof(yuan), "%" PRIu64, size / 100);
	TEXT text;

	text_init(&text, SHOW_MONEY);
	text_add(&text, fen < 0 ? "-¥" : "¥");
	for (size_t i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			text_add(&text, ",");
		text_add_bytes(&text, &yuan[i], 1);
	}
	text_addf(&text, ".%02u", (unsigned)(size % 100));
	(void)snprintf(out, SHOW_MONEY, "%s", text.data);
}

static bool ends_with(const char *text, const char *ending)
{
	size_t len = strlen(text), ending_len = strlen(ending);

	return len >= ending_len && memcmp(text + len - ending_len, ending, ending_len) == 0;
}

static bool is_instant(const char *key)
{
	return ends_with(key, "_at") || text_equal(key, "at") || ends_with(key, "not_after") ||
		text_equal(key, "since") || text_equal(key, "valid_from");
}

static void add_instant(struct text *out, const char *text)
{
	char local[64];
	struct tm tm;
	int64_t at;

	if (clock_parse(&at, text)) {
		time_t seconds = (time_t)(at / CLOCK_SECOND);

		if (localtime_r(&seconds, &tm) != NULL &&
			strftime(local, sizeof(local), "%Y-%m-%d %H:%M:%S", &tm) > 0)
			text = local;
	}
	text_add(out, text);
}

static void add_number(struct text *out, const char *key, json_t *value)
{
	char money[SHOW_MONEY];
	int64_t number = json_integer_value(value);

	if (ends_with(key, "_fen")) {
		show_money(money, number);
		text_add(out, money);
	} else {
		text_addf(out, "%" PRId64, number);
	}
}

/* `_fen` is told by the form of its value. */
static size_t bare_len(const char *key)
{
	return strlen(key) - (ends_with(key, "_fen") ? strlen("_fen") : 0);
}

static void add_members(struct text *out, json_t *value)
{
	const char *key, *between = "";
	json_t *member;

	json_object_foreach(value, key, member)
	{
		text_addf(out, "%s%.*s=", between, (int)bare_len(key), key);
		show_value(out, key, member);
		between = " ";
	}
}

static void add_items(struct text *out, const char *key, json_t *value)
{
	for (size_t i = 0; i < json_array_size(value); i++) {
		text_add(out, i > 0 ? ", " : "");
		show_value(out, key, json_array_get(value, i));
	}
}

void show_value(struct text *out, const char *key, json_t *value)
{
	if (value == NULL)
		return;
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		add_members(out, value);
		return;
	case JSON_ARRAY:
		add_items(out, key, value);
		return;
	case JSON_STRING:
		if (is_instant(key))
			add_instant(out, json_string_value(value));
		else
			text_add(out, json_string_value(value));
		return;
	case JSON_INTEGER:
		add_number(out, key, value);
		return;
	case JSON_REAL:
		text_addf(out, "%g", json_real_value(value));
		return;
	case JSON_TRUE:
		text_add(out, "yes");
		return;
	case JSON_FALSE:
		text_add(out, "no");
		return;
	case JSON_NULL:
		return;
	}
}

/* `due_at` to `DUE`, `price_fen` to `PRICE`, `media_no` to `MEDIA NO`. */
static void add_heading(struct text *out, const char *key)
{
	static const char small[] = "abcdefghijklmnopqrstuvwxyz_";
	static const char large[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ ";
	size_t len = strlen(key);

	if (ends_with(key, "_at") || ends_with(key, "_on"))
		len -= strlen("_at");
	else if (ends_with(key, "_fen"))
		len -= strlen("_fen");
	for (size_t i = 0; i < len; i++) {
		const char *found = strchr(small, key[i]);

		text_add_bytes(out, found == NULL ? &key[i] : &large[found - small], 1);
	}
}

/* ---- lists ---- */

static void add_column(struct grid *grid, struct text *cell, const char *key, json_t *item)
{
	json_t *value = json_object_get(item, key);

	text_clear(cell);
	show_value(cell, key, value);
	if (json_is_integer(value))
		grid->is_right[grid->count % grid->columns] = true;
	grid_add(grid, cell->data);
}

/* Copies COLUMNS into WORDS, whose start it returns in KEYS; the count. */
static size_t split_columns(char **keys, char *words)
{
	size_t count = 0;

	while (*words != '\0' && count < GRID_COLUMNS_MAX) {
		size_t len = strcspn(words, " ");

		keys[count++] = words;
		words += len;
		if (*words != '\0')
			*words++ = '\0';
	}
	return count;
}

void show_list(struct text *out, json_t *items, const char *columns)
{
	OWNED char *words = text_dup(columns);
	char *keys[GRID_COLUMNS_MAX];
	size_t count = split_columns(keys, words);
	CLEANUP(grid_done) struct grid grid;
	TEXT cell;

	grid_init(&grid, count);
	text_init(&cell, VALUE_TEXT_MAX);
	for (size_t i = 0; i < count; i++) {
		text_clear(&cell);
		add_heading(&cell, keys[i]);
		grid_add(&grid, cell.data);
	}
	for (size_t i = 0; i < json_array_size(items); i++)
		for (size_t k = 0; k < count; k++)
			add_column(&grid, &cell, keys[k], json_array_get(items, i));
	grid_write(&grid, out);
}

/* ---- single things ---- */

static bool is_block(json_t *value)
{
	const char *text = json_string_value(value);

	if (json_is_array(value))
		return json_is_object(json_array_get(value, 0)) || json_array_size(value) > 1;
	return text != NULL && strchr(text, '\n') != NULL;
}

static void label(struct text *out, const char *prefix, const char *key)
{
	text_clear(out);
	text_addf(out, "%s%s%.*s", prefix, *prefix != '\0' ? " " : "", (int)bare_len(key), key);
	for (char *c = out->data; *c != '\0'; c++)
		if (*c == '_')
			*c = ' ';
}

static bool is_first(const char *key)
{
	for (size_t i = 0; i < COUNT_OF(show_first); i++)
		if (text_equal(key, show_first[i]))
			return true;
	return false;
}

static void add_lines(struct grid *grid, json_t *object, const char *prefix, int depth);

/* The exact values of a task: each on a line of its own, to be copied as it stands. */
static bool are_values(const char *key, json_t *member)
{
	return text_equal(key, "values") && json_is_object(member);
}

/* Null members and long ones are left out here. */
static void add_line(
	struct grid *grid, const char *prefix, const char *key, json_t *member, int depth)
{
	TEXT name, value;

	text_init(&name, LABEL_MAX);
	text_init(&value, VALUE_TEXT_MAX);
	label(&name, prefix, key);
	if (are_values(key, member))
		return;
	if (json_is_object(member) && depth < NESTING_MAX) {
		add_lines(grid, member, name.data, depth + 1);
	} else if (member != NULL && !json_is_null(member) && !is_block(member)) {
		show_value(&value, key, member);
		grid_add(grid, name.data);
		grid_add(grid, value.data);
	}
}

static void add_lines(struct grid *grid, json_t *object, const char *prefix, int depth)
{
	json_t *member;
	const char *key;

	for (size_t i = 0; i < COUNT_OF(show_first); i++)
		add_line(
			grid, prefix, show_first[i], json_object_get(object, show_first[i]), depth);
	json_object_foreach(object, key, member) if (!is_first(key))
		add_line(grid, prefix, key, member, depth);
}

static void add_lines_of_text(struct text *out, const char *text)
{
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");
		OWNED char *line = text_dupf("%.*s", (int)len, text);

		text_add(out, "  ");
		grid_clean(out, line);
		text_add(out, "\n");
		text += len + (text[len] == '\n' ? 1 : 0);
	}
}

static void add_texts(struct text *out, const char *key, json_t *items)
{
	TEXT value;

	text_init(&value, VALUE_TEXT_MAX);
	for (size_t i = 0; i < json_array_size(items); i++) {
		text_clear(&value);
		show_value(&value, key, json_array_get(items, i));
		add_lines_of_text(out, value.data);
	}
}

/* The names of the first item's members, separated by blanks. */
static char *members_of(json_t *item)
{
	const char *key;
	json_t *member;
	TEXT names;

	text_init(&names, VALUE_TEXT_MAX);
	json_object_foreach(item, key, member)
		text_addf(&names, "%s%s", names.len > 0 ? " " : "", key);
	return text_take(&names, NULL);
}

static const char *known_columns(const char *key, const char *row_columns)
{
	if (text_equal(key, "rows"))
		return row_columns;
	for (size_t i = 0; i < COUNT_OF(show_lists); i++)
		if (text_equal(key, show_lists[i].key))
			return show_lists[i].columns;
	return NULL;
}

static void add_block(struct text *out, const char *key, json_t *value, const char *columns)
{
	json_t *first = json_array_get(value, 0);

	text_add(out, "\n");
	add_heading(out, key);
	text_add(out, "\n");
	if (json_is_string(value)) {
		add_lines_of_text(out, json_string_value(value));
		return;
	}
	if (!json_is_object(first)) {
		add_texts(out, key, value);
		return;
	}
	const char *known = known_columns(key, columns);
	OWNED char *names = known == NULL ? members_of(first) : text_dup(known);

	if (*names != '\0')
		show_list(out, value, names);
}

/* What a card asks back: key, label, the words it may be, and the results for which it is needed. */
static void add_asks(struct text *out, const json_t *asks)
{
	const json_t *ask;
	size_t i;

	if (json_array_size(asks) > 0)
		text_add(out, "\nASKS BACK, with --set KEY=VALUE (file: --attach FILE)\n");
	json_array_foreach(asks, i, ask)
	{
		text_addf(out, "%s: %s", json_peek_text(ask, "key"), json_peek_text(ask, "label"));
		if (json_object_get(ask, "choices") != NULL) {
			text_add(out, " = ");
			show_value(out, "", json_object_get(ask, "choices"));
		}
		if (json_object_get(ask, "when") != NULL) {
			text_add(out, " (where result is ");
			show_value(out, "", json_object_get(ask, "when"));
			text_add(out, ")");
		}
		text_add(out, "\n");
	}
}

/* A card's values in its own order, as its pages call them. */
static void add_card_lines(struct text *out, const json_t *lines)
{
	const json_t *one;
	size_t i;

	json_array_foreach(lines, i, one)
	{
		const char *value = json_peek_text(one, "value");

		text_addf(
			out, "%s %s:\n", json_peek_text(one, "key"), json_peek_text(one, "label"));
		grid_clean(out, value != NULL ? value : "");
		text_add(out, "\n");
	}
}

static void add_values(struct text *out, json_t *values)
{
	json_t *member;
	const char *key;
	const json_t *lines = json_object_get(values, "lines");
	TEXT line;

	text_init(&line, VALUE_TEXT_MAX);
	if (json_object_size(values) > 0)
		text_add(out, "\nVALUES, each line as it is to be typed\n");
	add_card_lines(out, lines);
	json_object_foreach(values, key, member)
	{
		if (json_is_array(lines) || text_equal(key, "asks"))
			continue;
		label(&line, "", key);
		text_addf(out, "%s:\n", line.data);
		text_clear(&line);
		show_value(&line, key, member);
		grid_clean(out, line.data);
		text_add(out, "\n");
	}
	add_asks(out, json_object_get(values, "asks"));
}

/* What to do stands before the values that it takes. */
static void add_blocks(struct text *out, json_t *object, const char *columns, int depth)
{
	json_t *member, *values = NULL;
	const char *key;

	json_object_foreach(object, key, member)
	{
		if (are_values(key, member))
			values = member;
		else if (json_is_object(member) && depth < NESTING_MAX)
			add_blocks(out, member, columns, depth + 1);
		else if (is_block(member))
			add_block(out, key, member, columns);
	}
	if (values != NULL)
		add_values(out, values);
}

void show_object(struct text *out, json_t *object, const char *columns)
{
	CLEANUP(grid_done) struct grid grid;

	grid_init(&grid, 2);
	add_lines(&grid, object, "", 0);
	grid_write(&grid, out);
	add_blocks(out, object, columns, 0);
}
