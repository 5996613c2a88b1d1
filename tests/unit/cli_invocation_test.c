/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines taken apart, and what becomes of them at the server. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "orchestrator/cli/call.h"
#include "orchestrator/cli/help.h"
#include "orchestrator/cli/run.h"

enum { WORDS_MAX = 32, HELP_WIDTH = 132 };

/* A command line split at blanks (a word has none). */
struct line {
	char *text;
	char *words[WORDS_MAX];
	int count;
};

static void line_split(struct line *line, const char *text)
{
	*line = (struct line){ .text = text_dup(text) };
	for (char *at = line->text; *at != '\0' && line->count < WORDS_MAX;) {
		size_t len = strcspn(at, " ");

		line->words[line->count++] = at;
		at += len;
		if (*at != '\0')
			*at++ = '\0';
	}
}

static void line_done(struct line *line)
{
	free(line->text);
}

#define LINE CLEANUP(line_done) struct line

static struct invocation accepted(const struct line *line)
{
	struct invocation invocation;
	struct fault fault;

	if (!invocation_parse(&invocation, line->count, line->words, &fault))
		fail_msg("%s", fault.text);
	return invocation;
}

static void assert_refused(const char *text, const char *part)
{
	struct invocation invocation;
	struct fault fault;
	LINE line;

	line_split(&line, text);
	assert_false(invocation_parse(&invocation, line.count, line.words, &fault));
	if (strstr(fault.text, part) == NULL)
		fail_msg("'%s' does not say '%s'", fault.text, part);
}

/* TEXT becomes METHOD on PATH with BODY (NULL: none). */
static void assert_call(const char *text, const char *method, const char *path, const char *body)
{
	CLEANUP(call_done) struct call call = { .method = NULL };
	struct fault fault;
	LINE line;

	line_split(&line, text);
	struct invocation invocation = accepted(&line);

	if (!call_build(&call, &invocation, &fault))
		fail_msg("%s: %s", text, fault.text);
	assert_string_equal(call.method, method);
	assert_string_equal(call.path.data, path);
	if (body == NULL) {
		assert_null(call.body);
		return;
	}
	OWNED char *found = json_write_canonical(call.body);

	assert_string_equal(found, body);
}

static void assert_no_call(const char *text, const char *part)
{
	struct call call = { .method = NULL };
	struct fault fault;
	LINE line;

	line_split(&line, text);
	struct invocation invocation = accepted(&line);

	assert_false(call_build(&call, &invocation, &fault));
	assert_non_null(strstr(fault.text, part));
	assert_null(call.body);
}

static void options_may_stand_anywhere_and_in_both_forms(void **state)
{
	static const char *const lines[] = { "xuqi -o json task list --state open --mine",
		"xuqi task --output=json list --mine --state=open",
		"xuqi task list --mine --state open -o json" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		LINE line;

		line_split(&line, lines[i]);
		struct invocation invocation = accepted(&line);

		assert_ptr_equal(invocation.command, command_find("task", "list"));
		assert_string_equal(invocation_value(&invocation, "--state"), "open");
		assert_non_null(invocation_value(&invocation, "--mine"));
		assert_true(invocation_wants_json(&invocation));
	}
}

static void a_bare_hold_lists_holds(void **state)
{
	(void)state;
	assert_call("xuqi hold", "GET", "/v1/holds", NULL);
	assert_call("xuqi hold -o json", "GET", "/v1/holds", NULL);
	assert_call("xuqi hold all --reason audit", "POST", "/v1/holds",
		"{\"reason\":\"audit\",\"scope\":\"all\"}");
	assert_call("xuqi hold unit 财务部 --reason r", "POST", "/v1/holds",
		"{\"reason\":\"r\",\"scope\":\"unit\",\"target\":\"财务部\"}");
}

static void usage_errors_name_the_word_and_the_remedy(void **state)
{
	(void)state;
	assert_refused("xuqi", "xuqi --help");
	assert_refused("xuqi cart list", "'cart'");
	assert_refused("xuqi cert", "list, import");
	assert_refused("xuqi cert lost", "list, import");
	assert_refused("xuqi cert list --colour red", "--colour");
	assert_refused("xuqi cert list extra", "one word too many");
	assert_refused("xuqi cert list --unit", "wants a value");
	assert_refused("xuqi cert list --unit a --unit b", "given twice");
	assert_refused("xuqi cert list --unit=", "is empty");
	assert_refused("xuqi cert list --group all", "expiring|expired|valid");
	assert_refused("xuqi cert list -o xml", "table|json");
	assert_refused("xuqi cert list --commit", "--commit");
	assert_refused("xuqi task list --mine=yes", "takes no value");
	assert_refused("xuqi task done", "ID is missing");
	assert_refused("xuqi campaign approve 3 --gate all", "--digest HEX is missing");
}

static void help_and_version_need_nothing_else(void **state)
{
	LINE help, version;

	(void)state;
	line_split(&help, "xuqi campaign approve -h");
	assert_true(accepted(&help).help);
	line_split(&version, "xuqi --version");
	assert_true(accepted(&version).version);
}

static void words_behind_two_dashes_are_no_options(void **state)
{
	(void)state;
	assert_call("xuqi task show -- --7", "GET", "/v1/tasks/--7", NULL);
}

static void queries_and_paths_are_encoded(void **state)
{
	(void)state;
	assert_call("xuqi renewal list --campaign 3 --blocked pin --unit 财&务", "GET",
		"/v1/renewals?campaign=3&blocked=pin&unit=%E8%B4%A2%26%E5%8A%A1", NULL);
	assert_call("xuqi renewal show 0A/../b?c", "GET", "/v1/renewals/0A%2F..%2Fb%3Fc", NULL);
}

static void nothing_is_committed_unless_it_is_said(void **state)
{
	(void)state;
	assert_call("xuqi match reject 4 --reason wrong", "POST", "/v1/matches/4/reject",
		"{\"commit\":false,\"reason\":\"wrong\"}");
	assert_call("xuqi match confirm 4", "POST", "/v1/matches/4/confirm", "{\"commit\":false}");
	assert_call("xuqi match confirm 4 --commit", "POST", "/v1/matches/4/confirm",
		"{\"commit\":true}");
	assert_call("xuqi payment export", "POST", "/v1/payments/export", "{\"commit\":false}");
	assert_call("xuqi task done 4 --set accept=yes --set note=a=b --commit", "POST",
		"/v1/tasks/4/done",
		"{\"commit\":true,\"files\":[],\"values\":{\"accept\":\"yes\",\"note\":\"a=b\"}}");
}

static void every_act_with_effects_outside_is_a_dry_run_by_default(void **state)
{
	static const char *const acts[][2] = { { "cert", "import" }, { "campaign", "run" },
		{ "payment", "export" }, { "statement", "import" }, { "match", "confirm" },
		{ "match", "release" }, { "task", "done" } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(acts); i++)
		assert_true((command_find(acts[i][0], acts[i][1])->flags & COMMAND_COMMIT) != 0);
}

static void an_instant_is_sent_in_utc(void **state)
{
	(void)state;
	assert_call("xuqi campaign run 5 --start-at 2026-11-22T21:00:00+08:00 --commit", "POST",
		"/v1/campaigns/5/run", "{\"commit\":true,\"start_at\":\"2026-11-22T13:00:00Z\"}");
	assert_call("xuqi campaign run 5", "POST", "/v1/campaigns/5/run",
		"{\"commit\":false,\"start_at\":null}");
	assert_no_call("xuqi campaign run 5 --start-at tonight", "--start-at");
}

static void values_that_cannot_be_used_are_refused(void **state)
{
	(void)state;
	assert_no_call("xuqi task done 4 --set accept", "KEY=VALUE");
	assert_no_call("xuqi task done 4 --set a=1 --set a=2", "given twice");
	assert_no_call("xuqi token create --login l --name n --role admin --days x", "--days");
	assert_no_call("xuqi task done 4 --attach /nowhere/a.pdf", "/nowhere/a.pdf");
	assert_no_call("xuqi hold all --reason \xFF", "--reason");
}

static void files_travel_as_base64_with_name_and_type(void **state)
{
	char folder[] = "/tmp/xuqi-cli-XXXXXX";
	struct fault fault;

	(void)state;
	assert_non_null(mkdtemp(folder));
	OWNED char *path = file_join(folder, "licence.PDF");
	OWNED char *attach = text_dupf("xuqi task done 4 --attach %s", path);
	OWNED char *statement = text_dupf("xuqi statement import %s", path);
	OWNED char *policy = text_dupf("xuqi policy check %s", path);

	assert_true(file_write(path, "a: 1\n", 5, 0600, &fault));
	assert_call(attach, "POST", "/v1/tasks/4/done",
		"{\"commit\":false,\"files\":[{\"data_b64\":\"YTogMQo=\",\"media_type\":"
		"\"application/pdf\",\"name\":\"licence.PDF\"}],\"values\":{}}");
	assert_call(statement, "POST", "/v1/statements",
		"{\"commit\":false,\"data_b64\":\"YTogMQo=\",\"file_name\":\"licence.PDF\"}");
	assert_call(policy, "POST", "/v1/policies/check",
		"{\"policy_name\":\"licence.PDF\",\"policy_yaml\":\"a: 1\\n\"}");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

static void what_comes_next_is_filled_from_the_answer(void **state)
{
	JSON *answer = json_pack("{s:i,s:s,s:{s:i}}", "id", 7, "digest", "abc", "match", "id", 9);
	OWNED char *next = run_fill("approve {id} --digest {digest}", answer);
	OWNED char *inner = run_fill("release {match.id}.", answer);

	(void)state;
	assert_string_equal(next, "approve 7 --digest abc");
	assert_string_equal(inner, "release 9.");
	assert_null(run_fill("{nothing}", answer));
}

/* ---- the table itself ---- */

static void every_command_has_a_noun_and_its_help(void **state)
{
	(void)state;
	for (size_t i = 0; command_at(i) != NULL; i++) {
		assert_non_null(noun_find(command_at(i)->noun));
		assert_non_null(command_at(i)->summary);
		assert_non_null(command_at(i)->roles);
		assert_ptr_equal(
			command_find(command_at(i)->noun, command_at(i)->verb), command_at(i));
		for (size_t k = 0; k < command_at(i)->field_count; k++)
			if (field_is_typed(&command_at(i)->fields[k]))
				assert_non_null(command_at(i)->fields[k].help);
	}
}

static void a_path_with_an_id_has_one_argument_for_it(void **state)
{
	(void)state;
	for (size_t i = 0; command_at(i) != NULL; i++) {
		size_t places = 0;

		for (size_t k = 0; k < command_at(i)->field_count; k++)
			places += command_at(i)->fields[k].place == FIELD_PATH ? 1 : 0;
		if (command_at(i)->path != NULL)
			assert_int_equal(
				places, strstr(command_at(i)->path, ":id") != NULL ? 1 : 0);
	}
}

/* `--state` is another thing for each noun. */
static void completion_knows_whose_option_it_is(void **state)
{
	TEXT bash;

	(void)state;
	text_init(&bash, HELP_BYTES_MAX);
	help_bash(&bash);
	assert_non_null(strstr(bash.data, "\ttask' --state') words='open done all' ;;"));
	assert_non_null(strstr(bash.data, "\tnotice' --state') words='due sending"));
	assert_non_null(strstr(bash.data, "\tperson' --mobile') COMPREPLY=($(compgen -f"));
	assert_null(strstr(bash.data, "\ttoken' --mobile') COMPREPLY"));
}

static void help_fits_on_a_screen(void **state)
{
	(void)state;
	for (size_t i = 0; command_at(i) != NULL; i++) {
		TEXT help;

		text_init(&help, HELP_BYTES_MAX);
		help_command(&help, command_at(i));
		for (const char *line = strchr(help.data, '\n'); line != NULL;
			line = strchr(line + 1, '\n'))
			assert_in_range(strcspn(line + 1, "\n"), 0, HELP_WIDTH);
	}
}

static void help_and_completion_name_every_command_and_option(void **state)
{
	TEXT help, bash;

	(void)state;
	text_init(&help, HELP_BYTES_MAX);
	text_init(&bash, HELP_BYTES_MAX);
	help_all(&help);
	help_bash(&bash);
	assert_false(text_full(&help) || text_full(&bash));
	for (size_t i = 0; command_at(i) != NULL; i++) {
		char words[INVOCATION_PROGRAM_MAX];

		assert_non_null(strstr(help.data, invocation_words(words, command_at(i))));
		for (size_t k = 0; k < command_at(i)->field_count; k++) {
			const struct field *field = &command_at(i)->fields[k];

			if (field_is_option(field))
				assert_non_null(strstr(bash.data, field->name));
		}
	}
}

static void the_listing_for_programs_is_complete(void **state)
{
	JSON *all = help_json();

	(void)state;
	assert_int_equal(json_array_size(json_object_get(all, "commands")), command_count());
	assert_int_equal(
		json_array_size(json_object_get(all, "global_options")), global_field_count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_may_stand_anywhere_and_in_both_forms),
		cmocka_unit_test(a_bare_hold_lists_holds),
		cmocka_unit_test(usage_errors_name_the_word_and_the_remedy),
		cmocka_unit_test(help_and_version_need_nothing_else),
		cmocka_unit_test(words_behind_two_dashes_are_no_options),
		cmocka_unit_test(queries_and_paths_are_encoded),
		cmocka_unit_test(nothing_is_committed_unless_it_is_said),
		cmocka_unit_test(every_act_with_effects_outside_is_a_dry_run_by_default),
		cmocka_unit_test(an_instant_is_sent_in_utc),
		cmocka_unit_test(values_that_cannot_be_used_are_refused),
		cmocka_unit_test(files_travel_as_base64_with_name_and_type),
		cmocka_unit_test(what_comes_next_is_filled_from_the_answer),
		cmocka_unit_test(every_command_has_a_noun_and_its_help),
		cmocka_unit_test(a_path_with_an_id_has_one_argument_for_it),
		cmocka_unit_test(help_and_completion_name_every_command_and_option),
		cmocka_unit_test(completion_knows_whose_option_it_is),
		cmocka_unit_test(help_fits_on_a_screen),
		cmocka_unit_test(the_listing_for_programs_is_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
