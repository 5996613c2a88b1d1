/* SPDX-License-Identifier: Apache-2.0 */
/* PKCS#11 driver: finding and reading objects.  A module's answer is foreign input: every length is
 * bounded, and a certificate that does not parse is still reported by its bytes. */
#include "agent/token/token_p11.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

enum { KEY_BYTES_MAX = 1024 };

bool p11_find(struct token_session *session, CK_ATTRIBUTE *pattern, size_t count,
	struct p11_objects *out, struct fault *fault)
{
	CK_FUNCTION_LIST *calls = session->module->calls;
	CK_ULONG found = 1;
	CK_RV rv = calls->C_FindObjectsInit(session->handle, pattern, count);
	CK_RV final = CKR_OK;

	out->count = 0;
	if (rv != CKR_OK)
		return p11_unexpected(fault, "C_FindObjectsInit", rv);
	while (rv == CKR_OK && found > 0 && out->count < P11_OBJECTS_MAX) {
		found = 0;
		rv = calls->C_FindObjects(session->handle, out->handles + out->count,
			P11_OBJECTS_MAX - out->count, &found);
		if (found > P11_OBJECTS_MAX - out->count)
			rv = CKR_GENERAL_ERROR;
		else
			out->count += found;
	}
	final = calls->C_FindObjectsFinal(session->handle);
	if (rv != CKR_OK || final != CKR_OK)
		return p11_unexpected(fault, "C_FindObjects", rv != CKR_OK ? rv : final);
	if (out->count == P11_OBJECTS_MAX)
		return fault_set(
			fault, FAULT_UNSURE, "the token shows %d objects or more", P11_OBJECTS_MAX);
	return true;
}

bool p11_attribute(struct token_session *session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
	unsigned char *out, size_t max, size_t *len)
{
	CK_FUNCTION_LIST *calls = session->module->calls;
	CK_ATTRIBUTE wanted = { type, NULL, 0 };

	if (calls->C_GetAttributeValue(session->handle, object, &wanted, 1) != CKR_OK ||
		wanted.ulValueLen == CK_UNAVAILABLE_INFORMATION || wanted.ulValueLen > max)
		return false;
	wanted.pValue = out;
	if (calls->C_GetAttributeValue(session->handle, object, &wanted, 1) != CKR_OK ||
		wanted.ulValueLen == CK_UNAVAILABLE_INFORMATION || wanted.ulValueLen > max)
		return false;
	*len = wanted.ulValueLen;
	return true;
}

bool p11_find_keys(struct token_session *session, CK_OBJECT_CLASS class_wanted,
	const unsigned char *id, size_t id_len, struct p11_objects *out, struct fault *fault)
{
	CK_OBJECT_CLASS class_value = class_wanted;
	unsigned char id_value[TOKEN_ID_MAX];
	CK_ATTRIBUTE pattern[] = {
		{ CKA_CLASS, &class_value, sizeof(class_value) },
		{ CKA_ID, id_value, id_len },
	};

	if (id_len == 0 || id_len > sizeof(id_value)) {
		out->count = 0;
		return true;
	}
	memcpy(id_value, id, id_len);
	return p11_find(session, pattern, COUNT_OF(pattern), out, fault);
}

/* ---- public keys ------------------------------------------------------------------------------ */

/* The modulus of an RSA key, or the point of an EC or SM2 key, as PKCS#11 shows it. */
static bool public_bytes(EVP_PKEY *key, unsigned char *out, size_t *len)
{
	BIGNUM *modulus = NULL;
	bool known = false;

	if (!EVP_PKEY_is_a(key, "RSA"))
		return EVP_PKEY_get_octet_string_param(
			       key, OSSL_PKEY_PARAM_PUB_KEY, out, KEY_BYTES_MAX, len) == 1;
	if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &modulus) == 1 &&
		BN_num_bytes(modulus) <= KEY_BYTES_MAX) {
		*len = (size_t)BN_bn2bin(modulus, out);
		known = true;
	}
	BN_free(modulus);
	return known;
}

/* Modules show the modulus with leading zeros or without, and the point bare or inside an OCTET
 * STRING: in each case the wanted bytes are the tail. */
static bool is_tail(const unsigned char *shown, size_t shown_len, const unsigned char *wanted,
	size_t wanted_len)
{
	return shown_len >= wanted_len && shown_len <= wanted_len + 4 &&
		memcmp(shown + (shown_len - wanted_len), wanted, wanted_len) == 0;
}

enum p11_match p11_match_key(struct token_session *session, CK_OBJECT_HANDLE key, X509 *cert)
{
	unsigned char shown[KEY_BYTES_MAX];
	unsigned char wanted[KEY_BYTES_MAX];
	size_t shown_len = 0;
	size_t wanted_len = 0;
	EVP_PKEY *public_key = X509_get0_pubkey(cert);
	CK_ATTRIBUTE_TYPE type = CKA_EC_POINT;

	if (public_key == NULL || !public_bytes(public_key, wanted, &wanted_len))
		return P11_UNREADABLE;
	if (EVP_PKEY_is_a(public_key, "RSA"))
		type = CKA_MODULUS;
	if (!p11_attribute(session, key, type, shown, sizeof(shown), &shown_len) || shown_len == 0)
		return P11_UNREADABLE;
	return is_tail(shown, shown_len, wanted, wanted_len) ? P11_SAME : P11_DIFFERENT;
}

/* ---- certificates ----------------------------------------------------------------------------- */

static bool any_key_matches(struct token_session *session, CK_OBJECT_CLASS class_wanted,
	const struct token_cert *entry, X509 *cert, bool *matches, struct fault *fault)
{
	struct p11_objects keys;

	if (!p11_find_keys(session, class_wanted, entry->id, entry->id_len, &keys, fault))
		return false;
	for (size_t i = 0; i < keys.count; i++) {
		enum p11_match match = p11_match_key(session, keys.handles[i], cert);

		/* A private key may hide its public part: its id is then all there is. */
		if (match == P11_SAME ||
			(match == P11_UNREADABLE && class_wanted == CKO_PRIVATE_KEY))
			*matches = true;
	}
	return true;
}

static bool read_has_key(
	struct token_session *session, struct token_cert *entry, struct fault *fault)
{
	struct fault ignored = { 0 };
	CLEANUP(cert_freep) X509 *cert = cert_from_der(entry->der, entry->der_len, &ignored);

	entry->has_key = false;
	if (cert == NULL)
		return true;
	return any_key_matches(session, CKO_PUBLIC_KEY, entry, cert, &entry->has_key, fault) &&
		any_key_matches(session, CKO_PRIVATE_KEY, entry, cert, &entry->has_key, fault);
}

static void read_label(
	struct token_session *session, CK_OBJECT_HANDLE object, char label[TOKEN_TEXT])
{
	size_t len = 0;

	label[0] = '\0';
	if (!p11_attribute(
		    session, object, CKA_LABEL, (unsigned char *)label, TOKEN_TEXT - 1, &len))
		return;
	label[len] = '\0';
	for (char *at = label; *at != '\0'; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			*at = '?';
}

static bool read_cert(struct token_session *session, CK_OBJECT_HANDLE object,
	struct token_cert *out, struct fault *fault)
{
	OWNED unsigned char *der = zalloc(1, CERT_DER_MAX);

	if (!p11_attribute(session, object, CKA_VALUE, der, CERT_DER_MAX, &out->der_len))
		return fault_set(
			fault, FAULT_UNSURE, "the token does not show one of its certificates");
	if (!p11_attribute(session, object, CKA_ID, out->id, sizeof(out->id), &out->id_len))
		out->id_len = 0;
	read_label(session, object, out->label);
	out->der = take(der);
	return read_has_key(session, out, fault);
}

bool p11_certs(struct token_session *session, struct token_certs *out, struct fault *fault)
{
	CK_OBJECT_CLASS class_value = CKO_CERTIFICATE;
	CK_CERTIFICATE_TYPE type_value = CKC_X_509;
	CK_ATTRIBUTE pattern[] = {
		{ CKA_CLASS, &class_value, sizeof(class_value) },
		{ CKA_CERTIFICATE_TYPE, &type_value, sizeof(type_value) },
	};
	struct p11_objects objects;

	*out = (struct token_certs){ 0 };
	if (!p11_find(session, pattern, COUNT_OF(pattern), &objects, fault))
		return false;
	if (objects.count > TOKEN_CERTS_MAX)
		return fault_set(fault, FAULT_UNSURE, "the token holds more than %d certificates",
			TOKEN_CERTS_MAX);
	for (size_t i = 0; i < objects.count; i++) {
		out->count++; /* a half-read one is released with the rest */
		if (!read_cert(session, objects.handles[i], &out->items[i], fault))
			return false;
	}
	return true;
}
