/* SPDX-License-Identifier: Apache-2.0 */
/* xuqi-sim: the simulated CA, its bank and a phone.  Reads options, loads or makes the state, listens,
 * and ends on SIGTERM or SIGINT.  The only reader of the wall clock in this folder. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"
#include "common/secret.h"
#include "common/text.h"
#include "tests/simulator/sim_http.h"
#include "tests/simulator/sim_tls.h"

struct options {
	const char *state, *key_id, *secret_file, *tls_cert, *tls_key;
	int64_t gateway_port, control_port, seed;
	enum sim_keys keys;
	bool plain;
};

static const char help[] =
	"usage: xuqi-sim --state DIR --key-id ID --secret-file FILE [options]\n"
	"\n"
	"The reference server of schema/gateway.yaml (a CA that really issues certificates), with a\n"
	"bank and a phone, on 127.0.0.1. For tests and demonstrations only.\n"
	"\n"
	"  --state DIR          where everything persists (made if missing)\n"
	"  --key-id ID          the client's key id\n"
	"  --secret-file FILE   its secret, readable by its owner only\n"
	"  --gateway-port N     the contract's port; 0 (default): any free one\n"
	"  --control-port N     the control interface's port, plain HTTP; 0: any free one\n"
	"  --seed N             of a fresh state: names, serial numbers, bank traffic (default 1)\n"
	"  --keys full|quick|none    of a fresh state: RSA and EC authorities (default), P-256 alone, or\n"
	"                       certificates on paper, without X.509\n"
	"  --tls-cert F --tls-key F   the gateway's TLS identity; default DIR/tls.pem, self-signed\n"
	"  --plain              the gateway without TLS\n"
	"\n"
	"Prints `ready gateway=URL control=URL ca=FILE` once it listens; ends on SIGTERM.\n";

enum {
	OPTION_STATE = 1000,
	OPTION_KEY_ID,
	OPTION_SECRET_FILE,
	OPTION_GATEWAY_PORT,
	OPTION_CONTROL_PORT,
	OPTION_SEED,
	OPTION_KEYS,
	OPTION_TLS_CERT,
	OPTION_TLS_KEY,
	OPTION_PLAIN,
	OPTION_HELP
};

static const struct option long_options[] = {
	{ "state", required_argument, NULL, OPTION_STATE },
	{ "key-id", required_argument, NULL, OPTION_KEY_ID },
	{ "secret-file", required_argument, NULL, OPTION_SECRET_FILE },
	{ "gateway-port", required_argument, NULL, OPTION_GATEWAY_PORT },
	{ "control-port", required_argument, NULL, OPTION_CONTROL_PORT },
	{ "seed", required_argument, NULL, OPTION_SEED },
	{ "keys", required_argument, NULL, OPTION_KEYS },
	{ "tls-cert", required_argument, NULL, OPTION_TLS_CERT },
	{ "tls-key", required_argument, NULL, OPTION_TLS_KEY },
	{ "plain", no_argument, NULL, OPTION_PLAIN },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ NULL, 0, NULL, 0 },
};

static bool keys_parse(enum sim_keys *keys, const char *word)
{
	static const char *const words[] = {
		[SIM_KEYS_FULL] = "full", [SIM_KEYS_QUICK] = "quick", [SIM_KEYS_NONE] = "none"
	};

	for (size_t i = 0; i < COUNT_OF(words); i++) {
		if (!text_equal(words[i], word))
			continue;
		*keys = (enum sim_keys)i;
		return true;
	}
	return false;
}

static bool set_option(struct options *options, int which)
{
	switch (which) {
	case OPTION_STATE:
		options->state = optarg;
		return true;
	case OPTION_KEY_ID:
		options->key_id = optarg;
		return true;
	case OPTION_SECRET_FILE:
		options->secret_file = optarg;
		return true;
	case OPTION_TLS_CERT:
		options->tls_cert = optarg;
		return true;
	case OPTION_TLS_KEY:
		options->tls_key = optarg;
		return true;
	case OPTION_PLAIN:
		options->plain = true;
		return true;
	case OPTION_GATEWAY_PORT:
		return number_parse(&options->gateway_port, optarg, 0, 65535);
	case OPTION_CONTROL_PORT:
		return number_parse(&options->control_port, optarg, 0, 65535);
	case OPTION_KEYS:
		return keys_parse(&options->keys, optarg);
	case OPTION_SEED:
		return number_parse(&options->seed, optarg, 0, INT64_MAX);
	default:
		return false;
	}
}

/* 0: go on; otherwise the exit status plus one. */
static int read_options(struct options *options, int argc, char **argv)
{
	int which;

	while ((which = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (which == OPTION_HELP) {
			(void)fputs(help, stdout);
			return 1;
		}
		if (!set_option(options, which)) {
			(void)fprintf(
				stderr, "xuqi-sim: an option is unknown or wrong; see --help\n");
			return 3;
		}
	}
	if (optind == argc && options->state != NULL && options->key_id != NULL &&
		options->secret_file != NULL &&
		(options->tls_cert == NULL) == (options->tls_key == NULL))
		return 0;
	(void)fprintf(stderr,
		"xuqi-sim: --state, --key-id and --secret-file are needed; --tls-cert and "
		"--tls-key go together; see --help\n");
	return 3;
}

/* ---- the running simulator ---- */

struct running {
	struct options options;
	struct secret secret;
	struct event_base *base;
	struct sim *sim;
	SSL_CTX *tls;
	struct sim_http *http;
	struct event *signals[2];
	char *state_file, *tls_cert, *tls_key; /* owned paths */
	bool failed;
};

static bool save(void *context)
{
	struct running *running = context;
	OWNED char *text = sim_save(running->sim);
	struct fault fault = { 0 };

	if (file_write(running->state_file, text, strlen(text), 0600, &fault))
		return true;
	log_error("sim.save_failed", LOG_FAULT(&fault));
	running->failed = true;
	return false;
}

static bool open_state(struct running *running, struct fault *fault)
{
	const struct options *options = &running->options;
	struct sim_options identity = { .key_id = options->key_id,
		.secret = running->secret.bytes,
		.secret_len = running->secret.len,
		.seed = options->seed,
		.keys = options->keys };
	size_t len;
	OWNED char *text = NULL;

	if (!file_make_dirs(options->state, 0700, fault))
		return false;
	running->state_file = file_join(options->state, "state.json");
	text = file_read(running->state_file, SIM_STATE_MAX, &len, fault);
	if (text == NULL && fault->kind != FAULT_ABSENT)
		return false;
	running->sim = text == NULL ? sim_new(&identity, clock_now(), fault)
				    : sim_load(&identity, text, len, fault);
	return running->sim != NULL && save(running);
}

static bool write_root(const struct running *running, struct fault *fault)
{
	OWNED char *path = file_join(running->options.state, "root.pem");
	OWNED char *pem = sim_root_pem(running->sim);

	return file_write(path, pem, strlen(pem), 0644, fault);
}

static bool open_tls(struct running *running, struct fault *fault)
{
	const struct options *options = &running->options;
	bool given = options->tls_cert != NULL;

	if (options->plain)
		return true;
	running->tls_cert =
		given ? text_dup(options->tls_cert) : file_join(options->state, "tls.pem");
	running->tls_key =
		given ? text_dup(options->tls_key) : file_join(options->state, "tls.key");
	if (!given && !sim_tls_make(running->tls_cert, running->tls_key, clock_now(), fault))
		return false;
	running->tls = sim_tls_context(running->tls_cert, running->tls_key, fault);
	return running->tls != NULL;
}

static void on_signal(evutil_socket_t signal_number, short what, void *context)
{
	(void)signal_number;
	(void)what;
	(void)event_base_loopbreak(context);
}

static void watch_signals(struct running *running)
{
	static const int numbers[2] = { SIGTERM, SIGINT };

	(void)signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < COUNT_OF(numbers); i++) {
		running->signals[i] =
			evsignal_new(running->base, numbers[i], on_signal, running->base);
		(void)evsignal_add(running->signals[i], NULL);
	}
}

static bool open_all(struct running *running, struct fault *fault)
{
	const struct options *options = &running->options;

	if (!secret_read_file(&running->secret, options->secret_file, fault) ||
		!open_state(running, fault) || !write_root(running, fault) ||
		!open_tls(running, fault))
		return false;
	running->base = event_base_new();
	if (running->base == NULL)
		return fault_set(fault, FAULT_LATER, "libevent has no event base");
	watch_signals(running);
	running->http = sim_http_new(&(struct sim_http_options){ .base = running->base,
					     .sim = running->sim,
					     .now = clock_now,
					     .save = save,
					     .context = running,
					     .tls = running->tls,
					     .gateway_port = (uint16_t)options->gateway_port,
					     .control_port = (uint16_t)options->control_port },
		fault);
	return running->http != NULL;
}

static void close_all(struct running *running)
{
	sim_http_free(running->http);
	for (size_t i = 0; i < COUNT_OF(running->signals); i++) {
		if (running->signals[i] != NULL)
			event_free(running->signals[i]);
	}
	if (running->base != NULL)
		event_base_free(running->base);
	SSL_CTX_free(running->tls);
	sim_free(running->sim);
	secret_done(&running->secret);
	free(running->state_file);
	free(running->tls_cert);
	free(running->tls_key);
}

int main(int argc, char **argv)
{
	struct running running = { .options = { .seed = 1 } };
	struct fault fault = { 0 };
	int status = read_options(&running.options, argc, argv);

	if (status != 0)
		return status - 1;
	log_init("xuqi-sim", LOG_LEVEL_INFO);
	if (open_all(&running, &fault)) {
		(void)printf("ready gateway=%s://127.0.0.1:%u control=http://127.0.0.1:%u ca=%s\n",
			running.tls == NULL ? "http" : "https", sim_http_gateway_port(running.http),
			sim_http_control_port(running.http),
			running.tls == NULL ? "-" : running.tls_cert);
		(void)fflush(stdout);
		(void)event_base_dispatch(running.base);
	} else {
		log_error("sim.start_failed", LOG_FAULT(&fault));
		running.failed = true;
	}
	close_all(&running);
	return running.failed ? 1 : 0;
}
