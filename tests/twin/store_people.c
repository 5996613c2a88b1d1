/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks and gates: what people answer (schema/0010_tasks.sql, campaign_approve of schema/0009_campaigns.sql). */
#include <inttypes.h>
#include <string.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/text.h"
#include "tests/twin/store_inside.h"

enum { FOLLOWS_DAYS = 30 };

struct row_task *store_task_of(const struct row_renewal *renewal, const char *kind)
{
	struct row_task *task = renewal->tasks;

	while (task != NULL && strcmp(task->kind, kind) != 0)
		task = task->older;
	return task;
}

struct row_task *store_task_add(struct store *store, const char *kind, const char *role)
{
	struct row_task *task = store_add(store, &store->task);

	task->kind = store_text(store, kind);
	task->role = store_text(store, role);
	task->state = "open";
	task->opened_at = store_now();
	task->due_at = task->closed_at = task->escalate_at = NO_INSTANT;
	store_tell_task(store, task);
	return task;
}

static int64_t id_member(const json_t *doc, const char *key)
{
	int64_t id = 0;
	const char *text = json_as_text(doc, key);

	return text != NULL && number_parse(&id, text, 1, INT64_MAX) ? id : 0;
}

static struct row_task *open_task(const struct row_renewal *renewal, const char *kind)
{
	struct row_task *task = store_task_of(renewal, kind);

	return task != NULL && strcmp(task->state, "open") == 0 ? task : NULL;
}

/* One that follows another of its kind which nobody closed inherits when somebody else is told. */
static void tell_in_time(struct row_task *task, const json_t *doc)
{
	const struct row_task *last = task->older;
	int64_t own = json_as_instant(doc, "escalate_at");

	while (last != NULL && strcmp(last->kind, task->kind) != 0)
		last = last->older;
	task->escalate_at = own;
	if (last == NULL || strcmp(last->state, "open") == 0 || last->closed_by != 0 ||
		last->opened_at <= store_now() - FOLLOWS_DAYS * CLOCK_DAY ||
		last->escalate_at == NO_INSTANT || (own != NO_INSTANT && last->escalate_at >= own))
		return;
	task->escalate_at = last->escalate_at;
	task->escalations = own != NO_INSTANT ? last->escalations : 0;
}

static struct row_task *fresh_task(
	struct store *store, struct row_renewal *renewal, const json_t *doc)
{
	struct row_task *task =
		store_task_add(store, json_peek_text(doc, "kind"), json_peek_text(doc, "role"));
	const json_t *needs = json_object_get(doc, "needs");

	task->renewal = renewal->id;
	task->workstation = id_member(doc, "workstation");
	task->token = id_member(doc, "token");
	task->assignee = id_member(doc, "assignee");
	task->needs = store_json(store, needs != NULL ? json_deep_copy(needs) : json_array());
	task->older = renewal->tasks;
	renewal->tasks = task;
	tell_in_time(task, doc);
	return task;
}

bool store_task_open(
	struct store *store, struct row_renewal *renewal, const json_t *doc, struct fault *fault)
{
	const json_t *values = json_object_get(doc, "values");
	struct row_task *task = open_task(renewal, json_peek_text(doc, "kind"));
	bool was_open = task != NULL;
	int64_t due_at;

	if (json_peek_text(doc, "title") == NULL || json_peek_text(doc, "instruction") == NULL ||
		json_peek_text(doc, "if_ignored") == NULL)
		return fault_set(
			fault, FAULT_CONFLICT, "a task wants title, instruction, if_ignored");
	if (task == NULL) {
		task = fresh_task(store, renewal, doc);
	} else {
		store->task.last_id++; /* on conflict do update: the number is used up */
		task = touch(store, task, task);
		store_tell_task(store, task);
	}
	task->title = store_text(store, json_peek_text(doc, "title"));
	task->instruction = store_text(store, json_peek_text(doc, "instruction"));
	task->values = store_json(store, values != NULL ? json_deep_copy(values) : json_object());
	if (json_peek_text(doc, "secret") == NULL)
		store_task_forget(store, task);
	else
		task->secret = store_text(store, json_peek_text(doc, "secret"));
	due_at = json_as_instant(doc, "due_at");
	if (was_open && task->due_at != NO_INSTANT &&
		(json_object_get(doc, "due_is_usual") != NULL || due_at == NO_INSTANT))
		due_at = task->due_at;
	task->due_at = due_at;
	return true;
}

void store_tasks_close(struct store *store, struct row_renewal *renewal, const char *kind)
{
	struct row_task *task = open_task(renewal, kind);

	if (task == NULL)
		return;
	task = touch(store, task, task);
	task->state = "done";
	store_task_forget(store, task);
	task->closed_at = store_now();
}

/* ---- a person finishes a task ---- */

static bool may(const json_t *person, const struct row_task *task)
{
	const char *role = json_peek_text(person, "role");

	if (task->assignee != 0 && task->assignee == json_peek_number(person, "person", 0))
		return true;
	if (text_equal(role, "admin"))
		return strcmp(task->role, "handler") != 0;
	return task->assignee == 0 && text_equal(role, task->role);
}

static bool gives_what_is_needed(
	const struct row_task *task, const json_t *doc, struct fault *fault)
{
	const json_t *need, *values = json_object_get(doc, "values");
	size_t i;

	json_array_foreach(task->needs, i, need)
	{
		const char *key = json_string_value(need), *value = json_as_text(values, key);

		if (text_equal(key, "file")) {
			if (json_array_size(json_object_get(doc, "files")) == 0)
				return fault_set(fault, FAULT_INPUT,
					"task %" PRId64 " wants a file", task->id);
		} else if (value == NULL || *value == '\0') {
			return fault_set(
				fault, FAULT_INPUT, "task %" PRId64 " wants %s", task->id, key);
		} else if (text_equal(key, "retry") && !text_equal(value, "yes")) {
			return fault_set(fault, FAULT_INPUT,
				"task %" PRId64 " is finished with retry=yes only", task->id);
		}
	}
	return true;
}

static void clear_pin(struct store *store, int64_t token)
{
	for (size_t i = 0; i < store->pin.count; i++) {
		struct row_pin *pin = store_row(store->pin, pin, i);

		if (pin->token == token && pin->cleared_at == NO_INSTANT)
			touch(store, pin, pin)->cleared_at = store_now();
	}
}

/* answer_at: what is sealed names its place, as every reader of an answer sees it. */
static json_t *answer_at(const json_t *values, int64_t task)
{
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): copied */
	json_t *answer = values != NULL ? json_copy((json_t *)(uintptr_t)values) : json_object();
	const char *key;
	json_t *value;

	json_object_foreach(answer, key, value)
	{
		if (json_is_string(value) && text_starts(json_string_value(value), "xqs1:"))
			json_object_set_new(answer, key,
				json_sprintf("%s@tasks.answer/%" PRId64 "/%s",
					json_string_value(value), task, key));
	}
	return answer;
}

void store_task_end(
	struct store *store, struct row_task *task, const json_t *person, const json_t *doc)
{
	const json_t *values = json_object_get(doc, "values");
	struct row_renewal *renewal = store_find(&store->renewal, task->renewal);

	task = touch(store, task, task);
	task->state = "done";
	store_task_forget(store, task);
	task->answer = store_json(store, answer_at(values, task->id));
	task->closed_at = store_now();
	task->closed_by = json_peek_number(person, "person", 0);
	task->files = store_json(store, json_deep_copy(json_object_get(doc, "files")));
	if (strcmp(task->kind, "pin") == 0 &&
		text_equal(json_peek_text(values, "remedy"), "cleared"))
		clear_pin(store, task->token);
	if (renewal == NULL)
		return;
	store_journal(store, renewal->id, "task_done", json_peek_text(person, "login"));
	store_wake(store, renewal);
}

bool store_task_may_end(const struct store *store, const struct row_task *task,
	const json_t *person, const json_t *doc, struct fault *fault)
{
	if (!may(person, task))
		return fault_set(
			fault, FAULT_DENIED, "task %" PRId64 " is for %s", task->id, task->role);
	if (strcmp(task->state, "open") != 0)
		return fault_set(
			fault, FAULT_CONFLICT, "task %" PRId64 " is closed already", task->id);
	if (task->secret != NULL)
		return fault_set(
			fault, FAULT_CONFLICT, "task %" PRId64 " ends by itself", task->id);
	return gives_what_is_needed(task, doc, fault) &&
		store_card_check(store, task, json_object_get(doc, "values"), fault);
}

bool ask_task_done(struct store *store, struct ask *ask)
{
	JSON *person = ask_json(ask, 0);
	JSON *doc = ask_json(ask, 3);
	struct row_task *task = store_find(&store->task, ask_number(ask, 1, 0));

	if (task == NULL)
		return fault_set(ask->fault, FAULT_ABSENT, "there is no task %s", ask_text(ask, 1));
	if (!store_task_may_end(store, task, person, doc, ask->fault))
		return false;
	if (json_is_true(json_object_get(doc, "commit")))
		store_task_end(store, task, person, doc);
	ask_columns(ask, 2);
	ask_put(ask, 0, 0, "200");
	ask_put(ask, 0, 1, "{}");
	return true;
}

/* ---- the gates ---- */

static int64_t approval_of(
	struct store *store, const struct row_campaign *campaign, bool touches, int64_t approver)
{
	struct row_approval *approval;

	for (size_t i = 0; i < store->approval.count; i++) {
		approval = store_row(store->approval, approval, i);
		if (approval->campaign == campaign->id && approval->touch == touches &&
			approval->approver == approver &&
			text_equal(approval->digest, campaign->digest)) {
			store->approval.last_id++; /* on conflict do nothing */
			return approval->id;
		}
	}
	approval = store_add(store, &store->approval);
	approval->campaign = campaign->id;
	approval->touch = touches;
	approval->approver = approver;
	approval->digest = campaign->digest;
	approval->agreement = json_peek_text(campaign->plan, "agreement_sha256");
	return approval->id;
}

/* Not approved, or with another agreement than the plan has now. */
static bool wants_spend(const struct store *store, const struct row_campaign *campaign,
	const struct row_renewal *renewal)
{
	const struct row_approval *approval = store_find(&store->approval, renewal->spend_approval);

	return approval == NULL ||
		(!json_is_true(json_object_get(renewal->facts, "agreed")) &&
			!text_equal(approval->agreement,
				json_peek_text(campaign->plan, "agreement_sha256")));
}

static void open_gate(struct store *store, const struct row_campaign *campaign, bool touches,
	const json_t *person)
{
	int64_t id = approval_of(store, campaign, touches, json_peek_number(person, "person", 0));

	for (size_t i = 0; i < store->renewal.count; i++) {
		struct row_renewal *renewal = store_row(store->renewal, renewal, i);

		if (renewal->campaign != campaign->id)
			continue;
		renewal = touch(store, renewal, renewal);
		if (touches && renewal->touch_approval == 0)
			renewal->touch_approval = id;
		else if (!touches && !renewal->ended && wants_spend(store, campaign, renewal))
			renewal->spend_approval = id;
		store_journal(store, renewal->id,
			touches ? "touch_gate_opened" : "spend_gate_opened",
			json_peek_text(person, "login"));
	}
}

static bool approve(struct store *store, const struct row_campaign *campaign, const json_t *person,
	const json_t *doc, struct fault *fault)
{
	const char *gate = json_peek_text(doc, "gate");
	bool spend = text_equal(gate, "spend"), touches = text_equal(gate, "touch"),
	     all = text_equal(gate, "all");

	if (campaign->created_by == json_peek_number(person, "person", 0))
		return fault_set(fault, FAULT_DENIED,
			"who requested a campaign may not approve it: another approver must");
	if (!spend && !touches && !all)
		return fault_set(fault, FAULT_INPUT, "gate is spend, touch or all");
	if (!text_equal(campaign->digest, json_peek_text(doc, "digest")))
		return fault_set(fault, FAULT_CONFLICT,
			"the plan of campaign %" PRId64 " is not the one that was shown",
			campaign->id);
	if (spend || all)
		open_gate(store, campaign, false, person);
	if (touches || all)
		open_gate(store, campaign, true, person);
	return true;
}

bool ask_approve(struct store *store, struct ask *ask)
{
	JSON *person = ask_json(ask, 0);
	JSON *doc = ask_json(ask, 3);
	const struct row_campaign *campaign = store_find(&store->campaign, ask_number(ask, 1, 0));

	if (campaign == NULL)
		return fault_set(
			ask->fault, FAULT_ABSENT, "there is no campaign %s", ask_text(ask, 1));
	if (!approve(store, campaign, person, doc, ask->fault))
		return false;
	for (size_t i = 0; i < store->renewal.count; i++)
		if (store_row(store->renewal, renewal, i)->campaign == campaign->id)
			store_wake(store, store_row(store->renewal, renewal, i));
	ask_columns(ask, 2);
	ask_put(ask, 0, 0, "200");
	ask_put(ask, 0, 1, "{}");
	return true;
}

/* What a person attached to the last task of a kind that was done. */
bool ask_files(struct store *store, struct ask *ask)
{
	const struct row_renewal *renewal = store_find(&store->renewal, ask_number(ask, 0, 0));
	const struct row_task *task = renewal->tasks;
	const json_t *file;
	size_t i;

	while (task != NULL &&
		(strcmp(task->kind, ask_text(ask, 1)) != 0 || strcmp(task->state, "done") != 0))
		task = task->older;
	int64_t task_id = task != NULL ? task->id : 0;

	ask_columns(ask, 4);
	json_array_foreach(task != NULL ? task->files : NULL, i, file)
	{
		OWNED char *row =
			text_dupf("%" PRId64 "/%" PRId64, task_id, json_peek_number(file, "n", 0));
		OWNED char *name =
			text_dupf("%s@task_files.name/%s", json_peek_text(file, "name"), row);
		OWNED char *place = text_dupf("task_files.content/%s", row);

		ask_put(ask, (int)i, 0, name);
		ask_put(ask, (int)i, 1, json_peek_text(file, "media_type"));
		ask_put(ask, (int)i, 2, place);
		ask_put(ask, (int)i, 3, json_peek_text(file, "content_b64"));
	}
	return true;
}
