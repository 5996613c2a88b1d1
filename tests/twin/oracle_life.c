/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing is stuck: whatever rests has a next look within bounds; what waits for a person has a task with an owner and
 * a deadline, from the moment at which it waits; at the end everything has come to a lawful end. */
#include <inttypes.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "tests/twin/oracle.h"
#include "tests/twin/store_inside.h"

/* A refused certificate is asked about every day; nothing rests longer but over a weekend. */
enum { LOOK_HOURS = 25, OFFICE_DAYS = 4, OWNER_TASKS = 9, SETTLED_HOURS = 2 };

static const struct row_task *open_task(const struct row_renewal *renewal, const char *kind)
{
	const struct row_task *task = renewal->tasks;

	while (task != NULL &&
		(strcmp(task->state, "open") != 0 ||
			(kind != NULL && strcmp(task->kind, kind) != 0)))
		task = task->older;
	return task;
}

/* ---- at rest ---- */

/* What a renewal says that it waits for, where that is a person: one of these tasks is open. */
static const struct {
	const char *reason, *kinds[OWNER_TASKS];
} owners[] = {
	{ "person",
		{ "bind", "apply", "remit", "review", "install_by_person", "invoice_file",
			"withdraw_at_ca", "refund_of_ca" } },
	{ "prepaid", { "prepaid" } },
	{ "binding", { "bind" } },
	{ "binding_differs", { "bind_differs" } },
	{ "client_version", { "client_version" } },
	{ "handler", { "handler" } },
	{ "attachment", { "attachment" } },
	{ "intent", { "intent" } },
	{ "payer", { "payer" } },
	{ "payee", { "payee_changed" } },
	{ "remittance_refused", { "remittance" } },
	{ "returned", { "returned", "returned_release" } },
	{ "correction", { "correction" } },
	{ "certificate", { "certificate" } },
	{ "withdrawal", { "withdrawal" } },
	{ "refused", { "renewal" } },
	{ "pin", { "pin" } },
	{ "install", { "install" } },
	{ "invoice_differs", { "invoice" } },
	{ "refund", { "refund" } },
};

/* Its owner is a person who exists, or a role that somebody has; and it is due at an instant. */
static void check_task(struct world *world, const struct row_task *task)
{
	bool owned =
		task->assignee != 0 && store_find(&world->store->person, task->assignee) != NULL;

	for (size_t i = 0; !owned && i < world->store->person.count; i++)
		owned = text_equal(store_row(world->store->person, person, i)->role, task->role);
	if (!owned)
		world_violated(world, "task %" PRId64 " %s has no owner", task->id, task->kind);
	if (task->due_at == NO_INSTANT)
		world_violated(world, "task %" PRId64 " %s has no deadline", task->id, task->kind);
}

static void check_owner(struct world *world, const struct row_renewal *renewal)
{
	for (size_t i = 0; i < COUNT_OF(owners); i++) {
		const struct row_task *task = NULL;

		if (!text_equal(owners[i].reason, renewal->blocked_reason))
			continue;
		for (size_t k = 0; task == NULL && owners[i].kinds[k] != NULL; k++)
			task = open_task(renewal, owners[i].kinds[k]);
		if (task == NULL)
			world_violated(world,
				"renewal %" PRId64
				" waits in %s for a person (%s), and nobody has a task",
				renewal->id, renewal->state, renewal->blocked_reason);
		else
			check_task(world, task);
		return;
	}
}

/* Somebody may hold it: then the lease bounds how long. */
static bool is_looked_at(const struct world *world, const struct row_renewal *renewal, int64_t now)
{
	int64_t most = now +
		(world->store->office_hours ? OFFICE_DAYS * CLOCK_DAY
					    : LOOK_HOURS * HOUR * CLOCK_SECOND);

	return renewal->claimed_until != NO_INSTANT ? renewal->claimed_until <= most
						    : renewal->due_at <= most;
}

static void check_rest(struct world *world, const struct row_renewal *renewal)
{
	int64_t now = clockwork_now(world->clockwork);

	if (!is_looked_at(world, renewal, now))
		world_violated(world,
			"renewal %" PRId64 " rests in %s (%s) and is not looked at within a day",
			renewal->id, renewal->state,
			renewal->blocked_reason != NULL ? renewal->blocked_reason : "");
	/* what a person has done a moment ago is acted upon by the next step */
	if (renewal->claimed_until == NO_INSTANT && renewal->due_at > now)
		check_owner(world, renewal);
}

/* Each rest is looked at once, when it begins. */
void oracle_rest(struct world *world, const struct row_renewal *renewal)
{
	int64_t *seen = &world->oracle->at_rest[renewal->id];

	if (!renewal->works || *seen == renewal->due_at + renewal->epoch)
		return;
	*seen = renewal->due_at + renewal->epoch;
	check_rest(world, renewal);
}

/* ---- the end ---- */

static void check_end(struct world *world, const struct row_renewal *renewal)
{
	const struct row_task *task = open_task(renewal, NULL);

	if (renewal->ended) {
		oracle_check_money(world, renewal);
		return;
	}
	world_violated(world, "renewal %" PRId64 " is stuck in %s (%s; %s), its open task is %s",
		renewal->id, renewal->state,
		renewal->blocked_reason != NULL ? renewal->blocked_reason : "",
		renewal->last_error != NULL ? renewal->last_error : "",
		task != NULL ? task->kind : "none");
}

/* Whoever does not do a task in time is not the only one who knows; what nobody need do any more is off the list. */
static void check_duties(struct world *world, const struct row_task *task)
{
	int64_t then = clockwork_now(world->clockwork) - SETTLED_HOURS * HOUR * CLOCK_SECOND;

	if (strcmp(task->state, "open") != 0 || task->opened_at > then || world->calm_at > then)
		return;
	if (task->due_at == NO_INSTANT)
		world_violated(world, "task %" PRId64 " %s has no deadline", task->id, task->kind);
	if (task->escalate_at == NO_INSTANT || task->escalate_at < then)
		world_violated(world, "task %" PRId64 " %s is late, and nobody else was told",
			task->id, task->kind);
	if (store_task_is_idle(world->store, task) &&
		((const struct row_renewal *)store_get(&world->store->renewal, task->renewal))
				->changed_at < then)
		world_violated(world, "task %" PRId64 " %s is left of a renewal that has ended",
			task->id, task->kind);
}

void oracle_end(struct world *world)
{
	for (size_t i = 0; i < world->store->task.count; i++)
		check_duties(world, store_row(world->store->task, task, i));
	for (size_t i = 0; i < world->store->renewal.count; i++)
		check_end(world, store_row(world->store->renewal, renewal, i));
}
