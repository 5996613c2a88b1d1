/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator's state: one JSON tree of tables, its birth, saving and loading, and the seeded
 * generator that names everything. */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/text.h"
#include "tests/simulator/sim_inside.h"
#include "tests/simulator/sim_knobs.h"

static const char *const tables[] = { "certificates", "bindings", "applications", "payments",
	"refunds", "webhooks", "deliveries", "logins", "timers", "idempotency", "nonces", "ledger",
	"knobs", "bank" };

static const char *const key_words[] = {
	[SIM_KEYS_FULL] = "full", [SIM_KEYS_QUICK] = "quick", [SIM_KEYS_NONE] = "none"
};

json_t *sim_table(const struct sim *sim, const char *name)
{
	json_t *table = json_object_get(sim->state, name);

	if (table == NULL) {
		table = json_object();
		json_object_set_new(sim->state, name, table);
	}
	return table;
}

json_t *sim_find(const struct sim *sim, const char *table, const char *id)
{
	return json_object_get(sim_table(sim, table), id);
}

json_t *sim_find_by(const struct sim *sim, const char *table, const char *key, const char *value)
{
	const char *id;
	json_t *object;

	json_object_foreach(sim_table(sim, table), id, object)
	{
		if (text_equal(json_peek_text(object, key), value))
			return object;
	}
	return NULL;
}

/* splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014): the
 * state is seed + counter, so that saving the counter saves the generator. */
static uint64_t next_random(struct sim *sim)
{
	int64_t counter = json_peek_number(sim->state, "counter", 0) + 1;
	uint64_t z = (uint64_t)json_peek_number(sim->state, "seed", 0);

	json_put_number(sim->state, "counter", counter);
	z += UINT64_C(0x9e3779b97f4a7c15) * (uint64_t)counter;
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint64_t sim_random(struct sim *sim, uint64_t limit)
{
	assert(limit > 0);
	return next_random(sim) % limit;
}

void sim_hex(struct sim *sim, char *out, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)(next_random(sim) >> 24);

		hex_encode(out + 2 * i, &byte, 1);
	}
}

void sim_id(struct sim *sim, char out[SIM_ID_TEXT], const char *prefix)
{
	char digits[13];

	sim_hex(sim, digits, 6);
	(void)snprintf(out, SIM_ID_TEXT, "%s_%s", prefix, digits);
}

void sim_serial(struct sim *sim, char out[SIM_SERIAL_TEXT])
{
	sim_hex(sim, out, 10);
	out[0] = (char)('1' + out[0] % 7);
}

void sim_put_instant(json_t *object, const char *key, int64_t at)
{
	char text[CLOCK_TEXT];

	clock_format(text, at);
	json_put_text(object, key, text);
}

int64_t sim_add_years(int64_t at, int years)
{
	time_t seconds = (time_t)(at / CLOCK_SECOND);
	struct tm day;

	if (gmtime_r(&seconds, &day) == NULL)
		return at;
	day.tm_year += years;
	return (int64_t)timegm(&day) * CLOCK_SECOND;
}

static struct sim *sim_bare(const struct sim_options *options)
{
	struct sim *sim = zalloc(1, sizeof(*sim));

	sim->key_id = text_dup(options->key_id);
	sim->secret = zalloc(1, options->secret_len + 1);
	sim->secret_len = options->secret_len;
	memcpy(sim->secret, options->secret, options->secret_len);
	return sim;
}

struct sim *sim_new(const struct sim_options *options, int64_t now, struct fault *fault)
{
	CLEANUP(sim_freep) struct sim *sim = sim_bare(options);

	sim->state = json_object();
	json_put_number(sim->state, "version", 1);
	json_put_number(sim->state, "seed", options->seed);
	json_put_number(sim->state, "counter", 0);
	json_put_text(sim->state, "keys", key_words[options->keys]);
	if (options->keys != SIM_KEYS_NONE) {
		sim->pki = sim_pki_new(now, options->keys == SIM_KEYS_QUICK, fault);
		if (sim->pki == NULL)
			return NULL;
		json_object_set_new(sim->state, "pki", sim_pki_save(sim->pki));
	}
	for (size_t i = 0; i < COUNT_OF(tables); i++)
		(void)sim_table(sim, tables[i]);
	sim_knobs_init(sim);
	sim->changed = true;
	return take(sim);
}

struct sim *sim_load(
	const struct sim_options *options, const char *text, size_t len, struct fault *fault)
{
	CLEANUP(sim_freep) struct sim *sim = sim_bare(options);
	json_error_t error;

	/* Its own writing, and larger than what json_read takes from strangers. */
	sim->state =
		len > SIM_STATE_MAX ? NULL : json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(sim->state) || json_peek_number(sim->state, "version", 0) != 1) {
		(void)fault_set(fault, FAULT_INPUT, "not a state of this simulator's version");
		return NULL;
	}
	if (!text_equal(json_peek_text(sim->state, "keys"), key_words[SIM_KEYS_NONE])) {
		sim->pki = sim_pki_load(json_object_get(sim->state, "pki"), fault);
		if (sim->pki == NULL)
			return NULL;
	}
	sim_knobs_init(sim);
	sim_deliveries_again(sim);
	return take(sim);
}

void sim_free(struct sim *sim)
{
	if (sim == NULL)
		return;
	json_decref(sim->state);
	sim_pki_free(sim->pki);
	free(sim->key_id);
	free(sim->secret);
	free(sim);
}

char *sim_save(const struct sim *sim)
{
	return json_write(sim->state);
}

bool sim_changed(struct sim *sim)
{
	bool changed = sim->changed;

	sim->changed = false;
	return changed;
}

char *sim_root_pem(const struct sim *sim)
{
	return sim->pki == NULL ? text_dup("") : sim_pki_pem(sim_pki_root(sim->pki));
}
