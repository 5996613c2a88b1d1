/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTPS request to the orchestrator, blocking: pinned CA, TLS 1.2 or newer, no redirects, no
 * proxy, bounded answer. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/base/settings.h"
#include "common/fault.h"

enum { HTTP_ANSWER_MAX = 1024 * 1024, HTTP_CODE_MAX = 64 };

struct http_request {
	const char *path; /* below server.url */
	const char *body; /* JSON to POST; NULL: GET */
	bool anonymous;   /* without the agent's certificate: enrolment only */
};

struct http_answer {
	long status;
	char *body;
	size_t len;
	char code[HTTP_CODE_MAX]; /* of a problem document, else "" */
};

/* True if the server answered 200 or 201.  Otherwise FAULT_LATER (network, overload), FAULT_DENIED
 * (this agent is unknown or revoked; the text names the remedy), FAULT_HUMAN (the server is not
 * who it should be) or FAULT_REFUSED (this request is refused for good).  Release ANSWER in
 * every case. */
bool http_call(struct http_answer *answer, const struct agent_settings *settings,
	const struct http_request *request, struct fault *fault);
void http_answer_done(struct http_answer *answer);

/* PATTERN of common/wire.h with its `:id` replaced; the caller frees it. */
char *http_path(const char *pattern, const char *id);
