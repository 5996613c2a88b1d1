/* SPDX-License-Identifier: Apache-2.0 */
/* The orchestrator of the agent's tests: one connection after the other, one request each. */
#include "tests/unit/agent_server.h"

#include <netinet/in.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/json.h"
#include "common/text.h"
#include "common/wire.h"

enum { REQUEST_MAX = 1024 * 1024 };

struct request {
	char method[8], path[256];
	char *body;
	bool has_identity;
};

struct answer {
	int status;
	char *body;
};

/* ---- TLS -------------------------------------------------------------------------------------- */

static SSL_CTX *make_tls(struct bench *bench)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509_NAME *name = bench_name("orchestrator");
	X509 *cert = bench_issue(&(struct bench_draft){ name, key, bench->root, bench->root_key, -1,
		30, "critical,digitalSignature", "IP:127.0.0.1", false });

	assert_int_equal(SSL_CTX_use_certificate(tls, cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(tls, key), 1);
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
	(void)X509_STORE_add_cert(SSL_CTX_get_cert_store(tls), bench->root);
	(void)X509_STORE_add_cert(SSL_CTX_get_cert_store(tls), bench->ca);
	X509_free(cert);
	X509_NAME_free(name);
	EVP_PKEY_free(key);
	return tls;
}

/* ---- HTTP ------------------------------------------------------------------------------------- */

static size_t wanted_length(const char *head)
{
	const char *length = strcasestr(head, "\r\ncontent-length:");
	int64_t wanted = 0;

	if (length != NULL) {
		OWNED char *digits = text_dup(length + strlen("\r\ncontent-length: "));

		digits[strcspn(digits, "\r")] = '\0';
		assert_true(number_parse(&wanted, digits, 0, REQUEST_MAX));
	}
	return (size_t)wanted;
}

/* Read one request; false if the client went away. */
static bool read_request(SSL *ssl, struct request *request)
{
	char *bytes = zalloc(1, REQUEST_MAX + 1);
	size_t len = 0;
	const char *body = NULL;
	bool whole = false;

	while (!whole && len < REQUEST_MAX) {
		int got = SSL_read(ssl, bytes + len, (int)(REQUEST_MAX - len));

		if (got <= 0)
			break;
		len += (size_t)got;
		bytes[len] = '\0';
		body = strstr(bytes, "\r\n\r\n");
		whole = body != NULL && strlen(body + 4) >= wanted_length(bytes);
	}
	whole = whole && sscanf(bytes, "%7s %255s", request->method, request->path) == 2;
	request->body = text_dup(whole ? body + 4 : "");
	free(bytes);
	return whole;
}

static void write_answer(SSL *ssl, const struct answer *answer)
{
	OWNED char *text = text_dupf("HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
				     "Connection: close\r\n\r\n%s",
		answer->status,
		answer->status < 300 ? "application/json" : "application/problem+json",
		strlen(answer->body), answer->body);

	(void)SSL_write(ssl, text, (int)strlen(text));
}

/* ---- the calls -------------------------------------------------------------------------------- */

static char *pem_of(X509 *cert)
{
	BIO *out = BIO_new(BIO_s_mem());
	char *data = NULL;
	char *pem = NULL;
	long len = 0;

	(void)PEM_write_bio_X509(out, cert);
	len = BIO_get_mem_data(out, &data);
	pem = text_dupf("%.*s", (int)len, data);
	BIO_free_all(out);
	return pem;
}

static void answer_enrol(struct bench *bench, const struct request *request, struct answer *answer)
{
	struct fault fault = { 0 };
	JSON *body = json_read(request->body, strlen(request->body), &fault);
	const char *csr = body == NULL ? NULL : json_peek_text(body, "csr_pem");
	BIO *in = csr == NULL ? NULL : BIO_new_mem_buf(csr, -1);
	X509_REQ *wanted = in == NULL ? NULL : PEM_read_bio_X509_REQ(in, NULL, NULL, NULL);
	JSON *reply = json_object();

	if (wanted == NULL || !text_equal(json_peek_text(body, "code"), "CODE-1")) {
		answer->status = 401;
		answer->body = text_dup("{\"code\":\"CODE_INVALID\",\"detail\":\"unknown code\"}");
	} else {
		X509 *cert = bench_issue(&(struct bench_draft){ X509_REQ_get_subject_name(wanted),
			X509_REQ_get0_pubkey(wanted), bench->ca, bench->ca_key, -1, 30,
			"critical,digitalSignature", NULL, false });
		OWNED char *pem = pem_of(cert);
		OWNED char *ca = pem_of(bench->ca);

		json_put_text(reply, "agent_id", "7");
		json_put_text(reply, "certificate_pem", pem);
		json_put_text(reply, "ca_pem", ca);
		json_put_number(reply, "poll_seconds", 1);
		answer->status = 201;
		answer->body = json_write(reply);
		X509_free(cert);
	}
	X509_REQ_free(wanted);
	BIO_free_all(in);
}

static void answer_poll(struct bench *bench, const struct request *request, struct answer *answer)
{
	OWNED char *orders = bench_read(bench, "server/orders");
	OWNED char *more = bench_read(bench, "server/more"); /* members */

	(void)request;
	answer->status = 200;
	answer->body = text_dupf("{\"server_time\":\"2026-11-22T08:00:00Z\",\"poll_seconds\":1,%s"
				 "\"report_seconds\":3600,\"orders\":%s}",
		more, orders[0] == '\0' ? "[]" : orders);
}

static void answer_permit(struct bench *bench, const struct request *request, struct answer *answer)
{
	struct fault fault = { 0 };
	JSON *body = json_read(request->body, strlen(request->body), &fault);
	char expires[CLOCK_TEXT];

	(void)bench;
	clock_format(expires, clock_now() + 600 * CLOCK_SECOND);
	answer->status = 200;
	answer->body =
		text_dupf("{\"permit\":\"granted\",\"permit_ref\":\"%s\",\"expires_at\":\"%s\"}",
			json_peek_text(body, "permit_ref"), expires);
}

static void answer_result(struct bench *bench, const struct request *request, struct answer *answer)
{
	(void)request;
	(void)unlink(bench_path(bench, "server/orders"));
	answer->status = 200;
	answer->body = text_dup("{}");
}

struct route {
	const char *name, *ending;
	void (*answer)(struct bench *bench, const struct request *request, struct answer *answer);
};

static const struct route routes[] = {
	{ "enrol", "/enrol", answer_enrol },
	{ "report", "/report", answer_poll },
	{ "orders", "/orders", answer_poll },
	{ "permit", "/permit", answer_permit },
	{ "result", "/result", answer_result },
};

static bool ends_with(const char *text, const char *ending)
{
	size_t len = strlen(text);
	size_t tail = strlen(ending);

	return len >= tail && text_equal(text + len - tail, ending);
}

/* True if the knob decides about this call. */
static bool obey_knob(struct bench *bench, const struct route *route, struct answer *answer)
{
	OWNED char *knob = bench_read(bench, "server/knob");
	char *rest = knob;
	const char *call = strsep(&rest, " ");
	const char *status = strsep(&rest, " ");
	int64_t number = 0;

	if (rest == NULL || !number_parse(&number, status, 0, 599) ||
		(!text_equal(call, "all") && !text_equal(call, route->name)))
		return false;
	answer->status = (int)number;
	answer->body = text_dupf("{\"code\":\"%s\",\"detail\":\"the knob says so\"}", rest);
	return true;
}

static void serve(struct bench *bench, SSL *ssl)
{
	struct request request = { 0 };
	struct answer answer = { 404, NULL };
	struct fault fault = { 0 };
	X509 *identity = NULL;

	if (SSL_accept(ssl) != 1 || !read_request(ssl, &request)) {
		free(request.body);
		return;
	}
	OWNED char *line = text_dupf("%s %s %s", request.method, request.path, request.body);

	if (!file_append(bench_path(bench, "server/requests"), line, 0600, &fault))
		abort();
	identity = SSL_get1_peer_certificate(ssl);
	for (size_t i = 0; i < COUNT_OF(routes); i++) {
		if (!ends_with(request.path, routes[i].ending) ||
			obey_knob(bench, &routes[i], &answer))
			continue;
		if (identity != NULL || i == 0)
			routes[i].answer(bench, &request, &answer);
	}
	if (answer.body == NULL)
		answer.body = text_dup("{\"code\":\"AGENT_UNKNOWN\",\"detail\":\"\"}");
	if (answer.status != 0)
		write_answer(ssl, &answer);
	(void)SSL_shutdown(ssl);
	X509_free(identity);
	free(answer.body);
	free(request.body);
}

static void serve_forever(struct bench *bench, int listener)
{
	SSL_CTX *tls = make_tls(bench);

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that ends early leaves nobody behind */
	(void)signal(SIGPIPE, SIG_IGN);
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		SSL *ssl = SSL_new(tls);

		(void)SSL_set_fd(ssl, fd);
		serve(bench, ssl);
		SSL_free(ssl);
		(void)close(fd);
	}
}

/* ---- for the tests ---------------------------------------------------------------------------- */

void server_start(struct server *server, struct bench *bench)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(listener, 16), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	(void)snprintf(
		server->url, sizeof(server->url), "https://127.0.0.1:%d", ntohs(address.sin_port));
	assert_int_equal(mkdir(bench_path(bench, "server"), 0700), 0);
	server->pid = fork();
	assert_true(server->pid >= 0);
	if (server->pid == 0)
		serve_forever(bench, listener);
	(void)close(listener);
	bench->server_url = server->url;
	bench_settings(bench, "");
}

void server_stop(struct server *server)
{
	(void)kill(server->pid, SIGKILL);
	(void)waitpid(server->pid, NULL, 0);
}

void server_offer_order(struct bench *bench)
{
	OWNED char *order = bench_read(bench, "state/order.json");
	OWNED char *orders = text_dupf("[%s]", order);

	bench_write(bench, "server/orders", orders);
	(void)unlink(bench_path(bench, "state/order.json"));
}

int server_saw(const struct bench *bench, const char *text)
{
	OWNED char *requests = bench_read(bench, "server/requests");
	char *rest = requests;
	int count = 0;

	for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n"))
		count += strstr(line, text) != NULL;
	return count;
}

int server_enrol(const struct bench *bench)
{
	bench_write(bench, "code", "CODE-1\n");
	return bench_run(bench, "xuqi-agent", NULL,
		(const char *const[]){ "enrol", "--code-file", bench_path(bench, "code"), NULL })
		.code;
}
