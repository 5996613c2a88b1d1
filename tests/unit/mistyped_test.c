/* SPDX-License-Identifier: Apache-2.0 */
/* What people mistype is answered in words that say how it is written, never with a constraint's name or the
 * database's own text, and nothing is kept of it. */
#include "tests/unit/database.h"

#include "sql.h"

#define LEAVE(rest) "select handler_leave(" P_OPERATOR ", 'handler', '{" rest "}')"

static void another_handler(void)
{
	an_organisation();
	(void)sql(
		"select token_make(" P_ADMIN
		", '{\"login\":\"second\",\"role\":\"handler\",\"secret_sha256\":\"s9\",\"legal_entity\":\"" USCC
		"\",\"authorised_until\":\"2099-12-31\"}')");
}

static void a_leave_wants_days_that_mean_one_thing(void **state)
{
	(void)state;
	another_handler();
	refused("from: a day such as 2026-12-01 is expected, not 01/12/2026",
		LEAVE("\"from\":\"01/12/2026\",\"until\":\"2026-12-05\",\"deputy\":\"second\""));
	refused("until: a day such as 2026-12-01 is expected, not 2026-02-31",
		LEAVE("\"from\":\"2026-02-01\",\"until\":\"2026-02-31\",\"deputy\":\"second\""));
	refused("a leave ends on its first day or later",
		LEAVE("\"from\":\"2026-12-05\",\"until\":\"2026-12-01\",\"deputy\":\"second\""));
	refused("nobody stands in for themselves",
		LEAVE("\"from\":\"2026-12-01\",\"until\":\"2026-12-05\",\"deputy\":\"handler\""));
	refused("a leave wants its first and last day",
		LEAVE("\"from\":\"2026-12-01\",\"deputy\":\"second\""));
	assert_int_equal(sql_number("select count(*) from leaves"), 0);
	(void)sql(LEAVE("\"from\":\"2026-12-01\",\"until\":\"2026-12-05\",\"deputy\":\"second\""));
}

static void an_authorisation_wants_a_day_that_there_is(void **state)
{
	(void)state;
	an_organisation();
	refused("authorised_until: a day such as 2026-12-01 is expected, not 2027-13-01",
		"select token_make(" P_ADMIN
		", '{\"login\":\"x\",\"role\":\"handler\",\"secret_sha256\":\"s9\",\"legal_entity\":\"" USCC
		"\",\"authorised_until\":\"2027-13-01\"}')");
}

static void a_hold_names_what_it_holds(void **state)
{
	(void)state;
	an_organisation();
	refused("a hold of a unit wants its name",
		"select hold_set(" P_OPERATOR ", '{\"scope\":\"unit\",\"reason\":\"r\"}')");
	refused("a hold of a ca wants its name",
		"select hold_set(" P_OPERATOR ", '{\"scope\":\"ca\",\"reason\":\"r\"}')");
	refused("a hold of all takes no target",
		"select hold_set(" P_OPERATOR
		", '{\"scope\":\"all\",\"target\":\"x\",\"reason\":\"r\"}')");
	assert_int_equal(sql_number("select count(*) from holds"), 0);
}

static void a_card_takes_only_days_that_there_are(void **state)
{
	(void)state;
	assert_string_equal(
		sql("select text from card_errors('[{\"key\":\"fix_by\",\"label\":\"L\",\"form\":\"date\"}]', '{\"fix_by\":\"2026-13-45\"}')"),
		"fix_by (L) is a day, such as 2026-11-22");
	assert_int_equal(
		sql_number(
			"select count(*) from card_errors('[{\"key\":\"fix_by\",\"label\":\"L\",\"form\":\"date\"}]', '{\"fix_by\":\"2026-12-31\"}')"),
		0);
}

static void a_card_takes_only_versions_that_can_be_compared(void **state)
{
	static const char *const wrong[] = { "abc", "４.7.10", "4..7", "4.7.", "4.7 beta" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(wrong); i++)
		assert_string_equal(
			sql("select text from card_errors('[{\"key\":\"v\",\"label\":\"L\",\"form\":\"version\"}]', '{\"v\":\"%s\"}')",
				wrong[i]),
			"v (L) is a version, such as 4.7.6");
	assert_int_equal(
		sql_number(
			"select count(*) from card_errors('[{\"key\":\"v\",\"label\":\"L\",\"form\":\"version\"}]', '{\"v\":\" V4.7.10 \"}')"),
		0);
}

static void a_price_list_is_of_a_ca_that_there_is(void **state)
{
	(void)state;
	an_organisation();
	refused("there is no CA nope",
		"select price_propose(" P_OPERATOR
		", '{\"ca\":\"nope\",\"terms\":{\"1\":\"200.00\"},\"source\":\"s\",\"agreement_version\":\"1\",\"statement\":\"t\"}')");
}

/* `rows` is a member of each statement: the list once answered those numbers instead of the statements. */
static void the_list_of_statements_has_statements(void **state)
{
	const char *const values[] = { "{\"person\":1,\"role\":\"admin\"}", NULL, "{}", "{}" };

	(void)state;
	an_organisation();
	(void)sql(
		"select statement_save(" P_FINANCE
		", '{\"sha256\":\"s\",\"file_name\":\"f.csv\",\"data_b64\":\"eA==\",\"encoding\":\"UTF-8\",\"account\":\"1\",\"proven\":true,\"checks\":[],\"lines\":[]}')");
	PGresult *result =
		PQexecParams(the_database.pg, sql_statement_list, 4, NULL, values, NULL, NULL, 0);

	assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
	assert_non_null(strstr(PQgetvalue(result, 0, 1), "\"file_name\": \"f.csv\""));
	PQclear(result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		database_test(a_leave_wants_days_that_mean_one_thing),
		database_test(an_authorisation_wants_a_day_that_there_is),
		database_test(a_hold_names_what_it_holds),
		database_test(a_card_takes_only_days_that_there_are),
		database_test(a_price_list_is_of_a_ca_that_there_is),
		database_test(a_card_takes_only_versions_that_can_be_compared),
		database_test(the_list_of_statements_has_statements),
	};
	return cmocka_run_group_tests(tests, database_begin, database_end);
}
