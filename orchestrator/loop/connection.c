/* SPDX-License-Identifier: Apache-2.0 */
/* One libpq connection.  Each state has its own functions, and each of them arms the events for what
 * is to come next.  PQgetResult is only called when it cannot block. */
#include "orchestrator/loop/connection.h"

#include <assert.h>
#include <event2/event.h>
#include <string.h>

#include "common/digest.h"
#include "common/log.h"
#include "common/text.h"

enum {
	CONNECT_TIMEOUT_MS = 10000,
	BACKOFF_FIRST_MS = 100,
	BACKOFF_MOST_MS = 5000,
	GRACE_MS = 1000 /* after the server's statement_timeout */
};

enum connection_state { CONNECTION_DOWN, CONNECTION_CONNECTING, CONNECTION_IDLE, CONNECTION_BUSY };

struct connection {
	struct event_base *base;
	const char *conninfo;
	unsigned statement_timeout_ms;
	const struct connection_events *events;
	void *context;
	PGconn *pg;
	enum connection_state state;
	struct event *io;    /* made anew whenever what is waited for, or the socket, changes */
	struct event *timer; /* by state: reconnect, connect deadline, none, statement deadline */
	unsigned backoff_ms;
	bool flushed;     /* the whole statement has left */
	PGresult *result; /* of the statement in progress: its error, or else its last rows */
	bool was_good;    /* the error in RESULT followed rows */
};

static void connect_begin(struct connection *connection);
static void on_connect_io(evutil_socket_t fd, short what, void *context);
static void on_idle_io(evutil_socket_t fd, short what, void *context);
static void on_busy_io(evutil_socket_t fd, short what, void *context);

/* ---- faults ---- */

static const struct {
	const char *prefix;
	enum fault_kind kind;
} sqlstates[] = {
	/* the first that fits; the rest are our own mistakes (PostgreSQL manual, appendix A) */
	{ "23", FAULT_CONFLICT }, { "22", FAULT_INPUT }, { "P0001", FAULT_INPUT },
	{ "XQ403", FAULT_DENIED }, { "XQ404", FAULT_ABSENT }, { "XQ409", FAULT_CONFLICT },
	{ "40003", FAULT_UNSURE }, { "40", FAULT_LATER }, { "57P02", FAULT_UNSURE },
	{ "57", FAULT_LATER }, { "53", FAULT_LATER }, { "55P03", FAULT_LATER },
	{ "25006", FAULT_LATER }, /* the server became a standby */
};

enum fault_kind connection_fault_kind(const char *sqlstate)
{
	for (size_t i = 0; i < COUNT_OF(sqlstates); i++)
		if (text_starts(sqlstate, sqlstates[i].prefix))
			return sqlstates[i].kind;
	return FAULT_BUG;
}

void connection_fault(struct fault *fault, const PGresult *result)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
	if (sqlstate == NULL) {
		(void)fault_set(fault, FAULT_BUG, "the database's answer is not understood: %s",
			PQresStatus(PQresultStatus(result)));
		return;
	}
	(void)fault_set(fault, connection_fault_kind(sqlstate), "%s",
		message != NULL ? message : "no message");
	if (constraint != NULL)
		(void)fault_set(fault, fault->kind, "%.400s [%s]", fault->text, constraint);
	if (fault->kind == FAULT_BUG)
		(void)fault_set(fault, fault->kind, "%.440s (SQLSTATE %s)", fault->text, sqlstate);
}

/* ---- events ---- */

static void disarm(struct connection *connection)
{
	if (connection->io != NULL)
		event_free(connection->io);
	connection->io = NULL;
	evtimer_del(connection->timer);
}

/* Wait for WHAT on the connection's socket, which libpq may have changed. */
static void wait_for(struct connection *connection, short what, event_callback_fn then)
{
	if (connection->io != NULL)
		event_free(connection->io);
	connection->io = event_new(connection->base, PQsocket(connection->pg),
		(short)(what | EV_PERSIST), then, connection);
	if (connection->io == NULL || event_add(connection->io, NULL) != 0)
		abort(); /* a socket that select can wait for is taken: out of memory */
}

static void set_timer(struct connection *connection, unsigned ms)
{
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000 };
	(void)evtimer_add(connection->timer, &tv);
}

/* ---- down ---- */

/* Close, and come back after a delay that doubles and is spread, so that not all come at once. */
static void go_down(struct connection *connection)
{
	disarm(connection);
	PQfinish(connection->pg);
	connection->pg = NULL;
	connection->state = CONNECTION_DOWN;
	unsigned char spread = 0;
	random_bytes(&spread, 1);
	set_timer(connection, connection->backoff_ms / 2 + connection->backoff_ms * spread / 255);
	connection->backoff_ms *= 2;
	if (connection->backoff_ms > BACKOFF_MOST_MS)
		connection->backoff_ms = BACKOFF_MOST_MS;
}

static void log_lost(const struct connection *connection, const char *event)
{
	OWNED char *why = text_dup(connection->pg != NULL ? PQerrorMessage(connection->pg) : "");
	why[strcspn(why, "\n")] = '\0';
	log_warn(event, LOG_TEXT("text", why), LOG_NUMBER("retry_ms", connection->backoff_ms));
}

static void end_statement(
	struct connection *connection, PGresult *result, const struct fault *fault)
{
	connection->events->on_end(connection->context, result, fault);
}

static bool is_good(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);
	return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

/* Keep RESULT if it says more than what is there: the commit comes after the rows, and its error must
 * not be lost. */
static void keep_result(struct connection *connection, PGresult *result)
{
	if (connection->result != NULL && !is_good(connection->result)) {
		PQclear(result);
		return;
	}
	connection->was_good = connection->result != NULL;
	PQclear(connection->result);
	connection->result = result;
}

/* Keep what a broken connection had received: perhaps the server's last word.  Does not block, for
 * there is no socket any more. */
static void drain(struct connection *connection)
{
	for (unsigned i = 0; i < 4 && PQstatus(connection->pg) == CONNECTION_BAD; i++) {
		PGresult *result = PQgetResult(connection->pg);
		if (result == NULL)
			return;
		keep_result(connection, result);
	}
}

/* Why the statement on a lost connection failed.  A server that says goodbye before it has reported
 * the rows has not committed: the commit comes after them. */
static void loss_fault(struct fault *fault, const struct connection *connection, const char *why)
{
	const PGresult *result = connection->result;
	if (result != NULL && PQresultErrorField(result, PG_DIAG_SQLSTATE) != NULL &&
		!connection->was_good)
		connection_fault(fault, result);
	else if (connection->flushed)
		(void)fault_set(fault, FAULT_UNSURE,
			"%s while a statement ran: its outcome is not known", why);
	else
		(void)fault_set(fault, FAULT_LATER, "%s before the statement was sent", why);
}

/* The connection broke, or is to be broken. */
static void lose(struct connection *connection, const char *why)
{
	struct fault fault;
	bool was_busy = connection->state == CONNECTION_BUSY;
	log_lost(connection, "database.lost");
	if (was_busy) {
		drain(connection);
		loss_fault(&fault, connection, why);
	}
	PQclear(connection->result);
	connection->result = NULL;
	go_down(connection);
	if (was_busy)
		end_statement(connection, NULL, &fault);
	if (connection->events->on_lost != NULL)
		connection->events->on_lost(connection->context);
}

/* ---- connecting ---- */

/* The option string of CONNINFO (or "") with ours behind it. */
static char *server_options(const struct connection *connection)
{
	PQconninfoOption *parsed = PQconninfoParse(connection->conninfo, NULL);
	const char *given = NULL;
	for (const PQconninfoOption *o = parsed; o != NULL && o->keyword != NULL; o++)
		if (text_equal(o->keyword, "options"))
			given = o->val;
	char *options = text_dupf("%s -c statement_timeout=%u -c TimeZone=UTC -c DateStyle=ISO",
		given != NULL ? given : "", connection->statement_timeout_ms);
	PQconninfoFree(parsed);
	return options;
}

static void ignore_notice(void *context, const PGresult *notice)
{
	(void)context;
	const char *message = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);
	log_debug("database.noted", LOG_TEXT("text", message));
}

static void connect_begin(struct connection *connection)
{
	OWNED char *options = server_options(connection);
	const char *const keywords[] = { "dbname", "options", "fallback_application_name",
		"client_encoding", NULL };
	const char *const values[] = { connection->conninfo, options, "xuqid", "UTF8", NULL };
	connection->pg = PQconnectStartParams(keywords, values, 1);
	if (connection->pg == NULL)
		abort(); /* out of memory */
	if (PQstatus(connection->pg) == CONNECTION_BAD) {
		log_lost(connection, "database.unreachable");
		go_down(connection);
		return;
	}
	(void)PQsetNoticeReceiver(connection->pg, ignore_notice, NULL);
	connection->state = CONNECTION_CONNECTING;
	set_timer(connection, CONNECT_TIMEOUT_MS);
	wait_for(connection, EV_WRITE, on_connect_io);
}

static void go_idle(struct connection *connection)
{
	evtimer_del(connection->timer);
	connection->state = CONNECTION_IDLE;
	wait_for(connection, EV_READ, on_idle_io);
	connection->events->on_idle(connection, connection->context);
}

static void on_connect_io(evutil_socket_t fd, short what, void *context)
{
	struct connection *connection = context;
	(void)fd;
	(void)what;
	switch (PQconnectPoll(connection->pg)) {
	case PGRES_POLLING_READING:
		wait_for(connection, EV_READ, on_connect_io);
		return;
	case PGRES_POLLING_WRITING:
	case PGRES_POLLING_ACTIVE:
		wait_for(connection, EV_WRITE, on_connect_io);
		return;
	case PGRES_POLLING_FAILED:
		break;
	case PGRES_POLLING_OK:
		if (PQsetnonblocking(connection->pg, 1) != 0)
			break;
		connection->backoff_ms = BACKOFF_FIRST_MS;
		go_idle(connection);
		return;
	}
	log_lost(connection, "database.unreachable");
	go_down(connection);
}

/* ---- idle ---- */

static void pass_notifications(struct connection *connection)
{
	for (;;) {
		PGnotify *notify = PQnotifies(connection->pg);
		if (notify == NULL)
			return;
		PQfreemem(notify);
		if (connection->events->on_notify != NULL)
			connection->events->on_notify(connection->context);
	}
}

static void on_idle_io(evutil_socket_t fd, short what, void *context)
{
	struct connection *connection = context;
	(void)fd;
	(void)what;
	if (PQconsumeInput(connection->pg) != 1)
		lose(connection, "the connection was lost");
	else
		pass_notifications(connection);
}

/* ---- busy ---- */

/* Push out what is left of the statement; false if the connection is gone. */
static bool flush(struct connection *connection)
{
	int left = PQflush(connection->pg);
	if (left < 0)
		return false;
	connection->flushed = left == 0;
	wait_for(connection, connection->flushed ? EV_READ : EV_READ | EV_WRITE, on_busy_io);
	return true;
}

bool connection_send(struct connection *connection, const struct connection_statement *statement)
{
	assert(connection->state == CONNECTION_IDLE);
	int sent = 0;
	if (statement->is_script)
		sent = PQsendQuery(connection->pg, statement->text);
	else
		sent = PQsendQueryParams(connection->pg, statement->text, statement->n, NULL,
			statement->args, NULL, NULL, 0);
	connection->flushed = false;
	connection->was_good = false;
	if (sent != 1 || !flush(connection)) {
		lose(connection, "the connection was lost"); /* is idle still: nobody is told */
		return false;
	}
	connection->state = CONNECTION_BUSY;
	if (connection->statement_timeout_ms > 0 && !statement->is_script)
		set_timer(connection, connection->statement_timeout_ms + GRACE_MS);
	return true;
}

static void end_with_result(struct connection *connection)
{
	PGresult *result = take(connection->result);
	evtimer_del(connection->timer);
	connection->state = CONNECTION_IDLE;
	wait_for(connection, EV_READ, on_idle_io);
	if (is_good(result)) {
		end_statement(connection, result, NULL);
	} else {
		struct fault fault;
		connection_fault(&fault, result);
		PQclear(result);
		end_statement(connection, NULL, &fault);
	}
	if (connection->state == CONNECTION_IDLE)
		connection->events->on_idle(connection, connection->context);
}

static bool wants_copy(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);
	return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

/* Read what has arrived, as far as it goes without blocking. */
static void take_results(struct connection *connection)
{
	while (PQisBusy(connection->pg) == 0) {
		PGresult *result = PQgetResult(connection->pg);
		if (result == NULL) {
			if (connection->result == NULL)
				lose(connection, "the server fell silent");
			else
				end_with_result(connection);
			return;
		}
		if (PQstatus(connection->pg) == CONNECTION_BAD || wants_copy(result)) {
			keep_result(connection, result);
			lose(connection, "the connection was lost");
			return;
		}
		keep_result(connection, result);
	}
}

static void on_busy_io(evutil_socket_t fd, short what, void *context)
{
	struct connection *connection = context;
	(void)fd;
	if ((what & EV_READ) != 0 && PQconsumeInput(connection->pg) != 1) {
		lose(connection, "the connection was lost");
		return;
	}
	if (!connection->flushed && !flush(connection)) {
		lose(connection, "the connection was lost");
		return;
	}
	take_results(connection);
	if (connection->state == CONNECTION_IDLE)
		pass_notifications(connection);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	struct connection *connection = context;
	(void)fd;
	(void)what;
	switch (connection->state) {
	case CONNECTION_DOWN:
		connect_begin(connection);
		return;
	case CONNECTION_CONNECTING:
	case CONNECTION_BUSY:
		lose(connection, "the server did not answer in time");
		return;
	case CONNECTION_IDLE:
		return;
	}
}

/* ---- life ---- */

struct connection *connection_new(struct event_base *base, const char *conninfo,
	unsigned statement_timeout_ms, const struct connection_events *events, void *context)
{
	struct connection *connection = zalloc(1, sizeof(*connection));
	connection->base = base;
	connection->conninfo = conninfo;
	connection->statement_timeout_ms = statement_timeout_ms;
	connection->events = events;
	connection->context = context;
	connection->backoff_ms = BACKOFF_FIRST_MS;
	connection->timer = evtimer_new(base, on_timer, connection);
	if (connection->timer == NULL)
		abort();          /* out of memory */
	set_timer(connection, 0); /* from the loop: the owner is not complete yet */
	return connection;
}

void connection_free(struct connection *connection)
{
	if (connection == NULL)
		return;
	if (connection->state == CONNECTION_BUSY)
		lose(connection, "the database was closed");
	disarm(connection);
	event_free(connection->timer);
	PQfinish(connection->pg);
	PQclear(connection->result);
	free(connection);
}

bool connection_is_up(const struct connection *connection)
{
	return connection->state == CONNECTION_IDLE || connection->state == CONNECTION_BUSY;
}

bool connection_is_idle(const struct connection *connection)
{
	return connection->state == CONNECTION_IDLE;
}
