/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the twin's store share: the statement being answered, transactions, rows that change. */
#pragma once

#include "tests/twin/store.h"

enum { ASK_COLUMNS = 16 };

/* A statement on its way to its answer. */
struct ask {
	int n;
	const char *const *args;
	PGresult *rows;
	int place;     /* of the item of a set statement, from 1 */
	bool all_fail; /* what this item did wrong fails the whole set statement */
	struct fault *fault;
};

typedef bool ask_fn(struct store *store, struct ask *ask);

/* The answer's columns (all text), then its rows value by value; a NULL value is SQL's null. */
void ask_columns(struct ask *ask, int columns);
void ask_put(struct ask *ask, int row, int column, const char *value);
void ask_put_number(struct ask *ask, int row, int column, int64_t value);
/* One row of one column. */
void ask_reply(struct ask *ask, const char *value);
void ask_reply_json(struct ask *ask, json_t *value); /* value is taken */
/* Arguments; a missing or null number is OTHERWISE. */
int64_t ask_number(const struct ask *ask, int index, int64_t otherwise);
const char *ask_text(const struct ask *ask, int index);
json_t *ask_json(const struct ask *ask, int index); /* own reference, never NULL */

/* About to change ROW of TABLE: what it was is restored if the statement is refused. */
void *store_touch(struct store *store, const struct table *table, void *row);
#define touch(store, name, row) ((struct row_##name *)store_touch((store), &(store)->name, (row)))
/* To be told once the statement is kept. */
void store_tell_task(struct store *store, struct row_task *task);
void store_tell_order(struct store *store, struct row_order *order);
void store_tell_install(struct store *store, struct row_install *install);
void store_notify(struct store *store);
void store_notify_tasks(struct store *store); /* xuqi_tasks */

/* now() of the database. */
int64_t store_now(void);
/* A JSON instant as jsonb shows a timestamptz in UTC; null for NO_INSTANT. */
json_t *json_instant(int64_t at);
/* ->> : a member as text, or NULL; numbers and flags are written out (borrowed until the next call). */
const char *json_as_text(const json_t *object, const char *key);
/* An instant that a document holds as text; NO_INSTANT if absent. */
int64_t json_as_instant(const json_t *object, const char *key);

/* ---- rules that several statements share ---- */
bool store_is_held(const struct store *store, int64_t unit, const char *ca);
bool store_is_final(const char *state);
/* Why a new effect must wait, or NULL; and for how many seconds. */
const char *store_over_cap(
	const struct store *store, const struct row_renewal *renewal, const char *op);
int64_t store_cap_s(const char *reason);
/* The renewal under the caller's fence, or NULL with a fault.  (A variant of the twin leaves the fence out.) */
struct row_renewal *store_fenced(
	struct store *store, int64_t id, int64_t epoch, struct fault *fault);
bool store_fence_holds(const struct row_renewal *renewal, int64_t epoch);
bool store_move(struct store *store, struct row_renewal *renewal, const char *event, const char *to,
	const char *by, struct fault *fault);
void store_journal(struct store *store, int64_t renewal, const char *event, const char *by);
void store_wake(struct store *store, struct row_renewal *renewal);
void store_rest(struct store *store, struct row_renewal *renewal, const json_t *wait);
/* The newest task of a kind of a renewal, or NULL. */
struct row_task *store_task_of(const struct row_renewal *renewal, const char *kind);
bool store_task_open(
	struct store *store, struct row_renewal *renewal, const json_t *doc, struct fault *fault);
/* qr_is_free: no other QR code of its handler is alive, or may be. */
bool store_code_is_free(const struct store *store, const struct row_renewal *renewal);
/* qr_turn: it may have one made now. */
bool store_code_turn(const struct store *store, const struct row_renewal *renewal);
/* RENEWAL changed; it was in STATE and waited for REASON. */
void store_code_left(struct store *store, const struct row_renewal *renewal, const char *state,
	const char *reason);
/* TASK (touched already) holds no secret any more: a QR code that was scanned or has run out makes room. */
void store_task_forget(struct store *store, struct row_task *task);
void store_tasks_close(struct store *store, struct row_renewal *renewal, const char *kind);
/* May PERSON finish TASK with what DOC gives back; and do it. */
bool store_task_may_end(const struct store *store, const struct row_task *task,
	const json_t *person, const json_t *doc, struct fault *fault);
void store_task_end(
	struct store *store, struct row_task *task, const json_t *person, const json_t *doc);
/* Can the card TASK use VALUES?  Other tasks take any. */
bool store_card_check(const struct store *store, const struct row_task *task, const json_t *values,
	struct fault *fault);
/* A task without a renewal. */
struct row_task *store_task_add(struct store *store, const char *kind, const char *role);
bool store_pin_is_barred(const struct store *store, int64_t token);
json_t *store_document(const struct store *store, const struct row_renewal *renewal);
/* ---- store_ticket.c ---- */
/* The text that travels in the place of DOCUMENT (taken). */
char *store_ticket(struct store *store, json_t *document);
typedef json_t *store_part_fn(const struct store *store, const void *row);
/* What MAKE says of ROW, from *KEPT if that is there. */
json_t *store_part(
	const struct store *store, const json_t **kept, store_part_fn *make, const void *row);
/* What a row holds, shared: nobody changes the JSON that rows and documents point to. */
json_t *store_shared(const json_t *value);

/* Of each item of a set statement ($1), at its place from 1: rows n, failed, why, then COLUMNS of its own.  What an item
 * that fails has written is rolled back; the others go through. */
typedef bool item_fn(struct store *store, struct ask *ask, const json_t *item, int row);
bool store_each(struct store *store, struct ask *ask, int columns, item_fn *run);
/* What comes of a conclusion's turns (conclude_turns). */
bool store_turns(
	struct store *store, struct row_renewal *renewal, const json_t *doc, struct fault *fault);
void store_turns_document(
	const struct store *store, const struct row_renewal *renewal, json_t *doc);
json_t *store_certificate_facts(const struct store *store, struct row_certificate *certificate);
/* May a transfer of the bank's have left for the order? */
bool store_is_transfer(const struct store *store, const struct row_order *order);
bool store_is_paid(const struct store *store, int64_t renewal);
/* Money that came back: the line that says so of ORDER (NULL: none); was LINE taken up already; does MEMO speak of
 * another order than ORDER; whom does a new LINE concern? */
const struct row_line *store_returned_line(
	const struct store *store, const struct row_order *order);
bool store_is_returned(const struct store *store, int64_t line);
bool store_speaks_of_another(
	const struct store *store, const struct row_order *order, const char *memo);
void store_line_concerns(struct store *store, const struct row_line *line);
/* The statements, by file. */
ask_fn ask_claim, ask_load, ask_intend, ask_conclude, ask_reclaim, ask_files, ask_plan, ask_start,
	ask_finish, ask_next, ask_facts_save, ask_facts_load, ask_facts_alarm, ask_payee_task,
	ask_admin_needed, ask_cas_register, ask_breaker_load, ask_breaker_store;
ask_fn ask_task_done, ask_approve, ask_withdraw, ask_hold_set, ask_hold_release;
ask_fn ask_to_export, ask_exported, ask_statement_save, ask_match_orders, ask_match_lines,
	ask_links_save, ask_confirm, ask_release;
ask_fn ask_offer, ask_permit, ask_result;
ask_fn ask_tasks_done, ask_certificates_upload;
ask_fn ask_untended, ask_tend, ask_reap, ask_told, ask_restore_next, ask_restore_left;
