/* SPDX-License-Identifier: Apache-2.0 */
/* What the CA offers: client version, agreement, the statement of intent, terms and prices, payee,
 * attachments, capabilities. */
#include <string.h>

#include "common/digest.h"
#include "common/text.h"
#include "tests/simulator/sim_inside.h"
#include "tests/simulator/sim_knobs.h"

static const char agreement_text[] =
	"电子认证服务协议（模拟）\n"
	"一、订户应如实提供身份信息，并妥善保管数字证书介质及其密码。\n"
	"二、续期证书自签发之日起生效，有效期以证书所载为准。\n"
	"三、订户应在私钥可能泄露时立即申请吊销。\n";

static const char statement_text[] =
	"本人作为经办人，已获证书持有单位授权，确认本次数字证书续期申请出于本单位真实意愿，"
	"所提交的信息真实、准确、完整。\n";

static const struct {
	int years;
	int64_t price_fen;
} terms[] = { { 1, 20000 }, { 2, 38000 }, { 3, 54000 } };

static const struct {
	const char *type, *name;
	bool required;
} attachment_types[] = {
	{ "application_form", "证书续期申请表（加盖公章）", true },
	{ "business_licence", "营业执照", false },
	{ "authorization_letter", "授权委托书", false },
};

/* What the knob payee_changes makes of the payee. */
static const struct {
	const char *name, *account, *bank;
} payees[] = {
	{ "广东省电子商务认证有限公司", "44050158010109666888",
		"中国建设银行股份有限公司广州东山支行" },
	{ "广州某某信息咨询有限公司", "3602999999999999999", "某某银行广州某支行" },
};

static json_t *document(const char *id, const char *version, const char *title, const char *text)
{
	json_t *view = json_object();
	char digest[SHA256_HEX];

	sha256_hex(digest, text, strlen(text));
	json_put_text(view, "id", id);
	json_put_text(view, "version", version);
	json_put_text(view, "sha256", digest);
	json_put_text(view, "title", title);
	json_put_text(view, "text", text);
	return view;
}

/* How often the agreement has changed. */
static int64_t generation(const struct sim *sim)
{
	return json_peek_number(sim->state, "agreement_changes", 0);
}

void meta_agreement_change(struct sim *sim)
{
	json_put_number(sim->state, "agreement_changes", generation(sim) + 1);
	sim->changed = true;
}

json_t *meta_agreement(const struct sim *sim)
{
	int64_t changes = generation(sim);
	OWNED char *version = text_dupf("2026-%02d", (int)(1 + changes));
	OWNED char *text = changes == 0
		? text_dup(agreement_text)
		: text_dupf("%s四、第%d次修订。\n", agreement_text, (int)changes);

	return document("agr_renewal", version, "电子认证服务协议", text);
}

json_t *meta_statement(void)
{
	return document("sta_intent", "2026-01", "意愿表达", statement_text);
}

json_t *meta_terms(int64_t add_fen, int64_t withdrawn)
{
	json_t *list = json_array();

	for (size_t i = 0; i < COUNT_OF(terms); i++) {
		json_t *term;

		if (terms[i].years == withdrawn)
			continue;
		term = json_object();
		json_put_number(term, "years", terms[i].years);
		json_put_number(term, "price_fen", terms[i].price_fen + add_fen);
		json_array_append_new(list, term);
	}
	return list;
}

json_t *meta_payee(struct sim *sim, const struct sim_call *call, const json_t *application)
{
	struct sim_subject subject = sim_subject_of(sim, call, application);
	bool other = sim_knob_says(sim, "payee_changes", NULL, &subject);
	json_t *payee = json_object();

	json_put_text(payee, "name", payees[other].name);
	json_put_text(payee, "account", payees[other].account);
	json_put_text(payee, "bank", payees[other].bank);
	return payee;
}

json_t *meta_attachment_types(void)
{
	json_t *list = json_array();

	for (size_t i = 0; i < COUNT_OF(attachment_types); i++) {
		json_t *one = json_object();

		json_put_text(one, "type", attachment_types[i].type);
		json_put_text(one, "name", attachment_types[i].name);
		json_object_set_new(one, "required", json_boolean(attachment_types[i].required));
		json_array_append_new(list, one);
	}
	return list;
}

void get_agreement(struct sim_call *call)
{
	call_reply(call, 200, meta_agreement(call->sim));
}

static json_t *payment_methods(struct sim_call *call)
{
	return sim_knob_fires(call, "wechat_off") != 0
		? json_pack("[s]", "bank_transfer")
		: json_pack("[s, s]", "bank_transfer", "wechat_pay");
}

static json_t *terminal_states(void)
{
	return json_pack("{s:[s,s,s,s], s:[s,s,s], s:[s,s,s,s,s,s,s], s:[s,s], s:[s]}",
		"application", "installed", "closed", "rejected", "withdrawn", "binding",
		"confirmed", "cancelled", "expired", "payment", "verified", "paid", "expired",
		"closed", "refunded", "refund_closed", "refund_abnormal", "refund", "success",
		"closed", "invoice", "sent");
}

json_t *meta_view(struct sim_call *call)
{
	json_t *meta = json_object();
	JSON *agreement = meta_agreement(call->sim);

	sim_put_instant(meta, "server_time", call->clock);
	json_put_text(meta, "minimum_client_version", "4.7.6");
	json_object_del(agreement, "text");
	json_object_set(meta, "agreement", agreement);
	json_object_set_new(meta, "statement", meta_statement());
	json_object_set_new(meta, "terms", meta_terms(0, 0));
	json_object_set_new(meta, "payment_methods", payment_methods(call));
	json_object_set_new(meta, "payee", meta_payee(call->sim, call, NULL));
	json_put_text(meta, "paid_at_precision", "second");
	json_object_set_new(meta, "capabilities",
		json_pack("{s:s, s:b, s:b, s:b, s:s}", "payment_timing", "apply_first",
			"batch_payment", 0, "batch_intent", 0, "batch_binding", 1, "key_policy",
			sim_knob_fires(call, "rekey") != 0 ? "rekey" : "reuse"));
	json_object_set_new(meta, "attachments",
		json_pack("{s:o, s:[s,s,s], s:i, s:i}", "types", meta_attachment_types(),
			"media_types", "application/pdf", "image/jpeg", "image/png", "max_bytes",
			5 * 1024 * 1024, "max_count", 10));
	json_object_set_new(meta, "terminal_states", terminal_states());
	return meta;
}

void get_meta(struct sim_call *call)
{
	call_reply(call, 200, meta_view(call));
}
