/* SPDX-License-Identifier: Apache-2.0 */
/* The two listeners' route tables. */
#pragma once

#include <stddef.h>

#include "orchestrator/loop/inbound.h"

extern const struct inbound_route people_routes[], agent_routes[];
extern const size_t people_route_count, agent_route_count;
