/* SPDX-License-Identifier: Apache-2.0 */
/* The orchestrator's own small CA for agents: it certifies the agents' keys and the agents' listener, and
 * nothing else.  Its key stays in the state directory. */
#pragma once

#include "common/digest.h"
#include "common/fault.h"

struct agent_ca;

/* Open the CA in STATE_DIR, or make it; the listener's certificate names NAMES (DNS names or IP addresses,
 * separated by blanks) and is renewed when they change or it nears its end. */
struct agent_ca *agent_ca_open(const char *state_dir, const char *names, struct fault *fault);
void agent_ca_free(struct agent_ca *ca);

/* Files for the listener: its certificate with the CA's behind it, its key, the CA alone. */
const char *agent_ca_cert_file(const struct agent_ca *ca);
const char *agent_ca_key_file(const struct agent_ca *ca);
const char *agent_ca_ca_file(const struct agent_ca *ca);
/* The CA's certificate as PEM (borrowed). */
const char *agent_ca_pem(const struct agent_ca *ca);

/* Certify the key of a PKCS#10 request (RFC 2986) whose signature is right, as client `xuqi-agent`; the
 * caller frees the PEM.  SERIAL_HEX (41 bytes) and KEY_SHA256 name what was issued. */
char *agent_ca_issue(struct agent_ca *ca, const char *csr_pem, char serial_hex[41],
	char key_sha256[SHA256_HEX], struct fault *fault);
