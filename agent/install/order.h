/* SPDX-License-Identifier: Apache-2.0 */
/* An install order (schema/agent.md) as it was left by the link worker, parsed and bounded. */
#pragma once

#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/paths.h"
#include "common/cert.h"
#include "common/digest.h"
#include "common/fault.h"

enum { ORDER_CERTS_MAX = 4, ORDER_CHAIN_MAX = 8, ORDER_BYTES_MAX = 512 * 1024 };

struct order_cert {
	X509 *cert;
	struct cert_facts facts;
	char replaces[SHA256_HEX]; /* SHA-256 of the old certificate it follows */
	char usage[16];            /* sign, encrypt or both */
};

struct order {
	char id[ORDER_ID_MAX + 1];
	char token_serial[128];
	char key_policy[32];
	char minimum_client_version[32];
	char spki_sha256
		[SHA256_HEX]; /* of the first old certificate: names the key in the ledger */
	struct order_cert certs[ORDER_CERTS_MAX];
	size_t cert_count;
	X509 *chain[ORDER_CHAIN_MAX];
	size_t chain_count;
	int64_t expires_at;
};

/* Only what names the order: its id and token serial, so that even a broken order can be refused. */
bool order_read_names(struct order *order, const char *json, size_t len, struct fault *fault)
	MUST_CHECK;
/* The whole order; release with order_done, also after a failure. */
bool order_read(struct order *order, const char *json, size_t len, struct fault *fault) MUST_CHECK;
void order_done(struct order *order);
