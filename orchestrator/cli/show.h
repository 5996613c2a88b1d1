/* SPDX-License-Identifier: Apache-2.0 */
/* The server's answers for people: lists as tables, single things as `label  value`, money in yuan,
 * instants in the local time zone.  Which is which follows from the member's name (_fen, _at). */
#pragma once

#include <stdint.h>

#include "common/json.h"
#include "common/text.h"

enum { SHOW_BYTES_MAX = 64 * 1024 * 1024, SHOW_MONEY = 40 };

/* `¥1,234.00`, `-¥0.01`. */
void show_money(char out[SHOW_MONEY], int64_t fen);
/* VALUE of the member KEY as one line of text; nothing for null. */
void show_value(struct text *out, const char *key, json_t *value);
/* COLUMNS (member names separated by blanks) of each of ITEMS under a heading. */
void show_list(struct text *out, json_t *items, const char *columns);
/* All members of OBJECT: single values first, lists as tables behind; COLUMNS are those of `rows`,
 * may be NULL. */
void show_object(struct text *out, json_t *object, const char *columns);
