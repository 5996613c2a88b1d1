/* SPDX-License-Identifier: Apache-2.0 */
/* After a crash, a power cut or a kill at the deadline: journal and ledger alone say what the server
 * must be told.  An attempt without a recorded result counts as a wrong PIN. */
#include "agent/install/install.h"

#include "agent/base/ledger.h"
#include "common/text.h"

struct cut {
	enum outcome outcome;
	const char *error;
};

/* What an attempt with this verdict means when nothing else was recorded. */
static const struct cut cuts[] = {
	[LEDGER_OPEN] = { OUTCOME_PIN_UNSURE,
		"the install was cut off between the PIN attempt and its recorded result" },
	[LEDGER_SUCCEEDED] = { OUTCOME_INTERRUPTED,
		"the install was cut off after a successful login" },
	[LEDGER_INCORRECT] = { OUTCOME_PIN_INCORRECT, "the token refused the stored PIN" },
	[LEDGER_UNKNOWN] = { OUTCOME_PIN_UNSURE,
		"the token's answer to the stored PIN is not known to mean success or failure" },
};

static const char *verified_certificates(const struct journal *journal)
{
	for (size_t i = journal->attempt_from; i < journal->lines.count; i++)
		if (text_equal(record_get(&journal->lines.items[i], "step"), STEP_VERIFIED))
			return record_get(&journal->lines.items[i], "certificates");
	return NULL;
}

bool settle_run(struct journal *journal, const struct agent_settings *settings, struct fault *fault)
{
	enum ledger_verdict verdict = LEDGER_NONE;
	struct journal_end end = { .login_attempted = true };
	OWNED char *ref = NULL;
	OWNED char *serial = NULL;
	OWNED char *certificates = NULL;

	if (journal->prepared == NULL)
		return true;
	ref = text_dup(record_get(journal->prepared, "permit_ref"));
	serial = text_dup(record_get(journal->prepared, "token_serial"));
	certificates = text_dup(verified_certificates(journal));
	if (!ledger_find(&verdict, settings, ref, fault))
		return false;
	if (verdict == LEDGER_NONE)
		return true; /* nothing was presented: the permit is still good */
	end.outcome = certificates != NULL ? OUTCOME_INSTALLED : cuts[verdict].outcome;
	end.error = certificates != NULL ? NULL : cuts[verdict].error;
	end.certificates = certificates;
	end.permit_ref = ref;
	end.token_serial = serial;
	return journal_close(journal, &end, fault);
}
