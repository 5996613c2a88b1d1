/* SPDX-License-Identifier: Apache-2.0 */
/* Working days and office hours of mainland China.  Pure: files are read by flows/office_calendar.c, instants
 * come as arguments (UTC microseconds).  All days are those of Asia/Shanghai, which has been UTC+8 without
 * summer time since 1992.  A year whose State Council notice was not read is unknown: Monday to Friday count as
 * worked, and the answer is flagged. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fault.h"
#include "common/own.h"

enum {
	CALENDAR_DAYS_MAX = 4000, /* exceptional days, over all files */
	CALENDAR_YEARS_MAX = 64,
	CALENDAR_ADD_MAX = 1000, /* working days that can be added at once */
	CALENDAR_SPAN_MAX = 4000 /* days of the longest span that is counted */
};

struct calendar;

/* Monday to Friday, 09:00 to 17:30, no year known. */
struct calendar *calendar_new(void);
void calendar_free(struct calendar *calendar);

/* Lay the file NAME over what CALENDAR holds; later files win day by day.  Fields (policies/calendar/):
 *   year, source   a year that becomes known, and the notice that says so (both or none)
 *   holidays       list of { name, from, to }
 *   working        list of days worked though they are weekend or holiday (调休)
 *   office         { open: "09:00", close: "17:30" }
 * FAULT_INPUT `NAME:LINE:COLUMN: …`; CALENDAR is unchanged then. */
bool calendar_read(struct calendar *calendar, const char *name, const char *bytes, size_t len,
	struct fault *fault) MUST_CHECK;

/* Whether the year of AT's day was read from a notice. */
bool calendar_knows(const struct calendar *calendar, int64_t at);
/* Whether AT's day is worked. */
bool calendar_is_working_day(const struct calendar *calendar, int64_t at);
/* Whether AT lies on a working day within the office hours: open <= AT < close. */
bool calendar_is_office_time(const struct calendar *calendar, int64_t at);
/* AT if it is office time, else when the office opens next. */
int64_t calendar_next_office_at(const struct calendar *calendar, int64_t at);

/* TEXT as HH:MM into minutes of the day; false for anything else. */
bool calendar_minute(int64_t *minute, const char *text);
/* The first instant after AT that is one of COUNT MINUTES of a working day; AT itself where COUNT is 0. */
int64_t calendar_next_slot(
	const struct calendar *calendar, int64_t at, const int64_t *minutes, size_t count);

/* An instant, and whether it was counted over a year that is not known. */
struct calendar_instant {
	int64_t at;
	bool is_guess;
};

/* The time of day of AT on the DAYSth working day after AT's day (0: AT's day, or the next that is worked). */
struct calendar_instant calendar_add_working_days(
	const struct calendar *calendar, int64_t at, int64_t days);
/* A deadline: when the office closes on the DAYSth working day after AT's day.  With 0 that is today, or the
 * next working day once today's office is closed. */
struct calendar_instant calendar_due(const struct calendar *calendar, int64_t at, int64_t days);
/* Working days after the day of FROM, up to and with the day of TO; negative when TO lies before. */
int64_t calendar_working_days_between(const struct calendar *calendar, int64_t from, int64_t to);

DEFINE_CLEANUP(calendar_freep, struct calendar *, calendar_free)
