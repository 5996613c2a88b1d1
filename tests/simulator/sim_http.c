/* SPDX-License-Identifier: Apache-2.0 */
/* Requests from evhttp to the core and answers back.  An answer that is held waits on a timer; the
 * client may be gone by then, which evhttp takes care of. */
#include "tests/simulator/sim_http.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "common/log.h"
#include "common/text.h"
#include "tests/simulator/sim_hooks.h"

enum { HEADERS_MAX = 64 * 1024 };

/* An answer on its way out. */
struct reply {
	LIST_ENTRY(reply) next;
	struct sim_http *http;
	struct evhttp_request *request;
	struct sim_answer answer;
	struct event *timer;
};

LIST_HEAD(reply_list, reply);

struct sim_http {
	struct sim_http_options options;
	struct evhttp *gateway, *control;
	uint16_t gateway_port, control_port;
	struct reply_list held;
	struct sim_hooks *hooks;
};

static const char *method_word(struct evhttp_request *request)
{
	static const struct {
		enum evhttp_cmd_type type;
		const char *word;
	} methods[] = { { EVHTTP_REQ_GET, "GET" }, { EVHTTP_REQ_POST, "POST" },
		{ EVHTTP_REQ_PUT, "PUT" }, { EVHTTP_REQ_DELETE, "DELETE" } };

	for (size_t i = 0; i < COUNT_OF(methods); i++) {
		if (methods[i].type == evhttp_request_get_command(request))
			return methods[i].word;
	}
	return "OTHER";
}

/* ---- answering ---- */

static void reply_free(struct reply *reply)
{
	if (reply->timer != NULL)
		event_free(reply->timer);
	sim_answer_done(&reply->answer);
	free(reply);
}

static void add_header(struct evkeyvalq *headers, const char *name, const char *value)
{
	if (value != NULL && *value != '\0')
		(void)evhttp_add_header(headers, name, value);
}

static void send_answer(struct evhttp_request *request, const struct sim_answer *answer)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
	struct evbuffer *body = evhttp_request_get_output_buffer(request);
	char seconds[16] = "";

	if (answer->retry_after_s > 0)
		(void)snprintf(seconds, sizeof(seconds), "%d", answer->retry_after_s);
	add_header(headers, "Content-Type", answer->content_type);
	add_header(headers, "Location", answer->location);
	add_header(headers, "ETag", answer->etag);
	add_header(headers, "Retry-After", seconds);
	add_header(headers, "Idempotent-Replayed", answer->replayed ? "true" : NULL);
	add_header(headers, "Xuqi-Signature", answer->signature);
	(void)evbuffer_add(body, answer->body, answer->body_len);
	evhttp_send_reply(request, answer->status, NULL, NULL);
}

static void on_release(evutil_socket_t socket, short what, void *context)
{
	struct reply *reply = context;

	(void)socket;
	(void)what;
	LIST_REMOVE(reply, next);
	send_answer(reply->request, &reply->answer);
	reply_free(reply);
}

static void hold(struct reply *reply)
{
	int64_t ms = reply->answer.hold_ms;
	struct timeval delay = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	reply->timer = evtimer_new(reply->http->options.base, on_release, reply);
	LIST_INSERT_HEAD(&reply->http->held, reply, next);
	(void)evtimer_add(reply->timer, &delay);
}

/* Nothing is answered: the peer sees the end of the connection at once; evhttp learns of it when it
 * writes what nobody reads. */
static void cut(struct reply *reply)
{
	struct evhttp_connection *connection = evhttp_request_get_connection(reply->request);
	struct bufferevent *stream = evhttp_connection_get_bufferevent(connection);

	(void)shutdown(bufferevent_getfd(stream), SHUT_RDWR);
	evhttp_send_reply(reply->request, 500, NULL, NULL);
	reply_free(reply);
}

static void deliver(struct reply *reply)
{
	if (reply->answer.cut) {
		cut(reply);
	} else if (reply->answer.hold_ms > 0) {
		hold(reply);
	} else {
		send_answer(reply->request, &reply->answer);
		reply_free(reply);
	}
}

/* ---- asking the core ---- */

typedef void sim_interface(
	struct sim *sim, int64_t now, const struct sim_request *request, struct sim_answer *answer);

static void log_request(const struct sim_request *request, const struct sim_answer *answer)
{
	log_info("sim.answered", LOG_TEXT("method", request->method),
		LOG_TEXT("target", request->target), LOG_NUMBER("status", answer->status),
		LOG_NUMBER("replayed", answer->replayed), LOG_NUMBER("hold_ms", answer->hold_ms),
		LOG_NUMBER("cut", answer->cut));
}

static void answer_request(
	struct sim_http *http, struct evhttp_request *request, sim_interface *interface)
{
	struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
	struct evbuffer *body = evhttp_request_get_input_buffer(request);
	struct reply *reply = zalloc(1, sizeof(*reply));
	struct sim_request asked = { .method = method_word(request),
		.target = evhttp_request_get_uri(request),
		.authorization = evhttp_find_header(headers, "Authorization"),
		.idempotency_key = evhttp_find_header(headers, "Idempotency-Key"),
		.if_match = evhttp_find_header(headers, "If-Match"),
		.content_type = evhttp_find_header(headers, "Content-Type"),
		.body_len = evbuffer_get_length(body) };

	asked.body = asked.body_len == 0 ? NULL : evbuffer_pullup(body, -1);
	reply->http = http;
	reply->request = request;
	interface(http->options.sim, http->options.now(), &asked, &reply->answer);
	log_request(&asked, &reply->answer);
	if (sim_changed(http->options.sim) && !http->options.save(http->options.context))
		(void)event_base_loopbreak(http->options.base);
	deliver(reply);
	sim_hooks_look(http->hooks);
}

static void on_gateway(struct evhttp_request *request, void *context)
{
	answer_request(context, request, sim_gateway);
}

static void on_control(struct evhttp_request *request, void *context)
{
	answer_request(context, request, sim_control);
}

/* ---- listening ---- */

static struct bufferevent *tls_stream(struct event_base *base, void *context)
{
	return bufferevent_openssl_socket_new(
		base, -1, SSL_new(context), BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
}

static uint16_t bound_port(struct evhttp_bound_socket *bound)
{
	struct sockaddr_in address = { 0 };
	socklen_t len = sizeof(address);

	if (getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)(void *)&address,
		    &len) != 0)
		return 0;
	return ntohs(address.sin_port);
}

static struct evhttp *listener(struct sim_http *http, void (*on)(struct evhttp_request *, void *),
	uint16_t *port, struct fault *fault)
{
	struct evhttp *server = evhttp_new(http->options.base);
	struct evhttp_bound_socket *bound = NULL;

	if (server != NULL)
		bound = evhttp_bind_socket_with_handle(server, "127.0.0.1", *port);
	if (bound == NULL) {
		(void)fault_set(fault, FAULT_LATER, "cannot listen on 127.0.0.1:%u", *port);
		if (server != NULL)
			evhttp_free(server);
		return NULL;
	}
	*port = bound_port(bound);
	evhttp_set_allowed_methods(
		server, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE);
	evhttp_set_max_body_size(server, SIM_BODY_MAX);
	evhttp_set_max_headers_size(server, HEADERS_MAX);
	evhttp_set_default_content_type(server, NULL);
	evhttp_set_gencb(server, on, http);
	return server;
}

struct sim_http *sim_http_new(const struct sim_http_options *options, struct fault *fault)
{
	CLEANUP(sim_http_freep) struct sim_http *http = zalloc(1, sizeof(*http));

	http->options = *options;
	http->gateway_port = options->gateway_port;
	http->control_port = options->control_port;
	LIST_INIT(&http->held);
	http->gateway = listener(http, on_gateway, &http->gateway_port, fault);
	if (http->gateway == NULL)
		return NULL;
	if (options->tls != NULL)
		evhttp_set_bevcb(http->gateway, tls_stream, options->tls);
	http->control = listener(http, on_control, &http->control_port, fault);
	http->hooks = sim_hooks_new(&http->options);
	return http->control == NULL ? NULL : take(http);
}

void sim_http_free(struct sim_http *http)
{
	if (http == NULL)
		return;
	for (struct reply *reply = LIST_FIRST(&http->held), *next; reply != NULL; reply = next) {
		next = LIST_NEXT(reply, next);
		send_answer(reply->request, &reply->answer);
		reply_free(reply);
	}
	sim_hooks_free(http->hooks);
	if (http->gateway != NULL)
		evhttp_free(http->gateway);
	if (http->control != NULL)
		evhttp_free(http->control);
	free(http);
}

uint16_t sim_http_gateway_port(const struct sim_http *http)
{
	return http->gateway_port;
}

uint16_t sim_http_control_port(const struct sim_http *http)
{
	return http->control_port;
}
