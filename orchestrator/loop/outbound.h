/* SPDX-License-Identifier: Apache-2.0 */
/* HTTPS calls for flows: one libcurl multi handle on the event loop.  Time-outs in all and for
 * stalling, a limit on the answer, no redirects, https only unless plain http to loopback was
 * allowed for a test. */
#pragma once

#include "orchestrator/loop/flow.h"

struct outbound;

struct outbound_options {
	unsigned timeout_ms; /* of a whole call */
	bool allow_plain_loopback;
};

struct outbound_request {
	const char *method; /* GET, POST, PUT, DELETE */
	const char *url;
	const char *const *headers; /* `Name: value`, ends with NULL; may be NULL */
	const void *body;           /* copied; may be NULL */
	size_t body_len;
	size_t answer_max;     /* bytes; 0: 1 MiB */
	unsigned timeout_ms;   /* of this call; 0: what the client was made with */
	const char *ca_file;   /* trust, NULL: the system's */
	const char *cert_file; /* client certificate and key, or NULL */
	const char *key_file;
};

struct outbound *outbound_new(
	struct event_base *base, const struct outbound_options *options, struct fault *fault);
/* Calls under way are answered first, as UNSURE. */
void outbound_free(struct outbound *outbound);

/* Begin the call for FLOW, which resumes with flow_reply set, also when no answer came (status 0;
 * its fault says LATER where the request surely never left, UNSURE elsewhere).  Never resumes from
 * inside this call. */
enum flow_next outbound_begin(
	struct outbound *outbound, struct flow *flow, const struct outbound_request *request);
