/* SPDX-License-Identifier: Apache-2.0 */
/* What befalls single renewals: the simulated CA's knobs, scoped to a certificate; certificates that are frozen,
 * revoked or taken to another account; transfers that the bank gives back; people who withdraw.  And the CA's staff,
 * who put right what somebody calls them about. */
#include <inttypes.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "sql.h"
#include "tests/simulator/sim_bank.h"
#include "tests/simulator/sim_inside.h"
#include "tests/simulator/sim_time.h"
#include "tests/twin/store_inside.h"
#include "tests/twin/world.h"

enum { RETURN_LOOKS = 30 };

/* Rules of a knob for one certificate.  times 0: always; the span of ms is drawn in minutes. */
static const struct branch {
	const char *knob, *word, *field;
	int number, number_most; /* where there is no word */
	int times;
	int minutes, minutes_most; /* 0: without ms */
} branches[] = {
	{ "review", "silent", NULL, 0, 0, 1, 30, 4320 },
	{ "review", "correctable", "intent", 0, 0, 1, 0, 0 },
	{ "review", "correctable", "name", 0, 0, 1, 0, 0 },
	{ "review", "correctable", "mobile", 0, 0, 1, 60, 7200 },
	{ "review", "correctable", "email", 0, 0, 1, 0, 0 },
	{ "review", "correctable", "attachments", 0, 0, 2, 60, 7200 },
	{ "review", "correctable", "agreement", 0, 0, 1, 0, 0 },
	{ "review", "final", NULL, 0, 0, 1, 0, 0 },
	{ "review", "closed_carried_over", NULL, 0, 0, 1, 0, 0 },
	{ "review", "closed_refunded", NULL, 0, 0, 1, 0, 0 },
	{ "review", "approve_then_revoke", NULL, 0, 0, 1, 1, 2880 },
	{ "remittance_fail", "payer_not_corporate", NULL, 0, 0, 1, 0, 0 },
	{ "remittance_fail", "payer_account", NULL, 0, 0, 1, 0, 0 },
	{ "remittance_fail", "payer_name", NULL, 0, 0, 2, 0, 0 },
	{ "remittance_fail", "amount_short", NULL, 0, 0, 1, 0, 0 },
	{ "remittance_fail", "amount_over", NULL, 0, 0, 1, 0, 0 },
	{ "remittance_fail", "time", NULL, 0, 0, 1, 0, 0 },
	{ "remittance_fail", "wrong_payee", NULL, 0, 0, 1, 0, 0 },
	{ "remittance_fail", "used", NULL, 0, 0, 1, 0, 0 },
	{ "not_arrived_times", NULL, NULL, 1, 3, 0, 0, 0 },
	{ "verify_ms", NULL, NULL, 60000, 36000000, 0, 0, 0 },
	{ "qr_expires_s", NULL, NULL, 60, 3600, 0, 0, 0 },
	{ "scan_other_account", NULL, NULL, 1, 1, 1, 0, 0 },
	{ "cancel_at_confirm", NULL, NULL, 1, 1, 1, 0, 0 },
	{ "other_certificate_shown", NULL, NULL, 1, 1, 1, 0, 0 },
	{ "media_no_null", NULL, NULL, 1, 1, 0, 0, 0 },
	{ "expire_between_list_and_apply", NULL, NULL, 1, 1, 1, 0, 0 },
	{ "agreement_changes", NULL, NULL, 1, 1, 1, 0, 0 },
	{ "term_withdrawn", NULL, NULL, 1, 1, 0, 0, 0 },
	{ "price_add_fen", NULL, NULL, 1, 5000, 0, 0, 0 },
	{ "attachment_reject", "too_large", NULL, 0, 0, 1, 0, 0 },
	{ "attachment_reject", "unreadable", NULL, 0, 0, 2, 0, 0 },
	{ "payee_changes", NULL, NULL, 1, 1, 1, 0, 0 },
	{ "refund", "processing_abnormal_success", NULL, 0, 0, 1, 0, 0 },
	{ "refund", "abnormal", NULL, 0, 0, 1, 0, 0 },
	{ "refund", "closed", NULL, 0, 0, 1, 0, 0 },
	{ "issue_wrong", "subject", NULL, 0, 0, 1, 0, 0 },
	{ "issue_wrong", "public_key", NULL, 0, 0, 1, 0, 0 },
	{ "issue_wrong", "same_expiry", NULL, 0, 0, 1, 0, 0 },
	{ "issue_wrong", "truncated", NULL, 0, 0, 1, 0, 0 },
	{ "issue_wrong", "no_encryption_certificate", NULL, 0, 0, 1, 0, 0 },
	{ "issue_wrong", "expired_link", NULL, 0, 0, 1, 0, 0 },
	{ "invoice", "none", NULL, 0, 0, 40, 0, 0 },
	{ "invoice", "send_failed", NULL, 0, 0, 1, 0, 0 },
	{ "invoice", "wrong_buyer", NULL, 0, 0, 1, 0, 0 },
	{ "invoice", "late_s", NULL, 0, 0, 1, 60, 4320 },
	{ "wechat_paid_without_notice", NULL, NULL, 1, 1, 0, 0, 0 },
	{ "code_url_paid_last_second", NULL, NULL, 1, 1, 1, 0, 0 },
	{ "wechat_expires_s", NULL, NULL, 300, 7200, 0, 0, 0 },
};

/* The signing certificate's serial: what the CA and people call a set by. */
static const char *serial_of(const struct world *world, int64_t renewal)
{
	const struct row_renewal *row = store_get(&world->store->renewal, renewal);

	for (size_t i = 0; i < world->store->certificate.count; i++) {
		const struct row_certificate *one =
			store_row(world->store->certificate, certificate, i);

		if (one->set == row->set)
			return one->serial;
	}
	abort(); /* the fleet gives every set one */
}

/* ---- the knobs ---- */

static json_t *rule_of(const struct branch *branch, const char *serial, struct dice *dice)
{
	json_t *rule = json_pack("{s:s}", "serial", serial);

	if (branch->word != NULL)
		json_put_text(rule, "value", branch->word);
	else if (branch->number_most == 1 && strcmp(branch->knob, "term_withdrawn") != 0)
		json_object_set_new(rule, "value", json_true());
	else
		json_put_number(
			rule, "value", dice_spread(dice, branch->number, branch->number_most));
	if (branch->field != NULL)
		json_put_text(rule, "field", branch->field);
	if (branch->times > 0)
		json_put_number(rule, "times", branch->times);
	if (branch->minutes > 0)
		json_put_number(rule, "ms",
			dice_spread(dice, branch->minutes, branch->minutes_most) * MINUTE * 1000);
	return rule;
}

static void add_rule(json_t *knobs, const struct branch *branch, json_t *rule)
{
	json_t *rules = json_object_get(knobs, branch->knob);

	if (rules == NULL) {
		rules = json_array();
		json_object_set_new(knobs, branch->knob, rules);
	}
	(void)json_array_append_new(rules, rule);
}

static void put_knobs_of(struct world *world, const json_t *knobs)
{
	OWNED char *text = json_write(knobs);
	int status;

	json_decref(world_control(world, "PUT", "/sim/knobs", text, &status));
	if (status != 200)
		world_violated(world, "the simulator refuses the knobs %s", text);
}

/* ---- events of one renewal ---- */

struct fate {
	struct world *world;
	int64_t renewal;
	int looks;
};

static void befall(struct world *world, int64_t renewal, turn_fn *fn, int64_t micros)
{
	struct fate *fate = zalloc(1, sizeof *fate);

	*fate = (struct fate){ world, renewal, 0 };
	world_after(world, micros, "fate", fn, fate, free);
}

static void set_status(struct world *world, int64_t renewal, const char *status, bool other_account)
{
	JSON *body = json_pack("{s:s}", "serial", serial_of(world, renewal));
	OWNED char *text = NULL;

	if (status != NULL)
		json_put_text(body, "status", status);
	else
		json_object_set_new(body, "other_account", json_boolean(other_account));
	text = json_write(body);
	json_decref(world_control(world, "POST", "/sim/certificates", text, NULL));
	world_line(world, "CA: certificate of renewal %" PRId64 ": %s", renewal,
		status != NULL          ? status
			: other_account ? "bound to another account"
					: "unbound from the other account");
}

static void freeze(void *context)
{
	struct fate *fate = context;

	set_status(fate->world, fate->renewal, "on_hold", false);
	free(fate);
}

static void revoke(void *context)
{
	struct fate *fate = context;

	set_status(fate->world, fate->renewal, "revoked", false);
	free(fate);
}

static void take_over(void *context)
{
	struct fate *fate = context;

	set_status(fate->world, fate->renewal, NULL, true);
	free(fate);
}

static void give_up(void *context)
{
	struct fate *fate = context;

	answers_withdraw(fate->world, fate->renewal);
	free(fate);
}

/* The payee's bank gives the transfer back, once it was made. */
static void give_back(void *context)
{
	struct fate *fate = context;
	struct world *world = fate->world;
	struct money money;

	oracle_money(world, fate->renewal, &money);
	if (money.serial != NULL) {
		world_line(world, "bank: renewal %" PRId64 " was paid in vain", fate->renewal);
		finance_give_back(world, money.serial);
	} else if (fate->looks++ < RETURN_LOOKS) {
		world_after(world, dice_spread(&world->actor_dice, MINUTE, 4 * HOUR) * CLOCK_SECOND,
			"fate", give_back, fate, free);
		return;
	}
	free(fate);
}

/* Somebody stops everything, or a unit; two people let it go on. */
struct stop {
	struct world *world;
	int64_t hold;
	int asked;
};

static void let_go_on(void *context)
{
	static const char *const roles[] = { "operator", "operator", "admin" };
	struct stop *stop = context;
	struct world *world = stop->world;

	(void)people_ask(world, sql_hold_release,
		people_of_role(world, roles[stop->asked++], 0)->id, stop->hold, json_object());
	if (stop->asked < (int)COUNT_OF(roles))
		world_after(world, dice_spread(&world->actor_dice, MINUTE, HOUR) * CLOCK_SECOND,
			"release", let_go_on, stop, free);
	else
		free(stop);
}

static void hold(void *context)
{
	struct stop *stop = context;
	struct world *world = stop->world;
	uint64_t which = dice_below(&world->actor_dice, 3);
	json_t *body = which == 0 ? json_pack("{s:s, s:s}", "reason", "stop", "scope", "all")
		: which == 1
		? json_pack("{s:s, s:s, s:s}", "reason", "stop", "scope", "ca", "target", "gateway")
		: json_pack("{s:s, s:s, s:s}", "reason", "stop", "scope", "unit", "target", "1");

	if (!people_ask(world, sql_hold_set, people_of_role(world, "operator", 0)->id, 0, body)) {
		free(stop);
		return;
	}
	stop->hold = world->store->hold.last_id;
	world_after(world, dice_spread(&world->actor_dice, MINUTE, 12 * HOUR) * CLOCK_SECOND,
		"release", let_go_on, stop, free);
}

static void draw_holds(struct world *world, struct dice *dice, int64_t span)
{
	for (uint64_t i = dice_below(dice, 3); i == 2; i = dice_below(dice, 3)) {
		struct stop *stop = zalloc(1, sizeof *stop);

		*stop = (struct stop){ world, 0, 0 };
		world_after(
			world, dice_between(dice, CLOCK_SECOND, span), "hold", hold, stop, free);
	}
}

static turn_fn *const fates[] = { give_up, give_up, give_up, give_back, freeze, revoke, take_over };

/* ---- the draw ---- */

static void draw_for(
	struct world *world, int64_t renewal, json_t *knobs, struct dice *dice, int64_t span)
{
	uint64_t kind = dice_below(dice, COUNT_OF(branches) + 2 * COUNT_OF(fates));

	world->says_used |= kind < COUNT_OF(branches) && text_equal(branches[kind].word, "used");
	if (kind < COUNT_OF(branches))
		add_rule(knobs, &branches[kind],
			rule_of(&branches[kind], serial_of(world, renewal), dice));
	else
		befall(world, renewal, fates[(kind - COUNT_OF(branches)) % COUNT_OF(fates)],
			dice_between(dice, CLOCK_SECOND, 2 * span));
}

/* A third of the worlds go straight; in the others up to half of the renewals do not. */
void branches_draw(struct world *world, struct dice dice)
{
	unsigned share =
		dice_below(&dice, 3) == 0 ? 0 : (unsigned)dice_between(&dice, 20000, 500000);
	int64_t span = world->calm_at - world->started_at;
	JSON *knobs = json_object();

	for (int64_t id = 1; id <= world->options.renewals; id++) {
		if (!dice_hit(&dice, share))
			continue;
		draw_for(world, id, knobs, &dice, span);
		if (dice_below(&dice, 4) == 0)
			draw_for(world, id, knobs, &dice, span);
	}
	put_knobs_of(world, knobs);
	draw_holds(world, &dice, span);
}

/* ---- the CA's staff ---- */

static json_t *application_of(const struct world *world, int64_t renewal)
{
	const struct row_renewal *row = store_get(&world->store->renewal, renewal);
	const char *id = json_peek_text(row->facts, "application_id");

	if (id != NULL && text_equal(row->ca, "manual"))
		return sim_find_by(world->outside.sim, "applications", "application_no", id);
	return id != NULL ? sim_find(world->outside.sim, "applications", id) : NULL;
}

static bool is_fetchable(const json_t *application)
{
	return application_is(application, "approved") || application_is(application, "issued");
}

void branches_mend(struct world *world, int64_t renewal)
{
	json_t *application = application_of(world, renewal), *payment;
	struct fault fault;

	if (application == NULL)
		return;
	payment =
		sim_find(world->outside.sim, "payments", json_peek_text(application, "payment_id"));
	if (payment != NULL)
		json_object_set_new(payment, "payee", meta_payee(world->outside.sim, NULL, NULL));
	if (is_fetchable(application))
		(void)issuance_make(world->outside.sim, application, NULL,
			clockwork_now(world->clockwork), &fault);
	world_line(world, "CA: somebody called about renewal %" PRId64, renewal);
}

bool branches_thaw(struct world *world, int64_t renewal)
{
	const json_t *certificate =
		certificate_by_serial(world->outside.sim, serial_of(world, renewal), NULL);

	if (!text_equal(json_peek_text(certificate, "status"), "on_hold"))
		return false;
	set_status(world, renewal, "valid", false);
	return true;
}

void branches_release_account(struct world *world, int64_t renewal)
{
	set_status(world, renewal, NULL, false);
}

const json_t *branches_invoice(const struct world *world, int64_t renewal)
{
	return json_object_get(application_of(world, renewal), "invoice");
}

void branches_book_over(struct world *world, const char *serial)
{
	const struct row_entity *payer = store_row(world->store->entity, entity, 0);
	json_t *account = bank_account(world->outside.sim, payer->payer_account), *line;
	size_t i;

	json_array_foreach(json_object_get(account, "lines"), i, line)
	{
		if (serial != NULL && text_equal(json_peek_text(line, "serial"), serial))
			(void)json_object_del(line, "used_by");
	}
}

/* 红字 and another one: whatever was wrong with the first. */
void branches_reissue_invoice(struct world *world, int64_t renewal)
{
	json_t *application = application_of(world, renewal);

	if (application == NULL || !application_is(application, "installed"))
		return;
	(void)json_object_del(application, "invoice");
	on_invoice_timer(world->outside.sim, application, clockwork_now(world->clockwork));
	world_line(world, "CA: another invoice for renewal %" PRId64, renewal);
}
