/* SPDX-License-Identifier: Apache-2.0 */
/* The connector for a CA without an API, which is how NETCA works today: a person is the transport.  An effect is
 * a card (a task in the guide's own words); what the person gives back is the CA's answer.  It is pure: the call
 * and the renewal's document give the outcome, nothing is sent anywhere.
 *
 * One sitting at the phone goes from 业务办理-证书续期 to the payment page.  So OPEN is the card of the whole
 * sitting, and the steps between (agreement, term, attachments, intent, submission) are readings of its answer. */
#pragma once

#include "orchestrator/connectors/connector.h"

struct manual_options {
	const char *ca;         /* its word in policies; NULL: manual */
	const char *payee_name; /* pinned (收款方): shown, so that another one is noticed */
};

extern const struct connector_traits manual_traits;

/* Copies the texts of OPTIONS. */
struct connector *manual_new(const struct manual_options *options);
