/* SPDX-License-Identifier: Apache-2.0 */
/* Statements in: documents and reports; the payment file out. */
#include "orchestrator/flows/importing.h"

#include <string.h>

#include "common/clock.h"
#include "common/text.h"

enum { PAYMENT_FILE_MAX = 16 * 1024 * 1024 };

json_t *importing_keys(const struct statement *statement)
{
	json_t *keys = json_array();

	for (size_t i = 0; i < statement->row_count; i++)
		(void)json_array_append_new(keys, json_string(statement->rows[i].line_id));
	return keys;
}

static json_t *line_document(const struct statement *statement, const struct statement_row *row)
{
	char paid_at[CLOCK_TEXT];
	OWNED char *memo = text_dupf("%s%s%s", row->summary,
		row->summary[0] != '\0' && row->memo[0] != '\0' ? " / " : "", row->memo);
	json_t *line = json_object();

	clock_format(paid_at, row->paid_at);
	json_put_text(line, "line_key", row->line_id);
	json_put_number(line, "row", (int64_t)row->row);
	json_put_number(line, "byte_offset", (int64_t)row->byte_offset);
	(void)json_object_set_new(line, "raw", json_stringn(row->raw, row->raw_len));
	json_put_text(line, "own_account", statement->account);
	json_put_text(line, "own_name", statement->account_name);
	json_put_text(line, "direction", statement_direction_word(row->direction));
	json_put_number(line, "amount_fen", row->amount_fen);
	json_put_text(line, "amount_raw", row->amount_raw);
	json_put_text(line, "paid_at", paid_at);
	json_put_text(line, "paid_at_raw", row->paid_at_raw);
	json_put_text(line, "paid_at_precision", precision_word(row->paid_at_precision));
	json_put_text(line, "party_name", row->counterparty_name);
	json_put_text(line, "party_account", row->counterparty_account);
	json_put_text(line, "party_bank", row->counterparty_bank);
	json_put_text(line, "memo", memo);
	json_put_text(line, "bank_serial", row->bank_serial[0] != '\0' ? row->bank_serial : NULL);
	return line;
}

static json_t *checks_of(const struct statement *statement)
{
	json_t *checks = json_array();

	for (size_t i = 0; i < statement->proof.check_count; i++) {
		const struct statement_check *check = &statement->proof.checks[i];

		(void)json_array_append_new(checks,
			json_sprintf("%s: %s", check_verdict_word(check->verdict), check->text));
	}
	return checks;
}

json_t *importing_document(
	const struct statement *statement, const char *file_name, const char *data_b64)
{
	json_t *document = json_object(), *lines = json_array();

	for (size_t i = 0; i < statement->row_count; i++)
		(void)json_array_append_new(lines, line_document(statement, &statement->rows[i]));
	json_put_text(document, "sha256", statement->sha256);
	json_put_text(document, "file_name", file_name);
	json_put_text(document, "data_b64", data_b64);
	json_put_text(document, "encoding", charset_word(statement->charset));
	json_put_text(document, "account", statement->account);
	(void)json_object_set_new(document, "proven", json_boolean(statement->proof.is_proven));
	(void)json_object_set_new(document, "checks", checks_of(statement));
	(void)json_object_set_new(document, "lines", lines);
	return document;
}

/* Lines that look alike but for their ordinal: two true payments, or one listed twice. */
static size_t same_looking(const struct statement *statement)
{
	size_t count = 0;

	for (size_t i = 1; i < statement->row_count; i++) {
		const struct statement_row *a = &statement->rows[i - 1], *b = &statement->rows[i];

		count += a->raw_len == b->raw_len && memcmp(a->raw, b->raw, a->raw_len) == 0;
	}
	return count;
}

json_t *importing_report(const struct statement *statement, size_t known)
{
	json_t *report = json_object();
	int64_t in = 0, out = 0;

	for (size_t i = 0; i < statement->row_count; i++)
		*(statement->rows[i].direction == STATEMENT_IN ? &in : &out) +=
			statement->rows[i].amount_fen;
	json_put_text(report, "encoding", charset_word(statement->charset));
	json_put_number(report, "header_row", (int64_t)statement->header_row);
	json_put_number(report, "rows", (int64_t)statement->row_count);
	json_put_number(report, "known", (int64_t)known);
	json_put_number(report, "new", (int64_t)(statement->row_count - known));
	json_put_number(report, "same_looking", (int64_t)same_looking(statement));
	json_put_number(report, "sum_in_fen", in);
	json_put_number(report, "sum_out_fen", out);
	(void)json_object_set_new(report, "proven", json_boolean(statement->proof.is_proven));
	(void)json_object_set_new(report, "checks", checks_of(statement));
	(void)json_object_set_new(report, "errors", json_array());
	return report;
}

char *payment_file_csv(const json_t *orders, int64_t *total_fen, size_t *count)
{
	static const char *const header[] = { "付款单号", "付款账号", "付款户名", "收款户名",
		"收款账号", "收款银行", "金额", "币种", "附言" };
	TEXT out;
	struct csv_writer writer = { .out = &out };
	const json_t *order;
	size_t i;

	text_init(&out, PAYMENT_FILE_MAX);
	text_add(&out, "\xef\xbb\xbf"); /* spreadsheets read UTF-8 by its mark only */
	for (i = 0; i < COUNT_OF(header); i++)
		csv_put_plain(&writer, header[i]);
	csv_end_row(&writer);
	*total_fen = 0;
	*count = json_array_size(orders);
	json_array_foreach(orders, i, order)
	{
		int64_t amount = json_peek_number(order, "amount_fen", 0);

		csv_put_plain(&writer, json_peek_text(order, "reference"));
		csv_put_text(&writer, json_peek_text(order, "payer_account"));
		csv_put_text(&writer, json_peek_text(order, "payer_name"));
		csv_put_text(&writer, json_peek_text(order, "payee_name"));
		csv_put_text(&writer, json_peek_text(order, "payee_account"));
		csv_put_text(&writer, json_peek_text(order, "payee_bank"));
		csv_put_fen(&writer, amount);
		csv_put_plain(&writer, "CNY");
		csv_put_plain(&writer, json_peek_text(order, "reference"));
		csv_end_row(&writer);
		*total_fen += amount;
	}
	return text_full(&out) ? NULL : text_take(&out, NULL);
}
