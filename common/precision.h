/* SPDX-License-Identifier: Apache-2.0 */
/* How exactly a bank gives the time of a payment (付款时间): it is declared to the CA as precisely as
 * the bank wrote it, and never more. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/clock.h"

enum precision { PRECISION_DATE, PRECISION_MINUTE, PRECISION_SECOND };

/* The word for files, columns and JSON: date, minute, second. */
static inline const char *precision_word(enum precision precision)
{
	static const char *const words[] = { "date", "minute", "second" };

	return words[precision];
}

static inline bool precision_parse(enum precision *out, const char *word)
{
	static const enum precision all[] = { PRECISION_DATE, PRECISION_MINUTE, PRECISION_SECOND };

	for (int i = 0; i < 3; i++) {
		if (word != NULL && strcmp(word, precision_word(all[i])) == 0) {
			*out = all[i];
			return true;
		}
	}
	return false;
}

/* The length in microseconds of the span that an instant of this precision stands for: 2026-11-22
 * is a whole day. */
static inline int64_t precision_span(enum precision precision)
{
	static const int64_t spans[] = { CLOCK_DAY, 60 * CLOCK_SECOND, CLOCK_SECOND };

	return spans[precision];
}
