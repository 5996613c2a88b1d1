/* SPDX-License-Identifier: Apache-2.0 */
/* The facts about connector operations that every connector shares. */
#include "orchestrator/connectors/connector.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *word;
	bool effect, spends, can_ask;
} op_facts[] = {
	[CONNECTOR_META] = { "meta", false, false, false },
	[CONNECTOR_BIND] = { "bind", true, false, true },
	[CONNECTOR_BIND_STATUS] = { "bind_status", false, false, false },
	[CONNECTOR_OPEN] = { "open", true, false, true },
	[CONNECTOR_AGREE] = { "agree", true, false, false },
	[CONNECTOR_TERMS] = { "terms", false, false, false },
	[CONNECTOR_TERM] = { "term", true, false, false },
	[CONNECTOR_ATTACH] = { "attach", true, false, false },
	[CONNECTOR_INTENT] = { "intent", true, false, false },
	[CONNECTOR_SUBMIT] = { "submit", true, true, false },
	[CONNECTOR_WITHDRAW] = { "withdraw", true, false, false },
	[CONNECTOR_PAY] = { "pay", true, true, true },
	[CONNECTOR_REMIT] = { "remit", true, true, false },
	[CONNECTOR_PAY_STATUS] = { "pay_status", false, false, false },
	[CONNECTOR_STATUS] = { "status", false, false, false },
	[CONNECTOR_ISSUANCE] = { "issuance", false, false, false },
	[CONNECTOR_INSTALL_REPORT] = { "install_report", true, false, false },
	[CONNECTOR_INVOICE] = { "invoice", false, false, false },
};

const char *connector_op_word(enum connector_op op)
{
	return op_facts[op].word;
}

bool connector_op_is_effect(enum connector_op op)
{
	return op_facts[op].effect;
}

bool connector_op_spends(enum connector_op op)
{
	return op_facts[op].spends;
}

bool connector_op_can_ask(enum connector_op op)
{
	return op_facts[op].can_ask;
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
}

void outcome_done(struct outcome *out)
{
	json_decref(out->data);
	*out = (struct outcome){ .kind = OUTCOME_UNSURE };
}
