/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment, polling, permits and results against an orchestrator that answers, refuses or cuts the
 * line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/base/exits.h"
#include "common/text.h"
#include "tests/unit/agent_bench.h"
#include "tests/unit/agent_server.h"

struct world {
	struct bench bench;
	struct server server;
	struct bench_token token;
};

static int begin(void **state)
{
	struct world *world = zalloc(1, sizeof(*world));

	bench_start(&world->bench);
	server_start(&world->server, &world->bench);
	*state = world;
	return 0;
}

static int begin_enrolled(void **state)
{
	struct world *world = NULL;

	(void)begin(state);
	world = *state;
	assert_int_equal(server_enrol(&world->bench), 0);
	return 0;
}

static int end(void **state)
{
	struct world *world = *state;

	server_stop(&world->server);
	bench_token_done(&world->token);
	bench_end(&world->bench);
	free(world);
	return 0;
}

static struct bench_run link_run(struct world *world, const char *mode, const char *word)
{
	return bench_run(
		&world->bench, "xuqi-agent-link", NULL, (const char *const[]){ mode, word, NULL });
}

static void then_logged(struct world *world, const char *text)
{
	OWNED char *log = bench_read(&world->bench, "log");

	if (strstr(log, text) == NULL)
		fail_msg("`%s` is not in the log:\n%s", text, log);
}

/* ---- enrolment -------------------------------------------------------------------------------- */

static void an_agent_enrols_once_and_keeps_its_key_to_itself(void **state)
{
	struct world *world = *state;
	struct stat status;

	assert_int_equal(server_enrol(&world->bench), AGENT_DONE);
	assert_int_equal(stat(bench_path(&world->bench, "state/identity.pem"), &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(server_saw(&world->bench, "PRIVATE KEY"), 0);
	assert_int_equal(server_saw(&world->bench, "CERTIFICATE REQUEST"), 1);

	assert_int_equal(server_enrol(&world->bench), AGENT_FAILED);
	then_logged(world, "enrolled already");
}

static void a_wrong_code_leaves_no_identity(void **state)
{
	struct world *world = *state;

	bench_write(&world->bench, "code", "CODE-2");
	assert_int_equal(bench_run(&world->bench, "xuqi-agent", NULL,
				 (const char *const[]){ "enrol", "--code-file",
					 bench_path(&world->bench, "code"), NULL })
				 .code,
		AGENT_REFUSED);
	then_logged(world, "CODE_INVALID");
	assert_int_equal(access(bench_path(&world->bench, "state/identity.pem"), F_OK), -1);
}

static void an_agent_without_an_identity_says_how_to_get_one(void **state)
{
	struct world *world = *state;

	assert_int_equal(link_run(world, "poll", NULL).code, AGENT_UNENROLLED);
	then_logged(world, "xuqi-agent enrol --settings FILE --code-file FILE");
	assert_int_equal(bench_run(&world->bench, "xuqi-agent", NULL, NULL).code, AGENT_UNENROLLED);
	assert_int_equal(server_saw(&world->bench, ""), 1); /* the empty last line only */
}

static void a_server_with_another_ca_is_not_spoken_to(void **state)
{
	struct world *world = *state;
	struct bench other;
	OWNED char *requests = NULL;

	bench_start(&other);

	OWNED char *root = bench_read(&other, "roots.pem");

	bench_write(&world->bench, "roots.pem", root);
	bench_end(&other);
	assert_int_equal(server_enrol(&world->bench), AGENT_REFUSED);
	then_logged(world, "server.ca_file");
	requests = bench_read(&world->bench, "server/requests");
	assert_string_equal(requests, "");
}

/* ---- reports and orders ----------------------------------------------------------------------- */

static void take_inventory(struct world *world)
{
	assert_int_equal(
		bench_run(&world->bench, "xuqi-agent-inventory", NULL, NULL).code, AGENT_DONE);
}

/* A server that was restored from a backup knows an older report. */
static void a_report_that_the_server_lost_is_sent_again(void **state)
{
	struct world *world = *state;

	take_inventory(world);
	assert_int_equal(link_run(world, "poll", NULL).code, AGENT_DONE);
	assert_int_equal(link_run(world, "poll", NULL).code, AGENT_DONE);
	assert_int_equal(server_saw(&world->bench, "POST /v1/agent/report"), 1);

	bench_write(&world->bench, "server/more", "\"report_wanted\":true,");
	assert_int_equal(link_run(world, "poll", NULL).code, AGENT_DONE);
	bench_write(&world->bench, "server/more", "");
	assert_int_equal(link_run(world, "poll", NULL).code, AGENT_DONE);
	assert_int_equal(link_run(world, "poll", NULL).code, AGENT_DONE);
	assert_int_equal(server_saw(&world->bench, "POST /v1/agent/report"), 2);
}

static void a_report_is_sent_once_until_something_changes(void **state)
{
	struct world *world = *state;

	bench_token(&world->bench, &world->token, "ukey", "ec256", false);
	take_inventory(world);
	assert_int_equal(link_run(world, "poll", NULL).code, AGENT_DONE);
	take_inventory(world);
	assert_int_equal(link_run(world, "poll", NULL).code, AGENT_DONE);
	assert_int_equal(server_saw(&world->bench, "POST /v1/agent/report"), 1);
	assert_int_equal(server_saw(&world->bench, "GET /v1/agent/orders"), 1);
	assert_int_equal(server_saw(&world->bench, world->token.serial), 1);
	assert_int_equal(server_saw(&world->bench, "\"client_version\":\"4.7.10\""), 1);
	assert_int_equal(server_saw(&world->bench, "\"has_key\":true"), 1);
	assert_int_equal(server_saw(&world->bench, "\"custodian\":\"王芳\""), 1);

	bench_write(&world->bench, "version", "no idea\n");
	take_inventory(world);
	assert_int_equal(link_run(world, "poll", NULL).code, AGENT_DONE);
	assert_int_equal(server_saw(&world->bench, "\"client_version\":null"), 1);
	assert_int_equal(bench_calls(&world->bench, "C_Login", ""), 0);
}

static void an_order_is_kept_and_withdrawn_as_the_server_says(void **state)
{
	struct world *world = *state;
	struct bench_run run;
	char order[64];

	bench_write(&world->bench, "server/orders", "[{\"id\":\"41\",\"token_serial\":\"x\"}]");
	run = link_run(world, "poll", NULL);
	assert_true(bench_fact(&run, "order", order, sizeof(order)));
	assert_string_equal(order, "41");
	assert_int_equal(access(bench_path(&world->bench, "state/order.json"), F_OK), 0);

	bench_write(&world->bench, "server/orders", "[]");
	run = link_run(world, "poll", NULL);
	assert_false(bench_fact(&run, "order", order, sizeof(order)));
	assert_int_equal(access(bench_path(&world->bench, "state/order.json"), F_OK), -1);
}

static void an_order_whose_id_is_a_path_is_refused(void **state)
{
	struct world *world = *state;

	bench_write(&world->bench, "server/orders", "[{\"id\":\"../../41\"}]");
	assert_int_equal(link_run(world, "poll", NULL).code, AGENT_FAILED);
	assert_int_equal(access(bench_path(&world->bench, "state/order.json"), F_OK), -1);
}

static void refusals_name_the_remedy(void **state)
{
	static const struct {
		const char *knob, *said;
		int code;
	} cases[] = {
		{ "all 401 AGENT_UNKNOWN", "enrol --replace", AGENT_REFUSED },
		{ "all 403 AGENT_REVOKED", "this agent was revoked", AGENT_REFUSED },
		{ "all 400 REPORT_BAD", "REPORT_BAD", AGENT_REFUSED },
		{ "all 503 BUSY", "BUSY", AGENT_LATER },
		{ "all 429 SLOWER", "SLOWER", AGENT_LATER },
		{ "all 0 CUT", "cannot reach", AGENT_LATER },
	};
	struct world *world = *state;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		bench_write(&world->bench, "server/knob", cases[i].knob);
		assert_int_equal(link_run(world, "poll", NULL).code, cases[i].code);
		then_logged(world, cases[i].said);
	}
}

/* ---- permits and results ---------------------------------------------------------------------- */

static void prepare(struct world *world, char ref[64])
{
	struct bench_run run;

	bench_token(&world->bench, &world->token, "ukey", "ec256", false);
	bench_order(&world->bench, &world->token, "41");
	run = bench_run(&world->bench, "xuqi-agent-install", NULL,
		(const char *const[]){ "preflight", NULL });
	assert_true(bench_fact(&run, "permit_ref", ref, 64));
}

static void a_permit_is_asked_for_with_one_reference_until_it_is_used(void **state)
{
	struct world *world = *state;
	char ref[64];
	char again[64];
	struct bench_run run;

	prepare(world, ref);
	bench_write(&world->bench, "server/knob", "permit 0 CUT");
	assert_int_equal(link_run(world, "permit", "41").code, AGENT_LATER);
	run = bench_run(&world->bench, "xuqi-agent-install", NULL,
		(const char *const[]){ "preflight", NULL });
	assert_true(bench_fact(&run, "permit_ref", again, sizeof(again)));
	assert_string_equal(ref, again);

	bench_write(&world->bench, "server/knob", "");
	run = link_run(world, "permit", "41");
	assert_true(bench_fact(&run, "permit", again, sizeof(again)));
	assert_string_equal(again, "granted");
	assert_int_equal(server_saw(&world->bench, ref), 2);
}

static void a_barred_permit_becomes_a_result(void **state)
{
	struct world *world = *state;
	char ref[64];
	struct bench_run run;

	prepare(world, ref);
	bench_write(&world->bench, "server/knob", "permit 409 PIN_BARRED");
	run = link_run(world, "permit", "41");
	assert_int_equal(run.code, AGENT_DONE);
	assert_string_equal(run.out, "permit=barred\n");
	assert_int_equal(link_run(world, "result", "41").code, AGENT_DONE);
	assert_int_equal(server_saw(&world->bench, "\"outcome\":\"pin_barred\""), 1);
	assert_int_equal(server_saw(&world->bench, "\"login_attempted\":false"), 1);
}

static void a_result_is_sent_until_it_is_acknowledged_and_always_the_same(void **state)
{
	struct world *world = *state;
	char ref[64];
	char word[64];
	OWNED char *first = NULL;
	OWNED char *both = NULL;

	prepare(world, ref);
	assert_int_equal(link_run(world, "permit", "41").code, AGENT_DONE);
	assert_int_equal(bench_run(&world->bench, "xuqi-agent-install", NULL,
				 (const char *const[]){ "install", ref, "3", NULL })
				 .code,
		AGENT_DONE);
	(void)unlink(bench_path(&world->bench, "server/requests"));
	bench_write(&world->bench, "server/knob", "result 0 CUT");
	assert_int_equal(link_run(world, "result", "41").code, AGENT_LATER);
	first = bench_read(&world->bench, "server/requests");

	bench_write(&world->bench, "server/knob", "");
	assert_int_equal(link_run(world, "result", "41").code, AGENT_DONE);
	both = bench_read(&world->bench, "server/requests");
	assert_int_equal(strlen(both), 2 * strlen(first));
	assert_string_equal(both + strlen(first), first);
	assert_int_equal(server_saw(&world->bench, "\"outcome\":\"installed\""), 2);
	assert_int_equal(server_saw(&world->bench, "VERIFIED"), 2);

	struct bench_run run = link_run(world, "result", "41");

	assert_true(bench_fact(&run, "posted", word, sizeof(word)));
	assert_string_equal(word, "0");
	assert_int_equal(bench_leaks(&world->bench, world->bench.pin), 0);
}

static void a_result_that_is_refused_for_good_stays_in_the_journal(void **state)
{
	struct world *world = *state;
	char ref[64];

	prepare(world, ref);
	bench_write(&world->bench, "version", "V1\n");
	(void)bench_run(&world->bench, "xuqi-agent-install", NULL,
		(const char *const[]){ "preflight", NULL });
	bench_write(&world->bench, "server/knob", "result 404 ORDER_ABSENT");
	assert_int_equal(link_run(world, "result", "41").code, AGENT_DONE);
	then_logged(world, "ORDER_ABSENT");

	OWNED char *journal = bench_read(&world->bench, "state/journal/41.jsonl");

	assert_non_null(strstr(journal, "client_old"));
	assert_non_null(strstr(journal, "ORDER_ABSENT"));
	assert_int_equal(access(bench_path(&world->bench, "state/spool/41"), F_OK), -1);
}

#define TEST(name)     cmocka_unit_test_setup_teardown(name, begin, end)
#define ENROLLED(name) cmocka_unit_test_setup_teardown(name, begin_enrolled, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_agent_enrols_once_and_keeps_its_key_to_itself),
		TEST(a_wrong_code_leaves_no_identity),
		TEST(an_agent_without_an_identity_says_how_to_get_one),
		TEST(a_server_with_another_ca_is_not_spoken_to),
		ENROLLED(a_report_is_sent_once_until_something_changes),
		ENROLLED(a_report_that_the_server_lost_is_sent_again),
		ENROLLED(an_order_is_kept_and_withdrawn_as_the_server_says),
		ENROLLED(an_order_whose_id_is_a_path_is_refused),
		ENROLLED(refusals_name_the_remedy),
		ENROLLED(a_permit_is_asked_for_with_one_reference_until_it_is_used),
		ENROLLED(a_barred_permit_becomes_a_result),
		ENROLLED(a_result_is_sent_until_it_is_acknowledged_and_always_the_same),
		ENROLLED(a_result_that_is_refused_for_good_stays_in_the_journal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
