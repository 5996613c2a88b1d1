/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the simulator's core share: the state (one JSON tree, so that saving it is
 * writing it), the call being answered, the problems it may end with.  Instants in the tree are
 * integers in microseconds; in answers they are RFC 3339. */
#pragma once

#include "common/json.h"
#include "tests/simulator/sim_core.h"
#include "tests/simulator/sim_pki.h"

enum { SIM_ID_TEXT = 48, SIM_PATH_TEXT = 512, SIM_WORD_TEXT = 400 };

struct sim {
	char *key_id;
	unsigned char *secret;
	size_t secret_len;
	json_t *state; /* tables by name, each an object by id: see sim_state.c */
	struct sim_pki *pki;
	bool changed;
};

/* code, HTTP status, retryable, English, Chinese */
/* clang-format off */
#define SIM_CODES(X)                                                                               \
	X(BINDING_EXPIRED, 410, false, "the binding's QR has expired", "绑定二维码已过期")         \
	X(BINDING_CANCELLED, 409, false, "the binding was cancelled", "绑定已取消")                \
	X(NOT_BOUND, 403, false, "the certificate is not bound to this account", "证书未绑定")     \
	X(CERT_UNKNOWN, 404, false, "no such certificate", "证书不存在")                           \
	X(MEDIA_MISSING, 422, false, "no such medium with this certificate", "介质编号不符")       \
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
	X(ISSUANCE_NOT_READY, 409, true, "not issued yet", "证书尚未签发")                         \
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
	X(INTERNAL, 500, true, "the server failed; ask before repeating", "服务器错误")
/* clang-format on */

#define SIM_CODE_ENUM(code, status, retryable, english, chinese) SIM_##code,

enum sim_code { SIM_CODES(SIM_CODE_ENUM) SIM_CODE_COUNT };

#undef SIM_CODE_ENUM

const char *sim_code_word(enum sim_code code);
int sim_code_status(enum sim_code code);
bool sim_code_is_retryable(enum sim_code code);

/* One request on its way to its answer. */
struct sim_call {
	struct sim *sim;
	int64_t now;
	const struct sim_request *request;
	char path[SIM_PATH_TEXT];
	char id[SIM_ID_TEXT]; /* what :id matched, or "" */
	json_t *query;        /* object of texts */
	json_t *body;         /* object, or NULL */

	int status;
	json_t *reply; /* the JSON answer … */
	char *raw;     /* … or its bytes, of content_type */
	size_t raw_len;
	const char *content_type;
	char location[SIM_PLACE_TEXT];
	char etag[32];
	int retry_after_s;
	bool effect;             /* something has changed outside this call */
	bool replayed;           /* a stored answer */
	enum sim_code code;      /* of a problem */
	const char *certificate; /* whom a refusal concerns, for the ledger; borrowed or NULL */
	const char *client_ref;
	const char *operation; /* the route's pattern */
};

/* ---- sim_state.c: the tree ---- */
/* The table NAME (borrowed), made where it is missing. */
json_t *sim_table(const struct sim *sim, const char *name);
/* The object ID of table NAME (borrowed), or NULL. */
json_t *sim_find(const struct sim *sim, const char *table, const char *id);
/* The first object of TABLE whose text member KEY is VALUE (borrowed), or NULL. */
json_t *sim_find_by(const struct sim *sim, const char *table, const char *key, const char *value);
/* The next number of the seeded generator, below LIMIT. */
uint64_t sim_random(struct sim *sim, uint64_t limit);
/* PREFIX_ and twelve hex digits. */
void sim_id(struct sim *sim, char out[SIM_ID_TEXT], const char *prefix);
/* 2 * LEN hex digits from the seeded generator. */
void sim_hex(struct sim *sim, char *out, size_t len);
/* Write OBJECT.KEY as RFC 3339. */
void sim_put_instant(json_t *object, const char *key, int64_t at);
/* AT plus YEARS in the Gregorian calendar; 29 February becomes 1 March where it must. */
int64_t sim_add_years(int64_t at, int years);

/* ---- sim_answer.c: endings ---- */
/* End with STATUS and the JSON value (taken). */
void call_reply(struct sim_call *call, int status, json_t *value);
/* End with LEN bytes (taken). */
void call_reply_raw(struct sim_call *call, const char *content_type, char *bytes, size_t len);
/* End with a problem; the result is its object (borrowed), for further members. */
json_t *call_problem(struct sim_call *call, enum sim_code code, const char *format, ...)
	PRINTF_LIKE(3, 4);
/* Add to the problem's field_errors. */
void call_field_error(struct sim_call *call, const char *path, const char *message);
/* Something has happened: it is saved, remembered under its key, and fit for the knobs. */
void call_effect(struct sim_call *call);

/* Members of OBJECT (the body or a part of it); on failure the call ends with FIELD_INVALID. */
bool call_text(struct sim_call *call, const char **out, const json_t *object, const char *key);
bool call_number(struct sim_call *call, int64_t *out, const json_t *object, const char *key);
bool call_instant(struct sim_call *call, int64_t *out, const json_t *object, const char *key);
bool call_client_ref(struct sim_call *call, const char **out, const json_t *object);
/* A query member, or NULL. */
const char *call_query(const struct sim_call *call, const char *key);
/* The object of TABLE named by the path; ends with NOT_FOUND and returns NULL where there is
 * none. */
json_t *call_object(struct sim_call *call, const char *table);
/* End with {items, next_cursor}: the page of ITEMS (taken) that limit and cursor ask for. */
void call_reply_page(struct sim_call *call, json_t *items);

/* ---- the files of the contract ---- */
void get_meta(struct sim_call *call);
void get_agreement(struct sim_call *call);
json_t *meta_agreement(void); /* {id, version, sha256, title, text}; owned by the caller */
json_t *meta_statement(void);
json_t *meta_terms(int64_t add_fen); /* [{years, price_fen}] */
json_t *meta_payee(const struct sim *sim);
json_t *meta_attachment_types(void); /* [{type, name, required}] */

void post_binding(struct sim_call *call);
void get_bindings(struct sim_call *call);
void get_binding(struct sim_call *call);
void delete_binding(struct sim_call *call);
void post_phone(struct sim_call *call);

void get_certificates(struct sim_call *call);
void post_enrol(struct sim_call *call);
json_t *certificate_view(const struct sim *sim, int64_t now, const json_t *certificate);
/* The certificates of SET that are not superseded (own array of borrowed-count references). */
json_t *certificate_set(const struct sim *sim, const char *set_id);
/* Keep X509 in the table: facts, PEM, and what FROM (an enrolment or an older record) says of
 * holder, service, media_no; returns the record (borrowed). */
json_t *certificate_add(struct sim *sim, X509 *x509, const json_t *from, struct fault *fault);

void post_application(struct sim_call *call);
void get_applications(struct sim_call *call);
void get_application(struct sim_call *call);
void post_withdraw(struct sim_call *call);
json_t *application_view(const json_t *application);
/* A move: state, seq, updated_at. */
void application_move(struct sim *sim, json_t *application, const char *state, int64_t now);
bool application_is(const json_t *application, const char *state);
bool application_is_open(
	const json_t *application); /* not installed, closed, rejected, withdrawn */
/* The open application of a set (borrowed), or NULL. */
const json_t *application_open(const struct sim *sim, const char *set_id);
/* The application of the path for a change in STATE (or STATE2, may be NULL); checks If-Match;
 * NULL after a problem. */
json_t *call_application(struct sim_call *call, const char *state, const char *state2);
/* End with the application and its ETag. */
void call_reply_application(struct sim_call *call, int status, const json_t *application);
/* What submit still needs: array of words (owned by the caller). */
json_t *application_required(const json_t *application);

void put_agreement(struct sim_call *call);
void get_terms(struct sim_call *call);
void put_term(struct sim_call *call);
void put_intent(struct sim_call *call);
void post_attachment(struct sim_call *call);
void post_submit(struct sim_call *call);

void post_payment(struct sim_call *call);
void get_payments(struct sim_call *call);
void get_payment(struct sim_call *call);
void put_remittance(struct sim_call *call);
json_t *payment_view(const json_t *payment);

void get_issuance(struct sim_call *call);
void post_install_report(struct sim_call *call);
bool issuance_make(struct sim *sim, json_t *application, int64_t now, struct fault *fault);

void get_invoice(struct sim_call *call);
void post_invoice_resend(struct sim_call *call);
void invoice_make(struct sim *sim, json_t *application, int64_t now);

/* What time alone does: reviews end, invoices are sent. */
void sim_advance(struct sim *sim, int64_t now);

/* ---- sim_ledger.c ---- */
/* Append ITEM (taken) to the list NAME. */
void ledger_add(struct sim *sim, const char *name, json_t *item);
/* Count the call's refusal with CODE. */
void ledger_refuse(const struct sim_call *call, const char *code);
void ledger_replay(struct sim *sim);
void get_ledger(struct sim_call *call);
