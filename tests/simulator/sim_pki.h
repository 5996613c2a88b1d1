/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated CA's public key infrastructure: a root, an intermediate, and two issuing
 * authorities (RSA and EC) below it, all real (RFC 5280). */
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "common/cert.h"
#include "common/json.h"

struct sim_pki;

/* Fresh keys and certificates, valid from ten years before NOW (so that certificates that are old at
 * NOW verify at their own time) to twenty years after.  QUICK: every authority has a P-256 key, which
 * is made and signs in microseconds. */
struct sim_pki *sim_pki_new(int64_t now, bool quick, struct fault *fault);
/* The same from what sim_pki_save wrote. */
struct sim_pki *sim_pki_load(const json_t *saved, struct fault *fault);
json_t *sim_pki_save(const struct sim_pki *pki);
void sim_pki_free(struct sim_pki *pki);

struct sim_issue {
	EVP_PKEY *key;            /* the subject's public key: RSA or EC decides the issuer */
	const X509_NAME *subject; /* copied */
	enum cert_role role;
	int64_t not_before, not_after; /* UTC microseconds, cut to seconds */
	const char *serial;            /* hex */
};

/* The facts of a certificate on paper: no key, no X.509; digests follow from the serial. */
void sim_paper_issue(struct cert_facts *out, const struct sim_issue *issue);

/* A certificate (the caller frees it). */
X509 *sim_pki_issue(const struct sim_pki *pki, const struct sim_issue *issue, struct fault *fault);
/* C=CN, O and CN the holder, OU the service, and the 统一社会信用代码 in 1.2.156.10260.4.1.4. */
X509_NAME *sim_pki_subject(
	const char *holder, const char *service, const char *uscc, struct fault *fault);
/* The issuing authority of LEAF and those above it but the root: borrowed, two of them. */
void sim_pki_chain(const struct sim_pki *pki, X509 *leaf, X509 *chain[2]);
/* A new key of the kind of KEY (the caller frees it), or NULL. */
EVP_PKEY *sim_pki_key_like(const EVP_PKEY *key);
X509 *sim_pki_root(const struct sim_pki *pki); /* borrowed */
/* PEM of one certificate, on the heap. */
char *sim_pki_pem(X509 *certificate);
/* Intermediate and both issuing authorities, on the heap. */
char *sim_pki_chain_pem(const struct sim_pki *pki);

DEFINE_CLEANUP(sim_pki_freep, struct sim_pki *, sim_pki_free)
DEFINE_CLEANUP(sim_name_freep, X509_NAME *, X509_NAME_free)
DEFINE_CLEANUP(sim_key_freep, EVP_PKEY *, EVP_PKEY_free)
