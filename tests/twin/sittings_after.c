/* SPDX-License-Identifier: Apache-2.0 */
/* After the sitting: the review's result, corrections, the installation in the CA's client, the invoice, withdrawals
 * and refunds; and who reads the prices off the CA's page. */
#include <inttypes.h>
#include <string.h>

#include "common/bytes.h"
#include "common/cert.h"
#include "common/clock.h"
#include "common/digest.h"
#include "common/text.h"
#include "sql.h"
#include "tests/simulator/sim_inside.h"
#include "tests/twin/sittings.h"
#include "tests/twin/store_inside.h"

enum { DAY_TEXT = 10, TWO_DAYS = 2 };

static json_t *row_of(const struct card *card)
{
	return sim_find_by(card->world->outside.sim, "applications", "application_no",
		card_shows(card, "application"));
}

static bool is_one_of(const char *word, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (text_equal(word, words[i]))
			return true;
	return false;
}

static void say_day(struct card *card, const char *key, int64_t at)
{
	char text[CLOCK_TEXT];

	clock_beijing(text, at);
	text[DAY_TEXT] = '\0';
	card_say(card, key, text);
}

/* ---- 审核 ---- */

static void say_correction(struct card *card, const json_t *view)
{
	int64_t until = json_as_instant(view, "fix_by");
	OWNED char *reasons = json_write(json_object_get(view, "reasons"));

	card_say(card, "result", "correction");
	card_say(card, "reasons", reasons);
	say_day(card, "fix_by",
		until != NO_INSTANT ? until
				    : clockwork_now(card->world->clockwork) + TWO_DAYS * CLOCK_DAY);
}

void after_review(struct card *card)
{
	static const char *const good[] = { "approved", "issuing", "issued", "installed" };
	JSON *view = card_application(card, card_shows(card, "application"));
	const char *state = json_peek_text(view, "state");

	if (is_one_of(state, good, COUNT_OF(good))) {
		card_say(card, "result", "approved");
	} else if (text_equal(state, "correction_required")) {
		say_correction(card, view);
	} else if (view_is_over(view)) {
		card_say(card, "result", "rejected");
		card_say(card, "reasons", state);
	} else if (dice_below(&card->world->actor_dice, 3) == 0) {
		card_say(card, "result", "not_yet");
	}
}

/* What the review named, corrected on the CA's page. */
static json_t *corrections(const struct card *card, const json_t *view)
{
	const json_t *reason, *list = json_object_get(view, "reasons");
	json_t *body =
		json_pack("{s:s?}", "application_no", json_peek_text(view, "application_no"));
	JSON *agreement = meta_agreement(card->world->outside.sim);
	size_t i;

	json_array_foreach(list, i, reason)
	{
		const char *path = json_peek_text(reason, "path");

		if (path != NULL && text_starts(path, "attachment")) {
			json_object_set_new(body, "attachments", card_papers());
		} else if (path != NULL && text_starts(path, "agreement")) {
			json_put_text(body, "agreement", json_peek_text(agreement, "version"));
			json_put_text(body, "handler_name", "handler");
		} else {
			json_put_text(body, "handler_name", "handler");
			json_put_text(body, "mobile", "13800009999");
			json_put_text(body, "email", "new@example.cn");
			json_object_set_new(body, "statement", json_true());
		}
	}
	return body;
}

bool sittings_correct(struct world *world, const struct row_task *task)
{
	struct card card = { .world = world,
		.task = task,
		.renewal = store_get(&world->store->renewal, task->renewal) };
	const char *number = json_peek_text(card.renewal->facts, "application_id");
	JSON *view = number != NULL ? card_application(&card, number) : NULL;
	int status = 0;

	if (!text_equal(json_peek_text(view, "state"), "correction_required"))
		return true; /* corrected already, or too late */
	json_decref(card_post(&card, "correct", corrections(&card, view), &status));
	return status < 300 && !world_errs(world, 100000);
}

/* ---- 证书更新 ---- */

/* A certificate that was exported from the client, as the API reads it for the database. */
static json_t *exported(const json_t *issued)
{
	const char *der_b64 = json_peek_text(issued, "der_b64");
	size_t len = 0;
	OWNED unsigned char *der = base64_decode(der_b64, &len);
	struct fault fault;
	CLEANUP(cert_freep) X509 *x509 = cert_from_der(der, len, &fault);
	struct cert_facts facts;
	char until[CLOCK_TEXT];

	if (x509 == NULL || !cert_read_facts(&facts, x509, &fault))
		return json_object();
	clock_format(until, facts.not_after);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "issuer_sha256",
		facts.issuer_sha256, "serial", facts.serial, "sha256", facts.sha256, "role",
		cert_role_word(facts.role), "spki_sha256", facts.spki_sha256, "subject_sha256",
		facts.subject_sha256, "not_after", until, "der_b64", der_b64);
}

static void upload(const struct card *card, const json_t *issued)
{
	json_t *list = json_array();
	const json_t *one;
	size_t i;

	json_array_foreach(issued, i, one)(void) json_array_append_new(list, exported(one));
	(void)people_ask(card->world, sql_certificates_upload,
		people_of_role(card->world, "operator", 0)->id, 0,
		json_pack("{s:o, s:b}", "certificates", list, "commit", 1));
}

/* The client shows what will be installed: it must follow one of ours. */
static bool follows(const struct card *card, const json_t *one)
{
	const struct store *store = card->world->store;
	JSON *facts = exported(one);

	for (size_t i = 0; i < store->certificate.count; i++) {
		const struct row_certificate *old = store_row(store->certificate, certificate, i);

		if (old->set == card->renewal->set &&
			text_equal(old->subject_sha256, json_peek_text(facts, "subject_sha256")) &&
			text_equal(old->spki_sha256, json_peek_text(facts, "spki_sha256")) &&
			json_as_instant(facts, "not_after") > old->not_after)
			return true;
	}
	return false;
}

static bool is_right(const struct card *card, const json_t *issued)
{
	const json_t *one;
	size_t i;

	json_array_foreach(issued, i, one)
	{
		if (!follows(card, one))
			return false;
	}
	return true;
}

/* What the client shows does not do: somebody calls, and the CA issues another one. */
static void issue_again(const struct card *card, json_t *application)
{
	struct fault fault;

	world_line(card->world, "CA: another certificate for renewal %" PRId64, card->renewal->id);
	(void)issuance_make(card->world->outside.sim, application, NULL,
		clockwork_now(card->world->clockwork), &fault);
}

void after_install(struct card *card)
{
	json_t *application = row_of(card);
	const json_t *issued = json_object_get(application, "issued");
	int status = 0;

	if (application == NULL)
		return;
	if (!application_is(application, "installed") && !is_right(card, issued)) {
		issue_again(card, application);
		return;
	}
	if (!application_is(application, "installed"))
		json_decref(card_post(card, "install",
			json_pack("{s:s}", "application_no", card_shows(card, "application")),
			&status));
	if (status >= 300 && application_is(application, "approved"))
		issue_again(card, application); /* 安装失败: somebody calls */
	if (status >= 300 &&
		(application_is(application, "rejected") || application_is(application, "closed")))
		answers_withdraw(card->world, card->renewal->id);
	if (!application_is(application, "installed") || world_errs(card->world, 150000))
		return;
	upload(card, json_object_get(application, "issued"));
}

/* ---- 发票 ---- */

void after_invoice(struct card *card)
{
	json_t *application = row_of(card);
	const json_t *invoice = json_object_get(application, "invoice"),
		     *buyer = json_object_get(invoice, "buyer");

	if (invoice == NULL && card->world->calm &&
		card->task->opened_at < clockwork_now(card->world->clockwork) - CLOCK_DAY)
		branches_reissue_invoice(card->world, card->renewal->id);
	invoice = json_object_get(application, "invoice");
	if (invoice == NULL)
		return;
	card_say(card, "number", json_peek_text(invoice, "number"));
	card_say_yuan(card, "total", json_peek_number(invoice, "total_fen", 0));
	card_say(card, "invoice_buyer", json_peek_text(buyer, "name"));
	card_say(card, "invoice_tax_id", json_peek_text(buyer, "tax_id"));
}

/* ---- 撤回, 退款 ---- */

void after_withdraw(struct card *card)
{
	const char *number = card_shows(card, "application");
	int status = 0;
	JSON *view = NULL;

	json_decref(
		card_post(card, "withdraw", json_pack("{s:s}", "application_no", number), &status));
	view = card_application(card, number);
	if (world_errs(card->world, 100000))
		return;
	card_say(card, "result", view_is_over(view) ? "withdrawn" : "refused");
	if (!view_is_over(view))
		card_say(card, "reason", "as the page says");
}

void after_refund(struct card *card)
{
	json_t *application = row_of(card);
	const json_t *ids = json_object_get(application, "refund_ids");
	const char *id = json_string_value(json_array_get(ids, 0));
	const json_t *refund =
		id != NULL ? sim_find(card->world->outside.sim, "refunds", id) : NULL;
	const char *state = json_peek_text(refund, "state");

	if (text_equal(state, "success")) {
		card_say(card, "result", "refunded");
		card_say_yuan(card, "refunded", json_peek_number(refund, "amount_fen", 0));
		say_day(card, "refunded_on", clockwork_now(card->world->clockwork));
	} else if (text_equal(state, "processing")) {
		card_say(card, "result", "processing");
	} else {
		card_say(card, "result", "refused");
		card_say(card, "reason", state != NULL ? state : "nothing is to be refunded");
	}
}

/* ---- 价目 ---- */

static json_t *price_list(struct world *world, int64_t version)
{
	JSON *agreement = meta_agreement(world->outside.sim);
	const char *words = json_peek_text(agreement, "version");
	char sha256[SHA256_HEX];

	sha256_hex(sha256, words, strlen(words));
	return json_pack("{s:I, s:s, s:o, s:{s:s, s:s, s:s}, s:{s:s, s:s}}", "price_version",
		(json_int_t)version, "price_source", "the CA's page", "terms", meta_terms(0, 0),
		"agreement", "id", words, "version", words, "sha256", sha256, "statement", "id",
		"v1", "text", "本人确认申请续期");
}

/* One looks at the CA's page, another one approves what changed there. */
static void look_at_prices(void *context)
{
	struct world *world = context;
	const json_t *known = world->store->prices;
	json_t *now = price_list(world, json_peek_number(known, "price_version", 0));

	if (!json_equal(now, known)) {
		json_put_number(
			now, "price_version", json_peek_number(known, "price_version", 0) + 1);
		store_prices(world->store, now);
	} else {
		json_decref(now);
	}
	world_after(world, dice_between(&world->actor_dice, HOUR, 6 * HOUR) * CLOCK_SECOND,
		"prices", look_at_prices, world, NULL);
}

void sittings_begin(struct world *world)
{
	world->store->prices = store_json(world->store, price_list(world, 1));
	world_after(world, dice_between(&world->actor_dice, HOUR, 6 * HOUR) * CLOCK_SECOND,
		"prices", look_at_prices, world, NULL);
}
