/* SPDX-License-Identifier: Apache-2.0 */
/* The schema: it applies from nothing, every statement of the product prepares on it, its words and edges are
 * those of the C tables and of the README's picture, and it refuses wrong rows by itself. */
#include "tests/unit/database.h"

#include "common/cert.h"
#include "common/file.h"
#include "common/precision.h"
#include "orchestrator/connectors/connector.h"
#include "orchestrator/domain/match.h"
#include "orchestrator/domain/plan.h"
#include "orchestrator/domain/renewal.h"
#include "sql.h"

enum { PICTURE_MAX = 16384, README_MAX = 1 << 20 };

static void every_statement_prepares(void **state)
{
	size_t count = 0;
	(void)state;
	for (const struct sql_entry *entry = sql_entries; entry->name != NULL; entry++, count++) {
		PGresult *result = PQprepare(the_database.pg, entry->name, entry->text, 0, NULL);
		if (PQresultStatus(result) != PGRES_COMMAND_OK)
			print_error("%s: %s", entry->name, PQresultErrorMessage(result));
		assert_int_equal(PQresultStatus(result), PGRES_COMMAND_OK);
		PQclear(result);
	}
	assert_true(count > 50);
}

static void migrations_come_in_the_order_of_their_names(void **state)
{
	(void)state;
	for (const struct migrations_entry *file = migrations_entries; file[1].name != NULL; file++)
		assert_true(strcmp(file[0].name, file[1].name) < 0);
}

/* ---- words and edges ---- */

static void the_database_knows_the_states_of_the_table(void **state)
{
	(void)state;
	assert_int_equal(sql_number("select count(*) from renewal_states"), RENEWAL_STATE_COUNT);
	for (int i = 0; i < RENEWAL_STATE_COUNT; i++)
		assert_sql(renewal_is_final((enum renewal_state)i) ? "t" : "f",
			"select final from renewal_states where state = '%s'",
			renewal_word((enum renewal_state)i));
}

static void the_database_knows_the_edges_of_the_table(void **state)
{
	(void)state;
	assert_int_equal(sql_number("select count(*) from renewal_edges"), renewal_edge_count);
	for (size_t i = 0; i < renewal_edge_count; i++) {
		const struct renewal_edge *edge = &renewal_edges[i];
		assert_sql(renewal_word(edge->to),
			"select to_state from renewal_edges where from_state = '%s' and event = '%s' and guard = '%s'",
			renewal_word(edge->from), renewal_event_word(edge->event),
			capability_word(edge->guard));
	}
	assert_sql("0",
		"select count(*) from renewal_moves m where (from_state, to_state) <> ('planned', 'planned') "
		"and not exists (select from renewal_edges e where e.from_state = m.from_state and e.to_state = m.to_state)");
}

/* The lists of words that the statements spell out must name exactly the final states. */
static void statements_that_leave_ended_renewals_out_name_all_of_them(void **state)
{
	(void)state;
	assert_sql("done,failed,refunded,withdrawn",
		"select string_agg(state, ',' order by state) from renewal_states where final");
}

/* `FROM --> TO: EVENT`, with ` [GUARD]` where the edge has one. */
static char *arrow(const struct renewal_edge *edge)
{
	bool always = edge->guard == CAN_ANYTHING;
	return text_dupf("%s --> %s: %s%s%s%s\n", renewal_word(edge->from), renewal_word(edge->to),
		renewal_event_word(edge->event), always ? "" : " [", capability_word(edge->guard),
		always ? "" : "]");
}

static void draw(struct text *out)
{
	text_add(out, "```mermaid\nstateDiagram-v2\n");
	for (size_t i = 0; i < renewal_edge_count; i++) {
		OWNED char *line = arrow(&renewal_edges[i]);
		text_addf(out, "    %s", line);
	}
	text_add(out, "```\n");
}

/* Is the arrow of EDGE drawn between BEGIN and END? */
static bool is_drawn(const char *begin, const char *end, const struct renewal_edge *edge)
{
	OWNED char *line = arrow(edge);
	const char *at = strstr(begin, line);
	return at != NULL && at < end && (at[-1] == ' ' || at[-1] == '\n' || at[-1] == '\t');
}

static size_t count_arrows(const char *begin, const char *end)
{
	size_t count = 0;
	if (begin == NULL)
		return 0;
	for (const char *at = strstr(begin, " --> "); at != NULL && at < end;
		at = strstr(at + 1, " --> "))
		count += strncmp(at - 3, "[*]", 3) != 0 && strncmp(at + 5, "[*]", 3) != 0;
	return count;
}

static void the_readme_draws_the_edges_of_the_table(void **state)
{
	struct fault fault;
	size_t len = 0, drawn = 0;
	TEXT picture;
	OWNED char *readme = file_read(XUQI_SOURCE_DIR "/README.md", README_MAX, &len, &fault);
	const char *begin = readme != NULL ? strstr(readme, "<!-- renewal-states -->") : NULL;
	const char *end = begin != NULL ? strstr(begin, "<!-- /renewal-states -->") : NULL;
	(void)state;
	for (size_t i = 0; end != NULL && i < renewal_edge_count; i++)
		drawn += is_drawn(begin, end, &renewal_edges[i]);
	if (end == NULL || drawn != renewal_edge_count ||
		count_arrows(begin, end) != renewal_edge_count) {
		text_init(&picture, PICTURE_MAX);
		draw(&picture);
		print_error(
			"README.md must hold, between <!-- renewal-states --> and <!-- /renewal-states -->:\n%s",
			picture.data);
	}
	assert_non_null(end);
	assert_int_equal(drawn, renewal_edge_count);
	assert_int_equal(count_arrows(begin, end), renewal_edge_count);
}

static void assert_enum(const char *type, const char *words)
{
	assert_sql(words,
		"select string_agg(enumlabel, ',' order by enumsortorder) from pg_enum e join pg_type t on t.oid = e.enumtypid "
		"where t.typname = '%s'",
		type);
}

static void enums_have_the_words_of_the_product(void **state)
{
	OWNED char *roles = text_dupf("%s,%s,%s", cert_role_word(CERT_SIGN),
		cert_role_word(CERT_ENCRYPT), cert_role_word(CERT_BOTH));
	OWNED char *kinds =
		text_dupf("%s,%s", plan_kind_word(PLAN_EXPIRING), plan_kind_word(PLAN_EXPIRED));
	(void)state;
	assert_enum("certificate_role", roles);
	assert_enum("renewal_kind", kinds);
	assert_enum("gate", "spend,touch");
	assert_enum("person_role", "operator,finance,approver,handler,auditor,admin");
}

static void assert_check_has(const char *constraint, const char *word)
{
	OWNED char *quoted = text_dupf("'%s'", word);
	OWNED char *check = text_dup(
		sql("select pg_get_constraintdef(oid) from pg_constraint where conname = '%s'",
			constraint));
	if (strstr(check, quoted) == NULL)
		print_error("%s: %s lacks %s\n", constraint, check, quoted);
	assert_non_null(strstr(check, quoted));
}

static void checks_have_the_words_of_the_product(void **state)
{
	(void)state;
	for (int kind = OUTCOME_DONE; kind < OUTCOME_UNSURE;
		kind++) /* what is unsure is not settled */
		assert_check_has("effects_outcome", outcome_word((enum outcome_kind)kind));
	assert_check_has("links_verdict", match_verdict_word(MATCH_AUTO));
	assert_check_has("links_verdict", match_verdict_word(MATCH_SUGGESTED));
	assert_check_has("statement_lines_precision", precision_word(PRECISION_DATE));
	assert_check_has("statement_lines_precision", precision_word(PRECISION_MINUTE));
	assert_check_has("statement_lines_precision", precision_word(PRECISION_SECOND));
}

/* ---- wrong rows ---- */

static void history_cannot_be_rewritten(void **state)
{
	static const struct {
		const char *name, *column;
	} tables[] = { { "journal", "by" }, { "audit", "actor" }, { "approvals", "digest" } };

	OWNED char *set = NULL;
	(void)state;
	an_organisation();
	set = a_set("t1", "Li", 1);
	free(a_renewal("c", set));
	(void)sql("select campaign_approve(" P_APPROVER
		  ", 1, '{\"gate\":\"all\",\"digest\":\"c\"}')");
	for (size_t i = 0; i < COUNT_OF(tables); i++) {
		const char *name = tables[i].name;
		OWNED char *before = text_dup(sql("select count(*) from %s", name));
		assert_string_not_equal(before, "0");
		refused("append-only", "update %s set %s = 'x'", name, tables[i].column);
		refused("append-only", "delete from %s", name);
		refused("append-only", "truncate %s cascade", name);
		assert_sql(before, "select count(*) from %s", name);
	}
}

/* Rows that no program may write, and the constraint that says so. */
static const struct {
	const char *constraint, *statement;
} wrong[] = {
	{ "legal_entities_uscc_has_18",
		"insert into legal_entities (name, uscc, tax_id, invoice_title) values ('x', '123', '', '')" },
	{ "legal_entities_uscc_once",
		"insert into legal_entities (name, uscc, tax_id, invoice_title) values ('x', '" USCC
		"', '', '')" },
	{ "units_name_once", "insert into units (legal_entity_id, name) values (1, 'Head')" },
	{ "agents_one_per_workstation",
		"insert into agents (workstation_id, key_sha256, serial) values (1, 'k9', '9')" },
	{ "agents_key_once",
		"insert into agents (workstation_id, key_sha256, serial, revoked_at) values (1, 'k1', '9', now())" },
	{ "tokens_serial_once", "insert into tokens (serial) values ('t1')" },
	{ "certificate_sets_source",
		"insert into certificate_sets (holder, not_after, source) values ('x', now(), 'guess')" },
	{ "certificates_issuer_serial_once",
		"insert into certificates (set_id, issuer_sha256, serial, sha256, role, issuer, subject, subject_sha256, spki_sha256, key_type, not_before, not_after, der) select set_id, issuer_sha256, serial, 'new', role, issuer, subject, subject_sha256, spki_sha256, key_type, not_before, not_after, der from certificates" },
	{ "campaigns_name_once",
		"insert into campaigns (name, policy_name, policy, policy_sha256, plan, digest, created_by) values ('c', '', '{}', '', '{}', '', 1)" },
	{ "campaigns_status", "update campaigns set status = 'paused'" },
	{ "renewals_term", "update renewals set term_years = 0" },
	{ "renewals_price_is_positive", "update renewals set approved_fen = 0" },
	{ "renewals_quote_is_approved", "update renewals set quoted_fen = approved_fen + 1" },
	{ "renewals_one_open_per_set",
		"insert into renewals (campaign_id, set_id, ca, kind, old_not_after, term_years, approved_fen) values (1, 1, 'gateway', 'expiring', now(), 1, 1)" },
	{ "renewals_spend_is_approved", "update renewals set state = 'binding'" },
	{ "renewals_moves_along_the_table",
		"update renewals set state = 'done', spend_approval = 1, touch_approval = 2" },
	{ "renewals_moves_along_the_table",
		"update renewals set state = 'done', came_from = 'awaiting_invoice', spend_approval = 1, touch_approval = 2" },
	{ "renewals_moves_along_the_table",
		"insert into renewals (campaign_id, set_id, ca, kind, old_not_after, term_years, approved_fen, state, came_from) values (1, 1, 'gateway', 'expiring', now(), 1, 1, 'failed', 'binding')" },
	{ "renewals_spend_approval_is_of_the_spend_gate",
		"update renewals set spend_approval = 2" },
	{ "renewals_touch_approval_is_of_the_touch_gate",
		"update renewals set touch_approval = 1" },
	{ "journal_moves_along_the_table",
		"insert into journal (renewal_id, event, from_state, to_state, by) values (1, 'proposed', 'planned', 'done', 'x')" },
	{ "journal_notes_are_declared",
		"insert into journal (renewal_id, event, by) values (1, 'nobody_declared_this', 'x')" },
	{ "journal_moves_along_the_table", /* a note's word is no move's */
		"insert into journal (renewal_id, event, from_state, to_state, by) values (1, 'hint', 'planned', 'awaiting_approval', 'x')" },
	{ "journal_notes_are_declared", /* nor a move's word a note's */
		"insert into journal (renewal_id, event, by) values (1, 'proposed', 'x')" },
	{ "journal_moves_whole",
		"insert into journal (renewal_id, event, from_state, by) values (1, 'proposed', 'planned', 'x')" },
	{ "effects_outcome",
		"insert into effects (renewal_id, op, attempt, key, outcome) values (1, 'pay', 1, 'k', 'unsure')" },
	{ "payment_orders_reference_form",
		"insert into payment_orders (reference, payer_account, payer_name, payee_name, payee_account, payee_bank, amount_fen) values ('XQ1', '', '', '', '', '', 1)" },
	{ "payment_orders_amount",
		"insert into payment_orders (reference, payer_account, payer_name, payee_name, payee_account, payee_bank, amount_fen) values ('XQ0000000012', '', '', '', '', '', 0)" },
	{ "holds_unit_named", "insert into holds (scope, reason) values ('unit', 'x')" },
	{ "holds_scope", "insert into holds (scope, reason, unit_id) values ('town', 'x', null)" },
	{ "holds_released_by_two",
		"insert into holds (scope, reason, released_by, released_at) values ('all', 'x', 1, now())" },
	{ "holds_released_by_two",
		"insert into holds (scope, reason, release_asked_by, released_by, released_at) values ('all', 'x', 1, 1, now())" },
	{ "holds_released_by_two",
		"insert into holds (scope, reason, released_at) values ('all', 'x', now())" },
	{ "tasks_state",
		"insert into tasks (kind, role, title, instruction, if_ignored, state) values ('x', 'admin', '', '', '', 'later')" },
	{ "tasks_secret_is_erased",
		"insert into tasks (kind, role, title, instruction, if_ignored, state, secret) values ('x', 'admin', '', '', '', 'done', 'qr')" },
	{ "approvals_not_by_the_requester",
		"insert into approvals (campaign_id, gate, digest, requester_id, approver_id) values (1, 'spend', 'c', 2, 2)" },
	{ "approvals_requester_is_the_creator",
		"insert into approvals (campaign_id, gate, digest, requester_id, approver_id) values (1, 'spend', 'c', 3, 5)" },
	{ "look at it again",
		"insert into approvals (campaign_id, gate, digest, requester_id, approver_id) values (1, 'spend', 'old', 2, 5)" },
	{ "violates foreign key", "update campaigns set created_by = 4" },
};

static void wrong_rows_are_refused_by_name(void **state)
{
	OWNED char *set = NULL;
	(void)state;
	an_organisation();
	set = a_set("t1", "Li", 1);
	free(a_renewal("c", set));
	(void)sql(
		"insert into approvals (campaign_id, gate, digest, requester_id, approver_id) values (1, 'spend', 'c', 2, 4), (1, 'touch', 'c', 2, 4)");
	for (size_t i = 0; i < COUNT_OF(wrong); i++)
		refused(wrong[i].constraint, "%s", wrong[i].statement);
}

static void a_link_is_released_by_two(void **state)
{
	static const char insert[] =
		"insert into links (line_id, order_id, rule, text, explanation, verdict, confirmed_by, released_by) "
		"values (1, 1, 'R3', '', '{}', ";
	(void)state;
	an_organisation();
	(void)sql(
		"alter table links drop constraint links_line_id_fkey, drop constraint links_order_id_fkey");
	refused("links_confirmed_by_somebody", "%s'confirmed', null, null)", insert);
	refused("links_two_people", "%s'released', 6, null)", insert);
	refused("links_two_people", "%s'released', 6, 6)", insert);
	refused("links_confirmed_by_somebody", "%s'released', null, 6)", insert);
	(void)sql("%s'released', 6, 7)", insert);
	refused("links_line_once", "%s'auto', null, null)", insert);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		database_test(migrations_come_in_the_order_of_their_names),
		database_test(every_statement_prepares),
		database_test(the_database_knows_the_states_of_the_table),
		database_test(the_database_knows_the_edges_of_the_table),
		database_test(statements_that_leave_ended_renewals_out_name_all_of_them),
		database_test(the_readme_draws_the_edges_of_the_table),
		database_test(enums_have_the_words_of_the_product),
		database_test(checks_have_the_words_of_the_product),
		database_test(history_cannot_be_rewritten),
		database_test(wrong_rows_are_refused_by_name),
		database_test(a_link_is_released_by_two),
	};
	return cmocka_run_group_tests(tests, database_begin, database_end);
}
