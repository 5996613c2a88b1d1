/* SPDX-License-Identifier: Apache-2.0 */
/* xuqi-agent-link: the only program that holds the agent's TLS key.  It never sees a PIN.  Modes:
 * `poll`, `permit ORDER`, `result ORDER`, and for a person `enrol CODE_FILE [replace]`. */
#include "agent/link/link.h"

#include <curl/curl.h>
#include <unistd.h>

#include "agent/base/paths.h"
#include "agent/base/worker.h"
#include "common/log.h"
#include "common/text.h"

static enum agent_exit exit_of(const struct fault *fault)
{
	switch (fault->kind) {
	case FAULT_LATER:
	case FAULT_UNSURE:
		return AGENT_LATER;
	case FAULT_DENIED:
	case FAULT_REFUSED:
	case FAULT_HUMAN:
		return AGENT_REFUSED;
	case FAULT_NONE:
	case FAULT_INPUT:
	case FAULT_CONFLICT:
	case FAULT_ABSENT:
	case FAULT_BUG:
	case FAULT_KIND_COUNT:
		break;
	}
	return AGENT_FAILED;
}

static bool is_enrolled(const struct agent_settings *settings)
{
	OWNED char *identity = agent_path(settings, PATH_IDENTITY);

	return access(identity, R_OK) == 0;
}

static bool run(const struct worker *worker, bool *known, struct fault *fault)
{
	const struct agent_settings *settings = &worker->settings;
	const char *mode = worker->words[0];
	const char *word = worker->words[1];

	*known = true;
	if (text_equal(mode, "enrol"))
		return link_enrol(settings, word, text_equal(worker->words[2], "replace"), fault);
	if (text_equal(mode, "poll"))
		return link_poll(settings, fault);
	if (text_equal(mode, "permit"))
		return link_permit(settings, word, fault);
	if (text_equal(mode, "result"))
		return link_result(settings, word, fault);
	*known = false;
	return fault_set(fault, FAULT_INPUT, "unknown mode: poll, permit, result, enrol");
}

int main(int argc, char **argv)
{
	CLEANUP(worker_done) struct worker worker = { 0 };
	struct fault fault = { 0 };
	bool known = false;
	bool done = false;
	enum agent_exit code = worker_begin(&worker, "xuqi-agent-link", argc, argv);

	if (code != AGENT_DONE)
		return (int)code;
	if (!text_equal(worker.words[0], "enrol") && !worker_follow())
		return AGENT_FAILED;
	if (!text_equal(worker.words[0], "enrol") && !is_enrolled(&worker.settings)) {
		log_error("agent.unenrolled",
			LOG_TEXT("text", "run xuqi-agent enrol --settings FILE --code-file FILE"));
		return AGENT_UNENROLLED;
	}
	worker_deadline(worker.settings.link_seconds);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return AGENT_FAILED;
	done = run(&worker, &known, &fault);
	curl_global_cleanup();
	if (done)
		return AGENT_DONE;
	LOG_LINE(fault.kind == FAULT_LATER ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR, "link.failed",
		LOG_TEXT("mode", worker.words[0]), LOG_FAULT(&fault));
	if (!known)
		return AGENT_SETTINGS;
	return (int)exit_of(&fault);
}
