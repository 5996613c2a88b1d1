/* SPDX-License-Identifier: Apache-2.0 */
/* The head of an HTTP/1.1 request (RFC 9112), strictly: what two servers might read in two ways is
 * refused.  Pure: bytes in, fields out. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fault.h"

enum { HTTP_HEADERS_MAX = 100, HTTP_QUERIES_MAX = 64, HTTP_METHOD_MAX = 16 };

struct http_pair {
	const char *name;
	const char *value;
};

struct http_head {
	char *bytes; /* everything below points into it, but for the texts of queries */
	const char *method;
	const char *path; /* as it was sent: percent signs not decoded */
	struct http_pair headers[HTTP_HEADERS_MAX];
	size_t header_count;
	struct http_pair queries[HTTP_QUERIES_MAX]; /* decoded */
	size_t query_count;
	int64_t content_length; /* -1: none */
	bool is_chunked;
	bool keeps_alive;
	bool expects_continue;
};

/* Read LEN bytes that end with the empty line.  False with the HTTP status in *STATUS and the reason in
 * FAULT; OUT is to be given to http_head_done in either case. */
bool http_head_parse(struct http_head *out, const char *bytes, size_t len, int *status,
	struct fault *fault) MUST_CHECK;
void http_head_done(struct http_head *head);
/* The value of the first header NAME (of any case), or NULL. */
const char *http_head_find(const struct http_head *head, const char *name);

/* Decode the percent signs of LEN bytes of TEXT (and, in a query, plus as a blank) into a text on the
 * heap; NULL if one is malformed or stands for NUL. */
char *http_decode(const char *text, size_t len, bool is_query);
