/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment through the control interface: the old certificate of a token, for a public key, a request, or
 * on paper. */
#include <openssl/err.h>
#include <openssl/pem.h>

#include "common/text.h"
#include "tests/simulator/sim_inside.h"

DEFINE_CLEANUP(bio_freep, BIO *, BIO_free_all)
DEFINE_CLEANUP(request_freep, X509_REQ *, X509_REQ_free)

/* The public key in PEM of a SubjectPublicKeyInfo or a certification request; a request must be
 * signed by its key. */
static EVP_PKEY *read_key(const char *pem)
{
	CLEANUP(bio_freep) BIO *bio = BIO_new_mem_buf(pem, -1);
	CLEANUP(bio_freep) BIO *again = BIO_new_mem_buf(pem, -1);
	CLEANUP(request_freep) X509_REQ *request = NULL;
	CLEANUP(sim_key_freep) EVP_PKEY *key = NULL;

	if (bio == NULL || again == NULL)
		return NULL;
	key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	if (key != NULL)
		return take(key);
	request = PEM_read_bio_X509_REQ(again, NULL, NULL, NULL);
	if (request == NULL)
		return NULL;
	key = X509_REQ_get_pubkey(request);
	return key != NULL && X509_REQ_verify(request, key) == 1 ? take(key) : NULL;
}

static EVP_PKEY *enrolled_key(struct sim_call *call)
{
	static const char *const places[] = { "key_spki", "p10", "csr_pem" };
	const char *algorithm = json_peek_text(call->body, "algorithm");
	CLEANUP(sim_key_freep) EVP_PKEY *key = NULL;

	for (size_t i = 0; i < COUNT_OF(places) && key == NULL; i++) {
		const char *pem = json_peek_text(call->body, places[i]);

		key = pem == NULL ? NULL : read_key(pem);
	}
	ERR_clear_error(); /* what was tried in vain must not confuse TLS on this thread */
	if (key == NULL) {
		(void)call_problem(call, SIM_CSR_BAD,
			"key_spki (PEM of a public key) or csr_pem (PEM of PKCS#10) is needed");
		return NULL;
	}
	if (algorithm != NULL && (algorithm[0] == 'r') != (EVP_PKEY_is_a(key, "RSA") == 1)) {
		(void)call_problem(call, SIM_CSR_BAD, "the key is not %s", algorithm);
		return NULL;
	}
	return take(key);
}

static bool enrol_role(struct sim_call *call, enum cert_role *role)
{
	const char *usage = json_peek_text(call->body, "usage");

	for (int i = CERT_SIGN; i <= CERT_BOTH; i++) {
		*role = (enum cert_role)i;
		if (text_equal(usage, cert_role_word(*role)))
			return true;
	}
	(void)call_problem(call, SIM_FIELD_INVALID, "usage is sign, encrypt or both");
	return false;
}

/* Holder, service and so on as the record keeps them; NULL after a problem. */
static json_t *enrol_origin(struct sim_call *call)
{
	const char *pair_of = json_peek_text(call->body, "pair_of");
	const json_t *other = pair_of == NULL ? NULL : sim_find(call->sim, "certificates", pair_of);
	json_t *origin;

	if (pair_of != NULL && other == NULL) {
		(void)call_problem(call, SIM_CERT_UNKNOWN, "pair_of: no certificate %s", pair_of);
		return NULL;
	}
	origin = json_deep_copy(call->body);
	json_put_text(origin, "set_id", json_peek_text(other, "set_id"));
	return origin;
}

/* Facts and PEM (owned; NULL on paper) of the certificate to be enrolled; false after a problem. */
static bool enrol_issue(struct sim_call *call, struct cert_facts *facts, char **pem)
{
	CLEANUP(sim_key_freep) EVP_PKEY *key = NULL;
	CLEANUP(sim_name_freep) X509_NAME *subject = NULL;
	CLEANUP(cert_freep) X509 *x509 = NULL;
	struct sim_issue issue = { 0 };
	const char *holder, *service, *uscc;
	struct fault fault;
	char serial[SIM_SERIAL_TEXT];

	if (!call_text(call, &holder, call->body, "holder") ||
		!call_text(call, &service, call->body, "service") ||
		!call_text(call, &uscc, call->body, "uscc") || !enrol_role(call, &issue.role) ||
		!call_instant(call, &issue.not_before, call->body, "not_before") ||
		!call_instant(call, &issue.not_after, call->body, "not_after"))
		return false;
	sim_serial(call->sim, serial);
	issue.serial = serial;
	if (call->sim->pki == NULL) {
		sim_paper_issue(facts, &issue);
		return true;
	}
	key = enrolled_key(call);
	if (key == NULL)
		return false;
	subject = sim_pki_subject(holder, service, uscc, &fault);
	issue.key = key;
	issue.subject = subject;
	x509 = subject == NULL ? NULL : sim_pki_issue(call->sim->pki, &issue, &fault);
	if (x509 == NULL || !cert_read_facts(facts, x509, &fault)) {
		(void)call_problem(call, SIM_FIELD_INVALID, "%s", fault.text);
		return false;
	}
	*pem = sim_pki_pem(x509);
	return true;
}

void post_enrol(struct sim_call *call)
{
	static const char *const shown[] = { "serial", "sha256", "issuer_sha256" };
	OWNED char *pem = NULL;
	JSON *origin = enrol_origin(call);
	struct cert_facts facts = { 0 };
	json_t *record, *view;

	if (origin == NULL || !enrol_issue(call, &facts, &pem))
		return;
	record = certificate_add(call->sim, &facts, pem, origin);
	call_effect(call);
	view = json_object();
	json_put_text(view, "certificate_id", json_peek_text(record, "id"));
	json_put_text(view, "certificate_pem", json_peek_text(record, "pem"));
	for (size_t i = 0; i < COUNT_OF(shown); i++)
		json_put_text(view, shown[i], json_peek_text(record, shown[i]));
	call_reply(call, 201, view);
}
