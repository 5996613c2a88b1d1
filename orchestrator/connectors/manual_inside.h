/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the manual connector share: a card, and the desk at which one call is answered. */
#pragma once

#include "orchestrator/connectors/manual.h"

/* How a value of the renewal's document is written on a card. */
enum card_form {
	FORM_TEXT,
	FORM_MISSING, /* a text; -- where there is none, as the guide's confirm page writes it */
	FORM_TIME,    /* an instant, Beijing time, to the second: 2025-11-04 17:10:09 */
	FORM_PAID,    /* an instant at the precision that stands beside it */
	FORM_YUAN,    /* fen as 200.00 */
	FORM_YEARS,   /* 1年 */
	FORM_KIND,    /* 临期, 过期 */
	FORM_PAYEE    /* the pinned payee, not of the document */
};

struct card_value {
	const char *key, *label, *path;
	enum card_form form;
};

/* What a person gives back.  Words of `choices` and of `when` are separated by |. */
struct card_ask {
	const char *key, *label;
	const char *choices; /* NULL: any text */
	const char *when;    /* needed where `result` is one of these; NULL: always */
	const char *form;    /* NULL, or yuan, date, version, file */
};

enum { CARD_VALUES_MAX = 20, CARD_ASKS_MAX = 12 };

struct manual_card {
	const char *kind, *role, *title;
	const char *steps;   /* numbered, in the guide's words and order */
	const char *english; /* the same for who reads no Chinese */
	const char *if_ignored;
	struct card_value values[CARD_VALUES_MAX]; /* up to one without a key */
	struct card_ask asks[CARD_ASKS_MAX];
};

extern const struct manual_card bind_card, apply_card, remit_card, review_card, install_card,
	invoice_card, withdraw_card, refund_card;

/* One call at the desk. */
struct desk {
	const struct connector_call *call;
	const char *payee_name;
	struct outcome *out;
};

/* Texts and numbers of the document at a dotted path; NULL, or OTHERWISE. */
const json_t *desk_at(const struct desk *desk, const char *path);
const char *desk_text(const struct desk *desk, const char *path);
int64_t desk_number(const struct desk *desk, const char *path, int64_t otherwise);

/* The task (in the words of stage_task) of CARD, with COMPLAINT before its steps where there is one, under REF. */
json_t *card_task(const struct desk *desk, const struct manual_card *card, const char *ref,
	const char *complaint);
/* What is wrong with ANSWER, as a sentence on the heap, or NULL. */
char *card_complaint(const struct manual_card *card, const json_t *answer);

/* 200.00 into fen; false for anything else. */
bool card_yuan(int64_t *fen, const char *text);

/* ---- manual_desk.c: a card and its answer ---- */

/* The newest task of CARD, and its answer once it is done; NULL if there is none. */
const json_t *desk_task(const struct desk *desk, const struct manual_card *card);
const json_t *desk_answer(const struct desk *desk, const struct manual_card *card);
/* When the newest task of KIND was closed; "" if it was not. */
const char *desk_closed_at(const struct desk *desk, const char *kind);
/* The answer's `result`, "" if it has none. */
const char *answer_result(const json_t *answer);
bool answer_is(const json_t *answer, const char *result);
/* The application stands at the CA; else the sitting stopped before. */
bool answer_submitted(const json_t *answer);
/* The number that names the next attempt of OP: what was settled, and one more. */
int64_t desk_next_attempt(const struct desk *desk, const char *op);

/* DONE with DATA (taken). */
void desk_done(struct desk *desk, json_t *data);
/* REFUSED with CODE; TEXT NULL: the code says it all. */
void desk_refuse(struct desk *desk, const char *code, const char *text);
/* The same for an effect: to an ask nothing arrived, and the call itself then gives the refusal. */
void desk_refuse_effect(struct desk *desk, const char *code, const char *text);
/* NEED_HUMAN with CARD under REF, and COMPLAINT (may be NULL) before its steps. */
void desk_ask(
	struct desk *desk, const struct manual_card *card, const char *ref, const char *complaint);
/* The usable answer that was given to CARD under REF.  Otherwise NULL, and the outcome says to ask: nothing arrived
 * yet, the card stands open, or its answer cannot be used. */
const json_t *desk_answered(struct desk *desk, const struct manual_card *card, const char *ref);
/* The same, but for the result WAITING, which is none: it holds for some hours, then the card opens anew. */
const json_t *desk_decided(
	struct desk *desk, const struct manual_card *card, const char *ref, const char *waiting);

/* A result, the code that it stands for, and which of the answer's texts says more (or NULL). */
struct refusal {
	const char *result, *code, *text;
};

/* Answer by the refusal that ANSWER's result stands for, if LIST has one. */
bool desk_refused_by(
	struct desk *desk, const json_t *answer, const struct refusal *list, size_t count);

/* ---- who reads what ---- */

void manual_read_bind(struct desk *desk); /* manual_apply.c */
void manual_read_bind_status(struct desk *desk);
void manual_read_open(struct desk *desk);
void manual_read_agree(struct desk *desk);
void manual_read_terms(struct desk *desk);
void manual_read_step(struct desk *desk);
void manual_read_remit(struct desk *desk);
void manual_read_pay_status(struct desk *desk);
void manual_read_status(struct desk *desk); /* manual_after.c */
void manual_read_resubmit(struct desk *desk);
void manual_read_withdraw(struct desk *desk);
void manual_read_issuance(struct desk *desk);
void manual_read_invoice(struct desk *desk);
void manual_read_refund(struct desk *desk);
