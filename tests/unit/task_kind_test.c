/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue of tasks: nothing is opened that is not in it, what a task takes from its kind, and values that
 * may be pasted (copy_safe.tsv). */
#include "tests/unit/cases.h"

#include <ctype.h>
#include <glob.h>

#include "common/clock.h"
#include "orchestrator/domain/task_kind.h"
#include "orchestrator/flows/office_calendar.h"

/* How SQL opens a task. */
#define SQL_OPENS "insert into tasks (kind, "

enum { SOURCE_MAX = 1024 * 1024, WORD_MAX = 64 };

static int64_t at(const char *text)
{
	int64_t instant = 0;

	assert_true(clock_parse(&instant, text));
	return instant;
}

/* ---- what the sources open ---- */

static const char *skip_space(const char *from)
{
	while (isspace((unsigned char)*from))
		from++;
	return from;
}

/* The literal between two QUOTEs at FROM, lower case and underscores; false if there is something else. */
static bool read_word(char word[WORD_MAX], const char *from, char quote)
{
	size_t len = strspn(from + 1, "abcdefghijklmnopqrstuvwxyz_");

	if (*from != quote || from[len + 1] != quote || len == 0 || len >= WORD_MAX)
		return false;
	memcpy(word, from + 1, len);
	word[len] = '\0';
	return true;
}

/* What is inserted into the first column: behind `values (` or `select `. */
static const char *first_value(const char *columns)
{
	const char *after = strchr(columns, ')');

	assert_non_null(after);
	after = skip_space(after + 1);
	return after + (text_starts(after, "values (") ? strlen("values (") : strlen("select "));
}

/* Every word that follows MARK in FILE is a kind; gives how many were found. */
static size_t assert_file_knows(const char *file, const char *mark, char quote)
{
	struct fault fault = { 0 };
	OWNED char *text = file_read(file, SOURCE_MAX, NULL, &fault);
	size_t found = 0;

	assert_non_null(text);
	for (char *place = strstr(text, mark); place != NULL; place = strstr(place + 1, mark)) {
		char word[WORD_MAX];

		const char *after = skip_space(place + strlen(mark));
		if (text_equal(mark, SQL_OPENS))
			after = first_value(after);
		if (!read_word(word, after, quote))
			continue;
		found++;
		if (task_kind_find(word)->word == NULL)
			fail_msg(
				"%s opens \"%s\", which domain/task_kind.c does not know: add a line there",
				file, word);
	}
	return found;
}

/* The same in all files of PATTERN. */
static size_t assert_kinds_known(const char *pattern, const char *mark, char quote)
{
	glob_t files = { 0 };
	size_t found = 0;

	(void)glob(pattern, 0, NULL, &files);
	for (size_t i = 0; i < files.gl_pathc; i++)
		found += assert_file_knows(files.gl_pathv[i], mark, quote);
	globfree(&files);
	return found;
}

static void every_kind_that_is_opened_or_closed_is_in_the_catalogue(void **state)
{
	(void)state;
	assert_true(assert_kinds_known(
			    XUQI_SOURCE_DIR "/orchestrator/flows/*.c", "\"kind\",", '"') >= 15);
	assert_true(assert_kinds_known(XUQI_SOURCE_DIR "/orchestrator/flows/*.c",
			    "stage_close_task(run,", '"') >= 5);
	assert_true(assert_kinds_known(XUQI_SOURCE_DIR "/orchestrator/flows/*.c",
			    "stage_answer(run,", '"') >= 3);
	(void)assert_kinds_known(XUQI_SOURCE_DIR "/orchestrator/connectors/*.c", "\"kind\",", '"');
	assert_true(assert_kinds_known(XUQI_SOURCE_DIR "/schema/*.sql", SQL_OPENS, '\'') >= 2);
	assert_true(assert_kinds_known(
			    XUQI_SOURCE_DIR "/orchestrator/store/*.sql", SQL_OPENS, '\'') >= 1);
}

/* The positive control: the reader of sources finds a kind that nobody knows. */
static void a_kind_without_a_line_is_found(void **state)
{
	char word[WORD_MAX];

	(void)state;
	assert_true(read_word(word, skip_space("\n\t\t\"stray_kind\", 1"), '"'));
	assert_null(task_kind_find(word)->word);
	assert_false(read_word(word, "plan_kind_word(x)", '"'));
}

static bool is_role(const char *word)
{
	static const char *const roles[] = { "operator", "finance", "approver", "handler",
		"admin" };

	for (size_t i = 0; i < COUNT_OF(roles); i++)
		if (text_equal(roles[i], word))
			return true;
	return false;
}

static void every_line_is_whole(void **state)
{
	const struct task_kind *kind = task_kinds;

	(void)state;
	for (;; kind++) {
		assert_true(is_role(kind->role) && is_role(kind->tell_role));
		assert_true(kind->due_days >= 0 && kind->due_days <= 10);
		assert_true(kind->escalate_days >= 1 && kind->escalate_days <= 10);
		assert_true(strlen(kind->title) > 5 && strlen(kind->if_ignored) > 10);
		if (kind->word == NULL)
			break;
		assert_ptr_equal(task_kind_find(kind->word), kind); /* once */
	}
}

/* ---- what a task takes ---- */

static json_t *completed(const char *task, const char *now)
{
	struct fault fault = { 0 };
	json_t *json = json_read(task, strlen(task), &fault);
	CLEANUP(calendar_freep)
	struct calendar *calendar =
		office_calendar_read(XUQI_SOURCE_DIR "/policies/calendar", "", &fault);

	assert_non_null(json);
	assert_non_null(calendar);
	task_kind_complete(json, calendar, at(now));
	return json;
}

static void a_task_has_an_owner_and_a_deadline_in_working_days(void **state)
{
	JSON *task = completed("{\"kind\":\"agreement\"}", "2026-09-30T10:00:00+08:00");

	(void)state;
	assert_string_equal(json_peek_text(task, "role"), "handler");
	assert_string_equal(json_peek_text(task, "due_at"), "2026-10-08T09:30:00Z");
	assert_string_equal(json_peek_text(task, "escalate_at"), "2026-10-09T09:30:00Z");
	assert_string_equal(json_peek_text(task, "if_ignored"), "The application stays a draft.");
	assert_true(json_is_true(json_object_get(task, "due_is_usual")));
}

static void what_the_flow_says_stays(void **state)
{
	JSON *task =
		completed("{\"kind\":\"bind\",\"title\":\"own\",\"role\":\"operator\",\"due_at\":"
			  "\"2026-11-23T03:00:00Z\"}",
			"2026-11-23T10:30:00+08:00");

	(void)state;
	assert_string_equal(json_peek_text(task, "title"), "own");
	assert_string_equal(json_peek_text(task, "role"), "operator");
	assert_string_equal(json_peek_text(task, "due_at"), "2026-11-23T03:00:00Z");
	assert_string_equal(json_peek_text(task, "escalate_at"), "2026-11-25T09:30:00Z");
	assert_null(json_object_get(task, "due_is_usual"));
}

static void an_unknown_kind_has_an_owner_all_the_same(void **state)
{
	JSON *task = completed("{\"kind\":\"never_heard\"}", "2026-11-23T10:30:00+08:00");

	(void)state;
	assert_string_equal(json_peek_text(task, "role"), "operator");
	assert_non_null(json_peek_text(task, "due_at"));
}

static void values_become_copy_safe_but_the_statement_under_its_digest(void **state)
{
	JSON *task = completed(
		"{\"kind\":\"intent\",\"values\":{\"holder\":\" Acme\\u200b \",\"statement\":\"I \\n agree\","
		"\"count\":1}}",
		"2026-11-23T10:30:00+08:00");
	const json_t *values = json_object_get(task, "values");

	(void)state;
	assert_string_equal(json_peek_text(values, "holder"), "Acme");
	assert_string_equal(json_peek_text(values, "statement"), "I \n agree");
	assert_int_equal(json_peek_number(values, "count", 0), 1);
}

static void a_value_is_pasted_as_it_is_read(void **state)
{
	const struct case_row *row = *state;
	OWNED char *safe = task_copy_safe(row->cells[0]);

	assert_string_equal(safe, row->cells[1]);
}

int main(void)
{
	static struct CMUnitTest tests[CASE_ROWS_MAX + 8] = {
		cmocka_unit_test(every_kind_that_is_opened_or_closed_is_in_the_catalogue),
		cmocka_unit_test(a_kind_without_a_line_is_found),
		cmocka_unit_test(every_line_is_whole),
		cmocka_unit_test(a_task_has_an_owner_and_a_deadline_in_working_days),
		cmocka_unit_test(what_the_flow_says_stays),
		cmocka_unit_test(an_unknown_kind_has_an_owner_all_the_same),
		cmocka_unit_test(values_become_copy_safe_but_the_statement_under_its_digest),
	};
	size_t count = 7;

	cases_add(tests, &count, "copy_safe.tsv", a_value_is_pasted_as_it_is_read);
	return cases_run("task_kind", tests, count);
}
