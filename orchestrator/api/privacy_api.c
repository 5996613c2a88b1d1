/* SPDX-License-Identifier: Apache-2.0 */
/* Routes that carry personal data: sealed on the way in, opened or masked on the way out, as the statement decided
 * by role (schema/0014_privacy.sql).  Every look at what is not one's own is in the audit before it is answered. */
#include <string.h>

#include "common/bytes.h"
#include "common/seal.h"
#include "common/text.h"
#include "orchestrator/api/stories.h"
#include "orchestrator/domain/personal.h"
#include "orchestrator/loop/db.h"
#include "sql.h"

/* ---- tasks: what people give back, and QR texts ---- */

static bool seal_answer(struct ask *ask, struct fault *fault)
{
	return personal_seal_answer(
		ask->body, request_param(ask->request, 0), ask->app->seals, fault);
}

const struct people_route tasks_route = {
	.roles = ROLE_ANY, .statement = sql_task_list, .opens = true
};
const struct people_route task_done_route = { .roles = ROLE_OPERATOR | ROLE_FINANCE |
		ROLE_APPROVER | ROLE_HANDLER | ROLE_ADMIN,
	.statement = sql_task_done,
	.prepare = seal_answer };

/* ---- people ---- */

static bool seal_search(struct ask *ask, struct fault *fault)
{
	return personal_seal_search(ask->body, ask->app->seals, fault);
}

const struct people_route people_list_route = {
	.roles = ROLE_ANY, .statement = sql_person_list, .opens = true
};
const struct people_route person_find_route = { .roles = ROLE_OPERATOR | ROLE_ADMIN,
	.statement = sql_person_list,
	.prepare = seal_search,
	.opens = true };
const struct people_route person_reveal_route = {
	.roles = ROLE_ADMIN, .statement = sql_person_reveal, .opens = true
};

/* ---- the keys, and erasing ---- */

static bool name_keys(struct ask *ask, struct fault *fault)
{
	json_t *ids = json_array();

	(void)fault;
	for (size_t i = 0; i < seal_keys_count(ask->app->seals); i++)
		(void)json_array_append_new(ids, json_string(seal_key_id(ask->app->seals, i)));
	json_put_text(ask->body, "key_file", seal_keys_file(ask->app->seals));
	return json_object_set_new(ask->body, "keys", ids) == 0;
}

const struct people_route privacy_route = {
	.roles = ROLE_ADMIN | ROLE_AUDITOR, .statement = sql_privacy_status, .prepare = name_keys
};
const struct people_route person_erase_route = { .roles = ROLE_ADMIN,
	.statement = sql_person_erase };

/* Was it this value? Answered by the mark that a row or the audit keeps; the value itself is kept nowhere. */
static enum flow_next mark_check(struct flow *flow, void *self)
{
	struct ask *ask = self;
	const json_t *file = json_array_get(json_object_get(ask->body, "files"), 0);
	const char *mark, *value = json_peek_text(ask->body, "value"),
			  *data = json_peek_text(file, "data_b64");
	struct fault fault;
	size_t len = 0;

	if (!json_text(&mark, ask->body, "mark", &fault))
		return flow_fail_with(flow, &fault);
	if (!text_starts(mark, "sm1."))
		return flow_fail(flow, FAULT_INPUT,
			"mark: a mark begins with sm1. and stands in the audit and in xuqi file list");
	OWNED unsigned char *bytes = data != NULL ? base64_decode(data, &len) : NULL;

	if (bytes == NULL && value == NULL)
		return flow_fail(flow, FAULT_INPUT,
			"give the value (--value), or one file (--attach), to compare with the mark");
	bool fits = bytes != NULL ? seal_mark_fits(mark, ask->app->seals, bytes, len)
				  : seal_mark_fits(mark, ask->app->seals, value, strlen(value));

	return ask_answer(ask, 200, json_pack("{s:s, s:b}", "mark", mark, "fits", fits));
}

static const struct flow_step check_steps[] = {
	{ "authenticate", ask_authenticate },
	{ "authorise", ask_authorise },
	{ "check", mark_check },
	{ NULL, NULL },
};

static struct flow_kind check_kind = { "mark_check", check_steps, ask_finished, 8, 0 };

const struct people_route mark_check_route = { .roles = ROLE_AUDITOR | ROLE_ADMIN,
	.story = &check_kind };

/* ---- files ---- */

const struct people_route files_route = {
	.roles = ROLE_ANY, .statement = sql_file_list, .opens = true
};

/* What asks without a reason may only have its own. */
static enum flow_next file_take(struct flow *flow, void *self)
{
	struct ask *ask = self;
	OWNED char *body = json_write(ask->body);

	return db_begin(ask->app->db, flow, sql_file_fetch,
		DB_ARGS(ask->principal, request_param(ask->request, 0), body));
}

static enum flow_next file_answer(struct flow *flow, void *self)
{
	struct ask *ask = self;
	const PGresult *rows = flow_rows(flow);
	struct fault fault;
	OWNED char *name = personal_open(PQgetvalue(rows, 0, 1), ask->app->seals, &fault);
	json_t *file = name == NULL
		? NULL
		: personal_open_file(&(struct personal_file){ .name = name,
					     .media_type = PQgetvalue(rows, 0, 2),
					     .place = PQgetvalue(rows, 0, 3),
					     .content_b64 = PQgetvalue(rows, 0, 4) },
			  ask->app->seals, &fault);

	if (file == NULL)
		return flow_fail_with(flow, &fault);
	json_put_text(file, "id", PQgetvalue(rows, 0, 0));
	return ask_answer(ask, 200, file);
}

static const struct flow_step file_steps[] = {
	{ "authenticate", ask_authenticate },
	{ "authorise", ask_authorise },
	{ "take", file_take },     /* sealed; the audit says who took it */
	{ "answer", file_answer }, /* opened in memory */
	{ NULL, NULL },
};

static struct flow_kind file_kind = { "file_fetch", file_steps, ask_finished, 8, 0 };

const struct people_route file_route = { .roles = ROLE_ANY, .story = &file_kind };
const struct people_route file_reveal_route = { .roles = ROLE_ADMIN, .story = &file_kind };
