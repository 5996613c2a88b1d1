/* SPDX-License-Identifier: Apache-2.0 */
/* Policies: the one that is delivered, what each field becomes, what the digest covers, and every kind of
 * mistake with its place (policy_errors.tsv). */
#include "tests/unit/cases.h"

#include "orchestrator/domain/policy.h"

static const char sample[] = "name: sample\n"
			     "select:\n"
			     "  expires_within_days: 60\n"
			     "  expired_within_days: 30\n"
			     "  units: [总部, 分公司]\n"
			     "terms: [2, 1]\n"
			     "price_cap_fen: 50000\n"
			     "key_policy: reuse\n"
			     "payer: { account: \"4405\", name: 某某有限公司 }\n"
			     "invoice_email: invoice@example.com\n"
			     "minimum_client_version: 4.7.10\n"
			     "concurrency: 3\n";

static struct policy *a_policy(const char *text)
{
	struct fault fault = { 0 };
	struct policy *policy = policy_read("p.yaml", text, strlen(text), &fault);

	if (policy == NULL)
		fail_msg("%s", fault.text);
	return policy;
}

static void assert_refused(const char *text, const char *part)
{
	struct fault fault = { 0 };
	CLEANUP(policy_freep)
	struct policy *policy = policy_read("p.yaml", text, strlen(text), &fault);

	assert_null(policy);
	assert_int_equal(fault.kind, FAULT_INPUT);
	if (strstr(fault.text, part) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", fault.text, part);
}

static void every_field_arrives(void **state)
{
	CLEANUP(policy_freep) struct policy *policy = a_policy(sample);

	(void)state;
	assert_string_equal(policy->name, "sample");
	assert_int_equal(policy->expires_within_days, 60);
	assert_int_equal(policy->expired_within_days, 30);
	assert_int_equal(policy->units.count, 2);
	assert_true(policy_list_admits(&policy->units, "总部"));
	assert_false(policy_list_admits(&policy->units, "别处"));
	assert_true(policy_list_admits(&policy->services, "任何"));
	assert_int_equal(policy->term_count, 2);
	assert_int_equal(policy->terms[0], 2);
	assert_int_equal(policy->price_cap_fen, 50000);
	assert_string_equal(policy->payer_account, "4405");
	assert_string_equal(policy->payer_name, "某某有限公司");
	assert_string_equal(policy->invoice_email, "invoice@example.com");
	assert_string_equal(policy->minimum_client_version, "4.7.10");
	assert_int_equal(policy->concurrency, 3);
	assert_null(policy->handler);
}

static void ways_of_paying_and_what_follows_an_installation_are_policy(void **state)
{
	static const char least[] =
		"name: a\nselect: {expires_within_days: 30}\nterms: [1]\nprice_cap_fen: 1\ninvoice_email: a@b\n";
	OWNED char *text = text_dupf(
		"%spayment: wechat_pay\nreview_working_days: 3\ninvoice_working_days: 7\nsites: [\"*=内网\", \"采购=网\"]\n",
		least);
	CLEANUP(policy_freep) struct policy *policy = a_policy(text);
	CLEANUP(policy_freep) struct policy *silent = a_policy(least);

	(void)state;
	assert_int_equal(policy->payment, POLICY_WECHAT_PAY);
	assert_int_equal(policy->review_working_days, 3);
	assert_int_equal(policy->invoice_working_days, 7);
	assert_int_equal(policy->sites.count, 2);
	assert_non_null(strstr(policy->canonical, "\"payment\":\"wechat_pay\""));
	assert_int_equal(silent->payment, POLICY_BANK_TRANSFER);
	assert_int_equal(silent->review_working_days, 5);
	assert_string_not_equal(policy->sha256, silent->sha256);
}

static void the_days_that_personal_data_is_kept_are_approved_too(void **state)
{
	static const char least[] =
		"name: a\nselect: {expires_within_days: 30}\nterms: [1]\nprice_cap_fen: 1\ninvoice_email: a@b\n";
	OWNED char *text = text_dupf("%sprivacy: {keep_days: 30}\n", least);
	CLEANUP(policy_freep) struct policy *policy = a_policy(text);
	CLEANUP(policy_freep) struct policy *silent = a_policy(least);

	(void)state;
	assert_int_equal(policy->privacy_keep_days, 30);
	assert_non_null(strstr(policy->canonical, "\"privacy_keep_days\":30"));
	assert_string_not_equal(policy->sha256, silent->sha256);
}

static void the_times_of_a_working_day_are_in_order_and_approved_too(void **state)
{
	static const char least[] =
		"name: a\nselect: {expires_within_days: 30}\nterms: [1]\nprice_cap_fen: 1\ninvoice_email: a@b\n";
	OWNED char *text = text_dupf("%sverify_at: [\"14:00\", \"09:30\"]\n", least);
	CLEANUP(policy_freep) struct policy *policy = a_policy(text);
	CLEANUP(policy_freep) struct policy *silent = a_policy(least);

	(void)state;
	assert_non_null(strstr(policy->canonical, "\"verify_at\":[\"09:30\",\"14:00\"]"));
	assert_null(strstr(silent->canonical, "verify_at"));
	assert_string_not_equal(policy->sha256, silent->sha256);
}

static void what_is_not_written_has_its_default(void **state)
{
	CLEANUP(policy_freep)
	struct policy *policy = a_policy(
		"name: a\nselect: {expires_within_days: 30}\nterms: [1]\nprice_cap_fen: 1\ninvoice_email: a@b\n");

	(void)state;
	assert_int_equal(policy->expired_within_days, 0);
	assert_int_equal(policy->slack_days, 14);
	assert_int_equal(policy->concurrency, 4);
	assert_int_equal(policy->daily_cap, 0);
	assert_int_equal(policy->privacy_keep_days, 180);
	assert_string_equal(policy->minimum_client_version, "4.7.6");
	assert_int_equal(policy->key_policy, POLICY_KEY_REUSE);
	assert_null(policy->payer_account);
}

static void the_delivered_policy_is_sound(void **state)
{
	struct fault fault = { 0 };
	size_t len = 0;
	OWNED char *text = file_read(XUQI_SOURCE_DIR "/policies/default.yaml", 65536, &len, &fault);

	(void)state;
	assert_non_null(text);
	CLEANUP(policy_freep) struct policy *policy = a_policy(text);
	assert_string_equal(policy->name, "default");
	assert_string_equal(policy->minimum_client_version, "4.7.6");
}

/* The fields that are commented out in the delivered policy are right when someone uncomments them. */
static void its_optional_fields_are_sound_too(void **state)
{
	struct fault fault = { 0 };
	OWNED char *text = file_read(XUQI_SOURCE_DIR "/policies/default.yaml", 65536, NULL, &fault);
	static const char *const optional[] = {
		"  # units:", "  # services:", "# payer:", "#   account:", "#   name:", "# handler:"
	};

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < COUNT_OF(optional); i++) {
		char *found = strstr(text, optional[i]);
		assert_non_null(found);
		char *mark = strchr(found, '#');
		memmove(mark, mark + 2, strlen(mark + 2) + 1);
	}
	CLEANUP(policy_freep) struct policy *policy = a_policy(text);
	assert_int_equal(policy->units.count, 2);
	assert_int_equal(policy->services.count, 1);
	assert_non_null(policy->payer_account);
	assert_string_equal(policy->handler, "zhang.wei");
}

static void the_digest_covers_values_not_layout(void **state)
{
	OWNED char *commented = text_dupf("# a comment\n%s", sample);

	(void)state;
	CLEANUP(policy_freep) struct policy *plain = a_policy(sample);
	CLEANUP(policy_freep) struct policy *same = a_policy(commented);
	assert_string_equal(plain->sha256, same->sha256);
	assert_string_equal(plain->canonical, same->canonical);
	static const char swapped[] = { "[分公司, 总部]" };
	char *units = strstr(commented, "[总部, 分公司]");
	for (size_t i = 0; swapped[i] != '\0'; i++)
		units[i] = swapped[i];
	CLEANUP(policy_freep) struct policy *reordered = a_policy(commented);
	assert_string_equal(plain->sha256, reordered->sha256);
	char *cap = strstr(commented, "50000");
	*cap = '6';
	CLEANUP(policy_freep) struct policy *dearer = a_policy(commented);
	assert_string_not_equal(plain->sha256, dearer->sha256);
}

/* The sample with one line replaced, or one more. */
static void a_mistake_is_named_with_its_place(void **state)
{
	const struct case_row *row = *state;
	TEXT text = { 0 };
	bool is_replaced = false;

	text_init(&text, 4096);
	for (const char *line = sample; *line != '\0'; line = strchr(line, '\n') + 1) {
		size_t len = (size_t)(strchr(line, '\n') - line) + 1;
		const char *word = line + strspn(line, " ");
		if (!text_starts(word, row->cells[0])) {
			text_add_bytes(&text, line, len);
			continue;
		}
		is_replaced = true;
		if (row->cells[1][0] != '\0')
			text_addf(&text, "%s\n", row->cells[1]);
	}
	if (!is_replaced)
		text_addf(&text, "%s\n", row->cells[1]);
	assert_refused(text.data, row->cells[2]);
}

static void what_is_no_policy_is_refused(void **state)
{
	(void)state;
	assert_refused("", "the policy lacks \"name\"");
	assert_refused("- a\n- b\n", "p.yaml:1:1: a policy is a mapping of fields");
	assert_refused("name: [", "p.yaml:");
	assert_refused("name: \xFF\n", "p.yaml:");
}

static void a_list_has_an_end(void **state)
{
	TEXT text = { 0 };

	(void)state;
	text_init(&text, 65536);
	text_add(&text, "name: a\nselect:\n  expires_within_days: 1\n  units: [u");
	for (int i = 0; i < POLICY_LIST_MAX; i++)
		text_addf(&text, ", u%d", i);
	text_add(&text, "]\n");
	assert_refused(text.data, "has more than 200 entries");
}

int main(void)
{
	static struct CMUnitTest tests[CASE_ROWS_MAX + 8] = {
		cmocka_unit_test(ways_of_paying_and_what_follows_an_installation_are_policy),
		cmocka_unit_test(every_field_arrives),
		cmocka_unit_test(the_days_that_personal_data_is_kept_are_approved_too),
		cmocka_unit_test(the_times_of_a_working_day_are_in_order_and_approved_too),
		cmocka_unit_test(what_is_not_written_has_its_default),
		cmocka_unit_test(the_delivered_policy_is_sound),
		cmocka_unit_test(its_optional_fields_are_sound_too),
		cmocka_unit_test(the_digest_covers_values_not_layout),
		cmocka_unit_test(what_is_no_policy_is_refused),
		cmocka_unit_test(a_list_has_an_end),
	};
	size_t count = 7;

	cases_add(tests, &count, "policy_errors.tsv", a_mistake_is_named_with_its_place);
	return cases_run("policy", tests, count);
}
