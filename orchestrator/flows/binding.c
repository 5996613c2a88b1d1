/* SPDX-License-Identifier: Apache-2.0 */
/* 微信绑定数字证书 (guide chapter 2).  The QR text is a bearer secret: it goes into the handler's task and nowhere
 * else.  One code may bind several certificates; what is bound stays bound and is used again. */
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "common/version.h"
#include "orchestrator/flows/turns.h"

/* The end of another code wakes whose turn it is; should that be lost, it is looked for again. */
enum { BUSY_SECONDS = 300 };

/* Guide chapter 1: client version at or above the minimum before anything else. */
static bool client_is_new_enough(const struct stage_run *run)
{
	const char *has = stage_text(run, "token.client_version");
	const char *needs = stage_text(run, "campaign.policy.minimum_client_version");
	int order;

	if (has == NULL) /* no agent: what the person read (主程序版本号) */
		has = stage_text(run, "facts.client_version");

	return has != NULL && needs != NULL && version_compare(&order, has, needs) && order >= 0;
}

/* Where no agent sees the workstation, the person who binds there reads the version off and gives it back. */
static bool a_person_will_look(const struct stage_run *run)
{
	return stage_can(run, CAN_PERSON_INSTALLS) &&
		stage_text(run, "token.workstation") == NULL &&
		stage_text(run, "facts.client_version") == NULL;
}

static enum stage_next wait_for_client(struct stage_run *run)
{
	const char *has = stage_text(run, "token.client_version");
	const char *where = stage_text(run, "token.workstation_name");
	OWNED char *text = text_dupf(
		"The client (网证通安全客户端) of workstation %s is %s; %s or newer is needed (主程序版本号). "
		"Install the new client; the agent reports its version by itself.",
		where != NULL ? where : "(none has reported the token)",
		has != NULL ? has : "unknown",
		stage_text(run, "campaign.policy.minimum_client_version"));

	stage_task(run,
		json_pack("{s:s, s:s, s:s, s:s, s:s}", "kind", "client_version", "role", "operator",
			"title", "Update the client of a workstation", "instruction", text,
			"if_ignored",
			"No application is made and nothing is paid for this token."));
	return stage_await(run, "client_version");
}

/* The QR is for the named handler (经办人) alone: without one nobody could see it. */
static enum stage_next wait_for_handler(struct stage_run *run)
{
	stage_task(run,
		json_pack("{s:s, s:s, s:s, s:s, s:s}", "kind", "handler", "role", "operator",
			"title", "Name the handler (经办人) of a certificate", "instruction",
			"Give this certificate a handler: a line with its handler in a list for xuqi cert import.",
			"if_ignored", "No application is made."));
	return stage_await(run, "handler");
}

static json_t *binding_body(const struct stage_run *run)
{
	return json_pack("{s:s?, s:{s:s, s:s}}", "media_no", stage_text(run, "set.media_no"),
		"certificate", "issuer_sha256", stage_text(run, "certificates.0.issuer_sha256"),
		"serial", stage_text(run, "certificates.0.serial"));
}

/* ---- a code for the handler ---- */

/* A binding that the CA keeps, of an earlier renewal or of a sibling's QR, is used again. */
static enum stage_next bound_already(struct stage_run *run)
{
	stage_fact_text(run, "certificate_id", stage_text(run, "binding.certificate_id"));
	stage_close_task(run, "bind");
	stage_close_task(run, "bind_again");
	return stage_move(run, ON_BINDING_CONFIRMED, "a binding that is still valid is used again");
}

static enum stage_next binding_decide(struct stage_run *run)
{
	const char *binding = stage_text(run, "facts.binding_id");
	bool looks = a_person_will_look(run);

	if (!looks && !client_is_new_enough(run))
		return wait_for_client(run);
	if (stage_text(run, "handler.id") == NULL)
		return wait_for_handler(run);
	stage_close_task(run, "client_version");
	stage_close_task(run, "handler");
	if (!looks && stage_text(run, "binding.certificate_id") != NULL)
		return bound_already(run);
	if (text_equal(stage_text(run, "tasks.bind_differs.state"), "open"))
		return stage_await(run, "binding_differs");
	if (stage_text(run, "certificates.0.serial") == NULL)
		return stage_await(run, "token"); /* no agent has seen the certificate yet */
	if (binding == NULL && stage_can(run, CAN_SHOWS_QR) &&
		json_is_false(stage_at(run, "qr_turn")))
		return stage_wait(run, "handler_busy", BUSY_SECONDS);
	if (binding == NULL)
		return stage_call(run, CONNECTOR_BIND, NULL, binding_body(run));
	return stage_call(run, CONNECTOR_BIND_STATUS, binding, NULL);
}

static json_t *wanted(const struct stage_run *run)
{
	return json_pack("{s:s?, s:s?, s:s?, s:s?, s:s?}", "media_no",
		stage_text(run, "set.media_no"), "holder", stage_text(run, "set.holder"), "service",
		stage_text(run, "set.service"), "not_after", stage_text(run, "set.not_after"),
		"serial", stage_text(run, "certificates.0.serial"));
}

/* due_at is when the code runs out: the page counts down to it (剩余有效时间). */
static void show_code(struct stage_run *run)
{
	const char *expires_at = json_peek_text(run->outcome.data, "expires_at");
	json_t *values = wanted(run);

	json_put_text(values, "expires_at", expires_at);
	json_put_number(values, "code", stage_number(run, "facts.codes", 0) + 1);
	stage_task(run,
		json_pack("{s:s, s:s?, s:s, s:s?, s:s?, s:o, s:[]}", "kind", "bind", "assignee",
			stage_text(run, "handler.id"), "instruction",
			"Scan the QR code with the WeChat that follows 网证通CA, compare holder, service and expiry with the values "
			"below, and press 确认绑定; if they differ, press 取消. The code lives 30 minutes (until expires_at) and is for you "
			"alone. At a counter (现场办理) a clerk shows a code instead: the renewal goes on as soon as the CA tells of the binding.",
			"secret", json_peek_text(run->outcome.data, "qr_text"), "due_at",
			expires_at, "values", values, "needs"));
}

/* ---- what the confirm page showed ---- */

enum { SHANGHAI_HOURS = 8, CODES_BEFORE_WARNING = 3 };

/* The day in Shanghai of an instant in RFC 3339, or -1. */
static int64_t day_of(const char *text)
{
	int64_t at;

	if (text == NULL || !clock_parse(&at, text))
		return -1;
	return (at + SHANGHAI_HOURS * INT64_C(3600) * CLOCK_SECOND) / CLOCK_DAY;
}

/* By issuer and serial where the page shows them, else by holder, service and day of expiry; a missing media number
 * (--) differs from none. */
static bool is_wanted(const struct stage_run *run, const json_t *shown)
{
	const char *media = json_peek_text(shown, "media_no"),
		   *ours = stage_text(run, "set.media_no");

	if (json_peek_text(shown, "serial") != NULL)
		return text_equal(json_peek_text(shown, "serial"),
			       stage_text(run, "certificates.0.serial")) &&
			text_equal(json_peek_text(shown, "issuer_sha256"),
				stage_text(run, "certificates.0.issuer_sha256"));
	return (media == NULL || ours == NULL || text_equal(media, ours)) &&
		text_equal(json_peek_text(shown, "holder"), stage_text(run, "set.holder")) &&
		text_equal(json_peek_text(shown, "service"), stage_text(run, "set.service")) &&
		day_of(json_peek_text(shown, "not_after")) ==
		day_of(stage_text(run, "set.not_after"));
}

/* How many of the shown certificates can be the wanted one; the last of them into FOUND. */
static size_t count_wanted(const struct stage_run *run, const json_t **found)
{
	const json_t *item, *list = json_object_get(run->outcome.data, "certificates");
	size_t i, count = 0;

	json_array_foreach(list, i, item)
	{
		if (!is_wanted(run, item))
			continue;
		*found = item;
		count++;
	}
	return count;
}

/* The task that shows what was wanted beside what the phone showed.  Another code is made once it is answered. */
static void ask_about_differences(struct stage_run *run, const char *what)
{
	json_t *values = wanted(run);
	OWNED char *text = text_dupf(
		"%s. Compare the values below with the token that was plugged in and with `shown`. Plug in the right token or ask the "
		"right person, then finish this task with again=yes: a new code is made.",
		what);

	json_put_text(values, "bound_to", stage_text(run, "binding.account"));
	(void)json_object_set(values, "shown", json_object_get(run->outcome.data, "certificates"));
	stage_task(run,
		json_pack("{s:s, s:s?, s:s, s:[s], s:o}", "kind", "bind_differs", "assignee",
			stage_text(run, "handler.id"), "instruction", text, "needs", "again",
			"values", values));
}

/* A new code under a new key; after some of them somebody looks why. */
static enum stage_next next_code(struct stage_run *run, const char *why)
{
	int64_t codes = stage_number(run, "facts.codes", 0) + 1;

	stage_fact(run, "binding_id", json_null());
	stage_fact(run, "codes", json_integer(codes));
	stage_close_task(run, "bind");
	if (codes >= CODES_BEFORE_WARNING) {
		OWNED char *text = text_dupf(
			"%lld QR codes of this certificate were not confirmed. Call the handler: who scans must have the token's WeChat "
			"and 30 minutes. Another code is ready; finish this task with seen=yes.",
			(long long)codes);

		stage_task(run,
			json_pack("{s:s, s:s, s:[s], s:{s:s?, s:I}}", "kind", "bind_again",
				"instruction", text, "needs", "seen", "values", "handler",
				stage_text(run, "handler.login"), "codes", (json_int_t)codes));
	}
	return stage_move(
		run, ON_BINDING_EXPIRED, "%s; a new code is made (%lld)", why, (long long)codes);
}

/* What the CA confirmed, each with the account that it is bound to where the CA or the person said which. */
static json_t *bound_list(const struct stage_run *run)
{
	json_t *item, *list = json_deep_copy(json_object_get(run->outcome.data, "certificates"));
	size_t i;

	json_array_foreach(list, i, item)
		json_put_text(item, "account", json_peek_text(run->outcome.data, "account"));
	return list;
}

/* Whoever takes over from this handler must know which WeChat to unbind.  Blocks nothing. */
static void ask_for_account(struct stage_run *run)
{
	if (json_peek_text(run->outcome.data, "account") != NULL)
		return;
	stage_task(run,
		json_pack("{s:s, s:s?, s:s, s:[s], s:{s:s?, s:s?}}", "kind", "bound_account",
			"assignee", stage_text(run, "handler.id"), "instruction",
			"The binding is confirmed, and the CA does not say to which WeChat. Write down its nickname or WeChat id "
			"(微信昵称或微信号, no password): finish this task with wechat=WHICH. What one QR code bound needs one answer.",
			"needs", "wechat", "values", "holder", stage_text(run, "set.holder"),
			"service", stage_text(run, "set.service")));
}

static enum stage_next binding_is_confirmed(struct stage_run *run)
{
	const json_t *certificate = NULL;
	size_t count = count_wanted(run, &certificate);

	if (count != 1) {
		ask_about_differences(run,
			count == 0 ? "The phone's confirm page did not list the wanted certificate"
				   : "The phone's confirm page lists several that could be it");
		return next_code(run, "what was confirmed is not this certificate");
	}
	stage_put(run, "bound", bound_list(run));
	ask_for_account(run);
	stage_fact_text(run, "certificate_id", json_peek_text(certificate, "id"));
	if (json_peek_text(run->outcome.data, "client_version") != NULL)
		stage_fact_text(
			run, "client_version", json_peek_text(run->outcome.data, "client_version"));
	stage_close_task(run, "bind");
	stage_close_task(run, "bind_again");
	return stage_move(
		run, ON_BINDING_CONFIRMED, "the handler confirmed the binding (确认绑定)");
}

/* Cancelled on the phone: by the wrong account, or because the page showed another certificate. */
static enum stage_next binding_has_ended(struct stage_run *run, const char *state)
{
	const json_t *failed = json_object_get(run->outcome.data, "failed"), *shown = NULL;
	const char *code = json_peek_text(failed, "code"), *text = json_peek_text(failed, "text");
	bool other = text_equal(code, "BINDING_OTHER_ACCOUNT");
	OWNED char *why = text_dupf("the QR code was %s%s%s",
		text_equal(state, "expired") ? "not scanned within 30 minutes" : state,
		text != NULL ? ": " : "", text != NULL ? text : "");

	if (other)
		ask_about_differences(run,
			"The WeChat that scanned belongs to another account of the CA (BINDING_OTHER_ACCOUNT): the handler's own must scan");
	else if (text_equal(state, "cancelled") && count_wanted(run, &shown) != 1)
		ask_about_differences(
			run, "The handler pressed 取消: the page showed other certificates");
	return next_code(run, why);
}

static enum stage_next binding_refused(struct stage_run *run)
{
	if (text_equal(run->outcome.code, "BINDING_EXPIRED") ||
		text_equal(run->outcome.code, "BINDING_CANCELLED"))
		return next_code(run, run->outcome.text);
	if (text_equal(run->outcome.code, "BINDING_OTHER_ACCOUNT")) {
		ask_about_differences(run,
			"The certificate is bound to another account of the CA: unbind it there, or at a counter (现场办理)");
		return stage_await(run, "binding_differs");
	}
	return stage_refused(run);
}

/* A code is as young as it is, however long its renewal stood in line: others of its handler wait for its end. */
static enum stage_next poll_code(struct stage_run *run)
{
	int64_t seconds = run->app->settings.poll_first_seconds;

	if ((int64_t)run->outcome.retry_s > seconds)
		seconds = run->outcome.retry_s;
	return stage_wait(run, "binding", seconds);
}

static enum stage_next binding_settle(struct stage_run *run)
{
	const char *state = json_peek_text(run->outcome.data, "state");

	if (run->outcome.kind == OUTCOME_REFUSED)
		return binding_refused(run);
	if (run->call.op == CONNECTOR_BIND)
		stage_fact_text(run, "binding_id", json_peek_text(run->outcome.data, "id"));
	if (text_equal(state, "confirmed"))
		return binding_is_confirmed(run);
	if (text_equal(state, "expired") || text_equal(state, "cancelled"))
		return binding_has_ended(run, state);
	if (run->call.op == CONNECTOR_BIND)
		show_code(run);
	return poll_code(run);
}

const struct stage binding_stage = { RENEWAL_BINDING, binding_decide, binding_settle };

/* ---- bound: the application is opened, or, where the CA wants it, paid first ---- */

static enum stage_next pay_first(struct stage_run *run)
{
	int64_t amount = stage_number(run, "approved_fen", 0);
	enum stage_next next;

	if (stage_text(run, "order.id") == NULL && plan_is_outdated(run, &next))
		return next;
	if (stage_text(run, "order.id") == NULL) {
		if (!order_open(run, amount, false))
			return stage_await(run, "payer");
		stage_put(run, "quoted_fen", json_integer(amount));
	}

	OWNED char *fee = stage_yuan(amount);

	return stage_move(run, ON_PAYMENT_OPENED, "to be paid before it is applied for: %s", fee);
}

static enum stage_next bound_decide(struct stage_run *run)
{
	if (!client_is_new_enough(run))
		return wait_for_client(run);
	return stage_can(run, CAN_PAY_FIRST) ? pay_first(run) : opening_decide(run);
}

const struct stage bound_stage = { RENEWAL_BOUND, bound_decide, opening_settle };
