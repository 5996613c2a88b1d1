/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP shell over real sockets: headers, saving before answering, answers that are held, cut
 * connections, TLS. */
#include "tests/unit/sim_world.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/file.h"
#include "tests/simulator/sim_http.h"
#include "tests/simulator/sim_sign.h"
#include "tests/simulator/sim_tls.h"

enum { REPLY_MAX = 64 * 1024 };

/* The simulator and its client share one thread: the loop turns while the client waits. */
struct shell {
	struct world *world;
	struct event_base *base;
	struct sim_http *http;
	SSL_CTX *tls;
	int saves;
	bool saving_fails;
	char reply[REPLY_MAX];
};

static bool save(void *context)
{
	struct shell *shell = context;

	shell->saves++;
	return !shell->saving_fails;
}

static int64_t noon(void)
{
	return NOON;
}

static void shell_start(struct shell *shell, struct world *world, SSL_CTX *tls)
{
	struct fault fault;

	*shell = (struct shell){ .world = world, .base = event_base_new(), .tls = tls };
	shell->http = sim_http_new(&(struct sim_http_options){ .base = shell->base,
					   .sim = world->client.sim,
					   .now = noon,
					   .save = save,
					   .context = shell,
					   .tls = tls },
		&fault);
	assert_non_null(shell->http);
}

static void shell_stop(struct shell *shell)
{
	sim_http_free(shell->http);
	event_base_free(shell->base);
	SSL_CTX_free(shell->tls);
}

/* Let the simulator work until FILE has something to read; fails after ten seconds. */
static void turn_until_readable(struct shell *shell, int file)
{
	struct pollfd wait = { .fd = file, .events = POLLIN };
	int64_t until = clock_monotonic_ms() + 10000;

	do {
		assert_true(clock_monotonic_ms() < until);
		(void)event_base_loop(shell->base, EVLOOP_NONBLOCK);
	} while (poll(&wait, 1, 1) == 0);
}

static int connect_to(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(file >= 0);
	assert_int_equal(connect(file, (struct sockaddr *)(void *)&address, sizeof(address)), 0);
	return file;
}

/* Send TEXT, read until the peer closes; the answer's bytes are in shell->reply. */
static size_t exchange(struct shell *shell, uint16_t port, const char *text)
{
	int file = connect_to(port);
	size_t len = 0;
	ssize_t got;

	assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
	do {
		turn_until_readable(shell, file);
		got = read(file, shell->reply + len, REPLY_MAX - 1 - len);
		len += got > 0 ? (size_t)got : 0;
	} while (got > 0);
	shell->reply[len] = '\0';
	(void)close(file);
	return len;
}

/* METHOD TARGET with BODY on the gateway, signed with NONCE. */
static size_t ask(struct shell *shell, const char *method, const char *target, const char *body,
	const char *nonce)
{
	struct sim_request request = {
		.method = method, .target = target, .body = body, .body_len = strlen(body)
	};
	OWNED char *authorization =
		sim_sign_request(&shell->world->client.options, &request, NOON, nonce);
	OWNED char *text = text_dupf("%s %s HTTP/1.1\r\nHost: ca\r\nConnection: close\r\n"
				     "Content-Length: %zu\r\nAuthorization: %s\r\n"
				     "Idempotency-Key: key-of-one\r\n\r\n%s",
		method, target, strlen(body), authorization, body);

	return exchange(shell, sim_http_gateway_port(shell->http), text);
}

static char *application_body(const struct world *world)
{
	return text_dupf(
		"{\"client_ref\":\"ref-http\",\"certificate_id\":\"%s\",\"kind\":\"expiring\"}",
		world->journey.certificate);
}

static void headers_of_the_contract_are_sent(void **state)
{
	struct world *world = *state;
	struct shell shell;
	OWNED char *body = application_body(world);

	assert_true(sim_client_walk(&world->client, &world->journey, WALK_BOUND));
	shell_start(&shell, world, NULL);
	(void)ask(&shell, "POST", "/v1/applications", body, "nonce-of-http-00001");
	assert_memory_equal(shell.reply, "HTTP/1.1 201 ", 13);
	assert_non_null(strstr(shell.reply, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(shell.reply, "\r\nLocation: /v1/applications/app_"));
	assert_non_null(strstr(shell.reply, "\r\nETag: \"1\"\r\n"));
	assert_non_null(
		strstr(shell.reply, "\r\nXuqi-Signature: timestamp=\"1795334400\",nonce=\""));
	assert_null(strstr(shell.reply, "Idempotent-Replayed"));
	(void)ask(&shell, "POST", "/v1/applications", body, "nonce-of-http-00002");
	assert_non_null(strstr(shell.reply, "\r\nIdempotent-Replayed: true\r\n"));
	(void)ask(&shell, "GET", "/v1/payments/pay_1", "", "nonce-of-http-00003");
	assert_memory_equal(shell.reply, "HTTP/1.1 404 ", 13);
	assert_non_null(strstr(shell.reply, "\r\nContent-Type: application/problem+json\r\n"));
	shell_stop(&shell);
	assert_true(shell.saves >= 2);
}

static void the_control_interface_needs_no_signature(void **state)
{
	struct shell shell;

	shell_start(&shell, *state, NULL);
	(void)exchange(&shell, sim_http_control_port(shell.http),
		"GET /sim/pki/root.pem HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	assert_non_null(strstr(shell.reply, "-----BEGIN CERTIFICATE-----"));
	(void)exchange(&shell, sim_http_gateway_port(shell.http),
		"GET /sim/ledger HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	assert_memory_equal(shell.reply, "HTTP/1.1 401 ", 13);
	shell_stop(&shell);
}

static void a_cut_answer_is_no_answer_but_the_effect_stands(void **state)
{
	struct world *world = *state;
	struct shell shell;
	OWNED char *body = application_body(world);

	assert_true(sim_client_walk(&world->client, &world->journey, WALK_BOUND));
	(void)sim_client_knob(&world->client, "cut_after_body", json_pack("{s:b}", "once", 1));
	shell_start(&shell, world, NULL);
	assert_int_equal(ask(&shell, "POST", "/v1/applications", body, "nonce-of-http-00001"), 0);
	(void)ask(&shell, "POST", "/v1/applications", body, "nonce-of-http-00002");
	assert_memory_equal(shell.reply, "HTTP/1.1 201 ", 13);
	shell_stop(&shell);
	assert_int_equal(sim_client_ledger(&world->client, "applications"), 1);
}

static void a_held_answer_comes_late(void **state)
{
	struct world *world = *state;
	struct shell shell;
	OWNED char *body = application_body(world);
	int64_t began;

	assert_true(sim_client_walk(&world->client, &world->journey, WALK_BOUND));
	(void)sim_client_knob(&world->client, "hold_after_commit_ms",
		json_pack("{s:i, s:b}", "ms", 200, "once", 1));
	shell_start(&shell, world, NULL);
	began = clock_monotonic_ms();
	(void)ask(&shell, "POST", "/v1/applications", body, "nonce-of-http-00001");
	assert_memory_equal(shell.reply, "HTTP/1.1 201 ", 13);
	assert_true(clock_monotonic_ms() - began >= 150); /* the loop counts from its last turn */
	shell_stop(&shell);
}

static void a_held_answer_outlives_neither_its_client_nor_the_end(void **state)
{
	struct world *world = *state;
	struct shell shell;
	OWNED char *body = application_body(world);
	struct sim_request request = { .method = "POST", .target = "/v1/applications" };
	OWNED char *authorization = NULL;
	OWNED char *text = NULL;
	int file;

	request.body = body;
	request.body_len = strlen(body);
	authorization =
		sim_sign_request(&world->client.options, &request, NOON, "nonce-of-http-00001");
	text = text_dupf("POST /v1/applications HTTP/1.1\r\nHost: ca\r\nContent-Length: %zu\r\n"
			 "Authorization: %s\r\nIdempotency-Key: key-of-one\r\n\r\n%s",
		request.body_len, authorization, body);
	assert_true(sim_client_walk(&world->client, &world->journey, WALK_BOUND));
	(void)sim_client_knob(&world->client, "hold_after_commit_ms", json_integer(60000));
	shell_start(&shell, world, NULL);
	file = connect_to(sim_http_gateway_port(shell.http));
	assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
	(void)close(file);
	/* A second request is answered at once: by then the first is held, its client gone. */
	(void)ask(&shell, "GET", "/v1/meta", "", "nonce-of-http-00002");
	assert_memory_equal(shell.reply, "HTTP/1.1 200 ", 13);
	shell_stop(&shell);
}

static void a_body_over_the_limit_is_refused(void **state)
{
	struct shell shell;

	shell_start(&shell, *state, NULL);
	(void)exchange(&shell, sim_http_gateway_port(shell.http),
		"POST /v1/bindings HTTP/1.1\r\nHost: x\r\nContent-Length: 8388609\r\n\r\n");
	assert_memory_equal(shell.reply, "HTTP/1.1 413 ", 13);
	shell_stop(&shell);
}

static void when_saving_fails_the_loop_ends(void **state)
{
	static const char text[] =
		"PUT /sim/knobs HTTP/1.1\r\nHost: x\r\nContent-Length: 16\r\n\r\n"
		"{\"lenient\":true}";
	struct shell shell;
	int file;

	shell_start(&shell, *state, NULL);
	shell.saving_fails = true;
	file = connect_to(sim_http_control_port(shell.http));
	assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(event_base_dispatch(shell.base), 0);
	assert_true(event_base_got_break(shell.base));
	assert_int_equal(shell.saves, 1);
	(void)close(file);
	shell_stop(&shell);
}

/* ---- TLS ---- */

static void the_self_signed_identity_is_made_once_and_serves_tls(void **state)
{
	char dir[] = "/tmp/xuqi-sim-tls-XXXXXX";
	struct shell shell;
	struct fault fault;
	OWNED char *cert = NULL;
	OWNED char *key = NULL;
	OWNED char *first = NULL;
	OWNED char *second = NULL;
	SSL_CTX *server, *client;
	SSL *ssl;
	int file;

	assert_non_null(mkdtemp(dir));
	cert = file_join(dir, "tls.pem");
	key = file_join(dir, "tls.key");
	assert_true(sim_tls_make(cert, key, clock_now(), &fault));
	first = file_read(cert, 8192, NULL, &fault);
	assert_true(sim_tls_make(cert, key, clock_now(), &fault));
	second = file_read(cert, 8192, NULL, &fault);
	assert_string_equal(first, second);
	assert_null(sim_tls_context(cert, cert, &fault));
	server = sim_tls_context(cert, key, &fault);
	assert_non_null(server);
	shell_start(&shell, *state, server);

	client = SSL_CTX_new(TLS_client_method());
	assert_int_equal(SSL_CTX_load_verify_locations(client, cert, NULL), 1);
	SSL_CTX_set_verify(client, SSL_VERIFY_PEER, NULL);
	file = connect_to(sim_http_gateway_port(shell.http));
	assert_int_equal(fcntl(file, F_SETFL, O_NONBLOCK), 0);
	ssl = SSL_new(client);
	assert_int_equal(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), "127.0.0.1"), 1);
	assert_int_equal(SSL_set_fd(ssl, file), 1);
	while (SSL_connect(ssl) != 1) {
		assert_int_equal(SSL_get_error(ssl, -1), SSL_ERROR_WANT_READ);
		turn_until_readable(&shell, file);
	}
	SSL_free(ssl);
	(void)close(file);
	SSL_CTX_free(client);
	shell_stop(&shell);
	(void)unlink(cert);
	(void)unlink(key);
	(void)rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(headers_of_the_contract_are_sent),
		WORLD_TEST(the_control_interface_needs_no_signature),
		WORLD_TEST(a_cut_answer_is_no_answer_but_the_effect_stands),
		WORLD_TEST(a_held_answer_comes_late),
		WORLD_TEST(a_held_answer_outlives_neither_its_client_nor_the_end),
		WORLD_TEST(a_body_over_the_limit_is_refused),
		WORLD_TEST(when_saving_fails_the_loop_ends),
		WORLD_TEST(the_self_signed_identity_is_made_once_and_serves_tls),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("simulator: HTTP shell", tests, world_make, world_drop);
}
