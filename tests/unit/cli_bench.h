/* SPDX-License-Identifier: Apache-2.0 */
/* A bench for the command line: a server that says what it is told to, a run of one command against it, and what
 * that sent, printed and wrote. */
#pragma once

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/digest.h"
#include "common/file.h"
#include "common/text.h"
#include "orchestrator/cli/grid.h"
#include "orchestrator/cli/run.h"

enum { WORDS_MAX = 24, SCRIPT_MAX = 4, BYTES_MAX = 1024 * 1024, TOKEN_MODE = 0600 };

/* One exchange: the answer, given whatever is asked.  status 0: hang up. */
struct exchange {
	int status;
	const char *body;
};

struct bench {
	char folder[32];
	char *token, *log, *out, *err, *file; /* paths in the folder */
	char *asked, *printed, *said;         /* what came there, after bench_run */
	enum cli_exit status;
};

/* ---- the server: a child that answers its script, one connection each ---- */

/* The bytes of body that the head BYTES announces. */
static inline size_t body_length(const char *bytes)
{
	static const char name[] = "Content-Length: ";
	const char *found = strstr(bytes, name);
	int64_t length = 0;

	if (found == NULL)
		return 0;
	OWNED char *digits = text_dup(found + strlen(name));

	digits[strspn(digits, "0123456789")] = '\0';
	return number_parse(&length, digits, 0, BYTES_MAX) ? (size_t)length : 0;
}

static inline char *receive(int fd)
{
	char *bytes = zalloc(BYTES_MAX, 1);
	size_t len = 0;
	ssize_t got;

	do {
		const char *end = strstr(bytes, "\r\n\r\n");

		if (end != NULL && len >= (size_t)(end - bytes) + 4 + body_length(bytes))
			break;
		got = read(fd, bytes + len, BYTES_MAX - 1 - len);
		len += got > 0 ? (size_t)got : 0;
	} while (got > 0);
	return bytes;
}

static inline void serve(int listener, const struct exchange *script, const char *log)
{
	struct fault fault;

	for (size_t i = 0; i < SCRIPT_MAX && script[i].body != NULL; i++) {
		int fd = accept(listener, NULL, NULL);
		OWNED char *asked = receive(fd);
		OWNED char *answer = text_dupf(
			"HTTP/1.1 %d X\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
			script[i].status, strlen(script[i].body), script[i].body);

		int into = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, TOKEN_MODE);

		if (into < 0 || !file_write_fd(into, asked, strlen(asked), &fault))
			_exit(1);
		(void)close(into);
		if (script[i].status != 0 && !file_write_fd(fd, answer, strlen(answer), &fault))
			_exit(1);
		(void)close(fd);
	}
	_exit(0);
}

static inline int listen_somewhere(unsigned *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (const struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(fd, SCRIPT_MAX), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

/* ---- the bench ---- */

static inline void bench_init(struct bench *bench)
{
	struct fault fault;

	*bench = (struct bench){ .folder = "/tmp/xuqi-cli-XXXXXX" };
	assert_non_null(mkdtemp(bench->folder));
	bench->token = file_join(bench->folder, "token");
	bench->log = file_join(bench->folder, "log");
	bench->out = file_join(bench->folder, "out");
	bench->err = file_join(bench->folder, "err");
	bench->file = file_join(bench->folder, "file");
	assert_true(file_write(bench->token, "xq_test\n", 8, TOKEN_MODE, &fault));
}

static inline void bench_clear(struct bench *bench)
{
	free(bench->asked);
	free(bench->printed);
	free(bench->said);
	bench->asked = bench->printed = bench->said = NULL;
	(void)unlink(bench->log);
}

static inline void bench_done(struct bench *bench)
{
	char *paths[] = { bench->token, bench->log, bench->out, bench->err, bench->file };

	bench_clear(bench);
	for (size_t i = 0; i < COUNT_OF(paths); i++) {
		(void)unlink(paths[i]);
		free(paths[i]);
	}
	(void)rmdir(bench->folder);
}

#define BENCH CLEANUP(bench_done) struct bench

/* What FD printed while it pointed at PATH; FD is SAVED again. */
static inline char *take_back(FILE *stream, int saved, const char *path)
{
	struct fault fault;

	(void)fflush(stream);
	assert_true(dup2(saved, fileno(stream)) >= 0);
	(void)close(saved);
	return file_read(path, BYTES_MAX, NULL, &fault);
}

static inline int redirect(FILE *stream, const char *path)
{
	(void)fflush(stream);
	int saved = dup(fileno(stream));
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0 && dup2(fd, fileno(stream)) >= 0);
	(void)close(fd);
	return saved;
}

/* Run COMMAND (without `xuqi`, split at blanks) against SCRIPT. */
static inline void bench_run(
	struct bench *bench, const char *command, const struct exchange *script)
{
	unsigned port;
	int listener = listen_somewhere(&port);
	pid_t child = fork();

	if (child == 0)
		serve(listener, script, bench->log);
	(void)close(listener);
	OWNED char *line = text_dupf(
		"xuqi --url http://127.0.0.1:%u --token-file %s %s", port, bench->token, command);
	char *words[WORDS_MAX], *rest = line;
	int count = 0;

	while (count < WORDS_MAX && rest != NULL)
		words[count++] = strsep(&rest, " ");
	struct invocation invocation;
	struct fault fault;

	bench_clear(bench);
	assert_true(invocation_parse(&invocation, count, words, &fault));
	int out = redirect(stdout, bench->out), err = redirect(stderr, bench->err);

	bench->status = run_command(&invocation);
	bench->printed = take_back(stdout, out, bench->out);
	bench->said = take_back(stderr, err, bench->err);
	bench->asked = file_read(bench->log, BYTES_MAX, NULL, &fault);
	(void)kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static inline void assert_has(const char *text, const char *part)
{
	if (text == NULL || strstr(text, part) == NULL)
		fail_msg("'%s' has no '%s'", text != NULL ? text : "(null)", part);
}

#define ANSWERS(...) ((const struct exchange[SCRIPT_MAX]){ __VA_ARGS__ })
