/* SPDX-License-Identifier: Apache-2.0 */
/* A renewal is worked on under a lease with a fence; what cannot be concluded is given back. */
#pragma once

#include "orchestrator/flows/app.h"

/* Give the lease EPOCH of renewal ID back with TEXT as its last error.  Where the lease has passed on, the fence
 * refuses it; where this fails too, the lease runs out by itself. */
void lease_give_back(struct app *app, const char *id, const char *epoch, const char *text);
