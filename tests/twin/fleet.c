/* SPDX-License-Identifier: Apache-2.0 */
/* The fleet of a world: an organisation, its people and workstations, tokens with real certificates of the
 * simulated CA (alone or in pairs, expired, expiring, or about to cross their end), campaigns over them. */
#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#include "common/bytes.h"
#include "common/cert.h"
#include "common/clock.h"
#include "common/seal.h"
#include "common/text.h"
#include "orchestrator/domain/approval.h"
#include "tests/simulator/sim_inside.h"
#include "tests/twin/store_inside.h"
#include "tests/twin/world.h"

enum { NAME_TEXT = 48, KEYS = 8, HANDLERS = 25, PER_PLACE = 5, MANUAL_SHARE = 250000 };

DEFINE_CLEANUP(bio_freep, BIO *, BIO_free_all)

static const char uscc[] = "91440101MA5AB12C3X", company[] = "广州某某科技有限公司";

/* Public keys in PEM, made once for a program: what they are decides nothing. */
static char *public_key(size_t which)
{
	static char *keys[KEYS];

	if (keys[which % KEYS] == NULL) {
		CLEANUP(bio_freep) BIO *bio = BIO_new(BIO_s_mem());
		EVP_PKEY *key = EVP_EC_gen("P-256");
		char *bytes = NULL;
		long len;

		if (bio == NULL || key == NULL || PEM_write_bio_PUBKEY(bio, key) != 1)
			abort();
		len = BIO_get_mem_data(bio, &bytes);
		keys[which % KEYS] = text_dupf("%.*s", (int)len, bytes);
		EVP_PKEY_free(key);
	}
	return keys[which % KEYS];
}

/* ---- organisation ---- */

static const char *sealed(
	struct world *world, const char *column, const char *login, const char *value)
{
	OWNED char *place = text_dupf("%s/%s", column, login);
	OWNED char *text = seal_text(world->outside.seals, place, value);

	return store_text(world->store, text);
}

static void add_person(struct world *world, const char *login, const char *role)
{
	struct store *store = world->store;
	struct row_person *person = store_add(store, &store->person);
	char mobile[NAME_TEXT], email[NAME_TEXT];

	(void)snprintf(mobile, sizeof mobile, "1380000%04" PRId64, person->id);
	(void)snprintf(email, sizeof email, "%s@example.cn", login);
	person->login = store_text(store, login);
	person->name = person->login;
	person->mobile = sealed(world, "people.mobile", login, mobile);
	person->email = sealed(world, "people.email", login, email);
	person->role = role;
}

static void add_people(struct world *world)
{
	static const char *const roles[][2] = { { "admin", "admin" }, { "operator", "operator" },
		{ "approver", "approver" }, { "finance", "finance" },
		{ "finance_two", "finance" } };
	char login[NAME_TEXT];

	for (size_t i = 0; i < COUNT_OF(roles); i++)
		add_person(world, roles[i][0], roles[i][1]);
	for (int i = 1; i <= HANDLERS; i++) {
		(void)snprintf(login, sizeof login, "handler_%d", i);
		add_person(world, login, "handler");
	}
}

static void add_entity(struct world *world)
{
	struct row_entity *entity = store_add(world->store, &world->store->entity);

	entity->name = entity->invoice_title = entity->payer_name = company;
	entity->uscc = entity->tax_id = uscc;
	entity->payer_account = "44001400101059000001";
	entity->payer_bank = "中国建设银行广州分行";
}

static void add_workstation(struct world *world, bool outdated)
{
	struct store *store = world->store;
	struct row_workstation *place = store_add(store, &store->workstation);
	char name[NAME_TEXT];

	(void)snprintf(name, sizeof name, "ws-%" PRId64, place->id);
	place->name = store_text(store, name);
	place->place = "";
	place->client_version = outdated ? "4.7.5" : "4.7.10";
	place->agent = place->id;
}

/* ---- certificates ---- */

struct wanted {
	const char *holder, *service, *usage, *pair_of;
	int64_t not_after;
	size_t key;
};

static json_t *enrol(struct world *world, const struct wanted *wanted)
{
	char from[CLOCK_TEXT], until[CLOCK_TEXT];
	JSON *body = json_object();
	OWNED char *text = NULL;

	clock_format(from, wanted->not_after - 365 * CLOCK_DAY);
	clock_format(until, wanted->not_after);
	json_put_text(body, "holder", wanted->holder);
	json_put_text(body, "service", wanted->service);
	json_put_text(body, "uscc", uscc);
	json_put_text(body, "usage", wanted->usage);
	json_put_text(body, "key_spki", public_key(wanted->key));
	json_put_text(body, "not_before", from);
	json_put_text(body, "not_after", until);
	if (wanted->pair_of != NULL)
		json_put_text(body, "pair_of", wanted->pair_of);
	text = json_write(body);
	return world_control(world, "POST", "/sim/enrol", text, NULL);
}

static bool add_certificate(
	struct world *world, const struct row_set *set, const char *pem, struct fault *fault)
{
	struct store *store = world->store;
	CLEANUP(cert_freep) X509 *x509 = cert_from_pem(pem, strlen(pem), fault);
	struct cert_facts facts;
	struct row_certificate *row;
	unsigned char *der = NULL;
	int len;

	if (x509 == NULL || !cert_read_facts(&facts, x509, fault))
		return false;
	row = store_add(store, &store->certificate);
	row->set = set->id;
	row->issuer_sha256 = store_text(store, facts.issuer_sha256);
	row->serial = store_text(store, facts.serial);
	row->sha256 = store_text(store, facts.sha256);
	row->role = cert_role_word(facts.role);
	row->spki_sha256 = store_text(store, facts.spki_sha256);
	row->subject_sha256 = store_text(store, facts.subject_sha256);
	row->not_after = facts.not_after;
	len = i2d_X509(x509, &der);
	if (len > 0) {
		OWNED char *text = base64_encode(der, (size_t)len);

		row->der_b64 = store_text(store, text);
	}
	OPENSSL_free(der);
	return len > 0;
}

/* Mostly within the weeks that a policy looks ahead; some have expired, some will while they wait. */
static int64_t draw_not_after(const struct world *world, struct dice *dice)
{
	int64_t now = world->started_at;
	uint64_t kind = dice_below(dice, 10);

	if (kind < 2)
		now -= dice_between(dice, 1, INT64_C(60) * 24) * 3600 * CLOCK_SECOND;
	else if (kind < 4)
		now += dice_between(dice, 1, INT64_C(72) * 60) * 60 * CLOCK_SECOND;
	else
		now += dice_between(dice, 4, 80) * CLOCK_DAY;
	return now / CLOCK_SECOND * CLOCK_SECOND;
}

static bool fill_set(
	struct world *world, struct row_set *set, struct dice *dice, struct fault *fault)
{
	bool pair = dice_below(dice, 5) == 0;
	struct wanted wanted = { .holder = set->holder,
		.service = set->service,
		.usage = pair ? "sign" : "both",
		.not_after = set->not_after,
		.key = (size_t)dice_below(dice, KEYS) };
	JSON *first = enrol(world, &wanted);
	JSON *second = NULL;

	if (json_peek_text(first, "certificate_pem") == NULL)
		return fault_set(fault, FAULT_BUG, "the CA enrols nothing: %s",
			json_peek_text(first, "detail"));
	if (pair) {
		wanted.usage = "encrypt";
		wanted.pair_of = json_peek_text(first, "certificate_id");
		second = enrol(world, &wanted);
	}
	return add_certificate(world, set, json_peek_text(first, "certificate_pem"), fault) &&
		(!pair ||
			add_certificate(
				world, set, json_peek_text(second, "certificate_pem"), fault));
}

static bool add_set(struct world *world, int64_t place, struct dice *dice, struct fault *fault)
{
	struct store *store = world->store;
	struct row_set *set = store_add(store, &store->set);
	struct row_token *token = store_add(store, &store->token);
	char name[NAME_TEXT];

	(void)snprintf(name, sizeof name, "TK%06" PRId64, token->id);
	token->serial = token->label = store_text(store, name);
	token->workstation = place;
	(void)snprintf(name, sizeof name, "Service %" PRId64, set->id);
	set->holder = company;
	set->uscc = uscc;
	set->service = store_text(store, name);
	set->not_after = draw_not_after(world, dice);
	set->unit = dice_between(dice, 1, 2);
	set->entity = 1;
	set->handler = people_of_role(world, "handler", (size_t)dice_below(dice, HANDLERS))->id;
	set->token = token->id;
	tokens_add(world, token);
	return fill_set(world, set, dice, fault);
}

/* ---- campaigns ---- */

static json_t *plan_row(const struct row_set *set, int64_t now)
{
	return json_pack("{s:o, s:s, s:i, s:i, s:s}", "set",
		json_sprintf("%lld", (long long)set->id), "kind",
		set->not_after <= now ? "expired" : "expiring", "term_years", 1, "price_fen", 20000,
		"holder", set->holder);
}

static json_t *agreement_of(const struct world *world, const char *ca)
{
	return strcmp(ca, "manual") == 0
		? json_incref(json_object_get(world->store->prices, "agreement"))
		: meta_agreement(world->outside.sim);
}

/* The sets of a campaign. */
struct chosen {
	int64_t *sets;
	size_t count;
};

static json_t *plan_of(const struct world *world, const char *ca, const struct chosen *chosen)
{
	JSON *agreement = agreement_of(world, ca);
	json_t *rows = json_array();

	for (size_t i = 0; i < chosen->count; i++)
		(void)json_array_append_new(rows,
			plan_row(store_get(&world->store->set, chosen->sets[i]), store_now()));
	return json_pack("{s:o, s:s, s:I, s:I}", "rows", rows, "agreement_sha256",
		json_peek_text(agreement, "sha256"), "count", (json_int_t)chosen->count,
		"total_fen", 20000 * (json_int_t)chosen->count);
}

static void add_renewal(struct world *world, const struct row_campaign *campaign, int64_t set)
{
	struct store *store = world->store;
	const struct row_set *of = store_get(&store->set, set);
	struct row_renewal *renewal = store_add(store, &store->renewal);
	struct fault fault;

	renewal->campaign = campaign->id;
	renewal->set = set;
	renewal->kind = of->not_after <= store_now() ? "expired" : "expiring";
	store_set_state(renewal, "planned");
	renewal->ca = json_peek_text(campaign->policy, "ca");
	renewal->old_not_after = of->not_after;
	renewal->term_years = 1;
	renewal->approved_fen = 20000;
	renewal->facts = store_json(store, json_object());
	renewal->claimed_at = renewal->claimed_until = NO_INSTANT;
	renewal->woken_at = store_now();
	renewal->due_at = FOREVER;
	if (!store_move(store, renewal, "proposed", "awaiting_approval", "operator", &fault))
		abort();
}

/* Silence is noticed soon: a world lives for days only. */
static json_t *policy_of(struct dice *dice, const char *ca, int64_t cap)
{
	json_t *policy = json_pack("{s:s, s:s, s:[i,i,i], s:I, s:I}", "ca", ca,
		"minimum_client_version", "4.7.6", "terms", 1, 2, 3, "review_working_days",
		(json_int_t)dice_between(dice, 1, 2), "invoice_working_days", (json_int_t)1);

	if (dice_below(dice, 4) == 0)
		json_put_text(policy, "payment", "wechat_pay");
	if (dice_below(dice, 6) == 0)
		json_put_number(policy, "daily_cap", cap);
	if (dice_below(dice, 4) == 0)
		json_put_number(policy, "concurrency", dice_between(dice, 1, 10));
	return policy;
}

/* Of a CA without an interface: somebody wrote down its prices; of half of the tokens no agent sees the workstation. */
static void people_apply_by_hand(
	struct world *world, const struct chosen *chosen, struct dice *dice)
{
	if (world->store->prices == NULL)
		sittings_begin(world);
	world->says_used =
		true; /* its pages know no serial: of transfers that are alike any is taken */
	for (size_t i = 0; i < chosen->count; i++) {
		const struct row_set *set = store_get(&world->store->set, chosen->sets[i]);
		struct row_token *token = store_get(&world->store->token, set->token);

		if (dice_below(dice, 2) == 0)
			token->workstation = 0;
	}
}

static void add_campaign(
	struct world *world, const char *ca, const struct chosen *chosen, struct dice *dice)
{
	struct store *store = world->store;
	struct row_campaign *campaign = store_add(store, &store->campaign);
	json_t *plan = plan_of(world, ca, chosen);
	char digest[SHA256_HEX], name[NAME_TEXT];

	approval_digest(digest, plan);
	(void)snprintf(name, sizeof name, "campaign-%" PRId64, campaign->id);
	campaign->name = store_text(store, name);
	campaign->status = "running";
	campaign->digest = store_text(store, digest);
	campaign->plan = store_json(store, plan);
	campaign->policy = store_json(store, policy_of(dice, ca, world->options.renewals / 3 + 1));
	campaign->created_by = people_of_role(world, "operator", 0)->id;
	campaign->start_at = store_now();
	for (size_t i = 0; i < chosen->count; i++)
		add_renewal(world, campaign, chosen->sets[i]);
}

static void add_first(struct world *world, int64_t first, int64_t last, struct dice *dice)
{
	struct chosen chosen = { zalloc((size_t)(last - first + 1), sizeof(int64_t)), 0 };
	bool by_hand = dice_hit(dice, MANUAL_SHARE);

	for (int64_t id = first; id <= last; id++)
		chosen.sets[chosen.count++] = id;
	if (by_hand)
		people_apply_by_hand(world, &chosen, dice);
	add_campaign(world, by_hand ? "manual" : "gateway", &chosen, dice);
	free(chosen.sets);
}

bool fleet_make(struct world *world, struct dice dice, struct fault *fault)
{
	int64_t count = world->options.renewals, places = count / PER_PLACE + 1;
	int64_t first = 1;

	add_people(world);
	add_entity(world);
	for (int64_t i = 0; i < places; i++)
		add_workstation(world, dice_below(&dice, 8) == 0);
	for (int64_t i = 0; i < count; i++)
		if (!add_set(world, dice_between(&dice, 1, places), &dice, fault))
			return false;
	while (first <= count) {
		int64_t last = first + dice_between(&dice, count / 4, count);

		if (last > count)
			last = count;
		add_first(world, first, last, &dice);
		first = last + 1;
	}
	return true;
}

/* ---- once more ---- */

static void choose_again(const struct world *world, const char *ca, struct chosen *chosen)
{
	for (int64_t id = 1; id <= world->options.renewals; id++) {
		const struct row_renewal *renewal = store_get(&world->store->renewal, id);

		if (strcmp(renewal->state, "done") != 0 && text_equal(renewal->ca, ca))
			chosen->sets[chosen->count++] = renewal->set;
	}
}

bool fleet_again(struct world *world)
{
	static const char *const cas[] = { "gateway", "manual" };
	bool any = false;

	for (size_t i = 0; i < COUNT_OF(cas); i++) {
		struct chosen chosen = { zalloc((size_t)world->options.renewals, sizeof(int64_t)),
			0 };

		choose_again(world, cas[i], &chosen);
		if (chosen.count > 0)
			add_campaign(world, cas[i], &chosen, &world->actor_dice);
		any |= chosen.count > 0;
		free(chosen.sets);
	}
	return any;
}
