/* SPDX-License-Identifier: Apache-2.0 */
/* Who is told of what, how often, and what crashes and repeats do to it: digests over a real database. */
#include "tests/unit/walks.h"

#include "common/json.h"

#define SLOT1 "2026-11-23T01:00:00Z"
#define SLOT2 "2026-11-23T02:00:00Z"
#define SLOT3 "2026-11-23T03:00:00Z"

static int64_t make(const char *slot, const char *remind)
{
	return sql_number("select digests_make('%s', %s, '{email}')", slot, remind);
}

/* Take the next notice; its document, NULL when there is none.  The caller frees it. */
static json_t *claimed(void)
{
	PGresult *result = PQexec(the_database.pg, "select notice_claim(300)");
	struct fault fault;
	assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
	json_t *digest = PQgetisnull(result, 0, 0)
		? NULL
		: json_read(PQgetvalue(result, 0, 0), (size_t)PQgetlength(result, 0, 0), &fault);
	PQclear(result);
	return digest;
}

static void settle(const json_t *digest, const char *state)
{
	assert_sql("t", "select notice_settle(%lld, %lld, '%s', 60, null)",
		(long long)json_peek_number(digest, "notice", 0),
		(long long)json_peek_number(digest, "attempts", 0), state);
}

/* Everything that is due is sent; gives how many were. */
static int send_all(void)
{
	int count = 0;
	for (;; count++) {
		JSON *digest = claimed();
		if (digest == NULL)
			return count;
		settle(digest, "sent");
	}
}

/* COUNT certificates of OWNERS people (logins o1, o2, …), each with a renewal and an open task of its owner. */
static void a_fleet(int count, int owners)
{
	an_organisation();
	(void)sql(
		"insert into people (login, name, email) select 'o' || i, 'Owner ' || i, 'xqs1:address' || i from generate_series(1, %d) i",
		owners);
	(void)sql(
		"insert into certificate_sets (holder, not_after, unit_id, legal_entity_id, handler_id, source) "
		"select 'Holder ' || i, now() + interval '30 days', 1, 1, (select id from people where login = 'o' || (i %% %d + 1)), 'import' "
		"from generate_series(1, %d) i",
		owners, count);
	(void)sql(
		"insert into campaigns (name, policy_name, policy, policy_sha256, plan, digest, created_by) values ('c', 'p', '{}', 'x', '{}', 'd', 2)");
	(void)sql(
		"insert into renewals (campaign_id, set_id, handler_id, ca, kind, old_not_after, term_years, approved_fen) select 1, id, handler_id, 'gateway', 'expiring', not_after, 1, 100 from certificate_sets");
	(void)sql(
		"insert into tasks (kind, renewal_id, role, assignee_id, title, instruction, if_ignored, secret, due_at, escalate_at) "
		"select 'bind', id, 'handler', handler_id, 'Bind', 'i', 'f', 'xqs1:qrtext', now() + interval '1 day', now() + interval '2 days' from renewals");
}

static void five_thousand_certificates_of_forty_owners_make_at_most_forty_digests(void **state)
{
	(void)state;
	a_fleet(5000, 40);

	assert_int_equal(make(SLOT1, "false"), 40);
	assert_int_equal(make(SLOT1, "false"), 0); /* another xuqid, or the same after a crash */
	assert_int_equal(send_all(), 40);
	assert_int_equal(make(SLOT1, "true"), 0);
	assert_int_equal(make(SLOT2, "false"), 0); /* no news */
	assert_int_equal(send_all(), 0);

	assert_sql("40", "select count(*) from digests");
	assert_sql("40", "select count(*) from deliveries where state = 'sent' and attempts = 1");
	assert_sql("5000", "select count(*) from digest_tasks");
}

static void a_digest_holds_the_first_thirty_and_the_counts(void **state)
{
	(void)state;
	a_fleet(100, 1);
	(void)sql("update tasks set due_at = now() - interval '1 hour' where id = 77");
	(void)make(SLOT1, "false");

	JSON *digest = claimed();

	assert_int_equal(json_peek_number(digest, "open", 0), 100);
	assert_int_equal(json_peek_number(digest, "overdue", 0), 1);
	assert_int_equal(json_array_size(json_object_get(digest, "tasks")), 30);
	assert_int_equal(
		json_peek_number(json_array_get(json_object_get(digest, "tasks"), 0), "id", 0), 77);
	OWNED char *text = json_write(digest);
	assert_null(strstr(text, "qrtext"));
	assert_null(strstr(text, "instruction"));
	assert_null(strstr(text, "mobile"));
}

static void a_task_that_is_closed_before_is_not_told_of(void **state)
{
	(void)state;
	a_fleet(2, 1);
	(void)make(SLOT1, "false");
	(void)sql("update tasks set state = 'done', secret = null where id = 1");

	JSON *digest = claimed();

	assert_int_equal(json_peek_number(digest, "open", 0), 1);
	assert_int_equal(json_peek_number(digest, "closed", -1), 0);
}

static void when_all_is_done_before_nothing_is_sent(void **state)
{
	(void)state;
	a_fleet(2, 1);
	(void)make(SLOT1, "false");
	(void)sql("update tasks set state = 'done', secret = null");

	assert_null(claimed());

	assert_sql("void", "select state from deliveries");
}

static void what_was_told_and_is_closed_since_is_said_once(void **state)
{
	(void)state;
	a_fleet(3, 1);
	(void)make(SLOT1, "false");
	assert_int_equal(send_all(), 1);
	(void)sql("update tasks set state = 'done', secret = null where id = 2");

	assert_int_equal(make(SLOT2, "false"), 1);
	JSON *digest = claimed();
	assert_int_equal(json_peek_number(digest, "closed", 0), 1);
	assert_int_equal(
		json_peek_number(
			json_array_get(json_object_get(digest, "closed_tasks"), 0), "id", 0),
		2);
	assert_int_equal(json_peek_number(digest, "open", 0), 2);
	settle(digest, "sent");

	assert_int_equal(make(SLOT3, "false"), 0);
}

static void news_are_a_new_task_a_deadline_that_passed_and_a_reminder(void **state)
{
	(void)state;
	a_fleet(2, 2);
	(void)make(SLOT1, "false");
	assert_int_equal(send_all(), 2);

	(void)sql("update tasks set due_at = clock_timestamp() where id = 1");
	(void)sql("select pg_sleep(0.01)");
	assert_int_equal(make(SLOT2, "false"), 1);
	assert_int_equal(send_all(), 1);
	assert_int_equal(make(SLOT3, "true"), 2); /* the first slot of a day */
	assert_int_equal(send_all(), 2);
	(void)sql(
		"insert into tasks (kind, role, assignee_id, title, instruction, if_ignored) select 'pin', 'operator', id, '', '', '' from people where login = 'o2'");

	assert_int_equal(make("2026-11-23T04:00:00Z", "false"), 1);
}

/* kill -9 between taking a notice and settling it: it may have arrived */
static void a_sending_that_nobody_settled_is_not_repeated(void **state)
{
	(void)state;
	a_fleet(1, 1);
	(void)make(SLOT1, "false");
	JSON *digest = claimed();
	assert_non_null(digest);

	assert_null(claimed()); /* another xuqid meanwhile */
	(void)sql("update deliveries set claimed_until = now() - interval '1 second'");
	assert_null(claimed());

	assert_sql("unsure", "select state from deliveries");
	assert_sql("f",
		"select notice_settle(1, 1, 'sent', 0, null)"); /* the late worker changes nothing */
	assert_int_equal(make(SLOT1, "true"), 0);
}

static void after_an_unsure_sending_the_next_digest_tells_of_everything_open(void **state)
{
	(void)state;
	a_fleet(2, 1);
	(void)make(SLOT1, "false");
	json_decref(claimed());
	(void)sql("update deliveries set claimed_until = now() - interval '1 second'");
	assert_null(claimed());
	(void)sql(
		"insert into tasks (kind, role, assignee_id, title, instruction, if_ignored) select 'pin', 'operator', id, '', '', '' from people where login = 'o1'");

	assert_int_equal(make(SLOT2, "false"), 1);
	JSON *digest = claimed();

	assert_int_equal(json_peek_number(digest, "open", 0), 3);
}

static void a_failure_is_tried_again_later_and_a_newer_digest_replaces_it(void **state)
{
	(void)state;
	a_fleet(1, 1);
	(void)make(SLOT1, "false");
	JSON *digest = claimed();
	settle(digest, "due");

	assert_null(claimed()); /* not before its pause is over */
	assert_sql("t", "select due_at > now() + interval '50 seconds' from deliveries");
	assert_int_equal(make(SLOT2, "false"), 1); /* never told: still news */

	assert_sql("void due", "select string_agg(state, ' ' order by id) from deliveries");
	assert_int_equal(send_all(), 1);
	assert_sql("2", "select count(*) from digests");
}

static void a_digest_that_cannot_be_sent_is_the_doctors_matter(void **state)
{
	(void)state;
	a_fleet(1, 1);
	(void)make(SLOT1, "false");
	json_decref(claimed());

	(void)sql("select notice_settle(1, 1, 'failed', 0, 'no such mailbox')");
	assert_sql("1 digest(s) could not be sent, the last one to o1: no such mailbox",
		"select text from advice where area = 'notices'");
	(void)make(SLOT2, "false");
	assert_int_equal(send_all(), 1);

	assert_sql("0", "select count(*) from advice where area = 'notices'");
}

static void on_leave_the_deputy_is_told_instead(void **state)
{
	(void)state;
	a_fleet(4, 2);
	(void)sql(
		"insert into leaves (person_id, deputy_id, from_on, until_on, set_by) select a.id, b.id, office_day(), office_day(), 1 "
		"from people a, people b where a.login = 'o1' and b.login = 'o2'");

	assert_int_equal(make(SLOT1, "false"), 1);
	JSON *digest = claimed();

	assert_string_equal(json_peek_text(digest, "login"), "o2");
	assert_int_equal(json_peek_number(digest, "open", 0), 4);
}

static void a_task_of_a_role_is_told_to_its_people_with_an_address(void **state)
{
	(void)state;
	an_organisation();
	(void)sql("update people set email = 'xqs1:o' where login = 'operator'");
	(void)sql(
		"insert into tasks (kind, role, title, instruction, if_ignored) values ('pin', 'operator', 'PIN', '', '')");

	assert_int_equal(make(SLOT1, "false"), 1);
	JSON *digest = claimed();
	assert_string_equal(json_peek_text(digest, "login"), "operator");

	assert_sql("0",
		"select count(*) from digests where owner_id <> 2"); /* operator_south has none */
}

static void who_was_told_that_a_task_is_late_is_told_in_the_digest(void **state)
{
	(void)state;
	a_fleet(1, 1);
	(void)sql("update people set email = 'xqs1:o' where login = 'operator'");
	(void)make(SLOT1, "false");
	assert_int_equal(send_all(), 1);
	(void)sql("select task_escalate(1, 'operator')");

	assert_int_equal(make(SLOT2, "false"), 1);
	JSON *digest = claimed();

	assert_string_equal(json_peek_text(digest, "login"), "operator");
	assert_true(json_is_true(
		json_object_get(json_array_get(json_object_get(digest, "tasks"), 0), "late")));
}

static void both_channels_say_what_was_closed(void **state)
{
	(void)state;
	a_fleet(2, 1);
	(void)sql("select digests_make('" SLOT1 "', false, '{email,webhook}')");
	assert_int_equal(send_all(), 2);
	(void)sql("update tasks set state = 'done', secret = null where id = 1");
	(void)sql("select digests_make('" SLOT2 "', false, '{email,webhook}')");

	JSON *mail = claimed();
	settle(mail, "sent");
	JSON *robot = claimed();

	assert_string_equal(json_peek_text(mail, "channel"), "email");
	assert_string_equal(json_peek_text(robot, "channel"), "webhook");
	assert_int_equal(json_peek_number(mail, "closed", 0), 1);
	assert_int_equal(json_peek_number(robot, "closed", 0), 1);
}

static void while_everything_is_held_nothing_is_sent(void **state)
{
	(void)state;
	a_fleet(1, 1);
	(void)make(SLOT1, "false");
	(void)sql("insert into holds (scope, reason) values ('all', 'restored')");

	assert_null(claimed());
	assert_sql("due", "select state from deliveries");
	(void)sql("update holds set release_asked_by = 2, released_by = 4, released_at = now()");

	assert_int_equal(send_all(), 1);
}

static void two_channels_make_two_notices_of_one_digest(void **state)
{
	(void)state;
	a_fleet(3, 3);
	(void)sql("update people set email = null where login = 'o2'");

	assert_sql("5", "select digests_make('" SLOT1 "', false, '{email,webhook}')");

	assert_sql("3", "select count(*) from digests");
	assert_sql("3", "select count(*) from deliveries where channel = 'webhook'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		database_test(
			five_thousand_certificates_of_forty_owners_make_at_most_forty_digests),
		database_test(a_digest_holds_the_first_thirty_and_the_counts),
		database_test(a_task_that_is_closed_before_is_not_told_of),
		database_test(when_all_is_done_before_nothing_is_sent),
		database_test(what_was_told_and_is_closed_since_is_said_once),
		database_test(news_are_a_new_task_a_deadline_that_passed_and_a_reminder),
		database_test(a_sending_that_nobody_settled_is_not_repeated),
		database_test(after_an_unsure_sending_the_next_digest_tells_of_everything_open),
		database_test(a_failure_is_tried_again_later_and_a_newer_digest_replaces_it),
		database_test(a_digest_that_cannot_be_sent_is_the_doctors_matter),
		database_test(on_leave_the_deputy_is_told_instead),
		database_test(a_task_of_a_role_is_told_to_its_people_with_an_address),
		database_test(who_was_told_that_a_task_is_late_is_told_in_the_digest),
		database_test(both_channels_say_what_was_closed),
		database_test(while_everything_is_held_nothing_is_sent),
		database_test(two_channels_make_two_notices_of_one_digest),
	};

	return cmocka_run_group_tests(tests, database_begin, database_end);
}
