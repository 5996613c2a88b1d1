/* SPDX-License-Identifier: Apache-2.0 */
/* The certification request of key_policy `rekey` (RFC 2986): signed by the new key, which is then
 * certified for all but encryption. */
#include <openssl/err.h>
#include <openssl/x509.h>

#include "common/bytes.h"
#include "common/text.h"
#include "tests/simulator/sim_inside.h"

DEFINE_CLEANUP(request_freep, X509_REQ *, X509_REQ_free)

/* The key of the request in base64 (owned); NULL if it is none, or not signed by its key. */
static EVP_PKEY *request_key(const char *base64)
{
	size_t len = 0;
	OWNED unsigned char *der = base64_decode(base64, &len);
	const unsigned char *at = der;
	CLEANUP(request_freep)
	X509_REQ *request = der == NULL ? NULL : d2i_X509_REQ(NULL, &at, (long)len);
	CLEANUP(sim_key_freep) EVP_PKEY *key = NULL;

	if (request == NULL || at != der + len)
		return NULL;
	key = X509_REQ_get_pubkey(request);
	return key != NULL && X509_REQ_verify(request, key) == 1 ? take(key) : NULL;
}

void post_csr(struct sim_call *call)
{
	json_t *application = call_application(call, "approved", NULL);
	CLEANUP(sim_key_freep) EVP_PKEY *key = NULL;
	const char *p10;
	struct fault fault;

	if (application == NULL || !call_text(call, &p10, call->body, "p10"))
		return;
	if (json_object_get(application, "csr_required") == NULL ||
		json_object_get(application, "issued") != NULL) {
		call_conflict(call, "issuance", "ready");
		return;
	}
	key = call->sim->pki == NULL ? NULL : request_key(p10);
	ERR_clear_error(); /* what was tried in vain must not confuse TLS on this thread */
	if (call->sim->pki != NULL && key == NULL) {
		(void)call_problem(call, SIM_CSR_BAD,
			"p10 is base64 of a PKCS#10 that its own key has signed");
		return;
	}
	if (!issuance_make(call->sim, application, key, call->now, &fault)) {
		(void)call_problem(call, SIM_CSR_BAD, "%s", fault.text);
		return;
	}
	application_move(call->sim, application, "approved", call->now);
	notice_send(call->sim, call->now, "issuance.ready", application, application);
	call_effect(call);
	call_reply_application(call, 202, application);
}
