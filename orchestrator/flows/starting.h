/* SPDX-License-Identifier: Apache-2.0 */
/* What is done once per start, after the schema is current: the first admin token of a new installation, and
 * the leases of a dead predecessor where no other worker can exist. */
#pragma once

#include "orchestrator/flows/app.h"

/* Begin; ON_DONE runs once.  SOLE says that this process is the database's only worker. */
bool starting_start(struct app *app, bool sole,
	void (*on_done)(struct app *app, const struct fault *fault), struct fault *fault)
	MUST_CHECK;
