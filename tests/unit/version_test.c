/* SPDX-License-Identifier: Apache-2.0 */
/* Version numbers of the client program (guide chapter 1: at least 4.7.6). */
#include "common/version.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/own.h"

static void versions_are_compared_part_by_part_as_numbers(void **state)
{
	static const struct {
		const char *a, *b;
		int order;
	} cases[] = {
		{ "4.7.10", "4.7.6", 1 },
		{ "4.7.6", "4.7.10", -1 },
		{ "4.7", "4.7.0", 0 },
		{ "V4.7.6", " 4.7.6\r\n", 0 },
		{ "v4.7.6", "4.7.6.1", -1 },
		{ "10", "9.9.9.9.9.9", 1 },
		{ "4.07.6", "4.7.6", 0 },
		{ "999999999", "1", 1 },
	};

	(void)state;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		int order = 9;
		assert_true(version_compare(&order, cases[i].a, cases[i].b));
		assert_int_equal(order, cases[i].order);
	}
}

static void what_is_no_version_is_not_compared(void **state)
{
	static const char *const wrong[] = { "", "V", "4.", ".4", "4..7", "4.7.6beta", "4.7 6",
		"1.2.3.4.5.6.7", "1000000000", "-1", "4,7" };
	int order = 9;
	(void)state;

	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		assert_false(version_compare(&order, wrong[i], "4.7.6"));
		assert_false(version_compare(&order, "4.7.6", wrong[i]));
	}
	assert_false(version_compare(&order, NULL, "4.7.6"));
	assert_int_equal(order, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_are_compared_part_by_part_as_numbers),
		cmocka_unit_test(what_is_no_version_is_not_compared),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
