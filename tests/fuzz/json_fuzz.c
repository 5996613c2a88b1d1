/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever is taken as JSON must survive being written and read again. */
#include <stdint.h>
#include <string.h>

#include "common/json.h"
#include "common/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fault fault;
	JSON *value = json_read((const char *)data, size, &fault);
	if (value == NULL)
		return 0;
	OWNED char *text = json_write_canonical(value);
	JSON *again = json_read(text, strlen(text), &fault);
	if (again == NULL || json_equal(value, again) != 1)
		abort();
	return 0;
}
