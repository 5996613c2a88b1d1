/* SPDX-License-Identifier: Apache-2.0 */
/* The decode ladder: which rung takes a file, what it refuses, and where it says that the fault is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <iconv.h>
#include <string.h>

#include "common/text.h"
#include "common/utf8.h"
#include "orchestrator/formats/charset.h"

static const char mixed[] = "a中€文，1㐀😀\xC2\xB7\xE9\xBE\xA6z"; /* 1, 2 and 4 bytes in GB18030 */

static size_t encode(char *out, size_t room, const char *charset, const char *text, size_t len)
{
	iconv_t tables = iconv_open(charset, "UTF-8");
	char *from = text_dup(text), *at = from, *to = out;
	size_t left = len, space = room;

	assert_true((intptr_t)tables != -1);
	assert_int_equal(iconv(tables, &at, &left, &to, &space), 0);
	iconv_close(tables);
	free(from);
	return room - space;
}

static void assert_decodes(const void *bytes, size_t len, enum charset charset, const char *text)
{
	struct charset_text out = { 0 };
	struct fault fault = { 0 };

	if (!charset_decode(&out, bytes, len, &fault))
		fail_msg("%s", fault.text);
	assert_int_equal(out.charset, charset);
	assert_int_equal(out.len, strlen(text));
	assert_string_equal(out.text, text);
	charset_done(&out);
}

static void assert_refused(const void *bytes, size_t len, const char *part)
{
	struct charset_text out = { 0 };
	struct fault fault = { 0 };

	assert_false(charset_decode(&out, bytes, len, &fault));
	assert_int_equal(fault.kind, FAULT_INPUT);
	assert_null(out.text);
	if (strstr(fault.text, part) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", fault.text, part);
}

static void every_rung_reads_the_same_text(void **state)
{
	char bytes[128] = "";
	size_t len = strlen(mixed);

	(void)state;
	assert_decodes(mixed, len, CHARSET_UTF8, mixed);
	(void)stpcpy(stpcpy(bytes, "\xEF\xBB\xBF"), mixed);
	assert_decodes(bytes, len + 3, CHARSET_UTF8_BOM, mixed);
	assert_decodes(
		bytes, encode(bytes, sizeof(bytes), "GB18030", mixed, len), CHARSET_GB18030, mixed);
	(void)stpcpy(bytes, "\xFF\xFE");
	assert_decodes(bytes, 2 + encode(bytes + 2, sizeof(bytes) - 2, "UTF-16LE", mixed, len),
		CHARSET_UTF16LE, mixed);
	(void)stpcpy(bytes, "\xFE\xFF");
	assert_decodes(bytes, 2 + encode(bytes + 2, sizeof(bytes) - 2, "UTF-16BE", mixed, len),
		CHARSET_UTF16BE, mixed);
	assert_decodes("", 0, CHARSET_UTF8, "");
}

static void utf8_is_judged_by_the_whole_file_not_by_its_head(void **state)
{
	OWNED char *bytes = zalloc(100002, 1);

	(void)state;
	memset(bytes, 'a', 100000);
	bytes[100000] = '\xD6'; /* 中 in GB18030, behind 100 kB of ASCII */
	bytes[100001] = '\xD0';
	struct charset_text out = { 0 };
	struct fault fault = { 0 };
	assert_true(charset_decode(&out, bytes, 100002, &fault));
	assert_int_equal(out.charset, CHARSET_GB18030);
	assert_string_equal(out.text + 100000, "中");
	charset_done(&out);
}

static void damage_is_refused_with_its_byte(void **state)
{
	(void)state;
	assert_refused("ab\xFF\xFF", 4, "UTF-8 (byte 2) nor GB18030 (byte 2)");
	assert_refused("abc\xD6", 4, "GB18030 (byte 3)"); /* cut inside a character */
	assert_refused("\xEF\xBB\xBF"
		       "ab\xC3",
		6, "damaged");
	assert_refused("\xEF\xBB\xBF"
		       "\xED\xA0\x80",
		6, "damaged"); /* a surrogate */
	assert_refused("\xFF\xFE"
		       "a\0b",
		5, "byte 4");
	assert_refused("a\0b", 3, "byte 1 is NUL");
}

static void workbooks_are_refused_by_name(void **state)
{
	(void)state;
	assert_refused("\xD0\xCF\x11\xE0\xA1\xB1", 6, "Excel 97");
	assert_refused("PK\x03\x04rest", 8, "XLSX");
	assert_refused("%PDF-1.7", 8, "PDF");
}

/* For each character: the offset in the original is the length of what stands before it, encoded. */
static void check_offsets(const char *charset, const char *mark, size_t mark_len)
{
	char bytes[128], prefix[128];
	struct charset_text out = { 0 };
	struct charset_cursor cursor;
	struct fault fault = { 0 };

	memcpy(bytes, mark, mark_len);
	size_t len = mark_len +
		encode(bytes + mark_len, sizeof(bytes) - mark_len, charset, mixed, strlen(mixed));
	assert_true(charset_decode(&out, bytes, len, &fault));
	charset_cursor_init(&cursor, &out, bytes);
	for (size_t at = 0; at < out.len; at += utf8_length((unsigned char)out.text[at]))
		assert_int_equal(charset_original(&cursor, at),
			mark_len + encode(prefix, sizeof(prefix), charset, mixed, at));
	assert_int_equal(charset_original(&cursor, out.len), len);
	charset_done(&out);
}

static void places_are_those_of_the_original_bytes(void **state)
{
	(void)state;
	check_offsets("UTF-8", "", 0);
	check_offsets("UTF-8", "\xEF\xBB\xBF", 3);
	check_offsets("GB18030", "", 0);
	check_offsets("UTF-16LE", "\xFF\xFE", 2);
	check_offsets("UTF-16BE", "\xFE\xFF", 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_rung_reads_the_same_text),
		cmocka_unit_test(utf8_is_judged_by_the_whole_file_not_by_its_head),
		cmocka_unit_test(damage_is_refused_with_its_byte),
		cmocka_unit_test(workbooks_are_refused_by_name),
		cmocka_unit_test(places_are_those_of_the_original_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
