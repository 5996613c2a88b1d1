/* SPDX-License-Identifier: Apache-2.0 */
/* Brings the database to the schema that this binary carries (schema/NNNN_words.sql): forward only, each file
 * once, its SHA-256 kept.  A changed file or a newer database is refused. */
#pragma once

#include "orchestrator/flows/app.h"

/* Begin; ON_DONE runs once, with NULL when the schema is current. */
bool migrating_start(struct app *app, void (*on_done)(struct app *app, const struct fault *fault),
	struct fault *fault) MUST_CHECK;
