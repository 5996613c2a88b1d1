/* SPDX-License-Identifier: Apache-2.0 */
/* The CA's record of certificates: enrolment through the control interface, the list of those that
 * are bound, the sets that a renewal is about. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>

#include "common/clock.h"
#include "common/text.h"
#include "tests/simulator/sim_inside.h"

enum { EXPIRING_DAYS = 90 };

DEFINE_CLEANUP(bio_freep, BIO *, BIO_free_all)
DEFINE_CLEANUP(request_freep, X509_REQ *, X509_REQ_free)

static bool is_superseded(const json_t *certificate)
{
	return json_peek_text(certificate, "superseded_by") != NULL;
}

static const char *certificate_status(int64_t now, const json_t *certificate)
{
	if (is_superseded(certificate))
		return "superseded";
	return json_peek_number(certificate, "not_after", 0) <= now ? "expired" : "valid";
}

json_t *certificate_view(const struct sim *sim, int64_t now, const json_t *certificate)
{
	static const char *const texts[] = { "id", "set_id", "media_no", "holder", "uscc",
		"service", "issuer", "issuer_sha256", "serial", "usage", "sha256" };
	const json_t *open = application_open(sim, json_peek_text(certificate, "set_id"));
	const char *block = is_superseded(certificate) ? "superseded"
		: open != NULL                         ? "application_exists"
						       : NULL;
	json_t *view = json_object();

	for (size_t i = 0; i < COUNT_OF(texts); i++)
		json_put_text(view, texts[i], json_peek_text(certificate, texts[i]));
	sim_put_instant(view, "not_after", json_peek_number(certificate, "not_after", 0));
	json_put_text(view, "status", certificate_status(now, certificate));
	json_object_set_new(view, "renewable", json_boolean(block == NULL));
	if (block != NULL)
		json_put_text(view, "renew_block_reason", block);
	return view;
}

json_t *certificate_set(const struct sim *sim, const char *set_id)
{
	json_t *set = json_array();
	const char *id;
	json_t *certificate;

	json_object_foreach(sim_table(sim, "certificates"), id, certificate)
	{
		if (text_equal(json_peek_text(certificate, "set_id"), set_id) &&
			!is_superseded(certificate))
			json_array_append(set, certificate);
	}
	return set;
}

/* ---- the list ---- */

struct certificate_filter {
	const char *group, *serial, *issuer_sha256, *media_no;
	int64_t not_after_before; /* 0: any */
};

static const char *expiry_group(int64_t now, int64_t not_after)
{
	if (not_after <= now)
		return "expired";
	return not_after <= now + EXPIRING_DAYS * CLOCK_DAY ? "expiring" : "valid";
}

static bool text_fits(const char *want, const char *have)
{
	return want == NULL || text_equal(want, have);
}

static bool filter_fits(
	const struct certificate_filter *filter, int64_t now, const json_t *certificate)
{
	int64_t not_after = json_peek_number(certificate, "not_after", 0);

	return json_is_true(json_object_get(certificate, "bound")) &&
		text_fits(filter->group, expiry_group(now, not_after)) &&
		text_fits(filter->serial, json_peek_text(certificate, "serial")) &&
		text_fits(filter->issuer_sha256, json_peek_text(certificate, "issuer_sha256")) &&
		text_fits(filter->media_no, json_peek_text(certificate, "media_no")) &&
		(filter->not_after_before == 0 || not_after < filter->not_after_before);
}

void get_certificates(struct sim_call *call)
{
	struct certificate_filter filter = { .group = call_query(call, "group"),
		.serial = call_query(call, "serial"),
		.issuer_sha256 = call_query(call, "issuer_sha256"),
		.media_no = call_query(call, "media_no") };
	const char *id;
	json_t *items, *certificate;

	if (call_query(call, "not_after_before") != NULL &&
		!call_instant(call, &filter.not_after_before, call->query, "not_after_before"))
		return;
	items = json_array();
	json_object_foreach(sim_table(call->sim, "certificates"), id, certificate)
	{
		if (filter_fits(&filter, call->now, certificate))
			json_array_append_new(
				items, certificate_view(call->sim, call->now, certificate));
	}
	call_reply_page(call, items);
}

/* ---- enrolment ---- */

json_t *certificate_add(struct sim *sim, X509 *x509, const json_t *from, struct fault *fault)
{
	static const char *const kept[] = { "holder", "uscc", "service", "media_no", "set_id" };
	struct cert_facts facts;
	OWNED char *pem = sim_pki_pem(x509);
	json_t *record;
	char id[SIM_ID_TEXT];

	if (!cert_read_facts(&facts, x509, fault))
		return NULL;
	sim_id(sim, id, "cert");
	record = json_object();
	json_put_text(record, "id", id);
	for (size_t i = 0; i < COUNT_OF(kept); i++)
		json_put_text(record, kept[i], json_peek_text(from, kept[i]));
	if (json_peek_text(record, "set_id") == NULL)
		json_put_text(record, "set_id", id);
	json_put_text(record, "usage", cert_role_word(facts.role));
	json_put_text(record, "issuer", facts.issuer);
	json_put_text(record, "issuer_sha256", facts.issuer_sha256);
	json_put_text(record, "serial", facts.serial);
	json_put_text(record, "sha256", facts.sha256);
	json_put_number(record, "not_before", facts.not_before);
	json_put_number(record, "not_after", facts.not_after);
	json_put_text(record, "pem", pem);
	json_object_set_new(
		record, "bound", json_boolean(json_is_true(json_object_get(from, "bound"))));
	json_object_set_new(sim_table(sim, "certificates"), id, record);
	sim->changed = true;
	return record;
}

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

static bool enrol_issue(struct sim_call *call, X509 **out)
{
	CLEANUP(sim_key_freep) EVP_PKEY *key = NULL;
	CLEANUP(sim_name_freep) X509_NAME *subject = NULL;
	struct sim_issue issue = { 0 };
	const char *holder, *service, *uscc;
	struct fault fault;
	char serial[21];

	if (!call_text(call, &holder, call->body, "holder") ||
		!call_text(call, &service, call->body, "service") ||
		!call_text(call, &uscc, call->body, "uscc") || !enrol_role(call, &issue.role) ||
		!call_instant(call, &issue.not_before, call->body, "not_before") ||
		!call_instant(call, &issue.not_after, call->body, "not_after"))
		return false;
	key = enrolled_key(call);
	if (key == NULL)
		return false;
	subject = sim_pki_subject(holder, service, uscc, &fault);
	sim_hex(call->sim, serial, 10);
	serial[0] = (char)('1' + serial[0] % 7); /* positive, no leading zero byte */
	issue.key = key;
	issue.subject = subject;
	issue.serial = serial;
	*out = subject == NULL ? NULL : sim_pki_issue(call->sim->pki, &issue, &fault);
	if (*out == NULL)
		(void)call_problem(call, SIM_FIELD_INVALID, "%s", fault.text);
	return *out != NULL;
}

void post_enrol(struct sim_call *call)
{
	CLEANUP(cert_freep) X509 *x509 = NULL;
	JSON *origin = enrol_origin(call);
	json_t *record, *view;
	struct fault fault;

	if (origin == NULL || !enrol_issue(call, &x509))
		return;
	record = certificate_add(call->sim, x509, origin, &fault);
	if (record == NULL) {
		(void)call_problem(call, SIM_FIELD_INVALID, "%s", fault.text);
		return;
	}
	call_effect(call);
	view = json_object();
	json_put_text(view, "certificate_id", json_peek_text(record, "id"));
	json_put_text(view, "certificate_pem", json_peek_text(record, "pem"));
	json_put_text(view, "serial", json_peek_text(record, "serial"));
	json_put_text(view, "sha256", json_peek_text(record, "sha256"));
	json_put_text(view, "issuer_sha256", json_peek_text(record, "issuer_sha256"));
	call_reply(call, 201, view);
}
