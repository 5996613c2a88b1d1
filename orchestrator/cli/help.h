/* SPDX-License-Identifier: Apache-2.0 */
/* Help, completion and a machine-readable listing, all made from the table of commands. */
#pragma once

#include "common/json.h"
#include "common/text.h"
#include "orchestrator/cli/command.h"

enum { HELP_BYTES_MAX = 256 * 1024 };

/* `xuqi --help`. */
void help_program(struct text *out);
/* `xuqi NOUN --help`. */
void help_noun(struct text *out, const struct noun *noun);
/* `xuqi NOUN VERB --help`. */
void help_command(struct text *out, const struct command *command);
/* `xuqi help --all`: every command's usage and options. */
void help_all(struct text *out);
/* The same for programs: {program, version, global_options, commands:[…]}; the caller decrefs it. */
json_t *help_json(void);
/* A completion script for bash. */
void help_bash(struct text *out);
