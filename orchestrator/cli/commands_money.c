/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the table of commands.  The money: prices, payment files, statements and what was matched, invoices. */
#include "orchestrator/cli/command_rows.h"

/* clang-format off */
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

static const struct field match_reject[] = {
	{ "ID", "ID", FIELD_PATH, 0, NULL, "the match's id, as match list shows it" },
	{ "--reason", "TEXT", FIELD_BODY, FIELD_REQUIRED, "reason", "why, for whoever reads the audit" },
};

static const struct field match_list[] = {
	{ "--verdict", "auto|suggested|confirmed|released|dropped", FIELD_QUERY, 0, "verdict", "with this verdict" },
};
/* clang-format on */

static const char export_detail[] =
	"Writes one file for the bank with every payment order that is not in a file yet.  Nobody\n"
	"pays by this: a person uploads the file at the bank.  The same bytes can be had again with\n"
	"'xuqi payment file ID'.";

static const struct command rows[] = {
	{ .noun = "price",
		.verb = "list",
		.method = "GET",
		.path = "/v1/prices",
		.roles = ANYONE,
		.summary = "list price lists",
		.columns =
			"id ca version state terms agreement_version source valid_from proposed_by approved_by",
		.flags = COMMAND_LIST,
		FIELDS(price_list) },
	{ .noun = "price",
		.verb = "propose",
		.method = "POST",
		.path = "/v1/prices",
		.roles = "operator, finance, admin",
		.summary = "propose a price list for a CA that quotes no price",
		.next = "xuqi price approve {id} --commit   (by another person)",
		FIELDS(price_propose) },
	{ .noun = "price",
		.verb = "approve",
		.method = "POST",
		.path = "/v1/prices/:id/approve",
		.roles = "finance, approver, admin, another person than who proposed",
		.summary = "approve a price list: plans are made with it from its day on",
		.flags = COMMAND_COMMIT,
		FIELDS(id_fields) },
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
			   "released_by rejected_by text",
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
	{ .noun = "match",
		.verb = "reject",
		.method = "POST",
		.path = "/v1/matches/:id/reject",
		.roles = "finance",
		.summary =
			"say that a suggested or confirmed match is wrong; it is not suggested again",
		.flags = COMMAND_COMMIT,
		FIELDS(match_reject) },
	{ .noun = "invoice",
		.verb = "list",
		.method = "GET",
		.path = "/v1/invoices",
		.roles = ANYONE,
		.summary = "list invoices",
		.columns = "id number renewal total_fen buyer seller state email sent_at",
		.flags = COMMAND_LIST },
};

const struct command_table money_commands = { rows, COUNT_OF(rows) };
