/* SPDX-License-Identifier: Apache-2.0 */
/* PKCS#11 driver: the one login, the certificate object, the proof.  Here, and only here, a PIN is
 * presented to a token. */
#include "agent/token/token_p11.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "common/digest.h"
#include "common/text.h"

enum { CHALLENGE_BYTES = 32, SIGNATURE_MAX = 1024 };

DEFINE_CLEANUP(md_ctx_freep, EVP_MD_CTX *, EVP_MD_CTX_free)
DEFINE_CLEANUP(pkey_ctx_freep, EVP_PKEY_CTX *, EVP_PKEY_CTX_free)

/* ---- login ------------------------------------------------------------------------------------ */

static bool refuses_pin(CK_RV rv)
{
	return rv == CKR_PIN_INCORRECT || rv == CKR_PIN_INVALID || rv == CKR_PIN_LEN_RANGE ||
		rv == CKR_PIN_EXPIRED || rv == CKR_PIN_LOCKED;
}

enum token_login p11_login(
	struct token_session *session, const struct secret *pin, struct fault *detail)
{
	CK_RV rv = session->module->calls->C_Login(session->handle, CKU_USER, pin->bytes, pin->len);

	if (rv == CKR_OK) {
		session->logged_in = true;
		return TOKEN_LOGIN_DONE;
	}
	p11_unexpected(detail, "C_Login", rv);
	return refuses_pin(rv) ? TOKEN_LOGIN_INCORRECT : TOKEN_LOGIN_UNKNOWN;
}

void p11_logout(struct token_session *session)
{
	if (session->logged_in)
		(void)session->module->calls->C_Logout(session->handle);
	session->logged_in = false;
}

/* ---- the certificate object ------------------------------------------------------------------- */

/* DER of the parts that the object's attributes repeat (PKCS#11 v2.40 section 4.6.3). */
struct cert_parts {
	unsigned char *value, *subject, *issuer, *serial;
	int value_len, subject_len, issuer_len, serial_len;
};

static void cert_parts_done(struct cert_parts *parts)
{
	OPENSSL_free(parts->value);
	OPENSSL_free(parts->subject);
	OPENSSL_free(parts->issuer);
	OPENSSL_free(parts->serial);
}

static bool cert_parts_make(struct cert_parts *parts, X509 *cert)
{
	parts->value_len = i2d_X509(cert, &parts->value);
	parts->subject_len = i2d_X509_NAME(X509_get_subject_name(cert), &parts->subject);
	parts->issuer_len = i2d_X509_NAME(X509_get_issuer_name(cert), &parts->issuer);
	parts->serial_len = i2d_ASN1_INTEGER(X509_get0_serialNumber(cert), &parts->serial);
	return parts->value_len > 0 && parts->subject_len > 0 && parts->issuer_len > 0 &&
		parts->serial_len > 0;
}

bool p11_write_cert(struct token_session *session, X509 *cert, const unsigned char *id,
	size_t id_len, const char *label, struct fault *fault)
{
	CLEANUP(cert_parts_done) struct cert_parts parts = { 0 };
	CK_OBJECT_CLASS class_value = CKO_CERTIFICATE;
	CK_CERTIFICATE_TYPE type_value = CKC_X_509;
	CK_BBOOL yes = CK_TRUE;
	CK_BBOOL no = CK_FALSE;
	unsigned char id_value[TOKEN_ID_MAX];
	OWNED char *label_value = text_dup(label);
	CK_OBJECT_HANDLE object = 0;
	CK_RV rv = CKR_OK;

	if (!cert_parts_make(&parts, cert) || id_len == 0 || id_len > sizeof(id_value))
		return fault_set(fault, FAULT_BUG, "the certificate cannot be encoded");
	memcpy(id_value, id, id_len);

	CK_ATTRIBUTE object_template[] = {
		{ CKA_CLASS, &class_value, sizeof(class_value) },
		{ CKA_CERTIFICATE_TYPE, &type_value, sizeof(type_value) },
		{ CKA_TOKEN, &yes, sizeof(yes) },
		{ CKA_PRIVATE, &no, sizeof(no) },
		{ CKA_LABEL, label_value, strlen(label_value) },
		{ CKA_ID, id_value, id_len },
		{ CKA_SUBJECT, parts.subject, (CK_ULONG)parts.subject_len },
		{ CKA_ISSUER, parts.issuer, (CK_ULONG)parts.issuer_len },
		{ CKA_SERIAL_NUMBER, parts.serial, (CK_ULONG)parts.serial_len },
		{ CKA_VALUE, parts.value, (CK_ULONG)parts.value_len },
	};

	rv = session->module->calls->C_CreateObject(
		session->handle, object_template, COUNT_OF(object_template), &object);
	if (rv == CKR_DEVICE_MEMORY)
		return fault_set(fault, FAULT_REFUSED,
			"the token has no room for the new certificate (CKR_DEVICE_MEMORY)");
	if (rv != CKR_OK)
		return p11_unexpected(fault, "C_CreateObject", rv);
	return true;
}

/* ---- proof ------------------------------------------------------------------------------------ */

static bool key_may(
	struct token_session *session, CK_OBJECT_HANDLE key, CK_ATTRIBUTE_TYPE use, bool otherwise)
{
	unsigned char answer = CK_FALSE;
	size_t len = 0;

	if (!p11_attribute(session, key, use, &answer, sizeof(answer), &len) || len != 1)
		return otherwise;
	return answer != CK_FALSE;
}

/* The private key that belongs to CERT among those with its id. */
static bool find_private_key(struct token_session *session, X509 *cert, const unsigned char *id,
	size_t id_len, CK_OBJECT_HANDLE *key, struct fault *fault)
{
	struct p11_objects keys;

	if (!p11_find_keys(session, CKO_PRIVATE_KEY, id, id_len, &keys, fault))
		return false;
	for (size_t i = 0; i < keys.count; i++)
		if (p11_match_key(session, keys.handles[i], cert) != P11_DIFFERENT) {
			*key = keys.handles[i];
			return true;
		}
	return fault_set(fault, FAULT_REFUSED, "the token has no private key for the certificate");
}

static PKCS11_TOKEN *lent_token(struct token_session *session, struct fault *fault)
{
	struct token_module *module = session->module;

	if (module->lent_slots == NULL &&
		PKCS11_enumerate_slots(module->libp11, &module->lent_slots, &module->lent_count) !=
			0) {
		module->lent_slots = NULL;
		fault_set(fault, FAULT_UNSURE, "libp11 cannot list the slots");
		return NULL;
	}
	for (unsigned int i = 0; i < module->lent_count; i++)
		if (PKCS11_get_slotid_from_slot(&module->lent_slots[i]) == session->slot)
			return module->lent_slots[i].token;
	fault_set(fault, FAULT_UNSURE, "libp11 does not see the token's slot");
	return NULL;
}

EVP_PKEY *p11_lend_key(struct token_session *session, const unsigned char *id, size_t id_len,
	EVP_PKEY *wanted, struct fault *fault)
{
	PKCS11_TOKEN *token = lent_token(session, fault);
	PKCS11_KEY *keys = NULL;
	unsigned int count = 0;

	if (token == NULL)
		return NULL;
	if (PKCS11_enumerate_keys(token, &keys, &count) != 0)
		count = 0;
	for (unsigned int i = 0; i < count; i++) {
		EVP_PKEY *key = NULL;

		if (keys[i].id_len != id_len || memcmp(keys[i].id, id, id_len) != 0)
			continue;
		key = PKCS11_get_private_key(&keys[i]);
		if (key != NULL && (wanted == NULL || EVP_PKEY_eq(key, wanted) == 1))
			return key;
		EVP_PKEY_free(key);
	}
	fault_set(fault, FAULT_REFUSED, "the token's key is not the certificate's");
	return NULL;
}

DEFINE_CLEANUP(pkey_freep, EVP_PKEY *, EVP_PKEY_free)

static bool prove_by_signing(struct token_session *session, X509 *cert, const unsigned char *id,
	size_t id_len, struct fault *fault)
{
	unsigned char challenge[CHALLENGE_BYTES];
	unsigned char signature[SIGNATURE_MAX];
	size_t len = sizeof(signature);
	CLEANUP(pkey_freep)
	EVP_PKEY *key = p11_lend_key(session, id, id_len, X509_get0_pubkey(cert), fault);
	CLEANUP(md_ctx_freep) EVP_MD_CTX *signing = EVP_MD_CTX_new();
	CLEANUP(md_ctx_freep) EVP_MD_CTX *checking = EVP_MD_CTX_new();

	if (key == NULL)
		return false;
	random_bytes(challenge, sizeof(challenge));
	if (EVP_DigestSignInit(signing, NULL, EVP_sha256(), NULL, key) != 1 ||
		EVP_DigestSign(signing, signature, &len, challenge, sizeof(challenge)) != 1)
		return fault_set(fault, FAULT_UNSURE, "the token's key did not sign");
	if (EVP_DigestVerifyInit(checking, NULL, EVP_sha256(), NULL, X509_get0_pubkey(cert)) != 1 ||
		EVP_DigestVerify(checking, signature, len, challenge, sizeof(challenge)) != 1)
		return fault_set(fault, FAULT_REFUSED,
			"what the token's key signed does not verify with the certificate");
	return true;
}

static bool encrypt_to(X509 *cert, const unsigned char challenge[CHALLENGE_BYTES],
	unsigned char out[SIGNATURE_MAX], size_t *len)
{
	CLEANUP(pkey_ctx_freep)
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(X509_get0_pubkey(cert), NULL);

	*len = SIGNATURE_MAX;
	return ctx != NULL && EVP_PKEY_encrypt_init(ctx) == 1 &&
		EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
		EVP_PKEY_encrypt(ctx, out, len, challenge, CHALLENGE_BYTES) == 1;
}

static bool prove_by_decrypting(
	struct token_session *session, X509 *cert, CK_OBJECT_HANDLE key, struct fault *fault)
{
	CK_FUNCTION_LIST *calls = session->module->calls;
	CK_MECHANISM mechanism = { CKM_RSA_PKCS, NULL, 0 };
	unsigned char challenge[CHALLENGE_BYTES];
	unsigned char sealed[SIGNATURE_MAX];
	unsigned char opened[SIGNATURE_MAX];
	size_t sealed_len = 0;
	CK_ULONG opened_len = sizeof(opened);
	CK_RV rv = CKR_OK;

	random_bytes(challenge, sizeof(challenge));
	if (!encrypt_to(cert, challenge, sealed, &sealed_len))
		return fault_set(fault, FAULT_REFUSED, "the certificate's key cannot encrypt");
	rv = calls->C_DecryptInit(session->handle, &mechanism, key);
	if (rv == CKR_OK)
		rv = calls->C_Decrypt(session->handle, sealed, sealed_len, opened, &opened_len);
	if (rv != CKR_OK)
		return p11_unexpected(fault, "C_Decrypt", rv);
	if (opened_len != sizeof(challenge) || !bytes_equal(opened, challenge, sizeof(challenge)))
		return fault_set(fault, FAULT_REFUSED,
			"the token's key does not decrypt what the certificate encrypts");
	return true;
}

bool p11_prove(struct token_session *session, X509 *cert, const unsigned char *id, size_t id_len,
	struct fault *fault)
{
	CK_OBJECT_HANDLE key = 0;
	bool is_rsa = EVP_PKEY_is_a(X509_get0_pubkey(cert), "RSA");

	if (!find_private_key(session, cert, id, id_len, &key, fault))
		return false;
	if (key_may(session, key, CKA_SIGN, true))
		return prove_by_signing(session, cert, id, id_len, fault);
	if (is_rsa && key_may(session, key, CKA_DECRYPT, false))
		return prove_by_decrypting(session, cert, key, fault);
	return fault_set(fault, FAULT_REFUSED,
		"the token's key may neither sign nor decrypt: it cannot be proven");
}
