/* SPDX-License-Identifier: Apache-2.0 */
/* A renewal on its way through a database, moved as the stages move it. */
#pragma once

#include "tests/unit/database.h"

#define A_RENEWAL() \
	OWNED char *set = NULL; \
	OWNED char *renewal = NULL; \
	(void)state; \
	an_organisation(); \
	set = a_set("t1", "Li", 1); \
	renewal = a_renewal("c", set)

static inline void approve(const char *gate)
{
	(void)sql("select campaign_approve(" P_APPROVER
		  ", 1, '{\"gate\":\"%s\",\"digest\":\"c\"}')",
		gate);
}

/* Claim RENEWAL as the sweep does; gives the epoch. */
static inline int64_t claim(const char *renewal)
{
	return sql_number(
		"update renewals set epoch = nextval('lease_epoch'), claimed_at = clock_timestamp(), "
		"claimed_until = clock_timestamp() + interval '2 minutes' where id = %s returning epoch",
		renewal);
}

/* Walk one edge after another: pairs of event and state, as the stages conclude them. */
static inline void walk(const char *renewal, const char *const *pairs)
{
	for (; pairs[0] != NULL; pairs += 2) {
		int64_t epoch = claim(renewal);
		(void)sql(
			"select renewal_conclude(%s, %lld, 'test', '{\"move\":{\"event\":\"%s\",\"to\":\"%s\",\"text\":\"\"}}')",
			renewal, (long long)epoch, pairs[0], pairs[1]);
	}
}

static const char *const to_drafting[] = { "spend_approved", "binding", "binding_confirmed",
	"bound", "application_opened", "drafting", NULL };
static const char *const to_approved[] = { "intent_needed", "awaiting_intent",
	"application_submitted", "submitted", "payment_opened", "awaiting_payment",
	"remittance_declared", "verifying_payment", "payment_verified", "paid", "review_begun",
	"in_review", "review_approved", "approved", NULL };
static const char *const to_queue[] = { "install_ordered", "install_queued", NULL };

/* An install order for the token of RENEWAL that agent 1 was offered. */
static inline void an_offered_order(const char *renewal)
{
	int64_t epoch;
	approve("all");
	walk(renewal, to_drafting);
	walk(renewal, to_approved);
	epoch = claim(renewal);
	(void)sql(
		"select renewal_conclude(%s, %lld, 'test', '{\"install\":{\"token\":1,\"body\":{\"new\":[{\"der_b64\":\"bmV3\"}]}},"
		"\"move\":{\"event\":\"install_ordered\",\"to\":\"install_queued\",\"text\":\"\"}}')",
		renewal, (long long)epoch);
	assert_string_not_equal(sql("select order_offer(1)"), "[]");
}
