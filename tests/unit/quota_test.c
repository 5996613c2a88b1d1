/* SPDX-License-Identifier: Apache-2.0 */
/* Daily caps in the site's zone, and the bucket that spreads requests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/clock.h"
#include "orchestrator/domain/quota.h"

enum { BEIJING = 480, NEWFOUNDLAND = -210 };

static int64_t at(const char *text)
{
	int64_t instant;

	assert_true(clock_parse(&instant, text));
	return instant;
}

static void a_day_begins_at_midnight_where_the_site_is(void **state)
{
	(void)state;
	assert_int_equal(quota_day_begin(at("2026-11-22T15:59:59Z"), BEIJING),
		at("2026-11-22T00:00:00+08:00"));
	assert_int_equal(quota_day_begin(at("2026-11-22T16:00:00Z"), BEIJING),
		at("2026-11-23T00:00:00+08:00"));
	assert_int_equal(quota_day_end(at("2026-11-22T16:00:00Z"), BEIJING),
		at("2026-11-24T00:00:00+08:00"));
	assert_int_equal(quota_day_begin(at("2026-11-22T02:00:00Z"), NEWFOUNDLAND),
		at("2026-11-21T00:00:00-03:30"));
	assert_int_equal(quota_day_begin(at("1969-12-31T12:00:00Z"), BEIJING),
		at("1969-12-31T00:00:00+08:00"));
}

static void a_cap_leaves_what_was_not_used(void **state)
{
	(void)state;
	assert_int_equal(quota_left(10, 0), 10);
	assert_int_equal(quota_left(10, 9), 1);
	assert_int_equal(quota_left(10, 10), 0);
	assert_int_equal(quota_left(10, 11), 0); /* the cap was lowered meanwhile */
	assert_int_equal(quota_left(0, 1000000), INT64_MAX);
}

static void a_bucket_gives_its_burst_and_then_its_rate(void **state)
{
	static const struct bucket_rules rules = { 60, 5 };
	struct bucket bucket = { 0 };
	int64_t wait = 0, now = CLOCK_DAY;
	unsigned given = 0;

	(void)state;
	while (bucket_take(&bucket, &rules, now, &wait))
		given++;
	assert_int_equal(given, 5);
	assert_int_equal(wait, CLOCK_SECOND);
	assert_false(bucket_take(&bucket, &rules, now + wait - 1, &wait));
	assert_int_equal(wait, 1);
	assert_true(bucket_take(&bucket, &rules, now + CLOCK_SECOND, &wait));
	assert_false(bucket_take(&bucket, &rules, now + CLOCK_SECOND, &wait));
}

/* Whatever the moments, no minute sees more than the rate and the burst. */
static void no_minute_sees_more_than_rate_and_burst(void **state)
{
	static const struct bucket_rules rules = { 30, 4 };
	struct bucket bucket = { 0 };
	int64_t wait, now = 1, minute = 1;
	unsigned given = 0;
	uint32_t random = 7;

	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		random = random * 1664525u + 1013904223u;
		now += (random >> 12) % (CLOCK_SECOND / 2);
		if (now - minute >= 60 * CLOCK_SECOND) {
			minute = now;
			given = 0;
		}
		given += bucket_take(&bucket, &rules, now, &wait);
		assert_true(given <= 30 + 4 + 1);
	}
}

static void a_long_rest_fills_no_more_than_the_burst(void **state)
{
	static const struct bucket_rules rules = { 60, 3 };
	struct bucket bucket = { 0 };
	int64_t wait;
	unsigned given = 0;

	(void)state;
	assert_true(bucket_take(&bucket, &rules, 1, &wait));
	while (bucket_take(&bucket, &rules, 30 * CLOCK_DAY, &wait))
		given++;
	assert_int_equal(given, 3);
	assert_false(
		bucket_take(&bucket, &rules, 1, &wait)); /* a clock that went back gives nothing */
}

static void a_drained_bucket_gives_nothing_until_it_may(void **state)
{
	static const struct bucket_rules rules = { 60, 3 }, none = { 0, 0 };
	struct bucket bucket = { 0 };
	int64_t wait = 0;

	(void)state;
	bucket_drain(&bucket, &rules, 1, 90 * CLOCK_SECOND);
	assert_false(bucket_take(&bucket, &rules, 1, &wait));
	assert_int_equal(wait, 90 * CLOCK_SECOND);
	assert_true(bucket_take(&bucket, &rules, 1 + 90 * CLOCK_SECOND, &wait));
	bucket_drain(&bucket, &none, 1, CLOCK_DAY);
	assert_true(bucket_take(&bucket, &none, 1, &wait)); /* no limit */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_day_begins_at_midnight_where_the_site_is),
		cmocka_unit_test(a_cap_leaves_what_was_not_used),
		cmocka_unit_test(a_bucket_gives_its_burst_and_then_its_rate),
		cmocka_unit_test(no_minute_sees_more_than_rate_and_burst),
		cmocka_unit_test(a_long_rest_fills_no_more_than_the_burst),
		cmocka_unit_test(a_drained_bucket_gives_nothing_until_it_may),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
