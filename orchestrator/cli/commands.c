/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands.  To add one: a row here, its path in schema/openapi.yaml; help, completion
 * and parsing follow from the row. */
#include "orchestrator/cli/command.h"

/* clang-format off */
#define FIELDS(array) .fields = (array), .field_count = COUNT_OF(array)

const struct field global_fields[] = {
	{ "--url", "URL", FIELD_LOCAL, 0, NULL, "the server, https:// (http:// on loopback only); else XUQI_URL, else " XUQI_URL_DEFAULT },
	{ "--token-file", "FILE", FIELD_LOCAL, 0, NULL, "file with your API token, yours alone (chmod 600); else XUQI_TOKEN_FILE" },
	{ "--ca-file", "FILE", FIELD_LOCAL, 0, NULL, "PEM of the CA that signed the server's certificate; else XUQI_CA_FILE" },
	{ "--output", "table|json", FIELD_LOCAL, 0, NULL, "table (for people) or json (the server's answer); -o for short" },
	{ "--help", NULL, FIELD_LOCAL, 0, NULL, "this text; -h for short" },
	{ "--version", NULL, FIELD_LOCAL, 0, NULL, "the version of this program" },
};
const size_t global_field_count = COUNT_OF(global_fields);

const struct field list_fields[] = {
	{ "--limit", "N", FIELD_QUERY, 0, "limit", "one page of at most N (1..200) instead of everything" },
	{ "--cursor", "CURSOR", FIELD_QUERY, 0, "cursor", "the page after next_cursor of the last one" },
};
const size_t list_field_count = COUNT_OF(list_fields);

const struct field commit_field = {
	"--commit", NULL, FIELD_LOCAL, 0, NULL, "really do it; without it the answer is a dry run" };

const struct noun nouns[] = {
	{ "cert", "the certificates known: what agents report and what lists say", NULL },
	{ "plan", "what a policy would renew, when and for how much", NULL },
	{ "policy", "policy files", NULL },
	{ "campaign", "a plan that is approved and run", NULL },
	{ "renewal", "the life of each renewal (续期)", NULL },
	{ "task", "what waits for a person", NULL },
	{ "handler", "who acts for a legal entity (经办人): leave, deputies, succession", "list" },
	{ "payment", "payment orders for the bank", NULL },
	{ "statement", "bank statements", NULL },
	{ "match", "which transfer pays which renewal", NULL },
	{ "invoice", "invoices (电子发票)", NULL },
	{ "agent", "the agents on the workstations", NULL },
	{ "hold", "stop outside effects: all, or of one unit", "list" },
	{ "doctor", "what is wrong, and what to do about it", NULL },
	{ "org", "legal entities, units and payer accounts", NULL },
	{ "token", "API tokens of people and programs", NULL },
	{ "completion", "completion for shells", NULL },
	{ "help", "all commands", NULL },
};
const size_t noun_count = COUNT_OF(nouns);

static const struct field id_fields[] = {
	{ "ID", "ID", FIELD_PATH, 0, NULL, "its id" },
};

static const struct field policy_argument[] = {
	{ "FILE", "FILE", FIELD_POLICY, 0, NULL, "the policy, YAML" },
};

static const struct field policy_option[] = {
	{ "--policy", "FILE", FIELD_POLICY, FIELD_REQUIRED, NULL, "the policy, YAML" },
};

static const struct field cert_list[] = {
	{ "--unit", "UNIT", FIELD_QUERY, 0, "unit", "of this unit (单位部门)" },
	{ "--holder", "NAME", FIELD_QUERY, 0, "holder", "of this holder (证书用户)" },
	{ "--serial", "HEX", FIELD_QUERY, 0, "serial", "the one with this serial number" },
	{ "--within", "DAYS", FIELD_QUERY, 0, "expires_within_days", "that expire within so many days" },
	{ "--group", "expiring|expired|valid", FIELD_QUERY, 0, "group", "of this group" },
};

static const struct field cert_import[] = {
	{ "FILE.csv", "FILE", FIELD_CSV, 0, NULL, "the list, with a header line" },
};

static const struct field campaign_create[] = {
	{ "--name", "NAME", FIELD_BODY, FIELD_REQUIRED, "name", "how people call it" },
	{ "--policy", "FILE", FIELD_POLICY, FIELD_REQUIRED, NULL, "the policy, YAML" },
};

static const struct field campaign_approve[] = {
	{ "ID", "ID", FIELD_PATH, 0, NULL, "the campaign's id" },
	{ "--gate", "spend|touch|all", FIELD_BODY, FIELD_REQUIRED, "gate", "spend: file and pay · touch: write to tokens · all: both" },
	{ "--digest", "HEX", FIELD_BODY, FIELD_REQUIRED, "digest", "the plan's digest that you looked at (campaign show)" },
};

static const struct field campaign_run[] = {
	{ "ID", "ID", FIELD_PATH, 0, NULL, "the campaign's id" },
	{ "--start-at", "TIME", FIELD_BODY_TIME, 0, "start_at", "RFC 3339, such as 2026-11-22T21:00:00+08:00; else at once" },
};

static const struct field renewal_list[] = {
	{ "--campaign", "CAMPAIGN", FIELD_QUERY, 0, "campaign", "of this campaign: its id or name" },
	{ "--state", "STATE", FIELD_QUERY, 0, "state", "in this state, such as awaiting_payment" },
	{ "--unit", "UNIT", FIELD_QUERY, 0, "unit", "of this unit (单位部门)" },
	{ "--blocked", "REASON", FIELD_QUERY, 0, "blocked", "blocked for this reason, such as pin or client_version" },
};

static const struct field renewal_show[] = {
	{ "ID|SERIAL", "REF", FIELD_PATH, 0, NULL, "the renewal's id or its certificate's serial number" },
};

static const struct field task_list[] = {
	{ "--kind", "KIND", FIELD_QUERY, 0, "kind", "bind, agreement, attachment, intent, insert_token, pin, finance_match, …" },
	{ "--mine", NULL, FIELD_QUERY_FLAG, 0, "mine", "only those for you, or for whom you stand in" },
	{ "--overdue", NULL, FIELD_QUERY_FLAG, 0, "overdue", "only those whose deadline has passed" },
	{ "--state", "open|done|all", FIELD_QUERY, 0, "state", "open if not given" },
};

static const struct field task_done[] = {
	{ "ID", "ID", FIELD_PATH, 0, NULL, "the task's id" },
	{ "--set", "KEY=VALUE", FIELD_BODY_PAIR, FIELD_REPEATS, "values", "a value that the task needs (task show)" },
	{ "--attach", "FILE", FIELD_ATTACH, FIELD_REPEATS, "files", "a file that the task needs" },
};

static const struct field task_assign[] = {
	{ "ID", "ID", FIELD_PATH, 0, NULL, "the task's id" },
	{ "LOGIN", "LOGIN", FIELD_BODY, 0, "to", "who does it from now on" },
};

static const struct field handler_leave[] = {
	{ "LOGIN", "LOGIN", FIELD_PATH, 0, NULL, "who is away" },
	{ "--from", "DATE", FIELD_BODY, FIELD_REQUIRED, "from", "the first day, such as 2026-12-01" },
	{ "--until", "DATE", FIELD_BODY, FIELD_REQUIRED, "until", "the last day" },
	{ "--deputy", "LOGIN", FIELD_BODY, FIELD_REQUIRED, "deputy", "who stands in: sees the QR codes and does the tasks" },
};

static const struct field handler_back[] = {
	{ "LOGIN", "LOGIN", FIELD_PATH, 0, NULL, "who is back" },
	{ "end", "true", FIELD_BODY_FIXED, 0, "end", NULL },
};

static const struct field handler_transfer[] = {
	{ "FROM", "LOGIN", FIELD_PATH, 0, NULL, "whose work it was" },
	{ "TO", "LOGIN", FIELD_BODY, 0, "to", "whose it is from now on" },
};

static const struct field payment_list[] = {
	{ "--status", "STATUS", FIELD_QUERY, 0, "status", "in this status" },
};

static const struct field payment_export[] = {
	{ "--out", "FILE", FIELD_OUT, 0, "csv", "write the bank's file here (mode 0600)" },
};

static const struct field payment_file[] = {
	{ "ID", "ID", FIELD_PATH, 0, NULL, "the file's id, as payment list shows it" },
	{ "--out", "FILE", FIELD_OUT, 0, "csv", "write the bank's file here (mode 0600)" },
};

static const struct field statement_import[] = {
	{ "FILE", "FILE", FIELD_STATEMENT, 0, NULL, "the statement as the bank gave it" },
};

static const struct field match_list[] = {
	{ "--verdict", "auto|suggested|confirmed|released", FIELD_QUERY, 0, "verdict", "with this verdict" },
};

static const struct field agent_enrol_code[] = {
	{ "--workstation", "NAME", FIELD_BODY, FIELD_REQUIRED, "workstation", "the workstation's name" },
	{ "--unit", "UNIT", FIELD_BODY, FIELD_REQUIRED, "unit", "its unit (单位部门)" },
	{ "--place", "PLACE", FIELD_BODY, 0, "place", "where it stands (地点)" },
	{ "--out", "FILE", FIELD_OUT, 0, "code", "write the code here (mode 0600) instead of showing it" },
};

static const struct field hold_set[] = {
	{ "--scope", "all|unit", FIELD_BODY, 0, "scope", "all if not given" },
	{ "--target", "UNIT", FIELD_BODY, 0, "target", "the unit (单位部门)" },
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

static const struct field org_apply[] = {
	{ "FILE.json", "FILE", FIELD_BODY_FILE, 0, NULL, "legal_entities with units and payer accounts, JSON" },
};

static const struct field token_create[] = {
	{ "--login", "LOGIN", FIELD_BODY, FIELD_REQUIRED, "login", "the person's short name" },
	{ "--name", "NAME", FIELD_BODY, FIELD_REQUIRED, "name", "the person's name" },
	{ "--role", "operator|finance|approver|handler|auditor|admin", FIELD_BODY, FIELD_REQUIRED, "role", "the one role of the token" },
	{ "--unit", "UNIT", FIELD_BODY, 0, "unit", "this unit and those below it; else everything" },
	{ "--days", "N", FIELD_BODY_NUMBER, 0, "days", "valid for so many days" },
	{ "--mobile", "NUMBER", FIELD_BODY, 0, "mobile", "the person's mobile number" },
	{ "--email", "ADDRESS", FIELD_BODY, 0, "email", "the person's address" },
	{ "--legal-entity", "USCC", FIELD_BODY, 0, "legal_entity", "a handler's: 统一社会信用代码 of whom they act for" },
	{ "--authorised-until", "DATE", FIELD_BODY, 0, "authorised_until", "a handler's: last day of the authorisation" },
	{ "--out", "FILE", FIELD_OUT, 0, "token", "write the token here (mode 0600) instead of showing it" },
};

static const struct field help_fields[] = {
	{ "--all", NULL, FIELD_LOCAL, 0, NULL, "every command with its options; with -o json for programs" },
};
/* clang-format on */

#define ANYONE "any role"

static const char cert_import_detail[] =
	"The header names the columns, in Chinese or English and in any order:\n"
	"  holder 证书用户 · uscc 统一社会信用代码 · service 服务名称 · media_no 介质编号 ·\n"
	"  not_after 证书有效期至 · unit 单位部门 · custodian 保管人 · place 地点 · handler 经办人\n"
	"Empty or -- as media number means that it is missing.  A day without a time means its last\n"
	"second in Beijing.  UTF-8 (with or without BOM) and GB18030 are understood.  A file with an\n"
	"error anywhere imports nothing; importing the same file again changes nothing.";

static const char run_detail[] =
	"Nothing is filed, paid or written before its gate is approved by someone else than the\n"
	"campaign's creator.  The dry run says what would start and which approvals are missing.";

static const char transfer_detail[] =
	"The dry run is the report: open tasks, renewals under way, certificates to come, which\n"
	"bindings stand under the earlier handler's WeChat, which reviews depend on the SMS to the\n"
	"earlier handler's mobile, and which policies name the earlier handler.  The successor needs\n"
	"a valid 授权委托书 for every legal entity concerned (xuqi token create).";

static const char export_detail[] =
	"Writes one file for the bank with every payment order that is not in a file yet.  Nobody\n"
	"pays by this: a person uploads the file at the bank.  The same bytes can be had again with\n"
	"'xuqi payment file ID'.";

const struct command commands[] = {
	{ .noun = "cert",
		.verb = "list",
		.method = "GET",
		.path = "/v1/certificates",
		.roles = ANYONE,
		.summary = "list certificates, soonest expiry first",
		.columns = "id serial holder service unit media_no not_after group key_type "
			   "token_label renewal_state source",
		.flags = COMMAND_LIST,
		FIELDS(cert_list) },
	{ .noun = "cert",
		.verb = "import",
		.method = "POST",
		.path = "/v1/certificates/import",
		.roles = "operator, admin",
		.summary = "import a list of certificates (CSV)",
		.detail = cert_import_detail,
		.flags = COMMAND_COMMIT,
		FIELDS(cert_import) },
	{ .noun = "plan",
		.method = "POST",
		.path = "/v1/plans",
		.roles = "operator, approver, admin",
		.summary = "show what a policy would renew; stores nothing",
		.columns = "set serial holder service unit not_after kind term_years price_fen "
			   "include reason blocked latest_start_at",
		FIELDS(policy_option) },
	{ .noun = "policy",
		.verb = "check",
		.method = "POST",
		.path = "/v1/policies/check",
		.roles = ANYONE,
		.summary = "check a policy file",
		FIELDS(policy_argument) },
	{ .noun = "campaign",
		.verb = "create",
		.method = "POST",
		.path = "/v1/campaigns",
		.roles = "operator, admin",
		.summary = "make a campaign of what the policy selects now",
		.columns =
			"set serial holder service unit not_after kind term_years price_fen blocked",
		.next = "xuqi campaign approve {id} --gate all --digest {digest}",
		FIELDS(campaign_create) },
	{ .noun = "campaign",
		.verb = "list",
		.method = "GET",
		.path = "/v1/campaigns",
		.roles = ANYONE,
		.summary = "list campaigns",
		.columns = "id name status policy created_by start_at counts",
		.flags = COMMAND_LIST },
	{ .noun = "campaign",
		.verb = "show",
		.method = "GET",
		.path = "/v1/campaigns/:id",
		.roles = ANYONE,
		.summary = "one campaign with its rows, digest and approvals",
		.columns =
			"set serial holder service unit not_after kind term_years price_fen blocked",
		FIELDS(id_fields) },
	{ .noun = "campaign",
		.verb = "approve",
		.method = "POST",
		.path = "/v1/campaigns/:id/approvals",
		.roles = "approver",
		.summary = "approve a gate of a campaign that someone else created",
		.next = "xuqi campaign run {campaign} --commit",
		FIELDS(campaign_approve) },
	{ .noun = "campaign",
		.verb = "run",
		.method = "POST",
		.path = "/v1/campaigns/:id/run",
		.roles = "operator, admin",
		.summary = "start a campaign, now or at a time",
		.detail = run_detail,
		.next = "xuqi renewal list --campaign {campaign}",
		.flags = COMMAND_COMMIT,
		FIELDS(campaign_run) },
	{ .noun = "renewal",
		.verb = "list",
		.method = "GET",
		.path = "/v1/renewals",
		.roles = ANYONE,
		.summary = "list renewals",
		.columns =
			"id serial holder service unit not_after kind state blocked_reason owner "
			"due_at price_fen",
		.flags = COMMAND_LIST,
		FIELDS(renewal_list) },
	{ .noun = "renewal",
		.verb = "show",
		.method = "GET",
		.path = "/v1/renewals/:id",
		.roles = ANYONE,
		.summary = "one renewal with its timeline and what comes next",
		FIELDS(renewal_show) },
	{ .noun = "task",
		.verb = "list",
		.method = "GET",
		.path = "/v1/tasks",
		.roles = ANYONE,
		.summary = "list what waits for people",
		.columns =
			"id kind title holder role assignee deputy workstation token_label due_at overdue state",
		.flags = COMMAND_LIST,
		FIELDS(task_list) },
	{ .noun = "task",
		.verb = "show",
		.method = "GET",
		.path = "/v1/tasks/:id",
		.roles = ANYONE,
		.summary = "one task: what to do, what it needs, what happens if nobody does it",
		FIELDS(id_fields) },
	{ .noun = "task",
		.verb = "done",
		.method = "POST",
		.path = "/v1/tasks/:id/done",
		.roles = "operator, finance, approver, handler, admin, as the task says",
		.summary = "say that a task is done",
		.flags = COMMAND_COMMIT,
		FIELDS(task_done) },
	{ .noun = "task",
		.verb = "assign",
		.method = "POST",
		.path = "/v1/tasks/:id/assign",
		.roles = "operator, admin",
		.summary = "give an open task to somebody",
		.flags = COMMAND_COMMIT,
		FIELDS(task_assign) },
	{ .noun = "handler",
		.verb = "list",
		.method = "GET",
		.path = "/v1/handlers",
		.roles = "operator, handler, auditor, admin",
		.summary = "list handlers with their authorisations, leave and deputies",
		.columns = "id login name authorised_for leave_from leave_until deputy open_tasks",
		.flags = COMMAND_LIST },
	{ .noun = "handler",
		.verb = "leave",
		.method = "POST",
		.path = "/v1/handlers/:id/leave",
		.roles = "operator, admin, or the handler",
		.summary = "say when somebody is away and who stands in",
		FIELDS(handler_leave) },
	{ .noun = "handler",
		.verb = "back",
		.method = "POST",
		.path = "/v1/handlers/:id/leave",
		.roles = "operator, admin, or the handler",
		.summary = "call off somebody's leave",
		FIELDS(handler_back) },
	{ .noun = "handler",
		.verb = "transfer",
		.method = "POST",
		.path = "/v1/handlers/:id/transfer",
		.roles = "operator, admin",
		.summary = "let another handler take over everything",
		.detail = transfer_detail,
		.flags = COMMAND_COMMIT,
		FIELDS(handler_transfer) },
	{ .noun = "payment",
		.verb = "list",
		.method = "GET",
		.path = "/v1/payments",
		.roles = "finance, approver, auditor, admin",
		.summary = "list payment orders",
		.columns = "id reference renewal holder amount_fen payer_account payee_name status "
			   "file created_at",
		.flags = COMMAND_LIST,
		FIELDS(payment_list) },
	{ .noun = "payment",
		.verb = "export",
		.method = "POST",
		.path = "/v1/payments/export",
		.roles = "finance",
		.summary = "make the bank's file of payment orders",
		.detail = export_detail,
		.flags = COMMAND_COMMIT,
		FIELDS(payment_export) },
	{ .noun = "payment",
		.verb = "file",
		.method = "GET",
		.path = "/v1/payments/files/:id",
		.roles = "finance, auditor",
		.summary = "a bank's file again, the same bytes",
		FIELDS(payment_file) },
	{ .noun = "statement",
		.verb = "import",
		.method = "POST",
		.path = "/v1/statements",
		.roles = "finance",
		.summary = "import a bank statement and match its transfers",
		.flags = COMMAND_COMMIT,
		FIELDS(statement_import) },
	{ .noun = "statement",
		.verb = "list",
		.method = "GET",
		.path = "/v1/statements",
		.roles = "finance, approver, auditor, admin",
		.summary = "list imported statements",
		.columns = "id file_name account rows proven encoding imported_by imported_at",
		.flags = COMMAND_LIST },
	{ .noun = "match",
		.verb = "list",
		.method = "GET",
		.path = "/v1/matches",
		.roles = "finance, approver, auditor, admin",
		.summary = "list transfers with what they pay",
		.columns = "id reference renewal amount_fen payer_name paid_at rule verdict by "
			   "released_by text",
		.flags = COMMAND_LIST,
		FIELDS(match_list) },
	{ .noun = "match",
		.verb = "explain",
		.method = "GET",
		.path = "/v1/matches/:id",
		.roles = "finance, approver, auditor, admin",
		.summary = "why a transfer is (or is not) taken as the payment",
		FIELDS(id_fields) },
	{ .noun = "match",
		.verb = "confirm",
		.method = "POST",
		.path = "/v1/matches/:id/confirm",
		.roles = "finance",
		.summary = "say that a suggested match is right",
		.next = "xuqi match release {match} --commit   (by another person)",
		.flags = COMMAND_COMMIT,
		FIELDS(id_fields) },
	{ .noun = "match",
		.verb = "release",
		.method = "POST",
		.path = "/v1/matches/:id/release",
		.roles = "finance, another person than who confirmed",
		.summary = "let a confirmed match count as paid",
		.flags = COMMAND_COMMIT,
		FIELDS(id_fields) },
	{ .noun = "invoice",
		.verb = "list",
		.method = "GET",
		.path = "/v1/invoices",
		.roles = ANYONE,
		.summary = "list invoices",
		.columns = "id number renewal total_fen buyer seller state email sent_at",
		.flags = COMMAND_LIST },
	{ .noun = "agent",
		.verb = "enrol-code",
		.method = "POST",
		.path = "/v1/agents/enrol-codes",
		.roles = "operator, admin",
		.summary = "a one-time code with which an agent enrols",
		FIELDS(agent_enrol_code) },
	{ .noun = "agent",
		.verb = "list",
		.method = "GET",
		.path = "/v1/agents",
		.roles = ANYONE,
		.summary = "list agents",
		.columns = "id workstation unit place agent_version client_version last_seen_at "
			   "revoked_at tokens_present",
		.flags = COMMAND_LIST },
	{ .noun = "agent",
		.verb = "revoke",
		.method = "POST",
		.path = "/v1/agents/:id/revoke",
		.roles = "operator, admin",
		.summary = "refuse an agent from now on",
		FIELDS(id_fields) },
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
		.verb = "release",
		.method = "POST",
		.path = "/v1/holds/:id/release",
		.roles = "operator, approver, admin; two persons, one after the other",
		.summary = "end a hold: it ends when a second person releases it too",
		FIELDS(id_fields) },
	{ .noun = "doctor",
		.method = "GET",
		.path = "/v1/doctor",
		.roles = ANYONE,
		.summary = "check the server; exit status 1 if anything fails",
		.columns = "level area text remedy renewal" },
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
	{ .noun = "completion",
		.verb = "bash",
		.roles = "no token needed",
		.summary = "print completion for bash: source <(xuqi completion bash)" },
	{ .noun = "help",
		.roles = "no token needed",
		.summary = "print help",
		FIELDS(help_fields) },
};
const size_t command_count = COUNT_OF(commands);
