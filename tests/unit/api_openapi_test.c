/* SPDX-License-Identifier: Apache-2.0 */
/* The people's listener and schema/openapi.yaml say the same: each route is openapi, each described
 * operation is there, and both let the same roles in. */
#include "tests/unit/openapi.h"

#include "orchestrator/api/api.h"
#include "orchestrator/api/ask.h"

static const struct yaml_node *operation(const struct inbound_route *route)
{
	return openapi_operation(route->path, route->method == INBOUND_GET ? "get" : "post");
}

static const struct inbound_route *route_find(const char *path, const char *method)
{
	enum inbound_method wanted = text_equal(method, "get") ? INBOUND_GET : INBOUND_POST;

	for (size_t i = 0; i < people_route_count; i++) {
		OWNED char *known = openapi_path(people_routes[i].path);

		if (text_equal(known, path) && people_routes[i].method == wanted)
			return &people_routes[i];
	}
	return NULL;
}

static void every_route_is_described(void **state)
{
	(void)state;
	for (size_t i = 0; i < people_route_count; i++)
		if (operation(&people_routes[i]) == NULL)
			fail_msg("%s is not in schema/openapi.yaml", people_routes[i].path);
}

static void every_described_operation_is_a_route(void **state)
{
	const struct yaml_node *path = yaml_find(openapi, "paths")->child;

	(void)state;
	for (; path != NULL; path = path->next)
		for (const struct yaml_node *one = path->child; one != NULL; one = one->next)
			if (!text_equal(one->key, "parameters") &&
				route_find(path->key, one->key) == NULL)
				fail_msg("%s %s is no route", one->key, path->key);
}

/* The roles that `x-roles` of OPERATION names, all where there is none. */
static unsigned roles_of(const struct yaml_node *operation_node)
{
	static const struct {
		const char *word;
		unsigned role;
	} roles[] = { { "operator", ROLE_OPERATOR }, { "finance", ROLE_FINANCE },
		{ "approver", ROLE_APPROVER }, { "handler", ROLE_HANDLER },
		{ "auditor", ROLE_AUDITOR }, { "admin", ROLE_ADMIN } };
	const struct yaml_node *list = yaml_find(operation_node, "x-roles");
	const struct yaml_node *word = list == NULL ? NULL : list->child;
	unsigned found = list == NULL ? ROLE_ANY : 0;

	for (; word != NULL; word = word->next)
		for (size_t i = 0; i < COUNT_OF(roles); i++)
			found |= text_equal(word->text, roles[i].word) ? roles[i].role : 0;
	return found;
}

static void the_roles_are_those_that_are_described(void **state)
{
	(void)state;
	for (size_t i = 0; i < people_route_count; i++) {
		const struct people_route *facts = people_routes[i].extra;

		if (facts != NULL && facts->roles != roles_of(operation(&people_routes[i])))
			fail_msg("%s lets other roles in than schema/openapi.yaml says",
				people_routes[i].path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_route_is_described),
		cmocka_unit_test(every_described_operation_is_a_route),
		cmocka_unit_test(the_roles_are_those_that_are_described),
	};

	return cmocka_run_group_tests(tests, openapi_load, openapi_unload);
}
