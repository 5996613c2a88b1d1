/* SPDX-License-Identifier: Apache-2.0 */
/* The defect that the backup test must be able to see: xuqid that forgets at its start that a backup was
 * restored: no hold, nothing asked, nothing adopted.  It sends again what the world has seen already.  Linked into
 * xuqid-forgets-restore only. */
#include <stdlib.h>

#include "common/text.h"
#include "orchestrator/flows/reconciling.h"
#include "orchestrator/loop/db.h"

struct reconciling {
	struct app *app;
};

static enum flow_next forget(struct flow *flow, void *context)
{
	const struct reconciling *self = context;

	return db_begin_script(self->app->db, flow,
		"drop trigger holds_after_restore on holds; delete from restore_items;"
		" delete from restores; delete from holds; update renewals set due_at = now();"
		" update tasks set state = 'cancelled' where kind = 'restored_payments'");
}

static const struct flow_step forget_steps[] = { { "forget", forget }, { NULL, NULL } };

static void forgotten(void *context, const struct fault *fault)
{
	(void)context;
	(void)fault;
}

static struct flow_kind forget_kind = { "forget", forget_steps, forgotten, 1, 0 };

struct reconciling *reconciling_new(struct app *app)
{
	struct reconciling *self = zalloc(1, sizeof *self);

	self->app = app;
	if (!flow_start(app->engine, &forget_kind, self))
		abort(); /* a start runs already */
	return self;
}

void reconciling_stop(struct reconciling *reconciling)
{
	(void)reconciling;
}

void reconciling_free(struct reconciling *reconciling)
{
	free(reconciling);
}
