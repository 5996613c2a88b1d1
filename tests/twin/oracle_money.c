/* SPDX-License-Identifier: Apache-2.0 */
/* Where the money of a renewal is, by the bank's and the CA's own books: what left for it, what came back, what the
 * CA keeps.  And what must be true of it once the renewal has ended. */
#include <inttypes.h>
#include <string.h>

#include "common/text.h"
#include "tests/simulator/sim_inside.h"
#include "tests/twin/oracle.h"
#include "tests/twin/store_inside.h"

/* Which orders were made for whom: a due can pass to another order. */
void oracle_on_order(struct world *world, const struct row_order *order)
{
	struct oracle *oracle = world->oracle;

	if (oracle->order_count == oracle->order_room) {
		oracle->order_room = oracle->order_room * 2 + 64;
		oracle->orders =
			realloc(oracle->orders, oracle->order_room * sizeof *oracle->orders);
		if (oracle->orders == NULL)
			abort();
	}
	oracle->orders[oracle->order_count].reference = order->reference;
	oracle->orders[oracle->order_count++].renewal =
		store_renewal_of(world->store, order->id, 0);
}

int64_t oracle_renewal_of_order(const struct world *world, const char *reference)
{
	const struct oracle *oracle = world->oracle;

	for (size_t i = oracle->order_count; i-- > 0;)
		if (text_equal(oracle->orders[i].reference, reference))
			return oracle->orders[i].renewal;
	return 0;
}

/* The CA knows a set by its old certificates. */
static bool is_of_set(const struct world *world, const char *application, int64_t set)
{
	const json_t *row = sim_find(world->outside.sim, "applications", application);
	const json_t *certificate =
		sim_find(world->outside.sim, "certificates", json_peek_text(row, "certificate_id"));

	for (size_t i = 0; i < world->store->certificate.count; i++) {
		const struct row_certificate *one =
			store_row(world->store->certificate, certificate, i);

		if (one->set == set &&
			text_equal(one->serial, json_peek_text(certificate, "serial")))
			return true;
	}
	return false;
}

/* Of a set's renewals the last one: they follow one another. */
void oracle_note_owner(struct world *world, const char *application)
{
	for (size_t i = world->store->renewal.count; i-- > 0;) {
		const struct row_renewal *renewal = store_row(world->store->renewal, renewal, i);

		if (!is_of_set(world, application, renewal->set))
			continue;
		json_put_number(world->oracle->owners, application, renewal->id);
		return;
	}
}

static bool concerns(const struct world *world, const char *application, int64_t renewal)
{
	return json_peek_number(world->oracle->owners, application, 0) == renewal;
}

/* A credit pays it: the order that an earlier renewal was made for. */
static const char *inherited(const struct world *world, int64_t renewal)
{
	const struct row_order *order = store_order_of(world->store, renewal);

	return order != NULL && oracle_renewal_of_order(world, order->reference) != renewal
		? order->reference
		: NULL;
}

const json_t *oracle_ledger(const struct world *world, const char *name)
{
	return json_object_get(sim_table(world->outside.sim, "ledger"), name);
}

static bool was_returned(const struct world *world, const char *serial)
{
	const json_t *item, *list = oracle_ledger(world, "returns");
	size_t i;

	json_array_foreach(list, i, item)
	{
		if (text_equal(json_peek_text(item, "serial"), serial))
			return true;
	}
	return false;
}

static void count_transfers(const struct world *world, int64_t renewal, struct money *money)
{
	const json_t *item, *list = oracle_ledger(world, "transfers");
	const char *credit = inherited(world, renewal);
	size_t i;

	json_array_foreach(list, i, item)
	{
		const char *serial = json_peek_text(item, "serial");

		if (oracle_renewal_of_order(world, json_peek_text(item, "order")) != renewal &&
			!text_equal(json_peek_text(item, "order"), credit))
			continue;
		money->left++;
		if (was_returned(world, serial))
			money->returned++;
		else
			money->serial = serial;
	}
}

static void count_wechat(const struct world *world, int64_t renewal, struct money *money)
{
	const json_t *item, *list = oracle_ledger(world, "wechat_payments");
	size_t i;

	json_array_foreach(list, i, item) money->left +=
		concerns(world, json_peek_text(item, "application"), renewal);
}

static void count_refunds(const struct world *world, int64_t renewal, struct money *money)
{
	const json_t *item, *list = oracle_ledger(world, "refunds");
	size_t i;

	json_array_foreach(list, i, item)
	{
		const char *state = json_peek_text(
			sim_find(world->outside.sim, "refunds", json_peek_text(item, "id")),
			"state");

		if (!concerns(world, json_peek_text(item, "application"), renewal))
			continue;
		money->refunded += text_equal(state, "success");
		money->refunding += text_equal(state, "processing");
		money->kept += text_equal(state, "closed") || text_equal(state, "abnormal");
	}
}

void oracle_money(const struct world *world, int64_t renewal, struct money *money)
{
	*money = (struct money){ .serial = NULL };
	count_transfers(world, renewal, money);
	count_wechat(world, renewal, money);
	count_refunds(world, renewal, money);
}

/* ---- the end ---- */

static bool has_credit(const struct world *world, int64_t renewal)
{
	for (size_t i = 0; i < world->store->credit.count; i++)
		if (store_row(world->store->credit, credit, i)->renewal == renewal)
			return true;
	return false;
}

static bool has_task(const struct row_renewal *renewal, const char *kind)
{
	return store_task_of(renewal, kind) != NULL;
}

/* One fee is with the CA, or somebody knows that it is not: a transfer that the bank gave back after the approval
 * (a debt), a second payment that is to come back. */
static bool is_paid_once(const struct row_renewal *renewal, const struct money *money)
{
	int net = (int)money->left - (int)money->returned - (int)money->refunded;

	if (has_task(renewal, "debt"))
		return money->left > 0;
	return net - (int)money->refunding - (int)money->kept == 1 || net == 1 ||
		(net > 1 && has_task(renewal, "paid_twice"));
}

void oracle_check_money(struct world *world, const struct row_renewal *renewal)
{
	struct money money;
	int net;
	bool well = true;

	oracle_money(world, renewal->id, &money);
	net = (int)money.left - (int)money.returned - (int)money.refunded;
	if (strcmp(renewal->state, "done") == 0)
		well = is_paid_once(renewal, &money);
	else if (strcmp(renewal->state, "failed") == 0)
		well = has_credit(world, renewal->id);
	else if (renewal->ended)
		well = net <= 0; /* the bank may give back what the CA has refunded */
	if (!well)
		world_violated(world,
			"renewal %" PRId64
			" is %s: %u payments left for it, %u came back, %u were refunded, the CA keeps %u: money is lost",
			renewal->id, renewal->state, money.left, money.returned, money.refunded,
			money.kept);
}
