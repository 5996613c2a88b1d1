/* SPDX-License-Identifier: Apache-2.0 */
/* loop/db.h over the twin's store.  A statement travels, is executed as a whole, its answer travels back; the
 * connection can break before or after it was executed, and the process can die at any of these moments. */
#include "orchestrator/loop/db.h"

#include <string.h>

#include "common/text.h"
#include "tests/twin/process.h"

struct statement {
	struct process *process;
	uint64_t life; /* of the process that asked */
	struct flow *flow;
	bool tries; /* db_try */
	const char *text;
	int n;
	char **args;
	PGresult *rows;
	struct fault fault;
};

struct db *db_new(struct event_base *base, const struct db_options *options, struct fault *fault)
{
	(void)options;
	(void)fault;
	return &base->process->db;
}

void db_free(struct db *db)
{
	(void)db;
}

bool db_is_up(const struct db *db)
{
	return db->process->alive;
}

static void statement_free(void *context)
{
	struct statement *statement = context;

	for (int i = 0; i < statement->n; i++)
		free(statement->args[i]);
	free((void *)statement->args);
	PQclear(statement->rows);
	free(statement);
}

static void answer(void *context)
{
	struct statement *statement = context;

	if (statement->rows != NULL)
		flow_resume_rows(statement->flow, take(statement->rows));
	else if (statement->tries)
		flow_resume_refused(statement->flow, &statement->fault);
	else
		flow_resume_fault(statement->flow, &statement->fault);
	statement_free(statement);
}

static void lose_answer(struct statement *statement)
{
	PQclear(take(statement->rows));
	(void)fault_set(&statement->fault,
		store_statement_reads(statement->text) ? FAULT_LATER : FAULT_UNSURE,
		"the connection broke under the statement");
}

static void execute(void *context)
{
	struct statement *statement = context;
	struct outside *outside = statement->process->outside;
	const struct weather *weather = outside->weather;
	int64_t back = dice_between(&outside->dice, 20, weather->db_us);

	if (dice_hit(&outside->dice, weather->db_lost_before))
		(void)fault_set(&statement->fault, FAULT_LATER,
			"the connection broke before the statement was sent");
	else
		statement->rows = store_run(outside->store, statement->text, statement->n,
			(const char *const *)statement->args, &statement->fault);
	if (dice_hit(&outside->dice, weather->db_lost_after) && statement->rows != NULL)
		lose_answer(statement);
	outside_line(outside, "xuqid %d: %s %s%s%s", statement->process->number,
		store_statement_name(statement->text),
		statement->n > 0 && statement->args[0] != NULL && strlen(statement->args[0]) < 24
			? statement->args[0]
			: "",
		statement->rows == NULL ? ": " : "",
		statement->rows == NULL ? statement->fault.text : "");
	if (!statement->process->alive || statement->process->life != statement->life)
		statement_free(statement); /* who asked is dead; what it asked is done */
	else
		process_deliver(statement->process, clockwork_now(outside->clockwork) + back,
			"db answers", answer, statement, statement_free);
}

static enum flow_next begin(
	struct db *db, struct flow *flow, bool tries, const char *text, struct statement *statement)
{
	struct process *process = db->process;
	struct outside *outside = process->outside;

	statement->process = process;
	statement->life = process->life;
	statement->flow = flow;
	statement->tries = tries;
	statement->text = text;
	(void)store_statement_name(text); /* known? */
	turn_owned(turn_at(outside->clockwork,
			   process_now(process) +
				   dice_between(&outside->dice, 20, outside->weather->db_us),
			   "db", execute, statement),
		NULL, statement_free);
	return FLOW_WAIT;
}

static struct statement *with_args(int n, const char *const *args)
{
	struct statement *statement = zalloc(1, sizeof *statement);

	statement->n = n;
	statement->args = (char **)zalloc((size_t)n + 1, sizeof(char *));
	for (int i = 0; i < n; i++)
		statement->args[i] = text_dup(args[i]);
	return statement;
}

enum flow_next db_begin(
	struct db *db, struct flow *flow, const char *statement, int n, const char *const *args)
{
	return begin(db, flow, false, statement, with_args(n, args));
}

enum flow_next db_try(
	struct db *db, struct flow *flow, const char *statement, int n, const char *const *args)
{
	return begin(db, flow, true, statement, with_args(n, args));
}

enum flow_next db_begin_script(struct db *db, struct flow *flow, const char *script)
{
	(void)db;
	(void)script;
	return flow_fail(flow, FAULT_BUG, "the twin has no schema to migrate");
}

/* ---- documents (store_ticket.c) ---- */

/* NOLINTBEGIN(readability-identifier-naming): the names of the linker */
json_t *__real_json_read(const char *bytes, size_t len, struct fault *fault);
json_t *__wrap_json_read(const char *bytes, size_t len, struct fault *fault);

/* NOLINTEND(readability-identifier-naming) */

json_t *__wrap_json_read(const char *bytes, size_t len, struct fault *fault)
{
	struct store *store = process_store();
	json_t *document = store != NULL ? store_redeem(store, bytes, len) : NULL;

	return document != NULL ? document : __real_json_read(bytes, len, fault);
}

/* ---- notifications ---- */

bool db_listen(struct db *db, const char *channel, void (*on_notify)(void *context), void *context,
	struct fault *fault)
{
	size_t i = 0;

	while (i < LISTENERS && db->listeners[i].channel != NULL)
		i++;
	if (i == LISTENERS)
		return fault_set(fault, FAULT_BUG, "the twin has no place for %s", channel);
	db->listeners[i].channel = channel;
	db->listeners[i].on_notify = on_notify;
	db->listeners[i].listener = context;
	return true;
}

static void notify(void *context)
{
	struct db *db = context;

	for (size_t i = 0; i < LISTENERS; i++)
		if (db->listeners[i].channel != NULL &&
			strcmp(db->listeners[i].channel, "xuqi_wake") == 0)
			db->listeners[i].on_notify(db->listeners[i].listener);
}

static void notify_tasks(void *context)
{
	struct db *db = context;

	for (size_t i = 0; i < LISTENERS; i++)
		if (db->listeners[i].channel != NULL &&
			strcmp(db->listeners[i].channel, "xuqi_tasks") == 0)
			db->listeners[i].on_notify(db->listeners[i].listener);
}

void process_notify(struct process *process, bool tasks)
{
	struct outside *outside = process->outside;

	if (process->alive && process->db.listeners[0].channel != NULL)
		process_deliver(process,
			process_now(process) +
				dice_between(&outside->dice, 20, outside->weather->db_us),
			"notify", tasks ? notify_tasks : notify, &process->db, NULL);
}
