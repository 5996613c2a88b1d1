/* SPDX-License-Identifier: Apache-2.0 */
/* What time alone does.  A timer is one instant per (kind, object); it fires at its own instant,
 * however late the simulator is asked, so that a world does not depend on how often it is looked at. */
#pragma once

#include "tests/simulator/sim_inside.h"

enum sim_timer {
	TIMER_BINDING, /* a QR expires */
	TIMER_REVIEW,  /* a paid application goes to review, a reviewed one gets its result */
	TIMER_FIX,     /* the time for a correction is over */
	TIMER_REVOKE,  /* an approval is taken back */
	TIMER_VERIFY,  /* a declared remittance gets its verdict */
	TIMER_WECHAT,  /* a code_url expires, or is paid in its last second */
	TIMER_REFUND,  /* a refund moves on */
	TIMER_INVOICE, /* an invoice is sent */
	TIMER_COUNT
};

/* Let KIND fire for the object ID at AT, in place of the instant it had. */
void sim_timer_set(struct sim *sim, enum sim_timer kind, const char *id, int64_t at);
void sim_timer_drop(struct sim *sim, enum sim_timer kind, const char *id);
/* What fires: OBJECT is the timer's, AT its instant. */
void on_binding_timer(struct sim *sim, json_t *binding, int64_t at);
void on_review_timer(struct sim *sim, json_t *application, int64_t at);
void on_fix_timer(struct sim *sim, json_t *application, int64_t at);
void on_revoke_timer(struct sim *sim, json_t *application, int64_t at);
void on_verify_timer(struct sim *sim, json_t *payment, int64_t at);
void on_wechat_timer(struct sim *sim, json_t *payment, int64_t at);
void on_refund_timer(struct sim *sim, json_t *refund, int64_t at);
void on_invoice_timer(struct sim *sim, json_t *application, int64_t at);
