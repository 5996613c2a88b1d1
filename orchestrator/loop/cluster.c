/* SPDX-License-Identifier: Apache-2.0 */
/* The embedded PostgreSQL.  All of it is synchronous and happens before or after the event loop; this
 * is the one file of the product that may connect with PQconnectdb.  Nothing here needs /proc. */
#include "orchestrator/loop/cluster.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/digest.h"
#include "common/file.h"
#include "common/log.h"
#include "common/text.h"
#include "orchestrator/loop/spawn.h"

#define POSTGRES_ROOT "/usr/lib/postgresql"

enum {
	INITDB_MS = 120000,
	START_MS = 60000, /* with recovery after a crash */
	FAST_STOP_MS = 30000,
	IMMEDIATE_STOP_MS = 5000,
	PID_FILE_MAX = 4096,
	LOG_BYTES_MAX = 4 * 1024 * 1024, /* of an old log; a larger one is begun anew */
	STARTS_MAX = 5,
	SOCKET_PATH_MAX = 80 /* the server allows 107 bytes with the socket's name */
};

DEFINE_CLEANUP(connection_finish, PGconn *, PQfinish)
DEFINE_CLEANUP(result_clear, PGresult *, PQclear)
DEFINE_CLEANUP(directory_close, DIR *, closedir)

/* ---- who and where ---- */

/* The account of the server: ours, or an unprivileged one for root. */
static bool choose_user(struct cluster *cluster, const char *user, struct fault *fault)
{
	cluster->uid = geteuid();
	cluster->gid = getegid();
	if (cluster->uid != 0)
		return true;
	const struct passwd *account = getpwnam(user != NULL ? user : "postgres");
	if (account == NULL)
		account = getpwnam("nobody");
	if (account == NULL || account->pw_uid == 0)
		return fault_set(fault, FAULT_HUMAN,
			"PostgreSQL refuses to run as root and there is no user %s; name another in the "
			"settings",
			user != NULL ? user : "postgres");
	cluster->uid = account->pw_uid;
	cluster->gid = account->pw_gid;
	return true;
}

/* The newest installed major version. */
static int64_t newest_version(void)
{
	CLEANUP(directory_close) DIR *directory = opendir(POSTGRES_ROOT);
	int64_t newest = 0;
	while (directory != NULL) {
		const struct dirent *entry = readdir(directory);
		int64_t version = 0;
		if (entry == NULL)
			break;
		if (!number_parse(&version, entry->d_name, 1, 999) || version <= newest)
			continue;
		OWNED char *server = text_dupf(POSTGRES_ROOT "/%s/bin/postgres", entry->d_name);
		if (access(server, X_OK) == 0)
			newest = version;
	}
	return newest;
}

/* The version that made the data, or the newest one where there are none yet. */
static bool choose_version(struct cluster *cluster, struct fault *fault)
{
	OWNED char *path = file_join(cluster->data_dir, "PG_VERSION");
	struct fault absent;
	int64_t version = 0;
	OWNED char *made_by = file_read(path, 16, NULL, &absent);
	if (made_by == NULL) {
		version = newest_version();
		if (version == 0)
			return fault_set(fault, FAULT_HUMAN,
				"there is no PostgreSQL below " POSTGRES_ROOT
				": run apt-get install postgresql, or set database.url");
	} else {
		made_by[strcspn(made_by, "\n")] = '\0';
		if (!number_parse(&version, made_by, 1, 999))
			return fault_set(fault, FAULT_HUMAN, "%s is damaged", path);
	}
	cluster->bin_dir = text_dupf(POSTGRES_ROOT "/%lld/bin", (long long)version);
	OWNED char *server = file_join(cluster->bin_dir, "postgres");
	if (access(server, X_OK) == 0)
		return true;
	return fault_set(fault, FAULT_HUMAN,
		"%s was made by PostgreSQL %lld, which is gone: run apt-get install postgresql-%lld",
		cluster->data_dir, (long long)version, (long long)version);
}

/* True if the server's account may pass through the directory. */
static bool may_pass(const struct cluster *cluster, const struct stat *info)
{
	if (info->st_uid == cluster->uid)
		return (info->st_mode & S_IXUSR) != 0;
	if (info->st_gid == cluster->gid)
		return (info->st_mode & S_IXGRP) != 0;
	return (info->st_mode & S_IXOTH) != 0;
}

static bool check_passage(const struct cluster *cluster, const char *dir, struct fault *fault)
{
	struct stat info;
	if (stat(dir, &info) != 0)
		return fault_set(fault, FAULT_HUMAN, "%s: %s", dir, strerror(errno));
	if (may_pass(cluster, &info))
		return true;
	return fault_set(fault, FAULT_HUMAN,
		"PostgreSQL runs as user %u, who may not pass through %s: choose a state directory "
		"elsewhere (such as /var/lib/xuqi) or run chmod o+x %s",
		(unsigned)cluster->uid, dir, dir);
}

/* STATE itself is ours: let the server's account pass (not look).  Its parents are not. */
static bool open_passage(const struct cluster *cluster, const char *state, struct fault *fault)
{
	OWNED char *part = text_dup(state);
	struct stat info;
	for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (!check_passage(cluster, part, fault))
			return false;
		*slash = '/';
	}
	if (stat(state, &info) == 0 && !may_pass(cluster, &info))
		(void)chmod(state, (info.st_mode & 07777) | S_IXGRP | S_IXOTH);
	return check_passage(cluster, state, fault);
}

/* A directory of the server's own, 0700; an impostor's is refused. */
static bool make_private_dir(const struct cluster *cluster, const char *path, struct fault *fault)
{
	struct stat info;
	if (mkdir(path, 0700) == 0 && chown(path, cluster->uid, cluster->gid) != 0)
		return fault_set(fault, FAULT_HUMAN, "%s: %s", path, strerror(errno));
	if (lstat(path, &info) != 0)
		return fault_set(fault, FAULT_HUMAN, "%s: %s", path, strerror(errno));
	if (S_ISDIR(info.st_mode) && info.st_uid == cluster->uid && (info.st_mode & 077) == 0)
		return true;
	return fault_set(fault, FAULT_HUMAN,
		"%s must be a directory of user %u with mode 0700: remove it", path,
		(unsigned)cluster->uid);
}

/* A short directory, the same for the same state: a socket's path has 107 bytes at most. */
static bool make_socket_dir(struct cluster *cluster, const char *state, struct fault *fault)
{
	char digest[SHA256_HEX];
	sha256_hex(digest, state, strlen(state));
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	if (geteuid() == 0) {
		(void)mkdir("/run", 0755); /* a bare chroot may lack it */
		cluster->socket_dir = text_dupf("/run/xuqi-%.8s", digest);
	} else if (runtime != NULL && runtime[0] == '/' && strlen(runtime) < SOCKET_PATH_MAX - 20 &&
		access(runtime, W_OK) == 0) {
		cluster->socket_dir = text_dupf("%s/xuqi-%.8s", runtime, digest);
	} else {
		cluster->socket_dir = text_dupf("/tmp/xuqi-%u-%.8s", (unsigned)geteuid(), digest);
	}
	return make_private_dir(cluster, cluster->socket_dir, fault);
}

/* One owner at a time: a second one would adopt the server, and later stop it under the first. */
static bool lock_state(struct cluster *cluster, const char *state, struct fault *fault)
{
	OWNED char *path = file_join(state, "cluster.lock");
	cluster->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (cluster->lock_fd < 0)
		return fault_set(fault, FAULT_HUMAN, "%s: %s", path, strerror(errno));
	if (flock(cluster->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return true;
	return fault_set(
		fault, FAULT_CONFLICT, "another xuqid runs on the state directory %s", state);
}

/* ---- making ---- */

static int open_log(const char *state, struct fault *fault)
{
	OWNED char *path = file_join(state, "postgres.log");
	struct stat info;
	int fresh = stat(path, &info) == 0 && info.st_size > LOG_BYTES_MAX ? O_TRUNC : 0;
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | fresh, 0640);
	if (fd < 0)
		(void)fault_set(fault, FAULT_HUMAN, "%s: %s", path, strerror(errno));
	return fd;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place)
{
	(void)info;
	(void)kind;
	(void)place;
	return remove(path);
}

static bool run_initdb(
	const struct cluster *cluster, const char *into, int log_fd, struct fault *fault)
{
	OWNED char *program = file_join(cluster->bin_dir, "initdb");
	const char *const argv[] = { program, "--no-instructions", "-A", "trust", "-E", "UTF8",
		"--locale=C.UTF-8", "-U", "xuqi", "-D", into, NULL };
	const struct spawn spawn = { .argv = argv,
		.dir = into,
		.uid = cluster->uid,
		.gid = cluster->gid,
		.log_fd = log_fd };
	int status = 0;
	pid_t pid = spawn_begin(&spawn, fault);
	if (pid < 0)
		return false;
	if (!spawn_wait(pid, INITDB_MS, &status)) {
		(void)kill(-pid, SIGKILL);
		(void)spawn_wait(pid, IMMEDIATE_STOP_MS, &status);
		return fault_set(
			fault, FAULT_LATER, "initdb took more than %d s", INITDB_MS / 1000);
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	return fault_set(
		fault, FAULT_HUMAN, "initdb failed: see postgres.log beside %s", cluster->data_dir);
}

/* Make the data beside and rename them: a half-made cluster never has the name. */
static bool make_data(const struct cluster *cluster, int log_fd, struct fault *fault)
{
	OWNED char *version = file_join(cluster->data_dir, "PG_VERSION");
	OWNED char *beside = text_dupf("%s.new", cluster->data_dir);
	if (access(version, F_OK) == 0)
		return true;
	(void)nftw(beside, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	if (!make_private_dir(cluster, beside, fault) ||
		!run_initdb(cluster, beside, log_fd, fault))
		return false;
	if (rename(beside, cluster->data_dir) != 0)
		return fault_set(fault, FAULT_HUMAN, "%s: %s", cluster->data_dir, strerror(errno));
	log_info("cluster.made", LOG_TEXT("path", cluster->data_dir));
	return true;
}

/* ---- running ---- */

/* The pid in postmaster.pid, 0 if there is none. */
static pid_t recorded_pid(const struct cluster *cluster)
{
	OWNED char *path = file_join(cluster->data_dir, "postmaster.pid");
	struct fault absent;
	int64_t pid = 0;
	OWNED char *content = file_read(path, PID_FILE_MAX, NULL, &absent);
	if (content == NULL)
		return 0;
	content[strcspn(content, "\n")] = '\0';
	return number_parse(&pid, content, 2, INT32_MAX) ? (pid_t)pid : 0;
}

static PGPing ping(const struct cluster *cluster)
{
	OWNED char *conninfo = text_dupf(
		"host='%s' dbname=postgres user=xuqi connect_timeout=3", cluster->socket_dir);
	return PQping(conninfo);
}

static PGconn *connect_to(const struct cluster *cluster, struct fault *fault)
{
	OWNED char *conninfo = text_dupf(
		"host='%s' dbname=postgres user=xuqi connect_timeout=10", cluster->socket_dir);
	CLEANUP(connection_finish) PGconn *pg = PQconnectdb(conninfo);
	if (PQstatus(pg) == CONNECTION_OK)
		return take(pg);
	(void)fault_set(fault, FAULT_LATER, "the embedded database does not let us in: %s",
		PQerrorMessage(pg));
	return NULL;
}

/* True if the server behind our socket serves our data. */
static bool serves_our_data(const struct cluster *cluster)
{
	struct fault fault;
	CLEANUP(connection_finish) PGconn *pg = connect_to(cluster, &fault);
	if (pg == NULL)
		return false;
	CLEANUP(result_clear) PGresult *rows = PQexec(pg, "show data_directory");
	return PQntuples(rows) == 1 && text_equal(PQgetvalue(rows, 0, 0), cluster->data_dir);
}

/* True if the server that the pid file names answers, once it has recovered, and is ours. */
static bool adopt(struct cluster *cluster)
{
	int64_t until = clock_monotonic_ms() + START_MS;
	pid_t pid = recorded_pid(cluster);
	int status = 0;
	while (pid != 0 && !spawn_has_ended(pid, &status) && clock_monotonic_ms() < until) {
		PGPing answer = ping(cluster);
		if (answer == PQPING_OK && serves_our_data(cluster)) {
			cluster->pid = pid;
			cluster->adopted = true;
			return true;
		}
		if (answer != PQPING_REJECT)
			return false; /* the pid is another's by now, or our socket is gone */
		spawn_rest(100);
	}
	return false;
}

/* A chroot may have no usable /dev/shm. */
static const char *shared_memory(void)
{
	struct stat info;
	bool usable = stat("/dev/shm", &info) == 0 && S_ISDIR(info.st_mode) &&
		(info.st_mode & (S_IWOTH | S_IXOTH)) == (S_IWOTH | S_IXOTH);
	return usable ? "dynamic_shared_memory_type=posix" : "dynamic_shared_memory_type=mmap";
}

static pid_t begin_server(const struct cluster *cluster, int log_fd, struct fault *fault)
{
	OWNED char *program = file_join(cluster->bin_dir, "postgres");
	OWNED char *sockets = text_dupf("unix_socket_directories=%s", cluster->socket_dir);
	const char *const argv[] = { program, "-D", cluster->data_dir, "-c", sockets, "-c",
		"listen_addresses=", "-c", "unix_socket_permissions=0700", "-c",
		"shared_buffers=64MB", "-c", "max_connections=60", "-c", shared_memory(), "-c",
		"log_checkpoints=off", "-c", "jit=off", NULL };
	const struct spawn spawn = { .argv = argv,
		.dir = cluster->data_dir,
		.uid = cluster->uid,
		.gid = cluster->gid,
		.log_fd = log_fd };
	return spawn_begin(&spawn, fault);
}

/* Wait until the server accepts; false if it ended or took too long. */
static bool wait_accepting(const struct cluster *cluster, int64_t until)
{
	int status = 0;
	while (clock_monotonic_ms() < until) {
		if (spawn_has_ended(cluster->pid, &status))
			return false;
		if (ping(cluster) == PQPING_OK && recorded_pid(cluster) == cluster->pid)
			return true;
		spawn_rest(50);
	}
	return false;
}

static void end_server(const struct cluster *cluster)
{
	int status = 0;
	if (cluster->pid == 0)
		return;
	(void)kill(cluster->pid, SIGINT); /* fast: clients are cut off, the rest is written */
	if (spawn_wait(cluster->pid, FAST_STOP_MS, &status))
		return;
	log_warn("cluster.stop_slow", LOG_NUMBER("pid", cluster->pid));
	(void)kill(cluster->pid, SIGQUIT);
	(void)spawn_wait(cluster->pid, IMMEDIATE_STOP_MS, &status);
}

/* A stale pid file is cleaned by the server itself; backends of a killed server may hold its memory for
 * a moment, and a server of a killed owner may just be starting: therefore several tries. */
static bool adopt_or_start(struct cluster *cluster, int log_fd, struct fault *fault)
{
	int64_t until = clock_monotonic_ms() + START_MS;
	for (unsigned i = 0; i < STARTS_MAX && clock_monotonic_ms() < until; i++) {
		if (i > 0)
			spawn_rest(1000);
		if (adopt(cluster))
			return true;
		cluster->pid = begin_server(cluster, log_fd, fault);
		if (cluster->pid < 0) {
			cluster->pid = 0;
			return false;
		}
		if (wait_accepting(cluster, until))
			return true;
		end_server(cluster);
		cluster->pid = 0;
	}
	return fault_set(fault, FAULT_HUMAN,
		"the embedded database does not start: see postgres.log beside %s",
		cluster->data_dir);
}

static bool make_database(const struct cluster *cluster, struct fault *fault)
{
	CLEANUP(connection_finish) PGconn *pg = connect_to(cluster, fault);
	if (pg == NULL)
		return false;
	CLEANUP(result_clear)
	PGresult *found = PQexec(pg, "select 1 from pg_database where datname = 'xuqi'");
	if (PQntuples(found) == 1)
		return true;
	CLEANUP(result_clear) PGresult *made = PQexec(pg, "create database xuqi");
	if (PQresultStatus(made) == PGRES_COMMAND_OK)
		return true;
	return fault_set(fault, FAULT_LATER, "the database cannot be made: %s", PQerrorMessage(pg));
}

/* ---- the whole ---- */

static bool prepare(
	struct cluster *cluster, const char *state, const char *user, struct fault *fault)
{
	cluster->data_dir = file_join(state, "pgdata");
	return lock_state(cluster, state, fault) && choose_user(cluster, user, fault) &&
		choose_version(cluster, fault) && open_passage(cluster, state, fault) &&
		make_socket_dir(cluster, state, fault);
}

static bool make_and_run(struct cluster *cluster, const char *state, struct fault *fault)
{
	int log_fd = open_log(state, fault);
	if (log_fd < 0)
		return false;
	bool runs = make_data(cluster, log_fd, fault) && adopt_or_start(cluster, log_fd, fault) &&
		make_database(cluster, fault);
	(void)close(log_fd);
	return runs;
}

bool cluster_start(
	struct cluster *cluster, const char *state_dir, const char *user, struct fault *fault)
{
	struct cluster fresh = { .lock_fd = -1 };
	if (!file_make_dirs(state_dir, 0711, fault))
		return false;
	OWNED char *state = realpath(state_dir, NULL);
	if (state == NULL)
		return fault_set(fault, FAULT_HUMAN, "%s: %s", state_dir, strerror(errno));
	if (!prepare(&fresh, state, user, fault) || !make_and_run(&fresh, state, fault)) {
		cluster_stop(&fresh);
		return false;
	}
	fresh.conninfo = text_dupf("host='%s' dbname=xuqi user=xuqi", fresh.socket_dir);
	log_info("cluster.started", LOG_TEXT("path", fresh.data_dir), LOG_NUMBER("pid", fresh.pid),
		LOG_NUMBER("uid", fresh.uid), LOG_NUMBER("adopted", fresh.adopted));
	*cluster = fresh;
	return true;
}

/* The fifth line of postmaster.pid, or NULL: whoever started the server chose it. */
static char *recorded_socket_dir(const struct cluster *cluster)
{
	OWNED char *path = file_join(cluster->data_dir, "postmaster.pid");
	struct fault absent;
	OWNED char *content = file_read(path, PID_FILE_MAX, NULL, &absent);
	char *rest = content, *line = NULL;

	for (unsigned i = 0; i < 5 && rest != NULL; i++)
		line = strsep(&rest, "\n");
	return line != NULL && line[0] == '/' && rest != NULL ? text_dup(line) : NULL;
}

bool cluster_join(struct cluster *cluster, const char *state_dir, struct fault *fault)
{
	struct cluster fresh = { .lock_fd = -1 };
	OWNED char *state = realpath(state_dir, NULL);

	if (state == NULL)
		return fault_set(fault, FAULT_ABSENT, "%s: %s", state_dir, strerror(errno));
	fresh.data_dir = file_join(state, "pgdata");
	fresh.socket_dir = recorded_socket_dir(&fresh);
	if (fresh.socket_dir == NULL || !choose_version(&fresh, fault) ||
		ping(&fresh) != PQPING_OK || !serves_our_data(&fresh)) {
		cluster_stop(&fresh);
		return fault_set(fault, FAULT_ABSENT, "no server runs on %s", state);
	}
	fresh.conninfo = text_dupf("host='%s' dbname=xuqi user=xuqi", fresh.socket_dir);
	*cluster = fresh;
	return true;
}

bool cluster_mend(struct cluster *cluster, struct fault *fault)
{
	int status = 0;
	if (cluster->pid != 0 && !spawn_has_ended(cluster->pid, &status))
		return true;
	log_error("cluster.ended", LOG_NUMBER("pid", cluster->pid), LOG_NUMBER("status", status));
	cluster->pid = 0;
	OWNED char *log_file = text_dupf("%s/../postgres.log", cluster->data_dir);
	int log_fd = open(log_file, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (log_fd < 0)
		return fault_set(fault, FAULT_HUMAN, "%s: %s", log_file, strerror(errno));
	bool runs = adopt_or_start(cluster, log_fd, fault);
	(void)close(log_fd);
	if (runs)
		log_info("cluster.mended", LOG_NUMBER("pid", cluster->pid));
	return runs;
}

void cluster_stop(struct cluster *cluster)
{
	if (cluster->data_dir == NULL)
		return; /* never started */
	end_server(cluster);
	if (cluster->socket_dir != NULL)
		(void)rmdir(cluster->socket_dir);
	free(cluster->data_dir);
	free(cluster->socket_dir);
	free(cluster->conninfo);
	free(cluster->bin_dir);
	if (cluster->lock_fd >= 0)
		(void)close(cluster->lock_fd);
	*cluster = (struct cluster){ .lock_fd = -1 };
}
