/* SPDX-License-Identifier: Apache-2.0 */
/* What an invocation asks of the server: method, path with query, body.  Files named on the command
 * line are read here, under limits. */
#pragma once

#include "common/fault.h"
#include "common/json.h"
#include "common/text.h"
#include "orchestrator/cli/invocation.h"

enum {
	CALL_PATH_MAX = 4096,
	CALL_POLICY_MAX = 256 * 1024,
	CALL_ATTACHMENT_MAX = 8 * 1024 * 1024, /* one; the server limits all of them together */
	CALL_STATEMENT_MAX = 64 * 1024 * 1024,
	CALL_JSON_MAX = 1024 * 1024,
	CALL_LINE_MAX = 4096 /* bytes of a file whose first line is a value */
};

struct call {
	const char *method;
	struct text path; /* with its query */
	json_t *body;     /* NULL: none */
	const char *file; /* the CSV or statement it was made of, for messages; may be NULL */
	json_t *errors; /* [{row, column, text}] of that file; when there are any, nothing is sent */
	const char *evidence; /* directory of the files that a list names; NULL: the present one */
};

/* Fill OUT from INVOCATION (whose command must have a method); free it with call_done.
 * FAULT_INPUT names the file or value that cannot be used. */
bool call_build(struct call *out, const struct invocation *invocation, struct fault *fault)
	MUST_CHECK;
/* Release the path and body; a zeroed struct is accepted. */
void call_done(struct call *call);
/* Add ?KEY=VALUE (or &…), percent-encoded (RFC 3986 section 2.1). */
void call_query(struct call *call, const char *key, const char *value);
