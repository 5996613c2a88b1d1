/* SPDX-License-Identifier: Apache-2.0 */
/* Reconciliation: each rule by example, then invariants over generated books with known truth: no
 * automatic link is ever wrong, nothing is linked twice, every debit is accounted for, and the input's
 * order does not matter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/json.h"
#include "orchestrator/domain/match.h"
#include "orchestrator/domain/payment_order.h"

#define REF_A "XQ7K3M9T2B22"
#define REF_B "XQ0000000084"
#define CA    "广东省电子商务认证有限公司"
#define NOON  INT64_C(1795320000000000) /* 2026-11-22T04:00:00Z */

static struct match_order an_order(int64_t id, const char *reference)
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

static struct match_line a_line(int64_t id, const char *memo)
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

static struct match_result matched(const struct match_order *orders, size_t order_count,
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

static bool has_flag(
	const struct match_result *result, enum match_flag_code code, int64_t line, int64_t order)
{
	for (size_t i = 0; i < result->flag_count; i++) {
		const struct match_flag *flag = &result->flags[i];
		int64_t line_id = flag->line == NULL ? 0 : flag->line->id;
		int64_t order_id = flag->order == NULL ? 0 : flag->order->id;
		if (flag->code == code && line_id == line && order_id == order)
			return true;
	}
	return false;
}

/* ---- R0 and R1 ---- */

static void a_line_with_the_reference_and_all_else_equal_is_automatic(void **state)
{
	struct match_order orders[] = { an_order(1, REF_A), an_order(2, REF_B) };
	struct match_line lines[] = { a_line(7, "续期 xq7k 3m9t 2b22") };
	CLEANUP(match_donep) struct match_result result = matched(orders, 2, lines, 1);

	(void)state;
	assert_int_equal(result.link_count, 1);
	assert_int_equal(result.links[0].rule, MATCH_R1);
	assert_int_equal(result.links[0].verdict, MATCH_AUTO);
	assert_int_equal(result.links[0].order->id, 1);
	assert_int_equal(result.links[0].amount_fen, 20000);
	assert_int_equal(result.flag_count, 0);
}

static void an_unproven_file_yields_a_suggestion_only(void **state)
{
	struct match_order order = an_order(1, REF_A);
	struct match_line line = a_line(7, REF_A);

	(void)state;
	line.is_proven = false;
	CLEANUP(match_donep) struct match_result result = matched(&order, 1, &line, 1);
	assert_int_equal(result.link_count, 1);
	assert_int_equal(result.links[0].verdict, MATCH_SUGGESTED);
	TEXT sentence = { 0 };
	text_init(&sentence, 1000);
	match_describe_link(&sentence, &result.links[0]);
	assert_non_null(strstr(sentence.data, "file is not proven by its own sums"));
}

/* The line of REF_A with its I-th field wrong. */
static struct match_line a_wrong_line(size_t i)
{
	struct match_line line = a_line(7, REF_A);
	const char **const texts[] = { &line.own_account, &line.own_name, &line.counterparty_name,
		&line.counterparty_account, &line.currency };
	static const char *const wrong[] = { "4405", "另一家公司", "广东省电子商务认证公司", "4400",
		"USD" };

	if (i < COUNT_OF(texts))
		*texts[i] = wrong[i];
	else
		line.paid_at += i == COUNT_OF(texts) ? 31 * CLOCK_DAY : -2 * CLOCK_DAY;
	return line;
}

static void each_difference_bars_the_machine_and_is_flagged(void **state)
{
	static const struct {
		enum match_flag_code code;
		bool is_suggested;
	} wanted[] = {
		{ MATCH_FLAG_WRONG_PAYER_ACCOUNT, true },
		{ MATCH_FLAG_WRONG_PAYER_NAME, true },
		{ MATCH_FLAG_WRONG_PAYEE_NAME, true }, /* the account is right: a spelling */
		{ MATCH_FLAG_WRONG_PAYEE_ACCOUNT, false },
		{ MATCH_FLAG_WRONG_CURRENCY, false },
		{ MATCH_FLAG_OUT_OF_WINDOW, true },
		{ MATCH_FLAG_OUT_OF_WINDOW, true },
	};
	struct match_order order = an_order(1, REF_A);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(wanted); i++) {
		struct match_line line = a_wrong_line(i);
		CLEANUP(match_donep) struct match_result result = matched(&order, 1, &line, 1);
		assert_true(has_flag(&result, wanted[i].code, 7, 1));
		assert_int_equal(result.link_count, wanted[i].is_suggested);
		assert_int_equal(result.totals.auto_links, 0);
	}
}

static void money_to_another_payee_is_never_even_suggested(void **state)
{
	struct match_order order = an_order(1, REF_A);
	struct match_line line = a_line(7, REF_A);

	(void)state;
	line.counterparty_name = "骗子有限公司";
	line.counterparty_account = "";
	CLEANUP(match_donep) struct match_result result = matched(&order, 1, &line, 1);
	assert_int_equal(result.link_count, 0);
	assert_true(has_flag(&result, MATCH_FLAG_WRONG_PAYEE_NAME, 7, 1));
}

static void what_a_line_does_not_show_counts_by_its_weight(void **state)
{
	struct match_order order = an_order(1, REF_A);
	struct match_line line = a_line(7, REF_A);

	(void)state;
	line.own_name = "";
	line.counterparty_account = "4400****0001";
	CLEANUP(match_donep) struct match_result shown = matched(&order, 1, &line, 1);
	assert_int_equal(shown.totals.auto_links, 1);
	line.counterparty_name = "";
	CLEANUP(match_donep) struct match_result no_payee = matched(&order, 1, &line, 1);
	assert_int_equal(no_payee.totals.auto_links, 0);
	assert_int_equal(no_payee.totals.suggested_links, 1);
}

static void a_day_without_a_time_is_in_the_window_if_it_touches_it(void **state)
{
	struct match_order order = an_order(1, REF_A);
	struct match_line line = a_line(7, REF_A);

	(void)state;
	line.paid_at_precision = PRECISION_DATE;
	line.paid_at = NOON - CLOCK_DAY / 2; /* midnight in Shanghai */
	order.opens_at = NOON - CLOCK_DAY / 4;
	CLEANUP(match_donep) struct match_result touching = matched(&order, 1, &line, 1);
	assert_int_equal(touching.totals.auto_links, 1);
	line.paid_at_precision = PRECISION_SECOND;
	CLEANUP(match_donep) struct match_result before = matched(&order, 1, &line, 1);
	assert_int_equal(before.totals.auto_links, 0);
}

static void a_strange_reference_beside_the_right_one_bars_the_machine(void **state)
{
	struct match_order order = an_order(1, REF_A);
	struct match_line lines[] = { a_line(7, REF_A " " REF_B), a_line(8, REF_B) };
	CLEANUP(match_donep) struct match_result result = matched(&order, 1, lines, 2);

	(void)state;
	assert_int_equal(result.link_count, 1);
	assert_int_equal(result.links[0].verdict, MATCH_SUGGESTED);
	assert_true(has_flag(&result, MATCH_FLAG_STRANGE_REFERENCE, 8, 0));
}

/* ---- R2 ---- */

static void several_references_whose_orders_sum_to_the_line_are_automatic(void **state)
{
	struct match_order orders[] = { an_order(1, REF_A), an_order(2, REF_B) };
	struct match_line line = a_line(7, REF_A "," REF_B);

	(void)state;
	orders[1].amount_fen = 15000;
	line.amount_fen = 35000;
	CLEANUP(match_donep) struct match_result result = matched(orders, 2, &line, 1);
	assert_int_equal(result.totals.auto_links, 2);
	assert_int_equal(result.links[0].rule, MATCH_R2);
	assert_int_equal(result.links[0].amount_fen, 20000);
	assert_int_equal(result.links[1].amount_fen, 15000);
	line.amount_fen = 34999;
	CLEANUP(match_donep) struct match_result below = matched(orders, 2, &line, 1);
	assert_int_equal(below.link_count, 0);
	assert_true(has_flag(&below, MATCH_FLAG_UNDERPAID, 7, 1));
	assert_true(has_flag(&below, MATCH_FLAG_UNDERPAID, 7, 2));
	assert_int_equal(below.flags[0].delta_fen, -1);
}

static void one_wrong_order_of_several_bars_the_whole_line(void **state)
{
	struct match_order orders[] = { an_order(1, REF_A), an_order(2, REF_B) };
	struct match_line line = a_line(7, REF_A "," REF_B);

	(void)state;
	orders[1].payer_account = "4405";
	line.amount_fen = 40000;
	CLEANUP(match_donep) struct match_result result = matched(orders, 2, &line, 1);
	assert_int_equal(result.totals.auto_links, 0);
	assert_int_equal(result.totals.suggested_links, 2);
}

static void a_split_payment_is_automatic_when_it_is_whole(void **state)
{
	struct match_order order = an_order(1, REF_A);
	struct match_line lines[] = { a_line(7, REF_A), a_line(8, REF_A), a_line(9, REF_A) };

	(void)state;
	lines[0].amount_fen = 5000;
	lines[1].amount_fen = 7000;
	lines[2].amount_fen = 8000;
	CLEANUP(match_donep) struct match_result whole = matched(&order, 1, lines, 3);
	assert_int_equal(whole.totals.auto_links, 3);
	assert_int_equal(whole.totals.auto_fen, 20000);
	CLEANUP(match_donep) struct match_result partial = matched(&order, 1, lines, 2);
	assert_int_equal(partial.link_count, 0);
	assert_true(has_flag(&partial, MATCH_FLAG_UNDERPAID, 8, 1));
	lines[2].amount_fen = 9000;
	CLEANUP(match_donep) struct match_result over = matched(&order, 1, lines, 3);
	assert_int_equal(over.link_count, 0);
	assert_true(has_flag(&over, MATCH_FLAG_OVERPAID, 9, 1));
}

static void lines_and_orders_that_share_references_crosswise_are_only_flagged(void **state)
{
	struct match_order orders[] = { an_order(1, REF_A), an_order(2, REF_B) };
	struct match_line lines[] = { a_line(7, REF_A " " REF_B), a_line(8, REF_B) };

	(void)state;
	lines[0].amount_fen = 40000;
	CLEANUP(match_donep) struct match_result result = matched(orders, 2, lines, 2);
	assert_int_equal(result.link_count, 0);
	assert_true(has_flag(&result, MATCH_FLAG_TANGLED_REFERENCES, 7, 1));
	assert_true(has_flag(&result, MATCH_FLAG_TANGLED_REFERENCES, 7, 2));
	assert_true(has_flag(&result, MATCH_FLAG_TANGLED_REFERENCES, 8, 2));
}

/* ---- R3 ---- */

static void without_a_reference_a_single_fit_is_suggested_never_automatic(void **state)
{
	struct match_order orders[] = { an_order(1, REF_A), an_order(2, REF_B) };
	struct match_line line = a_line(7, "证书续期费");

	(void)state;
	orders[1].amount_fen = 30000;
	CLEANUP(match_donep) struct match_result result = matched(orders, 2, &line, 1);
	assert_int_equal(result.link_count, 1);
	assert_int_equal(result.links[0].rule, MATCH_R3);
	assert_int_equal(result.links[0].verdict, MATCH_SUGGESTED);
	assert_int_equal(result.links[0].order->id, 1);
}

static void two_equal_orders_or_two_equal_lines_suggest_nothing(void **state)
{
	struct match_order orders[] = { an_order(1, REF_A), an_order(2, REF_B) };
	struct match_line lines[] = { a_line(7, ""), a_line(8, "") };

	(void)state;
	CLEANUP(match_donep) struct match_result two_orders = matched(orders, 2, lines, 1);
	assert_int_equal(two_orders.link_count, 0);
	assert_true(has_flag(&two_orders, MATCH_FLAG_UNMATCHED_LINE, 7, 0));
	assert_int_equal(two_orders.flags[0].candidates, 2);
	CLEANUP(match_donep) struct match_result two_lines = matched(orders, 1, lines, 2);
	assert_int_equal(two_lines.link_count, 0);
	assert_true(has_flag(&two_lines, MATCH_FLAG_UNMATCHED_LINE, 8, 0));
}

static void windows_tell_equal_orders_apart(void **state)
{
	struct match_order orders[] = { an_order(1, REF_A), an_order(2, REF_B) };
	struct match_line lines[] = { a_line(7, ""), a_line(8, "") };

	(void)state;
	orders[0].closes_at = NOON;
	orders[1].opens_at = NOON + 5 * CLOCK_DAY;
	lines[1].paid_at = NOON + 6 * CLOCK_DAY;
	CLEANUP(match_donep) struct match_result result = matched(orders, 2, lines, 2);
	assert_int_equal(result.totals.suggested_links, 2);
	assert_int_equal(result.links[0].order->id, 1);
	assert_int_equal(result.links[1].order->id, 2);
}

static void an_order_with_a_line_by_reference_is_no_candidate_for_another(void **state)
{
	struct match_order order = an_order(1, REF_A);
	struct match_line lines[] = { a_line(7, REF_A), a_line(8, "") };
	CLEANUP(match_donep) struct match_result result = matched(&order, 1, lines, 2);

	(void)state;
	assert_int_equal(result.link_count, 1);
	assert_int_equal(result.links[0].line->id, 7);
	assert_true(has_flag(&result, MATCH_FLAG_UNMATCHED_LINE, 8, 0));
}

/* ---- R6 to R10 ---- */

static void a_credit_with_a_reference_is_flagged_as_a_return(void **state)
{
	struct match_order order = an_order(1, REF_A);
	struct match_line line = a_line(7, "退汇 " REF_A);

	(void)state;
	line.is_out = false;
	CLEANUP(match_donep) struct match_result result = matched(&order, 1, &line, 1);
	assert_int_equal(result.link_count, 0);
	assert_true(has_flag(&result, MATCH_FLAG_RETURN_SEEN, 7, 1));
	assert_int_equal(result.totals.out_fen, 0);
}

static void money_out_twice_is_flagged_and_never_automatic(void **state)
{
	struct match_order order = an_order(1, REF_A);
	struct match_line lines[] = { a_line(7, REF_A), a_line(8, REF_A) };

	(void)state;
	lines[0].paid_at += CLOCK_SECOND;
	CLEANUP(match_donep) struct match_result result = matched(&order, 1, lines, 2);
	assert_int_equal(result.totals.auto_links, 0);
	assert_int_equal(result.totals.suggested_links, 1);
	assert_int_equal(result.links[0].line->id, 8); /* the earlier one */
	assert_true(has_flag(&result, MATCH_FLAG_DUPLICATE, 7, 1));
}

static void a_line_for_an_order_that_is_paid_is_a_duplicate(void **state)
{
	struct match_order order = an_order(1, REF_A);
	struct match_line lines[] = { a_line(7, REF_A), a_line(8, "") };

	(void)state;
	order.is_linked = true;
	CLEANUP(match_donep) struct match_result result = matched(&order, 1, lines, 2);
	assert_int_equal(result.link_count, 0);
	assert_true(has_flag(&result, MATCH_FLAG_DUPLICATE, 7, 1));
	assert_true(has_flag(&result, MATCH_FLAG_POSSIBLE_DUPLICATE, 8, 1));
}

static void under_and_overpayment_are_flagged_with_the_difference(void **state)
{
	struct match_order order = an_order(1, REF_A);
	struct match_line line = a_line(7, REF_A);

	(void)state;
	line.amount_fen = 20001;
	CLEANUP(match_donep) struct match_result over = matched(&order, 1, &line, 1);
	assert_int_equal(over.link_count, 0);
	assert_true(has_flag(&over, MATCH_FLAG_OVERPAID, 7, 1));
	assert_int_equal(over.flags[0].delta_fen, 1);
	line.amount_fen = 1;
	CLEANUP(match_donep) struct match_result under = matched(&order, 1, &line, 1);
	assert_true(has_flag(&under, MATCH_FLAG_UNDERPAID, 7, 1));
	TEXT sentence = { 0 };
	text_init(&sentence, 1000);
	match_describe_flag(&sentence, &under.flags[0]);
	assert_non_null(strstr(sentence.data, "R8"));
	assert_non_null(strstr(sentence.data, "difference -19999 fen"));
}

static void payments_to_others_are_not_our_business(void **state)
{
	struct match_order order = an_order(1, REF_A);
	struct match_line line = a_line(7, "工资");

	(void)state;
	line.counterparty_name = "张三";
	CLEANUP(match_donep) struct match_result result = matched(&order, 1, &line, 1);
	assert_int_equal(result.link_count, 0);
	assert_int_equal(result.flag_count, 0);
	assert_int_equal(result.totals.unlinked_fen, 20000);
}

static void an_order_whose_window_closed_unpaid_is_told(void **state)
{
	struct match_order orders[] = { an_order(1, REF_A), an_order(2, REF_B) };

	(void)state;
	orders[0].closes_at = NOON - 1;
	orders[0].opens_at = NOON - 2;
	CLEANUP(match_donep) struct match_result result = matched(orders, 2, NULL, 0);
	assert_int_equal(result.flag_count, 1);
	assert_true(has_flag(&result, MATCH_FLAG_AGED_ORDER, 0, 1));
}

static void broken_input_is_refused(void **state)
{
	struct match_order orders[] = { an_order(1, REF_A), an_order(2, REF_A) };
	struct match_line lines[] = { a_line(7, ""), a_line(7, "") };
	struct match_result result = { 0 };
	struct fault fault = { 0 };

	(void)state;
	assert_false(
		match_run(&result, &(struct match_request){ orders, 2, lines, 0, NOON }, &fault));
	assert_non_null(strstr(fault.text, "share a reference"));
	assert_false(
		match_run(&result, &(struct match_request){ orders, 1, lines, 2, NOON }, &fault));
	assert_non_null(strstr(fault.text, "line 7 is given twice"));
	orders[1] = an_order(1, REF_B);
	assert_false(
		match_run(&result, &(struct match_request){ orders, 2, lines, 0, NOON }, &fault));
	assert_non_null(strstr(fault.text, "order 1 is given twice"));
	orders[0].reference = "XQ7K3M9T2B23";
	assert_false(
		match_run(&result, &(struct match_request){ orders, 1, lines, 0, NOON }, &fault));
	assert_int_equal(fault.kind, FAULT_BUG);
	assert_null(result.links);
}

static void an_explanation_is_json_with_raw_values_keys_and_verdicts(void **state)
{
	struct match_order order = an_order(1, REF_A);
	struct match_line line = a_line(7, REF_A);
	struct fault fault = { 0 };

	(void)state;
	line.own_name = "某 某\"\\\t（广东）";
	CLEANUP(match_donep) struct match_result result = matched(&order, 1, &line, 1);
	TEXT text = { 0 };
	text_init(&text, 100000);
	match_explain_link(&text, &result.links[0]);
	JSON *json = json_read(text.data, text.len, &fault);
	assert_non_null(json);
	assert_string_equal(json_peek_text(json, "rule"), "R1");
	json_t *fields = json_object_get(json, "fields");
	assert_int_equal(json_array_size(fields), MATCH_FIELDS);
	json_t *payer = json_array_get(fields, MATCH_PAYER_NAME);
	assert_string_equal(json_peek_text(payer, "line"), "某 某\"\\\t（广东）");
	assert_string_equal(json_peek_text(payer, "key"), "某某\"\\(广东)");
	assert_string_equal(json_peek_text(payer, "verdict"), "differs");
}

/* ---- generated books with known truth ---- */

enum { BOOK_ORDERS = 60, BOOK_LINES = 200, MEMO = 96 };

struct book {
	struct match_order orders[BOOK_ORDERS];
	struct match_line lines[BOOK_LINES];
	int64_t truth[BOOK_LINES][2]; /* the orders a line was made for; 0: none */
	char references[BOOK_ORDERS][PAYMENT_REFERENCE];
	char memos[BOOK_LINES][MEMO];
	size_t line_count;
	uint64_t random;
};

static uint32_t pick(struct book *book, uint32_t below)
{
	book->random = book->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)(book->random >> 33) % below;
}

/* Few payers and few prices, so that equal lines and orders abound. */
static void add_order(struct book *book, size_t i)
{
	static const char *const payers[] = { "1001", "1002", "1003" };
	static const int64_t prices[] = { 20000, 20000, 35000 };

	payment_reference_make(
		book->references[i], book->random ^ i * UINT64_C(0x9E3779B97F4A7C15));
	book->orders[i] = an_order((int64_t)i + 1, book->references[i]);
	book->orders[i].payer_account = payers[pick(book, 3)];
	book->orders[i].amount_fen = prices[pick(book, 3)];
	book->orders[i].opens_at = NOON + (int64_t)pick(book, 40) * CLOCK_DAY;
	book->orders[i].closes_at = book->orders[i].opens_at + 10 * CLOCK_DAY;
	book->orders[i].is_linked = pick(book, 10) == 0;
}

static struct match_line *add_line(
	struct book *book, const struct match_order *order, const char *memo)
{
	size_t i = book->line_count++;

	(void)snprintf(book->memos[i], MEMO, "%s", memo);
	book->lines[i] = a_line((int64_t)i + 1, book->memos[i]);
	book->lines[i].own_account = order->payer_account;
	book->lines[i].amount_fen = order->amount_fen;
	book->lines[i].paid_at = order->opens_at + (int64_t)pick(book, 10) * CLOCK_DAY;
	book->lines[i].paid_at_precision = (enum precision)pick(book, 3);
	book->truth[i][0] = order->id;
	book->truth[i][1] = 0;
	return &book->lines[i];
}

/* One payment as the world makes them: mostly clean, sometimes not. */
static void add_payment(struct book *book, size_t i)
{
	const struct match_order *order = &book->orders[i],
				 *other = &book->orders[pick(book, BOOK_ORDERS)];
	char memo[MEMO];
	struct match_line *line;

	switch (pick(book, 12)) {
	case 0: /* no reference */
		(void)add_line(book, order, "续期");
		break;
	case 1: /* damaged reference */
		(void)snprintf(memo, sizeof(memo), "%s", order->reference);
		memo[2 + pick(book, 8)] = '5';
		(void)add_line(book, order, memo);
		break;
	case 2: /* paid twice */
		(void)add_line(book, order, order->reference);
		(void)add_line(book, order, order->reference);
		break;
	case 3: /* in two parts */
		line = add_line(book, order, order->reference);
		line->amount_fen = 5000;
		line = add_line(book, order, order->reference);
		line->amount_fen = order->amount_fen - 5000;
		break;
	case 4: /* two orders in one */
		(void)snprintf(memo, sizeof(memo), "%s/%s", order->reference, other->reference);
		line = add_line(book, order, memo);
		line->amount_fen += other == order ? 0 : other->amount_fen;
		book->truth[book->line_count - 1][1] = other->id;
		break;
	case 5: /* too little */
		line = add_line(book, order, order->reference);
		line->amount_fen -= 1;
		break;
	case 6: /* from another account */
		line = add_line(book, order, order->reference);
		line->own_account = other->payer_account;
		break;
	case 7: /* somebody else's purpose, same amount and payee, nobody's order */
		(void)add_line(book, order, "");
		book->truth[book->line_count - 1][0] = 0;
		break;
	case 8: /* unproven file */
		line = add_line(book, order, order->reference);
		line->is_proven = false;
		break;
	default:
		(void)add_line(book, order, order->reference);
	}
}

static void make_book(struct book *book, uint64_t seed)
{
	*book = (struct book){ .random = seed * UINT64_C(0x9E3779B97F4A7C15) + 1 };
	for (size_t i = 0; i < BOOK_ORDERS; i++)
		add_order(book, i);
	for (size_t i = 0; i < BOOK_ORDERS && book->line_count + 2 < BOOK_LINES; i++)
		if (pick(book, 8) != 0)
			add_payment(book, i);
}

static void shuffle(struct book *book)
{
	for (size_t i = BOOK_ORDERS - 1; i > 0; i--) {
		size_t j = pick(book, (uint32_t)i + 1);
		struct match_order order = book->orders[i];
		book->orders[i] = book->orders[j];
		book->orders[j] = order;
	}
	for (size_t i = book->line_count - 1; i > 0; i--) {
		size_t j = pick(book, (uint32_t)i + 1);
		struct match_line line = book->lines[i];
		book->lines[i] = book->lines[j];
		book->lines[j] = line;
	}
}

/* Everything that a run says, as one text. */
static void describe(struct text *out, const struct match_result *result)
{
	for (size_t i = 0; i < result->link_count; i++) {
		text_addf(out, "%" PRId64 "-%" PRId64 " ", result->links[i].line->id,
			result->links[i].order->id);
		match_explain_link(out, &result->links[i]);
		match_describe_link(out, &result->links[i]);
	}
	for (size_t i = 0; i < result->flag_count; i++) {
		text_addf(out, "\n%s %d %" PRId64 " ", match_flag_word(result->flags[i].code),
			result->flags[i].line == NULL ? 0 : (int)result->flags[i].line->id,
			result->flags[i].delta_fen);
		match_describe_flag(out, &result->flags[i]);
	}
}

static void the_order_of_the_input_never_matters(void **state)
{
	struct book *book = zalloc(1, sizeof(*book));

	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		TEXT wanted = { 0 };
		text_init(&wanted, (size_t)16 * 1024 * 1024);
		make_book(book, seed);
		CLEANUP(match_donep)
		struct match_result first =
			matched(book->orders, BOOK_ORDERS, book->lines, book->line_count);
		describe(&wanted, &first);
		assert_false(text_full(&wanted));
		for (int round = 0; round < 3; round++) {
			TEXT got = { 0 };
			text_init(&got, (size_t)16 * 1024 * 1024);
			shuffle(book);
			CLEANUP(match_donep)
			struct match_result again =
				matched(book->orders, BOOK_ORDERS, book->lines, book->line_count);
			describe(&got, &again);
			assert_string_equal(got.data, wanted.data);
		}
	}
	free(book);
}

static void check_links(const struct book *book, const struct match_result *result)
{
	int64_t of_line[BOOK_LINES + 1] = { 0 }, of_order[BOOK_ORDERS + 1] = { 0 };
	bool is_auto[BOOK_ORDERS + 1] = { false };

	for (size_t i = 0; i < result->link_count; i++) {
		const struct match_link *link = &result->links[i];
		const int64_t *truth = book->truth[link->line->id - 1];
		of_line[link->line->id] += link->amount_fen;
		of_order[link->order->id] += link->amount_fen;
		is_auto[link->order->id] = link->verdict == MATCH_AUTO;
		assert_false(link->order->is_linked);
		if (link->verdict == MATCH_AUTO)
			assert_true(link->order->id == truth[0] || link->order->id == truth[1]);
	}
	for (size_t i = 0; i < book->line_count; i++)
		assert_true(of_line[book->lines[i].id] == 0 ||
			of_line[book->lines[i].id] == book->lines[i].amount_fen);
	for (size_t i = 0; i < BOOK_ORDERS; i++)
		assert_true(!is_auto[book->orders[i].id] ||
			of_order[book->orders[i].id] == book->orders[i].amount_fen);
}

static void no_automatic_link_is_wrong_and_nothing_is_linked_twice(void **state)
{
	struct book *book = zalloc(1, sizeof(*book));
	size_t automatic = 0, suggested = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 400; seed++) {
		make_book(book, seed);
		CLEANUP(match_donep)
		struct match_result result =
			matched(book->orders, BOOK_ORDERS, book->lines, book->line_count);
		check_links(book, &result);
		automatic += result.totals.auto_links;
		suggested += result.totals.suggested_links;
	}
	assert_true(automatic > 5000); /* the test saw what it judges */
	assert_true(suggested > 500);
	free(book);
}

static bool fits(const struct match_line *line, const struct match_order *order)
{
	return !order->is_linked && order->amount_fen == line->amount_fen &&
		strcmp(order->payer_account, line->own_account) == 0 &&
		line->paid_at <= order->closes_at &&
		line->paid_at + precision_span(line->paid_at_precision) > order->opens_at;
}

/* Whether LINE fits one order that no other line fits, by comparing each with each. */
static bool is_single_fit(const struct book *book, const struct match_line *line)
{
	const struct match_order *found = NULL;
	size_t orders = 0, lines = 0;

	for (size_t j = 0; j < BOOK_ORDERS; j++) {
		if (!fits(line, &book->orders[j]))
			continue;
		found = &book->orders[j];
		orders++;
	}
	for (size_t k = 0; found != NULL && k < book->line_count; k++)
		lines += fits(&book->lines[k], found);
	return orders == 1 && lines == 1;
}

static void counting_by_windows_equals_comparing_all_pairs(void **state)
{
	struct book *book = zalloc(1, sizeof(*book));
	size_t seen = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 100; seed++) {
		size_t expected = 0;
		make_book(book, seed);
		for (size_t i = 0; i < book->line_count; i++)
			book->lines[i].memo = "";
		for (size_t i = 0; i < book->line_count; i++)
			expected += is_single_fit(book, &book->lines[i]);
		CLEANUP(match_donep)
		struct match_result result =
			matched(book->orders, BOOK_ORDERS, book->lines, book->line_count);
		assert_int_equal(result.totals.suggested_links, expected);
		assert_int_equal(result.totals.auto_links, 0);
		seen += expected;
	}
	assert_true(seen > 100);
	free(book);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_with_the_reference_and_all_else_equal_is_automatic),
		cmocka_unit_test(an_unproven_file_yields_a_suggestion_only),
		cmocka_unit_test(each_difference_bars_the_machine_and_is_flagged),
		cmocka_unit_test(money_to_another_payee_is_never_even_suggested),
		cmocka_unit_test(what_a_line_does_not_show_counts_by_its_weight),
		cmocka_unit_test(a_day_without_a_time_is_in_the_window_if_it_touches_it),
		cmocka_unit_test(a_strange_reference_beside_the_right_one_bars_the_machine),
		cmocka_unit_test(several_references_whose_orders_sum_to_the_line_are_automatic),
		cmocka_unit_test(one_wrong_order_of_several_bars_the_whole_line),
		cmocka_unit_test(a_split_payment_is_automatic_when_it_is_whole),
		cmocka_unit_test(lines_and_orders_that_share_references_crosswise_are_only_flagged),
		cmocka_unit_test(without_a_reference_a_single_fit_is_suggested_never_automatic),
		cmocka_unit_test(two_equal_orders_or_two_equal_lines_suggest_nothing),
		cmocka_unit_test(windows_tell_equal_orders_apart),
		cmocka_unit_test(an_order_with_a_line_by_reference_is_no_candidate_for_another),
		cmocka_unit_test(a_credit_with_a_reference_is_flagged_as_a_return),
		cmocka_unit_test(money_out_twice_is_flagged_and_never_automatic),
		cmocka_unit_test(a_line_for_an_order_that_is_paid_is_a_duplicate),
		cmocka_unit_test(under_and_overpayment_are_flagged_with_the_difference),
		cmocka_unit_test(payments_to_others_are_not_our_business),
		cmocka_unit_test(an_order_whose_window_closed_unpaid_is_told),
		cmocka_unit_test(broken_input_is_refused),
		cmocka_unit_test(an_explanation_is_json_with_raw_values_keys_and_verdicts),
		cmocka_unit_test(the_order_of_the_input_never_matters),
		cmocka_unit_test(no_automatic_link_is_wrong_and_nothing_is_linked_twice),
		cmocka_unit_test(counting_by_windows_equals_comparing_all_pairs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
