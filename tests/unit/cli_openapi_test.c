/* SPDX-License-Identifier: Apache-2.0 */
/* The CLI's table of commands and schema/openapi.yaml say the same. */
#include "tests/unit/openapi.h"

#include "orchestrator/cli/command.h"

/* NODE's member KEY, which must be there. */
static const struct yaml_node *member(const struct yaml_node *node, const char *key)
{
	const struct yaml_node *found = node == NULL ? NULL : yaml_find(node, key);

	if (found == NULL)
		fail_msg(
			"no %s under %s", key, node != NULL && node->key != NULL ? node->key : "-");
	return found;
}

static const struct yaml_node *reference(const struct yaml_node *node)
{
	const struct yaml_node *ref = yaml_find(node, "$ref");

	if (ref == NULL)
		return node;
	return member(
		member(member(openapi, "components"), "schemas"), strrchr(ref->text, '/') + 1);
}

/* The operation that COMMAND calls, which must be there. */
static const struct yaml_node *operation(const struct command *command)
{
	const char *method = text_equal(command->method, "GET") ? "get" : "post";
	const struct yaml_node *found = openapi_operation(command->path, method);

	if (found == NULL)
		fail_msg("%s %s is not in schema/openapi.yaml", method, command->path);
	return found;
}

static const struct yaml_node *content(const struct yaml_node *holder)
{
	const struct yaml_node *media = member(member(holder, "content"), "application/json");

	return reference(member(media, "schema"));
}

static const struct yaml_node *answer(const struct yaml_node *operation_node)
{
	const struct yaml_node *responses = member(operation_node, "responses");
	const struct yaml_node *good = yaml_find(responses, "200");

	return content(good != NULL ? good : member(responses, "201"));
}

static bool has_parameter(const struct yaml_node *operation_node, const char *name)
{
	const struct yaml_node *parameters = yaml_find(operation_node, "parameters");
	const struct yaml_node *one = parameters == NULL ? NULL : parameters->child;

	for (; one != NULL; one = one->next) {
		const struct yaml_node *ref = yaml_find(one, "$ref");
		const char *found =
			ref != NULL ? strrchr(ref->text, '/') + 1 : member(one, "name")->text;

		if (text_equal(found, name))
			return true;
	}
	return false;
}

/* The first command behind AFTER (NULL: of all) that calls the server, or NULL. */
static const struct command *next_call(const struct command *after)
{
	size_t i = 0;

	while (after != NULL && command_at(i) != after)
		i++;
	i += after != NULL;
	while (command_at(i) != NULL && command_at(i)->method == NULL)
		i++;
	return command_at(i);
}

static void every_command_calls_an_operation(void **state)
{
	(void)state;
	for (const struct command *command = next_call(NULL); command != NULL;
		command = next_call(command))
		assert_non_null(operation(command));
}

static void every_query_option_is_a_parameter(void **state)
{
	(void)state;
	for (const struct command *command = next_call(NULL); command != NULL;
		command = next_call(command))
		for (size_t i = 0; i < command->field_count; i++) {
			const struct field *field = &command->fields[i];

			if (field->place == FIELD_QUERY || field->place == FIELD_QUERY_FLAG)
				assert_true(has_parameter(operation(command), field->key));
		}
}

/* Members of the request body that COMMAND's field FIELD fills. */
static void assert_body_has(const struct command *command, const struct field *field)
{
	static const char *const members[FIELD_PLACE_COUNT][2] = {
		[FIELD_POLICY] = { "policy_name", "policy_yaml" },
		[FIELD_STATEMENT] = { "file_name", "data_b64" },
		[FIELD_CSV] = { "rows", NULL },
		[FIELD_ATTACH] = { "files", NULL },
	};
	bool is_own = field->place >= FIELD_BODY && field->place <= FIELD_BODY_PAIR;

	for (size_t i = 0; i < 2; i++) {
		const char *key = is_own && i == 0 ? field->key : members[field->place][i];

		if (key != NULL)
			member(member(content(member(operation(command), "requestBody")),
				       "properties"),
				key);
	}
}

static void every_typed_value_is_a_member_of_the_body(void **state)
{
	(void)state;
	for (const struct command *command = next_call(NULL); command != NULL;
		command = next_call(command))
		for (size_t i = 0; i < command->field_count; i++)
			assert_body_has(command, &command->fields[i]);
}

static void a_dry_run_is_where_the_body_takes_commit(void **state)
{
	(void)state;
	for (const struct command *command = next_call(NULL); command != NULL;
		command = next_call(command)) {
		const struct yaml_node *body = yaml_find(operation(command), "requestBody");
		const struct yaml_node *commit = body == NULL
			? NULL
			: yaml_find(member(content(body), "properties"), "commit");

		assert_int_equal((command->flags & COMMAND_COMMIT) != 0, commit != NULL);
	}
}

static void a_list_is_where_there_are_pages(void **state)
{
	(void)state;
	for (const struct command *command = next_call(NULL); command != NULL;
		command = next_call(command))
		assert_int_equal((command->flags & COMMAND_LIST) != 0,
			has_parameter(operation(command), "cursor"));
}

/* The schema whose members COMMAND's columns are: of `items`, or else of `rows`. */
static const struct yaml_node *row_schema(const struct command *command)
{
	const struct yaml_node *properties = member(answer(operation(command)), "properties");
	const struct yaml_node *rows = yaml_find(properties, "items");

	if (rows == NULL)
		rows = member(properties, "rows");
	return reference(member(rows, "items"));
}

static void every_column_is_a_member_of_the_answer(void **state)
{
	(void)state;
	for (const struct command *command = next_call(NULL); command != NULL;
		command = next_call(command)) {
		OWNED char *columns = text_dup(command->columns != NULL ? command->columns : "");

		for (char *at = columns, *behind; *at != '\0'; at = behind) {
			size_t len = strcspn(at, " ");

			behind = at + len + (at[len] == ' ' ? 1 : 0);
			at[len] = '\0';
			member(member(row_schema(command), "properties"), at);
		}
	}
}

static void every_role_in_help_is_that_of_the_operation(void **state)
{
	(void)state;
	for (const struct command *command = next_call(NULL); command != NULL;
		command = next_call(command)) {
		const struct yaml_node *roles = yaml_find(operation(command), "x-roles");
		const struct yaml_node *role = roles == NULL ? NULL : roles->child;

		for (; role != NULL; role = role->next)
			assert_non_null(strstr(command->roles, role->text));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_command_calls_an_operation),
		cmocka_unit_test(every_query_option_is_a_parameter),
		cmocka_unit_test(every_typed_value_is_a_member_of_the_body),
		cmocka_unit_test(a_dry_run_is_where_the_body_takes_commit),
		cmocka_unit_test(a_list_is_where_there_are_pages),
		cmocka_unit_test(every_column_is_a_member_of_the_answer),
		cmocka_unit_test(every_role_in_help_is_that_of_the_operation),
	};

	return cmocka_run_group_tests(tests, openapi_load, openapi_unload);
}
