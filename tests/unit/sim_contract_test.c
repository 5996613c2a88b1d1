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

/* Try each operation of PATH; how many there were. */
static size_t try_path(struct world *world, const struct yaml_node *path)
{
	size_t count = 0;

	for (const struct yaml_node *part = path->child; part != NULL; part = part->next) {
		OWNED char *detail = NULL;

		if (text_equal(part->key, "parameters"))
			continue;
		detail = try_operation(world, part->key, path->key);
		if (strstr(detail, "is not in the contract") != NULL)
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

/* The text of the contract's introduction in one line (owned). */
static char *introduction(void)
{
	char *flat = text_dup(member(member(contract, "info"), "description")->text);

	for (char *at = flat; *at != '\0'; at++) {
		if (*at == '\n')
			*at = ' ';
	}
	return flat;
}

static void every_code_of_the_simulator_is_in_the_contracts_table(void **state)
{
	OWNED char *flat = introduction();

	(void)state;
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

/* GET TARGET (taken) and compare the answer, or its first item, with SCHEMA. */
static void conforms_at(struct world *world, const char *schema, char *target)
{
	OWNED char *owned = target;
	json_t *items;

	assert_int_equal(sim_client_call(&world->client, "GET", owned, NULL), 200);
	items = json_object_get(world->client.reply, "items");
	assert_conforms(schema, items == NULL ? world->client.reply : json_array_get(items, 0));
}

static char *at_application(const struct world *world)
{
	return text_dupf("/v1/applications/%s", world->journey.application);
}

static void branches_have_the_members_of_their_schemas(void **state)
{
	struct world *world = *state;
	struct sim_client *client = &world->client;

	(void)sim_client_knob(client, "review", json_string("correctable"));
	world_walk(world, WALK_VERIFIED);
	client->now += CLOCK_SECOND;
	conforms_at(world, "Application", at_application(world));
	assert_string_equal(sim_client_text(client, "state"), "correction_required");
	client->now += 6 * CLOCK_DAY;
	conforms_at(world, "Application", at_application(world));
	assert_string_equal(sim_client_text(client, "state"), "rejected");
	conforms_at(world, "Refund", text_dup("/v1/refunds"));
	conforms_at(world, "Payment", text_dup("/v1/payments"));
	assert_int_equal(sim_client_call(client, "POST", "/v1/webhooks",
				 json_pack("{s:s, s:[s]}", "url", "http://x", "events", "*")),
		201);
	assert_conforms("Webhook", client->reply);
	conforms_at(world, "Webhook", text_dup("/v1/webhooks"));
	assert_int_equal(sim_client_call(client, "POST", "/v1/invoice-logins",
				 json_pack("{s:s}", "mobile", "13800138000")),
		201);
	assert_conforms("InvoiceLogin", client->reply);
}

static void wechat_orders_and_failed_bindings_have_the_members_of_their_schemas(void **state)
{
	struct world *world = *state;
	struct sim_client *client = &world->client;
	OWNED char *code_url = NULL;

	world_walk(world, WALK_SUBMITTED);
	assert_int_equal(
		sim_client_call(client, "POST", "/v1/payments",
			json_pack("{s:s, s:[s], s:s}", "method", "wechat_pay", "applications",
				world->journey.application, "invoice_email", "a@b.cn")),
		201);
	assert_conforms("Payment", client->reply);
	code_url = text_dup(sim_client_text(client, "code_url"));
	(void)sim_client_control(client, "POST", "/sim/phone",
		json_pack("{s:s, s:s}", "code_url", code_url, "action", "pay"));
	conforms_at(world, "Payment", text_dup("/v1/payments"));
	world->journey = world_second(world);
	(void)sim_client_knob(client, "cancel_at_confirm", json_true());
	assert_true(sim_client_walk(client, &world->journey, WALK_BOUND));
	conforms_at(world, "Binding",
		text_dupf("/v1/bindings?client_ref=%s", world->journey.client_ref));
	assert_non_null(json_object_get(
		json_array_get(json_object_get(client->reply, "items"), 0), "failed"));
}

static void every_notice_is_of_a_type_that_the_contract_lists(void **state)
{
	static const char *const families[] = { "binding.", "application.", "payment.", "refund." };
	struct world *world = *state;
	struct sim_client *client = &world->client;
	OWNED char *flat = introduction();
	struct sim_delivery delivery;
	int notices = 0;

	(void)sim_client_call(client, "POST", "/v1/webhooks",
		json_pack("{s:s, s:[s]}", "url", "http://x", "events", "*"));
	(void)sim_client_knob(client, "review",
		json_pack("{s:s, s:i}", "value", "approve_then_revoke", "ms", 5000));
	world_walk(world, WALK_INSTALLED);
	client->now += CLOCK_DAY;
	sim_advance(client->sim, client->now);
	while (sim_delivery_take(client->sim, client->now, &delivery)) {
		JSON *body = json_loads(delivery.body, 0, NULL);
		const char *type = json_peek_text(body, "type");
		OWNED char *spaced = text_dupf(" %s", type);
		bool known = strstr(flat, spaced) != NULL;

		for (size_t i = 0; i < COUNT_OF(families); i++)
			known |= text_starts(type, families[i]);
		if (!known)
			fail_msg("gateway.yaml does not list the notice %s", type);
		sim_delivery_done(client->sim, client->now, delivery.id, 200);
		sim_delivery_free(&delivery);
		notices++;
	}
	assert_true(notices > 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(every_operation_of_the_contract_is_answered_as_it_says),
		WORLD_TEST(every_code_of_the_simulator_is_in_the_contracts_table),
		WORLD_TEST(answers_have_the_members_of_their_schemas),
		WORLD_TEST(branches_have_the_members_of_their_schemas),
		WORLD_TEST(wechat_orders_and_failed_bindings_have_the_members_of_their_schemas),
		WORLD_TEST(every_notice_is_of_a_type_that_the_contract_lists),
	};

	return cmocka_run_group_tests_name(
		"simulator: contract", tests, contract_read, contract_drop);
}
