/* SPDX-License-Identifier: Apache-2.0 */
/* The knobs: what the simulator is told to do wrong, or otherwise than its defaults. */
#pragma once

#include "tests/simulator/sim_inside.h"

void get_knobs(struct sim_call *call);
void put_knobs(struct sim_call *call);
/* Set every knob to its default where it has no value. */
void sim_knobs_init(struct sim *sim);

int64_t sim_knob_number(const struct sim *sim, const char *name);
bool sim_knob_flag(const struct sim *sim, const char *name);
/* Does the knob apply to this call?  Its value is false or 0, true or a number, or an object {path,
 * method, ms, once}: path is exact but for `*` standing for one segment.  A knob with `once` is
 * turned off when it applies.  Returns 0 (no) or the knob's number (true is 1). */
int64_t sim_knob_fires(struct sim_call *call, const char *name);
