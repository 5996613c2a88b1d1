/* SPDX-License-Identifier: Apache-2.0 */
/* An order and a line that match by all but their reference, and a run that must succeed. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "orchestrator/domain/match.h"

#define CA   "广东省电子商务认证有限公司"
#define NOON INT64_C(1795320000000000) /* 2026-11-22T04:00:00Z */

static inline struct match_order an_order(int64_t id, const char *reference)
{
	return (struct match_order){ .id = id,
		.reference = reference,
		.amount_fen = 20000,
		.payer_account = "44050158000000000001",
		.payer_name = "某某（广东）有限公司",
		.payee_account = "44001863201053000001",
		.payee_name = CA,
		.opens_at = NOON - CLOCK_DAY,
		.closes_at = NOON + 30 * CLOCK_DAY };
}

static inline struct match_line a_line(int64_t id, const char *memo)
{
	return (struct match_line){ .id = id,
		.is_out = true,
		.is_proven = true,
		.amount_fen = 20000,
		.currency = "CNY",
		.own_account = "44050158000000000001",
		.own_name = "某某(广东)有限公司",
		.counterparty_account = "4400 1863 2010 5300 0001",
		.counterparty_name = CA,
		.memo = memo,
		.paid_at = NOON,
		.paid_at_precision = PRECISION_SECOND };
}

static inline struct match_result matched(const struct match_order *orders, size_t order_count,
	const struct match_line *lines, size_t line_count)
{
	struct match_result result = { 0 };
	struct fault fault = { 0 };

	if (!match_run(&result,
		    &(struct match_request){ orders, order_count, lines, line_count, NOON },
		    &fault))
		fail_msg("%s", fault.text);
	assert_int_equal(result.totals.out_fen,
		result.totals.auto_fen + result.totals.suggested_fen + result.totals.unlinked_fen);
	return result;
}
