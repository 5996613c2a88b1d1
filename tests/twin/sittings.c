/* SPDX-License-Identifier: Apache-2.0 */
/* People at the pages of a CA without an interface: what each card asks is done there (the simulator's person) with
 * what the card and the pages show, and given back in the card's words.  They leave things half done and come back
 * later; then they look first at what stands there already. */
#include "tests/twin/sittings.h"

#include <inttypes.h>
#include <string.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/text.h"
#include "sql.h"
#include "tests/simulator/sim_inside.h"
#include "tests/twin/store_inside.h"

enum { PATIENCE = 3 };

const char *card_shows(const struct card *card, const char *key)
{
	return json_peek_text(card->task->values, key);
}

void card_say(struct card *card, const char *key, const char *word)
{
	if (word != NULL)
		json_put_text(card->answer, key, word);
}

void card_say_yuan(struct card *card, const char *key, int64_t fen)
{
	OWNED char *text = text_dupf("%" PRId64 ".%02" PRId64, fen / 100, fen % 100);

	card_say(card, key, text);
}

/* ---- the pages ---- */

json_t *card_page(const struct card *card, const char *path, int *status)
{
	OWNED char *target = text_dupf("/sim/person/%s", path);

	return world_control(card->world, "GET", target, NULL, status);
}

json_t *card_post(const struct card *card, const char *path, json_t *body, int *status)
{
	OWNED char *text = json_write(body);
	OWNED char *target = text_dupf("/sim/person/%s", path);
	json_t *reply = world_control(card->world, "POST", target, text, status);
	const char *code = json_peek_text(reply, "code");

	json_decref(body);
	world_line(card->world, "pages: renewal %" PRId64 ": %s: %d %s", card->renewal->id, path,
		*status, code != NULL ? code : "");
	return reply;
}

json_t *card_application(const struct card *card, const char *number)
{
	OWNED char *path = text_dupf("applications/%s", number);
	int status = 0;
	json_t *view = card_page(card, path, &status);

	if (status < 300)
		return view;
	json_decref(view);
	return NULL;
}

static bool view_is(const json_t *view, const char *state)
{
	return text_equal(json_peek_text(view, "state"), state);
}

bool view_is_over(const json_t *view)
{
	return view_is(view, "closed") || view_is(view, "rejected") || view_is(view, "withdrawn");
}

/* What an earlier sitting at this card left at the CA, or what stands open there anyway (own); NULL: nothing. */
static json_t *left_there(const struct card *card)
{
	OWNED char *path = text_dupf("applications?serial=%s", card_shows(card, "serial"));
	int status = 0;
	JSON *list = card_page(card, path, &status);
	json_t *view, *found = NULL;
	size_t i;

	json_array_foreach(json_object_get(list, "items"), i, view)
	{
		if (!view_is_over(view) ||
			json_as_instant(view, "created_at") >= card->task->opened_at)
			found = view;
	}
	return json_incref(found);
}

/* ---- 绑定 ---- */

static bool use_phone(const struct card *card, const char *qr, const char *action, json_t **reply)
{
	JSON *body = json_pack("{s:s, s:s}", "qr_text", qr, "action", action);
	OWNED char *text = json_write(body);
	int status = 0;

	*reply = world_control(card->world, "POST", "/sim/phone", text, &status);
	world_line(card->world, "phone: renewal %" PRId64 ": %s: %d", card->renewal->id, action,
		status);
	return status < 300;
}

static char *whose(const struct card *card)
{
	return text_dupf("%" PRId64, card->task->assignee);
}

/* The code that this person has on the computer's screen (borrowed), or NULL: it was used or has run out. */
static const json_t *code_of(const struct card *card)
{
	OWNED char *who = whose(card);
	const json_t *code = json_object_get(card->world->codes, who);

	return json_as_instant(code, "expires_at") > clockwork_now(card->world->clockwork) ? code
											   : NULL;
}

static void forget_code(const struct card *card)
{
	OWNED char *who = whose(card);

	(void)json_object_del(card->world->codes, who);
}

/* 获取二维码: never a second one while the first lives. */
static void make_code(struct card *card)
{
	OWNED char *who = whose(card);
	int status = 0;
	json_t *reply = card_post(
		card, "qr", json_pack("{s:s}", "serial", card_shows(card, "serial")), &status);

	if (code_of(card) != NULL)
		world_violated(card->world, "person %s has two QR codes on the screen", who);
	if (status >= 300) { /* bound to another account: somebody calls there */
		json_decref(reply);
		branches_release_account(card->world, card->renewal->id);
		return;
	}
	json_put_text(reply, "card", card_shows(card, "serial"));
	json_object_set_new(card->world->codes, who, reply);
}

/* 证书信息确认: is the wanted one on the page? */
static bool page_lists(const struct card *card, const json_t *code)
{
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(code, "certificates"), i, one)
	{
		if (text_equal(json_peek_text(one, "service"), card_shows(card, "service")) &&
			text_equal(json_peek_text(one, "holder"), card_shows(card, "holder")))
			return true;
	}
	return false;
}

static void say_bound(struct card *card, const char *result)
{
	card_say(card, "result", result);
	card_say(card, "wechat", "wx_88");
	card_say(card, "client_version", world_errs(card->world, 30000) ? "4.7.5" : "4.7.10");
}

/* 扫码, 核对, 确认绑定. */
static void scan(struct card *card, const json_t *code)
{
	const char *qr = json_peek_text(code, "qr_text");
	JSON *first = NULL;
	JSON *second = NULL;

	if (!use_phone(card, qr, "scan", &first)) {
		card_say(card, "result", "expired");
	} else if (!page_lists(card, first)) {
		(void)use_phone(card, qr, "cancel", &second);
		card_say(card, "result", "absent");
		card_say(card, "differences", "another one");
	} else if (world_errs(card->world, 80000)) {
		(void)use_phone(card, qr, "cancel", &second);
		card_say(card, "result", "cancelled");
	} else if (use_phone(card, qr, "confirm", &second)) {
		say_bound(card, "confirmed");
	} else {
		card_say(card, "result", "cancelled");
	}
	forget_code(card);
}

static bool is_bound(const struct card *card)
{
	OWNED char *path = text_dupf("page?serial=%s", card_shows(card, "serial"));
	int status = 0;
	JSON *page = card_page(card, path, &status);

	return json_is_true(
		json_object_get(json_object_get(page, "certificate"), "bound_to_wechat"));
}

static void bind(struct card *card)
{
	const json_t *code = code_of(card);
	bool mine = text_equal(json_peek_text(code, "card"), card_shows(card, "serial"));
	int status = 0;

	if (is_bound(card)) {
		say_bound(card, "confirmed");
	} else if (code == NULL && dice_below(&card->world->actor_dice, 10) == 0) {
		json_decref(card_post(card, "counter",
			json_pack("{s:s}", "serial", card_shows(card, "serial")), &status));
		if (status < 300)
			say_bound(card, "counter");
	} else if (code == NULL) {
		make_code(card);
		if (code_of(card) != NULL && !world_errs(card->world, 300000))
			scan(card, code_of(card));
	} else if (mine) {
		scan(card, code);
	}
}

/* ---- 证书续期 ---- */

static int64_t price_on(const json_t *page, int64_t years)
{
	const json_t *term;
	size_t i;

	json_array_foreach(json_object_get(page, "terms"), i, term)
	{
		if (json_peek_number(term, "years", 0) == years)
			return json_peek_number(term, "price_fen", -1);
	}
	return -1;
}

/* 付款账号, 付款账号名称, 付款金额, 付款时间 as the card shows them. */
static void type_remittance(const struct card *card, json_t *body)
{
	static const char *const fields[] = { "payer_account", "payer_name", "amount", "paid_at" };

	for (size_t i = 0; i < COUNT_OF(fields); i++)
		json_put_text(body, fields[i], card_shows(card, fields[i]));
}

json_t *card_papers(void)
{
	return json_pack("[{s:s, s:s, s:s}]", "type", "application_form", "filename", "form.pdf",
		"data_b64", "JVBERi0xLjQK");
}

static json_t *sitting_body(const struct card *card, const json_t *page, int64_t years)
{
	OWNED char *mobile = text_dupf("1380000%04" PRId64, card->task->assignee);
	json_t *body = json_pack("{s:s, s:s, s:I, s:b, s:s, s:s, s:s}", "serial",
		card_shows(card, "serial"), "agreement", card_shows(card, "agreement_version"),
		"years", (json_int_t)years, "statement", 1, "handler_name", "handler", "mobile",
		mobile, "email", "handler@example.cn");

	json_put_number(body, "price_fen", price_on(page, years));
	if (text_equal(json_peek_text(page, "kind"), "expired"))
		json_object_set_new(body, "attachments", card_papers());
	type_remittance(card, body);
	return body;
}

/* What the page shows differs from the card: the sitting stops before anything is submitted. */
static const char *difference(const struct card *card, const json_t *page, int64_t years)
{
	bool expired = text_equal(json_peek_text(page, "kind"), "expired");
	const char *agreement = json_peek_text(json_object_get(page, "agreement"), "version");
	OWNED char *price = text_dupf(
		"%" PRId64 ".%02" PRId64, price_on(page, years) / 100, price_on(page, years) % 100);

	if (!json_is_true(json_object_get(json_object_get(page, "certificate"), "bound_to_wechat")))
		return "not_in_list";
	if (text_equal(card_shows(card, "kind"), "过期") != expired)
		return "kind_mismatch";
	if (!text_equal(agreement, card_shows(card, "agreement_version")))
		return "agreement_changed";
	if (price_on(page, years) < 0)
		return "term_unavailable";
	return text_equal(price, card_shows(card, "price")) ? NULL : "price_differs";
}

/* The CA's codes in the card's words. */
static const char *refusal_word(const char *code)
{
	static const char *const words[][2] = { { "NOT_BOUND", "not_in_list" },
		{ "KIND_MISMATCH", "kind_mismatch" },
		{ "APPLICATION_EXISTS", "application_exists" },
		{ "AGREEMENT_CHANGED", "agreement_changed" },
		{ "TERM_UNAVAILABLE", "term_unavailable" }, { "PRICE_CHANGED", "price_differs" },
		{ "EXPIRED_TOO_LONG", "expired_too_long" }, { "CERT_REVOKED", "not_in_list" },
		{ "CERT_ON_HOLD", "not_in_list" }, { "CERT_UNKNOWN", "not_in_list" } };

	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (text_equal(words[i][0], code))
			return words[i][1];
	return text_starts(code, "ATTACHMENT_") ? "attachment_refused" : "handler_refused";
}

/* The verdict of the payment page; NULL: not declared yet, or still 核验中 (*WAITS). */
static const char *verdict(const json_t *view, const char **reason, bool *waits)
{
	const json_t *payment = json_object_get(view, "payment"),
		     *failed = json_object_get(payment, "failed");
	const char *state = json_peek_text(payment, "state"),
		   *code = json_peek_text(failed, "code");

	*reason = NULL;
	*waits = text_equal(state, "verifying");
	if (state == NULL || *waits || text_equal(state, "pending") ||
		text_equal(state, "expired") || text_equal(state, "closed"))
		return NULL;
	if (!text_equal(state, "failed"))
		return "verified";
	if (text_equal(code, "REMITTANCE_NOT_FOUND"))
		return "not_arrived";
	*reason = text_equal(code, "REMITTANCE_USED")      ? "used"
		: text_equal(code, "REMITTANCE_RETURNED")  ? "returned"
		: json_peek_text(failed, "reason") != NULL ? json_peek_text(failed, "reason")
							   : "payer_account";
	return "remittance_refused";
}

static void declare(const struct card *card, const char *number)
{
	json_t *body =
		json_pack("{s:s, s:s}", "application_no", number, "email", "handler@example.cn");
	int status = 0;

	type_remittance(card, body);
	oracle_on_sitting(card->world, card->renewal, "remit", NULL);
	json_decref(card_post(card, "remit", body, &status));
}

/* An application stands there: what the payment page says of its remittance, which is entered if it was not. */
static void say_submitted(struct card *card, json_t *view)
{
	const char *number = json_peek_text(view, "application_no"), *reason, *word;
	bool waits;
	JSON *again = NULL;

	word = verdict(view, &reason, &waits);
	if (word == NULL && !waits && !view_is_over(view)) {
		declare(card, number);
		again = card_application(card, number);
		word = verdict(again, &reason, &waits);
	}
	if (word == NULL && !view_is_over(view))
		return;
	card_say(card, "result", word == NULL || text_equal(word, "verified") ? "submitted" : word);
	card_say(card, "remittance_reason", reason);
	card_say(card, "application", number);
	card_say(card, "shown_agreement", card_shows(card, "agreement_version"));
	card_say(card, "statement", "agree");
	card_say_yuan(card, "shown_price", json_peek_number(view, "price_fen", 0));
}

static void say_stopped(struct card *card, const char *word, const json_t *page, int64_t years)
{
	card_say(card, "result", word);
	if (text_equal(word, "price_differs"))
		card_say_yuan(card, "shown_price", price_on(page, years));
	if (text_equal(word, "agreement_changed"))
		card_say(card, "shown_agreement",
			json_peek_text(json_object_get(page, "agreement"), "version"));
	if (text_equal(word, "attachment_refused") || text_equal(word, "handler_refused"))
		card_say(card, "reason", "as the page says");
}

static void sit_down(struct card *card, const json_t *page, int64_t years)
{
	JSON *view = NULL;
	JSON *reply = NULL;
	int status = 0;

	oracle_on_sitting(card->world, card->renewal, "open", card->task->values);
	reply = card_post(card, "apply", sitting_body(card, page, years), &status);
	view = left_there(card);
	if (world_errs(card->world, 100000))
		return; /* called away before writing anything down */
	if (view != NULL)
		say_submitted(card, view);
	else
		say_stopped(card, refusal_word(json_peek_text(reply, "code")), page, years);
}

/* 1年 */
static int64_t years_of(const char *shown)
{
	OWNED char *digits = text_dupf("%.*s", (int)strspn(shown, "0123456789"), shown);
	int64_t years = 0;

	return number_parse(&years, digits, 1, INT16_MAX) ? years : 0;
}

static void apply(struct card *card)
{
	OWNED char *path = text_dupf("page?serial=%s", card_shows(card, "serial"));
	JSON *view = left_there(card);
	JSON *page = NULL;
	const char *stops;
	int64_t years = years_of(card_shows(card, "term"));
	int status = 0;

	if (view != NULL) {
		say_submitted(card, view);
		return;
	}
	page = card_page(card, path, &status);
	stops = difference(card, page, years);
	if (stops != NULL)
		say_stopped(card, stops, page, years);
	else
		sit_down(card, page, years);
}

static void remit(struct card *card)
{
	const char *number = card_shows(card, "application"), *reason, *word;
	bool waits;
	JSON *before = card_application(card, number);
	JSON *after = NULL;

	word = verdict(before, &reason, &waits);
	if (waits)
		return;
	if (!text_equal(word, "verified")) {
		declare(card, number);
		after = card_application(card, number);
		word = verdict(after, &reason, &waits);
	}
	if (world_errs(card->world, 100000))
		return;
	card_say(card, "result", word);
	card_say(card, "remittance_reason", reason);
}

/* ---- a card in somebody's hands ---- */

static const struct {
	const char *kind;
	void (*work)(struct card *card);
} works[] = {
	{ "bind", bind },
	{ "apply", apply },
	{ "remit", remit },
	{ "review", after_review },
	{ "install_by_person", after_install },
	{ "invoice_file", after_invoice },
	{ "withdraw_at_ca", after_withdraw },
	{ "refund_of_ca", after_refund },
};

bool sittings_is_card(const struct row_task *task)
{
	return json_object_get(task->values, "asks") != NULL;
}

static bool is_held(const struct world *world, const struct row_renewal *renewal)
{
	const struct row_set *set = store_get(&world->store->set, renewal->set);

	return store_is_held(world->store, set->unit, renewal->ca);
}

/* It comes again and again: somebody gives it up. */
static bool is_hopeless(const struct card *card)
{
	int times = 0;

	for (const struct row_task *task = card->renewal->tasks; task != NULL; task = task->older)
		times += strcmp(task->kind, card->task->kind) == 0;
	return times > 2 * PATIENCE && card->world->calm;
}

/* A word that the card does not know, or that means nothing yet. */
static void slip(struct card *card)
{
	const char *kind = card->task->kind;
	bool can_wait = text_equal(kind, "bind") || text_equal(kind, "apply");

	if (json_object_get(card->answer, "result") == NULL)
		return;
	if (world_errs(card->world, 30000)) {
		(void)json_object_clear(card->answer);
		card_say(card, "result", "perhaps");
	} else if (can_wait && world_errs(card->world, 30000)) {
		(void)json_object_clear(card->answer);
		card_say(card, "result", "not_done");
	}
}

json_t *sittings_work(struct world *world, const struct row_task *task)
{
	struct card card = { .world = world,
		.task = task,
		.renewal = store_get(&world->store->renewal, task->renewal),
		.answer = json_object() };

	if (is_hopeless(&card))
		answers_withdraw(world, card.renewal->id);
	for (size_t i = 0; !is_held(world, card.renewal) && i < COUNT_OF(works); i++)
		if (strcmp(works[i].kind, task->kind) == 0)
			works[i].work(&card);
	slip(&card);
	if (json_object_size(card.answer) > 0)
		world_line(world, "card of renewal %" PRId64 ": %s: %s", card.renewal->id,
			task->kind,
			json_peek_text(card.answer, "result") != NULL
				? json_peek_text(card.answer, "result")
				: "");
	if (json_object_size(card.answer) > 0)
		return card.answer;
	json_decref(card.answer);
	return NULL;
}
