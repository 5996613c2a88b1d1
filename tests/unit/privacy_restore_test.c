/* SPDX-License-Identifier: Apache-2.0 */
/* What was erased stays erased when an older backup comes back over the database that erased it. */
#include "tests/unit/walks.h"

static const char a_file[] =
	"insert into tasks (kind, role, title, instruction, if_ignored, renewal_id, assignee_id, state, closed_at, closed_by, answer) "
	"values ('attachment', 'handler', 't', 'i', 'f', %s, 8, 'done', now(), 8, '{\"note\":\"xqs1:k1:sealed\"}'); "
	"insert into task_files (task_id, n, name, media_type, size, mark, content) values (1, 1, 'xqs1:k1:name', 'application/pdf', 7, 'sm1.mark', 'XQS1bytes')";

/* A renewal that ended long ago, with its handler's number, an attachment, and what the backup has of them. */
static void an_ended_renewal(const char *renewal)
{
	(void)sql("update people set mobile = 'xqs1:k1:number', mobile_key = 'key' where id = 8");
	(void)sql(a_file, renewal);
	(void)sql(
		"alter table renewals disable trigger user; update renewals set state = 'withdrawn', came_from = 'awaiting_approval', "
		"changed_at = now() - interval '400 days'; alter table renewals enable trigger user");
	(void)sql(
		"create table kept_people as select * from people; create table kept_files as select * from task_files; "
		"create table kept_tasks as select * from tasks");
}

/* The database as the backup has it. */
static void the_backup_is_loaded(void)
{
	(void)sql(
		"update people p set name = k.name, mobile = k.mobile, mobile_key = k.mobile_key, erased_at = k.erased_at from kept_people k where k.id = p.id; "
		"update task_files f set content = k.content, name = k.name, erased_at = k.erased_at from kept_files k where k.id = f.id; "
		"update tasks t set answer = k.answer from kept_tasks k where k.id = t.id; "
		"update api_tokens set revoked_at = null where person_id = 8; update certificate_sets set handler_id = 8");
	assert_sql("t", "select mobile is not null from people where id = 8");
}

static char *list(void)
{
	return text_dup(sql("select quote_literal(privacy_erasures()::text)"));
}

static void assert_erased(void)
{
	assert_sql("0", "select count(*) from task_files where content is not null");
	assert_sql("{\"note\": \"***\"}", "select answer from tasks where id = 1");
}

static void a_persons_request_outlives_the_restore(void **state)
{
	A_RENEWAL();
	an_ended_renewal(renewal);
	(void)sql("select person_erase(" P_ADMIN ", '{\"login\":\"handler\",\"commit\":true}')");
	OWNED char *erased = list();

	assert_null(strstr(erased, "xqs1:"));
	the_backup_is_loaded();
	(void)sql("select restore_erase(%s)", erased);
	assert_erased();
	assert_sql("t",
		"select mobile is null and mobile_key is null and name = login and erased_at is not null from people where id = 8");
	assert_sql(
		"0", "select count(*) from api_tokens where person_id = 8 and revoked_at is null");
	assert_sql("0", "select count(*) from certificate_sets where handler_id = 8");
	assert_sql("0", "select count(*) from tasks where kind = 'restored_erasures'");
	assert_sql("1",
		"select count(*) from audit where actor = 'restore' and action = 'personal.erase_asked'");
}

static void what_was_due_outlives_it_too(void **state)
{
	A_RENEWAL();
	an_ended_renewal(renewal);
	(void)sql("select privacy_erase_due(10)");
	OWNED char *erased = list();

	the_backup_is_loaded();
	(void)sql("select restore_erase(%s)", erased);
	assert_erased();
	assert_sql("t", "select mobile is not null from people where id = 8"); /* is active */
}

/* Given again after an erasure: nothing of that is erased. */
static void what_is_there_again_is_not_on_the_list(void **state)
{
	A_RENEWAL();
	an_ended_renewal(renewal);
	(void)sql("select person_erase(" P_ADMIN ", '{\"login\":\"handler\",\"commit\":true}')");
	(void)sql("update people set mobile = 'xqs1:k1:again' where id = 8");
	OWNED char *erased = list();

	the_backup_is_loaded();
	(void)sql("select restore_erase(%s)", erased);
	assert_sql("t", "select mobile is not null from people where id = 8");
}

static void where_the_list_is_lost_a_person_is_asked(void **state)
{
	A_RENEWAL();
	an_ended_renewal(renewal);
	(void)sql("select person_erase(" P_ADMIN ", '{\"login\":\"handler\",\"commit\":true}')");
	OWNED char *erased = list();

	the_backup_is_loaded();
	(void)sql("select restore_erase('null')");
	(void)sql("update installation set id = 'another'"); /* whose ids mean others */
	(void)sql("select restore_erase(%s)", erased);
	assert_sql("t", "select mobile is not null from people where id = 8");
	assert_sql("2",
		"select count(*) from tasks where kind = 'restored_erasures' and role = 'admin' and state = 'open'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		database_test(a_persons_request_outlives_the_restore),
		database_test(what_was_due_outlives_it_too),
		database_test(what_is_there_again_is_not_on_the_list),
		database_test(where_the_list_is_lost_a_person_is_asked),
	};
	return cmocka_run_group_tests(tests, database_begin, database_end);
}
