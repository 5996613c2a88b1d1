/* SPDX-License-Identifier: Apache-2.0 */
/* People as the transport over a real database: one QR at a time, cards packed into sittings, answers taken whole or
 * not at all, prices that two people wrote down, certificates that people upload, and a sitting step by step. */
#include "orchestrator/connectors/manual.h"
#include "tests/unit/stages.h"

/* ---- one live QR for a handler ---- */

#define QR(id) \
	"{\"id\":\"" id "\",\"state\":\"waiting_scan\",\"qr_text\":\"q-" id \
	"\",\"expires_at\":\"2027-01-01T00:00:00Z\"}"

/* Two renewals of one handler in binding; the second expires later. */
static void two_that_bind(char *ids[2])
{
	an_organisation();
	OWNED char *first = a_set("t1", "Li", 1), *second = a_set("t2", "Wu", 2);
	(void)sql("insert into ca_facts (ca, meta) values ('gateway', '" META "')");
	ids[0] = a_renewal("c", first);
	ids[1] = a_renewal("d", second);
	(void)sql(
		"update renewals set old_not_after = old_not_after + interval '1 day' where id = %s",
		ids[1]);
	for (int i = 1; i <= 2; i++)
		(void)sql("select campaign_approve(" P_APPROVER
			  ", %d, '{\"gate\":\"all\",\"digest\":\"%s\"}')",
			i, i == 1 ? "c" : "d");
	for (int i = 0; i < 2; i++)
		walk(ids[i], (const char *const[]){ "spend_approved", "binding", NULL });
}

static void a_handler_has_one_live_code_at_a_time(void **state)
{
	char *ids[2];
	(void)state;
	two_that_bind(ids);
	step_alone(ids[1]); /* what expires first comes first */
	assert_sql("handler_busy", "select blocked_reason from renewals where id = %s", ids[1]);
	step_with(ids[0], CALL(BIND, QR("B1")));
	step_alone(ids[1]); /* and while its code lives, none is made */
	assert_sql("1", "select count(*) from tasks where secret is not null");
	(void)sql("update renewals set due_at = 'infinity'");
	step_with(ids[0],
		CALL(BIND_STATUS,
			"{\"state\":\"confirmed\",\"certificates\":[{\"id\":\"X\",\"serial\":\"t1\",\"issuer_sha256\":\"ca\"}]}"));
	assert_sql("t", "select due_at <= now() from renewals where id = %s", ids[1]);
	step_with(ids[1], CALL(BIND, QR("B2")));
	assert_sql("1", "select count(*) from tasks where secret is not null");
	free(ids[0]);
	free(ids[1]);
}

/* It has looked whose turn it is, and its reason is not kept yet. */
static void the_next_is_woken_while_it_is_looked_at(void **state)
{
	char *ids[2];
	(void)state;
	two_that_bind(ids);
	step_with(ids[0], CALL(BIND, QR("B1")));
	(void)sql("update renewals set due_at = 'infinity'");
	assert_sql("t", "select blocked_reason is null from renewals where id = %s", ids[1]);
	step_with(ids[0],
		CALL(BIND_STATUS,
			"{\"state\":\"confirmed\",\"certificates\":[{\"id\":\"X\",\"serial\":\"t1\",\"issuer_sha256\":\"ca\"}]}"));
	assert_sql("t", "select due_at <= now() from renewals where id = %s", ids[1]);
	free(ids[0]);
	free(ids[1]);
}

/* The CA refuses the first, or says that it is bound already: no code was out that could make room. */
static void the_next_is_woken_by_one_that_needs_no_code(void **state)
{
	char *ids[2];
	(void)state;
	two_that_bind(ids);
	step_alone(ids[1]);
	assert_sql("handler_busy", "select blocked_reason from renewals where id = %s", ids[1]);
	(void)sql("update renewals set due_at = 'infinity'");
	step_with(ids[0], SAYS(BIND, REFUSED, "CERT_REVOKED", NULL));
	assert_sql("certificate", "select blocked_reason from renewals where id = %s", ids[0]);
	assert_sql("t", "select due_at <= now() from renewals where id = %s", ids[1]);
	free(ids[0]);
	free(ids[1]);
}

/* ---- prices ---- */

#define LIST_OF(price, agreement) \
	"'{\"terms\":{\"1\":\"" price "\"},\"source\":\"page\",\"agreement_version\":\"" agreement \
	"\",\"statement\":\"I do\"}'"
#define LIST(price) LIST_OF(price, "V1")

static void a_price_list_wants_two_people_and_then_stands(void **state)
{
	(void)state;
	an_organisation();
	(void)sql("select price_propose(" P_OPERATOR ", " LIST("200.00") ")");
	refused("a second person", "select price_approve(" P_OPERATOR ", 1, '{\"commit\":true}')");
	(void)sql("select price_approve(" P_FINANCE ", 1, '{}')"); /* a dry run */
	assert_sql("0", "select count(*) from ca_facts where ca = 'manual'");
	(void)sql("select price_approve(" P_FINANCE ", 1, '{\"commit\":true}')");
	assert_sql(
		"20000", "select meta->'terms'->0->>'price_fen' from ca_facts where ca = 'manual'");
	assert_sql("1", "select meta->>'price_version' from ca_facts where ca = 'manual'");
	refused("is approved", "update price_lists set terms = '[]'");
	refused("approved already", "select price_approve(" P_FINANCE2 ", 1, '{\"commit\":true}')");
	refused("no term", "select price_propose(" P_OPERATOR ", " LIST("200.5") ")");
}

static void a_later_price_list_waits_for_its_day(void **state)
{
	(void)state;
	an_organisation();
	(void)sql("select price_propose(" P_OPERATOR ", " LIST("200.00") ")");
	(void)sql("select price_approve(" P_FINANCE ", 1, '{\"commit\":true}')");
	(void)sql("select price_propose(" P_OPERATOR
		  ", " LIST("240.00") "::jsonb || '{\"valid_from\":\"2099-01-01T00:00:00Z\"}')");
	(void)sql("select price_approve(" P_FINANCE ", 2, '{\"commit\":true}')");
	assert_sql("20000",
		"select meta::jsonb->'terms'->0->>'price_fen' from ca_facts_now('manual')");
	(void)sql(
		"alter table price_lists disable trigger user; update price_lists set valid_from = now() where id = 2");
	assert_sql("24000",
		"select meta::jsonb->'terms'->0->>'price_fen' from ca_facts_now('manual')");
	assert_sql("superseded", "select price_shown(l)->>'state' from price_lists l where id = 1");
}

/* ---- a sitting, step by step, with the connector itself ---- */

static struct connector *by_hand;

static char *a_renewal_by_hand(const char *facts)
{
	char *renewal = a_drafting_renewal(facts);
	by_hand = manual_new(&(struct manual_options){ .payee_name = "CA Ltd" });
	app.connectors.list[app.connectors.count++] = by_hand;
	(void)sql("select price_propose(" P_OPERATOR ", " LIST("200.00") ")");
	(void)sql("select price_approve(" P_FINANCE ", 1, '{\"commit\":true}')");
	(void)sql(
		"update renewals set ca = 'manual'; update campaigns set plan = plan || jsonb_build_object('agreement_sha256', "
		"(select agreement_sha256 from price_lists))");
	(void)sql(
		"alter table approvals disable trigger user; update approvals set agreement_sha256 = (select agreement_sha256 from price_lists); "
		"alter table approvals enable trigger user");
	(void)sql(
		"alter table renewals disable trigger user; update renewals set state = 'binding', came_from = 'binding', quoted_fen = null; "
		"alter table renewals enable trigger user");
	return renewal;
}

static void put_away(void)
{
	by_hand->ops->free(by_hand);
}

static void finish(const char *kind, const char *who, const char *values)
{
	(void)sql(
		"select task_done(%s, (select id from tasks where kind = '%s' and state = 'open'), '{\"values\":{%s},\"commit\":true}')",
		who, kind, values);
}

static void a_card_is_the_effect_and_its_answer_the_outcome(void **state)
{
	OWNED char *renewal = a_renewal_by_hand("{}");
	(void)state;
	step_alone(renewal);
	assert_waits("binding", "person");
	assert_task("bind", "handler", "获取二维码");
	assert_sql("t", "select settled_at is null from effects where op = 'bind'");
	step_alone(renewal); /* asked again: the same card, the same intent */
	assert_sql("1", "select count(*) from tasks where kind = 'bind'");
	refused("client_version (主程序版本号) is missing",
		"select task_done(" P_HANDLER
		", (select id from tasks where kind = 'bind'), '{\"values\":{\"result\":\"confirmed\",\"wechat\":\"li\"},\"commit\":true}')");
	finish("bind", P_HANDLER,
		"\"result\":\"confirmed\",\"wechat\":\"li\",\"client_version\":\"4.7.10\"");
	step_alone(renewal);
	assert_sql("bound", "select state from renewals");
	assert_sql("done", "select outcome from effects where op = 'bind'");
	put_away();
}

static void under_a_hold_a_card_is_not_finished(void **state)
{
	OWNED char *renewal = a_renewal_by_hand("{}");
	(void)state;
	step_alone(renewal);
	(void)sql("select hold_set(" P_OPERATOR ", '{\"reason\":\"audit\"}')");
	refused("held",
		"select task_done(" P_HANDLER
		", (select id from tasks where kind = 'bind'), '{\"values\":{\"result\":\"cancelled\"},\"commit\":true}')");
	assert_sql("t", "select bool_and(held) from sitting_cards");
	put_away();
}

/* From bound: the order, its transfer, the sitting's card. */
static char *a_sitting(void)
{
	char *renewal = a_renewal_by_hand("{}");
	step_alone(renewal);
	finish("bind", P_HANDLER,
		"\"result\":\"confirmed\",\"wechat\":\"li\",\"client_version\":\"4.7.10\"");
	step_alone(renewal);
	step_alone(renewal);
	assert_sql("awaiting_payment", "select state from renewals");
	(void)sql("update payment_orders set status = 'linked'");
	(void)sql(
		"insert into statements (sha256, file_name, content, encoding, account, proven, proof, imported_by) values ('s', 'f', '', 'utf-8', '6222', true, '[]', 6)");
	(void)sql(
		"insert into statement_lines (statement_id, line_key, row, byte_offset, raw, own_account, own_name, direction, amount_fen, amount_raw, paid_at, paid_at_raw, "
		"paid_at_precision, party_name, party_account, party_bank, memo) values (1, 'l', 1, 0, '', '6222', 'Acme', 'out', 20000, '200.00', '2026-11-20T02:03:04Z', '', "
		"'minute', 'CA Ltd', '8888', 'Bank', '')");
	(void)sql(
		"insert into links (line_id, order_id, rule, verdict, text, explanation) values (1, 1, 'R1', 'auto', '', '{}')");
	step_alone(renewal);
	assert_task("apply", "handler",
		"2026-11-20 10:03"); /* Beijing, to the minute as the bank wrote it */
	return renewal;
}

static const char submitted[] =
	"\"result\":\"submitted\",\"application\":\"A7\",\"shown_price\":\"200.00\",\"shown_agreement\":\"V1\",\"statement\":\"agree\"";

static void steps_to(const char *renewal, const char *wanted)
{
	for (int i = 0; i < 12 && strcmp(sql("select state from renewals"), wanted) != 0; i++)
		step_alone(renewal);
	assert_sql(wanted, "select state from renewals");
}

static void one_sitting_goes_from_the_agreement_to_the_verified_remittance(void **state)
{
	OWNED char *renewal = a_sitting();
	(void)state;
	finish("apply", P_HANDLER, submitted);
	steps_to(renewal, "in_review");
	assert_sql("A7", "select facts->>'application_id' from renewals");
	assert_sql("bind,open,remit",
		"select string_agg(op, ',' order by op) from effects where outcome = 'done'");
	step_alone(renewal);
	assert_task("review", "handler", "审核结果");
	finish("review", P_HANDLER, "\"result\":\"approved\"");
	steps_to(renewal, "install_queued");
	step_alone(renewal);
	assert_task("install_by_person", "operator", "安装证书");
	refused("by itself",
		"select task_done(" P_OPERATOR
		", (select id from tasks where kind = 'install_by_person'), '{\"values\":{},\"commit\":true}')");
	put_away();
}

static void another_price_before_the_fee_is_sent_is_approved_again(void **state)
{
	OWNED char *renewal = a_renewal_by_hand("{}");
	(void)state;
	step_alone(renewal);
	finish("bind", P_HANDLER,
		"\"result\":\"confirmed\",\"wechat\":\"li\",\"client_version\":\"4.7.10\"");
	step_alone(renewal);
	assert_sql("bound", "select state from renewals");
	(void)sql("select price_propose(" P_OPERATOR ", " LIST("240.00") ")");
	(void)sql("select price_approve(" P_FINANCE ", 2, '{\"commit\":true}')");
	step_alone(renewal);
	assert_sql("awaiting_approval 24000 t",
		"select state || ' ' || approved_fen || ' ' || (spend_approval is null)::text::char from renewals");
	assert_sql("2", "select plan->>'price_version' from campaigns");
	assert_sql("0", "select count(*) from payment_orders");
	put_away();
}

static void a_list_is_where_the_refusals_of_the_guide_lead_on(void **state)
{
	OWNED char *renewal = a_sitting();
	(void)state;
	finish("apply", P_HANDLER, "\"result\":\"not_in_list\"");
	step_alone(renewal);
	assert_sql("binding", "select state from renewals"); /* the binding was lost */
	assert_sql("refused", "select outcome from effects where op = 'open'");
	put_away();
}

static void a_page_that_says_never_after_the_payment_leaves_a_credit(void **state)
{
	OWNED char *renewal = a_sitting();
	(void)state;
	finish("apply", P_HANDLER, "\"result\":\"expired_too_long\"");
	step_alone(renewal);
	assert_sql("failed", "select state from renewals");
	assert_sql("open 20000", "select state || ' ' || amount_fen from credits");
	assert_task("new_certificate", "operator", "新办");
	assert_task("credit", "finance", "¥200.00");
	assert_sql("1", "select count(*) from payment_orders");
	put_away();
}

static void another_agreement_is_listed(void)
{
	(void)sql("select price_propose(" P_OPERATOR ", " LIST_OF("200.00", "V2") ")");
	(void)sql("select price_approve(" P_FINANCE ", 2, '{\"commit\":true}')");
}

static void a_card_never_shows_an_agreement_that_nobody_approved(void **state)
{
	OWNED char *renewal = a_sitting();
	(void)state;
	another_agreement_is_listed(); /* while the card is open */
	steps_to(renewal, "awaiting_approval");
	assert_sql("V1 V2",
		"select (select values->>'agreement_version' from tasks where kind = 'apply') || ' ' || (plan->>'agreement_version') from campaigns");
	assert_sql("t", "select spend_approval is null from renewals");
	put_away();
}

static void what_was_submitted_as_the_card_said_stands(void **state)
{
	OWNED char *renewal = a_sitting();
	(void)state;
	finish("apply", P_HANDLER, submitted);
	another_agreement_is_listed(); /* after the sitting */
	steps_to(renewal, "in_review");
	assert_sql("1", "select count(*) from tasks where kind = 'apply'");
	put_away();
}

static void a_term_that_is_gone_after_the_payment_is_decided_by_finance(void **state)
{
	OWNED char *renewal = a_sitting();
	(void)state;
	finish("apply", P_HANDLER, "\"result\":\"term_unavailable\"");
	steps_to(renewal, "drafting");
	step_alone(renewal);
	step_alone(renewal);
	assert_task("prepaid", "finance", "not offered any more");
	finish("prepaid", P_FINANCE, "\"decision\":\"credit\"");
	steps_to(renewal, "failed");
	assert_sql("open 20000", "select state || ' ' || amount_fen from credits");
	put_away();
}

static void a_withdrawal_waits_for_who_sits_at_the_page(void **state)
{
	OWNED char *renewal = a_sitting();
	(void)state;
	(void)sql("select renewal_withdraw(" P_OPERATOR
		  ", '1', '{\"reason\":\"wrong\",\"commit\":true}')");
	step_alone(renewal);
	assert_waits("awaiting_payment", "person");
	assert_sql("open", "select state from tasks where kind = 'apply'");
	finish("apply", P_HANDLER, submitted);
	step_alone(renewal);
	step_alone(renewal);
	assert_task("withdraw_at_ca", "handler", "A7");
	finish("withdraw_at_ca", P_HANDLER, "\"result\":\"withdrawn\"");
	steps_to(renewal, "refunding");
	put_away();
}

static void a_withdrawal_goes_on_once_the_sitting_left_nothing(void **state)
{
	OWNED char *renewal = a_sitting();
	(void)state;
	(void)sql("select renewal_withdraw(" P_OPERATOR
		  ", '1', '{\"reason\":\"wrong\",\"commit\":true}')");
	step_alone(renewal);
	finish("apply", P_HANDLER, "\"result\":\"not_done\"");
	steps_to(renewal, "refunding");
	assert_sql("0", "select count(*) from tasks where kind = 'withdraw_at_ca'");
	put_away();
}

static void a_sitting_that_left_nothing_is_not_withdrawn(void **state)
{
	OWNED char *renewal = a_sitting();
	(void)state;
	finish("apply", P_HANDLER, "\"result\":\"term_unavailable\"");
	steps_to(renewal, "drafting");
	(void)sql("update certificate_sets set not_after = now() - interval '1 hour'");
	step_alone(renewal);
	assert_sql("bound expired", "select state || ' ' || kind from renewals");
	assert_sql("0", "select count(*) from tasks where kind = 'withdraw_at_ca'");
	put_away();
}

static void a_remittance_that_is_refused_is_entered_again_not_paid_again(void **state)
{
	OWNED char *renewal = a_sitting();
	(void)state;
	finish("apply", P_HANDLER,
		"\"result\":\"remittance_refused\",\"application\":\"A7\",\"shown_price\":\"200.00\",\"shown_agreement\":\"V1\",\"statement\":\"agree\","
		"\"remittance_reason\":\"payer_name\"");
	steps_to(renewal, "submitted");
	steps_to(renewal, "awaiting_payment");
	assert_task("remittance", "finance", "payer_name");
	finish("remittance", P_FINANCE, "\"retry\":\"yes\"");
	step_alone(renewal);
	assert_task("remit", "handler", "A7");
	finish("remit", P_HANDLER, "\"result\":\"verified\"");
	steps_to(renewal, "in_review");
	assert_sql("1", "select count(*) from payment_orders");
	put_away();
}

static void what_a_person_cannot_mean_is_asked_again(void **state)
{
	OWNED char *renewal = a_sitting();
	(void)state;
	finish("apply", P_HANDLER, "\"result\":\"price_differs\",\"shown_price\":\"200.00\"");
	step_alone(renewal);
	assert_task("apply", "handler", "but shown_price is the expected one");
	finish("apply", P_HANDLER, "\"result\":\"not_done\"");
	step_alone(renewal); /* nothing arrived: the same intent, another card */
	assert_sql("3 1",
		"select count(*) || ' ' || (select count(*) from effects where op = 'open') from tasks where kind = 'apply'");
	put_away();
}

static void what_a_ca_does_not_offer_is_never_called(void **state)
{
	OWNED char *renewal = a_sitting();
	(void)state;
	(void)sql(
		"update renewals set facts = facts || '{\"payment_id\":\"P\",\"asked_once_more\":true,\"code_expires_at\":\"2020-01-01T00:00:00Z\"}'");
	step_alone(renewal); /* CLOSE, which people at their pages do not have */
	assert_waits("awaiting_payment", "error");
	assert_sql("0", "select count(*) from effects where op = 'close'");
	put_away();
}

/* ---- sittings and lists ---- */

static void cards_are_packed_into_half_hours(void **state)
{
	A_RENEWAL();
	for (int i = 0; i < 7; i++) {
		OWNED char *holder = text_dupf("H%d", i), *token = text_dupf("k%d", i),
			   *name = text_dupf("n%d", i), *one = a_set(token, holder, 1),
			   *id = a_renewal(name, one);
		(void)sql(
			"insert into tasks (kind, renewal_id, role, assignee_id, title, instruction, if_ignored, values) "
			"values ('apply', %s, 'handler', 8, '', '', '', '{\"asks\":[],\"ref\":\"r\"}')",
			id);
	}
	assert_sql("6,1",
		"select string_agg(n::text, ',' order by sitting) from (select sitting, count(*) n from sitting_cards group by sitting) x");
	assert_sql("1", "select count(distinct owner) from sitting_cards");
}

#define ROWS(rows) "select tasks_done(" P_HANDLER ", '{\"commit\":true,\"rows\":[" rows "]}')"

static void a_list_of_answers_is_taken_whole_or_not_at_all(void **state)
{
	OWNED char *renewal = a_renewal_by_hand("{}");
	(void)state;
	step_alone(renewal);
	OWNED char *task = text_dup(sql("select id from tasks where kind = 'bind'"));
	assert_sql("false result,task",
		"with a as (" ROWS(
			"{\"row\":2,\"task\":\"%s\",\"values\":{\"result\":\"maybe\"}},{\"row\":3,\"task\":\"77\"}") " d) "
														     "select (d->>'committed') || ' ' || (select string_agg(e->>'column', ',') from jsonb_array_elements(d->'errors') e) from a",
		task);
	assert_sql("false twice",
		"with a as (" ROWS(
			"{\"row\":2,\"task\":\"%s\",\"values\":{\"result\":\"cancelled\"}},{\"row\":3,\"task\":\"%s\",\"values\":{\"result\":\"cancelled\"}}") " d) "
																			       "select (d->>'committed') || ' ' || substring(d->'errors'->0->>'text' from 'twice') from a",
		task, task);
	assert_sql("open", "select state from tasks where id = %s", task);
	assert_sql("true",
		"with a as (" ROWS(
			"{\"row\":2,\"task\":\"%s\",\"values\":{\"result\":\"cancelled\"}}") " d) select d->>'committed' from a",
		task);
	assert_sql("done", "select state from tasks where id = %s", task);
	put_away();
}

/* ---- certificates without an agent ---- */

static void an_uploaded_certificate_finds_its_set_or_is_refused(void **state)
{
	A_RENEWAL();
	OWNED char *stranger = a_certificate("zz", "Nobody", "both", "2028-01-31T15:59:59Z");
	OWNED char *later = a_certificate("t1", "Li", "both", "2028-01-31T15:59:59Z");
	assert_sql("false 1",
		"with a as (select certificates_try_upload(" P_OPERATOR
		", '{\"commit\":true,\"certificates\":[%s]}') d) "
		"select (d->>'committed') || ' ' || jsonb_array_length(d->'errors') from a",
		stranger);
	(void)sql("update renewals set due_at = 'infinity'");
	assert_sql("false 0",
		"with a as (select certificates_try_upload(" P_OPERATOR
		", '{\"certificates\":[%s]}') d) "
		"select (d->>'committed') || ' ' || jsonb_array_length(d->'errors') from a",
		later);
	assert_sql("1", "select count(*) from certificates"); /* the dry run left nothing */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		stage_test(a_handler_has_one_live_code_at_a_time),
		stage_test(the_next_is_woken_while_it_is_looked_at),
		stage_test(the_next_is_woken_by_one_that_needs_no_code),
		stage_test(a_price_list_wants_two_people_and_then_stands),
		stage_test(a_later_price_list_waits_for_its_day),
		stage_test(a_card_is_the_effect_and_its_answer_the_outcome),
		stage_test(under_a_hold_a_card_is_not_finished),
		stage_test(one_sitting_goes_from_the_agreement_to_the_verified_remittance),
		stage_test(another_price_before_the_fee_is_sent_is_approved_again),
		stage_test(a_list_is_where_the_refusals_of_the_guide_lead_on),
		stage_test(a_page_that_says_never_after_the_payment_leaves_a_credit),
		stage_test(a_card_never_shows_an_agreement_that_nobody_approved),
		stage_test(what_was_submitted_as_the_card_said_stands),
		stage_test(a_term_that_is_gone_after_the_payment_is_decided_by_finance),
		stage_test(a_withdrawal_waits_for_who_sits_at_the_page),
		stage_test(a_withdrawal_goes_on_once_the_sitting_left_nothing),
		stage_test(a_sitting_that_left_nothing_is_not_withdrawn),
		stage_test(a_remittance_that_is_refused_is_entered_again_not_paid_again),
		stage_test(what_a_person_cannot_mean_is_asked_again),
		stage_test(what_a_ca_does_not_offer_is_never_called),
		stage_test(cards_are_packed_into_half_hours),
		stage_test(a_list_of_answers_is_taken_whole_or_not_at_all),
		stage_test(an_uploaded_certificate_finds_its_set_or_is_refused),
	};
	return cmocka_run_group_tests(tests, database_begin, database_end);
}
