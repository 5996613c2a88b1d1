/* SPDX-License-Identifier: Apache-2.0 */
/* Settings from a table: defaults, reading, refusing with the nearest known word, printing. */
#include "common/settings.h"

#include <assert.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>

#include "common/bytes.h"
#include "common/file.h"
#include "common/text.h"

enum { PATH_MAX_LEN = 200, WORD_MAX = 60 };

bool(settings_refuse)(const struct yaml_node *node, struct fault *fault, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	(void)fault_setv(fault, FAULT_INPUT, format, args);
	va_end(args);
	return fault_prefix(fault, "%zu:%zu", node->line, node->column);
}

/* ---- one value ---- */

static void *place_of(const struct setting *setting, void *into)
{
	return (char *)into + setting->offset;
}

static const void *place_in(const struct setting *setting, const void *from)
{
	return (const char *)from + setting->offset;
}

static void set_text(const struct setting *setting, void *into, const char *text)
{
	char **place = place_of(setting, into);
	free(*place);
	*place = text_dup(text);
}

static bool set_number(
	const struct setting *setting, void *into, const char *text, struct fault *fault)
{
	bool bounded = setting->min != 0 || setting->max != 0;
	int64_t min = bounded ? setting->min : INT64_MIN;
	int64_t max = bounded ? setting->max : INT64_MAX;
	if (number_parse(place_of(setting, into), text, min, max))
		return true;
	if (!bounded)
		return fault_set(fault, FAULT_INPUT, "%s must be a whole number", setting->path);
	return fault_set(fault, FAULT_INPUT, "%s must be a whole number from %lld to %lld",
		setting->path, (long long)min, (long long)max);
}

static bool set_flag(
	const struct setting *setting, void *into, const char *text, struct fault *fault)
{
	bool *place = place_of(setting, into);
	if (!text_equal(text, "true") && !text_equal(text, "false"))
		return fault_set(fault, FAULT_INPUT, "%s must be true or false", setting->path);
	*place = text_equal(text, "true");
	return true;
}

static bool set_value(
	const struct setting *setting, void *into, const char *text, struct fault *fault)
{
	switch (setting->type) {
	case SETTING_TEXT:
	case SETTING_SECRET:
		set_text(setting, into, text);
		return true;
	case SETTING_NUMBER:
		return set_number(setting, into, text, fault);
	case SETTING_FLAG:
		return set_flag(setting, into, text, fault);
	}
	return fault_set(fault, FAULT_BUG, "%s has no type", setting->path);
}

bool settings_defaults(const struct setting_table *table, void *into, struct fault *fault)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct setting *setting = &table->settings[i];
		if (set_value(setting, into, setting->fallback, fault))
			continue;
		fault->kind = FAULT_BUG;
		return fault_prefix(fault, "default of %s", setting->path);
	}
	return true;
}

static bool is_text_type(enum setting_type type)
{
	return type == SETTING_TEXT || type == SETTING_SECRET;
}

void settings_done(const struct setting_table *table, void *into)
{
	for (size_t i = 0; i < table->count; i++) {
		if (!is_text_type(table->settings[i].type))
			continue;
		char **place = place_of(&table->settings[i], into);
		free(*place);
		*place = NULL;
	}
}

/* ---- the words that may stand at one level ---- */

/* The word of PATH that follows PREFIX (`a.` or ``): copied into WORD; false if PATH is elsewhere. */
static bool word_below(char word[WORD_MAX], const char *path, const char *prefix)
{
	if (!text_starts(path, prefix))
		return false;
	const char *rest = path + strlen(prefix);
	size_t len = strcspn(rest, ".");
	assert(len > 0 && len < WORD_MAX);
	memcpy(word, rest, len);
	word[len] = '\0';
	return true;
}

/* True if no setting before INDEX has the same WORD below PREFIX. */
static bool is_first(
	const struct setting_table *table, size_t index, const char *prefix, const char *word)
{
	char other[WORD_MAX];
	for (size_t i = 0; i < index; i++)
		if (word_below(other, table->settings[i].path, prefix) && text_equal(other, word))
			return false;
	return true;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Levenshtein's distance of two words of fewer than WORD_MAX bytes. */
static size_t distance(const char *a, const char *b)
{
	size_t row[WORD_MAX];
	size_t width = strlen(b);
	for (size_t j = 0; j <= width; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1] != '\0'; i++) {
		size_t corner = row[0];
		row[0] = i;
		for (size_t j = 1; j <= width; j++) {
			size_t changed = corner + (a[i - 1] != b[j - 1]);
			corner = row[j];
			row[j] = least(changed, least(row[j], row[j - 1]) + 1);
		}
	}
	return row[width];
}

/* List the words known below PREFIX, the nearest to KEY first named if it is near enough. */
static void describe_known(
	struct text *out, const struct setting_table *table, const char *prefix, const char *key)
{
	char word[WORD_MAX];
	char nearest[WORD_MAX] = "";
	size_t best = strlen(key) < WORD_MAX ? strlen(key) / 3 + 2 : 0;
	TEXT known;
	text_init(&known, FAULT_TEXT_MAX);
	for (size_t i = 0; i < table->count; i++) {
		if (!word_below(word, table->settings[i].path, prefix) ||
			!is_first(table, i, prefix, word))
			continue;
		text_addf(&known, "%s%s", known.len > 0 ? ", " : "", word);
		size_t far = best > 0 ? distance(key, word) : best;
		if (far < best) {
			best = far;
			memcpy(nearest, word, sizeof(nearest));
		}
	}
	if (nearest[0] != '\0')
		text_addf(out, "; did you mean \"%s\"?", nearest);
	text_addf(out, "%s known here: %s", nearest[0] != '\0' ? "" : ";", known.data);
}

static bool refuse_unknown(const struct setting_table *table, const char *prefix,
	const struct yaml_node *node, struct fault *fault)
{
	TEXT known;
	text_init(&known, FAULT_TEXT_MAX);
	describe_known(&known, table, prefix, node->key);
	(void)fault_set(fault, FAULT_INPUT, "%zu:%zu: unknown key \"%.60s\"%s", node->key_line,
		node->key_column, node->key, known.data);
	return false;
}

/* ---- reading ---- */

static const struct setting *find_setting(const struct setting_table *table, const char *path)
{
	for (size_t i = 0; i < table->count; i++)
		if (text_equal(table->settings[i].path, path))
			return &table->settings[i];
	return NULL;
}

static bool leads_to_settings(const struct setting_table *table, const char *path)
{
	size_t len = strlen(path);
	for (size_t i = 0; i < table->count; i++)
		if (text_starts(table->settings[i].path, path) &&
			table->settings[i].path[len] == '.')
			return true;
	return false;
}

static bool read_value(const struct setting *setting, void *into, const struct yaml_node *node,
	struct fault *fault)
{
	if (node->kind != YAML_SCALAR)
		return settings_refuse(node, fault, "%s must be a single value", setting->path);
	if (node->quoted && !is_text_type(setting->type))
		return settings_refuse(node, fault, "%s must stand without quotes", setting->path);
	if (!node->quoted && (text_equal(node->text, "~") || text_equal(node->text, "null")))
		return settings_refuse(node, fault,
			"%s cannot be null; leave the line out for the default", setting->path);
	if (set_value(setting, into, node->text, fault))
		return true;
	return fault_prefix(fault, "%zu:%zu", node->line, node->column);
}

/* Hand NODE to the owner of lists; unknown if it is not its own either. */
static bool read_list(const struct setting_table *table, void *into, const char *path,
	const struct yaml_node *node, struct fault *fault)
{
	if (table->list == NULL)
		return fault_set(fault, FAULT_ABSENT, "no list");
	if (table->list(into, path, node, fault))
		return true;
	if (fault->kind != FAULT_ABSENT && (fault->text[0] < '0' || fault->text[0] > '9'))
		return fault_prefix(fault, "%zu:%zu", node->line, node->column);
	return false;
}

static bool read_level(const struct setting_table *table, void *into, const char *prefix,
	const struct yaml_node *mapping, struct fault *fault);

static bool read_key(const struct setting_table *table, void *into, const char *prefix,
	const struct yaml_node *node, struct fault *fault)
{
	char path[PATH_MAX_LEN];
	int len = snprintf(path, sizeof(path) - 1, "%s%s", prefix, node->key);
	bool fits = len > 0 && (size_t)len < sizeof(path) - 1 && strchr(node->key, '.') == NULL;
	if (!fits)
		return refuse_unknown(table, prefix, node, fault);
	const struct setting *setting = find_setting(table, path);
	if (setting != NULL)
		return read_value(setting, into, node, fault);
	if (leads_to_settings(table, path)) {
		path[len] = '.';
		path[len + 1] = '\0';
		return read_level(table, into, path, node, fault);
	}
	if (read_list(table, into, path, node, fault))
		return true;
	return fault->kind == FAULT_ABSENT ? refuse_unknown(table, prefix, node, fault) : false;
}

static bool read_level(const struct setting_table *table, void *into, const char *prefix,
	const struct yaml_node *mapping, struct fault *fault)
{
	if (mapping->kind != YAML_MAPPING)
		return settings_refuse(mapping, fault, "%s must be a mapping (`name: value` lines)",
			mapping->key != NULL ? mapping->key : "this");
	for (const struct yaml_node *node = mapping->child; node != NULL; node = node->next)
		if (!read_key(table, into, prefix, node, fault))
			return false;
	return true;
}

bool settings_apply(const struct setting_table *table, void *into, const struct yaml_node *mapping,
	struct fault *fault)
{
	return read_level(table, into, "", mapping, fault);
}

bool settings_read(
	const struct setting_table *table, void *into, const char *file, struct fault *fault)
{
	size_t len = 0;
	OWNED char *content = file_read(file, YAML_TREE_BYTES_MAX, &len, fault);
	if (content == NULL) {
		fault->kind = FAULT_INPUT;
		return false;
	}
	CLEANUP(yaml_tree_freep) struct yaml_node *root = yaml_tree_read(file, content, len, fault);
	if (root == NULL)
		return false;
	if (!settings_apply(table, into, root, fault))
		return fault->text[0] >= '0' && fault->text[0] <= '9'
			? fault_set(fault, fault->kind, "%s:%s", file, fault->text)
			: fault_prefix(fault, "%s", file);
	return true;
}

/* ---- printing ---- */

/* TEXT in YAML's double quotes. */
static void print_quoted(const char *text, FILE *out)
{
	(void)fputc('"', out);
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		if (c == '"' || c == '\\')
			(void)fprintf(out, "\\%c", c);
		else if (c < ' ' || c == 0x7f)
			(void)fprintf(out, "\\x%02X", c);
		else
			(void)fputc(c, out);
	}
	(void)fputc('"', out);
}

static void print_value(const struct setting *setting, const void *from, FILE *out)
{
	const void *place = place_in(setting, from);
	switch (setting->type) {
	case SETTING_TEXT:
	case SETTING_SECRET: {
		const char *const *text = place;
		print_quoted(*text != NULL ? *text : "", out);
		return;
	}
	case SETTING_NUMBER: {
		const int64_t *number = place;
		(void)fprintf(out, "%lld", (long long)*number);
		return;
	}
	case SETTING_FLAG: {
		const bool *flag = place;
		(void)fputs(*flag ? "true" : "false", out);
		return;
	}
	}
}

static void print_setting(
	const struct setting *setting, const char *word, int indent, const void *from, FILE *out)
{
	(void)fprintf(out, "%*s# %s", indent, "", setting->help);
	if (setting->type == SETTING_NUMBER && (setting->min != 0 || setting->max != 0))
		(void)fprintf(
			out, " (%lld to %lld)", (long long)setting->min, (long long)setting->max);
	(void)fprintf(out, "\n%*s%s: ", indent, "", word);
	print_value(setting, from, out);
	(void)fputc('\n', out);
}

static void print_level(const struct setting_table *table, const char *prefix, int indent,
	const void *from, FILE *out)
{
	char word[WORD_MAX];
	char path[PATH_MAX_LEN];
	for (size_t i = 0; i < table->count; i++) {
		const struct setting *setting = &table->settings[i];
		if (!word_below(word, setting->path, prefix) || !is_first(table, i, prefix, word))
			continue;
		int len = snprintf(path, sizeof(path), "%s%s", prefix, word);
		if (text_equal(setting->path, path)) {
			print_setting(setting, word, indent, from, out);
			continue;
		}
		assert(len > 0 && (size_t)len < sizeof(path) - 1);
		path[len] = '.';
		path[len + 1] = '\0';
		(void)fprintf(out, "%*s%s:\n", indent, "", word);
		print_level(table, path, indent + 2, from, out);
	}
}

void settings_print(const struct setting_table *table, const void *from, FILE *out)
{
	print_level(table, "", 0, from, out);
}
