/* SPDX-License-Identifier: Apache-2.0 */
/* Makes and checks the gateway contract's signatures; pure but for the request's random nonce. */
#include "orchestrator/connectors/gateway_sign.h"

#include <inttypes.h>
#include <string.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/digest.h"
#include "common/text.h"

enum { SKEW_MAX_S = 300, NONCE_BYTES = 16, SIGNED_MAX = 4096, MEMBER_MAX = 128 };

static char *mac_base64(const struct secret *secret, const char *first_lines, const char *timestamp,
	const char *nonce, const char *body_hex)
{
	TEXT signed_text;
	unsigned char mac[SHA256_BYTES];

	text_init(&signed_text, SIGNED_MAX);
	text_addf(&signed_text, "%s%s\n%s\n%s\n", first_lines, timestamp, nonce, body_hex);
	hmac_sha256(mac, secret->bytes, secret->len, signed_text.data, signed_text.len);
	return base64_encode(mac, sizeof mac);
}

char *gateway_sign_request(const struct secret *secret, const char *key_id, int64_t now,
	const struct gateway_message *request)
{
	char nonce[2 * NONCE_BYTES + 1], body_hex[SHA256_HEX];
	OWNED char *timestamp = text_dupf("%" PRId64, now / CLOCK_SECOND);
	OWNED char *lines = text_dupf("%s\n%s\n", request->method, request->target);

	random_hex(nonce, NONCE_BYTES);
	sha256_hex(body_hex, request->body, request->len);

	OWNED char *mac = mac_base64(secret, lines, timestamp, nonce, body_hex);

	return text_dupf(
		"XUQI-HMAC-SHA256 key_id=\"%s\",timestamp=\"%s\",nonce=\"%s\",signature=\"%s\"",
		key_id, timestamp, nonce, mac);
}

/* The value of NAME="…" in HEADER. */
static bool header_member(char out[MEMBER_MAX], const char *header, const char *name)
{
	OWNED char *start = text_dupf("%s=\"", name);
	const char *found = strstr(header, start);

	if (found == NULL)
		return false;
	found += strlen(start);

	size_t len = strcspn(found, "\"");

	if (found[len] != '"' || len >= MEMBER_MAX)
		return false;
	memcpy(out, found, len);
	out[len] = '\0';
	return true;
}

bool gateway_answer_is_signed(const struct secret *secret, const char *header, int64_t now,
	const struct gateway_message *answer)
{
	char timestamp[MEMBER_MAX], nonce[MEMBER_MAX], signature[MEMBER_MAX], body_hex[SHA256_HEX];
	int64_t at;

	if (!header_member(timestamp, header, "timestamp") ||
		!header_member(nonce, header, "nonce") ||
		!header_member(signature, header, "signature"))
		return false;
	if (!number_parse(&at, timestamp, 0, INT64_MAX / CLOCK_SECOND))
		return false;

	int64_t skew = now / CLOCK_SECOND - at;

	if (skew > SKEW_MAX_S || skew < -SKEW_MAX_S)
		return false;
	sha256_hex(body_hex, answer->body, answer->len);

	OWNED char *status_line = text_dupf("%ld\n", answer->status);
	OWNED char *expected = mac_base64(secret, status_line, timestamp, nonce, body_hex);

	return strlen(expected) == strlen(signature) &&
		bytes_equal(expected, signature, strlen(expected));
}
