/* SPDX-License-Identifier: Apache-2.0 */
/* How large the sets of stages may grow, and how long the first waits for others. */
#include "orchestrator/flows/sets.h"

#include "orchestrator/loop/batch.h"
#include "sql.h"

enum { SET_MOST = 500, SET_BYTES = 8 * 1024 * 1024, SETS_AT_ONCE = 2, GATHER_MS = 1 };

static struct batch *open_one(
	struct app *app, const char *name, const char *statement, struct fault *fault)
{
	return batch_new(app->base, app->engine, app->db,
		&(struct batch_options){ .name = name,
			.statement = statement,
			.most = SET_MOST,
			.bytes_most = SET_BYTES,
			.at_once = SETS_AT_ONCE,
			.gather_ms = GATHER_MS },
		fault);
}

bool sets_open(struct app *app, struct fault *fault)
{
	app->load = open_one(app, "load", sql_renewals_load, fault);
	if (app->load != NULL)
		app->intend = open_one(app, "intend", sql_effects_intend, fault);
	if (app->intend != NULL)
		app->conclude = open_one(app, "conclude", sql_renewals_conclude, fault);
	return app->conclude != NULL;
}

void sets_close(struct app *app)
{
	batch_free(take(app->load));
	batch_free(take(app->intend));
	batch_free(take(app->conclude));
}
