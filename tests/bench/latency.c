/* SPDX-License-Identifier: Apache-2.0 */
/* The sweep is the product's; the step that it starts is one of here, which notes the time and waits again. */
#include "tests/bench/latency.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/event.h>

#include "common/clock.h"
#include "common/text.h"
#include "orchestrator/flows/app.h"
#include "orchestrator/flows/stage.h"
#include "orchestrator/flows/sweep.h"
#include "orchestrator/loop/db.h"
#include "orchestrator/loop/flow.h"
#include "sql.h"

enum { CONNECTIONS = 2, WARM_UP_MS = 500, APART_MS = 10, LONGEST_MS = 30000 };

/* The renewal that is waited for, and when its step started; 0: not yet. */
static struct {
	const char *id;
	int64_t at;
} wanted;

struct rest {
	struct db *db;
	char *item;
};

static enum flow_next rest_conclude(struct flow *flow, void *self)
{
	struct rest *rest = self;

	return db_begin(rest->db, flow, sql_renewals_conclude, DB_ARGS(rest->item));
}

static void rest_finished(void *self, const struct fault *fault)
{
	struct rest *rest = self;

	assert_null(fault);
	free(rest->item);
	free(rest);
}

static const struct flow_step rest_steps[] = { { "conclude", rest_conclude }, { NULL, NULL } };
static struct flow_kind rest_kind = { "rest", rest_steps, rest_finished, 0, 0 };

/* In place of orchestrator/flows/stage.c. */
bool stage_start(struct app *app, const char *id, const char *epoch)
{
	struct rest *rest = zalloc(1, sizeof *rest);

	if (text_equal(wanted.id, id))
		wanted.at = clock_now();
	rest->db = app->db;
	rest->item = text_dupf(
		"[{\"id\":%s,\"epoch\":%s,\"doc\":{\"wait\":{\"reason\":\"bank\",\"seconds\":86400}}}]",
		id, epoch);
	return flow_start(app->engine, &rest_kind, rest);
}

static void on_alarm(int fd, short what, void *context)
{
	bool *rung = context;

	(void)fd;
	(void)what;
	*rung = true;
}

/* The loop turns for MS, or until the renewal that is waited for has started. */
static void turn(struct event_base *base, int64_t ms)
{
	struct timeval in = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
	bool rung = false;
	struct event *alarm = evtimer_new(base, on_alarm, &rung);

	(void)event_add(alarm, &in);
	while (wanted.at == 0 && !rung)
		(void)event_base_loop(base, EVLOOP_ONCE);
	event_free(alarm);
}

static void run(PGconn *pg, const char *statement)
{
	PGresult *result = PQexec(pg, statement);

	assert_int_not_equal(PQresultStatus(result), PGRES_FATAL_ERROR);
	PQclear(result);
}

/* All renewals in one statement along an edge, with their journal, to rest until tomorrow. */
static void all_move(PGconn *pg, const char *event, const char *from, const char *to)
{
	OWNED char *moves = text_dupf(
		"insert into journal (renewal_id, event, from_state, to_state, by) select id, '%s', '%s', '%s', 'bench' from renewals where state = '%s'; "
		"update renewals set state = '%s', due_at = now() + interval '1 day' where state = '%s'",
		event, from, to, from, to, from);

	run(pg, moves);
}

static double one_start(struct event_base *base, PGconn *pg, const char *id)
{
	OWNED char *wake = text_dupf("select renewals_wake('{%s}')", id);

	wanted.id = id;
	wanted.at = 0;
	turn(base, APART_MS); /* the sweep sleeps again */

	int64_t begun = clock_now();

	run(pg, wake);
	turn(base, LONGEST_MS);
	assert_int_not_equal(wanted.at, 0);
	wanted.id = NULL;
	return (double)(wanted.at - begun) / 1000.0;
}

void latency_measure(struct event_base *base, struct flow_engine *engine, const char *conninfo,
	double *values, size_t count)
{
	PGconn *pg = PQconnectdb(conninfo);
	struct app app = { .base = base,
		.engine = engine,
		.settings = { .flows_max = 1000, .lease_seconds = 60 } };
	struct fault fault;

	/* where nobody waits for another one's QR code, so that one step does not bring the next */
	all_move(pg, "binding_confirmed", "binding", "bound");
	app.db = db_new(base,
		&(struct db_options){ .conninfo = conninfo,
			.connections = CONNECTIONS,
			.queue_max = 100,
			.statement_timeout_ms = LONGEST_MS },
		&fault);
	app.sweep = sweep_new(&app, &fault);
	assert_non_null(app.sweep);
	wanted.at = 0;
	turn(base, WARM_UP_MS);
	for (size_t i = 0; i < count; i++) {
		OWNED char *id = text_dupf("%zu", i + 1);

		values[i] = one_start(base, pg, id);
	}
	sweep_stop(app.sweep);
	while (flow_engine_running(engine) > 0)
		(void)event_base_loop(base, EVLOOP_ONCE);
	db_free(app.db);
	sweep_free(app.sweep);
	all_move(pg, "binding_lost", "bound", "binding");
	run(pg, "update renewals set due_at = now()");
	PQfinish(pg);
}
