/* SPDX-License-Identifier: Apache-2.0 */
/* Reconciliation (对账): which lines of bank statements pay which payment orders.  Only an exact, unique
 * and exclusive match by reference is automatic; everything else is a suggestion for a person or a
 * flag.  The result is a function of the sets of orders and lines: neither their order in the input
 * nor any tie-break makes a link automatic.  Time and memory grow as n log n.
 *
 * R0 hygiene: a debit, in CNY, of a proven file (else suggestions only), payee as ordered
 * R1 one reference, one order, amount, payer account and window equal
 * R2 several references whose orders sum to the line, or several lines that sum to the order
 * R3 no reference: payer, payee, amount and window fit one order and one line: suggested, never more
 * R6 a credit that carries a reference (退汇)   R7 money out twice   R8 under- and overpayment
 * R9 wrong payer, payee or currency            R10 unmatched lines and aged orders */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fault.h"
#include "common/precision.h"
#include "common/text.h"

enum { MATCH_ITEMS_MAX = 4 * 1000 * 1000 };

/* A payment order (付款单) in CNY.  Texts are borrowed and outlive the result. */
struct match_order {
	int64_t id;            /* unique */
	const char *reference; /* XQ…, unique */
	int64_t amount_fen;    /* > 0 */
	const char *payer_account, *payer_name;
	const char *payee_account, *payee_name; /* "": not compared */
	int64_t opens_at, closes_at;            /* the window of 付款时间, both ends inside */
	bool is_linked; /* paid by an earlier run: more money is a duplicate */
};

/* A statement line that no earlier run linked.  Texts are the bank's, "" where it shows none. */
struct match_line {
	int64_t id;     /* unique */
	bool is_out;    /* a debit of our account */
	bool is_proven; /* its file is proven by its own sums */
	int64_t amount_fen;
	const char *currency;
	const char *own_account, *own_name;
	const char *counterparty_account, *counterparty_name;
	const char *memo; /* all free text: 摘要, 用途, 附言, 备注 */
	int64_t paid_at;
	enum precision paid_at_precision;
};

struct match_request {
	const struct match_order *orders;
	size_t order_count;
	const struct match_line *lines;
	size_t line_count;
	int64_t now; /* orders whose window closed before it are aged */
};

enum match_rule { MATCH_R1, MATCH_R2, MATCH_R3 };

enum match_verdict { MATCH_AUTO, MATCH_SUGGESTED };

/* What is compared between a line and an order. */
enum match_field {
	MATCH_AMOUNT, /* of a group under R2: the two sums */
	MATCH_PAYER_ACCOUNT,
	MATCH_PAYER_NAME,
	MATCH_PAYEE_NAME,
	MATCH_PAYEE_ACCOUNT,
	MATCH_WINDOW,
	MATCH_CURRENCY,
	MATCH_PROOF, /* the file's own sums */
	MATCH_FIELDS
};

enum match_equality { MATCH_EQUAL, MATCH_DIFFERS, MATCH_NOT_SHOWN };

struct match_link {
	const struct match_line *line;
	const struct match_order *order;
	enum match_rule rule;
	enum match_verdict verdict;
	int64_t amount_fen; /* the part of the line that pays the order */
	enum match_equality equality[MATCH_FIELDS];
	bool has_strange_reference; /* the line also carries a reference that no order has */
	uint32_t lines_considered, orders_considered;
};

/* clang-format off */
#define MATCH_FLAGS(X)                                                                              \
	X(RETURN_SEEN, "R6", "money came back with the reference of an order (退汇)")               \
	X(DUPLICATE, "R7", "money left twice for one order (重复付款)")                             \
	X(POSSIBLE_DUPLICATE, "R7", "a second payment of the same payer, payee and amount, without a reference") \
	X(UNDERPAID, "R8", "the payment is smaller than what was ordered")                          \
	X(OVERPAID, "R8", "the payment is larger than what was ordered")                            \
	X(WRONG_PAYER_ACCOUNT, "R9", "it was paid from another account than ordered (付款账号)")    \
	X(WRONG_PAYER_NAME, "R9", "the account's name is not the ordered payer's (付款账号名称)")   \
	X(WRONG_PAYEE_NAME, "R9", "the payee's name is not the ordered one (收款方)")               \
	X(WRONG_PAYEE_ACCOUNT, "R9", "the payee's account is not the ordered one (收款账号)")       \
	X(WRONG_CURRENCY, "R9", "it was paid in another currency (币种)")                           \
	X(OUT_OF_WINDOW, "R1", "the time of payment lies outside the order's window (付款时间)")    \
	X(TANGLED_REFERENCES, "R2", "several lines and several orders share references")            \
	X(STRANGE_REFERENCE, "R10", "it carries a reference that no open order has")                \
	X(UNMATCHED_LINE, "R10", "it went to the payee and fits no single order")                   \
	X(AGED_ORDER, "R10", "its window has closed and no payment was found")
/* clang-format on */

#define MATCH_FLAG_ENUM(upper, rule, text) MATCH_FLAG_##upper,

enum match_flag_code { MATCH_FLAGS(MATCH_FLAG_ENUM) MATCH_FLAG_COUNT };

#undef MATCH_FLAG_ENUM

struct match_flag {
	enum match_flag_code code;
	const struct match_line *line;   /* NULL: of an order alone */
	const struct match_order *order; /* NULL: of a line alone */
	int64_t delta_fen;               /* paid less ordered, for R8 */
	uint32_t candidates;             /* orders that would fit, for R10 */
};

/* Every debit is in exactly one of the three parts: the residual is 0. */
struct match_totals {
	int64_t out_fen; /* of all debit lines */
	int64_t auto_fen, suggested_fen, unlinked_fen;
	size_t auto_links, suggested_links;
};

struct match_result {
	struct match_link *links; /* by line id, then order id */
	size_t link_count;
	struct match_flag *flags; /* by line id, order id, code */
	size_t flag_count;
	struct match_totals totals;
};

/* Match REQUEST.  FAULT_BUG for an id or reference given twice, a malformed reference or window, an
 * amount below 0.  Free with match_done. */
bool match_run(struct match_result *out, const struct match_request *request, struct fault *fault)
	MUST_CHECK;
void match_done(struct match_result *result);

const char *match_rule_word(enum match_rule rule);          /* R1, R2, R3 */
const char *match_verdict_word(enum match_verdict verdict); /* auto, suggested */
const char *match_flag_rule(enum match_flag_code code);     /* R6 … R10 */
const char *match_flag_word(enum match_flag_code code);     /* duplicate, underpaid, … */

/* The explanation of a link as one JSON object: {"rule","verdict","amount_fen","lines_considered",
 * "orders_considered","strange_reference","fields":[{"field","line","order","key","verdict"}…]}; KEY is
 * the line's value as it was compared. */
void match_explain_link(struct text *out, const struct match_link *link);
/* One sentence about a link or a flag. */
void match_describe_link(struct text *out, const struct match_link *link);
void match_describe_flag(struct text *out, const struct match_flag *flag);

static inline void match_donep(struct match_result *result)
{
	match_done(result);
}
