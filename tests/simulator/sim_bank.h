/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated bank: executes payment files, keeps accounts, writes statements.  It is the CA's
 * witness too: a remittance is compared with what stands here. */
#pragma once

#include "tests/simulator/sim_inside.h"

/* `200.00` with at most two decimals, above zero, in fen. */
bool bank_amount(int64_t *fen, const char *text);

/* One line to be booked; texts are borrowed and may be NULL. */
struct bank_line {
	int64_t at, debit_fen, credit_fen;
	const char *peer_name, *peer_account, *peer_bank, *summary, *remark;
};

/* Book LINE on ACCOUNT; never earlier than the line before.  Returns the record (borrowed). */
json_t *bank_book(struct sim *sim, json_t *account, const struct bank_line *line);
/* A transfer of PAYMENT comes back as a credit from the payee (nothing for WeChat). */
void bank_refund(struct sim *sim, const json_t *payment, const json_t *refund, int64_t at);

void post_bank_execute(struct sim_call *call);
void post_bank_return(struct sim_call *call); /* sim_returns.c */
void get_bank_statement(struct sim_call *call);
void get_bank_accounts(struct sim_call *call);

/* The account NUMBER (borrowed), or NULL. */
json_t *bank_account(const struct sim *sim, const char *number);

/* Instants as a bank in China writes them: `20261122 17:07:09` and `20261122`, Asia/Shanghai. */
enum { BANK_TIME_TEXT = 24 };

void bank_time(char out[BANK_TIME_TEXT], int64_t at);
void bank_day(char out[BANK_TIME_TEXT], int64_t at);
