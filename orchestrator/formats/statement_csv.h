/* SPDX-License-Identifier: Apache-2.0 */
/* Account details as Chinese banks export them: CSV in UTF-8 or GB18030 with a preamble, a header, one
 * row per transaction, and footer totals.  The columns are found by name (statement_header.h), so the
 * layout of China Construction Bank and most others are read without a profile.  All or nothing: a
 * row that cannot be read fails the file with its row, column and remedy. */
#pragma once

#include "orchestrator/formats/statement.h"

struct statement_csv_source {
	const void *bytes; /* the file, borrowed for the call */
	size_t len;
	const char *account; /* taken where the file does not say whose account it is; or NULL. */
	const char *account_name; /* Both must outlive the statement. */
};

/* Read SOURCE into *OUT; free with statement_done.  FAULT_INPUT names the place.  A file that reads
 * but does not add up is returned with proof.is_contradicted set: what to do with it is the
 * caller's decision. */
bool statement_csv_read(struct statement *out, const struct statement_csv_source *source,
	struct fault *fault) MUST_CHECK;
