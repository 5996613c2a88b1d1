/* SPDX-License-Identifier: Apache-2.0 */
/* What each outcome of a call leads to and whom it asks, what a crash between intent and conclusion may repeat,
 * and the stages up to the submission.  Money and installation are in stage_money_test.c. */
#include "tests/unit/stages.h"

#include "orchestrator/domain/personal.h"

/* ---- outcomes that mean the same everywhere ---- */

static void an_unsure_outcome_is_asked_about_before_anything_is_repeated(void **state)
{
	char key[STAGE_KEY_MAX];
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	step_with(renewal, SAYS(PAY, UNSURE, "NO_ANSWER", NULL));
	(void)snprintf(key, sizeof key, "%s", fake.said[0].key);
	assert_waits("submitted", "unknown_outcome");
	assert_sql("t", "select settled_at is null from effects");
	step_with(
		renewal, ASK(PAY, UNSURE, "NO_ANSWER", NULL)); /* still unknown: nothing is done */
	assert_waits("submitted", "unknown_outcome");
	step_with(renewal, ASK(PAY, PENDING, "NOT_FOUND", NULL), CALL(PAY, PAYMENT));
	assert_string_equal(fake.said[1].key, key);
	assert_sql("awaiting_payment", "select state from renewals");
	assert_sql("1", "select count(*) from effects where outcome = 'done' and attempt = 1");
	assert_sql("1", "select count(*) from payment_orders");
}

static void what_arrived_is_not_done_again(void **state)
{
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	step_with(renewal, SAYS(PAY, UNSURE, "NO_ANSWER", NULL));
	step_with(renewal, ASK(PAY, DONE, "", PAYMENT));
	assert_sql("awaiting_payment", "select state from renewals");
	assert_sql("20000", "select amount_fen from payment_orders");
}

/* kill -9 after the intent was committed, the call perhaps made, and nothing concluded */
static void a_crash_between_intent_and_conclusion_asks_first(void **state)
{
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	(void)sql("select effect_intend(%s, %lld, 'pay', 1, 'the key', true)", renewal,
		(long long)claim(renewal));
	step_with(renewal, ASK(PAY, DONE, "", PAYMENT));
	assert_sql("1", "select count(*) from effects");
	assert_sql("awaiting_payment", "select state from renewals");
}

static void what_cannot_be_asked_about_is_repeated_under_the_same_key(void **state)
{
	char key[STAGE_KEY_MAX];
	OWNED char *renewal = a_renewal_in("awaiting_payment");
	(void)state;
	a_linked_transfer(renewal);
	step_with(renewal, SAYS(REMIT, UNSURE, "NO_ANSWER", NULL));
	(void)snprintf(key, sizeof key, "%s", fake.said[0].key);
	step_with(renewal, CALL(REMIT, "{\"state\":\"verifying\"}"));
	assert_string_equal(fake.said[0].key, key);
	assert_sql("verifying_payment", "select state from renewals");
}

static void a_pending_outcome_waits_and_stays_unsettled(void **state)
{
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	step_with(renewal, SAYS(PAY, PENDING, "MAINTENANCE", NULL));
	assert_waits("submitted", "ca_busy");
	assert_sql("f", "select exists (select from effects where settled_at is not null)");
	step_with(renewal, ASK(PAY, PENDING, "NOT_FOUND", NULL), CALL(PAY, PAYMENT));
	assert_sql("awaiting_payment", "select state from renewals");
}

static void a_key_that_the_ca_refuses_is_a_matter_for_the_admin(void **state)
{
	OWNED char *renewal = a_renewal_in("paid");
	(void)state;
	step_with(renewal, SAYS(STATUS, NEED_HUMAN, "SIGNATURE_BAD", NULL));
	assert_task("ca_access", "admin", "SIGNATURE_BAD");
}

static void a_refusal_waits_for_a_person_and_is_a_new_attempt_after(void **state)
{
	char key[STAGE_KEY_MAX];
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	step_with(renewal, SAYS(PAY, REFUSED, "APPLICATION_BLOCKED", NULL));
	(void)snprintf(key, sizeof key, "%s", fake.said[0].key);
	assert_waits("submitted", "refused");
	assert_task("renewal", "operator", "APPLICATION_BLOCKED");
	step_alone(renewal); /* however often it is looked at */
	assert_waits("submitted", "refused");
	refused("retry=yes only",
		"select task_done(" P_OPERATOR
		", 1, '{\"values\":{\"retry\":\"no\"},\"commit\":true}')");
	finish_task("renewal", P_OPERATOR, "\"retry\":\"yes\"");
	step_with(renewal, CALL(PAY, PAYMENT));
	assert_string_not_equal(fake.said[0].key, key);
	assert_sql("refused,done", "select string_agg(outcome, ',' order by attempt) from effects");
}

static void under_a_hold_nothing_is_called(void **state)
{
	OWNED char *renewal = a_renewal_in("submitted");
	(void)state;
	(void)sql("select hold_set(" P_OPERATOR ", '{\"reason\":\"audit\"}')");
	step_alone(renewal);
	assert_waits("submitted", "hold");
	assert_sql("0", "select count(*) from effects");
}

/* ---- before anything is applied for ---- */

static void without_what_an_application_needs_nothing_is_called(void **state)
{
	OWNED char *renewal = a_drafting_renewal("{}");
	(void)state;
	(void)sql(
		"alter table renewals disable trigger user; update renewals set state = 'binding', came_from = 'binding'");
	(void)sql("update workstations set client_version = '4.7.5'");
	step_alone(renewal);
	assert_waits("binding", "client_version");
	assert_task("client_version", "operator", "4.7.6");
	(void)sql(
		"update workstations set client_version = '4.7.10'; update certificate_sets set handler_id = null; update renewals set handler_id = null");
	step_alone(renewal);
	assert_waits("binding", "handler");
	assert_task("handler", "operator", "xuqi cert import");
	(void)sql(
		"update certificate_sets set handler_id = 8; update certificates set replaced_by = id"); /* no certificate is left */
	step_alone(renewal);
	assert_waits("binding", "token");
	assert_sql("0", "select count(*) from effects");
}

static void a_qr_text_is_seen_by_its_handler_only_and_erased(void **state)
{
	OWNED char *renewal = a_drafting_renewal("{}");
	struct fault fault;
	(void)state;
	(void)sql(
		"alter table renewals disable trigger user; update renewals set state = 'binding', came_from = 'binding'");
	step_with(renewal,
		CALL(BIND,
			"{\"id\":\"B1\",\"state\":\"waiting\",\"qr_text\":\"secret-qr\",\"expires_at\":\"2027-01-01T00:00:00Z\"}"));
	OWNED char *reference = text_dup(sql(
		"select sealed_at(secret, 'tasks.secret', renewal_id || '/' || kind) from tasks where kind = 'bind'"));
	OWNED char *qr_text = personal_open(reference, app.seals, &fault);
	assert_string_equal(qr_text, "secret-qr");
	assert_sql("0",
		"select count(*) from task_items where values::text || instruction || title like '%%secret-qr%%'");
	assert_sql("0", "select count(*) from journal where text like '%%secret-qr%%'");
	(void)sql("alter table renewals enable trigger user");
	step_with(renewal, CALL(BIND_STATUS, "{\"id\":\"B1\",\"state\":\"expired\"}"));
	assert_sql("binding", "select state from renewals");
	assert_sql("0", "select count(*) from tasks where secret is not null");
	assert_sql("0", "select count(*) from effects where answer::text like '%%secret-qr%%'");
}

static void another_certificate_on_the_confirm_page_is_no_binding(void **state)
{
	OWNED char *renewal = a_drafting_renewal("{\"binding_id\":\"B1\"}");
	(void)state;
	(void)sql(
		"alter table renewals disable trigger user; update renewals set state = 'binding', came_from = 'binding'; "
		"alter table renewals enable trigger user");
	step_with(renewal,
		CALL(BIND_STATUS,
			"{\"state\":\"confirmed\",\"certificates\":[{\"id\":\"X\",\"serial\":\"other\",\"issuer_sha256\":\"ca\"}]}"));
	assert_sql("binding", "select state from renewals");
	assert_task("bind_differs", "handler", "did not list the wanted certificate");
	assert_task("bind_differs", "handler", "\"serial\": \"other\"");
	step_alone(renewal); /* however often it is looked at */
	assert_waits("binding", "binding_differs");
	finish_task("bind_differs", P_HANDLER, "\"again\":\"yes\"");
	step_with(renewal,
		CALL(BIND, "{\"id\":\"B2\",\"state\":\"waiting_scan\",\"qr_text\":\"q\"}"));
	step_with(renewal,
		CALL(BIND_STATUS,
			"{\"state\":\"confirmed\",\"certificates\":[{\"id\":\"X\",\"serial\":\"t1\",\"issuer_sha256\":\"ca\"}]}"));
	assert_sql("bound X", "select state || ' ' || (facts->>'certificate_id') from renewals");
}

static char *a_bound_renewal(void)
{
	an_organisation();
	OWNED char *set = a_set("t1", "Li", 1);
	char *renewal = a_renewal("c", set);
	approve("all");
	walk(renewal,
		(const char *const[]){
			"spend_approved", "binding", "binding_confirmed", "bound", NULL });
	return renewal;
}

static void a_kind_is_changed_once_by_the_ca(void **state)
{
	OWNED char *renewal = a_bound_renewal();
	(void)state;
	step_with(renewal, SAYS(OPEN, REFUSED, "KIND_MISMATCH", NULL));
	assert_sql("bound expired", "select state || ' ' || kind from renewals");
	step_with(renewal, SAYS(OPEN, REFUSED, "KIND_MISMATCH", NULL)); /* it cannot be neither */
	assert_waits("bound", "refused");
	assert_task("renewal", "operator", "KIND_MISMATCH");
	finish_task("renewal", P_OPERATOR, "\"retry\":\"yes\"");
	step_with(renewal, CALL(OPEN, "{\"id\":\"A1\",\"state\":\"draft\"}"));
	assert_sql(
		"drafting A1", "select state || ' ' || (facts->>'application_id') from renewals");
	assert_sql("t", "select client_ref is not null from renewals");
}

/* The certificate crosses its not_after while it waits for the handler. */
static void an_application_that_expired_meanwhile_is_withdrawn_and_opened_anew(void **state)
{
	OWNED char *renewal = a_drafting_renewal("{\"application_id\":\"A1\"}");
	(void)state;
	step_alone(renewal);
	finish_task("agreement", P_HANDLER, "\"accept\":\"yes\"");
	step_with(renewal, SAYS(AGREE, REFUSED, "KIND_MISMATCH", NULL));
	step_with(renewal, CALL(WITHDRAW, "{\"id\":\"A1\",\"state\":\"withdrawn\"}"));
	assert_string_equal(fake.said[0].id, "A1");
	assert_sql("bound expired", "select state || ' ' || kind from renewals");
	step_with(renewal, CALL(OPEN, "{\"id\":\"A2\",\"state\":\"draft\"}"));
	assert_sql(
		"drafting A2", "select state || ' ' || (facts->>'application_id') from renewals");
	step_alone(renewal); /* the old acceptance was for A1 */
	assert_waits("drafting", "agreement");
	finish_task("agreement", P_HANDLER, "\"accept\":\"yes\"");
	step_with(renewal, CALL(AGREE, "{}"));
	assert_string_equal(fake.said[0].id, "A2");
}

/* ---- agreement, term, price ---- */

static void only_the_handler_accepts_and_only_by_yes(void **state)
{
	OWNED char *renewal = a_drafting_renewal("{\"application_id\":\"A1\"}");
	(void)state;
	step_alone(renewal);
	assert_task("agreement", "handler", "agree-1");
	refused("is for handler",
		"select task_done(" P_ADMIN
		", 1, '{\"values\":{\"accept\":\"yes\"},\"commit\":true}')");
	refused("is for handler",
		"select task_done(" P_OPERATOR
		", 1, '{\"values\":{\"accept\":\"yes\"},\"commit\":true}')");
	finish_task("agreement", P_HANDLER, "\"accept\":\"no\"");
	step_alone(renewal);
	assert_task("agreement", "handler", "agree-1");
	finish_task("agreement", P_HANDLER, "\"accept\":\"yes\"");
	step_with(renewal, CALL(AGREE, "{}"));
	assert_non_null(strstr(fake.said[0].body, "agree-1"));
}

static void another_agreement_is_approved_and_accepted_anew(void **state)
{
	OWNED char *renewal = a_drafting_renewal("{\"application_id\":\"A1\"}");
	(void)state;
	step_alone(renewal);
	finish_task("agreement", P_HANDLER, "\"accept\":\"yes\"");
	step_with(renewal,
		SAYS(AGREE, REFUSED, "AGREEMENT_CHANGED",
			"{\"agreement\":{\"id\":\"g\",\"version\":\"2\",\"sha256\":\"agree-2\"}}"));
	assert_sql("awaiting_approval", "select state from renewals");
	assert_sql("t", "select spend_approval is null from renewals");
	assert_sql("agree-2", "select plan->>'agreement_sha256' from campaigns");
	refused("not the one",
		"select campaign_approve(" P_APPROVER
		", 1, '{\"gate\":\"all\",\"digest\":\"c\"}')");
	(void)sql(
		"select campaign_approve(" P_APPROVER
		", 1, jsonb_build_object('gate', 'all', 'digest', (select digest from campaigns)))");
	walk(renewal, to_drafting);
	step_alone(renewal);
	assert_task("agreement", "handler", "agree-2");
}

#define META_SHOWS "select meta#>>'{agreement,sha256}' from ca_facts"

/* The answer is later than the meta that was kept: what it named counts for every renewal, and a meta that still shows
 * the text before it turns nobody back. */
static void an_agreement_that_an_answer_named_is_the_cas_last_word(void **state)
{
	OWNED char *renewal = a_drafting_renewal("{\"application_id\":\"A1\"}");
	(void)state;
	step_alone(renewal);
	finish_task("agreement", P_HANDLER, "\"accept\":\"yes\"");
	step_with(renewal,
		SAYS(AGREE, REFUSED, "AGREEMENT_CHANGED",
			"{\"agreement\":{\"id\":\"g\",\"version\":\"2\",\"sha256\":\"agree-2\"}}"));
	assert_sql("agree-2", META_SHOWS);
	assert_sql("2", "select meta#>>'{agreement,version}' from ca_facts");
	for (int i = 1; i <= 3;
		i++) { /* the CA's own meta: still the first, the second, then a third */
		(void)sql("update ca_facts set meta = '" META "'");
		(void)sql(
			"update ca_facts set meta = jsonb_set(meta, '{agreement,sha256}', '\"agree-%d\"'), fetched_at = now()",
			i);
		assert_sql(i == 3 ? "agree-3" : "agree-2", META_SHOWS);
	}
	(void)sql("update ca_facts set told_at = now() - interval '2 days'");
	(void)sql("update ca_facts set meta = '" META "'");
	assert_sql("agree-1", META_SHOWS); /* the CA went back to it */
}

static void an_agreement_that_nobody_approved_is_not_shown_to_the_handler(void **state)
{
	OWNED char *renewal = a_drafting_renewal("{\"application_id\":\"A1\"}");
	(void)state;
	(void)sql("update ca_facts set meta = replace(meta::text, 'agree-1', 'agree-9')::jsonb");
	step_alone(renewal);
	assert_sql("awaiting_approval", "select state from renewals");
	assert_sql("agree-9", "select plan->>'agreement_sha256' from campaigns");
	assert_sql("0", "select count(*) from tasks where kind = 'agreement'");
}

static void an_agreement_that_changed_twice_is_not_waited_for(void **state)
{
	OWNED char *renewal = a_drafting_renewal("{\"application_id\":\"A1\"}");
	(void)state;
	step_alone(renewal);
	finish_task("agreement", P_HANDLER, "\"accept\":\"yes\"");
	step_with(renewal,
		SAYS(AGREE, REFUSED, "AGREEMENT_CHANGED",
			"{\"agreement\":{\"id\":\"g\",\"version\":\"2\",\"sha256\":\"agree-2\"}}"));
	(void)sql(
		"select campaign_approve(" P_APPROVER
		", 1, jsonb_build_object('gate', 'all', 'digest', (select digest from campaigns)))");
	walk(renewal, to_drafting);
	(void)sql("update ca_facts set meta = replace(meta::text, 'agree-2', 'agree-3')::jsonb");
	step_alone(renewal); /* agree-2 will not come any more */
	assert_sql("awaiting_approval", "select state from renewals");
	assert_sql("agree-3", "select plan->>'agreement_sha256' from campaigns");
}

/* A sibling's step has put the CA's new text into the plan; this renewal was approved with the old one. */
static void an_agreement_that_a_sibling_changed_is_approved_first(void **state)
{
	OWNED char *renewal = a_drafting_renewal("{\"application_id\":\"A1\"}");
	(void)state;
	(void)sql("update ca_facts set meta = replace(meta::text, 'agree-1', 'agree-9')::jsonb");
	(void)sql(
		"update campaigns set plan = replace(plan::text, 'agree-1', 'agree-9')::jsonb, digest = 'other'");
	step_alone(renewal);
	assert_sql("awaiting_approval", "select state from renewals");
	assert_sql("t", "select spend_approval is null from renewals");
	assert_sql("0", "select count(*) from tasks where kind = 'agreement'");
	(void)sql(
		"select campaign_approve(" P_APPROVER
		", 1, jsonb_build_object('gate', 'all', 'digest', (select digest from campaigns)))");
	walk(renewal, to_drafting);
	step_alone(renewal);
	assert_task("agreement", "handler", "agree-9");
}

static void the_approved_term_is_chosen_though_the_policy_lists_another_first(void **state)
{
	OWNED char *renewal = a_drafting_renewal("{\"application_id\":\"A1\",\"agreed\":true}");
	(void)state;
	(void)sql("update renewals set term_years = 2");
	step_with(renewal,
		CALL(TERMS,
			"[{\"years\":1,\"price_fen\":10000},{\"years\":2,\"price_fen\":20000}]"));
	assert_sql("2 20000", "select (facts->>'term') || ' ' || quoted_fen from renewals");
}

static void a_cheaper_term_of_the_policy_is_taken_within_the_approval(void **state)
{
	OWNED char *renewal = a_drafting_renewal("{\"application_id\":\"A1\",\"agreed\":true}");
	(void)state;
	step_with(
		renewal, CALL(TERMS, "[{\"years\":2,\"price_fen\":19000}]")); /* one year is gone */
	assert_sql("2 19000", "select (facts->>'term') || ' ' || quoted_fen from renewals");
}

static void a_dearer_price_must_be_approved_again(void **state)
{
	OWNED char *renewal = a_drafting_renewal("{\"application_id\":\"A1\",\"agreed\":true}");
	(void)state;
	step_with(renewal, CALL(TERMS, "[{\"years\":1,\"price_fen\":25000}]"));
	assert_sql("awaiting_approval 25000", "select state || ' ' || approved_fen from renewals");
	assert_sql("25000 25000",
		"select (plan->'rows'->0->>'price_fen') || ' ' || (plan->>'total_fen') from campaigns");
	assert_sql("t", "select digest <> 'c' and length(digest) = 64 from campaigns");
	assert_sql("t", "select spend_approval is null and touch_approval is null from renewals");
}

static void a_price_that_changes_at_submission_must_be_approved_again(void **state)
{
	OWNED char *renewal = a_drafting_renewal(
		"{\"application_id\":\"A1\",\"agreed\":true,\"term\":1,\"intent\":true}");
	(void)state;
	walk(renewal, (const char *const[]){ "intent_needed", "awaiting_intent", NULL });
	step_with(renewal,
		SAYS(SUBMIT, REFUSED, "PRICE_CHANGED",
			"{\"terms\":[{\"years\":1,\"price_fen\":30000}]}"));
	assert_sql("awaiting_approval 30000", "select state || ' ' || approved_fen from renewals");
}

static void no_offered_term_is_a_matter_for_a_person(void **state)
{
	OWNED char *renewal = a_drafting_renewal("{\"application_id\":\"A1\",\"agreed\":true}");
	(void)state;
	step_with(renewal, CALL(TERMS, "[]"));
	assert_waits("drafting", "refused");
	assert_task("renewal", "operator", "TERM_UNAVAILABLE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		stage_test(an_unsure_outcome_is_asked_about_before_anything_is_repeated),
		stage_test(what_arrived_is_not_done_again),
		stage_test(a_crash_between_intent_and_conclusion_asks_first),
		stage_test(what_cannot_be_asked_about_is_repeated_under_the_same_key),
		stage_test(a_pending_outcome_waits_and_stays_unsettled),
		stage_test(a_key_that_the_ca_refuses_is_a_matter_for_the_admin),
		stage_test(a_refusal_waits_for_a_person_and_is_a_new_attempt_after),
		stage_test(under_a_hold_nothing_is_called),
		stage_test(without_what_an_application_needs_nothing_is_called),
		stage_test(a_qr_text_is_seen_by_its_handler_only_and_erased),
		stage_test(another_certificate_on_the_confirm_page_is_no_binding),
		stage_test(a_kind_is_changed_once_by_the_ca),
		stage_test(an_application_that_expired_meanwhile_is_withdrawn_and_opened_anew),
		stage_test(only_the_handler_accepts_and_only_by_yes),
		stage_test(another_agreement_is_approved_and_accepted_anew),
		stage_test(an_agreement_that_an_answer_named_is_the_cas_last_word),
		stage_test(an_agreement_that_nobody_approved_is_not_shown_to_the_handler),
		stage_test(an_agreement_that_changed_twice_is_not_waited_for),
		stage_test(an_agreement_that_a_sibling_changed_is_approved_first),
		stage_test(the_approved_term_is_chosen_though_the_policy_lists_another_first),
		stage_test(a_cheaper_term_of_the_policy_is_taken_within_the_approval),
		stage_test(a_dearer_price_must_be_approved_again),
		stage_test(a_price_that_changes_at_submission_must_be_approved_again),
		stage_test(no_offered_term_is_a_matter_for_a_person),
	};
	return cmocka_run_group_tests(tests, database_begin, database_end);
}
