/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the list in which people wrote what became of their tasks: one row per task, a column per value. */
#pragma once

#include <stddef.h>

#include "common/json.h"

enum { ANSWERS_ROWS_MAX = 1000, ANSWERS_BYTES_MAX = 8 * 1024 * 1024, ANSWERS_COLUMNS_MAX = 64 };

/* LEN bytes of CSV (UTF-8 or GB18030) into rows [{row, task, values, evidence?}] (own reference): the column `task`
 * names the task, columns that begin with # are for people, `file` names evidence (several separated by ;), every
 * other column is a value.  Rows without any value are left out: their cards were not done.  NULL with FAULT_INPUT. */
json_t *answers_csv_parse(const void *bytes, size_t len, struct fault *fault);
