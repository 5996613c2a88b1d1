/* SPDX-License-Identifier: Apache-2.0 */
/* Names of outside effects are derived, so that a repeat after a crash is recognised. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "orchestrator/domain/effect_key.h"

static void the_same_effect_has_the_same_names(void **state)
{
	char key[EFFECT_KEY], again[EFFECT_KEY], ref[EFFECT_CLIENT_REF],
		ref_again[EFFECT_CLIENT_REF];

	(void)state;
	assert_true(effect_key(key, "install-1", 17, "submit", 1));
	assert_true(effect_key(again, "install-1", 17, "submit", 1));
	assert_string_equal(key, again);
	assert_true(effect_client_ref(ref, "install-1", 17, "submit", 1));
	assert_true(effect_client_ref(ref_again, "install-1", 17, "submit", 1));
	assert_string_equal(ref, ref_again);
}

/* The published names must not change with a release: effects under way would be repeated. */
static void the_names_are_those_of_every_release(void **state)
{
	char key[EFFECT_KEY], ref[EFFECT_CLIENT_REF];

	(void)state;
	assert_true(effect_key(key, "install-1", 17, "submit", 1));
	assert_true(effect_client_ref(ref, "install-1", 17, "submit", 1));
	assert_string_equal(key, "xq-b4457462c66fcd4004f98a9710cb974f");
	assert_string_equal(ref, "xq4k88127z09dqjkvhskgz9z6s");
}

static void every_difference_makes_another_effect(void **state)
{
	static const struct {
		const char *install, *effect;
		int64_t renewal;
		int attempt;
	} effects[] = {
		{ "install-1", "submit", 1, 1 },
		{ "install-1", "submit", 1, 11 },
		{ "install-1", "submit", 11, 1 },
		{ "install-1", "submi", 1, 1 },
		{ "install-11", "submit", 1, 1 },
		{ "install-1", "submit", 1, 2 },
		{ "install-1", "declare", 1, 1 },
	};

	char keys[7][EFFECT_KEY], refs[7][EFFECT_CLIENT_REF];

	(void)state;
	for (int i = 0; i < 7; i++) {
		assert_true(effect_key(keys[i], effects[i].install, effects[i].renewal,
			effects[i].effect, effects[i].attempt));
		assert_true(effect_client_ref(refs[i], effects[i].install, effects[i].renewal,
			effects[i].effect, effects[i].attempt));
		for (int j = 0; j < i; j++) {
			assert_string_not_equal(keys[i], keys[j]);
			assert_string_not_equal(refs[i], refs[j]);
		}
	}
}

static void a_client_ref_has_the_form_of_the_contract(void **state)
{
	char ref[EFFECT_CLIENT_REF];

	(void)state;
	for (int64_t renewal = 1; renewal < 500; renewal++) {
		assert_true(effect_client_ref(ref, "i", renewal, "submit", 1));
		assert_in_range(strlen(ref), 6, 32);
		assert_int_equal(strspn(ref, "0123456789abcdefghijklmnopqrstuvwxyz"), strlen(ref));
	}
}

static void an_effect_without_a_name_is_refused(void **state)
{
	char key[EFFECT_KEY] = "untouched", ref[EFFECT_CLIENT_REF];

	(void)state;
	assert_false(effect_key(key, "", 1, "submit", 1));
	assert_false(effect_key(key, "i", 0, "submit", 1));
	assert_false(effect_key(key, "i", 1, "", 1));
	assert_false(effect_key(key, "i", 1, "submit", 0));
	assert_false(effect_client_ref(ref, "", 1, "submit", 1));
	assert_string_equal(key, "untouched");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_effect_has_the_same_names),
		cmocka_unit_test(the_names_are_those_of_every_release),
		cmocka_unit_test(every_difference_makes_another_effect),
		cmocka_unit_test(a_client_ref_has_the_form_of_the_contract),
		cmocka_unit_test(an_effect_without_a_name_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
