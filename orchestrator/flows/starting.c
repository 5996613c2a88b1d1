/* SPDX-License-Identifier: Apache-2.0 */
/* The story of a start.  The admin token's file is written before the database knows the token: a crash
 * between the two leaves a file that does not work yet and is made anew. */
#include "orchestrator/flows/starting.h"

#include <stdio.h>
#include <string.h>

#include "common/digest.h"
#include "common/file.h"
#include "common/json.h"
#include "common/log.h"
#include "common/text.h"
#include "orchestrator/loop/db.h"
#include "orchestrator/loop/flow.h"
#include "sql.h"

enum { SECRET_BYTES = 24, TOKEN_MODE = 0600 };

struct starting {
	struct app *app;
	bool sole;
	void (*on_done)(struct app *app, const struct fault *fault);
};

static enum flow_next starting_ask(struct flow *flow, void *self)
{
	struct starting *starting = self;

	return db_begin(starting->app->db, flow, sql_admin_needed, 0, NULL);
}

static enum flow_next starting_admin(struct flow *flow, void *self)
{
	struct starting *starting = self;
	char random[2 * SECRET_BYTES + 1], sha[SHA256_HEX];
	struct fault fault;

	if (PQgetvalue(flow_rows(flow), 0, 0)[0] != 't')
		return flow_jump(flow, "cas");
	random_hex(random, SECRET_BYTES);

	OWNED char *token = text_dupf("xq_%s", random);
	OWNED char *line = text_dupf("%s\n", token);
	OWNED char *file = file_join(starting->app->settings.state_dir, "admin.token");

	if (!file_write(file, line, strlen(line), TOKEN_MODE, &fault))
		return flow_fail_with(flow, &fault);
	sha256_hex(sha, token, strlen(token));
	log_info("admin.token_written", LOG_TEXT("file", file));
	return db_begin(starting->app->db, flow, sql_admin_bootstrap, DB_ARGS(sha));
}

static enum flow_next starting_cas(struct flow *flow, void *self)
{
	struct starting *starting = self;
	const struct connectors *connectors = &starting->app->connectors;
	JSON *words = json_array();

	for (size_t i = 0; i < connectors->count; i++)
		(void)json_array_append_new(words, json_string(connectors->list[i]->ca));

	OWNED char *text = json_write(words);

	return db_begin(starting->app->db, flow, sql_cas_register, DB_ARGS(text));
}

static enum flow_next starting_reclaim(struct flow *flow, void *self)
{
	struct starting *starting = self;

	if (!starting->sole)
		return FLOW_DONE;
	return db_begin(starting->app->db, flow, sql_renewal_reclaim, 0, NULL);
}

static const struct flow_step starting_steps[] = {
	{ "ask", starting_ask },         /* does any API token exist? */
	{ "admin", starting_admin },     /* the first one, into STATE/admin.token */
	{ "cas", starting_cas },         /* the CAs that the settings speak to */
	{ "reclaim", starting_reclaim }, /* what a dead worker held is free */
	{ NULL, NULL },
};

static void starting_finished(void *self, const struct fault *fault)
{
	struct starting *starting = self;

	starting->on_done(starting->app, fault);
	free(starting);
}

static struct flow_kind starting_kind = { "starting", starting_steps, starting_finished, 1, 0 };

bool starting_start(struct app *app, bool sole,
	void (*on_done)(struct app *app, const struct fault *fault), struct fault *fault)
{
	struct starting *starting = zalloc(1, sizeof *starting);

	starting->app = app;
	starting->sole = sole;
	starting->on_done = on_done;
	if (flow_start(app->engine, &starting_kind, starting))
		return true;
	free(starting);
	return fault_set(fault, FAULT_BUG, "a start runs already");
}
