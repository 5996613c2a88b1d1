/* SPDX-License-Identifier: Apache-2.0 */
/* Child programs of the start-up: no shell, a clean environment, another user where root asks for
 * one, a session of their own (Ctrl-C is not for them). */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "common/fault.h"

struct spawn {
	const char *const *argv; /* absolute path first, ends with NULL */
	const char *dir;         /* working directory */
	uid_t uid;               /* changed to when we are root, with its groups dropped */
	gid_t gid;
	int log_fd;           /* standard output and error; standard input is empty */
	const char *variable; /* one more of the environment, NAME=value, or NULL; never a secret */
};

/* The child's pid, or -1 with a fault. */
pid_t spawn_begin(const struct spawn *spawn, struct fault *fault);
/* True when PID has ended, with its wait status (-1 if it was not our child and only its end is
 * known). */
bool spawn_has_ended(pid_t pid, int *status);
/* Wait for the end of PID, at most MS milliseconds. */
bool spawn_wait(pid_t pid, int ms, int *status);
/* Let MS milliseconds pass (start-up only: it blocks). */
void spawn_rest(int ms);
