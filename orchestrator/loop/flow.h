/* SPDX-License-Identifier: Apache-2.0 */
/* A flow is one story told in steps: a list of named functions, each of which starts at most one
 * operation (a statement, an outside call) and returns; its result is there when the next step
 * runs.  Exactly one `finished` ends the story, frees, answers and logs. */
#pragma once

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/fault.h"

struct flow;

enum flow_next {
	FLOW_WAIT, /* an operation was begun; the next step runs when it ends */
	FLOW_NEXT, /* go on with the next step at once */
	FLOW_JUMP, /* flow_jump was called: go on there */
	FLOW_DONE, /* the story ends well here */
	FLOW_FAIL  /* flow_fail was called */
};

typedef enum flow_next flow_step_fn(struct flow *flow, void *self);

struct flow_step {
	const char *name;
	flow_step_fn *run;
};

/* Runs exactly once, never from inside flow_start or the call that resumes.  FAULT is NULL when all
 * went well.  The flow and its results are gone when it returns; it releases SELF. */
typedef void flow_finished_fn(void *self, const struct fault *fault);

struct flow_kind {
	const char *name;
	const struct flow_step *steps; /* ends with { NULL, NULL } */
	flow_finished_fn *finished;
	unsigned limit;   /* at most so many at a time; 0: any number */
	unsigned running; /* kept by the engine */
};

/* What an outside call brought back.  STATUS 0: no answer; FAULT says why (LATER: surely nothing
 * happened; UNSURE: it may have). */
struct reply {
	long status;
	char *body; /* NUL-terminated, never NULL when status is set */
	size_t len;
	char *headers; /* raw header lines */
	struct fault fault;
};

struct event_base;

/* The engine of one event loop; every flow needs it. */
struct flow_engine;
struct flow_engine *flow_engine_new(struct event_base *base, struct fault *fault);
/* Flows that still run end with FAULT_LATER (or the fault that had just reached them), no step of theirs
 * runs any more, and `finished` can start none.  Free what they wait for (db, outbound) before, and what
 * their `finished` uses after. */
void flow_engine_free(struct flow_engine *engine);
/* Flows that have not finished; a graceful stop waits until it is 0. */
unsigned flow_engine_running(const struct flow_engine *engine);

/* Begin a story about SELF; its first step runs from the event loop, not from this call.  False,
 * and nothing begun (SELF stays the caller's, finished is not called), when KIND is at its limit. */
bool flow_start(struct flow_engine *engine, struct flow_kind *kind, void *self) MUST_CHECK;

/* Fail with a fault: `return flow_fail(flow, FAULT_REFUSED, "…")`. */
enum flow_next flow_fail(struct flow *flow, enum fault_kind kind, const char *format, ...)
	PRINTF_LIKE(3, 4);
/* Fail with a fault that is already filled. */
enum flow_next flow_fail_with(struct flow *flow, const struct fault *fault);
/* Go on with the step named NAME (a programming error if there is none). */
enum flow_next flow_jump(struct flow *flow, const char *name);

/* The rows of the statement that just ended; they belong to the flow until its next operation. */
const PGresult *flow_rows(const struct flow *flow);
/* The answer to the outside call that just ended, in the same way. */
const struct reply *flow_reply(const struct flow *flow);
/* The value of header NAME in the reply (copied into OUT), or false. */
bool flow_reply_header(const struct flow *flow, const char *name, char *out, size_t size);

/* For operations (db, outbound, timers): hand the result over and let the flow go on.  Takes ROWS
 * and the contents of REPLY.  Resuming while a step runs is remembered, never nested. */
void flow_resume_rows(struct flow *flow, PGresult *rows);
void flow_resume_reply(struct flow *flow, struct reply *reply);
void flow_resume_fault(struct flow *flow, const struct fault *fault);
/* The statement was refused, and the flow goes on: for flow_db_fault (db.h). */
void flow_resume_refused(struct flow *flow, const struct fault *fault);
void flow_resume(struct flow *flow);

/* Let MS milliseconds pass. */
enum flow_next flow_pause(struct flow *flow, unsigned ms);
