/* SPDX-License-Identifier: Apache-2.0 */
/* Links and flags in words: one sentence for a person, one JSON object for the record. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "orchestrator/domain/match.h"
#include "orchestrator/domain/name_key.h"

enum { NUMBER_TEXT = 32, KEY_TEXT = 512 };

static const char *const field_words[MATCH_FIELDS] = { "amount_fen", "payer_account", "payer_name",
	"payee_name", "payee_account", "paid_at", "currency", "file" };
static const char *const equality_words[] = { "equal", "differs", "not_shown" };

/* clang-format off */
static const char *const flag_words[MATCH_FLAG_COUNT] = {
	"return_seen", "duplicate", "possible_duplicate", "underpaid", "overpaid",
	"wrong_payer_account", "wrong_payer_name", "wrong_payee_name", "wrong_payee_account",
	"wrong_currency", "out_of_window", "tangled_references", "strange_reference",
	"unmatched_line", "aged_order",
};

/* clang-format on */

static const struct {
	const char *rule, *text;
} flags[] = {

#define FLAG_ROW(upper, rule, text) [MATCH_FLAG_##upper] = { rule, text },
	MATCH_FLAGS(FLAG_ROW)
#undef FLAG_ROW
};

const char *match_rule_word(enum match_rule rule)
{
	static const char *const words[] = { "R1", "R2", "R3" };

	return words[rule];
}

const char *match_verdict_word(enum match_verdict verdict)
{
	return verdict == MATCH_AUTO ? "auto" : "suggested";
}

const char *match_flag_rule(enum match_flag_code code)
{
	return flags[code].rule;
}

const char *match_flag_word(enum match_flag_code code)
{
	return flag_words[code];
}

static void add_json_string(struct text *out, const char *string)
{
	text_add(out, "\"");
	for (const char *at = string; *at != '\0'; at++) {
		unsigned char byte = (unsigned char)*at;
		if (byte == '"' || byte == '\\')
			text_addf(out, "\\%c", byte);
		else if (byte < ' ')
			text_addf(out, "\\u%04x", byte);
		else
			text_add_bytes(out, at, 1);
	}
	text_add(out, "\"");
}

/* Both sides of one field as texts, and the key under which the line's was compared. */
struct sides {
	const char *line, *order;
	char line_text[NUMBER_TEXT], order_text[NUMBER_TEXT * 2 + 4], key[KEY_TEXT];
};

static void put_texts(struct sides *sides, const char *line, const char *order,
	void (*key)(char *out, const char *text))
{
	sides->line = line;
	sides->order = order;
	if (strlen(line) < sizeof(sides->key))
		key(sides->key, line);
}

static void put_numbers(struct sides *sides, int64_t line, int64_t order)
{
	(void)snprintf(sides->line_text, sizeof(sides->line_text), "%" PRId64, line);
	(void)snprintf(sides->order_text, sizeof(sides->order_text), "%" PRId64, order);
	sides->line = sides->line_text;
	sides->order = sides->order_text;
}

static void put_window(struct sides *sides, const struct match_link *link)
{
	char from[CLOCK_TEXT], to[CLOCK_TEXT], at[CLOCK_TEXT];

	clock_format(at, link->line->paid_at);
	clock_format(from, link->order->opens_at);
	clock_format(to, link->order->closes_at);
	(void)snprintf(sides->line_text, sizeof(sides->line_text), "%.*s", NUMBER_TEXT - 1, at);
	(void)snprintf(sides->order_text, sizeof(sides->order_text), "%.31s to %.31s", from, to);
	(void)snprintf(sides->key, sizeof(sides->key), "%s",
		precision_word(link->line->paid_at_precision));
	sides->line = sides->line_text;
	sides->order = sides->order_text;
}

static void put_sides(struct sides *sides, const struct match_link *link, enum match_field field)
{
	const struct match_line *line = link->line;
	const struct match_order *order = link->order;

	*sides = (struct sides){ .line = "", .order = "" };
	switch (field) {
	case MATCH_AMOUNT:
		put_numbers(sides, line->amount_fen, order->amount_fen);
		break;
	case MATCH_PAYER_ACCOUNT:
		put_texts(sides, line->own_account, order->payer_account, account_key);
		break;
	case MATCH_PAYER_NAME:
		put_texts(sides, line->own_name, order->payer_name, name_key);
		break;
	case MATCH_PAYEE_NAME:
		put_texts(sides, line->counterparty_name, order->payee_name, name_key);
		break;
	case MATCH_PAYEE_ACCOUNT:
		put_texts(sides, line->counterparty_account, order->payee_account, account_key);
		break;
	case MATCH_WINDOW:
		put_window(sides, link);
		break;
	case MATCH_CURRENCY:
		put_texts(sides, line->currency, "CNY", name_key);
		break;
	case MATCH_PROOF:
		sides->line = line->is_proven ? "proven" : "unproven";
		sides->order = "proven";
		break;
	case MATCH_FIELDS:
		break;
	}
}

void match_explain_link(struct text *out, const struct match_link *link)
{
	struct sides sides;

	text_addf(out,
		"{\"rule\":\"%s\",\"verdict\":\"%s\",\"amount_fen\":%" PRId64
		",\"lines_considered\":%u,\"orders_considered\":%u,\"strange_reference\":%s,\"reference\":\"%s\",\"fields\":[",
		match_rule_word(link->rule), match_verdict_word(link->verdict), link->amount_fen,
		link->lines_considered, link->orders_considered,
		link->has_strange_reference ? "true" : "false",
		link->rule == MATCH_R3 ? "" : link->order->reference);
	for (int field = 0; field < MATCH_FIELDS; field++) {
		put_sides(&sides, link, (enum match_field)field);
		text_addf(out, "%s{\"field\":\"%s\",\"line\":", field > 0 ? "," : "",
			field_words[field]);
		add_json_string(out, sides.line);
		text_add(out, ",\"order\":");
		add_json_string(out, sides.order);
		text_add(out, ",\"key\":");
		add_json_string(out, sides.key);
		text_addf(out, ",\"verdict\":\"%s\"}", equality_words[link->equality[field]]);
	}
	text_add(out, "]}");
}

/* Why a link with a reference is not automatic. */
static void add_doubts(struct text *out, const struct match_link *link)
{
	const char *separator = "; suggested only, because ";

	if (link->verdict == MATCH_AUTO || link->rule == MATCH_R3)
		return;
	for (int field = 0; field < MATCH_FIELDS; field++) {
		bool may_be_hidden = field == MATCH_PAYER_NAME || field == MATCH_PAYEE_ACCOUNT;
		if (link->equality[field] == MATCH_EQUAL ||
			(may_be_hidden && link->equality[field] == MATCH_NOT_SHOWN))
			continue;
		text_addf(out, "%s%s %s", separator, field_words[field],
			field == MATCH_PROOF ? "is not proven by its own sums"
				: link->equality[field] == MATCH_DIFFERS ? "differs"
									 : "is not shown");
		separator = ", ";
	}
	if (link->has_strange_reference)
		text_addf(out, "%sit also carries an unknown reference", separator);
	if (link->rule == MATCH_R1 && link->lines_considered > 1)
		text_addf(
			out, "%s%u lines carry this reference", separator, link->lines_considered);
}

void match_describe_link(struct text *out, const struct match_link *link)
{
	switch (link->rule) {
	case MATCH_R1:
		text_addf(out, "R1: the line carries %s, and this order alone has it",
			link->order->reference);
		break;
	case MATCH_R2:
		text_addf(out, "R2: %u lines and %u orders share %s and their sums are equal",
			link->lines_considered, link->orders_considered, link->order->reference);
		break;
	case MATCH_R3:
		text_add(out,
			"R3: no reference; payer, payee and amount fit this order alone, and this "
			"line alone fits it: a person must confirm");
		break;
	}
	add_doubts(out, link);
}

void match_describe_flag(struct text *out, const struct match_flag *flag)
{
	text_addf(out, "%s: %s", flags[flag->code].rule, flags[flag->code].text);
	if (flag->order != NULL)
		text_addf(out, "; order %s over %" PRId64 " fen", flag->order->reference,
			flag->order->amount_fen);
	if (flag->line != NULL)
		text_addf(out, "; paid %" PRId64 " fen", flag->line->amount_fen);
	if (flag->code == MATCH_FLAG_UNDERPAID || flag->code == MATCH_FLAG_OVERPAID)
		text_addf(out, ", difference %+" PRId64 " fen", flag->delta_fen);
	if (flag->candidates > 1)
		text_addf(out, "; %u orders would fit", flag->candidates);
}
