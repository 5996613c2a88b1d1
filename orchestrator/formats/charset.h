/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of a foreign text file to UTF-8.  The ladder is fixed, so that the same file always reads the
 * same and the choice can be explained: byte order mark, then strict UTF-8 of the whole file, then
 * strict GB18030 (which contains GBK and GB2312), else a refusal with the byte offset.  Nothing is
 * guessed from a sample of the bytes. */
#pragma once

#include <stddef.h>

#include "common/fault.h"

enum charset { CHARSET_UTF8, CHARSET_UTF8_BOM, CHARSET_UTF16LE, CHARSET_UTF16BE, CHARSET_GB18030 };

enum { CHARSET_BYTES_MAX = 256 * 1024 * 1024 };

struct charset_text {
	char *text; /* UTF-8, owned, without NUL inside, NUL behind */
	size_t len;
	enum charset charset;
};

/* UTF-8, UTF-8 with BOM, UTF-16LE, UTF-16BE, GB18030. */
const char *charset_word(enum charset charset);

/* Decode LEN bytes.  FAULT_INPUT names the offset of the first bad byte and the remedy; workbooks
 * (XLS, XLSX) and PDF are recognised and refused by name.  Free with charset_done. */
bool charset_decode(struct charset_text *out, const void *bytes, size_t len, struct fault *fault)
	MUST_CHECK;
void charset_done(struct charset_text *text);

/* Where a place of the decoded text stood in the original bytes.  A cursor only moves forwards, so
 * that the places of all rows cost one walk over the file. */
struct charset_cursor {
	const struct charset_text *text; /* borrowed */
	const unsigned char *bytes;      /* the original, borrowed */
	size_t at, original;             /* the same place in both */
};

/* Start at the first character, behind a byte order mark. */
void charset_cursor_init(
	struct charset_cursor *cursor, const struct charset_text *text, const void *bytes);
/* The offset in the original of OFFSET in the decoded text; OFFSET never decreases. */
size_t charset_original(struct charset_cursor *cursor, size_t offset);
