/* SPDX-License-Identifier: Apache-2.0 */
/* A program's settings as one table: path in the YAML file, type, place in the struct, default as
 * text, range, help.  The same table reads the file, refuses what it does not know (with line,
 * column and the nearest known word), and prints the effective settings. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/fault.h"
#include "common/yaml.h"

enum setting_type {
	SETTING_TEXT,   /* char *, owned by the struct; an empty default is "" */
	SETTING_NUMBER, /* int64_t within [min, max] */
	SETTING_FLAG,   /* bool: true or false */
	SETTING_SECRET  /* char *: path of a file; printed as the path, never as its content */
};

struct setting {
	const char *path; /* `database.url`: mapping names joined by dots */
	enum setting_type type;
	size_t offset;
	const char *fallback; /* the default, as text */
	int64_t min, max;     /* of a number; 0, 0: any */
	const char *help;     /* one sentence, with the unit */
};

struct setting_table {
	const struct setting *settings;
	size_t count;
	/* Called for a key whose PATH the table does not have (and which is no mapping on the way to
	 * a path it has), with its `const struct yaml_node *`: for lists of mappings, such as the
	 * agent's tokens.  It returns
	 *   true                  if PATH is its own and was read into INTO;
	 *   false, FAULT_ABSENT   if PATH is not its own: the key is reported as unknown;
	 *   false, another kind   if what stands there is wrong; its text may begin with the place as
	 *                         `LINE:COLUMN: `, else the node's place is put in front.
	 * Elements that are mappings are best read by settings_apply with a table of their own.  May
	 * be NULL. */
	bool (*list)(void *into, const char *path, const void *yaml_node, struct fault *fault);
};

/* Set every default; INTO's texts must be NULL or garbage-free zeroes before. */
bool settings_defaults(const struct setting_table *table, void *into, struct fault *fault);
/* Read FILE over the defaults; FAULT_INPUT names FILE:LINE:COLUMN.  After a failure INTO is a valid
 * mixture: call settings_done. */
bool settings_read(
	const struct setting_table *table, void *into, const char *file, struct fault *fault);
/* The same from a mapping that is already read; the fault's text begins with `LINE:COLUMN: `. */
bool settings_apply(const struct setting_table *table, void *into, const struct yaml_node *mapping,
	struct fault *fault);
/* Fill FAULT with FAULT_INPUT and `LINE:COLUMN: …` of NODE; returns false. */
bool settings_refuse(const struct yaml_node *node, struct fault *fault, const char *format, ...)
	PRINTF_LIKE(3, 4);
#ifdef __clang_analyzer__ /* as in fault.h */
#define settings_refuse(...) fault_false((settings_refuse)(__VA_ARGS__))
#endif
/* Print the effective settings as commented YAML that settings_read takes; what the list function
 * reads is not printed. */
void settings_print(const struct setting_table *table, const void *from, FILE *out);
/* Free the texts. */
void settings_done(const struct setting_table *table, void *into);
