/* SPDX-License-Identifier: Apache-2.0 */
/* The decode ladder: each rung either reads the whole file or says at which byte it gave up.  The
 * tables of GB18030 and UTF-16 are glibc's iconv, which is strict. */
#include "orchestrator/formats/charset.h"

#include <errno.h>
#include <iconv.h>
#include <stdint.h>
#include <string.h>

#include "common/text.h"
#include "common/utf8.h"

struct charset_kind {
	const char *word;
	const char *iconv; /* NULL: it is UTF-8 already */
	const char *mark;  /* byte order mark, skipped */
	size_t mark_len;
};

static const struct charset_kind charset_kinds[] = {
	[CHARSET_UTF8] = { "UTF-8", NULL, "", 0 },
	[CHARSET_UTF8_BOM] = { "UTF-8 with BOM", NULL, "\xEF\xBB\xBF", 3 },
	[CHARSET_UTF16LE] = { "UTF-16LE", "UTF-16LE", "\xFF\xFE", 2 },
	[CHARSET_UTF16BE] = { "UTF-16BE", "UTF-16BE", "\xFE\xFF", 2 },
	[CHARSET_GB18030] = { "GB18030", "GB18030", "", 0 },
};

static const struct {
	const char *magic;
	size_t len;
	const char *what;
} charset_foreign[] = {
	{ "\xD0\xCF\x11\xE0", 4, "an Excel 97-2003 workbook" },
	{ "PK\x03\x04", 4, "an Excel (XLSX) workbook or another ZIP archive" },
	{ "%PDF-", 5, "a PDF document" },
};

const char *charset_word(enum charset charset)
{
	return charset_kinds[charset].word;
}

void charset_done(struct charset_text *text)
{
	free(text->text);
	*text = (struct charset_text){ 0 };
}

/* True if all bytes are UTF-8 without NUL; else *BAD is the offset of the first that is not. */
static bool is_utf8(size_t *bad, const char *bytes, size_t len)
{
	uint32_t code = 0;

	for (size_t at = 0; at < len;) {
		size_t step = utf8_next(&code, bytes + at, len - at);
		if (code == UTF8_BAD || code == 0) {
			*bad = at;
			return false;
		}
		at += step;
	}
	return true;
}

/* One pass of iconv over everything; a UTF-8 character is never more than twice its GB18030 or
 * UTF-16 form, so the buffer is given once. */
static bool convert(
	struct charset_text *out, size_t *bad, enum charset charset, const char *bytes, size_t len)
{
	iconv_t tables = iconv_open("UTF-8", charset_kinds[charset].iconv);
	OWNED char *buffer = zalloc(len * 2 + 1, 1);
	char *from = NULL, *to = buffer;
	size_t from_left = len, to_left = len * 2;

	*bad = 0;
	if ((intptr_t)tables == -1)
		return false;
	memcpy(&from, &bytes,
		sizeof(from)); /* iconv only reads, but its prototype lacks the const */
	size_t result = iconv(tables, &from, &from_left, &to, &to_left);
	iconv_close(tables);
	*bad = len - from_left;
	if (result != 0 || from_left != 0)
		return false;
	*out = (struct charset_text){ .len = len * 2 - to_left, .charset = charset };
	out->text = take(buffer);
	return true;
}

static bool decode_marked(struct charset_text *out, enum charset charset, const char *bytes,
	size_t len, struct fault *fault)
{
	const struct charset_kind *kind = &charset_kinds[charset];
	struct charset_text text = { .charset = charset };
	size_t bad = 0;

	bytes += kind->mark_len;
	len -= kind->mark_len;
	if (kind->iconv == NULL) {
		text.text = zalloc(len + 1, 1);
		memcpy(text.text, bytes, len);
		text.len = len;
	} else if (!convert(&text, &bad, charset, bytes, len)) {
		return fault_set(fault, FAULT_INPUT,
			"the file starts as %s but byte %zu cannot be read; export it again as CSV",
			kind->word, bad + kind->mark_len);
	}
	if (!is_utf8(&bad, text.text, text.len)) {
		charset_done(&text);
		return fault_set(fault, FAULT_INPUT,
			"the file starts as %s but is damaged at character byte %zu; export it again as CSV",
			kind->word, bad);
	}
	*out = text;
	return true;
}

static bool decode_unmarked(
	struct charset_text *out, const char *bytes, size_t len, struct fault *fault)
{
	struct charset_text text = { .charset = CHARSET_UTF8 };
	size_t bad_utf8 = 0, bad = 0;

	if (is_utf8(&bad_utf8, bytes, len)) {
		text.text = zalloc(len + 1, 1);
		memcpy(text.text, bytes, len);
		text.len = len;
		*out = text;
		return true;
	}
	if (memchr(bytes, '\0', len) != NULL)
		return fault_set(fault, FAULT_INPUT,
			"byte %zu is NUL: this is no text file; export the statement as CSV",
			(size_t)((const char *)memchr(bytes, '\0', len) - bytes));
	if (convert(out, &bad, CHARSET_GB18030, bytes, len))
		return true;
	return fault_set(fault, FAULT_INPUT,
		"the file is neither UTF-8 (byte %zu) nor GB18030 (byte %zu): it is damaged there; "
		"export it again as CSV",
		bad_utf8, bad);
}

bool charset_decode(struct charset_text *out, const void *bytes, size_t len, struct fault *fault)
{
	static const enum charset marked[] = { CHARSET_UTF8_BOM, CHARSET_UTF16LE, CHARSET_UTF16BE };

	if (len > CHARSET_BYTES_MAX)
		return fault_set(fault, FAULT_INPUT,
			"the file has %zu bytes, at most %d are read: split it", len,
			CHARSET_BYTES_MAX);
	for (size_t i = 0; i < COUNT_OF(charset_foreign); i++) {
		if (len >= charset_foreign[i].len &&
			memcmp(bytes, charset_foreign[i].magic, charset_foreign[i].len) == 0)
			return fault_set(fault, FAULT_INPUT,
				"the file is %s: export or save it as CSV",
				charset_foreign[i].what);
	}
	for (size_t i = 0; i < COUNT_OF(marked); i++) {
		const struct charset_kind *kind = &charset_kinds[marked[i]];
		if (len >= kind->mark_len && memcmp(bytes, kind->mark, kind->mark_len) == 0)
			return decode_marked(out, marked[i], bytes, len, fault);
	}
	return decode_unmarked(out, bytes, len, fault);
}

void charset_cursor_init(
	struct charset_cursor *cursor, const struct charset_text *text, const void *bytes)
{
	*cursor = (struct charset_cursor){ .text = text, .bytes = bytes };
	cursor->original = charset_kinds[text->charset].mark_len;
}

/* The length in the original of the character that stands at the cursor and has UTF8_LEN bytes
 * in UTF-8.  GB18030: one byte, two, or four when the second is a digit. */
static size_t original_length(const struct charset_cursor *cursor, size_t utf8_len)
{
	switch (cursor->text->charset) {
	case CHARSET_UTF8:
	case CHARSET_UTF8_BOM:
		return utf8_len;
	case CHARSET_UTF16LE:
	case CHARSET_UTF16BE:
		return utf8_len == 4 ? 4 : 2;
	case CHARSET_GB18030:
		if (utf8_len == 1)
			return 1;
		return cursor->bytes[cursor->original + 1] < 0x40 ? 4 : 2;
	}
	return utf8_len;
}

size_t charset_original(struct charset_cursor *cursor, size_t offset)
{
	const struct charset_text *text = cursor->text;

	while (cursor->at < offset && cursor->at < text->len) {
		size_t len = utf8_length((unsigned char)text->text[cursor->at]);
		cursor->original += original_length(cursor, len);
		cursor->at += len;
	}
	return cursor->original;
}
