/* SPDX-License-Identifier: Apache-2.0 */
/* A stored PIN is used only under a permit that is committed first: who gets one, what bars the next one, and
 * what an agent's result means. */
#include "tests/unit/walks.h"

static const char ref_a[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		  ref_b[] = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

static void report(const char *outcome, const char *ref, bool attempted)
{
	(void)sql(
		"select install_result(1, 1, '{\"outcome\":\"%s\",\"permit_ref\":%s%s%s,\"login_attempted\":%s}')",
		outcome, ref != NULL ? "\"" : "", ref != NULL ? ref : "null",
		ref != NULL ? "\"" : "", attempted ? "true" : "false");
}

static void a_permit_is_given_once_and_the_same_again(void **state)
{
	A_RENEWAL();
	an_offered_order(renewal);
	OWNED char *first = text_dup(sql("select pin_permit(1, 1, '%s', 't1')", ref_a));
	assert_sql(first, "select pin_permit(1, 1, '%s', 't1')", ref_a);
	assert_string_not_equal(sqlstate("select pin_permit(1, 1, '%s', 't1')", ref_b), "");
	assert_sql("1", "select count(*) from pin_attempts");
	report("installed", ref_a, true);
	refused("takes no permit", "select pin_permit(1, 1, '%s', 't1')",
		ref_a); /* its result is known */
}

static void a_permit_is_for_one_agent_one_token_one_order(void **state)
{
	A_RENEWAL();
	an_offered_order(renewal);
	assert_string_equal(sqlstate("select pin_permit(2, 1, '%s', 't1')", ref_a), "XQ404");
	assert_string_equal(sqlstate("select pin_permit(1, 99, '%s', 't1')", ref_a), "XQ404");
	assert_string_equal(sqlstate("select pin_permit(1, 1, '%s', 't2')", ref_a), "XQ409");
	assert_string_equal(sqlstate("select install_result(2, 1, '{}')"), "XQ404");
	(void)sql("select agent_revoke(" P_OPERATOR ", 1)");
	assert_string_equal(sqlstate("select pin_permit(1, 1, '%s', 't1')", ref_a), "XQ403");
	assert_sql("0", "select count(*) from pin_attempts");
}

/* Its agent may never report: what inventory shows on the token is looked at at once. */
static void a_report_wakes_the_renewal_whose_permit_is_open(void **state)
{
	A_RENEWAL();
	an_offered_order(renewal);
	(void)sql("select pin_permit(1, 1, '%s', 't1')", ref_a);
	(void)sql("update renewals set due_at = now() + interval '1 hour', claimed_until = null");
	(void)sql("select check_in(1, '{\"tokens\":[]}')");
	assert_sql("t", "select due_at <= clock_timestamp() from renewals");
}

static void a_permit_needs_the_touch_gate(void **state)
{
	A_RENEWAL();
	an_offered_order(renewal);
	(void)sql("alter table renewals drop constraint renewals_touch_is_approved");
	(void)sql("update renewals set touch_approval = null");
	refused("touch approval missing", "select pin_permit(1, 1, '%s', 't1')", ref_a);
}

/* After a use that failed, or of which nothing is known, no permit comes for that token before a person has
 * cleared it by the task. */
static void assert_barred_until_cleared(const char *renewal)
{
	(void)sql("update install_orders set state = 'offered'");
	refused("is barred", "select pin_permit(1, 1, '%s', 't1')", ref_b);
	(void)sql(
		"select task_open(%s, '{\"kind\":\"pin\",\"role\":\"operator\",\"title\":\"\",\"instruction\":\"\",\"if_ignored\":\"\",\"token\":1,"
		"\"needs\":[\"remedy\"]}')",
		renewal);
	refused("task 1 wants remedy", "select task_done(" P_OPERATOR ", 1, '{\"commit\":true}')");
	(void)sql("select task_done(" P_OPERATOR
		  ", 1, '{\"values\":{\"remedy\":\"cleared\"}}')"); /* a dry run */
	refused("is barred", "select pin_permit(1, 1, '%s', 't1')", ref_b);
	(void)sql("select task_done(" P_OPERATOR
		  ", 1, '{\"values\":{\"remedy\":\"cleared\"},\"commit\":true}')");
	refused("closed already",
		"select task_done(" P_OPERATOR
		", 1, '{\"values\":{\"remedy\":\"cleared\"},\"commit\":true}')");
	assert_sql("2", "select cleared_by from pin_attempts");
	(void)sql("select pin_permit(1, 1, '%s', 't1')", ref_b);
}

static void a_wrong_pin_bars_the_token(void **state)
{
	A_RENEWAL();
	an_offered_order(renewal);
	(void)sql("select pin_permit(1, 1, '%s', 't1')", ref_a);
	report("pin_incorrect", ref_a, true);
	assert_sql("reported,pin_incorrect", "select state || ',' || outcome from install_orders");
	assert_barred_until_cleared(renewal);
}

static void an_unsure_pin_bars_the_token(void **state)
{
	A_RENEWAL();
	an_offered_order(renewal);
	(void)sql("select pin_permit(1, 1, '%s', 't1')", ref_a);
	report("pin_unsure", ref_a, true);
	assert_barred_until_cleared(renewal);
}

static void a_permit_without_a_result_bars_the_token(void **state)
{
	A_RENEWAL();
	an_offered_order(renewal);
	(void)sql("select pin_permit(1, 1, '%s', 't1')", ref_a);
	assert_barred_until_cleared(renewal);
}

static void a_permit_that_was_not_used_bars_nothing(void **state)
{
	A_RENEWAL();
	an_offered_order(renewal);
	(void)sql("select pin_permit(1, 1, '%s', 't1')", ref_a);
	report("token_absent", ref_a, false);
	(void)sql("update install_orders set state = 'offered'");
	(void)sql("select pin_permit(1, 1, '%s', 't1')", ref_b);
	assert_sql("not_used,",
		"select string_agg(coalesce(outcome, ''), ',' order by id) from pin_attempts");
}

static void two_open_uses_of_one_token_are_refused_by_the_table(void **state)
{
	A_RENEWAL();
	an_offered_order(renewal);
	(void)sql("select pin_permit(1, 1, '%s', 't1')", ref_a);
	refused("pin_attempts_bar",
		"insert into pin_attempts (token_id, order_id, permit_ref, expires_at) values (1, 1, 'x', now())");
	refused("pin_attempts_ref_once",
		"insert into pin_attempts (token_id, order_id, permit_ref, expires_at, outcome) values (1, 1, '%s', now(), 'accepted')",
		ref_a);
}

/* The agent's delivery may be repeated after its answer was lost, even when the order runs anew meanwhile. */
static void a_result_that_comes_twice_counts_once(void **state)
{
	A_RENEWAL();
	an_offered_order(renewal);
	(void)sql("select pin_permit(1, 1, '%s', 't1')", ref_a);
	report("interrupted", ref_a, true);
	OWNED char *journal = text_dup(sql("select count(*) from journal"));
	report("interrupted", ref_a, true);
	(void)sql("update install_orders set state = 'offered', outcome = null");
	report("pin_incorrect", ref_a, true);
	assert_sql("offered", "select state from install_orders");
	assert_sql("accepted", "select outcome from pin_attempts");
	assert_sql(journal, "select count(*) from journal");
}

static void installed_is_believed_only_with_the_new_certificates_read_back(void **state)
{
	A_RENEWAL();
	an_offered_order(renewal);
	(void)sql("select pin_permit(1, 1, '%s', 't1')", ref_a);
	report("installed", ref_a, true); /* names no certificate */
	assert_sql("readback_failed", "select outcome from install_orders");
	(void)sql("update install_orders set state = 'offered', outcome = null");
	(void)sql("select pin_permit(1, 1, '%s', 't1')", ref_b);
	(void)sql(
		"select install_result(1, 1, jsonb_build_object('outcome', 'installed', 'permit_ref', '%s', 'login_attempted', true, "
		"'certificate_sha256', jsonb_build_array(encode(sha256('new'), 'hex'))))",
		ref_b);
	assert_sql("installed", "select outcome from install_orders");
}

static void a_person_vouches_for_a_pin_without_a_task(void **state)
{
	A_RENEWAL();
	an_offered_order(renewal);
	(void)sql("select pin_permit(1, 1, '%s', 't1')", ref_a);
	assert_sql("no_result t1", "select why || ' ' || token_serial from pin_bars");
	refused("may be using the PIN just now",
		"select pin_clear(" P_SOUTH ", 1, '{\"reason\":\"it is right\",\"commit\":true}')");
	report("pin_unsure", ref_a, true);
	assert_sql("unsure", "select why from pin_bars");
	refused("reason: say why", "select pin_clear(" P_SOUTH ", 1, '{\"commit\":true}')");
	refused("no barred PIN",
		"select pin_clear('{\"person\":3,\"login\":\"x\",\"unit\":3}', 1, '{\"reason\":\"it is right\"}')");
	(void)sql("select pin_clear(" P_SOUTH ", 1, '{\"reason\":\"it is right\"}')");
	assert_sql("1", "select count(*) from pin_bars"); /* a dry run */
	(void)sql(
		"insert into tasks (kind, role, title, instruction, if_ignored, token_id) values ('pin', 'operator', 't', 'i', 'f', 1)");
	refused("finish it with remedy=cleared",
		"select pin_clear(" P_SOUTH ", 1, '{\"reason\":\"it is right\",\"commit\":true}')");
	(void)sql("update tasks set state = 'cancelled' where kind = 'pin'");
	(void)sql(
		"select pin_clear(" P_SOUTH ", 1, '{\"reason\":\"it is right\",\"commit\":true}')");
	assert_sql("0", "select count(*) from pin_bars");
	assert_sql("operator_south", "select actor from audit where action = 'pin.cleared'");
	(void)sql("update install_orders set state = 'offered'");
	(void)sql("select pin_permit(1, 1, '%s', 't1')", ref_b); /* one more try */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		database_test(a_permit_is_given_once_and_the_same_again),
		database_test(a_permit_is_for_one_agent_one_token_one_order),
		database_test(a_report_wakes_the_renewal_whose_permit_is_open),
		database_test(a_permit_needs_the_touch_gate),
		database_test(a_wrong_pin_bars_the_token),
		database_test(an_unsure_pin_bars_the_token),
		database_test(a_permit_without_a_result_bars_the_token),
		database_test(a_permit_that_was_not_used_bars_nothing),
		database_test(two_open_uses_of_one_token_are_refused_by_the_table),
		database_test(a_result_that_comes_twice_counts_once),
		database_test(installed_is_believed_only_with_the_new_certificates_read_back),
		database_test(a_person_vouches_for_a_pin_without_a_task),
	};
	return cmocka_run_group_tests(tests, database_begin, database_end);
}
