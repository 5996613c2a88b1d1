/* SPDX-License-Identifier: Apache-2.0 */
/* One timer, and whether a story is being told and another one is wanted. */
#include "orchestrator/loop/rounds.h"

#include <event2/event.h>
#include <stdlib.h>

#include "common/text.h"

enum { SECOND_MS = 1000 };

struct rounds {
	struct flow_engine *engine;
	struct flow_kind *kind;
	void *self;
	struct event *timer;
	bool running, again, stopped;
};

static void rounds_arm(struct rounds *rounds, int64_t ms)
{
	struct timeval in = { .tv_sec = ms / SECOND_MS, .tv_usec = ms % SECOND_MS * 1000 };

	if (!rounds->stopped)
		(void)event_add(rounds->timer, &in);
}

static void rounds_on_timer(int fd, short what, void *context)
{
	struct rounds *rounds = context;

	(void)fd;
	(void)what;
	if (rounds->stopped || rounds->running)
		return;
	rounds->running = flow_start(rounds->engine, rounds->kind, rounds->self);
	if (!rounds->running)
		rounds_arm(rounds, SECOND_MS);
}

struct rounds *rounds_new(
	struct event_base *base, struct flow_engine *engine, struct flow_kind *kind, void *self)
{
	struct rounds *rounds = zalloc(1, sizeof *rounds);

	rounds->engine = engine;
	rounds->kind = kind;
	rounds->self = self;
	rounds->timer = event_new(base, -1, 0, rounds_on_timer, rounds);
	if (rounds->timer == NULL)
		abort(); /* out of memory */
	return rounds;
}

void rounds_wake(void *rounds)
{
	struct rounds *self = rounds;

	if (self->running)
		self->again = true;
	else
		rounds_arm(self, 0);
}

void rounds_end(struct rounds *rounds, int64_t ms)
{
	bool again = rounds->again;

	rounds->running = false;
	rounds->again = false;
	rounds_arm(rounds, again ? 0 : ms);
}

void rounds_rest(struct rounds *rounds)
{
	if (rounds->again)
		rounds_end(rounds, 0);
	rounds->running = false;
}

void rounds_stop(struct rounds *rounds)
{
	rounds->stopped = true;
	(void)event_del(rounds->timer);
}

bool rounds_stopped(const struct rounds *rounds)
{
	return rounds->stopped;
}

void rounds_free(struct rounds *rounds)
{
	if (rounds == NULL)
		return;
	event_free(rounds->timer);
	free(rounds);
}
