/* SPDX-License-Identifier: Apache-2.0 */
/* Collecting a request's body. */
#include "orchestrator/loop/http_body.h"

#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

#include "common/own.h"

enum { LINE_MOST = 256, TRAILER_MOST = 4096, SIZE_DIGITS_MOST = 8 };

void http_body_init(struct http_body *body, int64_t length, bool is_chunked, size_t max)
{
	*body = (struct http_body){ .is_chunked = is_chunked,
		.max = max,
		.trailer_left = TRAILER_MOST,
		.content = evbuffer_new() };
	if (body->content == NULL)
		abort(); /* out of memory */
	if (is_chunked) {
		body->state = HTTP_BODY_CHUNK_SIZE;
	} else {
		body->left = length > 0 ? (uint64_t)length : 0;
		body->state = body->left == 0 ? HTTP_BODY_WHOLE : HTTP_BODY_DATA;
	}
	if (body->left > max)
		body->state = HTTP_BODY_TOO_LARGE;
}

void http_body_done(struct http_body *body)
{
	if (body->content != NULL)
		evbuffer_free(body->content);
	*body = (struct http_body){ 0 };
}

/* True if the state may have changed, false if more input is needed. */
static bool read_data(struct http_body *body, struct evbuffer *input)
{
	size_t here = evbuffer_get_length(input);
	if (here > body->left)
		here = (size_t)body->left;
	if (here == 0)
		return false;
	int moved = evbuffer_remove_buffer(input, body->content, here);
	if (moved < 0 || (size_t)moved != here)
		abort(); /* out of memory */
	body->left -= here;
	if (body->left == 0)
		body->state = body->is_chunked ? HTTP_BODY_CHUNK_END : HTTP_BODY_WHOLE;
	return body->left == 0;
}

/* The next line, on the heap; NULL with *MALFORMED if it is too long, or while it is not whole. */
static char *read_line(struct evbuffer *input, bool *malformed)
{
	size_t len = 0;
	OWNED char *line = evbuffer_readln(input, &len, EVBUFFER_EOL_CRLF_STRICT);
	*malformed = line == NULL ? evbuffer_get_length(input) > LINE_MOST + 1 /* its CR */
				  : len > LINE_MOST || strlen(line) != len;
	return *malformed ? NULL : take(line);
}

/* Up to eight hex digits, then perhaps an extension, which is ignored. */
static bool parse_size(uint64_t *size, const char *line)
{
	size_t digits = strspn(line, "0123456789abcdefABCDEF");
	if (digits == 0 || digits > SIZE_DIGITS_MOST ||
		(line[digits] != '\0' && line[digits] != ';'))
		return false;
	*size = 0;
	for (size_t i = 0; i < digits; i++) {
		char c = line[i];
		unsigned value = c <= '9' ? (unsigned)c - '0' : ((unsigned)c | 0x20U) - 'a' + 10;
		*size = *size << 4 | value;
	}
	return true;
}

static void begin_chunk(struct http_body *body, const char *line)
{
	uint64_t size = 0;
	if (!parse_size(&size, line))
		body->state = HTTP_BODY_MALFORMED;
	else if (size > body->max - evbuffer_get_length(body->content))
		body->state = HTTP_BODY_TOO_LARGE;
	else
		body->state = size == 0 ? HTTP_BODY_TRAILER : HTTP_BODY_DATA;
	body->left = size;
}

static void read_trailer(struct http_body *body, const char *line)
{
	size_t len = strlen(line) + 2;
	if (*line == '\0')
		body->state = HTTP_BODY_WHOLE;
	else if (len > body->trailer_left)
		body->state = HTTP_BODY_MALFORMED;
	else
		body->trailer_left -= len;
}

static bool read_framing(struct http_body *body, struct evbuffer *input)
{
	bool malformed = false;
	OWNED char *line = read_line(input, &malformed);
	if (malformed)
		body->state = HTTP_BODY_MALFORMED;
	if (line == NULL)
		return malformed;
	if (body->state == HTTP_BODY_CHUNK_SIZE)
		begin_chunk(body, line);
	else if (body->state == HTTP_BODY_TRAILER)
		read_trailer(body, line);
	else
		body->state = *line == '\0' ? HTTP_BODY_CHUNK_SIZE : HTTP_BODY_MALFORMED;
	return true;
}

static bool read_some(struct http_body *body, struct evbuffer *input)
{
	switch (body->state) {
	case HTTP_BODY_DATA:
		return read_data(body, input);
	case HTTP_BODY_CHUNK_SIZE:
	case HTTP_BODY_CHUNK_END:
	case HTTP_BODY_TRAILER:
		return read_framing(body, input);
	case HTTP_BODY_WHOLE:
	case HTTP_BODY_TOO_LARGE:
	case HTTP_BODY_MALFORMED:
		return false;
	}
	return false;
}

enum http_body_state http_body_read(struct http_body *body, struct evbuffer *input)
{
	bool more = true;
	while (more)
		more = read_some(body, input);
	return body->state;
}
