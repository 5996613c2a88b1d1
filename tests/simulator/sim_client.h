/* SPDX-License-Identifier: Apache-2.0 */
/* A client of the simulator's core without a socket, for tests: it signs what it sends, checks the
 * signature of what it gets, and walks an application from binding to invoice step by step.  A test
 * sets its clock. */
#pragma once

#include "tests/simulator/sim_inside.h"

struct sim_client {
	struct sim *sim; /* owned */
	int64_t now;     /* the instant of the next call, microseconds */
	struct sim_options options;
	unsigned calls;           /* made so far: nonces and keys derive from it */
	struct sim_answer answer; /* the last one */
	json_t *reply;            /* its JSON, or NULL */
	bool is_signed;           /* its signature is there and right */
	struct sim_request next;  /* headers for the next call only: what is NULL is filled in */
};

enum sim_walk {
	WALK_BOUND,
	WALK_DRAFT,
	WALK_COMPLETE, /* all but the submission */
	WALK_SUBMITTED,
	WALK_PAYING, /* the payment is open */
	WALK_TRANSFERRED,
	WALK_VERIFIED,
	WALK_APPROVED,
	WALK_INSTALLED
};

/* What a walk met on its way; ids are copies. */
struct sim_journey {
	char certificate[SIM_ID_TEXT], application[SIM_ID_TEXT], payment[SIM_ID_TEXT];
	char client_ref[SIM_ID_TEXT];
	int64_t paid_at;
};

/* A client of a fresh world at NOW, seed 7; or of the world that TEXT holds. */
bool sim_client_new(struct sim_client *client, int64_t now, struct fault *fault) MUST_CHECK;
bool sim_client_load(struct sim_client *client, const char *text, int64_t now, struct fault *fault)
	MUST_CHECK;
void sim_client_done(struct sim_client *client);

/* One call at client->now: BODY (taken, may be NULL) as JSON, signed, a POST with a fresh
 * Idempotency-Key unless client->next names one.  Returns the status. */
int sim_client_call(
	struct sim_client *client, const char *method, const char *target, json_t *body);
/* The same on the control interface. */
int sim_client_control(
	struct sim_client *client, const char *method, const char *target, json_t *body);
/* The control interface with bytes. */
int sim_client_post(struct sim_client *client, const char *target, const char *bytes);
/* A text of the last answer, or "". */
const char *sim_client_text(const struct sim_client *client, const char *key);
/* A count of the ledger. */
int64_t sim_client_ledger(struct sim_client *client, const char *name);
/* Set one knob (VALUE is taken). */
int sim_client_knob(struct sim_client *client, const char *name, json_t *value);

/* Enrol a certificate of PUBLIC_PEM for HOLDER that ends at NOT_AFTER; its id into ID. */
int sim_client_enrol(struct sim_client *client, char id[SIM_ID_TEXT], const char *public_pem,
	const char *usage, int64_t not_after);
/* Walk from an enrolled certificate (journey->certificate) until STEP is done; false where a step
 * is not answered as it should be: client->reply says why. */
bool sim_client_walk(struct sim_client *client, struct sim_journey *journey, enum sim_walk step);
/* Bodies of single steps (owned by the caller). */
json_t *sim_body_agreement(const struct sim_client *client);
json_t *sim_body_intent(const struct sim_client *client);
json_t *sim_body_attachment(void);
json_t *sim_body_remittance(const struct sim_journey *journey);
/* The CSV of one transfer of FEN to the CA with MEMO (on the heap). */
char *sim_payment_file(const char *order, int64_t fen, const char *memo);
