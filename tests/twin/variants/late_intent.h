/* SPDX-License-Identifier: Apache-2.0 */
/* In place of batch_try in the product's stage.c: see late_intent.c. */
#pragma once

#pragma push_macro("batch_try")
#undef batch_try
#include "orchestrator/loop/batch.h"
#pragma pop_macro("batch_try")

enum flow_next late_batch_try(struct batch *batch, struct flow *flow, const char *item);
