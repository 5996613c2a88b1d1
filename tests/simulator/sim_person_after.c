/* SPDX-License-Identifier: Apache-2.0 */
/* After a sitting: the state of an application and its text messages, withdrawal, installation in NETCA's
 * client, the invoice's mail. */
#include <string.h>

#include "common/text.h"
#include "tests/simulator/sim_person.h"

/* ---- the state of an application ---- */

/* The last text message about the application (borrowed), or NULL. */
static const char *last_message(const struct sim *sim, const char *number)
{
	const json_t *list = json_object_get(sim->state, "messages");

	for (size_t i = json_array_size(list); i > 0 && number != NULL; i--) {
		const char *text = json_peek_text(json_array_get(list, i - 1), "text");

		if (text != NULL && strstr(text, number) != NULL)
			return text;
	}
	return NULL;
}

json_t *person_view(struct sim_call *call, const json_t *application)
{
	const char *number = json_peek_text(application, "application_no");
	const char *payment_id = json_peek_text(application, "payment_id");
	const json_t *payment =
		payment_id == NULL ? NULL : sim_find(call->sim, "payments", payment_id);
	const json_t *certificate =
		sim_find(call->sim, "certificates", json_peek_text(application, "certificate_id"));
	json_t *view = application_view(application);

	json_object_del(view, "client_ref");
	json_put_text(view, "application_no", number);
	json_put_text(view, "serial", json_peek_text(certificate, "serial"));
	json_object_set_new(
		view, "price_fen", json_integer(json_peek_number(application, "price_fen", 0)));
	if (payment != NULL)
		json_object_set_new(view, "payment", payment_view(payment));
	if (last_message(call->sim, number) != NULL)
		json_put_text(view, "sms", last_message(call->sim, number));
	return view;
}

void person_application(struct sim_call *call)
{
	const json_t *application = person_named(call, call->id);

	if (application != NULL)
		call_reply(call, 200, person_view(call, application));
}

/* ?serial=…: all applications that the person has made, or those for one certificate. */
void person_applications(struct sim_call *call)
{
	const char *serial = call_query(call, "serial");
	const json_t *certificate =
		serial == NULL ? NULL : certificate_by_serial(call->sim, serial, NULL);
	const char *set_id = json_peek_text(certificate, "set_id");
	const char *id;
	json_t *items = json_array();
	json_t *application;

	json_object_foreach(sim_table(call->sim, "applications"), id, application)
	{
		if (json_is_true(json_object_get(application, "person")) &&
			(serial == NULL ||
				text_equal(json_peek_text(application, "set_id"), set_id)))
			json_array_append_new(items, person_view(call, application));
	}
	call_reply_page(call, items);
}

void person_withdraw(struct sim_call *call)
{
	const char *number;
	json_t *application;

	if (!call_text(call, &number, call->body, "application_no"))
		return;
	application = person_named(call, number);
	if (application != NULL &&
		person_step(call, post_withdraw, json_peek_text(application, "id"), NULL, NULL))
		call_reply(call, 200, person_view(call, application));
}

/* ---- installation: NETCA's client ---- */

/* The person's approved application for the body; NULL after a problem. */
static json_t *installable(struct sim_call *call)
{
	const char *number = json_peek_text(call->body, "application_no");
	json_t *certificate, *application;

	if (number != NULL)
		return person_named(call, number);
	certificate = person_certificate(call, call->body, "serial");
	if (certificate == NULL)
		return NULL;
	application = application_open(call->sim, json_peek_text(certificate, "set_id"));
	if (application == NULL)
		(void)call_problem(call, SIM_ISSUANCE_NOT_READY, "there is no application");
	return application;
}

/* Is what the client downloaded whole? */
static bool is_whole(const json_t *download, const json_t *issued)
{
	const json_t *list = json_object_get(download, "certificates");
	json_t *one;
	size_t i;

	if (json_array_size(list) != json_array_size(issued))
		return false;
	json_array_foreach(issued, i, one)
	{
		if (!text_equal(json_peek_text(one, "der_b64"),
			    json_peek_text(json_array_get(list, i), "der_b64")))
			return false;
	}
	return true;
}

static json_t *installed_view(const json_t *application)
{
	json_t *list = json_array();
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(application, "issued"), i, one)
	{
		json_t *shown = json_deep_copy(one);

		sim_put_instant(shown, "not_after", json_peek_number(one, "not_after", 0));
		sim_put_instant(shown, "not_before", json_peek_number(one, "not_before", 0));
		json_array_append_new(list, shown);
	}
	return json_pack("{s:s, s:o}", "application_no",
		json_peek_text(application, "application_no"), "certificates", list);
}

void person_install(struct sim_call *call)
{
	json_t *application = installable(call);
	JSON *download = NULL;
	struct fault fault;

	if (application == NULL)
		return;
	if (application_is(application, "installed")) {
		call_conflict(call, "application", "installed");
		return;
	}
	if (!person_step(call, get_issuance, json_peek_text(application, "id"), NULL, &download))
		return;
	call_effect(call);
	if (!is_whole(download, json_object_get(application, "issued")))
		(void)call_problem(call, SIM_INSTALL_MISMATCH, "the client says: 安装失败");
	else if (!issuance_install(call->sim, application, call->now, &fault))
		(void)call_problem(call, SIM_INTERNAL, "%s", fault.text);
	else
		call_reply(call, 200, installed_view(application));
}

/* ---- the invoice's mail ---- */

void person_invoice(struct sim_call *call)
{
	const char *number = call_query(call, "application_no");
	const json_t *application = number == NULL ? NULL : person_named(call, number);
	const json_t *invoice = json_object_get(application, "invoice");

	if (number == NULL)
		(void)call_problem(call, SIM_FIELD_INVALID, "?application_no=… is needed");
	if (application == NULL)
		return;
	if (invoice == NULL || !text_equal(json_peek_text(invoice, "state"), "sent"))
		call_conflict(call, "invoice", invoice == NULL ? "none" : "send_failed");
	else
		call_reply(call, 200, json_deep_copy(invoice));
}
