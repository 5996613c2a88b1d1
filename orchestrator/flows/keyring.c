/* SPDX-License-Identifier: Apache-2.0 */
/* The story of the key file: read, compared with what the database was sealed with, made where there was none. */
#include "orchestrator/flows/keyring.h"

#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/json.h"
#include "common/log.h"
#include "common/seal.h"
#include "common/text.h"
#include "orchestrator/loop/db.h"
#include "orchestrator/loop/flow.h"
#include "sql.h"

static const char default_name[] = "privacy.key";

struct keyring {
	struct app *app;
	char *file;
	bool made;
	void (*on_done)(struct app *app, const struct fault *fault);
};

static enum flow_next keyring_look(struct flow *flow, void *self)
{
	struct keyring *keyring = self;

	return db_begin(keyring->app->db, flow, sql_privacy_keys_look, 0, NULL);
}

static bool has_key(const struct seal_keys *keys, const char *id)
{
	for (size_t i = 0; i < seal_keys_count(keys); i++)
		if (text_equal(seal_key_id(keys, i), id))
			return true;
	return false;
}

/* Every key that something is sealed with must be there, and one of those that ever were. */
static bool fits(
	const struct seal_keys *keys, const json_t *known, const json_t *used, struct fault *fault)
{
	const json_t *id;
	size_t i;
	bool any = json_array_size(known) == 0;

	json_array_foreach(used, i, id)
	{
		if (!has_key(keys, json_string_value(id)))
			return fault_set(fault, FAULT_HUMAN,
				"%s: key %s is missing, which personal data of this database is sealed with; put its line back, below the newest, and start again",
				seal_keys_file(keys), json_string_value(id));
	}
	json_array_foreach(known, i, id) any = any || has_key(keys, json_string_value(id));
	return any ||
		fault_set(fault, FAULT_HUMAN,
			"%s holds none of this database's keys (%s …); use the file of the xuqid that worked on it before (privacy.key_file)",
			seal_keys_file(keys), json_string_value(json_array_get(known, 0)));
}

/* The file of the settings must be there; the one in state_dir is made once, for a database that knows no key. */
static bool read_or_make(struct keyring *keyring, const json_t *known, struct fault *fault)
{
	struct app *app = keyring->app;
	bool own = app->settings.privacy_key_file[0] == '\0';

	app->seals = seal_keys_read(keyring->file, fault);
	if (app->seals != NULL || fault->kind != FAULT_ABSENT)
		return app->seals != NULL;
	if (json_array_size(known) > 0)
		return fault_set(fault, FAULT_HUMAN,
			"%s is missing: this database's personal data is sealed with key %s; put the file back from where you keep it (docs/privacy.md)",
			keyring->file, json_string_value(json_array_get(known, 0)));
	if (!own)
		return fault_set(fault, FAULT_HUMAN,
			"privacy.key_file %s is missing: make it once with (umask 077; openssl rand -hex 32 >%s)",
			keyring->file, keyring->file);
	if (!seal_keys_make(keyring->file, fault))
		return false;
	keyring->made = true;
	log_info("privacy.key_made", LOG_TEXT("file", keyring->file));
	app->seals = seal_keys_read(keyring->file, fault);
	return app->seals != NULL;
}

static enum flow_next keyring_open(struct flow *flow, void *self)
{
	struct keyring *keyring = self;
	const PGresult *rows = flow_rows(flow);
	JSON *known = json_loads(PQgetvalue(rows, 0, 0), 0, NULL);
	JSON *used = json_loads(PQgetvalue(rows, 0, 1), 0, NULL);
	struct fault fault;

	if (!read_or_make(keyring, known, &fault) ||
		!fits(keyring->app->seals, known, used, &fault))
		return flow_fail_with(flow, &fault);
	return db_begin(keyring->app->db, flow,
		keyring->made ? sql_privacy_key_first : sql_privacy_key_use,
		DB_ARGS(seal_key_id(keyring->app->seals, 0)));
}

static enum flow_next keyring_taken(struct flow *flow, void *self)
{
	struct keyring *keyring = self;

	if (!keyring->made || PQntuples(flow_rows(flow)) == 1)
		return FLOW_DONE;
	(void)unlink(keyring->file);
	return flow_fail(flow, FAULT_HUMAN,
		"another xuqid has just given this database its key: put its key file here too (privacy.key_file), and start again");
}

static const struct flow_step keyring_steps[] = {
	{ "look", keyring_look },   /* what is this database sealed with? */
	{ "open", keyring_open },   /* the file, and whether it fits */
	{ "taken", keyring_taken }, /* the newest key is this database's */
	{ NULL, NULL },
};

static void keyring_finished(void *self, const struct fault *fault)
{
	struct keyring *keyring = self;

	keyring->on_done(keyring->app, fault);
	free(keyring->file);
	free(keyring);
}

static struct flow_kind keyring_kind = { "keyring", keyring_steps, keyring_finished, 1, 0 };

bool keyring_start(struct app *app, void (*on_done)(struct app *app, const struct fault *fault),
	struct fault *fault)
{
	struct keyring *keyring = zalloc(1, sizeof *keyring);

	keyring->app = app;
	keyring->on_done = on_done;
	keyring->file = app->settings.privacy_key_file[0] != '\0'
		? text_dup(app->settings.privacy_key_file)
		: file_join(app->settings.state_dir, default_name);
	if (flow_start(app->engine, &keyring_kind, keyring))
		return true;
	free(keyring->file);
	free(keyring);
	return fault_set(fault, FAULT_BUG, "the key file is being read already");
}
