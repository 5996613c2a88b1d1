/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of each CA (ca_facts and cas of schema/): what it says of itself or people wrote down, its payee's task,
 * its breaker. */
#include <string.h>

#include "common/text.h"
#include "tests/twin/store_inside.h"

static const char gateway[] = "gateway"; /* the CA with an interface */

/* ---- what the CA says of itself ---- */

const json_t *store_facts(const struct store *store, const char *ca)
{
	return text_equal(ca, gateway) ? store->ca_meta : store->prices;
}

void store_prices(struct store *store, json_t *meta)
{
	store->version++;
	store->prices = store_json(store, meta);
	for (size_t i = 0; i < store->renewal.count; i++) {
		struct row_renewal *renewal = store_row(store->renewal, renewal, i);

		if (!text_equal(renewal->ca, gateway) && !renewal->ended)
			store_wake(store, renewal);
	}
	if (store->watch.on_notify != NULL)
		store->watch.on_notify(store->watch.context, false);
}

bool ask_facts_save(struct store *store, struct ask *ask)
{
	const char *alert = ask_text(ask, 2);
	bool changed = !text_equal(alert, store->ca_alert);

	store->ca_meta = store_json(store, ask_json(ask, 1));
	store->ca_alert = store_text(store, alert);
	ask_reply(ask, changed ? "t" : "f");
	return true;
}

bool ask_facts_alarm(struct store *store, struct ask *ask)
{
	if (store->ca_meta != NULL && store->ca_alert == NULL)
		store->ca_alert = store_text(store, ask_text(ask, 1));
	ask_columns(ask, 0);
	return true;
}

bool ask_facts_load(struct store *store, struct ask *ask)
{
	const json_t *facts = store_facts(store, ask_text(ask, 0));
	OWNED char *meta = facts != NULL ? json_write(facts) : NULL;

	ask_columns(ask, 2);
	if (meta == NULL)
		return true;
	ask_put(ask, 0, 0, meta);
	ask_put(ask, 0, 1, facts == store->ca_meta ? store->ca_alert : NULL);
	return true;
}

static struct row_task *payee_task(const struct store *store, const char *ca)
{
	for (size_t i = 0; i < store->task.count; i++) {
		struct row_task *task = store_row(store->task, task, i);

		if (strcmp(task->kind, "payee_changed") == 0 && task->renewal == 0 &&
			strcmp(task->state, "open") == 0 &&
			text_equal(json_peek_text(task->values, "ca"), ca))
			return task;
	}
	return NULL;
}

bool ask_payee_task(struct store *store, struct ask *ask)
{
	struct row_task *task = payee_task(store, ask_text(ask, 2));
	json_t *values;

	ask_columns(ask, 0);
	if (ask_text(ask, 0) == NULL && task != NULL) {
		task = touch(store, task, task);
		task->state = "done";
		task->closed_at = store_now();
		task->answer = store_json(store, json_pack("{s:s}", "by", "xuqid"));
	}
	if (ask_text(ask, 0) == NULL || task != NULL)
		return true;
	values = ask_json(ask, 1);
	json_put_text(values, "ca", ask_text(ask, 2));
	task = store_task_add(store, "payee_changed", "finance");
	store_notify_tasks(store); /* it has no deadline yet */
	task->title = "The CA names another payee";
	task->instruction = store_text(store, ask_text(ask, 0));
	task->values = store_json(store, values);
	return true;
}

bool ask_admin_needed(struct store *store, struct ask *ask)
{
	(void)store;
	ask_reply(ask, "f");
	return true;
}

/* ---- the CA's breaker ---- */

struct row_breaker *store_breaker(const struct store *store, const char *ca)
{
	for (size_t i = 0; i < store->breaker.count; i++)
		if (text_equal(store_row(store->breaker, breaker, i)->ca, ca))
			return store_row(store->breaker, breaker, i);
	return NULL;
}

bool ask_cas_register(struct store *store, struct ask *ask)
{
	JSON *words = ask_json(ask, 0);
	const json_t *word;
	size_t i;

	ask_columns(ask, 0);
	json_array_foreach(words, i, word)
	{
		struct row_breaker *row;

		if (store_breaker(store, json_string_value(word)) != NULL)
			continue;
		row = store_add(store, &store->breaker);
		row->ca = store_text(store, json_string_value(word));
		row->state = "closed";
	}
	return true;
}

bool ask_breaker_load(struct store *store, struct ask *ask)
{
	const struct row_breaker *row = store_breaker(store, ask_text(ask, 0));

	ask_columns(ask, 6);
	if (row == NULL)
		return true;
	ask_put(ask, 0, 0, row->state);
	ask_put_number(ask, 0, 1, row->version);
	ask_put_number(ask, 0, 2, row->failures);
	ask_put_number(ask, 0, 3, row->openings);
	ask_put_number(ask, 0, 4, row->since_at);
	ask_put_number(ask, 0, 5, row->until_at);
	return true;
}

bool ask_breaker_store(struct store *store, struct ask *ask)
{
	struct row_breaker *row = store_breaker(store, ask_text(ask, 0));

	ask_columns(ask, 1);
	if (row == NULL || row->version != ask_number(ask, 1, -1))
		return true;
	row = touch(store, breaker, row);
	row->state = store_text(store, ask_text(ask, 2));
	row->version++;
	row->failures = ask_number(ask, 3, 0);
	row->openings = ask_number(ask, 4, 0);
	row->since_at = ask_number(ask, 5, 0);
	row->until_at = ask_number(ask, 6, 0);
	ask_put_number(ask, 0, 0, row->version);
	return true;
}
