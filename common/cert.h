/* SPDX-License-Identifier: Apache-2.0 */
/* Facts about an X.509 certificate (RFC 5280), and the checks before one is trusted.  A
 * certificate's identity is (issuer DN in DER, serial): media numbers and labels never are. */
#pragma once

#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/fault.h"

/* Role by key usage (RFC 5280 section 4.2.1.3): 签名证书, 加密证书, or both in one. */
enum cert_role { CERT_SIGN, CERT_ENCRYPT, CERT_BOTH };

enum { CERT_SERIAL_HEX = 64, CERT_NAME = 512, CERT_KEY_TYPE = 16, CERT_DER_MAX = 16384 };

struct cert_facts {
	char sha256[SHA256_HEX];        /* of the DER */
	char serial[CERT_SERIAL_HEX];   /* upper-case hex, no leading zero bytes, no sign */
	char issuer[CERT_NAME];         /* RFC 4514 text, UTF-8 */
	char subject[CERT_NAME];        /* RFC 4514 text, UTF-8 */
	char issuer_sha256[SHA256_HEX]; /* of the issuer's DER */
	char subject_sha256[SHA256_HEX];
	char spki_sha256[SHA256_HEX];  /* of the SubjectPublicKeyInfo's DER: names the key */
	char key_type[CERT_KEY_TYPE];  /* RSA2048, EC256, SM2 … */
	char uscc[32];                 /* 统一社会信用代码 from its OIDs, or "" */
	char common_name[CERT_NAME];   /* holder (证书用户) */
	char unit_name[CERT_NAME];     /* OU: service (服务名称), or "" */
	int64_t not_before, not_after; /* UTC microseconds */
	enum cert_role role;
};

const char *cert_role_word(enum cert_role role); /* sign, encrypt, both */

/* The certificate in LEN bytes of DER, nothing behind it; the caller frees it. */
X509 *cert_from_der(const unsigned char *der, size_t len, struct fault *fault);
/* The first certificate in a PEM text. */
X509 *cert_from_pem(const char *pem, size_t len, struct fault *fault);
bool cert_read_facts(struct cert_facts *out, X509 *cert, struct fault *fault) MUST_CHECK;
/* Same public key (compared as SubjectPublicKeyInfo). */
bool cert_same_key(X509 *a, X509 *b);

/* Verify LEAF up to a self-signed certificate of the PEM file ROOTS through the LEAF's COUNT
 * intermediates, at the instant AT.  Trust comes from ROOTS alone. */
bool cert_verify_chain(X509 *leaf, X509 *const *intermediates, size_t count, const char *roots,
	int64_t at, struct fault *fault) MUST_CHECK;

DEFINE_CLEANUP(cert_freep, X509 *, X509_free)
