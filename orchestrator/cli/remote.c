/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl's easy interface, once per call on one connection.  No redirects, no proxy (one in the
 * environment would see a token on its way to this machine), bounded answer, bounded time. */
#include "orchestrator/cli/remote.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/secret.h"
#include "common/text.h"

struct remote {
	CURL *curl;
	struct curl_slist *headers;
	char *url; /* without a slash at the end */
	char *authorization;
	struct text body;
	char error[CURL_ERROR_SIZE];
};

/* ---- opening ---- */

static bool is_loopback(const char *host)
{
	struct in_addr address;

	if (text_equal(host, "localhost") || text_equal(host, "[::1]"))
		return true;
	return inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

/* A token in clear may not leave the machine. */
static bool check_url(const char *url, struct fault *fault)
{
	CURLU *parts = curl_url();
	char *scheme = NULL, *host = NULL;
	bool is_url = parts != NULL && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
		curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK;
	bool is_safe = is_url &&
		(text_equal(scheme, "https") || (text_equal(scheme, "http") && is_loopback(host)));

	curl_free(scheme);
	curl_free(host);
	curl_url_cleanup(parts);
	if (!is_url)
		return fault_set(fault, FAULT_INPUT,
			"%.200s is not an address: give --url https://HOST:PORT", url);
	if (!is_safe)
		return fault_set(fault, FAULT_INPUT,
			"%.200s would send the token in clear: use https:// (http:// only to this machine)",
			url);
	return true;
}

static bool read_token(
	struct secret *token, const char *path, char warning[FAULT_TEXT_MAX], struct fault *fault)
{
	struct stat status = { 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return fault_set(fault, FAULT_INPUT,
			"%.200s: %s: give the file of your token with --token-file or XUQI_TOKEN_FILE",
			path, strerror(errno));
	if (fstat(fd, &status) == 0 && (status.st_mode & 077) != 0)
		(void)snprintf(warning, FAULT_TEXT_MAX,
			"%.200s can be read by others: chmod 600 it, or have the token revoked",
			path);
	bool ok = secret_read_fd(token, fd, fault);

	(void)close(fd);
	if (!ok)
		return fault_prefix(fault, "%.200s is no file of a token", path);
	for (size_t i = 0; i < token->len; i++)
		if (token->bytes[i] <= ' ' || token->bytes[i] > '~')
			return fault_set(fault, FAULT_INPUT,
				"%.200s is no file of a token: it holds one line that begins with xq_",
				path);
	return true;
}

static bool add_header(struct remote *remote, const char *line)
{
	struct curl_slist *longer = curl_slist_append(remote->headers, line);

	if (longer != NULL)
		remote->headers = longer;
	return longer != NULL;
}

static bool authorise(struct remote *remote, const char *token_file, char warning[FAULT_TEXT_MAX],
	struct fault *fault)
{
	CLEANUP(secret_done) struct secret token = { .bytes = NULL };

	if (token_file == NULL)
		return true;
	if (!read_token(&token, token_file, warning, fault))
		return false;
	remote->authorization =
		text_dupf("Authorization: Bearer %.*s", (int)token.len, (const char *)token.bytes);
	return add_header(remote, remote->authorization) ||
		fault_set(fault, FAULT_LATER, "out of memory");
}

/* At most REMOTE_ANSWER_MAX bytes of answer: a short return makes curl give up. */
static size_t on_body(char *bytes, size_t size, size_t count, void *into)
{
	struct remote *remote = into;

	text_add_bytes(&remote->body, bytes, size * count);
	return text_full(&remote->body) ? 0 : size * count;
}

static bool set_up(struct remote *remote, const struct remote_settings *settings)
{
	CURL *curl = remote->curl;

	return add_header(remote, "Content-Type: application/json") &&
		add_header(remote, "Accept: application/json, application/problem+json") &&
		add_header(remote, "Expect:") &&
		curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_HTTPHEADER, remote->headers) == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_USERAGENT, "xuqi/" XUQI_VERSION) == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)REMOTE_CONNECT_S) ==
		CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)REMOTE_TOTAL_S) == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, remote->error) == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_WRITEDATA, remote) == CURLE_OK &&
		(settings->ca_file == NULL ||
			curl_easy_setopt(curl, CURLOPT_CAINFO, settings->ca_file) == CURLE_OK);
}

struct remote *remote_open(
	const struct remote_settings *settings, char warning[FAULT_TEXT_MAX], struct fault *fault)
{
	CLEANUP(remote_closep) struct remote *remote = zalloc(1, sizeof(*remote));

	warning[0] = '\0';
	text_init(&remote->body, REMOTE_ANSWER_MAX);
	if (!check_url(settings->url, fault) ||
		!authorise(remote, settings->token_file, warning, fault))
		return NULL;
	remote->url = text_dup(settings->url);
	for (size_t len = strlen(remote->url); len > 0 && remote->url[len - 1] == '/'; len--)
		remote->url[len - 1] = '\0';
	remote->curl = curl_easy_init();
	if (remote->curl == NULL || !set_up(remote, settings)) {
		(void)fault_set(fault, FAULT_LATER, "libcurl cannot be set up: out of memory?");
		return NULL;
	}
	return take(remote);
}

static void wipe(char *text)
{
	if (text != NULL)
		explicit_bzero(text, strlen(text));
}

void remote_close(struct remote *remote)
{
	if (remote == NULL)
		return;
	for (struct curl_slist *line = remote->headers; line != NULL; line = line->next)
		wipe(line->data);
	wipe(remote->authorization);
	curl_easy_cleanup(remote->curl);
	curl_slist_free_all(remote->headers);
	free(remote->authorization);
	free(remote->url);
	text_done(&remote->body);
	free(remote);
}

/* ---- calling ---- */

/* What a failed transfer means for whoever asked. */
static bool explain(const struct remote *remote, CURLcode code, bool writes, struct fault *fault)
{
	const char *why = remote->error[0] != '\0' ? remote->error : curl_easy_strerror(code);

	if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE)
		return fault_set(fault, FAULT_REFUSED,
			"%s is not trusted: %s: give its CA with --ca-file or XUQI_CA_FILE",
			remote->url, why);
	if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST)
		return fault_set(fault, FAULT_LATER,
			"%s cannot be reached: %s: is xuqid running, and is --url right?",
			remote->url, why);
	if (writes)
		return fault_set(fault, FAULT_UNSURE,
			"no whole answer from %s: %s: it may have been done, so look before repeating it",
			remote->url, why);
	return fault_set(
		fault, FAULT_LATER, "no whole answer from %s: %s: try again", remote->url, why);
}

static bool read_answer(struct remote_answer *out, struct remote *remote, struct fault *fault)
{
	bool is_empty = remote->body.len == 0;
	json_t *body = is_empty
		? json_object()
		: json_read_up_to(remote->body.data, remote->body.len, REMOTE_ANSWER_MAX, fault);

	if (body == NULL)
		return fault_set(fault, FAULT_REFUSED,
			"%s answered %ld without JSON: is it an xuqid?", remote->url, out->status);
	out->body = body;
	return true;
}

bool remote_call(struct remote_answer *out, struct remote *remote, const char *method,
	const char *path, const json_t *body, struct fault *fault)
{
	struct remote_answer answer = { .status = 0 };
	OWNED char *url = text_dupf("%s%s", remote->url, path);
	OWNED char *bytes = body == NULL ? NULL : json_write(body);
	bool writes = !text_equal(method, "GET");

	text_clear(&remote->body);
	remote->error[0] = '\0';
	if (curl_easy_setopt(remote->curl, CURLOPT_URL, url) != CURLE_OK ||
		curl_easy_setopt(remote->curl, CURLOPT_POST, writes ? 1L : 0L) != CURLE_OK ||
		curl_easy_setopt(remote->curl, CURLOPT_HTTPGET, writes ? 0L : 1L) != CURLE_OK)
		return fault_set(fault, FAULT_LATER, "out of memory");
	if (writes) {
		const char *sent = bytes != NULL ? bytes : "{}";

		(void)curl_easy_setopt(
			remote->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(sent));
		(void)curl_easy_setopt(remote->curl, CURLOPT_POSTFIELDS, sent);
	}
	CURLcode code = curl_easy_perform(remote->curl);

	if (code != CURLE_OK)
		return explain(remote, code, writes, fault);
	(void)curl_easy_getinfo(remote->curl, CURLINFO_RESPONSE_CODE, &answer.status);
	if (!read_answer(&answer, remote, fault))
		return false;
	*out = answer;
	return true;
}
