/* SPDX-License-Identifier: Apache-2.0 */
/* Copying and comparing the four declared fields. */
#include "orchestrator/domain/remittance.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/own.h"
#include "orchestrator/domain/name_key.h"

const char *remittance_field_word(enum remittance_field field)
{
	static const char *const words[REMITTANCE_FIELDS] = { "payer_account", "payer_name",
		"amount_short", "amount_over", "time" };

	return words[field];
}

/* Copy FROM whole, or say which field is missing or too long to be one. */
static bool copy_field(
	char *out, size_t room, const char *from, const char *field, struct fault *fault)
{
	if (from == NULL || *from == '\0')
		return fault_set(fault, FAULT_HUMAN,
			"the bank's line does not show %s: read it from the bank's receipt (回单)",
			field);
	if (strlen(from) >= room)
		return fault_set(fault, FAULT_HUMAN,
			"%s has %zu bytes, at most %zu can be declared: look at the bank's receipt (回单)",
			field, strlen(from), room - 1);
	(void)stpcpy(out, from);
	return true;
}

bool remittance_from_line(
	struct remittance *out, const struct remittance_line *line, struct fault *fault)
{
	struct remittance remittance = { .amount_fen = line->amount_fen, .paid_at = line->paid_at };

	remittance.paid_at_precision = line->paid_at_precision;
	if (!line->is_out)
		return fault_set(fault, FAULT_BUG, "a credit is no remittance");
	if (!copy_field(remittance.payer_account, REMITTANCE_ACCOUNT, line->own_account,
		    "the payer's account (付款账号)", fault) ||
		!copy_field(remittance.payer_name, REMITTANCE_NAME, line->own_name,
			"the payer's name (付款账号名称)", fault) ||
		!copy_field(remittance.paid_at_raw, REMITTANCE_TIME, line->paid_at_raw,
			"the time of payment (付款时间)", fault))
		return false;
	if (line->amount_fen <= 0)
		return fault_set(fault, FAULT_HUMAN, "the bank's line shows no amount (付款金额)");
	if (line->bank_serial != NULL && strlen(line->bank_serial) < REMITTANCE_ACCOUNT)
		(void)stpcpy(remittance.bank_serial, line->bank_serial);
	*out = remittance;
	return true;
}

static int64_t floor_to(int64_t at, enum precision precision)
{
	int64_t local =
		at + INT64_C(8) * 3600 * CLOCK_SECOND; /* days begin at midnight in Shanghai */
	int64_t span = precision_span(precision);
	int64_t rest = local % span;

	return local - rest - (rest < 0 ? span : 0);
}

static bool is_same_time(const struct remittance *a, const struct remittance *b)
{
	enum precision coarser = a->paid_at_precision < b->paid_at_precision ? a->paid_at_precision
									     : b->paid_at_precision;

	return floor_to(a->paid_at, coarser) == floor_to(b->paid_at, coarser);
}

struct comparison {
	struct remittance_mismatch *out;
	size_t count;
};

static void add_text(struct comparison *comparison, enum remittance_field field, bool is_spelling,
	const char *declared, const char *bank)
{
	struct remittance_mismatch *mismatch = &comparison->out[comparison->count++];

	mismatch->field = field;
	mismatch->is_spelling = is_spelling;
	(void)snprintf(mismatch->text, sizeof(mismatch->text),
		"declared \"%s\", the bank shows \"%s\"%s", declared, bank,
		is_spelling ? ": the same but for brackets, blanks or width" : "");
}

static void compare_amount(struct comparison *comparison, const struct remittance *declared,
	const struct remittance *bank)
{
	bool is_short = declared->amount_fen < bank->amount_fen;
	struct remittance_mismatch *mismatch = &comparison->out[comparison->count];

	if (declared->amount_fen == bank->amount_fen)
		return;
	comparison->count++;
	mismatch->field = is_short ? REMITTANCE_AMOUNT_SHORT : REMITTANCE_AMOUNT_OVER;
	mismatch->is_spelling = false;
	(void)snprintf(mismatch->text, sizeof(mismatch->text),
		"declared %" PRId64 " fen, the bank shows %" PRId64 " fen", declared->amount_fen,
		bank->amount_fen);
}

size_t remittance_compare(struct remittance_mismatch out[REMITTANCE_FIELDS],
	const struct remittance *declared, const struct remittance *bank)
{
	struct comparison comparison = { .out = out };

	if (strcmp(declared->payer_account, bank->payer_account) != 0)
		add_text(&comparison, REMITTANCE_PAYER_ACCOUNT,
			account_key_equal(declared->payer_account, bank->payer_account),
			declared->payer_account, bank->payer_account);
	if (strcmp(declared->payer_name, bank->payer_name) != 0)
		add_text(&comparison, REMITTANCE_PAYER_NAME,
			name_key_equal(declared->payer_name, bank->payer_name),
			declared->payer_name, bank->payer_name);
	compare_amount(&comparison, declared, bank);
	if (!is_same_time(declared, bank))
		add_text(&comparison, REMITTANCE_PAID_AT, false, declared->paid_at_raw,
			bank->paid_at_raw);
	return comparison.count;
}
