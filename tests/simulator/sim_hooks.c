/* SPDX-License-Identifier: Apache-2.0 */
/* One evhttp client connection per notice, a few at a time.  Over TLS the receiver's certificate is not
 * checked: notices carry no secret, and their truth is in their signature. */
#include "tests/simulator/sim_hooks.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/http.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"

enum { POSTS_MAX = 4, POST_TIMEOUT_S = 10, SLEEP_MOST_S = 60 };

/* One notice on its way. */
struct post {
	LIST_ENTRY(post) next;
	struct sim_hooks *hooks;
	struct evhttp_connection *connection;
	char id[48];   /* of the delivery */
	bool finished; /* its connection waits to be freed */
};

LIST_HEAD(post_list, post);

struct sim_hooks {
	const struct sim_http_options *options;
	struct event *timer;
	SSL_CTX *tls; /* made on first use */
	struct post_list posts;
	int count;
};

static void save(struct sim_hooks *hooks)
{
	const struct sim_http_options *options = hooks->options;

	if (sim_changed(options->sim) && !options->save(options->context))
		(void)event_base_loopbreak(options->base);
}

static void wake(struct sim_hooks *hooks, int64_t wait)
{
	struct timeval delay = { .tv_sec = (time_t)(wait / CLOCK_SECOND),
		.tv_usec = (suseconds_t)(wait % CLOCK_SECOND) };

	(void)evtimer_add(hooks->timer, &delay);
}

static void post_free(struct post *post)
{
	LIST_REMOVE(post, next);
	if (post->connection != NULL)
		evhttp_connection_free(post->connection);
	free(post);
}

/* A connection is not freed in its own callback: the next look does it. */
static void on_answer(struct evhttp_request *request, void *context)
{
	struct post *post = context;
	struct sim_hooks *hooks = post->hooks;
	int status = request == NULL ? 0 : evhttp_request_get_response_code(request);

	log_info("sim.notified", LOG_TEXT("delivery", post->id), LOG_NUMBER("status", status));
	sim_delivery_done(hooks->options->sim, hooks->options->now(), post->id, status);
	post->finished = true;
	hooks->count--;
	wake(hooks, 0);
}

static void reap(struct sim_hooks *hooks)
{
	for (struct post *post = LIST_FIRST(&hooks->posts), *next; post != NULL; post = next) {
		next = LIST_NEXT(post, next);
		if (post->finished)
			post_free(post);
	}
}

/* The stream of a connection: NULL is plain TCP. */
static struct bufferevent *stream(struct sim_hooks *hooks, const char *scheme)
{
	struct bufferevent *made;

	if (!text_equal(scheme, "https"))
		return NULL;
	if (hooks->tls == NULL)
		hooks->tls = SSL_CTX_new(TLS_client_method());
	made = bufferevent_openssl_socket_new(hooks->options->base, -1, SSL_new(hooks->tls),
		BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_openssl_set_allow_dirty_shutdown(made, 1);
	return made;
}

static struct evhttp_request *request_new(
	struct post *post, const struct sim_delivery *delivery, const char *host)
{
	struct evhttp_request *request = evhttp_request_new(on_answer, post);
	struct evkeyvalq *headers;

	if (request == NULL)
		return NULL;
	headers = evhttp_request_get_output_headers(request);
	(void)evhttp_add_header(headers, "Host", host);
	(void)evhttp_add_header(headers, "Content-Type", "application/json");
	(void)evhttp_add_header(headers, "Connection", "close");
	(void)evhttp_add_header(headers, "webhook-id", delivery->webhook_id);
	(void)evhttp_add_header(headers, "webhook-timestamp", delivery->timestamp);
	(void)evhttp_add_header(headers, "webhook-signature", delivery->signature);
	(void)evbuffer_add(
		evhttp_request_get_output_buffer(request), delivery->body, strlen(delivery->body));
	return request;
}

/* Send DELIVERY to the parsed URI; false if it could not even begin. */
static bool send_to(
	struct sim_hooks *hooks, const struct sim_delivery *delivery, struct evhttp_uri *uri)
{
	const char *host = evhttp_uri_get_host(uri), *path = evhttp_uri_get_path(uri);
	bool tls = text_equal(evhttp_uri_get_scheme(uri), "https");
	int port = evhttp_uri_get_port(uri);
	struct evhttp_request *request;
	struct post *post;

	if (host == NULL || *host == '\0')
		return false;
	post = zalloc(1, sizeof(*post));
	post->hooks = hooks;
	post->finished = true; /* until it is on its way */
	(void)snprintf(post->id, sizeof(post->id), "%s", delivery->id);
	LIST_INSERT_HEAD(&hooks->posts, post, next);
	post->connection = evhttp_connection_base_bufferevent_new(hooks->options->base, NULL,
		stream(hooks, evhttp_uri_get_scheme(uri)), host,
		(uint16_t)(port > 0   ? port
				: tls ? 443
				      : 80));
	request = post->connection == NULL ? NULL : request_new(post, delivery, host);
	if (request == NULL)
		return false;
	evhttp_connection_set_timeout(post->connection, POST_TIMEOUT_S);
	post->finished = false;
	hooks->count++;
	if (evhttp_make_request(post->connection, request, EVHTTP_REQ_POST,
		    path == NULL || *path == '\0' ? "/" : path) == 0)
		return true;
	post->finished = true;
	hooks->count--;
	return false;
}

static void send_notice(struct sim_hooks *hooks, const struct sim_delivery *delivery)
{
	struct evhttp_uri *uri = evhttp_uri_parse(delivery->url);

	if (uri == NULL || !send_to(hooks, delivery, uri))
		sim_delivery_done(hooks->options->sim, hooks->options->now(), delivery->id, 0);
	if (uri != NULL)
		evhttp_uri_free(uri);
}

static void sleep_until_needed(struct sim_hooks *hooks)
{
	const struct sim *sim = hooks->options->sim;
	int64_t now = hooks->options->now(), at = sim_next_at(sim);
	int64_t wait = SLEEP_MOST_S * CLOCK_SECOND;

	if (hooks->count < POSTS_MAX && sim_delivery_at(sim) < at)
		at = sim_delivery_at(sim);
	if (at - now < wait)
		wait = at > now ? at - now : 1000;
	wake(hooks, wait);
}

void sim_hooks_look(struct sim_hooks *hooks)
{
	struct sim *sim = hooks->options->sim;
	int64_t now = hooks->options->now();
	struct sim_delivery delivery;

	reap(hooks);
	sim_advance(sim, now);
	while (hooks->count < POSTS_MAX && sim_delivery_take(sim, now, &delivery)) {
		send_notice(hooks, &delivery);
		sim_delivery_free(&delivery);
	}
	save(hooks);
	sleep_until_needed(hooks);
}

static void on_timer(evutil_socket_t socket, short what, void *context)
{
	(void)socket;
	(void)what;
	sim_hooks_look(context);
}

struct sim_hooks *sim_hooks_new(const struct sim_http_options *options)
{
	struct sim_hooks *hooks = zalloc(1, sizeof(*hooks));

	hooks->options = options;
	LIST_INIT(&hooks->posts);
	hooks->timer = evtimer_new(options->base, on_timer, hooks);
	sleep_until_needed(hooks);
	return hooks;
}

void sim_hooks_free(struct sim_hooks *hooks)
{
	if (hooks == NULL)
		return;
	for (struct post *post = LIST_FIRST(&hooks->posts), *next; post != NULL; post = next) {
		next = LIST_NEXT(post, next);
		post_free(post);
	}
	event_free(hooks->timer);
	SSL_CTX_free(hooks->tls);
	free(hooks);
}
