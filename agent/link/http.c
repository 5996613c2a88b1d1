/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl, held short: what is not asked for is off. */
#include "agent/link/http.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/paths.h"
#include "common/json.h"
#include "common/text.h"

enum { CONNECT_SECONDS = 10, TOTAL_SECONDS = 60 };

DEFINE_CLEANUP(curl_freep, CURL *, curl_easy_cleanup)
DEFINE_CLEANUP(list_freep, struct curl_slist *, curl_slist_free_all)

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
	struct text *body = context;

	text_add_bytes(body, bytes, size * count);
	return text_full(body) ? 0 : size * count;
}

static void set_up(CURL *curl, const struct agent_settings *settings, struct text *body)
{
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
	(void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(curl, CURLOPT_CAINFO, settings->server_ca_file);
	(void)curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	(void)curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	(void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)TOTAL_SECONDS);
	(void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "xuqi-agent/" XUQI_VERSION);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
}

static bool perform(CURL *curl, const struct agent_settings *settings, struct fault *fault)
{
	char reason[CURL_ERROR_SIZE] = "";
	CURLcode code = CURLE_OK;
	long verdict = 0;

	(void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
	code = curl_easy_perform(curl);
	(void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL);

	if (code == CURLE_OK)
		return true;
	/* Some forgeries end as a plain handshake error: the verdict tells them apart. */
	(void)curl_easy_getinfo(curl, CURLINFO_SSL_VERIFYRESULT, &verdict);
	if (code == CURLE_PEER_FAILED_VERIFICATION || verdict != 0)
		return fault_set(fault, FAULT_HUMAN,
			"%s does not prove to be the orchestrator with a certificate from %s: "
			"check server.url and server.ca_file (%.160s)",
			settings->server_url, settings->server_ca_file, reason);
	return fault_set(fault, FAULT_LATER, "cannot reach %s: %s", settings->server_url,
		reason[0] != '\0' ? reason : curl_easy_strerror(code));
}

static bool exchange(struct http_answer *answer, const struct agent_settings *settings,
	const struct http_request *request, struct fault *fault)
{
	CLEANUP(curl_freep) CURL *curl = curl_easy_init();
	CLEANUP(list_freep)
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	OWNED char *url = text_dupf("%s%s", settings->server_url, request->path);
	OWNED char *identity = agent_path(settings, PATH_IDENTITY);
	TEXT body;

	text_init(&body, HTTP_ANSWER_MAX);
	if (curl == NULL || headers == NULL)
		return fault_set(fault, FAULT_LATER, "out of memory for an HTTP request");
	set_up(curl, settings, &body);
	(void)curl_easy_setopt(curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	if (request->body != NULL)
		(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
	if (!request->anonymous) {
		(void)curl_easy_setopt(curl, CURLOPT_SSLCERT, identity);
		(void)curl_easy_setopt(curl, CURLOPT_SSLKEY, identity);
	}
	if (!perform(curl, settings, fault))
		return false;
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);
	answer->body = text_take(&body, &answer->len);
	return true;
}

/* ---- answers that are no ---------------------------------------------------------------------- */

struct remedy {
	const char *code, *text;
};

static const struct remedy remedies[] = {
	{ "AGENT_UNKNOWN",
		"the orchestrator does not know this agent: ask for a code (xuqi agent enrol-code) "
		"and run xuqi-agent enrol --replace --settings FILE --code-file FILE" },
	{ "AGENT_REVOKED",
		"this agent was revoked: if that was a mistake, ask for a code (xuqi agent "
		"enrol-code) and run xuqi-agent enrol --replace --settings FILE --code-file FILE" },
};

static const char *remedy_of(const char *code)
{
	for (size_t i = 0; i < COUNT_OF(remedies); i++)
		if (text_equal(remedies[i].code, code))
			return remedies[i].text;
	return NULL;
}

static enum fault_kind kind_of(long status)
{
	if (status >= 500 || status == 429 || status == 408)
		return FAULT_LATER;
	return status == 401 || status == 403 ? FAULT_DENIED : FAULT_REFUSED;
}

static bool judge(struct http_answer *answer, struct fault *fault)
{
	struct fault ignored = { 0 };
	JSON *problem = NULL;
	const char *code = NULL;
	const char *detail = NULL;

	if (answer->status == 200 || answer->status == 201)
		return true;
	problem = json_read(answer->body, answer->len, &ignored);
	code = problem == NULL ? NULL : json_peek_text(problem, "code");
	detail = problem == NULL ? NULL : json_peek_text(problem, "detail");
	if (code != NULL && strlen(code) < sizeof(answer->code))
		memcpy(answer->code, code, strlen(code) + 1);
	if (remedy_of(answer->code) != NULL)
		return fault_set(
			fault, FAULT_DENIED, "%s: %s", answer->code, remedy_of(answer->code));
	return fault_set(fault, kind_of(answer->status), "the orchestrator answered %ld %s: %.200s",
		answer->status, answer->code, detail != NULL ? detail : "no detail");
}

bool http_call(struct http_answer *answer, const struct agent_settings *settings,
	const struct http_request *request, struct fault *fault)
{
	*answer = (struct http_answer){ 0 };
	return exchange(answer, settings, request, fault) && judge(answer, fault);
}

void http_answer_done(struct http_answer *answer)
{
	free(answer->body);
	*answer = (struct http_answer){ 0 };
}

char *http_path(const char *pattern, const char *id)
{
	const char *place = strstr(pattern, ":id");

	if (place == NULL)
		return text_dup(pattern);
	return text_dupf("%.*s%s%s", (int)(place - pattern), pattern, id, place + strlen(":id"));
}
