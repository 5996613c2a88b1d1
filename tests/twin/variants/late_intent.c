/* SPDX-License-Identifier: Apache-2.0 */
/* A defect that the twin must find: the intent of an effect is written after the effect, in the background.  The
 * product's own stage.c is compiled with batch_try renamed to this. */
#include "tests/twin/variants/late_intent.h"

#include "common/json.h"
#include "common/text.h"
#include "tests/twin/process.h"
#include "tests/twin/store_inside.h"

enum { LATE_MS = 3000 };

struct late {
	struct batch *batch;
	char *item;
};

static enum flow_next late_pause(struct flow *flow, void *self)
{
	(void)self;
	return flow_pause(flow, LATE_MS);
}

static enum flow_next late_write(struct flow *flow, void *self)
{
	struct late *late = self;

	return batch_begin(late->batch, flow, late->item);
}

static void late_finished(void *self, const struct fault *fault)
{
	struct late *late = self;

	(void)fault;
	free(late->item);
	free(late);
}

static const struct flow_step late_steps[] = {
	{ "pause", late_pause },
	{ "write", late_write },
	{ NULL, NULL },
};

static struct flow_kind late_kind = { "late_intent", late_steps, late_finished, 0, 0 };

enum flow_next late_batch_try(struct batch *batch, struct flow *flow, const char *item)
{
	struct process *process = process_with_intend(batch);
	struct late *late;
	struct ask ask = { .rows = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK) };
	JSON *said = json_loads(item, 0, NULL);

	if (process == NULL) {
		PQclear(ask.rows);
		return batch_try(batch, flow, item);
	}
	late = zalloc(1, sizeof *late);
	*late = (struct late){ batch, text_dup(item) };
	if (!flow_start(process->app.engine, &late_kind, late))
		late_finished(late, NULL);
	ask_columns(&ask, 4); /* attempt, existed, wait_reason, wait_s */
	ask_put_number(&ask, 0, 0, json_peek_number(said, "attempt", 1));
	ask_put(&ask, 0, 1, "f");
	flow_resume_rows(flow, ask.rows);
	return FLOW_WAIT;
}
