/* SPDX-License-Identifier: Apache-2.0 */
/* The story of one round.  Of several workers one mends, the others find the lock taken and nothing to do. */
#include "orchestrator/flows/reaping.h"

#include "common/clock.h"
#include "common/digest.h"
#include "common/log.h"
#include "common/text.h"
#include "orchestrator/domain/calendar.h"
#include "orchestrator/loop/db.h"
#include "orchestrator/loop/rounds.h"
#include "sql.h"

enum { ROUND_MS = 60000, FAILED_MS = 10000, WORKER_BYTES = 8 };

struct reaping {
	struct app *app;
	struct rounds *rounds;
	char worker[WORKER_BYTES * 2 + 1]; /* this process among all xuqid of the database */
};

static enum flow_next reaping_look(struct flow *flow, void *self)
{
	struct reaping *reaping = self;
	int64_t now = clock_now();
	OWNED char *ours = text_dupf("%lld", (long long)now);
	OWNED char *opens =
		text_dupf("%lld", (long long)calendar_next_office_at(reaping->app->calendar, now));

	return db_begin(reaping->app->db, flow, sql_engine_look,
		DB_ARGS(ours,
			calendar_is_office_time(reaping->app->calendar, now) ? "true" : "false",
			opens, reaping->worker));
}

static enum flow_next reaping_mend(struct flow *flow, void *self)
{
	struct reaping *reaping = self;

	return db_begin(reaping->app->db, flow, sql_engine_reap, 0, NULL);
}

static enum flow_next reaping_tell(struct flow *flow, void *self)
{
	const PGresult *rows = flow_rows(flow);

	(void)self;
	for (int row = 0; row < PQntuples(rows); row++)
		log_warn("orphan.mended", LOG_TEXT("what", PQgetvalue(rows, row, 0)),
			LOG_TEXT("object", PQgetvalue(rows, row, 1)));
	return FLOW_DONE;
}

static const struct flow_step reaping_steps[] = {
	{ "look", reaping_look }, /* our clock against the database's; is the office open? */
	{ "mend", reaping_mend }, /* what is left behind */
	{ "tell", reaping_tell }, /* each in the log */
	{ NULL, NULL },
};

static void reaping_finished(void *self, const struct fault *fault)
{
	struct reaping *reaping = self;

	if (fault != NULL && !rounds_stopped(reaping->rounds))
		log_warn("reaping.failed", LOG_FAULT(fault));
	rounds_end(reaping->rounds, fault != NULL ? FAILED_MS : ROUND_MS);
}

static struct flow_kind reaping_kind = { "reaping", reaping_steps, reaping_finished, 0, 0 };

struct reaping *reaping_new(struct app *app)
{
	struct reaping *reaping = zalloc(1, sizeof *reaping);

	reaping->app = app;
	random_hex(reaping->worker, WORKER_BYTES);
	reaping->rounds = rounds_new(app->base, app->engine, &reaping_kind, reaping);
	rounds_wake(reaping->rounds);
	return reaping;
}

void reaping_stop(struct reaping *reaping)
{
	rounds_stop(reaping->rounds);
}

void reaping_free(struct reaping *reaping)
{
	if (reaping == NULL)
		return;
	rounds_free(reaping->rounds);
	free(reaping);
}
