/* SPDX-License-Identifier: Apache-2.0 */
/* Tables, transactions and the table of statements. */
#include "tests/twin/store.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/text.h"
#include "sql.h"
#include "tests/twin/store_inside.h"

enum { ARENA_BLOCK = 256 * 1024, NUMBER_TEXT = 24, ALIGNMENT = 16 };

struct block {
	struct block *next;
	size_t used, room;
	unsigned char *bytes;
};

struct undo {
	void *row, *copy; /* copy NULL: an insert into table */
	struct table *table;
	size_t size;
};

enum told { TOLD_TASK, TOLD_ORDER, TOLD_INSTALL };

struct store_inside {
	struct block *blocks;
	json_t *kept; /* an array that owns every JSON value of the rows */
	struct undo *undo;
	size_t undo_count, undo_room;

	struct {
		enum told what;
		void *row;
	} * told;

	size_t told_count, told_room, journal_told;
	bool notified, notified_tasks;
};

/* ---- memory ---- */

static void *arena(struct store *store, size_t size)
{
	struct store_inside *inside = store->inside;
	struct block *block = inside->blocks;
	size_t rounded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;

	if (block == NULL || block->used + rounded > block->room) {
		block = zalloc(1, sizeof *block);
		block->room = rounded > ARENA_BLOCK ? rounded : ARENA_BLOCK;
		block->bytes = zalloc(1, block->room);
		block->next = inside->blocks;
		inside->blocks = block;
	}
	block->used += rounded;
	return block->bytes + block->used - rounded;
}

const char *store_text(struct store *store, const char *text)
{
	size_t size;
	char *copy;

	if (text == NULL)
		return NULL;
	size = strlen(text) + 1;
	copy = arena(store, size);
	memcpy(copy, text, size);
	return copy;
}

const json_t *store_json(struct store *store, json_t *value)
{
	if (value != NULL)
		(void)json_array_append_new(store->inside->kept, value);
	return value;
}

struct store *store_new(void)
{
	struct store *store = zalloc(1, sizeof *store);

	store->inside = zalloc(1, sizeof *store->inside);
	store->inside->kept = json_array();
#define SIZE_OF(name) store->name.size = sizeof(struct row_##name);
	STORE_TABLES(SIZE_OF)
#undef SIZE_OF
#define SHOWN_IN(name) store->name.shown = offsetof(struct row_##name, shown);
	SHOWN_IN(entity)
	SHOWN_IN(person)
	SHOWN_IN(set)
	SHOWN_IN(certificate)
	SHOWN_IN(campaign)
	SHOWN_IN(task)
#undef SHOWN_IN
	store->tickets = json_array();
	store->installation = "twin";
	return store;
}

void store_free(struct store *store)
{
	if (store == NULL)
		return;
	while (store->inside->blocks != NULL) {
		struct block *block = store->inside->blocks;

		store->inside->blocks = block->next;
		free(block->bytes);
		free(block);
	}
#define FREE_ROWS(name) free((void *)store->name.rows);
	STORE_TABLES(FREE_ROWS)
#undef FREE_ROWS
	json_decref(store->tickets);
	json_decref(store->inside->kept);
	free(store->inside->undo);
	free(store->inside->told);
	free(store->inside);
	free(store);
}

/* ---- rows ---- */

static void *grown(void *list, size_t *room, size_t count, size_t size)
{
	void *more = list;

	if (count < *room)
		return list;
	*room = *room * 2 + 16;
	more = realloc(list, *room * size);
	if (more == NULL)
		abort();
	return more;
}

static struct undo *note_undo(struct store *store)
{
	struct store_inside *inside = store->inside;

	inside->undo =
		grown(inside->undo, &inside->undo_room, inside->undo_count, sizeof *inside->undo);
	return &inside->undo[inside->undo_count++];
}

void *store_add(struct store *store, struct table *table)
{
	void *row = arena(store, table->size);
	int64_t id = ++table->last_id;

	table->rows = grown((void *)table->rows, &table->room, table->count, sizeof *table->rows);
	table->rows[table->count++] = row;
	memset(row, 0, table->size);
	memcpy(row, &id, sizeof id);
	*note_undo(store) = (struct undo){ .table = table };
	return row;
}

static int64_t id_of(const void *row)
{
	int64_t id;

	memcpy(&id, row, sizeof id);
	return id;
}

void *store_find(const struct table *table, int64_t id)
{
	size_t low = 0, high = table->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (id_of(table->rows[middle]) < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < table->count && id_of(table->rows[low]) == id ? table->rows[low] : NULL;
}

void *store_get(const struct table *table, int64_t id)
{
	void *row = store_find(table, id);

	if (row == NULL)
		abort(); /* a foreign key that points nowhere: the fixture is wrong */
	return row;
}

void *store_touch(struct store *store, const struct table *table, void *row)
{
	void *copy = arena(store, table->size);

	memcpy(copy, row, table->size);
	*note_undo(store) = (struct undo){ .row = row, .copy = copy, .size = table->size };
	if (table->shown != 0)
		memset((char *)row + table->shown, 0, sizeof(const json_t *));
	return row;
}

static void roll_back(struct store *store, size_t mark)
{
	while (store->inside->undo_count > mark) {
		struct undo *undo = &store->inside->undo[--store->inside->undo_count];

		if (undo->copy != NULL)
			memcpy(undo->row, undo->copy, undo->size);
		else
			undo->table->count--;
	}
}

/* ---- what is told after a transaction ---- */

static void tell(struct store *store, enum told what, void *row)
{
	struct store_inside *inside = store->inside;

	inside->told =
		grown(inside->told, &inside->told_room, inside->told_count, sizeof *inside->told);
	inside->told[inside->told_count].what = what;
	inside->told[inside->told_count++].row = row;
}

void store_tell_task(struct store *store, struct row_task *task)
{
	tell(store, TOLD_TASK, task);
}

void store_tell_order(struct store *store, struct row_order *order)
{
	tell(store, TOLD_ORDER, order);
}

void store_tell_install(struct store *store, struct row_install *install)
{
	tell(store, TOLD_INSTALL, install);
}

void store_notify(struct store *store)
{
	store->inside->notified = true;
}

void store_notify_tasks(struct store *store)
{
	store->inside->notified_tasks = true;
}

static void tell_one(struct store *store, size_t index)
{
	const struct store_watch *watch = &store->watch;
	const void *row = store->inside->told[index].row;

	switch (store->inside->told[index].what) {
	case TOLD_TASK:
		if (watch->on_task != NULL)
			watch->on_task(watch->context, row);
		return;
	case TOLD_ORDER:
		if (watch->on_order != NULL)
			watch->on_order(watch->context, row);
		return;
	case TOLD_INSTALL:
		if (watch->on_install != NULL)
			watch->on_install(watch->context, row);
		return;
	}
}

static void tell_all(struct store *store)
{
	struct store_inside *inside = store->inside;
	bool notified = inside->notified, notified_tasks = inside->notified_tasks;

	for (size_t i = 0; i < inside->told_count; i++)
		tell_one(store, i);
	inside->told_count = 0;
	inside->notified = inside->notified_tasks = false;
	for (; inside->journal_told < store->journal.count; inside->journal_told++)
		if (store->watch.on_journal != NULL)
			store->watch.on_journal(store->watch.context,
				store_row(store->journal, journal, inside->journal_told));
	if (notified && store->watch.on_notify != NULL)
		store->watch.on_notify(store->watch.context, false);
	if (notified_tasks && store->watch.on_notify != NULL)
		store->watch.on_notify(store->watch.context, true);
}

static void forget_told(struct store *store)
{
	store->inside->told_count = 0;
	store->inside->notified = store->inside->notified_tasks = false;
}

/* ---- set statements ---- */

/* The SQLSTATE that a fault of the store stands for. */
static const char *state_of(const struct fault *fault)
{
	switch (fault->kind) {
	case FAULT_DENIED:
		return "XQ403";
	case FAULT_ABSENT:
		return "XQ404";
	case FAULT_CONFLICT:
		return strchr(fault->text, '[') != NULL ? "23514" : "XQ409";
	case FAULT_NONE:
	case FAULT_INPUT:
	case FAULT_LATER:
	case FAULT_REFUSED:
	case FAULT_UNSURE:
	case FAULT_HUMAN:
	case FAULT_BUG:
	case FAULT_KIND_COUNT:
		break;
	}
	return "P0001";
}

bool store_each(struct store *store, struct ask *ask, int columns, item_fn *run)
{
	JSON *items = ask_json(ask, 0);
	const json_t *item;
	struct fault fault, *outer = ask->fault;
	size_t i;

	ask_columns(ask, 3 + columns);
	ask->fault = &fault;
	json_array_foreach(items, i, item)
	{
		size_t mark = store->inside->undo_count, told = store->inside->told_count;
		int row = PQntuples(ask->rows);

		ask->place = (int)i + 1;
		if (run(store, ask, item, row))
			continue;
		if (ask->all_fail) {
			*outer = fault;
			ask->fault = outer;
			return false;
		}
		roll_back(store, mark);
		store->inside->told_count = told;
		ask_put_number(ask, row, 0, ask->place);
		ask_put(ask, row, 1, state_of(&fault));
		ask_put(ask, row, 2, fault.text);
	}
	ask->fault = outer;
	return true;
}

/* ---- answers and arguments ---- */

void ask_columns(struct ask *ask, int columns)
{
	static char name[] = "column";
	PGresAttDesc attributes[ASK_COLUMNS];

	memset(attributes, 0, sizeof attributes);
	for (int i = 0; i < columns; i++)
		attributes[i].name = name;
	if (PQsetResultAttrs(ask->rows, columns, attributes) == 0)
		abort();
}

void ask_put(struct ask *ask, int row, int column, const char *value)
{
	OWNED char *copy = text_dup(value);

	if (PQsetvalue(ask->rows, row, column, copy, copy != NULL ? (int)strlen(copy) : -1) == 0)
		abort();
}

void ask_put_number(struct ask *ask, int row, int column, int64_t value)
{
	char text[NUMBER_TEXT];

	(void)snprintf(text, sizeof text, "%" PRId64, value);
	ask_put(ask, row, column, text);
}

void ask_reply(struct ask *ask, const char *value)
{
	ask_columns(ask, 1);
	ask_put(ask, 0, 0, value);
}

void ask_reply_json(struct ask *ask, json_t *value)
{
	OWNED char *text = json_write(value);

	json_decref(value);
	ask_reply(ask, text);
}

const char *ask_text(const struct ask *ask, int index)
{
	return index < ask->n ? ask->args[index] : NULL;
}

int64_t ask_number(const struct ask *ask, int index, int64_t otherwise)
{
	int64_t number = otherwise;
	const char *text = ask_text(ask, index);

	return text != NULL && number_parse(&number, text, INT64_MIN, INT64_MAX) ? number
										 : otherwise;
}

json_t *ask_json(const struct ask *ask, int index)
{
	const char *text = ask_text(ask, index);
	json_t *value = text != NULL ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;

	return value != NULL ? value : json_object();
}

int64_t store_now(void)
{
	return clock_now();
}

json_t *json_instant(int64_t at)
{
	char text[CLOCK_TEXT + 8];

	if (at == NO_INSTANT)
		return json_null();
	clock_format(text, at);
	(void)snprintf(strchr(text, 'Z'), sizeof "+00:00", "+00:00");
	return json_string(text);
}

const char *json_as_text(const json_t *object, const char *key)
{
	static char text[NUMBER_TEXT];
	const json_t *value = json_object_get(object, key);

	if (json_is_string(value))
		return json_string_value(value);
	if (json_is_boolean(value))
		return json_is_true(value) ? "true" : "false";
	if (!json_is_integer(value))
		return NULL;
	(void)snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	return text;
}

int64_t json_as_instant(const json_t *object, const char *key)
{
	int64_t at;

	return clock_parse(&at, json_peek_text(object, key)) ? at : NO_INSTANT;
}

/* ---- statements ---- */

/* The text of an agreement is never missing: the twin's people accept by its digest. */
static bool ask_agreement_missing(struct store *store, struct ask *ask)
{
	(void)store;
	ask_columns(ask, 1);
	return true;
}

static const struct {
	const char *text, *name;
	ask_fn *run;
	bool reads;
} statements[] = {
	{ sql_campaigns_start, "campaigns_start", ask_start, false },
	{ sql_renewals_claim, "renewals_claim", ask_claim, false },
	{ sql_renewals_load, "renewals_load", ask_load, true },
	{ sql_effects_intend, "effects_intend", ask_intend, false },
	{ sql_renewals_conclude, "renewals_conclude", ask_conclude, false },
	{ sql_cas_register, "cas_register", ask_cas_register, false },
	{ sql_breaker_load, "breaker_load", ask_breaker_load, true },
	{ sql_breaker_store, "breaker_store", ask_breaker_store, false },
	{ sql_renewal_reclaim, "renewal_reclaim", ask_reclaim, false },
	{ sql_renewal_files, "renewal_files", ask_files, true },
	{ sql_campaign_plan, "campaign_plan", ask_plan, true },
	{ sql_campaigns_finish, "campaigns_finish", ask_finish, false },
	{ sql_sweep_next, "sweep_next", ask_next, true },
	{ sql_ca_facts_save, "ca_facts_save", ask_facts_save, false },
	{ sql_ca_facts_alarm, "ca_facts_alarm", ask_facts_alarm, false },
	{ sql_agreement_missing, "agreement_missing", ask_agreement_missing, true },
	{ sql_ca_facts_load, "ca_facts_load", ask_facts_load, true },
	{ sql_payee_task, "payee_task", ask_payee_task, false },
	{ sql_admin_needed, "admin_needed", ask_admin_needed, true },
	{ sql_task_done, "task_done", ask_task_done, false },
	{ sql_tasks_done, "tasks_done", ask_tasks_done, false },
	{ sql_certificates_upload, "certificates_upload", ask_certificates_upload, false },
	{ sql_campaign_approve, "campaign_approve", ask_approve, false },
	{ sql_hold_set, "hold_set", ask_hold_set, false },
	{ sql_hold_release, "hold_release", ask_hold_release, false },
	{ sql_renewal_withdraw, "renewal_withdraw", ask_withdraw, false },
	{ sql_task_untended, "task_untended", ask_untended, true },
	{ sql_tasks_tend, "tasks_tend", ask_tend, false },
	{ sql_advise, "advise", ask_told, true },
	{ sql_engine_look, "engine_look", ask_told, true },
	{ sql_engine_reap, "engine_reap", ask_reap, false },
	{ sql_restore_next, "restore_next", ask_restore_next, true },
	{ sql_restore_left, "restore_left", ask_restore_left, true },
	{ sql_payments_to_export, "payments_to_export", ask_to_export, true },
	{ sql_payments_exported, "payments_exported", ask_exported, false },
	{ sql_statement_save, "statement_save", ask_statement_save, false },
	{ sql_match_orders, "match_orders", ask_match_orders, true },
	{ sql_match_lines, "match_lines", ask_match_lines, true },
	{ sql_links_save, "links_save", ask_links_save, false },
	{ sql_match_confirm, "match_confirm", ask_confirm, false },
	{ sql_match_release, "match_release", ask_release, false },
	{ sql_agent_orders, "agent_orders", ask_offer, false },
	{ sql_agent_permit, "agent_permit", ask_permit, false },
	{ sql_agent_result, "agent_result", ask_result, false },
};

static size_t find_statement(const char *statement)
{
	for (size_t i = 0; i < COUNT_OF(statements); i++)
		if (statements[i].text == statement)
			return i;
	for (const struct sql_entry *entry = sql_entries; entry->name != NULL; entry++)
		if (entry->text == statement)
			(void)fprintf(stderr,
				"twin: the product runs the statement %s, which tests/twin/store.c does not know: "
				"mirror it there and in tests/unit/twin_store_test.c\n",
				entry->name);
	abort();
}

const char *store_statement_name(const char *statement)
{
	return statements[find_statement(statement)].name;
}

bool store_statement_reads(const char *statement)
{
	return statements[find_statement(statement)].reads;
}

PGresult *store_run(struct store *store, const char *statement, int n, const char *const *args,
	struct fault *fault)
{
	struct ask ask = { .n = n,
		.args = args,
		.rows = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK),
		.fault = fault };

	store->version += !statements[find_statement(statement)].reads;
	store->inside->undo_count = 0;
	store->inside->journal_told = store->journal.count;
	if (statements[find_statement(statement)].run(store, &ask)) {
		store->inside->undo_count = 0;
		tell_all(store);
		return ask.rows;
	}
	roll_back(store, 0);
	forget_told(store);
	PQclear(ask.rows);
	return NULL;
}
