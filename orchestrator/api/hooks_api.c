/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/hooks/gateway: notices of the CA's gateway, without a person's token but signed (flows/noticing.h). */
#include "orchestrator/api/hooks.h"

#include <string.h>

#include "orchestrator/flows/noticing.h"

static void hook_done(void *context, const struct fault *fault)
{
	struct request *request = context;

	if (fault != NULL)
		request_reply_fault(request, fault);
	else
		request_reply(request, 200, "application/json", "{}", 2);
}

void hook_begin(struct request *request, void *context)
{
	struct app *app = context;
	struct fault fault;
	struct notice notice = { .id = request_header(request, "webhook-id"),
		.timestamp = request_header(request, "webhook-timestamp"),
		.signature = request_header(request, "webhook-signature") };

	notice.body = request_body(request, &notice.len);
	if (app->noticing == NULL)
		request_reply_problem(request, 404, "ABSENT",
			"no notices are taken here: set gateway.webhook_secret_file");
	else if (!noticing_take(app->noticing, &notice, hook_done, request, &fault))
		request_reply_fault(request, &fault);
}
