/* SPDX-License-Identifier: Apache-2.0 */
/* One worker process at a time: started before anything heavy is loaded, its facts read from its
 * stdout, killed with its whole process group at its deadline. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/fault.h"

enum { CHILD_FACTS_MAX = 4096, CHILD_WORDS_MAX = 4, CHILD_PIN_FD = 3 };

struct child {
	pid_t pid;   /* 0: none runs */
	int facts;   /* read end of its stdout; -1 */
	int code;    /* exit code once it ended; -1 if a signal ended it */
	bool killed; /* at its deadline */
	size_t len;
	char text[CHILD_FACTS_MAX + 1];
};

struct child_request {
	const char *directory, *program, *settings;
	const char *words[CHILD_WORDS_MAX]; /* NULL behind the last */
	int pin_fd;                         /* handed over as CHILD_PIN_FD; -1: none */
};

/* Start it; CHILD must be idle. */
bool child_start(struct child *child, const struct child_request *request, struct fault *fault)
	MUST_CHECK;
/* Take what it has said so far; what is beyond the limit is dropped.  False at the end. */
bool child_listen(struct child *child);
/* True if it has ended; CHILD->code is set then and CHILD is idle, its facts readable. */
bool child_reap(struct child *child);
void child_kill(struct child *child);

/* Copy the value of KEY into OUT; "" and false if it was not told, or is too long. */
bool child_fact(const struct child *child, const char *key, char *out, size_t size);
