/* SPDX-License-Identifier: Apache-2.0 */
/* The four declared fields: copied raw, never invented, compared field by field (remittances.tsv). */
#include "tests/unit/cases.h"

#include "common/bytes.h"
#include "orchestrator/domain/remittance.h"

static struct remittance_line a_line(void)
{
	return (struct remittance_line){ .own_account = "44050158000000000001",
		.own_name = "某某（广东）有限公司",
		.is_out = true,
		.amount_fen = 20000,
		.paid_at_raw = "20261122 10:07:09",
		.paid_at = INT64_C(1795313229000000),
		.paid_at_precision = PRECISION_SECOND,
		.bank_serial = "1-0001" };
}

static struct remittance taken(const struct remittance_line *line)
{
	struct remittance remittance;
	struct fault fault = { 0 };

	if (!remittance_from_line(&remittance, line, &fault))
		fail_msg("%s", fault.text);
	return remittance;
}

static void the_banks_texts_are_copied_byte_for_byte(void **state)
{
	struct remittance_line line = a_line();

	(void)state;
	line.own_name = "某 某（广东）　有限公司";
	struct remittance remittance = taken(&line);
	assert_string_equal(remittance.payer_account, "44050158000000000001");
	assert_string_equal(remittance.payer_name, "某 某（广东）　有限公司");
	assert_int_equal(remittance.amount_fen, 20000);
	assert_string_equal(remittance.paid_at_raw, "20261122 10:07:09");
	assert_int_equal(remittance.paid_at_precision, PRECISION_SECOND);
	assert_string_equal(remittance.bank_serial, "1-0001");
}

static void assert_missing(
	const struct remittance_line *line, enum fault_kind kind, const char *part)
{
	struct remittance remittance = { .amount_fen = 77 };
	struct fault fault = { 0 };

	assert_false(remittance_from_line(&remittance, line, &fault));
	assert_int_equal(fault.kind, kind);
	assert_non_null(strstr(fault.text, part));
	assert_int_equal(remittance.amount_fen, 77);
}

static void what_the_bank_does_not_show_is_asked_of_a_person(void **state)
{
	static char too_long[400];
	struct remittance_line line = a_line();

	(void)state;
	line.own_account = "";
	assert_missing(&line, FAULT_HUMAN, "付款账号");
	line = a_line();
	line.own_name = NULL;
	assert_missing(&line, FAULT_HUMAN, "付款账号名称");
	line = a_line();
	line.paid_at_raw = "";
	assert_missing(&line, FAULT_HUMAN, "付款时间");
	line = a_line();
	line.amount_fen = 0;
	assert_missing(&line, FAULT_HUMAN, "付款金额");
	line = a_line();
	memset(too_long, 'x', sizeof(too_long) - 1);
	line.own_name = too_long;
	assert_missing(&line, FAULT_HUMAN, "399 bytes");
	line = a_line();
	line.is_out = false;
	assert_missing(&line, FAULT_BUG, "no remittance");
}

static void a_serial_is_optional(void **state)
{
	struct remittance_line line = a_line();

	(void)state;
	line.bank_serial = NULL;
	assert_string_equal(taken(&line).bank_serial, "");
}

static void differences_are_those_of_the_table(void **state)
{
	const struct case_row *row = *state;
	struct remittance_mismatch mismatches[REMITTANCE_FIELDS];
	struct remittance_line line = a_line();
	struct remittance bank = taken(&line);
	char all[256] = "", *end = all;

	line.own_account = row->cells[0];
	line.own_name = row->cells[1];
	assert_true(number_parse(&line.amount_fen, row->cells[2], 0, INT64_MAX));
	assert_true(clock_parse(&line.paid_at, row->cells[3]));
	assert_true(precision_parse(&line.paid_at_precision, row->cells[4]));
	struct remittance declared = taken(&line);
	assert_true(clock_parse(&bank.paid_at, "2026-11-22T02:07:09Z"));
	size_t count = remittance_compare(mismatches, &declared, &bank);
	for (size_t i = 0; i < count; i++) {
		end = stpcpy(stpcpy(end, i > 0 ? " " : ""), mismatches[i].is_spelling ? "~" : "");
		end = stpcpy(end, remittance_field_word(mismatches[i].field));
		assert_non_null(strstr(mismatches[i].text, "the bank shows"));
	}
	assert_string_equal(all, row->cells[5]);
}

int main(void)
{
	static struct CMUnitTest tests[CASE_ROWS_MAX + 8] = {
		cmocka_unit_test(the_banks_texts_are_copied_byte_for_byte),
		cmocka_unit_test(what_the_bank_does_not_show_is_asked_of_a_person),
		cmocka_unit_test(a_serial_is_optional),
	};
	size_t count = 3;

	cases_add(tests, &count, "remittances.tsv", differences_are_those_of_the_table);
	return cases_run("remittance", tests, count);
}
