/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets live on one locked page each, read straight into it: no buffer of stdio or of ours sees
 * them. */
#include "common/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECRET_PAGE = 4096 };

static bool secret_map(struct secret *secret, struct fault *fault)
{
	void *page =
		mmap(NULL, SECRET_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return fault_set(fault, FAULT_LATER, "no memory for a secret: %s", strerror(errno));
	secret->bytes = page;
	secret->len = 0;
	if (mlock(page, SECRET_PAGE) == 0 && madvise(page, SECRET_PAGE, MADV_DONTDUMP) == 0)
		return true;
	(void)fault_set(fault, FAULT_LATER, "memory for a secret cannot be locked (ulimit -l): %s",
		strerror(errno));
	secret_done(secret);
	return false;
}

/* Fill the page from FD until its end; false if it is unreadable or over the limit. */
static bool secret_fill(struct secret *secret, int fd, struct fault *fault)
{
	/* room for the newline, and for one byte more, which proves that there is too much */
	while (secret->len < SECRET_MAX + 2) {
		ssize_t got = read(fd, secret->bytes + secret->len, SECRET_MAX + 2 - secret->len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fault_set(fault, FAULT_INPUT, "the secret cannot be read: %s",
				strerror(errno));
		if (got == 0)
			break;
		secret->len += (size_t)got;
	}
	if (secret->len > 0 && secret->bytes[secret->len - 1] == '\n')
		secret->bytes[--secret->len] = '\0';
	if (secret->len == 0)
		return fault_set(fault, FAULT_INPUT, "the secret is empty");
	if (secret->len > SECRET_MAX)
		return fault_set(
			fault, FAULT_INPUT, "the secret is longer than %d bytes", SECRET_MAX);
	return true;
}

bool secret_read_fd(struct secret *secret, int fd, struct fault *fault)
{
	struct secret fresh = { 0 };
	if (!secret_map(&fresh, fault))
		return false;
	if (!secret_fill(&fresh, fd, fault)) {
		secret_done(&fresh);
		return false;
	}
	*secret = fresh;
	return true;
}

/* Bits that a private file must not have.  systemd gives its credentials to the service by an access list, which
 * stands in the group's bits; their directory is the service's alone. */
static mode_t forbidden_bits(const char *path)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");

	return credentials != NULL && credentials[0] == '/' &&
			strncmp(path, credentials, strlen(credentials)) == 0
		? 037
		: 077;
}

static bool secret_read_private(
	struct secret *secret, int fd, const char *path, struct fault *fault)
{
	struct stat info;
	if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
		return fault_set(fault, FAULT_INPUT, "%s: not a file", path);
	if ((info.st_mode & forbidden_bits(path)) != 0)
		return fault_set(fault, FAULT_INPUT, "%s: others may read it; run: chmod 600 %s",
			path, path);
	if (!secret_read_fd(secret, fd, fault))
		return fault_prefix(fault, "%s", path);
	return true;
}

bool secret_read_file(struct secret *secret, const char *path, struct fault *fault)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return fault_set(fault, errno == ENOENT ? FAULT_ABSENT : FAULT_INPUT, "%s: %s",
			path, strerror(errno));
	bool read_it = secret_read_private(secret, fd, path, fault);
	(void)close(fd);
	return read_it;
}

void secret_done(struct secret *secret)
{
	if (secret->bytes != NULL) {
		explicit_bzero(secret->bytes, SECRET_PAGE);
		(void)munlock(secret->bytes, SECRET_PAGE);
		(void)munmap(secret->bytes, SECRET_PAGE);
	}
	*secret = (struct secret){ 0 };
}
