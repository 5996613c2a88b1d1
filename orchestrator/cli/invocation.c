/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a command line by the table of commands: first the noun and verb among the words, then
 * every option and argument of that command. */
#include "orchestrator/cli/invocation.h"

#include <stdio.h>
#include <string.h>

#include "common/text.h"

/* Where parsing stands. */
struct reading {
	struct invocation *out;
	int argc;
	char *const *argv;
	int at;           /* the next word */
	size_t arguments; /* taken so far */
	bool words_only;  /* behind `--` */
	struct fault *fault;
};

const char *invocation_words(char out[INVOCATION_PROGRAM_MAX], const struct command *command)
{
	bool verb = command->verb != NULL;

	snprintf(out, INVOCATION_PROGRAM_MAX, "xuqi %s%s%s", command->noun, verb ? " " : "",
		verb ? command->verb : "");
	return out;
}

const char *invocation_value(const struct invocation *invocation, const char *name)
{
	for (size_t i = invocation->count; i > 0; i--)
		if (text_equal(invocation->given[i - 1].field->name, name))
			return invocation->given[i - 1].value;
	return NULL;
}

bool invocation_wants_json(const struct invocation *invocation)
{
	return text_equal(invocation_value(invocation, "--output"), "json");
}

/* Options may stand before the noun, where no command is known yet: those of every command. */
static const struct field *option_find(const struct invocation *out, const char *name)
{
	const struct command nothing = { .noun = "" };

	if (text_equal(name, "-o"))
		name = "--output";
	if (text_equal(name, "-h"))
		name = "--help";
	return command_option(out->command != NULL ? out->command : &nothing, name);
}

static bool unknown_option(struct reading *reading, const char *name)
{
	char words[INVOCATION_PROGRAM_MAX] = "xuqi";

	if (reading->out->command != NULL)
		invocation_words(words, reading->out->command);
	return fault_set(reading->fault, FAULT_INPUT, "there is no option %s here: see '%s --help'",
		name, words);
}

static bool keep(struct reading *reading, const struct field *field, const char *value)
{
	struct invocation *out = reading->out;

	if ((field->flags & FIELD_REPEATS) == 0 && invocation_value(out, field->name) != NULL)
		return fault_set(reading->fault, FAULT_INPUT, "%s is given twice: give it once",
			field->name);
	if (out->count == INVOCATION_GIVEN_MAX)
		return fault_set(reading->fault, FAULT_INPUT,
			"more than %d options: give fewer at a time", INVOCATION_GIVEN_MAX);
	if (!field_allows(field, value))
		return fault_set(reading->fault, FAULT_INPUT, "%s is not a value of %s: use %s",
			value, field->name, field->value);
	if (field->value != NULL && value[0] == '\0')
		return fault_set(reading->fault, FAULT_INPUT, "%s is empty: give %s %s",
			field->name, field->name, field->value);
	out->given[out->count++] = (struct given){ .field = field, .value = value };
	out->help = out->help || text_equal(field->name, "--help");
	out->version = out->version || text_equal(field->name, "--version");
	return true;
}

/* `--name value`, `--name=value` or `--flag`. */
static bool read_option(struct reading *reading, char *word)
{
	char name[64];
	const char *value = strchr(word, '=');
	size_t len = value != NULL ? (size_t)(value - word) : strlen(word);

	if (len >= sizeof(name))
		return unknown_option(reading, word);
	memcpy(name, word, len);
	name[len] = '\0';

	const struct field *field = option_find(reading->out, name);

	if (field == NULL)
		return unknown_option(reading, name);
	if (field->value == NULL && value != NULL)
		return fault_set(reading->fault, FAULT_INPUT, "%s takes no value", name);
	if (field->value == NULL)
		return keep(reading, field, "");
	if (value != NULL)
		return keep(reading, field, value + 1);
	if (reading->at == reading->argc)
		return fault_set(reading->fault, FAULT_INPUT, "%s wants a value: %s %s", name, name,
			field->value);
	return keep(reading, field, reading->argv[reading->at++]);
}

static bool verb_missing(struct reading *reading, const struct noun *noun, const char *typed)
{
	TEXT verbs;

	text_init(&verbs, FAULT_TEXT_MAX / 2);
	for (size_t i = 0; command_at(i) != NULL; i++)
		if (text_equal(command_at(i)->noun, noun->name) && command_at(i)->verb != NULL)
			text_addf(&verbs, "%s%s", verbs.len > 0 ? ", " : "", command_at(i)->verb);
	if (typed == NULL)
		return fault_set(reading->fault, FAULT_INPUT, "xuqi %s wants one of: %s",
			noun->name, verbs.data);
	return fault_set(reading->fault, FAULT_INPUT, "'xuqi %s' has no '%s': use one of: %s",
		noun->name, typed, verbs.data);
}

static bool read_noun(struct reading *reading, const char *word)
{
	struct invocation *out = reading->out;

	out->noun = noun_find(word);
	if (out->noun == NULL)
		return fault_set(reading->fault, FAULT_INPUT,
			"there is no command '%s': see 'xuqi --help'", word);
	out->command = command_find(word, NULL);
	return true;
}

/* `task done --csv FILE` answers many tasks: a command of its own in the table, VERB-list. */
static const struct command *verb_find(const struct reading *reading, const char *verb)
{
	const char *noun = reading->out->noun->name;
	OWNED char *list = text_dupf("%s-list", verb);
	const struct command *found = NULL;

	for (int i = 1; i < reading->argc && found == NULL; i++)
		if (text_equal(reading->argv[i], "--csv") ||
			text_starts(reading->argv[i], "--csv="))
			found = command_find(noun, list);
	return found != NULL ? found : command_find(noun, verb);
}

static bool read_word(struct reading *reading, const char *word)
{
	struct invocation *out = reading->out;

	if (out->noun == NULL)
		return read_noun(reading, word);
	if (out->command == NULL) {
		out->command = verb_find(reading, word);
		return out->command != NULL || verb_missing(reading, out->noun, word);
	}

	const struct field *field = command_argument(out->command, reading->arguments);
	char words[INVOCATION_PROGRAM_MAX];

	if (field == NULL)
		return fault_set(reading->fault, FAULT_INPUT,
			"'%s' is one word too many: see '%s --help'", word,
			invocation_words(words, out->command));
	reading->arguments++;
	return keep(reading, field, word);
}

/* A bare noun may mean one of its verbs (`xuqi hold` is `xuqi hold list`). */
static bool settle_command(struct reading *reading)
{
	struct invocation *out = reading->out;

	if (out->command != NULL || out->help || out->version)
		return true;
	if (out->noun == NULL)
		return fault_set(
			reading->fault, FAULT_INPUT, "what shall be done? see 'xuqi --help'");
	if (out->noun->bare_verb == NULL)
		return verb_missing(reading, out->noun, NULL);
	out->command = command_find(out->noun->name, out->noun->bare_verb);
	return true;
}

static bool require(struct reading *reading, const struct field *field)
{
	char words[INVOCATION_PROGRAM_MAX];
	bool option = field_is_option(field);

	if (option && (field->flags & FIELD_REQUIRED) == 0)
		return true;
	if (!field_is_typed(field) || invocation_value(reading->out, field->name) != NULL)
		return true;
	invocation_words(words, reading->out->command);
	if (option)
		return fault_set(reading->fault, FAULT_INPUT, "%s %s is missing: see '%s --help'",
			field->name, field->value, words);
	return fault_set(
		reading->fault, FAULT_INPUT, "%s is missing: see '%s --help'", field->name, words);
}

static bool check_complete(struct reading *reading)
{
	const struct invocation *out = reading->out;

	if (out->help || out->version)
		return true;
	for (size_t i = 0; i < out->command->field_count; i++)
		if (!require(reading, &out->command->fields[i]))
			return false;
	return true;
}

static bool read_next(struct reading *reading)
{
	char *word = reading->argv[reading->at++];

	if (!reading->words_only && text_equal(word, "--")) {
		reading->words_only = true;
		return true;
	}
	if (!reading->words_only && word[0] == '-' && word[1] != '\0')
		return read_option(reading, word);
	return read_word(reading, word);
}

bool invocation_parse(struct invocation *out, int argc, char *const *argv, struct fault *fault)
{
	struct invocation parsed = { .noun = NULL };
	struct reading reading = { &parsed, argc, argv, 1, 0, false, fault };

	while (reading.at < argc)
		if (!read_next(&reading))
			return false;
	if (!settle_command(&reading) || !check_complete(&reading))
		return false;
	*out = parsed;
	return true;
}
