/* SPDX-License-Identifier: Apache-2.0 */
/* A command line taken apart by the table of commands.  Nothing is read or opened here; every
 * refusal is a usage error (exit status 2) that names the word and the remedy. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/fault.h"
#include "orchestrator/cli/command.h"

enum { INVOCATION_GIVEN_MAX = 64, INVOCATION_PROGRAM_MAX = 96 };

struct given {
	const struct field *field;
	const char *value; /* "" of a flag; borrowed from argv */
};

struct invocation {
	const struct noun *noun;       /* NULL: none was named */
	const struct command *command; /* NULL with help or version */
	struct given given[INVOCATION_GIVEN_MAX];
	size_t count;
	bool help, version;
};

/* Take ARGV[1..ARGC) apart.  The texts in OUT are borrowed from ARGV. */
bool invocation_parse(struct invocation *out, int argc, char *const *argv, struct fault *fault)
	MUST_CHECK;
/* The (last) value of the option or argument NAME, or NULL if it was not given. */
const char *invocation_value(const struct invocation *invocation, const char *name);
/* True if the answer is to be printed as JSON. */
bool invocation_wants_json(const struct invocation *invocation);
/* `xuqi NOUN VERB`, for messages. */
const char *invocation_words(char out[INVOCATION_PROGRAM_MAX], const struct command *command);
