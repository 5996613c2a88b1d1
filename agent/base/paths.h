/* SPDX-License-Identifier: Apache-2.0 */
/* What stands where in the agent's state directory. */
#pragma once

#include <stdbool.h>

#include "agent/base/settings.h"
#include "common/fault.h"

#define PATH_IDENTITY "identity.pem"     /* certificate and key, 0600; its presence = enrolled */
#define PATH_AGENT_CA "agent_ca.pem"     /* CA that issued it */
#define PATH_REPORT   "report.json"      /* the newest inventory */
#define PATH_REPORTED "reported.json"    /* what the server has acknowledged, and when */
#define PATH_ORDER    "order.json"       /* the order being worked on */
#define PATH_LEDGER   "pin_ledger.jsonl" /* write-ahead record of PIN attempts */
#define PATH_JOURNAL  "journal"          /* directory: ORDER.jsonl */
#define PATH_SPOOL    "spool"            /* directory: one empty mark per order to look after */

/* STATE_DIR/NAME on the heap. */
char *agent_path(const struct agent_settings *settings, const char *name);
/* STATE_DIR/DIR/FILE.SUFFIX on the heap; FILE has passed order_id_is_safe. */
char *agent_path_in(const struct agent_settings *settings, const char *dir, const char *file,
	const char *suffix);
/* Make the state directory and its parts, owner-only. */
bool agent_make_dirs(const struct agent_settings *settings, struct fault *fault) MUST_CHECK;

enum { ORDER_ID_MAX = 64 };

/* An order's id becomes a file name: 1 to 64 letters, digits, `-` or `_`. */
bool order_id_is_safe(const char *id);
