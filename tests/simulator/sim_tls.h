/* SPDX-License-Identifier: Apache-2.0 */
/* The TLS identity of the gateway's listener: given, or self-signed for 127.0.0.1 and localhost. */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/fault.h"

/* Make CERT and KEY (PEM files) where CERT does not exist; valid ten years from NOW. */
bool sim_tls_make(const char *cert, const char *key, int64_t now, struct fault *fault) MUST_CHECK;
/* A server context of CERT and KEY; the caller frees it. */
SSL_CTX *sim_tls_context(const char *cert, const char *key, struct fault *fault);
