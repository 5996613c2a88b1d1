/* SPDX-License-Identifier: Apache-2.0 */
/* Opens the keys of personal data before anything is served (docs/privacy.md): read from the settings' file, or made
 * for a database that has none yet.  Keys that do not fit the database stop the start: nothing is ever sealed
 * under a key that the others do not have. */
#pragma once

#include "orchestrator/flows/app.h"

/* Set APP->seals, then call ON_DONE once; FAULT names the file and the remedy.  False if it runs already. */
bool keyring_start(struct app *app, void (*on_done)(struct app *app, const struct fault *fault),
	struct fault *fault) MUST_CHECK;
