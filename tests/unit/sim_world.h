/* SPDX-License-Identifier: Apache-2.0 */
/* What the simulator's tests share: one world with its PKI and one enrolled certificate, made once
 * for a program and loaded afresh for each test, because keys are slow to make. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "tests/simulator/sim_client.h"

/* 2026-11-22T08:00:00Z */
#define NOON INT64_C(1795334400000000)

struct world {
	struct sim_client client;
	struct sim_journey journey; /* of the enrolled certificate, which ends in thirty days */
};

static char *world_text, *world_public_pem;
static char world_certificate[SIM_ID_TEXT];

static inline char *world_key(EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *bytes = NULL, *pem;
	long len;

	assert_int_equal(PEM_write_bio_PUBKEY(bio, key), 1);
	len = BIO_get_mem_data(bio, &bytes);
	pem = text_dupf("%.*s", (int)len, bytes);
	BIO_free_all(bio);
	EVP_PKEY_free(key);
	return pem;
}

static inline int world_make(void **state)
{
	struct sim_client client;
	struct fault fault;

	(void)state;
	assert_true(sim_client_new(&client, NOON, &fault));
	world_public_pem = world_key(EVP_RSA_gen(2048));
	assert_int_equal(sim_client_enrol(&client, world_certificate, world_public_pem, "both",
				 NOON + 30 * CLOCK_DAY),
		201);
	world_text = sim_save(client.sim);
	sim_client_done(&client);
	return 0;
}

static inline int world_drop(void **state)
{
	(void)state;
	free(world_text);
	free(world_public_pem);
	return 0;
}

static inline int world_open(void **state)
{
	struct world *world = zalloc(1, sizeof(*world));
	struct fault fault;

	assert_true(sim_client_load(&world->client, world_text, NOON, &fault));
	(void)snprintf(world->journey.certificate, SIM_ID_TEXT, "%s", world_certificate);
	*state = world;
	return 0;
}

static inline int world_close(void **state)
{
	struct world *world = *state;

	sim_client_done(&world->client);
	free(world);
	return 0;
}

/* The last answer was STATUS with this problem code, signed. */
static inline void assert_problem(const struct sim_client *client, int status, const char *code)
{
	assert_string_equal(sim_client_text(client, "code"), code);
	assert_int_equal(client->answer.status, status);
	assert_true(client->is_signed);
}

/* Walk the world's certificate to STEP. */
static inline void world_walk(struct world *world, enum sim_walk step)
{
	if (!sim_client_walk(&world->client, &world->journey, step))
		fail_msg("the walk ends with %d %s", world->client.answer.status,
			sim_client_text(&world->client, "detail"));
}

/* METHOD on PART of the world's application, with BODY (taken); the status. */
static inline int world_on(struct world *world, const char *method, const char *part, json_t *body)
{
	OWNED char *target = text_dupf("/v1/applications/%s%s%s", world->journey.application,
		*part == '\0' ? "" : "/", part);

	return sim_client_call(&world->client, method, target, body);
}

/* The state of the world's application. */
static inline const char *world_state(struct world *world)
{
	assert_int_equal(world_on(world, "GET", "", NULL), 200);
	return sim_client_text(&world->client, "state");
}

/* The first item of TABLE whose KEY is VALUE; fails where there is none. */
static inline json_t *world_find(
	const struct world *world, const char *table, const char *key, const char *value)
{
	json_t *found = sim_find_by(world->client.sim, table, key, value);

	assert_non_null(found);
	return found;
}

/* Another certificate that ends in twenty days; its journey. */
static inline struct sim_journey world_second(struct world *world)
{
	struct sim_journey journey = { 0 };

	assert_int_equal(sim_client_enrol(&world->client, journey.certificate, world_public_pem,
				 "both", world->client.now + 20 * CLOCK_DAY),
		201);
	return journey;
}

/* The serial number of the certificate ID, as a rule's value (own reference). */
static inline json_t *world_serial(const struct world *world, const char *id)
{
	return json_incref(
		json_object_get(sim_find(world->client.sim, "certificates", id), "serial"));
}

static inline void world_knob(struct world *world, const char *name, json_t *value)
{
	assert_int_equal(sim_client_knob(&world->client, name, value), 200);
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_open, world_close)
