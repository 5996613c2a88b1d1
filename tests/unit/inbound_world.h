/* SPDX-License-Identifier: Apache-2.0 */
/* A listener and its clients, raw sockets in the same event loop, for the tests of the listener. */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "orchestrator/loop/inbound.h"

enum { ANSWER_MAX = 64 * 1024, LARGE = 1024 * 1024 };

struct world {
	struct event_base *base;
	struct inbound *inbound;
	struct request *held; /* one that its handler keeps */
	unsigned handled;
	char seen[256];
};

static inline void answer_echo(struct request *request, void *context)
{
	struct world *world = context;
	size_t len = 0;
	const void *body = request_body(request, &len);
	world->handled++;
	request_add_header(request, "X-Evil", "a\r\nX-Injected: 1");
	request_reply(request, 200, "text/plain", body, len);
}

static inline void answer_facts(struct request *request, void *context)
{
	struct world *world = context;
	JSON *query = request_query_json(request);
	OWNED char *all = json_write_canonical(query);
	world->handled++;
	(void)snprintf(world->seen, sizeof(world->seen), "%s|%s|%s|%s|%s|%s|%d",
		request_address(request), request_param(request, 0), request_param(request, 1),
		request_query(request, "q"), all, request_header(request, "x-word"),
		request_peer(request) == NULL);
	struct fault fault;
	(void)fault_set(&fault, FAULT_CONFLICT, "someone moved it");
	request_reply_fault(request, &fault);
}

static inline void hold(struct request *request, void *context)
{
	struct world *world = context;
	world->handled++;
	world->held = request;
}

static const struct inbound_route routes[] = {
	{ INBOUND_POST, "/echo", 1000, NULL, answer_echo },
	{ INBOUND_POST, "/large", LARGE, NULL, answer_echo },
	{ INBOUND_GET, "/echo", 0, NULL, answer_echo },
	{ INBOUND_GET, "/things/:id/parts/:part", 0, NULL, answer_facts },
	{ INBOUND_GET, "/held", 0, NULL, hold },
};

static inline struct inbound_options usual_options(struct world *world)
{
	return (struct inbound_options){ .address = "127.0.0.1",
		.routes = routes,
		.route_count = COUNT_OF(routes),
		.context = world,
		.header_max = 16384,
		.connections_max = 600,
		.connections_per_address = 600,
		.request_deadline_s = 30 };
}

static inline void listen_with(struct world *world, const struct inbound_options *options)
{
	struct fault fault;
	inbound_free(world->inbound);
	world->inbound = inbound_new(world->base, options, &fault);
	if (world->inbound == NULL)
		fail_msg("%s", fault.text);
}

static inline int begin_world(void **state)
{
	struct world *world = zalloc(1, sizeof(*world));
	log_init("inbound_test", LOG_LEVEL_ERROR);
	world->base = event_base_new();
	struct inbound_options options = usual_options(world);
	listen_with(world, &options);
	*state = world;
	return 0;
}

static inline int end_world(void **state)
{
	struct world *world = *state;
	inbound_free(world->inbound);
	event_base_free(world->base);
	free(world);
	return 0;
}

static inline void turn(struct world *world)
{
	struct timeval tick = { .tv_usec = 1000 };
	(void)event_base_loopexit(world->base, &tick);
	(void)event_base_loop(world->base, 0);
}

/* A client; SOURCE is the last byte of its 127.0.0.x address. */
static inline int client_from(struct world *world, unsigned char source)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
	} here = { .v4 = { .sin_family = AF_INET } }, there = here;

	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	here.v4.sin_addr.s_addr = htonl(0x7f000000U + source);
	there.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	there.v4.sin_port = htons((uint16_t)inbound_port(world->inbound));
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, &here.any, sizeof(here.v4)), 0);
	assert_int_equal(connect(fd, &there.any, sizeof(there.v4)), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

static inline int client(struct world *world)
{
	return client_from(world, 1);
}

static inline void say_bytes(struct world *world, int fd, const char *bytes, size_t len)
{
	int64_t until = clock_monotonic_ms() + 10000;
	while (len > 0 && clock_monotonic_ms() < until) {
		ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);
		if (sent < 0 && errno != EAGAIN)
			return;
		bytes += sent > 0 ? sent : 0;
		len -= sent > 0 ? (size_t)sent : 0;
		turn(world);
	}
}

static inline void say(struct world *world, int fd, const char *text)
{
	say_bytes(world, fd, text, strlen(text));
}

/* What the server says until it is silent after having said something, or closes (*CLOSED). */
static inline char *hear(struct world *world, int fd, bool *closed)
{
	char *answer = zalloc(ANSWER_MAX, 1);
	size_t len = 0;
	int64_t until = clock_monotonic_ms() + 8000;
	unsigned quiet = 0;
	*closed = false;
	while (clock_monotonic_ms() < until && quiet < 20 && !*closed) {
		turn(world);
		ssize_t got = recv(fd, answer + len, ANSWER_MAX - 1 - len, 0);
		quiet = got < 0 && len > 0 ? quiet + 1 : 0;
		*closed = got == 0 || (got < 0 && errno != EAGAIN);
		len += got > 0 ? (size_t)got : 0;
	}
	return answer;
}

/* One request over a connection of its own. */
static inline char *ask(struct world *world, const char *text, bool *closed)
{
	int fd = client(world);
	say(world, fd, text);
	char *answer = hear(world, fd, closed);
	(void)close(fd);
	turn(world);
	return answer;
}

static inline void assert_has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("\"%s\" is not in \"%.300s\"", part, text);
}
