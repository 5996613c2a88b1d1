/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC-SHA-256 over the lines of a request or an answer.  A nonce is used up only by a request whose
 * signature is right, so that a stranger cannot burn one. */
#include "tests/simulator/sim_sign.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/text.h"

static const char scheme[] = "XUQI-HMAC-SHA256 ";

/* One word of a signature header. */
enum { PART_MAX = 128 };

/* FIRST \n [SECOND \n] timestamp \n nonce \n sha256hex(body) \n, signed, in base64 on the heap. */
static char *signature_of(
	const void *secret, size_t secret_len, const char *lines, const void *body, size_t body_len)
{
	char digest[SHA256_HEX];
	unsigned char mac[SHA256_BYTES];
	TEXT text = { 0 };

	sha256_hex(digest, body == NULL ? "" : body, body_len);
	text_init(&text, SIM_BODY_MAX);
	text_addf(&text, "%s%s\n", lines, digest);
	hmac_sha256(mac, secret, secret_len, text.data, text.len);
	return base64_encode(mac, sizeof(mac));
}

static char *request_signature(const void *secret, size_t secret_len,
	const struct sim_request *request, const char *timestamp, const char *nonce)
{
	OWNED char *lines =
		text_dupf("%s\n%s\n%s\n%s\n", request->method, request->target, timestamp, nonce);

	return signature_of(secret, secret_len, lines, request->body, request->body_len);
}

static char *answer_signature(const void *secret, size_t secret_len,
	const struct sim_answer *answer, const char *timestamp, const char *nonce)
{
	OWNED char *lines = text_dupf("%03d\n%s\n%s\n", answer->status, timestamp, nonce);

	return signature_of(secret, secret_len, lines, answer->body, answer->body_len);
}

char *sim_sign_request(const struct sim_options *key, const struct sim_request *request,
	int64_t now, const char *nonce)
{
	OWNED char *timestamp = text_dupf("%lld", (long long)(now / CLOCK_SECOND));
	OWNED char *signature =
		request_signature(key->secret, key->secret_len, request, timestamp, nonce);

	return text_dupf("%skey_id=\"%s\",timestamp=\"%s\",nonce=\"%s\",signature=\"%s\"", scheme,
		key->key_id, timestamp, nonce, signature);
}

/* The value of NAME="…" in a header of such members; false if it is missing or too long. */
static bool header_part(char out[PART_MAX], const char *header, const char *name)
{
	OWNED char *opening = text_dupf("%s=\"", name);
	const char *found = strstr(header, opening);
	const char *value, *end;

	if (found == NULL || (found != header && strchr(" ,", found[-1]) == NULL))
		return false;
	value = found + strlen(opening);
	end = strchr(value, '"');
	if (end == NULL || end - value >= PART_MAX)
		return false;
	memcpy(out, value, (size_t)(end - value));
	out[end - value] = '\0';
	return true;
}

static bool nonce_is_good(const char *nonce)
{
	size_t len = strlen(nonce);

	if (len < 16 || len > 64)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)nonce[i]) && nonce[i] != '_' && nonce[i] != '-')
			return false;
	}
	return true;
}

static bool timestamp_parse(int64_t *at, const char *text)
{
	int64_t seconds;

	if (!number_parse(&seconds, text, 0, INT64_C(1) << 40))
		return clock_parse(at, text);
	*at = seconds * CLOCK_SECOND;
	return true;
}

static bool refuse(struct sim_call *call, enum sim_code code, const char *why)
{
	json_t *problem = call_problem(call, code, "%s", why);

	if (code == SIM_CLOCK_SKEW)
		sim_put_instant(problem, "server_time", call->clock);
	return false;
}

/* Remember NONCE; false if it is known.  Nonces older than ten minutes are forgotten. */
static bool nonce_is_new(struct sim_call *call, const char *nonce)
{
	json_t *nonces = sim_table(call->sim, "nonces");
	const char *known;
	json_t *seen;
	void *next;

	json_object_foreach_safe(nonces, next, known, seen)
	{
		if (json_integer_value(seen) + SIM_NONCE_S * CLOCK_SECOND >= call->now)
			break; /* the table is in order of arrival */
		json_object_del(nonces, known);
	}
	if (json_object_get(nonces, nonce) != NULL)
		return false;
	json_put_number(nonces, nonce, call->now);
	return true;
}

static bool signature_is_right(const struct sim_call *call, const char *timestamp,
	const char *nonce, const char *signature)
{
	OWNED char *expected = request_signature(
		call->sim->secret, call->sim->secret_len, call->request, timestamp, nonce);
	size_t len = strlen(expected);

	return strlen(signature) == len && bytes_equal(signature, expected, len);
}

bool sim_check_request(struct sim_call *call)
{
	const char *header = call->request->authorization;
	char key_id[PART_MAX], timestamp[PART_MAX], nonce[PART_MAX], signature[PART_MAX];
	int64_t at;

	if (header == NULL || !text_starts(header, scheme))
		return refuse(
			call, SIM_SIGNATURE_BAD, "Authorization is missing or of another scheme");
	header += strlen(scheme);
	if (!header_part(key_id, header, "key_id") ||
		!header_part(timestamp, header, "timestamp") ||
		!header_part(nonce, header, "nonce") ||
		!header_part(signature, header, "signature"))
		return refuse(call, SIM_SIGNATURE_BAD, "Authorization lacks a member");
	if (!text_equal(key_id, call->sim->key_id) || !nonce_is_good(nonce) ||
		!timestamp_parse(&at, timestamp))
		return refuse(call, SIM_SIGNATURE_BAD, "key_id, nonce or timestamp is wrong");
	if (!signature_is_right(call, timestamp, nonce, signature))
		return refuse(call, SIM_SIGNATURE_BAD, "the signature does not fit the request");
	if (at > call->clock + SIM_SKEW_S * CLOCK_SECOND ||
		at < call->clock - SIM_SKEW_S * CLOCK_SECOND)
		return refuse(call, SIM_CLOCK_SKEW, "the timestamp is more than 300 s off");
	if (!nonce_is_new(call, nonce))
		return refuse(call, SIM_SIGNATURE_BAD, "the nonce was used before");
	return true;
}

void sim_sign_answer(
	const struct sim *sim, struct sim_answer *answer, int64_t now, const char *nonce)
{
	OWNED char *timestamp = text_dupf("%lld", (long long)(now / CLOCK_SECOND));
	OWNED char *signature =
		answer_signature(sim->secret, sim->secret_len, answer, timestamp, nonce);

	(void)snprintf(answer->signature, sizeof(answer->signature),
		"timestamp=\"%s\",nonce=\"%s\",signature=\"%s\"", timestamp, nonce, signature);
}

bool sim_check_answer(const struct sim_options *key, const struct sim_answer *answer)
{
	char timestamp[PART_MAX], nonce[PART_MAX], signature[PART_MAX];
	OWNED char *expected = NULL;

	if (!header_part(timestamp, answer->signature, "timestamp") ||
		!header_part(nonce, answer->signature, "nonce") ||
		!header_part(signature, answer->signature, "signature"))
		return false;
	expected = answer_signature(key->secret, key->secret_len, answer, timestamp, nonce);
	return text_equal(signature, expected);
}
