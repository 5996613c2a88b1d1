/* SPDX-License-Identifier: Apache-2.0 */
/* One sweep is four statements: claim, start campaigns and finish them, ask when to look next.  Steps run beside it. */
#include "orchestrator/flows/sweep.h"

#include "common/bytes.h"
#include "common/log.h"
#include "common/text.h"
#include "orchestrator/flows/lease.h"
#include "orchestrator/flows/stage.h"
#include "orchestrator/loop/db.h"
#include "orchestrator/loop/rounds.h"
#include "sql.h"

/* The longest pause between two sweeps: bounds what a lost notification costs. */
enum { SWEEP_PAUSE_MS = 5000, SWEEP_FAILED_MS = 1000 };

struct sweep {
	struct app *app;
	struct rounds *rounds;
	int64_t pause_ms;
};

static enum flow_next sweep_claim(struct flow *flow, void *self)
{
	struct sweep *sweep = self;
	struct settings *settings = &sweep->app->settings;
	int64_t room = settings->flows_max - (int64_t)flow_engine_running(sweep->app->engine);
	OWNED char *limit = text_dupf("%lld", (long long)(room > 0 ? room : 0));
	OWNED char *lease = text_dupf("%lld", (long long)settings->lease_seconds);

	return db_begin(sweep->app->db, flow, sql_renewals_claim, DB_ARGS(limit, lease));
}

static enum flow_next sweep_begin_steps(struct flow *flow, void *self)
{
	struct sweep *sweep = self;
	const PGresult *rows = flow_rows(flow);
	struct fault busy;

	(void)fault_set(&busy, FAULT_LATER, "too much at once");
	for (int i = 0; i < PQntuples(rows); i++) {
		const char *id = PQgetvalue(rows, i, 0), *epoch = PQgetvalue(rows, i, 1);

		if (!stage_start(sweep->app, id, epoch))
			lease_give_back(sweep->app, id, epoch, &busy, 0);
	}
	return db_begin(sweep->app->db, flow, sql_campaigns_start, DB_ARGS("500"));
}

static enum flow_next sweep_finish(struct flow *flow, void *self)
{
	struct sweep *sweep = self;

	return db_begin(sweep->app->db, flow, sql_campaigns_finish, 0, NULL);
}

static enum flow_next sweep_ask_next(struct flow *flow, void *self)
{
	struct sweep *sweep = self;
	OWNED char *longest = text_dupf("%d", SWEEP_PAUSE_MS);

	return db_begin(sweep->app->db, flow, sql_sweep_next, DB_ARGS(longest));
}

static enum flow_next sweep_take_next(struct flow *flow, void *self)
{
	struct sweep *sweep = self;

	if (!number_parse(&sweep->pause_ms, PQgetvalue(flow_rows(flow), 0, 0), 0, SWEEP_PAUSE_MS))
		sweep->pause_ms = SWEEP_PAUSE_MS;
	return FLOW_DONE;
}

static const struct flow_step sweep_steps[] = {
	{ "claim", sweep_claim },       /* due renewals, under a lease, first: somebody waits */
	{ "begin", sweep_begin_steps }, /* one step for each; campaigns whose time has come */
	{ "finish", sweep_finish },     /* campaigns that are through */
	{ "ask", sweep_ask_next },      /* when is the next one due? */
	{ "next", sweep_take_next },
	{ NULL, NULL },
};

static void sweep_finished(void *self, const struct fault *fault)
{
	struct sweep *sweep = self;

	if (fault != NULL && !rounds_stopped(sweep->rounds)) {
		log_warn("sweep.failed", LOG_FAULT(fault));
		sweep->pause_ms = SWEEP_FAILED_MS;
	}
	rounds_end(sweep->rounds, sweep->pause_ms);
}

static struct flow_kind sweep_kind = { "sweep", sweep_steps, sweep_finished, 1, 0 };

static void sweep_step_ended(struct app *app)
{
	rounds_wake(app->sweep->rounds);
}

struct sweep *sweep_new(struct app *app, struct fault *fault)
{
	struct sweep *sweep = zalloc(1, sizeof *sweep);

	sweep->app = app;
	sweep->rounds = rounds_new(app->base, app->engine, &sweep_kind, sweep);
	app->on_step_ended = sweep_step_ended;
	if (!db_listen(app->db, "xuqi_wake", rounds_wake, sweep->rounds, fault)) {
		sweep_free(sweep);
		return NULL;
	}
	rounds_wake(sweep->rounds);
	return sweep;
}

void sweep_stop(struct sweep *sweep)
{
	rounds_stop(sweep->rounds);
}

void sweep_free(struct sweep *sweep)
{
	if (sweep == NULL)
		return;
	rounds_free(sweep->rounds);
	free(sweep);
}
