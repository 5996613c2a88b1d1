/* SPDX-License-Identifier: Apache-2.0 */
/* A sitting on paper: its cards in order, to be worked off with one phone; and the list in which the answers are
 * written down, which `xuqi task done --csv` reads again. */
#pragma once

#include "common/json.h"

enum { SHEET_BYTES_MAX = 4 * 1024 * 1024 };

/* SITTING (the answer of GET /v1/sittings/{id}) as text, on the heap. */
char *sheet_text(const json_t *sitting);
/* Its cards as CSV, one row each: what is known of a card in columns that begin with #, then an empty column for
 * every value that some card asks for.  UTF-8 with a byte order mark, for spreadsheets; on the heap. */
char *sheet_csv(const json_t *sitting);
