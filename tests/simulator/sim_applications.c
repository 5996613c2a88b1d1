/* SPDX-License-Identifier: Apache-2.0 */
/* Applications (guide chapter 3): one per certificate set while it is open; what each shows and still
 * needs, how it moves, and how one is withdrawn. */
#include <inttypes.h>
#include <stdio.h>

#include "common/clock.h"
#include "common/text.h"
#include "tests/simulator/sim_inside.h"
#include "tests/simulator/sim_knobs.h"

static const char *state_of(const json_t *application)
{
	return json_peek_text(application, "state");
}

bool application_is(const json_t *application, const char *state)
{
	return text_equal(state_of(application), state);
}

bool application_is_open(const json_t *application)
{
	static const char *const ended[] = { "installed", "closed", "rejected", "withdrawn" };

	for (size_t i = 0; i < COUNT_OF(ended); i++) {
		if (application_is(application, ended[i]))
			return false;
	}
	return true;
}

json_t *application_open(const struct sim *sim, const char *set_id)
{
	const char *id;
	json_t *application;

	json_object_foreach(sim_table(sim, "applications"), id, application)
	{
		if (text_equal(json_peek_text(application, "set_id"), set_id) &&
			application_is_open(application))
			return application;
	}
	return NULL;
}

void application_move(struct sim *sim, json_t *application, const char *state, int64_t now)
{
	bool moves = !application_is(application, state);
	OWNED char *type = text_dupf("application.%s", state);

	if (moves)
		json_put_text(application, "state", state);
	json_put_number(application, "seq", json_peek_number(application, "seq", 0) + 1);
	json_put_number(application, "updated_at", now);
	sim->changed = true;
	if (moves)
		notice_send(sim, now, type, application, application);
}

bool application_has_attachments(const json_t *application)
{
	JSON *types = meta_attachment_types();
	json_t *type, *attachment;
	size_t i, k;

	json_array_foreach(types, i, type)
	{
		bool there = !json_is_true(json_object_get(type, "required"));

		json_array_foreach(json_object_get(application, "attachments"), k, attachment)
			there |= text_equal(
				json_peek_text(attachment, "type"), json_peek_text(type, "type"));
		if (!there)
			return false;
	}
	return true;
}

/* What a correction still lacks: the fields it names that were not filled in again. */
static json_t *correction_required(const json_t *application)
{
	const json_t *correction = json_object_get(application, "correction");
	const json_t *done = json_object_get(correction, "done");
	json_t *words = json_array();
	json_t *field;
	size_t i;

	json_array_foreach(json_object_get(correction, "fields"), i, field)
	{
		if (json_object_get(done, json_string_value(field)) == NULL)
			json_array_append(words, field);
	}
	return words;
}

json_t *application_required(const json_t *application)
{
	json_t *words;

	if (application_is(application, "correction_required"))
		return correction_required(application);
	words = json_array();
	if (!application_is(application, "draft"))
		return words;
	if (json_object_get(application, "agreement") == NULL)
		json_array_append_new(words, json_string("agreement"));
	if (json_object_get(application, "years") == NULL)
		json_array_append_new(words, json_string("term"));
	if (text_equal(json_peek_text(application, "kind"), "expired") &&
		!application_has_attachments(application))
		json_array_append_new(words, json_string("attachments"));
	if (json_object_get(application, "intent") == NULL)
		json_array_append_new(words, json_string("intent"));
	return words;
}

static const char *next_step(const json_t *application, const json_t *required)
{
	static const struct {
		const char *state, *next;
	} steps[] = { { "draft", "submit" }, { "payment_verifying", "remittance" },
		{ "paid", "wait" }, { "in_review", "wait" }, { "blocked", "wait" },
		{ "correction_required", "resubmit" }, { "approved", "install" },
		{ "issued", "install" } };

	if (json_array_size(required) > 0)
		return json_string_value(json_array_get(required, 0));
	if (application_is(application, "awaiting_payment"))
		return json_peek_text(application, "payment_id") == NULL ? "payment" : "remittance";
	for (size_t i = 0; i < COUNT_OF(steps); i++) {
		if (application_is(application, steps[i].state))
			return steps[i].next;
	}
	return "none";
}

static void put_price(json_t *view, const json_t *application)
{
	int64_t years = json_peek_number(application, "years", 0);
	int64_t price_fen = json_peek_number(application, "price_fen", 0);

	if (years > 0)
		json_object_set_new(view, "term",
			json_pack("{s:I, s:I}", "years", (json_int_t)years, "price_fen",
				(json_int_t)price_fen));
	if (json_object_get(application, "quote_expires_at") == NULL)
		return;
	json_object_set_new(view, "amount",
		json_pack("{s:s, s:I}", "currency", "CNY", "amount_fen", (json_int_t)price_fen));
	sim_put_instant(
		view, "quote_expires_at", json_peek_number(application, "quote_expires_at", 0));
}

/* What the review says, and what became of the money. */
static void put_review(json_t *view, const json_t *application)
{
	static const char *const kept[] = { "rejected", "fee", "payment_id", "refund_ids",
		"paid_twice" };
	const json_t *correction = json_object_get(application, "correction");

	for (size_t i = 0; i < COUNT_OF(kept); i++) {
		json_t *value = json_object_get(application, kept[i]);

		if (value != NULL)
			json_object_set_new(view, kept[i], json_deep_copy(value));
	}
	if (!application_is(application, "correction_required"))
		return;
	json_object_set_new(
		view, "reasons", json_deep_copy(json_object_get(correction, "reasons")));
	sim_put_instant(view, "fix_by", json_peek_number(correction, "fix_by", 0));
}

json_t *application_view(const json_t *application)
{
	static const char *const texts[] = { "id", "client_ref", "certificate_id", "kind",
		"state" };
	json_t *view = json_object();
	json_t *required = application_required(application);

	for (size_t i = 0; i < COUNT_OF(texts); i++)
		json_put_text(view, texts[i], json_peek_text(application, texts[i]));
	json_put_number(view, "seq", json_peek_number(application, "seq", 0));
	json_object_set_new(view, "required", required);
	json_put_text(view, "next", next_step(application, required));
	put_price(view, application);
	json_object_set_new(
		view, "attachments", json_deep_copy(json_object_get(application, "attachments")));
	put_review(view, application);
	sim_put_instant(view, "created_at", json_peek_number(application, "created_at", 0));
	sim_put_instant(view, "updated_at", json_peek_number(application, "updated_at", 0));
	return view;
}

static void etag_of(char out[32], const json_t *application)
{
	(void)snprintf(out, 32, "\"%" PRId64 "\"", json_peek_number(application, "seq", 0));
}

void call_reply_application(struct sim_call *call, int status, const json_t *application)
{
	etag_of(call->etag, application);
	call_reply(call, status, application_view(application));
}

void call_conflict(struct sim_call *call, const char *what, const char *state)
{
	json_put_text(call_problem(call, SIM_STATE_CONFLICT, "the %s is %s", what, state), "state",
		state);
}

/* The application of the path, with a fresh If-Match; NULL after a problem.  What a person has
 * opened on the CA's pages is not the contract's. */
static json_t *call_named(struct sim_call *call)
{
	json_t *application = call_object(call, "applications");
	const char *if_match = call->request->if_match;
	char etag[32];

	if (application == NULL)
		return NULL;
	call->certificate = json_peek_text(application, "certificate_id");
	call->client_ref = json_peek_text(application, "client_ref");
	if (json_is_true(json_object_get(application, "person")) != call->person) {
		(void)call_problem(call, SIM_NOT_FOUND, "it belongs to another account");
		return NULL;
	}
	etag_of(etag, application);
	if (if_match == NULL || text_equal(if_match, etag))
		return application;
	(void)call_problem(call, SIM_STALE, "the application is at %s", etag);
	return NULL;
}

json_t *call_application(struct sim_call *call, const char *state, const char *state2)
{
	json_t *application = call_named(call);

	if (application == NULL || application_is(application, state) ||
		(state2 != NULL && application_is(application, state2)))
		return application;
	call_conflict(call, "application", state_of(application));
	return NULL;
}

static bool correction_names(const json_t *application, const char *field)
{
	const json_t *correction = json_object_get(application, "correction");
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(correction, "fields"), i, one)
	{
		if (text_equal(json_string_value(one), field))
			return true;
	}
	return false;
}

json_t *call_application_to_fill(struct sim_call *call, const char *field)
{
	json_t *application = call_application(call, "draft", "correction_required");

	if (application == NULL || application_is(application, "draft") ||
		correction_names(application, field))
		return application;
	json_put_text(call_problem(call, SIM_STATE_CONFLICT,
			      "%s is not among what may be corrected", field),
		"state", state_of(application));
	return NULL;
}

/* ---- reading and withdrawing ---- */

static bool query_fits(
	const struct sim_call *call, const char *key, const json_t *application, const char *member)
{
	const char *want = call_query(call, key);

	return want == NULL || text_equal(want, json_peek_text(application, member));
}

void get_applications(struct sim_call *call)
{
	int64_t since = 0;
	const char *id;
	json_t *items, *application;

	if (call_query(call, "updated_since") != NULL &&
		!call_instant(call, &since, call->query, "updated_since"))
		return;
	items = json_array();
	json_object_foreach(sim_table(call->sim, "applications"), id, application)
	{
		if (!json_is_true(json_object_get(application, "person")) &&
			query_fits(call, "client_ref", application, "client_ref") &&
			query_fits(call, "status", application, "state") &&
			query_fits(call, "certificate_id", application, "certificate_id") &&
			json_peek_number(application, "updated_at", 0) >= since)
			json_array_append_new(items, application_view(application));
	}
	call_reply_page(call, items);
}

void get_application(struct sim_call *call)
{
	const json_t *application = call_named(call);

	if (application != NULL)
		call_reply_application(call, 200, application);
}

/* Until the new certificates are fetched an application can be withdrawn; what was paid comes back. */
void post_withdraw(struct sim_call *call)
{
	static const char *const states[] = { "draft", "awaiting_payment", "paid", "in_review",
		"correction_required", "blocked", "approved" };
	json_t *application = call_named(call);
	bool may = false;

	for (size_t i = 0; i < COUNT_OF(states) && application != NULL; i++)
		may |= application_is(application, states[i]);
	if (application != NULL && !may)
		call_conflict(call, "application", state_of(application));
	if (!may)
		return;
	ledger_add(call->sim, "withdrawals",
		json_pack("{s:s, s:s?, s:s}", "application", json_peek_text(application, "id"),
			"client_ref", call->client_ref, "from", state_of(application)));
	application_move(call->sim, application, "withdrawn", call->now);
	payments_close(call->sim, application, NULL, call->now);
	refund_application(call->sim, application, "withdrawn", call->now);
	call_effect(call);
	call_reply_application(call, 200, application);
}
