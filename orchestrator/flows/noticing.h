/* SPDX-License-Identifier: Apache-2.0 */
/* Notices of the gateway (webhooks, Standard Webhooks 1.0).  A notice decides nothing: once its signature holds, the
 * renewals that know what it speaks of are woken and ask the CA themselves.  Polling alone suffices, so that one
 * that is lost, late or forged changes nothing. */
#pragma once

#include <stddef.h>

#include "common/fault.h"
#include "orchestrator/flows/app.h"

struct noticing;

/* SECRET_FILE (readable by its owner only) holds `whsec_…` as the gateway told it.  NULL with a fault if it is none.
 * Free with noticing_free, which accepts NULL. */
struct noticing *noticing_new(struct app *app, const char *secret_file, struct fault *fault);
void noticing_free(struct noticing *noticing);

/* One notice as it came; texts are borrowed, headers may be NULL. */
struct notice {
	const char *id, *timestamp,
		*signature; /* webhook-id, webhook-timestamp, webhook-signature */
	const char *body;
	size_t len;
};

/* Take NOTICE.  DONE is called once, from the loop, when it is recorded or has failed.  False (and DONE is never called)
 * with FAULT_DENIED where the signature or its time (±5 minutes) is wrong, FAULT_INPUT where the body is none,
 * FAULT_LATER where too many come at once. */
bool noticing_take(struct noticing *noticing, const struct notice *notice,
	void (*done)(void *context, const struct fault *fault), void *context, struct fault *fault)
	MUST_CHECK;
