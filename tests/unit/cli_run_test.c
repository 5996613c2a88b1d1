/* SPDX-License-Identifier: Apache-2.0 */
/* Whole commands against a server that says what it is told to: what is sent, what is printed and
 * written, and the exit status. */
#include "tests/unit/cli_bench.h"

static void the_token_travels_in_the_header(void **state)
{
	BENCH bench;

	(void)state;
	bench_init(&bench);
	bench_run(&bench, "task show 7", ANSWERS({ 200, "{\"id\":7,\"kind\":\"pin\"}" }));
	assert_has(bench.asked, "GET /v1/tasks/7 HTTP/1.1\r\n");
	assert_has(bench.asked, "Authorization: Bearer xq_test\r\n");
	assert_string_equal(bench.printed, "id    7\nkind  pin\n");
	assert_string_equal(bench.said, "");
	assert_int_equal(bench.status, CLI_OK);
}

static void a_token_that_others_may_read_is_warned_about(void **state)
{
	BENCH bench;

	(void)state;
	bench_init(&bench);
	assert_int_equal(chmod(bench.token, 0644), 0);
	bench_run(&bench, "task show 7", ANSWERS({ 200, "{}" }));
	assert_has(bench.said, "chmod 600");
	assert_null(strstr(bench.said, "xq_test"));
}

static void all_pages_become_one_list(void **state)
{
	BENCH bench;
	const struct exchange *pages =
		ANSWERS({ 200, "{\"items\":[{\"id\":1}],\"next_cursor\":\"c 1\"}" },
			{ 200, "{\"items\":[{\"id\":2}],\"next_cursor\":2}" },
			{ 200, "{\"items\":[{\"id\":3}],\"next_cursor\":null}" });

	(void)state;
	bench_init(&bench);
	bench_run(&bench, "statement list --output json", pages);
	struct fault fault;
	JSON *list = json_read(bench.printed, strlen(bench.printed), &fault);

	assert_int_equal(json_array_size(json_object_get(list, "items")), 3);
	assert_true(json_is_null(json_object_get(list, "next_cursor")));
	assert_has(bench.asked, "GET /v1/statements?limit=200&cursor=c%201 ");
	assert_has(bench.asked, "GET /v1/statements?limit=200&cursor=2 ");
}

static void one_page_is_given_as_it_is(void **state)
{
	BENCH bench;

	(void)state;
	bench_init(&bench);
	bench_run(&bench, "statement list --limit 1 -o json",
		ANSWERS({ 200, "{\"items\":[{\"id\":1}],\"next_cursor\":\"x\"}" }));
	assert_has(bench.asked, "GET /v1/statements?limit=1 ");
	assert_has(bench.printed, "\"next_cursor\": \"x\"");
}

static void a_dry_run_says_so(void **state)
{
	BENCH bench;

	(void)state;
	bench_init(&bench);
	bench_run(&bench, "match confirm 4",
		ANSWERS({ 200, "{\"committed\":false,\"match\":\"4\"}" }));
	assert_has(bench.asked, "{\"commit\":false}");
	assert_has(bench.said, "dry run: nothing changed; add --commit");
	assert_null(strstr(bench.said, "next:"));
	bench_run(&bench, "match confirm 4 --commit",
		ANSWERS({ 200, "{\"committed\":true,\"match\":\"4\"}" }));
	assert_has(bench.asked, "{\"commit\":true}");
	assert_has(bench.said, "next: xuqi match release 4 --commit");
	assert_null(strstr(bench.said, "dry run"));
}

static void refusals_have_their_exit_status_and_next_step(void **state)
{
	static const struct {
		int status;
		const char *code;
		enum cli_exit exit;
		const char *next;
	} cases[] = {
		{ 400, "INPUT", CLI_FAILED, "the detail" },
		{ 401, "DENIED", CLI_AUTH, "--token-file" },
		{ 403, "DENIED", CLI_AUTH, "role: approver" },
		{ 403, "REQUESTER_APPROVES", CLI_AUTH, "ask another person" },
		{ 404, "ABSENT", CLI_ABSENT, "xuqi campaign list" },
		{ 409, "DIGEST_STALE", CLI_CONFLICT, "xuqi campaign show" },
		{ 409, "CONFLICT", CLI_CONFLICT, "look at it again" },
		{ 422, "REFUSED", CLI_FAILED, "the detail" },
		{ 503, "LATER", CLI_FAILED, "try again" },
	};

	BENCH bench;

	(void)state;
	bench_init(&bench);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		OWNED char *body = text_dupf(
			"{\"title\":\"T\",\"code\":\"%s\",\"detail\":\"role x: the detail\"}",
			cases[i].code);

		bench_run(&bench, "campaign approve 4 --gate all --digest aa",
			ANSWERS({ cases[i].status, body }));
		assert_int_equal(bench.status, cases[i].exit);
		assert_has(bench.said, "xuqi: role x: the detail\n");
		assert_has(bench.said, cases[i].next);
		assert_string_equal(bench.printed, "");
	}
}

static void errors_in_rows_are_told_with_the_file(void **state)
{
	static const char list[] = "holder,uscc,service,not_after,unit\n"
				   "h,91350100M000100Y43,s,2026-12-31,u\n";
	struct fault fault;
	BENCH bench;

	(void)state;
	bench_init(&bench);
	assert_true(file_write(bench.file, list, strlen(list), 0600, &fault));
	OWNED char *command = text_dupf("cert import %s --commit", bench.file);
	OWNED char *expected = text_dupf("%s: row 2, column unit: no such unit\n", bench.file);

	bench_run(&bench, command,
		ANSWERS({ 422,
			"{\"committed\":false,\"errors\":[{\"row\":2,\"column\":\"unit\",\"text\":"
			"\"no such unit\"}]}" }));
	assert_int_equal(bench.status, CLI_FAILED);
	assert_has(bench.said, expected);
	assert_has(bench.asked, "\"not_after\":\"2026-12-31T15:59:59Z\"");
}

static void a_list_with_errors_is_not_sent(void **state)
{
	struct fault fault;
	BENCH bench;

	(void)state;
	bench_init(&bench);
	assert_true(file_write(bench.file, "holder\n", 7, 0600, &fault));
	OWNED char *command = text_dupf("cert import %s --commit", bench.file);

	bench_run(&bench, command, ANSWERS({ 200, "{}" }));
	assert_null(bench.asked);
	assert_has(bench.said, "row 1, column uscc: ");
	assert_int_equal(bench.status, CLI_FAILED);
}

/* `payment export` whose answer states DIGEST for the content `a\r\n`. */
static void export_with(struct bench *bench, const char *flags, const char *digest)
{
	OWNED char *command = text_dupf("payment export --out %s%s", bench->file, flags);
	OWNED char *body = text_dupf(
		"{\"committed\":true,\"file\":3,\"sha256\":\"%s\",\"csv\":\"a\\r\\n\"}", digest);

	(void)unlink(bench->file);
	bench_run(bench, command, ANSWERS({ 200, body }));
}

static void a_banks_file_is_written_for_its_owner_if_its_digest_is_right(void **state)
{
	char digest[SHA256_HEX];
	struct fault fault;
	struct stat status;
	BENCH bench;

	(void)state;
	bench_init(&bench);
	sha256_hex(digest, "a\r\n", 3);
	export_with(&bench, " --commit", digest);
	OWNED char *written = file_read(bench.file, BYTES_MAX, NULL, &fault);

	assert_string_equal(written, "a\r\n");
	assert_int_equal(stat(bench.file, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(bench.status, CLI_OK);
	digest[0] = digest[0] == '0' ? '1' : '0';
	export_with(&bench, " --commit", digest);
	assert_int_equal(access(bench.file, F_OK), -1);
	assert_int_equal(bench.status, CLI_PARTLY);
}

static void a_dry_run_writes_no_file_for_the_bank(void **state)
{
	char digest[SHA256_HEX];
	BENCH bench;

	(void)state;
	bench_init(&bench);
	sha256_hex(digest, "a\r\n", 3);
	export_with(&bench, "", digest);
	assert_int_equal(access(bench.file, F_OK), -1);
	assert_has(bench.said, "is not written");
}

static void an_export_of_nothing_writes_nothing(void **state)
{
	BENCH bench;

	(void)state;
	bench_init(&bench);
	OWNED char *command = text_dupf("payment export --commit --out %s", bench.file);

	bench_run(&bench, command,
		ANSWERS({ 200,
			"{\"committed\":false,\"file\":null,\"count\":0,\"csv\":\"a\\r\\n\"}" }));
	assert_int_equal(access(bench.file, F_OK), -1);
	assert_has(bench.said, "nothing to do");
	assert_int_equal(bench.status, CLI_OK);
}

static void a_secret_that_goes_to_a_file_is_not_shown(void **state)
{
	static const char *const outputs[] = { "table", "json" };
	BENCH bench;

	(void)state;
	bench_init(&bench);
	for (size_t i = 0; i < COUNT_OF(outputs); i++) {
		OWNED char *command =
			text_dupf("token create --login l --name n --role admin --out %s -o %s",
				bench.file, outputs[i]);

		bench_run(&bench, command, ANSWERS({ 201, "{\"token\":\"xq_new\",\"id\":3}" }));
		assert_int_equal(bench.status, CLI_OK);
		assert_null(strstr(bench.printed, "xq_new"));
		assert_null(strstr(bench.said, "xq_new"));
		struct fault fault;
		OWNED char *written = file_read(bench.file, BYTES_MAX, NULL, &fault);

		assert_string_equal(written, "xq_new");
	}
}

static void a_doctor_that_finds_a_failure_fails(void **state)
{
	BENCH bench;

	(void)state;
	bench_init(&bench);
	bench_run(&bench, "doctor", ANSWERS({ 200, "{\"items\":[{\"level\":\"warn\"}]}" }));
	assert_int_equal(bench.status, CLI_OK);
	bench_run(&bench, "doctor",
		ANSWERS({ 200,
			"{\"items\":[{\"level\":\"ok\"},{\"level\":\"fail\",\"text\":\"t\"}]}" }));
	assert_int_equal(bench.status, CLI_FAILED);
	assert_has(bench.printed, "fail");
}

static void a_lost_answer_to_an_act_is_not_called_a_failure(void **state)
{
	BENCH bench;

	(void)state;
	bench_init(&bench);
	bench_run(&bench, "payment export --commit", ANSWERS({ 0, "" }));
	assert_int_equal(bench.status, CLI_FAILED);
	assert_has(bench.said, "look before repeating");
	bench_run(&bench, "payment list", ANSWERS({ 0, "" }));
	assert_has(bench.said, "try again");
}

static void what_is_no_json_is_refused(void **state)
{
	BENCH bench;

	(void)state;
	bench_init(&bench);
	bench_run(&bench, "payment list", ANSWERS({ 200, "<html>" }));
	assert_int_equal(bench.status, CLI_FAILED);
	assert_has(bench.said, "is it an xuqid?");
}

/* xuqi with URL and TOKEN_FILE refuses before anything is sent, and says PART. */
static void assert_not_sent(const char *url, const char *token_file, const char *part)
{
	char *words[] = { (char[]){ "xuqi" }, (char[]){ "doctor" } };
	struct invocation invocation;
	struct fault fault;
	BENCH bench;

	bench_init(&bench);
	assert_int_equal(setenv("XUQI_URL", url, 1), 0);
	assert_int_equal(setenv("XUQI_TOKEN_FILE", token_file, 1), 0);
	assert_true(invocation_parse(&invocation, 2, words, &fault));
	int err = redirect(stderr, bench.err);
	enum cli_exit status = run_command(&invocation);

	bench.said = take_back(stderr, err, bench.err);
	assert_int_equal(unsetenv("XUQI_URL"), 0);
	assert_int_equal(unsetenv("XUQI_TOKEN_FILE"), 0);
	assert_has(bench.said, part);
	assert_int_equal(status, CLI_USAGE);
}

static void a_token_is_never_sent_in_clear_to_another_machine(void **state)
{
	(void)state;
	assert_not_sent("http://ca.example.com", "", "in clear");
	assert_not_sent("http://127.0.0.1.example.com", "", "in clear");
	assert_not_sent("ftp://127.0.0.1", "", "in clear");
	assert_not_sent("https://127.0.0.1:1", "/nowhere/token", "/nowhere/token");
	assert_not_sent("https://127.0.0.1:1", "/etc/passwd", "no file of a token");
}

static int use_locale(void **state)
{
	(void)state;
	grid_locale();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_token_travels_in_the_header),
		cmocka_unit_test(a_token_that_others_may_read_is_warned_about),
		cmocka_unit_test(all_pages_become_one_list),
		cmocka_unit_test(one_page_is_given_as_it_is),
		cmocka_unit_test(a_dry_run_says_so),
		cmocka_unit_test(refusals_have_their_exit_status_and_next_step),
		cmocka_unit_test(errors_in_rows_are_told_with_the_file),
		cmocka_unit_test(a_list_with_errors_is_not_sent),
		cmocka_unit_test(a_banks_file_is_written_for_its_owner_if_its_digest_is_right),
		cmocka_unit_test(a_dry_run_writes_no_file_for_the_bank),
		cmocka_unit_test(an_export_of_nothing_writes_nothing),
		cmocka_unit_test(a_secret_that_goes_to_a_file_is_not_shown),
		cmocka_unit_test(a_doctor_that_finds_a_failure_fails),
		cmocka_unit_test(a_lost_answer_to_an_act_is_not_called_a_failure),
		cmocka_unit_test(what_is_no_json_is_refused),
		cmocka_unit_test(a_token_is_never_sent_in_clear_to_another_machine),
	};

	return cmocka_run_group_tests(tests, use_locale, NULL);
}
