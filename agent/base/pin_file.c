/* SPDX-License-Identifier: Apache-2.0 */
/* Checks on a PIN file, made on the opened descriptor so that nobody can swap it in between. */
#include "agent/base/pin_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_private(int fd, const char *path, struct fault *fault)
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		return fault_set(fault, FAULT_HUMAN, "PIN file %s: %s", path, strerror(errno));
	if (!S_ISREG(status.st_mode))
		return fault_set(fault, FAULT_HUMAN, "PIN file %s is not a regular file", path);
	if (status.st_uid != 0 && status.st_uid != geteuid())
		return fault_set(fault, FAULT_HUMAN,
			"PIN file %s belongs to user %u: give it to root or to the agent's user",
			path, (unsigned)status.st_uid);
	if ((status.st_mode & 077) != 0)
		return fault_set(
			fault, FAULT_HUMAN, "PIN file %s is open to others: chmod 0600 it", path);
	return true;
}

int pin_file_open(const char *path, struct fault *fault)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

	if (fd < 0) {
		fault_set(fault, FAULT_HUMAN, "cannot open PIN file %s: %s", path, strerror(errno));
		return -1;
	}
	if (!is_private(fd, path, fault)) {
		(void)close(fd);
		return -1;
	}
	return fd;
}
