/* SPDX-License-Identifier: Apache-2.0 */
/* fork, drop privileges, exec.  Between fork and exec only async-signal-safe calls are made, but for
 * those that drop privileges. */
#include "orchestrator/loop/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"

enum { SPAWN_POLL_MS = 20, SPAWN_FAILED = 127 };

void spawn_rest(int ms)
{
	(void)poll(NULL, 0, ms);
}

static bool drop_to(uid_t uid, gid_t gid)
{
	if (geteuid() != 0)
		return true;
	return setgroups(1, &gid) == 0 && setgid(gid) == 0 && setuid(uid) == 0;
}

static void reset_signals(void)
{
	sigset_t none;
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)signal(SIGCHLD, SIG_DFL);
}

static _Noreturn void become(const struct spawn *spawn)
{
	static char path[] = "PATH=/usr/bin:/bin";
	static char locale[] = "LC_ALL=C.UTF-8";
	static char zone[] = "TZ=UTC";

	union {
		const char *in;
		char *out;
	} variable = { .in = spawn->variable };

	char *const environment[] = { path, locale, zone, variable.out, NULL };
	int empty = open("/dev/null", O_RDONLY | O_CLOEXEC);
	(void)umask(077);
	reset_signals();
	if (empty < 0 || dup2(empty, STDIN_FILENO) < 0 || dup2(spawn->log_fd, STDOUT_FILENO) < 0 ||
		dup2(spawn->log_fd, STDERR_FILENO) < 0)
		_exit(SPAWN_FAILED);
	closefrom(STDERR_FILENO + 1);
	if (setsid() < 0 || !drop_to(spawn->uid, spawn->gid) || chdir(spawn->dir) != 0)
		_exit(SPAWN_FAILED);

	/* execve does not write to them; its prototype is older than const */
	union {
		const char *const *in;
		char *const *out;
	} argv = { .in = spawn->argv };

	(void)execve(spawn->argv[0], argv.out, environment);
	_exit(SPAWN_FAILED);
}

pid_t spawn_begin(const struct spawn *spawn, struct fault *fault)
{
	pid_t pid = fork();
	if (pid == 0)
		become(spawn);
	if (pid < 0)
		(void)fault_set(fault, FAULT_LATER, "%s cannot be started: %s", spawn->argv[0],
			strerror(errno));
	return pid;
}

bool spawn_has_ended(pid_t pid, int *status)
{
	pid_t got = waitpid(pid, status, WNOHANG);
	if (got == pid)
		return true;
	if (got == 0 || errno != ECHILD)
		return false;
	*status = -1;
	return kill(pid, 0) != 0 && errno == ESRCH;
}

bool spawn_wait(pid_t pid, int ms, int *status)
{
	int64_t until = clock_monotonic_ms() + ms;
	while (!spawn_has_ended(pid, status)) {
		if (clock_monotonic_ms() >= until)
			return false;
		spawn_rest(SPAWN_POLL_MS);
	}
	return true;
}
