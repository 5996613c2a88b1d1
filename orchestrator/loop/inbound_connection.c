/* SPDX-License-Identifier: Apache-2.0 */
/* One client's connection: how long a request may take to arrive, and the one answer.  HTTP is read by
 * http_head.c and http_body.c over libevent's bufferevents instead of evhttp, which cannot refuse a
 * connection, knows no deadline, and reads a body before it asks whether it may be so large. */
#include <event2/bufferevent_ssl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/log.h"
#include "orchestrator/loop/inbound_private.h"

enum {
	READ_AHEAD = 65536, /* bytes that may wait to be read, of a body or of a next request */
	WRITE_STALL_S = 30, /* an answer that nobody takes */
	LINGER_S = 2        /* a refused client may read the answer while it still sends */
};

static void process(struct inbound_connection *connection);

/* ---- the end of a connection ---- */

void inbound_connection_free(struct inbound_connection *connection)
{
	struct inbound *inbound = connection->inbound;
	TAILQ_REMOVE(&inbound->connections, connection, entry);
	inbound->connection_count--;
	if (connection->request != NULL && connection->state == HANDLING)
		connection->request->connection = NULL; /* its handler will answer nobody */
	else if (connection->request != NULL)
		request_free(connection->request);
	event_free(connection->deadline);
	bufferevent_free(connection->stream);
	free(connection);
}

static void set_deadline(struct inbound_connection *connection, unsigned seconds)
{
	struct timeval tv = { .tv_sec = seconds };
	(void)evtimer_add(connection->deadline, &tv);
}

/* Say that nothing more will be said, and read on for a moment: closing at once would destroy an answer
 * that the client has not read yet. */
static void linger(struct inbound_connection *connection)
{
	SSL *ssl = bufferevent_openssl_get_ssl(connection->stream);
	connection->state = LINGERING;
	if (connection->client_ended) {
		inbound_connection_free(connection);
		return;
	}
	if (ssl != NULL)
		(void)SSL_shutdown(ssl);
	(void)shutdown(bufferevent_getfd(connection->stream), SHUT_WR);
	(void)bufferevent_disable(connection->stream, EV_WRITE);
	(void)evbuffer_drain(bufferevent_get_input(connection->stream), SIZE_MAX);
	set_deadline(connection, LINGER_S);
}

/* ---- answers ---- */

bool inbound_keeps_alive(const struct request *request, int status)
{
	/* what is refused before it was open leaves its body in the way */
	return request->is_open && request->connection != NULL && request->inbound != NULL &&
		!request->inbound->stopping && !request->connection->client_ended &&
		request->head.keeps_alive && status < 500;
}

/* Take REQUEST off its connection, which goes on without it. */
static struct inbound_connection *let_go(struct request *request)
{
	struct inbound_connection *connection = request->connection;
	if (request->inbound != NULL && request->is_open) {
		TAILQ_REMOVE(&request->inbound->requests, request, entry);
		request->inbound->open_requests--;
	}
	if (connection != NULL)
		connection->request = NULL;
	return connection;
}

void inbound_answered(
	struct request *request, const struct text *head, const void *body, size_t len)
{
	bool keeps_alive = strstr(head->data, "\r\nConnection: keep-alive\r\n") != NULL;
	struct inbound_connection *connection = let_go(request);
	if (connection != NULL) {
		struct timeval stall = { .tv_sec = WRITE_STALL_S };
		connection->state = ANSWERING;
		connection->keeps_alive = keeps_alive;
		(void)evtimer_del(connection->deadline);
		(void)bufferevent_set_timeouts(connection->stream, NULL, &stall);
		(void)bufferevent_write(connection->stream, head->data, head->len);
		if (len > 0)
			(void)bufferevent_write(connection->stream, body, len);
	}
	request_free(request);
}

/* Refuse what has not become a request yet; the connection ends behind it. */
static void refuse(struct inbound_connection *connection, int status, const char *detail)
{
	if (connection->request == NULL)
		connection->request = request_new(connection->address);
	struct request *request = connection->request;
	request->connection = connection;
	request->inbound = connection->inbound;
	request->head.keeps_alive = false;
	log_info("request.refused", LOG_NUMBER("status", status),
		LOG_TEXT("address", connection->address), LOG_TEXT("text", detail));
	request_reply_problem(request, status, status == 404 ? "absent" : "input", detail);
}

/* ---- reading ---- */

/* Give the whole request to its handler. */
static void handle(struct inbound_connection *connection)
{
	struct inbound *inbound = connection->inbound;
	struct request *request = connection->request;
	SSL *ssl = bufferevent_openssl_get_ssl(connection->stream);
	connection->state = HANDLING;
	(void)evtimer_del(connection->deadline);
	if (ssl != NULL)
		request->peer = inbound_tls_peer(ssl);
	request->is_open = true;
	TAILQ_INSERT_TAIL(&inbound->requests, request, entry);
	inbound->open_requests++;
	request->route->handle(request, inbound->options.context);
}

static void refuse_large_body(struct inbound_connection *connection)
{
	char detail[128];
	(void)snprintf(detail, sizeof(detail),
		"the body of this request may have at most %zu bytes",
		connection->request->route->body_max);
	refuse(connection, 413, detail);
}

/* True if there may be more to do. */
static bool read_body(struct inbound_connection *connection)
{
	struct request *request = connection->request;
	switch (http_body_read(&request->body, bufferevent_get_input(connection->stream))) {
	case HTTP_BODY_WHOLE:
		handle(connection);
		return true;
	case HTTP_BODY_TOO_LARGE:
		refuse_large_body(connection);
		return true;
	case HTTP_BODY_MALFORMED:
		refuse(connection, 400, "the body's chunks are malformed");
		return true;
	case HTTP_BODY_DATA:
	case HTTP_BODY_CHUNK_SIZE:
	case HTTP_BODY_CHUNK_END:
	case HTTP_BODY_TRAILER:
		return false;
	}
	return false;
}

static void begin_body(struct inbound_connection *connection)
{
	struct request *request = connection->request;
	const struct http_head *head = &request->head;
	http_body_init(
		&request->body, head->content_length, head->is_chunked, request->route->body_max);
	connection->state = READING_BODY;
	if (head->expects_continue && request->body.state != HTTP_BODY_TOO_LARGE &&
		request->body.state != HTTP_BODY_WHOLE)
		(void)bufferevent_write(connection->stream, "HTTP/1.1 100 Continue\r\n\r\n", 25);
}

/* The LEN bytes of a whole head have arrived. */
static void take_head(struct inbound_connection *connection, size_t len)
{
	struct evbuffer *input = bufferevent_get_input(connection->stream);
	struct request *request = request_new(connection->address);
	struct fault fault = { 0 };
	int status = 400;
	const char *bytes = (const char *)evbuffer_pullup(input, (ev_ssize_t)len);
	connection->request = request;
	connection->searched_to = 0;
	request->connection = connection;
	request->inbound = connection->inbound;
	bool fits = http_head_parse(&request->head, bytes, len, &status, &fault) &&
		inbound_find_route(request, &connection->inbound->options, &status, &fault);
	(void)evbuffer_drain(input, len);
	if (fits)
		begin_body(connection);
	else
		refuse(connection, status, fault.text);
}

/* True if there may be more to do. */
static bool read_head(struct inbound_connection *connection)
{
	struct evbuffer *input = bufferevent_get_input(connection->stream);
	size_t have = evbuffer_get_length(input);
	size_t header_max = connection->inbound->options.header_max;
	struct evbuffer_ptr from;
	/* the end may have begun in what was searched before */
	size_t start = connection->searched_to > 3 ? connection->searched_to - 3 : 0;
	if (have == 0 || evbuffer_ptr_set(input, &from, start, EVBUFFER_PTR_SET) != 0)
		return false;
	struct evbuffer_ptr end = evbuffer_search(input, "\r\n\r\n", 4, &from);
	if (end.pos < 0 && have <= header_max) {
		connection->searched_to = have;
		return false;
	}
	if (end.pos < 0 || (size_t)end.pos + 4 > header_max) {
		char detail[96];
		(void)snprintf(detail, sizeof(detail), "the header may have at most %zu bytes",
			header_max);
		refuse(connection, 431, detail);
		return true;
	}
	take_head(connection, (size_t)end.pos + 4);
	return true;
}

/* Go on as far as what has arrived allows. */
static void process(struct inbound_connection *connection)
{
	bool more = true;
	while (more) {
		switch (connection->state) {
		case READING_HEAD:
			more = read_head(connection);
			break;
		case READING_BODY:
			more = read_body(connection);
			break;
		case HANDLING:
		case ANSWERING:
			more = false;
			break;
		case LINGERING:
			(void)evbuffer_drain(bufferevent_get_input(connection->stream), SIZE_MAX);
			more = false;
			break;
		}
	}
}

/* ---- events ---- */

static void on_readable(struct bufferevent *stream, void *context)
{
	(void)stream;
	process(context);
}

/* The output is empty: if it was an answer, the next request or the end follows. */
static void on_written(struct bufferevent *stream, void *context)
{
	struct inbound_connection *connection = context;
	(void)stream;
	if (connection->state != ANSWERING ||
		evbuffer_get_length(bufferevent_get_output(connection->stream)) > 0)
		return; /* what left was `100 Continue` */
	if (!connection->keeps_alive) {
		linger(connection);
		return;
	}
	connection->state = READING_HEAD;
	set_deadline(connection, connection->inbound->options.request_deadline_s);
	process(connection);
}

static void on_event(struct bufferevent *stream, short what, void *context)
{
	struct inbound_connection *connection = context;
	(void)stream;
	if ((what & BEV_EVENT_CONNECTED) != 0)
		return; /* the TLS handshake is done */
	/* it has sent all it wants to send, and may still wait for its answer */
	bool waits = connection->state == HANDLING || connection->state == ANSWERING;
	if ((what & BEV_EVENT_EOF) != 0 && waits && !connection->client_ended) {
		connection->client_ended = true;
		return;
	}
	inbound_connection_free(connection);
}

/* The whole request has not arrived in time.  One whose answer is being made has no deadline. */
static void on_deadline(evutil_socket_t fd, short what, void *context)
{
	struct inbound_connection *connection = context;
	(void)fd;
	(void)what;
	size_t begun = evbuffer_get_length(bufferevent_get_input(connection->stream));
	if ((connection->state == READING_HEAD && begun > 0) || connection->state == READING_BODY)
		refuse(connection, 408, "the request did not arrive in time");
	else
		inbound_connection_free(connection);
}

/* ---- the beginning ---- */

static struct bufferevent *open_stream(const struct inbound *inbound, evutil_socket_t fd)
{
	if (inbound->tls == NULL)
		return bufferevent_socket_new(inbound->base, fd, BEV_OPT_CLOSE_ON_FREE);
	SSL *ssl = SSL_new(inbound->tls);
	if (ssl == NULL)
		return NULL;
	struct bufferevent *stream = bufferevent_openssl_socket_new(
		inbound->base, fd, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	if (stream == NULL)
		SSL_free(ssl);
	else
		bufferevent_openssl_set_allow_dirty_shutdown(stream, 1);
	return stream;
}

bool inbound_connection_open(struct inbound_connection *connection, evutil_socket_t fd)
{
	struct inbound *inbound = connection->inbound;
	int on = 1;
	connection->stream = open_stream(inbound, fd);
	if (connection->stream == NULL)
		return false;
	connection->deadline = evtimer_new(inbound->base, on_deadline, connection);
	if (connection->deadline == NULL)
		abort(); /* out of memory */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	bufferevent_setcb(connection->stream, on_readable, on_written, on_event, connection);
	bufferevent_setwatermark(
		connection->stream, EV_READ, 0, inbound->options.header_max + READ_AHEAD);
	TAILQ_INSERT_TAIL(&inbound->connections, connection, entry);
	inbound->connection_count++;
	set_deadline(connection, inbound->options.request_deadline_s);
	(void)bufferevent_enable(connection->stream, EV_READ | EV_WRITE);
	return true;
}
