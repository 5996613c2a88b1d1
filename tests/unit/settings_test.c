/* SPDX-License-Identifier: Apache-2.0 */
/* One table reads, refuses and prints. */
#include "common/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "common/text.h"

struct token {
	char *label;
	int64_t tries;
};

struct example {
	char *url;
	char *password_file;
	char *name;
	int64_t port;
	int64_t any;
	bool verbose;
	struct token tokens[2];
	size_t token_count;
};

static const struct setting token_settings[] = {
	{ "label", SETTING_TEXT, offsetof(struct token, label), "", 0, 0, "Its label." },
	{ "tries", SETTING_NUMBER, offsetof(struct token, tries), "3", 1, 9, "Tries." },
};
static const struct setting_table token_table = { token_settings, 2, NULL };

static bool read_tokens(void *into, const char *path, const void *yaml_node, struct fault *fault)
{
	struct example *example = into;
	const struct yaml_node *list = yaml_node;
	if (!text_equal(path, "agent.tokens"))
		return fault_set(fault, FAULT_ABSENT, "not mine");
	if (list->kind != YAML_SEQUENCE)
		return fault_set(fault, FAULT_INPUT, "tokens must be a list");
	for (const struct yaml_node *node = list->child; node != NULL; node = node->next) {
		if (example->token_count == COUNT_OF(example->tokens))
			return settings_refuse(node, fault, "at most 2 tokens");
		struct token *token = &example->tokens[example->token_count++];
		if (!settings_defaults(&token_table, token, fault) ||
			!settings_apply(&token_table, token, node, fault))
			return false;
	}
	return true;
}

static const struct setting settings[] = {
	{ "database.url", SETTING_TEXT, offsetof(struct example, url), "", 0, 0,
		"Empty: our own." },
	{ "people.port", SETTING_NUMBER, offsetof(struct example, port), "8443", 1, 65535,
		"TCP port." },
	{ "database.password_file", SETTING_SECRET, offsetof(struct example, password_file),
		"/etc/p", 0, 0, "File with the password." },
	{ "verbose", SETTING_FLAG, offsetof(struct example, verbose), "false", 0, 0, "Say more." },
	{ "agent.name", SETTING_TEXT, offsetof(struct example, name), "", 0, 0, "Its name." },
	{ "any", SETTING_NUMBER, offsetof(struct example, any), "-1", 0, 0, "Any number." },
};
static const struct setting_table table = { settings, COUNT_OF(settings), read_tokens };
static struct fault fault;

static void example_done(struct example *example)
{
	settings_done(&table, example);
	for (size_t i = 0; i < COUNT_OF(example->tokens); i++)
		settings_done(&token_table, &example->tokens[i]);
}

/* Read TEXT as a file over the defaults. */
static bool read_settings(struct example *example, const char *text)
{
	char path[] = "/tmp/xuqi-settings-test-XXXXXX";
	int fd = mkstemp(path);
	*example = (struct example){ 0 };
	assert_true(fd >= 0 && file_write_fd(fd, text, strlen(text), &fault));
	(void)close(fd);
	assert_true(settings_defaults(&table, example, &fault));
	bool right = settings_read(&table, example, path, &fault);
	(void)unlink(path);
	/* the file's name is another each time */
	if (!right && text_starts(fault.text, path))
		memmove(fault.text, fault.text + strlen(path) + 1,
			strlen(fault.text) - strlen(path));
	return right;
}

static void what_is_written_replaces_the_default(void **state)
{
	struct example example;
	(void)state;

	assert_true(read_settings(&example,
		"database:\n  url: \"postgresql:///x\"\npeople: {port: 1}\nverbose: true\nagent:\n  tokens: []\n"
		"any: -9223372036854775808\n"));

	assert_string_equal(example.url, "postgresql:///x");
	assert_string_equal(example.password_file, "/etc/p");
	assert_int_equal(example.port, 1);
	assert_true(example.any == INT64_MIN);
	assert_true(example.verbose);
	example_done(&example);
}

static void what_is_wrong_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *text;
		const char *message;
	} cases[] = {
		{ "databse: {}\n",
			"1:1: unknown key \"databse\"; did you mean \"database\"? known here: database, people, "
			"verbose, agent, any" },
		{ "database:\n  uri: x\n",
			"2:3: unknown key \"uri\"; did you mean \"url\"? known here: url, password_file" },
		{ "zzzzzzzzz: 1\n",
			"1:1: unknown key \"zzzzzzzzz\"; known here: database, people, verbose, agent, any" },
		{ "database.url: x\n", "1:1: unknown key" },
		{ "people:\n  port: 65536\n",
			"2:9: people.port must be a whole number from 1 to 65535" },
		{ "people:\n  port: \"1\"\n", "2:9: people.port must stand without quotes" },
		{ "people:\n  port: 1.5\n", "2:9: people.port must be a whole number" },
		{ "any: many\n", "1:6: any must be a whole number" },
		{ "verbose: yes\n", "1:10: verbose must be true or false" },
		{ "verbose:\n", "1:9: verbose must be true or false" },
		{ "database: x\n", "1:11: database must be a mapping" },
		{ "database:\n  url: [x]\n", "2:8: database.url must be a single value" },
		{ "database:\n  url: ~\n", "2:8: database.url cannot be null" },
		{ "verbose: true\nverbose: true\n", "2:1: \"verbose\" stands here twice" },
		{ "- a\n", "1:1: this must be a mapping" },
	};

	(void)state;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct example example;
		assert_false(read_settings(&example, cases[i].text));
		assert_int_equal(fault.kind, FAULT_INPUT);
		if (!text_starts(fault.text, cases[i].message))
			fail_msg("%s\nis not: %s", fault.text, cases[i].message);
		example_done(&example);
	}
}

static void an_absent_file_is_named(void **state)
{
	struct example example = { 0 };
	(void)state;

	assert_false(settings_read(&table, &example, "/nonexistent/x.yaml", &fault));

	assert_int_equal(fault.kind, FAULT_INPUT);
	assert_true(text_starts(fault.text, "/nonexistent/x.yaml: "));
}

static void lists_are_read_by_their_owner(void **state)
{
	struct example example;
	(void)state;

	assert_true(read_settings(
		&example, "agent:\n  tokens:\n    - {label: a, tries: 9}\n    - label: b\n"));

	assert_int_equal(example.token_count, 2);
	assert_string_equal(example.tokens[0].label, "a");
	assert_int_equal(example.tokens[0].tries, 9);
	assert_string_equal(example.tokens[1].label, "b");
	assert_int_equal(example.tokens[1].tries, 3);
	example_done(&example);
}

static void what_is_wrong_in_a_list_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "agent:\n  tokens:\n    - {label: a, tries: 10}\n",
			"3:25: tries must be a whole number from 1 to 9" },
		{ "agent:\n  tokens:\n    - {lable: a}\n",
			"3:8: unknown key \"lable\"; did you mean \"label\"?" },
		{ "agent:\n  tokens:\n    - {}\n    - {}\n    - {}\n", "5:7: at most 2 tokens" },
		{ "agent:\n  tokens: 7\n", "2:11: tokens must be a list" },
		{ "agent:\n  tokes: []\n", "2:3: unknown key \"tokes\"" },
	};

	(void)state;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct example example;
		assert_false(read_settings(&example, cases[i].text));
		if (!text_starts(fault.text, cases[i].message))
			fail_msg("%s\nis not: %s", fault.text, cases[i].message);
		example_done(&example);
	}
}

static void the_effective_settings_are_printed_and_read_back_the_same(void **state)
{
	struct example example;
	struct example again;
	char *printed = NULL;
	char *reprinted = NULL;
	size_t size = 0;
	(void)state;
	assert_true(read_settings(
		&example, "database: {url: \"a \\\"b\\\\ \\t证\"}\npeople: {port: 77}\n"));

	FILE *out = open_memstream(&printed, &size);
	settings_print(&table, &example, out);
	assert_int_equal(fclose(out), 0);
	if (!read_settings(&again, printed))
		fail_msg("%s", fault.text);
	out = open_memstream(&reprinted, &size);
	settings_print(&table, &again, out);
	assert_int_equal(fclose(out), 0);

	assert_string_equal(again.url, "a \"b\\ \t证");
	assert_int_equal(again.port, 77);
	assert_string_equal(printed, reprinted);
	assert_true(text_starts(printed, "database:\n  # Empty: our own.\n  url: \"a "));
	assert_non_null(strstr(printed, "people:\n  # TCP port. (1 to 65535)\n  port: 77\n"));
	free(printed);
	free(reprinted);
	example_done(&example);
	example_done(&again);
}

static void a_default_that_does_not_fit_is_a_bug(void **state)
{
	static const struct setting wrong[] = { { "n", SETTING_NUMBER, 0, "many", 0, 0, "" } };
	static const struct setting_table wrong_table = { wrong, 1, NULL };
	struct example example = { 0 };
	(void)state;

	assert_false(settings_defaults(&wrong_table, &example, &fault));
	assert_int_equal(fault.kind, FAULT_BUG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_replaces_the_default),
		cmocka_unit_test(what_is_wrong_is_refused_with_its_place),
		cmocka_unit_test(an_absent_file_is_named),
		cmocka_unit_test(lists_are_read_by_their_owner),
		cmocka_unit_test(what_is_wrong_in_a_list_is_refused_with_its_place),
		cmocka_unit_test(the_effective_settings_are_printed_and_read_back_the_same),
		cmocka_unit_test(a_default_that_does_not_fit_is_a_bug),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
