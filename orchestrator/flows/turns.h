/* SPDX-License-Identifier: Apache-2.0 */
/* What stages share with each other: opening an application, orders of payment, the ways off the straight road. */
#pragma once

#include "orchestrator/flows/stage.h"

/* ---- opening.c ---- */

/* Open the application, or look at the one that is open; on success the renewal moves by APPLICATION_OPENED. */
enum stage_next opening_decide(struct stage_run *run);
enum stage_next opening_settle(struct stage_run *run);
/* The CA has no live application of this renewal any more: forget what was said for it. */
void opening_forget(struct stage_run *run);

/* ---- applying.c ---- */

/* Before the fee is sent: is the price or the agreement another one than approved?  Then *NEXT leads back to the
 * gates. */
/* Is the CA's present agreement the one that this renewal's approval signed?  Or has the CA told of the approved one
 * before its meta (or the price list) shows it? */
bool agreement_is_approved(const struct stage_run *run);
bool agreement_follows(const struct stage_run *run);
/* Where a person applies in one sitting: is the one under the present intent over?  What was given back stands, whatever
 * is listed or asked since. */
bool sitting_is_over(const struct stage_run *run);
bool plan_is_outdated(struct stage_run *run, enum stage_next *next);

/* ---- sending.c ---- */

/* What the handler stated, and under which text. */
struct intent {
	const char *name, *mobile, *email, *statement_id, *statement_sha256;
};

/* Pass on what was given with the newest task of kind TASK: the acceptance of an agreement, a statement of intent. */
enum stage_next send_agreement(
	struct stage_run *run, const char *task, const char *version, const char *sha256);
enum stage_next send_intent(struct stage_run *run, const char *task, const struct intent *intent);
/* The N-th of run->files, as an attachment of the CA's N-th type. */
enum stage_next send_attachment(struct stage_run *run, size_t n);

/* ---- ordering.c ---- */

/* `wechat_pay` where the policy wants it, the CA offers it and nothing was paid yet; else `bank_transfer`: what left
 * before, also as a credit, is declared, and nobody is shown a code to pay it again. */
const char *payment_method(const struct stage_run *run);
/* Where the CA sends the invoice: the policy's address, else the handler's. */
const char *invoice_email(const struct stage_run *run);
/* Put a payment order over AMOUNT_FEN (or the credit that pays it) into the conclusion.  False where no payer account
 * is known: then a task was opened, and the caller concludes with stage_await "payer".  A credit that was no transfer is
 * used only where the CA says that the fee is there (VERIFIED). */
bool order_open(struct stage_run *run, int64_t amount_fen, bool verified);
/* The order again under a reference of its own: its first transfer came back. */
void order_reopen(struct stage_run *run);
bool order_is_linked(const struct stage_run *run);
/* May a transfer of the bank's have left for it, which can be declared?  Not so where it was paid by WeChat. */
bool order_is_transfer(const struct stage_run *run);
/* May money have left for this renewal? */
bool order_is_paid(const struct stage_run *run);

/* ---- remitting.c ---- */

/* 录入汇款信息: the four fields as the bank wrote them. */
enum stage_next remit_call(struct stage_run *run);
/* The CA's id of what is paid: the payment, or the application where the CA has no payments of their own. */
const char *remit_target(const struct stage_run *run);

enum verdict {
	VERDICT_VERIFIED,
	VERDICT_VERIFYING,
	VERDICT_NOT_ARRIVED,
	VERDICT_RETURNED,
	VERDICT_CLOSED,
	VERDICT_REFUSED
};

enum verdict remit_verdict(const struct stage_run *run);
/* Finance's task with both spellings side by side, and the fact that nothing is declared before it is answered; where the
 * payment had run out before the transfer left, also facts.payment_late: the payment is asked next, not declared to. */
void remit_ask_finance(struct stage_run *run);
/* Seconds until a transfer that had not arrived is declared again: at the policy's next time of a working day, else
 * after the settings' interval; within office hours where the CA keeps them. */
int64_t remit_again_seconds(const struct stage_run *run);

/* ---- seeing.c ---- */

/* Does inventory (an agent's report, or an uploaded certificate) show the new certificates on the token? */
bool installation_is_seen(const struct stage_run *run);
/* Is what inventory shows for the old certificates' key and subject, by the same CA, and later?  Else FAULT says what
 * differs. */
bool installation_is_right(const struct stage_run *run, struct fault *fault) MUST_CHECK;
/* Move by INSTALL_SEEN, without an agent's order; or the task that says why what was seen is not right. */
enum stage_next installation_seen(struct stage_run *run);
/* The checklist of who must learn the new serial, where the policy names sites for this service.  Blocks nothing. */
void sites_ask(struct stage_run *run);
/* True now and then while a token waits for its turn: time to ask whether the CA still approves. */
bool approval_may_be_gone(const struct stage_run *run);
/* The new certificate must be for the old one's key and subject (by base64 DER), and end later. */
bool certificate_follows(const char *old_der_b64, const char *new_der_b64, struct fault *fault)
	MUST_CHECK;

/* ---- turning.c ---- */

/* The stage to take instead of USUAL: a withdrawal asked for, a certificate that was replaced meanwhile, a transfer
 * that came back; else USUAL. */
const struct stage *stage_turn(struct stage_run *run, const struct stage *usual);
/* Was this step refused because its application, or its payment, is closed?  Then the conclusion is to ask the application
 * next: where the CA closed it (before its fee was verified), another one is opened. */
bool closed_suspect(struct stage_run *run);

/* ---- ending.c ---- */

/* The CA refuses for the certificate's own sake.  Revoked or on hold: the renewal stays, says why, and is looked at
 * again tomorrow; too early: on the CA's day; too late: it ends.  False for other codes. */
bool certificate_refused(struct stage_run *run);
/* Is it to be asked, before its payment order leaves, whether the certificate is still good?  Once a day, and when the CA
 * sent a notice about it. */
bool certificate_is_doubted(const struct stage_run *run);
enum stage_next certificate_ask(struct stage_run *run);
/* Read the answer: revoked or on hold, nothing is paid (certificate_refused); else the transfer is waited for. */
enum stage_next certificate_seen(struct stage_run *run);
/* Put a credit over the renewal's fee, and finance's task about it, into the conclusion. */
void credit_keep(struct stage_run *run, const char *why);
/* May the renewal end here as failed?  What was paid must be proven by a transfer, to be a credit then. */
bool renewal_can_end(const struct stage_run *run);
/* End it as failed, where renewal_can_end: by REFUSED before any money, by CREDITED after. */
enum stage_next renewal_end(struct stage_run *run, const char *why);
/* The fee was sent before, and the CA asks ASKED_FEN: finance decides (COMPLAINT may be NULL). */
enum stage_next prepaid_ask(struct stage_run *run, int64_t asked_fen, const char *complaint);
/* True from then on until the decision is carried out, which prepaid_decide does. */
bool prepaid_differs(const struct stage_run *run);
enum stage_next prepaid_decide(struct stage_run *run);

/* ---- reviewing.c ---- */

/* Did the CA just answer that the paid application is closed?  Then its fee is kept for another application, which is
 * opened at once, or comes back. */
bool review_closed_it(const struct stage_run *run);
enum stage_next review_is_closed(struct stage_run *run);

/* ---- correcting.c ---- */

/* Put the task that asks for what the CA wants corrected into the conclusion. */
void correction_ask(struct stage_run *run);

/* ---- refunding.c ---- */

/* Put finance's task about the fee of a renewal that will not be into the conclusion. */
void refund_ask(struct stage_run *run, const char *why);
extern const struct stage refunding_stage;
