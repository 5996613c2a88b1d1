/* SPDX-License-Identifier: Apache-2.0 */
/* The planner asks each candidate the questions below in their order; the first answer that speaks
 * against it is its reason.  Then term and price, then what would block it. */
#include "orchestrator/domain/plan.h"

#include <inttypes.h>
#include <string.h>

#include "common/clock.h"
#include "common/version.h"

/* A certificate of either role with its object attributes fits twice into this. */
enum { TOKEN_FREE_MIN = 4096 };

static const struct {
	const char *word, *text;
} reasons[] = {

#define REASON_ROW(upper, lower, text) [PLAN_REASON_##upper] = { #lower, text },
	PLAN_REASONS(REASON_ROW)
#undef REASON_ROW
};

static const struct {
	const char *word, *text;
} blocks[] = {

#define BLOCK_ROW(upper, lower, text) [PLAN_BLOCK_##upper] = { #lower, text },
	PLAN_BLOCKS(BLOCK_ROW)
#undef BLOCK_ROW
};

const char *plan_kind_word(enum plan_kind kind)
{
	return kind == PLAN_EXPIRING ? "expiring" : "expired";
}

const char *plan_reason_word(enum plan_reason reason)
{
	return reasons[reason].word;
}

const char *plan_block_word(enum plan_block block)
{
	return blocks[block].word;
}

const char *plan_block_text(enum plan_block block)
{
	return blocks[block].text;
}

void plan_done(struct plan *plan)
{
	free(plan->rows);
	*plan = (struct plan){ 0 };
}

/* ---- selection ---------------------------------------------------------------------------------- */

/* Expiring or expired within the policy's days, or the reason why neither. */
static enum plan_reason judge_time(
	const struct plan_request *request, const struct plan_candidate *candidate)
{
	int64_t ahead = candidate->not_after - request->now;

	if (ahead > request->policy->expires_within_days * CLOCK_DAY)
		return PLAN_REASON_NOT_YET;
	if (ahead > 0)
		return PLAN_REASON_EXPIRING;
	return -ahead <= request->policy->expired_within_days * CLOCK_DAY &&
			request->policy->expired_within_days > 0
		? PLAN_REASON_EXPIRED
		: PLAN_REASON_EXPIRED_TOO_LONG;
}

static enum plan_reason judge(
	const struct plan_request *request, const struct plan_candidate *candidate)
{
	const struct policy *policy = request->policy;

	if (candidate->is_revoked)
		return PLAN_REASON_REVOKED;
	if (candidate->is_replaced)
		return PLAN_REASON_REPLACED;
	if (candidate->has_open_renewal)
		return PLAN_REASON_OPEN_RENEWAL;
	if (!policy_list_admits(&policy->units, candidate->unit))
		return PLAN_REASON_OTHER_UNIT;
	if (!policy_list_admits(&policy->services, candidate->service))
		return PLAN_REASON_OTHER_SERVICE;
	return judge_time(request, candidate);
}

static const struct plan_term *find_term(const struct plan_request *request, int64_t years)
{
	for (size_t i = 0; i < request->term_count; i++)
		if (request->terms[i].years == years && request->terms[i].price_fen > 0)
			return &request->terms[i];
	return NULL;
}

/* The first of the policy's terms that is offered within the cap; NULL with the reason. */
static const struct plan_term *choose_term(
	const struct plan_request *request, enum plan_reason *reason)
{
	const struct policy *policy = request->policy;

	*reason = PLAN_REASON_NO_TERM;
	for (size_t i = 0; i < policy->term_count; i++) {
		const struct plan_term *term = find_term(request, policy->terms[i]);
		if (term == NULL)
			continue;
		if (term->price_fen <= policy->price_cap_fen)
			return term;
		*reason = PLAN_REASON_ABOVE_CAP;
	}
	return NULL;
}

static unsigned when(bool holds, enum plan_block block)
{
	return holds ? 1u << block : 0;
}

/* Where a person installs in the CA's own client, an agent may see the token, and need not. */
static unsigned find_installer_blocks(
	const struct plan_request *request, const struct plan_candidate *candidate)
{
	bool is_seen = candidate->token_serial != NULL;

	if (request->person_installs)
		return 0;
	return when(!is_seen, PLAN_BLOCK_TOKEN_UNSEEN) |
		when(is_seen && !candidate->has_agent, PLAN_BLOCK_AGENT_ABSENT) |
		when(text_equal(candidate->key_type, "SM2"), PLAN_BLOCK_SM2);
}

static unsigned find_blocks(
	const struct plan_request *request, const struct plan_candidate *candidate)
{
	int order = 0;
	bool is_known = candidate->client_version != NULL &&
		version_compare(
			&order, candidate->client_version, request->policy->minimum_client_version);
	/* without an agent the person who binds reads it off the screen and gives it back */
	bool is_awaited = !request->person_installs || candidate->has_agent;

	return when(!is_known && is_awaited, PLAN_BLOCK_CLIENT_UNKNOWN) |
		when(is_known && order < 0, PLAN_BLOCK_CLIENT_OLD) |
		when(!candidate->has_handler, PLAN_BLOCK_NO_HANDLER) |
		when(candidate->has_handler && candidate->handler_authorised_until <= request->now,
			PLAN_BLOCK_HANDLER_EXPIRED) |
		when(candidate->token_free_bytes >= 0 &&
				candidate->token_free_bytes < TOKEN_FREE_MIN,
			PLAN_BLOCK_TOKEN_FULL) |
		find_installer_blocks(request, candidate);
}

static void plan_row(struct plan_row *row, const struct plan_request *request,
	const struct plan_candidate *candidate)
{
	const struct plan_term *term = NULL;
	enum plan_reason reason = judge(request, candidate), no_term = PLAN_REASON_NO_TERM;

	*row = (struct plan_row){ .candidate = candidate, .reason = reason };
	row->latest_safe_start = candidate->not_after - request->policy->slack_days * CLOCK_DAY;
	row->is_late = row->latest_safe_start < request->now;
	if (reason != PLAN_REASON_EXPIRING && reason != PLAN_REASON_EXPIRED)
		return;
	term = choose_term(request, &no_term);
	if (term == NULL) {
		row->reason = no_term;
		return;
	}
	row->is_included = true;
	row->kind = reason == PLAN_REASON_EXPIRING ? PLAN_EXPIRING : PLAN_EXPIRED;
	row->term_years = term->years;
	row->price_fen = term->price_fen;
	row->blocks = find_blocks(request, candidate);
}

/* ---- the whole ---------------------------------------------------------------------------------- */

static int compare(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int by_urgency(const void *a, const void *b)
{
	const struct plan_row *left = a, *right = b;
	int order = (int)right->is_included - (int)left->is_included;

	if (order == 0)
		order = compare(left->candidate->not_after, right->candidate->not_after);
	return order != 0 ? order : compare(left->candidate->set_id, right->candidate->set_id);
}

static void count_row(struct plan *plan, const struct plan_row *row)
{
	if (!row->is_included) {
		plan->excluded++;
		return;
	}
	plan->included++;
	plan->expiring += row->kind == PLAN_EXPIRING;
	plan->expired += row->kind == PLAN_EXPIRED;
	plan->blocked += row->blocks != 0;
	plan->price_fen += row->price_fen;
	plan->ready_fen += row->blocks == 0 ? row->price_fen : 0;
}

bool plan_make(struct plan *out, const struct plan_request *request, struct fault *fault)
{
	struct plan plan = { .row_count = request->candidate_count };

	if (request->candidate_count > PLAN_CANDIDATES_MAX || request->term_count > PLAN_TERMS_MAX)
		return fault_set(fault, FAULT_INPUT,
			"%zu certificate sets and %zu terms are too many for one plan: narrow the selection",
			request->candidate_count, request->term_count);
	plan.rows = zalloc(plan.row_count, sizeof(*plan.rows));
	for (size_t i = 0; i < plan.row_count; i++) {
		plan_row(&plan.rows[i], request, &request->candidates[i]);
		count_row(&plan, &plan.rows[i]);
	}
	qsort(plan.rows, plan.row_count, sizeof(*plan.rows), by_urgency);
	*out = plan;
	return true;
}

void plan_explain(struct text *out, const struct plan_row *row)
{
	char at[CLOCK_TEXT];
	const char *separator = "; it waits: ";

	text_add(out, reasons[row->reason].text);
	if (!row->is_included)
		return;
	clock_format(at, row->latest_safe_start);
	text_addf(out, "; %" PRId64 " %s for %" PRId64 ".%02" PRId64 " yuan; start %s %.10s",
		row->term_years, row->term_years == 1 ? "year" : "years", row->price_fen / 100,
		row->price_fen % 100, row->is_late ? "was due before" : "before", at);
	for (unsigned block = 0; block < PLAN_BLOCK_COUNT; block++) {
		if ((row->blocks & 1u << block) == 0)
			continue;
		text_addf(out, "%s%s", separator, blocks[block].text);
		separator = ", ";
	}
}
