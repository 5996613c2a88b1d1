/* SPDX-License-Identifier: Apache-2.0 */
/* The story of one round: which tasks want something, what the calendar says, one statement that does it.  Who is
 * told is decided in schema/0010_tasks.sql. */
#include "orchestrator/flows/tending.h"

#include "common/bytes.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/log.h"
#include "common/text.h"
#include "orchestrator/domain/task_kind.h"
#include "orchestrator/flows/office_calendar.h"
#include "orchestrator/loop/db.h"
#include "orchestrator/loop/rounds.h"
#include "sql.h"

enum { ROUND_MS = 60000, ROUND_TASKS = 500, FAILED_MS = 5000 };

/* Columns of statement task_untended. */
enum { COLUMN_ID, COLUMN_KIND, COLUMN_OPENED, COLUMN_DUE, COLUMN_ESCALATIONS, COLUMN_LATE };

struct tending {
	struct app *app;
	struct rounds *rounds;
	bool more; /* than one round takes */
};

static enum flow_next tending_ask(struct flow *flow, void *self)
{
	struct tending *tending = self;

	return db_begin(tending->app->db, flow, sql_task_untended, 0, NULL);
}

static int64_t instant_at(const PGresult *rows, int row, int column)
{
	int64_t at;

	return number_parse(&at, PQgetvalue(rows, row, column), 0, INT64_MAX) ? at : 0;
}

static void put_instant(json_t *into, const char *key, int64_t at)
{
	char text[CLOCK_TEXT];

	clock_format(text, at);
	json_put_text(into, key, text);
}

/* What row ROW of task_untended needs: its deadline, and when (again) somebody else is told. */
static json_t *needed(const struct calendar *calendar, const PGresult *rows, int row)
{
	const struct task_kind *kind = task_kind_find(PQgetvalue(rows, row, COLUMN_KIND));
	bool late = PQgetvalue(rows, row, COLUMN_LATE)[0] == 't';
	int64_t due_at = instant_at(rows, row, COLUMN_DUE);
	json_t *need = json_object();

	if (due_at == 0)
		due_at =
			calendar_due(calendar, instant_at(rows, row, COLUMN_OPENED), kind->due_days)
				.at;
	json_put_number(need, "id", instant_at(rows, row, COLUMN_ID));
	json_put_number(need, "escalations", instant_at(rows, row, COLUMN_ESCALATIONS));
	json_put_text(need, "tell_role", kind->tell_role);
	put_instant(need, "due_at", due_at);
	put_instant(need, "escalate_at",
		calendar_due(calendar, late ? clock_now() : due_at, kind->escalate_days).at);
	return need;
}

static enum flow_next tending_tend(struct flow *flow, void *self)
{
	struct tending *tending = self;
	const PGresult *rows = flow_rows(flow);
	JSON *list = json_array();

	for (int row = 0; row < PQntuples(rows); row++)
		(void)json_array_append_new(list, needed(tending->app->calendar, rows, row));
	OWNED char *text = json_write(list);

	if (json_array_size(list) == 0)
		return flow_jump(flow, "advise");
	tending->more = PQntuples(rows) == ROUND_TASKS;
	return db_begin(tending->app->db, flow, sql_tasks_tend, DB_ARGS(text));
}

static enum flow_next tending_advise(struct flow *flow, void *self)
{
	struct tending *tending = self;
	OWNED char *gap = office_calendar_gap(tending->app->calendar, clock_now());

	return db_begin(tending->app->db, flow, sql_advise,
		DB_ARGS("calendar", "warn", gap, OFFICE_CALENDAR_REMEDY));
}

static const struct flow_step tending_steps[] = {
	{ "ask", tending_ask },   /* which tasks have no deadline, or one that passed unheeded? */
	{ "tend", tending_tend }, /* give it, tell somebody */
	{ "advise", tending_advise }, /* the doctor knows of a year without a calendar */
	{ NULL, NULL },
};

static void tending_finished(void *self, const struct fault *fault)
{
	struct tending *tending = self;

	if (fault != NULL && !rounds_stopped(tending->rounds))
		log_warn("tending.failed", LOG_FAULT(fault));
	rounds_end(tending->rounds, fault != NULL ? FAILED_MS : tending->more ? 0 : ROUND_MS);
	tending->more = false;
}

static struct flow_kind tending_kind = { "tending", tending_steps, tending_finished, 1, 0 };

struct tending *tending_new(struct app *app, struct fault *fault)
{
	struct tending *tending = zalloc(1, sizeof *tending);

	tending->app = app;
	tending->rounds = rounds_new(app->base, app->engine, &tending_kind, tending);
	if (!db_listen(app->db, "xuqi_tasks", rounds_wake, tending->rounds, fault)) {
		tending_free(tending);
		return NULL;
	}
	rounds_wake(tending->rounds);
	return tending;
}

void tending_stop(struct tending *tending)
{
	rounds_stop(tending->rounds);
}

void tending_free(struct tending *tending)
{
	if (tending == NULL)
		return;
	rounds_free(tending->rounds);
	free(tending);
}
