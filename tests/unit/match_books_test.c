/* SPDX-License-Identifier: Apache-2.0 */
/* Reconciliation of generated books with known truth: no automatic link is ever wrong, nothing is linked
 * twice, every debit is accounted for, and the input's order does not matter. */
#include "tests/unit/match_builders.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "orchestrator/domain/payment_order.h"

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
		cmocka_unit_test(the_order_of_the_input_never_matters),
		cmocka_unit_test(no_automatic_link_is_wrong_and_nothing_is_linked_twice),
		cmocka_unit_test(counting_by_windows_equals_comparing_all_pairs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
