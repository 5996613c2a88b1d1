/* SPDX-License-Identifier: Apache-2.0 */
/* What outbound.c (HTTPS) and outbound_mail.c (SMTP) share: a call under way, and its setting up. */
#pragma once

#include <curl/curl.h>
#include <sys/queue.h>

#include "common/text.h"
#include "orchestrator/loop/outbound.h"

enum { CONNECT_MOST_MS = 10000, STALL_S = 30 /* without one byte */ };

struct call {
	TAILQ_ENTRY(call) entry;
	struct outbound *outbound;
	struct flow *flow;
	CURL *easy;
	struct curl_slist *headers;
	void *body;
	size_t body_len, body_sent; /* sent: of a message */
	/* What a call that failed means, where that depends on the protocol; NULL: HTTP */
	enum fault_kind (*failure)(const struct call *call, CURLcode code);
	struct text answer;
	struct text answer_headers;
	char error[CURL_ERROR_SIZE];
};

struct outbound {
	struct event_base *base;
	CURLM *multi;
	struct event *timer;
	struct event *reap; /* finished calls are told from the loop, not from inside libcurl */
	unsigned timeout_ms;
	bool allow_plain_loopback;
	unsigned running;
	TAILQ_HEAD(, call) calls;
};

/* A call for FLOW with a copy of the LEN bytes of BODY; it ends by itself once it is begun. */
struct call *outbound_call_new(
	struct outbound *outbound, struct flow *flow, const void *body, size_t len);
/* Begin CALL if it is READY, else let the flow go on with FAULT_LATER about WHAT. */
enum flow_next outbound_call_begin(struct call *call, bool ready, const char *what);
/* Address, time-outs, no redirects, no proxy. */
bool outbound_set_transport(const struct call *call, const char *url, const char *protocols);
/* TLS 1.2 or newer, trusting CA_FILE alone where one is given. */
bool outbound_set_trust(const struct call *call, const char *ca_file);
bool outbound_set_callbacks(struct call *call);
/* Whether the failure CODE came before the first byte of the request could leave. */
bool outbound_never_left(const struct call *call, CURLcode code);
