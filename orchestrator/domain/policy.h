/* SPDX-License-Identifier: Apache-2.0 */
/* A policy: which certificates are renewed, for how many years, for how much, invoiced to whom.  Read
 * from YAML (policies/default.yaml explains each field), checked whole, then never changed: a new
 * policy is a new struct with another digest, and approvals name the digest.  The payee is no
 * matter of policy: it is pinned in the settings. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/fault.h"
#include "common/own.h"

enum {
	POLICY_LIST_MAX = 200,
	POLICY_TERMS_MAX = 5,
	POLICY_BYTES_MAX = 256 * 1024,
	POLICY_KEEP_DAYS = 180
};

/* What becomes of the key: certified again under the same key, or a new pair.  xuqi installs reuse. */
enum policy_key { POLICY_KEY_REUSE };

/* 银行转账核验 or 微信支付. */
enum policy_payment { POLICY_BANK_TRANSFER, POLICY_WECHAT_PAY };

struct policy_list {
	char **words; /* sorted, each once */
	size_t count;
};

struct policy {
	char *name;
	char *ca;                        /* whose connector applies: `gateway`, `manual`, … */
	int64_t expires_within_days;     /* 临期: not_after within so many days from now */
	int64_t expired_within_days;     /* 过期: not_after at most so many days ago; 0: none */
	struct policy_list units;        /* empty: all */
	struct policy_list services;     /* 服务名称; empty: all */
	int64_t terms[POLICY_TERMS_MAX]; /* years, the preferred first */
	size_t term_count;
	int64_t price_cap_fen; /* of one renewal */
	int64_t slack_days;    /* the latest safe start lies so many days before not_after */
	enum policy_key key_policy;
	char *payer_account,
		*payer_name; /* NULL: those of the legal entity (付款账号, 付款账号名称) */
	char *invoice_email;
	char *handler; /* login name; NULL: the one recorded with the certificate (经办人) */
	char *minimum_client_version;
	int64_t concurrency; /* renewals of one campaign that are worked on at once */
	int64_t daily_cap; /* 每日上限: applications of one campaign on one day; 0: any number */
	enum policy_payment payment;
	int64_t review_working_days; /* silent for longer: somebody asks the CA (审核) */
	int64_t invoice_working_days; /* none after so many: asked for again, then fetched by a person */
	struct policy_list
		verify_at; /* HH:MM of working days: a transfer that had not arrived is declared again */
	struct policy_list sites;  /* `SERVICE=SITE` or `*=SITE`: who must learn the new serial */
	int64_t privacy_keep_days; /* personal data is erased so many days after the renewal's end */
	char *canonical;           /* the effective policy as JSON, keys sorted */
	char sha256[SHA256_HEX];   /* of canonical: comments and layout do not count */
};

/* Read LEN bytes of YAML; NULL with FAULT_INPUT `NAME:LINE:COLUMN: what was expected` and the nearest
 * known word.  Free with policy_free, which accepts NULL. */
struct policy *policy_read(const char *name, const char *bytes, size_t len, struct fault *fault);
void policy_free(struct policy *policy);

const char *policy_key_word(enum policy_key key);
const char *policy_payment_word(enum policy_payment payment);
/* Whether LIST names WORD, or is empty. */
bool policy_list_admits(const struct policy_list *list, const char *word);

DEFINE_CLEANUP(policy_freep, struct policy *, policy_free)
