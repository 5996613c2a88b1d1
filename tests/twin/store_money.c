/* SPDX-License-Identifier: Apache-2.0 */
/* Payment files, statements and links (schema/0011_money.sql, store/money.sql). */
#include <inttypes.h>
#include <string.h>

#include "common/bytes.h"
#include "common/text.h"
#include "tests/twin/store_inside.h"

/* ---- the payment file ---- */

static bool is_payable(const struct store *store, const struct row_order *order)
{
	const struct row_renewal *renewal =
		store_find(&store->renewal, store_renewal_of(store, order->id, 0));
	const struct row_set *set;

	if (renewal == NULL)
		return false;
	set = store_get(&store->set, renewal->set);
	return text_equal(order->status, "open") && text_equal(order->method, "bank_transfer") &&
		text_equal(renewal->state, "awaiting_payment") &&
		!text_equal(renewal->blocked_reason, "certificate") &&
		!json_is_object(json_object_get(renewal->facts, "withdraw")) &&
		!store_is_held(store, set->unit, renewal->ca);
}

static json_t *order_document(const struct row_order *order)
{
	return json_pack("{s:I, s:s, s:s, s:s?, s:s, s:s, s:s, s:I}", "id", (json_int_t)order->id,
		"reference", order->reference, "payer_account", order->payer_account, "payer_name",
		order->payer_name, "payee_name", order->payee_name, "payee_account",
		order->payee_account, "payee_bank", order->payee_bank, "amount_fen",
		(json_int_t)order->amount_fen);
}

bool ask_to_export(struct store *store, struct ask *ask)
{
	JSON *list = json_array();
	OWNED char *text = NULL;

	for (size_t i = 0; i < store->order.count; i++)
		if (is_payable(store, store_row(store->order, order, i)))
			(void)json_array_append_new(
				list, order_document(store_row(store->order, order, i)));
	text = json_write(list);
	ask_columns(ask, 2);
	ask_put(ask, 0, 0, text);
	ask_put(ask, 0, 1, store->ca_alert != NULL ? store->ca_alert : "");
	return true;
}

bool ask_exported(struct store *store, struct ask *ask)
{
	JSON *ids = ask_json(ask, 1);
	const json_t *id;
	size_t i, changed = 0;
	static const char again[] = "the open orders changed meanwhile: export again";

	if (store->ca_alert != NULL)
		return fault_set(ask->fault, FAULT_CONFLICT, "%s", store->ca_alert);
	json_array_foreach(ids, i, id)
	{
		int64_t number = 0;
		struct row_order *order = json_is_integer(id)
			? store_find(&store->order, json_integer_value(id))
			: number_parse(&number, json_string_value(id), 1, INT64_MAX)
			? store_find(&store->order, number)
			: NULL;

		if (order == NULL || !is_payable(store, order))
			return fault_set(ask->fault, FAULT_CONFLICT, "%s", again);
		touch(store, order, order)->status = "exported";
		changed++;
	}
	if (changed == 0)
		return fault_set(ask->fault, FAULT_CONFLICT, "%s", again);
	ask_reply(ask, "{}");
	return true;
}

/* ---- statements ---- */

static bool line_is_known(const struct store *store, const char *key)
{
	for (size_t i = 0; i < store->line.count; i++)
		if (text_equal(
			    json_peek_text(store_row(store->line, line, i)->doc, "line_key"), key))
			return true;
	return false;
}

bool ask_statement_save(struct store *store, struct ask *ask)
{
	JSON *doc = ask_json(ask, 1);
	json_t *line;
	size_t i;
	int64_t count = 0;

	json_array_foreach(json_object_get(doc, "lines"), i, line)
	{
		struct row_line *row;

		if (line_is_known(store, json_peek_text(line, "line_key"))) {
			store->line.last_id++;
			continue;
		}
		row = store_add(store, &store->line);
		row->proven = json_is_true(json_object_get(doc, "proven"));
		row->doc = store_json(store, json_deep_copy(line));
		row->comes_in = text_equal(json_peek_text(line, "direction"), "in");
		store_line_concerns(store, row);
		count++;
	}
	ask_reply_json(ask, json_pack("{s:I}", "new", (json_int_t)count));
	return true;
}

/* ---- matching ---- */

static bool verdict_is(const struct row_link *link, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strcmp(link->verdict, *words) == 0)
			return true;
	return false;
}

static const char *const firm[] = { "auto", "confirmed", "released", NULL };
static const char *const live[] = { "auto", "suggested", "confirmed", "released", NULL };
static const char *const undecided[] = { "suggested", "confirmed", NULL };

static bool is_linked(
	const struct store *store, int64_t line, int64_t order, const char *const *words)
{
	for (size_t i = 0; i < store->link.count; i++) {
		const struct row_link *link = store_row(store->link, link, i);

		if ((link->line == line || link->order == order) && verdict_is(link, words))
			return true;
	}
	return false;
}

bool ask_match_orders(struct store *store, struct ask *ask)
{
	int row = 0;

	ask_columns(ask, 9);
	for (size_t i = 0; i < store->order.count; i++) {
		const struct row_order *order = store_row(store->order, order, i);

		if (text_equal(order->status, "cancelled") ||
			!text_equal(order->method, "bank_transfer"))
			continue;
		ask_put_number(ask, row, 0, order->id);
		ask_put(ask, row, 1, order->reference);
		ask_put_number(ask, row, 2, order->amount_fen);
		ask_put(ask, row, 3, order->payer_account);
		ask_put(ask, row, 4, order->payer_name);
		ask_put(ask, row, 5, order->payee_name);
		ask_put(ask, row, 6, order->payee_account);
		ask_put_number(ask, row, 7, order->made_at);
		ask_put_number(ask, row++, 8, is_linked(store, 0, order->id, firm));
	}
	return true;
}

/* Is LINE a transfer that the bank gave back? */
static bool has_come_back(const struct store *store, int64_t line)
{
	for (size_t i = 0; i < store->giveback.count; i++)
		if (store_row(store->giveback, giveback, i)->debit == line)
			return true;
	return false;
}

bool ask_match_lines(struct store *store, struct ask *ask)
{
	static const char *const texts[] = { "own_account", "own_name", "party_account",
		"party_name", "memo" };
	int row = 0;

	ask_columns(ask, 11);
	for (size_t i = 0; i < store->line.count; i++) {
		const struct row_line *line = store_row(store->line, line, i);

		if (is_linked(store, line->id, 0, firm) || has_come_back(store, line->id))
			continue;
		ask_put_number(ask, row, 0, line->id);
		ask_put(ask, row, 1, json_peek_text(line->doc, "direction"));
		ask_put_number(ask, row, 2, json_peek_number(line->doc, "amount_fen", 0));
		for (int k = 0; k < (int)COUNT_OF(texts); k++)
			ask_put(ask, row, 3 + k, json_peek_text(line->doc, texts[k]));
		ask_put_number(ask, row, 8, json_as_instant(line->doc, "paid_at"));
		ask_put_number(ask, row, 9, line->proven);
		ask_put(ask, row++, 10, json_peek_text(line->doc, "paid_at_precision"));
	}
	return true;
}

static bool is_repeated(const struct row_link *link, const json_t *links)
{
	const json_t *one;
	size_t i;

	json_array_foreach(links, i, one) if (json_peek_number(one, "line", 0) == link->line &&
		json_peek_number(one, "order", 0) == link->order &&
		text_equal(json_peek_text(one, "verdict"), "suggested")) return true;
	return false;
}

static void drop_old_suggestions(struct store *store, const json_t *links)
{
	for (size_t i = 0; i < store->link.count; i++) {
		struct row_link *link = store_row(store->link, link, i);

		if (text_equal(link->verdict, "suggested") && !is_repeated(link, links))
			touch(store, link, link)->verdict = "dropped";
	}
}

static void link_paid(struct store *store, int64_t order)
{
	struct row_order *row = store_get(&store->order, order);

	touch(store, order, row)->status = "linked";
	for (size_t i = 0; store_renewal_of(store, order, i) != 0; i++)
		store_wake(store, store_get(&store->renewal, store_renewal_of(store, order, i)));
}

static void keep_link(
	struct store *store, const json_t *one, int64_t *automatic, int64_t *suggested)
{
	struct row_link *link;
	int64_t line = json_peek_number(one, "line", 0), order = json_peek_number(one, "order", 0);

	if (text_equal(((const struct row_order *)store_get(&store->order, order))->status,
		    "cancelled"))
		return;
	if (is_linked(store, line, order, live)) {
		store->link.last_id++;
		return;
	}
	link = store_add(store, &store->link);
	link->line = line;
	link->order = order;
	link->rule = store_text(store, json_peek_text(one, "rule"));
	link->verdict = store_text(store, json_peek_text(one, "verdict"));
	if (text_equal(link->verdict, "auto")) {
		(*automatic)++;
		link_paid(store, order);
	} else {
		(*suggested)++;
	}
}

static struct row_task *finance_task(const struct store *store)
{
	for (size_t i = 0; i < store->task.count; i++) {
		struct row_task *task = store_row(store->task, task, i);

		if (text_equal(task->kind, "finance_match") && text_equal(task->state, "open"))
			return task;
	}
	return NULL;
}

static int64_t count_undecided(const struct store *store)
{
	int64_t count = 0;

	for (size_t i = 0; i < store->link.count; i++)
		count += verdict_is(store_row(store->link, link, i), undecided);
	return count;
}

static void close_finance_task(struct store *store)
{
	struct row_task *task = finance_task(store);

	if (task == NULL || count_undecided(store) > 0)
		return;
	task = touch(store, task, task);
	task->state = "done";
	task->closed_at = store_now();
}

bool ask_links_save(struct store *store, struct ask *ask)
{
	JSON *doc = ask_json(ask, 1);
	const json_t *links = json_object_get(doc, "links"), *one;
	int64_t automatic = 0, suggested = 0;
	size_t i;

	drop_old_suggestions(store, links);
	json_array_foreach(links, i, one) keep_link(store, one, &automatic, &suggested);
	close_finance_task(store);
	if (count_undecided(store) > 0 && finance_task(store) == NULL) {
		struct row_task *task = store_task_add(store, "finance_match", "finance");

		task->title = "A transfer without its reference waits for a decision";
		task->values = store_json(
			store, json_pack("{s:I}", "suggested", (json_int_t)count_undecided(store)));
	}
	store_notify(store);
	ask_reply_json(ask,
		json_pack("{s:I, s:I}", "auto", (json_int_t)automatic, "suggested",
			(json_int_t)suggested));
	return true;
}

static bool reply_committed(struct ask *ask)
{
	ask_columns(ask, 2);
	ask_put(ask, 0, 0, "200");
	ask_put(ask, 0, 1, "{}");
	return true;
}

bool ask_confirm(struct store *store, struct ask *ask)
{
	JSON *person = ask_json(ask, 0);
	JSON *doc = ask_json(ask, 3);
	struct row_link *link = store_find(&store->link, ask_number(ask, 1, 0));

	if (link == NULL)
		return fault_set(
			ask->fault, FAULT_ABSENT, "there is no match %s", ask_text(ask, 1));
	if (!text_equal(link->verdict, "suggested"))
		return fault_set(ask->fault, FAULT_CONFLICT, "match %" PRId64 " is %s", link->id,
			link->verdict);
	if (json_is_true(json_object_get(doc, "commit"))) {
		link = touch(store, link, link);
		link->verdict = "confirmed";
		link->confirmed_by = json_peek_number(person, "person", 0);
	}
	return reply_committed(ask);
}

bool ask_release(struct store *store, struct ask *ask)
{
	JSON *person = ask_json(ask, 0);
	JSON *doc = ask_json(ask, 3);
	struct row_link *link = store_find(&store->link, ask_number(ask, 1, 0));

	if (link == NULL)
		return fault_set(
			ask->fault, FAULT_ABSENT, "there is no match %s", ask_text(ask, 1));
	if (!text_equal(link->verdict, "confirmed"))
		return fault_set(ask->fault, FAULT_CONFLICT, "match %" PRId64 " is %s", link->id,
			link->verdict);
	if (link->confirmed_by == json_peek_number(person, "person", 0))
		return fault_set(
			ask->fault, FAULT_DENIED, "who confirmed a match may not release it");
	if (!json_is_true(json_object_get(doc, "commit")))
		return reply_committed(ask);
	link = touch(store, link, link);
	link->verdict = "released";
	link->released_by = json_peek_number(person, "person", 0);
	link_paid(store, link->order);
	close_finance_task(store);
	return reply_committed(ask);
}
