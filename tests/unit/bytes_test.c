/* SPDX-License-Identifier: Apache-2.0 */
/* Hex, base64 and numbers: what is not exactly right is refused. */
#include "common/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/text.h"

static void bytes_become_hex_and_come_back(void **state)
{
	const unsigned char bytes[] = { 0x00, 0x7f, 0xAB, 0xff };
	unsigned char back[4];
	char text[9];
	(void)state;

	hex_encode(text, bytes, sizeof(bytes));
	assert_string_equal(text, "007fabff");
	assert_true(hex_decode(back, sizeof(back), "007FabFF"));

	assert_memory_equal(back, bytes, sizeof(bytes));
}

static void hex_of_another_length_or_alphabet_is_refused_and_nothing_is_written(void **state)
{
	static const char *const wrong[] = { "", "00", "0011223", "001122334", "0011223g",
		" 0112233", "00112233\n" };
	unsigned char out[4] = { 9, 9, 9, 9 };
	(void)state;

	for (size_t i = 0; i < COUNT_OF(wrong); i++)
		assert_false(hex_decode(out, sizeof(out), wrong[i]));
	assert_false(hex_decode(out, sizeof(out), NULL));
	assert_int_equal(out[0], 9);
}

static void base64_agrees_with_rfc_4648_section_10(void **state)
{
	static const struct {
		const char *plain, *coded;
	} cases[] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" } };

	(void)state;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		size_t len = 99;
		OWNED char *coded = base64_encode(cases[i].plain, strlen(cases[i].plain));
		OWNED unsigned char *plain = base64_decode(cases[i].coded, &len);
		assert_string_equal(coded, cases[i].coded);
		assert_int_equal(len, strlen(cases[i].plain));
		assert_string_equal((const char *)plain, cases[i].plain);
	}
}

static void every_byte_survives_base64(void **state)
{
	unsigned char bytes[256];
	size_t len = 0;
	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)i;

	OWNED char *coded = base64_encode(bytes, sizeof(bytes));
	OWNED unsigned char *back = base64_decode(coded, &len);

	assert_int_equal(len, sizeof(bytes));
	assert_memory_equal(back, bytes, sizeof(bytes));
}

static void base64_with_a_flaw_is_refused(void **state)
{
	static const char *const wrong[] = { "Z", "Zg", "Zg=", "Zh==" /* spare bits */,
		"Zm9=", "Zm9v\n", "Zm 9v", "Zm9v====", "=Zm9", "Zg==Zg==", "Zm-_", "====" };
	(void)state;

	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		size_t len = 7;
		if (base64_decode(wrong[i], &len) != NULL)
			fail_msg("%s was taken", wrong[i]);
		assert_int_equal(len, 7);
	}
	size_t len = 0;
	assert_null(base64_decode(NULL, &len));
}

static void numbers_are_read_whole_and_within_their_range(void **state)
{
	int64_t number = 0;
	(void)state;

	assert_true(number_parse(&number, "9223372036854775807", INT64_MIN, INT64_MAX));
	assert_true(number == INT64_MAX);
	assert_true(number_parse(&number, "-9223372036854775808", INT64_MIN, INT64_MAX));
	assert_true(number == INT64_MIN);
	assert_true(number_parse(&number, "007", 7, 7));
	assert_int_equal(number, 7);
}

static void what_is_not_a_number_leaves_the_old_value(void **state)
{
	static const char *const wrong[] = { "", "-", "+1", " 1", "1 ", "1.0", "1e3", "0x1", "--1",
		"6", "-6", "9223372036854775808", "-9223372036854775809", "99999999999999999999" };
	int64_t number = 3;
	(void)state;

	for (size_t i = 0; i < COUNT_OF(wrong); i++)
		assert_false(number_parse(&number, wrong[i], -5, 5));
	assert_false(number_parse(&number, NULL, -5, 5));
	assert_int_equal(number, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_become_hex_and_come_back),
		cmocka_unit_test(
			hex_of_another_length_or_alphabet_is_refused_and_nothing_is_written),
		cmocka_unit_test(base64_agrees_with_rfc_4648_section_10),
		cmocka_unit_test(every_byte_survives_base64),
		cmocka_unit_test(base64_with_a_flaw_is_refused),
		cmocka_unit_test(numbers_are_read_whole_and_within_their_range),
		cmocka_unit_test(what_is_not_a_number_leaves_the_old_value),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
