/* SPDX-License-Identifier: Apache-2.0 */
/* Instants are int64 microseconds since 1970-01-01T00:00:00Z (UTC).  The wall clock is read in one
 * place, so that tests can set it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_SECOND INT64_C(1000000)
#define CLOCK_DAY    (INT64_C(86400) * CLOCK_SECOND)

enum { CLOCK_TEXT = 32 };

/* Now; the time of clock_set where a test has set it. */
int64_t clock_now(void);
/* Freeze the clock at AT (0 lets it run again). */
void clock_set(int64_t at);
/* Monotonic milliseconds, for deadlines and durations. */
int64_t clock_monotonic_ms(void);

/* RFC 3339: `2026-11-22T08:00:00Z` (fraction only if there is one). */
void clock_format(char out[CLOCK_TEXT], int64_t at);
/* As people in Beijing write it: `2026-11-22 16:00:00`. */
void clock_beijing(char out[CLOCK_TEXT], int64_t at);
/* RFC 3339 with any offset. */
bool clock_parse(int64_t *out, const char *text);
