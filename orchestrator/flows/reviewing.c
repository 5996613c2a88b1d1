/* SPDX-License-Identifier: Apache-2.0 */
/* 审核通知 (guide chapter 4): the CA reviews; once it approves and the touch gate is open, the new
 * certificates are fetched, checked against the old ones, and become an install order. */
#include <string.h>

#include "common/bytes.h"
#include "common/cert.h"
#include "common/text.h"
#include "orchestrator/flows/stage.h"

static bool state_is_one_of(const char *state, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (text_equal(state, words[i]))
			return true;
	return false;
}

static const char *const reviewing_words[] = { "in_review", "correction_required", "approved",
	"issuing", "issued", "installed", "rejected" };
static const char *const approved_words[] = { "approved", "issuing", "issued", "installed" };

static enum stage_next ask_status(struct stage_run *run)
{
	return stage_call(run, CONNECTOR_STATUS, stage_text(run, "facts.application_id"), NULL);
}

static enum stage_next paid_settle(struct stage_run *run)
{
	if (run->outcome.kind == OUTCOME_REFUSED)
		return stage_refused(run);
	if (state_is_one_of(json_peek_text(run->outcome.data, "state"), reviewing_words,
		    COUNT_OF(reviewing_words)))
		return stage_move(run, ON_REVIEW_BEGUN, "the CA reviews (审核)");
	return stage_poll(run, "review");
}

const struct stage paid_stage = { RENEWAL_PAID, ask_status, paid_settle };

static void correction_task(struct stage_run *run)
{
	OWNED char *reasons = json_dumps(
		json_object_get(run->outcome.data, "reasons"), JSON_COMPACT | JSON_ENCODE_ANY);

	stage_task(run,
		json_pack("{s:s, s:s, s:s?, s:s, s:s?, s:s, s:[s]}", "kind", "correction", "role",
			"handler", "assignee", stage_text(run, "handler.id"), "title",
			"审核: the CA asks for a correction", "instruction", reasons, "if_ignored",
			"The application lapses; its fee is paid.", "needs", "corrected"));
}

static enum stage_next review_settle(struct stage_run *run)
{
	const char *state = json_peek_text(run->outcome.data, "state");

	if (run->outcome.kind == OUTCOME_REFUSED)
		return stage_refused(run);
	if (state_is_one_of(state, approved_words, COUNT_OF(approved_words)))
		return stage_move(run, ON_REVIEW_APPROVED, "the CA approved (审核通过)");
	if (text_equal(state, "rejected"))
		return stage_move(run, ON_REVIEW_REJECTED,
			"the CA rejected the application; its fee is to be refunded");
	if (text_equal(state, "correction_required")) {
		correction_task(run);
		return stage_move(run, ON_CORRECTION_REQUIRED, "the CA asks for a correction");
	}
	return stage_poll(run, "review");
}

const struct stage review_stage = { RENEWAL_IN_REVIEW, ask_status, review_settle };

/* The person corrects at the CA what it named; when it reviews again, so does the renewal. */
static enum stage_next correction_settle(struct stage_run *run)
{
	const char *state = json_peek_text(run->outcome.data, "state");

	if (run->outcome.kind == OUTCOME_REFUSED)
		return stage_refused(run);
	if (text_equal(state, "correction_required")) {
		if (stage_answer(run, "correction") != NULL)
			correction_task(run);
		return stage_poll(run, "correction");
	}
	stage_close_task(run, "correction");
	return stage_move(run, ON_RESUBMITTED, "the CA reviews the corrected application");
}

const struct stage correction_stage = { RENEWAL_CORRECTION, ask_status, correction_settle };

/* ---- approved: fetch, check, order the installation ---- */

static X509 *certificate_of(const char *der_b64, struct fault *fault)
{
	size_t len = 0;
	OWNED unsigned char *der = der_b64 != NULL ? base64_decode(der_b64, &len) : NULL;

	if (der == NULL) {
		(void)fault_set(fault, FAULT_INPUT, "the new certificate is not base64");
		return NULL;
	}
	return cert_from_der(der, len, fault);
}

static const json_t *old_certificate(const struct stage_run *run, const json_t *issued)
{
	const json_t *old, *list = stage_at(run, "certificates");
	size_t i;

	json_array_foreach(
		list, i, old) if (text_equal(json_peek_text(old, "sha256"),
					  json_peek_text(issued, "replaces_sha256"))) return old;
	return NULL;
}

/* The new certificate must be for the old one's key and subject, and end later. */
static bool follows(const json_t *old, const json_t *issued, struct fault *fault)
{
	CLEANUP(cert_freep)
	X509 *new_cert = certificate_of(json_peek_text(issued, "der_b64"), fault);
	CLEANUP(cert_freep)
	X509 *old_cert =
		new_cert == NULL ? NULL : certificate_of(json_peek_text(old, "der_b64"), fault);
	struct cert_facts now, before;

	if (old_cert == NULL || !cert_read_facts(&now, new_cert, fault) ||
		!cert_read_facts(&before, old_cert, fault))
		return false;
	if (!text_equal(now.spki_sha256, before.spki_sha256))
		return fault_set(fault, FAULT_REFUSED, "the new certificate %s is for another key",
			now.serial);
	if (!text_equal(now.subject_sha256, before.subject_sha256))
		return fault_set(fault, FAULT_REFUSED,
			"the new certificate %s has another subject: %s", now.serial, now.subject);
	if (now.not_after <= before.not_after)
		return fault_set(fault, FAULT_REFUSED, "the new certificate %s does not end later",
			now.serial);
	return true;
}

static bool issuance_is_right(const struct stage_run *run, const json_t *list, struct fault *fault)
{
	const json_t *issued;
	size_t i;

	if (json_array_size(list) != json_array_size(stage_at(run, "certificates")))
		return fault_set(fault, FAULT_REFUSED,
			"the CA issued %zu certificates, %zu are expected", json_array_size(list),
			json_array_size(stage_at(run, "certificates")));
	json_array_foreach(list, i, issued)
	{
		const json_t *old = old_certificate(run, issued);

		if (old == NULL)
			return fault_set(fault, FAULT_REFUSED,
				"a new certificate replaces none of this renewal's");
		if (!follows(old, issued, fault))
			return false;
	}
	return true;
}

static json_t *install_body(const struct stage_run *run)
{
	const json_t *old, *list = stage_at(run, "certificates");
	json_t *olds = json_array();
	size_t i;

	json_array_foreach(list, i, old)(void) json_array_append_new(olds,
		json_pack("{s:O?, s:O?, s:O?, s:O?, s:O?, s:O?}", "sha256",
			json_object_get(old, "sha256"), "issuer_sha256",
			json_object_get(old, "issuer_sha256"), "serial",
			json_object_get(old, "serial"), "spki_sha256",
			json_object_get(old, "spki_sha256"), "subject_sha256",
			json_object_get(old, "subject_sha256"), "not_after",
			json_object_get(old, "not_after")));
	return json_pack("{s:s?, s:o, s:O?, s:O?}", "minimum_client_version",
		stage_text(run, "campaign.policy.minimum_client_version"), "old", olds, "new",
		json_object_get(run->outcome.data, "certificates"), "chain",
		json_object_get(run->outcome.data, "chain"));
}

static enum stage_next approved_decide(struct stage_run *run)
{
	if (!stage_flag(run, "touch_approved"))
		return stage_await(run, "touch_approval");
	return stage_call(run, CONNECTOR_ISSUANCE, stage_text(run, "facts.application_id"), NULL);
}

static enum stage_next approved_settle(struct stage_run *run)
{
	struct fault fault;

	if (run->outcome.kind == OUTCOME_REFUSED)
		return stage_refused(run);
	if (!issuance_is_right(run, json_object_get(run->outcome.data, "certificates"), &fault)) {
		outcome_set(&run->outcome, OUTCOME_REFUSED, "ISSUED_WRONG",
			"%s; nothing is written to the token", fault.text);
		return stage_refused(run);
	}
	stage_put(run, "install",
		json_pack("{s:s?, s:o}", "token", stage_text(run, "token.id"), "body",
			install_body(run)));
	return stage_move(
		run, ON_INSTALL_ORDERED, "the new certificate is ready to be installed (安装证书)");
}

const struct stage approved_stage = { RENEWAL_APPROVED, approved_decide, approved_settle };
