/* SPDX-License-Identifier: Apache-2.0 */
/* xuqi-backup stands beside this program, or in ../sbin from it. */
#include "orchestrator/cli/local.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/text.h"

enum { PATH_BYTES = 4096, ARGUMENTS_MAX = 9 };

/* What is typed, and what xuqi-backup calls it. */
static const struct {
	const char *noun, *verb, *deed;
} deeds[] = {
	{ "backup", NULL, "make" },
	{ "restore", "from", "restore" },
	{ "restore", "check", "check" },
};

static const char *deed_of(const struct invocation *invocation)
{
	const struct command *command = invocation->command;

	for (size_t i = 0; i < COUNT_OF(deeds); i++)
		if (text_equal(command->noun, deeds[i].noun) &&
			(deeds[i].verb == NULL ? command->verb == NULL
					       : text_equal(command->verb, deeds[i].verb)))
			return deeds[i].deed;
	return NULL;
}

bool local_is(const struct invocation *invocation)
{
	return deed_of(invocation) != NULL;
}

/* The folder of this program, without a slash at its end; "." where it is not known. */
static void own_folder(char out[PATH_BYTES])
{
	ssize_t len = readlink("/proc/self/exe", out, PATH_BYTES - 1);
	char *slash = NULL;

	out[len > 0 ? len : 0] = '\0';
	slash = strrchr(out, '/');
	if (slash == NULL)
		(void)snprintf(out, PATH_BYTES, ".");
	else
		*slash = '\0';
}

static void add_option(
	char **arguments, size_t *count, const struct invocation *invocation, const char *name)
{
	const char *value = invocation_value(invocation, name);

	if (value == NULL)
		return;
	arguments[(*count)++] = text_dup(name);
	arguments[(*count)++] = text_dup(value);
}

enum cli_exit local_run(const struct invocation *invocation)
{
	static const char *const places[] = { "", "/../sbin" };
	char *arguments[ARGUMENTS_MAX] = { text_dup("xuqi-backup") };
	char folder[PATH_BYTES];
	size_t count = 1;

	add_option(arguments, &count, invocation, "--settings");
	add_option(arguments, &count, invocation, "--over");
	arguments[count++] = text_dup("--"); /* a file may begin with a dash */
	arguments[count++] = text_dup(deed_of(invocation));
	arguments[count++] = text_dup(invocation_value(invocation, "FILE"));
	own_folder(folder);
	for (size_t i = 0; i < COUNT_OF(places); i++) {
		OWNED char *program = text_dupf("%s%s/xuqi-backup", folder, places[i]);

		(void)execv(program, arguments);
	}
	(void)fprintf(stderr,
		"xuqi: xuqi-backup cannot be started (%s): this is for the orchestrator's machine\n",
		strerror(errno));
	for (size_t i = 0; i < count; i++)
		free(arguments[i]);
	return CLI_FAILED;
}
