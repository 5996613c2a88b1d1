/* SPDX-License-Identifier: Apache-2.0 */
/* 电子发票下载 (guide chapter 5, the second way): phone number, a code by text message with three tries,
 * then the files of that handler's invoices. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/text.h"
#include "tests/simulator/sim_knobs.h"

enum { TRIES = 3, CODE_LIFE_S = 300, LOGIN_LIFE_S = 1800, LOGINS_MAX = 1000 };

static bool mobile_is_good(const char *mobile)
{
	return strlen(mobile) == 11 && mobile[0] == '1' && strspn(mobile, "0123456789") == 11;
}

static json_t *login_view(const json_t *login)
{
	json_t *view = json_object();

	json_put_text(view, "id", json_peek_text(login, "id"));
	json_put_text(view, "state", json_peek_text(login, "state"));
	json_put_number(view, "tries_left", json_peek_number(login, "tries_left", 0));
	sim_put_instant(view, "expires_at", json_peek_number(login, "expires_at", 0));
	return view;
}

void post_invoice_login(struct sim_call *call)
{
	const char *mobile;
	char id[SIM_ID_TEXT];
	OWNED char *code = NULL, *words = NULL;
	json_t *login;

	if (!call_text(call, &mobile, call->body, "mobile"))
		return;
	if (!mobile_is_good(mobile) ||
		json_object_size(sim_table(call->sim, "logins")) >= LOGINS_MAX) {
		(void)call_problem(call, SIM_FIELD_INVALID, "mobile: eleven digits");
		call_field_error(call, "mobile", "is not a mobile number of the mainland");
		return;
	}
	code = text_dupf("%06" PRIu64, sim_random(call->sim, 1000000));
	words = text_dupf("【网证通CA】验证码%s，5分钟内有效。", code);
	sim_id(call->sim, id, "log");
	login = json_object();
	json_put_text(login, "id", id);
	json_put_text(login, "mobile", mobile);
	json_put_text(login, "code", code);
	json_put_text(login, "state", "code_sent");
	json_put_number(login, "tries_left", TRIES);
	json_put_number(login, "expires_at", call->now + CODE_LIFE_S * CLOCK_SECOND);
	json_object_set_new(sim_table(call->sim, "logins"), id, login);
	message_send(call->sim, call->now, mobile, words);
	ledger_add(call->sim, "invoice_logins", json_pack("{s:s}", "id", id));
	call_effect(call);
	(void)snprintf(call->location, sizeof(call->location), "/v1/invoice-logins/%s", id);
	call_reply(call, 201, login_view(login));
}

/* ---- what a login opens ---- */

static bool is_handler(const json_t *application, const char *mobile)
{
	const json_t *handler = json_object_get(json_object_get(application, "intent"), "handler");

	return text_equal(json_peek_text(handler, "mobile"), mobile);
}

static json_t *invoices_of(const struct sim *sim, const char *mobile)
{
	json_t *items = json_array();
	const char *id;
	json_t *application;

	json_object_foreach(sim_table(sim, "applications"), id, application)
	{
		const json_t *invoice = json_object_get(application, "invoice");

		if (invoice == NULL || !is_handler(application, mobile))
			continue;
		json_array_append_new(items,
			json_pack("{s:s, s:s, s:s, s:I, s:[s,s]}", "id",
				json_peek_text(invoice, "id"), "application_id", id, "number",
				json_peek_text(invoice, "number"), "total_fen",
				(json_int_t)json_peek_number(invoice, "total_fen", 0), "formats",
				"xml", "pdf"));
	}
	return items;
}

static bool code_is_right(struct sim_call *call, const json_t *login, const char *code)
{
	struct sim_subject subject = { .call = call };

	return text_equal(code, json_peek_text(login, "code")) &&
		!sim_knob_says(call->sim, "phone_code_wrong_times", NULL, &subject);
}

void put_invoice_login(struct sim_call *call)
{
	json_t *login = call_object(call, "logins");
	const char *code;
	int64_t left = json_peek_number(login, "tries_left", 0);
	json_t *view;

	if (login == NULL || !call_text(call, &code, call->body, "code"))
		return;
	if (left == 0 || call->now >= json_peek_number(login, "expires_at", 0) ||
		!text_equal(json_peek_text(login, "state"), "code_sent")) {
		(void)call_problem(call, SIM_CODE_EXPIRED, "ask for another code");
		return;
	}
	call_effect(call);
	if (!code_is_right(call, login, code)) {
		json_put_number(login, "tries_left", left - 1);
		json_put_number(
			call_problem(call, SIM_CODE_WRONG, "%d tries are left", (int)left - 1),
			"tries_left", left - 1);
		return;
	}
	json_put_text(login, "state", "open");
	json_put_number(login, "expires_at", call->now + LOGIN_LIFE_S * CLOCK_SECOND);
	view = login_view(login);
	json_object_set_new(
		view, "invoices", invoices_of(call->sim, json_peek_text(login, "mobile")));
	call_reply(call, 200, view);
}

/* ---- the file ---- */

/* The open login that the query names; NULL after a problem. */
static const json_t *open_login(struct sim_call *call)
{
	const char *id = call_query(call, "login");
	const json_t *login = id == NULL ? NULL : sim_find(call->sim, "logins", id);

	if (login != NULL && text_equal(json_peek_text(login, "state"), "open") &&
		call->now < json_peek_number(login, "expires_at", 0))
		return login;
	(void)call_problem(call, SIM_CODE_EXPIRED, "?login=… names an open login");
	return NULL;
}

/* The application whose invoice the path names and whose handler logged in; NULL after a problem. */
static const json_t *invoiced_application(struct sim_call *call, const json_t *login)
{
	const char *id;
	json_t *application;

	json_object_foreach(sim_table(call->sim, "applications"), id, application)
	{
		const json_t *invoice = json_object_get(application, "invoice");

		if (text_equal(json_peek_text(invoice, "id"), call->id) &&
			is_handler(application, json_peek_text(login, "mobile")))
			return application;
	}
	(void)call_problem(call, SIM_NOT_FOUND, "no invoice %s of this phone", call->id);
	return NULL;
}

void get_invoice_file(struct sim_call *call)
{
	const char *format = call_query(call, "format");
	const json_t *login = open_login(call);
	const json_t *application = login == NULL ? NULL : invoiced_application(call, login);
	const json_t *document;
	const char *text;
	char *bytes;
	size_t len = 0;

	if (application == NULL)
		return;
	document = format == NULL ? NULL : invoice_document(application, format);
	text = json_peek_text(document, "data_b64");
	bytes = text == NULL ? NULL : (char *)base64_decode(text, &len);
	if (bytes == NULL) {
		(void)call_problem(call, SIM_FIELD_INVALID, "format is xml or pdf");
		return;
	}
	call_reply_raw(call, text_equal(format, "pdf") ? "application/pdf" : "application/xml",
		bytes, len);
}
