/* SPDX-License-Identifier: Apache-2.0 */
/* The check character of 统一社会信用代码 (GB 32100-2015). */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <string.h>

#include "common/own.h"
#include "orchestrator/formats/uscc.h"

static void the_codes_of_real_registers_check(void **state)
{
	/* the example of the standard, and codes that companies print on their sites */
	static const char *const good[] = { "91350100M000100Y43", "9144030071526726XG",
		"914403001922038216", "91110000802100433B" };
	struct fault fault;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++)
		assert_true(uscc_check(good[i], &fault));
}

static void every_single_mistyped_character_is_found(void **state)
{
	static const char good[] = "91350100M000100Y43";
	static const char alphabet[] = "0123456789ABCDEFGHJKLMNPQRTUWXY";
	struct fault fault;

	(void)state;
	for (size_t i = 0; i < USCC_LENGTH; i++)
		for (const char *c = alphabet; *c != '\0'; c++) {
			char typed[sizeof(good)];

			memcpy(typed, good, sizeof(good));
			typed[i] = *c;
			assert_int_equal(uscc_check(typed, &fault), *c == good[i]);
		}
}

static void a_refusal_says_what_to_look_at(void **state)
{
	struct fault fault;

	(void)state;
	assert_false(uscc_check("91350100M000100Y4", &fault));
	assert_non_null(strstr(fault.text, "17 characters"));
	assert_false(uscc_check("91350100I000100Y43", &fault));
	assert_non_null(strstr(fault.text, "character 9"));
	assert_false(uscc_check("91350100M000100Y44", &fault));
	assert_non_null(strstr(fault.text, "would be 3"));
	assert_int_equal(fault.kind, FAULT_INPUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_codes_of_real_registers_check),
		cmocka_unit_test(every_single_mistyped_character_is_found),
		cmocka_unit_test(a_refusal_says_what_to_look_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
