/* SPDX-License-Identifier: Apache-2.0 */
/* Restoring: everything is compared first; then one transaction replaces the database and sets the hold,
 * and the files follow.  What the world did since the backup is found out by xuqid (flows/reconciling.c). */
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/text.h"
#include "orchestrator/backup/backup.h"
#include "orchestrator/backup/manifest.h"
#include "orchestrator/backup/postgres_tools.h"

enum { STATE_FILE_MAX = 1024 * 1024, ID_MAX = 64 };

DEFINE_CLEANUP(bundle_closep, struct bundle *, bundle_close)

/* ---- is the place free? ---- */

/* The id of the installation that is there, "" for none; NULL with a fault. */
static char *present_id(struct postgres_tools *tools, struct fault *fault)
{
	OWNED char *there = postgres_tools_ask(
		tools, "select to_regclass('public.installation') is not null", fault);

	if (there == NULL)
		return NULL;
	return text_equal(there, "t")
		? postgres_tools_ask(tools, "select id from public.installation", fault)
		: text_dup("");
}

static bool may_replace(struct postgres_tools *tools, const char *over, struct fault *fault)
{
	OWNED char *present = present_id(tools, fault);
	OWNED char *renewals = NULL;

	if (present == NULL)
		return false;
	if (present[0] == '\0' || (over != NULL && text_equal(over, present)))
		return true;
	renewals = postgres_tools_ask(tools, "select count(*) from public.renewals", fault);
	if (renewals == NULL)
		return false;
	return fault_set(fault, FAULT_CONFLICT,
		"installation %s with %s renewals is here. To replace it, keep it first (xuqi backup FILE), then add --over %s",
		present, renewals, present);
}

/* What the database that is replaced had erased or revoked, as its function FUNCTION tells it, as an SQL literal: a backup
 * made before has it still.  'null' where there is none, or it cannot say; then a person is asked (restore_erase,
 * restore_revoke). */
static char *told_by_replaced(struct postgres_tools *tools, const char *function)
{
	struct fault fault;
	OWNED char *whether = text_dupf("select to_regproc('public.%s') is not null", function);
	OWNED char *what = text_dupf("select quote_literal(public.%s()::text)", function);
	OWNED char *can = postgres_tools_ask(tools, whether, &fault);
	OWNED char *list = can != NULL && text_equal(can, "t")
		? postgres_tools_ask(tools, what, &fault)
		: NULL;

	return list != NULL && list[0] != '\0' ? take(list) : text_dup("'null'");
}

/* ---- the database ---- */

/* The schema comes back as it was made: without an owner of its own. */
static const char before_sql[] =
	"set client_min_messages = warning; drop schema public cascade;"
	" create schema public authorization pg_database_owner; grant usage on schema public to public;\n";

static bool write_scripts(
	struct postgres_tools *tools, const char *made_at, const char *digest, struct fault *fault)
{
	OWNED char *erased = told_by_replaced(tools, "privacy_erasures");
	OWNED char *ended = told_by_replaced(tools, "accesses_ended");
	OWNED char *before = postgres_tools_path(tools, "before.sql");
	OWNED char *after = postgres_tools_path(tools, "after.sql");
	OWNED char *begin = text_dupf(
		"set search_path = public; select restore_erase(%s); select restore_begin('%s', '%s'); select restore_revoke(%s);\n",
		erased, made_at, digest, ended);

	return file_write(before, before_sql, strlen(before_sql), 0600, fault) &&
		file_write(after, begin, strlen(begin), 0600, fault);
}

/* pg_restore reads the whole dump here, before anything is touched. */
static bool unpack(struct postgres_tools *tools, const struct bundle *bundle, struct fault *fault)
{
	OWNED char *dump = postgres_tools_path(tools, MANIFEST_DUMP_NAME);
	OWNED char *script = postgres_tools_path(tools, "database.sql");
	const char *const arguments[] = { "--no-owner", "--no-privileges", "--file", script, dump,
		NULL };

	return bundle_copy(bundle, bundle_find(bundle, MANIFEST_DUMP_NAME), dump, 0600, fault) &&
		postgres_tools_run(tools, "pg_restore", arguments, fault);
}

static bool load(struct postgres_tools *tools, struct fault *fault)
{
	OWNED char *before = postgres_tools_path(tools, "before.sql");
	OWNED char *script = postgres_tools_path(tools, "database.sql");
	OWNED char *after = postgres_tools_path(tools, "after.sql");
	const char *const arguments[] = { "--no-psqlrc", "--quiet", "--single-transaction",
		"--variable=ON_ERROR_STOP=1", "--output=/dev/null", "-f", before, "-f", script,
		"-f", after, "service=xuqi", NULL };

	return postgres_tools_run(tools, "psql", arguments, fault);
}

/* ---- the files ---- */

static bool put_files(const struct bundle *bundle, const char *state_dir, struct fault *fault)
{
	for (size_t i = 0; manifest_state_files[i] != NULL; i++) {
		const char *name = manifest_state_files[i];
		const struct bundle_member *member = bundle_find(bundle, name);
		OWNED char *path = file_join(state_dir, name);
		OWNED char *content = NULL;

		if (member == NULL)
			continue;
		content = bundle_text(bundle, name, STATE_FILE_MAX, fault);
		if (content == NULL ||
			!file_write(path, content, (size_t)member->size,
				strstr(name, ".key") != NULL ? 0600 : 0644, fault))
			return false;
	}
	return true;
}

static bool restore(struct postgres_tools *tools, const struct bundle *bundle,
	const json_t *manifest, const char *state_dir, struct fault *fault)
{
	OWNED char *digest = bundle_text(bundle, MANIFEST_DIGEST_NAME, SHA256_HEX, fault);

	if (digest == NULL || !unpack(tools, bundle, fault) ||
		!write_scripts(tools, json_peek_text(manifest, "made_at"), digest, fault) ||
		!load(tools, fault))
		return false;
	return put_files(bundle, state_dir, fault) ||
		fault_prefix(
			fault, "the database is restored, its files are not: restore once more");
}

bool backup_restore(
	const struct settings *settings, const char *file, const char *over, struct fault *fault)
{
	struct bundle bundle = { .fd = -1 };
	struct bundle *open_bundle CLEANUP(bundle_closep) = &bundle;
	struct postgres_tools tools;
	bool restored = false;

	if (!bundle_open(open_bundle, file, fault))
		return false;

	JSON *manifest = manifest_check(open_bundle, fault);

	if (manifest == NULL || !postgres_tools_open(&tools, settings, true, fault))
		return false;
	restored = may_replace(&tools, over, fault) &&
		restore(&tools, open_bundle, manifest, settings->state_dir, fault);
	postgres_tools_close(&tools);
	if (restored)
		(void)printf(
			"restored installation %s as of %s. xuqid starts in hold: it asks the CA what happened "
			"since; see xuqi restore status\n",
			json_peek_text(manifest, "installation"),
			json_peek_text(manifest, "made_at"));
	return restored;
}

bool backup_check(const char *file, struct fault *fault)
{
	struct bundle bundle = { .fd = -1 };
	struct bundle *open_bundle CLEANUP(bundle_closep) = &bundle;

	if (!bundle_open(open_bundle, file, fault))
		return false;

	JSON *manifest = manifest_check(open_bundle, fault);

	if (manifest == NULL)
		return false;
	(void)printf("%s is whole: installation %s as of %s, made by xuqi %s, %lld renewals\n",
		file, json_peek_text(manifest, "installation"), json_peek_text(manifest, "made_at"),
		json_peek_text(manifest, "version"),
		(long long)json_peek_number(manifest, "renewals", 0));
	return true;
}
