/* SPDX-License-Identifier: Apache-2.0 */
/* The CA's own pages and client, for a CA without an interface: what one person does with a workstation
 * and a phone, one request per sitting.  The refusals are those of the contract. */
#pragma once

#include "tests/simulator/sim_inside.h"

void person_page(struct sim_call *call);
void person_qr(struct sim_call *call);
void person_bind(struct sim_call *call);
void person_counter(struct sim_call *call);
void person_apply(struct sim_call *call);
void person_remit(struct sim_call *call);
void person_correct(struct sim_call *call);
void person_withdraw(struct sim_call *call);
void person_applications(struct sim_call *call);
void person_application(struct sim_call *call);
void person_install(struct sim_call *call);
void person_invoice(struct sim_call *call);

/* ---- between its files ---- */
/* Let HANDLE answer the person's browser: BODY (taken, may be NULL) on the object ID.  False where it
 * refuses: the call has ended with its problem.  *REPLY (owned, may be NULL) is its answer. */
bool person_step(struct sim_call *call, void (*handle)(struct sim_call *call), const char *id,
	json_t *body, json_t **reply);
/* The person's certificate that KEY of OBJECT names by its serial; NULL after a problem. */
json_t *person_certificate(struct sim_call *call, const json_t *object, const char *key);
/* The person's application with this application_no; NULL after a problem. */
json_t *person_named(struct sim_call *call, const char *number);
/* What the person sees of an application. */
json_t *person_view(struct sim_call *call, const json_t *application);
/* An instant as people copy it: RFC 3339, or eight, twelve or fourteen digits with any separators, in
 * Shanghai; its precision (date, minute, second) into *PRECISION. */
bool person_instant(int64_t *at, const char **precision, const char *text);
