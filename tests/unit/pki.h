/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates made on the spot, for tests of what reads and trusts them. */
#pragma once

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/own.h"

struct pki_spec {
	const char *common_name;
	const char *unit;       /* OU, or NULL */
	const char *uscc_name;  /* 统一社会信用代码 in the subject, or NULL */
	const char *uscc_ext;   /* … as an extension, or NULL */
	const char *key_usage;  /* as openssl.cnf spells it, or NULL */
	const char *algorithm;  /* EC (the default), RSA or SM2 */
	long serial;            /* 0: 1 */
	long begins_s, lasts_s; /* from now; lasts 0: a day */
	bool is_ca;
};

struct pki {
	EVP_PKEY *key;
	X509 *cert;
};

static inline void pki_must(bool right)
{
	if (!right)
		abort();
}

static inline EVP_PKEY *pki_key(const char *algorithm)
{
	if (algorithm == NULL || strcmp(algorithm, "EC") == 0)
		return EVP_EC_gen("P-256");
	if (strcmp(algorithm, "SM2") == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, "SM2");
	return EVP_RSA_gen(2048);
}

static inline void pki_add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	pki_must(extension != NULL && X509_add_ext(cert, extension, -1) == 1);
	X509_EXTENSION_free(extension);
}

static inline void pki_add_text_extension(X509 *cert, const char *oid, const char *text)
{
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	ASN1_UTF8STRING *string = ASN1_UTF8STRING_new();
	ASN1_OCTET_STRING *content = ASN1_OCTET_STRING_new();
	unsigned char *der = NULL;
	pki_must(ASN1_STRING_set(string, text, -1) == 1);
	int len = i2d_ASN1_UTF8STRING(string, &der);
	pki_must(len > 0 && ASN1_OCTET_STRING_set(content, der, len) == 1);
	X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, object, 0, content);
	pki_must(extension != NULL && X509_add_ext(cert, extension, -1) == 1);
	X509_EXTENSION_free(extension);
	ASN1_OCTET_STRING_free(content);
	ASN1_UTF8STRING_free(string);
	ASN1_OBJECT_free(object);
	OPENSSL_free(der);
}

static inline void pki_add_name(X509_NAME *name, const char *oid, const char *text)
{
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 0);
	pki_must(object != NULL &&
		X509_NAME_add_entry_by_OBJ(
			name, object, MBSTRING_UTF8, (const unsigned char *)text, -1, -1, 0) == 1);
	ASN1_OBJECT_free(object);
}

static inline void pki_fill(X509 *cert, const struct pki_spec *spec)
{
	X509_NAME *name = X509_get_subject_name(cert);
	pki_must(X509_set_version(cert, X509_VERSION_3) == 1 &&
		ASN1_INTEGER_set(
			X509_get_serialNumber(cert), spec->serial != 0 ? spec->serial : 1) == 1);
	(void)X509_gmtime_adj(X509_getm_notBefore(cert), spec->begins_s);
	(void)X509_gmtime_adj(X509_getm_notAfter(cert),
		spec->begins_s + (spec->lasts_s != 0 ? spec->lasts_s : 86400));
	pki_add_name(name, "C", "CN");
	if (spec->unit != NULL)
		pki_add_name(name, "OU", spec->unit);
	pki_add_name(name, "CN", spec->common_name);
	if (spec->uscc_name != NULL)
		pki_add_name(name, "1.2.156.10260.4.1.4", spec->uscc_name);
}

/* SM2 signs its signer's identity too: the usual one (GM/T 0009-2012 section 10). */
static inline void pki_sign_sm2(X509 *cert, EVP_PKEY *key)
{
	EVP_PKEY_CTX *parameters = NULL;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	pki_must(EVP_DigestSignInit(context, &parameters, EVP_sm3(), NULL, key) == 1 &&
		EVP_PKEY_CTX_set1_id(parameters, "1234567812345678", 16) == 1 &&
		X509_sign_ctx(cert, context) > 0);
	EVP_MD_CTX_free(context);
}

static inline void pki_sign(X509 *cert, EVP_PKEY *key)
{
	if (EVP_PKEY_is_a(key, "SM2"))
		pki_sign_sm2(cert, key);
	else
		pki_must(X509_sign(cert, key, EVP_sha256()) > 0);
}

/* A certificate by ISSUER, or self-signed. */
static inline struct pki pki_make(const struct pki *issuer, const struct pki_spec *spec)
{
	struct pki made = { .key = pki_key(spec->algorithm), .cert = X509_new() };
	pki_must(made.key != NULL && made.cert != NULL);
	const struct pki *by = issuer != NULL ? issuer : &made;
	pki_fill(made.cert, spec);
	pki_must(X509_set_issuer_name(made.cert, X509_get_subject_name(by->cert)) == 1 &&
		X509_set_pubkey(made.cert, made.key) == 1);
	if (spec->is_ca)
		pki_add_extension(made.cert, by->cert, NID_basic_constraints, "critical,CA:TRUE");
	if (spec->key_usage != NULL)
		pki_add_extension(made.cert, by->cert, NID_key_usage, spec->key_usage);
	if (spec->uscc_ext != NULL)
		pki_add_text_extension(made.cert, "1.2.156.10260.4.4", spec->uscc_ext);
	if (!spec->is_ca)
		pki_add_extension(made.cert, by->cert, NID_subject_alt_name, "IP:127.0.0.1");
	pki_sign(made.cert, by->key);
	return made;
}

static inline void pki_done(struct pki *pki)
{
	EVP_PKEY_free(pki->key);
	X509_free(pki->cert);
	*pki = (struct pki){ 0 };
}

static inline void pki_write_cert(const struct pki *pki, const char *path)
{
	FILE *file = fopen(path, "we");
	pki_must(file != NULL && PEM_write_X509(file, pki->cert) == 1);
	pki_must(fclose(file) == 0);
}

static inline void pki_write_key(const struct pki *pki, const char *path)
{
	FILE *file = fopen(path, "we");
	pki_must(file != NULL &&
		PEM_write_PrivateKey(file, pki->key, NULL, NULL, 0, NULL, NULL) == 1);
	pki_must(fclose(file) == 0);
}
