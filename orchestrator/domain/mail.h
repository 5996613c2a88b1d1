/* SPDX-License-Identifier: Apache-2.0 */
/* One plain-text message as the Internet wants it (RFC 5322, MIME: RFC 2045, RFC 2047): UTF-8, in base64. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/fault.h"

enum { MAIL_BYTES_MAX = 256 * 1024, MAIL_ADDRESS_MAX = 254 };

struct mail {
	const char *from, *to;  /* bare addresses */
	const char *subject;    /* one line */
	const char *text;       /* lines end with LF */
	const char *message_id; /* without brackets; the same for the same message */
	int64_t at;
};

/* Whether TEXT is a bare address that may stand in a header and in an SMTP command: one @, no blanks, controls,
 * brackets or quotes. */
bool mail_is_address(const char *text);
/* The message (free it); NULL with FAULT_INPUT if an address is none. */
char *mail_compose(const struct mail *mail, struct fault *fault);
