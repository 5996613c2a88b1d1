/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the matching core share: match.c tells the story, match_reference.c judges lines
 * that carry references, match_block.c those that carry none. */
#pragma once

#include "orchestrator/domain/match.h"

/* Line LINE carries the reference of order ORDER; both are indexes into the sorted lists. */
struct match_edge {
	uint32_t line, order;
};

struct match_work {
	const struct match_line **lines; /* by id */
	const struct match_order **orders;
	uint32_t line_count, order_count;
	struct match_edge *edges; /* by line */
	size_t edge_count, edge_room;
	uint32_t *by_order;                 /* edge indexes, grouped by order */
	uint32_t *order_edges;              /* where an order's group begins; one more at the end */
	uint32_t *line_edges;               /* where a line's edges begin; one more at the end */
	bool *has_strange;                  /* per line: a reference that no order has */
	bool *is_line_told, *is_order_told; /* a link or flag speaks of it already */
	int64_t now;
	struct match_result result;
	size_t link_room, flag_room;
};

/* Add to the result; the line and the order count as told. */
struct match_link *match_add_link(
	struct match_work *work, uint32_t line, uint32_t order, enum match_rule rule);
void match_add_flag(struct match_work *work, enum match_flag_code code, const uint32_t *line,
	const uint32_t *order, int64_t delta_fen);

/* Compare everything but the amount, which the caller knows better. */
void match_compare(enum match_equality equality[MATCH_FIELDS], const struct match_line *line,
	const struct match_order *order);
/* Sums of money stop at the limits of int64 instead of passing them. */
int64_t match_sum(int64_t a, int64_t b);

/* R1, R2 and R6 to R9: all lines with references. */
void match_by_reference(struct match_work *work);
/* R3 and the possible duplicates of R7: debits without any reference. */
void match_by_block(struct match_work *work);
