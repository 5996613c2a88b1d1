/* SPDX-License-Identifier: Apache-2.0 */
/* Which spellings of a name or an account are the same (name_keys.tsv). */
#include "tests/unit/cases.h"

#include "orchestrator/domain/name_key.h"

static void a_name_has_the_key_of_the_table(void **state)
{
	const struct case_row *row = *state;
	char key[256];
	bool is_same = strcmp(row->cells[2], "same") == 0;

	name_key(key, row->cells[0]);
	assert_string_equal(key, row->cells[1]);
	assert_int_equal(name_key_equal(row->cells[0], row->cells[3]), is_same);
	assert_int_equal(name_key_hash(row->cells[0]) == name_key_hash(row->cells[3]), is_same);
}

static void accounts_are_the_same_but_for_blanks_and_hyphens(void **state)
{
	char key[64];

	(void)state;
	account_key(key, " 4405-0158 ０001");
	assert_string_equal(key, "440501580001");
	assert_true(account_key_equal("4405 0158 0001", "440501580001"));
	assert_int_equal(account_key_hash("4405 0158 0001"), account_key_hash("440501580001"));
	assert_false(account_key_equal("440501580001", "44050158000"));
	assert_false(account_key_equal("", "1"));
	assert_true(account_is_masked("6226****5669"));
	assert_true(account_is_masked("6226＊＊5669"));
	assert_false(account_is_masked("62265669"));
}

static void bytes_that_are_no_text_stay_apart(void **state)
{
	char key[8];

	(void)state;
	name_key(key, "\xFF\xE4\xB8");
	assert_string_equal(key, "\xFF\xE4\xB8");
	assert_false(name_key_equal("\xFF", "\xFE"));
}

int main(void)
{
	static struct CMUnitTest tests[CASE_ROWS_MAX + 8] = {
		cmocka_unit_test(accounts_are_the_same_but_for_blanks_and_hyphens),
		cmocka_unit_test(bytes_that_are_no_text_stay_apart),
	};
	size_t count = 2;

	cases_add(tests, &count, "name_keys.tsv", a_name_has_the_key_of_the_table);
	return cases_run("name_key", tests, count);
}
