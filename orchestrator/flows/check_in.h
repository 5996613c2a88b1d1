/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent sends becomes what check_in() of the database takes: each certificate read, its facts
 * beside its bytes.  Pure. */
#pragma once

#include "common/json.h"

enum { CHECK_IN_TOKENS_MAX = 64, CHECK_IN_CERTIFICATES_MAX = 128 };

/* The document for the statement agent_check_in (own reference) from an agent's REPORT (schema/agent.md);
 * NULL with FAULT_INPUT naming token and certificate.  A certificate that cannot be read fails the report:
 * a token is either known whole or not. */
json_t *check_in_document(const json_t *report, struct fault *fault);
/* The facts of one certificate as inventory keeps them, with its der_b64 (own reference); NULL with FAULT_INPUT. */
json_t *check_in_certificate(const char *der_b64, struct fault *fault);
