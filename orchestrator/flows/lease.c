/* SPDX-License-Identifier: Apache-2.0 */
/* The story of giving a lease back after a failure of our own. */
#include "orchestrator/flows/lease.h"

#include "common/digest.h"
#include "common/json.h"
#include "common/log.h"
#include "common/text.h"
#include "orchestrator/domain/backoff.h"
#include "orchestrator/loop/batch.h"
#include "orchestrator/loop/flow.h"

enum { SECOND_MS = 1000 };

struct give_back {
	struct app *app;
	char *id, *item;
};

static enum flow_next give_back_rest(struct flow *flow, void *self)
{
	struct give_back *back = self;

	return batch_begin(back->app->conclude, flow, back->item);
}

static const struct flow_step give_back_steps[] = {
	{ "rest", give_back_rest },
	{ NULL, NULL },
};

static void give_back_finished(void *self, const struct fault *fault)
{
	struct give_back *back = self;

	/* A lease that cannot be given back runs out by itself. */
	if (fault != NULL && fault->kind != FAULT_CONFLICT)
		log_debug("renewal.kept", LOG_TEXT("renewal", back->id), LOG_FAULT(fault));
	free(back->id);
	free(back->item);
	free(back);
}

static struct flow_kind give_back_kind = { "give_back", give_back_steps, give_back_finished, 0, 0 };

static enum trouble trouble_of(const struct fault *fault)
{
	return fault->kind == FAULT_LATER || fault->kind == FAULT_UNSURE ? TROUBLE_DATABASE
									 : TROUBLE_BUG;
}

const char *lease_reason(const struct fault *fault)
{
	return trouble_word(trouble_of(fault));
}

static double pause_seconds(const struct app *app, const struct fault *fault, int64_t attempts)
{
	struct backoff_rules rules = { app->settings.retry_first_seconds * SECOND_MS,
		app->settings.retry_max_seconds * SECOND_MS };
	uint32_t random;

	random_bytes(&random, sizeof random);
	return (double)backoff_wait_ms(trouble_of(fault), attempts, 0, random, &rules) / SECOND_MS;
}

void lease_give_back(struct app *app, const char *id, const char *epoch, const struct fault *fault,
	int64_t attempts)
{
	struct give_back *back = zalloc(1, sizeof *back);
	JSON *doc = json_pack("{s:{s:s, s:f, s:s}}", "wait", "reason", lease_reason(fault),
		"seconds", pause_seconds(app, fault, attempts), "error", fault->text);
	OWNED char *text = json_write(doc);

	back->app = app;
	back->id = text_dup(id);
	back->item = text_dupf("{\"id\":%s,\"epoch\":%s,\"doc\":%s}", id, epoch, text);
	if (!flow_start(app->engine, &give_back_kind, back))
		give_back_finished(back, NULL);
}
