/* SPDX-License-Identifier: Apache-2.0 */
/* The embedded PostgreSQL where it cannot start: each refusal names its place and remedy, and nothing is
 * left behind.  Where it does start, db_test.c goes on. */
#include "orchestrator/loop/cluster.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/digest.h"
#include "common/file.h"
#include "common/log.h"
#include "common/text.h"

struct world {
	char dir[64];
	char *state;  /* DIR/state */
	char *pgdata; /* DIR/state/pgdata */
	struct cluster cluster;
	struct fault fault;
};

static int begin_world(void **state)
{
	struct world *world = zalloc(1, sizeof(*world));
	log_init("cluster_test", LOG_LEVEL_ERROR);
	(void)snprintf(world->dir, sizeof(world->dir), "/tmp/xuqi-cluster-test-XXXXXX");
	if (mkdtemp(world->dir) == NULL || chmod(world->dir, 0755) != 0)
		return 1;
	world->state = file_join(world->dir, "state");
	world->pgdata = file_join(world->state, "pgdata");
	*state = world;
	return !file_make_dirs(world->pgdata, 0755, &world->fault);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place)
{
	(void)info;
	(void)kind;
	(void)place;
	return remove(path);
}

static int end_world(void **state)
{
	struct world *world = *state;
	cluster_stop(&world->cluster);
	(void)nftw(world->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(world->state);
	free(world->pgdata);
	free(world);
	return 0;
}

static void assert_refused(struct world *world, const char *part)
{
	assert_false(cluster_start(&world->cluster, world->state, NULL, &world->fault));
	assert_int_equal(world->fault.kind, FAULT_HUMAN);
	if (strstr(world->fault.text, part) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", part, world->fault.text);
	assert_null(world->cluster.data_dir);
}

static void data_of_a_version_that_is_gone_name_the_package(void **state)
{
	struct world *world = *state;
	OWNED char *version = file_join(world->pgdata, "PG_VERSION");

	assert_true(file_write(version, "9\n", 2, 0644, &world->fault));
	assert_refused(world, "apt-get install postgresql-9");
	assert_true(file_write(version, "?\n", 2, 0644, &world->fault));
	assert_refused(world, "PG_VERSION is damaged");
}

static void a_state_that_the_server_cannot_reach_names_the_directory(void **state)
{
	struct world *world = *state;
	if (geteuid() != 0) {
		/* an ordinary user's server is the user: closed means closed for both */
		assert_int_equal(chmod(world->dir, 0600), 0);
		assert_false(cluster_start(&world->cluster, world->state, NULL, &world->fault));
		assert_int_equal(chmod(world->dir, 0700), 0);
		return;
	}
	assert_int_equal(chmod(world->dir, 0700), 0);

	OWNED char *remedy = text_dupf("chmod o+x %s", world->dir);
	assert_refused(world, remedy);
}

static void a_socket_directory_that_others_may_enter_is_refused(void **state)
{
	struct world *world = *state;
	char digest[SHA256_HEX];
	sha256_hex(digest, world->state, strlen(world->state));
	OWNED char *sockets = geteuid() == 0
		? text_dupf("/run/xuqi-%.8s", digest)
		: text_dupf("/tmp/xuqi-%u-%.8s", (unsigned)geteuid(), digest);
	(void)unsetenv("XDG_RUNTIME_DIR");
	assert_int_equal(mkdir(sockets, 0755), 0);

	assert_refused(world, sockets);
	(void)rmdir(sockets);
}

static void a_half_made_cluster_is_made_anew(void **state)
{
	struct world *world = *state;
	struct stat info;
	OWNED char *beside = text_dupf("%s.new", world->pgdata);
	OWNED char *inside = file_join(beside, "base");
	OWNED char *version = file_join(world->pgdata, "PG_VERSION");
	assert_int_equal(rmdir(world->pgdata), 0);
	assert_true(file_make_dirs(inside, 0700, &world->fault));

	if (!cluster_start(&world->cluster, world->state, NULL, &world->fault))
		fail_msg("%s", world->fault.text);

	assert_int_equal(stat(version, &info), 0);
	assert_int_not_equal(stat(beside, &info), 0);
	OWNED char *sockets = text_dup(world->cluster.socket_dir);
	cluster_stop(&world->cluster);
	assert_int_not_equal(stat(sockets, &info), 0);
}

static void what_was_never_started_can_be_stopped(void **state)
{
	struct cluster zeroed = { 0 };
	(void)state;
	cluster_stop(&zeroed);
	cluster_stop(&zeroed);
	assert_int_not_equal(fcntl(0, F_GETFD), -1); /* descriptor 0 was not taken for the lock */
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, begin_world, end_world)
	const struct CMUnitTest tests[] = {
		IN_WORLD(data_of_a_version_that_is_gone_name_the_package),
		IN_WORLD(a_state_that_the_server_cannot_reach_names_the_directory),
		IN_WORLD(a_socket_directory_that_others_may_enter_is_refused),
		IN_WORLD(a_half_made_cluster_is_made_anew),
		IN_WORLD(what_was_never_started_can_be_stopped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
