/* SPDX-License-Identifier: Apache-2.0 */
/* Notices over real sockets: a receiver gets them signed, a dead one gets them later, and time goes on
 * although nobody asks. */
#include "tests/unit/sim_world.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/simulator/sim_http.h"

/* A receiver and the simulator's shell in one loop; the clock stands where the test sets it. */
struct bench {
	struct event_base *base;
	struct evhttp *receiver;
	struct sim_http *http;
	uint16_t port;
	int status; /* what the receiver answers */
	int got;
	char type[64], signature[SIM_SIGNATURE_TEXT];
	int saves;
};

static int64_t bench_now;

static int64_t now(void)
{
	return bench_now;
}

static bool save(void *context)
{
	((struct bench *)context)->saves++;
	return true;
}

static void on_notice(struct evhttp_request *request, void *context)
{
	struct bench *bench = context;
	struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
	struct evbuffer *body = evhttp_request_get_input_buffer(request);
	size_t len = evbuffer_get_length(body);
	JSON *notice = json_loadb((const char *)evbuffer_pullup(body, -1), len, 0, NULL);
	const char *signature = evhttp_find_header(headers, "webhook-signature");

	bench->got++;
	(void)snprintf(bench->type, sizeof(bench->type), "%s", json_peek_text(notice, "type"));
	(void)snprintf(bench->signature, sizeof(bench->signature), "%s",
		signature == NULL ? "" : signature);
	evhttp_send_reply(request, bench->status, NULL, NULL);
}

static void receiver_open(struct bench *bench)
{
	struct evhttp_bound_socket *bound;
	struct sockaddr_in address = { 0 };
	socklen_t len = sizeof(address);

	bench->receiver = evhttp_new(bench->base);
	bound = evhttp_bind_socket_with_handle(bench->receiver, "127.0.0.1", bench->port);
	assert_non_null(bound);
	assert_int_equal(getsockname(evhttp_bound_socket_get_fd(bound),
				 (struct sockaddr *)(void *)&address, &len),
		0);
	bench->port = ntohs(address.sin_port);
	evhttp_set_gencb(bench->receiver, on_notice, bench);
}

static void bench_open(struct bench *bench, struct world *world, const char *events)
{
	OWNED char *url = NULL;
	struct fault fault;

	*bench = (struct bench){ .base = event_base_new(), .status = 200 };
	bench_now = NOON;
	receiver_open(bench);
	url = text_dupf("http://127.0.0.1:%u/notices", bench->port);
	assert_int_equal(sim_client_call(&world->client, "POST", "/v1/webhooks",
				 json_pack("{s:s, s:[s]}", "url", url, "events", events)),
		201);
	bench->http = sim_http_new(&(struct sim_http_options){ .base = bench->base,
					   .sim = world->client.sim,
					   .now = now,
					   .save = save,
					   .context = bench },
		&fault);
	assert_non_null(bench->http);
}

static void bench_close(struct bench *bench)
{
	sim_http_free(bench->http);
	evhttp_free(bench->receiver);
	event_base_free(bench->base);
}

static void on_poked(struct evhttp_request *request, void *context)
{
	(void)request;
	*(bool *)context = true;
}

/* The test's clock has jumped: any request makes the shell look at it. */
static void poke(struct bench *bench)
{
	struct evhttp_connection *connection = evhttp_connection_base_new(
		bench->base, NULL, "127.0.0.1", sim_http_control_port(bench->http));
	bool answered = false;
	struct evhttp_request *request = evhttp_request_new(on_poked, &answered);
	int64_t until = clock_monotonic_ms() + 10000;

	assert_int_equal(
		evhttp_make_request(connection, request, EVHTTP_REQ_GET, "/sim/pki/root.pem"), 0);
	while (!answered) {
		assert_true(clock_monotonic_ms() < until);
		(void)event_base_loop(bench->base, EVLOOP_NONBLOCK);
	}
	evhttp_connection_free(connection);
}

/* Let both work until the receiver has got COUNT notices; fails after ten seconds. */
static void turn(struct bench *bench, int count)
{
	int64_t until = clock_monotonic_ms() + 10000;

	while (bench->got < count) {
		assert_true(clock_monotonic_ms() < until);
		(void)event_base_loop(bench->base, EVLOOP_NONBLOCK);
	}
	for (int i = 0; i < 20; i++) /* and the answer has its way back */
		(void)event_base_loop(bench->base, EVLOOP_NONBLOCK);
}

static void notices_reach_their_receiver(void **state)
{
	struct world *world = *state;
	struct bench bench;
	int64_t until = clock_monotonic_ms() + 10000;

	world_walk(world, WALK_VERIFIED);
	bench_open(&bench, world, "application.*");
	/* Nobody asks: the shell itself sees to it that the review ends. */
	bench_now = NOON + CLOCK_SECOND;
	turn(&bench, 2);
	assert_true(text_starts(bench.signature, "v1,"));
	assert_true(text_starts(bench.type, "application."));
	while (sim_ledger_count(world->client.sim, "notices") < 2) {
		assert_true(clock_monotonic_ms() < until);
		(void)event_base_loop(bench.base, EVLOOP_NONBLOCK);
	}
	assert_true(bench.saves > 0);
	bench_close(&bench);
}

static void a_receiver_that_fails_or_is_gone_is_tried_again(void **state)
{
	struct world *world = *state;
	struct bench bench;
	int64_t until = clock_monotonic_ms() + 10000;

	world_walk(world, WALK_VERIFIED);
	bench_open(&bench, world, "review.approved");
	bench.status = 503;
	bench_now = NOON + CLOCK_SECOND;
	turn(&bench, 1);
	evhttp_free(bench.receiver);
	bench_now += 5 * CLOCK_SECOND; /* the second attempt finds nobody */
	poke(&bench);
	while (sim_delivery_at(world->client.sim) < bench_now + CLOCK_SECOND ||
		sim_delivery_at(world->client.sim) == INT64_MAX) {
		assert_true(clock_monotonic_ms() < until);
		(void)event_base_loop(bench.base, EVLOOP_NONBLOCK);
	}
	bench.status = 200;
	receiver_open(&bench);
	bench_now += 30 * CLOCK_SECOND;
	poke(&bench);
	turn(&bench, 2);
	assert_string_equal(bench.type, "review.approved");
	while (sim_ledger_count(world->client.sim, "notices") < 1) {
		assert_true(clock_monotonic_ms() < until);
		(void)event_base_loop(bench.base, EVLOOP_NONBLOCK);
	}
	bench_close(&bench);
}

static void a_shell_that_ends_drops_what_is_under_way(void **state)
{
	struct world *world = *state;
	struct bench bench;

	world_walk(world, WALK_VERIFIED);
	bench_open(&bench, world, "application.*");
	bench_now = NOON + CLOCK_SECOND;
	for (int i = 0; i < 3; i++)
		(void)event_base_loop(bench.base, EVLOOP_NONBLOCK);
	bench_close(&bench);
	assert_int_equal(sim_ledger_count(world->client.sim, "applications"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(notices_reach_their_receiver),
		WORLD_TEST(a_receiver_that_fails_or_is_gone_is_tried_again),
		WORLD_TEST(a_shell_that_ends_drops_what_is_under_way),
	};

	return cmocka_run_group_tests_name("simulator: hooks", tests, world_make, world_drop);
}
