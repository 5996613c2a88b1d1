/* SPDX-License-Identifier: Apache-2.0 */
/* JSON under bounds. */
#include "common/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/text.h"

static struct fault fault;

static json_t *read_text(const char *text)
{
	return json_read(text, strlen(text), &fault);
}

static void values_are_read_and_written_back_in_order(void **state)
{
	static const char text[] =
		"{\"b\":[1,true,null,\"\\u8bc1\"],\"a\":{\"n\":-9223372036854775808}}";
	(void)state;
	JSON *value = read_text(text);
	assert_non_null(value);

	OWNED char *back = json_write(value);
	OWNED char *canonical = json_write_canonical(value);

	assert_string_equal(
		back, "{\"b\":[1,true,null,\"证\"],\"a\":{\"n\":-9223372036854775808}}");
	assert_string_equal(
		canonical, "{\"a\":{\"n\":-9223372036854775808},\"b\":[1,true,null,\"证\"]}");
}

static void what_is_not_json_is_refused_with_its_place(void **state)
{
	static const char *const wrong[] = { "", "{", "{\"a\":1,}", "{'a':1}", "[1] 2", "nul",
		"\"\xff\"", "{\"a\":1,\"a\":2}", "\"a\nb\"", "01", "[9223372036854775808]",
		"\"\\u0000\"", "\"\\ud800\"", "[1e999]" };
	(void)state;

	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		if (read_text(wrong[i]) != NULL)
			fail_msg("%s was taken", wrong[i]);
		assert_int_equal(fault.kind, FAULT_INPUT);
	}
	assert_null(read_text("{\n \"a\": x}"));
	assert_non_null(strstr(fault.text, "line 2"));
}

static void depth_is_bounded_but_brackets_in_texts_do_not_count(void **state)
{
	char deep[2 * (JSON_DEPTH_MAX + 1) + 1];
	(void)state;
	memset(deep, '[', JSON_DEPTH_MAX + 1);
	memset(deep + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
	deep[sizeof(deep) - 1] = '\0';

	assert_null(read_text(deep));
	assert_non_null(strstr(fault.text, "deeper"));
	JSON *allowed = json_read(deep + 1, sizeof(deep) - 3, &fault);
	assert_non_null(allowed);

	JSON *text = read_text("\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[\"");
	assert_non_null(text);
}

static void size_is_bounded(void **state)
{
	(void)state;
	OWNED char *large = zalloc(JSON_BYTES_MAX + 2, 1);
	memset(large, ' ', JSON_BYTES_MAX + 1);
	large[0] = '1';

	assert_null(json_read(large, JSON_BYTES_MAX + 1, &fault));
	JSON *allowed = json_read(large, JSON_BYTES_MAX, &fault);
	assert_non_null(allowed);
}

static void members_of_another_type_are_named(void **state)
{
	JSON *object = read_text(
		"{\"t\":\"x\",\"n\":7,\"r\":7.0,\"z\":null,\"f\":false,\"a\":[],\"o\":{}}");
	const char *text = "untouched";
	int64_t number = -1;
	bool flag = true;
	json_t *part = NULL;
	(void)state;

	assert_true(json_text(&text, object, "t", &fault));
	assert_string_equal(text, "x");
	assert_true(json_number(&number, object, "n", &fault));
	assert_int_equal(number, 7);
	assert_true(json_flag_opt(&flag, object, "f", &fault));
	assert_false(flag);
	assert_true(json_array_of(&part, object, "a", &fault));
	assert_true(json_object_of(&part, object, "o", &fault));

	assert_false(json_text(&text, object, "n", &fault));
	assert_string_equal(fault.text, "`n` must be a text");
	assert_false(json_number(&number, object, "r", &fault));
	assert_string_equal(fault.text, "`r` must be a whole number");
	assert_false(json_text(&text, object, "missing", &fault));
	assert_string_equal(fault.text, "`missing` is missing");
	assert_false(json_text(&text, object, "z", &fault));
	assert_false(json_array_of(&part, object, "o", &fault));
	assert_false(json_object_of(&part, object, "a", &fault));
	assert_string_equal(text, "x");
	assert_int_equal(number, 7);
}

static void optional_members_may_be_absent_or_null_but_not_wrong(void **state)
{
	JSON *object = read_text("{\"z\":null,\"n\":7,\"t\":\"x\"}");
	const char *text = "before";
	int64_t number = 1;
	bool flag = true;
	(void)state;

	assert_true(json_text_opt(&text, object, "z", &fault));
	assert_true(json_text_opt(&text, object, "absent", &fault));
	assert_true(json_number_opt(&number, object, "z", &fault));
	assert_true(json_flag_opt(&flag, object, "absent", &fault));
	assert_string_equal(text, "before");
	assert_int_equal(number, 1);
	assert_true(flag);
	assert_false(json_text_opt(&text, object, "n", &fault));
	assert_false(json_number_opt(&number, object, "t", &fault));
	assert_false(json_flag_opt(&flag, object, "t", &fault));
	assert_null(json_peek_text(object, "n"));
	assert_int_equal(json_peek_number(object, "t", 5), 5);
}

static void what_stands_at_a_path_is_found(void **state)
{
	JSON *root = json_loads("{\"a\":{\"list\":[{\"n\":1},{\"n\":2}]}}", 0, NULL);
	char long_part[128];

	(void)state;
	memset(long_part, 'x', sizeof long_part - 1);
	long_part[sizeof long_part - 1] = '\0';
	assert_int_equal(json_integer_value(json_at(root, "a.list.1.n")), 2);
	assert_ptr_equal(json_at(root, ""), root);
	assert_null(json_at(root, "a.list.2.n"));
	assert_null(json_at(root, "a.b.c"));
	assert_null(json_at(root, long_part));
	assert_null(json_at(NULL, "a"));
}

static void a_text_that_is_not_utf8_is_put_with_question_marks(void **state)
{
	JSON *object = json_object();
	(void)state;

	json_put_text(object, "bad",
		"a\xff"
		"b");
	json_put_text(object, "null", NULL);
	json_put_number(object, "n", INT64_MIN);
	OWNED char *text = json_write(object);

	assert_string_equal(text, "{\"bad\":\"a?b\",\"null\":null,\"n\":-9223372036854775808}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_read_and_written_back_in_order),
		cmocka_unit_test(what_is_not_json_is_refused_with_its_place),
		cmocka_unit_test(depth_is_bounded_but_brackets_in_texts_do_not_count),
		cmocka_unit_test(size_is_bounded),
		cmocka_unit_test(members_of_another_type_are_named),
		cmocka_unit_test(optional_members_may_be_absent_or_null_but_not_wrong),
		cmocka_unit_test(what_stands_at_a_path_is_found),
		cmocka_unit_test(a_text_that_is_not_utf8_is_put_with_question_marks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
