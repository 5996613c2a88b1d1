/* SPDX-License-Identifier: Apache-2.0 */
/* schema/gateway.yaml and the simulator say the same: operations, error codes, members. */
#include "tests/unit/sim_world.h"

#include "common/file.h"
#include "common/yaml.h"

static char *contract_text;
static struct yaml_node *contract;

static int contract_read(void **state)
{
	struct fault fault;
	size_t len;

	contract_text =
		file_read(XUQI_SOURCE_DIR "/schema/gateway.yaml", JSON_BYTES_MAX, &len, &fault);
	assert_non_null(contract_text);
	contract = yaml_tree_read("gateway.yaml", contract_text, len, &fault);
	if (contract == NULL)
		fail_msg("%s", fault.text);
	return world_make(state);
}

static int contract_drop(void **state)
{
	yaml_tree_free(contract);
	free(contract_text);
	return world_drop(state);
}

static const struct yaml_node *member(const struct yaml_node *node, const char *key)
{
	const struct yaml_node *found = yaml_find(node, key);

	if (found == NULL)
		fail_msg("gateway.yaml lacks %s", key);
	return found;
}

/* METHOD in upper case on PATH with its {id} filled in; the answer's detail on the heap. */
static char *try_operation(struct world *world, const char *method, const char *path)
{
	char upper[8] = "";
	const char *mark = strstr(path, "{id}");
	OWNED char *target = mark == NULL
		? text_dup(path)
		: text_dupf("%.*sx_1%s", (int)(mark - path), path, mark + 4);

	for (size_t i = 0; method[i] != '\0' && i < sizeof(upper) - 1; i++)
		upper[i] = (char)(method[i] - 'a' + 'A');
	(void)sim_client_call(&world->client, upper, target, NULL);
	return text_dup(sim_client_text(&world->client, "detail"));
}

static bool is_simulated(const struct yaml_node *operation)
{
	const struct yaml_node *mark = yaml_find(operation, "x-simulator");

	return mark == NULL || !text_equal(mark->text, "false");
}

/* Try each operation of PATH; how many there were. */
static size_t try_path(struct world *world, const struct yaml_node *path)
{
	size_t count = 0;

	for (const struct yaml_node *part = path->child; part != NULL; part = part->next) {
		OWNED char *detail = NULL;

		if (text_equal(part->key, "parameters"))
			continue;
		detail = try_operation(world, part->key, path->key);
		if (is_simulated(part) == (strstr(detail, "is not in the contract") != NULL))
			fail_msg("%s %s: %s", part->key, path->key, detail);
		count++;
	}
	return count;
}

static void every_operation_of_the_contract_is_answered_as_it_says(void **state)
{
	size_t count = 0;

	for (const struct yaml_node *path = member(contract, "paths")->child; path != NULL;
		path = path->next)
		count += try_path(*state, path);
	assert_true(count > 25);
}

static void every_code_of_the_simulator_is_in_the_contracts_table(void **state)
{
	const char *text = member(member(contract, "info"), "description")->text;
	OWNED char *flat = text_dup(text);

	(void)state;
	for (char *at = flat; *at != '\0'; at++) {
		if (*at == '\n')
			*at = ' ';
	}
	for (int i = 0; i < SIM_CODE_COUNT; i++) {
		enum sim_code code = (enum sim_code)i;
		OWNED char *row = text_dupf("%s %d%s ", sim_code_word(code), sim_code_status(code),
			sim_code_is_retryable(code) ? " R" : "");
		OWNED char *last = text_dupf("%.*s.", (int)strlen(row) - 1, row);

		if (strstr(flat, row) == NULL && strstr(flat, last) == NULL)
			fail_msg("gateway.yaml does not list %s", row);
		if (!sim_code_is_retryable(code)) {
			OWNED char *wrong = text_dupf("%sR", row);

			assert_null(strstr(flat, wrong));
		}
	}
}

/* Every member that SCHEMA requires is in VALUE, and every member of VALUE is in the schema. */
static void assert_conforms(const char *schema_name, json_t *value)
{
	const struct yaml_node *schema =
		member(member(member(contract, "components"), "schemas"), schema_name);
	const struct yaml_node *properties = member(schema, "properties");
	const struct yaml_node *required = member(schema, "required");
	const char *key;
	json_t *one;

	for (const struct yaml_node *word = required->child; word != NULL; word = word->next) {
		if (json_object_get(value, word->text) == NULL)
			fail_msg("%s lacks %s", schema_name, word->text);
	}
	json_object_foreach(value, key, one)
	{
		if (yaml_find(properties, key) == NULL)
			fail_msg("%s has %s, which the contract does not know", schema_name, key);
	}
}

static void answers_have_the_members_of_their_schemas(void **state)
{
	struct world *world = *state;
	struct sim_client *client = &world->client;

	static const struct {
		const char *part, *schema;
	} parts[] = { { "", "Application" }, { "/issuance", "Issuance" },
		{ "/invoice", "Invoice" } };

	assert_int_equal(sim_client_call(client, "GET", "/v1/meta", NULL), 200);
	assert_conforms("Meta", client->reply);
	assert_true(sim_client_walk(client, &world->journey, WALK_INSTALLED));
	client->now += CLOCK_SECOND;
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		OWNED char *target = text_dupf(
			"/v1/applications/%s%s", world->journey.application, parts[i].part);

		assert_int_equal(sim_client_call(client, "GET", target, NULL), 200);
		assert_conforms(parts[i].schema, client->reply);
	}
	assert_int_equal(sim_client_call(client, "GET", "/v1/payments", NULL), 200);
	assert_conforms("Payment", json_array_get(json_object_get(client->reply, "items"), 0));
	assert_int_equal(sim_client_call(client, "GET", "/v1/bindings", NULL), 200);
	assert_conforms("Binding", json_array_get(json_object_get(client->reply, "items"), 0));
	assert_int_equal(sim_client_call(client, "GET", "/v1/certificates", NULL), 200);
	assert_conforms("Certificate", json_array_get(json_object_get(client->reply, "items"), 0));
	assert_int_equal(sim_client_call(client, "GET", "/v1/nothing", NULL), 404);
	assert_conforms("Problem", client->reply);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(every_operation_of_the_contract_is_answered_as_it_says),
		WORLD_TEST(every_code_of_the_simulator_is_in_the_contracts_table),
		WORLD_TEST(answers_have_the_members_of_their_schemas),
	};

	return cmocka_run_group_tests_name(
		"simulator: contract", tests, contract_read, contract_drop);
}
