/* SPDX-License-Identifier: Apache-2.0 */
/* Outcomes of an install order, made from the list in common/wire.h. */
#pragma once

#include "common/wire.h"

#define OUTCOME_ENUM(upper, lower) OUTCOME_##upper,

enum outcome { WIRE_OUTCOMES(OUTCOME_ENUM) OUTCOME_COUNT };

#undef OUTCOME_ENUM

/* The word on the wire and in the journal. */
const char *outcome_word(enum outcome outcome);
