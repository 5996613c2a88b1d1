/* SPDX-License-Identifier: Apache-2.0 */
/* A secret (PIN, key) in memory that is locked, kept out of core files, and wiped when it is done.
 * Never copied into a text, a log, a journal, argv or the environment. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/fault.h"

enum { SECRET_MAX = 256 };

struct secret {
	unsigned char *bytes; /* one locked page; NULL when empty */
	size_t len;
};

/* Read FD to its end, byte-exact but for one trailing newline; refuses 0 or more than SECRET_MAX
 * bytes.  FD stays open. */
bool secret_read_fd(struct secret *secret, int fd, struct fault *fault) MUST_CHECK;
/* The same from a file that only its owner may read (mode & 077 must be 0; & 037 in systemd's
 * $CREDENTIALS_DIRECTORY). */
bool secret_read_file(struct secret *secret, const char *path, struct fault *fault) MUST_CHECK;
/* Wipe and release; a zeroed struct is accepted. */
void secret_done(struct secret *secret);
