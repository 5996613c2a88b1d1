/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a cycle as a table: program, words, deadline, and what follows. */
#include "agent/cycle.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/exits.h"
#include "agent/base/pin_file.h"
#include "common/bytes.h"
#include "common/log.h"
#include "common/text.h"

enum { POLL_SECONDS = 60, BACKOFF_DOUBLINGS_MAX = 10 };

static void after_inventory(struct cycle *cycle);
static void after_settle(struct cycle *cycle);
static void after_result(struct cycle *cycle);
static void after_poll(struct cycle *cycle);
static void after_preflight(struct cycle *cycle);
static void after_permit(struct cycle *cycle);
static void after_install(struct cycle *cycle);

struct step {
	const char *name, *program, *mode;
	size_t word;     /* offset of the text behind the mode in struct cycle; 0: none */
	size_t deadline; /* offset in struct agent_settings */
	void (*after)(struct cycle *cycle);
};

#define IN_CYCLE(member) offsetof(struct cycle, member)
#define SECONDS(member)  offsetof(struct agent_settings, member)

/* clang-format off */
static const struct step steps[] = {
	[CYCLE_INVENTORY] = { "inventory", "xuqi-agent-inventory", NULL, 0,
	                      SECONDS(inventory_seconds), after_inventory },
	[CYCLE_SETTLE]    = { "settle", "xuqi-agent-install", "settle", IN_CYCLE(mark),
	                      SECONDS(install_seconds), after_settle },
	[CYCLE_RESULT]    = { "result", "xuqi-agent-link", "result", IN_CYCLE(mark),
	                      SECONDS(link_seconds), after_result },
	[CYCLE_POLL]      = { "poll", "xuqi-agent-link", "poll", 0,
	                      SECONDS(link_seconds), after_poll },
	[CYCLE_PREFLIGHT] = { "preflight", "xuqi-agent-install", "preflight", 0,
	                      SECONDS(install_seconds), after_preflight },
	[CYCLE_PERMIT]    = { "permit", "xuqi-agent-link", "permit", IN_CYCLE(order),
	                      SECONDS(link_seconds), after_permit },
	[CYCLE_INSTALL]   = { "install", "xuqi-agent-install", "install", IN_CYCLE(permit_ref),
	                      SECONDS(install_seconds), after_install },
};

/* clang-format on */

/* ---- running a step --------------------------------------------------------------------------- */

static void end_cycle(struct cycle *cycle)
{
	cycle->step = CYCLE_IDLE;
}

static void start(struct cycle *cycle, enum cycle_step which, int pin_fd)
{
	const struct step *step = &steps[which];
	struct fault fault = { 0 };
	const struct child_request request = {
		.directory = cycle->directory,
		.program = step->program,
		.settings = cycle->settings_file,
		.words = { step->mode, step->word == 0 ? NULL : (const char *)cycle + step->word,
			pin_fd < 0 ? NULL : "3" },
		.pin_fd = pin_fd,
	};

	cycle->step = which;
	if (child_start(&cycle->child, &request, &fault))
		return;
	log_error("worker.unstarted", LOG_TEXT("step", step->name), LOG_FAULT(&fault));
	cycle->failures++;
	end_cycle(cycle);
}

static void run(struct cycle *cycle, enum cycle_step which)
{
	start(cycle, which, -1);
}

/* The PIN file is opened here and read there: no other worker ever has the descriptor. */
static void run_install(struct cycle *cycle)
{
	const struct agent_token *token = agent_settings_token(cycle->settings, cycle->serial);
	struct fault fault = { 0 };
	int fd = -1;

	if (token == NULL)
		fault_set(&fault, FAULT_HUMAN, "no stored PIN is set for token %s", cycle->serial);
	else
		fd = pin_file_open(token->pin_file, &fault);
	if (fd < 0) {
		log_error("pin.unopened", LOG_FAULT(&fault));
		end_cycle(cycle);
		return;
	}
	start(cycle, CYCLE_INSTALL, fd);
	(void)close(fd);
}

static void complain(const struct cycle *cycle)
{
	const struct step *step = &steps[cycle->step];

	if (cycle->child.killed)
		log_error("worker.killed", LOG_TEXT("step", step->name),
			LOG_NUMBER("seconds", cycle_deadline_seconds(cycle)));
	else if (cycle->child.code < 0)
		log_error("worker.crashed", LOG_TEXT("step", step->name));
}

void cycle_advance(struct cycle *cycle)
{
	complain(cycle);
	steps[cycle->step].after(cycle);
}

int64_t cycle_deadline_seconds(const struct cycle *cycle)
{
	const char *settings = (const char *)cycle->settings;
	int64_t seconds = 0;

	memcpy(&seconds, settings + steps[cycle->step].deadline, sizeof(seconds));
	return seconds;
}

/* ---- what follows ----------------------------------------------------------------------------- */

/* The first mark in the spool by name, but for BEHIND and what comes before it. */
static bool next_mark(const struct cycle *cycle, const char *behind, char out[ORDER_ID_MAX + 1])
{
	OWNED char *path = agent_path(cycle->settings, PATH_SPOOL);
	DIR *spool = opendir(path);

	out[0] = '\0';
	if (spool == NULL)
		return false;
	for (struct dirent *entry = readdir(spool); entry != NULL; entry = readdir(spool)) {
		if (!order_id_is_safe(entry->d_name) || strcmp(entry->d_name, behind) <= 0)
			continue;
		if (out[0] == '\0' || strcmp(entry->d_name, out) < 0)
			memcpy(out, entry->d_name, strlen(entry->d_name) + 1);
	}
	(void)closedir(spool);
	return out[0] != '\0';
}

/* Look after the marks behind the current one, then go on. */
static void go_on(struct cycle *cycle)
{
	char mark[ORDER_ID_MAX + 1];

	if (next_mark(cycle, cycle->mark, mark)) {
		memcpy(cycle->mark, mark, sizeof(mark));
		run(cycle, CYCLE_SETTLE);
	} else if (!cycle->order_tried) {
		run(cycle, CYCLE_POLL);
	} else {
		end_cycle(cycle);
	}
}

/* The order's attempt is over: its result is in the journal. */
static void report_order(struct cycle *cycle)
{
	cycle->order_tried = true;
	cycle->mark[0] = '\0';
	go_on(cycle);
}

static void after_inventory(struct cycle *cycle)
{
	cycle->mark[0] = '\0';
	go_on(cycle);
}

static void after_settle(struct cycle *cycle)
{
	if (cycle->child.code == AGENT_DONE)
		run(cycle, CYCLE_RESULT);
	else
		go_on(cycle);
}

static bool reached_server(struct cycle *cycle)
{
	int code = cycle->child.code;

	cycle->refused = code == AGENT_REFUSED || code == AGENT_UNENROLLED;
	if (code == AGENT_DONE)
		cycle->failures = 0;
	else if (cycle->failures < BACKOFF_DOUBLINGS_MAX)
		cycle->failures++;
	return code == AGENT_DONE;
}

static void after_result(struct cycle *cycle)
{
	/* A journal that cannot be read is not cured by waiting: the others go on. */
	if (cycle->child.code == AGENT_FAILED || reached_server(cycle))
		go_on(cycle);
	else
		end_cycle(cycle);
}

static void after_poll(struct cycle *cycle)
{
	char seconds[32];

	if (!reached_server(cycle)) {
		end_cycle(cycle);
		return;
	}
	if (child_fact(&cycle->child, "poll_seconds", seconds, sizeof(seconds)))
		(void)number_parse(
			&cycle->poll_seconds, seconds, 1, cycle->settings->poll_max_seconds);
	if (child_fact(&cycle->child, "order", cycle->order, sizeof(cycle->order)))
		run(cycle, CYCLE_PREFLIGHT);
	else
		end_cycle(cycle);
}

static void after_preflight(struct cycle *cycle)
{
	char outcome[64];

	if (child_fact(&cycle->child, "outcome", outcome, sizeof(outcome)) &&
		text_equal(outcome, "ready") &&
		child_fact(&cycle->child, "serial", cycle->serial, sizeof(cycle->serial)))
		run(cycle, CYCLE_PERMIT);
	else
		report_order(cycle);
}

static void after_permit(struct cycle *cycle)
{
	char answer[64];

	if (child_fact(&cycle->child, "permit", answer, sizeof(answer)) &&
		text_equal(answer, "granted") &&
		child_fact(
			&cycle->child, "permit_ref", cycle->permit_ref, sizeof(cycle->permit_ref)))
		run_install(cycle);
	else if (text_equal(answer, "barred"))
		report_order(cycle);
	else
		end_cycle(cycle);
}

static void after_install(struct cycle *cycle)
{
	char outcome[64];

	cycle->again = child_fact(&cycle->child, "outcome", outcome, sizeof(outcome)) &&
		text_equal(outcome, "installed");
	report_order(cycle);
}

/* ---- cycles ----------------------------------------------------------------------------------- */

void cycle_init(struct cycle *cycle, const struct agent_settings *settings,
	const char *settings_file, const char *directory)
{
	*cycle = (struct cycle){
		.settings = settings,
		.settings_file = settings_file,
		.directory = directory,
		.child = { .facts = -1 },
		.poll_seconds = POLL_SECONDS,
	};
}

void cycle_begin(struct cycle *cycle)
{
	if (cycle->step != CYCLE_IDLE)
		return;
	cycle->again = false;
	cycle->order_tried = false;
	run(cycle, CYCLE_INVENTORY);
}

int64_t cycle_pause_ms(const struct cycle *cycle)
{
	int64_t max = cycle->settings->poll_max_seconds;
	int64_t seconds = cycle->poll_seconds;

	for (int64_t i = 0; i < cycle->failures && seconds < max; i++)
		seconds *= 2;
	if (cycle->refused || seconds > max)
		seconds = max;
	return cycle->again && cycle->failures == 0 ? 0 : seconds * 1000;
}
