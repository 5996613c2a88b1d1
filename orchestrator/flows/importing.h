/* SPDX-License-Identifier: Apache-2.0 */
/* A bank statement on its way into the database, and the matching that follows: pure turns between bytes,
 * rows and the documents that the statements of store/fleet.sql and store/money.sql take. */
#pragma once

#include "orchestrator/loop/db.h"
#include <stddef.h>

#include "common/json.h"
#include "orchestrator/formats/statement.h"

enum { STATEMENT_FILE_MAX = 64 * 1024 * 1024 };

/* The lines' keys as a JSON array (own reference), in the order of the file. */
json_t *importing_keys(const struct statement *statement);
/* The document for statement_save: what the file is, its bytes as DATA_B64, every line with its place. */
json_t *importing_document(
	const struct statement *statement, const char *file_name, const char *data_b64);
/* The proof report for people; KNOWN counts lines that are here already. */
json_t *importing_report(const struct statement *statement, size_t known);

/* Match the rows of match_lines against those of match_orders: the document for links_save, with links and
 * flags, each with its sentence. */
json_t *matching_document(
	const PGresult *order_rows, const PGresult *line_rows, struct fault *fault);

/* The payment file (付款文件) for the orders of payments_to_export: CSV, UTF-8 with BOM, one row a transfer; the
 * same orders give the same bytes.  *TOTAL_FEN and *COUNT describe it; the caller frees it. */
char *payment_file_csv(const json_t *orders, int64_t *total_fen, size_t *count);
