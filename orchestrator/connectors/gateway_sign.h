/* SPDX-License-Identifier: Apache-2.0 */
/* The signatures of the gateway contract, both ways (schema/gateway.yaml, "Signed requests" and "Signed
 * answers"): HMAC-SHA-256 over method or status, target, time, nonce and the body's digest. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/secret.h"

/* What is signed: of a request its method and target, of an answer its status; and the body. */
struct gateway_message {
	const char *method, *target;
	long status;
	const void *body;
	size_t len;
};

/* The Authorization header's value for one request, on the heap. */
char *gateway_sign_request(const struct secret *secret, const char *key_id, int64_t now,
	const struct gateway_message *request);
/* True if HEADER, an answer's Xuqi-Signature, signs ANSWER within 300 s of NOW. */
bool gateway_answer_is_signed(const struct secret *secret, const char *header, int64_t now,
	const struct gateway_message *answer);
