/* SPDX-License-Identifier: Apache-2.0 */
/* The fence of a lease (renewal_fenced of schema/0003_workflow.sql): alone in its file, so that a variant of the
 * twin can leave it out and show that its absence is found. */
#include "tests/twin/store_inside.h"

bool store_fence_holds(const struct row_renewal *renewal, int64_t epoch)
{
	return renewal->epoch == epoch && renewal->claimed_until != NO_INSTANT;
}
