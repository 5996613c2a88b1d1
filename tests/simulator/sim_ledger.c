/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger: every executed effect, every refused attempt and how often each operation was asked for,
 * the oracle of the kill tests.  A replay under an Idempotency-Key is neither executed nor refused: it
 * is counted apart. */
#include <assert.h>

#include "common/text.h"
#include "tests/simulator/sim_inside.h"

static const char *const lists[] = { "applications", "payments", "issued", "declared", "verified",
	"installed", "invoices", "bindings", "transfers", "wechat_payments", "refunds",
	"withdrawals", "resubmissions", "corrections", "rejections", "closures", "revocations",
	"returns", "reused_bindings", "invoice_logins", "notices" };

enum { ITEMS_MAX = 200000 }; /* of one list: what a runaway could append */

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
	json_t *list = ledger_list(sim, name);

	assert(item != NULL);
	if (json_array_size(list) < ITEMS_MAX)
		json_array_append(list, item);
	json_decref(item);
	sim->changed = true;
}

void ledger_attempt(struct sim_call *call)
{
	json_t *ledger = sim_table(call->sim, "ledger");
	json_t *attempts = json_object_get(ledger, "attempts");
	OWNED char *operation = text_dupf("%s %s", call->request->method, call->operation);

	if (attempts == NULL) {
		attempts = json_object();
		json_object_set_new(ledger, "attempts", attempts);
	}
	json_put_number(attempts, operation, json_peek_number(attempts, operation, 0) + 1);
	call->sim->changed = true;
}

int64_t sim_ledger_count(const struct sim *sim, const char *list)
{
	return (int64_t)json_array_size(
		json_object_get(json_object_get(sim->state, "ledger"), list));
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

static json_t *ledger_view(const struct sim *sim)
{
	json_t *view = json_object();
	json_t *details = json_object();
	json_t *attempts = json_object_get(sim_table(sim, "ledger"), "attempts");

	for (size_t i = 0; i < COUNT_OF(lists); i++) {
		json_t *list = ledger_list(sim, lists[i]);

		json_put_number(view, lists[i], (int64_t)json_array_size(list));
		json_object_set(details, lists[i], list);
	}
	json_put_number(
		view, "replayed", json_peek_number(sim_table(sim, "ledger"), "replayed", 0));
	json_object_set(view, "refused", ledger_list(sim, "refused"));
	json_object_set_new(
		view, "attempts", attempts == NULL ? json_object() : json_deep_copy(attempts));
	json_object_set_new(view, "details", details);
	return view;
}

char *sim_ledger(struct sim *sim)
{
	JSON *view = ledger_view(sim);

	return json_write(view);
}

void get_ledger(struct sim_call *call)
{
	call_reply(call, 200, ledger_view(call->sim));
}
