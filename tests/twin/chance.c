/* SPDX-License-Identifier: Apache-2.0 */
/* random_bytes and random_hex of common/digest.h, and the monotonic clock, under the twin's seed: the linker wraps
 * the product's references (tests/twin/twin.cmake). */
#include "tests/twin/chance.h"

#include <string.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/digest.h"
#include "common/text.h"

static struct dice product;

void chance_seed(struct dice dice)
{
	product = dice;
}

/* NOLINTBEGIN(readability-identifier-naming): the names of the linker */
void __wrap_random_bytes(void *out, size_t len);
void __wrap_random_hex(char *out, size_t len);
int64_t __wrap_clock_monotonic_ms(void);

/* NOLINTEND(readability-identifier-naming) */

void __wrap_random_bytes(void *out, size_t len)
{
	unsigned char *at = out;

	for (size_t i = 0; i < len; i++)
		at[i] = (unsigned char)(dice_next(&product) >> 32);
}

void __wrap_random_hex(char *out, size_t len)
{
	OWNED unsigned char *bytes = zalloc(len, 1);

	__wrap_random_bytes(bytes, len);
	hex_encode(out, bytes, len);
}

int64_t __wrap_clock_monotonic_ms(void)
{
	return clock_now() / 1000;
}
