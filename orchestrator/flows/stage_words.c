/* SPDX-License-Identifier: Apache-2.0 */
/* The words in which a stage decides: read the document, call, move, wait, ask a person. */
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "orchestrator/domain/personal.h"
#include "orchestrator/domain/task_kind.h"
#include "orchestrator/flows/turns.h"

enum { SENTENCE_MAX = 480, POLL_SHARE = 10 };

/* A renewal that waits for a fact is looked at again this often, in case its wake-up was lost. */
enum { AWAIT_SECONDS = 3600 };

json_t *stage_at(const struct stage_run *run, const char *path)
{
	return json_at(run->doc, path);
}

const char *stage_text(const struct stage_run *run, const char *path)
{
	return json_string_value(stage_at(run, path));
}

int64_t stage_number(const struct stage_run *run, const char *path, int64_t otherwise)
{
	const json_t *value = stage_at(run, path);

	return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

char *stage_yuan(int64_t fen)
{
	uint64_t size = fen < 0 ? 0 - (uint64_t)fen : (uint64_t)fen;

	return text_dupf("%s¥%llu.%02u", fen < 0 ? "-" : "", (unsigned long long)(size / 100),
		(unsigned)(size % 100));
}

bool stage_flag(const struct stage_run *run, const char *path)
{
	return json_is_true(stage_at(run, path));
}

bool stage_can(const struct stage_run *run, enum capability capability)
{
	return connector_can(run->connector, capability);
}

const json_t *stage_answer(const struct stage_run *run, const char *kind)
{
	const json_t *task = json_object_get(json_object_get(run->doc, "tasks"), kind);

	if (task == NULL || !text_equal(json_peek_text(task, "state"), "done"))
		return NULL;
	return json_object_get(task, "answer");
}

enum stage_next stage_call(
	struct stage_run *run, enum connector_op op, const char *ca_id, json_t *body)
{
	free(run->ca_id);
	run->ca_id = text_dup(ca_id);
	json_decref(run->body);
	run->body = body != NULL ? body : json_object();
	run->call = (struct connector_call){ .op = op,
		.id = run->ca_id,
		.body = run->body,
		.doc = run->doc,
		.keys = run->app->seals };
	if (!connector_op(run->connector, op)->offered)
		return stage_trouble(run, TROUBLE_BUG, connector_op_word(op));
	return STAGE_CALL;
}

void stage_put(struct stage_run *run, const char *member, json_t *value)
{
	(void)json_object_set_new(run->conclusion, member, value);
}

enum stage_next stage_move(struct stage_run *run, enum renewal_event event, const char *format, ...)
{
	char text[SENTENCE_MAX];
	const struct renewal_edge *edge =
		renewal_edge_find(run->stage->state, event, run->connector->traits->capabilities);
	va_list args;

	if (edge == NULL)
		return stage_trouble(run, TROUBLE_BUG, renewal_event_word(event));
	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	personal_mask_text(text);
	stage_put(run, "move",
		json_pack("{s:s, s:s, s:s}", "event", renewal_event_word(event), "to",
			renewal_word(edge->to), "text", text));
	return STAGE_CONCLUDE;
}

enum stage_next stage_wait(struct stage_run *run, const char *reason, int64_t seconds)
{
	stage_put(run, "wait",
		json_pack("{s:s?, s:I}", "reason", reason, "seconds", (json_int_t)seconds));
	return STAGE_CONCLUDE;
}

enum stage_next stage_await(struct stage_run *run, const char *reason)
{
	return stage_wait(run, reason, AWAIT_SECONDS);
}

enum stage_next stage_poll(struct stage_run *run, const char *reason)
{
	const struct settings *settings = &run->app->settings;
	int64_t seconds = stage_number(run, "age_s", 0) / POLL_SHARE;

	if (seconds < settings->poll_first_seconds)
		seconds = settings->poll_first_seconds;
	if (seconds > settings->poll_max_seconds)
		seconds = settings->poll_max_seconds;
	if (run->outcome.retry_s > 0 && (int64_t)run->outcome.retry_s > seconds)
		seconds = run->outcome.retry_s;
	return stage_wait(run, reason, seconds);
}

enum stage_next stage_refused(struct stage_run *run)
{
	if (certificate_refused(run) || closed_suspect(run))
		return STAGE_CONCLUDE;

	OWNED char *instruction =
		text_dupf("%s. Put right what it names, then finish this task with retry=yes.",
			run->outcome.text);

	stage_task(run,
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:[s], s:{s:s, s:s}}", "kind", "renewal",
			"role", "operator", "title", "The CA refused a step of a renewal",
			"instruction", instruction, "if_ignored",
			"The renewal stays where it is and its certificate may expire.", "needs",
			"retry", "values", "code", run->outcome.code, "step",
			connector_op_word(run->call.op)));
	return stage_await(run, "refused");
}

void stage_fact(struct stage_run *run, const char *key, json_t *value)
{
	json_t *facts = json_object_get(run->conclusion, "facts");

	if (facts == NULL) {
		facts = json_object();
		stage_put(run, "facts", facts);
	}
	(void)json_object_set_new(facts, key, value);
}

void stage_fact_text(struct stage_run *run, const char *key, const char *value)
{
	stage_fact(run, key, value != NULL ? json_string(value) : json_null());
}

static void append(struct stage_run *run, const char *member, json_t *value)
{
	json_t *list = json_object_get(run->conclusion, member);

	if (list == NULL) {
		list = json_array();
		stage_put(run, member, list);
	}
	(void)json_array_append_new(list, value);
}

static void mask_strings(json_t *value)
{
	OWNED char *text = json_is_string(value) ? text_dup(json_string_value(value)) : NULL;
	json_t *item;
	const char *key;
	size_t i;

	if (text != NULL) {
		personal_mask_text(text);
		(void)json_string_set(value, text);
	}
	json_object_foreach(value, key, item) mask_strings(item);
	json_array_foreach(value, i, item) mask_strings(item);
}

/* What the CA wrote is read by everybody; the person's own values stand beside it, sealed. */
static void mask_task(json_t *task)
{
	static const char *const members[] = { "reasons", "ca_says" };
	json_t *shown = json_object_get(task, "values");

	mask_strings(json_object_get(task, "instruction"));
	for (size_t i = 0; i < COUNT_OF(members); i++) {
		json_t *masked = json_deep_copy(json_object_get(shown, members[i]));

		mask_strings(masked);
		if (masked != NULL)
			(void)json_object_set_new(shown, members[i], masked);
	}
}

void stage_task(struct stage_run *run, json_t *task)
{
	const json_t *last =
		json_object_get(json_object_get(run->doc, "tasks"), json_peek_text(task, "kind"));

	mask_task(task);
	if (text_equal(json_peek_text(last, "state"), "open")) /* it may be answered just now */
		json_put_text(task, "seen", json_peek_text(last, "id"));
	task_kind_complete(task, run->app->calendar, clock_now());
	append(run, "open_tasks", task);
}

void stage_close_task(struct stage_run *run, const char *kind)
{
	append(run, "close_tasks", json_string(kind));
}

void stage_note(struct stage_run *run, const char *event, const char *text)
{
	stage_put(run, "note", json_pack("{s:s, s:s}", "event", event, "text", text));
}
