/* SPDX-License-Identifier: Apache-2.0 */
/* Messages over SMTP (RFC 5321) for flows, on outbound's multi handle: TLS from the first byte (smtps://) or by
 * STARTTLS (smtp://), never in clear. */
#pragma once

#include "common/secret.h"
#include "orchestrator/loop/outbound.h"

struct outbound_mail {
	const char *url;               /* smtps://host:465 or smtp://host:587 */
	const char *ca_file;           /* trust, NULL: the system's */
	const char *user;              /* NULL: no login */
	const struct secret *password; /* of USER */
	const char *from, *to;         /* bare addresses (mail_is_address) */
	const char *message;           /* RFC 5322, copied */
};

/* Begin to send for FLOW, which resumes with flow_reply set: status 250 when the server took the message, else 0
 * and a fault: LATER where it surely did not (not reached, 4xx), REFUSED where it never will (5xx,
 * login), UNSURE where the message may have gone.  Never resumes from inside this call. */
enum flow_next outbound_mail_begin(
	struct outbound *outbound, struct flow *flow, const struct outbound_mail *mail);
