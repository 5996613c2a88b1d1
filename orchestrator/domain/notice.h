/* SPDX-License-Identifier: Apache-2.0 */
/* What a digest notification says, and how a chat robot wants it: words and JSON shapes are data (policies/notices/),
 * checked when they are read.  Pure: the digest's document, the time and the secret are arguments. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/json.h"
#include "common/secret.h"

enum { NOTICE_BYTES_MAX = 64 * 1024, NOTICE_TEMPLATE_MAX = 64 * 1024 };

/* Where the signature of a robot's message goes. */
enum notice_sign {
	NOTICE_UNSIGNED,
	NOTICE_SIGN_QUERY, /* DingTalk: milliseconds; HMAC under the secret of `time LF secret`, in the query */
	NOTICE_SIGN_BODY /* Feishu: seconds; HMAC under `time LF secret` of nothing, in the body */
};

struct notice_template {
	char *subject, *head, *task, *overdue, *more, *closed_head, *closed, *foot;
	int64_t bytes_max; /* of the text */
	enum notice_sign sign;
	char *accepted; /* the member of a robot's answer that is 0 when it took the message; NULL: no robot */
	json_t *body; /* of a robot: texts with {{subject}} and {{text}} */
};

/* The template in BYTES; NULL with FAULT_INPUT `NAME:LINE:COLUMN: …`, also for a {{name}} that nothing fills. */
struct notice_template *notice_template_read(
	const char *name, const char *bytes, size_t len, struct fault *fault);
void notice_template_free(struct notice_template *template);

/* What a digest says; both are owned. */
struct notice {
	char *subject, *text;
};

/* Render DIGEST (schema/0021_digests.sql, digest_says) for its owner, within the template's bytes: tasks that do not fit
 * are counted, those most overdue stand first.  Texts are scrubbed. */
void notice_render(
	struct notice *out, const struct notice_template *template, const json_t *digest);
void notice_done(struct notice *notice);

/* TEXT on the heap without what no notice may show: addresses (a QR text is one) become "(link)", and of runs of 11 or
 * more digits (mobiles, id and account numbers) all but the last two are starred. */
char *notice_scrub(const char *text);

/* The robot's JSON for NOTICE, signed for the instant NOW where the template says so and SECRET is not NULL. */
json_t *notice_body(const struct notice_template *template, const struct notice *notice,
	const struct secret *secret, int64_t now);
/* URL on the heap, with timestamp and sign in its query where the template says so and SECRET is not NULL. */
char *notice_url(const struct notice_template *template, const char *url,
	const struct secret *secret, int64_t now);
/* Whether the robot's ANSWER (any JSON) says that it took the message. */
bool notice_was_accepted(const struct notice_template *template, const json_t *answer);

DEFINE_CLEANUP(notice_template_freep, struct notice_template *, notice_template_free)

static inline void notice_donep(struct notice *notice)
{
	notice_done(notice);
}
