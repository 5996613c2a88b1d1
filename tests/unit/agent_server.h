/* SPDX-License-Identifier: Apache-2.0 */
/* An orchestrator for the agent's tests: schema/agent.md over mutual TLS on a free port, in a process
 * of its own, with what it says and how it misbehaves in files below the bench's folder:
 *
 *   server/orders    the orders array that polls answer with; absent: []
 *   server/knob      `CALL STATUS CODE`: that call (enrol report orders permit result, or all) is
 *                    answered with a problem; STATUS 0: the connection is cut after the request was
 *                    taken in
 *   server/requests  one line per request taken in: METHOD PATH BODY */
#pragma once

#include <sys/types.h>

#include "tests/unit/agent_bench.h"

struct server {
	pid_t pid;
	char url[64];
};

/* Listen, and put the address into the bench's settings. */
void server_start(struct server *server, struct bench *bench);
void server_stop(struct server *server);
/* Let polls answer with the order in the state directory's order.json. */
void server_offer_order(struct bench *bench);
/* Requests whose line contains TEXT. */
int server_saw(const struct bench *bench, const char *text);
/* Enrol the bench's agent; returns the exit code. */
int server_enrol(const struct bench *bench);
