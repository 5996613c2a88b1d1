/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing dotted version numbers. */
#include "common/version.h"

#include <stddef.h>
#include <stdint.h>

enum { VERSION_PARTS = 6, VERSION_PART_DIGITS = 9 };

static const char *skip_blanks(const char *text)
{
	while (*text == ' ' || *text == '\t' || *text == '\r' || *text == '\n')
		text++;
	return text;
}

/* One run of digits at *TEXT, which moves behind it. */
static bool read_part(uint32_t *part, const char **text)
{
	size_t digits = 0;
	*part = 0;
	for (; **text >= '0' && **text <= '9'; (*text)++, digits++) {
		if (digits == VERSION_PART_DIGITS)
			return false;
		*part = *part * 10 + (uint32_t)(**text - '0');
	}
	return digits > 0;
}

static bool read_parts(uint32_t parts[VERSION_PARTS], const char *text)
{
	if (text == NULL)
		return false;
	text = skip_blanks(text);
	if (*text == 'V' || *text == 'v')
		text++;
	for (size_t i = 0; i < VERSION_PARTS; i++) {
		if (!read_part(&parts[i], &text))
			return false;
		if (*text != '.')
			return *skip_blanks(text) == '\0';
		text++;
	}
	return false;
}

bool version_compare(int *order, const char *a, const char *b)
{
	uint32_t left[VERSION_PARTS] = { 0 };
	uint32_t right[VERSION_PARTS] = { 0 };
	if (!read_parts(left, a) || !read_parts(right, b))
		return false;
	*order = 0;
	for (size_t i = 0; i < VERSION_PARTS && *order == 0; i++)
		*order = (left[i] > right[i]) - (left[i] < right[i]);
	return true;
}
