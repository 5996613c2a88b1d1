/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the outcomes. */
#include "agent/base/outcome.h"

#define OUTCOME_WORD(upper, lower) #lower,
static const char *const words[] = { WIRE_OUTCOMES(OUTCOME_WORD) };
#undef OUTCOME_WORD

const char *outcome_word(enum outcome outcome)
{
	return words[outcome];
}
