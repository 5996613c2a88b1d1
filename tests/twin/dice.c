/* SPDX-License-Identifier: Apache-2.0 */
/* splitmix64 and the shapes that the twin draws in; integers only, so that every machine draws the same. */
#include "tests/twin/dice.h"

uint64_t dice_next(struct dice *dice)
{
	uint64_t z = dice->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

struct dice dice_of(uint64_t seed, uint64_t which)
{
	struct dice dice = { .state = seed * UINT64_C(0xd1342543de82ef95) + which };

	(void)dice_next(&dice);
	return dice;
}

uint64_t dice_below(struct dice *dice, uint64_t limit)
{
	return dice_next(dice) % limit;
}

int64_t dice_between(struct dice *dice, int64_t from, int64_t to)
{
	return from + (int64_t)dice_below(dice, (uint64_t)(to - from) + 1);
}

int64_t dice_spread(struct dice *dice, int64_t from, int64_t to)
{
	int64_t steps = 0, at = from;

	while (at < to / 2) {
		at *= 2;
		steps++;
	}
	at = from << dice_between(dice, 0, steps);
	return dice_between(dice, at, at * 2 < to ? at * 2 : to);
}

bool dice_hit(struct dice *dice, unsigned per_million)
{
	return per_million > 0 && dice_below(dice, 1000000) < per_million;
}
