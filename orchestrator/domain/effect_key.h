/* SPDX-License-Identifier: Apache-2.0 */
/* Names of outside effects.  They are derived, never drawn: after a crash the same effect of the same
 * renewal has the same name, so the other side recognises a repeat.  They are in a file of their own
 * because a test replaces it by one that draws fresh names, to prove that the kill tests would
 * notice (the positive control). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { EFFECT_KEY = 40, EFFECT_CLIENT_REF = 33 };

/* The Idempotency-Key of attempt ATTEMPT (from 1) of EFFECT, a word such as `submit`, for RENEWAL of
 * the installation INSTALL_ID.  A new attempt is a new effect on purpose, after the outside said that
 * the former did not happen.  False if EFFECT or INSTALL_ID is empty or RENEWAL or ATTEMPT < 1. */
bool effect_key(char out[EFFECT_KEY], const char *install_id, int64_t renewal, const char *effect,
	int attempt);
/* The client_ref of the same effect: 26 of [0-9a-z], unique per tenant of the gateway. */
bool effect_client_ref(char out[EFFECT_CLIENT_REF], const char *install_id, int64_t renewal,
	const char *effect, int attempt);
