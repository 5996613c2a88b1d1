/* SPDX-License-Identifier: Apache-2.0 */
/* The story of giving a lease back after a failure of our own. */
#include "orchestrator/flows/lease.h"

#include "common/json.h"
#include "common/log.h"
#include "common/text.h"
#include "orchestrator/loop/db.h"
#include "orchestrator/loop/flow.h"
#include "sql.h"

struct give_back {
	struct app *app;
	char *id, *epoch, *wait;
};

static enum flow_next give_back_rest(struct flow *flow, void *self)
{
	struct give_back *back = self;

	return db_begin(
		back->app->db, flow, sql_renewal_rest, DB_ARGS(back->id, back->epoch, back->wait));
}

static const struct flow_step give_back_steps[] = {
	{ "rest", give_back_rest },
	{ NULL, NULL },
};

static void give_back_finished(void *self, const struct fault *fault)
{
	struct give_back *back = self;

	/* A lease that cannot be given back runs out by itself. */
	if (fault != NULL && fault->kind != FAULT_CONFLICT)
		log_debug("renewal.kept", LOG_TEXT("renewal", back->id), LOG_FAULT(fault));
	free(back->id);
	free(back->epoch);
	free(back->wait);
	free(back);
}

static struct flow_kind give_back_kind = { "give_back", give_back_steps, give_back_finished, 0, 0 };

void lease_give_back(struct app *app, const char *id, const char *epoch, const char *text)
{
	struct give_back *back = zalloc(1, sizeof *back);
	JSON *wait = json_pack("{s:s, s:I, s:s}", "reason", "error", "seconds",
		(json_int_t)app->settings.retry_first_seconds, "error", text);

	back->app = app;
	back->id = text_dup(id);
	back->epoch = text_dup(epoch);
	back->wait = json_write(wait);
	if (!flow_start(app->engine, &give_back_kind, back))
		give_back_finished(back, NULL);
}
