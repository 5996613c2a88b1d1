/* SPDX-License-Identifier: Apache-2.0 */
/* Problems (RFC 9457) and faults to sentences, with the next step from two small tables. */
#include "orchestrator/cli/complaint.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/text.h"
#include "orchestrator/cli/grid.h"

enum { SENTENCE_MAX = 16 * 1024 };

/* The next step by the server's code, where it knows more than the status. */
static const struct {
	const char *code, *next;
} complaint_codes[] = {
	{ "REQUESTER_APPROVES", "ask another person with the role approver" },
	{ "DIGEST_STALE", "look at the plan again: xuqi campaign show ID" },
};

static const struct {
	long status;
	enum cli_exit exit;
	const char *next; /* "": made by next_step */
} complaint_statuses[] = {
	{ 401, CLI_AUTH, "give the file of your token with --token-file or XUQI_TOKEN_FILE" },
	{ 403, CLI_AUTH, "" },
	{ 404, CLI_ABSENT, "" },
	{ 409, CLI_CONFLICT, "look at it again, then decide anew" },
	{ 412, CLI_CONFLICT, "look at it again, then decide anew" },
	{ 429, CLI_FAILED, "wait a moment, then try again" },
	{ 503, CLI_FAILED, "wait a moment, then try again" },
};

/* LINE on stderr without anything that would steer the terminal. */
static void say(const char *prefix, const char *line)
{
	TEXT clean;

	text_init(&clean, SENTENCE_MAX);
	grid_clean(&clean, line);
	(void)fprintf(stderr, "%s%s\n", prefix, clean.data);
}

enum cli_exit complaint_fault(const struct fault *fault)
{
	say("xuqi: ", fault->text);
	return CLI_FAILED;
}

enum cli_exit complaint_usage(const struct fault *fault)
{
	say("xuqi: ", fault->text);
	return CLI_USAGE;
}

void complaint_rows(const char *file, const json_t *errors)
{
	for (size_t i = 0; i < json_array_size(errors); i++) {
		const json_t *error = json_array_get(errors, i);
		const char *column = json_peek_text(error, "column");
		const char *text = json_peek_text(error, "text");
		bool has_column = column != NULL && *column != '\0';
		TEXT line;

		text_init(&line, SENTENCE_MAX);
		text_addf(&line, "%s: row %" PRId64 "%s%s: %s", file != NULL ? file : "the file",
			json_peek_number(error, "row", 0), has_column ? ", column " : "",
			has_column ? column : "", text != NULL ? text : "cannot be used");
		say("xuqi: ", line.data);
	}
}

/* What to do after STATUS with CODE, in LINE; nothing if DETAIL says it all. */
static void next_step(struct text *line, const struct command *command, long status,
	const char *code, const char *detail)
{
	for (size_t i = 0; i < COUNT_OF(complaint_codes); i++)
		if (text_equal(complaint_codes[i].code, code)) {
			text_add(line, complaint_codes[i].next);
			return;
		}
	if (status == 403 && text_starts(detail, "role "))
		text_addf(line, "this wants a token with the role: %s", command->roles);
	if (status == 404 && command_find(command->noun, "list") != NULL)
		text_addf(line, "look it up: xuqi %s list", command->noun);
	for (size_t i = 0; i < COUNT_OF(complaint_statuses); i++)
		if (complaint_statuses[i].status == status)
			text_add(line, complaint_statuses[i].next);
}

static enum cli_exit exit_of(long status)
{
	for (size_t i = 0; i < COUNT_OF(complaint_statuses); i++)
		if (complaint_statuses[i].status == status)
			return complaint_statuses[i].exit;
	return CLI_FAILED;
}

enum cli_exit complaint_answer(
	const struct command *command, const char *file, long status, const json_t *body)
{
	const json_t *errors = json_object_get(body, "errors");
	const char *detail = json_peek_text(body, "detail");
	const char *title = json_peek_text(body, "title");
	char plain[64];
	TEXT next;

	(void)snprintf(plain, sizeof(plain), "the server answered %ld", status);
	complaint_rows(file, errors);
	if (json_array_size(errors) > 0 && detail == NULL)
		detail = "nothing was changed: mend these and repeat";
	if (detail == NULL)
		detail = title != NULL ? title : plain;
	say("xuqi: ", detail);
	text_init(&next, SENTENCE_MAX);
	next_step(&next, command, status, json_peek_text(body, "code"), detail);
	if (next.len > 0)
		say("next: ", next.data);
	return exit_of(status);
}
