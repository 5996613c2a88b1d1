/* SPDX-License-Identifier: Apache-2.0 */
/* The edge table of a renewal and the words for its states and events.  A new state is a line in the
 * header, its edges here, a migration with the same rows, and the picture in the README. */
#include "orchestrator/domain/renewal.h"

#include <string.h>

#include "common/own.h"

/* clang-format off */
#define EDGE(from_, event_, to_) { RENEWAL_##from_, ON_##event_, RENEWAL_##to_ }
const struct renewal_edge renewal_edges[] = {
	EDGE(PLANNED, PROPOSED, AWAITING_APPROVAL),
	EDGE(AWAITING_APPROVAL, SPEND_APPROVED, BINDING),
	EDGE(BINDING, BINDING_EXPIRED, BINDING),
	EDGE(BINDING, BINDING_CONFIRMED, BOUND),
	EDGE(BOUND, APPLICATION_OPENED, DRAFTING),
	EDGE(BOUND, KIND_CHANGED, BOUND),
	EDGE(DRAFTING, KIND_CHANGED, BOUND),
	EDGE(DRAFTING, AGREEMENT_CHANGED, AWAITING_APPROVAL),
	EDGE(DRAFTING, PRICE_CHANGED, AWAITING_APPROVAL),
	EDGE(DRAFTING, ATTACHMENTS_NEEDED, AWAITING_ATTACHMENTS),
	EDGE(DRAFTING, INTENT_NEEDED, AWAITING_INTENT),
	EDGE(AWAITING_ATTACHMENTS, KIND_CHANGED, BOUND),
	EDGE(AWAITING_ATTACHMENTS, INTENT_NEEDED, AWAITING_INTENT),
	EDGE(AWAITING_INTENT, KIND_CHANGED, BOUND),
	EDGE(AWAITING_INTENT, PRICE_CHANGED, AWAITING_APPROVAL),
	EDGE(AWAITING_INTENT, APPLICATION_SUBMITTED, SUBMITTED),
	EDGE(SUBMITTED, PAYMENT_OPENED, AWAITING_PAYMENT),
	EDGE(AWAITING_PAYMENT, REMITTANCE_DECLARED, VERIFYING_PAYMENT),
	EDGE(VERIFYING_PAYMENT, REMITTANCE_NOT_ARRIVED, VERIFYING_PAYMENT),
	EDGE(VERIFYING_PAYMENT, REMITTANCE_REFUSED, AWAITING_PAYMENT),
	EDGE(VERIFYING_PAYMENT, PAYMENT_VERIFIED, PAID),
	EDGE(PAID, REVIEW_BEGUN, IN_REVIEW),
	EDGE(IN_REVIEW, CORRECTION_REQUIRED, CORRECTION),
	EDGE(CORRECTION, RESUBMITTED, IN_REVIEW),
	EDGE(IN_REVIEW, REVIEW_APPROVED, APPROVED),
	EDGE(IN_REVIEW, REVIEW_REJECTED, REFUNDING),
	EDGE(APPROVED, INSTALL_ORDERED, INSTALL_QUEUED),
	EDGE(INSTALL_QUEUED, PERMIT_GIVEN, INSTALLING),
	EDGE(INSTALL_QUEUED, READ_BACK_FAILED, QUARANTINED),
	EDGE(INSTALLING, INSTALL_WAITS, INSTALL_QUEUED),
	EDGE(INSTALLING, INSTALL_PROVEN, INSTALLED),
	EDGE(INSTALLING, READ_BACK_FAILED, QUARANTINED),
	EDGE(QUARANTINED, INSTALL_WAITS, INSTALL_QUEUED),
	EDGE(INSTALLED, INSTALL_REPORTED, AWAITING_INVOICE),
	EDGE(AWAITING_INVOICE, INVOICE_ARCHIVED, DONE),
	EDGE(AWAITING_INVOICE, INVOICE_DISPUTED, DISPUTED),
	EDGE(DISPUTED, INVOICE_ARCHIVED, DONE),
	EDGE(BINDING, REFUSED, FAILED),
	EDGE(BOUND, REFUSED, FAILED),
	EDGE(DRAFTING, REFUSED, FAILED),
	EDGE(AWAITING_ATTACHMENTS, REFUSED, FAILED),
	EDGE(AWAITING_INTENT, REFUSED, FAILED),
	EDGE(SUBMITTED, REFUSED, FAILED),
	EDGE(AWAITING_APPROVAL, WITHDRAWN_BY_PERSON, WITHDRAWN),
	EDGE(BINDING, WITHDRAWN_BY_PERSON, WITHDRAWN),
	EDGE(BOUND, WITHDRAWN_BY_PERSON, WITHDRAWN),
	EDGE(DRAFTING, WITHDRAWN_BY_PERSON, WITHDRAWN),
	EDGE(AWAITING_ATTACHMENTS, WITHDRAWN_BY_PERSON, WITHDRAWN),
	EDGE(AWAITING_INTENT, WITHDRAWN_BY_PERSON, WITHDRAWN),
	EDGE(REFUNDING, REFUND_ARRIVED, REFUNDED),
};
#undef EDGE
/* clang-format on */
const size_t renewal_edge_count = COUNT_OF(renewal_edges);

#define WORD(upper, lower) #lower,
static const char *const state_words[] = { RENEWAL_STATES(WORD) };
static const char *const event_words[] = { RENEWAL_EVENTS(WORD) };
#undef WORD

const char *renewal_word(enum renewal_state state)
{
	return state_words[state];
}

const char *renewal_event_word(enum renewal_event event)
{
	return event_words[event];
}

bool renewal_from_word(enum renewal_state *out, const char *word)
{
	for (size_t i = 0; i < COUNT_OF(state_words); i++)
		if (strcmp(state_words[i], word) == 0) {
			*out = (enum renewal_state)i;
			return true;
		}
	return false;
}

const struct renewal_edge *renewal_edge_find(enum renewal_state state, enum renewal_event event)
{
	for (size_t i = 0; i < renewal_edge_count; i++)
		if (renewal_edges[i].from == state && renewal_edges[i].event == event)
			return &renewal_edges[i];
	return NULL;
}

bool renewal_is_final(enum renewal_state state)
{
	for (size_t i = 0; i < renewal_edge_count; i++)
		if (renewal_edges[i].from == state)
			return false;
	return true;
}
