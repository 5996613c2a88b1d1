/* SPDX-License-Identifier: Apache-2.0 */
/* The connector that docs/connectors.md adds: a CA within this process, as short as one can be.  It remembers
 * effects by their key, so a repetition has the first one's answer, and finds them by our reference. */
#pragma once

#include "common/text.h"
#include "orchestrator/connectors/connector.h"

struct example {
	struct connector connector;
	json_t *done; /* by our reference: what was answered */
	bool refuses; /* everything, from now on */
};

static const struct connector_traits example_traits = {
	.capabilities = CAPABILITY_BIT(CAN_APPLY_FIRST) | CAPABILITY_BIT(CAN_DELIVERS) |
		CAPABILITY_BIT(CAN_QUOTES_PRICE),
	.ops = {
		[CONNECTOR_META] = { .offered = true },
		[CONNECTOR_OPEN] = { .offered = true, .effect = true, .can_ask = true },
		[CONNECTOR_SUBMIT] = { .offered = true, .effect = true, .spends = true, .can_ask = true },
		[CONNECTOR_STATUS] = { .offered = true },
		[CONNECTOR_ISSUANCE] = { .offered = true },
	},
};

static inline enum flow_next example_begin(
	struct connector *connector, struct flow *flow, const struct connector_call *call)
{
	(void)connector;
	(void)flow;
	(void)call;
	return FLOW_NEXT; /* nothing to wait for; another connector calls outbound_begin here */
}

static inline void example_act(
	struct example *self, const struct connector_call *call, struct outcome *out)
{
	json_t *known = json_object_get(self->done, call->ref);
	if (known == NULL) {
		known = json_pack(
			"{s:s, s:i}", "id", call->ref, "number", (int)json_object_size(self->done));
		(void)json_object_set_new(self->done, call->ref, known);
	}
	*out = (struct outcome){ .kind = OUTCOME_DONE, .data = json_incref(known) };
}

static inline void example_ask(
	struct example *self, const struct connector_call *call, struct outcome *out)
{
	json_t *known = json_object_get(self->done, call->ref);
	if (known != NULL)
		*out = (struct outcome){ .kind = OUTCOME_DONE, .data = json_incref(known) };
	else
		outcome_set(out, OUTCOME_PENDING, "NOT_FOUND", "no such reference");
}

static inline void example_read(struct connector *connector, const struct flow *flow,
	const struct connector_call *call, struct outcome *out)
{
	struct example *self = CONTAINER_OF(connector, struct example, connector);
	const struct connector_op_traits *traits = connector_op(connector, call->op);
	(void)flow;
	*out = (struct outcome){ .kind = OUTCOME_DONE };
	if (!traits->offered || self->refuses)
		outcome_set(out, OUTCOME_REFUSED, "STATE_CONFLICT", "this CA does not do that now");
	else if (call->asking)
		example_ask(self, call, out);
	else if (traits->effect)
		example_act(self, call, out);
	else
		out->data = json_pack("{s:s}", "state", "in_review");
}

static inline void example_free(struct connector *connector)
{
	struct example *self = CONTAINER_OF(connector, struct example, connector);
	json_decref(self->done);
	free(self);
}

static const struct connector_ops example_ops = { example_begin, example_read, example_free };

static inline struct connector *example_new(void)
{
	struct example *self = zalloc(1, sizeof *self);
	self->done = json_object();
	self->connector = (struct connector){ &example_ops, &example_traits, "example" };
	return &self->connector;
}
