/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent asks of tokens, whatever speaks to them.  A driver is a table of functions, so that
 * one for SKF (GM/T 0016) can stand beside PKCS#11.  One process uses one module, opens at most one
 * token and logs in at most once.
 *
 * Faults: FAULT_LATER the module or token is not there · FAULT_REFUSED the token refused, nothing
 * changed · FAULT_UNSURE any answer that was not expected: the token's state is unknown, stop. */
#pragma once

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cert.h"
#include "common/fault.h"
#include "common/secret.h"

enum {
	TOKENS_PRESENT_MAX = 16,
	TOKEN_TEXT = 72,
	TOKEN_ID_MAX = 64,
	TOKEN_CERTS_MAX = 32,
	PIN_LEN_MIN = 4,
	PIN_LEN_MAX = 64
};

struct token_module;  /* a loaded module */
struct token_session; /* one opened token */

struct token_module_info {
	char description[TOKEN_TEXT];
	char version[16];
};

/* One initialised token that is plugged now. */
struct token_info {
	unsigned long slot;
	char serial[TOKEN_TEXT], label[TOKEN_TEXT];
	char model[TOKEN_TEXT], manufacturer[TOKEN_TEXT];
	int64_t free_bytes; /* public memory; -1: the token does not say */
	bool count_low, final_try, locked;
};

struct token_list {
	struct token_info tokens[TOKENS_PRESENT_MAX];
	size_t count;
};

/* One certificate object. */
struct token_cert {
	unsigned char *der;
	size_t der_len;
	char label[TOKEN_TEXT];
	unsigned char id[TOKEN_ID_MAX]; /* CKA_ID: binds it to its key */
	size_t id_len;
	bool has_key; /* a key object with this id and this public key is visible */
};

struct token_certs {
	struct token_cert items[TOKEN_CERTS_MAX];
	size_t count;
};

enum token_login { TOKEN_LOGIN_DONE, TOKEN_LOGIN_INCORRECT, TOKEN_LOGIN_UNKNOWN };

struct token_driver {
	const char *name;
	/* Load and initialise the module at PATH; NULL on failure. */
	struct token_module *(*load)(const char *path, struct fault *fault);
	void (*unload)(struct token_module *module);
	bool (*describe)(
		struct token_module *module, struct token_module_info *out, struct fault *fault);
	/* The initialised tokens present at this moment, read anew. */
	bool (*list)(struct token_module *module, struct token_list *out, struct fault *fault);

	/* Open TOKEN; WRITING for an install, else read-only.  NULL on failure; close accepts it. */
	struct token_session *(*open)(struct token_module *module, const struct token_info *token,
		bool writing, struct fault *fault);
	void (*close)(struct token_session *session);
	/* Every X.509 certificate object.  Free with token_certs_done, also after a failure. */
	bool (*certs)(struct token_session *session, struct token_certs *out, struct fault *fault);

	/* Present PIN, once.  DETAIL says what the token answered. */
	enum token_login (*login)(
		struct token_session *session, const struct secret *pin, struct fault *detail);
	void (*logout)(struct token_session *session);
	/* Make a certificate object for CERT beside the others under the key's ID. */
	bool (*write_cert)(struct token_session *session, X509 *cert, const unsigned char *id,
		size_t id_len, const char *label, struct fault *fault);
	/* Prove that the private key with ID belongs to CERT: it signs a fresh challenge, or
	 * decrypts one if it may not sign, and CERT's public key agrees. */
	bool (*prove)(struct token_session *session, X509 *cert, const unsigned char *id,
		size_t id_len, struct fault *fault);
};

/* The PKCS#11 driver. */
extern const struct token_driver token_p11;

void token_certs_done(struct token_certs *certs);
/* The object whose DER is exactly CERT's, or NULL. */
const struct token_cert *token_certs_find(const struct token_certs *certs, X509 *cert);
/* The object whose DER has this SHA-256 in hex, or NULL. */
const struct token_cert *token_certs_find_sha256(
	const struct token_certs *certs, const char *sha256);

/* 4 to 64 printable ASCII characters: checked before a token sees it. */
bool pin_is_presentable(const struct secret *pin);
