/* SPDX-License-Identifier: Apache-2.0 */
/* The twin's database: the rows of schema/ that the work on a renewal reads and writes, in memory, and the
 * product's statements (sql.h) answered from them as PostgreSQL answers: same gates, same refusals, all or nothing.
 * A unit test runs the same statements here and on PostgreSQL and compares every answer.  A statement that is not
 * known here ends the program: the twin must not fall behind the product unnoticed. */
#pragma once

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fault.h"
#include "common/json.h"

/* Instants that are SQL's null and infinity. */
#define NO_INSTANT INT64_MIN
#define FOREVER    INT64_MAX

/* ---- rows (every one begins with its id; texts and JSON live as long as the store) ---- */

/* shown: the part of a renewal's document that the row alone gives, until store_touch (store_ticket.c). */
struct row_entity { /* legal_entities with its one payer account */
	int64_t id;
	const json_t *shown;
	const char *name, *uscc, *tax_id, *invoice_title, *payer_account, *payer_name, *payer_bank;
};

struct row_person {
	int64_t id;
	const json_t *shown;
	const char *login, *name, *mobile, *email, *role;
};

struct row_workstation { /* with its one agent */
	int64_t id;
	const char *name, *place, *client_version;
	int64_t agent;
};

struct row_token {
	int64_t id;
	const char *serial, *label;
	int64_t workstation;
	bool present;
};

struct row_set {
	int64_t id;
	const char *holder, *uscc, *service, *media_no;
	int64_t not_after, unit, entity, handler, token;
	const json_t *shown;
};

struct row_certificate {
	int64_t id, set, replaced_by; /* 0: null */
	const char *issuer_sha256, *serial, *sha256, *role, *spki_sha256, *subject_sha256, *der_b64;
	int64_t not_after;
	const json_t *shown;
};

struct row_campaign {
	int64_t id;
	const char *name, *status, *digest;
	const json_t *policy, *plan, *shown;
	int64_t created_by, start_at;
};

struct row_approval {
	int64_t id, campaign, approver;
	bool touch;
	const char *digest, *agreement; /* agreement: of the plan that was signed */
};

struct row_effect {
	int64_t id, renewal;
	const char *op;
	int64_t attempt;
	const char *key;
	int64_t intended_at, asked, settled_at;
	const char *outcome;
	struct row_effect *older; /* of the same renewal */
};

struct row_task {
	int64_t id;
	const char *kind;
	int64_t renewal, workstation, token, assignee; /* 0: null */
	const char *role, *title, *instruction;
	const json_t *needs, *values;
	const char *secret, *state;
	const json_t *answer;
	int64_t opened_at, due_at, closed_at, closed_by;
	int64_t escalate_at, escalations;
	const json_t *files; /* of task_files: n, name, media_type, content_b64 */
	const json_t *shown;
	struct row_task *older; /* of the same renewal */
};

struct row_renewal {
	int64_t id, campaign, set, handler;
	const char *kind, *state, *ca;
	bool works, ended; /* of the state: workers look after it; nothing leaves it */
	int64_t old_not_after, term_years, approved_fen, quoted_fen; /* quoted: 0 is null */
	int64_t spend_approval, touch_approval;                      /* 0: null */
	const char *client_ref;
	const json_t *facts;
	int64_t epoch, claimed_at, claimed_until, woken_at, due_at, attempts, changed_at;
	const char *blocked_reason, *last_error;
	struct row_effect *effects; /* newest first, as tasks */
	struct row_task *tasks;
};

struct row_journal {
	int64_t id, renewal, at;
	const char *event, *from, *to, *by; /* from, to: NULL where it is no move */
};

struct row_order { /* payment_orders */
	int64_t id;
	const char *reference, *payer_account, *payer_name, *payee_name, *payee_account,
		*payee_bank;
	int64_t amount_fen;
	const char *status, *method;
	int64_t made_at, paid_at;
};

struct row_due {
	int64_t id, renewal, order, amount_fen;
};

struct row_binding { /* bindings; its one CA */
	int64_t id, set;
	const char *certificate_id, *account;
};

struct row_credit {
	int64_t id, renewal, set, order, amount_fen;
	const char *state;
};

struct row_refund {
	int64_t id, renewal, line;
};

struct row_giveback {
	int64_t id, order, line; /* line 0: the CA said so */
	int64_t debit;           /* the transfer; 0: in no statement */
};

struct row_breaker { /* cas */
	int64_t id;
	const char *ca, *state;
	int64_t version, failures, openings, since_at, until_at;
};

struct row_line { /* statement_lines with what its statement says */
	int64_t id;
	bool proven, comes_in;
	const json_t *doc; /* the line as statement_save took it */
};

struct row_link {
	int64_t id, line, order;
	const char *rule, *verdict;
	int64_t confirmed_by, released_by;
};

struct row_install {
	int64_t id, renewal, token;
	const char *state, *outcome;
	const json_t *body, *result;
	int64_t offered_to, reported_at;
};

struct row_pin {
	int64_t id, token, order;
	const char *ref, *outcome;
	int64_t permitted_at, expires_at, reported_at, cleared_at;
};

struct row_invoice {
	int64_t id, renewal;
	const char *number, *state;
	int64_t total_fen;
};

struct row_hold {
	int64_t id, unit; /* 0: everything */
	const char *ca;   /* NULL: of every CA */
	bool released;
	int64_t asked_by, set_at; /* asked_by: who released it first; 0: nobody */
};

/* ---- tables ---- */

struct table {
	void **rows;
	size_t count, room, size; /* size: of a row */
	size_t shown;             /* where a row keeps its part of a document; 0: nowhere */
	int64_t last_id;          /* what the identity column gave last */
};

/* clang-format off */
#define STORE_TABLES(X) \
	X(entity) X(person) X(workstation) X(token) X(set) X(certificate) X(campaign) X(approval) X(effect) X(task) \
	X(renewal) X(journal) X(order) X(due) X(line) X(link) X(install) X(pin) X(invoice) X(hold) X(binding) X(credit) \
	X(refund) X(giveback) X(breaker)

/* clang-format on */

struct store_watch {
	/* Told after each transaction that was kept.  ROW belongs to the table named. */
	void (*on_task)(void *context, const struct row_task *task); /* opened or changed */
	void (*on_order)(void *context, const struct row_order *order);
	void (*on_install)(void *context, const struct row_install *install);
	void (*on_journal)(void *context, const struct row_journal *line);
	/* A lease was given, and an intent or a conclusion taken under a lease: as they happen. */
	void (*on_claim)(void *context, int64_t renewal, int64_t epoch);
	void (*on_fenced)(void *context, int64_t renewal, int64_t epoch);
	void (*on_load)(void *context, int64_t renewal, int64_t epoch); /* its document was read */
	void (*on_notify)(void *context, bool tasks); /* pg_notify('xuqi_wake'), or of xuqi_tasks */
	void *context;
};

struct store;

#define STORE_TABLE_FIELD(name) struct table name;

struct store {
	STORE_TABLES(STORE_TABLE_FIELD)
	const char *installation; /* its id */
	const json_t *
		ca_meta; /* what the CA with an interface says of itself, and what is wrong with it */
	const char *ca_alert;
	const json_t *prices; /* what people wrote down of the CA without one */
	int64_t lease_epoch;
	int64_t daily_cap; /* of the CA with an interface; 0: none */
	bool office_hours;
	uint64_t version; /* one more with every statement that may have written */
	struct store_watch watch;
	bool gives_tickets; /* renewals_load answers with tickets, which store_redeem takes */
	json_t *tickets;
	struct store_inside *inside;
};

#undef STORE_TABLE_FIELD

struct store *store_new(void);
void store_free(struct store *store);

/* Run STATEMENT (one of sql.h's constants): rows as PostgreSQL would give them (the caller's), or NULL with the
 * fault that db.h would report, and nothing changed. */
PGresult *store_run(struct store *store, const char *statement, int n, const char *const *args,
	struct fault *fault);
/* The name of STATEMENT in orchestrator/store; ends the program if the store does not know it. */
const char *store_statement_name(const char *statement);
/* May STATEMENT be repeated or lost without a difference (it only reads)? */
bool store_statement_reads(const char *statement);

/* The document (own reference) that travels as the ticket TEXT of LEN bytes; NULL if that is none. */
json_t *store_redeem(struct store *store, const char *text, size_t len);
/* Set what STATE is, and what follows from it. */
void store_set_state(struct row_renewal *renewal, const char *state);
/* When the first renewal that nobody holds is due, or the first lease runs out; FOREVER if there is none. */
int64_t store_next_due(const struct store *store);

/* Is TASK open although nobody need do it any more (engine_reap)? */
bool store_task_is_idle(const struct store *store, const struct row_task *task);
/* For fixtures and for what no statement does: a row with the next id, zeroed; the row of an id, or NULL. */
void *store_add(struct store *store, struct table *table);
void *store_find(const struct table *table, int64_t id);
void *store_get(const struct table *table, int64_t id); /* must be there */
#define store_row(table, type, index) ((struct row_##type *)(table).rows[index])
/* The workstation reports: its plugged tokens are those of SERIALS (ends with NULL), its client has VERSION. */
void store_check_in(
	struct store *store, int64_t agent, const char *version, const char *const *serials);
const char *store_text(struct store *store, const char *text); /* a copy; NULL stays NULL */
const json_t *store_json(struct store *store, json_t *value);  /* kept, value is taken */
/* Of this CA: what is known, or NULL; its breaker, or NULL. */
const json_t *store_facts(const struct store *store, const char *ca);
struct row_breaker *store_breaker(const struct store *store, const char *ca);
/* Two people have written down other prices (META, taken): prices_apply. */
void store_prices(struct store *store, json_t *meta);
/* The order that a renewal's due names, or NULL; likewise its open install order. */
struct row_order *store_order_of(const struct store *store, int64_t renewal);
/* The n-th renewal of an order, from 0; 0 if there is none. */
int64_t store_renewal_of(const struct store *store, int64_t order, size_t nth);
struct row_install *store_install_of(const struct store *store, int64_t renewal);
