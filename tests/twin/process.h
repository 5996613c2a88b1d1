/* SPDX-License-Identifier: Apache-2.0 */
/* One xuqid of the twin: the product's own sweep, stages and connectors, started as main does it, on stand-ins for
 * libevent (virtual time), the database (loop/db.h over the twin's store) and the network (loop/outbound.h to the
 * simulator's core).  It can be killed between any two turns: its memory and flows are gone, what it had sent may
 * still arrive. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "orchestrator/flows/app.h"
#include "tests/simulator/sim_core.h"
#include "tests/twin/clockwork.h"
#include "tests/twin/store.h"

struct process;

/* How bad the weather is: chances in a million, delays in microseconds. */
struct weather {
	unsigned db_lost_before, db_lost_after; /* the connection breaks under a statement */
	unsigned refused;                       /* a call surely never leaves (LATER) */
	unsigned lost;                          /* a request is lost on its way */
	unsigned late;                          /* a request arrives after its caller gave up */
	unsigned answer_lost, answer_late, answer_cut, answer_unsigned;
	unsigned fails_before, fails_after; /* 500 without, and after the effect */
	unsigned busy;                      /* 429 */
	unsigned twice;                     /* a request arrives twice */
	int64_t db_us, net_us;              /* usual delays, at most */
};

/* What the processes share. */
struct outside {
	struct clockwork *clockwork;
	struct store *store;
	struct sim *sim;
	struct sim_options key; /* the CA's key, for answers that the weather makes */
	struct dice dice;       /* of the weather */
	const struct weather *weather;
	struct calendar *calendar;
	struct seal_keys *seals;
	json_t *refused; /* Idempotency-Keys of requests that the CA refused */
	/* Told before a request leaves a process, and after it was answered by the CA. */
	void (*on_send)(void *context, const struct sim_request *request);
	void (*on_executed)(
		void *context, const struct sim_request *request, const struct sim_answer *answer);
	/* A line for the trace; NULL: none is wanted. */
	void (*on_line)(void *context, const char *line);
	void *context;
};

enum { OUTBOUND_TIMEOUT_S = 30, LISTENERS = 4 };

/* A dead process NUMBER (from 1) with SETTINGS (borrowed); SOLE: it owns its database and may take back every lease
 * when it starts. */
struct process *process_new(
	struct outside *outside, int number, const struct settings *settings, bool sole);
void process_free(struct process *process);
bool process_start(struct process *process, struct fault *fault) MUST_CHECK;
void process_kill(struct process *process);
bool process_is_alive(const struct process *process);
/* It does nothing before UNTIL, while time goes on. */
void process_stall(struct process *process, int64_t until);
/* The store was written: the database tells the listeners of PROCESS to the channel of work, or of tasks. */
void process_notify(struct process *process, bool tasks);
/* Its sweep need not look before this instant (and looks then): spares the twin empty sweeps. */
void process_rest_until(struct process *process, int64_t at);

/* ---- among the stand-ins ---- */

struct event_base {
	struct process *process;
	struct event *events; /* all, newest first */
};

struct db {
	struct process *process;

	struct {
		const char *channel;
		void (*on_notify)(void *context);
		void *listener;
	} listeners[LISTENERS];
};

struct outbound {
	struct process *process;
};

struct process {
	struct outside *outside;
	const struct settings *settings;
	int number;
	bool sole, alive;
	uint64_t life; /* which life: an answer to an earlier one finds nobody */
	int64_t stalled_until;
	struct app app;
	struct event_base base;
	struct db db;
	struct outbound outbound;
	struct ca_watch *watches[CONNECTORS_MAX];
	struct tending *tending;
	struct reaping *reaping;
	struct reconciling *reconciling;
	struct kind_copy *kinds; /* its own counts of running flows */
};

/* Of the loop's stand-in: the limits of flow kinds are per process, though the kinds are static. */
void process_register(struct process *process);
void process_forget(struct process *process);
/* What all processes share; NULL while there is none. */
struct store *process_store(void);
/* The process whose intents BATCH writes, or NULL. */
struct process *process_with_intend(const struct batch *batch);
/* Bring FN(CONTEXT) to PROCESS at AT, if it still lives its present life; else DROP(CONTEXT). */
void process_deliver(struct process *process, int64_t at, const char *name, turn_fn *fn,
	void *context, turn_fn *drop);
/* The instant at which PROCESS starts its statements and calls; delays add to it. */
int64_t process_now(const struct process *process);
void outside_line(const struct outside *outside, const char *format, ...) PRINTF_LIKE(2, 3);
