/* SPDX-License-Identifier: Apache-2.0 */
/* What speaks for a CA.  A connector begins one operation on a flow and reads its outcome when the flow
 * goes on; it keeps nothing of its own between the two.  What it can is data (its traits): stages ask
 * for a capability, never for a connector's name.  `docs/connectors.md` tells how to add one.
 *
 * Outcomes, and what the stages do about them:
 *   DONE        record it, move on            PENDING  look again at retry_s, no error
 *   NEED_HUMAN  open its task, wait for it     REFUSED  take the edge or the task that CODE names
 *   UNSURE      ask what became of it before anything is repeated
 * There are no others. */
#pragma once

#include <stdbool.h>

#include "common/json.h"
#include "orchestrator/domain/capability.h"
#include "orchestrator/loop/flow.h"

/* The guide's steps, in its order; the word is the effect's name in the journal. */
/* clang-format off */
#define CONNECTOR_OPS(X)                                                                           \
	X(META, meta)                     /* 准备工作: what the CA offers */                       \
	X(AGREEMENT, agreement)           /* 电子认证协议: its text */                             \
	X(BIND, bind)                     /* 获取二维码 */                                         \
	X(BIND_STATUS, bind_status)       /* 扫码, 确认绑定 */                                     \
	X(UNBIND, unbind)                 /* 取消: a QR that nobody confirmed */                   \
	X(CERTIFICATE, certificate)       /* 证书列表: how one certificate stands, by its serial */ \
	X(OPEN, open)                     /* 选择证书 */                                           \
	X(AGREE, agree)                   /* 电子认证协议 */                                       \
	X(TERMS, terms)                   /* the terms on offer */                                 \
	X(TERM, term)                     /* 有效期选择 */                                         \
	X(ATTACH, attach)                 /* 上传附件 */                                           \
	X(INTENT, intent)                 /* 意愿表达 */                                           \
	X(SUBMIT, submit)                 /* 提交 */                                               \
	X(WITHDRAW, withdraw)             /* 撤回 */                                               \
	X(PAY, pay)                       /* 支付页面: 银行转账 or 微信支付 */                     \
	X(CLOSE, close)                   /* close a payment that nobody may pay any more */       \
	X(REMIT, remit)                   /* 录入汇款信息 */                                       \
	X(PAY_STATUS, pay_status)         /* 银行转账核验 */                                       \
	X(STATUS, status)                 /* 审核 */                                               \
	X(RESUBMIT, resubmit)             /* 审核: again, after a correction */                    \
	X(REFUND, refund)                 /* 退款: how far it is */                                \
	X(ISSUANCE, issuance)             /* 证书更新 */                                           \
	X(INSTALL_REPORT, install_report) /* 安装证书, reported */                                 \
	X(INVOICE, invoice)               /* 发票 */                                               \
	X(RESEND, resend)                 /* 发票: send it again */
/* clang-format on */

#define CONNECTOR_OP_ENUM(upper, lower) CONNECTOR_##upper,

enum connector_op { CONNECTOR_OPS(CONNECTOR_OP_ENUM) CONNECTOR_OP_COUNT };

#undef CONNECTOR_OP_ENUM

enum outcome_kind {
	OUTCOME_DONE,
	OUTCOME_PENDING,
	OUTCOME_NEED_HUMAN,
	OUTCOME_REFUSED,
	OUTCOME_UNSURE
};

enum { OUTCOME_CODE_MAX = 64 };

struct outcome {
	enum outcome_kind kind;
	char code[OUTCOME_CODE_MAX]; /* the CA's code, or ours: NOT_FOUND, UNSIGNED, NO_ANSWER */
	char text[FAULT_TEXT_MAX];   /* for a person */
	unsigned retry_s; /* of PENDING: when the CA wants to be asked again; 0: at our pace */
	/* The answer's body or NULL; owned by the outcome.  Of NEED_HUMAN: {"task": …} in the words of
	 * stage_task, where a person is the transport; without it, an administrator is asked. */
	json_t *data;
};

/* One operation.  IDS and BODY are borrowed until the outcome is read. */
struct seal_keys;

struct connector_call {
	enum connector_op op;
	bool asking;     /* ask what became of an effect, instead of doing it */
	const char *key; /* the idempotency key of an effect */
	const char
		*id; /* the CA's id of what is spoken of (binding, application, payment) or NULL */
	const char *ref;    /* our client_ref where the operation has one */
	const json_t *body; /* the members of the guide's page, in gateway.yaml's words */
	/* The renewal as loaded (statement renewal_load), for a connector whose transport is a person:
	 * what a card shows, and in doc.tasks.KIND what that person answered.  NULL for META. */
	const json_t *doc;
	/* What opens the references to sealed values in BODY (domain/personal.h): a connector opens them in memory right
	 * before it sends, and one that writes tasks leaves them as they are. */
	const struct seal_keys *keys;
};

/* How a connector does one operation. */
struct connector_op_traits {
	bool offered; /* false: this CA has no such step */
	bool effect;  /* changes something outside: it needs a durable intent and a key */
	bool spends; /* moves money or commits to it: refused while the payee differs from the pinned one */
	bool can_ask; /* its arrival can be asked for; other effects are repeated under the same key */
};

struct connector_traits {
	unsigned capabilities; /* CAPABILITY_BITs */
	struct connector_op_traits ops[CONNECTOR_OP_COUNT];
};

struct connector;

struct connector_ops {
	/* Begin CALL for FLOW, which resumes when the outcome can be read. */
	enum flow_next (*begin)(
		struct connector *self, struct flow *flow, const struct connector_call *call);
	/* Fill OUT (outcome_done releases it). */
	void (*read)(struct connector *self, const struct flow *flow,
		const struct connector_call *call, struct outcome *out);
	void (*free)(struct connector *self);
};

/* The first member of every connector. */
struct connector {
	const struct connector_ops *ops;
	const struct connector_traits *traits;
	const char *
		ca; /* the CA's word in policies, holds and settings; static or owned by the connector */
};

const char *connector_op_word(enum connector_op op);
const struct connector_op_traits *connector_op(
	const struct connector *connector, enum connector_op op);
bool connector_can(const struct connector *connector, enum capability capability);

/* The connectors of one installation, by the word of their CA. */
enum { CONNECTORS_MAX = 8 };

struct connectors {
	struct connector *list[CONNECTORS_MAX];
	size_t count;
};

/* The connector for CA, or NULL. */
struct connector *connector_for(const struct connectors *connectors, const char *ca);
/* Take CONNECTOR into the list; false (nothing taken) when it is full. */
bool connectors_add(struct connectors *connectors, struct connector *connector);
void connectors_free(struct connectors *connectors);

const char *outcome_word(enum outcome_kind kind);
void outcome_set(struct outcome *out, enum outcome_kind kind, const char *code, const char *format,
	...) PRINTF_LIKE(4, 5);
void outcome_done(struct outcome *out);

struct outbound;

struct gateway_options {
	const char *url;     /* https://host:port, no path */
	const char *ca_file; /* trust for the gateway's TLS certificate */
	const char *key_id;
	const char *secret_file; /* the HMAC key, readable by its owner only */
	unsigned timeout_ms;     /* of one call; then its outcome is UNSURE.  0: the client's */
};

extern const struct connector_traits gateway_traits;

/* The connector for the contract of schema/gateway.yaml; its CA is called `gateway`. */
struct connector *gateway_new(
	struct outbound *outbound, const struct gateway_options *options, struct fault *fault);
