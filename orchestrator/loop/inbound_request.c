/* SPDX-License-Identifier: Apache-2.0 */
/* One request as its handler sees it, and its one answer. */
#include <event2/buffer.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "orchestrator/loop/inbound_private.h"

enum { ANSWER_HEAD_MOST = INBOUND_ANSWER_HEADERS_MAX + 512 };

struct request *request_new(const char *address)
{
	struct request *request = zalloc(1, sizeof(*request));
	request->head.content_length = -1;
	(void)snprintf(request->address, sizeof(request->address), "%s", address);
	text_init(&request->headers, INBOUND_ANSWER_HEADERS_MAX);
	return request;
}

void request_free(struct request *request)
{
	for (unsigned i = 0; i < request->param_count; i++)
		free(request->params[i]);
	http_head_done(&request->head);
	http_body_done(&request->body);
	text_done(&request->headers);
	X509_free(request->peer);
	free(request);
}

/* ---- what was asked ---- */

const struct inbound_route *request_route(const struct request *request)
{
	return request->route;
}

const char *request_param(const struct request *request, unsigned n)
{
	return n < request->param_count ? request->params[n] : NULL;
}

const char *request_query(const struct request *request, const char *name)
{
	for (size_t i = 0; i < request->head.query_count; i++)
		if (text_equal(request->head.queries[i].name, name))
			return request->head.queries[i].value;
	return NULL;
}

json_t *request_query_json(const struct request *request)
{
	json_t *object = json_object();
	for (size_t i = request->head.query_count; i > 0; i--) /* the first of a name wins */
		json_put_text(object, request->head.queries[i - 1].name,
			request->head.queries[i - 1].value);
	return object;
}

const char *request_header(const struct request *request, const char *name)
{
	return http_head_find(&request->head, name);
}

const void *request_body(const struct request *request, size_t *len)
{
	struct evbuffer *content = request->body.content;
	*len = content != NULL ? evbuffer_get_length(content) : 0;
	const void *bytes = *len > 0 ? evbuffer_pullup(content, -1) : NULL;
	return bytes != NULL ? bytes : "";
}

X509 *request_peer(const struct request *request)
{
	return request->peer;
}

const char *request_address(const struct request *request)
{
	return request->address;
}

/* ---- the answer ---- */

const char *request_phrase(int status)
{
	static const struct {
		int status;
		const char *phrase;
	} phrases[] = {
		{ 200, "OK" },
		{ 201, "Created" },
		{ 202, "Accepted" },
		{ 204, "No Content" },
		{ 304, "Not Modified" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 410, "Gone" },
		{ 412, "Precondition Failed" },
		{ 413, "Content Too Large" },
		{ 415, "Unsupported Media Type" },
		{ 417, "Expectation Failed" },
		{ 422, "Unprocessable Content" },
		{ 426, "Upgrade Required" },
		{ 428, "Precondition Required" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < COUNT_OF(phrases); i++)
		if (phrases[i].status == status)
			return phrases[i].phrase;
	return "Status";
}

void request_add_header(struct request *request, const char *name, const char *value)
{
	if (strpbrk(name, "\r\n:") != NULL || strpbrk(value, "\r\n") != NULL)
		return; /* a value from outside must not begin a line of its own */
	text_addf(&request->headers, "%s: %s\r\n", name, value);
}

/* A 304 or 204 has no body, and says nothing about one. */
static bool has_no_body(int status)
{
	return status == 204 || status == 304;
}

/* RFC 9110 section 5.6.7. */
static void add_date(struct text *head)
{
	char date[64];
	struct tm tm = { 0 };
	time_t seconds = (time_t)(clock_now() / CLOCK_SECOND);
	(void)gmtime_r(&seconds, &tm);
	if (strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm) > 0)
		text_addf(head, "Date: %s\r\n", date);
}

void request_reply(
	struct request *request, int status, const char *content_type, const void *body, size_t len)
{
	TEXT head;
	text_init(&head, ANSWER_HEAD_MOST);
	text_addf(&head, "HTTP/1.1 %d %s\r\n", status, request_phrase(status));
	add_date(&head);
	if (!has_no_body(status))
		text_addf(&head, "Content-Type: %s\r\nContent-Length: %zu\r\n",
			content_type != NULL ? content_type : "application/octet-stream", len);
	if (strcasestr(request->headers.data, "cache-control:") == NULL)
		text_add(&head, "Cache-Control: no-store\r\n");
	text_addf(&head, "X-Content-Type-Options: nosniff\r\nConnection: %s\r\n",
		inbound_keeps_alive(request, status) ? "keep-alive" : "close");
	text_add_bytes(&head, request->headers.data, request->headers.len);
	text_add(&head, "\r\n");
	bool is_head = text_equal(request->head.method, "HEAD");
	inbound_answered(request, &head, body, is_head || has_no_body(status) ? 0 : len);
}

static void reply_json_as(
	struct request *request, int status, const char *content_type, const json_t *body)
{
	OWNED char *text = json_write(body);
	request_reply(request, status, content_type, text, strlen(text));
}

void request_reply_json(struct request *request, int status, const json_t *body)
{
	reply_json_as(request, status, "application/json", body);
}

void request_reply_problem(
	struct request *request, int status, const char *code, const char *detail)
{
	JSON *problem = json_object();
	json_put_text(problem, "type", "about:blank");
	json_put_text(problem, "title", request_phrase(status));
	json_put_number(problem, "status", status);
	json_put_text(problem, "code", code);
	json_put_text(problem, "detail", detail);
	reply_json_as(request, status, "application/problem+json", problem);
}

static int status_of(enum fault_kind kind)
{
	switch (kind) {
	case FAULT_INPUT:
		return 400;
	case FAULT_DENIED:
		return 403;
	case FAULT_ABSENT:
		return 404;
	case FAULT_CONFLICT:
		return 409;
	case FAULT_REFUSED:
		return 422;
	case FAULT_LATER:
	case FAULT_UNSURE:
		return 503;
	case FAULT_NONE:
	case FAULT_HUMAN:
	case FAULT_BUG:
	case FAULT_KIND_COUNT:
		return 500;
	}
	return 500;
}

void request_reply_fault(struct request *request, const struct fault *fault)
{
	int status = status_of(fault->kind);
	if (status == 503)
		request_add_header(request, "Retry-After", "5");
	request_reply_problem(request, status, fault_word(fault->kind), fault->text);
}
