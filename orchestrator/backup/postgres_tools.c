/* SPDX-License-Identifier: Apache-2.0 */
/* The programs are those of the server's own version for the embedded database, else the newest ones of this
 * machine: pg_dump reads servers up to its own version. */
#include "orchestrator/backup/postgres_tools.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/file.h"
#include "common/text.h"
#include "orchestrator/loop/spawn.h"

#define POSTGRES_ROOT "/usr/lib/postgresql"

enum {
	ARGUMENTS_MAX = 12,
	RUN_MS = 7200 * 1000,
	LOOK_MS = 50,
	SAID_MAX = 64 * 1024,
	VALUE_MAX = 8 * 1024 * 1024
};

DEFINE_CLEANUP(directory_close, DIR *, closedir)
DEFINE_CLEANUP(options_free, PQconninfoOption *, PQconninfoFree)

static volatile sig_atomic_t told_to_stop;

static void on_stop(int signal_number)
{
	(void)signal_number;
	told_to_stop = 1;
}

/* ---- where the programs are ---- */

static char *newest_programs(struct fault *fault)
{
	CLEANUP(directory_close) DIR *directory = opendir(POSTGRES_ROOT);
	int64_t newest = 0;
	const struct dirent *entry = NULL;

	while (directory != NULL && (entry = readdir(directory)) != NULL) {
		OWNED char *program = text_dupf(POSTGRES_ROOT "/%s/bin/pg_dump", entry->d_name);
		int64_t version = 0;

		if (number_parse(&version, entry->d_name, 1, 999) && version > newest &&
			access(program, X_OK) == 0)
			newest = version;
	}
	if (newest > 0)
		return text_dupf(POSTGRES_ROOT "/%lld/bin", (long long)newest);
	(void)fault_set(fault, FAULT_HUMAN,
		"there is no pg_dump below " POSTGRES_ROOT
		": run apt-get install postgresql-client");
	return NULL;
}

/* ---- the connection ---- */

/* A service file takes one value a line, to its end. */
static bool add_option(struct text *out, const PQconninfoOption *option, struct fault *fault)
{
	if (option->val == NULL || option->val[0] == '\0' || text_equal(option->keyword, "service"))
		return true;
	if (strpbrk(option->val, "\r\n") != NULL)
		return fault_set(
			fault, FAULT_INPUT, "database.url: %s holds a line break", option->keyword);
	text_addf(out, "%s=%s\n", option->keyword, option->val);
	return true;
}

static bool write_service(struct postgres_tools *tools, const char *conninfo, struct fault *fault)
{
	OWNED char *path = postgres_tools_path(tools, "service.conf");
	char *complaint = NULL;
	CLEANUP(options_free) PQconninfoOption *options = PQconninfoParse(conninfo, &complaint);
	TEXT content;

	PQfreemem(complaint);
	if (options == NULL)
		return fault_set(fault, FAULT_INPUT, "database.url is no URL of libpq");
	text_init(&content, SAID_MAX);
	text_add(&content, "[xuqi]\n");
	for (const PQconninfoOption *option = options; option->keyword != NULL; option++)
		if (!add_option(&content, option, fault))
			return false;
	tools->service = text_dupf("PGSERVICEFILE=%s", path);
	return file_write(path, content.data, content.len, 0600, fault);
}

static bool reach_cluster(struct postgres_tools *tools, const struct settings *settings, bool alone,
	struct fault *fault)
{
	struct fault absent;

	if (!alone && cluster_join(&tools->cluster, settings->state_dir, &absent))
		return true;
	if (cluster_start(&tools->cluster, settings->state_dir, settings->database_user, fault))
		return true;
	if (fault->kind != FAULT_CONFLICT)
		return false;
	return fault_set(fault, FAULT_CONFLICT, "%s: %s", fault->text,
		alone ? "stop xuqid first (systemctl stop xuqid)"
		      : "its database cannot be reached from here: run this as its user");
}

static bool make_work_dir(struct postgres_tools *tools, const char *state_dir, struct fault *fault)
{
	OWNED char *path = file_join(state_dir, "backup.XXXXXX");

	if (!file_make_dirs(state_dir, 0755, fault))
		return false;
	if (mkdtemp(path) == NULL)
		return fault_set(fault, FAULT_HUMAN, "%s: %s", path, strerror(errno));
	tools->work_dir = take(path);
	return true;
}

static bool nobody_else(struct postgres_tools *tools, struct fault *fault)
{
	OWNED char *others = postgres_tools_ask(tools,
		"select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
		fault);

	if (others == NULL)
		return false;
	return text_equal(others, "0") ||
		fault_set(fault, FAULT_CONFLICT,
			"%s other connections use the database: stop every xuqid first", others);
}

bool postgres_tools_open(struct postgres_tools *tools, const struct settings *settings, bool alone,
	struct fault *fault)
{
	bool embedded = settings->database_url[0] == '\0';

	*tools = (struct postgres_tools){ .cluster = { .lock_fd = -1 } };
	(void)signal(SIGINT, on_stop);
	(void)signal(SIGTERM, on_stop);
	if (!make_work_dir(tools, settings->state_dir, fault) ||
		(embedded && !reach_cluster(tools, settings, alone, fault))) {
		postgres_tools_close(tools);
		return false;
	}
	tools->bin_dir = embedded ? text_dup(tools->cluster.bin_dir) : newest_programs(fault);
	if (tools->bin_dir != NULL &&
		write_service(tools, embedded ? tools->cluster.conninfo : settings->database_url,
			fault) &&
		(!alone || nobody_else(tools, fault)))
		return true;
	postgres_tools_close(tools);
	return false;
}

static void remove_work_dir(const char *path)
{
	CLEANUP(directory_close) DIR *directory = opendir(path);
	const struct dirent *entry = NULL;

	while (directory != NULL && (entry = readdir(directory)) != NULL) {
		OWNED char *file = file_join(path, entry->d_name);

		if (entry->d_name[0] != '.')
			(void)unlink(file);
	}
	(void)rmdir(path);
}

void postgres_tools_close(struct postgres_tools *tools)
{
	cluster_stop(&tools->cluster);
	if (tools->work_dir != NULL)
		remove_work_dir(tools->work_dir);
	free(tools->bin_dir);
	free(tools->work_dir);
	free(tools->service);
	*tools = (struct postgres_tools){ .cluster = { .lock_fd = -1 } };
}

char *postgres_tools_path(const struct postgres_tools *tools, const char *name)
{
	return file_join(tools->work_dir, name);
}

/* ---- running ---- */

/* Its wait status, or -1 where it had to be ended. */
static int wait_for(pid_t pid)
{
	int status = -1;

	for (int waited = 0; waited < RUN_MS; waited += LOOK_MS) {
		if (spawn_has_ended(pid, &status))
			return status;
		if (told_to_stop)
			break;
		spawn_rest(LOOK_MS);
	}
	(void)kill(-pid, SIGTERM);
	(void)spawn_wait(pid, 10000, &status);
	return -1;
}

/* The first line that tells of an error, or the last one; without its line break. */
static char *last_words(const char *path)
{
	struct fault absent;
	OWNED char *said = file_read(path, SAID_MAX, NULL, &absent);
	char *rest = said, *line = NULL, *last = NULL;

	while ((line = strsep(&rest, "\n")) != NULL) {
		if (strcasestr(line, "error:") != NULL)
			return text_dup(line);
		if (line[0] != '\0')
			last = line;
	}
	return text_dup(last != NULL ? last : "it said nothing");
}

bool postgres_tools_run(struct postgres_tools *tools, const char *program,
	const char *const *arguments, struct fault *fault)
{
	OWNED char *path = file_join(tools->bin_dir, program);
	OWNED char *log = postgres_tools_path(tools, "said");
	const char *argv[ARGUMENTS_MAX + 2] = { path };
	int log_fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	for (size_t i = 0; i < ARGUMENTS_MAX && arguments[i] != NULL; i++)
		argv[i + 1] = arguments[i];
	if (log_fd < 0)
		return fault_set(fault, FAULT_HUMAN, "%s: %s", log, strerror(errno));

	pid_t pid = spawn_begin(&(struct spawn){ .argv = argv,
					.dir = tools->work_dir,
					.uid = geteuid(),
					.gid = getegid(),
					.log_fd = log_fd,
					.variable = tools->service },
		fault);

	(void)close(log_fd);
	if (pid < 0)
		return false;

	int status = wait_for(pid);

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	OWNED char *said = last_words(log);
	return fault_set(fault, told_to_stop ? FAULT_LATER : FAULT_HUMAN, "%s %s: %s", program,
		told_to_stop ? "was stopped" : "failed", said);
}

char *postgres_tools_ask(struct postgres_tools *tools, const char *sql, struct fault *fault)
{
	OWNED char *file = postgres_tools_path(tools, "ask.sql");
	OWNED char *answer = postgres_tools_path(tools, "answer");
	const char *const arguments[] = { "--no-psqlrc", "--quiet", "--tuples-only", "--no-align",
		"-v", "ON_ERROR_STOP=1", "-o", answer, "-f", file, "service=xuqi", NULL };

	if (!file_write(file, sql, strlen(sql), 0600, fault) ||
		!postgres_tools_run(tools, "psql", arguments, fault))
		return NULL;

	char *value = file_read(answer, VALUE_MAX, NULL, fault);

	if (value != NULL)
		value[strcspn(value, "\n")] = '\0';
	return value;
}
