/* SPDX-License-Identifier: Apache-2.0 */
/* The listener: requests are read in one way only, and answered exactly once. */
#include "tests/unit/inbound_world.h"

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
		IN_WORLD(a_client_that_asks_first_is_told_to_continue),
		IN_WORLD(a_client_that_has_gone_is_answered_all_the_same),
		IN_WORLD(a_client_that_has_only_stopped_sending_still_hears_its_answer),
		IN_WORLD(a_listener_that_stops_answers_what_is_open_and_takes_nothing_new),
		IN_WORLD(requests_outlive_the_listener_that_brought_them),
		IN_WORLD(an_address_that_is_taken_or_no_number_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
