/* SPDX-License-Identifier: Apache-2.0 */
/* Issuance (guide chapter 4): for each certificate of the set one with the same key, subject and
 * use that ends later; and the report of its installation. */
#include <stdio.h>
#include <string.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/text.h"
#include "tests/simulator/sim_inside.h"

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

/* The successor of OLD as the application keeps it; NULL with a fault. */
static json_t *renew(struct sim *sim, const json_t *application, const json_t *old, int64_t now,
	struct fault *fault)
{
	const char *pem = json_peek_text(old, "pem");
	int64_t from = json_peek_number(old, "not_after", 0);
	CLEANUP(cert_freep) X509 *before = cert_from_pem(pem, strlen(pem), fault);
	CLEANUP(cert_freep) X509 *after = NULL;
	struct cert_facts facts;
	char serial[21];
	OWNED char *der = NULL;
	OWNED char *after_pem = NULL;

	if (before == NULL)
		return NULL;
	sim_hex(sim, serial, 10);
	serial[0] = (char)('1' + serial[0] % 7);
	after = sim_pki_issue(sim->pki,
		&(struct sim_issue){ .key = X509_get0_pubkey(before),
			.subject = X509_get_subject_name(before),
			.role = role_of(json_peek_text(old, "usage")),
			.not_before = now,
			.not_after = sim_add_years(from > now ? from : now,
				(int)json_peek_number(application, "years", 1)),
			.serial = serial },
		fault);
	if (after == NULL || !cert_read_facts(&facts, after, fault))
		return NULL;
	der = der_base64(after);
	after_pem = sim_pki_pem(after);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "usage",
		json_peek_text(old, "usage"), "serial", facts.serial, "sha256", facts.sha256,
		"der_b64", der, "pem", after_pem, "replaces", json_peek_text(old, "id"),
		"replaces_sha256", json_peek_text(old, "sha256"));
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

bool issuance_make(struct sim *sim, json_t *application, int64_t now, struct fault *fault)
{
	JSON *set = certificate_set(sim, json_peek_text(application, "set_id"));
	JSON *issued = json_array();
	json_t *old;
	size_t i;

	json_array_foreach(set, i, old)
	{
		json_t *one = renew(sim, application, old, now, fault);

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
	CLEANUP(cert_freep) X509 *leaf = cert_from_pem(pem, strlen(pem), &fault);
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
	json_put_text(view, "key_policy", "reuse");
	json_put_text(view, "media_no", json_peek_text(certificate, "media_no"));
	json_object_set_new(view, "certificates", list);
	json_object_set_new(view, "chain", chain_view(sim, issued));
	sim_put_instant(view, "expires_at",
		json_peek_number(application, "approved_at", 0) + ISSUANCE_DAYS * CLOCK_DAY);
	return view;
}

void get_issuance(struct sim_call *call)
{
	json_t *application = call_object(call, "applications");
	bool fetched;

	if (application == NULL)
		return;
	if (json_object_get(application, "issued") == NULL) {
		(void)call_problem(call, SIM_ISSUANCE_NOT_READY, "the application is %s",
			json_peek_text(application, "state"));
		return;
	}
	fetched = !application_is(application, "approved");
	if (!fetched)
		application_move(call->sim, application, "issued", call->now);
	call_reply(call, 200, issuance_view(call->sim, application, fetched));
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

/* The new certificates take the old ones' place in the record. */
static bool supersede(struct sim *sim, const json_t *application, struct fault *fault)
{
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(application, "issued"), i, one)
	{
		json_t *old = sim_find(sim, "certificates", json_peek_text(one, "replaces"));
		const char *pem = json_peek_text(one, "pem");
		CLEANUP(cert_freep) X509 *x509 = cert_from_pem(pem, strlen(pem), fault);
		const json_t *record = x509 == NULL ? NULL : certificate_add(sim, x509, old, fault);

		if (record == NULL)
			return false;
		json_put_text(old, "superseded_by", json_peek_text(record, "id"));
	}
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
	if (!supersede(call->sim, application, &fault)) {
		(void)call_problem(call, SIM_INTERNAL, "%s", fault.text);
		return false;
	}
	json_put_number(application, "installed_at", call->now);
	application_move(call->sim, application, "installed", call->now);
	ledger_add(call->sim, "installed",
		json_pack("{s:s, s:s}", "application", json_peek_text(application, "id"),
			"certificate", call->certificate));
	return true;
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
