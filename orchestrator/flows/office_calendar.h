/* SPDX-License-Identifier: Apache-2.0 */
/* The calendar of this site: the notices in calendar.dir, in the order of their names, and the site's own file
 * (calendar.override) over them. */
#pragma once

#include <stdint.h>

#include "orchestrator/domain/calendar.h"

/* NULL with FAULT_INPUT naming FILE:LINE:COLUMN if a file is wrong; a directory that is not there is a calendar
 * without known years (logged).  OVERRIDE may be "".  Free with calendar_free. */
struct calendar *office_calendar_read(const char *dir, const char *override, struct fault *fault);
#define OFFICE_CALENDAR_REMEDY \
	"put CN-YYYY.yaml with the State Council's notice into calendar.dir, then restart xuqid"

/* A sentence (free it) when the year of NOW, or the one that begins within 30 days, is not known; else NULL. */
char *office_calendar_gap(const struct calendar *calendar, int64_t now);
