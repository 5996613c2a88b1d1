/* SPDX-License-Identifier: Apache-2.0 */
/* The version of the CA's client on this workstation (主程序版本号, guide chapter 1), from the
 * source that the settings name. */
#pragma once

#include <stdbool.h>

#include "agent/base/settings.h"

enum { CLIENT_VERSION_MAX = 32 };

/* The dotted number without its leading V, "" if it is unknown: no file, unreadable, or not a
 * version. */
void client_version_read(char out[CLIENT_VERSION_MAX], const struct agent_settings *settings);
/* True if VERSION is known and at least the settings' minimum and, unless it is NULL, MINIMUM. */
bool client_version_suffices(
	const struct agent_settings *settings, const char *version, const char *minimum);
