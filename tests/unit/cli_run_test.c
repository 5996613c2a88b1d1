/* SPDX-License-Identifier: Apache-2.0 */
/* Whole commands against a server that says what it is told to: what is sent, what is printed and
 * written, and the exit status. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/digest.h"
#include "common/file.h"
#include "common/text.h"
#include "orchestrator/cli/grid.h"
#include "orchestrator/cli/run.h"

enum { WORDS_MAX = 24, SCRIPT_MAX = 4, BYTES_MAX = 1024 * 1024, TOKEN_MODE = 0600 };

/* One exchange: the answer, given whatever is asked.  status 0: hang up. */
struct exchange {
	int status;
	const char *body;
};

struct bench {
	char folder[32];
	char *token, *log, *out, *err, *file; /* paths in the folder */
	char *asked, *printed, *said;         /* what came there, after bench_run */
	enum cli_exit status;
};

/* ---- the server: a child that answers its script, one connection each ---- */

/* The bytes of body that the head BYTES announces. */
static size_t body_length(const char *bytes)
{
	static const char name[] = "Content-Length: ";
	const char *found = strstr(bytes, name);
	int64_t length = 0;

	if (found == NULL)
		return 0;
	OWNED char *digits = text_dup(found + strlen(name));

	digits[strspn(digits, "0123456789")] = '\0';
	return number_parse(&length, digits, 0, BYTES_MAX) ? (size_t)length : 0;
}

static char *receive(int fd)
{
	char *bytes = zalloc(BYTES_MAX, 1);
	size_t len = 0;
	ssize_t got;

	do {
		const char *end = strstr(bytes, "\r\n\r\n");

		if (end != NULL && len >= (size_t)(end - bytes) + 4 + body_length(bytes))
			break;
		got = read(fd, bytes + len, BYTES_MAX - 1 - len);
		len += got > 0 ? (size_t)got : 0;
	} while (got > 0);
	return bytes;
}

static void serve(int listener, const struct exchange *script, const char *log)
{
	struct fault fault;

	for (size_t i = 0; i < SCRIPT_MAX && script[i].body != NULL; i++) {
		int fd = accept(listener, NULL, NULL);
		OWNED char *asked = receive(fd);
		OWNED char *answer = text_dupf(
			"HTTP/1.1 %d X\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
			script[i].status, strlen(script[i].body), script[i].body);

		int into = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, TOKEN_MODE);

		if (into < 0 || !file_write_fd(into, asked, strlen(asked), &fault))
			_exit(1);
		(void)close(into);
		if (script[i].status != 0 && !file_write_fd(fd, answer, strlen(answer), &fault))
			_exit(1);
		(void)close(fd);
	}
	_exit(0);
}

static int listen_somewhere(unsigned *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (const struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(fd, SCRIPT_MAX), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

/* ---- the bench ---- */

static void bench_init(struct bench *bench)
{
	struct fault fault;

	*bench = (struct bench){ .folder = "/tmp/xuqi-cli-XXXXXX" };
	assert_non_null(mkdtemp(bench->folder));
	bench->token = file_join(bench->folder, "token");
	bench->log = file_join(bench->folder, "log");
	bench->out = file_join(bench->folder, "out");
	bench->err = file_join(bench->folder, "err");
	bench->file = file_join(bench->folder, "file");
	assert_true(file_write(bench->token, "xq_test\n", 8, TOKEN_MODE, &fault));
}

static void bench_clear(struct bench *bench)
{
	free(bench->asked);
	free(bench->printed);
	free(bench->said);
	bench->asked = bench->printed = bench->said = NULL;
	(void)unlink(bench->log);
}

static void bench_done(struct bench *bench)
{
	char *paths[] = { bench->token, bench->log, bench->out, bench->err, bench->file };

	bench_clear(bench);
	for (size_t i = 0; i < COUNT_OF(paths); i++) {
		(void)unlink(paths[i]);
		free(paths[i]);
	}
	(void)rmdir(bench->folder);
}

#define BENCH CLEANUP(bench_done) struct bench

/* What FD printed while it pointed at PATH; FD is SAVED again. */
static char *take_back(FILE *stream, int saved, const char *path)
{
	struct fault fault;

	(void)fflush(stream);
	assert_true(dup2(saved, fileno(stream)) >= 0);
	(void)close(saved);
	return file_read(path, BYTES_MAX, NULL, &fault);
}

static int redirect(FILE *stream, const char *path)
{
	(void)fflush(stream);
	int saved = dup(fileno(stream));
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0 && dup2(fd, fileno(stream)) >= 0);
	(void)close(fd);
	return saved;
}

/* Run COMMAND (without `xuqi`, split at blanks) against SCRIPT. */
static void bench_run(struct bench *bench, const char *command, const struct exchange *script)
{
	unsigned port;
	int listener = listen_somewhere(&port);
	pid_t child = fork();

	if (child == 0)
		serve(listener, script, bench->log);
	(void)close(listener);
	OWNED char *line = text_dupf(
		"xuqi --url http://127.0.0.1:%u --token-file %s %s", port, bench->token, command);
	char *words[WORDS_MAX], *rest = line;
	int count = 0;

	while (count < WORDS_MAX && rest != NULL)
		words[count++] = strsep(&rest, " ");
	struct invocation invocation;
	struct fault fault;

	bench_clear(bench);
	assert_true(invocation_parse(&invocation, count, words, &fault));
	int out = redirect(stdout, bench->out), err = redirect(stderr, bench->err);

	bench->status = run_command(&invocation);
	bench->printed = take_back(stdout, out, bench->out);
	bench->said = take_back(stderr, err, bench->err);
	bench->asked = file_read(bench->log, BYTES_MAX, NULL, &fault);
	(void)kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static void assert_has(const char *text, const char *part)
{
	if (text == NULL || strstr(text, part) == NULL)
		fail_msg("'%s' has no '%s'", text != NULL ? text : "(null)", part);
}

#define ANSWERS(...) ((const struct exchange[SCRIPT_MAX]){ __VA_ARGS__ })

/* ---- tests ---- */

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
		cmocka_unit_test(a_refusal_that_is_not_of_the_role_names_no_role),
		cmocka_unit_test(an_empty_list_says_so),
		cmocka_unit_test(errors_are_not_nothing_to_do),
		cmocka_unit_test(a_list_is_never_written_over_another),
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
