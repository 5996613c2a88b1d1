/* SPDX-License-Identifier: Apache-2.0 */
/* What the sweep and the steps of a renewal ask (store/renewal.sql, schema/0003_workflow.sql): claims under a lease
 * with a fence, moves along the product's own table of edges, intents with every gate. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "orchestrator/domain/renewal.h"
#include "tests/twin/store_inside.h"

/* ---- rules ---- */

bool store_is_held(const struct store *store, int64_t unit, const char *ca)
{
	for (size_t i = 0; i < store->hold.count; i++) {
		const struct row_hold *hold = store_row(store->hold, hold, i);

		if (!hold->released && (hold->unit == 0 || hold->unit == unit) &&
			(hold->ca == NULL || text_equal(hold->ca, ca)))
			return true;
	}
	return false;
}

bool store_is_final(const char *state)
{
	enum renewal_state value;

	return renewal_from_word(&value, state) && renewal_is_final(value);
}

static bool set_is_held(const struct store *store, const struct row_renewal *renewal)
{
	const struct row_set *set = store_get(&store->set, renewal->set);

	return store_is_held(store, set->unit, renewal->ca);
}

static bool is_one_of(const char *word, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(word, words[i]) == 0)
			return true;
	return false;
}

/* States that no worker looks after: what begins with a plan waits for its gate. */
void store_set_state(struct row_renewal *renewal, const char *state)
{
	static const char *const gated[] = { "planned", "awaiting_approval" };

	renewal->state = state;
	renewal->ended = store_is_final(state);
	renewal->works = !renewal->ended && !is_one_of(state, gated, COUNT_OF(gated));
}

struct row_renewal *store_fenced(
	struct store *store, int64_t id, int64_t epoch, struct fault *fault)
{
	struct row_renewal *renewal = store_find(&store->renewal, id);

	if (renewal == NULL) {
		(void)fault_set(fault, FAULT_ABSENT, "there is no renewal %" PRId64, id);
		return NULL;
	}
	if (!store_fence_holds(renewal, epoch)) {
		(void)fault_set(fault, FAULT_CONFLICT,
			"renewal %" PRId64 " is in other hands: lease %" PRId64
			" has passed to %" PRId64,
			id, epoch, renewal->epoch);
		return NULL;
	}
	if (store->watch.on_fenced != NULL)
		store->watch.on_fenced(store->watch.context, id, epoch);
	return touch(store, renewal, renewal);
}

void store_wake(struct store *store, struct row_renewal *renewal)
{
	renewal = touch(store, renewal, renewal);
	renewal->woken_at =
		store_now() > renewal->claimed_at ? store_now() : renewal->claimed_at + 1;
	if (renewal->claimed_until == NO_INSTANT)
		renewal->due_at = store_now();
	store_notify(store);
}

void store_journal(struct store *store, int64_t renewal, const char *event, const char *by)
{
	struct row_journal *line = store_add(store, &store->journal);

	line->renewal = renewal;
	line->event = store_text(store, event);
	line->by = store_text(store, by);
	line->at = store_now();
}

/* The table's edge, whatever its guard: the guard is the product's to obey (the database knows none). */
static bool edge_exists(const char *from, const char *event, const char *to)
{
	for (size_t i = 0; i < renewal_edge_count; i++)
		if (strcmp(renewal_word(renewal_edges[i].from), from) == 0 &&
			strcmp(renewal_event_word(renewal_edges[i].event), event) == 0 &&
			strcmp(renewal_word(renewal_edges[i].to), to) == 0)
			return true;
	return false;
}

/* The checks on a renewal's row (renewals_spend_is_approved, renewals_touch_is_approved). */
static bool row_is_lawful(const struct row_renewal *renewal, struct fault *fault)
{
	static const char *const unspent[] = { "planned", "awaiting_approval", "withdrawn",
		"failed" };
	static const char *const touching[] = { "install_queued", "installing", "installed",
		"awaiting_invoice", "done", "quarantined" };

	if (renewal->spend_approval == 0 && !is_one_of(renewal->state, unspent, COUNT_OF(unspent)))
		return fault_set(
			fault, FAULT_CONFLICT, "no spend approval [renewals_spend_is_approved]");
	if (renewal->touch_approval == 0 && is_one_of(renewal->state, touching, COUNT_OF(touching)))
		return fault_set(
			fault, FAULT_CONFLICT, "no touch approval [renewals_touch_is_approved]");
	return true;
}

bool store_move(struct store *store, struct row_renewal *renewal, const char *event, const char *to,
	const char *by, struct fault *fault)
{
	struct row_journal *line;
	const char *reason = renewal->blocked_reason;

	if (event == NULL || to == NULL || !edge_exists(renewal->state, event, to))
		return fault_set(fault, FAULT_CONFLICT,
			"%s, %s, %s is no edge [journal_moves_along_the_table]", renewal->state,
			event != NULL ? event : "", to != NULL ? to : "");
	renewal = touch(store, renewal, renewal);
	line = store_add(store, &store->journal);
	line->renewal = renewal->id;
	line->event = store_text(store, event);
	line->from = renewal->state;
	line->to = store_text(store, to);
	line->by = store_text(store, by);
	line->at = store_now();
	store_set_state(renewal, line->to);
	renewal->attempts = 0;
	renewal->blocked_reason = renewal->last_error = NULL;
	renewal->claimed_until = NO_INSTANT;
	renewal->due_at = renewal->changed_at = store_now();
	store_code_left(store, renewal, line->from, reason);
	return row_is_lawful(renewal, fault);
}

/* ---- the sweep ---- */

/* How many more of its steps may be under way (campaigns_bounded); many, where its policy does not bound them. */
static int64_t room_of(const struct store *store, const struct row_campaign *campaign)
{
	int64_t room = json_peek_number(campaign->policy, "concurrency", INT64_MAX),
		now = store_now();

	if (room == INT64_MAX || strcmp(campaign->status, "running") != 0)
		return INT64_MAX;
	for (size_t i = 0; i < store->renewal.count; i++) {
		const struct row_renewal *renewal = store_row(store->renewal, renewal, i);

		room -= renewal->campaign == campaign->id && renewal->works &&
			renewal->due_at <= now && renewal->claimed_until != NO_INSTANT &&
			renewal->claimed_until >= now;
	}
	return room;
}

/* Which campaigns are full just now (own list, by id), or NULL: none. */
static bool *full_campaigns(const struct store *store)
{
	bool *full = NULL;

	for (size_t i = 0; i < store->campaign.count; i++) {
		const struct row_campaign *campaign = store_row(store->campaign, campaign, i);

		if (room_of(store, campaign) > 0)
			continue;
		if (full == NULL)
			full = zalloc(store->campaign.count + 1, sizeof *full);
		full[campaign->id] = true;
	}
	return full;
}

static bool is_due(const struct store *store, const struct row_renewal *renewal, int64_t now)
{
	return renewal->due_at <= now && renewal->works &&
		(renewal->claimed_until == NO_INSTANT || renewal->claimed_until < now) &&
		!set_is_held(store, renewal);
}

/* The due renewal that waits longest, after the one at (AT, ID); NULL if there is none. */
static struct row_renewal *next_due(
	const struct store *store, const bool *full, int64_t after, int64_t after_id)
{
	struct row_renewal *best = NULL;
	int64_t now = store_now();

	for (size_t i = 0; i < store->renewal.count; i++) {
		struct row_renewal *renewal = store_row(store->renewal, renewal, i);

		if (renewal->due_at < after ||
			(renewal->due_at == after && renewal->id <= after_id) ||
			(best != NULL && renewal->due_at >= best->due_at) ||
			(full != NULL && full[renewal->campaign]))
			continue;
		if (is_due(store, renewal, now))
			best = renewal;
	}
	return best;
}

bool ask_claim(struct store *store, struct ask *ask)
{
	int64_t limit = ask_number(ask, 0, 0), lease = ask_number(ask, 1, 0), after = INT64_MIN,
		after_id = 0;
	OWNED bool *full = full_campaigns(store);
	int row = 0;

	ask_columns(ask, 2);
	for (int64_t looked = 0; looked < limit; looked++) {
		struct row_renewal *renewal = next_due(store, full, after, after_id);

		if (renewal == NULL)
			break;
		after = renewal->due_at;
		after_id = renewal->id;
		if (room_of(store, store_get(&store->campaign, renewal->campaign)) <= 0)
			continue;
		renewal = touch(store, renewal, renewal);
		renewal->epoch = ++store->lease_epoch;
		renewal->claimed_at =
			store_now() > renewal->woken_at ? store_now() : renewal->woken_at;
		renewal->claimed_until = store_now() + lease * CLOCK_SECOND;
		if (store->watch.on_claim != NULL)
			store->watch.on_claim(store->watch.context, renewal->id, renewal->epoch);
		ask_put_number(ask, row, 0, renewal->id);
		ask_put_number(ask, row++, 1, renewal->epoch);
	}
	return true;
}

/* LEASES: count those that run out, too. */
static int64_t first_due(const struct store *store, bool leases)
{
	int64_t first = FOREVER, now = store_now();
	OWNED bool *full = full_campaigns(store);

	for (size_t i = 0; i < store->renewal.count; i++) {
		const struct row_renewal *renewal = store_row(store->renewal, renewal, i);
		bool free = renewal->claimed_until == NO_INSTANT || renewal->claimed_until < now;

		if (leases && !free && renewal->claimed_until < first)
			first = renewal->claimed_until;
		if (free && renewal->due_at < first && renewal->works &&
			(full == NULL || !full[renewal->campaign]) && !set_is_held(store, renewal))
			first = renewal->due_at;
	}
	for (size_t i = 0; i < store->campaign.count; i++) {
		const struct row_campaign *campaign = store_row(store->campaign, campaign, i);

		if (strcmp(campaign->status, "running") == 0 && campaign->start_at > now &&
			campaign->start_at < first)
			first = campaign->start_at;
	}
	return first;
}

int64_t store_next_due(const struct store *store)
{
	return first_due(store, true);
}

bool ask_next(struct store *store, struct ask *ask)
{
	int64_t most = ask_number(ask, 0, 0), due = first_due(store, false), now = store_now();
	int64_t ms = due == FOREVER ? most : (due - now + 999) / 1000;

	ask_columns(ask, 1);
	ask_put_number(ask, 0, 0, due <= now ? 0 : ms < most ? ms : most);
	return true;
}

bool ask_start(struct store *store, struct ask *ask)
{
	int64_t limit = ask_number(ask, 0, 0), count = 0;

	for (size_t i = 0; i < store->renewal.count && count < limit; i++) {
		struct row_renewal *renewal = store_row(store->renewal, renewal, i);
		const struct row_campaign *campaign;

		if (renewal->works || renewal->ended)
			continue;
		campaign = store_get(&store->campaign, renewal->campaign);
		if (strcmp(renewal->state, "awaiting_approval") != 0 ||
			strcmp(campaign->status, "running") != 0 ||
			campaign->start_at > store_now() || renewal->spend_approval == 0 ||
			set_is_held(store, renewal))
			continue;
		if (!store_move(store, renewal, "spend_approved", "binding", "xuqid", ask->fault))
			return false;
		count++;
	}
	ask_columns(ask, 1);
	ask_put_number(ask, 0, 0, count);
	return true;
}

static bool all_final(const struct store *store, int64_t campaign)
{
	for (size_t i = 0; i < store->renewal.count; i++) {
		const struct row_renewal *renewal = store_row(store->renewal, renewal, i);

		if (renewal->campaign == campaign && !renewal->ended)
			return false;
	}
	return true;
}

bool ask_finish(struct store *store, struct ask *ask)
{
	for (size_t i = 0; i < store->campaign.count; i++) {
		struct row_campaign *campaign = store_row(store->campaign, campaign, i);

		if (strcmp(campaign->status, "running") == 0 && all_final(store, campaign->id))
			touch(store, campaign, campaign)->status = "finished";
	}
	ask_columns(ask, 0);
	return true;
}

bool ask_reclaim(struct store *store, struct ask *ask)
{
	for (size_t i = 0; i < store->renewal.count; i++) {
		struct row_renewal *renewal = store_row(store->renewal, renewal, i);

		if (renewal->claimed_until == NO_INSTANT)
			continue;
		renewal = touch(store, renewal, renewal);
		renewal->claimed_until = NO_INSTANT;
		if (renewal->due_at > store_now())
			renewal->due_at = store_now();
	}
	ask_columns(ask, 0);
	return true;
}

/* ---- one step ---- */

static bool load_one(struct store *store, struct ask *ask, const json_t *item, int row)
{
	const struct row_renewal *renewal =
		store_find(&store->renewal, json_peek_number(item, "id", 0));

	if (renewal != NULL && renewal->epoch == json_peek_number(item, "epoch", 0)) {
		json_t *document = store_document(store, renewal);
		OWNED char *text =
			store->gives_tickets ? store_ticket(store, document) : json_write(document);

		if (store->watch.on_load != NULL)
			store->watch.on_load(store->watch.context, renewal->id, renewal->epoch);
		ask_put_number(ask, row, 0, ask->place);
		ask_put(ask, row, 3, text);
		if (!store->gives_tickets)
			json_decref(document);
	}
	return true;
}

bool ask_load(struct store *store, struct ask *ask)
{
	return store_each(store, ask, 1, load_one);
}

static struct row_effect *unsettled(const struct row_renewal *renewal, const char *op)
{
	for (struct row_effect *effect = renewal->effects; effect != NULL; effect = effect->older)
		if (strcmp(effect->op, op) == 0 && effect->settled_at == NO_INSTANT)
			return effect;
	return NULL;
}

static bool gates_are_open(const struct store *store, const struct row_renewal *renewal,
	const char *op, bool spends, struct fault *fault)
{
	if (set_is_held(store, renewal))
		return fault_set(
			fault, FAULT_CONFLICT, "held: no effect may start (xuqi hold list)");
	if (renewal->spend_approval == 0 && strcmp(op, "withdraw") != 0)
		return fault_set(fault, FAULT_DENIED,
			"renewal %" PRId64 " has no valid spend approval", renewal->id);
	if (spends && store->ca_alert != NULL && text_equal(renewal->ca, "gateway"))
		return fault_set(fault, FAULT_CONFLICT, "%s", store->ca_alert);
	return true;
}

static bool key_is_taken(const struct store *store, const char *key)
{
	for (size_t i = 0; i < store->effect.count; i++)
		if (text_equal(store_row(store->effect, effect, i)->key, key))
			return true;
	return false;
}

static bool attempt_is_taken(const struct row_renewal *renewal, const char *op, int64_t attempt)
{
	for (const struct row_effect *effect = renewal->effects; effect != NULL;
		effect = effect->older)
		if (strcmp(effect->op, op) == 0 && effect->attempt == attempt)
			return true;
	return false;
}

static bool intend_anew(
	struct store *store, struct row_renewal *renewal, const json_t *item, struct fault *fault)
{
	const char *op = json_peek_text(item, "op"), *key = json_peek_text(item, "key");
	int64_t attempt = json_peek_number(item, "attempt", 0);
	struct row_effect *effect;

	if (key_is_taken(store, key) || attempt_is_taken(renewal, op, attempt))
		return fault_set(fault, FAULT_CONFLICT,
			"%s %" PRId64 " was intended before [effects_attempt_once]", op, attempt);
	effect = store_add(store, &store->effect);
	effect->renewal = renewal->id;
	effect->op = store_text(store, op);
	effect->attempt = attempt;
	effect->key = store_text(store, key);
	effect->intended_at = store_now();
	effect->settled_at = NO_INSTANT;
	effect->older = renewal->effects;
	renewal->effects = effect;
	return true;
}

static bool wait_for_cap(struct ask *ask, int row, const char *reason)
{
	ask_put_number(ask, row, 0, ask->place);
	ask_put(ask, row, 5, reason);
	ask_put_number(ask, row, 6, store_cap_s(reason));
	return true;
}

static bool intend_one(struct store *store, struct ask *ask, const json_t *item, int row)
{
	struct row_renewal *renewal = store_fenced(store, json_peek_number(item, "id", 0),
		json_peek_number(item, "epoch", 0), ask->fault);
	const char *op = json_peek_text(item, "op"), *cap;
	struct row_effect *known;

	if (renewal == NULL)
		return false;
	known = unsettled(renewal, op);
	cap = known == NULL ? store_over_cap(store, renewal, op) : NULL;
	if (cap != NULL)
		return wait_for_cap(ask, row, cap);
	if (!gates_are_open(
		    store, renewal, op, json_is_true(json_object_get(item, "spends")), ask->fault))
		return false;
	if (json_is_true(json_object_get(item, "alone")) && !store_code_is_free(store, renewal))
		return fault_set(ask->fault, FAULT_CONFLICT,
			"renewal %" PRId64 ": its handler holds another QR code", renewal->id);
	if (known != NULL)
		touch(store, effect, known)->asked++;
	else if (!intend_anew(store, renewal, item, ask->fault))
		return false;
	ask_put_number(ask, row, 0, ask->place);
	ask_put_number(
		ask, row, 3, known != NULL ? known->attempt : json_peek_number(item, "attempt", 0));
	ask_put(ask, row, 4, known != NULL ? "t" : "f");
	return true;
}

bool ask_intend(struct store *store, struct ask *ask)
{
	return store_each(store, ask, 4, intend_one);
}

void store_rest(struct store *store, struct row_renewal *renewal, const json_t *wait)
{
	const char *error = json_as_text(wait, "error"), *reason = json_peek_text(wait, "reason"),
		   *before = renewal->blocked_reason;
	double seconds = json_number_value(json_object_get(wait, "seconds"));

	renewal = touch(store, renewal, renewal);
	if (error == NULL)
		renewal->attempts = 0;
	else
		renewal->attempts = reason != NULL && text_equal(renewal->blocked_reason, reason)
			? renewal->attempts + 1
			: 1;
	renewal->last_error = store_text(store, error);
	renewal->blocked_reason = store_text(store, reason);
	renewal->due_at = renewal->woken_at > renewal->claimed_at
		? store_now()
		: store_now() + (int64_t)rint(seconds * (double)CLOCK_SECOND);
	renewal->claimed_until = NO_INSTANT;
	store_code_left(store, renewal, renewal->state, before);
}

bool ask_plan(struct store *store, struct ask *ask)
{
	const struct row_campaign *campaign = store_find(&store->campaign, ask_number(ask, 0, 0));
	OWNED char *plan = campaign != NULL ? json_write(campaign->plan) : NULL;

	ask_columns(ask, 2);
	if (campaign == NULL)
		return true;
	ask_put(ask, 0, 0, plan);
	ask_put(ask, 0, 1, campaign->digest);
	return true;
}
