/* SPDX-License-Identifier: Apache-2.0 */
/* Records of the journal and the PIN ledger: a JSON object per line, flat, texts only.  Written
 * with fsync before the act they announce; read back strictly.  A last line that a power cut tore
 * never announced anything, and is dropped. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/fault.h"

enum { RECORD_PAIRS_MAX = 16, RECORD_LINE_MAX = 4096, RECORD_FILE_MAX = 8 * 1024 * 1024 };

struct record_pair {
	const char *key;
	const char *value;
};

struct record {
	char *text; /* owns what the pairs point to */
	struct record_pair pairs[RECORD_PAIRS_MAX];
	size_t count;
};

struct record_list {
	struct record *items;
	size_t count;
};

/* Read one line; FAULT_INPUT if it is anything but a flat object of texts. */
bool record_parse(struct record *out, const char *line, struct fault *fault) MUST_CHECK;
/* The value of KEY, "" if it is absent. */
const char *record_get(const struct record *record, const char *key);
void record_done(struct record *record);

/* All records of PATH; none if there is no such file.  FAULT_INPUT names PATH:LINE.  Free with
 * record_list_done, also after a failure. */
bool record_list_read(struct record_list *list, const char *path, struct fault *fault) MUST_CHECK;
void record_list_done(struct record_list *list);

/* Append one record to PATH (0600) and fsync it; a torn last line is cut off first. */
bool record_append(const char *path, const struct record_pair *pairs, size_t count,
	struct fault *fault) MUST_CHECK;
