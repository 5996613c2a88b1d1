/* SPDX-License-Identifier: Apache-2.0 */
/* The contract's signatures (schema/gateway.yaml, "Signed requests" and "Signed answers"), both
 * making and checking, so that the tests speak as a client does. */
#pragma once

#include "tests/simulator/sim_inside.h"

enum { SIM_SKEW_S = 300, SIM_NONCE_S = 600 };

/* The Authorization of a request at NOW with NONCE, on the heap. */
char *sim_sign_request(const struct sim_options *key, const struct sim_request *request,
	int64_t now, const char *nonce);
/* Check the call's Authorization and remember its nonce; false after a problem. */
bool sim_check_request(struct sim_call *call);
/* Fill ANSWER.signature at NOW with NONCE. */
void sim_sign_answer(
	const struct sim *sim, struct sim_answer *answer, int64_t now, const char *nonce);
/* Is the signature of ANSWER right under KEY? */
bool sim_check_answer(const struct sim_options *key, const struct sim_answer *answer);
