/* SPDX-License-Identifier: Apache-2.0 */
/* The planner: whom it selects, for how many years and how much, why not, and what it says will wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "common/clock.h"
#include "orchestrator/domain/plan.h"

#define NOW INT64_C(1795320000000000)

static struct policy *policy;
static const struct plan_term offered[] = { { 1, 20000 }, { 2, 38000 }, { 3, 54000 } };

static int read_policy(void **state)
{
	static const char text[] =
		"name: test\nselect: {expires_within_days: 60, expired_within_days: 30, units: [总部, 分公司]}\n"
		"terms: [3, 2, 1]\nprice_cap_fen: 40000\ninvoice_email: a@b\nslack_days: 10\n";
	struct fault fault = { 0 };

	(void)state;
	policy = policy_read("p", text, strlen(text), &fault);
	return policy == NULL ? -1 : 0;
}

static int free_policy(void **state)
{
	(void)state;
	policy_free(policy);
	return 0;
}

static struct plan_candidate a_candidate(int64_t set, int64_t days)
{
	return (struct plan_candidate){ .set_id = set,
		.serial = "0A",
		.not_after = NOW + days * CLOCK_DAY,
		.holder = "某某有限公司",
		.service = "机构证书",
		.unit = "总部",
		.client_version = "4.7.10",
		.token_serial = "a1",
		.has_agent = true,
		.token_free_bytes = -1,
		.has_handler = true,
		.handler_authorised_until = INT64_MAX,
		.key_type = "RSA2048" };
}

static struct plan planned(const struct plan_candidate *candidates, size_t count,
	const struct plan_term *terms, size_t term_count)
{
	struct plan plan = { 0 };
	struct fault fault = { 0 };

	if (!plan_make(&plan,
		    &(struct plan_request){ .policy = policy,
			    .candidates = candidates,
			    .candidate_count = count,
			    .terms = terms,
			    .term_count = term_count,
			    .now = NOW },
		    &fault))
		fail_msg("%s", fault.text);
	return plan;
}

/* The plan's only row for CANDIDATE. */
static struct plan_row planned_one(struct plan_candidate *candidate)
{
	CLEANUP(plan_donep) struct plan plan = planned(candidate, 1, offered, 3);

	return plan.rows[0];
}

static struct plan_row planned_by_person(struct plan_candidate *candidate)
{
	CLEANUP(plan_donep) struct plan plan = { 0 };
	struct fault fault;

	assert_true(plan_make(&plan,
		&(struct plan_request){ .policy = policy,
			.candidates = candidate,
			.candidate_count = 1,
			.terms = offered,
			.term_count = 3,
			.person_installs = true,
			.now = NOW },
		&fault));
	return plan.rows[0];
}

static void the_policys_days_select_expiring_and_expired(void **state)
{
	static const struct {
		int64_t days, microseconds;
		enum plan_reason reason;
	} wanted[] = {
		{ 60, 1, PLAN_REASON_NOT_YET },
		{ 60, 0, PLAN_REASON_EXPIRING },
		{ 0, 1, PLAN_REASON_EXPIRING },
		{ 0, 0, PLAN_REASON_EXPIRED },
		{ -30, 0, PLAN_REASON_EXPIRED },
		{ -30, -1, PLAN_REASON_EXPIRED_TOO_LONG },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(wanted); i++) {
		struct plan_candidate candidate = a_candidate(1, wanted[i].days);
		candidate.not_after += wanted[i].microseconds;
		struct plan_row row = planned_one(&candidate);
		assert_int_equal(row.reason, wanted[i].reason);
		assert_int_equal(row.is_included,
			wanted[i].reason == PLAN_REASON_EXPIRING ||
				wanted[i].reason == PLAN_REASON_EXPIRED);
		assert_int_equal(row.is_included && row.kind == PLAN_EXPIRED,
			wanted[i].reason == PLAN_REASON_EXPIRED);
	}
}

static void a_policy_without_expired_days_renews_no_expired_certificate(void **state)
{
	struct plan_candidate candidate = a_candidate(1, 0);
	int64_t days = policy->expired_within_days;

	(void)state;
	policy->expired_within_days = 0;
	assert_int_equal(planned_one(&candidate).reason, PLAN_REASON_EXPIRED_TOO_LONG);
	policy->expired_within_days = days;
}

static void what_speaks_against_a_renewal_is_its_reason(void **state)
{
	struct plan_candidate candidate = a_candidate(1, 20);

	(void)state;
	candidate.unit = "别处";
	assert_int_equal(planned_one(&candidate).reason, PLAN_REASON_OTHER_UNIT);
	candidate.unit = NULL;
	assert_int_equal(planned_one(&candidate).reason, PLAN_REASON_OTHER_UNIT);
	candidate.has_open_renewal = true;
	assert_int_equal(planned_one(&candidate).reason, PLAN_REASON_OPEN_RENEWAL);
	candidate.is_replaced = true;
	assert_int_equal(planned_one(&candidate).reason, PLAN_REASON_REPLACED);
	candidate.is_revoked = true;
	assert_int_equal(planned_one(&candidate).reason, PLAN_REASON_REVOKED);
	assert_false(planned_one(&candidate).is_included);
	assert_int_equal(planned_one(&candidate).price_fen, 0);
}

static void the_first_preferred_term_within_the_cap_is_taken(void **state)
{
	static const struct plan_term cheap[] = { { 3, 40000 }, { 1, 1 } };
	static const struct plan_term dear[] = { { 1, 40001 }, { 3, 99999 } };
	static const struct plan_term strange[] = { { 5, 100 }, { 1, 0 } };
	struct plan_candidate candidate = a_candidate(1, 20);

	(void)state;
	CLEANUP(plan_donep) struct plan usual = planned(&candidate, 1, offered, 3);
	assert_int_equal(usual.rows[0].term_years, 2); /* three years are above the cap */
	assert_int_equal(usual.rows[0].price_fen, 38000);
	CLEANUP(plan_donep) struct plan long_term = planned(&candidate, 1, cheap, 2);
	assert_int_equal(long_term.rows[0].term_years, 3);
	CLEANUP(plan_donep) struct plan above = planned(&candidate, 1, dear, 2);
	assert_int_equal(above.rows[0].reason, PLAN_REASON_ABOVE_CAP);
	CLEANUP(plan_donep) struct plan none = planned(&candidate, 1, strange, 2);
	assert_int_equal(none.rows[0].reason, PLAN_REASON_NO_TERM);
	assert_false(none.rows[0].is_included);
}

static void what_would_make_it_wait_is_told(void **state)
{
	struct plan_candidate candidate = a_candidate(1, 20);

	(void)state;
	assert_int_equal(planned_one(&candidate).blocks, 0);
	candidate.client_version = "4.7.6";
	assert_int_equal(planned_one(&candidate).blocks, 0);
	candidate.client_version = "4.7.5";
	assert_int_equal(planned_one(&candidate).blocks, 1u << PLAN_BLOCK_CLIENT_OLD);
	candidate.client_version = "new";
	assert_int_equal(planned_one(&candidate).blocks, 1u << PLAN_BLOCK_CLIENT_UNKNOWN);
	candidate.client_version = NULL;
	candidate.token_serial = NULL;
	assert_int_equal(planned_one(&candidate).blocks,
		1u << PLAN_BLOCK_CLIENT_UNKNOWN | 1u << PLAN_BLOCK_TOKEN_UNSEEN);
	candidate = a_candidate(1, 20);
	candidate.has_agent = false;
	assert_int_equal(planned_one(&candidate).blocks, 1u << PLAN_BLOCK_AGENT_ABSENT);
	candidate = a_candidate(1, 20);
	candidate.has_handler = false;
	assert_int_equal(planned_one(&candidate).blocks, 1u << PLAN_BLOCK_NO_HANDLER);
	candidate = a_candidate(1, 20);
	candidate.handler_authorised_until = NOW;
	assert_int_equal(planned_one(&candidate).blocks, 1u << PLAN_BLOCK_HANDLER_EXPIRED);
	candidate = a_candidate(1, 20);
	candidate.token_free_bytes = 100;
	assert_int_equal(planned_one(&candidate).blocks, 1u << PLAN_BLOCK_TOKEN_FULL);
	candidate = a_candidate(1, 20);
	candidate.key_type = "SM2";
	assert_int_equal(planned_one(&candidate).blocks, 1u << PLAN_BLOCK_SM2);
	assert_true(planned_one(&candidate).is_included);
}

static void where_a_person_installs_no_agent_is_waited_for(void **state)
{
	struct plan_candidate candidate = a_candidate(1, 20);

	(void)state;
	candidate.token_serial = candidate.client_version = NULL;
	candidate.has_agent = false;
	candidate.key_type = "SM2";
	assert_int_not_equal(planned_one(&candidate).blocks, 0);
	assert_int_equal(planned_by_person(&candidate).blocks, 0);
	candidate.client_version = "4.7.5"; /* what is known counts all the same */
	assert_int_equal(planned_by_person(&candidate).blocks, 1u << PLAN_BLOCK_CLIENT_OLD);
	candidate.client_version = NULL;
	candidate.has_agent = true; /* it will tell the version */
	assert_int_equal(planned_by_person(&candidate).blocks, 1u << PLAN_BLOCK_CLIENT_UNKNOWN);
}

static void a_missing_media_number_changes_nothing(void **state)
{
	struct plan_candidate candidate = a_candidate(1, 20);

	(void)state;
	candidate.media_no = NULL;
	assert_true(planned_one(&candidate).is_included);
	assert_int_equal(planned_one(&candidate).blocks, 0);
}

static void the_latest_safe_start_is_the_slack_before_the_end(void **state)
{
	struct plan_candidate candidate = a_candidate(1, 20);
	struct plan_row row = planned_one(&candidate);

	(void)state;
	assert_int_equal(row.latest_safe_start, NOW + 10 * CLOCK_DAY);
	assert_false(row.is_late);
	candidate = a_candidate(1, 9);
	assert_true(planned_one(&candidate).is_late);
}

static void sentences_say_reason_price_and_what_blocks(void **state)
{
	struct plan_candidate candidate = a_candidate(1, 20);
	TEXT sentence = { 0 };

	(void)state;
	candidate.client_version = NULL;
	struct plan_row row = planned_one(&candidate);
	text_init(&sentence, 1000);
	plan_explain(&sentence, &row);
	assert_string_equal(sentence.data,
		"expires within the days that the policy looks ahead (临期); 2 years for 380.00 yuan; start "
		"before 2026-12-02; it waits: the client version of its workstation is unknown (主程序版本号)");
	candidate.is_revoked = true;
	row = planned_one(&candidate);
	text_clear(&sentence);
	plan_explain(&sentence, &row);
	assert_string_equal(sentence.data, "is revoked (吊销)");
}

static void the_plan_does_not_depend_on_the_candidates_order(void **state)
{
	struct plan_candidate candidates[20], shuffled[20];

	(void)state;
	for (int i = 0; i < 20; i++) {
		candidates[i] = a_candidate(i + 1, (i * 7) % 9 * 10 - 20);
		candidates[i].client_version = i % 5 == 0 ? NULL : "4.7.6";
	}
	CLEANUP(plan_donep) struct plan first = planned(candidates, 20, offered, 3);
	for (int seed = 1; seed < 20; seed++) {
		for (int i = 0; i < 20; i++)
			shuffled[i] = candidates[(i * 3 + seed) % 20];
		CLEANUP(plan_donep) struct plan again = planned(shuffled, 20, offered, 3);
		for (int i = 0; i < 20; i++) {
			assert_int_equal(
				first.rows[i].candidate->set_id, again.rows[i].candidate->set_id);
			assert_int_equal(first.rows[i].reason, again.rows[i].reason);
			assert_int_equal(first.rows[i].price_fen, again.rows[i].price_fen);
		}
		assert_int_equal(first.price_fen, again.price_fen);
	}
}

static void totals_are_the_sums_of_the_rows(void **state)
{
	struct plan_candidate candidates[] = { a_candidate(1, 20), a_candidate(2, -5),
		a_candidate(3, 90), a_candidate(4, 30) };

	(void)state;
	candidates[3].client_version = NULL;
	CLEANUP(plan_donep) struct plan plan = planned(candidates, 4, offered, 3);
	assert_int_equal(plan.included, 3);
	assert_int_equal(plan.excluded, 1);
	assert_int_equal(plan.expiring, 2);
	assert_int_equal(plan.expired, 1);
	assert_int_equal(plan.blocked, 1);
	assert_int_equal(plan.price_fen, 3 * 38000);
	assert_int_equal(plan.ready_fen, 2 * 38000);
	assert_int_equal(plan.rows[0].candidate->set_id, 2); /* the most urgent first */
	assert_int_equal(plan.rows[3].candidate->set_id, 3); /* the excluded last */
}

static void words_are_distinct(void **state)
{
	(void)state;
	for (int i = 0; i < PLAN_REASON_COUNT; i++)
		for (int j = 0; j < i; j++)
			assert_string_not_equal(plan_reason_word((enum plan_reason)i),
				plan_reason_word((enum plan_reason)j));
	for (int i = 0; i < PLAN_BLOCK_COUNT; i++)
		for (int j = 0; j < i; j++)
			assert_string_not_equal(plan_block_word((enum plan_block)i),
				plan_block_word((enum plan_block)j));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_policys_days_select_expiring_and_expired),
		cmocka_unit_test(a_policy_without_expired_days_renews_no_expired_certificate),
		cmocka_unit_test(what_speaks_against_a_renewal_is_its_reason),
		cmocka_unit_test(the_first_preferred_term_within_the_cap_is_taken),
		cmocka_unit_test(what_would_make_it_wait_is_told),
		cmocka_unit_test(where_a_person_installs_no_agent_is_waited_for),
		cmocka_unit_test(a_missing_media_number_changes_nothing),
		cmocka_unit_test(the_latest_safe_start_is_the_slack_before_the_end),
		cmocka_unit_test(sentences_say_reason_price_and_what_blocks),
		cmocka_unit_test(the_plan_does_not_depend_on_the_candidates_order),
		cmocka_unit_test(totals_are_the_sums_of_the_rows),
		cmocka_unit_test(words_are_distinct),
	};

	return cmocka_run_group_tests(tests, read_policy, free_policy);
}
