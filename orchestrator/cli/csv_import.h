/* SPDX-License-Identifier: Apache-2.0 */
/* A list of certificates in CSV, as people keep it, to the rows of POST /v1/certificates/import.  The
 * header line names the columns in Chinese or English, in any order; a file with any error gives
 * errors instead of rows. */
#pragma once

#include "common/fault.h"
#include "common/json.h"

enum {
	CSV_IMPORT_BYTES_MAX = 4 * 1024 * 1024,
	CSV_IMPORT_ROWS_MAX = 10000,
	CSV_IMPORT_ERRORS_MAX = 50
};

struct csv_import {
	json_t *rows; /* [{row, holder, uscc, service, media_no, not_after, …}], missing texts null */
	json_t *errors; /* [{row, column, text}], like those of the server; empty: rows count */
};

/* Read LEN bytes.  False with FAULT_INPUT if they are no text or no CSV at all; true otherwise, also
 * with errors in single cells.  Free with csv_import_done. */
bool csv_import_parse(struct csv_import *out, const void *bytes, size_t len, struct fault *fault)
	MUST_CHECK;
/* The same from the file PATH, which the fault names. */
bool csv_import_read(struct csv_import *out, const char *path, struct fault *fault) MUST_CHECK;
/* Release both; a zeroed struct is accepted. */
void csv_import_done(struct csv_import *import);
