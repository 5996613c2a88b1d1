/* SPDX-License-Identifier: Apache-2.0 */
/* A list of certificates as people keep it: headers in two languages, missing media numbers, days, and
 * errors that say where. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <string.h>

#include "common/text.h"
#include "orchestrator/cli/csv_import.h"

#define HEADER "holder,uscc,service,media_no,not_after,unit,custodian,place,handler\n"
#define CHINESE \
	"序号,证书用户,统一社会信用代码,服务名称,介质编号,证书有效期至,单位部门,保管人,地点,经办人\r\n"
#define USCC "91350100M000100Y43"

static struct csv_import parsed(const char *csv)
{
	struct csv_import import;
	struct fault fault;

	if (!csv_import_parse(&import, csv, strlen(csv), &fault))
		fail_msg("%s", fault.text);
	return import;
}

/* The KEY of the first row of CSV, "" where it is null; the caller frees it. */
static char *first(const char *csv, const char *key)
{
	CLEANUP(csv_import_done) struct csv_import import = parsed(csv);
	const char *text = json_peek_text(json_array_get(import.rows, 0), key);

	assert_int_equal(json_array_size(import.errors), 0);
	return text_dup(text != NULL ? text : "");
}

static void assert_first(const char *csv, const char *key, const char *expected)
{
	OWNED char *found = first(csv, key);

	assert_string_equal(found, expected);
}

/* CSV has exactly one error: in ROW and COLUMN, with PART in its text. */
static void assert_error(const char *csv, int row, const char *column, const char *part)
{
	CLEANUP(csv_import_done) struct csv_import import = parsed(csv);
	const json_t *error = json_array_get(import.errors, 0);

	assert_int_equal(json_array_size(import.errors), 1);
	assert_int_equal(json_peek_number(error, "row", 0), row);
	assert_string_equal(json_peek_text(error, "column"), column);
	assert_non_null(strstr(json_peek_text(error, "text"), part));
}

static void headers_are_chinese_or_english(void **state)
{
	(void)state;
	assert_first(HEADER "王," USCC ",税务,M1,2026-12-31,财务部,,,\n", "holder", "王");
	assert_first("\xEF\xBB\xBF" CHINESE "1,王," USCC
		     ",税务,M1,2026-12-31,财务部,李,三楼,赵\r\n",
		"handler", "赵");
	assert_first(
		"UNIT, Holder ,uscc,service,not_after\nu,h," USCC ",s,2026-12-31\n", "unit", "u");
}

static void a_missing_media_number_is_null(void **state)
{
	(void)state;
	assert_first(HEADER "h," USCC ",s,--,2026-12-31,u,,,\n", "media_no", "");
	assert_first(HEADER "h," USCC ",s, ,2026-12-31,u,,,\n", "media_no", "");
	assert_first(HEADER "h," USCC ",s,\"=\"\"0012\"\"\",2026-12-31,u,,,\n", "media_no", "0012");
}

static void a_day_means_its_last_second_in_beijing(void **state)
{
	static const struct {
		const char *typed, *instant;
	} cases[] = {
		{ "2026-12-31", "2026-12-31T15:59:59Z" },
		{ "2026/12/31", "2026-12-31T15:59:59Z" },
		{ "2026年12月31日", "2026-12-31T15:59:59Z" },
		{ "2026-12-31 08:00:00", "2026-12-31T00:00:00Z" },
		{ "2026-12-31T08:00:00+08:00", "2026-12-31T00:00:00Z" },
		{ "2026-12-31T08:00:00Z", "2026-12-31T08:00:00Z" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		OWNED char *csv = text_dupf(HEADER "h," USCC ",s,,%s,u,,,\n", cases[i].typed);

		assert_first(csv, "not_after", cases[i].instant);
	}
}

static void an_error_names_row_column_and_remedy(void **state)
{
	(void)state;
	assert_error(HEADER "h," USCC ",s,,soon,u,,,\n", 2, "not_after", "write it as 2026-12-31");
	assert_error(HEADER "\n\nh," USCC ",s,,2026-02-30,u,,,\n", 4, "not_after", "is not a day");
	assert_error(HEADER "h,91350100M000100Y44,s,,2026-12-31,u,,,\n", 2, "uscc", "licence");
	assert_error(HEADER "," USCC ",s,,2026-12-31,u,,,\n", 2, "holder", "fill it in");
	assert_error(HEADER "h," USCC ",s,6.2E+18,2026-12-31,u,,,\n", 2, "media_no", "as text");
	assert_error(HEADER "h," USCC ",s,,2026-12-31,u,,,,x\n", 2, "", "quote cells");
}

static void a_header_that_is_not_understood_stands_alone(void **state)
{
	(void)state;
	assert_error("holder,uscc,service,not_after\nh,bad,s,bad\n", 1, "unit", "单位部门");
}

static void an_unknown_or_double_column_is_refused(void **state)
{
	(void)state;
	assert_error(
		"holder,uscc,service,not_after,unit,custodain\n", 1, "custodain", "no such column");
	assert_error("holder,uscc,service,not_after,unit,单位部门\n", 1, "单位部门", "twice");
}

static void all_errors_are_told_at_once(void **state)
{
	CLEANUP(csv_import_done)
	struct csv_import import = parsed(HEADER "h,x,s,,soon,u,,,\nh," USCC ",,,2026-12-31,,,,\n");

	(void)state;
	assert_int_equal(json_array_size(import.errors), 4);
}

static void rows_keep_their_number_in_the_file(void **state)
{
	CLEANUP(csv_import_done)
	struct csv_import import =
		parsed("\n" HEADER "\na," USCC ",s,,2026-12-31,u,,,\n,,,\nb," USCC
		       ",s,,2026-12-31,u,,,\n");

	(void)state;
	assert_int_equal(json_array_size(import.rows), 2);
	assert_int_equal(json_peek_number(json_array_get(import.rows, 0), "row", 0), 4);
	assert_int_equal(json_peek_number(json_array_get(import.rows, 1), "row", 0), 6);
}

static void files_of_spreadsheets_in_gb18030_are_read(void **state)
{
	/* 王 is CD F5 */
	(void)state;
	assert_first(HEADER "\xCD\xF5," USCC ",s,,2026-12-31,u,,,\n", "holder", "王");
}

static void what_is_no_list_is_refused(void **state)
{
	static const char *const cases[] = { "", HEADER, "\n\n", "PK\x03\x04 workbook", "\"open" };
	struct csv_import import = { .rows = NULL };
	struct fault fault;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_false(csv_import_parse(&import, cases[i], strlen(cases[i]), &fault));
		assert_int_equal(fault.kind, FAULT_INPUT);
		assert_null(import.rows);
	}
}

static void a_file_that_is_not_there_is_named(void **state)
{
	struct csv_import import;
	struct fault fault;

	(void)state;
	assert_false(csv_import_read(&import, "/nowhere/list.csv", &fault));
	assert_non_null(strstr(fault.text, "/nowhere/list.csv"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_chinese_or_english),
		cmocka_unit_test(a_missing_media_number_is_null),
		cmocka_unit_test(a_day_means_its_last_second_in_beijing),
		cmocka_unit_test(an_error_names_row_column_and_remedy),
		cmocka_unit_test(a_header_that_is_not_understood_stands_alone),
		cmocka_unit_test(an_unknown_or_double_column_is_refused),
		cmocka_unit_test(all_errors_are_told_at_once),
		cmocka_unit_test(rows_keep_their_number_in_the_file),
		cmocka_unit_test(files_of_spreadsheets_in_gb18030_are_read),
		cmocka_unit_test(what_is_no_list_is_refused),
		cmocka_unit_test(a_file_that_is_not_there_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
