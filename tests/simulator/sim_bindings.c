/* SPDX-License-Identifier: Apache-2.0 */
/* Bindings (guide chapter 2): a QR text that lives half an hour, and the phone that scans it. */
#include <stdio.h>

#include "common/clock.h"
#include "common/text.h"
#include "tests/simulator/sim_inside.h"
#include "tests/simulator/sim_knobs.h"

/* The state as it is at NOW: an unconfirmed QR expires by itself. */
static const char *binding_state(const json_t *binding, int64_t now)
{
	const char *state = json_peek_text(binding, "state");
	bool open = text_equal(state, "waiting_scan") || text_equal(state, "scanned");

	return open && now >= json_peek_number(binding, "expires_at", 0) ? "expired" : state;
}

static bool binding_is_open(const json_t *binding, int64_t now)
{
	const char *state = binding_state(binding, now);

	return text_equal(state, "waiting_scan") || text_equal(state, "scanned");
}

static json_t *binding_view(const struct sim *sim, int64_t now, const json_t *binding)
{
	json_t *view = json_object();
	json_t *shown = json_array();
	JSON *set = certificate_set(sim, json_peek_text(binding, "set_id"));
	json_t *certificate;
	size_t i;

	json_put_text(view, "id", json_peek_text(binding, "id"));
	json_put_text(view, "client_ref", json_peek_text(binding, "client_ref"));
	json_put_text(view, "state", binding_state(binding, now));
	if (binding_is_open(binding, now))
		json_put_text(view, "qr_text", json_peek_text(binding, "qr_text"));
	sim_put_instant(view, "created_at", json_peek_number(binding, "created_at", 0));
	sim_put_instant(view, "expires_at", json_peek_number(binding, "expires_at", 0));
	json_array_foreach(set, i, certificate)
		json_array_append_new(shown, certificate_view(sim, now, certificate));
	json_object_set_new(view, "certificates", shown);
	return view;
}

/* The certificate that the body names; NULL after a problem. */
static json_t *named_certificate(struct sim_call *call)
{
	const json_t *named = json_object_get(call->body, "certificate");
	const char *issuer, *serial, *id, *media_no = json_peek_text(call->body, "media_no");
	json_t *found;

	if (!call_text(call, &issuer, named, "issuer_sha256") ||
		!call_text(call, &serial, named, "serial"))
		return NULL;
	json_object_foreach(sim_table(call->sim, "certificates"), id, found)
	{
		const char *known = json_peek_text(found, "media_no");

		if (!text_equal(json_peek_text(found, "issuer_sha256"), issuer) ||
			!text_equal(json_peek_text(found, "serial"), serial))
			continue;
		call->certificate = id;
		if (media_no == NULL || known == NULL || text_equal(media_no, known))
			return found;
		(void)call_problem(call, SIM_MEDIA_MISSING, "medium %s does not hold it", media_no);
		return NULL;
	}
	(void)call_problem(call, SIM_CERT_UNKNOWN, "no certificate with this issuer and serial");
	return NULL;
}

void post_binding(struct sim_call *call)
{
	json_t *binding, *certificate, *item;
	const json_t *known;
	char id[SIM_ID_TEXT], token[33];
	OWNED char *qr = NULL;

	if (!call_client_ref(call, &call->client_ref, call->body))
		return;
	certificate = named_certificate(call);
	if (certificate == NULL)
		return;
	known = sim_find_by(call->sim, "bindings", "client_ref", call->client_ref);
	if (known != NULL) {
		json_put_text(call_problem(call, SIM_CLIENT_REF_USED, "by an earlier binding"),
			"binding_id", json_peek_text(known, "id"));
		return;
	}
	sim_id(call->sim, id, "bnd");
	sim_hex(call->sim, token, 16);
	qr = text_dupf("https://ca.example/bind?t=%s", token);
	binding = json_object();
	json_put_text(binding, "id", id);
	json_put_text(binding, "client_ref", call->client_ref);
	json_put_text(binding, "set_id", json_peek_text(certificate, "set_id"));
	json_put_text(binding, "state", "waiting_scan");
	json_put_text(binding, "qr_text", qr);
	json_put_number(binding, "created_at", call->now);
	json_put_number(binding, "expires_at",
		call->now + sim_knob_number(call->sim, "qr_expires_s") * CLOCK_SECOND);
	json_object_set_new(sim_table(call->sim, "bindings"), id, binding);
	item = json_object();
	json_put_text(item, "id", id);
	json_put_text(item, "client_ref", call->client_ref);
	json_put_text(item, "certificate", call->certificate);
	ledger_add(call->sim, "bindings", item);
	call_effect(call);
	(void)snprintf(call->location, sizeof(call->location), "/v1/bindings/%s", id);
	call_reply(call, 201, binding_view(call->sim, call->now, binding));
}

void get_bindings(struct sim_call *call)
{
	const char *client_ref = call_query(call, "client_ref");
	const char *id;
	json_t *items = json_array();
	json_t *binding;

	json_object_foreach(sim_table(call->sim, "bindings"), id, binding)
	{
		if (client_ref == NULL ||
			text_equal(json_peek_text(binding, "client_ref"), client_ref))
			json_array_append_new(items, binding_view(call->sim, call->now, binding));
	}
	call_reply_page(call, items);
}

void get_binding(struct sim_call *call)
{
	const json_t *binding = call_object(call, "bindings");

	if (binding != NULL)
		call_reply(call, 200, binding_view(call->sim, call->now, binding));
}

void delete_binding(struct sim_call *call)
{
	json_t *binding = call_object(call, "bindings");
	const char *state;

	if (binding == NULL)
		return;
	state = binding_state(binding, call->now);
	call->client_ref = json_peek_text(binding, "client_ref");
	if (binding_is_open(binding, call->now)) {
		json_put_text(binding, "state", "cancelled");
		call_effect(call);
	} else if (!text_equal(state, "cancelled")) {
		json_put_text(call_problem(call, SIM_STATE_CONFLICT, "the binding is %s", state),
			"state", state);
		return;
	}
	call_reply(call, 200, binding_view(call->sim, call->now, binding));
}

static void bind_set(struct sim *sim, const char *set_id)
{
	JSON *set = certificate_set(sim, set_id);
	json_t *certificate;
	size_t i;

	json_array_foreach(set, i, certificate)
		json_object_set_new(certificate, "bound", json_true());
}

/* May the phone act on the binding?  False after a problem. */
static bool phone_may_act(struct sim_call *call, const json_t *binding)
{
	const char *state = binding == NULL ? NULL : binding_state(binding, call->now);

	if (state == NULL)
		(void)call_problem(call, SIM_NOT_FOUND, "no binding has this QR text");
	else if (text_equal(state, "expired"))
		(void)call_problem(call, SIM_BINDING_EXPIRED, "the QR was valid for half an hour");
	else if (text_equal(state, "cancelled"))
		(void)call_problem(call, SIM_BINDING_CANCELLED, "the QR was cancelled");
	else if (text_equal(state, "confirmed"))
		(void)call_problem(call, SIM_STATE_CONFLICT, "the binding was confirmed before");
	else
		return true;
	return false;
}

void post_phone(struct sim_call *call)
{
	static const struct {
		const char *action, *state;
	} moves[] = { { "scan", "scanned" }, { "confirm", "confirmed" },
		{ "cancel", "cancelled" } };

	const char *qr_text, *action;
	json_t *binding;

	if (!call_text(call, &qr_text, call->body, "qr_text") ||
		!call_text(call, &action, call->body, "action"))
		return;
	binding = sim_find_by(call->sim, "bindings", "qr_text", qr_text);
	if (!phone_may_act(call, binding))
		return;
	for (size_t i = 0; i < COUNT_OF(moves); i++) {
		if (!text_equal(moves[i].action, action))
			continue;
		json_put_text(binding, "state", moves[i].state);
		if (text_equal(action, "confirm"))
			bind_set(call->sim, json_peek_text(binding, "set_id"));
		call_effect(call);
		call_reply(call, 200, binding_view(call->sim, call->now, binding));
		return;
	}
	(void)call_problem(call, SIM_FIELD_INVALID, "action is scan, confirm or cancel");
}
