/* SPDX-License-Identifier: Apache-2.0 */
/* What agents ask and report (schema/0004_installing.sql, check_in and order_offer of schema/0005_inventory.sql). */
#include <inttypes.h>
#include <string.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/digest.h"
#include "common/text.h"
#include "tests/twin/store_inside.h"

enum { PERMIT_MINUTES = 10 };

bool store_pin_is_barred(const struct store *store, int64_t token)
{
	for (size_t i = 0; i < store->pin.count; i++) {
		const struct row_pin *pin = store_row(store->pin, pin, i);

		if (pin->token == token && pin->cleared_at == NO_INSTANT &&
			(pin->outcome == NULL || text_equal(pin->outcome, "incorrect") ||
				text_equal(pin->outcome, "unsure")))
			return true;
	}
	return false;
}

static struct row_workstation *workstation_of(const struct store *store, int64_t agent)
{
	for (size_t i = 0; i < store->workstation.count; i++) {
		struct row_workstation *row = store_row(store->workstation, workstation, i);

		if (row->agent == agent)
			return row;
	}
	return NULL;
}

/* ---- the check-in, as far as renewals feel it ---- */

static bool is_named(const char *serial, const char *const *serials)
{
	for (; *serials != NULL; serials++)
		if (strcmp(*serials, serial) == 0)
			return true;
	return false;
}

static int plugged_at(const struct store *store, int64_t workstation)
{
	int count = 0;

	for (size_t i = 0; i < store->token.count; i++) {
		const struct row_token *token = store_row(store->token, token, i);

		count += token->workstation == workstation && token->present;
	}
	return count;
}

static void close_insert_tasks(struct store *store, int64_t workstation)
{
	for (size_t i = 0; i < store->task.count; i++) {
		struct row_task *task = store_row(store->task, task, i);
		const struct row_token *token = store_find(&store->token, task->token);

		if (!text_equal(task->kind, "insert_token") || !text_equal(task->state, "open") ||
			token == NULL || token->workstation != workstation || !token->present ||
			plugged_at(store, workstation) != 1)
			continue;
		task = touch(store, task, task);
		task->state = "done";
		task->closed_at = store_now();
		task->answer = store_json(store, json_pack("{s:s}", "by", "agent"));
	}
}

static void wake_waiting(struct store *store, int64_t workstation)
{
	for (size_t i = 0; i < store->install.count; i++) {
		const struct row_install *install = store_row(store->install, install, i);
		const struct row_token *token = store_get(&store->token, install->token);

		if (!text_equal(install->state, "closed") && token->workstation == workstation)
			store_wake(store, store_get(&store->renewal, install->renewal));
	}
	store_notify(store);
}

void store_check_in(
	struct store *store, int64_t agent, const char *version, const char *const *serials)
{
	struct row_workstation *place = workstation_of(store, agent);

	if (place == NULL)
		abort(); /* the world has an agent that nobody enrolled */
	store->version++;
	place->client_version = store_text(store, version);
	for (size_t i = 0; i < store->token.count; i++) {
		struct row_token *token = store_row(store->token, token, i);

		if (token->workstation == place->id)
			token->present = is_named(token->serial, serials);
	}
	close_insert_tasks(store, place->id);
	wake_waiting(store, place->id);
	if (store->watch.on_notify != NULL)
		store->watch.on_notify(store->watch.context, false);
}

/* ---- orders ---- */

static bool is_asked_for(const struct store *store, int64_t workstation)
{
	for (size_t i = 0; i < store->task.count; i++) {
		const struct row_task *task = store_row(store->task, task, i);

		if (text_equal(task->kind, "insert_token") && text_equal(task->state, "open") &&
			task->workstation == workstation)
			return true;
	}
	return false;
}

/* Those under way first, then the oldest that is queued. */
static struct row_install *order_for(const struct store *store, int64_t workstation)
{
	struct row_install *queued = NULL;

	for (size_t i = 0; i < store->install.count; i++) {
		struct row_install *install = store_row(store->install, install, i);
		const struct row_token *token = store_get(&store->token, install->token);

		if (token->workstation != workstation || !token->present)
			continue;
		if (text_equal(install->state, "offered") ||
			text_equal(install->state, "permitted"))
			return install;
		if (text_equal(install->state, "queued") && queued == NULL)
			queued = install;
	}
	return queued != NULL && !is_asked_for(store, workstation) ? queued : NULL;
}

static json_t *offered(const struct store *store, const struct row_install *install)
{
	const struct row_token *token = store_get(&store->token, install->token);
	char until[CLOCK_TEXT];
	json_t *doc = json_deep_copy(install->body);

	clock_format(until, (store_now() + 3600 * CLOCK_SECOND) / CLOCK_SECOND * CLOCK_SECOND);
	json_object_set_new(doc, "id", json_sprintf("%lld", (long long)install->id));
	json_object_set_new(doc, "renewal", json_sprintf("%lld", (long long)install->renewal));
	json_put_text(doc, "token_serial", token->serial);
	json_put_text(doc, "key_policy", "reuse");
	json_put_text(doc, "expires_at", until);
	return json_pack("[o]", doc);
}

bool ask_offer(struct store *store, struct ask *ask)
{
	int64_t agent = ask_number(ask, 0, 0);
	const struct row_workstation *place = workstation_of(store, agent);
	struct row_install *install = place != NULL ? order_for(store, place->id) : NULL;

	if (install == NULL) {
		ask_reply(ask, "[]");
		return true;
	}
	install = touch(store, install, install);
	if (text_equal(install->state, "queued"))
		install->state = "offered";
	install->offered_to = agent;
	ask_reply_json(ask, offered(store, install));
	return true;
}

/* ---- permits ---- */

static struct row_install *order_of_agent(const struct store *store, const struct ask *ask)
{
	struct row_install *install = store_find(&store->install, ask_number(ask, 1, 0));

	if (install != NULL && install->offered_to == ask_number(ask, 0, -1))
		return install;
	(void)fault_set(ask->fault, FAULT_ABSENT, "order %s is not this agent's", ask_text(ask, 1));
	return NULL;
}

static struct row_pin *permit_by_ref(const struct store *store, const char *ref)
{
	for (size_t i = 0; i < store->pin.count; i++)
		if (text_equal(store_row(store->pin, pin, i)->ref, ref))
			return store_row(store->pin, pin, i);
	return NULL;
}

static bool may_touch(
	const struct store *store, const struct row_renewal *renewal, struct fault *fault)
{
	const struct row_set *set = store_get(&store->set, renewal->set);

	if (renewal->touch_approval == 0 || store_is_held(store, set->unit, renewal->ca))
		return fault_set(fault, FAULT_CONFLICT,
			"renewal %" PRId64
			" may not touch its token now: touch approval missing or held",
			renewal->id);
	return !json_is_object(json_object_get(renewal->facts, "withdraw")) ||
		fault_set(fault, FAULT_CONFLICT,
			"renewal %" PRId64 " is being withdrawn: its token stays as it is",
			renewal->id);
}

static void reply_until(struct ask *ask, const struct row_pin *pin)
{
	char text[CLOCK_TEXT];

	clock_format(text, pin->expires_at / CLOCK_SECOND * CLOCK_SECOND);
	ask_reply(ask, text);
}

static bool permit(
	struct store *store, struct row_install *install, const char *ref, struct ask *ask)
{
	struct row_pin *pin;

	if (!text_equal(install->state, "offered"))
		return fault_set(ask->fault, FAULT_CONFLICT,
			"order %" PRId64 " is %s and takes no permit", install->id, install->state);
	if (store_pin_is_barred(store, install->token))
		return fault_set(ask->fault, FAULT_DENIED, "the stored PIN of the token is barred");
	if (permit_by_ref(store, ref) != NULL)
		return fault_set(ask->fault, FAULT_CONFLICT, "[pin_attempts_ref_once]");
	pin = store_add(store, &store->pin);
	pin->token = install->token;
	pin->order = install->id;
	pin->ref = store_text(store, ref);
	pin->permitted_at = store_now();
	pin->expires_at = store_now() + (int64_t)PERMIT_MINUTES * 60 * CLOCK_SECOND;
	pin->reported_at = pin->cleared_at = NO_INSTANT;
	touch(store, install, install)->state = "permitted";
	store_journal(store, install->renewal, "pin_permitted", "agent");
	store_wake(store, store_get(&store->renewal, install->renewal));
	reply_until(ask, pin);
	return true;
}

bool ask_permit(struct store *store, struct ask *ask)
{
	struct row_install *install = order_of_agent(store, ask);
	const struct row_token *token;
	const struct row_pin *known;

	if (install == NULL)
		return false;
	token = store_get(&store->token, install->token);
	if (!text_equal(token->serial, ask_text(ask, 3)))
		return fault_set(ask->fault, FAULT_CONFLICT, "order %" PRId64 " is for token %s",
			install->id, token->serial);
	if (!may_touch(store, store_get(&store->renewal, install->renewal), ask->fault))
		return false;
	known = permit_by_ref(store, ask_text(ask, 2));
	if (known == NULL || known->order != install->id || known->outcome != NULL ||
		known->cleared_at != NO_INSTANT)
		return permit(store, install, ask_text(ask, 2), ask);
	reply_until(ask, known);
	return true;
}

/* ---- results ---- */

static bool is_read_back(const char *der_b64, const json_t *digests)
{
	char sha[SHA256_HEX];
	size_t len = 0, i;
	OWNED unsigned char *der = base64_decode(der_b64, &len);
	const json_t *digest;

	sha256_hex(sha, der != NULL ? (const void *)der : "", len);
	json_array_foreach(
		digests, i, digest) if (text_equal(json_string_value(digest), sha)) return true;
	return false;
}

static const char *outcome_of(const struct row_install *install, const json_t *doc)
{
	const char *outcome = json_peek_text(doc, "outcome");
	const json_t *one;
	size_t i;

	if (!text_equal(outcome, "installed"))
		return outcome;
	json_array_foreach(json_object_get(install->body, "new"), i,
		one) if (!is_read_back(json_peek_text(one, "der_b64"),
				 json_object_get(
					 doc, "certificate_sha256"))) return "readback_failed";
	return outcome;
}

static const char *pin_outcome(const json_t *doc)
{
	const char *outcome = json_peek_text(doc, "outcome");

	if (!json_is_true(json_object_get(doc, "login_attempted")))
		return "not_used";
	if (text_equal(outcome, "pin_incorrect"))
		return "incorrect";
	return text_equal(outcome, "pin_unsure") ? "unsure" : "accepted";
}

static void settle_permit(struct store *store, const struct row_install *install, const json_t *doc)
{
	struct row_pin *pin = permit_by_ref(store, json_peek_text(doc, "permit_ref"));

	if (pin == NULL || pin->order != install->id || pin->outcome != NULL)
		return;
	pin = touch(store, pin, pin);
	pin->outcome = pin_outcome(doc);
	pin->reported_at = store_now();
}

bool ask_result(struct store *store, struct ask *ask)
{
	struct row_install *install = order_of_agent(store, ask);
	JSON *doc = ask_json(ask, 2);
	const char *ref = json_peek_text(doc, "permit_ref");
	const struct row_pin *known = ref != NULL ? permit_by_ref(store, ref) : NULL;

	if (install == NULL)
		return false;
	ask_reply(ask, "");
	if (known != NULL && known->reported_at != NO_INSTANT)
		return true; /* the answer to an earlier delivery was lost */
	if (ref != NULL)
		settle_permit(store, install, doc);
	if (!text_equal(install->state, "offered") && !text_equal(install->state, "permitted"))
		return true;
	install = touch(store, install, install);
	install->state = "reported";
	install->outcome = store_text(store, outcome_of(install, doc));
	install->result = store_json(store, json_deep_copy(doc));
	install->reported_at = store_now();
	store_journal(store, install->renewal, "install_reported_by_agent", "agent");
	store_wake(store, store_get(&store->renewal, install->renewal));
	return true;
}
