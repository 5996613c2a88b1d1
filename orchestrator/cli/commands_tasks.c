/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the table of commands.  What people do: tasks, sittings, handlers and their deputies, notices. */
#include "orchestrator/cli/command_rows.h"

/* clang-format off */
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

static const struct field task_list[] = {
	{ "--kind", "KIND", FIELD_QUERY, 0, "kind", "bind, agreement, attachment, intent, insert_token, pin, export, finance_match, …" },
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
/* clang-format on */

static const char transfer_detail[] =
	"The dry run is the report: open tasks, renewals under way, certificates to come, which\n"
	"bindings stand under the earlier handler's WeChat, which reviews depend on the SMS to the\n"
	"earlier handler's mobile, and which policies name the earlier handler.  The successor needs\n"
	"a valid 授权委托书 for every legal entity concerned (xuqi token create).";

static const struct command rows[] = {
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
	{ .noun = "task",
		.verb = "done-list",
		.method = "POST",
		.path = "/v1/tasks/done",
		.roles = "operator, finance, approver, handler, admin, as each task says",
		.summary = "say of many tasks that they are done: task done --csv FILE",
		.flags = COMMAND_COMMIT,
		FIELDS(task_done_list) },
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
	{ .noun = "sitting",
		.verb = "list",
		.method = "GET",
		.path = "/v1/sittings",
		.roles = ANYONE,
		.summary = "list sittings: who, where, how many cards, about how long",
		.columns = "sitting person place cards bindings minutes held due_at",
		FIELDS(sitting_list) },
	{ .noun = "sitting",
		.verb = "show",
		.method = "GET",
		.path = "/v1/sittings/:id",
		.roles = ANYONE,
		.summary = "one sitting's cards in order",
		FIELDS(id_fields) },
	{ .noun = "sitting",
		.verb = "print",
		.method = "GET",
		.path = "/v1/sittings/:id",
		.roles = ANYONE,
		.summary = "one sitting on paper, and the list for its answers",
		.flags = COMMAND_SHEET,
		FIELDS(sitting_print) },
	{ .noun = "notice",
		.verb = "list",
		.method = "GET",
		.path = "/v1/notices",
		.roles = ANYONE,
		.summary =
			"list digests, the newest first: yours, or all for operator, auditor and admin",
		.columns = "id owner channel slot_at state tasks attempts settled_at last_error",
		.flags = COMMAND_LIST,
		FIELDS(notice_list) },
};

const struct command_table tasks_commands = { rows, COUNT_OF(rows) };
