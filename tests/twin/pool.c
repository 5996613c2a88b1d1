/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of jansson's values: small cells of a few sizes that are used again, never given back.  Builds with
 * sanitizers leave it to malloc, so that they see each use after its end. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tests/twin/distrust.h"
#include "tests/twin/world.h"

enum { CELL_STEP = 16, CELL_SIZES = 32, SLAB = 262144, FIRST_TEXT = 256 };

/* Before each cell: its size in steps, 0 where malloc gave it. */
struct cell {
	size_t steps;
	struct cell *next; /* while it is free: here what it holds begins */
};

#define HEAD offsetof(struct cell, next)

static struct cell *free_cells[CELL_SIZES + 1];
static unsigned char *slab;
static size_t slab_left;

static struct cell *cut(size_t steps)
{
	size_t size = HEAD + steps * CELL_STEP;
	struct cell *cell;

	if (slab_left < size) {
		slab = malloc(SLAB);
		slab_left = slab != NULL ? SLAB : 0;
		if (slab == NULL)
			return NULL;
	}
	cell = (struct cell *)(void *)slab;
	slab += size;
	slab_left -= size;
	return cell;
}

static void *pool_take(size_t size)
{
	size_t steps = (size + CELL_STEP - 1) / CELL_STEP;
	struct cell *cell;

	if (steps > CELL_SIZES) {
		cell = malloc(HEAD + size);
		steps = 0;
	} else if (free_cells[steps] != NULL) {
		cell = free_cells[steps];
		free_cells[steps] = cell->next;
	} else {
		cell = cut(steps);
	}
	if (cell == NULL)
		return NULL;
	cell->steps = steps;
	return (unsigned char *)cell + HEAD;
}

static void pool_give(void *at)
{
	struct cell *cell;

	if (at == NULL)
		return;
	cell = (struct cell *)(void *)((unsigned char *)at - HEAD);
	if (cell->steps == 0) {
		free(cell);
		return;
	}
	cell->next = free_cells[cell->steps];
	free_cells[cell->steps] = cell;
}

/* ---- what json_dumps gives is freed by free ---- */

struct text {
	char *bytes;
	size_t len, room;
};

static int append(const char *bytes, size_t len, void *context)
{
	struct text *text = context;

	if (text->len + len + 1 > text->room) {
		text->room = 2 * (text->len + len) + FIRST_TEXT;
		text->bytes = realloc(text->bytes, text->room);
		if (text->bytes == NULL)
			abort();
	}
	memcpy(text->bytes + text->len, bytes, len);
	text->len += len;
	text->bytes[text->len] = '\0';
	return 0;
}

/* NOLINTBEGIN(readability-identifier-naming): the names of the linker */
char *__wrap_json_dumps(const json_t *value, size_t flags);

/* NOLINTEND(readability-identifier-naming) */

char *__wrap_json_dumps(const json_t *value, size_t flags)
{
	struct text text = { 0 };

	if (json_dump_callback(value, append, &text, flags) == 0)
		return text.bytes;
	free(text.bytes);
	return NULL;
}

void pool_begin(void)
{
	if (!DISTRUST)
		json_set_alloc_funcs(pool_take, pool_give);
}
