/* SPDX-License-Identifier: Apache-2.0 */
/* The table of task kinds, and what a task takes from it. */
#include "orchestrator/domain/task_kind.h"

#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "common/utf8.h"

enum { VALUE_BYTES_MAX = 16 * 1024 };

/* To add a kind: one line.  Working days: until it is due · from then until somebody else is told. */
/* clang-format off */
const struct task_kind task_kinds[] = {
	/* before the application (guide chapters 1 and 2) */
	{ "client_version", "operator", 2, 1, "admin", "Update the client of a workstation", "No application is made and nothing is paid for this token." },
	{ "handler", "operator", 2, 1, "admin", "Name the handler (经办人) of a certificate", "No application is made." },
	{ "bind", "handler", 1, 1, "operator", "绑定: bind the certificate to the WeChat service account", "The code expires and a new one is made; no application is made." },
	{ "bind_differs", "handler", 1, 1, "operator", "绑定: the phone showed something else than was wanted", "No other code is made; no application is made." },
	{ "bind_again", "operator", 1, 1, "admin", "绑定: code after code is not scanned", "Codes go on running out; the certificate may expire." },
	{ "bound_account", "handler", 3, 2, "operator", "绑定: say which WeChat the certificate is bound to", "Nobody knows which WeChat must unbind it when its handler changes." },
	{ "rebind", "handler", 1, 1, "operator", "绑定: bind a taken-over certificate to your own WeChat", "The CA's messages and pages stay with the earlier handler." },
	/* the application (guide chapter 3) */
	{ "agreement", "handler", 1, 1, "operator", "电子认证协议: read and accept the agreement", "The application stays a draft." },
	{ "attachment", "handler", 3, 1, "operator", "上传附件: attach what the CA asks for", "The expired certificate is not renewed." },
	{ "intent", "handler", 1, 1, "operator", "意愿表达: state your intent", "The application is not submitted." },
	/* the money (guide chapter 3) */
	{ "payer", "admin", 1, 1, "admin", "No payer account is known for this legal entity", "This renewal is not paid." },
	{ "payee_changed", "finance", 0, 1, "approver", "The CA names another payee", "No payment order is exported and no payment is opened." },
	{ "export", "finance", 1, 1, "approver", "付款: approved payment orders are in no payment file yet", "Nothing is transferred: the quotes run out and the certificates may expire." },
	{ "finance_match", "finance", 1, 1, "approver", "A transfer without its reference waits for a decision", "The transfer is not declared to the CA." },
	{ "restored_erasures", "admin", 1, 1, "admin", "A backup was restored: erase again what was erased since", "Personal data that was erased is here again, sealed and masked." },
	{ "restored_access", "admin", 1, 1, "admin", "A backup was restored: revoke again what was revoked since", "Whoever lost access since is let in again; the hold cannot be released." },
	{ "restored_payments", "finance", 0, 1, "approver", "A backup was restored: look for transfers that it does not know", "No payment file is made." },
	{ "prepaid", "finance", 1, 1, "approver", "The CA asks another fee than was sent before", "The fee is sent, but nothing is applied for." },
	{ "remittance", "finance", 1, 1, "approver", "汇款信息: the CA refused the remittance", "The money is sent, but the renewal is not paid." },
	{ "wechat_pay", "handler", 0, 1, "finance", "微信支付: pay by this code", "The code runs out and a new one is made; the renewal is not paid." },
	{ "returned", "finance", 1, 1, "approver", "退汇: the bank gave a transfer back", "The renewal is not paid and does not go on." },
	{ "returned_release", "approver", 1, 1, "admin", "退汇: release a second payment of one fee", "The renewal is not paid and does not go on." },
	{ "debt", "finance", 3, 2, "approver", "退汇: an approved renewal is not paid any more", "The CA may revoke the certificate." },
	{ "paid_twice", "finance", 3, 2, "approver", "重复付款: one renewal was paid twice", "The second payment stays with the payee." },
	{ "refund", "finance", 10, 5, "approver", "退款: a fee is to come back", "The CA keeps a fee for which there is no certificate." },
	{ "credit", "finance", 10, 10, "approver", "The CA keeps a fee for another application", "The fee is forgotten with the CA." },
	{ "invoice_missing", "handler", 3, 2, "finance", "发票: fetch the invoice by phone and code", "The renewal is paid for, but not done: its invoice is missing." },
	{ "invoice", "finance", 5, 5, "approver", "发票: an invoice differs from the payment", "The renewal stays disputed." },
	/* the review and the installation (guide chapter 4) */
	{ "correction", "handler", 2, 1, "operator", "审核: the CA asks for a correction", "The application lapses; its fee is paid." },
	{ "review_overdue", "operator", 1, 1, "admin", "审核: the CA is silent for too long", "The certificate may expire although it is paid for." },
	{ "certificate", "operator", 2, 1, "admin", "The certificate itself stands in the way", "The renewal stays where it is; nothing more is paid." },
	{ "new_certificate", "operator", 5, 2, "admin", "新办: a certificate can be renewed no more", "The holder has no valid certificate." },
	{ "withdrawal", "operator", 2, 1, "admin", "撤回: the CA does not let the application go", "The application stays open at the CA." },
	{ "new_serial", "operator", 5, 5, "admin", "Tell the service's sites the new serial", "Logins with the new certificate fail there." },
	{ "insert_token", "operator", 1, 1, "admin", "Plug in a token", "The new certificate is not installed." },
	{ "token_moved", "operator", 2, 1, "admin", "A token appeared at another workstation", "The token is not used there." },
	{ "pin", "operator", 1, 1, "admin", "The PIN of a token was refused", "The new certificate is not installed; no further try is spent." },
	{ "install", "operator", 1, 1, "admin", "The agent cannot install a certificate", "The new certificate is not installed." },
	/* at the CA's own pages and client, where it has no API (connectors/manual_cards.c) */
	{ "apply", "handler", 1, 1, "operator", "证书续期: apply and enter the remittance, in one sitting", "The fee is transferred, but nothing is applied for; the certificate may expire." },
	{ "remit", "handler", 1, 1, "operator", "汇款信息: enter the remittance of an application again", "The fee is transferred, but the CA does not know whose it is." },
	{ "review", "handler", 5, 1, "operator", "审核通知: give back the result of the review", "Nobody knows whether the CA has approved; the certificate may expire although it is paid for." },
	{ "install_by_person", "operator", 2, 1, "admin", "安装证书: install the new certificate in the CA's client", "The new certificate is approved and paid for, but not on its U-KEY." },
	{ "invoice_file", "handler", 5, 5, "finance", "发票获取: give back the invoice", "The renewal is installed and paid for, but not done: its invoice is missing." },
	{ "withdraw_at_ca", "handler", 2, 1, "operator", "撤回: withdraw an application at the CA", "The application stays open at the CA." },
	{ "refund_of_ca", "finance", 5, 5, "approver", "退款: follow the refund of a fee", "The CA keeps a fee for which there is no certificate." },
	/* the connection to the CA */
	{ "renewal", "operator", 1, 1, "admin", "The CA refused a step of a renewal", "The renewal stays where it is and its certificate may expire." },
	{ "ca_access", "admin", 0, 1, "admin", "The CA cannot be used", "No renewal can go on at this CA." },
	{ NULL, "operator", 1, 1, "admin", "A renewal needs a person", "The renewal stays where it is and its certificate may expire." },
};

/* clang-format on */

const struct task_kind *task_kind_find(const char *word)
{
	const struct task_kind *kind = task_kinds;

	while (kind->word != NULL && !text_equal(kind->word, word))
		kind++;
	return kind;
}

/* ---- exact values ---- */

static bool is_direction(uint32_t code)
{
	return (code >= 0x202A && code <= 0x202E) || (code >= 0x2061 && code <= 0x206F);
}

/* Not a place between two words, but nothing at all. */
static bool is_invisible(uint32_t code)
{
	return code == UTF8_BAD || code < '\t' || (code > '\r' && code < ' ') || code == 0x7F ||
		(code >= 0x80 && code < 0xA0) || code == 0xAD ||
		(code >= 0x200B && code <= 0x200F) || code == 0x2060 || code == 0xFEFF ||
		is_direction(code);
}

char *task_copy_safe(const char *text)
{
	size_t left = strlen(text), len = 0;
	bool between = false;
	TEXT out;

	text_init(&out, VALUE_BYTES_MAX);
	for (; left > 0; text += len, left -= len) {
		uint32_t code;

		len = utf8_next(&code, text, left);
		if (is_invisible(code))
			continue;
		if (utf8_is_blank(code)) {
			between = out.len > 0;
			continue;
		}
		if (between)
			text_add(&out, " ");
		between = false;
		text_add_bytes(&out, text, len);
	}
	return text_take(&out, NULL);
}

static void make_copy_safe(json_t *values)
{
	const char *key;
	json_t *value;
	void *next;

	json_object_foreach_safe(values, next, key, value)
	{
		if (!json_is_string(value) || text_equal(key, "statement"))
			continue;
		OWNED char *safe = task_copy_safe(json_string_value(value));
		(void)json_string_set(value, safe);
	}
}

/* ---- what a task takes from its kind ---- */

static void put_instant(json_t *task, const char *key, int64_t at)
{
	char text[CLOCK_TEXT];

	clock_format(text, at);
	json_put_text(task, key, text);
}

static void put_if_absent(json_t *task, const char *key, const char *text)
{
	if (json_peek_text(task, key) == NULL)
		json_put_text(task, key, text);
}

void task_kind_complete(json_t *task, const struct calendar *calendar, int64_t now)
{
	const struct task_kind *kind = task_kind_find(json_peek_text(task, "kind"));
	int64_t due_at = calendar_due(calendar, now, kind->due_days).at;

	put_if_absent(task, "role", kind->role);
	put_if_absent(task, "title", kind->title);
	put_if_absent(task, "if_ignored", kind->if_ignored);
	if (json_peek_text(task, "due_at") == NULL) {
		put_instant(task, "due_at", due_at);
		(void)json_object_set_new(task, "due_is_usual", json_true());
	}
	put_instant(task, "escalate_at", calendar_due(calendar, due_at, kind->escalate_days).at);
	make_copy_safe(json_object_get(task, "values"));
}
