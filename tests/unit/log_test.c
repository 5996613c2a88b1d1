/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines as a reader of the journal sees them. */
#include "common/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/text.h"

/* What LINES is called to log, read back from standard error. */
static char *logged(void (*lines)(void))
{
	char bytes[20000] = "";
	int ends[2];
	int kept = dup(STDERR_FILENO);
	assert_int_equal(pipe(ends), 0);
	(void)dup2(ends[1], STDERR_FILENO);
	lines();
	(void)dup2(kept, STDERR_FILENO);
	(void)close(kept);
	(void)close(ends[1]);
	ssize_t got = read(ends[0], bytes, sizeof(bytes) - 1);
	(void)close(ends[0]);
	return got > 0 ? text_dup(bytes) : text_dup("");
}

static void ordinary_lines(void)
{
	struct fault fault;
	(void)fault_set(&fault, FAULT_LATER, "the bank \"sleeps\"\n");
	clock_set(INT64_C(1795334400123456));
	log_init("xuqid", LOG_LEVEL_INFO);
	log_info("renewal.moved", LOG_NUMBER("renewal", 184), LOG_TEXT("to", "approved"));
	log_debug("step.run", LOG_NUMBER("n", 1));
	log_error("payment.failed", LOG_TEXT("empty", NULL), LOG_FAULT(&fault));
	clock_set(0);
}

static void a_line_is_one_fact_in_key_value_pairs(void **state)
{
	(void)state;
	OWNED char *text = logged(ordinary_lines);

	assert_string_equal(text,
		"time=2026-11-22T08:00:00.123Z level=info unit=xuqid event=renewal.moved renewal=184 "
		"to=approved\n"
		"time=2026-11-22T08:00:00.123Z level=error unit=xuqid event=payment.failed empty=\"\" "
		"fault=later text=\"the bank \\\"sleeps\\\"\\n\"\n");
}

static void forged_lines(void)
{
	log_init("xuqid", LOG_LEVEL_INFO);
	log_warn("x.y", LOG_TEXT("a", "b\nlevel=error event=forged \x1b[31m\x7f"),
		LOG_TEXT("c", "d=e"));
}

static void a_value_cannot_forge_a_line_or_a_terminal_sequence(void **state)
{
	(void)state;
	OWNED char *text = logged(forged_lines);

	assert_non_null(
		strstr(text, " a=\"b\\nlevel=error event=forged \\x1b[31m\\x7f\" c=\"d=e\"\n"));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void long_lines(void)
{
	OWNED char *value = zalloc(5001, 1);
	memset(value, 'x', 5000);
	log_init("xuqid", LOG_LEVEL_INFO);
	log_info("x.y", LOG_TEXT("a", value), LOG_TEXT("b", value), LOG_TEXT("c", value),
		LOG_TEXT("d", value), LOG_TEXT("e", value));
}

static void a_long_line_is_cut_and_still_ends(void **state)
{
	(void)state;
	OWNED char *text = logged(long_lines);

	assert_in_range(strlen(text), 2000, 8300);
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void people_are_masked_but_for_two_characters(void **state)
{
	static const struct {
		const char *text, *masked;
	} cases[] = { { "13800138000", "*********00" }, { "张三", "**" }, { "欧阳娜娜", "**娜娜" },
		{ "x", "*" }, { "", "" }, { NULL, "" } };

	(void)state;

	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_string_equal(log_masked(cases[i].text), cases[i].masked);
	assert_string_equal(log_masked("a12"), "*12");
	assert_string_equal(log_masked("123456789012345678901234567890"), "****************90");
}

static void levels_are_words(void **state)
{
	enum log_level level = LOG_LEVEL_ERROR;
	(void)state;
	assert_true(log_level_parse(&level, "debug"));
	assert_int_equal(level, LOG_LEVEL_DEBUG);
	assert_false(log_level_parse(&level, "DEBUG"));
	assert_false(log_level_parse(&level, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_one_fact_in_key_value_pairs),
		cmocka_unit_test(a_value_cannot_forge_a_line_or_a_terminal_sequence),
		cmocka_unit_test(a_long_line_is_cut_and_still_ends),
		cmocka_unit_test(people_are_masked_but_for_two_characters),
		cmocka_unit_test(levels_are_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
