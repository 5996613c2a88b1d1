/* SPDX-License-Identifier: Apache-2.0 */
/* The flow engine.  Flows whose next step may run stand in a queue that only the event loop empties:
 * therefore no step runs inside another, nor inside the call that starts or resumes a flow. */
#include "orchestrator/loop/flow.h"

#include <assert.h>
#include <event2/event.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include "common/log.h"
#include "common/text.h"
#include "orchestrator/loop/db.h"

enum { FLOW_STEPS_AT_ONCE = 64 /* then others have their turn */ };

struct flow {
	struct flow_engine *engine;
	struct flow_kind *kind;
	void *self;
	size_t step;   /* the one to run next */
	bool is_ready; /* stands in the engine's queue */
	bool in_step;
	bool waits;
	TAILQ_ENTRY(flow) entry; /* of the queue of ready ones */
	TAILQ_ENTRY(flow) one;   /* of all */
	PGresult *rows;
	struct reply reply;
	struct fault fault;    /* kind NONE: none */
	struct fault db_fault; /* of db_try */
	struct event *timer;
};

TAILQ_HEAD(flow_queue, flow);

struct flow_engine {
	struct event_base *base;
	struct event *wake;
	struct flow_queue ready;
	struct flow_queue all;
	unsigned running;
	bool closing;
};

static void run_ready(evutil_socket_t fd, short what, void *context);

struct flow_engine *flow_engine_new(struct event_base *base, struct fault *fault)
{
	struct flow_engine *engine = zalloc(1, sizeof(*engine));
	TAILQ_INIT(&engine->ready);
	TAILQ_INIT(&engine->all);
	engine->base = base;
	engine->wake = evtimer_new(base, run_ready, engine);
	if (engine->wake == NULL) {
		(void)fault_set(fault, FAULT_LATER, "the event loop takes no event");
		free(engine);
		return NULL;
	}
	return engine;
}

unsigned flow_engine_running(const struct flow_engine *engine)
{
	return engine->running;
}

static void make_ready(struct flow *flow)
{
	assert(!flow->is_ready);
	flow->is_ready = true;
	TAILQ_INSERT_TAIL(&flow->engine->ready, flow, entry);
	/* a timer and not event_active, which would run before the loop looks at its sockets */
	if (!evtimer_pending(flow->engine->wake, NULL))
		(void)evtimer_add(flow->engine->wake, &(struct timeval){ 0 });
}

bool flow_start(struct flow_engine *engine, struct flow_kind *kind, void *self)
{
	if (engine->closing || (kind->limit != 0 && kind->running >= kind->limit))
		return false;
	struct flow *flow = zalloc(1, sizeof(*flow));
	flow->engine = engine;
	flow->kind = kind;
	flow->self = self;
	kind->running++;
	engine->running++;
	TAILQ_INSERT_TAIL(&engine->all, flow, one);
	make_ready(flow);
	return true;
}

/* ---- results ---- */

static void drop_results(struct flow *flow)
{
	PQclear(flow->rows);
	flow->rows = NULL;
	free(flow->reply.body);
	free(flow->reply.headers);
	flow->reply = (struct reply){ 0 };
	flow->db_fault = (struct fault){ 0 };
}

/* What every operation does when it ends: the results of the one before are gone. */
static void begin_resume(struct flow *flow)
{
	assert((flow->in_step || flow->waits) && !flow->is_ready);
	drop_results(flow);
	make_ready(flow);
}

void flow_resume(struct flow *flow)
{
	begin_resume(flow);
}

void flow_resume_rows(struct flow *flow, PGresult *rows)
{
	begin_resume(flow);
	flow->rows = rows;
}

void flow_resume_reply(struct flow *flow, struct reply *reply)
{
	begin_resume(flow);
	flow->reply = *reply;
	*reply = (struct reply){ 0 };
}

void flow_resume_fault(struct flow *flow, const struct fault *fault)
{
	assert(fault->kind != FAULT_NONE);
	begin_resume(flow);
	flow->fault = *fault;
}

void flow_resume_refused(struct flow *flow, const struct fault *fault)
{
	assert(fault->kind != FAULT_NONE);
	begin_resume(flow);
	flow->db_fault = *fault;
}

const PGresult *flow_rows(const struct flow *flow)
{
	return flow->rows;
}

const struct reply *flow_reply(const struct flow *flow)
{
	return &flow->reply;
}

const struct fault *flow_db_fault(const struct flow *flow)
{
	return &flow->db_fault;
}

/* The value in LINE (`Name: value`, LEN bytes) if it is header NAME's. */
static bool header_value(
	const char *line, size_t len, const char *name, const char **value, size_t *value_len)
{
	size_t name_len = strlen(name);
	if (len <= name_len || line[name_len] != ':' || strncasecmp(line, name, name_len) != 0)
		return false;
	const char *from = line + name_len + 1;
	const char *to = line + len;
	while (from < to && (*from == ' ' || *from == '\t'))
		from++;
	while (to > from && (to[-1] == ' ' || to[-1] == '\t' || to[-1] == '\r'))
		to--;
	*value = from;
	*value_len = (size_t)(to - from);
	return true;
}

bool flow_reply_header(const struct flow *flow, const char *name, char *out, size_t size)
{
	const char *line = flow->reply.headers != NULL ? flow->reply.headers : "";
	while (*line != '\0') {
		const char *value = NULL;
		size_t value_len = 0;
		size_t len = strcspn(line, "\n");
		if (header_value(line, len, name, &value, &value_len)) {
			if (value_len >= size)
				return false;
			memcpy(out, value, value_len);
			out[value_len] = '\0';
			return true;
		}
		line += len + (line[len] == '\n');
	}
	return false;
}

/* ---- steps ---- */

enum flow_next flow_fail_with(struct flow *flow, const struct fault *fault)
{
	assert(fault->kind != FAULT_NONE);
	flow->fault = *fault;
	return FLOW_FAIL;
}

enum flow_next flow_fail(struct flow *flow, enum fault_kind kind, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	(void)fault_setv(&flow->fault, kind, format, args);
	va_end(args);
	return FLOW_FAIL;
}

enum flow_next flow_jump(struct flow *flow, const char *name)
{
	for (size_t i = 0; flow->kind->steps[i].name != NULL; i++) {
		if (text_equal(flow->kind->steps[i].name, name)) {
			flow->step = i;
			return FLOW_JUMP;
		}
	}
	return flow_fail(flow, FAULT_BUG, "flow %s has no step %s", flow->kind->name, name);
}

static void on_pause_over(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	flow_resume(context);
}

enum flow_next flow_pause(struct flow *flow, unsigned ms)
{
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000 };
	if (flow->timer == NULL)
		flow->timer = evtimer_new(flow->engine->base, on_pause_over, flow);
	if (flow->timer == NULL || evtimer_add(flow->timer, &tv) != 0)
		return flow_fail(flow, FAULT_LATER, "the event loop takes no timer");
	return FLOW_WAIT;
}

/* The end of every flow: told once, then gone with its results. */
static void finish(struct flow *flow)
{
	struct flow_engine *engine = flow->engine;
	const struct fault *fault = flow->fault.kind != FAULT_NONE ? &flow->fault : NULL;
	assert(!flow->is_ready);
	flow->kind->running--; /* first, so that finished may start the next of the kind */
	flow->kind->finished(flow->self, fault);
	if (flow->timer != NULL)
		event_free(flow->timer);
	drop_results(flow);
	TAILQ_REMOVE(&engine->all, flow, one);
	free(flow);
	engine->running--;
}

/* Run the present step and say what is next; on WAIT and NEXT the step behind it is due. */
static enum flow_next run_step(struct flow *flow)
{
	const struct flow_step *step = &flow->kind->steps[flow->step];
	if (step->name == NULL)
		return FLOW_DONE;
	log_debug("flow.stepped", LOG_TEXT("flow", flow->kind->name), LOG_TEXT("step", step->name));
	flow->step++;
	flow->in_step = true;
	enum flow_next next = step->run(flow, flow->self);
	flow->in_step = false;
	/* an operation that has ended must have been waited for */
	assert(next == FLOW_WAIT || !flow->is_ready);
	return next;
}

static void run_flow(struct flow *flow)
{
	enum flow_next next = flow->fault.kind != FAULT_NONE ? FLOW_FAIL : FLOW_NEXT;
	flow->waits = false;
	for (unsigned i = 0; i < FLOW_STEPS_AT_ONCE && (next == FLOW_NEXT || next == FLOW_JUMP);
		i++)
		next = run_step(flow);
	switch (next) {
	case FLOW_WAIT:
		flow->waits = true;
		return;
	case FLOW_NEXT:
	case FLOW_JUMP:
		make_ready(flow);
		return;
	case FLOW_FAIL:
		assert(flow->fault.kind != FAULT_NONE);
		finish(flow);
		return;
	case FLOW_DONE:
		flow->fault.kind = FAULT_NONE;
		finish(flow);
		return;
	}
}

/* Run those that are ready now; what becomes ready meanwhile waits for the loop's next turn. */
static void run_ready(evutil_socket_t fd, short what, void *context)
{
	struct flow_engine *engine = context;
	const struct flow *last = TAILQ_LAST(&engine->ready, flow_queue);
	bool more = last != NULL;
	(void)fd;
	(void)what;
	while (more) {
		struct flow *flow = TAILQ_FIRST(&engine->ready);
		more = flow != last;
		TAILQ_REMOVE(&engine->ready, flow, entry);
		flow->is_ready = false;
		run_flow(flow);
	}
}

/* End a flow whose story cannot go on. */
static void give_up(struct flow *flow)
{
	if (flow->is_ready)
		TAILQ_REMOVE(&flow->engine->ready, flow, entry);
	flow->is_ready = false;
	if (flow->fault.kind == FAULT_NONE)
		(void)fault_set(&flow->fault, FAULT_LATER, "the program is stopping");
	finish(flow);
}

void flow_engine_free(struct flow_engine *engine)
{
	if (engine == NULL)
		return;
	engine->closing = true;
	while (engine->running > 0)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not follow TAILQ_REMOVE */
		give_up(TAILQ_FIRST(&engine->all));
	event_free(engine->wake);
	free(engine);
}
