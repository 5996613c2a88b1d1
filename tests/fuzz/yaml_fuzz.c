/* SPDX-License-Identifier: Apache-2.0 */
/* YAML trees keep their promises: places from 1, keys in mappings only and once, texts on scalars only,
 * bounded depth. */
#include <stdint.h>

#include "common/text.h"
#include "common/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool right)
{
	if (!right)
		abort();
}

static void check(const struct yaml_node *node, const struct yaml_node *parent, unsigned depth)
{
	must(depth <= YAML_TREE_DEPTH_MAX && node->line >= 1 && node->column >= 1);
	must((node->kind == YAML_SCALAR) == (node->text != NULL));
	must((parent != NULL && parent->kind == YAML_MAPPING) == (node->key != NULL));
	must(node->kind != YAML_SCALAR || node->child == NULL);
	if (node->key != NULL)
		must(yaml_find(parent, node->key) == node);
	for (const struct yaml_node *child = node->child; child != NULL; child = child->next)
		check(child, node, depth + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fault fault = { 0 };
	CLEANUP(yaml_tree_freep)
	struct yaml_node *root = yaml_tree_read("f", (const char *)data, size, &fault);
	if (root != NULL)
		check(root, NULL, 1);
	else
		must(fault.kind == FAULT_INPUT && text_starts(fault.text, "f:"));
	return 0;
}
