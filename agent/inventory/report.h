/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's report: tokens, certificates, client version, as schema/agent.md says. */
#pragma once

#include "agent/base/settings.h"
#include "agent/token/token.h"

/* The report as compact JSON, but for `sent_at`, which the link worker adds: so an unchanged
 * workstation gives an unchanged text.  NULL if the module cannot be read; the caller frees it. */
char *report_make(const struct agent_settings *settings, const struct token_driver *driver,
	struct fault *fault);
