/* SPDX-License-Identifier: Apache-2.0 */
/* The listener against clients that send too much, too slowly, or come in too great a number. */
#include <sys/resource.h>

#include "tests/unit/inbound_world.h"

/* Freed memory that AddressSanitizer holds back would look like memory that the listener holds. */
/* NOLINTBEGIN(readability-identifier-naming): the sanitizer's name */
__attribute__((visibility("default"))) const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "quarantine_size_mb=4:thread_local_quarantine_size_kb=64";
}

/* NOLINTEND(readability-identifier-naming) */

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

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, begin_world, end_world)
	const struct CMUnitTest tests[] = {
		IN_WORLD(a_body_over_its_limit_is_refused_before_it_is_sent),
		IN_WORLD(a_header_of_200_mib_is_refused_without_being_kept),
		IN_WORLD(a_header_over_its_limit_gets_its_reason),
		IN_WORLD(idle_clients_of_one_address_leave_room_for_others),
		IN_WORLD(five_hundred_idle_connections_are_gone_after_their_deadline),
		IN_WORLD(a_request_that_waits_for_our_answer_has_no_deadline),
		IN_WORLD(a_lack_of_descriptors_is_survived),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
