/* SPDX-License-Identifier: Apache-2.0 */
/* xuqi-agent: command line, and what a person does by hand: enrol, lift a PIN bar, check settings. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/exits.h"
#include "agent/base/ledger.h"
#include "agent/base/paths.h"
#include "agent/supervisor.h"
#include "common/file.h"
#include "common/log.h"
#include "common/text.h"

static const char usage[] =
	"usage: xuqi-agent --settings FILE [--check | --print-settings]\n"
	"       xuqi-agent enrol --settings FILE --code-file FILE [--replace]\n"
	"       xuqi-agent pin clear --settings FILE --serial SERIAL\n"
	"       xuqi-agent --version | --help\n"
	"\n"
	"Reports the tokens plugged into this workstation and installs renewed certificates.\n"
	"\n"
	"  --settings FILE   YAML; a commented example is deploy/xuqi-agent.yaml\n"
	"  --check           check the settings and what they name, then end\n"
	"  --print-settings  print the effective settings with their defaults\n"
	"  enrol             get an identity with a one-time code (xuqi agent enrol-code),\n"
	"                    which is read from a file; --replace for a revoked or lost one\n"
	"  pin clear         allow stored-PIN logins to a token again, after a person has\n"
	"                    looked into why one failed\n"
	"\n"
	"SIGUSR1 polls now, SIGTERM ends after an install under way.\n"
	"Exit codes: 0 done, 1 failed, 2 command line or settings, 3 not enrolled,\n"
	"10 try again later, 11 refused by the server.\n";

struct options {
	const char *settings, *code_file, *serial;
	bool enrol, pin, clear, replace, check, print, version, help;
};

struct flag {
	const char *word;
	size_t place;
};

struct value {
	const char *word;
	size_t place;
};

#define PLACE(member) offsetof(struct options, member)

static const struct flag flags[] = {
	{ "enrol", PLACE(enrol) },
	{ "pin", PLACE(pin) },
	{ "clear", PLACE(clear) },
	{ "--replace", PLACE(replace) },
	{ "--check", PLACE(check) },
	{ "--print-settings", PLACE(print) },
	{ "--version", PLACE(version) },
	{ "--help", PLACE(help) },
};

static const struct value values[] = {
	{ "--settings", PLACE(settings) },
	{ "--code-file", PLACE(code_file) },
	{ "--serial", PLACE(serial) },
};

static bool take_flag(struct options *options, const char *word)
{
	for (size_t i = 0; i < COUNT_OF(flags); i++)
		if (text_equal(flags[i].word, word)) {
			*(bool *)((char *)options + flags[i].place) = true;
			return true;
		}
	return false;
}

static bool take_value(struct options *options, const char *word, const char *value)
{
	for (size_t i = 0; i < COUNT_OF(values) && value != NULL; i++)
		if (text_equal(values[i].word, word)) {
			*(const char **)(void *)((char *)options + values[i].place) = value;
			return true;
		}
	return false;
}

static bool read_options(struct options *options, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (take_flag(options, argv[i]))
			continue;
		if (!take_value(options, argv[i], argv[i + 1])) {
			(void)fprintf(stderr, "xuqi-agent: %s is not understood\n", argv[i]);
			return false;
		}
		i++;
	}
	if (options->help || options->version)
		return true;
	return options->settings != NULL && options->pin == options->clear &&
		options->pin == (options->serial != NULL) &&
		options->enrol == (options->code_file != NULL) && !(options->enrol && options->pin);
}

/* ---- where the workers are -------------------------------------------------------------------- */

static bool has_workers(const char *directory)
{
	OWNED char *link = file_join(directory, "xuqi-agent-link");

	return access(link, X_OK) == 0;
}

/* libexec_dir, or beside this program, or ../libexec/xuqi from it. */
static char *worker_directory(const struct agent_settings *settings)
{
	char self[4096];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash = NULL;

	if (settings->libexec_dir[0] != '\0' || len <= 0)
		return text_dup(settings->libexec_dir);
	self[len] = '\0';
	slash = strrchr(self, '/');
	if (slash != NULL)
		*slash = '\0';
	return has_workers(self) ? text_dup(self) : text_dupf("%s/../libexec/xuqi", self);
}

/* ---- commands --------------------------------------------------------------------------------- */

static enum agent_exit enrol(
	const struct agent_settings *settings, const struct options *options, const char *directory)
{
	OWNED char *program = file_join(directory, "xuqi-agent-link");
	OWNED char *settings_file = text_dup(options->settings);
	OWNED char *code_file = text_dup(options->code_file);
	char option[] = "--settings";
	char mode[] = "enrol";
	char replace[] = "replace";
	char *arguments[] = { program, option, settings_file, mode, code_file,
		options->replace ? replace : NULL, NULL };
	struct fault fault = { 0 };

	if (agent_make_dirs(settings, &fault)) {
		(void)execv(program, arguments);
		fault_set(&fault, FAULT_HUMAN, "cannot start %s: check libexec_dir", program);
	}
	log_error("enrol.failed", LOG_FAULT(&fault));
	return AGENT_FAILED;
}

static enum agent_exit clear_pin(
	const struct agent_settings *settings, const struct options *options)
{
	struct fault fault = { 0 };
	OWNED char *by = text_dupf("uid %u", (unsigned)getuid());

	if (!agent_make_dirs(settings, &fault) ||
		!ledger_clear(settings, options->serial, by, &fault)) {
		log_error("pin.uncleared", LOG_FAULT(&fault));
		return AGENT_FAILED;
	}
	log_info("pin.cleared", LOG_TEXT("token", options->serial), LOG_TEXT("by", by));
	(void)printf(
		"Stored-PIN logins to token %s are allowed again on this workstation.\n"
		"The orchestrator keeps its own bar until the task about this token is done.\n",
		options->serial);
	return AGENT_DONE;
}

static enum agent_exit serve(
	const struct agent_settings *settings, const struct options *options, const char *directory)
{
	OWNED char *identity = agent_path(settings, PATH_IDENTITY);
	struct fault fault = { 0 };

	if (!agent_make_dirs(settings, &fault)) {
		log_error("agent.unstarted", LOG_FAULT(&fault));
		return AGENT_FAILED;
	}
	if (access(identity, R_OK) != 0) {
		(void)fprintf(stderr,
			"xuqi-agent: not enrolled (no %s): ask the operator for a code (xuqi agent "
			"enrol-code) and run\n  xuqi-agent enrol --settings %s --code-file FILE\n",
			identity, options->settings);
		return AGENT_UNENROLLED;
	}
	return supervisor_run(settings, options->settings, directory);
}

static enum agent_exit obey(const struct agent_settings *settings, const struct options *options)
{
	OWNED char *directory = worker_directory(settings);

	if (options->enrol)
		return enrol(settings, options, directory);
	if (options->pin)
		return clear_pin(settings, options);
	if (!options->check)
		return serve(settings, options, directory);
	if (!has_workers(directory)) {
		(void)fprintf(stderr, "xuqi-agent: no workers in %s: set libexec_dir\n", directory);
		return AGENT_SETTINGS;
	}
	(void)printf("%s: the settings are good\n", options->settings);
	return AGENT_DONE;
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	CLEANUP(agent_settings_done) struct agent_settings settings = { 0 };
	struct fault fault = { 0 };

	log_init("xuqi-agent", LOG_LEVEL_INFO);
	(void)umask(077);
	if (!read_options(&options, argc, argv)) {
		(void)fputs(usage, stderr);
		return AGENT_SETTINGS;
	}
	if (options.help || options.version) {
		(void)fputs(options.help ? usage : "xuqi-agent " XUQI_VERSION "\n", stdout);
		return AGENT_DONE;
	}
	if (!agent_settings_read(&settings, options.settings, &fault) ||
		(!options.print && !agent_settings_check(&settings, &fault))) {
		(void)fprintf(stderr, "xuqi-agent: %s\n", fault.text);
		return AGENT_SETTINGS;
	}
	if (options.print) {
		agent_settings_print(&settings, stdout);
		return AGENT_DONE;
	}
	return (int)obey(&settings, &options);
}
