/* SPDX-License-Identifier: Apache-2.0 */
/* The only place that reads the wall clock, and RFC 3339 text. */
#include "common/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t clock_frozen_at;

int64_t clock_now(void)
{
	struct timespec now;
	if (clock_frozen_at != 0)
		return clock_frozen_at;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * CLOCK_SECOND + now.tv_nsec / 1000;
}

void clock_set(int64_t at)
{
	clock_frozen_at = at;
}

int64_t clock_monotonic_ms(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void clock_format(char out[CLOCK_TEXT], int64_t at)
{
	int64_t micros = at % CLOCK_SECOND;
	if (micros < 0)
		micros += CLOCK_SECOND;
	time_t seconds = (time_t)((at - micros) / CLOCK_SECOND);
	struct tm tm = { 0 };
	(void)gmtime_r(&seconds, &tm);
	size_t len = strftime(out, CLOCK_TEXT, "%Y-%m-%dT%H:%M:%S", &tm);
	if (micros == 0) {
		(void)snprintf(out + len, CLOCK_TEXT - len, "Z");
		return;
	}
	char fraction[8];
	(void)snprintf(fraction, sizeof(fraction), "%06u", (unsigned)micros % 1000000U);
	size_t digits = 6;
	while (fraction[digits - 1] == '0')
		digits--;
	fraction[digits] = '\0';
	(void)snprintf(out + len, CLOCK_TEXT - len, ".%sZ", fraction);
}

void clock_beijing(char out[CLOCK_TEXT], int64_t at)
{
	static const size_t date_len = sizeof "2026-11-22" - 1;

	at += INT64_C(8) * 3600 * CLOCK_SECOND;
	clock_format(out, at);
	out[date_len] = ' ';
	out[sizeof "2026-11-22 16:00:00" - 1] = '\0';
}

/* Exactly COUNT digits at *TEXT, which moves behind them. */
static bool take_digits(int *out, const char **text, int count)
{
	int number = 0;
	for (int i = 0; i < count; i++) {
		char digit = (*text)[i];
		if (digit < '0' || digit > '9')
			return false;
		number = number * 10 + (digit - '0');
	}
	*text += count;
	*out = number;
	return true;
}

static bool take_one_of(const char **text, const char *set)
{
	if (**text == '\0' || strchr(set, **text) == NULL)
		return false;
	(*text)++;
	return true;
}

static bool take_date(struct tm *tm, const char **text)
{
	return take_digits(&tm->tm_year, text, 4) && take_one_of(text, "-") &&
		take_digits(&tm->tm_mon, text, 2) && take_one_of(text, "-") &&
		take_digits(&tm->tm_mday, text, 2);
}

static bool take_time(struct tm *tm, const char **text)
{
	return take_digits(&tm->tm_hour, text, 2) && take_one_of(text, ":") &&
		take_digits(&tm->tm_min, text, 2) && take_one_of(text, ":") &&
		take_digits(&tm->tm_sec, text, 2);
}

/* An optional fraction; digits beyond the microsecond are read and dropped. */
static bool take_fraction(int64_t *micros, const char **text)
{
	int64_t unit = CLOCK_SECOND / 10;
	int digit = 0;
	*micros = 0;
	if (!take_one_of(text, "."))
		return true;
	if (!take_digits(&digit, text, 1))
		return false;
	do {
		*micros += digit * unit;
		unit /= 10;
	} while (take_digits(&digit, text, 1));
	return true;
}

/* `Z` or `+08:00`, in seconds east of Greenwich. */
static bool take_offset(int64_t *seconds, const char **text)
{
	int hours = 0;
	int minutes = 0;
	*seconds = 0;
	if (take_one_of(text, "Zz"))
		return true;
	bool west = **text == '-';
	if (!take_one_of(text, "+-") || !take_digits(&hours, text, 2) || !take_one_of(text, ":") ||
		!take_digits(&minutes, text, 2) || hours > 23 || minutes > 59)
		return false;
	*seconds = (int64_t)(hours * 60 + minutes) * (west ? -60 : 60);
	return true;
}

/* The instant of a calendar time in UTC; false if there is no such day or hour. */
static bool from_calendar(int64_t *seconds, const struct tm *wanted)
{
	struct tm tm = *wanted;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	struct tm same = tm;
	time_t at = timegm(&same);
	if (same.tm_mon != tm.tm_mon || same.tm_mday != tm.tm_mday || same.tm_hour != tm.tm_hour ||
		same.tm_min != tm.tm_min || same.tm_sec != tm.tm_sec)
		return false;
	*seconds = (int64_t)at;
	return true;
}

bool clock_parse(int64_t *out, const char *text)
{
	struct tm tm = { 0 };
	int64_t seconds = 0;
	int64_t micros = 0;
	int64_t offset = 0;
	if (text == NULL || !take_date(&tm, &text) || !take_one_of(&text, "Tt ") ||
		!take_time(&tm, &text) || !take_fraction(&micros, &text) ||
		!take_offset(&offset, &text) || *text != '\0')
		return false;
	if (!from_calendar(&seconds, &tm))
		return false;
	*out = (seconds - offset) * CLOCK_SECOND + micros;
	return true;
}
