/* SPDX-License-Identifier: Apache-2.0 */
/* The listener and its connections: who is let in, how long a request may take to arrive, and the one
 * answer.  HTTP is read by http_head.c and http_body.c over libevent's bufferevents instead of evhttp,
 * which cannot refuse a connection, knows no deadline, and reads a body before it asks whether it may
 * be so large. */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "orchestrator/loop/inbound_private.h"

enum {
	BACKLOG = 511,
	READ_AHEAD = 65536, /* bytes that may wait to be read, of a body or of a next request */
	WRITE_STALL_S = 30, /* an answer that nobody takes */
	LINGER_S = 2,       /* a refused client may read the answer while it still sends */
	REST_US = 100000    /* of the listener, when descriptors are out */
};

enum connection_state {
	READING_HEAD,
	READING_BODY,
	HANDLING,  /* the request is with its handler */
	ANSWERING, /* the answer leaves */
	LINGERING  /* answered for the last time; what still comes is dropped */
};

struct inbound_connection {
	TAILQ_ENTRY(inbound_connection) entry;
	struct inbound *inbound;
	struct bufferevent *stream;
	struct event *deadline;
	enum connection_state state;
	struct request *request; /* of the states BODY and HANDLING */
	size_t searched_to;      /* so far there is no end of the head */
	bool keeps_alive;
	bool client_ended;        /* it sends no more */
	unsigned char origin[16]; /* what counts as one address */
	char address[INBOUND_ADDRESS];
};

TAILQ_HEAD(connection_list, inbound_connection);
TAILQ_HEAD(request_list, request);

struct inbound {
	struct event_base *base;
	struct inbound_options options;
	SSL_CTX *tls;
	struct evconnlistener *listener;
	struct event *rest_over;
	int reserve_fd; /* let go when descriptors are out, to turn a client away in an orderly way */
	bool stopping;
	unsigned connection_count;
	struct connection_list connections;
	unsigned open_requests;
	struct request_list requests;
};

static void process(struct inbound_connection *connection);

/* ---- the end of a connection ---- */

static void connection_free(struct inbound_connection *connection)
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
		connection_free(connection);
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
	connection_free(connection);
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
		connection_free(connection);
}

/* ---- letting in ---- */

/* What counts as one address: IPv4 whole, IPv6 by the network of /64 that a client owns. */
static void read_origin(struct inbound_connection *connection, const struct sockaddr *peer)
{
	union {
		const struct sockaddr *any;
		const struct sockaddr_in *v4;
		const struct sockaddr_in6 *v6;
	} address = { .any = peer };

	const void *raw = NULL;
	if (peer->sa_family == AF_INET6) {
		raw = &address.v6->sin6_addr;
		memcpy(connection->origin, raw,
			IN6_IS_ADDR_V4MAPPED(&address.v6->sin6_addr) ? 16 : 8);
	} else {
		raw = &address.v4->sin_addr;
		memcpy(connection->origin, raw, 4);
	}
	if (evutil_inet_ntop(peer->sa_family, raw, connection->address, INBOUND_ADDRESS) == NULL)
		connection->address[0] = '\0';
}

/* NULL if ORIGIN may have one more connection, else why not. */
static const char *why_too_many(
	const struct inbound *inbound, const struct inbound_connection *fresh)
{
	unsigned same = 0;
	const struct inbound_connection *other = NULL;
	if (inbound->connection_count >= inbound->options.connections_max)
		return "all connections are taken";
	TAILQ_FOREACH(other, &inbound->connections, entry)
		same += memcmp(other->origin, fresh->origin, sizeof(fresh->origin)) == 0;
	return same >= inbound->options.connections_per_address
		? "its address has too many connections"
		: NULL;
}

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

static bool open_connection(struct inbound_connection *connection, evutil_socket_t fd)
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

static void on_accepted(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer,
	int len, void *context)
{
	struct inbound *inbound = context;
	struct inbound_connection *connection = zalloc(1, sizeof(*connection));
	(void)listener;
	(void)len;
	connection->inbound = inbound;
	read_origin(connection, peer);
	const char *why_not = why_too_many(inbound, connection);
	if (why_not == NULL && open_connection(connection, fd))
		return;
	log_warn("connection.refused", LOG_TEXT("address", connection->address),
		LOG_TEXT("text", why_not != NULL ? why_not : "no memory"));
	(void)close(fd);
	free(connection);
}

static void rest(struct inbound *inbound)
{
	struct timeval tv = { .tv_usec = REST_US };
	(void)evconnlistener_disable(inbound->listener);
	(void)evtimer_add(inbound->rest_over, &tv);
}

/* accept failed.  Out of descriptors it would fail for ever, with the client still waiting: turn that one
 * away with the reserve, and rest until some are free. */
static void on_accept_failed(struct evconnlistener *listener, void *context)
{
	struct inbound *inbound = context;
	int why = errno;
	if (why == EMFILE || why == ENFILE) {
		(void)close(inbound->reserve_fd);
		int waiting = accept4(evconnlistener_get_fd(listener), NULL, NULL, SOCK_CLOEXEC);
		if (waiting >= 0)
			(void)close(waiting);
		inbound->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
	log_error("listener.failed", LOG_TEXT("text", strerror(why)));
	rest(inbound);
}

static void on_rest_over(evutil_socket_t fd, short what, void *context)
{
	struct inbound *inbound = context;
	(void)fd;
	(void)what;
	if (!inbound->stopping)
		(void)evconnlistener_enable(inbound->listener);
}

/* ---- life ---- */

static bool open_listener(struct inbound *inbound, struct fault *fault)
{
	struct sockaddr_storage storage = { 0 };

	union {
		struct sockaddr_storage *storage;
		struct sockaddr *any;
	} address = { .storage = &storage };

	int len = (int)sizeof(storage);
	const char *host = inbound->options.address;
	OWNED char *text = text_dupf(
		strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u", host, inbound->options.port);
	if (evutil_parse_sockaddr_port(text, address.any, &len) != 0)
		return fault_set(fault, FAULT_INPUT, "%s is no numeric address with a port", text);
	inbound->listener = evconnlistener_new_bind(inbound->base, on_accepted, inbound,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, BACKLOG,
		address.any, len);
	if (inbound->listener == NULL)
		return fault_set(
			fault, FAULT_INPUT, "%s cannot be listened on: %s", text, strerror(errno));
	evconnlistener_set_error_cb(inbound->listener, on_accept_failed);
	return true;
}

struct inbound *inbound_new(
	struct event_base *base, const struct inbound_options *options, struct fault *fault)
{
	struct inbound *inbound = zalloc(1, sizeof(*inbound));
	TAILQ_INIT(&inbound->connections);
	TAILQ_INIT(&inbound->requests);
	inbound->base = base;
	inbound->options = *options;
	inbound->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	inbound->rest_over = evtimer_new(base, on_rest_over, inbound);
	bool has_tls = options->cert_file != NULL && options->key_file != NULL;
	if (has_tls)
		inbound->tls = inbound_tls_new(options, fault);
	if ((has_tls && inbound->tls == NULL) || !open_listener(inbound, fault)) {
		inbound_free(inbound);
		return NULL;
	}
	return inbound;
}

void inbound_stop(struct inbound *inbound)
{
	struct inbound_connection *connection = TAILQ_FIRST(&inbound->connections);
	inbound->stopping = true;
	(void)evconnlistener_disable(inbound->listener);
	while (connection != NULL) {
		struct inbound_connection *next = TAILQ_NEXT(connection, entry);
		if (connection->state == READING_HEAD || connection->state == LINGERING)
			connection_free(connection);
		connection = next;
	}
}

/* The requests that are still with their handlers forget us. */
static void forget_requests(struct inbound *inbound)
{
	struct request *request = NULL;
	TAILQ_FOREACH(request, &inbound->requests, entry)
		request->inbound = NULL;
}

void inbound_free(struct inbound *inbound)
{
	if (inbound == NULL)
		return;
	while (inbound->connection_count > 0)
		connection_free(TAILQ_FIRST(&inbound->connections));
	forget_requests(inbound);
	if (inbound->listener != NULL)
		evconnlistener_free(inbound->listener);
	if (inbound->rest_over != NULL)
		event_free(inbound->rest_over);
	if (inbound->reserve_fd >= 0)
		(void)close(inbound->reserve_fd);
	SSL_CTX_free(inbound->tls);
	free(inbound);
}

unsigned inbound_port(const struct inbound *inbound)
{
	struct sockaddr_storage storage = { 0 };

	union {
		struct sockaddr_storage *storage;
		struct sockaddr *any;
		struct sockaddr_in *v4;
		struct sockaddr_in6 *v6;
	} address = { .storage = &storage };

	socklen_t len = sizeof(storage);
	if (getsockname(evconnlistener_get_fd(inbound->listener), address.any, &len) != 0)
		return 0;
	return ntohs(storage.ss_family == AF_INET6 ? address.v6->sin6_port : address.v4->sin_port);
}

unsigned inbound_open_requests(const struct inbound *inbound)
{
	return inbound->open_requests;
}
