/* SPDX-License-Identifier: Apache-2.0 */
/* From the rows of statement plan_candidates and the CA's terms to a plan: the document that approvers sign,
 * its digest, and what people are shown. */
#pragma once

#include "orchestrator/loop/db.h"

#include "common/digest.h"
#include "common/json.h"
#include "orchestrator/domain/policy.h"
#include "orchestrator/flows/app.h"

struct planning {
	json_t *document; /* what is signed (orchestrator/domain/approval.h) */
	json_t *shown;    /* rows with reasons, totals, digest: the API's plan */
	char digest[SHA256_HEX];
	size_t included;
};

/* Plan under POLICY; META is what the CA said last, or NULL.  FAULT_LATER where the CA's terms are not known
 * yet.  planning_done releases it. */
bool planning_make(struct planning *out, const struct app *app, const struct policy *policy,
	const PGresult *candidates, const json_t *meta, struct fault *fault) MUST_CHECK;
void planning_done(struct planning *planning);
