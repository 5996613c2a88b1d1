/* SPDX-License-Identifier: Apache-2.0 */
/* Turns rows into candidates, asks the pure planner, and writes down what it said. */
#include "orchestrator/flows/planning.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/text.h"
#include "orchestrator/domain/approval.h"
#include "orchestrator/domain/plan.h"

enum { SENTENCE_MAX = 1024, SET_TEXT = 24 };

/* The columns of statement plan_candidates, in order. */
enum column {
	COLUMN_ID,
	COLUMN_SERIAL,
	COLUMN_KEY_TYPE,
	COLUMN_HOLDER,
	COLUMN_SERVICE,
	COLUMN_UNIT,
	COLUMN_USCC,
	COLUMN_MEDIA_NO,
	COLUMN_NOT_AFTER,
	COLUMN_CLIENT,
	COLUMN_TOKEN,
	COLUMN_FREE,
	COLUMN_AGENT,
	COLUMN_OPEN,
	COLUMN_HANDLER,
	COLUMN_AUTHORISED
};

static const char *text_at(const PGresult *rows, int row, enum column column)
{
	return PQgetisnull(rows, row, (int)column) ? NULL : PQgetvalue(rows, row, (int)column);
}

static int64_t number_at(const PGresult *rows, int row, enum column column, int64_t otherwise)
{
	const char *text = text_at(rows, row, column);
	int64_t number;

	return text != NULL && number_parse(&number, text, INT64_MIN, INT64_MAX) ? number
										 : otherwise;
}

static bool flag_at(const PGresult *rows, int row, enum column column)
{
	const char *text = text_at(rows, row, column);

	return text != NULL && text[0] == 't';
}

static struct plan_candidate candidate_at(const PGresult *rows, int row)
{
	const char *handler = text_at(rows, row, COLUMN_HANDLER);

	return (struct plan_candidate){ .set_id = number_at(rows, row, COLUMN_ID, 0),
		.serial = text_at(rows, row, COLUMN_SERIAL),
		.not_after = number_at(rows, row, COLUMN_NOT_AFTER, 0),
		.holder = text_at(rows, row, COLUMN_HOLDER),
		.service = text_at(rows, row, COLUMN_SERVICE),
		.unit = text_at(rows, row, COLUMN_UNIT),
		.uscc = text_at(rows, row, COLUMN_USCC),
		.media_no = text_at(rows, row, COLUMN_MEDIA_NO),
		.client_version = text_at(rows, row, COLUMN_CLIENT),
		.token_serial = text_at(rows, row, COLUMN_TOKEN),
		.has_agent = flag_at(rows, row, COLUMN_AGENT),
		.token_free_bytes = number_at(rows, row, COLUMN_FREE, -1),
		.has_open_renewal = flag_at(rows, row, COLUMN_OPEN),
		.has_handler = handler != NULL && handler[0] != '\0',
		.handler_authorised_until = number_at(rows, row, COLUMN_AUTHORISED, INT64_MAX),
		.key_type = text_at(rows, row, COLUMN_KEY_TYPE) };
}

static size_t read_terms(struct plan_term out[PLAN_TERMS_MAX], const json_t *meta)
{
	const json_t *term, *terms = json_object_get(meta, "terms");
	size_t i, count = 0;

	json_array_foreach(terms, i, term)
	{
		if (count == PLAN_TERMS_MAX)
			break;
		out[count++] = (struct plan_term){ .years = json_peek_number(term, "years", 0),
			.price_fen = json_peek_number(term, "price_fen", 0) };
	}
	return count;
}

static json_t *row_shown(const struct plan_row *row)
{
	char not_after[CLOCK_TEXT], latest[CLOCK_TEXT], set[SET_TEXT];
	json_t *shown = json_object(), *blocked = json_array();
	TEXT reason;

	text_init(&reason, SENTENCE_MAX);
	plan_explain(&reason, row);
	clock_format(not_after, row->candidate->not_after);
	clock_format(latest, row->latest_safe_start);
	(void)snprintf(set, sizeof set, "%" PRId64, row->candidate->set_id);
	json_put_text(shown, "set", set);
	json_put_text(shown, "serial", row->candidate->serial);
	json_put_text(shown, "holder", row->candidate->holder);
	json_put_text(shown, "service", row->candidate->service);
	json_put_text(shown, "unit", row->candidate->unit);
	json_put_text(shown, "not_after", not_after);
	json_put_text(shown, "kind", row->is_included ? plan_kind_word(row->kind) : NULL);
	json_put_number(shown, "term_years", row->term_years);
	json_put_number(shown, "price_fen", row->price_fen);
	(void)json_object_set_new(shown, "include", json_boolean(row->is_included));
	json_put_text(shown, "reason", reason.data);
	for (int block = 0; block < PLAN_BLOCK_COUNT; block++)
		if ((row->blocks & 1U << block) != 0)
			(void)json_array_append_new(
				blocked, json_string(plan_block_word((enum plan_block)block)));
	(void)json_object_set_new(shown, "blocked", blocked);
	json_put_text(shown, "latest_start_at", latest);
	return shown;
}

static json_t *plan_shown(const struct plan *plan, const struct policy *policy,
	const json_t *document, const char *digest)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < plan->row_count; i++)
		(void)json_array_append_new(rows, row_shown(&plan->rows[i]));
	return json_pack("{s:s, s:s, s:s, s:O?, s:O?, s:O*, s:o, s:{s:I, s:I, s:I, s:I}}", "policy",
		policy->name, "policy_sha256", policy->sha256, "digest", digest, "payee",
		json_object_get(document, "payee"), "agreement_sha256",
		json_object_get(document, "agreement_sha256"), "price_version",
		json_object_get(document, "price_version"), "rows", rows, "totals", "count",
		(json_int_t)plan->included, "blocked", (json_int_t)plan->blocked, "excluded",
		(json_int_t)plan->excluded, "amount_fen", (json_int_t)plan->price_fen);
}

static json_t *plan_document(const struct settings *settings, const struct policy *policy,
	const struct plan *plan, const json_t *meta)
{
	const json_t *agreement = json_object_get(meta, "agreement");

	return approval_document(plan,
		&(struct approval_frame){ .policy_name = policy->name,
			.policy_sha256 = policy->sha256,
			.payee_name = settings->payee_name,
			.payee_account = settings->payee_account,
			.payee_bank = settings->payee_bank,
			.agreement_id = json_peek_text(agreement, "id"),
			.agreement_version = json_peek_text(agreement, "version"),
			.agreement_sha256 = json_peek_text(agreement, "sha256"),
			.price_version = json_peek_number(meta, "price_version", 0) });
}

static bool person_installs(const struct app *app, const char *ca)
{
	const struct connector *connector = connector_for(&app->connectors, ca);

	return connector != NULL && connector_can(connector, CAN_PERSON_INSTALLS);
}

bool planning_make(struct planning *out, const struct app *app, const struct policy *policy,
	const PGresult *candidates, const json_t *meta, struct fault *fault)
{
	struct plan_term terms[PLAN_TERMS_MAX];
	size_t term_count = read_terms(terms, meta), count = (size_t)PQntuples(candidates);
	OWNED struct plan_candidate *list = zalloc(count + 1, sizeof *list);
	CLEANUP(plan_donep) struct plan plan = { 0 };

	if (term_count == 0)
		return fault_set(fault, FAULT_LATER,
			"the terms and prices of %.64s are not known yet: see xuqi doctor; where it quotes none: xuqi price propose",
			policy->ca);
	for (size_t i = 0; i < count; i++)
		list[i] = candidate_at(candidates, (int)i);
	if (!plan_make(&plan,
		    &(struct plan_request){ .policy = policy,
			    .candidates = list,
			    .candidate_count = count,
			    .terms = terms,
			    .term_count = term_count,
			    .person_installs = person_installs(app, policy->ca),
			    .now = clock_now() },
		    fault))
		return false;
	out->document = plan_document(&app->settings, policy, &plan, meta);
	approval_digest(out->digest, out->document);
	out->shown = plan_shown(&plan, policy, out->document, out->digest);
	out->included = plan.included;
	return true;
}

void planning_done(struct planning *planning)
{
	json_decref(planning->document);
	json_decref(planning->shown);
	*planning = (struct planning){ 0 };
}
