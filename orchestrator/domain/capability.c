/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the capabilities, as the database, the settings and the documents spell them. */
#include "orchestrator/domain/capability.h"

#define WORD(upper, lower) #lower,
static const char *const words[] = { "", CAPABILITIES(WORD) };
#undef WORD

const char *capability_word(enum capability capability)
{
	return words[capability];
}
