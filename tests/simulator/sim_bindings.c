/* SPDX-License-Identifier: Apache-2.0 */
/* Bindings (guide chapter 2): a QR text that lives half an hour and binds one certificate or several.
 * Who is bound already gets a confirmed binding at once: a valid one is kept and used again. */
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "tests/simulator/sim_knobs.h"
#include "tests/simulator/sim_time.h"

enum { BINDING_CERTIFICATES_MAX = 50 };

bool binding_is_open(const json_t *binding)
{
	const char *state = json_peek_text(binding, "state");

	return text_equal(state, "waiting_scan") || text_equal(state, "scanned");
}

void binding_move(struct sim *sim, json_t *binding, const char *state, int64_t now)
{
	OWNED char *type = text_dupf("binding.%s", state);

	json_put_text(binding, "state", state);
	if (!binding_is_open(binding))
		sim_timer_drop(sim, TIMER_BINDING, json_peek_text(binding, "id"));
	notice_send(sim, now, type, binding, NULL);
	sim->changed = true;
}

void on_binding_timer(struct sim *sim, json_t *binding, int64_t at)
{
	if (!binding_is_open(binding))
		return;
	json_object_set_new(binding, "failed",
		json_pack("{s:s, s:s}", "code", "BINDING_EXPIRED", "text", "绑定二维码已过期"));
	binding_move(sim, binding, "expired", at);
}

json_t *binding_view(struct sim_call *call, const json_t *binding)
{
	static const char *const kept[] = { "id", "client_ref", "state", "via", "failed" };
	json_t *view = json_object();
	json_t *shown = json_array();
	json_t *set_id, *certificate;
	size_t i, k;

	for (i = 0; i < COUNT_OF(kept); i++) {
		json_t *value = json_object_get(binding, kept[i]);

		if (value != NULL)
			json_object_set_new(view, kept[i], json_deep_copy(value));
	}
	if (text_equal(json_peek_text(binding, "state"), "confirmed"))
		json_put_text(view, "account", "经办人的微信 (wx_****88)");
	if (binding_is_open(binding))
		json_put_text(view, "qr_text", json_peek_text(binding, "qr_text"));
	sim_put_instant(view, "created_at", json_peek_number(binding, "created_at", 0));
	sim_put_instant(view, "expires_at", json_peek_number(binding, "expires_at", 0));
	json_array_foreach(json_object_get(binding, "sets"), i, set_id)
	{
		JSON *set = certificate_set(call->sim, json_string_value(set_id));

		json_array_foreach(set, k, certificate)
			json_array_append_new(shown, certificate_view(call, certificate));
	}
	json_object_set_new(view, "certificates", shown);
	return view;
}

/* ---- what is to be bound ---- */

/* The certificate that NAMED ({issuer_sha256, serial}) means; NULL after a problem. */
static json_t *named_certificate(struct sim_call *call, const json_t *named, const char *media_no)
{
	const char *issuer, *serial, *known;
	json_t *found;

	if (!call_text(call, &issuer, named, "issuer_sha256") ||
		!call_text(call, &serial, named, "serial"))
		return NULL;
	found = certificate_by_serial(call->sim, serial, issuer);
	if (found == NULL) {
		(void)call_problem(
			call, SIM_CERT_UNKNOWN, "no certificate with this issuer and serial");
		return NULL;
	}
	call->certificate = json_peek_text(found, "id");
	known = json_peek_text(found, "media_no");
	if (media_no != NULL && known != NULL && !text_equal(media_no, known)) {
		(void)call_problem(call, SIM_MEDIA_MISSING, "medium %s does not hold it", media_no);
		return NULL;
	}
	if (!json_is_true(json_object_get(found, "other_account")))
		return found;
	(void)call_problem(call, SIM_BINDING_OTHER_ACCOUNT, "unbind it there first");
	return NULL;
}

/* The records that the body names (owned list); NULL after a problem. */
static json_t *named_certificates(struct sim_call *call)
{
	json_t *list = json_object_get(call->body, "certificates");
	JSON *records = json_array();
	json_t *named, *record;
	size_t i;

	if (list == NULL) {
		record = named_certificate(call, json_object_get(call->body, "certificate"),
			json_peek_text(call->body, "media_no"));
		return record == NULL ? NULL : json_pack("[O]", record);
	}
	if (json_array_size(list) == 0 || json_array_size(list) > BINDING_CERTIFICATES_MAX) {
		(void)call_problem(call, SIM_FIELD_INVALID, "certificates: a list of 1 to %d",
			BINDING_CERTIFICATES_MAX);
		return NULL;
	}
	json_array_foreach(list, i, named)
	{
		record = named_certificate(call, named, json_peek_text(named, "media_no"));
		if (record == NULL)
			return NULL;
		json_array_append(records, record);
	}
	return take(records);
}

/* ---- a new one ---- */

static void add_set(json_t *sets, const char *set_id)
{
	json_t *known;
	size_t i;

	json_array_foreach(sets, i, known)
	{
		if (text_equal(json_string_value(known), set_id))
			return;
	}
	json_array_append_new(sets, json_string(set_id));
}

/* The sets that the confirm page will list: under the knob, one that nobody asked for. */
static json_t *sets_shown(struct sim_call *call, const json_t *certificates)
{
	json_t *sets = json_array();
	json_t *certificate;
	const char *id;
	size_t i;

	json_array_foreach(certificates, i, certificate)
		add_set(sets, json_peek_text(certificate, "set_id"));
	if (sim_knob_fires(call, "other_certificate_shown") == 0)
		return sets;
	json_object_foreach(sim_table(call->sim, "certificates"), id, certificate)
	{
		const char *set_id = json_peek_text(certificate, "set_id");
		size_t before = json_array_size(sets);

		add_set(sets, set_id);
		if (json_array_size(sets) == before)
			continue;
		json_decref(sets);
		return json_pack("[s]", set_id);
	}
	json_array_clear(sets);
	return sets;
}

json_t *binding_new(struct sim_call *call, const json_t *certificates, const char *client_ref)
{
	const json_t *first = json_array_get(certificates, 0);
	struct sim_subject subject = { call, first, client_ref };
	int64_t seconds = sim_knob_for(call->sim, "qr_expires_s", &subject);
	json_t *binding = json_object();
	char id[SIM_ID_TEXT], token[33];
	OWNED char *qr = NULL;

	sim_id(call->sim, id, "bnd");
	sim_hex(call->sim, token, 16);
	qr = text_dupf("https://ca.example/bind?t=%s", token);
	json_put_text(binding, "id", id);
	json_put_text(binding, "client_ref", client_ref);
	json_put_text(binding, "certificate_id", json_peek_text(first, "id"));
	json_object_set_new(binding, "sets", sets_shown(call, certificates));
	json_object_set_new(binding, "person", json_boolean(call->person));
	json_put_text(binding, "state", "waiting_scan");
	json_put_text(binding, "qr_text", qr);
	json_put_number(binding, "created_at", call->now);
	json_put_number(binding, "expires_at", call->now + seconds * CLOCK_SECOND);
	json_object_set_new(sim_table(call->sim, "bindings"), id, binding);
	return binding;
}

static void note_binding(
	struct sim_call *call, const char *list, const json_t *binding, const json_t *certificates)
{
	json_t *item = json_object();
	json_t *serials = json_array();
	json_t *certificate;
	size_t i;

	json_array_foreach(certificates, i, certificate)
		json_array_append(serials, json_object_get(certificate, "serial"));
	json_put_text(item, "id", json_peek_text(binding, "id"));
	json_put_text(item, "client_ref", json_peek_text(binding, "client_ref"));
	json_put_text(item, "certificate", json_peek_text(binding, "certificate_id"));
	json_object_set_new(item, "serials", serials);
	json_object_set_new(item, "person", json_boolean(call->person));
	ledger_add(call->sim, list, item);
	call_effect(call);
}

void binding_open(struct sim_call *call, json_t *binding, const json_t *certificates)
{
	note_binding(call, "bindings", binding, certificates);
	sim_timer_set(call->sim, TIMER_BINDING, json_peek_text(binding, "id"),
		json_peek_number(binding, "expires_at", 0));
}

static bool all_bound(const struct sim_call *call, const json_t *certificates)
{
	json_t *certificate;
	size_t i;

	json_array_foreach(certificates, i, certificate)
	{
		if (!certificate_is_bound(call, certificate))
			return false;
	}
	return true;
}

void post_binding(struct sim_call *call)
{
	JSON *certificates = NULL;
	json_t *binding;
	const json_t *known;

	if (!call_client_ref(call, &call->client_ref, call->body))
		return;
	certificates = named_certificates(call);
	if (certificates == NULL)
		return;
	known = sim_find_by(call->sim, "bindings", "client_ref", call->client_ref);
	if (known != NULL) {
		json_put_text(call_problem(call, SIM_CLIENT_REF_USED, "by an earlier binding"),
			"binding_id", json_peek_text(known, "id"));
		return;
	}
	binding = binding_new(call, certificates, call->client_ref);
	if (all_bound(call, certificates)) {
		json_put_text(binding, "via", "kept");
		json_put_text(binding, "state", "confirmed");
		note_binding(call, "reused_bindings", binding, certificates);
	} else {
		binding_open(call, binding, certificates);
	}
	(void)snprintf(call->location, sizeof(call->location), "/v1/bindings/%s",
		json_peek_text(binding, "id"));
	call_reply(call, 201, binding_view(call, binding));
}

void get_bindings(struct sim_call *call)
{
	const char *client_ref = call_query(call, "client_ref");
	const char *id;
	json_t *items = json_array();
	json_t *binding;

	json_object_foreach(sim_table(call->sim, "bindings"), id, binding)
	{
		if (!json_is_true(json_object_get(binding, "person")) &&
			(client_ref == NULL ||
				text_equal(json_peek_text(binding, "client_ref"), client_ref)))
			json_array_append_new(items, binding_view(call, binding));
	}
	call_reply_page(call, items);
}

void get_binding(struct sim_call *call)
{
	const json_t *binding = call_object(call, "bindings");

	if (binding != NULL)
		call_reply(call, 200, binding_view(call, binding));
}

void delete_binding(struct sim_call *call)
{
	json_t *binding = call_object(call, "bindings");
	const char *state;

	if (binding == NULL)
		return;
	state = json_peek_text(binding, "state");
	call->client_ref = json_peek_text(binding, "client_ref");
	if (binding_is_open(binding)) {
		binding_move(call->sim, binding, "cancelled", call->now);
		call_effect(call);
	} else if (!text_equal(state, "cancelled")) {
		call_conflict(call, "binding", state);
		return;
	}
	call_reply(call, 200, binding_view(call, binding));
}
