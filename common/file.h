/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files: read under a limit, written so that after a crash either the old or the new content
 * is there. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/fault.h"

/* The content (the caller frees it; a NUL follows) of at most MAX bytes; NULL and FAULT_ABSENT if
 * there is no such file, FAULT_INPUT if it is larger or unreadable. */
char *file_read(const char *path, size_t max, size_t *len, struct fault *fault);
/* Read FD to its end in the same way; FD stays open. */
char *file_read_fd(int fd, size_t max, size_t *len, struct fault *fault);
/* Write beside, fsync, rename over PATH, fsync the directory. */
bool file_write(const char *path, const void *bytes, size_t len, mode_t mode, struct fault *fault)
	MUST_CHECK;
/* Write all bytes to FD, in spite of interruptions and short writes. */
bool file_write_fd(int fd, const void *bytes, size_t len, struct fault *fault) MUST_CHECK;
/* Append one line (a newline is added) and fsync; PATH is created with MODE, its directory
 * synced. */
bool file_append(const char *path, const char *line, mode_t mode, struct fault *fault) MUST_CHECK;
/* Make the directory and its parents. */
bool file_make_dirs(const char *path, mode_t mode, struct fault *fault) MUST_CHECK;
/* DIR/NAME on the heap. */
char *file_join(const char *dir, const char *name);
