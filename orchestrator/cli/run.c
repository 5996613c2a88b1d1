/* SPDX-License-Identifier: Apache-2.0 */
/* The story of one command: build the call, connect, send it (page by page for a list), keep what
 * --out wants, print the answer, say what comes next. */
#include "orchestrator/cli/run.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/digest.h"
#include "common/file.h"
#include "common/text.h"
#include "orchestrator/cli/call.h"
#include "orchestrator/cli/remote.h"
#include "orchestrator/cli/sheet.h"
#include "orchestrator/cli/show.h"

enum { RUN_PAGES_MAX = 1000 };

#define RUN_PAGE_ITEMS "200"

struct run {
	const struct invocation *invocation;
	const struct command *command;
	struct call call;
	struct remote *remote;
	struct remote_answer answer;
	struct fault fault;
};

static void run_done(struct run *run)
{
	call_done(&run->call);
	remote_close(run->remote);
	json_decref(run->answer.body);
}

static bool has_flag(const struct run *run, unsigned flag)
{
	return (run->command->flags & flag) != 0;
}

/* True unless this is a dry run. */
static bool is_real(const struct run *run)
{
	return !has_flag(run, COMMAND_COMMIT) ||
		invocation_value(run->invocation, "--commit") != NULL;
}

/* ---- connecting ---- */

static const char *setting(const struct run *run, const char *option, const char *variable)
{
	const char *typed = invocation_value(run->invocation, option);
	const char *set = typed != NULL ? typed : getenv(variable);

	return set != NULL && *set != '\0' ? set : NULL;
}

static bool connect_to_server(struct run *run)
{
	char warning[FAULT_TEXT_MAX];
	const char *url = setting(run, "--url", "XUQI_URL");
	const struct remote_settings settings = {
		.url = url != NULL ? url : XUQI_URL_DEFAULT,
		.token_file = setting(run, "--token-file", "XUQI_TOKEN_FILE"),
		.ca_file = setting(run, "--ca-file", "XUQI_CA_FILE"),
	};

	run->remote = remote_open(&settings, warning, &run->fault);
	if (run->remote != NULL && *warning != '\0')
		(void)fprintf(stderr, "xuqi: warning: %s\n", warning);
	return run->remote != NULL;
}

/* ---- calling ---- */

static bool send_call(struct run *run, const char *path)
{
	struct remote_answer answer;

	if (!remote_call(&answer, run->remote, run->call.method, path, run->call.body, &run->fault))
		return false;
	json_decref(run->answer.body);
	run->answer = answer;
	return true;
}

static bool is_good(const struct run *run)
{
	return run->answer.status >= 200 && run->answer.status < 300;
}

/* One page is asked for by --limit or --cursor; everything otherwise. */
static bool wants_all_pages(const struct run *run)
{
	return has_flag(run, COMMAND_LIST) &&
		invocation_value(run->invocation, "--limit") == NULL &&
		invocation_value(run->invocation, "--cursor") == NULL;
}

/* Ask for pages until there is none; run->answer is the last one with the items of all. */
static bool call_for_all(struct run *run)
{
	JSON *items = json_array();
	OWNED char *first = text_dupf("%s", run->call.path.data);

	call_query(&run->call, "limit", RUN_PAGE_ITEMS);
	for (size_t pages = 0; pages < RUN_PAGES_MAX; pages++) {
		if (!send_call(run, run->call.path.data))
			return false;
		if (!is_good(run))
			return true;
		json_array_extend(items, json_object_get(run->answer.body, "items"));

		TEXT cursor;

		text_init(&cursor, FAULT_TEXT_MAX);
		show_value(
			&cursor, "next_cursor", json_object_get(run->answer.body, "next_cursor"));
		if (cursor.len == 0) {
			json_object_set(run->answer.body, "items", items);
			return true;
		}
		text_clear(&run->call.path);
		text_add(&run->call.path, first);
		call_query(&run->call, "limit", RUN_PAGE_ITEMS);
		call_query(&run->call, "cursor", cursor.data);
	}
	return fault_set(&run->fault, FAULT_REFUSED,
		"the list does not end: ask for less, or page by page with --limit and --cursor");
}

static bool has_errors(const struct run *run)
{
	return json_array_size(json_object_get(run->answer.body, "errors")) > 0;
}

/* ---- --out ---- */

static const struct field *out_field(const struct run *run)
{
	for (size_t i = 0; i < run->command->field_count; i++)
		if (run->command->fields[i].place == FIELD_OUT)
			return &run->command->fields[i];
	return NULL;
}

/* Not a dry run, and there was something to do. */
static bool was_done(const struct run *run)
{
	return is_real(run) && !json_is_false(json_object_get(run->answer.body, "committed"));
}

/* Where the person wants it, or NULL. */
static const char *out_path(const struct run *run)
{
	const struct field *field = out_field(run);

	return field != NULL ? invocation_value(run->invocation, field->name) : NULL;
}

/* A bank's file is worth money: write it only if it is what the server says it is. */
static bool check_digest(struct run *run, const void *content, size_t len)
{
	const char *stated = json_peek_text(run->answer.body, "sha256");
	char found[SHA256_HEX];

	sha256_hex(found, content, len);
	return stated == NULL || strcasecmp(stated, found) == 0 ||
		fault_set(&run->fault, FAULT_REFUSED,
			"the file does not have the digest that the server states: not written; try again");
}

static bool encoded(const char *key)
{
	return strlen(key) > 4 && strcmp(key + strlen(key) - 4, "_b64") == 0;
}

/* The bytes that member KEY is, on the heap, or NULL. */
static void *out_bytes(const struct run *run, const char *key, size_t *len)
{
	const char *content = json_peek_text(run->answer.body, key);

	if (content == NULL)
		return NULL;
	if (encoded(key))
		return base64_decode(content, len);
	*len = strlen(content);
	return text_dup(content);
}

/* Write the member that --out wants, and take it out of what is shown. */
static bool keep_out(struct run *run)
{
	const struct field *field = out_field(run);
	const char *path = out_path(run);
	size_t len = 0;

	if (field == NULL || path == NULL || !was_done(run))
		return true;
	OWNED void *content = out_bytes(run, field->key, &len);

	if (content == NULL)
		return fault_set(&run->fault, FAULT_REFUSED, "the answer has no %s to write to %s",
			field->key, path);
	if (!check_digest(run, content, len) || !file_write(path, content, len, 0600, &run->fault))
		return false;
	(void)fprintf(
		stderr, "xuqi: %s is in %s\n", encoded(field->key) ? "the file" : field->key, path);
	json_object_del(run->answer.body, field->key);
	return true;
}

/* ---- printing ---- */

static void print_json(json_t *answer)
{
	OWNED char *text = json_dumps(answer, JSON_INDENT(2) | JSON_ENCODE_ANY);

	if (text != NULL)
		(void)puts(text);
}

static void print_table(const struct run *run)
{
	json_t *items = json_object_get(run->answer.body, "items");
	TEXT out;

	text_init(&out, SHOW_BYTES_MAX);
	if (json_is_array(items) && run->command->columns != NULL)
		show_list(&out, items, run->command->columns);
	else
		show_object(&out, run->answer.body, run->command->columns);
	(void)fputs(out.data, stdout);
}

char *run_fill(const char *line, const json_t *answer)
{
	TEXT out;

	text_init(&out, FAULT_TEXT_MAX);
	while (*line != '\0') {
		size_t len = strcspn(line, "{");
		size_t name_len = line[len] == '{' ? strcspn(line + len, "}") : 0;

		text_add_bytes(&out, line, len);
		line += len;
		if (name_len == 0)
			continue;
		OWNED char *name = text_dupf("%.*s", (int)name_len - 1, line + 1);
		char *dot = strchr(name, '.');
		json_t *of = json_object_get(answer, name);

		if (dot != NULL) {
			*dot = '\0';
			of = json_object_get(json_object_get(answer, name), dot + 1);
		}
		if (of == NULL || json_is_null(of))
			return NULL;
		show_value(&out, name, of);
		line += name_len + (line[name_len] == '}' ? 1 : 0);
	}
	return text_take(&out, NULL);
}

/* A list may have been filled in since it was written: never over another. */
static bool write_list(struct run *run, const char *path, const char *list)
{
	if (access(path, F_OK) == 0)
		return fault_set(&run->fault, FAULT_CONFLICT,
			"%s is there already, maybe with answers: give it back, or name another file",
			path);
	if (!file_write(path, list, strlen(list), 0600, &run->fault))
		return false;
	(void)fprintf(stderr,
		"xuqi: the list is in %s\nnext: fill it in, then: xuqi task done --csv %s\n", path,
		path);
	return true;
}

/* A sitting on paper: to --out (or the screen) as text, to --csv as a list. */
static bool print_sheet(struct run *run)
{
	const char *out = invocation_value(run->invocation, "--out"),
		   *csv = invocation_value(run->invocation, "--csv");
	OWNED char *text = sheet_text(run->answer.body), *list = sheet_csv(run->answer.body);

	if (csv == NULL && out == NULL)
		(void)fputs(text, stdout);
	if (csv != NULL && !write_list(run, csv, list))
		return false;
	if (out == NULL)
		return true;
	if (!file_write(out, text, strlen(text), 0600, &run->fault))
		return false;
	(void)fprintf(stderr, "xuqi: the cards are in %s\n", out);
	return true;
}

static const char *why_not_done(const struct run *run)
{
	if (has_errors(run))
		return "xuqi: nothing was changed: mend these and repeat\n";
	return is_real(run) ? "xuqi: there was nothing to do\n"
			    : "dry run: nothing changed; add --commit\n";
}

static void say_next(const struct run *run)
{
	const json_t *items = json_object_get(run->answer.body, "items");

	if (json_is_array(items) && json_array_size(items) == 0 &&
		!invocation_wants_json(run->invocation))
		(void)fputs("xuqi: there is none\n", stderr);
	if (!was_done(run)) {
		(void)fputs(why_not_done(run), stderr);
		if (out_path(run) != NULL)
			(void)fprintf(stderr, "xuqi: %s is not written\n", out_path(run));
		return;
	}
	if (run->command->next == NULL || invocation_wants_json(run->invocation))
		return;
	OWNED char *next = run_fill(run->command->next, run->answer.body);

	if (next != NULL)
		(void)fprintf(stderr, "next: %s\n", next);
}

/* ---- the outcome ---- */

static bool any_fails(const json_t *items)
{
	for (size_t i = 0; i < json_array_size(items); i++)
		if (text_equal(json_peek_text(json_array_get(items, i), "level"), "fail"))
			return true;
	return false;
}

/* A good answer may still report what could not be done. */
static enum cli_exit outcome(const struct run *run)
{
	const json_t *body = run->answer.body;

	if (has_errors(run))
		return json_is_true(json_object_get(body, "committed")) ? CLI_PARTLY : CLI_FAILED;
	return any_fails(json_object_get(body, "items")) ? CLI_FAILED : CLI_OK;
}

static enum cli_exit finish(struct run *run)
{
	bool sheet = has_flag(run, COMMAND_SHEET), kept = sheet || keep_out(run);

	if (invocation_wants_json(run->invocation))
		print_json(run->answer.body);
	else if (sheet)
		kept = print_sheet(run);
	else
		print_table(run);
	say_next(run);
	if (!kept) {
		(void)complaint_fault(&run->fault);
		return text_equal(run->call.method, "GET") ? CLI_FAILED : CLI_PARTLY;
	}
	return outcome(run);
}

enum cli_exit run_command(const struct invocation *invocation)
{
	CLEANUP(run_done)
	struct run run = { .invocation = invocation, .command = invocation->command };

	if (!call_build(&run.call, invocation, &run.fault))
		return complaint_usage(&run.fault);
	if (json_array_size(run.call.errors) > 0) {
		complaint_rows(run.call.file, run.call.errors);
		return CLI_FAILED;
	}
	if (!connect_to_server(&run))
		return complaint_usage(&run.fault);

	bool answered =
		wants_all_pages(&run) ? call_for_all(&run) : send_call(&run, run.call.path.data);

	if (!answered)
		return complaint_fault(&run.fault);
	if (!is_good(&run))
		return complaint_answer(
			run.command, run.call.file, run.answer.status, run.answer.body);
	return finish(&run);
}
