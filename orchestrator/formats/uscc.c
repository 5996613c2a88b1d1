/* SPDX-License-Identifier: Apache-2.0 */
/* The check character by GB 32100-2015 section 5 and appendix A: weights are powers of 3 modulo 31. */
#include "orchestrator/formats/uscc.h"

#include <string.h>

/* No I, O, S, V, Z: they look like digits or like each other. */
static const char uscc_alphabet[] = "0123456789ABCDEFGHJKLMNPQRTUWXY";

enum { USCC_BASE = 31 };

/* The value of CHARACTER, or -1. */
static int uscc_value(char character)
{
	const char *found = character == '\0' ? NULL : strchr(uscc_alphabet, character);

	return found == NULL ? -1 : (int)(found - uscc_alphabet);
}

bool uscc_check(const char *text, struct fault *fault)
{
	size_t len = strlen(text);
	int weight = 1, sum = 0;

	if (len != USCC_LENGTH)
		return fault_set(fault, FAULT_INPUT,
			"%.40s has %zu characters where 统一社会信用代码 has %d: copy it again from the licence",
			text, len, USCC_LENGTH);
	for (size_t i = 0; i < USCC_LENGTH; i++) {
		if (uscc_value(text[i]) < 0)
			return fault_set(fault, FAULT_INPUT,
				"character %zu of %s cannot stand in a 统一社会信用代码 (capitals without I, O, S, V, Z, and digits)",
				i + 1, text);
		if (i == USCC_LENGTH - 1)
			break;
		sum += uscc_value(text[i]) * weight;
		weight = weight * 3 % USCC_BASE;
	}
	char expected = uscc_alphabet[(USCC_BASE - sum % USCC_BASE) % USCC_BASE];

	if (text[USCC_LENGTH - 1] == expected)
		return true;
	return fault_set(fault, FAULT_INPUT,
		"%s does not check (its last character would be %c): copy it again from the licence",
		text, expected);
}
