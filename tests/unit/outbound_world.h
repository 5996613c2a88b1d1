/* SPDX-License-Identifier: Apache-2.0 */
/* Calls outside to our own listener, in one event loop, for the tests of calls and of their trust. */
#pragma once

#include <arpa/inet.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/cert.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "orchestrator/loop/inbound.h"
#include "orchestrator/loop/outbound.h"

struct world {
	struct event_base *base;
	struct flow_engine *engine;
	struct outbound *outbound;
	struct inbound *inbound;
	struct request *held;
	unsigned handled;
	char peer[CERT_NAME]; /* common name of the last client, "" without one */
};

static inline void remember_peer(struct world *world, const struct request *request)
{
	struct cert_facts facts = { 0 };
	struct fault fault;
	X509 *peer = request_peer(request);
	world->handled++;
	if (peer != NULL)
		assert_true(cert_read_facts(&facts, peer, &fault));
	memcpy(world->peer, facts.common_name, sizeof(world->peer));
}

static inline void answer_echo(struct request *request, void *context)
{
	size_t len = 0;
	const void *body = request_body(request, &len);
	remember_peer(context, request);
	request_add_header(
		request, "X-Word", request_header(request, "X-Word") != NULL ? "heard" : "-");
	request_reply(request, 201, "text/plain", body, len);
}

static inline void answer_large(struct request *request, void *context)
{
	OWNED char *body = zalloc(5001, 1);
	(void)context;
	memset(body, 'x', 5000);
	request_reply(request, 200, "text/plain", body, 5000);
}

static inline void redirect(struct request *request, void *context)
{
	struct world *world = context;
	world->handled++;
	request_add_header(request, "Location", "/large");
	request_reply(request, 302, "text/plain", "", 0);
}

static inline void hold(struct request *request, void *context)
{
	struct world *world = context;
	world->held = request;
}

static const struct inbound_route routes[] = {
	{ INBOUND_GET, "/echo", 0, NULL, answer_echo },
	{ INBOUND_POST, "/echo", 100, NULL, answer_echo },
	{ INBOUND_PUT, "/echo", 100, NULL, answer_echo },
	{ INBOUND_DELETE, "/echo", 0, NULL, answer_echo },
	{ INBOUND_GET, "/large", 0, NULL, answer_large },
	{ INBOUND_GET, "/redirect", 0, NULL, redirect },
	{ INBOUND_GET, "/held", 0, NULL, hold },
};

/* ---- one call as a flow ---- */

struct call_story {
	struct world *world;
	struct outbound_request request;
	long status;
	struct fault fault;
	char body[64];
	char word[16];
	size_t len;
	bool finished;
};

static inline enum flow_next call_out(struct flow *flow, void *self)
{
	const struct call_story *story = self;
	return outbound_begin(story->world->outbound, flow, &story->request);
}

static inline enum flow_next look(struct flow *flow, void *self)
{
	struct call_story *story = self;
	const struct reply *reply = flow_reply(flow);
	story->status = reply->status;
	story->fault = reply->fault;
	story->len = reply->len;
	(void)snprintf(
		story->body, sizeof(story->body), "%s", reply->body != NULL ? reply->body : "");
	(void)flow_reply_header(flow, "x-word", story->word, sizeof(story->word));
	return FLOW_DONE;
}

static inline void call_finished(void *self, const struct fault *fault)
{
	struct call_story *story = self;
	story->finished = true;
	assert_null(fault);
}

static const struct flow_step call_steps[] = { { "call", call_out }, { "look", look },
	{ NULL, NULL } };
static struct flow_kind call_kind = {
	.name = "call", .steps = call_steps, .finished = call_finished
};

static inline void turn(struct world *world)
{
	struct timeval tick = { .tv_usec = 2000 };
	(void)event_base_loopexit(world->base, &tick);
	(void)event_base_loop(world->base, 0);
}

static inline void begin_call(struct world *world, struct call_story *story)
{
	story->world = world;
	assert_true(flow_start(world->engine, &call_kind, story));
}

static inline void end_call(struct world *world, const struct call_story *story)
{
	int64_t until = clock_monotonic_ms() + 15000;
	while (!story->finished && clock_monotonic_ms() < until)
		turn(world);
	assert_true(story->finished);
}

static inline void run_call(struct world *world, struct call_story *story)
{
	begin_call(world, story);
	end_call(world, story);
}

/* ---- the world ---- */

static inline void use_outbound(struct world *world, unsigned timeout_ms, bool plain)
{
	struct fault fault;
	outbound_free(world->outbound);
	world->outbound = outbound_new(world->base,
		&(struct outbound_options){
			.timeout_ms = timeout_ms, .allow_plain_loopback = plain },
		&fault);
	assert_non_null(world->outbound);
}

struct inbound_tls_files {
	const char *cert, *key, *ca;
};

static inline void use_inbound(struct world *world, const struct inbound_tls_files *tls)
{
	struct fault fault;
	struct inbound_options options = { .address = "127.0.0.1",
		.routes = routes,
		.route_count = COUNT_OF(routes),
		.context = world,
		.header_max = 16384,
		.connections_max = 100,
		.connections_per_address = 100,
		.request_deadline_s = 10 };
	if (tls != NULL) {
		options.cert_file = tls->cert;
		options.key_file = tls->key;
		options.ca_file = tls->ca;
	}
	world->inbound = inbound_new(world->base, &options, &fault);
	if (world->inbound == NULL)
		fail_msg("%s", fault.text);
}

static inline char *url(const struct world *world, const char *scheme, const char *path)
{
	return text_dupf("%s://127.0.0.1:%u%s", scheme, inbound_port(world->inbound), path);
}

static inline int begin_world(void **state)
{
	struct world *world = zalloc(1, sizeof(*world));
	struct fault fault;
	log_init("outbound_test", LOG_LEVEL_ERROR);
	world->base = event_base_new();
	world->engine = flow_engine_new(world->base, &fault);
	use_outbound(world, 5000, true);
	*state = world;
	return 0;
}

static inline int end_world(void **state)
{
	struct world *world = *state;
	outbound_free(world->outbound);
	inbound_free(world->inbound);
	turn(world);
	flow_engine_free(world->engine);
	event_base_free(world->base);
	free(world);
	return 0;
}
