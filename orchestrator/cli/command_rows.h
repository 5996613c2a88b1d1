/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of rows share (commands_*.c).  To add a command: a row in the file of its matter, its path in
 * schema/openapi.yaml; help, completion and parsing follow from the row. */
#pragma once

#include "orchestrator/cli/command.h"

/* clang-format off */
#define FIELDS(array) .fields = (array), .field_count = COUNT_OF(array)

/* clang-format on */

#define ANYONE "any role"

extern const struct command_table fleet_commands, tasks_commands, money_commands, house_commands;

/* clang-format off */
static const struct field id_fields[] = {
	{ "ID", "ID", FIELD_PATH, 0, NULL, "its id" },
};
/* clang-format on */
