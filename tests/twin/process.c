/* SPDX-License-Identifier: Apache-2.0 */
/* Birth and death of a xuqid, in the order of orchestrator/main.c. */
#include "tests/twin/process.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "orchestrator/connectors/manual.h"
#include "orchestrator/flows/ca_watch.h"
#include "orchestrator/flows/pacing.h"
#include "orchestrator/flows/reaping.h"
#include "orchestrator/flows/reconciling.h"
#include "orchestrator/flows/sets.h"
#include "orchestrator/flows/starting.h"
#include "orchestrator/flows/sweep.h"
#include "orchestrator/flows/tending.h"
#include "orchestrator/loop/flow.h"
#include "orchestrator/loop/outbound.h"

enum { LINE_TEXT = 512 };

struct process *process_new(
	struct outside *outside, int number, const struct settings *settings, bool sole)
{
	struct process *process = zalloc(1, sizeof *process);

	process->outside = outside;
	process->number = number;
	process->settings = settings;
	process->sole = sole;
	outside->store->gives_tickets = true;
	process_register(process);
	return process;
}

void process_free(struct process *process)
{
	if (process == NULL)
		return;
	process_kill(process);
	process_forget(process);
	free(process);
}

bool process_is_alive(const struct process *process)
{
	return process->alive;
}

int64_t process_now(const struct process *process)
{
	return clockwork_now(process->outside->clockwork);
}

void outside_line(const struct outside *outside, const char *format, ...)
{
	char line[LINE_TEXT];
	va_list args;

	if (outside->on_line == NULL)
		return;
	va_start(args, format);
	(void)vsnprintf(line, sizeof line, format, args);
	va_end(args);
	outside->on_line(outside->context, line);
}

static void watch_cas(struct process *process)
{
	struct connectors *connectors = &process->app.connectors;

	for (size_t i = 0; i < connectors->count; i++)
		if (connector_op(connectors->list[i], CONNECTOR_META)->offered)
			process->watches[i] = ca_watch_new(&process->app, connectors->list[i]);
}

static void begin_duties(struct process *process)
{
	struct app *app = &process->app;
	struct fault why;

	process->tending = tending_new(app, &why);
	process->reaping = reaping_new(app);
	process->reconciling = reconciling_new(app);
	if (process->tending == NULL)
		abort();
}

static void end_duties(struct process *process)
{
	tending_free(process->tending);
	reaping_free(process->reaping);
	if (process->reconciling != NULL)
		reconciling_free(process->reconciling);
	process->tending = NULL;
	process->reaping = NULL;
	process->reconciling = NULL;
}

static void on_started(struct app *app, const struct fault *fault)
{
	struct process *process = CONTAINER_OF(app, struct process, app);
	struct fault why;

	if (!process->alive)
		return;
	if (fault != NULL) { /* as the service manager does */
		outside_line(process->outside, "xuqid %d fails to start", process->number);
		if (!starting_start(app, process->sole, on_started, &why))
			abort();
		return;
	}
	app->pacing = pacing_new(app);
	app->sweep = sweep_new(app, &why);
	if (app->sweep == NULL)
		abort();
	begin_duties(process);
	watch_cas(process);
}

bool process_start(struct process *process, struct fault *fault)
{
	struct app *app = &process->app;
	const struct settings *settings = process->settings;
	struct connector *gateway;

	process->alive = true;
	process->life++;
	process->stalled_until = 0;
	process->base = (struct event_base){ .process = process };
	process->db = (struct db){ .process = process };
	process->outbound = (struct outbound){ .process = process };
	*app = (struct app){ .settings = *settings,
		.base = &process->base,
		.db = &process->db,
		.outbound = &process->outbound,
		.calendar = process->outside->calendar,
		.seals = process->outside->seals };
	app->engine = flow_engine_new(app->base, fault);
	(void)connectors_add(&app->connectors,
		manual_new(&(struct manual_options){ .payee_name = settings->payee_name }));
	gateway = gateway_new(app->outbound,
		&(struct gateway_options){ .url = settings->gateway_url,
			.ca_file = settings->gateway_ca_file,
			.key_id = settings->gateway_key_id,
			.secret_file = settings->gateway_secret_file },
		fault);
	if (app->engine == NULL || gateway == NULL || !connectors_add(&app->connectors, gateway) ||
		!sets_open(app, fault))
		return false;
	return starting_start(app, process->sole, on_started, fault);
}

/* What it had sent stays on its way; everything else of it is gone.  No step runs any more: the engine is closed
 * without one. */
void process_kill(struct process *process)
{
	struct app *app = &process->app;

	if (!process->alive)
		return;
	process->alive = false;
	sets_close(app);
	flow_engine_free(app->engine);
	pacing_free(app->pacing);
	sweep_free(app->sweep);
	end_duties(process);
	for (size_t i = 0; i < COUNT_OF(process->watches); i++)
		ca_watch_free(process->watches[i]);
	memset(process->watches, 0, sizeof process->watches);
	connectors_free(&app->connectors);
	clockwork_forget(process->outside->clockwork, process);
	*app = (struct app){ 0 };
}

void process_stall(struct process *process, int64_t until)
{
	process->stalled_until = until;
	clockwork_stall(process->outside->clockwork, process, until);
}

/* ---- what comes back to it ---- */

struct delivery {
	struct process *process;
	uint64_t life;
	turn_fn *fn, *drop;
	void *context;
};

static void drop_delivery(void *context)
{
	struct delivery *delivery = context;

	if (delivery->drop != NULL)
		delivery->drop(delivery->context);
	free(delivery);
}

static void deliver(void *context)
{
	struct delivery *delivery = context;

	if (!delivery->process->alive || delivery->process->life != delivery->life) {
		drop_delivery(delivery);
		return;
	}
	delivery->fn(delivery->context);
	free(delivery);
}

void process_deliver(struct process *process, int64_t at, const char *name, turn_fn *fn,
	void *context, turn_fn *drop)
{
	struct delivery *delivery = zalloc(1, sizeof *delivery);
	int64_t when = at > process->stalled_until ? at : process->stalled_until;

	*delivery = (struct delivery){ process, process->life, fn, drop, context };
	turn_owned(turn_at(process->outside->clockwork, when, name, deliver, delivery), process,
		drop_delivery);
}
