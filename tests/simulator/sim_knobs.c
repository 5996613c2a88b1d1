/* SPDX-License-Identifier: Apache-2.0 */
/* The table of knobs, their defaults, types and words; and the question whether one acts. */
#include "tests/simulator/sim_knobs.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"

enum knob_type {
	KNOB_NUMBER, /* 0 or more */
	KNOB_SIGNED, /* any number */
	KNOB_FLAG,   /* true or false */
	KNOB_FIRES,  /* true, or a number */
	KNOB_COUNT,  /* the plain number n: the next n times; then 0 */
	KNOB_WORD    /* one of its words; false: off */
};

static const struct knob {
	const char *name;
	enum knob_type type;
	int64_t fallback;
	const char *words; /* each between blanks */
	const char *help;
} knobs[] = {
	/* the way of an answer */
	{ "hold_after_commit_ms", KNOB_FIRES, 0, NULL,
		"after the effect is committed, hold the answer" },
	{ "cut_after_body", KNOB_FIRES, 0, NULL,
		"after the effect, cut the connection without an answer" },
	{ "fail_after_commit", KNOB_FIRES, 0, NULL, "after the effect, answer 500" },
	{ "fail_before", KNOB_WORD, 0, " maintenance upstream_down timeout ",
		"before any effect, answer 503, 502 or 504" },
	{ "refuse", KNOB_WORD, 0,
		" expired_too_long kind_mismatch attachment_missing not_bound "
		"cert_on_hold ",
		"before any effect, refuse with this code of the contract" },
	{ "burst_429", KNOB_COUNT, 0, NULL, "the next n requests are answered 429" },
	{ "unsigned_200", KNOB_FIRES, 0, NULL, "do not sign answers of success" },
	{ "bad_signature_200", KNOB_FIRES, 0, NULL, "sign answers of success wrongly" },
	{ "clock_skew_s", KNOB_SIGNED, 0, NULL, "the server's clock is so much ahead" },
	{ "unknown", KNOB_WORD, 0, " state member both ",
		"answers carry a state, or a member, that the contract does not know" },
	{ "lenient", KNOB_FLAG, 0, NULL, "execute repeats instead of refusing them" },
	/* binding */
	{ "qr_expires_s", KNOB_NUMBER, 1800, NULL, "how long a QR is valid" },
	{ "scan_other_account", KNOB_FIRES, 0, NULL, "the phone that scans is another account's" },
	{ "cancel_at_confirm", KNOB_FIRES, 0, NULL, "the phone presses 取消 instead of 确认绑定" },
	{ "other_certificate_shown", KNOB_FIRES, 0, NULL,
		"the confirm page lists another certificate than the wanted one" },
	{ "media_no_null", KNOB_FIRES, 0, NULL, "certificates have no 介质编号 (--)" },
	/* application */
	{ "expire_between_list_and_apply", KNOB_FIRES, 0, NULL,
		"the certificate has expired when the application is opened" },
	{ "window_days", KNOB_NUMBER, 0, NULL, "renewable so many days before the end; 0: always" },
	{ "expired_max_days", KNOB_NUMBER, 0, NULL,
		"renewable so many days after the end; 0: always" },
	{ "agreement_changes", KNOB_COUNT, 0, NULL,
		"the agreement has just changed when it is accepted, or at the submission" },
	{ "term_withdrawn", KNOB_NUMBER, 0, NULL, "the term of so many years is not offered" },
	{ "price_add_fen", KNOB_NUMBER, 0, NULL, "terms and quotes are dearer than meta says" },
	{ "quote_ms", KNOB_NUMBER, 3 * CLOCK_DAY / 1000, NULL, "how long a quote holds" },
	{ "attachment_reject", KNOB_WORD, 0, " too_large type unreadable ",
		"refuse an attachment" },
	/* payment */
	{ "payee_changes", KNOB_FIRES, 0, NULL, "meta and payments name another payee" },
	{ "wechat_off", KNOB_FIRES, 0, NULL, "meta offers no WeChat Pay" },
	{ "wechat_expires_s", KNOB_NUMBER, 7200, NULL, "how long a code_url can be paid" },
	{ "wechat_paid_without_notice", KNOB_FIRES, 0, NULL,
		"no notice of a WeChat payment is sent" },
	{ "code_url_paid_last_second", KNOB_FIRES, 0, NULL,
		"a code_url is paid in its last second, or while it is being closed" },
	{ "remittance_fail", KNOB_WORD, 0,
		" payer_not_corporate payer_account payer_name amount_short amount_over time "
		"wrong_payee used returned ",
		"the verdict on a declared remittance" },
	{ "carried_over_at_once", KNOB_FIRES, 0, NULL,
		"a fee that was carried over pays the next payment as soon as that is opened" },
	{ "verify_ms", KNOB_NUMBER, 0, NULL,
		"from the declaration to its verdict: verifying; 0: at once" },
	{ "not_arrived_times", KNOB_NUMBER, 0, NULL,
		"the next payment declared answers REMITTANCE_NOT_FOUND so many times" },
	{ "bank_drop_reference_nth", KNOB_NUMBER, 0, NULL,
		"the nth transfer loses its 附言; 0: none" },
	{ "refund", KNOB_WORD, 0, " processing_abnormal_success abnormal closed ",
		"how a refund goes" },
	{ "refund_ms", KNOB_NUMBER, 300, NULL, "from a refund's opening to its result" },
	/* review and issuance */
	{ "review", KNOB_WORD, 0,
		" silent correctable final closed_carried_over closed_refunded approve_then_revoke ",
		"what the review says; field: what to correct; ms: how long it is silent, can be corrected, or until it is revoked" },
	{ "review_ms", KNOB_NUMBER, 300, NULL, "from verified payment to approval" },
	{ "rekey", KNOB_FIRES, 0, NULL,
		"a new key is certified: after the approval a certification request is needed" },
	{ "issue_wrong", KNOB_WORD, 0,
		" subject public_key same_expiry truncated no_encryption_certificate expired_link ",
		"what is wrong with the new certificates" },
	/* invoice */
	{ "invoice", KNOB_WORD, 0, " none send_failed wrong_buyer xml_pdf_disagree late_s ",
		"what becomes of the invoice; s: how late" },
	{ "invoice_ms", KNOB_NUMBER, 300, NULL, "from installation to invoice" },
	{ "phone_code_wrong_times", KNOB_COUNT, 0, NULL,
		"so many times the code from the phone is said to be wrong" },
	/* webhooks */
	{ "notice_twice", KNOB_FIRES, 0, NULL, "a notice comes twice" },
	{ "notice_out_of_order", KNOB_FIRES, 0, NULL, "a notice comes after the next one" },
	{ "notice_bad_signature", KNOB_FIRES, 0, NULL, "a notice is signed wrongly" },
	{ "notice_late_s", KNOB_NUMBER, 0, NULL, "a notice comes so late" },
};

static json_t *knob_value(const struct sim *sim, const char *name)
{
	return json_object_get(sim_table(sim, "knobs"), name);
}

static const struct knob *knob_find(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(knobs); i++) {
		if (text_equal(knobs[i].name, name))
			return &knobs[i];
	}
	return NULL;
}

/* A knob that the simulator itself asks for: it is in the table. */
static const struct knob *knob_get(const char *name)
{
	const struct knob *knob = knob_find(name);

	if (knob == NULL)
		abort();
	return knob;
}

static json_t *knob_default(const struct knob *knob)
{
	bool number =
		knob->type == KNOB_NUMBER || knob->type == KNOB_SIGNED || knob->type == KNOB_COUNT;

	return number ? json_integer(knob->fallback) : json_false();
}

static void knob_reset(struct sim *sim, const char *name)
{
	json_object_set_new(sim_table(sim, "knobs"), name, knob_default(knob_get(name)));
	sim->changed = true;
}

void sim_knobs_init(struct sim *sim)
{
	for (size_t i = 0; i < COUNT_OF(knobs); i++) {
		if (knob_value(sim, knobs[i].name) == NULL)
			json_object_set_new(
				sim_table(sim, "knobs"), knobs[i].name, knob_default(&knobs[i]));
	}
}

/* ---- asking ---- */

struct sim_subject sim_subject_of(
	const struct sim *sim, const struct sim_call *call, const json_t *application)
{
	return (struct sim_subject){ .call = call,
		.certificate = sim_find(
			sim, "certificates", json_peek_text(application, "certificate_id")),
		.client_ref = json_peek_text(application, "client_ref") };
}

struct sim_subject sim_subject_of_call(const struct sim_call *call)
{
	const json_t *certificate = call->certificate == NULL
		? NULL
		: sim_find(call->sim, "certificates", call->certificate);

	return (struct sim_subject){ .call = call,
		.certificate = certificate == NULL ? call->about : certificate,
		.client_ref = call->client_ref };
}

/* A plain value counts itself down where it is a count. */
static bool take_plain(struct sim *sim, const char *name, const char *word, const json_t *value,
	struct sim_setting *out)
{
	struct sim_setting setting;

	if (!rule_read(value, &setting) || (word != NULL && !text_equal(word, setting.word)))
		return false;
	*out = setting;
	if (knob_get(name)->type == KNOB_COUNT) {
		json_put_number(sim_table(sim, "knobs"), name, setting.number - 1);
		sim->changed = true;
	}
	return true;
}

static bool take_rule(struct sim *sim, json_t *rule, const char *word,
	const struct sim_subject *subject, struct sim_setting *out)
{
	struct sim_setting setting;

	if (!rule_fits(sim, rule, subject) || !rule_read(rule, &setting) ||
		(word != NULL && !text_equal(word, setting.word)))
		return false;
	*out = setting;
	return true;
}

/* A rule of false (or 0) lets none of those behind it act on its subjects. */
static bool is_off(const struct sim *sim, const json_t *rule, const struct sim_subject *subject)
{
	struct sim_setting setting;

	return rule_fits(sim, rule, subject) && !rule_read(rule, &setting);
}

bool sim_knob_take(struct sim *sim, const char *name, const char *word,
	const struct sim_subject *subject, struct sim_setting *out)
{
	json_t *value = knob_value(sim, name);
	json_t *rule;
	size_t i;

	if (json_is_object(value)) {
		if (!take_rule(sim, value, word, subject, out))
			return false;
		sim->changed = true;
		if (rule_use(value))
			knob_reset(sim, name);
		return true;
	}
	if (!json_is_array(value))
		return take_plain(sim, name, word, value, out);
	json_array_foreach(value, i, rule)
	{
		if (is_off(sim, rule, subject))
			return false;
		if (!take_rule(sim, rule, word, subject, out))
			continue;
		sim->changed = true;
		if (rule_use(rule))
			(void)json_array_remove(value, i);
		return true;
	}
	return false;
}

bool sim_knob_says(
	struct sim *sim, const char *name, const char *word, const struct sim_subject *subject)
{
	struct sim_setting setting;

	return sim_knob_take(sim, name, word, subject, &setting);
}

/* VALUE is a plain one or a rule. */
static bool stands(const struct sim *sim, const json_t *value, const char *word,
	const struct sim_subject *subject)
{
	struct sim_setting setting;

	if (json_is_object(value) &&
		(!rule_fits(sim, value, subject) || json_object_get(value, "times") != NULL ||
			json_object_get(value, "once") != NULL))
		return false;
	return rule_read(value, &setting) && text_equal(setting.word, word);
}

bool sim_knob_stands(const struct sim *sim, const char *name, const char *word,
	const struct sim_subject *subject)
{
	const json_t *value = knob_value(sim, name);
	json_t *rule;
	size_t i;

	if (!json_is_array(value))
		return stands(sim, value, word, subject);
	json_array_foreach(value, i, rule)
	{
		if (is_off(sim, rule, subject))
			return false;
		if (stands(sim, rule, word, subject))
			return true;
	}
	return false;
}

int64_t sim_knob_for(struct sim *sim, const char *name, const struct sim_subject *subject)
{
	const json_t *value = knob_value(sim, name);
	struct sim_setting setting;

	if (!json_is_object(value) && !json_is_array(value))
		return json_is_true(value) ? 1 : json_integer_value(value);
	return sim_knob_take(sim, name, NULL, subject, &setting) ? setting.number
								 : knob_get(name)->fallback;
}

int64_t sim_knob_fires(struct sim_call *call, const char *name)
{
	struct sim_subject subject = sim_subject_of_call(call);
	struct sim_setting setting;

	return sim_knob_take(call->sim, name, NULL, &subject, &setting) ? setting.number : 0;
}

int64_t sim_knob_number(const struct sim *sim, const char *name)
{
	const json_t *value = knob_value(sim, name);

	return json_is_integer(value) ? json_integer_value(value) : knob_get(name)->fallback;
}

bool sim_knob_flag(const struct sim *sim, const char *name)
{
	return json_is_true(knob_value(sim, name));
}

/* ---- the control interface ---- */

static bool plain_fits(const struct knob *knob, const json_t *value)
{
	bool number = json_is_integer(value) && json_integer_value(value) >= 0;
	OWNED char *word = NULL;

	switch (knob->type) {
	case KNOB_SIGNED:
		return json_is_integer(value);
	case KNOB_NUMBER:
		return number;
	case KNOB_FLAG:
		return json_is_boolean(value);
	case KNOB_COUNT:
	case KNOB_FIRES:
		return number || json_is_boolean(value);
	case KNOB_WORD:
		if (!json_is_string(value))
			return json_is_false(value);
		word = text_dupf(" %s ", json_string_value(value));
		return strstr(knob->words, word) != NULL;
	}
	return false;
}

static bool rule_fits_knob(const struct knob *knob, const json_t *rule)
{
	const json_t *value = json_object_get(rule, "value");

	if (!json_is_object(rule) || !rule_is_good(rule))
		return false;
	return value == NULL ? knob->type != KNOB_WORD : plain_fits(knob, value);
}

static bool value_fits(const struct knob *knob, const json_t *value)
{
	json_t *rule;
	size_t i;

	if (json_is_object(value))
		return rule_fits_knob(knob, value);
	if (!json_is_array(value))
		return plain_fits(knob, value);
	json_array_foreach(value, i, rule)
	{
		if (!rule_fits_knob(knob, rule))
			return false;
	}
	return true;
}

void get_knobs(struct sim_call *call)
{
	json_t *view = json_deep_copy(sim_table(call->sim, "knobs"));
	json_t *help = json_object();

	for (size_t i = 0; i < COUNT_OF(knobs); i++) {
		OWNED char *line =
			text_dupf("%s%s%s", knobs[i].help, knobs[i].words == NULL ? "" : ":",
				knobs[i].words == NULL ? "" : knobs[i].words);

		json_put_text(help, knobs[i].name, line);
	}
	json_object_set_new(view, "help", help);
	call_reply(call, 200, view);
}

/* Does FITS hold for each knob of the body?  False after a problem. */
static bool body_fits(
	struct sim_call *call, bool (*fits)(const struct knob *knob, const json_t *value))
{
	const char *name;
	json_t *value;

	json_object_foreach(call->body, name, value)
	{
		const struct knob *knob = knob_find(name);

		if (knob != NULL && fits(knob, value))
			continue;
		(void)call_problem(call, SIM_FIELD_INVALID, "%s: %s", name,
			knob == NULL ? "there is no such knob"
				     : "not a value or rule of this knob");
		call_field_error(call, name, "GET /sim/knobs lists the knobs");
		return false;
	}
	return true;
}

/* {KNOB: rule}: one more rule, before those that are there; a plain value gives way to it. */
void post_knobs(struct sim_call *call)
{
	const char *name;
	json_t *rule;

	if (!body_fits(call, rule_fits_knob))
		return;
	json_object_foreach(call->body, name, rule)
	{
		json_t *value = knob_value(call->sim, name), *rules = json_array();

		json_array_append(rules, rule);
		if (json_is_array(value))
			json_array_extend(rules, value);
		else if (json_is_object(value))
			json_array_append(rules, value);
		json_object_set_new(sim_table(call->sim, "knobs"), name, rules);
	}
	call_effect(call);
	get_knobs(call);
}

void put_knobs(struct sim_call *call)
{
	if (!body_fits(call, value_fits))
		return;
	json_object_update(sim_table(call->sim, "knobs"), call->body);
	review_look_again(call->sim, NULL, call->now);
	call_effect(call);
	get_knobs(call);
}
