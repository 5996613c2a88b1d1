/* SPDX-License-Identifier: Apache-2.0 */
/* xuqid: wiring, start order, signals, shutdown; no logic.  The order is database, schema, keys, listeners,
 * sweep; the stop is the reverse, after what is under way has ended. */
#include <event2/event.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"
#include "common/seal.h"
#include "common/text.h"
#include "orchestrator/api/api.h"
#include "orchestrator/connectors/manual.h"
#include "orchestrator/flows/agent_ca.h"
#include "orchestrator/flows/app.h"
#include "orchestrator/flows/ca_watch.h"
#include "orchestrator/flows/keyring.h"
#include "orchestrator/flows/migrating.h"
#include "orchestrator/flows/noticing.h"
#include "orchestrator/flows/notifying.h"
#include "orchestrator/flows/office_calendar.h"
#include "orchestrator/flows/pacing.h"
#include "orchestrator/flows/privacy_watch.h"
#include "orchestrator/flows/reaping.h"
#include "orchestrator/flows/reconciling.h"
#include "orchestrator/flows/resealing.h"
#include "orchestrator/flows/sets.h"
#include "orchestrator/flows/starting.h"
#include "orchestrator/flows/sweep.h"
#include "orchestrator/flows/tending.h"
#include "orchestrator/loop/cluster.h"
#include "orchestrator/loop/db.h"
#include "orchestrator/loop/inbound.h"
#include "orchestrator/loop/outbound.h"
#include "orchestrator/settings.h"

enum {
	STATE_MODE = 0755,
	QUEUE_MAX = 10000,
	OUTBOUND_TIMEOUT_MS = 30000,
	STOP_MS = 10000,
	STOP_LOOK_US = 50000,
	MEND_SECONDS = 2
};

struct daemon {
	struct app app;
	struct cluster cluster;
	bool embedded, migrate_only, failed;
	struct ca_watch *watches[CONNECTORS_MAX];
	struct tending *tending;
	struct reconciling *reconciling;
	struct notifying *notifying;
	struct reaping *reaping;
	struct event *on_term, *on_int, *stop_timer, *mend_timer;
	int64_t stop_deadline_ms;
};

static struct daemon the_daemon; /* one per process; the callbacks of flows carry &the_daemon.app */

static struct daemon *daemon_of(struct app *app)
{
	return CONTAINER_OF(app, struct daemon, app);
}

/* ---- stopping ---- */

static void stop_look(int fd, short what, void *context)
{
	struct daemon *self = context;
	struct timeval soon = { .tv_usec = STOP_LOOK_US };

	(void)fd;
	(void)what;
	unsigned open = flow_engine_running(self->app.engine);
	if (self->app.people != NULL)
		open += inbound_open_requests(self->app.people);
	if (self->app.agents != NULL)
		open += inbound_open_requests(self->app.agents);
	if (open == 0 || clock_monotonic_ms() > self->stop_deadline_ms)
		(void)event_base_loopbreak(self->app.base);
	else
		(void)event_add(self->stop_timer, &soon);
}

static void daemon_stop(struct daemon *self)
{
	if (self->app.stopping)
		return;
	self->app.stopping = true;
	self->stop_deadline_ms = clock_monotonic_ms() + STOP_MS;
	if (self->app.people != NULL)
		inbound_stop(self->app.people);
	if (self->app.agents != NULL)
		inbound_stop(self->app.agents);
	if (self->app.sweep != NULL)
		sweep_stop(self->app.sweep);
	if (self->tending != NULL)
		tending_stop(self->tending);
	if (self->reconciling != NULL)
		reconciling_stop(self->reconciling);
	if (self->notifying != NULL)
		notifying_stop(self->notifying);
	if (self->reaping != NULL)
		reaping_stop(self->reaping);
	for (size_t i = 0; i < COUNT_OF(self->watches); i++)
		if (self->watches[i] != NULL)
			ca_watch_stop(self->watches[i]);
	if (self->app.privacy != NULL)
		privacy_watch_stop(self->app.privacy);
	(void)event_add(self->stop_timer, &(struct timeval){ 0 });
}

static void on_signal(int signal_number, short what, void *context)
{
	(void)what;
	log_info("xuqid.stopping", LOG_NUMBER("signal", signal_number));
	daemon_stop(context);
}

static void daemon_fail(struct daemon *self, const struct fault *fault)
{
	log_error("xuqid.failed", LOG_FAULT(fault));
	(void)fprintf(stderr, "xuqid: %s\n", fault->text);
	self->failed = true;
	daemon_stop(self);
}

/* ---- the embedded server dies ---- */

static void mend_look(int fd, short what, void *context)
{
	struct daemon *self = context;
	struct fault fault;

	(void)fd;
	(void)what;
	if (self->app.stopping)
		return;
	if (!db_is_up(self->app.db) && !cluster_mend(&self->cluster, &fault))
		daemon_fail(self, &fault);
	else
		(void)event_add(self->mend_timer, &(struct timeval){ .tv_sec = MEND_SECONDS });
}

static void watch_cluster(struct daemon *self)
{
	self->mend_timer = event_new(self->app.base, -1, 0, mend_look, self);
	if (self->mend_timer != NULL)
		(void)event_add(self->mend_timer, &(struct timeval){ .tv_sec = MEND_SECONDS });
}

/* ---- starting ---- */

static struct inbound *listen_on(
	struct daemon *self, const struct inbound_options *address, struct fault *fault)
{
	const struct settings *settings = &self->app.settings;
	struct inbound_options options = *address;

	options.context = &self->app;
	options.header_max = (size_t)settings->header_bytes;
	options.connections_max = (unsigned)settings->connections;
	options.connections_per_address = (unsigned)settings->connections_per_address;
	options.request_deadline_s = (unsigned)settings->request_seconds;
	return inbound_new(self->app.base, &options, fault);
}

static bool listen_to_people(struct daemon *self, struct fault *fault)
{
	const struct settings *settings = &self->app.settings;
	bool tls = settings->people_cert_file[0] != '\0';

	self->app.people = listen_on(self,
		&(struct inbound_options){ .address = settings->people_address,
			.port = (unsigned)settings->people_port,
			.routes = people_routes,
			.route_count = people_route_count,
			.cert_file = tls ? settings->people_cert_file : NULL,
			.key_file = tls ? settings->people_key_file : NULL },
		fault);
	return self->app.people != NULL || fault_prefix(fault, "people");
}

static bool listen_to_agents(struct daemon *self, struct fault *fault)
{
	const struct settings *settings = &self->app.settings;

	self->app.agents = listen_on(self,
		&(struct inbound_options){ .address = settings->agents_address,
			.port = (unsigned)settings->agents_port,
			.routes = agent_routes,
			.route_count = agent_route_count,
			.cert_file = agent_ca_cert_file(self->app.agent_ca),
			.key_file = agent_ca_key_file(self->app.agent_ca),
			.ca_file = agent_ca_ca_file(self->app.agent_ca) },
		fault);
	return self->app.agents != NULL || fault_prefix(fault, "agents");
}

/* What the CAs say of themselves; one that cannot be asked is described by people. */
static void watch_cas(struct daemon *self)
{
	struct connectors *connectors = &self->app.connectors;

	for (size_t i = 0; i < connectors->count; i++)
		if (connector_op(connectors->list[i], CONNECTOR_META)->offered)
			self->watches[i] = ca_watch_new(&self->app, connectors->list[i]);
}

static bool open_for_work(struct daemon *self, struct fault *fault)
{
	const struct settings *settings = &self->app.settings;

	self->app.agent_ca = agent_ca_open(settings->state_dir, settings->agents_names, fault);
	if (self->app.agent_ca == NULL || !listen_to_people(self, fault) ||
		!listen_to_agents(self, fault))
		return false;
	self->app.pacing = pacing_new(&self->app);
	self->app.sweep = sweep_new(&self->app, fault);
	self->tending = self->app.sweep != NULL ? tending_new(&self->app, fault) : NULL;
	self->notifying = self->tending != NULL ? notifying_new(&self->app, fault) : NULL;
	if (self->notifying == NULL)
		return false;
	self->reaping = reaping_new(&self->app);
	self->reconciling = reconciling_new(&self->app);
	watch_cas(self);
	(void)privacy_watch_new(&self->app);
	return true;
}

static void on_started(struct app *app, const struct fault *failed)
{
	struct daemon *self = daemon_of(app);
	const char *scheme = app->settings.people_cert_file[0] != '\0' ? "https" : "http";
	struct fault fault;

	if (failed != NULL) {
		daemon_fail(self, failed);
		return;
	}
	if (!open_for_work(self, &fault)) {
		daemon_fail(self, &fault);
		return;
	}
	app->migrated = true;
	if (self->embedded)
		watch_cluster(self);
	(void)printf("ready people=%s://%s:%u agents=https://%s:%u\n", scheme,
		app->settings.people_address, inbound_port(app->people),
		app->settings.agents_address, inbound_port(app->agents));
	(void)fflush(stdout);
	log_info("xuqid.ready", LOG_NUMBER("people_port", inbound_port(app->people)),
		LOG_NUMBER("agents_port", inbound_port(app->agents)),
		LOG_NUMBER("adopted", self->cluster.adopted));
}

static void on_sealed(struct app *app, const struct fault *failed)
{
	struct daemon *self = daemon_of(app);
	struct fault fault;

	if (failed != NULL)
		daemon_fail(self, failed);
	else if (!starting_start(app, self->embedded, on_started, &fault))
		daemon_fail(self, &fault);
}

static void on_keyed(struct app *app, const struct fault *failed)
{
	struct daemon *self = daemon_of(app);
	struct fault fault;

	if (failed != NULL)
		daemon_fail(self, failed);
	else if (!resealing_start(app, true, on_sealed, &fault))
		daemon_fail(self, &fault);
}

static void on_migrated(struct app *app, const struct fault *failed)
{
	struct daemon *self = daemon_of(app);
	struct fault fault;

	if (failed != NULL)
		daemon_fail(self, failed);
	else if (self->migrate_only)
		daemon_stop(self);
	else if (!keyring_start(app, on_keyed, &fault))
		daemon_fail(self, &fault);
}

static bool open_database(struct daemon *self, struct fault *fault)
{
	const struct settings *settings = &self->app.settings;

	self->embedded = settings->database_url[0] == '\0';
	if (self->embedded &&
		!cluster_start(&self->cluster, settings->state_dir, settings->database_user, fault))
		return false;
	self->app.db = db_new(self->app.base,
		&(struct db_options){ .conninfo = self->embedded ? self->cluster.conninfo
								 : settings->database_url,
			.connections = (unsigned)settings->database_connections,
			.queue_max = QUEUE_MAX,
			.statement_timeout_ms = (unsigned)settings->database_timeout_ms },
		fault);
	return self->app.db != NULL && sets_open(&self->app, fault);
}

static bool take_notices(struct daemon *self, struct fault *fault)
{
	const char *file = self->app.settings.gateway_webhook_secret_file;

	if (file[0] == '\0')
		return true;
	self->app.noticing = noticing_new(&self->app, file, fault);
	return self->app.noticing != NULL;
}

static bool open_outside(struct daemon *self, struct fault *fault)
{
	const struct settings *settings = &self->app.settings;

	self->app.outbound = outbound_new(self->app.base,
		&(struct outbound_options){ .timeout_ms = OUTBOUND_TIMEOUT_MS }, fault);
	if (self->app.outbound == NULL)
		return false;
	(void)connectors_add(&self->app.connectors,
		manual_new(&(struct manual_options){ .payee_name = settings->payee_name }));
	if (settings->gateway_url[0] == '\0')
		return true;

	struct connector *gateway = gateway_new(self->app.outbound,
		&(struct gateway_options){ .url = settings->gateway_url,
			.ca_file = settings->gateway_ca_file,
			.key_id = settings->gateway_key_id,
			.secret_file = settings->gateway_secret_file,
			.timeout_ms = (unsigned)settings->gateway_timeout_ms },
		fault);

	return gateway != NULL && connectors_add(&self->app.connectors, gateway) &&
		take_notices(self, fault);
}

static void warn_of_gap(const struct calendar *calendar)
{
	OWNED char *gap = office_calendar_gap(calendar, clock_now());

	if (gap != NULL)
		log_warn("calendar.unknown_year", LOG_TEXT("text", gap),
			LOG_TEXT("remedy", OFFICE_CALENDAR_REMEDY));
}

static bool daemon_start(struct daemon *self, struct fault *fault)
{
	const struct settings *settings = &self->app.settings;

	if (!file_make_dirs(settings->state_dir, STATE_MODE, fault))
		return false;
	self->app.calendar =
		office_calendar_read(settings->calendar_dir, settings->calendar_override, fault);
	if (self->app.calendar == NULL)
		return false;
	warn_of_gap(self->app.calendar);
	self->app.base = event_base_new();
	if (self->app.base == NULL)
		return fault_set(fault, FAULT_LATER, "no event loop: out of memory or descriptors");
	self->on_term = evsignal_new(self->app.base, SIGTERM, on_signal, self);
	self->on_int = evsignal_new(self->app.base, SIGINT, on_signal, self);
	self->stop_timer = event_new(self->app.base, -1, 0, stop_look, self);
	(void)event_add(self->on_term, NULL);
	(void)event_add(self->on_int, NULL);
	self->app.engine = flow_engine_new(self->app.base, fault);
	return self->app.engine != NULL && open_outside(self, fault) &&
		open_database(self, fault) && migrating_start(&self->app, on_migrated, fault);
}

static void daemon_free(struct daemon *self)
{
	struct app *app = &self->app;

	/* flows that outlived the stop end first, for they use all that follows */
	outbound_free(app->outbound);
	db_free(app->db);
	sets_close(app);
	flow_engine_free(app->engine);
	pacing_free(app->pacing);
	inbound_free(app->people);
	inbound_free(app->agents);
	sweep_free(app->sweep);
	tending_free(self->tending);
	reconciling_free(self->reconciling);
	notifying_free(self->notifying);
	reaping_free(self->reaping);
	for (size_t i = 0; i < COUNT_OF(self->watches); i++)
		ca_watch_free(self->watches[i]);
	privacy_watch_free(app->privacy);
	connectors_free(&app->connectors);
	noticing_free(app->noticing);
	agent_ca_free(app->agent_ca);
	calendar_free(app->calendar);
	seal_keys_free(app->seals);
	if (self->mend_timer != NULL)
		event_free(self->mend_timer);
	if (self->stop_timer != NULL) {
		event_free(self->on_term);
		event_free(self->on_int);
		event_free(self->stop_timer);
	}
	if (app->base != NULL)
		event_base_free(app->base);
	if (self->embedded)
		cluster_stop(&self->cluster);
	settings_done(&xuqid_settings, &app->settings);
}

/* ---- options ---- */

enum mode { MODE_RUN, MODE_PRINT, MODE_CHECK };

static const char usage[] =
	"usage: xuqid [--settings FILE] [--check | --print-settings | --migrate]\n"
	"  --settings FILE    read settings over the defaults\n"
	"  --check            read the settings, say whether they are right, end\n"
	"  --print-settings   print the effective settings with their meaning as YAML, end\n"
	"  --migrate          bring the database to this version's schema, end\n"
	"  --version, --help\n"
	"Exit status: 0 ended as asked, 1 failed, 2 wrong usage or settings.\n";

static const struct option long_options[] = {
	{ "settings", required_argument, NULL, 's' },
	{ "check", no_argument, NULL, 'c' },
	{ "print-settings", no_argument, NULL, 'p' },
	{ "migrate", no_argument, NULL, 'm' },
	{ "version", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

struct options {
	enum mode mode;
	const char *settings;
	bool migrate, ends; /* ends: --version or --help was answered */
};

static bool read_options(struct options *options, int argc, char **argv)
{
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (option == 's')
			options->settings = optarg;
		else if (option == 'c')
			options->mode = MODE_CHECK;
		else if (option == 'p')
			options->mode = MODE_PRINT;
		else if (option == 'm')
			options->migrate = true;
		else if (option == 'v' || option == 'h') {
			(void)fputs(option == 'v' ? "xuqid " XUQI_VERSION "\n" : usage, stdout);
			options->ends = true;
		} else
			return false;
	}
	return optind == argc;
}

static bool read_settings(struct daemon *self, const char *file, struct fault *fault)
{
	enum log_level level;
	struct settings *settings = &self->app.settings;

	if (!settings_defaults(&xuqid_settings, settings, fault))
		return false;
	if (file != NULL && !settings_read(&xuqid_settings, settings, file, fault))
		return false;
	if (log_level_parse(&level, settings->log_level))
		log_init("xuqid", level);
	return true;
}

static int daemon_run(struct daemon *self)
{
	struct fault fault;

	(void)signal(SIGPIPE, SIG_IGN);
	if (!daemon_start(self, &fault)) {
		(void)fprintf(stderr, "xuqid: %s\n", fault.text);
		daemon_free(self);
		return 1;
	}
	(void)event_base_dispatch(self->app.base);
	unsigned unfinished = flow_engine_running(self->app.engine);
	bool failed = self->failed;

	log_info("xuqid.stopped", LOG_NUMBER("unfinished", unfinished));
	if (unfinished >
		0) { /* a CA that does not answer: what is under way is asked about after the next start */
		cluster_stop(&self->cluster);
		_exit(failed ? 1 : 0);
	}

	daemon_free(self);
	return failed ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct options options = { .mode = MODE_RUN };
	struct fault fault;

	if (!read_options(&options, argc, argv)) {
		(void)fputs(usage, stderr);
		return 2;
	}
	if (options.ends)
		return 0;
	the_daemon.migrate_only = options.migrate;
	if (!read_settings(&the_daemon, options.settings, &fault)) {
		(void)fprintf(stderr, "xuqid: %s\n", fault.text);
		settings_done(&xuqid_settings, &the_daemon.app.settings);
		return 2;
	}
	if (options.mode == MODE_PRINT)
		settings_print(&xuqid_settings, &the_daemon.app.settings, stdout);
	else if (!xuqid_settings_fit(&the_daemon.app.settings, &fault)) {
		(void)fprintf(stderr, "xuqid: %s\n", fault.text);
		settings_done(&xuqid_settings, &the_daemon.app.settings);
		return 2;
	}
	if (options.mode == MODE_RUN)
		return daemon_run(&the_daemon);
	if (options.mode == MODE_CHECK)
		(void)printf("the settings are right\n");
	settings_done(&xuqid_settings, &the_daemon.app.settings);
	return 0;
}
