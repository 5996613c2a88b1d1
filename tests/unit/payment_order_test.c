/* SPDX-License-Identifier: Apache-2.0 */
/* Payment references: made, checked, and found in the free text of a transfer (references.tsv). */
#include "tests/unit/cases.h"

#include "orchestrator/domain/payment_order.h"

static void the_references_of_a_text_are_those_of_the_table(void **state)
{
	const struct case_row *row = *state;
	char found[8][PAYMENT_REFERENCE];
	char all[8 * PAYMENT_REFERENCE + 1] = "", *end = all;
	size_t count = payment_reference_find(found, 8, row->cells[0]);

	for (size_t i = 0; i < count; i++)
		end = stpcpy(stpcpy(end, i > 0 ? " " : ""), found[i]);
	assert_string_equal(all, row->cells[1]);
}

static void every_made_reference_passes_its_check_and_gives_its_bits_back(void **state)
{
	char reference[PAYMENT_REFERENCE];

	(void)state;
	for (uint64_t i = 0; i < 20000; i++) {
		uint64_t bits = i * UINT64_C(0x9E3779B97F4A7C15) & UINT64_C(0xFFFFFFFFFF);
		payment_reference_make(reference, bits);
		assert_int_equal(strlen(reference), 12);
		assert_true(payment_reference_check(reference));
		assert_int_equal(payment_reference_bits(reference), bits);
	}
}

static void the_published_example_is_right(void **state)
{
	(void)state;
	assert_true(payment_reference_check("XQ7K3M9T2B22"));
	assert_false(payment_reference_check("XQ7K3M9T2B21"));
	assert_false(payment_reference_check("xq7k3m9t2b22"));
	assert_false(payment_reference_check("XQ7K3M9T2B2"));
	assert_false(payment_reference_check("XQ7K3M9T2B222"));
	assert_false(payment_reference_check(""));
}

static bool are_alike(char a, char b)
{
	return (a <= '9') == (b <= '9');
}

/* Whether REFERENCE with C at AT passes: of the kind of the character before, it never may. */
static bool is_missed_substitution(const char *reference, size_t at, char c)
{
	char damaged[PAYMENT_REFERENCE];

	memcpy(damaged, reference, sizeof(damaged));
	damaged[at] = c;
	bool is_missed = c != reference[at] && payment_reference_check(damaged);
	assert_false(is_missed && are_alike(c, reference[at]));
	return is_missed;
}

static void assert_swap_is_noticed(const char *reference, size_t at)
{
	char damaged[PAYMENT_REFERENCE];

	memcpy(damaged, reference, sizeof(damaged));
	damaged[at] = reference[at + 1];
	damaged[at + 1] = reference[at];
	assert_false(reference[at] != reference[at + 1] &&
		are_alike(reference[at], reference[at + 1]) && payment_reference_check(damaged));
}

/* MOD 97-10 finds every substitution and swap of neighbours within digits and within letters. */
static void one_wrong_character_or_swap_of_a_kind_is_always_noticed(void **state)
{
	static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	char reference[PAYMENT_REFERENCE];
	unsigned tried = 0, missed = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 500; seed++) {
		payment_reference_make(reference, seed * UINT64_C(0x2545F4914F6CDD1D));
		for (size_t at = 2; at < 10; at++) {
			assert_swap_is_noticed(reference, at);
			for (const char *c = alphabet; *c != '\0'; c++, tried++)
				missed += is_missed_substitution(reference, at, *c);
		}
	}
	assert_in_range(
		missed, 0, tried / 97); /* between digits and letters: no more than chance */
}

static void no_more_references_are_given_than_there_is_room(void **state)
{
	char found[1][PAYMENT_REFERENCE];

	(void)state;
	assert_int_equal(payment_reference_find(found, 1, "XQ0000000084 XQ1111111125"), 1);
	assert_string_equal(found[0], "XQ0000000084");
	assert_int_equal(payment_reference_find(found, 0, "XQ0000000084"), 0);
}

int main(void)
{
	static struct CMUnitTest tests[CASE_ROWS_MAX + 8] = {
		cmocka_unit_test(every_made_reference_passes_its_check_and_gives_its_bits_back),
		cmocka_unit_test(the_published_example_is_right),
		cmocka_unit_test(one_wrong_character_or_swap_of_a_kind_is_always_noticed),
		cmocka_unit_test(no_more_references_are_given_than_there_is_room),
	};
	size_t count = 4;

	cases_add(tests, &count, "references.tsv", the_references_of_a_text_are_those_of_the_table);
	return cases_run("payment_order", tests, count);
}
