/* SPDX-License-Identifier: Apache-2.0 */
/* How items are gathered, run as one statement by a flow of their own, and dealt out again. */
#include "orchestrator/loop/batch.h"

#include <assert.h>
#include <event2/event.h>
#include <string.h>
#include <sys/queue.h>

#include "common/bytes.h"
#include "common/log.h"
#include "common/text.h"
#include "orchestrator/loop/connection.h"
#include "orchestrator/loop/db.h"

/* The columns before the flow's own. */
enum { COLUMN_N, COLUMN_SQLSTATE, COLUMN_MESSAGE, OWN_COLUMNS };

struct item {
	TAILQ_ENTRY(item) entry;
	struct flow *flow;
	bool keeps_fault; /* batch_try */
	char *json;
	size_t len;
};

TAILQ_HEAD(item_queue, item);

/* One statement under way, then, where it failed as a whole, one statement for each item. */
struct gathering {
	LIST_ENTRY(gathering) entry;
	struct batch *batch; /* NULL once that is gone */
	struct item_queue items;
	unsigned count;
	bool apart;
};

struct batch {
	struct batch_options options;
	struct flow_engine *engine;
	struct db *db;
	struct event *timer;
	bool armed;
	struct item_queue waiting;
	unsigned under_way;
	LIST_HEAD(, gathering) gatherings;
	struct batch_counts counts;
};

static void batch_run(struct batch *batch);

/* ---- items ---- */

static void item_free(struct item *item)
{
	free(item->json);
	free(item);
}

static void end_with_fault(struct item *item, const struct fault *fault)
{
	if (item->keeps_fault)
		flow_resume_refused(item->flow, fault);
	else
		flow_resume_fault(item->flow, fault);
	item_free(item);
}

static void end_with_rows(struct item *item, PGresult *rows)
{
	flow_resume_rows(item->flow, rows);
	item_free(item);
}

static void end_all(struct item_queue *items, const struct fault *fault)
{
	struct item *item;

	while ((item = TAILQ_FIRST(items)) != NULL) {
		TAILQ_REMOVE(items, item, entry);
		end_with_fault(item, fault);
	}
}

/* ---- rows ---- */

/* An empty result with the flow's own columns of ROWS. */
static PGresult *own_columns(const PGresult *rows)
{
	PGresult *own = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	int count = PQnfields(rows) - OWN_COLUMNS;
	PGresAttDesc *columns = zalloc((size_t)count + 1, sizeof *columns);

	for (int i = 0; i < count; i++)
		columns[i] = (PGresAttDesc){ .name = PQfname(rows, OWN_COLUMNS + i), .format = 0 };
	if (own == NULL || PQsetResultAttrs(own, count, columns) == 0)
		abort(); /* out of memory */
	free(columns);
	return own;
}

static PGresult *own_row(const PGresult *rows, int row)
{
	PGresult *own = own_columns(rows);

	for (int i = OWN_COLUMNS; row >= 0 && i < PQnfields(rows); i++) {
		bool is_null = PQgetisnull(rows, row, i) == 1;

		if (PQsetvalue(own, 0, i - OWN_COLUMNS, is_null ? NULL : PQgetvalue(rows, row, i),
			    is_null ? -1 : PQgetlength(rows, row, i)) == 0)
			abort(); /* out of memory */
	}
	return own;
}

/* The row of each item, by its place; -1: none. */
static int *rows_by_item(const PGresult *rows, unsigned count)
{
	int *of = zalloc((size_t)count + 1, sizeof *of);

	for (unsigned i = 0; i < count; i++)
		of[i] = -1;
	for (int row = 0; row < PQntuples(rows); row++) {
		int64_t n;

		if (number_parse(&n, PQgetvalue(rows, row, COLUMN_N), 1, count))
			of[n - 1] = row;
	}
	return of;
}

static void deal_one(struct item *item, const PGresult *rows, int row)
{
	struct fault fault;

	if (row < 0 || PQgetisnull(rows, row, COLUMN_SQLSTATE) == 1) {
		end_with_rows(item, own_row(rows, row));
		return;
	}
	(void)fault_set(&fault, connection_fault_kind(PQgetvalue(rows, row, COLUMN_SQLSTATE)), "%s",
		PQgetvalue(rows, row, COLUMN_MESSAGE));
	end_with_fault(item, &fault);
}

/* Give each of the first COUNT items its row. */
static void deal(struct gathering *gathering, const PGresult *rows, unsigned count)
{
	OWNED int *of = rows_by_item(rows, count);

	for (unsigned i = 0; i < count && !TAILQ_EMPTY(&gathering->items); i++) {
		struct item *item = TAILQ_FIRST(&gathering->items);

		TAILQ_REMOVE(&gathering->items, item, entry);
		deal_one(item, rows, of[i]);
	}
}

/* ---- the flow of one gathering ---- */

static enum flow_next gathering_run(struct flow *flow, void *self);
static enum flow_next gathering_deal(struct flow *flow, void *self);

static const struct flow_step gathering_steps[] = {
	{ "run", gathering_run },   /* all items, or the next one of a statement that failed */
	{ "deal", gathering_deal }, /* to each its row */
	{ NULL, NULL },
};

/* The JSON array of the first COUNT items. */
static char *array_of(const struct gathering *gathering, unsigned count)
{
	const struct item *item;
	size_t len = 2;
	unsigned i = 0;

	TAILQ_FOREACH(item, &gathering->items, entry)
		len += item->len + 1;

	char *array = zalloc(1, len + 1), *at = array;

	*at++ = '[';
	TAILQ_FOREACH(item, &gathering->items, entry) {
		if (i++ == count)
			break;
		if (i > 1)
			*at++ = ',';
		memcpy(at, item->json, item->len);
		at += item->len;
	}
	*at = ']';
	return array;
}

static enum flow_next gathering_run(struct flow *flow, void *self)
{
	struct gathering *gathering = self;
	struct batch *batch = gathering->batch;

	if (batch == NULL || TAILQ_EMPTY(&gathering->items))
		return FLOW_DONE;

	unsigned count = gathering->apart ? 1 : gathering->count;
	OWNED char *array = array_of(gathering, count);

	batch->counts.statements++;
	batch->counts.items += count;
	return db_try(batch->db, flow, batch->options.statement, DB_ARGS(array));
}

/* A whole statement that failed has changed nothing, and each item may be tried by itself; unless the
 * connection went with it, for then nobody knows. */
static bool may_be_tried_apart(const struct gathering *gathering, const struct fault *fault)
{
	return !gathering->apart && gathering->count > 1 && fault->kind != FAULT_UNSURE &&
		fault->kind != FAULT_LATER;
}

static enum flow_next take_apart(struct flow *flow, struct gathering *gathering)
{
	const struct fault *fault = flow_db_fault(flow);

	gathering->apart = true;
	gathering->batch->counts.apart++;
	log_debug("batch.taken_apart", LOG_TEXT("batch", gathering->batch->options.name),
		LOG_NUMBER("items", gathering->count), LOG_FAULT(fault));
	return flow_jump(flow, "run");
}

static enum flow_next gathering_deal(struct flow *flow, void *self)
{
	struct gathering *gathering = self;
	const PGresult *rows = flow_rows(flow);

	if (gathering->batch == NULL)
		return FLOW_DONE;
	if (rows == NULL && may_be_tried_apart(gathering, flow_db_fault(flow)))
		return take_apart(flow, gathering);
	if (rows != NULL) {
		deal(gathering, rows, gathering->apart ? 1 : gathering->count);
	} else if (gathering->apart) {
		struct item *item = TAILQ_FIRST(&gathering->items);

		TAILQ_REMOVE(&gathering->items, item, entry);
		end_with_fault(item, flow_db_fault(flow));
	} else {
		end_all(&gathering->items, flow_db_fault(flow));
	}
	return TAILQ_EMPTY(&gathering->items) ? FLOW_DONE : flow_jump(flow, "run");
}

static void gathering_finished(void *self, const struct fault *fault)
{
	struct gathering *gathering = self;
	struct batch *batch = gathering->batch;

	if (batch != NULL) {
		LIST_REMOVE(gathering, entry);
		batch->under_way--;
		if (fault != NULL)
			end_all(&gathering->items, fault);
		batch_run(batch);
	}
	free(gathering);
}

static struct flow_kind gathering_kind = { "batch", gathering_steps, gathering_finished, 0, 0 };

/* ---- gathering ---- */

/* Move what fits into one statement out of the waiting ones. */
static void fill(struct gathering *gathering, struct batch *batch)
{
	size_t bytes = 0;

	while (gathering->count < batch->options.most) {
		struct item *item = TAILQ_FIRST(&batch->waiting);

		if (item == NULL ||
			(gathering->count > 0 && bytes + item->len > batch->options.bytes_most))
			return;
		bytes += item->len;
		TAILQ_REMOVE(&batch->waiting, item, entry);
		TAILQ_INSERT_TAIL(&gathering->items, item, entry);
		gathering->count++;
	}
}

static void batch_run(struct batch *batch)
{
	while (batch->under_way < batch->options.at_once && !TAILQ_EMPTY(&batch->waiting) &&
		!batch->armed) {
		struct gathering *gathering = zalloc(1, sizeof *gathering);

		gathering->batch = batch;
		TAILQ_INIT(&gathering->items);
		fill(gathering, batch);
		LIST_INSERT_HEAD(&batch->gatherings, gathering, entry);
		batch->under_way++;
		if (!flow_start(batch->engine, &gathering_kind, gathering)) {
			struct fault fault;

			(void)fault_set(&fault, FAULT_LATER, "the program is stopping");
			gathering_finished(gathering, &fault);
			return;
		}
	}
}

static void on_gathered(evutil_socket_t fd, short what, void *context)
{
	struct batch *batch = context;

	(void)fd;
	(void)what;
	batch->armed = false;
	batch_run(batch);
}

/* The first of a new set opens the time of gathering; the others come to it. */
static enum flow_next put(struct batch *batch, struct flow *flow, const char *json, bool keeps)
{
	struct item *item = zalloc(1, sizeof *item);
	struct timeval tv = { .tv_usec = (suseconds_t)batch->options.gather_ms * 1000 };
	bool is_first = TAILQ_EMPTY(&batch->waiting);

	item->flow = flow;
	item->keeps_fault = keeps;
	item->json = text_dup(json);
	item->len = strlen(json);
	TAILQ_INSERT_TAIL(&batch->waiting, item, entry);
	if (is_first && !batch->armed && batch->under_way < batch->options.at_once)
		batch->armed = evtimer_add(batch->timer, &tv) == 0;
	return FLOW_WAIT;
}

enum flow_next batch_begin(struct batch *batch, struct flow *flow, const char *item)
{
	return put(batch, flow, item, false);
}

enum flow_next batch_try(struct batch *batch, struct flow *flow, const char *item)
{
	return put(batch, flow, item, true);
}

struct batch_counts batch_counts(const struct batch *batch)
{
	return batch->counts;
}

/* ---- life ---- */

struct batch *batch_new(struct event_base *base, struct flow_engine *engine, struct db *db,
	const struct batch_options *options, struct fault *fault)
{
	struct batch *batch = zalloc(1, sizeof *batch);

	assert(options->most > 0 && options->at_once > 0);
	batch->options = *options;
	batch->engine = engine;
	batch->db = db;
	TAILQ_INIT(&batch->waiting);
	LIST_INIT(&batch->gatherings);
	batch->timer = evtimer_new(base, on_gathered, batch);
	if (batch->timer == NULL) {
		(void)fault_set(fault, FAULT_LATER, "the event loop takes no timer");
		free(batch);
		return NULL;
	}
	return batch;
}

void batch_free(struct batch *batch)
{
	struct gathering *gathering;
	struct fault fault;

	if (batch == NULL)
		return;
	(void)fault_set(&fault, FAULT_LATER, "the program is stopping");
	end_all(&batch->waiting, &fault);
	while ((gathering = LIST_FIRST(&batch->gatherings)) != NULL) {
		LIST_REMOVE(gathering, entry);
		end_all(&gathering->items, &fault);
		gathering->batch = NULL; /* its flow ends with the engine */
	}
	event_free(batch->timer);
	free(batch);
}
