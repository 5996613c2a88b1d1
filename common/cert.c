/* SPDX-License-Identifier: Apache-2.0 */
/* Reading facts from certificates and verifying chains, with OpenSSL 3.  Nothing here asks a
 * terminal for a password, and nothing is left in OpenSSL's error queue. */
#include "common/cert.h"

#include <limits.h>
#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/text.h"

DEFINE_CLEANUP(bio_freep, BIO *, BIO_free_all)
DEFINE_CLEANUP(bn_freep, BIGNUM *, BN_free)
DEFINE_CLEANUP(object_freep, ASN1_OBJECT *, ASN1_OBJECT_free)
DEFINE_CLEANUP(type_freep, ASN1_TYPE *, ASN1_TYPE_free)
DEFINE_CLEANUP(store_freep, X509_STORE *, X509_STORE_free)
DEFINE_CLEANUP(store_context_freep, X509_STORE_CTX *, X509_STORE_CTX_free)

static void openssl_freep(void *p)
{
	OPENSSL_free(*(void **)p);
}

/* Where Chinese CAs put the 统一社会信用代码 (GM/T 0015, GB/T 20518 name attributes in use). */
static const char *const uscc_oids[] = { "1.2.156.10260.4.1.4", "1.2.156.10260.4.4" };

const char *cert_role_word(enum cert_role role)
{
	switch (role) {
	case CERT_SIGN:
		return "sign";
	case CERT_ENCRYPT:
		return "encrypt";
	case CERT_BOTH:
		return "both";
	}
	return "both";
}

/* ---- from bytes ---- */

X509 *cert_from_der(const unsigned char *der, size_t len, struct fault *fault)
{
	const unsigned char *at = der;
	if (len == 0 || len > CERT_DER_MAX) {
		(void)fault_set(fault, FAULT_INPUT, "a certificate has 1 to %d bytes, not %zu",
			CERT_DER_MAX, len);
		return NULL;
	}
	CLEANUP(cert_freep) X509 *cert = d2i_X509(NULL, &at, (long)len);
	if (cert == NULL || at != der + len) {
		(void)fault_set(fault, FAULT_INPUT, "not one X.509 certificate in DER");
		ERR_clear_error();
		return NULL;
	}
	return take(cert);
}

/* An encrypted PEM block asks for a password: there is none, and nobody to ask. */
static int no_password(char *into, int size, int writing, void *context)
{
	if (size > 0)
		into[0] = '\0';
	(void)writing;
	(void)context;
	return -1;
}

X509 *cert_from_pem(const char *pem, size_t len, struct fault *fault)
{
	CLEANUP(bio_freep) BIO *in = len <= INT_MAX ? BIO_new_mem_buf(pem, (int)len) : NULL;
	CLEANUP(cert_freep) X509 *cert = NULL;
	if (in != NULL)
		cert = PEM_read_bio_X509(in, NULL, no_password, NULL);
	if (cert == NULL || i2d_X509(cert, NULL) > CERT_DER_MAX) {
		(void)fault_set(fault, FAULT_INPUT, "there is no certificate in PEM");
		ERR_clear_error();
		return NULL;
	}
	return take(cert);
}

/* ---- facts ---- */

static bool read_serial(struct cert_facts *out, const X509 *cert, struct fault *fault)
{
	CLEANUP(bn_freep) BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
	if (number == NULL || BN_is_negative(number))
		return fault_set(fault, FAULT_INPUT,
			"the serial number is not positive (RFC 5280 section 4.1.2.2)");
	CLEANUP(openssl_freep) char *hex = BN_bn2hex(number);
	if (hex == NULL || strlen(hex) >= sizeof(out->serial))
		return fault_set(fault, FAULT_INPUT, "the serial number is too long");
	memcpy(out->serial, hex, strlen(hex) + 1);
	return true;
}

/* NAME as RFC 4514 text, UTF-8 left as it is. */
static bool read_name(
	char out[CERT_NAME], const X509_NAME *name, const char *what, struct fault *fault)
{
	const unsigned long flags = XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
	CLEANUP(bio_freep) BIO *memory = BIO_new(BIO_s_mem());
	char *data = NULL;
	if (memory == NULL || X509_NAME_print_ex(memory, name, 0, flags) < 0)
		return fault_set(fault, FAULT_INPUT, "the %s name is unreadable", what);
	long len = BIO_get_mem_data(memory, &data);
	if (len < 0 || len >= CERT_NAME)
		return fault_set(fault, FAULT_INPUT, "the %s name is too long", what);
	if (len > 0)
		memcpy(out, data, (size_t)len);
	out[len] = '\0';
	return true;
}

/* STRING as UTF-8 into OUT; false if it is too long or holds a NUL. */
static bool copy_string(char *out, size_t size, const ASN1_STRING *string)
{
	unsigned char *raw = NULL;
	int len = ASN1_STRING_to_UTF8(&raw, string);
	CLEANUP(openssl_freep) unsigned char *utf8 = raw;
	if (len < 0 || (size_t)len >= size || memchr(utf8, '\0', (size_t)len) != NULL)
		return false;
	memcpy(out, utf8, (size_t)len);
	out[len] = '\0';
	return true;
}

static bool read_entry(
	char *out, size_t size, const X509_NAME *name, int index, struct fault *fault)
{
	if (index < 0)
		return true;
	const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, index);
	if (copy_string(out, size, X509_NAME_ENTRY_get_data(entry)))
		return true;
	return fault_set(fault, FAULT_INPUT,
		"part %d of the subject name is unreadable or too long", index + 1);
}

static bool read_subject_parts(struct cert_facts *out, const X509 *cert, struct fault *fault)
{
	const X509_NAME *name = X509_get_subject_name(cert);
	int holder = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
	int unit = X509_NAME_get_index_by_NID(name, NID_organizationalUnitName, -1);
	return read_entry(out->common_name, sizeof(out->common_name), name, holder, fault) &&
		read_entry(out->unit_name, sizeof(out->unit_name), name, unit, fault);
}

static bool is_text_type(int type)
{
	return type == V_ASN1_UTF8STRING || type == V_ASN1_PRINTABLESTRING ||
		type == V_ASN1_IA5STRING;
}

/* The text in the extension OID, if there is such an extension. */
static bool read_text_extension(
	char *out, size_t size, const X509 *cert, const ASN1_OBJECT *oid, struct fault *fault)
{
	int index = X509_get_ext_by_OBJ(cert, oid, -1);
	if (index < 0)
		return true;
	const ASN1_OCTET_STRING *content = X509_EXTENSION_get_data(X509_get_ext(cert, index));
	const unsigned char *at = ASN1_STRING_get0_data(content);
	CLEANUP(type_freep)
	ASN1_TYPE *value = d2i_ASN1_TYPE(NULL, &at, ASN1_STRING_length(content));
	if (value == NULL || !is_text_type(value->type) ||
		!copy_string(out, size, value->value.asn1_string))
		return fault_set(
			fault, FAULT_INPUT, "the 统一社会信用代码 extension is not a text");
	return true;
}

static bool read_uscc(struct cert_facts *out, const X509 *cert, struct fault *fault)
{
	const X509_NAME *name = X509_get_subject_name(cert);
	for (size_t i = 0; i < COUNT_OF(uscc_oids) && out->uscc[0] == '\0'; i++) {
		CLEANUP(object_freep) ASN1_OBJECT *oid = OBJ_txt2obj(uscc_oids[i], 1);
		if (oid == NULL)
			return fault_set(fault, FAULT_LATER, "no memory for an OID");
		int index = X509_NAME_get_index_by_OBJ(name, oid, -1);
		if (!read_entry(out->uscc, sizeof(out->uscc), name, index, fault))
			return false;
		if (index < 0 &&
			!read_text_extension(out->uscc, sizeof(out->uscc), cert, oid, fault))
			return false;
	}
	return true;
}

static bool is_sm2(const EVP_PKEY *key)
{
	char curve[32] = "";
	size_t len = 0;
	if (EVP_PKEY_is_a(key, "SM2"))
		return true;
	return EVP_PKEY_is_a(key, "EC") &&
		EVP_PKEY_get_group_name(key, curve, sizeof(curve), &len) == 1 &&
		text_equal(curve, "SM2");
}

static bool read_key_type(struct cert_facts *out, const X509 *cert, struct fault *fault)
{
	const EVP_PKEY *key = X509_get0_pubkey(cert);
	if (key == NULL)
		return fault_set(fault, FAULT_INPUT, "the public key is of an unknown kind");
	const char *name = EVP_PKEY_get0_type_name(key);
	int bits = EVP_PKEY_get_bits(key);
	int len = 0;
	if (is_sm2(key))
		len = snprintf(out->key_type, sizeof(out->key_type), "SM2");
	else if (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "EC"))
		len = snprintf(out->key_type, sizeof(out->key_type), "%.4s%d", name, bits);
	else
		len = snprintf(
			out->key_type, sizeof(out->key_type), "%.15s", name != NULL ? name : "?");
	if (len < 0 || (size_t)len >= sizeof(out->key_type))
		return fault_set(fault, FAULT_INPUT, "the public key is of an unknown kind");
	return true;
}

static bool read_instant(int64_t *out, const ASN1_TIME *at, struct fault *fault)
{
	struct tm tm = { 0 };
	if (ASN1_TIME_to_tm(at, &tm) != 1)
		return fault_set(fault, FAULT_INPUT, "the validity is unreadable");
	*out = (int64_t)timegm(&tm) * CLOCK_SECOND;
	return true;
}

static bool read_role(struct cert_facts *out, X509 *cert, struct fault *fault)
{
	const uint32_t signs = KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION;
	const uint32_t encrypts = KU_KEY_ENCIPHERMENT | KU_DATA_ENCIPHERMENT | KU_KEY_AGREEMENT;
	uint32_t usage = X509_get_key_usage(cert); /* UINT32_MAX: no such extension */
	if ((X509_get_extension_flags(cert) & EXFLAG_INVALID) != 0)
		return fault_set(fault, FAULT_INPUT, "an extension is malformed");
	if ((usage & signs) != 0 && (usage & encrypts) != 0)
		out->role = CERT_BOTH;
	else
		out->role = (usage & encrypts) != 0 ? CERT_ENCRYPT : CERT_SIGN;
	return true;
}

static bool hash_name(char out[SHA256_HEX], const X509_NAME *name)
{
	const unsigned char *der = NULL;
	size_t len = 0;
	if (X509_NAME_get0_der(name, &der, &len) != 1)
		return false;
	sha256_hex(out, der, len);
	return true;
}

static bool read_digests(struct cert_facts *out, X509 *cert, struct fault *fault)
{
	unsigned char *raw = NULL;
	int len = i2d_X509(cert, &raw);
	CLEANUP(openssl_freep) unsigned char *der = raw;
	unsigned char *raw_key = NULL;
	int key_len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &raw_key);
	CLEANUP(openssl_freep) unsigned char *key = raw_key;
	if (len <= 0 || key_len <= 0 ||
		!hash_name(out->issuer_sha256, X509_get_issuer_name(cert)) ||
		!hash_name(out->subject_sha256, X509_get_subject_name(cert)))
		return fault_set(fault, FAULT_INPUT, "the certificate cannot be encoded again");
	sha256_hex(out->sha256, der, (size_t)len);
	sha256_hex(out->spki_sha256, key, (size_t)key_len);
	return true;
}

bool cert_read_facts(struct cert_facts *out, X509 *cert, struct fault *fault)
{
	struct cert_facts facts = { 0 };
	bool whole = read_digests(&facts, cert, fault) && read_serial(&facts, cert, fault) &&
		read_name(facts.issuer, X509_get_issuer_name(cert), "issuer", fault) &&
		read_name(facts.subject, X509_get_subject_name(cert), "subject", fault) &&
		read_subject_parts(&facts, cert, fault) && read_uscc(&facts, cert, fault) &&
		read_key_type(&facts, cert, fault) && read_role(&facts, cert, fault) &&
		read_instant(&facts.not_before, X509_get0_notBefore(cert), fault) &&
		read_instant(&facts.not_after, X509_get0_notAfter(cert), fault);
	ERR_clear_error();
	if (whole)
		*out = facts;
	return whole;
}

bool cert_same_key(X509 *a, X509 *b)
{
	unsigned char *raw_a = NULL;
	unsigned char *raw_b = NULL;
	int len_a = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(a), &raw_a);
	int len_b = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(b), &raw_b);
	CLEANUP(openssl_freep) unsigned char *key_a = raw_a;
	CLEANUP(openssl_freep) unsigned char *key_b = raw_b;
	return len_a > 0 && len_a == len_b && memcmp(key_a, key_b, (size_t)len_a) == 0;
}

/* ---- chains ---- */

/* An SM2 signature covers its signer's identity, by default this one (GM/T 0009-2012 section 10);
 * OpenSSL verifies with an empty one unless told. */
static bool name_sm2_signer(X509 *cert)
{
	static const unsigned char identity[] = "1234567812345678";
	if (X509_get_signature_nid(cert) != NID_SM2_with_SM3 ||
		X509_get0_distinguishing_id(cert) != NULL)
		return true;
	ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();
	if (id == NULL || ASN1_OCTET_STRING_set(id, identity, sizeof(identity) - 1) != 1) {
		ASN1_OCTET_STRING_free(id);
		return false;
	}
	X509_set0_distinguishing_id(cert, id);
	return true;
}

/* The COUNT certificates as a stack that borrows them; the caller frees the stack. */
static STACK_OF(X509) * borrow_stack(X509 *const *certs, size_t count)
{
	STACK_OF(X509) *stack = sk_X509_new_null();
	for (size_t i = 0; stack != NULL && i < count; i++) {
		if (name_sm2_signer(certs[i]) && sk_X509_push(stack, certs[i]) > 0)
			continue;
		sk_X509_free(stack);
		return NULL;
	}
	return stack;
}

static bool verify_at(
	X509_STORE *store, X509 *leaf, STACK_OF(X509) * between, int64_t at, struct fault *fault)
{
	CLEANUP(store_context_freep) X509_STORE_CTX *context = X509_STORE_CTX_new();
	if (context == NULL || X509_STORE_CTX_init(context, store, leaf, between) != 1)
		return fault_set(fault, FAULT_LATER, "no memory for a chain");
	X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(context), (time_t)(at / CLOCK_SECOND));
	if (X509_verify_cert(context) == 1)
		return true;
	int why = X509_STORE_CTX_get_error(context);
	return fault_set(fault, FAULT_REFUSED, "the certificate does not verify: %s (at depth %d)",
		X509_verify_cert_error_string(why), X509_STORE_CTX_get_error_depth(context));
}

bool cert_verify_chain(X509 *leaf, X509 *const *intermediates, size_t count, const char *roots,
	int64_t at, struct fault *fault)
{
	CLEANUP(store_freep) X509_STORE *store = X509_STORE_new();
	if (store == NULL || X509_STORE_load_file(store, roots) != 1) {
		ERR_clear_error();
		return fault_set(fault, FAULT_INPUT, "%s: no trusted certificates in PEM", roots);
	}
	STACK_OF(X509) *between = borrow_stack(intermediates, count);
	if (between == NULL || !name_sm2_signer(leaf)) {
		sk_X509_free(between);
		return fault_set(fault, FAULT_LATER, "no memory for a chain");
	}
	bool verified = verify_at(store, leaf, between, at, fault);
	sk_X509_free(between);
	ERR_clear_error();
	return verified;
}
