/* SPDX-License-Identifier: Apache-2.0 */
/* Instants and RFC 3339. */
#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/own.h"

static void an_instant_becomes_rfc_3339_and_comes_back(void **state)
{
	static const struct {
		int64_t at;
		const char *text;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00Z" },
		{ INT64_C(1795334400000000), "2026-11-22T08:00:00Z" },
		{ INT64_C(1795334400120000), "2026-11-22T08:00:00.12Z" },
		{ INT64_C(1795334400000001), "2026-11-22T08:00:00.000001Z" },
		{ -1, "1969-12-31T23:59:59.999999Z" },
		{ INT64_C(1709164800000000), "2024-02-29T00:00:00Z" },
		{ INT64_C(253402300799000000), "9999-12-31T23:59:59Z" },
	};

	(void)state;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char text[CLOCK_TEXT];
		int64_t at = 42;
		clock_format(text, cases[i].at);
		assert_string_equal(text, cases[i].text);
		assert_true(clock_parse(&at, text));
		assert_true(at == cases[i].at);
	}
}

static void offsets_are_taken_into_account(void **state)
{
	int64_t noon = 0;
	int64_t same = 0;
	(void)state;

	assert_true(clock_parse(&noon, "2026-11-22T08:00:00Z"));
	assert_true(clock_parse(&same, "2026-11-22T16:00:00+08:00"));
	assert_true(noon == same);
	assert_true(clock_parse(&same, "2026-11-22t02:30:00.0000009-05:30"));
	assert_true(noon == same);
}

static void what_is_no_instant_is_refused(void **state)
{
	static const char *const wrong[] = { "", "2026-11-22", "2026-11-22T08:00Z",
		"2026-11-22T08:00:00", "2026-11-22T08:00:00+0800", "2026-11-22T24:00:00Z",
		"2026-11-22T08:60:00Z", "2026-02-30T00:00:00Z", "2025-02-29T00:00:00Z",
		"2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-11-22T08:00:00.Z",
		"2026-11-22T08:00:00Z ", " 2026-11-22T08:00:00Z", "2026-11-22T08:00:00+24:00",
		"26-11-22T08:00:00Z" };
	int64_t at = 5;
	(void)state;

	for (size_t i = 0; i < COUNT_OF(wrong); i++)
		if (clock_parse(&at, wrong[i]))
			fail_msg("%s was taken", wrong[i]);
	assert_false(clock_parse(&at, NULL));
	assert_int_equal(at, 5);
}

static void a_test_can_freeze_the_clock(void **state)
{
	(void)state;
	int64_t before = clock_now();

	clock_set(7);
	assert_int_equal(clock_now(), 7);
	clock_set(0);

	assert_true(clock_now() >= before);
	assert_true(clock_monotonic_ms() > 0);
}

static void beijing_is_eight_hours_ahead_to_the_second(void **state)
{
	char text[CLOCK_TEXT];

	(void)state;
	clock_beijing(text, INT64_C(1795363199500000));
	assert_string_equal(text, "2026-11-22 23:59:59");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_instant_becomes_rfc_3339_and_comes_back),
		cmocka_unit_test(offsets_are_taken_into_account),
		cmocka_unit_test(beijing_is_eight_hours_ahead_to_the_second),
		cmocka_unit_test(what_is_no_instant_is_refused),
		cmocka_unit_test(a_test_can_freeze_the_clock),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
