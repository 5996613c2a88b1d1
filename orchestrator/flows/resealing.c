/* SPDX-License-Identifier: Apache-2.0 */
/* The story of sealing anew: a set of rows out, sealed in memory, back; until nothing is left. */
#include "orchestrator/flows/resealing.h"

#include <string.h>

#include "common/bytes.h"
#include "common/json.h"
#include "common/log.h"
#include "common/text.h"
#include "orchestrator/domain/personal.h"
#include "orchestrator/loop/db.h"
#include "orchestrator/loop/flow.h"
#include "sql.h"

enum {
	ROWS_MAX = 48 * 1024 * 1024
}; /* bytes of one set in JSON: 8 MiB of files, one file at least */

struct resealing {
	struct app *app;
	bool clear_only, files; /* files: the texts are through */
	int64_t count;
	void (*on_done)(struct app *app, const struct fault *fault);
};

static enum flow_next resealing_take(struct flow *flow, void *self)
{
	struct resealing *resealing = self;

	return db_begin(resealing->app->db, flow,
		resealing->files ? sql_privacy_stale_files : sql_privacy_stale_texts,
		DB_ARGS(seal_key_id(resealing->app->seals, 0),
			resealing->clear_only ? "true" : "false"));
}

static enum flow_next resealing_seal(struct flow *flow, void *self)
{
	struct resealing *resealing = self;
	const PGresult *rows = flow_rows(flow);
	struct fault fault;
	JSON *set = json_read_up_to(
		PQgetvalue(rows, 0, 0), (size_t)PQgetlength(rows, 0, 0), ROWS_MAX, &fault);
	json_t *row;
	size_t i;

	if (set == NULL)
		return flow_fail_with(flow, &fault);
	if (json_array_size(set) == 0 && resealing->files)
		return flow_jump(flow, "prove");
	if (json_array_size(set) == 0) {
		resealing->files = true;
		return flow_jump(flow, "take");
	}
	json_array_foreach(set, i, row)
	{
		if (!personal_reseal(row, resealing->app->seals, &fault))
			return flow_fail_with(flow, &fault);
	}
	OWNED char *text = json_write(set);

	return db_begin(resealing->app->db, flow, sql_privacy_reseal, DB_ARGS(text));
}

/* Nothing put back: others are at the same rows; what is left is looked at again next time. */
static enum flow_next resealing_count(struct flow *flow, void *self)
{
	struct resealing *resealing = self;
	int64_t some = 0;

	(void)number_parse(&some, PQgetvalue(flow_rows(flow), 0, 0), 0, INT64_MAX);
	resealing->count += some;
	if (some == 0)
		return flow_fail(
			flow, FAULT_LATER, "sealed values changed while they were sealed anew");
	return flow_jump(flow, "take");
}

static enum flow_next resealing_prove(struct flow *flow, void *self)
{
	struct resealing *resealing = self;

	return db_begin(resealing->app->db, flow, sql_privacy_prove, 0, NULL);
}

static const struct flow_step resealing_steps[] = {
	{ "take", resealing_take },   /* rows that do not stand under the newest key */
	{ "seal", resealing_seal },   /* opened and sealed, in memory */
	{ "count", resealing_count }, /* put back; the next set */
	{ "prove", resealing_prove }, /* nothing is in clear: the database says so too */
	{ NULL, NULL },
};

static void resealing_finished(void *self, const struct fault *fault)
{
	struct resealing *resealing = self;

	if (resealing->count > 0)
		log_info("privacy.resealed", LOG_NUMBER("values", resealing->count),
			LOG_TEXT("key", seal_key_id(resealing->app->seals, 0)));
	resealing->on_done(resealing->app, fault);
	free(resealing);
}

static struct flow_kind resealing_kind = { "resealing", resealing_steps, resealing_finished, 1, 0 };

bool resealing_start(struct app *app, bool clear_only,
	void (*on_done)(struct app *app, const struct fault *fault), struct fault *fault)
{
	struct resealing *resealing = zalloc(1, sizeof *resealing);

	resealing->app = app;
	resealing->clear_only = clear_only;
	resealing->on_done = on_done;
	if (flow_start(app->engine, &resealing_kind, resealing))
		return true;
	free(resealing);
	return fault_set(fault, FAULT_LATER, "values are being sealed already");
}
