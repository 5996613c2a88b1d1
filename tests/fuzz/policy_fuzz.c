/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a policy: what is accepted lies within its ranges and has a digest. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "orchestrator/domain/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fault fault = { 0 };
	CLEANUP(policy_freep)
	struct policy *policy = policy_read("p", (const char *)data, size, &fault);

	if (policy == NULL) {
		assert(fault.kind == FAULT_INPUT);
		return 0;
	}
	assert(policy->term_count >= 1 && policy->term_count <= POLICY_TERMS_MAX);
	assert(policy->price_cap_fen >= 1 && policy->concurrency >= 1);
	assert(policy->units.count <= POLICY_LIST_MAX && policy->services.count <= POLICY_LIST_MAX);
	assert(policy->name != NULL && policy->invoice_email != NULL);
	assert((policy->payer_account == NULL) == (policy->payer_name == NULL));
	assert(policy->canonical != NULL && strlen(policy->sha256) == SHA256_HEX - 1);
	return 0;
}
