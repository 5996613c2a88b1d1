/* SPDX-License-Identifier: Apache-2.0 */
/* The edge table as a graph: one way per event for every connector, a way on from everywhere, and what must
 * hold of money whatever a connector can. */
#include "tests/unit/cases.h"

#include "common/own.h"
#include "orchestrator/domain/renewal.h"

static const unsigned orders[] = { CAPABILITY_BIT(CAN_APPLY_FIRST), CAPABILITY_BIT(CAN_PAY_FIRST) };

static bool has(enum renewal_state from, enum renewal_event event, unsigned can)
{
	return renewal_edge_find(from, event, can) != NULL;
}

static size_t edges_for(const struct renewal_edge *like, unsigned can)
{
	size_t count = 0;
	for (size_t i = 0; i < renewal_edge_count; i++)
		count += renewal_edges[i].from == like->from &&
			renewal_edges[i].event == like->event &&
			((can | CAPABILITY_BIT(CAN_ANYTHING)) &
				CAPABILITY_BIT(renewal_edges[i].guard)) != 0;
	return count;
}

static void an_event_takes_one_way_for_each_connector(void **state)
{
	(void)state;
	for (size_t o = 0; o < COUNT_OF(orders); o++)
		for (size_t i = 0; i < renewal_edge_count; i++)
			assert_true(edges_for(&renewal_edges[i], orders[o]) <= 1);
}

static void reach(bool *reached, enum renewal_state from, unsigned can)
{
	reached[from] = true;
	for (size_t i = 0; i < renewal_edge_count; i++)
		if (renewal_edges[i].from == from && !reached[renewal_edges[i].to] &&
			has(from, renewal_edges[i].event, can) &&
			renewal_edge_find(from, renewal_edges[i].event, can)->to ==
				renewal_edges[i].to)
			reach(reached, renewal_edges[i].to, can);
}

static void every_state_is_reached_and_left_again(void **state)
{
	(void)state;
	for (size_t o = 0; o < COUNT_OF(orders); o++)
		for (int from = 0; from < RENEWAL_STATE_COUNT; from++) {
			bool begun[RENEWAL_STATE_COUNT] = { false };
			bool reached[RENEWAL_STATE_COUNT] = { false };
			bool ends = false;
			reach(begun, RENEWAL_PLANNED, orders[o]);
			assert_true(begun[from]);
			reach(reached, (enum renewal_state)from, orders[o]);
			for (int to = 0; to < RENEWAL_STATE_COUNT; to++)
				ends = ends ||
					(reached[to] && renewal_is_final((enum renewal_state)to));
			assert_true(ends);
		}
}

static void the_order_of_paying_and_applying_is_the_connectors(void **state)
{
	(void)state;
	assert_true(has(RENEWAL_BOUND, ON_APPLICATION_OPENED, orders[0]));
	assert_false(has(RENEWAL_BOUND, ON_PAYMENT_OPENED, orders[0]));
	assert_false(has(RENEWAL_BOUND, ON_APPLICATION_OPENED, orders[1]));
	assert_int_equal(renewal_edge_find(RENEWAL_BOUND, ON_PAYMENT_OPENED, orders[1])->to,
		RENEWAL_AWAITING_PAYMENT);
	assert_int_equal(
		renewal_edge_find(RENEWAL_AWAITING_PAYMENT, ON_APPLICATION_OPENED, orders[1])->to,
		RENEWAL_DRAFTING);
	assert_int_equal(
		renewal_edge_find(RENEWAL_SUBMITTED, ON_REMITTANCE_DECLARED, orders[1])->to,
		RENEWAL_VERIFYING_PAYMENT);
	assert_int_equal(renewal_edge_find(RENEWAL_SUBMITTED, ON_PAYMENT_OPENED, orders[0])->to,
		RENEWAL_AWAITING_PAYMENT);
}

static const enum renewal_state before_installation[] = { RENEWAL_AWAITING_APPROVAL,
	RENEWAL_BINDING, RENEWAL_BOUND, RENEWAL_DRAFTING, RENEWAL_AWAITING_ATTACHMENTS,
	RENEWAL_AWAITING_INTENT, RENEWAL_SUBMITTED, RENEWAL_AWAITING_PAYMENT,
	RENEWAL_VERIFYING_PAYMENT, RENEWAL_PAID, RENEWAL_IN_REVIEW, RENEWAL_CORRECTION,
	RENEWAL_APPROVED, RENEWAL_INSTALL_QUEUED };

/* A paid order is never lost: what was paid ends refunded, credited to somebody, or proven never paid. */
static void a_person_can_withdraw_before_installation_and_money_is_not_lost(void **state)
{
	(void)state;
	for (size_t o = 0; o < COUNT_OF(orders); o++)
		for (size_t i = 0; i < COUNT_OF(before_installation); i++) {
			const struct renewal_edge *paid = renewal_edge_find(
				before_installation[i], ON_WITHDRAWN_PAID, orders[o]);
			const struct renewal_edge *unpaid = renewal_edge_find(
				before_installation[i], ON_WITHDRAWN_BY_PERSON, orders[o]);
			assert_non_null(paid);
			assert_int_equal(paid->to, RENEWAL_REFUNDING);
			if (unpaid != NULL)
				assert_int_equal(unpaid->to, RENEWAL_WITHDRAWN);
		}
	assert_false(has(RENEWAL_PAID, ON_WITHDRAWN_BY_PERSON, orders[0]));
	assert_false(has(RENEWAL_VERIFYING_PAYMENT, ON_REFUSED, orders[0]));
	for (size_t i = 0; i < renewal_edge_count; i++)
		if (renewal_edges[i].from == RENEWAL_REFUNDING)
			assert_true(renewal_edges[i].event == ON_REFUND_ARRIVED ||
				renewal_edges[i].event == ON_REFUND_FAILED ||
				renewal_edges[i].event == ON_CREDITED ||
				renewal_edges[i].event == ON_NEVER_PAID);
}

static void a_transfer_returned_after_the_approval_moves_nothing(void **state)
{
	(void)state;
	assert_true(has(RENEWAL_IN_REVIEW, ON_TRANSFER_RETURNED, orders[0]));
	assert_false(has(RENEWAL_APPROVED, ON_TRANSFER_RETURNED, orders[0]));
	assert_false(has(RENEWAL_INSTALL_QUEUED, ON_TRANSFER_RETURNED, orders[0]));
	assert_false(has(RENEWAL_DONE, ON_TRANSFER_RETURNED, orders[0]));
}

static void words_come_back(void **state)
{
	enum renewal_state back;
	(void)state;
	for (int i = 0; i < RENEWAL_STATE_COUNT; i++) {
		assert_true(renewal_from_word(&back, renewal_word((enum renewal_state)i)));
		assert_int_equal(back, i);
	}
	assert_false(renewal_from_word(&back, "blocked"));
	assert_string_equal(capability_word(CAN_ANYTHING), "");
	assert_string_equal(capability_word(CAN_PAY_FIRST), "pay_first");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_takes_one_way_for_each_connector),
		cmocka_unit_test(every_state_is_reached_and_left_again),
		cmocka_unit_test(the_order_of_paying_and_applying_is_the_connectors),
		cmocka_unit_test(a_person_can_withdraw_before_installation_and_money_is_not_lost),
		cmocka_unit_test(a_transfer_returned_after_the_approval_moves_nothing),
		cmocka_unit_test(words_come_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
