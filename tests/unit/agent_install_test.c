/* SPDX-License-Identifier: Apache-2.0 */
/* The install worker on SoftHSM tokens: what it installs, what it refuses, and what a wrong PIN
 * costs.  The pass-through module counts the logins. */
#include "tests/unit/agent_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/text.h"

struct world {
	struct bench bench;
	struct bench_token token;
	char outcome[64];
};

static int begin(void **state)
{
	struct world *world = zalloc(1, sizeof(*world));

	bench_start(&world->bench);
	*state = world;
	return 0;
}

static int end(void **state)
{
	struct world *world = *state;

	bench_token_done(&world->token);
	bench_end(&world->bench);
	free(world);
	return 0;
}

static void given_an_order(struct world *world, const char *algorithm, bool pair)
{
	bench_token(&world->bench, &world->token, "ukey", algorithm, pair);
	bench_order(&world->bench, &world->token, "41");
}

static void when_installed(struct world *world)
{
	struct bench_run run = bench_install(&world->bench, "41", NULL, world->outcome);

	if (run.code != 0) {
		OWNED char *log = bench_read(&world->bench, "log");

		fail_msg("exit code %d\n%s", run.code, log);
	}
}

static void then_installed(struct world *world)
{
	assert_string_equal(world->outcome, "installed");
	assert_int_equal(bench_calls(&world->bench, "C_Login", "rv=0x0"), 1);
	assert_int_equal(
		bench_calls(&world->bench, "C_CreateObject", "rv=0x0"), world->token.pairs);
	assert_int_equal(bench_calls(&world->bench, "C_DestroyObject", ""), 0);
	for (int i = 0; i < world->token.pairs; i++) {
		assert_int_equal(bench_holds(&world->bench, world->token.old[i]), 1);
		assert_int_equal(bench_holds(&world->bench, world->token.renewed[i]), 1);
	}
}

static void an_rsa_certificate_is_installed_beside_the_old_one(void **state)
{
	given_an_order(*state, "rsa2048", false);
	when_installed(*state);
	then_installed(*state);
}

static void an_ec_certificate_is_installed_beside_the_old_one(void **state)
{
	struct world *world = *state;

	bench_token(&world->bench, &world->token, "ukey", "ec256", false);
	bench_order(&world->bench, &world->token, "41");
	when_installed(world);
	then_installed(world);
}

static void a_pair_is_installed_under_one_login(void **state)
{
	given_an_order(*state, "rsa2048", true);
	when_installed(*state);
	then_installed(*state);
}

static void every_step_is_in_the_journal_in_order(void **state)
{
	struct world *world = *state;
	static const char *const steps[] = { "PREPARED", "PERMITTED", "LOGGED_IN", "NEW_WRITTEN",
		"VERIFIED", "ENDED" };
	const char *at = NULL;

	given_an_order(world, "ec256", false);
	when_installed(world);

	OWNED char *journal = bench_read(&world->bench, "state/journal/41.jsonl");

	at = journal;
	for (size_t i = 0; i < COUNT_OF(steps); i++) {
		at = strstr(at, steps[i]);
		assert_non_null(at);
	}
}

static void an_order_asked_for_again_touches_no_token(void **state)
{
	struct world *world = *state;

	given_an_order(world, "ec256", false);
	when_installed(world);
	bench_settle(&world->bench, "41", world->outcome);
	bench_unplug(&world->bench);

	when_installed(world);

	assert_string_equal(world->outcome, "installed");
	assert_int_equal(bench_calls(&world->bench, "C_Login", ""), 1);
}

static void a_permit_that_is_not_used_is_given_back(void **state)
{
	struct world *world = *state;
	struct bench_run run;
	char ref[64] = "";

	given_an_order(world, "ec256", false);
	run = bench_run(&world->bench, "xuqi-agent-install", NULL,
		(const char *const[]){ "preflight", NULL });
	assert_true(bench_fact(&run, "permit_ref", ref, sizeof(ref)));
	bench_unplug(&world->bench);

	when_installed(world);

	OWNED char *journal = bench_read(&world->bench, "state/journal/41.jsonl");
	OWNED char *ended = text_dupf("\"outcome\":\"token_absent\",\"permit_ref\":\"%s\"", ref);

	assert_string_equal(world->outcome, "token_absent");
	assert_non_null(strstr(journal, ended));
}

/* ---- the PIN ---------------------------------------------------------------------------------- */

static void given_a_wrong_pin(struct world *world)
{
	given_an_order(world, "ec256", false);
	bench_write(&world->bench, "pin", "0000wrong0000pin");
}

static void a_wrong_pin_costs_one_try_whatever_is_ordered(void **state)
{
	struct world *world = *state;

	given_a_wrong_pin(world);
	when_installed(world);
	assert_string_equal(world->outcome, "pin_incorrect");
	bench_settle(&world->bench, "41", world->outcome);

	for (int i = 0; i < 3; i++) {
		when_installed(world);
		assert_string_equal(world->outcome, "pin_barred");
		bench_settle(&world->bench, "41", world->outcome);
	}
	bench_order(&world->bench, &world->token, "42");
	(void)bench_install(&world->bench, "42", NULL, world->outcome);

	assert_string_equal(world->outcome, "pin_barred");
	assert_int_equal(bench_calls(&world->bench, "C_Login", ""), 1);
	assert_int_equal(bench_calls(&world->bench, "C_CreateObject", ""), 0);
}

static void a_person_lifts_the_bar(void **state)
{
	struct world *world = *state;
	struct bench_run run;

	given_a_wrong_pin(world);
	when_installed(world);
	bench_settle(&world->bench, "41", world->outcome);
	bench_write(&world->bench, "pin", world->bench.pin);

	run = bench_run(&world->bench, "xuqi-agent", NULL,
		(const char *const[]){ "pin", "clear", "--serial", world->token.serial, NULL });
	assert_int_equal(run.code, 0);

	/* SoftHSM still shows the low count: the flags are an extra stop. */
	when_installed(world);
	assert_string_equal(world->outcome, "pin_low");
	assert_int_equal(bench_calls(&world->bench, "C_Login", ""), 1);
}

static void a_cut_between_login_and_record_counts_as_a_wrong_pin(void **state)
{
	static const char *const cuts[] = { "C_Login:1:kill", "C_Login:1:postkill" };

	for (size_t i = 0; i < COUNT_OF(cuts); i++) {
		struct world *world = *state;

		if (i == 0)
			given_an_order(world, "ec256", false);
		(void)bench_install(&world->bench, "41", cuts[i], world->outcome);
		bench_settle(&world->bench, "41", world->outcome);
		assert_string_equal(world->outcome, "pin_unsure");
		when_installed(world);
		assert_string_equal(world->outcome, "pin_barred");
		bench_settle(&world->bench, "41", world->outcome);
		assert_int_equal(bench_run(&world->bench, "xuqi-agent", NULL,
					 (const char *const[]){ "pin", "clear", "--serial",
						 world->token.serial, NULL })
					 .code,
			0);
	}
}

static void an_unusual_answer_to_the_login_is_never_tried_again(void **state)
{
	struct world *world = *state;

	given_an_order(world, "ec256", false);
	(void)bench_install(&world->bench, "41", "C_Login:1:0x5", world->outcome);
	assert_string_equal(world->outcome, "pin_unsure");
	bench_settle(&world->bench, "41", world->outcome);

	when_installed(world);

	assert_string_equal(world->outcome, "pin_barred");
	assert_int_equal(bench_calls(&world->bench, "C_Login", ""), 1);
}

static void one_permit_is_one_login(void **state)
{
	struct world *world = *state;
	char ref[64] = "";
	struct bench_run run;

	given_an_order(world, "ec256", false);
	run = bench_run(&world->bench, "xuqi-agent-install", NULL,
		(const char *const[]){ "preflight", NULL });
	assert_true(bench_fact(&run, "permit_ref", ref, sizeof(ref)));

	/* Not granted: the journal has no such permit. */
	run = bench_run(&world->bench, "xuqi-agent-install", NULL,
		(const char *const[]){ "install", ref, "3", NULL });
	assert_int_equal(run.code, 1);

	/* Granted and used. */
	when_installed(world);
	assert_string_equal(world->outcome, "installed");
	run = bench_run(&world->bench, "xuqi-agent-install", NULL,
		(const char *const[]){ "install", ref, "3", NULL });
	assert_int_equal(run.code, 1);
	assert_int_equal(bench_calls(&world->bench, "C_Login", ""), 1);
}

static void a_permit_whose_login_was_cut_off_is_not_used_again(void **state)
{
	struct world *world = *state;
	char ref[64] = "";
	struct bench_run run;

	given_an_order(world, "ec256", false);
	run = bench_run(&world->bench, "xuqi-agent-install", NULL,
		(const char *const[]){ "preflight", NULL });
	assert_true(bench_fact(&run, "permit_ref", ref, sizeof(ref)));
	assert_int_equal(
		bench_install(&world->bench, "41", "C_SignInit:1:kill", world->outcome).code, -1);

	run = bench_run(&world->bench, "xuqi-agent-install", NULL,
		(const char *const[]){ "install", ref, "3", NULL });

	assert_int_equal(run.code, 1);
	assert_int_equal(bench_calls(&world->bench, "C_Login", ""), 1);
}

static void a_pin_that_cannot_be_one_is_not_presented(void **state)
{
	static const char *const pins[] = { "123", "with\ttab", "\xe5\xaf\x86\xe7\xa0\x81" };
	struct world *world = *state;

	given_an_order(world, "ec256", false);
	for (size_t i = 0; i < COUNT_OF(pins); i++) {
		bench_write(&world->bench, "pin", pins[i]);
		when_installed(world);
		assert_string_equal(world->outcome, "pin_absent");
		bench_settle(&world->bench, "41", world->outcome);
	}
	assert_int_equal(bench_calls(&world->bench, "C_Login", ""), 0);
}

static void a_pin_file_open_to_others_is_not_used(void **state)
{
	struct world *world = *state;

	given_an_order(world, "ec256", false);
	assert_int_equal(chmod(bench_path(&world->bench, "pin"), 0640), 0);
	when_installed(world);
	assert_string_equal(world->outcome, "pin_absent");
	assert_int_equal(bench_calls(&world->bench, "C_Login", ""), 0);
}

static void the_pin_is_in_no_file_and_a_planted_leak_is_found(void **state)
{
	struct world *world = *state;

	given_an_order(world, "rsa2048", false);
	when_installed(world);
	assert_string_equal(world->outcome, "installed");
	assert_int_equal(bench_leaks(&world->bench, world->bench.pin), 0);
	assert_true(bench_leaks(&world->bench, world->token.serial) > 0);

	OWNED char *line = text_dupf("level=info event=x pin=%s\n", world->bench.pin);

	bench_write(&world->bench, "state/journal/planted.log", line);
	assert_int_equal(bench_leaks(&world->bench, world->bench.pin), 1);
}

/* ---- the token -------------------------------------------------------------------------------- */

static void then_refused(struct world *world, const char *outcome)
{
	when_installed(world);
	assert_string_equal(world->outcome, outcome);
	assert_int_equal(bench_calls(&world->bench, "C_Login", ""), 0);
	assert_int_equal(bench_calls(&world->bench, "C_CreateObject", ""), 0);
}

static void no_token_is_refused(void **state)
{
	struct world *world = *state;

	given_an_order(world, "ec256", false);
	bench_unplug(&world->bench);
	then_refused(world, "token_absent");
	bench_plug(&world->bench);
	bench_settle(&world->bench, "41", world->outcome);
	when_installed(world);
	assert_string_equal(world->outcome, "installed");
}

static void another_token_is_refused(void **state)
{
	struct world *world = *state;
	struct bench_token other = { 0 };

	given_an_order(world, "ec256", false);
	bench_unplug(&world->bench);
	bench_token(&world->bench, &other, "other", "ec256", false);
	then_refused(world, "token_other");
	bench_token_done(&other);
}

static void two_tokens_are_refused(void **state)
{
	struct world *world = *state;
	struct bench_token other = { 0 };

	given_an_order(world, "ec256", false);
	bench_token(&world->bench, &other, "other", "ec256", false);
	then_refused(world, "token_several");
	bench_token_done(&other);
}

static void a_token_pulled_before_the_login_costs_no_try(void **state)
{
	struct world *world = *state;

	/* The second C_GetSlotList of the run is the look right before the login. */
	given_an_order(world, "ec256", false);
	(void)bench_install(&world->bench, "41", "C_GetSlotList:2:gone", world->outcome);
	assert_string_equal(world->outcome, "token_absent");
	assert_int_equal(bench_calls(&world->bench, "C_Login", ""), 0);
}

static void a_token_that_is_not_seen_before_the_write_is_not_written(void **state)
{
	struct world *world = *state;

	/* The first signature is the proof of the key, right before the write. */
	given_an_order(world, "ec256", false);
	(void)bench_install(&world->bench, "41", "C_Sign:1:unseen", world->outcome);
	assert_string_equal(world->outcome, "interrupted");
	assert_int_equal(bench_calls(&world->bench, "C_Login", "rv=0x0"), 1);
	assert_int_equal(bench_calls(&world->bench, "C_CreateObject", ""), 0);
}

static void a_token_pulled_at_any_look_keeps_its_old_certificate(void **state)
{
	struct world *world = *state;
	int lists = 2;

	given_an_order(world, "ec256", false);
	for (; lists < 12; lists++) {
		OWNED char *fault = text_dupf("C_GetSlotList:%d:gone", lists);

		(void)bench_install(&world->bench, "41", fault, world->outcome);
		bench_settle(&world->bench, "41", world->outcome);
		assert_int_equal(bench_holds(&world->bench, world->token.old[0]), 1);
		if (text_equal(world->outcome, "installed"))
			break;
		assert_int_equal(bench_calls(&world->bench, "C_CreateObject", ""), 0);
	}
	assert_true(lists > 3);
	assert_int_equal(bench_holds(&world->bench, world->token.renewed[0]), 1);
}

static void a_full_token_is_said_so(void **state)
{
	struct world *world = *state;

	given_an_order(world, "ec256", false);
	(void)bench_install(&world->bench, "41", "C_CreateObject:1:0x31", world->outcome);
	assert_string_equal(world->outcome, "token_full");
	assert_int_equal(bench_holds(&world->bench, world->token.old[0]), 1);
	assert_int_equal(bench_holds(&world->bench, world->token.renewed[0]), 0);
}

static void an_unusual_answer_to_the_write_stops_the_install(void **state)
{
	struct world *world = *state;

	given_an_order(world, "ec256", false);
	(void)bench_install(&world->bench, "41", "C_CreateObject:1:0x30", world->outcome);
	assert_string_equal(world->outcome, "interrupted");
	bench_settle(&world->bench, "41", world->outcome);

	when_installed(world);

	assert_string_equal(world->outcome, "installed");
	assert_int_equal(bench_calls(&world->bench, "C_Login", "rv=0x0"), 2);
}

/* ---- the order -------------------------------------------------------------------------------- */

static void an_old_or_unknown_client_is_refused(void **state)
{
	static const char *const versions[] = { "V4.7.5\n", "4.7\n", "newest\n", "\n", NULL };
	struct world *world = *state;

	given_an_order(world, "ec256", false);
	for (size_t i = 0; i < COUNT_OF(versions); i++) {
		if (versions[i] != NULL)
			bench_write(&world->bench, "version", versions[i]);
		else
			assert_int_equal(unlink(bench_path(&world->bench, "version")), 0);
		then_refused(world, "client_old");
		bench_settle(&world->bench, "41", world->outcome);
	}
	bench_write(&world->bench, "version", "V4.7.6\n");
	when_installed(world);
	assert_string_equal(world->outcome, "installed");
}

/* What may be wrong with the new certificate; each change leaves it signed by somebody. */
static void of_another_key(struct world *world, X509 *renewed)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	assert_int_equal(X509_set_pubkey(renewed, key), 1);
	assert_true(X509_sign(renewed, world->bench.ca_key, EVP_sha256()) > 0);
	EVP_PKEY_free(key);
}

static void of_another_root(struct world *world, X509 *renewed)
{
	assert_true(X509_sign(renewed, world->bench.root_key, EVP_sha256()) > 0);
}

static void of_another_subject(struct world *world, X509 *renewed)
{
	assert_int_equal(X509_set_subject_name(renewed, X509_get_subject_name(world->bench.ca)), 1);
	assert_true(X509_sign(renewed, world->bench.ca_key, EVP_sha256()) > 0);
}

static void as_it_is(struct world *world, X509 *renewed)
{
	(void)world;
	(void)renewed;
}

/* Given an order by KEY_POLICY for a certificate valid for DAYS and changed by SPOIL: it is refused. */
static void then_order_bad(struct world *world, int days, const char *key_policy,
	void (*spoil)(struct world *world, X509 *renewed))
{
	bench_token(&world->bench, &world->token, "ukey", "ec256", false);
	world->token.renewed[0] = bench_renew(&world->bench, world->token.old[0], days);
	spoil(world, world->token.renewed[0]);
	bench_order_with(&world->bench, &world->token, "41", key_policy);
	then_refused(world, "order_bad");
}

static void a_certificate_for_another_key_is_refused(void **state)
{
	then_order_bad(*state, 385, "reuse", of_another_key);
}

static void a_certificate_from_another_root_is_refused(void **state)
{
	then_order_bad(*state, 385, "reuse", of_another_root);
}

static void a_certificate_that_does_not_last_longer_is_refused(void **state)
{
	then_order_bad(*state, 19, "reuse", as_it_is);
}

static void another_subject_is_refused(void **state)
{
	then_order_bad(*state, 385, "reuse", of_another_subject);
}

static void an_unknown_key_policy_is_refused(void **state)
{
	then_order_bad(*state, 385, "rekey", as_it_is);
}

static void a_broken_order_is_refused_by_its_name(void **state)
{
	struct world *world = *state;

	bench_token(&world->bench, &world->token, "ukey", "ec256", false);
	bench_write(&world->bench, "state/order.json",
		"{\"id\":\"41\",\"token_serial\":\"x\",\"new\":[]}");
	then_refused(world, "order_bad");
}

static void an_order_without_a_safe_id_is_not_followed(void **state)
{
	struct world *world = *state;
	struct bench_run run;

	bench_write(&world->bench, "state/order.json", "{\"id\":\"../41\",\"token_serial\":\"x\"}");
	run = bench_run(&world->bench, "xuqi-agent-install", NULL,
		(const char *const[]){ "preflight", NULL });
	assert_int_equal(run.code, 1);
	assert_string_equal(run.out, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_rsa_certificate_is_installed_beside_the_old_one),
		TEST(an_ec_certificate_is_installed_beside_the_old_one),
		TEST(a_pair_is_installed_under_one_login),
		TEST(every_step_is_in_the_journal_in_order),
		TEST(an_order_asked_for_again_touches_no_token),
		TEST(a_permit_that_is_not_used_is_given_back),
		TEST(a_wrong_pin_costs_one_try_whatever_is_ordered),
		TEST(a_person_lifts_the_bar),
		TEST(a_cut_between_login_and_record_counts_as_a_wrong_pin),
		TEST(an_unusual_answer_to_the_login_is_never_tried_again),
		TEST(one_permit_is_one_login),
		TEST(a_permit_whose_login_was_cut_off_is_not_used_again),
		TEST(a_pin_that_cannot_be_one_is_not_presented),
		TEST(a_pin_file_open_to_others_is_not_used),
		TEST(the_pin_is_in_no_file_and_a_planted_leak_is_found),
		TEST(no_token_is_refused),
		TEST(another_token_is_refused),
		TEST(two_tokens_are_refused),
		TEST(a_token_pulled_before_the_login_costs_no_try),
		TEST(a_token_that_is_not_seen_before_the_write_is_not_written),
		TEST(a_token_pulled_at_any_look_keeps_its_old_certificate),
		TEST(a_full_token_is_said_so),
		TEST(an_unusual_answer_to_the_write_stops_the_install),
		TEST(an_old_or_unknown_client_is_refused),
		TEST(a_certificate_for_another_key_is_refused),
		TEST(a_certificate_from_another_root_is_refused),
		TEST(a_certificate_that_does_not_last_longer_is_refused),
		TEST(another_subject_is_refused),
		TEST(an_unknown_key_policy_is_refused),
		TEST(a_broken_order_is_refused_by_its_name),
		TEST(an_order_without_a_safe_id_is_not_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
