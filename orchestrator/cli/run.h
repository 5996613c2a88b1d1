/* SPDX-License-Identifier: Apache-2.0 */
/* One command at the server: ask, follow the pages of a list, write --out, print. */
#pragma once

#include "orchestrator/cli/complaint.h"
#include "orchestrator/cli/invocation.h"

/* Do INVOCATION, whose command has a method.  Data goes to stdout, words to stderr. */
enum cli_exit run_command(const struct invocation *invocation);
/* LINE with each {member} or {member.member} replaced from ANSWER; the caller frees it.  NULL if
 * the answer lacks one. */
char *run_fill(const char *line, const json_t *answer);
