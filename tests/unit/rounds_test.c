/* SPDX-License-Identifier: Apache-2.0 */
/* A story told again and again: at once, after its pause, once more for all who woke it meanwhile, never two at a time. */
#include "orchestrator/loop/rounds.h"

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum { TURNS = 10, LONG_MS = 3600000 };

struct world {
	struct event_base *base;
	struct flow_engine *engine;
	struct rounds *rounds;
	struct flow *flow; /* under way */
	unsigned told, ended;
	int64_t pause_ms; /* -1: rest */
};

static enum flow_next tell(struct flow *flow, void *self)
{
	struct world *world = self;

	world->told++;
	world->flow = flow;
	return FLOW_WAIT;
}

static void told(void *self, const struct fault *fault)
{
	struct world *world = self;

	(void)fault;
	world->ended++;
	if (world->pause_ms < 0)
		rounds_rest(world->rounds);
	else
		rounds_end(world->rounds, world->pause_ms);
}

static const struct flow_step steps[] = { { "tell", tell }, { NULL, NULL } };
static struct flow_kind kind = { "story", steps, told, 1, 0 };

static int begin_world(void **state)
{
	static struct world world;
	struct fault fault;

	world = (struct world){ .base = event_base_new(), .pause_ms = LONG_MS };
	world.engine = flow_engine_new(world.base, &fault);
	world.rounds = rounds_new(world.base, world.engine, &kind, &world);
	*state = &world;
	return world.engine == NULL;
}

static int end_world(void **state)
{
	struct world *world = *state;

	rounds_stop(world->rounds);
	flow_engine_free(world->engine);
	rounds_free(world->rounds);
	event_base_free(world->base);
	return 0;
}

static void turn(struct world *world)
{
	for (int i = 0; i < TURNS; i++)
		(void)event_base_loop(world->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static void end_telling(struct world *world)
{
	flow_resume(world->flow);
	turn(world);
}

static void nothing_is_told_before_it_is_woken(void **state)
{
	struct world *world = *state;

	turn(world);
	assert_int_equal(world->told, 0);
	rounds_wake(world->rounds);
	turn(world);
	assert_int_equal(world->told, 1);
	end_telling(world);
	assert_int_equal(world->ended, 1);
}

static void whoever_wakes_it_meanwhile_gets_one_more_telling(void **state)
{
	struct world *world = *state;

	rounds_wake(world->rounds);
	turn(world);
	rounds_wake(world->rounds);
	rounds_wake(world->rounds);
	turn(world);
	assert_int_equal(world->told, 1); /* never two at a time */
	end_telling(world);
	assert_int_equal(world->told, 2);
	end_telling(world);
	assert_int_equal(world->told, 2); /* both are served; now it pauses */
}

static void it_goes_on_by_itself_after_its_pause(void **state)
{
	struct world *world = *state;

	world->pause_ms = 0;
	rounds_wake(world->rounds);
	turn(world);
	end_telling(world);
	assert_int_equal(world->told, 2);
}

static void it_rests_until_it_is_woken(void **state)
{
	struct world *world = *state;

	world->pause_ms = -1;
	rounds_wake(world->rounds);
	turn(world);
	end_telling(world);
	assert_int_equal(world->told, 1);
	rounds_wake(world->rounds);
	turn(world);
	assert_int_equal(world->told, 2);
	rounds_wake(world->rounds); /* while it is told */
	end_telling(world);
	assert_int_equal(world->told, 3);
}

static void nothing_begins_after_the_stop(void **state)
{
	struct world *world = *state;

	world->pause_ms = 0;
	rounds_wake(world->rounds);
	turn(world);
	rounds_wake(world->rounds);
	rounds_stop(world->rounds);
	assert_true(rounds_stopped(world->rounds));
	end_telling(world);
	rounds_wake(world->rounds);
	turn(world);
	assert_int_equal(world->told, 1);
}

#define test(function) cmocka_unit_test_setup_teardown(function, begin_world, end_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(nothing_is_told_before_it_is_woken),
		test(whoever_wakes_it_meanwhile_gets_one_more_telling),
		test(it_goes_on_by_itself_after_its_pause),
		test(it_rests_until_it_is_woken),
		test(nothing_begins_after_the_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
