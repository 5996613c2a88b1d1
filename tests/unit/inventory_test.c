/* SPDX-License-Identifier: Apache-2.0 */
/* From what agents see and lists say to one inventory: what is merged, what is not, and what nobody takes over
 * without a person. */
#include "tests/unit/walks.h"

#include "common/clock.h"

#define HEAD_ROW "\"uscc\":\"" USCC "\",\"service\":\"Tax\""

/* An agent's check-in with TOKENS (JSON). */
static void check_in(int agent, const char *tokens)
{
	(void)sql("select check_in(%d, '{\"client_version\":\"4.7.10\",\"tokens\":[%s]}')", agent,
		tokens);
}

static char *a_token(const char *serial, const char *certificates)
{
	return text_dupf("{\"serial\":\"%s\",\"label\":\"%s\",\"certificates\":[%s]}", serial,
		serial, certificates);
}

static char *import(const char *person, const char *rows, bool commit)
{
	return text_dup(
		sql("select certificates_import_checked(%s, '{\"rows\":[%s],\"commit\":%s}')",
			person, rows, commit ? "true" : "false"));
}

static void assert_report(const char *report, const char *field, const char *value)
{
	assert_sql(value, "select ($json$%s$json$::jsonb->'%s')::text", report, field);
}

static const char li[] =
	"{\"row\":2,\"holder\":\"Li\"," HEAD_ROW
	",\"media_no\":\"--\",\"not_after\":\"2027-01-31T15:59:59Z\",\"unit\":\"South\",\"handler\":\"handler\"}";

/* ---- agents ---- */

static void a_pair_is_one_set(void **state)
{
	OWNED char *sign = a_certificate("01", "Li", "sign", "2027-01-31T15:59:59Z");
	OWNED char *encrypt = a_certificate("02", "Li", "encrypt", "2027-01-30T15:59:59Z");
	OWNED char *both = text_dupf("%s,%s", sign, encrypt);
	OWNED char *token = a_token("t1", both);
	(void)state;
	an_organisation();
	check_in(1, token);
	check_in(1, token);
	assert_sql("1", "select count(*) from certificate_sets");
	assert_sql("2", "select count(*) from certificates");
	assert_sql("2027-01-30",
		"select (not_after at time zone 'Asia/Shanghai')::date from certificate_sets"); /* the earlier one */
	assert_sql("01",
		"select serial from certificate_items"); /* the signing one stands for the pair */
}

static void a_renewed_certificate_joins_its_set_and_replaces_the_old_one(void **state)
{
	OWNED char *old = a_certificate("01", "Li", "both", "2027-01-31T15:59:59Z");
	OWNED char *new = a_certificate("02", "Li", "both", "2028-01-31T15:59:59Z");
	OWNED char *both = text_dupf("%s,%s", new, old);
	OWNED char *before = a_token("t1", old);
	OWNED char *after = a_token("t1", both);
	(void)state;
	an_organisation();
	check_in(1, before);
	check_in(1, after);
	assert_sql("1", "select count(*) from certificate_sets");
	assert_sql("02",
		"select n.serial from certificates c join certificates n on n.id = c.replaced_by where c.serial = '01'");
	assert_sql("2028", "select extract(year from not_after) from certificate_sets");
}

static void equal_holders_on_two_tokens_are_two_sets(void **state)
{
	OWNED char *one = a_certificate("01", "Li", "both", "2027-01-31T15:59:59Z");
	OWNED char *two = a_certificate("02", "Li", "both", "2027-01-31T15:59:59Z");
	OWNED char *first = a_token("t1", one);
	OWNED char *second = a_token("t2", two);
	OWNED char *tokens = text_dupf("%s,%s", first, second);
	(void)state;
	an_organisation();
	check_in(1, tokens);
	assert_sql("2", "select count(*) from certificate_sets");
	OWNED char *report = import(P_ADMIN, li, true); /* a list cannot tell them apart */
	assert_report(report, "committed", "false");
	assert_non_null(strstr(report, "a person must tell them apart"));
}

static void a_token_that_appears_elsewhere_is_not_taken_over(void **state)
{
	OWNED char *certificate = a_certificate("01", "Li", "both", "2027-01-31T15:59:59Z");
	OWNED char *other = a_certificate("09", "Wang", "both", "2027-01-31T15:59:59Z");
	OWNED char *token = a_token("t1", certificate);
	OWNED char *changed = a_token("t1", other);
	(void)state;
	an_organisation();
	check_in(1, token);
	check_in(2, changed);
	check_in(2, changed);
	assert_sql("1", "select workstation_id from tokens");
	assert_sql("01", "select string_agg(serial, ',') from certificates");
	assert_sql("1", "select count(*) from tasks where kind = 'token_moved' and state = 'open'");
	refused("is for operator",
		"select task_done(" P_FINANCE
		", 1, '{\"values\":{\"move\":\"yes\"},\"commit\":true}')");
	refused("is for operator",
		"select task_done(" P_SOUTH
		", 1, '{\"values\":{\"move\":\"yes\"},\"commit\":true}')"); /* of ws-1's unit */
	(void)sql("select task_done(" P_OPERATOR
		  ", 1, '{\"values\":{\"move\":\"no\"},\"commit\":true}')");
	assert_sql("1", "select workstation_id from tokens");
	check_in(2, changed);
	(void)sql("select task_done(" P_OPERATOR
		  ", 2, '{\"values\":{\"move\":\"yes\"},\"commit\":true}')");
	assert_sql("2", "select workstation_id from tokens");
	check_in(2, changed);
	assert_sql("2", "select count(*) from certificates");
}

static void an_unplugged_token_is_not_present(void **state)
{
	OWNED char *one = a_token("t1", "");
	OWNED char *two = a_token("t2", "");
	(void)state;
	an_organisation();
	check_in(1, one);
	check_in(2, two);
	check_in(1, "");
	assert_sql("t2", "select string_agg(serial, ',') from tokens where present");
}

static void orders_are_offered_one_at_a_time(void **state)
{
	char *sets[2], *renewals[2];
	(void)state;
	an_organisation();
	sets[0] = a_set("t1", "Li", 1);
	sets[1] = a_set("t2", "Wang", 1);
	for (int i = 0; i < 2; i++) {
		OWNED char *name = text_dupf("c%d", i);
		renewals[i] = a_renewal(name, sets[i]);
		(void)sql("select campaign_approve(" P_APPROVER
			  ", %d, '{\"gate\":\"all\",\"digest\":\"%s\"}')",
			i + 1, name);
		walk(renewals[i], to_drafting);
		walk(renewals[i], to_approved);
		walk(renewals[i], to_queue);
		(void)sql(
			"insert into install_orders (renewal_id, token_id, body) values (%s, %d, '{}')",
			renewals[i], i + 1);
		free(sets[i]);
		free(renewals[i]);
	}
	assert_sql("[]", "select order_offer(2)"); /* at the other workstation */
	OWNED char *one = a_token("t1", "");
	OWNED char *two = a_token("t2", "");
	OWNED char *tokens = text_dupf("%s,%s", one, two);
	check_in(1, tokens);
	assert_sql("1 t1",
		"select (o->0->>'id') || ' ' || (o->0->>'token_serial') from order_offer(1) o");
	assert_sql("1", "select o->0->>'id' from order_offer(1) o"); /* until it is reported */
	assert_sql("queued", "select state from install_orders where id = 2");
	(void)sql(
		"select install_result(1, 1, '{\"outcome\":\"token_several\",\"login_attempted\":false}')");
	assert_sql("2", "select o->0->>'id' from order_offer(1) o");
}

static void while_a_person_is_asked_for_another_token_nothing_is_offered(void **state)
{
	(void)state;
	an_organisation();
	OWNED char *set = a_set("t1", "Li", 1);
	OWNED char *renewal = a_renewal("c", set);
	approve("all");
	walk(renewal, to_drafting);
	walk(renewal, to_approved);
	walk(renewal, to_queue);
	(void)sql("insert into install_orders (renewal_id, token_id, body) values (%s, 1, '{}')",
		renewal);
	(void)sql("insert into tokens (serial, workstation_id) values ('t9', 1)");
	(void)sql(
		"insert into tasks (kind, role, title, instruction, if_ignored, workstation_id, token_id) values ('insert_token', 'operator', '', '', '', 1, 2)");
	assert_sql("[]", "select order_offer(1)");
	OWNED char *one = a_token("t1", "");
	OWNED char *nine = a_token("t9", "");
	OWNED char *both = text_dupf("%s,%s", one, nine);
	check_in(1, both); /* never several: it is not there alone */
	assert_sql("open", "select state from tasks");
	check_in(1, nine); /* closes the task by itself; t1 is out now */
	assert_sql("done", "select state from tasks");
	assert_sql("[]", "select order_offer(1)");
	check_in(1, one);
	assert_string_not_equal(sql("select order_offer(1)"), "[]");
}

/* ---- lists ---- */

static void an_import_merges_with_what_an_agent_saw_and_repeats_nothing(void **state)
{
	OWNED char *certificate = a_certificate(
		"01", "Li", "both", "2027-01-31T10:00:00Z"); /* the same day in China */
	OWNED char *token = a_token("t1", certificate);
	(void)state;
	an_organisation();
	check_in(1, token);
	OWNED char *dry = import(P_ADMIN, li, false);
	assert_report(dry, "committed", "false");
	assert_report(dry, "changed", "1");
	assert_sql("agent", "select source from certificate_sets");
	assert_sql("0", "select count(*) from audit where action = 'certificates.imported'");
	OWNED char *report = import(P_ADMIN, li, true);
	assert_report(report, "committed", "true");
	assert_sql("both 8 -",
		"select source || ' ' || handler_id || ' ' || coalesce(media_no, '-') from certificate_sets");
	OWNED char *again = import(P_ADMIN, li, true);
	assert_report(again, "same", "1");
	assert_report(again, "differences", "[]");
	assert_sql("1", "select count(*) from certificate_sets");
}

static void an_imported_row_is_joined_by_the_agent_that_sees_it_later(void **state)
{
	OWNED char *certificate = a_certificate("01", "Li", "both", "2027-01-31T10:00:00Z");
	OWNED char *token = a_token("t1", certificate);
	(void)state;
	an_organisation();
	OWNED char *report = import(P_ADMIN, li, true);
	assert_report(report, "new", "1");
	check_in(1, token);
	assert_sql("both t1", "select source || ' ' || token_serial from certificate_items");
	assert_sql("1", "select count(*) from certificate_sets");
}

static void media_numbers_decide_nothing(void **state)
{
	static const char rows[] = "{\"row\":2,\"holder\":\"Li\"," HEAD_ROW
				   ",\"media_no\":\"00AA\",\"not_after\":\"2027-01-31T15:59:59Z\"},"
				   "{\"row\":3,\"holder\":\"Wang\"," HEAD_ROW
				   ",\"media_no\":\"00AA\",\"not_after\":\"2027-01-31T15:59:59Z\"},"
				   "{\"row\":4,\"holder\":\"Li\"," HEAD_ROW
				   ",\"media_no\":\"00BB\",\"not_after\":\"2027-01-31T15:59:59Z\"}";
	(void)state;
	an_organisation();
	OWNED char *report = import(P_ADMIN, rows, true);
	assert_report(report, "new", "2");
	assert_report(report, "changed", "1");
	assert_sql("00BB,00AA",
		"select string_agg(media_no, ',' order by holder) from certificate_sets");
}

static void one_bad_row_keeps_all_others_out(void **state)
{
	static const struct {
		const char *row, *column;
	} bad[] = {
		{ "{\"row\":3," HEAD_ROW ",\"not_after\":\"2027-01-31T15:59:59Z\"}", "holder" },
		{ "{\"row\":3,\"holder\":\"X\"}", "not_after" },
		{ "{\"row\":3,\"holder\":\"X\",\"not_after\":\"2027-02-30T00:00:00Z\"}",
			"not_after" },
		{ "{\"row\":3,\"holder\":\"X\",\"not_after\":\"infinity\"}", "not_after" },
		{ "{\"row\":3,\"holder\":\"X\",\"not_after\":17}", "not_after" },
		{ "{\"row\":3,\"holder\":\"X\",\"not_after\":\"2027-01-31T15:59:59Z\",\"uscc\":\"123\"}",
			"uscc" },
		{ "{\"row\":3,\"holder\":\"X\",\"not_after\":\"2027-01-31T15:59:59Z\",\"unit\":\"Nowhere\"}",
			"unit" },
		{ "{\"row\":3,\"holder\":\"X\",\"not_after\":\"2027-01-31T15:59:59Z\",\"handler\":\"nobody\"}",
			"handler" },
		{ "7", "" },
	};

	(void)state;
	an_organisation();
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		OWNED char *rows = text_dupf("%s,%s", li, bad[i].row);
		OWNED char *report = import(P_ADMIN, rows, true);
		assert_report(report, "committed", "false");
		assert_sql(bad[i].column, "select $json$%s$json$::jsonb->'errors'->0->>'column'",
			report);
		assert_sql("0", "select count(*) from certificate_sets");
	}
}

static void an_entity_is_not_inherited_from_the_row_above(void **state)
{
	static const char rows[] =
		"{\"row\":2,\"holder\":\"Li\"," HEAD_ROW ",\"not_after\":\"2027-01-31T15:59:59Z\"},"
		"{\"row\":3,\"holder\":\"Wang\",\"not_after\":\"2027-01-31T15:59:59Z\"}";
	(void)state;
	an_organisation();
	OWNED char *report = import(P_ADMIN, rows, true);
	assert_report(report, "new", "2");
	assert_sql("1,-",
		"select string_agg(coalesce(legal_entity_id::text, '-'), ',' order by holder) from certificate_sets");
}

static void a_person_of_one_unit_imports_for_that_unit_only(void **state)
{
	static const char north[] = "{\"row\":2,\"holder\":\"Wang\"," HEAD_ROW
				    ",\"not_after\":\"2027-01-31T15:59:59Z\",\"unit\":\"North\"}";
	static const char grab[] = "{\"row\":2,\"holder\":\"Wang\"," HEAD_ROW
				   ",\"not_after\":\"2027-01-31T15:59:59Z\",\"unit\":\"South\"}";
	static const char nowhere[] = "{\"row\":2,\"holder\":\"Wang\"," HEAD_ROW
				      ",\"not_after\":\"2027-01-31T15:59:59Z\"}";
	static const char *const rows[] = { north, grab, nowhere };
	(void)state;
	an_organisation();
	OWNED char *by_admin = import(P_ADMIN, north, true);
	assert_report(by_admin, "new", "1");
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		OWNED char *report = import(P_SOUTH, rows[i], true);
		assert_report(report, "committed", "false");
		assert_non_null(strstr(report, "outside your scope"));
	}
	assert_sql("North", "select unit from certificate_items");
	OWNED char *own = import(P_SOUTH, li, true);
	assert_report(own, "new", "1");
}

/* A large list goes in within the time of one statement, and a second time as fast. */
static void ten_thousand_rows_are_imported_in_seconds(void **state)
{
	static const char large[] =
		"(select jsonb_build_object('commit', true, 'rows', jsonb_agg(jsonb_build_object('row', i, 'holder', 'H' || i, 'uscc', '" USCC
		"', 'service', 'Tax', 'not_after', '2027-01-31T15:59:59Z', 'unit', 'South', 'handler', 'handler', 'place', %s))) from generate_series(1, 10000) i)";
	static const char *const places[] = { "'A'", "'A'", "'B'" };
	static const char *const counted[] = { "new", "same", "changed" };
	(void)state;
	an_organisation();
	for (size_t i = 0; i < COUNT_OF(places); i++) {
		OWNED char *list = text_dupf(large, places[i]);
		int64_t begun = clock_monotonic_ms();
		assert_sql("10000", "select certificates_import_checked(" P_ADMIN ", %s)->>'%s'",
			list, counted[i]);
		print_message("import of 10000 rows, all %s: %lld ms\n", counted[i],
			(long long)(clock_monotonic_ms() - begun));
		assert_true(clock_monotonic_ms() - begun < 20000);
	}
}

/* ---- enrolment ---- */

static void a_code_is_good_once_and_for_its_workstation(void **state)
{
	(void)state;
	an_organisation();
	refused("used or expired", "select agent_enrol('c1', 'k9', '09', '', '')");
	refused("used or expired", "select agent_enrol('never made', 'k9', '09', '', '')");
	(void)sql("select enrol_code_make(" P_ADMIN
		  ", '{\"workstation\":\"ws-1\",\"unit\":\"South\",\"code_sha256\":\"c3\"}')");
	(void)sql("update enrol_codes set expires_at = now() where code_sha256 = 'c3'");
	refused("used or expired", "select agent_enrol('c3', 'k9', '09', '', '')");
	(void)sql("select enrol_code_make(" P_ADMIN
		  ", '{\"workstation\":\"ws-1\",\"unit\":\"South\",\"code_sha256\":\"c4\"}')");
	(void)sql("select agent_enrol('c4', 'k9', '09', '', '')");
	assert_sql("t",
		"select revoked_at is not null from agents where id = 1"); /* one agent per workstation */
}

static void nobody_enrols_a_workstation_of_another_unit(void **state)
{
	(void)state;
	an_organisation();
	refused("outside your scope",
		"select enrol_code_make(" P_SOUTH
		", '{\"workstation\":\"ws-9\",\"unit\":\"North\",\"code_sha256\":\"c3\"}')");
	refused("belongs to another unit",
		"select enrol_code_make(" P_SOUTH
		", '{\"workstation\":\"ws-2\",\"unit\":\"South\",\"code_sha256\":\"c3\"}')");
	refused("there is no agent", "select agent_revoke(" P_SOUTH ", 2)");
	(void)sql("select agent_revoke(" P_SOUTH ", 1)");
	assert_sql("1", "select count(*) from agents where revoked_at is null");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		database_test(a_pair_is_one_set),
		database_test(a_renewed_certificate_joins_its_set_and_replaces_the_old_one),
		database_test(equal_holders_on_two_tokens_are_two_sets),
		database_test(a_token_that_appears_elsewhere_is_not_taken_over),
		database_test(an_unplugged_token_is_not_present),
		database_test(orders_are_offered_one_at_a_time),
		database_test(while_a_person_is_asked_for_another_token_nothing_is_offered),
		database_test(an_import_merges_with_what_an_agent_saw_and_repeats_nothing),
		database_test(an_imported_row_is_joined_by_the_agent_that_sees_it_later),
		database_test(media_numbers_decide_nothing),
		database_test(one_bad_row_keeps_all_others_out),
		database_test(an_entity_is_not_inherited_from_the_row_above),
		database_test(a_person_of_one_unit_imports_for_that_unit_only),
		database_test(ten_thousand_rows_are_imported_in_seconds),
		database_test(a_code_is_good_once_and_for_its_workstation),
		database_test(nobody_enrols_a_workstation_of_another_unit),
	};
	return cmocka_run_group_tests(tests, database_begin, database_end);
}
