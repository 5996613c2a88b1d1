/* SPDX-License-Identifier: Apache-2.0 */
/* The people of a world: they read their open tasks after a while and answer them (answers.c), mostly rightly;
 * sometimes they look away.  The approver opens the gates. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "sql.h"
#include "tests/twin/store_inside.h"
#include "tests/twin/world.h"

enum { ID_TEXT = 24 };

/* Somebody who has looked at a task will look at it at some later instant. */
struct look {
	struct world *world;
	int64_t task;
};

const struct row_person *people_of_role(const struct world *world, const char *role, size_t nth)
{
	for (size_t i = 0; i < world->store->person.count; i++) {
		const struct row_person *person = store_row(world->store->person, person, i);

		if (strcmp(person->role, role) == 0 && nth-- == 0)
			return person;
	}
	abort(); /* the fleet has one of each role */
}

json_t *people_principal(const struct world *world, int64_t person)
{
	const struct row_person *row = store_get(&world->store->person, person);

	return json_pack("{s:I, s:s, s:s}", "person", (json_int_t)person, "login", row->login,
		"role", row->role);
}

bool people_ask(
	struct world *world, const char *statement, int64_t person, int64_t id, json_t *body)
{
	JSON *who = people_principal(world, person);
	OWNED char *principal = json_write(who);
	OWNED char *text = json_write(body);
	char number[ID_TEXT];
	const char *const args[] = { principal, number, NULL, text };
	struct fault fault;
	PGresult *rows;

	(void)snprintf(number, sizeof number, "%" PRId64, id);
	rows = store_run(world->store, statement, (int)COUNT_OF(args), args, &fault);
	world_line(world, "%s: %s %s%s%s", json_peek_text(who, "login"),
		store_statement_name(statement), number, rows == NULL ? ": " : "",
		rows == NULL ? fault.text : "");
	PQclear(rows);
	json_decref(body);
	return rows != NULL;
}

/* ---- tasks ---- */

static int64_t person_for(const struct world *world, const struct row_task *task)
{
	return task->assignee != 0 ? task->assignee : people_of_role(world, task->role, 0)->id;
}

static void look(void *context);

static void look_later(struct world *world, int64_t task, int64_t most_s)
{
	struct look *next = zalloc(1, sizeof *next);

	*next = (struct look){ world, task };
	world_after(world,
		dice_spread(&world->actor_dice, CLOCK_SECOND,
			(world->calm ? 10 * MINUTE : most_s) * CLOCK_SECOND),
		"person", look, next, free);
}

/* Somebody is away, and nobody stands in: meanwhile others are told. */
static void look_at_return(struct world *world, int64_t task)
{
	struct look *next = zalloc(1, sizeof *next);

	*next = (struct look){ world, task };
	world_after(world,
		world->back_at - clockwork_now(world->clockwork) +
			dice_between(&world->actor_dice, 1, HOUR) * CLOCK_SECOND,
		"person", look, next, free);
}

static void draw_absence(struct world *world)
{
	if (dice_below(&world->actor_dice, 4) != 0)
		return;
	world->away =
		people_of_role(world, "handler", (size_t)dice_below(&world->actor_dice, 20))->id;
	world->back_at = world->started_at + dice_between(&world->actor_dice, 1, 5) * CLOCK_DAY;
}

static void work(struct world *world, const struct row_task *task)
{
	bool card = sittings_is_card(task);
	json_t *values = card ? sittings_work(world, task) : NULL;

	if ((card ? values != NULL : answers_act(world, task)) && strcmp(task->state, "open") == 0)
		(void)people_ask(world, sql_task_done, person_for(world, task), task->id,
			answers_body(world, task, values));
	else
		json_decref(values);
}

static void look(void *context)
{
	struct look *now = context;
	struct world *world = now->world;
	const struct row_task *task = store_find(&world->store->task, now->task);
	int64_t id = now->task;

	free(now);
	if (task == NULL || strcmp(task->state, "open") != 0)
		return;
	if (person_for(world, task) == world->away &&
		clockwork_now(world->clockwork) < world->back_at) {
		look_at_return(world, id);
		return;
	}
	if (!world_errs(world, 200000))
		work(world, task);
	if (strcmp(task->state, "open") == 0)
		look_later(world, id, HOUR);
}

static void on_task(void *context, const struct row_task *task)
{
	struct world *world = context;

	world_line(world, "task %" PRId64 " %s: %s", task->id, task->kind, task->state);
	if (task->secret != NULL)
		oracle_on_code(world, task);
	if (strcmp(task->state, "open") == 0)
		look_later(world, task->id, task->secret != NULL ? HOUR : 2 * HOUR);
}

/* ---- the gates ---- */

static bool gate_is_shut(const struct world *world, int64_t campaign, bool touches)
{
	for (size_t i = 0; i < world->store->renewal.count; i++) {
		const struct row_renewal *renewal = store_row(world->store->renewal, renewal, i);

		if (renewal->campaign == campaign && !renewal->ended &&
			(touches ? renewal->touch_approval : renewal->spend_approval) == 0)
			return true;
	}
	return false;
}

static void approve(struct world *world, const struct row_campaign *campaign, bool touches)
{
	json_t *body = json_pack(
		"{s:s, s:s}", "gate", touches ? "touch" : "spend", "digest", campaign->digest);

	if (people_ask(world, sql_campaign_approve, people_of_role(world, "approver", 0)->id,
		    campaign->id, body))
		oracle_approved(world, campaign, touches);
}

static void approver_looks(void *context)
{
	struct world *world = context;
	int64_t most = world->calm ? HOUR : 6 * HOUR;

	for (size_t i = 0; i < world->store->campaign.count; i++) {
		const struct row_campaign *campaign =
			store_row(world->store->campaign, campaign, i);

		if (gate_is_shut(world, campaign->id, false))
			approve(world, campaign, false);
		if (gate_is_shut(world, campaign->id, true) && !world_errs(world, 500000))
			approve(world, campaign, true);
	}
	world_after(world, dice_between(&world->actor_dice, MINUTE, most) * CLOCK_SECOND,
		"approver", approver_looks, world, NULL);
}

/* ---- life ---- */

static void on_order(void *context, const struct row_order *order)
{
	struct world *world = context;

	world_line(world, "order %" PRId64 ": %s", order->id, order->reference);
	oracle_on_order(world, order);
	finance_begin(world);
}

static void on_install(void *context, const struct row_install *install)
{
	struct world *world = context;

	world_line(world, "install order %" PRId64 ": %s", install->id, install->state);
	tokens_wake(world, install->token);
}

static void on_notify(void *context, bool tasks)
{
	struct world *world = context;

	for (int i = 0; i < world->process_count; i++)
		process_notify(world->processes[i], tasks);
}

void people_new(struct world *world)
{
	world->store->watch = (struct store_watch){ .on_task = on_task,
		.on_order = on_order,
		.on_install = on_install,
		.on_journal = oracle_on_journal,
		.on_claim = oracle_on_claim,
		.on_fenced = oracle_on_fenced,
		.on_load = oracle_on_load,
		.on_notify = on_notify,
		.context = world };
	world_after(world, dice_between(&world->actor_dice, 1, 4 * HOUR) * CLOCK_SECOND, "approver",
		approver_looks, world, NULL);
	draw_absence(world);
}
