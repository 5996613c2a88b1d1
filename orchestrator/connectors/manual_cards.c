/* SPDX-License-Identifier: Apache-2.0 */
/* The cards of a renewal that people make at the CA's own pages, in the guide's words and order: pages and
 * buttons stand in 【】 as the screens name them.  A card is data: steps, what is typed, what is given back. */
#include "orchestrator/connectors/manual_inside.h"

/* clang-format off */
#define CERTIFICATE \
	{ "holder", "证书用户", "set.holder", FORM_TEXT }, \
	{ "service", "服务名称", "set.service", FORM_TEXT }, \
	{ "media_no", "介质编号", "set.media_no", FORM_MISSING }, \
	{ "not_after", "证书有效期至", "set.not_after", FORM_TIME }, \
	{ "serial", "证书序列号", "certificates.0.serial", FORM_TEXT }
#define APPLICATION { "application", "申请编号", "facts.application_id", FORM_MISSING }, CERTIFICATE
#define PLACES \
	{ "token_label", "U-KEY", "token.label", FORM_TEXT }, \
	{ "workstation", "电脑", "token.workstation_name", FORM_TEXT }, \
	{ "place", "地点", "token.place", FORM_TEXT }
#define REMITTANCE \
	{ "payer_account", "付款账号", "order.line.payer_account", FORM_TEXT }, \
	{ "payer_name", "付款账号名称", "order.line.payer_name", FORM_TEXT }, \
	{ "amount", "付款金额", "order.line.amount_fen", FORM_YUAN }, \
	{ "paid_at", "付款时间", "order.line.paid_at", FORM_PAID }, \
	{ "payee", "收款方", NULL, FORM_PAYEE }
#define MISMATCHES "payer_not_corporate|payer_account|payer_name|amount_short|amount_over|time|wrong_payee|used|returned"
#define APPLIED "submitted|remittance_refused|not_arrived"

/* ---- guide chapter 2 ---- */

const struct manual_card bind_card = {
	.kind = "bind", .role = "handler", .title = "绑定: bind the certificate to the WeChat service account",
	.steps =
		"准备工作\n"
		"1. 打开【网证通安全客户端】，核对左下角【主程序版本号】不低于 minimum_client_version 所示版本。\n"
		"2. 用经办人的手机微信关注“网证通 CA”微信服务号。\n"
		"获取绑定二维码（电脑端）\n"
		"3. 将数字证书（U-KEY）插入电脑 USB 口，确保网证通安全客户端可正常读取证书信息；每次只插一个。\n"
		"4. 访问 https://bpms.cnca.net/usercertservice/jsp/wxServiceCertBind/index.jsp ，点击【获取二维码】。二维码有效期仅30分钟，一次只生成一个，不得截图外传。\n"
		"扫码完成绑定（手机端）\n"
		"5. 用微信“扫一扫”扫描二维码；或进入服务号菜单“业务办理-证书绑定”，点【扫码绑定】扫描。\n"
		"6. 在【证书信息确认】页逐行核对：介质编号（可能显示 --）、证书用户、服务名称、证书有效期至，均与下列值一致才点【确认绑定】；不一致点【取消】。\n"
		"现场办理：也可到现场办理点，告知受理员需绑定微信，扫描其提供的二维码后照第6步核对，结果填 counter。\n"
		"已绑定本经办人微信且仍有效的，不必重新绑定，结果填 confirmed。\n"
		"结果: 已确认绑定: confirmed；现场办理: counter；页面上没有下列证书: absent；页面上不止一张可能是它: ambiguous；"
		"二维码已过期: expired；已点【取消】: cancelled；尚未办理: not_done。",
	.english =
		"Bind with your own WeChat: client version first; one U-KEY; 获取二维码 on the PC; scan; compare the four lines with the "
		"values below; 确认绑定 only if they agree. One QR code at a time, never passed on. Give back which WeChat is bound.",
	.if_ignored = "The certificate stays unbound: no application is made and it may expire.",
	.values = { CERTIFICATE,
		{ "minimum_client_version", "主程序版本号不低于", "campaign.policy.minimum_client_version", FORM_TEXT },
		PLACES },
	.asks = {
		{ "result", "结果", "confirmed|counter|absent|ambiguous|expired|cancelled|not_done", NULL, NULL },
		{ "wechat", "绑定的微信（昵称或微信号）", NULL, "confirmed|counter", NULL },
		{ "client_version", "主程序版本号", NULL, "confirmed|counter", "version" },
		{ "differences", "确认页显示的内容（与上列的差异）", NULL, "absent|ambiguous", NULL } },
};

/* ---- guide chapter 3, one sitting ---- */

const struct manual_card apply_card = {
	.kind = "apply", .role = "handler", .title = "证书续期: apply and enter the remittance, in one sitting",
	.steps =
		"1. 在手机打开“网证通 CA”微信服务号，菜单“业务办理-证书续期”。\n"
		"2. 在 kind 所示类别（临期或过期证书）中选择下列证书，点【下一步】。列表中没有: not_in_list；在另一类别中: kind_mismatch；提示已有申请: application_exists；提示过期过久、须新办: expired_too_long。\n"
		"3. 阅读《电子认证协议》，版本须与 agreement_version 一致，再点【下一步】；不一致请停止: agreement_changed。\n"
		"4. 在有效期选择页面选择 term 所示年限，价格须与 price 一致，点【下一步】；不一致请停止: price_differs；无此年限: term_unavailable。\n"
		"5. 仅过期证书: 在上传附件页面按要求上传附件，点【下一步】；附件不被接受: attachment_refused。\n"
		"6. 在意愿表达页面由经办人本人填写 handler_name、handler_mobile、handler_email，阅读声明后点【下一步】；被拒绝: handler_refused。\n"
		"7. 在支付页面填写接收发票的电子邮箱 invoice_email，支付方式选择【银行转账核验】；收款方不是 payee 请停止: payee_differs。\n"
		"8. 逐字录入汇款信息: 付款账号、付款账号名称、付款金额、付款时间（均照银行记录，不得改写），提交核验。"
		"核验通过: submitted；提示未到账: not_arrived；核验失败: remittance_refused，并选择原因。\n"
		"未提交任何内容而中断: not_done。不确定是否已提交时，先在服务号中查看申请记录再填写。",
	.english =
		"One sitting from 业务办理-证书续期 to the payment page. Type the values below exactly. Where the page shows another agreement, "
		"term, price or payee, stop there and say which. The agreement and the intent are yours to give, not ours.",
	.if_ignored = "The fee is transferred, but nothing is applied for; the certificate may expire.",
	.values = { CERTIFICATE,
		{ "kind", "类别", "kind", FORM_KIND },
		{ "agreement_version", "电子认证协议版本", "ca.agreement.version", FORM_TEXT },
		{ "term", "续期年限", "term_years", FORM_YEARS },
		{ "price", "价格（元）", "order.amount_fen", FORM_YUAN },
		{ "handler_name", "经办人姓名", "handler.name", FORM_TEXT },
		{ "handler_mobile", "经办人手机号", "handler.mobile", FORM_TEXT },
		{ "handler_email", "经办人邮箱", "handler.email", FORM_TEXT },
		{ "invoice_email", "接收发票的电子邮箱", "campaign.policy.invoice_email", FORM_TEXT },
		REMITTANCE,
		{ "place", "地点", "token.place", FORM_TEXT } },
	.asks = {
		{ "result", "结果", "submitted|price_differs|term_unavailable|agreement_changed|not_in_list|kind_mismatch|application_exists|expired_too_long|attachment_refused|"
			"handler_refused|remittance_refused|not_arrived|payee_differs|not_done", NULL, NULL },
		{ "application", "申请编号（页面没有则填 --）", NULL, APPLIED, NULL },
		{ "shown_price", "页面显示的价格（元）", NULL, APPLIED "|price_differs", "yuan" },
		{ "shown_agreement", "页面显示的协议版本", NULL, APPLIED "|agreement_changed", NULL },
		{ "statement", "意愿表达（本人已作出）", "agree", APPLIED, NULL },
		{ "remittance_reason", "核验失败的原因", MISMATCHES, "remittance_refused", NULL },
		{ "reason", "页面提示的原因", NULL, "attachment_refused|handler_refused|payee_differs", NULL } },
};

const struct manual_card remit_card = {
	.kind = "remit", .role = "handler", .title = "汇款信息: enter the remittance of an application again",
	.steps =
		"1. 在手机打开“网证通 CA”微信服务号，菜单“业务办理-证书续期”，打开 application 所示的申请，进入支付页面。\n"
		"2. 支付方式选择【银行转账核验】，逐字录入汇款信息: 付款账号、付款账号名称、付款金额、付款时间（均照银行记录，不得改写），提交核验。\n"
		"3. 核验通过: verified；提示未到账: not_arrived；核验失败: remittance_refused，并选择原因。不得重新申请，不得再次汇款。",
	.english = "Open the same application's payment page and enter the four fields again, exactly. Never apply or pay a second time.",
	.if_ignored = "The fee is transferred, but the CA does not know whose it is.",
	.values = { APPLICATION, REMITTANCE },
	.asks = {
		{ "result", "结果", "verified|not_arrived|remittance_refused|not_done", NULL, NULL },
		{ "remittance_reason", "核验失败的原因", MISMATCHES, "remittance_refused", NULL } },
};

/* ---- guide chapter 4 ---- */

const struct manual_card review_card = {
	.kind = "review", .role = "handler", .title = "审核通知: give back the result of the review",
	.steps =
		"1. 提交续期申请后，审核结果将通过短信等方式通知经办人。短信只是提示: 收到后在“网证通 CA”微信服务号中打开该申请，以页面显示的结果为准。\n"
		"2. 审核通过: approved。要求更正: correction，并照抄原因和截止日期。不通过: rejected，并照抄原因。尚无结果: not_yet。",
	.english = "When the SMS came, open the application and give back what the page says: approved, correction (reasons, date), rejected (reasons), or not_yet.",
	.if_ignored = "Nobody knows whether the CA has approved; the certificate may expire although it is paid for.",
	.values = { APPLICATION,
		{ "handler_mobile", "接收短信的手机号", "handler.mobile", FORM_TEXT } },
	.asks = {
		{ "result", "审核结果", "approved|correction|rejected|not_yet", NULL, NULL },
		{ "reasons", "原因（照抄）", NULL, "correction|rejected", NULL },
		{ "fix_by", "更正截止日期", NULL, "correction", "date" } },
};

const struct manual_card install_card = {
	.kind = "install_by_person", .role = "operator", .title = "安装证书: install the new certificate in the CA's client",
	.steps =
		"1. 在电脑 USB 口插入对应的 U-KEY。安装过程中请勿拔出 U-KEY，每次仅处理一个数字证书，勿同时插入多个 U-KEY。\n"
		"2. 打开网证通客户端，进入“证书续期”功能，找到对应证书，点击【安装证书】，输入证书 PIN 码（即数字证书密码），完成更新。PIN 码不填入本任务。\n"
		"3. 本任务不能手工完成: 电脑上的 agent 看到新证书后自行结束；没有 agent 的，从客户端导出新证书（不含私钥），用 xuqi cert upload FILE… 上传。",
	.english =
		"One U-KEY, not pulled out during the installation. In the client: 证书续期 → the certificate → 安装证书 → PIN. The task closes itself when the agent "
		"reports the new certificate, or when it is uploaded (xuqi cert upload FILE…).",
	.if_ignored = "The new certificate is approved and paid for, but not on its U-KEY.",
	.values = { APPLICATION,
		{ "token_serial", "U-KEY 序列号", "token.serial", FORM_TEXT },
		PLACES },
	.asks = { { NULL, NULL, NULL, NULL, NULL } },
};

/* ---- guide chapter 5 ---- */

const struct manual_card invoice_card = {
	.kind = "invoice_file", .role = "handler", .title = "发票获取: give back the invoice",
	.steps =
		"途径一: 审核通过后，电子发票自动发送至支付页面所填的邮箱 invoice_email，从邮件中保存原文件（XML、OFD 或 PDF）。\n"
		"途径二: 在手机打开“网证通 CA”微信服务号，菜单“业务办理-电子发票下载”，用 handler_mobile 的手机号和验证码登录后查询并下载。验证码不填入本任务。\n"
		"附上原文件，并照发票填写号码、价税合计、购买方名称和税号。",
	.english = "Take the invoice from the mailbox (route 1) or by phone and code (route 2); attach the file as it is; copy number, total and buyer from it.",
	.if_ignored = "The renewal is installed and paid for, but not done: its invoice is missing.",
	.values = { APPLICATION,
		{ "amount", "已付金额（元）", "order.amount_fen", FORM_YUAN },
		{ "invoice_email", "接收发票的电子邮箱", "campaign.policy.invoice_email", FORM_TEXT },
		{ "handler_mobile", "经办人手机号", "handler.mobile", FORM_TEXT },
		{ "buyer", "购买方名称（发票抬头）", "entity.invoice_title", FORM_TEXT },
		{ "tax_id", "购买方税号", "entity.tax_id", FORM_TEXT } },
	.asks = {
		{ "number", "发票号码", NULL, NULL, NULL },
		{ "total", "价税合计（元）", NULL, NULL, "yuan" },
		{ "invoice_buyer", "发票上的购买方名称", NULL, NULL, NULL },
		{ "invoice_tax_id", "发票上的购买方税号", NULL, NULL, NULL },
		{ "file", "发票原文件", NULL, NULL, "file" } },
};

/* ---- when it ends otherwise ---- */

const struct manual_card withdraw_card = {
	.kind = "withdraw_at_ca", .role = "handler", .title = "撤回: withdraw an application at the CA",
	.steps =
		"1. 在“网证通 CA”微信服务号中打开 application 所示的申请；能撤回的，撤回: withdrawn。\n"
		"2. 页面没有撤回的，致电电子认证机构客服撤回，并填写对方答复: withdrawn 或 refused。",
	.english = "Withdraw the application on its page, or by telephone, and give back what became of it.",
	.if_ignored = "The application stays open at the CA.",
	.values = { APPLICATION },
	.asks = {
		{ "result", "结果", "withdrawn|refused|not_done", NULL, NULL },
		{ "reason", "对方答复", NULL, "refused", NULL } },
};

const struct manual_card refund_card = {
	.kind = "refund_of_ca", .role = "finance", .title = "退款: follow the refund of a fee",
	.steps =
		"1. 凭 application 和下列汇款信息向电子认证机构申请或查询退款。\n"
		"2. 已退回付款账户: refunded，并填写到账金额和日期（以银行记录为准）；仍在处理: processing；不予退款: refused，并填写原因。",
	.english = "Ask the CA about the refund. It has arrived only when the bank's record says so.",
	.if_ignored = "The CA keeps a fee for which there is no certificate.",
	.values = { APPLICATION, REMITTANCE },
	.asks = {
		{ "result", "结果", "refunded|processing|refused", NULL, NULL },
		{ "refunded", "退回金额（元）", NULL, "refunded", "yuan" },
		{ "refunded_on", "到账日期", NULL, "refunded", "date" },
		{ "reason", "原因", NULL, "refused", NULL } },
};
/* clang-format on */
