/* SPDX-License-Identifier: Apache-2.0 */
/* The flat JSON lines of journal and ledger, without a JSON library: the resident supervisor links
 * none. */
#include "agent/base/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/file.h"
#include "common/text.h"

/* ---- reading ---------------------------------------------------------------------------------- */

struct cursor {
	char *from; /* next character to read */
	char *to;   /* where the unescaped text is written, never ahead of FROM */
};

/* A control character written as \u00XX; nothing else is ever escaped that way here. */
static bool unescape_control(struct cursor *cursor)
{
	unsigned char code[2];
	char digits[5] = { 0 };

	memcpy(digits, cursor->from, strnlen(cursor->from, 4));
	if (!hex_decode(code, sizeof(code), digits) || code[0] != 0 || code[1] == 0 ||
		code[1] >= 0x20)
		return false;
	*cursor->to++ = (char)code[1];
	cursor->from += 4;
	return true;
}

static bool unescape(struct cursor *cursor)
{
	char letter = *cursor->from++;

	if (letter == 'u')
		return unescape_control(cursor);
	if (letter != '"' && letter != '\\')
		return false;
	*cursor->to++ = letter;
	return true;
}

/* "…" at the cursor; the unescaped text replaces it in place. */
static const char *read_string(struct cursor *cursor)
{
	const char *start = NULL;

	if (*cursor->from++ != '"')
		return NULL;
	cursor->to = cursor->from;
	start = cursor->to;
	while (*cursor->from != '"') {
		char letter = *cursor->from;

		if ((unsigned char)letter < 0x20)
			return NULL; /* also the end of the line */
		cursor->from++;
		if (letter != '\\')
			*cursor->to++ = letter;
		else if (!unescape(cursor))
			return NULL;
	}
	cursor->from++;
	*cursor->to = '\0';
	return start;
}

static bool read_pair(struct record *record, struct cursor *cursor)
{
	struct record_pair pair = { 0 };

	if (record->count == RECORD_PAIRS_MAX)
		return false;
	pair.key = read_string(cursor);
	if (pair.key == NULL || *cursor->from++ != ':')
		return false;
	pair.value = read_string(cursor);
	if (pair.value == NULL)
		return false;
	record->pairs[record->count++] = pair;
	return true;
}

static bool read_object(struct record *record)
{
	struct cursor cursor = { record->text, record->text };

	if (*cursor.from++ != '{')
		return false;
	for (;;) {
		char next = '\0';

		if (!read_pair(record, &cursor))
			return false;
		next = *cursor.from++;
		if (next == '}')
			return *cursor.from == '\0';
		if (next != ',')
			return false;
	}
}

bool record_parse(struct record *out, const char *line, struct fault *fault)
{
	struct record record = { 0 };

	if (strlen(line) > RECORD_LINE_MAX)
		return fault_set(
			fault, FAULT_INPUT, "the record is longer than %d bytes", RECORD_LINE_MAX);
	record.text = text_dup(line);
	if (!read_object(&record)) {
		record_done(&record);
		return fault_set(fault, FAULT_INPUT, "the record is not a flat object of texts");
	}
	*out = record;
	return true;
}

const char *record_get(const struct record *record, const char *key)
{
	for (size_t i = 0; i < record->count; i++)
		if (text_equal(record->pairs[i].key, key))
			return record->pairs[i].value;
	return "";
}

void record_done(struct record *record)
{
	free(record->text);
	*record = (struct record){ 0 };
}

/* ---- files ------------------------------------------------------------------------------------ */

static size_t count_lines(const char *bytes)
{
	size_t count = 0;

	for (const char *end = strchr(bytes, '\n'); end != NULL; end = strchr(end + 1, '\n'))
		count++;
	return count;
}

static bool parse_lines(
	struct record_list *list, char *bytes, const char *path, struct fault *fault)
{
	char *line = bytes;

	list->items = zalloc(count_lines(bytes) + 1, sizeof(*list->items));
	for (char *end = strchr(line, '\n'); end != NULL; end = strchr(line, '\n')) {
		*end = '\0';
		if (!record_parse(&list->items[list->count], line, fault))
			return fault_prefix(fault, "%s:%zu", path, list->count + 1);
		list->count++;
		line = end + 1;
	}
	return true;
}

bool record_list_read(struct record_list *list, const char *path, struct fault *fault)
{
	size_t len = 0;
	OWNED char *bytes = NULL;

	*list = (struct record_list){ 0 };
	bytes = file_read(path, RECORD_FILE_MAX, &len, fault);
	if (bytes == NULL)
		return fault->kind == FAULT_ABSENT;
	if (strlen(bytes) != len)
		return fault_set(fault, FAULT_INPUT, "%s holds a NUL byte", path);
	return parse_lines(list, bytes, path, fault);
}

void record_list_done(struct record_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		record_done(&list->items[i]);
	free(list->items);
	*list = (struct record_list){ 0 };
}

/* ---- writing ---------------------------------------------------------------------------------- */

static void add_string(struct text *line, const char *value)
{
	text_add(line, "\"");
	for (const char *at = value; *at != '\0'; at++) {
		if ((unsigned char)*at < 0x20)
			text_addf(line, "\\u%04x", (unsigned)*at);
		else if (*at == '"' || *at == '\\')
			text_addf(line, "\\%c", *at);
		else
			text_add_bytes(line, at, 1);
	}
	text_add(line, "\"");
}

/* Cut FD back to its last whole line. */
static bool cut_torn_line(int fd, const char *path, struct fault *fault)
{
	struct stat status;
	off_t end = 0;
	char last = '\n';

	if (fstat(fd, &status) != 0)
		return fault_set(
			fault, FAULT_LATER, "cannot look at %s: %s", path, strerror(errno));
	for (end = status.st_size; end > 0; end--) {
		if (pread(fd, &last, 1, end - 1) != 1)
			return fault_set(
				fault, FAULT_LATER, "cannot read %s: %s", path, strerror(errno));
		if (last == '\n')
			break;
	}
	if (end == status.st_size)
		return true;
	if (ftruncate(fd, end) != 0 || fsync(fd) != 0)
		return fault_set(fault, FAULT_LATER, "cannot mend %s: %s", path, strerror(errno));
	return true;
}

static bool mend(const char *path, struct fault *fault)
{
	bool mended = false;
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 && errno == ENOENT)
		return true;
	if (fd < 0)
		return fault_set(fault, FAULT_LATER, "cannot open %s: %s", path, strerror(errno));
	mended = cut_torn_line(fd, path, fault);
	(void)close(fd);
	return mended;
}

bool record_append(
	const char *path, const struct record_pair *pairs, size_t count, struct fault *fault)
{
	TEXT line;

	text_init(&line, RECORD_LINE_MAX);
	for (size_t i = 0; i < count; i++) {
		text_add(&line, i == 0 ? "{" : ",");
		add_string(&line, pairs[i].key);
		text_add(&line, ":");
		add_string(&line, pairs[i].value != NULL ? pairs[i].value : "");
	}
	text_add(&line, "}");
	if (text_full(&line) || count == 0 || count > RECORD_PAIRS_MAX)
		return fault_set(fault, FAULT_BUG, "a record for %s does not fit", path);
	return mend(path, fault) && file_append(path, line.data, 0600, fault);
}
