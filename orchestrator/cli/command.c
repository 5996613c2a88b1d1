/* SPDX-License-Identifier: Apache-2.0 */
/* Look-ups in the table of commands (commands_*.c). */
#include "orchestrator/cli/command_rows.h"

#include <string.h>

#include "common/text.h"

static const struct command_table *const tables[] = { &fleet_commands, &tasks_commands,
	&money_commands, &house_commands };

const struct command *command_at(size_t i)
{
	for (size_t t = 0; t < COUNT_OF(tables); i -= tables[t++]->count)
		if (i < tables[t]->count)
			return &tables[t]->rows[i];
	return NULL;
}

size_t command_count(void)
{
	size_t count = 0;

	while (command_at(count) != NULL)
		count++;
	return count;
}

const struct noun *noun_find(const char *name)
{
	for (size_t i = 0; i < noun_count; i++)
		if (text_equal(nouns[i].name, name))
			return &nouns[i];
	return NULL;
}

const struct command *command_find(const char *noun, const char *verb)
{
	const struct command *command;

	for (size_t i = 0; (command = command_at(i)) != NULL; i++)
		if (text_equal(command->noun, noun) && text_equal(command->verb, verb))
			return command;
	return NULL;
}

bool field_is_option(const struct field *field)
{
	return field->name[0] == '-';
}

bool field_is_typed(const struct field *field)
{
	return field->place != FIELD_BODY_FIXED;
}

static const struct field *field_find(const struct field *fields, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (field_is_typed(&fields[i]) && text_equal(fields[i].name, name))
			return &fields[i];
	return NULL;
}

const struct field *command_option(const struct command *command, const char *name)
{
	const struct field *found = field_find(command->fields, command->field_count, name);

	if (found == NULL && (command->flags & COMMAND_LIST) != 0)
		found = field_find(list_fields, list_field_count, name);
	if (found == NULL && (command->flags & COMMAND_COMMIT) != 0)
		found = field_find(&commit_field, 1, name);
	if (found == NULL)
		found = field_find(global_fields, global_field_count, name);
	return found;
}

const struct field *command_argument(const struct command *command, size_t index)
{
	for (size_t i = 0; i < command->field_count; i++) {
		const struct field *field = &command->fields[i];

		if (field_is_option(field) || !field_is_typed(field))
			continue;
		if (index == 0 || (field->flags & FIELD_REPEATS) != 0)
			return field; /* the last one may stand for several */
		index--;
	}
	return NULL;
}

bool field_allows(const struct field *field, const char *value)
{
	size_t len = strlen(value);
	const char *word = field->value;

	if (word == NULL || strchr(word, '|') == NULL)
		return true;
	while (word != NULL) {
		size_t word_len = strcspn(word, "|");

		if (word_len == len && memcmp(word, value, len) == 0)
			return true;
		word = word[word_len] == '|' ? word + word_len + 1 : NULL;
	}
	return false;
}
