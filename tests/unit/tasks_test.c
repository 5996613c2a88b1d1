/* SPDX-License-Identifier: Apache-2.0 */
/* People and their tasks over a real database: deadlines that stay, who may see a QR text, leave and deputies,
 * assignment, succession, and who is told when nobody does it. */
#include "tests/unit/stages.h"

#include "orchestrator/domain/task_kind.h"
#include "orchestrator/flows/tending.h"
#include "sql.h"

/* handler 8; second 9 and third 10 are handlers too, of whom only second is authorised for the legal entity */
#define P_SECOND "'{\"person\":9,\"login\":\"second\",\"role\":\"handler\"}'"
#define P_THIRD  "'{\"person\":10,\"login\":\"third\",\"role\":\"handler\"}'"

/* As it stands in the database: sealed; the API opens it on its way to whom the statement gives it (privacy_test.c). */
#define QR "xqs1:dGlja2V0PXNlY3JldA=="

static void two_more_handlers(void)
{
	(void)sql(
		"select token_make(" P_ADMIN
		", '{\"login\":\"second\",\"role\":\"handler\",\"secret_sha256\":\"s9\",\"legal_entity\":\"" USCC
		"\",\"authorised_until\":\"2099-12-31\"}')");
	(void)sql("select token_make(" P_ADMIN
		  ", '{\"login\":\"third\",\"role\":\"handler\",\"secret_sha256\":\"s10\"}')");
	(void)sql(
		"insert into api_tokens (person_id, role, secret_sha256, expires_at) values (1, 'admin', 'a1', now() + interval '1 day')");
}

/* A renewal of handler 8 with an open bind task and its QR text; gives the renewal's id. */
#define A_BIND_TASK() \
	A_RENEWAL(); \
	two_more_handlers(); \
	open_bind(renewal, "2026-11-23T03:00:00Z")

static void open_bind(const char *renewal, const char *due_at)
{
	(void)sql(
		"select task_open(%s, '{\"kind\":\"bind\",\"role\":\"handler\",\"assignee\":8,\"title\":\"t\",\"instruction\":\"i\","
		"\"if_ignored\":\"f\",\"secret\":\"" QR
		"\",\"due_at\":\"%s\",\"escalate_at\":\"2026-11-25T09:30:00Z\"}')",
		renewal, due_at);
}

/* Statement NAME of the product, run with its four parameters; gives the document. */
static const char *asked(const char *statement, const char *principal, const char *id,
	const char *query, const char *body)
{
	const char *const values[] = { principal, id, query, body };
	PGresult *result = PQexecParams(the_database.pg, statement, 4, NULL, values, NULL, NULL, 0);
	bool answered = PQresultStatus(result) == PGRES_TUPLES_OK;
	(void)snprintf(the_database.answer, sizeof the_database.answer, "%s",
		answered ? PQgetvalue(result, 0, 1) : PQresultErrorMessage(result));
	PQclear(result);
	return the_database.answer;
}

/* A principal without its quotes. */
static const char *principal_of(const char *quoted)
{
	static char bare[256];
	size_t len = strlen(quoted) - 2;
	assert_true(len < sizeof bare);
	memcpy(bare, quoted + 1, len);
	bare[len] = '\0';
	return bare;
}

static bool sees_qr(const char *quoted)
{
	return strstr(asked(sql_task_list, principal_of(quoted), "1", "{}", "{}"), QR) != NULL;
}

/* ---- QR texts ---- */

static void a_qr_text_is_for_its_handler_alone(void **state)
{
	A_BIND_TASK();

	assert_true(sees_qr(P_HANDLER));
	assert_false(sees_qr(P_SECOND));
	assert_false(sees_qr(P_ADMIN));
	assert_false(sees_qr(P_OPERATOR));
	assert_false(sees_qr(P_FINANCE));
}

static void on_leave_the_deputy_sees_it_too_and_nobody_else(void **state)
{
	A_BIND_TASK();
	(void)sql(
		"select handler_leave(" P_OPERATOR
		", 'handler', jsonb_build_object('from', office_day(), 'until', office_day() + 5, 'deputy', 'second'))");

	assert_true(sees_qr(P_HANDLER));
	assert_true(sees_qr(P_SECOND));
	assert_false(sees_qr(P_THIRD));
	assert_false(sees_qr(P_ADMIN));
	assert_non_null(strstr(
		asked(sql_task_list, principal_of(P_SECOND), NULL, "{\"mine\":\"true\"}", "{}"),
		"\"owner\": \"second\""));
}

static void after_the_leave_the_deputy_sees_it_no_more(void **state)
{
	A_BIND_TASK();
	(void)sql(
		"insert into leaves (person_id, deputy_id, from_on, until_on, set_by) values (8, 9, office_day() - 5, office_day() - 1, 1)");
	(void)sql(
		"insert into leaves (person_id, deputy_id, from_on, until_on, set_by) values (8, 9, office_day() + 1, office_day() + 5, 1)");
	assert_false(sees_qr(P_SECOND));
	(void)sql(
		"select handler_leave(" P_HANDLER
		", 'handler', jsonb_build_object('from', office_day(), 'until', office_day(), 'deputy', 'second'))");
	assert_true(sees_qr(P_SECOND));

	(void)sql("select handler_leave(" P_HANDLER ", 'handler', '{\"end\":\"true\"}')");

	assert_false(sees_qr(P_SECOND));
}

static void a_deputy_whose_authorisation_ran_out_sees_nothing(void **state)
{
	A_BIND_TASK();
	(void)sql(
		"insert into leaves (person_id, deputy_id, from_on, until_on, set_by) values (8, 9, office_day(), office_day(), 1)");
	(void)sql("update handlers set authorised_until = office_day() - 1 where person_id = 9");

	assert_false(sees_qr(P_SECOND));
	refused("is for second", "select task_done(" P_SECOND ", 1, '{\"commit\":true}')");
}

static void a_qr_text_is_gone_when_its_task_closes(void **state)
{
	A_BIND_TASK();

	(void)sql("select tasks_close(%s, '{bind}', 'done')", renewal);

	assert_false(sees_qr(P_HANDLER));
	assert_sql("t", "select secret is null from tasks");
	assert_sql("0", "select count(*) from journal where text like '%%dGlja2V0PXNlY3JldA%%'");
	assert_sql(
		"0", "select count(*) from audit where detail::text like '%%dGlja2V0PXNlY3JldA%%'");
}

/* The tables of the database in which MARK stands in some column of some row. */
static const char *tables_with(const char *mark)
{
	return sql(
		"select coalesce(string_agg(table_name, ' ' order by table_name), '') from information_schema.tables "
		"where table_schema = 'public' and table_type = 'BASE TABLE' "
		"and position('%s' in query_to_xml(format('select * from %%I', table_name), true, false, '')::text) > 0",
		mark);
}

/* Everything that is made of a task in its life: lists, digests, assignment, leave, succession, escalation, its end. */
static void a_qr_text_stands_in_its_open_task_and_nowhere_else(void **state)
{
	A_BIND_TASK();
	(void)sql("update people set email = 'xqs1:mail'");
	(void)sql("select task_escalate(1, 'operator')");
	(void)sql("select task_assign(" P_OPERATOR ", 1, '{\"to\":\"second\",\"commit\":true}')");
	(void)sql("select handler_transfer(" P_OPERATOR
		  ", 'second', '{\"to\":\"handler\",\"commit\":true}')");
	(void)sql("select digests_make(now(), true, '{email,webhook}')");
	for (const char *digest = sql("select notice_claim(300)"); digest[0] != '\0';
		digest = sql("select notice_claim(300)"))
		assert_null(strstr(digest, QR));
	assert_string_equal(tables_with(QR), "tasks");

	(void)sql("select tasks_close(1, '{bind}', 'done')");

	assert_string_equal(tables_with(QR), "");
	(void)sql(
		"insert into journal (renewal_id, event, by, text) values (1, 'hint', 'test', 'see " QR
		"')");
	assert_string_equal(tables_with(QR), "journal"); /* the positive control */
}

/* ---- deadlines ---- */

static void open_pin(const char *renewal, const char *due_at)
{
	(void)sql(
		"select task_open(%s, '{\"kind\":\"pin\",\"role\":\"operator\",\"title\":\"t\",\"instruction\":\"i\",\"if_ignored\":\"f\","
		"\"due_is_usual\":true,\"due_at\":\"%s\",\"escalate_at\":\"2026-12-01T00:00:00Z\"}')",
		renewal, due_at);
}

static void an_open_task_keeps_its_usual_deadline(void **state)
{
	A_RENEWAL();
	open_pin(renewal, "2026-11-24T09:30:00Z");

	open_pin(renewal, "2026-11-25T09:30:00Z");

	assert_sql("1", "select count(*) from tasks");
	assert_sql("2026-11-24 09:30:00", "select due_at at time zone 'UTC' from tasks");
}

static void a_code_that_is_made_anew_does_not_put_off_who_is_told(void **state)
{
	A_BIND_TASK();
	(void)sql("update tasks set escalate_at = '2026-11-24T09:30:00Z', escalations = 1");
	(void)sql("select task_assign(" P_OPERATOR ", 1, '{\"to\":\"second\",\"commit\":true}')");
	(void)sql("select tasks_close(%s, '{bind}', 'done')", renewal);

	open_bind(renewal, "2026-11-23T04:00:00Z");

	assert_sql("2026-11-23 04:00:00",
		"select due_at at time zone 'UTC' from tasks where state = 'open'");
	assert_sql("2026-11-24 09:30:00 1 9",
		"select escalate_at at time zone 'UTC' || ' ' || escalations || ' ' || assignee_id from tasks where state = 'open'");
}

static struct tending
	*tending; /* of the test that runs: its listener lives as long as the database's */

/* The product's own flow, until nothing is left to tend. */
static void tend(void)
{
	struct fault fault;
	int64_t until = clock_monotonic_ms() + 10000;
	if (tending == NULL)
		tending = tending_new(&app, &fault);
	assert_non_null(tending);
	(void)sql("notify xuqi_tasks");
	do {
		(void)event_base_loopexit(app.base, &(struct timeval){ .tv_usec = 50000 });
		(void)event_base_loop(app.base, EVLOOP_ONCE);
	} while (clock_monotonic_ms() < until &&
		(flow_engine_running(app.engine) > 0 ||
			sql_number(
				"select count(*) from tasks where state = 'open' and (due_at is null or escalate_at <= now())") >
				0));
}

static int end_tending(void **state)
{
	tending_stop(tending);
	db_free(app.db);
	app.db = NULL;
	tending_free(tending);
	tending = NULL;
	return end_worker(state);
}

static void a_task_that_came_without_a_deadline_gets_one(void **state)
{
	(void)state;
	an_organisation();
	(void)sql(
		"insert into tasks (kind, role, title, instruction, if_ignored, opened_at) values ('token_moved', 'operator', '', '', '', '2026-09-30T02:00:00Z')");
	(void)sql("update tasks set escalate_at = now() + interval '1 day'");

	tend();

	assert_sql("2026-10-09 09:30:00", "select due_at at time zone 'UTC' from tasks");
}

/* Opened by the database itself, which knows no calendar. */
static void a_debt_is_due_in_working_days(void **state)
{
	OWNED char *renewal = a_renewal_in("approved");
	(void)state;
	a_linked_transfer(renewal);
	(void)sql(
		"insert into statement_lines (statement_id, line_key, row, byte_offset, raw, own_account, own_name, direction, amount_fen, amount_raw, paid_at, paid_at_raw, "
		"paid_at_precision, party_name, party_account, party_bank, memo, bank_serial) values (1, 'back', 2, 1, '', '6222', 'Acme', 'in', 20000, '', now(), '', "
		"'second', 'CA Ltd', '8888', 'Bank', '退汇 XQ0000000012', 'C2')");
	assert_sql("debt", "select kind from tasks where due_at is null");

	tend();

	int64_t opened =
		sql_number("select (extract(epoch from opened_at) * 1000000)::bigint from tasks");
	assert_int_equal(
		sql_number("select (extract(epoch from due_at) * 1000000)::bigint from tasks"),
		calendar_due(app.calendar, opened, task_kind_find("debt")->due_days).at);
	assert_sql("t", "select escalate_at > due_at from tasks");
	(void)sql(
		"select debt_open(%s, n) from statement_lines n where line_key = 'back'", renewal);
	assert_sql(
		"t", "select due_at is not null from tasks"); /* told again: its deadline stays */
}

static void many_tasks_without_deadlines_all_get_one(void **state)
{
	(void)state;
	an_organisation();
	(void)sql(
		"insert into tasks (kind, role, title, instruction, if_ignored) select 'pin', 'operator', '', '', '' from generate_series(1, 1200)");

	tend();

	assert_sql("0", "select count(*) from tasks where due_at is null or escalate_at is null");
}

static const char *told(void)
{
	return sql(
		"select coalesce(string_agg(e.level || ' ' || p.login, ', ' order by e.level, p.login), '') from task_escalations e join people p on p.id = e.person_id");
}

static void pass_deadline(void)
{
	(void)sql(
		"update tasks set due_at = now() - interval '2 days', escalate_at = now() - interval '1 second' where state = 'open'");
	tend();
}

static void who_lets_a_deadline_pass_is_told_of_step_by_step(void **state)
{
	A_BIND_TASK();
	(void)sql(
		"insert into leaves (person_id, deputy_id, from_on, until_on, set_by) values (8, 9, '2026-01-01', '2026-01-02', 1)");

	pass_deadline();
	assert_string_equal(told(), "1 second");
	assert_sql("t", "select escalate_at > now() from tasks");
	pass_deadline();
	assert_string_equal(told(), "1 second, 2 operator, 2 operator_south");
	pass_deadline();
	assert_string_equal(told(), "1 second, 2 operator, 2 operator_south, 3 admin");
	pass_deadline();

	assert_string_equal(told(), "1 second, 2 operator, 2 operator_south, 3 admin");
	assert_sql("infinity", "select escalate_at from tasks");
	assert_sql("3", "select count(*) from journal where event = 'task_escalated'");
	assert_sql("3", "select count(*) from audit where action = 'task.escalated'");
}

static void without_a_deputy_the_role_is_told_at_once(void **state)
{
	A_BIND_TASK();

	pass_deadline();

	assert_string_equal(told(), "2 operator, 2 operator_south");
}

static void a_task_that_is_done_is_told_of_no_more(void **state)
{
	A_BIND_TASK();
	(void)sql("select tasks_close(%s, '{bind}', 'done')", renewal);
	(void)sql("update tasks set escalate_at = now() - interval '1 second'");

	tend();

	assert_string_equal(told(), "");
}

static void two_workers_tell_once(void **state)
{
	A_BIND_TASK();
	const char *late =
		"select tasks_tend('[{\"id\":1,\"escalations\":0,\"tell_role\":\"operator\",\"due_at\":\"2026-11-20T00:00:00Z\",\"escalate_at\":\"2020-01-01T00:00:00Z\"}]')";
	(void)sql("update tasks set escalate_at = now() - interval '1 second'");

	assert_sql("1", "%s", late);
	assert_sql("0", "%s", late);

	assert_sql("1", "select count(*) from journal where event = 'task_escalated'");
}

static void an_unknown_year_is_the_doctors_matter(void **state)
{
	(void)state;
	an_organisation();
	struct calendar *known = app.calendar;
	app.calendar = calendar_new();
	(void)sql(
		"insert into tasks (kind, role, title, instruction, if_ignored) values ('pin', 'operator', '', '', '')");

	tend();
	assert_non_null(strstr(asked(sql_doctor, principal_of(P_ADMIN), NULL, "{}", "{}"),
		"are not known: Monday to Friday count"));
	calendar_free(app.calendar);
	app.calendar = known;
	(void)sql("select advise('calendar', 'warn', null, 'x')");

	assert_null(strstr(
		asked(sql_doctor, principal_of(P_ADMIN), NULL, "{}", "{}"), "are not known"));
}

/* ---- leave, assignment, succession ---- */

static void a_deputy_must_be_authorised_until_the_leave_ends(void **state)
{
	A_BIND_TASK();
	(void)sql("update handlers set authorised_until = office_day() + 2 where person_id = 9");

	refused("has no 授权委托书",
		"select handler_leave(" P_OPERATOR
		", 'handler', jsonb_build_object('from', office_day(), 'until', office_day() + 5, 'deputy', 'third'))");
	refused("has no 授权委托书",
		"select handler_leave(" P_OPERATOR
		", 'handler', jsonb_build_object('from', office_day(), 'until', office_day() + 5, 'deputy', 'second'))");
	refused("is set by that person",
		"select handler_leave(" P_SECOND
		", 'handler', jsonb_build_object('from', office_day(), 'until', office_day(), 'deputy', 'second'))");
	refused("nobody stands in for themselves",
		"select handler_leave(" P_OPERATOR
		", 'handler', jsonb_build_object('from', office_day(), 'until', office_day(), 'deputy', 'handler'))");
	refused("a leave ends on its first day or later",
		"select handler_leave(" P_OPERATOR
		", 'handler', jsonb_build_object('from', office_day(), 'until', office_day() - 1, 'deputy', 'second'))");
	refused("there is nobody",
		"select handler_leave(" P_OPERATOR
		", 'handler', jsonb_build_object('from', office_day(), 'until', office_day(), 'deputy', 'nemo'))");
}

static void a_deputy_on_leave_has_a_deputy_too(void **state)
{
	A_BIND_TASK();
	(void)sql(
		"insert into leaves (person_id, deputy_id, from_on, until_on, set_by) values (8, 9, office_day(), office_day(), 1), (9, 10, office_day(), office_day(), 1)");

	assert_sql("10", "select deputy_of(8)");
	(void)sql("update leaves set deputy_id = 8 where person_id = 9"); /* a ring ends */
	assert_sql("9", "select deputy_of(8)");
}

static void the_deputy_does_the_task(void **state)
{
	A_BIND_TASK();
	(void)sql("update tasks set kind = 'agreement', secret = null");
	(void)sql(
		"select handler_leave(" P_OPERATOR
		", 'handler', jsonb_build_object('from', office_day(), 'until', office_day(), 'deputy', 'second'))");

	refused("is for second", "select task_done(" P_THIRD ", 1, '{\"commit\":true}')");
	(void)sql("select task_done(" P_SECOND ", 1, '{\"commit\":true}')");

	assert_sql("9", "select closed_by from tasks where id = 1");
}

static void a_task_goes_to_who_may_do_it(void **state)
{
	A_BIND_TASK();

	refused("no valid 授权委托书",
		"select task_assign(" P_OPERATOR ", 1, '{\"to\":\"third\",\"commit\":true}')");
	refused("there is no task",
		"select task_assign(jsonb_set(" P_SOUTH
		", '{unit}', '3'), 1, '{\"to\":\"second\",\"commit\":true}')");
	assert_sql("8", "select assignee_id from tasks");
	(void)sql("select task_assign(" P_OPERATOR ", 1, '{\"to\":\"second\"}')");
	assert_sql("8", "select assignee_id from tasks"); /* a dry run */
	(void)sql("select task_assign(" P_OPERATOR ", 1, '{\"to\":\"second\",\"commit\":true}')");

	assert_false(sees_qr(P_HANDLER));
	assert_true(sees_qr(P_SECOND));
	assert_sql("1", "select count(*) from audit where action = 'task.assigned'");
	assert_sql("bind: from handler to second",
		"select text from journal where event = 'task_assigned'");
}

static void a_task_of_a_role_goes_to_somebody_with_that_role(void **state)
{
	A_RENEWAL();
	open_pin(renewal, "2026-11-24T09:30:00Z");

	refused("no valid token with the role operator",
		"select task_assign(" P_ADMIN ", 1, '{\"to\":\"finance\",\"commit\":true}')");
	(void)sql("select task_assign(" P_ADMIN
		  ", 1, '{\"to\":\"operator_south\",\"commit\":true}')");

	assert_sql("3", "select assignee_id from tasks");
}

static void a_dry_transfer_reports_and_changes_nothing(void **state)
{
	A_BIND_TASK();
	(void)sql(
		"insert into bindings (set_id, ca, certificate_id, bound_by) values (1, 'gateway', 'c1', 8)");

	const char *report = sql("select handler_transfer(" P_OPERATOR
				 ", 'handler', '{\"to\":\"second\"}') - 'renewals'");

	assert_non_null(strstr(report, "bind it anew with the new handler's phone"));
	assert_non_null(strstr(report, "\"renewal\": 1"));
	assert_non_null(strstr(report, "\"kind\": \"bind\""));
	assert_non_null(strstr(report, "\"certificates\": 1"));
	assert_non_null(strstr(report, "\"committed\": false"));
	assert_null(strstr(report, "dGlja2V0PXNlY3JldA"));
	assert_sql("8", "select assignee_id from tasks");
	assert_sql("8", "select handler_id from certificate_sets");
}

static void a_transfer_moves_all_that_waits(void **state)
{
	A_BIND_TASK();
	(void)sql(
		"insert into bindings (set_id, ca, certificate_id, bound_by) values (1, 'gateway', 'c1', 8)");

	(void)sql("select handler_transfer(" P_OPERATOR
		  ", 'handler', '{\"to\":\"second\",\"commit\":true}')");

	assert_sql("0", "select count(*) from tasks where assignee_id = 8 and state = 'open'");
	assert_sql("bind, rebind",
		"select string_agg(kind, ', ' order by kind) from tasks where assignee_id = 9 and state = 'open'");
	assert_sql("9", "select handler_id from certificate_sets");
	assert_sql("9", "select handler_id from renewals");
	assert_sql("from handler to second",
		"select text from journal where event = 'handler_transferred'");
	assert_sql("1", "select count(*) from audit where action = 'handler.transferred'");
	assert_false(sees_qr(P_HANDLER));
	assert_true(sees_qr(P_SECOND));
	refused("wants wechat",
		"select task_done(" P_SECOND
		", (select id from tasks where kind = 'rebind'), '{\"values\":{\"bound\":\"yes\"},\"commit\":true}')");
	(void)sql(
		"select task_done(" P_SECOND
		", (select id from tasks where kind = 'rebind'), '{\"values\":{\"bound\":\"yes\",\"wechat\":\"wx_9\"},\"commit\":true}')");
	assert_sql("9 wx_9", "select bound_by || ' ' || account from bindings");
}

static void a_binding_without_a_renewal_is_forgotten_so_that_the_successor_scans(void **state)
{
	A_BIND_TASK();
	(void)sql(
		"insert into certificate_sets (holder, not_after, handler_id, legal_entity_id, source) values ('Other', now(), 8, 1, 'import')");
	(void)sql(
		"insert into bindings (set_id, ca, certificate_id, bound_by) values (2, 'gateway', 'c2', 8)");

	(void)sql("select handler_transfer(" P_OPERATOR
		  ", 'handler', '{\"to\":\"second\",\"commit\":true}')");

	assert_sql("0", "select count(*) from bindings");
	assert_sql("0", "select count(*) from tasks where kind = 'rebind'");
	assert_sql("9 9", "select string_agg(handler_id::text, ' ') from certificate_sets");
}

static void a_successor_without_authorisation_is_refused(void **state)
{
	A_BIND_TASK();

	refused("third has no valid 授权委托书 for Acme",
		"select handler_transfer(" P_OPERATOR
		", 'handler', '{\"to\":\"third\",\"commit\":true}')");
	(void)sql("update handlers set authorised_until = office_day() - 1 where person_id = 9");
	refused("second has no valid 授权委托书 for Acme",
		"select handler_transfer(" P_OPERATOR
		", 'handler', '{\"to\":\"second\",\"commit\":true}')");
	refused("from one person to another",
		"select handler_transfer(" P_OPERATOR ", 'handler', '{\"to\":\"handler\"}')");
	refused("outside your scope",
		"select handler_transfer(" P_SOUTH ", 'handler', '{\"to\":\"second\"}')");
}

static void reviews_that_wait_for_a_message_to_the_earlier_handler_are_named(void **state)
{
	A_BIND_TASK();
	approve("all");
	walk(renewal, to_drafting);
	walk(renewal, to_approved);

	const char *report = sql("select handler_transfer(" P_OPERATOR
				 ", 'handler', '{\"to\":\"second\"}')->'reviews'");

	assert_non_null(strstr(report, "tell the CA the new one"));
}

#define worker_test(function) cmocka_unit_test_setup_teardown(function, begin_worker, end_tending)

int main(void)
{
	const struct CMUnitTest tests[] = {
		database_test(a_qr_text_is_for_its_handler_alone),
		database_test(on_leave_the_deputy_sees_it_too_and_nobody_else),
		database_test(after_the_leave_the_deputy_sees_it_no_more),
		database_test(a_deputy_whose_authorisation_ran_out_sees_nothing),
		database_test(a_qr_text_is_gone_when_its_task_closes),
		database_test(a_qr_text_stands_in_its_open_task_and_nowhere_else),
		database_test(an_open_task_keeps_its_usual_deadline),
		database_test(a_code_that_is_made_anew_does_not_put_off_who_is_told),
		worker_test(a_task_that_came_without_a_deadline_gets_one),
		worker_test(a_debt_is_due_in_working_days),
		worker_test(many_tasks_without_deadlines_all_get_one),
		worker_test(who_lets_a_deadline_pass_is_told_of_step_by_step),
		worker_test(without_a_deputy_the_role_is_told_at_once),
		worker_test(a_task_that_is_done_is_told_of_no_more),
		database_test(two_workers_tell_once),
		worker_test(an_unknown_year_is_the_doctors_matter),
		database_test(a_deputy_must_be_authorised_until_the_leave_ends),
		database_test(a_deputy_on_leave_has_a_deputy_too),
		database_test(the_deputy_does_the_task),
		database_test(a_task_goes_to_who_may_do_it),
		database_test(a_task_of_a_role_goes_to_somebody_with_that_role),
		database_test(a_dry_transfer_reports_and_changes_nothing),
		database_test(a_transfer_moves_all_that_waits),
		database_test(a_binding_without_a_renewal_is_forgotten_so_that_the_successor_scans),
		database_test(a_successor_without_authorisation_is_refused),
		database_test(reviews_that_wait_for_a_message_to_the_earlier_handler_are_named),
	};

	return cmocka_run_group_tests(tests, database_begin, database_end);
}
