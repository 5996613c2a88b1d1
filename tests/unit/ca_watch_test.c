/* SPDX-License-Identifier: Apache-2.0 */
/* What a CA says of itself is kept, and the text of its agreement (电子认证协议) with it, so that whoever is to accept it
 * can read it in the task. */
#include "tests/unit/stages.h"

#include "orchestrator/flows/ca_watch.h"
#include "sql.h"

#define WORDS "一、本协议。\\nTwo lines."

/* One look at a CA that answers as SCRIPT says. */
static void look(const struct line *script)
{
	struct ca_watch *watch;
	int64_t until = clock_monotonic_ms() + 10000;
	size_t wanted = 0;

	while (script[wanted].code != NULL)
		wanted++;
	fake.script = script;
	fake.count = 0;
	app.settings.meta_seconds = 3600;
	watch = ca_watch_new(&app, &fake.connector);
	do
		(void)event_base_loop(app.base, EVLOOP_ONCE);
	while ((fake.count < wanted || flow_engine_running(app.engine) > 0) &&
		clock_monotonic_ms() < until);
	ca_watch_stop(watch);
	ca_watch_free(watch);
	assert_int_equal(fake.count, wanted);
}

#define LOOK(...) look((const struct line[]){ __VA_ARGS__, { 0 } })

static char *meta_of(const char *sha256)
{
	return text_dupf(
		"{\"agreement\":{\"id\":\"g\",\"version\":\"7\",\"sha256\":\"%s\"},\"payee\":{\"name\":\"CA Ltd\",\"account\":\"8888\",\"bank\":\"Bank\"}}",
		sha256);
}

static char *document_of(const char *sha256)
{
	return text_dupf(
		"{\"id\":\"g\",\"version\":\"7\",\"sha256\":\"%s\",\"title\":\"协议\",\"text\":\"一、本协议。\\nTwo lines.\"}",
		sha256);
}

/* Statement task_list as the handler asks it; ID may be NULL. */
static bool tells_the_text(const char *id)
{
	static const char handler[] = "{\"person\":8,\"login\":\"handler\",\"role\":\"handler\"}";
	const char *const values[] = { handler, id, "{}", "{}" };
	PGresult *rows =
		PQexecParams(the_database.pg, sql_task_list, 4, NULL, values, NULL, NULL, 0);

	assert_int_equal(PQntuples(rows), 1);
	bool told = strstr(PQgetvalue(rows, 0, 1), "Two lines.") != NULL;
	PQclear(rows);
	return told;
}

static void the_text_of_an_agreement_is_in_the_task_that_asks_for_it(void **state)
{
	OWNED char *renewal = a_drafting_renewal("{}");
	OWNED char *sha256 =
		text_dup(sql("select encode(sha256(convert_to(E'" WORDS "', 'UTF8')), 'hex')"));
	OWNED char *meta = meta_of(sha256);
	OWNED char *document = document_of(sha256);
	(void)state;
	LOOK(CALL(META, meta), CALL(AGREEMENT, document));
	assert_sql("7 协议", "select version || ' ' || title from agreements");
	LOOK(CALL(META, meta)); /* once for each version */
	(void)sql(
		"select task_open(%s, '{\"kind\":\"agreement\",\"role\":\"handler\",\"assignee\":8,\"title\":\"t\",\"instruction\":\"i\","
		"\"if_ignored\":\"\",\"values\":{\"sha256\":\"%s\"}}')",
		renewal, sha256);
	assert_true(tells_the_text("1"));
	assert_false(tells_the_text(NULL)); /* no list carries it */
}

static void a_text_that_is_not_what_its_digest_says_is_shown_to_nobody(void **state)
{
	OWNED char *renewal = a_drafting_renewal("{}");
	OWNED char *meta = meta_of("agree-1");
	OWNED char *document = document_of("agree-1");
	(void)state;
	(void)renewal;
	LOOK(CALL(META, meta), CALL(AGREEMENT, document));
	assert_sql("0", "select count(*) from agreements");
	LOOK(CALL(META, meta), SAYS(AGREEMENT, UNSURE, "NO_ANSWER", NULL));
	assert_sql("1",
		"select count(*) from ca_facts where fetched_at > now() - interval '1 minute'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		stage_test(the_text_of_an_agreement_is_in_the_task_that_asks_for_it),
		stage_test(a_text_that_is_not_what_its_digest_says_is_shown_to_nobody),
	};
	return cmocka_run_group_tests(tests, database_begin, database_end);
}
