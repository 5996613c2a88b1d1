/* SPDX-License-Identifier: Apache-2.0 */
/* After a restore from a backup: ask each CA where every open renewal stands, by its own id or by our
 * client_ref, and adopt what it knows.  Asking is reading: it works under the hold.  No renewal acts before
 * it was asked about (schema/0019_restoring.sql). */
#pragma once

#include "orchestrator/flows/app.h"

struct reconciling;

/* Begin; it ends by itself when nothing is left, and does nothing where no backup was restored. */
struct reconciling *reconciling_new(struct app *app);
void reconciling_stop(struct reconciling *reconciling);
/* NULL is taken. */
void reconciling_free(struct reconciling *reconciling);
