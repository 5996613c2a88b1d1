/* SPDX-License-Identifier: Apache-2.0 */
/* Durable transitions per second: a renewal claimed under a lease, moved along an edge and journalled, each
 * committed with fsync.  Beside it, in turns on the same server and over as many connections: the floor, a
 * bare table claimed and finished 500 rows at a time without any of the engine's duties; the engine with one
 * statement for each renewal, as it was before sets; whole steps, which load their document too; and a peer, which is
 * another program (tests/bench/graphile).  Then how long it takes until what is due starts, of both.
 *
 *     engine ROUNDS SECONDS [PEER]     one line of JSON; what counts are the ratios */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/event.h>

#include "common/clock.h"
#include "common/json.h"
#include "orchestrator/loop/batch.h"
#include "orchestrator/loop/db.h"
#include "sql.h"
#include "tests/bench/latency.h"
#include "tests/bench/peer.h"
#include "tests/unit/walks.h"

enum {
	FLEET = 4000,
	SET = 500,
	SET_BYTES = 8388608,
	CONNECTIONS = 2,
	ROUNDS_MOST = 50,
	CONTENDERS = 6,
	OURS = 4,    /* the contenders before the peer's */
	STARTS = 40, /* of each round */
	STARTS_MOST = ROUNDS_MOST * STARTS
};

struct bench;

/* One connection's worth of work: claim a set, finish it, again. */
struct lane {
	struct bench *bench;
	unsigned left; /* renewals of the claimed set that are not finished */
	struct flow *waits;
	char *ids;
};

struct mover {
	struct lane *lane;
	char *id, *epoch;
};

struct bench {
	struct event_base *base;
	struct flow_engine *engine;
	struct db *db;
	struct batch *load, *conclude;
	struct lane lanes[CONNECTIONS];
	int64_t until_ms;
	uint64_t moved;
	bool loads, one_by_one;
	struct peer peer;
};

static struct bench bench;

/* ---- the floor: two statements over a bare table ---- */

static const char floor_claim[] =
	"with due as (select id from floor where due_at <= now() and (claimed_until is null or claimed_until < now()) "
	"order by due_at limit 500 for update skip locked), "
	"taken as (update floor f set claimed_until = now() + interval '2 minutes', epoch = nextval('floor_epoch') from due where f.id = due.id returning f.id) "
	"select array_agg(id)::text from taken";
static const char floor_finish[] =
	"with done as (update floor set state = 'b', version = version + 1, claimed_until = null, due_at = clock_timestamp() "
	"where id = any ($1::bigint[]) and claimed_until is not null returning id), "
	"told as (insert into floor_event (id, at, from_state, to_state) select id, clock_timestamp(), 'a', 'b' from done) "
	"select count(*) from done";

static enum flow_next floor_take(struct flow *flow, void *self)
{
	struct lane *lane = self;

	if (clock_monotonic_ms() > lane->bench->until_ms)
		return FLOW_DONE;
	return db_begin(lane->bench->db, flow, floor_claim, 0, NULL);
}

static enum flow_next floor_end(struct flow *flow, void *self)
{
	struct lane *lane = self;

	free(lane->ids);
	lane->ids = text_dup(PQgetvalue(flow_rows(flow), 0, 0));
	return db_begin(lane->bench->db, flow, floor_finish, DB_ARGS(lane->ids));
}

static enum flow_next floor_again(struct flow *flow, void *self)
{
	struct lane *lane = self;
	int64_t count;

	if (number_parse(&count, PQgetvalue(flow_rows(flow), 0, 0), 0, SET))
		lane->bench->moved += (uint64_t)count;
	return flow_jump(flow, "take");
}

static void lane_finished(void *self, const struct fault *fault)
{
	struct lane *lane = self;

	free(take(lane->ids));
	if (fault != NULL)
		print_error("%s\n", fault->text);
	assert_null(fault);
}

static const struct flow_step floor_steps[] = { { "take", floor_take }, { "end", floor_end },
	{ "again", floor_again }, { NULL, NULL } };
static struct flow_kind floor_kind = { "floor", floor_steps, lane_finished, 0, 0 };

/* ---- the engine ---- */

static enum flow_next mover_load(struct flow *flow, void *self)
{
	struct mover *mover = self;
	OWNED char *item = text_dupf("{\"id\":%s,\"epoch\":%s}", mover->id, mover->epoch);

	if (!mover->lane->bench->loads)
		return FLOW_NEXT;
	return batch_begin(mover->lane->bench->load, flow, item);
}

static enum flow_next mover_conclude(struct flow *flow, void *self)
{
	static const char doc[] =
		"{\"move\":{\"event\":\"binding_expired\",\"to\":\"binding\",\"text\":\"nobody scanned the code\"}}";
	struct mover *mover = self;
	struct bench *on = mover->lane->bench;
	struct fault fault;

	if (on->loads) {
		JSON *loaded = json_read(PQgetvalue(flow_rows(flow), 0, 0),
			(size_t)PQgetlength(flow_rows(flow), 0, 0), &fault);
		if (loaded == NULL)
			return flow_fail_with(flow, &fault);
	}
	if (on->one_by_one)
		return db_begin(on->db, flow,
			"select renewal_conclude($1::bigint, $2::bigint, 'xuqid', $3::jsonb)",
			DB_ARGS(mover->id, mover->epoch, doc));
	OWNED char *item =
		text_dupf("{\"id\":%s,\"epoch\":%s,\"doc\":%s}", mover->id, mover->epoch, doc);
	return batch_begin(on->conclude, flow, item);
}

static void mover_finished(void *self, const struct fault *fault)
{
	struct mover *mover = self;
	struct lane *lane = mover->lane;

	if (fault != NULL)
		print_error("%s\n", fault->text);
	assert_null(fault);
	lane->bench->moved++;
	if (--lane->left == 0)
		flow_resume(take(lane->waits));
	free(mover->id);
	free(mover->epoch);
	free(mover);
}

static const struct flow_step mover_steps[] = { { "load", mover_load },
	{ "conclude", mover_conclude }, { NULL, NULL } };
static struct flow_kind mover_kind = { "mover", mover_steps, mover_finished, 0, 0 };

static enum flow_next engine_take(struct flow *flow, void *self)
{
	struct lane *lane = self;

	if (clock_monotonic_ms() > lane->bench->until_ms)
		return FLOW_DONE;
	return db_begin(lane->bench->db, flow, sql_renewals_claim, DB_ARGS("500", "120"));
}

static enum flow_next engine_move(struct flow *flow, void *self)
{
	struct lane *lane = self;
	const PGresult *rows = flow_rows(flow);

	if (PQntuples(rows) == 0)
		return flow_pause(flow, 1);
	lane->left = (unsigned)PQntuples(rows);
	lane->waits = flow;
	for (int i = 0; i < PQntuples(rows); i++) {
		struct mover *mover = zalloc(1, sizeof *mover);

		mover->lane = lane;
		mover->id = text_dup(PQgetvalue(rows, i, 0));
		mover->epoch = text_dup(PQgetvalue(rows, i, 1));
		assert_true(flow_start(lane->bench->engine, &mover_kind, mover));
	}
	return FLOW_WAIT;
}

static enum flow_next engine_again(struct flow *flow, void *self)
{
	(void)self;
	return flow_jump(flow, "take");
}

static const struct flow_step engine_steps[] = { { "take", engine_take }, { "move", engine_move },
	{ "again", engine_again }, { NULL, NULL } };
static struct flow_kind engine_kind = { "engine", engine_steps, lane_finished, 0, 0 };

/* ---- rounds ---- */

static const struct {
	const char *name;
	struct flow_kind *kind; /* NULL: the peer's, in this mode */
	bool loads, one_by_one;
	const char *count; /* what the database says of it */
	const char *mode;
} contenders[CONTENDERS] = {
	{ "lease_floor", &floor_kind, false, false, "select count(*) from floor_event", NULL },
	{ "xuqi", &engine_kind, false, false,
		"select count(*) from journal where to_state is not null", NULL },
	{ "steps", &engine_kind, true, false,
		"select count(*) from journal where to_state is not null", NULL },
	{ "single", &engine_kind, false, true,
		"select count(*) from journal where to_state is not null", NULL },
	{ "graphile_best", NULL, false, false, NULL, "best" },
	{ "graphile_default", NULL, false, false, NULL, "default" },
};

static void ask_peer(const char *mode, int64_t number, struct peer_figures figures)
{
	struct fault fault;
	bool told = peer_ask(&bench.peer, mode, number, &figures, &fault);

	if (!told)
		print_error("%s\n", fault.text);
	assert_true(told);
	assert_int_equal(figures.count, figures.most);
}

/* Transitions per second of contender I over SECONDS, counted by the database's own tables. */
static double one_round(unsigned i, int64_t seconds)
{
	double told;

	if (contenders[i].kind == NULL) {
		ask_peer(contenders[i].mode, seconds, (struct peer_figures){ &told, 1, 0 });
		return told;
	}

	int64_t before = sql_number("%s", contenders[i].count), begun = clock_monotonic_ms();

	bench.until_ms = begun + seconds * 1000;
	bench.moved = 0;
	bench.loads = contenders[i].loads;
	bench.one_by_one = contenders[i].one_by_one;
	for (unsigned k = 0; k < CONNECTIONS; k++) {
		bench.lanes[k] = (struct lane){ .bench = &bench };
		assert_true(flow_start(bench.engine, contenders[i].kind, &bench.lanes[k]));
	}
	while (flow_engine_running(bench.engine) > 0)
		(void)event_base_loop(bench.base, EVLOOP_ONCE);

	int64_t ms = clock_monotonic_ms() - begun, after = sql_number("%s", contenders[i].count);

	assert_int_equal(after - before, bench.moved); /* nothing lost, nothing twice */
	return (double)(after - before) * 1000.0 / (double)ms;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(const double *values, unsigned n)
{
	double sorted[ROUNDS_MOST];

	memcpy(sorted, values, n * sizeof *values);
	qsort(sorted, n, sizeof *sorted, by_size);
	return n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

static double median_ratio(const double *of, const double *to, unsigned n)
{
	double ratios[ROUNDS_MOST];

	for (unsigned i = 0; i < n; i++)
		ratios[i] = of[i] / to[i];
	return median(ratios, n);
}

static void a_fleet(void)
{
	an_organisation();
	OWNED char *set = a_set("t1", "Li", 1);
	OWNED char *renewal = a_renewal("c", set);
	approve("all");
	(void)sql(
		"insert into certificate_sets (holder, not_after, unit_id, legal_entity_id, handler_id, source) "
		"select 'h' || i, now() + interval '30 days', 2, 1, 8, 'import' from generate_series(1, %d) i",
		FLEET);
	(void)sql(
		"insert into renewals (campaign_id, set_id, ca, kind, term_years, approved_fen, spend_approval, old_not_after) "
		"select 1, s.id, 'gateway', 'expiring', 1, 20000, (select id from approvals where gate = 'spend'), s.not_after from certificate_sets s where s.holder like 'h%%'");
	(void)sql(
		"insert into journal (renewal_id, event, from_state, to_state, by) select id, 'proposed', 'planned', 'awaiting_approval', 'bench' from renewals where state = 'planned'");
	(void)sql("update renewals set state = 'awaiting_approval' where state = 'planned'");
	(void)sql("update campaigns set status = 'running', start_at = now()");
	(void)sql("select campaigns_start(100000)");
	(void)sql(
		"create table floor (id bigint primary key, state text not null default 'a', version bigint not null default 1, epoch bigint not null default 0, "
		"claimed_until timestamptz, due_at timestamptz not null default now())");
	(void)sql("create index floor_due on floor (due_at)");
	(void)sql("create sequence floor_epoch");
	(void)sql(
		"create table floor_event (n bigint generated always as identity primary key, id bigint not null, at timestamptz not null, from_state text, to_state text)");
	(void)sql("create index floor_event_by_id on floor_event (id, n)");
	(void)sql("insert into floor (id) select generate_series(1, %d)", FLEET);
	(void)sql("vacuum analyze");
	assert_string_not_equal(renewal, "");
}

static struct batch *a_batch(const char *name, const char *statement)
{
	struct fault fault;

	return batch_new(bench.base, bench.engine, bench.db,
		&(struct batch_options){ name, statement, SET, SET_BYTES, CONNECTIONS, 1 }, &fault);
}

static void open_bench(void)
{
	struct fault fault;

	bench.base = event_base_new();
	bench.engine = flow_engine_new(bench.base, &fault);
	bench.db = db_new(bench.base,
		&(struct db_options){ .conninfo = the_database.conninfo,
			.connections = CONNECTIONS,
			.queue_max = 4 * SET,
			.statement_timeout_ms = 30000 },
		&fault);
	bench.load = a_batch("load", sql_renewals_load);
	bench.conclude = a_batch("conclude", sql_renewals_conclude);
}

static void close_bench(void)
{
	db_free(bench.db);
	batch_free(bench.load);
	batch_free(bench.conclude);
	flow_engine_free(bench.engine);
	event_base_free(bench.base);
}

struct figures {
	unsigned rounds, contenders;
	double rates[CONTENDERS][ROUNDS_MOST];
	double starts[STARTS_MOST], peer_starts[STARTS_MOST];
};

static void put_ratio(json_t *ratios, const struct figures *figures, unsigned of, unsigned to)
{
	OWNED char *key = text_dupf("%s/%s", contenders[of].name, contenders[to].name);

	(void)json_object_set_new(ratios, key,
		json_real(median_ratio(figures->rates[of], figures->rates[to], figures->rounds)));
}

/* Half, and ninety-nine of a hundred, started within so many milliseconds. */
static void put_starts(json_t *out, const char *head, double *values, size_t count)
{
	OWNED char *half = text_dupf("%sstart_p50_ms", head);
	OWNED char *most = text_dupf("%sstart_p99_ms", head);

	qsort(values, count, sizeof *values, by_size);
	(void)json_object_set_new(out, half, json_real(values[count / 2]));
	(void)json_object_set_new(out, most, json_real(values[count * 99 / 100]));
}

static void report(struct figures *figures)
{
	enum { FLOOR, XUQI, STEPS, SINGLE };

	JSON *out = json_pack("{s:i, s:i, s:i}", "rounds", (int)figures->rounds, "connections",
		CONNECTIONS, "set", SET);
	json_t *ratios = json_object();

	for (unsigned i = 0; i < figures->contenders; i++) {
		OWNED char *key = text_dupf("%s_per_s", contenders[i].name);
		(void)json_object_set_new(out, key,
			json_integer((json_int_t)median(figures->rates[i], figures->rounds)));
	}
	put_ratio(ratios, figures, XUQI, FLOOR);
	put_ratio(ratios, figures, STEPS, FLOOR);
	put_ratio(ratios, figures, XUQI, SINGLE);
	put_starts(out, "", figures->starts, (size_t)figures->rounds * STARTS);
	for (unsigned i = OURS; i < figures->contenders; i++)
		put_ratio(ratios, figures, XUQI, i);
	if (figures->contenders > OURS)
		put_starts(
			out, "graphile_", figures->peer_starts, (size_t)figures->rounds * STARTS);
	(void)json_object_set_new(out, "ratios", ratios);
	OWNED char *text = json_dumps(out, JSON_COMPACT | JSON_REAL_PRECISION(4));
	(void)printf("%s\n", text);
}

/* The contenders in turns, the order rotating; then both ways to start. */
static void one_turn(struct figures *figures, unsigned round, int64_t seconds)
{
	size_t from = (size_t)round * STARTS;

	for (unsigned i = 0; i < figures->contenders; i++) {
		unsigned who = (i + round) % figures->contenders;
		figures->rates[who][round] = one_round(who, seconds);
	}
	latency_measure(
		bench.base, bench.engine, the_database.conninfo, figures->starts + from, STARTS);
	if (figures->contenders > OURS)
		ask_peer("latency", STARTS,
			(struct peer_figures){ figures->peer_starts + from, STARTS, 0 });
}

int main(int argc, char **argv)
{
	static struct figures figures;
	int64_t rounds = 5, seconds = 2;

	if (argc > 2 &&
		(!number_parse(&rounds, argv[1], 1, ROUNDS_MOST) ||
			!number_parse(&seconds, argv[2], 1, 60)))
		return 2;
	if (database_begin(NULL) != 0 || database_fresh(NULL) != 0)
		return 1;
	a_fleet();
	open_bench();
	bench.peer = (struct peer){ argc > 3 ? argv[3] : NULL, PQhost(the_database.pg),
		PQuser(the_database.pg), PQdb(the_database.pg) };
	figures.rounds = (unsigned)rounds;
	figures.contenders = argc > 3 ? CONTENDERS : OURS;
	for (unsigned round = 0; round < figures.rounds; round++)
		one_turn(&figures, round, seconds);
	close_bench();
	report(&figures);
	return database_drop(NULL) | database_end(NULL);
}
