/* SPDX-License-Identifier: Apache-2.0 */
/* One call of the people's API over HTTPS, waiting for the answer.  The token travels in a header
 * only, is read from a file, and is wiped when the connection is closed. */
#pragma once

#include <stdbool.h>

#include "common/fault.h"
#include "common/json.h"

enum {
	REMOTE_CONNECT_S = 10,
	REMOTE_TOTAL_S = 300,
	REMOTE_URL_MAX = 8192,
	REMOTE_ANSWER_MAX = 24 * 1024 * 1024 /* a file of 16 MiB in base64 */
};

struct remote;

struct remote_settings {
	const char *url;        /* https://…, or http:// to this machine */
	const char *token_file; /* may be NULL */
	const char *ca_file;    /* PEM; NULL: the system's */
};

struct remote_answer {
	long status;
	json_t *body; /* own; an empty object where there was none */
};

/* A connection that remote_close frees; nothing is sent yet.  NULL with FAULT_INPUT if a setting
 * cannot be used.  *WARNING is a sentence for the person, or "". */
struct remote *remote_open(
	const struct remote_settings *settings, char warning[FAULT_TEXT_MAX], struct fault *fault);
/* METHOD on PATH (with its query) with BODY (NULL: none).  True with any status; false with
 * FAULT_LATER if nothing was sent, FAULT_UNSURE if something was sent and no answer came,
 * FAULT_REFUSED if the answer is not of this API.  The caller decrefs OUT->body. */
bool remote_call(struct remote_answer *out, struct remote *remote, const char *method,
	const char *path, const json_t *body, struct fault *fault) MUST_CHECK;
void remote_close(struct remote *remote);

DEFINE_CLEANUP(remote_closep, struct remote *, remote_close)
