/* SPDX-License-Identifier: Apache-2.0 */
/* Sets, not items: flows that ask the same set statement within a few milliseconds, or while its last run is
 * still on the way, are gathered into one statement, and each goes on with its own row.  What one item does
 * wrong is its own row's fault; where the statement as a whole fails, its items are tried one by one, so that
 * a poisoned one fails alone.
 *
 * A set statement takes $1, a JSON array of items, and gives rows of: n (the item's place, from 1), an SQLSTATE
 * and why (null where the item went well), then what a flow asked for.  At most one row for each item; no
 * row is an empty result. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "orchestrator/loop/flow.h"

struct batch;
struct db;
struct event_base;

struct batch_options {
	const char *name;      /* static; for the log */
	const char *statement; /* static */
	unsigned most;         /* items of one statement */
	size_t bytes_most;     /* of one statement, unless a single item is larger */
	unsigned at_once;      /* statements of this batch under way */
	unsigned gather_ms; /* how long the first item waits for others; 0: for the loop's turn */
};

/* BASE, ENGINE and DB are borrowed and outlive the batch but for db_free, which comes first. */
struct batch *batch_new(struct event_base *base, struct flow_engine *engine, struct db *db,
	const struct batch_options *options, struct fault *fault);
/* Flows that still wait resume with FAULT_LATER.  After db_free, before flow_engine_free.  NULL is taken. */
void batch_free(struct batch *batch);

/* Put ITEM (one JSON value; copied) into the next statement for FLOW, which resumes as from db_begin with its
 * own row, without those three columns.  Never resumes from inside this call. */
enum flow_next batch_begin(struct batch *batch, struct flow *flow, const char *item);
/* The same as from db_try. */
enum flow_next batch_try(struct batch *batch, struct flow *flow, const char *item);

/* What was gathered so far: statements that ran, items in them, and statements that had to be taken apart. */
struct batch_counts {
	uint64_t statements, items, apart;
};
struct batch_counts batch_counts(const struct batch *batch);
