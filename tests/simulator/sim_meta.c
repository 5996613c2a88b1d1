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

static json_t *document(const char *id, const char *title, const char *text)
{
	json_t *view = json_object();
	char digest[SHA256_HEX];

	sha256_hex(digest, text, strlen(text));
	json_put_text(view, "id", id);
	json_put_text(view, "version", "2026-01");
	json_put_text(view, "sha256", digest);
	json_put_text(view, "title", title);
	json_put_text(view, "text", text);
	return view;
}

json_t *meta_agreement(void)
{
	return document("agr_renewal", "电子认证服务协议", agreement_text);
}

json_t *meta_statement(void)
{
	return document("sta_intent", "意愿表达", statement_text);
}

json_t *meta_terms(int64_t add_fen)
{
	json_t *list = json_array();

	for (size_t i = 0; i < COUNT_OF(terms); i++) {
		json_t *term = json_object();

		json_put_number(term, "years", terms[i].years);
		json_put_number(term, "price_fen", terms[i].price_fen + add_fen);
		json_array_append_new(list, term);
	}
	return list;
}

json_t *meta_payee(const struct sim *sim)
{
	bool other = sim_knob_flag(sim, "payee_changes");
	json_t *payee = json_object();

	json_put_text(
		payee, "name", other ? "广州某某信息咨询有限公司" : "广东省电子商务认证有限公司");
	json_put_text(payee, "account", other ? "3602999999999999999" : "44050158010109666888");
	json_put_text(payee, "bank",
		other ? "某某银行广州某支行" : "中国建设银行股份有限公司广州东山支行");
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
	call_reply(call, 200, meta_agreement());
}

void get_meta(struct sim_call *call)
{
	json_t *meta = json_object();
	JSON *agreement = meta_agreement();

	sim_put_instant(meta, "server_time", call->now);
	json_put_text(meta, "minimum_client_version", "4.7.6");
	json_object_del(agreement, "text");
	json_object_set(meta, "agreement", agreement);
	json_object_set_new(meta, "statement", meta_statement());
	json_object_set_new(meta, "terms", meta_terms(0));
	json_object_set_new(meta, "payment_methods", json_pack("[s]", "bank_transfer"));
	json_object_set_new(meta, "payee", meta_payee(call->sim));
	json_put_text(meta, "paid_at_precision", "second");
	json_object_set_new(meta, "capabilities",
		json_pack("{s:s, s:b, s:b, s:s}", "payment_timing", "apply_first", "batch_payment",
			0, "batch_intent", 0, "key_policy", "reuse"));
	json_object_set_new(meta, "attachments",
		json_pack("{s:o, s:[s,s,s], s:i, s:i}", "types", meta_attachment_types(),
			"media_types", "application/pdf", "image/jpeg", "image/png", "max_bytes",
			5 * 1024 * 1024, "max_count", 10));
	json_object_set_new(meta, "terminal_states",
		json_pack("{s:[s,s,s,s], s:[s,s,s], s:[s,s,s], s:[s]}", "application", "installed",
			"closed", "rejected", "withdrawn", "binding", "confirmed", "cancelled",
			"expired", "payment", "verified", "expired", "closed", "invoice", "sent"));
	call_reply(call, 200, meta);
}
