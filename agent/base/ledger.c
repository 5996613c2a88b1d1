/* SPDX-License-Identifier: Apache-2.0 */
/* Events attempt, result, cleared, in order.  Attempts are told apart by their permit's reference:
 * one permit is one login. */
#include "agent/base/ledger.h"

#include <stdio.h>

#include "agent/base/paths.h"
#include "agent/base/record.h"
#include "common/clock.h"
#include "common/own.h"
#include "common/text.h"

static const char *const verdict_words[] = {
	[LEDGER_NONE] = "none",
	[LEDGER_OPEN] = "open",
	[LEDGER_SUCCEEDED] = "succeeded",
	[LEDGER_INCORRECT] = "incorrect",
	[LEDGER_UNKNOWN] = "unknown",
};

static bool is_event(const struct record *line, const char *event)
{
	return text_equal(record_get(line, "event"), event);
}

static enum ledger_verdict verdict_from_word(const char *word)
{
	for (size_t i = LEDGER_SUCCEEDED; i <= LEDGER_INCORRECT; i++)
		if (text_equal(verdict_words[i], word))
			return (enum ledger_verdict)i;
	return LEDGER_UNKNOWN;
}

/* The result recorded behind the attempt on line FROM. */
static enum ledger_verdict result_of(const struct record_list *lines, size_t from)
{
	const char *ref = record_get(&lines->items[from], "permit_ref");

	for (size_t i = from + 1; i < lines->count; i++)
		if (is_event(&lines->items[i], "result") &&
			text_equal(record_get(&lines->items[i], "permit_ref"), ref))
			return verdict_from_word(record_get(&lines->items[i], "result"));
	return LEDGER_OPEN;
}

static bool cleared_behind(const struct record_list *lines, size_t from)
{
	const char *serial = record_get(&lines->items[from], "serial");

	for (size_t i = from + 1; i < lines->count; i++)
		if (is_event(&lines->items[i], "cleared") &&
			text_equal(record_get(&lines->items[i], "serial"), serial))
			return true;
	return false;
}

static bool concerns(const struct record *line, const struct ledger_attempt *attempt)
{
	return text_equal(record_get(line, "serial"), attempt->serial) ||
		text_equal(record_get(line, "spki_sha256"), attempt->spki_sha256);
}

static bool load(
	struct record_list *lines, const struct agent_settings *settings, struct fault *fault)
{
	OWNED char *path = agent_path(settings, PATH_LEDGER);

	return record_list_read(lines, path, fault);
}

static bool append(const struct agent_settings *settings, const struct record_pair *pairs,
	size_t count, struct fault *fault)
{
	OWNED char *path = agent_path(settings, PATH_LEDGER);

	return record_append(path, pairs, count, fault);
}

bool ledger_is_barred(bool *barred, char *why, size_t why_size,
	const struct agent_settings *settings, const struct ledger_attempt *attempt,
	struct fault *fault)
{
	CLEANUP(record_list_done) struct record_list lines = { 0 };

	if (!load(&lines, settings, fault))
		return false;
	*barred = false;
	for (size_t i = 0; i < lines.count && !*barred; i++) {
		const struct record *line = &lines.items[i];
		enum ledger_verdict verdict = LEDGER_NONE;

		if (!is_event(line, "attempt") || !concerns(line, attempt) ||
			cleared_behind(&lines, i))
			continue;
		verdict = result_of(&lines, i);
		*barred = verdict != LEDGER_SUCCEEDED;
		(void)snprintf(why, why_size,
			"a stored-PIN login of %s to token %s has the result %s; when a person has "
			"looked into it: xuqi-agent pin clear --settings FILE --serial %s",
			record_get(line, "at"), record_get(line, "serial"), verdict_words[verdict],
			record_get(line, "serial"));
	}
	return true;
}

bool ledger_find(enum ledger_verdict *verdict, const struct agent_settings *settings,
	const char *permit_ref, struct fault *fault)
{
	CLEANUP(record_list_done) struct record_list lines = { 0 };

	if (!load(&lines, settings, fault))
		return false;
	*verdict = LEDGER_NONE;
	for (size_t i = 0; i < lines.count; i++)
		if (is_event(&lines.items[i], "attempt") &&
			text_equal(record_get(&lines.items[i], "permit_ref"), permit_ref))
			*verdict = result_of(&lines, i);
	return true;
}

bool ledger_begin(const struct agent_settings *settings, const struct ledger_attempt *attempt,
	struct fault *fault)
{
	char at[CLOCK_TEXT];

	clock_format(at, clock_now());
	return append(settings,
		(const struct record_pair[]){ { "at", at }, { "event", "attempt" },
			{ "serial", attempt->serial }, { "spki_sha256", attempt->spki_sha256 },
			{ "order", attempt->order }, { "permit_ref", attempt->permit_ref } },
		6, fault);
}

bool ledger_end(const struct agent_settings *settings, const struct ledger_attempt *attempt,
	enum ledger_verdict verdict, struct fault *fault)
{
	char at[CLOCK_TEXT];

	clock_format(at, clock_now());
	return append(settings,
		(const struct record_pair[]){ { "at", at }, { "event", "result" },
			{ "serial", attempt->serial }, { "permit_ref", attempt->permit_ref },
			{ "result", verdict_words[verdict] } },
		5, fault);
}

bool ledger_clear(const struct agent_settings *settings, const char *serial, const char *by,
	struct fault *fault)
{
	char at[CLOCK_TEXT];

	clock_format(at, clock_now());
	return append(settings,
		(const struct record_pair[]){
			{ "at", at }, { "event", "cleared" }, { "serial", serial }, { "by", by } },
		4, fault);
}
