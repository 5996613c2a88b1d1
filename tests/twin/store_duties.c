/* SPDX-License-Identifier: Apache-2.0 */
/* What a xuqid does beside the steps of renewals: deadlines and who is told (tasks_tend and task_escalate of
 * schema/0010_tasks.sql), what a crash left behind (engine_reap of schema/0018_doctor.sql), and what a restore left to be
 * asked about, which here is nothing. */
#include <inttypes.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "tests/twin/store_inside.h"

enum { ROUND_TASKS = 500, TOLD_ALL = 3, LEASE_GRACE_S = 30 };

/* ---- deadlines ---- */

static bool is_untended(const struct row_task *task, int64_t now)
{
	return strcmp(task->state, "open") == 0 &&
		(task->due_at == NO_INSTANT || task->escalate_at == NO_INSTANT ||
			task->escalate_at <= now);
}

bool ask_untended(struct store *store, struct ask *ask)
{
	int64_t now = store_now();
	int row = 0;

	ask_columns(ask, 6);
	for (size_t i = 0; i < store->task.count && row < ROUND_TASKS; i++) {
		const struct row_task *task = store_row(store->task, task, i);

		if (!is_untended(task, now))
			continue;
		ask_put_number(ask, row, 0, task->id);
		ask_put(ask, row, 1, task->kind);
		ask_put_number(ask, row, 2, task->opened_at);
		if (task->due_at == NO_INSTANT)
			ask_put(ask, row, 3, NULL);
		else
			ask_put_number(ask, row, 3, task->due_at);
		ask_put_number(ask, row, 4, task->escalations);
		ask_put(ask, row++, 5,
			task->escalate_at == NO_INSTANT    ? NULL
				: task->escalate_at <= now ? "t"
							   : "f");
	}
	return true;
}

static bool somebody_has(const struct store *store, const char *role, int64_t but)
{
	for (size_t i = 0; i < store->person.count; i++) {
		const struct row_person *person = store_row(store->person, person, i);

		if (text_equal(person->role, role) && person->id != but)
			return true;
	}
	return false;
}

/* The deputy (nobody has one here), the role that follows, the admins: a level without people passes on. */
static void escalate(struct store *store, struct row_task *task, const char *role)
{
	bool told = false;

	while (!told && task->escalations < TOLD_ALL) {
		task->escalations++;
		told = task->escalations > 1 &&
			somebody_has(
				store, task->escalations == 2 ? role : "admin", task->assignee);
	}
	if (task->renewal != 0)
		store_journal(store, task->renewal, "task_escalated", "xuqid");
}

static bool tend(struct store *store, const json_t *item, int64_t now)
{
	struct row_task *task = store_find(&store->task, json_peek_number(item, "id", 0));

	if (task == NULL || strcmp(task->state, "open") != 0 ||
		task->escalations != json_peek_number(item, "escalations", -1))
		return false;
	task = touch(store, task, task);
	if (task->escalate_at != NO_INSTANT && task->escalate_at <= now &&
		task->escalations < TOLD_ALL)
		escalate(store, task, json_peek_text(item, "tell_role"));
	if (task->due_at == NO_INSTANT)
		task->due_at = json_as_instant(item, "due_at");
	task->escalate_at =
		task->escalations >= TOLD_ALL ? FOREVER : json_as_instant(item, "escalate_at");
	return true;
}

bool ask_tend(struct store *store, struct ask *ask)
{
	JSON *list = ask_json(ask, 0);
	const json_t *item;
	int64_t count = 0;
	size_t i;

	json_array_foreach(list, i, item) count += tend(store, item, store_now());
	ask_columns(ask, 1);
	ask_put_number(ask, 0, 0, count);
	return true;
}

/* ---- what is left behind ---- */

static int put_mended(struct ask *ask, int row, const char *what, int64_t object)
{
	ask_put(ask, row, 0, what);
	ask_put_number(ask, row, 1, object);
	return row + 1;
}

static bool is_stale(const struct row_renewal *renewal, int64_t now)
{
	return renewal->works && renewal->due_at <= now && renewal->claimed_until != NO_INSTANT &&
		renewal->claimed_until < now - LEASE_GRACE_S * CLOCK_SECOND;
}

static int reap_leases(struct store *store, struct ask *ask, int row)
{
	int64_t now = store_now();

	for (size_t i = 0; i < store->renewal.count; i++) {
		struct row_renewal *renewal = store_row(store->renewal, renewal, i);

		if (!is_stale(renewal, now))
			continue;
		renewal = touch(store, renewal, renewal);
		renewal->claimed_until = NO_INSTANT;
		store_journal(store, renewal->id, "lease_lost", "xuqid");
		row = put_mended(ask, row, "lease", renewal->id);
	}
	return row;
}

static bool is_step_task(const char *kind)
{
	static const char *const kinds[] = { "client_version", "handler", "bind", "bind_differs",
		"bind_again", "rebind", "agreement", "attachment", "intent", "payer",
		"payee_changed", "prepaid", "remittance", "wechat_pay", "returned",
		"returned_release", "apply", "remit", "correction", "correct_at_ca", "review",
		"review_overdue", "withdrawal", "withdraw_at_ca", "certificate", "insert_token",
		"install", "install_by_person", "renewal", "ca_access" };

	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (strcmp(kinds[i], kind) == 0)
			return true;
	return false;
}

bool store_task_is_idle(const struct store *store, const struct row_task *task)
{
	const struct row_renewal *renewal = store_find(&store->renewal, task->renewal);

	return strcmp(task->state, "open") == 0 && renewal != NULL && renewal->ended &&
		is_step_task(task->kind);
}

static int reap_tasks(struct store *store, struct ask *ask, int row)
{
	for (size_t i = 0; i < store->task.count; i++) {
		struct row_task *task = store_row(store->task, task, i);

		if (!store_task_is_idle(store, task))
			continue;
		task = touch(store, task, task);
		task->state = "cancelled";
		task->closed_at = store_now();
		store_task_forget(store, task);
		store_journal(store, task->renewal, "task_cancelled", "xuqid");
		row = put_mended(ask, row, "task", task->id);
	}
	return row;
}

/* Of a renewal that has ended otherwise than done, and in no file. */
static bool is_void(const struct store *store, const struct row_order *order)
{
	const struct row_renewal *renewal =
		store_find(&store->renewal, store_renewal_of(store, order->id, 0));

	return text_equal(order->status, "open") && renewal != NULL && renewal->ended &&
		!text_equal(renewal->state, "done") && !store_is_paid(store, renewal->id);
}

static int reap_orders(struct store *store, struct ask *ask, int row)
{
	for (size_t i = 0; i < store->order.count; i++) {
		struct row_order *order = store_row(store->order, order, i);

		if (!is_void(store, order))
			continue;
		touch(store, order, order)->status = "cancelled";
		store_journal(
			store, store_renewal_of(store, order->id, 0), "order_cancelled", "xuqid");
		row = put_mended(ask, row, "payment_order", order->id);
	}
	return row;
}

bool ask_reap(struct store *store, struct ask *ask)
{
	int row;

	ask_columns(ask, 2);
	row = reap_leases(store, ask, 0);
	row = reap_tasks(store, ask, row);
	(void)reap_orders(store, ask, row);
	return true;
}

/* ---- what says something to nobody here ---- */

bool ask_told(struct store *store, struct ask *ask)
{
	(void)store;
	ask_reply(ask, "");
	return true;
}

bool ask_restore_next(struct store *store, struct ask *ask)
{
	(void)store;
	ask_columns(ask, 8);
	return true;
}

bool ask_restore_left(struct store *store, struct ask *ask)
{
	(void)store;
	ask_reply(ask, "f");
	return true;
}
