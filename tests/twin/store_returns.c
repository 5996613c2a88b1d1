/* SPDX-License-Identifier: Apache-2.0 */
/* Money that is with the CA and money that came back (schema/0015_turns.sql): what a statement says of an order, and
 * whom a credit concerns. */
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "tests/twin/store_inside.h"

enum { SERIAL_MIN = 5 };

/* ---- money that is with the CA ---- */

static bool has_link(const struct store *store, int64_t order)
{
	for (size_t i = 0; i < store->link.count; i++) {
		const struct row_link *link = store_row(store->link, link, i);

		if (link->order == order && strcmp(link->verdict, "dropped") != 0)
			return true;
	}
	return false;
}

bool store_is_transfer(const struct store *store, const struct row_order *order)
{
	return text_equal(order->status, "exported") || text_equal(order->status, "linked") ||
		has_link(store, order->id);
}

bool store_is_paid(const struct store *store, int64_t renewal)
{
	const struct row_order *order = store_order_of(store, renewal);

	return order != NULL && (store_is_transfer(store, order) || order->paid_at != NO_INSTANT);
}

bool store_is_returned(const struct store *store, int64_t line)
{
	for (size_t i = 0; i < store->giveback.count; i++)
		if (store_row(store->giveback, giveback, i)->line == line)
			return true;
	return false;
}

/* Does MEMO name the transfer that pays ORDER by the bank's own serial? */
static bool names_transfer(
	const struct store *store, const struct row_order *order, const char *memo)
{
	for (size_t i = 0; i < store->link.count; i++) {
		const struct row_link *link = store_row(store->link, link, i);
		const struct row_line *line;
		const char *serial;

		if (link->order != order->id || strcmp(link->verdict, "dropped") == 0)
			continue;
		line = store_get(&store->line, link->line);
		serial = json_peek_text(line->doc, "bank_serial");
		if (serial != NULL && strlen(serial) > SERIAL_MIN && strstr(memo, serial) != NULL)
			return true;
	}
	return false;
}

/* Does MEMO speak of another order: by its reference, or by the serial of its transfer? */
bool store_speaks_of_another(
	const struct store *store, const struct row_order *order, const char *memo)
{
	for (size_t i = 0; i < store->order.count; i++) {
		const struct row_order *other = store_row(store->order, order, i);

		if (other->id != order->id &&
			(strstr(memo, other->reference) != NULL ||
				names_transfer(store, other, memo)))
			return true;
	}
	return false;
}

/* A credit of the order's amount that says it gives a transfer back. */
static bool gives_back(
	const struct store *store, const struct row_order *order, const struct row_line *line)
{
	static const char *const words[] = { "退汇", "冲正", "退票", "RETURN" };
	const char *memo;
	bool says = false;

	if (!line->comes_in)
		return false;
	memo = json_peek_text(line->doc, "memo");
	if (json_peek_number(line->doc, "amount_fen", 0) != order->amount_fen ||
		!text_equal(json_peek_text(line->doc, "own_account"), order->payer_account) ||
		memo == NULL)
		return false;
	for (size_t i = 0; i < COUNT_OF(words); i++)
		says |= strstr(memo, words[i]) != NULL;
	return says &&
		(strstr(memo, order->reference) != NULL || names_transfer(store, order, memo)) &&
		!store_is_returned(store, line->id);
}

const struct row_line *store_returned_line(const struct store *store, const struct row_order *order)
{
	for (size_t i = 0; order != NULL && i < store->line.count; i++)
		if (gives_back(store, order, store_row(store->line, line, i)))
			return store_row(store->line, line, i);
	return NULL;
}

/* ---- money seen in a statement ---- */

static bool is_past_approval(const char *state)
{
	static const char *const states[] = { "approved", "install_queued", "installing",
		"installed", "quarantined", "awaiting_invoice", "disputed", "done" };

	for (size_t i = 0; i < COUNT_OF(states); i++)
		if (strcmp(states[i], state) == 0)
			return true;
	return false;
}

/* After the CA's approval nothing moves back: the fee is owed. */
static void owe(struct store *store, struct row_renewal *renewal, const struct row_line *line)
{
	struct fault fault;
	struct row_giveback *back = store_add(store, &store->giveback);
	JSON *task = json_pack("{s:s, s:s, s:s, s:s, s:s, s:[s]}", "kind", "debt", "role",
		"finance", "title", "退汇: an approved renewal is not paid any more", "instruction",
		"The fee is owed.", "if_ignored", "The CA may revoke the certificate.", "needs",
		"settled");

	back->order = store_order_of(store, renewal->id)->id;
	back->line = line->id;
	store_journal(store, renewal->id, "debt", "xuqid");
	(void)store_task_open(store, touch(store, renewal, renewal), task, &fault);
}

void store_line_concerns(struct store *store, const struct row_line *line)
{
	if (!line->comes_in)
		return;
	for (size_t i = 0; i < store->due.count; i++) {
		const struct row_due *due = store_row(store->due, due, i);
		const struct row_order *order = store_get(&store->order, due->order);
		struct row_renewal *renewal = store_get(&store->renewal, due->renewal);
		const struct row_line *back;

		if (order->amount_fen != json_peek_number(line->doc, "amount_fen", 0) ||
			(!text_equal(order->status, "exported") &&
				!text_equal(order->status, "linked")))
			continue;
		back = store_returned_line(store, order);
		if (back == line && is_past_approval(renewal->state))
			owe(store, renewal, line);
		else if (back == line || text_equal(renewal->state, "refunding"))
			store_wake(store, renewal);
	}
}
