/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual time: everything that happens in the twin is a turn at an instant.  Turns at the same instant come in an
 * order that is drawn.  The product's clock shows the instant of the turn that runs (common/clock.h). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/twin/dice.h"

struct clockwork;
struct turn;

typedef void turn_fn(void *context);

struct clockwork *clockwork_new(int64_t now, struct dice dice);
/* Turns that have not run are forgotten; DROP of turn_at, if any, frees what they carry. */
void clockwork_free(struct clockwork *clockwork);
int64_t clockwork_now(const struct clockwork *clockwork);

/* Run FN(CONTEXT) at the instant AT or, if that has passed, at once.  NAME (static) stands in the trace.  OWNER says
 * whose turn it is (NULL: nobody's): it can be stalled and forgotten.  DROP (may be NULL) frees CONTEXT of a turn
 * that is forgotten. */
struct turn *turn_at(
	struct clockwork *clockwork, int64_t at, const char *name, turn_fn *fn, void *context);
void turn_owned(struct turn *turn, const void *owner, turn_fn *drop);
int64_t turn_instant(const struct turn *turn);
/* Take TURN to another instant. */
void turn_move(struct clockwork *clockwork, struct turn *turn, int64_t at);
/* Forget one turn (without DROP), or all of OWNER (with). */
void turn_cancel(struct clockwork *clockwork, struct turn *turn);
void clockwork_forget(struct clockwork *clockwork, const void *owner);
/* No turn of OWNER runs before UNTIL. */
void clockwork_stall(struct clockwork *clockwork, const void *owner, int64_t until);

/* Run the next turn if it is not after UNTIL; its name, or NULL if there is none. */
const char *clockwork_step(struct clockwork *clockwork, int64_t until);
/* Turns that have run. */
uint64_t clockwork_count(const struct clockwork *clockwork);
