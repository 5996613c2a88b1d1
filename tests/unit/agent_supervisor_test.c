/* SPDX-License-Identifier: Apache-2.0 */
/* The resident agent with its real workers, an orchestrator and a token: the whole way of an order,
 * a module that hangs, a stop in the middle. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/base/paths.h"
#include "common/bytes.h"
#include "common/file.h"
#include "common/text.h"
#include "tests/unit/agent_bench.h"
#include "tests/unit/agent_server.h"

enum { PATIENCE_MS = 30000, LOOK_MS = 50 };

struct world {
	struct bench bench;
	struct server server;
	struct bench_token token;
	pid_t agent;
};

static int begin(void **state)
{
	struct world *world = zalloc(1, sizeof(*world));

	bench_start(&world->bench);
	server_start(&world->server, &world->bench);
	assert_int_equal(server_enrol(&world->bench), 0);
	bench_token(&world->bench, &world->token, "ukey", "ec256", false);
	bench_order(&world->bench, &world->token, "41");
	server_offer_order(&world->bench);
	*state = world;
	return 0;
}

static int end(void **state)
{
	struct world *world = *state;

	if (world->agent > 0) {
		(void)kill(world->agent, SIGKILL);
		(void)waitpid(world->agent, NULL, 0);
	}
	server_stop(&world->server);
	bench_token_done(&world->token);
	bench_end(&world->bench);
	free(world);
	return 0;
}

static void start_agent(struct world *world, const char *fault)
{
	world->agent = bench_spawn(&world->bench, "xuqi-agent", fault);
}

/* End the agent by SIGNO; its exit code. */
static int stop_agent(struct world *world, int signo)
{
	int status = 0;

	assert_int_equal(kill(world->agent, signo), 0);
	assert_int_equal(waitpid(world->agent, &status, 0), world->agent);
	world->agent = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void wait_until_seen(struct world *world, const char *text, int times)
{
	for (int waited = 0; waited < PATIENCE_MS; waited += LOOK_MS) {
		if (server_saw(&world->bench, text) >= times)
			return;
		(void)poll(NULL, 0, LOOK_MS);
	}

	OWNED char *log = bench_read(&world->bench, "log");

	fail_msg("the server did not see `%s`:\n%s", text, log);
}

static void wait_until_logged(struct world *world, const char *text)
{
	for (int waited = 0; waited < PATIENCE_MS; waited += LOOK_MS) {
		OWNED char *log = bench_read(&world->bench, "log");

		if (strstr(log, text) != NULL)
			return;
		(void)poll(NULL, 0, LOOK_MS);
	}
	fail_msg("`%s` was not logged", text);
}

static void an_order_goes_its_whole_way(void **state)
{
	struct world *world = *state;

	start_agent(world, NULL);
	wait_until_seen(world, "\"outcome\":\"installed\"", 1);
	wait_until_seen(world, "POST /v1/agent/report", 2); /* the new certificate, at once */

	assert_int_equal(stop_agent(world, SIGTERM), 0);
	assert_int_equal(bench_holds(&world->bench, world->token.renewed[0]), 1);
	assert_int_equal(bench_calls(&world->bench, "C_Login", ""), 1);
	assert_int_equal(server_saw(&world->bench, "/permit"), 1);
	assert_int_equal(bench_leaks(&world->bench, world->bench.pin), 0);
}

static void a_result_survives_a_server_that_is_away(void **state)
{
	struct world *world = *state;

	bench_write(&world->bench, "server/knob", "result 503 BUSY");
	start_agent(world, NULL);
	wait_until_seen(world, "\"outcome\":\"installed\"", 1);
	assert_int_equal(stop_agent(world, SIGKILL), -1); /* and with it the worker that talks */
	bench_write(&world->bench, "server/knob", "");

	start_agent(world, NULL);
	wait_until_seen(world, "\"outcome\":\"installed\"", 2);
	wait_until_seen(world, "GET /v1/agent/orders", 1);
	assert_int_equal(bench_calls(&world->bench, "C_Login", ""), 1);
}

/* The ledger of PIN attempts has its line before the login. */
static void wait_until_noted(struct world *world)
{
	for (int waited = 0; waited < PATIENCE_MS; waited += LOOK_MS) {
		OWNED char *ledger = bench_read(&world->bench, "state/" PATH_LEDGER);

		if (ledger[0] != '\0')
			return;
		(void)poll(NULL, 0, LOOK_MS);
	}
	fail_msg("no PIN attempt was noted");
}

/* The worker that its supervisor left behind: as its subreaper we are its parent now. */
static pid_t orphan_of(const struct world *world)
{
	struct fault fault = { 0 };
	OWNED char *path = text_dupf("/proc/self/task/%d/children", (int)getpid());
	OWNED char *pids = file_read(path, 4096, NULL, &fault);
	char *rest = pids, *word = NULL;
	pid_t found = 0;

	while ((word = strsep(&rest, " \n")) != NULL) {
		int64_t pid = 0;

		if (number_parse(&pid, word, 1, INT32_MAX) && pid != world->agent &&
			pid != world->server.pid)
			found = (pid_t)pid;
	}
	return found;
}

/* What becomes of an install whose supervisor died is told when it has ended, not before. */
static void an_install_that_outlives_its_supervisor_is_waited_for(void **state)
{
	struct world *world = *state;
	pid_t orphan = 0;

	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	start_agent(world, "C_Login:1:hang");
	wait_until_noted(world);
	assert_int_equal(stop_agent(world, SIGKILL), -1);
	orphan = orphan_of(world);
	assert_int_not_equal(orphan, 0);

	start_agent(world, NULL);
	wait_until_logged(world, "event=install.stopped");
	assert_int_equal(server_saw(&world->bench, "\"outcome\":\"pin_unsure\""), 0);
	assert_int_equal(kill(orphan, SIGKILL), 0);
	assert_int_equal(waitpid(orphan, NULL, 0), orphan);
	wait_until_seen(world, "\"outcome\":\"pin_unsure\"", 1);
}

static void a_module_that_hangs_in_the_login_is_killed_and_counts_as_a_wrong_pin(void **state)
{
	struct world *world = *state;

	bench_settings(&world->bench, "deadlines: {install_seconds: 2}\n");
	start_agent(world, "C_Login:1:hang");
	wait_until_seen(world, "\"outcome\":\"pin_unsure\"", 1);
	wait_until_logged(world, "event=worker.killed");
	assert_int_equal(bench_holds(&world->bench, world->token.renewed[0]), 0);
}

static void a_module_that_hangs_in_the_inventory_does_not_stop_the_polling(void **state)
{
	struct world *world = *state;

	(void)unlink(bench_path(&world->bench, "server/orders"));
	bench_settings(&world->bench, "deadlines: {inventory_seconds: 1}\n");
	start_agent(world, "C_Initialize:1:hang");
	wait_until_seen(world, "GET /v1/agent/orders", 2);
	wait_until_logged(world, "event=worker.killed");
}

static void an_install_under_way_is_finished_before_the_agent_stops(void **state)
{
	struct world *world = *state;

	start_agent(world, NULL);
	wait_until_seen(world, "/permit", 1);
	(void)poll(NULL, 0, 2 * LOOK_MS);
	assert_int_equal(stop_agent(world, SIGTERM), 0);

	start_agent(world, NULL);
	wait_until_seen(world, "\"outcome\":\"installed\"", 1);
	assert_int_equal(bench_calls(&world->bench, "C_Login", ""), 1);
}

static void a_revoked_agent_says_so_and_keeps_quiet(void **state)
{
	struct world *world = *state;
	int seen = 0;

	bench_write(&world->bench, "server/knob", "all 403 AGENT_REVOKED");
	start_agent(world, NULL);
	wait_until_logged(world, "AGENT_REVOKED");
	seen = server_saw(&world->bench, "/v1/agent/");
	(void)poll(NULL, 0, 2500); /* it would have polled twice */
	assert_int_equal(server_saw(&world->bench, "/v1/agent/"), seen);

	/* A person asks it to look again. */
	bench_write(&world->bench, "server/knob", "");
	assert_int_equal(kill(world->agent, SIGUSR1), 0);
	wait_until_seen(world, "\"outcome\":\"installed\"", 1);
}

static void a_second_agent_on_the_same_state_is_refused(void **state)
{
	struct world *world = *state;

	start_agent(world, NULL);
	wait_until_seen(world, "POST /v1/agent/report", 1);
	assert_int_equal(bench_run(&world->bench, "xuqi-agent", NULL, NULL).code, 1);
	wait_until_logged(world, "another xuqi-agent");
}

static void settings_are_checked_and_printed_without_a_server(void **state)
{
	struct world *world = *state;

	assert_int_equal(bench_run(&world->bench, "xuqi-agent", NULL,
				 (const char *const[]){ "--check", NULL })
				 .code,
		0);

	struct bench_run run = bench_run(&world->bench, "xuqi-agent", NULL,
		(const char *const[]){ "--print-settings", NULL });

	assert_int_equal(run.code, 0);
	assert_non_null(strstr(run.out, "minimum_version"));
	assert_non_null(strstr(run.out, world->token.serial));
	assert_int_equal(bench_run(&world->bench, "xuqi-agent", NULL,
				 (const char *const[]){ "--frobnicate", NULL })
				 .code,
		2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_order_goes_its_whole_way),
		TEST(a_result_survives_a_server_that_is_away),
		TEST(an_install_that_outlives_its_supervisor_is_waited_for),
		TEST(a_module_that_hangs_in_the_login_is_killed_and_counts_as_a_wrong_pin),
		TEST(a_module_that_hangs_in_the_inventory_does_not_stop_the_polling),
		TEST(an_install_under_way_is_finished_before_the_agent_stops),
		TEST(a_revoked_agent_says_so_and_keeps_quiet),
		TEST(a_second_agent_on_the_same_state_is_refused),
		TEST(settings_are_checked_and_printed_without_a_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
