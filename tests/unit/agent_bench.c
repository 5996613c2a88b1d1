/* SPDX-License-Identifier: Apache-2.0 */
/* The workstation of the agent's tests. */
#include "tests/unit/agent_bench.h"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/base/journal.h"
#include "agent/token/token.h"
#include "common/bytes.h"
#include "common/clock.h"
#include "common/digest.h"
#include "common/file.h"
#include "common/json.h"
#include "common/text.h"

enum { FILE_MAX = 1 << 23, YAML_MAX = 1 << 16 };

#define SOFTHSM "/usr/lib/softhsm/libsofthsm2.so"

/* ---- files ------------------------------------------------------------------------------------ */

const char *bench_path(const struct bench *bench, const char *name)
{
	static char paths[8][2 * BENCH_PATH];
	static unsigned next;
	char *path = paths[next++ % 8];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", bench->dir, name);
	return path;
}

void bench_write(const struct bench *bench, const char *name, const char *content)
{
	struct fault fault = { 0 };

	assert_true(file_write(bench_path(bench, name), content, strlen(content), 0600, &fault));
}

char *bench_read(const struct bench *bench, const char *name)
{
	struct fault fault = { 0 };
	size_t len = 0;
	char *content = file_read(bench_path(bench, name), FILE_MAX, &len, &fault);

	return content != NULL ? content : text_dup("");
}

static void remove_tree(const char *path)
{
	DIR *dir = opendir(path);

	if (dir == NULL) {
		(void)unlink(path);
		return;
	}
	for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
		OWNED char *inner = NULL;

		if (text_equal(entry->d_name, ".") || text_equal(entry->d_name, ".."))
			continue;
		inner = file_join(path, entry->d_name);
		remove_tree(inner);
	}
	(void)closedir(dir);
	(void)rmdir(path);
}

static void copy_tree(const char *from, const char *to)
{
	DIR *dir = opendir(from);
	struct fault fault = { 0 };

	if (dir == NULL) {
		size_t len = 0;
		OWNED char *bytes = file_read(from, FILE_MAX, &len, &fault);

		assert_non_null(bytes);
		assert_true(file_write(to, bytes, len, 0600, &fault));
		return;
	}
	assert_int_equal(mkdir(to, 0700), 0);
	for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
		OWNED char *inner = file_join(from, entry->d_name);
		OWNED char *copy = file_join(to, entry->d_name);

		if (!text_equal(entry->d_name, ".") && !text_equal(entry->d_name, ".."))
			copy_tree(inner, copy);
	}
	(void)closedir(dir);
}

/* ---- processes -------------------------------------------------------------------------------- */

struct call {
	const char *path;
	char *const *arguments;
	const char *fault;
	int pin_fd;
};

static char **make_environment(const struct bench *bench, const char *fault)
{
	static const char *const mine[] = { "SOFTHSM2_CONF=", "XUQI_P11LOG_" };
	size_t count = 0;
	char **all = NULL;

	for (char **at = environ; *at != NULL; at++)
		count++;
	all = zalloc(count + 6, sizeof(*all));
	count = 0;
	for (char **at = environ; *at != NULL; at++)
		if (!text_starts(*at, mine[0]) && !text_starts(*at, mine[1]))
			all[count++] = text_dup(*at);
	all[count++] = text_dupf("SOFTHSM2_CONF=%s/softhsm.conf", bench->dir);
	all[count++] = text_dup("XUQI_P11LOG_MODULE=" SOFTHSM);
	all[count++] = text_dupf("XUQI_P11LOG_FILE=%s/p11.log", bench->dir);
	if (fault != NULL)
		all[count++] = text_dupf("XUQI_P11LOG_FAULT=%s", fault);
	return all;
}

static void read_all(int fd, struct bench_run *run)
{
	size_t len = 0;

	for (;;) {
		ssize_t got = read(fd, run->out + len, sizeof(run->out) - 1 - len);

		if (got <= 0)
			break;
		len += (size_t)got;
	}
	run->out[len] = '\0';
}

/* Start it with its stdout at OUT, or in the log. */
static pid_t start(const struct bench *bench, const struct call *call, int out)
{
	char **environment = make_environment(bench, call->fault);
	posix_spawn_file_actions_t files;
	pid_t pid = 0;

	(void)posix_spawn_file_actions_init(&files);
	(void)posix_spawn_file_actions_addopen(&files, STDERR_FILENO, bench_path(bench, "log"),
		O_WRONLY | O_CREAT | O_APPEND, 0600);
	(void)posix_spawn_file_actions_adddup2(
		&files, out < 0 ? STDERR_FILENO : out, STDOUT_FILENO);
	if (call->pin_fd >= 0)
		(void)posix_spawn_file_actions_adddup2(&files, call->pin_fd, 3);
	assert_int_equal(
		posix_spawn(&pid, call->path, &files, NULL, call->arguments, environment), 0);
	(void)posix_spawn_file_actions_destroy(&files);
	for (char **at = environment; *at != NULL; at++)
		free(*at);
	free(environment);
	return pid;
}

static struct bench_run call(const struct bench *bench, const struct call *call)
{
	struct bench_run run = { .code = -1 };
	int ends[2];
	int status = 0;
	pid_t pid = 0;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = start(bench, call, ends[1]);
	(void)close(ends[1]);
	read_all(ends[0], &run);
	(void)close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	run.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	return run;
}

pid_t bench_spawn(const struct bench *bench, const char *program, const char *fault)
{
	OWNED char *path = text_dupf("%s/%s", XUQI_BIN_DIR, program);
	OWNED char *settings = text_dup(bench->settings);
	char option[] = "--settings";
	char *arguments[] = { path, option, settings, NULL };

	return start(bench, &(struct call){ path, arguments, fault, -1 }, -1);
}

struct bench_run bench_run(
	const struct bench *bench, const char *program, const char *fault, const char *const *words)
{
	OWNED char *path = text_dupf("%s/%s", XUQI_BIN_DIR, program);
	OWNED char *settings = text_dup(bench->settings);
	char option[] = "--settings";
	char *arguments[12] = { path, option, settings };
	int pin_fd = open(bench_path(bench, "pin"), O_RDONLY | O_CLOEXEC);
	struct bench_run run;

	for (size_t i = 0; words != NULL && words[i] != NULL; i++)
		arguments[3 + i] = text_dup(words[i]);
	run = call(bench, &(struct call){ path, arguments, fault, pin_fd });
	for (size_t i = 3; arguments[i] != NULL; i++)
		free(arguments[i]);
	if (pin_fd >= 0)
		(void)close(pin_fd);
	return run;
}

/* The first line of TEXT. */
static void copy_line(char *out, size_t size, const char *text)
{
	size_t len = strcspn(text, "\n");

	assert_true(len < size);
	memcpy(out, text, len);
	out[len] = '\0';
}

bool bench_fact(const struct bench_run *run, const char *key, char *out, size_t size)
{
	OWNED char *pattern = text_dupf("%s=", key);
	const char *line = run->out;

	out[0] = '\0';
	while (line != NULL && !text_starts(line, pattern)) {
		line = strchr(line, '\n');
		line = line == NULL ? NULL : line + 1;
	}
	if (line == NULL)
		return false;
	copy_line(out, size, line + strlen(pattern));
	return true;
}

/* ---- tokens ----------------------------------------------------------------------------------- */

static struct bench_run make_token(const struct bench *bench, const char *const *words)
{
	OWNED char *path = text_dupf("%s/xuqi-make-token", XUQI_BIN_DIR);
	char *arguments[24] = { path };
	struct bench_run run;

	for (size_t i = 0; words[i] != NULL; i++)
		arguments[i + 1] = text_dup(words[i]);
	run = call(bench, &(struct call){ path, arguments, NULL, -1 });
	for (size_t i = 1; arguments[i] != NULL; i++)
		free(arguments[i]);
	return run;
}

static X509 *issue_for_request(struct bench *bench, const char *path, const char *usage)
{
	BIO *in = BIO_new_file(path, "r");
	X509_REQ *request = in == NULL ? NULL : PEM_read_bio_X509_REQ(in, NULL, NULL, NULL);
	X509 *cert = NULL;

	assert_non_null(request);
	cert = bench_issue(&(struct bench_draft){ X509_REQ_get_subject_name(request),
		X509_REQ_get0_pubkey(request), bench->ca, bench->ca_key, -340, 20, usage, NULL,
		false });
	X509_REQ_free(request);
	BIO_free_all(in);
	return cert;
}

static void put_cert(const struct bench *bench, const char *label, X509 *cert, const char *id)
{
	BIO *out = BIO_new_file(bench_path(bench, "cert.pem"), "w");
	const char *const words[] = { "--module", SOFTHSM, "--label", label, "--pin-file",
		bench_path(bench, "pin"), "--write-cert", bench_path(bench, "cert.pem"), "--id", id,
		NULL };

	assert_int_equal(PEM_write_bio_X509(out, cert), 1);
	BIO_free_all(out);
	assert_int_equal(make_token(bench, words).code, 0);
}

void bench_token(struct bench *bench, struct bench_token *token, const char *label,
	const char *algorithm, bool pair)
{
	const char *csr = bench_path(bench, "csr");
	const char *const words[] = { "--module", SOFTHSM, "--label", label, "--so-pin-file",
		bench_path(bench, "so"), "--pin-file", bench_path(bench, "pin"), "--algorithm",
		algorithm, "--csr-out", csr, pair ? "--pair" : NULL, "--encrypt-only", NULL };
	struct bench_run run = make_token(bench, words);
	size_t used = strlen(bench->tokens);

	assert_int_equal(run.code, 0);
	*token = (struct bench_token){ .label = label, .pairs = pair ? 2 : 1 };
	copy_line(token->serial, sizeof(token->serial), run.out);
	token->old[0] = issue_for_request(bench, bench_path(bench, "csr"),
		pair ? "critical,digitalSignature,nonRepudiation"
		     : "critical,digitalSignature,keyEncipherment");
	put_cert(bench, label, token->old[0], "01");
	if (pair) {
		token->old[1] = issue_for_request(bench, bench_path(bench, "csr.enc"),
			"critical,keyEncipherment,dataEncipherment");
		put_cert(bench, label, token->old[1], "02");
	}
	(void)snprintf(bench->tokens + used, sizeof(bench->tokens) - used,
		"  - serial: \"%s\"\n    pin_file: %s/pin\n"
		"    consent: {custodian: 王芳, given_on: 2026-11-01}\n",
		token->serial, bench->dir);
	bench_settings(bench, "");
}

void bench_token_done(struct bench_token *token)
{
	for (size_t i = 0; i < 2; i++) {
		X509_free(token->old[i]);
		X509_free(token->renewed[i]);
	}
}

void bench_unplug(const struct bench *bench)
{
	assert_int_equal(rename(bench_path(bench, "tokens"), bench_path(bench, "drawer")), 0);
	assert_int_equal(mkdir(bench_path(bench, "tokens"), 0700), 0);
}

void bench_plug(const struct bench *bench)
{
	remove_tree(bench_path(bench, "tokens"));
	assert_int_equal(rename(bench_path(bench, "drawer"), bench_path(bench, "tokens")), 0);
}

void bench_keep(const struct bench *bench)
{
	copy_tree(bench_path(bench, "tokens"), bench_path(bench, "kept"));
}

void bench_restore(const struct bench *bench)
{
	remove_tree(bench_path(bench, "tokens"));
	copy_tree(bench_path(bench, "kept"), bench_path(bench, "tokens"));
}

/* ---- orders ----------------------------------------------------------------------------------- */

static char *der_of(X509 *cert)
{
	unsigned char *der = NULL;
	int len = i2d_X509(cert, &der);
	char *text = base64_encode(der, (size_t)len);

	OPENSSL_free(der);
	return text;
}

static void add_pair(json_t *order, X509 *old, X509 *renewed)
{
	struct cert_facts facts;
	struct cert_facts new_facts;
	struct fault fault = { 0 };
	json_t *old_entry = json_object();
	json_t *new_entry = json_object();
	OWNED char *der = der_of(renewed);

	assert_true(cert_read_facts(&facts, old, &fault));
	assert_true(cert_read_facts(&new_facts, renewed, &fault));
	json_put_text(old_entry, "sha256", facts.sha256);
	json_put_text(old_entry, "spki_sha256", facts.spki_sha256);
	json_put_text(new_entry, "usage", cert_role_word(new_facts.role));
	json_put_text(new_entry, "der_b64", der);
	json_put_text(new_entry, "replaces_sha256", facts.sha256);
	(void)json_array_append_new(json_object_get(order, "old"), old_entry);
	(void)json_array_append_new(json_object_get(order, "new"), new_entry);
}

void bench_order_with(
	struct bench *bench, struct bench_token *token, const char *id, const char *key_policy)
{
	JSON *order = json_object();
	OWNED char *chain = der_of(bench->ca);
	OWNED char *text = NULL;
	char expires[CLOCK_TEXT];

	clock_format(expires, clock_now() + CLOCK_DAY);
	json_put_text(order, "id", id);
	json_put_text(order, "renewal", "17");
	json_put_text(order, "token_serial", token->serial);
	json_put_text(order, "key_policy", key_policy);
	json_put_text(order, "minimum_client_version", "4.7.6");
	json_put_text(order, "expires_at", expires);
	(void)json_object_set_new(order, "old", json_array());
	(void)json_object_set_new(order, "new", json_array());
	(void)json_object_set_new(order, "chain", json_pack("[s]", chain));
	for (int i = 0; i < token->pairs; i++)
		add_pair(order, token->old[i], token->renewed[i]);
	text = json_write(order);
	bench_write(bench, "state/order.json", text);
}

void bench_order(struct bench *bench, struct bench_token *token, const char *id)
{
	for (int i = 0; i < token->pairs; i++)
		if (token->renewed[i] == NULL)
			token->renewed[i] = bench_renew(bench, token->old[i], 385);
	bench_order_with(bench, token, id, "reuse");
}

/* What the link worker does when the orchestrator grants the permit. */
static void grant(const struct bench *bench, const char *order, const char *ref)
{
	struct journal journal;
	struct fault fault = { 0 };
	char expires[CLOCK_TEXT];

	clock_format(expires, clock_now() + 600 * CLOCK_SECOND);
	assert_true(journal_open(&journal, &bench->read, order, &fault));
	assert_true(journal_add(&journal, STEP_PERMITTED,
		(const struct record_pair[]){ { "permit_ref", ref }, { "expires_at", expires } }, 2,
		&fault));
	journal_done(&journal);
}

struct bench_run bench_install(
	const struct bench *bench, const char *order, const char *fault, char outcome[64])
{
	char ref[64] = "";
	struct bench_run run = bench_run(
		bench, "xuqi-agent-install", NULL, (const char *const[]){ "preflight", NULL });

	(void)bench_fact(&run, "outcome", outcome, 64);
	if (!text_equal(outcome, "ready"))
		return run;
	assert_true(bench_fact(&run, "permit_ref", ref, sizeof(ref)));
	grant(bench, order, ref);
	run = bench_run(bench, "xuqi-agent-install", fault,
		(const char *const[]){ "install", ref, "3", NULL });
	(void)bench_fact(&run, "outcome", outcome, 64);
	return run;
}

void bench_settle(const struct bench *bench, const char *order, char outcome[64])
{
	struct journal journal;
	struct fault fault = { 0 };
	struct bench_run run = bench_run(
		bench, "xuqi-agent-install", NULL, (const char *const[]){ "settle", order, NULL });

	assert_int_equal(run.code, 0);
	assert_true(journal_open(&journal, &bench->read, order, &fault));
	(void)snprintf(outcome, 64, "%s",
		journal.ended == NULL ? "" : record_get(journal.ended, "outcome"));
	if (journal.ended != NULL && !journal.posted)
		assert_true(journal_add(&journal, STEP_POSTED, NULL, 0, &fault));
	journal_unmark(&journal);
	journal_done(&journal);
}

/* ---- looking ---------------------------------------------------------------------------------- */

int bench_calls(const struct bench *bench, const char *call_name, const char *text)
{
	OWNED char *log = bench_read(bench, "p11.log");
	OWNED char *pattern = text_dupf(" %s ", call_name);
	char *rest = log;
	int count = 0;

	for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n"))
		count += strstr(line, pattern) != NULL && strstr(line, text) != NULL;
	return count;
}

static int leaks_below(const char *path, const char *needle)
{
	DIR *dir = opendir(path);
	int count = 0;
	struct fault fault = { 0 };
	size_t len = 0;
	OWNED char *bytes = NULL;

	if (dir == NULL) {
		bytes = file_read(path, FILE_MAX, &len, &fault);
		return bytes != NULL && memmem(bytes, len, needle, strlen(needle)) != NULL;
	}
	for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
		OWNED char *inner = file_join(path, entry->d_name);

		if (entry->d_name[0] != '.' && !text_equal(entry->d_name, "pin") &&
			!text_equal(entry->d_name, "tokens"))
			count += leaks_below(inner, needle);
	}
	(void)closedir(dir);
	return count;
}

int bench_leaks(const struct bench *bench, const char *needle)
{
	return leaks_below(bench->dir, needle);
}

int bench_holds(struct bench *bench, X509 *cert)
{
	struct bench_run run = bench_run(bench, "xuqi-agent-inventory", NULL, NULL);
	OWNED char *report = bench_read(bench, "state/report.json");
	OWNED char *der = der_of(cert);
	int count = 0;

	assert_int_equal(run.code, 0);
	for (const char *at = strstr(report, der); at != NULL; at = strstr(at + 1, der))
		count++;
	return count;
}

/* ---- begin and end ---------------------------------------------------------------------------- */

void bench_settings(struct bench *bench, const char *more)
{
	struct fault fault = { 0 };
	TEXT yaml;

	text_init(&yaml, YAML_MAX);
	text_addf(&yaml,
		"server: {url: \"%s\", ca_file: %s/roots.pem}\n"
		"state_dir: %s/state\nlibexec_dir: %s\nlock_file: %s/token.lock\n"
		"client: {version_file: %s/version}\npkcs11: {module: %s}\n"
		"roots_file: %s/roots.pem\n%s%s%s",
		bench->server_url != NULL ? bench->server_url : "https://127.0.0.1:1", bench->dir,
		bench->dir, XUQI_BIN_DIR, bench->dir, bench->dir, XUQI_P11LOG, bench->dir,
		bench->tokens[0] == '\0' ? "" : "tokens:\n", bench->tokens, more);
	bench_write(bench, "agent.yaml", yaml.data);
	agent_settings_done(&bench->read);
	if (!agent_settings_read(&bench->read, bench->settings, &fault))
		fail_msg("%s", fault.text);
	assert_true(agent_make_dirs(&bench->read, &fault));
}

/* In memory where that is possible: every line of a journal is synced, hundreds of times. */
static void make_folder(struct bench *bench)
{
	static const char *const places[] = { "/dev/shm", "/tmp" };
	bool made = false;

	for (size_t i = 0; i < COUNT_OF(places) && !made; i++) {
		(void)snprintf(bench->dir, sizeof(bench->dir), "%s/xuqi-agent-XXXXXX", places[i]);
		made = mkdtemp(bench->dir) != NULL;
	}
	assert_true(made);
}

void bench_start(struct bench *bench)
{
	unsigned char random[8];
	char conf[BENCH_PATH + 128];

	*bench = (struct bench){ 0 };
	make_folder(bench);
	(void)snprintf(bench->settings, sizeof(bench->settings), "%s/agent.yaml", bench->dir);
	random_bytes(random, sizeof(random));
	hex_encode(bench->pin, random, sizeof(random));
	assert_int_equal(mkdir(bench_path(bench, "tokens"), 0700), 0);
	(void)snprintf(conf, sizeof(conf),
		"directories.tokendir=%s/tokens\nobjectstore.backend=file\nlog.level=ERROR\n",
		bench->dir);
	bench_write(bench, "softhsm.conf", conf);
	bench_write(bench, "pin", bench->pin);
	bench_write(bench, "so", "87654321");
	bench_write(bench, "version", "V4.7.10\n");
	bench_make_pki(bench);
	bench_settings(bench, "");
}

void bench_end(struct bench *bench)
{
	agent_settings_done(&bench->read);
	X509_free(bench->root);
	X509_free(bench->ca);
	EVP_PKEY_free(bench->root_key);
	EVP_PKEY_free(bench->ca_key);
	remove_tree(bench->dir);
}
