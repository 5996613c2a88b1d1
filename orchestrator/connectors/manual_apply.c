/* SPDX-License-Identifier: Apache-2.0 */
/* 绑定 and the sitting from 业务办理-证书续期 to the payment page (guide chapters 2 and 3): what a person's words
 * stand for, in the codes of schema/gateway.yaml, so that the same edges and tasks follow. */
#include <string.h>

#include "common/digest.h"
#include "common/text.h"
#include "common/version.h"
#include "orchestrator/connectors/manual_inside.h"

/* ---- 绑定 ---- */

/* The confirm page shows no serial; where its lines agree, the person says so. */
static json_t *wanted(const struct desk *desk)
{
	const char *serial = desk_text(desk, "certificates.0.serial");

	return json_pack("{s:s?, s:s?, s:s?}", "id", serial, "serial", serial, "issuer_sha256",
		desk_text(desk, "certificates.0.issuer_sha256"));
}

/* What the page listed: the wanted certificate, several that could be it, or another one in the person's words. */
static json_t *listed(const struct desk *desk, const json_t *answer)
{
	json_t *list = json_array();

	if (answer_is(answer, "absent"))
		(void)json_array_append_new(
			list, json_pack("{s:s?}", "holder", json_peek_text(answer, "differences")));
	else if (answer != NULL)
		(void)json_array_append_new(list, wanted(desk));
	if (answer_is(answer, "ambiguous"))
		(void)json_array_append_new(list, wanted(desk));
	return list;
}

static json_t *binding_is(const struct desk *desk, const json_t *answer)
{
	bool over =
		answer == NULL || answer_is(answer, "expired") || answer_is(answer, "cancelled");

	return json_pack("{s:s?, s:s, s:s?, s:s?, s:s?, s:o}", "id",
		json_peek_text(json_object_get(desk_task(desk, &bind_card), "values"), "ref"),
		"state",
		answer == NULL ? "expired"
			: over ? answer_result(answer)
			       : "confirmed",
		"account", json_peek_text(answer, "wechat"), "client_version",
		json_peek_text(answer, "client_version"), "differences",
		json_peek_text(answer, "differences"), "certificates",
		over ? json_array() : listed(desk, answer));
}

/* Guide chapter 1: below the minimum nothing is applied for. */
static bool client_is_old(const struct desk *desk, const json_t *answer)
{
	const char *has = json_peek_text(answer, "client_version"),
		   *needs = desk_text(desk, "campaign.policy.minimum_client_version");
	int order;

	return has != NULL && needs != NULL && (!version_compare(&order, has, needs) || order < 0);
}

void manual_read_bind(struct desk *desk)
{
	const json_t *answer = desk_answered(desk, &bind_card, desk->call->ref);

	if (answer == NULL)
		return;
	if (client_is_old(desk, answer))
		desk_refuse_effect(desk, "CLIENT_OLD",
			"the client (主程序版本号) is older than the policy allows: install the new one, then bind again");
	else
		desk_done(desk, binding_is(desk, answer));
}

void manual_read_bind_status(struct desk *desk)
{
	desk_done(desk, binding_is(desk, desk_answer(desk, &bind_card)));
}

/* ---- 证书续期: one sitting ---- */

static const struct refusal apply_refusals[] = {
	{ "not_in_list", "NOT_BOUND", NULL },
	{ "kind_mismatch", "KIND_MISMATCH", NULL },
	{ "application_exists", "APPLICATION_EXISTS", NULL },
	{ "expired_too_long", "EXPIRED_TOO_LONG", NULL },
	{ "attachment_refused", "ATTACHMENT_UNREADABLE", "reason" },
	{ "handler_refused", "INTENT_INCOMPLETE", "reason" },
	{ "payee_differs", "PAYEE_DIFFERS", "reason" },
};

void manual_read_open(struct desk *desk)
{
	const json_t *answer = desk_answered(desk, &apply_card, desk->call->ref);
	const char *number = json_peek_text(answer, "application");

	if (answer == NULL ||
		desk_refused_by(desk, answer, apply_refusals, COUNT_OF(apply_refusals)))
		return;
	if (!answer_submitted(answer))
		number = NULL; /* the page showed something else: nothing stands at the CA */
	else if (text_equal(number, "--"))
		number = desk->call->ref;
	desk_done(desk, json_pack("{s:s?, s:s}", "id", number, "state", "draft"));
}

/* What a step of the sitting met; NULL, and nothing to read, where there was none. */
static const json_t *sitting(struct desk *desk)
{
	const json_t *answer = desk_answer(desk, &apply_card);

	if (answer == NULL)
		outcome_set(desk->out, OUTCOME_PENDING, "NO_SITTING",
			"the application card is not answered yet");
	return answer;
}

/* A version without a hash of its own is named by the hash of its words. */
static json_t *agreement_shown(const char *version)
{
	char sha[SHA256_HEX];

	sha256_hex(sha, version, strlen(version));
	return json_pack("{s:{s:s, s:s, s:s}}", "agreement", "id", version, "version", version,
		"sha256", sha);
}

/* Its card was shown with an approved one; another one may have been approved since. */
static bool is_approved_agreement(const struct desk *desk, const char *shown)
{
	return text_equal(shown, desk_text(desk, "tasks.apply.values.agreement_version")) ||
		(text_equal(shown, desk_text(desk, "ca.agreement.version")) &&
			text_equal(desk_text(desk, "ca.agreement.sha256"),
				desk_text(desk, "campaign.agreement_sha256")));
}

void manual_read_agree(struct desk *desk)
{
	const json_t *answer = sitting(desk);
	const char *shown = json_peek_text(answer, "shown_agreement");

	if (answer == NULL)
		return;
	if (shown == NULL || is_approved_agreement(desk, shown)) {
		desk_done(desk, json_pack("{s:s?}", "version", shown));
		return;
	}
	desk_refuse(desk, "AGREEMENT_CHANGED", shown);
	desk->out->data = agreement_shown(shown);
}

void manual_read_terms(struct desk *desk)
{
	const json_t *answer = sitting(desk);
	json_t *terms = json_array();
	int64_t fen;

	if (card_yuan(&fen, json_peek_text(answer, "shown_price")))
		(void)json_array_append_new(terms,
			json_pack("{s:I, s:I}", "years",
				(json_int_t)desk_number(desk, "term_years", 1), "price_fen",
				(json_int_t)fen));
	if (answer != NULL)
		desk_done(desk, terms);
	else
		json_decref(terms);
}

/* Agreement, term, attachments, intent and submission were made in the sitting, or the sitting stopped. */
void manual_read_step(struct desk *desk)
{
	const json_t *answer = sitting(desk);

	if (answer != NULL && answer_submitted(answer))
		desk_done(desk,
			json_pack("{s:s?, s:s}", "id", desk->call->id, "state",
				desk->call->op == CONNECTOR_SUBMIT ? "submitted" : "draft"));
	else if (answer != NULL)
		desk_refuse(desk, "SITTING_STOPPED",
			"the sitting stopped before it submitted anything: what the page showed was "
			"approved meanwhile, so it must be begun again");
}

/* ---- 银行转账核验 ---- */

static json_t *verdict_of(const json_t *answer)
{
	const char *reason = json_peek_text(answer, "remittance_reason");

	if (answer_is(answer, "not_arrived"))
		return json_pack("{s:s, s:{s:s}}", "state", "failed", "failed", "code",
			"REMITTANCE_NOT_FOUND");
	if (!answer_is(answer, "remittance_refused"))
		return json_pack("{s:s}", "state", "verified");
	if (text_equal(reason, "used") || text_equal(reason, "returned"))
		return json_pack("{s:s, s:{s:s}}", "state", "failed", "failed", "code",
			text_equal(reason, "used") ? "REMITTANCE_USED" : "REMITTANCE_RETURNED");
	return json_pack("{s:s, s:{s:s, s:s?}}", "state", "failed", "failed", "code",
		"REMITTANCE_MISMATCH", "reason", reason);
}

/* The sitting entered the remittance itself; after a refusal the payment page is opened once more. */
void manual_read_remit(struct desk *desk)
{
	const json_t *sat = desk_answer(desk, &apply_card),
		     *values = json_object_get(desk_task(desk, &apply_card), "values");
	const json_t *answer;

	if (sat != NULL && answer_submitted(sat) &&
		json_peek_number(values, "remit_attempt", 0) == desk_next_attempt(desk, "remit"))
		answer = sat;
	else
		answer = desk_answered(desk, &remit_card, desk->call->ref);
	if (answer != NULL)
		desk_done(desk, verdict_of(answer));
}

void manual_read_pay_status(struct desk *desk)
{
	const struct manual_card *last = strcmp(desk_closed_at(desk, remit_card.kind),
						 desk_closed_at(desk, apply_card.kind)) > 0
		? &remit_card
		: &apply_card;
	const json_t *answer = desk_answer(desk, last);

	if (answer != NULL)
		desk_done(desk, verdict_of(answer));
	else
		outcome_set(desk->out, OUTCOME_PENDING, "NO_SITTING", "nothing is declared yet");
}
