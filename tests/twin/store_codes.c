/* SPDX-License-Identifier: Apache-2.0 */
/* One QR code at a time for each handler (qr_is_free, qr_turn and qr_next of schema/0015_turns.sql). */
#include <string.h>

#include "common/text.h"
#include "tests/twin/store_inside.h"

static int64_t handler_of(const struct store *store, const struct row_renewal *renewal)
{
	const struct row_set *set = store_get(&store->set, renewal->set);

	return renewal->handler != 0 ? renewal->handler : set->handler;
}

static bool has_open_bind(const struct row_renewal *renewal)
{
	for (const struct row_effect *effect = renewal->effects; effect != NULL;
		effect = effect->older)
		if (text_equal(effect->op, "bind") && effect->settled_at == NO_INSTANT)
			return true;
	return false;
}

static bool has_live_code(const struct row_renewal *renewal)
{
	for (const struct row_task *task = renewal->tasks; task != NULL; task = task->older)
		if (text_equal(task->kind, "bind") && text_equal(task->state, "open") &&
			task->secret != NULL)
			return true;
	return has_open_bind(renewal);
}

static bool is_rival(const struct store *store, const struct row_renewal *other,
	const struct row_renewal *renewal)
{
	return other != renewal && text_equal(other->state, "binding") &&
		text_equal(other->ca, renewal->ca) &&
		handler_of(store, other) != 0 && /* null equals nothing */
		handler_of(store, other) == handler_of(store, renewal);
}

bool store_code_is_free(const struct store *store, const struct row_renewal *renewal)
{
	for (size_t i = 0; !has_open_bind(renewal) && i < store->renewal.count; i++) {
		const struct row_renewal *other = store_row(store->renewal, renewal, i);

		if (is_rival(store, other, renewal) && has_live_code(other))
			return false;
	}
	return true;
}

static bool goes_first(const struct store *store, const struct row_renewal *other,
	const struct row_renewal *renewal)
{
	const struct row_set *set = store_get(&store->set, other->set);

	return (other->old_not_after < renewal->old_not_after ||
		       (other->old_not_after == renewal->old_not_after &&
			       other->id < renewal->id)) &&
		(other->blocked_reason == NULL ||
			text_equal(other->blocked_reason, "handler_busy")) &&
		!store_is_held(store, set->unit, other->ca);
}

bool store_code_turn(const struct store *store, const struct row_renewal *renewal)
{
	if (!store_code_is_free(store, renewal))
		return false;
	for (size_t i = 0; !has_open_bind(renewal) && i < store->renewal.count; i++) {
		const struct row_renewal *other = store_row(store->renewal, renewal, i);

		if (is_rival(store, other, renewal) && goes_first(store, other, renewal))
			return false;
	}
	return true;
}

/* The next of the same handler, by expiry, after AFTER; never BUT. */
static struct row_renewal *next_busy(
	const struct store *store, int64_t handler, const struct row_renewal *after, int64_t but)
{
	struct row_renewal *best = NULL;

	for (size_t i = 0; i < store->renewal.count; i++) {
		struct row_renewal *other = store_row(store->renewal, renewal, i);
		bool later = after == NULL || other->old_not_after > after->old_not_after ||
			(other->old_not_after == after->old_not_after && other->id > after->id);

		if (later && text_equal(other->state, "binding") && other->id != but &&
			(other->blocked_reason == NULL ||
				text_equal(other->blocked_reason, "handler_busy")) &&
			handler != 0 && handler_of(store, other) == handler &&
			(best == NULL || other->old_not_after < best->old_not_after))
			best = other;
	}
	return best;
}

static void wake_next(struct store *store, const struct row_renewal *renewal)
{
	struct row_renewal *next = NULL;

	store_notify(store);
	for (int i = 0; i < 2; i++) {
		next = next_busy(store, handler_of(store, renewal), next, renewal->id);
		if (next == NULL)
			return;
		store_wake(store, next);
	}
}

/* renewals_qr_left: it stood in the line as BEFORE says, and has left it without a code. */
void store_code_left(struct store *store, const struct row_renewal *renewal, const char *state,
	const char *reason)
{
	bool stood = text_equal(state, "binding") &&
		(reason == NULL || text_equal(reason, "handler_busy"));
	bool stands = text_equal(renewal->state, "binding") &&
		(renewal->blocked_reason == NULL ||
			text_equal(renewal->blocked_reason, "handler_busy") ||
			text_equal(renewal->blocked_reason, "binding"));

	if (stood && !stands)
		wake_next(store, renewal);
}

void store_task_forget(struct store *store, struct row_task *task)
{
	const struct row_renewal *renewal = store_find(&store->renewal, task->renewal);
	bool had = task->secret != NULL;

	task->secret = NULL;
	if (had && renewal != NULL && text_equal(task->kind, "bind"))
		wake_next(store, renewal);
}
