/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue of tasks (待办): for each kind who does it, by when, whom it goes to when nobody does, and what
 * happens if it is ignored.  One line per kind; a flow that opens a task gives what is special about it and takes
 * the rest from here.  A task without a line here would have no owner: a test reads all flows for that. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/json.h"
#include "orchestrator/domain/calendar.h"

struct task_kind {
	const char *word;
	const char *role; /* whose: a person_role; a handler's task has a person besides */
	int64_t due_days; /* working days until it is due; 0: today */
	int64_t escalate_days; /* working days after that until someone else is told, and between those */
	const char *tell_role;  /* who is told after the deputy; the admin is told last */
	const char *title;      /* what the flow's own title stands in for */
	const char *if_ignored; /* a sentence */
};

/* The table, ended by a kind without a word: what a kind that is not here gets. */
extern const struct task_kind task_kinds[];
/* The kind WORD, or that last one. */
const struct task_kind *task_kind_find(const char *word);

/* Give TASK (kind, and what the flow says) what it lacks: role, title, if_ignored, and from the calendar due_at and
 * escalate_at.  Where the flow gave no due_at, due_is_usual says that a task already open keeps its own.  The
 * texts in `values` become copy-safe (task_copy_safe), but for `statement`, whose bytes are under a digest. */
void task_kind_complete(json_t *task, const struct calendar *calendar, int64_t now);

/* TEXT on the heap as it may be pasted into a form: no control, zero-width or direction marks, no byte order mark,
 * every run of white space (also no-break and ideographic) one blank, none at the ends.  What is not UTF-8 is
 * dropped. */
char *task_copy_safe(const char *text);
