/* SPDX-License-Identifier: Apache-2.0 */
/* A person before a sitting: the page of a certificate, binding by QR or at a counter; and how what a
 * person does reaches the contract's handlers. */
#include "tests/simulator/sim_person.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "tests/simulator/sim_knobs.h"

/* ---- between the person and the contract's handlers ---- */

static void call_done(struct sim_call *call)
{
	json_decref(call->body);
	json_decref(call->reply);
	free(call->raw);
}

bool person_step(struct sim_call *call, void (*handle)(struct sim_call *call), const char *id,
	json_t *body, json_t **reply)
{
	OWNED char *bytes = body == NULL ? NULL : json_write(body);
	struct sim_request request = { .method = call->request->method,
		.target = call->request->target,
		.body = bytes,
		.body_len = bytes == NULL ? 0 : strlen(bytes) };
	struct sim_call inner = { .sim = call->sim,
		.now = call->now,
		.clock = call->clock,
		.request = &request,
		.query = call->query,
		.body = handle == post_attachment ? NULL : body,
		.operation = call->operation,
		.about = call->about,
		.certificate = call->certificate,
		.person = true };
	bool good;

	if (handle == post_attachment)
		json_decref(body);
	(void)snprintf(inner.path, sizeof(inner.path), "%s", call->path);
	(void)snprintf(inner.id, sizeof(inner.id), "%s", id == NULL ? "" : id);
	handle(&inner);
	call->effect |= inner.effect;
	good = inner.status < 300;
	if (good && reply != NULL)
		*reply = take(inner.reply);
	if (!good) {
		call_reply(call, inner.status, take(inner.reply));
		call->content_type = inner.content_type;
		call->code = inner.code;
		call->retry_after_s = inner.retry_after_s;
	}
	call_done(&inner);
	return good;
}

json_t *person_certificate(struct sim_call *call, const json_t *object, const char *key)
{
	const char *serial;
	json_t *certificate;

	if (!call_text(call, &serial, object, key))
		return NULL;
	certificate =
		certificate_by_serial(call->sim, serial, json_peek_text(object, "issuer_sha256"));
	if (certificate == NULL)
		(void)call_problem(call, SIM_CERT_UNKNOWN, "no certificate has serial %s", serial);
	else
		call->certificate = json_peek_text(certificate, "id");
	return certificate;
}

json_t *person_named(struct sim_call *call, const char *number)
{
	json_t *application = sim_find_by(call->sim, "applications", "application_no", number);

	if (application == NULL)
		(void)call_problem(call, SIM_NOT_FOUND, "no application has number %s", number);
	else
		call->certificate = json_peek_text(application, "certificate_id");
	return application;
}

bool person_instant(int64_t *at, const char **precision, const char *text)
{
	char digits[16] = "", iso[CLOCK_TEXT];
	size_t len = 0;

	*precision = "second";
	if (clock_parse(at, text))
		return true;
	for (; *text != '\0'; text++) {
		if (strchr("0123456789", *text) == NULL)
			continue;
		if (len >= 14)
			return false;
		digits[len++] = *text;
	}
	if (len != 8 && len != 12 && len != 14)
		return false;
	*precision = len == 8 ? "date" : len == 12 ? "minute" : "second";
	for (; len < 14; len++)
		digits[len] = '0';
	(void)snprintf(iso, sizeof(iso), "%.4s-%.2s-%.2sT%.2s:%.2s:%.2s+08:00", digits, digits + 4,
		digits + 6, digits + 8, digits + 10, digits + 12);
	return clock_parse(at, iso);
}

/* ---- the page of a certificate ---- */

/* As the confirm page shows it: `--` where there is no 介质编号. */
static json_t *shown_certificate(struct sim_call *call, const json_t *certificate)
{
	json_t *view = certificate_view(call, certificate);
	char day[CLOCK_TEXT];
	OWNED char *until = NULL;

	clock_format(day,
		json_peek_number(certificate, "not_after", 0) + 8 * INT64_C(3600) * CLOCK_SECOND);
	until = text_dupf("%.10s %.8s", day, day + 11);
	if (json_peek_text(view, "media_no") == NULL)
		json_put_text(view, "media_no", "--");
	json_put_text(view, "valid_until", until);
	json_object_set_new(view, "bound_to_wechat",
		json_boolean(json_is_true(json_object_get(certificate, "wechat"))));
	return view;
}

/* ?serial=…: what the pages show before and during an application. */
void person_page(struct sim_call *call)
{
	json_t *certificate = person_certificate(call, call->query, "serial");
	const json_t *open;
	json_t *view;
	bool expired;

	if (certificate == NULL)
		return;
	call->about = certificate;
	expired = json_peek_number(certificate, "not_after", 0) <= call->now;
	open = application_open(call->sim, json_peek_text(certificate, "set_id"));
	view = meta_view(call);
	json_object_set_new(view, "agreement", meta_agreement(call->sim));
	json_object_set_new(view, "certificate", shown_certificate(call, certificate));
	json_put_text(view, "kind", expired ? "expired" : "expiring");
	json_object_set_new(view, "terms",
		meta_terms(sim_knob_fires(call, "price_add_fen"),
			sim_knob_fires(call, "term_withdrawn")));
	if (open != NULL)
		json_put_text(view, "open_application_no", json_peek_text(open, "application_no"));
	call_reply(call, 200, view);
}

/* ---- binding ---- */

/* The records of `serial` or `serials` (owned list); NULL after a problem. */
static json_t *asked_certificates(struct sim_call *call)
{
	json_t *serials = json_object_get(call->body, "serials");
	JSON *records = json_array();
	json_t *serial, *record;
	size_t i;

	if (serials == NULL) {
		record = person_certificate(call, call->body, "serial");
		return record == NULL ? NULL : json_pack("[O]", record);
	}
	json_array_foreach(serials, i, serial)
	{
		JSON *named = json_pack("{s:O}", "serial", serial);

		record = person_certificate(call, named, "serial");
		if (record == NULL)
			return NULL;
		json_array_append(records, record);
	}
	if (json_array_size(records) > 0)
		return take(records);
	(void)call_problem(call, SIM_FIELD_INVALID, "serial, or serials: a list");
	return NULL;
}

/* A fresh QR of the person for what the body asks; NULL after a problem. */
static json_t *qr_new(struct sim_call *call)
{
	JSON *records = asked_certificates(call);
	json_t *binding, *record;
	size_t i;

	json_array_foreach(records, i, record)
	{
		if (!json_is_true(json_object_get(record, "other_account")))
			continue;
		(void)call_problem(call, SIM_BINDING_OTHER_ACCOUNT, "unbind it there first");
		return NULL;
	}
	if (records == NULL)
		return NULL;
	call->person = true;
	binding = binding_new(call, records, NULL);
	binding_open(call, binding, records);
	return binding;
}

static void reply_binding(struct sim_call *call, const json_t *binding)
{
	json_t *view = binding_view(call, binding);
	json_t *certificate;
	size_t i;

	json_array_foreach(json_object_get(view, "certificates"), i, certificate)
	{
		if (json_peek_text(certificate, "media_no") == NULL)
			json_put_text(certificate, "media_no", "--");
	}
	call_reply(call, 200, view);
}

void person_qr(struct sim_call *call)
{
	const json_t *binding = qr_new(call);

	if (binding != NULL)
		reply_binding(call, binding);
}

/* A QR, scanned and confirmed (or `action`: cancel, other_account) in one go. */
void person_bind(struct sim_call *call)
{
	const char *action = json_peek_text(call->body, "action");
	json_t *binding = qr_new(call);

	if (binding == NULL || !phone_act(call, binding, "scan"))
		return;
	if (phone_act(call, binding, action == NULL ? "confirm" : action))
		reply_binding(call, binding);
}

/* 现场办理: bound at a counter, without a QR of ours. */
void person_counter(struct sim_call *call)
{
	JSON *records = asked_certificates(call);
	json_t *record, *one;
	size_t i, k;

	if (records == NULL)
		return;
	json_array_foreach(records, i, record)
	{
		JSON *set = certificate_set(call->sim, json_peek_text(record, "set_id"));

		json_array_foreach(set, k, one)
		{
			json_object_set_new(one, "bound", json_true());
			json_object_set_new(one, "wechat", json_true());
		}
		ledger_add(call->sim, "bindings",
			json_pack("{s:O, s:s}", "certificate", json_object_get(record, "id"), "via",
				"counter"));
	}
	call_effect(call);
	call_reply(call, 200, json_pack("{s:s, s:s}", "state", "confirmed", "via", "counter"));
}
