/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of an order's journal, and what they add up to. */
#include "agent/base/journal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/text.h"

/* After how long the same refusal is said again: of what passes by itself, and of what waits for a
 * person, who may think that he has done it. */
#define SAY_AGAIN_PASSING  (3600 * CLOCK_SECOND)
#define SAY_AGAIN_STANDING (30 * CLOCK_SECOND)

enum { JOURNAL_PAIRS_MAX = RECORD_PAIRS_MAX - 2 };

static void begin_attempt(struct journal *journal, size_t from)
{
	journal->attempt_from = from;
	journal->prepared = NULL;
	journal->permitted = NULL;
	journal->logged_in = false;
	journal->verified = false;
}

static void take_in(struct journal *journal, size_t index)
{
	const struct record *line = &journal->lines.items[index];
	const char *step = record_get(line, "step");

	if (text_equal(step, STEP_PREPARED)) {
		journal->prepared = line;
		journal->permitted = NULL;
	} else if (text_equal(step, STEP_PERMITTED)) {
		journal->permitted = line;
	} else if (text_equal(step, STEP_LOGGED_IN)) {
		journal->logged_in = true;
	} else if (text_equal(step, STEP_VERIFIED)) {
		journal->verified = true;
	} else if (text_equal(step, STEP_ENDED)) {
		journal->ended_from = journal->attempt_from;
		journal->ended_at = index;
		begin_attempt(journal, index + 1);
		journal->ended = line;
		journal->posted = false;
	} else if (text_equal(step, STEP_POSTED)) {
		begin_attempt(journal, index + 1);
		journal->posted = true;
	} else if (text_equal(step, STEP_REPEAT)) {
		begin_attempt(journal, index + 1);
		journal->posted = false;
	}
}

static bool load(struct journal *journal, struct fault *fault)
{
	record_list_done(&journal->lines);
	journal->ended = NULL;
	journal->posted = false;
	begin_attempt(journal, 0);
	if (!record_list_read(&journal->lines, journal->path, fault))
		return false;
	for (size_t i = 0; i < journal->lines.count; i++)
		take_in(journal, i);
	return true;
}

bool journal_open(struct journal *journal, const struct agent_settings *settings, const char *order,
	struct fault *fault)
{
	*journal = (struct journal){ 0 };
	if (!order_id_is_safe(order))
		return fault_set(fault, FAULT_INPUT, "the order's id is not a plain word");
	memcpy(journal->order, order, strlen(order) + 1);
	journal->path = agent_path_in(settings, PATH_JOURNAL, order, ".jsonl");
	journal->mark = agent_path_in(settings, PATH_SPOOL, order, "");
	return load(journal, fault);
}

void journal_done(struct journal *journal)
{
	record_list_done(&journal->lines);
	free(journal->path);
	free(journal->mark);
	*journal = (struct journal){ 0 };
}

bool journal_add(struct journal *journal, const char *step, const struct record_pair *pairs,
	size_t count, struct fault *fault)
{
	struct record_pair line[RECORD_PAIRS_MAX] = { 0 };
	char at[CLOCK_TEXT];

	if (count > JOURNAL_PAIRS_MAX)
		return fault_set(fault, FAULT_BUG, "a journal line has too many members");
	clock_format(at, clock_now());
	line[0] = (struct record_pair){ "at", at };
	line[1] = (struct record_pair){ "step", step };
	for (size_t i = 0; i < count; i++)
		line[i + 2] = pairs[i];
	return record_append(journal->path, line, count + 2, fault) && load(journal, fault);
}

/* Whether the server has it already, or will have it: an order that is offered again after a refusal
 * wants a fresh answer, but not at every poll. */
static bool is_said_already(const struct journal *journal, const struct journal_end *end)
{
	bool passes = end->outcome == OUTCOME_TOKEN_ABSENT ||
		end->outcome == OUTCOME_TOKEN_SEVERAL || end->outcome == OUTCOME_TOKEN_OTHER ||
		end->outcome == OUTCOME_INTERRUPTED;
	int64_t ended_at = 0;

	if (journal->ended == NULL || end->permit_ref != NULL || end->login_attempted ||
		!text_equal(record_get(journal->ended, "outcome"), outcome_word(end->outcome)) ||
		!text_equal(record_get(journal->ended, "permit_ref"), ""))
		return false;
	return !journal->posted || !clock_parse(&ended_at, record_get(journal->ended, "at")) ||
		clock_now() - ended_at < (passes ? SAY_AGAIN_PASSING : SAY_AGAIN_STANDING);
}

bool journal_close(struct journal *journal, const struct journal_end *end, struct fault *fault)
{
	const struct record_pair pairs[] = {
		{ "outcome", outcome_word(end->outcome) },
		{ "permit_ref", end->permit_ref },
		{ "login_attempted", end->login_attempted ? "true" : "false" },
		{ "token_serial", end->token_serial },
		{ "certificates", end->certificates },
		{ "text", end->error },
	};

	if (is_said_already(journal, end))
		return journal->posted || journal_mark(journal, fault);
	return journal_mark(journal, fault) &&
		journal_add(journal, STEP_ENDED, pairs, COUNT_OF(pairs), fault);
}

bool journal_mark(const struct journal *journal, struct fault *fault)
{
	return file_write(journal->mark, "", 0, 0600, fault);
}

void journal_unmark(const struct journal *journal)
{
	(void)unlink(journal->mark);
}
