/* SPDX-License-Identifier: Apache-2.0 */
/* Filling faults.  The text is bounded, and cut between characters: it goes into JSON, which takes
 * nothing but whole UTF-8. */
#include "common/fault.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const char *const fault_words[FAULT_KIND_COUNT] = {
#define FAULT_WORD(upper, lower) [FAULT_##upper] = #lower,
	FAULT_KINDS(FAULT_WORD)
#undef FAULT_WORD
};

const char *fault_word(enum fault_kind kind)
{
	return (unsigned)kind < FAULT_KIND_COUNT ? fault_words[kind] : "bug";
}

/* Drop the beginning of a UTF-8 character that the cut at the end of TEXT left behind. */
static void drop_torn_character(char *text)
{
	size_t len = strlen(text);
	size_t start = len;
	while (start > 0 && len - start < 3 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
		start--;
	if (start == 0)
		return;
	unsigned char lead = (unsigned char)text[start - 1];
	size_t wanted = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
	if (lead >= 0x80 && len - (start - 1) < wanted)
		text[start - 1] = '\0';
}

bool(fault_setv)(struct fault *fault, enum fault_kind kind, const char *format, va_list args)
{
	char text[FAULT_TEXT_MAX]; /* the arguments may point into the fault itself */
	int len = vsnprintf(text, sizeof(text), format, args);

	assert(kind != FAULT_NONE && kind < FAULT_KIND_COUNT);
	if (len < 0)
		text[0] = '\0';
	if ((size_t)len >= sizeof(text))
		drop_torn_character(text);
	fault->kind = kind;
	memcpy(fault->text, text, strlen(text) + 1);
	return false;
}

bool(fault_set)(struct fault *fault, enum fault_kind kind, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	(void)fault_setv(fault, kind, format, args);
	va_end(args);
	return false;
}

bool(fault_prefix)(struct fault *fault, const char *format, ...)
{
	char prefix[FAULT_TEXT_MAX];
	va_list args;
	va_start(args, format);
	int len = vsnprintf(prefix, sizeof(prefix), format, args);
	va_end(args);
	if (len < 0)
		return false;
	return fault_set(fault, fault->kind, "%s: %s", prefix, fault->text);
}
