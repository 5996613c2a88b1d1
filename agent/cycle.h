/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent does, one worker after the other, in the order of a cycle:
 *
 *   inventory → for each mark in the spool: settle, result → poll
 *             → with an order: preflight → permit → install → settle, result
 *
 * The cycle decides from exit codes and key=value facts; it never reads JSON and knows no PIN. */
#pragma once

#include "agent/base/paths.h"
#include "agent/base/settings.h"
#include "agent/child.h"

enum cycle_step {
	CYCLE_IDLE,
	CYCLE_INVENTORY,
	CYCLE_SETTLE,
	CYCLE_RESULT,
	CYCLE_POLL,
	CYCLE_PREFLIGHT,
	CYCLE_PERMIT,
	CYCLE_INSTALL
};

enum { CYCLE_SERIAL_MAX = 128, CYCLE_REF_MAX = 65 };

struct cycle {
	const struct agent_settings *settings;
	const char *settings_file, *directory; /* of the workers */
	enum cycle_step step;
	struct child child;
	char mark[ORDER_ID_MAX + 1];  /* the order being settled or reported */
	char order[ORDER_ID_MAX + 1]; /* the order being installed */
	char serial[CYCLE_SERIAL_MAX];
	char permit_ref[CYCLE_REF_MAX];
	bool order_tried;     /* this cycle has had its order */
	bool again;           /* something was installed: report it at once */
	int64_t poll_seconds; /* as the server set it */
	int64_t failures;     /* polls in a row that did not reach the server */
	bool refused;         /* the server refuses this agent */
};

void cycle_init(struct cycle *cycle, const struct agent_settings *settings,
	const char *settings_file, const char *directory);
/* Begin a cycle; nothing if one runs. */
void cycle_begin(struct cycle *cycle);
/* The worker has ended: go on. */
void cycle_advance(struct cycle *cycle);
/* Seconds that the worker of this step may take. */
int64_t cycle_deadline_seconds(const struct cycle *cycle);
/* Milliseconds until the next cycle, without jitter. */
int64_t cycle_pause_ms(const struct cycle *cycle);
