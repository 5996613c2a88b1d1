/* SPDX-License-Identifier: Apache-2.0 */
/* xuqi: the people's API from the command line.  This file decides between help and a command, and
 * makes sure that what was printed was really written. */
#include <curl/curl.h>
#include <stdio.h>

#include "common/text.h"
#include "orchestrator/cli/complaint.h"
#include "orchestrator/cli/grid.h"
#include "orchestrator/cli/help.h"
#include "orchestrator/cli/invocation.h"
#include "orchestrator/cli/local.h"
#include "orchestrator/cli/run.h"

static void print_help(const struct invocation *invocation, struct text *out)
{
	if (invocation->command != NULL)
		help_command(out, invocation->command);
	else if (invocation->noun != NULL)
		help_noun(out, invocation->noun);
	else
		help_program(out);
}

static void print_help_json(struct text *out)
{
	JSON *all = help_json();
	OWNED char *text = json_dumps(all, JSON_INDENT(2));

	text_addf(out, "%s\n", text != NULL ? text : "{}");
}

/* What the program answers by itself. */
static void print_own(const struct invocation *invocation, struct text *out)
{
	if (text_equal(invocation->command->noun, "completion"))
		help_bash(out);
	else if (invocation_wants_json(invocation))
		print_help_json(out);
	else if (invocation_value(invocation, "--all") != NULL)
		help_all(out);
	else
		help_program(out);
}

static enum cli_exit act(const struct invocation *invocation)
{
	TEXT out;

	text_init(&out, HELP_BYTES_MAX);
	if (invocation->version)
		text_add(&out, "xuqi " XUQI_VERSION "\n");
	else if (invocation->help)
		print_help(invocation, &out);
	else if (local_is(invocation))
		return local_run(invocation);
	else if (invocation->command->method == NULL)
		print_own(invocation, &out);
	else
		return run_command(invocation);
	(void)fputs(out.data, stdout);
	return CLI_OK;
}

int main(int argc, char **argv)
{
	struct invocation invocation;
	struct fault fault;

	grid_locale();
	if (!invocation_parse(&invocation, argc, argv, &fault))
		return (int)complaint_usage(&fault);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return CLI_FAILED;
	enum cli_exit status = act(&invocation);

	curl_global_cleanup();
	if (fflush(stdout) != 0 || ferror(stdout) != 0) {
		perror("xuqi: the output cannot be written");
		return CLI_FAILED;
	}
	return (int)status;
}
