/* SPDX-License-Identifier: Apache-2.0 */
/* Requests as the listener reads them: what a head says must not depend on what stands behind it, and a
 * body is the same however its bytes arrive. */
#include <event2/buffer.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/loop/http_body.h"
#include "orchestrator/loop/http_head.h"

enum { BODY_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool right)
{
	if (!right)
		abort();
}

/* Read the body in pieces of STEP bytes; its state and length. */
static enum http_body_state read_body(
	const struct http_head *head, const uint8_t *data, size_t size, size_t step, size_t *len)
{
	struct http_body body;
	struct evbuffer *input = evbuffer_new();
	http_body_init(&body, head->content_length, head->is_chunked, BODY_MAX);
	enum http_body_state state = body.state;
	for (size_t at = 0; at < size; at += step) {
		must(evbuffer_add(input, data + at, size - at < step ? size - at : step) == 0);
		state = http_body_read(&body, input);
	}
	*len = evbuffer_get_length(body.content);
	must(*len <= BODY_MAX);
	http_body_done(&body);
	evbuffer_free(input);
	return state;
}

static void check_body(const struct http_head *head, const uint8_t *data, size_t size)
{
	size_t whole_len = 0;
	size_t torn_len = 0;
	enum http_body_state whole = read_body(head, data, size, size > 0 ? size : 1, &whole_len);
	enum http_body_state torn = read_body(head, data, size, 1, &torn_len);
	must((whole == HTTP_BODY_WHOLE) == (torn == HTTP_BODY_WHOLE));
	must(whole != HTTP_BODY_WHOLE || whole_len == torn_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_head head;
	struct fault fault = { 0 };
	int status = 0;
	const uint8_t *end = memmem(data, size, "\r\n\r\n", 4);
	if (end == NULL)
		return 0;
	size_t len = (size_t)(end - data) + 4;
	if (http_head_parse(&head, (const char *)data, len, &status, &fault)) {
		must(head.path[0] == '/' && strlen(head.method) > 0);
		must(!head.is_chunked || head.content_length < 0);
		check_body(&head, data + len, size - len);
	} else {
		must(status >= 400 && status < 600 && fault.kind == FAULT_INPUT);
	}
	http_head_done(&head);
	return 0;
}
