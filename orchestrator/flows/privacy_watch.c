/* SPDX-License-Identifier: Apache-2.0 */
/* The timer, and the story of one erasure: sets of due rows until none is left. */
#include "orchestrator/flows/privacy_watch.h"

#include <event2/event.h>
#include <string.h>

#include "common/json.h"
#include "common/log.h"
#include "common/text.h"
#include "orchestrator/flows/resealing.h"
#include "orchestrator/loop/db.h"
#include "orchestrator/loop/flow.h"
#include "sql.h"

enum { PAUSE_SECONDS = 3600, FAILED_SECONDS = 60, ROUNDS_MAX = 1000 };

struct privacy_watch {
	struct app *app;
	struct event *timer;
	unsigned rounds;
	bool stopped;
};

static void look_again(struct privacy_watch *watch, int64_t seconds)
{
	if (!watch->stopped)
		(void)event_add(watch->timer, &(struct timeval){ .tv_sec = seconds });
}

static enum flow_next erase_due(struct flow *flow, void *self)
{
	struct privacy_watch *watch = self;

	return db_begin(watch->app->db, flow, sql_privacy_erase_due, 0, NULL);
}

static enum flow_next erase_count(struct flow *flow, void *self)
{
	struct privacy_watch *watch = self;
	JSON *done = json_loads(PQgetvalue(flow_rows(flow), 0, 0), 0, NULL);
	int64_t files = json_peek_number(done, "files", 0),
		tasks = json_peek_number(done, "tasks", 0),
		people = json_peek_number(done, "people", 0);

	if (files + tasks + people == 0 || ++watch->rounds >= ROUNDS_MAX)
		return FLOW_DONE;
	log_info("privacy.erased", LOG_NUMBER("files", files), LOG_NUMBER("tasks", tasks),
		LOG_NUMBER("people", people));
	return flow_jump(flow, "erase");
}

static const struct flow_step erase_steps[] = {
	{ "erase", erase_due },   /* a set of what is due */
	{ "count", erase_count }, /* until there is none */
	{ NULL, NULL },
};

static void erase_finished(void *self, const struct fault *fault)
{
	struct privacy_watch *watch = self;

	if (fault != NULL)
		log_warn("privacy.erase_failed", LOG_FAULT(fault));
	look_again(watch, fault != NULL ? FAILED_SECONDS : PAUSE_SECONDS);
}

static struct flow_kind erase_kind = { "erasing", erase_steps, erase_finished, 1, 0 };

static void on_resealed(struct app *app, const struct fault *fault)
{
	struct privacy_watch *watch = app->privacy;

	if (fault != NULL)
		log_warn("privacy.reseal_failed", LOG_FAULT(fault));
	watch->rounds = 0;
	if (watch->stopped || !flow_start(app->engine, &erase_kind, watch))
		look_again(watch, FAILED_SECONDS);
}

static void watch_on_timer(int fd, short what, void *context)
{
	struct privacy_watch *watch = context;
	struct fault fault;

	(void)fd;
	(void)what;
	if (!watch->stopped && !resealing_start(watch->app, false, on_resealed, &fault))
		look_again(watch, FAILED_SECONDS);
}

struct privacy_watch *privacy_watch_new(struct app *app)
{
	struct privacy_watch *watch = zalloc(1, sizeof *watch);

	watch->app = app;
	app->privacy = watch;
	watch->timer = event_new(app->base, -1, 0, watch_on_timer, watch);
	if (watch->timer != NULL)
		look_again(watch, 0);
	return watch;
}

void privacy_watch_stop(struct privacy_watch *watch)
{
	watch->stopped = true;
	(void)event_del(watch->timer);
}

void privacy_watch_free(struct privacy_watch *watch)
{
	if (watch == NULL)
		return;
	if (watch->timer != NULL)
		event_free(watch->timer);
	free(watch);
}
