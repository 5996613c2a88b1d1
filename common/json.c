/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded JSON on jansson. */
#include "common/json.h"

#include <string.h>

#include "common/text.h"

enum { PATH_PART_MAX = 96 };

/* The deepest nesting of brackets outside strings; jansson itself would go 2048 deep. */
static size_t deepest(const char *bytes, size_t len)
{
	size_t depth = 0;
	size_t most = 0;
	bool quoted = false;
	for (size_t i = 0; i < len; i++) {
		char c = bytes[i];
		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '[' || c == '{'))
			most = ++depth > most ? depth : most;
		else if (!quoted && (c == ']' || c == '}') && depth > 0)
			depth--;
	}
	return most;
}

json_t *json_read(const char *bytes, size_t len, struct fault *fault)
{
	return json_read_up_to(bytes, len, JSON_BYTES_MAX, fault);
}

json_t *json_read_up_to(const char *bytes, size_t len, size_t max, struct fault *fault)
{
	json_error_t error;
	if (len > max) {
		(void)fault_set(fault, FAULT_INPUT, "the JSON is larger than %zu bytes", max);
		return NULL;
	}
	if (deepest(bytes, len) > JSON_DEPTH_MAX) {
		(void)fault_set(
			fault, FAULT_INPUT, "the JSON is nested deeper than %d", JSON_DEPTH_MAX);
		return NULL;
	}
	json_t *value = json_loadb(bytes, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (value == NULL)
		(void)fault_set(fault, FAULT_INPUT, "line %d, column %d: not JSON: %s", error.line,
			error.column, error.text);
	return value;
}

static char *dump(const json_t *value, size_t flags)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | flags);
	if (text == NULL)
		abort(); /* out of memory, or a value that contains itself */
	return text;
}

char *json_write(const json_t *value)
{
	return dump(value, 0);
}

char *json_write_canonical(const json_t *value)
{
	return dump(value, JSON_SORT_KEYS);
}

/* OBJECT.KEY of TYPE, called WHAT; false with a fault if it is another. */
static bool member(json_t **out, const json_t *object, const char *key, bool (*is)(const json_t *),
	const char *what, struct fault *fault)
{
	json_t *value = json_object_get(object, key);
	if (value == NULL)
		return fault_set(fault, FAULT_INPUT, "`%s` is missing", key);
	if (!is(value))
		return fault_set(fault, FAULT_INPUT, "`%s` must be %s", key, what);
	*out = value;
	return true;
}

static bool is_text(const json_t *value)
{
	return json_is_string(value);
}

static bool is_number(const json_t *value)
{
	return json_is_integer(value);
}

static bool is_flag(const json_t *value)
{
	return json_is_boolean(value);
}

static bool is_array(const json_t *value)
{
	return json_is_array(value);
}

static bool is_object(const json_t *value)
{
	return json_is_object(value);
}

static bool is_left_out(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	return value == NULL || json_is_null(value);
}

bool json_text(const char **out, const json_t *object, const char *key, struct fault *fault)
{
	json_t *value = NULL;
	if (!member(&value, object, key, is_text, "a text", fault))
		return false;
	*out = json_string_value(value);
	return true;
}

bool json_text_opt(const char **out, const json_t *object, const char *key, struct fault *fault)
{
	return is_left_out(object, key) || json_text(out, object, key, fault);
}

bool json_number(int64_t *out, const json_t *object, const char *key, struct fault *fault)
{
	json_t *value = NULL;
	if (!member(&value, object, key, is_number, "a whole number", fault))
		return false;
	*out = json_integer_value(value);
	return true;
}

bool json_number_opt(int64_t *out, const json_t *object, const char *key, struct fault *fault)
{
	return is_left_out(object, key) || json_number(out, object, key, fault);
}

bool json_flag_opt(bool *out, const json_t *object, const char *key, struct fault *fault)
{
	json_t *value = NULL;
	if (is_left_out(object, key))
		return true;
	if (!member(&value, object, key, is_flag, "true or false", fault))
		return false;
	*out = json_is_true(value);
	return true;
}

bool json_array_of(json_t **out, const json_t *object, const char *key, struct fault *fault)
{
	return member(out, object, key, is_array, "an array", fault);
}

bool json_object_of(json_t **out, const json_t *object, const char *key, struct fault *fault)
{
	return member(out, object, key, is_object, "an object", fault);
}

const char *json_peek_text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

int64_t json_peek_number(const json_t *object, const char *key, int64_t otherwise)
{
	const json_t *value = json_object_get(object, key);
	return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

json_t *json_at(json_t *root, const char *path)
{
	char part[PATH_PART_MAX];
	json_t *at = root;

	while (at != NULL && *path != '\0') {
		size_t len = strcspn(path, ".");

		if (len >= sizeof part)
			return NULL;
		memcpy(part, path, len);
		part[len] = '\0';
		at = json_is_array(at) ? json_array_get(at, (size_t)(part[0] - '0'))
				       : json_object_get(at, part);
		path += len + (path[len] == '.');
	}
	return at;
}

/* TEXT as a JSON string; what is not UTF-8 is shown with question marks. */
static json_t *text_value(const char *text)
{
	json_t *value = json_string(text);
	if (value != NULL)
		return value;
	OWNED char *plain = text_dup(text);
	for (char *c = plain; *c != '\0'; c++)
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	return json_string(plain);
}

static void put(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) != 0)
		abort();
}

void json_put_text(json_t *object, const char *key, const char *text)
{
	put(object, key, text == NULL ? json_null() : text_value(text));
}

void json_put_number(json_t *object, const char *key, int64_t number)
{
	put(object, key, json_integer(number));
}
