/* SPDX-License-Identifier: Apache-2.0 */
/* The review (guide chapter 4, 审核通知): a paid application is looked at and approved, sent back for
 * correction, or rejected; the handler learns of it by text message. */
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "tests/simulator/sim_knobs.h"
#include "tests/simulator/sim_time.h"

/* A silent review is looked at again after a minute, at most an hour. */
static const int64_t look_first = 60 * CLOCK_SECOND, look_most = 3600 * CLOCK_SECOND;

enum { FIX_DAYS = 5 };

static const char *id_of(const json_t *application)
{
	return json_peek_text(application, "id");
}

static int64_t review_span(struct sim *sim, const json_t *application)
{
	struct sim_subject subject = sim_subject_of(sim, NULL, application);

	return sim_knob_for(sim, "review_ms", &subject) * 1000;
}

void review_tell(struct sim *sim, const json_t *application, int64_t now, const char *words)
{
	const json_t *intent = json_object_get(application, "intent");
	const char *number = json_peek_text(application, "application_no");
	OWNED char *text = text_dupf("【网证通CA】您的数字证书续期申请%s%s",
		number == NULL ? id_of(application) : number, words);

	message_send(sim, now, json_peek_text(json_object_get(intent, "handler"), "mobile"), text);
}

/* The money is there, or the corrections are: half the span until it is looked at. */
void review_begin(struct sim *sim, json_t *application, int64_t now)
{
	int64_t span = review_span(sim, application);
	bool again = application_is(application, "correction_required");

	sim_timer_drop(sim, TIMER_FIX, id_of(application));
	json_put_number(application, "review_ends_at", now + span);
	application_move(sim, application, again ? "in_review" : "paid", now);
	sim_timer_set(sim, TIMER_REVIEW, id_of(application), again ? now + span : now + span / 2);
}

/* ---- results ---- */

void review_reject(
	struct sim *sim, json_t *application, const char *code, const char *text, int64_t now)
{
	OWNED char *words = text_dupf("未通过审核：%s", text);

	sim_timer_drop(sim, TIMER_REVIEW, id_of(application));
	sim_timer_drop(sim, TIMER_FIX, id_of(application));
	json_object_set_new(
		application, "rejected", json_pack("{s:s, s:s}", "code", code, "text", text));
	application_move(sim, application, "rejected", now);
	ledger_add(sim, "rejections",
		json_pack("{s:s, s:s?, s:s}", "application", id_of(application), "client_ref",
			json_peek_text(application, "client_ref"), "code", code));
	notice_send(sim, now, "review.rejected", application, application);
	payments_close(sim, application, NULL, now);
	refund_application(sim, application, "rejected", now);
	review_tell(sim, application, now, words);
}

void review_approve(struct sim *sim, json_t *application, int64_t now)
{
	struct sim_subject subject = sim_subject_of(sim, NULL, application);
	struct fault fault;

	if (!json_is_true(json_object_get(application, "person")) &&
		sim_knob_says(sim, "rekey", NULL, &subject)) {
		json_object_set_new(application, "csr_required", json_true());
		application_move(sim, application, "approved", now);
		notice_send(sim, now, "review.approved", application, application);
		return;
	}
	/* Only OpenSSL itself could fail here: then the CA rejects, which nobody can overlook. */
	if (!issuance_make(sim, application, NULL, now, &fault)) {
		review_reject(sim, application, "issuance_failed", fault.text, now);
		return;
	}
	application_move(sim, application, "approved", now);
	notice_send(sim, now, "review.approved", application, application);
	notice_send(sim, now, "issuance.ready", application, application);
	review_tell(
		sim, application, now, "已审核通过，请插入证书介质，在网证通安全客户端安装证书。");
}

/* What can be wanting, by the rule's `field`; the first is the default. */
static const struct {
	const char *word, *field, *code, *path, *text;
} faults[] = {
	{ "intent", "intent", "handler_unclear", "intent.handler",
		"经办人信息有误，请更正后重新提交" },
	{ "name", "intent", "handler_name", "intent.handler.name", "经办人姓名有误" },
	{ "mobile", "intent", "handler_mobile", "intent.handler.mobile", "经办人手机号无法接通" },
	{ "email", "intent", "handler_email", "intent.handler.email", "经办人邮箱有误" },
	{ "attachments", "attachments", "attachment_unclear", "attachments",
		"附件缺失或不清晰，请重新上传" },
	{ "agreement", "agreement", "agreement_unclear", "agreement", "请重新确认电子认证协议" },
};

static void ask_for_correction(
	struct sim *sim, json_t *application, const struct sim_setting *setting, int64_t now)
{
	int64_t fix_by = now + (setting->ms > 0 ? setting->ms * 1000 : FIX_DAYS * CLOCK_DAY);
	size_t which = 0;

	for (size_t i = 0; i < COUNT_OF(faults); i++) {
		if (text_equal(faults[i].word, setting->field))
			which = i;
	}
	json_object_set_new(application, "correction",
		json_pack("{s:[{s:s, s:s, s:s}], s:[s], s:{}, s:I}", "reasons", "code",
			faults[which].code, "path", faults[which].path, "text", faults[which].text,
			"fields", faults[which].field, "done", "fix_by", (json_int_t)fix_by));
	application_move(sim, application, "correction_required", now);
	ledger_add(sim, "corrections",
		json_pack("{s:s, s:s?, s:s}", "application", id_of(application), "client_ref",
			json_peek_text(application, "client_ref"), "field", faults[which].field));
	notice_send(sim, now, "review.correction_required", application, application);
	sim_timer_set(sim, TIMER_FIX, id_of(application), fix_by);
	review_tell(sim, application, now, "需补正资料，请在期限内更正后重新提交。");
}

/* The transfer came back before it was corrected, and was sent again: what was asked for is still wanting. */
static void ask_still(struct sim *sim, json_t *application, int64_t now)
{
	json_t *correction = json_object_get(application, "correction");
	int64_t fix_by = now + FIX_DAYS * CLOCK_DAY;

	json_put_number(correction, "fix_by", fix_by);
	application_move(sim, application, "correction_required", now);
	notice_send(sim, now, "review.correction_required", application, application);
	sim_timer_set(sim, TIMER_FIX, id_of(application), fix_by);
}

void on_fix_timer(struct sim *sim, json_t *application, int64_t at)
{
	if (application_is(application, "correction_required"))
		review_reject(sim, application, "fix_by_passed", "逾期未补正", at);
}

void on_revoke_timer(struct sim *sim, json_t *application, int64_t at)
{
	if (application_is(application, "installed"))
		certificate_revoke(sim, json_peek_text(application, "set_id"), at);
	if (!application_is(application, "approved") && !application_is(application, "issued"))
		return;
	json_object_set_new(application, "issuance_gone", json_true());
	notice_send(sim, at, "certificate.revoked", application, application);
	review_reject(sim, application, "approval_revoked", "审核结果已撤销", at);
}

/* ---- the look at an application ---- */

/* The certificate expired while the application waited: now attachments are needed too. */
static bool lacks_attachments(const struct sim *sim, const json_t *application, int64_t at)
{
	const json_t *certificate =
		sim_find(sim, "certificates", json_peek_text(application, "certificate_id"));

	return json_peek_number(certificate, "not_after", 0) <= at &&
		!application_has_attachments(application);
}

static void stay_silent(struct sim *sim, json_t *application, int64_t ms, int64_t at)
{
	int64_t last = json_peek_number(application, "silent_us", 0);
	int64_t wait = ms > 0 ? ms * 1000 : last == 0 ? look_first : 2 * last;

	if (wait > look_most && ms == 0)
		wait = look_most;
	json_put_number(application, "silent_us", wait);
	sim_timer_set(sim, TIMER_REVIEW, id_of(application), at + wait);
}

static void decide_as_told(
	struct sim *sim, json_t *application, const struct sim_setting *setting, int64_t at)
{
	int64_t ms = setting->ms > 0 ? setting->ms * 1000 : review_span(sim, application);

	if (text_equal(setting->word, "silent")) {
		stay_silent(sim, application, setting->ms, at);
	} else if (text_equal(setting->word, "final")) {
		review_reject(sim, application, "not_eligible", "不符合续期条件", at);
	} else if (text_starts(setting->word, "closed_")) {
		review_close(sim, application, setting->word + strlen("closed_"), at);
	} else if (text_equal(setting->word, "correctable")) {
		ask_for_correction(sim, application, setting, at);
	} else {
		review_approve(sim, application, at);
		sim_timer_set(sim, TIMER_REVOKE, id_of(application), at + ms);
	}
}

static void decide(struct sim *sim, json_t *application, int64_t at)
{
	struct sim_subject subject = sim_subject_of(sim, NULL, application);
	struct sim_setting setting = { .field = "attachments" };
	const char *status = json_peek_text(subject.certificate, "status");
	bool corrected = json_peek_number(application, "resubmitted", 0) > 0;

	if (text_equal(status, "revoked"))
		review_reject(sim, application, "certificate_revoked", "证书已吊销", at);
	else if (text_equal(status, "on_hold"))
		application_move(sim, application, "blocked", at);
	else if (json_object_get(application, "correction") != NULL)
		ask_still(sim, application, at);
	else if (lacks_attachments(sim, application, at))
		ask_for_correction(sim, application, &setting, at);
	else if (!(corrected && sim_knob_stands(sim, "review", "correctable", &subject)) &&
		sim_knob_take(sim, "review", NULL, &subject, &setting))
		decide_as_told(sim, application, &setting, at);
	else
		review_approve(sim, application, at);
}

void on_review_timer(struct sim *sim, json_t *application, int64_t at)
{
	int64_t ends_at = json_peek_number(application, "review_ends_at", at);

	if (application_is(application, "paid")) {
		application_move(sim, application, "in_review", at);
		notice_send(sim, at, "review.begun", application, application);
		if (at < ends_at) {
			sim_timer_set(sim, TIMER_REVIEW, id_of(application), ends_at);
			return;
		}
	}
	if (application_is(application, "in_review"))
		decide(sim, application, at);
}

void review_look_again(struct sim *sim, const char *set_id, int64_t now)
{
	const char *id;
	json_t *application;

	json_object_foreach(sim_table(sim, "applications"), id, application)
	{
		bool held = application_is(application, "blocked");

		if (set_id != NULL && !text_equal(json_peek_text(application, "set_id"), set_id))
			continue;

		if (held)
			application_move(sim, application, "in_review", now);
		if (held ||
			(application_is(application, "in_review") &&
				json_object_get(application, "silent_us") != NULL))
			sim_timer_set(sim, TIMER_REVIEW, id, now);
		if (json_is_true(json_object_get(application, "invoice_waits")))
			sim_timer_set(sim, TIMER_INVOICE, id, now);
	}
}
