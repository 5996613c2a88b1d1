/* SPDX-License-Identifier: Apache-2.0 */
/* How many renewals of one campaign are worked on at once: as many as its policy says, whoever claims. */
#include "common/bytes.h"
#include "sql.h"
#include "tests/unit/walks.h"

static int64_t asked(const char *statement, const char *first, const char *second, bool count)
{
	const char *args[] = { first, second };
	PGresult *rows = PQexecParams(
		the_database.pg, statement, second != NULL ? 2 : 1, NULL, args, NULL, NULL, 0);
	int64_t number = PQntuples(rows);

	if (PQresultStatus(rows) != PGRES_TUPLES_OK)
		print_error("%s", PQerrorMessage(the_database.pg));
	assert_int_equal(PQresultStatus(rows), PGRES_TUPLES_OK);
	if (!count)
		assert_true(number_parse(&number, PQgetvalue(rows, 0, 0), 0, INT64_MAX));
	PQclear(rows);
	return number;
}

/* How many a sweep takes that has room for ten. */
static int64_t claimed(void)
{
	return asked(sql_renewals_claim, "10", "60", true);
}

/* After how many milliseconds, at most 5000, the next sweep finds something. */
static int64_t pause_ms(void)
{
	return asked(sql_sweep_next, "5000", NULL, false);
}

/* RENEWALS (a condition) belong to CAMPAIGN, as if they had been planned there. */
static void belong_to(int campaign, const char *renewals)
{
	(void)sql(
		"update renewals set campaign_id = %d, due_at = now() - interval '1 minute', "
		"spend_approval = (select id from approvals where campaign_id = %d and gate = 'spend'), "
		"touch_approval = (select id from approvals where campaign_id = %d and gate = 'touch') where %s",
		campaign, campaign, campaign, renewals);
}

/* Three renewals in binding, all due; one campaign, which bounds its own at two. */
static void three_renewals(void)
{
	static const char *const names[] = { "c", "d", "e" };
	static const char *const tokens[] = { "t1", "t2", "t3" };
	static const char *const holders[] = { "Li", "Wang", "Zhao" };

	an_organisation();
	for (int i = 0; i < 3; i++) {
		OWNED char *set = a_set(tokens[i], holders[i], 1);
		OWNED char *renewal = a_renewal(names[i], set);

		(void)sql("select campaign_approve(" P_APPROVER
			  ", %d, '{\"gate\":\"all\",\"digest\":\"%s\"}')",
			i + 1, names[i]);
		walk(renewal, (const char *const[]){ "spend_approved", "binding", NULL });
	}
	belong_to(1, "true");
	(void)sql(
		"update campaigns set status = 'running', policy = policy || '{\"concurrency\":2}' where id = 1");
}

static void no_more_than_the_policy_says(void **state)
{
	(void)state;
	three_renewals();
	assert_int_equal(claimed(), 2);
	assert_int_equal(claimed(), 0);
	assert_true(pause_ms() > 0); /* the sweep does not turn on the spot */
	(void)sql("update renewals set claimed_until = null, due_at = now() + interval '1 hour' "
		  "where id = (select min(id) from renewals where claimed_until is not null)");
	assert_int_equal(pause_ms(), 0); /* a step has ended: there is room */
	assert_int_equal(claimed(), 1);
}

static void a_lease_that_ran_out_counts_no_more(void **state)
{
	(void)state;
	three_renewals();
	assert_int_equal(claimed(), 2);
	(void)sql("update renewals set claimed_until = now() - interval '1 second'");
	assert_int_equal(claimed(), 2);
}

static void one_campaign_does_not_stand_in_anothers_way(void **state)
{
	(void)state;
	three_renewals();
	(void)sql("update campaigns set policy = policy || '{\"concurrency\":1}' where id = 1");
	assert_int_equal(claimed(), 1);
	belong_to(2, "id = (select max(id) from renewals where claimed_until is null)");
	assert_int_equal(pause_ms(), 0);
	assert_int_equal(claimed(), 1);
	(void)sql("update renewals set claimed_until = null");
	(void)sql("update campaigns set policy = policy - 'concurrency'");
	assert_int_equal(claimed(), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			no_more_than_the_policy_says, database_fresh, database_drop),
		cmocka_unit_test_setup_teardown(
			a_lease_that_ran_out_counts_no_more, database_fresh, database_drop),
		cmocka_unit_test_setup_teardown(
			one_campaign_does_not_stand_in_anothers_way, database_fresh, database_drop),
	};
	return cmocka_run_group_tests(tests, database_begin, database_end);
}
