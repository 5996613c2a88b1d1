/* SPDX-License-Identifier: Apache-2.0 */
/* How a call ends: a value, bytes, or a problem (RFC 9457); and the reading of members that ends a
 * call when they are missing or wrong. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/text.h"
#include "tests/simulator/sim_inside.h"

struct code_facts {
	const char *word;
	int status;
	bool retryable;
	const char *english, *chinese;
};

#define CODE_FACTS(code, status, retryable, english, chinese) \
	[SIM_##code] = { #code, status, retryable, english, chinese },
static const struct code_facts codes[SIM_CODE_COUNT] = { SIM_CODES(CODE_FACTS) };
#undef CODE_FACTS

const char *sim_code_word(enum sim_code code)
{
	return codes[code].word;
}

int sim_code_status(enum sim_code code)
{
	return codes[code].status;
}

bool sim_code_is_retryable(enum sim_code code)
{
	return codes[code].retryable;
}

void call_reply(struct sim_call *call, int status, json_t *value)
{
	json_decref(call->reply);
	call->reply = value;
	call->status = status;
	call->content_type = "application/json";
}

void call_reply_raw(struct sim_call *call, const char *content_type, char *bytes, size_t len)
{
	json_decref(call->reply);
	call->reply = NULL;
	free(call->raw);
	call->raw = bytes;
	call->raw_len = len;
	call->status = 200;
	call->content_type = content_type;
}

json_t *call_problem(struct sim_call *call, enum sim_code code, const char *format, ...)
{
	const struct code_facts *facts = &codes[code];
	json_t *problem = json_object();
	json_t *messages = json_object();
	char line[SIM_WORD_TEXT];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	json_put_text(problem, "type", "about:blank");
	json_put_text(problem, "title", facts->english);
	json_put_number(problem, "status", facts->status);
	json_put_text(problem, "detail", line);
	json_put_text(problem, "code", facts->word);
	json_object_set_new(problem, "retryable", json_boolean(facts->retryable));
	if (facts->retryable) {
		call->retry_after_s = 1;
		json_put_number(problem, "retry_after_s", call->retry_after_s);
	}
	json_put_text(messages, "zh-CN", facts->chinese);
	json_put_text(messages, "en", facts->english);
	json_object_set_new(problem, "messages", messages);
	call_reply(call, facts->status, problem);
	call->content_type = "application/problem+json";
	call->code = code;
	return problem;
}

void call_field_error(struct sim_call *call, const char *path, const char *message)
{
	json_t *errors = json_object_get(call->reply, "field_errors");
	json_t *error = json_object();

	if (errors == NULL) {
		errors = json_array();
		json_object_set_new(call->reply, "field_errors", errors);
	}
	json_put_text(error, "path", path);
	json_put_text(error, "code", "invalid");
	json_put_text(error, "message", message);
	json_array_append_new(errors, error);
}

void call_effect(struct sim_call *call)
{
	call->effect = true;
	call->sim->changed = true;
}

static bool field_problem(struct sim_call *call, const char *key, const char *message)
{
	(void)call_problem(call, SIM_FIELD_INVALID, "%s: %s", key, message);
	call_field_error(call, key, message);
	return false;
}

bool call_text(struct sim_call *call, const char **out, const json_t *object, const char *key)
{
	const char *text = json_peek_text(object, key);

	if (text == NULL || *text == '\0')
		return field_problem(call, key, "must be a text that is not empty");
	if (strlen(text) >= SIM_WORD_TEXT)
		return field_problem(call, key, "is too long");
	*out = text;
	return true;
}

bool call_number(struct sim_call *call, int64_t *out, const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_integer(value))
		return field_problem(call, key, "must be an integer");
	*out = json_integer_value(value);
	return true;
}

bool call_instant(struct sim_call *call, int64_t *out, const json_t *object, const char *key)
{
	const char *text = json_peek_text(object, key);

	if (text == NULL || !clock_parse(out, text))
		return field_problem(call, key, "must be an instant in RFC 3339");
	return true;
}

bool call_client_ref(struct sim_call *call, const char **out, const json_t *object)
{
	const char *text = json_peek_text(object, "client_ref");
	size_t len = text == NULL ? 0 : strlen(text);

	if (len < 6 || len > 32)
		return field_problem(call, "client_ref", "must have 6 to 32 characters");
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)text[i]) && text[i] != '_' && text[i] != '-')
			return field_problem(call, "client_ref", "must be of [0-9A-Za-z_-]");
	}
	*out = text;
	return true;
}

const char *call_query(const struct sim_call *call, const char *key)
{
	return json_peek_text(call->query, key);
}

json_t *call_object(struct sim_call *call, const char *table)
{
	json_t *object = sim_find(call->sim, table, call->id);

	if (object == NULL)
		(void)call_problem(call, SIM_NOT_FOUND, "%s has no %s", table, call->id);
	return object;
}

/* The number in query member KEY, FALLBACK where there is none; false after a problem. */
static bool query_number(
	struct sim_call *call, int64_t *out, const char *key, int64_t min, int64_t max)
{
	const char *text = call_query(call, key);

	if (text != NULL && !number_parse(out, text, min, max))
		return field_problem(call, key, "is not a number in its range");
	return true;
}

void call_reply_page(struct sim_call *call, json_t *items)
{
	JSON *all = items;
	json_t *page = json_object();
	json_t *part = json_array();
	int64_t limit = 50, cursor = 0;
	size_t end, count = json_array_size(all);
	char next[24];

	json_object_set_new(page, "items", part);
	json_object_set_new(page, "next_cursor", json_null());
	call_reply(call, 200, page);
	if (!query_number(call, &limit, "limit", 1, 200) ||
		!query_number(call, &cursor, "cursor", 0, INT32_MAX))
		return;
	end = (size_t)cursor + (size_t)limit;
	for (size_t i = (size_t)cursor; i < end && i < count; i++)
		json_array_append(part, json_array_get(all, i));
	if (end < count) {
		(void)snprintf(next, sizeof(next), "%zu", end);
		json_put_text(page, "next_cursor", next);
	}
}
