/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent and the orchestrator say to each other: JSON over mutual TLS, described in
 * schema/agent.md.  Paths and words are written once, here.  There is no word for a PIN: a PIN never
 * leaves the workstation, nor anything derived from one. */
#pragma once

#define WIRE_VERSION "1"

#define WIRE_ENROL  "/v1/agent/enrol"             /* POST, without a client certificate */
#define WIRE_REPORT "/v1/agent/report"            /* POST */
#define WIRE_ORDERS "/v1/agent/orders"            /* GET */
#define WIRE_PERMIT "/v1/agent/orders/:id/permit" /* POST */
#define WIRE_RESULT "/v1/agent/orders/:id/result" /* POST */

enum { WIRE_REPORT_MAX = 1024 * 1024, WIRE_RESULT_MAX = 256 * 1024, WIRE_SMALL_MAX = 16 * 1024 };

/* Outcomes of an install order, as the agent reports them. */
/* clang-format off */
#define WIRE_OUTCOMES(X)                                                                           \
	X(INSTALLED, installed)         /* written, read back, signed, verified */                 \
	X(PIN_INCORRECT, pin_incorrect) /* one try is spent: a person must clear the bar */        \
	X(PIN_UNSURE, pin_unsure)       /* an attempt without a recorded result: the same */       \
	X(PIN_BARRED, pin_barred)       /* not attempted: an earlier failure stands */             \
	X(PIN_LOW, pin_low)             /* not attempted: flags say few tries, last try, locked */ \
	X(PIN_ABSENT, pin_absent)       /* not attempted: no stored PIN, or no recorded opt-in */  \
	X(TOKEN_ABSENT, token_absent)   /* not attempted: the token is not plugged */              \
	X(TOKEN_SEVERAL, token_several) /* not attempted: more than one token is plugged */        \
	X(TOKEN_OTHER, token_other)     /* not attempted: another token is plugged */              \
	X(TOKEN_FULL, token_full)       /* not attempted: no room for the new certificate */       \
	X(CLIENT_OLD, client_old)       /* not attempted: client version below the minimum */      \
	X(ORDER_BAD, order_bad)         /* not attempted: chain, key, subject or validity differ */\
	X(INTERRUPTED, interrupted)     /* token state unknown: read it anew, then try again */    \
	X(READBACK_FAILED, readback_failed) /* written but not verified: quarantine */
/* clang-format on */
