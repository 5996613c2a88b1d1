/* SPDX-License-Identifier: Apache-2.0 */
/* The document under an approval: whatever is shown is under the digest, and nothing else matters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "common/text.h"
#include "orchestrator/domain/approval.h"

static struct plan_candidate candidate;
static struct plan_row row;
static struct plan plan;
static struct approval_frame frame;

static int reset(void **state)
{
	(void)state;
	candidate = (struct plan_candidate){ .set_id = 12,
		.serial = "0A",
		.not_after = INT64_C(1795320000000000),
		.holder = "某某有限公司",
		.service = "机构证书",
		.unit = "总部" };
	row = (struct plan_row){ .candidate = &candidate,
		.is_included = true,
		.kind = PLAN_EXPIRING,
		.reason = PLAN_REASON_EXPIRING,
		.term_years = 1,
		.price_fen = 20000,
		.blocks = 1u << PLAN_BLOCK_TOKEN_UNSEEN };
	plan = (struct plan){ .rows = &row, .row_count = 1, .included = 1, .price_fen = 20000 };
	frame = (struct approval_frame){ "default", "p-sha", "payee", "4400", "bank", "agr", "1",
		"a-sha", 3 };
	return 0;
}

static void digest(char out[SHA256_HEX])
{
	JSON *document = approval_document(&plan, &frame);

	approval_digest(out, document);
}

static void everything_that_is_shown_is_under_the_digest(void **state)
{
	const char **const texts[] = { &candidate.serial, &candidate.holder, &candidate.service,
		&candidate.unit, &frame.policy_name, &frame.policy_sha256, &frame.payee_name,
		&frame.payee_account, &frame.payee_bank, &frame.agreement_id,
		&frame.agreement_version, &frame.agreement_sha256 };
	int64_t *const numbers[] = { &candidate.set_id, &row.term_years, &row.price_fen,
		&plan.price_fen };
	char before[SHA256_HEX], after[SHA256_HEX];

	digest(before);
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		*texts[i] = "changed";
		digest(after);
		assert_string_not_equal(before, after);
		(void)reset(state);
	}
	for (size_t i = 0; i < COUNT_OF(numbers); i++) {
		*numbers[i] += 1;
		digest(after);
		assert_string_not_equal(before, after);
		(void)reset(state);
	}
	candidate.not_after += 1000000;
	digest(after);
	assert_string_not_equal(before, after);
	(void)reset(state);
	row.kind = PLAN_EXPIRED;
	digest(after);
	assert_string_not_equal(before, after);
	(void)reset(state);
	row.blocks = 0;
	digest(after);
	assert_string_not_equal(before, after);
	(void)reset(state);
	digest(after);
	assert_string_equal(before, after);
}

static void excluded_rows_are_not_in_the_document(void **state)
{
	struct plan_row rows[2] = { row, row };
	char before[SHA256_HEX], after[SHA256_HEX];

	(void)state;
	digest(before);
	rows[1].is_included = false;
	plan.rows = rows;
	plan.row_count = 2;
	digest(after);
	assert_string_equal(before, after);
}

/* jsonb keeps neither the order of keys nor blanks. */
static void the_digest_survives_another_spelling_of_the_same_json(void **state)
{
	struct fault fault = { 0 };
	char wanted[SHA256_HEX], got[SHA256_HEX];
	JSON *document = approval_document(&plan, &frame);

	(void)state;
	approval_digest(wanted, document);
	char *spaced = json_dumps(document, JSON_INDENT(3) | JSON_ENSURE_ASCII | JSON_SORT_KEYS);
	JSON *again = json_read(spaced, strlen(spaced), &fault);
	approval_digest(got, again);
	free(spaced);
	assert_string_equal(got, wanted);
}

static void a_new_price_changes_row_total_and_digest(void **state)
{
	JSON *document = approval_document(&plan, &frame);
	char before[SHA256_HEX], after[SHA256_HEX];

	(void)state;
	approval_digest(before, document);
	assert_true(approval_reprice(document, "12", 2, 38000));
	approval_digest(after, document);
	assert_string_not_equal(before, after);
	assert_int_equal(json_peek_number(document, "total_fen", 0), 38000);
	json_t *changed = json_array_get(json_object_get(document, "rows"), 0);
	assert_int_equal(json_peek_number(changed, "term_years", 0), 2);
	assert_int_equal(json_peek_number(changed, "price_fen", 0), 38000);
	assert_false(approval_reprice(document, "13", 2, 38000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(everything_that_is_shown_is_under_the_digest, reset),
		cmocka_unit_test_setup(excluded_rows_are_not_in_the_document, reset),
		cmocka_unit_test_setup(
			the_digest_survives_another_spelling_of_the_same_json, reset),
		cmocka_unit_test_setup(a_new_price_changes_row_total_and_digest, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
