/* SPDX-License-Identifier: Apache-2.0 */
/* Reconciliation: each rule by example. */
#include "tests/unit/match_builders.h"

#include <string.h>

#include "common/json.h"

#define REF_A "XQ7K3M9T2B22"
#define REF_B "XQ0000000084"

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
