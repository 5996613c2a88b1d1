/* SPDX-License-Identifier: Apache-2.0 */
/* Records, ledger, journal, settings, client version and PIN file: what the agent's parts share. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/base/client_version.h"
#include "agent/base/journal.h"
#include "agent/base/ledger.h"
#include "agent/base/pin_file.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/text.h"
#include "tests/unit/agent_bench.h"

static int begin(void **state)
{
	struct bench *bench = zalloc(1, sizeof(*bench));

	bench_start(bench);
	*state = bench;
	return 0;
}

static int end(void **state)
{
	bench_end(*state);
	free(*state);
	return 0;
}

/* ---- records ---------------------------------------------------------------------------------- */

static void a_record_is_read_as_it_was_written(void **state)
{
	struct bench *bench = *state;
	const char *path = bench_path(bench, "records");
	const char *odd = "quote \" backslash \\ tab \t newline \n 中文";
	struct fault fault = { 0 };
	struct record_list list;

	assert_true(record_append(
		path, (const struct record_pair[]){ { "odd", odd }, { "no", NULL } }, 2, &fault));
	assert_true(record_list_read(&list, path, &fault));

	assert_int_equal(list.count, 1);
	assert_string_equal(record_get(&list.items[0], "odd"), odd);
	assert_string_equal(record_get(&list.items[0], "no"), "");
	assert_string_equal(record_get(&list.items[0], "absent"), "");
	record_list_done(&list);
}

static void what_is_not_a_flat_object_of_texts_is_refused(void **state)
{
	static const char *const lines[] = { "", "{", "{}", "{\"a\"}", "{\"a\":1}", "{\"a\":\"b\"",
		"{\"a\":\"b\"}x", "{\"a\":\"b\",}", "{\"a\":{\"b\":\"c\"}}", "{\"a\":\"\\u0041\"}",
		"{\"a\":\"\\u00", "{\"a\":\"\\", "{\"a\":\"\\n\"}", "[\"a\"]", "{\"a\":\"b\tc\"}" };
	struct record record;
	struct fault fault = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lines); i++)
		assert_false(record_parse(&record, lines[i], &fault));
}

static void a_torn_last_line_is_dropped_and_mended(void **state)
{
	struct bench *bench = *state;
	const char *path = bench_path(bench, "records");
	struct fault fault = { 0 };
	struct record_list list;
	const struct record_pair pair = { "n", "2" };

	bench_write(bench, "records", "{\"n\":\"1\"}\n{\"n\":\"to");
	assert_true(record_list_read(&list, path, &fault));
	assert_int_equal(list.count, 1);
	record_list_done(&list);

	assert_true(record_append(path, &pair, 1, &fault));

	OWNED char *content = bench_read(bench, "records");

	assert_string_equal(content, "{\"n\":\"1\"}\n{\"n\":\"2\"}\n");
}

static void a_damaged_line_is_refused_with_its_place(void **state)
{
	struct bench *bench = *state;
	struct fault fault = { 0 };
	struct record_list list;

	bench_write(bench, "records", "{\"n\":\"1\"}\nrubbish\n{\"n\":\"3\"}\n");
	assert_false(record_list_read(&list, bench_path(bench, "records"), &fault));
	assert_non_null(strstr(fault.text, "records:2"));
	record_list_done(&list);
}

/* ---- the PIN ledger --------------------------------------------------------------------------- */

static bool is_barred(struct bench *bench, const char *serial, const char *spki)
{
	const struct ledger_attempt attempt = { .serial = serial, .spki_sha256 = spki };
	struct fault fault = { 0 };
	char why[480];
	bool barred = false;

	return !ledger_is_barred(&barred, why, sizeof(why), &bench->read, &attempt, &fault) ||
		barred;
}

static void given_an_attempt(struct bench *bench, const char *ref, enum ledger_verdict verdict)
{
	const struct ledger_attempt attempt = { "S1", "K1", "41", ref };
	struct fault fault = { 0 };

	assert_true(ledger_begin(&bench->read, &attempt, &fault));
	if (verdict != LEDGER_OPEN)
		assert_true(ledger_end(&bench->read, &attempt, verdict, &fault));
}

static void only_a_success_leaves_a_token_free(void **state)
{
	static const enum ledger_verdict bars[] = { LEDGER_OPEN, LEDGER_INCORRECT, LEDGER_UNKNOWN };
	struct bench *bench = *state;

	given_an_attempt(bench, "r0", LEDGER_SUCCEEDED);
	assert_false(is_barred(bench, "S1", "K1"));
	for (size_t i = 0; i < COUNT_OF(bars); i++) {
		OWNED char *ref = text_dupf("bad%zu", i);
		struct fault fault = { 0 };

		given_an_attempt(bench, ref, bars[i]);
		assert_true(is_barred(bench, "S1", "K1"));
		assert_true(ledger_clear(&bench->read, "S1", "uid 0", &fault));
		assert_false(is_barred(bench, "S1", "K1"));
	}
}

static void a_success_does_not_lift_an_earlier_bar(void **state)
{
	given_an_attempt(*state, "r0", LEDGER_INCORRECT);
	given_an_attempt(*state, "r1", LEDGER_SUCCEEDED);
	assert_true(is_barred(*state, "S1", "K1"));
}

static void a_bar_follows_the_key_when_the_serial_changes(void **state)
{
	given_an_attempt(*state, "r0", LEDGER_INCORRECT);
	assert_true(is_barred(*state, "S2", "K1"));
	assert_true(is_barred(*state, "S1", "K2"));
	assert_false(is_barred(*state, "S2", "K2"));
}

static void a_ledger_that_cannot_be_read_bars(void **state)
{
	struct bench *bench = *state;

	bench_write(bench, "state/pin_ledger.jsonl", "rubbish\n");
	assert_true(is_barred(bench, "S1", "K1"));
}

static void a_verdict_is_found_by_its_permit(void **state)
{
	struct bench *bench = *state;
	enum ledger_verdict verdict = LEDGER_OPEN;
	struct fault fault = { 0 };

	given_an_attempt(bench, "r0", LEDGER_SUCCEEDED);
	given_an_attempt(bench, "r1", LEDGER_OPEN);
	assert_true(ledger_find(&verdict, &bench->read, "r0", &fault));
	assert_int_equal(verdict, LEDGER_SUCCEEDED);
	assert_true(ledger_find(&verdict, &bench->read, "r1", &fault));
	assert_int_equal(verdict, LEDGER_OPEN);
	assert_true(ledger_find(&verdict, &bench->read, "r2", &fault));
	assert_int_equal(verdict, LEDGER_NONE);
}

/* ---- the journal ------------------------------------------------------------------------------ */

static void open_journal(struct journal *journal, struct bench *bench)
{
	struct fault fault = { 0 };

	assert_true(journal_open(journal, &bench->read, "41", &fault));
}

static void add(struct journal *journal, const char *step)
{
	const struct record_pair pair = { "permit_ref", "r1" };
	struct fault fault = { 0 };

	assert_true(journal_add(journal, step, &pair, 1, &fault));
}

static void a_journal_tells_the_attempt_under_way_from_the_last(void **state)
{
	CLEANUP(journal_done) struct journal journal = { 0 };

	open_journal(&journal, *state);
	add(&journal, STEP_PREPARED);
	add(&journal, STEP_PERMITTED);
	add(&journal, STEP_LOGGED_IN);
	assert_non_null(journal.permitted);
	assert_true(journal.logged_in);

	add(&journal, STEP_ENDED);
	assert_null(journal.prepared);
	assert_false(journal.logged_in);
	assert_false(journal.posted);
	assert_int_equal(journal.ended_from, 0);
	assert_int_equal(journal.ended_at, 3);

	add(&journal, STEP_POSTED);
	assert_true(journal.posted);
	add(&journal, STEP_PREPARED);
	assert_non_null(journal.prepared);
	assert_null(journal.permitted);
	assert_true(journal.posted);
}

static void a_refusal_is_said_again_only_after_a_while(void **state)
{
	CLEANUP(journal_done) struct journal journal = { 0 };
	const struct journal_end end = { .outcome = OUTCOME_PIN_BARRED, .error = "barred" };
	const struct journal_end other = { .outcome = OUTCOME_TOKEN_OTHER, .error = "another" };
	struct fault fault = { 0 };
	int64_t now = clock_now();

	open_journal(&journal, *state);
	clock_set(now);
	assert_true(journal_close(&journal, &end, &fault));
	assert_true(journal_close(&journal, &end, &fault));
	assert_int_equal(journal.lines.count, 1);
	add(&journal, STEP_POSTED);
	assert_true(journal_close(&journal, &end, &fault));
	assert_true(journal.posted);
	assert_int_equal(journal.lines.count, 2);

	clock_set(now + 60 * CLOCK_SECOND);
	assert_true(journal_close(&journal, &end, &fault));
	assert_false(journal.posted);
	add(&journal, STEP_POSTED);
	assert_true(journal_close(&journal, &other, &fault));
	assert_false(journal.posted);
	clock_set(0);
}

static void a_refusal_that_gives_a_permit_back_is_always_said(void **state)
{
	CLEANUP(journal_done) struct journal journal = { 0 };
	const struct journal_end end = { .outcome = OUTCOME_TOKEN_ABSENT, .permit_ref = "r1" };
	struct fault fault = { 0 };

	open_journal(&journal, *state);
	for (int i = 0; i < 2; i++) {
		assert_true(journal_close(&journal, &end, &fault));
		assert_false(journal.posted);
		add(&journal, STEP_POSTED);
	}
}

static void an_order_id_that_could_leave_the_folder_is_refused(void **state)
{
	static const char *const ids[] = { "", "..", "../41", "a/b", "a.b", "a b", "41\n" };
	struct bench *bench = *state;
	struct journal journal;
	struct fault fault = { 0 };

	for (size_t i = 0; i < COUNT_OF(ids); i++)
		assert_false(journal_open(&journal, &bench->read, ids[i], &fault));
	assert_true(order_id_is_safe("41"));
	assert_true(order_id_is_safe("a-B_9"));
}

/* ---- settings --------------------------------------------------------------------------------- */

static void refuse_settings(struct bench *bench, const char *more, const char *reason)
{
	struct agent_settings settings = { 0 };
	struct fault fault = { 0 };
	OWNED char *base = bench_read(bench, "agent.yaml");
	OWNED char *yaml = text_dupf("%s%s", base, more);

	bench_write(bench, "bad.yaml", yaml);
	assert_false(agent_settings_read(&settings, bench_path(bench, "bad.yaml"), &fault));
	if (strstr(fault.text, reason) == NULL)
		fail_msg("%s: %s", more, fault.text);
}

static void settings_that_are_wrong_are_refused_with_place_and_reason(void **state)
{
	struct bench *bench = *state;

	refuse_settings(bench, "colour: red\n", "colour");
	refuse_settings(bench, "tokens: {}\n", "list");
	refuse_settings(bench, "tokens:\n  - serial: a\n", "pin_file");
	refuse_settings(bench, "tokens:\n  - {serial: a, pin_file: /p}\n", "consent");
	refuse_settings(bench,
		"tokens:\n  - {serial: a, pin_file: /p, consent: {custodian: x, given_on: soon}}\n",
		"given_on");
	refuse_settings(bench,
		"tokens:\n  - {serial: a, pin_file: p, consent: {custodian: x, given_on: "
		"2026-11-01}}\n",
		"absolute");
	refuse_settings(bench, "tokens:\n  - {serial: a, pin: '1234'}\n", "unknown word");
	refuse_settings(bench,
		"tokens:\n"
		"  - {serial: a, pin_file: /p, consent: {custodian: x, given_on: 2026-11-01}}\n"
		"  - {serial: a, pin_file: /q, consent: {custodian: x, given_on: 2026-11-01}}\n",
		"twice");
}

static void a_token_with_consent_is_read(void **state)
{
	struct bench *bench = *state;
	const struct agent_token *token = NULL;

	bench_settings(bench,
		"tokens:\n"
		"  - {serial: a1, pin_file: /p, consent: {custodian: 王芳, given_on: 2026-11-01}}\n");
	token = agent_settings_token(&bench->read, "a1");
	assert_non_null(token);
	assert_string_equal(token->custodian, "王芳");
	assert_null(agent_settings_token(&bench->read, "a2"));
}

/* ---- client version and PIN file -------------------------------------------------------------- */

static void a_client_version_is_read_or_unknown(void **state)
{
	static const struct {
		const char *content, *version;
		bool suffices;
	} cases[] = {
		{ "V4.7.10\r\nbuild 7\n", "4.7.10", true },
		{ " 4.7.6 ", "4.7.6", true },
		{ "4.7.5", "4.7.5", false },
		{ "V4.8", "4.8", true },
		{ "4.10.0.1\n", "4.10.0.1", true },
		{ "", "", false },
		{ "unknown\n", "", false },
		{ "4.7.\n", "", false },
	};
	struct bench *bench = *state;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char version[CLIENT_VERSION_MAX];

		bench_write(bench, "version", cases[i].content);
		client_version_read(version, &bench->read);
		assert_string_equal(version, cases[i].version);
		assert_int_equal(
			client_version_suffices(&bench->read, version, "4.7.6"), cases[i].suffices);
	}
	assert_true(client_version_suffices(&bench->read, "4.7.10", "4.7.10"));
	assert_false(client_version_suffices(&bench->read, "4.7.9", "4.7.10"));
}

static void a_pin_file_must_be_private_and_no_link(void **state)
{
	struct bench *bench = *state;
	const char *pin = bench_path(bench, "pin");
	const char *link_path = bench_path(bench, "pin-link");
	struct fault fault = { 0 };
	int fd = pin_file_open(pin, &fault);

	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(symlink(pin, link_path), 0);
	assert_int_equal(pin_file_open(link_path, &fault), -1);
	assert_int_equal(chmod(pin, 0604), 0);
	assert_int_equal(pin_file_open(pin, &fault), -1);
	assert_non_null(strstr(fault.text, "chmod 0600"));
	assert_int_equal(pin_file_open(bench->dir, &fault), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_record_is_read_as_it_was_written),
		TEST(what_is_not_a_flat_object_of_texts_is_refused),
		TEST(a_torn_last_line_is_dropped_and_mended),
		TEST(a_damaged_line_is_refused_with_its_place),
		TEST(only_a_success_leaves_a_token_free),
		TEST(a_success_does_not_lift_an_earlier_bar),
		TEST(a_bar_follows_the_key_when_the_serial_changes),
		TEST(a_ledger_that_cannot_be_read_bars),
		TEST(a_verdict_is_found_by_its_permit),
		TEST(a_journal_tells_the_attempt_under_way_from_the_last),
		TEST(a_refusal_is_said_again_only_after_a_while),
		TEST(a_refusal_that_gives_a_permit_back_is_always_said),
		TEST(an_order_id_that_could_leave_the_folder_is_refused),
		TEST(settings_that_are_wrong_are_refused_with_place_and_reason),
		TEST(a_token_with_consent_is_read),
		TEST(a_client_version_is_read_or_unknown),
		TEST(a_pin_file_must_be_private_and_no_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
