/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps what the CA says of itself (准备工作): terms, agreement, statement, payee.  A payee that is not the
 * pinned one raises an alert that stops every effect about money, and opens a task for finance. */
#pragma once

#include "orchestrator/flows/app.h"

struct ca_watch;

/* Ask CONNECTOR's CA now and then every meta_seconds (sooner while there is no answer). */
struct ca_watch *ca_watch_new(struct app *app, struct connector *connector);
void ca_watch_stop(struct ca_watch *watch);
void ca_watch_free(struct ca_watch *watch);
