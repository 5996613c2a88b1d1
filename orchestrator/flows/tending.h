/* SPDX-License-Identifier: Apache-2.0 */
/* Looks after open tasks: one that came without a deadline gets it from its kind and the calendar, and when nobody
 * has done a task in time somebody else is told.  Every minute, and at once when a task wants it. */
#pragma once

#include "orchestrator/flows/app.h"

struct tending;

/* Begins at once; NULL with a fault when the database gives no place.  Free with tending_free. */
struct tending *tending_new(struct app *app, struct fault *fault);
/* Begin nothing more. */
void tending_stop(struct tending *tending);
void tending_free(struct tending *tending);
