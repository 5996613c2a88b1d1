/* SPDX-License-Identifier: Apache-2.0 */
/* What every worker does first: read `--settings FILE WORD…`, the settings, and set a deadline of
 * its own, in case the supervisor that should kill it has died. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/exits.h"
#include "agent/base/settings.h"

enum { WORKER_WORDS_MAX = 4 };

struct worker {
	struct agent_settings settings;
	const char *words[WORKER_WORDS_MAX]; /* "" where none was given */
	size_t word_count;
};

/* AGENT_DONE, or the exit code after the complaint was logged under UNIT.  The settings belong to
 * WORKER until worker_done. */
enum agent_exit worker_begin(struct worker *worker, const char *unit, int argc, char *const *argv);
/* Die of SIGALRM after SECONDS, and some grace for the supervisor to be first. */
void worker_deadline(int64_t seconds);
/* From here on the kernel kills this process when its supervisor ends, whatever ended that one; false if
 * it has ended already.  For workers that only ask and read: what they leave half done is done again by
 * the next supervisor.  An install is not cut off by its supervisor's death: it ends by itself or at its
 * deadline, and the next supervisor finds the token locked until then. */
bool worker_follow(void) MUST_CHECK;
void worker_done(struct worker *worker);

/* Tell the supervisor one fact: `KEY=VALUE` on stdout. */
void worker_tell(const char *key, const char *value);
void worker_tell_number(const char *key, int64_t value);
