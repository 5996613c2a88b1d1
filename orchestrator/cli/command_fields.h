/* SPDX-License-Identifier: Apache-2.0 */
/* The options and arguments of each command, one list each, named after the command; for commands.c alone. */
#pragma once

#include "orchestrator/cli/command.h"

/* clang-format off */
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

static const struct field cert_upload[] = {
	{ "FILE", "FILE…", FIELD_ATTACH, FIELD_REPEATS, "files", "certificates as exported (PEM or DER; never a private key)" },
};

static const struct field sitting_list[] = {
	{ "--mine", NULL, FIELD_QUERY_FLAG, 0, "mine", "only those for you" },
};

static const struct field sitting_print[] = {
	{ "ID", "ID", FIELD_PATH, 0, NULL, "the sitting, as sitting list shows it" },
	{ "--out", "FILE", FIELD_LOCAL, 0, NULL, "write the text here (mode 0600)" },
	{ "--csv", "FILE", FIELD_LOCAL, 0, NULL, "write the list for the answers here (mode 0600)" },
};

static const struct field task_done_list[] = {
	{ "--csv", "FILE", FIELD_ANSWERS, FIELD_REQUIRED, NULL, "the list with the answers: one row per task, a column per value" },
	{ "--evidence", "DIR", FIELD_LOCAL, 0, NULL, "where the files stand that the column file names" },
};

static const struct field price_list[] = {
	{ "--ca", "CA", FIELD_QUERY, 0, "ca", "of this CA" },
};

static const struct field price_propose[] = {
	{ "--ca", "CA", FIELD_BODY, 0, "ca", "manual if not given" },
	{ "--term", "YEARS=YUAN", FIELD_BODY_PAIR, FIELD_REPEATS, "terms", "a term and its price, such as 1=200.00" },
	{ "--source", "TEXT", FIELD_BODY, FIELD_REQUIRED, "source", "where the prices were read, and when" },
	{ "--agreement", "VERSION", FIELD_BODY, FIELD_REQUIRED, "agreement_version", "version of the 电子认证协议 as its page shows it" },
	{ "--agreement-sha256", "HEX", FIELD_BODY, 0, "agreement_sha256", "SHA-256 of its text; of its version if not given" },
	{ "--statement", "TEXT", FIELD_BODY, FIELD_REQUIRED, "statement", "the sentence of the 意愿表达 page" },
	{ "--valid-from", "TIME", FIELD_BODY_TIME, 0, "valid_from", "RFC 3339; else once it is approved" },
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

static const struct field notice_list[] = {
	{ "--state", "due|sending|sent|unsure|void|failed", FIELD_QUERY, 0, "state", "in this state" },
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
	{ "--per-minute", "N", FIELD_BODY_NUMBER, 0, "requests_per_minute", "requests that one xuqid sends in a minute; 0: any number" },
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
