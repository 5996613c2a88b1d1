/* SPDX-License-Identifier: Apache-2.0 */
/* What the link worker can be asked to do.  Each function tells the supervisor its facts on stdout
 * and fills FAULT when it could not do it. */
#pragma once

#include <stdbool.h>

#include "agent/base/settings.h"
#include "common/fault.h"

/* Get an identity with the one-time code in CODE_FILE; an existing one only if REPLACE. */
bool link_enrol(const struct agent_settings *settings, const char *code_file, bool replace,
	struct fault *fault);
/* Report when the workstation changed or the report is old, else ask for orders; leaves
 * STATE_DIR/order.json.  Tells poll_seconds and, if there is one, order. */
bool link_poll(const struct agent_settings *settings, struct fault *fault);
/* Ask for the permit that the journal of ORDER prepared, journal the answer.  Tells permit=granted
 * with permit_ref, or permit=barred. */
bool link_permit(const struct agent_settings *settings, const char *order, struct fault *fault);
/* Send the result that the journal of ORDER holds, journal that it arrived, take the mark away. */
bool link_result(const struct agent_settings *settings, const char *order, struct fault *fault);
