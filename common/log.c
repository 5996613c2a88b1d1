/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines: built whole, then written by one write(2), so that lines of several processes never
 * mix. */
#include "common/log.h"

#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/text.h"

enum { LOG_LINE_MAX = 8192, LOG_VALUE_MAX = 2000, MASK_BUFFERS = 4, MASK_STARS = 16 };

static const char *const level_words[] = { "error", "warn", "info", "debug" };
static const char *log_unit = "xuqi";
static enum log_level log_least = LOG_LEVEL_INFO;

void log_init(const char *unit, enum log_level least)
{
	log_unit = unit;
	log_least = least;
}

bool log_level_parse(enum log_level *out, const char *word)
{
	for (unsigned i = 0; i < COUNT_OF(level_words); i++) {
		if (text_equal(word, level_words[i])) {
			*out = (enum log_level)i;
			return true;
		}
	}
	return false;
}

static bool needs_quotes(const char *value)
{
	if (*value == '\0')
		return true;
	for (; *value != '\0'; value++)
		if ((unsigned char)*value <= ' ' || *value == '"' || *value == '=' ||
			*value == '\\' || *value == 0x7f)
			return true;
	return false;
}

static void add_quoted(struct text *line, const char *value)
{
	text_add(line, "\"");
	for (size_t i = 0; value[i] != '\0' && i < LOG_VALUE_MAX; i++) {
		unsigned char c = (unsigned char)value[i];
		if (c == '"' || c == '\\')
			text_addf(line, "\\%c", c);
		else if (c == '\n')
			text_add(line, "\\n");
		else if (c < ' ' || c == 0x7f)
			text_addf(line, "\\x%02x", c);
		else
			text_add_bytes(line, &value[i], 1);
	}
	text_add(line, "\"");
}

static void add_pair(struct text *line, const struct log_pair *pair)
{
	text_addf(line, " %s=", pair->key);
	if (pair->text == NULL)
		text_addf(line, "%lld", (long long)pair->number);
	else if (needs_quotes(pair->text))
		add_quoted(line, pair->text);
	else
		text_add_bytes(line, pair->text, strnlen(pair->text, LOG_VALUE_MAX));
}

void log_write(enum log_level level, const char *event, const struct log_pair *pairs, size_t count)
{
	if (level > log_least)
		return;
	char at[CLOCK_TEXT];
	clock_format(at, clock_now() / 1000 * 1000);
	TEXT line;
	text_init(&line, LOG_LINE_MAX);
	text_addf(&line, "time=%s level=%s unit=%s event=%s", at, level_words[level], log_unit,
		event);
	for (size_t i = 0; i < count; i++)
		add_pair(&line, &pairs[i]);
	line.max = LOG_LINE_MAX + 1; /* a line that was cut still ends */
	line.full = false;
	text_add(&line, "\n");
	ssize_t written = write(STDERR_FILENO, line.data, line.len);
	(void)written; /* there is no better place to tell it */
}

/* Where the last two UTF-8 characters of TEXT begin. */
static const char *last_two(const char *text)
{
	const char *at = text + strlen(text);
	for (int left = 2; left > 0 && at > text; left--) {
		at--;
		while (at > text && ((unsigned char)*at & 0xc0) == 0x80)
			at--;
	}
	return at;
}

const char *log_masked(const char *text)
{
	static char buffers[MASK_BUFFERS][MASK_STARS + 16];
	static unsigned next;
	char *out = buffers[next++ % MASK_BUFFERS];
	if (text == NULL)
		text = "";
	const char *tail = last_two(text);
	if (tail == text || strlen(tail) > 8)
		tail = text + strlen(text); /* so short that two characters would be most of it */
	size_t stars = 0;
	for (const char *at = text; at < tail && stars < MASK_STARS; at++)
		if (((unsigned char)*at & 0xc0) != 0x80)
			out[stars++] = '*';
	memcpy(out + stars, tail, strlen(tail) + 1);
	return out;
}
