/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the listener share: inbound.c (who is let in), inbound_connection.c (one client),
 * inbound_request.c (one request and its answer), inbound_route.c (who answers), inbound_tls.c
 * (certificates). */
#pragma once

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <openssl/ssl.h>
#include <sys/queue.h>

#include "common/text.h"
#include "orchestrator/loop/http_body.h"
#include "orchestrator/loop/http_head.h"
#include "orchestrator/loop/inbound.h"

enum { INBOUND_PARAMS_MAX = 8, INBOUND_ADDRESS = 64, INBOUND_ANSWER_HEADERS_MAX = 8192 };

struct request {
	TAILQ_ENTRY(request) entry;
	struct inbound *inbound;               /* NULL once the listener is gone */
	struct inbound_connection *connection; /* NULL once the client is gone */
	struct http_head head;
	struct http_body body;
	const struct inbound_route *route; /* NULL: refused before one was found */
	char *params[INBOUND_PARAMS_MAX];
	unsigned param_count;
	char address[INBOUND_ADDRESS];
	X509 *peer;
	struct text headers; /* header lines of the answer */
	bool is_open;        /* with its handler */
};

enum inbound_state {
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
	enum inbound_state state;
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

/* ---- inbound_request.c ---- */

struct request *request_new(const char *address);
void request_free(struct request *request);
/* The reason phrase of STATUS. */
const char *request_phrase(int status);

/* ---- inbound_route.c ---- */

/* Find the route and take the parts of the path.  False with the status to answer (404, 405 with its
 * Allow header, 400) and the reason. */
bool inbound_find_route(struct request *request, const struct inbound_options *options, int *status,
	struct fault *fault) MUST_CHECK;

/* ---- inbound_connection.c ---- */

/* Serve FD for CONNECTION, whose origin is known; false (FD is still open) if there is no memory. */
bool inbound_connection_open(struct inbound_connection *connection, evutil_socket_t fd);
void inbound_connection_free(struct inbound_connection *connection);

/* Send the answer's bytes over the request's connection, if it is still there, and let go of REQUEST. */
void inbound_answered(
	struct request *request, const struct text *head, const void *body, size_t len);
/* True if the connection is to be kept open behind this answer. */
bool inbound_keeps_alive(const struct request *request, int status);

/* ---- inbound_tls.c ---- */

/* The TLS side of the listener; NULL with a fault. */
SSL_CTX *inbound_tls_new(const struct inbound_options *options, struct fault *fault);
/* The client's certificate if it verified (a reference of the caller's), else NULL. */
X509 *inbound_tls_peer(SSL *ssl);

DEFINE_CLEANUP(ssl_context_freep, SSL_CTX *, SSL_CTX_free)
