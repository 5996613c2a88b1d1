/* SPDX-License-Identifier: Apache-2.0 */
/* Debits without a reference.  Lines and open orders of one (payer account, payee, amount) form a
 * block; in it each counts how many of the other side overlap its window.  Exactly one both ways is a
 * suggestion; nothing here is ever automatic.  Counting is by sorted ends, so a block of any size
 * costs n log n. */
#include <string.h>

#include "common/own.h"
#include "orchestrator/domain/match_inside.h"
#include "orchestrator/domain/name_key.h"

/* A line or an order with its half-open span of time. */
struct item {
	uint64_t key; /* of its block; two blocks with one key only lose a suggestion */
	int64_t from, to;
	uint32_t index;
};

struct items {
	struct item *items;
	size_t count;
};

/* How many of a block overlap a span, and the sum of their indexes: of one, its index. */
struct overlap {
	uint64_t count, sum;
};

struct point {
	int64_t at;
	uint64_t sum; /* of the indexes of this point and those before it */
};

/* All beginnings and all ends of a block, each sorted. */
struct spread {
	struct point *begins, *ends;
	size_t count;
};

static uint64_t block_key(const char *payer_account, const char *payee_name, int64_t amount_fen)
{
	uint64_t key = account_key_hash(payer_account) * UINT64_C(0x9E3779B97F4A7C15);

	key = (key ^ name_key_hash(payee_name)) * UINT64_C(0xC2B2AE3D27D4EB4F);
	key = (key ^ key >> 29 ^ (uint64_t)amount_fen) * UINT64_C(0x165667B19E3779F9);
	return key ^ key >> 32;
}

static int by_key(const void *a, const void *b)
{
	const struct item *left = a, *right = b;

	if (left->key != right->key)
		return left->key < right->key ? -1 : 1;
	return (left->index > right->index) - (left->index < right->index);
}

static int by_at(const void *a, const void *b)
{
	int64_t left = ((const struct point *)a)->at, right = ((const struct point *)b)->at;

	return (left > right) - (left < right);
}

/* ---- items -------------------------------------------------------------------------------------- */

static bool is_bare_debit(const struct match_work *work, uint32_t line)
{
	return work->lines[line]->is_out && work->lines[line]->amount_fen > 0 &&
		!work->has_strange[line] && !work->is_line_told[line] &&
		work->line_edges[line] == work->line_edges[line + 1];
}

static void take_lines(struct items *out, const struct match_work *work)
{
	out->items = zalloc(work->line_count, sizeof(*out->items));
	for (uint32_t i = 0; i < work->line_count; i++) {
		const struct match_line *line = work->lines[i];
		if (!is_bare_debit(work, i))
			continue;
		out->items[out->count++] = (struct item){
			.key = block_key(
				line->own_account, line->counterparty_name, line->amount_fen),
			.from = line->paid_at,
			.to = line->paid_at + precision_span(line->paid_at_precision),
			.index = i,
		};
	}
	qsort(out->items, out->count, sizeof(*out->items), by_key);
}

static void take_orders(struct items *out, const struct match_work *work, bool is_linked)
{
	out->items = zalloc(work->order_count, sizeof(*out->items));
	for (uint32_t i = 0; i < work->order_count; i++) {
		const struct match_order *order = work->orders[i];
		if (order->is_linked != is_linked ||
			(!is_linked && work->order_edges[i] != work->order_edges[i + 1]))
			continue;
		out->items[out->count++] = (struct item){
			.key = block_key(
				order->payer_account, order->payee_name, order->amount_fen),
			.from = order->opens_at,
			.to = order->closes_at + 1,
			.index = i,
		};
	}
	qsort(out->items, out->count, sizeof(*out->items), by_key);
}

/* ---- counting ----------------------------------------------------------------------------------- */

static void sort_points(struct point *points, size_t count)
{
	uint64_t sum = 0;

	qsort(points, count, sizeof(*points), by_at);
	for (size_t i = 0; i < count; i++) {
		sum += points[i].sum;
		points[i].sum = sum;
	}
}

/* The points of ITEMS into POINTS, which has room for twice as many. */
static struct spread spread_of(struct point *points, const struct item *items, size_t count)
{
	struct spread spread = { .begins = points, .ends = points + count, .count = count };

	for (size_t i = 0; i < count; i++) {
		spread.begins[i] = (struct point){ items[i].from, items[i].index };
		spread.ends[i] = (struct point){ items[i].to, items[i].index };
	}
	sort_points(spread.begins, count);
	sort_points(spread.ends, count);
	return spread;
}

/* The points before AT. */
static struct overlap points_before(const struct point *points, size_t count, int64_t at)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (points[middle].at < at)
			low = middle + 1;
		else
			high = middle;
	}
	return (struct overlap){ low, low == 0 ? 0 : points[low - 1].sum };
}

/* What of SPREAD overlaps ITEM: all that began before its end, less what ended by its beginning. */
static struct overlap overlap_of(const struct spread *spread, const struct item *item)
{
	struct overlap begun = points_before(spread->begins, spread->count, item->to);
	struct overlap ended = points_before(spread->ends, spread->count, item->from + 1);

	return (struct overlap){ begun.count - ended.count, begun.sum - ended.sum };
}

/* ---- blocks ------------------------------------------------------------------------------------- */

struct block {
	const struct item *lines, *orders;
	size_t line_count, order_count;
	struct point *line_points, *order_points; /* scratch for both spreads */
};

static bool is_same_block(const struct match_line *line, const struct match_order *order)
{
	return line->amount_fen == order->amount_fen &&
		account_key_equal(line->own_account, order->payer_account) &&
		name_key_equal(line->counterparty_name, order->payee_name);
}

static void suggest_pair(struct match_work *work, uint32_t line, uint32_t order)
{
	enum match_equality equality[MATCH_FIELDS];

	match_compare(equality, work->lines[line], work->orders[order]);
	if (!is_same_block(work->lines[line], work->orders[order]) ||
		equality[MATCH_PAYEE_ACCOUNT] == MATCH_DIFFERS ||
		equality[MATCH_PAYER_NAME] == MATCH_DIFFERS ||
		equality[MATCH_CURRENCY] == MATCH_DIFFERS)
		return;
	struct match_link *link = match_add_link(work, line, order, MATCH_R3);
	link->amount_fen = link->line->amount_fen;
	link->lines_considered = link->orders_considered = 1;
}

/* R3: one order in the line's time, one line in the order's window. */
static void judge_open_block(struct match_work *work, const struct block *block)
{
	struct spread orders = spread_of(block->order_points, block->orders, block->order_count);
	struct spread lines = spread_of(block->line_points, block->lines, block->line_count);

	for (size_t i = 0; i < block->line_count; i++) {
		struct overlap fitting = overlap_of(&orders, &block->lines[i]);
		if (fitting.count == 0)
			continue;
		uint32_t index = (uint32_t)fitting.sum;
		const struct match_order *order = work->orders[fitting.count == 1 ? index : 0];
		struct item window = { .from = order->opens_at, .to = order->closes_at + 1 };
		if (fitting.count == 1 && overlap_of(&lines, &window).count == 1) {
			suggest_pair(work, block->lines[i].index, index);
			continue;
		}
		match_add_flag(work, MATCH_FLAG_UNMATCHED_LINE, &block->lines[i].index, NULL, 0);
		work->result.flags[work->result.flag_count - 1].candidates =
			(uint32_t)fitting.count;
	}
}

/* R7 without a reference: nothing open fits, but something paid does. */
static void judge_linked_block(struct match_work *work, const struct block *block)
{
	struct spread orders = spread_of(block->order_points, block->orders, block->order_count);

	for (size_t i = 0; i < block->line_count; i++) {
		const struct item *line = &block->lines[i];
		struct overlap fitting = overlap_of(&orders, line);
		uint32_t order = (uint32_t)fitting.sum;
		if (fitting.count == 0)
			continue;
		match_add_flag(work, MATCH_FLAG_POSSIBLE_DUPLICATE, &line->index,
			fitting.count == 1 ? &order : NULL, work->lines[line->index]->amount_fen);
		work->result.flags[work->result.flag_count - 1].candidates =
			(uint32_t)fitting.count;
	}
}

/* The end of the run of equal keys that begins at START. */
static size_t run_end(const struct items *items, size_t start)
{
	size_t end = start;

	while (end < items->count && items->items[end].key == items->items[start].key)
		end++;
	return end;
}

static void judge_blocks(struct match_work *work, bool is_linked,
	void (*judge)(struct match_work *work, const struct block *block))
{
	struct items lines = { 0 }, orders = { 0 };
	struct block block = { 0 };

	take_lines(&lines, work);
	take_orders(&orders, work, is_linked);
	block.line_points = zalloc(lines.count * 2, sizeof(struct point));
	block.order_points = zalloc(orders.count * 2, sizeof(struct point));
	for (size_t line = 0, order = 0; line < lines.count && order < orders.count;) {
		uint64_t left = lines.items[line].key, right = orders.items[order].key;
		size_t line_end = left <= right ? run_end(&lines, line) : line;
		size_t order_end = right <= left ? run_end(&orders, order) : order;
		block.lines = lines.items + line;
		block.orders = orders.items + order;
		block.line_count = line_end - line;
		block.order_count = order_end - order;
		if (left == right)
			judge(work, &block);
		line = line_end;
		order = order_end;
	}
	free(block.line_points);
	free(block.order_points);
	free(lines.items);
	free(orders.items);
}

void match_by_block(struct match_work *work)
{
	judge_blocks(work, false, judge_open_block);
	judge_blocks(work, true, judge_linked_block);
}
