/* SPDX-License-Identifier: Apache-2.0 */
/* The remittance (汇款信息): the four fields declared to the CA, 付款账号, 付款账号名称, 付款金额 and
 * 付款时间 (guide chapter 3).  They are copied raw from the bank's line, never from the plan, never
 * normalised, and the time never more exact than the bank gave it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/fault.h"
#include "common/precision.h"

enum { REMITTANCE_ACCOUNT = 64, REMITTANCE_NAME = 256, REMITTANCE_TIME = 64 };

/* What the bank's line says, as texts of the statement (borrowed). */
struct remittance_line {
	const char *own_account, *own_name;
	bool is_out;
	int64_t amount_fen;
	const char *paid_at_raw;
	int64_t paid_at;
	enum precision paid_at_precision;
	const char *bank_serial; /* "" or NULL: none */
};

struct remittance {
	char payer_account[REMITTANCE_ACCOUNT];
	char payer_name[REMITTANCE_NAME];
	int64_t amount_fen;
	char paid_at_raw[REMITTANCE_TIME];
	int64_t paid_at;
	enum precision paid_at_precision;
	char bank_serial[REMITTANCE_ACCOUNT]; /* "" if none */
};

/* Take the four fields over.  FAULT_HUMAN names the field that the line does not show (a person must
 * read it from the bank's receipt); FAULT_BUG for a credit. */
bool remittance_from_line(
	struct remittance *out, const struct remittance_line *line, struct fault *fault) MUST_CHECK;

/* The words of the gateway's REMITTANCE_MISMATCH. */
enum remittance_field {
	REMITTANCE_PAYER_ACCOUNT,
	REMITTANCE_PAYER_NAME,
	REMITTANCE_AMOUNT_SHORT,
	REMITTANCE_AMOUNT_OVER,
	REMITTANCE_PAID_AT,
	REMITTANCE_FIELDS
};

const char *remittance_field_word(enum remittance_field field);

struct remittance_mismatch {
	enum remittance_field field;
	bool is_spelling; /* the same account or name but for brackets, blanks and width */
	char text[768];   /* one sentence with both spellings side by side */
};

/* Compare what was DECLARED with what the BANK shows, byte for byte, times at the coarser precision
 * of the two.  The mismatches into OUT (room for REMITTANCE_FIELDS); their count. */
size_t remittance_compare(struct remittance_mismatch out[REMITTANCE_FIELDS],
	const struct remittance *declared, const struct remittance *bank);
