/* SPDX-License-Identifier: Apache-2.0 */
/* What an approver signs: one document that holds exactly what is shown before approval (rows with
 * prices and terms, payee, agreement, policy), and the digest of its canonical form.  If anything in
 * it changes, the digest changes and the approval is void. */
#pragma once

#include "common/digest.h"
#include "common/json.h"
#include "orchestrator/domain/plan.h"

/* What the rows stand in; texts are borrowed. */
struct approval_frame {
	const char *policy_name, *policy_sha256;
	const char *payee_name, *payee_account, *payee_bank; /* 收款方, as pinned in the settings */
	const char *agreement_id, *agreement_version, *agreement_sha256; /* 电子认证协议 */
	int64_t price_version; /* of the price list (价目); 0: the CA quotes its prices itself */
};

/* The document of the plan's included rows (own reference); ids are texts:
 * {"rows":[{"set","serial","not_after","holder","service","unit","kind","term_years","price_fen",
 * "blocked":[word…]}…],"payee":{"name","account","bank"},"agreement_id","agreement_version",
 * "agreement_sha256","price_version"?,"policy_name","policy_sha256","count","total_fen"}. */
json_t *approval_document(const struct plan *plan, const struct approval_frame *frame);
/* SHA-256 of the document's canonical text (keys sorted, no blanks), so it survives a round trip
 * through jsonb. */
void approval_digest(char out[SHA256_HEX], const json_t *document);
/* Give the row of SET another term and price, and correct the total.  False if the document has no
 * such row. */
bool approval_reprice(json_t *document, const char *set, int64_t term_years, int64_t price_fen);
