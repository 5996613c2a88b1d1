/* SPDX-License-Identifier: Apache-2.0 */
/* Many flows, one statement: each gets its own row, a poisoned item fails alone, and whoever waits when the
 * program stops is told so. */
#include "orchestrator/loop/batch.h"

#include <event2/event.h>

#include "common/clock.h"
#include "orchestrator/loop/db.h"
#include "tests/unit/database.h"

enum { ASKERS = 200, MOST = 64, NOTHING_FOR = 7, REFUSED_FOR = 8 };

/* Item 7 has no row, item 8 is refused in its row, what is below 0 poisons the whole statement. */
static const char statement[] =
	"with done as (insert into seen select (item->>'v')::int from jsonb_array_elements($1::jsonb) item) "
	"select n, case (item->>'v')::int when 8 then 'XQ409' end, case (item->>'v')::int when 8 then 'in other hands' end, "
	"1000 / (sign((item->>'v')::int) + 1)::int, item->>'v' "
	"from jsonb_array_elements($1::jsonb) with ordinality i(item, n) where (item->>'v')::int <> 7 order by n desc";

struct asker {
	struct batch *batch;
	int value;
	bool tries, finished;
	int rows;
	char got[32];
	struct fault fault, refusal;
};

static struct event_base *base;
static struct flow_engine *engine;
static struct db *db;
static struct asker askers[ASKERS];

static enum flow_next ask(struct flow *flow, void *self)
{
	struct asker *asker = self;
	OWNED char *item = text_dupf("{\"v\":%d}", asker->value);

	return asker->tries ? batch_try(asker->batch, flow, item)
			    : batch_begin(asker->batch, flow, item);
}

static enum flow_next look(struct flow *flow, void *self)
{
	struct asker *asker = self;
	const PGresult *rows = flow_rows(flow);

	asker->refusal = *flow_db_fault(flow);
	asker->rows = PQntuples(rows);
	if (asker->rows > 0)
		(void)snprintf(asker->got, sizeof asker->got, "%s",
			PQgetvalue(rows, 0, PQnfields(rows) - 1));
	return FLOW_DONE;
}

static void on_finished(void *self, const struct fault *fault)
{
	struct asker *asker = self;

	asker->finished = true;
	if (fault != NULL)
		asker->fault = *fault;
}

static const struct flow_step steps[] = { { "ask", ask }, { "look", look }, { NULL, NULL } };
static struct flow_kind kind = { "asker", steps, on_finished, 0, 0 };

static int open_loop(void **state)
{
	struct fault fault;

	(void)database_fresh(state);
	(void)sql("create table seen (v int)");
	memset(askers, 0, sizeof askers);
	base = event_base_new();
	engine = flow_engine_new(base, &fault);
	db = db_new(base,
		&(struct db_options){ .conninfo = the_database.conninfo,
			.connections = 2,
			.queue_max = 100,
			.statement_timeout_ms = 10000 },
		&fault);
	return engine == NULL || db == NULL;
}

static int close_loop(void **state)
{
	db_free(db);
	flow_engine_free(engine);
	event_base_free(base);
	return database_drop(state);
}

static struct batch *a_batch(unsigned most, size_t bytes)
{
	struct fault fault;
	struct batch *batch = batch_new(base, engine, db,
		&(struct batch_options){ .name = "test",
			.statement = statement,
			.most = most,
			.bytes_most = bytes,
			.at_once = 1,
			.gather_ms = 2 },
		&fault);

	assert_non_null(batch);
	return batch;
}

/* Start the first COUNT askers, asking for 1, 2, … unless VALUES names others. */
static void begin(struct batch *batch, unsigned count, const int *values)
{
	for (unsigned i = 0; i < count; i++) {
		askers[i].batch = batch;
		askers[i].value = values != NULL ? values[i] : (int)i + 100;
		assert_true(flow_start(engine, &kind, &askers[i]));
	}
}

static void run(void)
{
	int64_t until = clock_monotonic_ms() + 20000;

	while (flow_engine_running(engine) > 0 && clock_monotonic_ms() < until)
		(void)event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(flow_engine_running(engine), 0);
}

static void assert_got_its_own(const struct asker *asker)
{
	char wanted[16];

	(void)snprintf(wanted, sizeof wanted, "%d", asker->value);
	assert_true(asker->finished);
	assert_int_equal(asker->fault.kind, FAULT_NONE);
	assert_int_equal(asker->rows, 1);
	assert_string_equal(asker->got, wanted);
}

static void many_flows_ask_in_few_statements_and_each_gets_its_own_row(void **state)
{
	struct batch *batch = a_batch(MOST, 1 << 20);

	(void)state;
	begin(batch, ASKERS, NULL);
	run();
	for (unsigned i = 0; i < ASKERS; i++)
		assert_got_its_own(&askers[i]);
	assert_int_equal(batch_counts(batch).items, ASKERS);
	assert_int_equal(batch_counts(batch).statements, (ASKERS + MOST - 1) / MOST);
	assert_sql("200", "select count(*) from seen");
	batch_free(batch);
}

static void a_statement_takes_no_more_bytes_than_allowed(void **state)
{
	struct batch *batch = a_batch(MOST, 25); /* two items of nine bytes */

	(void)state;
	begin(batch, 10, NULL);
	run();
	for (unsigned i = 0; i < 10; i++)
		assert_got_its_own(&askers[i]);
	assert_int_equal(batch_counts(batch).statements, 5);
	batch_free(batch);
}

static void an_item_larger_than_allowed_goes_alone(void **state)
{
	struct batch *batch = a_batch(MOST, 4);

	(void)state;
	begin(batch, 3, NULL);
	run();
	for (unsigned i = 0; i < 3; i++)
		assert_got_its_own(&askers[i]);
	assert_int_equal(batch_counts(batch).statements, 3);
	batch_free(batch);
}

static void an_item_without_a_row_gets_none(void **state)
{
	struct batch *batch = a_batch(MOST, 1 << 20);

	(void)state;
	begin(batch, 3, (const int[]){ 1, NOTHING_FOR, 2 });
	run();
	assert_got_its_own(&askers[0]);
	assert_int_equal(askers[1].rows, 0);
	assert_int_equal(askers[1].fault.kind, FAULT_NONE);
	assert_got_its_own(&askers[2]);
	batch_free(batch);
}

static void a_refusal_in_a_row_is_that_items_alone(void **state)
{
	struct batch *batch = a_batch(MOST, 1 << 20);

	(void)state;
	askers[1].tries = true;
	begin(batch, 4, (const int[]){ 1, REFUSED_FOR, REFUSED_FOR, 2 });
	run();
	assert_got_its_own(&askers[0]);
	assert_int_equal(askers[1].fault.kind, FAULT_NONE);
	assert_int_equal(askers[1].refusal.kind, FAULT_CONFLICT);
	assert_string_equal(askers[1].refusal.text, "in other hands");
	assert_int_equal(askers[2].fault.kind, FAULT_CONFLICT);
	assert_got_its_own(&askers[3]);
	assert_int_equal(batch_counts(batch).apart, 0);
	batch_free(batch);
}

/* The statement fails as a whole and changes nothing; one by one, all but the poisoned one go through. */
static void a_poisoned_item_fails_alone(void **state)
{
	struct batch *batch = a_batch(MOST, 1 << 20);

	(void)state;
	askers[3].tries = true;
	begin(batch, 5, (const int[]){ 1, -1, 2, -1, 3 });
	run();
	assert_got_its_own(&askers[0]);
	assert_int_equal(askers[1].fault.kind, FAULT_INPUT);
	assert_non_null(strstr(askers[1].fault.text, "division by zero"));
	assert_got_its_own(&askers[2]);
	assert_int_equal(askers[3].refusal.kind, FAULT_INPUT);
	assert_got_its_own(&askers[4]);
	assert_int_equal(batch_counts(batch).apart, 1);
	assert_int_equal(batch_counts(batch).statements, 6);
	assert_sql("1,2,3", "select string_agg(v::text, ',' order by v) from seen");
	batch_free(batch);
}

static void who_waits_when_the_batch_ends_is_told(void **state)
{
	struct batch *batch = a_batch(2, 1 << 20);

	(void)state;
	begin(batch, 6, NULL);
	for (unsigned i = 0; i < 4; i++) /* two are under way, four wait */
		(void)event_base_loop(base, EVLOOP_ONCE);
	db_free(db);
	db = NULL;
	batch_free(batch);
	run();
	for (unsigned i = 0; i < 6; i++)
		assert_true(askers[i].finished &&
			(askers[i].rows == 1 || askers[i].fault.kind == FAULT_LATER ||
				askers[i].fault.kind == FAULT_UNSURE));
	assert_int_equal(askers[5].fault.kind, FAULT_LATER);
}

int main(void)
{
#define batch_test(function) cmocka_unit_test_setup_teardown(function, open_loop, close_loop)
	const struct CMUnitTest tests[] = {
		batch_test(many_flows_ask_in_few_statements_and_each_gets_its_own_row),
		batch_test(a_statement_takes_no_more_bytes_than_allowed),
		batch_test(an_item_larger_than_allowed_goes_alone),
		batch_test(an_item_without_a_row_gets_none),
		batch_test(a_refusal_in_a_row_is_that_items_alone),
		batch_test(a_poisoned_item_fails_alone),
		batch_test(who_waits_when_the_batch_ends_is_told),
	};
	return cmocka_run_group_tests(tests, database_begin, database_end);
}
