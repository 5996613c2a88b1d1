/* SPDX-License-Identifier: Apache-2.0 */
/* The two calls about one order: its permit and its result.  Both are derived from the journal, so
 * that asking or telling again says the same. */
#include "agent/link/link.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/journal.h"
#include "agent/base/worker.h"
#include "agent/link/http.h"
#include "common/json.h"
#include "common/log.h"
#include "common/text.h"
#include "common/wire.h"

/* ---- permit ----------------------------------------------------------------------------------- */

static char *permit_body(const struct record *prepared)
{
	JSON *body = json_object();

	json_put_text(body, "permit_ref", record_get(prepared, "permit_ref"));
	json_put_text(body, "token_serial", record_get(prepared, "token_serial"));
	return json_write(body);
}

static bool take_permit(
	struct journal *journal, const struct http_answer *answer, struct fault *fault)
{
	JSON *root = json_read(answer->body, answer->len, fault);
	const char *ref = record_get(journal->prepared, "permit_ref");
	const char *expires_at = NULL;

	if (root == NULL || !json_text(&expires_at, root, "expires_at", fault))
		return false;
	if (!text_equal(json_peek_text(root, "permit"), "granted") ||
		!text_equal(json_peek_text(root, "permit_ref"), ref))
		return fault_set(fault, FAULT_REFUSED,
			"the orchestrator's answer is not a permit for reference %s", ref);
	if (!journal_add(journal, STEP_PERMITTED,
		    (const struct record_pair[]){
			    { "permit_ref", ref }, { "expires_at", expires_at } },
		    2, fault))
		return false;
	worker_tell("permit", "granted");
	worker_tell("permit_ref", record_get(journal->permitted, "permit_ref"));
	return true;
}

/* The orchestrator remembers a failed or unclear PIN attempt, on whatever workstation. */
static bool take_bar(struct journal *journal, const struct fault *refusal, struct fault *fault)
{
	OWNED char *serial = text_dup(record_get(journal->prepared, "token_serial"));
	const struct journal_end end = {
		.outcome = OUTCOME_PIN_BARRED,
		.token_serial = serial,
		.error = refusal->text,
	};

	if (!journal_close(journal, &end, fault))
		return false;
	worker_tell("permit", "barred");
	return true;
}

bool link_permit(const struct agent_settings *settings, const char *order, struct fault *fault)
{
	CLEANUP(http_answer_done) struct http_answer answer = { 0 };
	CLEANUP(journal_done) struct journal journal = { 0 };
	OWNED char *path = NULL;
	OWNED char *body = NULL;
	struct fault refusal = { 0 };

	if (!journal_open(&journal, settings, order, fault))
		return false;
	if (journal.prepared == NULL)
		return fault_set(fault, FAULT_BUG, "order %s is not prepared", order);
	path = http_path(WIRE_PERMIT, order);
	body = permit_body(journal.prepared);
	if (http_call(&answer, settings, &(struct http_request){ path, body, false }, &refusal))
		return take_permit(&journal, &answer, fault);
	if (text_equal(answer.code, "PIN_BARRED"))
		return take_bar(&journal, &refusal, fault);
	*fault = refusal;
	return false;
}

/* ---- result ----------------------------------------------------------------------------------- */

static const char *or_null(const char *text)
{
	return text[0] == '\0' ? NULL : text;
}

static json_t *certificates_json(const char *list)
{
	json_t *array = json_array();

	for (const char *at = list; *at != '\0';) {
		size_t len = strcspn(at, ",");

		(void)json_array_append_new(array, json_stringn(at, len));
		at += len + (at[len] == ',');
	}
	return array;
}

static json_t *transcript_json(const struct journal *journal)
{
	json_t *array = json_array();

	for (size_t i = journal->ended_from; i <= journal->ended_at; i++) {
		const struct record *line = &journal->lines.items[i];
		json_t *entry = json_object();

		json_put_text(entry, "at", record_get(line, "at"));
		json_put_text(entry, "step", record_get(line, "step"));
		json_put_text(entry, "text", record_get(line, "text"));
		(void)json_array_append_new(array, entry);
	}
	return array;
}

static char *result_body(const struct journal *journal)
{
	JSON *body = json_object();
	const struct record *ended = journal->ended;
	const struct record *first = &journal->lines.items[journal->ended_from];

	json_put_text(body, "outcome", record_get(ended, "outcome"));
	json_put_text(body, "permit_ref", or_null(record_get(ended, "permit_ref")));
	(void)json_object_set_new(body, "login_attempted",
		json_boolean(text_equal(record_get(ended, "login_attempted"), "true")));
	json_put_text(body, "token_serial", record_get(ended, "token_serial"));
	(void)json_object_set_new(
		body, "certificate_sha256", certificates_json(record_get(ended, "certificates")));
	json_put_text(body, "started_at", record_get(first, "at"));
	json_put_text(body, "finished_at", record_get(ended, "at"));
	json_put_text(body, "error", or_null(record_get(ended, "text")));
	(void)json_object_set_new(body, "transcript", transcript_json(journal));
	return json_write(body);
}

static bool note_posted(struct journal *journal, const char *text, struct fault *fault)
{
	const struct record_pair pair = { "text", text };

	if (!journal_add(journal, STEP_POSTED, &pair, 1, fault))
		return false;
	journal_unmark(journal);
	worker_tell("posted", "1");
	return true;
}

static bool send(
	struct journal *journal, const struct agent_settings *settings, struct fault *fault)
{
	CLEANUP(http_answer_done) struct http_answer answer = { 0 };
	OWNED char *path = http_path(WIRE_RESULT, journal->order);
	OWNED char *body = result_body(journal);
	struct fault refusal = { 0 };

	if (http_call(&answer, settings, &(struct http_request){ path, body, false }, &refusal))
		return note_posted(journal, "acknowledged", fault);
	if (refusal.kind != FAULT_REFUSED) {
		*fault = refusal;
		return false;
	}
	/* Sending it again would not help; the journal keeps it for a person. */
	log_error("result.refused", LOG_TEXT("order", journal->order), LOG_FAULT(&refusal));
	return note_posted(journal, refusal.text, fault);
}

bool link_result(const struct agent_settings *settings, const char *order, struct fault *fault)
{
	CLEANUP(journal_done) struct journal journal = { 0 };

	if (!journal_open(&journal, settings, order, fault))
		return false;
	if (journal.ended != NULL && !journal.posted)
		return send(&journal, settings, fault);
	journal_unmark(&journal);
	worker_tell("posted", "0");
	return true;
}
