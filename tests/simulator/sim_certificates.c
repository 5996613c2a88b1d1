/* SPDX-License-Identifier: Apache-2.0 */
/* The CA's record of certificates: enrolment through the control interface, the list of those that
 * are bound, the sets that a renewal is about. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/clock.h"
#include "common/text.h"
#include "tests/simulator/sim_knobs.h"

enum { EXPIRING_DAYS = 90 };

DEFINE_CLEANUP(bio_freep, BIO *, BIO_free_all)
DEFINE_CLEANUP(request_freep, X509_REQ *, X509_REQ_free)

static bool is_superseded(const json_t *certificate)
{
	return json_peek_text(certificate, "superseded_by") != NULL;
}

/* revoked or on_hold, else NULL. */
static const char *ended_status(const json_t *certificate)
{
	return json_peek_text(certificate, "status");
}

static const char *certificate_status(int64_t now, const json_t *certificate)
{
	if (is_superseded(certificate))
		return "superseded";
	if (ended_status(certificate) != NULL)
		return ended_status(certificate);
	return json_peek_number(certificate, "not_after", 0) <= now ? "expired" : "valid";
}

static const char *block_reason(const struct sim *sim, const json_t *certificate)
{
	if (is_superseded(certificate))
		return "superseded";
	if (ended_status(certificate) != NULL)
		return ended_status(certificate);
	return application_open(sim, json_peek_text(certificate, "set_id")) == NULL
		? NULL
		: "application_exists";
}

json_t *certificate_view(struct sim_call *call, const json_t *certificate)
{
	static const char *const texts[] = { "id", "set_id", "media_no", "holder", "uscc",
		"service", "issuer", "issuer_sha256", "serial", "usage", "sha256" };
	struct sim_subject subject = { call, certificate, call->client_ref };
	const char *block = block_reason(call->sim, certificate);
	json_t *view = json_object();

	for (size_t i = 0; i < COUNT_OF(texts); i++)
		json_put_text(view, texts[i], json_peek_text(certificate, texts[i]));
	if (sim_knob_says(call->sim, "media_no_null", NULL, &subject))
		json_put_text(view, "media_no", NULL);
	sim_put_instant(view, "not_after", json_peek_number(certificate, "not_after", 0));
	json_put_text(view, "status", certificate_status(call->now, certificate));
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

json_t *certificate_by_serial(const struct sim *sim, const char *serial, const char *issuer)
{
	const char *id;
	json_t *certificate;

	json_object_foreach(sim_table(sim, "certificates"), id, certificate)
	{
		if (strcasecmp(json_peek_text(certificate, "serial"), serial) == 0 &&
			(issuer == NULL ||
				text_equal(json_peek_text(certificate, "issuer_sha256"), issuer)))
			return certificate;
	}
	return NULL;
}

bool certificate_is_bound(const struct sim_call *call, const json_t *certificate)
{
	return json_is_true(json_object_get(certificate, call->person ? "wechat" : "bound"));
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

	return text_fits(filter->group, expiry_group(now, not_after)) &&
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
		if (certificate_is_bound(call, certificate) &&
			filter_fits(&filter, call->now, certificate))
			json_array_append_new(items, certificate_view(call, certificate));
	}
	call_reply_page(call, items);
}

/* ---- enrolment ---- */

json_t *certificate_add(
	struct sim *sim, const struct cert_facts *facts, const char *pem, const json_t *from)
{
	static const char *const kept[] = { "holder", "uscc", "service", "media_no", "set_id" };
	static const char *const flags[] = { "bound", "wechat" };
	json_t *record = json_object();
	char id[SIM_ID_TEXT];

	sim_id(sim, id, "cert");
	json_put_text(record, "id", id);
	for (size_t i = 0; i < COUNT_OF(kept); i++)
		json_put_text(record, kept[i], json_peek_text(from, kept[i]));
	if (json_peek_text(record, "set_id") == NULL)
		json_put_text(record, "set_id", id);
	json_put_text(record, "usage", cert_role_word(facts->role));
	json_put_text(record, "issuer", facts->issuer);
	json_put_text(record, "issuer_sha256", facts->issuer_sha256);
	json_put_text(record, "serial", facts->serial);
	json_put_text(record, "sha256", facts->sha256);
	json_put_number(record, "not_before", facts->not_before);
	json_put_number(record, "not_after", facts->not_after);
	json_put_text(record, "pem", pem);
	for (size_t i = 0; i < COUNT_OF(flags); i++)
		json_object_set_new(record, flags[i],
			json_boolean(json_is_true(json_object_get(from, flags[i]))));
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

/* ---- what befalls a certificate ---- */

void certificate_revoke(struct sim *sim, const char *set_id, int64_t now)
{
	JSON *set = certificate_set(sim, set_id);
	json_t *certificate;
	size_t i;

	json_array_foreach(set, i, certificate)
	{
		json_put_text(certificate, "status", "revoked");
		ledger_add(sim, "revocations",
			json_pack("{s:s, s:s}", "certificate", json_peek_text(certificate, "id"),
				"serial", json_peek_text(certificate, "serial")));
		notice_send(sim, now, "certificate.revoked", certificate, NULL);
	}
}

static void set_status(struct sim_call *call, json_t *certificate, const char *status)
{
	const char *set_id = json_peek_text(certificate, "set_id");
	JSON *set = certificate_set(call->sim, set_id);
	json_t *one;
	size_t i;

	if (text_equal(status, "revoked")) {
		certificate_revoke(call->sim, set_id, call->now);
		return;
	}
	json_array_foreach(set, i, one)
	{
		if (text_equal(status, "replaced"))
			json_put_text(one, "superseded_by", "elsewhere");
		else if (text_equal(status, "valid"))
			(void)json_object_del(one, "status");
		else
			json_put_text(one, "status", status);
	}
}

/* {serial | certificate_id, status?, other_account?}: what happens to a certificate at the CA. */
void post_certificate_status(struct sim_call *call)
{
	static const char words[] = " valid revoked on_hold replaced ";
	const char *id = json_peek_text(call->body, "certificate_id");
	const char *serial = json_peek_text(call->body, "serial");
	const char *status = json_peek_text(call->body, "status");
	const json_t *other = json_object_get(call->body, "other_account");
	OWNED char *word = text_dupf(" %s ", status == NULL ? "valid" : status);
	json_t *certificate = id != NULL ? sim_find(call->sim, "certificates", id)
		: serial != NULL         ? certificate_by_serial(call->sim, serial, NULL)
					 : NULL;

	if (certificate == NULL) {
		(void)call_problem(call, SIM_CERT_UNKNOWN, "serial or certificate_id names one");
		return;
	}
	if (strstr(words, word) == NULL || (other != NULL && !json_is_boolean(other))) {
		(void)call_problem(call, SIM_FIELD_INVALID,
			"status is one of%s; other_account is true or false", words);
		return;
	}
	if (status != NULL)
		set_status(call, certificate, status);
	if (other != NULL)
		json_object_set_new(
			certificate, "other_account", json_boolean(json_is_true(other)));
	review_look_again(call->sim, call->now);
	call_effect(call);
	call_reply(call, 200, certificate_view(call, certificate));
}
