/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator's core: the reference server of schema/gateway.yaml with a bank and a phone, as
 * functions from (state, instant, request) to answer.  No I/O, no clock and no global state in here: a
 * program may keep many worlds, on any clock.  From one seed and one sequence of requests come the same
 * ids, prices, serial numbers and bank lines; keys and EC signatures of the PKI alone are drawn from
 * the system's generator, and SIM_KEYS_NONE has none of them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/fault.h"

struct sim;

enum {
	SIM_BODY_MAX = 8 * 1024 * 1024,    /* a request's body */
	SIM_STATE_MAX = 256 * 1024 * 1024, /* the saved state */
	SIM_SIGNATURE_TEXT = 256,
	SIM_PLACE_TEXT = 96
};

/* How real the certificates are. */
enum sim_keys {
	SIM_KEYS_FULL,  /* RSA and EC authorities: what a demonstration shows */
	SIM_KEYS_QUICK, /* all authorities EC P-256: X.509 as real, twenty times cheaper */
	SIM_KEYS_NONE /* paper: facts without X.509; der_b64 is the facts' JSON; wholly deterministic */
};

struct sim_options {
	const char *key_id; /* of the one client */
	const void *secret; /* its HMAC key; copied */
	size_t secret_len;
	int64_t seed;
	enum sim_keys keys; /* of a fresh world; a loaded one keeps its own */
};

/* One HTTP request, as it was sent.  Absent headers are NULL. */
struct sim_request {
	const char *method;
	const char *target; /* path, and ?query if there is one: what the signature covers */
	const char *authorization;
	const char *idempotency_key;
	const char *if_match;
	const char *content_type;
	const void *body;
	size_t body_len;
};

/* What to answer, and what to do to the connection. */
struct sim_answer {
	int status;
	char *body; /* owned: sim_answer_done */
	size_t body_len;
	const char *content_type;
	char location[SIM_PLACE_TEXT]; /* "" where there is none; so are the next two */
	char etag[32];
	char signature[SIM_SIGNATURE_TEXT]; /* of Xuqi-Signature */
	int retry_after_s;                  /* 0: none */
	bool replayed;                      /* Idempotent-Replayed: true */
	int64_t hold_ms;                    /* keep the answer back so long */
	bool cut;                           /* no answer: cut the connection */
};

/* A fresh world with its own PKI (made at the instant NOW), or one that sim_save wrote.  Options
 * are copied; a loaded world keeps its own seed. */
struct sim *sim_new(const struct sim_options *options, int64_t now, struct fault *fault);
struct sim *sim_load(
	const struct sim_options *options, const char *text, size_t len, struct fault *fault);
void sim_free(struct sim *sim);
/* Everything that persists, as JSON on the heap: it holds the PKI's private keys. */
char *sim_save(const struct sim *sim);
/* Has anything worth saving happened since the last question? */
bool sim_changed(struct sim *sim);

/* Answer a request to /v1 (signed) or to /sim (the control interface, unsigned) at the instant
 * NOW.  ANSWER is overwritten. */
void sim_gateway(
	struct sim *sim, int64_t now, const struct sim_request *request, struct sim_answer *answer);
void sim_control(
	struct sim *sim, int64_t now, const struct sim_request *request, struct sim_answer *answer);
void sim_answer_done(struct sim_answer *answer);

/* Time alone: let everything happen that is due by NOW (each request does so first).  Things happen
 * at their own instants, so that a world does not depend on how often it is asked. */
void sim_advance(struct sim *sim, int64_t now);
/* The instant of the next thing that happens by itself, INT64_MAX if there is none. */
int64_t sim_next_at(const struct sim *sim);

/* The ledger as GET /sim/ledger answers it, as JSON on the heap. */
char *sim_ledger(struct sim *sim);
/* How many things LIST of the ledger (applications, payments, transfers …) holds. */
int64_t sim_ledger_count(const struct sim *sim, const char *list);

/* A notice to a registered webhook (Standard Webhooks 1.0), for the shell to POST. */
struct sim_delivery {
	char id[48];                        /* of the delivery */
	char *url, *body;                   /* owned: sim_delivery_free */
	char webhook_id[48];                /* header webhook-id: the same in repeats */
	char timestamp[24];                 /* header webhook-timestamp */
	char signature[SIM_SIGNATURE_TEXT]; /* header webhook-signature */
	int attempt;                        /* from 1 */
};

/* The next notice due at NOW into OUT, under way until its end is told; false if there is none. */
bool sim_delivery_take(struct sim *sim, int64_t now, struct sim_delivery *out);
/* What became of it: the receiver's HTTP status, 0 for no answer.  Other than 2xx it comes again
 * later, a few times. */
void sim_delivery_done(struct sim *sim, int64_t now, const char *id, int status);
/* When the next notice is due, INT64_MAX if none waits. */
int64_t sim_delivery_at(const struct sim *sim);
void sim_delivery_free(struct sim_delivery *delivery);

/* The root's certificate in PEM, on the heap; "" in a world without keys. */
char *sim_root_pem(const struct sim *sim);

DEFINE_CLEANUP(sim_freep, struct sim *, sim_free)
