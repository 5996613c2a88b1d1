/* SPDX-License-Identifier: Apache-2.0 */
/* The bank: what it executes, what it refuses, and statements that prove themselves. */
#include "tests/unit/sim_world.h"

#include "orchestrator/formats/statement_csv.h"
#include "tests/simulator/sim_bank.h"

#define HEADER "付款单号,付款账号,付款户名,收款户名,收款账号,收款银行,金额,币种,附言\r\n"

static int execute(struct world *world, const char *file)
{
	return sim_client_post(&world->client, "/sim/bank/execute", file);
}

static int execute_rows(struct world *world, const char *rows)
{
	OWNED char *file = text_dupf("%s%s", HEADER, rows);

	return execute(world, file);
}

static const char row[] = "P1,1001,某单位,收款单位,2001,某行,12.34,CNY,XQ7K3M9T2B22\r\n";

static void each_row_is_one_transfer_with_its_serial(void **state)
{
	struct world *world = *state;
	const json_t *items;

	assert_int_equal(execute_rows(world,
				 "P1,1001,某单位,收款单位,2001,某行,12.34,CNY,XQ7K3M9T2B22\r\n"
				 "P2,1001,某单位,\"收款, \"\"单位\"\"\",2001,某行,5,人民币,\r\n"),
		200);
	items = json_object_get(world->client.reply, "items");
	assert_int_equal(json_array_size(items), 2);
	assert_int_equal(json_peek_number(json_array_get(items, 0), "amount_fen", 0), 1234);
	assert_int_equal(json_peek_number(json_array_get(items, 1), "amount_fen", 0), 500);
	assert_string_not_equal(json_peek_text(json_array_get(items, 0), "serial"),
		json_peek_text(json_array_get(items, 1), "serial"));
	assert_int_equal(sim_client_ledger(&world->client, "transfers"), 2);
}

static void the_same_file_twice_is_two_debits(void **state)
{
	struct world *world = *state;

	assert_int_equal(execute_rows(world, row), 200);
	assert_int_equal(execute_rows(world, row), 200);
	assert_int_equal(sim_client_ledger(&world->client, "transfers"), 2);
}

static void a_file_with_one_bad_row_is_refused_whole(void **state)
{
	static const char *const bad[] = {
		"P2,1001,某单位,收款单位,2001,某行,1.234,CNY,\r\n",
		"P2,1001,某单位,收款单位,2001,某行,-1,CNY,\r\n",
		"P2,1001,某单位,收款单位,2001,某行,0.00,CNY,\r\n",
		"P2,1001,某单位,收款单位,2001,某行,1.,CNY,\r\n",
		"P2,1001,某单位,收款单位,2001,某行,\"1,000.00\",CNY,\r\n",
		"P2,1001,某单位,收款单位,2001,某行,1,USD,\r\n",
		"P2,,某单位,收款单位,2001,某行,1,CNY,\r\n",
		"P2,1001,某单位,,2001,某行,1,CNY,\r\n",
		"P2,1001,某单位,收款单位,2001,某行,1,CNY\r\n",
		"P2,1001,某单位,收款单位,2001,某行,1,CNY,,\r\n",
		"P2,1001,某单位,收款单位,2001,某行,1,CNY,\"open\r\n",
	};
	struct world *world = *state;

	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		OWNED char *rows = text_dupf("%s%s", row, bad[i]);

		assert_int_equal(execute_rows(world, rows), 422);
		assert_non_null(strstr(sim_client_text(&world->client, "detail"), "row 3"));
	}
	assert_int_equal(sim_client_ledger(&world->client, "transfers"), 0);
}

static void a_file_without_the_header_or_rows_is_refused(void **state)
{
	struct world *world = *state;

	assert_int_equal(execute(world, ""), 400);
	assert_int_equal(execute(world, row), 400);
	assert_int_equal(execute(world, "付款单号,付款账号\r\n"), 400);
	assert_int_equal(execute(world, HEADER), 422);
	assert_int_equal(
		execute(world,
			"\xef\xbb\xbf" HEADER "P1,1001,某单位,收款单位,2001,某行,12.34,CNY,x"),
		200);
}

static void an_account_has_one_name(void **state)
{
	struct world *world = *state;

	assert_int_equal(execute_rows(world, row), 200);
	assert_int_equal(
		execute_rows(world, "P2,1001,别的单位,收款单位,2001,某行,1,CNY,\r\n"), 422);
	assert_int_equal(
		sim_client_control(&world->client, "GET", "/sim/bank/accounts", NULL), 200);
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "items")), 1);
}

static void the_nth_transfer_loses_its_reference(void **state)
{
	struct world *world = *state;
	const json_t *lines;
	size_t with = 0;

	(void)sim_client_knob(&world->client, "bank_drop_reference_nth", json_integer(2));
	for (int i = 0; i < 3; i++)
		assert_int_equal(execute_rows(world, row), 200);
	lines = json_object_get(bank_account(world->client.sim, "1001"), "lines");
	for (size_t i = 0; i < json_array_size(lines); i++)
		with += text_equal(
			json_peek_text(json_array_get(lines, i), "remark"), "XQ7K3M9T2B22");
	assert_int_equal(with, 2);
}

/* ---- statements ---- */

static void read_statement(struct world *world, struct statement *out, const char *target)
{
	struct fault fault;
	struct statement_csv_source source = { .bytes = NULL };

	assert_int_equal(sim_client_control(&world->client, "GET", target, NULL), 200);
	source.bytes = world->client.answer.body;
	source.len = world->client.answer.body_len;
	assert_true(statement_csv_read(out, &source, &fault));
}

/* Some days of transfers on one account. */
static void live_a_while(struct world *world)
{
	for (int i = 0; i < 20; i++) {
		assert_int_equal(execute_rows(world, row), 200);
		world->client.now += 7 * INT64_C(3600) * CLOCK_SECOND;
	}
}

static void a_statement_proves_itself(void **state)
{
	struct world *world = *state;
	CLEANUP(statement_donep) struct statement statement = { 0 };
	size_t ours = 0;
	int64_t sum_fen = 0;

	live_a_while(world);
	read_statement(world, &statement, "/sim/bank/statement");
	assert_true(statement.proof.is_proven);
	assert_false(statement.proof.is_contradicted);
	assert_string_equal(statement.account, "1001");
	assert_string_equal(statement.account_name, "某单位");
	for (size_t i = 0; i < statement.row_count; i++) {
		const struct statement_row *line = &statement.rows[i];

		sum_fen += line->direction == STATEMENT_OUT ? -line->amount_fen : line->amount_fen;
		ours += text_equal(line->counterparty_name, "收款单位") &&
			line->amount_fen == 1234 && line->direction == STATEMENT_OUT;
	}
	assert_int_equal(ours, 20);
	assert_true(statement.row_count > 24); /* other traffic is mixed in */
	assert_true(statement.opening_fen + sum_fen == statement.closing_fen);
	assert_true(statement.opening_fen == INT64_C(5000000000));
}

static void every_claim_of_the_statement_is_its_sum(void **state)
{
	struct world *world = *state;
	CLEANUP(statement_donep) struct statement statement = { 0 };
	int64_t counted[CLAIM_KINDS] = { 0 };

	live_a_while(world);
	read_statement(world, &statement, "/sim/bank/statement?encoding=utf8");
	for (size_t i = 0; i < statement.row_count; i++) {
		bool out = statement.rows[i].direction == STATEMENT_OUT;

		counted[out ? CLAIM_OUT_FEN : CLAIM_IN_FEN] += statement.rows[i].amount_fen;
		counted[out ? CLAIM_OUT_COUNT : CLAIM_IN_COUNT]++;
	}
	for (int claim = CLAIM_IN_FEN; claim <= CLAIM_OUT_COUNT; claim++) {
		assert_true(statement.has_claim[claim]);
		assert_true(statement.claim[claim] == counted[claim]);
	}
	assert_true(statement.has_claim[CLAIM_OPENING] && statement.has_claim[CLAIM_CLOSING]);
}

static void gb18030_says_the_same_as_utf8(void **state)
{
	struct world *world = *state;
	CLEANUP(statement_donep) struct statement utf8 = { 0 };
	CLEANUP(statement_donep) struct statement gb18030 = { 0 };

	live_a_while(world);
	read_statement(world, &utf8, "/sim/bank/statement?encoding=utf8");
	read_statement(world, &gb18030, "/sim/bank/statement?encoding=gb18030");
	assert_int_equal(gb18030.charset, CHARSET_GB18030);
	assert_int_equal(gb18030.row_count, utf8.row_count);
	for (size_t i = 0; i < utf8.row_count; i++)
		assert_string_equal(gb18030.rows[i].line_id, utf8.rows[i].line_id);
}

static void times_are_shanghais(void **state)
{
	char text[BANK_TIME_TEXT];

	(void)state;
	bank_time(text, NOON + 999999);
	assert_string_equal(text, "20261122 16:00:00");
	bank_time(text, NOON + 8 * INT64_C(3600) * CLOCK_SECOND);
	assert_string_equal(text, "20261123 00:00:00");
	bank_day(text, NOON + 8 * INT64_C(3600) * CLOCK_SECOND);
	assert_string_equal(text, "20261123");
}

static int statement(struct world *world, const char *query)
{
	OWNED char *target = text_dupf("/sim/bank/statement%s", query);

	return sim_client_control(&world->client, "GET", target, NULL);
}

static void a_statement_is_of_one_account(void **state)
{
	struct world *world = *state;

	assert_int_equal(statement(world, ""), 404);
	assert_int_equal(execute_rows(world, row), 200);
	assert_int_equal(statement(world, ""), 200);
	assert_int_equal(statement(world, "?encoding=latin1"), 422);
	assert_int_equal(
		execute_rows(world, "P2,1002,别的单位,收款单位,2001,某行,1,CNY,\r\n"), 200);
	assert_int_equal(statement(world, ""), 422);
	assert_int_equal(statement(world, "?account=1002"), 200);
	assert_non_null(strstr(world->client.answer.body, "别的单位"));
	assert_int_equal(statement(world, "?account=1003"), 404);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(each_row_is_one_transfer_with_its_serial),
		WORLD_TEST(the_same_file_twice_is_two_debits),
		WORLD_TEST(a_file_with_one_bad_row_is_refused_whole),
		WORLD_TEST(a_file_without_the_header_or_rows_is_refused),
		WORLD_TEST(an_account_has_one_name),
		WORLD_TEST(the_nth_transfer_loses_its_reference),
		WORLD_TEST(a_statement_proves_itself),
		WORLD_TEST(every_claim_of_the_statement_is_its_sum),
		WORLD_TEST(gb18030_says_the_same_as_utf8),
		WORLD_TEST(times_are_shanghais),
		WORLD_TEST(a_statement_is_of_one_account),
	};

	return cmocka_run_group_tests_name("simulator: bank", tests, world_make, world_drop);
}
