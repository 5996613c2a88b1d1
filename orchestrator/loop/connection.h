/* SPDX-License-Identifier: Apache-2.0 */
/* One PostgreSQL connection on the event loop: connects, reconnects with a growing delay, runs one
 * statement at a time.  db.c spreads statements over several of these. */
#pragma once

#include <libpq-fe.h>
#include <stdbool.h>

#include "common/fault.h"

struct connection;
struct event_base;

/* What a connection tells its owner, always from the loop. */
struct connection_events {
	/* It is up and takes a statement. */
	void (*on_idle)(struct connection *connection, void *context);
	/* The statement ended: RESULT (taken by the callee) with a null FAULT, or none and the fault. */
	void (*on_end)(void *context, PGresult *result, const struct fault *fault);
	/* It is down, after on_end for what ran on it; may be NULL. */
	void (*on_lost)(void *context);
	/* A notification came; may be NULL. */
	void (*on_notify)(void *context);
};

struct connection_statement {
	const char *text;
	int n;
	const char *const *args;
	bool is_script; /* several statements, no arguments, no deadline of our own */
};

/* Begins to connect at once.  EVENTS and CONNINFO are borrowed. */
struct connection *connection_new(struct event_base *base, const char *conninfo,
	unsigned statement_timeout_ms, const struct connection_events *events, void *context);
/* A statement in progress ends with a fault first. */
void connection_free(struct connection *connection);
bool connection_is_up(const struct connection *connection);
bool connection_is_idle(const struct connection *connection);
/* Send a statement over an idle connection; false if nothing was sent: the connection is lost then,
 * and the statement may go over another one. */
bool connection_send(struct connection *connection, const struct connection_statement *statement);

/* What an SQLSTATE asks the caller to do (the list is in db.h). */
enum fault_kind connection_fault_kind(const char *sqlstate);
/* The fault that an error result stands for. */
void connection_fault(struct fault *fault, const PGresult *result);
