/* SPDX-License-Identifier: Apache-2.0 */
/* 数字证书更新 (guide chapter 4): the agent of the workstation installs, one token at a time.  Here is decided
 * whose turn it is, which token a person must plug in, and what each of the agent's outcomes leads to. */
#include <string.h>

#include "common/text.h"
#include "orchestrator/flows/turns.h"

/* After so long without a result the agent that holds a permit is taken for silent. */
enum { PERMIT_SILENCE_SECONDS = 3600 };

static bool order_is(const struct stage_run *run, const char *state)
{
	return text_equal(stage_text(run, "install.state"), state);
}

static void ask_for_token(struct stage_run *run)
{
	OWNED char *title = text_dupf("Plug token %s into workstation %s",
		stage_text(run, "token.label"), stage_text(run, "token.workstation_name"));

	stage_task(run,
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?, s:s?, s:{s:s?, s:s?, s:s?}}", "kind",
			"insert_token", "role", "operator", "title", title, "instruction",
			"Plug in this token alone, and leave it in until the task is done: one U-KEY at a time, never pulled out "
			"during the installation. The task closes itself when the agent sees the token.",
			"if_ignored", "The new certificate is not installed.", "workstation",
			stage_text(run, "token.workstation"), "token", stage_text(run, "token.id"),
			"values", "token_serial", stage_text(run, "token.serial"), "token_label",
			stage_text(run, "token.label"), "place", stage_text(run, "token.place")));
}

static void ask_about_pin(struct stage_run *run)
{
	OWNED char *text = text_dupf(
		"The stored PIN of token %s was presented at most once and is barred now (%s). Do not try it again by "
		"machine. Find out the right PIN with the custodian, or have it reset (解锁 / 忘记密码) with the data of the "
		"last handler; store it anew on the workstation, clear the agent's ledger (xuqi-agent pin clear), then "
		"finish this task with remedy=cleared.",
		stage_text(run, "token.serial"),
		stage_text(run, "install.outcome") != NULL ? stage_text(run, "install.outcome")
							   : "no result came");

	stage_task(run,
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?, s:s?, s:[s], s:{s:s?, s:s?, s:s?}}",
			"kind", "pin", "role", "operator", "title",
			"The PIN of a token was refused", "instruction", text, "if_ignored",
			"The new certificate is not installed; no further try is spent.",
			"workstation", stage_text(run, "token.workstation"), "token",
			stage_text(run, "token.id"), "needs", "remedy", "values", "token_serial",
			stage_text(run, "token.serial"), "token_label",
			stage_text(run, "token.label"), "handler",
			stage_text(run, "handler.login")));
}

static void ask_about_install(struct stage_run *run)
{
	const char *error = stage_text(run, "install.result.error");
	OWNED char *text = text_dupf(
		"The agent did not install (%s)%s%s. Nothing was written. Put it right, then finish this task "
		"with retry=yes.",
		stage_text(run, "install.outcome"), error != NULL ? ": " : "",
		error != NULL ? error : "");

	stage_task(run,
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?, s:s?, s:[s]}", "kind", "install", "role",
			"operator", "title", "The agent cannot install a certificate",
			"instruction", text, "if_ignored", "The new certificate is not installed.",
			"workstation", stage_text(run, "token.workstation"), "token",
			stage_text(run, "token.id"), "needs", "retry"));
}

static enum stage_next queue_again(struct stage_run *run, bool moves)
{
	stage_put(run, "requeue_install", json_true());
	if (moves)
		return stage_move(run, ON_INSTALL_WAITS, "the installation is queued again");
	return stage_wait(run, "token", run->app->settings.poll_first_seconds);
}

/* What an outcome without a use of the PIN leads to, and what one with it does. */
enum remedy {
	REMEDY_PROVEN,
	REMEDY_AGAIN,
	REMEDY_ALONE,
	REMEDY_PIN,
	REMEDY_PERSON,
	REMEDY_QUARANTINE
};

static const struct {
	const char *outcome;
	enum remedy remedy;
} remedies[] = {
	{ "installed", REMEDY_PROVEN },
	{ "token_absent", REMEDY_AGAIN },
	{ "token_several", REMEDY_ALONE },
	{ "token_other", REMEDY_AGAIN },
	{ "interrupted", REMEDY_AGAIN },
	{ "pin_incorrect", REMEDY_PIN },
	{ "pin_unsure", REMEDY_PIN },
	{ "pin_barred", REMEDY_PIN },
	{ "pin_low", REMEDY_PERSON },
	{ "pin_absent", REMEDY_PERSON },
	{ "token_full", REMEDY_PERSON },
	{ "client_old", REMEDY_PERSON },
	{ "order_bad", REMEDY_PERSON },
	{ "readback_failed", REMEDY_QUARANTINE },
};

static enum remedy remedy_of(const char *outcome)
{
	for (size_t i = 0; i < COUNT_OF(remedies); i++)
		if (text_equal(remedies[i].outcome, outcome))
			return remedies[i].remedy;
	return REMEDY_PERSON;
}

/* Once the person's task is done (and the bar, if any, cleared) the order is queued again. */
static enum stage_next remedied_by_person(struct stage_run *run, const char *task, bool moves)
{
	bool pin = text_equal(task, "pin");

	if (json_is_object(stage_at(
		    run, "facts.withdraw"))) { /* nothing whole was written: it can be left */
		stage_close_task(run, task);
		return queue_again(run, moves);
	}
	if (stage_flag(run, "install.answered") && !(pin && stage_flag(run, "pin_barred")))
		return queue_again(run, moves);
	if (pin)
		ask_about_pin(run);
	else
		ask_about_install(run);
	return stage_await(run, pin ? "pin" : "install");
}

static enum stage_next read_report(struct stage_run *run, bool installing)
{
	switch (remedy_of(stage_text(run, "install.outcome"))) {
	case REMEDY_PROVEN:
		if (!installing)
			return stage_move(run, ON_PERMIT_GIVEN, "the agent used its permit");
		stage_put(run, "close_install", json_true());
		sites_ask(run);
		return stage_move(run, ON_INSTALL_PROVEN,
			"written, read back, signed with the key and verified on the token");
	case REMEDY_AGAIN:
		return queue_again(run, installing);
	case REMEDY_ALONE: /* the inventory shows it plugged: only a person can tell it from the others */
		ask_for_token(run);
		return queue_again(run, installing);
	case REMEDY_PIN:
		return remedied_by_person(run, "pin", installing);
	case REMEDY_PERSON:
		return remedied_by_person(run, "install", installing);
	case REMEDY_QUARANTINE:
		break;
	}
	ask_about_install(run);
	return stage_move(run, ON_READ_BACK_FAILED,
		"what was read back is not what was written: quarantined");
}

/* The connector's card tells the person how, and what inventory shows instead where that is not right. */
static enum stage_next queued_for_person(struct stage_run *run)
{
	bool seen = installation_is_seen(run);
	struct fault fault;

	if (seen && installation_is_right(run, &fault))
		return installation_seen(run);
	return stage_call(run, CONNECTOR_ISSUANCE, stage_text(run, "facts.application_id"),
		json_pack("{s:s*}", "differs", seen ? fault.text : NULL));
}

static enum stage_next queued_decide(struct stage_run *run)
{
	if (stage_can(run, CAN_PERSON_INSTALLS))
		return queued_for_person(run);
	if (installation_is_seen(run))
		return installation_seen(run);
	if (order_is(run, "permitted"))
		return stage_move(
			run, ON_PERMIT_GIVEN, "the agent has a permit for one use of the PIN");
	/* a report after a login means that the permit was given: the journal shows both moves */
	if (order_is(run, "reported") && stage_flag(run, "install.result.login_attempted"))
		return stage_move(run, ON_PERMIT_GIVEN, "the agent used its permit");
	if (order_is(run, "reported"))
		return read_report(run, false);
	if (order_is(run, "queued") && approval_may_be_gone(run))
		return stage_call(
			run, CONNECTOR_STATUS, stage_text(run, "facts.application_id"), NULL);
	if (order_is(run, "queued") && !stage_flag(run, "token.present") &&
		stage_flag(run, "install.first") && !stage_flag(run, "install.neighbour_busy"))
		ask_for_token(run);
	return stage_wait(run, "token", run->app->settings.poll_first_seconds);
}

static enum stage_next nothing_called(struct stage_run *run)
{
	return stage_refused(run);
}

/* A token can wait long for its turn: has the CA taken its approval back meanwhile? */
static enum stage_next queued_settle(struct stage_run *run)
{
	const char *state = json_peek_text(run->outcome.data, "state");

	if (run->outcome.kind == OUTCOME_REFUSED)
		return stage_refused(run);
	if (run->call.op == CONNECTOR_STATUS &&
		(text_equal(state, "rejected") || text_equal(state, "closed") ||
			text_equal(state, "withdrawn"))) {
		stage_put(run, "drop_install", json_true());
		stage_close_task(run, "insert_token");
		return stage_move(run, ON_APPROVAL_REVOKED, "the CA took its approval back");
	}
	stage_fact_text(run, "approval_seen_at", stage_text(run, "now"));
	return stage_wait(run, "token", run->app->settings.poll_first_seconds);
}

const struct stage queued_stage = { RENEWAL_INSTALL_QUEUED, queued_decide, queued_settle };

/* An agent that took a permit and fell silent may or may not have used the PIN: only a person can tell. */
static enum stage_next permit_is_open(struct stage_run *run)
{
	const json_t *pin = stage_at(run, "tasks.pin");

	if (stage_number(run, "install.permit_age_s", 0) < PERMIT_SILENCE_SECONDS)
		return stage_await(run, "token");
	if (text_equal(json_peek_text(pin, "state"), "done") && !stage_flag(run, "pin_barred"))
		return queue_again(run, true);
	ask_about_pin(run);
	return stage_await(run, "pin");
}

static enum stage_next installing_decide(struct stage_run *run)
{
	if (order_is(run, "reported"))
		return read_report(run, true);
	if (installation_is_seen(run))
		return installation_seen(run);
	return permit_is_open(run);
}

const struct stage installing_stage = { RENEWAL_INSTALLING, installing_decide, nothing_called };

/* What was written is not what was ordered: only a person lets the installation begin again. */
static enum stage_next quarantined_decide(struct stage_run *run)
{
	if (installation_is_seen(run) && stage_flag(run, "install.answered"))
		return installation_seen(run);
	if (stage_flag(run, "install.answered"))
		return queue_again(run, true);
	ask_about_install(run);
	return stage_await(run, "install");
}

const struct stage quarantined_stage = { RENEWAL_QUARANTINED, quarantined_decide, nothing_called };

/* ---- installed: the CA is told, where it wants to be ---- */

/* What a person installed was seen by inventory: there is no agent's result. */
static json_t *seen_certificates(const struct stage_run *run)
{
	const json_t *item, *list = stage_at(run, "newer");
	json_t *out = json_array();
	size_t i;

	json_array_foreach(list, i, item)(void)
		json_array_append(out, json_object_get(item, "sha256"));
	return out;
}

static enum stage_next installed_decide(struct stage_run *run)
{
	const json_t *told = stage_at(run, "installed"); /* null where no agent installed it */
	const json_t *result = json_is_object(told) ? told : NULL;
	const char *started = json_peek_text(result, "started_at"),
		   *finished = json_peek_text(result, "finished_at");
	json_t *seen;

	if (!connector_op(run->connector, CONNECTOR_INSTALL_REPORT)->offered)
		return stage_move(
			run, ON_INSTALL_REPORTED, "the CA need not be told of the installation");
	seen = result != NULL ? json_deep_copy(json_object_get(result, "certificate_sha256"))
			      : seen_certificates(run);
	return stage_call(run, CONNECTOR_INSTALL_REPORT, stage_text(run, "facts.application_id"),
		json_pack("{s:s, s:s?, s:o?, s:s?, s:s?, s:s?}", "result", "installed",
			"token_serial",
			result != NULL ? json_peek_text(result, "token_serial")
				       : stage_text(run, "token.serial"),
			"certificate_sha256", seen, "workstation",
			stage_text(run, "token.workstation_name"), "started_at",
			started != NULL ? started : stage_text(run, "since"), "finished_at",
			finished != NULL ? finished : stage_text(run, "since")));
}

/* Taken back between the fetch and the report: the review says what becomes of the fee. */
static bool approval_is_gone(const struct stage_run *run)
{
	static const char *const words[] = { "rejected", "closed", "withdrawn" };
	const char *state = json_peek_text(run->outcome.data, "state");

	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (text_equal(run->outcome.code, "STATE_CONFLICT") && text_equal(words[i], state))
			return true;
	return false;
}

static enum stage_next installed_settle(struct stage_run *run)
{
	if (run->outcome.kind == OUTCOME_REFUSED && approval_is_gone(run)) {
		/* the newer certificate on the token is this renewal's own: nobody renewed it elsewhere */
		stage_fact_text(run, "newer_is_other", stage_text(run, "newer.0.sha256"));
		return stage_move(run, ON_APPROVAL_REVOKED,
			"the CA took its approval back after the installation");
	}
	if (run->outcome.kind == OUTCOME_REFUSED)
		return stage_refused(run);
	return stage_move(
		run, ON_INSTALL_REPORTED, "the CA knows that the certificate is installed");
}

const struct stage installed_stage = { RENEWAL_INSTALLED, installed_decide, installed_settle };
