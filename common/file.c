/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files, read under a limit and written so that a crash leaves the old or the new content. */
#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/text.h"

static void close_fd(const int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

#define FILE_DESCRIPTOR CLEANUP(close_fd) int

char *file_join(const char *dir, const char *name)
{
	size_t len = strlen(dir);
	return text_dupf("%s%s%s", dir, len > 0 && dir[len - 1] == '/' ? "" : "/", name);
}

/* Like read(2), going on after interruptions. */
static ssize_t read_some(int fd, void *into, size_t size)
{
	ssize_t got = 0;
	do
		got = read(fd, into, size);
	while (got < 0 && errno == EINTR);
	return got;
}

char *file_read_fd(int fd, size_t max, size_t *len, struct fault *fault)
{
	char chunk[16384];
	TEXT text;
	text_init(&text, max);
	for (;;) {
		ssize_t got = read_some(fd, chunk, sizeof(chunk));
		if (got < 0) {
			(void)fault_set(fault, FAULT_INPUT, "cannot be read: %s", strerror(errno));
			return NULL;
		}
		if (got == 0)
			break;
		text_add_bytes(&text, chunk, (size_t)got);
		if (text_full(&text)) {
			(void)fault_set(fault, FAULT_INPUT, "larger than %zu bytes", max);
			return NULL;
		}
	}
	return text_take(&text, len);
}

char *file_read(const char *path, size_t max, size_t *len, struct fault *fault)
{
	FILE_DESCRIPTOR fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		enum fault_kind kind = errno == ENOENT ? FAULT_ABSENT : FAULT_INPUT;
		(void)fault_set(fault, kind, "%s: %s", path, strerror(errno));
		return NULL;
	}
	char *content = file_read_fd(fd, max, len, fault);
	if (content == NULL)
		(void)fault_prefix(fault, "%s", path);
	return content;
}

bool file_write_fd(int fd, const void *bytes, size_t len, struct fault *fault)
{
	const char *from = bytes;
	while (len > 0) {
		ssize_t done = write(fd, from, len);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return fault_set(
				fault, FAULT_LATER, "cannot be written: %s", strerror(errno));
		from += done;
		len -= (size_t)done;
	}
	return true;
}

/* Make the names in PATH's directory durable. */
static bool sync_directory_of(const char *path, struct fault *fault)
{
	const char *slash = strrchr(path, '/');
	OWNED char *dir =
		slash == NULL ? text_dup(".") : text_dupf("%.*s", (int)(slash - path + 1), path);
	FILE_DESCRIPTOR fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0)
		return fault_set(
			fault, FAULT_LATER, "%s: cannot be synced: %s", dir, strerror(errno));
	return true;
}

static bool write_durably(int fd, const void *bytes, size_t len, mode_t mode, struct fault *fault)
{
	if (fchmod(fd, mode) != 0)
		return fault_set(fault, FAULT_LATER, "mode: %s", strerror(errno));
	if (!file_write_fd(fd, bytes, len, fault))
		return false;
	if (fsync(fd) != 0)
		return fault_set(fault, FAULT_LATER, "cannot be synced: %s", strerror(errno));
	return true;
}

bool file_write(const char *path, const void *bytes, size_t len, mode_t mode, struct fault *fault)
{
	OWNED char *beside = text_dupf("%s.new-XXXXXX", path);
	FILE_DESCRIPTOR fd = mkostemp(beside, O_CLOEXEC);
	if (fd < 0)
		return fault_set(
			fault, FAULT_LATER, "%s: cannot be made: %s", path, strerror(errno));
	if (!write_durably(fd, bytes, len, mode, fault)) {
		(void)unlink(beside);
		return fault_prefix(fault, "%s", path);
	}
	if (rename(beside, path) != 0) {
		(void)fault_set(
			fault, FAULT_LATER, "%s: cannot be renamed: %s", path, strerror(errno));
		(void)unlink(beside);
		return false;
	}
	return sync_directory_of(path, fault);
}

/* True if FD ends within a line, as after a crash in the middle of an append. */
static bool ends_torn(int fd)
{
	char last = '\n';
	off_t size = lseek(fd, 0, SEEK_END);
	return size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

bool file_append(const char *path, const char *line, mode_t mode, struct fault *fault)
{
	if (strchr(line, '\n') != NULL)
		return fault_set(fault, FAULT_BUG, "%s: a line holds a newline", path);
	bool existed = access(path, F_OK) == 0;
	FILE_DESCRIPTOR fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, mode);
	if (fd < 0)
		return fault_set(
			fault, FAULT_LATER, "%s: cannot be opened: %s", path, strerror(errno));
	OWNED char *whole = text_dupf("%s%s\n", ends_torn(fd) ? "\n" : "", line);
	if (!file_write_fd(fd, whole, strlen(whole), fault))
		return fault_prefix(fault, "%s", path);
	if (fsync(fd) != 0)
		return fault_set(
			fault, FAULT_LATER, "%s: cannot be synced: %s", path, strerror(errno));
	return existed || sync_directory_of(path, fault);
}

static bool make_dir(const char *path, mode_t mode, struct fault *fault)
{
	struct stat info;
	if (mkdir(path, mode) == 0)
		return true;
	int why = errno;
	if (why == EEXIST && stat(path, &info) == 0 && S_ISDIR(info.st_mode))
		return true;
	if (why == EEXIST)
		why = ENOTDIR;
	return fault_set(fault, FAULT_INPUT, "%s: cannot be made: %s", path, strerror(why));
}

bool file_make_dirs(const char *path, mode_t mode, struct fault *fault)
{
	OWNED char *part = text_dup(path);
	for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (!make_dir(part, mode, fault))
			return false;
		*slash = '/';
	}
	return make_dir(part, mode, fault);
}
