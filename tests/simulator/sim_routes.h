/* SPDX-License-Identifier: Apache-2.0 */
/* Which handler answers what: the operations of the contract and those of the control interface. */
#pragma once

#include "tests/simulator/sim_inside.h"

enum body_kind {
	BODY_NONE,
	BODY_JSON,     /* an object, required */
	BODY_OPTIONAL, /* an object, or nothing */
	BODY_RAW       /* the handler's own business */
};

struct route {
	const char *method;
	const char *pattern; /* `:id` is one segment */
	enum body_kind body;
	void (*handle)(struct sim_call *call);
};

/* The route of the call, its `:id` in call->id; NULL after a problem. */
const struct route *route_of_gateway(struct sim_call *call);
const struct route *route_of_control(struct sim_call *call);
