/* SPDX-License-Identifier: Apache-2.0 */
/* 审核 (guide chapter 4): the CA names what is to be corrected and until when.  Only that is asked for and only that
 * is sent again; the payment stays.  Corrected on the CA's own pages is as good. */
#include <string.h>

#include "common/text.h"
#include "orchestrator/flows/turns.h"

enum { NEEDS_MAX = 8 };

/* A part of the application that can be corrected: what the CA calls it, the operation that sends it again, the key
 * that the person gives back, and the fact that it is sent. */
static const struct part {
	const char *path;
	enum connector_op op;
	const char *needs, *sent;
} parts[] = {
	{ "attachment", CONNECTOR_ATTACH, "file", "fixed_attachments" },
	{ "intent.handler.name", CONNECTOR_INTENT, "name", "fixed_intent" },
	{ "intent.handler.mobile", CONNECTOR_INTENT, "mobile", "fixed_intent" },
	{ "intent.handler.email", CONNECTOR_INTENT, "email", "fixed_intent" },
	{ "intent", CONNECTOR_INTENT, "name,mobile", "fixed_intent" },
	{ "agreement", CONNECTOR_AGREE, "accept", "fixed_agreement" },
};

static const struct part *part_of(const char *path)
{
	for (size_t i = 0; path != NULL && i < COUNT_OF(parts); i++)
		if (text_starts(path, parts[i].path))
			return &parts[i];
	return NULL;
}

/* Append the keys of a comma-separated list, each once. */
static void add_needs(json_t *needs, const char *words)
{
	while (*words != '\0' && json_array_size(needs) < NEEDS_MAX) {
		size_t len = strcspn(words, ","), i;
		const json_t *known;
		bool twice = false;

		json_array_foreach(needs, i, known) twice |= json_string_length(known) == len &&
			strncmp(json_string_value(known), words, len) == 0;
		if (!twice)
			(void)json_array_append_new(needs, json_stringn(words, len));
		words += len + (words[len] == ',');
	}
}

/* What the CA named, for a person: the keys to give back, and the words. */
static json_t *needs_of(const json_t *reasons, struct text *words)
{
	const json_t *reason;
	json_t *needs = json_array();
	size_t i;

	json_array_foreach(reasons, i, reason)
	{
		const struct part *part = part_of(json_peek_text(reason, "path"));
		const char *text = json_peek_text(reason, "text"),
			   *path = json_peek_text(reason, "path");

		text_addf(words, "%s%s (%s)", i > 0 ? "; " : "", text != NULL ? text : "",
			path != NULL ? path : "-");
		if (part != NULL)
			add_needs(needs, part->needs);
	}
	if (json_array_size(needs) == 0)
		add_needs(needs, "corrected");
	return needs;
}

/* The text that the person is asked to accept: only its acceptance is passed on. */
static void show_agreement(const struct stage_run *run, const json_t *needs, json_t *values)
{
	const json_t *need, *agreement = json_object_get(run->outcome.data, "agreement");
	size_t i;

	if (json_peek_text(agreement, "sha256") == NULL) /* the refusal names none */
		agreement = stage_at(run, "ca.agreement");
	json_array_foreach(needs, i, need)
	{
		if (!text_equal(json_string_value(need), "accept"))
			continue;
		json_put_text(values, "agreement_version", json_peek_text(agreement, "version"));
		json_put_text(values, "agreement_sha256", json_peek_text(agreement, "sha256"));
	}
}

void correction_ask(struct stage_run *run)
{
	const json_t *data = run->outcome.data, *reasons = json_object_get(data, "reasons");
	const char *fix_by = json_peek_text(data, "fix_by");
	TEXT words;

	text_init(&words, FAULT_TEXT_MAX);

	json_t *needs = needs_of(reasons, &words);
	json_t *values = json_pack("{s:s?, s:O?, s:s?, s:s?, s:s?, s:s?}", "application",
		stage_text(run, "facts.application_id"), "reasons", reasons, "fix_by", fix_by,
		"name", stage_text(run, "handler.name"), "mobile",
		stage_text(run, "handler.mobile"), "email", stage_text(run, "handler.email"));
	OWNED char *text = text_dupf(
		"The CA asks for a correction: %s. Only this can be changed; the fee stays paid. Give back what the task wants (a file "
		"with --attach), or correct it on the CA's own pages: then this task closes itself. Until %s, else the application is "
		"rejected.",
		words.data, fix_by != NULL ? fix_by : "the CA's deadline");

	show_agreement(run, needs, values);
	stage_task(run,
		json_pack("{s:s, s:s?, s:s, s:s?, s:o, s:o}", "kind", "correction", "assignee",
			stage_text(run, "handler.id"), "instruction", text, "due_at", fix_by,
			"needs", needs, "values", values));
}

/* ---- what the person gave back is sent, part by part, then resubmitted ---- */

static const char *given(const struct stage_run *run, const char *key, const char *otherwise)
{
	const char *text = json_peek_text(stage_answer(run, "correction"), key);

	return text != NULL && text[0] != '\0' ? text : stage_text(run, otherwise);
}

static enum stage_next correct_intent(struct stage_run *run)
{
	return send_intent(run, "correction",
		&(struct intent){ .name = given(run, "name", "handler.name"),
			.mobile = given(run, "mobile", "handler.mobile"),
			.email = given(run, "email", "handler.email"),
			.statement_id = stage_text(run, "ca.statement.id"),
			.statement_sha256 = stage_text(run, "ca.statement.sha256") });
}

static enum stage_next correct_agreement(struct stage_run *run)
{
	return send_agreement(run, "correction",
		stage_text(run, "tasks.correction.values.agreement_version"),
		stage_text(run, "tasks.correction.values.agreement_sha256"));
}

/* One file for each step; all of the person's files are sent again. */
static enum stage_next send_files(struct stage_run *run)
{
	size_t done = (size_t)stage_number(run, "facts.fixed_files", 0);

	if (run->files == NULL) {
		run->want = "correction";
		return STAGE_FILES;
	}
	if (done < json_array_size(run->files))
		return send_attachment(run, done);
	stage_fact(run, "fixed_attachments", json_true());
	return stage_wait(run, NULL, 0);
}

static enum stage_next send_part(struct stage_run *run, const struct part *part)
{
	if (part->op == CONNECTOR_ATTACH)
		return send_files(run);
	return part->op == CONNECTOR_INTENT ? correct_intent(run) : correct_agreement(run);
}

/* Whoever does not accept an agreement has given nothing back. */
static bool answered_for_this(const struct stage_run *run)
{
	const json_t *answer = stage_answer(run, "correction");
	const char *accept = json_peek_text(answer, "accept");

	return answer != NULL && (accept == NULL || text_equal(accept, "yes")) &&
		text_equal(stage_text(run, "tasks.correction.values.application"),
			stage_text(run, "facts.application_id"));
}

/* What names no part that xuqi can send is corrected on the CA's own pages only. */
static bool names_a_part(const json_t *reasons)
{
	const json_t *reason;
	size_t i;

	json_array_foreach(reasons, i, reason)
	{
		if (part_of(json_peek_text(reason, "path")) != NULL)
			return true;
	}
	return false;
}

/* Without an answer the CA is asked: the person may correct it on the CA's own pages. */
static enum stage_next correction_decide(struct stage_run *run)
{
	const json_t *reason, *reasons = stage_at(run, "tasks.correction.values.reasons");
	const char *application = stage_text(run, "facts.application_id");
	size_t i;

	if (!answered_for_this(run) || !names_a_part(reasons) ||
		!connector_op(run->connector, CONNECTOR_RESUBMIT)->offered)
		return stage_call(run, CONNECTOR_STATUS, application, NULL);
	json_array_foreach(reasons, i, reason)
	{
		const struct part *part = part_of(json_peek_text(reason, "path"));
		OWNED char *sent = part != NULL ? text_dupf("facts.%s", part->sent) : NULL;

		if (part != NULL && !stage_flag(run, sent))
			return send_part(run, part);
	}
	return stage_call(run, CONNECTOR_RESUBMIT, application, NULL);
}

static void forget_parts(struct stage_run *run)
{
	for (size_t i = 0; i < COUNT_OF(parts); i++)
		stage_fact(run, parts[i].sent, json_null());
	stage_fact(run, "fixed_files", json_null());
}

/* What the CA does not take goes back to the person, with the CA's words. */
static enum stage_next part_refused(struct stage_run *run)
{
	OWNED char *text = text_dupf("The CA does not take the correction: %s", run->outcome.text);
	json_t *values = json_deep_copy(stage_at(run, "tasks.correction.values")), *needs;
	const json_t *reasons = stage_at(run, "tasks.correction.values.reasons");
	TEXT words;

	text_init(&words, FAULT_TEXT_MAX);
	needs = needs_of(reasons, &words);
	show_agreement(run, needs, values);
	forget_parts(run);
	stage_task(run,
		json_pack("{s:s, s:s?, s:s, s:s?, s:o, s:o}", "kind", "correction", "assignee",
			stage_text(run, "handler.id"), "instruction", text, "due_at",
			stage_text(run, "tasks.correction.values.fix_by"), "needs", needs, "values",
			values != NULL ? values : json_object()));
	return stage_await(run, "correction");
}

static enum stage_next part_sent(struct stage_run *run)
{
	if (run->outcome.kind == OUTCOME_REFUSED)
		return part_refused(run);
	if (run->call.op == CONNECTOR_ATTACH)
		stage_fact(run, "fixed_files",
			json_integer(stage_number(run, "facts.fixed_files", 0) + 1));
	else
		stage_fact(run,
			run->call.op == CONNECTOR_INTENT ? "fixed_intent" : "fixed_agreement",
			json_true());
	return stage_wait(run, NULL, 0);
}

static enum stage_next reviewed_again(struct stage_run *run)
{
	forget_parts(run);
	stage_close_task(run, "correction");
	return stage_move(run, ON_RESUBMITTED, "the CA reviews the corrected application");
}

/* fix_by has passed, or somebody was faster on the CA's own pages: nothing can be corrected any more. */
static bool is_over(const struct stage_run *run)
{
	const char *state = json_peek_text(run->outcome.data, "state");

	return run->outcome.kind == OUTCOME_REFUSED &&
		text_equal(run->outcome.code, "STATE_CONFLICT") && state != NULL &&
		!text_equal(state, "correction_required");
}

static enum stage_next correction_settle(struct stage_run *run)
{
	if (run->call.op != CONNECTOR_STATUS && is_over(run))
		return reviewed_again(run);
	if (run->call.op == CONNECTOR_RESUBMIT)
		return run->outcome.kind == OUTCOME_REFUSED ? part_refused(run)
							    : reviewed_again(run);
	if (run->call.op != CONNECTOR_STATUS)
		return part_sent(run);
	if (run->outcome.kind == OUTCOME_REFUSED)
		return stage_refused(run);
	if (review_closed_it(run)) {
		forget_parts(run);
		return review_is_closed(run);
	}
	if (!text_equal(json_peek_text(run->outcome.data, "state"), "correction_required"))
		return reviewed_again(
			run); /* there its result is read: reviewed, approved or rejected */
	if (!text_equal(stage_text(run, "tasks.correction.state"), "open"))
		correction_ask(run);
	return stage_poll(run, "correction");
}

const struct stage correction_stage = { RENEWAL_CORRECTION, correction_decide, correction_settle };
