/* SPDX-License-Identifier: Apache-2.0 */
/* Exit codes of the agent's programs: what the service manager, a person's script and the supervisor
 * may conclude from one. */
#pragma once

/* clang-format off */
enum agent_exit {
	AGENT_DONE       = 0,  /* did what was asked */
	AGENT_FAILED     = 1,  /* something is wrong on this workstation; the log line says what */
	AGENT_SETTINGS   = 2,  /* command line or settings file: a person must correct it */
	AGENT_UNENROLLED = 3,  /* no identity yet: run `xuqi-agent enrol` */
	AGENT_LATER      = 10, /* network, busy server or locked token: ask again later */
	AGENT_REFUSED    = 11  /* the server refuses this agent or this request for good */
};

/* clang-format on */
