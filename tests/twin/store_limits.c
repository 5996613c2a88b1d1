/* SPDX-License-Identifier: Apache-2.0 */
/* What keeps effects back: daily caps and what goes round (effect_over_cap of schema/0003_workflow.sql), and holds,
 * which two people release (schema/0013_holds.sql).  Units are numbers here. */
#include <inttypes.h>
#include <string.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/text.h"
#include "tests/twin/store_inside.h"

enum { ROUND_EFFECTS = 60, ROUND_S = 3600 };

static const int64_t beijing = INT64_C(8) * 3600 * CLOCK_SECOND;

static int64_t site_day(void)
{
	return (store_now() + beijing) / CLOCK_DAY * CLOCK_DAY - beijing;
}

/* CAMPAIGN 0: of all of the CA with an interface. */
static int64_t opened_today(const struct store *store, int64_t campaign)
{
	int64_t count = 0;

	for (size_t i = 0; i < store->effect.count; i++) {
		const struct row_effect *effect = store_row(store->effect, effect, i);
		const struct row_renewal *renewal = store_get(&store->renewal, effect->renewal);

		count += strcmp(effect->op, "open") == 0 && effect->intended_at >= site_day() &&
			(campaign == 0 ? text_equal(renewal->ca, "gateway")
				       : renewal->campaign == campaign);
	}
	return count;
}

static bool goes_round(const struct row_renewal *renewal)
{
	int count = 0;

	for (const struct row_effect *effect = renewal->effects; effect != NULL;
		effect = effect->older)
		count += effect->intended_at > store_now() - ROUND_S * CLOCK_SECOND;
	return count >= ROUND_EFFECTS;
}

const char *store_over_cap(
	const struct store *store, const struct row_renewal *renewal, const char *op)
{
	const struct row_campaign *campaign = store_get(&store->campaign, renewal->campaign);
	int64_t cap = json_peek_number(campaign->policy, "daily_cap", 0);

	if (goes_round(renewal))
		return "going_round";
	if (strcmp(op, "open") != 0)
		return NULL;
	if (cap > 0 && opened_today(store, campaign->id) >= cap)
		return "daily_cap_campaign";
	if (store->daily_cap > 0 && text_equal(renewal->ca, "gateway") &&
		opened_today(store, 0) >= store->daily_cap)
		return "daily_cap_ca";
	return NULL;
}

int64_t store_cap_s(const char *reason)
{
	return strcmp(reason, "going_round") == 0
		? ROUND_S
		: (site_day() + CLOCK_DAY - store_now() + CLOCK_SECOND - 1) / CLOCK_SECOND;
}

/* ---- holds ---- */

static bool reply(struct ask *ask, const char *status)
{
	ask_columns(ask, 2);
	ask_put(ask, 0, 0, status);
	ask_put(ask, 0, 1, "{}");
	return true;
}

bool ask_hold_set(struct store *store, struct ask *ask)
{
	JSON *doc = ask_json(ask, 3);
	const char *reason = json_peek_text(doc, "reason"), *scope = json_peek_text(doc, "scope");
	struct row_hold *hold;
	int64_t unit = 0;

	if (reason == NULL || *reason == '\0')
		return fault_set(ask->fault, FAULT_INPUT, "a hold wants a reason");
	if (text_equal(scope, "unit") &&
		!number_parse(&unit, json_peek_text(doc, "target"), 1, INT64_MAX))
		return fault_set(ask->fault, FAULT_INPUT, "there is no unit %s",
			json_peek_text(doc, "target"));
	hold = store_add(store, &store->hold);
	hold->unit = unit;
	if (text_equal(scope, "ca"))
		hold->ca = store_text(store, json_peek_text(doc, "target"));
	hold->set_at = store_now();
	return reply(ask, "201");
}

bool ask_hold_release(struct store *store, struct ask *ask)
{
	JSON *person = ask_json(ask, 0);
	int64_t who = json_peek_number(person, "person", 0);
	struct row_hold *hold = store_find(&store->hold, ask_number(ask, 1, 0));

	if (hold == NULL)
		return fault_set(ask->fault, FAULT_ABSENT, "there is no hold %s", ask_text(ask, 1));
	if (hold->released)
		return fault_set(ask->fault, FAULT_CONFLICT, "hold %" PRId64 " is released already",
			hold->id);
	if (hold->asked_by == who)
		return fault_set(ask->fault, FAULT_DENIED,
			"a second person must release hold %" PRId64, hold->id);
	hold = touch(store, hold, hold);
	hold->released = hold->asked_by != 0;
	if (hold->released)
		store_notify(store);
	else
		hold->asked_by = who;
	return reply(ask, "200");
}
