/* SPDX-License-Identifier: Apache-2.0 */
/* Gives a renewal back after a failure of our own, so that nobody waits for its lease to run out. */
#pragma once

#include <stdint.h>

#include "orchestrator/flows/app.h"

/* What people read as the reason while it waits: our database, or our own mistake. */
const char *lease_reason(const struct fault *fault);
/* Give renewal ID back under its lease EPOCH (both copied), to be taken again after a while: ATTEMPTS have
 * failed before for the same reason. */
void lease_give_back(struct app *app, const char *id, const char *epoch, const struct fault *fault,
	int64_t attempts);
