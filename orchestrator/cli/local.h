/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of an administrator on the orchestrator's machine: xuqi-backup is started in place of this program. */
#pragma once

#include <stdbool.h>

#include "orchestrator/cli/complaint.h"
#include "orchestrator/cli/invocation.h"

/* True if the command is one of them. */
bool local_is(const struct invocation *invocation);
/* Become xuqi-backup; comes back only if there is none. */
enum cli_exit local_run(const struct invocation *invocation);
