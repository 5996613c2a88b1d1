/* SPDX-License-Identifier: Apache-2.0 */
/* The runner of the digital twin: seeds in, violations out.  A seed that fails says so and replays exactly. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/seal.h"
#include "common/text.h"
#include "tests/twin/world.h"

enum { JOBS_MAX = 16, SEEDS_MAX = 10000000, RENEWALS_MAX = 100000, SHOWN_MAX = 10 };

struct options {
	int64_t seed, seeds, renewals, jobs;
	bool trace, json, found, by_harm;
};

/* What one job tells the parent. */
struct tally {
	int64_t seeds, violations, kills, turns, first_seed;
	int64_t done, by_hand,
		again; /* renewals that were; at a CA without an interface; in a second campaign */
};

const char twin_secret[] = "twin-secret-of-the-simulated-gateway";
static char secret_path[] = "/tmp/xuqi-twin-XXXXXX";

const char *twin_secret_file(void)
{
	return secret_path;
}

static char seal_path[] = "/tmp/xuqi-twin-seal-XXXXXX";
static struct seal_keys *seals;

struct seal_keys *twin_seals(void)
{
	return seals;
}

static bool make_seals(struct fault *fault)
{
	int fd = mkstemp(seal_path);

	if (fd < 0 || close(fd) != 0 || unlink(seal_path) != 0)
		return fault_set(fault, FAULT_LATER, "%s: %s", seal_path, strerror(errno));
	if (!seal_keys_make(seal_path, fault))
		return false;
	seals = seal_keys_read(seal_path, fault);
	(void)unlink(seal_path);
	return seals != NULL;
}

static bool make_secret(void)
{
	int fd = mkstemp(secret_path);
	size_t len = strlen(twin_secret);

	return fd >= 0 && write(fd, twin_secret, len) == (ssize_t)len && close(fd) == 0;
}

/* The product's log is part of the trace. */
static bool traced;

/* NOLINTBEGIN(readability-identifier-naming): the names of the linker */
void __wrap_log_write(
	enum log_level level, const char *event, const struct log_pair *pairs, size_t count);

/* NOLINTEND(readability-identifier-naming) */

void __wrap_log_write(
	enum log_level level, const char *event, const struct log_pair *pairs, size_t count)
{
	if (!traced || level == LOG_LEVEL_DEBUG)
		return;
	(void)printf("  log %s", event);
	for (size_t i = 0; i < count; i++)
		if (pairs[i].text != NULL)
			(void)printf(" %s=%s", pairs[i].key, pairs[i].text);
		else
			(void)printf(" %s=%" PRId64, pairs[i].key, pairs[i].number);
	(void)printf("\n");
}

/* The simulator with its PKI, saved: keys are slow to make. */
static char *base_world(struct fault *fault)
{
	struct sim_options options = { .key_id = "twin",
		.secret = twin_secret,
		.secret_len = strlen(twin_secret),
		.seed = 1,
		.keys = SIM_KEYS_QUICK };
	struct sim *sim = sim_new(&options, INT64_C(1795395600) * CLOCK_SECOND, fault);
	char *text = sim != NULL ? sim_save(sim) : NULL;

	sim_free(sim);
	return text;
}

/* ---- one job ---- */

/* A share that comes to nothing would be found by nobody. */
static void count_done(const struct world *world, struct tally *tally)
{
	for (size_t i = 0; i < world->store->renewal.count; i++) {
		const struct row_renewal *renewal = store_row(world->store->renewal, renewal, i);
		bool done = strcmp(renewal->state, "done") == 0;

		tally->done += done;
		tally->by_hand += done && strcmp(renewal->ca, "manual") == 0;
		tally->again += done && renewal->id > world->options.renewals;
	}
}

static bool run_seed(
	const struct options *options, const char *base, int64_t seed, struct tally *tally)
{
	struct fault fault;
	struct world *world = world_new(&(struct world_options){ .seed = (uint64_t)seed,
						.renewals = (int)options->renewals,
						.trace = options->trace,
						.by_harm = options->by_harm },
		base, &fault);

	if (world == NULL) {
		(void)fprintf(stderr, "twin: seed %" PRId64 ": %s\n", seed, fault.text);
		return false;
	}
	world_run(world);
	count_done(world, tally);
	tally->seeds++;
	tally->kills += (int64_t)world->kills;
	tally->turns += (int64_t)clockwork_count(world->clockwork);
	tally->violations += (int64_t)world->violations;
	if (world->violations > 0 && tally->first_seed == 0)
		tally->first_seed = seed;
	if (world->violations > 0 && tally->violations < (int64_t)SHOWN_MAX * WORLD_ERRORS)
		(void)fprintf(stderr,
			"twin: seed %" PRId64 ": %" PRIu64
			" violations, first: %s\n      again: tests/twin/run --seed %" PRId64
			" --renewals %" PRId64 " --trace\n",
			seed, world->violations, world->first_violation, seed, options->renewals);
	world_free(world);
	return true;
}

static bool run_job(
	const struct options *options, const char *base, int64_t job, struct tally *tally)
{
	for (int64_t i = job; i < options->seeds; i += options->jobs) {
		if (!run_seed(options, base, options->seed + i, tally))
			return false;
		if (options->found && tally->violations > 0)
			break;
	}
	return true;
}

static bool run_child(const struct options *options, const char *base, int64_t job, int fd)
{
	struct tally tally = { 0 };

	return run_job(options, base, job, &tally) &&
		write(fd, &tally, sizeof tally) == (ssize_t)sizeof tally;
}

static void add(struct tally *sum, const struct tally *part)
{
	sum->seeds += part->seeds;
	sum->violations += part->violations;
	sum->kills += part->kills;
	sum->done += part->done;
	sum->by_hand += part->by_hand;
	sum->again += part->again;
	sum->turns += part->turns;
	if (part->first_seed != 0 && (sum->first_seed == 0 || part->first_seed < sum->first_seed))
		sum->first_seed = part->first_seed;
}

static bool collect(pid_t child, int fd, struct tally *sum)
{
	struct tally part;
	int status = 0;
	bool read_all = read(fd, &part, sizeof part) == (ssize_t)sizeof part;

	(void)close(fd);
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0 ||
		!read_all)
		return false;
	add(sum, &part);
	return true;
}

static bool run_jobs(const struct options *options, const char *base, struct tally *sum)
{
	pid_t children[JOBS_MAX];
	int pipes[JOBS_MAX][2];
	bool well = true;

	for (int64_t job = 0; job < options->jobs; job++) {
		if (pipe(pipes[job]) != 0)
			return false;
		children[job] = fork();
		if (children[job] == 0)
			_exit(run_child(options, base, job, pipes[job][1]) ? 0 : 1);
		(void)close(pipes[job][1]);
		if (children[job] < 0)
			return false;
	}
	for (int64_t job = 0; job < options->jobs; job++)
		well &= collect(children[job], pipes[job][0], sum);
	return well;
}

/* ---- the program ---- */

static const char usage[] =
	"usage: xuqi-twin [--seed N] [--seeds COUNT] [--renewals N] [--jobs N] [--trace] [--json] [--until-found] [--by-harm]\n"
	"  --seed N        the first seed (1)\n"
	"  --seeds COUNT   so many seeds from there (1)\n"
	"  --renewals N    of each world (100)\n"
	"  --jobs N        processes (1)\n"
	"  --trace         write every event; the same seed gives the same bytes\n"
	"  --until-found   stop at the first violation (a positive control): then exit status 0 means found\n"
	"  --by-harm       do not look at leases themselves, only at what a lost one does\n"
	"  --json          end with one JSON object\n"
	"Exit status: 0 nothing violated, 1 something was, 2 wrong usage, 3 the twin itself failed.\n";

static const struct option long_options[] = {
	{ "seed", required_argument, NULL, 's' },
	{ "seeds", required_argument, NULL, 'c' },
	{ "renewals", required_argument, NULL, 'r' },
	{ "jobs", required_argument, NULL, 'j' },
	{ "trace", no_argument, NULL, 't' },
	{ "json", no_argument, NULL, 'o' },
	{ "until-found", no_argument, NULL, 'f' },
	{ "by-harm", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static bool read_option(struct options *options, int option, const char *value)
{
	switch (option) {
	case 's':
		return number_parse(&options->seed, value, 1, INT64_MAX / 2);
	case 'c':
		return number_parse(&options->seeds, value, 1, SEEDS_MAX);
	case 'r':
		return number_parse(&options->renewals, value, 1, RENEWALS_MAX);
	case 'j':
		return number_parse(&options->jobs, value, 1, JOBS_MAX);
	case 't':
		return options->trace = true;
	case 'o':
		return options->json = true;
	case 'f':
		return options->found = true;
	case 'h':
		return options->by_harm = true;
	default:
		return false;
	}
}

static bool read_options(struct options *options, int argc, char **argv)
{
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		if (!read_option(options, option, optarg))
			return false;
	return optind == argc;
}

static void report(const struct options *options, const struct tally *sum, double seconds)
{
	(void)printf("twin: %" PRId64 " seeds of %" PRId64 " renewals in %.1f s: %" PRId64
		     " turns, %" PRId64 " kills; done %" PRId64 ", by hand %" PRId64
		     ", again %" PRId64 "; %" PRId64 " violations\n",
		sum->seeds, options->renewals, seconds, sum->turns, sum->kills, sum->done,
		sum->by_hand, sum->again, sum->violations);
	if (options->json)
		(void)printf("{\"renewals\":%" PRId64 ",\"seeds\":%" PRId64
			     ",\"violations\":%" PRId64 ",\"kills\":%" PRId64 ",\"turns\":%" PRId64
			     ",\"first_seed\":%" PRId64 ",\"seconds\":%.1f}\n",
			options->renewals, sum->seeds, sum->violations, sum->kills, sum->turns,
			sum->first_seed, seconds);
}

/* NOLINTNEXTLINE(readability-identifier-naming): the name of the linker */
int64_t __real_clock_monotonic_ms(void);

static int run(const struct options *options)
{
	struct tally sum = { 0 };
	struct fault fault;
	int64_t began = __real_clock_monotonic_ms();
	OWNED char *base = base_world(&fault);
	bool well;

	if (base == NULL || !make_seals(&fault)) {
		(void)fprintf(stderr, "twin: %s\n", fault.text);
		return 3;
	}
	well = options->jobs == 1 ? run_job(options, base, 0, &sum) : run_jobs(options, base, &sum);
	if (!well) {
		(void)fprintf(stderr, "twin: a job ended badly\n");
		return 3;
	}
	if (!options->trace || options->json)
		report(options, &sum, (double)(__real_clock_monotonic_ms() - began) / 1000.0);
	return (sum.violations > 0) != options->found ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct options options = { .seed = 1, .seeds = 1, .renewals = 100, .jobs = 1 };
	int status;

	if (!read_options(&options, argc, argv) || (options.trace && options.jobs > 1)) {
		(void)fputs(usage, stderr);
		return 2;
	}
	pool_begin();
	if (!make_secret()) {
		(void)fprintf(stderr, "twin: %s: %s\n", secret_path, strerror(errno));
		return 3;
	}
	traced = options.trace;
	status = run(&options);
	(void)unlink(secret_path);
	seal_keys_free(seals);
	return status;
}
