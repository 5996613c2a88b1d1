/* SPDX-License-Identifier: Apache-2.0 */
/* xuqi-agent-install: the only program that sees a PIN, and only as a descriptor.  One mode per
 * process: `preflight` checks and makes the permit's reference, `install REF FD` does the work,
 * `settle ORDER` closes what was cut off.  The supervisor reads key=value lines; the journal has the
 * rest. */
#include "agent/install/install.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/base/worker.h"
#include "common/bytes.h"
#include "common/log.h"
#include "common/text.h"

enum { PERMIT_BYTES = 16, REPEATS_MAX = 400 };

/* ---- ending ----------------------------------------------------------------------------------- */

/* Journal the outcome, log it once, tell the supervisor. */
static enum agent_exit end_order(
	struct install *install, const char *ref, bool attempted, const struct fault *why)
{
	bool installed = install->outcome == OUTCOME_INSTALLED;
	OWNED char *certificates = installed ? install_digests(install) : NULL;
	const struct journal_end end = {
		.outcome = install->outcome,
		.permit_ref = ref,
		.login_attempted = attempted,
		.token_serial = install->order.token_serial,
		.certificates = certificates,
		.error = installed ? NULL : why->text,
	};
	struct fault fault = { 0 };

	LOG_LINE(installed ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "install.ended",
		LOG_TEXT("order", install->order.id),
		LOG_TEXT("outcome", outcome_word(install->outcome)),
		LOG_TEXT("token", install->order.token_serial),
		LOG_TEXT("text", installed ? "" : why->text));
	if (!journal_close(&install->journal, &end, &fault)) {
		log_error("journal.failed", LOG_FAULT(&fault));
		return AGENT_FAILED;
	}
	worker_tell("outcome", outcome_word(install->outcome));
	return AGENT_DONE;
}

/* A part stopped: with an outcome the order's attempt is over, without one it is tried again. */
static enum agent_exit stop(
	struct install *install, const char *ref, bool attempted, const struct fault *why)
{
	if (install->outcome != OUTCOME_COUNT)
		return end_order(install, ref, attempted, why);
	log_warn("install.stopped", LOG_TEXT("order", install->order.id), LOG_FAULT(why));
	return why->kind == FAULT_LATER ? AGENT_LATER : AGENT_FAILED;
}

/* ---- preflight -------------------------------------------------------------------------------- */

/* A reference that was made but never used is asked for again: the server answers it the same. */
static bool make_reference(struct install *install, struct fault *fault)
{
	char ref[2 * PERMIT_BYTES + 1];
	const struct record_pair pairs[] = {
		{ "permit_ref", ref },
		{ "token_serial", install->order.token_serial },
	};

	if (!journal_mark(&install->journal, fault))
		return false;
	if (install->journal.prepared != NULL)
		return true;
	random_hex(ref, PERMIT_BYTES);
	return journal_add(&install->journal, STEP_PREPARED, pairs, COUNT_OF(pairs), fault);
}

static bool is_unposted(const struct journal *journal)
{
	return journal->ended != NULL && !journal->posted;
}

/* An earlier attempt's result is not with the server yet: nothing new begins before it is. */
static enum agent_exit post_first(struct install *install)
{
	struct fault fault = { 0 };

	if (!journal_mark(&install->journal, &fault))
		return stop(install, NULL, false, &fault);
	worker_tell("outcome", record_get(install->journal.ended, "outcome"));
	return AGENT_DONE;
}

static bool is_installed(const struct journal *journal)
{
	return journal->ended != NULL && journal->prepared == NULL &&
		text_equal(record_get(journal->ended, "outcome"), outcome_word(OUTCOME_INSTALLED));
}

/* The server asks for what is done: it gets the same answer again, and no token is touched. */
static enum agent_exit repeat_result(struct install *install)
{
	struct fault fault = { 0 };

	if (install->journal.lines.count >= REPEATS_MAX)
		fault_set(&fault, FAULT_HUMAN,
			"the server asked %d times for an order that is done", REPEATS_MAX);
	else if (journal_add(&install->journal, STEP_REPEAT, NULL, 0, &fault))
		return post_first(install);
	return stop(install, NULL, false, &fault);
}

/* Refused before the login: a permit that was asked for, and perhaps granted, is given back. */
static enum agent_exit give_back(struct install *install, const struct fault *why)
{
	const struct record *prepared = install->journal.prepared;
	OWNED char *ref = prepared == NULL ? NULL : text_dup(record_get(prepared, "permit_ref"));

	return stop(install, ref, false, why);
}

static enum agent_exit preflight(struct install *install)
{
	struct fault fault = { 0 };
	bool named = false;
	bool ready = install_begin(install, install->settings, &named, &fault);

	if (named && !settle_run(&install->journal, install->settings, &fault))
		return stop(install, NULL, false, &fault);
	if (named && is_unposted(&install->journal))
		return post_first(install);
	if (named && is_installed(&install->journal))
		return repeat_result(install);
	if (!ready || !preflight_run(install, &fault))
		return give_back(install, &fault);
	if (!make_reference(install, &fault))
		return stop(install, NULL, false, &fault);
	worker_tell("outcome", "ready");
	worker_tell("order", install->order.id);
	worker_tell("serial", install->order.token_serial);
	worker_tell("permit_ref", record_get(install->journal.prepared, "permit_ref"));
	return AGENT_DONE;
}

/* ---- install ---------------------------------------------------------------------------------- */

/* No core file, no debugger of the same user, no swap file with a PIN in it. */
static bool harden(struct fault *fault)
{
	const struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return fault_set(fault, FAULT_HUMAN, "cannot close this process to debuggers");
	return true;
}

static enum agent_exit work(struct install *install, const char *ref, const char *fd_text)
{
	struct fault fault = { 0 };
	bool named = false;
	bool attempted = false;
	int64_t fd = -1;

	if (!number_parse(&fd, fd_text, 3, 64) || !harden(&fault)) {
		log_error("install.refused", LOG_TEXT("text", "install REF FD is wanted"));
		return AGENT_SETTINGS;
	}
	if (!install_begin(install, install->settings, &named, &fault) ||
		!preflight_run(install, &fault) ||
		!work_run(install, ref, (int)fd, &attempted, &fault))
		return stop(install, ref, attempted, &fault);
	return end_order(install, ref, attempted, &fault);
}

/* ---- settle ----------------------------------------------------------------------------------- */

static enum agent_exit settle(const struct agent_settings *settings, const char *order)
{
	CLEANUP(journal_done) struct journal journal = { 0 };
	struct fault fault = { 0 };

	if (!journal_open(&journal, settings, order, &fault) ||
		!settle_run(&journal, settings, &fault)) {
		log_error("settle.failed", LOG_TEXT("order", order), LOG_FAULT(&fault));
		return AGENT_FAILED;
	}
	worker_tell("open", journal.ended != NULL && !journal.posted ? "1" : "0");
	return AGENT_DONE;
}

static enum agent_exit run(struct worker *worker)
{
	struct install install = { .settings = &worker->settings, .lock = -1 };
	bool installs = text_equal(worker->words[0], "install");
	enum agent_exit code = AGENT_SETTINGS;
	struct fault fault = { 0 };

	install.outcome = OUTCOME_COUNT;
	if (!installs && !preflight_is_alone(&worker->settings, &fault)) {
		log_warn("install.stopped", LOG_FAULT(&fault));
		return AGENT_LATER;
	}
	if (text_equal(worker->words[0], "settle"))
		return settle(&worker->settings, worker->words[1]);
	if (text_equal(worker->words[0], "preflight"))
		code = preflight(&install);
	else if (installs)
		code = work(&install, worker->words[1], worker->words[2]);
	install_done(&install);
	return code;
}

int main(int argc, char **argv)
{
	CLEANUP(worker_done) struct worker worker = { 0 };
	enum agent_exit code = worker_begin(&worker, "xuqi-agent-install", argc, argv);

	if (code != AGENT_DONE)
		return (int)code;
	worker_deadline(worker.settings.install_seconds);
	code = run(&worker);
	/* Modules have been seen to hang in their destructors: the work is done, so leave. */
	(void)fflush(NULL);
	_exit((int)code);
}
