/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP/1.1 listener with the limits that stock evhttp lacks: header and body size, a
 * deadline for the whole request, caps on connections in all and per address, a reserved descriptor,
 * exact Transfer-Encoding, optional mutual TLS.  Routes are a table; every request is answered
 * exactly once, also when its client has gone. */
#pragma once

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/fault.h"
#include "common/json.h"

struct inbound;
struct request;
struct event_base;

enum inbound_method { INBOUND_GET, INBOUND_POST, INBOUND_PUT, INBOUND_DELETE };

struct inbound_route {
	enum inbound_method method;
	const char *path;  /* `/v1/orders/:id/permit`: a part with a colon takes any one segment */
	size_t body_max;   /* bytes; a larger body is answered 413 naming the limit; 0: no body */
	const void *extra; /* the owner's: who may call, which statement … */
	void (*handle)(struct request *request, void *context);
};

struct inbound_options {
	const char *address; /* numeric */
	unsigned port;       /* 0: any free one, see inbound_port */
	const struct inbound_route *routes;
	size_t route_count;
	void *context; /* handed to every handler */
	/* TLS (1.2 or newer) when both are set; ca_file asks the client for a certificate that it
	 * verifies (a client without one is let through: request_peer tells). */
	const char *cert_file, *key_file, *ca_file;
	size_t header_max;        /* bytes of all header lines; 431 beyond */
	unsigned connections_max; /* in all */
	unsigned connections_per_address;
	unsigned
		request_deadline_s; /* from the connection's first or last answered byte to a whole request */
};

struct inbound *inbound_new(
	struct event_base *base, const struct inbound_options *options, struct fault *fault);
/* Stop accepting; requests in flight may still be answered. */
void inbound_stop(struct inbound *inbound);
void inbound_free(struct inbound *inbound);
unsigned inbound_port(const struct inbound *inbound);
/* Requests that wait for an answer, and answers that have not left yet. */
unsigned inbound_open_requests(const struct inbound *inbound);

/* ---- one request; everything borrowed until it is answered ---- */

const struct inbound_route *request_route(const struct request *request);
/* The n-th colon part of the path (from 0), decoded; NULL beyond the last. */
const char *request_param(const struct request *request, unsigned n);
/* The decoded value of query parameter NAME, or NULL. */
const char *request_query(const struct request *request, const char *name);
/* All query parameters as a JSON object of texts (own reference). */
json_t *request_query_json(const struct request *request);
const char *request_header(const struct request *request, const char *name);
const void *request_body(const struct request *request, size_t *len);
/* The verified certificate of the client, or NULL (borrowed). */
X509 *request_peer(const struct request *request);
/* The client's address as text. */
const char *request_address(const struct request *request);

/* A header line of the answer; before the reply. */
void request_add_header(struct request *request, const char *name, const char *value);
/* Answer; REQUEST is gone afterwards.  BODY is copied. */
void request_reply(struct request *request, int status, const char *content_type, const void *body,
	size_t len);
void request_reply_json(struct request *request, int status, const json_t *body);
/* RFC 9457 problem details: {type, title, status, code, detail}. */
void request_reply_problem(
	struct request *request, int status, const char *code, const char *detail);
/* The problem that FAULT stands for: INPUT 400, DENIED 403, ABSENT 404, CONFLICT 409, REFUSED 422,
 * LATER 503, UNSURE 503, others 500. */
void request_reply_fault(struct request *request, const struct fault *fault);
