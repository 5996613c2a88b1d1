/* SPDX-License-Identifier: Apache-2.0 */
/* A card before the person who works it off. */
#pragma once

#include "tests/twin/world.h"

struct card {
	struct world *world;
	const struct row_task *task;
	const struct row_renewal *renewal;
	json_t *answer; /* what is given back; empty: nothing yet */
};

const char *card_shows(const struct card *card, const char *key); /* a value of the card, or NULL */
/* Give back WORD (NULL: nothing) or an amount. */
void card_say(struct card *card, const char *key, const char *word);
void card_say_yuan(struct card *card, const char *key, int64_t fen);
/* A page of the CA, or what it answers to BODY (taken): own. */
json_t *card_page(const struct card *card, const char *path, int *status);
json_t *card_post(const struct card *card, const char *path, json_t *body, int *status);
/* The page of the application NUMBER (own), or NULL. */
json_t *card_application(const struct card *card, const char *number);
bool view_is_over(const json_t *view);
/* What an expired certificate wants attached. */
json_t *card_papers(void);

/* ---- sittings_after.c: what follows the sitting ---- */
void after_review(struct card *card);
void after_install(struct card *card);
void after_invoice(struct card *card);
void after_withdraw(struct card *card);
void after_refund(struct card *card);
