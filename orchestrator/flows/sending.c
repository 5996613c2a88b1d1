/* SPDX-License-Identifier: Apache-2.0 */
/* What the handler gave (guide chapter 3) on its way to the CA, for the first time or corrected: the acceptance, the
 * statement of intent, the attachments one by one.  Nothing of it is made up here. */
#include "common/text.h"
#include "orchestrator/flows/turns.h"

/* MEMBER of the newest task KIND. */
static const char *of_task(const struct stage_run *run, const char *kind, const char *member)
{
	OWNED char *path = text_dupf("tasks.%s.%s", kind, member);

	return stage_text(run, path);
}

enum stage_next send_agreement(
	struct stage_run *run, const char *task, const char *version, const char *sha256)
{
	return stage_call(run, CONNECTOR_AGREE, stage_text(run, "facts.application_id"),
		json_pack("{s:s?, s:s?, s:s?, s:s?, s:s?}", "agreement_id",
			stage_text(run, "ca.agreement.id"), "version", version, "sha256", sha256,
			"accepted_at", of_task(run, task, "closed_at"), "accepted_by",
			stage_text(run, "handler.name")));
}

enum stage_next send_intent(struct stage_run *run, const char *task, const struct intent *intent)
{
	return stage_call(run, CONNECTOR_INTENT, stage_text(run, "facts.application_id"),
		json_pack("{s:{s:s?, s:s?, s:s?}, s:s?, s:s?, s:s?, s:b, s:s?}", "handler", "name",
			intent->name, "mobile", intent->mobile, "email", intent->email,
			"statement_id", intent->statement_id, "statement_sha256",
			intent->statement_sha256, "declared_at", of_task(run, task, "closed_at"),
			"declared_by_human", 1, "evidence_ref", of_task(run, task, "id")));
}

enum stage_next send_attachment(struct stage_run *run, size_t n)
{
	const json_t *file = json_array_get(run->files, n);
	const char *type =
		json_peek_text(json_array_get(stage_at(run, "ca.attachments.types"), n), "type");

	if (type == NULL)
		type = stage_text(run, "ca.attachments.types.0.type");
	return stage_call(run, CONNECTOR_ATTACH, stage_text(run, "facts.application_id"),
		json_pack("{s:s?, s:s?, s:s?, s:s?}", "type", type, "filename",
			json_peek_text(file, "name"), "data_b64", json_peek_text(file, "data_b64"),
			"sha256", json_peek_text(file, "sha256")));
}
