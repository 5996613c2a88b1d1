/* SPDX-License-Identifier: Apache-2.0 */
/* posix_spawn with a clean signal mask, a process group of its own, and only the descriptors that
 * the worker needs. */
#include "agent/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/text.h"

enum { ARGUMENTS_MAX = 3 + CHILD_WORDS_MAX + 1 };

/* What posix_spawn wants to be told, and releases together. */
struct plan {
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
};

static void plan_done(struct plan *plan)
{
	(void)posix_spawn_file_actions_destroy(&plan->files);
	(void)posix_spawnattr_destroy(&plan->attributes);
}

static bool plan_files(struct plan *plan, int out, int pin_fd)
{
	return posix_spawn_file_actions_addopen(
		       &plan->files, STDIN_FILENO, "/dev/null", O_RDONLY, 0) == 0 &&
		posix_spawn_file_actions_adddup2(&plan->files, out, STDOUT_FILENO) == 0 &&
		(pin_fd < 0 ||
			posix_spawn_file_actions_adddup2(&plan->files, pin_fd, CHILD_PIN_FD) == 0);
}

static bool plan_signals(struct plan *plan)
{
	sigset_t none;
	sigset_t all;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	return posix_spawnattr_setsigmask(&plan->attributes, &none) == 0 &&
		posix_spawnattr_setsigdefault(&plan->attributes, &all) == 0 &&
		posix_spawnattr_setpgroup(&plan->attributes, 0) == 0 &&
		posix_spawnattr_setflags(&plan->attributes,
			POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP) ==
		0;
}

static int spawn(pid_t *pid, const struct child_request *request, int out)
{
	struct plan plan;
	OWNED char *path = text_dupf("%s/%s", request->directory, request->program);
	OWNED char *settings = text_dup(request->settings);
	char option[] = "--settings";
	char *arguments[ARGUMENTS_MAX] = { path, option, settings };
	char *words[CHILD_WORDS_MAX] = { NULL };
	int error = 0;

	for (size_t i = 0; i < CHILD_WORDS_MAX && request->words[i] != NULL; i++)
		arguments[3 + i] = words[i] = text_dup(request->words[i]);
	(void)posix_spawn_file_actions_init(&plan.files);
	(void)posix_spawnattr_init(&plan.attributes);
	error = plan_files(&plan, out, request->pin_fd) && plan_signals(&plan)
		? posix_spawn(pid, path, &plan.files, &plan.attributes, arguments, environ)
		: ENOMEM;
	plan_done(&plan);
	for (size_t i = 0; i < CHILD_WORDS_MAX; i++)
		free(words[i]);
	return error;
}

bool child_start(struct child *child, const struct child_request *request, struct fault *fault)
{
	int ends[2] = { -1, -1 };
	pid_t pid = 0;
	int error = 0;

	if (pipe2(ends, O_CLOEXEC) != 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0)
		return fault_set(fault, FAULT_LATER, "cannot make a pipe: %s", strerror(errno));
	error = spawn(&pid, request, ends[1]);
	(void)close(ends[1]);
	if (error != 0) {
		(void)close(ends[0]);
		return fault_set(fault, FAULT_HUMAN, "cannot start %s/%s: %s: check libexec_dir",
			request->directory, request->program, strerror(error));
	}
	*child = (struct child){ .pid = pid, .facts = ends[0], .code = -1 };
	return true;
}

bool child_listen(struct child *child)
{
	char more[512];

	for (;;) {
		ssize_t got = read(child->facts, more, sizeof(more));
		size_t room = CHILD_FACTS_MAX - child->len;

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 && errno == EAGAIN;
		if ((size_t)got < room)
			room = (size_t)got;
		memcpy(child->text + child->len, more, room);
		child->len += room;
		child->text[child->len] = '\0';
	}
}

bool child_reap(struct child *child)
{
	int status = 0;

	if (child->pid == 0 || waitpid(child->pid, &status, WNOHANG) != child->pid)
		return false;
	(void)child_listen(child);
	(void)close(child->facts);
	child->facts = -1;
	child->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	child->pid = 0;
	return true;
}

void child_kill(struct child *child)
{
	if (child->pid == 0)
		return;
	child->killed = true;
	(void)kill(-child->pid, SIGKILL);
	(void)kill(child->pid, SIGKILL);
}

bool child_fact(const struct child *child, const char *key, char *out, size_t size)
{
	size_t key_len = strlen(key);
	const char *end = NULL;

	out[0] = '\0';
	for (const char *line = child->text; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		size_t len = 0;

		if (strncmp(line, key, key_len) != 0 || line[key_len] != '=')
			continue;
		line += key_len + 1;
		len = (size_t)(end - line);
		if (len >= size)
			return false;
		memcpy(out, line, len);
		out[len] = '\0';
		return true;
	}
	return false;
}
