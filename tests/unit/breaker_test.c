/* SPDX-License-Identifier: Apache-2.0 */
/* The circuit breaker of a CA, as the value that two workers keep over one version: tried by hand, and by a
 * long random walk of two workers that see old values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/clock.h"
#include "orchestrator/domain/breaker.h"

enum { FAILURES = 5, WALK = 200000, WORKERS = 3 };

static const struct breaker_rules rules = { FAILURES, 60 * CLOCK_SECOND, 30 * CLOCK_SECOND,
	600 * CLOCK_SECOND, 120 * CLOCK_SECOND };

/* What the database does: the new value only over the version it was made from. */
static bool stored(struct breaker *kept, const struct breaker *next)
{
	if (next->version != kept->version)
		return false;
	*kept = *next;
	kept->version++;
	return true;
}

static void fail_times(struct breaker *kept, unsigned times, int64_t from, int64_t apart)
{
	struct breaker next;

	for (unsigned i = 0; i < times; i++)
		if (breaker_heard(kept, false, false, from + (int64_t)i * apart, &rules, &next))
			assert_true(stored(kept, &next));
}

static void it_opens_after_so_many_failures_in_the_window(void **state)
{
	struct breaker breaker = { 0 }, next;

	(void)state;
	fail_times(&breaker, FAILURES - 1, 0, CLOCK_SECOND);
	assert_int_equal(breaker_ask(&breaker, 4 * CLOCK_SECOND, &rules, &next), BREAKER_PASS);
	fail_times(&breaker, 1, 4 * CLOCK_SECOND, 0);
	assert_int_equal(breaker.state, BREAKER_OPEN);
	assert_int_equal(breaker_ask(&breaker, 5 * CLOCK_SECOND, &rules, &next), BREAKER_WAIT);
}

static void failures_that_lie_far_apart_do_not_open_it(void **state)
{
	struct breaker breaker = { 0 };

	(void)state;
	fail_times(&breaker, 100, 0, 61 * CLOCK_SECOND);
	assert_int_equal(breaker.state, BREAKER_CLOSED);
}

static void an_answer_between_them_forgives(void **state)
{
	struct breaker breaker = { 0 }, next;

	(void)state;
	assert_false(breaker_heard(&breaker, true, false, 0, &rules, &next)); /* nothing to store */
	for (unsigned round = 0; round < 10; round++) {
		fail_times(&breaker, FAILURES - 1, round * CLOCK_SECOND, 0);
		assert_true(breaker_heard(&breaker, true, false, 0, &rules, &next));
		assert_true(stored(&breaker, &next));
		assert_int_equal(breaker.failures, 0);
	}
	assert_int_equal(breaker.state, BREAKER_CLOSED);
}

static void exactly_one_probe_goes_when_its_time_is_up(void **state)
{
	struct breaker breaker = { 0 }, one, two;

	(void)state;
	fail_times(&breaker, FAILURES, 0, 0);
	assert_int_equal(breaker_ask(&breaker, 29 * CLOCK_SECOND, &rules, &one), BREAKER_WAIT);
	assert_int_equal(breaker_ask(&breaker, 30 * CLOCK_SECOND, &rules, &one), BREAKER_PROBE);
	assert_int_equal(breaker_ask(&breaker, 30 * CLOCK_SECOND, &rules, &two), BREAKER_PROBE);
	assert_true(stored(&breaker, &one));
	assert_false(stored(&breaker, &two)); /* the second worker has to look again */
	assert_int_equal(breaker_ask(&breaker, 30 * CLOCK_SECOND, &rules, &two), BREAKER_WAIT);
}

static void the_probes_answer_closes_it_or_opens_it_for_twice_as_long(void **state)
{
	struct breaker breaker = { 0 }, next;
	int64_t now = 0, before = 30 * CLOCK_SECOND;

	(void)state;
	fail_times(&breaker, FAILURES, 0, 0);
	for (unsigned i = 0; i < 8; i++) {
		now = breaker.until_at;
		assert_int_equal(breaker_ask(&breaker, now, &rules, &next), BREAKER_PROBE);
		assert_true(stored(&breaker, &next));
		assert_true(breaker_heard(&breaker, false, true, now, &rules, &next));
		assert_true(stored(&breaker, &next));
		int64_t wanted = before * 2 < rules.open_most_us ? before * 2 : rules.open_most_us;
		assert_int_equal(breaker.until_at - now, wanted);
		assert_int_equal(breaker.since_at, 0); /* it is the same outage */
		before = wanted;
	}
	assert_int_equal(breaker_ask(&breaker, breaker.until_at, &rules, &next), BREAKER_PROBE);
	assert_true(stored(&breaker, &next));
	assert_true(breaker_heard(&breaker, true, true, now, &rules, &next));
	assert_int_equal(next.state, BREAKER_CLOSED);
	assert_int_equal(next.openings, 0);
	assert_int_equal(next.failures, 0);
}

static void answers_to_older_calls_count_for_nothing_once_it_is_open(void **state)
{
	struct breaker breaker = { 0 }, next;

	(void)state;
	fail_times(&breaker, FAILURES, 0, 0);
	assert_false(breaker_heard(&breaker, true, false, 1, &rules, &next));
	assert_false(breaker_heard(&breaker, false, false, 1, &rules, &next));
	assert_int_equal(breaker_ask(&breaker, 30 * CLOCK_SECOND, &rules, &next), BREAKER_PROBE);
	assert_true(stored(&breaker, &next));
	assert_false(breaker_heard(&breaker, true, false, 1, &rules, &next));
}

static void a_probe_whose_worker_died_is_followed_by_another(void **state)
{
	struct breaker breaker = { 0 }, next;

	(void)state;
	fail_times(&breaker, FAILURES, 0, 0);
	assert_int_equal(breaker_ask(&breaker, 30 * CLOCK_SECOND, &rules, &next), BREAKER_PROBE);
	assert_true(stored(&breaker, &next));
	assert_int_equal(breaker_ask(&breaker, 149 * CLOCK_SECOND, &rules, &next), BREAKER_WAIT);
	assert_int_equal(breaker_ask(&breaker, 150 * CLOCK_SECOND, &rules, &next), BREAKER_PROBE);
}

static void the_words_are_found_again(void **state)
{
	enum breaker_state found;

	(void)state;
	for (unsigned i = BREAKER_CLOSED; i <= BREAKER_HALF_OPEN; i++) {
		assert_true(breaker_from_word(&found, breaker_word((enum breaker_state)i)));
		assert_int_equal(found, i);
	}
	assert_false(breaker_from_word(&found, "ajar"));
}

/* Workers that act on a value which may be old; at no moment may two probes be out, or may anything but a
 * probe go while it is not closed as seen by the database. */
static void two_workers_never_send_two_probes(void **state)
{
	struct breaker kept = { 0 }, seen[WORKERS] = { { 0 } }, next;
	bool probing[WORKERS] = { false };
	int64_t now = 0, probe_until = 0;
	uint32_t random = 1;
	unsigned probes = 0, opened = 0;

	(void)state;
	for (unsigned i = 0; i < WALK; i++) {
		random = random * 1664525u + 1013904223u;
		unsigned worker = (random >> 8) % WORKERS, deed = (random >> 16) % 4;

		now += (int64_t)(random >> 20) * 2000; /* up to 8 s */
		if (deed == 0) {
			seen[worker] = kept;
		} else if (deed == 1 && !probing[worker] &&
			breaker_ask(&seen[worker], now, &rules, &next) == BREAKER_PROBE &&
			stored(&kept, &next)) {
			assert_true(
				now >= probe_until); /* the last one answered, or was given up */
			probing[worker] = true;
			probe_until = kept.until_at;
			seen[worker] = kept;
			probes++;
		} else if (deed >= 2 &&
			breaker_heard(&seen[worker], (random & 7) == 0, probing[worker], now,
				&rules, &next) &&
			stored(&kept, &next)) {
			opened += kept.state == BREAKER_OPEN;
			probe_until = probing[worker] ? now : probe_until;
			probing[worker] = false;
			seen[worker] = kept;
		}
		if (probing[worker] && seen[worker].version != kept.version)
			probing[worker] = false; /* it was given up for dead meanwhile */
	}
	assert_true(probes > 1000 && opened > 1000); /* the walk has been everywhere */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_opens_after_so_many_failures_in_the_window),
		cmocka_unit_test(failures_that_lie_far_apart_do_not_open_it),
		cmocka_unit_test(an_answer_between_them_forgives),
		cmocka_unit_test(exactly_one_probe_goes_when_its_time_is_up),
		cmocka_unit_test(the_probes_answer_closes_it_or_opens_it_for_twice_as_long),
		cmocka_unit_test(answers_to_older_calls_count_for_nothing_once_it_is_open),
		cmocka_unit_test(a_probe_whose_worker_died_is_followed_by_another),
		cmocka_unit_test(the_words_are_found_again),
		cmocka_unit_test(two_workers_never_send_two_probes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
