/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the oracle share. */
#pragma once

#include "common/digest.h"
#include "tests/twin/world.h"

enum { VIEWS = 4, SIGNED = 4 };

/* What people did for one renewal. */
struct acts {
	bool spend, touch, stated;
	int64_t approved_fen, lease; /* lease: the last that was given */

	struct view { /* what a lease read; stale once another lease has written */
		int64_t lease;
		bool stale;
	} views[VIEWS];

	/* Agreements: the handler's, and what approvers signed, the last first: the CA may go back to an earlier text. */
	char accepted[SHA256_HEX], signed_off[SIGNED][SHA256_HEX];
};

struct oracle {
	struct acts *acts; /* by renewal id */
	size_t renewals;
	size_t applications, payments, verified, transfers, installed, declared;
	json_t *refusals; /* those seen: code → attempts */
	json_t *owners;   /* application → the renewal that was under way when it was opened */

	struct {
		const char *reference; /* the store's */
		int64_t renewal;
	} * orders;

	size_t order_count, order_room;
	int64_t *
		at_rest; /* by renewal id: the instant of the state of rest that was looked at last */
};

const json_t *oracle_ledger(const struct world *world, const char *name);
/* The renewal that an order was made for, whatever its due names now; 0: none. */
int64_t oracle_renewal_of_order(const struct world *world, const char *reference);
void oracle_note_owner(struct world *world, const char *application);
void oracle_check_money(struct world *world, const struct row_renewal *renewal);
