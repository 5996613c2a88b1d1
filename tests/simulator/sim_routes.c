/* SPDX-License-Identifier: Apache-2.0 */
/* The two tables of routes, and the finding of one. */
#include "tests/simulator/sim_routes.h"

#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "tests/simulator/sim_bank.h"
#include "tests/simulator/sim_knobs.h"
#include "tests/simulator/sim_person.h"

static void get_root(struct sim_call *call)
{
	char *pem = sim_root_pem(call->sim);

	call_reply_raw(call, "application/x-pem-file", pem, strlen(pem));
}

static void get_chain(struct sim_call *call)
{
	char *pem = call->sim->pki == NULL ? text_dup("") : sim_pki_chain_pem(call->sim->pki);

	call_reply_raw(call, "application/x-pem-file", pem, strlen(pem));
}

static const struct route gateway_routes[] = {
	{ "GET", "/v1/meta", BODY_NONE, get_meta },
	{ "POST", "/v1/bindings", BODY_JSON, post_binding },
	{ "GET", "/v1/bindings", BODY_NONE, get_bindings },
	{ "GET", "/v1/bindings/:id", BODY_NONE, get_binding },
	{ "DELETE", "/v1/bindings/:id", BODY_NONE, delete_binding },
	{ "GET", "/v1/certificates", BODY_NONE, get_certificates },
	{ "GET", "/v1/agreements/current", BODY_NONE, get_agreement },
	{ "POST", "/v1/applications", BODY_JSON, post_application },
	{ "GET", "/v1/applications", BODY_NONE, get_applications },
	{ "GET", "/v1/applications/:id", BODY_NONE, get_application },
	{ "PUT", "/v1/applications/:id/agreement", BODY_JSON, put_agreement },
	{ "GET", "/v1/applications/:id/terms", BODY_NONE, get_terms },
	{ "PUT", "/v1/applications/:id/term", BODY_JSON, put_term },
	{ "POST", "/v1/applications/:id/attachments", BODY_RAW, post_attachment },
	{ "PUT", "/v1/applications/:id/intent", BODY_JSON, put_intent },
	{ "POST", "/v1/applications/:id/submit", BODY_OPTIONAL, post_submit },
	{ "POST", "/v1/applications/:id/resubmit", BODY_OPTIONAL, post_resubmit },
	{ "POST", "/v1/applications/:id/withdraw", BODY_OPTIONAL, post_withdraw },
	{ "GET", "/v1/applications/:id/issuance", BODY_NONE, get_issuance },
	{ "POST", "/v1/applications/:id/csr", BODY_JSON, post_csr },
	{ "POST", "/v1/applications/:id/install-reports", BODY_JSON, post_install_report },
	{ "GET", "/v1/applications/:id/invoice", BODY_NONE, get_invoice },
	{ "POST", "/v1/applications/:id/invoice/resend", BODY_JSON, post_invoice_resend },
	{ "POST", "/v1/payments", BODY_JSON, post_payment },
	{ "GET", "/v1/payments", BODY_NONE, get_payments },
	{ "GET", "/v1/payments/:id", BODY_NONE, get_payment },
	{ "POST", "/v1/payments/:id/close", BODY_OPTIONAL, post_payment_close },
	{ "PUT", "/v1/payments/:id/remittance", BODY_JSON, put_remittance },
	{ "GET", "/v1/refunds", BODY_NONE, get_refunds },
	{ "GET", "/v1/refunds/:id", BODY_NONE, get_refund },
	{ "POST", "/v1/invoice-logins", BODY_JSON, post_invoice_login },
	{ "PUT", "/v1/invoice-logins/:id", BODY_JSON, put_invoice_login },
	{ "GET", "/v1/invoices/:id/file", BODY_NONE, get_invoice_file },
	{ "POST", "/v1/webhooks", BODY_JSON, post_webhook },
	{ "GET", "/v1/webhooks", BODY_NONE, get_webhooks },
	{ "DELETE", "/v1/webhooks/:id", BODY_NONE, delete_webhook },
};

static const struct route control_routes[] = {
	{ "GET", "/sim/ledger", BODY_NONE, get_ledger },
	{ "GET", "/sim/knobs", BODY_NONE, get_knobs },
	{ "PUT", "/sim/knobs", BODY_JSON, put_knobs },
	{ "POST", "/sim/knobs", BODY_JSON, post_knobs },
	{ "POST", "/sim/enrol", BODY_JSON, post_enrol },
	{ "POST", "/sim/certificates", BODY_JSON, post_certificate_status },
	{ "POST", "/sim/applications", BODY_JSON, post_application_staff },
	{ "POST", "/sim/invoices", BODY_JSON, post_invoice_again },
	{ "POST", "/sim/phone", BODY_JSON, post_phone },
	{ "GET", "/sim/phone/messages", BODY_NONE, get_messages },
	{ "GET", "/sim/pki/root.pem", BODY_NONE, get_root },
	{ "GET", "/sim/pki/chain.pem", BODY_NONE, get_chain },
	{ "POST", "/sim/bank/execute", BODY_RAW, post_bank_execute },
	{ "POST", "/sim/bank/return", BODY_JSON, post_bank_return },
	{ "GET", "/sim/bank/statement", BODY_NONE, get_bank_statement },
	{ "GET", "/sim/bank/accounts", BODY_NONE, get_bank_accounts },
	{ "GET", "/sim/person/page", BODY_NONE, person_page },
	{ "POST", "/sim/person/qr", BODY_JSON, person_qr },
	{ "POST", "/sim/person/bind", BODY_JSON, person_bind },
	{ "POST", "/sim/person/counter", BODY_JSON, person_counter },
	{ "POST", "/sim/person/apply", BODY_JSON, person_apply },
	{ "POST", "/sim/person/remit", BODY_JSON, person_remit },
	{ "POST", "/sim/person/correct", BODY_JSON, person_correct },
	{ "POST", "/sim/person/withdraw", BODY_JSON, person_withdraw },
	{ "GET", "/sim/person/applications", BODY_NONE, person_applications },
	{ "GET", "/sim/person/applications/:id", BODY_NONE, person_application },
	{ "POST", "/sim/person/install", BODY_JSON, person_install },
	{ "GET", "/sim/person/invoice", BODY_NONE, person_invoice },
};

/* PATTERN is PATH, segment by segment; `:id` takes one segment into ID. */
static bool path_matches(const char *pattern, const char *path, char id[SIM_ID_TEXT])
{
	for (;;) {
		size_t want = strcspn(pattern, "/"), have = strcspn(path, "/");
		bool any = want == 3 && strncmp(pattern, ":id", 3) == 0;

		if (any ? have == 0 || have >= SIM_ID_TEXT
			: want != have || strncmp(pattern, path, want) != 0)
			return false;
		if (any)
			(void)snprintf(id, SIM_ID_TEXT, "%.*s", (int)have, path);
		pattern += want;
		path += have;
		if (*pattern == '\0' || *path == '\0')
			return *pattern == *path;
		pattern++;
		path++;
	}
}

static const struct route *route_find(
	struct sim_call *call, const struct route *routes, size_t count)
{
	bool elsewhere = false;

	for (size_t i = 0; i < count; i++) {
		if (!path_matches(routes[i].pattern, call->path, call->id))
			continue;
		if (text_equal(routes[i].method, call->request->method))
			return &routes[i];
		elsewhere = true;
	}
	(void)call_problem(call, elsewhere ? SIM_METHOD_NOT_ALLOWED : SIM_NOT_FOUND,
		"%s %s is not in the contract", call->request->method, call->path);
	return NULL;
}

const struct route *route_of_gateway(struct sim_call *call)
{
	return route_find(call, gateway_routes, COUNT_OF(gateway_routes));
}

const struct route *route_of_control(struct sim_call *call)
{
	return route_find(call, control_routes, COUNT_OF(control_routes));
}
