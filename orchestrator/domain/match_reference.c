/* SPDX-License-Identifier: Apache-2.0 */
/* Lines and orders that share references form groups: one and one (R1), one line with several orders
 * or one order with several lines (R2), anything else is tangled.  A group is linked whole or not at
 * all. */
#include <string.h>

#include "common/own.h"
#include "orchestrator/domain/match_inside.h"

static uint32_t orders_of_line(const struct match_work *work, uint32_t line)
{
	return work->line_edges[line + 1] - work->line_edges[line];
}

static uint32_t lines_of_order(const struct match_work *work, uint32_t order)
{
	return work->order_edges[order + 1] - work->order_edges[order];
}

static const struct match_edge *edge_of_order(
	const struct match_work *work, uint32_t order, uint32_t i)
{
	return &work->edges[work->by_order[work->order_edges[order] + i]];
}

/* ---- one pair ----------------------------------------------------------------------------------- */

/* May a machine link it?  The amount is judged for the whole group. */
static bool is_exact(const struct match_link *link)
{
	const enum match_equality *equality = link->equality;

	return equality[MATCH_PAYER_ACCOUNT] == MATCH_EQUAL &&
		equality[MATCH_PAYER_NAME] != MATCH_DIFFERS &&
		equality[MATCH_PAYEE_NAME] == MATCH_EQUAL &&
		equality[MATCH_PAYEE_ACCOUNT] != MATCH_DIFFERS &&
		equality[MATCH_WINDOW] == MATCH_EQUAL && equality[MATCH_CURRENCY] == MATCH_EQUAL &&
		equality[MATCH_PROOF] == MATCH_EQUAL && !link->has_strange_reference;
}

/* Flag what differs; false if the money went to someone else or is no yuan: then a link would be
 * wrong even as a suggestion. */
static bool flag_differences(struct match_work *work, uint32_t line, uint32_t order)
{
	static const struct {
		enum match_field field;
		enum match_flag_code code;
	} flags[] = {
		{ MATCH_PAYER_ACCOUNT, MATCH_FLAG_WRONG_PAYER_ACCOUNT },
		{ MATCH_PAYER_NAME, MATCH_FLAG_WRONG_PAYER_NAME },
		{ MATCH_PAYEE_NAME, MATCH_FLAG_WRONG_PAYEE_NAME },
		{ MATCH_PAYEE_ACCOUNT, MATCH_FLAG_WRONG_PAYEE_ACCOUNT },
		{ MATCH_CURRENCY, MATCH_FLAG_WRONG_CURRENCY },
		{ MATCH_WINDOW, MATCH_FLAG_OUT_OF_WINDOW },
	};
	enum match_equality equality[MATCH_FIELDS];

	match_compare(equality, work->lines[line], work->orders[order]);
	for (size_t i = 0; i < COUNT_OF(flags); i++)
		if (equality[flags[i].field] == MATCH_DIFFERS)
			match_add_flag(work, flags[i].code, &line, &order, 0);
	bool is_other_payee = equality[MATCH_PAYEE_ACCOUNT] == MATCH_DIFFERS ||
		(equality[MATCH_PAYEE_NAME] == MATCH_DIFFERS &&
			equality[MATCH_PAYEE_ACCOUNT] != MATCH_EQUAL);
	return !is_other_payee && equality[MATCH_CURRENCY] != MATCH_DIFFERS;
}

/* ---- groups ------------------------------------------------------------------------------------- */

/* A line and its orders, or an order and its lines: at least one edge, and their sums. */
struct group {
	const struct match_work *work;
	uint32_t line, order; /* the one at the centre */
	bool is_of_order;
	uint32_t count;
	int64_t paid_fen, ordered_fen;
};

static const struct match_edge *edge_of(const struct group *group, uint32_t i)
{
	const struct match_work *work = group->work;

	return group->is_of_order ? edge_of_order(work, group->order, i)
				  : &work->edges[work->line_edges[group->line] + i];
}

static struct group line_group(const struct match_work *work, uint32_t line)
{
	struct group group = { .work = work, .line = line, .count = orders_of_line(work, line) };

	group.paid_fen = work->lines[line]->amount_fen;
	for (uint32_t i = 0; i < group.count; i++)
		group.ordered_fen = match_sum(
			group.ordered_fen, work->orders[edge_of(&group, i)->order]->amount_fen);
	return group;
}

static struct group order_group(const struct match_work *work, uint32_t order)
{
	struct group group = { .work = work, .order = order, .is_of_order = true };

	group.count = lines_of_order(work, order);
	group.ordered_fen = work->orders[order]->amount_fen;
	for (uint32_t i = 0; i < group.count; i++)
		group.paid_fen = match_sum(
			group.paid_fen, work->lines[edge_of(&group, i)->line]->amount_fen);
	return group;
}

static struct match_link *link_edge(
	struct match_work *work, const struct match_edge *edge, const struct group *group)
{
	bool is_split = !group->is_of_order && group->count > 1;
	struct match_link *link = match_add_link(
		work, edge->line, edge->order, group->count > 1 ? MATCH_R2 : MATCH_R1);

	link->lines_considered = group->is_of_order ? group->count : 1;
	link->orders_considered = group->is_of_order ? 1 : group->count;
	link->amount_fen = is_split ? link->order->amount_fen : link->line->amount_fen;
	return link;
}

/* Link every edge of a group whose sums are equal: automatic if all of them are exact. */
static void link_group(struct match_work *work, const struct group *group)
{
	size_t first = work->result.link_count;
	bool is_auto = true;

	for (uint32_t i = 0; i < group->count; i++) {
		struct match_link *link = link_edge(work, edge_of(group, i), group);
		link->equality[MATCH_AMOUNT] = MATCH_EQUAL;
		is_auto = is_auto && is_exact(link);
	}
	for (size_t i = first; is_auto && i < work->result.link_count; i++)
		work->result.links[i].verdict = MATCH_AUTO;
}

static bool is_earlier(const struct match_line *a, const struct match_line *b)
{
	return a->paid_at != b->paid_at ? a->paid_at < b->paid_at : a->id < b->id;
}

/* Of several lines for one order, the earliest that pays it alone; NULL if none does. */
static const struct match_edge *find_full_payment(const struct group *group)
{
	const struct match_edge *found = NULL;

	for (uint32_t i = 0; i < group->count; i++) {
		const struct match_edge *edge = edge_of(group, i);
		const struct match_line *line = group->work->lines[edge->line];
		if (line->amount_fen != group->ordered_fen)
			continue;
		if (found == NULL || is_earlier(line, group->work->lines[found->line]))
			found = edge;
	}
	return found;
}

/* More money than ordered, one line of it being the whole: that one is suggested, the others are
 * flagged as money out twice. */
static void judge_duplicates(
	struct match_work *work, const struct group *group, const struct match_edge *full)
{
	for (uint32_t i = 0; i < group->count; i++) {
		const struct match_edge *edge = edge_of(group, i);
		int64_t paid_fen = work->lines[edge->line]->amount_fen;
		if (edge != full)
			match_add_flag(
				work, MATCH_FLAG_DUPLICATE, &edge->line, &edge->order, paid_fen);
	}
	if (!flag_differences(work, full->line, full->order))
		return;
	struct match_link *link = link_edge(work, full, group);
	link->rule = MATCH_R1;
}

static void judge_group(struct match_work *work, const struct group *group)
{
	int64_t delta = group->paid_fen - group->ordered_fen;
	const struct match_edge *full = delta > 0 && group->is_of_order && group->count > 1
		? find_full_payment(group)
		: NULL;
	bool may_link = true;

	if (full != NULL) {
		judge_duplicates(work, group, full);
		return;
	}
	for (uint32_t i = 0; i < group->count; i++) {
		const struct match_edge *edge = edge_of(group, i);
		if (!flag_differences(work, edge->line, edge->order))
			may_link = false;
		if (delta != 0)
			match_add_flag(work, delta < 0 ? MATCH_FLAG_UNDERPAID : MATCH_FLAG_OVERPAID,
				&edge->line, &edge->order, delta);
	}
	if (may_link && delta == 0)
		link_group(work, group);
}

/* ---- which groups ------------------------------------------------------------------------------- */

/* A line that shares one of its several orders with another line, or names a paid one. */
static bool is_line_tangled(const struct match_work *work, uint32_t line)
{
	if (orders_of_line(work, line) < 2)
		return false;
	for (uint32_t i = work->line_edges[line]; i < work->line_edges[line + 1]; i++) {
		uint32_t order = work->edges[i].order;
		if (lines_of_order(work, order) > 1 || work->orders[order]->is_linked)
			return true;
	}
	return false;
}

static bool is_order_tangled(const struct match_work *work, uint32_t order)
{
	if (lines_of_order(work, order) < 2)
		return false;
	for (uint32_t i = 0; i < lines_of_order(work, order); i++)
		if (orders_of_line(work, edge_of_order(work, order, i)->line) > 1)
			return true;
	return false;
}

static void judge_order(struct match_work *work, uint32_t order)
{
	uint32_t lines = lines_of_order(work, order);
	bool is_tangled = is_order_tangled(work, order);

	for (uint32_t i = 0; i < lines; i++) {
		const struct match_edge *edge = edge_of_order(work, order, i);
		int64_t paid_fen = work->lines[edge->line]->amount_fen;
		if (work->orders[order]->is_linked)
			match_add_flag(
				work, MATCH_FLAG_DUPLICATE, &edge->line, &edge->order, paid_fen);
		else if (is_tangled || is_line_tangled(work, edge->line))
			match_add_flag(
				work, MATCH_FLAG_TANGLED_REFERENCES, &edge->line, &edge->order, 0);
	}
	if (work->orders[order]->is_linked || is_tangled || lines == 0)
		return;
	if (lines > 1 || orders_of_line(work, edge_of_order(work, order, 0)->line) == 1) {
		struct group group = order_group(work, order);
		judge_group(work, &group);
	}
}

void match_by_reference(struct match_work *work)
{
	for (uint32_t order = 0; order < work->order_count; order++)
		judge_order(work, order);
	for (uint32_t line = 0; line < work->line_count; line++) {
		if (orders_of_line(work, line) < 2 || is_line_tangled(work, line))
			continue;
		struct group group = line_group(work, line);
		judge_group(work, &group);
	}
}
