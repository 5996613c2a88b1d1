/* SPDX-License-Identifier: Apache-2.0 */
/* The set statements that the stages of many renewals share (loop/batch.h): load, intend, conclude. */
#pragma once

#include <stdbool.h>

#include "orchestrator/flows/app.h"

/* Make them, once the database and the engine of APP are there. */
bool sets_open(struct app *app, struct fault *fault) MUST_CHECK;
/* After db_free, before flow_engine_free. */
void sets_close(struct app *app);
