/* SPDX-License-Identifier: Apache-2.0 */
/* Looks after what a crash or a change left behind: every minute the clocks and the office are looked at, and
 * orphans are mended (schema/0018_doctor.sql says which, and what only a person can mend). */
#pragma once

#include "orchestrator/flows/app.h"

struct reaping;

/* Begins at once.  Free with reaping_free. */
struct reaping *reaping_new(struct app *app);
/* Begin nothing more. */
void reaping_stop(struct reaping *reaping);
void reaping_free(struct reaping *reaping);
