/* SPDX-License-Identifier: Apache-2.0 */
/* The listener against clients that behave, and against those that do not: raw sockets in the same
 * event loop. */
#include "orchestrator/loop/inbound.h"

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

enum { ANSWER_MAX = 64 * 1024, LARGE = 1024 * 1024 };

/* Freed memory that AddressSanitizer holds back would look like memory that the listener holds. */
/* NOLINTBEGIN(readability-identifier-naming): the sanitizer's name */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "quarantine_size_mb=4:thread_local_quarantine_size_kb=64";
}

/* NOLINTEND(readability-identifier-naming) */

struct world {
	struct event_base *base;
	struct inbound *inbound;
	struct request *held; /* one that its handler keeps */
	unsigned handled;
	char seen[256];
};

static void answer_echo(struct request *request, void *context)
{
	struct world *world = context;
	size_t len = 0;
	const void *body = request_body(request, &len);
	world->handled++;
	request_add_header(request, "X-Evil", "a\r\nX-Injected: 1");
	request_reply(request, 200, "text/plain", body, len);
}

static void answer_facts(struct request *request, void *context)
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

static void hold(struct request *request, void *context)
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

static struct inbound_options usual_options(struct world *world)
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

static void listen_with(struct world *world, const struct inbound_options *options)
{
	struct fault fault;
	inbound_free(world->inbound);
	world->inbound = inbound_new(world->base, options, &fault);
	if (world->inbound == NULL)
		fail_msg("%s", fault.text);
}

static int begin_world(void **state)
{
	struct world *world = zalloc(1, sizeof(*world));
	log_init("inbound_test", LOG_LEVEL_ERROR);
	world->base = event_base_new();
	struct inbound_options options = usual_options(world);
	listen_with(world, &options);
	*state = world;
	return 0;
}

static int end_world(void **state)
{
	struct world *world = *state;
	inbound_free(world->inbound);
	event_base_free(world->base);
	free(world);
	return 0;
}

static void turn(struct world *world)
{
	struct timeval tick = { .tv_usec = 1000 };
	(void)event_base_loopexit(world->base, &tick);
	(void)event_base_loop(world->base, 0);
}

/* A client; SOURCE is the last byte of its 127.0.0.x address. */
static int client_from(struct world *world, unsigned char source)
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

static int client(struct world *world)
{
	return client_from(world, 1);
}

static void say_bytes(struct world *world, int fd, const char *bytes, size_t len)
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

static void say(struct world *world, int fd, const char *text)
{
	say_bytes(world, fd, text, strlen(text));
}

/* What the server says until it is silent after having said something, or closes (*CLOSED). */
static char *hear(struct world *world, int fd, bool *closed)
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
static char *ask(struct world *world, const char *text, bool *closed)
{
	int fd = client(world);
	say(world, fd, text);
	char *answer = hear(world, fd, closed);
	(void)close(fd);
	turn(world);
	return answer;
}

static void assert_has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("\"%s\" is not in \"%.300s\"", part, text);
}

static void a_request_is_answered_and_the_connection_stays(void **state)
{
	struct world *world = *state;
	bool closed = false;
	int fd = client(world);

	for (int i = 0; i < 3; i++) {
		say(world, fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
		OWNED char *answer = hear(world, fd, &closed);
		assert_has(answer, "HTTP/1.1 200 OK\r\n");
		assert_has(answer, "Content-Length: 5\r\n");
		assert_has(answer, "\r\n\r\nhello");
		assert_null(strstr(answer, "X-Injected"));
		assert_false(closed);
	}
	assert_int_equal(world->handled, 3);
	(void)close(fd);
}

static void requests_sent_at_once_are_answered_in_order(void **state)
{
	struct world *world = *state;
	bool closed = false;
	OWNED char *answer = ask(world,
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nfirst"
		"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n3;x=1\r\nsec\r\n3\r\nond\r\n"
		"0\r\nTrailer: dropped\r\n\r\n"
		"GET /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		&closed);

	const char *first = strstr(answer, "first");
	assert_non_null(first);
	assert_non_null(strstr(first, "\r\n\r\nsecond"));
	assert_int_equal(world->handled, 3);
	assert_true(closed);
}

static void a_request_that_arrives_byte_by_byte_is_the_same_request(void **state)
{
	static const char text[] =
		"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
		"A\r\n0123456789\r\n0\r\n\r\n";
	struct world *world = *state;
	bool closed = false;
	int fd = client(world);

	for (size_t i = 0; i < sizeof(text) - 1; i++)
		say_bytes(world, fd, text + i, 1);
	OWNED char *answer = hear(world, fd, &closed);

	assert_has(answer, "\r\n\r\n0123456789");
	(void)close(fd);
}

static void the_handler_sees_parts_queries_and_headers_decoded(void **state)
{
	struct world *world = *state;
	bool closed = false;
	OWNED char *answer = ask(world,
		"GET /things/a%2Fb/parts/%E6%9C%AA?q=1%262+3&empty=&q=again&flag HTTP/1.1\r\nHost: x\r\n"
		"X-Word:  spaced \r\n\r\n",
		&closed);

	assert_string_equal(world->seen,
		"127.0.0.1|a/b|未|1&2 3|{\"empty\":\"\",\"flag\":\"\",\"q\":\"1&2 3\"}|spaced|1");
	assert_has(answer, "HTTP/1.1 409 Conflict\r\n");
	assert_has(answer, "application/problem+json");
	assert_has(answer, "\"code\":\"conflict\",\"detail\":\"someone moved it\"");
}

static void what_two_servers_might_read_in_two_ways_is_refused(void **state)
{
	static const struct {
		const char *text;
		const char *status;
	} cases[] = {
		{ "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", "404" },
		{ "GET /echo/ HTTP/1.1\r\nHost: x\r\n\r\n", "404" },
		{ "GET /things//parts/2 HTTP/1.1\r\nHost: x\r\n\r\n", "404" },
		{ "PUT /echo HTTP/1.1\r\nHost: x\r\n\r\n", "405" },
		{ "BREW /echo HTTP/1.1\r\nHost: x\r\n\r\n", "405" },
		{ "GET /echo HTTP/2.0\r\nHost: x\r\n\r\n", "505" },
		{ "GET /echo HTTP/1.1\r\n\r\n", "400" },
		{ "GET /echo HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "400" },
		{ "GET /echo HTTP/1.1\nHost: x\r\n\r\n", "400" },
		{ "GET  /echo HTTP/1.1\r\nHost: x\r\n\r\n", "400" },
		{ "GET /echo HTTP/1.1 \r\nHost: x\r\n\r\n", "505" },
		{ "GET echo HTTP/1.1\r\nHost: x\r\n\r\n", "400" },
		{ "GET /things/%zz/parts/1 HTTP/1.1\r\nHost: x\r\n\r\n", "400" },
		{ "GET /things/%00/parts/1 HTTP/1.1\r\nHost: x\r\n\r\n", "400" },
		{ "GET /echo?a=%4 HTTP/1.1\r\nHost: x\r\n\r\n", "400" },
		{ "GET /echo HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n", "400" },
		{ "GET /echo HTTP/1.1\r\nHost: x\r\nA: b\r\n folded\r\n\r\n", "400" },
		{ "GET /echo HTTP/1.1\r\nHost: x\r\nA: \x01\r\n\r\n", "400" },
		{ "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
			"400" },
		{ "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\na", "400" },
		{ "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\na", "400" },
		{ "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: "
		  "chunked\r\n\r\n0\r\n\r\n",
			"400" },
		{ "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
			"400" },
		{ "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
			"400" },
		{ "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
		  "chunked\r\n\r\n0\r\n\r\n",
			"400" },
		{ "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400" },
		{ "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n",
			"400" },
		{ "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
			"400" },
		{ "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n",
			"400" },
		{ "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n\r\n", "417" },
	};
	struct world *world = *state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		bool closed = false;
		char begin[32];
		OWNED char *answer = ask(world, cases[i].text, &closed);
		(void)snprintf(begin, sizeof(begin), "HTTP/1.1 %s ", cases[i].status);
		if (strncmp(answer, begin, strlen(begin)) != 0 || !closed)
			fail_msg("%s: %s%.100s", cases[i].text,
				closed ? "" : "stays open: ", answer);
	}
	assert_int_equal(world->handled, 0);
}

static void a_refused_method_names_those_that_are_taken(void **state)
{
	struct world *world = *state;
	bool closed = false;
	OWNED char *answer = ask(world, "HEAD /echo HTTP/1.1\r\nHost: x\r\n\r\n", &closed);

	assert_has(answer, "405 Method Not Allowed");
	assert_has(answer, "\r\nAllow: POST, GET\r\n");
	assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
}

static void a_body_over_its_limit_is_refused_before_it_is_sent(void **state)
{
	struct world *world = *state;
	bool closed = false;
	OWNED char *announced = ask(world,
		"POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n",
		&closed);
	OWNED char *chunked = ask(world,
		"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3E9\r\n",
		&closed);
	OWNED char *unexpected =
		ask(world, "GET /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na", &closed);

	assert_has(announced, "HTTP/1.1 413 ");
	assert_has(announced, "at most 1000 bytes");
	assert_has(chunked, "HTTP/1.1 413 ");
	assert_has(unexpected, "HTTP/1.1 413 ");
	assert_true(closed);
	assert_int_equal(world->handled, 0);
}

static void a_client_that_asks_first_is_told_to_continue(void **state)
{
	struct world *world = *state;
	bool closed = false;
	int fd = client(world);
	OWNED char *body = zalloc(LARGE + 1, 1);
	memset(body, 'x', LARGE);

	say(world, fd,
		"POST /large HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1048576\r\n\r\n");
	OWNED char *go_on = hear(world, fd, &closed);
	say_bytes(world, fd, body, LARGE);
	OWNED char *answer = hear(world, fd, &closed);

	assert_string_equal(go_on, "HTTP/1.1 100 Continue\r\n\r\n");
	assert_has(answer, "HTTP/1.1 200 OK\r\n");
	assert_has(answer, "Content-Length: 1048576\r\n");
	(void)close(fd);
}

static long peak_kib(void)
{
	struct rusage usage;
	(void)getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

static void a_header_of_200_mib_is_refused_without_being_kept(void **state)
{
	struct world *world = *state;
	bool closed = false;
	const size_t whole = (size_t)200 * 1024 * 1024;
	OWNED char *block = zalloc(LARGE, 1);
	memset(block, 'a', LARGE);
	int fd = client(world);
	say(world, fd, "GET /echo HTTP/1.1\r\nHost: x\r\nX-Long: ");
	long before_kib = peak_kib();

	size_t sent = 0;
	while (sent < whole) {
		ssize_t some = send(fd, block, LARGE, MSG_NOSIGNAL);
		if (some < 0 && errno != EAGAIN)
			break;
		sent += some > 0 ? (size_t)some : 0;
		turn(world);
	}
	long after_kib = peak_kib();
	free(hear(world, fd, &closed)); /* a reset may have taken the answer away */
	(void)close(fd);

	assert_true(closed);
	assert_in_range((uintmax_t)(after_kib - before_kib), 0, 20 * 1024);
	assert_int_equal(world->handled, 0);
	OWNED char *next = ask(world, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n", &closed);
	assert_has(next, "HTTP/1.1 200 OK\r\n");
}

static void a_header_over_its_limit_gets_its_reason(void **state)
{
	struct world *world = *state;
	bool closed = false;
	OWNED char *padding = zalloc(16385, 1);
	memset(padding, 'a', 16384);
	OWNED char *text = text_dupf("GET /echo HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n", padding);
	OWNED char *answer = ask(world, text, &closed);

	assert_has(answer, "HTTP/1.1 431 ");
	assert_has(answer, "at most 16384 bytes");
	assert_true(closed);
}

static void idle_clients_of_one_address_leave_room_for_others(void **state)
{
	struct world *world = *state;
	struct inbound_options options = usual_options(world);
	int idle[200];
	bool closed = false;
	options.connections_max = 100;
	options.connections_per_address = 50;
	listen_with(world, &options);
	for (size_t i = 0; i < COUNT_OF(idle); i++) {
		idle[i] = client_from(world, 7);
		turn(world);
	}

	int fd = client_from(world, 8);
	say(world, fd, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
	OWNED char *answer = hear(world, fd, &closed);

	assert_has(answer, "HTTP/1.1 200 OK\r\n");
	char byte = 0;
	assert_int_equal(recv(idle[0], &byte, 1, 0), -1);  /* still open */
	assert_int_equal(recv(idle[199], &byte, 1, 0), 0); /* turned away */
	(void)close(fd);
	for (size_t i = 0; i < COUNT_OF(idle); i++)
		(void)close(idle[i]);
}

static void five_hundred_idle_connections_are_gone_after_their_deadline(void **state)
{
	struct world *world = *state;
	struct inbound_options options = usual_options(world);
	int idle[500];
	bool closed = false;
	options.connections_max = 500;
	options.request_deadline_s = 1;
	listen_with(world, &options);
	for (size_t i = 0; i < COUNT_OF(idle); i++) {
		idle[i] = client(world);
		if (i % 2 == 0)
			say(world, idle[i], "GET /ec");
		turn(world);
	}
	/* those that had begun a request hear why, and linger for two seconds */
	OWNED char *late = hear(world, idle[498], &closed);
	assert_has(late, "HTTP/1.1 408 ");
	for (int64_t until = clock_monotonic_ms() + 3500; clock_monotonic_ms() < until;)
		turn(world);

	OWNED char *answer = ask(world, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n", &closed);

	assert_has(answer, "HTTP/1.1 200 OK\r\n");
	for (size_t i = 0; i < COUNT_OF(idle); i++)
		(void)close(idle[i]);
}

static void a_request_that_waits_for_our_answer_has_no_deadline(void **state)
{
	struct world *world = *state;
	struct inbound_options options = usual_options(world);
	bool closed = false;
	options.request_deadline_s = 1;
	listen_with(world, &options);
	int fd = client(world);
	say(world, fd, "GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
	for (int64_t until = clock_monotonic_ms() + 1500; clock_monotonic_ms() < until;)
		turn(world);

	assert_int_equal(inbound_open_requests(world->inbound), 1);
	request_reply(world->held, 204, NULL, NULL, 0);
	OWNED char *answer = hear(world, fd, &closed);

	assert_has(answer, "HTTP/1.1 204 No Content\r\n");
	assert_null(strstr(answer, "Content-Length"));
	assert_int_equal(inbound_open_requests(world->inbound), 0);
	(void)close(fd);
}

static void a_client_that_has_gone_is_answered_all_the_same(void **state)
{
	struct world *world = *state;
	struct linger at_once = { .l_onoff = 1 };
	int fd = client(world);
	say(world, fd, "GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
	turn(world);
	assert_non_null(world->held);

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	(void)close(fd); /* with a reset */
	for (int i = 0; i < 5; i++)
		turn(world);
	assert_int_equal(inbound_open_requests(world->inbound), 1);
	request_reply_problem(world->held, 503, "later", "too late");

	assert_int_equal(inbound_open_requests(world->inbound), 0);
}

static void a_client_that_has_only_stopped_sending_still_hears_its_answer(void **state)
{
	struct world *world = *state;
	bool closed = false;
	int fd = client(world);
	say(world, fd, "GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
	(void)shutdown(fd, SHUT_WR);
	for (int i = 0; i < 5; i++)
		turn(world);

	request_reply(world->held, 200, "text/plain", "late", 4);
	OWNED char *answer = hear(world, fd, &closed);

	assert_has(answer, "\r\n\r\nlate");
	assert_true(closed);
	(void)close(fd);
}

static void a_listener_that_stops_answers_what_is_open_and_takes_nothing_new(void **state)
{
	struct world *world = *state;
	bool closed = false;
	int idle = client(world);
	int fd = client(world);
	say(world, fd, "GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
	turn(world);

	inbound_stop(world->inbound);
	int late = client(world); /* the kernel takes it, we do not */
	request_reply(world->held, 200, "text/plain", "last", 4);
	OWNED char *answer = hear(world, fd, &closed);

	assert_has(answer, "\r\n\r\nlast");
	assert_has(answer, "Connection: close");
	assert_true(closed);
	char byte = 0;
	assert_int_equal(recv(idle, &byte, 1, 0), 0);
	(void)close(late);
	(void)close(idle);
	(void)close(fd);
}

static void requests_outlive_the_listener_that_brought_them(void **state)
{
	struct world *world = *state;
	int fd = client(world);
	say(world, fd, "GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
	turn(world);
	assert_non_null(world->held);

	inbound_free(world->inbound);
	world->inbound = NULL;
	request_reply(world->held, 200, "text/plain", "nobody", 6);
	(void)close(fd);
}

static void a_lack_of_descriptors_is_survived(void **state)
{
	struct world *world = *state;
	struct rlimit before;
	bool closed = false;
	int clients[40];
	for (size_t i = 0; i < COUNT_OF(clients); i++)
		clients[i] = client(world);
	(void)getrlimit(RLIMIT_NOFILE, &before);
	int next = dup(0);
	(void)close(next);
	struct rlimit tight = { .rlim_cur = (rlim_t)next + 5, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);

	unsigned turns = 0;
	for (int64_t until = clock_monotonic_ms() + 500; clock_monotonic_ms() < until; turns++)
		turn(world);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	for (size_t i = 0; i < COUNT_OF(clients); i++)
		(void)close(clients[i]);
	for (int i = 0; i < 200; i++)
		turn(world);

	OWNED char *answer = ask(world, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n", &closed);
	assert_has(answer, "HTTP/1.1 200 OK\r\n");
	assert_true(turns > 100); /* the loop was not burnt by a failing accept */
}

static void an_address_that_is_taken_or_no_number_is_told(void **state)
{
	struct world *world = *state;
	struct inbound_options taken = usual_options(world);
	struct inbound_options named = usual_options(world);
	struct fault fault;
	taken.port = inbound_port(world->inbound);
	named.address = "localhost";

	assert_null(inbound_new(world->base, &taken, &fault));
	assert_has(fault.text, "127.0.0.1, port ");
	assert_null(inbound_new(world->base, &named, &fault));
	assert_has(fault.text, "numeric");
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, begin_world, end_world)
	const struct CMUnitTest tests[] = {
		IN_WORLD(a_request_is_answered_and_the_connection_stays),
		IN_WORLD(requests_sent_at_once_are_answered_in_order),
		IN_WORLD(a_request_that_arrives_byte_by_byte_is_the_same_request),
		IN_WORLD(the_handler_sees_parts_queries_and_headers_decoded),
		IN_WORLD(what_two_servers_might_read_in_two_ways_is_refused),
		IN_WORLD(a_refused_method_names_those_that_are_taken),
		IN_WORLD(a_body_over_its_limit_is_refused_before_it_is_sent),
		IN_WORLD(a_client_that_asks_first_is_told_to_continue),
		IN_WORLD(a_header_of_200_mib_is_refused_without_being_kept),
		IN_WORLD(a_header_over_its_limit_gets_its_reason),
		IN_WORLD(idle_clients_of_one_address_leave_room_for_others),
		IN_WORLD(five_hundred_idle_connections_are_gone_after_their_deadline),
		IN_WORLD(a_request_that_waits_for_our_answer_has_no_deadline),
		IN_WORLD(a_client_that_has_gone_is_answered_all_the_same),
		IN_WORLD(a_client_that_has_only_stopped_sending_still_hears_its_answer),
		IN_WORLD(a_listener_that_stops_answers_what_is_open_and_takes_nothing_new),
		IN_WORLD(requests_outlive_the_listener_that_brought_them),
		IN_WORLD(a_lack_of_descriptors_is_survived),
		IN_WORLD(an_address_that_is_taken_or_no_number_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
