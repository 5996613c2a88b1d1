/* SPDX-License-Identifier: Apache-2.0 */
/* The signatures of the gateway contract, both ways (schema/gateway.yaml, "Signed requests" and "Signed
 * answers"): HMAC-SHA-256 over method or status, target, time, nonce and the body's digest. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/secret.h"

/* The Authorization header's value for one request, on the heap. */
char *gateway_sign_request(const struct secret *secret, const char *key_id, const char *method,
	const char *target, int64_t now, const void *body, size_t len);
/* True if HEADER, an answer's Xuqi-Signature, signs STATUS and BODY within 300 s of NOW. */
bool gateway_answer_is_signed(const struct secret *secret, const char *header, long status,
	int64_t now, const void *body, size_t len);
