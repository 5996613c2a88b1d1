/* SPDX-License-Identifier: Apache-2.0 */
/* The problems of schema/gateway.yaml: code, HTTP status, whether the same request may be sent again,
 * English, Chinese. */
#pragma once

#include <stdbool.h>

/* clang-format off */
#define SIM_CODES(X)                                                                               \
	X(BINDING_EXPIRED, 410, false, "the binding's QR has expired", "绑定二维码已过期")         \
	X(BINDING_CANCELLED, 409, false, "the binding was cancelled", "绑定已取消")                \
	X(BINDING_OTHER_ACCOUNT, 409, false, "bound to another account", "证书已绑定其他账号")      \
	X(NOT_BOUND, 403, false, "the certificate is not bound to this account", "证书未绑定")     \
	X(CERT_UNKNOWN, 404, false, "no such certificate", "证书不存在")                           \
	X(MEDIA_MISSING, 422, false, "no such medium with this certificate", "介质编号不符")       \
	X(CERT_REVOKED, 409, false, "the certificate is revoked", "证书已吊销")                    \
	X(CERT_ON_HOLD, 409, false, "the certificate is on hold", "证书已冻结")                    \
	X(NOT_IN_WINDOW, 409, false, "too early to renew", "未到续期时间")                         \
	X(EXPIRED_TOO_LONG, 409, false, "expired for too long", "证书过期时间过长，请新办")        \
	X(KIND_MISMATCH, 409, false, "the kind does not fit the expiry", "证书临期或过期类型不符") \
	X(APPLICATION_EXISTS, 409, false, "an application is open already", "已有未完成的续期申请") \
	X(STATE_CONFLICT, 409, false, "not possible in this state", "当前状态不允许此操作")        \
	X(AGREEMENT_CHANGED, 409, false, "the agreement has changed", "电子认证协议已更新")        \
	X(TERM_UNAVAILABLE, 409, false, "this term is not offered", "所选有效期不可用")            \
	X(PRICE_CHANGED, 409, false, "the price is another one", "价格已变动")                     \
	X(ATTACHMENT_MISSING, 422, false, "an attachment is missing", "缺少附件")                  \
	X(ATTACHMENT_TOO_LARGE, 413, false, "the attachment is too large", "附件过大")             \
	X(ATTACHMENT_TYPE, 415, false, "this kind of attachment is not taken", "附件类型不支持")   \
	X(ATTACHMENT_UNREADABLE, 422, false, "the attachment cannot be read", "附件无法读取")      \
	X(INTENT_INCOMPLETE, 422, false, "the statement of intent is incomplete", "意愿表达不完整") \
	X(HANDLER_MOBILE_INVALID, 422, false, "the handler's mobile is invalid", "经办人手机号无效") \
	X(METHOD_UNAVAILABLE, 422, false, "this way of paying is not offered", "支付方式不可用")   \
	X(BATCH_UNAVAILABLE, 422, false, "one payment per application", "不支持合并付款")          \
	X(PAYMENT_DUPLICATE, 409, false, "a payment is open already", "已有付款单")                \
	X(PAYMENT_EXPIRED, 410, false, "paid after the quote had expired", "报价已过期")           \
	X(REVIEW_PENDING, 409, true, "the review has not ended", "审核尚未结束")                   \
	X(ISSUANCE_NOT_READY, 409, true, "not issued yet", "证书尚未签发")                         \
	X(CSR_REQUIRED, 409, false, "a certification request is needed first", "请先提交证书请求")    \
	X(ISSUANCE_GONE, 410, false, "the certificates cannot be fetched any more", "证书下载已失效") \
	X(CODE_WRONG, 401, false, "the code is wrong", "验证码错误")                               \
	X(CODE_EXPIRED, 410, false, "the code is used up or too old", "验证码已失效")              \
	X(INSTALL_MISMATCH, 422, false, "not the issued certificates", "安装的证书与签发的不符")   \
	X(CLIENT_REF_USED, 409, false, "the client_ref was used before", "client_ref 已被使用")    \
	X(FIELD_INVALID, 422, false, "a field is missing or wrong", "字段缺失或有误")              \
	X(BODY_INVALID, 400, false, "the body cannot be read", "请求体无法解析")                   \
	X(CSR_BAD, 422, false, "the key or request cannot be read", "公钥或证书请求无法读取")      \
	X(NOT_FOUND, 404, false, "there is no such thing", "资源不存在")                           \
	X(METHOD_NOT_ALLOWED, 405, false, "not with this method", "不支持该请求方法")              \
	X(STALE, 412, false, "changed since it was read", "资源已被更新")                          \
	X(IDEMPOTENCY_KEY_MISSING, 400, false, "Idempotency-Key is missing", "缺少幂等键")         \
	X(IDEMPOTENCY_KEY_REUSED, 422, false, "the key belongs to another request", "幂等键已用于其他请求") \
	X(SIGNATURE_BAD, 401, false, "the request's signature is wrong", "签名有误")               \
	X(CLOCK_SKEW, 401, true, "the request's time is off by over 300 s", "客户端时钟偏差过大")  \
	X(RATE_LIMITED, 429, true, "too many requests", "请求过于频繁")                            \
	X(UPSTREAM_DOWN, 502, true, "a server behind does not answer", "上游服务不可用")           \
	X(MAINTENANCE, 503, true, "closed for maintenance", "系统维护中")                          \
	X(TIMEOUT, 504, true, "timed out; ask before repeating", "处理超时，请先查询")             \
	X(INTERNAL, 500, true, "the server failed; ask before repeating", "服务器错误")
/* clang-format on */

#define SIM_CODE_ENUM(code, status, retryable, english, chinese) SIM_##code,

enum sim_code { SIM_CODES(SIM_CODE_ENUM) SIM_CODE_COUNT };

#undef SIM_CODE_ENUM

const char *sim_code_word(enum sim_code code);
int sim_code_status(enum sim_code code);
bool sim_code_is_retryable(enum sim_code code);
