/* SPDX-License-Identifier: Apache-2.0 */
/* Many renewals in one statement: each under its own fence and its own gates, and whatever one does wrong is
 * its own.  And when a step may call its CA: caps, office hours, the breaker. */
#include "sql.h"
#include "tests/unit/stages.h"

enum { RENEWALS = 4 };

static char *renewals[RENEWALS];
static long long epochs[RENEWALS];

/* Four renewals of one campaign each, approved and claimed. */
static void some_claimed_renewals(void)
{
	an_organisation();
	for (int i = 0; i < RENEWALS; i++) {
		char name[16];
		(void)snprintf(name, sizeof name, "n%d", i);
		OWNED char *set = a_set(name, name, i % 2 + 1);
		renewals[i] = a_renewal(name, set);
		(void)sql("select campaign_approve(" P_APPROVER
			  ", %d, '{\"gate\":\"all\",\"digest\":\"%s\"}')",
			i + 1, name);
		epochs[i] = (long long)claim(renewals[i]);
	}
}

static int end_renewals(void **state)
{
	for (int i = 0; i < RENEWALS; i++)
		free(take(renewals[i]));
	return database_drop(state);
}

/* A set of conclusions, DOCS by renewal; gives its failures as `n:why`. */
static const char *conclude(const char *const *docs)
{
	return sql(
		"select coalesce(string_agg(n || ':' || why, ' | ' order by n), '') from renewals_conclude('[{\"id\":%s,\"epoch\":%lld,\"doc\":%s},"
		"{\"id\":%s,\"epoch\":%lld,\"doc\":%s},{\"id\":%s,\"epoch\":%lld,\"doc\":%s},{\"id\":%s,\"epoch\":%lld,\"doc\":%s}]', 'test') where failed is not null",
		renewals[0], epochs[0], docs[0], renewals[1], epochs[1], docs[1], renewals[2],
		epochs[2], docs[2], renewals[3], epochs[3], docs[3]);
}

#define START "{\"move\":{\"event\":\"spend_approved\",\"to\":\"binding\"}}"
#define NOTE  "{\"note\":{\"event\":\"intent_stated\",\"text\":\"x\"}}"
#define TASK \
	"{\"open_tasks\":[{\"kind\":\"bind\",\"role\":\"handler\",\"title\":\"t\",\"instruction\":\"i\",\"if_ignored\":\"n\"}]}"

static void a_set_moves_rests_and_opens_tasks_at_once(void **state)
{
	(void)state;
	some_claimed_renewals();
	assert_string_equal("",
		conclude((const char *const[]){ START, NOTE, TASK,
			"{\"facts\":{\"a\":1},\"wait\":{\"reason\":\"person\",\"seconds\":60}}" }));
	assert_sql("binding,awaiting_approval,awaiting_approval,awaiting_approval",
		"select string_agg(state, ',' order by id) from renewals");
	assert_sql("0", "select count(*) from renewals where claimed_until is not null");
	assert_sql("1", "select count(*) from tasks where state = 'open' and renewal_id = %s",
		renewals[2]);
	assert_sql("person",
		"select blocked_reason from renewals where facts = '{\"a\":1}' and due_at > now() + interval '50 seconds'");
	assert_sql("spend_approved",
		"select event from journal where renewal_id = %s order by id desc limit 1",
		renewals[0]);
}

static void a_stale_fence_in_a_set_fails_alone(void **state)
{
	(void)state;
	some_claimed_renewals();
	long long lost = epochs[1], lost_too = epochs[2];
	epochs[1] = (long long)claim(renewals[1]);
	epochs[2] = (long long)claim(renewals[2]);
	long long now_held = epochs[1];
	epochs[1] = lost;
	epochs[2] = lost_too;
	OWNED char *said = text_dup(conclude((const char *const[]){ START, START, TASK, START }));
	assert_non_null(strstr(said, "2:renewal "));
	assert_non_null(strstr(said, "3:renewal "));
	assert_non_null(strstr(said, "is in other hands"));
	assert_null(strstr(said, "1:"));
	assert_sql("binding,awaiting_approval,awaiting_approval,binding",
		"select string_agg(state, ',' order by id) from renewals");
	assert_sql("0", "select count(*) from tasks where kind = 'bind'");
	epochs[1] = now_held; /* who holds it goes on */
	assert_sql(
		"t", "select claimed_until is not null from renewals where id = %s", renewals[1]);
	(void)sql("select renewal_conclude(%s, %lld, 'test', '" START "')", renewals[1], epochs[1]);
}

static void one_lease_concludes_once_in_a_set(void **state)
{
	(void)state;
	some_claimed_renewals();
	assert_sql("1",
		"select count(*) from renewals_conclude('[{\"id\":%s,\"epoch\":%lld,\"doc\":" NOTE
		"},{\"id\":%s,\"epoch\":%lld,\"doc\":" NOTE "}]', 'test') where failed = 'XQ409'",
		renewals[0], epochs[0], renewals[0], epochs[0]);
	assert_sql("1", "select count(*) from journal where event = 'intent_stated'");
	assert_sql("XQ404",
		"select failed from renewals_conclude('[{\"id\":999,\"epoch\":1,\"doc\":{}}]', 'test')");
}

/* Off the table: what is written one by one fails alone; a whole set changes nothing, and its items are
 * then tried one by one (batch_test.c). */
static void a_move_off_the_table_spoils_no_other(void **state)
{
	static const char off[] =
		"{\"move\":{\"event\":\"spend_approved\",\"to\":\"done\"},\"close_tasks\":[\"bind\"]}";
	(void)state;
	some_claimed_renewals();
	OWNED char *said = text_dup(conclude((const char *const[]){ START, off, START, START }));
	assert_non_null(strstr(said, "moves_along_the_table"));
	assert_sql("3", "select count(*) from renewals where state = 'binding'");
	for (int i = 0; i < RENEWALS; i++)
		epochs[i] = (long long)claim(renewals[i]);
	refused("moves_along_the_table",
		"select * from renewals_conclude('[{\"id\":%s,\"epoch\":%lld,\"doc\":{\"move\":{\"event\":\"spend_approved\",\"to\":\"done\"}}},"
		"{\"id\":%s,\"epoch\":%lld,\"doc\":" NOTE "}]', 'test')",
		renewals[1], epochs[1], renewals[0], epochs[0]);
	assert_sql("0", "select count(*) from journal where event = 'intent_stated'");
}

static void attempts_count_within_one_reason_and_progress_refreshes_them(void **state)
{
	static const struct {
		const char *doc;
		int attempts;
	} rests[] = {
		{ "{\"wait\":{\"reason\":\"ca_unreachable\",\"seconds\":0,\"error\":\"e\"}}", 1 },
		{ "{\"wait\":{\"reason\":\"ca_unreachable\",\"seconds\":0,\"error\":\"e\"}}", 2 },
		{ "{\"wait\":{\"reason\":\"ca_unreachable\",\"seconds\":0,\"error\":\"e\"}}", 3 },
		{ "{\"wait\":{\"reason\":\"unknown_outcome\",\"seconds\":0,\"error\":\"e\"}}", 1 },
		{ "{\"wait\":{\"reason\":\"unknown_outcome\",\"seconds\":0,\"error\":\"e\"}}", 2 },
		{ "{\"wait\":{\"reason\":\"review\",\"seconds\":0}}", 0 },
		{ "{\"wait\":{\"reason\":\"unknown_outcome\",\"seconds\":0,\"error\":\"e\"}}", 1 },
		{ START, 0 },
	};

	(void)state;
	some_claimed_renewals();
	for (size_t i = 0; i < COUNT_OF(rests); i++) {
		(void)sql("select renewal_conclude(%s, %lld, 'test', '%s')", renewals[0],
			(long long)claim(renewals[0]), rests[i].doc);
		assert_int_equal(
			sql_number("select attempts from renewals where id = %s", renewals[0]),
			rests[i].attempts);
	}
}

static const char *intend(int i, const char *op)
{
	return sql(
		"select coalesce(why, wait_reason, attempt || ',' || existed) from effects_intend('[{\"id\":%s,\"epoch\":%lld,\"op\":\"%s\",\"attempt\":1,\"key\":\"k-%d-%s\",\"spends\":false}]')",
		renewals[i], epochs[i], op, i, op);
}

static void every_gate_is_each_items_own(void **state)
{
	(void)state;
	some_claimed_renewals();
	(void)sql("select hold_set(" P_OPERATOR
		  ", '{\"scope\":\"unit\",\"target\":\"North\",\"reason\":\"audit\"}')");
	OWNED char *said = text_dup(sql(
		"select string_agg(n || ':' || coalesce(failed, attempt || ',' || existed), ' ' order by n) from effects_intend("
		"'[{\"id\":%s,\"epoch\":%lld,\"op\":\"bind\",\"attempt\":1,\"key\":\"a\",\"spends\":false},{\"id\":%s,\"epoch\":%lld,\"op\":\"bind\",\"attempt\":1,\"key\":\"b\",\"spends\":false},"
		"{\"id\":%s,\"epoch\":1,\"op\":\"bind\",\"attempt\":1,\"key\":\"c\",\"spends\":false},{\"id\":%s,\"epoch\":%lld,\"op\":\"bind\",\"attempt\":1,\"key\":\"a\",\"spends\":false}]')",
		renewals[0], epochs[0], renewals[1], epochs[1], renewals[2], renewals[2],
		epochs[2]));
	/* South goes, North is held, a stale fence is refused, and a key is used once */
	assert_string_equal(said, "1:1,false 2:XQ409 3:XQ409 4:23505");
	assert_sql("1", "select count(*) from effects");
}

static void a_hold_of_a_ca_stops_its_renewals_alone(void **state)
{
	(void)state;
	some_claimed_renewals();
	(void)sql("insert into cas (ca) values ('gateway'), ('manual')");
	(void)sql("update renewals set ca = 'manual' where id = %s", renewals[1]);
	refused("speaks to gateway, manual",
		"select hold_set(" P_OPERATOR
		", '{\"scope\":\"ca\",\"target\":\"other\",\"reason\":\"x\"}')");
	refused("outside your scope",
		"select hold_set(" P_SOUTH
		", '{\"scope\":\"ca\",\"target\":\"manual\",\"reason\":\"x\"}')");
	(void)sql("select hold_set(" P_OPERATOR
		  ", '{\"scope\":\"ca\",\"target\":\"manual\",\"reason\":\"x\"}')");
	assert_string_equal("1,false", intend(0, "bind"));
	assert_non_null(strstr(intend(1, "bind"), "held"));
	(void)sql("select hold_release(" P_OPERATOR ", 1)");
	assert_non_null(strstr(intend(1, "bind"), "held"));
	(void)sql("select hold_release(" P_APPROVER ", 1)");
	assert_string_equal("1,false", intend(1, "bind"));
}

static void a_daily_cap_lets_so_many_in_and_never_forgets_an_intent(void **state)
{
	(void)state;
	some_claimed_renewals();
	(void)sql("insert into cas (ca, daily_cap) values ('gateway', 2)");
	assert_string_equal("1,false", intend(0, "open"));
	assert_string_equal("1,false", intend(1, "open"));
	assert_string_equal("daily_cap_ca", intend(2, "open"));
	assert_string_equal(
		"1,true", intend(1, "open")); /* asked again after a crash: counted once */
	assert_string_equal("1,false", intend(2, "bind")); /* only applications count */
	assert_sql("2", "select count(*) from effects where op = 'open'");
	assert_sql("t",
		"select wait_s between 1 and 86400 from effects_intend('[{\"id\":%s,\"epoch\":%lld,\"op\":\"open\",\"attempt\":1,\"key\":\"x\",\"spends\":false}]')",
		renewals[2], epochs[2]);
	(void)sql(
		"update effects set intended_at = site_day() - interval '1 second' where renewal_id = %s",
		renewals[0]);
	assert_string_equal("1,false", intend(2, "open")); /* yesterday's do not count */
	assert_string_equal("daily_cap_ca", intend(3, "open"));
}

static void a_campaign_has_a_daily_cap_of_its_own(void **state)
{
	(void)state;
	some_claimed_renewals();
	(void)sql(
		"update renewals set campaign_id = 1, spend_approval = null, touch_approval = null");
	(void)sql("update campaigns set policy = policy || '{\"daily_cap\":1}' where id = 1");
	(void)sql(
		"update renewals set spend_approval = (select id from approvals where campaign_id = 1 and gate = 'spend')");
	assert_string_equal("1,false", intend(0, "open"));
	assert_string_equal("daily_cap_campaign", intend(1, "open"));
}

/* ---- pacing, through whole steps ---- */

static void an_open_breaker_lets_no_call_pass(void **state)
{
	OWNED char *renewal = a_renewal_in("in_review");
	(void)state;
	(void)sql(
		"insert into cas (ca, breaker, breaker_until, breaker_openings) values ('gateway', 'open', now() + interval '1 minute', 1)");
	step_alone(renewal);
	assert_waits("in_review", "ca_breaker");
	assert_sql("0", "select attempts from renewals");
	assert_sql("open", "select breaker from cas");
}

static void the_probes_answer_closes_the_breaker(void **state)
{
	OWNED char *renewal = a_renewal_in("in_review");
	(void)state;
	(void)sql(
		"insert into cas (ca, breaker, breaker_until, breaker_openings) values ('gateway', 'open', now() - interval '1 second', 1)");
	step_with(renewal, CALL(STATUS, "{\"state\":\"in_review\"}"));
	assert_sql("closed", "select breaker from cas");
	assert_sql("2", "select breaker_version from cas");
	step_with(renewal, CALL(STATUS, "{\"state\":\"in_review\"}"));
}

static void a_probe_in_vain_opens_it_again_for_longer(void **state)
{
	OWNED char *renewal = a_renewal_in("in_review");
	(void)state;
	(void)sql(
		"insert into cas (ca, breaker, breaker_until, breaker_openings) values ('gateway', 'open', now() - interval '1 second', 1)");
	step_with(renewal, SAYS(STATUS, PENDING, "NO_ANSWER", NULL));
	assert_sql("open,2", "select breaker || ',' || breaker_openings from cas");
	assert_sql("t",
		"select breaker_until between now() + interval '55 seconds' and now() + interval '61 seconds' from cas");
	assert_sql("the CA says NO_ANSWER", "select last_error from cas");
	step_alone(renewal);
	assert_waits("in_review", "ca_breaker");
}

static void calls_that_fail_open_the_breaker(void **state)
{
	OWNED char *renewal = a_renewal_in("in_review");
	(void)state;
	(void)sql("insert into cas (ca) values ('gateway')");
	for (int i = 1; i <= 4; i++) {
		step_with(renewal, SAYS(STATUS, UNSURE, "NO_ANSWER", NULL));
		assert_int_equal(sql_number("select breaker_failures from cas"), i);
		assert_waits("in_review", "ca_unreachable");
	}
	step_with(renewal, SAYS(STATUS, UNSURE, "UNSIGNED", NULL));
	assert_sql("open", "select breaker from cas");
	step_alone(renewal);
	assert_waits("in_review", "ca_breaker");
}

static void an_answer_in_time_forgives_and_a_refusal_is_an_answer(void **state)
{
	OWNED char *renewal = a_renewal_in("in_review");
	(void)state;
	(void)sql("insert into cas (ca) values ('gateway')");
	for (int i = 0; i < 4; i++)
		step_with(renewal, SAYS(STATUS, UNSURE, "NO_ANSWER", NULL));
	step_with(renewal, SAYS(STATUS, REFUSED, "NO_CODE", NULL));
	assert_sql("closed,0", "select breaker || ',' || breaker_failures from cas");
}

static void effects_wait_for_the_office_and_questions_do_not(void **state)
{
	int64_t sunday, monday;
	(void)state;
	assert_true(clock_parse(&sunday, "2026-11-22T12:00:00+08:00"));
	assert_true(clock_parse(&monday, "2026-11-23T10:00:00+08:00"));
	OWNED char *renewal = a_renewal_in("submitted");
	(void)sql("insert into cas (ca, office_hours) values ('gateway', true)");
	clock_set(sunday);
	step_alone(renewal);
	assert_waits("submitted", "office_hours");
	assert_sql("t", "select due_at > now() + interval '20 hours' from renewals");
	clock_set(monday);
	step_with(renewal, SAYS(PAY, PENDING, "NO_ANSWER", NULL));
	clock_set(0);
}

static void a_bucket_that_is_empty_delays_the_call(void **state)
{
	OWNED char *renewal = a_renewal_in("in_review");
	(void)state;
	(void)sql("insert into cas (ca, requests_per_minute) values ('gateway', 60)");
	step_with(renewal, SAYS(STATUS, PENDING, "RATE_LIMITED", NULL));
	for (int i = 0; i < 10; i++)
		step_with(renewal, CALL(STATUS, "{\"state\":\"in_review\"}"));
	int64_t before = clock_monotonic_ms();
	step_with(renewal, CALL(STATUS, "{\"state\":\"in_review\"}"));
	assert_true(clock_monotonic_ms() - before > 200);
}

/* The requests a minute that the load of RENEWAL allows this xuqid; 0: no limit. */
static int64_t allowed(const char *renewal)
{
	struct fault fault;
	OWNED char *items =
		text_dupf("[{\"id\":%s,\"epoch\":%lld}]", renewal, (long long)claim(renewal));
	PGresult *result = PQexecParams(the_database.pg, sql_renewals_load, 1, NULL,
		(const char *const[]){ items }, NULL, NULL, 0);
	JSON *doc = json_read(PQgetvalue(result, 0, 3), (size_t)PQgetlength(result, 0, 3), &fault);

	PQclear(result);
	assert_non_null(doc);
	return json_peek_number(json_object_get(doc, "pace"), "requests_per_minute", 0);
}

#define LOOK \
	"select engine_look((extract(epoch from clock_timestamp()) * 1000000)::bigint, true, 0, '%s')"

static void two_xuqid_share_what_a_ca_allows_in_a_minute(void **state)
{
	A_RENEWAL();
	approve("spend");
	(void)sql("insert into cas (ca, requests_per_minute) values ('gateway', 61)");
	(void)sql(
		"insert into workers (name, seen_at) values ('dead', now() - interval '3 minutes')");
	(void)sql(LOOK, "one");
	assert_int_equal(allowed(renewal), 61);
	(void)sql(LOOK, "two");
	(void)sql(LOOK, "two");
	assert_int_equal(allowed(renewal), 30);
	(void)sql("update cas set requests_per_minute = 1"); /* never none at all */
	assert_int_equal(allowed(renewal), 1);
	(void)sql("update cas set requests_per_minute = null");
	assert_int_equal(allowed(renewal), 0);
}

int main(void)
{
#define set_test(function) cmocka_unit_test_setup_teardown(function, database_fresh, end_renewals)
	const struct CMUnitTest tests[] = {
		set_test(a_set_moves_rests_and_opens_tasks_at_once),
		set_test(a_stale_fence_in_a_set_fails_alone),
		set_test(one_lease_concludes_once_in_a_set),
		set_test(a_move_off_the_table_spoils_no_other),
		set_test(attempts_count_within_one_reason_and_progress_refreshes_them),
		set_test(every_gate_is_each_items_own),
		set_test(a_hold_of_a_ca_stops_its_renewals_alone),
		set_test(a_daily_cap_lets_so_many_in_and_never_forgets_an_intent),
		set_test(a_campaign_has_a_daily_cap_of_its_own),
		set_test(two_xuqid_share_what_a_ca_allows_in_a_minute),
		stage_test(an_open_breaker_lets_no_call_pass),
		stage_test(the_probes_answer_closes_the_breaker),
		stage_test(a_probe_in_vain_opens_it_again_for_longer),
		stage_test(calls_that_fail_open_the_breaker),
		stage_test(an_answer_in_time_forgives_and_a_refusal_is_an_answer),
		stage_test(effects_wait_for_the_office_and_questions_do_not),
		stage_test(a_bucket_that_is_empty_delays_the_call),
	};
	return cmocka_run_group_tests(tests, database_begin, database_end);
}
