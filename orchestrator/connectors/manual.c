/* SPDX-License-Identifier: Apache-2.0 */
/* The table of what a person's CA can, and of who reads which operation.  It is pure: nothing is sent anywhere. */
#include "orchestrator/connectors/manual.h"

#include "common/text.h"
#include "orchestrator/connectors/manual_inside.h"

struct manual {
	struct connector connector;
	char *ca, *payee_name;
};

/* offered · effect · spends · can ask.  Readings of a sitting's answer are no effects of their own. */
/* clang-format off */
const struct connector_traits manual_traits = {
	.capabilities = CAPABILITY_BIT(CAN_PAY_FIRST) | CAPABILITY_BIT(CAN_PERSON_INSTALLS) |
		CAPABILITY_BIT(CAN_WITHDRAW) | CAPABILITY_BIT(CAN_REFUND),
	.ops = {
		[CONNECTOR_BIND] = { true, true, false, true },
		[CONNECTOR_BIND_STATUS] = { true, false, false, false },
		[CONNECTOR_OPEN] = { true, true, true, true },
		[CONNECTOR_AGREE] = { true, false, false, false },
		[CONNECTOR_TERMS] = { true, false, false, false },
		[CONNECTOR_TERM] = { true, false, false, false },
		[CONNECTOR_ATTACH] = { true, false, false, false },
		[CONNECTOR_INTENT] = { true, false, false, false },
		[CONNECTOR_SUBMIT] = { true, false, false, false },
		[CONNECTOR_WITHDRAW] = { true, true, false, true },
		[CONNECTOR_REMIT] = { true, true, true, true },
		[CONNECTOR_PAY_STATUS] = { true, false, false, false },
		[CONNECTOR_STATUS] = { true, false, false, false },
		[CONNECTOR_RESUBMIT] = { true, false, false, false },
		[CONNECTOR_REFUND] = { true, false, false, false },
		[CONNECTOR_ISSUANCE] = { true, false, false, false },
		[CONNECTOR_INVOICE] = { true, false, false, false },
	},
};

/* clang-format on */

static void (*const readers[CONNECTOR_OP_COUNT])(struct desk *desk) = {
	[CONNECTOR_BIND] = manual_read_bind,
	[CONNECTOR_BIND_STATUS] = manual_read_bind_status,
	[CONNECTOR_OPEN] = manual_read_open,
	[CONNECTOR_AGREE] = manual_read_agree,
	[CONNECTOR_TERMS] = manual_read_terms,
	[CONNECTOR_TERM] = manual_read_step,
	[CONNECTOR_ATTACH] = manual_read_step,
	[CONNECTOR_INTENT] = manual_read_step,
	[CONNECTOR_SUBMIT] = manual_read_step,
	[CONNECTOR_WITHDRAW] = manual_read_withdraw,
	[CONNECTOR_REMIT] = manual_read_remit,
	[CONNECTOR_PAY_STATUS] = manual_read_pay_status,
	[CONNECTOR_STATUS] = manual_read_status,
	[CONNECTOR_RESUBMIT] = manual_read_resubmit,
	[CONNECTOR_REFUND] = manual_read_refund,
	[CONNECTOR_ISSUANCE] = manual_read_issuance,
	[CONNECTOR_INVOICE] = manual_read_invoice,
};

static enum flow_next manual_begin(
	struct connector *connector, struct flow *flow, const struct connector_call *call)
{
	(void)connector;
	(void)flow;
	(void)call;
	return FLOW_NEXT; /* nothing is sent anywhere */
}

static void manual_read(struct connector *connector, const struct flow *flow,
	const struct connector_call *call, struct outcome *out)
{
	struct manual *self = CONTAINER_OF(connector, struct manual, connector);
	struct desk desk = { .call = call, .payee_name = self->payee_name, .out = out };

	(void)flow;
	*out = (struct outcome){ .kind = OUTCOME_REFUSED };
	if (readers[call->op] != NULL)
		readers[call->op](&desk);
	else
		desk_refuse(&desk, "NOT_OFFERED", "this CA has no such step");
}

static void manual_free(struct connector *connector)
{
	struct manual *self = CONTAINER_OF(connector, struct manual, connector);

	free(self->ca);
	free(self->payee_name);
	free(self);
}

static const struct connector_ops manual_ops = { manual_begin, manual_read, manual_free };

struct connector *manual_new(const struct manual_options *options)
{
	struct manual *self = zalloc(1, sizeof *self);

	self->ca = text_dup(options->ca != NULL ? options->ca : "manual");
	self->payee_name = text_dup(options->payee_name);
	self->connector = (struct connector){ &manual_ops, &manual_traits, self->ca };
	return &self->connector;
}
