/* SPDX-License-Identifier: Apache-2.0 */
/* The resident loop: timers, signals, hot-plug, one worker at a time. */
#pragma once

#include "agent/base/exits.h"
#include "agent/base/settings.h"

/* Run until SIGTERM or SIGINT.  DIRECTORY holds the workers. */
enum agent_exit supervisor_run(
	const struct agent_settings *settings, const char *settings_file, const char *directory);
