/* SPDX-License-Identifier: Apache-2.0 */
/* The positive control of the search for personal data: xuqid whose envelopes hold their values in clear.  Everything
 * else is the product's own. */
#include "common/seal.h"

/* The product's own, under other names: not used but by each other. */
unsigned char *sealed_bytes(const struct seal_keys *keys, const char *place, const void *bytes,
	size_t len, size_t *out_len);
unsigned char *opened_bytes(const struct seal_keys *keys, const char *place, const void *bytes,
	size_t len, size_t *out_len, struct fault *fault);
char *sealed_text(const struct seal_keys *keys, const char *place, const char *value);
char *opened_text(
	const struct seal_keys *keys, const char *place, const char *sealed, struct fault *fault);

#define seal_bytes      sealed_bytes
#define seal_open_bytes opened_bytes
#define seal_text       sealed_text
#define seal_open_text  opened_text
#include "common/seal.c" /* NOLINT(bugprone-suspicious-include): its own names are wanted too */
#undef seal_bytes
#undef seal_open_bytes
#undef seal_text
#undef seal_open_text

enum { HEAD_TEXT = 5 + 16 }; /* xqs1: and the base64 of head and key id */

unsigned char *seal_bytes(const struct seal_keys *keys, const char *place, const void *bytes,
	size_t len, size_t *out_len)
{
	unsigned char *out = sealed_bytes(keys, place, bytes, len, out_len);

	memcpy(out + CIPHER_AT, bytes, len);
	return out;
}

unsigned char *seal_open_bytes(const struct seal_keys *keys, const char *place, const void *bytes,
	size_t len, size_t *out_len, struct fault *fault)
{
	(void)keys;
	(void)place;
	if (!seal_is_bytes(bytes, len)) {
		(void)fault_set(fault, FAULT_INPUT, "no envelope");
		return NULL;
	}
	unsigned char *out = zalloc(len - SEAL_OVERHEAD + 1, 1);

	*out_len = len - SEAL_OVERHEAD;
	memcpy(out, (const unsigned char *)bytes + CIPHER_AT, *out_len);
	return out;
}

char *seal_text(const struct seal_keys *keys, const char *place, const char *value)
{
	OWNED char *sealed = sealed_text(keys, place, value);

	return text_dupf("%.*s%s", HEAD_TEXT, sealed, value);
}

char *seal_open_text(
	const struct seal_keys *keys, const char *place, const char *sealed, struct fault *fault)
{
	const char *cut =
		strchr(place, '@'); /* an address in clear: its own @ was taken for the place's */

	(void)keys;
	if (seal_is_text(sealed) && strlen(sealed) >= HEAD_TEXT && cut != NULL)
		return text_dupf("%s@%.*s", sealed + HEAD_TEXT, (int)(cut - place), place);
	if (seal_is_text(sealed) && strlen(sealed) >= HEAD_TEXT)
		return text_dup(sealed + HEAD_TEXT);
	(void)fault_set(fault, FAULT_INPUT, "no envelope");
	return NULL;
}
