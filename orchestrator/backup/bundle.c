/* SPDX-License-Identifier: Apache-2.0 */
/* ustar headers: 512 bytes, numbers in octal, the checksum counted with blanks in its own place
 * (POSIX.1-2001, pax, "ustar Interchange Format"). */
#include "orchestrator/backup/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/text.h"

enum { BLOCK = 512, CHUNK = 256 * 1024, OCTAL_DIGITS = 11, OCTAL_BITS = 3 };

#define SIZE_MAX_OF_MEMBER (INT64_C(1) << (OCTAL_DIGITS * OCTAL_BITS))

struct header {
	char name[BUNDLE_NAME], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type;
	char link[100], magic[6], version[2], owner[32], group[32], major[8], minor[8];
	char prefix[155], unused[12];
};

_Static_assert(sizeof(struct header) == BLOCK, "a ustar header is one block");

DEFINE_CLEANUP(digest_freep, EVP_MD_CTX *, EVP_MD_CTX_free)

static void close_fd(const int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

/* ---- headers ---- */

static unsigned sum_of(const struct header *header)
{
	const unsigned char *bytes = (const unsigned char *)header;
	unsigned sum = 0;

	for (size_t i = 0; i < sizeof *header; i++) {
		bool own = i >= offsetof(struct header, sum) && i < offsetof(struct header, type);

		sum += own ? ' ' : bytes[i];
	}
	return sum;
}

/* COUNT octal digits of VALUE, with leading zeros. */
static void put_octal(char *out, size_t count, uint64_t value)
{
	while (count > 0) {
		out[--count] = (char)('0' + (value & 7));
		value >>= 3;
	}
}

static void header_make(struct header *out, const char *name, int64_t size)
{
	*out = (struct header){ .type = '0' };
	(void)snprintf(out->name, sizeof out->name, "%s", name);
	put_octal(out->mode, sizeof out->mode - 1, 0600);
	put_octal(out->uid, sizeof out->uid - 1, 0);
	put_octal(out->gid, sizeof out->gid - 1, 0);
	put_octal(out->size, OCTAL_DIGITS, (uint64_t)size);
	put_octal(out->mtime, sizeof out->mtime - 1, 0);
	memcpy(out->magic, "ustar", sizeof out->magic);
	memcpy(out->version, "00", sizeof out->version);
	put_octal(out->sum, sizeof out->sum - 2, sum_of(out));
	out->sum[sizeof out->sum - 1] = ' ';
}

static bool octal(int64_t *out, const char *digits, size_t count)
{
	int64_t value = 0;

	for (size_t i = 0; i < count; i++) {
		if (digits[i] < '0' || digits[i] > '7')
			return false;
		value = value * 8 + (digits[i] - '0');
	}
	*out = value;
	return true;
}

static bool name_is_plain(const char name[BUNDLE_NAME])
{
	size_t len = strnlen(name, BUNDLE_NAME);

	return len > 0 && len < BUNDLE_NAME && name[0] != '.' &&
		strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-_") == len;
}

/* Exactly the header that we would have written. */
static bool header_read(struct bundle_member *out, const struct header *header)
{
	struct header wanted;
	int64_t size = 0;

	if (!name_is_plain(header->name) || !octal(&size, header->size, OCTAL_DIGITS))
		return false;
	header_make(&wanted, header->name, size);
	if (memcmp(&wanted, header, sizeof wanted) != 0)
		return false;
	memcpy(out->name, header->name, sizeof out->name);
	out->size = size;
	return true;
}

/* ---- writing ---- */

static bool put_header(int fd, const char *name, int64_t size, struct fault *fault)
{
	struct header header;

	if (size >= SIZE_MAX_OF_MEMBER)
		return fault_set(fault, FAULT_HUMAN, "%s is too large for a backup (8 GiB)", name);
	header_make(&header, name, size);
	return file_write_fd(fd, &header, sizeof header, fault);
}

static bool put_padding(int fd, int64_t size, struct fault *fault)
{
	static const char zeros[BLOCK];
	size_t over = (size_t)(size % BLOCK);

	return over == 0 || file_write_fd(fd, zeros, BLOCK - over, fault);
}

bool bundle_put(int fd, const char *name, const void *bytes, size_t len, struct fault *fault)
{
	return put_header(fd, name, (int64_t)len, fault) && file_write_fd(fd, bytes, len, fault) &&
		put_padding(fd, (int64_t)len, fault);
}

/* What is done with each piece of a file. */
typedef bool piece_fn(void *context, const void *bytes, size_t len, struct fault *fault);

/* Hand SIZE bytes of FD from AT on to PIECE. */
static bool each_piece(int fd, const struct bundle_member *part, piece_fn *piece, void *context,
	struct fault *fault)
{
	OWNED char *buffer = zalloc(1, CHUNK);
	int64_t done = 0;

	while (done < part->size) {
		size_t want = part->size - done < CHUNK ? (size_t)(part->size - done) : CHUNK;
		ssize_t got = pread(fd, buffer, want, part->at + done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return fault_set(
				fault, FAULT_INPUT, "%s is cut off, or cannot be read", part->name);
		if (!piece(context, buffer, (size_t)got, fault))
			return false;
		done += got;
	}
	return true;
}

static bool piece_to_fd(void *context, const void *bytes, size_t len, struct fault *fault)
{
	return file_write_fd(*(const int *)context, bytes, len, fault);
}

static int open_to_read(const char *path, int64_t *size, struct fault *fault)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat info;

	if (fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) {
		*size = info.st_size;
		return fd;
	}
	(void)fault_set(
		fault, FAULT_INPUT, "%s: %s", path, fd < 0 ? strerror(errno) : "not a plain file");
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

bool bundle_put_file(int fd, const char *name, const char *path, struct fault *fault)
{
	struct bundle_member whole = { .at = 0 };
	CLEANUP(close_fd) int from = open_to_read(path, &whole.size, fault);

	(void)snprintf(whole.name, sizeof whole.name, "%s", name);
	return from >= 0 && put_header(fd, name, whole.size, fault) &&
		each_piece(from, &whole, piece_to_fd, &fd, fault) &&
		put_padding(fd, whole.size, fault);
}

bool bundle_end(int fd, struct fault *fault)
{
	static const char zeros[2 * BLOCK];

	return file_write_fd(fd, zeros, sizeof zeros, fault);
}

/* ---- reading ---- */

static bool is_end(int fd, int64_t at, int64_t size)
{
	static const char zeros[2 * BLOCK];
	char last[2 * BLOCK];

	return size - at == (int64_t)sizeof last &&
		pread(fd, last, sizeof last, at) == (ssize_t)sizeof last &&
		memcmp(last, zeros, sizeof last) == 0;
}

static bool read_headers(struct bundle *bundle, int64_t size, struct fault *fault)
{
	int64_t at = 0;

	while (!is_end(bundle->fd, at, size)) {
		struct bundle_member *member = &bundle->members[bundle->count];
		struct header header;

		if (bundle->count == BUNDLE_MEMBERS_MAX ||
			pread(bundle->fd, &header, sizeof header, at) != (ssize_t)sizeof header ||
			!header_read(member, &header))
			return fault_set(fault, FAULT_INPUT,
				"%s is no backup of xuqi, or is damaged at byte %lld", bundle->path,
				(long long)at);
		member->at = at + BLOCK;
		at = member->at + (member->size + BLOCK - 1) / BLOCK * BLOCK;
		if (at > size)
			return fault_set(fault, FAULT_INPUT, "%s is cut off inside %s",
				bundle->path, member->name);
		bundle->count++;
	}
	return true;
}

bool bundle_open(struct bundle *out, const char *path, struct fault *fault)
{
	struct bundle bundle = { .fd = -1 };
	int64_t size = 0;

	bundle.fd = open_to_read(path, &size, fault);
	if (bundle.fd < 0)
		return false;
	bundle.path = text_dup(path);
	if (!read_headers(&bundle, size, fault)) {
		bundle_close(&bundle);
		return false;
	}
	*out = bundle;
	return true;
}

void bundle_close(struct bundle *bundle)
{
	if (bundle->path == NULL)
		return;
	(void)close(bundle->fd);
	free(bundle->path);
	*bundle = (struct bundle){ .fd = -1 };
}

const struct bundle_member *bundle_find(const struct bundle *bundle, const char *name)
{
	for (size_t i = 0; i < bundle->count; i++)
		if (text_equal(bundle->members[i].name, name))
			return &bundle->members[i];
	return NULL;
}

char *bundle_text(const struct bundle *bundle, const char *name, size_t max, struct fault *fault)
{
	const struct bundle_member *member = bundle_find(bundle, name);

	if (member == NULL || member->size > (int64_t)max) {
		(void)fault_set(fault, FAULT_INPUT, "%s: %s is %s", bundle->path, name,
			member == NULL ? "missing" : "too large");
		return NULL;
	}

	OWNED char *text = zalloc(1, (size_t)member->size + 1);

	if (pread(bundle->fd, text, (size_t)member->size, member->at) == (ssize_t)member->size)
		return take(text);
	(void)fault_set(fault, FAULT_INPUT, "%s: %s cannot be read", bundle->path, name);
	return NULL;
}

static bool piece_to_digest(void *context, const void *bytes, size_t len, struct fault *fault)
{
	if (EVP_DigestUpdate(context, bytes, len) == 1)
		return true;
	return fault_set(fault, FAULT_BUG, "SHA-256 failed");
}

static bool digest_part(
	char out[SHA256_HEX], int fd, const struct bundle_member *part, struct fault *fault)
{
	CLEANUP(digest_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned char digest[SHA256_BYTES];

	if (context == NULL || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
		return fault_set(fault, FAULT_LATER, "no memory for SHA-256");
	if (!each_piece(fd, part, piece_to_digest, context, fault))
		return false;
	(void)EVP_DigestFinal_ex(context, digest, NULL);
	for (size_t i = 0; i < sizeof digest; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
	return true;
}

bool bundle_digest(char out[SHA256_HEX], const struct bundle *bundle,
	const struct bundle_member *member, struct fault *fault)
{
	return digest_part(out, bundle->fd, member, fault);
}

bool bundle_digest_file(char out[SHA256_HEX], int64_t *size, const char *path, struct fault *fault)
{
	struct bundle_member whole = { .at = 0 };
	CLEANUP(close_fd) int fd = open_to_read(path, &whole.size, fault);

	(void)snprintf(whole.name, sizeof whole.name, "%s", "the file");
	if (fd < 0 || !digest_part(out, fd, &whole, fault))
		return false;
	*size = whole.size;
	return true;
}

bool bundle_copy(const struct bundle *bundle, const struct bundle_member *member, const char *path,
	mode_t mode, struct fault *fault)
{
	CLEANUP(close_fd)
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);

	if (fd < 0)
		return fault_set(fault, FAULT_HUMAN, "%s: %s", path, strerror(errno));
	if (!each_piece(bundle->fd, member, piece_to_fd, &fd, fault))
		return false;
	return fsync(fd) == 0 || fault_set(fault, FAULT_HUMAN, "%s: %s", path, strerror(errno));
}
