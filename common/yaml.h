/* SPDX-License-Identifier: Apache-2.0 */
/* A YAML document as a tree whose every node knows its line and column, so that each complaint can
 * name its place.  Built on libyaml's events; one document, no anchors, tags or merge keys, bounded
 * size and depth, a key twice in a mapping is an error. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/fault.h"

enum yaml_kind { YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING };

enum { YAML_TREE_DEPTH_MAX = 16, YAML_TREE_BYTES_MAX = 1024 * 1024 };

struct yaml_node {
	enum yaml_kind kind;
	size_t line, column; /* from 1 */
	const char *key;     /* in a mapping: its key, else NULL */
	size_t key_line, key_column;
	const char *text;        /* of a scalar */
	bool quoted;             /* the scalar was quoted: never a number, flag or null */
	struct yaml_node *child; /* first member or element */
	struct yaml_node *next;  /* next sibling */
};

/* The root node of BYTES, NULL with FAULT_INPUT `NAME:LINE:COLUMN: …`.  Free with yaml_tree_free.
 * An empty document is an empty mapping. */
struct yaml_node *yaml_tree_read(
	const char *name, const char *bytes, size_t len, struct fault *fault);
void yaml_tree_free(struct yaml_node *root);
/* The member KEY of a mapping, or NULL. */
const struct yaml_node *yaml_find(const struct yaml_node *mapping, const char *key);

DEFINE_CLEANUP(yaml_tree_freep, struct yaml_node *, yaml_tree_free)

/* Refuse what stands at NODE of the file NAME: FAULT_INPUT with `NAME:LINE:COLUMN: ` before the sentence; false. */
bool yaml_refuse(const char *name, const struct yaml_node *node, struct fault *fault,
	const char *format, ...) PRINTF_LIKE(4, 5);
