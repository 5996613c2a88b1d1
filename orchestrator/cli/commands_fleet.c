/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the table of commands.  What is renewed: certificates, plans, campaigns, renewals, the agents of their workstations. */
#include "orchestrator/cli/command_rows.h"

/* clang-format off */
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

static const struct field cert_upload[] = {
	{ "FILE", "FILE…", FIELD_ATTACH, FIELD_REPEATS, "files", "certificates as exported (PEM or DER; never a private key)" },
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

static const struct field renewal_withdraw[] = {
	{ "ID|SERIAL", "REF", FIELD_PATH, 0, NULL, "the renewal's id or its certificate's serial number" },
	{ "--reason", "TEXT", FIELD_BODY, FIELD_REQUIRED, "reason", "why, for whoever reads its timeline" },
};

static const struct field renewal_hint[] = {
	{ "ID|SERIAL", "REF", FIELD_PATH, 0, NULL, "the renewal's id or its certificate's serial number" },
	{ "--text", "TEXT", FIELD_BODY, FIELD_REQUIRED, "text", "the CA's SMS (短信); numbers of 4 digits and more are not kept" },
};

static const struct field agent_enrol_code[] = {
	{ "--workstation", "NAME", FIELD_BODY, FIELD_REQUIRED, "workstation", "the workstation's name" },
	{ "--unit", "UNIT", FIELD_BODY, FIELD_REQUIRED, "unit", "its unit (单位部门)" },
	{ "--place", "PLACE", FIELD_BODY, 0, "place", "where it stands (地点)" },
	{ "--out", "FILE", FIELD_OUT, 0, "code", "write the code here (mode 0600) instead of showing it" },
};
/* clang-format on */

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

static const char withdraw_detail[] =
	"Until the installation begins a renewal can be given up.  The application is withdrawn at the\n"
	"CA first.  Where money may have left, the renewal waits as 'refunding' until it is back, kept\n"
	"by the CA for another application, or proven never paid; it is never paid a second time.";

static const struct field pin_clear[] = {
	{ "ID", "ID", FIELD_PATH, 0, NULL, "its id, as agent pins shows it" },
	{ "--reason", "TEXT", FIELD_BODY, FIELD_REQUIRED, "reason",
		"why the PIN is known to be right, for the audit" },
};

static const struct command rows[] = {
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
	{ .noun = "cert",
		.verb = "upload",
		.method = "POST",
		.path = "/v1/certificates/upload",
		.roles = "operator, handler, admin",
		.summary = "take certificates that no agent reports into the inventory",
		.flags = COMMAND_COMMIT,
		FIELDS(cert_upload) },
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
	{ .noun = "renewal",
		.verb = "withdraw",
		.method = "POST",
		.path = "/v1/renewals/:id/withdraw",
		.roles = "operator, admin",
		.summary = "give a renewal up; the dry run says what is lost",
		.detail = withdraw_detail,
		.flags = COMMAND_COMMIT,
		FIELDS(renewal_withdraw) },
	{ .noun = "renewal",
		.verb = "hint",
		.method = "POST",
		.path = "/v1/renewals/:id/hint",
		.roles = "operator, handler, admin",
		.summary = "pass on an SMS of the CA: it makes xuqi ask, it decides nothing",
		FIELDS(renewal_hint) },
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
	{ .noun = "agent",
		.verb = "pins",
		.method = "GET",
		.path = "/v1/pins",
		.roles = ANYONE,
		.summary = "tokens whose stored PIN is barred, and why",
		.columns = "id token_serial token_label workstation unit why since renewal task",
		.flags = COMMAND_LIST },
	{ .noun = "agent",
		.verb = "clear-pin",
		.method = "POST",
		.path = "/v1/pins/:id/clear",
		.roles = "operator, admin",
		.summary = "vouch for a stored PIN: one more try may be spent",
		.flags = COMMAND_COMMIT,
		FIELDS(pin_clear) },
};

const struct command_table fleet_commands = { rows, COUNT_OF(rows) };
