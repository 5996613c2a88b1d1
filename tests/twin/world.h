/* SPDX-License-Identifier: Apache-2.0 */
/* One world of the twin: a fleet and its people drawn from a seed, one or two xuqid over one store, one CA with its
 * bank, and the weather.  First a storm (faults, kills, people who err), then calm (no faults, diligent people), in
 * which everything must come to an end. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/json.h"
#include "tests/twin/process.h"

enum { PROCESSES = 2, WORLD_ERRORS = 20 };

/* What a run is asked for. */
/* Seconds; wide, because they are multiplied. */
#define MINUTE INT64_C(60)
#define HOUR   INT64_C(3600)

struct world_options {
	uint64_t seed;
	int renewals; /* at least one */
	bool trace;
	bool by_harm; /* do not look at leases themselves, only at what a lost one does */
};

/* What has been observed outside of xuqid and of its database, by the people and tokens themselves. */
struct oracle;
struct tokens;

/* What finance is about to do: one of each at a time. */
struct finance {
	bool exports, fetches, decides;
	unsigned uploads; /* files on their way to the bank */
};

/* Where the money of a renewal is, in payments. */
struct money {
	unsigned left, returned, refunded, refunding, kept; /* kept: a refund that the CA gave up */
	const char *
		serial; /* of the last transfer that was not given back; NULL: none (the simulator's) */
};

struct world {
	struct world_options options;
	int64_t started_at, calm_at, end_at;
	bool calm;
	struct clockwork *clockwork;
	struct store *store;
	struct outside outside;
	struct weather weather;
	struct settings settings;
	struct process *processes[PROCESSES];
	int process_count;
	unsigned kill_chance, stall_chance; /* per turn, in a million */
	unsigned error_chance;              /* how often people err */
	struct dice actor_dice, kill_dice;
	struct oracle *oracle;
	struct tokens *tokens;
	struct finance finance;
	int64_t away, back_at;  /* a handler who does nothing before that instant; 0: nobody */
	json_t *codes;          /* QR codes that people have on their screens */
	uint64_t kills, looked; /* looked: the version of the store that was seen last */
	bool all_ended, again;  /* again: those that did not end well are renewed once more */
	bool says_used;         /* the CA takes a transfer for another's, wrongly */
	char first_violation[256];
	uint64_t violations;
};

/* Build the world of OPTIONS; NULL with a fault.  BASE is the simulator with its PKI, as sim_save wrote it. */
struct world *world_new(const struct world_options *options, const char *base, struct fault *fault);
void world_free(struct world *world);
/* Let it live until all has ended or the time is up; then check that nothing is stuck. */
void world_run(struct world *world);

/* The file that holds the CA's key for xuqid (made by the program, gone with it), and that key. */
extern const char twin_secret[];
struct seal_keys *twin_seals(void); /* of personal data, made by the program */
const char *twin_secret_file(void);

/* Something that must never be.  The first one is kept in words. */
void world_violated(struct world *world, const char *format, ...) PRINTF_LIKE(2, 3);
void world_line(struct world *world, const char *format, ...) PRINTF_LIKE(2, 3);
/* Run FN(WORLD-owned CONTEXT) after MICROS; DROP frees it when the world ends before. */
void world_after(struct world *world, int64_t micros, const char *name, turn_fn *fn, void *context,
	turn_fn *drop);
/* Does somebody err now? (never in the calm) */
bool world_errs(struct world *world, unsigned per_million);
/* A call to the simulator's control interface: its JSON answer (own) or NULL; *STATUS may be NULL. */
json_t *world_control(
	struct world *world, const char *method, const char *target, const char *body, int *status);

/* ---- fleet.c ---- */
bool fleet_make(struct world *world, struct dice dice, struct fault *fault);
/* All have ended: a campaign for each CA of those that did not end well.  False: there are none. */
bool fleet_again(struct world *world);
/* ---- branches.c ---- */
/* Draw what befalls which renewal. */
void branches_draw(struct world *world, struct dice dice);
/* The CA's staff put right what they did wrong for a renewal. */
void branches_mend(struct world *world, int64_t renewal);
/* True if its certificate was frozen, and is not any more. */
bool branches_thaw(struct world *world, int64_t renewal);
void branches_release_account(struct world *world, int64_t renewal);
/* What the handler can download by phone and code (the simulator's), or NULL. */
const json_t *branches_invoice(const struct world *world, int64_t renewal);
/* The CA keeps the transfer with this serial (NULL: none) for another application. */
void branches_book_over(struct world *world, const char *serial);
void branches_reissue_invoice(struct world *world, int64_t renewal);
/* ---- answers.c ---- */
/* Do outside what a task wants; true: it can be finished. */
bool answers_act(struct world *world, const struct row_task *task);
/* The answer: VALUES (taken) of a card, else (NULL) what the task needs. */
json_t *answers_body(struct world *world, const struct row_task *task, json_t *values);
void answers_withdraw(struct world *world, int64_t renewal);
/* ---- sittings.c, sittings_after.c: a CA without an interface ---- */
bool sittings_is_card(const struct row_task *task);
/* What the person gives back after having done what the card asks (own), or NULL: nothing yet. */
json_t *sittings_work(struct world *world, const struct row_task *task);
/* Correct what the review named; true: done. */
bool sittings_correct(struct world *world, const struct row_task *task);
/* Somebody writes down what the CA's page asks, now and whenever it changes. */
void sittings_begin(struct world *world);
/* ---- people.c, finance.c ---- */
void people_new(struct world *world);
void finance_begin(struct world *world);
/* The outcome of a refund as finance sees it, or NULL: nothing is sure yet (and the payee was asked). */
const char *finance_refund_word(struct world *world, int64_t renewal);
/* The bank gives the transfer with this serial back; a statement follows. */
void finance_give_back(struct world *world, const char *serial);
/* A statement as PERSON: true if the store took it. */
bool people_ask(
	struct world *world, const char *statement, int64_t person, int64_t id, json_t *body);
json_t *people_principal(const struct world *world, int64_t person);
/* The n-th person of a ROLE, from 0; there must be one. */
const struct row_person *people_of_role(const struct world *world, const char *role, size_t nth);
/* ---- tokens.c ---- */
void tokens_new(struct world *world);
void tokens_free(struct world *world);
void tokens_add(struct world *world, const struct row_token *token);
/* A person plugs TOKEN alone, or with its neighbours. */
void tokens_plug(struct world *world, int64_t id);
/* The custodian finds out the right PIN, stores it, clears the agent's ledger. */
void tokens_cure(struct world *world, int64_t id);
void tokens_update_client(struct world *world, int64_t workstation);
/* There is an order for the workstation of TOKEN. */
void tokens_wake(struct world *world, int64_t token);
/* ---- pool.c ---- */
void pool_begin(void);
/* ---- oracle.c ---- */
void oracle_new(struct world *world);
void oracle_free(struct world *world);
void oracle_on_send(void *context, const struct sim_request *request);
void oracle_on_executed(
	void *context, const struct sim_request *request, const struct sim_answer *answer);
void oracle_on_journal(void *context, const struct row_journal *line);
void oracle_on_claim(void *context, int64_t renewal, int64_t epoch);
void oracle_on_fenced(void *context, int64_t renewal, int64_t epoch);
void oracle_on_load(void *context, int64_t renewal, int64_t epoch);
void oracle_on_code(struct world *world, const struct row_task *task);
void oracle_on_order(struct world *world, const struct row_order *order);
void oracle_money(const struct world *world, int64_t renewal, struct money *money);
/* People tell what they did: approved at a gate, accepted an agreement, stated an intent. */
void oracle_approved(struct world *world, const struct row_campaign *campaign, bool touches);
void oracle_accepted(struct world *world, int64_t renewal, const char *sha256);
void oracle_stated(struct world *world, int64_t renewal);
/* A person is about to do OP of RENEWAL at the CA's pages; VALUES: of the card of a sitting. */
void oracle_on_sitting(struct world *world, const struct row_renewal *renewal, const char *op,
	const json_t *values);
/* A renewal as it stands after a statement: has whoever it waits for been told, and when is it looked at next? */
void oracle_rest(struct world *world, const struct row_renewal *renewal);
/* After every turn; and at the end. */
void oracle_look(struct world *world);
void oracle_end(struct world *world);
