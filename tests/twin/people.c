/* SPDX-License-Identifier: Apache-2.0 */
/* The people of a world: they read their open tasks after a while and answer them, mostly rightly; sometimes they
 * cancel a QR, scan and forget it, attach rubbish, or look away.  The approver opens the gates. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/seal.h"
#include "common/text.h"
#include "orchestrator/domain/personal.h"
#include "sql.h"
#include "tests/twin/store_inside.h"
#include "tests/twin/world.h"

enum { ID_TEXT = 24 };

/* Somebody who has looked at a task will look at it at some later instant. */
struct look {
	struct world *world;
	int64_t task;
};

const struct row_person *people_of_role(const struct world *world, const char *role, size_t nth)
{
	for (size_t i = 0; i < world->store->person.count; i++) {
		const struct row_person *person = store_row(world->store->person, person, i);

		if (strcmp(person->role, role) == 0 && nth-- == 0)
			return person;
	}
	abort(); /* the fleet has one of each role */
}

json_t *people_principal(const struct world *world, int64_t person)
{
	const struct row_person *row = store_get(&world->store->person, person);

	return json_pack("{s:I, s:s, s:s}", "person", (json_int_t)person, "login", row->login,
		"role", row->role);
}

bool people_ask(
	struct world *world, const char *statement, int64_t person, int64_t id, json_t *body)
{
	JSON *who = people_principal(world, person);
	OWNED char *principal = json_write(who);
	OWNED char *text = json_write(body);
	char number[ID_TEXT];
	const char *const args[] = { principal, number, NULL, text };
	struct fault fault;
	PGresult *rows;

	(void)snprintf(number, sizeof number, "%" PRId64, id);
	rows = store_run(world->store, statement, (int)COUNT_OF(args), args, &fault);
	world_line(world, "%s: %s %s%s%s", json_peek_text(who, "login"),
		store_statement_name(statement), number, rows == NULL ? ": " : "",
		rows == NULL ? fault.text : "");
	PQclear(rows);
	json_decref(body);
	return rows != NULL;
}

/* ---- what each kind of task wants done outside ---- */

/* The phone that scans the QR, confirms or cancels.  The task closes by itself. */
static void phone(struct world *world, const char *qr, const char *action)
{
	JSON *body = json_pack("{s:s, s:s}", "qr_text", qr, "action", action);
	OWNED char *text = json_write(body);

	json_decref(world_control(world, "POST", "/sim/phone", text, NULL));
	world_line(world, "phone: %s", action);
}

static bool bind(struct world *world, const struct row_task *task)
{
	OWNED char *place = text_dupf("tasks.secret/%" PRId64 "/%s", task->renewal, task->kind);
	struct fault fault;
	OWNED char *qr = task->secret != NULL
		? seal_open_text(world->outside.seals, place, task->secret, &fault)
		: NULL;

	if (qr == NULL || world_errs(world, 100000))
		return false;
	if (world_errs(world, 80000)) {
		phone(world, qr, "cancel");
		return false;
	}
	phone(world, qr, "scan");
	if (!world_errs(world, 100000))
		phone(world, qr, "confirm");
	return false; /* the task closes by itself */
}

static bool plug(struct world *world, const struct row_task *task)
{
	tokens_plug(world, task->token);
	return false;
}

static bool cure_pin(struct world *world, const struct row_task *task)
{
	tokens_cure(world, task->token);
	return true;
}

static bool plug_and_retry(struct world *world, const struct row_task *task)
{
	tokens_plug(world, task->token);
	return true;
}

static bool update_client(struct world *world, const struct row_task *task)
{
	const struct row_renewal *renewal = store_get(&world->store->renewal, task->renewal);
	const struct row_set *set = store_get(&world->store->set, renewal->set);
	const struct row_token *token = store_get(&world->store->token, set->token);

	tokens_update_client(world, token->workstation);
	return false;
}

static bool read_agreement(struct world *world, const struct row_task *task)
{
	oracle_accepted(world, task->renewal, json_peek_text(task->values, "sha256"));
	return true;
}

static bool state_intent(struct world *world, const struct row_task *task)
{
	oracle_stated(world, task->renewal);
	return true;
}

static bool decide_match(struct world *world, const struct row_task *task)
{
	(void)task;
	finance_begin(world);
	return false;
}

static const struct {
	const char *kind;
	bool (*act)(struct world *world, const struct row_task *task); /* true: finish it */
} acts[] = {
	{ "bind", bind },
	{ "insert_token", plug },
	{ "pin", cure_pin },
	{ "install", plug_and_retry },
	{ "client_version", update_client },
	{ "agreement", read_agreement },
	{ "intent", state_intent },
	{ "finance_match", decide_match },
};

static bool act(struct world *world, const struct row_task *task)
{
	for (size_t i = 0; i < COUNT_OF(acts); i++)
		if (strcmp(acts[i].kind, task->kind) == 0)
			return acts[i].act(world, task);
	return true;
}

/* ---- the answer ---- */

static const char *answer_to(const char *need)
{
	static const char *const known[][2] = { { "statement", "agree" }, { "remedy", "cleared" } };

	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (strcmp(known[i][0], need) == 0)
			return known[i][1];
	return "yes";
}

static json_t *paper(struct world *world)
{
	static const char pdf[] = "JVBERi0xLjQK"; /* %PDF-1.4 */
	bool rubbish = world_errs(world, 100000);

	return json_pack("{s:s, s:s, s:s}", "name", "form.pdf", "media_type", "application/pdf",
		"data_b64", rubbish ? "cnViYmlzaA==" : pdf);
}

static json_t *answer(struct world *world, const struct row_task *task)
{
	struct fault fault;
	OWNED char *id = text_dupf("%" PRId64, task->id);
	json_t *body, *values = json_object(), *files = json_array();
	const json_t *need;
	size_t i;

	json_array_foreach(task->needs, i, need)
	{
		const char *key = json_string_value(need);

		if (strcmp(key, "file") == 0)
			(void)json_array_append_new(files, paper(world));
		else
			json_put_text(values, key, answer_to(key));
	}
	body = json_pack("{s:o, s:o, s:b}", "values", values, "files", files, "commit", 1);
	if (!personal_seal_answer(body, id, world->outside.seals, &fault))
		abort(); /* the API seals what comes in, in the same way */
	return body;
}

static int64_t person_for(const struct world *world, const struct row_task *task)
{
	return task->assignee != 0 ? task->assignee : people_of_role(world, task->role, 0)->id;
}

static void look(void *context);

static void look_later(struct world *world, int64_t task, int64_t most_s)
{
	struct look *next = zalloc(1, sizeof *next);

	*next = (struct look){ world, task };
	world_after(world,
		dice_spread(&world->actor_dice, CLOCK_SECOND,
			(world->calm ? 10 * MINUTE : most_s) * CLOCK_SECOND),
		"person", look, next, free);
}

static void look(void *context)
{
	struct look *now = context;
	struct world *world = now->world;
	const struct row_task *task = store_find(&world->store->task, now->task);
	int64_t id = now->task;

	free(now);
	if (task == NULL || strcmp(task->state, "open") != 0)
		return;
	if (!world_errs(world, 200000) && act(world, task) && strcmp(task->state, "open") == 0)
		(void)people_ask(
			world, sql_task_done, person_for(world, task), id, answer(world, task));
	if (strcmp(task->state, "open") == 0)
		look_later(world, id, HOUR);
}

static void on_task(void *context, const struct row_task *task)
{
	struct world *world = context;

	world_line(world, "task %" PRId64 " %s: %s", task->id, task->kind, task->state);
	if (task->secret != NULL)
		oracle_on_code(world, task);
	if (strcmp(task->state, "open") == 0)
		look_later(world, task->id, task->secret != NULL ? HOUR : 2 * HOUR);
}

/* ---- the gates ---- */

static bool gate_is_shut(const struct world *world, int64_t campaign, bool touches)
{
	for (size_t i = 0; i < world->store->renewal.count; i++) {
		const struct row_renewal *renewal = store_row(world->store->renewal, renewal, i);

		if (renewal->campaign == campaign && !renewal->ended &&
			(touches ? renewal->touch_approval : renewal->spend_approval) == 0)
			return true;
	}
	return false;
}

static void approve(struct world *world, const struct row_campaign *campaign, bool touches)
{
	json_t *body = json_pack(
		"{s:s, s:s}", "gate", touches ? "touch" : "spend", "digest", campaign->digest);

	if (people_ask(world, sql_campaign_approve, people_of_role(world, "approver", 0)->id,
		    campaign->id, body))
		oracle_approved(world, campaign, touches);
}

static void approver_looks(void *context)
{
	struct world *world = context;
	int64_t most = world->calm ? HOUR : 6 * HOUR;

	for (size_t i = 0; i < world->store->campaign.count; i++) {
		const struct row_campaign *campaign =
			store_row(world->store->campaign, campaign, i);

		if (gate_is_shut(world, campaign->id, false))
			approve(world, campaign, false);
		if (gate_is_shut(world, campaign->id, true) && !world_errs(world, 500000))
			approve(world, campaign, true);
	}
	world_after(world, dice_between(&world->actor_dice, MINUTE, most) * CLOCK_SECOND,
		"approver", approver_looks, world, NULL);
}

/* ---- life ---- */

static void on_order(void *context, const struct row_order *order)
{
	struct world *world = context;

	world_line(world, "order %" PRId64 ": %s", order->id, order->reference);
	finance_begin(world);
}

static void on_install(void *context, const struct row_install *install)
{
	struct world *world = context;

	world_line(world, "install order %" PRId64 ": %s", install->id, install->state);
	tokens_wake(world, install->token);
}

static void on_notify(void *context)
{
	struct world *world = context;

	for (int i = 0; i < world->process_count; i++)
		process_notify(world->processes[i]);
}

void people_new(struct world *world)
{
	world->store->watch = (struct store_watch){ .on_task = on_task,
		.on_order = on_order,
		.on_install = on_install,
		.on_journal = oracle_on_journal,
		.on_claim = oracle_on_claim,
		.on_fenced = oracle_on_fenced,
		.on_notify = on_notify,
		.context = world };
	world_after(world, dice_between(&world->actor_dice, 1, 4 * HOUR) * CLOCK_SECOND, "approver",
		approver_looks, world, NULL);
}
