/* SPDX-License-Identifier: Apache-2.0 */
/* Making a backup: pg_dump's one snapshot, the files beside it, a list with their digests. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/log.h"
#include "common/text.h"
#include "orchestrator/backup/backup.h"
#include "orchestrator/backup/manifest.h"
#include "orchestrator/backup/postgres_tools.h"

/* made_at is taken before the snapshot: what happened after it is surely not in the backup. */
static const char facts_sql[] =
	"select jsonb_build_object('xuqi_backup', 1, 'installation', (select id from public.installation),"
	" 'made_at', to_char(now() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),"
	" 'renewals', (select count(*) from public.renewals),"
	" 'schema', (select jsonb_agg(jsonb_build_object('name', name, 'sha256', sha256) order by name)"
	" from public.schema_migrations), 'members', '[]'::jsonb)";

static json_t *ask_facts(struct postgres_tools *tools, struct fault *fault)
{
	OWNED char *there = postgres_tools_ask(
		tools, "select to_regclass('public.schema_migrations') is not null", fault);
	OWNED char *facts = NULL;

	if (there == NULL)
		return NULL;
	if (!text_equal(there, "t")) {
		(void)fault_set(
			fault, FAULT_ABSENT, "the database is empty: there is nothing to keep");
		return NULL;
	}
	facts = postgres_tools_ask(tools, facts_sql, fault);
	if (facts == NULL)
		return NULL;

	json_t *manifest = json_read(facts, strlen(facts), fault);

	if (manifest != NULL)
		json_put_text(manifest, "version", XUQI_VERSION);
	return manifest;
}

static bool dump(struct postgres_tools *tools, json_t *manifest, struct fault *fault)
{
	OWNED char *path = postgres_tools_path(tools, MANIFEST_DUMP_NAME);
	const char *const arguments[] = { "--format=custom", "--no-owner", "--no-privileges",
		"--file", path, "service=xuqi", NULL };

	return postgres_tools_run(tools, "pg_dump", arguments, fault) &&
		manifest_add(manifest, MANIFEST_DUMP_NAME, path, fault);
}

static bool list_files(const char *state_dir, json_t *manifest, struct fault *fault)
{
	for (size_t i = 0; manifest_state_files[i] != NULL; i++) {
		OWNED char *path = file_join(state_dir, manifest_state_files[i]);

		if (access(path, F_OK) == 0 &&
			!manifest_add(manifest, manifest_state_files[i], path, fault))
			return false;
	}
	return true;
}

static bool put_manifest(int fd, const json_t *manifest, struct fault *fault)
{
	OWNED char *text = json_write(manifest);
	char digest[SHA256_HEX];

	sha256_hex(digest, text, strlen(text));
	return bundle_put(fd, MANIFEST_NAME, text, strlen(text), fault) &&
		bundle_put(fd, MANIFEST_DIGEST_NAME, digest, strlen(digest), fault);
}

static bool put_all(int fd, const struct postgres_tools *tools, const char *state_dir,
	const json_t *manifest, struct fault *fault)
{
	const json_t *item;
	size_t i;

	if (!put_manifest(fd, manifest, fault))
		return false;
	json_array_foreach(json_object_get(manifest, "members"), i, item)
	{
		const char *name = json_peek_text(item, "name");
		OWNED char *path = file_join(
			text_equal(name, MANIFEST_DUMP_NAME) ? tools->work_dir : state_dir, name);

		if (!bundle_put_file(fd, name, path, fault))
			return false;
	}
	return bundle_end(fd, fault);
}

/* ---- where it goes ---- */

static bool sync_directory_of(const char *file, struct fault *fault)
{
	OWNED char *directory = text_dup(file);
	char *slash = strrchr(directory, '/');

	if (slash != NULL)
		slash[slash == directory ? 1 : 0] = '\0';

	int fd = open(slash != NULL ? directory : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool synced = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		(void)close(fd);
	return synced || fault_set(fault, FAULT_HUMAN, "%s: %s", directory, strerror(errno));
}

/* Half a backup never has the name of a whole one, and none is written over another. */
static bool to_file(const struct postgres_tools *tools, const char *state_dir,
	const json_t *manifest, const char *file, struct fault *fault)
{
	OWNED char *part = text_dupf("%s.part", file);

	(void)unlink(part);
	int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return fault_set(fault, FAULT_HUMAN, "%s: %s", part, strerror(errno));

	bool written = put_all(fd, tools, state_dir, manifest, fault);

	if (written && fsync(fd) != 0)
		written = fault_set(fault, FAULT_HUMAN, "%s: %s", part, strerror(errno));
	(void)close(fd);
	if (written && link(part, file) != 0)
		written = fault_set(
			fault, FAULT_CONFLICT, "%s: %s: name another file", file, strerror(errno));
	(void)unlink(part);
	return written && sync_directory_of(file, fault);
}

static bool to_stdout(const struct postgres_tools *tools, const char *state_dir,
	const json_t *manifest, struct fault *fault)
{
	if (isatty(STDOUT_FILENO))
		return fault_set(fault, FAULT_INPUT,
			"a backup holds keys and is not for a terminal: send it into a program or a file");
	return put_all(STDOUT_FILENO, tools, state_dir, manifest, fault);
}

static bool make(struct postgres_tools *tools, const struct settings *settings, const char *file,
	struct fault *fault)
{
	JSON *manifest = ask_facts(tools, fault);

	if (manifest == NULL || !dump(tools, manifest, fault) ||
		!list_files(settings->state_dir, manifest, fault))
		return false;
	if (!(text_equal(file, "-") ? to_stdout(tools, settings->state_dir, manifest, fault)
				    : to_file(tools, settings->state_dir, manifest, file, fault)))
		return false;
	(void)fprintf(stderr, "backup of installation %s as of %s: %lld renewals\n",
		json_peek_text(manifest, "installation"), json_peek_text(manifest, "made_at"),
		(long long)json_peek_number(manifest, "renewals", 0));
	return true;
}

/* Opening the embedded server makes one where there is none: that would be a backup of nothing. */
static bool is_here(const struct settings *settings, struct fault *fault)
{
	OWNED char *data = file_join(settings->state_dir, "pgdata");

	return settings->database_url[0] != '\0' || access(data, F_OK) == 0 ||
		fault_set(fault, FAULT_ABSENT,
			"%s: %s: no installation to keep; name the settings of xuqid with --settings",
			data, strerror(errno));
}

bool backup_make(const struct settings *settings, const char *file, struct fault *fault)
{
	struct postgres_tools tools;
	bool made = false;

	if (!text_equal(file, "-") && access(file, F_OK) == 0)
		return fault_set(fault, FAULT_CONFLICT, "%s exists: name another file", file);
	if (!is_here(settings, fault) || !postgres_tools_open(&tools, settings, false, fault))
		return false;
	made = make(&tools, settings, file, fault);
	postgres_tools_close(&tools);
	return made;
}
