/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the PKCS#11 driver: its objects, and the calls that its files share.  Everything is raw
 * PKCS#11 2.40; libp11 loads and initialises the module and lends the EVP_PKEY that signs.  Its
 * other functions are not used: see the notes in token_p11.c. */
#pragma once

#include <libp11.h>
#include <p11-kit/pkcs11.h>

#include "agent/token/token.h"

enum { P11_OBJECTS_MAX = 64 };

struct token_module {
	PKCS11_CTX *libp11;
	void *library; /* the same module once more, for its function list */
	CK_FUNCTION_LIST *calls;
	PKCS11_SLOT *lent_slots; /* of libp11, made when a key is first lent */
	unsigned int lent_count;
};

struct token_session {
	struct token_module *module;
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE handle;
	bool logged_in;
};

/* Handles found, at most P11_OBJECTS_MAX. */
struct p11_objects {
	CK_OBJECT_HANDLE handles[P11_OBJECTS_MAX];
	size_t count;
};

/* How a key object compares with a certificate's public key. */
enum p11_match { P11_SAME, P11_DIFFERENT, P11_UNREADABLE };

/* Fill FAULT (FAULT_UNSURE) for an answer nobody expected from CALL; returns false. */
bool p11_unexpected(struct fault *fault, const char *call, CK_RV rv);

/* All objects that match the template; FAULT_UNSURE if there are too many. */
bool p11_find(struct token_session *session, CK_ATTRIBUTE *pattern, size_t count,
	struct p11_objects *out, struct fault *fault);
/* Read an attribute of at most MAX bytes; false if the object does not show it. */
bool p11_attribute(struct token_session *session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
	unsigned char *out, size_t max, size_t *len);
/* The keys of CLASS with this id. */
bool p11_find_keys(struct token_session *session, CK_OBJECT_CLASS class_wanted,
	const unsigned char *id, size_t id_len, struct p11_objects *out, struct fault *fault);
/* Compare the public part that the key object shows with CERT's public key. */
enum p11_match p11_match_key(struct token_session *session, CK_OBJECT_HANDLE key, X509 *cert);

/* The private key with this id as an EVP_PKEY that signs on the token, owned by the caller and valid
 * while the module is loaded; with WANTED, only the key whose public part equals it. */
EVP_PKEY *p11_lend_key(struct token_session *session, const unsigned char *id, size_t id_len,
	EVP_PKEY *wanted, struct fault *fault);

/* The driver's functions, by file. */
bool p11_certs(struct token_session *session, struct token_certs *out, struct fault *fault);
enum token_login p11_login(
	struct token_session *session, const struct secret *pin, struct fault *detail);
void p11_logout(struct token_session *session);
bool p11_write_cert(struct token_session *session, X509 *cert, const unsigned char *id,
	size_t id_len, const char *label, struct fault *fault);
bool p11_prove(struct token_session *session, X509 *cert, const unsigned char *id, size_t id_len,
	struct fault *fault);
