/* SPDX-License-Identifier: Apache-2.0 */
/* The story of one run: sort, find references, judge by reference, judge the rest by blocks, tell of
 * what is left, add up. */
#include "orchestrator/domain/match.h"

#include <inttypes.h>
#include <string.h>

#include "orchestrator/domain/match_inside.h"
#include "orchestrator/domain/name_key.h"
#include "orchestrator/domain/payment_order.h"

/* A memo with more references than this is no payment of ours. */
enum { LINE_REFERENCES_MAX = 32 };

/* ---- tools of all parts ------------------------------------------------------------------------- */

int64_t match_sum(int64_t a, int64_t b)
{
	int64_t sum = 0;

	if (!__builtin_add_overflow(a, b, &sum))
		return sum;
	return a < 0 ? INT64_MIN : INT64_MAX;
}

struct match_link *match_add_link(
	struct match_work *work, uint32_t line, uint32_t order, enum match_rule rule)
{
	struct match_result *result = &work->result;

	result->links =
		grow(result->links, &work->link_room, result->link_count, sizeof(*result->links));
	struct match_link *link = &result->links[result->link_count++];
	*link = (struct match_link){ .line = work->lines[line],
		.order = work->orders[order],
		.rule = rule,
		.verdict = MATCH_SUGGESTED,
		.has_strange_reference = work->has_strange[line] };
	match_compare(link->equality, link->line, link->order);
	work->is_line_told[line] = work->is_order_told[order] = true;
	return link;
}

void match_add_flag(struct match_work *work, enum match_flag_code code, const uint32_t *line,
	const uint32_t *order, int64_t delta_fen)
{
	struct match_result *result = &work->result;

	result->flags =
		grow(result->flags, &work->flag_room, result->flag_count, sizeof(*result->flags));
	struct match_flag *flag = &result->flags[result->flag_count++];
	*flag = (struct match_flag){ .code = code, .delta_fen = delta_fen };
	if (line != NULL) {
		flag->line = work->lines[*line];
		work->is_line_told[*line] = true;
	}
	if (order != NULL) {
		flag->order = work->orders[*order];
		work->is_order_told[*order] = true;
	}
}

static enum match_equality compare_text(
	const char *line, const char *order, bool (*equal)(const char *a, const char *b))
{
	if (*line == '\0' || *order == '\0')
		return MATCH_NOT_SHOWN;
	return equal(line, order) ? MATCH_EQUAL : MATCH_DIFFERS;
}

static enum match_equality equality_of(bool is_equal)
{
	return is_equal ? MATCH_EQUAL : MATCH_DIFFERS;
}

void match_compare(enum match_equality equality[MATCH_FIELDS], const struct match_line *line,
	const struct match_order *order)
{
	int64_t ends_at = line->paid_at + precision_span(line->paid_at_precision);
	bool is_masked = account_is_masked(line->counterparty_account);

	equality[MATCH_AMOUNT] = equality_of(line->amount_fen == order->amount_fen);
	equality[MATCH_PAYER_ACCOUNT] =
		compare_text(line->own_account, order->payer_account, account_key_equal);
	equality[MATCH_PAYER_NAME] =
		compare_text(line->own_name, order->payer_name, name_key_equal);
	equality[MATCH_PAYEE_NAME] =
		compare_text(line->counterparty_name, order->payee_name, name_key_equal);
	equality[MATCH_PAYEE_ACCOUNT] = compare_text(is_masked ? "" : line->counterparty_account,
		order->payee_account, account_key_equal);
	equality[MATCH_WINDOW] =
		equality_of(line->paid_at <= order->closes_at && ends_at > order->opens_at);
	equality[MATCH_CURRENCY] = equality_of(text_equal(line->currency, "CNY"));
	equality[MATCH_PROOF] = line->is_proven ? MATCH_EQUAL : MATCH_NOT_SHOWN;
}

/* ---- references --------------------------------------------------------------------------------- */

/* Open addressing from a reference's 40 bits to the order's index + 1. */
struct references {
	uint32_t *slots;
	size_t mask;
};

static uint32_t *slot_of(
	const struct references *table, const struct match_work *work, const char *reference)
{
	uint64_t at = payment_reference_bits(reference) * UINT64_C(0x9E3779B97F4A7C15) >> 20;

	for (;; at++) {
		uint32_t *slot = &table->slots[at & table->mask];
		if (*slot == 0 || strcmp(work->orders[*slot - 1]->reference, reference) == 0)
			return slot;
	}
}

static bool add_references(
	struct references *table, const struct match_work *work, struct fault *fault)
{
	size_t size = 16;

	while (size < (size_t)work->order_count * 2)
		size *= 2;
	table->slots = zalloc(size, sizeof(*table->slots));
	table->mask = size - 1;
	for (uint32_t i = 0; i < work->order_count; i++) {
		uint32_t *slot = slot_of(table, work, work->orders[i]->reference);
		if (*slot != 0)
			return fault_set(fault, FAULT_BUG,
				"orders %" PRId64 " and %" PRId64 " share a reference",
				work->orders[*slot - 1]->id, work->orders[i]->id);
		*slot = i + 1;
	}
	return true;
}

static void find_line_references(
	struct match_work *work, const struct references *table, uint32_t line)
{
	char found[LINE_REFERENCES_MAX][PAYMENT_REFERENCE];
	size_t count = payment_reference_find(found, LINE_REFERENCES_MAX, work->lines[line]->memo);

	work->has_strange[line] = count == LINE_REFERENCES_MAX;
	for (size_t i = 0; i < count; i++) {
		uint32_t order = *slot_of(table, work, found[i]);
		if (order == 0) {
			work->has_strange[line] = true;
			continue;
		}
		order--;
		if (!work->lines[line]->is_out) {
			match_add_flag(work, MATCH_FLAG_RETURN_SEEN, &line, &order, 0);
			continue;
		}
		work->edges =
			grow(work->edges, &work->edge_room, work->edge_count, sizeof(*work->edges));
		work->edges[work->edge_count++] = (struct match_edge){ line, order };
	}
}

/* Group the edges by order, keeping the lines' order within each group. */
static void group_by_order(struct match_work *work)
{
	uint32_t *begin = zalloc((size_t)work->order_count + 1, sizeof(*begin));
	OWNED uint32_t *next = zalloc((size_t)work->order_count + 1, sizeof(*next));

	work->by_order = zalloc(work->edge_count, sizeof(*work->by_order));
	for (size_t i = 0; i < work->edge_count; i++)
		begin[work->edges[i].order + 1]++;
	for (uint32_t i = 0; i < work->order_count; i++)
		begin[i + 1] += begin[i];
	memcpy(next, begin, ((size_t)work->order_count + 1) * sizeof(*next));
	for (size_t i = 0; i < work->edge_count; i++)
		work->by_order[next[work->edges[i].order]++] = (uint32_t)i;
	work->order_edges = begin;
}

static bool find_references(struct match_work *work, struct fault *fault)
{
	struct references table = { 0 };
	bool is_sound = add_references(&table, work, fault);

	work->line_edges = zalloc((size_t)work->line_count + 1, sizeof(*work->line_edges));
	for (uint32_t i = 0; is_sound && i < work->line_count; i++) {
		find_line_references(work, &table, i);
		work->line_edges[i + 1] = (uint32_t)work->edge_count;
	}
	group_by_order(work);
	free(table.slots);
	return is_sound;
}

/* ---- input -------------------------------------------------------------------------------------- */

static int compare_ids(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int by_line_id(const void *a, const void *b)
{
	return compare_ids((*(const struct match_line *const *)a)->id,
		(*(const struct match_line *const *)b)->id);
}

static int by_order_id(const void *a, const void *b)
{
	return compare_ids((*(const struct match_order *const *)a)->id,
		(*(const struct match_order *const *)b)->id);
}

static bool check_order(const struct match_order *order, struct fault *fault)
{
	if (payment_reference_check(order->reference) && order->amount_fen > 0 &&
		order->opens_at <= order->closes_at)
		return true;
	return fault_set(fault, FAULT_BUG,
		"order %" PRId64 " has a malformed reference, amount or window", order->id);
}

static bool take_orders(
	struct match_work *work, const struct match_request *request, struct fault *fault)
{
	work->order_count = (uint32_t)request->order_count;
	work->orders = zalloc(request->order_count, sizeof(void *));
	work->is_order_told = zalloc(request->order_count, sizeof(bool));
	for (size_t i = 0; i < request->order_count; i++) {
		work->orders[i] = &request->orders[i];
		if (!check_order(work->orders[i], fault))
			return false;
	}
	qsort(work->orders, request->order_count, sizeof(void *), by_order_id);
	for (size_t i = 1; i < request->order_count; i++)
		if (work->orders[i]->id == work->orders[i - 1]->id)
			return fault_set(fault, FAULT_BUG, "order %" PRId64 " is given twice",
				work->orders[i]->id);
	return true;
}

static bool take_lines(
	struct match_work *work, const struct match_request *request, struct fault *fault)
{
	work->line_count = (uint32_t)request->line_count;
	work->lines = zalloc(request->line_count, sizeof(void *));
	work->is_line_told = zalloc(request->line_count, sizeof(bool));
	work->has_strange = zalloc(request->line_count, sizeof(bool));
	for (size_t i = 0; i < request->line_count; i++) {
		work->lines[i] = &request->lines[i];
		if (request->lines[i].amount_fen < 0)
			return fault_set(fault, FAULT_BUG, "line %" PRId64 " has an amount below 0",
				request->lines[i].id);
	}
	qsort(work->lines, request->line_count, sizeof(void *), by_line_id);
	for (size_t i = 1; i < request->line_count; i++)
		if (work->lines[i]->id == work->lines[i - 1]->id)
			return fault_set(fault, FAULT_BUG, "line %" PRId64 " is given twice",
				work->lines[i]->id);
	return true;
}

/* ---- what is left ------------------------------------------------------------------------------- */

static int by_hash(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

/* R10 for debits to a payee that orders name; payments to others are none of our business. */
static void tell_unmatched_lines(struct match_work *work)
{
	OWNED uint64_t *payees = zalloc(work->order_count, sizeof(*payees));

	for (uint32_t i = 0; i < work->order_count; i++)
		payees[i] = name_key_hash(work->orders[i]->payee_name);
	qsort(payees, work->order_count, sizeof(*payees), by_hash);
	for (uint32_t i = 0; i < work->line_count; i++) {
		const struct match_line *line = work->lines[i];
		uint64_t payee = name_key_hash(line->counterparty_name);
		if (!line->is_out || work->is_line_told[i])
			continue;
		if (work->has_strange[i])
			match_add_flag(work, MATCH_FLAG_STRANGE_REFERENCE, &i, NULL, 0);
		else if (bsearch(&payee, payees, work->order_count, sizeof(payee), by_hash) != NULL)
			match_add_flag(work, MATCH_FLAG_UNMATCHED_LINE, &i, NULL, 0);
	}
}

static void tell_aged_orders(struct match_work *work)
{
	for (uint32_t i = 0; i < work->order_count; i++)
		if (!work->orders[i]->is_linked && !work->is_order_told[i] &&
			work->orders[i]->closes_at < work->now)
			match_add_flag(work, MATCH_FLAG_AGED_ORDER, NULL, &i, 0);
}

static int by_link_ids(const void *a, const void *b)
{
	const struct match_link *left = a, *right = b;
	int order = compare_ids(left->line->id, right->line->id);

	return order != 0 ? order : compare_ids(left->order->id, right->order->id);
}

static int by_flag_ids(const void *a, const void *b)
{
	const struct match_flag *left = a, *right = b;
	int order = compare_ids(left->line == NULL ? INT64_MIN : left->line->id,
		right->line == NULL ? INT64_MIN : right->line->id);

	if (order == 0)
		order = compare_ids(left->order == NULL ? INT64_MIN : left->order->id,
			right->order == NULL ? INT64_MIN : right->order->id);
	return order != 0 ? order : (int)left->code - (int)right->code;
}

/* The bridge: debits that a link names count by their links, the others as unlinked. */
static void add_up(struct match_work *work)
{
	struct match_result *result = &work->result;
	struct match_totals *totals = &result->totals;
	size_t next = 0;

	for (size_t i = 0; i < result->link_count; i++) {
		const struct match_link *link = &result->links[i];
		bool is_auto = link->verdict == MATCH_AUTO;
		int64_t *part = is_auto ? &totals->auto_fen : &totals->suggested_fen;
		*part = match_sum(*part, link->amount_fen);
		*(is_auto ? &totals->auto_links : &totals->suggested_links) += 1;
	}
	for (uint32_t i = 0; i < work->line_count; i++) {
		const struct match_line *line = work->lines[i];
		while (next < result->link_count && result->links[next].line->id < line->id)
			next++;
		bool is_linked = next < result->link_count && result->links[next].line == line;
		if (!line->is_out)
			continue;
		totals->out_fen = match_sum(totals->out_fen, line->amount_fen);
		if (!is_linked)
			totals->unlinked_fen = match_sum(totals->unlinked_fen, line->amount_fen);
	}
}

static void release(struct match_work *work)
{
	free(work->lines);
	free(work->orders);
	free(work->edges);
	free(work->by_order);
	free(work->order_edges);
	free(work->line_edges);
	free(work->has_strange);
	free(work->is_line_told);
	free(work->is_order_told);
	match_done(&work->result);
}

void match_done(struct match_result *result)
{
	free(result->links);
	free(result->flags);
	*result = (struct match_result){ 0 };
}

static void judge(struct match_work *work)
{
	struct match_result *result = &work->result;

	match_by_reference(work);
	match_by_block(work);
	tell_unmatched_lines(work);
	tell_aged_orders(work);
	if (result->link_count > 0)
		qsort(result->links, result->link_count, sizeof(*result->links), by_link_ids);
	if (result->flag_count > 0)
		qsort(result->flags, result->flag_count, sizeof(*result->flags), by_flag_ids);
	add_up(work);
}

bool match_run(struct match_result *out, const struct match_request *request, struct fault *fault)
{
	CLEANUP(release) struct match_work work = { .now = request->now };

	if (request->order_count > MATCH_ITEMS_MAX || request->line_count > MATCH_ITEMS_MAX)
		return fault_set(fault, FAULT_INPUT,
			"more than %d lines or orders in one run: match by account",
			MATCH_ITEMS_MAX);
	if (!take_orders(&work, request, fault) || !take_lines(&work, request, fault) ||
		!find_references(&work, fault))
		return false;
	judge(&work);
	*out = work.result;
	work.result = (struct match_result){ 0 };
	return true;
}
