/* SPDX-License-Identifier: Apache-2.0 */
/* How long it takes from the instant at which a renewal is due until its step starts, by the product's own sweep. */
#pragma once

#include <stddef.h>

struct event_base;
struct flow_engine;

/* Wake the renewals 1 to COUNT one after the other by renewals_wake, as whatever comes in does, with a pause between; the
 * milliseconds of each go into VALUES.  All renewals are in state binding, before and after. */
void latency_measure(struct event_base *base, struct flow_engine *engine, const char *conninfo,
	double *values, size_t count);
