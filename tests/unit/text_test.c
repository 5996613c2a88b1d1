/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded texts, and the faults that are made of them. */
#include "common/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/fault.h"

static void a_text_grows_up_to_its_maximum_and_drops_what_is_beyond_whole(void **state)
{
	TEXT text;
	(void)state;
	text_init(&text, 100);

	for (int i = 0; i < 9; i++)
		text_addf(&text, "%010d", i);
	text_add(&text, "0123456789");
	assert_false(text_full(&text));
	text_add(&text, "x");

	assert_true(text_full(&text));
	assert_int_equal(text.len, 100);
	assert_string_equal(text.data + 90, "0123456789");
}

static void after_one_dropped_write_nothing_more_is_added(void **state)
{
	TEXT text;
	(void)state;
	text_init(&text, 4);

	text_add(&text, "12345");
	text_add(&text, "1"); /* would fit, and would make a sentence with a hole */

	assert_true(text_full(&text));
	assert_string_equal(text.data, "");
	text_clear(&text);
	text_add(&text, "1");
	assert_false(text_full(&text));
	assert_string_equal(text.data, "1");
}

static void taking_the_content_leaves_an_empty_text(void **state)
{
	TEXT text;
	size_t len = 0;
	(void)state;
	text_init(&text, 10);
	text_add_bytes(&text, "a\0b", 3);

	OWNED char *content = text_take(&text, &len);

	assert_int_equal(len, 3);
	assert_memory_equal(content, "a\0b", 4);
	assert_string_equal(text.data, "");
	assert_int_equal(text.max, 10);
}

static void a_zeroed_text_can_be_done(void **state)
{
	struct text text = { 0 };
	(void)state;
	text_done(&text);
	assert_null(text.data);
}

static void null_equals_only_null(void **state)
{
	(void)state;
	assert_true(text_equal(NULL, NULL));
	assert_false(text_equal(NULL, ""));
	assert_false(text_equal("", NULL));
	assert_true(text_equal("a", "a"));
	assert_true(text_starts("abc", "ab"));
	assert_false(text_starts("a", "ab"));
	assert_null(text_dup(NULL));
}

static void a_fault_is_cut_between_characters(void **state)
{
	struct fault fault;
	TEXT text;
	(void)state;
	text_init(&text, 1000);
	text_add(&text, "x");
	while (text.len < 600)
		text_add(&text, "证");

	assert_false(fault_set(&fault, FAULT_INPUT, "%s", text.data));

	/* 479 bytes are room for x and 159 whole characters */
	assert_int_equal(strlen(fault.text), 478);
	assert_string_equal(fault.text + 475, "证");
}

static void a_fault_may_be_made_of_its_own_text(void **state)
{
	struct fault fault;
	(void)state;
	assert_false(fault_set(&fault, FAULT_LATER, "the bank sleeps"));

	assert_false(fault_prefix(&fault, "payment %d", 7));
	assert_false(fault_set(&fault, fault.kind, "again: %s", fault.text));

	assert_string_equal(fault.text, "again: payment 7: the bank sleeps");
	assert_int_equal(fault.kind, FAULT_LATER);
	assert_string_equal(fault_word(fault.kind), "later");
	assert_string_equal(fault_word(FAULT_BUG), "bug");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_grows_up_to_its_maximum_and_drops_what_is_beyond_whole),
		cmocka_unit_test(after_one_dropped_write_nothing_more_is_added),
		cmocka_unit_test(taking_the_content_leaves_an_empty_text),
		cmocka_unit_test(a_zeroed_text_can_be_done),
		cmocka_unit_test(null_equals_only_null),
		cmocka_unit_test(a_fault_is_cut_between_characters),
		cmocka_unit_test(a_fault_may_be_made_of_its_own_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
