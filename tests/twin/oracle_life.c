/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing is stuck: whatever rests has a next look within bounds; what waits for a person has a task with an owner and
 * a deadline, from the moment at which it waits; at the end everything has come to a lawful end. */
#include <inttypes.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "tests/twin/oracle.h"
#include "tests/twin/store_inside.h"

static const struct row_task *open_task(const struct row_renewal *renewal, const char *kind)
{
	const struct row_task *task = renewal->tasks;

	while (task != NULL &&
		(strcmp(task->state, "open") != 0 ||
			(kind != NULL && strcmp(task->kind, kind) != 0)))
		task = task->older;
	return task;
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

void oracle_end(struct world *world)
{
	for (size_t i = 0; i < world->store->renewal.count; i++)
		check_end(world, store_row(world->store->renewal, renewal, i));
}
