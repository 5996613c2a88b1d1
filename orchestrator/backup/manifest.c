/* SPDX-License-Identifier: Apache-2.0 */
/* {xuqi_backup, version, installation, made_at, renewals, schema: [{name, sha256}], members: [{name, size,
 * sha256}]}; its own digest stands in a member behind it. */
#include "orchestrator/backup/manifest.h"

#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "migrations.h"

enum { MANIFEST_MAX = 1024 * 1024, FORMAT = 1 };

const char *const manifest_state_files[] = { "agent-ca.pem", "agent-ca.key", "agents.pem",
	"agents.key", "agents.names", "privacy.key", NULL };

bool manifest_add(json_t *manifest, const char *name, const char *path, struct fault *fault)
{
	json_t *members = json_object_get(manifest, "members");
	char digest[SHA256_HEX];
	int64_t size = 0;

	if (!bundle_digest_file(digest, &size, path, fault))
		return false;
	(void)json_array_append_new(members,
		json_pack("{s:s, s:I, s:s}", "name", name, "size", (json_int_t)size, "sha256",
			digest));
	return true;
}

static bool member_is_whole(const struct bundle *bundle, const json_t *item, struct fault *fault)
{
	const char *name = json_peek_text(item, "name");
	const struct bundle_member *member = name == NULL ? NULL : bundle_find(bundle, name);
	char digest[SHA256_HEX];

	if (member == NULL)
		return fault_set(fault, FAULT_INPUT, "%s: %s is missing", bundle->path,
			name != NULL ? name : "a part");
	if (!bundle_digest(digest, bundle, member, fault))
		return false;
	if (member->size != json_peek_number(item, "size", -1) ||
		!text_equal(digest, json_peek_text(item, "sha256")))
		return fault_set(fault, FAULT_INPUT, "%s: %s is damaged: take another backup",
			bundle->path, name);
	return true;
}

static bool members_are_whole(
	const struct bundle *bundle, const json_t *manifest, struct fault *fault)
{
	const json_t *item, *members = json_object_get(manifest, "members");
	size_t i;

	json_array_foreach(members, i, item)
	{
		if (!member_is_whole(bundle, item, fault))
			return false;
	}
	if (json_array_size(members) + 2 != bundle->count ||
		bundle_find(bundle, MANIFEST_DUMP_NAME) == NULL)
		return fault_set(fault, FAULT_INPUT, "%s holds more or less than its list says",
			bundle->path);
	return true;
}

/* The schema of the backup must be a beginning of ours, unchanged: xuqid brings it up to date. */
static bool schema_fits(const json_t *manifest, struct fault *fault)
{
	const struct migrations_entry *ours = migrations_entries;
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(manifest, "schema"), i, item)
	{
		char digest[SHA256_HEX];

		if (ours->name == NULL)
			return fault_set(fault, FAULT_HUMAN,
				"the backup is of a newer xuqi (%s): install that version",
				json_peek_text(manifest, "version"));
		sha256_hex(digest, ours->text, strlen(ours->text));
		if (!text_equal(ours->name, json_peek_text(item, "name")) ||
			!text_equal(digest, json_peek_text(item, "sha256")))
			return fault_set(fault, FAULT_HUMAN,
				"the backup's schema %s is not the one of this xuqi: install version %s to restore it",
				json_peek_text(item, "name"), json_peek_text(manifest, "version"));
		ours++;
	}
	return i > 0 || fault_set(fault, FAULT_INPUT, "the backup names no schema");
}

static bool says_who_and_when(const json_t *manifest)
{
	const char *made_at = json_peek_text(manifest, "made_at"),
		   *installation = json_peek_text(manifest, "installation");
	int64_t at = 0;

	return json_peek_number(manifest, "xuqi_backup", 0) == FORMAT && made_at != NULL &&
		clock_parse(&at, made_at) && installation != NULL &&
		strspn(installation, "0123456789abcdef") == strlen(installation) &&
		json_peek_text(manifest, "version") != NULL;
}

static json_t *read_manifest(const struct bundle *bundle, struct fault *fault)
{
	OWNED char *text = bundle_text(bundle, MANIFEST_NAME, MANIFEST_MAX, fault);
	OWNED char *wanted =
		text == NULL ? NULL : bundle_text(bundle, MANIFEST_DIGEST_NAME, SHA256_HEX, fault);
	char digest[SHA256_HEX];

	if (wanted == NULL)
		return NULL;
	sha256_hex(digest, text, strlen(text));
	if (text_equal(digest, wanted))
		return json_read(text, strlen(text), fault);
	(void)fault_set(fault, FAULT_INPUT,
		"%s: its list of contents is damaged: take another backup", bundle->path);
	return NULL;
}

json_t *manifest_check(const struct bundle *bundle, struct fault *fault)
{
	JSON *manifest = read_manifest(bundle, fault);

	if (manifest == NULL)
		return NULL;
	if (!says_who_and_when(manifest)) {
		(void)fault_set(fault, FAULT_INPUT, "%s is no backup of xuqi", bundle->path);
		return NULL;
	}
	if (!members_are_whole(bundle, manifest, fault) || !schema_fits(manifest, fault))
		return NULL;
	return take(manifest);
}
