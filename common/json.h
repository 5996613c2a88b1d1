/* SPDX-License-Identifier: Apache-2.0 */
/* JSON (RFC 8259) read under bounds and written strictly, on jansson.  Values are jansson's own;
 * what is added here is the refusal of what is too large, too deep or of another type than asked,
 * with the path of the place in the message. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/fault.h"

enum { JSON_DEPTH_MAX = 32, JSON_BYTES_MAX = 8 * 1024 * 1024 };

/* The value of LEN bytes (own reference); NULL with FAULT_INPUT if it is not JSON, too large, too
 * deep, or has a key twice. */
json_t *json_read(const char *bytes, size_t len, struct fault *fault);
/* The same for up to MAX bytes, where a caller has its own limit (a file in base64). */
json_t *json_read_up_to(const char *bytes, size_t len, size_t max, struct fault *fault);
/* Compact text on the heap, keys in insertion order. */
char *json_write(const json_t *value);
/* The same with keys sorted: the canonical form under digests. */
char *json_write_canonical(const json_t *value);

/* Borrowed members of OBJECT; false with FAULT_INPUT naming KEY if it is absent or of another
 * type.  The _opt variants leave *OUT untouched when the key is absent or null. */
bool json_text(const char **out, const json_t *object, const char *key, struct fault *fault);
bool json_text_opt(const char **out, const json_t *object, const char *key, struct fault *fault);
bool json_number(int64_t *out, const json_t *object, const char *key, struct fault *fault);
bool json_number_opt(int64_t *out, const json_t *object, const char *key, struct fault *fault);
bool json_flag_opt(bool *out, const json_t *object, const char *key, struct fault *fault);
bool json_array_of(json_t **out, const json_t *object, const char *key, struct fault *fault);
bool json_object_of(json_t **out, const json_t *object, const char *key, struct fault *fault);

/* The text of OBJECT.KEY or NULL, without a fuss. */
const char *json_peek_text(const json_t *object, const char *key);
int64_t json_peek_number(const json_t *object, const char *key, int64_t otherwise);

/* What stands at a dotted PATH below ROOT (a digit picks out of a list: `tasks.bind.files.0.name`), or NULL;
 * borrowed. */
json_t *json_at(json_t *root, const char *path);

/* Set OBJECT.KEY; a NULL text becomes null. */
void json_put_text(json_t *object, const char *key, const char *text);
void json_put_number(json_t *object, const char *key, int64_t number);

DEFINE_CLEANUP(json_unref_p, json_t *, json_decref)
#define JSON CLEANUP(json_unref_p) json_t
