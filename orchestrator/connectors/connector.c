/* SPDX-License-Identifier: Apache-2.0 */
/* The facts about connector operations that every connector shares. */
#include "orchestrator/connectors/connector.h"

#include <stdio.h>

#include "common/text.h"
#include "orchestrator/domain/personal.h"

#define WORD(upper, lower) #lower,
static const char *const op_words[] = { CONNECTOR_OPS(WORD) };
#undef WORD

const char *connector_op_word(enum connector_op op)
{
	return op_words[op];
}

const struct connector_op_traits *connector_op(
	const struct connector *connector, enum connector_op op)
{
	return &connector->traits->ops[op];
}

bool connector_can(const struct connector *connector, enum capability capability)
{
	return capability == CAN_ANYTHING ||
		(connector->traits->capabilities & CAPABILITY_BIT(capability)) != 0;
}

struct connector *connector_for(const struct connectors *connectors, const char *ca)
{
	for (size_t i = 0; i < connectors->count; i++)
		if (text_equal(connectors->list[i]->ca, ca))
			return connectors->list[i];
	return NULL;
}

bool connectors_add(struct connectors *connectors, struct connector *connector)
{
	if (connectors->count == CONNECTORS_MAX)
		return false;
	connectors->list[connectors->count++] = connector;
	return true;
}

void connectors_free(struct connectors *connectors)
{
	for (size_t i = 0; i < connectors->count; i++)
		connectors->list[i]->ops->free(connectors->list[i]);
	*connectors = (struct connectors){ 0 };
}

static const char *const outcome_words[] = {
	[OUTCOME_DONE] = "done",
	[OUTCOME_PENDING] = "pending",
	[OUTCOME_NEED_HUMAN] = "need_human",
	[OUTCOME_REFUSED] = "refused",
	[OUTCOME_UNSURE] = "unsure",
};

const char *outcome_word(enum outcome_kind kind)
{
	return outcome_words[kind];
}

void outcome_set(
	struct outcome *out, enum outcome_kind kind, const char *code, const char *format, ...)
{
	va_list args;

	out->kind = kind;
	(void)snprintf(out->code, sizeof out->code, "%s", code);
	va_start(args, format);
	(void)vsnprintf(out->text, sizeof out->text, format, args);
	va_end(args);
	personal_mask_text(out->text);
}

void outcome_done(struct outcome *out)
{
	json_decref(out->data);
	*out = (struct outcome){ .kind = OUTCOME_UNSURE };
}
