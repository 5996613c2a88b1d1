/* SPDX-License-Identifier: Apache-2.0 */
/* A binary heap of turns by instant, then by a drawn number, then by age. */
#include "tests/twin/clockwork.h"

#include "common/clock.h"
#include "common/text.h"

struct turn {
	int64_t at;
	uint64_t draw, age;
	size_t place; /* in the heap */
	const char *name;
	turn_fn *fn, *drop;
	void *context;
	const void *owner;
};

struct clockwork {
	int64_t now;
	struct dice dice;
	struct turn **heap;
	size_t count, room;
	uint64_t made, run;
};

struct clockwork *clockwork_new(int64_t now, struct dice dice)
{
	struct clockwork *clockwork = zalloc(1, sizeof *clockwork);

	clockwork->now = now;
	clockwork->dice = dice;
	clock_set(now);
	return clockwork;
}

int64_t clockwork_now(const struct clockwork *clockwork)
{
	return clockwork->now;
}

uint64_t clockwork_count(const struct clockwork *clockwork)
{
	return clockwork->run;
}

int64_t turn_instant(const struct turn *turn)
{
	return turn->at;
}

/* ---- the heap ---- */

static bool before(const struct turn *a, const struct turn *b)
{
	if (a->at != b->at)
		return a->at < b->at;
	return a->draw != b->draw ? a->draw < b->draw : a->age < b->age;
}

static void put(struct clockwork *clockwork, size_t place, struct turn *turn)
{
	clockwork->heap[place] = turn;
	turn->place = place;
}

static void rise(struct clockwork *clockwork, struct turn *turn)
{
	size_t place = turn->place;

	while (place > 0 && before(turn, clockwork->heap[(place - 1) / 2])) {
		put(clockwork, place, clockwork->heap[(place - 1) / 2]);
		place = (place - 1) / 2;
	}
	put(clockwork, place, turn);
}

static void sink(struct clockwork *clockwork, struct turn *turn)
{
	size_t place = turn->place;

	for (;;) {
		size_t least = 2 * place + 1;

		if (least >= clockwork->count)
			break;
		if (least + 1 < clockwork->count &&
			before(clockwork->heap[least + 1], clockwork->heap[least]))
			least++;
		if (!before(clockwork->heap[least], turn))
			break;
		put(clockwork, place, clockwork->heap[least]);
		place = least;
	}
	put(clockwork, place, turn);
}

static void settle(struct clockwork *clockwork, struct turn *turn)
{
	rise(clockwork, turn);
	sink(clockwork, turn);
}

static void take_out(struct clockwork *clockwork, struct turn *turn)
{
	struct turn *last = clockwork->heap[--clockwork->count];

	if (last == turn)
		return;
	put(clockwork, turn->place, last);
	settle(clockwork, last);
}

/* ---- turns ---- */

struct turn *turn_at(
	struct clockwork *clockwork, int64_t at, const char *name, turn_fn *fn, void *context)
{
	struct turn *turn = zalloc(1, sizeof *turn);

	if (clockwork->count == clockwork->room) {
		clockwork->room = clockwork->room * 2 + 64;
		clockwork->heap = (struct turn **)realloc(
			(void *)clockwork->heap, clockwork->room * sizeof(struct turn *));
		if (clockwork->heap == NULL)
			abort();
	}
	*turn = (struct turn){ .at = at > clockwork->now ? at : clockwork->now,
		.draw = dice_next(&clockwork->dice),
		.age = ++clockwork->made,
		.place = clockwork->count++,
		.name = name,
		.fn = fn,
		.context = context };
	rise(clockwork, turn);
	return turn;
}

void turn_owned(struct turn *turn, const void *owner, turn_fn *drop)
{
	turn->owner = owner;
	turn->drop = drop;
}

void turn_move(struct clockwork *clockwork, struct turn *turn, int64_t at)
{
	turn->at = at > clockwork->now ? at : clockwork->now;
	settle(clockwork, turn);
}

void turn_cancel(struct clockwork *clockwork, struct turn *turn)
{
	take_out(clockwork, turn);
	free(turn);
}

static void drop(struct clockwork *clockwork, struct turn *turn)
{
	void *context = turn->context;
	turn_fn *free_context = turn->drop;

	turn_cancel(clockwork, turn);
	if (free_context != NULL)
		free_context(context);
}

void clockwork_forget(struct clockwork *clockwork, const void *owner)
{
	for (size_t i = clockwork->count; i-- > 0;)
		if (i < clockwork->count && clockwork->heap[i]->owner == owner) {
			drop(clockwork, clockwork->heap[i]);
			i = clockwork->count; /* the heap has moved: look anew */
		}
}

void clockwork_stall(struct clockwork *clockwork, const void *owner, int64_t until)
{
	for (size_t i = 0; i < clockwork->count; i++) {
		struct turn *turn = clockwork->heap[i];

		if (turn->owner != owner || turn->at >= until)
			continue;
		turn_move(clockwork, turn, until);
		i = (size_t)-1; /* the heap has moved: look anew */
	}
}

const char *clockwork_step(struct clockwork *clockwork, int64_t until)
{
	struct turn *turn = clockwork->count > 0 ? clockwork->heap[0] : NULL;
	const char *name;

	if (turn == NULL || turn->at > until)
		return NULL;
	take_out(clockwork, turn);
	clockwork->now = turn->at;
	clockwork->run++;
	clock_set(clockwork->now);
	name = turn->name;
	turn->fn(turn->context);
	free(turn);
	return name;
}

void clockwork_free(struct clockwork *clockwork)
{
	if (clockwork == NULL)
		return;
	while (clockwork->count > 0)
		drop(clockwork, clockwork->heap[clockwork->count - 1]);
	free((void *)clockwork->heap);
	free(clockwork);
	clock_set(0);
}
