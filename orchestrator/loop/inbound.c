/* SPDX-License-Identifier: Apache-2.0 */
/* The listener: who is let in, and what happens when descriptors are out. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "orchestrator/loop/inbound_private.h"

enum {
	BACKLOG = 511,
	REST_US = 100000 /* of the listener, when descriptors are out */
};

/* ---- letting in ---- */

/* What counts as one address: IPv4 whole, IPv6 by the network of /64 that a client owns. */
static void read_origin(struct inbound_connection *connection, const struct sockaddr *peer)
{
	union {
		const struct sockaddr *any;
		const struct sockaddr_in *v4;
		const struct sockaddr_in6 *v6;
	} address = { .any = peer };

	const void *raw = NULL;
	if (peer->sa_family == AF_INET6) {
		raw = &address.v6->sin6_addr;
		memcpy(connection->origin, raw,
			IN6_IS_ADDR_V4MAPPED(&address.v6->sin6_addr) ? 16 : 8);
	} else {
		raw = &address.v4->sin_addr;
		memcpy(connection->origin, raw, 4);
	}
	if (evutil_inet_ntop(peer->sa_family, raw, connection->address, INBOUND_ADDRESS) == NULL)
		connection->address[0] = '\0';
}

/* NULL if ORIGIN may have one more connection, else why not. */
static const char *why_too_many(
	const struct inbound *inbound, const struct inbound_connection *fresh)
{
	unsigned same = 0;
	const struct inbound_connection *other = NULL;
	if (inbound->connection_count >= inbound->options.connections_max)
		return "all connections are taken";
	TAILQ_FOREACH(other, &inbound->connections, entry)
		same += memcmp(other->origin, fresh->origin, sizeof(fresh->origin)) == 0;
	return same >= inbound->options.connections_per_address
		? "its address has too many connections"
		: NULL;
}

static void on_accepted(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer,
	int len, void *context)
{
	struct inbound *inbound = context;
	struct inbound_connection *connection = zalloc(1, sizeof(*connection));
	(void)listener;
	(void)len;
	connection->inbound = inbound;
	read_origin(connection, peer);
	const char *why_not = why_too_many(inbound, connection);
	if (why_not == NULL && inbound_connection_open(connection, fd))
		return;
	log_warn("connection.refused", LOG_TEXT("address", connection->address),
		LOG_TEXT("text", why_not != NULL ? why_not : "no memory"));
	(void)close(fd);
	free(connection);
}

static void rest(struct inbound *inbound)
{
	struct timeval tv = { .tv_usec = REST_US };
	(void)evconnlistener_disable(inbound->listener);
	(void)evtimer_add(inbound->rest_over, &tv);
}

/* accept failed.  Out of descriptors it would fail for ever, with the client still waiting: turn that one
 * away with the reserve, and rest until some are free. */
static void on_accept_failed(struct evconnlistener *listener, void *context)
{
	struct inbound *inbound = context;
	int why = errno;
	if (why == EMFILE || why == ENFILE) {
		(void)close(inbound->reserve_fd);
		int waiting = accept4(evconnlistener_get_fd(listener), NULL, NULL, SOCK_CLOEXEC);
		if (waiting >= 0)
			(void)close(waiting);
		inbound->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
	log_error("listener.failed", LOG_TEXT("text", strerror(why)));
	rest(inbound);
}

static void on_rest_over(evutil_socket_t fd, short what, void *context)
{
	struct inbound *inbound = context;
	(void)fd;
	(void)what;
	if (!inbound->stopping)
		(void)evconnlistener_enable(inbound->listener);
}

/* ---- life ---- */

/* The options' numeric address and port. */
static bool read_address(struct sockaddr_storage *out, int *len,
	const struct inbound_options *options, struct fault *fault)
{
	union {
		struct sockaddr_storage *storage;
		struct sockaddr *any;
		struct sockaddr_in *v4;
		struct sockaddr_in6 *v6;
	} address = { .storage = out };

	if (options->port > UINT16_MAX || strchr(options->address, ']') != NULL ||
		evutil_parse_sockaddr_port(options->address, address.any, len) != 0)
		return fault_set(fault, FAULT_INPUT, "%s, port %u: no numeric address with a port",
			options->address, options->port);
	if (out->ss_family == AF_INET6)
		address.v6->sin6_port = htons((uint16_t)options->port);
	else
		address.v4->sin_port = htons((uint16_t)options->port);
	return true;
}

static bool open_listener(struct inbound *inbound, struct fault *fault)
{
	const struct inbound_options *options = &inbound->options;
	struct sockaddr_storage storage = { 0 };

	union {
		struct sockaddr_storage *storage;
		struct sockaddr *any;
	} address = { .storage = &storage };

	int len = (int)sizeof(storage);
	if (!read_address(&storage, &len, options, fault))
		return false;
	inbound->listener = evconnlistener_new_bind(inbound->base, on_accepted, inbound,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, BACKLOG,
		address.any, len);
	if (inbound->listener == NULL)
		return fault_set(fault, FAULT_INPUT, "%s, port %u: cannot be listened on: %s",
			options->address, options->port, strerror(errno));
	evconnlistener_set_error_cb(inbound->listener, on_accept_failed);
	return true;
}

struct inbound *inbound_new(
	struct event_base *base, const struct inbound_options *options, struct fault *fault)
{
	struct inbound *inbound = zalloc(1, sizeof(*inbound));
	TAILQ_INIT(&inbound->connections);
	TAILQ_INIT(&inbound->requests);
	inbound->base = base;
	inbound->options = *options;
	inbound->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	inbound->rest_over = evtimer_new(base, on_rest_over, inbound);
	bool has_tls = options->cert_file != NULL && options->key_file != NULL;
	if (has_tls)
		inbound->tls = inbound_tls_new(options, fault);
	if ((has_tls && inbound->tls == NULL) || !open_listener(inbound, fault)) {
		inbound_free(inbound);
		return NULL;
	}
	return inbound;
}

void inbound_stop(struct inbound *inbound)
{
	struct inbound_connection *connection = TAILQ_FIRST(&inbound->connections);
	inbound->stopping = true;
	(void)evconnlistener_disable(inbound->listener);
	while (connection != NULL) {
		struct inbound_connection *next = TAILQ_NEXT(connection, entry);
		if (connection->state == READING_HEAD || connection->state == LINGERING)
			inbound_connection_free(connection);
		connection = next;
	}
}

/* The requests that are still with their handlers forget us. */
static void forget_requests(struct inbound *inbound)
{
	struct request *request = NULL;
	TAILQ_FOREACH(request, &inbound->requests, entry)
		request->inbound = NULL;
}

void inbound_free(struct inbound *inbound)
{
	if (inbound == NULL)
		return;
	while (inbound->connection_count > 0)
		inbound_connection_free(TAILQ_FIRST(&inbound->connections));
	forget_requests(inbound);
	if (inbound->listener != NULL)
		evconnlistener_free(inbound->listener);
	if (inbound->rest_over != NULL)
		event_free(inbound->rest_over);
	if (inbound->reserve_fd >= 0)
		(void)close(inbound->reserve_fd);
	SSL_CTX_free(inbound->tls);
	free(inbound);
}

unsigned inbound_port(const struct inbound *inbound)
{
	struct sockaddr_storage storage = { 0 };

	union {
		struct sockaddr_storage *storage;
		struct sockaddr *any;
		struct sockaddr_in *v4;
		struct sockaddr_in6 *v6;
	} address = { .storage = &storage };

	socklen_t len = sizeof(storage);
	if (getsockname(evconnlistener_get_fd(inbound->listener), address.any, &len) != 0)
		return 0;
	return ntohs(storage.ss_family == AF_INET6 ? address.v6->sin6_port : address.v4->sin_port);
}

unsigned inbound_open_requests(const struct inbound *inbound)
{
	unsigned leaving = 0;
	const struct inbound_connection *connection = NULL;
	TAILQ_FOREACH(connection, &inbound->connections, entry)
		leaving += connection->state == ANSWERING;
	return inbound->open_requests + leaving;
}
