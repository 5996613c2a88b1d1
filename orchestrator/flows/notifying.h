/* SPDX-License-Identifier: Apache-2.0 */
/* Digest notifications: in the office hours of working days, once per slot, each owner of open tasks who has news is
 * told of all of them in one message per channel (e-mail, chat robot), settings notify.*.  What is told is
 * decided in schema/0021_digests.sql, how it is said in domain/notice.h. */
#pragma once

#include "orchestrator/flows/app.h"

struct notifying;

/* NULL with FAULT_INPUT naming the setting when a template, password or address file is wrong.  Without any channel it
 * does nothing.  Free with notifying_free. */
struct notifying *notifying_new(struct app *app, struct fault *fault);
/* Send nothing more. */
void notifying_stop(struct notifying *notifying);
void notifying_free(struct notifying *notifying);
