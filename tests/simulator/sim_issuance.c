/* SPDX-License-Identifier: Apache-2.0 */
/* Issuance (guide chapter 4): for each certificate of the set one with the same key, subject and
 * use that ends later; and the report of its installation. */
#include <stdio.h>
#include <string.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/text.h"
#include "tests/simulator/sim_knobs.h"

enum { ISSUANCE_DAYS = 90 };

static enum cert_role role_of(const char *usage)
{
	for (int i = CERT_SIGN; i < CERT_BOTH; i++) {
		if (text_equal(usage, cert_role_word((enum cert_role)i)))
			return (enum cert_role)i;
	}
	return CERT_BOTH;
}

static char *der_base64(X509 *x509)
{
	unsigned char *der = NULL;
	int len = i2d_X509(x509, &der);
	char *text = len <= 0 ? NULL : base64_encode(der, (size_t)len);

	OPENSSL_free(der);
	return text;
}

/* What a certificate is to be; the pointers borrow from elsewhere. */
struct renewal {
	const json_t *application, *old;
	EVP_PKEY *key;                              /* of the certification request, or NULL */
	bool other_subject, other_key, same_expiry; /* the knob issue_wrong */
	int64_t now;
};

static void renewal_issue(const struct renewal *renewal, struct sim_issue *issue)
{
	int64_t from = json_peek_number(renewal->old, "not_after", 0);
	int years = (int)json_peek_number(renewal->application, "years", 1);
	int64_t begin = from > renewal->now ? from : renewal->now;

	issue->role = role_of(json_peek_text(renewal->old, "usage"));
	issue->not_before = renewal->now;
	issue->not_after = renewal->same_expiry ? from : sim_add_years(begin, years);
}

/* The name of someone else, in the same form. */
static X509_NAME *stranger(const json_t *old, struct fault *fault)
{
	return sim_pki_subject("广州某某其他有限公司", json_peek_text(old, "service"),
		"91440101MA5CTHER2X", fault);
}

/* Issue the successor in X.509: FACTS and PEM (owned) and DER in base64 (owned). */
static bool renew_x509(struct sim *sim, const struct renewal *renewal, struct sim_issue *issue,
	struct cert_facts *facts, char *forms[2], struct fault *fault)
{
	const char *pem = json_peek_text(renewal->old, "pem");
	CLEANUP(cert_freep) X509 *before = cert_from_pem(pem, strlen(pem), fault);
	CLEANUP(sim_name_freep) X509_NAME *other = NULL;
	CLEANUP(sim_key_freep) EVP_PKEY *key = NULL;
	CLEANUP(cert_freep) X509 *after = NULL;

	if (before == NULL)
		return false;
	issue->key = X509_get0_pubkey(before);
	if (renewal->key != NULL && issue->role != CERT_ENCRYPT)
		issue->key = renewal->key;
	issue->subject = X509_get_subject_name(before);
	if (renewal->other_subject) {
		other = stranger(renewal->old, fault);
		issue->subject = other;
	}
	if (renewal->other_key) {
		key = sim_pki_key_like(issue->key);
		issue->key = key;
	}
	if (issue->subject == NULL || issue->key == NULL)
		return false;
	after = sim_pki_issue(sim->pki, issue, fault);
	if (after == NULL || !cert_read_facts(facts, after, fault))
		return false;
	forms[0] = sim_pki_pem(after);
	forms[1] = der_base64(after);
	return true;
}

/* On paper the DER's place is taken by the facts, so that a reader can tell what is wrong. */
static char *paper_form(const struct renewal *renewal, const struct cert_facts *facts)
{
	JSON *paper = json_pack("{s:s, s:s, s:I, s:s, s:b, s:b}", "paper", facts->sha256, "serial",
		facts->serial, "not_after", (json_int_t)facts->not_after, "replaces",
		json_peek_text(renewal->old, "sha256"), "other_subject",
		(int)renewal->other_subject, "other_key", (int)renewal->other_key);
	OWNED char *text = json_write(paper);

	return base64_encode(text, strlen(text));
}

/* The successor as the application keeps it; NULL with a fault. */
static json_t *renew(struct sim *sim, const struct renewal *renewal, struct fault *fault)
{
	const json_t *old = renewal->old;
	struct sim_issue issue = { 0 };
	struct cert_facts facts = { 0 };
	char *forms[2] = { NULL, NULL }, serial[SIM_SERIAL_TEXT];
	json_t *one = NULL;

	sim_serial(sim, serial);
	issue.serial = serial;
	renewal_issue(renewal, &issue);
	if (sim->pki == NULL) {
		sim_paper_issue(&facts, &issue);
		forms[1] = paper_form(renewal, &facts);
	} else if (!renew_x509(sim, renewal, &issue, &facts, forms, fault)) {
		return NULL;
	}
	one = json_pack("{s:s, s:s, s:s, s:s, s:s?, s:s, s:s, s:s, s:s, s:I, s:I}", "usage",
		json_peek_text(old, "usage"), "serial", facts.serial, "sha256", facts.sha256,
		"der_b64", forms[1], "pem", forms[0], "replaces", json_peek_text(old, "id"),
		"replaces_sha256", json_peek_text(old, "sha256"), "issuer", facts.issuer,
		"issuer_sha256", facts.issuer_sha256, "not_before", (json_int_t)facts.not_before,
		"not_after", (json_int_t)facts.not_after);
	free(forms[0]);
	free(forms[1]);
	return one;
}

static void note_issue(struct sim *sim, const json_t *application, const json_t *issued)
{
	json_t *item = json_object();
	json_t *serials = json_array();
	json_t *one;
	size_t i;

	json_array_foreach(issued, i, one)
		json_array_append(serials, json_object_get(one, "serial"));
	json_put_text(item, "application", json_peek_text(application, "id"));
	json_put_text(item, "client_ref", json_peek_text(application, "client_ref"));
	json_put_text(item, "certificate", json_peek_text(application, "certificate_id"));
	json_object_set_new(item, "serials", serials);
	ledger_add(sim, "issued", item);
}

bool issuance_make(
	struct sim *sim, json_t *application, EVP_PKEY *key, int64_t now, struct fault *fault)
{
	struct sim_subject subject = sim_subject_of(sim, NULL, application);
	struct renewal renewal = { .application = application,
		.key = key,
		.other_subject = sim_knob_says(sim, "issue_wrong", "subject", &subject),
		.other_key = sim_knob_says(sim, "issue_wrong", "public_key", &subject),
		.same_expiry = sim_knob_says(sim, "issue_wrong", "same_expiry", &subject),
		.now = now };
	JSON *set = certificate_set(sim, json_peek_text(application, "set_id"));
	JSON *issued = json_array();
	json_t *old;
	size_t i;

	json_array_foreach(set, i, old)
	{
		json_t *one;

		renewal.old = old;
		one = renew(sim, &renewal, fault);
		if (one == NULL)
			return false;
		/* The signing certificate first, as readers expect. */
		json_array_insert_new(issued,
			text_equal(json_peek_text(one, "usage"), "sign") ? 0
									 : json_array_size(issued),
			one);
	}
	json_object_set(application, "issued", issued);
	json_put_number(application, "approved_at", now);
	note_issue(sim, application, issued);
	return true;
}

/* ---- fetching ---- */

static json_t *chain_view(const struct sim *sim, const json_t *issued)
{
	const char *pem = json_peek_text(json_array_get(issued, 0), "pem");
	struct fault fault;
	CLEANUP(cert_freep)
	X509 *leaf =
		pem == NULL || sim->pki == NULL ? NULL : cert_from_pem(pem, strlen(pem), &fault);
	json_t *list = json_array();
	X509 *chain[2];

	if (leaf == NULL)
		return list;
	sim_pki_chain(sim->pki, leaf, chain);
	for (size_t i = 0; i < COUNT_OF(chain); i++) {
		OWNED char *der = der_base64(chain[i]);

		json_array_append_new(list, json_string(der));
	}
	return list;
}

static json_t *issuance_view(const struct sim *sim, const json_t *application, bool fetched)
{
	static const char *const kept[] = { "usage", "der_b64", "sha256", "replaces_sha256" };
	const json_t *issued = json_object_get(application, "issued");
	const json_t *certificate =
		sim_find(sim, "certificates", json_peek_text(application, "certificate_id"));
	json_t *view = json_object();
	json_t *list = json_array();
	json_t *one;
	size_t i;

	json_array_foreach(issued, i, one)
	{
		json_t *shown = json_object();

		for (size_t k = 0; k < COUNT_OF(kept); k++)
			json_put_text(shown, kept[k], json_peek_text(one, kept[k]));
		json_array_append_new(list, shown);
	}
	json_put_text(view, "state", fetched ? "fetched" : "ready");
	json_put_text(view, "key_policy",
		json_object_get(application, "csr_required") == NULL ? "reuse" : "rekey");
	json_put_text(view, "media_no", json_peek_text(certificate, "media_no"));
	json_object_set_new(view, "certificates", list);
	json_object_set_new(view, "chain", chain_view(sim, issued));
	sim_put_instant(view, "expires_at",
		json_peek_number(application, "approved_at", 0) + ISSUANCE_DAYS * CLOCK_DAY);
	return view;
}

/* What the knob does to an answer on its way: cut bytes, or no certificate for encryption. */
static void spoil(struct sim_call *call, const json_t *application, json_t *view)
{
	struct sim_subject subject = sim_subject_of(call->sim, call, application);
	json_t *list = json_object_get(view, "certificates");
	json_t *first = json_array_get(list, 0);
	const char *der = json_peek_text(first, "der_b64");

	if (der != NULL && sim_knob_says(call->sim, "issue_wrong", "truncated", &subject)) {
		OWNED char *part = text_dupf("%.*s", (int)(strlen(der) / 8 * 4), der);

		json_put_text(first, "der_b64", part);
	}
	if (sim_knob_says(call->sim, "issue_wrong", "no_encryption_certificate", &subject)) {
		for (size_t i = json_array_size(list); i > 0; i--) {
			const json_t *one = json_array_get(list, i - 1);

			if (text_equal(json_peek_text(one, "usage"), "encrypt"))
				(void)json_array_remove(list, i - 1);
		}
	}
}

/* Can it not be fetched any more: revoked, or the link's time is over (the knob says when)? */
static bool is_gone(struct sim_call *call, const json_t *application)
{
	struct sim_subject subject = sim_subject_of(call->sim, call, application);
	int64_t until = json_peek_number(application, "approved_at", 0) + ISSUANCE_DAYS * CLOCK_DAY;

	return json_is_true(json_object_get(application, "issuance_gone")) ||
		(call->now > until && !application_is(application, "installed")) ||
		sim_knob_says(call->sim, "issue_wrong", "expired_link", &subject);
}

void get_issuance(struct sim_call *call)
{
	json_t *application = call_object(call, "applications");
	json_t *view;
	bool fetched;

	if (application == NULL)
		return;
	if (json_object_get(application, "issued") == NULL &&
		application_is(application, "approved")) {
		(void)call_problem(call, SIM_CSR_REQUIRED, "key_policy is rekey");
		return;
	}
	if (json_object_get(application, "issued") == NULL ||
		application_is(application, "withdrawn")) {
		(void)call_problem(call, SIM_ISSUANCE_NOT_READY, "the application is %s",
			json_peek_text(application, "state"));
		return;
	}
	if (is_gone(call, application)) {
		(void)call_problem(call, SIM_ISSUANCE_GONE, "ask the CA for a new link");
		return;
	}
	fetched = !application_is(application, "approved");
	if (!fetched)
		application_move(call->sim, application, "issued", call->now);
	view = issuance_view(call->sim, application, fetched);
	spoil(call, application, view);
	call_reply(call, 200, view);
}

/* ---- the install report ---- */

static bool names_all(const json_t *digests, const json_t *issued)
{
	json_t *one, *digest;
	size_t i, k;

	json_array_foreach(issued, i, one)
	{
		bool there = false;

		json_array_foreach(digests, k, digest) there |=
			text_equal(json_string_value(digest), json_peek_text(one, "sha256"));
		if (!there)
			return false;
	}
	return json_array_size(digests) == json_array_size(issued);
}

bool issuance_install(struct sim *sim, json_t *application, int64_t now, struct fault *fault)
{
	json_t *one;
	size_t i;

	if (json_array_size(json_object_get(application, "issued")) == 0)
		return fault_set(fault, FAULT_CONFLICT, "nothing was issued");
	json_array_foreach(json_object_get(application, "issued"), i, one)
	{
		json_t *old = sim_find(sim, "certificates", json_peek_text(one, "replaces"));
		const json_t *record;
		struct cert_facts facts = { .role = role_of(json_peek_text(one, "usage")),
			.not_before = json_peek_number(one, "not_before", 0),
			.not_after = json_peek_number(one, "not_after", 0) };

		(void)snprintf(
			facts.serial, sizeof(facts.serial), "%s", json_peek_text(one, "serial"));
		(void)snprintf(
			facts.sha256, sizeof(facts.sha256), "%s", json_peek_text(one, "sha256"));
		(void)snprintf(
			facts.issuer, sizeof(facts.issuer), "%s", json_peek_text(one, "issuer"));
		(void)snprintf(facts.issuer_sha256, sizeof(facts.issuer_sha256), "%s",
			json_peek_text(one, "issuer_sha256"));
		record = certificate_add(sim, &facts, json_peek_text(one, "pem"), old);
		json_put_text(old, "superseded_by", json_peek_text(record, "id"));
	}
	json_put_number(application, "installed_at", now);
	application_move(sim, application, "installed", now);
	ledger_add(sim, "installed",
		json_pack("{s:s, s:s}", "application", json_peek_text(application, "id"),
			"certificate", json_peek_text(application, "certificate_id")));
	invoice_begin(sim, application, now);
	return true;
}

static bool report_is_good(struct sim_call *call)
{
	const char *text;
	int64_t at;

	return call_text(call, &text, call->body, "result") &&
		call_text(call, &text, call->body, "token_serial") &&
		call_text(call, &text, call->body, "workstation") &&
		call_instant(call, &at, call->body, "started_at") &&
		call_instant(call, &at, call->body, "finished_at");
}

/* Record a successful installation; false after a problem. */
static bool record_installed(struct sim_call *call, json_t *application)
{
	struct fault fault;

	if (!names_all(json_object_get(call->body, "certificate_sha256"),
		    json_object_get(application, "issued"))) {
		(void)call_problem(call, SIM_INSTALL_MISMATCH,
			"certificate_sha256 must name the issued certificates");
		return false;
	}
	if (issuance_install(call->sim, application, call->now, &fault))
		return true;
	(void)call_problem(call, SIM_INTERNAL, "%s", fault.text);
	return false;
}

void post_install_report(struct sim_call *call)
{
	json_t *application = call_application(call, "approved", "issued");
	bool installed = text_equal(json_peek_text(call->body, "result"), "installed");

	if (application == NULL || !report_is_good(call))
		return;
	if (installed && !record_installed(call, application))
		return;
	json_object_set(application, "install_report", call->body);
	call_effect(call);
	call_reply_application(call, 201, application);
}
