/* SPDX-License-Identifier: Apache-2.0 */
/* What went wrong, for a person on stderr: one sentence, then what to do next; and the exit status
 * that tells a script the same. */
#pragma once

#include "common/fault.h"
#include "common/json.h"
#include "orchestrator/cli/command.h"

/* Exit statuses of xuqi; 130 is the shell's for an interrupt. */
enum cli_exit {
	CLI_OK = 0,       /* also: there was nothing to do */
	CLI_FAILED = 1,   /* the server or the network said no */
	CLI_USAGE = 2,    /* what was typed, or a file it names, cannot be used: nothing was sent */
	CLI_AUTH = 4,     /* no token, an unknown one, or one whose role may not */
	CLI_ABSENT = 5,   /* there is no such thing */
	CLI_CONFLICT = 6, /* something changed in between: look again */
	CLI_PARTLY = 7    /* some of it was done; stderr says what was not */
};

/* Say FAULT; what the connection failed with. */
enum cli_exit complaint_fault(const struct fault *fault);
/* Say a usage error. */
enum cli_exit complaint_usage(const struct fault *fault);
/* Say an answer of STATUS >= 400 to COMMAND, made of FILE (may be NULL). */
enum cli_exit complaint_answer(
	const struct command *command, const char *file, long status, const json_t *body);
/* Say each of ERRORS [{row, column, text}] of FILE; nothing if there are none. */
void complaint_rows(const char *file, const json_t *errors);
