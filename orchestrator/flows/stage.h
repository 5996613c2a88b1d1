/* SPDX-License-Identifier: Apache-2.0 */
/* How one renewal takes one step: load everything about it, let the stage of its state decide, make the
 * intent durable, act (or ask what became of an earlier act), and conclude: settle, keep, open tasks, move
 * or wait, in one statement.  One step is at most one call to the outside; the next step is the next
 * claim.  A crash between any two lines leaves either no intent (the step is taken again) or an unsettled
 * one (the outside is asked first). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/json.h"
#include "orchestrator/connectors/connector.h"
#include "orchestrator/domain/backoff.h"
#include "orchestrator/domain/renewal.h"
#include "orchestrator/flows/app.h"
#include "orchestrator/flows/pacing.h"

enum stage_next {
	STAGE_CALL,     /* stage_call was called: do it */
	STAGE_CONCLUDE, /* the conclusion is ready */
	STAGE_FILES,    /* load the files of the last task `stage_run.want`, then decide again */
	STAGE_PLAN      /* load the campaign's plan, then decide or settle again */
};

struct stage_run;

struct stage {
	enum renewal_state state;
	enum stage_next (*decide)(struct stage_run *run);
	/* Read run->outcome (DONE, or REFUSED with its code); what is refused and not handled here goes
	 * to stage_refused. */
	enum stage_next (*settle)(struct stage_run *run);
};

enum { STAGE_KEY_MAX = 48, STAGE_REF_MAX = 40 };

struct stage_run {
	struct app *app;
	char *id, *epoch; /* decimal, as the database gave them */
	const struct stage *stage;
	struct stage
		turn; /* what stands in for the stage of the state, if anything does: turning.c */
	struct connector *connector; /* of the renewal's CA; set once the document is there */
	json_t *doc;                 /* of statement renewals_load */
	json_t *files, *plan;        /* when asked for */
	const char *want;            /* the task kind whose files are wanted */
	struct connector_call call;
	json_t *body;
	char *ca_id;
	char key[STAGE_KEY_MAX], ref[STAGE_REF_MAX];
	char attempt[16];
	bool existed; /* the intent was there before: a crash or an unsure outcome */
	bool probes;  /* this step's call is the one that tries an open breaker */
	enum pace pace;
	struct breaker breaker; /* to be stored before the probe goes */
	struct outcome outcome;
	json_t *conclusion;
};

/* The stages, one file each in the order a renewal lives. */
extern const struct stage binding_stage, bound_stage;                     /* binding.c */
extern const struct stage drafting_stage, attaching_stage, intent_stage;  /* applying.c */
extern const struct stage submitted_stage, paying_stage, verifying_stage; /* paying.c */
extern const struct stage paid_stage, review_stage, correction_stage,
	approved_stage; /* reviewing.c */
extern const struct stage queued_stage, installing_stage, quarantined_stage,
	installed_stage;                                 /* installing.c */
extern const struct stage invoice_stage, disputed_stage; /* invoicing.c */

/* Begin one step for renewal ID under lease EPOCH (copied).  False if too many run already. */
bool stage_start(struct app *app, const char *id, const char *epoch) MUST_CHECK;

/* ---- for the stages ---- */

/* The text at a dotted path of the document, or NULL; numbers likewise (OTHERWISE if absent). */
const char *stage_text(const struct stage_run *run, const char *path);
/* True where the renewal's CA can do this. */
bool stage_can(const struct stage_run *run, enum capability capability);
int64_t stage_number(const struct stage_run *run, const char *path, int64_t otherwise);
/* `¥200.00` on the heap. */
char *stage_yuan(int64_t fen);
bool stage_flag(const struct stage_run *run, const char *path);
json_t *stage_at(const struct stage_run *run, const char *path);
/* The answer of the newest task of KIND once a person has done it, else NULL. */
const json_t *stage_answer(const struct stage_run *run, const char *kind);

/* Call OP about CA_ID (copied, may be NULL) with BODY (taken, may be NULL); returns STAGE_CALL. */
enum stage_next stage_call(
	struct stage_run *run, enum connector_op op, const char *ca_id, json_t *body);
/* Take the edge of EVENT, with a sentence for the timeline. */
enum stage_next stage_move(struct stage_run *run, enum renewal_event event, const char *format, ...)
	PRINTF_LIKE(3, 4);
/* Wait for REASON (a blocked_reason) for SECONDS. */
enum stage_next stage_wait(struct stage_run *run, const char *reason, int64_t seconds);
/* Wait for a fact that wakes the renewal: look again only now and then. */
enum stage_next stage_await(struct stage_run *run, const char *reason);
/* Wait at the polling pace: often while the state is young, seldom when it is old. */
enum stage_next stage_poll(struct stage_run *run, const char *reason);
/* Wait after trouble on the ladder of its class (domain/backoff.h), under its word; the CA may have asked for a
 * later moment.  Our own mistakes stop with a task once their budget is spent. */
enum stage_next stage_trouble(struct stage_run *run, enum trouble trouble, const char *text);
/* The same under another REASON: the ladder is that of the class whose word it is, else of an unreachable CA. */
enum stage_next stage_retry(struct stage_run *run, const char *reason, const char *text);
/* Wait for REASON for MS milliseconds: no trouble, only not now. */
enum stage_next stage_pause(struct stage_run *run, const char *reason, int64_t ms);
/* Which trouble an outcome is that is neither DONE nor REFUSED. */
enum trouble stage_outcome_trouble(const struct stage_run *run);
/* Tell the pacing of the CA how the call ended. */
void stage_heard(const struct stage_run *run);
/* The CA refused for a reason that no rule covers: a task for the operator, who may try again. */
enum stage_next stage_refused(struct stage_run *run);
/* Set MEMBER of the conclusion (VALUE is taken). */
void stage_put(struct stage_run *run, const char *member, json_t *value);
/* Remember facts.KEY (VALUE is taken). */
void stage_fact(struct stage_run *run, const char *key, json_t *value);
void stage_fact_text(struct stage_run *run, const char *key, const char *value);
/* Open a task (TASK is taken): kind, instruction, needs, values, assignee; what else it wants (role, title,
 * if_ignored, due_at) it has from its kind in domain/task_kind.c unless it says so itself. */
void stage_task(struct stage_run *run, json_t *task);
/* Close the open tasks of KIND. */
void stage_close_task(struct stage_run *run, const char *kind);
/* A line in the timeline that is no move. */
void stage_note(struct stage_run *run, const char *event, const char *text);
