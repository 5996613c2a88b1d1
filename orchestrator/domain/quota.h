/* SPDX-License-Identifier: Apache-2.0 */
/* How much of something is left: a daily cap (每日上限), whose day begins at midnight where the site is, and
 * a token bucket that spreads requests to one CA.  Whole numbers only; nothing here reads a clock. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The site's zone is given in minutes east of UTC (Beijing: 480).  The instant at which the day of NOW
 * began there, and at which the next one begins. */
int64_t quota_day_begin(int64_t now, int zone_minutes);
int64_t quota_day_end(int64_t now, int zone_minutes);

/* How many more may begin today under CAP (0: no cap, INT64_MAX is left) when USED have; never negative. */
int64_t quota_left(int64_t cap, int64_t used);

/* A bucket holds up to BURST requests and is filled at PER_MINUTE (0: no limit).  Zeroed, it is full at the
 * first look. */
struct bucket {
	int64_t filled_us; /* microseconds of filling that it holds */
	int64_t looked_at; /* 0: never */
};

struct bucket_rules {
	int64_t per_minute, burst;
};

/* Take one request at NOW (microseconds of any clock that does not jump).  False if there is none: then
 * WAIT_US says when there will be one, and nothing was taken. */
bool bucket_take(
	struct bucket *bucket, const struct bucket_rules *rules, int64_t now, int64_t *wait_us);
/* The other side says that it is too much: the bucket gives nothing for AFTER_US. */
void bucket_drain(
	struct bucket *bucket, const struct bucket_rules *rules, int64_t now, int64_t after_us);
