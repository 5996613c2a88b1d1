/* SPDX-License-Identifier: Apache-2.0 */
/* What people ask of one renewal (renewal_withdraw of schema/0015_turns.sql). */
#include <inttypes.h>
#include <string.h>

#include "common/bytes.h"
#include "common/text.h"
#include "orchestrator/domain/renewal.h"
#include "tests/twin/store_inside.h"

static bool has_edge(const char *state, const char *event)
{
	for (size_t i = 0; i < renewal_edge_count; i++)
		if (text_equal(renewal_word(renewal_edges[i].from), state) &&
			text_equal(renewal_event_word(renewal_edges[i].event), event))
			return true;
	return false;
}

/* withdrawal_hindered of the schema. */
static bool is_hindered(
	const struct store *store, const struct row_renewal *renewal, struct fault *fault)
{
	const struct row_install *install = store_install_of(store, renewal->id);
	bool reported = install != NULL && text_equal(install->state, "reported");

	if (install != NULL && text_equal(install->state, "permitted"))
		return !fault_set(fault, FAULT_CONFLICT,
			"renewal %" PRId64 ": an agent may be writing its token", renewal->id);
	if (reported && text_equal(install->outcome, "installed"))
		return !fault_set(fault, FAULT_CONFLICT,
			"renewal %" PRId64 " is on its token already", renewal->id);
	if (has_edge(renewal->state, "withdrawn_by_person") ||
		has_edge(renewal->state, "withdrawn_paid") ||
		(reported && text_equal(renewal->state, "installing")))
		return false;
	return !fault_set(fault, FAULT_CONFLICT,
		"renewal %" PRId64 " is %s: it cannot be withdrawn any more", renewal->id,
		renewal->state);
}

static bool may_withdraw(const struct store *store, const struct row_renewal *renewal,
	const json_t *doc, struct fault *fault)
{
	const char *reason = json_peek_text(doc, "reason");

	if (reason == NULL || *reason == '\0')
		return fault_set(
			fault, FAULT_INPUT, "a withdrawal wants a reason: add --reason TEXT");
	if (is_hindered(store, renewal, fault))
		return false;
	if (json_is_object(json_object_get(renewal->facts, "withdraw")))
		return fault_set(fault, FAULT_CONFLICT,
			"renewal %" PRId64 " is being withdrawn already", renewal->id);
	return true;
}

static bool is_before_its_steps(const struct row_renewal *renewal)
{
	return text_equal(renewal->state, "planned") ||
		text_equal(renewal->state, "awaiting_approval");
}

/* No step of its own comes to a renewal that waits for its gate: it ends here. */
static bool end_at_once(struct store *store, struct row_renewal *renewal, const json_t *person,
	bool paid, struct fault *fault)
{
	bool ordered = !paid && store_order_of(store, renewal->id) != NULL;
	JSON *turns = json_pack("{s:b}", "leave", 1);

	if (ordered)
		json_object_set_new(turns, "cancel_order", json_true());
	return store_turns(store, renewal, turns, fault) &&
		store_move(store, renewal, paid ? "withdrawn_paid" : "withdrawn_by_person",
			paid ? "refunding" : "withdrawn", json_peek_text(person, "login"), fault);
}

static bool withdraw(struct store *store, struct row_renewal *renewal, const json_t *person,
	const json_t *doc, struct fault *fault)
{
	const char *application = json_peek_text(renewal->facts, "application_id");
	bool paid = store_is_paid(store, renewal->id);
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): copied */
	json_t *facts = json_copy((json_t *)(uintptr_t)renewal->facts);

	store_journal(store, renewal->id, "withdrawal_asked", json_peek_text(person, "login"));
	json_object_set_new(facts, "withdraw",
		json_pack("{s:s, s:s, s:o}", "reason", json_peek_text(doc, "reason"), "by",
			json_peek_text(person, "login"), "at", json_instant(store_now())));
	/* no step of its own withdraws its draft at the CA: refunding does, or the next renewal */
	if (text_equal(renewal->state, "awaiting_approval") && application != NULL && paid)
		json_object_set_new(facts, "to_withdraw", json_true());
	else if (text_equal(renewal->state, "awaiting_approval") && application != NULL)
		json_put_text(facts, "leftover", application);
	renewal = touch(store, renewal, renewal);
	renewal->facts = store_json(store, facts);
	if (is_before_its_steps(renewal) && !end_at_once(store, renewal, person, paid, fault))
		return false;
	store_wake(store, renewal);
	return true;
}

bool ask_withdraw(struct store *store, struct ask *ask)
{
	JSON *person = ask_json(ask, 0);
	JSON *doc = ask_json(ask, 3);
	struct row_renewal *renewal = store_find(&store->renewal, ask_number(ask, 1, 0));

	if (renewal == NULL)
		return fault_set(
			ask->fault, FAULT_ABSENT, "there is no renewal %s", ask_text(ask, 1));
	if (!may_withdraw(store, renewal, doc, ask->fault))
		return false;
	if (json_is_true(json_object_get(doc, "commit")) &&
		!withdraw(store, renewal, person, doc, ask->fault))
		return false;
	ask_columns(ask, 2);
	ask_put(ask, 0, 0, "200");
	ask_put(ask, 0, 1, "{}");
	return true;
}
