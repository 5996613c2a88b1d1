/* SPDX-License-Identifier: Apache-2.0 */
/* Calls outside: what comes back, what surely never left and what may have, and whom either side of a
 * TLS connection trusts.  The other side is our own listener, or a socket that misbehaves. */
#include "orchestrator/loop/outbound.h"

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
#include "tests/unit/pki.h"

struct world {
	struct event_base *base;
	struct flow_engine *engine;
	struct outbound *outbound;
	struct inbound *inbound;
	struct request *held;
	unsigned handled;
	char peer[CERT_NAME]; /* common name of the last client, "" without one */
};

/* Files of the certificates, made once. */
static struct {
	char dir[64];
	char *root, *other_root, *server, *server_key, *client, *client_key, *stranger,
		*stranger_key, *expired, *expired_key;
} files;

static void remember_peer(struct world *world, const struct request *request)
{
	struct cert_facts facts = { 0 };
	struct fault fault;
	X509 *peer = request_peer(request);
	world->handled++;
	if (peer != NULL)
		assert_true(cert_read_facts(&facts, peer, &fault));
	memcpy(world->peer, facts.common_name, sizeof(world->peer));
}

static void answer_echo(struct request *request, void *context)
{
	size_t len = 0;
	const void *body = request_body(request, &len);
	remember_peer(context, request);
	request_add_header(
		request, "X-Word", request_header(request, "X-Word") != NULL ? "heard" : "-");
	request_reply(request, 201, "text/plain", body, len);
}

static void answer_large(struct request *request, void *context)
{
	OWNED char *body = zalloc(5001, 1);
	(void)context;
	memset(body, 'x', 5000);
	request_reply(request, 200, "text/plain", body, 5000);
}

static void redirect(struct request *request, void *context)
{
	struct world *world = context;
	world->handled++;
	request_add_header(request, "Location", "/large");
	request_reply(request, 302, "text/plain", "", 0);
}

static void hold(struct request *request, void *context)
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

static enum flow_next call_out(struct flow *flow, void *self)
{
	const struct call_story *story = self;
	return outbound_begin(story->world->outbound, flow, &story->request);
}

static enum flow_next look(struct flow *flow, void *self)
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

static void call_finished(void *self, const struct fault *fault)
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

static void turn(struct world *world)
{
	struct timeval tick = { .tv_usec = 2000 };
	(void)event_base_loopexit(world->base, &tick);
	(void)event_base_loop(world->base, 0);
}

static void begin_call(struct world *world, struct call_story *story)
{
	story->world = world;
	assert_true(flow_start(world->engine, &call_kind, story));
}

static void end_call(struct world *world, const struct call_story *story)
{
	int64_t until = clock_monotonic_ms() + 15000;
	while (!story->finished && clock_monotonic_ms() < until)
		turn(world);
	assert_true(story->finished);
}

static void run_call(struct world *world, struct call_story *story)
{
	begin_call(world, story);
	end_call(world, story);
}

/* ---- the world ---- */

static void use_outbound(struct world *world, unsigned timeout_ms, bool plain)
{
	struct fault fault;
	outbound_free(world->outbound);
	world->outbound = outbound_new(world->base,
		&(struct outbound_options){
			.timeout_ms = timeout_ms, .allow_plain_loopback = plain },
		&fault);
	assert_non_null(world->outbound);
}

static void use_inbound(struct world *world, bool tls)
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
	if (tls) {
		options.cert_file = files.server;
		options.key_file = files.server_key;
		options.ca_file = files.root;
	}
	world->inbound = inbound_new(world->base, &options, &fault);
	if (world->inbound == NULL)
		fail_msg("%s", fault.text);
}

static char *url(const struct world *world, const char *scheme, const char *path)
{
	return text_dupf("%s://127.0.0.1:%u%s", scheme, inbound_port(world->inbound), path);
}

static int begin_world(void **state)
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

static int end_world(void **state)
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

static char *file_of(const char *name)
{
	return text_dupf("%s/%s.pem", files.dir, name);
}

static void write_pair(const struct pki *pki, const char *name, char **cert, char **key)
{
	*cert = file_of(name);
	pki_write_cert(pki, *cert);
	if (key == NULL)
		return;
	OWNED char *key_name = text_dupf("%s-key", name);
	*key = file_of(key_name);
	pki_write_key(pki, *key);
}

static int make_files(void **state)
{
	(void)state;
	(void)snprintf(files.dir, sizeof(files.dir), "/tmp/xuqi-outbound-test-XXXXXX");
	if (mkdtemp(files.dir) == NULL)
		return 1;
	struct pki root =
		pki_make(NULL, &(struct pki_spec){ .common_name = "Root", .is_ca = true });
	struct pki other =
		pki_make(NULL, &(struct pki_spec){ .common_name = "Other", .is_ca = true });
	struct pki server = pki_make(&root, &(struct pki_spec){ .common_name = "server" });
	struct pki client = pki_make(&root, &(struct pki_spec){ .common_name = "agent-7" });
	struct pki stranger = pki_make(&other, &(struct pki_spec){ .common_name = "stranger" });
	struct pki expired = pki_make(&root,
		&(struct pki_spec){ .common_name = "expired", .begins_s = -9999, .lasts_s = 99 });
	write_pair(&root, "root", &files.root, NULL);
	write_pair(&other, "other", &files.other_root, NULL);
	write_pair(&server, "server", &files.server, &files.server_key);
	write_pair(&client, "client", &files.client, &files.client_key);
	write_pair(&stranger, "stranger", &files.stranger, &files.stranger_key);
	write_pair(&expired, "expired", &files.expired, &files.expired_key);
	struct pki *all[] = { &root, &other, &server, &client, &stranger, &expired };
	for (size_t i = 0; i < COUNT_OF(all); i++)
		pki_done(all[i]);
	return 0;
}

static int remove_files(void **state)
{
	char **all[] = { &files.root, &files.other_root, &files.server, &files.server_key,
		&files.client, &files.client_key, &files.stranger, &files.stranger_key,
		&files.expired, &files.expired_key };
	(void)state;
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		(void)unlink(*all[i]);
		free(*all[i]);
	}
	return rmdir(files.dir);
}

/* ---- what comes back ---- */

static void a_call_brings_status_headers_and_body_back(void **state)
{
	static const char *const methods[] = { "POST", "PUT" };
	static const char *const headers[] = { "X-Word: hear", NULL };
	struct world *world = *state;
	use_inbound(world, false);
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
	use_inbound(world, false);
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
	use_inbound(world, false);
	OWNED char *to = url(world, "http", "/redirect");
	struct call_story story = { .request = { .method = "GET", .url = to } };

	run_call(world, &story);

	assert_int_equal(story.status, 302);
	assert_int_equal(world->handled, 1);
}

static void an_answer_over_its_limit_is_not_taken(void **state)
{
	struct world *world = *state;
	use_inbound(world, false);
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
	use_inbound(world, false);
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
	use_inbound(world, false);
	use_outbound(world, 300, true);
	OWNED char *to = url(world, "http", "/held");
	struct call_story story = { .request = { .method = "GET", .url = to } };

	run_call(world, &story);

	assert_int_equal(story.status, 0);
	assert_int_equal(story.fault.kind, FAULT_UNSURE);
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
	use_inbound(world, false);
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

/* ---- trust ---- */

static void call_as(struct world *world, struct call_story *story, const char *to, const char *cert,
	const char *key)
{
	*story = (struct call_story){ .request = { .method = "POST",
					      .url = to,
					      .ca_file = files.root,
					      .cert_file = cert,
					      .key_file = key } };
	(void)snprintf(world->peer, sizeof(world->peer), "nobody asked");
	run_call(world, story);
}

static void a_client_is_known_by_its_certificate_in_every_session(void **state)
{
	struct world *world = *state;
	struct call_story story;
	use_inbound(world, true);
	OWNED char *to = url(world, "https", "/echo");

	for (int i = 0; i < 3; i++) { /* from the second on libcurl offers the session again */
		call_as(world, &story, to, files.client, files.client_key);
		assert_int_equal(story.status, 201);
		assert_string_equal(world->peer, "agent-7");
	}
}

static void a_client_without_a_good_certificate_is_let_in_as_nobody(void **state)
{
	struct world *world = *state;
	struct call_story story;
	use_inbound(world, true);
	OWNED char *to = url(world, "https", "/echo");

	struct {
		const char *cert, *key;
	} const clients[] = { { NULL, NULL }, { files.stranger, files.stranger_key },
		{ files.expired, files.expired_key } };

	for (size_t i = 0; i < 2 * COUNT_OF(clients); i++) {
		call_as(world, &story, to, clients[i / 2].cert, clients[i / 2].key);
		assert_int_equal(story.status, 201);
		assert_string_equal(world->peer, "");
	}
}

static void a_server_of_another_authority_is_not_told_anything(void **state)
{
	struct world *world = *state;
	use_inbound(world, true);
	OWNED char *to = url(world, "https", "/echo");
	struct call_story other = {
		.request = { .method = "POST", .url = to, .ca_file = files.other_root }
	};
	struct call_story system_wide = { .request = { .method = "POST", .url = to } };

	run_call(world, &other);
	run_call(world, &system_wide);

	assert_int_equal(other.fault.kind, FAULT_LATER);
	assert_int_equal(system_wide.fault.kind, FAULT_LATER);
	assert_int_equal(world->handled, 0);
}

static void tls_files_that_are_wrong_are_named(void **state)
{
	struct world *world = *state;
	struct fault fault;
	struct inbound_options options = { .address = "127.0.0.1",
		.cert_file = files.server,
		.key_file = files.client_key,
		.ca_file = files.root };

	assert_null(inbound_new(world->base, &options, &fault));
	assert_non_null(strstr(fault.text, files.client_key));
	options.key_file = files.server_key;
	options.ca_file = files.server_key;
	assert_null(inbound_new(world->base, &options, &fault));
	assert_non_null(strstr(fault.text, files.server_key));
	options.cert_file = "/nonexistent.pem";
	assert_null(inbound_new(world->base, &options, &fault));
	assert_non_null(strstr(fault.text, "/nonexistent.pem"));
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
		IN_WORLD(a_handshake_that_does_not_come_in_time_surely_sent_nothing),
		IN_WORLD(an_effect_is_not_sent_twice_when_its_connection_dies),
		IN_WORLD(calls_under_way_when_we_stop_are_unsure),
		IN_WORLD(a_client_is_known_by_its_certificate_in_every_session),
		IN_WORLD(a_client_without_a_good_certificate_is_let_in_as_nobody),
		IN_WORLD(a_server_of_another_authority_is_not_told_anything),
		IN_WORLD(tls_files_that_are_wrong_are_named),
	};
	return cmocka_run_group_tests(tests, make_files, remove_files);
}
