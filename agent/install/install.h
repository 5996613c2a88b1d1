/* SPDX-License-Identifier: Apache-2.0 */
/* One install order on one token: the shared state of the install worker's parts.
 *
 * preflight  everything that can be checked without a login; decides whether a permit is asked for
 * work       the one login, the writes, the proof
 * settle     what to tell the server about an attempt that was cut off; touches no token */
#pragma once

#include "agent/base/journal.h"
#include "agent/base/outcome.h"
#include "agent/base/settings.h"
#include "agent/install/order.h"
#include "agent/token/token.h"

struct install {
	const struct agent_settings *settings;
	const struct token_driver *driver;
	struct order order;
	struct journal journal;
	const struct agent_token *entry; /* the stored-PIN entry of the token */
	int lock;                        /* host-wide lock, -1 while not held */
	struct token_module *module;
	struct token_info token;
	struct token_session *session;
	struct token_certs certs;                      /* on the token, before the install */
	const struct token_cert *old[ORDER_CERTS_MAX]; /* in CERTS, by index of order.certs */
	enum outcome outcome;                          /* why not, when a part returns false */
};

/* Set the outcome and the fault's text; returns false. */
bool install_refuse(struct install *install, enum outcome outcome, struct fault *fault,
	const char *format, ...) PRINTF_LIKE(4, 5);
/* Set the outcome for a FAULT that a driver filled; returns false. */
bool install_stop(struct install *install, enum outcome outcome);

/* SHA-256 of each new certificate, joined by commas; the caller frees it. */
char *install_digests(const struct install *install);

/* Read STATE_DIR/order.json and open its journal.  False without an outcome if not even its name can
 * be read; else with ORDER_BAD. */
bool install_begin(struct install *install, const struct agent_settings *settings, bool *named,
	struct fault *fault);
/* Release everything, the token first. */
void install_done(struct install *install);

/* True when no other install worker is at work on this machine: the one of a supervisor that died is let to
 * its end, and until then nobody may conclude from its journal that it was cut off.  Waits a little.
 * FAULT_LATER: one is at work. */
bool preflight_is_alone(const struct agent_settings *settings, struct fault *fault);
/* All checks in order; FAULT_LATER without an outcome while another install holds the lock. */
bool preflight_run(struct install *install, struct fault *fault);
/* Exactly the ordered token is plugged, at this moment. */
bool preflight_presence(struct install *install, struct fault *fault);

/* Log in with the PIN from PIN_FD under the permit of REF, install, verify, log out. */
bool work_run(
	struct install *install, const char *ref, int pin_fd, bool *attempted, struct fault *fault);

/* Close an attempt that was cut off.  Touches no token. */
bool settle_run(
	struct journal *journal, const struct agent_settings *settings, struct fault *fault);
