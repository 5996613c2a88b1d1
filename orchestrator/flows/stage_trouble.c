/* SPDX-License-Identifier: Apache-2.0 */
/* What a stage does when the outside or we ourselves are in trouble: which class it is, how long it waits, when
 * a person is asked, and what the pacing of the CA hears of it. */
#include <string.h>

#include "common/digest.h"
#include "common/text.h"
#include "orchestrator/flows/stage.h"

enum { SECOND_MS = 1000 };

static const char no_answer[] = "NO_ANSWER"; /* of every connector: connector.h */

/* Attempts that failed in a row with the same reason; another reason begins anew. */
static int64_t attempts_of(const struct stage_run *run, const char *reason)
{
	return text_equal(stage_text(run, "reason"), reason) ? stage_number(run, "attempts", 0) : 0;
}

static int64_t ladder_ms(const struct stage_run *run, enum trouble trouble, int64_t attempts)
{
	const struct settings *settings = &run->app->settings;
	struct backoff_rules rules = { settings->retry_first_seconds * SECOND_MS,
		settings->retry_max_seconds * SECOND_MS };
	uint32_t random;

	random_bytes(&random, sizeof random);
	return backoff_wait_ms(
		trouble, attempts, (int64_t)run->outcome.retry_s * SECOND_MS, random, &rules);
}

static void ask_to_go_on(struct stage_run *run, const char *text)
{
	OWNED char *instruction = text_dupf(
		"%s. This is a mistake of the program and was repeated in vain: read the log of xuqid, put right what it "
		"names, then finish this task with retry=yes.",
		text);

	stage_task(run,
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:[s]}", "kind", "renewal", "role", "admin",
			"title", "A step of a renewal fails again and again", "instruction",
			instruction, "if_ignored",
			"The renewal stays where it is and its certificate may expire.", "needs",
			"retry"));
}

static enum stage_next wait_after(
	struct stage_run *run, enum trouble trouble, const char *reason, const char *text)
{
	int64_t attempts = attempts_of(run, reason);

	if (backoff_stops(trouble) && backoff_is_spent(trouble, attempts + 1))
		ask_to_go_on(run, text);
	stage_put(run, "wait",
		json_pack("{s:s, s:f, s:s}", "reason", reason, "seconds",
			(double)ladder_ms(run, trouble, attempts) / SECOND_MS, "error", text));
	return STAGE_CONCLUDE;
}

enum stage_next stage_trouble(struct stage_run *run, enum trouble trouble, const char *text)
{
	return wait_after(run, trouble, trouble_word(trouble), text);
}

enum stage_next stage_retry(struct stage_run *run, const char *reason, const char *text)
{
	enum trouble trouble = TROUBLE_UNREACHABLE;

	(void)trouble_from_word(&trouble, reason);
	return wait_after(run, trouble, reason, text);
}

enum stage_next stage_pause(struct stage_run *run, const char *reason, int64_t ms)
{
	stage_put(run, "wait",
		json_pack("{s:s, s:f}", "reason", reason, "seconds", (double)ms / SECOND_MS));
	return STAGE_CONCLUDE;
}

enum trouble stage_outcome_trouble(const struct stage_run *run)
{
	bool is_effect = connector_op(run->connector, run->call.op)->effect;

	switch (run->outcome.kind) {
	case OUTCOME_UNSURE:
		return is_effect ? TROUBLE_UNKNOWN : TROUBLE_UNREACHABLE;
	case OUTCOME_NEED_HUMAN:
		return TROUBLE_ACCESS;
	case OUTCOME_PENDING:
		return strcmp(run->outcome.code, no_answer) == 0 ? TROUBLE_UNREACHABLE
								 : TROUBLE_BUSY;
	case OUTCOME_DONE:
	case OUTCOME_REFUSED:
		break;
	}
	return TROUBLE_BUG;
}

/* No answer, or none that can be taken for the CA's, counts against it; being busy slows us down. */
void stage_heard(const struct stage_run *run)
{
	const struct outcome *outcome = &run->outcome;
	bool well = outcome->kind != OUTCOME_UNSURE && strcmp(outcome->code, no_answer) != 0;

	if (run->app->pacing == NULL)
		return;
	pacing_heard(run->app->pacing, run->connector->ca, well, run->probes, outcome->text);
	if (outcome->kind == OUTCOME_PENDING && well)
		pacing_too_much(run->app->pacing, run->connector->ca,
			(int64_t)outcome->retry_s * SECOND_MS);
}
