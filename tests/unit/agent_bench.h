/* SPDX-License-Identifier: Apache-2.0 */
/* A workstation in a temporary folder for the agent's tests: SoftHSM tokens with random PINs, a small
 * PKI, settings, orders, and the agent's real programs run as processes. */
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/base/settings.h"

enum { BENCH_PATH = 256, BENCH_OUTPUT = 4096, BENCH_PIN = 17 };

struct bench {
	char dir[64];              /* everything is below it */
	char settings[BENCH_PATH]; /* the agent's settings file */
	char pin[BENCH_PIN];       /* 16 random characters */
	char tokens[2048];         /* YAML of the stored-PIN entries */
	EVP_PKEY *root_key, *ca_key;
	X509 *root, *ca;
	struct agent_settings read; /* the settings as the agent reads them */
	const char *server_url;     /* NULL: nobody listens */
};

struct bench_token {
	char serial[32];
	const char *label;
	int pairs;        /* 1 or 2 */
	X509 *old[2];     /* on the token */
	X509 *renewed[2]; /* made by bench_order */
};

struct bench_run {
	int code; /* exit code, -1 after a signal */
	char out[BENCH_OUTPUT];
};

struct bench_draft {
	X509_NAME *subject;
	EVP_PKEY *key;
	X509 *issuer; /* NULL: self-signed */
	EVP_PKEY *signer;
	int from_days, to_days;
	const char *usage;
	const char *address; /* subjectAltName, or NULL */
	bool is_ca;
};

/* The certificate of the draft; the caller frees it. */
X509 *bench_issue(const struct bench_draft *draft);
/* Make the root and the CA, and pin the root in roots.pem. */
void bench_make_pki(struct bench *bench);
/* CN=COMMON_NAME; the caller frees it. */
X509_NAME *bench_name(const char *common_name);

void bench_start(struct bench *bench);
void bench_end(struct bench *bench);
/* DIR/NAME in one of eight rotating buffers. */
const char *bench_path(const struct bench *bench, const char *name);
void bench_write(const struct bench *bench, const char *name, const char *content);
/* The content, "" if there is none; the caller frees it. */
char *bench_read(const struct bench *bench, const char *name);

/* (Re)write the settings; MORE is YAML added at the end. */
void bench_settings(struct bench *bench, const char *more);
/* A token with certificates that end in 20 days, its PIN stored with consent. */
void bench_token(struct bench *bench, struct bench_token *token, const char *label,
	const char *algorithm, bool pair);
void bench_token_done(struct bench_token *token);
/* Take the token out of the (only) reader, or put it back. */
void bench_unplug(const struct bench *bench);
void bench_plug(const struct bench *bench);

/* Remember what the token holds now, and go back to it. */
void bench_keep(const struct bench *bench);
void bench_restore(const struct bench *bench);

/* A certificate for the key of LIKE, with its subject, valid DAYS from now. */
X509 *bench_renew(struct bench *bench, X509 *like, int days);
/* Leave an order ID to renew TOKEN in the state directory; token->renewed is what it holds. */
void bench_order(struct bench *bench, struct bench_token *token, const char *id);
/* The same with certificates of the caller's choice in token->renewed, and KEY_POLICY. */
void bench_order_with(
	struct bench *bench, struct bench_token *token, const char *id, const char *key_policy);

/* Run BIN/PROGRAM --settings FILE WORD…; FAULT is XUQI_P11LOG_FAULT or NULL; the PIN file (or
 * PIN_FILE's name below DIR) is its descriptor 3. */
struct bench_run bench_run(const struct bench *bench, const char *program, const char *fault,
	const char *const *words);
/* Start BIN/PROGRAM --settings FILE and leave it running; the caller ends and reaps it. */
pid_t bench_spawn(const struct bench *bench, const char *program, const char *fault);
/* Preflight, grant the permit as the link worker would, install; returns the last outcome word in
 * OUTCOME.  FAULT hits the install only. */
struct bench_run bench_install(
	const struct bench *bench, const char *order, const char *fault, char outcome[64]);
/* settle ORDER; then say that its result was posted, as the link worker would.  OUTCOME is the
 * outcome of the last ENDED line. */
void bench_settle(const struct bench *bench, const char *order, char outcome[64]);
/* The value of KEY in a worker's output. */
bool bench_fact(const struct bench_run *run, const char *key, char *out, size_t size);

/* Lines of the pass-through module's log that start with CALL and mention TEXT. */
int bench_calls(const struct bench *bench, const char *call, const char *text);
/* Files below DIR (but the PIN file and SoftHSM's own) in which NEEDLE stands. */
int bench_leaks(const struct bench *bench, const char *needle);
/* Certificates on the plugged token with this DER. */
int bench_holds(struct bench *bench, X509 *cert);
