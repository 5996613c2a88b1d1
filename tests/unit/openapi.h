/* SPDX-License-Identifier: Apache-2.0 */
/* The published description of the people's API, read once for a test program, and how it spells paths. */
#pragma once

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <string.h>

#include "common/file.h"
#include "common/text.h"
#include "common/yaml.h"

static struct yaml_node *openapi;

static inline int openapi_load(void **state)
{
	static const char path[] = XUQI_SOURCE_DIR "/schema/openapi.yaml";
	struct fault fault;
	size_t len;
	OWNED char *text = file_read(path, YAML_TREE_BYTES_MAX, &len, &fault);

	(void)state;
	openapi = text == NULL ? NULL : yaml_tree_read(path, text, len, &fault);
	return openapi == NULL ? -1 : 0;
}

static inline int openapi_unload(void **state)
{
	(void)state;
	yaml_tree_free(openapi);
	return 0;
}

/* `/v1/tasks/:id/done` as `/v1/tasks/{id}/done`; the caller frees it. */
static inline char *openapi_path(const char *path)
{
	const char *colon = strchr(path, ':');

	if (colon == NULL)
		return text_dup(path);
	return text_dupf("%.*s{id}%s", (int)(colon - path), path, colon + strcspn(colon, "/"));
}

/* The operation METHOD (`get`, `post`) of PATH, or NULL. */
static inline const struct yaml_node *openapi_operation(const char *path, const char *method)
{
	OWNED char *braced = openapi_path(path);
	const struct yaml_node *found = yaml_find(yaml_find(openapi, "paths"), braced);

	return found != NULL ? yaml_find(found, method) : NULL;
}
