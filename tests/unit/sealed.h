/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of personal data for tests: fresh ones, read as the product reads them. */
#pragma once

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/seal.h"

/* The keys of a file that holds LINES, or of one with a fresh key where LINES is NULL; the file is gone afterwards. */
static inline struct seal_keys *keys_of_lines(const char *lines)
{
	char file[] = "/tmp/xuqi-keys-XXXXXX";
	struct fault fault;
	int fd = mkstemp(file);

	if (fd < 0 || (lines == NULL && !seal_keys_make(file, &fault)) ||
		(lines != NULL && !file_write_fd(fd, lines, strlen(lines), &fault)))
		abort();
	(void)close(fd);
	struct seal_keys *keys = seal_keys_read(file, &fault);

	(void)unlink(file);
	if (keys == NULL)
		abort();
	return keys;
}
