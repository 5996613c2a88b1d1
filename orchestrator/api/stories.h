/* SPDX-License-Identifier: Apache-2.0 */
/* The people's requests that are more than one statement. */
#pragma once

#include "orchestrator/api/ask.h"

extern const struct people_route policy_check_route, plan_route,
	campaign_create_route;                                  /* campaign_api.c */
extern const struct people_route export_route, statement_route; /* money_api.c */
extern const struct people_route enrol_code_route, token_route; /* secret_api.c */
extern const struct people_route tasks_route, task_done_route, people_list_route, person_find_route,
	person_reveal_route, files_route, file_route, file_reveal_route, privacy_route,
	person_erase_route, mark_check_route; /* privacy_api.c */
extern const struct people_route sitting_route, tasks_done_route,
	certificates_upload_route; /* sitting_api.c */
