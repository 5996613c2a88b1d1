/* SPDX-License-Identifier: Apache-2.0 */
/* The timers: a table of instants in the state, and the order in which they fire. */
#include "tests/simulator/sim_time.h"

#include <stdio.h>
#include <string.h>

#include "common/text.h"

enum { TIMER_TEXT = SIM_ID_TEXT + 12 };

static const struct {
	const char *word, *table;
	void (*fire)(struct sim *sim, json_t *object, int64_t at);
} kinds[TIMER_COUNT] = {
	[TIMER_BINDING] = { "binding", "bindings", on_binding_timer },
	[TIMER_REVIEW] = { "review", "applications", on_review_timer },
	[TIMER_FIX] = { "fix", "applications", on_fix_timer },
	[TIMER_REVOKE] = { "revoke", "applications", on_revoke_timer },
	[TIMER_VERIFY] = { "verify", "payments", on_verify_timer },
	[TIMER_WECHAT] = { "wechat", "payments", on_wechat_timer },
	[TIMER_REFUND] = { "refund", "refunds", on_refund_timer },
	[TIMER_INVOICE] = { "invoice", "applications", on_invoice_timer },
};

static void timer_name(char out[TIMER_TEXT], enum sim_timer kind, const char *id)
{
	(void)snprintf(out, TIMER_TEXT, "%s %s", kinds[kind].word, id);
}

void sim_timer_set(struct sim *sim, enum sim_timer kind, const char *id, int64_t at)
{
	char name[TIMER_TEXT];

	timer_name(name, kind, id);
	json_put_number(sim_table(sim, "timers"), name, at);
	if (at < sim->next_at)
		sim->next_at = at;
	sim->changed = true;
}

void sim_timer_drop(struct sim *sim, enum sim_timer kind, const char *id)
{
	char name[TIMER_TEXT];

	timer_name(name, kind, id);
	(void)json_object_del(sim_table(sim, "timers"), name);
	sim->changed = true;
}

/* The earliest timer's instant (the older of equals), its name into OUT; INT64_MAX if there is
 * none. */
static int64_t earliest(const struct sim *sim, char out[TIMER_TEXT])
{
	int64_t first = INT64_MAX;
	const char *name;
	json_t *at;

	json_object_foreach(sim_table(sim, "timers"), name, at)
	{
		if (json_integer_value(at) >= first)
			continue;
		first = json_integer_value(at);
		(void)snprintf(out, TIMER_TEXT, "%s", name);
	}
	return first;
}

static void fire(struct sim *sim, const char *name, int64_t at)
{
	const char *id = strchr(name, ' ');

	if (id == NULL)
		return;
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		size_t len = strlen(kinds[i].word);
		json_t *object;

		if (len != (size_t)(id - name) || strncmp(kinds[i].word, name, len) != 0)
			continue;
		object = sim_find(sim, kinds[i].table, id + 1);
		if (object != NULL)
			kinds[i].fire(sim, object, at);
	}
}

void sim_advance(struct sim *sim, int64_t now)
{
	char name[TIMER_TEXT] = "";

	while (sim->next_at <= now) {
		int64_t at = earliest(sim, name);

		sim->next_at = at;
		if (at > now)
			return;
		(void)json_object_del(sim_table(sim, "timers"), name);
		sim->changed = true;
		fire(sim, name, at);
	}
}

int64_t sim_next_at(const struct sim *sim)
{
	char name[TIMER_TEXT];

	return earliest(sim, name);
}
