/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold, checked after every turn against what happened outside: the CA's ledger, what the approver and the
 * handlers say that they did, the requests as they left.  xuqid's own word counts only where it made a promise (an
 * intent that is durable, a move in the journal). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/text.h"
#include "orchestrator/domain/renewal.h"
#include "tests/simulator/sim_inside.h"
#include "tests/twin/oracle.h"
#include "tests/twin/store_inside.h"

enum { TARGET_PART = 64 };

void oracle_new(struct world *world)
{
	world->oracle = zalloc(1, sizeof *world->oracle);
	world->oracle->renewals =
		2 * (size_t)world->options.renewals + 1; /* each once more, perhaps */
	world->oracle->owners = json_object();
	world->oracle->acts = zalloc(world->oracle->renewals, sizeof *world->oracle->acts);
	world->oracle->refusals = json_object();
	world->oracle->at_rest = zalloc(world->oracle->renewals, sizeof *world->oracle->at_rest);
}

void oracle_free(struct world *world)
{
	if (world->oracle == NULL)
		return;
	json_decref(world->oracle->refusals);
	json_decref(world->oracle->owners);
	free(world->oracle->acts);
	free(world->oracle->orders);
	free(world->oracle->at_rest);
	free(world->oracle);
}

static struct acts *acts_of(const struct world *world, int64_t renewal)
{
	return &world->oracle->acts[renewal];
}

/* ---- what people say ---- */

static int64_t price_in(const json_t *plan, int64_t set)
{
	const json_t *row;
	size_t i;
	char id[24];

	(void)snprintf(id, sizeof id, "%" PRId64, set);
	json_array_foreach(json_object_get(plan, "rows"), i,
		row) if (text_equal(json_peek_text(row, "set"), id)) return json_peek_number(row,
		"price_fen", 0);
	return 0;
}

/* The approver signs what is shown: each row with its price.  A price that was approved before stays so. */
void oracle_approved(struct world *world, const struct row_campaign *campaign, bool touches)
{
	const char *sha256 = json_peek_text(campaign->plan, "agreement_sha256");

	for (size_t i = 0; i < world->store->renewal.count; i++) {
		const struct row_renewal *renewal = store_row(world->store->renewal, renewal, i);
		struct acts *acts = acts_of(world, renewal->id);

		if (renewal->campaign != campaign->id)
			continue;
		acts->touch |= touches;
		acts->spend |= !touches;
		if (touches)
			continue;
		acts->approved_fen = price_in(campaign->plan, renewal->set);
		if (text_equal(acts->signed_off[0], sha256))
			continue;
		memmove(acts->signed_off[1], acts->signed_off[0],
			sizeof acts->signed_off - sizeof acts->signed_off[0]);
		(void)snprintf(acts->signed_off[0], SHA256_HEX, "%s", sha256);
	}
}

void oracle_accepted(struct world *world, int64_t renewal, const char *sha256)
{
	(void)snprintf(
		acts_of(world, renewal)->accepted, SHA256_HEX, "%s", sha256 != NULL ? sha256 : "");
}

void oracle_stated(struct world *world, int64_t renewal)
{
	acts_of(world, renewal)->stated = true;
}

/* ---- who a request is about ---- */

static const struct row_effect *effect_of_key(const struct world *world, const char *key)
{
	for (size_t i = world->store->effect.count; i-- > 0;)
		if (strcmp(store_row(world->store->effect, effect, i)->key, key) == 0)
			return store_row(world->store->effect, effect, i);
	return NULL;
}

/* The renewal whose facts hold VALUE under KEY: the CA's ids are unique. */
static const struct row_renewal *renewal_of_fact(
	const struct world *world, const char *key, const char *value)
{
	for (size_t i = 0; i < world->store->renewal.count; i++) {
		const struct row_renewal *renewal = store_row(world->store->renewal, renewal, i);

		if (text_equal(json_peek_text(renewal->facts, key), value))
			return renewal;
	}
	return NULL;
}

/* A PUT carries no key: /v1/applications/ID/term is the effect `term` of whoever has ID. */
static const struct row_effect *effect_of_put(const struct world *world, const char *target)
{
	static const char *const words[][2] = { { "agreement", "agree" }, { "term", "term" },
		{ "intent", "intent" }, { "remittance", "remit" } };
	char id[TARGET_PART] = "", last[TARGET_PART] = "";
	bool paid = text_starts(target, "/v1/payments/");
	const struct row_renewal *renewal;

	(void)sscanf(target, "/v1/%*[a-z]/%63[^/]/%63s", id, last);
	renewal = renewal_of_fact(world, paid ? "payment_id" : "application_id", id);
	if (renewal == NULL)
		return NULL;
	for (const struct row_effect *effect = renewal->effects; effect != NULL;
		effect = effect->older)
		for (size_t i = 0; i < COUNT_OF(words); i++)
			if (strcmp(last, words[i][0]) == 0 && strcmp(effect->op, words[i][1]) == 0)
				return effect;
	return NULL;
}

/* ---- a request leaves ---- */

/* What the CA wants accepted again after the payment is between it and the handler. */
static bool is_correction(const struct world *world, int64_t renewal)
{
	const struct row_renewal *row = store_get(&world->store->renewal, renewal);

	return strcmp(row->state, "correction") == 0;
}

static bool is_signed(const struct acts *acts, const char *sha256)
{
	for (size_t i = 0; i < SIGNED; i++)
		if (text_equal(acts->signed_off[i], sha256))
			return true;
	return false;
}

/* What is passed on to the CA is a text that an approver signed and the handler accepted. */
static void check_agreement(
	struct world *world, int64_t renewal, const struct acts *acts, const char *body)
{
	JSON *doc = body != NULL ? json_loads(body, 0, NULL) : NULL;
	const char *sha256 = json_peek_text(doc, "sha256");

	if (!text_equal(acts->accepted, sha256))
		world_violated(
			world, "renewal %" PRId64 ": an agreement that nobody accepted", renewal);
	if (!is_correction(world, renewal) && !is_signed(acts, sha256))
		world_violated(world, "renewal %" PRId64 ": an agreement that no approver signed",
			renewal);
}

/* No effect starts under a hold. */
static void check_hold(struct world *world, const struct row_effect *effect)
{
	const struct row_renewal *renewal = store_get(&world->store->renewal, effect->renewal);
	const struct row_set *set = store_get(&world->store->set, renewal->set);

	for (size_t i = 0; i < world->store->hold.count; i++) {
		const struct row_hold *hold = store_row(world->store->hold, hold, i);

		if (!hold->released && (hold->unit == 0 || hold->unit == set->unit) &&
			(hold->ca == NULL || text_equal(hold->ca, renewal->ca)) &&
			effect->intended_at > hold->set_at)
			world_violated(world, "renewal %" PRId64 ": %s begins under a hold",
				effect->renewal, effect->op);
	}
}

static void check_consent(
	struct world *world, const struct row_effect *effect, const struct sim_request *request)
{
	const struct acts *acts = acts_of(world, effect->renewal);

	if (!acts->spend && strcmp(effect->op, "withdraw") != 0)
		world_violated(world, "renewal %" PRId64 ": %s without a spend approval",
			effect->renewal, effect->op);
	if (strcmp(effect->op, "agree") == 0)
		check_agreement(world, effect->renewal, acts, request->body);
	if (strcmp(effect->op, "intent") == 0 && !acts->stated)
		world_violated(world, "renewal %" PRId64 ": an intent that nobody stated",
			effect->renewal);
}

/* 200.00; -1 for what is no amount. */
static int64_t fen_of(const char *yuan)
{
	OWNED char *whole = text_dupf("%.*s", (int)strcspn(yuan, "."), yuan);
	int64_t number = -1, part = 0;

	if (!number_parse(&number, whole, 0, INT32_MAX))
		return -1;
	if (strchr(yuan, '.') != NULL)
		(void)number_parse(&part, strchr(yuan, '.') + 1, 0, 99);
	return number * 100 + part;
}

/* What a person does at the CA's pages has its intent, its approval, the signed agreement and no more than the price. */
void oracle_on_sitting(struct world *world, const struct row_renewal *renewal, const char *op,
	const json_t *values)
{
	const struct acts *acts = acts_of(world, renewal->id);
	const struct row_effect *effect = renewal->effects;
	const char *version = json_peek_text(values, "agreement_version"),
		   *price = json_peek_text(values, "price");
	char sha256[SHA256_HEX];

	while (effect != NULL && effect->settled_at != NO_INSTANT)
		effect = effect->older;
	if (effect == NULL) {
		world_violated(world,
			"renewal %" PRId64 ": a person is asked for %s without an intent",
			renewal->id, op);
		return;
	}
	check_hold(world, effect);
	if (!acts->spend)
		world_violated(
			world, "renewal %" PRId64 ": %s without a spend approval", renewal->id, op);
	if (values == NULL)
		return;
	sha256_hex(sha256, version, strlen(version));
	if (!is_signed(acts, sha256))
		world_violated(world, "renewal %" PRId64 ": an agreement that no approver signed",
			renewal->id);
	if (fen_of(price) > acts->approved_fen)
		world_violated(world, "renewal %" PRId64 ": a card of more than was approved",
			renewal->id);
}

void oracle_on_send(void *context, const struct sim_request *request)
{
	struct world *world = context;
	const struct row_effect *effect;

	if (strcmp(request->method, "GET") == 0)
		return;
	effect = request->idempotency_key != NULL ? effect_of_key(world, request->idempotency_key)
						  : effect_of_put(world, request->target);
	if (effect == NULL) {
		world_violated(world, "%s %s leaves without a durable intent", request->method,
			request->target);
		return;
	}
	check_consent(world, effect, request);
	check_hold(world, effect);
}

void oracle_on_executed(
	void *context, const struct sim_request *request, const struct sim_answer *answer)
{
	(void)context;
	(void)request;
	(void)answer;
}

/* ---- the journal ---- */

static bool is_edge(const struct row_journal *line)
{
	for (size_t i = 0; i < renewal_edge_count; i++)
		if (strcmp(renewal_word(renewal_edges[i].from), line->from) == 0 &&
			strcmp(renewal_event_word(renewal_edges[i].event), line->event) == 0 &&
			strcmp(renewal_word(renewal_edges[i].to), line->to) == 0)
			return true;
	return false;
}

void oracle_on_journal(void *context, const struct row_journal *line)
{
	struct world *world = context;
	const struct acts *acts = acts_of(world, line->renewal);
	const struct row_renewal *renewal = store_get(&world->store->renewal, line->renewal);

	if (line->to == NULL)
		return;
	world_line(world, "renewal %" PRId64 ": %s, %s, %s", line->renewal, line->from, line->event,
		line->to);
	if (!is_edge(line))
		world_violated(world, "renewal %" PRId64 ": %s, %s, %s is not in the table",
			line->renewal, line->from, line->event, line->to);
	if (strcmp(line->to, "install_queued") == 0 && !acts->touch)
		world_violated(world, "renewal %" PRId64 " is to be installed without approval",
			line->renewal);
	if (renewal->quoted_fen > acts->approved_fen && acts->spend)
		world_violated(world,
			"renewal %" PRId64 " is quoted above what the approver signed",
			line->renewal);
}

/* ---- bearer secrets ---- */

/* Never more than one live QR code for one handler. */
void oracle_on_code(struct world *world, const struct row_task *task)
{
	for (size_t i = 0; strcmp(task->kind, "bind") == 0 && i < world->store->task.count; i++) {
		const struct row_task *other = store_row(world->store->task, task, i);

		if (other != task && other->secret != NULL && other->assignee == task->assignee &&
			strcmp(other->kind, "bind") == 0)
			world_violated(world, "person %" PRId64 " holds two QR codes at once",
				task->assignee);
	}
}

/* ---- leases ---- */

void oracle_on_claim(void *context, int64_t renewal, int64_t epoch)
{
	acts_of(context, renewal)->lease = epoch;
}

void oracle_on_load(void *context, int64_t renewal, int64_t epoch)
{
	struct view *views = acts_of(context, renewal)->views;
	size_t at = 0;

	while (at < VIEWS - 1 && views[at].lease != epoch)
		at++;
	memmove(&views[1], &views[0], at * sizeof views[0]);
	views[0] = (struct view){ epoch, false };
}

/* Whoever writes by what it read before another wrote undoes that, or does it twice. */
static void check_view(struct world *world, int64_t renewal, int64_t epoch)
{
	struct view *views = acts_of(world, renewal)->views;

	for (size_t i = 0; i < VIEWS; i++) {
		if (views[i].lease != epoch)
			views[i].stale = true;
		else if (views[i].stale)
			world_violated(world,
				"renewal %" PRId64 ": lease %" PRId64
				" writes by what it read before another lease wrote: an update is lost",
				renewal, epoch);
	}
}

/* Whoever was given the lease last, and nobody else, may act and conclude. */
void oracle_on_fenced(void *context, int64_t renewal, int64_t epoch)
{
	struct world *world = context;

	check_view(world, renewal, epoch);
	if (!world->options.by_harm && acts_of(world, renewal)->lease != epoch)
		world_violated(world,
			"renewal %" PRId64 " is worked on under lease %" PRId64
			", which has passed to %" PRId64,
			renewal, epoch, acts_of(world, renewal)->lease);
}

/* ---- the CA's ledger ---- */

static unsigned open_applications(const struct world *world, const char *set)
{
	const char *id;
	json_t *application;
	unsigned count = 0;

	json_object_foreach(sim_table(world->outside.sim, "applications"), id, application) count +=
		text_equal(json_peek_text(application, "set_id"), set) &&
		application_is_open(application);
	return count;
}

static void check_application(struct world *world, const json_t *item)
{
	const json_t *application =
		sim_find(world->outside.sim, "applications", json_peek_text(item, "id"));

	oracle_note_owner(world, json_peek_text(item, "id"));
	if (open_applications(world, json_peek_text(application, "set_id")) > 1)
		world_violated(world, "two open applications for certificate %s",
			json_peek_text(item, "certificate"));
}

static bool payment_is_live(const struct world *world, const char *id)
{
	const char *state = json_peek_text(sim_find(world->outside.sim, "payments", id), "state");

	return !text_equal(state, "expired") && !text_equal(state, "closed");
}

/* The renewal that opened an application; the ledger names its client_ref. */
static const struct row_renewal *renewal_of_application(const struct world *world, const char *id)
{
	const json_t *application = sim_find(world->outside.sim, "applications", id);

	if (json_is_true(json_object_get(application, "person")))
		id = json_peek_text(application, "application_no");
	return renewal_of_fact(world, "application_id", id);
}

static void check_payment(struct world *world, const json_t *item)
{
	const json_t *list = oracle_ledger(world, "payments"), *other;
	const char *application = json_peek_text(item, "application");
	const struct row_renewal *renewal = renewal_of_application(world, application);
	unsigned live = 0;
	size_t i;

	json_array_foreach(list, i, other) live +=
		text_equal(json_peek_text(other, "application"), application) &&
		payment_is_live(world, json_peek_text(other, "id"));
	if (live > 1)
		world_violated(
			world, "two payable orders at the CA for application %s", application);
	if (renewal != NULL &&
		json_peek_number(item, "amount_fen", 0) > acts_of(world, renewal->id)->approved_fen)
		world_violated(
			world, "renewal %" PRId64 " is to pay more than was approved", renewal->id);
}

/* One debit of one order, whatever was exported and uploaded. */
static void check_transfer(struct world *world, const json_t *item)
{
	const json_t *list = oracle_ledger(world, "transfers"), *other;
	int64_t renewal = oracle_renewal_of_order(world, json_peek_text(item, "order"));
	struct money money;
	size_t i;
	unsigned same = 0;

	json_array_foreach(list, i, other) same +=
		text_equal(json_peek_text(other, "order"), json_peek_text(item, "order"));
	if (same > 1)
		world_violated(world, "order %s was paid twice", json_peek_text(item, "order"));
	if (renewal == 0)
		return;
	if (json_peek_number(item, "amount_fen", 0) > acts_of(world, renewal)->approved_fen)
		world_violated(world, "renewal %" PRId64 " paid more than was approved", renewal);
	oracle_money(world, renewal, &money);
	if (money.left - money.returned > 1)
		world_violated(world, "renewal %" PRId64 " was paid twice", renewal);
}

static void look_at(struct world *world, const char *name, size_t *seen,
	void (*check)(struct world *world, const json_t *item))
{
	const json_t *list = oracle_ledger(world, name);

	for (; *seen < json_array_size(list); (*seen)++)
		if (check != NULL)
			check(world, json_array_get(list, *seen));
}

/* A repeat that the CA had to refuse is a second call under another name. */
static bool is_repeat(const char *code)
{
	static const char *const codes[] = { "APPLICATION_EXISTS", "CLIENT_REF_USED",
		"PAYMENT_DUPLICATE", "IDEMPOTENCY_KEY_REUSED", "REMITTANCE_USED" };

	for (size_t i = 0; i < COUNT_OF(codes); i++)
		if (text_equal(codes[i], code))
			return true;
	return false;
}

static void look_at_refusals(struct world *world)
{
	const json_t *item, *list = oracle_ledger(world, "refused");
	size_t i;

	json_array_foreach(list, i, item)
	{
		const char *code = json_peek_text(item, "code");
		OWNED char *name = NULL;

		if (!is_repeat(code) || (world->says_used && text_equal(code, "REMITTANCE_USED")))
			continue;
		name = text_dupf("%s %s %s", code, json_peek_text(item, "operation"),
			json_peek_text(item, "certificate"));
		if (json_object_get(world->oracle->refusals, name) != NULL)
			continue;
		json_object_set_new(world->oracle->refusals, name, json_true());
		world_violated(world, "the CA had to refuse a repeat: %s", name);
	}
}

void oracle_look(struct world *world)
{
	struct oracle *oracle = world->oracle;

	if (!sim_changed(world->outside.sim))
		return;
	look_at(world, "applications", &oracle->applications, check_application);
	look_at(world, "payments", &oracle->payments, check_payment);
	look_at(world, "transfers", &oracle->transfers, check_transfer);
	look_at_refusals(world);
}
