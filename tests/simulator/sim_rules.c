/* SPDX-License-Identifier: Apache-2.0 */
/* The rules in a knob's value: whom they concern, what they say, how often. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/text.h"
#include "tests/simulator/sim_knobs.h"

/* PATTERN is PATH, segment by segment, `*` being any one. */
static bool path_fits(const char *pattern, const char *path)
{
	for (;;) {
		size_t want = strcspn(pattern, "/"), have = strcspn(path, "/");
		bool any = want == 1 && *pattern == '*' && have > 0;

		if (!any && (want != have || strncmp(pattern, path, want) != 0))
			return false;
		pattern += want;
		path += have;
		if (*pattern == '\0' || *path == '\0')
			return *pattern == *path;
		pattern++;
		path++;
	}
}

/* Is MEMBER of a certificate of the subject's set VALUE?  One rule so covers a pair. */
static bool set_has(
	const struct sim *sim, const json_t *certificate, const char *member, const char *value)
{
	const char *set_id = json_peek_text(certificate, "set_id");
	const char *id;
	json_t *one;

	if (certificate == NULL)
		return false;
	json_object_foreach(sim_table(sim, "certificates"), id, one)
	{
		if (text_equal(json_peek_text(one, "set_id"), set_id) &&
			strcasecmp(json_peek_text(one, member), value) == 0)
			return true;
	}
	return false;
}

static bool call_fits(const json_t *rule, const struct sim_call *call)
{
	const char *path = json_peek_text(rule, "path");
	const char *method = json_peek_text(rule, "method");

	if (path == NULL && method == NULL)
		return true;
	return call != NULL && (path == NULL || path_fits(path, call->path)) &&
		(method == NULL || text_equal(method, call->request->method));
}

bool rule_fits(const struct sim *sim, const json_t *rule, const struct sim_subject *subject)
{
	const char *serial = json_peek_text(rule, "serial");
	const char *certificate = json_peek_text(rule, "certificate");
	const char *client_ref = json_peek_text(rule, "client_ref");

	if (!call_fits(rule, subject->call))
		return false;
	if (serial != NULL && !set_has(sim, subject->certificate, "serial", serial))
		return false;
	if (certificate != NULL && !set_has(sim, subject->certificate, "id", certificate))
		return false;
	return client_ref == NULL || text_equal(client_ref, subject->client_ref);
}

bool rule_read(const json_t *rule, struct sim_setting *out)
{
	const json_t *value = json_is_object(rule) ? json_object_get(rule, "value") : rule;
	const char *word = json_string_value(value), *field = json_peek_text(rule, "field");

	*out = (struct sim_setting){ .ms = json_peek_number(
					     rule, "ms", json_peek_number(rule, "s", 0) * 1000) };
	(void)snprintf(out->word, sizeof(out->word), "%s", word == NULL ? "" : word);
	(void)snprintf(out->field, sizeof(out->field), "%s", field == NULL ? "" : field);
	if (value == NULL)
		out->number = out->ms > 0 ? out->ms : 1;
	else
		out->number = json_is_true(value) ? 1 : json_integer_value(value);
	return out->number != 0 || out->word[0] != '\0';
}

bool rule_use(json_t *rule)
{
	bool once = json_is_true(json_object_get(rule, "once"));
	int64_t times = json_peek_number(rule, "times", once ? 1 : 0);

	if (times == 0)
		return false;
	json_put_number(rule, "times", times - 1);
	return times == 1;
}

bool rule_is_good(const json_t *rule)
{
	static const char *const texts[] = { "path", "method", "serial", "certificate",
		"client_ref", "field" };
	static const char *const numbers[] = { "times", "ms", "s" };
	const json_t *once = json_object_get(rule, "once");
	size_t known = json_object_get(rule, "value") != NULL;

	known += once != NULL;
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		const json_t *text = json_object_get(rule, texts[i]);

		known += text != NULL;
		if (text != NULL && (!json_is_string(text) || json_string_length(text) == 0))
			return false;
	}
	for (size_t i = 0; i < COUNT_OF(numbers); i++) {
		const json_t *number = json_object_get(rule, numbers[i]);

		known += number != NULL;
		if (number != NULL && (!json_is_integer(number) || json_integer_value(number) < 1))
			return false;
	}
	return known == json_object_size(rule) && (once == NULL || json_is_boolean(once));
}
