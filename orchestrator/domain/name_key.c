/* SPDX-License-Identifier: Apache-2.0 */
/* A key is a walk over the characters of a name that leaves some out and replaces some; writing,
 * comparing and hashing take the same walk. */
#include "orchestrator/domain/name_key.h"

#include <string.h>

#include "common/own.h"
#include "common/utf8.h"

/* Brackets of every kind, as pairs of opening and closing; sorted. */
static const struct {
	uint32_t open, close;
} brackets[] = {
	{ '(', ')' },
	{ '<', '>' },
	{ '[', ']' },
	{ '{', '}' },
	{ 0x2329, 0x232A },
	{ 0x27E8, 0x27E9 },
	{ 0x27EA, 0x27EB },
	{ 0x3008, 0x3009 },
	{ 0x300A, 0x300B },
	{ 0x300C, 0x300D },
	{ 0x300E, 0x300F },
	{ 0x3010, 0x3011 },
	{ 0x3014, 0x3015 },
	{ 0x3016, 0x3017 },
	{ 0x3018, 0x3019 },
	{ 0x301A, 0x301B },
	{ 0xFE35, 0xFE36 },
	{ 0xFE59, 0xFE5A },
	{ 0xFE5B, 0xFE5C },
	{ 0xFE5D, 0xFE5E },
	{ 0xFF5F, 0xFF60 },
	{ 0xFF62, 0xFF63 },
};

static const uint32_t middle_dots[] = { 0xB7, 0x387, 0x2022, 0x2027, 0x2219, 0x22C5, 0x30FB,
	0xFF65 };

/* Han characters, letters and digits: most of what names consist of, and none of what is folded. */
static bool is_plain(uint32_t code)
{
	return (code >= 0x4E00 && code <= 0x9FFF) || (code >= '0' && code <= '9') ||
		(code >= 'A' && code <= 'Z') || (code >= 'a' && code <= 'z');
}

static uint32_t fold_bracket(uint32_t code)
{
	if (is_plain(code))
		return code;
	for (size_t i = 0; i < COUNT_OF(brackets); i++) {
		if (code == brackets[i].open)
			return '(';
		if (code == brackets[i].close)
			return ')';
	}
	return code;
}

static bool is_middle_dot(uint32_t code)
{
	if (is_plain(code))
		return false;
	for (size_t i = 0; i < COUNT_OF(middle_dots); i++)
		if (code == middle_dots[i])
			return true;
	return false;
}

/* The next character of a key, at most UTF8_CHAR_MAX bytes, and AT moved behind it; 0 at the end. */
static size_t next_of_name(char out[UTF8_CHAR_MAX], const char **at)
{
	while (**at != '\0') {
		const char *from = *at;
		uint32_t code = 0;
		size_t len = utf8_next_z(&code, from);
		uint32_t folded = fold_bracket(utf8_narrow(code));
		*at += len;
		if (utf8_is_blank(code) || is_middle_dot(code))
			continue;
		if (folded < 0x80) {
			out[0] = (char)folded;
			return 1;
		}
		memcpy(out, from, len);
		return len;
	}
	return 0;
}

static size_t next_of_account(char out[UTF8_CHAR_MAX], const char **at)
{
	size_t len = next_of_name(out, at);

	while (len == 1 && out[0] == '-')
		len = next_of_name(out, at);
	return len;
}

static void write_key(
	char *out, const char *text, size_t (*next)(char out[UTF8_CHAR_MAX], const char **at))
{
	char piece[UTF8_CHAR_MAX];

	for (size_t len = next(piece, &text); len > 0; len = next(piece, &text))
		out = mempcpy(out, piece, len);
	*out = '\0';
}

static bool equal_keys(
	const char *a, const char *b, size_t (*next)(char out[UTF8_CHAR_MAX], const char **at))
{
	char left[UTF8_CHAR_MAX], right[UTF8_CHAR_MAX];

	for (;;) {
		size_t left_len = next(left, &a), right_len = next(right, &b);
		if (left_len != right_len || memcmp(left, right, left_len) != 0)
			return false;
		if (left_len == 0)
			return true;
	}
}

static uint64_t hash_key(const char *text, size_t (*next)(char out[UTF8_CHAR_MAX], const char **at))
{
	uint64_t hash = UINT64_C(0xCBF29CE484222325);
	char piece[UTF8_CHAR_MAX];

	for (size_t len = next(piece, &text); len > 0; len = next(piece, &text))
		for (size_t i = 0; i < len; i++)
			hash = (hash ^ (unsigned char)piece[i]) * UINT64_C(0x100000001B3);
	return hash;
}

void name_key(char *out, const char *name)
{
	write_key(out, name, next_of_name);
}

void account_key(char *out, const char *account)
{
	write_key(out, account, next_of_account);
}

bool name_key_equal(const char *a, const char *b)
{
	return strcmp(a, b) == 0 || equal_keys(a, b, next_of_name);
}

bool account_key_equal(const char *a, const char *b)
{
	return strcmp(a, b) == 0 || equal_keys(a, b, next_of_account);
}

uint64_t name_key_hash(const char *name)
{
	return hash_key(name, next_of_name);
}

uint64_t account_key_hash(const char *account)
{
	return hash_key(account, next_of_account);
}

bool account_is_masked(const char *account)
{
	return strchr(account, '*') != NULL || strstr(account, "＊") != NULL;
}
