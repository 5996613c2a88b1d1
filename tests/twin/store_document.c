/* SPDX-License-Identifier: Apache-2.0 */
/* The one document that a stage decides by (statement renewal_load), member by member as the statement builds it. */
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "tests/twin/store_inside.h"

static json_t *id_text(int64_t id)
{
	return id != 0 ? json_sprintf("%lld", (long long)id) : json_null();
}

static json_t *text(const char *value)
{
	return value != NULL ? json_string(value) : json_null();
}

static json_t *number(int64_t value)
{
	return value != 0 ? json_integer(value) : json_null();
}

/* ---- what one row says (store_part) ---- */

static json_t *set_part(const struct store *store, const void *row)
{
	const struct row_set *set = row;
	json_t *doc = json_object();

	(void)store;
	json_object_set_new(doc, "id", id_text(set->id));
	json_object_set_new(doc, "holder", text(set->holder));
	json_object_set_new(doc, "service", text(set->service));
	json_object_set_new(doc, "uscc", text(set->uscc));
	json_object_set_new(doc, "media_no", text(set->media_no));
	json_object_set_new(doc, "not_after", json_instant(set->not_after));
	json_object_set_new(doc, "expired", json_boolean(set->not_after <= store_now()));
	json_object_set_new(doc, "unit", number(set->unit));
	return doc;
}

/* It expires while nobody writes it. */
static json_t *set_of(const struct store *store, struct row_set *set)
{
	if (set->shown != NULL &&
		json_is_true(json_object_get(set->shown, "expired")) !=
			(set->not_after <= store_now()))
		set->shown = NULL;
	return store_part(store, &set->shown, set_part, set);
}

static json_t *certificate_part(const struct store *store, const void *row)
{
	const struct row_certificate *certificate = row;
	json_t *doc = json_object();

	(void)store;
	json_object_set_new(doc, "id", id_text(certificate->id));
	json_object_set_new(doc, "serial", text(certificate->serial));
	json_object_set_new(doc, "issuer_sha256", text(certificate->issuer_sha256));
	json_object_set_new(doc, "sha256", text(certificate->sha256));
	json_object_set_new(doc, "role", text(certificate->role));
	json_object_set_new(doc, "spki_sha256", text(certificate->spki_sha256));
	json_object_set_new(doc, "subject_sha256", text(certificate->subject_sha256));
	json_object_set_new(doc, "not_after", json_instant(certificate->not_after));
	json_object_set_new(doc, "der_b64", text(certificate->der_b64));
	return doc;
}

json_t *store_certificate_facts(const struct store *store, struct row_certificate *certificate)
{
	return store_part(store, &certificate->shown, certificate_part, certificate);
}

/* The signing certificate first. */
static json_t *certificates_of(const struct store *store, int64_t set)
{
	json_t *list = json_array();

	for (int last = 0; last < 2; last++)
		for (size_t i = 0; i < store->certificate.count; i++) {
			struct row_certificate *certificate =
				store_row(store->certificate, certificate, i);

			if (certificate->set == set && certificate->replaced_by == 0 &&
				(strcmp(certificate->role, "encrypt") == 0) == (last == 1))
				(void)json_array_append_new(
					list, store_certificate_facts(store, certificate));
		}
	return list;
}

static json_t *token_of(const struct store *store, const struct row_token *token)
{
	const struct row_workstation *workstation;
	json_t *doc;

	if (token == NULL)
		return json_null();
	workstation = store_find(&store->workstation, token->workstation);
	doc = json_object();
	json_object_set_new(doc, "id", id_text(token->id));
	json_object_set_new(doc, "serial", text(token->serial));
	json_object_set_new(doc, "label", text(token->label));
	json_object_set_new(doc, "present", json_boolean(token->present));
	json_object_set_new(doc, "workstation", id_text(token->workstation));
	json_object_set_new(
		doc, "workstation_name", text(workstation != NULL ? workstation->name : NULL));
	json_object_set_new(doc, "place", text(workstation != NULL ? workstation->place : NULL));
	json_object_set_new(doc, "client_version",
		text(workstation != NULL ? workstation->client_version : NULL));
	return doc;
}

static json_t *person_part(const struct store *store, const void *row)
{
	const struct row_person *person = row;

	(void)store;
	return json_pack("{s:o, s:s?, s:s?, s:o, s:o}", "id", id_text(person->id), "login",
		person->login, "name", person->name, "mobile",
		json_sprintf("%s@people.mobile/%s", person->mobile, person->login), "email",
		json_sprintf("%s@people.email/%s", person->email, person->login));
}

static json_t *handler_of(const struct store *store, struct row_person *person)
{
	return person != NULL ? store_part(store, &person->shown, person_part, person)
			      : json_null();
}

static json_t *entity_part(const struct store *store, const void *row)
{
	const struct row_entity *entity = row;

	(void)store;
	return json_pack("{s:s?, s:s?, s:s?, s:s?}", "name", entity->name, "uscc", entity->uscc,
		"tax_id", entity->tax_id, "invoice_title", entity->invoice_title);
}

static json_t *entity_of(const struct store *store, struct row_entity *entity)
{
	return entity != NULL ? store_part(store, &entity->shown, entity_part, entity)
			      : json_null();
}

static json_t *payer_of(const struct row_entity *entity, const json_t *policy)
{
	const char *wanted = json_peek_text(policy, "payer_account");

	if (entity == NULL || entity->payer_account == NULL ||
		(wanted != NULL && !text_equal(wanted, entity->payer_account)))
		return json_null();
	return json_pack(
		"{s:s, s:s?}", "account", entity->payer_account, "name", entity->payer_name);
}

static json_t *campaign_part(const struct store *store, const void *row)
{
	const struct row_campaign *campaign = row;

	(void)store;
	return json_pack("{s:o, s:s, s:o, s:o}", "id", id_text(campaign->id), "digest",
		campaign->digest, "policy", store_shared(campaign->policy), "agreement_sha256",
		text(json_peek_text(campaign->plan, "agreement_sha256")));
}

/* Was the renewal approved with the agreement that the plan has now? */
static json_t *campaign_of(
	const struct store *store, const struct row_renewal *renewal, struct row_campaign *campaign)
{
	const struct row_approval *approval = store_find(&store->approval, renewal->spend_approval);
	const char *agreement = json_peek_text(campaign->plan, "agreement_sha256");
	json_t *part = store_part(store, &campaign->shown, campaign_part, campaign);
	json_t *doc = json_copy(part);

	json_decref(part);
	json_object_set_new(doc, "agreement_signed",
		json_boolean(agreement != NULL && approval != NULL &&
			text_equal(approval->agreement, agreement)));
	return doc;
}

static json_t *task_part(const struct store *store, const void *row)
{
	const struct row_task *task = row;

	(void)store;
	return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o}", "id", id_text(task->id), "state",
		task->state, "answer", store_shared(task->answer), "closed_at",
		json_instant(task->closed_at), "closed_by", number(task->closed_by), "values",
		store_shared(task->values));
}

/* The newest of each kind. */
static json_t *tasks_of(const struct store *store, const struct row_renewal *renewal)
{
	json_t *doc = json_object();

	for (struct row_task *task = renewal->tasks; task != NULL; task = task->older)
		if (json_object_get(doc, task->kind) == NULL)
			json_object_set_new(
				doc, task->kind, store_part(store, &task->shown, task_part, task));
	return doc;
}

/* The last settled attempt of each operation; null while none is settled. */
static json_t *effects_of(const struct row_renewal *renewal)
{
	json_t *doc = json_object();

	for (const struct row_effect *effect = renewal->effects; effect != NULL;
		effect = effect->older) {
		bool settled = effect->settled_at != NO_INSTANT;
		int64_t last = json_peek_number(doc, effect->op, 0);

		if (settled && effect->attempt > last)
			json_object_set_new(doc, effect->op, json_integer(effect->attempt));
		else if (json_object_get(doc, effect->op) == NULL)
			json_object_set_new(doc, effect->op, json_null());
	}
	return doc;
}

static json_t *line_of(const struct store *store, const struct row_order *order, bool *suggested)
{
	json_t *line = json_null();

	*suggested = false;
	for (size_t i = 0; i < store->link.count; i++) {
		const struct row_link *link = store_row(store->link, link, i);
		const struct row_line *row;

		if (link->order != order->id)
			continue;
		*suggested |= text_equal(link->verdict, "suggested") ||
			text_equal(link->verdict, "confirmed");
		if (!text_equal(link->verdict, "auto") && !text_equal(link->verdict, "released"))
			continue;
		row = store_get(&store->line, link->line);
		json_decref(line);
		line = json_pack("{s:s?, s:s?, s:I, s:o, s:s?, s:o}", "payer_account",
			json_peek_text(row->doc, "own_account"), "payer_name",
			json_peek_text(row->doc, "own_name"), "amount_fen",
			(json_int_t)json_peek_number(row->doc, "amount_fen", 0), "paid_at",
			json_instant(json_as_instant(row->doc, "paid_at")), "precision",
			json_peek_text(row->doc, "paid_at_precision"), "bank_serial",
			text(json_peek_text(row->doc, "bank_serial")));
	}
	return line;
}

static json_t *order_of(const struct store *store, const struct row_order *order)
{
	bool suggested;
	json_t *line, *doc;

	if (order == NULL)
		return json_null();
	line = line_of(store, order, &suggested);
	doc = json_pack("{s:o, s:s, s:I, s:s, s:o, s:b}", "id", id_text(order->id), "reference",
		order->reference, "amount_fen", (json_int_t)order->amount_fen, "status",
		order->status, "line", line, "suggested", suggested);
	return doc;
}

/* ---- the installation ---- */

static bool is_open_at(const struct row_install *install)
{
	return text_equal(install->state, "queued") || text_equal(install->state, "offered") ||
		text_equal(install->state, "permitted");
}

static int64_t place_of(const struct store *store, const struct row_install *install)
{
	const struct row_token *token = store_get(&store->token, install->token);

	return token->workstation;
}

static bool neighbour_is_busy(const struct store *store, const struct row_install *install)
{
	for (size_t i = 0; i < store->install.count; i++) {
		const struct row_install *other = store_row(store->install, install, i);
		const struct row_token *token = store_get(&store->token, other->token);

		if (other == install || place_of(store, other) != place_of(store, install))
			continue;
		if (text_equal(other->state, "offered") || text_equal(other->state, "permitted") ||
			(text_equal(other->state, "queued") && token->present))
			return true;
	}
	return false;
}

static bool is_first(const struct store *store, const struct row_install *install)
{
	for (size_t i = 0; i < store->install.count; i++) {
		const struct row_install *other = store_row(store->install, install, i);

		if (is_open_at(other) && place_of(store, other) == place_of(store, install))
			return other == install;
	}
	return false;
}

static json_t *permit_age(const struct store *store, const struct row_install *install)
{
	int64_t at = NO_INSTANT;

	for (size_t i = 0; i < store->pin.count; i++) {
		const struct row_pin *pin = store_row(store->pin, pin, i);

		if (pin->order == install->id && pin->permitted_at > at)
			at = pin->permitted_at;
	}
	return at == NO_INSTANT
		? json_null()
		: json_integer((store_now() - at + CLOCK_SECOND / 2) / CLOCK_SECOND);
}

static bool is_answered(const struct row_renewal *renewal, const struct row_install *install)
{
	for (const struct row_task *task = renewal->tasks; task != NULL; task = task->older)
		if ((text_equal(task->kind, "install") || text_equal(task->kind, "pin")) &&
			text_equal(task->state, "done") && install->reported_at != NO_INSTANT &&
			task->closed_at > install->reported_at)
			return true;
	return false;
}

static json_t *install_of(const struct store *store, const struct row_renewal *renewal)
{
	const struct row_install *install = store_install_of(store, renewal->id);

	if (install == NULL)
		return json_null();
	return json_pack("{s:o, s:s, s:o, s:o, s:o, s:b, s:b, s:b}", "id", id_text(install->id),
		"state", install->state, "outcome", text(install->outcome), "result",
		store_shared(install->result), "permit_age_s", permit_age(store, install),
		"answered", is_answered(renewal, install), "first", is_first(store, install),
		"neighbour_busy", neighbour_is_busy(store, install));
}

static json_t *installed_of(const struct store *store, int64_t renewal)
{
	for (size_t i = store->install.count; i-- > 0;) {
		const struct row_install *install = store_row(store->install, install, i);

		if (install->renewal == renewal && text_equal(install->outcome, "installed"))
			return store_shared(install->result);
	}
	return json_null();
}

static json_t *pace_of(const struct store *store, const char *ca)
{
	const struct row_breaker *row = store_breaker(store, ca);

	if (row == NULL)
		return json_null();
	return json_pack("{s:b, s:n, s:s, s:I, s:I, s:I, s:I, s:I}", "office_hours",
		store->office_hours && text_equal(ca, "gateway"), "requests_per_minute", "breaker",
		row->state, "version", (json_int_t)row->version, "failures",
		(json_int_t)row->failures, "openings", (json_int_t)row->openings, "since_at",
		(json_int_t)row->since_at, "until_at", (json_int_t)row->until_at);
}

/* ---- all of it ---- */

static void put_renewal(json_t *doc, const struct row_renewal *renewal)
{
	int64_t age = (store_now() - renewal->changed_at + CLOCK_SECOND / 2) / CLOCK_SECOND;

	json_object_set_new(doc, "id", id_text(renewal->id));
	json_object_set_new(doc, "state", text(renewal->state));
	json_object_set_new(doc, "kind", text(renewal->kind));
	json_object_set_new(doc, "attempts", json_integer(renewal->attempts));
	json_object_set_new(doc, "reason", text(renewal->blocked_reason));
	json_object_set_new(doc, "age_s", json_integer(age));
	json_object_set_new(doc, "term_years", json_integer(renewal->term_years));
	json_object_set_new(doc, "approved_fen", json_integer(renewal->approved_fen));
	json_object_set_new(doc, "quoted_fen", number(renewal->quoted_fen));
	json_object_set_new(doc, "facts", store_shared(renewal->facts));
	json_object_set_new(doc, "touch_approved", json_boolean(renewal->touch_approval != 0));
	json_object_set_new(doc, "ca_name", text(renewal->ca));
}

json_t *store_document(const struct store *store, const struct row_renewal *renewal)
{
	struct row_set *set = store_get(&store->set, renewal->set);
	struct row_entity *entity = store_find(&store->entity, set->entity);
	struct row_campaign *campaign = store_get(&store->campaign, renewal->campaign);
	int64_t handler = renewal->handler != 0 ? renewal->handler : set->handler;
	json_t *doc = json_object();

	put_renewal(doc, renewal);
	json_object_set_new(doc, "install_id", text(store->installation));
	json_object_set_new(doc, "set", set_of(store, set));
	json_object_set_new(doc, "certificates", certificates_of(store, set->id));
	json_object_set_new(doc, "token", token_of(store, store_find(&store->token, set->token)));
	json_object_set_new(doc, "handler", handler_of(store, store_find(&store->person, handler)));
	json_object_set_new(doc, "entity", entity_of(store, entity));
	json_object_set_new(doc, "payer", payer_of(entity, campaign->policy));
	json_object_set_new(doc, "campaign", campaign_of(store, renewal, campaign));
	json_object_set_new(doc, "tasks", tasks_of(store, renewal));
	json_object_set_new(doc, "effects", effects_of(renewal));
	json_object_set_new(doc, "order", order_of(store, store_order_of(store, renewal->id)));
	json_object_set_new(doc, "install", install_of(store, renewal));
	json_object_set_new(doc, "installed", installed_of(store, renewal->id));
	json_object_set_new(doc, "ca", store_shared(store_facts(store, renewal->ca)));
	json_object_set_new(doc, "pace", pace_of(store, renewal->ca));
	json_object_set_new(
		doc, "pin_barred", json_boolean(store_pin_is_barred(store, set->token)));
	store_turns_document(store, renewal, doc);
	return doc;
}
