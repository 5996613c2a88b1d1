/* SPDX-License-Identifier: Apache-2.0 */
/* How long a step waits after trouble: every class has its ladder, and no fleet comes back at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "orchestrator/domain/backoff.h"

enum { FIRST_MS = 5000, MOST_MS = 1800000, MANY = 60 };

static const struct backoff_rules rules = { FIRST_MS, MOST_MS };

static int64_t longest(enum trouble trouble, int64_t attempts)
{
	return backoff_wait_ms(trouble, attempts, 0, UINT32_MAX, &rules);
}

static int64_t shortest(enum trouble trouble, int64_t attempts)
{
	return backoff_wait_ms(trouble, attempts, 0, 0, &rules);
}

static void every_class_has_one_word_and_is_found_by_it(void **state)
{
	enum trouble found;

	(void)state;
	for (unsigned i = 0; i < TROUBLE_COUNT; i++) {
		assert_true(trouble_from_word(&found, trouble_word((enum trouble)i)));
		assert_int_equal(found, i);
	}
	assert_false(trouble_from_word(&found, "review"));
	assert_false(trouble_from_word(&found, NULL));
}

static void each_attempt_waits_longer_up_to_a_ceiling(void **state)
{
	(void)state;
	for (unsigned i = 0; i < TROUBLE_COUNT; i++) {
		enum trouble trouble = (enum trouble)i;

		for (int64_t n = 0; n < MANY; n++)
			assert_true(longest(trouble, n) <= longest(trouble, n + 1));
		assert_int_equal(longest(trouble, MANY), longest(trouble, INT32_MAX));
		assert_true(longest(trouble, MANY) <= MOST_MS + 1);
		assert_true(longest(trouble, 0) < longest(trouble, MANY));
	}
}

static void the_first_pause_and_the_ceiling_are_the_settings(void **state)
{
	(void)state;
	assert_in_range(longest(TROUBLE_UNREACHABLE, 0), FIRST_MS - 1, FIRST_MS + 1);
	assert_in_range(longest(TROUBLE_UNREACHABLE, MANY), MOST_MS - 1, MOST_MS + 1);
}

static void the_jitter_is_full(void **state)
{
	(void)state;
	for (unsigned i = 0; i < TROUBLE_COUNT; i++) {
		int64_t low = shortest((enum trouble)i, 4), high = longest((enum trouble)i, 4),
			middle = backoff_wait_ms((enum trouble)i, 4, 0, UINT32_MAX / 2, &rules);

		assert_true(low > 0 && low * 9 < high);
		assert_in_range(middle, (low + high) / 2 - 2, (low + high) / 2 + 2);
	}
}

static void nobody_comes_back_before_the_moment_that_was_asked_for(void **state)
{
	(void)state;
	assert_true(backoff_wait_ms(TROUBLE_BUSY, 0, 90000, 0, &rules) > 90000);
	assert_true(backoff_wait_ms(TROUBLE_BUSY, 3, 90000, UINT32_MAX, &rules) <=
		90000 + longest(TROUBLE_BUSY, 3));
	/* a mad wish is bounded by a day */
	assert_true(backoff_wait_ms(TROUBLE_BUSY, 0, INT64_MAX / 2, 0, &rules) <
		INT64_C(25) * 3600 * 1000);
	assert_true(backoff_wait_ms(TROUBLE_BUSY, 0, -5, 0, &rules) > 0);
}

static void our_database_is_tried_again_soonest(void **state)
{
	(void)state;
	for (int64_t n = 0; n < MANY; n++)
		assert_true(longest(TROUBLE_DATABASE, n) <= longest(TROUBLE_UNREACHABLE, n));
	assert_true(longest(TROUBLE_DATABASE, MANY) <= MOST_MS / 10);
}

static void only_the_unknown_outcome_reconciles_and_only_our_own_mistake_stops(void **state)
{
	(void)state;
	for (unsigned i = 0; i < TROUBLE_COUNT; i++) {
		assert_int_equal(backoff_reconciles((enum trouble)i), i == TROUBLE_UNKNOWN);
		assert_int_equal(backoff_stops((enum trouble)i), i == TROUBLE_BUG);
	}
}

static void every_budget_ends(void **state)
{
	(void)state;
	for (unsigned i = 0; i < TROUBLE_COUNT; i++) {
		assert_false(backoff_is_spent((enum trouble)i, 0));
		assert_false(backoff_is_spent((enum trouble)i, 1));
		assert_true(backoff_is_spent((enum trouble)i, MANY));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_class_has_one_word_and_is_found_by_it),
		cmocka_unit_test(each_attempt_waits_longer_up_to_a_ceiling),
		cmocka_unit_test(the_first_pause_and_the_ceiling_are_the_settings),
		cmocka_unit_test(the_jitter_is_full),
		cmocka_unit_test(nobody_comes_back_before_the_moment_that_was_asked_for),
		cmocka_unit_test(our_database_is_tried_again_soonest),
		cmocka_unit_test(
			only_the_unknown_outcome_reconciles_and_only_our_own_mistake_stops),
		cmocka_unit_test(every_budget_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
