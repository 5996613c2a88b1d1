/* SPDX-License-Identifier: Apache-2.0 */
/* 选择证书 (guide chapter 3): the application is opened as expiring (临期) or expired (过期), before the payment or
 * after it as the CA wants. */
#include "common/text.h"
#include "orchestrator/flows/turns.h"

void opening_forget(struct stage_run *run)
{
	static const char *const facts[] = { "application_id", "agreed", "intent", "attached",
		"term", "submitted", "abandon", "payment_id", "requote", "quote_expires_at",
		"remittance_refused", "payment_late", "redeclare", "prepaid_asked_fen" };

	for (size_t i = 0; i < COUNT_OF(facts); i++)
		stage_fact(run, facts[i], json_null());
	stage_put(run, "void_effects", json_true());
}

static enum stage_next kind_changes(struct stage_run *run, const char *kind)
{
	stage_put(run, "kind", json_string(kind));
	return stage_move(run, ON_KIND_CHANGED, "the certificate is %s now (%s)", kind,
		text_equal(kind, "expired") ? "过期: attachments are needed" : "临期");
}

/* An application of an earlier, withdrawn renewal may still stand open at the CA: it is withdrawn first. */
static const char *leftover(const struct stage_run *run)
{
	return stage_flag(run, "facts.leftover_gone") || !stage_can(run, CAN_WITHDRAW)
		? NULL
		: stage_text(run, "leftover");
}

enum stage_next opening_decide(struct stage_run *run)
{
	const char *kind = stage_text(run, "kind"),
		   *application = stage_text(run, "facts.application_id");

	if (application != NULL) /* opened before the price had to be approved again */
		return stage_call(run, CONNECTOR_STATUS, application, NULL);
	if (leftover(run) != NULL)
		return stage_call(run, CONNECTOR_WITHDRAW, leftover(run), NULL);
	if (stage_flag(run, "set.expired") && text_equal(kind, "expiring"))
		return kind_changes(run, "expired");
	return stage_call(run, CONNECTOR_OPEN, NULL,
		json_pack("{s:s?, s:s}", "certificate_id", stage_text(run, "facts.certificate_id"),
			"kind", kind));
}

/* 未绑定: whoever bound it has unbound it since. */
static enum stage_next binding_is_lost(struct stage_run *run)
{
	stage_put(run, "unbound", json_true());
	stage_fact(run, "binding_id", json_null());
	stage_fact(run, "certificate_id", json_null());
	return stage_move(
		run, ON_BINDING_LOST, "the CA says that the certificate is not bound any more");
}

static enum stage_next opening_refused(struct stage_run *run)
{
	const char *kind = stage_text(run, "kind");

	if (text_equal(run->outcome.code, "KIND_MISMATCH") &&
		stage_text(run, "facts.kind_refused") == NULL) { /* once: two would be for ever */
		stage_fact_text(run, "kind_refused", kind);
		return kind_changes(run, text_equal(kind, "expired") ? "expiring" : "expired");
	}
	if (text_equal(run->outcome.code, "NOT_BOUND"))
		return binding_is_lost(run);
	return stage_refused(run);
}

/* The application that was open is a draft still, or the CA has closed it meanwhile. */
static bool is_gone(const struct stage_run *run)
{
	static const char *const words[] = { "closed", "withdrawn", "rejected" };
	const char *state = json_peek_text(run->outcome.data, "state");

	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (text_equal(state, words[i]))
			return true;
	return false;
}

enum stage_next opening_settle(struct stage_run *run)
{
	if (run->call.op ==
		CONNECTOR_WITHDRAW) { /* done, or too late: then OPEN says what stands in the way */
		stage_fact(run, "leftover_gone", json_true());
		return stage_wait(run, NULL, 0);
	}
	if (run->outcome.kind == OUTCOME_REFUSED)
		return opening_refused(run);
	if (is_gone(run)) {
		opening_forget(run);
		return stage_wait(run, NULL, 0);
	}

	const char *id = json_peek_text(run->outcome.data, "id");

	stage_fact_text(run, "application_id", id);
	stage_fact(run, "kind_refused", json_null());
	if (run->call.op == CONNECTOR_OPEN)
		stage_put(run, "client_ref", json_string(run->ref));
	return stage_move(run, ON_APPLICATION_OPENED, "the CA opened application %s", id);
}
