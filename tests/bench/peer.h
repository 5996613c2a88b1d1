/* SPDX-License-Identifier: Apache-2.0 */
/* Asks a peer that is another program, on the database of the bench, for figures. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/fault.h"

/* What is run, and on which database (as libpq names them). */
struct peer {
	const char *program; /* a script for node */
	const char *host, *user, *database;
};

struct peer_figures {
	double *values;
	size_t most, count;
};

/* Run it with the arguments MODE and NUMBER: each line that it prints is one figure.  False if it cannot be run, fails,
 * or prints none, too many, or anything else. */
bool peer_ask(const struct peer *peer, const char *mode, int64_t number, struct peer_figures *out,
	struct fault *fault) MUST_CHECK;
