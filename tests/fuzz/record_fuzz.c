/* SPDX-License-Identifier: Apache-2.0 */
/* A line of the agent's journal or PIN ledger is read within its bounds, whatever it holds. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fault fault;
	struct record record;
	char *line = malloc(size + 1);

	if (line == NULL)
		return 0;
	memcpy(line, data, size);
	line[size] = '\0';
	if (record_parse(&record, line, &fault)) {
		size_t texts = 0;

		for (size_t i = 0; i < record.count; i++)
			texts += strlen(record.pairs[i].key) + strlen(record.pairs[i].value);
		if (record.count == 0 || record.count > RECORD_PAIRS_MAX || texts > size)
			abort();
		record_done(&record);
	}
	free(line);
	return 0;
}
