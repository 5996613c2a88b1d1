/* SPDX-License-Identifier: Apache-2.0 */
/* What may stand behind the ? of a list: a word that nothing can match is a mistake, not an empty list. */
#pragma once

#include "common/json.h"

/* False with FAULT_INPUT, which names the parameter and what it may be, if QUERY asks the route PATH for a number
 * that is none, or for a state, kind or status that there is not. */
bool query_check(const char *path, const json_t *query, struct fault *fault) MUST_CHECK;
