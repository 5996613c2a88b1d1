/* SPDX-License-Identifier: Apache-2.0 */
/* The planner: from a policy, the certificate sets that are known and the CA's terms to the renewals
 * that should be made, each with its price, and for every other set the reason why not.  The same
 * input gives the same plan, in whatever order the candidates come. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/fault.h"
#include "common/text.h"
#include "orchestrator/domain/policy.h"

enum { PLAN_CANDIDATES_MAX = 2 * 1000 * 1000, PLAN_TERMS_MAX = 16 };

/* A certificate set: what one renewal renews (a signing + encryption pair, or one certificate).
 * Texts are borrowed and outlive the plan; NULL stands for unknown. */
struct plan_candidate {
	int64_t set_id;
	const char *serial; /* of the certificate that expires first, as hex */
	int64_t not_after;
	const char *holder, *service, *unit, *uscc;
	const char *media_no;       /* 介质编号; may be missing, decides nothing */
	const char *client_version; /* of the workstation; NULL: unknown */
	const char *token_serial;   /* NULL: no agent has seen the token */
	bool has_agent;             /* an enrolled agent answers for the token's workstation */
	int64_t token_free_bytes;   /* -1: the token does not say */
	bool has_open_renewal, is_revoked, is_replaced;
	bool has_handler;                 /* 经办人 */
	int64_t handler_authorised_until; /* end of the 授权委托书; INT64_MAX: without end */
	const char *key_type;             /* RSA2048, EC256, SM2 … */
};

struct plan_term {
	int64_t years, price_fen;
};

struct plan_request {
	const struct policy *policy;
	const struct plan_candidate *candidates;
	size_t candidate_count;
	const struct plan_term *terms; /* what the CA offers now */
	size_t term_count;
	bool person_installs; /* in the CA's own client: no agent is waited for */
	int64_t now;
};

enum plan_kind { PLAN_EXPIRING, PLAN_EXPIRED }; /* 临期, 过期 */

/* Why a set is in the plan (the first two) or not. */
/* clang-format off */
#define PLAN_REASONS(X)                                                                                     \
	X(EXPIRING, expiring, "expires within the days that the policy looks ahead (临期)")                 \
	X(EXPIRED, expired, "has expired, recently enough for the policy (过期): attachments are needed (附件)") \
	X(NOT_YET, not_yet, "expires later than the policy looks ahead (证书有效期至)")                     \
	X(EXPIRED_TOO_LONG, expired_too_long, "expired longer ago than the policy renews (过期)")           \
	X(REVOKED, revoked, "is revoked (吊销)")                                                            \
	X(REPLACED, replaced, "has been replaced by a newer certificate on its token already")              \
	X(OPEN_RENEWAL, open_renewal, "is being renewed already (续期申请)")                                \
	X(OTHER_UNIT, other_unit, "belongs to a unit that the policy does not name (单位)")                 \
	X(OTHER_SERVICE, other_service, "is of a service that the policy does not name (服务名称)")         \
	X(NO_TERM, no_term, "cannot have any of the policy's terms: the CA offers none of them (续期年限)") \
	X(ABOVE_CAP, above_cap, "would cost more than the policy's cap for each of its terms (价格)")

/* Why a renewal of the plan would wait before any application or payment. */
#define PLAN_BLOCKS(X)                                                                                      \
	X(CLIENT_UNKNOWN, client_version_unknown, "the client version of its workstation is unknown (主程序版本号)") \
	X(CLIENT_OLD, client_version_old, "the client of its workstation is older than the policy allows (主程序版本号)") \
	X(NO_HANDLER, handler_absent, "it has no handler (经办人)")                                         \
	X(HANDLER_EXPIRED, handler_unauthorised, "its handler's authorisation has expired (授权委托书)")    \
	X(TOKEN_UNSEEN, token_unseen, "no agent has seen its token (U-KEY)")                                \
	X(AGENT_ABSENT, agent_absent, "no enrolled agent answers for its workstation (电脑)")               \
	X(TOKEN_FULL, token_full, "its token has no room for another certificate (介质)")                   \
	X(SM2, sm2_needs_ca_client, "its key is SM2: a person installs it in the CA's client (网证通安全客户端)")
/* clang-format on */

#define PLAN_REASON_ENUM(upper, lower, text) PLAN_REASON_##upper,

enum plan_reason { PLAN_REASONS(PLAN_REASON_ENUM) PLAN_REASON_COUNT };

#undef PLAN_REASON_ENUM

#define PLAN_BLOCK_ENUM(upper, lower, text) PLAN_BLOCK_##upper,

enum plan_block { PLAN_BLOCKS(PLAN_BLOCK_ENUM) PLAN_BLOCK_COUNT };

#undef PLAN_BLOCK_ENUM

struct plan_row {
	const struct plan_candidate *candidate;
	bool is_included;
	enum plan_kind kind; /* of an included row */
	enum plan_reason reason;
	int64_t term_years, price_fen; /* 0 where it is excluded */
	unsigned blocks;               /* 1 << PLAN_BLOCK_…, of an included row */
	int64_t latest_safe_start;     /* not_after less the policy's slack */
	bool is_late;                  /* that instant has passed */
};

struct plan {
	struct plan_row *rows; /* included ones first, each part by not_after, then set id */
	size_t row_count;
	size_t included, excluded, expiring, expired, blocked;
	int64_t price_fen; /* of all included rows */
	int64_t ready_fen; /* of those that nothing blocks */
};

/* Plan REQUEST; free with plan_done.  FAULT_INPUT for too many candidates or terms. */
bool plan_make(struct plan *out, const struct plan_request *request, struct fault *fault)
	MUST_CHECK;
void plan_done(struct plan *plan);

const char *plan_kind_word(enum plan_kind kind); /* expiring, expired */
const char *plan_reason_word(enum plan_reason reason);
const char *plan_block_word(enum plan_block block);
const char *plan_block_text(enum plan_block block);
/* One sentence about a row: reason, term and price, latest safe start, and what blocks it. */
void plan_explain(struct text *out, const struct plan_row *row);

static inline void plan_donep(struct plan *plan)
{
	plan_done(plan);
}
