/* SPDX-License-Identifier: Apache-2.0 */
/* Days and buckets, counted in microseconds. */
#include "orchestrator/domain/quota.h"

#include "common/clock.h"

enum { MINUTE_SECONDS = 60 };

#define MINUTE (MINUTE_SECONDS * CLOCK_SECOND)

int64_t quota_day_begin(int64_t now, int zone_minutes)
{
	int64_t local = now + zone_minutes * MINUTE, past = local % CLOCK_DAY;

	return now - (past < 0 ? past + CLOCK_DAY : past);
}

int64_t quota_day_end(int64_t now, int zone_minutes)
{
	return quota_day_begin(now, zone_minutes) + CLOCK_DAY;
}

int64_t quota_left(int64_t cap, int64_t used)
{
	if (cap <= 0)
		return INT64_MAX;
	return used < cap ? cap - used : 0;
}

/* What one request costs, in microseconds of filling. */
static int64_t cost_us(const struct bucket_rules *rules)
{
	return MINUTE / rules->per_minute;
}

static void fill(struct bucket *bucket, const struct bucket_rules *rules, int64_t now)
{
	int64_t whole = rules->burst * cost_us(rules);

	if (bucket->looked_at == 0)
		bucket->filled_us = whole;
	else if (now > bucket->looked_at)
		bucket->filled_us += now - bucket->looked_at;
	if (bucket->filled_us > whole)
		bucket->filled_us = whole;
	if (now > bucket->looked_at)
		bucket->looked_at = now;
}

bool bucket_take(
	struct bucket *bucket, const struct bucket_rules *rules, int64_t now, int64_t *wait_us)
{
	if (rules->per_minute <= 0)
		return true;
	fill(bucket, rules, now);
	if (bucket->filled_us < cost_us(rules)) {
		*wait_us = cost_us(rules) - bucket->filled_us;
		return false;
	}
	bucket->filled_us -= cost_us(rules);
	return true;
}

void bucket_drain(
	struct bucket *bucket, const struct bucket_rules *rules, int64_t now, int64_t after_us)
{
	if (rules->per_minute <= 0)
		return;
	fill(bucket, rules, now);
	bucket->filled_us = cost_us(rules) - after_us;
}
