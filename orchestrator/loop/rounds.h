/* SPDX-License-Identifier: Apache-2.0 */
/* A story that is told again and again: one telling at a time, the next after the pause that the end of the last one
 * asks for, or at once where something wakes it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "orchestrator/loop/flow.h"

struct event_base;
struct rounds;

/* KIND is begun about SELF; its `finished` must call rounds_end or rounds_rest.  All are borrowed.  The first telling
 * begins when it is woken. */
struct rounds *rounds_new(
	struct event_base *base, struct flow_engine *engine, struct flow_kind *kind, void *self);
/* Begin now; where a telling is under way, another one follows it.  Takes a `struct rounds *`, as db_listen wants it. */
void rounds_wake(void *rounds);
/* This telling is over, the next begins in MS milliseconds. */
void rounds_end(struct rounds *rounds, int64_t ms);
/* This telling is over, and the next begins when it is woken. */
void rounds_rest(struct rounds *rounds);
/* Begin no other; what is told now ends by itself. */
void rounds_stop(struct rounds *rounds);
bool rounds_stopped(const struct rounds *rounds);
/* After the engine's flows have ended. */
void rounds_free(struct rounds *rounds);
