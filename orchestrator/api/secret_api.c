/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets that are made here, shown once and kept only as SHA-256: API tokens and enrolment codes. */
#include <stdio.h>
#include <string.h>

#include "common/digest.h"
#include "common/text.h"
#include "orchestrator/api/stories.h"
#include "orchestrator/domain/personal.h"
#include "orchestrator/loop/db.h"
#include "sql.h"

enum { SECRET_BYTES = 24, SECRET_TEXT = 2 * SECRET_BYTES + 8 };

struct secret_ask {
	struct ask ask;
	char secret[SECRET_TEXT];
};

static enum flow_next insert(struct flow *flow, struct secret_ask *made, const char *prefix,
	const char *column, const char *statement)
{
	char random[2 * SECRET_BYTES + 1], sha[SHA256_HEX];

	random_hex(random, SECRET_BYTES);
	(void)snprintf(made->secret, sizeof made->secret, "%s%s", prefix, random);
	sha256_hex(sha, made->secret, strlen(made->secret));
	json_put_text(made->ask.body, column, sha);

	OWNED char *body = json_write(made->ask.body);

	return db_begin(made->ask.app->db, flow, statement, DB_ARGS(made->ask.principal, body));
}

static enum flow_next answer(struct flow *flow, struct secret_ask *made, const char *member)
{
	const PGresult *rows = flow_rows(flow);
	struct fault fault;
	json_t *saved = json_read(PQgetvalue(rows, 0, 0), (size_t)PQgetlength(rows, 0, 0), &fault);

	if (saved == NULL)
		return flow_fail_with(flow, &fault);
	json_put_text(saved, member, made->secret);
	return ask_answer(&made->ask, 201, saved);
}

/* ---- API tokens ---- */

static enum flow_next token_insert(struct flow *flow, void *self)
{
	struct secret_ask *made = self;
	const char *login, *role;
	struct fault fault;

	if (!json_text(&login, made->ask.body, "login", &fault) ||
		!json_text(&role, made->ask.body, "role", &fault) ||
		!personal_seal_person(made->ask.body, made->ask.app->seals, &fault))
		return flow_fail_with(flow, &fault);
	return insert(flow, made, "xq_", "secret_sha256", sql_token_make);
}

static enum flow_next token_answer(struct flow *flow, void *self)
{
	return answer(flow, self, "token");
}

static const struct flow_step token_steps[] = {
	{ "authenticate", ask_authenticate },
	{ "authorise", ask_authorise },
	{ "insert", token_insert },
	{ "answer", token_answer },
	{ NULL, NULL },
};

static struct flow_kind token_kind = { "token_create", token_steps, ask_finished, 16, 0 };

const struct people_route token_route = {
	.roles = ROLE_ADMIN, .story = &token_kind, .size = sizeof(struct secret_ask)
};

/* ---- enrolment codes ---- */

static enum flow_next code_insert(struct flow *flow, void *self)
{
	struct secret_ask *made = self;
	const char *workstation, *unit;
	struct fault fault;

	if (!json_text(&workstation, made->ask.body, "workstation", &fault) ||
		!json_text(&unit, made->ask.body, "unit", &fault))
		return flow_fail_with(flow, &fault);
	return insert(flow, made, "xe_", "code_sha256", sql_enrol_code_make);
}

static enum flow_next code_answer(struct flow *flow, void *self)
{
	return answer(flow, self, "code");
}

static const struct flow_step code_steps[] = {
	{ "authenticate", ask_authenticate },
	{ "authorise", ask_authorise },
	{ "insert", code_insert },
	{ "answer", code_answer },
	{ NULL, NULL },
};

static struct flow_kind code_kind = { "enrol_code", code_steps, ask_finished, 16, 0 };

const struct people_route enrol_code_route = {
	.roles = ROLE_OPERATOR | ROLE_ADMIN, .story = &code_kind, .size = sizeof(struct secret_ask)
};
