/* SPDX-License-Identifier: Apache-2.0 */
/* The flow engine with operations that the test itself resumes. */
#include "orchestrator/loop/flow.h"

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/text.h"

struct world {
	struct event_base *base;
	struct flow_engine *engine;
};

/* What a story does and what became of it. */
struct story {
	struct flow *flow; /* as its steps saw it */
	unsigned steps;
	unsigned finished;
	bool inside; /* a step runs */
	bool nested; /* a step or the end ran while another step did */
	bool resume_in_step;
	unsigned turns;
	struct fault fault;
	enum flow_next answer;
	char seen[64];
};

static int begin_world(void **state)
{
	static struct world world;
	struct fault fault;
	world.base = event_base_new();
	world.engine = flow_engine_new(world.base, &fault);
	*state = &world;
	return world.engine == NULL;
}

static int end_world(void **state)
{
	struct world *world = *state;
	flow_engine_free(world->engine);
	event_base_free(world->base);
	return 0;
}

static void run_loop(struct world *world)
{
	for (int i = 0; i < 5; i++)
		(void)event_base_loop(world->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static void finished(void *self, const struct fault *fault)
{
	struct story *story = self;
	story->nested = story->nested || story->inside;
	story->finished++;
	if (fault != NULL)
		story->fault = *fault;
}

static void enter(struct story *story, struct flow *flow)
{
	story->nested = story->nested || story->inside;
	story->flow = flow;
	story->steps++;
	story->inside = true;
}

static enum flow_next wait_step(struct flow *flow, void *self)
{
	struct story *story = self;
	enter(story, flow);
	if (story->resume_in_step)
		flow_resume(flow);
	story->inside = false;
	return FLOW_WAIT;
}

static enum flow_next last_step(struct flow *flow, void *self)
{
	struct story *story = self;
	enter(story, flow);
	story->inside = false;
	return story->answer;
}

static enum flow_next fail_step(struct flow *flow, void *self)
{
	struct story *story = self;
	enter(story, flow);
	story->inside = false;
	return flow_fail(flow, FAULT_REFUSED, "the answer is %d", 42);
}

static const struct flow_step wait_then_last[] = {
	{ "wait", wait_step },
	{ "last", last_step },
	{ NULL, NULL },
};

static const struct flow_step fail_then_last[] = {
	{ "fail", fail_step },
	{ "last", last_step },
	{ NULL, NULL },
};

static void the_first_step_runs_from_the_loop_and_not_from_flow_start(void **state)
{
	struct world *world = *state;
	struct flow_kind kind = { .name = "story", .steps = wait_then_last, .finished = finished };
	struct story story = { .answer = FLOW_DONE };

	assert_true(flow_start(world->engine, &kind, &story));
	assert_int_equal(story.steps, 0);

	run_loop(world);
	assert_int_equal(story.steps, 1);
	flow_resume(story.flow);
	assert_int_equal(story.steps, 1);

	run_loop(world);
	assert_int_equal(story.steps, 2);
	assert_int_equal(story.finished, 1);
	assert_int_equal(flow_engine_running(world->engine), 0);
}

static void a_resume_that_arrives_while_a_step_runs_is_remembered_and_not_nested(void **state)
{
	struct world *world = *state;
	struct flow_kind kind = { .name = "story", .steps = wait_then_last, .finished = finished };
	struct story story = { .answer = FLOW_NEXT, .resume_in_step = true };

	assert_true(flow_start(world->engine, &kind, &story));
	run_loop(world);

	assert_false(story.nested);
	assert_int_equal(story.steps, 2);
	assert_int_equal(story.finished, 1);
	assert_int_equal(story.fault.kind, FAULT_NONE);
}

static void a_failing_step_ends_the_story_with_its_fault(void **state)
{
	struct world *world = *state;
	struct flow_kind kind = { .name = "story", .steps = fail_then_last, .finished = finished };
	struct story story = { 0 };

	assert_true(flow_start(world->engine, &kind, &story));
	run_loop(world);

	assert_int_equal(story.steps, 1);
	assert_int_equal(story.finished, 1);
	assert_int_equal(story.fault.kind, FAULT_REFUSED);
	assert_string_equal(story.fault.text, "the answer is 42");
}

static void an_operation_that_fails_ends_the_story_without_another_step(void **state)
{
	struct world *world = *state;
	struct flow_kind kind = { .name = "story", .steps = wait_then_last, .finished = finished };
	struct story story = { .answer = FLOW_DONE };
	struct fault fault;
	assert_true(flow_start(world->engine, &kind, &story));
	run_loop(world);

	(void)fault_set(&fault, FAULT_UNSURE, "who knows");
	flow_resume_fault(story.flow, &fault);
	assert_int_equal(story.finished, 0);
	run_loop(world);

	assert_int_equal(story.steps, 1);
	assert_int_equal(story.finished, 1);
	assert_int_equal(story.fault.kind, FAULT_UNSURE);
}

static void no_more_flows_of_a_kind_run_than_its_limit(void **state)
{
	struct world *world = *state;
	struct flow_kind kind = {
		.name = "story", .steps = wait_then_last, .finished = finished, .limit = 2
	};
	struct story stories[3] = { { .answer = FLOW_DONE }, { .answer = FLOW_DONE },
		{ .answer = FLOW_DONE } };

	assert_true(flow_start(world->engine, &kind, &stories[0]));
	assert_true(flow_start(world->engine, &kind, &stories[1]));
	assert_false(flow_start(world->engine, &kind, &stories[2]));
	run_loop(world);
	flow_resume(stories[0].flow);
	run_loop(world);

	assert_true(flow_start(world->engine, &kind, &stories[2]));
	run_loop(world);
	flow_resume(stories[1].flow);
	flow_resume(stories[2].flow);
	run_loop(world);
	for (size_t i = 0; i < COUNT_OF(stories); i++)
		assert_int_equal(stories[i].finished, 1);
	assert_int_equal(kind.running, 0);
}

static enum flow_next turn_step(struct flow *flow, void *self)
{
	struct story *story = self;
	enter(story, flow);
	story->inside = false;
	return --story->turns > 0 ? flow_jump(flow, "turn") : FLOW_NEXT;
}

static enum flow_next astray_step(struct flow *flow, void *self)
{
	(void)self;
	return flow_jump(flow, "nowhere");
}

static void a_jump_goes_on_at_the_named_step_and_lets_others_have_their_turn(void **state)
{
	static const struct flow_step steps[] = { { "turn", turn_step }, { NULL, NULL } };
	struct world *world = *state;
	struct flow_kind kind = { .name = "story", .steps = steps, .finished = finished };
	struct story long_one = { .turns = 100000 };
	struct story short_one = { .turns = 3 };

	assert_true(flow_start(world->engine, &kind, &long_one));
	assert_true(flow_start(world->engine, &kind, &short_one));
	run_loop(world);
	assert_int_equal(short_one.finished, 1);
	assert_int_equal(short_one.steps, 3);
	assert_int_equal(long_one.finished, 0);

	while (long_one.finished == 0)
		run_loop(world);
	assert_int_equal(long_one.steps, 100000);
}

static void a_jump_to_no_step_is_a_bug_and_not_a_crash(void **state)
{
	static const struct flow_step steps[] = { { "astray", astray_step }, { NULL, NULL } };
	struct world *world = *state;
	struct flow_kind kind = { .name = "story", .steps = steps, .finished = finished };
	struct story story = { 0 };

	assert_true(flow_start(world->engine, &kind, &story));
	run_loop(world);
	assert_int_equal(story.fault.kind, FAULT_BUG);
}

static enum flow_next look_step(struct flow *flow, void *self)
{
	struct story *story = self;
	enter(story, flow);
	story->inside = false;
	assert_int_equal(flow_reply(flow)->status, 201);
	assert_true(flow_reply_header(flow, "retry-after", story->seen, sizeof(story->seen)));
	assert_false(flow_reply_header(flow, "retry", story->seen, 1));
	assert_false(flow_reply_header(flow, "Retry-After", story->seen, 2));
	return FLOW_WAIT;
}

static enum flow_next look_again_step(struct flow *flow, void *self)
{
	struct story *story = self;
	story->steps++;
	assert_int_equal(flow_reply(flow)->status, 0);
	assert_null(flow_rows(flow));
	return FLOW_DONE;
}

static void the_reply_of_an_outside_call_is_there_until_the_next_operation_ends(void **state)
{
	static const struct flow_step steps[] = { { "wait", wait_step }, { "look", look_step },
		{ "look_again", look_again_step }, { NULL, NULL } };
	struct world *world = *state;
	struct flow_kind kind = { .name = "story", .steps = steps, .finished = finished };
	struct story story = { 0 };
	struct reply reply = { .status = 201,
		.body = text_dup("{}"),
		.len = 2,
		.headers = text_dup(
			"HTTP/1.1 201 Created\r\nRetry-Later: 1\r\nRETRY-AFTER:  30 \r\n\r\n") };
	assert_true(flow_start(world->engine, &kind, &story));
	run_loop(world);

	flow_resume_reply(story.flow, &reply);
	assert_null(reply.body);
	run_loop(world);
	assert_string_equal(story.seen, "30");

	flow_resume(story.flow);
	run_loop(world);
	assert_int_equal(story.steps, 3);
	assert_int_equal(story.finished, 1);
}

static enum flow_next pause_step(struct flow *flow, void *self)
{
	struct story *story = self;
	story->steps++;
	return --story->turns > 0 ? flow_pause(flow, 1) : FLOW_DONE;
}

static void a_pause_lets_the_loop_go_on_and_ends(void **state)
{
	static const struct flow_step steps[] = { { "pause", pause_step }, { "pause", pause_step },
		{ NULL, NULL } };
	struct world *world = *state;
	struct flow_kind kind = { .name = "story", .steps = steps, .finished = finished };
	struct story story = { .turns = 3 };

	assert_true(flow_start(world->engine, &kind, &story));
	(void)event_base_dispatch(world->base);
	assert_int_equal(story.steps, 2);
	assert_int_equal(story.finished, 1);
}

static struct flow_engine *engine_of_next;
static struct flow_kind *kind_of_next;
static bool next_was_started;

static void finished_wants_another(void *self, const struct fault *fault)
{
	finished(self, fault);
	next_was_started = flow_start(engine_of_next, kind_of_next, self);
}

static void flows_that_still_run_when_the_engine_goes_end_once_without_a_step(void **state)
{
	static const struct flow_step pausing[] = { { "pause", pause_step }, { NULL, NULL } };
	struct world *world = *state;
	struct flow_kind waiting = {
		.name = "waiting", .steps = wait_then_last, .finished = finished_wants_another
	};
	struct flow_kind paused = { .name = "paused", .steps = pausing, .finished = finished };
	struct story stories[4] = { { 0 }, { 0 }, { 0 }, { .turns = 2 } };
	struct fault fault;
	engine_of_next = world->engine;
	kind_of_next = &waiting;
	assert_true(flow_start(world->engine, &waiting, &stories[0]));
	assert_true(flow_start(world->engine, &waiting, &stories[1]));
	assert_true(flow_start(world->engine, &paused, &stories[3]));
	run_loop(world);
	assert_true(flow_start(world->engine, &waiting, &stories[2])); /* no step has run yet */
	(void)fault_set(&fault, FAULT_UNSURE, "cut off");
	flow_resume_fault(stories[1].flow, &fault);

	flow_engine_free(world->engine);
	world->engine = NULL;

	for (size_t i = 0; i < COUNT_OF(stories); i++)
		assert_int_equal(stories[i].finished, 1);
	assert_int_equal(stories[0].fault.kind, FAULT_LATER);
	assert_int_equal(stories[1].fault.kind, FAULT_UNSURE);
	assert_int_equal(stories[2].steps, 0);
	assert_int_equal(stories[3].fault.kind, FAULT_LATER);
	assert_false(next_was_started);
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, begin_world, end_world)
	const struct CMUnitTest tests[] = {
		IN_WORLD(the_first_step_runs_from_the_loop_and_not_from_flow_start),
		IN_WORLD(a_resume_that_arrives_while_a_step_runs_is_remembered_and_not_nested),
		IN_WORLD(a_failing_step_ends_the_story_with_its_fault),
		IN_WORLD(an_operation_that_fails_ends_the_story_without_another_step),
		IN_WORLD(no_more_flows_of_a_kind_run_than_its_limit),
		IN_WORLD(a_jump_goes_on_at_the_named_step_and_lets_others_have_their_turn),
		IN_WORLD(a_jump_to_no_step_is_a_bug_and_not_a_crash),
		IN_WORLD(the_reply_of_an_outside_call_is_there_until_the_next_operation_ends),
		IN_WORLD(a_pause_lets_the_loop_go_on_and_ends),
		IN_WORLD(flows_that_still_run_when_the_engine_goes_end_once_without_a_step),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
