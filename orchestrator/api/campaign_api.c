/* SPDX-License-Identifier: Apache-2.0 */
/* Policies, plans and campaigns: the stories that need the pure planner between two statements. */
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "orchestrator/api/stories.h"
#include "orchestrator/flows/planning.h"
#include "orchestrator/loop/db.h"
#include "sql.h"

struct plan_ask {
	struct ask ask;
	struct policy *policy;
	json_t *meta;
	struct planning planning;
};

static enum flow_next plan_read_policy(struct flow *flow, void *self)
{
	struct plan_ask *plan = self;
	const char *name, *yaml;
	struct fault fault;

	if (!json_text(&name, plan->ask.body, "policy_name", &fault) ||
		!json_text(&yaml, plan->ask.body, "policy_yaml", &fault))
		return flow_fail_with(flow, &fault);
	plan->policy = policy_read(name, yaml, strlen(yaml), &fault);
	if (plan->policy == NULL)
		return flow_fail_with(flow, &fault);
	if (connector_for(&plan->ask.app->connectors, plan->policy->ca) == NULL)
		return flow_fail(flow, FAULT_INPUT,
			"%.64s: ca: there is no CA %.64s here; xuqi ca list shows those there are",
			name, plan->policy->ca);
	return FLOW_NEXT;
}

static enum flow_next policy_answer(struct flow *flow, void *self)
{
	struct plan_ask *plan = self;
	struct fault fault;
	json_t *canonical =
		json_read(plan->policy->canonical, strlen(plan->policy->canonical), &fault);

	if (canonical == NULL)
		return flow_fail_with(flow, &fault);
	return ask_answer(&plan->ask, 200,
		json_pack("{s:s, s:s, s:o}", "policy", plan->policy->name, "sha256",
			plan->policy->sha256, "canonical", canonical));
}

static enum flow_next plan_load_ca(struct flow *flow, void *self)
{
	struct plan_ask *plan = self;

	return db_begin(plan->ask.app->db, flow, sql_ca_facts_load, DB_ARGS(plan->policy->ca));
}

static enum flow_next plan_load_candidates(struct flow *flow, void *self)
{
	struct plan_ask *plan = self;
	const PGresult *rows = flow_rows(flow);
	char ahead[24], back[24];
	struct fault fault;

	if (PQntuples(rows) == 1) {
		if (!PQgetisnull(rows, 0, 1))
			return flow_fail(flow, FAULT_CONFLICT, "%s", PQgetvalue(rows, 0, 1));
		plan->meta =
			json_read(PQgetvalue(rows, 0, 0), (size_t)PQgetlength(rows, 0, 0), &fault);
	}
	(void)snprintf(ahead, sizeof ahead, "%lld", (long long)plan->policy->expires_within_days);
	(void)snprintf(back, sizeof back, "%lld", (long long)plan->policy->expired_within_days);
	return db_begin(plan->ask.app->db, flow, sql_plan_candidates,
		DB_ARGS(plan->ask.principal, ahead, back));
}

static enum flow_next plan_make_it(struct flow *flow, void *self)
{
	struct plan_ask *plan = self;
	struct fault fault;

	if (!planning_make(&plan->planning, plan->ask.app, plan->policy, flow_rows(flow),
		    plan->meta, &fault))
		return flow_fail_with(flow, &fault);
	return FLOW_NEXT;
}

static enum flow_next plan_answer(struct flow *flow, void *self)
{
	struct plan_ask *plan = self;

	(void)flow;
	return ask_answer(&plan->ask, 200, take(plan->planning.shown));
}

static enum flow_next campaign_insert(struct flow *flow, void *self)
{
	struct plan_ask *plan = self;
	const char *name;
	struct fault fault;

	if (!json_text(&name, plan->ask.body, "name", &fault))
		return flow_fail_with(flow, &fault);
	if (plan->planning.included == 0)
		return flow_fail(flow, FAULT_INPUT,
			"the policy selects no certificate: xuqi plan shows why");

	JSON *document = json_pack("{s:s, s:s, s:s, s:s, s:O}", "name", name, "policy_name",
		plan->policy->name, "policy_sha256", plan->policy->sha256, "digest",
		plan->planning.digest, "plan", plan->planning.document);

	(void)json_object_set_new(document, "policy", json_loads(plan->policy->canonical, 0, NULL));

	OWNED char *text = json_write(document);

	return db_begin(
		plan->ask.app->db, flow, sql_campaign_make, DB_ARGS(plan->ask.principal, text));
}

static enum flow_next campaign_load(struct flow *flow, void *self)
{
	struct plan_ask *plan = self;
	OWNED char *id = text_dup(PQgetvalue(flow_rows(flow), 0, 0));

	return db_begin(plan->ask.app->db, flow, sql_campaign_show,
		DB_ARGS(plan->ask.principal, id, "{}", "{}"));
}

static enum flow_next campaign_answer(struct flow *flow, void *self)
{
	struct plan_ask *plan = self;

	plan->ask.status = 201;
	plan->ask.answer = text_dup(PQgetvalue(flow_rows(flow), 0, 1));
	return FLOW_DONE;
}

/* clang-format off */
#define BEGIN { "authenticate", ask_authenticate }, { "authorise", ask_authorise }, { "policy", plan_read_policy }
#define PLAN { "ca", plan_load_ca }, { "candidates", plan_load_candidates }, { "plan", plan_make_it }
/* clang-format on */

static const struct flow_step check_steps[] = { BEGIN, { "answer", policy_answer },
	{ NULL, NULL } };
static const struct flow_step plan_steps[] = { BEGIN, PLAN, { "answer", plan_answer },
	{ NULL, NULL } };
static const struct flow_step campaign_steps[] = { BEGIN, PLAN, { "insert", campaign_insert },
	{ "load", campaign_load }, { "answer", campaign_answer }, { NULL, NULL } };

static struct flow_kind check_kind = { "policy_check", check_steps, ask_finished, 16, 0 };
static struct flow_kind plan_kind = { "plan", plan_steps, ask_finished, 4, 0 };
static struct flow_kind campaign_kind = { "campaign_create", campaign_steps, ask_finished, 4, 0 };

static void plan_release(void *self)
{
	struct plan_ask *plan = self;

	policy_free(plan->policy);
	json_decref(plan->meta);
	planning_done(&plan->planning);
}

const struct people_route policy_check_route = { .roles = ROLE_ANY,
	.story = &check_kind,
	.size = sizeof(struct plan_ask),
	.release = plan_release };
const struct people_route plan_route = { .roles = ROLE_OPERATOR | ROLE_APPROVER | ROLE_ADMIN,
	.story = &plan_kind,
	.size = sizeof(struct plan_ask),
	.release = plan_release };
const struct people_route campaign_create_route = { .roles = ROLE_OPERATOR | ROLE_ADMIN,
	.story = &campaign_kind,
	.size = sizeof(struct plan_ask),
	.release = plan_release };
