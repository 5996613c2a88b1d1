/* SPDX-License-Identifier: Apache-2.0 */
/* The conclusion of one step (renewal_conclude of schema/0003_workflow.sql), member by member in its order. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/text.h"
#include "tests/twin/store_inside.h"

struct step {
	struct store *store;
	struct row_renewal *renewal;
	struct fault *fault;
};

typedef bool member_fn(struct step *step, const json_t *value);

struct row_order *store_order_of(const struct store *store, int64_t renewal)
{
	for (size_t i = store->due.count; i-- > 0;)
		if (store_row(store->due, due, i)->renewal == renewal)
			return store_get(&store->order, store_row(store->due, due, i)->order);
	return NULL;
}

int64_t store_renewal_of(const struct store *store, int64_t order, size_t nth)
{
	for (size_t i = 0; i < store->due.count; i++)
		if (store_row(store->due, due, i)->order == order && nth-- == 0)
			return store_row(store->due, due, i)->renewal;
	return 0;
}

struct row_install *store_install_of(const struct store *store, int64_t renewal)
{
	for (size_t i = store->install.count; i-- > 0;) {
		struct row_install *install = store_row(store->install, install, i);

		if (install->renewal == renewal && strcmp(install->state, "closed") != 0)
			return install;
	}
	return NULL;
}

static bool settle(struct step *step, const json_t *value)
{
	for (struct row_effect *effect = step->renewal->effects; effect != NULL;
		effect = effect->older) {
		if (!text_equal(effect->op, json_peek_text(value, "op")) ||
			effect->settled_at != NO_INSTANT)
			continue;
		effect = touch(step->store, effect, effect);
		effect->settled_at = store_now();
		effect->outcome = store_text(step->store, json_peek_text(value, "outcome"));
	}
	return true;
}

static bool facts(struct step *step, const json_t *value)
{
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): copied */
	json_t *all = json_copy((json_t *)(uintptr_t)step->renewal->facts);

	/* NOLINTNEXTLINE(performance-no-int-to-ptr): read */
	(void)json_object_update(all, (json_t *)(uintptr_t)value);
	step->renewal->facts = store_json(step->store, all);
	return true;
}

static bool quoted(struct step *step, const json_t *value)
{
	step->renewal->quoted_fen = json_integer_value(value);
	if (step->renewal->quoted_fen > step->renewal->approved_fen)
		return fault_set(step->fault, FAULT_CONFLICT,
			"quoted above the approved amount [renewals_quote_is_approved]");
	return true;
}

static bool kind(struct step *step, const json_t *value)
{
	step->renewal->kind = store_text(step->store, json_string_value(value));
	return true;
}

static bool client_ref(struct step *step, const json_t *value)
{
	const char *ref = json_string_value(value);

	for (size_t i = 0; i < step->store->renewal.count; i++) {
		const struct row_renewal *other = store_row(step->store->renewal, renewal, i);

		if (other != step->renewal && text_equal(other->client_ref, ref) && ref != NULL)
			return fault_set(step->fault, FAULT_CONFLICT,
				"client_ref %s [renewals_client_ref_once]", ref);
	}
	step->renewal->client_ref = store_text(step->store, ref);
	return true;
}

static bool close_tasks(struct step *step, const json_t *value)
{
	const json_t *word;
	size_t i;

	json_array_foreach(value, i, word)
		store_tasks_close(step->store, step->renewal, json_string_value(word));
	return true;
}

static bool open_tasks(struct step *step, const json_t *value)
{
	const json_t *task;
	size_t i;

	json_array_foreach(value, i, task) if (!store_task_open(step->store, step->renewal, task,
						       step->fault)) return false;
	return true;
}

/* The due of RENEWAL names ORDER from now on. */
static void owe(struct store *store, int64_t renewal, const struct row_order *order)
{
	struct row_due *due = NULL;

	for (size_t i = 0; i < store->due.count; i++)
		if (store_row(store->due, due, i)->renewal == renewal)
			due = touch(store, due, store_row(store->due, due, i));
	if (due == NULL)
		due = store_add(store, &store->due);
	due->renewal = renewal;
	due->order = order->id;
	due->amount_fen = order->amount_fen;
}

static bool order(struct step *step, const json_t *value)
{
	struct store *store = step->store;
	struct row_order *row = store_order_of(store, step->renewal->id);
	const char *method = json_peek_text(value, "method");

	if (row != NULL && !text_equal(row->status, "cancelled"))
		return true; /* one payable order per renewal */
	for (size_t i = 0; i < store->order.count; i++)
		if (text_equal(store_row(store->order, order, i)->reference,
			    json_peek_text(value, "reference")))
			return fault_set(step->fault, FAULT_CONFLICT,
				"the reference is taken [payment_orders_reference_once]");
	row = store_add(store, &store->order);
	row->reference = store_text(store, json_peek_text(value, "reference"));
	row->payer_account = store_text(store, json_peek_text(value, "payer_account"));
	row->payer_name = store_text(store, json_peek_text(value, "payer_name"));
	row->payee_name = store_text(store, json_peek_text(value, "payee_name"));
	row->payee_account = store_text(store, json_peek_text(value, "payee_account"));
	row->payee_bank = store_text(store, json_peek_text(value, "payee_bank"));
	row->amount_fen = json_peek_number(value, "amount_fen", 0);
	row->method = method != NULL ? store_text(store, method) : "bank_transfer";
	row->status = "open";
	row->made_at = store_now();
	row->paid_at = NO_INSTANT;
	owe(store, step->renewal->id, row);
	store_tell_order(store, row);
	return true;
}

static bool install(struct step *step, const json_t *value)
{
	struct store *store = step->store;
	struct row_install *row;
	const char *token = json_as_text(value, "token");

	if (token == NULL)
		return fault_set(step->fault, FAULT_CONFLICT, "install_orders.token_id is null");
	if (store_install_of(store, step->renewal->id) != NULL) {
		store->install.last_id++; /* on conflict do nothing: the number is used up */
		return true;
	}
	row = store_add(store, &store->install);
	row->renewal = step->renewal->id;
	(void)number_parse(&row->token, token, 1, INT64_MAX);
	row->state = "queued";
	row->body = store_json(store, json_deep_copy(json_object_get(value, "body")));
	row->reported_at = NO_INSTANT;
	store_tell_install(store, row);
	return true;
}

/* The next token of this workstation has its turn. */
static void wake_neighbours(struct step *step)
{
	struct store *store = step->store;
	const struct row_set *set = store_get(&store->set, step->renewal->set);
	const struct row_token *mine = store_find(&store->token, set->token);

	store_notify(store);
	for (size_t i = 0; mine != NULL && i < store->install.count; i++) {
		const struct row_install *row = store_row(store->install, install, i);
		const struct row_token *token = store_get(&store->token, row->token);

		if (strcmp(row->state, "queued") == 0 && token->workstation == mine->workstation)
			store_wake(store, store_get(&store->renewal, row->renewal));
	}
}

static bool close_install(struct step *step, const json_t *value)
{
	struct row_install *row = store_install_of(step->store, step->renewal->id);

	(void)value;
	if (row != NULL && strcmp(row->state, "reported") == 0)
		touch(step->store, install, row)->state = "closed";
	wake_neighbours(step);
	return true;
}

static bool requeue_install(struct step *step, const json_t *value)
{
	struct row_install *row = store_install_of(step->store, step->renewal->id);

	(void)value;
	if (row != NULL &&
		(strcmp(row->state, "reported") == 0 || strcmp(row->state, "permitted") == 0)) {
		row = touch(step->store, install, row);
		row->state = "queued";
		row->outcome = NULL;
		store_tell_install(step->store, row);
	}
	return true;
}

static bool invoice(struct step *step, const json_t *value)
{
	static const char *const needed[] = { "number", "buyer", "buyer_tax_id", "seller", "email",
		"state" };
	struct row_invoice *known = NULL;

	for (size_t i = 0; i < COUNT_OF(needed); i++)
		if (json_peek_text(value, needed[i]) == NULL)
			return fault_set(
				step->fault, FAULT_CONFLICT, "invoices.%s is null", needed[i]);
	for (size_t i = 0; i < step->store->invoice.count; i++)
		if (text_equal(store_row(step->store->invoice, invoice, i)->number,
			    json_peek_text(value, "number")))
			known = store_row(step->store->invoice, invoice, i);
	if (known != NULL && known->renewal != step->renewal->id)
		return fault_set(step->fault, FAULT_CONFLICT,
			"invoice %s is archived for renewal %" PRId64
			" already: ask the CA which it belongs to",
			known->number, known->renewal);
	if (known == NULL) {
		known = store_add(step->store, &step->store->invoice);
		known->renewal = step->renewal->id;
		known->number = store_text(step->store, json_peek_text(value, "number"));
	} else {
		step->store->invoice.last_id++;
		if (!text_equal(known->state, "disputed"))
			return true;
		known = touch(step->store, invoice, known);
	}
	known->state = store_text(step->store, json_peek_text(value, "state"));
	known->total_fen = json_peek_number(value, "total_fen", 0);
	return true;
}

static bool note(struct step *step, const json_t *value)
{
	store_journal(step->store, step->renewal->id, json_peek_text(value, "event"), "xuqid");
	return true;
}

static bool move(struct step *step, const json_t *value)
{
	return store_move(step->store, step->renewal, json_peek_text(value, "event"),
		json_peek_text(value, "to"), "xuqid", step->fault);
}

/* An answer of the CA named an agreement before its meta did: it is the CA's last word for all renewals. */
static void agreement_told(struct store *store, const struct row_campaign *campaign,
	const struct row_renewal *renewal, const json_t *plan)
{
	const char *now = json_peek_text(plan, "agreement_sha256"),
		   *shown = json_peek_text(json_object_get(store->ca_meta, "agreement"), "sha256");
	json_t *meta;

	if (text_equal(now, json_peek_text(campaign->plan, "agreement_sha256")) ||
		!text_equal(now, json_peek_text(renewal->facts, "agreement_sha256")) ||
		!text_equal(shown, json_peek_text(renewal->facts, "agreement_before")))
		return;
	meta = json_deep_copy(store->ca_meta);
	json_object_set_new(meta, "agreement",
		json_pack("{s:s?, s:s?, s:s?}", "id", json_peek_text(plan, "agreement_id"),
			"version", json_peek_text(plan, "agreement_version"), "sha256", now));
	store->ca_meta = store_json(store, meta);
}

static bool reprice(struct step *step, const json_t *value)
{
	struct store *store = step->store;
	struct row_campaign *campaign = store_get(&store->campaign, step->renewal->campaign);
	struct row_renewal *renewal = step->renewal;

	if (!text_equal(campaign->digest, json_peek_text(value, "old_digest")))
		return fault_set(step->fault, FAULT_CONFLICT,
			"the plan of campaign %" PRId64 " changed meanwhile", campaign->id);
	agreement_told(store, campaign, renewal, json_object_get(value, "plan"));
	campaign = touch(store, campaign, campaign);
	campaign->plan = store_json(store, json_deep_copy(json_object_get(value, "plan")));
	campaign->digest = store_text(store, json_peek_text(value, "digest"));
	renewal->spend_approval = renewal->touch_approval = 0;
	renewal->approved_fen = json_peek_number(value, "price_fen", 0);
	renewal->quoted_fen = 0;
	renewal->term_years = json_peek_number(value, "term_years", 0);
	return true;
}

static bool turns(struct step *step, const json_t *doc)
{
	return store_turns(step->store, step->renewal, doc, step->fault);
}

/* In the order in which the functions do them: what is opened once, then the plain members, and after the move what
 * the move makes possible.  Move and wait stand together below. */
static const struct {
	const char *name; /* NULL: it looks at the whole document */
	member_fn *read;
	bool behind;
} members[] = {
	{ "close_tasks", close_tasks, false },
	{ "open_tasks", open_tasks, false },
	{ "order", order, false },
	{ NULL, turns, false },
	{ "install", install, false },
	{ "close_install", close_install, false },
	{ "requeue_install", requeue_install, false },
	{ "invoice", invoice, false },
	{ "settle", settle, false },
	{ "facts", facts, false },
	{ "quoted_fen", quoted, false },
	{ "kind", kind, false },
	{ "client_ref", client_ref, false },
	{ "note", note, false },
	{ "reprice", reprice, true },
};

/* The members that store_turns.c reads. */
static const char *const turn_members[] = { "bound", "unbound", "cancel_order", "reopen_order",
	"paid_at", "use_credit", "credit", "refund", "never_paid", "leave", "void_effects",
	"drop_install" };

static bool read_members(struct step *step, const json_t *doc, bool behind)
{
	for (size_t i = 0; i < COUNT_OF(members); i++) {
		const json_t *value =
			members[i].name != NULL ? json_object_get(doc, members[i].name) : doc;

		if (value != NULL && members[i].behind == behind && !members[i].read(step, value))
			return false;
	}
	return true;
}

/* What the product concludes with must be known here, or the twin would lie by silence. */
static void refuse_unknown(const json_t *doc)
{
	const char *name;
	json_t *value;

	/* NOLINTNEXTLINE(performance-no-int-to-ptr): read */
	json_object_foreach((json_t *)(uintptr_t)doc, name, value)
	{
		bool known = strcmp(name, "move") == 0 || strcmp(name, "wait") == 0;

		for (size_t i = 0; i < COUNT_OF(members); i++)
			known |= text_equal(name, members[i].name);
		for (size_t i = 0; i < COUNT_OF(turn_members); i++)
			known |= strcmp(name, turn_members[i]) == 0;
		if (known)
			continue;
		(void)fprintf(stderr,
			"twin: a step concludes with %s, which tests/twin/store_conclude.c does not know\n",
			name);
		abort();
	}
}

static void begin_with_pause(struct row_renewal *renewal, const json_t *wait, struct store *store)
{
	double seconds = json_number_value(json_object_get(wait, "seconds"));

	renewal->blocked_reason = store_text(store, json_as_text(wait, "reason"));
	if (renewal->woken_at <= renewal->claimed_at)
		renewal->due_at = store_now() + (int64_t)rint(seconds * (double)CLOCK_SECOND);
}

static bool conclude(struct step *step, const json_t *doc)
{
	const json_t *wait = json_object_get(doc, "wait"), *edge = json_object_get(doc, "move");

	refuse_unknown(doc);
	if (!read_members(step, doc, false))
		return false;
	if (edge == NULL)
		store_rest(step->store, step->renewal, wait);
	else if (!move(step, edge))
		return false;
	if (edge != NULL && wait != NULL)
		begin_with_pause(step->renewal, wait, step->store);
	return read_members(step, doc, true);
}

/* Only members that are written set by set (conclusion_is_plain): what one does wrong fails all, and the product
 * then tries them one by one. */
static bool is_plain(const json_t *doc)
{
	static const char *const plain[] = { "settle", "facts", "quoted_fen", "kind", "client_ref",
		"note", "move", "wait" };
	size_t count = 0;

	for (size_t i = 0; i < COUNT_OF(plain); i++)
		count += json_object_get(doc, plain[i]) != NULL;
	return count == json_object_size(doc);
}

static bool conclude_one(struct store *store, struct ask *ask, const json_t *item, int row)
{
	struct step step = { .store = store, .fault = ask->fault };
	const json_t *doc = json_object_get(item, "doc");

	step.renewal = store_fenced(store, json_peek_number(item, "id", 0),
		json_peek_number(item, "epoch", 0), ask->fault);
	if (step.renewal == NULL)
		return false;
	if (!conclude(&step, doc)) {
		ask->all_fail = is_plain(doc);
		return false;
	}
	ask_put_number(ask, row, 0, ask->place);
	return true;
}

bool ask_conclude(struct store *store, struct ask *ask)
{
	return store_each(store, ask, 0, conclude_one);
}
