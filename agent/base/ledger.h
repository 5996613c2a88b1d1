/* SPDX-License-Identifier: Apache-2.0 */
/* The write-ahead PIN ledger: before a stored PIN is presented to a token, that is on disk; after
 * it, what came of it.  Any attempt that did not succeed, and any attempt without a result, bars
 * every stored-PIN login to that token until a person clears it.  So a wrong stored PIN costs at
 * most one try, whatever crashes.  Nothing derived from a PIN is in it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/base/settings.h"
#include "common/fault.h"

/* What is known of the attempt made under one permit. */
enum ledger_verdict {
	LEDGER_NONE,      /* no attempt */
	LEDGER_OPEN,      /* begun, no result recorded */
	LEDGER_SUCCEEDED, /* the PIN was right */
	LEDGER_INCORRECT, /* the token refused the PIN */
	LEDGER_UNKNOWN    /* the token answered something else */
};

/* One attempt about to be made.  The key is named beside the serial: a driver may change the serial
 * it reports, and a bar must outlive that. */
struct ledger_attempt {
	const char *serial, *spki_sha256, *order, *permit_ref;
};

/* True and *BARRED set, with WHY telling a person the reason and the remedy; false if the ledger
 * cannot be read, which must be taken as barred. */
bool ledger_is_barred(bool *barred, char *why, size_t why_size,
	const struct agent_settings *settings, const struct ledger_attempt *attempt,
	struct fault *fault) MUST_CHECK;
/* What became of the attempt under PERMIT_REF. */
bool ledger_find(enum ledger_verdict *verdict, const struct agent_settings *settings,
	const char *permit_ref, struct fault *fault) MUST_CHECK;

/* Record the attempt before C_Login; on failure the PIN must not be presented. */
bool ledger_begin(const struct agent_settings *settings, const struct ledger_attempt *attempt,
	struct fault *fault) MUST_CHECK;
/* Record what came of it. */
bool ledger_end(const struct agent_settings *settings, const struct ledger_attempt *attempt,
	enum ledger_verdict verdict, struct fault *fault) MUST_CHECK;
/* A person's act: lift every bar of SERIAL.  BY is who did it. */
bool ledger_clear(const struct agent_settings *settings, const char *serial, const char *by,
	struct fault *fault) MUST_CHECK;
