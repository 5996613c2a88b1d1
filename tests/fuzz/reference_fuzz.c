/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a memo and as a name: found references are valid, distinct and stay found when the text
 * is read again from them; keys fit their room and are their own keys. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/text.h"
#include "common/utf8.h"
#include "orchestrator/domain/name_key.h"
#include "orchestrator/domain/payment_order.h"

static void check_references(const char *text)
{
	char found[8][PAYMENT_REFERENCE], again[1][PAYMENT_REFERENCE];
	size_t count = payment_reference_find(found, 8, text);

	for (size_t i = 0; i < count; i++) {
		char made[PAYMENT_REFERENCE];
		assert(payment_reference_check(found[i]));
		payment_reference_make(made, payment_reference_bits(found[i]));
		assert(strcmp(made, found[i]) == 0);
		assert(payment_reference_find(again, 1, found[i]) == 1);
		assert(strcmp(again[0], found[i]) == 0);
		for (size_t j = 0; j < i; j++)
			assert(strcmp(found[i], found[j]) != 0);
	}
}

static bool is_utf8(const char *text)
{
	uint32_t code = 0;

	while (*text != '\0' && code != UTF8_BAD)
		text += utf8_next_z(&code, text);
	return code != UTF8_BAD;
}

/* Torn characters may join to others when what stood between them is dropped: TEXT is whole. */
static void check_keys(const char *text)
{
	OWNED char *key = zalloc(strlen(text) + 1, 1);
	OWNED char *again = zalloc(strlen(text) + 1, 1);

	name_key(key, text);
	name_key(again, key);
	assert(strcmp(key, again) == 0);
	assert(name_key_equal(key, text));
	assert(name_key_hash(key) == name_key_hash(text));
	account_key(key, text);
	assert(account_key_equal(key, text));
	assert(account_key_hash(key) == account_key_hash(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWNED char *text = zalloc(size + 1, 1);

	memcpy(text, data, size);
	check_references(text);
	if (is_utf8(text))
		check_keys(text);
	return 0;
}
