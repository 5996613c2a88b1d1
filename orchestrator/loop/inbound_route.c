/* SPDX-License-Identifier: Apache-2.0 */
/* Matching a request with the route table. */
#include <string.h>

#include "orchestrator/loop/inbound_private.h"

static const char *const method_words[] = {
	[INBOUND_GET] = "GET",
	[INBOUND_POST] = "POST",
	[INBOUND_PUT] = "PUT",
	[INBOUND_DELETE] = "DELETE",
};

/* One part between slashes; moves *AT to the slash behind it or the end. */
static size_t part_length(const char *at)
{
	return strcspn(at, "/");
}

/* True if PATH has PATTERN's shape: a part with a colon takes any part that is not empty. */
static bool path_fits(const char *pattern, const char *path)
{
	for (;;) {
		if (*pattern != *path)
			return false;
		if (*pattern == '\0')
			return true;
		pattern++;
		path++;
		size_t pattern_len = part_length(pattern);
		size_t path_len = part_length(path);
		bool takes_any = *pattern == ':' && path_len > 0;
		if (!takes_any && (pattern_len != path_len || memcmp(pattern, path, path_len) != 0))
			return false;
		pattern += pattern_len;
		path += path_len;
	}
}

static bool take_params(struct request *request, const char *pattern, const char *path)
{
	while (*pattern == '/') {
		size_t path_len = part_length(++path);
		if (*++pattern == ':' && request->param_count < INBOUND_PARAMS_MAX) {
			char *param = http_decode(path, path_len, false);
			if (param == NULL)
				return false;
			request->params[request->param_count++] = param;
		}
		pattern += part_length(pattern);
		path += path_len;
	}
	return true;
}

static bool refuse_method(
	struct request *request, const struct text *allowed, int *status, struct fault *fault)
{
	*status = 405;
	request_add_header(request, "Allow", allowed->data);
	return fault_set(fault, FAULT_INPUT, "%s takes %s, not %s", request->head.path,
		allowed->data, request->head.method);
}

bool inbound_find_route(struct request *request, const struct inbound_options *options, int *status,
	struct fault *fault)
{
	TEXT allowed;
	text_init(&allowed, 64);
	for (size_t i = 0; i < options->route_count; i++) {
		const struct inbound_route *route = &options->routes[i];
		const char *method = method_words[route->method];
		if (!path_fits(route->path, request->head.path))
			continue;
		if (text_equal(method, request->head.method)) {
			request->route = route;
			*status = 400;
			return take_params(request, route->path, request->head.path) ||
				fault_set(fault, FAULT_INPUT,
					"the path's percent signs are malformed");
		}
		text_addf(&allowed, "%s%s", allowed.len > 0 ? ", " : "", method);
	}
	if (allowed.len > 0)
		return refuse_method(request, &allowed, status, fault);
	*status = 404;
	return fault_set(fault, FAULT_ABSENT, "there is nothing at %s", request->head.path);
}
