/* SPDX-License-Identifier: Apache-2.0 */
/* The part of libevent that the product's flows use, in virtual time: timers that are turns.  The linker takes these
 * definitions before the library's.  And flow_start, wrapped, because two processes share one address space here. */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "orchestrator/loop/flow.h"
#include "tests/twin/process.h"

/* The sweep's longest pause; a round of the other duties, and how much longer the twin lets them rest. */
enum { PROCESSES_MAX = 4, LAZY_PAUSE_S = 5, ROUND_S = 60, REST_S = 1800 };

struct event {
	struct event_base *base;
	event_callback_fn fn;
	void *context;
	struct turn *turn;  /* NULL: not pending */
	int64_t not_before; /* of a lazy one: when it is due without the store */
	bool lazy;
	const char *begins; /* the kind of flow that it began last, or NULL */
	struct event *next;
};

static struct event *firing; /* whose turn it is */

/* ---- events ---- */

struct event *event_new(struct event_base *base, evutil_socket_t fd, short what,
	event_callback_fn fn, void *context)
{
	struct event *event = zalloc(1, sizeof *event);

	if (fd != -1 || (what & ~EV_PERSIST) != 0)
		abort(); /* the product waits for a descriptor or a signal: that is not mirrored here */
	*event = (struct event){ .base = base, .fn = fn, .context = context, .next = base->events };
	base->events = event;
	return event;
}

static void fire(void *context)
{
	struct event *event = context;

	event->turn = NULL;
	firing = event;
	event->fn(-1, EV_TIMEOUT, event->context);
	firing = NULL;
}

int event_del(struct event *event)
{
	if (event->turn != NULL)
		turn_cancel(event->base->process->outside->clockwork, event->turn);
	event->turn = NULL;
	return 0;
}

static bool begins(const struct event *event, const char *kind)
{
	return event->begins != NULL && strcmp(event->begins, kind) == 0;
}

/* A round that finds nothing to do every minute would be half of the twin's turns. */
static bool rests_longer(const struct event *event, int64_t delay)
{
	return delay >= ROUND_S * CLOCK_SECOND &&
		(begins(event, "tending") || begins(event, "reaping"));
}

int event_add(struct event *ev, const struct timeval *timeout)
{
	struct process *process = ev->base->process;
	int64_t delay = timeout != NULL ? timeout->tv_sec * CLOCK_SECOND + timeout->tv_usec : 0;
	int64_t at = process_now(process) + delay;

	(void)event_del(ev);
	if (!process->alive || timeout == NULL)
		return 0;
	ev->not_before = at;
	if (rests_longer(ev, delay))
		at += REST_S * CLOCK_SECOND;
	ev->lazy = begins(ev, "sweep") && delay >= LAZY_PAUSE_S * CLOCK_SECOND;
	if (ev->lazy && store_next_due(process->outside->store) > at)
		at = store_next_due(process->outside->store);
	if (at < process->stalled_until)
		at = process->stalled_until;
	ev->turn = turn_at(process->outside->clockwork, at, "timer", fire, ev);
	turn_owned(ev->turn, process, NULL);
	return 0;
}

void event_free(struct event *event)
{
	struct event **at = &event->base->events;

	(void)event_del(event);
	while (*at != event)
		at = &(*at)->next;
	*at = event->next;
	free(event);
}

int event_pending(const struct event *ev, short events, struct timeval *tv)
{
	(void)tv;
	return ev->turn != NULL && (events & EV_TIMEOUT) != 0 ? EV_TIMEOUT : 0;
}

void process_rest_until(struct process *process, int64_t at)
{
	for (struct event *event = process->base.events; event != NULL; event = event->next) {
		int64_t when = at > event->not_before ? at : event->not_before;

		if (!event->lazy || event->turn == NULL)
			continue;
		if (when < process->stalled_until)
			when = process->stalled_until;
		if (turn_instant(event->turn) != when)
			turn_move(process->outside->clockwork, event->turn, when);
	}
}

/* ---- flow kinds ---- */

struct kind_copy {
	const struct flow_kind *of;
	struct flow_kind kind;
	struct kind_copy *next;
};

static struct process *processes[PROCESSES_MAX];

void process_register(struct process *process)
{
	size_t i = 0;

	while (i < PROCESSES_MAX && processes[i] != NULL)
		i++;
	if (i == PROCESSES_MAX)
		abort();
	processes[i] = process;
}

void process_forget(struct process *process)
{
	for (size_t i = 0; i < PROCESSES_MAX; i++)
		if (processes[i] == process)
			processes[i] = NULL;
	while (process->kinds != NULL) {
		struct kind_copy *copy = process->kinds;

		process->kinds = copy->next;
		free(copy);
	}
}

struct store *process_store(void)
{
	return processes[0] != NULL ? processes[0]->outside->store : NULL;
}

struct process *process_with_intend(const struct batch *batch)
{
	for (size_t i = 0; i < PROCESSES_MAX; i++)
		if (processes[i] != NULL && processes[i]->app.intend == batch)
			return processes[i];
	return NULL;
}

static struct flow_kind *kind_of(struct process *process, const struct flow_kind *kind)
{
	struct kind_copy *copy = process->kinds;

	while (copy != NULL && copy->of != kind)
		copy = copy->next;
	if (copy == NULL) {
		copy = zalloc(1, sizeof *copy);
		copy->of = kind;
		copy->kind = *kind;
		copy->next = process->kinds;
		process->kinds = copy;
	}
	copy->kind.limit = kind->limit;
	return &copy->kind;
}

/* NOLINTBEGIN(readability-identifier-naming): the names of the linker */
bool __real_flow_start(struct flow_engine *engine, struct flow_kind *kind, void *self);
bool __wrap_flow_start(struct flow_engine *engine, struct flow_kind *kind, void *self);

/* NOLINTEND(readability-identifier-naming) */

bool __wrap_flow_start(struct flow_engine *engine, struct flow_kind *kind, void *self)
{
	if (firing != NULL)
		firing->begins = kind->name;
	for (size_t i = 0; i < PROCESSES_MAX; i++)
		if (processes[i] != NULL && processes[i]->app.engine == engine)
			return __real_flow_start(engine, kind_of(processes[i], kind), self);
	return __real_flow_start(engine, kind, self);
}
