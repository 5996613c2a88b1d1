/* SPDX-License-Identifier: Apache-2.0 */
/* What people see: widths of Chinese text, money, instants, and no tricks with the terminal. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <locale.h>
#include <string.h>
#include <time.h>

#include "orchestrator/cli/grid.h"
#include "orchestrator/cli/show.h"

static json_t *json_of(const char *text)
{
	struct fault fault;
	json_t *value = json_read(text, strlen(text), &fault);

	assert_non_null(value);
	return value;
}

static void chinese_characters_take_two_places(void **state)
{
	(void)state;
	assert_int_equal(grid_width("王（财务）"), 10);
	assert_int_equal(grid_width("¥1,234.00"), 9);
	assert_int_equal(grid_width("a\xFF"), 2);
	assert_int_equal(grid_width(""), 0);
}

static void widths_need_no_locale_in_the_environment(void **state)
{
	(void)state;
	assert_int_equal(setenv("LC_ALL", "C", 1), 0);
	assert_non_null(setlocale(LC_ALL, "C"));
	grid_locale();
	assert_int_equal(grid_width("王"), 2);
	assert_int_equal(setenv("LC_ALL", "zh_CN.NOT-THERE", 1), 0);
	grid_locale();
	assert_int_equal(grid_width("王"), 2);
}

static void columns_stand_straight_whatever_the_script(void **state)
{
	JSON *items = json_of("[{\"holder\":\"上海某某公司\",\"price_fen\":20000},"
			      "{\"holder\":\"ACME\",\"price_fen\":5,\"unit\":null}]");
	TEXT out;

	(void)state;
	text_init(&out, SHOW_BYTES_MAX);
	show_list(&out, items, "holder price_fen unit");
	assert_string_equal(out.data,
		"HOLDER          PRICE  UNIT\n"
		"上海某某公司  ¥200.00  -\n"
		"ACME            ¥0.05  -\n");
}

static void an_empty_list_shows_its_heading(void **state)
{
	JSON *items = json_array();
	TEXT out;

	(void)state;
	text_init(&out, SHOW_BYTES_MAX);
	show_list(&out, items, "id due_at media_no");
	assert_string_equal(out.data, "ID  DUE  MEDIA NO\n");
}

static void money_is_grouped_yuan(void **state)
{
	static const struct {
		int64_t fen;
		const char *text;
	} cases[] = { { 0, "¥0.00" }, { 1, "¥0.01" }, { 123400, "¥1,234.00" }, { 99999, "¥999.99" },
		{ 100000000, "¥1,000,000.00" }, { -5, "-¥0.05" },
		{ INT64_MAX, "¥92,233,720,368,547,758.07" },
		{ INT64_MIN, "-¥92,233,720,368,547,758.08" } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char money[SHOW_MONEY];

		show_money(money, cases[i].fen);
		assert_string_equal(money, cases[i].text);
	}
}

static void instants_are_local_and_only_those(void **state)
{
	JSON *object = json_of(
		"{\"due_at\":\"2026-11-22T16:00:00Z\",\"not_after\":\"2026-11-22T15:59:59Z\","
		"\"text\":\"2026-11-22T16:00:00Z\",\"sent_at\":\"soon\","
		"\"since\":\"2026-11-22T16:00:00.5Z\"}");
	TEXT out;

	(void)state;
	assert_int_equal(setenv("TZ", "CST-8", 1), 0);
	tzset();
	text_init(&out, SHOW_BYTES_MAX);
	show_object(&out, object, NULL);
	assert_string_equal(out.data,
		"due at     2026-11-23 00:00:00\n"
		"not after  2026-11-22 23:59:59\n"
		"text       2026-11-22T16:00:00Z\n"
		"sent at    soon\n"
		"since      2026-11-23 00:00:00\n");
}

static void members_in_a_cell_show_their_money_once(void **state)
{
	JSON *items = json_of("[{\"terms\":[{\"years\":1,\"price_fen\":20000}]}]");
	TEXT out;

	(void)state;
	text_init(&out, SHOW_BYTES_MAX);
	show_list(&out, items, "terms");
	assert_string_equal(out.data, "TERMS\nyears=1 price=¥200.00\n");
}

static void what_to_do_stands_before_its_values(void **state)
{
	JSON *task = json_of(
		"{\"values\":{\"serial\":\"A1\",\"not_after\":\"2026-11-22T15:59:59Z\",\"paid_at\":\"2026-11-22 09:00\","
		"\"amount_fen\":20000},\"instruction\":\"1. open\\n2. type\"}");
	TEXT out;

	(void)state;
	text_init(&out, SHOW_BYTES_MAX);
	show_object(&out, task, NULL);
	assert_string_equal(out.data,
		"\nINSTRUCTION\n  1. open\n  2. type\n"
		"\nVALUES, each line as it is to be typed\nserial:\nA1\n"
		"not after:\n2026-11-22 23:59:59\npaid at:\n2026-11-22 09:00\namount:\n¥200.00\n");
}

static void a_card_keeps_its_order_and_its_labels(void **state)
{
	JSON *task = json_of(
		"{\"values\":{\"ref\":\"xq1\",\"amount\":\"200.00\",\"payer_account\":\"44\",\"lines\":["
		"{\"key\":\"payer_account\",\"label\":\"付款账号\",\"value\":\"44\"},"
		"{\"key\":\"amount\",\"label\":\"付款金额\",\"value\":\"200.00\"}],"
		"\"asks\":[{\"key\":\"result\",\"label\":\"结果\",\"choices\":[\"a\",\"b\"]}]}}");
	TEXT out;

	(void)state;
	text_init(&out, SHOW_BYTES_MAX);
	show_object(&out, task, NULL);
	assert_string_equal(out.data,
		"\nVALUES, each line as it is to be typed\n"
		"payer_account 付款账号:\n44\namount 付款金额:\n200.00\n"
		"\nASKS BACK, with --set KEY=VALUE (file: --attach FILE)\nresult: 结果 = a, b\n");
}

static void a_thing_shows_its_lists_behind_its_members(void **state)
{
	JSON *object = json_of(
		"{\"timeline\":[{\"text\":\"x\",\"at\":\"t\",\"by\":\"li\"}],"
		"\"amount_fen\":100,\"id\":7,\"payment\":{\"status\":\"paid\",\"link\":null},"
		"\"checks\":[\"one\",\"two\"],\"flags\":[\"a\"],\"empty\":[],\"ok\":true}");
	TEXT out;

	(void)state;
	text_init(&out, SHOW_BYTES_MAX);
	show_object(&out, object, NULL);
	assert_string_equal(out.data,
		"id              7\n"
		"amount          ¥1.00\n"
		"payment status  paid\n"
		"flags           a\n"
		"empty           -\n"
		"ok              yes\n"
		"\n"
		"TIMELINE\n"
		"AT  EVENT  FROM  TO  BY  TEXT\n"
		"t   -      -     -   li  x\n"
		"\n"
		"CHECKS\n"
		"  one\n"
		"  two\n");
}

static void rows_have_the_columns_of_their_command(void **state)
{
	JSON *object = json_of("{\"rows\":[{\"serial\":\"0A\",\"include\":false,\"hidden\":1}],"
			       "\"items_of\":[{\"k\":{\"a\":1,\"b\":2}}]}");
	TEXT out;

	(void)state;
	text_init(&out, SHOW_BYTES_MAX);
	show_object(&out, object, "serial include");
	assert_string_equal(out.data,
		"\nROWS\nSERIAL  INCLUDE\n0A      no\n"
		"\nITEMS OF\nK\na=1 b=2\n");
}

static void the_servers_text_cannot_steer_the_terminal(void **state)
{
	static const char overriding[] = { (char)0xE2, (char)0x80, (char)0xAE, '\0' };
	OWNED char *text = text_dupf("a\x1b[31mb\r\n\tc\x07 %stxt \xFF王", overriding);
	TEXT out;

	(void)state;
	text_init(&out, 256);
	grid_clean(&out, text);
	assert_string_equal(out.data, "a [31mb   c   txt ?王");
}

static int use_locale(void **state)
{
	(void)state;
	grid_locale();
	return 0;
}

static void the_values_of_a_task_stand_alone_on_their_lines(void **state)
{
	JSON *task = json_of(
		"{\"id\":7,\"values\":{\"payer_account\":\"6222 0000\",\"holder\":\"某某有限公司\"},"
		"\"title\":\"x\"}");
	TEXT out;

	(void)state;
	text_init(&out, SHOW_BYTES_MAX);
	show_object(&out, task, NULL);
	assert_string_equal(out.data,
		"id     7\n"
		"title  x\n"
		"\nVALUES, each line as it is to be typed\n"
		"payer account:\n6222 0000\n"
		"holder:\n某某有限公司\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_values_of_a_task_stand_alone_on_their_lines),
		cmocka_unit_test(chinese_characters_take_two_places),
		cmocka_unit_test(widths_need_no_locale_in_the_environment),
		cmocka_unit_test(columns_stand_straight_whatever_the_script),
		cmocka_unit_test(an_empty_list_shows_its_heading),
		cmocka_unit_test(money_is_grouped_yuan),
		cmocka_unit_test(instants_are_local_and_only_those),
		cmocka_unit_test(members_in_a_cell_show_their_money_once),
		cmocka_unit_test(what_to_do_stands_before_its_values),
		cmocka_unit_test(a_card_keeps_its_order_and_its_labels),
		cmocka_unit_test(a_thing_shows_its_lists_behind_its_members),
		cmocka_unit_test(rows_have_the_columns_of_their_command),
		cmocka_unit_test(the_servers_text_cannot_steer_the_terminal),
	};

	return cmocka_run_group_tests(tests, use_locale, NULL);
}
