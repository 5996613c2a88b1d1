/* SPDX-License-Identifier: Apache-2.0 */
/* What is common to all statement formats: the identity of a line, and the proof of a file by its own
 * sums (opening + sum = closing, running balance, totals and counts). */
#include "orchestrator/formats/statement.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/bytes.h"

enum { YUAN_TEXT = 32, LINE_TEXT_MAX = 1024 * 1024 };

const char *statement_direction_word(enum statement_direction direction)
{
	return direction == STATEMENT_OUT ? "out" : "in";
}

const char *check_verdict_word(enum check_verdict verdict)
{
	static const char *const words[] = { "passed", "failed", "absent" };

	return words[verdict];
}

void statement_done(struct statement *statement)
{
	charset_done(&statement->decoded);
	csv_done(&statement->table);
	free(statement->joined);
	free(statement->rows);
	*statement = (struct statement){ 0 };
}

void statement_note(
	struct statement *statement, enum check_verdict verdict, const char *format, ...)
{
	struct statement_proof *proof = &statement->proof;
	va_list args;

	if (verdict == CHECK_FAILED)
		proof->is_contradicted = true;
	if (proof->check_count == STATEMENT_CHECKS_MAX)
		return;
	struct statement_check *check = &proof->checks[proof->check_count++];
	check->verdict = verdict;
	va_start(args, format);
	(void)vsnprintf(check->text, sizeof(check->text), format, args);
	va_end(args);
}

/* ---- identity of lines -------------------------------------------------------------------------- */

struct line_key {
	char hash[SHA256_HEX];
	size_t index;
};

static void hash_line(
	char out[SHA256_HEX], struct text *text, const struct statement *statement, size_t index)
{
	const struct statement_row *row = &statement->rows[index];

	/* Fields are told apart by a byte that none of them holds. */
	text_clear(text);
	text_addf(text, "%s\x1f%s\x1f%s\x1f%s\x1f%" PRId64, statement->account, statement->currency,
		row->bank_serial, statement_direction_word(row->direction), row->amount_fen);
	if (row->bank_serial[0] == '\0') {
		text_addf(text, "\x1f%" PRId64 "\x1f%s", row->paid_at,
			precision_word(row->paid_at_precision));
		text_addf(text, "\x1f%s\x1f%s\x1f%s\x1f%s", row->counterparty_name,
			row->counterparty_account, row->summary, row->memo);
		if (row->has_balance)
			text_addf(text, "\x1f%" PRId64, row->balance_fen);
	}
	sha256_hex(out, text->data, text->len);
}

static int by_hash_then_index(const void *a, const void *b)
{
	const struct line_key *left = a, *right = b;
	int order = strcmp(left->hash, right->hash);

	if (order != 0)
		return order;
	return (left->index > right->index) - (left->index < right->index);
}

static void give_line_ids(struct statement *statement)
{
	OWNED struct line_key *keys = zalloc(statement->row_count + 1, sizeof(*keys));
	TEXT text = { 0 };
	size_t ordinal = 1;

	text_init(&text, LINE_TEXT_MAX);
	for (size_t i = 0; i < statement->row_count; i++) {
		hash_line(keys[i].hash, &text, statement, i);
		keys[i].index = i;
	}
	qsort(keys, statement->row_count, sizeof(*keys), by_hash_then_index);
	for (size_t i = 0; i < statement->row_count; i++) {
		bool is_same = i > 0 && strcmp(keys[i].hash, keys[i - 1].hash) == 0;
		ordinal = is_same ? ordinal + 1 : 1;
		text_clear(&text);
		text_addf(&text, "%s\x1f%zu", keys[i].hash, ordinal);
		sha256_hex(statement->rows[keys[i].index].line_id, text.data, text.len);
	}
}

/* ---- proof -------------------------------------------------------------------------------------- */

static const char *yuan(char out[YUAN_TEXT], int64_t fen)
{
	uint64_t size = fen < 0 ? 0 - (uint64_t)fen : (uint64_t)fen;

	(void)snprintf(out, YUAN_TEXT, "%s%" PRIu64 ".%02" PRIu64, fen < 0 ? "-" : "", size / 100,
		size % 100);
	return out;
}

static int64_t delta(const struct statement_row *row)
{
	return row->direction == STATEMENT_IN ? row->amount_fen : -row->amount_fen;
}

/* The row that comes I-th in time. */
static const struct statement_row *chronological(
	const struct statement *statement, bool is_newest_first, size_t i)
{
	return &statement->rows[is_newest_first ? statement->row_count - 1 - i : i];
}

/* Links of the chain that hold in one order; *BROKEN is the first that does not. */
static size_t chain_links(const struct statement *statement, bool is_newest_first,
	const struct statement_row **broken)
{
	size_t links = 0;

	*broken = NULL;
	for (size_t i = 1; i < statement->row_count; i++) {
		const struct statement_row *before =
			chronological(statement, is_newest_first, i - 1);
		const struct statement_row *row = chronological(statement, is_newest_first, i);
		if (before->balance_fen + delta(row) == row->balance_fen)
			links++;
		else if (*broken == NULL)
			*broken = row;
	}
	return links;
}

static bool have_balances(const struct statement *statement)
{
	for (size_t i = 0; i < statement->row_count; i++)
		if (!statement->rows[i].has_balance)
			return false;
	return statement->row_count > 0;
}

/* The running balance, in the order that fits better; true if it links at least two rows. */
static bool check_chain(struct statement *statement)
{
	const struct statement_row *broken_up, *broken_down;
	char text[YUAN_TEXT];

	if (!have_balances(statement)) {
		statement_note(statement, CHECK_ABSENT,
			"not every row shows a balance: there is no running balance to check");
		return false;
	}
	size_t up = chain_links(statement, false, &broken_up);
	size_t down = chain_links(statement, true, &broken_down);
	statement->is_newest_first = down > up;
	const struct statement_row *broken = down > up ? broken_down : broken_up;
	const struct statement_row *first = chronological(statement, down > up, 0);
	const struct statement_row *last =
		chronological(statement, down > up, statement->row_count - 1);
	if (broken != NULL) {
		statement_note(statement, CHECK_FAILED,
			"row %zu: the balance %s does not follow from the row before it: rows are missing, doubled or changed",
			broken->row, yuan(text, broken->balance_fen));
		return false;
	}
	statement->has_opening = statement->has_closing = true;
	statement->opening_fen = first->balance_fen - delta(first);
	statement->closing_fen = last->balance_fen;
	statement_note(statement, CHECK_PASSED, "the running balance links all %zu rows, %s first",
		statement->row_count, statement->is_newest_first ? "newest" : "oldest");
	return statement->row_count > 1;
}

/* A claimed end of the balance against the one that the chain gave, or taken over from the claim. */
static void settle_balance(
	struct statement *statement, enum statement_claim claim, bool *has, int64_t *balance_fen)
{
	const char *word = claim == CLAIM_OPENING ? "opening" : "closing";
	char claimed[YUAN_TEXT], chained[YUAN_TEXT];

	if (!statement->has_claim[claim])
		return;
	if (*has && *balance_fen != statement->claim[claim])
		statement_note(statement, CHECK_FAILED,
			"the file claims an %s balance of %s, the rows give %s", word,
			yuan(claimed, statement->claim[claim]), yuan(chained, *balance_fen));
	*has = true;
	*balance_fen = statement->claim[claim];
}

/* Opening + in - out = closing, where the file claims both ends; true if that was checked. */
static bool check_bridge(struct statement *statement, int64_t in_fen, int64_t out_fen)
{
	char opening[YUAN_TEXT], in[YUAN_TEXT], out[YUAN_TEXT], closing[YUAN_TEXT];

	settle_balance(statement, CLAIM_OPENING, &statement->has_opening, &statement->opening_fen);
	settle_balance(statement, CLAIM_CLOSING, &statement->has_closing, &statement->closing_fen);
	if (!statement->has_claim[CLAIM_OPENING] || !statement->has_claim[CLAIM_CLOSING])
		return false;
	bool holds = statement->opening_fen + in_fen - out_fen == statement->closing_fen;
	statement_note(statement, holds ? CHECK_PASSED : CHECK_FAILED,
		"opening %s + in %s - out %s %s closing %s", yuan(opening, statement->opening_fen),
		yuan(in, in_fen), yuan(out, out_fen), holds ? "=" : "is not",
		yuan(closing, statement->closing_fen));
	return holds;
}

/* An amount in yuan, or a plain count. */
static const char *figure(char out[YUAN_TEXT], int64_t value, bool is_money)
{
	if (is_money)
		return yuan(out, value);
	(void)snprintf(out, YUAN_TEXT, "%" PRId64, value);
	return out;
}

struct counted {
	int64_t in_fen, out_fen, in_count, out_count;
};

/* True if the sums of both directions were claimed and hold. */
static bool check_totals(struct statement *statement, const struct counted *counted)
{
	const struct {
		enum statement_claim claim;
		const char *word;
		int64_t counted;
		bool is_money;
	} totals[] = {
		{ CLAIM_IN_FEN, "sum in (贷方)", counted->in_fen, true },
		{ CLAIM_OUT_FEN, "sum out (借方)", counted->out_fen, true },
		{ CLAIM_IN_COUNT, "count in (贷方)", counted->in_count, false },
		{ CLAIM_OUT_COUNT, "count out (借方)", counted->out_count, false },
		{ CLAIM_COUNT, "count of rows", counted->in_count + counted->out_count, false },
	};

	for (size_t i = 0; i < COUNT_OF(totals); i++) {
		int64_t claimed = statement->claim[totals[i].claim];
		char left[YUAN_TEXT], right[YUAN_TEXT];
		if (!statement->has_claim[totals[i].claim])
			continue;
		bool holds = claimed == totals[i].counted;
		statement_note(statement, holds ? CHECK_PASSED : CHECK_FAILED,
			"%s: the file claims %s%s, the rows give %s%s", totals[i].word,
			figure(left, claimed, totals[i].is_money),
			totals[i].is_money ? "" : " rows",
			figure(right, totals[i].counted, totals[i].is_money),
			totals[i].is_money ? "" : " rows");
	}
	return statement->has_claim[CLAIM_IN_FEN] && statement->has_claim[CLAIM_OUT_FEN];
}

static struct counted count_rows(const struct statement *statement)
{
	struct counted counted = { 0 };

	for (size_t i = 0; i < statement->row_count; i++) {
		const struct statement_row *row = &statement->rows[i];
		bool is_in = row->direction == STATEMENT_IN;
		/* A reversal is a negative amount of its own column: banks total it there. */
		bool is_in_column = is_in != row->is_reversal;
		int64_t signed_fen = row->is_reversal ? -row->amount_fen : row->amount_fen;
		*(is_in_column ? &counted.in_fen : &counted.out_fen) += signed_fen;
		*(is_in_column ? &counted.in_count : &counted.out_count) += 1;
	}
	return counted;
}

void statement_finish(struct statement *statement)
{
	struct counted counted = count_rows(statement);

	give_line_ids(statement);
	bool is_chained = check_chain(statement);
	bool is_bridged = check_bridge(statement, counted.in_fen, counted.out_fen);
	bool is_totalled = check_totals(statement, &counted);
	if (statement->account[0] == '\0')
		statement_note(statement, CHECK_ABSENT,
			"the file does not say whose account it is (账号)");
	statement->proof.is_proven = (is_chained || is_bridged || is_totalled) &&
		!statement->proof.is_contradicted && statement->account[0] != '\0';
}
