/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP shell around the core: two listeners on loopback, one thread.  It keeps answers back or
 * cuts connections where the core says so, saves the state before it answers, and sends notices. */
#pragma once

#include <event2/event.h>
#include <openssl/ssl.h>

#include "tests/simulator/sim_core.h"

struct sim_http;

struct sim_http_options {
	struct event_base *base; /* borrowed */
	struct sim *sim;         /* borrowed */
	int64_t (*now)(void);    /* the clock */
	/* Called after each request that changed something, before it is answered; false ends the
	 * loop (the state could not be saved). */
	bool (*save)(void *context);
	void *context;
	SSL_CTX *tls;                        /* of the gateway's listener; NULL: plain */
	uint16_t gateway_port, control_port; /* 0: any free one */
};

/* Listen on 127.0.0.1; NULL with a fault.  Options are copied. */
struct sim_http *sim_http_new(const struct sim_http_options *options, struct fault *fault);
void sim_http_free(struct sim_http *http);
uint16_t sim_http_gateway_port(const struct sim_http *http);
uint16_t sim_http_control_port(const struct sim_http *http);

DEFINE_CLEANUP(sim_http_freep, struct sim_http *, sim_http_free)
