/* SPDX-License-Identifier: Apache-2.0 */
/* Seals what does not stand under the newest key: at the start what an older version left in clear, in the background
 * what an older key sealed.  Sets of rows, each put back only where nobody changed it: a crash loses
 * nothing, and running it again changes nothing. */
#pragma once

#include "orchestrator/flows/app.h"

/* Begin; ON_DONE runs once.  CLEAR_ONLY leaves what older keys sealed.  False if it runs already. */
bool resealing_start(struct app *app, bool clear_only,
	void (*on_done)(struct app *app, const struct fault *fault), struct fault *fault)
	MUST_CHECK;
