/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a bank statement: charset, CSV and statement together.  What is read must be consistent:
 * places inside the file, ids distinct, UTF-8 in every message. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/text.h"
#include "common/utf8.h"
#include "orchestrator/formats/statement_csv.h"

static void assert_utf8(const char *text)
{
	while (*text != '\0') {
		uint32_t code = 0;
		text += utf8_next_z(&code, text);
		assert(code != UTF8_BAD);
	}
}

static void check_row(const struct statement *statement, size_t i, size_t len)
{
	const struct statement_row *row = &statement->rows[i];

	assert(row->byte_offset < len);
	assert(row->raw + row->raw_len <= statement->decoded.text + statement->decoded.len);
	assert(row->amount_fen >= 0);
	assert(strlen(row->line_id) == SHA256_HEX - 1);
	assert_utf8(row->memo);
	assert_utf8(row->counterparty_name);
	assert_utf8(row->paid_at_raw);
	for (size_t j = 0; j < i && j < 50; j++)
		assert(strcmp(statement->rows[j].line_id, row->line_id) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(statement_donep) struct statement statement = { 0 };
	struct fault fault = { 0 };

	if (!statement_csv_read(&statement,
		    &(struct statement_csv_source){ .bytes = data, .len = size }, &fault)) {
		assert(fault.kind == FAULT_INPUT);
		assert_utf8(fault.text);
		return 0;
	}
	for (size_t i = 0; i < statement.row_count; i++)
		check_row(&statement, i, size);
	for (size_t i = 0; i < statement.proof.check_count; i++)
		assert_utf8(statement.proof.checks[i].text);
	assert(!(statement.proof.is_proven && statement.proof.is_contradicted));
	return 0;
}
