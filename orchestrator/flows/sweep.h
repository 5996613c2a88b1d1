/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's heart: start approved campaigns, claim due renewals under a lease, begin one step for each.
 * The database says when to look next; a notification or the end of a step says it earlier. */
#pragma once

#include "orchestrator/flows/app.h"

/* Begin sweeping; owned by the caller. */
struct sweep *sweep_new(struct app *app, struct fault *fault);
/* Claim nothing more. */
void sweep_stop(struct sweep *sweep);
void sweep_free(struct sweep *sweep);
