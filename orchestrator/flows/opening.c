/* SPDX-License-Identifier: Apache-2.0 */
/* 选择证书 (guide chapter 3): the application is opened as expiring (临期) or expired (过期), before the payment or
 * after it as the CA wants. */
#include "common/bytes.h"
#include "common/text.h"
#include "orchestrator/domain/effect_key.h"
#include "orchestrator/flows/turns.h"

void opening_forget(struct stage_run *run)
{
	static const char *const facts[] = { "application_id", "agreed", "intent", "attached",
		"term", "submitted", "abandon", "payment_id", "requote", "quote_expires_at",
		"remittance_refused", "payment_late", "redeclare", "prepaid_asked_fen",
		"sitting_waits" };

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

bool sitting_is_over(const struct stage_run *run)
{
	char ref[EFFECT_CLIENT_REF];
	int64_t renewal;
	int attempt = (int)stage_number(run, "effects.open", 0) + 1;

	return stage_answer(run, "apply") != NULL &&
		!text_equal(stage_text(run, "tasks.apply.answer.result"), "not_done") &&
		number_parse(&renewal, run->id, 1, INT64_MAX) &&
		effect_client_ref(ref, stage_text(run, "install_id"), renewal,
			connector_op_word(CONNECTOR_OPEN), attempt) &&
		text_equal(stage_text(run, "tasks.apply.values.ref"), ref);
}

/* Where the agreement is accepted in the sitting that applies, a card is shown with an approved one alone. */
static bool sitting_must_wait(const struct stage_run *run)
{
	return !connector_op(run->connector, CONNECTOR_AGREE)->effect &&
		stage_text(run, "ca.agreement.sha256") != NULL && !agreement_is_approved(run) &&
		!sitting_is_over(run);
}

static enum stage_next wait_for_agreement(struct stage_run *run)
{
	if (agreement_follows(run))
		return stage_poll(run, "agreement");
	stage_fact(run, "sitting_waits", json_true());
	return stage_move(run, ON_APPLICATION_OPENED,
		"nothing is applied for yet: another agreement is listed than was approved");
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
	if (sitting_must_wait(run))
		return wait_for_agreement(run);
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
	stage_fact(run, "sitting_waits", json_null());
	if (run->call.op == CONNECTOR_OPEN)
		stage_put(run, "client_ref", json_string(run->ref));
	return stage_move(run, ON_APPLICATION_OPENED, "the CA opened application %s", id);
}
