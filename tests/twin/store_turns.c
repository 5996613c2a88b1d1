/* SPDX-License-Identifier: Apache-2.0 */
/* Where a renewal leaves the straight road (schema/0015_turns.sql): kept bindings, orders that are taken up again,
 * credits, and what the stages see of all that. */
#include <inttypes.h>
#include <string.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/digest.h"
#include "common/text.h"
#include "tests/twin/store_inside.h"

struct turn_step {
	struct store *store;
	struct row_renewal *renewal;
	const char *settles; /* the operation that the same conclusion settles, or NULL */
	struct fault *fault;
};

/* ---- conclude_turns ---- */

static void bind_set(struct store *store, int64_t set, const json_t *shown)
{
	struct row_binding *row = NULL;

	for (size_t i = 0; i < store->binding.count; i++)
		if (store_row(store->binding, binding, i)->set == set)
			row = touch(store, binding, store_row(store->binding, binding, i));
	if (row == NULL)
		row = store_add(store, &store->binding);
	row->set = set;
	row->certificate_id = store_text(store, json_peek_text(shown, "id"));
	row->account = store_text(store, json_peek_text(shown, "account"));
}

static int64_t set_shown(const struct store *store, const json_t *shown)
{
	for (size_t i = 0; i < store->certificate.count; i++) {
		const struct row_certificate *row = store_row(store->certificate, certificate, i);

		if (text_equal(row->serial, json_peek_text(shown, "serial")) &&
			text_equal(row->issuer_sha256, json_peek_text(shown, "issuer_sha256")))
			return row->set;
	}
	return 0;
}

static bool bound(struct turn_step *step, const json_t *list)
{
	struct store *store = step->store;
	const json_t *shown;
	size_t i;

	store_notify(store);
	json_array_foreach(list, i, shown)
	{
		int64_t set = set_shown(store, shown);

		if (set == 0 || json_peek_text(shown, "id") == NULL)
			continue;
		bind_set(store, set, shown);
		for (size_t k = 0; k < store->renewal.count; k++) {
			struct row_renewal *other = store_row(store->renewal, renewal, k);

			if (other->set == set && other != step->renewal &&
				text_equal(other->state, "binding"))
				store_wake(store, other);
		}
	}
	return true;
}

static bool unbound(struct turn_step *step, const json_t *value)
{
	(void)value;
	for (size_t i = 0; i < step->store->binding.count; i++) {
		struct row_binding *row = store_row(step->store->binding, binding, i);

		if (row->set == step->renewal->set)
			touch(step->store, binding, row)->set = 0; /* deleted */
	}
	return true;
}

static bool cancel_order(struct turn_step *step, const json_t *value)
{
	struct row_order *order = store_order_of(step->store, step->renewal->id);

	(void)value;
	if (store_is_paid(step->store, step->renewal->id))
		return fault_set(step->fault, FAULT_CONFLICT,
			"renewal %" PRId64 ": its payment order left meanwhile", step->renewal->id);
	if (order != NULL && text_equal(order->status, "open"))
		touch(step->store, order, order)->status = "cancelled";
	return true;
}

static void drop_links(struct store *store, int64_t order)
{
	for (size_t i = 0; i < store->link.count; i++) {
		struct row_link *link = store_row(store->link, link, i);

		if (link->order == order && strcmp(link->verdict, "dropped") != 0)
			touch(store, link, link)->verdict = "dropped";
	}
}

/* What is kept of the return of ORDER's transfer, made where it came back for the first time. */
static struct row_giveback *giveback_of(struct store *store, const struct row_order *order)
{
	const struct row_line *line = store_returned_line(store, order);
	struct row_giveback *back;

	for (size_t i = 0; i < store->giveback.count; i++)
		if (store_row(store->giveback, giveback, i)->order == order->id)
			return touch(store, giveback, store_row(store->giveback, giveback, i));
	back = store_add(store, &store->giveback);
	back->order = order->id;
	back->line = line != NULL ? line->id : 0;
	return back;
}

/* The line that is linked to ORDER, or 0. */
static int64_t debit_of(const struct store *store, int64_t order)
{
	for (size_t i = 0; i < store->link.count; i++) {
		const struct row_link *link = store_row(store->link, link, i);

		if (link->order == order && strcmp(link->verdict, "dropped") != 0)
			return link->line;
	}
	return 0;
}

static bool reopen_order(struct turn_step *step, const json_t *value)
{
	struct store *store = step->store;
	struct row_order *old = store_order_of(store, step->renewal->id), *fresh;
	int64_t id;

	if (old == NULL)
		return fault_set(
			step->fault, FAULT_CONFLICT, "returns.order_id is null [not null]");
	giveback_of(store, old)->debit = debit_of(store, old->id);
	drop_links(store, old->id);
	touch(store, order, old)->status = "cancelled";
	fresh = store_add(store, &store->order);
	id = fresh->id;
	*fresh = *old;
	fresh->id = id;
	fresh->reference = store_text(store, json_peek_text(value, "reference"));
	fresh->status = "open";
	fresh->made_at = store_now();
	fresh->paid_at = NO_INSTANT;
	for (size_t i = 0; i < store->due.count; i++)
		if (store_row(store->due, due, i)->renewal == step->renewal->id)
			touch(store, due, store_row(store->due, due, i))->order = id;
	store_tell_order(store, fresh);
	return true;
}

static bool paid_at(struct turn_step *step, const json_t *value)
{
	struct row_order *order = store_order_of(step->store, step->renewal->id);
	int64_t at;

	if (order != NULL)
		touch(step->store, order, order)->paid_at =
			clock_parse(&at, json_string_value(value)) ? at : store_now();
	return true;
}

/* The due of RENEWAL, which may have named an order that was cancelled. */
static struct row_due *due_of(struct store *store, int64_t renewal)
{
	struct row_due *due;

	for (size_t i = 0; i < store->due.count; i++)
		if (store_row(store->due, due, i)->renewal == renewal)
			return touch(store, due, store_row(store->due, due, i));
	due = store_add(store, &store->due);
	due->renewal = renewal;
	return due;
}

static bool use_credit(struct turn_step *step, const json_t *value)
{
	struct store *store = step->store;
	int64_t id = json_integer_value(value);
	struct row_credit *credit;
	struct row_due *due;

	(void)number_parse(&id, json_string_value(value), 1, INT64_MAX);
	credit = store_find(&store->credit, id);
	if (credit == NULL || !text_equal(credit->state, "open"))
		return fault_set(
			step->fault, FAULT_CONFLICT, "credit %" PRId64 " was used meanwhile", id);
	touch(store, credit, credit)->state = "used";
	due = due_of(store, step->renewal->id);
	due->order = credit->order;
	due->amount_fen = credit->amount_fen;
	store_tasks_close(store, store_get(&store->renewal, credit->renewal), "credit");
	return true;
}

static bool credit(struct turn_step *step, const json_t *value)
{
	struct store *store = step->store;
	const struct row_order *order = store_order_of(store, step->renewal->id);
	struct row_credit *row;

	if (order == NULL)
		return true;
	for (size_t i = 0; i < store->credit.count; i++)
		if (store_row(store->credit, credit, i)->renewal == step->renewal->id)
			return true;
	row = store_add(store, &store->credit);
	row->renewal = step->renewal->id;
	row->set = step->renewal->set;
	row->order = order->id;
	row->amount_fen = json_peek_number(value, "amount_fen", order->amount_fen);
	row->state = "open";
	return true;
}

static bool refund(struct turn_step *step, const json_t *value)
{
	struct row_refund *row;
	const char *line = json_as_text(value, "line");

	for (size_t i = 0; i < step->store->refund.count; i++)
		if (store_row(step->store->refund, refund, i)->renewal == step->renewal->id)
			return fault_set(
				step->fault, FAULT_CONFLICT, "a second refund [refunds_pkey]");
	row = store_add(step->store, &step->store->refund);
	row->renewal = step->renewal->id;
	if (line != NULL)
		(void)number_parse(&row->line, line, 1, INT64_MAX);
	return true;
}

static bool never_paid(struct turn_step *step, const json_t *value)
{
	struct row_order *order = store_order_of(step->store, step->renewal->id);

	(void)value;
	if (order != NULL &&
		(text_equal(order->status, "open") || text_equal(order->status, "exported")))
		touch(step->store, order, order)->status = "cancelled";
	return true;
}

/* Nobody need do anything for it any more; what its money asks of finance stays. */
static bool leave(struct turn_step *step, const json_t *value)
{
	static const char *const kept[] = { "paid_twice", "debt", "refund", "credit",
		"new_certificate" };

	(void)value;
	for (struct row_task *task = step->renewal->tasks; task != NULL; task = task->older) {
		bool keep = !text_equal(task->state, "open");

		for (size_t i = 0; i < COUNT_OF(kept); i++)
			keep |= text_equal(task->kind, kept[i]);
		if (keep)
			continue;
		task = touch(step->store, task, task);
		task->state = "cancelled";
		store_task_forget(step->store, task);
		task->closed_at = store_now();
	}
	return true;
}

static bool drop_install(struct turn_step *step, const json_t *value)
{
	struct row_install *install = store_install_of(step->store, step->renewal->id);

	(void)value;
	if (install != NULL)
		touch(step->store, install, install)->state = "closed";
	return true;
}

/* What was asked of the application that is left, and never answered. */
static bool void_effects(struct turn_step *step, const json_t *value)
{
	static const char *const ops[] = { "agree", "term", "attach", "intent", "submit",
		"resubmit" };

	(void)value;
	for (struct row_effect *effect = step->renewal->effects; effect != NULL;
		effect = effect->older) {
		bool is_its = false;

		for (size_t i = 0; i < COUNT_OF(ops); i++)
			is_its |= text_equal(effect->op, ops[i]) &&
				!text_equal(effect->op, step->settles);
		if (!is_its || effect->settled_at != NO_INSTANT)
			continue;
		effect = touch(step->store, effect, effect);
		effect->settled_at = store_now();
		effect->outcome = "void";
	}
	return true;
}

bool store_turns(
	struct store *store, struct row_renewal *renewal, const json_t *doc, struct fault *fault)
{
	static const struct {
		const char *name;
		bool (*take_turn)(struct turn_step *step, const json_t *value);
	} turns[] = { { "bound", bound }, { "unbound", unbound }, { "cancel_order", cancel_order },
		{ "reopen_order", reopen_order }, { "paid_at", paid_at },
		{ "use_credit", use_credit }, { "credit", credit }, { "refund", refund },
		{ "never_paid", never_paid }, { "leave", leave }, { "void_effects", void_effects },
		{ "drop_install", drop_install } };
	struct turn_step step = { store, renewal,
		json_peek_text(json_object_get(doc, "settle"), "op"), fault };

	for (size_t i = 0; i < COUNT_OF(turns); i++) {
		const json_t *value = json_object_get(doc, turns[i].name);

		if (value != NULL && !turns[i].take_turn(&step, value))
			return false;
	}
	return true;
}

/* ---- what the stages see besides ---- */

static json_t *binding_of(const struct store *store, int64_t set)
{
	for (size_t i = 0; i < store->binding.count; i++) {
		const struct row_binding *row = store_row(store->binding, binding, i);

		if (row->set == set)
			return json_pack("{s:s, s:s?}", "certificate_id", row->certificate_id,
				"account", row->account);
	}
	return json_null();
}

/* Of the old ones: what nothing replaced before this renewal did. */
static bool is_the_last_old(const struct store *store, const struct row_renewal *renewal,
	const struct row_certificate *row)
{
	const struct row_certificate *next = store_find(&store->certificate, row->replaced_by);

	return next == NULL || next->not_after > renewal->old_not_after;
}

static json_t *certificates(
	const struct store *store, const struct row_renewal *renewal, bool newer)
{
	json_t *list = json_array();

	for (int last = 0; last < 2; last++)
		for (size_t i = 0; i < store->certificate.count; i++) {
			struct row_certificate *row = store_row(store->certificate, certificate, i);

			if (row->set == renewal->set &&
				(row->not_after > renewal->old_not_after) == newer &&
				(newer || is_the_last_old(store, renewal, row)) &&
				text_equal(row->role, "encrypt") == (last == 1))
				(void)json_array_append_new(
					list, store_certificate_facts(store, row));
		}
	return list;
}

static json_t *issued(const struct store *store, int64_t renewal)
{
	const struct row_install *install = store_install_of(store, renewal);
	const json_t *one, *news = install != NULL ? json_object_get(install->body, "new") : NULL;
	json_t *list;
	size_t i;

	if (json_array_size(news) == 0)
		return json_null();
	list = json_array();
	json_array_foreach(news, i, one)
	{
		char sha[SHA256_HEX];
		size_t len = 0;
		OWNED unsigned char *der = base64_decode(json_peek_text(one, "der_b64"), &len);

		sha256_hex(sha, der != NULL ? (const void *)der : "", len);
		(void)json_array_append_new(list, json_string(sha));
	}
	return list;
}

static json_t *leftover(const struct store *store, const struct row_renewal *renewal)
{
	for (size_t i = store->renewal.count; i-- > 0;) {
		const struct row_renewal *other = store_row(store->renewal, renewal, i);
		const char *left = NULL;

		if (other->set == renewal->set && other->id < renewal->id)
			left = json_peek_text(other->facts, "leftover");
		if (left != NULL)
			return json_string(left);
	}
	return json_null();
}

/* order_of gives a row of nulls where there is none. */
static json_t *payee_of(const struct row_order *order)
{
	return json_pack("{s:s?, s:s?}", "name", order != NULL ? order->payee_name : NULL,
		"account", order != NULL ? order->payee_account : NULL);
}

static json_t *party_of(const struct store *store, const struct row_order *order)
{
	for (size_t i = 0; order != NULL && i < store->link.count; i++) {
		const struct row_link *link = store_row(store->link, link, i);
		const struct row_line *line;

		if (link->order != order->id ||
			(!text_equal(link->verdict, "auto") &&
				!text_equal(link->verdict, "released")))
			continue;
		line = store_get(&store->line, link->line);
		return json_pack("{s:s?, s:s?}", "name", json_peek_text(line->doc, "party_name"),
			"account", json_peek_text(line->doc, "party_account"));
	}
	return json_null();
}

static json_t *credit_of(const struct store *store, int64_t set)
{
	for (size_t i = 0; i < store->credit.count; i++) {
		const struct row_credit *row = store_row(store->credit, credit, i);

		if (row->set == set && text_equal(row->state, "open"))
			return json_pack("{s:o, s:I, s:b}", "id", json_sprintf("%" PRId64, row->id),
				"amount_fen", (json_int_t)row->amount_fen, "transfer",
				store_is_transfer(store, store_get(&store->order, row->order)));
	}
	return json_null();
}

static json_t *line_facts(const struct row_line *line)
{
	return json_pack("{s:o, s:I, s:o, s:s?}", "line", json_sprintf("%" PRId64, line->id),
		"amount_fen", (json_int_t)json_peek_number(line->doc, "amount_fen", 0), "paid_at",
		json_instant(json_as_instant(line->doc, "paid_at")), "memo",
		json_peek_text(line->doc, "memo"));
}

static bool is_refunded(const struct store *store, int64_t line)
{
	for (size_t i = 0; i < store->refund.count; i++)
		if (store_row(store->refund, refund, i)->line == line)
			return true;
	return false;
}

static bool may_refund(
	const struct store *store, const struct row_order *order, const struct row_line *line)
{
	const json_t *doc = line->doc;

	return line->comes_in && json_peek_number(doc, "amount_fen", 0) == order->amount_fen &&
		text_equal(json_peek_text(doc, "own_account"), order->payer_account) &&
		(text_equal(json_peek_text(doc, "party_account"), order->payee_account) ||
			text_equal(json_peek_text(doc, "party_name"), order->payee_name)) &&
		json_as_instant(doc, "paid_at") >= order->made_at - CLOCK_DAY &&
		!is_refunded(store, line->id) && !store_is_returned(store, line->id) &&
		!store_speaks_of_another(store, order, json_peek_text(doc, "memo"));
}

static json_t *refund_lines(const struct store *store, const struct row_order *order)
{
	json_t *list = json_array();

	for (size_t i = 0; order != NULL && i < store->line.count; i++) {
		const struct row_line *line = store_row(store->line, line, i);
		json_t *facts;

		if (!may_refund(store, order, line))
			continue;
		facts = line_facts(line);
		json_object_set_new(facts, "named",
			json_boolean(strstr(json_peek_text(line->doc, "memo"), order->reference) !=
				NULL));
		(void)json_array_append_new(list, facts);
	}
	return list;
}

void store_turns_document(const struct store *store, const struct row_renewal *renewal, json_t *doc)
{
	const struct row_order *order = store_order_of(store, renewal->id);
	const struct row_line *back = store_returned_line(store, order);

	json_object_set_new(doc, "since", json_instant(renewal->changed_at));
	json_object_set_new(doc, "now", json_instant(store_now()));
	json_object_set_new(doc, "paid", json_boolean(store_is_paid(store, renewal->id)));
	json_object_set_new(doc, "binding", binding_of(store, renewal->set));
	json_object_set_new(doc, "issued", issued(store, renewal->id));
	json_object_set_new(doc, "newer", certificates(store, renewal, true));
	json_object_set_new(doc, "old", certificates(store, renewal, false));
	json_object_set_new(doc, "qr_turn",
		text_equal(renewal->state, "binding")
			? json_boolean(store_code_turn(store, renewal))
			: json_null());
	json_object_set_new(doc, "leftover", leftover(store, renewal));
	json_object_set_new(doc, "payee", payee_of(order));
	json_object_set_new(doc, "party", party_of(store, order));
	json_object_set_new(doc, "credit", credit_of(store, renewal->set));
	json_object_set_new(doc, "returned", back != NULL ? line_facts(back) : json_null());
	json_object_set_new(doc, "refund_lines",
		text_equal(renewal->state, "refunding") ? refund_lines(store, order) : json_null());
}
