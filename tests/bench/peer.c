/* SPDX-License-Identifier: Apache-2.0 */
/* One child process, its output read to the end. */
#include "tests/bench/peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/text.h"

static _Noreturn void become(const struct peer *peer, const char *mode, const char *number, int out)
{
	if (dup2(out, STDOUT_FILENO) < 0 || setenv("PGHOST", peer->host, 1) != 0 ||
		setenv("PGUSER", peer->user, 1) != 0 ||
		setenv("PGDATABASE", peer->database, 1) != 0)
		_exit(1);
	(void)execlp("node", "node", peer->program, mode, number, (char *)NULL);
	_exit(127);
}

static bool read_figures(int from, struct peer_figures *out)
{
	FILE *file = fdopen(from, "r");
	char *line = NULL, *end = NULL;
	size_t room = 0;
	bool right = file != NULL;

	out->count = 0;
	while (right && getline(&line, &room, file) > 0) {
		right = out->count < out->most;
		if (right)
			out->values[out->count++] = strtod(line, &end);
		right = right && end != NULL && end != line && *end == '\n';
	}
	free(line);
	if (file != NULL)
		(void)fclose(file);
	return right && out->count > 0;
}

bool peer_ask(const struct peer *peer, const char *mode, int64_t number, struct peer_figures *out,
	struct fault *fault)
{
	OWNED char *text = text_dupf("%lld", (long long)number);
	int ends[2], status = 0;
	pid_t child;

	if (pipe(ends) != 0 || (child = fork()) < 0)
		return fault_set(fault, FAULT_LATER, "no pipe or no process for %s", peer->program);
	if (child == 0)
		become(peer, mode, text, ends[1]);
	(void)close(ends[1]);

	bool told = read_figures(ends[0], out);

	if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0 ||
		!told)
		return fault_set(fault, FAULT_LATER,
			"%s %s %s ended with status %d after %zu figures", peer->program, mode,
			text, status, out->count);
	return true;
}
