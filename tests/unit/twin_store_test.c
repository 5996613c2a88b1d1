/* SPDX-License-Identifier: Apache-2.0 */
/* The twin's store answers as PostgreSQL does: the same random statements run on both, under one virtual clock
 * (PostgreSQL's now() and clock_timestamp() are shadowed by functions that a setting drives), and every answer is
 * compared. */
#include "tests/unit/walks.h"

#include "common/clock.h"
#include "common/json.h"
#include "sql.h"
#include "tests/twin/dice.h"
#include "tests/twin/store_inside.h"

enum { RENEWALS = 3, STEPS = 250, WORLDS = 4 };

/* 2026-11-23T01:00:00Z */
static const int64_t birth = INT64_C(1795395600) * CLOCK_SECOND;

struct both {
	struct store *store;
	int64_t at;
	struct dice dice;
	int64_t epochs[RENEWALS + 1]; /* the last lease that was seen; also old ones are tried */
};

/* ---- PostgreSQL under a virtual clock ---- */

static void shadow_clock(void)
{
	static const char *const names[] = { "now", "clock_timestamp" };

	(void)sql("create schema if not exists twin");
	for (size_t i = 0; i < COUNT_OF(names); i++)
		(void)sql(
			"create or replace function twin.%s() returns timestamptz language sql stable as "
			"'select to_timestamp(current_setting(''twin.at'')::numeric / 1000000)'",
			names[i]);
}

static void set_clock(struct both *both, int64_t at)
{
	both->at = at;
	clock_set(at);
	(void)sql("select set_config('twin.at', '%lld', false)", (long long)at);
}

static void open_session(void)
{
	(void)sql("set timezone to 'UTC'");
	(void)sql("select set_config('twin.at', '%lld', false)", (long long)birth);
	(void)sql("set search_path to twin, pg_catalog, public");
}

static int begin(void **state)
{
	struct fault fault;

	(void)state;
	log_init("test", LOG_LEVEL_ERROR);
	(void)snprintf(
		the_database.state_dir, sizeof the_database.state_dir, "/tmp/xuqi-database-XXXXXX");
	if (mkdtemp(the_database.state_dir) == NULL ||
		!cluster_start(&the_database.cluster, the_database.state_dir, NULL, &fault))
		return 1;
	the_database.pg = database_connect("xuqi");
	shadow_clock();
	open_session();
	for (const struct migrations_entry *file = migrations_entries; file->name != NULL; file++)
		(void)sql("%s", file->text);
	PQfinish(the_database.pg);
	return 0;
}

/* ---- the same rows on both sides ---- */

static void fill_store(struct both *both)
{
	struct store *store = both->store;
	struct row_campaign *campaign = store_add(store, &store->campaign);
	struct fault fault;

	campaign->name = "c";
	campaign->status = "running";
	campaign->digest = "c";
	campaign->policy = store_json(store, json_pack("{s:i}", "daily_cap", 2));
	campaign->plan = store_json(store, json_object());
	campaign->created_by = 2;
	campaign->start_at = birth;
	for (int i = 1; i <= RENEWALS; i++) {
		struct row_set *set = store_add(store, &store->set);
		struct row_renewal *renewal;

		set->holder = set->service = set->uscc = "";
		set->not_after = birth + 30 * CLOCK_DAY;
		set->unit = 2;
		renewal = store_add(store, &store->renewal);
		renewal->campaign = 1;
		renewal->set = set->id;
		renewal->kind = "expiring";
		renewal->ca = "gateway";
		renewal->old_not_after = set->not_after;
		renewal->term_years = 1;
		renewal->approved_fen = 20000;
		renewal->facts = store_json(store, json_object());
		renewal->claimed_at = renewal->claimed_until = NO_INSTANT;
		renewal->woken_at = renewal->changed_at = birth;
		renewal->due_at = FOREVER;
		store_set_state(renewal, "planned");
		assert_true(store_move(
			store, renewal, "proposed", "awaiting_approval", "operator", &fault));
	}
}

static void fill_database(void)
{
	an_organisation();
	(void)sql(
		"insert into campaigns (name, status, policy_name, policy, policy_sha256, plan, digest, created_by, start_at) "
		"values ('c', 'running', 'p', '{\"daily_cap\":2}', 'x', '{}', 'c', 2, now())");
	for (int i = 1; i <= RENEWALS; i++) {
		(void)sql(
			"insert into certificate_sets (holder, not_after, unit_id, source) values ('', now() + interval '30 days', 2, 'import')");
		(void)sql(
			"insert into renewals (campaign_id, set_id, ca, kind, old_not_after, term_years, approved_fen) "
			"select 1, id, 'gateway', 'expiring', not_after, 1, 20000 from certificate_sets where id = %d",
			i);
		(void)sql(
			"select renewal_move(%d, 'proposed', 'awaiting_approval', 'operator', '')",
			i);
	}
}

/* ---- one statement on both sides ---- */

/* What the fixture does not give alike on both sides, or what stands in the row's own table. */
static void drop_unlike(json_t *doc)
{
	(void)json_object_del(doc, "install_id");
	(void)json_object_del(doc, "pace");
}

static void tell_difference(const char *name, json_t *ours, json_t *theirs)
{
	const char *key;
	json_t *value;

	json_object_foreach(theirs, key, value)
	{
		OWNED char *a = json_dumps(json_object_get(ours, key), JSON_ENCODE_ANY);
		OWNED char *b = json_dumps(value, JSON_ENCODE_ANY);

		if (json_equal(json_object_get(ours, key), value) != 1)
			print_error("%s: %s is %s here, %s there\n", name, key,
				a != NULL ? a : "missing", b);
	}
	json_object_foreach(ours, key, value) if (json_object_get(theirs, key) == NULL)
		print_error("%s: %s is only here\n", name, key);
}

static void assert_same_value(const char *name, const char *ours, const char *theirs)
{
	JSON *a = json_loads(ours, 0, NULL);
	JSON *b = json_loads(theirs, 0, NULL);

	if (a == NULL || b == NULL) {
		assert_string_equal(ours, theirs);
		return;
	}
	drop_unlike(a);
	drop_unlike(b);
	if (json_equal(a, b) != 1)
		tell_difference(name, a, b);
	assert_int_equal(json_equal(a, b), 1);
}

/* A refusal's words may differ; whether there is one may not. */
static bool is_refusal(int column, int columns)
{
	return columns > 2 && (column == 1 || column == 2);
}

static void assert_same_rows(const char *name, const PGresult *ours, const PGresult *theirs)
{
	int columns = PQnfields(ours);

	if (PQntuples(ours) != PQntuples(theirs))
		print_error(
			"%s: %d rows here, %d there\n", name, PQntuples(ours), PQntuples(theirs));
	assert_int_equal(PQntuples(ours), PQntuples(theirs));
	for (int row = 0; row < PQntuples(ours); row++)
		for (int column = 0; column < columns; column++) {
			assert_int_equal(
				PQgetisnull(ours, row, column), PQgetisnull(theirs, row, column));
			if (!is_refusal(column, columns))
				assert_same_value(name, PQgetvalue(ours, row, column),
					PQgetvalue(theirs, row, column));
		}
}

/* The rows of our side (the caller's), after comparing them; NULL where both refused. */
static PGresult *run_both(struct both *both, const char *statement, int n, const char *const *args)
{
	const char *name = store_statement_name(statement);
	struct fault fault = { 0 };
	PGresult *ours = store_run(both->store, statement, n, args, &fault);
	PGresult *theirs = PQexecParams(the_database.pg, statement, n, NULL, args, NULL, NULL, 0);
	bool taken = PQresultStatus(theirs) == PGRES_TUPLES_OK ||
		PQresultStatus(theirs) == PGRES_COMMAND_OK;

	if (taken != (ours != NULL))
		print_error("%s: store %s, PostgreSQL %s\n", name,
			ours != NULL ? "takes it" : fault.text, PQresultErrorMessage(theirs));
	assert_int_equal(taken, ours != NULL);
	if (taken && PQresultStatus(theirs) == PGRES_TUPLES_OK)
		assert_same_rows(name, ours, theirs);
	PQclear(theirs);
	return ours;
}

static void run(struct both *both, const char *statement, const char *first, const char *second)
{
	const char *const args[] = { first, second };

	PQclear(run_both(both, statement, second != NULL ? 2 : first != NULL ? 1 : 0, args));
}

/* ---- what is tried ---- */

/* All that are due.  Which of them PostgreSQL numbers first is its own affair: its numbers are taken over. */
static void claim_all(struct both *both)
{
	const char *const args[] = { "500", "60" };
	struct fault fault;
	PGresult *ours = store_run(both->store, sql_renewals_claim, 2, args, &fault);
	PGresult *theirs =
		PQexecParams(the_database.pg, sql_renewals_claim, 2, NULL, args, NULL, NULL, 0);

	assert_int_equal(PQntuples(ours), PQntuples(theirs));
	for (int i = 0; i < PQntuples(theirs); i++) {
		int64_t id = 0, epoch = 0;
		struct row_renewal *renewal;

		(void)number_parse(&id, PQgetvalue(theirs, i, 0), 1, RENEWALS);
		(void)number_parse(&epoch, PQgetvalue(theirs, i, 1), 1, INT64_MAX);
		renewal = store_get(&both->store->renewal, id);
		assert_int_equal(renewal->claimed_at, both->at);
		renewal->epoch = both->epochs[id] = epoch;
	}
	PQclear(ours);
	PQclear(theirs);
}

static const char *drawn_conclusion(struct both *both)
{
	static const char *const waits[] = {
		"{\"wait\":{\"reason\":\"review\",\"seconds\":30}}",
		"{\"wait\":{\"reason\":\"ca_unreachable\",\"seconds\":1.5,\"error\":\"no answer\"}}",
		"{\"facts\":{\"binding_id\":\"b\"},\"wait\":{\"seconds\":0}}",
		"{\"settle\":{\"op\":\"bind\",\"outcome\":\"done\",\"answer\":{}},\"wait\":{\"seconds\":0}}",
		"{\"quoted_fen\":20000,\"note\":{\"event\":\"intent_stated\",\"text\":\"\"},\"wait\":{\"seconds\":5}}",
		"{\"quoted_fen\":20001,\"wait\":{\"seconds\":5}}",
		"{\"close_tasks\":[\"intent\"],\"wait\":{\"seconds\":5}}",
		"{\"facts\":{\"withdraw\":null},\"wait\":{\"seconds\":0}}",
		"{\"open_tasks\":[{\"kind\":\"intent\",\"role\":\"operator\",\"title\":\"t\",\"instruction\":\"i\",\"if_ignored\":\"f\",\"needs\":[\"statement\"],\"values\":{\"application\":\"a\"}}],\"wait\":{\"reason\":\"intent\",\"seconds\":60}}",
		"{\"order\":{\"reference\":\"XQ0000000012\",\"payer_account\":\"1\",\"payer_name\":\"p\",\"payee_name\":\"q\",\"payee_account\":\"2\",\"payee_bank\":\"b\",\"amount_fen\":20000},\"wait\":{\"seconds\":5}}",
		"{\"move\":{\"event\":\"paid\",\"to\":\"done\",\"text\":\"no such edge\"}}",
		"{\"move\":{\"event\":\"binding_confirmed\",\"to\":\"bound\",\"text\":\"\"}}",
		"{\"move\":{\"event\":\"application_opened\",\"to\":\"drafting\",\"text\":\"\"},\"facts\":{\"application_id\":\"a\"}}",
		"{\"move\":{\"event\":\"kind_changed\",\"to\":\"bound\",\"text\":\"\"},\"wait\":{\"reason\":\"token\",\"seconds\":9}}",
	};

	return waits[dice_below(&both->dice, COUNT_OF(waits))];
}

static int64_t drawn_epoch(struct both *both, int64_t id)
{
	return both->epochs[id] - (dice_below(&both->dice, 5) == 0);
}

static void conclude_one_of(struct both *both)
{
	int64_t id = dice_between(&both->dice, 1, RENEWALS);
	const char *doc = drawn_conclusion(both);
	OWNED char *items = text_dupf("[{\"id\":%lld,\"epoch\":%lld,\"doc\":%s}]", (long long)id,
		(long long)drawn_epoch(both, id), doc);

	run(both, sql_renewals_conclude, items, NULL);
}

static void intend_one_of(struct both *both)
{
	int64_t id = dice_between(&both->dice, 1, RENEWALS);
	int attempt = (int)dice_between(&both->dice, 1, 2);
	OWNED char *items = text_dupf(
		"[{\"id\":%lld,\"epoch\":%lld,\"op\":\"bind\",\"attempt\":%d,\"key\":\"k%lld-%d\",\"spends\":%s,\"alone\":true}]",
		(long long)id, (long long)drawn_epoch(both, id), attempt, (long long)id, attempt,
		dice_below(&both->dice, 2) == 0 ? "true" : "false");

	run(both, sql_effects_intend, items, NULL);
}

static void open_one_of(struct both *both)
{
	int64_t id = dice_between(&both->dice, 1, RENEWALS);
	OWNED char *items = text_dupf(
		"[{\"id\":%lld,\"epoch\":%lld,\"op\":\"open\",\"attempt\":1,\"key\":\"o%lld\",\"spends\":false}]",
		(long long)id, (long long)drawn_epoch(both, id), (long long)id);

	run(both, sql_effects_intend, items, NULL);
}

/* What a person asks by id: whether it is taken is compared, its words are not. */
static void ask_both(
	struct both *both, const char *statement, const char *person, int64_t id, const char *body)
{
	OWNED char *number = text_dupf("%lld", (long long)id);
	const char *const args[] = { person, number, NULL, body };
	struct fault fault;
	PGresult *ours = store_run(both->store, statement, 4, args, &fault);
	PGresult *theirs = PQexecParams(the_database.pg, statement, 4, NULL, args, NULL, NULL, 0);

	if ((ours != NULL) != (PQresultStatus(theirs) == PGRES_TUPLES_OK))
		print_error("%s: store %s, PostgreSQL %s\n", store_statement_name(statement),
			ours != NULL ? "takes it" : fault.text, PQresultErrorMessage(theirs));
	assert_int_equal(ours != NULL, PQresultStatus(theirs) == PGRES_TUPLES_OK);
	PQclear(ours);
	PQclear(theirs);
}

static const char *const people[] = { "{\"person\":2,\"login\":\"operator\",\"role\":\"operator\"}",
	"{\"person\":4,\"login\":\"approver\",\"role\":\"approver\"}" };

static void withdraw_one_of(struct both *both)
{
	static const char *const bodies[] = { "{\"reason\":\"r\",\"commit\":true}",
		"{\"reason\":\"r\"}", "{\"commit\":true}" };

	ask_both(both, sql_renewal_withdraw, people[0], dice_between(&both->dice, 1, RENEWALS + 1),
		bodies[dice_below(&both->dice, COUNT_OF(bodies))]);
}

static void hold_or_release(struct both *both)
{
	int64_t last = both->store->hold.last_id;

	if (dice_below(&both->dice, 4) == 0)
		ask_both(both, sql_hold_set, people[0], 0, "{\"reason\":\"r\",\"scope\":\"all\"}");
	else
		ask_both(both, sql_hold_release, people[dice_below(&both->dice, 2)],
			dice_between(&both->dice, 1, last + 1), "{}");
}

static void load_one_of(struct both *both)
{
	int64_t id = dice_between(&both->dice, 1, RENEWALS);
	OWNED char *items = text_dupf(
		"[{\"id\":%lld,\"epoch\":%lld}]", (long long)id, (long long)drawn_epoch(both, id));

	run(both, sql_renewals_load, items, NULL);
}

static void approve_some(struct both *both)
{
	static const char *const gates[] = { "spend", "touch", "all", "door" };
	OWNED char *body = text_dupf("{\"gate\":\"%s\",\"digest\":\"%s\"}",
		gates[dice_below(&both->dice, COUNT_OF(gates))],
		dice_below(&both->dice, 5) == 0 ? "d" : "c");
	struct fault fault;
	const char *const args[] = { "{\"person\":4,\"login\":\"approver\",\"role\":\"approver\"}",
		"1", NULL, body };
	PGresult *ours = store_run(both->store, sql_campaign_approve, 4, args, &fault);
	PGresult *theirs =
		PQexecParams(the_database.pg, sql_campaign_approve, 4, NULL, args, NULL, NULL, 0);

	assert_int_equal(ours != NULL, PQresultStatus(theirs) == PGRES_TUPLES_OK);
	PQclear(ours);
	PQclear(theirs);
}

static void try_something(struct both *both)
{
	switch (dice_below(&both->dice, 14)) {
	case 0:
		approve_some(both);
		return;
	case 1:
		run(both, sql_campaigns_start, "500", NULL);
		return;
	case 2:
		run(both, sql_sweep_next, "5000", NULL);
		return;
	case 3:
		claim_all(both);
		return;
	case 4:
		intend_one_of(both);
		return;
	case 5:
	case 6:
		load_one_of(both);
		return;
	case 7:
		open_one_of(both);
		return;
	case 8:
	case 9:
		hold_or_release(both);
		return;
	case 10:
		if (dice_below(&both->dice, 8) == 0)
			withdraw_one_of(both);
		return;
	default:
		conclude_one_of(both);
	}
}

static void the_store_answers_as_the_database_does(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= WORLDS; seed++) {
		struct both both = { .store = NULL, .dice = dice_of(seed, 1) };

		clock_set(birth);
		(void)database_fresh(NULL);
		open_session();
		both.store = store_new();
		fill_database();
		fill_store(&both);
		for (int i = 0; i < STEPS; i++) {
			set_clock(&both,
				both.at == 0 ? birth + CLOCK_SECOND
					     : both.at +
						dice_spread(&both.dice, 1000, 90 * CLOCK_SECOND));
			try_something(&both);
		}
		store_free(both.store);
		(void)database_drop(NULL);
	}
	clock_set(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_store_answers_as_the_database_does),
	};

	return cmocka_run_group_tests_name("twin_store", tests, begin, database_end);
}
