/* SPDX-License-Identifier: Apache-2.0 */
/* A world's birth from its seed, its days, its end. */
#include "tests/twin/world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "orchestrator/flows/office_calendar.h"
#include "orchestrator/settings.h"
#include "tests/simulator/sim_inside.h"
#include "tests/twin/chance.h"
#include "tests/twin/store_inside.h"

enum {
	STREAM_CLOCK = 1,
	STREAM_PRODUCT,
	STREAM_WEATHER,
	STREAM_ACTORS,
	STREAM_KILLS,
	STREAM_FLEET,
	STREAM_LIFE,
	STREAM_BRANCHES,
	CALM_DAYS = 9,
	LINE_TEXT = 600
};

/* 2026-11-23T01:00:00Z, a Monday in Guangzhou at nine */
static const int64_t birth = INT64_C(1795395600) * CLOCK_SECOND;

void world_line(struct world *world, const char *format, ...)
{
	char at[CLOCK_TEXT], line[LINE_TEXT];
	va_list args;

	if (!world->options.trace)
		return;
	va_start(args, format);
	(void)vsnprintf(line, sizeof line, format, args);
	va_end(args);
	clock_format(at, clockwork_now(world->clockwork));
	(void)printf("%s %s\n", at, line);
}

static void on_line(void *context, const char *line)
{
	world_line(context, "%s", line);
}

void world_violated(struct world *world, const char *format, ...)
{
	char line[LINE_TEXT];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(line, sizeof line, format, args);
	va_end(args);
	world_line(world, "VIOLATION: %s", line);
	if (world->violations++ == 0)
		(void)snprintf(
			world->first_violation, sizeof world->first_violation, "%.255s", line);
}

void world_after(struct world *world, int64_t micros, const char *name, turn_fn *fn, void *context,
	turn_fn *drop)
{
	turn_owned(turn_at(world->clockwork, clockwork_now(world->clockwork) + micros, name, fn,
			   context),
		NULL, drop);
}

bool world_errs(struct world *world, unsigned per_million)
{
	uint64_t share = (uint64_t)per_million * world->error_chance / 1000000;

	return dice_hit(&world->actor_dice, (unsigned)share) && !world->calm;
}

json_t *world_control(
	struct world *world, const char *method, const char *target, const char *body, int *status)
{
	struct sim_answer answer;
	struct sim_request request = { .method = method,
		.target = target,
		.content_type = "application/json",
		.body = body,
		.body_len = body != NULL ? strlen(body) : 0 };
	json_t *value;

	sim_control(world->outside.sim, clockwork_now(world->clockwork), &request, &answer);
	value = answer.body != NULL ? json_loadb(answer.body, answer.body_len, 0, NULL) : NULL;
	if (status != NULL)
		*status = answer.status;
	sim_answer_done(&answer);
	return value;
}

/* ---- birth ---- */

/* Every second chance is none at all: worlds differ in kind, not only in degree. */
static unsigned bad(struct dice *dice, unsigned most)
{
	bool none = dice_below(dice, 2) == 0;
	int64_t drawn = dice_spread(dice, 100, most);

	return none ? 0 : (unsigned)drawn;
}

static void draw_weather(struct weather *weather, struct dice *dice)
{
	*weather = (struct weather){ .db_lost_before = bad(dice, 10000),
		.db_lost_after = bad(dice, 10000),
		.refused = bad(dice, 50000),
		.lost = bad(dice, 50000),
		.late = bad(dice, 50000),
		.answer_lost = bad(dice, 100000),
		.answer_late = bad(dice, 50000),
		.answer_cut = bad(dice, 50000),
		.answer_unsigned = bad(dice, 50000),
		.fails_before = bad(dice, 50000),
		.fails_after = bad(dice, 100000),
		.busy = bad(dice, 50000),
		.twice = bad(dice, 50000),
		.db_us = dice_spread(dice, 1000, 200000),
		.net_us = dice_spread(dice, 1000, 2000000) };
}

static bool draw_settings(struct world *world, struct dice *dice, struct fault *fault)
{
	struct settings *settings = &world->settings;
	json_t *payee;

	if (!settings_defaults(&xuqid_settings, settings, fault))
		return false;
	settings->lease_seconds = dice_spread(dice, 40, 600);
	settings->poll_first_seconds = dice_spread(dice, 600, 3600);
	settings->poll_max_seconds = dice_spread(dice, 3600, 14400);
	settings->verify_seconds = dice_spread(dice, 60, 7200);
	settings->retry_first_seconds = dice_spread(dice, 6, 60);
	settings->retry_max_seconds = dice_spread(dice, 600, 7200);
	settings->meta_seconds = 6 * HOUR;
	settings->flows_max = dice_between(dice, 2, 64);
	payee = meta_payee(world->outside.sim, NULL, NULL);
	free(settings->payee_account);
	free(settings->payee_bank);
	free(settings->gateway_url);
	free(settings->gateway_key_id);
	free(settings->gateway_secret_file);
	settings->payee_account = text_dup(json_peek_text(payee, "account"));
	settings->payee_bank = text_dup(json_peek_text(payee, "bank"));
	settings->gateway_url = text_dup("https://ca.twin");
	settings->gateway_key_id = text_dup("twin");
	settings->gateway_secret_file = text_dup(twin_secret_file());
	json_decref(payee);
	world->outside.calendar =
		office_calendar_read(XUQI_SOURCE_DIR "/policies/calendar", "", fault);
	return world->outside.calendar != NULL;
}

static void draw_knobs(struct world *world, struct dice *dice)
{
	JSON *knobs = json_pack("{s:I, s:I, s:b, s:I, s:I}", "review_ms",
		(json_int_t)dice_spread(dice, 60000, 2 * HOUR * 1000), "invoice_ms",
		(json_int_t)dice_spread(dice, 60000, 2 * HOUR * 1000), "lenient",
		(int)dice_below(dice, 2), "not_arrived_times", (json_int_t)dice_below(dice, 3),
		"bank_drop_reference_nth", (json_int_t)dice_below(dice, 12));
	OWNED char *text = json_write(knobs);

	json_decref(world_control(world, "PUT", "/sim/knobs", text, NULL));
}

/* Of the CA: so many applications a day, and in office hours only. */
static void draw_limits(struct world *world, struct dice *dice)
{
	if (dice_below(dice, 6) == 0)
		world->store->daily_cap = world->options.renewals / 3 + 1;
	world->store->office_hours = dice_below(dice, 8) == 0;
}

/* The same PKI for every world, the rest from the seed. */
static struct sim *make_sim(struct world *world, const char *base, struct fault *fault)
{
	JSON *state = json_loads(base, 0, NULL);
	OWNED char *text = NULL;

	json_put_number(state, "seed", (int64_t)(world->options.seed & INT64_MAX));
	text = json_write(state);
	world->outside.key = (struct sim_options){
		.key_id = "twin", .secret = twin_secret, .secret_len = strlen(twin_secret)
	};
	return sim_load(&world->outside.key, text, strlen(text), fault);
}

static void start_process(void *context)
{
	struct process *process = context;
	struct fault fault;

	if (!process_is_alive(process) && !process_start(process, &fault))
		abort();
}

static void make_processes(struct world *world, struct dice *dice)
{
	world->process_count = dice_below(dice, 3) == 0 ? PROCESSES : 1;
	for (int i = 0; i < world->process_count; i++) {
		world->processes[i] = process_new(
			&world->outside, i + 1, &world->settings, world->process_count == 1);
		start_process(world->processes[i]);
	}
	world->kill_chance = bad(dice, 1500);
	world->stall_chance = bad(dice, 1500);
	world->error_chance = dice_below(dice, 4) == 0 ? 0 : (unsigned)dice_below(dice, 1000000);
}

struct world *world_new(const struct world_options *options, const char *base, struct fault *fault)
{
	struct world *world = zalloc(1, sizeof *world);
	struct dice life = dice_of(options->seed, STREAM_LIFE);

	world->options = *options;
	world->started_at = birth;
	world->calm_at = birth + dice_spread(&life, 2, 30) * HOUR * CLOCK_SECOND;
	world->end_at = world->calm_at + CALM_DAYS * CLOCK_DAY;
	world->clockwork = clockwork_new(birth, dice_of(options->seed, STREAM_CLOCK));
	chance_seed(dice_of(options->seed, STREAM_PRODUCT));
	world->actor_dice = dice_of(options->seed, STREAM_ACTORS);
	world->kill_dice = dice_of(options->seed, STREAM_KILLS);
	world->store = store_new();
	draw_weather(&world->weather, &life);
	world->outside = (struct outside){ .clockwork = world->clockwork,
		.store = world->store,
		.dice = dice_of(options->seed, STREAM_WEATHER),
		.weather = &world->weather,
		.on_send = oracle_on_send,
		.on_executed = oracle_on_executed,
		.on_line = options->trace ? on_line : NULL,
		.context = world };
	world->outside.seals = twin_seals();
	world->outside.refused = json_object();
	world->outside.sim = make_sim(world, base, fault);
	oracle_new(world);
	tokens_new(world);
	world->codes = json_object();
	if (world->outside.sim == NULL || !draw_settings(world, &life, fault) ||
		!fleet_make(world, dice_of(options->seed, STREAM_FLEET), fault)) {
		world_free(world);
		return NULL;
	}
	draw_knobs(world, &life);
	draw_limits(world, &life);
	people_new(world);
	branches_draw(world, dice_of(options->seed, STREAM_BRANCHES));
	make_processes(world, &life);
	world->again = dice_below(&life, 2) == 0;
	return world;
}

void world_free(struct world *world)
{
	for (int i = 0; i < world->process_count; i++)
		process_free(world->processes[i]);
	clockwork_free(world->clockwork);
	tokens_free(world);
	oracle_free(world);
	store_free(world->store);
	sim_free(world->outside.sim);
	json_decref(world->outside.refused);
	json_decref(world->codes);
	calendar_free(world->outside.calendar);
	settings_done(&xuqid_settings, &world->settings);
	free(world);
}

/* ---- the storm ---- */

static struct process *somebody(struct world *world)
{
	return world->processes[dice_below(&world->kill_dice, (uint64_t)world->process_count)];
}

/* Dead for a while; now and then killed again while it recovers. */
static void kill(struct world *world)
{
	struct process *process = somebody(world);

	if (!process_is_alive(process))
		return;
	world->kills++;
	world_line(world, "xuqid %d is killed", process->number);
	process_kill(process);
	world_after(world, dice_spread(&world->kill_dice, 1000, 600 * CLOCK_SECOND), "restart",
		start_process, process, NULL);
}

/* A process that stands still longer than its leases: it wakes up and believes that it still holds them. */
static void stall(struct world *world)
{
	struct process *process = somebody(world);
	int64_t seconds = dice_spread(&world->kill_dice, 1, 2 * world->settings.lease_seconds);

	if (!process_is_alive(process))
		return;
	world_line(world, "xuqid %d stands still for %" PRId64 " s", process->number, seconds);
	process_stall(process, clockwork_now(world->clockwork) + seconds * CLOCK_SECOND);
}

static void trouble(struct world *world)
{
	if (dice_hit(&world->kill_dice, world->kill_chance))
		kill(world);
	if (dice_hit(&world->kill_dice, world->stall_chance))
		stall(world);
}

static void become_calm(struct world *world)
{
	int64_t db_us = world->weather.db_us, net_us = world->weather.net_us;

	world->calm = true;
	world->weather = (struct weather){ .db_us = db_us, .net_us = net_us };
	world_line(world, "the weather is calm now");
}

static void look_at_store(struct world *world)
{
	int64_t due = store_next_due(world->store);

	world->looked = world->store->version;
	world->all_ended = true;
	for (size_t i = 0; i < world->store->renewal.count; i++) {
		const struct row_renewal *renewal = store_row(world->store->renewal, renewal, i);

		world->all_ended &= renewal->ended;
		oracle_rest(world, renewal);
	}
	for (int i = 0; i < world->process_count; i++)
		if (process_is_alive(world->processes[i]))
			process_rest_until(world->processes[i], due);
}

static void after_turn(struct world *world)
{
	oracle_look(world);
	if (!world->calm)
		trouble(world);
	if (world->looked != world->store->version)
		look_at_store(world);
}

/* All is over; or begins once more, with what the first campaigns left behind. */
static bool is_over(struct world *world)
{
	int64_t again_until = clockwork_now(world->clockwork) + CALM_DAYS * CLOCK_DAY;

	if (!world->all_ended || world->finance.fetches)
		return false;
	if (!world->again)
		return true;
	world->again = false;
	if (!fleet_again(world))
		return true;
	world_line(world, "those that did not end well are renewed once more");
	if (again_until > world->end_at)
		world->end_at = again_until;
	look_at_store(world);
	return false;
}

void world_run(struct world *world)
{
	const char *name = "birth";

	while (name != NULL && !is_over(world) && world->violations < WORLD_ERRORS) {
		name = clockwork_step(world->clockwork, world->end_at);
		if (name == NULL)
			break;
		if (!world->calm && clockwork_now(world->clockwork) >= world->calm_at)
			become_calm(world);
		after_turn(world);
	}
	if (world->violations < WORLD_ERRORS)
		oracle_end(world);
}
