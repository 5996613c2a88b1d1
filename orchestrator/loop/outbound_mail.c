/* SPDX-License-Identifier: Apache-2.0 */
/* SMTP with libcurl, and what its failures mean: whether the message may have been taken. */
#include "orchestrator/loop/outbound_mail.h"

#include <string.h>

#include "orchestrator/loop/outbound_private.h"

enum { SMTP_REFUSED = 500, SMTP_LATER = 400 };

static size_t on_message(char *out, size_t size, size_t count, void *context)
{
	struct call *call = context;
	size_t left = call->body_len - call->body_sent, room = size * count;
	size_t len = left < room ? left : room;

	memcpy(out, (char *)call->body + call->body_sent, len);
	call->body_sent += len;
	return len;
}

/* A server that said no, or was never given the message, did not take it; once it had all of it and no answer came,
 * nobody knows. */
static enum fault_kind failure(const struct call *call, CURLcode code)
{
	long said = 0;

	(void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &said);
	if (code == CURLE_LOGIN_DENIED || said >= SMTP_REFUSED)
		return FAULT_REFUSED;
	if (said >= SMTP_LATER || call->body_sent == 0 || outbound_never_left(call, code))
		return FAULT_LATER;
	return FAULT_UNSURE;
}

static bool set_login(const struct call *call, const struct outbound_mail *mail)
{
	char password[SECRET_MAX + 1];

	if (mail->user == NULL)
		return true;
	memcpy(password, mail->password->bytes, mail->password->len);
	password[mail->password->len] = '\0';
	bool set = curl_easy_setopt(call->easy, CURLOPT_USERNAME, mail->user) == CURLE_OK &&
		curl_easy_setopt(call->easy, CURLOPT_PASSWORD, password) == CURLE_OK;
	explicit_bzero(password, sizeof password);
	return set;
}

static bool set_message(struct call *call, const struct outbound_mail *mail)
{
	CURL *easy = call->easy;

	call->headers = curl_slist_append(NULL, mail->to);
	return call->headers != NULL &&
		curl_easy_setopt(easy, CURLOPT_MAIL_FROM, mail->from) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, call->headers) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_message) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_READDATA, call) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)call->body_len) ==
		CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_USE_SSL, (long)CURLUSESSL_ALL) == CURLE_OK;
}

enum flow_next outbound_mail_begin(
	struct outbound *outbound, struct flow *flow, const struct outbound_mail *mail)
{
	struct call *call = outbound_call_new(outbound, flow, mail->message, strlen(mail->message));

	call->failure = failure;
	bool ready = call->easy != NULL && outbound_set_transport(call, mail->url, "smtp,smtps") &&
		outbound_set_trust(call, mail->ca_file) && outbound_set_callbacks(call) &&
		set_login(call, mail) && set_message(call, mail);
	return outbound_call_begin(call, ready, mail->url);
}
