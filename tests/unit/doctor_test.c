/* SPDX-License-Identifier: Apache-2.0 */
/* What waits too long or was left behind is mended with a line in the journal, or shown with its owner and
 * remedy; and the CAs at a glance. */
#include "tests/unit/walks.h"

#include "sql.h"

#define REAPED(what) "select count(*) from engine_reap() where what = '" what "'"
#define ALL          "'{\"person\":1,\"login\":\"admin\",\"role\":\"admin\"}'"

/* One finding of AREA says SAYS, names OWNER and a remedy. */
static void assert_found(const char *area, const char *owner, const char *says)
{
	OWNED char *found = text_dup(sql(
		"select coalesce(string_agg(level || ' ' || text || ' [' || coalesce(owner, '-') || '] ' || remedy, ' | '), 'nothing') from doctor(" ALL
		") where area = '%s'",
		area));
	OWNED char *named = text_dupf("[%s]", owner);
	if (strstr(found, says) == NULL || strstr(found, named) == NULL)
		print_error("%s: %s\n", area, found);
	assert_non_null(strstr(found, says));
	assert_non_null(strstr(found, named));
}

static void assert_not_found(const char *area)
{
	assert_sql("0", "select count(*) from doctor(" ALL ") where area = '%s'", area);
}

/* ---- waits ---- */

static void every_state_and_every_class_of_trouble_has_its_patience(void **state)
{
	(void)state;
	assert_sql("",
		"select coalesce(string_agg(state, ','), '') from renewal_states s where not final and not exists (select from patience p where p.state = s.state and p.reason is null)");
	assert_sql("",
		"select coalesce(string_agg(w, ','), '') from unnest(array['ca_unreachable', 'ca_busy', 'unknown_outcome', 'database', 'error', 'hold', 'ca_access', 'ca_breaker', "
		"'office_hours', 'daily_cap_ca', 'daily_cap_campaign']) w where not exists (select from patience p where p.reason = w)");
	assert_sql("0", "select count(*) from patience where remedy = '' or owner = ''");
}

static void a_state_is_patient_for_its_time_and_no_longer(void **state)
{
	A_RENEWAL();
	(void)renewal;
	assert_not_found("renewal");
	(void)sql("update renewals set changed_at = now() - interval '4 days'");
	assert_not_found("renewal");
	(void)sql("update renewals set changed_at = now() - interval '6 days'");
	assert_found("renewal", "approver", "is awaiting_approval and waits");
	assert_sql("t",
		"select since between now() - interval '7 days' and now() - interval '5 days' from doctor(" ALL
		") where area = 'renewal'");
}

static void a_reason_is_counted_from_when_it_began(void **state)
{
	A_RENEWAL();
	approve("all");
	walk(renewal, to_drafting);
	int64_t epoch = claim(renewal);
	(void)sql(
		"select renewal_conclude(%s, %lld, 'test', '{\"wait\":{\"reason\":\"ca_unreachable\",\"seconds\":1,\"error\":\"no answer\"}}')",
		renewal, (long long)epoch);
	assert_not_found("renewal");
	(void)sql("update renewals set blocked_at = now() - interval '20 minutes'");
	epoch = claim(renewal); /* it fails once more: the same reason goes on */
	(void)sql(
		"select renewal_conclude(%s, %lld, 'test', '{\"wait\":{\"reason\":\"ca_unreachable\",\"seconds\":1,\"error\":\"no answer\"}}')",
		renewal, (long long)epoch);
	assert_found("renewal", "ca", "no answer");
	epoch = claim(renewal);
	(void)sql(
		"select renewal_conclude(%s, %lld, 'test', '{\"wait\":{\"reason\":\"agreement\",\"seconds\":1}}')",
		renewal, (long long)epoch);
	assert_not_found("renewal");
	epoch = claim(renewal);
	(void)sql(
		"select renewal_conclude(%s, %lld, 'test', '{\"wait\":{\"reason\":\"error\",\"seconds\":1,\"error\":\"a bug\"}}')",
		renewal, (long long)epoch);
	assert_found("renewal", "admin", "a bug"); /* at once */
}

/* Days are those of the offices, whatever zone the session is set to. */
static void a_day_is_told_as_the_offices_count_it(void **state)
{
	(void)state;
	an_organisation();
	OWNED char *set = a_set("t1", "Li", 1);
	(void)sql("update certificate_sets set not_after = '2026-01-01T20:00:00Z' where id = %s",
		set);
	for (int i = 0; i < 2; i++) {
		(void)sql("set timezone = '%s'", i == 0 ? "UTC" : "America/New_York");
		assert_sql("t",
			"select text like '%% expired on 2026-01-02 and%%' from doctor(" P_OPERATOR
			") where area = 'expiry'");
		assert_sql("2026-01-02", "select day_of('2026-01-01T16:00:00Z')");
	}
	(void)sql("set timezone = 'UTC'");
}

static void only_ones_own_units_are_shown(void **state)
{
	A_RENEWAL();
	(void)renewal;
	(void)sql("update renewals set changed_at = now() - interval '6 days'");
	assert_sql("1", "select count(*) from doctor(" P_SOUTH ") where area = 'renewal'");
	(void)sql("update certificate_sets set unit_id = 3");
	assert_sql("0", "select count(*) from doctor(" P_SOUTH ") where area = 'renewal'");
}

static void a_renewal_that_began_too_late_is_a_failure(void **state)
{
	A_RENEWAL();
	(void)sql(
		"update campaigns set plan = jsonb_set(plan, '{rows,0,latest_start_at}', to_jsonb(now() - interval '1 day'))");
	assert_found("expiry", "approver", "it had to start before");
	approve("all");
	walk(renewal, to_drafting);
	assert_found("expiry", "operator", "is still drafting");
	walk(renewal, to_approved);
	assert_not_found("expiry");
}

/* ---- orphans ---- */

static void a_lease_whose_worker_died_is_given_back(void **state)
{
	A_RENEWAL();
	approve("all");
	walk(renewal, to_drafting);
	int64_t epoch = claim(renewal);
	assert_sql("0", REAPED("lease"));
	(void)sql("update renewals set claimed_until = now() - interval '1 minute'");
	assert_sql("1", REAPED("lease"));
	assert_sql("0", REAPED("lease"));
	assert_sql("lease_lost", "select event from journal order by id desc limit 1");
	refused("given back already", "select renewal_conclude(%s, %lld, 'test', '{\"facts\":{}}')",
		renewal, (long long)epoch); /* the worker wakes up after all */
}

static void an_offer_to_a_revoked_agent_is_taken_back_and_a_permit_is_not(void **state)
{
	A_RENEWAL();
	an_offered_order(renewal);
	assert_sql("0", REAPED("install_order"));
	(void)sql("update agents set revoked_at = now() where id = 1");
	assert_sql("1", REAPED("install_order"));
	assert_sql("queued", "select state from install_orders");
	assert_sql("t", "select offered_to is null from install_orders");
	(void)sql("update agents set revoked_at = null where id = 1");
	(void)sql("select order_offer(1)");
	(void)sql("select pin_permit(1, 1, 'ref', 't1')");
	(void)sql("update agents set last_seen_at = now() - interval '2 days'");
	assert_sql("0", REAPED("install_order"));
	assert_found("install", "operator", "a PIN was permitted");
	assert_sql("permitted", "select state from install_orders");
}

static void steps_of_an_ended_renewal_are_closed_and_its_unpaid_order_with_them(void **state)
{
	A_RENEWAL();
	approve("all");
	walk(renewal, to_drafting);
	(void)sql(
		"select task_open(%s, '{\"kind\":\"bind\",\"role\":\"handler\",\"title\":\"t\",\"instruction\":\"i\",\"if_ignored\":\"n\"}')",
		renewal);
	(void)sql(
		"select task_open(%s, '{\"kind\":\"refund_of_ca\",\"role\":\"finance\",\"title\":\"t\",\"instruction\":\"i\",\"if_ignored\":\"n\"}')",
		renewal);
	(void)sql(
		"insert into payment_orders (reference, payer_account, payer_name, payee_name, payee_account, payee_bank, amount_fen) values "
		"('XQ0000000012', '6222', 'Acme', 'CA Ltd', '8888', 'Bank', 20000)");
	(void)sql("insert into dues (renewal_id, order_id, amount_fen) values (%s, 1, 20000)",
		renewal);
	assert_sql("0", "select count(*) from engine_reap()");
	walk(renewal, (const char *const[]){ "refused", "failed", NULL });
	(void)sql("update payment_orders set status = 'exported'");
	assert_found("payment", "finance", "stands in a payment file");
	assert_sql("0", REAPED("payment_order"));
	(void)sql("update payment_orders set status = 'open'");
	(void)sql("update payment_orders set paid_at = now()");
	assert_sql("0", REAPED("payment_order")); /* by a code: the CA has the fee */
	(void)sql("update payment_orders set paid_at = null");
	assert_sql("1", REAPED("payment_order"));
	assert_sql("cancelled", "select status from payment_orders");
	assert_not_found("payment");
	assert_sql("cancelled", "select state from tasks where kind = 'bind'");
	assert_sql("open", "select state from tasks where kind = 'refund_of_ca'");
	assert_sql("2",
		"select count(*) from journal where event in ('task_cancelled', 'order_cancelled')");
}

static void an_effect_that_nobody_will_ask_about_is_a_failure(void **state)
{
	A_RENEWAL();
	approve("all");
	walk(renewal, to_drafting);
	(void)sql("select effect_intend(%s, %lld, 'open', 1, 'k', false)", renewal,
		(long long)claim(renewal));
	assert_not_found("effect");
	walk(renewal, (const char *const[]){ "withdrawn_by_person", "withdrawn", NULL });
	assert_found("effect", "operator", "open of renewal");
	assert_sql("0",
		"select count(*) from engine_reap()"); /* it may have happened: nothing is made up */
	assert_sql("t", "select settled_at is null from effects");
}

/* ---- holds, clocks, CAs ---- */

static void holds_breakers_caps_and_clocks_are_shown(void **state)
{
	(void)state;
	an_organisation();
	(void)sql("insert into cas (ca, daily_cap) values ('gateway', 1)");
	(void)sql(
		"insert into ca_facts (ca, meta) values ('gateway', jsonb_build_object('server_time', now() + interval '10 minutes'))");
	assert_sql("open", "select state from ca_items");
	assert_found("clock", "admin", "differs from ours by 600 seconds");
	(void)sql("select hold_set(" P_OPERATOR
		  ", '{\"scope\":\"ca\",\"target\":\"gateway\",\"reason\":\"audit\"}')");
	(void)sql("select hold_release(" P_OPERATOR ", 1)");
	assert_found("hold", "operator", "(ca gateway): audit; operator asked for the release");
	assert_sql("held", "select state from ca_items");
	(void)sql("select hold_release(" P_APPROVER ", 1)");
	(void)sql(
		"update cas set breaker = 'open', breaker_until = now() + interval '1 minute', last_error = 'it is silent'");
	assert_found("ca", "ca", "it is silent");
	assert_sql("breaker_open", "select state from ca_items");
	(void)sql("update cas set breaker = 'closed'");
	assert_not_found("hold");
	assert_not_found("ca");
	(void)sql(
		"select engine_look((extract(epoch from clock_timestamp()) * 1000000)::bigint + 9000000, true, 0, 'w1')");
	assert_sql("t",
		"select exists (select from doctor(" ALL
		") where area = 'clock' and level = 'fail' and text like '%%its database differ by 9.%%')");
	(void)sql(
		"select engine_look((extract(epoch from clock_timestamp()) * 1000000)::bigint, false, 1900000000000000, 'w1')");
	assert_sql("1", "select count(*) from doctor(" ALL ") where area = 'clock'");
	assert_sql("2030-03-17", "select (office_opens_at at time zone 'UTC')::date from ca_items");
}

static void limits_are_set_by_people_and_wake_who_waited(void **state)
{
	A_RENEWAL();
	(void)sql("insert into cas (ca) values ('gateway')");
	(void)sql(
		"update renewals set blocked_reason = 'daily_cap_ca', due_at = now() + interval '9 hours' where id = %s",
		renewal);
	refused("there is no CA other",
		"select ca_limit(" P_OPERATOR ", 'other', '{\"daily_cap\":1}')");
	refused("say which limit", "select ca_limit(" P_OPERATOR ", 'gateway', '{}')");
	refused("is no number", "select ca_limit(" P_OPERATOR ", 'gateway', '{\"daily_cap\":-1}')");
	refused("only or always",
		"select ca_limit(" P_OPERATOR ", 'gateway', '{\"office_hours\":\"no\"}')");
	refused("outside your scope",
		"select ca_limit(" P_SOUTH ", 'gateway', '{\"daily_cap\":1}')");
	(void)sql("select ca_limit(" P_OPERATOR ", 'gateway', '{\"daily_cap\":7}')");
	assert_sql("t", "select daily_cap is null from cas"); /* a dry run */
	(void)sql("select ca_limit(" P_OPERATOR
		  ", 'gateway', '{\"daily_cap\":7,\"office_hours\":\"only\",\"commit\":true}')");
	assert_sql("7,true", "select daily_cap || ',' || office_hours from cas");
	assert_sql("t", "select due_at <= now() from renewals");
	assert_sql("1", "select count(*) from audit where action = 'ca.limited'");
	(void)sql(
		"select ca_limit(" P_OPERATOR ", 'gateway', '{\"daily_cap\":0,\"commit\":true}')");
	assert_sql("t", "select daily_cap is null and office_hours from cas");
}

/* Nobody has uploaded the certificate: there is no task for it, so the renewal itself says what to do. */
static void what_waits_without_a_task_says_what_to_do(void **state)
{
	A_RENEWAL();
	approve("all");
	walk(renewal, (const char *const[]){ "spend_approved", "binding", NULL });
	(void)sql(
		"update renewals set blocked_reason = 'token', blocked_at = now() - interval '2 hours'");
	const char *const values[] = { "{\"person\":1,\"role\":\"admin\"}", renewal, "{}", "{}" };
	PGresult *result =
		PQexecParams(the_database.pg, sql_renewal_show, 4, NULL, values, NULL, NULL, 0);

	assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
	assert_non_null(strstr(PQgetvalue(result, 0, 1), "or xuqi cert upload FILE"));
	PQclear(result);
	assert_sql("operator", "select owner from overlong where id = %s", renewal);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		database_test(every_state_and_every_class_of_trouble_has_its_patience),
		database_test(what_waits_without_a_task_says_what_to_do),
		database_test(a_state_is_patient_for_its_time_and_no_longer),
		database_test(a_reason_is_counted_from_when_it_began),
		database_test(a_day_is_told_as_the_offices_count_it),
		database_test(only_ones_own_units_are_shown),
		database_test(a_renewal_that_began_too_late_is_a_failure),
		database_test(a_lease_whose_worker_died_is_given_back),
		database_test(an_offer_to_a_revoked_agent_is_taken_back_and_a_permit_is_not),
		database_test(steps_of_an_ended_renewal_are_closed_and_its_unpaid_order_with_them),
		database_test(an_effect_that_nobody_will_ask_about_is_a_failure),
		database_test(holds_breakers_caps_and_clocks_are_shown),
		database_test(limits_are_set_by_people_and_wake_who_waited),
	};
	return cmocka_run_group_tests(tests, database_begin, database_end);
}
