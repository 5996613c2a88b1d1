/* SPDX-License-Identifier: Apache-2.0 */
/* Statements of flows over several connections: whoever finds none idle waits in a bounded queue. */
#include "orchestrator/loop/db.h"

#include <assert.h>
#include <event2/event.h>
#include <string.h>
#include <sys/queue.h>

#include "common/clock.h"
#include "common/text.h"
#include "orchestrator/loop/connection.h"

enum { WAIT_MOST_MS = 30000 /* for a connection; then FAULT_LATER */ };

/* What becomes of the statement's end. */
enum ending { END_ROWS, END_TRY, END_SCRIPT };

struct statement {
	TAILQ_ENTRY(statement) entry;
	struct flow *flow;
	enum ending ending;
	int64_t until_ms; /* monotonic */
	char *text;
	int n;
	char **args;
};

TAILQ_HEAD(statement_queue, statement);

/* A connection's place: what runs on it. */
struct slot {
	struct db *db;
	struct connection *connection;
	struct statement *running;
};

struct listener {
	struct listener *next;
	struct connection *connection;
	char *listen; /* the statement */
	bool listens;
	void (*on_notify)(void *context);
	void *context;
};

struct db {
	struct event_base *base;
	char *conninfo;
	unsigned statement_timeout_ms;
	unsigned queue_max;
	unsigned waiting_count;
	struct statement_queue waiting;
	struct event *janitor;
	unsigned slot_count;
	struct slot *slots;
	struct listener *listeners;
};

static void on_slot_idle(struct connection *connection, void *context);
static void on_slot_end(void *context, PGresult *result, const struct fault *fault);

static const struct connection_events slot_events = { .on_idle = on_slot_idle,
	.on_end = on_slot_end };

/* ---- statements ---- */

static void statement_free(struct statement *statement)
{
	for (int i = 0; i < statement->n; i++)
		free(statement->args[i]);
	free((void *)statement->args);
	free(statement->text);
	free(statement);
}

static struct statement *statement_new(
	struct flow *flow, enum ending ending, const char *text, int n, const char *const *args)
{
	assert(n >= 0);
	struct statement *statement = zalloc(1, sizeof(*statement));
	statement->flow = flow;
	statement->ending = ending;
	statement->until_ms = clock_monotonic_ms() + WAIT_MOST_MS;
	statement->text = text_dup(text);
	statement->n = n;
	statement->args = (char **)zalloc((size_t)n, sizeof(char *));
	for (int i = 0; i < n; i++)
		statement->args[i] = text_dup(args[i]);
	return statement;
}

/* Hand the end over to the flow and be gone. */
static void statement_end(struct statement *statement, PGresult *result, const struct fault *fault)
{
	struct flow *flow = statement->flow;
	enum ending ending = statement->ending;
	statement_free(statement);
	if (fault != NULL && ending == END_TRY) {
		flow_resume_refused(flow, fault);
	} else if (fault != NULL) {
		flow_resume_fault(flow, fault);
	} else if (ending == END_SCRIPT) {
		PQclear(result);
		flow_resume(flow);
	} else {
		flow_resume_rows(flow, result);
	}
}

/* True if STATEMENT now runs on SLOT. */
static bool run_on(struct slot *slot, struct statement *statement)
{
	const struct connection_statement sent = { .text = statement->text,
		.n = statement->n,
		.args = (const char *const *)statement->args,
		.is_script = statement->ending == END_SCRIPT };
	if (!connection_is_idle(slot->connection) || !connection_send(slot->connection, &sent))
		return false;
	slot->running = statement;
	return true;
}

static void enqueue(struct db *db, struct statement *statement)
{
	struct fault fault;
	if (db->waiting_count < db->queue_max) {
		db->waiting_count++;
		TAILQ_INSERT_TAIL(&db->waiting, statement, entry);
		return;
	}
	(void)fault_set(&fault, FAULT_LATER, "the database is busy: %u statements wait already",
		db->queue_max);
	statement_end(statement, NULL, &fault);
}

static struct statement *dequeue(struct db *db)
{
	struct statement *statement = TAILQ_FIRST(&db->waiting);
	if (statement == NULL)
		return NULL;
	TAILQ_REMOVE(&db->waiting, statement, entry);
	db->waiting_count--;
	return statement;
}

static enum flow_next begin(struct db *db, struct statement *statement)
{
	for (unsigned i = 0; i < db->slot_count; i++)
		if (run_on(&db->slots[i], statement))
			return FLOW_WAIT;
	enqueue(db, statement);
	return FLOW_WAIT;
}

enum flow_next db_begin(
	struct db *db, struct flow *flow, const char *statement, int n, const char *const *args)
{
	return begin(db, statement_new(flow, END_ROWS, statement, n, args));
}

enum flow_next db_try(
	struct db *db, struct flow *flow, const char *statement, int n, const char *const *args)
{
	return begin(db, statement_new(flow, END_TRY, statement, n, args));
}

enum flow_next db_begin_script(struct db *db, struct flow *flow, const char *script)
{
	return begin(db, statement_new(flow, END_SCRIPT, script, 0, NULL));
}

static void on_slot_idle(struct connection *connection, void *context)
{
	struct slot *slot = context;
	struct statement *statement = dequeue(slot->db);
	(void)connection;
	if (statement == NULL || run_on(slot, statement))
		return;
	TAILQ_INSERT_HEAD(
		&slot->db->waiting, statement, entry); /* nothing was sent: it goes on waiting */
	slot->db->waiting_count++;
}

static void on_slot_end(void *context, PGresult *result, const struct fault *fault)
{
	struct slot *slot = context;
	struct statement *statement = take(slot->running);
	statement_end(statement, result, fault);
}

/* Give up those that waited too long: the queue is in the order of their deadlines. */
static void on_janitor(evutil_socket_t fd, short what, void *context)
{
	struct db *db = context;
	struct fault fault;
	(void)fd;
	(void)what;
	(void)fault_set(&fault, FAULT_LATER, "no database connection was free in %d s",
		WAIT_MOST_MS / 1000);
	for (;;) {
		const struct statement *first = TAILQ_FIRST(&db->waiting);
		if (first == NULL || first->until_ms > clock_monotonic_ms())
			return;
		statement_end(dequeue(db), NULL, &fault);
	}
}

/* ---- notifications ---- */

static void on_listener_idle(struct connection *connection, void *context)
{
	struct listener *listener = context;
	if (listener->listens)
		return;
	listener->listens = connection_send(
		connection, &(struct connection_statement){ .text = listener->listen });
}

static void on_listen_end(void *context, PGresult *result, const struct fault *fault)
{
	struct listener *listener = context;
	PQclear(result);
	if (fault != NULL)
		listener->listens = false;
	else
		listener->on_notify(listener->context);
}

static void on_listener_notify(void *context)
{
	struct listener *listener = context;
	listener->on_notify(listener->context);
}

static void on_listener_lost(void *context)
{
	struct listener *listener = context;
	listener->listens = false;
}

static const struct connection_events listener_events = { .on_idle = on_listener_idle,
	.on_end = on_listen_end,
	.on_notify = on_listener_notify,
	.on_lost = on_listener_lost };

bool db_listen(struct db *db, const char *channel, void (*on_notify)(void *context), void *context,
	struct fault *fault)
{
	if (strspn(channel, "abcdefghijklmnopqrstuvwxyz_") != strlen(channel))
		return fault_set(fault, FAULT_BUG, "%s is no channel", channel);
	struct listener *listener = zalloc(1, sizeof(*listener));
	listener->listen = text_dupf("listen %s", channel);
	listener->on_notify = on_notify;
	listener->context = context;
	listener->connection = connection_new(
		db->base, db->conninfo, db->statement_timeout_ms, &listener_events, listener);
	listener->next = db->listeners;
	db->listeners = listener;
	return true;
}

/* ---- life ---- */

static bool check_conninfo(const char *conninfo, struct fault *fault)
{
	char *error = NULL;
	PQconninfoOption *parsed = PQconninfoParse(conninfo, &error);
	if (parsed == NULL)
		(void)fault_set(fault, FAULT_INPUT,
			"the database's address is not understood: %.*s",
			(int)strcspn(error != NULL ? error : "", "\n"), error != NULL ? error : "");
	PQfreemem(error);
	PQconninfoFree(parsed);
	return parsed != NULL;
}

struct db *db_new(struct event_base *base, const struct db_options *options, struct fault *fault)
{
	static const struct timeval each_second = { .tv_sec = 1 };
	if (!check_conninfo(options->conninfo, fault))
		return NULL;
	struct db *db = zalloc(1, sizeof(*db));
	TAILQ_INIT(&db->waiting);
	db->base = base;
	db->conninfo = text_dup(options->conninfo);
	db->statement_timeout_ms = options->statement_timeout_ms;
	db->queue_max = options->queue_max;
	db->slot_count = options->connections;
	db->slots = zalloc(db->slot_count, sizeof(*db->slots));
	for (unsigned i = 0; i < db->slot_count; i++) {
		db->slots[i].db = db;
		db->slots[i].connection = connection_new(
			base, db->conninfo, db->statement_timeout_ms, &slot_events, &db->slots[i]);
	}
	db->janitor = event_new(base, -1, EV_PERSIST, on_janitor, db);
	if (db->janitor == NULL || event_add(db->janitor, &each_second) != 0) {
		(void)fault_set(fault, FAULT_LATER, "the event loop takes no timer");
		db_free(db);
		return NULL;
	}
	return db;
}

static void free_listeners(struct db *db)
{
	while (db->listeners != NULL) {
		struct listener *listener = db->listeners;
		db->listeners = listener->next;
		connection_free(listener->connection);
		free(listener->listen);
		free(listener);
	}
}

void db_free(struct db *db)
{
	struct fault fault;
	if (db == NULL)
		return;
	for (unsigned i = 0; i < db->slot_count; i++)
		connection_free(db->slots[i].connection);
	(void)fault_set(&fault, FAULT_LATER, "the database was closed");
	while (TAILQ_FIRST(&db->waiting) != NULL)
		statement_end(dequeue(db), NULL, &fault);
	free_listeners(db);
	if (db->janitor != NULL)
		event_free(db->janitor);
	free(db->slots);
	free(db->conninfo);
	free(db);
}

bool db_is_up(const struct db *db)
{
	for (unsigned i = 0; i < db->slot_count; i++)
		if (connection_is_up(db->slots[i].connection))
			return true;
	return false;
}
