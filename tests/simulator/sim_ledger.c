/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger: every executed effect and every refused attempt, the oracle of the kill tests.  A
 * replay under an Idempotency-Key is neither: it is counted apart. */
#include <stdio.h>

#include "common/text.h"
#include "tests/simulator/sim_inside.h"

static const char *const lists[] = { "applications", "payments", "issued", "declared", "verified",
	"installed", "invoices", "bindings", "transfers" };

static json_t *ledger_list(const struct sim *sim, const char *name)
{
	json_t *ledger = sim_table(sim, "ledger");
	json_t *list = json_object_get(ledger, name);

	if (list == NULL) {
		list = json_array();
		json_object_set_new(ledger, name, list);
	}
	return list;
}

void ledger_add(struct sim *sim, const char *name, json_t *item)
{
	json_array_append_new(ledger_list(sim, name), item);
	sim->changed = true;
}

void ledger_replay(struct sim *sim)
{
	json_t *ledger = sim_table(sim, "ledger");

	json_put_number(ledger, "replayed", json_peek_number(ledger, "replayed", 0) + 1);
	sim->changed = true;
}

static bool same_refusal(const json_t *item, const struct sim_call *call, const char *code)
{
	return text_equal(json_peek_text(item, "certificate"), call->certificate) &&
		text_equal(json_peek_text(item, "client_ref"), call->client_ref) &&
		text_equal(json_peek_text(item, "operation"), call->operation) &&
		text_equal(json_peek_text(item, "code"), code);
}

void ledger_refuse(const struct sim_call *call, const char *code)
{
	json_t *refused = ledger_list(call->sim, "refused");
	json_t *item;
	size_t i;

	call->sim->changed = true;
	json_array_foreach(refused, i, item)
	{
		if (same_refusal(item, call, code)) {
			json_put_number(
				item, "attempts", json_peek_number(item, "attempts", 0) + 1);
			return;
		}
	}
	item = json_object();
	json_put_text(item, "certificate", call->certificate);
	json_put_text(item, "client_ref", call->client_ref);
	json_put_number(item, "attempts", 1);
	json_put_text(item, "operation", call->operation);
	json_put_text(item, "code", code);
	json_array_append_new(refused, item);
}

void get_ledger(struct sim_call *call)
{
	json_t *view = json_object();
	json_t *details = json_object();

	for (size_t i = 0; i < COUNT_OF(lists); i++) {
		json_t *list = ledger_list(call->sim, lists[i]);

		json_put_number(view, lists[i], (int64_t)json_array_size(list));
		json_object_set(details, lists[i], list);
	}
	json_put_number(
		view, "replayed", json_peek_number(sim_table(call->sim, "ledger"), "replayed", 0));
	json_object_set(view, "refused", ledger_list(call->sim, "refused"));
	json_object_set_new(view, "details", details);
	call_reply(call, 200, view);
}
