/* SPDX-License-Identifier: Apache-2.0 */
/* The workflow of a renewal (续期) as data: states, events, and the one table of edges.  The database
 * holds the same edges (table renewal_edges) and the README the same picture; a test compares all
 * three.  A state is a stable fact: what is in flight is an effect, not a state; and `blocked` is
 * never a state, any state may carry a blocked_reason. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "orchestrator/domain/capability.h"

/* clang-format off */
#define RENEWAL_STATES(X)                                                                          \
	X(PLANNED, planned)                         /* selected by a plan */                       \
	X(AWAITING_APPROVAL, awaiting_approval)     /* until the spend gate is given */            \
	X(BINDING, binding)                         /* 绑定: a QR waits for the handler's scan */  \
	X(BOUND, bound)                             /* the certificate is tied to an account */    \
	X(DRAFTING, drafting)                       /* 续期申请 opened: agreement and term */      \
	X(AWAITING_ATTACHMENTS, awaiting_attachments) /* 附件, expired certificates only */        \
	X(AWAITING_INTENT, awaiting_intent)         /* 意愿表达 by the handler */                  \
	X(SUBMITTED, submitted)                     /* the CA has the application */               \
	X(AWAITING_PAYMENT, awaiting_payment)       /* 汇款: until a transfer is matched */        \
	X(VERIFYING_PAYMENT, verifying_payment)     /* 银行转账核验 by the CA */                   \
	X(PAID, paid)                               /* the CA has the money */                     \
	X(IN_REVIEW, in_review)                     /* 审核 */                                     \
	X(CORRECTION, correction)                   /* named fields are to be corrected */         \
	X(APPROVED, approved)                       /* the CA said yes; the touch gate guards */   \
	X(INSTALL_QUEUED, install_queued)           /* 安装任务 waits for its token */             \
	X(INSTALLING, installing)                   /* a permit was given */                       \
	X(INSTALLED, installed)                     /* read back and proven on the token */        \
	X(AWAITING_INVOICE, awaiting_invoice)       /* 电子发票 */                                 \
	X(DONE, done)                                                                              \
	X(QUARANTINED, quarantined)                 /* written, but not as expected */             \
	X(DISPUTED, disputed)                       /* invoice or money differ */                  \
	X(WITHDRAWN, withdrawn)                                                                    \
	X(FAILED, failed)                                                                          \
	X(REFUNDING, refunding)                     /* 退款 */                                     \
	X(REFUNDED, refunded)

#define RENEWAL_EVENTS(X)                                                                          \
	X(PROPOSED, proposed)                                                                      \
	X(SPEND_APPROVED, spend_approved)                                                          \
	X(BINDING_EXPIRED, binding_expired)                                                        \
	X(BINDING_CONFIRMED, binding_confirmed)                                                    \
	X(BINDING_LOST, binding_lost) /* 未绑定: the account no longer has it */                   \
	X(KIND_CHANGED, kind_changed) /* 临期 became 过期, or the CA says so */                    \
	X(APPLICATION_OPENED, application_opened)                                                  \
	X(AGREEMENT_CHANGED, agreement_changed)                                                    \
	X(PRICE_CHANGED, price_changed)                                                            \
	X(TERM_CHANGED, term_changed) /* another term, within what was approved */                 \
	X(ATTACHMENTS_NEEDED, attachments_needed)                                                  \
	X(INTENT_NEEDED, intent_needed)                                                            \
	X(APPLICATION_SUBMITTED, application_submitted)                                            \
	X(PAYMENT_OPENED, payment_opened)                                                          \
	X(PAYMENT_CLOSED, payment_closed) /* ran out at the CA, unpaid */                          \
	X(REMITTANCE_DECLARED, remittance_declared)                                                \
	X(REMITTANCE_NOT_ARRIVED, remittance_not_arrived)                                          \
	X(REMITTANCE_REFUSED, remittance_refused)                                                  \
	X(TRANSFER_RETURNED, transfer_returned) /* 退汇, before the CA approved */                 \
	X(PAYMENT_VERIFIED, payment_verified)                                                      \
	X(REVIEW_BEGUN, review_begun)                                                              \
	X(CORRECTION_REQUIRED, correction_required)                                                \
	X(RESUBMITTED, resubmitted)                                                                \
	X(REVIEW_APPROVED, review_approved)                                                        \
	X(REVIEW_REJECTED, review_rejected)                                                        \
	X(APPROVAL_REVOKED, approval_revoked) /* the CA took its approval back */                  \
	X(APPLICATION_CLOSED, application_closed) /* by the CA: unpaid, or its fee is carried over */ \
	X(CLOSED_WITH_REFUND, closed_with_refund) /* by the CA, which refunds the fee */           \
	X(INSTALL_ORDERED, install_ordered)                                                        \
	X(PERMIT_GIVEN, permit_given)                                                              \
	X(INSTALL_WAITS, install_waits)                                                            \
	X(INSTALL_PROVEN, install_proven)                                                          \
	X(INSTALL_SEEN, install_seen) /* inventory saw it: a person installed it */                \
	X(READ_BACK_FAILED, read_back_failed)                                                      \
	X(INSTALL_REPORTED, install_reported)                                                      \
	X(INVOICE_ARCHIVED, invoice_archived)                                                      \
	X(INVOICE_DISPUTED, invoice_disputed)                                                      \
	X(REFUSED, refused)                                                                        \
	X(CREDITED, credited) /* the fee stays with the CA for another application */              \
	X(WITHDRAWN_BY_PERSON, withdrawn_by_person)                                                \
	X(WITHDRAWN_PAID, withdrawn_paid) /* the same, after money may have left */                \
	X(REFUND_FAILED, refund_failed) /* 退款 abnormal or closed: a person asks the CA */        \
	X(REFUND_ARRIVED, refund_arrived)                                                          \
	X(NEVER_PAID, never_paid) /* the order was not executed: nothing to refund */
/* clang-format on */

#define RENEWAL_STATE_ENUM(upper, lower) RENEWAL_##upper,

enum renewal_state { RENEWAL_STATES(RENEWAL_STATE_ENUM) RENEWAL_STATE_COUNT };

#undef RENEWAL_STATE_ENUM

#define RENEWAL_EVENT_ENUM(upper, lower) ON_##upper,

enum renewal_event { RENEWAL_EVENTS(RENEWAL_EVENT_ENUM) RENEWAL_EVENT_COUNT };

#undef RENEWAL_EVENT_ENUM

/* An edge exists for the connectors that have its guard's capability (CAN_ANYTHING: for all of them), so
 * that an order of steps which a CA does not have is gone past by the table. */
struct renewal_edge {
	enum renewal_state from;
	enum renewal_event event;
	enum renewal_state to;
	enum capability guard;
};

/* The table; (from, event, guard) is unique, and so is (from, event) for each connector. */
extern const struct renewal_edge renewal_edges[];
extern const size_t renewal_edge_count;

const char *renewal_word(enum renewal_state state);
const char *renewal_event_word(enum renewal_event event);
/* False if WORD is no state. */
bool renewal_from_word(enum renewal_state *out, const char *word);
/* The edge that EVENT takes from STATE for a connector with CAPABILITIES (CAPABILITY_BITs), or NULL: then the
 * event is illegal there. */
const struct renewal_edge *renewal_edge_find(
	enum renewal_state state, enum renewal_event event, unsigned capabilities);
/* True for states that nothing leaves. */
bool renewal_is_final(enum renewal_state state);
