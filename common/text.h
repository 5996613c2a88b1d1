/* SPDX-License-Identifier: Apache-2.0 */
/* A growing byte buffer that is given its maximum at birth, always NUL-terminated.  A write past
 * the maximum is dropped whole and remembered: ask text_full before using the content. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/own.h"

struct text {
	char *data; /* never NULL after text_init */
	size_t len;
	size_t cap;
	size_t max;
	bool full;
};

/* Start empty, growing up to MAX bytes. */
void text_init(struct text *text, size_t max);
/* Free the content; the buffer may be initialised again.  A zeroed struct is accepted. */
void text_done(struct text *text);
void text_clear(struct text *text);
void text_add(struct text *text, const char *string);
void text_add_bytes(struct text *text, const void *bytes, size_t len);
void text_addf(struct text *text, const char *format, ...) PRINTF_LIKE(2, 3);
/* True if a write was dropped because the maximum was reached. */
bool text_full(const struct text *text);
/* Hand the NUL-terminated content over to the caller (free it) and empty TEXT; *LEN may be NULL. */
char *text_take(struct text *text, size_t *len);

/* Copies on the heap; abort the process when memory is out (the database has the truth, the
 * service manager restarts us).  text_dup(NULL) is NULL. */
char *text_dup(const char *string);
char *text_dupf(const char *format, ...) PRINTF_LIKE(1, 2);
/* calloc that aborts when memory is out. */
void *zalloc(size_t count, size_t size);
/* BLOCK, an array of *ROOM items of SIZE bytes, with room for one more than USED: as it is, or moved to twice the
 * room, which *ROOM then tells.  Aborts when memory is out. */
void *grow(void *block, size_t *room, size_t used, size_t size);

bool text_equal(const char *a, const char *b); /* NULL equals only NULL */
bool text_starts(const char *string, const char *prefix);

static inline void text_donep(struct text *text)
{
	text_done(text);
}

#define TEXT CLEANUP(text_donep) struct text
