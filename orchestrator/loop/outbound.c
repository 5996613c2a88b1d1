/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl's multi interface on libevent.  A call that is not a GET never goes over a connection that
 * was used before: libcurl would send it a second time by itself when such a connection turns out to be
 * dead, and an effect must not be repeated behind our back. */
#include "orchestrator/loop/outbound.h"

#include <event2/event.h>
#include <string.h>

#include "orchestrator/loop/outbound_private.h"

enum { ANSWER_USUAL = 1024 * 1024, HEADERS_MOST = 64 * 1024 };

/* ---- one call ---- */

static void call_free(struct call *call)
{
	curl_easy_cleanup(call->easy);
	curl_slist_free_all(call->headers);
	text_done(&call->answer);
	text_done(&call->answer_headers);
	free(call->body);
	free(call);
}

/* The flow goes on with what came back; REPLY's contents are handed over. */
static void call_end(struct call *call, struct reply *reply)
{
	struct flow *flow = call->flow;
	TAILQ_REMOVE(&call->outbound->calls, call, entry);
	call->outbound->running--;
	call_free(call);
	flow_resume_reply(flow, reply);
}

static size_t on_answer(char *bytes, size_t size, size_t count, void *context)
{
	struct call *call = context;
	text_add_bytes(&call->answer, bytes, size * count);
	return text_full(&call->answer) ? 0 : size * count;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *context)
{
	struct call *call = context;
	size_t len = size * count;
	if (len > 5 && memcmp(bytes, "HTTP/", 5) == 0)
		text_clear(&call->answer_headers); /* those of `100 Continue` do not count */
	text_add_bytes(&call->answer_headers, bytes, len);
	return text_full(&call->answer_headers) ? 0 : len;
}

/* Failures before the first byte of the request could leave. */
bool outbound_never_left(const struct call *call, CURLcode code)
{
	static const CURLcode early[] = { CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT,
		CURLE_FAILED_INIT, CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_RESOLVE_HOST,
		CURLE_COULDNT_CONNECT, CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION,
		CURLE_SSL_CERTPROBLEM, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CIPHER,
		CURLE_SSL_ENGINE_INITFAILED };
	long sent = -1;
	curl_off_t started_us = -1;
	for (size_t i = 0; i < COUNT_OF(early); i++)
		if (code == early[i])
			return true;
	/* a time-out while connecting: libcurl has neither begun the transfer nor counted a byte */
	return curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &sent) == CURLE_OK &&
		sent == 0 &&
		curl_easy_getinfo(call->easy, CURLINFO_PRETRANSFER_TIME_T, &started_us) ==
		CURLE_OK &&
		started_us == 0;
}

static const char *error_of(const struct call *call, CURLcode code)
{
	if (text_full(&call->answer))
		return "the answer is larger than allowed";
	return call->error[0] != '\0' ? call->error : curl_easy_strerror(code);
}

static void call_done(struct call *call, CURLcode code)
{
	struct reply reply = { 0 };
	if (code == CURLE_OK) {
		(void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &reply.status);
		reply.body = text_take(&call->answer, &reply.len);
		reply.headers = text_take(&call->answer_headers, NULL);
	} else {
		enum fault_kind kind = call->failure != NULL ? call->failure(call, code)
			: outbound_never_left(call, code)    ? FAULT_LATER
							     : FAULT_UNSURE;
		(void)fault_set(&reply.fault, kind, "%s", error_of(call, code));
	}
	(void)curl_multi_remove_handle(call->outbound->multi, call->easy);
	call_end(call, &reply);
}

/* ---- setting up ---- */

static bool is_loopback(const char *host)
{
	static const char *const hosts[] = { "127.0.0.1", "[::1]", "localhost" };
	for (size_t i = 0; i < COUNT_OF(hosts); i++)
		if (text_equal(host, hosts[i]))
			return true;
	return false;
}

/* The protocols that may be used for URL. */
static const char *protocols_for(const struct outbound *outbound, const char *url)
{
	char *host = NULL;
	CURLU *parsed = curl_url();
	bool plain = outbound->allow_plain_loopback && parsed != NULL &&
		curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
		curl_url_get(parsed, CURLUPART_HOST, &host, 0) == CURLUE_OK && is_loopback(host);
	curl_free(host);
	curl_url_cleanup(parsed);
	return plain ? "http,https" : "https";
}

bool outbound_set_transport(const struct call *call, const char *url, const char *protocols)
{
	const struct outbound *outbound = call->outbound;
	CURL *easy = call->easy;
	long timeout = (long)outbound->timeout_ms;
	long connect = timeout < CONNECT_MOST_MS ? timeout : CONNECT_MOST_MS;
	return curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, protocols) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)STALL_S) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) ==
		CURLE_OK;
}

/* A call with a limit of its own. */
static bool set_timeout(const struct call *call, unsigned timeout_ms)
{
	return timeout_ms == 0 ||
		curl_easy_setopt(call->easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms) == CURLE_OK;
}

/* Trust comes from ca_file alone where one is given: the system's directory is taken away then. */
bool outbound_set_trust(const struct call *call, const char *ca_file)
{
	CURL *easy = call->easy;
	return curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) ==
		CURLE_OK &&
		(ca_file == NULL ||
			(curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file) == CURLE_OK &&
				curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK));
}

static bool set_tls(const struct call *call, const struct outbound_request *request)
{
	CURL *easy = call->easy;
	if (!outbound_set_trust(call, request->ca_file))
		return false;
	return request->cert_file == NULL ||
		(curl_easy_setopt(easy, CURLOPT_SSLCERT, request->cert_file) == CURLE_OK &&
			curl_easy_setopt(easy, CURLOPT_SSLKEY, request->key_file) == CURLE_OK);
}

static bool set_method(const struct call *call, const struct outbound_request *request)
{
	CURL *easy = call->easy;
	if (text_equal(request->method, "GET"))
		return curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L) == CURLE_OK;
	return curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
			(curl_off_t)request->body_len) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method) == CURLE_OK;
}

static bool set_headers(struct call *call, const struct outbound_request *request)
{
	call->headers = curl_slist_append(NULL, "Expect:"); /* no waiting for `100 Continue` */
	for (size_t i = 0; request->headers != NULL && request->headers[i] != NULL; i++) {
		struct curl_slist *longer = curl_slist_append(call->headers, request->headers[i]);
		if (longer == NULL)
			return false;
		call->headers = longer;
	}
	return call->headers != NULL &&
		curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers) == CURLE_OK;
}

bool outbound_set_callbacks(struct call *call)
{
	CURL *easy = call->easy;
	return curl_easy_setopt(easy, CURLOPT_PRIVATE, call) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_WRITEDATA, call) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_HEADERDATA, call) == CURLE_OK;
}

struct call *outbound_call_new(
	struct outbound *outbound, struct flow *flow, const void *body, size_t len)
{
	struct call *call = zalloc(1, sizeof(*call));
	call->outbound = outbound;
	call->flow = flow;
	call->easy = curl_easy_init();
	call->body = zalloc(len + 1, 1);
	call->body_len = len;
	if (len > 0)
		memcpy(call->body, body, len);
	text_init(&call->answer, ANSWER_USUAL);
	text_init(&call->answer_headers, HEADERS_MOST);
	outbound->running++;
	TAILQ_INSERT_HEAD(&outbound->calls, call, entry);
	return call;
}

enum flow_next outbound_call_begin(struct call *call, bool ready, const char *what)
{
	if (ready && curl_multi_add_handle(call->outbound->multi, call->easy) == CURLM_OK)
		return FLOW_WAIT;
	struct reply reply = { 0 };
	(void)fault_set(&reply.fault, FAULT_LATER, "the call to %.200s cannot be set up", what);
	call_end(call, &reply);
	return FLOW_WAIT;
}

enum flow_next outbound_begin(
	struct outbound *outbound, struct flow *flow, const struct outbound_request *request)
{
	struct call *call = outbound_call_new(outbound, flow, request->body, request->body_len);
	if (request->answer_max > 0)
		call->answer.max = request->answer_max;
	bool ready = call->easy != NULL &&
		outbound_set_transport(call, request->url, protocols_for(outbound, request->url)) &&
		set_timeout(call, request->timeout_ms) && set_tls(call, request) &&
		set_method(call, request) && set_headers(call, request) &&
		outbound_set_callbacks(call);
	return outbound_call_begin(call, ready, request->url);
}

/* ---- the event loop ---- */

/* Tell every call that has ended, until libcurl knows of no more. */
static void on_reap(evutil_socket_t fd, short what, void *context)
{
	struct outbound *outbound = context;
	int left = 0;
	(void)fd;
	(void)what;
	for (;;) {
		char *private = NULL;
		const CURLMsg *message = curl_multi_info_read(outbound->multi, &left);
		if (message == NULL)
			return;
		CURLcode code = message->data.result; /* the message is gone with the handle */
		if (message->msg == CURLMSG_DONE &&
			curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private) ==
				CURLE_OK)
			call_done((struct call *)(void *)private, code);
	}
}

static void act(struct outbound *outbound, curl_socket_t fd, int events)
{
	int running = 0;
	(void)curl_multi_socket_action(outbound->multi, fd, events, &running);
	event_active(outbound->reap, EV_TIMEOUT, 0);
}

static void on_socket_ready(evutil_socket_t fd, short what, void *context)
{
	int events = 0;
	if ((what & EV_READ) != 0)
		events |= CURL_CSELECT_IN;
	if ((what & EV_WRITE) != 0)
		events |= CURL_CSELECT_OUT;
	act(context, fd, events);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	act(context, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer_wish(CURLM *multi, long ms, void *context)
{
	struct outbound *outbound = context;
	(void)multi;
	if (ms < 0)
		return evtimer_del(outbound->timer);
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
	return evtimer_add(outbound->timer, &tv);
}

/* libcurl says what it waits for on FD; WATCH is what it was given for FD before. */
static int on_socket_wish(CURL *easy, curl_socket_t fd, int wish, void *context, void *watch)
{
	struct outbound *outbound = context;
	short what = EV_PERSIST;
	(void)easy;
	if (watch != NULL)
		event_free(watch);
	(void)curl_multi_assign(outbound->multi, fd, NULL);
	if (wish == CURL_POLL_REMOVE)
		return 0;
	if (wish != CURL_POLL_OUT)
		what = (short)(what | EV_READ);
	if (wish != CURL_POLL_IN)
		what = (short)(what | EV_WRITE);
	struct event *event = event_new(outbound->base, fd, what, on_socket_ready, outbound);
	if (event == NULL || event_add(event, NULL) != 0)
		return -1;
	return curl_multi_assign(outbound->multi, fd, event) == CURLM_OK ? 0 : -1;
}

/* ---- life ---- */

static bool set_up(struct outbound *outbound)
{
	outbound->multi = curl_multi_init();
	outbound->timer = evtimer_new(outbound->base, on_timer, outbound);
	outbound->reap = event_new(outbound->base, -1, 0, on_reap, outbound);
	return outbound->multi != NULL && outbound->timer != NULL && outbound->reap != NULL &&
		curl_multi_setopt(outbound->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wish) ==
		CURLM_OK &&
		curl_multi_setopt(outbound->multi, CURLMOPT_SOCKETDATA, outbound) == CURLM_OK &&
		curl_multi_setopt(outbound->multi, CURLMOPT_TIMERFUNCTION, on_timer_wish) ==
		CURLM_OK &&
		curl_multi_setopt(outbound->multi, CURLMOPT_TIMERDATA, outbound) == CURLM_OK;
}

struct outbound *outbound_new(
	struct event_base *base, const struct outbound_options *options, struct fault *fault)
{
	struct outbound *outbound = zalloc(1, sizeof(*outbound));
	TAILQ_INIT(&outbound->calls);
	outbound->base = base;
	outbound->timeout_ms = options->timeout_ms;
	outbound->allow_plain_loopback = options->allow_plain_loopback;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK && set_up(outbound))
		return outbound;
	(void)fault_set(fault, FAULT_LATER, "libcurl cannot be set up");
	outbound_free(outbound);
	return NULL;
}

static void give_up(struct outbound *outbound)
{
	struct call *call = TAILQ_FIRST(&outbound->calls);
	struct reply reply = { 0 };
	(void)fault_set(&reply.fault, FAULT_UNSURE, "the call was given up: we are stopping");
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not follow TAILQ_REMOVE */
	(void)curl_multi_remove_handle(outbound->multi, call->easy);
	call_end(call, &reply);
}

void outbound_free(struct outbound *outbound)
{
	if (outbound == NULL)
		return;
	while (outbound->running > 0)
		give_up(outbound);
	(void)curl_multi_cleanup(outbound->multi);
	if (outbound->timer != NULL)
		event_free(outbound->timer);
	if (outbound->reap != NULL)
		event_free(outbound->reap);
	curl_global_cleanup();
	free(outbound);
}
