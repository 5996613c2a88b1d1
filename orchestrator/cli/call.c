/* SPDX-License-Identifier: Apache-2.0 */
/* Puts each typed value where the table of commands says; one small function per place. */
#include "orchestrator/cli/call.h"

#include <string.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/json.h"
#include "orchestrator/cli/answers_csv.h"
#include "orchestrator/cli/csv_import.h"

static void add_encoded(struct text *path, const char *value)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

	for (const char *c = value; *c != '\0'; c++)
		if (strchr(plain, *c) != NULL)
			text_add_bytes(path, c, 1);
		else
			text_addf(path, "%%%02X", (unsigned)(unsigned char)*c);
}

void call_query(struct call *call, const char *key, const char *value)
{
	bool first = strchr(call->path.data, '?') == NULL;

	text_addf(&call->path, "%c%s=", first ? '?' : '&', key);
	add_encoded(&call->path, value);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* ---- one function per place ---- */

struct placing {
	struct call *call;
	const struct field *field;
	const char *value;
	struct fault *fault;
};

static bool place_path(const struct placing *p)
{
	TEXT path;

	text_init(&path, CALL_PATH_MAX);
	const char *whole = p->call->path.data;
	const char *id = strstr(whole, "/:id");

	if (id == NULL)
		return fault_set(p->fault, FAULT_BUG, "the path %s has no place for an id", whole);
	text_add_bytes(&path, whole, (size_t)(id - whole) + 1);
	add_encoded(&path, p->value);
	text_add(&path, id + strlen("/:id"));
	text_clear(&p->call->path);
	text_add(&p->call->path, path.data);
	return true;
}

static bool place_query(const struct placing *p)
{
	call_query(p->call, p->field->key, p->value);
	return true;
}

static bool place_query_flag(const struct placing *p)
{
	call_query(p->call, p->field->key, "true");
	return true;
}

static bool place_body(const struct placing *p)
{
	if (json_object_set_new(p->call->body, p->field->key, json_string(p->value)) != 0)
		return fault_set(p->fault, FAULT_INPUT, "%s is not UTF-8 text", p->field->name);
	return true;
}

/* What nobody else on this machine may read in an argument list. */
static bool place_line(const struct placing *p)
{
	bool standard = strcmp(p->value, "-") == 0;
	OWNED char *line = standard ? file_read_fd(STDIN_FILENO, CALL_LINE_MAX, NULL, p->fault)
				    : file_read(p->value, CALL_LINE_MAX, NULL, p->fault);

	if (line == NULL)
		return false;
	line[strcspn(line, "\r\n")] = '\0';
	if (line[0] == '\0')
		return fault_set(p->fault, FAULT_INPUT, "%s %s: its first line is empty",
			p->field->name, p->value);
	if (json_object_set_new(p->call->body, p->field->key, json_string(line)) != 0)
		return fault_set(
			p->fault, FAULT_INPUT, "%s %s is not UTF-8 text", p->field->name, p->value);
	return true;
}

static bool place_number(const struct placing *p)
{
	int64_t number;

	if (!number_parse(&number, p->value, 0, INT32_MAX))
		return fault_set(p->fault, FAULT_INPUT, "%s wants a whole number, not '%s'",
			p->field->name, p->value);
	json_put_number(p->call->body, p->field->key, number);
	return true;
}

static bool place_time(const struct placing *p)
{
	char text[CLOCK_TEXT];
	int64_t at;

	if (!clock_parse(&at, p->value))
		return fault_set(p->fault, FAULT_INPUT,
			"%s wants an instant such as 2026-11-22T21:00:00+08:00, not '%s'",
			p->field->name, p->value);
	clock_format(text, at);
	json_put_text(p->call->body, p->field->key, text);
	return true;
}

static bool place_pair(const struct placing *p)
{
	const char *equals = strchr(p->value, '=');
	json_t *pairs = json_object_get(p->call->body, p->field->key);

	if (equals == NULL || equals == p->value)
		return fault_set(p->fault, FAULT_INPUT, "%s wants KEY=VALUE, not '%s'",
			p->field->name, p->value);
	OWNED char *key = text_dup(p->value);

	key[equals - p->value] = '\0';
	if (json_object_get(pairs, key) != NULL)
		return fault_set(p->fault, FAULT_INPUT, "%s %s is given twice: give it once",
			p->field->name, key);
	if (json_object_set_new(pairs, key, json_string(equals + 1)) != 0)
		return fault_set(
			p->fault, FAULT_INPUT, "%s %s is not UTF-8 text", p->field->name, key);
	return true;
}

static bool place_body_file(const struct placing *p)
{
	size_t len;
	OWNED char *bytes = file_read(p->value, CALL_JSON_MAX, &len, p->fault);

	if (bytes == NULL)
		return false;
	JSON *body = json_read(bytes, len, p->fault);

	if (body == NULL)
		return fault_prefix(p->fault, "%s", p->value);
	json_object_update(p->call->body, body);
	return json_is_object(body) ||
		fault_set(p->fault, FAULT_INPUT, "%s: wants a JSON object", p->value);
}

static bool place_policy(const struct placing *p)
{
	size_t len;
	OWNED char *yaml = file_read(p->value, CALL_POLICY_MAX, &len, p->fault);

	if (yaml == NULL)
		return false;
	json_put_text(p->call->body, "policy_name", base_name(p->value));
	if (json_object_set_new(p->call->body, "policy_yaml", json_stringn(yaml, len)) != 0)
		return fault_set(p->fault, FAULT_INPUT, "%s is not UTF-8 text", p->value);
	return true;
}

static bool place_csv(const struct placing *p)
{
	struct csv_import import;

	if (!csv_import_read(&import, p->value, p->fault))
		return false;
	p->call->file = p->value;
	p->call->errors = take(import.errors);
	json_object_set_new(p->call->body, "rows", take(import.rows));
	return true;
}

/* NULL with a fault if the file cannot be used. */
static char *read_base64(const char *path, size_t max, struct fault *fault)
{
	size_t len;
	OWNED char *bytes = file_read(path, max, &len, fault);

	return bytes == NULL ? NULL : base64_encode(bytes, len);
}

static bool place_statement(const struct placing *p)
{
	OWNED char *data = read_base64(p->value, CALL_STATEMENT_MAX, p->fault);

	if (data == NULL)
		return false;
	p->call->file = p->value;
	json_put_text(p->call->body, "file_name", base_name(p->value));
	json_put_text(p->call->body, "data_b64", data);
	return true;
}

static const char *media_type(const char *name)
{
	static const struct {
		const char *ending, *type;
	} types[] = { { ".pdf", "application/pdf" }, { ".png", "image/png" },
		{ ".jpg", "image/jpeg" }, { ".jpeg", "image/jpeg" }, { ".ofd", "application/ofd" },
		{ ".xml", "application/xml" } };

	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot != NULL && i < COUNT_OF(types); i++)
		if (strcasecmp(dot, types[i].ending) == 0)
			return types[i].type;
	return "application/octet-stream";
}

/* Append the file PATH to the list FILES. */
static bool add_file(json_t *files, const char *path, struct fault *fault)
{
	OWNED char *data = read_base64(path, CALL_ATTACHMENT_MAX, fault);

	if (data == NULL)
		return false;
	json_t *file = json_object();

	json_put_text(file, "name", base_name(path));
	json_put_text(file, "media_type", media_type(path));
	json_put_text(file, "data_b64", data);
	json_array_append_new(files, file);
	return true;
}

static bool place_attach(const struct placing *p)
{
	return add_file(json_object_get(p->call->body, p->field->key), p->value, p->fault);
}

/* The evidence that ROW names, from DIRECTORY, becomes its files. */
static bool add_evidence(json_t *row, const char *directory, struct fault *fault)
{
	const json_t *name, *names = json_object_get(row, "evidence");
	json_t *files = json_array();
	size_t i;

	(void)json_object_set_new(row, "files", files);
	json_array_foreach(names, i, name)
	{
		OWNED char *path = text_dupf("%s/%s", directory != NULL ? directory : ".",
			base_name(json_string_value(name)));

		if (!add_file(files, path, fault))
			return fault_prefix(
				fault, "row %lld", (long long)json_peek_number(row, "row", 0));
	}
	(void)json_object_del(row, "evidence");
	return true;
}

static bool place_answers(const struct placing *p)
{
	size_t i, len;
	json_t *row, *rows;
	OWNED char *bytes = file_read(p->value, ANSWERS_BYTES_MAX, &len, p->fault);

	if (bytes == NULL)
		return false;
	rows = answers_csv_parse(bytes, len, p->fault);
	if (rows == NULL)
		return fault_prefix(p->fault, "%s", p->value);
	p->call->file = p->value;
	(void)json_object_set_new(p->call->body, "rows", rows);
	json_array_foreach(rows, i, row)
	{
		if (!add_evidence(row, p->call->evidence, p->fault))
			return fault_prefix(p->fault, "%s", p->value);
	}
	return true;
}

static bool place_nowhere(const struct placing *p)
{
	(void)p;
	return true;
}

static bool (*const placers[FIELD_PLACE_COUNT])(const struct placing *p) = {
	[FIELD_PATH] = place_path,
	[FIELD_QUERY] = place_query,
	[FIELD_QUERY_FLAG] = place_query_flag,
	[FIELD_BODY] = place_body,
	[FIELD_BODY_LINE] = place_line,
	[FIELD_BODY_NUMBER] = place_number,
	[FIELD_BODY_TIME] = place_time,
	[FIELD_BODY_FIXED] = place_nowhere,
	[FIELD_BODY_PAIR] = place_pair,
	[FIELD_BODY_FILE] = place_body_file,
	[FIELD_POLICY] = place_policy,
	[FIELD_CSV] = place_csv,
	[FIELD_STATEMENT] = place_statement,
	[FIELD_ATTACH] = place_attach,
	[FIELD_ANSWERS] = place_answers,
	[FIELD_OUT] = place_nowhere,
	[FIELD_LOCAL] = place_nowhere,
};

/* The members that are there whatever is typed. */
static json_t *empty_body(const struct invocation *invocation)
{
	const struct command *command = invocation->command;
	json_t *body = json_object();

	for (size_t i = 0; i < command->field_count; i++) {
		const struct field *field = &command->fields[i];

		if (field->place == FIELD_BODY_FIXED)
			json_put_text(body, field->key, field->value);
		if (field->place == FIELD_BODY_PAIR)
			json_object_set_new(body, field->key, json_object());
		if (field->place == FIELD_ATTACH)
			json_object_set_new(body, field->key, json_array());
		if (field->place == FIELD_BODY_TIME)
			json_object_set_new(body, field->key, json_null());
	}
	if ((command->flags & COMMAND_COMMIT) != 0)
		json_object_set_new(body, "commit",
			json_boolean(invocation_value(invocation, "--commit") != NULL));
	return body;
}

bool call_build(struct call *out, const struct invocation *invocation, struct fault *fault)
{
	struct call built = { .method = invocation->command->method,
		.evidence = invocation_value(invocation, "--evidence") };
	bool ok = true;

	text_init(&built.path, CALL_PATH_MAX);
	text_add(&built.path, invocation->command->path);
	if (!text_equal(built.method, "GET"))
		built.body = empty_body(invocation);
	for (size_t i = 0; ok && i < invocation->count; i++) {
		const struct given *given = &invocation->given[i];

		ok = placers[given->field->place](
			&(struct placing){ &built, given->field, given->value, fault });
	}
	if (ok && text_full(&built.path))
		ok = fault_set(fault, FAULT_INPUT, "the options are too long: shorten them");
	if (!ok) {
		call_done(&built);
		return false;
	}
	*out = built;
	return true;
}

void call_done(struct call *call)
{
	text_done(&call->path);
	json_decref(call->body);
	json_decref(call->errors);
	*call = (struct call){ .method = NULL };
}
