/* SPDX-License-Identifier: Apache-2.0 */
/* What a CA's way of working can or cannot do, as words.  Connectors state them, edges of the workflow
 * are guarded by them: a state that a CA does not have is gone past by the table, not by an `if`. */
#pragma once

/* clang-format off */
#define CAPABILITIES(X)                                                                            \
	X(APPLY_FIRST, apply_first)       /* the application is submitted, then paid (gateway) */  \
	X(PAY_FIRST, pay_first)           /* 先完成汇款后录入: paid, then applied for in one sitting */ \
	X(QUOTES_PRICE, quotes_price)     /* the CA names its prices; else the versioned 价目 does */ \
	X(SHOWS_QR, shows_qr)             /* the binding's QR comes to us: one at a time for a handler */ \
	X(DELIVERS, delivers)             /* the new certificate comes to us, the agent installs it */ \
	X(PERSON_INSTALLS, person_installs) /* a person installs it in the CA's own client */        \
	X(INSTALL_REPORT, install_report) /* the CA wants to be told of the installation */        \
	X(WECHAT_PAY, wechat_pay)         /* 微信支付 */                                           \
	X(BATCH_INTENT, batch_intent)     /* one 意愿表达 may cover several applications */        \
	X(BATCH_PAYMENT, batch_payment)   /* one transfer may pay several applications */          \
	X(WITHDRAW, withdraw)             /* an application can be withdrawn */                    \
	X(REFUND, refund)                 /* a refund's state can be asked for */
/* clang-format on */

#define CAPABILITY_ENUM(upper, lower) CAN_##upper,

enum capability { CAN_ANYTHING, CAPABILITIES(CAPABILITY_ENUM) CAPABILITY_COUNT };

#undef CAPABILITY_ENUM

/* A set of them is an unsigned of these bits; CAN_ANYTHING, the guard that always lets pass, is in every set. */
#define CAPABILITY_BIT(capability) (1U << (capability))

/* `apply_first`, …; `` for CAN_ANYTHING. */
const char *capability_word(enum capability capability);
