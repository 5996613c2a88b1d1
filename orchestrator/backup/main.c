/* SPDX-License-Identifier: Apache-2.0 */
/* xuqi-backup: what an administrator does on the orchestrator's machine, with its settings at hand.  `xuqi
 * backup` and `xuqi restore` start it. */
#include <getopt.h>
#include <stdio.h>

#include "common/log.h"
#include "common/text.h"
#include "orchestrator/backup/backup.h"
#include "orchestrator/settings.h"

static const char usage[] =
	"usage: xuqi-backup make FILE|- [--settings FILE]\n"
	"       xuqi-backup check FILE\n"
	"       xuqi-backup restore FILE [--over INSTALLATION] [--settings FILE]\n"
	"  make               keep this installation in FILE (mode 0600); xuqid may run\n"
	"  check              compare everything in FILE with its own list\n"
	"  restore            make FILE's installation this one; xuqid must be stopped\n"
	"  --over ID          replace the installation ID that is here\n"
	"  --settings FILE    the settings of xuqid\n"
	"  --version, --help\n"
	"Exit status: 0 done, 1 failed, 2 wrong usage or settings.\n";

static const struct option long_options[] = {
	{ "settings", required_argument, NULL, 's' },
	{ "over", required_argument, NULL, 'o' },
	{ "version", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

struct options {
	const char *deed, *file, *settings, *over;
	bool ends; /* --version or --help was answered */
};

static bool read_options(struct options *options, int argc, char **argv)
{
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (option == 's')
			options->settings = optarg;
		else if (option == 'o')
			options->over = optarg;
		else if (option == 'v' || option == 'h') {
			(void)fputs(
				option == 'v' ? "xuqi-backup " XUQI_VERSION "\n" : usage, stdout);
			options->ends = true;
		} else
			return false;
	}
	if (options->ends)
		return true;
	if (argc - optind != 2)
		return false;
	options->deed = argv[optind];
	options->file = argv[optind + 1];
	return options->over == NULL || text_equal(options->deed, "restore");
}

static bool read_settings(struct settings *settings, const char *file, struct fault *fault)
{
	return settings_defaults(&xuqid_settings, settings, fault) &&
		(file == NULL || settings_read(&xuqid_settings, settings, file, fault));
}

static int complain(const struct fault *fault, int status)
{
	(void)fprintf(stderr, "xuqi-backup: %s\n", fault->text);
	return status;
}

int main(int argc, char **argv)
{
	struct options options = { .deed = NULL };
	struct settings settings = { 0 };
	struct fault fault;
	bool done = false;

	log_init("xuqi-backup", LOG_LEVEL_WARN);
	if (!read_options(&options, argc, argv) ||
		(!options.ends && !text_equal(options.deed, "make") &&
			!text_equal(options.deed, "check") &&
			!text_equal(options.deed, "restore"))) {
		(void)fputs(usage, stderr);
		return 2;
	}
	if (options.ends)
		return 0;
	if (text_equal(options.deed, "check"))
		return backup_check(options.file, &fault) ? 0 : complain(&fault, 1);
	if (!read_settings(&settings, options.settings, &fault)) {
		settings_done(&xuqid_settings, &settings);
		return complain(&fault, 2);
	}
	done = text_equal(options.deed, "make")
		? backup_make(&settings, options.file, &fault)
		: backup_restore(&settings, options.file, options.over, &fault);
	settings_done(&xuqid_settings, &settings);
	return done ? 0 : complain(&fault, 1);
}
