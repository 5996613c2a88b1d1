/* SPDX-License-Identifier: Apache-2.0 */
/* The container of a backup: a tar file (POSIX.1-2001, ustar) of plain files with plain names, so that any
 * machine can look into it.  What is read back is not trusted: every header is checked, and nothing but
 * what we write ourselves is accepted. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/digest.h"
#include "common/fault.h"

enum { BUNDLE_NAME = 100 /* with NUL */, BUNDLE_MEMBERS_MAX = 16 };

struct bundle_member {
	char name[BUNDLE_NAME];
	int64_t at, size; /* bytes: where its content begins, and how much it is */
};

struct bundle {
	int fd;
	char *path;
	struct bundle_member members[BUNDLE_MEMBERS_MAX];
	size_t count;
};

/* Append a member to FD, from memory or from the file PATH; at most 8 GiB each. */
bool bundle_put(int fd, const char *name, const void *bytes, size_t len, struct fault *fault)
	MUST_CHECK;
bool bundle_put_file(int fd, const char *name, const char *path, struct fault *fault) MUST_CHECK;
/* The two empty blocks behind the last member. */
bool bundle_end(int fd, struct fault *fault) MUST_CHECK;

/* Read all headers of the file PATH.  FAULT_INPUT: it is no bundle of ours, or is cut off. */
bool bundle_open(struct bundle *out, const char *path, struct fault *fault) MUST_CHECK;
void bundle_close(struct bundle *bundle);
/* The member NAME, or NULL. */
const struct bundle_member *bundle_find(const struct bundle *bundle, const char *name);
/* Its content on the heap (a NUL follows), at most MAX bytes; NULL with a fault. */
char *bundle_text(const struct bundle *bundle, const char *name, size_t max, struct fault *fault);
/* The SHA-256 of its content. */
bool bundle_digest(char out[SHA256_HEX], const struct bundle *bundle,
	const struct bundle_member *member, struct fault *fault) MUST_CHECK;
/* Write its content to the new file PATH of MODE, and fsync it. */
bool bundle_copy(const struct bundle *bundle, const struct bundle_member *member, const char *path,
	mode_t mode, struct fault *fault) MUST_CHECK;
/* The SHA-256 and the size of a file outside. */
bool bundle_digest_file(char out[SHA256_HEX], int64_t *size, const char *path, struct fault *fault)
	MUST_CHECK;
