/* SPDX-License-Identifier: Apache-2.0 */
/* A database that comes back from a backup is older than the world: what must wait, what is adopted from the CA, and
 * what a damaged or foreign file is told (orchestrator/backup). */
#include <fcntl.h>

#include "common/file.h"
#include "orchestrator/backup/backup.h"
#include "orchestrator/backup/bundle.h"
#include "orchestrator/backup/manifest.h"
#include "sql.h"
#include "tests/unit/walks.h"

static void restored(void)
{
	(void)sql("select restore_begin(now() - interval '1 hour', 'abc')");
}

/* The CA's view of an application in STATE, with what it still REQUIRES. */
#define VIEW(state, required) \
	"{\"application\":{\"id\":\"ap-7\",\"client_ref\":\"ref-000007\",\"certificate_id\":\"ce-1\",\"state\":\"" state \
	"\",\"required\":" required \
	",\"payment_id\":\"pm-1\",\"term\":{\"years\":1,\"price_fen\":20000}}," \
	"\"reference\":\"XQ0000000073\",\"payee_name\":\"n\",\"payee_account\":\"1\",\"payee_bank\":\"b\"}"

static const char *adopt(const char *renewal, const char *doc)
{
	return sql("select restore_adopt(%s, '%s')", renewal, doc);
}

/* ---- what waits ---- */

static void a_restored_database_is_held_until_two_people_release_it(void **state)
{
	A_RENEWAL();
	approve("all");
	walk(renewal, to_drafting);
	restored();

	assert_sql("t", "select is_held(1, 'gateway')");
	assert_sql("1", "select count(*) from restore_items where verdict is null");
	refused("was not asked about 1 renewals",
		"update holds set release_asked_by = 1, released_by = 2, released_at = now()");
	(void)adopt(renewal, "{\"application\":null}");
	refused("holds_released_by_two",
		"update holds set release_asked_by = 1, released_by = 1, released_at = now()");
	(void)sql("update holds set release_asked_by = 1, released_by = 2, released_at = now()");
	assert_sql("f", "select is_held(1, 'gateway')");
}

static void no_effect_begins_before_the_ca_was_asked(void **state)
{
	A_RENEWAL();
	approve("all");
	walk(renewal, to_drafting);
	restored();
	(void)sql("alter table holds disable trigger holds_after_restore");
	(void)sql("update holds set release_asked_by = 1, released_by = 2, released_at = now()");

	int64_t epoch = claim(renewal);
	refused("was not asked about renewal",
		"select effect_intend(%s, %lld, 'agree', 1, 'key-1', false)", renewal,
		(long long)epoch);
	(void)adopt(renewal, "{\"application\":null}");
	refused("has passed to", "select effect_intend(%s, %lld, 'agree', 1, 'key-1', false)",
		renewal, (long long)epoch);
	epoch = claim(renewal);
	(void)sql("select effect_intend(%s, %lld, 'agree', 1, 'key-1', false)", renewal,
		(long long)epoch);
}

/* Statement restore_status: the text of its line about AREA. */
static const char *status_says(const char *area)
{
	static const char *const values[] = {
		"{\"person\":1,\"login\":\"admin\",\"role\":\"admin\"}", NULL, "{}", "{}"
	};
	PGresult *rows =
		PQexecParams(the_database.pg, sql_restore_status, 4, NULL, values, NULL, NULL, 0);
	OWNED char *answer = text_dup(PQgetvalue(rows, 0, 1));
	OWNED char *quoted = PQescapeLiteral(the_database.pg, answer, strlen(answer));
	const char *text = sql(
		"select (i->>'state') || ': ' || (i->>'text') from jsonb_array_elements((%s::jsonb)->'items') i where i->>'area' = '%s'",
		quoted, area);

	PQclear(rows);
	return text;
}

static void what_was_revoked_since_the_backup_is_revoked_again(void **state)
{
	A_RENEWAL();
	(void)renewal;
	(void)sql(
		"insert into api_tokens (person_id, role, secret_sha256, expires_at, revoked_at) values (2, 'operator', 'gone', now() + interval '1 day', now())");
	(void)sql("update agents set revoked_at = now() where id = 1");
	OWNED char *list = text_dup(sql("select quote_literal(accesses_ended()::text)"));

	(void)sql(
		"update api_tokens set revoked_at = null where secret_sha256 = 'gone'"); /* the backup */
	(void)sql("update agents set revoked_at = null where id = 1");
	restored();
	(void)sql("select restore_revoke(%s)", list);
	assert_sql("0",
		"select count(*) from api_tokens where secret_sha256 = 'gone' and revoked_at is null");
	assert_sql("t", "select revoked_at is not null from agents where id = 1");
	assert_non_null(strstr(status_says("access"),
		"done: 1 API tokens and 1 agents that were revoked after the backup are revoked again: operator (operator)"));
}

static void where_nobody_can_say_what_was_revoked_an_admin_looks_first(void **state)
{
	A_RENEWAL();
	(void)renewal;
	(void)sql(
		"insert into api_tokens (person_id, role, secret_sha256, expires_at, made_at) values (2, 'operator', 'old', now() + interval '1 day', '2020-01-01')");
	restored();
	(void)sql("select restore_revoke('null')");
	assert_non_null(strstr(status_says("access"), "valid now: operator (operator, token "));
	(void)sql("update restore_items set verdict = 'unchanged'");
	(void)sql("select hold_release(" P_OPERATOR ", (select max(id) from holds))");
	refused("an admin looks first",
		"select hold_release(" P_APPROVER ", (select max(id) from holds))");
	(void)sql(
		"select task_done(" P_ADMIN
		", (select access_task from restores), '{\"values\":{\"checked\":\"yes\"},\"commit\":true}')");
	(void)sql("select hold_release(" P_APPROVER ", (select max(id) from holds))");
	assert_sql("0", "select count(*) from holds where released_at is null");
}

static void no_payment_file_is_made_before_finance_has_looked(void **state)
{
	A_RENEWAL();
	(void)renewal;
	restored();
	refused("finance must first look",
		"insert into payment_files (sha256, content, count, total_fen, made_by) values ('a', 'a', 1, 1, 1)");
	(void)sql("update tasks set state = 'done' where kind = 'restored_payments'");
	(void)sql(
		"insert into payment_files (sha256, content, count, total_fen, made_by) values ('a', 'a', 1, 1, 1)");
}

static void a_stored_pin_is_barred_until_it_is_proven_or_cleared(void **state)
{
	A_RENEWAL();
	an_offered_order(renewal);
	restored();
	assert_sql("1",
		"select count(*) from pin_attempts where outcome = 'unsure' and order_id is null");

	/* the agent answers the offer from its journal */
	(void)sql("update install_orders set state = 'reported', outcome = 'installed', "
		  "result = '{\"outcome\":\"installed\",\"login_attempted\":true}'");
	assert_sql("accepted", "select outcome from pin_attempts where order_id is null");
	assert_sql("0", "select count(*) from pin_attempts where cleared_at is null");
}

static void ids_that_were_given_out_are_not_given_out_again(void **state)
{
	A_RENEWAL();
	int64_t before = 0;
	(void)renewal;
	before = sql_number("select last_value from lease_epoch");
	restored();
	assert_true(sql_number("select nextval('lease_epoch')") > before + 100000);
	assert_true(
		sql_number("select nextval(pg_get_serial_sequence('renewals', 'id'))") > 1000000);
	assert_true(sql_number("select nextval(pg_get_serial_sequence('install_orders', 'id'))") >
		1000000);
}

/* ---- what is adopted ---- */

static void an_application_that_the_backup_does_not_know_is_adopted(void **state)
{
	static const char *const to_binding[] = { "spend_approved", "binding", NULL };
	A_RENEWAL();
	approve("spend");
	walk(renewal, to_binding);
	restored();

	assert_string_equal("adopted", adopt(renewal, VIEW("draft", "[\"intent\"]")));
	assert_sql("awaiting_intent", "select state from renewals");
	assert_sql("ap-7", "select facts->>'application_id' from renewals");
	assert_sql("ref-000007", "select client_ref from renewals");
	assert_sql("true", "select facts->>'agreed' from renewals");
	assert_sql("t", "select not facts ? 'intent' from renewals");
	assert_sql(
		"3", "select count(*) from journal where by = 'restore' and to_state is not null");
}

static void a_payment_that_the_ca_has_is_never_asked_for_again(void **state)
{
	A_RENEWAL();
	approve("spend");
	walk(renewal, to_drafting);
	restored();

	assert_string_equal("adopted", adopt(renewal, VIEW("in_review", "[]")));
	assert_sql("paid", "select state from renewals");
	assert_sql("linked", "select status from payment_orders");
	assert_sql("20000", "select quoted_fen from renewals");
	assert_sql("t", "select is_paid(%s)", renewal);
}

static void an_installed_certificate_waits_for_its_invoice_only(void **state)
{
	A_RENEWAL();
	an_offered_order(renewal);
	restored();
	assert_string_equal("adopted", adopt(renewal, VIEW("installed", "[]")));
	assert_sql("awaiting_invoice", "select state from renewals");
	assert_sql("closed", "select state from install_orders");
}

static void an_approval_younger_than_the_backup_is_asked_for_again(void **state)
{
	A_RENEWAL();
	approve("spend"); /* the touch gate was opened after the backup */
	walk(renewal, to_drafting);
	restored();
	assert_string_equal("adopted", adopt(renewal, VIEW("installed", "[]")));
	assert_sql("paid", "select state from renewals");
	assert_sql("t",
		"select text like '%%younger than the backup: give it again (xuqi campaign approve --gate touch)%%' from restore_items");
}

static void what_only_a_person_can_tell_is_a_task(void **state)
{
	A_RENEWAL();
	approve("spend");
	walk(renewal, to_drafting);
	restored();
	assert_string_equal("person", adopt(renewal, "{\"person\":\"It cannot be asked.\"}"));
	assert_sql("drafting", "select state from renewals");
	assert_sql("renewal",
		"select kind from tasks where state = 'open' and renewal_id is not null");

	restored();
	assert_string_equal("person", adopt(renewal, VIEW("withdrawn", "[]")));
	restored();
	(void)sql("update renewals set approved_fen = 100");
	assert_string_equal("person", adopt(renewal, VIEW("awaiting_payment", "[]")));
}

static void what_the_backup_knows_better_stays(void **state)
{
	A_RENEWAL();
	approve("all");
	walk(renewal, to_drafting);
	walk(renewal, to_approved);
	restored();
	assert_string_equal("unchanged", adopt(renewal, VIEW("issued", "[]")));
	assert_sql("approved", "select state from renewals");
	assert_string_equal("settled", adopt(renewal, VIEW("issued", "[]")));
}

/* ---- the file ---- */

static char *a_bundle(void)
{
	struct fault fault = { 0 };
	OWNED char *path = file_join(the_database.state_dir, "bundle");
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(bundle_put(fd, "one", "hello", 5, &fault) &&
		bundle_put(fd, "two", "", 0, &fault) && bundle_end(fd, &fault));
	(void)close(fd);
	return take(path);
}

static void a_bundle_is_read_as_it_was_written(void **state)
{
	struct bundle bundle = { .fd = -1 };
	struct fault fault = { 0 };
	OWNED char *path = a_bundle();
	OWNED char *text = NULL;

	(void)state;
	assert_true(bundle_open(&bundle, path, &fault));
	assert_int_equal(bundle.count, 2);
	text = bundle_text(&bundle, "one", 16, &fault);
	assert_string_equal(text, "hello");
	assert_null(bundle_text(&bundle, "three", 16, &fault));
	assert_null(bundle_text(&bundle, "one", 4, &fault));
	assert_null(manifest_check(&bundle, &fault)); /* no list of contents */
	bundle_close(&bundle);
}

/* Every byte of the headers counts, and so does the end. */
static void a_changed_or_cut_bundle_is_refused(void **state)
{
	struct fault fault = { 0 };
	OWNED char *path = a_bundle();
	size_t len = 0;
	OWNED char *bytes = file_read(path, 65536, &len, &fault);
	struct bundle bundle = { .fd = -1 };

	(void)state;
	for (size_t at = 0; at < len; at += 37) {
		bool content = at >= 512 && at < 517;

		bytes[at] = (char)(bytes[at] ^ 1);
		assert_true(file_write(path, bytes, len, 0600, &fault));
		assert_int_equal(
			bundle_open(&bundle, path, &fault), content || (at >= 517 && at < 1024));
		bundle_close(&bundle);
		bytes[at] = (char)(bytes[at] ^ 1);
		assert_true(file_write(path, bytes, at, 0600, &fault));
		assert_false(bundle_open(&bundle, path, &fault));
	}
}

/* Whoever forgets --settings would else make one in the default place, and start it. */
static void what_is_not_there_is_not_made_to_be_kept(void **state)
{
	char folder[] = "/tmp/xuqi-none-XXXXXX";
	struct fault fault;

	(void)state;
	assert_non_null(mkdtemp(folder));
	OWNED char *nowhere = text_dupf("%s/state", folder), *file = text_dupf("%s/b", folder);
	struct settings settings = { .state_dir = nowhere, .database_url = file + strlen(file) };

	assert_false(backup_make(&settings, file, &fault));
	assert_non_null(strstr(fault.text, "no installation to keep"));
	assert_int_not_equal(access(nowhere, F_OK), 0);
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_there_is_not_made_to_be_kept),
		database_test(a_restored_database_is_held_until_two_people_release_it),
		database_test(no_effect_begins_before_the_ca_was_asked),
		database_test(what_was_revoked_since_the_backup_is_revoked_again),
		database_test(where_nobody_can_say_what_was_revoked_an_admin_looks_first),
		database_test(no_payment_file_is_made_before_finance_has_looked),
		database_test(a_stored_pin_is_barred_until_it_is_proven_or_cleared),
		database_test(ids_that_were_given_out_are_not_given_out_again),
		database_test(an_application_that_the_backup_does_not_know_is_adopted),
		database_test(a_payment_that_the_ca_has_is_never_asked_for_again),
		database_test(an_installed_certificate_waits_for_its_invoice_only),
		database_test(an_approval_younger_than_the_backup_is_asked_for_again),
		database_test(what_only_a_person_can_tell_is_a_task),
		database_test(what_the_backup_knows_better_stays),
		database_test(a_bundle_is_read_as_it_was_written),
		database_test(a_changed_or_cut_bundle_is_refused),
	};

	return cmocka_run_group_tests(tests, database_begin, database_end);
}
