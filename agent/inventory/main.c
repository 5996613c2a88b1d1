/* SPDX-License-Identifier: Apache-2.0 */
/* xuqi-agent-inventory: read the plugged tokens without logging in, write STATE_DIR/report.json. */
#include "agent/base/paths.h"
#include "agent/base/worker.h"
#include "agent/inventory/report.h"
#include "common/file.h"
#include "common/log.h"

#include <string.h>

static bool take_inventory(const struct agent_settings *settings, struct fault *fault)
{
	OWNED char *path = agent_path(settings, PATH_REPORT);
	OWNED char *report = report_make(settings, &token_p11, fault);

	return report != NULL && file_write(path, report, strlen(report), 0600, fault);
}

int main(int argc, char **argv)
{
	CLEANUP(worker_done) struct worker worker = { 0 };
	struct fault fault = { 0 };
	enum agent_exit code = worker_begin(&worker, "xuqi-agent-inventory", argc, argv);

	if (code != AGENT_DONE)
		return (int)code;
	if (!worker_follow())
		return AGENT_FAILED;
	worker_deadline(worker.settings.inventory_seconds);
	if (!take_inventory(&worker.settings, &fault)) {
		log_warn("inventory.failed", LOG_FAULT(&fault));
		return AGENT_FAILED;
	}
	return AGENT_DONE;
}
