/* SPDX-License-Identifier: Apache-2.0 */
/* The growing buffer and the copies that cannot fail. */
#include "common/text.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_FIRST = 64 };

static _Noreturn void out_of_memory(void)
{
	(void)fputs("level=error event=memory.exhausted\n", stderr);
	abort();
}

void *zalloc(size_t count, size_t size)
{
	void *block = calloc(count > 0 ? count : 1, size > 0 ? size : 1);
	if (block == NULL)
		out_of_memory();
	return block;
}

void *grow(void *block, size_t *room, size_t used, size_t size)
{
	if (used < *room)
		return block;
	size_t wanted = *room == 0 ? 64 : *room * 2;
	void *grown = reallocarray(block, wanted, size);
	if (grown == NULL)
		out_of_memory();
	*room = wanted;
	return grown;
}

char *text_dup(const char *string)
{
	if (string == NULL)
		return NULL;
	size_t size = strlen(string) + 1;
	return memcpy(zalloc(size, 1), string, size);
}

/* The printed string on the heap; *LEN is its length. */
static char *print(size_t *len, const char *format, va_list args) PRINTF_LIKE(2, 0);

static char *print(size_t *len, const char *format, va_list args)
{
	char *string = NULL;
	int printed = vasprintf(&string, format, args);

	if (printed < 0 || string == NULL)
		out_of_memory();
	*len = (size_t)printed;
	return string;
}

char *text_dupf(const char *format, ...)
{
	size_t len = 0;
	va_list args;

	va_start(args, format);
	char *string = print(&len, format, args);
	va_end(args);
	return string;
}

bool text_equal(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return strcmp(a, b) == 0;
}

bool text_starts(const char *string, const char *prefix)
{
	return strncmp(string, prefix, strlen(prefix)) == 0;
}

void text_init(struct text *text, size_t max)
{
	*text = (struct text){ .data = zalloc(TEXT_FIRST, 1), .cap = TEXT_FIRST, .max = max };
}

void text_done(struct text *text)
{
	free(text->data);
	*text = (struct text){ 0 };
}

void text_clear(struct text *text)
{
	text->len = 0;
	text->full = false;
	text->data[0] = '\0';
}

/* Make room for LEN more bytes and the NUL; false if the maximum forbids it. */
static bool text_reserve(struct text *text, size_t len)
{
	if (text->full || len > text->max - text->len) {
		text->full = true;
		return false;
	}
	size_t need = text->len + len + 1;
	if (need <= text->cap)
		return true;
	size_t cap = text->cap;
	while (cap < need)
		cap *= 2;
	char *data = realloc(text->data, cap);
	if (data == NULL)
		out_of_memory();
	text->data = data;
	text->cap = cap;
	return true;
}

void text_add_bytes(struct text *text, const void *bytes, size_t len)
{
	assert(text->data != NULL);
	if (len == 0 || !text_reserve(text, len))
		return;
	memcpy(text->data + text->len, bytes, len);
	text->len += len;
	text->data[text->len] = '\0';
}

void text_add(struct text *text, const char *string)
{
	text_add_bytes(text, string, strlen(string));
}

void text_addf(struct text *text, const char *format, ...)
{
	size_t len = 0;
	va_list args;

	va_start(args, format);
	char *string = print(&len, format, args);
	va_end(args);
	text_add_bytes(text, string, len);
	free(string);
}

bool text_full(const struct text *text)
{
	return text->full;
}

char *text_take(struct text *text, size_t *len)
{
	if (len != NULL)
		*len = text->len;
	char *data = text->data;
	text_init(text, text->max);
	return data;
}
