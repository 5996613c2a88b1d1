/* SPDX-License-Identifier: Apache-2.0 */
/* A bank statement as every reader of this folder returns it: rows with their place in the file, what
 * the file claims about itself, and whether its own sums prove it.  Texts are the bank's, untouched
 * but for surrounding blanks. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/precision.h"
#include "orchestrator/formats/charset.h"
#include "orchestrator/formats/csv.h"
#include "orchestrator/formats/statement_value.h"

enum { STATEMENT_CHECKS_MAX = 24, STATEMENT_CHECK_TEXT = 240 };

/* Money out of our account (借方, 支取) or into it (贷方, 收入). */
enum statement_direction { STATEMENT_OUT, STATEMENT_IN };

struct statement_row {
	size_t row;         /* from 1, as a spreadsheet counts */
	size_t byte_offset; /* of the row in the original file */
	const char *raw;    /* the row as decoded text, RAW_LEN bytes, no NUL behind */
	size_t raw_len;
	char booked_on[VALUE_DAY_TEXT]; /* 记账日期, or the day of payment */
	const char *paid_at_raw;        /* as the bank wrote it */
	int64_t paid_at;
	enum precision paid_at_precision;
	enum statement_direction direction;
	bool is_reversal; /* a negative amount in its column (红字): the direction is already turned */
	int64_t amount_fen; /* >= 0 */
	const char *amount_raw;
	bool has_balance;
	int64_t balance_fen; /* after this row */
	const char *counterparty_name, *counterparty_account,
		*counterparty_bank; /* "" if not shown */
	const char *summary, *memo; /* 摘要; 用途, 附言, 备注 joined by " / " */
	const char *bank_serial;    /* "" if there is none */
	char line_id[SHA256_HEX];   /* the same line in another export has the same id */
};

/* What a file says about itself in its preamble and footer. */
enum statement_claim {
	CLAIM_OPENING,
	CLAIM_CLOSING,
	CLAIM_IN_FEN,
	CLAIM_OUT_FEN,
	CLAIM_IN_COUNT,
	CLAIM_OUT_COUNT,
	CLAIM_COUNT,
	CLAIM_KINDS
};

/* ABSENT: the file does not allow this check. */
enum check_verdict { CHECK_PASSED, CHECK_FAILED, CHECK_ABSENT };

struct statement_check {
	enum check_verdict verdict;
	char text[STATEMENT_CHECK_TEXT]; /* one sentence with the figures */
};

struct statement_proof {
	bool is_proven;       /* nothing contradicts, and sums or the balance chain were checked */
	bool is_contradicted; /* a check failed: rows are missing, doubled or damaged */
	struct statement_check checks[STATEMENT_CHECKS_MAX];
	size_t check_count;
};

struct statement {
	char sha256[SHA256_HEX]; /* of the original bytes */
	enum charset charset;
	size_t header_row;                  /* from 1 */
	const char *account, *account_name; /* "" where the file does not say */
	char currency[4];                   /* ISO 4217 */
	bool has_claim[CLAIM_KINDS];
	int64_t claim[CLAIM_KINDS];
	bool has_opening, has_closing; /* claimed, or from the balance chain */
	int64_t opening_fen, closing_fen;
	bool is_newest_first;
	struct statement_row *rows; /* in the order of the file */
	size_t row_count;
	struct statement_proof proof;
	/* memory behind the texts above */
	struct charset_text decoded;
	struct csv_table table;
	char *joined;
};

/* out, in. */
const char *statement_direction_word(enum statement_direction direction);
const char *check_verdict_word(enum check_verdict verdict);

/* Release the content; a zeroed struct is accepted. */
void statement_done(struct statement *statement);

/* Add a sentence to the proof; further ones than fit are dropped, but a failure counts. */
void statement_note(struct statement *statement, enum check_verdict verdict, const char *format,
	...) PRINTF_LIKE(3, 4);

/* For readers: once rows and claims are there, give each row its line id and check the sums.
 * The id is SHA-256 over the account and, with a bank serial, (serial, direction, amount), else over
 * all parsed fields; plus the ordinal among equal ones, so that two coffees of one minute stay two
 * lines and a second export of the same day gives the same ids. */
void statement_finish(struct statement *statement);

static inline void statement_donep(struct statement *statement)
{
	statement_done(statement);
}
