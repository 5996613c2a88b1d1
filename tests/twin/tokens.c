/* SPDX-License-Identifier: Apache-2.0 */
/* Workstations with their agents and tokens.  An agent polls, asks for one use of the stored PIN, logs in once,
 * writes, reads back, reports; it can die at any of these lines, and a token can be pulled.  A token counts its
 * logins itself: after a wrong or an unexplained one, another by machine is a violation. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/digest.h"
#include "common/text.h"
#include "sql.h"
#include "tests/twin/store_inside.h"
#include "tests/twin/world.h"

enum { PLUGGED_MAX = 8, REF_TEXT = 33, ID_TEXT = 24 };

struct token_actor {
	int64_t id, workstation;
	const char *serial;
	bool plugged, pin_is_wrong;
	bool login_is_open; /* a login whose result was never recorded, or was wrong */
	unsigned logins;
};

/* What the agent of one workstation has on its disk. */
struct agent {
	struct world *world;
	int64_t workstation;
	bool polls; /* a look is under way */
	int64_t dead_until;
	int64_t order; /* the one it works on; 0: none */
	char ref[REF_TEXT];
	bool permitted, logged_in;
	int64_t permit_until;
	json_t *body;   /* of the order */
	json_t *result; /* to be delivered */
	struct agent *next;
};

struct tokens {
	struct token_actor *list;
	size_t count, room;
	struct agent *agents;
};

void tokens_new(struct world *world)
{
	world->tokens = zalloc(1, sizeof *world->tokens);
}

void tokens_free(struct world *world)
{
	while (world->tokens != NULL && world->tokens->agents != NULL) {
		struct agent *agent = world->tokens->agents;

		world->tokens->agents = agent->next;
		json_decref(agent->body);
		json_decref(agent->result);
		free(agent);
	}
	if (world->tokens != NULL)
		free(world->tokens->list);
	free(world->tokens);
}

void tokens_add(struct world *world, const struct row_token *token)
{
	struct tokens *tokens = world->tokens;

	if (tokens->count == tokens->room) {
		tokens->room = tokens->room * 2 + 16;
		tokens->list = realloc(tokens->list, tokens->room * sizeof *tokens->list);
		if (tokens->list == NULL)
			abort();
	}
	tokens->list[tokens->count++] = (struct token_actor){ .id = token->id,
		.workstation = token->workstation,
		.serial = token->serial,
		.pin_is_wrong = world_errs(world, 30000) };
}

static struct token_actor *token_of(const struct world *world, int64_t id)
{
	for (size_t i = 0; i < world->tokens->count; i++)
		if (world->tokens->list[i].id == id)
			return &world->tokens->list[i];
	abort(); /* the fleet made one for every token */
}

static struct agent *agent_of(struct world *world, int64_t workstation)
{
	struct agent *agent = world->tokens->agents;

	while (agent != NULL && agent->workstation != workstation)
		agent = agent->next;
	if (agent != NULL)
		return agent;
	agent = zalloc(1, sizeof *agent);
	agent->world = world;
	agent->workstation = workstation;
	agent->next = world->tokens->agents;
	return world->tokens->agents = agent;
}

/* ---- what is plugged ---- */

static void check_in(struct world *world, int64_t workstation)
{
	const struct row_workstation *place = store_get(&world->store->workstation, workstation);
	const char *serials[PLUGGED_MAX + 1] = { NULL };
	size_t n = 0;

	for (size_t i = 0; i < world->tokens->count && n < PLUGGED_MAX; i++) {
		const struct token_actor *token = &world->tokens->list[i];

		if (token->workstation == workstation && token->plugged)
			serials[n++] = token->serial;
	}
	store_check_in(world->store, workstation, place->client_version, serials);
}

static int plugged_at(const struct world *world, int64_t workstation)
{
	int count = 0;

	for (size_t i = 0; i < world->tokens->count; i++)
		count += world->tokens->list[i].workstation == workstation &&
			world->tokens->list[i].plugged;
	return count;
}

void tokens_plug(struct world *world, int64_t id)
{
	struct token_actor *wanted = token_of(world, id);
	bool alone = !world_errs(world, 100000);

	for (size_t i = 0; i < world->tokens->count; i++) {
		struct token_actor *token = &world->tokens->list[i];

		if (token->workstation == wanted->workstation && alone)
			token->plugged = false;
	}
	wanted->plugged = true;
	world_line(world, "token %" PRId64 " is plugged%s", id, alone ? "" : " beside others");
	check_in(world, wanted->workstation);
	tokens_wake(world, id);
}

void tokens_cure(struct world *world, int64_t id)
{
	struct token_actor *token = token_of(world, id);

	token->pin_is_wrong = false;
	token->login_is_open = false;
	world_line(world, "token %" PRId64 ": its PIN is found out and stored", id);
}

void tokens_update_client(struct world *world, int64_t workstation)
{
	struct row_workstation *place = store_get(&world->store->workstation, workstation);

	place->client_version = "4.7.10";
	check_in(world, workstation);
	/* the version comes by inventory: whoever waits for it looks again by itself */
}

/* ---- one look of an agent ---- */

static PGresult *ask(struct world *world, const char *statement, int n, const char *const *args)
{
	struct fault fault;
	PGresult *rows = store_run(world->store, statement, n, args, &fault);

	world_line(world, "agent: %s %s%s%s", store_statement_name(statement), args[0],
		rows == NULL ? ": " : "", rows == NULL ? fault.text : "");
	return rows;
}

static void forget_order(struct agent *agent)
{
	json_decref(agent->body);
	json_decref(agent->result);
	agent->body = agent->result = NULL;
	agent->order = 0;
	agent->permitted = agent->logged_in = false;
}

static json_t *digests_of(const json_t *body)
{
	json_t *list = json_array();
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(body, "new"), i, one)
	{
		char sha[SHA256_HEX];
		size_t len = 0;
		OWNED unsigned char *der = base64_decode(json_peek_text(one, "der_b64"), &len);

		sha256_hex(sha, der != NULL ? (const void *)der : "", len);
		(void)json_array_append_new(list, json_string(sha));
	}
	return list;
}

static void end(struct agent *agent, const char *outcome, bool logged_in)
{
	char at[CLOCK_TEXT];
	bool installed = strcmp(outcome, "installed") == 0;

	clock_format(at, clockwork_now(agent->world->clockwork));
	json_decref(agent->result);
	agent->result = json_pack("{s:s, s:s?, s:b, s:s, s:o, s:s, s:s}", "outcome", outcome,
		"permit_ref", agent->permitted ? agent->ref : NULL, "login_attempted", logged_in,
		"token_serial", json_peek_text(agent->body, "token_serial"), "certificate_sha256",
		installed ? digests_of(agent->body) : json_array(), "started_at", at, "finished_at",
		at);
	world_line(agent->world, "agent %" PRId64 ": order %" PRId64 ": %s", agent->workstation,
		agent->order, outcome);
}

static void deliver(struct agent *agent)
{
	OWNED char *text = json_write(agent->result);
	char number[ID_TEXT], order[ID_TEXT];
	PGresult *rows;

	(void)snprintf(number, sizeof number, "%" PRId64, agent->workstation);
	(void)snprintf(order, sizeof order, "%" PRId64, agent->order);
	rows = ask(agent->world, sql_agent_result, 3, (const char *const[]){ number, order, text });
	PQclear(rows);
	if (!world_errs(agent->world, 150000)) /* else the acknowledgement is lost: again later */
		forget_order(agent);
}

/* The agent's process dies: what it has on disk stays. */
static bool dies(struct agent *agent, const char *where)
{
	struct world *world = agent->world;

	if (!world_errs(world, 30000))
		return false;
	agent->dead_until = clockwork_now(world->clockwork) +
		dice_spread(&world->actor_dice, MINUTE, 5 * HOUR) * CLOCK_SECOND;
	world_line(world, "agent %" PRId64 " dies %s", agent->workstation, where);
	return true;
}

static void log_in(struct agent *agent, struct token_actor *token)
{
	struct world *world = agent->world;
	bool known = false;

	for (size_t i = 0; i < world->store->pin.count; i++) {
		const struct row_pin *pin = store_row(world->store->pin, pin, i);

		known |= strcmp(pin->ref, agent->ref) == 0 && pin->outcome == NULL;
	}
	if (!known)
		world_violated(world, "a login on token %" PRId64 " without a permit", token->id);
	if (token->login_is_open)
		world_violated(world,
			"a second login on token %" PRId64
			" after one that failed or is unexplained",
			token->id);
	token->logins++;
	token->login_is_open = true;
	agent->logged_in = true;
}

static void install(struct agent *agent, struct token_actor *token)
{
	if (dies(agent, "before the login"))
		return;
	log_in(agent, token);
	if (dies(agent, "between the login and its result"))
		return;
	if (token->pin_is_wrong) {
		end(agent, "pin_incorrect", true);
		return;
	}
	token->login_is_open = false;
	if (world_errs(agent->world, 30000))
		end(agent, "interrupted", true); /* pulled, or cut off while writing */
	else if (world_errs(agent->world, 10000))
		end(agent, "readback_failed", true);
	else
		end(agent, "installed", true);
}

static void get_permit(struct agent *agent, struct token_actor *token)
{
	struct world *world = agent->world;
	char number[ID_TEXT], order[ID_TEXT];
	PGresult *rows;

	(void)snprintf(number, sizeof number, "%" PRId64, agent->workstation);
	(void)snprintf(order, sizeof order, "%" PRId64, agent->order);
	rows = ask(world, sql_agent_permit, 4,
		(const char *const[]){ number, order, agent->ref, token->serial });
	if (rows == NULL && store_pin_is_barred(world->store, token->id))
		end(agent, "pin_barred", false);
	if (rows == NULL && agent->result == NULL)
		forget_order(agent);
	if (rows == NULL)
		return;
	(void)clock_parse(&agent->permit_until, PQgetvalue(rows, 0, 0));
	PQclear(rows);
	if (world_errs(world, 50000))
		return; /* the answer is lost: the same reference again later */
	agent->permitted = true;
}

/* Preflight without the PIN, then permit, then the work. */
static void work(struct agent *agent)
{
	struct world *world = agent->world;
	const struct row_install *order = store_get(&world->store->install, agent->order);
	struct token_actor *token = token_of(world, order->token);

	if (agent->logged_in) { /* it died after the login began: journal and ledger say no more */
		end(agent, "pin_unsure", true);
	} else if (plugged_at(world, agent->workstation) > 1) {
		end(agent, "token_several", false);
	} else if (!token->plugged) {
		end(agent, "token_absent", false);
	} else {
		if (!agent->permitted)
			get_permit(agent, token);
		if (!agent->permitted)
			return;
		if (agent->permit_until <= clockwork_now(world->clockwork))
			end(agent, "interrupted", false);
		else
			install(agent, token);
	}
}

static void take_order(struct agent *agent)
{
	char number[ID_TEXT];
	struct world *world = agent->world;
	PGresult *rows;
	JSON *orders = NULL;
	const json_t *body;

	(void)snprintf(number, sizeof number, "%" PRId64, agent->workstation);
	rows = ask(world, sql_agent_orders, 1, (const char *const[]){ number });
	if (rows == NULL)
		return;
	orders = json_loads(PQgetvalue(rows, 0, 0), 0, NULL);
	PQclear(rows);
	body = json_array_get(orders, 0);
	if (body == NULL)
		return;
	(void)number_parse(&agent->order, json_peek_text(body, "id"), 1, INT64_MAX);
	agent->body = json_deep_copy(body);
	(void)snprintf(agent->ref, sizeof agent->ref, "%016" PRIx64 "%016" PRIx64,
		dice_next(&world->actor_dice), dice_next(&world->actor_dice));
}

static bool has_work(const struct agent *agent)
{
	const struct store *store = agent->world->store;

	if (agent->order != 0)
		return true;
	for (size_t i = 0; i < store->install.count; i++) {
		const struct row_install *install = store_row(store->install, install, i);
		const struct row_token *token = store_get(&store->token, install->token);

		if (token->workstation == agent->workstation &&
			strcmp(install->state, "closed") != 0)
			return true;
	}
	return false;
}

static void agent_looks(void *context);

static void look_later(struct agent *agent)
{
	struct world *world = agent->world;

	if (agent->polls)
		return;
	agent->polls = true;
	world_after(world, dice_between(&world->actor_dice, MINUTE, 15 * MINUTE) * CLOCK_SECOND,
		"agent", agent_looks, agent, NULL);
}

static void agent_looks(void *context)
{
	struct agent *agent = context;

	agent->polls = false;
	if (agent->dead_until > clockwork_now(agent->world->clockwork)) {
		look_later(agent);
		return;
	}
	if (agent->result != NULL)
		deliver(agent);
	else if (agent->order == 0)
		take_order(agent);
	if (agent->order != 0 && agent->result == NULL)
		work(agent);
	if (has_work(agent))
		look_later(agent);
}

void tokens_wake(struct world *world, int64_t token)
{
	const struct token_actor *actor = token_of(world, token);

	look_later(agent_of(world, actor->workstation));
}
