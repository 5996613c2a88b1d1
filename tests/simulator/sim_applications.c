/* SPDX-License-Identifier: Apache-2.0 */
/* Applications (guide chapter 3): one per certificate set while it is open; what each still needs,
 * and how it moves. */
#include <inttypes.h>
#include <stdio.h>

#include "common/clock.h"
#include "common/text.h"
#include "tests/simulator/sim_inside.h"
#include "tests/simulator/sim_knobs.h"

static const char *state_of(const json_t *application)
{
	return json_peek_text(application, "state");
}

bool application_is(const json_t *application, const char *state)
{
	return text_equal(state_of(application), state);
}

bool application_is_open(const json_t *application)
{
	static const char *const ended[] = { "installed", "closed", "rejected", "withdrawn" };

	for (size_t i = 0; i < COUNT_OF(ended); i++) {
		if (application_is(application, ended[i]))
			return false;
	}
	return true;
}

const json_t *application_open(const struct sim *sim, const char *set_id)
{
	const char *id;
	json_t *application;

	json_object_foreach(sim_table(sim, "applications"), id, application)
	{
		if (text_equal(json_peek_text(application, "set_id"), set_id) &&
			application_is_open(application))
			return application;
	}
	return NULL;
}

void application_move(struct sim *sim, json_t *application, const char *state, int64_t now)
{
	json_put_text(application, "state", state);
	json_put_number(application, "seq", json_peek_number(application, "seq", 0) + 1);
	json_put_number(application, "updated_at", now);
	sim->changed = true;
}

static bool has_required_attachments(const json_t *application)
{
	JSON *types = meta_attachment_types();
	json_t *type, *attachment;
	size_t i, k;

	json_array_foreach(types, i, type)
	{
		bool there = !json_is_true(json_object_get(type, "required"));

		json_array_foreach(json_object_get(application, "attachments"), k, attachment)
			there |= text_equal(
				json_peek_text(attachment, "type"), json_peek_text(type, "type"));
		if (!there)
			return false;
	}
	return true;
}

json_t *application_required(const json_t *application)
{
	json_t *words = json_array();

	if (!application_is(application, "draft"))
		return words;
	if (json_object_get(application, "agreement") == NULL)
		json_array_append_new(words, json_string("agreement"));
	if (json_object_get(application, "years") == NULL)
		json_array_append_new(words, json_string("term"));
	if (text_equal(json_peek_text(application, "kind"), "expired") &&
		!has_required_attachments(application))
		json_array_append_new(words, json_string("attachments"));
	if (json_object_get(application, "intent") == NULL)
		json_array_append_new(words, json_string("intent"));
	return words;
}

static const char *next_step(const json_t *application, const json_t *required)
{
	static const struct {
		const char *state, *next;
	} steps[] = { { "draft", "submit" }, { "payment_verifying", "remittance" },
		{ "paid", "wait" }, { "in_review", "wait" }, { "approved", "install" },
		{ "issued", "install" } };

	if (json_array_size(required) > 0)
		return json_string_value(json_array_get(required, 0));
	if (application_is(application, "awaiting_payment"))
		return json_peek_text(application, "payment_id") == NULL ? "payment" : "remittance";
	for (size_t i = 0; i < COUNT_OF(steps); i++) {
		if (application_is(application, steps[i].state))
			return steps[i].next;
	}
	return "none";
}

static void put_price(json_t *view, const json_t *application)
{
	int64_t years = json_peek_number(application, "years", 0);
	int64_t price_fen = json_peek_number(application, "price_fen", 0);

	if (years > 0)
		json_object_set_new(view, "term",
			json_pack("{s:I, s:I}", "years", (json_int_t)years, "price_fen",
				(json_int_t)price_fen));
	if (json_object_get(application, "quote_expires_at") == NULL)
		return;
	json_object_set_new(view, "amount",
		json_pack("{s:s, s:I}", "currency", "CNY", "amount_fen", (json_int_t)price_fen));
	sim_put_instant(
		view, "quote_expires_at", json_peek_number(application, "quote_expires_at", 0));
}

json_t *application_view(const json_t *application)
{
	static const char *const texts[] = { "id", "client_ref", "certificate_id", "kind",
		"state" };
	json_t *view = json_object();
	json_t *required = application_required(application);

	for (size_t i = 0; i < COUNT_OF(texts); i++)
		json_put_text(view, texts[i], json_peek_text(application, texts[i]));
	json_put_number(view, "seq", json_peek_number(application, "seq", 0));
	json_object_set_new(view, "required", required);
	json_put_text(view, "next", next_step(application, required));
	put_price(view, application);
	json_object_set_new(
		view, "attachments", json_deep_copy(json_object_get(application, "attachments")));
	if (json_peek_text(application, "payment_id") != NULL)
		json_put_text(view, "payment_id", json_peek_text(application, "payment_id"));
	sim_put_instant(view, "created_at", json_peek_number(application, "created_at", 0));
	sim_put_instant(view, "updated_at", json_peek_number(application, "updated_at", 0));
	return view;
}

static void etag_of(char out[32], const json_t *application)
{
	(void)snprintf(out, 32, "\"%" PRId64 "\"", json_peek_number(application, "seq", 0));
}

void call_reply_application(struct sim_call *call, int status, const json_t *application)
{
	etag_of(call->etag, application);
	call_reply(call, status, application_view(application));
}

json_t *call_application(struct sim_call *call, const char *state, const char *state2)
{
	json_t *application = call_object(call, "applications");
	const char *if_match = call->request->if_match;
	char etag[32];

	if (application == NULL)
		return NULL;
	call->certificate = json_peek_text(application, "certificate_id");
	call->client_ref = json_peek_text(application, "client_ref");
	etag_of(etag, application);
	if (if_match != NULL && !text_equal(if_match, etag)) {
		(void)call_problem(call, SIM_STALE, "the application is at %s", etag);
		return NULL;
	}
	if (application_is(application, state) ||
		(state2 != NULL && application_is(application, state2)))
		return application;
	json_put_text(call_problem(call, SIM_STATE_CONFLICT, "the application is %s",
			      state_of(application)),
		"state", state_of(application));
	return NULL;
}

/* ---- opening one ---- */

static bool kind_fits(struct sim_call *call, const char *kind, const json_t *certificate)
{
	bool expired = json_peek_number(certificate, "not_after", 0) <= call->now;

	if (text_equal(kind, expired ? "expired" : "expiring"))
		return true;
	(void)call_problem(call, SIM_KIND_MISMATCH, "the certificate is %s",
		expired ? "expired" : "not expired");
	return false;
}

/* Is this client_ref, or the certificate's set, taken by an application?  A lenient simulator never
 * says so. */
static bool is_taken(struct sim_call *call, const json_t *certificate)
{
	const json_t *known =
		sim_find_by(call->sim, "applications", "client_ref", call->client_ref);
	const json_t *open = application_open(call->sim, json_peek_text(certificate, "set_id"));

	if (sim_knob_flag(call->sim, "lenient"))
		return false;
	if (known != NULL)
		json_put_text(call_problem(call, SIM_CLIENT_REF_USED, "by an earlier application"),
			"application_id", json_peek_text(known, "id"));
	else if (open != NULL)
		json_put_text(call_problem(call, SIM_APPLICATION_EXISTS, "for this certificate"),
			"application_id", json_peek_text(open, "id"));
	return known != NULL || open != NULL;
}

/* The certificate to be renewed; NULL after a problem. */
static const json_t *renewable_certificate(struct sim_call *call)
{
	const json_t *certificate;

	if (!call_text(call, &call->certificate, call->body, "certificate_id"))
		return NULL;
	certificate = sim_find(call->sim, "certificates", call->certificate);
	if (certificate == NULL)
		(void)call_problem(call, SIM_CERT_UNKNOWN, "no certificate %s", call->certificate);
	else if (!json_is_true(json_object_get(certificate, "bound")))
		(void)call_problem(call, SIM_NOT_BOUND, "bind the certificate first");
	else if (json_peek_text(certificate, "superseded_by") != NULL)
		json_put_text(call_problem(call, SIM_STATE_CONFLICT, "renewed already"), "state",
			"superseded");
	else
		return certificate;
	return NULL;
}

static json_t *application_new(struct sim_call *call, const char *kind, const json_t *certificate)
{
	json_t *application = json_object();
	json_t *item = json_object();
	char id[SIM_ID_TEXT];

	sim_id(call->sim, id, "app");
	json_put_text(application, "id", id);
	json_put_text(application, "client_ref", call->client_ref);
	json_put_text(application, "certificate_id", call->certificate);
	json_put_text(application, "set_id", json_peek_text(certificate, "set_id"));
	json_put_text(application, "kind", kind);
	json_put_number(application, "created_at", call->now);
	json_object_set_new(application, "attachments", json_array());
	application_move(call->sim, application, "draft", call->now);
	json_object_set_new(sim_table(call->sim, "applications"), id, application);
	json_put_text(item, "id", id);
	json_put_text(item, "client_ref", call->client_ref);
	json_put_text(item, "certificate", call->certificate);
	json_put_text(item, "serial", json_peek_text(certificate, "serial"));
	json_put_text(item, "kind", kind);
	ledger_add(call->sim, "applications", item);
	return application;
}

void post_application(struct sim_call *call)
{
	const json_t *certificate;
	const char *kind;
	json_t *application;

	if (!call_client_ref(call, &call->client_ref, call->body) ||
		!call_text(call, &kind, call->body, "kind"))
		return;
	certificate = renewable_certificate(call);
	if (certificate == NULL || is_taken(call, certificate) ||
		!kind_fits(call, kind, certificate))
		return;
	application = application_new(call, kind, certificate);
	call_effect(call);
	(void)snprintf(call->location, sizeof(call->location), "/v1/applications/%s",
		json_peek_text(application, "id"));
	call_reply_application(call, 201, application);
}

static bool query_fits(
	const struct sim_call *call, const char *key, const json_t *application, const char *member)
{
	const char *want = call_query(call, key);

	return want == NULL || text_equal(want, json_peek_text(application, member));
}

void get_applications(struct sim_call *call)
{
	int64_t since = 0;
	const char *id;
	json_t *items, *application;

	if (call_query(call, "updated_since") != NULL &&
		!call_instant(call, &since, call->query, "updated_since"))
		return;
	items = json_array();
	json_object_foreach(sim_table(call->sim, "applications"), id, application)
	{
		if (query_fits(call, "client_ref", application, "client_ref") &&
			query_fits(call, "status", application, "state") &&
			query_fits(call, "certificate_id", application, "certificate_id") &&
			json_peek_number(application, "updated_at", 0) >= since)
			json_array_append_new(items, application_view(application));
	}
	call_reply_page(call, items);
}

void get_application(struct sim_call *call)
{
	const json_t *application = call_object(call, "applications");

	if (application != NULL)
		call_reply_application(call, 200, application);
}

void post_withdraw(struct sim_call *call)
{
	json_t *application = call_application(call, "draft", "awaiting_payment");

	if (application == NULL)
		return;
	application_move(call->sim, application, "withdrawn", call->now);
	call_effect(call);
	call_reply_application(call, 200, application);
}
