/* SPDX-License-Identifier: Apache-2.0 */
/* The working-day calendar over the delivered notices: each question of calendar.tsv, each mistake of
 * calendar_errors.tsv, how files lie over each other, and that the delivered notices add up. */
#include "tests/unit/cases.h"

#include "common/clock.h"
#include "orchestrator/domain/calendar.h"
#include "orchestrator/flows/office_calendar.h"

static const char site[] = "holidays:\n  - { name: 厂休, from: 2026-12-03, to: 2026-12-04 }\n"
			   "working: [2026-12-05]\n";

static struct calendar *calendar;

static int64_t at(const char *text)
{
	int64_t instant = 0;

	if (!clock_parse(&instant, text))
		fail_msg("\"%s\" is no instant", text);
	return instant;
}

static char *yes(bool is)
{
	return text_dup(is ? "yes" : "no");
}

static char *instant(struct calendar_instant answer)
{
	char text[CLOCK_TEXT];

	clock_format(text, answer.at);
	return text_dupf("%s%s", text, answer.is_guess ? "~" : "");
}

static int64_t days_of(const char *question)
{
	const char *digits = strchr(question, ' ');

	assert_non_null(digits);
	return digits[1] - '0';
}

/* TIMES: HH:MM and a comma between. */
static int64_t next_slot(const struct calendar *rules, int64_t when, const char *times)
{
	int64_t minutes[4];
	size_t count = 0;

	for (; *times != '\0' && count < COUNT_OF(minutes); count++) {
		OWNED char *time = text_dupf("%.5s", times);

		assert_true(calendar_minute(&minutes[count], time));
		times += times[5] == ',' ? 6 : 5;
	}
	return calendar_next_slot(rules, when, minutes, count);
}

static char *answer(int64_t when, const char *question)
{
	if (text_equal(question, "worked"))
		return yes(calendar_is_working_day(calendar, when));
	if (text_equal(question, "knows"))
		return yes(calendar_knows(calendar, when));
	if (text_equal(question, "office"))
		return yes(calendar_is_office_time(calendar, when));
	if (text_equal(question, "next_office"))
		return instant((struct calendar_instant){
			calendar_next_office_at(calendar, when), false });
	if (text_starts(question, "slot "))
		return instant((struct calendar_instant){
			next_slot(calendar, when, question + strlen("slot ")), false });
	if (text_starts(question, "add "))
		return instant(calendar_add_working_days(calendar, when, days_of(question)));
	if (text_starts(question, "due "))
		return instant(calendar_due(calendar, when, days_of(question)));
	assert_true(text_starts(question, "until "));
	return text_dupf("%lld",
		(long long)calendar_working_days_between(
			calendar, when, at(question + strlen("until "))));
}

static void each_question_is_answered(void **state)
{
	const struct case_row *row = *state;
	OWNED char *got = answer(at(row->cells[0]), row->cells[1]);

	assert_string_equal(got, row->cells[2]);
}

static void a_mistake_is_named_with_its_place(void **state)
{
	const struct case_row *row = *state;
	struct fault fault = { 0 };
	CLEANUP(calendar_freep) struct calendar *fresh = calendar_new();

	assert_false(calendar_read(fresh, "c.yaml", row->cells[0], strlen(row->cells[0]), &fault));

	assert_int_equal(fault.kind, FAULT_INPUT);
	if (strstr(fault.text, row->cells[1]) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", fault.text, row->cells[1]);
}

/* A file that is refused at its last line has changed nothing. */
static void a_refused_file_changes_nothing(void **state)
{
	static const char half[] = "year: 2027\nsource: x\nworking: [2027-01-02]\noffice: 9\n";
	CLEANUP(calendar_freep) struct calendar *fresh = calendar_new();
	struct fault fault = { 0 };

	(void)state;
	assert_false(calendar_read(fresh, "c.yaml", half, strlen(half), &fault));

	assert_false(calendar_knows(fresh, at("2027-01-02T00:00:00Z")));
	assert_false(calendar_is_working_day(fresh, at("2027-01-02T00:00:00Z")));
}

static void the_site_has_the_last_word(void **state)
{
	static const char hours[] =
		"working: [2026-10-01]\noffice: { open: \"08:30\", close: \"12:00\" }\n";
	struct fault fault = { 0 };
	CLEANUP(calendar_freep)
	struct calendar *own =
		office_calendar_read(XUQI_SOURCE_DIR "/policies/calendar", "", &fault);

	(void)state;
	assert_non_null(own);
	assert_true(calendar_read(own, "site.yaml", hours, strlen(hours), &fault));

	assert_true(calendar_is_working_day(own, at("2026-10-01T10:00:00+08:00")));
	assert_true(calendar_is_office_time(own, at("2026-10-01T08:30:00+08:00")));
	assert_false(calendar_is_office_time(own, at("2026-10-01T12:00:00+08:00")));
	assert_true(calendar_knows(own, at("2026-10-01T12:00:00+08:00")));
}

static void a_missing_directory_is_a_calendar_that_knows_nothing(void **state)
{
	struct fault fault = { 0 };
	CLEANUP(calendar_freep)
	struct calendar *own = office_calendar_read("/nonexistent", "", &fault);

	(void)state;
	assert_non_null(own);
	assert_false(calendar_knows(own, at("2026-10-01T12:00:00+08:00")));
	assert_true(calendar_is_working_day(own, at("2026-10-01T12:00:00+08:00")));
}

static void an_override_that_is_not_there_is_refused(void **state)
{
	struct fault fault = { 0 };
	CLEANUP(calendar_freep)
	struct calendar *own =
		office_calendar_read("/nonexistent", "/nonexistent/site.yaml", &fault);

	(void)state;
	assert_null(own);
	assert_non_null(strstr(fault.text, "calendar.override: "));
}

/* Counted from the notices by another program: weekdays less holidays, and the make-up days. */
static void the_delivered_years_add_up(void **state)
{
	(void)state;
	CLEANUP(calendar_freep) struct calendar *plain = NULL;
	struct fault fault = { 0 };
	plain = office_calendar_read(XUQI_SOURCE_DIR "/policies/calendar", "", &fault);
	assert_non_null(plain);

	assert_int_equal(calendar_working_days_between(plain, at("2024-12-31T12:00:00+08:00"),
				 at("2025-12-31T12:00:00+08:00")),
		248);
	assert_int_equal(calendar_working_days_between(plain, at("2025-12-31T12:00:00+08:00"),
				 at("2026-12-31T12:00:00+08:00")),
		248);
}

static int read_delivered(void **state)
{
	struct fault fault = { 0 };

	(void)state;
	calendar = office_calendar_read(XUQI_SOURCE_DIR "/policies/calendar", "", &fault);
	return calendar != NULL && calendar_read(calendar, "site.yaml", site, strlen(site), &fault)
		? 0
		: -1;
}

int main(void)
{
	static struct CMUnitTest tests[2 * CASE_ROWS_MAX + 8] = {
		cmocka_unit_test(a_refused_file_changes_nothing),
		cmocka_unit_test(the_site_has_the_last_word),
		cmocka_unit_test(a_missing_directory_is_a_calendar_that_knows_nothing),
		cmocka_unit_test(an_override_that_is_not_there_is_refused),
		cmocka_unit_test(the_delivered_years_add_up),
	};
	size_t count = 5;

	if (read_delivered(NULL) != 0)
		return 1;
	cases_add(tests, &count, "calendar.tsv", each_question_is_answered);
	cases_add(tests, &count, "calendar_errors.tsv", a_mistake_is_named_with_its_place);
	int failed = cases_run("calendar", tests, count);
	calendar_free(calendar);
	return failed;
}
