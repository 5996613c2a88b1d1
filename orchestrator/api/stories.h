/* SPDX-License-Identifier: Apache-2.0 */
/* The people's requests that are more than one statement. */
#pragma once

#include "orchestrator/api/ask.h"

extern const struct people_route policy_check_route, plan_route,
	campaign_create_route;                                  /* campaign_api.c */
extern const struct people_route export_route, statement_route; /* money_api.c */
extern const struct people_route enrol_code_route, token_route; /* secret_api.c */
