/* SPDX-License-Identifier: Apache-2.0 */
/* Asynchronous PostgreSQL for flows: N connections, a bounded waiting queue, one statement at a time
 * each, reconnection with backoff.  Single statements only: what must be atomic is one statement
 * (data-modifying CTEs).  A connection lost under a writing statement is FAULT_UNSURE: its outcome
 * must be read, not assumed. */
#pragma once

#include <stdbool.h>

#include "orchestrator/loop/flow.h"

struct db;

struct db_options {
	const char
		*conninfo; /* libpq's; a Unix socket directory or hostaddr, never a DNS name wait */
	unsigned connections;
	unsigned queue_max; /* statements waiting for a connection; more are FAULT_LATER */
	unsigned statement_timeout_ms; /* the server's, and ours a second later */
};

struct db *db_new(struct event_base *base, const struct db_options *options, struct fault *fault);
void db_free(struct db *db);
/* True while at least one connection is up. */
bool db_is_up(const struct db *db);

/* Begin STATEMENT ($1… from ARGS, NULL is SQL null) for FLOW, which resumes with flow_rows set, or
 * fails with the server's fault: integrity errors (SQLSTATE class 23) are FAULT_CONFLICT, class 22
 * and user exceptions P0001 FAULT_INPUT, XQ403 FAULT_DENIED, XQ404 FAULT_ABSENT, XQ409
 * FAULT_CONFLICT, 40xxx, 57xxx and a lost connection before sending FAULT_LATER, a connection lost
 * after sending FAULT_UNSURE; the text is the server's message, with the constraint's name in
 * brackets where there is one.  Never resumes from inside this call.  ARGS are copied. */
enum flow_next db_begin(
	struct db *db, struct flow *flow, const char *statement, int n, const char *const *args);
/* The same, the fault being kept in flow_db_fault instead of failing the flow: for steps that have an
 * answer to a refusal.  flow_rows is NULL then. */
enum flow_next db_try(
	struct db *db, struct flow *flow, const char *statement, int n, const char *const *args);
/* Never NULL; its kind is FAULT_NONE when the last db_try went well. */
const struct fault *flow_db_fault(const struct flow *flow);
/* Begin several statements without parameters (a migration); no rows come back. */
enum flow_next db_begin_script(struct db *db, struct flow *flow, const char *script);

/* Call ON_NOTIFY (from the loop) for each notification on CHANNEL, and once after each reconnection,
 * because what came in between was missed.  One connection of its own. */
bool db_listen(struct db *db, const char *channel, void (*on_notify)(void *context), void *context,
	struct fault *fault) MUST_CHECK;

/* Arguments of a statement: `DB_ARGS(id, "word")` gives `n, args`. */
#define DB_ARGS(...) \
	(int)(sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *)), \
		(const char *const[]) \
	{ \
		__VA_ARGS__ \
	}
