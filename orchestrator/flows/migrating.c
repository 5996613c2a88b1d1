/* SPDX-License-Identifier: Apache-2.0 */
/* The story of bringing a database up to date: one lock, then one script per missing file. */
#include "orchestrator/flows/migrating.h"

#include <string.h>

#include "common/digest.h"
#include "common/log.h"
#include "common/text.h"
#include "migrations.h"
#include "orchestrator/loop/db.h"

enum { SCRIPT_MAX = 4 * 1024 * 1024 };

struct migrating {
	struct app *app;
	void (*on_done)(struct app *app, const struct fault *fault);
	const struct migrations_entry *next;
};

static enum flow_next migrating_prepare(struct flow *flow, void *self)
{
	struct migrating *migrating = self;

	return db_begin_script(migrating->app->db, flow,
		"create table if not exists schema_migrations (name text primary key, sha256 text not null, "
		"applied_at timestamptz not null default now())");
}

static enum flow_next migrating_look(struct flow *flow, void *self)
{
	struct migrating *migrating = self;

	return db_begin(migrating->app->db, flow,
		"select name, sha256 from schema_migrations order by name", 0, NULL);
}

/* The files that are applied must be a beginning of ours, unchanged. */
static enum flow_next migrating_compare(struct flow *flow, void *self)
{
	struct migrating *migrating = self;
	const PGresult *rows = flow_rows(flow);
	char sha[SHA256_HEX];

	migrating->next = migrations_entries;
	for (int i = 0; i < PQntuples(rows); i++, migrating->next++) {
		if (migrating->next->name == NULL)
			return flow_fail(flow, FAULT_HUMAN,
				"the database is newer than this xuqid: it holds %s; install that version or a later one",
				PQgetvalue(rows, i, 0));
		sha256_hex(sha, migrating->next->text, strlen(migrating->next->text));
		if (!text_equal(migrating->next->name, PQgetvalue(rows, i, 0)) ||
			!text_equal(sha, PQgetvalue(rows, i, 1)))
			return flow_fail(flow, FAULT_HUMAN,
				"schema %s was applied in another form than this xuqid carries: install the version that made it",
				PQgetvalue(rows, i, 0));
	}
	return FLOW_NEXT;
}

/* One file and the note of it in one transaction; two starters at once are told apart by the lock. */
static enum flow_next migrating_apply(struct flow *flow, void *self)
{
	struct migrating *migrating = self;
	char sha[SHA256_HEX];
	TEXT script;

	if (migrating->next->name == NULL)
		return FLOW_DONE;
	sha256_hex(sha, migrating->next->text, strlen(migrating->next->text));
	text_init(&script, SCRIPT_MAX);
	text_addf(&script,
		"begin; select pg_advisory_xact_lock(7220001); insert into schema_migrations (name, sha256) values ('%s', '%s');\n%s\n;commit",
		migrating->next->name, sha, migrating->next->text);
	log_info("schema.migrating", LOG_TEXT("file", migrating->next->name));
	return db_begin_script(migrating->app->db, flow, script.data);
}

static enum flow_next migrating_again(struct flow *flow, void *self)
{
	struct migrating *migrating = self;

	migrating->next++;
	return flow_jump(flow, "apply");
}

static const struct flow_step migrating_steps[] = {
	{ "prepare", migrating_prepare }, /* the table that remembers */
	{ "look", migrating_look },       /* what is applied already? */
	{ "compare", migrating_compare }, /* is it ours, unchanged? */
	{ "apply", migrating_apply },     /* the next file */
	{ "again", migrating_again },
	{ NULL, NULL },
};

static void migrating_finished(void *self, const struct fault *fault)
{
	struct migrating *migrating = self;

	migrating->on_done(migrating->app, fault);
	free(migrating);
}

static struct flow_kind migrating_kind = { "migrating", migrating_steps, migrating_finished, 1, 0 };

bool migrating_start(struct app *app, void (*on_done)(struct app *app, const struct fault *fault),
	struct fault *fault)
{
	struct migrating *migrating = zalloc(1, sizeof *migrating);

	migrating->app = app;
	migrating->on_done = on_done;
	if (flow_start(app->engine, &migrating_kind, migrating))
		return true;
	free(migrating);
	return fault_set(fault, FAULT_BUG, "a migration runs already");
}
