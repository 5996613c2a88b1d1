/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the table of commands.  The house: holds, backups, the CAs, who may do what, personal data, help. */
#include "orchestrator/cli/command_rows.h"

/* clang-format off */
static const struct field hold_set[] = {
	{ "--scope", "all|unit|ca", FIELD_BODY, 0, "scope", "all if not given" },
	{ "--target", "NAME", FIELD_BODY, 0, "target", "the unit (单位部门) or the CA" },
	{ "--reason", "TEXT", FIELD_BODY, FIELD_REQUIRED, "reason", "why, for whoever wonders" },
};

static const struct field hold_all[] = {
	{ "scope", "all", FIELD_BODY_FIXED, 0, "scope", NULL },
	{ "--reason", "TEXT", FIELD_BODY, FIELD_REQUIRED, "reason", "why, for whoever wonders" },
};

static const struct field hold_unit[] = {
	{ "scope", "unit", FIELD_BODY_FIXED, 0, "scope", NULL },
	{ "UNIT", "UNIT", FIELD_BODY, 0, "target", "the unit (单位部门)" },
	{ "--reason", "TEXT", FIELD_BODY, FIELD_REQUIRED, "reason", "why, for whoever wonders" },
};

static const struct field hold_ca[] = {
	{ "scope", "ca", FIELD_BODY_FIXED, 0, "scope", NULL },
	{ "CA", "CA", FIELD_BODY, 0, "target", "its word, as ca list shows it" },
	{ "--reason", "TEXT", FIELD_BODY, FIELD_REQUIRED, "reason", "why, for whoever wonders" },
};

static const struct field ca_show[] = {
	{ "CA", "CA", FIELD_PATH, 0, NULL, "its word, as ca list shows it" },
};

static const struct field ca_limit[] = {
	{ "CA", "CA", FIELD_PATH, 0, NULL, "its word, as ca list shows it" },
	{ "--daily-cap", "N", FIELD_BODY_NUMBER, 0, "daily_cap", "applications that may begin on one day (每日上限); 0: any number" },
	{ "--per-minute", "N", FIELD_BODY_NUMBER, 0, "requests_per_minute", "requests in a minute, of all xuqid together; 0: any number" },
	{ "--office-hours", "only|always", FIELD_BODY, 0, "office_hours", "whether effects wait until the office is open" },
};

static const struct field org_apply[] = {
	{ "FILE.json", "FILE", FIELD_BODY_FILE, 0, NULL, "legal_entities with units and payer accounts, JSON" },
};

static const struct field token_create[] = {
	{ "--login", "LOGIN", FIELD_BODY, FIELD_REQUIRED, "login", "the person's short name" },
	{ "--name", "NAME", FIELD_BODY, FIELD_REQUIRED, "name", "the person's name" },
	{ "--role", "operator|finance|approver|handler|auditor|admin", FIELD_BODY, FIELD_REQUIRED, "role", "the one role of the token" },
	{ "--unit", "UNIT", FIELD_BODY, 0, "unit", "this unit and those below it; else everything" },
	{ "--days", "N", FIELD_BODY_NUMBER, 0, "days", "valid for so many days" },
	{ "--mobile", "NUMBER", FIELD_BODY, 0, "mobile", "the person's mobile number; others see it in the argument list, so better:" },
	{ "--mobile-file", "FILE", FIELD_BODY_LINE, 0, "mobile", "a file with it, or - for standard input" },
	{ "--email", "ADDRESS", FIELD_BODY, 0, "email", "the person's address" },
	{ "--id-type", "id_card|passport|hk_macau_permit|taiwan_permit|residence_permit", FIELD_BODY, 0, "id_type", "its document, else id_card" },
	{ "--id-no", "FILE", FIELD_BODY_LINE, 0, "id_no", "a file with the person's id number (证件号码), or - for standard input" },
	{ "--legal-entity", "USCC", FIELD_BODY, 0, "legal_entity", "a handler's: 统一社会信用代码 of whom they act for" },
	{ "--authorised-until", "DATE", FIELD_BODY, 0, "authorised_until", "a handler's: last day of the authorisation" },
	{ "--out", "FILE", FIELD_OUT, 0, "token", "write the token here (mode 0600) instead of showing it" },
};

static const struct field person_list[] = {
	{ "--login", "LOGIN", FIELD_QUERY, 0, "login", "this person only" },
};

static const struct field person_find[] = {
	{ "--mobile", "FILE", FIELD_BODY_LINE, 0, "mobile", "a file with the whole number, or - for standard input" },
	{ "--id-no", "FILE", FIELD_BODY_LINE, 0, "id_no", "a file with the whole id number, or - for standard input" },
};

static const struct field person_reveal[] = {
	{ "ID", "ID", FIELD_PATH, 0, NULL, "the person's id, as person list shows it" },
	{ "--reason", "TEXT", FIELD_BODY, FIELD_REQUIRED, "reason", "why, for whoever reads the audit" },
};

static const struct field file_list[] = {
	{ "TASK", "TASK", FIELD_PATH, 0, NULL, "the task's id" },
};

static const struct field file_fetch[] = {
	{ "ID", "ID", FIELD_PATH, 0, NULL, "the file's id, as file list shows it" },
	{ "--out", "FILE", FIELD_OUT, FIELD_REQUIRED, "data_b64", "write it here (mode 0600)" },
};

static const struct field file_reveal[] = {
	{ "ID", "ID", FIELD_PATH, 0, NULL, "the file's id, as file list shows it" },
	{ "--reason", "TEXT", FIELD_BODY, FIELD_REQUIRED, "reason", "why, for whoever reads the audit" },
	{ "--out", "FILE", FIELD_OUT, FIELD_REQUIRED, "data_b64", "write it here (mode 0600)" },
};

static const struct field privacy_check[] = {
	{ "--mark", "MARK", FIELD_BODY, FIELD_REQUIRED, "mark", "the mark, sm1.…, as the audit or file list shows it" },
	{ "--attach", "FILE", FIELD_ATTACH, 0, "files", "was it this file?" },
	{ "--value", "FILE", FIELD_BODY_LINE, 0, "value", "or this number or address: a file with it, or - for standard input" },
};

static const struct field privacy_erase[] = {
	{ "--person", "LOGIN", FIELD_BODY, FIELD_REQUIRED, "login", "the person who asks for it" },
};

static const struct field help_fields[] = {
	{ "--all", NULL, FIELD_LOCAL, 0, NULL, "every command with its options; with -o json for programs" },
};

static const struct field backup_file[] = {
	{ "FILE", "FILE", FIELD_LOCAL, 0, NULL, "the backup" },
};

static const struct field backup_fields[] = {
	{ "FILE", "FILE", FIELD_LOCAL, 0, NULL, "a new file, or - for standard output (to encrypt it, say)" },
	{ "--settings", "FILE", FIELD_LOCAL, 0, NULL, "the settings of xuqid" },
};

static const struct field restore_fields[] = {
	{ "FILE", "FILE", FIELD_LOCAL, 0, NULL, "the backup" },
	{ "--settings", "FILE", FIELD_LOCAL, 0, NULL, "the settings of xuqid" },
	{ "--over", "ID", FIELD_LOCAL, 0, NULL, "replace the installation with this id, which is here" },
};
/* clang-format on */

static const char backup_detail[] =
	"The file holds keys and personal data: keep it as you keep the state directory.\n"
	"Settings and the files that they name are not in it.";

static const char restore_detail[] =
	"A damaged or foreign file is refused before anything is touched. The next start of xuqid is held: it asks\n"
	"the CA what happened since the backup; two people release the hold (xuqi restore status).";

static const struct command rows[] = {
	{ .noun = "hold",
		.verb = "list",
		.method = "GET",
		.path = "/v1/holds",
		.roles = ANYONE,
		.summary = "list holds",
		.columns = "id scope target reason set_by set_at release_asked_by released_at",
		.flags = COMMAND_LIST },
	{ .noun = "hold",
		.verb = "set",
		.method = "POST",
		.path = "/v1/holds",
		.roles = "operator, finance, approver, admin",
		.summary = "stop filing, paying and installing from now on",
		FIELDS(hold_set) },
	{ .noun = "hold",
		.verb = "all",
		.method = "POST",
		.path = "/v1/holds",
		.roles = "operator, finance, approver, admin",
		.summary = "the same as hold set --scope all",
		FIELDS(hold_all) },
	{ .noun = "hold",
		.verb = "unit",
		.method = "POST",
		.path = "/v1/holds",
		.roles = "operator, finance, approver, admin",
		.summary = "the same as hold set --scope unit --target UNIT",
		FIELDS(hold_unit) },
	{ .noun = "hold",
		.verb = "ca",
		.method = "POST",
		.path = "/v1/holds",
		.roles = "operator, finance, approver, admin",
		.summary = "the same as hold set --scope ca --target CA",
		FIELDS(hold_ca) },
	{ .noun = "hold",
		.verb = "release",
		.method = "POST",
		.path = "/v1/holds/:id/release",
		.roles = "operator, approver, admin; two persons, one after the other",
		.summary = "end a hold: it ends when a second person releases it too",
		FIELDS(id_fields) },
	{ .noun = "backup",
		.roles = "whoever may read xuqid's settings and state directory",
		.summary = "keep this installation in FILE, mode 0600; xuqid may run",
		.detail = backup_detail,
		FIELDS(backup_fields) },
	{ .noun = "restore",
		.verb = "from",
		.roles = "whoever may write xuqid's state directory; xuqid must be stopped",
		.summary =
			"make the installation of the backup FILE this one; the next start is held",
		.detail = restore_detail,
		FIELDS(restore_fields) },
	{ .noun = "restore",
		.verb = "check",
		.roles = "whoever may read the file",
		.summary = "compare everything in the backup FILE with its own list",
		FIELDS(backup_file) },
	{ .noun = "restore",
		.verb = "status",
		.method = "GET",
		.path = "/v1/restore",
		.roles = ANYONE,
		.summary = "what is done and what is left after the last restore",
		.columns = "state area text remedy renewal" },
	{ .noun = "doctor",
		.method = "GET",
		.path = "/v1/doctor",
		.roles = ANYONE,
		.summary = "check the server; exit status 1 if anything fails",
		.columns = "level area text owner since remedy renewal" },
	/* clang-format off */
	{ .noun = "ca", .verb = "list", .method = "GET", .path = "/v1/cas", .roles = ANYONE,
		.summary = "the CAs at a glance: open, held, left alone, cap reached",
		.columns = "ca state answered_at probe_at begun_today daily_cap office_hours office_opens_at under_way last_error" },
	{ .noun = "ca", .verb = "show", .method = "GET", .path = "/v1/cas/:id", .roles = ANYONE,
		.summary = "one CA: last answer, breaker, today's count, limits", FIELDS(ca_show) },
	{ .noun = "ca", .verb = "limit", .method = "POST", .path = "/v1/cas/:id/limits", .roles = "operator, admin",
		.summary = "set how much a CA is asked; to pause it altogether: xuqi hold ca CA",
		.flags = COMMAND_COMMIT, FIELDS(ca_limit) },
	/* clang-format on */
	{ .noun = "org",
		.verb = "apply",
		.method = "POST",
		.path = "/v1/organisation",
		.roles = "admin",
		.summary = "add or update legal entities, units and payer accounts",
		FIELDS(org_apply) },
	{ .noun = "token",
		.verb = "create",
		.method = "POST",
		.path = "/v1/tokens",
		.roles = "admin",
		.summary = "make an API token; it is shown once",
		FIELDS(token_create) },
	{ .noun = "token",
		.verb = "list",
		.method = "GET",
		.path = "/v1/tokens",
		.roles = "admin, auditor",
		.summary = "list tokens (never the secret part)",
		.columns = "id login name role unit made_at expires_at revoked_at",
		.flags = COMMAND_LIST },
	{ .noun = "token",
		.verb = "revoke",
		.method = "POST",
		.path = "/v1/tokens/:id/revoke",
		.roles = "admin",
		.summary = "refuse a token from now on",
		FIELDS(id_fields) },
	{ .noun = "person",
		.verb = "list",
		.method = "GET",
		.path = "/v1/people",
		.roles = ANYONE,
		.summary = "list people; numbers and addresses are masked but your own",
		.columns = "id login name roles mobile email id_type id_no erased_at",
		.flags = COMMAND_LIST,
		FIELDS(person_list) },
	{ .noun = "person",
		.verb = "find",
		.method = "POST",
		.path = "/v1/people/find",
		.roles = "operator, admin",
		.summary = "whose is this mobile or id number?",
		.columns = "id login name roles mobile id_type id_no",
		FIELDS(person_find) },
	{ .noun = "person",
		.verb = "reveal",
		.method = "POST",
		.path = "/v1/people/:id/reveal",
		.roles = "admin",
		.summary = "a person's data in full; the audit keeps who asked and why",
		FIELDS(person_reveal) },
	{ .noun = "file",
		.verb = "list",
		.method = "GET",
		.path = "/v1/tasks/:id/files",
		.roles = ANYONE,
		.summary = "list the files given to a task, without their content",
		.columns = "id task n name media_type size mark erased_at",
		.flags = COMMAND_LIST,
		FIELDS(file_list) },
	{ .noun = "file",
		.verb = "fetch",
		.method = "GET",
		.path = "/v1/files/:id",
		.roles = "who gave it, the task's assignee, the handler",
		.summary = "a file that you gave or handle; the audit keeps who took it",
		FIELDS(file_fetch) },
	{ .noun = "file",
		.verb = "reveal",
		.method = "POST",
		.path = "/v1/files/:id/reveal",
		.roles = "admin",
		.summary = "anybody's file, with a reason; the audit keeps both",
		FIELDS(file_reveal) },
	{ .noun = "privacy",
		.verb = "status",
		.method = "GET",
		.path = "/v1/privacy",
		.roles = "admin, auditor",
		.summary = "which key seals how much, what is erased and what is due",
		.columns = "key in_file seals values" },
	{ .noun = "privacy",
		.verb = "check",
		.method = "POST",
		.path = "/v1/privacy/check",
		.roles = "auditor, admin",
		.summary = "was it this file or number? Compared with a mark, kept nowhere",
		FIELDS(privacy_check) },
	{ .noun = "privacy",
		.verb = "erase",
		.method = "POST",
		.path = "/v1/privacy/erase",
		.roles = "admin",
		.summary = "erase a person's data at their request (个人信息保护法 47)",
		.flags = COMMAND_COMMIT,
		FIELDS(privacy_erase) },
	{ .noun = "completion",
		.verb = "bash",
		.roles = "no token needed",
		.summary = "print completion for bash: source <(xuqi completion bash)" },
	{ .noun = "help",
		.roles = "no token needed",
		.summary = "print help",
		FIELDS(help_fields) },
};

const struct command_table house_commands = { rows, COUNT_OF(rows) };
