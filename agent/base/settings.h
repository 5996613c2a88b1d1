/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's settings: one YAML file that the supervisor and its workers all read, each for itself.
 * It holds paths and names only; a PIN stands in a file of its own, one per token. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/fault.h"

enum { AGENT_TOKENS_MAX = 64 };

/* One token whose PIN is stored for unattended use, with its custodian's recorded opt-in. */
struct agent_token {
	char *serial;
	char *pin_file;  /* owner-only file; opened by the supervisor, read by the install worker */
	char *custodian; /* who agreed (姓名) */
	char *given_on;  /* the day of the consent, YYYY-MM-DD */
};

struct agent_settings {
	char *server_url, *server_ca_file;
	char *state_dir, *libexec_dir, *lock_file;
	char *version_file, *minimum_version;
	char *module, *roots_file;
	int64_t poll_max_seconds;
	int64_t inventory_seconds, link_seconds, install_seconds; /* deadlines of the workers */
	struct agent_token *tokens;
	size_t token_count;
};

/* Read FILE over the defaults; FAULT_INPUT names FILE:LINE:COLUMN.  On success the texts belong to
 * SETTINGS until agent_settings_done. */
bool agent_settings_read(struct agent_settings *settings, const char *file, struct fault *fault)
	MUST_CHECK;
/* What cannot be seen from one line alone: required paths, https, files that must exist. */
bool agent_settings_check(const struct agent_settings *settings, struct fault *fault) MUST_CHECK;
/* The effective settings as commented YAML. */
void agent_settings_print(const struct agent_settings *settings, FILE *out);
void agent_settings_done(struct agent_settings *settings);

/* The stored-PIN entry of SERIAL, or NULL. */
const struct agent_token *agent_settings_token(
	const struct agent_settings *settings, const char *serial);
