/* SPDX-License-Identifier: Apache-2.0 */
/* Statements over a real PostgreSQL: results, each kind of fault, time-outs, a server that goes away and
 * comes back, the bounded queue, notifications. */
#include "orchestrator/loop/db.h"

#include <event2/event.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "orchestrator/loop/cluster.h"

struct world {
	char state_dir[64];
	struct cluster cluster;
	struct event_base *base;
	struct flow_engine *engine;
	struct db *db;
};

/* One statement and its end. */
struct asked {
	struct db *db;
	const char *text;
	int n;
	const char *const *args;
	bool is_try, is_script;
	bool finished;
	struct fault fault;    /* of the flow */
	struct fault db_fault; /* of db_try */
	char value[64];        /* the first one */
	int rows;
};

static enum flow_next ask(struct flow *flow, void *self)
{
	struct asked *asked = self;
	if (asked->is_script)
		return db_begin_script(asked->db, flow, asked->text);
	if (asked->is_try)
		return db_try(asked->db, flow, asked->text, asked->n, asked->args);
	return db_begin(asked->db, flow, asked->text, asked->n, asked->args);
}

static enum flow_next look(struct flow *flow, void *self)
{
	struct asked *asked = self;
	const PGresult *rows = flow_rows(flow);
	asked->db_fault = *flow_db_fault(flow);
	asked->rows = PQntuples(rows);
	if (asked->rows > 0)
		(void)snprintf(asked->value, sizeof(asked->value), "%s", PQgetvalue(rows, 0, 0));
	return FLOW_DONE;
}

static void asked_finished(void *self, const struct fault *fault)
{
	struct asked *asked = self;
	asked->finished = true;
	if (fault != NULL)
		asked->fault = *fault;
}

static const struct flow_step ask_steps[] = { { "ask", ask }, { "look", look }, { NULL, NULL } };
static struct flow_kind ask_kind = {
	.name = "ask", .steps = ask_steps, .finished = asked_finished
};

static void begin_asking(struct world *world, struct asked *asked)
{
	asked->db = world->db;
	assert_true(flow_start(world->engine, &ask_kind, asked));
}

static void run_until(struct world *world, const bool *done, int ms)
{
	int64_t until = clock_monotonic_ms() + ms;
	while (!*done && clock_monotonic_ms() < until) {
		struct timeval tick = { .tv_usec = 20000 };
		(void)event_base_loopexit(world->base, &tick);
		(void)event_base_loop(world->base, EVLOOP_ONCE);
	}
	assert_true(*done);
}

static void run_asked(struct world *world, struct asked *asked)
{
	begin_asking(world, asked);
	run_until(world, &asked->finished, 20000);
}

static void use_db(
	struct world *world, unsigned connections, unsigned queue_max, unsigned timeout_ms)
{
	struct fault fault;
	world->db = db_new(world->base,
		&(struct db_options){ .conninfo = world->cluster.conninfo,
			.connections = connections,
			.queue_max = queue_max,
			.statement_timeout_ms = timeout_ms },
		&fault);
	assert_non_null(world->db);
}

static int begin_cluster(void **state)
{
	static struct world world;
	struct fault fault;
	log_init("db_test", LOG_LEVEL_ERROR);
	(void)snprintf(world.state_dir, sizeof(world.state_dir), "/tmp/xuqi-db-test-XXXXXX");
	if (mkdtemp(world.state_dir) == NULL)
		return 1;
	if (!cluster_start(&world.cluster, world.state_dir, NULL, &fault)) {
		print_error("%s\n", fault.text);
		return 1;
	}
	*state = &world;
	return 0;
}

static int end_cluster(void **state)
{
	struct world *world = *state;
	OWNED char *command = text_dupf("%s", world->state_dir);
	cluster_stop(&world->cluster);
	char *const argv[] = { (char[]){ "rm" }, (char[]){ "-rf" }, command, NULL };
	pid_t pid = fork();
	if (pid == 0) {
		(void)execv("/bin/rm", argv);
		_exit(1);
	}
	return pid < 0;
}

static int begin_world(void **state)
{
	struct world *world = *state;
	struct fault fault;
	world->base = event_base_new();
	world->engine = flow_engine_new(world->base, &fault);
	return world->engine == NULL;
}

static int end_world(void **state)
{
	struct world *world = *state;
	db_free(world->db);
	world->db = NULL;
	(void)event_base_loop(world->base, EVLOOP_NONBLOCK);
	flow_engine_free(world->engine);
	event_base_free(world->base);
	return 0;
}

static void a_statement_brings_its_rows_back(void **state)
{
	struct world *world = *state;
	const char *const args[] = { "41", NULL };
	struct asked asked = {
		.text = "select ($1::int + 1)::text, $2::text is null", .n = 2, .args = args
	};
	use_db(world, 2, 10, 5000);

	run_asked(world, &asked);

	assert_int_equal(asked.fault.kind, FAULT_NONE);
	assert_string_equal(asked.value, "42");
	assert_true(db_is_up(world->db));
}

static void each_refusal_of_the_server_has_its_kind(void **state)
{
	static const struct {
		const char *statement;
		enum fault_kind kind;
		const char *part; /* of the text */
	} cases[] = {
		{ "insert into once values (1), (1)", FAULT_CONFLICT, "[one_of_each]" },
		{ "select 1 / 0", FAULT_INPUT, "division by zero" },
		{ "do $$ begin raise exception 'no such unit'; end $$", FAULT_INPUT,
			"no such unit" },
		{ "do $$ begin raise exception 'not yours' using errcode = 'XQ403'; end $$",
			FAULT_DENIED, "not yours" },
		{ "do $$ begin raise exception 'unknown' using errcode = 'XQ404'; end $$",
			FAULT_ABSENT, "unknown" },
		{ "do $$ begin raise exception 'moved' using errcode = 'XQ409'; end $$",
			FAULT_CONFLICT, "moved" },
		{ "do $$ begin raise exception 'again' using errcode = '40001'; end $$",
			FAULT_LATER, "again" },
		{ "select nonsense", FAULT_BUG, "42703" },
		/* the commit fails after the rows: the rows must not win */
		{ "insert into late values (1), (1) returning n", FAULT_CONFLICT, "[late_one]" },
		{ "copy once to stdout", FAULT_UNSURE, "" },
	};
	struct world *world = *state;
	use_db(world, 1, 10, 5000);
	struct asked schema = {
		.is_script = true,
		.text = "create table once (n int constraint one_of_each unique);"
			"create table late (n int constraint late_one unique deferrable initially deferred)"
	};
	run_asked(world, &schema);
	assert_int_equal(schema.fault.kind, FAULT_NONE);

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct asked asked = { .text = cases[i].statement };
		run_asked(world, &asked);
		assert_string_equal(fault_word(asked.fault.kind), fault_word(cases[i].kind));
		assert_non_null(strstr(asked.fault.text, cases[i].part));
	}
	struct asked after = { .text = "select count(*) from once" };
	run_asked(world, &after);
	assert_string_equal(after.value, "0");
}

static void a_refusal_that_was_tried_lets_the_flow_go_on(void **state)
{
	struct world *world = *state;
	struct asked refused = { .text = "select 1 / 0", .is_try = true };
	struct asked fine = { .text = "select 7", .is_try = true };
	use_db(world, 1, 10, 5000);

	run_asked(world, &refused);
	run_asked(world, &fine);

	assert_int_equal(refused.fault.kind, FAULT_NONE);
	assert_int_equal(refused.db_fault.kind, FAULT_INPUT);
	assert_int_equal(refused.rows, 0);
	assert_int_equal(fine.db_fault.kind, FAULT_NONE);
	assert_string_equal(fine.value, "7");
}

static void a_statement_that_takes_too_long_is_ended_by_the_server(void **state)
{
	struct world *world = *state;
	struct asked slow = { .text = "select pg_sleep(30)" };
	use_db(world, 1, 10, 300);
	int64_t began = clock_monotonic_ms();

	run_asked(world, &slow);

	assert_int_equal(slow.fault.kind, FAULT_LATER);
	assert_in_range((uintmax_t)(clock_monotonic_ms() - began), 250, 1200);
}

static void a_server_that_falls_silent_is_left_a_second_later(void **state)
{
	struct world *world = *state;
	struct asked slow = { .text = "set statement_timeout = 0" };
	struct asked silent = { .text = "select pg_sleep(3)" };
	struct asked next = { .text = "select 1" };
	use_db(world, 1, 10, 200);
	run_asked(world, &slow);

	run_asked(world, &silent);
	run_asked(world, &next);

	assert_int_equal(silent.fault.kind, FAULT_UNSURE);
	assert_string_equal(next.value, "1");
}

static void a_connection_killed_under_a_statement_leaves_it_unsure_or_later(void **state)
{
	struct world *world = *state;
	struct asked victim = { .text = "select pg_sleep(20), 'victim'" };
	struct asked killer = {
		.text = "select pg_terminate_backend(pid) from pg_stat_activity where query "
			"like '%victim%' and pid <> pg_backend_pid() and state = 'active'"
	};
	struct asked next = { .text = "select 1" };
	use_db(world, 2, 10, 30000);
	begin_asking(world, &victim);
	while (killer.rows == 0) {
		killer.finished = false;
		run_asked(world, &killer);
	}
	run_until(world, &victim.finished, 5000);
	run_asked(world, &next);

	/* the server said goodbye with 57P01 before any row: surely not committed */
	assert_int_equal(victim.fault.kind, FAULT_LATER);
	assert_string_equal(next.value, "1");
}

static void statements_wait_their_turn_up_to_the_bound(void **state)
{
	struct world *world = *state;
	struct asked asked[6];
	use_db(world, 1, 4, 5000);
	for (size_t i = 0; i < COUNT_OF(asked); i++) {
		asked[i] = (struct asked){ .text = "select pg_sleep(0.01)" };
		begin_asking(world, &asked[i]);
	}
	(void)event_base_loop(world->base, EVLOOP_NONBLOCK);

	/* nothing is connected yet: four wait, two are turned away at once */
	(void)event_base_loop(world->base, EVLOOP_NONBLOCK);
	for (size_t i = 0; i < COUNT_OF(asked); i++)
		run_until(world, &asked[i].finished, 5000);
	for (size_t i = 0; i < COUNT_OF(asked); i++)
		assert_int_equal(asked[i].fault.kind, i < 4 ? FAULT_NONE : FAULT_LATER);
}

static void what_waits_when_the_database_is_closed_is_told_to_come_later(void **state)
{
	struct world *world = *state;
	struct asked running = { .text = "select pg_sleep(20)" };
	struct asked waiting = { .text = "select 1" };
	struct asked first = { .text = "select 1" };
	use_db(world, 1, 4, 60000);
	run_asked(world, &first);
	begin_asking(world, &running);
	begin_asking(world, &waiting);
	for (int i = 0; i < 5; i++)
		(void)event_base_loop(world->base, EVLOOP_NONBLOCK);

	db_free(world->db);
	world->db = NULL;
	assert_false(running.finished);
	run_until(world, &running.finished, 1000);
	run_until(world, &waiting.finished, 1000);

	assert_int_equal(running.fault.kind, FAULT_UNSURE);
	assert_int_equal(waiting.fault.kind, FAULT_LATER);
}

static void count_notification(void *context)
{
	unsigned *count = context;
	(*count)++;
}

static void wait_for_count(struct world *world, const unsigned *count, unsigned wanted)
{
	int64_t until = clock_monotonic_ms() + 10000;
	while (*count < wanted && clock_monotonic_ms() < until) {
		struct timeval tick = { .tv_usec = 20000 };
		(void)event_base_loopexit(world->base, &tick);
		(void)event_base_loop(world->base, EVLOOP_ONCE);
	}
	assert_true(*count >= wanted);
}

static void notifications_arrive_and_a_reconnection_counts_as_one(void **state)
{
	struct world *world = *state;
	unsigned count = 0;
	struct fault fault;
	struct asked notify = { .text = "notify xuqi_work" };
	struct asked kill_listener = {
		.text = "select pg_terminate_backend(pid) from pg_stat_activity "
			"where query = 'listen xuqi_work'"
	};
	use_db(world, 1, 4, 5000);
	assert_true(db_listen(world->db, "xuqi_work", count_notification, &count, &fault));
	assert_false(db_listen(world->db, "x; drop", count_notification, &count, &fault));
	wait_for_count(world, &count, 1);

	run_asked(world, &notify);
	wait_for_count(world, &count, 2);
	run_asked(world, &kill_listener);
	assert_int_equal(kill_listener.rows, 1);
	wait_for_count(world, &count, 3);

	assert_int_equal(count, 3);
}

static void a_server_that_comes_back_is_used_again(void **state)
{
	struct world *world = *state;
	struct asked before = { .text = "select 1" };
	struct asked during = { .text = "select 2" };
	struct fault fault;
	use_db(world, 2, 4, 5000);
	run_asked(world, &before);
	OWNED char *dir = text_dup(world->state_dir);

	cluster_stop(&world->cluster);
	for (int i = 0; i < 10; i++)
		(void)event_base_loop(world->base, EVLOOP_NONBLOCK);
	assert_false(db_is_up(world->db));
	begin_asking(world, &during);
	for (int i = 0; i < 10; i++)
		(void)event_base_loop(world->base, EVLOOP_NONBLOCK);
	assert_false(during.finished);
	assert_true(cluster_start(&world->cluster, dir, NULL, &fault));
	run_until(world, &during.finished, 15000);

	assert_int_equal(during.fault.kind, FAULT_NONE);
	assert_string_equal(during.value, "2");
	assert_true(db_is_up(world->db));
}

static void a_second_owner_of_the_state_is_refused(void **state)
{
	struct world *world = *state;
	struct cluster second = { .lock_fd = -1 };
	struct fault fault;

	assert_false(cluster_start(&second, world->state_dir, NULL, &fault));
	assert_int_equal(fault.kind, FAULT_CONFLICT);
	assert_non_null(strstr(fault.text, "another xuqid"));
}

/* kill -9 of the owner: its descriptors close, nothing else happens. */
static void abandon(struct cluster *cluster)
{
	(void)close(cluster->lock_fd);
	free(cluster->data_dir);
	free(cluster->socket_dir);
	free(cluster->conninfo);
	free(cluster->bin_dir);
	*cluster = (struct cluster){ .lock_fd = -1 };
}

static void a_running_server_of_a_killed_owner_is_adopted(void **state)
{
	struct world *world = *state;
	struct fault fault;
	pid_t pid = world->cluster.pid;
	abandon(&world->cluster);

	assert_true(cluster_start(&world->cluster, world->state_dir, NULL, &fault));

	assert_true(world->cluster.adopted);
	assert_int_equal(world->cluster.pid, pid);
}

static void the_leftovers_of_a_killed_server_are_cleaned(void **state)
{
	struct world *world = *state;
	struct fault fault;
	pid_t pid = world->cluster.pid;
	struct asked asked = { .text = "select 1" };
	abandon(&world->cluster);
	assert_int_equal(kill(pid, SIGKILL), 0);

	if (!cluster_start(&world->cluster, world->state_dir, NULL, &fault))
		fail_msg("%s", fault.text);

	assert_false(world->cluster.adopted);
	assert_int_not_equal(world->cluster.pid, pid);
	use_db(world, 1, 4, 5000);
	run_asked(world, &asked);
	assert_string_equal(asked.value, "1");
}

static void the_server_never_runs_as_root_and_its_socket_is_private(void **state)
{
	struct world *world = *state;
	struct stat info;

	assert_int_not_equal(world->cluster.uid, 0);
	assert_int_equal(stat(world->cluster.socket_dir, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0700);
	assert_int_equal(info.st_uid, world->cluster.uid);
	assert_int_equal(stat(world->cluster.data_dir, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0700);
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, begin_world, end_world)
	const struct CMUnitTest tests[] = {
		IN_WORLD(a_statement_brings_its_rows_back),
		IN_WORLD(each_refusal_of_the_server_has_its_kind),
		IN_WORLD(a_refusal_that_was_tried_lets_the_flow_go_on),
		IN_WORLD(a_statement_that_takes_too_long_is_ended_by_the_server),
		IN_WORLD(a_server_that_falls_silent_is_left_a_second_later),
		IN_WORLD(a_connection_killed_under_a_statement_leaves_it_unsure_or_later),
		IN_WORLD(statements_wait_their_turn_up_to_the_bound),
		IN_WORLD(what_waits_when_the_database_is_closed_is_told_to_come_later),
		IN_WORLD(notifications_arrive_and_a_reconnection_counts_as_one),
		IN_WORLD(a_server_that_comes_back_is_used_again),
		IN_WORLD(the_server_never_runs_as_root_and_its_socket_is_private),
		IN_WORLD(a_second_owner_of_the_state_is_refused),
		IN_WORLD(a_running_server_of_a_killed_owner_is_adopted),
		IN_WORLD(the_leftovers_of_a_killed_server_are_cleaned),
	};
	return cmocka_run_group_tests(tests, begin_cluster, end_cluster);
}
