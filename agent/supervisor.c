/* SPDX-License-Identifier: Apache-2.0 */
/* epoll over five descriptors: signals, the wake-up timer, the worker's deadline, the worker's facts
 * and the kernel's hot-plug socket.  Nothing heavy is linked here: this process sleeps for years. */
#include "agent/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "agent/cycle.h"
#include "agent/hotplug.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"

enum {
	JITTER_PARTS = 1000,     /* a pause is spread by 90 % to 110 % */
	LEAST_PAUSE_MS = 200,    /* between two cycles, whatever wakes us */
	HOTPLUG_PAUSE_MS = 1500, /* a token needs a moment until its driver sees it */
	EVENTS_MAX = 8
};

struct supervisor {
	struct cycle cycle;
	int events, signals, wake, deadline, hotplug;
	bool stopping;
};

/* ---- timers ----------------------------------------------------------------------------------- */

static void set_timer(int fd, int64_t ms)
{
	const struct itimerspec when = {
		.it_value = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 },
	};

	(void)timerfd_settime(fd, 0, &when, NULL);
}

static void clear(int fd)
{
	uint64_t count = 0;

	(void)!read(fd, &count, sizeof(count));
}

/* Agents that start together must not poll together. */
static int64_t with_jitter(int64_t ms)
{
	uint32_t random = 0;
	int64_t parts = 0;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random))
		random = (uint32_t)getpid();
	parts = JITTER_PARTS * 9 / 10 + random % (JITTER_PARTS / 5 + 1);
	ms = ms * parts / JITTER_PARTS;
	return ms > LEAST_PAUSE_MS ? ms : LEAST_PAUSE_MS;
}

/* ---- the worker ------------------------------------------------------------------------------- */

static void watch(struct supervisor *supervisor, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data = { .fd = fd } };

	(void)epoll_ctl(supervisor->events, EPOLL_CTL_ADD, fd, &event);
}

/* A step was begun, or the cycle is over: set the timers for it. */
static void follow(struct supervisor *supervisor)
{
	struct cycle *cycle = &supervisor->cycle;

	if (cycle->step == CYCLE_IDLE) {
		set_timer(supervisor->deadline, 0);
		set_timer(supervisor->wake, with_jitter(cycle_pause_ms(cycle)));
		return;
	}
	watch(supervisor, cycle->child.facts);
	set_timer(supervisor->wake, 0);
	set_timer(supervisor->deadline, cycle_deadline_seconds(cycle) * 1000);
}

static void on_wake(struct supervisor *supervisor)
{
	clear(supervisor->wake);
	if (supervisor->stopping || supervisor->cycle.step != CYCLE_IDLE)
		return;
	cycle_begin(&supervisor->cycle);
	follow(supervisor);
}

static void on_deadline(struct supervisor *supervisor)
{
	clear(supervisor->deadline);
	child_kill(&supervisor->cycle.child);
}

static void on_facts(struct supervisor *supervisor)
{
	struct child *child = &supervisor->cycle.child;

	if (!child_listen(child))
		(void)epoll_ctl(supervisor->events, EPOLL_CTL_DEL, child->facts, NULL);
}

static void on_child(struct supervisor *supervisor)
{
	if (!child_reap(&supervisor->cycle.child))
		return;
	if (supervisor->stopping)
		return;
	cycle_advance(&supervisor->cycle);
	follow(supervisor);
}

/* An install is never cut off by us: it ends by itself or at its deadline. */
static void on_stop(struct supervisor *supervisor)
{
	if (supervisor->stopping)
		return;
	supervisor->stopping = true;
	log_info("agent.stopping", LOG_NUMBER("pid", getpid()));
	if (supervisor->cycle.step != CYCLE_INSTALL)
		child_kill(&supervisor->cycle.child);
}

static void wake_soon(struct supervisor *supervisor, int64_t ms)
{
	if (supervisor->cycle.step == CYCLE_IDLE)
		set_timer(supervisor->wake, ms);
}

static void on_signal(struct supervisor *supervisor)
{
	struct signalfd_siginfo info;

	while (read(supervisor->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
			on_stop(supervisor);
		if (info.ssi_signo == SIGUSR1)
			wake_soon(supervisor, 1);
	}
	on_child(supervisor);
}

static void on_hotplug(struct supervisor *supervisor)
{
	if (hotplug_read(supervisor->hotplug))
		wake_soon(supervisor, HOTPLUG_PAUSE_MS);
}

static void dispatch(struct supervisor *supervisor, int fd)
{
	if (fd == supervisor->signals)
		on_signal(supervisor);
	else if (fd == supervisor->wake)
		on_wake(supervisor);
	else if (fd == supervisor->deadline)
		on_deadline(supervisor);
	else if (fd == supervisor->hotplug)
		on_hotplug(supervisor);
	else if (fd == supervisor->cycle.child.facts)
		on_facts(supervisor);
}

/* ---- start ------------------------------------------------------------------------------------ */

static int open_signals(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGUSR1);
	(void)sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static bool open_all(struct supervisor *supervisor, struct fault *fault)
{
	supervisor->events = epoll_create1(EPOLL_CLOEXEC);
	supervisor->signals = open_signals();
	supervisor->wake = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	supervisor->deadline = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	supervisor->hotplug = hotplug_open();
	if (supervisor->events < 0 || supervisor->signals < 0 || supervisor->wake < 0 ||
		supervisor->deadline < 0)
		return fault_set(fault, FAULT_LATER, "cannot set up timers and signals: %s",
			strerror(errno));
	watch(supervisor, supervisor->signals);
	watch(supervisor, supervisor->wake);
	watch(supervisor, supervisor->deadline);
	if (supervisor->hotplug >= 0)
		watch(supervisor, supervisor->hotplug);
	return true;
}

static void close_all(struct supervisor *supervisor)
{
	const int fds[] = { supervisor->events, supervisor->signals, supervisor->wake,
		supervisor->deadline, supervisor->hotplug };

	for (size_t i = 0; i < COUNT_OF(fds); i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
}

static void loop(struct supervisor *supervisor)
{
	set_timer(supervisor->wake, 1);
	while (!supervisor->stopping || supervisor->cycle.child.pid != 0) {
		struct epoll_event events[EVENTS_MAX];
		int count = epoll_wait(supervisor->events, events, EVENTS_MAX, -1);

		for (int i = 0; i < count; i++)
			dispatch(supervisor, events[i].data.fd);
	}
}

/* One agent per state directory; the lock lasts as long as the process. */
static int take_state(const struct agent_settings *settings, struct fault *fault)
{
	OWNED char *path = agent_path(settings, "agent.lock");
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	fault_set(fault, FAULT_CONFLICT, "another xuqi-agent uses %s (%s: %s)", settings->state_dir,
		path, strerror(errno));
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

enum agent_exit supervisor_run(
	const struct agent_settings *settings, const char *settings_file, const char *directory)
{
	struct supervisor supervisor = { 0 };
	struct fault fault = { 0 };
	int state = take_state(settings, &fault);

	if (state < 0 || !open_all(&supervisor, &fault)) {
		log_error("agent.unstarted", LOG_FAULT(&fault));
		return AGENT_FAILED;
	}
	cycle_init(&supervisor.cycle, settings, settings_file, directory);
	log_info("agent.started", LOG_TEXT("version", XUQI_VERSION),
		LOG_TEXT("server", settings->server_url),
		LOG_TEXT("hotplug", supervisor.hotplug >= 0 ? "yes" : "no"));
	loop(&supervisor);
	close_all(&supervisor);
	(void)close(state);
	log_info("agent.stopped", LOG_NUMBER("pid", getpid()));
	return AGENT_DONE;
}
