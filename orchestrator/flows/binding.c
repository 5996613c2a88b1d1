/* SPDX-License-Identifier: Apache-2.0 */
/* 微信绑定数字证书 (guide chapter 2), then the application's opening (选择证书, chapter 3).  The QR text is a
 * bearer secret: it goes into the handler's task and nowhere else. */
#include <string.h>

#include "common/text.h"
#include "common/version.h"
#include "orchestrator/flows/stage.h"

/* Guide chapter 1: client version at or above the minimum before anything else. */
static bool client_is_new_enough(const struct stage_run *run)
{
	const char *has = stage_text(run, "token.client_version");
	const char *needs = stage_text(run, "campaign.policy.minimum_client_version");
	int order;

	return has != NULL && needs != NULL && version_compare(&order, has, needs) && order >= 0;
}

static enum stage_next wait_for_client(struct stage_run *run)
{
	const char *has = stage_text(run, "token.client_version");
	const char *where = stage_text(run, "token.workstation_name");
	OWNED char *text = text_dupf(
		"The client (网证通安全客户端) of workstation %s is %s; %s or newer is needed (主程序版本号). "
		"Install the new client; the agent reports its version by itself.",
		where != NULL ? where : "(none has reported the token)",
		has != NULL ? has : "unknown",
		stage_text(run, "campaign.policy.minimum_client_version"));

	stage_task(run,
		json_pack("{s:s, s:s, s:s, s:s, s:s}", "kind", "client_version", "role", "operator",
			"title", "Update the client of a workstation", "instruction", text,
			"if_ignored",
			"No application is made and nothing is paid for this token."));
	return stage_await(run, "client_version");
}

/* The QR is for the named handler (经办人) alone: without one nobody could see it. */
static enum stage_next wait_for_handler(struct stage_run *run)
{
	stage_task(run,
		json_pack("{s:s, s:s, s:s, s:s, s:s}", "kind", "handler", "role", "operator",
			"title", "Name the handler (经办人) of a certificate", "instruction",
			"Give this certificate a handler: a line with its handler in a list for xuqi cert import.",
			"if_ignored", "No application is made."));
	return stage_await(run, "handler");
}

static json_t *binding_body(const struct stage_run *run)
{
	return json_pack("{s:s?, s:{s:s, s:s}}", "media_no", stage_text(run, "set.media_no"),
		"certificate", "issuer_sha256", stage_text(run, "certificates.0.issuer_sha256"),
		"serial", stage_text(run, "certificates.0.serial"));
}

static enum stage_next binding_decide(struct stage_run *run)
{
	const char *binding = stage_text(run, "facts.binding_id");

	if (!client_is_new_enough(run))
		return wait_for_client(run);
	if (stage_text(run, "handler.id") == NULL)
		return wait_for_handler(run);
	stage_close_task(run, "client_version");
	stage_close_task(run, "handler");
	if (stage_text(run, "certificates.0.serial") == NULL)
		return stage_await(run, "token"); /* no agent has seen the certificate yet */
	if (binding == NULL)
		return stage_call(run, CONNECTOR_BIND, NULL, binding_body(run));
	return stage_call(run, CONNECTOR_BIND_STATUS, binding, NULL);
}

static json_t *binding_task(
	const struct stage_run *run, const char *qr_text, const char *expires_at)
{
	return json_pack(
		"{s:s, s:s, s:s?, s:s, s:s, s:s, s:s?, s:s?, s:{s:s?, s:s?, s:s?, s:s?}, s:[]}",
		"kind", "bind", "role", "handler", "assignee", stage_text(run, "handler.id"),
		"title", "绑定: bind the certificate to the WeChat service account", "instruction",
		"Scan the QR code with the WeChat that follows 网证通CA, compare holder, service and expiry with the values "
		"below, and press 确认绑定. The code lives 30 minutes and is for you alone.",
		"if_ignored", "The code expires and a new one is made.", "secret", qr_text,
		"due_at", expires_at, "values", "media_no", stage_text(run, "set.media_no"),
		"holder", stage_text(run, "set.holder"), "service", stage_text(run, "set.service"),
		"not_after", stage_text(run, "set.not_after"), "needs");
}

/* The wanted certificate among those that the confirm page showed, or NULL. */
static const json_t *bound_certificate(const struct stage_run *run)
{
	const json_t *item, *list = json_object_get(run->outcome.data, "certificates");
	size_t i;

	json_array_foreach(list, i, item) if (text_equal(json_peek_text(item, "serial"),
						      stage_text(run, "certificates.0.serial")) &&
		text_equal(json_peek_text(item, "issuer_sha256"),
			stage_text(run, "certificates.0.issuer_sha256"))) return item;
	return NULL;
}

static enum stage_next binding_is_confirmed(struct stage_run *run)
{
	const json_t *certificate = bound_certificate(run);

	if (certificate == NULL) {
		outcome_set(&run->outcome, OUTCOME_REFUSED, "CERT_ABSENT",
			"the phone's confirm page did not list the wanted certificate (serial %s)",
			stage_text(run, "certificates.0.serial"));
		return stage_refused(run);
	}
	stage_fact_text(run, "certificate_id", json_peek_text(certificate, "id"));
	stage_close_task(run, "bind");
	return stage_move(
		run, ON_BINDING_CONFIRMED, "the handler confirmed the binding (确认绑定)");
}

static enum stage_next binding_settle(struct stage_run *run)
{
	const char *state = json_peek_text(run->outcome.data, "state");

	if (run->outcome.kind == OUTCOME_REFUSED)
		return stage_refused(run);
	if (run->call.op == CONNECTOR_BIND)
		stage_fact_text(run, "binding_id", json_peek_text(run->outcome.data, "id"));
	if (text_equal(state, "confirmed"))
		return binding_is_confirmed(run);
	if (text_equal(state, "expired") || text_equal(state, "cancelled")) {
		stage_fact(run, "binding_id", json_null());
		stage_close_task(run, "bind");
		return stage_move(
			run, ON_BINDING_EXPIRED, "the QR code was %s; a new one is made", state);
	}
	if (run->call.op == CONNECTOR_BIND)
		stage_task(run,
			binding_task(run, json_peek_text(run->outcome.data, "qr_text"),
				json_peek_text(run->outcome.data, "expires_at")));
	return stage_poll(run, "binding");
}

const struct stage binding_stage = { RENEWAL_BINDING, binding_decide, binding_settle };

/* ---- the application is opened ---- */

static enum stage_next kind_changes(struct stage_run *run, const char *kind)
{
	stage_put(run, "kind", json_string(kind));
	return stage_move(run, ON_KIND_CHANGED, "the certificate is %s now (%s)", kind,
		text_equal(kind, "expired") ? "过期: attachments are needed" : "临期");
}

static enum stage_next bound_decide(struct stage_run *run)
{
	const char *kind = stage_text(run, "kind"),
		   *application = stage_text(run, "facts.application_id");

	if (!client_is_new_enough(run))
		return wait_for_client(run);
	if (application != NULL) /* opened before the price had to be approved again */
		return stage_call(run, CONNECTOR_STATUS, application, NULL);
	if (stage_flag(run, "set.expired") && text_equal(kind, "expiring"))
		return kind_changes(run, "expired");
	return stage_call(run, CONNECTOR_OPEN, NULL,
		json_pack("{s:s?, s:s}", "certificate_id", stage_text(run, "facts.certificate_id"),
			"kind", kind));
}

static enum stage_next bound_settle(struct stage_run *run)
{
	if (run->outcome.kind == OUTCOME_REFUSED &&
		text_equal(run->outcome.code, "KIND_MISMATCH") &&
		stage_text(run, "facts.kind_refused") == NULL) { /* once: two would be for ever */
		stage_fact_text(run, "kind_refused", stage_text(run, "kind"));
		return kind_changes(run,
			text_equal(stage_text(run, "kind"), "expired") ? "expiring" : "expired");
	}
	if (run->outcome.kind == OUTCOME_REFUSED)
		return stage_refused(run);

	const char *id = json_peek_text(run->outcome.data, "id");

	stage_fact_text(run, "application_id", id);
	stage_fact(run, "kind_refused", json_null());
	if (run->call.op == CONNECTOR_OPEN)
		stage_put(run, "client_ref", json_string(run->ref));
	return stage_move(run, ON_APPLICATION_OPENED, "the CA opened application %s", id);
}

const struct stage bound_stage = { RENEWAL_BOUND, bound_decide, bound_settle };
