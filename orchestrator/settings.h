/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of xuqid as one table. */
#pragma once

#include "common/settings.h"

#include "orchestrator/flows/app.h"

extern const struct setting_table xuqid_settings;

/* What the table alone cannot tell: settings that must be set, and that fit together.  FAULT_INPUT names the
 * path and the remedy. */
bool xuqid_settings_fit(const struct settings *settings, struct fault *fault) MUST_CHECK;
