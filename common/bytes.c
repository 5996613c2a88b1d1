/* SPDX-License-Identifier: Apache-2.0 */
/* Hex, base64 and decimal numbers, strictly. */
#include "common/bytes.h"

#include <stdlib.h>
#include <string.h>

#include "common/text.h"

static const char hex_digits[] = "0123456789abcdef";
static const char base64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void hex_encode(char *out, const void *bytes, size_t len)
{
	const unsigned char *in = bytes;
	for (size_t i = 0; i < len; i++) {
		out[2 * i] = hex_digits[in[i] >> 4];
		out[2 * i + 1] = hex_digits[in[i] & 15];
	}
	out[2 * len] = '\0';
}

static int hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

bool hex_decode(void *out, size_t len, const char *text)
{
	if (text == NULL || strlen(text) != 2 * len)
		return false;
	for (size_t i = 0; i < 2 * len; i++)
		if (hex_value(text[i]) < 0)
			return false;
	unsigned char *bytes = out;
	for (size_t i = 0; i < len; i++)
		bytes[i] = (unsigned char)((unsigned)hex_value(text[2 * i]) * 16U +
			(unsigned)hex_value(text[2 * i + 1]));
	return true;
}

/* Four digits for the COUNT (1 to 3) bytes at IN. */
static void base64_group(char out[4], const unsigned char *in, size_t count)
{
	uint32_t bits = (uint32_t)in[0] << 16;
	if (count > 1)
		bits |= (uint32_t)in[1] << 8;
	if (count > 2)
		bits |= in[2];
	out[0] = base64_digits[bits >> 18];
	out[1] = base64_digits[bits >> 12 & 63];
	out[2] = '=';
	out[3] = '=';
	if (count > 1)
		out[2] = base64_digits[bits >> 6 & 63];
	if (count > 2)
		out[3] = base64_digits[bits & 63];
}

char *base64_encode(const void *bytes, size_t len)
{
	const unsigned char *in = bytes;
	char *out = zalloc((len + 2) / 3 * 4 + 1, 1);
	char *to = out;
	for (size_t i = 0; i < len; i += 3, to += 4)
		base64_group(to, in + i, len - i < 3 ? len - i : 3);
	return out;
}

static int base64_value(char digit)
{
	if (digit >= 'A' && digit <= 'Z')
		return digit - 'A';
	if (digit >= 'a' && digit <= 'z')
		return digit - 'a' + 26;
	if (digit >= '0' && digit <= '9')
		return digit - '0' + 52;
	if (digit == '+')
		return 62;
	return digit == '/' ? 63 : -1;
}

/* The COUNT (1 to 3) bytes of the four digits at TEXT, whose unused bits must be zero. */
static bool base64_ungroup(unsigned char *out, const char *text, size_t count)
{
	uint32_t bits = 0;
	for (size_t i = 0; i < 4; i++) {
		int value = i <= count ? base64_value(text[i]) : 0;
		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
	}
	if ((bits & ((UINT32_C(1) << (24 - 8 * count)) - 1)) != 0)
		return false;
	for (size_t i = 0; i < count; i++)
		out[i] = (unsigned char)(bits >> (16 - 8 * i));
	return true;
}

unsigned char *base64_decode(const char *text, size_t *len)
{
	size_t digits = text != NULL ? strlen(text) : 1;
	if (digits % 4 != 0)
		return NULL;
	size_t padding = 0;
	while (padding < 2 && padding < digits && text[digits - 1 - padding] == '=')
		padding++;
	size_t count = digits / 4 * 3 - padding;
	OWNED unsigned char *out = zalloc(count + 1, 1);
	for (size_t i = 0; i < digits / 4; i++) {
		size_t here = i + 1 < digits / 4 ? 3 : 3 - padding;
		if (!base64_ungroup(out + 3 * i, text + 4 * i, here))
			return NULL;
	}
	*len = count;
	return take(out);
}

bool number_parse(int64_t *out, const char *text, int64_t min, int64_t max)
{
	if (text == NULL)
		return false;
	bool negative = text[0] == '-';
	const char *digit = negative ? text + 1 : text;
	int64_t number = 0;
	if (*digit == '\0')
		return false;
	for (; *digit != '\0'; digit++) {
		int64_t value = *digit - '0';
		if (value < 0 || value > 9)
			return false;
		if (__builtin_mul_overflow(number, 10, &number) ||
			__builtin_sub_overflow(number, value, &number))
			return false; /* gathered below zero, where there is one more */
	}
	if (!negative && __builtin_sub_overflow(INT64_C(0), number, &number))
		return false;
	if (number < min || number > max)
		return false;
	*out = number;
	return true;
}
