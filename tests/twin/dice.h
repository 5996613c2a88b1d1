/* SPDX-License-Identifier: Apache-2.0 */
/* The twin's only source of chance: splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number
 * generators, 2014).  One seed gives every number of a run; each user of chance has a stream of its own, so that
 * one more draw here does not change what happens there. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct dice {
	uint64_t state;
};

/* The stream WHICH of SEED. */
struct dice dice_of(uint64_t seed, uint64_t which);
uint64_t dice_next(struct dice *dice);
/* 0 … LIMIT - 1; LIMIT > 0. */
uint64_t dice_below(struct dice *dice, uint64_t limit);
/* FROM … TO, both included. */
int64_t dice_between(struct dice *dice, int64_t from, int64_t to);
/* Between FROM and TO (both > 0), every order of magnitude being as likely. */
int64_t dice_spread(struct dice *dice, int64_t from, int64_t to);
/* True in PER_MILLION of a million draws. */
bool dice_hit(struct dice *dice, unsigned per_million);
