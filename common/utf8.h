/* SPDX-License-Identifier: Apache-2.0 */
/* Single characters of UTF-8 text (RFC 3629) and the folding of full-width forms that Chinese bank
 * files and keyboards mix with ASCII.  Inline, so that every layer may use it without a link. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UTF8_BAD = 0x7FFFFFFF, UTF8_CHAR_MAX = 4 };

/* Whether CODE is a Unicode scalar value that needs LEN bytes. */
static inline bool utf8_is_scalar(uint32_t code, size_t len)
{
	static const uint32_t least[UTF8_CHAR_MAX + 1] = { 0, 0, 0x80, 0x800, 0x10000 };

	return code >= least[len] && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
}

/* The length in bytes that the lead byte announces; 0 if it cannot lead. */
static inline size_t utf8_length(unsigned char lead)
{
	if (lead < 0x80)
		return 1;
	if (lead >= 0xC2 && lead < 0xE0)
		return 2;
	if (lead >= 0xE0 && lead < 0xF0)
		return 3;
	return lead >= 0xF0 && lead < 0xF5 ? 4 : 0;
}

/* Read the character at TEXT (at most LEN bytes, LEN > 0) into *CODE; its length in bytes.  A byte
 * that starts no valid character has length 1 and the code UTF8_BAD. */
static inline size_t utf8_next(uint32_t *code, const char *text, size_t len)
{
	const unsigned char *bytes = (const unsigned char *)text;
	size_t need = utf8_length(bytes[0]);
	uint32_t value = need > 1 ? bytes[0] & (0x7Fu >> need) : bytes[0];

	*code = UTF8_BAD;
	if (need == 0 || need > len)
		return 1;
	for (size_t i = 1; i < need; i++) {
		if ((bytes[i] & 0xC0) != 0x80)
			return 1;
		value = value << 6 | (bytes[i] & 0x3Fu);
	}
	if (!utf8_is_scalar(value, need))
		return 1;
	*code = value;
	return need;
}

/* The same for NUL-terminated text that does not end here: never reads past the NUL. */
static inline size_t utf8_next_z(uint32_t *code, const char *text)
{
	size_t len = 1;

	while (len < UTF8_CHAR_MAX && text[len] != '\0')
		len++;
	return utf8_next(code, text, len);
}

/* Full-width ASCII (U+FF01 to U+FF5E) and the ideographic space as ASCII; others unchanged. */
static inline uint32_t utf8_narrow(uint32_t code)
{
	if (code >= 0xFF01 && code <= 0xFF5E)
		return code - 0xFEE0;
	return code == 0x3000 ? ' ' : code;
}

/* Characters that are there without being seen: blanks of every width, zero-width joints, marks of
 * byte order. */
static inline bool utf8_is_blank(uint32_t code)
{
	return code == ' ' || (code >= '\t' && code <= '\r') || code == 0xA0 || code == 0x3000 ||
		code == 0x1680 || (code >= 0x2000 && code <= 0x200F) || code == 0x2028 ||
		code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x2060 ||
		code == 0xFEFF || code == 0xAD || code == 0x85;
}
