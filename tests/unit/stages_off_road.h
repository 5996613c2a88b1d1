/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of branches share beside stages.h: a CA that is paid first, renewals that stand at a fork. */
#pragma once

#include "tests/unit/stages.h"

static struct connector_traits traits;

/* The CA wants its money first, and a person installs. */
static inline void the_ca_is_paid_first(void)
{
	traits = gateway_traits;
	traits.capabilities &= ~(CAPABILITY_BIT(CAN_APPLY_FIRST) | CAPABILITY_BIT(CAN_DELIVERS));
	traits.capabilities |= CAPABILITY_BIT(CAN_PAY_FIRST) | CAPABILITY_BIT(CAN_PERSON_INSTALLS);
	traits.ops[CONNECTOR_PAY].offered = false;
	traits.ops[CONNECTOR_INSTALL_REPORT].offered = false;
	traits.ops[CONNECTOR_RESEND].offered = false;
	fake.connector.traits = &traits;
}

static inline void policy_says(const char *json)
{
	(void)sql("update campaigns set policy = policy || '%s'", json);
}

static inline const char *state_now(void)
{
	return sql("select state from renewals order by id limit 1");
}

static inline char *a_binding_renewal(void)
{
	char *renewal = a_drafting_renewal("{}");
	(void)sql(
		"alter table renewals disable trigger user; update renewals set state = 'binding', came_from = 'binding'; "
		"alter table renewals enable trigger user");
	return renewal;
}

#define QR(id) \
	"{\"id\":\"" id "\",\"state\":\"waiting_scan\",\"qr_text\":\"q-" id \
	"\",\"expires_at\":\"2027-01-01T00:00:00Z\"}"

static inline char *a_paid_first_renewal(void)
{
	the_ca_is_paid_first();
	char *renewal = a_binding_renewal();
	(void)sql("insert into bindings (set_id, ca, certificate_id) values (1, 'gateway', 'X')");
	step_alone(renewal);
	step_alone(renewal);
	assert_string_equal(state_now(), "awaiting_payment");
	return renewal;
}

static inline void link_the_transfer(void)
{
	(void)sql(
		"insert into statements (sha256, file_name, content, encoding, account, proven, proof, imported_by) values ('s', 'f', '', 'utf-8', '6222', true, '[]', 6)");
	(void)sql(
		"insert into statement_lines (statement_id, line_key, row, byte_offset, raw, own_account, own_name, direction, amount_fen, amount_raw, paid_at, paid_at_raw, "
		"paid_at_precision, party_name, party_account, party_bank, memo, bank_serial) values (1, 'l', 1, 0, '', '6222', 'Acme', 'out', 20000, '200.00', now(), '', "
		"'second', 'CA Ltd', '8888', 'Bank', '', 'B7')");
	(void)sql(
		"insert into links (line_id, order_id, rule, verdict, text, explanation) values (1, 1, 'R1', 'auto', '', '{}')");
	(void)sql("update payment_orders set status = 'linked'");
}
