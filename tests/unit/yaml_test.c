/* SPDX-License-Identifier: Apache-2.0 */
/* YAML with places, and without what a settings file has no need of. */
#include "common/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/text.h"

static struct fault fault;

static struct yaml_node *read_text(const char *text)
{
	return yaml_tree_read("f.yaml", text, strlen(text), &fault);
}

static void every_node_knows_its_place(void **state)
{
	(void)state;
	CLEANUP(yaml_tree_freep)
	struct yaml_node *root =
		read_text("# comment\nname: 单位\nlist:\n  - 1\n  - quoted: \"2\"\nempty:\n");
	assert_non_null(root);
	const struct yaml_node *name = yaml_find(root, "name");
	const struct yaml_node *list = yaml_find(root, "list");

	assert_int_equal(name->line, 2);
	assert_int_equal(name->column, 7);
	assert_int_equal(name->key_line, 2);
	assert_int_equal(name->key_column, 1);
	assert_string_equal(name->text, "单位");
	assert_int_equal(list->kind, YAML_SEQUENCE);
	assert_string_equal(list->child->text, "1");
	assert_false(list->child->quoted);
	const struct yaml_node *second = list->child->next;
	assert_int_equal(second->kind, YAML_MAPPING);
	assert_int_equal(second->line, 5);
	assert_int_equal(second->column, 5);
	assert_true(second->child->quoted);
	assert_null(second->next);
	assert_string_equal(yaml_find(root, "empty")->text, "");
	assert_null(yaml_find(root, "absent"));
	assert_null(yaml_find(name, "x"));
}

static void an_empty_document_is_an_empty_mapping(void **state)
{
	static const char *const empty[] = { "", "\n", "# only a comment\n", "---\n", "{}" };
	(void)state;

	for (size_t i = 0; i < COUNT_OF(empty); i++) {
		CLEANUP(yaml_tree_freep) struct yaml_node *root = read_text(empty[i]);
		assert_non_null(root);
		assert_int_equal(root->kind, YAML_MAPPING);
		assert_null(root->child);
	}
}

static void what_is_not_supported_is_refused_at_its_place(void **state)
{
	static const struct {
		const char *text;
		const char *message;
	} cases[] = {
		{ "a: 1\nb: 2\na: 3\n", "f.yaml:3:1: \"a\" stands here twice, first in line 1" },
		{ "a: &x 1\n", "f.yaml:1:4: anchors are not supported" },
		{ "a: [1]\nb: *x\n", "f.yaml:2:4: aliases are not supported" },
		{ "a: !!str 1\n", "f.yaml:1:4: tags are not supported" },
		{ "a: !mine {}\n", "f.yaml:1:4: tags are not supported" },
		{ "<<: {a: 1}\n", "f.yaml:1:1: merge keys are not supported" },
		{ "? [a]\n: 1\n", "f.yaml:1:3: a key must be a plain word" },
		{ "a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document begins here" },
		{ "a: \"x\\0y\"\n", "f.yaml:1:4: a text holds a NUL character" },
		{ "a: 1\n  b: 2\n", "f.yaml:2:4: not YAML" },
		{ "a: [1\nb: 2\n", "f.yaml:2:" },
		{ "\ta: 1\n", "f.yaml:1:1: not YAML" },
		{ "a: \xff\n", "f.yaml:" },
		{ "a: 'open\n", "f.yaml:2:1: not YAML" },
	};

	(void)state;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_null(read_text(cases[i].text));
		assert_int_equal(fault.kind, FAULT_INPUT);
		if (strncmp(fault.text, cases[i].message, strlen(cases[i].message)) != 0)
			fail_msg("%s\nis not: %s", fault.text, cases[i].message);
	}
}

static void depth_is_bounded(void **state)
{
	(void)state;
	CLEANUP(yaml_tree_freep)
	struct yaml_node *allowed = read_text("[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]");
	assert_non_null(allowed);

	assert_null(read_text("[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]"));
	assert_string_equal(fault.text, "f.yaml:1:17: nested deeper than 16");
}

static void size_and_keys_are_bounded(void **state)
{
	TEXT text;
	(void)state;
	text_init(&text, YAML_TREE_BYTES_MAX + 100);
	for (int i = 0; i < 1001; i++)
		text_addf(&text, "k%d: 1\n", i);
	assert_null(read_text(text.data));
	assert_non_null(strstr(fault.text, "more than 1000 keys"));

	while (text.len <= YAML_TREE_BYTES_MAX)
		text_add(&text, "# a comment\n");
	assert_null(yaml_tree_read("f.yaml", text.data, text.len, &fault));
	assert_non_null(strstr(fault.text, "larger than"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_node_knows_its_place),
		cmocka_unit_test(an_empty_document_is_an_empty_mapping),
		cmocka_unit_test(what_is_not_supported_is_refused_at_its_place),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(size_and_keys_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
