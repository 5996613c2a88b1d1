/* SPDX-License-Identifier: Apache-2.0 */
/* A sealed value is read within its bounds, whatever stands in the column; what opens was sealed there. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/seal.h"
#include "common/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct seal_keys *the_keys(void)
{
	static const char line[] =
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
	char file[] = "/tmp/xuqi-seal-fuzz-XXXXXX";
	struct fault fault;
	int fd = mkstemp(file);

	if (fd < 0 || !file_write_fd(fd, line, strlen(line), &fault))
		abort();
	(void)close(fd);
	struct seal_keys *keys = seal_keys_read(file, &fault);

	(void)unlink(file);
	if (keys == NULL)
		abort();
	return keys;
}

/* Sealing what came in and opening it again gives the same; at another place it gives nothing. */
static void there_and_back(struct seal_keys *keys, const uint8_t *data, size_t size)
{
	size_t sealed_len, opened_len, other_len;
	struct fault fault;
	OWNED unsigned char *sealed = seal_bytes(keys, "a/1", data, size, &sealed_len);
	OWNED unsigned char *opened =
		seal_open_bytes(keys, "a/1", sealed, sealed_len, &opened_len, &fault);
	OWNED unsigned char *other =
		seal_open_bytes(keys, "a/2", sealed, sealed_len, &other_len, &fault);

	if (opened == NULL || opened_len != size || other != NULL)
		abort();
	if (size > 0 && memcmp(opened, data, size) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct seal_keys *keys;
	struct fault fault;
	size_t len;

	if (keys == NULL)
		keys = the_keys();
	OWNED char *text = zalloc(size + 1, 1);
	memcpy(text, data, size);
	OWNED unsigned char *bytes = seal_open_bytes(keys, "a/1", data, size, &len, &fault);
	OWNED char *opened = seal_open_text(keys, "a/1", text, &fault);

	if (bytes != NULL && len + SEAL_OVERHEAD != size)
		abort();
	if (opened != NULL && strlen(opened) > size)
		abort();
	(void)seal_mark_fits(text, keys, "x", 1);
	there_and_back(keys, data, size);
	return 0;
}
