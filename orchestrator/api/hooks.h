/* SPDX-License-Identifier: Apache-2.0 */
/* The route of the gateway's notices. */
#pragma once

#include "orchestrator/loop/inbound.h"

/* CONTEXT is the app.  Answers 200 once the notice is recorded (also when it came before), 403 for a wrong signature. */
void hook_begin(struct request *request, void *context);
