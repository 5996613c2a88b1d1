/* SPDX-License-Identifier: Apache-2.0 */
/* Help for people and programs from the table of commands; nothing about a command is said here. */
#include "orchestrator/cli/help.h"

#include <string.h>

#include "orchestrator/cli/grid.h"
#include "orchestrator/cli/invocation.h"

/* A longer label moves the words of its value behind its help. */
enum { LABEL_MAX = 36 };

static const char help_head[] =
	"xuqi - have an organisation's certificates renewed: plan, approve, pay, install, prove\n"
	"\n"
	"usage: xuqi NOUN VERB [ARGUMENTS] [OPTIONS]\n"
	"       xuqi NOUN VERB --help\n"
	"\n";

static const char help_tail[] =
	"\n"
	"What costs money, touches tokens or speaks for a person is a dry run until --commit is added.\n"
	"Data goes to stdout, words to stderr.  In tables money is in yuan and instants are local; JSON\n"
	"has fen and UTC.\n"
	"\n"
	"exit status: 0 done (or nothing to do) · 1 failed · 2 usage, nothing was sent · 4 not allowed ·\n"
	"             5 no such thing · 6 changed meanwhile, look again · 7 partly done · 130 interrupted\n";

static bool is_of(const struct command *command, const struct noun *noun)
{
	return text_equal(command->noun, noun->name);
}

/* Two columns, two blanks in. */
static void add_pair(struct grid *grid, const char *left, const char *right)
{
	OWNED char *moved = text_dupf("  %s", left);

	grid_add(grid, moved);
	grid_add(grid, right);
}

void help_program(struct text *out)
{
	CLEANUP(grid_done) struct grid grid;

	text_add(out, help_head);
	grid_init(&grid, 2);
	for (size_t i = 0; i < noun_count; i++)
		add_pair(&grid, nouns[i].name, nouns[i].help);
	grid_write(&grid, out);
	text_add(out, "\noptions of every command:\n");
	grid_done(&grid);
	grid_init(&grid, 2);
	for (size_t i = 0; i < global_field_count; i++) {
		const struct field *field = &global_fields[i];
		OWNED char *name = text_dupf("%s%s%s", field->name, field->value != NULL ? " " : "",
			field->value != NULL ? field->value : "");

		add_pair(&grid, name, field->help);
	}
	grid_write(&grid, out);
	text_add(out, help_tail);
}

void help_noun(struct text *out, const struct noun *noun)
{
	CLEANUP(grid_done) struct grid grid;

	text_addf(out, "xuqi %s - %s\n\n", noun->name, noun->help);
	grid_init(&grid, 2);
	for (size_t i = 0; command_at(i) != NULL; i++) {
		char words[INVOCATION_PROGRAM_MAX];

		if (is_of(command_at(i), noun))
			add_pair(&grid, invocation_words(words, command_at(i)),
				command_at(i)->summary);
	}
	grid_write(&grid, out);
	if (noun->bare_verb != NULL)
		text_addf(out, "\n'xuqi %s' alone is 'xuqi %s %s'.\n", noun->name, noun->name,
			noun->bare_verb);
	text_addf(out, "\nSee 'xuqi %s VERB --help' for arguments and options.\n", noun->name);
}

/* ---- one command ---- */

static void add_usage_field(struct text *out, const struct field *field)
{
	bool is_needed = !field_is_option(field) || (field->flags & FIELD_REQUIRED) != 0;

	if (!field_is_typed(field))
		return;
	text_addf(out, is_needed ? " %s" : " [%s", field->name);
	if (field_is_option(field) && field->value != NULL)
		text_addf(out, " %s", field->value);
	text_add(out, is_needed ? "" : "]");
	text_add(out, (field->flags & FIELD_REPEATS) != 0 ? "…" : "");
}

static void add_usage(struct text *out, const struct command *command)
{
	char words[INVOCATION_PROGRAM_MAX];

	text_addf(out, "usage: %s", invocation_words(words, command));
	for (size_t i = 0; i < command->field_count; i++)
		add_usage_field(out, &command->fields[i]);
	if ((command->flags & COMMAND_COMMIT) != 0)
		add_usage_field(out, &commit_field);
	for (size_t i = 0; i < list_field_count && (command->flags & COMMAND_LIST) != 0; i++)
		add_usage_field(out, &list_fields[i]);
	text_add(out, "\n");
}

static void add_field(struct grid *grid, const struct field *field)
{
	bool has_value = field_is_option(field) && field->value != NULL;
	OWNED char *name = text_dupf(
		"%s%s%s", field->name, has_value ? " " : "", has_value ? field->value : "");
	OWNED char *behind = text_dupf("%s: %s", field->help, has_value ? field->value : "");
	bool is_long = has_value && strlen(name) > LABEL_MAX;

	if (field_is_typed(field))
		add_pair(grid, is_long ? field->name : name, is_long ? behind : field->help);
}

static void add_fields(struct text *out, const struct command *command)
{
	CLEANUP(grid_done) struct grid grid;

	grid_init(&grid, 2);
	for (size_t i = 0; i < command->field_count; i++)
		add_field(&grid, &command->fields[i]);
	if ((command->flags & COMMAND_COMMIT) != 0)
		add_field(&grid, &commit_field);
	for (size_t i = 0; i < list_field_count && (command->flags & COMMAND_LIST) != 0; i++)
		add_field(&grid, &list_fields[i]);
	if (grid.count > 0)
		text_add(out, "\n");
	grid_write(&grid, out);
}

void help_command(struct text *out, const struct command *command)
{
	add_usage(out, command);
	text_addf(out, "\n%s\n", command->summary);
	add_fields(out, command);
	if (command->detail != NULL)
		text_addf(out, "\n%s\n", command->detail);
	if (command->method != NULL)
		text_addf(out, "\nwho may: %s\ncalls: %s %s\n", command->roles, command->method,
			command->path);
	text_add(out, "Options of every command: see 'xuqi --help'.\n");
}

void help_all(struct text *out)
{
	help_program(out);
	for (size_t i = 0; command_at(i) != NULL; i++) {
		text_add(out, "\n");
		add_usage(out, command_at(i));
		text_addf(out, "  %s\n", command_at(i)->summary);
		add_fields(out, command_at(i));
	}
}

/* ---- for programs ---- */

static json_t *field_json(const struct field *field)
{
	json_t *object = json_object();

	json_put_text(object, "name", field->name);
	json_put_text(object, "value", field->value);
	json_put_text(object, "help", field->help);
	json_object_set_new(object, "required",
		json_boolean(!field_is_option(field) || (field->flags & FIELD_REQUIRED) != 0));
	json_object_set_new(object, "repeats", json_boolean((field->flags & FIELD_REPEATS) != 0));
	return object;
}

static void append_fields(json_t *into, const struct field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (field_is_typed(&fields[i]))
			json_array_append_new(into, field_json(&fields[i]));
}

static json_t *command_json(const struct command *command)
{
	json_t *object = json_object(), *fields = json_array();

	json_put_text(object, "noun", command->noun);
	json_put_text(object, "verb", command->verb);
	json_put_text(object, "summary", command->summary);
	json_put_text(object, "detail", command->detail);
	json_put_text(object, "roles", command->roles);
	json_put_text(object, "method", command->method);
	json_put_text(object, "path", command->path);
	json_object_set_new(
		object, "dry_run", json_boolean((command->flags & COMMAND_COMMIT) != 0));
	json_object_set_new(object, "list", json_boolean((command->flags & COMMAND_LIST) != 0));
	append_fields(fields, command->fields, command->field_count);
	if ((command->flags & COMMAND_LIST) != 0)
		append_fields(fields, list_fields, list_field_count);
	if ((command->flags & COMMAND_COMMIT) != 0)
		append_fields(fields, &commit_field, 1);
	json_object_set_new(object, "fields", fields);
	return object;
}

json_t *help_json(void)
{
	json_t *object = json_object(), *options = json_array(), *list = json_array();

	json_put_text(object, "program", "xuqi");
	json_put_text(object, "version", XUQI_VERSION);
	append_fields(options, global_fields, global_field_count);
	for (size_t i = 0; command_at(i) != NULL; i++)
		json_array_append_new(list, command_json(command_at(i)));
	json_object_set_new(object, "global_options", options);
	json_object_set_new(object, "commands", list);
	return object;
}

/* ---- completion ---- */

static void add_option_names(struct text *out, const struct field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (field_is_option(&fields[i]))
			text_addf(out, " %s", fields[i].name);
}

static void add_options_case(struct text *out, const struct command *command)
{
	text_addf(out, "\t'%s %s') words='", command->noun,
		command->verb != NULL ? command->verb : "");
	add_option_names(out, command->fields, command->field_count);
	if ((command->flags & COMMAND_COMMIT) != 0)
		add_option_names(out, &commit_field, 1);
	if ((command->flags & COMMAND_LIST) != 0)
		add_option_names(out, list_fields, list_field_count);
	text_add(out, "' ;;\n");
}

/* What may follow an option of NOUN (a pattern): the words of `a|b|c`, or file names. */
static void add_values_case(struct text *out, const char *noun, const struct field *field)
{
	if (!field_is_option(field) || field->value == NULL)
		return;
	if (strchr(field->value, '|') != NULL) {
		text_addf(out, "\t%s' %s') words='", noun, field->name);
		for (const char *c = field->value; *c != '\0'; c++)
			text_add_bytes(out, *c == '|' ? " " : c, 1);
		text_add(out, "' ;;\n");
	} else if (text_equal(field->value, "FILE")) {
		text_addf(out, "\t%s' %s') COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n",
			noun, field->name);
	}
}

static void add_verbs_case(struct text *out, const struct noun *noun)
{
	text_addf(out, "\t%s) words='", noun->name);
	for (size_t i = 0; command_at(i) != NULL; i++)
		if (is_of(command_at(i), noun) && command_at(i)->verb != NULL)
			text_addf(out, " %s", command_at(i)->verb);
	text_add(out, "' ;;\n");
}

static void add_all_values(struct text *out)
{
	text_add(out, "\t*' -o') words='table json' ;;\n");
	for (size_t i = 0; i < global_field_count; i++)
		add_values_case(out, "*", &global_fields[i]);
	for (size_t i = 0; command_at(i) != NULL; i++)
		for (size_t k = 0; k < command_at(i)->field_count; k++)
			add_values_case(out, command_at(i)->noun, &command_at(i)->fields[k]);
}

void help_bash(struct text *out)
{
	text_add(out,
		"# completion of xuqi for bash; made by 'xuqi completion bash'\n"
		"_xuqi() {\n"
		"\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=''\n"
		"\tCOMPREPLY=()\n"
		"\tcase \"${COMP_WORDS[1]} $prev\" in\n");
	add_all_values(out);
	text_add(out,
		"\tesac\n"
		"\tif [ -z \"$words\" ] && [ \"$COMP_CWORD\" = 1 ]; then\n"
		"\t\twords='");
	for (size_t i = 0; i < noun_count; i++)
		text_addf(out, "%s ", nouns[i].name);
	text_add(out,
		"--help --version'\n"
		"\telif [ -z \"$words\" ] && [ \"$COMP_CWORD\" = 2 ]; then\n"
		"\t\tcase ${COMP_WORDS[1]} in\n");
	for (size_t i = 0; i < noun_count; i++)
		add_verbs_case(out, &nouns[i]);
	text_add(out,
		"\t\tesac\n"
		"\tfi\n"
		"\tif [ -z \"$words\" ]; then\n"
		"\t\tcase \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n");
	for (size_t i = 0; command_at(i) != NULL; i++)
		add_options_case(out, command_at(i));
	text_add(out,
		"\t\tesac\n"
		"\t\t[ \"${cur#-}\" != \"$cur\" ] || { COMPREPLY=($(compgen -f -- \"$cur\")); "
		"return; }\n"
		"\t\twords+=' ");
	add_option_names(out, global_fields, global_field_count);
	text_add(out,
		"'\n"
		"\tfi\n"
		"\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
		"}\n"
		"complete -F _xuqi xuqi\n");
}
