/* SPDX-License-Identifier: Apache-2.0 */
/* Filters of lists: what can match nothing is refused by name, the rest passes. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <string.h>

#include "orchestrator/api/query.h"

/* "" if KEY=VALUE passes on PATH, else what is said. */
static const char *said(const char *path, const char *key, const char *value)
{
	static struct fault fault;
	JSON *query = json_pack("{s:s}", key, value);

	return query_check(path, query, &fault) ? "" : fault.text;
}

static void what_there_is_passes(void **state)
{
	(void)state;
	assert_string_equal(said("/v1/renewals", "state", "awaiting_payment"), "");
	assert_string_equal(said("/v1/tasks", "kind", "pin"), "");
	assert_string_equal(said("/v1/tasks", "state", "all"), "");
	assert_string_equal(said("/v1/payments", "status", "linked"), "");
	assert_string_equal(said("/v1/tasks", "limit", "200"), "");
	assert_string_equal(said("/v1/tasks", "cursor", "9223372036854775807"), "");
	assert_string_equal(said("/v1/certificates", "expires_within_days", "0"), "");
	assert_string_equal(said("/v1/tasks", "unknown", "x"), "");
}

static void a_number_that_is_none_is_named(void **state)
{
	(void)state;
	assert_string_equal(said("/v1/tasks", "limit", "abc"),
		"limit: a whole number from 1 to 200 is expected, not abc");
	assert_string_equal(said("/v1/tasks", "limit", "201"),
		"limit: a whole number from 1 to 200 is expected, not 201");
	assert_string_equal(said("/v1/tasks", "limit", "0"),
		"limit: a whole number from 1 to 200 is expected, not 0");
	assert_string_equal(said("/v1/tasks", "cursor", "-1"),
		"cursor: a whole number from 0 is expected, not -1");
	assert_string_equal(said("/v1/certificates", "expires_within_days", "3.5"),
		"expires_within_days: a whole number from 0 is expected, not 3.5");
}

static void a_word_that_nothing_can_have_is_named(void **state)
{
	(void)state;
	assert_non_null(strstr(said("/v1/renewals", "state", "bogus"),
		"state: there is no bogus; it is one of planned, "));
	assert_non_null(
		strstr(said("/v1/tasks", "kind", "bogus"), "kind: there is no bogus; the list"));
	assert_string_equal(said("/v1/payments", "status", "paid"),
		"status: there is no paid; it is one of open, exported, linked, cancelled");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_there_is_passes),
		cmocka_unit_test(a_number_that_is_none_is_named),
		cmocka_unit_test(a_word_that_nothing_can_have_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
