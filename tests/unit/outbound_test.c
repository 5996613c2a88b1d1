/* SPDX-License-Identifier: Apache-2.0 */
/* Calls outside: what comes back, what surely never left and what may have.  The other side is our own
 * listener, or a socket that misbehaves. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/outbound_world.h"

/* ---- what comes back ---- */

static void a_call_brings_status_headers_and_body_back(void **state)
{
	static const char *const methods[] = { "POST", "PUT" };
	static const char *const headers[] = { "X-Word: hear", NULL };
	struct world *world = *state;
	use_inbound(world, NULL);
	OWNED char *to = url(world, "http", "/echo");

	for (size_t i = 0; i < COUNT_OF(methods); i++) {
		struct call_story story = { .request = { .method = methods[i],
						    .url = to,
						    .headers = headers,
						    .body = "hello",
						    .body_len = 5 } };
		run_call(world, &story);
		assert_int_equal(story.status, 201);
		assert_string_equal(story.body, "hello");
		assert_string_equal(story.word, "heard");
		assert_int_equal(story.fault.kind, FAULT_NONE);
	}
	struct call_story get = { .request = { .method = "GET", .url = to } };
	struct call_story delete = { .request = { .method = "DELETE", .url = to } };
	run_call(world, &get);
	run_call(world, &delete);
	assert_int_equal(get.status, 201);
	assert_int_equal(delete.status, 201);
	assert_int_equal(world->handled, 4);
}

static void many_calls_run_at_once(void **state)
{
	struct world *world = *state;
	struct call_story stories[50];
	use_inbound(world, NULL);
	OWNED char *to = url(world, "http", "/echo");

	for (size_t i = 0; i < COUNT_OF(stories); i++) {
		stories[i] = (struct call_story){
			.request = { .method = "POST", .url = to, .body = "x", .body_len = 1 }
		};
		begin_call(world, &stories[i]);
	}
	for (size_t i = 0; i < COUNT_OF(stories); i++) {
		end_call(world, &stories[i]);
		assert_int_equal(stories[i].status, 201);
	}
}

static void redirects_are_not_followed(void **state)
{
	struct world *world = *state;
	use_inbound(world, NULL);
	OWNED char *to = url(world, "http", "/redirect");
	struct call_story story = { .request = { .method = "GET", .url = to } };

	run_call(world, &story);

	assert_int_equal(story.status, 302);
	assert_int_equal(world->handled, 1);
}

static void an_answer_over_its_limit_is_not_taken(void **state)
{
	struct world *world = *state;
	use_inbound(world, NULL);
	OWNED char *to = url(world, "http", "/large");
	struct call_story over = { .request = { .method = "GET", .url = to, .answer_max = 4999 } };
	struct call_story exact = { .request = { .method = "GET", .url = to, .answer_max = 5000 } };

	run_call(world, &over);
	run_call(world, &exact);

	assert_int_equal(over.status, 0);
	assert_int_equal(over.fault.kind, FAULT_UNSURE);
	assert_non_null(strstr(over.fault.text, "larger than allowed"));
	assert_int_equal(exact.status, 200);
	assert_int_equal(exact.len, 5000);
}

/* ---- what surely never left, and what may have ---- */

static void plain_http_is_for_loopback_and_only_where_allowed(void **state)
{
	static const char *const elsewhere[] = { "http://192.0.2.1/", "http://127.0.0.1.example/",
		"http://localhost@192.0.2.1/", "ftp://127.0.0.1/", "file:///etc/passwd" };
	struct world *world = *state;
	use_inbound(world, NULL);
	OWNED char *to = url(world, "http", "/echo");

	for (size_t i = 0; i < COUNT_OF(elsewhere); i++) {
		struct call_story story = { .request = { .method = "GET", .url = elsewhere[i] } };
		run_call(world, &story);
		assert_int_equal(story.status, 0);
		assert_int_equal(story.fault.kind, FAULT_LATER);
	}
	use_outbound(world, 5000, false);
	struct call_story refused = { .request = { .method = "GET", .url = to } };
	run_call(world, &refused);
	assert_int_equal(refused.fault.kind, FAULT_LATER);
	assert_int_equal(world->handled, 0);
}

/* A socket that is bound to a free port of loopback; listening if it is to be. */
static int bind_socket(unsigned *port, bool listening)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
	} here = { .v4 = { .sin_family = AF_INET } };

	socklen_t len = sizeof(here.v4);
	here.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(fd, &here.any, sizeof(here.v4)), 0);
	assert_int_equal(getsockname(fd, &here.any, &len), 0);
	if (listening)
		assert_int_equal(listen(fd, 10), 0);
	*port = ntohs(here.v4.sin_port);
	return fd;
}

static void a_call_to_nobody_surely_never_left(void **state)
{
	struct world *world = *state;
	unsigned port = 0;
	int fd = bind_socket(&port, false);
	OWNED char *to = text_dupf("http://127.0.0.1:%u/", port);
	struct call_story story = { .request = { .method = "POST", .url = to } };

	run_call(world, &story);

	assert_int_equal(story.status, 0);
	assert_int_equal(story.fault.kind, FAULT_LATER);
	(void)close(fd);
}

static void an_answer_that_does_not_come_in_time_leaves_it_unsure(void **state)
{
	struct world *world = *state;
	use_inbound(world, NULL);
	use_outbound(world, 300, true);
	OWNED char *to = url(world, "http", "/held");
	struct call_story story = { .request = { .method = "GET", .url = to } };

	run_call(world, &story);

	assert_int_equal(story.status, 0);
	assert_int_equal(story.fault.kind, FAULT_UNSURE);
	request_reply(world->held, 200, "text/plain", "late", 4);
}

static void a_call_may_have_a_limit_of_its_own(void **state)
{
	struct world *world = *state;
	use_inbound(world, NULL);
	use_outbound(world, 20000, true);
	OWNED char *to = url(world, "http", "/held");
	struct call_story story = { .request = { .method = "GET", .url = to, .timeout_ms = 300 } };
	int64_t before = clock_monotonic_ms();

	run_call(world, &story);

	assert_int_equal(story.fault.kind, FAULT_UNSURE);
	assert_true(clock_monotonic_ms() - before < 10000);
	request_reply(world->held, 200, "text/plain", "late", 4);
}

static void a_handshake_that_does_not_come_in_time_surely_sent_nothing(void **state)
{
	struct world *world = *state;
	unsigned port = 0;
	int fd = bind_socket(&port, true); /* the kernel connects, nobody says a word */
	use_outbound(world, 300, true);
	OWNED char *to = text_dupf("https://127.0.0.1:%u/", port);
	struct call_story story = { .request = { .method = "POST", .url = to } };

	run_call(world, &story);

	assert_int_equal(story.fault.kind, FAULT_LATER);
	(void)close(fd);
}

/* Take what is there to take on FD; how many requests have begun in it. */
static unsigned count_posts(struct world *world, int fd)
{
	char bytes[4096] = "";
	for (int i = 0; i < 50; i++) {
		turn(world);
		if (recv(fd, bytes, sizeof(bytes) - 1, MSG_DONTWAIT) > 0)
			return strstr(bytes, "POST ") != NULL;
	}
	return 0;
}

static int accept_soon(struct world *world, int listener)
{
	int fd = -1;
	for (int i = 0; i < 50 && fd < 0; i++) {
		turn(world);
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	}
	return fd;
}

static void an_effect_is_not_sent_twice_when_its_connection_dies(void **state)
{
	static const char fine[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	struct world *world = *state;
	unsigned port = 0;
	int listener = bind_socket(&port, true);
	OWNED char *to = text_dupf("http://127.0.0.1:%u/", port);
	struct call_story get = { .request = { .method = "GET", .url = to } };
	struct call_story post = {
		.request = { .method = "POST", .url = to, .body = "1", .body_len = 1 }
	};
	/* a connection that libcurl keeps */
	begin_call(world, &get);
	int kept = accept_soon(world, listener);
	(void)count_posts(world, kept);
	assert_int_equal(send(kept, fine, sizeof(fine) - 1, MSG_NOSIGNAL), sizeof(fine) - 1);
	end_call(world, &get);
	assert_int_equal(get.status, 200);

	begin_call(world, &post);
	unsigned posts = count_posts(world, kept);
	(void)close(kept);
	int fresh = accept_soon(world, listener);
	while (fresh >= 0) {
		posts += count_posts(world, fresh);
		(void)close(fresh); /* done, and no answer */
		fresh = accept_soon(world, listener);
	}
	end_call(world, &post);

	assert_int_equal(posts, 1);
	assert_int_equal(post.fault.kind, FAULT_UNSURE);
	(void)close(listener);
}

static void calls_under_way_when_we_stop_are_unsure(void **state)
{
	struct world *world = *state;
	use_inbound(world, NULL);
	OWNED char *to = url(world, "http", "/held");
	struct call_story story = { .request = { .method = "GET", .url = to } };
	begin_call(world, &story);
	for (int i = 0; i < 20; i++)
		turn(world);

	outbound_free(world->outbound);
	world->outbound = NULL;
	assert_false(story.finished);
	end_call(world, &story);

	assert_int_equal(story.fault.kind, FAULT_UNSURE);
	request_reply(world->held, 200, "text/plain", "late", 4);
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, begin_world, end_world)
	const struct CMUnitTest tests[] = {
		IN_WORLD(a_call_brings_status_headers_and_body_back),
		IN_WORLD(many_calls_run_at_once),
		IN_WORLD(redirects_are_not_followed),
		IN_WORLD(an_answer_over_its_limit_is_not_taken),
		IN_WORLD(plain_http_is_for_loopback_and_only_where_allowed),
		IN_WORLD(a_call_to_nobody_surely_never_left),
		IN_WORLD(an_answer_that_does_not_come_in_time_leaves_it_unsure),
		IN_WORLD(a_call_may_have_a_limit_of_its_own),
		IN_WORLD(a_handshake_that_does_not_come_in_time_surely_sent_nothing),
		IN_WORLD(an_effect_is_not_sent_twice_when_its_connection_dies),
		IN_WORLD(calls_under_way_when_we_stop_are_unsure),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
