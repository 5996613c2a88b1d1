/* SPDX-License-Identifier: Apache-2.0 */
/* Every hour: what an older key sealed is sealed anew, and what the policies' days have run out for is erased. */
#pragma once

#include "orchestrator/flows/app.h"

struct privacy_watch;

/* One per process (APP->privacy); looks at once, then every hour. */
struct privacy_watch *privacy_watch_new(struct app *app);
/* Begin nothing more. */
void privacy_watch_stop(struct privacy_watch *watch);
/* Accepts NULL. */
void privacy_watch_free(struct privacy_watch *watch);
