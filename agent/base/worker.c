/* SPDX-License-Identifier: Apache-2.0 */
/* The frame of a worker.  Facts for the supervisor go to stdout as key=value lines, everything else
 * to the log on stderr. */
#include "agent/base/worker.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/paths.h"
#include "common/log.h"
#include "common/text.h"

enum { GRACE_SECONDS = 10 };

static bool read_words(struct worker *worker, const char **settings, int argc, char *const *argv)
{
	for (size_t i = 0; i < WORKER_WORDS_MAX; i++)
		worker->words[i] = "";
	if (argc < 3 || !text_equal(argv[1], "--settings") || argc > 3 + WORKER_WORDS_MAX)
		return false;
	*settings = argv[2];
	for (int i = 3; i < argc; i++)
		worker->words[worker->word_count++] = argv[i];
	return true;
}

enum agent_exit worker_begin(struct worker *worker, const char *unit, int argc, char *const *argv)
{
	struct fault fault = { 0 };
	const char *settings = NULL;

	log_init(unit, LOG_LEVEL_INFO);
	(void)umask(077);
	if (!read_words(worker, &settings, argc, argv)) {
		fault_set(&fault, FAULT_INPUT,
			"%s is started by xuqi-agent: %s --settings FILE [WORD…]", unit, unit);
		log_error("worker.refused", LOG_FAULT(&fault));
		return AGENT_SETTINGS;
	}
	if (!agent_settings_read(&worker->settings, settings, &fault) ||
		!agent_settings_check(&worker->settings, &fault) ||
		!agent_make_dirs(&worker->settings, &fault)) {
		log_error("settings.refused", LOG_FAULT(&fault));
		return AGENT_SETTINGS;
	}
	return AGENT_DONE;
}

void worker_deadline(int64_t seconds)
{
	(void)alarm((unsigned)(seconds + GRACE_SECONDS));
}

/* The supervisor may have died before the kernel was asked: then nobody holds the other end of our stdout. */
bool worker_follow(void)
{
	struct pollfd out = { .fd = STDOUT_FILENO };

	return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && poll(&out, 1, 0) >= 0 &&
		(out.revents & POLLERR) == 0;
}

void worker_done(struct worker *worker)
{
	agent_settings_done(&worker->settings);
}

void worker_tell(const char *key, const char *value)
{
	(void)printf("%s=%s\n", key, value);
	(void)fflush(stdout);
}

void worker_tell_number(const char *key, int64_t value)
{
	(void)printf("%s=%lld\n", key, (long long)value);
	(void)fflush(stdout);
}
