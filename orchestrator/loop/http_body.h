/* SPDX-License-Identifier: Apache-2.0 */
/* The body of an HTTP/1.1 request: so many bytes, or chunks (RFC 9112 section 7.1), under a limit. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct evbuffer;

enum http_body_state {
	HTTP_BODY_DATA,       /* bytes of the body, or of a chunk */
	HTTP_BODY_CHUNK_SIZE, /* the line with a chunk's size */
	HTTP_BODY_CHUNK_END,  /* the empty line behind a chunk */
	HTTP_BODY_TRAILER,    /* lines behind the last chunk, which are dropped */
	HTTP_BODY_WHOLE,
	HTTP_BODY_TOO_LARGE,
	HTTP_BODY_MALFORMED
};

struct http_body {
	enum http_body_state state;
	bool is_chunked;
	uint64_t left; /* of the body or chunk */
	size_t max;
	size_t trailer_left;
	struct evbuffer *content;
};

/* Expect LENGTH bytes (none when negative), or chunks, of at most MAX bytes in all. */
void http_body_init(struct http_body *body, int64_t length, bool is_chunked, size_t max);
void http_body_done(struct http_body *body);
/* Move what belongs to the body out of INPUT; the state tells what is next. */
enum http_body_state http_body_read(struct http_body *body, struct evbuffer *input);
