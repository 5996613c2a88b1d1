/* SPDX-License-Identifier: Apache-2.0 */
/* References are made, checked and found here and nowhere else. */
#include "orchestrator/domain/payment_order.h"

#include <stdio.h>
#include <string.h>

#include "common/utf8.h"

enum { BODY_FROM = 2, BODY_LEN = 8, CHECK_FROM = 10, REFERENCE_LEN = 12 };

static const char crockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* The value of a character in the check sum: 0-9, A=10 … Z=35. */
static unsigned check_value(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'A' + 10);
}

/* 98 - (N mod 97), N being the first ten characters read as digits, followed by 00. */
static void put_check(char out[PAYMENT_REFERENCE])
{
	unsigned rest = 0;

	for (int i = 0; i < CHECK_FROM; i++) {
		unsigned value = check_value(out[i]);
		rest = (rest * (value < 10 ? 10 : 100) + value) % 97;
	}
	(void)snprintf(out + CHECK_FROM, 3, "%02u", (98 - rest * 100 % 97) % 100);
}

void payment_reference_make(char out[PAYMENT_REFERENCE], uint64_t bits)
{
	out[0] = 'X';
	out[1] = 'Q';
	for (int i = 0; i < BODY_LEN; i++)
		out[BODY_FROM + i] = crockford[bits >> (5 * (BODY_LEN - 1 - i)) & 31];
	put_check(out);
}

bool payment_reference_check(const char *text)
{
	char wanted[PAYMENT_REFERENCE];

	if (strlen(text) != REFERENCE_LEN || strncmp(text, "XQ", BODY_FROM) != 0)
		return false;
	for (int i = BODY_FROM; i < CHECK_FROM; i++)
		if (strchr(crockford, text[i]) == NULL)
			return false;
	memcpy(wanted, text, CHECK_FROM);
	put_check(wanted);
	return strcmp(wanted, text) == 0;
}

uint64_t payment_reference_bits(const char reference[PAYMENT_REFERENCE])
{
	uint64_t bits = 0;

	for (int i = BODY_FROM; i < CHECK_FROM; i++)
		bits = bits << 5 | (uint64_t)(strchr(crockford, reference[i]) - crockford);
	return bits;
}

/* ---- finding ------------------------------------------------------------------------------------ */

/* The last twelve characters that were not blank: a window that slides over the text. */
struct window {
	char chars[PAYMENT_REFERENCE];
	size_t len;
};

static void slide(struct window *window, char c)
{
	if (window->len == REFERENCE_LEN)
		memmove(window->chars, window->chars + 1, --window->len);
	window->chars[window->len++] = c;
	window->chars[window->len] = '\0';
}

/* Upper case for a letter or digit of any width; 0 for what can be part of no reference. */
static char plain(uint32_t code)
{
	uint32_t narrow = utf8_narrow(code);

	if (narrow >= 'a' && narrow <= 'z')
		return (char)(narrow - 'a' + 'A');
	return (char)((narrow >= '0' && narrow <= '9') || (narrow >= 'A' && narrow <= 'Z') ? narrow
											   : 0);
}

static char repaired(char c)
{
	if (c == 'O')
		return '0';
	return (char)(c == 'I' || c == 'L' ? '1' : c);
}

static bool window_holds_reference(const struct window *window, char out[PAYMENT_REFERENCE])
{
	if (window->len < REFERENCE_LEN || strncmp(window->chars, "XQ", BODY_FROM) != 0)
		return false;
	for (size_t i = 0; i <= REFERENCE_LEN; i++)
		out[i] = i < BODY_FROM ? window->chars[i] : repaired(window->chars[i]);
	return payment_reference_check(out);
}

static bool is_known(char (*list)[PAYMENT_REFERENCE], size_t count, const char *reference)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i], reference) == 0)
			return true;
	return false;
}

size_t payment_reference_find(char (*out)[PAYMENT_REFERENCE], size_t max, const char *text)
{
	struct window window = { .len = 0 };
	char found[PAYMENT_REFERENCE];
	size_t count = 0;

	while (*text != '\0' && count < max) {
		uint32_t code = 0;
		text += utf8_next_z(&code, text);
		if (utf8_is_blank(code))
			continue;
		char c = plain(code);
		if (c == 0)
			window.len = 0;
		else
			slide(&window, c);
		if (c != 0 && window_holds_reference(&window, found) &&
			!is_known(out, count, found))
			memcpy(out[count++], found, PAYMENT_REFERENCE);
	}
	return count;
}
