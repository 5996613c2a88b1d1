/* SPDX-License-Identifier: Apache-2.0 */
/* What a digest says and in which shape: the delivered templates, the robots' documented JSON and signatures, scrubbing,
 * bounds, and mail as RFC 5322 wants it. */
#include "tests/unit/cases.h"

#include "common/bytes.h"
#include "common/clock.h"
#include "orchestrator/domain/mail.h"
#include "orchestrator/domain/notice.h"

static struct notice_template *delivered(const char *name)
{
	struct fault fault = { 0 };
	size_t len = 0;
	OWNED char *path = text_dupf("%s/policies/notices/%s.yaml", XUQI_SOURCE_DIR, name);
	OWNED char *bytes = file_read(path, NOTICE_TEMPLATE_MAX, &len, &fault);
	struct notice_template *template =
		bytes != NULL ? notice_template_read(path, bytes, len, &fault) : NULL;

	if (template == NULL)
		fail_msg("%s", fault.text);
	return template;
}

static json_t *a_digest(void)
{
	return json_pack(
		"{s:s, s:s, s:i, s:i, s:i, s:[{s:i, s:s, s:s, s:s, s:b, s:s}, {s:i, s:s, s:n, s:s, s:b, s:s}], s:[{s:i, s:s, s:s}]}",
		"name", "王芳", "login", "wang.fang", "open", 40, "overdue", 1, "closed", 1,
		"tasks", "id", 7, "title", "意愿表达: state your intent", "holder", "某某有限公司",
		"due_at", "2026-11-20T09:30:00+00:00", "overdue", 1, "if_ignored",
		"The application is not submitted.", "id", 8, "title", "A \"quoted\" title",
		"holder", "due_at", "2026-11-24T09:30:00+00:00", "overdue", 0, "if_ignored", "x",
		"closed_tasks", "id", 3, "title", "绑定", "holder", "某某");
}

static void render(struct notice *notice, const char *name)
{
	CLEANUP(notice_template_freep) struct notice_template *template = delivered(name);
	JSON *digest = a_digest();

	notice_render(notice, template, digest);
}

static void a_digest_tells_what_is_late_first_and_what_is_closed(void **state)
{
	CLEANUP(notice_donep) struct notice notice;

	(void)state;
	render(&notice, "email");

	assert_string_equal(notice.subject, "续期待办 40 (overdue 1)");
	assert_string_equal(notice.text,
		"王芳, 40 tasks wait for you, 1 of them overdue.\n"
		"- 7  意愿表达: state your intent · 某某有限公司 · due 2026-11-20 17:30 · OVERDUE: The application is not submitted.\n"
		"- 8  A \"quoted\" title · - · due 2026-11-24 17:30\n"
		"- and 38 more\n"
		"1 tasks of the last digest are closed:\n"
		"- 3  绑定 · 某某\n"
		"What to do: xuqi task list --mine, then xuqi task show ID\n");
}

static void a_digest_keeps_within_the_bytes_of_its_channel(void **state)
{
	static const char *const names[] = { "email", "wecom", "dingtalk", "feishu" };

	(void)state;
	for (size_t n = 0; n < COUNT_OF(names); n++) {
		CLEANUP(notice_template_freep)
		struct notice_template *template = delivered(names[n]);
		CLEANUP(notice_donep) struct notice notice;
		JSON *digest = a_digest();
		json_t *tasks = json_object_get(digest, "tasks");

		for (int i = 0; i < 400; i++)
			(void)json_array_append(tasks, json_array_get(tasks, 0));
		json_put_number(digest, "open", 402);
		notice_render(&notice, template, digest);

		assert_true((int64_t)strlen(notice.text) <= template->bytes_max);
		assert_non_null(strstr(notice.text, " more\n"));
		assert_non_null(strstr(notice.text, "xuqi task show ID"));
	}
}

/* ---- scrubbing ---- */

static void what_no_notice_may_show_is_scrubbed(void **state)
{
	const struct case_row *row = *state;
	OWNED char *clean = notice_scrub(row->cells[0]);

	assert_string_equal(clean, row->cells[1]);
}

static void a_title_with_a_mobile_and_a_link_goes_out_without(void **state)
{
	CLEANUP(notice_template_freep) struct notice_template *template = delivered("wecom");
	CLEANUP(notice_donep) struct notice notice;
	JSON *digest = json_pack("{s:s, s:i, s:i, s:i, s:[{s:i, s:s, s:s}], s:[]}", "name", "x",
		"open", 1, "overdue", 0, "closed", 0, "tasks", "id", 1, "title",
		"call 13812345678 about https://ca.example/qr?t=1", "holder", "440106199001011234",
		"closed_tasks");

	(void)state;
	notice_render(&notice, template, digest);

	assert_null(strstr(notice.text, "13812345678"));
	assert_null(strstr(notice.text, "ca.example"));
	assert_null(strstr(notice.text, "440106199001011234"));
}

/* ---- robots ---- */

/* The robot's message as JSON text; SECRET may be NULL. */
static char *message(const char *name, const char *secret_text, int64_t now)
{
	CLEANUP(notice_template_freep) struct notice_template *template = delivered(name);
	struct notice notice = { (char[]){ "S" }, (char[]){ "line \"1\"\nline 2\n" } };
	unsigned char bytes[64];
	struct secret secret = { bytes, 0 };

	if (secret_text != NULL) {
		secret.len = strlen(secret_text);
		memcpy(bytes, secret_text, secret.len);
	}
	JSON *body = notice_body(template, &notice, secret_text != NULL ? &secret : NULL, now);
	return json_write(body);
}

static char *address(const char *name, const char *url, const char *secret_text, int64_t now)
{
	CLEANUP(notice_template_freep) struct notice_template *template = delivered(name);
	unsigned char bytes[64];
	struct secret secret = { bytes, strlen(secret_text) };

	memcpy(bytes, secret_text, secret.len);
	return notice_url(template, url, &secret, now);
}

static void each_robot_gets_the_json_it_documents(void **state)
{
	OWNED char *wecom = message("wecom", NULL, 0);
	OWNED char *dingtalk = message("dingtalk", NULL, 0);
	OWNED char *feishu = message("feishu", NULL, 0);

	(void)state;
	assert_string_equal(wecom,
		"{\"msgtype\":\"markdown\",\"markdown\":{\"content\":\"S\\nline \\\"1\\\"\\nline 2\\n\"}}");
	assert_string_equal(dingtalk,
		"{\"msgtype\":\"markdown\",\"markdown\":{\"title\":\"S\",\"text\":\"S\\n\\nline \\\"1\\\"\\nline 2\\n\"}}");
	assert_string_equal(feishu,
		"{\"msg_type\":\"text\",\"content\":{\"text\":\"S\\nline \\\"1\\\"\\nline 2\\n\"}}");
}

/* Both computed with Python's hmac after the services' own samples. */
static void robots_that_want_a_signature_get_theirs(void **state)
{
	OWNED char *dingtalk = address("dingtalk", "https://oapi.example/robot/send?access_token=x",
		"this is secret", INT64_C(1577836800123456));
	OWNED char *feishu = message("feishu", "demo", INT64_C(1599360473999999));
	OWNED char *wecom = address(
		"wecom", "https://qyapi.example/send?key=k", "unused", INT64_C(1577836800123456));

	(void)state;
	assert_string_equal(dingtalk,
		"https://oapi.example/robot/send?access_token=x&timestamp=1577836800123&sign=D4Cxxaq4EJaxEabGvwb2B0w5cAGj8e2FjeEFWoi%2Bt%2FY%3D");
	assert_non_null(strstr(feishu,
		"\"timestamp\":\"1599360473\",\"sign\":\"l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8=\""));
	assert_string_equal(wecom, "https://qyapi.example/send?key=k");
}

static void a_robot_took_it_only_if_it_says_so(void **state)
{
	static const struct {
		const char *robot, *answer;
		bool took;
	} cases[] = {
		{ "wecom", "{\"errcode\":0,\"errmsg\":\"ok\"}", true },
		{ "wecom", "{\"errcode\":45009,\"errmsg\":\"api freq out of limit\"}", false },
		{ "dingtalk", "{\"errcode\":0,\"errmsg\":\"ok\"}", true },
		{ "dingtalk", "{\"errcode\":310000,\"errmsg\":\"sign not match\"}", false },
		{ "feishu", "{\"code\":0,\"msg\":\"success\",\"data\":{}}", true },
		{ "feishu",
			"{\"code\":19021,\"msg\":\"sign match fail or timestamp is not within one hour from current time\"}",
			false },
		{ "feishu", "{}", false },
		{ "feishu", "[]", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		CLEANUP(notice_template_freep)
		struct notice_template *template = delivered(cases[i].robot);
		struct fault fault;
		JSON *answer = json_read(cases[i].answer, strlen(cases[i].answer), &fault);

		assert_int_equal(notice_was_accepted(template, answer), cases[i].took);
	}
}

/* ---- templates ---- */

static void a_mistake_in_a_template_is_named_with_its_place(void **state)
{
	const struct case_row *row = *state;
	struct fault fault = { 0 };
	CLEANUP(notice_template_freep)
	struct notice_template *template =
		notice_template_read("t.yaml", row->cells[0], strlen(row->cells[0]), &fault);

	assert_null(template);
	if (strstr(fault.text, row->cells[1]) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", fault.text, row->cells[1]);
}

/* ---- mail ---- */

static void a_message_is_plain_ascii_that_any_server_takes(void **state)
{
	struct fault fault;
	OWNED char *text = mail_compose(
		&(struct mail){ .from = "xuqi@example.com",
			.to = "wang.fang@example.com",
			.subject = "续期待办 40 (overdue 1): 一个很长的主题,一行放不下",
			.text = "王芳\n.\nend\n",
			.message_id = "digest-7.abc@example.com",
			.at = INT64_C(1795397400000000) },
		&fault);

	(void)state;
	assert_non_null(text);
	assert_non_null(strstr(text,
		"From: xuqi <xuqi@example.com>\r\nTo: <wang.fang@example.com>\r\nSubject: =?UTF-8?B?"));
	assert_non_null(strstr(text,
		"\r\nDate: Mon, 23 Nov 2026 01:30:00 +0000\r\nMessage-ID: <digest-7.abc@example.com>\r\n"));
	OWNED char *body = text_dup(strstr(text, "base64\r\n\r\n") + strlen("base64\r\n\r\n"));
	assert_string_equal(body, "546L6IqzDQouDQplbmQNCg==\r\n");
	for (const char *line = text; *line != '\0'; line = strstr(line, "\r\n") + 2)
		assert_true(strcspn(line, "\r") <= 78);
	for (const char *c = text; *c != '\0'; c++)
		assert_true(*c > 0);
}

static void what_is_no_address_gets_no_message(void **state)
{
	const struct case_row *row = *state;

	assert_int_equal(mail_is_address(row->cells[0]), text_equal(row->cells[1], "yes"));
}

int main(void)
{
	static struct CMUnitTest tests[3 * CASE_ROWS_MAX + 8] = {
		cmocka_unit_test(a_digest_tells_what_is_late_first_and_what_is_closed),
		cmocka_unit_test(a_digest_keeps_within_the_bytes_of_its_channel),
		cmocka_unit_test(a_title_with_a_mobile_and_a_link_goes_out_without),
		cmocka_unit_test(each_robot_gets_the_json_it_documents),
		cmocka_unit_test(robots_that_want_a_signature_get_theirs),
		cmocka_unit_test(a_robot_took_it_only_if_it_says_so),
		cmocka_unit_test(a_message_is_plain_ascii_that_any_server_takes),
	};
	size_t count = 7;

	cases_add(tests, &count, "scrub.tsv", what_no_notice_may_show_is_scrubbed);
	cases_add(tests, &count, "notice_errors.tsv",
		a_mistake_in_a_template_is_named_with_its_place);
	cases_add(tests, &count, "addresses.tsv", what_is_no_address_gets_no_message);
	return cases_run("digest_text", tests, count);
}
