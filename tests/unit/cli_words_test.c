/* SPDX-License-Identifier: Apache-2.0 */
/* What the command line says beside its answers: why nothing was done, that a list is empty, whose turn it is. */
#include "tests/unit/cli_bench.h"

/* The role is right, the person is not: another token of the same roles would not help. */
static void a_refusal_that_is_not_of_the_role_names_no_role(void **state)
{
	BENCH bench;

	(void)state;
	bench_init(&bench);
	bench_run(&bench, "hold release 4",
		ANSWERS({ 403,
			"{\"code\":\"DENIED\",\"detail\":\"a second person must release hold 4\"}" }));
	assert_string_equal(bench.said, "xuqi: a second person must release hold 4\n");
}

static void an_empty_list_says_so(void **state)
{
	BENCH bench;

	(void)state;
	bench_init(&bench);
	bench_run(&bench, "hold list", ANSWERS({ 200, "{\"items\":[],\"next_cursor\":null}" }));
	assert_has(bench.printed, "ID  SCOPE");
	assert_string_equal(bench.said, "xuqi: there is none\n");
	bench_run(&bench, "sitting list", ANSWERS({ 200, "{\"items\":[]}" }));
	assert_string_equal(bench.said, "xuqi: there is none\n");
	bench_run(&bench, "hold list -o json",
		ANSWERS({ 200, "{\"items\":[],\"next_cursor\":null}" }));
	assert_string_equal(bench.said, "");
}

static void errors_are_not_nothing_to_do(void **state)
{
	static const char *const ends[] = { "", " --commit" };
	BENCH bench;

	(void)state;
	bench_init(&bench);
	for (size_t i = 0; i < COUNT_OF(ends); i++) {
		OWNED char *command = text_dupf("cert upload %s%s", bench.token, ends[i]);

		bench_run(&bench, command,
			ANSWERS({ 200,
				"{\"committed\":false,\"errors\":[{\"row\":2,\"text\":\"is unknown\"}]}" }));
		assert_has(bench.printed, "is unknown");
		assert_string_equal(
			bench.said, "xuqi: nothing was changed: mend these and repeat\n");
		assert_int_equal(bench.status, CLI_FAILED);
	}
}

/* Answers that were typed in are not lost by printing the sitting again. */
static void a_list_is_never_written_over_another(void **state)
{
	const struct exchange *sitting = ANSWERS({ 200,
		"{\"sitting\":\"li-1\",\"cards\":[{\"n\":1,\"task\":4,\"asks\":[{\"key\":\"result\"}]}]}" });
	BENCH bench;
	struct fault fault;

	(void)state;
	bench_init(&bench);
	OWNED char *path = text_dupf("%s.csv", bench.token);
	OWNED char *command = text_dupf("sitting print li-1 --csv %s", path);

	bench_run(&bench, command, sitting);
	assert_int_equal(bench.status, CLI_OK);
	assert_has(bench.said, "next: fill it in, then: xuqi task done --csv ");
	assert_true(file_write(path, "filled in", 9, 0600, &fault));
	bench_run(&bench, command, sitting);
	OWNED char *kept = file_read(path, BYTES_MAX, NULL, &fault);

	(void)unlink(path);
	assert_string_equal(kept, "filled in");
	assert_has(bench.said, "is there already, maybe with answers");
	assert_int_equal(bench.status, CLI_FAILED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_refusal_that_is_not_of_the_role_names_no_role),
		cmocka_unit_test(an_empty_list_says_so),
		cmocka_unit_test(errors_are_not_nothing_to_do),
		cmocka_unit_test(a_list_is_never_written_over_another),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
