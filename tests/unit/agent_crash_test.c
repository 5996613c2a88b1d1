/* SPDX-License-Identifier: Apache-2.0 */
/* The install worker killed before and after every PKCS#11 call it makes: the old certificate always
 * stays, no run makes two logins, and after what a person must do the install converges. */
#include "tests/unit/agent_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/text.h"

enum { CALLS_MAX = 400, CALLS_LEAST = 30 };

struct tally {
	int kills, barred, interrupted, installed, untouched;
};

struct sweep {
	struct bench bench;
	struct bench_token token;
	int orders;
	struct tally tally;
};

static void begin(struct sweep *sweep)
{
	bench_start(&sweep->bench);
	bench_token(&sweep->bench, &sweep->token, "ukey", "ec256", false);
	bench_keep(&sweep->bench);
}

static void end(struct sweep *sweep)
{
	bench_token_done(&sweep->token);
	bench_end(&sweep->bench);
}

/* A new order, on the token as it was in the beginning: each install makes the same calls. */
static void new_order(struct sweep *sweep, char id[16])
{
	sweep->orders++;
	(void)snprintf(id, 16, "%d", sweep->orders);
	bench_restore(&sweep->bench);
	bench_order(&sweep->bench, &sweep->token, id);
}

static int logins(const struct sweep *sweep)
{
	return bench_calls(&sweep->bench, "C_Login", "");
}

/* A person looks at the token and lifts the bar; before that, nothing logs in. */
static void lift_bar(struct sweep *sweep, const char *id)
{
	char outcome[64];
	int before = logins(sweep);

	(void)bench_install(&sweep->bench, id, NULL, outcome);
	assert_string_equal(outcome, "pin_barred");
	assert_int_equal(logins(sweep), before);
	bench_settle(&sweep->bench, id, outcome);
	assert_int_equal(bench_run(&sweep->bench, "xuqi-agent", NULL,
				 (const char *const[]){
					 "pin", "clear", "--serial", sweep->token.serial, NULL })
				 .code,
		0);
}

static void count_outcome(struct sweep *sweep, const char *outcome)
{
	sweep->tally.kills++;
	if (text_equal(outcome, "pin_unsure"))
		sweep->tally.barred++;
	else if (text_equal(outcome, "interrupted"))
		sweep->tally.interrupted++;
	else if (text_equal(outcome, "installed"))
		sweep->tally.installed++;
	else if (text_equal(outcome, ""))
		sweep->tally.untouched++;
	else
		fail_msg("a kill ended as %s", outcome);
}

static void then_it_converges(struct sweep *sweep, const char *id)
{
	char outcome[64];

	(void)bench_install(&sweep->bench, id, NULL, outcome);
	assert_string_equal(outcome, "installed");
	bench_settle(&sweep->bench, id, outcome);
	assert_int_equal(bench_holds(&sweep->bench, sweep->token.old[0]), 1);
	assert_int_equal(bench_holds(&sweep->bench, sweep->token.renewed[0]), 1);
}

/* One kill; false once the install makes fewer calls than AT. */
static bool kill_at(struct sweep *sweep, const char *call, int at, const char *action)
{
	OWNED char *fault = text_dupf("%s:%d:%s", call, at, action);
	char outcome[64];
	char id[16];
	int before = 0;
	struct bench_run run;

	new_order(sweep, id);
	before = logins(sweep);
	run = bench_install(&sweep->bench, id, fault, outcome);
	assert_true(logins(sweep) - before <= 1);
	if (run.code == 0)
		return false;
	assert_int_equal(run.code, -1);
	bench_settle(&sweep->bench, id, outcome);
	count_outcome(sweep, outcome);
	if (text_equal(outcome, "pin_unsure"))
		lift_bar(sweep, id);
	then_it_converges(sweep, id);
	return true;
}

static void kill_at_each(struct sweep *sweep, const char *call, const char *action)
{
	int at = 1;

	while (at < CALLS_MAX && kill_at(sweep, call, at, action))
		at++;
	assert_true(at > 1); /* the install makes this call */
}

static void then_each_end_was_seen(const struct sweep *sweep)
{
	const struct tally *tally = &sweep->tally;

	print_message("%d kills: %d untouched, %d barred, %d interrupted, %d installed\n",
		tally->kills, tally->untouched, tally->barred, tally->interrupted,
		tally->installed);
	assert_int_equal(tally->barred, 1); /* exactly the login itself */
	assert_true(tally->untouched > 0);
	assert_true(tally->interrupted > 0);
	assert_true(tally->installed > 0);
}

static void killed_before_any_call_the_install_converges(void **state)
{
	struct sweep sweep = { 0 };

	(void)state;
	begin(&sweep);
	kill_at_each(&sweep, "any", "kill");
	assert_true(sweep.tally.kills > CALLS_LEAST);
	then_each_end_was_seen(&sweep);
	end(&sweep);
}

/* After a call and before the next one lie the journal's lines: the calls that they follow. */
static void killed_after_a_call_took_effect_the_install_converges(void **state)
{
	static const char *const calls[] = { "C_GetTokenInfo", "C_FindObjectsFinal", "C_Login",
		"C_Sign", "C_CreateObject", "C_Logout", "C_CloseSession" };
	struct sweep sweep = { 0 };

	(void)state;
	begin(&sweep);
	for (size_t i = 0; i < COUNT_OF(calls); i++)
		kill_at_each(&sweep, calls[i], "postkill");
	then_each_end_was_seen(&sweep);
	end(&sweep);
}

/* The control: what the ledger prevents is really there to be prevented, and would be counted. */
static void without_the_ledger_the_same_cut_costs_a_second_login(void **state)
{
	struct sweep sweep = { 0 };
	char outcome[64];
	char id[16];

	(void)state;
	begin(&sweep);
	new_order(&sweep, id);
	(void)bench_install(&sweep.bench, id, "C_Login:1:postkill", outcome);
	assert_int_equal(unlink(bench_path(&sweep.bench, "state/pin_ledger.jsonl")), 0);
	assert_int_equal(unlink(bench_path(&sweep.bench, "state/journal/1.jsonl")), 0);

	(void)bench_install(&sweep.bench, id, NULL, outcome);

	assert_int_equal(logins(&sweep), 2);
	end(&sweep);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_before_any_call_the_install_converges),
		cmocka_unit_test(killed_after_a_call_took_effect_the_install_converges),
		cmocka_unit_test(without_the_ledger_the_same_cut_costs_a_second_login),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
