/* SPDX-License-Identifier: Apache-2.0 */
/* The people's listener: every path, who may call it, and the statement or story that answers
 * (schema/openapi.yaml).  A new list is a statement in store/ and a line here. */
#include "orchestrator/api/api.h"
#include "orchestrator/api/hooks.h"
#include "orchestrator/api/stories.h"
#include "orchestrator/loop/db.h"
#include "sql.h"

enum {
	KIB = 1024,
	SMALL = 64 * KIB,
	POLICY = 512 * KIB,
	IMPORT = 8 * KIB * KIB,
	FILES = 16 * KIB * KIB,
	LIST = 64 * KIB * KIB,
	STATEMENT = 90 * KIB * KIB
};

/* ---- health, without a token ---- */

static void healthz(struct request *request, void *context)
{
	(void)context;
	request_reply(request, 200, "text/plain", "ok\n", 3);
}

static void readyz(struct request *request, void *context)
{
	const struct app *app = context;
	bool ready = app->migrated && !app->stopping && db_is_up(app->db);

	if (ready)
		request_reply(request, 200, "text/plain", "ready\n", 6);
	else
		request_reply_problem(request, 503, "NOT_READY",
			"the database is not reachable, or xuqid is stopping");
}

#define MONEY (ROLE_FINANCE | ROLE_APPROVER | ROLE_AUDITOR | ROLE_ADMIN)
#define LOOK  ROLE_ANY

/* name of the route's facts · who · statement */
#define STATEMENT_ROUTE(name, who, asks) \
	static const struct people_route name##_route = { .roles = (who), .statement = sql_##asks }

STATEMENT_ROUTE(certificates, LOOK, certificate_list);
STATEMENT_ROUTE(certificate_import, ROLE_OPERATOR | ROLE_ADMIN, certificate_import);
STATEMENT_ROUTE(campaigns, LOOK, campaign_list);
STATEMENT_ROUTE(campaign, LOOK, campaign_show);
STATEMENT_ROUTE(campaign_approve, ROLE_APPROVER, campaign_approve);
STATEMENT_ROUTE(campaign_run, ROLE_OPERATOR | ROLE_ADMIN, campaign_run);
STATEMENT_ROUTE(renewals, LOOK, renewal_list);
STATEMENT_ROUTE(renewal, LOOK, renewal_show);
STATEMENT_ROUTE(renewal_withdraw, ROLE_OPERATOR | ROLE_ADMIN, renewal_withdraw);
STATEMENT_ROUTE(renewal_hint, ROLE_OPERATOR | ROLE_HANDLER | ROLE_ADMIN, renewal_hint);
STATEMENT_ROUTE(sittings, LOOK, sitting_list);
STATEMENT_ROUTE(prices, LOOK, price_list);
STATEMENT_ROUTE(price_propose, ROLE_OPERATOR | ROLE_FINANCE | ROLE_ADMIN, price_propose);
STATEMENT_ROUTE(price_approve, ROLE_FINANCE | ROLE_APPROVER | ROLE_ADMIN, price_approve);
STATEMENT_ROUTE(task_assign, ROLE_OPERATOR | ROLE_ADMIN, task_assign);
STATEMENT_ROUTE(handlers, ROLE_OPERATOR | ROLE_HANDLER | ROLE_AUDITOR | ROLE_ADMIN, handler_list);
STATEMENT_ROUTE(handler_leave, ROLE_OPERATOR | ROLE_HANDLER | ROLE_ADMIN, handler_leave);
STATEMENT_ROUTE(handler_transfer, ROLE_OPERATOR | ROLE_ADMIN, handler_transfer);
STATEMENT_ROUTE(notices, LOOK, notice_list);
STATEMENT_ROUTE(payments, MONEY, payment_list);
STATEMENT_ROUTE(payment_file, ROLE_FINANCE | ROLE_AUDITOR, payment_file);
STATEMENT_ROUTE(statements, MONEY, statement_list);
STATEMENT_ROUTE(matches, MONEY, match_list);
STATEMENT_ROUTE(match, MONEY, match_show);
STATEMENT_ROUTE(match_confirm, ROLE_FINANCE, match_confirm);
STATEMENT_ROUTE(match_release, ROLE_FINANCE, match_release);
STATEMENT_ROUTE(match_reject, ROLE_FINANCE, match_reject);
STATEMENT_ROUTE(invoices, MONEY | ROLE_OPERATOR | ROLE_HANDLER, invoice_list);
STATEMENT_ROUTE(agents, LOOK, agent_list);
STATEMENT_ROUTE(pins, LOOK, pin_list);
STATEMENT_ROUTE(pin_clear, ROLE_OPERATOR | ROLE_ADMIN, pin_clear);
STATEMENT_ROUTE(agent_revoke, ROLE_OPERATOR | ROLE_ADMIN, agent_revoke);
STATEMENT_ROUTE(holds, LOOK, hold_list);
STATEMENT_ROUTE(hold_set, ROLE_OPERATOR | ROLE_FINANCE | ROLE_APPROVER | ROLE_ADMIN, hold_set);
STATEMENT_ROUTE(hold_release, ROLE_OPERATOR | ROLE_APPROVER | ROLE_ADMIN, hold_release);
STATEMENT_ROUTE(restore, LOOK, restore_status);
STATEMENT_ROUTE(doctor, LOOK, doctor);
STATEMENT_ROUTE(cas, LOOK, ca_list);
STATEMENT_ROUTE(ca, LOOK, ca_show);
STATEMENT_ROUTE(ca_limit, ROLE_OPERATOR | ROLE_ADMIN, ca_limit);
STATEMENT_ROUTE(organisation, ROLE_ADMIN, organisation_apply);
STATEMENT_ROUTE(tokens, ROLE_ADMIN | ROLE_AUDITOR, token_list);
STATEMENT_ROUTE(token_revoke, ROLE_ADMIN, token_revoke);

/* clang-format off */
const struct inbound_route people_routes[] = {
	{ INBOUND_GET,  "/healthz", 0, NULL, healthz },
	{ INBOUND_GET,  "/readyz", 0, NULL, readyz },
	{ INBOUND_POST, "/v1/hooks/gateway", SMALL, NULL, hook_begin },
	{ INBOUND_GET,  "/v1/certificates", 0, &certificates_route, ask_begin },
	{ INBOUND_POST, "/v1/certificates/import", IMPORT, &certificate_import_route, ask_begin },
	{ INBOUND_POST, "/v1/certificates/upload", FILES, &certificates_upload_route, ask_begin },
	{ INBOUND_POST, "/v1/policies/check", POLICY, &policy_check_route, ask_begin },
	{ INBOUND_POST, "/v1/plans", POLICY, &plan_route, ask_begin },
	{ INBOUND_POST, "/v1/campaigns", POLICY, &campaign_create_route, ask_begin },
	{ INBOUND_GET,  "/v1/campaigns", 0, &campaigns_route, ask_begin },
	{ INBOUND_GET,  "/v1/campaigns/:id", 0, &campaign_route, ask_begin },
	{ INBOUND_POST, "/v1/campaigns/:id/approvals", SMALL, &campaign_approve_route, ask_begin },
	{ INBOUND_POST, "/v1/campaigns/:id/run", SMALL, &campaign_run_route, ask_begin },
	{ INBOUND_GET,  "/v1/renewals", 0, &renewals_route, ask_begin },
	{ INBOUND_GET,  "/v1/renewals/:ref", 0, &renewal_route, ask_begin },
	{ INBOUND_POST, "/v1/renewals/:ref/withdraw", SMALL, &renewal_withdraw_route, ask_begin },
	{ INBOUND_POST, "/v1/renewals/:ref/hint", SMALL, &renewal_hint_route, ask_begin },
	{ INBOUND_GET,  "/v1/tasks", 0, &tasks_route, ask_begin },
	{ INBOUND_GET,  "/v1/tasks/:id", 0, &tasks_route, ask_begin },
	{ INBOUND_POST, "/v1/tasks/:id/done", FILES, &task_done_route, ask_begin },
	{ INBOUND_POST, "/v1/tasks/done", LIST, &tasks_done_route, ask_begin },
	{ INBOUND_GET,  "/v1/sittings", 0, &sittings_route, ask_begin },
	{ INBOUND_GET,  "/v1/sittings/:ref", 0, &sitting_route, ask_begin },
	{ INBOUND_GET,  "/v1/prices", 0, &prices_route, ask_begin },
	{ INBOUND_POST, "/v1/prices", SMALL, &price_propose_route, ask_begin },
	{ INBOUND_POST, "/v1/prices/:id/approve", SMALL, &price_approve_route, ask_begin },
	{ INBOUND_POST, "/v1/tasks/:id/assign", SMALL, &task_assign_route, ask_begin },
	{ INBOUND_GET,  "/v1/handlers", 0, &handlers_route, ask_begin },
	{ INBOUND_POST, "/v1/handlers/:ref/leave", SMALL, &handler_leave_route, ask_begin },
	{ INBOUND_POST, "/v1/handlers/:ref/transfer", SMALL, &handler_transfer_route, ask_begin },
	{ INBOUND_GET,  "/v1/notices", 0, &notices_route, ask_begin },
	{ INBOUND_GET,  "/v1/payments", 0, &payments_route, ask_begin },
	{ INBOUND_POST, "/v1/payments/export", SMALL, &export_route, ask_begin },
	{ INBOUND_GET,  "/v1/payments/files/:id", 0, &payment_file_route, ask_begin },
	{ INBOUND_POST, "/v1/statements", STATEMENT, &statement_route, ask_begin },
	{ INBOUND_GET,  "/v1/statements", 0, &statements_route, ask_begin },
	{ INBOUND_GET,  "/v1/matches", 0, &matches_route, ask_begin },
	{ INBOUND_GET,  "/v1/matches/:id", 0, &match_route, ask_begin },
	{ INBOUND_POST, "/v1/matches/:id/confirm", SMALL, &match_confirm_route, ask_begin },
	{ INBOUND_POST, "/v1/matches/:id/release", SMALL, &match_release_route, ask_begin },
	{ INBOUND_POST, "/v1/matches/:id/reject", SMALL, &match_reject_route, ask_begin },
	{ INBOUND_GET,  "/v1/invoices", 0, &invoices_route, ask_begin },
	{ INBOUND_POST, "/v1/agents/enrol-codes", SMALL, &enrol_code_route, ask_begin },
	{ INBOUND_GET,  "/v1/agents", 0, &agents_route, ask_begin },
	{ INBOUND_POST, "/v1/agents/:id/revoke", SMALL, &agent_revoke_route, ask_begin },
	{ INBOUND_GET,  "/v1/pins", 0, &pins_route, ask_begin },
	{ INBOUND_POST, "/v1/pins/:id/clear", SMALL, &pin_clear_route, ask_begin },
	{ INBOUND_GET,  "/v1/holds", 0, &holds_route, ask_begin },
	{ INBOUND_POST, "/v1/holds", SMALL, &hold_set_route, ask_begin },
	{ INBOUND_POST, "/v1/holds/:id/release", SMALL, &hold_release_route, ask_begin },
	{ INBOUND_GET,  "/v1/restore", 0, &restore_route, ask_begin },
	{ INBOUND_GET,  "/v1/doctor", 0, &doctor_route, ask_begin },
	{ INBOUND_GET,  "/v1/cas", 0, &cas_route, ask_begin },
	{ INBOUND_GET,  "/v1/cas/:ref", 0, &ca_route, ask_begin },
	{ INBOUND_POST, "/v1/cas/:ref/limits", SMALL, &ca_limit_route, ask_begin },
	{ INBOUND_POST, "/v1/organisation", POLICY, &organisation_route, ask_begin },
	{ INBOUND_POST, "/v1/tokens", SMALL, &token_route, ask_begin },
	{ INBOUND_GET,  "/v1/tokens", 0, &tokens_route, ask_begin },
	{ INBOUND_POST, "/v1/tokens/:id/revoke", SMALL, &token_revoke_route, ask_begin },
	{ INBOUND_GET,  "/v1/people", 0, &people_list_route, ask_begin },
	{ INBOUND_POST, "/v1/people/find", SMALL, &person_find_route, ask_begin },
	{ INBOUND_POST, "/v1/people/:id/reveal", SMALL, &person_reveal_route, ask_begin },
	{ INBOUND_GET,  "/v1/tasks/:id/files", 0, &files_route, ask_begin },
	{ INBOUND_GET,  "/v1/files/:id", 0, &file_route, ask_begin },
	{ INBOUND_POST, "/v1/files/:id/reveal", SMALL, &file_reveal_route, ask_begin },
	{ INBOUND_GET,  "/v1/privacy", 0, &privacy_route, ask_begin },
	{ INBOUND_POST, "/v1/privacy/erase", SMALL, &person_erase_route, ask_begin },
	{ INBOUND_POST, "/v1/privacy/check", FILES, &mark_check_route, ask_begin },
};
/* clang-format on */
const size_t people_route_count = COUNT_OF(people_routes);
