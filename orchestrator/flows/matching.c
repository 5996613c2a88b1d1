/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of open orders and unlinked lines into the pure matcher, its links and flags back into a document. */
#include <string.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/text.h"
#include "orchestrator/domain/match.h"
#include "orchestrator/flows/importing.h"

/* An order may be paid from the day before it was made (bank days begin earlier) for so long. */
enum {
	WINDOW_BEFORE_DAYS = 1,
	WINDOW_AFTER_DAYS = 60,
	SENTENCE_MAX = 2048,
	EXPLANATION_MAX = 16384
};

static int64_t number_at(const PGresult *rows, int row, int column)
{
	int64_t number;

	return number_parse(&number, PQgetvalue(rows, row, column), INT64_MIN, INT64_MAX) ? number
											  : 0;
}

static bool flag_at(const PGresult *rows, int row, int column)
{
	return number_at(rows, row, column) != 0;
}

static struct match_order order_at(const PGresult *rows, int row)
{
	int64_t made_at = number_at(rows, row, 7);

	return (struct match_order){ .id = number_at(rows, row, 0),
		.reference = PQgetvalue(rows, row, 1),
		.amount_fen = number_at(rows, row, 2),
		.payer_account = PQgetvalue(rows, row, 3),
		.payer_name = PQgetvalue(rows, row, 4),
		.payee_name = PQgetvalue(rows, row, 5),
		.payee_account = PQgetvalue(rows, row, 6),
		.opens_at = made_at - WINDOW_BEFORE_DAYS * CLOCK_DAY,
		.closes_at = made_at + WINDOW_AFTER_DAYS * CLOCK_DAY,
		.is_linked = flag_at(rows, row, 8) };
}

static struct match_line line_at(const PGresult *rows, int row)
{
	enum precision precision = PRECISION_DATE;

	(void)precision_parse(&precision, PQgetvalue(rows, row, 10));
	return (struct match_line){ .id = number_at(rows, row, 0),
		.is_out = strcmp(PQgetvalue(rows, row, 1), "out") == 0,
		.amount_fen = number_at(rows, row, 2),
		.currency = "CNY", /* the import takes no other */
		.own_account = PQgetvalue(rows, row, 3),
		.own_name = PQgetvalue(rows, row, 4),
		.counterparty_account = PQgetvalue(rows, row, 5),
		.counterparty_name = PQgetvalue(rows, row, 6),
		.memo = PQgetvalue(rows, row, 7),
		.paid_at = number_at(rows, row, 8),
		.paid_at_precision = precision,
		.is_proven = flag_at(rows, row, 9) };
}

static json_t *flag_json(const struct match_line *line, const struct match_order *order,
	const char *rule, const char *text)
{
	return json_pack("{s:o, s:o, s:s, s:s}", "line",
		line != NULL ? json_integer(line->id) : json_null(), "order",
		order != NULL ? json_integer(order->id) : json_null(), "rule", rule, "text", text);
}

static json_t *link_json(const struct match_link *link, const char *sentence)
{
	struct fault fault;
	TEXT explanation;

	text_init(&explanation, EXPLANATION_MAX);
	match_explain_link(&explanation, link);

	json_t *parsed = json_read(explanation.data, explanation.len, &fault);

	return json_pack("{s:I, s:I, s:s, s:s, s:s, s:o}", "line", (json_int_t)link->line->id,
		"order", (json_int_t)link->order->id, "rule", match_rule_word(link->rule),
		"verdict", match_verdict_word(link->verdict), "text", sentence, "explanation",
		parsed != NULL ? parsed : json_object());
}

/* A transfer that pays several orders, or an order paid by several transfers, cannot be declared with the CA's
 * four fields of one transfer: it is flagged for a person and linked by nobody. */
static json_t *result_json(const struct match_result *result)
{
	json_t *links = json_array(), *flags = json_array();

	for (size_t i = 0; i < result->link_count; i++) {
		const struct match_link *link = &result->links[i];
		TEXT sentence;

		text_init(&sentence, SENTENCE_MAX);
		match_describe_link(&sentence, link);
		if (link->rule == MATCH_R2)
			(void)json_array_append_new(
				flags, flag_json(link->line, link->order, "R2", sentence.data));
		else
			(void)json_array_append_new(links, link_json(link, sentence.data));
	}
	for (size_t i = 0; i < result->flag_count; i++) {
		const struct match_flag *flag = &result->flags[i];
		TEXT sentence;

		text_init(&sentence, SENTENCE_MAX);
		match_describe_flag(&sentence, flag);
		(void)json_array_append_new(flags,
			flag_json(flag->line, flag->order, match_flag_rule(flag->code),
				sentence.data));
	}
	return json_pack("{s:o, s:o}", "links", links, "flags", flags);
}

json_t *matching_document(
	const PGresult *order_rows, const PGresult *line_rows, struct fault *fault)
{
	size_t order_count = (size_t)PQntuples(order_rows),
	       line_count = (size_t)PQntuples(line_rows);
	OWNED struct match_order *orders = zalloc(order_count + 1, sizeof *orders);
	OWNED struct match_line *lines = zalloc(line_count + 1, sizeof *lines);
	CLEANUP(match_donep) struct match_result result = { 0 };

	for (size_t i = 0; i < order_count; i++)
		orders[i] = order_at(order_rows, (int)i);
	for (size_t i = 0; i < line_count; i++)
		lines[i] = line_at(line_rows, (int)i);
	if (!match_run(&result,
		    &(struct match_request){ .orders = orders,
			    .order_count = order_count,
			    .lines = lines,
			    .line_count = line_count,
			    .now = clock_now() },
		    fault))
		return NULL;
	return result_json(&result);
}
