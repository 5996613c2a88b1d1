/* SPDX-License-Identifier: Apache-2.0 */
/* What the product draws at random comes from here while it runs in the twin. */
#pragma once

#include "tests/twin/dice.h"

/* From now on the product draws from this stream. */
void chance_seed(struct dice dice);
