/* SPDX-License-Identifier: Apache-2.0 */
/* Personal data over a real database: the keys are looked after, old values are sealed, who may sees them, and what is
 * due is erased while the audit stays readable. */
#include "tests/unit/stages.h"

#include "orchestrator/domain/personal.h"
#include "orchestrator/flows/keyring.h"
#include "orchestrator/flows/resealing.h"

#define OLD_KEY "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
#define NEW_KEY "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff\n"
#define MOBILE  "13812345678"

/* ---- running a story ---- */

static struct {
	bool done, failed;
	struct fault fault;
} ended;

static void on_done(struct app *of, const struct fault *fault)
{
	(void)of;
	ended.done = true;
	ended.failed = fault != NULL;
	if (fault != NULL)
		ended.fault = *fault;
}

static void wait_for_end(void)
{
	int64_t until = clock_monotonic_ms() + 10000;

	while (!ended.done && clock_monotonic_ms() < until)
		(void)event_base_loop(app.base, EVLOOP_ONCE);
	assert_true(ended.done);
}

static void reseal(bool clear_only)
{
	struct fault fault;

	ended.done = false;
	assert_true(resealing_start(&app, clear_only, on_done, &fault));
	wait_for_end();
	if (ended.failed)
		print_error("%s\n", ended.fault.text);
	assert_false(ended.failed);
}

/* Start as xuqid does with state in DIR and the setting KEY_FILE. */
static void open_keys(char *dir, char *key_file)
{
	struct fault fault;

	seal_keys_free(app.seals);
	app.seals = NULL;
	app.settings.state_dir = dir;
	app.settings.privacy_key_file = key_file;
	ended.done = false;
	assert_true(keyring_start(&app, on_done, &fault));
	wait_for_end();
}

static void assert_refused(const char *file, const char *says)
{
	assert_true(ended.failed);
	if (strstr(ended.fault.text, says) == NULL)
		print_error("%s\n", ended.fault.text);
	assert_non_null(strstr(ended.fault.text, says));
	assert_non_null(strstr(ended.fault.text, file));
}

static void use_keys(const char *lines)
{
	seal_keys_free(app.seals);
	app.seals = keys_of_lines(lines);
}

/* Give person 8 (handler) MOBILE, sealed under the keys of now. */
static void give_mobile(void)
{
	OWNED char *sealed = seal_text(app.seals, "people.mobile/handler", MOBILE);
	char key[SHA256_HEX], mark[SEAL_MARK];

	seal_lookup(key, app.seals, "mobile", MOBILE);
	seal_mark(mark, app.seals, MOBILE, strlen(MOBILE));
	(void)sql(
		"update people set mobile = '%s', mobile_key = '%s', marks = '{\"mobile\":\"%s\"}' where id = 8",
		sealed, key, mark);
}

/* Give the open task of KIND one file of CONTENT as WHO. */
static void give_file(const char *kind, const char *who, const char *content)
{
	OWNED char *task =
		text_dup(sql("select id from tasks where kind = '%s' and state = 'open'", kind));
	OWNED char *data = base64_encode(content, strlen(content));
	JSON *body = json_pack("{s:b, s:{s:s}, s:[{s:s, s:s}]}", "commit", 1, "values", "file",
		"yes", "files", "name", "id-card.pdf", "data_b64", data);
	struct fault fault;

	assert_true(personal_seal_answer(body, task, app.seals, &fault));
	OWNED char *text = json_write(body);

	(void)sql("select task_done(%s, %s, '%s')", who, task, text);
}

static void a_task(const char *renewal, const char *kind)
{
	(void)sql(
		"select task_open(%s, '{\"kind\":\"%s\",\"role\":\"handler\",\"assignee\":8,\"title\":\"t\",\"instruction\":\"i\","
		"\"if_ignored\":\"n\"}')",
		renewal, kind);
}

/* Move RENEWAL to an end, DAYS ago. */
static void end_renewal(const char *renewal, int days)
{
	(void)sql(
		"alter table renewals disable trigger user; update renewals set state = 'withdrawn', came_from = 'awaiting_approval', "
		"changed_at = now() - interval '%d days' where id = %s; alter table renewals enable trigger user",
		days, renewal);
}

/* ---- the key file ---- */

static void the_first_start_makes_a_key_and_later_ones_use_it(void **state)
{
	char dir[] = "/tmp/xuqi-privacy-XXXXXX", none[] = "";
	struct stat info;
	(void)state;
	assert_non_null(mkdtemp(dir));
	OWNED char *file = file_join(dir, "privacy.key");

	open_keys(dir, none);
	assert_false(ended.failed);
	OWNED char *id = text_dup(seal_key_id(app.seals, 0));
	open_keys(dir, none);

	assert_false(ended.failed);
	assert_string_equal(seal_key_id(app.seals, 0), id);
	assert_int_equal(stat(file, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	assert_sql(id, "select key_id from privacy_keys");
	(void)unlink(file);
	open_keys(dir, none);
	assert_refused(file, "is missing: this database's personal data is sealed with key");
	(void)rmdir(dir);
}

static void another_xuqid_does_not_seal_with_a_key_of_its_own(void **state)
{
	char one[] = "/tmp/xuqi-privacy-XXXXXX", two[] = "/tmp/xuqi-privacy-XXXXXX", none[] = "";
	struct fault fault;
	(void)state;
	assert_non_null(mkdtemp(one));
	assert_non_null(mkdtemp(two));
	OWNED char *file = file_join(one, "privacy.key");
	OWNED char *other = file_join(two, "privacy.key");

	open_keys(one, none);
	open_keys(two, none);
	assert_refused(other, "is missing");
	assert_int_not_equal(access(other, F_OK), 0); /* and none is made */
	assert_true(seal_keys_make(other, &fault));
	open_keys(two, none);
	assert_refused(other, "holds none of this database's keys");
	open_keys(two, file); /* privacy.key_file names the first one's */
	assert_false(ended.failed);
	(void)unlink(file);
	(void)unlink(other);
	(void)rmdir(one);
	(void)rmdir(two);
}

static void a_key_that_is_still_needed_is_missed_by_name(void **state)
{
	char file[] = "/tmp/xuqi-privacy-XXXXXX", dir[] = "/nowhere";
	struct fault fault;
	(void)state;
	an_organisation();
	assert_true(mkstemp(file) >= 0);
	assert_true(file_write(file, OLD_KEY, strlen(OLD_KEY), 0600, &fault));
	open_keys(dir, file);
	assert_false(ended.failed);
	give_mobile();
	OWNED char *id = text_dup(seal_key_id(app.seals, 0));

	assert_true(file_write(file, NEW_KEY, strlen(NEW_KEY), 0600, &fault));
	open_keys(dir, file);
	assert_refused(file, id);
	(void)unlink(file);
}

static void a_key_file_of_the_settings_is_never_made(void **state)
{
	char file[] = "/tmp/xuqi-privacy-XXXXXX", dir[] = "/nowhere";
	(void)state;
	assert_true(mkstemp(file) >= 0);
	(void)unlink(file);

	open_keys(dir, file);

	assert_refused(file, "make it once with");
	assert_int_not_equal(access(file, F_OK), 0);
}

/* ---- sealing anew ---- */

static void what_an_older_version_left_in_clear_is_sealed_once(void **state)
{
	A_RENEWAL();
	a_task(renewal, "attachment");
	(void)sql(
		"alter table people drop constraint people_mobile_is_sealed, drop constraint people_email_is_sealed; alter table task_files drop constraint task_files_content_is_sealed, "
		"drop constraint task_files_name_is_sealed");
	(void)sql("update people set mobile = '" MOBILE "', email = 'li@example.com' where id = 8");
	(void)sql(
		"insert into task_files (task_id, n, name, media_type, content) values (1, 0, 'id.pdf', 'application/pdf', 'PDF-one')");
	(void)sql(
		"alter table people add constraint people_mobile_is_sealed check (mobile like 'xqs1:%%') not valid, add constraint people_email_is_sealed check (email like 'xqs1:%%') not valid; "
		"alter table task_files add constraint task_files_content_is_sealed check (substring(content for 4) = '\\x58515331') not valid, "
		"add constraint task_files_name_is_sealed check (name like 'xqs1:%%') not valid");
	assert_sql("4",
		"select (select count(*) from sealed_texts where sealed_key(value) = '') + (select count(*) from sealed_files where sealed_key(content) = '')");

	reseal(true);

	OWNED char *sealed = text_dup(sql("select mobile from people where id = 8"));
	struct fault fault;
	OWNED char *mobile = seal_open_text(app.seals, "people.mobile/handler", sealed, &fault);
	char key[SHA256_HEX];

	seal_lookup(key, app.seals, "mobile", MOBILE);
	assert_string_equal(mobile, MOBILE);
	assert_sql(key, "select mobile_key from people where id = 8");
	assert_true(seal_mark_fits(sql("select marks->>'mobile' from people where id = 8"),
		app.seals, MOBILE, strlen(MOBILE)));
	assert_true(seal_mark_fits(sql("select mark from task_files"), app.seals, "PDF-one", 7));
	assert_sql("7", "select size from task_files");
	assert_sql("0",
		"select count(*) from pg_constraint where conname like '%%is_sealed' and not convalidated");
	reseal(true); /* again: nothing is left to do */
	assert_sql(sealed, "select mobile from people where id = 8");
}

static void a_new_key_takes_everything_over(void **state)
{
	A_RENEWAL();
	use_keys(OLD_KEY);
	a_task(renewal, "attachment");
	give_mobile();
	give_file("attachment", P_HANDLER, "PDF-one");
	(void)sql(
		"select task_open(%s, '{\"kind\":\"bind\",\"role\":\"handler\",\"assignee\":8,\"title\":\"\",\"instruction\":\"\",\"if_ignored\":\"\"}')",
		renewal);
	OWNED char *place = text_dupf("tasks.secret/%s/bind", renewal);
	OWNED char *qr = seal_text(app.seals, place, "weixin://qr");
	(void)sql("update tasks set secret = '%s' where kind = 'bind'", qr);
	OWNED char *mark = text_dup(sql("select mark from task_files"));

	use_keys(NEW_KEY OLD_KEY);
	reseal(true);
	assert_sql("0", "select count(*) from sealed_texts where sealed_key(value) = '%s'",
		seal_key_id(app.seals, 0));
	reseal(false);

	assert_sql("3", "select count(*) from sealed_texts where sealed_key(value) = '%s'",
		seal_key_id(app.seals, 0));
	assert_sql("1", "select count(*) from sealed_files where sealed_key(content) = '%s'",
		seal_key_id(app.seals, 0));
	assert_sql(mark, "select mark from task_files");
	use_keys(NEW_KEY); /* the old line is gone, and everything opens */
	struct fault fault;
	char key[SHA256_HEX];
	OWNED char *mobile = seal_open_text(app.seals, "people.mobile/handler",
		sql("select mobile from people where id = 8"), &fault);

	seal_lookup(key, app.seals, "mobile", MOBILE);
	assert_string_equal(mobile, MOBILE);
	assert_sql(key, "select mobile_key from people where id = 8");
}

static void what_changed_meanwhile_is_not_overwritten(void **state)
{
	A_RENEWAL();
	give_mobile();
	OWNED char *old = text_dup(sql("select mobile from people where id = 8"));

	give_mobile(); /* somebody else is faster */
	OWNED char *now = text_dup(sql("select mobile from people where id = 8"));
	assert_sql("0",
		"select privacy_reseal('[{\"col\":\"people.mobile\",\"id\":8,\"old\":\"%s\",\"new\":\"xqs1:x\",\"mark\":\"m\"}]')",
		old);
	assert_sql(now, "select mobile from people where id = 8");
}

static void nothing_is_written_in_clear(void **state)
{
	A_RENEWAL();
	a_task(renewal, "attachment");
	refused("people_mobile_is_sealed", "update people set mobile = '" MOBILE "' where id = 8");
	refused("people_email_is_sealed", "update people set email = 'a@b.cn' where id = 8");
	refused("people_id_no_is_sealed", "update people set id_no = 'E1' where id = 8");
	refused("tasks_secret_is_sealed", "update tasks set secret = 'qr'");
	refused("task_files_content_is_sealed",
		"insert into task_files (task_id, n, media_type, content) values (1, 0, '', 'PDF')");
	refused("task_files_name_is_sealed",
		"insert into task_files (task_id, n, media_type, name) values (1, 0, '', 'a.pdf')");
}

/* ---- the CA's call ---- */

static void a_renewal_carries_the_mobile_sealed_until_the_call(void **state)
{
	OWNED char *renewal = a_drafting_renewal(
		"{\"application_id\":\"A1\",\"agreed\":true,\"term\":1,\"intent\":false}");
	(void)state;
	give_mobile();
	walk_on(renewal, to_approved, "awaiting_intent");
	step_alone(renewal);
	finish_task("intent", P_HANDLER, "\"statement\":\"agree\"");
	(void)sql(
		"update tasks set values = values || '{\"application\":\"A1\"}' where kind = 'intent'");

	step_with(renewal, CALL(INTENT, "{\"handler\":{\"mobile\":\"" MOBILE "\"}}"));

	assert_null(strstr(fake.said[0].body, MOBILE));
	assert_non_null(strstr(fake.said[0].body, "\"mobile\":\"xqs1:"));
}

static void what_a_person_corrects_is_sealed_until_the_call_too(void **state)
{
	A_RENEWAL();
	a_task(renewal, "correction");
	JSON *body = json_pack(
		"{s:b, s:{s:s, s:s}}", "commit", 1, "values", "mobile", MOBILE, "name", "Li");
	struct fault fault;

	assert_true(personal_seal_answer(body, "1", app.seals, &fault));
	OWNED char *text = json_write(body);
	(void)sql("select task_done(" P_HANDLER ", 1, '%s')", text);

	OWNED char *reference =
		text_dup(sql("select answer_at(answer, id)->>'mobile' from tasks where id = 1"));
	OWNED char *mobile = personal_open(reference, app.seals, &fault);
	assert_string_equal(mobile, MOBILE);
	assert_sql("Li", "select answer_at(answer, id)->>'name' from tasks where id = 1");
	assert_true(seal_mark_fits(
		sql("select detail->'values'->>'mobile' from audit where action = 'task.done'"),
		app.seals, MOBILE, strlen(MOBILE)));
	assert_sql("0", "select count(*) from audit where detail::text like '%%xqs1:%%'");
}

/* A card shows its person the number, others its mask; it follows the key, and goes with the renewal. */
static void a_number_in_a_card_is_masked_taken_over_and_erased(void **state)
{
	A_RENEWAL();
	use_keys(OLD_KEY);
	give_mobile();
	a_task(renewal, "correction");
	(void)sql(
		"update tasks set values = jsonb_build_object('lines', jsonb_build_array(jsonb_build_object('value', "
		"(select sealed_at(mobile, 'people.mobile', login) from people where id = 8))))");
	assert_sql("mask:xqs1:",
		"select left(values_for(values, false)->'lines'->0->>'value', 10) from tasks");
	assert_sql("xqs1:",
		"select left(values_for(values, true)->'lines'->0->>'value', 5) from tasks");

	use_keys(NEW_KEY OLD_KEY);
	reseal(false);
	use_keys(NEW_KEY);
	struct fault fault;
	OWNED char *mobile = personal_open(
		sql("select values->'lines'->0->>'value' from tasks"), app.seals, &fault);
	assert_string_equal(mobile, MOBILE);

	(void)sql("update tasks set state = 'done', closed_at = now()");
	end_renewal(renewal, 181);
	assert_sql("1", "select privacy_erase_due(10)->>'tasks'");
	assert_sql("***", "select values->'lines'->0->>'value' from tasks");
	assert_sql("0", "select privacy_erase_due(10)->>'tasks'");
}

static void what_a_ca_repeats_is_not_kept(void **state)
{
	JSON *answer =
		json_loads("{\"id\":\"A1\",\"qr_text\":\"q\",\"handler\":{\"mobile\":\"" MOBILE
			   "\",\"name\":\"Li\"},"
			   "\"attachments\":[{\"filename\":\"id.pdf\",\"size\":3}]}",
			0, NULL);
	JSON *kept = personal_evidence(answer);
	OWNED char *text = json_write(kept);
	(void)state;

	assert_string_equal(text,
		"{\"id\":\"A1\",\"handler\":{\"name\":\"Li\"},\"attachments\":[{\"size\":3}]}");
}

/* ---- who may see ---- */

static void a_file_is_for_its_people_and_every_look_is_audited(void **state)
{
	A_RENEWAL();
	a_task(renewal, "attachment");
	give_file("attachment", P_HANDLER, "PDF-one");

	refused("file 1 is for its handler", "select file_fetch(" P_OPERATOR ", 1, '{}')");
	refused("file 1 is for its handler", "select file_fetch(" P_ADMIN ", 1, '{}')");
	refused("file 1 is for its handler",
		"select file_fetch(" P_OPERATOR ", 1, '{\"reason\":\"I want to\"}')");
	refused("reason: say why", "select file_fetch(" P_ADMIN ", 1, '{\"reason\":\" \"}')");
	refused("there is no file 2",
		"select file_fetch(" P_ADMIN ", 2, '{\"reason\":\"court\"}')");
	assert_sql("0",
		"select count(*) from audit where action in ('file.fetched', 'personal.revealed')");
	(void)sql("select file_fetch(" P_HANDLER ", 1, '{}')");
	(void)sql("select file_fetch(" P_ADMIN ", 1, '{\"reason\":\"court order 7\"}')");
	assert_sql("handler",
		"select actor from audit where action = 'file.fetched' and object = 'file:1'");
	assert_sql("court order 7",
		"select detail->>'reason' from audit where action = 'personal.revealed'");
}

static void a_person_is_revealed_to_an_admin_with_a_reason(void **state)
{
	A_RENEWAL();
	give_mobile();

	refused("it takes admin",
		"select person_reveal(" P_OPERATOR ", 8, '{\"reason\":\"call back\"}')");
	refused("reason: say why", "select person_reveal(" P_ADMIN ", 8, '{}')");
	OWNED char *reference =
		text_dup(sql("select person_reveal(" P_ADMIN
			     ", 8, '{\"reason\":\"call back 13912345678\"}')->>'mobile'"));
	struct fault fault;
	OWNED char *mobile = personal_open(reference, app.seals, &fault);

	assert_string_equal(mobile, MOBILE);
	assert_sql("call back 139****5678",
		"select detail->>'reason' from audit where action = 'personal.revealed'");
}

static void the_audit_masks_what_people_write(void **state)
{
	A_RENEWAL();
	(void)sql("select audit_add('x', 'y', 'z', '{\"a\":[\"call " MOBILE
		  " or 44010119900307123X\",{\"b\":\"mail li.na@example.com now\"}],"
		  "\"n\":13812345678,\"account\":\"4405013812345678901\",\"uscc\":\"" USCC
		  "\",\"serial\":\"A13812345678\"}')");
	assert_sql(
		"[\"call 138****5678 or 440***********123X\", {\"b\": \"mail l***@example.com now\"}]",
		"select detail->'a' from audit where action = 'y'");
	assert_sql("13812345678|4405013812345678901|" USCC "|A13812345678",
		"select concat_ws('|', detail->>'n', detail->>'account', detail->>'uscc', detail->>'serial') from audit where action = 'y'");
}

/* ---- erasing ---- */

static void files_go_when_the_policys_days_are_over(void **state)
{
	A_RENEWAL();
	a_task(renewal, "attachment");
	give_file("attachment", P_HANDLER, "PDF-one");
	(void)sql("update campaigns set policy = policy || '{\"privacy_keep_days\":30}'");
	OWNED char *mark = text_dup(sql("select mark from task_files"));

	assert_sql("0", "select privacy_erase_due(10)->>'files'"); /* open: however old */
	end_renewal(renewal, 29);
	assert_sql("0", "select privacy_erase_due(10)->>'files'");
	end_renewal(renewal, 31);
	assert_sql("1", "select privacy_erase_due(10)->>'files'");
	assert_sql("0", "select privacy_erase_due(10)->>'files'");

	assert_sql("t",
		"select content is null and name is null and erased_at is not null from task_files");
	assert_sql(mark, "select mark from task_files");
	assert_sql(mark, "select detail->'files'->>0 from audit where action = 'personal.erased'");
	assert_sql("1", "select count(*) from journal where event = 'erased'");
	assert_true(
		seal_mark_fits(mark, app.seals, "PDF-one", 7)); /* who still has it can prove it */
	refused("was erased on", "select file_fetch(" P_HANDLER ", 1, '{}')");
}

static void who_is_active_keeps_their_values(void **state)
{
	A_RENEWAL();
	give_mobile();
	end_renewal(renewal, 400);
	assert_sql("0", "select privacy_erase_due(10)->>'people'"); /* handler of a certificate */
	(void)sql("update certificate_sets set handler_id = null");
	assert_sql("0", "select privacy_erase_due(10)->>'people'"); /* authorised */
	(void)sql("update handlers set authorised_until = current_date - 1");
	assert_sql("0", "select privacy_erase_due(10)->>'people'"); /* can log in */
	(void)sql(
		"update api_tokens set revoked_at = now() - interval '179 days' where person_id = 8");
	assert_sql("0", "select privacy_erase_due(10)->>'people'");
	(void)sql(
		"update api_tokens set revoked_at = now() - interval '181 days' where person_id = 8");
	assert_sql("1", "select privacy_erase_due(10)->>'people'");

	assert_sql("t",
		"select mobile is null and mobile_key is null and erased_at is not null from people where id = 8");
	assert_true(seal_mark_fits(
		sql("select detail->'marks'->>'mobile' from audit where action = 'personal.erased'"),
		app.seals, MOBILE, strlen(MOBILE)));
}

static void a_person_is_erased_at_once_but_not_while_needed(void **state)
{
	A_RENEWAL();
	give_mobile();
	a_task(renewal, "attachment");
	give_file("attachment", P_HANDLER, "PDF-one");
	OWNED char *says =
		text_dupf("handler is the handler of renewals that are not through: %s;", renewal);

	refused(says,
		"select person_erase(" P_ADMIN ", '{\"login\":\"handler\",\"commit\":true}')");
	refused("it takes admin",
		"select person_erase(" P_OPERATOR ", '{\"login\":\"handler\",\"commit\":true}')");
	refused("there is no person nobody",
		"select person_erase(" P_ADMIN ", '{\"login\":\"nobody\"}')");
	end_renewal(renewal, 0);
	assert_sql("false 1 1 1",
		"select concat_ws(' ', r->>'committed', r->>'values', r->>'files', r->>'certificates_without_handler') "
		"from person_erase(" P_ADMIN ", '{\"login\":\"handler\"}') r");
	assert_sql("t", "select mobile is not null from people where id = 8");
	(void)sql("select person_erase(" P_ADMIN ", '{\"login\":\"handler\",\"commit\":true}')");

	assert_sql("t", "select mobile is null and name = login from people where id = 8");
	assert_sql("0", "select count(*) from task_files where content is not null");
	assert_sql(
		"0", "select count(*) from api_tokens where person_id = 8 and revoked_at is null");
	assert_sql("0", "select count(*) from certificate_sets where handler_id = 8");
}

static void an_id_number_belongs_to_one_login(void **state)
{
	A_RENEWAL();
	(void)sql(
		"select token_make(" P_ADMIN
		", '{\"login\":\"one\",\"role\":\"handler\",\"secret_sha256\":\"s1\",\"id_no\":\"xqs1:a\",\"id_no_key\":\"k\"}')");
	refused("already recorded with one",
		"select token_make(" P_ADMIN
		", '{\"login\":\"two\",\"role\":\"handler\",\"secret_sha256\":\"s2\",\"id_no\":\"xqs1:b\",\"id_no_key\":\"k\"}')");
	assert_sql("0",
		"select count(*) from audit where action = 'token.made' and (detail ? 'id_no' or detail ? 'id_no_key' or detail ? 'name')");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		stage_test(the_first_start_makes_a_key_and_later_ones_use_it),
		stage_test(another_xuqid_does_not_seal_with_a_key_of_its_own),
		stage_test(a_key_that_is_still_needed_is_missed_by_name),
		stage_test(a_key_file_of_the_settings_is_never_made),
		stage_test(what_an_older_version_left_in_clear_is_sealed_once),
		stage_test(a_new_key_takes_everything_over),
		stage_test(what_changed_meanwhile_is_not_overwritten),
		stage_test(nothing_is_written_in_clear),
		stage_test(a_renewal_carries_the_mobile_sealed_until_the_call),
		stage_test(what_a_person_corrects_is_sealed_until_the_call_too),
		stage_test(a_number_in_a_card_is_masked_taken_over_and_erased),
		stage_test(what_a_ca_repeats_is_not_kept),
		stage_test(a_file_is_for_its_people_and_every_look_is_audited),
		stage_test(a_person_is_revealed_to_an_admin_with_a_reason),
		stage_test(the_audit_masks_what_people_write),
		stage_test(files_go_when_the_policys_days_are_over),
		stage_test(who_is_active_keeps_their_values),
		stage_test(a_person_is_erased_at_once_but_not_while_needed),
		stage_test(an_id_number_belongs_to_one_login),
	};

	return cmocka_run_group_tests(tests, database_begin, database_end);
}
