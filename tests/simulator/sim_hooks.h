/* SPDX-License-Identifier: Apache-2.0 */
/* The shell's other direction: it POSTs the core's notices to their webhooks, and lets the world go on
 * when nobody asks. */
#pragma once

#include "tests/simulator/sim_http.h"

struct sim_hooks;

/* OPTIONS as for sim_http_new (base, sim, now, save and context are used); borrowed until
 * sim_hooks_free. */
struct sim_hooks *sim_hooks_new(const struct sim_http_options *options);
/* Posts that are under way are dropped: they are sent again by the next start. */
void sim_hooks_free(struct sim_hooks *hooks);
/* The world has changed: send what is due, and wake again when something will be. */
void sim_hooks_look(struct sim_hooks *hooks);
