/* SPDX-License-Identifier: Apache-2.0 */
/* The story of one round: make the slot's digests, then take one notice after another, send it and settle it.  A
 * notice is taken (its attempt is durable) before it is sent; one that nobody settled is not sent again. */
#include "orchestrator/flows/notifying.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/digest.h"
#include "common/file.h"
#include "common/log.h"
#include "common/secret.h"
#include "common/text.h"
#include "orchestrator/domain/calendar.h"
#include "orchestrator/domain/mail.h"
#include "orchestrator/domain/notice.h"
#include "orchestrator/domain/personal.h"
#include "orchestrator/loop/db.h"
#include "orchestrator/loop/outbound.h"
#include "orchestrator/loop/outbound_mail.h"
#include "orchestrator/loop/rounds.h"
#include "sql.h"

#define OFFICE_ZONE  (INT64_C(8) * 3600 * CLOCK_SECOND) /* Asia/Shanghai */
#define CLOCK_MINUTE (INT64_C(60) * CLOCK_SECOND)

enum {
	LOOK_MS = 10000,
	CLAIM_SECONDS = 300, /* longer than any sending may take */
	ATTEMPTS_MAX = 8,
	RETRY_FIRST_SECONDS = 30,
	RETRY_MAX_SECONDS = 3600,
	MINUTE_MS = 60000,
	ERROR_MAX = 200
};

struct notifying {
	struct app *app;
	struct rounds *rounds;
	struct notice_template *mail, *robot; /* NULL: the channel is not set up */
	struct secret password, robot_url, robot_secret;
	int64_t made_slot;    /* whose digests are made */
	json_t *digest;       /* the notice under way */
	struct fault trouble; /* why it was not even tried; kind NONE: it was */
};

static bool by_mail(const struct notifying *notifying)
{
	return text_equal(json_peek_text(notifying->digest, "channel"), "email");
}

/* ---- making the slot's digests ---- */

static int64_t slot_of(const struct notifying *notifying, int64_t now)
{
	int64_t period = notifying->app->settings.notify_period_minutes * CLOCK_MINUTE;

	return now - (now + OFFICE_ZONE) % period;
}

static enum flow_next notifying_make(struct flow *flow, void *self)
{
	struct notifying *notifying = self;
	const struct calendar *calendar = notifying->app->calendar;
	int64_t now = clock_now(), slot = slot_of(notifying, now);
	int64_t before = slot - notifying->app->settings.notify_period_minutes * CLOCK_MINUTE;
	bool first = !calendar_is_office_time(calendar, before);
	char text[CLOCK_TEXT];

	if (!calendar_is_office_time(calendar, now) || slot == notifying->made_slot)
		return flow_jump(flow, "claim");
	notifying->made_slot = slot;
	clock_format(text, slot);
	return db_begin(notifying->app->db, flow, sql_digests_make,
		DB_ARGS(text, first ? "true" : "false",
			notifying->mail == NULL            ? "{webhook}"
				: notifying->robot == NULL ? "{email}"
							   : "{email,webhook}"));
}

/* ---- one notice ---- */

static enum flow_next notifying_claim(struct flow *flow, void *self)
{
	struct notifying *notifying = self;
	OWNED char *seconds = text_dupf("%d", CLAIM_SECONDS);

	if (rounds_stopped(notifying->rounds))
		return FLOW_DONE;
	return db_begin(notifying->app->db, flow, sql_notice_claim, DB_ARGS(seconds));
}

/* The owner's address in clear (free it); NULL with a fault. */
static char *address_of(const struct notifying *notifying, struct fault *fault)
{
	const char *email = json_peek_text(notifying->digest, "email");

	if (email != NULL && personal_is_reference(email))
		return personal_open(email, notifying->app->seals, fault);
	return text_dup(email != NULL ? email : "");
}

/* NULL with a fault if there is nobody to send it to. */
static char *message_for(const struct notifying *notifying, const char *to, struct fault *fault)
{
	const struct settings *settings = &notifying->app->settings;
	OWNED char *id = text_dupf("digest-%lld.%s%s",
		(long long)json_peek_number(notifying->digest, "digest", 0),
		json_peek_text(notifying->digest, "install_id"), strchr(settings->smtp_from, '@'));
	CLEANUP(notice_donep) struct notice notice;

	notice_render(&notice, notifying->mail, notifying->digest);
	return mail_compose(&(struct mail){ .from = settings->smtp_from,
				    .to = to,
				    .subject = notice.subject,
				    .text = notice.text,
				    .message_id = id,
				    .at = clock_now() },
		fault);
}

static const char *unless_empty(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

static enum flow_next send_mail(struct flow *flow, struct notifying *notifying)
{
	const struct settings *settings = &notifying->app->settings;
	OWNED char *to = address_of(notifying, &notifying->trouble);
	OWNED char *message = to != NULL ? message_for(notifying, to, &notifying->trouble) : NULL;

	if (message == NULL)
		return flow_jump(flow, "settle");
	return outbound_mail_begin(notifying->app->outbound, flow,
		&(struct outbound_mail){ .url = settings->smtp_url,
			.ca_file = unless_empty(settings->smtp_ca_file),
			.user = unless_empty(settings->smtp_user),
			.password = &notifying->password,
			.from = settings->smtp_from,
			.to = to,
			.message = message });
}

static enum flow_next send_to_robot(struct flow *flow, struct notifying *notifying)
{
	static const char *const headers[] = { "Content-Type: application/json; charset=utf-8",
		NULL };
	const struct secret *secret =
		notifying->robot_secret.len > 0 ? &notifying->robot_secret : NULL;
	OWNED char *address = text_dupf(
		"%.*s", (int)notifying->robot_url.len, (const char *)notifying->robot_url.bytes);
	OWNED char *url = notice_url(notifying->robot, address, secret, clock_now());
	CLEANUP(notice_donep) struct notice notice;

	notice_render(&notice, notifying->robot, notifying->digest);
	JSON *body = notice_body(notifying->robot, &notice, secret, clock_now());
	OWNED char *text = json_write(body);
	return outbound_begin(notifying->app->outbound, flow,
		&(struct outbound_request){ .method = "POST",
			.url = url,
			.headers = headers,
			.body = text,
			.body_len = strlen(text),
			.ca_file = unless_empty(notifying->app->settings.robot_ca_file) });
}

static enum flow_next notifying_send(struct flow *flow, void *self)
{
	struct notifying *notifying = self;
	const PGresult *rows = flow_rows(flow);
	struct fault fault;

	if (PQgetisnull(rows, 0, 0))
		return FLOW_DONE;
	json_decref(notifying->digest);
	notifying->digest =
		json_read(PQgetvalue(rows, 0, 0), (size_t)PQgetlength(rows, 0, 0), &fault);
	if (notifying->digest == NULL)
		return flow_fail_with(flow, &fault);
	notifying->trouble.kind = FAULT_NONE;
	if (by_mail(notifying) ? notifying->mail == NULL : notifying->robot == NULL) {
		(void)fault_set(
			&notifying->trouble, FAULT_INPUT, "its channel is not set up any more");
		return flow_jump(flow, "settle");
	}
	return by_mail(notifying) ? send_mail(flow, notifying) : send_to_robot(flow, notifying);
}

/* ---- what became of it ---- */

struct outcome_of {
	const char *state; /* of the delivery */
	char error[ERROR_MAX];
};

static struct outcome_of failed_call(const struct fault *fault)
{
	struct outcome_of is = { .state = "due" };
	OWNED char *clean = notice_scrub(fault->text);

	if (fault->kind == FAULT_UNSURE)
		is.state = "unsure";
	else if (fault->kind != FAULT_LATER)
		is.state = "failed";
	(void)snprintf(is.error, sizeof is.error, "%s", clean);
	return is;
}

/* A robot says in JSON whether it took the message; what it says otherwise (too many, maintenance) may pass. */
static struct outcome_of robot_answer(const struct notifying *notifying, const struct reply *reply)
{
	struct outcome_of is = { .state = "sent" };
	struct fault fault;
	JSON *answer = json_read(reply->body, reply->len, &fault);
	OWNED char *clean = notice_scrub(reply->body);

	if (reply->status == 200 && answer != NULL && notice_was_accepted(notifying->robot, answer))
		return is;
	is.state = reply->status >= 400 && reply->status < 429 ? "failed" : "due";
	(void)snprintf(
		is.error, sizeof is.error, "the robot answered %ld: %.120s", reply->status, clean);
	return is;
}

static struct outcome_of read_outcome(const struct notifying *notifying, const struct reply *reply)
{
	if (notifying->trouble.kind != FAULT_NONE)
		return failed_call(&notifying->trouble);
	if (reply->status == 0)
		return failed_call(&reply->fault);
	if (!by_mail(notifying))
		return robot_answer(notifying, reply);
	return (struct outcome_of){ .state = "sent" };
}

/* Doubling from half a minute to an hour, the second half of each pause at random. */
static double pause_after(int64_t attempts)
{
	int64_t seconds = RETRY_FIRST_SECONDS;
	uint32_t random;

	for (int64_t i = 1; i < attempts && seconds < RETRY_MAX_SECONDS; i++)
		seconds *= 2;
	if (seconds > RETRY_MAX_SECONDS)
		seconds = RETRY_MAX_SECONDS;
	random_bytes(&random, sizeof random);
	return (double)seconds / 2 + (double)seconds / 2 * ((double)random / (double)UINT32_MAX);
}

static enum flow_next notifying_settle(struct flow *flow, void *self)
{
	struct notifying *notifying = self;
	int64_t attempts = json_peek_number(notifying->digest, "attempts", 1);
	struct outcome_of is = read_outcome(notifying, flow_reply(flow));
	OWNED char *id =
		text_dupf("%lld", (long long)json_peek_number(notifying->digest, "notice", 0));
	OWNED char *attempt = text_dupf("%lld", (long long)attempts);
	OWNED char *seconds = text_dupf("%.3f", pause_after(attempts));

	if (text_equal(is.state, "due") && attempts >= ATTEMPTS_MAX)
		is.state = "failed";
	log_info("notice.settled", LOG_TEXT("notice", id),
		LOG_TEXT("channel", json_peek_text(notifying->digest, "channel")),
		LOG_TEXT("owner", json_peek_text(notifying->digest, "login")),
		LOG_TEXT("state", is.state), LOG_TEXT("error", is.error));
	return db_begin(notifying->app->db, flow, sql_notice_settle,
		DB_ARGS(id, attempt, is.state, seconds, is.error[0] != '\0' ? is.error : NULL));
}

/* Robots take so many messages a minute and no more. */
static enum flow_next notifying_pace(struct flow *flow, void *self)
{
	struct notifying *notifying = self;

	if (by_mail(notifying))
		return FLOW_NEXT;
	return flow_pause(flow, (unsigned)(MINUTE_MS / notifying->app->settings.robot_per_minute));
}

static enum flow_next notifying_again(struct flow *flow, void *self)
{
	(void)self;
	return flow_jump(flow, "claim");
}

static const struct flow_step notifying_steps[] = {
	{ "make", notifying_make },     /* the slot's digests, once */
	{ "claim", notifying_claim },   /* the next notice that is due, its attempt durable */
	{ "send", notifying_send },     /* render what is open now, hand it over */
	{ "settle", notifying_settle }, /* sent, again later, refused, or nobody knows */
	{ "pace", notifying_pace },
	{ "again", notifying_again },
	{ NULL, NULL },
};

static void notifying_finished(void *self, const struct fault *fault)
{
	struct notifying *notifying = self;

	if (fault != NULL) /* perhaps it was not made; making it again changes nothing */
		notifying->made_slot = 0;
	if (fault != NULL && !rounds_stopped(notifying->rounds))
		log_warn("notifying.failed", LOG_FAULT(fault));
	rounds_end(notifying->rounds, LOOK_MS);
}

static struct flow_kind notifying_kind = { "notifying", notifying_steps, notifying_finished, 1, 0 };

/* ---- life ---- */

static struct notice_template *read_template(
	const struct settings *settings, const char *name, struct fault *fault)
{
	OWNED char *file = text_dupf("%s/%s.yaml", settings->notify_templates, name);
	size_t len;
	OWNED char *bytes = file_read(file, NOTICE_TEMPLATE_MAX, &len, fault);

	if (bytes != NULL) {
		struct notice_template *template = notice_template_read(file, bytes, len, fault);
		if (template != NULL)
			return template;
	}
	(void)fault_prefix(fault, "notify.templates");
	return NULL;
}

static bool open_mail(struct notifying *notifying, struct fault *fault)
{
	const struct settings *settings = &notifying->app->settings;

	if (settings->smtp_url[0] == '\0')
		return true;
	notifying->mail = read_template(settings, "email", fault);
	if (notifying->mail == NULL)
		return false;
	return settings->smtp_user[0] == '\0' ||
		secret_read_file(&notifying->password, settings->smtp_password_file, fault) ||
		fault_prefix(fault, "notify.smtp.password_file");
}

static bool open_robot(struct notifying *notifying, struct fault *fault)
{
	const struct settings *settings = &notifying->app->settings;

	if (settings->robot_kind[0] == '\0')
		return true;
	notifying->robot = read_template(settings, settings->robot_kind, fault);
	if (notifying->robot == NULL)
		return false;
	if (notifying->robot->body == NULL)
		return fault_set(fault, FAULT_INPUT, "notify.webhook.kind: %s.yaml has no body",
			settings->robot_kind);
	if (!secret_read_file(&notifying->robot_url, settings->robot_url_file, fault))
		return fault_prefix(fault, "notify.webhook.url_file");
	return settings->robot_secret_file[0] == '\0' ||
		secret_read_file(&notifying->robot_secret, settings->robot_secret_file, fault) ||
		fault_prefix(fault, "notify.webhook.secret_file");
}

struct notifying *notifying_new(struct app *app, struct fault *fault)
{
	struct notifying *notifying = zalloc(1, sizeof *notifying);

	notifying->app = app;
	notifying->rounds = rounds_new(app->base, app->engine, &notifying_kind, notifying);
	if (!open_mail(notifying, fault) || !open_robot(notifying, fault)) {
		notifying_free(notifying);
		return NULL;
	}
	if (notifying->mail != NULL || notifying->robot != NULL)
		rounds_wake(notifying->rounds);
	return notifying;
}

void notifying_stop(struct notifying *notifying)
{
	rounds_stop(notifying->rounds);
}

void notifying_free(struct notifying *notifying)
{
	if (notifying == NULL)
		return;
	rounds_free(notifying->rounds);
	notice_template_free(notifying->mail);
	notice_template_free(notifying->robot);
	secret_done(&notifying->password);
	secret_done(&notifying->robot_url);
	secret_done(&notifying->robot_secret);
	json_decref(notifying->digest);
	free(notifying);
}
