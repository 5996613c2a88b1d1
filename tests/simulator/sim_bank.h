/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated bank: executes payment files, keeps accounts, writes statements.  It is the CA's
 * witness too: a remittance is compared with what stands here. */
#pragma once

#include "tests/simulator/sim_inside.h"

void post_bank_execute(struct sim_call *call);
void get_bank_statement(struct sim_call *call);
void get_bank_accounts(struct sim_call *call);

/* The account NUMBER (borrowed), or NULL. */
json_t *bank_account(const struct sim *sim, const char *number);

/* Instants as a bank in China writes them: `20261122 17:07:09` and `20261122`, Asia/Shanghai. */
enum { BANK_TIME_TEXT = 24 };

void bank_time(char out[BANK_TIME_TEXT], int64_t at);
void bank_day(char out[BANK_TIME_TEXT], int64_t at);
