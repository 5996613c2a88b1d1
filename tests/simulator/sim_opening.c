/* SPDX-License-Identifier: Apache-2.0 */
/* 选择证书 (guide chapter 3): which certificate can be renewed now, as what kind, and the application that
 * is opened for it. */
#include <stdio.h>

#include "common/clock.h"
#include "common/text.h"
#include "tests/simulator/sim_knobs.h"

static bool kind_fits(struct sim_call *call, const char *kind, const json_t *certificate)
{
	bool expired = json_peek_number(certificate, "not_after", 0) <= call->now;

	if (text_equal(kind, expired ? "expired" : "expiring"))
		return true;
	(void)call_problem(call, SIM_KIND_MISMATCH, "the certificate is %s",
		expired ? "expired" : "not expired");
	return false;
}

/* Too early or too late, where the knobs set limits. */
static bool is_in_window(struct sim_call *call, const json_t *certificate)
{
	struct sim_subject subject = { call, certificate, call->client_ref };
	int64_t before = sim_knob_for(call->sim, "window_days", &subject) * CLOCK_DAY;
	int64_t after = sim_knob_for(call->sim, "expired_max_days", &subject) * CLOCK_DAY;
	int64_t not_after = json_peek_number(certificate, "not_after", 0);

	if (before > 0 && call->now < not_after - before)
		sim_put_instant(call_problem(call, SIM_NOT_IN_WINDOW, "not before renewable_from"),
			"renewable_from", not_after - before);
	else if (after > 0 && call->now > not_after + after)
		(void)call_problem(call, SIM_EXPIRED_TOO_LONG, "apply for a new certificate");
	else
		return true;
	return false;
}

/* The knob's expiry: from now on the CA's record says so. */
static void expire(struct sim_call *call, json_t *certificate)
{
	struct sim_subject subject = { call, certificate, call->client_ref };

	if (json_peek_number(certificate, "not_after", 0) > call->now &&
		sim_knob_says(call->sim, "expire_between_list_and_apply", NULL, &subject))
		json_put_number(certificate, "not_after", call->now - CLOCK_SECOND);
}

/* Is this client_ref, or the certificate's set, taken by an application?  A lenient simulator never
 * says so. */
static bool is_taken(struct sim_call *call, const json_t *certificate)
{
	const json_t *known = call->person
		? NULL
		: sim_find_by(call->sim, "applications", "client_ref", call->client_ref);
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

bool certificate_is_alive(struct sim_call *call, const json_t *certificate)
{
	const char *status = json_peek_text(certificate, "status");

	if (status == NULL)
		return true;
	(void)call_problem(call,
		text_equal(status, "revoked") ? SIM_CERT_REVOKED : SIM_CERT_ON_HOLD,
		"the certificate is %s", status);
	return false;
}

/* The certificate to be renewed; NULL after a problem. */
static json_t *renewable_certificate(struct sim_call *call)
{
	json_t *certificate;

	if (!call_text(call, &call->certificate, call->body, "certificate_id"))
		return NULL;
	certificate = sim_find(call->sim, "certificates", call->certificate);
	if (certificate == NULL)
		(void)call_problem(call, SIM_CERT_UNKNOWN, "no certificate %s", call->certificate);
	else if (!certificate_is_bound(call, certificate))
		(void)call_problem(call, SIM_NOT_BOUND, "bind the certificate first");
	else if (json_peek_text(certificate, "superseded_by") != NULL)
		json_put_text(call_problem(call, SIM_STATE_CONFLICT, "renewed already"), "state",
			"superseded");
	else if (certificate_is_alive(call, certificate))
		return certificate;
	return NULL;
}

/* A number for people, as on NETCA's page. */
static void put_number(struct sim *sim, json_t *application, int64_t now)
{
	char day[CLOCK_TEXT];
	OWNED char *number = NULL;

	clock_format(day, now);
	number = text_dupf(
		"%.4s%.2s%.2s%08d", day, day + 5, day + 8, (int)sim_random(sim, 100000000));
	json_put_text(application, "application_no", number);
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
	json_object_set_new(application, "person", json_boolean(call->person));
	if (call->person)
		put_number(call->sim, application, call->now);
	application_move(call->sim, application, "draft", call->now);
	json_object_set_new(sim_table(call->sim, "applications"), id, application);
	json_put_text(item, "id", id);
	json_put_text(item, "client_ref", call->client_ref);
	json_put_text(item, "certificate", call->certificate);
	json_put_text(item, "serial", json_peek_text(certificate, "serial"));
	json_put_text(item, "kind", kind);
	if (call->person) /* counted when it is submitted: a sitting leaves no draft */
		json_decref(item);
	else
		ledger_add(call->sim, "applications", item);
	return application;
}

void post_application(struct sim_call *call)
{
	const char *kind;
	json_t *certificate, *application;

	if ((!call->person && !call_client_ref(call, &call->client_ref, call->body)) ||
		!call_text(call, &kind, call->body, "kind"))
		return;
	certificate = renewable_certificate(call);
	if (certificate == NULL || is_taken(call, certificate))
		return;
	expire(call, certificate);
	if (!kind_fits(call, kind, certificate) || !is_in_window(call, certificate))
		return;
	application = application_new(call, kind, certificate);
	call_effect(call);
	(void)snprintf(call->location, sizeof(call->location), "/v1/applications/%s",
		json_peek_text(application, "id"));
	call_reply_application(call, 201, application);
}
