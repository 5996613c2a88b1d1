/* SPDX-License-Identifier: Apache-2.0 */
/* Two at once: the first has acted and not committed yet, the second comes, the first commits.  The second is
 * refused or changes nothing more: no double export, release, permit, enrolment or lease. */
#include "tests/unit/walks.h"

#include <poll.h>

#include "common/clock.h"

enum { BLOCKED_MS = 5000 };

#define race_test(function) cmocka_unit_test_setup_teardown(function, begin_two, end_two)

static PGconn *second;

static int begin_two(void **state)
{
	(void)database_fresh(state);
	second = PQconnectdb(the_database.conninfo);
	return PQstatus(second) != CONNECTION_OK;
}

static int end_two(void **state)
{
	PQfinish(second);
	return database_drop(state);
}

/* Until the second waits for a lock or has its answer. */
static void second_has_gone_as_far_as_it_can(void)
{
	int64_t until = clock_monotonic_ms() + BLOCKED_MS;
	bool waits = false, answered = false;
	while (!waits && !answered && clock_monotonic_ms() < until) {
		struct pollfd one = { .fd = PQsocket(second), .events = POLLIN };
		answered = poll(&one, 1, 10) > 0;
		waits = sql_number("select count(*) from pg_locks where pid = %d and not granted",
				PQbackendPID(second)) > 0;
	}
	assert_true(waits || answered);
}

/* FIRST acts, SECOND comes, FIRST commits; gives SECOND's SQLSTATE ("" if it went well) in STATE and its first value. */
static void race(
	const char *first_statement, const char *second_statement, char state[8], char value[256])
{
	(void)sql("begin");
	(void)sql("%s", first_statement);
	assert_int_equal(PQsendQuery(second, second_statement), 1);
	second_has_gone_as_far_as_it_can();
	(void)sql("commit");
	PGresult *result = PQgetResult(second);
	const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	(void)snprintf(state, 8, "%s", code != NULL ? code : "");
	(void)snprintf(value, 256, "%s",
		code == NULL && PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "");
	PQclear(result);
	PQclear(PQgetResult(second));
}

static void second_is_refused(
	const char *first_statement, const char *second_statement, const char *code)
{
	char state[8], value[256];
	race(first_statement, second_statement, state, value);
	assert_string_equal(state, code);
}

static void both_go_well(
	const char *first_statement, const char *second_statement, const char *answer)
{
	char state[8], value[256];
	race(first_statement, second_statement, state, value);
	assert_string_equal(state, "");
	assert_string_equal(value, answer);
}

#define A_QUEUED_ORDER() \
	OWNED char *set = NULL; \
	OWNED char *renewal = NULL; \
	(void)state; \
	an_organisation(); \
	set = a_set("t1", "Li", 1); \
	renewal = a_renewal("c", set); \
	an_offered_order(renewal)

static void an_order_is_in_one_payment_file(void **state)
{
	A_RENEWAL();
	approve("all");
	walk(renewal, to_drafting);
	walk(renewal,
		(const char *const[]){ "intent_needed", "awaiting_intent", "application_submitted",
			"submitted", "payment_opened", "awaiting_payment", NULL });
	(void)sql(
		"insert into payment_orders (reference, payer_account, payer_name, payee_name, payee_account, payee_bank, amount_fen) "
		"values ('XQ0000000012', '6222', 'Acme', 'CA', '1', 'B', 20000)");
	(void)sql("insert into dues (renewal_id, order_id, amount_fen) values (%s, 1, 20000)",
		renewal);
	second_is_refused("select payments_exported(" P_FINANCE ", '{1}', 'one', 20000)",
		"select payments_exported(" P_FINANCE2 ", '{1}', 'two', 20000)", "XQ409");
	assert_sql("1", "select count(*) from payment_files");
}

/* An order over 20000 fen, open, of RENEWAL in awaiting_payment. */
static void an_open_order(const char *renewal)
{
	approve("all");
	walk(renewal, to_drafting);
	walk(renewal,
		(const char *const[]){ "intent_needed", "awaiting_intent", "application_submitted",
			"submitted", "payment_opened", "awaiting_payment", NULL });
	(void)sql(
		"insert into payment_orders (reference, payer_account, payer_name, payee_name, payee_account, payee_bank, amount_fen) "
		"values ('XQ0000000012', '6222', 'Acme', 'CA', '1', 'B', 20000)");
	(void)sql("insert into dues (renewal_id, order_id, amount_fen) values (%s, 1, 20000)",
		renewal);
}

static const char cancel[] = "select conclude_cancel_order(1)";

/* Whoever withdraws while the file is made learns that the order has left. */
static void an_order_is_exported_or_cancelled(void **state)
{
	A_RENEWAL();
	an_open_order(renewal);
	second_is_refused(
		"select payments_exported(" P_FINANCE ", '{1}', 'one', 20000)", cancel, "XQ409");
	assert_sql("exported", "select status from payment_orders");
	(void)sql("update payment_orders set status = 'open', file_id = null");
	second_is_refused(
		cancel, "select payments_exported(" P_FINANCE ", '{1}', 'two', 20000)", "XQ409");
	assert_sql("cancelled", "select status from payment_orders");
}

#define MATCHED(verdict) \
	"select links_save(" P_FINANCE \
	", '{\"links\":[{\"line\":1,\"order\":1,\"rule\":\"R1\",\"verdict\":\"" verdict \
	"\",\"text\":\"\",\"explanation\":{}}],\"flags\":[]}')"

static void an_order_is_matched_or_cancelled(void **state)
{
	static const char *const matched[] = { MATCHED("auto"), MATCHED("suggested") };
	A_RENEWAL();
	an_open_order(renewal);
	(void)sql(
		"insert into statements (sha256, file_name, content, encoding, account, proven, proof, imported_by) values ('s', 'f', '', 'utf-8', '6222', true, '[]', 6)");
	(void)sql(
		"insert into statement_lines (statement_id, line_key, row, byte_offset, raw, own_account, own_name, direction, amount_fen, amount_raw, paid_at, paid_at_raw, "
		"paid_at_precision, party_name, party_account, party_bank, memo, bank_serial) values (1, 'l', 1, 0, '', '6222', 'Acme', 'out', 20000, '200.00', now(), '', "
		"'second', 'CA', '1', 'B', 'XQ0000000012', 'B7')");
	for (size_t i = 0; i < COUNT_OF(matched); i++) {
		second_is_refused(matched[i], cancel, "XQ409");
		(void)sql("delete from links; update payment_orders set status = 'open'");
	}
	for (size_t i = 0; i < COUNT_OF(matched); i++) {
		both_go_well(cancel, matched[i], "{\"auto\": 0, \"suggested\": 0}");
		assert_sql("cancelled 0",
			"select status || ' ' || (select count(*) from links) from payment_orders");
		(void)sql("update payment_orders set status = 'open'");
	}
}

/* A step and a person who want the same rows take them in one order: neither is killed by a deadlock.  The step has
 * the renewal, the person comes, the step goes on. */
static void a_person_waits_for_a_step(const char *person, const char *step)
{
	(void)sql("begin");
	(void)sql("select from renewals where id = 1 for update");
	assert_int_equal(PQsendQuery(second, person), 1);
	second_has_gone_as_far_as_it_can();
	(void)sql("%s", step);
	(void)sql("commit");
	for (PGresult *result; (result = PQgetResult(second)) != NULL; PQclear(result))
		assert_string_not_equal("40P01",
			PQresultStatus(result) == PGRES_TUPLES_OK
				? ""
				: PQresultErrorField(result, PG_DIAG_SQLSTATE));
}

static void a_task_is_done_while_a_step_closes_it(void **state)
{
	A_RENEWAL();
	(void)sql(
		"select task_open(%s, '{\"kind\":\"install\",\"role\":\"operator\",\"title\":\"\",\"instruction\":\"\",\"if_ignored\":\"\"}')",
		renewal);
	a_person_waits_for_a_step("select task_done(" P_OPERATOR ", 1, '{\"commit\":true}')",
		"select tasks_close(1, '{install}', 'done')");
}

static void an_approval_waits_for_a_new_price(void **state)
{
	A_RENEWAL();
	approve("all");
	assert_int_equal(strlen(renewal), 1);
	a_person_waits_for_a_step("select campaign_approve(" P_APPROVER2
				  ", 1, '{\"gate\":\"all\",\"digest\":\"c\"}')",
		"select conclude_reprice(1, 1, '{\"plan\":{\"rows\":[]},\"digest\":\"d\",\"old_digest\":\"c\",\"price_fen\":30000,\"term_years\":1}')");
}

/* A hold that comes while the file is made lets the file go out or not, never both. */
static void a_hold_and_a_permit_have_an_order(void **state)
{
	A_QUEUED_ORDER();
	second_is_refused("select hold_set(" P_OPERATOR
			  ", '{\"reason\":\"x\"}'); select 1 from install_orders for update",
		"select pin_permit(1, 1, 'a', 't1')", "XQ409");
	assert_sql("0", "select count(*) from pin_attempts");
}

static void a_token_has_one_permit(void **state)
{
	A_QUEUED_ORDER();
	second_is_refused("select pin_permit(1, 1, 'a', 't1')",
		"select pin_permit(1, 1, 'b', 't1')", "XQ409");
	assert_sql("1", "select count(*) from pin_attempts");
}

static void a_permit_asked_for_twice_is_one(void **state)
{
	char code[8], value[256];
	A_QUEUED_ORDER();
	race("select pin_permit(1, 1, 'a', 't1')", "select pin_permit(1, 1, 'a', 't1')", code,
		value);
	assert_string_equal(code, "");
	assert_sql(value, "select expires_at from pin_attempts");
}

static void a_result_delivered_twice_is_recorded_once(void **state)
{
	static const char result[] =
		"select install_result(1, 1, '{\"outcome\":\"pin_incorrect\",\"permit_ref\":\"a\",\"login_attempted\":true}')";
	A_QUEUED_ORDER();
	(void)sql("select pin_permit(1, 1, 'a', 't1')");
	both_go_well(result, result, "");
	assert_sql("1", "select count(*) from journal where event = 'install_reported_by_agent'");
}

static void a_task_is_done_once(void **state)
{
	static const char done[] = "select task_done(" P_OPERATOR ", 1, '{\"commit\":true}')";
	(void)state;
	an_organisation();
	(void)sql(
		"insert into tasks (kind, role, title, instruction, if_ignored) values ('install', 'operator', '', '', '')");
	second_is_refused(done, done, "XQ409");
	assert_sql("1", "select count(*) from audit where action = 'task.done'");
}

static void a_certificate_is_in_one_campaign(void **state)
{
	static const char campaign[] =
		"select campaign_make(" P_OPERATOR
		", '{\"name\":\"%s\",\"policy_name\":\"p\",\"policy\":{\"ca\":\"gateway\"},\"policy_sha256\":\"\",\"digest\":\"\","
		"\"plan\":{\"rows\":[{\"set\":\"1\",\"kind\":\"expiring\",\"term_years\":1,\"price_fen\":1}]}}')";
	OWNED char *one = text_dupf(campaign, "one");
	OWNED char *two = text_dupf(campaign, "two");
	(void)state;
	an_organisation();
	free(a_set("t1", "Li", 1));
	second_is_refused(one, two, "23505");
	assert_sql("1", "select count(*) from campaigns");
}

static void a_campaign_is_started_once(void **state)
{
	static const char run[] = "select campaign_run(" P_OPERATOR ", 1, '{\"commit\":true}')";
	A_RENEWAL();
	second_is_refused(run, run, "XQ409");
	assert_sql("1", "select count(*) from audit where action = 'campaign.run'");
	approve("all");
	both_go_well("select campaigns_start(10)", "select campaigns_start(10)", "0");
	assert_sql("1", "select count(*) from journal where event = 'spend_approved'");
	assert_int_equal(strlen(renewal) > 0, 1);
}

/* An approval that comes while the plan changes is of the old digest: it is refused. */
static void an_approval_does_not_overtake_a_new_price(void **state)
{
	A_RENEWAL();
	approve("all");
	walk(renewal, to_drafting);
	OWNED char *reprice = text_dupf(
		"select renewal_conclude(%s, %lld, 'test', '{\"reprice\":{\"plan\":{\"rows\":[]},\"digest\":\"d\",\"old_digest\":\"c\",\"price_fen\":30000,"
		"\"term_years\":1},\"move\":{\"event\":\"price_changed\",\"to\":\"awaiting_approval\"}}')",
		renewal, (long long)claim(renewal));
	second_is_refused(reprice,
		"select campaign_approve(" P_APPROVER2
		", 1, '{\"gate\":\"all\",\"digest\":\"c\"}')",
		"XQ409");
	assert_sql("t", "select spend_approval is null from renewals");
}

static void two_approvals_at_once_both_count(void **state)
{
	A_RENEWAL();
	both_go_well("select campaign_approve(" P_APPROVER
		     ", 1, '{\"gate\":\"all\",\"digest\":\"c\"}')",
		"select campaign_approve(" P_APPROVER2
		", 1, '{\"gate\":\"all\",\"digest\":\"c\"}')",
		"");
	assert_sql("4", "select count(*) from approvals");
	assert_sql("4",
		"select a.approver_id from renewals r join approvals a on a.id = r.spend_approval where r.id = %s",
		renewal);
}

static void a_renewal_is_claimed_by_one_worker(void **state)
{
	static const char take[] =
		"with due as (select id from renewals where due_at <= now() and (claimed_until is null or claimed_until < now()) limit 1 for update skip locked) "
		"update renewals r set epoch = nextval('lease_epoch'), claimed_until = now() + interval '1 minute' from due where r.id = due.id returning r.id";
	A_RENEWAL();
	(void)renewal;
	both_go_well(take, take, "");
	assert_sql("1", "select count(*) from renewals where claimed_until is not null");
}

static void an_enrolment_code_is_used_once(void **state)
{
	(void)state;
	an_organisation();
	(void)sql("select enrol_code_make(" P_ADMIN
		  ", '{\"workstation\":\"ws-3\",\"unit\":\"South\",\"code_sha256\":\"c3\"}')");
	second_is_refused("select agent_enrol('c3', 'k3', '', '', '')",
		"select agent_enrol('c3', 'k4', '', '', '')", "XQ403");
	assert_sql("3", "select count(*) from agents");
}

static void a_hold_is_released_once(void **state)
{
	(void)state;
	an_organisation();
	(void)sql("select hold_set(" P_OPERATOR ", '{\"reason\":\"x\"}')");
	second_is_refused("select hold_release(" P_OPERATOR ", 1)",
		"select hold_release(" P_OPERATOR ", 1)", "XQ403"); /* twice by one is not by two */
	second_is_refused("select hold_release(" P_APPROVER ", 1)",
		"select hold_release(" P_APPROVER2 ", 1)", "XQ409");
}

static void a_token_seen_first_at_two_workstations_belongs_to_one(void **state)
{
	static const char seen[] =
		"select check_in(%d, '{\"tokens\":[{\"serial\":\"t1\",\"certificates\":[]}]}')";
	OWNED char *one = text_dupf(seen, 1);
	OWNED char *two = text_dupf(seen, 2);
	(void)state;
	an_organisation();
	both_go_well(one, two, "");
	assert_sql("1", "select workstation_id from tokens");
	(void)sql("%s", two);
	assert_sql("1", "select count(*) from tasks where kind = 'token_moved'");
}

/* Wakers of many renewals in another order each: neither may be killed by a deadlock. */
static void wakers_do_not_deadlock(void **state)
{
	A_RENEWAL();
	OWNED char *set2 = a_set("t2", "Wang", 1);
	OWNED char *renewal2 = a_renewal("d", set2);
	(void)sql("begin");
	(void)sql("select renewals_wake('{2,1}')");
	assert_int_equal(
		PQsendQuery(second, "select renewals_wake('{1,2}'); select renewals_wake('{2,1}')"),
		1);
	second_has_gone_as_far_as_it_can();
	(void)sql("select renewals_wake('{1,2}')");
	(void)sql("commit");
	for (PGresult *result; (result = PQgetResult(second)) != NULL; PQclear(result))
		assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
	assert_string_not_equal(renewal, renewal2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		race_test(an_order_is_in_one_payment_file),
		race_test(an_order_is_exported_or_cancelled),
		race_test(an_order_is_matched_or_cancelled),
		race_test(a_task_is_done_while_a_step_closes_it),
		race_test(an_approval_waits_for_a_new_price),
		race_test(a_hold_and_a_permit_have_an_order),
		race_test(a_token_has_one_permit),
		race_test(a_permit_asked_for_twice_is_one),
		race_test(a_result_delivered_twice_is_recorded_once),
		race_test(a_task_is_done_once),
		race_test(a_certificate_is_in_one_campaign),
		race_test(a_campaign_is_started_once),
		race_test(an_approval_does_not_overtake_a_new_price),
		race_test(two_approvals_at_once_both_count),
		race_test(a_renewal_is_claimed_by_one_worker),
		race_test(an_enrolment_code_is_used_once),
		race_test(a_hold_is_released_once),
		race_test(a_token_seen_first_at_two_workstations_belongs_to_one),
		race_test(wakers_do_not_deadlock),
	};
	return cmocka_run_group_tests(tests, database_begin, database_end);
}
